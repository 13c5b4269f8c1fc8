"""`tapefold scenario`: run files that say what is to be true, list them, and write new ones."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from tapefold.cli.options import Whole, examples, parsed
from tapefold.cli.paths import open_session
from tapefold.cli.scenario_chosen import Words, parse_words, picked, read_all
from tapefold.cli.scenario_modes import MODES
from tapefold.cli.scenario_run import Asked, run_all
from tapefold.cli.tables import Table, draw_table
from tapefold.cli.terminal import say, say_json
from tapefold.errors import Refused
from tapefold.scenario import Place

_SCENARIOS = click.option(
    "--scenarios",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path("scenarios"),
    show_default=True,
    help="Where scenarios are that are called by their name.",
)
_WORDS = click.option(
    "-k",
    "words",
    metavar="WORDS",
    multiple=True,
    callback=parsed(parse_words),
    help="Only those with all these words in their name or title; `not` before a word: without it.",
)


def _parse_amount(text: str) -> Decimal:
    """An amount above 0. Raises `ValueError`."""
    if not re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,18})?", text, re.ASCII) or not Decimal(text):
        raise ValueError(f"{text!r} is no amount above 0: 25, or 12.5")
    return Decimal(text)


@click.group(
    "scenario",
    short_help="Run trading stories that say what is to be true; list them, write one.",
    epilog=examples(
        "tapefold scenario run",
        "tapefold scenario run limit_buy --exchange binance",
        "tapefold scenario list",
        "tapefold scenario new recordings/btc -o scenarios/btc.toml",
    ),
)
def command() -> None:
    """Run scenarios: files that say what is given, what happens, and what must be true then."""


@command.command(
    "run",
    short_help="Run scenarios, in every way that each can be.",
    epilog=examples(
        "tapefold scenario run",
        "tapefold scenario run scenarios/limit_buy.toml --exchange binance",
        "tapefold scenario run -k 'cancel not all' -x --jobs 2",
        "tapefold scenario run --junit report.xml",
        "tapefold scenario run limit_buy --record",
        "tapefold scenario run --mode testnet -k live",
        "tapefold scenario run live_limit_buy --mode live --spend-max 25",
    ),
)
@click.argument("given", metavar="[PATH|NAME]...", nargs=-1)
@click.option("--exchange", metavar="X", help="Only at this one; at all they can be, if not given.")
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="mock",
    show_default=True,
    help="mock never leaves this machine; testnet trades on a test network, live with money.",
)
@click.option(
    "--record",
    is_flag=True,
    help="Make each one's recording anew from the simulator, where it passes in every way.",
)
@click.option(
    "--junit",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Also write a report in JUnit's XML. A file that is there and is none is not written over.",
)
@_WORDS
@click.option("-x", "first_only", is_flag=True, help="Stop at the first failure.")
@click.option(
    "--jobs",
    metavar="N",
    type=Whole(1, 256),
    default=1,
    show_default=True,
    help="Processes that run them; what comes out is the same, in the same order.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one object a line for each outcome.")
@click.option(
    "--spend-max",
    metavar="AMOUNT",
    callback=parsed(_parse_amount),
    help="What all orders of a run at an exchange may be worth together; live asks to have it typed back.",
)
@click.option("--ws", default="", metavar="URL", help="testnet, live: connect here instead.")
@click.option("--rest", default="", metavar="URL", help="testnet, live: ask here instead.")
@click.option(
    "--keep",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="testnet, live: also record each as a session, DIR/EXCHANGE/NAME.",
)
@_SCENARIOS
@click.option(
    "--cassettes",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path("cassettes"),
    show_default=True,
    help="Where their recordings are, as EXCHANGE/NAME.",
)
@click.pass_context
def run(context: click.Context, /, **asked: Any) -> None:
    """Run the scenarios of files, of folders, or of a NAME in --scenarios; without any, all of those.

    Each runs in every way that it can: acted at the simulated exchange; its recording replayed; its
    recording played by a fake exchange over sockets of this machine. Exit code 1: one failed.

    With --mode testnet and live it is acted at an exchange itself, with the key that EXCHANGE_API_KEY and
    EXCHANGE_API_SECRET have; live asks first. Whatever ends it, its orders are canceled.
    """
    open_faults: bool = context.find_root().params["traceback"]
    if not run_all(Asked(**asked, open_faults=open_faults)):
        raise click.exceptions.Exit(1)


@command.command(
    "list",
    short_help="Show which scenarios there are.",
    epilog=examples("tapefold scenario list", "tapefold scenario list -k cancel --json"),
)
@click.argument("given", metavar="[PATH|NAME]...", nargs=-1)
@_WORDS
@click.option("--json", "as_json", is_flag=True, help="Print one object a line for each.")
@_SCENARIOS
def listed(
    given: tuple[str, ...], words: tuple[Words, ...], as_json: bool, scenarios: Path
) -> None:
    """Show the scenarios of files, of folders, or of a NAME in --scenarios; without any, all of those."""
    places = picked(read_all(given, scenarios), words)
    if as_json:
        for place in places:
            say_json(_facts(place), one_line=True)
        return
    names = ("name", "exchanges", "plays at", "title")
    draw_table(Table(names, [_row(place) for place in places], frozenset(names)))


def _row(place: Place) -> tuple[str, ...]:
    scenario = place.scenario
    at = "a recording" if scenario.given.session else "the simulator"
    return place.name, ", ".join(scenario.exchanges) or "any", at, scenario.title


def _facts(place: Place) -> dict[str, Any]:
    scenario = place.scenario
    return {
        "name": place.name,
        "path": str(place.path),
        "title": scenario.title,
        "exchanges": scenario.exchanges,
        "session": scenario.given.session or None,
        "steps": len(scenario.when),
        "requires": {
            asset: {"least": str(needed.least), "better": str(needed.better)}
            for asset, needed in scenario.requires.items()
        },
    }


@command.command(
    "new",
    short_help="Write a scenario of what a recorded session shows.",
    epilog=examples("tapefold scenario new recordings/btc -o scenarios/btc.toml"),
)
@click.argument("path", metavar="SESSION", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where to write it: `scenarios/NAME.toml`, if not given.",
)
def new(path: Path, file: Path | None) -> None:
    """Write a scenario that is true of a SESSION: its orders, fills, balances and books.

    It is a beginning: take out what does not matter, and say in its title what does. A file that is there
    is not written over.
    """
    from tapefold.scenario.making import make

    session = open_session(path)
    file = file or Path("scenarios") / f"{session.folder.resolve().name}.toml"
    if file.exists():
        raise Refused(f"{file} is there already: name another with -o")
    text = make(session, file)
    try:
        with file.open("x", encoding="utf-8") as written:
            written.write(text)
    except OSError as error:
        raise Refused(f"{file} cannot be written: {error.strerror}") from error
    say(f"{file}: a scenario of {path}", f"run it with `tapefold scenario run {file}`")


@command.command(
    "schema",
    short_help="Print the JSON schema of scenario files.",
    epilog=examples("tapefold scenario schema > scenario.schema.json"),
)
def shown() -> None:
    """Print the JSON schema of scenario files, for editors."""
    import json

    from tapefold.scenario.reading import schema

    say(json.dumps(schema(), indent=2, ensure_ascii=False))
