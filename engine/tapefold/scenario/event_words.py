"""What a scenario file says of events: whether there is such an event, and has it such a field."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, cast, get_args

from tapefold.adapter import Purpose
from tapefold.events import Amounts, AnyEvent, Conclusion, ForeignOrderSeen, OrderType
from tapefold.scenario.check_names import Known
from tapefold.scenario.positions import below, nth
from tapefold.scenario.wording import (
    Wrong,
    choices_of,
    either,
    fields_of,
    kinds_of,
    near,
    origin,
    shown,
)
from tapefold.scenario.words import Fields, Number

FieldKind: TypeAlias = Literal["number", "text", "texts", "truth", "amounts", "instrument"]
"""What a field of an event is compared with; `instrument` is a text, the pair's name."""
EVENTS: Final[Mapping[str, type]] = MappingProxyType(
    {kind.__name__: kind for kind in get_args(AnyEvent)}
)
"""Every event, by its class's name."""
TELLABLE: Final[Mapping[str, type]] = MappingProxyType(
    {
        name: kind
        for name, kind in EVENTS.items()
        if issubclass(kind, Conclusion) and kind is not ForeignOrderSeen
    }
)
"""Conclusions about an order of ours: what `then.told` can name."""
_KINDS: Final[tuple[tuple[Any, FieldKind], ...]] = (
    (Amounts, "amounts"),
    (tuple[str, ...], "texts"),
    (bool, "truth"),
    (int, "number"),
    (Decimal, "number"),
    (str, "text"),
)
_WANTED: Final[Mapping[FieldKind, str]] = MappingProxyType(
    {
        "number": 'a number, or a sum in quotes, as "ask * 1.01"',
        "text": "a text",
        "texts": "a list of names",
        "truth": "true or false",
        "amounts": "a table of amounts by asset, as {USDT = 0.1}",
        "instrument": 'the name of a pair, as "BTC-USDT"',
    }
)
_SAID: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"purpose": get_args(Purpose), "order_types": get_args(OrderType)}
)
"""Fields that are texts to the events, and always one of a few."""
_ORDERS: Final = ("ended", "left")
"""Fields that are lists of orders."""
_NAMES: Final[Mapping[str, Callable[[Known, str, str], None]]] = MappingProxyType(
    {
        "instrument": Known.instrument,
        "symbol": Known.instrument,
        "asset": Known.asset,
        "base": Known.asset,
        "quote": Known.asset,
        "exchange": Known.exchange,
    }
)
"""Fields that name something."""


@cache
def sayable(kind: type) -> Mapping[str, FieldKind]:
    """The fields of an event that a file can speak of, and what each is compared with."""
    found: dict[str, FieldKind] = {}
    for name, hint in fields_of(kind).items():
        field = _field_kind(name, hint)
        if field:
            found[name] = field
    return found


def _field_kind(name: str, hint: Any) -> FieldKind | None:
    if name == "instrument":
        return "instrument"
    for kind in kinds_of(hint):
        if origin(kind) is Literal:
            return "text"
        for known, field in _KINDS:
            if kind == known:
                return field
    return None


def check_told(rows: Iterable[Fields], key: str, known: Known) -> dict[str, str]:
    """All that is told of one order: the sums in it, by their keys. Raises `Wrong`."""
    sums: dict[str, str] = {}
    for n, row in enumerate(rows):
        kind = _event(row, f"{key}[{n}]", TELLABLE)
        if "order" in row:
            raise Wrong(f"{key}[{n}].order", "the order is said already: it is the table's name")
        sums |= _check_fields(row, f"{key}[{n}]", kind, known)
    return sums


def check_facts(rows: Iterable[Fields], key: str, known: Known) -> dict[str, str]:
    """Events of any kind; the same."""
    sums: dict[str, str] = {}
    for n, row in enumerate(rows):
        where = f"{key}[{n}]"
        if "order" in row:
            name = row["order"]
            if not isinstance(name, str):
                what = f"it is {shown(name)}, and must be an order's name"
                raise Wrong(f"{where}.order", what)
            known.order(name, f"{where}.order")
        kind = _event(row, where, EVENTS)
        if "order" in row and "client_order_id" not in fields_of(kind):
            raise Wrong(f"{where}.order", f"{kind.__name__} is about no order")
        sums |= _check_fields(row, where, kind, known)
    return sums


def _event(row: Fields, key: str, there: Mapping[str, type]) -> type:
    name = row.get("event")
    if name is None:
        raise Wrong(f"{key}.event", "it must be said, and is the name of an event")
    if not isinstance(name, str) or name not in there:
        known = isinstance(name, str) and name in EVENTS
        what = f"{name} is no conclusion about an order" if known else f"there is no {shown(name)}"
        raise Wrong(f"{key}.event", f"{what}{near(str(name), there)}")
    return there[name]


def _check_fields(row: Fields, key: str, kind: type, known: Known) -> dict[str, str]:
    fields, sums = sayable(kind), dict[str, str]()
    for name, value in row.items():
        where = below(key, name)
        if name in ("event", "order"):
            continue
        if name not in fields:
            raise Wrong(where, f"{kind.__name__} has no such field{near(name, fields)}")
        if not _fits(fields[name], value):
            raise Wrong(where, f"it is {shown(value)}, and must be {_WANTED[fields[name]]}")
        _check_words(name, value, where, kind)
        if not known.recorded:  # whose names it alone knows
            _check_names(name, value, where, known)
        sums |= _sums(fields[name], value, where)
    return sums


def _sums(field: FieldKind, value: object, key: str) -> dict[str, str]:
    if isinstance(value, dict):
        amounts = cast("dict[str, Number]", value)
        return {below(key, a): it for a, it in amounts.items() if isinstance(it, str)}
    return {key: value} if field == "number" and isinstance(value, str) else {}


def _check_words(field: str, value: object, key: str, kind: type) -> None:
    """That a text is one that it can be, where those are known."""
    if isinstance(value, str):
        _check_text(value, _words(field, kind), key)
    elif isinstance(value, tuple):
        for n, word in enumerate(cast("tuple[str, ...]", value)):
            _check_text(word, _words(field, kind), nth(key, n))


def _words(name: str, kind: type) -> tuple[str, ...]:
    """What a field can say; empty for anything."""
    return _SAID.get(name) or choices_of(kinds_of(fields_of(kind)[name]))


def _check_names(field: str, value: object, key: str, known: Known) -> None:
    """That what is named is something that the file has."""
    match value:
        case dict():
            for asset in cast("dict[str, Number]", value):
                known.asset(asset, below(key, asset))
        case tuple() if field in _ORDERS:
            for n, name in enumerate(cast("tuple[str, ...]", value)):
                known.order(name, nth(key, n))
        case str() if field in _NAMES:
            _NAMES[field](known, value, key)
        case _:
            pass


def _fits(field: FieldKind, value: object) -> bool:
    match value:
        case bool():
            return field == "truth"
        case str():
            return field in ("number", "text", "instrument")
        case dict():
            return field == "amounts"
        case tuple():
            return field == "texts"
        case _:
            return field == "number"


def _check_text(value: str, choices: tuple[str, ...], key: str) -> None:
    if choices and value and value not in choices:
        raise Wrong(key, f"it is never {shown(value)}; it can be {either(choices)}")
