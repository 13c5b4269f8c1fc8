"""What somebody sees of a recording as it runs, and what it came to."""

import os
import shutil
import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import trio

from tapefold.adapter import Frame
from tapefold.cli.tables import drawn, views_table
from tapefold.cli.terminal import INTERVAL, on_terminal, say, screen
from tapefold.engine import Engine
from tapefold.errors import BadInput, Refused, TapefoldError
from tapefold.events import (
    BookInvalidated,
    FrameRejected,
    RateLimited,
    RequestFailed,
    StreamStale,
)
from tapefold.guard import Leak
from tapefold.log import Record
from tapefold.session import Session
from tapefold.units import SECOND
from tapefold.wire import Endpoints

if TYPE_CHECKING:
    from rich.console import RenderableType

EVERY: Final = 10.0
"""Seconds between two lines of progress in a pipe."""
_SECRETS: Final = ("API_KEY", "API_SECRET", "PASSPHRASE")


def secrets_of(exchange: str) -> dict[str, str]:
    """Keys that the environment has of an exchange: a public recording needs none, and keeps none."""
    names = (f"{exchange.upper()}_{name}" for name in _SECRETS)
    return {name: os.environ[name] for name in names if os.environ.get(name)}


class Watched:
    """A recording that somebody watches."""

    def __init__(self, exchange: str, endpoints: Endpoints, *, quiet: bool) -> None:
        self._exchange, self._endpoints, self._quiet = exchange, endpoints, quiet
        self._deaf: Exception | None = None
        """Why nobody can be told anything any more. The recording is worth more than being heard."""
        self.engine: Engine | None = None
        self.stopped = trio.Event()
        self._began, self.seconds = 0.0, 0.0
        self._trouble = ""
        """What last stood in the way of a connection, in the wire's words."""
        self._missing: list[str] = []

    def notice(self, frame: Frame) -> None:
        """A connection came or went, or a request failed."""
        what = f"{frame.lane}: "
        if frame.kind == "opened":
            self._tell(f"{what}connected")
            return
        if frame.kind == "failed":
            assert frame.request is not None
            host = urlsplit(self._endpoints.rest_url(frame.request.url)).netloc
            about = f"{frame.request.purpose} {frame.request.subject}".rstrip()
            self._trouble = f"no answer of {host} about {about} ({frame.reason})"
        elif frame.status < 1000:
            self._trouble = f"refused with HTTP status {frame.status}"
        else:
            self._trouble = f"down, {frame.status}{f' {frame.reason}' if frame.reason else ''}"
        self._tell(f"{what}{self._trouble}")

    async def follow(self, engine: Engine) -> None:
        """Say what a person wants to know of at once."""
        async with aclosing(engine.follow()) as records:
            async for record in records:
                self._look(engine, record)

    def _look(self, engine: Engine, record: Record) -> None:
        event = record.event
        match event:
            case RequestFailed(reason="not_listed"):
                self._missing.append(event.subject)
                self._tell(f"{self._exchange} has no instrument {event.subject}")
                if not engine.views.instruments.rows:
                    self.stopped.set()
            case RequestFailed(reason="refused"):
                what = f"{event.purpose} {event.subject}".rstrip()
                self._tell(f"{what}: refused with HTTP status {event.status}")
            case RateLimited():
                self._tell(f"asked to be left alone for {event.wait / SECOND:g} s")
            case StreamStale():
                self._tell(f"{event.lane}: nothing was heard for {event.silent / SECOND:g} s")
            case BookInvalidated():
                symbol = engine.views.instruments.rows[event.instrument].symbol
                self._tell(f"{symbol}: the book is stale ({event.reason})")
            case FrameRejected():
                self._tell(f"{event.lane}: a frame that cannot be read ({event.reason})")
            case _:
                pass

    async def show(self, engine: Engine) -> None:
        """Frames, lag and gaps as it runs: drawn on a terminal, now and then a line in a pipe."""
        self._began = trio.current_time()
        said = self._began
        with screen() as shown:
            while True:
                await trio.sleep(INTERVAL)
                self.seconds = trio.current_time() - self._began
                if engine.failure or (engine.recorder and engine.recorder.failure):
                    self.stopped.set()
                if shown.due():
                    shown.show(self._picture(engine))
                elif not on_terminal(sys.stderr) and trio.current_time() - said >= EVERY:
                    said = trio.current_time()
                    self._tell(self._line(engine))

    def end(self) -> None:
        """It is over. Sealing takes as long as a replay, and people should know."""
        self.seconds = trio.current_time() - self._began
        assert self.engine is not None
        assert self.engine.recorder is not None
        if self.engine.frames and not (self.engine.failure or self.engine.recorder.failure):
            self._tell("ended: replaying it once, to seal it")

    def check(self, folder: Path) -> None:
        """Was it worth it? Raises what ended it early, or `Refused` where nothing was heard."""
        engine = self.engine
        assert engine is not None
        if engine.recorder and engine.recorder.failure:
            failure = engine.recorder.failure
            if isinstance(failure, Leak):
                raise Refused(
                    f"the recording ended, since this must not be kept: {failure}; {folder} has what "
                    "came before, and replays as far as it goes"
                )
            raise failure
        if not engine.frames:
            shutil.rmtree(folder)
            raise self._nothing(engine)
        if self._deaf:
            raise self._deaf

    def _nothing(self, engine: Engine) -> TapefoldError:
        if self._missing and not engine.views.instruments.rows:
            return BadInput(
                f"{self._exchange} has no instrument {', '.join(self._missing)}: pairs are written "
                "BASE-QUOTE, such as BTC-USDT"
            )
        why = f" ({self._trouble})" if self._trouble else ""
        return Refused(f"nothing was heard of {self._exchange}{why}, so no session was kept")

    def _tell(self, line: str) -> None:
        if self._quiet or self._deaf:
            return
        try:
            say(line)
        except (Refused, BrokenPipeError) as error:
            self._deaf = error

    def _line(self, engine: Engine) -> str:
        gaps = sum(book.gaps for book in engine.views.books.values())
        pending = engine.recorder.pending if engine.recorder else 0
        behind = f", {pending:,} to be written" if pending > 100 else ""
        return (
            f"{self.seconds:.0f} s  {engine.frames:,} frames  lag {_lag(engine, self._exchange)}  "
            f"{gaps:,} gaps{behind}"
        )

    def _picture(self, engine: Engine) -> "RenderableType":
        from rich.console import Group
        from rich.text import Text as Line

        rows = os.get_terminal_size(sys.stderr.fileno()).lines - 8
        books = drawn(views_table(engine.views, max(1, rows)))
        return Group(Line(), books, Line(), Line(f"{self._line(engine)}  Ctrl-C ends it", "dim"))


def _lag(engine: Engine, exchange: str) -> str:
    """How long the latest frame that says its time was on its way, by the exchange's own clock."""
    clock = engine.views.health.clocks.get(exchange)
    for record in reversed([*engine.log.read(max(0, engine.log.head - 20))]):
        sent = getattr(record.event, "time_exchange", 0)
        if sent:
            sent += getattr(record.event, "published_after", 0)
            behind = record.time_received - sent + (clock.ahead if clock else 0)
            # A mocked market's clock is another one: what comes from the future has no lag.
            return f"{behind / 1_000_000:.0f} ms" if behind > -10 * SECOND else "-"
    return "-"


def told(session: Session, watched: Watched) -> dict[str, Any]:
    """What was recorded."""
    meta = session.meta
    return {
        "session": str(session.folder),
        "exchanges": meta.exchanges,
        "instruments": meta.instruments,
        "seconds": round(watched.seconds, 3),
        "lines": meta.counts.lines,
        "frames": meta.counts.frames,
        "events": meta.counts.events,
        "digest": meta.digests.log,
        "masked": meta.masked,
    }
