"""What is known, as texts: each thing by its name, with what people ask of it and with all that is kept."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

from msgspec import Raw, Struct

from tapefold.events import UNLISTED, Fees, Trade
from tapefold.folds.anomalies import TOLD
from tapefold.folds.market import Market
from tapefold.folds.orders import Order
from tapefold.units import fixed, plain
from tapefold.views import Views


class Subject(Struct, frozen=True):
    """A thing that is known."""

    name: str
    """Such as `order run-1`."""
    told: dict[str, str]
    """What people ask of it, as exact texts; what is not there is left out."""
    whole: Any = None
    """All that is kept of it, for differences that are in nothing that is told."""
    is_rest: bool = False
    """It is what a fold keeps beside: of no interest while anything else of that fold differs."""


Subjects: TypeAlias = Iterator[tuple[Any, Subject]]
"""Each with what it is known by for ever, since names may change."""


def subjects(views: Views) -> dict[str, dict[Any, Subject]]:
    """Everything that is known, but for books, by its fold."""
    return {fold: dict(listed(views)) for fold, listed in _FOLDS.items()} | _others(views)


def _others(views: Views) -> dict[str, dict[Any, Subject]]:
    """Folds of which nobody has said here how they are told: as they are kept."""
    state, known = views.state(), {*_FOLDS, "books", "format", "position", "surveyed", "refused"}
    return {
        fold: {"": Subject(fold, {}, getattr(part, fold))}
        for part in (state, state.accounts)
        for fold in part.__struct_fields__
        if fold not in known
    }


def fields(struct: Struct, *left_out: str) -> dict[str, str]:
    """The fields of a struct as texts, but for those in which there is nothing."""
    texts = {
        name.replace("_", " "): text(getattr(struct, name))
        for name in struct.__struct_fields__
        if name not in left_out
    }
    return {name: value for name, value in texts.items() if value}


def text(value: Any) -> str:
    """A value as people write it; empty for None."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return fixed(value)
        case dict():
            return ", ".join(f"{key} {text(each)}" for key, each in _items(value))
        case tuple() | list():
            return ", ".join(" ".join(map(text, _parts(each))) for each in _parts(value))
        case _:
            return str(value)


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """All of something: the path of each leaf, and its text, by which two that differ are told apart."""
    parts: dict[str, Any] = {}
    match value:
        case Struct():
            parts = {name: getattr(value, name) for name in value.__struct_fields__}
        case dict():
            parts = {str(key): each for key, each in _items(value)}
        case tuple() | list():
            parts = {str(number): each for number, each in enumerate(_parts(value), 1)}
        case _:
            pass
    for name, part in parts.items():
        yield from flat(part, f"{path} {name}".lstrip())
    if not parts:
        yield path, _leaf(value)


def _leaf(value: Any) -> str:
    """So that nothing, an empty text and an empty list are three things."""
    if isinstance(value, Raw | bytes):
        return bytes(value).hex()
    return text(value) or ("none" if value is None else repr(value))


def _items(value: Any) -> Iterable[tuple[Any, Any]]:
    return value.items()  # type: ignore[no-any-return] # of any mapping


def _parts(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - of anything


# What there is


def symbol(views: Views, instrument: int) -> str:
    """What an instrument is called; `all` where none is meant, its number where nobody has said it."""
    row = views.instruments.rows.get(instrument)
    if row:
        return row.symbol
    return "all" if instrument == UNLISTED else f"instrument {instrument}"


def _instruments(views: Views) -> Subjects:
    for number, row in views.instruments.rows.items():
        name = f"instrument {row.exchange} {row.symbol}"
        yield number, Subject(name, fields(row, "instrument", "exchange"), row)


def _markets(views: Views) -> Subjects:
    for number, row in views.instruments.rows.items():
        sold, digits = views.markets[number], (row.price_digits, row.size_digits)
        name = f"market {row.exchange} {row.symbol}"
        yield number, Subject(name, _market(sold, *digits), sold.freeze(*digits))


def _market(sold: Market, prices: int, sizes: int) -> dict[str, str]:
    told = {"trades": str(sold.trades), "quotes": str(sold.quotes)}
    if trade := sold.trade:
        size, price = plain(trade.size, sizes), plain(trade.price, prices)
        told["last trade"] = f"{_side(trade)}{size} at {price}"
    if quote := sold.quote:
        bid = f"{plain(quote.bid_price, prices)} x {plain(quote.bid_size, sizes)}"
        ask = f"{plain(quote.ask_price, prices)} x {plain(quote.ask_size, sizes)}"
        told["last quote"] = f"bid {bid}, ask {ask}"
    return told


def _side(trade: Trade) -> str:
    return f"{trade.taker} " if trade.taker else ""


def _connections(views: Views) -> Subjects:
    for exchange, opened, closed, up in views.connections.state():
        told = {"up": ", ".join(up) or "none", "opened": str(opened), "closed": str(closed)}
        yield exchange, Subject(f"connection {exchange}", told)


def _health(views: Views) -> Subjects:
    for exchange, stale, limited, clock in views.health.state():
        told = {"went stale": str(stale), "limited": str(limited)}
        if clock:
            told["clock ahead"] = f"{clock.ahead} ns, give or take {clock.within} ns"
        yield exchange, Subject(f"health {exchange}", told, clock)


def _anomalies(views: Views) -> Subjects:
    count, latest = views.anomalies.state()
    told = {"count": str(count)} | {f"at {at}": TOLD.get(word, word) for at, word in latest}
    yield "", Subject("anomalies", told, latest)


def _orders(views: Views) -> Subjects:
    state = views.orders.state()
    for order in state.orders:
        ours = order.intent is not None
        name = order.client_order_id or f"{order.exchange} {order.exchange_order_id}"
        subject = Subject(
            f"{'order' if ours else 'foreign order'} {name}", _order(views, order), order
        )
        yield order.client_order_id if ours else order.number, subject
    count, latest = state.anomalies
    told = {"that cannot be true": str(count), "of nobody": str(state.ignored)}
    names = ("count", "done", "strangers", "horizon")
    rest = {name: getattr(state, name) for name in names}
    yield "", Subject("facts about orders", told, {"latest": latest, **rest}, is_rest=True)


_ELSEWHERE: Final = ("client_order_id", "fees", "hold", "instrument", "amount", "expires_at")
"""Fields of an intent that are told by the order's name, or as they are now."""


def _order(views: Views, order: Order) -> dict[str, str]:
    intent = fields(order.intent, *_ELSEWHERE) if order.intent else {}
    if order.intent and order.intent.expires_at:
        intent["expires at"] = str(order.intent.expires_at)
    now = {
        "exchange": order.exchange,
        "exchange order id": order.exchange_order_id,
        "instrument": symbol(views, order.instrument),
        "side": order.side,
        "amount": text(order.amount),
        "status": order.status,
        "executed": text(order.executed),
        "value": text(order.done.value),
        "fees": _fees_told(order.done.fees),
        "held": text(order.held),
        "doubt": order.doubt,
        "cancel": order.cancel,
    }
    return {name: value for name, value in (intent | now).items() if value}


def _fees_told(fees: Fees) -> str:
    return ", ".join(f"{fixed(fee)} {asset}" for asset, fee in fees)


def _accounts(views: Views) -> Subjects:
    """What is known of an account beside its orders and its money."""
    accounts = views.state().accounts
    for exchange in sorted({*accounts.orders.rules, *accounts.surveyed, *accounts.refused}):
        rules = accounts.orders.rules.get(exchange)
        told = fields(rules, "exchange") if rules else {}
        told["surveyed"] = text(exchange in accounts.surveyed)
        told["key refused"] = text(exchange in accounts.refused)
        yield exchange, Subject(f"account {exchange}", told)


def _balances(views: Views) -> Subjects:
    rows, heard, transfers, odd = views.balances.state()
    asked = views.balances
    for row in rows:
        exchange, asset, *_ = row
        amounts = {
            "total": asked.total(exchange, asset),
            "available": asked.available(exchange, asset),
            "reserved": asked.reserved(exchange, asset),
            "held elsewhere": asked.held_elsewhere(exchange, asset),
            "drift": asked.drift(exchange, asset),
        }
        told = {name: fixed(amount) for name, amount in amounts.items()}
        yield (exchange, asset), Subject(f"balance {exchange} {asset}", told, row)
    beside = {"that could not be booked": str(odd), "transfers remembered": str(len(transfers))}
    rest = {"quiet": dict(heard), "transfers": transfers}
    yield "", Subject("facts about balances", beside, rest, is_rest=True)


def _positions(views: Views) -> Subjects:
    rows, odd = views.positions.state()
    for exchange, instrument, held in rows:
        told = fields(held, "fees") | {"fees": _fees_told(held.fees)}
        name = f"position {exchange} {symbol(views, instrument)}"
        yield (exchange, instrument), Subject(name, told, held)
    yield "", Subject("facts about positions", {"that could not be booked": str(odd)})


def _fees(views: Views) -> Subjects:
    for row in views.fees.state():
        name = f"fees {row.exchange} {symbol(views, row.instrument)} by {row.source}"
        told = fields(row, "exchange", "instrument", "source")
        yield (row.exchange, row.instrument, row.source), Subject(name, told)


def _risk(views: Views) -> Subjects:
    halted, limits = views.risk.state()
    yield "", Subject("risk", {"halted": halted or "no"}, halted)
    for row in limits:
        name = f"risk {row.exchange} {symbol(views, row.instrument)}"
        yield (
            (row.exchange, row.instrument),
            Subject(name, fields(row, "exchange", "instrument"), row),
        )


def _rules(views: Views) -> Subjects:
    for row in views.rules.state():
        listed = views.instruments.rows.get(row.instrument)
        where = f"{listed.exchange} " if listed else ""
        name = f"rules {where}{symbol(views, row.instrument)}"
        yield row.instrument, Subject(name, fields(row, "instrument"), row)


def _strategies(views: Views) -> Subjects:
    for name, row in views.strategies.state():
        yield name, Subject(f"strategy {name}", fields(row), row)


_FOLDS: Final[Mapping[str, Callable[[Views], Subjects]]] = {
    "instruments": _instruments,
    "markets": _markets,
    "connections": _connections,
    "health": _health,
    "anomalies": _anomalies,
    "accounts": _accounts,
    "orders": _orders,
    "balances": _balances,
    "positions": _positions,
    "fees": _fees,
    "risk": _risk,
    "rules": _rules,
    "strategies": _strategies,
}
