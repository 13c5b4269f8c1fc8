"""One pass as a process of its own, and all passes in turns: A B C A B C, and never A A A B B B.

What else a machine does comes and goes over seconds. In turns it falls on everybody, and a ratio is
taken between passes that stood beside each other.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.captures import Capture
from bench.entries import ALONE, ONCE, Entry, entries
from bench.machine import on_one_core

BENCHMARKS = Path(__file__).parents[1]
PASS_MAX = 900.0
"""Seconds that one pass may take."""
LONG_MAX = 7200.0
"""The same for growth, where somebody asked for a long one."""
_NOT_INHERITED = ("TAPEFOLD_PURE", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "MOCK_API_ENABLED")
"""What would change a pass: without compiled bytecode on the disk, every import compiles."""
Row = dict[str, Any]
"""One pass: the script's own line, and who it was, in which session and round."""
Say = Callable[[str], None]


class Place(NamedTuple):
    """Where passes run."""

    root: Path
    """What `benchmarks/environment` made; where it is not there, only we take part, as we are here."""
    cache: Path
    """What is prepared once: sessions, logs, others' files."""

    def command(self, entry: Entry, capture: Capture) -> Sequence[str] | str:
        """How to run an entry; or why it cannot be."""
        files = [] if entry.form == "f" else [str(path.resolve()) for path in capture.paths]
        if entry.environment != "ours" and not capture.foreign and entry.form != "f":
            return "the recordings are not there"
        enter = self.root / "enter"
        if (self.root / "venvs" / entry.environment / "bin" / "python").is_symlink():
            return [str(enter.resolve()), entry.environment, *entry.arguments, *files]
        if entry.environment == "ours":
            return [sys.executable, *entry.arguments, *files]
        return "its environment is not there (benchmarks/environment makes it)"


class Plan(NamedTuple):
    """What to run."""

    forms: str
    captures: Sequence[Capture]
    rounds: int
    quick: bool = False
    long: bool = False

    def turns(self, form: str) -> Iterator[tuple[Entry, Capture, int]]:
        """A form's passes in their order; round 0 is the one in which checksums are taken."""
        there = self.captures[-1:] if form in ONCE else self.captures
        wanted = entries(form, quick=self.quick, long=self.long)
        for capture in there:
            yield from ((entry, capture, 0) for entry in wanted if entry.check)
            for number in range(1, self.rounds + 1):
                turn = (entry for entry in wanted if number == 1 or not entry.once)
                yield from ((entry, capture, number) for entry in turn)


def run_all(plan: Plan, place: Place, say: Say) -> Iterator[Row]:
    """Every pass of a plan, each as soon as it is over."""
    place.cache.mkdir(parents=True, exist_ok=True)
    for form in plan.forms:
        absent: dict[tuple[str, str], str] = {}
        with on_one_core(wanted=form in ALONE) as core:
            for entry, capture, number in plan.turns(form):
                if (entry.name, capture.name) in absent:
                    continue
                row = run(place, entry, capture, number, LONG_MAX if plan.long else PASS_MAX)
                if "not_run" in row:
                    absent[entry.name, capture.name] = row["not_run"]
                say(_said(row))
                yield row | {"core": core}


def run(
    place: Place, entry: Entry, capture: Capture, number: int, seconds_max: float = PASS_MAX
) -> Row:
    """One pass. What stood in its way is a row, and no error."""
    row: Row = {"entry": entry.name, "form": entry.form, "capture": capture.name, "round": number}
    command = place.command(entry, capture)
    if isinstance(command, str):
        return row | {"not_run": command}
    if number == 0:
        command = [*command, "--check"]
    try:
        said = subprocess.run(
            command,
            cwd=BENCHMARKS,
            env=_environment(entry, place),
            capture_output=True,
            text=True,
            timeout=seconds_max,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return row | {"not_run": _why(error)}
    return _read(said) | row


def _environment(entry: Entry, place: Place) -> dict[str, str]:
    given = {"TAPEFOLD_BENCH_CACHE": str(place.cache.resolve())}
    # Hashes of text are the same in every pass, so are dicts: one source of noise less.
    given["PYTHONHASHSEED"] = "0"
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    return kept | given | ({"TAPEFOLD_PURE": "1"} if entry.pure else {})


def _read(said: "subprocess.CompletedProcess[str]") -> Row:
    """The script's one line, or the last thing that it complained of."""
    lines = said.stdout.strip().splitlines()
    if said.returncode == 0 and lines:
        try:
            line: Row = json.loads(lines[-1])
        except ValueError:
            return {"not_run": f"its line is no JSON: {lines[-1][:80]}"}
        return line
    complaint = said.stderr.strip().splitlines() or [f"it ended with {said.returncode}"]
    words = complaint[-1]
    for place in (str(BENCHMARKS.parent), sys.prefix):  # results are for others to read, too
        words = words.replace(place, "...")
    return {"not_run": words[:200]}


def _why(error: OSError | subprocess.TimeoutExpired) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it took longer than {error.timeout:.0f} s"
    return str(error.strerror)


def _said(row: Row) -> str:
    """A pass as a line of progress."""
    turn = f"round {row['round']}" if row["round"] else "check"
    told = f"{row['form']}  {row['capture']:<10}{turn:<9}{row['entry']:<50}"
    if "not_run" in row:
        return f"{told}not run: {row['not_run']}"
    if not row["round"]:
        return f"{told}{row.get('tops') or 'no checksum'}"
    return f"{told}{row['seconds']:8.4f} s"
