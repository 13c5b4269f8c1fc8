"""Playing a session in mock mode for somebody who looks."""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from time import perf_counter

import trio

from tapefold.cli.play import Played
from tapefold.cli.tables import drawn, views_table
from tapefold.cli.terminal import INTERVAL, Screen, on_terminal, screen
from tapefold.engine import Engine, open_engine
from tapefold.errors import Mismatch
from tapefold.report import Ran, fingerprints_of, report_of
from tapefold.session import Session
from tapefold.strategy import Strategy


def play_mocked(
    session: Session,
    log: Path | None,
    speed: float | None,
    *,
    fingerprints: bool,
    strategies: Sequence[Strategy] = (),
) -> Played:
    """Play it to its end, or to what does not match. Raises as `open_engine` does."""
    opened = partial(open_engine, session, mode="mock", log=log, speed=speed, strategies=strategies)
    return trio.run(_play, session, opened, fingerprints)


async def _play(
    session: Session,
    opened: Callable[[], AbstractAsyncContextManager[Engine]],
    fingerprints: bool,
) -> Played:
    mismatch: Mismatch | None = None
    with screen() as shown:
        async with opened() as engine:
            began = perf_counter()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_watch, engine, session, shown)
                try:
                    await engine.ended()
                except Mismatch as error:
                    mismatch = error
                nursery.cancel_scope.cancel()
            seconds = perf_counter() - began
    digest = engine.log.digest()
    ran = Ran(engine.kernel, engine.log, engine.frames, seconds, ended=mismatch is None)
    prints = fingerprints_of(session, digest) if fingerprints and not mismatch else None
    report = report_of(session, ran, prints)
    return Played(report, engine.views, engine.time, mismatch, engine.failures)


async def _watch(engine: Engine, session: Session, shown: Screen) -> None:
    """The books as they are being rebuilt."""
    from rich.console import Group
    from rich.text import Text as Line

    whole = session.meta.counts.frames
    while True:
        if shown.due():
            rows = os.get_terminal_size(sys.stderr.fileno()).lines - 8
            told = Line(f"{engine.frames:,}{f' of {whole:,}' if whole else ''} frames", "dim")
            books = (
                [drawn(views_table(engine.views, max(1, rows)))] if on_terminal(sys.stdout) else []
            )
            shown.show(Group(Line(), *books, Line(), told))
        await trio.sleep(INTERVAL)
