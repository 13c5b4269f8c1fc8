"""Walking an order's records: what each is in its story, what led to it, and what it all came to."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tapefold.events import (
    UNLISTED,
    AccountRequestFailed,
    AccountWatched,
    AnyEvent,
    BookDelta,
    BookSnapshot,
    CancelAllEnded,
    Conclusion,
    DeadlinePassed,
    FillCorrected,
    FillTold,
    InstrumentListed,
    OrderCancelRejected,
    OrderCancelRequested,
    OrderCorrected,
    OrderDoubted,
    OrderEnded,
    OrderReported,
    OrderSubmitted,
    Quote,
    RequestAnswered,
    RunStarted,
    StrategyFailed,
    Trade,
    TradingHalted,
)
from tapefold.folds.orders import RACES, Order, Sum
from tapefold.folds.orders import Orders as Fold
from tapefold.folds.orders.evidence import OrderFact
from tapefold.folds.orders.races import kind
from tapefold.inquiry.story import Role, Sent, Step, Trigger, Why
from tapefold.inquiry.trail import Found
from tapefold.units import Nanos, exactly

NEVER_LEFT: Final = ("not_sent", "never_sent")
"""Reasons of a rejection that say that the request never left."""
_ROLES: Final[dict[type[AnyEvent], Role]] = {
    RunStarted: "run",
    OrderSubmitted: "intent",
    OrderCancelRequested: "asked",
    RequestAnswered: "answered",
    DeadlinePassed: "waited",
    OrderCorrected: "correction",
    FillCorrected: "correction",
    OrderDoubted: "doubt",
    CancelAllEnded: "conclusion",
}
_LEADING: Final[tuple[Role, ...]] = ("intent", "asked", "answered", "fact", "waited")
"""Steps that conclusions are drawn from."""


class Sought(NamedTuple):
    """Which order is walked."""

    client_order_id: str
    exchange: str
    instrument: int
    """`UNLISTED` where nobody said it."""
    exchange_order_id: str
    """Empty where nobody said it."""

    def owns(self, event: AnyEvent) -> bool:
        """Whether an event is about it."""
        name = self.client_order_id
        match event:
            case CancelAllEnded():
                return name in event.ended or name in event.left
            case AccountRequestFailed():
                return (event.subject, event.exchange) == (name, self.exchange)
            case _:
                return self._is_meant(event)

    def _is_meant(self, event: AnyEvent) -> bool:
        """As in the fold: by the exchange's id, since another order may wear the name; else by name."""
        if getattr(event, "exchange", self.exchange) != self.exchange:
            return False
        number = getattr(event, "exchange_order_id", "")
        if not (number and self.exchange_order_id):
            named = getattr(event, "client_order_id", "")
            return bool(named and named == self.client_order_id)
        where = getattr(event, "instrument", UNLISTED)
        # Some exchanges number the orders of each instrument for itself.
        here = UNLISTED in (where, self.instrument) or where == self.instrument
        return bool(here and number == self.exchange_order_id)


def walk(sought: Sought, found: Sequence[Found], start: Fold | None) -> Why:
    """The story of an order, of all records that name it; *start*: the orders that there were before."""
    fold, listed = Fold(), None
    if start:
        fold.restore(start.state())
    for each in found:
        if isinstance(event := each.record.event, InstrumentListed):
            listed = event if event.instrument == sought.instrument else listed
    steps = _steps(sought, found, fold)
    order = _order(fold, sought)
    if order and order.told.ended:
        while steps and steps[-1].role == "run":  # after its end a new run is none of its story
            steps.pop()
    trigger = next((_trigger(each) for each in found if _is_intent(each, sought)), None)
    return _told(sought, order, steps, listed, trigger)


def _told(
    sought: Sought,
    order: Order | None,
    steps: Sequence[Step],
    listed: InstrumentListed | None,
    trigger: Trigger | None,
) -> Why:
    intent, sums = order.intent if order else None, Sum()
    if order:
        with exactly():
            sums = Sum.of(order.told.fills.values())
    ends = [step.position for step in steps if step.role == "end"]
    return Why(
        client_order_id=sought.client_order_id,
        exchange_order_id=sought.exchange_order_id,
        exchange=sought.exchange,
        instrument=sought.instrument,
        listed=listed,
        ours=intent is not None,
        by=intent.by if intent else "",
        reacted_to=trigger,
        began_before=intent is not None and all(step.role != "intent" for step in steps),
        sent=_sent(order, steps),
        status=(order.told.ended or order.status) if order else "",
        doubt=order.doubt if order else "",
        executed=sums.amount,
        value=sums.value,
        fees=sums.fees,
        end=ends[0] if ends else None,
        corrected=tuple(step.position for step in steps if step.role == "correction"),
        steps=tuple(steps),
    )


def _steps(sought: Sought, found: Sequence[Found], fold: Fold) -> list[Step]:
    """Its records, and those that led to them without naming it. *fold* takes them in on the way."""
    steps: list[Step] = []
    for each in found:
        event = each.record.event
        if isinstance(event, AccountWatched):
            fold.apply(event)
        elif isinstance(event, RunStarted):
            if steps or _order(fold, sought):
                steps.append(_step(each, "run", None))
        elif not isinstance(event, InstrumentListed) and sought.owns(event):
            because = _because(each, steps)
            steps += _outside(each, because, steps)
            steps.append(_step(each, _role(event), because, *_race(fold, sought, event)))
            fold.apply(event)
    return steps


def _step(found: Found, role: Role, because: int | None, race: str = "", odd: bool = False) -> Step:
    position, time, event = found.record
    return Step(
        position=position,
        time_received=time,
        role=role,
        event=event,
        because=because,
        race=race,
        odd=odd,
    )


def _role(event: AnyEvent) -> Role:
    if isinstance(event, OrderEnded) and not isinstance(event, OrderCorrected):
        return "end"
    return _ROLES.get(type(event), "conclusion" if isinstance(event, Conclusion) else "fact")


def _because(found: Found, steps: Sequence[Step]) -> int | None:
    """Where the record stands that led to this one."""
    event, now = found.record.event, found.record.time_received
    match event:
        case RequestAnswered():
            return _request(event.request, steps)
        case Conclusion() | CancelAllEnded():
            fact = _fact(event, steps, now)
            return fact or (found.led.position if found.led else None)
        case OrderReported():
            return _last(steps, now, ("intent",))  # a refusal of our own: the same step
        case OrderCancelRequested():
            if heard := _stopped(found):
                return heard
            return _last(steps, now, ("waited",))
        case _:
            return None


def _fact(event: Conclusion | CancelAllEnded, steps: Sequence[Step], now: Nanos) -> int | None:
    """Where the fact of the same step stands that a conclusion is drawn from."""
    if isinstance(event, FillTold):  # an answer may bring many fills at once
        for step in reversed(steps):
            if step.time_received != now:
                break
            if getattr(step.event, "fill_id", "") == event.fill_id and step.role == "fact":
                return step.position
    if isinstance(event, OrderDoubted | OrderCancelRejected):
        return _last(steps, now, _LEADING)
    return _last(steps, now, ("fact", "waited")) or _last(steps, now, _LEADING)


def _request(number: int, steps: Sequence[Step]) -> int | None:
    """Where the request with this number was wanted; 0 is the order itself."""
    for step in reversed(steps):
        event = step.event
        if isinstance(event, OrderSubmitted) and not number:
            return step.position
        if isinstance(event, OrderCancelRequested) and event.request == number:
            return step.position
    return None


def _stopped(found: Found) -> int | None:
    """Where in the same step the kill switch was thrown, or a strategy failed."""
    heard = found.heard
    if heard is None or heard.time_received != found.record.time_received:
        return None
    return heard.position if isinstance(heard.event, TradingHalted | StrategyFailed) else None


def _last(steps: Sequence[Step], now: Nanos, roles: tuple[Role, ...]) -> int | None:
    """The last step that came at the same moment and is one of these."""
    for step in reversed(steps):
        if step.time_received != now:
            return None
        if step.role in roles:
            return step.position
    return None


def _outside(found: Found, because: int | None, steps: Sequence[Step]) -> Iterator[Step]:
    """What led to a record and does not name the order: it is told, too, once."""
    for each in (found.led, found.heard):
        if each and each.position == because and all(s.position != because for s in steps):
            yield _step(Found(each), "cause", None)
            return


def _race(fold: Fold, sought: Sought, event: AnyEvent) -> tuple[str, bool]:
    """Which race makes a fact possible, and whether it cannot be true at all."""
    order = _order(fold, sought)
    if order is None or order.intent is None or not isinstance(event, OrderFact):
        return "", False
    race = RACES[order.status].get(kind(order, event))
    return race or "", race is None


def _order(fold: Fold, sought: Sought) -> Order | None:
    order = fold.find(sought.client_order_id)
    if order or not sought.exchange_order_id:
        return order
    return fold.by_id.get(sought.exchange, sought.exchange_order_id, sought.instrument)


def _is_intent(found: Found, sought: Sought) -> bool:
    return isinstance(found.record.event, OrderSubmitted) and sought.owns(found.record.event)


def _trigger(found: Found) -> Trigger | None:
    """What a strategy reacted to, when it wanted the order."""
    intent, heard = found.record.event, found.heard
    if heard is None or not isinstance(intent, OrderSubmitted) or intent.by == "caller":
        return None
    market = isinstance(heard.event, BookDelta | BookSnapshot | Trade | Quote)
    tag = str(heard.event.__struct_config__.tag)
    event = None if market else heard.event
    return Trigger(
        position=heard.position, time_received=heard.time_received, kind=tag, event=event
    )


def _sent(order: Order | None, steps: Sequence[Step]) -> Sent:
    """Whether its request left, as far as the log tells."""
    if order is None or order.intent is None or order.exchange_order_id:
        return "yes"
    sent: Sent = "unknown"
    for step in steps:
        match step.event:
            case OrderReported(says="rejected", reason=reason):
                own = step.because is not None or reason in NEVER_LEFT
                # Too many orders in too short a time: the exchange may have said so, and we, too.
                sent = "no" if own else "unknown" if reason == "rate" else "yes"
            case OrderReported():
                sent = "yes"
            case RequestAnswered(request=0, outcome=outcome) if outcome != "unanswered":
                sent = "yes"
            case _:
                pass
    return sent
