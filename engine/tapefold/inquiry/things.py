"""What can be asked of a book, an order, an event and whatever else an expression can name.

A value is a `Decimal`, a text, a truth, or None where there is none or it is not known: of a book that is
not live no price is known.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

from msgspec import Raw, Struct
from msgspec.structs import replace

from tapefold.events import (
    AnyEvent,
    BookDelta,
    BookInvalidated,
    BookSnapshot,
    Doubt,
    InstrumentListed,
    OrderType,
    Quote,
    Status,
    TimeInForce,
    Trade,
)
from tapefold.folds.book_view import BookView
from tapefold.folds.orders import Order
from tapefold.folds.positions import Position
from tapefold.units import Side, plain
from tapefold.views import Views

Kind: TypeAlias = Literal["number", "text", "truth", "texts", "amounts", "any", "thing"]
"""`texts` can be searched with `in`, `amounts` have an asset each; of an event's fields any is possible."""
Value: TypeAlias = Any
"""A `Decimal`, `str`, `bool` or None; within a path also a thing."""
Wakes: TypeAlias = frozenset[type]
"""The events that can change something."""

OF_BOOKS: Final[Wakes] = frozenset((BookSnapshot, BookDelta, BookInvalidated, InstrumentListed))
"""What changes a book."""
_PRICES: Final = ("price", "bid_price", "ask_price")


class Asked(Struct, frozen=True):
    """What can be asked of a thing."""

    kind: Kind
    read: Callable[[Any], Value]
    """From the thing, which is there."""
    words: frozenset[str] = frozenset()
    """Of a text: all that it can be; empty where it may be anything."""
    thing: "Thing | None" = None
    wakes: Wakes = frozenset()
    """Beyond those of its thing."""


class Thing(Struct, frozen=True):
    """What attributes something has."""

    what: str
    asked: Mapping[str, Asked]


def known(raw: object) -> Value:
    """A field of ours as a value: every number is a `Decimal`; what is none, is not known."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return Decimal(raw)
    unreadable = isinstance(raw, bytes | Raw) or (isinstance(raw, Decimal) and raw.is_nan())
    return None if unreadable else raw


def _words(*choices: object) -> frozenset[str]:
    return frozenset(word for choice in choices for word in get_args(choice))


def _number(read: Callable[[Any], object]) -> Asked:
    return Asked("number", lambda thing: known(read(thing)))


def _believed(read: Callable[[BookView], object]) -> Asked:
    """Of a live book alone."""
    return Asked("number", lambda book: read(book) if book.live else None)


LEVEL: Final = Thing(
    "a level", {"price": _number(lambda it: it.price), "size": _number(lambda it: it.size)}
)
BOOK: Final[dict[str, Asked]] = {
    "live": Asked("truth", lambda book: book.live),
    "state": Asked("text", lambda book: book.state, frozenset(("empty", "live", "stale"))),
    "best_bid": Asked("thing", lambda it: it.best_bid if it.live else None, thing=LEVEL),
    "best_ask": Asked("thing", lambda it: it.best_ask if it.live else None, thing=LEVEL),
    "spread": _believed(lambda book: book.spread),
    "mid": _believed(lambda book: book.mid),
    "microprice": _believed(lambda book: book.microprice),
    "bid_levels": _number(lambda book: book.levels[0]),
    "ask_levels": _number(lambda book: book.levels[1]),
    "updates": _number(lambda book: book.updates),
    "gaps": _number(lambda book: book.gaps),
    "epoch": _number(lambda book: book.epoch),
}


def _of_intent(name: str) -> Callable[[Order], object]:
    return lambda order: getattr(order.intent, name, None)


ORDER: Final[dict[str, Asked]] = {
    "status": Asked("text", lambda order: order.status, _words(Status)),
    "ended": Asked("truth", lambda order: order.ended),
    "doubt": Asked("text", lambda order: order.doubt, _words(Doubt)),
    "side": Asked("text", lambda order: order.side, _words(Side)),
    "type": Asked("text", _of_intent("order_type"), _words(OrderType)),
    "tif": Asked("text", _of_intent("tif"), _words(TimeInForce)),
    "by": Asked("text", _of_intent("by")),
    "exchange": Asked("text", lambda order: order.exchange),
    "exchange_order_id": Asked("text", lambda order: order.exchange_order_id),
    "amount": _number(lambda order: order.amount),
    "quote_amount": _number(_of_intent("quote_amount")),
    "price": _number(_of_intent("price")),
    "executed": _number(lambda order: order.executed),
    "value": _number(lambda order: order.done.value),
    "held": _number(lambda order: order.held),
    "fees": Asked("amounts", lambda order: order.done.fees),
}


def _counted(status: str) -> Asked:
    return _number(lambda views: sum(o.status == status for o in views.orders.ours.values()))


ORDERS: Final[dict[str, Asked]] = {
    **{status: _counted(status) for status in get_args(Status)},
    "kept": _number(lambda views: len(views.orders.ours)),
    "alive": _number(lambda views: len(views.orders.live())),
    "ended": _number(lambda views: sum(order.ended for order in views.orders.ours.values())),
    "doubted": _number(lambda views: sum(bool(o.doubt) for o in views.orders.ours.values())),
}


def _balance_asked(name: str) -> Asked:
    """Of views, exchange and asset."""
    return _number(lambda it: getattr(it[0].balances, name)(*it[1:]))


BALANCE: Final[dict[str, Asked]] = {
    name: _balance_asked(name)
    for name in ("total", "available", "reserved", "held_elsewhere", "drift")
}


class Held(NamedTuple):
    """A position, and the book that it would be closed in."""

    position: Position
    book: BookView


def _unrealised(held: Held) -> Decimal | None:
    mid = held.book.mid if held.book.live else None
    return None if mid is None else held.position.unrealised(mid)


POSITION: Final[dict[str, Asked]] = {
    "amount": _number(lambda held: held.position.amount),
    "cost": _number(lambda held: held.position.cost),
    "realised": _number(lambda held: held.position.realised),
    "unrealised": replace(_number(_unrealised), wakes=OF_BOOKS),
    "cash": _number(lambda held: held.position.cash),
    "fees": Asked("amounts", lambda held: held.position.fees),
}


class Told(NamedTuple):
    """An event, or the newest trade or quote, with what is known of its instrument."""

    event: Any
    views: Views
    number: int = 0
    """How many there were."""


def _field(name: str) -> Callable[[Told], Value]:
    """A field of an event; prices and sizes of the market as people write them."""

    def read(told: Told) -> Value:
        raw = getattr(told.event, name, None)
        if not isinstance(told.event, Trade | Quote) or not isinstance(raw, int):
            return known(raw)
        if not name.endswith(("price", "size")):
            return known(raw)
        row = told.views.instruments.rows.get(told.event.instrument)
        if row is None:
            return None
        return Decimal(plain(raw, row.price_digits if name in _PRICES else row.size_digits))

    return read


def _of_market(kind: type[Trade | Quote], *hidden: str) -> dict[str, Asked]:
    names = [name for name in kind.__struct_fields__ if name not in hidden]
    asked = {name: Asked("number", _field(name)) for name in names}
    return asked | {"count": _number(lambda told: told.number)}


_UNSAID: Final = ("instrument", "published_after")
TRADE: Final[dict[str, Asked]] = {
    **_of_market(Trade, *_UNSAID, "trade_id", "taker"),
    "side": Asked("text", lambda told: told.event.taker, _words(Side) | {""}),
    "trade_id": Asked("text", lambda told: told.event.trade_id),
}


def _symbol(told: Told) -> str | None:
    if isinstance(told.event, InstrumentListed):
        return told.event.symbol
    row = told.views.instruments.rows.get(getattr(told.event, "instrument", -1))
    return row.symbol if row else None


_FIELDS: Final = sorted({name for kind in get_args(AnyEvent) for name in kind.__struct_fields__})
EVENT: Final[dict[str, Asked]] = {
    **{n: Asked("any", _field(n)) for n in _FIELDS if not n.startswith("packed_")},
    "kind": Asked(
        "text",
        lambda told: type(told.event).__name__,
        frozenset(kind.__name__ for kind in get_args(AnyEvent)),
    ),
    "symbol": Asked("text", _symbol),
}
CONNECTIONS: Final[dict[str, Asked]] = {
    "lanes": Asked("texts", lambda it: tuple(lane for up in it.up.values() for lane in up)),
    "up": _number(lambda it: sum(map(len, it.up.values()))),
    "opened": _number(lambda it: sum(it.opened.values())),
    "closed": _number(lambda it: sum(it.closed.values())),
}


QUOTE: Final[dict[str, Asked]] = _of_market(Quote, *_UNSAID)
