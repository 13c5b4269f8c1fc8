"""What was said and has yet to be taken in. A play is at its end when nothing is."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

import trio

Item: TypeAlias = Sequence[int] | str
"""Lines of the tape that are said in one go, or a text that has no line."""


class Owed:
    """Who has yet to take in what. It says nothing of how they are told."""

    def __init__(self) -> None:
        self._what: dict[object, Callable[[], str]] = {}
        self._moved = trio.Event()

    def add(self, to: object, what: Callable[[], str]) -> None:
        """Something is about to be said; *what* says, in words, what is not taken in by then."""
        self._what[to] = what

    def drop(self, to: object) -> None:
        """All is taken in there, or nobody is there any more."""
        if self._what.pop(to, None):
            self.move()

    def move(self) -> None:
        """Somebody has taken in a part of it."""
        self._moved.set()
        self._moved = trio.Event()

    async def moved(self) -> None:
        """Come back after the next part that is taken in."""
        await self._moved.wait()

    async def settled(self, patience: float) -> list[str]:
        """Come back when nothing is owed, or when nobody has taken in anything for *patience* seconds.

        Gives what is owed then, in words.
        """
        while self._what:
            with trio.move_on_after(patience) as scope:
                await self.moved()
            if scope.cancelled_caught:
                return sorted(what() for what in self._what.values())
        return []


class Told:
    """What one client was told, in order, and has not taken in for all we know."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self.unsaid = 0
        """How many things, the last of them, are not written yet."""

    @property
    def said(self) -> int:
        """How many are written, and not taken in."""
        return len(self._items) - self.unsaid

    def add(self, item: Item) -> None:
        """It is to be told this."""
        self._items.append(item)
        self.unsaid += 1

    def say(self) -> None:
        """The next of it is written."""
        self.unsaid -= 1

    def hear(self, count: int) -> bool:
        """So many have been taken in. Whether that is all."""
        for _ in range(min(count, len(self._items))):
            self._items.popleft()
        return not self._items

    def clear(self) -> None:
        """Nobody is there any more."""
        self._items.clear()
        self.unsaid = 0

    def first(self) -> tuple[int | str, int]:
        """The first line, or text, that is not taken in, and how many come after it."""
        first = self._items[0]
        more = sum(1 if isinstance(item, str) else len(item) for item in self._items) - 1
        return first if isinstance(first, str) else first[0], more

    def lines_unsaid(self) -> int:
        """How many lines are not written."""
        items = [*self._items][self.said :]
        return sum(len(item) for item in items if not isinstance(item, str))
