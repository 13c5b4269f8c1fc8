"""A tape as a source: the replay door, at a pace."""

from collections.abc import Sequence
from typing import Final

import trio

from tapefold.adapter import Command
from tapefold.engine.engine import Engine
from tapefold.engine.saving import Saver
from tapefold.errors import Refused
from tapefold.log import Log
from tapefold.replay import Replay
from tapefold.session import Session
from tapefold.strategy import Strategy
from tapefold.units import SECOND, Nanos

CHUNK: Final = 256
"""Lines that are played between two turns of everybody else, where nobody waits for a moment."""
FLUSH_AFTER: Final = 0.25
"""Seconds that an event may wait before it is handed over to be written."""


class Played:
    """A session, played when somebody waits for it."""

    live = changing = False

    def __init__(
        self,
        session: Session,
        log: Log,
        saver: Saver,
        speed: float | None,
        strategies: Sequence[Strategy] = (),
    ) -> None:
        self._replay = Replay(session, log, strategies=strategies)
        self._log, self._saver, self._speed = log, saver, speed
        self.kernel = self._replay.kernel

    @property
    def frames(self) -> int:
        """Received so far."""
        return self._replay.frames

    @property
    def time(self) -> Nanos:
        """Of the latest line."""
        return self._replay.time

    def command(self, command: Command) -> None:
        """Nobody commands a recording."""
        raise Refused(
            "a replay takes its commands from the tape: open the engine live to give some"
        )

    async def run(self, engine: Engine, ready: trio.TaskStatus[None]) -> None:
        """Play it to its end. Raises as `Replay.play` does."""
        ready.started()
        await engine.wanted.wait()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._saver.run, self.kernel.views)
            await self._played(engine)
            nursery.cancel_scope.cancel()

    async def _played(self, engine: Engine) -> None:
        began, flushed = trio.current_time(), trio.current_time()
        while await self._paced(began) and self._play(engine):
            # Twice: in the first turn it is open who goes first, in the second all have gone.
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
            if self._log.crowded:
                self._log.flush()
                await trio.to_thread.run_sync(self._log.wait)
            if trio.current_time() - flushed > FLUSH_AFTER:
                self._log.flush()
                flushed = trio.current_time()
            self._saver.save(self.kernel.views)

    def _play(self, engine: Engine) -> bool:
        """A step where somebody waits for a moment, many where nobody does."""
        one_by_one = engine.waited_for or self._speed is not None
        more = self._replay.play(1 if one_by_one else CHUNK)
        engine.stepped()
        return more

    async def _paced(self, began: float) -> bool:
        """Sleep until the next line's time has come."""
        if self._speed is None:
            return True
        due = self._replay.peek()
        if due is not None:
            since = (due - self._replay.session.meta.started_ns) / SECOND
            until = began + since / self._speed
            if until - trio.current_time() > FLUSH_AFTER:
                self._log.flush()
            await trio.sleep_until(until)
        return True
