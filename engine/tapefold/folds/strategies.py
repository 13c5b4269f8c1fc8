"""Strategies: which are at work in this run, and which went wrong."""

from typing import TypeAlias

from msgspec import Struct

from tapefold.events import StrategyFailed, StrategyStarted, TimerFired


class Working(Struct, frozen=True, array_like=True):
    """What there is to know of one."""

    parameters: dict[str, str]
    fired: int = 0
    """Its timers that fired."""
    failed: str = ""
    """Why it is at work no more; empty while it is."""


State: TypeAlias = list[tuple[str, Working]]


class AtWork:
    """By name, in the order in which they were started. A run begins with none."""

    def __init__(self) -> None:
        self.rows: dict[str, Working] = {}

    def start(self, event: StrategyStarted) -> None:
        """One is at work."""
        self.rows[event.strategy] = Working(event.parameters)

    def fire(self, event: TimerFired) -> None:
        """A timer of one of them fired; the caller may have some, too."""
        if old := self.rows.get(event.strategy):
            self.rows[event.strategy] = Working(old.parameters, old.fired + 1, old.failed)

    def fail(self, event: StrategyFailed) -> None:
        """One went wrong."""
        old = self.rows.get(event.strategy) or Working({})
        self.rows[event.strategy] = Working(old.parameters, old.fired, event.reason)

    def restart(self) -> None:
        """Another run began."""
        self.rows.clear()

    def state(self) -> State:
        """As canonical data."""
        return [*self.rows.items()]

    def restore(self, state: State) -> None:
        """From canonical data."""
        self.rows = dict(state)
