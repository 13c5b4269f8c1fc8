"""Started again on the same log: what was known is known, what was asked is not asked twice.

The virtual door: streams in memory, one exchange that goes on between the runs, and rows of a log that
outlive the engines that write them.
"""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from runs import PAIR, a_run, buy, filled, simulated
from trio.testing import MockClock

from tapefold import (
    SECOND,
    AnyEvent,
    BookDelta,
    BookInvalidated,
    Cancel,
    Halt,
    OrderCompleted,
    OrderSubmitted,
    Reaction,
    Record,
    Refused,
    Resume,
    RiskLimited,
    RunStarted,
    Strategy,
    TradingHalted,
    TradingResumed,
    UnknownOrder,
    Views,
    WatchAccount,
    fixed,
    open_engine,
)
from tapefold.folds.book import Book
from tapefold.folds.risk import Risk
from tapefold.history import Cache
from tapefold.log import Log
from tapefold.log.store import Rows, in_memory
from tapefold.sim import FUNDED, record
from tapefold.testing import open_virtual

OTHER = "ETH-USDT"


def whole(rows: Rows) -> Views:
    return Views.of(record.event for record in Log(rows).read())


def events(rows: Rows, kind: type[AnyEvent]) -> list[AnyEvent]:
    return [record.event for record in Log(rows).read() if isinstance(record.event, kind)]


async def test_orders_fills_and_balances_are_back_by_folding(autojump_clock: MockClock) -> None:
    rows = in_memory()
    async with open_virtual(FUNDED) as exchange:
        async with a_run(exchange, rows) as engine:
            resting, taken = engine.submit(buy("0.01", "60000")), engine.submit(buy("0.02", None))
            await engine.settled(taken)
            await engine.until(lambda views: views.orders.ours[resting].status == "open")
            before = engine.views.freeze()
        assert whole(rows).freeze() == before
        async with a_run(exchange, rows, OTHER) as engine:
            orders = engine.views.orders
            assert [order.client_order_id for order in orders.live()] == [resting]
            assert orders.ours[taken].executed == Decimal("0.02")
            engine.command(Cancel(resting))
            assert (await engine.settled(resting)).status == "canceled"
            assert engine.submit(buy("0.01", None)) == "virtual-3"
            await engine.settled("virtual-3")
            after = engine.views.freeze()
        assert whole(rows).freeze() == after
    assert len(events(rows, RunStarted)) == 2
    assert len(events(rows, OrderSubmitted)) == 3


async def test_what_was_filled_between_the_runs_is_told_once(autojump_clock: MockClock) -> None:
    """Also where the new run does not subscribe to the pair, and in the run after that."""
    rows = in_memory()
    async with open_virtual(FUNDED) as exchange:
        async with a_run(exchange, rows) as engine:
            best = engine.views.book(PAIR).best_bid
            assert best is not None
            resting = engine.submit(buy("0.01", fixed(best.price)))
            await engine.until(lambda views: views.orders.ours[resting].status == "open")
        await filled(exchange, resting)
        account = simulated(exchange).venue.accounts["simulatedkey"]
        for _ in range(2):
            async with a_run(exchange, rows, OTHER) as engine:
                order = await engine.settled(resting)
                assert (order.status, order.executed) == ("filled", Decimal("0.01"))
                assert engine.views.balances.total("binance", "BTC") == account.free("BTC")
    assert len(events(rows, OrderCompleted)) == 1


async def test_a_book_that_was_live_is_not_believed_after_a_restart(
    autojump_clock: MockClock,
) -> None:
    rows = in_memory()
    async with open_virtual(FUNDED) as exchange:
        async with a_run(exchange, rows):
            pass
        async with a_run(exchange, rows, OTHER) as engine:
            assert not engine.views.book(PAIR).live
            assert sorted(engine.views.connections.up["binance"]) == ["binance/1", "binance/2"]
    invalidated = [event.reason for event in events(rows, BookInvalidated)]  # type: ignore[union-attr]  # of that kind
    assert invalidated == ["disconnected"]


class Idle(Strategy):
    """Wants nothing."""

    name = "idle"

    def react(self, record: Record, views: Views) -> Reaction:
        return ()


async def test_a_new_run_begins_with_nothing_up_or_at_work(autojump_clock: MockClock) -> None:
    rows = in_memory()
    async with open_virtual(FUNDED) as exchange:
        live = exchange.live()
        async with open_engine(live, log=Log(rows), strategies=[Idle()]) as engine:
            engine.command(WatchAccount("binance"))
            await engine.until(lambda views: views.ready("binance"))
            assert list(engine.views.strategies.rows) == ["idle"]
        async with open_engine(live, log=Log(rows)) as engine:
            assert engine.views.connections.up == {"binance": []}
            assert not engine.views.strategies.rows
            assert not engine.views.ready("binance")


@pytest.mark.parametrize("runs", [5])
async def test_ids_are_never_given_twice(runs: int, autojump_clock: MockClock) -> None:
    rows, names = in_memory(), list[str]()
    async with open_virtual(FUNDED) as exchange:
        for _ in range(runs):
            async with a_run(exchange, rows) as engine:
                names.append(engine.submit(buy("0.001", None)))
                await engine.settled(names[-1])
    assert names == [f"virtual-{n}" for n in range(1, runs + 1)]


async def test_who_waits_for_an_order_gets_it_as_it_ended(autojump_clock: MockClock) -> None:
    rows = in_memory()
    async with open_virtual(FUNDED) as exchange, a_run(exchange, rows) as engine:
        with pytest.raises(UnknownOrder, match="no order of ours is called 'virtual-1'"):
            await engine.settled("virtual-1")
        name = engine.submit(buy("0.02", None))
        order = await engine.settled(name)
        assert (order.status, order.executed) == ("filled", Decimal("0.02"))
        assert (await engine.settled(name)) is order
        refused = engine.submit(buy("0.000001", "60000"))
        assert (await engine.settled(refused)).status == "rejected"


async def test_conclusions_come_by_order_and_by_who_ordered(autojump_clock: MockClock) -> None:
    rows = in_memory()
    async with open_virtual(FUNDED) as exchange:
        async with a_run(exchange, rows) as engine:
            first = engine.submit(buy("0.02", None))
            other = engine.submit(msgspec.structs.replace(buy("0.01", None), by="desk"))
            heard = engine.conclusions(order=other)
            mine = engine.conclusions(by="desk")
            everything = engine.conclusions(after=0)
            await engine.settled(first)
            await engine.settled(other)
        told = [record async for record in everything]
        assert {record.event.client_order_id for record in told} == {first, other}
        of_one = [record for record in told if record.event.client_order_id == other]
        assert [record async for record in heard] == of_one
        assert [record async for record in mine] == of_one
        assert [type(record.event).__name__ for record in of_one][-1] == "OrderCompleted"


async def test_a_fold_that_raises_leaves_no_saved_views_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event is in the log, and half of it in the views: saved, they would hide it for ever."""
    session = record(tmp_path / "s", replace(FUNDED, lasts=2 * SECOND), 7, versions={})
    delta, log = Book.delta, tmp_path / "run.log"

    def torn(book: Book, event: BookDelta) -> None:
        delta(book, event)
        raise ArithmeticError("a fold's own")

    monkeypatch.setattr(Book, "delta", torn)
    heads: list[int] = []

    async def play() -> None:
        async with open_engine(session, mode="replay", log=log) as engine:
            try:
                await engine.ended()
            finally:
                heads.append(engine.views.position)

    with pytest.raises(ArithmeticError, match="a fold's own") as raised:
        await play()
    assert raised.value.__notes__ == [f"at position {heads[0]} of the log"]
    assert Cache(log).positions(heads[0]) == []


async def test_a_fold_that_raises_on_a_command_ends_the_engine(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = Risk.apply

    def torn(risk: Risk, event: RiskLimited | TradingHalted | TradingResumed) -> None:
        apply(risk, event)
        if type(event) is TradingHalted:
            raise ArithmeticError("a fold's own")

    monkeypatch.setattr(Risk, "apply", torn)
    async with open_virtual(FUNDED) as exchange, a_run(exchange, in_memory()) as engine:
        asked = len(exchange.asked)
        with pytest.raises(ArithmeticError, match="a fold's own"):
            engine.command(Halt("enough"))
        await engine.ended()
        with pytest.raises(Refused, match="not running"):
            engine.command(Resume())
        assert len(exchange.asked) == asked
