"""Makes the words of a scenario file (`words.py`) out of its tables, and says what is wrong with them.

The types of the words say what may stand where. Numbers stay exact: a whole number becomes a `Decimal`
where one belongs, and one that no account could have is refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from itertools import islice
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from tapefold.scenario.positions import below, nth
from tapefold.scenario.words import Scenario
from tapefold.units import SCALED_MAX, is_account_number, tidy

Kind: TypeAlias = Any
"""A type, as it is written in `words.py`."""
SHOWN_MAX: Final = 40
"""Characters of a value that a message repeats."""
LISTED_MAX: Final = 24
"""Words that are listed beside the one that was probably meant."""
NAMED_MAX: Final = 64
"""Words that are listed where nobody knows which was meant: more than there are of any kind."""
LIST_MAX: Final = 1400
"""Characters of such a list."""
WORDS_MAX: Final = 1000
"""Words that are looked at: a file may have very many names of its own."""


class Wrong(Exception):
    """What is wrong with a file, and at which key."""

    def __init__(self, key: str, what: str) -> None:
        super().__init__(f"{key}: {what}")
        self.key, self.what = key, what


class Said(Struct, frozen=True):
    """What a file says: its words, and of them the keys of those that are sums."""

    scenario: Scenario
    sums: dict[str, str]


def said(document: Mapping[str, object]) -> Said:
    """The words of a whole file. Raises `Wrong`."""
    reader = _Reader()
    return Said(reader.table(Scenario, document, ""), reader.sums)


class _Reader:
    def __init__(self) -> None:
        self.sums: dict[str, str] = {}

    def table(self, kind: type, table: Mapping[str, object], key: str) -> Any:
        """A table whose words are known."""
        hints = fields_of(kind)
        for name in table:
            if name not in hints:
                raise Wrong(below(key, name), unknown(name, hints))
        made = {name: self.value(hints[name], table[name], below(key, name)) for name in table}
        for field in msgspec.structs.fields(kind):
            if field.required and field.name not in made:
                must = f"it must be said, and is {expected(hints[field.name])}"
                raise Wrong(below(key, field.name), must)
        return kind(**made)

    def value(self, kind: Kind, value: object, key: str) -> Any:
        """What stands at a key, as one of the types that it may have."""
        kinds = kinds_of(kind)
        choices = choices_of(kinds)
        if choices and isinstance(value, str):
            if value not in choices:
                raise Wrong(key, f"there is no {shown(value)}{near(value, choices)}")
            return value
        for each in kinds:
            if _fits(each, value):
                if each is str and Decimal in kinds and bool not in kinds:
                    self.sums[key] = cast("str", value)
                return self._as(each, value, key)
        raise Wrong(key, f"it is {shown(value)}, and must be {_instead(kind, value, key)}")

    def _as(self, kind: Kind, value: object, key: str) -> Any:
        if kind is Decimal or kind is int:
            number = cast("int | Decimal", value)
            return _amount(number, key) if kind is Decimal else _count(number, key)
        if isinstance(value, dict):
            table = cast("dict[str, object]", value)
            return self._named(kind, table, key) if is_dict(kind) else self.table(kind, table, key)
        return self._several(kind, cast("list[object]", value), key) if is_list(kind) else value

    def _named(self, kind: Kind, table: Mapping[str, object], key: str) -> dict[str, Any]:
        """A table whose names are the file's own, or words of a list."""
        names, values = get_args(kind)
        choices = choices_of(kinds_of(names))
        for name in table:
            if not name or (choices and name not in choices):
                raise Wrong(below(key, name), f"there is no {shown(name)}{near(name, choices)}")
        return {name: self.value(values, it, below(key, name)) for name, it in table.items()}

    def _several(self, kind: Kind, values: Sequence[object], key: str) -> tuple[Any, ...]:
        kinds = get_args(kind)
        if kinds[-1] is Ellipsis:
            kinds = kinds[:1] * len(values)
        elif len(values) != len(kinds):
            raise Wrong(key, f"it is {shown(values)}, and must be {expected(kind)}")
        pairs = enumerate(zip(kinds, values, strict=True))
        return tuple(self.value(each, value, nth(key, n)) for n, (each, value) in pairs)


def _amount(value: int | Decimal, key: str) -> Decimal:
    number = Decimal(value)
    if not number.is_finite():
        raise Wrong(key, f"it is {shown(value)}, which is no amount")
    if not is_account_number(number.copy_abs()):
        digits = "a number has up to 38 digits, and up to 30 of them after the point"
        raise Wrong(key, f"it is {shown(value)}: {digits}")
    return tidy(number)


def _count(value: int | Decimal, key: str) -> int:
    if isinstance(value, Decimal):
        raise Wrong(key, f"it is {shown(value)}, and must be a whole number, without a point")
    if not -SCALED_MAX < value < SCALED_MAX:
        raise Wrong(key, f"it is {shown(value)}, which is more than 63 bits hold")
    return value


# What may stand where


@cache
def fields_of(kind: type) -> Mapping[str, Kind]:
    """The fields of a word or an event, and what may stand in each."""
    hints = get_type_hints(kind)
    return {name: hints[name] for name in getattr(kind, "__struct_fields__", ())}


def kinds_of(kind: Kind) -> tuple[Kind, ...]:
    """What something of this type can be: each alternative, but not None, which a file cannot say."""
    if origin(kind) is Union or origin(kind) is UnionType:
        return tuple(each for each in get_args(kind) if each is not NoneType)
    return (kind,)


def choices_of(kinds: Iterable[Kind]) -> tuple[str, ...]:
    """The words that it can be; none where any text will do."""
    return tuple(
        word for each in kinds if origin(each) is Literal for word in get_args(each) if word
    )


def origin(kind: Kind) -> object:
    """What a type is made of: `dict` of `dict[str, int]`."""
    return get_origin(kind)


def is_dict(kind: Kind) -> bool:
    """Whether it is a table whose names are the file's own."""
    return origin(kind) is dict


def is_list(kind: Kind) -> bool:
    """Whether it is a list, of one kind or of several."""
    return origin(kind) is tuple


def _is_tables(kinds: Sequence[Kind]) -> bool:
    """Whether it is a list of tables, whose names are known or the file's own."""
    if not (kinds and is_list(kinds[0])):
        return False
    one, *_ = get_args(kinds[0])
    return is_dict(one) or (isinstance(one, type) and issubclass(one, Struct))


def _fits(kind: Kind, value: object) -> bool:
    """Whether it looks like that: what is in it is looked at later."""
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    match value:
        case int() | Decimal():
            return kind is int or kind is Decimal
        case str():
            return kind is str
        case list():
            return is_list(kind)
        case dict():
            return is_dict(kind) or (isinstance(kind, type) and issubclass(kind, Struct))
        case _:
            return False


# What people are told


def expected(kind: Kind) -> str:
    """What could stand there."""
    kinds = kinds_of(kind)
    words = choices_of(kinds)
    if words:
        return f"one of {', '.join(words)}"
    if Decimal in kinds and str in kinds and bool not in kinds:
        rest = [_expected(each) for each in kinds if each not in (Decimal, str)]
        return either(["a number", 'a sum in quotes, as "ask * 1.01"', *rest])
    return either([_expected(each) for each in kinds])


def _instead(kind: Kind, value: object, key: str) -> str:
    """What could stand there, for somebody who wrote *value*."""
    if isinstance(value, dict) and _is_tables(kinds_of(kind)):
        return f"a list of tables: write [[{key}]]"
    return expected(kind)


def _expected(kind: Kind) -> str:
    plain = {str: "a text", bool: "true or false", int: "a whole number", Decimal: "a number"}
    if kind in plain:
        return plain[kind]
    if is_list(kind):
        one, *more = get_args(kind)
        if Ellipsis in more:
            return f"a list, of which each is {expected(one)}"
        return f"a list of {1 + len(more)}: {', '.join(map(expected, (one, *more)))}"
    if is_dict(kind):
        return "a table"
    return f"a table of {', '.join(fields_of(kind))}"


def shown(value: object) -> str:
    """A value for a message, on one line, and not too long."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return plain(f'"{value}"')
    if isinstance(value, int | Decimal):
        # What is absurdly long is not even written out to be cut.
        return "a very long number" if _is_long(value) else plain(str(value))
    if isinstance(value, list | tuple):
        return f"a list of {len(cast('Sequence[object]', value))}"
    return "a table" if isinstance(value, dict) else "a date or a time"


def _is_long(value: int | Decimal) -> bool:
    return isinstance(value, int) and value.bit_length() > 8 * SHOWN_MAX


def plain(text: str, longest: int = SHOWN_MAX) -> str:
    """A text for a message, on one line, and not too long."""
    printable = "".join(each if each.isprintable() else "?" for each in text)
    return printable if len(printable) <= longest else f"{printable[:longest]}..."


def unknown(name: str, there: Iterable[str]) -> str:
    """A word that is not one, the nearest that is, and all that there are."""
    return f"there is no such word here{near(name, there)}"


def near(name: str, there: Iterable[str]) -> str:
    """The end of a message: `; did you mean "price"? There is amount, price`.

    Of many words the nearest alone, if there is one.
    """
    words = [*dict.fromkeys(islice(there, WORDS_MAX))]
    found = get_close_matches(name, words, 1) if len(name) <= SHOWN_MAX else []
    if not words:
        return "; there is none"
    listed = plain(", ".join(map(plain, words[:NAMED_MAX])), LIST_MAX)
    listed += f" and {len(words) - NAMED_MAX} more" if len(words) > NAMED_MAX else ""
    if not found:
        return f"; there is {listed}"
    rest = f" There is {listed}" if len(words) <= LISTED_MAX else ""
    return f'; did you mean "{plain(found[0])}"?{rest}'


def either(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
