"""Raw captures by cryptofeed: REST answers, connections and frames, a file each or all in one.

Some generations of it keep REST answers and each connection in files of their own, older ones write
everything into one, and those have no instrument list.
"""

import ast
from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlsplit

from tapefold.errors import CaptureError
from tapefold.imports.capture import TIME_MAX, Captured, Format
from tapefold.units import SECOND, Nanos


def _read(source: int, lines: Iterator[tuple[int, bytes]]) -> Iterator[Captured]:
    """`URL <-> T` opens a connection, `URL -> T: BODY` is an answer, `T: TEXT` a received frame."""
    for number, line in lines:
        if line[:1].isdigit():
            stamp, _, data = line.partition(b": ")
            yield Captured(_seconds(stamp, number), "recv", "", _bytes(data), source)
        elif line.startswith((b"ws://", b"wss://")):
            url, arrow, stamp = line.partition(b" <-> ")
            if arrow:  # else `URL <- T: TEXT`: the client spoke, which the kernel will do by itself
                yield Captured(_seconds(stamp, number), "opened", _url(url, number), b"", source)
        elif line.startswith((b"http://", b"https://")):
            url, _, rest = line.partition(b" -> ")
            stamp, _, body = rest.partition(b": ")
            yield Captured(
                _seconds(stamp, number), "response", _url(url, number), _body(body), source
            )
        elif not line.startswith(b"configuration: "):
            raise CaptureError(f"line {number} is none of cryptofeed's: {line[:60]!r}")


def _seconds(text: bytes, number: int) -> Nanos:
    try:
        time = int(Decimal(text.decode()) * SECOND)
    except (ArithmeticError, ValueError) as error:
        raise CaptureError(f"line {number} has no time: {text[:40]!r}") from error
    if not 0 <= time < TIME_MAX:
        raise CaptureError(f"line {number} has a time out of all bounds: {text[:40]!r}")
    return time


def _url(text: bytes, number: int) -> str:
    try:
        urlsplit(url := text.decode())
    except ValueError as error:
        raise CaptureError(f"line {number} has no URL: {text[:60]!r}") from error
    return url


def _bytes(data: bytes) -> bytes:
    """A binary frame stands there as Python prints it."""
    if data[:2] not in (b"b'", b'b"'):
        return data
    try:
        value = ast.literal_eval(data.decode())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return data
    return value if isinstance(value, bytes) else data


def _body(data: bytes) -> bytes:
    """Some exchanges' answers have their headers behind them."""
    body, arrow, _ = data.rpartition(b" header: ")
    return body if arrow else data


CRYPTOFEED = Format(_read)
