"""What has been proven about one order. It only grows, and the order in which it grows cannot matter."""

from collections.abc import Iterable
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from msgspec import Struct, field

from tapefold.events import (
    ZERO,
    DeadlinePassed,
    Fees,
    FillReported,
    FillReverted,
    OrderCancelRequested,
    OrderNotFound,
    OrderReported,
    RequestAnswered,
    Status,
)
from tapefold.units import Nanos, tidy

OrderFact: TypeAlias = (
    OrderReported
    | FillReported
    | FillReverted
    | OrderNotFound
    | OrderCancelRequested
    | RequestAnswered
    | DeadlinePassed
)
"""A fact about an order that is known, or about a stranger."""
ENDS: Final[tuple[Status, ...]] = ("rejected", "expired", "canceled", "filled")
"""How an order may end. Where several are claimed the first holds: the one that says most."""
INFERRED: Final = "inferred"
"""The fill id of what is stated to have been executed and of which no trade came."""


class _Ordered(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...


T = TypeVar("T", bound=_Ordered)


def most(a: T | None, b: T | None) -> T | None:
    """The greater of two; None was not said."""
    if a is None or b is None:
        return b if a is None else a
    return max(a, b)


class Sum(Struct, frozen=True, array_like=True):
    """Some executions together, exactly: base, quote, and fees by asset without those of zero."""

    amount: Decimal = ZERO
    value: Decimal = ZERO
    fees: Fees = ()

    @classmethod
    def of(cls, sums: "Iterable[Sum]") -> "Sum":
        """All of them together."""
        amount = value = ZERO
        fees: dict[str, Decimal] = {}
        for each in sums:
            amount += each.amount
            value += each.value
            for asset, fee in each.fees:
                fees[asset] = fees.get(asset, ZERO) + fee
        kept: Fees = ()
        if fees:
            kept = tuple((asset, tidy(fees[asset])) for asset in sorted(fees) if fees[asset])
        return cls(tidy(amount), tidy(value), kept)

    def plus(self, more: "Sum") -> "Sum":
        """Both."""
        return Sum.of((self, more))

    def minus(self, less: "Sum") -> "Sum":
        """Without that one; it may be negative."""
        fees = tuple((asset, -fee) for asset, fee in less.fees)
        return Sum.of((self, Sum(-less.amount, -less.value, fees)))


NONE: Final = Sum()
"""Nothing executed."""


class Fill(Struct, frozen=True, dict=True, array_like=True):
    """One execution, as well as it is known; value and fees are None while nobody has said them."""

    amount: Decimal
    price: Decimal
    value: Decimal | None = None
    fees: Fees | None = None
    time_exchange: Nanos = 0

    def join(self, other: "Fill") -> "Fill":
        """The same fill by two channels: what either knows.

        Where they contradict each other it is the same one of them, whichever came first.
        """
        amount, price = max((self.amount, self.price), (other.amount, other.price))
        return Fill(
            amount,
            price,
            most(self.value, other.value),
            most(self.fees, other.fees),
            max(self.time_exchange, other.time_exchange),
        )

    @cached_property
    def money(self) -> Sum:
        """What it moved. The exchange's own value wins over price times amount: some round it."""
        value = self.price * self.amount if self.value is None else self.value
        return Sum.of((Sum(self.amount, value, self.fees or ()),))


class Evidence(Struct, array_like=True):
    """Each field is a maximum or a union, so `join` is a least upper bound: any order, any repetition."""

    seen: bool = False
    """It was on the exchange."""
    claims: dict[Status, str] = field(default_factory=dict[Status, str])
    """How it is said to have ended, and why."""
    executed: Decimal = ZERO
    """The greatest amount that was stated to be executed."""
    valued: tuple[Decimal, Decimal] | None = None
    """The greatest for which a value was stated, and that value."""
    charged: tuple[Decimal, Fees] | None = None
    """The greatest for which fees were stated, and those fees."""
    final: Decimal | None = None
    """What it executed, by a message that says that it ended."""
    amount: tuple[int, Decimal] | None = None
    """The newest revision of its size, and that size."""
    fills: dict[str, Fill] = field(default_factory=dict[str, Fill])
    reverted: dict[str, None] = field(default_factory=dict[str, None])
    """Fills that were taken back, for ever."""
    settled: Decimal = Decimal(-1)
    """We waited long enough for the fills up to this amount."""
    expired: bool = False
    """Its own time is over."""
    latest: Nanos = 0
    """The newest time of the exchange."""

    def join(self, new: "Evidence") -> None:
        """Take in what something else proves."""
        self.seen |= new.seen
        self.expired |= new.expired
        self.executed = max(self.executed, new.executed)
        if new.valued is not None:
            self.valued = most(self.valued, new.valued)
        if new.charged is not None:
            self.charged = most(self.charged, new.charged)
        if new.final is not None:
            self.final = most(self.final, new.final)
        if new.amount is not None:
            self.amount = most(self.amount, new.amount)
        self.settled = max(self.settled, new.settled)
        self.latest = max(self.latest, new.latest)
        for claim, reason in new.claims.items():
            self.claims[claim] = max(self.claims.get(claim, ""), reason)
        self.reverted.update(new.reverted)
        for fill_id, fill in new.fills.items():
            old = self.fills.get(fill_id)
            self.fills[fill_id] = old.join(fill) if old else fill

    @property
    def owes_fees(self) -> bool:
        """A fill counts whose fee nobody has said."""
        return None in [fill.fees for key, fill in self.fills.items() if key not in self.reverted]

    def copy(self) -> "Evidence":
        """The same, and from here on its own."""
        new = Evidence()
        new.join(self)
        return new


def evidence(fact: OrderFact) -> Evidence:
    """What one fact proves: all the rules of evidence."""
    match fact:
        case FillReported():
            fill = Fill(fact.amount, fact.price, fact.value, fact.fees, fact.time_exchange)
            return Evidence(seen=True, fills={fact.fill_id: fill}, latest=fact.time_exchange)
        case OrderReported():
            return _reported(fact)
        case FillReverted():
            back: dict[str, None] = {fact.fill_id: None}
            return Evidence(seen=True, reverted=back, latest=fact.time_exchange)
        case DeadlinePassed():
            return _waited(fact)
        case OrderNotFound() | OrderCancelRequested() | RequestAnswered():
            return Evidence()  # what we asked, and that nothing was found, prove nothing about it


def _waited(fact: DeadlinePassed) -> Evidence:
    if fact.deadline == "expiry":
        return Evidence(expired=True)
    final = fact.executed if fact.deadline == "closed" else None
    return Evidence(settled=fact.executed, final=final)


def _reported(fact: OrderReported) -> Evidence:
    executed = ZERO if fact.says == "rejected" and fact.executed is None else fact.executed
    # Pending is the gateway's word, and a refusal may come from the door: neither was on the exchange.
    seen = fact.says not in ("", "pending", "rejected") or bool(executed)
    new = Evidence(seen=seen, latest=fact.time_exchange)
    if fact.says in ("filled", "canceled", "expired", "rejected"):
        new.claims[fact.says] = fact.reason
        new.final = executed
    if fact.amount is not None:
        new.amount = fact.revision, fact.amount
    if executed is not None:
        new.executed = executed
        new.valued = None if fact.value is None else (executed, fact.value)
        new.charged = None if fact.fees is None else (executed, fact.fees)
    return new
