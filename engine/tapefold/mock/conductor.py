"""When the next line goes: the pace, the client's turn, and how far the clock may run.

Before it waits for anything, the conductor lets all that was said be taken in. Only then the clock runs
on, to the next line's time: so what a client does by the clock it does where it did it on the tape.
"""

import math
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import trio

from tapefold.adapter import Command
from tapefold.mock import failures
from tapefold.mock.clock import TapeClock
from tapefold.mock.owed import Owed
from tapefold.mock.score import Score
from tapefold.units import SECOND, Nanos

BATCH_MAX: Final = 64
"""Frames of one lane that are handed over in one go: what a slow client reads in a good part of
`patience`, and many enough that the ping after them costs little."""
_EVER: Final = 1 << 62


class Tempo(NamedTuple):
    """How fast, and how patiently."""

    speed: float | None = None
    """1 is as it was recorded; None: as fast as the client can."""
    patience: float = 0.05
    """Seconds by which the client may be late before others go first."""
    timeout: float = 5.0
    """Seconds after that, until it is a failure."""
    barrier: float = 0.05
    """Seconds for which a lane is waited for that has yet to take in what was said: long for a client
    that is known to read every lane, and that must never hear of one before another."""
    start: float = 5.0
    """Seconds to wait for a client at all."""


class Conductor:
    """Plays the exchange's lines of a score.

    *settle* comes back when all that was said is taken in, or will not be for a while; *owed* knows
    what is not.
    """

    def __init__(
        self,
        score: Score,
        clock: TapeClock,
        tempo: Tempo,
        settle: Callable[[bool], Awaitable[None]],
        owed: Owed,
    ) -> None:
        self._score, self._clock, self._tempo, self._settle = score, clock, tempo, settle
        self._owed = owed
        self._timeline = score.timeline
        self.finished = trio.Event()
        self.block = trio.CancelScope()
        """What a failure cancels."""
        self._awake, self._changed = trio.Event(), trio.Event()
        self._last = trio.current_time()
        """When something was last done."""
        self._anchor = (-1, 0, self._last)
        """The client's latest line that was done: which, when on the tape, and when here."""
        self._late = (-1, self._last)
        """A line that the client is late with, and since when others go first."""
        self._loose = False
        """Whether something was handed over that no ping tells of."""
        self._listening = False
        self._give, self.commands = trio.open_memory_channel[tuple[Nanos, Command]](math.inf)
        score.changed = self._note

    def listen(self) -> None:
        """Somebody takes commands, from now on."""
        self._listening = True
        self._awake.set()

    async def changes(self) -> None:
        """Come back after the next thing that the client does."""
        await self._changed.wait()

    async def conduct(self) -> None:
        """Play, to the end or to a failure."""
        with trio.move_on_after(self._tempo.start):
            await self._awake.wait()
        score = self._score
        while not score.failure:
            if score.over:
                await self._end()
                return
            line, late = score.next(), False
            if line is None:
                line, late = await self._overdue(), True
            else:
                await self._pace(line)
            if line is None:
                continue
            await self._settle(self._loose)
            self._loose = False
            if not score.failure and not score.done[line] and (late or score.may_go(line)):
                self._deliver(line)

    async def _end(self) -> None:
        """All was said; who is slow may still be reading it."""
        await self._settle(True)
        if rows := await self._owed.settled(self._tempo.timeout):
            self._score.fail(failures.untaken(rows, self._tempo.timeout))
        elif not self._score.failure:
            self._give.close()
            self.finished.set()
        self._owed.move()  # whoever waits for more waits for nothing

    def _note(self, line: int | None) -> None:
        """The client did something."""
        if self._score.failure:
            self.block.cancel()
        self._clock.reach(self._timeline.started_ns + self._score.reached)
        self._last = trio.current_time()
        if line is not None and line > self._anchor[0]:
            self._anchor = line, self._timeline.at(line), self._last
        self._changed.set()
        self._changed = trio.Event()
        self._awake.set()

    async def _pace(self, line: int) -> None:
        """Wait until a line's time has come."""
        if self._tempo.speed is None:
            return
        _, at, since = self._anchor
        due = since + max(0, self._timeline.at(line) - at) / SECOND / self._tempo.speed
        if due <= trio.current_time():
            return
        await self._settle(self._loose)
        self._clock.allow(self._timeline.time(line))
        await trio.sleep_until(due)
        self._clock.hold()

    async def _overdue(self) -> int | None:
        """It is the client's turn: give it time. A line that may go first, if it has too much of it."""
        await self._settle(True)
        score, head = self._score, self._score.head
        if score.failure or score.over or score.next() is not None:
            return None
        changed, due = self._changed, self._due(head)
        if not self._timeline.theirs[head]:
            self._clock.allow(self._timeline.time(head))
        await _until(changed, due)
        if not changed.is_set():
            await self._settle(True)  # on a busy machine it may not have had its turn
        self._clock.hold()
        if changed.is_set():
            return None
        line = score.detour()
        if line is not None and self._is_too_late(head):
            score.fail(failures.late(self._timeline, score.done, head, self._tempo.timeout))
            return None
        if line is None:
            await _until(changed, due + self._tempo.timeout)
            if not changed.is_set():
                score.fail(score.stalled())
            return None
        what = f"{failures.say(self._timeline, line)} did not wait for"
        score.relaxed.append(f"{what} {failures.say(self._timeline, head)}")
        if score.strict:
            score.fail(failures.out_of_order(score.relaxed[-1]))
        return line

    def _is_too_late(self, head: int) -> bool:
        """Whether others have gone first for so long that the client will not do this line any more."""
        now = trio.current_time()
        if self._late[0] != head:
            self._late = head, now
        return now - self._late[1] > self._tempo.timeout

    def _due(self, head: int) -> float:
        """When the client is late with a line, by trio's clock."""
        now = self._clock.now() - self._timeline.started_ns
        # What it did out of turn tells that it has come so far, unless it did that too early.
        reached = max(self._score.reached, min(self._anchor[1], now))
        gap = max(0, self._timeline.at(head) - reached) / SECOND
        due = self._last + gap / min(self._tempo.speed or 1, 1) + self._tempo.patience
        lane = self._timeline.lines[head].lane
        if self._timeline.theirs[head] and self._score.lanes.is_awaited(lane):
            due += self._tempo.timeout  # a handshake is on its way
        return due

    def _deliver(self, line: int) -> None:
        timeline, score = self._timeline, self._score
        it = timeline.lines[line]
        lines = score.run(line, BATCH_MAX, self._reach())
        if it.kind == "command":
            if self._listening:
                self._give.send_nowait((timeline.time(line), timeline.commands[line]))
        elif it.kind != "response":
            for each in lines:
                self._clock.expect(it.lane, timeline.time(each))
        self._loose |= it.kind != "recv"
        score.deliver(lines)
        self._last = trio.current_time()
        self._clock.reach(timeline.started_ns + score.reached)

    def _reach(self) -> Nanos:
        """Up to which time of the tape lines may go by now."""
        if self._tempo.speed is None:
            return _EVER
        _, at, since = self._anchor
        return at + int((trio.current_time() - since) * self._tempo.speed * SECOND)


async def _until(event: trio.Event, due: float) -> None:
    with trio.move_on_at(due):
        await event.wait()
