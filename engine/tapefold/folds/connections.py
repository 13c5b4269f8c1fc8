"""Connections: which lanes are up, and how often each exchange's went up and down."""

from typing import TypeAlias

from tapefold.events import ConnectionClosed, ConnectionOpened

State: TypeAlias = list[tuple[str, int, int, list[str]]]


class Connections:
    """By exchange, since a lane's name is never used again: the lanes that are up, ups and downs."""

    def __init__(self) -> None:
        self.up: dict[str, list[str]] = {}
        self.opened: dict[str, int] = {}
        self.closed: dict[str, int] = {}

    def open(self, event: ConnectionOpened) -> None:
        """A lane is up."""
        exchange = event.lane.partition("/")[0]
        lanes = self.up.setdefault(exchange, [])
        if event.lane not in lanes:
            lanes.append(event.lane)
        self.opened[exchange] = self.opened.get(exchange, 0) + 1

    def close(self, event: ConnectionClosed) -> None:
        """A lane is down."""
        exchange = event.lane.partition("/")[0]
        lanes = self.up.setdefault(exchange, [])
        if event.lane in lanes:
            lanes.remove(event.lane)
        self.closed[exchange] = self.closed.get(exchange, 0) + 1

    def restart(self) -> None:
        """Another run began: nothing is up."""
        for lanes in self.up.values():
            lanes.clear()

    def state(self) -> State:
        """As canonical data."""
        return [
            (
                exchange,
                self.opened.get(exchange, 0),
                self.closed.get(exchange, 0),
                self.up[exchange],
            )
            for exchange in sorted(self.up)
        ]

    def restore(self, state: State) -> None:
        """From canonical data."""
        for exchange, opened, closed, up in state:
            self.up[exchange] = list(up)
            self.opened[exchange], self.closed[exchange] = opened, closed
