"""History: what was known at any position of a log.

The views of a position are the newest saved ones that are not past it, and the events since. Saved
views are a cache beside the log (`LOG.views/POSITION.msgpack`): made by whoever reads, by a live
engine now and then, and when a log is closed, never in a step. Each carries the log's digest at its
position, so a cache of another log, or of a log that was altered or cut short, is not believed. It
can be deleted at any time.

The same folder is where an engine can be asked what it knows: whoever asks leaves a file `asked`, and
the engine answers with `live.msgpack`, its views at a position that is on the disk.
"""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from tapefold.errors import LogError, Refused
from tapefold.log import LogReader, read_log
from tapefold.views import Views

SAVE_EVERY: Final = 1 << 16
"""Positions between two saved views: folding so many takes a tenth of a second."""
_WIDTHS: Final = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
"""Bytes of msgpack's whole numbers by what stands before them."""


class Saved(msgspec.Struct, frozen=True, array_like=True):
    """Views as they were, and of which log."""

    position: int
    log_digest: str
    views: bytes
    sha256: bytes

    @classmethod
    def of(cls, views: Views, position: int, log_digest: str) -> "Saved":
        """*views* as they are now, at a position of a log with this digest there."""
        frozen = views.freeze()
        return cls(position, log_digest, frozen, sha256(frozen).digest())

    @property
    def whole(self) -> bool:
        """Whether the views are those that were saved."""
        return sha256(self.views).digest() == self.sha256


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Saved).decode


class Cache:
    """Saved views beside a log. What cannot be written or read is as good as not there."""

    def __init__(self, log: Path) -> None:
        self._folder = log.with_name(log.name + ".views")
        self._asked = self._folder / "asked"
        self.live = self._folder / "live.msgpack"
        """What a running engine was asked for."""

    def positions(self, until: int) -> list[int]:
        """Where views were saved, newest first, up to *until*."""
        try:
            names = [path.stem for path in self._folder.glob("*.msgpack")]
        except OSError:
            return []
        found = {int(name) for name in names if name.isdigit()}
        if (live := self._live_position()) is not None:
            found.add(live)
        return sorted((position for position in found if position <= until), reverse=True)

    def save(self, views: Views, log_digest: str) -> None:
        """Keep *views*, which are those of a log with this digest at their position."""
        self.keep(Saved.of(views, views.position, log_digest))

    def keep(self, saved: Saved) -> None:
        """The same for views that are bytes already."""
        self._write(self._path(saved.position), saved)

    def load(self, position: int, log_digest: str) -> Views | None:
        """The views saved at *position* of a log with this digest there; None if there are none."""
        saved = self.found(position, log_digest)
        try:
            views = Views.thaw(saved.views) if saved else None
        except (ValueError, msgspec.MsgspecError):
            return None
        return views if views and views.position == position else None

    def found(self, position: int, log_digest: str) -> Saved | None:
        """The same as they were saved: bytes."""
        for path in (self._path(position), self.live):
            saved = _read(path)
            if saved and (saved.position, saved.log_digest) == (position, log_digest):
                return saved
        return None

    # Between an engine and who asks it

    def make(self) -> None:
        """The folder, by who writes the log, so that it is theirs."""
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            return

    def ask(self) -> None:
        """Ask the engine for its views. Raises `Refused` where nothing can be left for it."""
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._asked.touch(mode=0o600)
        except OSError as error:
            raise Refused(
                f"{self._asked} cannot be written ({error.strerror}): through it the engine is asked "
                "what it knows; do this as the user that the engine runs as"
            ) from error

    def asked(self) -> bool:
        """Whether somebody has asked since; to be told once."""
        try:
            self._asked.unlink()
        except OSError:  # as a rule: there is none
            return False
        return True

    def answer(self, saved: Saved) -> None:
        """Give whoever asked what is known."""
        self._write(self.live, saved)

    def answered(self) -> tuple[int, int] | None:
        """Which answer is there: another value for each; None where there is none."""
        try:
            there = self.live.stat()
        except OSError:
            return None
        return there.st_ino, there.st_mtime_ns

    def heard(self) -> Saved | None:
        """The answer; None where it cannot be read or is damaged."""
        return _read(self.live)

    def _path(self, position: int) -> Path:
        return self._folder / f"{position:012}.msgpack"

    def _write(self, path: Path, saved: Saved) -> None:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            new = path.with_suffix(f".{os.getpid()}")
            new.write_bytes(_encode(saved))
            new.replace(path)
        except OSError:
            return

    def _live_position(self) -> int | None:
        """Of the answer that is there; only its first bytes are read, since views may be large."""
        try:
            with self.live.open("rb") as file:
                head = file.read(10)
        except OSError:
            return None
        if len(head) < 10 or head[0] != 0x94:  # an array of four
            return None
        width = _WIDTHS.get(head[1])
        if width is None:
            return head[1] if head[1] < 0x80 else None
        return int.from_bytes(head[2 : 2 + width], "big")


def _read(path: Path) -> Saved | None:
    """What was saved there, if it is whole."""
    try:
        saved = _decode(path.read_bytes())
    except (OSError, ValueError, msgspec.MsgspecError):
        return None
    return saved if saved.whole else None


class History:
    """A log file with its saved views."""

    def __init__(self, path: Path) -> None:
        self.log: LogReader = read_log(path)
        self._cache = Cache(path)

    def views(self, position: int | None = None) -> Views:
        """What was known at *position*; at the head without one. Raises `LogError`."""
        head = self.log.head
        if position is None:
            position = head
        if not 0 <= position <= head:
            raise LogError(f"there is no position {position}: the log goes from 0 to {head}")
        views = self._newest(position)
        for _ in self.fold(views, position):
            pass
        return views

    def fold(self, views: Views, until: int) -> Iterator[int]:
        """Fold *views* on up to *until*, saving them on the way; each position where it stopped."""
        for stop in self._stops(views.position, until):
            before = views.position
            views.fold(self.log.pieces(before, stop))
            if stop % SAVE_EVERY == 0 and stop > before:
                self._cache.save(views, self.log.digest(stop))
            yield stop

    def verify(self) -> int:
        """Refold the whole log and compare every saved view with it; how many there were.

        Raises `LogError` naming the position of the first that differs.
        """
        views, checked = Views(), 0
        for position in reversed(self._cache.positions(self.log.head)):
            saved = self._cache.load(position, self.log.digest(position))
            if saved is None:
                continue
            views.fold(self.log.pieces(views.position, position))
            if saved.freeze() != views.freeze():
                raise LogError(
                    f"the views saved at position {position} are not those of the log: delete the "
                    "folder of saved views beside it"
                )
            checked += 1
        return checked

    def close(self) -> None:
        """Let go of the file."""
        self.log.close()

    def __enter__(self) -> "History":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _newest(self, until: int) -> Views:
        for position in self._cache.positions(until):
            views = self._cache.load(position, self.log.digest(position))
            if views is not None:
                return views
        return Views()

    @staticmethod
    def _stops(after: int, until: int) -> Iterator[int]:
        """Where to stop on the way: at each place for saved views, and at the end."""
        yield from range((after // SAVE_EVERY + 1) * SAVE_EVERY, until, SAVE_EVERY)
        yield until
