"""Facts about one order, and a small account that hears them.

An `Account` is a log and the fold of orders, with the kernel's one rule: after the facts of a frame
all that is to be told is appended and applied, too. The order is `c` to us and `e` to the exchange.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from tapefold.events import (
    AccountWatched,
    AnyEvent,
    Conclusion,
    DeadlinePassed,
    FillCorrected,
    FillReported,
    FillReverted,
    FillTold,
    ForeignOrderSeen,
    OrderAccepted,
    OrderCanceled,
    OrderCancelRejected,
    OrderCancelRequested,
    OrderCompleted,
    OrderCorrected,
    OrderDoubted,
    OrderEnded,
    OrderExpired,
    OrderFilled,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderSubmitted,
    Outcome,
    RequestAnswered,
    Says,
    Status,
)
from tapefold.folds.orders import Order, Orders, State, Sum
from tapefold.units import SECOND, fixed, tidy

X: Final = "x"
INSTRUMENT: Final = 7
ENDINGS: Final[dict[type[OrderEnded], Status]] = {
    OrderCompleted: "filled",
    OrderCanceled: "canceled",
    OrderExpired: "expired",
    OrderRejected: "rejected",
}
LETTERS: Final[dict[type, str]] = {
    OrderAccepted: "A",
    OrderFilled: "F",
    FillCorrected: "w",
    OrderCorrected: "C",
    **dict.fromkeys(ENDINGS, "E"),
}
_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_decode = msgspec.msgpack.Decoder(State).decode


# Facts


def dec(number: object) -> Decimal:
    """One number, one representation, as at the door."""
    return tidy(Decimal(str(number)))


def watched(exchange: str = X, **more: Any) -> AccountWatched:
    rules: dict[str, Any] = {
        "missing_max": 3,
        "grace": 10 * SECOND,
        "settle": 30 * SECOND,
        "closed": 120 * SECOND,
    }
    return AccountWatched(exchange=exchange, **{**rules, **more})


RULES: Final = (
    watched(),
    watched("steps", cumulative=True),
    watched("purge", purges=True),
    watched("chain", expires_silently=True),
)


def submitted(**more: Any) -> OrderSubmitted:
    """We want to buy 1 at 100."""
    fields: dict[str, Any] = {
        "exchange": X,
        "instrument": INSTRUMENT,
        "client_order_id": "c",
        "side": "buy",
        "order_type": "limit",
        "tif": "gtc",
        "amount": dec(1),
        "price": dec(100),
        "hold": dec(100),
        **more,
    }
    return OrderSubmitted(**fields)


def said(
    says: Says = "", executed: object = None, value: object = None, **more: Any
) -> OrderReported:
    """The exchange says how the order is."""
    fields: dict[str, Any] = {
        "exchange": X,
        "client_order_id": "c",
        "exchange_order_id": "e",
        "says": says,
        "executed": None if executed is None else dec(executed),
        "value": None if value is None else dec(value),
        **more,
    }
    return OrderReported(**fields)


def fill(fill_id: str, amount: object, price: object = 100, **more: Any) -> FillReported:
    """The exchange reports an execution, with a fee of a thousandth."""
    fields: dict[str, Any] = {
        "exchange": X,
        "instrument": INSTRUMENT,
        "side": "buy",
        "client_order_id": "c",
        "exchange_order_id": "e",
        "fill_id": fill_id,
        "amount": dec(amount),
        "price": dec(price),
        "fees": (("ETH", dec(Decimal("0.001") * dec(amount))),),
        **more,
    }
    return FillReported(**fields)


def reverted(fill_id: str) -> FillReverted:
    return FillReverted(exchange=X, client_order_id="c", exchange_order_id="e", fill_id=fill_id)


def missing(silent: int, **more: Any) -> OrderNotFound:
    """It is not found, *silent* seconds after the last sign of life."""
    fields: dict[str, Any] = {"exchange": X, "client_order_id": "c", "silent": silent * SECOND}
    return OrderNotFound(**{**fields, **more})


def cancel(request: int = 1) -> OrderCancelRequested:
    return OrderCancelRequested(client_order_id="c", request=request)


def answer(outcome: Outcome, request: int = 1, reason: str = "") -> RequestAnswered:
    return RequestAnswered(client_order_id="c", request=request, outcome=outcome, reason=reason)


def settle(executed: object) -> DeadlinePassed:
    return DeadlinePassed(client_order_id="c", deadline="settle", executed=dec(executed))


def closed(executed: object) -> DeadlinePassed:
    return DeadlinePassed(client_order_id="c", deadline="closed", executed=dec(executed))


EXPIRY: Final = DeadlinePassed(client_order_id="c", deadline="expiry")
NAMELESS: Final[dict[str, Any]] = {"client_order_id": "", "exchange_order_id": "e"}
"""A message that names the order by the exchange's id alone."""


# An account


class Account:
    """A log and the fold of orders."""

    def __init__(self, *facts: AnyEvent, keep_max: int = 4096) -> None:
        self.log: list[AnyEvent] = []
        self.orders = Orders(keep_max)
        for rules in RULES:
            self._append(rules)
        for fact in facts:
            self.frame(fact)

    @classmethod
    def started(cls, log: Sequence[AnyEvent], keep_max: int = 4096) -> "Account":
        """A run on a log that is there: what was not told yet is told now."""
        account = cls.__new__(cls)
        account.log, account.orders = [], Orders(keep_max)
        for event in log:
            account._append(event)
        account._tell(everything=True)
        return account

    def frame(self, *facts: AnyEvent) -> list[AnyEvent]:
        """What comes at once; what it makes us say."""
        for fact in facts:
            self._append(fact)
        return self._tell()

    def _append(self, event: AnyEvent) -> None:
        self.log.append(event)
        self.orders.apply(event)

    def _tell(self, *, everything: bool = False) -> list[AnyEvent]:
        news = self.orders.news(everything)
        for event in news:
            self._append(event)
        assert not self.orders.touched
        return news

    @property
    def order(self) -> Order:
        """The order that the stories are about."""
        return self.orders.ours["c"]

    @property
    def told(self) -> list[str]:
        """All conclusions as words."""
        return words(self.log)

    @property
    def letters(self) -> str:
        """The life of the order."""
        return "".join(
            LETTERS.get(type(event), "")
            for event in self.log
            if isinstance(event, Conclusion) and event.client_order_id == "c"
        )

    def bytes(self) -> bytes:
        """The fold, canonically."""
        return _encode(self.orders.state())

    def restored(self) -> Orders:
        """Another fold, from the bytes of this one."""
        orders = Orders(self.orders.keep_max)
        orders.restore(_decode(self.bytes()))
        return orders


def words(events: Iterable[AnyEvent]) -> list[str]:
    """The conclusions among them, each in a word or two."""
    return [word(event) for event in events if isinstance(event, Conclusion)]


def word(event: Conclusion) -> str:
    """A conclusion in a word or two."""
    name, inner = type(event).__name__.removeprefix("Order"), None
    match event:
        case OrderFilled():
            marks = " inferred" * event.inferred + " late" * event.late
            inner = f"{fixed(event.amount)}{marks}"
        case FillCorrected():
            inner = fixed(event.amount)
        case OrderCorrected():
            inner = f"{event.status} {fixed(event.executed)}"
        case OrderEnded():
            inner = fixed(event.executed)
        case OrderDoubted():
            inner = event.doubt
        case OrderCancelRejected():
            inner = event.reason
        case ForeignOrderSeen():
            inner = event.exchange_order_id
        case _:
            pass
    return name if inner is None else f"{name}({inner})"


def net(log: Iterable[AnyEvent]) -> dict[str, Sum]:
    """What was told of our order's fills, added up."""
    sums: dict[str, Sum] = {}
    for event in log:
        if isinstance(event, FillTold) and event.client_order_id:
            more = Sum(event.amount, event.value, event.fees)
            sums[event.fill_id] = sums.get(event.fill_id, Sum()).plus(more)
    return {fill_id: each for fill_id, each in sums.items() if each != Sum()}
