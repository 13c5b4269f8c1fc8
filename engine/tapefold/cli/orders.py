"""`tapefold orders`: the orders that a log or a session has, and what became of them."""

from pathlib import Path
from typing import Any, Final, get_args

import click

from tapefold.cli.history import Sheet, asked, tell
from tapefold.cli.options import examples
from tapefold.cli.sums import OrderFooter, order_table
from tapefold.events import Status
from tapefold.inquiry.order_rows import orders
from tapefold.inquiry.rows import OrderRow

_SHEET: Final = Sheet("orders", OrderRow, orders, order_table, OrderFooter)


@click.command(
    "orders",
    short_help="List the orders of a log, also as CSV.",
    epilog=examples(
        "tapefold orders eth.log --open",
        "tapefold orders eth.log --pair ETH-USDT --since 2024-08-08 --csv orders.csv",
        "tapefold orders eth.log --by caller --status rejected --json",
    ),
)
@asked
@click.option("--open", is_flag=True, help="Only those that have not ended.")
@click.option("--status", type=click.Choice(get_args(Status)), help="Only those that are this.")
def command(path: Path, **told: Any) -> None:
    """List the orders of a LOG or a SESSION in the order in which they were wanted.

    Each stands in one row, with what was told of it up to the log's end. The times of --since and
    --until are those at which it was wanted.
    """
    if told["open"] and told["status"]:
        raise click.UsageError("--open and --status both say what it is: ask for one of them")
    tell(_SHEET, path, {**told, "status": told["status"] or ""})
