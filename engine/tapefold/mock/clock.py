"""The clock of a tape: it says the tape's times, to the nanosecond, whatever this machine's clock does.

It stands at the latest line up to which all is done, and runs on only while the conductor lets it: then
as fast as the play, or at once, but never past the next line. And it never passes what a client has yet
to read: each frame's own time waits in a queue of its lane until `stamp` takes it. Of a lane that nobody
stamps, since its client is another process or has its own name for it, no time is kept.
"""

import math
from collections import deque
from itertools import count

import trio

from tapefold.units import SECOND, Nanos


class TapeClock:
    """See `tapefold.wire.Clock`. Times are nanoseconds since 1970."""

    def __init__(self, started: Nanos, speed: float | None) -> None:
        self._speed = speed
        self._reached = self._last = started
        self._ahead: dict[str, deque[Nanos]] = {}
        self._stamped: set[str] = set()
        """Lanes whose client asks for stamps; `_stamping`: those where it has begun to."""
        self._stamping: set[str] = set()
        self._run: tuple[Nanos, float, Nanos] | None = None
        """From when, since when by trio's clock, and until when it runs."""
        self._sleepers: dict[int, tuple[Nanos, trio.Event]] = {}
        self._number = count()

    def now(self) -> Nanos:
        """Now."""
        time = self._reached
        if self._run:
            start, since, until = self._run
            passed = int((trio.current_time() - since) * SECOND * (self._speed or 1))
            time = max(time, min(start + passed, until))
        for lane in self._stamping:
            if queue := self._ahead.get(lane):
                time = min(time, queue[0])
        self._last = max(self._last, time)
        return self._last

    def stamp(self, lane: str) -> Nanos:
        """When that came which was just read on *lane*."""
        queue = self._ahead.setdefault(lane, deque())
        self.heed(lane)
        self._stamping.add(lane)
        if not queue:
            return self.now()
        time = self._last = max(self._last, queue.popleft())
        if self._sleepers and not queue:
            self._wake(self.now())
        return time

    async def sleep_until(self, due: Nanos) -> None:
        """Come back when `now()` is *due* or later."""
        await trio.lowlevel.checkpoint()
        number = next(self._number)
        try:
            while self.now() < due:
                woken = trio.Event()
                self._sleepers[number] = due, woken
                with trio.move_on_at(self._expected(due)) as scope:
                    await woken.wait()
                if scope.cancelled_caught and self._run:  # whatever was lost in rounding
                    self._reached = max(self._reached, min(due, self._run[2]))
        finally:
            self._sleepers.pop(number, None)

    def heed(self, lane: str) -> None:
        """Whoever reads *lane* will ask when it came."""
        self._stamped.add(lane)

    def expect(self, lane: str, time: Nanos) -> None:
        """What is about to be handed over in *lane* has this time, whenever it is read."""
        if lane in self._stamped:
            self._ahead.setdefault(lane, deque()).append(time)

    def expect_now(self, lane: str) -> None:
        """Something is about to be said in *lane* that has no place on the tape."""
        self.expect(lane, max([self.now(), *self._ahead.get(lane, ())]))

    def forget(self, lane: str) -> None:
        """Nobody will read any more what was handed over there."""
        self._stamping.discard(lane)
        self._wake(self.now())

    def reach(self, time: Nanos) -> None:
        """All lines up to this time are done."""
        if time > self._reached:
            self._reached = time
            self._wake(self.now())

    def allow(self, until: Nanos) -> None:
        """All is taken in, and the next line is at *until*: run on to there."""
        if self._speed is None:
            self.reach(until)
        elif until > self._reached:
            self._run = self._reached, trio.current_time(), until
            self._wake(until)

    def hold(self) -> None:
        """Stand still again."""
        if self._run:
            self._reached = max(self._reached, self.now())
            self._run = None

    def _wake(self, until: Nanos) -> None:
        """Have those look again whose time is up by *until*."""
        for due, woken in self._sleepers.values():
            if due <= until:
                woken.set()

    def _expected(self, due: Nanos) -> float:
        """When it is *due* by trio's clock, as far as it runs now."""
        if not self._run or due > self._run[2]:
            return math.inf
        start, since, _ = self._run
        return since + (due - start) / SECOND / (self._speed or 1)
