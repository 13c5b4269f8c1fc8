"""Captures by hftbacktest's collector: `LOCAL_TIME JSON`, a frame or an answer of REST a line."""

from collections.abc import Iterator
from typing import Final

from tapefold.errors import CaptureError
from tapefold.imports.capture import TIME_MAX, Captured, Format
from tapefold.units import Nanos

_UNITS: Final = {19: 1, 16: 1_000, 13: 1_000_000, 10: 1_000_000_000}
"""Nanoseconds in a stamp's unit, by its number of digits: of any year from 2001 to 2286."""


def _read(source: int, lines: Iterator[tuple[int, bytes]]) -> Iterator[Captured]:
    """Frames have a `stream`; what has none but a `lastUpdateId` is an answer that came over REST."""
    for number, line in lines:
        stamp, _, data = line.rstrip(b"\r").partition(b" ")
        time = _stamp(stamp, number)
        rest = b'"lastUpdateId"' in data[:4096] and b'"stream"' not in data[:4096]
        yield Captured(time, "response" if rest else "recv", "", data, source)


def _stamp(text: bytes, number: int) -> Nanos:
    unit = _UNITS.get(len(text)) if text.isdigit() else None
    if unit is None or int(text) * unit >= TIME_MAX:
        raise CaptureError(f"line {number} does not begin with a time: {text[:40]!r}")
    return int(text) * unit


HFTBACKTEST = Format(_read, ("binance", "binance_futures"), joined=True)
