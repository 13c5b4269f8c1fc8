"""Numbers of a scenario file that are numbers, and still cannot be meant. All raise `Wrong`."""

from decimal import Decimal
from typing import Final

from tapefold.events import ZERO
from tapefold.kernel.form import RATE_MAX
from tapefold.scenario.wording import Wrong
from tapefold.scenario.words import Number, Seconds
from tapefold.units import fixed

SPAN_MAX: Final = 24 * 3600
"""Seconds: no story is longer than a day."""
SPAN_DIGITS: Final = 9
"""Decimals of a span: it is kept in nanoseconds."""


def positive(value: Number | None, key: str) -> None:
    """An amount or a price. Of a sum nobody knows yet."""
    if isinstance(value, Decimal) and value <= 0:
        raise Wrong(key, f"it is {fixed(value)}, and must be more than 0")


def not_negative(value: Number | int | None, key: str) -> None:
    """What there is of something, or how often."""
    if not isinstance(value, str) and value is not None and value < 0:
        raise Wrong(key, f"it is {fixed(Decimal(value))}, and must not be negative")


def counted(value: int, key: str) -> None:
    """How often, where never makes no sense."""
    if value < 1:
        raise Wrong(key, f"it is {value}, and must be 1 at least")


def span(value: Seconds, key: str, *, least: Decimal = ZERO) -> None:
    """A time in seconds."""
    if not least <= value <= SPAN_MAX:
        bounds = f"between {fixed(least)} and {SPAN_MAX} seconds, which are a day"
        raise Wrong(key, f"it is {fixed(value)}, and must be {bounds}")
    if len(fixed(value).partition(".")[2]) > SPAN_DIGITS:
        raise Wrong(key, f"it is {fixed(value)}: seconds have {SPAN_DIGITS} decimals at most")


def rate(value: Decimal, key: str) -> None:
    """A fee as a fraction of what is traded; a rebate is negative."""
    if value.copy_abs() > RATE_MAX:
        what = f"and a fee is a fraction, up to {fixed(RATE_MAX)}: 0.001 are ten basis points"
        raise Wrong(key, f"it is {fixed(value)}, {what}")
