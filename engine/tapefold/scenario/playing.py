"""A recorded scenario played again, by the replay door or over sockets, and judged by its `then` alone."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple

import trio

from tapefold.adapter import Outcome as Asked
from tapefold.adapter import Request
from tapefold.engine import open_engine
from tapefold.errors import BadInput, Mismatch, Refused, ScenarioError
from tapefold.events import AnyEvent
from tapefold.log import Log
from tapefold.log.store import in_memory
from tapefold.replay import Replay
from tapefold.scenario.judging import Heard, judge
from tapefold.scenario.results import Failed, Outcome, Way
from tapefold.scenario.words import Place
from tapefold.session import Session
from tapefold.views import Views

MOCK_MAX: Final = 120.0
"""Seconds that one session may take over sockets."""
_CHUNK: Final = 4096


class Counting(Replay):
    """A replay that counts what it asks for, by purpose."""

    def __init__(self, session: Session, log: Log) -> None:
        self.asked: Counter[str] = Counter()
        super().__init__(session, log)

    def _asked(self, out: Sequence[Asked]) -> None:
        self.asked.update(each.purpose for each in out if isinstance(each, Request))
        super()._asked(out)


class Came(NamedTuple):
    """What came out of playing one session after the other on one log."""

    events: list[AnyEvent]
    views: Views
    digest: str
    reached: bool | None
    """Whether each came to what was recorded; None where nothing was."""
    asked: Counter[str] | None


def play(place: Place, exchange: str, sessions: Sequence[Path], way: Way) -> Outcome:
    """Play a scenario's *sessions*, each on the log of those before, and judge what came out.

    *way* is `replay` or `mock`. What the tape says was asked is held against what is asked, by the door.
    Raises `SessionError` for what is no session, `ScenarioError` where there is none.
    """
    if not sessions:
        raise ScenarioError(
            f"{place.path} has no recording at {exchange}: record it, and play that"
        )
    began = perf_counter()
    failed, error, digest = list[Failed](), "", ""
    read = [Session(path) for path in sessions]
    try:
        came = _replayed(read) if way == "replay" else _mocked(read)
        digest = came.digest
        if came.reached is False:
            failed.append(Failed("", 0, "what was recorded", "it came to another digest"))
        failed += judge(place, Heard(came.events, came.views, exchange, came.asked))
    except (Mismatch, Refused, BadInput, trio.TooSlowError) as wrong:
        error = str(wrong) or f"nothing more came within {MOCK_MAX:.0f} s"
    return Outcome(
        place.name,
        place.path,
        place.scenario.title,
        exchange,
        way,
        tuple(failed),
        error,
        seconds=perf_counter() - began,
        digest=digest,
    )


def _replayed(sessions: Sequence[Session]) -> Came:
    log, asked, views, reached = _log_of(sessions), Counter[str](), Views(), list[bool | None]()
    for session in sessions:
        replay = Counting(session, log)
        while replay.play(_CHUNK):
            pass
        asked += replay.asked
        views = replay.views
        reached.append(_reached(session, log.digest()))
    events = [record.event for record in log.read()]
    return Came(events, views, log.digest(), _whole(reached), asked)


def _mocked(sessions: Sequence[Session]) -> Came:
    log: Log | None = None
    views, reached, events, digest = Views(), list[bool | None](), list[AnyEvent](), ""

    async def one(session: Session, log: Log | None) -> tuple[Log, Views, list[AnyEvent]]:
        with trio.fail_after(MOCK_MAX):
            async with open_engine(session, mode="mock", log=log) as engine:
                await engine.ended()
                told = [record.event for record in engine.log.read()]
                return engine.log, engine.views, told

    for session in sessions:
        if log is None and not session.meta.start_position:
            log = Log(in_memory())  # which the next ones go on with
        played, views, events = trio.run(one, session, log)
        digest = played.digest()
        reached.append(_reached(session, digest))
    return Came(events, views, digest, _whole(reached), None)


def _log_of(sessions: Sequence[Session]) -> Log:
    """Empty; where the first goes on from a log, as that was."""
    start = sessions[0].start()
    return Log(in_memory(), start=start.tail if start else None)


def _reached(session: Session, digest: str) -> bool | None:
    wanted = session.meta.digests.log
    return digest == wanted if wanted and session.meta.sealed else None


def _whole(reached: Sequence[bool | None]) -> bool | None:
    return False if False in reached else None if None in reached else True
