"""A file of a session: read line by line, against limits, following no link.

Everything is streamed, so neither a long session nor a bomb takes more memory than one line.
"""

import os
import stat
import zlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import zstandard

from tapefold.errors import BadInput, SessionError

try:
    import fcntl
except ImportError:  # on Windows nothing keeps two apart
    fcntl = None  # type: ignore[assignment] # a module, where there is one

FRAME_MAX: Final = 16 << 20
"""Bytes of one frame: what a WebSocket client takes at the most."""
LINE_MAX: Final = 2 * FRAME_MAX
"""Bytes of a tape's line: a frame in base64 and what stands around it."""
SESSION_MAX: Final = 64 << 30
"""Bytes of a whole tape, unpacked: two days of the busiest stream. More is taken for a bomb."""
WINDOW_MAX: Final = 128 << 20
"""Bytes of memory that a zstd frame may ask for to be unpacked."""
NEW: Final = ".new"
"""What a file is called until it takes the place of the old one."""
_CHUNK: Final = 1 << 18


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to *size* bytes; none at the end."""
        ...


def open_plain(path: Path) -> BinaryIO:
    """A regular file, and no link to one: a session keeps its files in its own folder.

    Raises `SessionError`.
    """
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | os.O_NONBLOCK)
    except OSError as error:
        if path.is_symlink():
            raise SessionError(
                f"{path} is a link: a session keeps its files in its own folder"
            ) from error
        raise SessionError(f"{path} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise SessionError(f"{path} is no regular file")
    return os.fdopen(file, "rb")


def create(path: Path, mode: int = 0o666) -> BinaryIO:
    """A new file, for writing; its *mode* is less the umask. Raises `OSError`."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb")


def claim(file: int) -> bool:
    """Be the only one to write an open file until it is closed, at any death too; False: somebody is."""
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def lines(path: Path, torn: Callable[[], None] = lambda: None) -> Iterator[bytes]:
    """The lines of a file, `.zst` or plain, without their ends. Raises `SessionError`.

    A last line without its end is not given, and *torn* is called: a kill tore it off, or the file
    was cut.
    """
    with open_plain(path) as file:
        if path.suffix == ".zst":
            unpack = zstandard.ZstdDecompressor(max_window_size=WINDOW_MAX)
            with unpack.stream_reader(file, read_across_frames=True) as reader:
                rest = yield from split(reader, path, SessionError)
        else:
            rest = yield from split(file, path, SessionError)
    if rest:
        torn()


def split(file: Readable, path: Path, error: type[BadInput]) -> Generator[bytes, None, bytes]:
    """The lines of a stream, against limits; gives back what comes after the last end of a line."""
    rest, total, number = b"", 0, 0
    while chunk := _read(file, path, number, error):
        total += len(chunk)
        found = (rest + chunk).split(b"\n") if rest else chunk.split(b"\n")
        rest = found.pop()
        if len(rest) > LINE_MAX:
            raise error(f"{path}, line {number + len(found) + 1}: longer than {LINE_MAX} bytes")
        if total > SESSION_MAX:
            raise error(f"{path}: more than {SESSION_MAX} bytes when unpacked")
        number += len(found)
        yield from found
    return rest


def _read(file: Readable, path: Path, number: int, error: type[BadInput]) -> bytes:
    try:
        return file.read(_CHUNK)
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as cause:
        raise error(f"{path}, after line {number}: damaged or cut short ({cause})") from cause


__all__ = [
    "FRAME_MAX",
    "LINE_MAX",
    "NEW",
    "SESSION_MAX",
    "WINDOW_MAX",
    "Readable",
    "claim",
    "create",
    "lines",
    "open_plain",
    "split",
]
