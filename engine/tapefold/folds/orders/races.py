"""The table of races: every fact in every status that can be true, and what cannot be.

"" is the straight road; anything else is the race that makes it legal. What the table does not have is
an anomaly: joined like any fact, since money is money; counted, and the latest shown.
"""

from collections import deque
from typing import Final, Literal, TypeAlias

from tapefold.events import (
    DeadlinePassed,
    FillReported,
    FillReverted,
    OrderCancelRequested,
    OrderNotFound,
    OrderReported,
    RequestAnswered,
    Status,
)
from tapefold.folds.orders.evidence import OrderFact
from tapefold.folds.orders.order import Order

Kind: TypeAlias = Literal[
    "update",
    "pending",
    "open",
    "filled",
    "canceled",
    "expired",
    "rejected",
    "fill",
    "repeat",
    "reverted",
    "not_found",
    "cancel",
    "taken",
    "gone",
    "refused",
    "unanswered",
    "settle",
    "closed",
    "expiry",
    "submit",
]
"""What a fact is to an order: the columns. `repeat`: a fill that is known; `submit`: wanted once more."""
ANOMALIES_MAX: Final = 100
"""Kept to be looked at; the count goes on."""

_PAGE = "the page was taken before the news that we have"
_TWICE = "the same news by another channel"
_CROSSED = "asked or answered while the end was on the wire"
_SET = "the deadline was set before the end came"
_UNDONE = "the chain was reorganised, or the trade busted"
_WIRE = "traded while its end was on the wire; on chain, mined later"
_AGAIN = "another channel names the end differently, or the remainder, nothing, was canceled"
_ENDED: Final[dict[Kind, str]] = {
    "update": "",
    "repeat": _TWICE,
    "pending": _PAGE,
    "open": _PAGE,
    "not_found": "archived or purged",
    "cancel": _CROSSED,
    "gone": _CROSSED,
    "taken": _CROSSED,
    "refused": _CROSSED,
    "unanswered": _CROSSED,
    "settle": _SET,
    "closed": _SET,
    "expiry": _SET,
    "reverted": _UNDONE,
    "canceled": _AGAIN,
    "expired": _AGAIN,
}
"""Whatever the end."""
_LATE: Final[dict[Kind, str]] = {"fill": _WIRE, "filled": _WIRE, "rejected": _AGAIN}

RACES: Final[dict[Status, dict[Kind, str]]] = {
    "submitted": {
        "update": "",
        "pending": "",
        "open": "",
        "rejected": "",
        "unanswered": "",
        "cancel": "",
        "expiry": "",
        "fill": "the fill overtook the acknowledgement",
        "reverted": "so did the fill, and its reorganisation",
        "filled": "it took at once, and was done before its own reply",
        "canceled": "post-only, IOC or self-trade prevention: over before its own reply",
        "expired": "IOC or FOK: over before its own reply",
        "not_found": "the query overtook the order, or asked a part of the exchange that lags",
        "gone": "the cancel overtook the order: still wanted, and nothing to cancel yet",
        "taken": "the cancel was answered before the order was",
        "refused": "the cancel was answered before the order was",
    },
    "open": {
        "update": "",
        "open": "",
        "fill": "",
        "filled": "",
        "canceled": "",
        "expired": "",
        "cancel": "",
        "taken": "",
        "refused": "",
        "settle": "",
        "expiry": "",
        "repeat": _TWICE,
        "reverted": _UNDONE,
        "pending": "the reply is slower than the stream",
        "unanswered": "the reply was lost and the stream was not; or a cancel timed out",
        "rejected": "taken at the door, refused by the matcher",
        "not_found": "a part of the exchange that lags was asked",
        "gone": "it has just ended, and its last word is on the way; or the cancel overtook it",
    },
    "closing": {**_ENDED, **_LATE, "fill": "", "filled": "", "settle": "", "closed": ""},
    "filled": {**_ENDED, "filled": ""},
    "canceled": {**_ENDED, **_LATE, "canceled": ""},
    "expired": {**_ENDED, **_LATE, "expired": ""},
    "rejected": {**_ENDED, "rejected": "", "open": "refused by the matcher, and the news crossed"},
}
"""By status, what may come, and why."""


_PLAIN: Final[dict[type[OrderFact], Kind]] = {
    FillReverted: "reverted",
    OrderNotFound: "not_found",
    OrderCancelRequested: "cancel",
}


def kind(order: Order, fact: OrderFact) -> Kind:
    """The column of a fact about *order*, before it is taken in."""
    match fact:
        case FillReported():
            return "repeat" if fact.fill_id in order.evidence.fills else "fill"
        case OrderReported():
            return fact.says or "update"
        case RequestAnswered():
            return fact.outcome
        case DeadlinePassed():
            return fact.deadline
        case FillReverted() | OrderNotFound() | OrderCancelRequested():
            return _PLAIN[type(fact)]


class Anomalies:
    """What cannot be true of an order of ours, and was said: how many, and the latest of them."""

    def __init__(self) -> None:
        self.count = 0
        self.latest: deque[tuple[str, Status, Kind]] = deque(maxlen=ANOMALIES_MAX)
        """Client order id, status, and what came."""

    def note(self, client_order_id: str, status: Status, what: Kind) -> None:
        """One more."""
        self.count += 1
        self.latest.append((client_order_id, status, what))
