"""`tapefold balances`: how the balances of a log or a session came about."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from tapefold.cli.history import Sheet, asked, tell
from tapefold.cli.options import examples
from tapefold.cli.sums import BalanceFooter, balance_rows_table
from tapefold.errors import BadInput
from tapefold.events import (
    AnyEvent,
    BalanceAdjusted,
    BalanceChanged,
    BalanceSnapshot,
    FillTold,
    InstrumentListed,
)
from tapefold.inquiry.balance_rows import balances
from tapefold.inquiry.heard import heard
from tapefold.inquiry.rows import BalanceRow, Where
from tapefold.log import LogReader

LISTED_MAX: Final = 30
"""Assets that are named to choose from: an account has some hundred."""
_KINDS: Final = (InstrumentListed, BalanceSnapshot, BalanceChanged, BalanceAdjusted, FillTold)


def _rows(log: LogReader, where: Where) -> Iterator[BalanceRow]:
    """As `balances`. Raises `BadInput`, too, for an asset that is nowhere in the log."""
    found = False
    for row in balances(log, where):
        found = True
        yield row
    if where.asset and not found:
        _check(log, where.asset)


def _check(log: LogReader, asset: str) -> None:
    there: dict[str, None] = {}
    for record in heard(log, _KINDS, 0, log.head):
        there |= dict.fromkeys(_assets(record.event))
    if asset in there:
        return
    names = sorted(there)
    same = [name for name in names if name.lower() == asset.lower()]
    told = ", ".join(same or names[:LISTED_MAX]) or "none"
    more = f" and {len(names) - LISTED_MAX} more" if not same and len(names) > LISTED_MAX else ""
    raise BadInput(f"{asset} is no asset of this log; there is {told}{more}")


def _assets(event: AnyEvent) -> list[str]:
    match event:
        case InstrumentListed():
            return [event.base, event.quote]
        case BalanceSnapshot():
            return [*dict(event.totals)]
        case BalanceChanged() | BalanceAdjusted():
            return [event.asset]
        case FillTold():
            return [*dict(event.fees)]
        case _:
            return []


_SHEET: Final = Sheet("changes", BalanceRow, _rows, balance_rows_table, BalanceFooter)


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
