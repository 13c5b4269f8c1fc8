"""`tapefold session score`: how much of a recording its digests, as a test, look at."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from tapefold.cli.options import Whole, examples, parsed
from tapefold.cli.paths import open_session
from tapefold.cli.tables import Table, draw_table
from tapefold.cli.terminal import say, say_json, screen
from tapefold.errors import Mismatch
from tapefold.session import Session

if TYPE_CHECKING:
    from tapefold.testing.mutation import Score


def _ratio(text: str) -> Decimal:
    """A share, from 0 to 1. Raises `ValueError`."""
    try:
        ratio = Decimal(text)
    except InvalidOperation:
        ratio = Decimal(-1)
    if not (ratio.is_finite() and 0 <= ratio <= 1):
        raise ValueError(f"{text!r} is no share: a number from 0 to 1, such as 0.95")
    return ratio


@click.command(
    "score",
    short_help="Change one number of a recording at a time, and count what its replay notices.",
    epilog=examples(
        "tapefold session score bundled",
        "tapefold session score SESSION --times 1000 --least 0.95",
    ),
)
@click.argument("path", metavar="SESSION", type=click.Path(path_type=Path))
@click.option("--times", type=Whole(1, 1_000_000), default=300, help="How many changes.")
@click.option("--seed", type=Whole(0), default=1, help="Another one draws other changes.")
@click.option(
    "--least",
    metavar="SHARE",
    callback=parsed(_ratio),
    help="Fail below this score, from 0 to 1, and on any false alarm.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one object.")
def command(path: Path, times: int, seed: int, least: Decimal | None, as_json: bool) -> None:
    """Say how much of a SESSION its digests look at: the mutation score.

    One number, flag or word that the adapter reads is changed at a time, in memory, and the session is
    replayed. `bundled` is the session that comes with tapefold. docs/mutation-score.md tells what is
    counted.
    """
    score = _scored(open_session(path), times, seed)
    if as_json:
        say_json({"score": str(score.ratio), **msgspec.to_builtins(score)})
    else:
        _tell(score)
    if least is not None and (score.ratio < least or score.false_alarms):
        alarms = len(score.false_alarms)
        raise Mismatch(f"{path} scores {score.ratio}, with {alarms} false alarms: {least} is asked")


def _scored(session: Session, times: int, seed: int) -> "Score":
    from tapefold.testing.mutation import mutation_score

    with screen() as shown:

        def progress(done: int, of: int) -> None:
            if shown.due():
                from rich.text import Text

                shown.show(Text(f"changing: {done:,} of {of:,} numbers", "dim"))

        return mutation_score(session, times=times, seed=seed, progress=progress)


def _tell(score: "Score") -> None:
    from tapefold.testing.mutation import score_remarks, score_summary

    say(score_summary(score))
    rows: list[tuple[str, ...]] = [
        (each.path, f"{each.killed:,}", f"{each.of:,}", f"{each.places:,}")
        for each in score.paths
        if each.of
    ]
    draw_table(Table(("key path", "noticed", "changed", "on tape"), rows, frozenset({"key path"})))
    say(*score_remarks(score))
