"""What all connections of a play share: how patient it is, and whether what was said was taken in."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import trio
from trio.testing import wait_all_tasks_blocked

from tapefold.mock import failures
from tapefold.mock.clock import TapeClock
from tapefold.mock.conductor import Tempo
from tapefold.mock.owed import Owed
from tapefold.mock.part import Part

TURNS_MAX: Final = 10_000
"""How often a client may ask for what is free while nothing else happens, and no time passes."""


class Hearer(Protocol):
    """Somebody who is told something."""

    taken: trio.Event
    """Set once all of it is taken in."""
    stuck: bool
    """It was waited for in vain, and is not waited for again until it has taken all of it in."""

    def is_speaking(self) -> bool:
        """Whether something that was to be said is not written yet."""
        ...


class Stage:
    """What all connections of a play share."""

    def __init__(self, part: Part, clock: TapeClock, tempo: Tempo, *, virtual: bool) -> None:
        self.part, self.clock, self.virtual = part, clock, virtual
        self.patience, self.timeout, self._barrier = tempo.patience, tempo.timeout, tempo.barrier
        self.owed = Owed()
        """What clients have yet to take in."""
        self.refused = Owed()
        """Who is being told that what it wants is not on the tape."""
        self._turn = (0.0, 0, 0)
        """When the last turn was, what was done by then, and how many there have been since."""
        self.busy: set[Hearer] = set()
        """Connections that were told something which nobody has taken in yet, for all we know."""
        self.changes: Callable[[], Awaitable[None]] = trio.sleep_forever
        """Comes back after the next thing that a client does."""

    async def settle(self, idle: bool) -> None:
        """Come back when all that was said is taken in; *idle*: and nobody in this program is at work.

        In memory that is certain. On sockets each lane is asked by a ping, and waited for as long as
        the tempo's barrier goes; one that did not answer is not waited for again until it does.
        """
        if self.virtual:
            await wait_all_tasks_blocked()
            return
        await trio.lowlevel.checkpoint()
        for connection in tuple(self.busy):
            if not connection.stuck:
                with trio.move_on_after(self._barrier) as scope:
                    await connection.taken.wait()
                connection.stuck = scope.cancelled_caught
        if idle:
            with trio.move_on_after(self.patience):
                await wait_all_tasks_blocked()

    async def turn(self) -> None:
        """Let all others go first, in memory: a client that asks on and on may not hold up the play."""
        if not self.virtual:
            return
        now, head = trio.current_time(), self.part.score.head
        count = self._turn[2] + 1 if self._turn[:2] == (now, head) else 1
        self._turn = now, head, count
        if count > TURNS_MAX:
            score = self.part.score
            score.fail(failures.never_rests(score.timeline, score.done, head, count))
        await wait_all_tasks_blocked()

    def is_speaking(self) -> bool:
        """Whether something that was to be said is not written yet."""
        return any(connection.is_speaking() for connection in self.busy)
