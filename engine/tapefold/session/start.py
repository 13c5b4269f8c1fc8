"""Where a session began that began on a log which had something in it already.

A log is one, whatever runs wrote it; a session is one run's. So such a session has `start.msgpack`: what
the log had come to, as folds, and enough of the log's end to go on with its digest.
"""

import os
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from tapefold.errors import Refused, SessionError
from tapefold.log import Log, Tail
from tapefold.session.files import create, open_plain
from tapefold.views import Views

NAME: Final = "start.msgpack"
FORMAT: Final = 1
START_MAX: Final = 1 << 28
"""Bytes: views of a thousand deep books come to a tenth of it."""


class Stands(Protocol):
    """A log, as far as it says where it stands."""

    @property
    def head(self) -> int:
        """Its last position."""
        ...

    def digest(self) -> str:
        """Of every event up to its head, as hex."""
        ...


class Start(Struct, frozen=True, array_like=True):
    """A log as it was when a session began."""

    format: int
    tail: Tail
    views: bytes
    """Canonical: see `Views.freeze`."""
    sha256: bytes
    """Of both."""

    @classmethod
    def of(cls, tail: Tail, views: Views) -> "Start":
        """From a log's end, and what the log comes to."""
        frozen = views.freeze()
        return cls(FORMAT, tail, frozen, _sum(tail, frozen))

    @property
    def digest(self) -> str:
        """Of the log up to there, as hex."""
        return Log(start=self.tail).digest()

    def thaw(self) -> Views:
        """What the log had come to, as a copy to go on with."""
        return Views.thaw(self.views)

    def encoded(self) -> bytes:
        """As it lies in its file."""
        return _encode(self)

    def check(self, log: Stands, name: str = "the log") -> None:
        """That a replay may go on with *log*: the same events up to the same position, and no more.

        Raises `Refused`, which calls it by its *name*.
        """
        head = self.tail.head
        if log.head != head:
            raise Refused(
                f"the session goes on from position {head:,} of a log, and {name} ends at {log.head:,}: "
                "give the log as it was then, or none"
            )
        if log.digest() != self.digest:
            raise Refused(
                f"the session goes on from position {head:,} of another log than {name}: its digest "
                f"there was {self.digest}; give that log as it was then, or none"
            )

    @property
    def whole(self) -> bool:
        """Whether it is as it was written."""
        return self.sha256 == _sum(self.tail, self.views)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Start).decode


class _Format(Struct, array_like=True):
    format: int


_decode_format = msgspec.msgpack.Decoder(_Format).decode


def _sum(tail: Tail, views: bytes) -> bytes:
    return sha256(_encode(tail) + views).digest()


def write_start(folder: Path, start: Start, *, mode: int = 0o666) -> None:
    """Put it into a session, on the disk; *mode* is its file's, less the umask. Raises `OSError`."""
    with create(folder / NAME, mode) as file:
        file.write(start.encoded())
        file.flush()
        os.fsync(file.fileno())


def read_start(folder: Path, position: int) -> Start | None:
    """A session's, which began past *position* of a log; None where that is 0. Raises `SessionError`.

    What is missing, damaged, of another session or of another tapefold is refused: without it nothing
    of the session can be told.
    """
    path = folder / NAME
    there = path.exists() or path.is_symlink()
    if not position:
        if there:
            raise SessionError(
                f"{path} does not belong there: by its session.toml the session began on an empty log"
            )
        return None
    if not there:
        raise SessionError(
            f"{folder} is no whole session: it goes on from position {position:,} of a log, and has no "
            f"{NAME}; get it again"
        )
    start = _read(path)
    if start.tail.head != position:
        raise SessionError(
            f"{path} is of another session: it is for position {start.tail.head:,}, and the session "
            f"goes on from {position:,}"
        )
    return start


def _read(path: Path) -> Start:
    with open_plain(path) as file:
        data = file.read(START_MAX + 1)
    if len(data) > START_MAX:
        raise SessionError(f"{path} is longer than {START_MAX} bytes")
    try:
        if _decode_format(data).format > FORMAT:
            raise SessionError(f"{path} is of a newer tapefold: upgrade")
        start = _decode(data)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors too
        raise SessionError(f"{path} is damaged: it cannot be read ({error})") from error
    if not start.whole:
        raise SessionError(f"{path} is damaged: it is not what was written; get it again")
    try:
        views = start.thaw()
    except (ValueError, RecursionError) as error:
        raise SessionError(
            f"{path} was written by another version of tapefold ({error}): use that one"
        ) from error
    if views.position != start.tail.head:
        raise SessionError(f"{path} is damaged: its views are not those of its position")
    return start
