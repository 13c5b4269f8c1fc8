"""What must hold after every telling of the story, whatever went wrong: a name and a sentence each.

A law is given all that was seen, and says in sentences what was not as it must be.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from tapefold.adapter import CancelAll, Submit
from tapefold.events import (
    ZERO,
    Conclusion,
    FillCorrected,
    FillTold,
    FrameRejected,
    OrderAccepted,
    OrderCanceled,
    OrderCompleted,
    OrderCorrected,
    OrderEnded,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderSubmitted,
)
from tapefold.folds.orders import Sum
from tapefold.sim import Order as There
from tapefold.sim.agreement import disagreements
from tapefold.testing.conformance.order_story import FOREIGN, ORDERS, SPEC
from tapefold.testing.conformance.order_telling import Seen
from tapefold.units import SECOND, exactly, fixed

LETTERS: Final[dict[type, str]] = {
    OrderAccepted: "A",
    OrderFilled: "F",
    FillCorrected: "w",
    OrderCompleted: "E",
    OrderCanceled: "E",
    OrderExpired: "E",
    OrderRejected: "E",
    OrderCorrected: "C",
}
_WORDS: Final[dict[type, str]] = {
    OrderCompleted: "filled",
    OrderCanceled: "canceled",
    OrderExpired: "expired",
    OrderRejected: "rejected",
}
LIFE: Final = re.compile(r"(A[Fw]*)?(E([Fw]*C)*)?")
"""One life: accepted, fills, the one end, and what is corrected after it."""
_ENDS: Final[dict[type, tuple[str, ...]]] = {
    OrderCompleted: ("filled",),
    OrderCanceled: ("canceled", "prevented"),
    OrderExpired: ("expired", "prevented"),
    OrderRejected: (),
}
"""What an order must be there whose end was told so."""


SENT_MAX: Final = 5 * SECOND
"""An order that waited longer than this is not sent any more: its price is old."""


def _there(seen: Seen) -> list[There]:
    """The account's orders, but for the one that its owner placed elsewhere."""
    orders = seen.venue.orders(seen.holder)
    return [order for order in orders if order.wish.client_order_id != FOREIGN]


def _traded(order: There) -> Sum:
    with exactly():
        return Sum.of(
            Sum(SPEC.amount(f.size), f.value, ((f.fee_asset, f.fee),) if f.fee else ())
            for f in order.fills
        )


def no_double_order(seen: Seen) -> Iterator[str]:
    """By the names of orders, and by what they are: each of the story has an amount of its own."""
    there = _there(seen)
    for name, times in Counter(order.wish.client_order_id for order in there).items():
        if times > 1:
            yield f"{name} was placed {times} times"
    wanted = Counter(c.by for c in seen.commands if isinstance(c, Submit))
    words = {amount: word for word, amount in ORDERS.items()}
    placed = Counter(words.get(fixed(SPEC.amount(order.size)), "?") for order in there)
    for word, times in placed.items():
        if times > wanted[word]:
            yield f"{word!r} was wanted {wanted[word]} times, and placed {times} times"


def not_resent(seen: Seen) -> Iterator[str]:
    """Neither after a time-out or a refusal, nor after a restart."""
    born = {
        record.event.client_order_id: record.time_received
        for record in seen.records
        if isinstance(record.event, OrderSubmitted)
    }
    sent: dict[str, int] = {}
    for asked in seen.asked:
        name = asked.request.subject
        if asked.request.purpose != "place":
            continue
        if name in sent:
            yield f"{name} was sent again in run {asked.run}, after run {sent[name]}"
        elif asked.time - born.get(name, asked.time) > SENT_MAX:
            yield f"{name} was sent long after it was wanted"
        sent[name] = asked.run


def intent_first(seen: Seen) -> Iterator[str]:
    """`OrderSubmitted` is in the log when its request leaves."""
    for name in seen.unlogged:
        yield f"{name} left before the log had it"


def fills_once(seen: Seen) -> Iterator[str]:
    """Each with its id, and all of them with their money."""
    there = {order.wish.client_order_id: order for order in _there(seen)}
    told: dict[str, list[FillTold]] = {}
    for event in seen.events:
        if isinstance(event, FillTold) and event.client_order_id:
            told.setdefault(event.client_order_id, []).append(event)
    for name in [*dict.fromkeys([*there, *told])]:
        order = there.get(name)
        yield from _fills(name, told.get(name, []), _traded(order) if order else Sum())


def _fills(name: str, told: list[FillTold], truly: Sum) -> Iterator[str]:
    news = [event for event in told if isinstance(event, OrderFilled)]
    for fill_id, times in Counter(e.fill_id for e in news if not e.inferred).items():
        if times > 1:
            yield f"{name}: the fill {fill_id} was told {times} times"
    if any(event.amount <= 0 or event.value <= 0 for event in news):
        yield f"{name}: a fill of nothing, or for nothing, was told"
    with exactly():
        inferred = sum((event.amount for event in news if event.inferred), ZERO)
        sums = Sum.of(Sum(event.amount, event.value, event.fees) for event in told)
    if inferred > truly.amount:
        yield f"{name}: {fixed(inferred)} was inferred, and {fixed(truly.amount)} traded"
    if len({event.fill_id for event in news if event.inferred}) > 1:
        yield f"{name}: what was inferred was told under several ids"
    if sums != truly:
        yield f"{name}: told fills come to {_money(sums)}, there they are {_money(truly)}"


def _money(money: Sum) -> str:
    fees = " and ".join(f"{fixed(fee)} {asset}" for asset, fee in money.fees) or "nothing"
    return f"{fixed(money.amount)} for {fixed(money.value)} less {fees}"


def one_end(seen: Seen) -> Iterator[str]:
    """Told once, after its fills, and the true one."""
    lives: dict[str, str] = {}
    sums: dict[str, Sum] = {}
    ends: dict[str, OrderEnded] = {}
    for event in seen.events:
        if not isinstance(event, Conclusion) or not event.client_order_id:
            continue
        name = event.client_order_id
        lives[name] = lives.get(name, "") + LETTERS.get(type(event), "")
        if isinstance(event, FillTold):
            with exactly():
                more = Sum(event.amount, event.value, event.fees)
                sums[name] = sums.get(name, Sum()).plus(more)
        if isinstance(event, OrderEnded) and type(event) in _ENDS and name not in ends:
            ends[name] = event
            if event.executed != sums.get(name, Sum()).amount:
                yield f"{name}: its end says {fixed(event.executed)}, which its fills do not"
        end = ends.get(name)
        if end and isinstance(event, OrderCorrected) and event.status != _WORDS[type(end)]:
            yield f"{name}: {type(end).__name__} was told, and then {event.status}"
    for name, life in lives.items():
        if not LIFE.fullmatch(life):
            yield f"{name}: a life of {life}"
    yield from _false_ends(seen, ends)


def _false_ends(seen: Seen, ends: dict[str, OrderEnded]) -> Iterator[str]:
    there = {order.wish.client_order_id: order for order in _there(seen)}
    for name, end in ends.items():
        order, said = there.get(name), type(end).__name__
        if order is None:
            if not isinstance(end, OrderRejected):
                yield f"{name}: {said} was told of what was never there"
            continue
        if order.state not in _ENDS[type(end)]:
            yield f"{name}: {said} was told, and there it is {order.state}"
        elif end.executed != SPEC.amount(order.done):
            there_is = fixed(SPEC.amount(order.done))
            yield f"{name}: {said} of {fixed(end.executed)} was told, there it is {there_is}"


def ends_told(seen: Seen) -> Iterator[str]:
    """Of every order that has ended there; and none that was wanted is left without one."""
    told = {e.client_order_id for e in seen.events if isinstance(e, OrderEnded)}
    for order in _there(seen):
        name = order.wish.client_order_id
        if order.state != "open" and name not in told:
            yield f"{name}: it is {order.state} there, and no end was told"
    for event in seen.events:
        if isinstance(event, OrderSubmitted) and event.client_order_id not in told:
            known = seen.views.orders.find(event.client_order_id)
            if known is None or known.status in ("submitted", "closing"):
                yield f"{event.client_order_id}: nobody knows what became of it"


def nothing_left(seen: Seen) -> Iterator[str]:
    """The story ends with a cancel-all."""
    if not any(isinstance(command, CancelAll) for command in seen.commands):
        return
    for order in _there(seen):
        if order.state == "open":
            yield f"{order.wish.client_order_id} is still open there"


def _apart(seen: Seen, *, of_orders: bool) -> Iterator[str]:
    said = disagreements(seen.views, seen.exchange, seen.venue, seen.holder, books=False)
    for each in said:
        if each.startswith(("order ", "somebody's order ")) == of_orders:
            yield each


def orders_agree(seen: Seen) -> Iterator[str]:
    """At rest, to the last digit."""
    yield from _apart(seen, of_orders=True)


def money_agrees(seen: Seen) -> Iterator[str]:
    """At rest, to the last digit: in all, free and held."""
    yield from _apart(seen, of_orders=False)


def readable(seen: Seen) -> Iterator[str]:
    """Nothing that an exchange says is beyond its adapter."""
    for event in seen.events:
        if isinstance(event, FrameRejected):
            yield f"a frame on {event.lane} could not be read: {event.reason}"


def foreign_left_alone(seen: Seen) -> Iterator[str]:
    """An order that somebody placed by hand is nobody's to cancel."""
    for order in seen.venue.orders(seen.holder):
        if order.wish.client_order_id == FOREIGN and order.state != "open":
            yield f"the order placed by hand is {order.state}"
