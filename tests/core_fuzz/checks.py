"""The five comparisons: the compiled core and its definition are given the same and must give the same.

What they raise is part of it: the same class, the same words, and of `TooFine` the same digits.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import Any, Literal, TypeAlias
from unittest.mock import patch

import msgspec

from core_fuzz.messages import Listener, Stream, by_definition, listed, shapes
from core_fuzz.seats import SEATS, Blob, fresh, fresh_text
from core_fuzz.stories import Body
from tapefold import core
from tapefold.core import folding, half, levels, plain
from tapefold.events import AnyEvent
from tapefold.log.segment import decode, encoder
from tapefold.units import SCALED_MAX, TooFine, scaled
from tapefold.views import Views

Came: TypeAlias = tuple[object, ...]
"""What a call gave, or the class and the words of what it raised."""
Fold: TypeAlias = Callable[[Any, bytes, int, Any], None]


class Differs(AssertionError):
    """The compiled core does something else than its definition."""


def came(call: Callable[[], Any]) -> Came:
    """What comes of a call."""
    try:
        return "gave", call()
    except Exception as error:  # whatever it is, it is what is compared
        return type(error), str(error), error.digits if isinstance(error, TooFine) else None


def _same(what: Callable[[], str], native: object, defined: object) -> None:
    if native != defined:
        raise Differs(f"{what()}\n  compiled: {native!r:.800}\n  defined:  {defined!r:.800}")


def number(text: str, digits: int) -> None:
    """A number from text."""
    _same(
        lambda: f"scaled({text!r:.300}, {digits})",
        came(lambda: core.scaled(fresh_text(text), digits)),
        came(lambda: scaled(text, digits)),
    )


def packs(data: bytes, price: int, size: int, seat: str = "bytes") -> None:
    """Levels from JSON."""
    blob = SEATS[seat](data)
    _same(
        lambda: f"pack_levels({data!r:.600}, {price}, {size}) from {seat}",
        came(lambda: bytes(core.pack_levels(blob, price, size))),
        came(lambda: bytes(levels.pack_levels(msgspec.Raw(data), price, size))),
    )
    with suppress(msgspec.MsgspecError, UnicodeDecodeError):
        _sides(levels.level_texts(data), price, size)


def _sides(rows: levels.Levels, price: int, size: int) -> None:
    """The same once they are decoded, as two sides."""
    sides = rows, rows[1::2]
    _same(
        lambda: f"pack_sides of {rows!r:.600}, {price}, {size}",
        came(lambda: [*map(bytes, core.pack_sides(*sides, price, size))]),
        came(lambda: [*map(bytes, levels.pack_sides(*sides, price, size))]),
    )


class Apply(msgspec.Struct, frozen=True):
    """Levels that come, and whether the best is asked for afterwards: that tidies the heap."""

    data: bytes
    seat: str = "bytes"
    look: bool = True


class Replace(msgspec.Struct, frozen=True):
    """Other levels."""

    levels: dict[int, int]


class Rescale(msgspec.Struct, frozen=True):
    """A finer scale, where 63 bits hold it."""

    price: int
    size: int


Move: TypeAlias = Apply | Replace | Rescale


def side(sign: Literal[-1, 1], moves: Sequence[Move]) -> None:
    """One side of a book: all that can be seen of it, after each move and at the end."""
    pairs = zip(_seen(core.Half(sign), moves), _seen(half.Half(sign), moves), strict=True)
    for n, (native, defined) in enumerate(pairs, 1):
        _same(partial("Half({}) after {} of {!r:.900}".format, sign, n, moves), native, defined)


def _seen(one: half.Half, moves: Sequence[Move]) -> Generator[Came]:
    for move in moves:
        done = came(partial(_moved, one, move))
        look = not isinstance(move, Apply) or move.look
        yield (*done, len(one), one.best() if look else None)
    yield one.sorted(), one.levels, one.largest(), one.best(), len(one)


def _moved(one: half.Half, move: Move) -> None:
    if isinstance(move, Apply):
        one.apply(SEATS[move.seat](move.data))
    elif isinstance(move, Replace):
        one.replace(move.levels)
    else:
        price, size = one.largest()
        if price * move.price < SCALED_MAX > size * move.size:
            one.rescale(move.price, move.size)


def folds(opening: Sequence[AnyEvent], *bodies: Body) -> None:
    """Segments taken into views: what the views are afterwards, to the byte."""
    native = _folded(core.fold_events, opening, bodies)
    with patch("tapefold.folds.book.Half", half.Half):  # books made now have the definition's sides
        defined = _folded(folding.fold_events, opening, bodies)
    _same(lambda: f"fold_events({bodies!r:.1500}) after {len(opening)}", native, defined)


def _folded(fold: Fold, opening: Sequence[AnyEvent], bodies: Sequence[Body]) -> list[object]:
    views = Views()
    views.apply_all(opening)
    seen: list[object] = []
    for data, count in bodies:
        own = fresh(data)
        seen += came(partial(fold, views, own, count, _decode))
        seen += views.position, views.torn, came(views.freeze)
    seen += [(one.bids.best(), one.asks.best(), len(one.bids)) for one in views.books.values()]
    return seen


def _decode(body: bytes, count: int) -> list[AnyEvent]:
    return decode(body, count, 0)


def reads(stream: Stream, data: bytes, price: int, size: int) -> bool:
    """A frame read plainly is what a decoder of JSON makes of it. Whether it was read plainly."""
    values = stream.plain.read(fresh(data), price, size)
    if values is None:
        return False
    with by_definition():
        wanted = came(lambda: shapes(stream.decoded(data, price, size)))
    _same(
        partial("{!r:.1500} in {} and {}".format, data, price, size),
        ("gave", shapes(values)),
        wanted,
    )
    return True


def hears(data: bytes, price: int, size: int) -> None:
    """An adapter makes the same of a frame with the shortcut and without it."""
    row, (native, defined) = listed(price, size), _listeners()
    _same(
        partial("an adapter hears {!r:.1500} in {} and {}".format, data, price, size),
        came(lambda: [encoder.encode(event) for event in native.hear(fresh(data), row)]),
        came(lambda: [encoder.encode(event) for event in defined.hear(data, row)]),
    )


@cache
def _listeners() -> tuple[Listener, Listener]:
    return Listener(core.Plain), Listener(plain.Plain)


def unread(one: plain.Plain, strange: Any) -> None:
    """What is not even bytes is left to the decoder."""
    _same(
        lambda: f"Plain.read({strange!r:.200})",
        came(lambda: one.read(strange, 2, 2)),
        ("gave", None),
    )


def refuses(call: Callable[..., object], *arguments: object) -> None:
    """What is not even of its type is refused somehow, and never read."""
    if came(lambda: call(*arguments))[0] == "gave":
        raise Differs(f"{call!r} takes {arguments!r:.200}")


__all__ = [
    "Apply",
    "Blob",
    "Differs",
    "Move",
    "Replace",
    "Rescale",
    "came",
    "folds",
    "hears",
    "number",
    "packs",
    "reads",
    "refuses",
    "side",
    "unread",
]
