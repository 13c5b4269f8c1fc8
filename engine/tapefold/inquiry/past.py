"""The past of a log or of a session: what was known at a position of it, and the records since.

A log has its records; a session is replayed, which comes to the same ones.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from tapefold.errors import BadInput
from tapefold.events import AnyEvent
from tapefold.history import History
from tapefold.log import Log, Record, Tail
from tapefold.log.store import POSITION_MAX
from tapefold.replay import Replay
from tapefold.session import Session
from tapefold.units import Nanos
from tapefold.views import Views

Either: TypeAlias = Path | Session
"""A log by its path; a session by its folder, or opened."""
_LINES: Final = 256
"""Of a tape, between two looks at what came of them: few, since they wait in memory."""


class Past(Protocol):
    """What has a past."""

    name: str
    """For messages."""
    first: int
    """The first position of which something is known: 0, but of a session that went on with a log."""

    @property
    def head(self) -> int | None:
        """Its last position; None where that is not known before it is reached."""
        ...

    def views(self, position: int) -> Views:
        """What was known at a position. Raises `BadInput` where there is no such position."""
        ...

    def records(self, after: int, until: int = POSITION_MAX) -> Iterator[Record]:
        """Those past *after*, up to *until* and with it."""
        ...


class LogPast:
    """Of a log."""

    def __init__(self, path: Path, history: History) -> None:
        self.name, self.first = str(path), 0
        self._history = history

    @property
    def head(self) -> int | None:
        """Its last position."""
        return self._history.log.head

    def views(self, position: int) -> Views:
        """From the saved views nearest below it. Raises `LogError`."""
        return self._history.views(position)

    def records(self, after: int, until: int = POSITION_MAX) -> Iterator[Record]:
        """As they are stored."""
        return self._history.log.read(after, until)


class SessionPast:
    """Of a session: each question replays it."""

    def __init__(self, session: Session) -> None:
        self.name, self._session = str(session.folder), session
        self._start = session.start()
        self.first = self._start.tail.head if self._start else 0

    @property
    def head(self) -> int | None:
        """As far as whoever sealed it counted."""
        return self._session.meta.counts.events if self._session.meta.sealed else None

    def views(self, position: int) -> Views:
        """Raises `BadInput` for a position that it does not come to, or that is before its start."""
        views, last = self._start.thaw() if self._start else Views(), self.first
        for record in self.records(self.first):
            last = record.position
            if last <= position:
                views.apply(record.event)
            elif self.first <= position:
                break
        if views.position != position:
            raise BadInput(
                f"there is no position {position}: the session goes from {self.first} to {last}"
            )
        return views

    def records(self, after: int, until: int = POSITION_MAX) -> Iterator[Record]:
        """As the replay makes them. Raises `SessionError` and `Mismatch`."""
        heard = _Heard(self._start.tail if self._start else None)
        replay, more = Replay(self._session, heard), True
        while True:
            for record in heard.take():
                if record.position > until:
                    return
                if record.position > after:
                    yield record
            if not more:
                return
            more = replay.play(_LINES)


class _Heard(Log):
    """A log that keeps what it heard until that is taken."""

    def __init__(self, start: Tail | None) -> None:
        super().__init__(start=start)
        self._records: list[Record] = []

    def append(self, time: Nanos, event: AnyEvent) -> None:
        """Take one event in."""
        super().append(time, event)
        self._records.append(Record(self.head, time, event))

    def take(self) -> list[Record]:
        """What came since it was asked last."""
        records, self._records = self._records, []
        return records


@contextmanager
def open_past(of: Either) -> Generator[Past]:
    """A log or a session, to be asked. Raises `BadInput`, of which `LogError` and `SessionError` are."""
    if isinstance(of, Session):
        yield SessionPast(of)
    elif of.is_dir():
        yield SessionPast(Session(of))
    elif of.exists():
        with History(of) as history:
            yield LogPast(of, history)
    else:
        raise BadInput(f"{of} is neither a session nor a log: there is no such folder or file")
