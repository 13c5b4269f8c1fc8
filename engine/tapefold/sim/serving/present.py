"""The time that clients of other processes have."""

import time
from typing import Final

import trio

from tapefold.units import SECOND, Nanos

LOOK: Final = 1.0
"""Seconds after which whoever sleeps looks again: a clock may be set, and a machine may have slept."""


class Present:
    """The wall clock, but for its steps back. See `tapefold.wire.Clock`.

    An engine's own clock starts with the wall and then runs by itself. This one stays with the wall:
    clients sign with the time of their own process, and it must still be ours after a night.
    """

    def __init__(self) -> None:
        self._latest: Nanos = 0

    def now(self) -> Nanos:
        """Now."""
        self._latest = max(self._latest, time.time_ns())
        return self._latest

    def stamp(self, lane: str) -> Nanos:
        """What was just read came just now."""
        return self.now()

    async def sleep_until(self, due: Nanos) -> None:
        """Come back when it is *due*."""
        await trio.lowlevel.checkpoint()
        while True:
            left = due - self.now()
            if left <= 0:
                return
            await trio.sleep(min(left / SECOND, LOOK))
