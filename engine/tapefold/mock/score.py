"""The order of a tape, kept while a client plays its part. No sockets and no time in here.

1. Within a lane the exchange's lines keep their order, and each waits for the client's lines above it
   there. An answer waits for its own request, an `opened` for its own `open`.
2. A received frame and an exchange's close also wait until all writes above them are done, in whatever
   lane and order: `open`, `sent`, requests other than GET and HEAD.
3. While the client keeps to the tape, the exchange's lines come in the tape's order.
4. Where its next line is overdue, the earliest line that 1 and 2 permit goes (`detour`). A command that
   the tape has for the client goes too, but never before what was said above it.
"""

from collections.abc import Callable

from tapefold.errors import Mismatch
from tapefold.mock import failures
from tapefold.mock.lanes import Lanes
from tapefold.mock.match import Ids
from tapefold.mock.timeline import Timeline
from tapefold.units import Nanos


class Score:
    """What is done of a tape, and what may come next."""

    def __init__(self, timeline: Timeline, *, strict: bool = False) -> None:
        self.timeline, self.strict = timeline, strict
        self.done = bytearray(len(timeline))
        self.head = 0
        """The first line that is neither done nor free."""
        self.lanes = Lanes(timeline, self.done)
        self.ids = Ids()
        self.early: list[str] = []
        """Where the client did not wait for a line of the exchange's."""
        self.relaxed: list[str] = []
        """Where the exchange did not wait for a line of the client's."""
        self.unread = 0
        """Lines that nobody heard any more."""
        self.failure: Mismatch | None = None
        self.changed: Callable[[int | None], None] = lambda line: None
        """Told after each thing that the client does, and of the line that it is."""
        self.waiting: dict[int, Callable[[int], None]] = {}
        """Who waits for an answer, by the request's number."""
        self._written = 0
        self._advance()

    @property
    def over(self) -> bool:
        """Whether there is nothing more to wait for; what ends a tape that was cut need not come."""
        end = self.timeline.last_played + 1 if self.timeline.cut else len(self.timeline)
        return self.head >= end

    @property
    def reached(self) -> Nanos:
        """The time up to which all is done, since the session's start."""
        return self.timeline.at(self.head - 1) if self.head else 0

    def fail(self, text: str) -> Mismatch:
        """The client and the tape do not agree. The first time counts."""
        if self.failure is None:
            self.failure = Mismatch(text)
        self.changed(None)
        return self.failure

    def next(self) -> int | None:
        """The line that is next in the tape's order, if it is for us to play, and may go."""
        if self.head < len(self.timeline) and self.may_go(self.head):
            return self.head
        return None

    def may_go(self, line: int) -> bool:
        """Whether a line is for us to play, is not done, and waits for nothing of the client's."""
        timeline = self.timeline
        if self.done[line] or not timeline.theirs[line]:
            return False
        it = timeline.lines[line]
        match it.kind:
            case "command":
                return True
            case "response" | "failed":
                return timeline.numbers[line] in self.waiting
            case _:
                return self.lanes.may_go(it.lane, line) and (
                    self.lanes.is_answer(it.lane, line) or not self._writes_before(line)
                )

    def detour(self) -> int | None:
        """The earliest line that may go although others stand above it.

        If there is none: one that names an id of a write that was done cannot come too early.
        """
        replies = [self.timeline.replies.get(number) for number in self.waiting]
        found = (*self.lanes.heads(), *replies, self._command())
        heads = [line for line in found if line is not None]
        permitted = [line for line in heads if self.may_go(line)]
        return min(permitted) if permitted else self._named()

    def run(self, line: int, most: int, until: Nanos) -> range:
        """Lines from this one on that may be handed over in one go: frames of one lane, up to *until*."""
        lines, end = self.timeline.lines, line + 1
        if lines[line].kind == "recv" and line == self.head:
            lane = lines[line].lane
            while (
                end < len(lines)
                and end - line < most
                and lines[end].kind == "recv"
                and lines[end].lane == lane
                and lines[end].at <= until
                and not self.done[end]
                and not self.timeline.free[end]
            ):
                end += 1
        return range(line, end)

    def deliver(self, lines: range) -> None:
        """Hand lines over, those that `run` gave."""
        first = lines[0]
        it = self.timeline.lines[first]
        for line in lines:
            self.done[line] = 1
        self.mark(first)
        match it.kind:
            case "response" | "failed":
                self.waiting.pop(self.timeline.numbers[first])(first)
            case "command":
                pass
            case _:
                self.lanes.hand(it.lane, lines)

    def stalled(self) -> str:
        """Nothing may go on: who waits for whom."""
        theirs, done, free = self.timeline.theirs, self.done, self.timeline.free
        waits = next(
            (i for i in range(self.head, len(done)) if theirs[i] > done[i] + free[i]), None
        )
        return failures.stalled(self.timeline, done, self.head, waits)

    def _command(self) -> int | None:
        """The next command, if all is said above it: what the client has yet to do there led to none."""
        lines, theirs, free = self.timeline.lines, self.timeline.theirs, self.timeline.free
        ahead = range(self.head, len(self.done))
        line = next((i for i in ahead if theirs[i] > self.done[i] + free[i]), None)
        return line if line is not None and lines[line].kind == "command" else None

    def _named(self) -> int | None:
        """The earliest frame that may go but for writes above it, and that names one that was done."""
        return min(filter(self._is_named, self.lanes.heads()), default=None)

    def _is_named(self, line: int) -> bool:
        it = self.timeline.lines[line]
        if it.kind != "recv" or it.coding or not self.lanes.may_go(it.lane, line):
            return False
        return self.ids.named_in(bytes(it.data).decode())

    def did(self, line: int) -> None:
        """The client did this, of the tape's."""
        timeline = self.timeline
        for ahead in range(self.head, line):
            if timeline.theirs[ahead] and not self.done[ahead] and not timeline.free[ahead]:
                what = f"{failures.say(timeline, line)} came before {failures.say(timeline, ahead)}"
                self.early.append(what)
                if self.strict:
                    self.fail(failures.out_of_order(what))
                break
        self.mark(line)
        self.changed(line)

    def mark(self, line: int) -> None:
        """A line is done."""
        self.done[line] = 1
        self.lanes.advance(self.timeline.lines[line].lane)
        self._advance()

    def _advance(self) -> None:
        done, free = self.done, self.timeline.free
        while self.head < len(done) and (done[self.head] or free[self.head]):
            self.head += 1
        writes = self.timeline.writes
        while self._written < len(writes) and done[writes[self._written]]:
            self._written += 1

    def _writes_before(self, line: int) -> bool:
        """Whether a write above this line is not done."""
        writes = self.timeline.writes
        return self._written < len(writes) and writes[self._written] < line
