"""The gate: what is asked of one exchange leaves in its order, as fast as all its limits allow.

A request may cost something of several windows at once: of the weight of the minute, of the orders of
ten seconds, of the orders of the day. It leaves when it fits into all of them. What changes something
(an order, a cancel) goes before all questions.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tapefold.adapter import Rate, Request
from tapefold.kernel.rate import At, Window
from tapefold.units import Nanos


class Entry(NamedTuple):
    """Something that waits at the gate."""

    ready: Callable[[], Request | None]
    """What to ask, made when its turn comes; None where nobody wants it any more."""
    leave: Callable[[Nanos, Request], None]
    """Called when it may go."""


class Gate:
    """One exchange's gate."""

    def __init__(self, at: At, windows: Mapping[str, Rate]) -> None:
        self._at = at
        self._windows = {name: Window(rate) for name, rate in windows.items()}
        self._urgent: deque[Entry] = deque()
        self._waiting: deque[Entry] = deque()
        self._until: Nanos = 0
        self._armed: Nanos | None = None
        """When the timer that is set goes off."""

    def add(self, time: Nanos, entry: Entry, *, urgent: bool = False) -> None:
        """It leaves as soon as it may: at once, or by timer."""
        (self._urgent if urgent else self._waiting).append(entry)
        self._go(time)

    def drop(self, entry: Entry) -> bool:
        """It need not leave any more; False where it has left."""
        if entry not in self._urgent:
            return False
        self._urgent.remove(entry)
        return True

    def rest(self, until: Nanos) -> None:
        """Nothing leaves before *until*."""
        self._until = max(self._until, until)

    def due(self, now: Nanos, costs: Mapping[str, int]) -> Nanos:
        """When what costs so much may leave, *now* or later. A window that nobody knows costs nothing."""
        due = max(now, self._until)
        for name, cost in costs.items():
            if name in self._windows:
                due = max(due, self._windows[name].due(now, cost))
        return due

    def _go(self, now: Nanos) -> None:
        while queue := self._urgent or self._waiting:
            request = queue[0].ready()
            if request is None:
                queue.popleft()
                continue
            due = self.due(now, request.costs)
            if due > now:
                self._arm(due)
                return
            for name, cost in request.costs.items():
                if name in self._windows:
                    self._windows[name].take(now, cost)
            queue.popleft().leave(now, request)

    def _arm(self, due: Nanos) -> None:
        """One timer is enough, unless something may leave before it."""
        if self._armed is None or due < self._armed:
            self._armed = due
            self._at(due, self._rung)

    def _rung(self, now: Nanos) -> None:
        if now == self._armed:
            self._armed = None
        self._go(now)
