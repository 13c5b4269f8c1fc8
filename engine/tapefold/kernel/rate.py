"""How fast, and how soon again: rates, what waits for them, and the waits after trouble."""

from collections import deque
from collections.abc import Callable
from hashlib import sha256
from typing import Final, Generic, TypeAlias, TypeVar

from tapefold.adapter import Rate
from tapefold.units import SECOND, Nanos

BACKOFF_MAX: Final = 60 * SECOND
"""The longest wait before something is tried again."""
CALM: Final = 2 * BACKOFF_MAX
"""After so long without trouble, trouble is new."""
At: TypeAlias = Callable[[Nanos, Callable[[Nanos], None]], None]
"""Sets a timer: `Core.at`."""
T = TypeVar("T")


def backoff(tries: int) -> Nanos:
    """How long to wait after so many tries in vain: 1, 2, 4 ... 60 seconds."""
    return min(SECOND << min(tries, 6), BACKOFF_MAX)


def jittered(tries: int, seed: int, lane: str) -> Nanos:
    """How long to wait before *lane* is replaced: 0 to 1 s, then 1 to 2, 2 to 4 ... 30 to 60.

    Where in there is drawn from the run's seed, so clients that an exchange cut at one moment do not
    all come back at one moment, and a replay waits as long as the run did.
    """
    most = backoff(tries)
    least = most // 2 if tries else 0
    drawn = int.from_bytes(sha256(f"{seed} {lane}".encode()).digest()[:8])
    return least + ((most - least) * drawn >> 64)


class Window:
    """A sliding window: never more than so much in any stretch so long. Times must not go back."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._taken: deque[tuple[Nanos, int]] = deque()
        self._sum = 0

    def due(self, now: Nanos, weight: int = 1) -> Nanos:
        """When *weight* more fits, *now* or later. What is heavier than the whole fits when it is empty."""
        over = self._sum + weight - self._rate.most
        if over <= 0:
            return now
        due = now
        for time, taken in self._taken:
            if over <= 0:
                break
            due = max(due, time + self._rate.per)
            over -= taken
        return due

    def take(self, now: Nanos, weight: int = 1) -> None:
        """It goes *now*."""
        while self._taken and self._taken[0][0] + self._rate.per <= now:
            self._sum -= self._taken.popleft()[1]
        self._taken.append((now, weight))
        self._sum += weight


class Paced(Generic[T]):
    """Things that leave in their order, at once where they may, and else by timer."""

    def __init__(self, at: At, rate: Rate | None, leave: Callable[[Nanos, T], None]) -> None:
        self._at, self._leave = at, leave
        self._window = Window(rate) if rate else None
        self._waiting: deque[T] = deque()
        self._until: Nanos = 0

    def add(self, time: Nanos, thing: T) -> None:
        """It leaves as soon as it may."""
        self._waiting.append(thing)
        if len(self._waiting) == 1:  # else a timer is set for those before it
            self._go(time)

    def rest(self, until: Nanos) -> None:
        """Nothing leaves before *until*."""
        self._until = max(self._until, until)

    def drop(self, thing: T) -> None:
        """It need not leave any more."""
        if thing in self._waiting:
            self._waiting.remove(thing)

    def clear(self) -> None:
        """Nothing of what waits need leave any more."""
        self._waiting.clear()

    def _go(self, now: Nanos) -> None:
        while self._waiting:
            due = max(self._until, self._window.due(now) if self._window else now)
            if due > now:
                self._at(due, self._go)
                return
            if self._window:
                self._window.take(now)
            self._leave(now, self._waiting.popleft())
