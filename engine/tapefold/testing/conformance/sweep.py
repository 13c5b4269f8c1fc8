"""The sweep: each kind of fault at each line with a frame of a book, and what must hold after it.

A run begins a little before the fault, where all books are live, and ends where the kernel's books are
again those of the untouched tape. So a fault costs milliseconds, however long the tape is.
"""

from collections import Counter
from typing import TYPE_CHECKING, Final

from tapefold.events import BookDelta
from tapefold.folds.book import Book
from tapefold.testing.conformance.checks import Check, Found, told
from tapefold.testing.conformance.driver import Driver
from tapefold.testing.conformance.faults import FAULTS, LANE_FAULTS, RARE
from tapefold.testing.conformance.market import Market
from tapefold.testing.conformance.truth import rescaled
from tapefold.units import MINUTE, SECOND

if TYPE_CHECKING:
    from tapefold.testing.conformance.subject import Subject

WHOLE_MAX: Final = 2_000
"""Lines of a tape up to which faults are planted at every line with a book."""
PLACES: Final = 200
"""About so many lines of a longer one are hit by each kind."""
AFTER: Final = 8
"""Moments that are played after a fault, at the least."""
PATIENCE: Final = 5 * MINUTE
"""How long after the tape's end a book may take to be live again."""
MODES: Final = 3
"""Ways of answering with a book: as of when it was asked for, of now, ahead of the stream."""


class Swept:
    """What came of the faults."""

    def __init__(self) -> None:
        self.lines = self.book_lines = 0
        self.hit = Counter[str]()
        """By kind, at how many lines it was planted."""
        self.failures: dict[str, list[str]] = {}
        """By invariant."""

    def fail(self, invariant: str, where: str, what: str) -> None:
        """An invariant did not hold."""
        self.failures.setdefault(invariant, []).append(f"{where}: {what}")


def sweep(subject: "Subject") -> Swept:
    """Plant faults in all sessions."""
    swept = Swept()
    for session in subject.sessions:
        market = Market(session, subject.adapter)
        frames = market.book_frames()
        swept.lines += market.lines
        swept.book_lines += len(frames)
        every = subject.every or (1 if market.lines <= WHOLE_MAX else max(1, len(frames) // PLACES))
        places = frames[::every]
        for n, at in enumerate(places):
            subject.progress(f"faults in {session.folder.name}", n, len(places))
            for kind in FAULTS:
                if n % RARE.get(kind, 1) == 0:
                    swept.hit[kind] += 1
                    _plant(swept, market, at, kind)
    return swept


def _plant(swept: Swept, market: Market, at: int, kind: str) -> None:
    try:
        Run(swept, market, at, kind).play()
    except Exception as error:  # a broken engine or adapter can do anything, and the others go on
        where = f"{market.session.folder.name}, line {market.moments[at].line}, {kind}"
        swept.fail("converges", where, f"the engine raised {type(error).__name__}: {error}")


class Run:
    """One fault, at one line."""

    def __init__(self, swept: Swept, market: Market, at: int, kind: str) -> None:
        self._swept, self._market, self._at, self._kind = swept, market, at, kind
        moment = market.moments[at]
        self._where = f"{market.session.folder.name}, line {moment.line}, {kind}"
        self._silence_max = 2 * market.silence(moment.lane) + SECOND
        silence = self._silence_max if kind == "silent" else 0
        mode = at % MODES
        self._driver = Driver(market, market.before(at), silence_max=silence, mode=mode)
        self._seen: dict[int, tuple[object, ...]] = {}
        self._failed = False

    def play(self) -> None:
        """From before the fault to where all is well again; or to the tape's end, and on from there."""
        driver, moments = self._driver, self._market.moments
        while driver.at < self._at:
            driver.step()
            self._look()
        driver.faulted = driver.at
        for invariant, what in FAULTS[self._kind](driver, self._silence_max):
            self._fail(invariant, what)
        least = driver.at + AFTER
        self._look()
        while driver.at < len(moments) and not self._failed:
            driver.step()
            self._look()
            if driver.at >= least and driver.agrees():
                return
        if not self._failed:
            driver.rest(driver.time + PATIENCE)
            self._look()
            self._end()

    def _fail(self, invariant: str, what: str) -> None:
        if not self._failed:  # what follows a failure is no news
            self._swept.fail(invariant, self._where, what)
        self._failed = True

    def _look(self) -> None:
        """Each book that is live is the one that it was, or is, with this update id at the exchange."""
        for number in self._driver.truth.numbers:
            book = self._driver.book(number)
            if book.state != "live":
                continue
            seen = (book.sequence, book.updates, book.snapshots)
            if self._seen.get(number) == seen:
                continue
            self._seen[number] = seen
            if book.crossed():
                self._fail("never_crossed", f"{self._name(number)} is crossed, and live")
            self._compare(number, book)

    def _compare(self, number: int, book: Book) -> None:
        sequence = book.sequence
        then = next(
            (
                each
                for each in self._driver.truth.past(number)
                if each.live and each.sequence == sequence
            ),
            None,
        )
        name = self._name(number)
        if then is None:
            self._fail(
                "gap_told", f"{name} is live at {sequence}, an update that no book ended with"
            )
            return
        ours = self._driver.digits(number)
        then = then.finer(ours)
        for side, half, true in (("bids", book.bids, then.bids), ("asks", book.asks, then.asks)):
            levels = rescaled(half.levels, ours, then.digits)
            if levels != true:
                wrong = sorted({*levels.items()} ^ {*true.items()})
                self._fail(
                    "gap_told",
                    f"{name} is live at {sequence} with other {side} than the exchange had: "
                    f"{len(wrong)} levels differ",
                )
                return

    def _end(self) -> None:
        """Where the tape is over: books are as at the exchange, or behind where nothing could tell."""
        driver = self._driver
        for number in driver.truth.numbers:
            true, book = driver.true(number), driver.book(number)
            if true and book.state != "live":
                self._fail("converges", f"{self._name(number)} is never live again")
            elif true and book.sequence != true.sequence and self._could_know(number, book):
                self._fail("converges", f"{self._name(number)} stays behind")

    def _could_know(self, number: int, book: Book) -> bool:
        """Whether anything said that changes of a book are missing.

        Who lost its connection must ask. Otherwise only a later delta tells: of one that is the last of its
        book nobody can notice that it never came.
        """
        if self._kind in LANE_FAULTS:
            return True
        later = self._market.moments[self._at + 1 :]
        return any(
            isinstance(event, BookDelta)
            and event.instrument == number
            and event.sequence > book.sequence
            for moment in later
            if moment.kind == "recv"
            for event in moment.events
        )

    def _name(self, number: int) -> str:
        return self._driver.truth.row(number).symbol


def _invariant(name: str, *kinds: str) -> Check:
    """The check of what the sweep found."""

    def run(subject: "Subject") -> Found:
        swept = subject.swept
        hit = sum(swept.hit[kind] for kind in kinds or FAULTS)
        of = swept.book_lines * len(kinds or FAULTS)
        note = "" if of else "the sessions have no book frames"
        return Found(hit, of, told(swept.failures.get(name, [])), note)

    return Check(name, _SENTENCES[name], run)


_SENTENCES: Final = {
    "gap_told": "a book that is live is, level by level, the one that the exchange had at that update",
    "never_crossed": "a book that is live is not crossed",
    "converges": "after a fault all books are live and right again",
    "once": "a frame that comes twice changes nothing",
    "half_told": "half a frame is rejected, says so, and changes no book",
    "cut_told": "a book whose connection is down is not live",
    "silence_told": "a connection that is silent for longer than it may be is not believed",
}
CHECKS: Final = (
    _invariant("gap_told"),
    _invariant("never_crossed"),
    _invariant("converges"),
    _invariant("once", "duplicate"),
    _invariant("half_told", "half"),
    _invariant("cut_told", "cut"),
    _invariant("silence_told", "silent"),
)
"""What is checked by the sweep."""
