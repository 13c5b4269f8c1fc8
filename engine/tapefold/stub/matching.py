"""What is wanted of a request or a frame, and in which fields another one differs. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import translate
from typing import Any, Final, Protocol, TypeAlias, TypeVar, cast
from urllib.parse import parse_qs, unquote

import msgspec
from msgspec import Struct

Fields: TypeAlias = Mapping[str, Any]
"""Of a query or a form: a text each, or a list where a name came several times."""
Text: TypeAlias = str | re.Pattern[str]
"""A pattern is searched for in frames, and must fit all of a path or a value."""

TOO_DEEP: Final = "something that is nested too deep to be shown"


class Nothing:
    """No wish; None is one, in JSON."""


NOTHING: Final = Nothing()


class Body(Struct, frozen=True):
    """What a request brought, as it came and as fields."""

    raw: bytes = b""
    value: Any = None
    """Decoded JSON, the fields of a form, or text; bytes where it is none."""
    form: bool = False


def read_fields(text: str) -> dict[str, Any]:
    """A query or a form as fields; names without values have empty ones."""
    found = parse_qs(text, keep_blank_values=True)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def read_body(raw: bytes, content_type: str) -> Body:
    """A body as fields. What looks like JSON is JSON: clients often say that it is a form."""
    if raw[:1] in (b"{", b"[") or "json" in content_type:
        try:
            return Body(raw, msgspec.json.decode(raw))
        except (msgspec.DecodeError, RecursionError):
            pass  # a thousand brackets in a row are text, too
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return Body(raw, raw)
    if "x-www-form-urlencoded" in content_type:
        return Body(raw, read_fields(text), form=True)
    return Body(raw, text)


def fits(pattern: Text, text: str) -> bool:
    """Is this path that one? A `*` stands for anything; percent signs are read."""
    if isinstance(pattern, re.Pattern):
        return bool(pattern.fullmatch(text))
    if pattern in (text, unquote(text)):
        return True
    # fnmatch's other signs stand for themselves: exchanges have brackets in symbols.
    return "*" in pattern and bool(
        re.fullmatch(translate(re.sub(r"([?[])", r"[\1]", pattern)), text)
    )


def differences(wanted: Any, found: Any, where: str, *, text: bool = False) -> Iterator[str]:
    """A line for each field that is wanted and is not so; more fields than are wanted are no matter.

    *text*: the values found are texts, as in a query. `...` is any value; a pattern must fit the value.
    """
    if isinstance(wanted, Mapping):
        yield from _of_mapping(cast("Fields", wanted), found, where, text=text)
    elif isinstance(wanted, list | tuple) and isinstance(found, list):
        yield from _of_list(cast("list[Any]", wanted), found, where, text=text)
    elif not same(wanted, found, text=text):
        yield f"≠ {where}: asked {shown(found)}, preset {shown(wanted)}"


def _of_mapping(wanted: Fields, found: Any, where: str, *, text: bool) -> Iterator[str]:
    if not isinstance(found, Mapping):
        yield f"≠ {where}: asked {shown(found)}, preset {shown(wanted)}"
        return
    fields = cast("Fields", found)
    for name, value in wanted.items():
        if name in fields:
            yield from differences(value, fields[name], f"{where}.{name}", text=text)
        else:
            yield f"- {where}.{name}: preset {shown(value)}"


def _of_list(wanted: list[Any], found: Any, where: str, *, text: bool) -> Iterator[str]:
    if len(wanted) != len(found):
        yield f"≠ {where}: asked {len(found)} of them, preset {len(wanted)}"
        return
    for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
        yield from differences(one, other, f"{where}[{number}]", text=text)


def same(wanted: Any, found: Any, *, text: bool) -> bool:
    """Is one value the other? A number is not its text, except where all are texts; true is not 1."""
    if wanted is ...:
        return True
    if isinstance(wanted, re.Pattern):
        return bool(cast("re.Pattern[str]", wanted).fullmatch(_plain(found)))
    if text and not isinstance(wanted, str):
        return bool(found == msgspec.json.encode(wanted).decode())
    return bool(wanted == found) and isinstance(wanted, bool) == isinstance(found, bool)


def _plain(value: Any) -> str:
    try:
        return str(value)
    except RecursionError:
        return TOO_DEEP


def shown(value: Any) -> str:
    """A value for people."""
    if value is ...:
        return "anything"
    if isinstance(value, re.Pattern):
        return f"/{cast('re.Pattern[str]', value).pattern}/"
    try:
        text = msgspec.json.encode(value, enc_hook=shown).decode()
    except (TypeError, UnicodeDecodeError):
        text = repr(value)
    except RecursionError:
        text = TOO_DEEP
    return text if len(text) <= 200 else text[:199] + "…"


def leaves(value: Any) -> int:
    """How many values there are in it: what wants more of them is more specific."""
    if isinstance(value, Mapping):
        return sum(map(leaves, cast("Fields", value).values()))
    if isinstance(value, list | tuple):
        return sum(map(leaves, cast("Sequence[Any]", value)))
    return 0 if isinstance(value, Nothing) else 1


class Turn(Protocol):
    """One of several things that are said in turn."""

    times: int | None
    """How often; None: once, or always where nothing follows."""
    used: int


T = TypeVar("T", bound=Turn)


def turn_of(turns: Sequence[T]) -> T | None:
    """Whose turn it is, if anybody's."""
    for turn in turns:
        if turn.times is None and turn is turns[-1]:
            return turn
        if turn.used < (turn.times or 1):
            return turn
    return None
