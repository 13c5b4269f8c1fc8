"""What an order is, minus what was told of it; and hearing that it was told.

Told fills are folded from the conclusions in the log, like everything that was told: so a step that
was torn, or a rule that changed, is told at the next start, and what was said once is not said again.
"""

from collections.abc import Iterator
from decimal import Context, Decimal
from typing import Any, Final, Literal, TypeAlias

from tapefold.events import (
    UNLISTED,
    ZERO,
    AnyEvent,
    Conclusion,
    FillCorrected,
    FillTold,
    ForeignOrderSeen,
    OrderAccepted,
    OrderCanceled,
    OrderCancelRejected,
    OrderCompleted,
    OrderCorrected,
    OrderDoubted,
    OrderEnded,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    Status,
)
from tapefold.folds.orders.evidence import INFERRED, NONE, Sum
from tapefold.folds.orders.order import Order
from tapefold.units import tidy

_Why: TypeAlias = Literal["reverted", "trades_came", "better_known"]
TOLD: Final[dict[Status, type[OrderCompleted | OrderCanceled | OrderExpired | OrderRejected]]] = {
    "filled": OrderCompleted,
    "canceled": OrderCanceled,
    "expired": OrderExpired,
    "rejected": OrderRejected,
}
"""How each end is told."""
_END: Final[dict[type[OrderEnded], Status]] = {told: status for status, told in TOLD.items()}
_ROUGHLY = Context(prec=20)
"""For the price of what was inferred, which is for people: the money is in its value."""


def news_of(order: Order, *, waiting: bool = False) -> Iterator[AnyEvent]:
    """What is to be told of it, in the order of one life; nothing if all of it was told.

    *waiting*: an order of ours on its exchange has no id of the exchange yet. So a stranger without a
    client order id may be that one, and is not told.
    """
    if order.intent is None:
        yield from _foreign(order, waiting=waiting)
        return
    told, name, latest = order.told, order.client_order_id, order.evidence.latest
    if told.abroad:
        yield from _taken_back(order)
    seen = order.evidence.seen or order.standing.fills
    if seen and not (told.accepted or told.ended):
        yield OrderAccepted(client_order_id=name, time_exchange=latest)
    fills = [*_fills(order)]
    yield from fills
    yield from _end(order, stirred=bool(fills) or told.unclosed)
    if order.doubt != told.doubt:
        yield OrderDoubted(client_order_id=name, time_exchange=latest, doubt=order.doubt)
    request, reason = order.refused
    if request > told.refused and order.status in ("submitted", "open"):
        yield OrderCancelRejected(
            client_order_id=name, time_exchange=latest, request=request, reason=reason
        )


def hear(order: Order, event: Conclusion) -> None:
    """It was told."""
    told = order.told
    match event:
        case OrderAccepted():
            told.accepted = True
        case ForeignOrderSeen():
            told.foreign = True
        case FillTold():
            if order.intent is not None and not event.client_order_id:
                _add(told.abroad, event)
            else:
                _add(told.fills, event)
                told.unclosed = bool(told.ended)
        case OrderEnded():
            now = event.status if isinstance(event, OrderCorrected) else _END[type(event)]
            told.ended, told.unclosed = now, False
            told.total = Sum(event.executed, event.value, event.fees)
        case OrderDoubted():
            told.doubt = event.doubt
        case OrderCancelRejected():
            told.refused = event.request
        case _:
            pass


def _add(fills: dict[str, Sum], event: FillTold) -> None:
    more, before = Sum(event.amount, event.value, event.fees), fills.pop(event.fill_id, None)
    now = before.plus(more) if before else Sum.of((more,))
    if now != NONE:
        fills[event.fill_id] = now


def _foreign(order: Order, *, waiting: bool) -> Iterator[AnyEvent]:
    if order.instrument == UNLISTED or not order.side:
        return  # another message will say what it is
    if not order.told.foreign:
        if waiting and not order.client_order_id:
            return  # it may be ours
        yield ForeignOrderSeen(
            time_exchange=order.evidence.latest,
            exchange=order.exchange,
            instrument=order.instrument,
            side=order.side,
            exchange_order_id=order.exchange_order_id,
        )
    yield from _fills(order)


def _end(order: Order, *, stirred: bool) -> Iterator[AnyEvent]:
    """The end, once; after it, whatever holds now. *stirred*: its fills changed since."""
    told, status, done, known = order.told, order.status, order.done, order.evidence
    if not told.ended and status not in TOLD:
        return
    sums: Any = {
        "client_order_id": order.client_order_id,
        "time_exchange": known.latest,
        "executed": done.amount,
        "value": done.value,
        "fees": done.fees,
    }
    if not told.ended:
        reason = known.claims.get(status, "not_found" if order.missing else "")
        yield TOLD[status](**sums, reason=reason)
    elif stirred or (told.ended, told.total) != (status, done):
        yield OrderCorrected(**sums, status=status, reason=f"was_{told.ended}")


def _taken_back(order: Order) -> Iterator[AnyEvent]:
    """What was told as a foreign order's, before we knew that it is ours."""
    for fill_id, sum_ in sorted(order.told.abroad.items()):
        back = NONE.minus(sum_)
        yield _corrected(order, fill_id, back, "better_known", name="")


def _fills(order: Order) -> Iterator[AnyEvent]:
    """The fills that count, minus those told: first what gives way, then what is new."""
    told, counted, fills = order.told, order.standing.fills, order.evidence.fills
    if told.fills == counted:
        return
    executed = sum((each.amount for each in told.fills.values()), ZERO)
    new: list[tuple[int, int, str, Sum]] = []
    every = {**told.fills, **counted}
    for key in sorted(key for key in every if told.fills.get(key) != counted.get(key)):
        more, before = counted.get(key, NONE), told.fills.get(key)
        if before is not None:
            more = more.minus(before)
        grown = key == INFERRED and more.amount > 0 and more.value > 0
        if grown or before is None:
            time = fills[key].time_exchange if key in fills else order.evidence.latest
            # In the exchange's order, and so that 9 is before 10.
            new.append((time, len(key), key, more))
        else:
            executed += more.amount
            yield _corrected(order, key, more, _why(order, key, more), name=_name(order))
    for time, _, key, more in sorted(new):
        executed = tidy(executed + more.amount)
        yield OrderFilled(
            **_money(order, key, more, _name(order)),
            time_exchange=time,
            price=fills[key].price if key in fills else _price(more),
            executed=executed,
            inferred=key == INFERRED,
            late=bool(told.ended),
        )


def _why(order: Order, fill_id: str, more: Sum) -> _Why:
    if fill_id in order.evidence.reverted:
        return "reverted"
    return "trades_came" if fill_id == INFERRED and more.amount < 0 else "better_known"


def _corrected(order: Order, fill_id: str, more: Sum, reason: _Why, *, name: str) -> FillCorrected:
    return FillCorrected(
        **_money(order, fill_id, more, name), time_exchange=order.evidence.latest, reason=reason
    )


def _money(order: Order, fill_id: str, more: Sum, name: str) -> Any:
    return {
        "client_order_id": name,
        "exchange": order.exchange,
        "instrument": order.instrument,
        "side": order.side,
        "exchange_order_id": order.exchange_order_id,
        "fill_id": fill_id,
        "amount": more.amount,
        "value": more.value,
        "fees": more.fees,
    }


def _name(order: Order) -> str:
    return order.client_order_id if order.intent else ""


def _price(more: Sum) -> Decimal:
    return tidy(_ROUGHLY.divide(more.value, more.amount))
