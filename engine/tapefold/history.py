"""History: what was known at any position of a log.

The views of a position are the newest saved ones that are not past it, and the events since. Saved
views are a cache beside the log (`LOG.views/POSITION.msgpack`): made by whoever reads, and when a log
is closed, never in a step. Each carries the log's digest at its position, so a cache of another log,
or of a log that was altered, is not believed. It can be deleted at any time.
"""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from tapefold.errors import LogError
from tapefold.log import LogReader, read_log
from tapefold.log.store import POSITION_MAX
from tapefold.views import Views

SAVE_EVERY: Final = 1 << 16
"""Positions between two saved views: folding so many takes a tenth of a second."""


class Saved(msgspec.Struct, frozen=True, array_like=True):
    """Views as they were, and of which log."""

    position: int
    log_digest: str
    views: bytes
    sha256: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Saved).decode


class Cache:
    """Saved views beside a log. What cannot be written or read is as good as not there."""

    def __init__(self, log: Path) -> None:
        self._folder = log.with_name(log.name + ".views")

    def positions(self, until: int) -> list[int]:
        """Where views were saved, newest first, up to *until*."""
        try:
            names = [path.stem for path in self._folder.glob("*.msgpack")]
        except OSError:
            return []
        found = (int(name) for name in names if name.isdigit())
        return sorted((position for position in found if position <= until), reverse=True)

    def save(self, views: Views, log_digest: str) -> None:
        """Keep *views*, which are those of a log with this digest at their position."""
        frozen = views.freeze()
        saved = Saved(views.position, log_digest, frozen, sha256(frozen).digest())
        path = self._folder / f"{views.position:012}.msgpack"
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            new = path.with_suffix(f".{os.getpid()}")
            new.write_bytes(_encode(saved))
            new.replace(path)
        except OSError:
            return

    def load(self, position: int, log_digest: str) -> Views | None:
        """The views saved at *position* of a log with this digest there; None if there are none."""
        try:
            saved = _decode((self._folder / f"{position:012}.msgpack").read_bytes())
            if (saved.position, saved.log_digest) != (position, log_digest):
                return None
            if sha256(saved.views).digest() != saved.sha256:
                return None
            return Views.thaw(saved.views)
        except (OSError, ValueError, msgspec.MsgspecError):
            return None


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
        for until in self._stops(views.position, position):
            before = views.position
            views.apply_all(self.log.events(before, until))
            if until % SAVE_EVERY == 0 and until > before:
                self._cache.save(views, self.log.digest(until))
        return views

    def verify(self) -> int:
        """Refold the whole log and compare every saved view with it; how many there were.

        Raises `LogError` naming the position of the first that differs.
        """
        views, checked = Views(), 0
        for position in reversed(self._cache.positions(POSITION_MAX)):
            saved = self._cache.load(position, self.log.digest(position))
            if saved is None:
                continue
            views.apply_all(self.log.events(views.position, position))
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
