"""The connections of a tape: which are taken, by whom, and how far each is played."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from tapefold.mock.timeline import Timeline, place


class Ear(Protocol):
    """A connection of the client's: whom the exchange speaks to."""

    def answer(self, line: int) -> None:
        """Its handshake is accepted, or refused, as this line says."""
        ...

    def hand(self, lines: Sequence[int]) -> None:
        """Say these, one after the other."""
        ...


class Lanes:
    """What is played of each lane. *done* is the score's own, and is only read."""

    def __init__(self, timeline: Timeline, done: bytearray) -> None:
        self._timeline, self._done = timeline, done
        self._head = dict.fromkeys(timeline.lanes, 0)
        self._claimed: set[str] = set()
        """What belongs to a connection."""
        self._knocking: dict[str, Ear] = {}
        self._ears: dict[str, Ear] = {}
        self._urls: dict[str, list[str]] = {}
        for name, lane in timeline.lanes.items():
            self._urls.setdefault(place(lane.url), []).append(name)
            self.advance(name)

    def of(self, url: str) -> Sequence[str]:
        """All lanes of a URL."""
        return self._urls.get(place(url), [])

    def dialled(self, name: str) -> bool:
        """Whether a client has dialled it."""
        return bool(self._done[self._timeline.lanes[name].lines[0]])

    def claim(self, name: str, url: str) -> bool:
        """Take a lane by its name; False where it is not there, has another URL, or is taken."""
        if name not in self.of(url) or name in self._claimed or self.dialled(name):
            return False
        self._claimed.add(name)
        return True

    def is_awaited(self, name: str) -> bool:
        """Whether it is dialled, and whoever dialled it has yet to knock."""
        if name not in self._timeline.lanes:
            return False
        lines = self._timeline.lanes[name].lines
        unanswered = len(lines) > 1 and not self._done[lines[1]]
        return self.dialled(name) and name not in self._knocking and unanswered

    def candidates(self, url: str) -> list[str]:
        """Lanes that a new connection may be: not taken, and following none that has yet to end."""
        same = self.of(url)
        found = [
            name
            for name in self.free(same)
            if not any(self._precedes(other, name) and not self._ended(other) for other in same)
        ]
        return [] if all(self.dialled(name) for name in found) else found

    def may_come(self, url: str) -> bool:
        """Whether a connection is due here as soon as the one before it has ended."""
        return not self.candidates(url) and bool(self.free(self.of(url)))

    def _precedes(self, other: str, name: str) -> bool:
        lanes = self._timeline.lanes
        return other != name and lanes[other].lines[-1] < lanes[name].lines[0]

    def _ended(self, name: str) -> bool:
        last = self._timeline.lanes[name].lines[-1]
        return bool(self._done[last]) or last not in self._timeline.closes

    def free(self, among: Iterable[str]) -> list[str]:
        """Those that no connection has."""
        return [name for name in among if name not in self._claimed]

    def greets(self, name: str) -> bool:
        """Whether the exchange speaks first."""
        lines = self._timeline.lanes[name].lines
        return len(lines) > 2 and self._timeline.lines[lines[2]].kind == "recv"

    def knocked(self, name: str, ear: Ear) -> None:
        """Whoever is there gets the answer to this lane's handshake."""
        self._knocking[name] = ear

    def taken(self, name: str, ear: Ear) -> None:
        """It is this connection."""
        self._claimed.add(name)
        self._ears[name] = ear

    def sent(self, name: str) -> list[int]:
        """What the client says there, on the tape."""
        lines = self._timeline.lines
        return [i for i in self._timeline.lanes[name].lines if lines[i].kind == "sent"]

    def left(self, name: str) -> list[int]:
        """Its lines that are neither done nor free."""
        lines = self._timeline.lanes[name].lines
        free = self._timeline.free
        return [i for i in lines[self._head[name] :] if not self._done[i] and not free[i]]

    def heads(self) -> Iterator[int]:
        """The first open line of each lane."""
        for name, lane in self._timeline.lanes.items():
            if self._head[name] < len(lane.lines):
                yield lane.lines[self._head[name]]

    def is_answer(self, name: str, line: int) -> bool:
        """Whether a line answers a lane's handshake."""
        lines = self._timeline.lanes[name].lines
        return len(lines) > 1 and lines[1] == line

    def may_go(self, name: str, line: int) -> bool:
        """Whether nothing of this lane stands before it, and somebody is there to hear it."""
        lines, head = self._timeline.lanes[name].lines, self._head[name]
        if head >= len(lines) or lines[head] != line:
            return False
        return name in (self._knocking if self.is_answer(name, line) else self._ears)

    def hand(self, name: str, lines: range) -> None:
        """Have them said."""
        if self.is_answer(name, lines[0]):
            self._knocking.pop(name).answer(lines[0])
        else:
            self._ears[name].hand(lines)

    def advance(self, name: str) -> None:
        """Something of a lane was done."""
        lane = self._timeline.lanes.get(name)
        if lane is None:
            return
        lines, head = lane.lines, self._head[name]
        while head < len(lines) and (self._done[lines[head]] or self._timeline.free[lines[head]]):
            head += 1
        self._head[name] = head
