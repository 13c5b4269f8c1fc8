"""`then`, made of what came out of a session: every word of it is true."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from tapefold.events import (
    AnyEvent,
    BalanceAdjusted,
    BalanceChanged,
    BookInvalidated,
    CancelAllEnded,
    Conclusion,
    Fees,
    FillCorrected,
    FillTold,
    ForeignOrderSeen,
    FrameRejected,
    InstrumentListed,
    OrderCancelRejected,
    OrderCorrected,
    OrderDoubted,
    OrderEnded,
    OrderFilled,
    RateLimited,
    StrategyFailed,
    StreamStale,
    TradingHalted,
    TradingResumed,
)
from tapefold.folds.book_view import BookView
from tapefold.folds.orders import Order
from tapefold.scenario import made_text as toml
from tapefold.scenario.made_text import Value
from tapefold.units import Level, is_account_number
from tapefold.views import Views

FACTS_MAX: Final = 100
"""Facts that are written; of more the first, since they are for people to read."""
_NEVER: Final = (FrameRejected, StrategyFailed, BalanceAdjusted, OrderDoubted)
"""What is worth saying that it did not happen."""
_TELLING: Final[Mapping[type[AnyEvent], tuple[str, ...]]] = MappingProxyType(
    {
        ForeignOrderSeen: ("side", "exchange_order_id"),
        FrameRejected: ("lane", "reason"),
        RateLimited: ("status",),
        StrategyFailed: ("strategy", "reason"),
        StreamStale: ("lane",),
        TradingHalted: ("reason",),
        TradingResumed: (),
        CancelAllEnded: (),
    }
)
"""Facts that are told by their words alone, and which."""
_CHANGES: Final = ("place", "cancel")
"""Purposes of requests that change something."""


class Facts(Struct, frozen=True, kw_only=True):
    """What came out of a session."""

    exchange: str
    """At which it is judged."""
    events: Sequence[AnyEvent]
    """All but what is of the market."""
    views: Views
    names: Mapping[str, str]
    """By client order id."""
    asked: Mapping[str, int]
    """Requests by purpose."""


def then(facts: Facts) -> list[str]:
    """The lines of the section."""
    parts = (_told, _facts, _never, _orders, _fills, _balances, _books, _requests, _holds)
    lines = ["[then]"]
    for part in parts:
        if made := [*part(facts)]:
            lines += [*made, ""]
    return lines[:-1]


# What was told


def _told(facts: Facts) -> Iterator[str]:
    told: dict[str, list[Value]] = {name: [] for name in facts.names.values()}
    for event in facts.events:
        if isinstance(event, Conclusion) and not isinstance(event, ForeignOrderSeen):
            name = facts.names.get(event.client_order_id)
            if name:
                told[name].append(_conclusion(event))
    if told:
        yield "# Of each order all that was told, in this order, and nothing else."
    for name, rows in told.items():
        yield from toml.lines(rows, "told", name)


def _conclusion(event: Conclusion) -> Value:
    """What an event says of an order, as far as a file can say it."""
    said: dict[str, Value] = {"event": type(event).__name__}
    match event:
        case OrderFilled():
            said |= _amounts(amount=event.amount, price=event.price, value=event.value)
            said |= _fees(event.fees) | _amounts(executed=event.executed)
            said |= {word: True for word in ("inferred", "late") if getattr(event, word)}
        case FillCorrected():
            said |= _amounts(amount=event.amount, value=event.value) | _fees(event.fees)
            said["reason"] = event.reason
        case OrderEnded():
            if isinstance(event, OrderCorrected):
                said["status"] = event.status
            said |= _amounts(executed=event.executed)
            if event.executed:
                said |= _amounts(value=event.value) | _fees(event.fees)
            if event.reason:
                said["reason"] = event.reason
        case OrderDoubted():
            said["doubt"] = event.doubt
        case OrderCancelRejected():
            said |= {"request": event.request, "reason": event.reason}
        case _:
            pass
    return said


def _amounts(**numbers: Decimal | None) -> dict[str, Value]:
    """Those that were said, and that a file can say."""
    return {
        name: number
        for name, number in numbers.items()
        if number is not None and is_account_number(number.copy_abs())
    }


def _fees(fees: Fees) -> dict[str, Value]:
    """A table by asset; nothing where a file cannot say one of them."""
    said = _amounts(**dict(fees))
    return {"fees": said} if len(said) == len(fees) else {}


# Facts


def _facts(facts: Facts) -> Iterator[str]:
    rows = [row for event in facts.events if (row := _fact(event, facts))]
    if not rows:
        return
    more = f" The first {FACTS_MAX} of {len(rows)}." if len(rows) > FACTS_MAX else ""
    yield f"# Events that are in the log in this order; others may be between them.{more}"
    yield from toml.lines(rows[:FACTS_MAX], "facts")


def _fact(event: AnyEvent, facts: Facts) -> "Value | None":
    """What is worth telling of an event that is about no order of ours; None for nothing."""
    said: dict[str, Value] = {"event": type(event).__name__}
    match event:
        case FillTold(client_order_id=""):
            said |= {"side": event.side, "exchange_order_id": event.exchange_order_id}
            return said | _amounts(amount=event.amount, value=event.value) | _fees(event.fees)
        case BalanceChanged() | BalanceAdjusted():
            return said | {"asset": event.asset} | _amounts(delta=event.delta)
        case BookInvalidated() if row := facts.views.instruments.rows.get(event.instrument):
            return said | {"instrument": row.symbol, "reason": event.reason}
        case _ if (words := _TELLING.get(type(event))) is not None:
            return said | {word: getattr(event, word) for word in words}
        case _:
            return None


def _never(facts: Facts) -> Iterator[str]:
    there = {type(event) for event in facts.events}
    rows: list[Value] = [{"event": kind.__name__} for kind in _NEVER if kind not in there]
    if rows:
        yield "# Events that are not in it at all."
        yield from toml.lines(rows, "never")


# What there is in the end


def _orders(facts: Facts) -> Iterator[str]:
    rows: dict[str, Value] = {}
    for client_order_id, name in facts.names.items():
        if order := facts.views.orders.find(client_order_id):
            rows[name] = _order(order)
    if rows:
        yield "# How each order was in the end."
    for name, said in rows.items():
        yield toml.line(said, "orders", name)


def _order(order: Order) -> Value:
    price = order.intent.price if order.intent else None
    said: dict[str, Value] = {"status": order.status}
    said |= _amounts(executed=order.executed, amount=order.amount, price=price)
    if order.executed:
        said |= _amounts(value=order.done.value) | _fees(order.done.fees)
    return said | ({"doubt": order.doubt} if order.doubt else {})


def _fills(facts: Facts) -> Iterator[str]:
    fills = [event for event in facts.events if isinstance(event, OrderFilled)]
    rows: list[Value] = [
        {"order": facts.names[fill.client_order_id]}
        | _amounts(amount=fill.amount, price=fill.price, value=fill.value)
        | _fees(fill.fees)
        for fill in fills
        if fill.client_order_id
    ]
    if facts.names:
        yield "# Every fill of our orders, each once, and no other."
        yield from toml.lines(rows, "fills")


def _balances(facts: Facts) -> Iterator[str]:
    balances, exchange = facts.views.balances, facts.exchange
    if not balances.opened(exchange):
        return
    assets = [*_moved(facts)]
    if assets:
        yield "# What there was in the end, of each asset that moved or is held by an order."
    for asset in assets:
        total, available = balances.total(exchange, asset), balances.available(exchange, asset)
        yield toml.line(_amounts(total=total, available=available), "balances", asset)


def _moved(facts: Facts) -> Iterator[str]:
    """Sorted."""
    exchange, rows = facts.exchange, facts.views.instruments.rows
    moved: dict[str, None] = {}
    for event in facts.events:
        match event:
            case FillTold() if event.exchange == exchange:
                row = rows.get(event.instrument)
                moved |= dict.fromkeys([row.base, row.quote] if row else [])
                moved |= dict.fromkeys(asset for asset, _ in event.fees)
            case BalanceChanged() | BalanceAdjusted() if event.exchange == exchange:
                moved[event.asset] = None
            case _:
                pass
    balances = facts.views.balances
    held = [a for a in balances.assets(exchange) if balances.reserved(exchange, a)]
    return (asset for asset in sorted({**moved, **dict.fromkeys(held)}) if asset)


def _books(facts: Facts) -> Iterator[str]:
    rows = [
        row
        for row in facts.views.instruments.state()
        if row.exchange == facts.exchange and facts.views.books[row.instrument].state != "empty"
    ]
    if rows:
        yield "# How each book was in the end: the best prices, each with what is there."
    for row in rows:
        alone = len(facts.views.instruments.find(row.symbol, facts.exchange)) == 1
        yield toml.line(
            _book(facts.views, row), "books", row.symbol if alone else row.native_symbol
        )


def _book(views: Views, row: InstrumentListed) -> Value:
    book = BookView(views.instruments, row.instrument, views.books[row.instrument], stale=True)
    said: dict[str, Value] = {"state": book.state}
    for side, level in (("best_bid", book.best_bid), ("best_ask", book.best_ask)):
        if level and _sayable(level):
            said[side] = (level.price, level.size)
    return said | {"gaps": book.gaps}


def _sayable(level: Level) -> bool:
    return is_account_number(level.price) and is_account_number(level.size)


def _requests(facts: Facts) -> Iterator[str]:
    """Also those that were never made: an order that is sent twice is the worst of all faults."""
    if facts.names:
        yield "# How often it was asked for what changes something there."
        times: dict[str, Value] = {what: facts.asked.get(what, 0) for what in _CHANGES}
        yield toml.line(times, "requests")


def _holds(facts: Facts) -> Iterator[str]:
    orders, conditions = facts.views.orders, [f"anomalies == {facts.views.anomalies.count}"]
    if facts.names:
        doubted = sum(bool(order.doubt) for order in orders.ours.values())
        conditions += [f"orders.alive == {len(orders.live())}", f"orders.doubted == {doubted}"]
    yield "# What else holds in the end: any expression of `tapefold when`."
    yield from toml.lines(conditions, "holds")
