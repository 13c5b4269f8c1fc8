"""Packed sides, well made and ill made, and bytes that are nearly right."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

import msgspec

INTS: Final = (0, 1, 127, 128, 255, 256, 65535, 65536, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1)
NOT_INTS: Final = (-1, -33, -(2**63), 2**63, 2**64 - 1, None, True, 1.5, "1", b"1", [1], {"a": 1})
COUNTS: Final = (0, 1, 15, 16, 17, 31, 32, 255, 256, 257, 65535, 65536)
"""Where the header of an array gets another width, or the core other memory."""
_GOLDEN: Final = pow(0x9E3779B97F4A7C15, -1, 2**64)
COLLIDING: Final = tuple(p for n in range(1, 600) if (p := n * _GOLDEN % 2**64) < 2**63)
"""Prices that the hash of the compiled core, a product with the golden ratio, all puts into one slot."""
HEADS: Final = bytes(range(0x7F, 0x100)) + b"\x00\x01"
"""First bytes of every kind of msgpack."""
encode = msgspec.msgpack.Encoder().encode


def packed(prices: Sequence[object], sizes: Sequence[object]) -> bytes:
    """A side of anything."""
    return encode((prices, sizes))


def wide(value: int, width: int) -> bytes:
    """An int in a longer spelling than it needs; *width* is 1, 2, 4 or 8 bytes."""
    return bytes((0xCC + width.bit_length() - 1,)) + value.to_bytes(width, "big")


def headed(count: int, width: int) -> bytes:
    """The header of an array in a longer spelling than it needs; *width* is 2 or 4 bytes."""
    return (b"\xdc" if width == 2 else b"\xdd") + count.to_bytes(width, "big")


def ill_made() -> Iterator[bytes]:
    """Sides that none may take, and odd spellings of those that one must."""
    one = encode([1])
    yield from (
        b"",
        b"\xc0",
        b"\x90",
        b"\x91\x90",
        b"\x93\x90\x90\x90",
        b"\x82\x01\x02\x03\x04",
        b"\xc1",
    )
    yield from (b"\x92" + one, b"\x92" + one + one + b"\x00", b"\x92" + one + encode([1, 2]))
    for strange in NOT_INTS:
        yield packed([strange], [1])
        yield packed([1], [strange])
        yield packed([1, 2, strange], [1, 2, 3])
    for width in (2, 4):
        yield b"\xdc\x00\x02" + headed(1, width) + b"\x05" + headed(1, width) + b"\x07"
        yield b"\x92" + headed(1, width) + b"\x05" + headed(1, width) + b"\x07"
        for count in (0, 2, 255, 65535, 2**31, 2**32 - 1):
            if count < 256**width:
                yield b"\x92" + headed(count, width)
                yield b"\x92" + headed(count, width) + b"\x01" * 20
                yield b"\x92\x91\x01" + headed(count, width) + b"\x01" * 20
    for width in (1, 2, 4, 8):
        yield b"\x92\x91" + wide(3, width) + b"\x91" + wide(0, width)
    yield from (b"\x92" + b"\x91" * 3000, b"\x91" * 100_000, b"\x81\x01" * 3000)


def column(rng: Random, count: int, most: int) -> list[int]:
    """So many numbers, some of them at an edge."""
    return [rng.choice(INTS) if rng.random() < 0.02 else rng.randrange(most) for _ in range(count)]


def a_side(rng: Random, near: int = 0) -> bytes:
    """A well-made side: prices from few, so that they meet again, and many sizes of zero."""
    count = rng.choice((0, 1, 1, 2, 3, 5, 8, 15, 16, 20, 60, 300))
    prices = [near + price for price in column(rng, count, rng.choice((8, 50, 500)))]
    sizes = [0 if rng.random() < 0.4 else size for size in column(rng, count, 10**6)]
    return packed([min(price, 2**63 - 1) for price in prices], sizes)


def mutated(rng: Random, data: bytes, bits: Sequence[bytes] = ()) -> bytes:
    """A few small wrongs: bytes changed, lost, doubled or put in; *bits* are what may be put in."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at, kind = rng.randint(0, len(out)), rng.randrange(6)
        span = rng.choice((1, 1, 2, 4, 9))
        if kind == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(out):
            out[at] = rng.choice(HEADS)
        elif kind == 2:
            del out[at : at + span]
        elif kind == 3:
            out[at:at] = out[at : at + span]
        elif kind == 4:
            out[at:at] = rng.choice(bits) if bits else bytes((rng.choice(HEADS),))
        else:
            del out[at:]
    return bytes(out)
