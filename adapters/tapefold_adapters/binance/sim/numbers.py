"""Numbers as Binance prints them."""

from decimal import Decimal
from typing import Final

from tapefold import Nanos

PLACES: Final = 8
"""Decimals of every number, needed or not."""
MILLISECOND: Final = 1_000_000


def text(value: int, digits: int) -> str:
    """A scaled int."""
    whole, part = divmod(value * 10 ** (PLACES - digits), 10**PLACES)
    return f"{whole}.{part:0{PLACES}d}"


def money(number: Decimal) -> str:
    """An account number; it has no more decimals than `PLACES`."""
    return f"{number:.{PLACES}f}"


def ms(time: Nanos) -> int:
    """A moment."""
    return time // MILLISECOND
