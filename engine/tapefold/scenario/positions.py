"""On which line of a TOML file each of its keys stands. The parser gives no lines, so they are found here.

The text is one that `tomllib` has read: nothing is checked again. A key is written as people would point
at it: `then.orders.buy.status`, `when[0].submit.price` (counted from 0); what is no bare word in quotes.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Final

_GAP: Final = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
"""Spaces, ends of lines, comments."""
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_DOT: Final = re.compile(r"[ \t]*\.[ \t]*")
_TEXT: Final = re.compile(
    r'"""(?s:\\.|[^\\])*?"""{1,3}'  # up to two more quotes are the text's own
    r"|'''(?s:.)*?'''{1,3}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
)
_PLAIN: Final = re.compile(r"[^,\]}#\n]+")
"""A number, a date, true or false."""


def below(key: str, name: str) -> str:
    """The key of what a table calls so."""
    word = name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)
    return f"{key}.{word}" if key else word


def nth(key: str, number: int) -> str:
    """The key of an element of a list; the first is 0."""
    return f"{key}[{number}]"


def positions(text: str) -> dict[str, int]:
    """The line of each key, table and element of a list; the first is 1.

    A table stands where its header is, or where it is first mentioned if it has none.
    """
    walk = _Walk(text.replace("\r\n", "\n"))
    walk.file()
    return walk.lines


def twice_said(text: str) -> str:
    """The key that is said for the second time first; "" where none is.

    *text* need be no TOML, but it is up to that key.
    """
    walk = _Walk(text.replace("\r\n", "\n"))
    walk.file()
    return walk.twice


class _Walk:
    def __init__(self, text: str) -> None:
        self._text, self._at, self._line = text, 0, 1
        self.lines: dict[str, int] = {}
        self._rows: dict[str, int] = {}
        """How many tables a list of tables has so far."""
        self._said: dict[str, None] = {}
        self.twice = ""
        """The first key that was said already."""

    def file(self) -> None:
        """All of it."""
        table = ""
        while self._next():
            if self._sees("["):
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> str:
        """`[table]` or `[[list]]`: the key of what follows."""
        line, several = self._line, self._text.startswith("[[", self._at)
        self._skip(2 if several else 1)
        key, *inner = self._names()
        self._skip(2 if several else 1, gap=True)
        table = self._into("", [key, *inner[:-1]] if inner else [], line)
        table = below(table, inner[-1] if inner else key)
        if table in self._said or (not several and table in self._rows):
            self.twice = self.twice or table
        if not several:
            self.lines[table] = line
            self._said[table] = None
            return table
        self.lines.setdefault(table, line)
        row = self._rows.get(table, 0)
        self._rows[table] = row + 1
        self.lines[nth(table, row)] = line
        return nth(table, row)

    def _into(self, table: str, names: Iterable[str], line: int) -> str:
        """The table that is reached by these names; of a list of tables its last."""
        for name in names:
            table = below(table, name)
            self.lines.setdefault(table, line)
            if table in self._rows:
                table = nth(table, self._rows[table] - 1)
        return table

    def _pair(self, table: str) -> None:
        """`key = value`, where the key may have dots."""
        line, names = self._line, [*self._names()]
        key = below(self._into(table, names[:-1], line), names[-1])
        self.lines[key] = line
        if key in self._said or key in self._rows:
            self.twice = self.twice or key
        self._said[key] = None
        self._next()
        self._skip(1)  # the =
        self._value(key)

    def _names(self) -> Iterator[str]:
        """The parts of a key."""
        while True:
            self._next()
            yield self._take(_BARE) or self._unquoted()
            if not self._take(_DOT):
                return

    def _unquoted(self) -> str:
        quoted = self._take(_TEXT)
        return str(tomllib.loads(f"it = {quoted}")["it"]) if quoted else ""

    def _value(self, key: str) -> None:
        self._next()
        if self._sees("["):
            self._skip(1)
            self._list(key)
        elif self._sees("{"):
            self._skip(1)
            while not self._ends("}"):
                self._pair(key)
        elif not (self._take(_TEXT) or self._take(_PLAIN)):
            self._skip(1)

    def _list(self, key: str) -> None:
        number = 0
        while not self._ends("]"):
            self.lines[nth(key, number)] = self._line
            self._value(nth(key, number))
            number += 1

    # The text, piece by piece

    def _sees(self, start: str) -> bool:
        return self._text.startswith(start, self._at)

    def _next(self) -> bool:
        """On to the next word; False at the end."""
        self._take(_GAP)
        return self._at < len(self._text)

    def _ends(self, end: str) -> bool:
        """Past a comma; whether the list or table ends here."""
        self._next()
        if self._sees(","):
            self._skip(1)
            self._next()
        if self._sees(end):
            self._skip(1)
            return True
        return self._at >= len(self._text)

    def _skip(self, count: int, *, gap: bool = False) -> None:
        if gap:
            self._next()
        self._at += count

    def _take(self, pattern: re.Pattern[str]) -> str:
        """What stands here, if it is that; and past it."""
        found = pattern.match(self._text, self._at)
        if not found:
            return ""
        self._at = found.end()
        self._line += found.group().count("\n")
        return found.group()
