"""Watching one exchange's clock: asking it the time now and again, and comparing it with ours."""

from functools import partial
from typing import Final

from msgspec.structs import replace

from tapefold.adapter import Adapter, Request, WatchClock
from tapefold.events import ClockAdjusted
from tapefold.kernel.core import Core
from tapefold.kernel.requests import Requests, Wanted
from tapefold.units import SECOND, Nanos

CLOCK: Final[Wanted] = ("clock", "")
"""The time is asked for as everything else is, and asked for again as everything else."""
EVERY: Final = WatchClock("").every
"""How often it is asked where nobody says."""
EVERY_MIN: Final = SECOND
"""Asked more often, it would be an attack."""


class ClockWatch:
    """When to ask, and what an answer comes to."""

    def __init__(self, adapter: Adapter, core: Core, requests: Requests) -> None:
        self._adapter, self._core, self._requests = adapter, core, requests
        self._watches = 0
        """How often we were told to: a timer of an earlier time is no longer meant."""

    @property
    def watched(self) -> bool:
        """Whether anybody wants to know the time there."""
        return self._watches > 0

    def request(self) -> Request:
        """What to ask. Only for an exchange that is watched."""
        request = self._adapter.clock()
        assert request is not None, "a clock that is watched can be asked"
        return request

    def watch(self, time: Nanos, every: Nanos) -> None:
        """Ask now, and then *every* so long. An exchange without a clock is asked nothing."""
        if self._adapter.clock() is not None:
            self._watches += 1
            self._ask(self._watches, max(every, EVERY_MIN), time)

    def look(self, time: Nanos) -> None:
        """Ask now: something says that the clocks differ."""
        if self.watched:
            self._requests.ask(time, CLOCK)

    def compared(self, time: Nanos, event: ClockAdjusted) -> None:
        """The exchange said what time it is: somewhere between our asking and its answer's coming."""
        asked = self._requests.asked.get(CLOCK, time)
        ahead, within = event.time_exchange - (asked + time) // 2, (time - asked) // 2
        self._core.append(time, replace(event, ahead=ahead, within=within))

    def _ask(self, watch: int, every: Nanos, now: Nanos) -> None:
        if watch == self._watches:
            self._requests.ask(now, CLOCK)
            self._core.at(now + every, partial(self._ask, watch, every))
