"""Conclusions: what we hold to be true of orders and money.

Logged in the same step as the facts that led to them. Strategies, balances, positions, scenarios and
followers hear conclusions and nothing else. One life of an order is `A? (F|w)* [E ((F|w)* C)*]`:
accepted, fills and corrections of fills, the one end, and what is corrected after it.
"""

from decimal import Decimal
from typing import Literal, TypeAlias

from tapefold.events.base import Event
from tapefold.events.orders import Fees
from tapefold.units import Nanos, Side

Status: TypeAlias = Literal[
    "submitted", "open", "closing", "filled", "canceled", "expired", "rejected"
]
Doubt: TypeAlias = Literal["", "unanswered", "lost", "unreconciled", "overfilled"]


class Conclusion(Event, frozen=True, kw_only=True):
    """What every conclusion about an order says. Frozen for ever, like every base."""

    client_order_id: str = ""
    """Empty for an order that is not ours."""
    time_exchange: Nanos = 0
    """When it happened there, by the newest fact that it rests on; 0 where none said so."""


class OrderAccepted(Conclusion, frozen=True, kw_only=True):
    """It was on the exchange. Told before its first fill, even where no acknowledgement came."""


class FillTold(Conclusion, frozen=True, kw_only=True):
    """The money of one fill. Balances and positions add these up. Frozen for ever, like every base."""

    exchange: str
    instrument: int
    side: Side
    exchange_order_id: str
    fill_id: str
    amount: Decimal
    """Of base, signed only where it corrects."""
    value: Decimal
    """Of quote."""
    fees: Fees


class OrderFilled(FillTold, frozen=True, kw_only=True):
    """One fill, once for each fill id."""

    price: Decimal
    executed: Decimal
    """Of the order, with this one."""
    inferred: bool = False
    """Made from a cumulative statement, since no trade came."""
    late: bool = False
    """After the end was told."""


class FillCorrected(FillTold, frozen=True, kw_only=True):
    """A fill that was told is better known, or gives way to the trades it stood for: the difference."""

    reason: Literal["reverted", "trades_came", "better_known"]


class OrderEnded(Conclusion, frozen=True, kw_only=True):
    """What every end says. Frozen for ever, like every base."""

    executed: Decimal
    value: Decimal
    fees: Fees
    reason: str = ""
    """A word of ours."""


class OrderCompleted(OrderEnded, frozen=True, kw_only=True):
    """All of it was filled."""


class OrderCanceled(OrderEnded, frozen=True, kw_only=True):
    """Its remainder was canceled."""


class OrderExpired(OrderEnded, frozen=True, kw_only=True):
    """Its remainder ended by itself: its time was over, or it was not to wait."""


class OrderRejected(OrderEnded, frozen=True, kw_only=True):
    """It never came to be."""


class OrderCorrected(OrderEnded, frozen=True, kw_only=True):
    """What was told at the end no longer holds; this does."""

    status: Status


class OrderDoubted(Conclusion, frozen=True, kw_only=True):
    """Something about it is not known; empty when it is known again. A notice, and no change."""

    doubt: Doubt


class OrderCancelRejected(Conclusion, frozen=True, kw_only=True):
    """A cancel was refused for good, and the order lives."""

    request: int
    reason: str


class ForeignOrderSeen(Conclusion, frozen=True, kw_only=True):
    """An order on our account that is not ours."""

    exchange: str
    instrument: int
    side: Side
    exchange_order_id: str


class BalanceAdjusted(Event, frozen=True, kw_only=True):
    """The exchange stated twice, some time apart, what our sums do not explain: it is right."""

    exchange: str
    asset: str
    delta: Decimal


class CancelAllEnded(Event, frozen=True, kw_only=True):
    """A cancel-all is over: each of its orders has ended, or its time has."""

    exchange: str
    ended: tuple[str, ...]
    """Client order ids, in the order in which they were submitted, like those that are"""
    left: tuple[str, ...]
    """still alive, or in doubt."""
