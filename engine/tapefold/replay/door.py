"""Playing a session: each of its lines into the kernel, and what the kernel asks into the ledger."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from tapefold.adapter import Adapter, Command, Frame, Given, Outcome, load_adapter
from tapefold.errors import AdapterError, BadInput, Mismatch
from tapefold.kernel import Kernel, Run, check_names
from tapefold.log import Log, Sink
from tapefold.replay.again import Again
from tapefold.replay.ledger import Ledger
from tapefold.session import Digests, Line, Meta, Session
from tapefold.session.cassette import Answer, Cassette
from tapefold.session.tape import (
    ENGINE,
    frame_data,
    read_answered,
    read_closed,
    read_command,
    read_failed,
)
from tapefold.strategy import Strategy
from tapefold.units import Nanos

_T = TypeVar("_T")


class Replay:
    """One replay of one session. `play` it to its end, and compare what came out.

    The kernel is the one of a live run; only its frames come from a tape, with the stamps that they
    had. Nothing is ever reordered.
    """

    def __init__(
        self,
        session: Session,
        log: Sink | None = None,
        adapters: Mapping[str, Adapter] | None = None,
        *,
        strategies: Sequence[Strategy] = (),
    ) -> None:
        """*strategies* are asked again, and what they command is compared with what is on the tape.

        What others commanded is taken from the tape. A *log* is a new one; of a session that goes on
        from one, that one as it was then. Raises `SessionError`, `BadInput` for a strategy that the
        session has not, and `Refused` for another log.
        """
        meta = session.meta
        check_strategies(session, strategies)
        self.session = session
        start = session.start()
        self.log: Sink = Log(start=start.tail if start else None) if log is None else log
        if start:
            start.check(self.log)
        made = adapters or {exchange: load_adapter(exchange) for exchange in meta.exchanges}
        self._again = Again(session, strategies)
        strategies = self._again.strategies
        self.kernel = Kernel(made, self.log, start.thaw() if start else None, strategies)
        self._asking = bool(strategies)
        self.views = self.kernel.views
        self.lines = self.frames = 0
        self.ended = False
        self.time: Nanos = meta.started_ns
        self._ledger = Ledger()
        self._rest = session.lines()
        self._next: Line | None = None
        self._up: set[str] = set()
        self._cassette: Cassette | None = None
        self._again.begin(self.kernel)
        self.kernel.start(meta.started_ns, run_of(meta))
        self._asked(self.kernel.tick(meta.started_ns))

    def play(
        self, lines_max: int, *, time_max: Nanos | None = None, head_max: int | None = None
    ) -> bool:
        """Take in up to so many lines; False once there is no more to play.

        Stops before the first line that is later than *time_max* (nanoseconds since 1970), and after
        the first one that brings the log's head to *head_max*. Raises `SessionError` and `Mismatch`.
        """
        start = self.session.meta.started_ns
        for _ in range(lines_max):
            line = self._next or next(self._rest, None)
            if line is None:
                self._end()
                return False
            if time_max is not None and start + line.at > time_max:
                self._next = line
                return True
            self._next = None
            self.lines += 1
            self.time = start + line.at
            self._take(line)
            if head_max is not None and self.log.head >= head_max:
                return False
        return True

    def peek(self) -> Nanos | None:
        """When the next line is, in nanoseconds since 1970; None at the end."""
        if self._next is None:
            self._next = next(self._rest, None)
        return None if self._next is None else self.session.meta.started_ns + self._next.at

    def digests(self) -> Digests:
        """What came out."""
        return Digests(self.log.digest(), self.views.digests())

    def _end(self) -> None:
        if not self.ended:
            meta = self.session.meta
            self._ledger.settle(cut=meta.cut or not meta.sealed)
            self.ended = True

    def _take(self, line: Line) -> None:
        """One line. Nearly all of them are received frames."""
        if line.kind == "recv":
            if self._asking:
                self._overheard(line.lane)
            if self._ledger.indebted:
                self._ledger.due(self.lines, line.lane)
            if line.lane not in self._up:
                raise self._wrong(f"a frame in lane {line.lane}, which is not open")
            data = bytes(line.data)
            if data[:1] == b'"':
                data = self._text(line)
            self.frames += 1
            out = self.kernel.step(Frame(self.time, line.lane, "recv", data))
        else:
            out = self._rare(line)
        if out:
            self._asked(out)

    def _rare(self, line: Line) -> Sequence[Outcome]:
        data = bytes(line.data)
        asked = line.kind in ("open", "sent", "request")
        if asked or (line.kind == "close" and self._read(read_closed, data).by == "client"):
            self._read(partial(self._ledger.record, self.lines, line.lane, line.kind), data)
            return self.kernel.tick(self.time)  # live, it may be a timer that asked for it
        if line.kind == "command":
            return self._command(self._read(read_command, data))
        if self._asking:
            self._overheard(line.lane)
        return self.kernel.step(self._frame(line, data))

    def _command(self, command: Command) -> Sequence[Outcome]:
        """The caller's is carried out; a strategy's has been, if the strategy is asked again."""
        if command.by in self._again:
            self._asked(self.kernel.tick(self.time))
            self._again.reached(command)
            return ()
        if self._asking:
            self._overheard(ENGINE)
        try:
            return self.kernel.command(self.time, command)
        except AdapterError as error:
            raise self.session.broken(self.lines, str(error)) from error

    def _overheard(self, lane: str) -> None:
        """Before anything comes from outside, on *lane*, strategies react to timers that are due."""
        self._asked(self.kernel.tick(self.time))
        self._again.heard(lane)

    def _asked(self, out: Sequence[Outcome]) -> None:
        for asked in out:
            if isinstance(asked, Given):
                self._again.given(asked.time, asked.command)
            else:
                self._ledger.ask(asked)

    def _read(self, read: Callable[[bytes], _T], data: bytes) -> _T:
        """What a line's data says. Raises `SessionError` naming the line."""
        try:
            return read(data)
        except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors too
            raise self.session.broken(self.lines, str(error)) from error

    def _text(self, line: Line) -> bytes:
        """A frame that stands in its line as text or as base64."""
        return self._read(lambda _: frame_data(line), b"")

    def _frame(self, line: Line, data: bytes) -> Frame:
        """A line of the exchange's that is not a received frame."""
        number = self.lines
        self._ledger.due(number, line.lane)
        match line.kind:
            case "response":
                answered = self._read(read_answered, data)
                request = self._ledger.request(number, line.lane, answered.n)
                answer = self._answer(answered.n)
                if answer.status != answered.status:
                    what = f"status {answered.status}, which is {answer.status} in http.yaml"
                    raise self.session.broken(number, what)
                return Frame(
                    self.time,
                    line.lane,
                    "response",
                    answer.body,
                    request,
                    answer.status,
                    retry_after=answer.retry_after,
                )
            case "failed":
                failed = self._read(read_failed, data)
                request = self._ledger.request(number, line.lane, failed.n)
                return Frame(self.time, line.lane, "failed", request=request, reason=failed.error)
            case "opened":
                if not self._ledger.opened(line.lane):
                    raise self._wrong(f"lane {line.lane} is open, and nobody dialled")
                self._up.add(line.lane)
                return Frame(self.time, line.lane, "opened")
            case _:
                closed = self._read(read_closed, data)
                self._up.discard(line.lane)
                return Frame(
                    self.time, line.lane, "close", status=closed.code, reason=closed.reason
                )

    def _answer(self, n: int) -> Answer:
        self._cassette = self._cassette or self.session.cassette()
        return self._cassette.answer(n)

    @property
    def failures(self) -> Mapping[str, Exception]:
        """What strategies raised, by their names."""
        return self.kernel.failures

    def _wrong(self, what: str) -> Mismatch:
        return Mismatch(f"{self.session.tape}, line {self.lines}: {what}")


def run_of(meta: Meta) -> Run:
    """What the run of a session was known by."""
    return Run(meta.run_id, meta.seed, meta.versions, meta.first_order, meta.strategies)


def check_strategies(session: Session, strategies: Sequence[Strategy]) -> None:
    """That these are strategies of the session. Raises `BadInput`."""
    check_names(strategies)
    there = session.meta.strategies
    for each in strategies:
        if each.name not in there:
            raise BadInput(
                f"{session.folder} was recorded without a strategy {each.name}; it has "
                f"{', '.join(there) or 'none'}"
            )
