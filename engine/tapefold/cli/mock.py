"""`tapefold mock`: serve a session to any client, as the exchange that it was recorded from."""

import math
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import click
import trio

from tapefold.cli.failures import INTERRUPTED
from tapefold.cli.options import examples, parsed
from tapefold.cli.paths import open_session
from tapefold.cli.terminal import complain, finish, say, say_json
from tapefold.cli.when import parse_speed
from tapefold.mock import Tempo, open_mock
from tapefold.mock.outside import serve_rest
from tapefold.session import Session

STOPS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end it as Ctrl-C does."""


@click.command(
    "mock",
    short_help="Serve a session, as the exchange that it was recorded from.",
    epilog=examples(
        "tapefold mock cassettes/binance/minute-with-a-gap",
        "tapefold mock cassettes/binance/minute-with-a-gap --speed 1",
    ),
)
@click.argument("path", metavar="SESSION", type=click.Path(path_type=Path))
@click.option(
    "--speed",
    metavar="N|max",
    callback=parsed(parse_speed),
    default="max",
    help="1 is as recorded, 10 ten times that; max, as fast as the client can, if not given.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    help="How late the client may be with what the tape says it does next, and how long it may read "
    "nothing at the end: 30, if not given. It may begin whenever it likes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the addresses as one object.")
def command(path: Path, speed: float | None, timeout: float, as_json: bool) -> None:
    """Serve a SESSION on this machine to any client, and print where.

    Each address of the exchange has one of 127.0.0.1 in its place. What the exchange says comes in the
    order of the tape, each line after what caused it. It ends with the tape, once the client has hung
    up; a client that does what is not on the tape ends it early, with what differs. Ctrl-C before the
    tape is played ends it with exit code 130.
    """
    served = _Served()
    trio.run(_serve, open_session(path), Tempo(speed, timeout=timeout), as_json, served)
    if not served.whole:
        complain("interrupted, before the whole tape was played")
        raise click.exceptions.Exit(INTERRUPTED)
    if not as_json:
        say("the client did all that is on it")
        if served.unread:
            say(f"lines that it hung up on before it had read them: {served.unread:,}")


class _Served:
    """What came of it."""

    whole = False
    unread = 0


async def _serve(session: Session, tempo: Tempo, as_json: bool, served: _Served) -> None:
    with trio.open_signal_receiver(*STOPS) as signals, trio.CancelScope() as scope:
        async with trio.open_nursery() as outer:
            outer.start_soon(_heed, signals, scope)
            await _play(session, tempo, as_json, served)
            outer.cancel_scope.cancel()


async def _heed(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    """Ctrl-C ends it."""
    async for _ in signals:
        scope.cancel()


async def _play(session: Session, tempo: Tempo, as_json: bool, served: _Served) -> None:
    async with open_mock(session, speed=tempo.speed, start=math.inf, timeout=tempo.timeout) as door:
        async with trio.open_nursery() as nursery:
            urls = door.urls | await serve_rest(session, door, nursery)
            _announce(session, urls, as_json=as_json)
            await door.finished.wait()
            served.whole, served.unread = True, door.unread
            if not as_json:
                say("the whole tape is played; this ends when the client hangs up")
                finish()
            with trio.move_on_after(tempo.timeout):  # whoever is still reading may hang up first
                await door.left()
            nursery.cancel_scope.cancel()


def _announce(session: Session, urls: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        say_json(urls, one_line=True)
    else:
        width = max(map(len, urls), default=0)
        say(f"serving {session.folder}; Ctrl-C ends it")
        say(*(f"  {origin:<{width}}  is  {url}" for origin, url in urls.items()))
    finish()  # whoever starts this reads the addresses before anything else happens
