"""A trading story of several runs on one log, each recorded: fills, cancels, a reconnect, restarts.

Virtual time, without an event loop of the test's own: so it can be made once for many tests.
"""

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, TypeAlias

import trio
from private_runs import PAIR, bid, status, story_of
from reactors import Maker
from trio.testing import MockClock

from tapefold import (
    Cancel,
    Engine,
    Query,
    Session,
    Strategy,
    Submit,
    WatchAccount,
    open_engine,
)
from tapefold.log import Log
from tapefold.log.store import Rows, in_memory
from tapefold.testing import VirtualExchange, breaks_off, closing, honest, open_virtual

BREAKS = breaks_off(60, closing(1012, "restart"))


class Ran(NamedTuple):
    """What a run came to, by its own word."""

    session: Session
    head: int
    digest: str
    views: bytes
    folds: dict[str, str]


class Story(NamedTuple):
    """All runs, and the one log that they wrote."""

    runs: list[Ran]
    rows: Rows

    def log(self, until: int = 1 << 62) -> Log:
        """A copy of what they wrote, as far as a position, to go on with."""
        log = Log(in_memory())
        for record in Log(self.rows).read(0, until):
            log.append(record.time_received, record.event)
        log.flush()
        return log


def buy(engine: Engine, amount: str, below: int = 0) -> str:
    """At the market; or so many ticks below it."""
    price = bid(engine, below) if below else None
    kind = "limit" if below else "market"
    return engine.submit(
        Submit("binance", PAIR, "buy", Decimal(amount), price, order_type=kind)  # type: ignore[arg-type]  # words of `Submit`
    )


def play(folder: Path) -> Story:
    """Three runs. The second has a strategy at work, and cancels what the first left open."""
    rows = in_memory()
    story = Story([], rows)

    async def runs() -> None:
        plan = [BREAKS, honest, honest, honest, BREAKS]
        async with open_virtual(story_of(), plan=plan) as exchange:
            story.runs.append(await _run(exchange, rows, folder / "first", _first))
            story.runs.append(await _run(exchange, rows, folder / "second", _second, [Maker()]))
            story.runs.append(await _run(exchange, rows, folder / "third", _third))

    trio.run(runs, clock=MockClock(autojump_threshold=0))
    return story


Act: TypeAlias = Callable[[VirtualExchange, Engine], Awaitable[None]]


async def _run(
    exchange: VirtualExchange,
    rows: Rows,
    folder: Path,
    act: Act,
    strategies: Sequence[Strategy] = (),
) -> Ran:
    async with open_engine(
        exchange.live(), log=Log(rows), strategies=strategies, record=folder
    ) as engine:
        engine.subscribe("binance", PAIR)
        await engine.until(lambda views: views.book(PAIR).live)
        engine.command(WatchAccount("binance"))
        await engine.until(lambda views: views.ready("binance"))
        await act(exchange, engine)
    views = engine.views
    return Ran(
        Session(folder), engine.log.head, engine.log.digest(), views.freeze(), views.digests()
    )


async def _first(exchange: VirtualExchange, engine: Engine) -> None:
    """An order is filled, one is canceled, one stays open; a connection breaks off."""
    resting, canceled, taken = (
        buy(engine, "0.01", 3000),
        buy(engine, "0.02", 2000),
        buy(engine, "0.03"),
    )
    await engine.settled(taken)
    await engine.until(lambda views: status(engine, canceled) == "open")
    engine.command(Cancel(canceled))
    await engine.settled(canceled)
    await engine.until(lambda views: len(exchange.dialled) == 3 and views.ready("binance"))
    await engine.until(lambda views: views.book(PAIR).live)
    assert status(engine, resting) == "open"


async def _second(exchange: VirtualExchange, engine: Engine) -> None:
    """What the first left is canceled, while a strategy is at work and a connection breaks off."""
    (resting,) = engine.views.orders.live()
    engine.command(Query(resting.client_order_id))
    engine.command(Cancel(resting.client_order_id))
    assert (await engine.settled(resting.client_order_id)).status == "canceled"
    await engine.until(lambda views: views.strategies.rows["maker"].fired == 4)
    await engine.until(lambda views: len(exchange.dialled) == 6 and views.ready("binance"))
    await engine.until(lambda views: views.book(PAIR).live)


async def _third(exchange: VirtualExchange, engine: Engine) -> None:
    """What the strategy left is still there."""
    (resting,) = engine.views.orders.live()
    assert resting.intent is not None
    assert resting.intent.by == "maker"
    engine.command(Cancel(resting.client_order_id))
    await engine.settled(resting.client_order_id)
    await engine.settled(buy(engine, "0.01"))
