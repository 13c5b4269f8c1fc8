"""What goes wrong as a scenario says, and whether it ever did."""

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from tapefold.adapter import Adapter, Request
from tapefold.scenario.check_given import LAGGING
from tapefold.scenario.commanded import nanos
from tapefold.scenario.results import Failed
from tapefold.scenario.words import FaultWord, Place
from tapefold.sim.faults import Faults, Upset
from tapefold.sim.weather import Fate, Way, Weather


class _Due(Struct, eq=False):
    """A fault of the file."""

    key: str
    word: FaultWord
    left: int
    """How often it is still to come."""
    fate: Fate | None = None
    """What it does to a request."""
    upset: Upset | None = None
    """What it does to events of the private stream; the exchange itself counts them."""

    @property
    def happened(self) -> bool:
        """Whether it ever came."""
        left = self.upset.times if self.upset else self.left
        return left < self.word.times


class Trouble(Weather):
    """What a file says goes wrong."""

    def __init__(self, adapter: Adapter, tell: Callable[[FaultWord], None]) -> None:
        """*tell* hears of each time that something does to a request, or to a book's frame."""
        self._adapter, self._tell = adapter, tell
        self._due: list[_Due] = []
        """All that were said, the eldest first."""

    def add(self, word: FaultWord, key: str, faults: Faults) -> None:
        """From now on this is to go wrong; it stands at *key*. *faults* are the exchange's own."""
        due, by = _Due(key, word, word.times), nanos(word.by)
        match word.what:
            case "ahead":
                faults.ahead, due.left = by, 0
            case "gap":
                pass
            case "dropped" | "twice":
                due.upset = Upset(word.what, times=word.times)
            case "delayed":
                due.upset = Upset("late", by, word.times)
            case what:
                due.fate = Fate(what, by, word.status, word.retry_after)
        if due.upset:
            faults.add(due.upset)
        self._due.append(due)

    def request(self, request: Request) -> Fate | None:
        """The eldest fault that fits."""
        fits = (each for each in self._due if each.fate and each.left and _fits(each.word, request))
        due = next(fits, None)
        return self._comes(due).fate if due else None

    def spared(self, request: Request, fate: Fate) -> None:
        """It is for the next one."""
        for due in self._due:
            due.left += due.fate is fate

    def frame(self, lane: str, data: bytes) -> Sequence[Way]:
        """A book's frame may be lost."""
        due = next((each for each in self._due if each.word.what == "gap" and each.left), None)
        topic = self._adapter.topic(data) if due else None
        if due and topic and topic.channel == "book":
            self._comes(due)
            return ()
        return ((0, data),)

    def missed(self, place: Place) -> Iterator[Failed]:
        """The faults that never came: without them it was another story than the file tells."""
        for due in self._due:
            if not due.happened:
                of = f" of {due.word.of}" if due.word.of else ""
                line, what = place.line(due.key), f"{due.word.what}{of}, once at least"
                yield Failed(due.key, line, what, "it never came to that")

    def _comes(self, due: _Due) -> _Due:
        due.left -= 1
        self._tell(due.word)
        return due


def _fits(word: FaultWord, request: Request) -> bool:
    if word.what == "lagging" and request.purpose not in LAGGING:
        return False
    return word.of == request.purpose or (not word.of and request.signed)
