"""What a recorded test may look at. Each of these says of an edited session whether its test notices."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from tapefold.adapter import Adapter, load_adapter
from tapefold.errors import Mismatch, SessionError, TapefoldError
from tapefold.events import AnyEvent
from tapefold.log import Log
from tapefold.log.segment import BLOCK
from tapefold.log.store import in_memory
from tapefold.replay import Replay
from tapefold.scenario.judging import Heard, judge
from tapefold.scenario.playing import Counting
from tapefold.scenario.reading import read_scenario
from tapefold.scenario.words import Place
from tapefold.session import Session, Start
from tapefold.units import Nanos
from tapefold.views import Views

Notices: TypeAlias = Callable[[Session], bool]
_CHUNK: Final = 128
"""Lines between two looks at whether all is told already."""
_ALL: Final = 4096


def installed(session: Session) -> dict[str, Adapter]:
    """The adapters of a session's exchanges. Raises `AdapterError`."""
    return {exchange: load_adapter(exchange) for exchange in session.meta.exchanges}


def opened(session: Session | Path | str) -> Session:
    """A session, or the one in that folder. Raises `SessionError`, and `TypeError` for what is neither."""
    if isinstance(session, Session):
        return session
    return Session(_path(session, "a session is a Session or its folder"))


def by_digests(
    session: Session | Path | str, adapters: Mapping[str, Adapter] | None = None
) -> Notices:
    """The test that every sealed session is: its replay succeeds, and reaches the recorded digests.

    A hash of the tape's bytes is none of them. *session* may be its folder. Raises `SessionError` for a
    session that has no digests, and `Mismatch` where its replay does not reach them.
    """
    session = opened(session)
    wanted, made = session.meta.digests, adapters or installed(session)
    if not wanted.log or not session.meta.sealed:
        raise SessionError(
            f"{session.folder} is not sealed: it has no digests that a changed number could miss"
        )
    chains = dict[int, str]()

    def notices(edited: Session) -> bool:
        log = _Beside(edited.start(), chains)
        try:
            replay = Replay(edited, log, made)
            while replay.play(_CHUNK):
                if log.parted:  # a chain that has parted never comes together again
                    return True
        except TapefoldError:
            return True
        digests = replay.digests()
        folds = {name: digests.folds.get(name) for name in wanted.folds}
        return (digests.log, folds) != (wanted.log, wanted.folds)

    if notices(session):
        raise Mismatch(f"{session.folder} does not replay to its own digests: `tapefold replay` it")
    return notices


class _Beside:
    """A log beside the recorded one. The first that is written is taken for that."""

    def __init__(self, start: Start | None, chains: dict[int, str]) -> None:
        self._log = Log(start=start.tail if start else None)
        self._chains, self._first = chains, not chains
        self.parted = False

    @property
    def head(self) -> int:
        return self._log.head

    def append(self, time: Nanos, event: AnyEvent) -> None:
        self._log.append(time, event)
        head = self._log.head
        if head % BLOCK:
            return
        if self._first:
            self._chains[head] = self._log.digest()
        elif self._chains.get(head) != self._log.digest():
            self.parted = True

    def commit(self) -> None:
        """Nothing is kept."""

    def digest(self) -> str:
        return self._log.digest()


def by_scenario(
    place: Place | Path | str, exchange: str, sessions: Sequence[Session | Path | str] = ()
) -> Notices:
    """A scenario's `then` alone, and that its recording is asked for what it was: no digests.

    *place* is a scenario that was read, or the path of its file. *sessions* are all that were recorded,
    in their order, where the story has restarts; an edited one stands in the place of the one that it was
    made of. Raises `ScenarioError` and `SessionError` for what cannot be read.
    """
    story = _read(place)
    if isinstance(sessions, Session | Path | str):
        raise TypeError(f"sessions are a list: [one], not {sessions!r}")
    every = [opened(each) for each in sessions]

    def notices(edited: Session) -> bool:
        folder, log, asked = edited.folder, None, Counter[str]()
        views = Views()
        try:
            for each in every or (edited,):
                session = edited if each.folder == folder else each
                if log is None:
                    start = session.start()
                    log = Log(in_memory(), start=start.tail if start else None)
                replay = Counting(session, log)
                while replay.play(_ALL):
                    pass
                views, asked = replay.views, asked + replay.asked
        except TapefoldError:
            return True
        events = [record.event for record in log.read()] if log else []
        return bool(judge(story, Heard(events, views, exchange, asked)))

    return notices


def _read(place: Place | Path | str) -> Place:
    if isinstance(place, Place):
        return place
    return read_scenario(_path(place, "a place is what read_scenario(PATH) gives, or a path"))


def _path(given: object, what: str) -> Path:
    if not isinstance(given, Path | str):
        raise TypeError(f"{what}, not {given!r}")
    return Path(given)
