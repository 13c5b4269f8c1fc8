"""Writing a session: the tape and the cassette are only ever appended to, session.toml comes last.

`SessionWriter` is for what can be made again, an import or a simulation: it buffers, and what it had
not written is lost with it. A recording is written by `LiveWriter`, in live.py.
"""

import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from io import BufferedWriter
from pathlib import Path
from typing import Final

import zstandard

from tapefold.adapter import Command, Frame, Outgoing
from tapefold.errors import Refused, SessionError
from tapefold.session.cassette import HEAD
from tapefold.session.cassette import NAME as HTTP
from tapefold.session.files import NEW, create
from tapefold.session.meta import Counts, Digests, Meta, write_meta
from tapefold.session.start import Start, write_start
from tapefold.session.tape import ENGINE, PACKED, TAPE, heard, said, to_line, told
from tapefold.units import Nanos

PLAIN_MAX: Final = 1 << 20
"""Bytes of a tape that stays plain when it is sealed: what a person may want to read in an editor."""


@contextmanager
def new_session(folder: Path) -> Generator[Path]:
    """A folder to write a session into; it becomes *folder* when the block ends, and only then.

    Raises `SessionError` where *folder* is there already, `Refused` where it cannot be written. What
    a block that fails has written is gone.
    """
    if folder.exists() or folder.is_symlink():
        raise SessionError(f"{folder} is there already: name a folder that is not, or remove it")
    making = f".{folder.name}.making-"
    work = folder.with_name(f"{making}{os.getpid()}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder.parent, making)
        work.mkdir()
        yield work
        work.replace(folder)
    except BaseException as error:  # any: nothing half made stays; it is raised again
        shutil.rmtree(work, ignore_errors=True)
        if isinstance(error, FileExistsError | NotADirectoryError):
            raise Refused(f"{folder} cannot be made: a part of its path is no folder") from error
        if isinstance(error, OSError):
            raise Refused(f"{folder} cannot be written: {error.strerror}") from error
        raise


def _sweep(parent: Path, making: str) -> None:
    """Remove what processes left that were killed while they made a session of this name.

    Our own number is swept as well: a container that is started again gives out the same ones. What a
    process on another machine is making in a shared folder would be taken for dead if no process here
    has its number; it fails, and says that its folder is gone.
    """
    for path in parent.iterdir():
        number = path.name.removeprefix(making) if path.name.startswith(making) else ""
        if number.isascii() and number.isdigit() and not _lives(int(number)):
            shutil.rmtree(path, ignore_errors=True)


def _lives(process: int) -> bool:
    """Whether it is somebody else, and is there. Where that cannot be asked, it is."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return process != os.getpid()


class SessionWriter:
    """Writes a session into a folder that is there and empty."""

    def __init__(self, folder: Path, meta: Meta, start: Start | None = None) -> None:
        """*start* is what a log that was not empty had come to; its position is noted in *meta*."""
        self.folder, self.meta = folder, meta
        if start:
            meta.start_position = start.tail.head
            write_start(folder, start)
        self._tape: BufferedWriter = (folder / TAPE).open("xb")
        self._http: BufferedWriter | None = None
        self._digest, self._lines, self._frames = sha256(), 0, 0
        write_meta(folder, meta)

    def command(self, time: Nanos, command: Command) -> None:
        """What the caller told the engine."""
        self._line(time, ENGINE, "command", told(command))

    def frame(self, frame: Frame, headers: Mapping[str, str] = {}) -> None:
        """What came in; a response's whole, *headers* too, goes into http.yaml before its line."""
        if frame.kind == "response":
            # PyYAML takes longer to import than the rest of this room, and most who import it only read.
            from tapefold.session.interactions import interaction

            if self._http is None:
                self._http = (self.folder / HTTP).open("xb")
                self._http.write(HEAD)
            self._http.write(interaction(frame, headers))
        self._frames += frame.kind == "recv"
        self._line(frame.time, *heard(frame))

    def out(self, time: Nanos, out: Outgoing) -> None:
        """What the kernel asked for."""
        self._line(time, *said(out))

    def close(self) -> None:
        """Leave the session as it is: on the disk, readable, and not sealed."""
        for file in filter(None, (self._tape, self._http)):
            if not file.closed:
                file.flush()
                os.fsync(file.fileno())
                file.close()

    def seal(self, digests: Digests, events: int) -> None:
        """End it in order: pack a large tape, and write down what a replay must reach."""
        self.close()
        self.meta.digests = digests
        self.meta.counts = Counts(self._lines, self._frames, events)
        self.meta.tape_sha256 = self._digest.hexdigest()
        finish(self.folder, self.meta)

    def _line(self, time: Nanos, lane: str, kind: str, data: bytes, coding: str = "") -> None:
        line = to_line(time - self.meta.started_ns, lane, kind, data, coding)
        self._digest.update(line)
        self._tape.write(line)
        self._lines += 1


def finish(folder: Path, meta: Meta, *, mode: int = 0o666) -> None:
    """Seal a session whose files are whole and closed. Raises `OSError`; then it is as it was.

    Killed between any two steps it leaves a session that is readable and not sealed.
    """
    _pack(folder, mode)
    meta.sealed = True
    try:
        write_meta(folder, meta, mode=mode)
    except OSError:
        meta.sealed = False
        raise


def _pack(folder: Path, mode: int) -> None:
    """Make a large tape a packed one."""
    plain, new = folder / TAPE, folder / (PACKED + NEW)
    if plain.stat().st_size <= PLAIN_MAX:
        return
    new.unlink(missing_ok=True)
    try:
        with plain.open("rb") as source, create(new, mode) as target:
            zstandard.ZstdCompressor(level=3, write_checksum=True).copy_stream(source, target)
            target.flush()
            os.fsync(target.fileno())
    except OSError:
        new.unlink(missing_ok=True)
        raise
    new.replace(folder / PACKED)
    plain.unlink()
