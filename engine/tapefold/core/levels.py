"""Levels of a book as one blob a side: msgpack of `[[prices], [sizes]]`, ints in the instrument's scale.

The same bytes are in an event, on disk, and go into the book.
"""

from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Raw

from tapefold.units import DIGITS_MAX, SCALED_MAX, SCALES, Scale, column

_Number: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=SCALED_MAX - 1)]
"""What `units.scaled` can give."""
Columns: TypeAlias = tuple[list[_Number], list[_Number]]
"""Prices, and the size at each."""
Levels: TypeAlias = list[tuple[str, str]]
"""JSON `[["price", "size"], ...]`, decoded."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Columns).decode
_texts = msgspec.json.Decoder(Levels).decode


def pack(prices: Sequence[int], sizes: Sequence[int]) -> Raw:
    """One side's levels as a blob. Raises `ValueError` where a price has no size."""
    if len(prices) != len(sizes):
        raise ValueError("a price without a size")
    return Raw(_encode((prices, sizes)))


NOTHING: Final = pack([], [])
"""A side without levels."""
_latest: list[tuple[Raw, Columns]] = [(NOTHING, ([], []))] * 2
"""What was packed last, with its columns: it goes into a book next, which need not unpack it then."""


def unpack(packed: Raw | bytes) -> Columns:
    """The columns of a packed side, which nobody may change.

    Raises `ValueError` for what `pack` cannot have given.
    """
    for latest, columns in _latest:
        if latest is packed:
            return columns
    prices, sizes = _decode(packed)
    if len(prices) != len(sizes):
        raise ValueError("a price without a size")
    return prices, sizes


def level_texts(levels: Raw | bytes) -> Levels:
    """JSON `[["price", "size"], ...]` as it stands there. Raises `msgspec.DecodeError`."""
    return _texts(levels)


def pack_levels(levels: Raw | bytes, price_digits: int, size_digits: int) -> Raw:
    """JSON `[["price", "size"], ...]` as a packed side in a scale.

    Raises `msgspec.DecodeError` for what is no such JSON, and as `scaled` does.
    """
    return pack_sides(_texts(levels), [], price_digits, size_digits)[0]


def pack_sides(bids: Levels, asks: Levels, price_digits: int, size_digits: int) -> tuple[Raw, Raw]:
    """Both sides of a message that was decoded, packed in a scale. Raises as `scaled` does."""
    levels, count = bids + asks, len(bids)
    if not levels:
        return NOTHING, NOTHING
    prices_read, sizes_read = zip(*levels, strict=True)
    memo = SCALES[price_digits] if 0 <= price_digits <= DIGITS_MAX else Scale(price_digits)
    prices = list(map(memo.__getitem__, prices_read))  # they come again and again
    sizes = column(sizes_read, size_digits)
    bid = _packed((prices[:count], sizes[:count]))
    ask = _packed((prices[count:], sizes[count:]))
    _latest[:] = bid, ask
    return bid[0], ask[0]


def _packed(columns: Columns) -> tuple[Raw, Columns]:
    return Raw(_encode(columns)), columns
