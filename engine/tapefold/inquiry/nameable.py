"""What an expression can name. Nothing else can be reached from one.

`things.py` says what can be asked of each.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, Literal, get_args

from msgspec import Struct

from tapefold.events import AnyEvent, InstrumentListed, Quote, Trade
from tapefold.folds.book_view import BookView
from tapefold.folds.connections import Connections
from tapefold.folds.orders import Order
from tapefold.inquiry import things
from tapefold.inquiry.things import OF_BOOKS, Asked, Held, Thing, Told, Value, Wakes, known
from tapefold.units import Nanos
from tapefold.views import Views

EVERY: Final[Wakes] = frozenset(get_args(AnyEvent))
_TRADE: Final[Wakes] = frozenset((Trade, InstrumentListed))
_QUOTE: Final[Wakes] = frozenset((Quote, InstrumentListed))
_RARE: Final[Wakes] = (EVERY - OF_BOOKS - _TRADE - _QUOTE) | {InstrumentListed}


class Moment:
    """A position of a log: what was known there, and the event at it. It is moved along, not made anew."""

    __slots__ = ("event", "time", "views")

    def __init__(self, views: Views) -> None:
        self.views = views
        self.time: Nanos | None = None
        """When the event's frame came; None where nobody says."""
        self.event: AnyEvent | None = None


class Nameable(Struct, frozen=True):
    """A name that an expression may begin with."""

    wakes: Wakes
    found: Asked
    """As if asked of the moment; with arguments, of the moment and those."""
    least: int = 0
    arguments: tuple[str, ...] = ()
    """What they are called; the first *least* of them must be there."""
    live: bool = True
    """It can be told from views alone."""


def _instrument(views: Views, name: str, exchange: str) -> int | None:
    """Its number; None where it is not listed, or the name is that of several."""
    rows = views.instruments.find(name, exchange)
    return rows[0].instrument if len(rows) == 1 else None


def _book(moment: Moment, name: str, exchange: str = "") -> BookView | None:
    views, number = moment.views, _instrument(moment.views, name, exchange)
    return None if number is None else BookView(views.instruments, number, views.books[number])


def _order(moment: Moment, client_order_id: str) -> Order | None:
    return moment.views.orders.find(client_order_id)


def _balance(moment: Moment, exchange: str, asset: str) -> tuple[Views, str, str] | None:
    return (moment.views, exchange, asset) if moment.views.balances.opened(exchange) else None


def _position(moment: Moment, exchange: str, name: str) -> Held | None:
    views, number = moment.views, _instrument(moment.views, name, exchange)
    if number is None:
        return None
    book = BookView(views.instruments, number, views.books[number])
    return Held(views.positions.of(exchange, number), book)


def _market(kind: Literal["trade", "quote"]) -> Callable[..., Told | None]:
    def read(moment: Moment, name: str, exchange: str = "") -> Told | None:
        views, number = moment.views, _instrument(moment.views, name, exchange)
        if number is None:
            return None
        market = views.markets[number]
        newest = getattr(market, kind)
        return Told(newest, views, getattr(market, f"{kind}s")) if newest else None

    return read


def _event(moment: Moment) -> Told | None:
    return Told(moment.event, moment.views) if moment.event is not None else None


def _thing(what: str, asked: Mapping[str, Asked], read: Callable[..., Value]) -> Asked:
    return Asked("thing", read, thing=Thing(what, asked))


def _views(moment: Moment) -> Views:
    return moment.views


def _connections(moment: Moment) -> Connections:
    return moment.views.connections


_POSITION: Final = Asked("number", lambda moment: Decimal(moment.views.position))
_PAIR: Final = ("PAIR", "EXCHANGE")
NAMES: Final[Mapping[str, Nameable]] = {
    "book": Nameable(OF_BOOKS, _thing("a book", things.BOOK, _book), 1, _PAIR),
    "trade": Nameable(
        _TRADE,
        _thing("a trade", things.TRADE, _market("trade")),
        1,
        _PAIR,
    ),
    "quote": Nameable(
        _QUOTE,
        _thing("a quote", things.QUOTE, _market("quote")),
        1,
        _PAIR,
    ),
    "order": Nameable(_RARE, _thing("an order", things.ORDER, _order), 1, ("ID",)),
    "orders": Nameable(_RARE, _thing("a count of orders", things.ORDERS, _views)),
    "balance": Nameable(
        _RARE, _thing("a balance", things.BALANCE, _balance), 2, ("EXCHANGE", "ASSET")
    ),
    "position": Nameable(
        _RARE, _thing("a position", things.POSITION, _position), 2, ("EXCHANGE", "PAIR")
    ),
    "halted": Nameable(_RARE, Asked("truth", lambda moment: bool(moment.views.risk.halted))),
    "connections": Nameable(
        _RARE,
        _thing("all connections together", things.CONNECTIONS, _connections),
    ),
    "anomalies": Nameable(
        EVERY, Asked("number", lambda moment: Decimal(moment.views.anomalies.count))
    ),
    "at": Nameable(EVERY, _POSITION),
    "time": Nameable(EVERY, Asked("number", lambda moment: known(moment.time)), live=False),
    "event": Nameable(EVERY, _thing("an event", things.EVENT, _event), live=False),
}
"""By name: those of things, of the account, of the log's position."""
