"""The kernel and book sync: frames in, events and requests out.

Needs no door: frames as Binance prints them go straight into a kernel, each stamped by the test.
"""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from builders import (
    World,
    delta,
    instruments,
    live,
    quote,
    request,
    said,
    snapshot,
    trade,
    waiting,
)

from tapefold.adapter import BookRule, Close, Open, Outcome, Request, Subscribe
from tapefold.core import pack
from tapefold.errors import AdapterError, StaleBook
from tapefold.events import (
    BookDelta,
    BookInvalidated,
    BookSnapshot,
    ConnectionClosed,
    FrameRejected,
    InstrumentListed,
    Quote,
    RequestFailed,
    Trade,
)
from tapefold.kernel import BOOK_HELD_MAX
from tapefold.kernel.core import Core
from tapefold.kernel.sync import BookSync
from tapefold.log import Log
from tapefold.units import SCALED_MAX, SECOND
from tapefold.views import Views

# Snapshots and deltas


def test_deltas_wait_for_their_snapshot() -> None:
    world, asked = waiting()
    assert not world.hear(delta(5, 6, [("1.5", "2")]))
    assert not world.hear(delta(7, 9, [("1.5", "3")]))
    assert "BookDelta" not in world.words()
    assert not world.answer(asked, snapshot(6, [("1.5", "2")], [("2", "1")]))
    assert world.words()[-2:] == ["BookSnapshot", "BookDelta"]
    assert world.levels() == ({"1.5": "3"}, {"2": "1"})


def test_a_held_delta_keeps_the_time_at_which_it_came() -> None:
    world, asked = waiting()
    world.hear(delta(7, 9, [("1.5", "3")]))
    came = world.now
    world.now += SECOND
    world.answer(asked, snapshot(8))
    (record,) = [r for r in world.log.read() if isinstance(r.event, BookDelta)]
    assert record.time_received == came


def test_a_snapshot_that_is_too_old_is_asked_for_again_and_nothing_is_lost() -> None:
    world, asked = waiting()
    world.hear(delta(50, 60, [("1", "2")]))
    again = request(world.answer(asked, snapshot(40, [("1", "1")])))
    assert (again.n, again.url) == (asked.n + 1, asked.url)
    assert not world.of(BookSnapshot)
    assert not world.answer(again, snapshot(55, [("1", "1")]))
    assert world.levels() == ({"1": "2"}, {})


def test_snapshots_that_stay_too_old_are_asked_for_ever_more_seldom() -> None:
    world, asked = waiting()
    world.hear(delta(50, 60, [("1", "2")]))
    asked = request(world.answer(asked, snapshot(40)))
    for wait in (1, 2, 4, 8, 16, 32, 60, 60):
        assert not world.answer(asked, snapshot(41))
        assert world.kernel.due == world.now + wait * SECOND
        world.now += wait * SECOND - 1
        assert not world.kernel.tick(world.now)
        world.now += 1
        asked = request(world.kernel.tick(world.now))
    world.answer(asked, snapshot(55, [("1", "1")]))
    assert (world.state(), world.kernel.due) == ("live", None)


@pytest.mark.parametrize(
    ("first", "last", "heard"), [(1, 9, 0), (5, 10, 0), (5, 11, 1), (11, 11, 1), (10, 20, 1)]
)
def test_the_first_delta_after_a_snapshot_reaches_over_it(
    first: int, last: int, heard: int
) -> None:
    for early in (True, False):
        world, asked = waiting()
        frames = [snapshot(10, [("1", "1")]), delta(first, last, [("1", "2")])]
        if early:
            world.hear(frames[1])
        world.answer(asked, frames[0])
        if not early:
            world.hear(frames[1])
        assert world.state() == "live"
        assert len(world.of(BookDelta)) == heard
        sync = world.kernel.sync(world.of(InstrumentListed)[0])
        assert (sync.seen, sync.dropped) == (1, 1 - heard)


def test_a_gap_is_announced_and_healed() -> None:
    world = live([("1", "1")], [], last=10)
    world.hear(delta(11, 12, [("1", "2")]))
    asked = request(world.hear(delta(14, 15, [("1", "3")])))
    assert world.of(BookInvalidated) == [
        BookInvalidated(instrument=0, reason="gap", last=12, got=14)
    ]
    with pytest.raises(StaleBook, match="stale"):
        _ = world.kernel.views.book("AB").best_bid
    assert not world.hear(delta(16, 17, [("1", "4")]))
    assert not world.answer(asked, snapshot(15, [("1", "3")]))
    view = world.kernel.views.book("AB")
    assert (view.live, view.gaps, world.levels()[0]) == (True, 1, {"1": "4"})


def test_a_gap_while_waiting_is_healed_by_a_snapshot_that_reaches_the_newest_part() -> None:
    world, asked = waiting()
    for number in (20, 22):
        world.hear(delta(number, number, [("1", str(number))]))
    asked = request(world.answer(asked, snapshot(20)))  # 21 never came
    world.answer(asked, snapshot(21, [("1", "1")]))
    assert (world.state(), world.levels()[0]) == ("live", {"1": "22"})


def test_a_crossed_book_is_not_believed_and_heals() -> None:
    world = live([("1", "1")], [("2", "1")], last=10)
    asked = request(world.hear(delta(11, 11, [("2", "5")])))
    assert [event.reason for event in world.of(BookInvalidated)] == ["crossed"]
    assert (world.state(), world.kernel.views.book("AB").gaps) == ("stale", 0)
    world.answer(asked, snapshot(11, [("2", "5")], [("3", "1")]))
    assert (world.state(), world.levels()) == ("live", ({"2": "5"}, {"3": "1"}))


def test_a_snapshot_nobody_waits_for_is_ignored() -> None:
    world = live([("1", "1")], [], last=10)
    before = world.words()
    asked = Request("GET", "", "book", "AB", lane="binance/http")
    assert not world.answer(asked, snapshot(99, [("9", "9")]))
    assert (world.words(), world.levels()[0]) == (before, {"1": "1"})


def test_a_snapshot_that_is_too_old_leaves_no_trace() -> None:
    sync = BookSync(BookRule("first"))
    sync.wait()
    sync.delta(1, numbered(50))
    assert sync.snapshot(40) is None
    assert (sync.state, sync.sequence, sync.dropped) == ("waiting", 0, 0)
    assert sync.snapshot(49) == [(1, numbered(50))]
    assert (sync.state, sync.sequence) == ("live", 50)


def test_futures_chain_by_the_delta_before() -> None:
    world, asked = waiting("binance_futures")
    world.hear(delta(1, 5, [("1", "5")], previous=0))  # older than the snapshot
    world.hear(delta(8, 12, [("1", "12")], previous=5))  # reaches over it
    world.hear(delta(15, 19, [("1", "19")], previous=12))  # its ids leave a hole, as they may
    world.answer(asked, snapshot(10, [("1", "1")]))
    assert (world.state(), world.levels()[0]) == ("live", {"1": "19"})
    assert [event.previous for event in world.of(BookDelta)] == [5, 12]
    asked = request(world.hear(delta(20, 30, [("1", "30")], previous=18)))
    assert world.of(BookInvalidated)[0] == BookInvalidated(
        instrument=0, reason="gap", last=19, got=18
    )
    world.hear(delta(31, 40, [("1", "40")], previous=30))
    world.answer(asked, snapshot(25, [("1", "2")]))
    assert (world.state(), world.levels()[0]) == ("live", {"1": "40"})


def test_a_futures_delta_that_came_twice_is_dropped() -> None:
    world, asked = waiting("binance_futures")
    world.answer(asked, snapshot(10, [("1", "1")]))
    twice = delta(8, 12, [("1", "2")], previous=5)
    world.hear(twice)
    assert not world.hear(twice)
    assert (len(world.of(BookDelta)), world.state()) == (1, "live")


@pytest.mark.parametrize(
    ("chain", "reached"), [("first", BOOK_HELD_MAX), ("previous", BOOK_HELD_MAX + 1)]
)
def test_too_many_held_deltas_are_announced_and_let_go(chain: Any, reached: int) -> None:
    sync = BookSync(BookRule(chain))
    sync.wait()
    for number in range(BOOK_HELD_MAX):
        assert sync.delta(number, numbered(number + 1)) == "hold"
    late = numbered(BOOK_HELD_MAX + 1)
    assert sync.delta(BOOK_HELD_MAX, late) == "overrun"
    sync.again(BOOK_HELD_MAX, late)
    assert sync.snapshot(reached) == [(BOOK_HELD_MAX, late)]
    assert sync.state == "live"


def numbered(number: int) -> BookDelta:
    """A delta of one update."""
    nothing = pack([], [])
    return BookDelta(
        instrument=0,
        time_exchange=0,
        published_after=0,
        first=number,
        previous=number - 1,
        sequence=number,
        packed_bids=nothing,
        packed_asks=nothing,
    )


def test_a_book_that_waits_too_long_says_so_and_heals() -> None:
    world, asked = waiting()
    for number in range(1, BOOK_HELD_MAX + 2):
        assert not world.hear(delta(number, number))
    assert [event.reason for event in world.of(BookInvalidated)] == ["overrun"]
    world.answer(asked, snapshot(BOOK_HELD_MAX, [("1", "1")]))
    assert (world.state(), len(world.of(BookDelta))) == ("live", 1)


# Scales


def test_a_finer_number_widens_the_scale_held_deltas_and_book_included() -> None:
    world, asked = waiting()
    world.hear(delta(5, 6, [("1.5", "2")]))
    world.hear(delta(7, 9, [("1.25", "3.125")]))
    world.answer(asked, snapshot(5, [("1.123456", "2")], [("2", "1")]))
    assert world.levels() == ({"1.5": "2", "1.25": "3.125", "1.123456": "2"}, {"2": "1"})
    world.hear(delta(10, 11, [("1.00000001", "1")]))
    assert world.levels()[0] == {
        "1.5": "2", "1.25": "3.125", "1.123456": "2", "1.00000001": "1"
    }  # fmt: skip
    digits = [(row.price_digits, row.size_digits) for row in world.of(InstrumentListed)]
    assert digits == sorted(digits)
    assert digits[-1] == (8, 3)


def test_a_trade_and_a_quote_widen_the_scale_too() -> None:
    world = live()
    world.hear(trade(1, "1.75", "0.5"))
    world.hear(quote(11, ("1.5", "2"), ("1.755", "0.25")))
    row = world.of(InstrumentListed)[-1]
    assert (row.price_digits, row.size_digits) == (3, 2)
    sold, asked = world.kernel.views.markets[0].trade, world.kernel.views.markets[0].quote
    assert sold is not None
    assert asked is not None
    assert (sold.price, sold.size, asked.ask_price, asked.ask_size) == (1750, 50, 1755, 25)
    assert world.levels() == ({"1.5": "2"}, {"2": "1"})


HUGE = str(SCALED_MAX - 1)


@pytest.mark.parametrize(
    "frame",
    [
        delta(11, 11, [("1.5", "0.1")]),
        delta(11, 11, [("1.5", "1")], [("3", "0.00000001")]),
        trade(1, "1.5", "0.1"),
        quote(12, ("1.5", "0.1"), ("2", "1")),
    ],
)
def test_a_scale_that_would_pass_63_bits_costs_that_frame_alone(frame: bytes) -> None:
    world = live([("1.5", HUGE)], [("2", "1")], last=10)
    before = world.words(), world.levels()
    world.hear(frame)
    (rejected,) = world.of(FrameRejected)
    assert (rejected.reason, rejected.data) == ("range", frame)
    assert (world.words()[:-1], world.levels()) == before
    assert world.state() == "live"


def test_a_scale_that_a_held_delta_would_pass_costs_that_frame_alone() -> None:
    world, asked = waiting()
    world.hear(delta(5, 6, [("1", HUGE)]))
    world.hear(delta(7, 7, [("1", "0.1")]))
    assert [event.reason for event in world.of(FrameRejected)] == ["range"]
    world.answer(asked, snapshot(4))
    assert world.levels()[0] == {"1": HUGE}


def test_a_scale_that_an_old_trade_would_pass_costs_that_frame_alone() -> None:
    world, _ = waiting()
    world.hear(trade(1, HUGE, "1"))
    world.hear(trade(2, "0.5", "1"))
    assert [event.reason for event in world.of(FrameRejected)] == ["range"]
    assert [event.price for event in world.of(Trade)] == [SCALED_MAX - 1]


# Frames that cannot be read


def wrong(**more: Any) -> bytes:
    """A delta with something wrong in it."""
    data: dict[str, Any] = {"e": "depthUpdate", "E": 1, "s": "AB", "U": 11, "u": 11}
    data |= {"b": [], "a": [], **more}
    return said({"stream": "ab@depth@100ms", "data": data})


def level(price: Any = "1", size: Any = "1") -> bytes:
    """A delta with one level."""
    return wrong(b=[[price, size]])


GARBAGE: Sequence[tuple[bytes, str]] = [
    (b"", "json"),
    (b"{", "json"),
    (b"pong", "json"),
    (b"\xff\xfe", "json"),
    (b"\0" * 100, "json"),
    (wrong()[:-1], "json"),
    (wrong().replace(b'"AB"', b'"A\xff"'), "json"),
    (level().replace(b'["1"', b'["\xff"'), "json"),
    (wrong(x="X").replace(b'"X"', b"[" * 5000 + b"]" * 5000), "json"),
    (b"[" * 100_000, "schema"),
    (b"null", "schema"),
    (b"[]", "schema"),
    (b'"text"', "schema"),
    (said({"stream": "ab@depth", "data": {"s": "AB"}}), "schema"),
    (said({"stream": "ab@depth", "data": None}), "schema"),
    (said({"stream": 7, "data": {}}), "schema"),
    (wrong(u=2**63), "schema"),
    (wrong(u=2**64), "schema"),
    (wrong(U=10**40), "schema"),
    (wrong(pu=2**63), "schema"),
    (wrong(E=2**63), "schema"),
    (wrong(T=2**62), "schema"),
    (wrong(U=-1), "schema"),
    (wrong(u=11.5), "schema"),
    (wrong(u="11"), "schema"),
    (wrong(u=None), "schema"),
    (wrong(b=[["1"]]), "schema"),
    (wrong(b=[["1", "1", "1"]]), "schema"),
    (level(1.5), "schema"),
    (level("1", 2), "schema"),
    (level("1", None), "schema"),
    (level("1", "-1"), "number"),
    (level("-1"), "number"),
    (level("+1"), "number"),
    (level("1e3"), "number"),
    (level("1", "1e3"), "number"),
    (level("NaN"), "number"),
    (level("1", "Infinity"), "number"),
    (level("1", ""), "number"),
    (level("1", "1,2"), "number"),
    (level("1,2", "1"), "number"),
    (level("١"), "number"),
    (level("1", "9" * 19), "range"),
    (level("9" * 19), "range"),
    (level("1", "9" * 200), "range"),
    (level("1." + "0" * 30 + "1"), "range"),
    (wrong(s="AC"), "instrument"),
    (wrong(s=""), "instrument"),
]


@pytest.mark.parametrize(("data", "reason"), GARBAGE)
def test_no_frame_is_fatal_and_each_is_kept_with_a_word(data: bytes, reason: str) -> None:
    world = live([("1.5", "2")], [("2", "1")], last=10)
    before = world.levels()
    assert not world.hear(data)
    (rejected,) = world.of(FrameRejected)
    assert (
        rejected
        == FrameRejected(
            lane="binance/1",
            reason=reason,  # type: ignore[arg-type] # wrong on purpose
            data=data[:4096],
            size=len(data),
        )
    )
    assert (world.levels(), world.state()) == (before, "live")
    assert not world.hear(delta(11, 12, [("1.5", "7")]))
    assert world.levels()[0] == {"1.5": "7"}
    assert world.kernel.views.anomalies.count == 1


@pytest.mark.parametrize(("data", "reason"), GARBAGE)
def test_no_answer_is_fatal_and_the_book_is_asked_for_again(data: bytes, reason: str) -> None:
    world, asked = waiting()
    assert not world.answer(asked, data)
    assert len(world.of(FrameRejected)) == 1
    asked = request(world.kernel.tick(world.now + SECOND))
    world.answer(asked, snapshot(10, [("1.5", "2")]))
    assert world.state() == "live"


@pytest.mark.parametrize(
    "data",
    [b"{}", said({"result": None, "id": 1}), said({"stream": "ab@kline_1m", "data": {"k": {}}})],
)
def test_what_nobody_reads_is_skipped_and_counted(data: bytes) -> None:
    world = live()
    before = world.words()
    world.hear(data)
    world.hear(delta(1, 2, native="ZZ"))
    assert (world.words(), world.kernel.skipped) == (before, 2)


def test_events_hold_no_text_that_an_adapter_or_library_made() -> None:
    world = live()

    def fail(*_: object) -> Any:
        raise ZeroDivisionError("some text of a library")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.kernel.feeds["binance"].adapter, "decode", fail)
        world.hear(b"{}")
    assert [event.reason for event in world.of(FrameRejected)] == ["decoder"]
    assert "library" not in repr(world.events())


# Streams and times


def test_raw_frames_are_read_like_wrapped_ones() -> None:
    world = live()
    world.hear(delta(11, 12, [("1.5", "7")], wrapped=False))
    world.hear(said(json.loads(trade(1, "1.6", "0.5"))["data"]))
    world.hear(said(json.loads(quote(13, ("1.5", "7"), ("2", "1")))["data"]))
    assert not world.of(FrameRejected)
    assert (len(world.of(Trade)), len(world.of(Quote))) == (1, 1)
    assert world.levels()[0] == {"1.5": "7"}


@pytest.mark.parametrize(
    ("happened", "sent", "exchange", "later"),
    [
        (1_700_000_000_123, 1_700_000_000_125, 1_700_000_000_123_000_000, 2_000_000),
        (1_700_000_000_123_456, 1_700_000_000_123_956, 1_700_000_000_123_456_000, 500_000),
        (1_700_000_000_125, 1_700_000_000_123, 1_700_000_000_125_000_000, -2_000_000),
    ],
)
def test_milliseconds_and_microseconds_are_told_apart(
    happened: int, sent: int, exchange: int, later: int
) -> None:
    world = live()
    data = {"e": "trade", "E": sent, "s": "AB", "t": 5, "p": "1", "q": "2", "T": happened}
    world.hear(said({"stream": "ab@trade", "data": data | {"m": True}}))
    (event,) = world.of(Trade)
    assert (event.time_exchange, event.published_after) == (exchange, later)
    assert (event.trade_id, event.taker) == ("5", "sell")


# Requests


def test_an_instrument_that_is_not_listed_is_said_and_the_others_go_on() -> None:
    world = World()
    asked = request(world.subscribe("AB", "NONE", "CD"))
    assert asked.purpose == "instruments"
    (out,) = world.answer(asked, instruments("AB", "CD", "EF"))
    assert isinstance(out, Open)
    assert out.url.endswith("?streams=ab@depth@100ms/cd@depth@100ms")
    failed = world.of(RequestFailed)
    assert [(f.purpose, f.subject, f.status, f.reason) for f in failed] == [
        ("instruments", "NONE", 200, "not_listed")
    ]
    assert [row.native_symbol for row in world.of(InstrumentListed)] == ["AB", "CD"]


def test_nothing_is_opened_where_nothing_is_listed() -> None:
    world = World()
    asked = request(world.subscribe("NONE"))
    assert not world.answer(asked, instruments("AB"))
    assert [event.reason for event in world.of(RequestFailed)] == ["not_listed"]


@pytest.mark.parametrize("status", [0, 400, 500, 503])
@pytest.mark.parametrize("purpose", ["instruments", "book"])
def test_what_failed_is_asked_again_ever_more_seldom(status: int, purpose: str) -> None:
    world = World()
    asked = request(world.subscribe("AB"))
    if purpose == "book":
        world.answer(asked, instruments("AB"))
        asked = request(world.opened())
    for tries, wait in enumerate((1, 2, 4, 8, 16, 32, 60, 60, 60), 1):
        out: Sequence[Outcome] = (
            world.answer(asked, b"busy", status) if status else world.fail(asked)
        )
        assert not out
        assert world.kernel.due == world.now + wait * SECOND
        assert len(world.of(RequestFailed)) == tries
        assert not world.kernel.tick(world.now + wait * SECOND - 1)
        again = request(world.kernel.tick(world.now + wait * SECOND))
        assert (again.url, again.n) == (asked.url, asked.n + 1)
        asked, world.now = again, world.now + wait * SECOND
    failed = world.of(RequestFailed)[0]
    assert (failed.purpose, failed.status) == (purpose, status)
    assert failed.reason == ("refused" if status else "unanswered")


def test_timers_fire_in_their_order_each_with_the_moment_it_was_due() -> None:
    core, heard = Core(Log(), Views()), list[tuple[str, int]]()

    def note(name: str, now: int) -> None:
        heard.append((name, now))
        if name == "chain":
            core.at(now + 5, partial(note, "chained"))

    for name, due in (("late", 30), ("first", 10), ("second", 10), ("never", 41), ("chain", 20)):
        core.at(due, partial(note, name))
    assert core.due == 10
    core.fire(40)
    assert [name for name, _ in heard] == ["first", "second", "chain", "chained", "late"]
    assert [now for _, now in heard] == [10, 10, 20, 25, 30]
    assert core.due == 41


def test_a_timer_that_no_tick_fired_is_fired_by_the_next_frame() -> None:
    world, asked = waiting()
    world.fail(asked)
    due = world.kernel.due
    assert due is not None
    world.now = due + 5 * SECOND
    out = world.hear(delta(5, 6))  # no tick came: the next frame fires it, before it is taken in
    asked = request(out)
    world.fail(asked)
    assert world.kernel.due == world.now + 2 * SECOND


def test_a_retry_that_is_no_longer_needed_is_not_made() -> None:
    world, asked = waiting()
    world.fail(asked)
    world.unsubscribe()
    assert not world.wait(100 * SECOND)


# Lanes


def test_a_closed_lane_invalidates_its_books() -> None:
    world = World()
    world.declare("AB", "CD")
    world.subscribe("AB", "CD")
    for asked in world.opened():
        assert isinstance(asked, Request)
        world.answer(asked, snapshot(10, [("1", "1")]))
    assert (world.state("AB"), world.state("CD")) == ("live", "live")
    world.closed(code=1006)
    assert world.of(ConnectionClosed)[-1].by == "exchange"
    assert [(e.instrument, e.reason) for e in world.of(BookInvalidated)] == [
        (0, "disconnected"),
        (1, "disconnected"),
    ]
    assert (world.state("AB"), world.state("CD")) == ("stale", "stale")
    world.hear(delta(11, 12, [("1", "2")]))
    assert not world.of(BookDelta)


def test_a_closed_lane_leaves_the_books_of_others_alone() -> None:
    world = World()
    world.declare("AB", "CD")
    for number, native in enumerate(("AB", "CD"), 1):
        world.subscribe(native)
        asked = request(world.opened(f"binance/{number}"))
        world.answer(asked, snapshot(10, [("1", "1")]))
    world.closed("binance/1")
    assert (world.state("AB"), world.state("CD")) == ("stale", "live")
    world.hear(delta(11, 12, [("1", "2")], native="CD"), "binance/2")
    assert world.levels("CD")[0] == {"1": "2"}


def test_unsubscribing_closes_the_lane_once() -> None:
    world = live()
    assert world.unsubscribe() == [Close("binance/1")]
    assert world.of(ConnectionClosed) == [
        ConnectionClosed(lane="binance/1", by="client", code=1000)
    ]
    assert world.state() == "stale"
    assert not world.unsubscribe()
    assert len(world.of(ConnectionClosed)) == 1


def test_unsubscribing_before_the_lane_is_up_closes_it_as_well() -> None:
    world = World()
    world.declare("AB")
    world.subscribe("AB")
    out = [*world.unsubscribe(), *world.opened()]
    assert out == [Close("binance/1")]
    world.hear(delta(1, 1))
    assert "BookSnapshot" not in world.words()


def test_a_late_answer_after_unsubscribing_changes_nothing() -> None:
    world, asked = waiting()
    world.unsubscribe()
    before = world.words()
    assert not world.answer(asked, snapshot(10, [("1", "1")]))
    assert world.words() == before


def test_subscribing_again_makes_the_book_live_again() -> None:
    world = live(last=10)
    world.unsubscribe()
    (out,) = world.subscribe("AB")
    assert isinstance(out, Open)
    assert out.lane == "binance/2"
    asked = request(world.opened("binance/2"))
    world.answer(asked, snapshot(20, [("3", "1")]))
    world.hear(delta(21, 21, [("4", "1")]), "binance/2")
    assert (world.state(), world.levels()[0]) == ("live", {"4": "1", "3": "1"})


def test_a_book_on_two_lanes_is_never_live_and_behind() -> None:
    world = live([("1", "1")], [("9", "1")], last=10)
    world.subscribe("AB")
    out = [*world.opened("binance/2"), *world.hear(delta(11, 11, [("1", "2")]))]
    assert world.state() != "live" or world.levels()[0] == {"1": "2"}
    answer_all(world, out, snapshot(11, [("1", "2")], [("9", "1")]))
    out = [*world.closed("binance/1"), *world.hear(delta(12, 12, [("1", "3")]), "binance/2")]
    assert world.state() != "live" or world.levels()[0] == {"1": "3"}
    answer_all(world, out, snapshot(12, [("1", "3")], [("9", "1")]))
    assert (world.state(), world.levels()[0]) == ("live", {"1": "3"})


def answer_all(world: World, out: Sequence[Outcome], data: bytes) -> None:
    """Give every request the same answer."""
    for asked in out:
        assert isinstance(asked, Request)
        world.answer(asked, data)


def test_an_exchange_that_the_kernel_does_not_have_is_refused() -> None:
    world = World()
    with pytest.raises(AdapterError, match="kraken"):
        world.tell(Subscribe("kraken", ("AB",)))


def test_what_the_kernel_folds_is_what_its_log_folds_to() -> None:
    world = live()
    world.hear(delta(11, 12, [("1.25", "7")]))
    world.hear(trade(1, "1.6", "0.5"))
    world.hear(b"garbage")
    world.hear(delta(14, 14))
    world.closed()
    assert Views.of(world.events()).freeze() == world.kernel.views.freeze()
