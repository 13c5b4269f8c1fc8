"""The timers that strategies ask for."""

from functools import partial

from tapefold.adapter import Wake
from tapefold.events import TimerFired
from tapefold.kernel.core import Core
from tapefold.units import Nanos


class Timers:
    """By strategy and name: when each is due. One that is set anew does not fire at its old time."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._due: dict[tuple[str, str], Nanos] = {}
        self._armed: dict[tuple[str, str], Nanos] = {}
        """When each is looked at next. One that is set anew with every frame waits there but once."""

    def wake(self, time: Nanos, command: Wake) -> None:
        """Fire so long from now."""
        key = command.by, command.timer
        self._due[key] = due = time + command.after
        if key not in self._armed or due < self._armed[key]:
            self._arm(key, due)

    def stop(self, strategy: str) -> None:
        """Fire none of this strategy's any more."""
        self._due = {key: due for key, due in self._due.items() if key[0] != strategy}

    def _arm(self, key: tuple[str, str], due: Nanos) -> None:
        self._armed[key] = due
        self._core.at(due, partial(self._fire, key))

    def _fire(self, key: tuple[str, str], now: Nanos) -> None:
        if self._armed.get(key) != now:
            return
        del self._armed[key]
        due = self._due.get(key)
        if due is None:
            return
        if due > now:
            self._arm(key, due)
            return
        del self._due[key]
        self._core.append(now, TimerFired(strategy=key[0], timer=key[1], due=now))
