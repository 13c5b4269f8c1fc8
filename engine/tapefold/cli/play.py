"""Playing a session for somebody who looks: at a pace, up to a point, into a log."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import NamedTuple

from tapefold.cli.failures import Patience
from tapefold.cli.terminal import INTERVAL
from tapefold.cli.when import Until
from tapefold.errors import Mismatch, Refused, TapefoldError
from tapefold.history import SAVE_EVERY, Cache
from tapefold.log import open_log
from tapefold.replay import Replay
from tapefold.report import CHUNK, Report
from tapefold.session import Start
from tapefold.units import SECOND, Nanos
from tapefold.views import Views

FLUSH_AFTER = 0.25
"""Seconds that an event may wait before it is handed over to be written."""


class Played(NamedTuple):
    """A session that was played through one of the doors."""

    report: Report
    views: Views
    time: Nanos
    """Of the last line."""
    mismatch: Mismatch | None = None
    """What it stopped at."""
    failures: Mapping[str, Exception] = {}
    """What strategies that were asked again raised, by their names."""


class Kept:
    """A log file of a replay's own, with views saved beside it.

    Of a session that goes on from a log it is that log, as it was then.
    """

    def __init__(self, path: Path, start: Start | None = None) -> None:
        """Raises `Refused` for a file that the replay cannot be written to, and as `open_log`."""
        if start and not path.exists():
            raise Refused(
                f"the session goes on from position {start.tail.head:,} of a log: copy that log as it "
                f"was then to {path}, or play without --log"
            )
        self.path, self.log = path, open_log(path)
        try:
            self._check(start)
        except Refused:
            self.log.close()
            raise
        self._cache, self._saved = Cache(path), self.log.head // SAVE_EVERY
        self._flushed = monotonic()

    def _check(self, start: Start | None) -> None:
        if start:
            start.check(self.log, str(self.path))
        elif self.log.head:
            raise Refused(
                f"{self.path} is a log with {self.log.head:,} events already: a replay needs a new one"
            )

    def between(self, replay: Replay) -> None:
        """Between two steps: wait for the disk if it is behind, and save views now and then."""
        if self.log.crowded:
            self.log.sync()
        elif monotonic() - self._flushed > FLUSH_AFTER:
            self.log.flush()
            self._flushed = monotonic()
        if self.log.head // SAVE_EVERY > self._saved:
            self._saved = self.log.head // SAVE_EVERY
            self._cache.save(replay.views, self.log.digest())

    def end(self, replay: Replay) -> None:
        """Close the log, whole."""
        digest = self.log.digest()
        self.log.close()
        self._cache.save(replay.views, digest)

    def __enter__(self) -> "Kept":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Where it was not ended: close the log with what came, and say in the error how far that is."""
        if error is not None:
            with suppress(TapefoldError):  # one of closing is *error*, or follows from it
                self.log.close()
            error.add_note(f"{self.path} has everything up to position {self.log.durable:,}")


class Player:
    """Plays one replay. Times are those of the machine, which the kernel never sees."""

    def __init__(
        self,
        *,
        speed: float | None = None,
        until: Until | None = None,
        between: Callable[[Replay], None] = lambda replay: None,
        patience: Patience | None = None,
    ) -> None:
        self._speed, self._until, self._between = speed, until or Until(), between
        self._patience = patience or Patience()
        self.spent = 0.0
        """Seconds that playing alone took."""

    def play(self, replay: Replay) -> float:
        """Play to the end, or to where it was asked for; the seconds that playing alone took.

        Ctrl-C is heard between steps, so that no event is torn. Raises as `Replay.play` does.
        """
        with self._patience:
            began = monotonic()
            while self._chunk(replay, began):
                self._between(replay)
                self._patience.check()
                if self._speed:
                    self._wait(replay, began, self._speed)
            self._between(replay)
            self._patience.check()
        return self.spent

    def _chunk(self, replay: Replay, began: float) -> bool:
        """Play some lines; False where it stops."""
        head, stop = self._until.position, self._until.moment(replay.session.meta.started_ns)
        if head is not None and replay.log.head >= head:
            return self._last(replay)
        limit = stop
        if self._speed:
            passed = replay.session.meta.started_ns + int(
                (monotonic() - began) * self._speed * SECOND
            )
            limit = passed if stop is None else min(stop, passed)
        mark = perf_counter()
        more = replay.play(CHUNK, time_max=limit, head_max=head)
        self.spent += perf_counter() - mark
        if not more:
            return not replay.ended and self._last(replay)
        return stop is None or not _is_past(replay.peek(), stop)

    @staticmethod
    def _last(replay: Replay) -> bool:
        """Where nothing is left to play, reaching the position was reaching the end."""
        if replay.peek() is None:
            replay.play(1)
        return False

    @staticmethod
    def _wait(replay: Replay, began: float, speed: float) -> None:
        """Until the next line is due, or a picture."""
        following = replay.peek()
        if following is not None:
            due = began + (following - replay.session.meta.started_ns) / SECOND / speed
            sleep(max(0.0, min(due - monotonic(), INTERVAL)))


def _is_past(following: Nanos | None, stop: Nanos) -> bool:
    return following is not None and following > stop
