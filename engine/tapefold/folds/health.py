"""How well an exchange can be heard: lanes that fell silent, refusals for asking too much, its clock."""

from typing import TypeAlias

from tapefold.events import ClockAdjusted, RateLimited, StreamStale

State: TypeAlias = list[tuple[str, int, int, ClockAdjusted | None]]


class Health:
    """By exchange: lanes that went stale, times it was asked too much, the last look at its clock."""

    def __init__(self) -> None:
        self.stale: dict[str, int] = {}
        self.limited: dict[str, int] = {}
        self.clocks: dict[str, ClockAdjusted] = {}

    def went_stale(self, event: StreamStale) -> None:
        """A lane fell silent."""
        exchange = event.lane.partition("/")[0]
        self.stale[exchange] = self.stale.get(exchange, 0) + 1

    def was_limited(self, event: RateLimited) -> None:
        """An exchange asked to be left alone."""
        self.limited[event.exchange] = self.limited.get(event.exchange, 0) + 1

    def compared(self, event: ClockAdjusted) -> None:
        """Its clock was compared with ours."""
        self.clocks[event.exchange] = event

    def exchanges(self) -> list[str]:
        """Those of which there is anything to say, sorted."""
        return sorted({*self.stale, *self.limited, *self.clocks})

    def state(self) -> State:
        """As canonical data."""
        return [
            (name, self.stale.get(name, 0), self.limited.get(name, 0), self.clocks.get(name))
            for name in self.exchanges()
        ]

    def restore(self, state: State) -> None:
        """From canonical data."""
        for name, stale, limited, clock in state:
            self.stale[name], self.limited[name] = stale, limited
            if clock:
                self.clocks[name] = clock
