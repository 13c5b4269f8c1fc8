"""Conditions and sums in a scenario file: the language of `tapefold when`, with a scenario's own names.

`bid`, `ask` and `mid` are of the first instrument; `order("buy")` is the order that the file calls so,
`balance("USDT")` and `fee("BTC-USDT")` are of the exchange that it runs at, `was("USDT")` is what there was
of it before the first step, `clock` by how much the exchange's clock is ahead, in nanoseconds.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, TypeAlias, cast

from tapefold.events import ZERO, AnyEvent, FeeScheduleSet
from tapefold.folds.book_view import BookView
from tapefold.folds.orders import Order
from tapefold.inquiry import Expression, compile_expression
from tapefold.inquiry.expression import compile_sum as compile_any_sum
from tapefold.inquiry.nameable import EVERY, NAMES, Moment, Nameable
from tapefold.inquiry.things import BALANCE, ORDER, Asked, Kind, Thing, Value
from tapefold.units import Nanos
from tapefold.views import Views

Sum: TypeAlias = Callable[["Scene"], Decimal | None]

_NAMED: Final = re.compile(r"""(?<![\w."'])order\(\s*(["'])(.*?)\1""")


class Scene(Moment):
    """A moment of a scenario: what is known, and whom the file means by its names."""

    __slots__ = ("exchange", "instrument", "names", "was")

    def __init__(self, views: Views, exchange: str, instrument: str) -> None:
        super().__init__(views)
        self.exchange, self.instrument = exchange, instrument
        self.names: Mapping[str, str] = {}
        """Client order ids, by what the file calls the orders."""
        self.was: Mapping[str, Decimal] = MappingProxyType({})
        """Totals before the first step, by asset."""

    def at(self, views: Views, event: AnyEvent | None = None, time: Nanos | None = None) -> "Scene":
        """Moved along."""
        self.views, self.event, self.time = views, event, time
        return self

    def number(self, name: str) -> int | None:
        """Of an instrument; None where it is not listed."""
        rows = self.views.instruments.find(name, self.exchange)
        return rows[0].instrument if len(rows) == 1 else None

    def book(self, name: str) -> BookView | None:
        """A book; None where the instrument is not listed, or nothing is believed of it."""
        number = self.number(name)
        if number is None:
            return None
        book = BookView(self.views.instruments, number, self.views.books[number])
        return book if book.live else None


def _asked(kind: Kind, read: Callable[..., Value], thing: Thing | None = None) -> Asked:
    return Asked(kind, read, thing=thing)


def _scene(moment: Moment) -> Scene:
    return cast("Scene", moment)


def _price(read: Callable[[BookView], Any]) -> Nameable:
    def ask(moment: Moment) -> Decimal | None:
        book = _scene(moment).book(_scene(moment).instrument)
        return None if book is None else cast("Decimal | None", read(book))

    return Nameable(EVERY, Asked("number", ask))


def _best(side: str) -> Callable[[BookView], Decimal | None]:
    def read(book: BookView) -> Decimal | None:
        level = getattr(book, side)
        return level.price if level else None

    return read


def _order(moment: Moment, name: str) -> Order | None:
    return moment.views.orders.find(_scene(moment).names.get(name, ""))


def _balance(moment: Moment, asset: str) -> tuple[Views, str, str] | None:
    views, exchange = moment.views, _scene(moment).exchange
    return (views, exchange, asset) if views.balances.opened(exchange) else None


def _fee(moment: Moment, name: str = "") -> FeeScheduleSet | None:
    scene = _scene(moment)
    number = scene.number(name or scene.instrument)
    return None if number is None else scene.views.fees.schedule(scene.exchange, number)


def _was(moment: Moment, asset: str) -> Decimal:
    """What is not listed there was nothing of."""
    return _scene(moment).was.get(asset, ZERO)


def _clock(moment: Moment) -> Decimal | None:
    compared = _scene(moment).views.health.clocks.get(_scene(moment).exchange)
    return None if compared is None else Decimal(compared.ahead)


_ORDER: Final = Thing("an order", ORDER)
_BALANCE: Final = Thing("a balance", BALANCE)
_FEE: Final = Thing(
    "a schedule of fees",
    {
        "maker": Asked("number", lambda it: it.maker_rate),
        "taker": Asked("number", lambda it: it.taker_rate),
        "source": Asked("text", lambda it: it.source),
    },
)
SCENE: Final[Mapping[str, Nameable]] = MappingProxyType(
    {
        **NAMES,
        "bid": _price(_best("best_bid")),
        "ask": _price(_best("best_ask")),
        "mid": _price(lambda book: book.mid),
        "order": Nameable(EVERY, _asked("thing", _order, _ORDER), 1, ("NAME",)),
        "balance": Nameable(EVERY, _asked("thing", _balance, _BALANCE), 1, ("ASSET",)),
        "fee": Nameable(EVERY, _asked("thing", _fee, _FEE), 1, ("PAIR",)),
        "was": Nameable(EVERY, _asked("number", _was), 1, ("ASSET",)),
        "clock": Nameable(EVERY, Asked("number", _clock)),
    }
)
"""What conditions and sums of a scenario can name."""


def compile_condition(text: str) -> Expression:
    """What may hold of a `Scene`, or not. Raises `BadInput`, which names the column."""
    return compile_expression(text, SCENE)


def compile_sum(text: str) -> Sum:
    """What gives a number, or None where it is not known. Raises `BadInput`, which names the column."""
    return cast("Sum", compile_any_sum(text, SCENE))


def orders_named(text: str) -> list[str]:
    """The orders that a condition or a sum names."""
    return [name for _, name in _NAMED.findall(text)]
