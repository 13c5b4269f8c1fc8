"""What a feed does over the long run: later subscriptions, lanes that share a book, asking again.

No door: frames are made here and given to the kernel, as every door does.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from builders import START, World, delta, instruments, quote, snapshot, trade
from eventsourcing.popo import POPOApplicationRecorder

from tapefold.adapter import Close, Declare, Listing, Open, Outcome, Request, Send, Stream
from tapefold.errors import Mismatch, Refused
from tapefold.events import (
    BookInvalidated,
    BookSnapshot,
    ConnectionClosed,
    FrameRejected,
    InstrumentListed,
    Quote,
    RequestFailed,
    RunStarted,
    Trade,
)
from tapefold.log import Log
from tapefold.log.store import Rows, in_memory
from tapefold.log.writer import ThreadWriter
from tapefold.replay import Ledger
from tapefold.units import SECOND


def one(out: Sequence[Outcome]) -> Any:
    (asked,) = out
    return asked


def started(*natives: str) -> World:
    """A world with a list of instruments, subscribed to the first, its book live."""
    world = World()
    asked = one(world.subscribe(natives[0]))
    world.answer(asked, instruments(*natives))
    world.answer(one(world.opened()), snapshot(10, [("1.5", "2")], [("2", "1")]))
    return world


def test_what_is_in_the_list_can_be_subscribed_to_later_without_asking_again() -> None:
    world = started("AB", "CD")
    assert isinstance(one(world.subscribe("CD")), Open)
    assert [row.native_symbol for row in world.of(InstrumentListed)] == ["AB", "CD"]


def test_what_is_listed_only_later_is_asked_for_again() -> None:
    world = started("AB")
    asked = one(world.subscribe("NEW"))
    assert asked.purpose == "instruments"
    assert isinstance(one(world.answer(asked, instruments("AB", "NEW"))), Open)
    asked = one(world.subscribe("NEVER"))
    assert not world.answer(asked, instruments("AB", "NEW"))
    assert [event.subject for event in world.of(RequestFailed)] == ["NEVER"]


def test_the_exchange_knows_its_instruments_better_than_the_caller() -> None:
    world = started("AB")
    world.tell(Declare("binance", (Listing("AB", "AB"),)))
    assert [row.source for row in world.of(InstrumentListed)] == ["exchange"]
    assert world.kernel.views.instruments.rows[0].base


def test_a_book_that_two_lanes_carry_outlives_either() -> None:
    world = started("AB")
    world.subscribe("AB")
    assert not world.opened("binance/2")
    world.hear(delta(11, 12, [("1.5", "3")]), "binance/2")
    world.hear(delta(11, 12, [("1.5", "3")]), "binance/1")
    assert world.state() == "live"
    asked = one(world.closed("binance/1"))
    world.hear(delta(13, 13, [("1.5", "4")]), "binance/2")
    world.answer(asked, snapshot(12, [("1.5", "3")], [("2", "1")]))
    assert (world.state(), world.levels()[0]) == ("live", {"1.5": "4"})


def test_a_crossed_snapshot_is_not_believed() -> None:
    world = World()
    world.answer(one(world.subscribe("AB")), instruments("AB"))
    again = one(world.answer(one(world.opened()), snapshot(10, [("3", "1")], [("2", "1")])))
    assert [event.reason for event in world.of(BookInvalidated)] == ["crossed"]
    world.answer(again, snapshot(11, [("1", "1")], [("2", "1")]))
    assert world.state() == "live"


def test_a_book_that_breaks_at_every_delta_costs_few_requests() -> None:
    world = started("AB")
    asked = 0
    last = 11
    for _ in range(600):
        out = world.hear(delta(last + 2, last + 3))
        last += 3
        while out:
            asked += len(out)
            out = world.answer(one(out), snapshot(last, [("1.5", "2")], [("2", "1")]))
        world.now += 100_000_000
    assert (world.now - START) // SECOND >= 60
    assert asked < 12


def test_trouble_after_a_calm_while_is_asked_about_at_once() -> None:
    world = started("AB")
    for last in (20, 40):
        out = world.hear(delta(last, last + 1))
        world.answer(one(out), snapshot(last + 1, [("1.5", "2")], [("2", "1")]))
        world.now += 200 * SECOND
    assert [event.sequence for event in world.of(BookSnapshot)] == [10, 21, 41]


def test_a_scale_is_not_widened_to_where_the_next_number_has_no_room() -> None:
    world = started("AB")
    world.hear(trade(1, "60000", "1"))
    world.hear(trade(2, "60000.00000000000001", "1"))
    world.hear(trade(3, "100000", "1"))
    assert [event.reason for event in world.of(FrameRejected)] == ["range"]
    assert [event.trade_id for event in world.of(Trade)] == ["1", "3"]
    assert world.state() == "live"


def test_a_number_finer_than_any_scale_is_refused_and_shuts_out_no_other() -> None:
    world = started("AB")
    world.hear(trade(1, "0." + "0" * 29 + "1", "1"))
    world.hear(trade(2, "1.5", "1"))
    assert [event.trade_id for event in world.of(Trade)] == ["2"]


def test_a_frame_that_names_two_streams_decides_for_no_other() -> None:
    world = started("AB")
    world.hear(b'{"stream":"ab@bookTicker","stream":"xy@depth","data":{}}')
    world.hear(quote(11, ("1.5", "2"), ("2", "1")))
    assert len(world.of(Quote)) == 1


def test_what_arrives_after_we_hung_up_is_nobodys() -> None:
    world = started("AB")
    assert world.unsubscribe() == [Close("binance/1")]
    before = len(world.events())
    assert not world.hear(delta(11, 12, [("1.5", "9")]))
    assert not world.closed()
    assert len(world.events()) == before
    assert [event.by for event in world.of(ConnectionClosed)] == ["client"]


def test_what_is_to_be_said_first_on_a_lane_is_said_when_it_is_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    adapter = world.kernel.feeds["binance"].adapter

    def subscribe(natives: Sequence[str], channels: Sequence[str]) -> Stream:
        return Stream("wss://somewhere", ("one", "two"))

    monkeypatch.setattr(adapter, "subscribe", subscribe)
    world.answer(one(world.subscribe("AB", channels=("trades",))), instruments("AB"))
    assert world.opened() == [Send("binance/1", "one"), Send("binance/1", "two")]


def test_a_response_in_another_lane_is_a_mismatch() -> None:
    ledger = Ledger()
    url = "https://x/y"
    ledger.record(1, "a/http", "request", b'{"n":1,"method":"GET","url":"https://x/y"}')
    ledger.ask(Request("GET", url, "book", "AB", n=7, lane="a/http"))
    with pytest.raises(Mismatch):
        ledger.request(2, "b/http", 1)


class Dying(Rows):
    """Rows that break in a way that no library speaks of."""

    def insert(self, rows: list[tuple[int, bytes]]) -> None:
        raise MemoryError("no more")


def test_a_writer_that_dies_of_the_unexpected_says_so() -> None:
    writer = ThreadWriter(Dying(POPOApplicationRecorder()), 0)
    writer.put((1, [(1, b"")]))
    with pytest.raises(Refused, match="no more"):
        writer.sync()
    with pytest.raises(Refused, match="no more"):
        writer.close()


def test_an_event_that_cannot_be_written_leaves_the_log_as_it_was() -> None:
    log = Log(in_memory())
    good = RunStarted(run_id="a", seed=1, versions={})
    log.append(1, good)
    digest = log.digest()
    with pytest.raises(OverflowError):
        log.append(2, RunStarted(run_id="b", seed=2**70, versions={}))
    assert (log.head, log.digest()) == (1, digest)
    log.append(3, good)
    assert [record.event for record in log.read()] == [good, good]
