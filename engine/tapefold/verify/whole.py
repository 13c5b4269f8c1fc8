"""A log checked by itself, and against the session that it is of."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tapefold.errors import LogError, Mismatch
from tapefold.events import AnyEvent, RunStarted
from tapefold.history import History
from tapefold.log import Log, LogReader
from tapefold.replay import Replay
from tapefold.session import Session, Start
from tapefold.units import Nanos, fixed
from tapefold.views import Views

_CHUNK = 4096


class Verified(Struct, frozen=True):
    """A log that is what was written."""

    head: int
    digest: str
    saved_views: int
    """Saved views that were compared with the log folded again."""


class Difference(Struct, frozen=True):
    """Where a replay and a log part."""

    position: int
    event: str
    """The log's event there; empty past its end."""
    field: str
    replayed: str
    logged: str

    def __str__(self) -> str:
        """One line."""
        return (
            f"position {self.position}, {self.event or 'end of the log'}, {self.field}: "
            f"the replay says {self.replayed}, the log {self.logged}"
        )


def verify_log(path: Path) -> Verified:
    """Check every segment, the whole chain and the saved views. Raises `LogError`."""
    with History(path) as history:
        head = history.log.verify()
        return Verified(head, history.log.digest(), history.verify())


def verify_session(
    session: Session, path: Path, progress: Callable[[int], None] = lambda lines: None
) -> Verified:
    """Replay *session* and compare it with a log event by event; when each was received is not meant.

    Of a log of several runs the session's own part is compared; what was before it, by its digest.
    Raises `Mismatch` naming the first position, event and field that differ, and the folds that do;
    `LogError` for a log that is not whole.
    """
    with History(path) as history:
        head = history.log.verify()
        start = session.start()
        _check_before(start, history.log, head)
        compared = _Compared(history.log, start)
        replay = Replay(session, compared)
        try:
            while replay.play(_CHUNK) and compared.difference is None:
                progress(replay.lines)
        except Mismatch:
            if compared.difference is None:
                raise
        compared.end()
        if compared.difference:
            raise Mismatch(_tell(session, compared.difference, history))
        return Verified(head, history.log.digest(), 0)


def _check_before(start: Start | None, log: LogReader, head: int) -> None:
    """That a session goes on from this very log. Raises `Mismatch`."""
    if start is None:
        return
    if head < start.tail.head:
        raise Mismatch(
            f"the session goes on from position {start.tail.head}, and the log ends at {head}"
        )
    if log.digest(start.tail.head) != start.digest:
        raise Mismatch(
            f"the session goes on from position {start.tail.head} of another log: the digests up to there "
            "differ"
        )


class _Compared:
    """A log for a replay to write to, each event compared with what a stored log has there."""

    def __init__(self, log: LogReader, start: Start | None) -> None:
        self._hashed = Log(start=start.tail if start else None)
        self._stored = log.events(self._hashed.head)
        self.difference: Difference | None = None

    @property
    def head(self) -> int:
        return self._hashed.head

    def append(self, time: Nanos, event: AnyEvent) -> None:
        self._hashed.append(time, event)
        stored = next(self._stored, None)
        if stored != event and self.difference is None:
            self.difference = _difference(self.head, event, stored)

    def commit(self) -> None:
        """Nothing is kept."""

    def digest(self) -> str:
        return self._hashed.digest()

    def end(self) -> None:
        """The replay is over, and so should be the log."""
        extra = next(self._stored, None)
        if isinstance(extra, RunStarted):
            return  # another run went on from here
        if extra is not None and self.difference is None:
            self.difference = _difference(self.head + 1, None, extra)


def _difference(position: int, replayed: AnyEvent | None, logged: AnyEvent | None) -> Difference:
    name = type(logged).__name__ if logged is not None else ""
    if type(replayed) is not type(logged):
        ours = type(replayed).__name__ if replayed is not None else "nothing"
        return Difference(position, name, "the event itself", ours, name or "nothing")
    field, (ours, theirs) = next(
        (field, pair) for field, pair in _fields(replayed, logged) if pair[0] != pair[1]
    )
    order = getattr(logged, "client_order_id", "")
    return Difference(position, f"{name} {order}".rstrip(), field, _said(ours), _said(theirs))


def _said(value: Any) -> str:
    """A value as a person reads it: a number without its type, all else as Python writes it."""
    return fixed(value) if isinstance(value, Decimal) else repr(value)


def _fields(one: Any, other: Any) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for field in one.__struct_fields__:
        pair = getattr(one, field), getattr(other, field)
        if isinstance(pair[0], msgspec.Raw):
            name = field.removeprefix("packed_")
            yield from _levels(name, getattr(one, name), getattr(other, name))
        yield field, pair


def _levels(
    name: str, one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Levels side by side, so that the first that differs is named and not the whole side."""
    yield f"number of {name}", (len(one), len(other))
    for number, pair in enumerate(zip(one, other, strict=False)):
        yield f"{name}[{number}] (price, size, scaled)", pair


def _tell(session: Session, difference: Difference, history: History) -> str:
    whole, also = Replay(session), ""
    try:
        while whole.play(_CHUNK):
            pass
    except Mismatch as error:  # what differs was also asked for differently
        also = f"\n{error}"
    ours, theirs = whole.views.digests(), _digests(history)
    folds = [fold for fold, digest in ours.items() if theirs.get(fold) != digest]
    return f"{difference}\nfolds that differ at the end: {', '.join(folds) or 'none'}{also}"


def _digests(history: History) -> dict[str, str]:
    try:
        return history.views().digests()
    except LogError:
        return Views().digests()
