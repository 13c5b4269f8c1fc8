"""What a stub's WebSocket side does of itself: one thing after another, each when it is due."""

from collections.abc import Awaitable, Callable
from heapq import heappop, heappush

import trio

from tapefold.stub.journal import Cause, Journal

Do = Callable[[], Awaitable[object]]


class Step:
    """One thing to do: after a cause, and so many seconds later. `done` when it is."""

    def __init__(self, do: Do, after: Cause | None, delay: float, text: str) -> None:
        self.do, self.after, self.delay, self.text = do, after, delay, text
        self.done = trio.Event()
        self.optional = False


class Script:
    """Steps. What is due at the same time is done in the order in which it was asked for.

    No scheduler has a say in that: causes come in the journal's order, and one task does it all.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._steps: list[Step] = []
        self._due: list[tuple[float, int, Step]] = []
        self._more = trio.Event()

    def add(self, step: Step) -> None:
        """Do this when its time has come."""
        number = len(self._steps)
        self._steps.append(step)

        def caused() -> None:
            heappush(self._due, (trio.current_time() + step.delay, number, step))
            self._more.set()

        if step.after is None:
            caused()
        else:
            self._journal.when(step.after, caused)

    def undone(self) -> list[str]:
        """Steps that were not done, for people."""
        return [step.text for step in self._steps if not (step.done.is_set() or step.optional)]

    async def run(self) -> None:
        """Do what is due; never comes back."""
        while True:
            await self._until_due()
            _, _, step = heappop(self._due)
            await step.do()
            step.done.set()

    async def _until_due(self) -> None:
        while True:
            self._more = trio.Event()
            with trio.move_on_at(self._due[0][0] if self._due else float("inf")) as waiting:
                await self._more.wait()
            if waiting.cancelled_caught:
                return
