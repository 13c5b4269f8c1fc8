"""`tapefold diff`: what is known at one position of a log or a session, and not at another."""

from pathlib import Path
from typing import Any

import click

from tapefold.cli.options import Whole, examples
from tapefold.cli.paths import open_either
from tapefold.cli.tables import Table, draw_table
from tapefold.cli.terminal import say, say_json
from tapefold.inquiry import Change, diff_log

_POSITION = Whole(0, 2**62)


@click.command(
    "diff",
    short_help="What changed between two positions.",
    epilog=examples(
        "tapefold diff eth.log 5000 6000",
        "tapefold diff cassettes/binance/minute-with-a-gap 1200 1300 --json",
    ),
)
@click.argument("path", metavar="LOG|SESSION", type=click.Path(path_type=Path))
@click.argument("before", metavar="P", type=_POSITION)
@click.argument("after", metavar="Q", type=_POSITION)
@click.option("--json", "as_json", is_flag=True, help="Print one object.")
def command(path: Path, before: int, after: int, as_json: bool) -> None:
    """What is known at position Q of a LOG or a SESSION, and was not at position P.

    Q may be the earlier one. Of a book the best twenty levels that differ are shown.
    """
    changes = diff_log(open_either(path), before, after)
    if as_json:
        rows = [_facts(change) for change in changes]
        say_json({"path": str(path), "before": before, "after": after, "changes": rows})
        return
    if not changes:
        say(f"nothing differs between positions {before:,} and {after:,} of {path}")
        return
    things = "1 thing differs" if len(changes) == 1 else f"{len(changes):,} things differ"
    say(f"{path}, from position {before:,} to {after:,}: {things}", "")
    draw_table(changes_table(changes, before, after))


def _facts(change: Change) -> dict[str, Any]:
    return {
        "fold": change.fold,
        "subject": change.subject,
        "field": change.field,
        "before": change.before or None,
        "after": change.after or None,
    }


def changes_table(changes: list[Change], before: int, after: int) -> Table:
    """Each thing that is known by its name, which stands in the first of its rows."""
    rows: list[tuple[str, ...]] = []
    last = ""
    for change in changes:
        name = "" if change.subject == last else change.subject
        last = change.subject
        rows.append((name, change.field, change.before or "-", change.after or "-"))
    columns = ("what", "of it", f"at {before:,}", f"at {after:,}")
    return Table(columns, rows, frozenset(columns))
