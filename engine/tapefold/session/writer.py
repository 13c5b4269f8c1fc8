"""Writing a session: the tape and the cassette are only ever appended to, session.toml comes last."""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from hashlib import sha256
from io import BufferedWriter
from pathlib import Path
from typing import Final

import zstandard

from tapefold.adapter import Command, Frame, Outgoing
from tapefold.errors import Refused, SessionError
from tapefold.session.cassette import NAME as HTTP
from tapefold.session.cassette import write_interaction
from tapefold.session.meta import Counts, Digests, Meta, write_meta
from tapefold.session.tape import ENGINE, heard, said, to_line, told
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
    work = folder.with_name(f".{folder.name}.making-{os.getpid()}")
    try:
        work.mkdir(parents=True)
        yield work
        work.replace(folder)
    except BaseException as error:
        shutil.rmtree(work, ignore_errors=True)
        if isinstance(error, OSError):
            raise Refused(f"{folder} cannot be written: {error.strerror}") from error
        raise


class SessionWriter:
    """Writes a session into a folder that is there and empty."""

    def __init__(self, folder: Path, meta: Meta) -> None:
        self.folder, self.meta = folder, meta
        self._tape: BufferedWriter = (folder / "tape.jsonl").open("xb")
        self._http: BufferedWriter | None = None
        self._digest, self._lines, self._frames = sha256(), 0, 0
        write_meta(folder, meta)

    def command(self, time: Nanos, command: Command) -> None:
        """What the caller told the engine."""
        self._line(time, ENGINE, "command", told(command))

    def frame(self, frame: Frame) -> None:
        """What came in; a response's whole goes into http.yaml before its line."""
        if frame.kind == "response":
            if self._http is None:
                self._http = (self.folder / HTTP).open("xb")
            write_interaction(self._http, frame)
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
        self._pack()
        self.meta.sealed = True
        self.meta.digests = digests
        self.meta.counts = Counts(self._lines, self._frames, events)
        self.meta.tape_sha256 = self._digest.hexdigest()
        write_meta(self.folder, self.meta)

    def _line(self, time: Nanos, lane: str, kind: str, data: bytes, coding: str = "") -> None:
        line = to_line(time - self.meta.started_ns, lane, kind, data, coding)
        self._digest.update(line)
        self._tape.write(line)
        self._lines += 1

    def _pack(self) -> None:
        plain = self.folder / "tape.jsonl"
        if plain.stat().st_size <= PLAIN_MAX:
            return
        packed = self.folder / "tape.jsonl.zst"
        with plain.open("rb") as source, packed.open("xb") as target:
            zstandard.ZstdCompressor(level=3, write_checksum=True).copy_stream(source, target)
            target.flush()
            os.fsync(target.fileno())
        plain.unlink()
