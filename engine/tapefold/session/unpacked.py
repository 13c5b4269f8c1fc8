"""Bodies that cassettes of others keep packed, as they came: undone, against a limit."""

import zlib
from typing import Final

from tapefold.session.files import FRAME_MAX

_GZIP: Final = 31
_ZLIB: Final = 15
_RAW: Final = -15
"""What zlib calls the three (its `wbits`)."""


def unpacked(body: bytes, encodings: str) -> bytes:
    """What a body says whose `Content-Encoding` is *encodings*, the last one undone first.

    Text is left as it is: many clients give vcrpy the unpacked body, and the header all the same.
    Raises `ValueError` for an encoding other than gzip and deflate, for what is damaged or cut short,
    and for more than `FRAME_MAX` bytes.
    """
    for name in reversed(encodings.lower().split(",")):
        if _is_text(body):
            return body
        body = _undone(body, name.strip())
    return body


def _undone(body: bytes, name: str) -> bytes:
    match name:
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _inflated(body, _GZIP)
        case "deflate":
            # Its name means zlib; some servers leave out what zlib puts around it.
            return _inflated(body, _ZLIB if body[0] & 15 == 8 else _RAW)
        case _:
            raise ValueError(f"a body packed by {name!r}, not by gzip or deflate")


def _inflated(body: bytes, bits: int) -> bytes:
    unpack = zlib.decompressobj(bits)
    try:
        out = unpack.decompress(body, FRAME_MAX + 1)
    except zlib.error as error:
        raise ValueError(f"a packed body that is damaged ({error})") from error
    if len(out) > FRAME_MAX:
        raise ValueError(f"a packed body of more than {FRAME_MAX} bytes")
    if not unpack.eof:
        raise ValueError("a packed body that was cut short")
    return out


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
