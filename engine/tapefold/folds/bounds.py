"""Bounds: numbers that every sum and product of an account has room for.

`exact` lets no other number into a log. But a log is a file, and whoever writes an adapter may forget
it: one such number, once joined, would make every later sum of its order or its asset raise.
"""

from decimal import Decimal
from functools import cache
from typing import Any, Final, NamedTuple, get_args

from msgspec.structs import fields

from tapefold.events import AnyEvent, BalanceAdjusted, Conclusion
from tapefold.units import ACCOUNT

NUMBER: Final = 85
"""Digits before the point, and after it, of what is multiplied: `exact` allows 38, a hold has 80."""
SUM: Final = 200
"""Of what is only added up: fees and totals. The estimate of a fee is a product of three numbers."""
TOLD: Final = 250
"""Of what we made of all that: so what we conclude is never beyond what we take in."""


class _Numbers(NamedTuple):
    """Where an event of some kind has account numbers, and how large they may be."""

    names: tuple[str, ...]
    """The fields that may have any."""
    number: int
    """Digits of one that stands by itself,"""
    pair: int
    """and of one of `Fees` and `Amounts`, by asset."""


def bounded(event: AnyEvent) -> bool:
    """Whether all of its account numbers are within them; one that is not finite is not."""
    names, number, pair = _numbers(type(event))
    for name in names:
        value = getattr(event, name)
        if isinstance(value, Decimal):
            if not _reaches(value, number):
                return False
        elif value:
            for _, each in value:
                if not _reaches(each, pair):
                    return False
    return True


@cache
def _numbers(kind: type[AnyEvent]) -> _Numbers:
    """Looked up once: an event's fields are those of its kind."""
    names = tuple(field.name for field in fields(kind) if _holds(field.type))
    if issubclass(kind, Conclusion | BalanceAdjusted):
        return _Numbers(names, TOLD, TOLD)
    return _Numbers(names, NUMBER, SUM)


def _holds(hint: Any) -> bool:
    """Whether a field of this type may hold an account number, or several."""
    return hint is Decimal or any(_holds(part) for part in get_args(hint))


def _reaches(number: Decimal, digits: int) -> bool:
    text = ACCOUNT.to_sci_string(number)
    if len(text) <= digits and "E" not in text and number.is_finite():
        return True  # as short as that, and written out: nearly all are
    # A zero's exponent counts, too: sums take the least one.
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and -digits <= exponent and number.adjusted() < digits
