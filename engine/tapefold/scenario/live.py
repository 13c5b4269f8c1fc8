"""A scenario acted at an exchange itself: its test network, or live, with money.

What can go wrong there costs something, so it is checked that the account has what the scenario
`requires`, and each order by what may be spent. Whatever ends it, orders of ours that are alive are
canceled, and no others; those that cannot be are named.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from time import perf_counter, time_ns
from typing import Final, NamedTuple

import trio
from msgspec.structs import replace

from tapefold.adapter import Frame, Submit, Subscribe, WatchAccount, WatchClock
from tapefold.engine import Engine, Live, open_engine
from tapefold.engine.engine import lone
from tapefold.errors import BadInput, Refused, TapefoldError
from tapefold.events import ZERO
from tapefold.folds.orders import Order
from tapefold.log import Log
from tapefold.log.store import in_memory
from tapefold.scenario.director import Director, Do
from tapefold.scenario.judging import Heard, judge
from tapefold.scenario.results import Outcome
from tapefold.scenario.telling import Teller
from tapefold.scenario.terms import (
    Elsewhere,
    Terms,
    check,
    check_exchange,
    endpoints_of,
    lacking,
)
from tapefold.scenario.words import Place
from tapefold.units import SECOND, Nanos, exactly, fixed
from tapefold.views import Views

ACCOUNT_MAX: Final = 30.0
"""Seconds for an account to be known, before the first order of a run."""
AGAIN_MAX: Final = 20.0
"""Seconds for a second engine to know the account, where a first one could not cancel what is alive."""


class Acted(NamedTuple):
    """What came of a scenario, and what is left of it."""

    outcome: Outcome
    spent: Decimal
    """What its orders together may have been worth."""
    canceled: int
    """Orders that were alive at its end, and are canceled."""
    alive: tuple[str, ...]
    """Orders that are still alive, or may be: what is known of each."""
    fault: BaseException | None = None
    """What went wrong that nobody expected: a fault of ours."""


async def available(exchange: str, terms: Terms, assets: Iterable[str]) -> dict[str, Decimal]:
    """What the account has of assets. Raises as the engine does, and `Refused` where it is not known."""
    trouble = ""

    def notice(frame: Frame) -> None:
        nonlocal trouble
        trouble = "" if frame.kind == "opened" else frame.reason or trouble

    async with _engine(exchange, terms, Log(in_memory()), notice) as engine:
        engine.command(WatchAccount(exchange))
        with trio.move_on_after(ACCOUNT_MAX) as scope:
            await engine.until(lambda views: views.ready(exchange))
        if scope.cancelled_caught:
            why = f" ({trouble})" if trouble else ""
            raise Refused(
                f"what the account at {exchange} has is not known after {ACCOUNT_MAX:.0f} seconds{why}"
            )
        return {asset: engine.views.balances.available(exchange, asset) for asset in assets}


async def acted_live(
    place: Place, exchange: str, terms: Terms, stop: trio.CancelScope | None = None
) -> Acted:
    """Act a scenario at an exchange, and judge what came of it. *stop* ends it where it is, in order.

    Raises as `check` and `check_exchange` do; whatever stands in the way later on is the outcome's `error`.
    """
    check_exchange(exchange, terms.mode, terms.endpoints)
    check(place, exchange)
    began, error = perf_counter(), ""
    fault: BaseException | None = None
    log = Log(in_memory())
    acting = _Acting(place, exchange, terms)
    try:
        with stop or trio.CancelScope():
            async with _engine(exchange, terms, log) as engine:
                acting.views = engine.views
                try:
                    await acting.play(engine)
                finally:
                    acting.left = _alive(engine.views)
    except TapefoldError as wrong:
        error = str(wrong)
    except Exception as wrong:  # a fault of ours, told by the caller: our orders come first
        fault = lone(wrong, several=True)
        error = f"{type(fault).__name__}: {fault}"
    if alive := _alive(acting.views):
        acting.left = acting.left or alive
        acting.views = await _cancel_again(exchange, terms, log, acting.views)
    outcome = _judged(acting, log, error)
    outcome = replace(outcome, seconds=perf_counter() - began)
    if terms.record and not error:
        outcome = replace(outcome, recorded=(terms.record,))
    return Acted(outcome, acting.spent, acting.canceled, acting.alive, fault)


def _engine(
    exchange: str, terms: Terms, log: Log, notice: Callable[[Frame], None] | None = None
) -> AbstractAsyncContextManager[Engine]:
    endpoints = {exchange: endpoints_of(exchange, terms)}
    live = Live((exchange,), endpoints=endpoints, keys={exchange: terms.keys}, notice=notice)
    return open_engine(live, log=log, record=terms.record, on_exit="cancel")


def _alive(views: Views) -> list[Order]:
    return views.orders.live()


async def _cancel_again(exchange: str, terms: Terms, log: Log, views: Views) -> Views:
    """A new engine goes on with the log, asks what became of the orders, and cancels them on leaving."""
    with trio.CancelScope(shield=True):
        try:
            async with _engine(exchange, replace(terms, record=None), log) as engine:
                views = engine.views
                engine.command(WatchAccount(exchange))
                with trio.move_on_after(AGAIN_MAX):
                    await engine.until(lambda known: known.ready(exchange))
        except Exception:  # whatever it is: what is alive is named by the caller, who has said why
            return views
    return views


def _judged(acting: "_Acting", log: Log, error: str) -> Outcome:
    place, exchange = acting.place, acting.exchange
    acting.hear(acting.views, log)
    failed = [*acting.director.failed]
    if not failed and not error:
        heard = Heard([record.event for record in log.read()], acting.views, exchange)
        failed += judge(place, heard)
    return Outcome(
        place.name,
        place.path,
        place.scenario.title,
        exchange,
        acting.mode,
        tuple(failed),
        error,
        tuple(acting.told.lines),
        digest=log.digest(),
    )


class _Acting:
    """A director among real time and real orders."""

    def __init__(self, place: Place, exchange: str, terms: Terms) -> None:
        self.place, self.exchange = place, exchange
        self.mode: Elsewhere = terms.mode
        self._most, self._asset = terms.spend_max, terms.asset
        self.spent: Decimal = ZERO
        self._began, self._trio = time_ns(), trio.current_time()
        self._heard = 0
        self.views = Views()
        self.left: list[Order] = []
        """Orders of ours that were alive at the end."""
        self.director = Director(place, exchange, self._began)
        self.told = Teller(self.director.scene, self._began)

    @property
    def alive(self) -> tuple[str, ...]:
        """What is known of each order that still is, or may be."""
        return tuple(_named(order, self.views) for order in _alive(self.views))

    @property
    def canceled(self) -> int:
        """How many of those that were alive at the end."""
        known = [self.views.orders.find(order.client_order_id) for order in self.left]
        return sum(order is not None and order.status == "canceled" for order in known)

    async def play(self, engine: Engine) -> None:
        """The whole story. Raises as the engine does."""
        engine.command(WatchClock(self.exchange))
        engine.command(Subscribe(self.exchange, self.director.instruments))
        engine.command(WatchAccount(self.exchange))
        checked = False
        while not self.director.over:
            self.hear(engine.views, engine.log)
            if not checked and engine.views.ready(self.exchange):
                checked = True
                self._check(engine.views)
                continue
            self._go_on(engine)
            if not self.director.over:
                await self._wait(engine)

    def hear(self, views: Views, log: Log) -> None:
        """What was logged since."""
        for record in log.read(self._heard):
            self.director.heard(views, record.time_received, record.event)
            self.told.heard(record)
        self._heard = log.head

    def _now(self) -> Nanos:
        return self._began + int((trio.current_time() - self._trio) * SECOND)

    async def _wait(self, engine: Engine) -> None:
        """Until something is logged, or the director asks to be asked."""
        deadline, seen = self.director.deadline, engine.log.head
        seconds = float("inf") if deadline is None else max(0.0, (deadline - self._now()) / SECOND)
        with trio.move_on_after(seconds):
            await engine.until(lambda views: views.position > seen)

    def _check(self, views: Views) -> None:
        """That the account has what it takes."""
        balances, assets = views.balances, self.place.scenario.requires
        there = {asset: balances.available(self.exchange, asset) for asset in assets}
        for asset, expected, actual in lacking(self.place, there):
            self.director.fail(f"requires.{asset}", expected, actual)

    def _go_on(self, engine: Engine) -> None:
        while (do := self.director.next(engine.views, self._now())) is not None:
            self.told.step(self._now(), do)
            try:
                self._do(do, engine)
            except (BadInput, Refused, TypeError) as wrong:
                self.director.fail(do.key, "it can be done", str(wrong))
            self.hear(engine.views, engine.log)

    def _do(self, do: Do, engine: Engine) -> None:
        if isinstance(do.command, Submit):
            self._spend(do.command)
        if do.command:
            engine.command(do.command)

    def _spend(self, order: Submit) -> None:
        """Count what an order may be worth. Raises `Refused` for more than was allowed."""
        if self._most is None:
            return
        scene = self.director.scene
        number = scene.number(order.instrument)
        quote = "" if number is None else scene.views.instruments.rows[number].quote
        if self._asset and quote != self._asset:
            costs = quote or "what nobody said"
            raise Refused(
                f"what may be spent is {self._asset}, and {order.instrument} costs {costs}"
            )
        worth = self._worth(order)
        with exactly():
            left = self._most - self.spent
        if worth > left:
            raise Refused(
                f"this order is worth {fixed(worth)}, and {fixed(left)} is left of what may be spent: "
                "allow more with --spend-max"
            )
        with exactly():
            self.spent += worth

    def _worth(self, order: Submit) -> Decimal:
        """By its own price; one at the market by the book as it is now, level by level."""
        if order.quote_amount is not None:
            return order.quote_amount
        if order.price is not None and order.amount is not None:
            with exactly():
                return order.price * order.amount
        book = self.director.scene.book(order.instrument)
        if book is None or order.amount is None:
            raise Refused("nobody knows what this order would cost: the book is not live")
        walk = book.for_volume(order.side, order.amount)
        if walk.short:
            raise Refused("nobody knows what this order would cost: the book has not so much")
        return walk.value


def _named(order: Order, views: Views) -> str:
    """An order, for somebody who has to look for it."""
    intent = order.intent
    if intent is None:
        return order.client_order_id
    what = f"{intent.side} {fixed(intent.amount)}" if intent.amount else intent.side
    row = views.instruments.rows.get(order.instrument)
    at = f" at {fixed(intent.price)}" if intent.price else ""
    return f"{order.client_order_id} ({what} {row.symbol if row else '?'}{at})"
