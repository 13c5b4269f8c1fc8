"""`tapefold fills`: the fills that a log or a session has."""

from pathlib import Path
from typing import Any, Final

import click

from tapefold.cli.history import Sheet, asked, tell
from tapefold.cli.options import examples
from tapefold.cli.sums import FillFooter, fill_table
from tapefold.inquiry.fill_rows import fills
from tapefold.inquiry.rows import FillRow

_SHEET: Final = Sheet("fills", FillRow, fills, fill_table, FillFooter)


@click.command(
    "fills",
    short_help="List the fills of a log, also as CSV.",
    epilog=examples(
        "tapefold fills eth.log --pair binance:ETH-USDT",
        "tapefold fills eth.log --since 2024-08-08 --until 2024-08-09 --csv fills.csv",
        "tapefold fills eth.log --json",
    ),
)
@asked
def command(path: Path, **told: Any) -> None:
    """List the fills of a LOG or a SESSION in the order in which they were told.

    A fill that became better known later, or was taken back, has a row with the difference: the rows
    of an order add up to what it executed. Fills of orders that are not ours are there, too.
    """
    tell(_SHEET, path, told)
