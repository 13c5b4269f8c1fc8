"""Writing a recording: whatever happens to the process, what was written is a session.

The folder is there from the start, with a session.toml that says `sealed = false`, and with what it
goes on from, if that is anything. Tape and cassette
are only ever appended to, nothing is buffered here, and an interaction stands in the cassette before
its `response` line is on the tape. So a kill costs at the most the line that was being written, and
whoever reads leaves that out. All files are the owner's alone.
"""

import os
from hashlib import sha256
from pathlib import Path
from typing import Final

from tapefold.errors import Refused
from tapefold.session.cassette import HEAD
from tapefold.session.cassette import NAME as HTTP
from tapefold.session.files import claim, create
from tapefold.session.meta import Counts, Digests, Meta, write_meta
from tapefold.session.start import Start, write_start
from tapefold.session.tape import TAPE
from tapefold.session.writer import finish, new_session

MODE: Final = 0o600
_sync = getattr(os, "fdatasync", os.fsync)


class LiveWriter:
    """Appends to a session that it makes. Raises `OSError` where the machine refuses a write."""

    def __init__(self, folder: Path, meta: Meta, start: Start | None = None) -> None:
        """Make *folder*, whole and at once. Raises `SessionError` where it is there, and `Refused`.

        *start* is what a log that was not empty had come to; its position is noted in *meta*.
        """
        self.folder, self.meta = folder, meta
        meta.start_position = start.tail.head if start else 0
        with new_session(folder) as work:
            if start:
                write_start(work, start, mode=MODE)
            write_meta(work, meta, mode=MODE)
            create(work / TAPE, MODE).close()
        self._digest, self._lines, self._frames = sha256(), 0, 0
        self._files: dict[str, int] = {}
        self._unsynced: set[int] = set()
        try:
            self._open(TAPE)
            claim(self._files[TAPE])  # against a repair that comes too early
            _sync_folder(folder.parent)
        except OSError as error:
            raise Refused(f"{folder} cannot be written: {error.strerror}") from error

    def line(self, line: bytes, *, frame: bool = False) -> None:
        """Append a whole line of the tape; *frame*: it is a received one."""
        self._append(self._files[TAPE], line)
        self._digest.update(line)
        self._lines += 1
        self._frames += frame

    def interaction(self, item: bytes) -> None:
        """Append a whole item to the cassette."""
        if HTTP not in self._files:
            self._open(HTTP)
            item = HEAD + item  # in one write: no reader ever meets a cassette without a list
        self._append(self._files[HTTP], item)

    def sync(self) -> None:
        """Bring to the disk what it does not have yet: then also a power cut cannot take it."""
        while self._unsynced:
            _sync(self._unsynced.pop())

    def close(self) -> None:
        """Leave the session as it is: on the disk, readable, and not sealed."""
        files, self._files = [*self._files.values()], {}
        try:
            if files:
                self.sync()
                write_meta(self.folder, self.meta, mode=MODE)
        finally:
            for file in files:
                os.close(file)

    def seal(self, digests: Digests, events: int) -> None:
        """End it in order, as `SessionWriter` does; it is closed."""
        self.meta.digests = digests
        self.meta.counts = Counts(self._lines, self._frames, events)
        self.meta.tape_sha256 = self._digest.hexdigest()
        finish(self.folder, self.meta, mode=MODE)

    def _open(self, name: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        self._files[name] = os.open(self.folder / name, flags, MODE)
        _sync_folder(self.folder)

    def _append(self, file: int, data: bytes) -> None:
        self._unsynced.add(file)
        written = os.write(file, data)
        while written < len(data):  # a disk that is all but full takes a part, and then says why
            written += os.write(file, data[written:])


def _sync_folder(folder: Path) -> None:
    """That a file is there is written in its folder."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
