"""`tapefold conformance`: whether an adapter keeps to its contract, as a table."""

import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

import click

from tapefold.cli.options import Whole, examples
from tapefold.cli.paths import open_session
from tapefold.cli.terminal import Screen, complain, draw, on_terminal, say, say_json, screen
from tapefold.errors import BadInput, Mismatch, TapefoldError

if TYPE_CHECKING:
    from rich.table import Table

    from tapefold.adapter import Adapter
    from tapefold.testing.conformance import Checked, Conformance, Coverage

EVERY: Final = 5.0
"""Seconds between two lines of progress in a pipe."""


@click.command(
    "conformance",
    short_help="Check an exchange's adapter: its rules, and faults in its books.",
    epilog=examples(
        "tapefold conformance binance",
        "tapefold conformance mine:ADAPTER --session cassettes/mine/first --every 10",
        "tapefold conformance binance --only pure --only total --json",
    ),
)
@click.argument("adapter")
@click.option(
    "--session",
    "folders",
    metavar="DIR",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A good session of the exchange; those in cassettes/EXCHANGE if none is given.",
)
@click.option(
    "--every",
    metavar="K",
    type=Whole(min=1),
    help="Plant faults at each K-th line with a book, and each K-th place of a trading story; if not "
    "given at all lines, of long tapes at 200, and each 7th place.",
)
@click.option(
    "--only", metavar="CHECK", multiple=True, help="This check alone; several may be given."
)
@click.option("--json", "as_json", is_flag=True, help="Print one object.")
def command(
    adapter: str, folders: Sequence[Path], every: int | None, only: Sequence[str], as_json: bool
) -> None:
    """Check an ADAPTER, by the name of an installed exchange or as module:attribute.

    Each check is a rule that every adapter keeps. Faults are planted in recorded sessions: frames are
    dropped, doubled, delayed, halved, connections cut and silent; then the books must be right again.
    """
    from tapefold.testing.conformance import conform, find_sessions

    found = _adapter(adapter)
    sessions = [open_session(path) for path in folders]
    sessions = sessions or find_sessions(found.description.exchange)
    with screen() as shown:
        result = conform(
            found,
            sessions,
            every=every,
            only=only,
            progress=_News(shown).show,
        )
    if as_json:
        say_json({"passed": result.passed, **_facts(result)})
    elif on_terminal(sys.stdout):
        draw(_table(result))
    else:
        say(*map(_line, result.checks))
    if not as_json:
        say(*_failures(result), *_coverage(result.coverage), _sum(result))
    if not result.passed:
        raise Mismatch(f"{adapter} does not keep to {', '.join(result.failed)}")


def _adapter(name: str) -> "Adapter":
    """The adapter to be checked. Raises `AdapterError`, `BadInput` for what makes none."""
    from tapefold.testing.conformance import find_adapter

    try:
        return find_adapter(name)
    except TapefoldError:
        raise
    except Exception as error:  # whatever somebody's module raises is about that module
        told = " ".join(f"{type(error).__name__}: {error}".split())
        raise BadInput(f"{name} makes no adapter: {told}") from error


class _News:
    """What is being done: drawn on a terminal, now and then a line in a pipe."""

    def __init__(self, shown: Screen) -> None:
        self._shown, self._said = shown, monotonic()

    def show(self, what: str, done: int, of: int) -> None:
        """So much of it is done."""
        line = f"{what}: {done:,} of {of:,}"
        if self._shown.due():
            from rich.text import Text

            self._shown.show(Text(line, "dim"))
        elif not on_terminal(sys.stderr) and monotonic() - self._said >= EVERY:
            self._said = monotonic()
            complain(line)


def _facts(result: "Conformance") -> dict[str, object]:
    from msgspec.structs import asdict

    return asdict(result)


def _verdict(checked: "Checked") -> str:
    if not checked.passed:
        return "failed"
    return "passed" if checked.checked else "nothing to check"


def _line(checked: "Checked") -> str:
    note = f" ({checked.note})" if checked.note else ""
    return (
        f"{checked.name}  {_verdict(checked)}  {checked.checked:,} of {checked.of:,}{note}  "
        f"{checked.what}"
    )


def _table(result: "Conformance") -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("check", "", "cases", "of", "what must hold"):
        table.add_column(name, justify="right" if name in ("cases", "of") else "left")
    styles = {"failed": "bold red", "passed": "green"}
    for each in result.checks:
        verdict = _verdict(each)
        what = f"{each.what} ({each.note})" if each.note else each.what
        style = styles.get(verdict, "dim")
        cases = f"{each.checked:,}", f"{each.of:,}"
        table.add_row(each.name, Text(verdict, style), *cases, what)
    return table


def _failures(result: "Conformance") -> list[str]:
    return [f"{each.name}: {failure}" for each in result.checks for failure in each.failures]


def _coverage(coverage: "Coverage") -> list[str]:
    if not coverage.hit:
        lines = [f"tapes: {coverage.lines:,} lines"]
    else:
        lines = [f"tapes: {coverage.lines:,} lines, {coverage.book_lines:,} of them with a book"]
        hit = ", ".join(f"{kind} {count:,}" for kind, count in coverage.hit.items())
        lines.append(f"faults planted: {hit}")
    for name, unseen in (
        ("channels", coverage.unseen_channels),
        ("answers to requests", coverage.unseen_purposes),
    ):
        if unseen:
            lines.append(f"{name} that no session shows: {', '.join(unseen)}")
    return lines


def _sum(result: "Conformance") -> str:
    passed = sum(each.passed for each in result.checks)
    return f"{result.exchange}: {passed} of {len(result.checks)} checks passed, in {result.seconds:.1f} s"
