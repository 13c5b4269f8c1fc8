"""A kernel that plays a tape's market data, and the exchange's side of it, which goes on answering.

Whatever the kernel asks once the tape's own answers do not fit any more is answered by what is true:
a book as it was when it was asked for, as it is, or a little ahead of the stream. Such an answer needs
no encoder: the adapter's double gives its events.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

from msgspec.structs import replace

from tapefold.adapter import (
    Adapter,
    Close,
    Declare,
    Frame,
    Known,
    Listing,
    Open,
    Outcome,
    Request,
    Subscribe,
    Unsubscribe,
)
from tapefold.events import AnyEvent
from tapefold.folds.book import Book
from tapefold.kernel import Kernel, Run
from tapefold.testing.conformance.foresight import AHEAD, Foresight, Then
from tapefold.testing.conformance.market import Market
from tapefold.testing.conformance.walk import OK, Moment, Walk
from tapefold.units import Nanos

AT_ONCE_MAX: Final = 8
"""Questions that may follow one from another at one moment, where all are answered at once."""
_TRUE: Final = b"\0 what is true"
"""The body of an answer that the double gives."""


class Answering:
    """An adapter that reads an answer of ours as the events that it is to mean."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self.answer: Sequence[AnyEvent] = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def decode(self, frame: Frame, known: Known) -> Sequence[AnyEvent]:
        """As the adapter, but for what is true."""
        return self.answer if frame.data == _TRUE else self._adapter.decode(frame, known)


class Heard:
    """A log that keeps what was appended last: all that a step says."""

    def __init__(self) -> None:
        self.head = 0
        self.events: list[AnyEvent] = []

    def append(self, time: Nanos, event: AnyEvent) -> None:
        """One more."""
        del time
        self.head += 1
        self.events.append(event)

    def commit(self) -> None:
        """Nothing is kept on a disk."""

    def digest(self) -> str:
        """Of nothing."""
        return ""


class _Question(NamedTuple):
    request: Request
    at: int


class Driver:
    """A kernel on a tape, from a place where all books are live, or from the beginning."""

    def __init__(
        self, market: Market, walk: Walk, *, silence_max: Nanos = 0, mode: int = 0
    ) -> None:
        """*mode*: books are answered as of when they were asked for (0), of now (1), or ahead (2)."""
        self.market, self.at, self.truth = market, walk.at, Foresight(market, walk)
        self.heard = Heard()
        self._double = Answering(market.adapter)
        self.kernel = Kernel({market.exchange: cast("Adapter", self._double)}, self.heard)
        self._silence_max, self._mode = silence_max, mode
        self.faulted: int | None = None
        """The moment since which the tape's books are no answers to what is asked; None: they are."""
        self.up = {**walk.lanes}
        """The lanes that are up at the exchange, by the tape's names: their URLs."""
        self.to: dict[str, str] = {}
        """What the kernel calls them."""
        self._begun = self.at == 0
        """Whether it has come as far as where it begins."""
        self._books: dict[int, Book] = {}
        self._dials: list[Open] = []
        self._questions: list[_Question] = []
        self.time = market.moments[max(0, self.at - 1)].time
        self.kernel.start(self.time, Run(run_id="swept", seed=market.session.meta.seed))
        if self.at:
            self._begin(walk)
        self.truth.look(self.at)

    def _begin(self, walk: Walk) -> None:
        """As the kernel is that has come so far: its books are those of the walk."""
        rows = tuple(Listing(row.symbol, row.native_symbol) for row in walk.known.values())
        self._out(self.kernel.command(self.time, Declare(self.market.exchange, rows)))
        for command in walk.subscribed:
            self._out(self.kernel.command(self.time, self._subscribe(command)))
        self.go_on(wait=0)
        self._begun = True

    def _subscribe(self, command: Subscribe) -> Subscribe:
        return replace(command, silence_max=self._silence_max or command.silence_max)

    # The tape

    def step(self, *, lost: bool = False, data: bytes | None = None) -> Moment:
        """Take the tape's next moment in; *lost*: only its time; *data*: a frame's, in its place."""
        moment = self.market.moments[self.at]
        self.at += 1
        self.time = moment.time
        self.truth.look(self.at)
        if lost or not self.deliver(moment, data):
            self._out(self.kernel.tick(self.time))
        self.go_on()
        return moment

    def deliver(self, moment: Moment, data: bytes | None = None) -> bool:
        """Let the kernel hear it, now; False where it cannot."""
        match moment.kind:
            case "command":
                return self._command(moment)
            case "opened":
                self.up[moment.lane] = moment.url
                return False
            case "close":
                self.up.pop(moment.lane, None)
                return self.hang_up(moment.lane, moment.status)
            case "response":
                return self._recorded(moment)
            case _:
                lane = self.to.get(moment.lane)
                if lane is None:
                    return False
                frame = Frame(self.time, lane, "recv", moment.data if data is None else data)
                self._out(self.kernel.step(frame))
                return True

    def hang_up(self, lane: str, code: int) -> bool:
        """The exchange closes a lane, by the tape's name for it; False where it was not up."""
        mine = self.to.pop(lane, None)
        if mine is not None:
            self._out(self.kernel.step(Frame(self.time, mine, "close", status=code)))
        return mine is not None

    def _command(self, moment: Moment) -> bool:
        command = moment.command
        if isinstance(command, Unsubscribe):
            if command.lane not in self.to:
                return False
            command = replace(command, lane=self.to[command.lane])
        elif isinstance(command, Subscribe):
            command = self._subscribe(command)
        assert command is not None
        self._out(self.kernel.command(self.time, command))
        return True

    def _recorded(self, moment: Moment) -> bool:
        """The tape's own answer, where that is what was asked."""
        for question in self._questions:
            asked = question.request
            same = moment.request and (asked.purpose, asked.url) == (
                moment.request.purpose,
                moment.request.url,
            )
            late = self.faulted is not None and question.at > self.faulted
            if same and not (late and asked.purpose == "book"):
                self._questions.remove(question)
                self._answer(asked, moment.data, moment.status)
                return True
        return False

    # What the kernel asks

    def _out(self, out: Sequence[Outcome]) -> None:
        for asked in out:
            if isinstance(asked, Open):
                self._dials.append(asked)
            elif isinstance(asked, Close):
                self.to = {name: lane for name, lane in self.to.items() if lane != asked.lane}
            elif isinstance(asked, Request) and asked.purpose in ("book", "instruments"):
                self._questions.append(_Question(asked, self.at))

    def go_on(self, *, wait: int = AHEAD) -> None:
        """Connect who dials, and answer what was asked *wait* moments ago."""
        for dial in [*self._dials]:
            for name, url in self.up.items():
                if url == dial.url and name not in self.to:
                    self._dials.remove(dial)
                    self.to[name] = dial.lane
                    self._out(self.kernel.step(Frame(self.time, dial.lane, "opened")))
                    break
        for question in [*self._questions]:
            if question.request.purpose == "book" and self.at - question.at >= wait:
                self._tell(question)

    def _tell(self, question: _Question) -> None:
        """Answer with a book as it truly was, is, or is about to be; not yet, where none is known."""
        native = question.request.subject
        number = self.truth.walk.known[native].instrument
        then = self._then(number, question.at)
        if then is None:
            return
        chained = not (self._begun or self.truth.walk.books[number].fresh)
        self._double.answer = then.told(self._known()[native], chained=chained)
        self._questions.remove(question)
        self._answer(question.request, _TRUE, OK)

    def _then(self, number: int, asked: int) -> Then | None:
        """The book to answer with; None where the exchange has none now, or it is not known."""
        mode = 1 if self.faulted is None else self._mode
        for wanted in ((asked, self.at, self.at + AHEAD)[mode], self.at):
            then = self.truth.at(number, wanted)
            if then is not None and then.live:
                return then
        return None

    def _answer(self, request: Request, data: bytes, status: int) -> None:
        frame = Frame(self.time, request.lane, "response", data, request, status)
        self._out(self.kernel.step(frame))

    def rest(self, time: Nanos) -> None:
        """The tape is over, and the market stands still: what is due by a time is done, and answered."""
        self._settle()
        while (due := self.kernel.due) is not None and due <= time:
            self.time = max(self.time, due)
            self._out(self.kernel.tick(self.time))
            self._settle()
            if self.agrees():
                return
        self.time = max(self.time, time)

    def _settle(self) -> None:
        """Connect and answer until nothing more is asked: an answer may lead to the next question."""
        for _ in range(AT_ONCE_MAX):
            before = [*self._dials], [*self._questions]
            self.go_on(wait=0)
            if (self._dials, self._questions) == before:
                return

    # What is true

    def book(self, number: int) -> Book:
        """What the kernel believes; an empty book where it does not know the instrument yet."""
        if number not in self._books:
            row = self._known().get(self.truth.row(number).native_symbol)
            if row is None:
                return Book()
            self._books[number] = self.kernel.views.books[row.instrument]
        return self._books[number]

    def digits(self, number: int) -> tuple[int, int]:
        """Those of the kernel's scale: of prices, of sizes."""
        listed = self.truth.row(number)
        row = self._known().get(listed.native_symbol, listed)
        return row.price_digits, row.size_digits

    def true(self, number: int) -> Then | None:
        """An instrument's book as it is now at the exchange; None where it has none now."""
        then = self.truth.at(number, self.at)
        return then if then is not None and then.live else None

    def agrees(self) -> bool:
        """Whether all books are live, and as they are at the exchange; also where that has none."""
        for number in self.truth.numbers:
            true, book = self.true(number), self.book(number)
            if true and (book.state != "live" or book.sequence != true.sequence):
                return False
        return True

    def _known(self) -> Known:
        return self.kernel.views.instruments.known(self.market.exchange)
