"""`redacted` and `replays`: the sessions themselves."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from tapefold.adapter import Taping
from tapefold.errors import TapefoldError
from tapefold.events import AnyEvent
from tapefold.guard.masks import Kind, Masks
from tapefold.guard.stands import Stands
from tapefold.log import Log
from tapefold.replay import Replay
from tapefold.session import Digests, Session, files
from tapefold.session.cassette import NAME as HTTP
from tapefold.testing.conformance.checks import Check, Found, told
from tapefold.testing.conformance.overheard import with_others
from tapefold.units import Nanos
from tapefold.views import Views

if TYPE_CHECKING:
    from tapefold.testing.conformance.subject import Subject

LINES: Final = 1_000
"""Lines that are played between two looks at a replay."""


class _Kept:
    """A log that also keeps its events."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.events: list[AnyEvent] = []

    @property
    def head(self) -> int:
        """The last position."""
        return self._log.head

    def append(self, time: Nanos, event: AnyEvent) -> None:
        """One more."""
        self.events.append(event)
        self._log.append(time, event)

    def commit(self) -> None:
        """A step is whole."""
        self._log.commit()

    def digest(self) -> str:
        """Of all of them."""
        return self._log.digest()


def replays(subject: "Subject") -> Found:
    """Play each session twice, and fold its second half once more from frozen views."""
    failures: list[str] = []
    for n, session in enumerate(subject.sessions):
        subject.progress("replaying", n, len(subject.sessions))
        try:
            failures += _replayed(subject, session)
        except Exception as error:  # an adapter can break an engine in any way
            kind = "" if isinstance(error, TapefoldError) else f"{type(error).__name__}: "
            first = str(error).partition("\n")[0]
            failures.append(f"{session.folder.name} does not replay: {kind}{first}")
    return Found(len(subject.sessions), len(subject.sessions), told(failures))


def _replayed(subject: "Subject", session: Session) -> Iterator[str]:
    start = session.start()
    middle = max(1, session.meta.counts.lines // 2)
    got: list[Digests] = []
    for _ in range(2):
        kept = _Kept(Log(start=start.tail if start else None))
        replay = Replay(session, kept, with_others(session, subject.adapter))
        replay.play(middle)
        frozen, at = replay.views.freeze(), len(kept.events)
        while replay.play(LINES):
            pass
        got.append(replay.digests())
        views = Views.thaw(frozen)
        if views.freeze() != frozen:
            yield f"{session.folder.name}: views that were frozen in the middle thaw as others"
        views.apply_all(kept.events[at:])
        if views.digests() != got[-1].folds:
            yield f"{session.folder.name}: from the middle on it folds to something else"
    if got[0] != got[1]:
        yield f"{session.folder.name} replays twice to two digests"
    yield from _recorded(session, got[0])


def _recorded(session: Session, got: Digests) -> Iterator[str]:
    there = session.meta.digests
    if there.log and there.log != got.log:
        yield f"{session.folder.name} does not reach the digest of its log"
    for name, digest in there.folds.items():
        if got.folds.get(name) != digest:
            yield f"{session.folder.name} does not reach the digest of its {name}"


def redacted(subject: "Subject") -> Found:
    """Look at each line of the tapes and of the cassettes."""
    taping = subject.adapter.description.taping
    failures: dict[str, None] = {}
    lines = 0
    for session in subject.sessions:
        for path in (session.tape, session.folder / HTTP):
            for number, text in enumerate(files.lines(path) if path.exists() else (), 1):
                lines += 1
                for wrong in _bare(text.decode(errors="replace"), taping, session):
                    failures[f"{session.folder.name}, {path.name}, line {number}: {wrong}"] = None
    note = "" if subject.trader else "it has no accounts, and so no secrets"
    return Found(lines, lines, told([*failures]), note)


def _bare(text: str, taping: Taping, session: Session) -> list[str]:
    """What stands in a line where only a stand-in may; a simulated account is nobody's."""
    kinds = ("token",) if session.meta.source == "simulator" else ("token", "account")
    stand_ins = [word for each in session.meta.credentials.values() for word in each.values()]
    found: list[str] = []
    stands = Stands()

    def look(kind: Kind, name: str, value: str) -> str:
        if kind in kinds and value not in stand_ins and not stands.known(name, value):
            found.append(f"a value of {name}, which is declared as a secret, is not masked")
        return value

    Masks(taping).mask(text, look)
    return found


CHECKS: Final = (
    Check("redacted", "of what is declared as secret the sessions hold stand-ins alone", redacted),
    Check("replays", "each session reaches its digests, twice, and from its middle on", replays),
)
"""What is checked here."""
