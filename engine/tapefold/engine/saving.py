"""Views saved beside a log file while an engine writes it, so that its past is soon at hand.

And given to whoever asks for them, so that somebody else can fold the log again and compare.
"""

from contextlib import suppress
from pathlib import Path
from typing import Final

import trio

from tapefold.errors import Refused
from tapefold.history import SAVE_EVERY, Cache, Saved
from tapefold.log import Log
from tapefold.views import Views

LOOK_EVERY: Final = 1.0
"""Seconds between two looks whether it is time, or somebody asks: one system call."""


class Saver:
    """Saves views now and then beside a log file, and when somebody asks."""

    def __init__(self, log: Log, path: Path | None) -> None:
        self._log, self._cache = log, Cache(path) if path else None
        self._saved = max(self._cache.positions(log.head), default=0) if self._cache else 0

    def save(self, views: Views) -> None:
        """Save, if it is time."""
        if self._cache and self._due:
            self._saved = self._log.head
            self._cache.save(views, self._log.digest())

    async def run(self, views: Views) -> None:
        """Save what an engine knows, and answer who asks, until cancelled; *views* are at the log's head.

        Between two steps they are made bytes of, which takes milliseconds; a thread does the rest. An
        engine that keeps no file has nothing to do here.
        """
        if self._cache is None:
            return
        self._cache.make()
        while True:
            await trio.sleep(LOOK_EVERY)
            asked, due = self._cache.asked(), self._due
            if due:
                self._saved = self._log.head
            if not (asked or due):
                continue
            with suppress(Refused):  # the log cannot be written, and the next step says so
                await self._give(self._cache, views, asked=asked, due=due)

    async def _give(self, cache: Cache, views: Views, *, asked: bool, due: bool) -> None:
        """Write down what is known now, once the log is on the disk up to here."""
        saved = Saved.of(views, self._log.head, self._log.digest())
        self._log.flush()

        def write() -> None:
            self._log.wait()
            if asked:
                cache.answer(saved)
            if due:
                cache.keep(saved)

        await trio.to_thread.run_sync(write)

    @property
    def _due(self) -> bool:
        """Whether enough was logged since the last time."""
        return self._log.head - self._saved >= SAVE_EVERY
