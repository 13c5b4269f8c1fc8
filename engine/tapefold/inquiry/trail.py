"""Where an order's records are looked for: in a log by its index, in a session by playing it."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from tapefold.events import (
    AnyEvent,
    BalanceAdjusted,
    BookDelta,
    BookSnapshot,
    CancelAllEnded,
    Conclusion,
    Event,
    OrderCancelRequested,
    OrderSubmitted,
    Quote,
    Trade,
)
from tapefold.folds.orders import Orders as Fold
from tapefold.inquiry.index import LATEST, NAMING, NONE, Known, OrderIndex, Progress, names_of
from tapefold.log import Log, Record, read_log
from tapefold.replay import Replay
from tapefold.session import Session, Start
from tapefold.strategy import UNHEARD
from tapefold.units import Nanos

BACK: Final = 256
"""Positions before a record in which what led to it is looked for: hardly a step is as long."""
LINES: Final = 4096
"""Lines played between two calls for progress."""
_MARKET: Final = (BookDelta, BookSnapshot, Trade, Quote)
_CONCLUDED: Final = (Conclusion, BalanceAdjusted, CancelAllEnded)
_UNHEARD: Final[tuple[type[Event], ...]] = (*UNHEARD, OrderSubmitted, OrderCancelRequested)
"""What no strategy hears, and what strategies themselves bring about."""
_naming = frozenset(NAMING)


class Found(NamedTuple):
    """A record, and what stood before it."""

    record: Record
    led: Record | None = None
    """The last fact of the same step before it, whatever it is about."""
    heard: Record | None = None
    """The last record before it that a strategy can have reacted to."""
    line: int = 0
    """The tape's line with which it came to be; 0 for none."""


class Source(Protocol):
    """Where records are looked for."""

    @property
    def start(self) -> Fold | None:
        """The orders that there were before its first record; None where there was nothing before."""
        ...

    def find(self, names: Collection[str]) -> list[Found]:
        """Every record that names one of these (`names_of`), in order."""
        ...

    def orders(self) -> Known:
        """What orders of ours there are."""
        ...


class Trail:
    """Walks over records, and remembers of what came before as much as `Found` says."""

    def __init__(self) -> None:
        self._led: Record | None = None
        self._heard: Record | None = None

    def note(self, record: Record) -> Found:
        """The next record."""
        led, heard, event = self._led, self._heard, record.event
        if led and led.time_received != record.time_received:
            led = None
        if not isinstance(event, (*_MARKET, *_CONCLUDED)):
            self._led = record
        if not isinstance(event, _UNHEARD):
            self._heard = record
        return Found(record, led, heard)


class InLog:
    """A log file. What stands before a record is read where it is needed, and only then."""

    start: Fold | None = None

    def __init__(self, path: Path, progress: Progress) -> None:
        self._log = read_log(path)
        self._index = OrderIndex(path, self._log, progress)

    def find(self, names: Collection[str]) -> list[Found]:
        """Raises `LogError`."""
        found, fact = list[Found](), -1
        for record in self._index.find(names):
            concluded = isinstance(record.event, Conclusion)
            wanted = isinstance(record.event, OrderSubmitted | OrderCancelRequested)
            # As a rule a conclusion comes with a fact of the same order: there is no need to look.
            alone = concluded and record.time_received != fact
            found.append(self._with_past(record) if alone or wanted else Found(record))
            fact = fact if concluded else record.time_received
        return found

    def orders(self) -> Known:
        """Raises `LogError`."""
        return self._index.orders()

    def close(self) -> None:
        """Let go of the file."""
        self._log.close()

    def _with_past(self, record: Record) -> Found:
        trail, found = Trail(), Found(record)
        for each in self._log.read(max(0, record.position - 1 - BACK), record.position):
            found = trail.note(each)
        return found


class InSession:
    """A session. It is played for each question, since nothing of it is kept."""

    def __init__(self, session: Session, progress: Progress) -> None:
        self.session, self._progress = session, progress
        self._begun = session.start()
        self.start: Fold | None = self._begun.thaw().orders if self._begun else None
        self._orders = _known(self.start)
        self.base, self.head = self._begun.tail.head if self._begun else 0, 0
        """Its positions are those past *base* up to *head*, which is known once it was played."""

    def find(self, names: Collection[str]) -> list[Found]:
        """Raises `SessionError` and `Mismatch`, as every replay does."""
        sought = _Sought(self._begun, names)
        replay = Replay(self.session, sought)
        sought.line = lambda: replay.lines
        whole = self.session.meta.counts.lines
        while replay.play(LINES):
            self._progress(replay.lines, whole)
        self._orders, self.head = _known(self.start).and_then(sought.orders), sought.head
        return sought.found

    def orders(self) -> Known:
        """Those that there were at its start, too."""
        return self._orders


def _known(start: Fold | None) -> Known:
    return Known(len(start.ours), (*start.ours,)[-LATEST:]) if start else NONE


class _Sought(Log):
    """A log that keeps nothing but what names an order."""

    def __init__(self, begun: Start | None, names: Collection[str]) -> None:
        super().__init__(start=begun.tail if begun else None)
        self._names, self._trail = {*names}, Trail()
        self.line: Callable[[], int] = lambda: 0
        self.found: list[Found] = []
        self.orders = NONE

    def append(self, time: Nanos, event: AnyEvent) -> None:
        """Take one event in."""
        super().append(time, event)
        found = self._trail.note(Record(self.head, time, event))
        if isinstance(event, OrderSubmitted):
            self.orders = self.orders.and_then(Known(1, (event.client_order_id,)))
        if type(event) in _naming and not self._names.isdisjoint(names_of(event)):
            self.found.append(found._replace(line=self.line()))
