"""A scenario file written from a recorded session: what was true of it, to be cut down to what matters."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tapefold.errors import Mismatch, ScenarioError
from tapefold.events import (
    AnyEvent,
    BookDelta,
    BookSnapshot,
    OrderSubmitted,
    Quote,
    Trade,
)
from tapefold.log import Log
from tapefold.scenario import made_text as toml
from tapefold.scenario.files import CASSETTES, NAME, SCENARIO_MAX, SUFFIX
from tapefold.scenario.made_then import Facts, then
from tapefold.scenario.made_title import title
from tapefold.scenario.naming import names_of
from tapefold.scenario.playing import Counting
from tapefold.session import Session, Start
from tapefold.units import Nanos

_MARKET: Final = (BookDelta, BookSnapshot, Quote, Trade)
"""Events that are told by the books alone, and of which there may be millions."""
_LINES: Final = 4096
_HEAD: Final = """\
# Made of a recorded session by `tapefold scenario new`: all of this was true of it. Keep what matters and
# delete the rest; what is not said is not looked at. It has no steps, since the session tells its own."""


class _Kept(Log):
    """A log that forgets all but what is not of the market."""

    def __init__(self, start: Start | None) -> None:
        super().__init__(start=start.tail if start else None)
        self.events: list[AnyEvent] = []

    def append(self, time: Nanos, event: AnyEvent) -> None:
        """Take one event in."""
        super().append(time, event)
        if not isinstance(event, _MARKET):
            self.events.append(event)


def make(session: Session, path: Path) -> str:
    """The text of a scenario file at *path* that is true of *session*, in both doors.

    The session must stand in the file's folder, or in `cassettes/` beside that folder: a scenario names
    nothing else. Raises `ScenarioError` where it does not, for a name that no scenario can have, and
    for a session of more orders than a file has room for; `SessionError`; and `Mismatch` for a session
    that does not come to its own digest.
    """
    _check_name(path)
    name = _beside(session.folder, path)
    facts, lasted = _play(session)
    text = "\n".join(
        [
            _HEAD,
            toml.line(title(facts, session.meta.exchanges, lasted), "title"),
            toml.line((facts.exchange,), "exchanges"),
            "",
            "[given]",
            toml.line(name, "session"),
            "",
            *then(facts),
            "",
        ]
    )
    if len(text.encode()) > SCENARIO_MAX:
        raise ScenarioError(
            f"{session.folder} has {len(facts.names):,} orders, too many for a file that people read "
            f"(up to {SCENARIO_MAX:,} bytes): make one of a shorter session"
        )
    return text


def _beside(folder: Path, path: Path) -> str:
    """The session's folder as the file names it."""
    home, there = path.resolve().parent, folder.resolve()
    for base in (home, home.parent / CASSETTES):
        if there.is_relative_to(base) and there != base:
            return there.relative_to(base).as_posix()
    raise ScenarioError(
        f"{path} cannot name {folder}: a scenario names only what is in its own folder, or in "
        f"{CASSETTES} beside that; move the session to {home.parent / CASSETTES}, or write the file "
        f"into {folder.parent}"
    )


def _check_name(path: Path) -> None:
    if path.suffix != SUFFIX or not NAME.fullmatch(path.stem):
        raise ScenarioError(
            f"{path}: a scenario's file is named in small letters, digits, _ and -, and ends with "
            f"{SUFFIX}: name another, as scenarios/limit_buy{SUFFIX}"
        )


def _play(session: Session) -> tuple[Facts, Nanos]:
    """What came out of it, and how long it lasted."""
    log = _Kept(session.start())
    replay = Counting(session, log)
    while replay.play(_LINES):
        pass
    meta, digest = session.meta, log.digest()
    if meta.sealed and meta.digests.log not in ("", digest):
        raise Mismatch(
            f"{session.folder} does not come to the digest that it was sealed with, so nothing is sure "
            f"of it: `tapefold verify {session.folder}` says more"
        )
    facts = Facts(
        exchange=_exchange(log.events, meta.exchanges),
        events=log.events,
        views=replay.views,
        names=names_of(log.events),
        asked=replay.asked,
    )
    return facts, replay.time - meta.started_ns


def _exchange(events: Iterable[AnyEvent], exchanges: Iterable[str]) -> str:
    """Of several, that of the first order; a scenario is judged at one."""
    first = (event.exchange for event in events if isinstance(event, OrderSubmitted))
    return next(first, "") or next(iter(exchanges))
