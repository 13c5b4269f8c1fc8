"""Encodings undone, one at a time: base64 at any offset, hex, percent, escapes, gzip, zlib, deflate.

Each of them backwards as well. Nobody says what is encoded, so all that may be is tried; what comes of
a wrong guess is noise, in which nothing is found.
"""

import binascii
import codecs
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Final
from urllib.parse import unquote_to_bytes

INFLATED_MAX: Final = 16 << 20
"""Bytes that one packed piece may come to, as many as a frame may have. A few kB can say gigabytes."""
MARKS_MAX: Final = 4096
"""Beginnings of packed pieces in a text. Noise of 16 MiB has 300 of each kind by chance."""
PARAMETER: Final = re.compile(rb"=([^&\"\s\\]*)")
STRING: Final = re.compile(rb'"((?:[^"\\]|\\.)*+)(?:"(\s*+:)?+|\\?\Z)', re.DOTALL)
"""A string of JSON, and whether it is a key. One that never ends is one too: else the search would
begin anew at each quote, and take hours.
"""
_SPACES: Final = b" \t\r\n:,-_"
_MAGIC: Final = ((b"\x1f\x8b\x08", 31), (b"x\x01", 15), (b"x^", 15), (b"x\x9c", 15), (b"x\xda", 15))
"""How gzip and zlib begin, and what zlib calls them (its `wbits`)."""
_MARK: Final = re.compile(b"|".join(re.escape(m[::way]) for m, _ in _MAGIC for way in (1, -1)))
_utf8 = codecs.getincrementaldecoder("utf-8")
_RAW_DEFLATE: Final = -15
_ESCAPE: Final = re.compile(
    rb"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|\r?(\n[ \t]*)|(.))", re.DOTALL
)
"""A backslash at the end of a line is YAML's: the string goes on behind the indentation."""
_BACKWARDS: Final = re.compile(rb"[0-9a-fA-F]{2}(?:[0-9a-fA-F]{2}u\\|x\\|%)")
_CONTROL: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_HEX: Final = b"0123456789ABCDEFabcdef"
_BASE64: Final = b"+-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_TEXT: Final = bytes([9, 10, 13, *range(32, 127)])
_PRINTED: Final = bytes(range(32, 127))
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")


class TooMuch(Exception):
    """It unpacks to more than is looked through."""


def rewritten(text: bytes, least: int) -> Iterator[tuple[str, bytes]]:
    """The whole of *text* undone, and what that is called."""
    if b"%" not in text and b"\\" not in text:
        return
    if not _begins_as_text(text):
        # Signs among noise are no escapes; what is written in it, as in msgpack, is.
        text = b"\n".join(_runs(text, _PRINTED, least))
    yield from _undone(text)
    # JSON inside JSON: all of it unescaped at once would mix up whose quotes are whose.
    for inner, _ in STRING.findall(text) if b"\\" in text else ():
        if b"\\" in inner:
            yield "unescaped", _ESCAPE.sub(_escaped, inner)
    if _BACKWARDS.search(text):
        for how, found in _undone(text[::-1]):
            yield f"{how} backwards", found


def _undone(text: bytes) -> Iterator[tuple[str, bytes]]:
    if b"%" in text:
        yield "unquoted", unquote_to_bytes(text)
    if b"\\" in text:
        yield "unescaped", _ESCAPE.sub(_escaped, text)


def bytes_of(text: bytes) -> bytes:
    """What was packed and then written as if each byte were a character; else nothing."""
    try:
        return text.decode().encode("latin-1")
    except UnicodeError:
        return b""


def decoded(text: bytes, least: int) -> Iterator[tuple[str, bytes]]:
    """What words of *text* say that may hide *least* bytes, and how."""
    spaced = text.replace(b"0x", b"").translate(None, _SPACES)
    for run in _runs(spaced, _HEX, 2 * least):
        for way in (run, run[::-1]):
            for found in _likely(map(partial(_from_hex, way), range(2)), least):
                yield "from hex", found
    for run in _runs(text, _BASE64, least * 8 // 6):
        # Digits alone stand for bytes of which every third is no ASCII.
        for way in () if run.isdigit() else (run, run[::-1]):
            standard = way.translate(_STANDARD)
            for found in _likely(map(partial(_from_base64, standard), range(4)), least):
                yield "from base64", found


def _from_hex(run: bytes, skip: int) -> bytes:
    """What is before it may be hex by chance, so it may begin at either digit."""
    return binascii.unhexlify(run[skip : skip + (len(run) - skip) // 2 * 2])


def _from_base64(run: bytes, skip: int) -> bytes:
    """What is before it may be of its alphabet by chance, so it may begin at any of four places."""
    part = run[skip:]
    return binascii.a2b_base64(part + b"A" * (-len(part) % 4))


def _likely(guesses: Iterable[bytes], least: int) -> Iterator[bytes]:
    """The first guess, for deflate has no mark; of the others what is more than noise."""
    for number, guess in enumerate(guesses):
        if number == 0 or _MARK.search(guess) or not is_noise(guess, least):
            yield guess


def is_noise(text: bytes, least: int) -> bool:
    """What a wrong guess comes to: no *least* bytes in a row of it are text, be it UTF-16."""
    table, _ = _finder(_PRINTED, least)
    return b"." * least not in text.replace(b"\0", b"").translate(table)


def _escaped(match: re.Match[bytes]) -> bytes:
    code, byte, line, other = match.groups()
    if code is not None:
        return chr(int(code, 16)).encode("utf-8", "surrogatepass")
    if byte is not None:
        return bytes([int(byte, 16)])
    return b"" if line is not None else _CONTROL.get(other, other)


@cache
def _finder(alphabet: bytes, least: int) -> tuple[bytes, Callable[[bytes], list[bytes]]]:
    """A table that makes dots of an alphabet and blanks of the rest, and what finds its runs."""
    table = bytes(ord(".") if byte in alphabet else ord(" ") for byte in range(256))
    return table, re.compile(rb"[%s]{%d,}" % (re.escape(alphabet), least)).findall


def _runs(text: bytes, alphabet: bytes, least: int) -> Iterator[bytes]:
    """The runs of at least so many bytes of an alphabet, each once, in their order."""
    table, find = _finder(alphabet, least)
    # Most texts have none, and to see that takes a sixth of the time so.
    if b"." * least in text.translate(table):
        yield from dict.fromkeys(find(text))


def inflated(text: bytes) -> Iterator[bytes]:
    """What is packed in a text, wherever it begins; raw deflate, which has no mark, at the start.

    Raises `TooMuch`.
    """
    if _MARK.search(text):
        for magic, bits in _MAGIC:
            for mark, step in ((magic, 1), (magic[::-1], -1)):
                if mark in text:
                    yield from _from_marks(text[::step], magic, bits)
    # Nothing that is packed can be printed; and with two bits set begins no block of deflate.
    if text.translate(None, _TEXT):
        for way in (text, text[::-1]):
            if way[0] & 6 != 6:
                yield _inflate(way, 0, _RAW_DEFLATE)


def _from_marks(text: bytes, magic: bytes, bits: int) -> Iterator[bytes]:
    if text.count(magic) > MARKS_MAX:
        raise TooMuch
    start = text.find(magic)
    while start >= 0:
        yield _inflate(text, start, bits)
        start = text.find(magic, start + 1)


def _inflate(text: bytes, start: int, bits: int) -> bytes:
    """As much as there is, also where the end of it is missing. Raises `TooMuch`."""
    unpack = zlib.decompressobj(bits)
    try:
        out = unpack.decompress(memoryview(text)[start:], INFLATED_MAX + 1)
    except zlib.error:
        return b""
    # Much noise is the beginning of some deflate. Without a mark at the start it must end well, or
    # be text.
    if (start or bits == _RAW_DEFLATE) and not unpack.eof and not _begins_as_text(out):
        return b""
    if len(out) > INFLATED_MAX:
        raise TooMuch
    return out


def _begins_as_text(data: bytes) -> bool:
    """Is it UTF-8, but for a character that is cut off at the end?"""
    try:
        _utf8().decode(data)
    except UnicodeDecodeError:
        return False
    return True
