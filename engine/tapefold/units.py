"""Numbers: decimal text to exact scaled ints and back. Never a float.

Market numbers are ints in their instrument's scale: with 2 digits, "2683.81" is 268381. Account
numbers are `Decimal`s, normalised and bounded by `exact`. A number that does not fit is refused
with `TooFine` or `TooLarge`, and text that is no plain decimal number with `ValueError`; nothing is
ever rounded.
"""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from decimal import (
    Clamped,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    localcontext,
)
from functools import cache
from typing import Final, Literal, NamedTuple, TypeAlias

Nanos: TypeAlias = int
"""Nanoseconds since 1970 in UTC, or between two such moments."""
Side: TypeAlias = Literal["buy", "sell"]

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
"""Nanoseconds."""
SCALED_MAX: Final = 2**63
"""The first int that is too large: what 63 bits hold, so that C and every database can hold it."""
DIGITS_MAX: Final = 18
"""The finest scale: with one digit more, 63 bits would not even hold the number 10."""
MEMO_MAX: Final = 1 << 14
"""Prices remembered in a scale before it starts anew: about 2 MB."""
_PLACES_MAX: Final = 40
"""More before or after the point cannot be an account number."""
_NUMBER = re.compile(r"[0-9]{1,60}(?:\.[0-9]{1,60})?", re.ASCII).fullmatch
_SHORT: Final = len(str(SCALED_MAX))
"""Any number of fewer digits fits into 63 bits."""
_TIDY_ENDS = frozenset("123456789")
_ZEROS = tuple("0" * n for n in range(64))


class TooFine(ValueError):
    """A number with more decimals than its scale has room for; `digits` would do."""

    def __init__(self, text: str, digits: int) -> None:
        super().__init__(f"{text} needs {digits} decimals")
        self.digits = digits


class TooLarge(ValueError):
    """A number that 63 bits cannot hold in its scale."""


class Level(NamedTuple):
    """A price of a book, and how much is wanted or offered there."""

    price: Decimal
    size: Decimal


def scaled(text: str, digits: int) -> int:
    """*text* as an int of 10**-digits."""
    whole, point, part = text.partition(".")
    extra = len(part) - digits
    if extra <= 0:
        body = whole + part + _ZEROS[-extra]
    elif extra < len(_ZEROS) and part[digits:] == _ZEROS[extra]:
        body = whole + part[:digits]
    else:
        raise _too_fine(text)
    # `isdigit` takes Arabic and other digits too, hence `isascii`.
    if not (whole and body.isdigit() and body.isascii() and (part or not point)):
        raise ValueError(text)
    if len(body) < _SHORT:
        return int(body)
    value = int(body) if len(body) < 100 else SCALED_MAX
    if value >= SCALED_MAX:
        raise TooLarge(text)
    return value


def _too_fine(text: str) -> ValueError:
    if not _NUMBER(text):
        return ValueError(text)
    return TooFine(text, decimals(text))


class Scale(dict[str, int]):
    """`scale[text]` is `scaled(text, digits)`, remembered: prices repeat, and a hit is one C call."""

    __slots__ = ("digits",)

    def __init__(self, digits: int) -> None:
        super().__init__()
        self.digits = digits

    def __missing__(self, text: str) -> int:
        value = scaled(text, self.digits)
        if len(self) >= MEMO_MAX:
            self.clear()
        self[text] = value
        return value


SCALES: Final = tuple(map(Scale, range(DIGITS_MAX + 1)))
"""The one `Scale` of so many digits, 0 to `DIGITS_MAX`; -1 would be the last."""


@cache
def _uniform(wire: int, digits: int) -> re.Pattern[str]:
    """A column of numbers with *wire* decimals each, of which zero are those past *digits*.

    None of them is above 18 digits in all.
    """
    part = rf"\.[0-9]{{{digits}}}{_ZEROS[wire - digits]}" if wire else ""
    one = rf"[0-9]{{1,{18 - wire}}}+{part}"
    return re.compile(rf"{one}(?:,{one})*", re.ASCII)


def column(texts: Sequence[str], digits: int) -> list[int]:
    """`scaled` of many numbers at once.

    An exchange prints a column with one number of decimals, so all of it is checked by one pattern
    and read by one `map`. Whatever does not look like that takes the slow road, one by one, which
    also knows what to say of a bad number.
    """
    if not texts:
        return []
    first = texts[0]
    point = first.find(".")
    wire = len(first) - point - 1 if point >= 0 else 0
    joined = ",".join(texts)
    if not 0 <= digits <= wire < 18 or not _uniform(wire, digits).fullmatch(joined):
        return [scaled(text, digits) for text in texts]
    zeros = _ZEROS[wire - digits]  # at the end of each of them
    body = joined.replace(".", "")[: -len(zeros) or None]
    values = list(map(int, body.split(zeros + ",")))
    if len(values) != len(texts):  # a comma stood in one of them
        return [scaled(text, digits) for text in texts]
    return values


def decimals(text: str) -> int:
    """How many decimals *text* (a tick, say) really needs: "0.0100" needs 2."""
    return len(text.partition(".")[2].rstrip("0"))


def plain(value: int, digits: int) -> str:
    """A scaled int as a person writes it: no exponent, no needless zeros."""
    if not digits:
        return str(value)
    text = str(value).rjust(digits + 1, "0")
    part = text[-digits:].rstrip("0")
    return f"{text[:-digits]}.{part}" if part else text[:-digits]


ACCOUNT: Final = Context(
    prec=600,
    Emax=999,
    Emin=-999,
    traps=[Inexact, InvalidOperation, DivisionByZero, Overflow, Clamped],
)
"""Room for every product of two account numbers and for sums of them; nothing is rounded unnoticed."""


def exactly() -> AbstractContextManager[Context]:
    """Within it `Decimal`s are computed exactly, whatever the embedder's own context is."""
    return localcontext(ACCOUNT)


def exact(text: str, *, signed: bool = False) -> Decimal:
    """*text* as an account number: one `Decimal` for one number, so "0.10" and "0.1" are the same.

    Raises `ValueError` for no plain number, or a negative one that is not expected to be *signed*,
    and `TooLarge` beyond 38 digits or 30 decimals.
    """
    if signed and text.startswith("-"):
        number = exact(text[1:])
        return number.copy_negate() if number else number  # a minus sign would round to 28 digits
    if not _NUMBER(text):
        raise ValueError(text)
    whole, _, part = text.partition(".")
    part = part.rstrip("0")
    whole = whole.lstrip("0") or "0"
    if len(whole) + len(part) > 38 or len(part) > 30:
        raise TooLarge(text)
    return Decimal(f"{whole}.{part}" if part else whole)


def is_account_number(number: Decimal) -> bool:
    """Whether `exact` could have given it: finite, not negative, within its digits and decimals."""
    # What is absurdly long is not even written out to look.
    if not number.is_finite() or (number and abs(number.adjusted()) > _PLACES_MAX):
        return False
    text = ACCOUNT.to_sci_string(number)
    if len(text) <= 30 and "E" not in text:
        return not number.is_signed()  # too short to have too many digits, as nearly all are
    try:
        exact(fixed(number))
    except ValueError:
        return False
    return True


def tidy(number: Decimal) -> Decimal:
    """The same number as `exact` would give it: without needless zeros, and never with an exponent."""
    text = ACCOUNT.to_sci_string(number)
    if text[-1] in _TIDY_ENDS and "E" not in text:
        return number  # as nearly all are
    text = format(number, "f")
    short = text.rstrip("0").rstrip(".") if "." in text else text
    return Decimal(short) if number else Decimal(0)


def fixed(number: Decimal) -> str:
    """An account number as a person and an exchange write it: never with an exponent."""
    return format(number, "f")
