"""Where the bytes lie, so that whoever reads past their end is seen.

A `Raw` that msgspec gives is a view into its whole message: behind it come more digits and brackets,
not a NUL. Within AddressSanitizer, memory of the exact size has nothing behind it at all, and the NUL
that Python puts behind its own bytes and texts is forbidden to those whom the sanitizer watches.
"""

import ctypes
from array import array
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from msgspec import Raw

Blob: TypeAlias = Raw | bytes
_poison = getattr(ctypes.CDLL(None), "__asan_poison_memory_region", None)
SANITIZED: Final = _poison is not None
"""Whether this process runs within AddressSanitizer."""


def _forbid(address: int) -> None:
    if _poison is not None:
        _poison(ctypes.c_void_p(address), ctypes.c_size_t(1))


def fresh(data: bytes) -> bytes:
    """The same bytes as an object of their own, with nothing to be read behind them."""
    own = bytes(bytearray(data))
    if len(own) > 1:  # shorter ones are everybody's
        _forbid(id(own) + own.__sizeof__() - 1)
    return own


def fresh_text(text: str) -> str:
    """The same for a text; of one that is not ASCII only the last byte behind it."""
    own = text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass")
    if len(own) > 1 and own.isascii():
        _forbid(id(own) + own.__sizeof__() - 1)
    return own


def _exact(data: bytes) -> Raw:
    room = array("B", [0]) * len(data)
    view = memoryview(room)
    view[:] = data
    return Raw(view)


def _within(before: bytes, after: bytes) -> Callable[[bytes], Raw]:
    def seat(data: bytes) -> Raw:
        whole = memoryview(before + data + after)
        return Raw(whole[len(before) : len(before) + len(data)])

    return seat


SEATS: Final[Mapping[str, Callable[[bytes], Blob]]] = {
    "bytes": fresh,
    "raw": lambda data: Raw(fresh(data)),
    "exact": _exact,
    "before digits": _within(b'{"b":', b"99999999"),
    "before brackets": _within(b'{"b":', b']],"a":[]}'),
    "before levels": _within(b"[", b'","7"],["8","9"]]'),
    "before zeros": _within(b"\x92\x91\x01\x91", b"\x00" * 16),
    "before ints": _within(b"\x92", b"\xcf\x00\x00\x00\x00\x00\x00\x00\x01" * 2),
}
"""Each makes of bytes what the core is given; by what stands there."""
