"""Strategies asked again: what they command now against what they commanded when it was recorded.

Where only some of a session's strategies are asked again, the others are stood in for: what they
commanded then is commanded at the same place among all commands. So each is carried out when it was,
and orders have the ids that they had.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tapefold.adapter import Command, StopStrategy
from tapefold.errors import Mismatch
from tapefold.kernel import Kernel
from tapefold.log import Record
from tapefold.replay.diff import difference
from tapefold.session import Session
from tapefold.session.tape import read_closed, read_command, told
from tapefold.strategy import Reaction, Strategy
from tapefold.units import SECOND, Nanos
from tapefold.views import Views

_OURS: Final = ("open", "sent", "request")
"""Kinds of line that a kernel asked for."""


class _Recorded(NamedTuple):
    """A strategy's command on the tape."""

    line: int
    after: tuple[str, int]
    """The last line above it that came from outside, by its lane and number there: it was given after."""
    time: Nanos
    command: Command


class Again:
    """A session's commands by its strategies, in their order; none where none is asked again."""

    def __init__(self, session: Session, given: Sequence[Strategy]) -> None:
        self._session = session
        self._names = frozenset(session.meta.strategies if given else ())
        self._recorded = self._commands()
        self._ahead: deque[_Recorded] = deque()
        """Read, and not given yet."""
        self._given = self._reached = 0
        self._kernel: Kernel | None = None
        self._last: Nanos = 0
        """The time of the tape's last line, once it was read that far."""
        self._heard = Counter[str]()
        """By lane, the lines from outside that are taken in: the rest has not happened yet."""
        by_name = {each.name: each for each in given}
        self.strategies: Sequence[Strategy] = [
            by_name.get(name) or _StandIn(name, self)
            for name in session.meta.strategies
            if self._names
        ]
        """All of the session's, in the order in which they were at work."""

    def begin(self, kernel: Kernel) -> None:
        """Where they are at work."""
        self._kernel = kernel

    def __contains__(self, name: str) -> bool:
        """Whether what this one commands is not taken from the tape."""
        return name in self._names

    def heard(self, lane: str) -> None:
        """Something from outside is about to be taken in: a frame, or on the lane `ENGINE` a command."""
        self._heard[lane] += 1

    def given(self, time: Nanos, command: Command) -> None:
        """A strategy commands this now. Raises `Mismatch` where it did something else then."""
        self._given += 1
        recorded = self._at(0)
        if recorded:
            self._ahead.popleft()
        if recorded is None and self._torn(time):
            return
        if recorded is None or (recorded.time, recorded.command) != (time, command):
            raise self._other((time, command), recorded)

    def reached(self, command: Command) -> None:
        """The tape has come to a strategy's command. Raises `Mismatch` where there was none now."""
        del command
        self._reached += 1
        if self._reached > self._given:
            raise self._other(None, self._at(0))

    def ended(self) -> None:
        """The tape is over. Raises `Mismatch` for what strategies commanded then, and not now."""
        if recorded := self._at(0):
            raise self._other(None, recorded)

    def due(self, name: str, time: Nanos) -> Command | None:
        """What one strategy commanded next, if no other one was before it, and it is time."""
        # Within a step more was carried out than was told of.
        carried_out = self._kernel.commanded if self._kernel else 0
        recorded = self._at(carried_out - self._given)
        if recorded is None or recorded.command.by != name:
            return None
        lane, number = recorded.after
        if self._heard[lane] < number or recorded.time > time:
            return None
        return recorded.command

    def _at(self, ahead: int) -> _Recorded | None:
        """The next one that is not given yet, or one after it."""
        while len(self._ahead) <= ahead:
            recorded = next(self._recorded, None)
            if recorded is None:
                return None
            self._ahead.append(recorded)
        return self._ahead[ahead]

    def _torn(self, time: Nanos) -> bool:
        """Whether a kill may have taken from the tape what was commanded."""
        meta = self._session.meta
        return (meta.cut or not meta.sealed) and time >= self._last

    def _commands(self) -> Iterator[_Recorded]:
        """Read with the tape's second pass, as far as anybody asks."""
        start, after, lanes = self._session.meta.started_ns, ("", 0), Counter[str]()
        for number, line in enumerate(self._session.lines() if self._names else (), 1):
            self._last = start + line.at
            if line.kind == "command":
                command: Command = read_command(bytes(line.data))
                if command.by in self._names:
                    yield _Recorded(number, after, self._last, command)
                    continue
            if line.kind in _OURS:
                continue
            if line.kind != "close" or read_closed(bytes(line.data)).by == "exchange":
                lanes[line.lane] += 1
                after = line.lane, lanes[line.lane]

    def _other(self, now: tuple[Nanos, Command] | None, recorded: _Recorded | None) -> Mismatch:
        """What is said of a strategy that tells another story."""
        where = f", line {recorded.line}" if recorded else ""
        theirs = self._told((recorded.time, recorded.command) if recorded else None)
        lines = [
            f"{self._session.tape}{where}: the strategies do something else than they did",
            f"  recorded  {theirs or 'no more commands'}",
            f"  now       {self._told(now) or 'no command'}",
        ]
        if now and recorded:
            lines += [f"  {each}" for each in difference(told(now[1]), told(recorded.command))]
        if now and isinstance(now[1], StopStrategy) and self._kernel:
            error = self._kernel.failures.get(now[1].by)
            lines.append("  " + " ".join(f"it raised {type(error).__name__}: {error}".split()))
        lines.append(
            "  what it would have come to, no recording can say: try it live or on the simulator"
        )
        return Mismatch("\n".join(lines))

    def _told(self, given: tuple[Nanos, Command] | None) -> str:
        """When something was commanded, since the start, and what."""
        if given is None:
            return ""
        since = given[0] - self._session.meta.started_ns
        return f"+{since // SECOND}.{since % SECOND:09} s  {told(given[1]).decode()}"


class _StandIn(Strategy):
    """Commands what a strategy did that is not asked again."""

    def __init__(self, name: str, again: Again) -> None:
        self.name = name
        self._again, self._time = again, 0

    def react(self, record: Record, views: Views) -> Reaction:
        """Whatever is due, when it is due; what it heard is no matter."""
        del views
        self._time = max(self._time, record.time_received)
        while command := self._again.due(self.name, self._time):
            yield command
