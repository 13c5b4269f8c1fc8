"""A shadow: a log folded again beside the engine that writes it, and compared with what that knows.

The shadow asks by a file (see `history.Cache`); between two steps the engine makes bytes of its views,
and writes them down once its log is on the disk up to there. The shadow folds the log on to exactly
that position, from its first event and with nothing that was saved, and compares fold by fold. An
engine that nobody shadows pays a system call a second.
"""

import os
from collections.abc import Callable, Generator
from pathlib import Path
from time import monotonic_ns, sleep
from typing import Final

from msgspec import Struct

from tapefold.errors import LogError, Mismatch, Refused
from tapefold.history import Cache, History, Saved
from tapefold.units import SECOND, Nanos
from tapefold.verify.apart import Apart, differing
from tapefold.views import Views

try:
    import fcntl
except ImportError:  # Windows: only silence says there that nobody writes
    fcntl = None  # type: ignore[assignment] # a module, where there is one

POLL: Final = 0.05
"""Seconds between two looks for an answer."""
ASK_EVERY: Final = SECOND
"""How long an answer may take before it is asked again, and looked whether anybody is there."""
PATIENCE: Final = 15 * SECOND
"""How long an engine may take: it looks once a second, and waits for its disk."""
CLOSING: Final = 3 * SECOND
"""How long an engine that has let go of its log may take to save its views."""


class Compared(Struct, frozen=True):
    """A position at which an engine's views are what its log folds to, fold by fold."""

    position: int
    log_digest: str
    """Of the log up to there: the engine's own, and that of what is on the disk."""
    events: int
    """Since the comparison before; of the first one, since the log began."""
    behind: int
    """Events that came on the disk meanwhile."""
    lag: Nanos
    """From asking the engine to knowing this."""
    ended: bool
    """Whether these are the views that it has saved at its end: the last comparison."""


def shadow(
    path: Path,
    *,
    every: Nanos = 5 * SECOND,
    lasting: Nanos | None = None,
    patience: Nanos = PATIENCE,
    progress: Callable[[int, int], None] = lambda position, until: None,
) -> Generator[Compared]:
    """Compare a running engine's views with its log folded again, now and *every* so long.

    Ends when the engine does, or after *lasting*, with a comparison each; close it to leave early
    (`contextlib.closing`). *progress* is told how far the log is folded, and how far it is to be. It
    waits in its thread: in a trio program give it one of its own.

    Raises `Apart`, a `Mismatch`, at the first difference, and `Mismatch` where the log on the disk is not
    what the engine wrote; `Refused` where nobody writes the log, the engine does not answer for
    *patience* or is gone without having saved its views, or where it cannot be asked; `LogError` for what
    is no log, or was replaced.
    """
    with _Shadow(path, patience, progress) as shadowing:
        end = None if lasting is None else monotonic_ns() + lasting
        while True:
            began = monotonic_ns()
            yield (compared := shadowing.compare(began))
            now = monotonic_ns()
            if compared.ended or (end is not None and now >= end):
                return
            due = max(now, began + every)
            sleep(((due if end is None else min(due, end)) - now) / SECOND)


class _Shadow:
    """One log's: how far it is folded, and what that comes to."""

    def __init__(self, path: Path, patience: Nanos, progress: Callable[[int, int], None]) -> None:
        self._path, self._patience, self._progress = path, patience, progress
        self._history, self._cache = History(path), Cache(path)
        self._file = _identity(path)
        self._views, self._count = Views(), 0

    def compare(self, began: Nanos) -> Compared:
        """At the next position that the engine tells, or at its end. Raises as `shadow` does."""
        before, saved = self._views.position, self._answer(began)
        ended = saved is None
        if saved is None:
            saved = self._left()
        self._agree(saved)
        self._count += 1
        events, position = saved.position - before, saved.position
        behind = self._history.log.head - position
        lag = monotonic_ns() - began
        return Compared(position, saved.log_digest, events, behind, lag, ended)

    def _answer(self, began: Nanos) -> Saved | None:
        """What the engine answers; None where nobody writes the log any more. Raises `Refused`."""
        last, damaged, asked = self._cache.answered(), False, began
        self._cache.ask()
        while monotonic_ns() - began < self._patience:
            sleep(POLL)
            answered = self._cache.answered()
            if answered not in (last, None):
                saved, last = self._cache.heard(), answered
                if saved:
                    return saved
                damaged = True
            if monotonic_ns() - asked > ASK_EVERY:
                if not being_written(self._path):
                    return None
                self._cache.ask()
                asked = monotonic_ns()
        raise Refused(self._unanswered(damaged=damaged))

    def _unanswered(self, *, damaged: bool) -> str:
        span = f"{self._patience / SECOND:g} s"
        if damaged:
            return f"{self._cache.live} cannot be read, for {span}: is its disk whole?"
        return (
            f"{self._path} is being written, but whoever does it has not said within {span} what it "
            f"knows: it hangs, its disk is full, or it is no engine of `open_engine`{self._so_far()}"
        )

    def _left(self) -> Saved:
        """What the engine has saved at its end. Raises `Refused`."""
        if not self._count:
            raise Refused(
                f"nobody is writing this log: `tapefold verify {self._path}` checks it at rest"
            )
        log, began = self._history.log, monotonic_ns()
        position, digest = log.head, log.digest()
        if position == self._views.position:  # all of it was compared already
            return Saved.of(self._views, position, digest)
        while monotonic_ns() - began < CLOSING:
            if saved := self._cache.found(position, digest):
                return saved
            sleep(POLL)
        raise Refused(
            f"the engine is gone, and saved no views at its end: killed, or ended by an error"
            f"{self._so_far()}; `tapefold verify {self._path}` checks what it left"
        )

    def _so_far(self) -> str:
        return f" (it agreed {self._count:,} times, to position {self._views.position:,})" * bool(
            self._count
        )

    def _agree(self, saved: Saved) -> None:
        """Fold the log on to where *saved* is of, and compare. Raises `Mismatch` and `LogError`."""
        log, agreed = self._history.log, self._views.position
        if _identity(self._path) != self._file or not agreed <= saved.position <= log.head:
            raise LogError(f"{self._path} was replaced by another log meanwhile: start again")
        if log.digest(saved.position) != saved.log_digest:
            raise Mismatch(
                f"position {saved.position:,}: {self._path} is not the log that its engine has written"
                f"{self._so_far()}"
            )
        for position in self._history.fold(self._views, saved.position):
            self._progress(position, saved.position)
        frozen = self._views.freeze()
        if frozen != saved.views:
            raise Apart(saved.position, agreed, differing(frozen, saved.views))

    def __enter__(self) -> "_Shadow":
        return self

    def __exit__(self, *_: object) -> None:
        """Ask nothing any more; another one that shadows asks again."""
        self._cache.asked()
        self._history.close()


def being_written(path: Path) -> bool:
    """Whether an engine has a log open, as far as can be known.

    To look is to hold the engine's lock for a moment if it is free: one that opens the log in just that
    microsecond would be refused. So it is asked only where nobody has answered.
    """
    try:
        file = os.open(path.with_name(path.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return fcntl is None


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file it is; None where there is none any more."""
    try:
        there = path.stat()
    except OSError:
        return None
    return there.st_dev, there.st_ino
