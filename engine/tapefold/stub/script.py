"""What a stub's WebSocket side does of itself: each thing when it is due, and when somebody is there."""

from collections.abc import Callable
from heapq import heappop, heappush

import trio

from tapefold.stub.journal import Cause, Done, Entry, Journal

Do = Callable[[], bool]
"""Do it; False where whom it is for has not come yet."""


class Step:
    """One thing to do: after a cause, and so many seconds later. `done` when it is."""

    def __init__(self, do: Do, after: Cause | None, delay: float, text: str) -> None:
        self.do, self.after, self.delay, self.text = do, after, delay, text
        self.done = trio.Event()
        self.optional = False

    def caused_by(self, entry: Entry) -> bool:
        """It is done, for one client at least."""
        return isinstance(entry, Done) and entry.step is self


class Script:
    """Steps. To one client, what is due at the same time goes in the order in which it was asked for.

    What is for a client that has not come waits for it, and for that alone: others are told theirs.

    No scheduler has a say in that: causes come in the journal's order, and one task does it all.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._steps: list[Step] = []
        self._due: list[tuple[float, int, Step]] = []
        self._waiting: list[tuple[float, int, Step]] = []
        """What was due while nobody was there for it."""
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

    def somebody_came(self) -> None:
        """Try again what waited; it goes before what was due later."""
        for each in self._waiting:
            heappush(self._due, each)
        self._waiting.clear()
        self._more.set()

    def undone(self) -> list[str]:
        """Steps that were not done, for people."""
        return [step.text for step in self._steps if not (step.done.is_set() or step.optional)]

    async def run(self) -> None:
        """Do what is due; never comes back."""
        while True:
            await self._until_due()
            while self._due and self._due[0][0] <= trio.current_time():
                due = heappop(self._due)
                if due[2].do():
                    due[2].done.set()
                else:
                    self._waiting.append(due)

    async def _until_due(self) -> None:
        while True:
            self._more = trio.Event()
            with trio.move_on_at(self._due[0][0] if self._due else float("inf")) as waiting:
                await self._more.wait()
            if waiting.cancelled_caught:
                return
