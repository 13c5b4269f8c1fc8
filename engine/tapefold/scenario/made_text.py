"""TOML as people would write it: one line for what belongs together, numbers exactly as they are."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, TypeAlias

from tapefold.units import SCALED_MAX, fixed, tidy

Value: TypeAlias = "str | bool | int | Decimal | Mapping[str, Value] | tuple[Value, ...]"
"""What stands behind a key, on its line."""
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_ESCAPED: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def key(*names: str) -> str:
    """A key of one or more words: bare where TOML allows it."""
    return ".".join(name if _BARE.fullmatch(name) else text(name) for name in names)


def text(said: str) -> str:
    """A text in quotes."""
    return '"' + "".join(_letter(each) for each in said) + '"'


def _letter(each: str) -> str:
    if each in _ESCAPED:
        return _ESCAPED[each]
    return each if each.isprintable() or each == " " else f"\\U{ord(each):08x}"


def number(amount: Decimal) -> str:
    """An exact number. One that is too large for a whole number of TOML gets a point."""
    plain = fixed(tidy(amount))
    return plain if "." in plain or abs(amount) < SCALED_MAX else f"{plain}.0"


def value(said: Value) -> str:
    """Whatever stands behind a key."""
    match said:
        case bool():
            return "true" if said else "false"
        case str():
            return text(said)
        case int():
            return str(said)
        case Decimal():
            return number(said)
        case tuple():
            return f"[{', '.join(map(value, said))}]"
        case _:
            pairs = [f"{key(name)} = {value(each)}" for name, each in said.items()]
            return f"{{ {', '.join(pairs)} }}" if pairs else "{}"


def line(said: Value, *names: str) -> str:
    """A key and what stands behind it."""
    return f"{key(*names)} = {value(said)}"


def lines(rows: Iterable[Value], *names: str) -> list[str]:
    """A list, one line each."""
    each = [f"    {value(row)}," for row in rows]
    return [f"{key(*names)} = [", *each, "]"] if each else [f"{key(*names)} = []"]
