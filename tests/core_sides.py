"""Sides of a book as bytes: in every spelling that msgpack has, and what is none.

A spelled side is one that `pack` cannot have given, and that means the same: longer headers, longer ints,
signed ones. The compiled core has its own reader for the usual spelling alone.
"""

from collections.abc import Sequence
from random import Random
from typing import Final

import msgspec
from hypothesis import strategies as st

NUMBER_MAX: Final = 2**63 - 1
EDGES: Final = (
    *(0, 1, 2, 126, 127, 128, 129, 254, 255, 256, 257, 32767, 32768, 65534, 65535, 65536, 65537),
    *(2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 10**18, 2**62, NUMBER_MAX - 1, NUMBER_MAX),
)
"""Where msgpack needs a byte more for an int, and where 63 bits end."""
PLAIN: Final = tuple(edge for edge in EDGES if edge < 10**18)
"""Those that the compiled core reads from text itself."""
COUNTS: Final = (0, 1, 2, 15, 16, 17, 255, 256, 257, 511, 512, 513, 65535, 65536)
"""Where the header of an array grows, and where the compiled core takes memory of its own."""
STRANGE: Final = (
    -1,
    -32,
    -33,
    -(2**63),
    2**63,
    2**64 - 1,
    None,
    True,
    False,
    1.0,
    1.5,
    -0.0,
    1e300,
)
"""What is no number of a book, though it may look like one."""
_UNSCATTERED: Final = pow(0x9E3779B97F4A7C15, -1, 2**64)
CROWD: Final = tuple(p for n in range(1, 300) if (p := n * _UNSCATTERED % 2**64) <= NUMBER_MAX)
"""Prices that a hash by the golden ratio puts beside each other, all of them into the first slots."""
encode = msgspec.msgpack.Encoder().encode


def side(levels: Sequence[tuple[int, int]]) -> bytes:
    """A side in the usual spelling."""
    return encode(([price for price, _ in levels], [size for _, size in levels]))


def spelled(levels: Sequence[tuple[int, int]], seed: int) -> bytes:
    """The same in another spelling."""
    random = Random(seed)
    head = random.choice((b"\x92", b"\x92", b"\x92", b"\xdc\0\2", b"\xdd\0\0\0\2"))
    prices, sizes = zip(*levels, strict=True) if levels else ((), ())
    return head + _column(prices, random) + _column(sizes, random)


def _column(values: Sequence[int], random: Random) -> bytes:
    wide = random.choice((2, 4))
    head = bytes((0xDB + wide // 2,))
    return head + len(values).to_bytes(wide, "big") + b"".join(_int(v, random) for v in values)


def _int(value: int, random: Random) -> bytes:
    """Any spelling that has room for it."""
    unsigned = [(n, 0xCC) for n in range(4) if value < 1 << (8 << n)]
    signed = [(n, 0xD0) for n in range(4) if value < 1 << ((8 << n) - 1)]
    n, head = random.choice(unsigned + signed)
    return bytes((head + n,)) + value.to_bytes(1 << n, "big")


numbers = st.sampled_from(EDGES) | st.integers(0, 40) | st.integers(0, NUMBER_MAX)
prices = st.integers(0, 12) | st.sampled_from(EDGES) | st.sampled_from(CROWD[:40])
sizes = st.sampled_from((0, 0, 0, 1, 2, 127, 128, 65536, 2**32, NUMBER_MAX))
levels = st.lists(st.tuples(prices, sizes), max_size=20)
usual = levels.map(side)
unusual = st.builds(spelled, levels, st.integers(0, 2**32))
_columns = st.lists(numbers | st.sampled_from(STRANGE), max_size=4)


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """Cut, with more behind it, or with another byte."""
    one, how = draw(usual | unusual), draw(st.integers(0, 2))
    at = draw(st.integers(0, len(one) - 1))
    if how == 0:
        return one[:at]
    if how == 1:
        return one + draw(st.binary(min_size=1, max_size=3))
    return one[:at] + draw(st.binary(min_size=1, max_size=1)) + one[at + 1 :]


ill_made = st.one_of(
    st.tuples(_columns, _columns).map(encode),
    st.lists(_columns, max_size=3).map(encode),
    _damaged(),
    st.binary(max_size=12),
    st.sampled_from([None, 1, "", b"", [], {}, [[1], [1], [1]], {"a": 1}]).map(encode),
)
"""No side, or nearly one. Some mean something after all, and then they mean it to both."""
anything = usual | unusual | ill_made
