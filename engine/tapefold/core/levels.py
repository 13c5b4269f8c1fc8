"""Levels of a book as one blob a side: msgpack of `[[prices], [sizes]]`, ints in the instrument's scale.

The same bytes are in an event, on disk, and go into the book.
"""

from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Raw

from tapefold.units import SCALED_MAX, column, scale

_Number: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=SCALED_MAX - 1)]
"""What `units.scaled` can give."""
Columns: TypeAlias = tuple[list[_Number], list[_Number]]
"""Prices, and the size at each."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Columns).decode
_texts = msgspec.json.Decoder(list[tuple[str, str]]).decode


def pack(prices: list[int], sizes: list[int]) -> Raw:
    """One side's levels as a blob. Raises `ValueError` where a price has no size."""
    if len(prices) != len(sizes):
        raise ValueError("a price without a size")
    return Raw(_encode((prices, sizes)))


NOTHING: Final = pack([], [])
"""A side without levels."""


def unpack(packed: Raw | bytes) -> Columns:
    """The columns of a packed side. Raises `ValueError` for what `pack` cannot have given."""
    prices, sizes = _decode(packed)
    if len(prices) != len(sizes):
        raise ValueError("a price without a size")
    return prices, sizes


def level_texts(levels: Raw | bytes) -> list[tuple[str, str]]:
    """JSON `[["price", "size"], ...]` as it stands there. Raises `msgspec.DecodeError`."""
    return _texts(levels)


def pack_levels(levels: Raw | bytes, price_digits: int, size_digits: int) -> Raw:
    """JSON `[["price", "size"], ...]` as a packed side in a scale.

    Raises `msgspec.DecodeError` for what is no such JSON, and as `scaled` does.
    """
    rows = _texts(levels)
    if not rows:
        return NOTHING
    prices, sizes = zip(*rows, strict=True)
    memo = scale(price_digits)
    return pack([memo[text] for text in prices], column(sizes, size_digits))
