"""Commands: what a caller tells an engine to do. All of them are on the tape."""

from decimal import Decimal
from typing import Literal, TypeAlias

from msgspec import Struct

from tapefold.events import ZERO, OrderType, TimeInForce
from tapefold.units import MINUTE, SECOND, Nanos, Side

Channel: TypeAlias = Literal["book", "trades", "aggregate_trades", "quotes"]


class Listing(Struct, frozen=True, omit_defaults=True):
    """An instrument that the caller knows already, so that nobody need be asked."""

    symbol: str
    native_symbol: str


class Declare(Struct, frozen=True, tag="declare", tag_field="command", omit_defaults=True):
    """Command: these instruments exist."""

    exchange: str
    instruments: tuple[Listing, ...]
    by: str = "caller"


class Subscribe(Struct, frozen=True, tag="subscribe", tag_field="command", omit_defaults=True):
    """Command: open a connection for these channels of these instruments, by symbol or native name."""

    exchange: str
    instruments: tuple[str, ...]
    channels: tuple[Channel, ...] = ("book", "trades", "quotes")
    depth: int = 1000
    """Levels a side to begin a book with."""
    silence_max: Nanos = 0
    """Connect anew where nothing was heard for so long, in nanoseconds; 0: silence is fine."""
    by: str = "caller"


class Unsubscribe(Struct, frozen=True, tag="unsubscribe", tag_field="command", omit_defaults=True):
    """Command: close a lane and do not open it again."""

    lane: str
    by: str = "caller"


class WatchClock(Struct, frozen=True, tag="watch_clock", tag_field="command", omit_defaults=True):
    """Command: measure by how much an exchange's clock is ahead of ours, now and again and again."""

    exchange: str
    every: Nanos = 30 * MINUTE
    by: str = "caller"


class WatchAccount(
    Struct, frozen=True, tag="watch_account", tag_field="command", omit_defaults=True
):
    """Command: follow the account's orders and money on an exchange. Nothing is traded before it.

    Besides the private stream, it is asked for all it says: every `poll`, and every `poll_silent`
    while the stream is down or has said nothing for `silence_max`. All in nanoseconds.
    """

    exchange: str
    poll: Nanos = 2 * MINUTE
    poll_silent: Nanos = 10 * SECOND
    silence_max: Nanos = MINUTE
    by: str = "caller"


class Submit(Struct, frozen=True, tag="submit", tag_field="command", omit_defaults=True):
    """Command: place an order. Amounts and prices are exact, and are never rounded: see `Rules`."""

    exchange: str
    instrument: str
    """Its symbol or native name."""
    side: Side
    amount: Decimal | None = None
    """Of base; None for a market order by value."""
    price: Decimal | None = None
    """None for a market order."""
    order_type: OrderType = "limit"
    tif: TimeInForce = "gtc"
    quote_amount: Decimal | None = None
    """Of quote, for a market order by value."""
    worst: Decimal | None = None
    """Of a market buy by amount, the price that is reckoned with; without it, by the book."""
    expires_at: Nanos = 0
    """When it is canceled if it is still alive; 0: never."""
    by: str = "caller"


class Adopt(Struct, frozen=True, tag="adopt", tag_field="command", omit_defaults=True):
    """Command: an order that is on the account already is ours from here on."""

    exchange: str
    instrument: str
    exchange_order_id: str
    side: Side
    amount: Decimal
    price: Decimal
    by: str = "caller"


class Cancel(Struct, frozen=True, tag="cancel", tag_field="command", omit_defaults=True):
    """Command: cancel an order of ours. One that has ended is left alone."""

    client_order_id: str
    by: str = "caller"


class CancelAll(Struct, frozen=True, tag="cancel_all", tag_field="command", omit_defaults=True):
    """Command: cancel every order of ours on an exchange, or of one instrument of it; no others.

    It ends with `CancelAllEnded`: when all of them have ended, or after `timeout` nanoseconds.
    """

    exchange: str
    instrument: str = ""
    timeout: Nanos = 10 * SECOND
    by: str = "caller"


class Query(Struct, frozen=True, tag="query", tag_field="command", omit_defaults=True):
    """Command: ask the exchange how an order of ours is, now."""

    client_order_id: str
    by: str = "caller"


class LimitRisk(Struct, frozen=True, tag="limit_risk", tag_field="command", omit_defaults=True):
    """Command: from here on no order may be larger, dearer, or one more than this; see `RiskLimited`."""

    exchange: str
    instrument: str = ""
    """Empty: every instrument of the exchange."""
    amount_max: Decimal | None = None
    notional_max: Decimal | None = None
    open_orders_max: int = 0
    band: Decimal | None = None
    submits_max: int = 0
    submits_per: Nanos = 0
    by: str = "caller"


class SetFees(Struct, frozen=True, tag="set_fees", tag_field="command", omit_defaults=True):
    """Command: reckon with these fees, whatever the exchange says. Rates: 0.001 are ten basis points."""

    exchange: str
    maker_rate: Decimal = ZERO
    taker_rate: Decimal = ZERO
    instrument: str = ""
    """Empty: every instrument of the exchange."""
    by: str = "caller"


class Halt(Struct, frozen=True, tag="halt", tag_field="command", omit_defaults=True):
    """Command, the kill switch: no order leaves from here on, and every order of ours is canceled."""

    reason: str
    by: str = "caller"


class Resume(Struct, frozen=True, tag="resume", tag_field="command", omit_defaults=True):
    """Command: orders may leave again."""

    by: str = "caller"


class Wake(Struct, frozen=True, tag="wake", tag_field="command", omit_defaults=True):
    """Command of a strategy: let me hear a `TimerFired`, so long from now.

    A timer of the same name that has not fired yet is set anew.
    """

    after: Nanos
    timer: str = ""
    by: str = "caller"


class StopStrategy(
    Struct, frozen=True, tag="stop_strategy", tag_field="command", omit_defaults=True
):
    """Command: a strategy hears nothing more, and commands nothing; it becomes `StrategyFailed`.

    The engine gives it by itself where one went wrong, and when it is left; a caller may, too.
    """

    reason: str
    cancel: bool = False
    """Its orders that are alive are canceled."""
    by: str = "caller"
    strategy: str = ""
    """Which; empty: the one that says so."""


Command: TypeAlias = (
    Declare
    | Subscribe
    | Unsubscribe
    | WatchClock
    | WatchAccount
    | Submit
    | Adopt
    | Cancel
    | CancelAll
    | Query
    | LimitRisk
    | SetFees
    | Halt
    | Resume
    | Wake
    | StopStrategy
)
