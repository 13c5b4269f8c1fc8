"""Facts about orders of an account: what we asked, and what an exchange said.

A fact is logged as it came: late, twice, stale, partial. None of them is what happened to an order;
that is for the fold of orders to conclude (`tapefold.events.conclusions`). Amounts, prices and values
are exact `Decimal`s in units of their asset, normalised, so that `1.0` and `1.00` are one fact.
"""

from decimal import Decimal
from typing import Literal, TypeAlias

from tapefold.events.base import Event
from tapefold.events.market import UNLISTED
from tapefold.units import Nanos, Side

Fees: TypeAlias = tuple[tuple[str, Decimal], ...]
"""Asset and amount, sorted by asset; a rebate is negative."""
OrderType: TypeAlias = Literal["limit", "limit_maker", "market"]
TimeInForce: TypeAlias = Literal["gtc", "ioc", "fok"]
Says: TypeAlias = Literal["", "pending", "open", "filled", "canceled", "expired", "rejected"]
Outcome: TypeAlias = Literal["taken", "gone", "refused", "unanswered"]

ZERO = Decimal(0)


class OrderSubmitted(Event, frozen=True, kw_only=True):
    """We want this order. On the disk before its request leaves."""

    exchange: str
    instrument: int
    client_order_id: str
    side: Side
    order_type: OrderType
    tif: TimeInForce
    amount: Decimal | None = None
    """Of base; None for a market order by value."""
    quote_amount: Decimal | None = None
    """Of quote, for a market order by value."""
    price: Decimal | None = None
    hold: Decimal = ZERO
    """What one unit (of `amount`, or of `quote_amount`) costs at the worst, in the asset we pay with."""
    fees: Fees = ()
    """What it would cost in fees, as far as the schedule tells; what was charged is in its fills."""
    expires_at: Nanos = 0
    exchange_order_id: str = ""
    """Given where an order is adopted that is on the account already."""
    by: str = "caller"
    """Who wanted it."""


class OrderCancelRequested(Event, frozen=True, kw_only=True):
    """We want an order canceled; each time that it is asked."""

    client_order_id: str
    request: int
    """The first is 1."""


class RequestAnswered(Event, frozen=True, kw_only=True):
    """How a submit or a cancel ended on the wire. A submit that is refused is `rejected` instead.

    `taken`: it will be done. `gone`: there is nothing to cancel. `refused`: for good. `unanswered`:
    nobody knows, and asking will tell.
    """

    client_order_id: str
    request: int
    """Of a cancel its number; 0 for the submit."""
    outcome: Outcome
    reason: str = ""
    """A word of ours."""


class DeadlinePassed(Event, frozen=True, kw_only=True):
    """We waited long enough.

    `settle`: the fills up to `executed` do not come. `closed`: nor does the amount that it ended with.
    `expiry`: an order is past its own `expires_at`.
    """

    client_order_id: str
    deadline: Literal["settle", "closed", "expiry"]
    executed: Decimal = ZERO


class Named(Event, frozen=True, kw_only=True):
    """An order of the account by whichever names a message gave: "" and `UNLISTED` were not said.

    No event of its own. Frozen for ever, like every base: a field more would move all others on disk.
    """

    exchange: str
    instrument: int = UNLISTED
    side: Side | Literal[""] = ""
    client_order_id: str = ""
    exchange_order_id: str = ""
    time_exchange: Nanos = 0
    """When it happened there; if that is not said, when the order was made."""


class OrderReported(Named, frozen=True, kw_only=True):
    """How an order is, by any channel. Everything is optional: None was not said."""

    says: Says = ""
    """`pending` proves nothing: it was taken at the door, and may be refused inside."""
    executed: Decimal | None = None
    """Since it was made, as are the next two."""
    value: Decimal | None = None
    fees: Fees | None = None
    amount: Decimal | None = None
    """Only where the exchange changed it, with"""
    revision: int = 0
    """its number or time, so that the newest wins."""
    reason: str = ""
    """A word of ours."""


class FillReported(Named, frozen=True, kw_only=True):
    """One execution, with the whole key: by every channel that reports it, `fill_id` is the same."""

    fill_id: str
    price: Decimal
    amount: Decimal
    value: Decimal | None = None
    """The exchange's own product of the two, where it says one."""
    fees: Fees | None = None
    """None: this channel does not say."""
    maker: bool | None = None


class FillReverted(Named, frozen=True, kw_only=True):
    """A fill was taken back: a busted trade, or a chain reorganised. Done again it has another id."""

    fill_id: str


class OrderNotFound(Named, frozen=True, kw_only=True):
    """The answer to a query, in so many words. An error is not this."""

    silent: Nanos = 0
    """When it was asked for, nothing had been heard of the order for so long. The kernel's to say."""
