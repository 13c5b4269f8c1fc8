"""Whether a kernel and the tiny exchange agree, when all has come to rest: to the last digit."""

import re
from decimal import Decimal
from typing import Final

from flavours import NATIVES, TINY, Placed
from rough_wire import RoughWire

from tapefold.events import (
    ZERO,
    AnyEvent,
    CancelAllEnded,
    Conclusion,
    DeadlinePassed,
    Fees,
    FillTold,
    ForeignOrderSeen,
    FrameRejected,
    OrderCanceled,
    OrderCompleted,
    OrderCorrected,
    OrderEnded,
    OrderExpired,
    OrderRejected,
    OrderSubmitted,
    RunStarted,
)
from tapefold.folds.orders import Sum
from tapefold.testing.conformance.order_laws import LETTERS
from tapefold.units import exactly, tidy

LIFE: Final = re.compile(r"A?[Fw]*(E([Fw]*C)*)?")
ENDED: Final[dict[type, str]] = {
    OrderCompleted: "filled",
    OrderCanceled: "canceled",
    OrderExpired: "expired",
    OrderRejected: "rejected",
}


def lives(events: list[AnyEvent]) -> dict[str, str]:
    """By client order id, what was told of it, as letters."""
    found: dict[str, str] = {}
    for event in events:
        if isinstance(event, Conclusion) and event.client_order_id:
            letter = LETTERS.get(type(event), "")
            found[event.client_order_id] = found.get(event.client_order_id, "") + letter
    return found


def told(events: list[AnyEvent]) -> dict[str, tuple[str, Sum]]:
    """By client order id, what the conclusions say that it is, and what its fills add up to."""
    status: dict[str, str] = {}
    sums: dict[str, Sum] = {}
    with exactly():
        for event in events:
            if isinstance(event, FillTold):
                more = Sum(event.amount, event.value, event.fees)
                sums[event.client_order_id] = sums.get(event.client_order_id, Sum()).plus(more)
            elif isinstance(event, OrderCorrected):
                status[event.client_order_id] = event.status
            elif isinstance(event, OrderEnded):
                status[event.client_order_id] = ENDED[type(event)]
    names = [e.client_order_id for e in events if isinstance(e, OrderSubmitted)]
    return {name: (status.get(name, "open"), sums.get(name, Sum())) for name in names}


def _settled(events: list[AnyEvent]) -> set[str]:
    """Orders whose trades were waited for in vain."""
    waits = [event for event in events if isinstance(event, DeadlinePassed)]
    return {wait.client_order_id for wait in waits if wait.deadline == "settle"}


def adopted(wire: RoughWire) -> dict[str, Placed]:
    """Orders that were placed by hand and are ours from some time on, by our names for them."""
    return {
        event.client_order_id: wire.exchange.orders[event.exchange_order_id]
        for event in wire.tape.events
        if isinstance(event, OrderSubmitted) and event.exchange_order_id
    }


def there(order: Placed) -> tuple[str, Sum]:
    """The same of an order by the exchange."""
    fees: Fees = tuple((asset, fee) for asset, fee in order.fees.items() if fee)
    return order.status, Sum(tidy(order.executed), tidy(order.value), fees)


def check(wire: RoughWire) -> None:
    """All that must hold at rest."""
    events, views = wire.tape.events, wire.kernel.views
    assert not wire.exchange.twice
    assert not [event for event in events if isinstance(event, FrameRejected)]
    for name, life in lives(events).items():
        assert LIFE.fullmatch(life), (name, life)
    _orders_agree(wire)
    _money_agrees(wire)
    _foreign_are_told(wire)
    since = max(n for n, event in enumerate(events) if isinstance(event, RunStarted))
    assert sum(isinstance(event, CancelAllEnded) for event in events[since:]) == wire.alls
    for order in views.orders.ours.values():
        assert order.told.fills == order.standing.fills, order
        assert (order.doubt, order.told.doubt) == ("", ""), order
    assert not views.orders.news(everything=True)
    for name, *what in views.orders.anomalies.latest:
        # Trades that come after all are fills after the end: that is what the table calls them.
        assert what == ["filled", "fill"], (name, what)
        assert name in _settled(events), (name, what)
    assert wire.folded(events).freeze() == views.freeze()


def _orders_agree(wire: RoughWire) -> None:
    taken_over = adopted(wire)
    for name, ours in told(wire.tape.events).items():
        order = wire.exchange.names.get(name) or taken_over.get(name)
        known = wire.kernel.views.orders.find(name)
        if order is None:
            assert ours == ("rejected", Sum()), (name, ours)
        elif wire.exchange.is_purged(order):
            # No trace is left of it: it may have been refused, or canceled, for all that one can see.
            assert ours[0] in ("canceled", "expired", "rejected"), (name, ours)
            assert ours[1] == Sum()
        elif name in taken_over:
            # What was told of its fills while it was foreign is not told again.
            assert known is None or (known.status, known.done) == there(order), (name, known, order)
        else:
            assert ours == there(order), (name, ours, order)
            assert known is None or known.status == order.status, known
    assert {*wire.exchange.names} <= {*told(wire.tape.events)}


def _money_agrees(wire: RoughWire) -> None:
    for order in adopted(wire).values():
        order.owner = "engine"
    balances, held = wire.kernel.views.balances, wire.exchange.held("engine")
    everybodys = wire.exchange.held("engine", "hand")
    for asset, total in wire.exchange.totals.items():
        assert balances.total(TINY, asset) == total, asset
        assert balances.reserved(TINY, asset) == held[asset], asset
        with exactly():
            assert balances.available(TINY, asset) == total - everybodys[asset], asset
    if adopted(wire):
        return  # the fills of an order before it was adopted are nobody's position
    amounts = dict.fromkeys(NATIVES, ZERO)
    with exactly():
        for order in wire.exchange.names.values():
            sign, base = 1 if order.side == "buy" else -1, NATIVES[order.native][0]
            fee = order.fees.get(base, Decimal(0))
            amounts[order.native] += sign * order.executed - fee
        for (_, number), position in wire.kernel.views.positions.rows.items():
            native = wire.kernel.views.instruments.rows[number].native_symbol
            assert position.amount == amounts[native], native
            assert position.realised - position.cost == position.cash


def _foreign_are_told(wire: RoughWire) -> None:
    seen = [e.exchange_order_id for e in wire.tape.events if isinstance(e, ForeignOrderSeen)]
    hands = {o.id for o in wire.exchange.orders.values() if not o.name}
    assert {*seen} <= hands
    assert wire.keep_max < 100 or {o.id for o in wire.exchange.live("hand")} <= {*seen}
    assert wire.keep_max < 100 or len(seen) == len({*seen})
