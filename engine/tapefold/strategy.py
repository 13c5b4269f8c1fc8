"""Strategies: programs that hear events and answer with commands, the same live and in a replay.

    class Bid(Strategy):
        name = "bid"

        def react(self, record: Record, views: Views) -> Reaction:
            if isinstance(record.event, AccountSurveyed):
                order_id = yield Submit("binance", "BTC-USDT", "buy", Decimal("0.01"), Decimal(60_000))

A strategy is a pure function of what it hears: it reads no clock, draws no chance, waits for nothing.
So a replay of a session asks it again, and compares what it commands with what it commanded then.
"""

from collections.abc import Generator, Iterable, Mapping
from typing import Final, Literal, TypeAlias, get_args

from tapefold.adapter import Command
from tapefold.events import (
    AnyEvent,
    DeadlinePassed,
    Event,
    FillReported,
    FillReverted,
    OrderNotFound,
    OrderReported,
    RequestAnswered,
)
from tapefold.folds.orders import Order
from tapefold.log import Record
from tapefold.views import Views

Reaction: TypeAlias = Iterable[Command] | Generator[Command, str, None]
"""Commands. Of a generator, `yield Submit(...)` gives the order's client order id."""
Kept: TypeAlias = Literal["keep", "cancel"]
"""What becomes of a strategy's orders that are alive."""
UNHEARD: Final[tuple[type[Event], ...]] = (
    OrderReported,
    FillReported,
    FillReverted,
    OrderNotFound,
    RequestAnswered,
    DeadlinePassed,
)
"""Facts about orders: they come late, twice and out of order. What they come to is told as conclusions."""
HEARD: Final[tuple[type[Event], ...]] = tuple(
    kind for kind in get_args(AnyEvent) if kind not in UNHEARD
)


class Strategy:
    """What every strategy is. Overrides say its `name`, and `react`."""

    name: str = ""
    """`[a-z0-9_-]`, up to 32 characters. All that it commands is `by` it."""
    hears: tuple[type[Event], ...] = HEARD
    """Which events: fewer are faster."""
    on_failure: Kept = "keep"
    """Its orders, when it raises."""
    on_exit: Kept = "keep"
    """Its orders, when the engine is closed."""

    @property
    def parameters(self) -> Mapping[str, str]:
        """What it was made with, for the log and for session.toml."""
        return {}

    def react(self, record: Record, views: Views) -> Reaction:
        """What it wants done, now that *record* was logged.

        *views* are at the log's head: all that came of the same frame is in them, and of what this
        strategy and those before it commanded since. They are to be read only. Each command is carried
        out before the next one is asked for. What this raises ends the strategy, and nothing else.
        """
        raise NotImplementedError

    def orders(self, views: Views, exchange: str = "") -> list[Order]:
        """Its orders that are alive, in the order in which they were submitted."""
        mine = views.orders.live(exchange)
        return [order for order in mine if order.intent and order.intent.by == self.name]
