"""`tapefold import`: make a session of somebody else's capture."""

from pathlib import Path
from typing import Any

import click

from tapefold.cli.options import examples, parsed
from tapefold.cli.terminal import say, say_json, screen
from tapefold.imports import Imported, formats, import_capture
from tapefold.report import replay_report


def parse_symbol(text: str) -> tuple[str, str]:
    """`NATIVE=BASE-QUOTE`. Raises `ValueError`."""
    native, equals, symbol = text.partition("=")
    base, dash, quote = symbol.partition("-")
    if not (native and equals and base and dash and quote and text.isprintable()):
        raise ValueError(f"{text!r} is not of the form ETHUSDT=ETH-USDT")
    return native, symbol


@click.command(
    "import",
    short_help="Make a session of somebody else's capture.",
    epilog=examples(
        "tapefold import hftbacktest ethusdt_20240808.gz -o eth --symbol ETHUSDT=ETH-USDT",
    ),
)
@click.argument("form", metavar="FORMAT")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "-o",
    "--output",
    "target",
    metavar="SESSION",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder to make; it must not be there yet.",
)
@click.option("--exchange", metavar="X", help="Whose capture it is, where it does not say.")
@click.option(
    "--symbol",
    "symbols",
    metavar="NATIVE=BASE-QUOTE",
    callback=parsed(parse_symbol),
    multiple=True,
    help="What an instrument is called, where the capture does not list it; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one object.")
def command(
    form: str,
    files: tuple[Path, ...],
    target: Path,
    exchange: str | None,
    symbols: tuple[tuple[str, str], ...],
    as_json: bool,
) -> None:
    """Make a SESSION of a capture in one of the known FORMATs: cryptofeed, hftbacktest.

    A folder stands for all files in it. The session appears whole or not at all.
    """
    if form not in formats():
        raise click.BadParameter(
            f"there is no format {form!r}; there are: {', '.join(formats())}", param_hint="FORMAT"
        )
    with screen() as shown:

        def progress(what: str, lines: int) -> None:
            if shown.due():
                from rich.text import Text as Line

                shown.show(Line(f"{what}: {lines:,} lines", "dim"))

        made = import_capture(
            form, files, target, exchange=exchange, symbols=dict(symbols), progress=progress
        )
    if as_json:
        say_json(import_facts(made))
    else:
        say(*import_lines(made))


def import_facts(made: Imported) -> dict[str, Any]:
    """What was made."""
    meta = made.session.meta
    return {
        "session": str(made.session.folder),
        "exchanges": meta.exchanges,
        "instruments": meta.instruments,
        "lines": meta.counts.lines,
        "frames": meta.counts.frames,
        "events": meta.counts.events,
        "synthesised": meta.synthesised,
        "without_answer": made.without_answer,
        "left_out": made.left_out,
        "digest": meta.digests.log,
    }


def import_lines(made: Imported) -> list[str]:
    """The same for people."""
    meta, counts = made.session.meta, made.session.meta.counts
    what = f"{', '.join(meta.instruments) or 'no instrument'} on {', '.join(meta.exchanges)}"
    lines = [
        f"{made.session.folder}: {counts.frames:,} frames, {counts.events:,} events of {what}",
        f"nobody recorded, so made by the import: {', '.join(meta.synthesised)}",
    ]
    lines += unanswered(made)
    lines += [f"left out: {count:,} {what}" for what, count in made.left_out.items()]
    return [*lines, f"digest {meta.digests.log}"]


def unanswered(made: Imported) -> list[str]:
    """What the capture never answers, and which books it leaves dead. Replays the session."""
    report = replay_report(made.session)
    lines = [f"without an answer: {asked}" for asked in made.without_answer]
    for row in report.instruments:
        name = row.instrument.symbol
        if row.book.state == "empty" and (
            row.deltas or f"book {row.instrument.native_symbol}" in made.without_answer
        ):
            lines.append(
                f"{name}: the capture has no snapshot that fits, so this book is never live"
            )
        elif row.book.state == "stale":
            lines.append(f"{name}: this book is stale from its last gap on")
    if report.anomalies:
        lines.append(
            f"anomalies: {report.anomalies:,}; `tapefold show {made.session.folder}` tells of them"
        )
    if not any(row.deltas or row.trades or row.quotes for row in report.instruments):
        lines.append(
            "no frame of it could be used: is it another exchange's? say which with --exchange"
        )
    return lines
