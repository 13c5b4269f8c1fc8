"""Bounds: numbers that every sum and product of an account has room for.

`exact` lets no other number into a log. But a log is a file, and whoever writes an adapter may forget
it: one such number, once joined, would make every later sum of its order or its asset raise.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final, cast

from msgspec.structs import astuple

from tapefold.events import AnyEvent, BalanceAdjusted, Conclusion

NUMBER: Final = 85
"""Digits before the point, and after it, of what is multiplied: `exact` allows 38, a hold has 80."""
SUM: Final = 200
"""Of what is only added up: fees and totals. The estimate of a fee is a product of three numbers."""
TOLD: Final = 250
"""Of what we made of all that: so what we conclude is never beyond what we take in."""


def bounded(event: AnyEvent) -> bool:
    """Whether all of its account numbers are within them; one that is not finite is not."""
    number, pair = NUMBER, SUM
    if isinstance(event, Conclusion | BalanceAdjusted):
        number = pair = TOLD
    values = astuple(event)
    return all(_reaches(each, number) for each in values if isinstance(each, Decimal)) and all(
        _reaches(each, pair) for each in _in_pairs(values)
    )


def _in_pairs(values: tuple[Any, ...]) -> Iterator[Decimal]:
    """Those of `Fees` and `Amounts`: by asset."""
    for value in values:
        if isinstance(value, tuple):
            rows = cast("Iterable[Any]", value)
            yield from (row[1] for row in rows if isinstance(row, tuple))


def _reaches(number: Decimal, digits: int) -> bool:
    # A zero's exponent counts, too: sums take the least one.
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and -digits <= exponent and number.adjusted() < digits
