"""The balances of a log: a row for each change of a total, and why it changed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from tapefold.events import (
    AccountWatched,
    BalanceAdjusted,
    BalanceChanged,
    BalanceSnapshot,
    FillCorrected,
    FillTold,
    OrderFilled,
    OrderSubmitted,
)
from tapefold.folds.balances import Balances, Holder
from tapefold.inquiry.heard import Listed, Wanted, heard, reading
from tapefold.inquiry.rows import EVERYTHING, BalanceRow, Where, Why
from tapefold.log import LogReader, Record
from tapefold.units import exactly, tidy

_Mover: TypeAlias = BalanceSnapshot | BalanceChanged | BalanceAdjusted | FillTold
_KINDS: Final = (*Listed.KINDS, OrderSubmitted, BalanceChanged, BalanceAdjusted, FillTold)
_WHY: Final[dict[type[_Mover], Why]] = {
    BalanceSnapshot: "first_statement",
    OrderFilled: "fill",
    FillCorrected: "fill_corrected",
    BalanceChanged: "transfer",
    BalanceAdjusted: "adjustment",
}


class _NoOrders:
    """Totals do not depend on what orders hold."""

    rules: Mapping[str, AccountWatched] = {}

    def live(self, exchange: str) -> Sequence[Holder]:
        """None."""
        return ()


def balances(log: Path | LogReader, where: Where = EVERYTHING) -> Iterator[BalanceRow]:
    """Every change of a total, in the order in which they were; each asset's add up to its total.

    With a pair or who wanted the orders: only the changes by such fills. Several assets that change at
    once are sorted. Kept are the totals alone. Raises, when it is iterated, `LogError`, and at the end
    `BadInput` for an exchange or a pair that is not in the log.
    """
    with reading(log) as reader:
        ledger = _Ledger(where, Wanted(reader))
        for record in heard(reader, _KINDS, 0, reader.head):
            yield from ledger.hear(record)
        ledger.listed.check(where)


class _Ledger:
    """The fold of balances, watched."""

    def __init__(self, where: Where, wanted: Wanted) -> None:
        self.listed = Listed()
        self._where, self._wanted = where, wanted
        self._balances = Balances(self.listed.instruments, _NoOrders())

    def hear(self, record: Record) -> list[BalanceRow]:
        """What the next record changes of what is asked for."""
        event = record.event
        self.listed.hear(event)
        match event:
            case OrderSubmitted():
                self._wanted.hear(event)
            case BalanceSnapshot():
                # A later one only checks.
                if event.complete and not self._balances.opened(event.exchange):
                    return self._moved(record, event)
            case BalanceChanged() | BalanceAdjusted() | FillTold():
                return self._moved(record, event)
            case _:
                pass
        return []

    def _moved(self, record: Record, event: _Mover) -> list[BalanceRow]:
        exchange, fold = event.exchange, self._balances
        before = {asset: fold.total(exchange, asset) for asset in self._assets(event)}
        fold.apply(event)
        with exactly():
            moves = [
                (asset, total, tidy(total - old))
                for asset, old in sorted(before.items())
                if (total := fold.total(exchange, asset)) != old
            ]
        if not (moves and self._is_asked(record, event)):
            return []
        said = self._said(record, event)
        return [
            BalanceRow(asset=asset, total=total, change=change, **said)
            for asset, total, change in moves
            if self._where.asset in ("", asset)
        ]

    def _assets(self, event: _Mover) -> Collection[str]:
        """Those whose totals it may change."""
        match event:
            case BalanceSnapshot():
                return dict(event.totals)
            case FillTold():
                row = self.listed.row(event.instrument)
                pair = (row.base, row.quote) if row else ()
                return dict.fromkeys((*pair, *dict(event.fees)))
            case _:
                return (event.asset,)

    def _is_asked(self, record: Record, event: _Mover) -> bool:
        where = self._where
        if not where.is_when(record.time_received):
            return False
        if not isinstance(event, FillTold):
            return where.exchange in ("", event.exchange) and not (where.pair or where.by)
        if not where.is_of(event.exchange, self.listed.row(event.instrument)):
            return False
        return where.by in ("", self._wanted.by(event.client_order_id, record.position))

    def _said(self, record: Record, event: _Mover) -> dict[str, Any]:
        """What the rows of one event have in common."""
        fill = event if isinstance(event, FillTold) else None
        name = fill.client_order_id if fill else ""
        return {
            "position": record.position,
            "time_received": record.time_received,
            "time_exchange": 0 if isinstance(event, BalanceAdjusted) else event.time_exchange,
            "exchange": event.exchange,
            "why": _WHY[type(event)],
            "symbol": self.listed.symbol(fill.instrument) if fill else "",
            "client_order_id": name,
            "exchange_order_id": fill.exchange_order_id if fill else "",
            "fill_id": fill.fill_id if fill else "",
            "by": self._wanted.by(name, record.position),
            "transfer_id": event.transfer_id if isinstance(event, BalanceChanged) else "",
        }
