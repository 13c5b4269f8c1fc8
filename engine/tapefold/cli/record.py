"""`tapefold record`: connect to an exchange, and keep what it says as a session."""

import signal
from pathlib import Path
from typing import Any, Final, cast

import click
import trio

from tapefold.adapter import Channel, Subscribe, WatchClock, load_adapter
from tapefold.cli.options import Whole, examples, parsed
from tapefold.cli.recording import Watched, secrets_of, told
from tapefold.cli.tables import draw_table, views_table
from tapefold.cli.terminal import say, say_json
from tapefold.cli.when import parse_seconds, parse_span
from tapefold.engine import Live, open_engine
from tapefold.errors import SessionError
from tapefold.session import Session
from tapefold.units import Nanos
from tapefold.wire import Endpoints

STOPS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a recording in order."""
_CHANNELS = ("book", "trades", "aggregate_trades", "quotes")


@click.command(
    "record",
    short_help="Record what an exchange says, as a session.",
    epilog=examples(
        "tapefold record binance BTC-USDT ETH-USDT -o btc-eth --seconds 60",
        "tapefold record binance BTC-USDT -o quiet --channel trades --log btc.log",
        "tapefold record binance BTC-USDT -o mine --ws ws://127.0.0.1:9001 --rest http://127.0.0.1:9000",
    ),
)
@click.argument("exchange")
@click.argument("pairs", metavar="PAIR...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="SESSION",
    required=True,
    type=click.Path(path_type=Path),
    help="The session's folder, a new one.",
)
@click.option(
    "--seconds",
    metavar="N",
    callback=parsed(parse_seconds),
    help="Stop after so long; else Ctrl-C.",
)
@click.option(
    "--channel",
    "channels",
    multiple=True,
    type=click.Choice(_CHANNELS),
    help="What to hear of; book, trades and quotes if none is named. May be given several times.",
)
@click.option(
    "--depth",
    type=Whole(1, 5000),
    default=1000,
    help="Levels a side to begin a book with.",
)
@click.option(
    "--silence",
    metavar="SPAN",
    callback=parsed(parse_span),
    default="5m",
    help="Connect anew where nothing was heard for so long (30s, 5m); 0s: never. 5m if not given.",
)
@click.option("--ws", default="", metavar="URL", help="Connect here instead of to the exchange.")
@click.option("--rest", default="", metavar="URL", help="Ask here instead of the exchange.")
@click.option(
    "--log", metavar="FILE", type=click.Path(path_type=Path), help="Keep the events, in a new log."
)
@click.option("--json", "as_json", is_flag=True, help="Print one object at the end.")
def command(  # noqa: PLR0913, PLR0917 - each is an option
    exchange: str,
    pairs: tuple[str, ...],
    folder: Path,
    seconds: float | None,
    channels: tuple[str, ...],
    depth: int,
    silence: Nanos,
    ws: str,
    rest: str,
    log: Path | None,
    as_json: bool,
) -> None:
    """Record PAIRs, such as BTC-USDT, of an EXCHANGE until Ctrl-C or for so many seconds.

    The session replays to the same digest as this run: `tapefold replay SESSION` proves it. Ctrl-C, a
    `kill` and a closed terminal end it in order, with exit code 0; `kill -9` leaves a session that can
    be read. Where nothing was heard no session is kept.
    """
    load_adapter(exchange)
    if folder == Path():
        raise click.BadParameter("name a new folder", param_hint="-o")
    if folder.exists() or folder.is_symlink():
        raise SessionError(f"{folder} is there already: name a folder that is not, or remove it")
    heard = cast("tuple[Channel, ...]", channels or _CHANNELS[:2] + _CHANNELS[3:])
    wanted = Subscribe(exchange, pairs, heard, depth, silence)
    endpoints = Endpoints(ws, rest).check()
    watched = Watched(exchange, endpoints, quiet=as_json)
    live = Live(
        (exchange,),
        endpoints={exchange: endpoints},
        secrets=secrets_of(exchange),
        notice=watched.notice,
    )
    trio.run(_record, live, wanted, folder, log, seconds, watched)
    watched.check(folder)
    facts = told(Session(folder), watched)
    if as_json:
        say_json(facts)
    else:
        _say(facts, watched, log)


async def _record(
    live: Live,
    wanted: Subscribe,
    folder: Path,
    log: Path | None,
    seconds: float | None,
    watched: Watched,
) -> None:
    """Record until it is told to stop, and seal what was recorded."""
    async with open_engine(live, log=log, record=folder) as engine:
        watched.engine = engine
        engine.command(WatchClock(wanted.exchange))
        engine.command(wanted)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watched.follow, engine)
            nursery.start_soon(watched.show, engine)
            with trio.move_on_after(float("inf") if seconds is None else seconds):
                await _until_stopped(watched)
            nursery.cancel_scope.cancel()
        watched.end()  # from here on a signal ends it where it is: unsealed, and readable


async def _until_stopped(watched: Watched) -> None:
    """Until Ctrl-C, a `kill`, a terminal that is closed, or a recording that cannot go on."""
    with trio.open_signal_receiver(*STOPS) as signals:
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                async for _ in signals:
                    nursery.cancel_scope.cancel()

            nursery.start_soon(ask)
            await watched.stopped.wait()
            nursery.cancel_scope.cancel()


def _say(facts: dict[str, Any], watched: Watched, log: Path | None) -> None:
    assert watched.engine is not None
    say("")
    draw_table(views_table(watched.engine.views))
    say(
        "",
        f"{facts['frames']:,} frames, {facts['events']:,} events in {watched.seconds:.1f} s",
        f"digest {facts['digest']}",
        f"the session is {facts['session']}, and replays to that digest",
    )
    if facts["masked"]:
        say(f"masked: {', '.join(facts['masked'])}")
    if log:
        say(f"the events are in {log}")
