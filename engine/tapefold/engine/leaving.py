"""Leaving an engine: orders stay on the exchange, unless somebody said that they are to be canceled."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Final

import trio

from tapefold.adapter import Cancel, StopStrategy
from tapefold.engine.engine import Engine
from tapefold.errors import Refused, TapefoldError
from tapefold.folds.orders import Order
from tapefold.strategy import Kept, Strategy
from tapefold.views import Views

ANSWER_MAX: Final = 5.0
"""Seconds that what is on its way has to be answered: who submits and leaves means the order to be sent."""
EXIT_MAX: Final = 10.0
"""Seconds that the exchanges have to end orders when the engine is left."""
EXIT: Final = "exit"
"""Who cancels them."""


async def leave(engine: Engine, on_exit: Kept, strategies: Sequence[Strategy]) -> None:
    """Let what is on its way be answered; cancel what is to be canceled, and wait until it has ended.

    Also where the block was cancelled. Raises `Refused` naming the orders that are still alive, or may be.
    """
    if not engine.commanded or engine.failure:
        return
    with trio.CancelScope(shield=True):
        with trio.move_on_after(ANSWER_MAX), suppress(TapefoldError):
            await engine.until(lambda _: not engine.changing)
        everything = on_exit == "cancel"
        leaving = [each.name for each in strategies if everything or each.on_exit == "cancel"]
        if everything or leaving:
            _dismiss(engine, leaving)
            await _cancel(engine, _Left(leaving, everything=everything))


def _dismiss(engine: Engine, leaving: Sequence[str]) -> None:
    """Let these strategies do nothing more: one that bids again where it is canceled has no end."""
    for name in leaving:
        with suppress(TapefoldError):  # it went wrong before, or nothing can be commanded any more
            engine.command(StopStrategy(EXIT, by=EXIT, strategy=name))


class _Left:
    """The orders that are to be canceled and are still alive."""

    def __init__(self, leaving: Collection[str], *, everything: bool) -> None:
        self._leaving, self._everything = leaving, everything

    def __call__(self, views: Views) -> list[Order]:
        return [
            order
            for order in views.orders.live()
            if self._everything or (order.intent and order.intent.by in self._leaving)
        ]


async def _cancel(engine: Engine, left: _Left) -> None:
    why, beyond = f"not within {EXIT_MAX:.0f} seconds", dict[str, str]()
    with trio.move_on_after(EXIT_MAX):
        for order in left(engine.views):
            name = order.client_order_id
            try:
                if order.cancel not in ("sent", "taken"):
                    engine.command(Cancel(name, by=EXIT))
            except (
                TapefoldError
            ) as error:  # of an exchange that this run has not, say: on to the next
                beyond[name] = why = str(error)
        try:
            await engine.until(
                lambda views: all(order.client_order_id in beyond for order in left(views))
            )
        except TapefoldError as error:
            why = str(error)
    if names := [order.client_order_id for order in left(engine.views)]:
        raise Refused(
            f"on leaving, {len(names)} order{'s' * (len(names) != 1)} could not be canceled ({why}); "
            f"look at the exchange: {', '.join(names[:10])}"
        )
