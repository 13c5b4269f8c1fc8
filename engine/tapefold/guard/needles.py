"""What betrays a secret: each run of it that is long enough, as it is or encoded once, either way round.

Capitals and small letters are one, but in base64, where they are different words, and in short secrets.

Nothing here shows a value: no `repr`, no message, no name of a form.
"""

import base64
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Final

RUN: Final = 11
"""Characters in a row of a secret that betray it. Fewer come up by chance, in ids above all."""
SHORTEST: Final = 6
"""Characters of a secret. A shorter one cannot be told from ordinary text."""
_GRAM: Final = 8
_STRIDE: Final = 4
"""A run of 11 has 8 bytes that begin at a multiple of 4, wherever it stands."""
_BASE64_RUN: Final = 14
"""What 11 bytes come to in whole characters of base64, at the worst offset."""
_HEX_RUN: Final = 2 * RUN
_WORD: Final = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
PUNCTUATION: Final = bytes(byte for byte in range(256) if byte not in _WORD)
"""All that is neither a letter nor a digit of ASCII; the zeros of UTF-16 too."""


class _Form:
    """One way in which a secret may stand in a text."""

    __slots__ = ("folded", "least", "name", "text", "way", "whole")

    def __init__(
        self, name: str, way: str, text: bytes, least: int, *, folded: bool = False
    ) -> None:
        self.folded = folded
        """It is in small letters, and so must be what it is looked for in."""
        self.name = name
        self.way = way
        self.text = text
        self.least = min(least, len(text))
        digits = way.startswith("as it is") and text.isdigit()
        self.whole = re.compile(whole(text.decode()).encode()) if digits else None

    def runs(self) -> Iterator[bytes]:
        """Each piece that is just long enough."""
        for start in range(len(self.text) - self.least + 1):
            yield self.text[start : start + self.least]

    def within(self, text: bytes) -> bool:
        """Does a run of it stand there?"""
        return any(run in text for run in self.runs())

    def whole_within(self, text: bytes) -> bool:
        """Does all of it stand there? Digits only as a number of their own: others contain them."""
        return self.text in text and (self.whole is None or self.whole.search(text) is not None)


class Needles:
    """The secrets that are looked for. Most texts hold none of them, and are to be passed quickly."""

    def __init__(self) -> None:
        self._values: set[bytes] = set()
        self._long: list[_Form] = []
        self._short: list[_Form] = []
        self._grams: set[int] = set()
        self.least = RUN
        """Characters of the shortest piece that is looked for."""

    def __bool__(self) -> bool:
        return bool(self._values)

    def add(self, name: str, value: str) -> None:
        """Look for *value* from now on; it has 6 characters or more. *name* is what it is called."""
        data = as_bytes(value)
        if data in self._values:
            return
        self._values.add(data)
        short = len(data) < RUN
        floor = SHORTEST if short else RUN
        for way, text, least in _ways(data, floor):
            forms = [
                _Form(name, way, text, least),
                _Form(name, f"{way}, reversed", text[::-1], least),
            ]
            if short:  # a word: in capitals it may be the name of something
                self._short += forms
                self.least = min(self.least, len(text))
            else:
                self._long += forms
                self._grams |= _every_gram(text.lower()) | _every_gram(text[::-1].lower())
        if not short:
            self._long += _in_other_letters(name, data)

    def find(self, text: bytes) -> str:
        """Which secret *text* holds, and in what form; nothing where it holds none."""
        lower = text.lower()
        if not (
            self._grams.isdisjoint(_grams(lower, 0)) and self._grams.isdisjoint(_grams(lower, 4))
        ):
            for form in self._long:
                if form.within(lower if form.folded else text):
                    return f"{form.name} ({form.way})"
        for form in self._short:
            if form.whole_within(text):
                return f"{form.name} ({form.way})"
        return ""


def as_bytes(text: str) -> bytes:
    """UTF-8; half a surrogate pair, as JSON can have it, is no error, which would show the text."""
    return text.encode("utf-8", "surrogatepass")


def whole(word: str) -> str:
    """A pattern: *word* where it is no part of a longer word or number."""
    return rf"(?<![0-9A-Za-z])(?<![0-9]\.){re.escape(word)}(?![0-9A-Za-z]|\.[0-9])"


def _ways(data: bytes, floor: int) -> Iterator[tuple[str, bytes, int]]:
    """A secret as it is and encoded once: what that is called, the text, how long a run counts.

    Encodings that are undone where they stand would need no entry. Those that are in pieces do: the
    pieces are put together without punctuation, and nothing tells where a code begins.
    """
    yield from _bare("as it is", data, RUN, floor)
    yield "hex", data.hex().encode(), _HEX_RUN
    yield "hex", data.hex().upper().encode(), _HEX_RUN
    for offset in range(3):
        for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
            text = encode(bytes(offset) + data).rstrip(b"=")
            # What its neighbours have a share in is cut off: two or three characters before it,
            # and one behind where the bits do not come out even.
            end = len(text) - (1 if (offset + len(data)) % 3 else 0)
            yield from _bare("base64", text[(0, 2, 3)[offset] : end], _BASE64_RUN, floor)


def _in_other_letters(name: str, data: bytes) -> Iterator[_Form]:
    """A secret whose capitals became small or the other way round, as those of hex and UUIDs do."""
    for way, text, least in _bare("in other letters", data.lower(), RUN, RUN):
        yield _Form(name, way, text, least, folded=True)
        yield _Form(name, f"{way}, reversed", text[::-1], least, folded=True)


def _bare(way: str, text: bytes, least: int, floor: int) -> Iterator[tuple[str, bytes, int]]:
    """A text, and the same without its punctuation, if *floor* bytes of it remain."""
    yield way, text, least
    bare = text.translate(None, PUNCTUATION)
    if bare != text and len(bare) >= floor:
        yield f"{way}, without punctuation", bare, RUN


def _every_gram(text: bytes) -> set[int]:
    return {
        int.from_bytes(text[start : start + _GRAM], sys.byteorder)
        for start in range(len(text) - _GRAM + 1)
    }


def _grams(text: bytes, start: int) -> Iterable[int]:
    """Every 8 bytes from *start* on, as ints: made and compared in C, ten times as fast as slices."""
    size = len(text) - start
    if size < _GRAM:
        return ()
    return memoryview(text)[start : start + size // _GRAM * _GRAM].cast("Q")
