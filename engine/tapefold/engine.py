"""The engine: a kernel at work in somebody's trio program.

Today it plays sessions; live and mocked exchanges are to come through the same door.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Final

import trio

from tapefold.errors import (
    LogError,
    StaleBook,
    TapefoldError,
    UnknownInstrument,
    Unmet,
)
from tapefold.history import SAVE_EVERY, Cache
from tapefold.log import Log, Record, open_log
from tapefold.replay import Replay
from tapefold.session import Session
from tapefold.units import SECOND, Nanos
from tapefold.views import Views

CHUNK: Final = 256
"""Lines that are played between two turns of everybody else, where nobody waits for a moment."""
FLUSH_AFTER: Final = 0.25
"""Seconds that an event may wait before it is handed over to be written."""
Predicate = Callable[[Views], bool]


class _Waiter:
    """Somebody who waits for something to come true."""

    def __init__(self, predicate: Predicate) -> None:
        self._predicate = predicate
        self.done = trio.Event()
        self.position: int | None = None
        self.error: Exception | None = None

    def look(self, views: Views) -> bool:
        """Is it true now? What cannot be answered yet is not."""
        try:
            met = self._predicate(views)
        except (StaleBook, UnknownInstrument):
            met = False
        except Exception as error:  # the embedder's: it comes out where the question was asked
            self.error, met = error, True
        if met:
            self.position = views.position
            self.done.set()
        return met


class Engine:
    """What an embedder holds: the log, the views, and ways to wait. `open_engine` makes one."""

    def __init__(
        self, replay: Replay, log: Log, *, speed: float | None = None, cache: Cache | None = None
    ) -> None:
        self._replay, self._speed = replay, speed
        self._cache, self._saved = cache, 0
        self.log = log
        self.views: Views = replay.views
        """At the log's head, always."""
        self._waiters: list[_Waiter] = []
        self._wanted, self._over = trio.Event(), trio.Event()
        self.failure: TapefoldError | None = None
        """What stood in the way of the session."""
        self.told = False
        """Whether somebody has heard of it."""

    @property
    def time(self) -> Nanos:
        """The time of the latest frame, in nanoseconds since 1970."""
        return self._replay.time

    async def follow(self, after: int = 0) -> AsyncGenerator[Record]:
        """Every record past *after*, and then each as it is logged; ends with the session.

        A follower is a cursor and holds up nobody. Wrap it in `contextlib.aclosing` to leave early.
        """
        self._wanted.set()
        async with aclosing(self.log.follow(after)) as records:
            async for record in records:
                yield record
        self._raise()

    async def until(self, predicate: Predicate) -> int:
        """Wait until *predicate* of the views is true; the log's position then.

        It is asked after each step, and whoever waited runs before the next one, so the views are as
        they were when it came true. While an instrument that it asks for is not listed, or its book
        is not live, it is not true. Raises `Unmet` if the session ends first.
        """
        self._wanted.set()
        waiter = _Waiter(predicate)
        if waiter.look(self.views):
            await trio.lowlevel.checkpoint()
        elif not self._over.is_set():
            self._waiters.append(waiter)
            try:
                await waiter.done.wait()
            finally:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        if waiter.error:
            raise waiter.error
        if waiter.position is None:
            self._raise()
            raise Unmet("the session ended before what was waited for came true")
        return waiter.position

    async def ended(self) -> None:
        """Wait until the session has been played. Raises what stood in its way."""
        self._wanted.set()
        await self._over.wait()
        self._raise()

    async def run(self) -> None:
        """Play the session; `open_engine` has this run beside whatever the embedder does."""
        await self._wanted.wait()
        began, flushed = trio.current_time(), trio.current_time()
        try:
            while await self._paced(began) and self._play():
                # Twice: in the first turn it is open who goes first, in the second all have gone.
                await trio.lowlevel.checkpoint()
                await trio.lowlevel.checkpoint()
                if self.log.crowded:
                    self.log.flush()
                    await trio.to_thread.run_sync(self.log.wait)
                if trio.current_time() - flushed > FLUSH_AFTER:
                    self.log.flush()
                    flushed = trio.current_time()
                self._save()
        except TapefoldError as error:
            self.failure = error
        finally:
            self._over.set()
            self.log.end()
            for waiter in self._waiters:
                waiter.done.set()

    def _save(self) -> None:
        """Save views now and then beside a log file, so that its past is soon at hand."""
        if self._cache and self.log.head // SAVE_EVERY > self._saved:
            self._saved = self.log.head // SAVE_EVERY
            self._cache.save(self.views, self.log.digest())

    def _play(self) -> bool:
        """A step where somebody waits for a moment, many where nobody does."""
        one_by_one = self._waiters or self._speed is not None
        more = self._replay.play(1 if one_by_one else CHUNK)
        self._waiters = [waiter for waiter in self._waiters if not waiter.look(self.views)]
        return more

    async def _paced(self, began: float) -> bool:
        """Sleep until the next line's time has come; False at the end."""
        if self._speed is None:
            return True
        due = self._replay.peek()
        if due is not None:
            since = (due - self._replay.session.meta.started_ns) / SECOND
            until = began + since / self._speed
            if until - trio.current_time() > FLUSH_AFTER:
                self.log.flush()
            await trio.sleep_until(until)
        return True

    def _raise(self) -> None:
        if self.failure:
            self.told = True
            raise self.failure


@asynccontextmanager
async def open_engine(
    session: Session | Path | str, *, log: Path | str | None = None, speed: float | None = None
) -> AsyncGenerator[Engine]:
    """An engine that plays *session* while the block runs, from when it is first waited for or followed.

    The log is in memory, or in a new file *log*, which is kept. *speed* 1 is as recorded, 10 ten times
    that; without one it goes as fast as it can. Leaving the block ends the playing, wherever it is.
    Raises `SessionError`, `LogError`, `LogLocked`; on leaving, what stood in the way of the session
    (`Mismatch`, ...), if the block did not hear of it. What the block raises comes out as it is.
    """
    if speed is not None and not speed > 0:
        raise ValueError(f"a speed is a number above 0, not {speed}")
    session = session if isinstance(session, Session) else Session(session)
    path = Path(log) if log is not None else None
    opened = open_log(path)
    try:
        if opened.head:
            raise LogError(f"{path} is a log already: play the session into a new one")
        cache = Cache(path) if path is not None else None
        engine = Engine(Replay(session, opened), opened, speed=speed, cache=cache)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(engine.run)
                yield engine
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            # A nursery groups what it raises; with one task beside the block's, a group has one.
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from group.exceptions[0].__cause__
            raise
    finally:
        opened.close()
    if path is not None:
        Cache(path).save(engine.views, opened.digest())
    if engine.failure and not engine.told:
        raise engine.failure
