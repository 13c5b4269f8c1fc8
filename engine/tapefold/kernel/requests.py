"""What one exchange is asked over HTTP: one request for one thing at a time, and again where it failed.

One that failed is asked again after 1, 2, 4 ... 60 seconds. How long a request may take is the wire's
to say: it reports `failed`.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from tapefold.adapter import Purpose, Request
from tapefold.kernel.core import Core
from tapefold.units import SECOND, Nanos

BACKOFF_MAX: Final = 60 * SECOND
"""The longest wait before a request is tried again."""
Wanted: TypeAlias = tuple[Purpose, str]
"""What a request is for, and what it is about: ("book", "ETHUSDT")."""


class Requests:
    """What is in flight, and how often each thing was tried in vain."""

    def __init__(
        self,
        exchange: str,
        core: Core,
        make: Callable[[Wanted], Request],
        is_wanted: Callable[[Wanted], bool],
    ) -> None:
        self._lane, self._core = f"{exchange}/http", core
        self._make, self._is_wanted = make, is_wanted
        self._in_flight: set[Wanted] = set()
        self._tries: dict[Wanted, int] = {}

    def ask(self, wanted: Wanted) -> None:
        """Ask, unless it is being asked."""
        if wanted not in self._in_flight:
            self._in_flight.add(wanted)
            self._core.ask(self._make(wanted), self._lane)

    def answered(self, wanted: Wanted) -> None:
        """It is no longer in flight, however it ended."""
        self._in_flight.discard(wanted)

    def done(self, wanted: Wanted) -> None:
        """The answer was what was wanted."""
        self._tries.pop(wanted, None)

    def try_again(self, time: Nanos, wanted: Wanted) -> None:
        """Ask again after a while, a longer one each time."""
        tries = self._tries[wanted] = self._tries.get(wanted, 0) + 1
        wait = min(SECOND << min(tries - 1, 6), BACKOFF_MAX)
        self._core.at(time + wait, partial(self._retry, wanted))

    def ask_newer(self, time: Nanos, wanted: Wanted) -> None:
        """The answer was too old. Usually the next one is not: ask at once, but only once."""
        if wanted in self._tries:
            self.try_again(time, wanted)
        else:
            self._tries[wanted] = 0
            self.ask(wanted)

    def _retry(self, wanted: Wanted, now: Nanos) -> None:
        if self._is_wanted(wanted):
            self.ask(wanted)
