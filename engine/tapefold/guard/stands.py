"""What stands in for a masked value: of the same type and length, and made without looking at it.

A number of under 8 digits has one of 8: of so few digits every number may be somebody's account.

A stand-in comes from its field's name and an ordinal, so it tells nothing of the value, not even by a
hash; and a value has one stand-in, wherever and however it is written.
"""

import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from tapefold.guard.needles import RUN, as_bytes, whole

DIGITS_MIN: Final = 8
"""Digits of a number that stands in for another."""
_MADE = re.compile(r"[1-9][0-9]{0,4}x+", re.ASCII).fullmatch
_MADE_NUMBER = re.compile(rf"9{{{DIGITS_MIN - 2},}}[0-9]{{2}}", re.ASCII).fullmatch
"""The first hundred of each length."""


class Everywhere:
    """A value that is masked wherever it stands, and its stand-in."""

    __slots__ = ("_forms", "_whole", "name", "size", "stand")

    def __init__(self, name: str, value: str, stand: str) -> None:
        self.name = name
        self.stand = stand
        self.size = len(value)
        escaped = json.dumps(value, ensure_ascii=False)[1:-1]
        slashed = escaped.replace("/", "\\/")
        again = json.dumps(slashed, ensure_ascii=False)[1:-1]
        quoted, path = (quote(as_bytes(value), safe=safe) for safe in ("", "/"))
        forms = (value, quoted, path, escaped, slashed, again)
        self._forms = tuple(dict.fromkeys(sorted(forms, key=len, reverse=True)))
        # A short word may be a part of another one, and digits of any longer number.
        self._whole = len(value) < RUN or value.isdigit()

    def mask(self, text: str) -> str:
        """*text* with the stand-in for each place where the value stands."""
        for form in self._forms:
            if form in text:
                text = self._replaced(text, form)
        return text

    def _replaced(self, text: str, form: str) -> str:
        if not self._whole:
            return text.replace(form, self.stand)
        return re.sub(whole(form), lambda _: self.stand, text)


class Stands:
    """Real values and their stand-ins."""

    def __init__(self) -> None:
        self.masked: set[str] = set()
        """The names of what was masked."""
        self._stand: dict[str, str] = {}
        self._ordinals: dict[str, int] = {}
        self._everywhere: list[Everywhere] = []
        self._taken: set[str] = set()

    def words(self) -> Iterator[str]:
        """All stand-ins, the longest first: a shorter one may be a part of it."""
        yield from sorted(self._taken, key=lambda word: (-len(word), word))

    def reserve(self, stand: str) -> None:
        """It stands for something already, or is the credential itself, as in mock mode."""
        self._taken.add(stand)

    def put(self, name: str, value: str, stand: str, *, everywhere: bool) -> None:
        """From now on *stand* is written for *value*."""
        self._stand[value] = stand
        self._taken.add(stand)
        if everywhere:
            self._everywhere.append(Everywhere(name, value, stand))
            # Of two values that begin alike, the longer one first.
            self._everywhere.sort(key=lambda known: -known.size)

    def known(self, name: str, value: str) -> bool:
        """Has it a stand-in, or is it one? That of another recording is known by its looks."""
        letters = _letters(name)
        word = value.startswith(letters) and _MADE(value.removeprefix(letters))
        if word or (_MADE_NUMBER(value) and value not in self._stand):
            self.reserve(value)
        return value in self._stand or value in self._taken

    def add(self, name: str, value: str, *, everywhere: bool, least: int = 0) -> None:
        """Make a stand-in for *value*, which was not seen before, from its field's name.

        It has *least* characters at the least.
        """
        stand = self._fresh(name, value.ljust(least, "x"))
        self.put(name, value, stand, everywhere=everywhere)

    def of(self, name: str, value: str) -> str:
        """The stand-in of a known value, or what is one as it is."""
        if value in self._taken:
            return value
        self.masked.add(name)
        return self._stand[value]

    def mask(self, text: str) -> str:
        """*text* with stand-ins for all values that are masked wherever they stand."""
        for known in self._everywhere:
            masked = known.mask(text)
            if masked is not text:
                self.masked.add(known.name)
                text = masked
        return text

    def _fresh(self, name: str, value: str) -> str:
        while True:
            ordinal = self._ordinals[name] = self._ordinals.get(name, 0) + 1
            make = _number if value.isascii() and value.isdigit() else _word
            stand = make(name, ordinal, len(value))
            if stand not in self._taken and stand not in self._stand:
                return stand


def _number(_: str, ordinal: int, size: int) -> str:
    """99999999, 99999998, 99999997 ... 10000000; longer where there are no more of that length."""
    size = max(size, DIGITS_MIN)
    if ordinal <= 9 * 10 ** (size - 1):
        return str(10**size - ordinal)
    return str(10**size + ordinal)


def _word(name: str, ordinal: int, size: int) -> str:
    """The name, the ordinal and as many x as there is room for; the name gives way to the ordinal."""
    count = str(ordinal)
    return f"{_letters(name)[: max(0, size - len(count))]}{count}".ljust(size, "x")


def _letters(name: str) -> str:
    return "".join(char for char in name if char.isascii() and char.isalnum())
