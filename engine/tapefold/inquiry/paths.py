"""Names in an expression, and what is asked of them: each path made into a function of a moment."""

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from msgspec import Struct

from tapefold.inquiry.nameable import NAMES, Moment, Nameable
from tapefold.inquiry.operators import amount_of
from tapefold.inquiry.things import Asked, Kind, Value, Wakes

Read: TypeAlias = Callable[[Moment], Value]
SAYABLE: Final = "only names, numbers, texts, comparisons, and, or, not, in, + - * / are"
SHOWN_MAX: Final = 60
"""Characters of the expression that a message repeats."""
_KINDS: Final[dict[Kind, str]] = {
    "number": "a number",
    "text": "a text",
    "truth": "true or false",
    "texts": "several texts",
    "amounts": 'amounts by asset: ask for one, as in fees["USDT"]',
    "any": "anything",
    "thing": "a thing",
}


class Wrong(Exception):
    """What is wrong, and where in the text."""

    def __init__(self, node: ast.expr, what: str, offset: int | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.offset = node.col_offset if offset is None else offset
        """As Python counts: in bytes of UTF-8."""


class Piece(Struct, frozen=True):
    """A part of an expression."""

    kind: Kind
    read: Read
    asked: Asked | None = None
    """Of what was asked of a thing, or named."""
    word: str | None = None
    """Of a text that is written out: that text."""
    nothing: bool = False
    """It is `None`, written out."""


class Paths:
    """Makes pieces out of names, calls of them, and what is asked of them. Raises `Wrong`."""

    def __init__(self, source: str, names: Mapping[str, Nameable] = NAMES) -> None:
        self._source, self._names = source, names
        self.wakes: Wakes = frozenset()
        """The events that can change what the pieces come to."""
        self.live = True
        """It needs nothing but views."""
        self.momentary = False
        """It asks for an event."""
        self.named: dict[str, Read] = {}
        """Whatever is named, as it is written, from left to right."""

    # What is named

    def path(self, node: ast.expr) -> Piece:
        """A name, with its arguments, and what is asked of it."""
        match node:
            case ast.Name():
                return self._name(node, node.id, ())
            case ast.Call(func=ast.Name() as name):
                return self._name(node, name.id, self._arguments(node))
            case ast.Attribute():
                return self._attribute(node, self.path(node.value))
            case ast.Subscript():
                return self._amount(node, self.path(node.value))
            case _:
                raise Wrong(node, f"{self.shown(node)!r} is not part of the language: {SAYABLE}")

    def _name(self, node: ast.expr, name: str, given: tuple[str, ...]) -> Piece:
        found = self._names.get(name)
        if found is None:
            there = listed(_shape(*each) for each in self._names.items())
            raise Wrong(node, f"there is no {clipped(name)!r}; there is {there}")
        called = isinstance(node, ast.Call)
        if called != bool(found.least) or not found.least <= len(given) <= len(found.arguments):
            raise Wrong(node, f"say {_shape(name, found)}")
        self.wakes |= found.wakes
        self.live = self.live and found.live
        self.momentary = self.momentary or name == "event"
        read = found.found.read
        if not given:
            return Piece(found.found.kind, read, found.found)
        return Piece(found.found.kind, lambda moment: read(moment, *given), found.found)

    def _arguments(self, node: ast.Call) -> tuple[str, ...]:
        if node.keywords:
            raise Wrong(node, "arguments are given by their place, without a name")
        words = [self.word(each) for each in node.args]
        for each, word in zip(node.args, words, strict=True):
            if word is None:
                raise Wrong(each, f'{self.shown(each)} is no text: say it in quotes, as "ETH-USDT"')
        return tuple(word for word in words if word is not None)

    def _attribute(self, node: ast.Attribute, owner: Piece) -> Piece:
        thing = owner.asked.thing if owner.asked else None
        asked = thing.asked.get(node.attr) if thing else None
        if asked is None:
            raise self._unasked(node, owner)
        self.wakes |= asked.wakes
        whose, read = owner.read, asked.read

        def ask(moment: Moment) -> Value:
            thing = whose(moment)
            return None if thing is None else read(thing)

        return Piece(asked.kind, ask, asked)

    def _unasked(self, node: ast.Attribute, owner: Piece) -> Wrong:
        """What it is asked for is not to be had, and what is."""
        thing, name = owner.asked.thing if owner.asked else None, clipped(node.attr)
        if thing:
            what = f"{thing.what} has no {name!r}; it has {listed(thing.asked)}"
        else:
            what = f"{self.shown(node.value)} is {self.kind(owner)}: it has no {name}"
        return Wrong(node, what, (node.end_col_offset or 0) - len(node.attr.encode()))

    def _amount(self, node: ast.Subscript, owner: Piece) -> Piece:
        asset = self.word(node.slice)
        if owner.kind not in ("amounts", "any") or asset is None:
            raise Wrong(node, 'only amounts have parts, by asset, as in fees["USDT"]')
        read = owner.read
        return Piece("number", lambda moment: amount_of(read(moment), asset))

    def word(self, node: ast.expr) -> str | None:
        """A text that is written out; None for anything else."""
        value = node.value if isinstance(node, ast.Constant) else None
        return value if isinstance(value, str) else None

    # What people are told

    def text(self, node: ast.expr) -> str:
        """As it was typed."""
        return ast.get_source_segment(self._source, node) or "this"

    def shown(self, node: ast.expr) -> str:
        """The same for a message."""
        return clipped(self.text(node))

    def kind(self, piece: Piece) -> str:
        """What it is."""
        thing = piece.asked.thing if piece.asked else None
        return thing.what if thing else _KINDS[piece.kind]

    def asks(self, piece: Piece) -> str:
        """What a thing can be asked for."""
        thing = piece.asked.thing if piece.asked else None
        return f"ask it for {listed(thing.asked if thing else ())}"


def clipped(text: str) -> str:
    """The beginning of a long text."""
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."


def _shape(name: str, found: Nameable) -> str:
    """How a name is written."""
    if not found.least:
        return name
    return f"{name}({', '.join(found.arguments[: found.least])})"


def listed(words: Iterable[str]) -> str:
    """All of them, for a message."""
    return ", ".join(word or '""' for word in sorted(words))
