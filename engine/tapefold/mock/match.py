"""Is what a client asks what the tape says was asked? Both sides as fields, by path, and compared.

A field's value is JSON text: a number as it was written, a word in quotes. What signing adds is left
out: fields that the adapter declares volatile, and headers that no recorded request has. Ids that the
client makes need not be the recorded ones: a match binds recorded id to actual id, one to one, and all
that the exchange says from then on has the actual one.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from tapefold.adapter import Taping
from tapefold.replay.diff import decode, encode, leaves

Fields: TypeAlias = Mapping[str, str]
"""Where a value stands, and the value."""
Scoped: TypeAlias = tuple[str, str]
"""An id and where it counts: as a word (""), as a number (`NUMBERS`), or in one lane."""
NUMBERS: Final = "#"
"""Where ids count that are numbers, quoted or not: they are replaced by their fields' names, for a price
may look the same."""
DIGITS_MAX: Final = 8
"""A number in quotes that has more of them is no price: it is an id like a word."""

_QUOTED = re.compile(r'(?<=")[^"\\]+(?=")')
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_HEADER: Final = "header."


def request_fields(
    method: str, url: str, headers: Mapping[str, str], body: str, taping: Taping
) -> dict[str, str]:
    """A request as fields: method, host, path, query, declared headers, and its body."""
    parts = urlsplit(url)
    fields = {"method": method, "host": parts.netloc, "path": parts.path or "/"}
    rows = [("query", key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True)]
    if body and body[0] not in "{[" and "=" in body and "\n" not in body:
        rows += [("body", key, value) for key, value in parse_qsl(body, keep_blank_values=True)]
    elif body:
        fields |= frame_fields(body, taping, "body")
    for name, value in sorted(headers.items()):
        if name.lower() in taping.headers_sent:
            rows.append(("header", name.lower(), value))
    for where, key, value in rows:
        if key not in taping.volatile:
            fields[_unused(fields, f"{where}.{key}")] = encode(value).decode()
    return fields


def frame_fields(data: str | bytes, taping: Taping, root: str = "") -> dict[str, str]:
    """A frame, or a body, as fields: JSON by path, all else whole."""
    if isinstance(data, bytes):
        return {root or "bytes": data.hex(" ")}
    if data[:1] in ("{", "["):
        try:
            found = dict(leaves(decode(data), root))
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors too
            pass
        else:
            return _lasting(found, taping.volatile)
    return {root or "text": encode(data).decode()}


def _lasting(found: Mapping[str, str], volatile: frozenset[str]) -> dict[str, str]:
    """Without what is different every time: an object that has nothing else is an empty one."""
    left = {path: value for path, value in found.items() if name_of(path) not in volatile}
    if len(left) < len(found):
        for path in found:
            inside, dot, _ = path.rpartition(".")
            if dot and not any(other.startswith((f"{inside}.", f"{inside}[")) for other in left):
                left[inside] = "{}"
    return left


def _unused(fields: Fields, key: str) -> str:
    """A parameter may come twice: `query.symbol`, `query.symbol#2`."""
    number, unused = 1, key
    while unused in fields:
        number += 1
        unused = f"{key}#{number}"
    return unused


def name_of(path: str) -> str:
    """The name under which a field is declared: `id` of `body.params[0].id`, and of `body.id[0]`."""
    return path.rpartition(".")[2].partition("#")[0].partition("[")[0]


class Ids:
    """Which id of the tape's is which of this client's."""

    def __init__(self) -> None:
        self._bound: dict[Scoped, str] = {}
        self._taken: dict[Scoped, str] = {}
        """What each actual id stands for."""
        self._moved: dict[str, str] = {}
        self._by_name: dict[str, dict[str, str]] = {}
        """Of numbers, and of what is counted in a lane."""
        self._names: dict[str, frozenset[str]] = {}
        """Fields that have them."""

    def unify(
        self, asked: Fields, recorded: Fields, taping: Taping, lane: str, *, exact: bool
    ) -> dict[Scoped, str] | None:
        """What a match of the two would bind; None where they differ. *exact*: ids, too, are equal."""
        new: dict[Scoped, str] = {}
        if any(key not in recorded and not key.startswith(_HEADER) for key in asked):
            return None
        for key, want in recorded.items():
            got, name = asked.get(key), name_of(key)
            if got is None:
                return None
            if name not in taping.minted and name not in taping.counted:
                if got != want:
                    return None
                continue
            scope = _scope(name, want, taping, lane)
            if not self._fits((scope, _bare(want)), _bare(got), new, exact=exact):
                return None
            new[scope, _bare(want)] = _bare(got)
        return new

    def _fits(self, want: Scoped, got: str, new: dict[Scoped, str], *, exact: bool) -> bool:
        have = self._bound.get(want, new.get(want))
        if have is not None:
            return have == got
        if exact:
            return got == want[1]
        return (want[0], got) not in self._taken

    def bind(self, new: Mapping[Scoped, str], taping: Taping) -> None:
        """A match was made."""
        for (scope, recorded), actual in new.items():
            self._bound[scope, recorded] = actual
            self._taken[scope, actual] = recorded
            if scope:
                names = taping.minted if scope == NUMBERS else taping.counted
                self._names[scope] = self._names.get(scope, frozenset()) | names
            if recorded != actual:
                ours = self._by_name.setdefault(scope, {}) if scope else self._moved
                ours[recorded] = actual

    def rewrite(self, text: str, lane: str) -> str:
        """What the exchange said, with this client's ids in it."""
        if self._moved:
            moved = self._moved
            text = _QUOTED.sub(lambda found: moved.get(found[0], found[0]), text)
        for scope in (NUMBERS, lane):
            if ours := self._by_name.get(scope):
                put = partial(_put, ours)
                text = re.sub(_values(self._names[scope]), put, text)
        return text

    def rewrites(self, lane: str) -> bool:
        """Whether anything that is said in *lane* has to be looked at."""
        return bool(self._moved) or NUMBERS in self._by_name or lane in self._by_name

    def named_in(self, text: str) -> bool:
        """Whether a recorded frame names an id that this client has used."""
        if any(("", word) in self._bound for word in _QUOTED.findall(text)):
            return True
        names = self._names.get(NUMBERS)
        found = re.finditer(_values(names), text) if names else ()
        return any((NUMBERS, value[2]) in self._bound for value in found)

    def actual(self, recorded: str, lane: str) -> str | None:
        """What an id of the tape's is called by this client, as JSON text; None: not known yet."""
        for scope in ("", NUMBERS, lane):
            if (found := self._bound.get((scope, _bare(recorded)))) is not None:
                return recorded.replace(_bare(recorded), found)
        return None

    def stands_for(self, name: str, actual: str, taping: Taping, lane: str) -> str | None:
        """Which of the tape's ids an id of this client's is; None: it is new."""
        return self._taken.get((_scope(name, actual, taping, lane), _bare(actual)))


def _scope(name: str, value: str, taping: Taping, lane: str) -> str:
    """Where an id counts."""
    if name in taping.counted:
        return lane
    short_enough = value[:1] != '"' or len(_bare(value)) <= DIGITS_MAX
    return NUMBERS if short_enough and _NUMBER.fullmatch(_bare(value)) else ""


def _values(names: Iterable[str]) -> str:
    """The pattern of a field that has one of these names, and of its value."""
    return rf'("(?:{"|".join(map(re.escape, sorted(names)))})"\s*:\s*"?)([^"\s,}}\]]+)'


def _put(ours: Mapping[str, str], found: re.Match[str]) -> str:
    return found[1] + ours.get(found[2], found[2])


def _bare(value: str) -> str:
    return value[1:-1] if value[:1] == '"' else value


class Unplayed:
    """What the client has yet to do, found by content."""

    def __init__(self) -> None:
        self._same: dict[object, deque[int]] = {}
        self._like: dict[object, deque[int]] = {}

    def add(self, scope: str, fields: Fields, taping: Taping, line: int) -> None:
        """The tape says that this is asked in *line*."""
        for where, key in self._keys(scope, fields, taping):
            where.setdefault(key, deque()).append(line)

    def find(
        self, scope: str, fields: Fields, taping: Taping, done: bytearray
    ) -> Iterator[tuple[int, bool]]:
        """Lines that may be it, the likeliest first, and whether ids too have to be equal."""
        for exact, (where, key) in enumerate(reversed([*self._keys(scope, fields, taping)])):
            lines = where.get(key)
            while lines and done[lines[0]]:
                lines.popleft()
            for line in lines or ():
                if not done[line]:
                    yield line, not exact

    def _keys(
        self, scope: str, fields: Fields, taping: Taping
    ) -> Iterator[tuple[dict[object, deque[int]], object]]:
        said = [item for item in fields.items() if not item[0].startswith(_HEADER)]
        ids = taping.minted | taping.counted
        yield (
            self._like,
            (
                scope,
                frozenset((key, "" if name_of(key) in ids else value) for key, value in said),
            ),
        )
        yield self._same, (scope, frozenset(said))


def distance(asked: Fields, recorded: Fields) -> int:
    """How many fields differ; another method or path counts as many."""
    far = [asked.get(key) != recorded.get(key) for key in ("method", "path")]
    return sum(asked.get(key) != recorded.get(key) for key in {*asked, *recorded}) + 50 * any(far)


def is_alike(asked: Fields, recorded: Fields, taping: Taping) -> bool:
    """Whether they are equal but for ids."""
    ids = taping.minted | taping.counted
    return all(
        name_of(key) in ids if key in asked and key in recorded else key.startswith(_HEADER)
        for key in {*asked, *recorded}
        if asked.get(key) != recorded.get(key)
    )


def differences(
    asked: Fields, recorded: Fields, taping: Taping, ids: Ids, lane: str = ""
) -> list[str]:
    """A line for each field: `≠` differs, `+` was only asked, `-` was only recorded."""
    rows: list[str] = []
    names = taping.minted | taping.counted
    for key in [*recorded, *(key for key in asked if key not in recorded)]:
        ours, theirs = asked.get(key), recorded.get(key)
        name, taken = name_of(key), ""
        if theirs is not None and name in names and ours is not None:
            known, stands = ids.actual(theirs, lane), ids.stands_for(name, ours, taping, lane)
            theirs = known or (ours if stands is None else theirs)
            taken = "" if stands is None else f", which already stands for {short(stands)}"
        if theirs is None:
            if not key.startswith(_HEADER):
                rows.append(f"+ {key}: {short(ours or '')}")
        elif ours is None:
            rows.append(f"- {key}: {short(theirs)}")
        elif ours != theirs:
            rows.append(f"≠ {key}: asked {short(ours)}{taken}, recorded {short(theirs)}")
    return rows


def short(text: str, most: int = 90) -> str:
    """A text that may be long, for a message."""
    return text if len(text) <= most else f"{text[: most - 25]}…{text[-20:]}"
