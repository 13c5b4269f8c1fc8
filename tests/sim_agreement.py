"""Whether a kernel and a simulated Binance agree, when all has come to rest: to the last digit."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec
from agreement import LIFE, lives, told
from builders import MILLISECOND
from sim_there import SYMBOLS
from sim_wire import EXCHANGE, SimWire

from tapefold.adapter import Request
from tapefold.events import (
    ZERO,
    CancelAllEnded,
    DeadlinePassed,
    FillTold,
    ForeignOrderSeen,
    FrameRejected,
    OrderSubmitted,
    RunStarted,
)
from tapefold.folds.orders import Sum
from tapefold.sim import HOLDER, Fill, Order
from tapefold.sim.account import held
from tapefold.sim.agreement import disagreements
from tapefold.units import SECOND, exactly, tidy
from tapefold_adapters.binance.sim.reports import FIRST_ORDER

_STATES: Final = {"prevented": "expired"}
"""What the engine calls it, where it is not called the same."""
_FIRST_TRADE: Final = {symbol: (n + 1) * 9_000_000 for n, symbol in enumerate(SYMBOLS)}
"""What the simulator adds to a trade's number."""
_DEPTH: Final = "https://api.binance.com/api/v3/depth?limit=5000&symbol="


class _Page(msgspec.Struct, rename={"update": "lastUpdateId"}):
    update: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


_page = msgspec.json.Decoder(_Page).decode


def _sum(fill: Fill) -> Sum:
    return Sum(ZERO, fill.value, ((fill.fee_asset, fill.fee),) if fill.fee else ())


def fills(wire: SimWire, order: Order) -> dict[str, Sum]:
    """An order's trades by the exchange, by fill id."""
    spec = wire.sim.venue.markets[order.wish.symbol].spec
    first = _FIRST_TRADE[order.wish.symbol]
    return {
        str(first + fill.trade_id): Sum(spec.amount(fill.size)).plus(_sum(fill))
        for fill in order.fills
    }


def there(wire: SimWire, order: Order) -> tuple[str, Sum]:
    """How an order is by the exchange, and what its trades add up to."""
    with exactly():
        status = _STATES.get(order.state, order.state)
        return status, Sum.of(fills(wire, order).values())


def named(wire: SimWire) -> dict[str, Order]:
    """Orders that are there under a name of ours, by it."""
    return {
        o.wish.client_order_id: o for o in wire.orders() if o.wish.client_order_id in wire.placed
    }


def adopted(wire: SimWire) -> dict[str, Order]:
    """Orders that were placed by hand and are ours from some time on, by our names for them."""
    orders = {str(FIRST_ORDER + order.number): order for order in wire.orders()}
    return {
        event.client_order_id: orders[event.exchange_order_id]
        for event in wire.tape.events
        if isinstance(event, OrderSubmitted) and event.exchange_order_id
    }


def holds(wire: SimWire, orders: Iterable[Order]) -> dict[str, Decimal]:
    """What these of them that are open hold, by asset."""
    found = {"ETH": ZERO, "LTC": ZERO, "USDT": ZERO}
    with exactly():
        for order in orders:
            if order.state == "open":
                spec = wire.sim.venue.markets[order.wish.symbol].spec
                asset, amount = held(spec, order, order.left)
                found[asset] = tidy(found[asset] + amount)
    return found


def check(wire: SimWire) -> None:
    """All that must hold at rest."""
    events, views = wire.tape.events, wire.kernel.views
    assert not [event for event in events if isinstance(event, FrameRejected)]
    for name, life in lives(events).items():
        assert LIFE.fullmatch(life), (name, life)
    _orders_agree(wire)
    _fills_agree(wire)
    _money_agrees(wire)
    _foreign_are_told(wire)
    since = max(n for n, event in enumerate(events) if isinstance(event, RunStarted))
    assert sum(isinstance(event, CancelAllEnded) for event in events[since:]) == wire.alls
    assert not disagreements(views, EXCHANGE, wire.sim.venue, HOLDER.key, books=False)
    assert not [order for order in views.orders.ours.values() if order.told.doubt]
    assert not views.orders.news(everything=True)
    settled = {
        e.client_order_id
        for e in events
        if isinstance(e, DeadlinePassed) and e.deadline == "settle"
    }
    for name, *what in views.orders.anomalies.latest:
        # Trades that come after all are fills after the end: that is what the table calls them.
        assert (what, name in settled) == (["filled", "fill"], True), (name, what)
    assert wire.folded(events).freeze() == views.freeze()
    _books_agree(wire)


def _orders_agree(wire: SimWire) -> None:
    ours, taken_over = named(wire), adopted(wire)
    lists = told(wire.tape.events)
    assert {*ours} <= {*lists}
    assert len(ours) == sum(o.wish.client_order_id in wire.placed for o in wire.orders())
    for name, said in lists.items():
        order = ours.get(name) or taken_over.get(name)
        known = wire.kernel.views.orders.find(name)
        if order is None:
            assert said == ("rejected", Sum()), (name, said)
        elif name in taken_over:
            # What was told of its fills while it was foreign is not told again.
            assert known is None or (known.status, known.done) == there(wire, order), (known, order)
        else:
            assert said == there(wire, order), (name, said, order)
            assert known is None or known.status == there(wire, order)[0], known


def _fills_agree(wire: SimWire) -> None:
    """One by one, by their ids."""
    sums: dict[str, dict[str, Sum]] = {}
    with exactly():
        for event in wire.tape.events:
            if isinstance(event, FillTold):
                of = sums.setdefault(event.client_order_id, {})
                more = Sum(event.amount, event.value, event.fees)
                of[event.fill_id] = of.get(event.fill_id, Sum()).plus(more)
        for name, order in named(wire).items():
            kept = {key: sum_ for key, sum_ in sums.get(name, {}).items() if sum_ != Sum()}
            assert kept == fills(wire, order), (name, kept, order)


def _money_agrees(wire: SimWire) -> None:
    balances, taken_over = wire.kernel.views.balances, adopted(wire)
    reserved = holds(wire, [*named(wire).values(), *taken_over.values()])
    for asset, amount in reserved.items():
        assert balances.reserved(EXCHANGE, asset) == amount, asset
    if taken_over:
        return  # the fills of an order before it was adopted are nobody's position
    amounts = dict.fromkeys(SYMBOLS, ZERO)
    with exactly():
        for order in named(wire).values():
            sign = 1 if order.wish.side == "buy" else -1
            amounts[order.wish.symbol] += sum(
                (
                    sign * sum_.amount - dict(sum_.fees).get(order.wish.symbol[:3], ZERO)
                    for sum_ in fills(wire, order).values()
                ),
                ZERO,
            )
        for (_, number), position in wire.kernel.views.positions.rows.items():
            symbol = wire.kernel.views.instruments.rows[number].symbol
            assert position.amount == amounts[symbol], symbol
            assert position.realised - position.cost == position.cash


def _foreign_are_told(wire: SimWire) -> None:
    seen = [e.exchange_order_id for e in wire.tape.events if isinstance(e, ForeignOrderSeen)]
    hands = [order for order in wire.orders() if order.wish.client_order_id not in wire.placed]
    live = {str(FIRST_ORDER + order.number) for order in hands if order.state == "open"}
    assert {*seen} <= {str(FIRST_ORDER + order.number) for order in hands}
    taken_over = {str(FIRST_ORDER + order.number) for order in adopted(wire).values()}
    assert wire.keep_max < 100 or live <= {*seen} | taken_over
    assert wire.keep_max < 100 or len(seen) == len({*seen})


def _books_agree(wire: SimWire) -> None:
    """As soon as a book has all that was changed, which is ten times a second."""
    for symbol in SYMBOLS:
        native, end = symbol.replace("-", ""), wire.now + 30 * SECOND
        while True:
            (row,) = wire.kernel.views.instruments.find(native)
            page = _page(wire.sim.peek(Request("GET", _DEPTH + native, "book", native)).body)
            if wire.kernel.sync(row).sequence == page.update:
                break
            assert wire.now < end, symbol
            wire.wait(20 * MILLISECOND)
            wire.flush()
        book = wire.kernel.views.book(native)
        assert book.live, symbol
        theirs = [[(Decimal(p), Decimal(s)) for p, s in half] for half in (page.asks, page.bids)]
        assert [[*book.meets("buy")], [*book.meets("sell")]] == theirs, symbol
