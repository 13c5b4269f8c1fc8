"""The benchmark: `python benchmarks/run.py` measures, and `--page` writes docs/benchmarks.md.

What is measured and how stands in benchmarks/README.md; what came out in docs/benchmarks.md.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from bench.captures import FILES, REPO, SHARED, captures
from bench.entries import TITLES, entries
from bench.floors import floors
from bench.machine import described
from bench.page import write_page
from bench.plot import drawn
from bench.results import Results
from bench.running import Place, Plan, run_all
from bench.tables import tables

BUILD: Final = REPO / "build" / "benchmarks"
EXAMPLE: Final = "example: python benchmarks/run.py --forms a,c --quick -o /somewhere/results"


def asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLE)
    named = partial(_some, FILES)
    forms = "; ".join(f"{form}: {title}" for form, title in TITLES.items())
    parser.add_argument(
        "--forms", type=partial(_some, TITLES), default=[*TITLES], help=f"{forms} (all)"
    )
    parser.add_argument("--rounds", type=_rounds, default=3, help="of all contenders in turns (3)")
    parser.add_argument(
        "--quick", action="store_true", help="one round, one session, few repetitions"
    )
    parser.add_argument(
        "--long", action="store_true", help="form g up to 100 million events: minutes"
    )
    parser.add_argument(
        "--sessions", type=named, default="spot,usdm", help=f"of {', '.join(FILES)} (spot,usdm)"
    )
    parser.add_argument(
        "--captures", type=Path, default=SHARED, help="the recordings (beside the checkout)"
    )
    parser.add_argument(
        "--root", type=Path, default=BUILD, help="made by benchmarks/environment (%(default)s)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=BUILD / "results", help="(%(default)s)"
    )
    parser.add_argument("--name", default="results", help="of the files that are written (results)")
    parser.add_argument(
        "--page",
        action="store_true",
        help="measure nothing: write the page from benchmarks/results",
    )
    options = parser.parse_args(arguments)
    if complaint := _unusable(options):
        parser.error(complaint)
    return options


def _some(known: Iterable[str], text: str) -> list[str]:
    """Some of what is known, by their names."""
    names, known = text.split(","), [*known]
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
    return [name for name in known if name in names]


def _rounds(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rounds: 1 or more")
    return int(text)


def _unusable(options: argparse.Namespace) -> str:
    """What is wrong with a folder that was named; better said now than after minutes."""
    if options.root != BUILD and not (options.root / "enter").is_file():
        return f"{options.root} is no environment: `benchmarks/environment {options.root}` makes it"
    if options.captures != SHARED:
        found = captures(options.captures, options.sessions)
        if not all(each.foreign for each in found):
            return f"{options.captures} has no recordings of {', '.join(options.sessions)}"
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return f"{options.output} cannot be written ({error.strerror}): name another folder with -o"
    return ""


def measure(options: argparse.Namespace) -> int:
    """Run it, and write what was measured, also where Ctrl-C ends it."""
    forms = options.forms
    names = options.sessions[-1:] if options.quick else options.sessions
    sessions = captures(options.captures, names)
    rounds = 1 if options.quick else options.rounds
    plan = Plan("".join(forms), sessions, rounds, quick=options.quick, long=options.long)
    place = Place(options.root, options.root / "cache")
    wanted = {form: entries(form, quick=plan.quick, long=plan.long) for form in forms}
    results = Results(
        machine=described(),
        options={
            "rounds": rounds,
            "sessions": [each.name for each in sessions],
            "quick": options.quick,
            "long": options.long,
        },
        names={form: [each.name for each in there] for form, there in wanted.items()},
        bases={form: [each.name for each in there if each.base] for form, there in wanted.items()},
    )
    stopped = False
    try:
        for row in run_all(plan, place, say):
            results.rows.append(row)
    except KeyboardInterrupt:
        stopped = True
    results.options["stopped"] = stopped
    write(results, options.output, options.name)
    if results.stale:
        say("\nwhat ran is not what stands in this checkout: run benchmarks/environment again")
    return 130 if stopped else 0


def write(results: Results, folder: Path, name: str) -> None:
    """JSON, tables and picture; the tables are printed, too."""
    results.save(folder / f"{name}.json")
    every = [floors(results), *tables(results)]
    plain = "\n\n".join(table.plain() for table in every)
    (folder / f"{name}.txt").write_text(f"{plain}\n")
    marked = "\n\n".join(f"### {table.title}\n\n{table.markdown()}" for table in every)
    (folder / f"{name}.md").write_text(f"{marked}\n")
    (folder / f"{name}.svg").write_text(drawn(results))
    say(f"\n{plain}\n\n{folder / name}.json .txt .md .svg")


def say(text: str) -> None:
    """To whoever waits, at once; where nobody does any more, what was measured is still written."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(arguments: Sequence[str] | None = None) -> int:
    """From a command line."""
    options = asked(arguments)
    if options.page:
        write_page()
        return 0
    return measure(options)


if __name__ == "__main__":
    raise SystemExit(main())
