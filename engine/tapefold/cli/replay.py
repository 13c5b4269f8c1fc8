"""`tapefold replay`: play a session, say what happened, and whether it is what was recorded."""

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from tapefold.cli.failures import Patience
from tapefold.cli.options import examples, parsed
from tapefold.cli.paths import BUNDLED, open_session
from tapefold.cli.play import Kept, Played, Player
from tapefold.cli.strategies import Named, changed, made, parse_named
from tapefold.cli.tables import draw_table, drawn, views_table
from tapefold.cli.terminal import Screen, complain, on_terminal, say, say_json, screen
from tapefold.cli.when import Until, moment, parse_speed, parse_until, span
from tapefold.errors import Mismatch
from tapefold.replay import Replay, check_strategies
from tapefold.report import Report, replay_report
from tapefold.session import Session
from tapefold.strategy import Strategy

if TYPE_CHECKING:
    from rich.console import RenderableType


@click.command(
    "replay",
    short_help="Play a session, and prove it by its digest.",
    epilog=examples(
        "tapefold replay",
        "tapefold replay cassettes/binance/minute-with-a-gap --speed 10 --until +2m",
        "tapefold replay cassettes/binance/minute-with-a-gap --log eth.log --json",
        "tapefold replay --door mock",
        "tapefold replay recordings/today --strategy makers:Maker",
    ),
)
@click.argument("path", metavar="[SESSION]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--speed",
    metavar="N|max",
    callback=parsed(parse_speed),
    default="max",
    help="1 is as recorded, 10 ten times that; max, as fast as it goes, if not given.",
)
@click.option(
    "--until",
    metavar="POSITION|TIME",
    callback=parsed(parse_until),
    help="Stop at a position of the log (1234), at a time (2024-08-08T23:54:15.5, UTC unless it "
    "says otherwise) or so long after the start (+12.5s, +2m).",
)
@click.option(
    "--log",
    "log",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the events to a new log.",
)
@click.option(
    "--door",
    type=click.Choice(["replay", "mock"]),
    default="replay",
    help="replay: straight into the kernel, if not given. mock: a fake exchange over loopback "
    "sockets, and the engine as it is live.",
)
@click.option(
    "--strategy",
    "named",
    metavar="MODULE:CLASS",
    multiple=True,
    callback=parsed(parse_named),
    help="Ask a strategy of the session again, and compare what it commands with what it did then; "
    "may be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one object, with fingerprints.")
def command(
    path: Path | None, door: str, named: tuple[Named, ...], as_json: bool, **how: Any
) -> None:
    """Play a SESSION, the bundled one if none is named, and prove it by its digest.

    `bundled` names that one as well, wherever a SESSION is asked for.
    """
    session = open_session(path or Path(BUNDLED))
    if door == "mock" and how["until"]:
        raise click.BadOptionUsage("until", "--until needs the door `replay`")
    strategies = made(named, session)
    check_strategies(session, strategies)
    for line in changed(strategies, session):
        complain(line)
    asked = Asked(strategies=strategies, **how)
    if door == "mock":
        played = _mocked(session, asked, as_json=as_json)
    else:
        played = _replayed(session, asked, as_json=as_json)
    report = played.report
    if as_json:
        say_json(
            report.as_json() | {"door": door, "mismatch": played.mismatch and str(played.mismatch)}
        )
    else:
        say("")
        draw_table(views_table(played.views))
        say("", *outcome(played), *([f"the events are in {asked.log}"] if asked.log else []))
    if played.mismatch:
        raise played.mismatch
    if report.reached is False:
        raise Mismatch(not_reached(report))


class Asked(NamedTuple):
    """How a session is to be played."""

    log: Path | None
    speed: float | None
    until: Until | None
    strategies: Sequence[Strategy]


def _mocked(session: Session, asked: Asked, *, as_json: bool) -> Played:
    """Through the mock door."""
    from tapefold.cli.mocked import play_mocked

    if not as_json:
        say(*announced(session, asked.strategies))
    log, speed, _, strategies = asked
    return play_mocked(session, log, speed, fingerprints=as_json, strategies=strategies)


def _replayed(session: Session, asked: Asked, *, as_json: bool) -> Played:
    """Through the replay door."""
    with Patience() as patience, ExitStack() as stack:
        kept = stack.enter_context(Kept(asked.log, session.start())) if asked.log else None
        if not as_json:
            say(*announced(session, asked.strategies))
        shown = stack.enter_context(screen())

        def between(replay: Replay) -> None:
            if kept:
                kept.between(replay)
            if shown.due():
                _show(shown, replay)

        player = Player(speed=asked.speed, until=asked.until, between=between, patience=patience)
        return _played(session, asked.strategies, kept, player, as_json=as_json)


def _played(
    session: Session,
    strategies: Sequence[Strategy],
    kept: Kept | None,
    player: Player,
    *,
    as_json: bool,
) -> Played:
    replays: list[Replay] = []
    mismatches: list[Mismatch] = []

    def play(replay: Replay) -> float:
        replays.append(replay)
        try:
            return player.play(replay)
        except Mismatch as mismatch:  # how far it came is worth to be seen
            mismatches.append(mismatch)
            return player.spent

    sink = kept.log if kept else None
    report = replay_report(session, sink, fingerprints=as_json, play=play, strategies=strategies)
    if kept:
        kept.end(replays[0])
    (replay,) = replays
    mismatch = mismatches[0] if mismatches else None
    return Played(report, replay.views, replay.time, mismatch, replay.failures)


def _show(shown: Screen, replay: Replay) -> None:
    """The books as they are being rebuilt, where nothing but the terminal hears of it."""
    books = on_terminal(sys.stdout)
    most = max(1, os.get_terminal_size(sys.stderr.fileno()).lines - 8)
    shown.show(picture(replay, most if books else 0))


def picture(replay: Replay, most: int) -> "RenderableType":
    """Up to *most* books, and how far the tape is."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text as Line

    whole, time = replay.session.meta.counts.lines, replay.time
    since = span(time - replay.session.meta.started_ns)
    row = Table.grid(padding=(0, 1))
    total = max(whole, replay.lines) if whole else None
    row.add_row(
        ProgressBar(
            total=total, completed=replay.lines, width=20, pulse=not whole, complete_style="cyan"
        ),
        Line(f"{replay.lines:,}{f' of {whole:,}' if whole else ''} lines", "dim"),
        Line(f"{moment(time, digits=1)[11:]} UTC  +{since}", "dim"),
    )
    return Group(Line(), drawn(views_table(replay.views, most)), Line(), row) if most else row


def announced(session: Session, strategies: Sequence[Strategy] = ()) -> list[str]:
    """What is going to be played."""
    meta = session.meta
    lines = f", {meta.counts.lines:,} lines" if meta.counts.lines else ""
    when = moment(meta.started_ns, digits=0)
    told = [f"replaying {session.folder}", f"{', '.join(meta.exchanges)}{lines}, from {when} UTC"]
    if meta.start_position:
        told.append(f"going on from position {meta.start_position:,} of a log")
    if strategies:
        told.append(f"asking again: {', '.join(each.name for each in strategies)}")
    return told


def outcome(played: Played) -> list[str]:
    """What there is to say below the table."""
    report = played.report
    rate = f": {report.frames_per_second:,} frames/s" if report.ended else ""
    lines = [f"{report.frames:,} frames, {report.events:,} events in {report.seconds:.2f} s{rate}"]
    if report.skipped:
        lines.append(f"{report.skipped:,} frames of streams that nobody reads")
    if report.session.torn:
        lines.append(f"left out, as after a kill: {report.session.torn}")
    if report.anomalies:
        lines.append(
            f"anomalies: {report.anomalies:,}; `tapefold show {report.session.folder} "
            f"--at {report.head}` tells the latest"
        )
    lines += [
        " ".join(f"{name} raised {type(error).__name__}: {error}".split())
        for name, error in played.failures.items()
    ]
    if not report.ended:
        since = span(played.time - report.session.meta.started_ns)
        lines += (
            f"stopped early, at position {report.head:,}, {moment(played.time)} UTC (+{since})",
            "so the digest is not compared",
        )
    lines.append(f"digest {report.digests.log}")
    if report.ended:
        lines.append(_COMPARED[report.reached])
    return lines


_COMPARED = {
    True: "which is the one recorded, as are those of all folds",
    False: "which is not what was recorded, or a fold is not",
    None: "and none was recorded to compare it with",
}


def not_reached(report: Report) -> str:
    """Which digests differ, and why that may be. Reads the tape once more."""
    wanted, got = report.session.meta.digests, report.digests
    folds = [name for name in sorted(wanted.folds) if wanted.folds[name] != got.folds.get(name)]
    lines = [
        "the replay did not come to what was recorded",
        f"  recorded  {wanted.log}",
        f"  reached   {got.log}",
        f"  folds that differ: {', '.join(folds) or 'none'}",
    ]
    if report.session.edited():
        lines.append("  the tape was edited since it was sealed")
    return "\n".join(lines)
