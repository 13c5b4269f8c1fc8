"""Masking in place: every byte of a text stays but the values of the fields that a rule names.

A field is a JSON key, also of JSON inside a JSON string, up to three times; and a name in a query or
a form, of a token or an account also in a sentence. A value is a string or a number; objects, arrays,
true, false and null stay as they are, and are what `check` is for.
"""

import json
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, Literal, TypeAlias, cast
from urllib.parse import unquote

from tapefold.adapter import Taping

Kind: TypeAlias = Literal["volatile", "token", "account", "id"]
Stand: TypeAlias = Callable[[Kind, str, str], str]
"""What to write for a value: its field's kind and name, and the value without escapes."""

NESTED_MAX: Final = 3
AROUND: Final = 1 << 10
"""Characters before and behind a parameter in which a blank says that it is in no query."""
_NUMBER: Final = r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_BLANK = re.compile(r"\s")
_IS_NUMBER = re.compile(_NUMBER, re.ASCII).fullmatch


class Masks:
    """The fields that an adapter names, found in texts."""

    def __init__(self, taping: Taping) -> None:
        named: list[tuple[Kind, frozenset[str]]] = [
            ("id", taping.minted | taping.order_ids),
            ("volatile", taping.volatile),
            ("account", taping.account),
            ("token", taping.tokens),
        ]
        # Where a name is in two lists, the stricter one holds: it is the later one.
        self._kinds: dict[str, Kind] = {name: kind for kind, names in named for name in names}
        names = sorted(self._kinds)
        self._json = [_json(names, level) for level in range(NESTED_MAX + 1)]
        self._form = _form(names)

    def mask(self, text: str, stand: Stand) -> str:
        """*text* with *stand*'s word for each value of a named field."""
        # Most frames have none of these names, and this says so a hundred times as fast.
        if not any(map(text.__contains__, self._kinds)):
            return text
        nested = '\\"' in text
        for level, pattern in enumerate(self._json if nested else self._json[:1]):
            text = pattern.sub(partial(self._in_json, stand, level), text)
        return self._form.sub(partial(self._in_form, stand), text)

    def _in_json(self, stand: Stand, level: int, match: re.Match[str]) -> str:
        name, text, number = match["name"], match["text"], match["number"]
        kind = self._kinds[name]
        if number is None:
            return _put(match, "text", _string(kind, name, text, stand, level))
        if kind == "id":
            return (
                _put(match, "number", stand(kind, name, number)) if number.isdigit() else match[0]
            )
        if kind == "volatile" or not number.isdigit() or number == "0":
            # A stand-in has no sign and no point; such numbers are nobody's account.
            stand("volatile", name, number)
            return _put(match, "number", "0")
        return _put(match, "number", stand(kind, name, number))

    def _in_form(self, stand: Stand, match: re.Match[str]) -> str:
        name, text = match["name"], match["text"]
        kind, value = self._kinds[name], unquote(text)
        # What is private is masked in any sentence; a time is one of a request's only in a request.
        if not text or (kind == "volatile" and not _is_query(match)):
            return match[0]
        new = stand(kind, name, value)
        if kind == "volatile" and _IS_NUMBER(value):
            new = "0"
        return match[0] if new == value else _put(match, "text", new)


def _is_query(match: re.Match[str]) -> bool:
    """Is the whole string that this stands in a query, a form or a URL? None of them has a blank."""
    text, first, last = match.string, match.start(), match.end()
    start = max(text.rfind('"', max(0, first - AROUND), first) + 1, first - AROUND, 0)
    end = text.find('"', last, last + AROUND)
    return _BLANK.search(text, start, last + AROUND if end < 0 else end) is None


def _string(kind: Kind, name: str, text: str, stand: Stand, level: int) -> str:
    """What to write between the quotes of a JSON string."""
    value = _plain(text, level)
    new = stand(kind, name, value)
    return text if new == value else new


def _put(match: re.Match[str], group: str, new: str) -> str:
    """All that was matched, with *new* for one group."""
    start, end = match.start(group) - match.start(), match.end(group) - match.start()
    return match[0][:start] + new + match[0][end:]


def _plain(text: str, level: int) -> str:
    """The inside of a JSON string, so many times inside another, without its escapes."""
    value = text
    for _ in range(level + 1):
        try:
            value = cast("str", json.loads(f'"{value}"'))
        except ValueError:
            return text
    return value


def _names(names: Iterable[str]) -> str:
    return "|".join(map(re.escape, names)) or "(?!)"


def _json(names: Iterable[str], level: int) -> re.Pattern[str]:
    r"""A field of JSON that is *level* times inside a JSON string.

    There a quote has 2^level - 1 backslashes before it, and one backslash became 2^level of them. So
    a value ends at the first quote with just so many that are not themselves a pair: `"`, `\"`, `\\\"`.
    """
    quote = r"\\" * (2**level - 1) + '"'
    slash = r"\\" * 2**level
    inside = rf'(?:[^"\\]|{slash}(?:[^"\\]|{slash}|{quote}))*+'
    return re.compile(
        rf"(?<!\\){quote}(?P<name>{_names(names)}){quote}\s*:\s*"
        rf"(?:{quote}(?P<text>{inside}){quote}|(?P<number>{_NUMBER}))",
        re.ASCII,
    )


def _form(names: Iterable[str]) -> re.Pattern[str]:
    r"""A parameter of a query or a form; `&` is also written `\u0026` inside JSON."""
    return re.compile(
        rf'(?:^|(?<=[?&"\'\s])|(?<=\\u0026))(?P<name>{_names(names)})=(?P<text>[^&#\s"\'\\]*)'
    )
