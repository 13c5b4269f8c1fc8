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
CALM: Final = 2 * BACKOFF_MAX
"""After so long without trouble, trouble is new."""
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
        self._troubled: dict[Wanted, Nanos] = {}
        """When something last went wrong with it."""

    def ask(self, wanted: Wanted) -> None:
        """Ask, unless it is being asked."""
        if wanted not in self._in_flight:
            self._in_flight.add(wanted)
            self._core.ask(self._make(wanted), self._lane)

    def answered(self, wanted: Wanted) -> None:
        """It is no longer in flight, however it ended."""
        self._in_flight.discard(wanted)

    def try_again(self, time: Nanos, wanted: Wanted) -> None:
        """Ask again after a while, a longer one each time."""
        tries = 0 if self._is_calm(time, wanted) else self._tries[wanted]
        self._tries[wanted] = tries + 1
        wait = min(SECOND << min(tries, 6), BACKOFF_MAX)
        self._core.at(time + wait, partial(self._retry, wanted))

    def ask_anew(self, time: Nanos, wanted: Wanted) -> None:
        """What an answer brought was no good, or did not last.

        Usually the next one is better: ask at once. But where it is the same again within two
        minutes, only after a while: an exchange that is asked at each delta bans who asks.
        """
        if not self._is_calm(time, wanted):
            self.try_again(time, wanted)
            return
        self._tries[wanted] = 0
        self.ask(wanted)

    def _is_calm(self, time: Nanos, wanted: Wanted) -> bool:
        """Whether nothing went wrong with it for a while; from now on something has."""
        last, self._troubled[wanted] = self._troubled.get(wanted), time
        return last is None or time - last > CALM

    def _retry(self, wanted: Wanted, now: Nanos) -> None:
        if self._is_wanted(wanted):
            self.ask(wanted)
