"""The log that an engine writes to: a new one, one that goes on, or somebody else's open one."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

import trio

from tapefold.engine.live import Live
from tapefold.errors import LogError, Refused
from tapefold.history import History
from tapefold.log import Log, open_log
from tapefold.session import Session
from tapefold.views import Views


class Kept(NamedTuple):
    """A log that is open, and what it comes to."""

    log: Log
    path: Path | None
    """Its file."""
    views: Views


@asynccontextmanager
async def keep(source: Session | Live, given: Log | Path | str | None) -> AsyncGenerator[Kept]:
    """Open the log. Raises `LogError`, `LogLocked`, `LogFull`, `Refused`."""
    start = source.start() if isinstance(source, Session) else None
    if isinstance(given, Log):
        with _lent(given) as kept:
            yield kept
        return
    path = Path(given) if given is not None else None
    if path and start:
        raise Refused(
            f"the session goes on from position {start.tail.head} of a log that it has not: play it "
            "without a log file"
        )
    with open_log(path, start.tail if start else None) as log:
        views = Views()
        if path and log.head:
            if isinstance(source, Session):
                raise LogError(f"{path} is a log already: a session is played into a new one")
            # Reading takes a while where no views were saved, and others have something to do.
            views = await trio.to_thread.run_sync(_views_of, path)
        yield Kept(log, path, views)


@contextmanager
def _lent(log: Log) -> Generator[Kept]:
    """Somebody else's, who closes it. Raises `LogError` for one that cannot be read from its start."""
    if log.base:
        raise LogError(
            f"this log can be read from position {log.base} on: an engine needs all of it"
        )
    try:
        yield Kept(log, None, Views.of(record.event for record in log.read()))
    finally:
        log.flush()


def _views_of(path: Path) -> Views:
    with History(path) as history:
        return history.views()
