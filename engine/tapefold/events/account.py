"""Facts about an account: its money, its fees, its rules, and what we do not let ourselves do."""

from decimal import Decimal
from typing import Literal, TypeAlias

from tapefold.events.base import Event
from tapefold.events.market import UNLISTED
from tapefold.events.orders import ZERO
from tapefold.units import Nanos

Amounts: TypeAlias = tuple[tuple[str, Decimal], ...]
"""Asset and amount, sorted by asset."""
Refusal: TypeAlias = Literal[
    "rate",
    "time",
    "key",
    "balance",
    "unknown_order",
    "would_match",
    "duplicate",
    "filter",
    "market_closed",
    "unknown_outcome",
    "busy",
    "invalid",
    "other",
]
"""Why an exchange refused: words of ours for the codes of all of them.

`key`: it knows the key not, or not from here, or the signature is wrong: asking again is no use.
`unknown_outcome`: it does not know itself. `busy`: it is overloaded. `invalid`: the request itself
was wrong, which is our bug.
"""


class AccountWatched(Event, frozen=True, kw_only=True):
    """From here on an account's orders and money are followed, by these rules of its exchange."""

    exchange: str
    missing_max: int
    """Not-founds in a row before they mean anything."""
    grace: Nanos
    """They count only when nothing was heard of the order for so long: longer than a request is valid."""
    settle: Nanos
    """After so long a statement without its trades, or a sum that does not add up, is believed."""
    closed: Nanos
    """After so long an order that ended without saying what it executed has executed what was heard."""
    cumulative: bool = False
    """It reports no executions: fills are the steps of the cumulative amount."""
    purges: bool = False
    """A finished order that traded nothing is not found any more."""
    expires_silently: bool = False
    """Nobody tells us that an order's time is over: the clock does."""


class AccountStreamChanged(Event, frozen=True, kw_only=True):
    """The private stream is heard from here on, or is no more, or will not be."""

    exchange: str
    state: Literal["up", "ended", "refused"]
    reason: Refusal | Literal[""] = ""


class AccountSurveyed(Event, frozen=True, kw_only=True):
    """Orders and balances were asked for and answered: what is known is up to date."""

    exchange: str


class AccountRequestFailed(Event, frozen=True, kw_only=True):
    """A question about the account got no answer, or a refusal."""

    exchange: str
    purpose: str
    subject: str
    status: int
    """The HTTP status; 0 where there was no answer."""
    refusal: Refusal | Literal[""] = ""
    """Empty where there was no answer."""


class BalanceSnapshot(Event, frozen=True, kw_only=True):
    """What an account holds in all, free or not, as the exchange states it."""

    exchange: str
    totals: Amounts
    complete: bool = True
    """Assets left out are zero."""
    held: Amounts = ()
    """Of the totals what is not free, where the exchange says so."""
    time_exchange: Nanos = 0
    quiet: Nanos = 0
    """How long after the snapshot before it; 0 for a run's first. The kernel's to say."""


class BalanceChanged(Event, frozen=True, kw_only=True):
    """Money moved, and not by a trade: a deposit, a withdrawal, a transfer."""

    exchange: str
    asset: str
    delta: Decimal
    transfer_id: str
    time_exchange: Nanos = 0


class FeeScheduleSet(Event, frozen=True, kw_only=True):
    """What trades cost. A rate is a fraction of what is traded: 0.001 are ten basis points."""

    exchange: str
    maker_rate: Decimal
    taker_rate: Decimal
    instrument: int = UNLISTED
    """`UNLISTED`: all that have no schedule of their own."""
    source: Literal["default", "exchange", "caller"] = "exchange"
    """The later of these outweighs the earlier."""


class TradingRulesSet(Event, frozen=True, kw_only=True):
    """What orders of an instrument may be, beyond tick, lot and least sizes (`InstrumentListed`).

    0 and empty: no such rule.
    """

    instrument: int
    order_types: tuple[str, ...] = ()
    """Of `OrderType`."""
    price_min: Decimal = ZERO
    price_max: Decimal = ZERO
    notional_max: Decimal = ZERO
    market_lot: Decimal = ZERO
    market_size_min: Decimal = ZERO
    market_size_max: Decimal = ZERO
    market_notional: bool = True
    """The least notional binds market orders, too."""
    trading: bool = True
    """It takes orders now."""


class RiskLimited(Event, frozen=True, kw_only=True):
    """What we do not let ourselves do from here on. None and 0: no such limit."""

    exchange: str
    instrument: int = UNLISTED
    """`UNLISTED`: every instrument of the exchange, each for itself, but for the counts."""
    amount_max: Decimal | None = None
    """Of base, of one order."""
    notional_max: Decimal | None = None
    """Of quote, of one order."""
    open_orders_max: int = 0
    """Alive at once, with the new one."""
    band: Decimal | None = None
    """How far past the best opposite price a price may be, as a fraction of it."""
    submits_max: int = 0
    """Orders in"""
    submits_per: Nanos = 0


class TradingHalted(Event, frozen=True, kw_only=True):
    """The kill switch: no order of ours leaves from here on."""

    reason: str


class TradingResumed(Event, frozen=True, kw_only=True):
    """Orders may leave again."""
