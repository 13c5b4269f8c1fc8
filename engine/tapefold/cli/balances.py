"""`tapefold balances`: how the balances of a log or a session came about."""

from pathlib import Path
from typing import Any, Final

import click

from tapefold.cli.history import Sheet, asked, tell
from tapefold.cli.options import examples
from tapefold.cli.sums import BalanceFooter, balance_rows_table
from tapefold.inquiry.balance_rows import balances
from tapefold.inquiry.rows import BalanceRow

_SHEET: Final = Sheet("changes", BalanceRow, balances, balance_rows_table, BalanceFooter)


@click.command(
    "balances",
    short_help="List what changed balances in a log, also as CSV.",
    epilog=examples(
        "tapefold balances eth.log --asset USDT",
        "tapefold balances eth.log --exchange binance --since 2024-08-08 --csv balances.csv",
        "tapefold balances eth.log --by caller --json",
    ),
)
@asked
@click.option("--asset", metavar="ASSET", default="", help="Only of this asset.")
def command(path: Path, **told: Any) -> None:
    """List every change of a balance in a LOG or a SESSION, and why it changed.

    The changes of an asset add up to its total. With --pair or --by: only changes by such fills. What
    is free or held at one position, `tapefold show LOG --balances` says.
    """
    tell(_SHEET, path, told)
