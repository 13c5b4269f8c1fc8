"""Events of orders as sentences: what happened, to which order, and how much of what."""

from collections.abc import Callable
from typing import Any, Final

from tapefold.cli.accounts import type_told
from tapefold.cli.known import Known, about, fees_told, several, why
from tapefold.cli.money import SENTENCES as OF_MONEY
from tapefold.cli.when import span
from tapefold.events import (
    AnyEvent,
    DeadlinePassed,
    Doubt,
    FillCorrected,
    FillReported,
    FillReverted,
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
    RequestAnswered,
)

DOUBTS: Final[dict[Doubt, str]] = {
    "": "nothing about it is in doubt any more",
    "unanswered": "in doubt: nobody has said whether it arrived",
    "lost": "in doubt: the exchange does not find it",
    "unreconciled": "in doubt: what it executed does not add up yet",
    "overfilled": "in doubt: more of it was executed than was wanted",
}
_WHEN_REVERTED: Final = {
    "reverted": "the exchange took it back",
    "trades_came": "its trades have come",
    "better_known": "it is better known now",
}
_WAITS: Final = {
    "settle": "the trades that are missing were waited for long enough",
    "closed": "word of how much it executed was waited for long enough",
    "expiry": "its own time is over",
}


def sentence(event: AnyEvent, known: Known) -> str:
    """An event of orders or money; empty for any other."""
    tell = _SENTENCES.get(type(event))
    if tell is None:
        return ""
    subject = about(event, known)
    return f"{subject}: {tell(event, known)}" if subject else tell(event, known)


# What we asked


def _submitted(event: OrderSubmitted, known: Known) -> str:
    parts = [_wanted(event, known), type_told(event.order_type, event.tif)]
    if event.exchange_order_id:
        parts = [f"order {event.exchange_order_id} of the exchange is ours from here on", *parts]
    if event.fees:
        parts.append(f"fee about {several(event.fees)}")
    if event.by != "caller":
        parts.append(f"wanted by {event.by}")
    return ", ".join(parts)


def _wanted(event: OrderSubmitted, known: Known) -> str:
    if event.amount is not None:
        what = f"{event.side} {known.base(event, event.amount)}"
    elif event.quote_amount is not None:
        what = f"{event.side} for {known.quote(event, event.quote_amount)}"
    else:
        what = event.side
    return what + (f" at {known.quote(event, event.price)}" if event.price is not None else "")


def _answered(event: RequestAnswered, known: Known) -> str:
    what = "cancel" if event.request else "order"
    told = {
        "taken": f"the exchange takes the {what}",
        "gone": "the exchange has nothing to cancel",
        "refused": f"the {what} is refused for good",
        "unanswered": f"nobody says what became of the {what}",
    }
    return told[event.outcome] + why(event.reason)


def _waited(event: DeadlinePassed, known: Known) -> str:
    believed = f", {known.base(event, event.executed)} were executed"
    return _WAITS[event.deadline] + (believed if event.deadline != "expiry" else "")


# What an exchange said of an order


def _reported(event: OrderReported, known: Known) -> str:
    parts = [f"said to be {event.says}" if event.says else "news of it"]
    if event.executed is not None:
        worth = f" for {known.quote(event, event.value)}" if event.value is not None else ""
        parts.append(f"executed {known.base(event, event.executed)}{worth}")
    if event.fees:
        parts.append(f"fee {several(event.fees)}")
    if event.amount is not None:
        parts.append(f"its size is now {known.base(event, event.amount)}")
    return ", ".join(parts) + why(event.reason)


def _traded(event: FillReported, known: Known) -> str:
    side = f"{event.side} " if event.side else ""
    amount, price = known.base(event, event.amount), known.quote(event, event.price)
    maker = {None: "", True: ", as a maker", False: ", as a taker"}[event.maker]
    return f"trade {event.fill_id}, {side}{amount} at {price}{fees_told(event.fees)}{maker}"


def _not_found(event: OrderNotFound, known: Known) -> str:
    silent = f", {span(event.silent)} after its last sign of life" if event.silent else ""
    return f"the exchange does not find it{silent}"


# What we hold to be true of an order


def _filled(event: OrderFilled, known: Known) -> str:
    did = {"buy": "bought", "sell": "sold"}[event.side]
    amount, value = known.base(event, event.amount), known.quote(event, event.value)
    text = f"{did} {amount} at {known.quote(event, event.price)} for {value}{fees_told(event.fees)}"
    inferred = ", inferred from what the exchange states" if event.inferred else ""
    late = ", after its end" if event.late else ""
    return f"{text}, executed {known.base(event, event.executed)} so far{inferred}{late}"


def _corrected(event: FillCorrected, known: Known) -> str:
    amount, value = known.base(event, event.amount), known.quote(event, event.value)
    fees = fees_told(event.fees, ", of its fee ")
    return f"fill {event.fill_id} changes by {amount} and {value}{fees}: {_WHEN_REVERTED[event.reason]}"


def _ended(word: str) -> Callable[[OrderEnded, Known], str]:
    return lambda event, known: f"{word}, {_sums(event, known)}{why(event.reason)}"


def _sums(event: OrderEnded, known: Known) -> str:
    if not event.executed:
        return "nothing executed"
    amount, value = known.base(event, event.executed), known.quote(event, event.value)
    return f"executed {amount} for {value}{fees_told(event.fees)}"


_SENTENCES: Final[dict[type, Callable[[Any, Known], str]]] = {
    **OF_MONEY,
    OrderSubmitted: _submitted,
    OrderCancelRequested: lambda e, _: f"its cancel is asked for, request {e.request}",
    RequestAnswered: _answered,
    DeadlinePassed: _waited,
    OrderReported: _reported,
    FillReported: _traded,
    FillReverted: lambda e, _: f"trade {e.fill_id} is taken back",
    OrderNotFound: _not_found,
    OrderAccepted: lambda e, _: "it is on the exchange",
    OrderFilled: _filled,
    FillCorrected: _corrected,
    OrderCompleted: _ended("filled"),
    OrderCanceled: _ended("canceled"),
    OrderExpired: _ended("expired"),
    OrderRejected: _ended("rejected"),
    OrderCorrected: lambda e, known: (
        f"it is {e.status} after all, {_sums(e, known)}{why(e.reason)}"
    ),
    OrderDoubted: lambda e, _: DOUBTS[e.doubt],
    OrderCancelRejected: lambda e, _: f"its cancel is refused, and it lives{why(e.reason)}",
    ForeignOrderSeen: lambda e, _: f"a {e.side} order on the account, and not ours",
}
