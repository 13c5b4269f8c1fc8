"""Tables of orders, fills and balances that were, and what they come to."""

from collections.abc import Iterable, Iterator
from decimal import Context, Decimal
from typing import Final, get_args

from tapefold.cli.accounts import reason_told, type_told
from tapefold.cli.tables import Table
from tapefold.cli.when import moment
from tapefold.events import ZERO, Fees, Status
from tapefold.folds.orders import Sum
from tapefold.inquiry.rows import BalanceRow, Corrected, FillRow, OrderRow
from tapefold.units import exactly, fixed, tidy

_ROUGHLY: Final = Context(prec=10)
"""For averages, which are for people."""
_LEFT: Final = frozenset(
    (
        *("order", "exchange", "instrument", "side", "type", "status", "why", "fee"),
        *("asset", "sum of", "fees", "which"),
    )
)
_CORRECTED: Final[dict[Corrected, str]] = {
    "": "",
    "reverted": "taken back",
    "trades_came": "its trades came",
    "better_known": "better known",
}


def order_table(rows: list[OrderRow]) -> Table:
    """Orders as they were wanted, and what became of them; why, only where there is a reason."""
    columns = (
        *("time", "order", "exchange", "instrument", "side", "type"),
        *("price", "amount", "executed", "average", "status", "why"),
    )
    cells: list[tuple[str, ...]] = [
        (
            moment(row.time_received, digits=0),
            row.client_order_id,
            row.exchange,
            row.symbol or "-",
            row.side,
            type_told(row.type, row.tif),
            _number(row.price),
            _amount(row),
            fixed(row.executed),
            _average(row.average_price_computed),
            row.status,
            row.doubt or reason_told(row.reason),
        )
        for row in rows
    ]
    return _narrow(columns, cells)


def fill_table(rows: list[FillRow]) -> Table:
    """Fills, and what was corrected of them."""
    columns = (
        *("time", "order", "exchange", "instrument", "side"),
        *("price", "amount", "value", "fee", "which"),
    )
    cells: list[tuple[str, ...]] = [
        (
            moment(row.time_received, digits=0),
            row.client_order_id or f"{row.exchange_order_id}, not ours",
            row.exchange,
            row.symbol or "-",
            row.side,
            _number(row.price),
            fixed(row.amount),
            fixed(row.value),
            _fees(row.fees),
            _which(row),
        )
        for row in rows
    ]
    return _narrow(columns, cells)


def balance_rows_table(rows: list[BalanceRow]) -> Table:
    """Changes of totals."""
    columns = ("time", "asset", "exchange", "change", "total", "why")
    cells: list[tuple[str, ...]] = [
        (
            moment(row.time_received, digits=0),
            row.asset,
            row.exchange,
            _signed(row.change),
            fixed(row.total),
            _why(row),
        )
        for row in rows
    ]
    return _narrow(columns, cells)


class Traded:
    """What was bought and sold, by exchange and instrument; what is not ours apart."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], dict[str, Sum]] = {}
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, key: tuple[str, str], side: str, more: Sum) -> None:
        """So much was traded."""
        sums = self._sums.setdefault(key, {"buy": Sum(), "sell": Sum()})
        self._counts[key] = self._counts.get(key, 0) + 1
        with exactly():
            sums[side] = sums[side].plus(more)

    def table(self, name: str) -> Table:
        """A row an instrument; *name* is what is counted."""
        columns = ("sum of", "exchange", name, "bought", "paid", "sold", "received", "fees")
        rows: list[tuple[str, ...]] = []
        for key, sums in sorted(self._sums.items()):
            exchange, instrument = key
            bought, sold = sums["buy"], sums["sell"]
            with exactly():
                fees = bought.plus(sold).fees
            money = (bought.amount, bought.value, sold.amount, sold.value)
            count = f"{self._counts[key]:,}"
            rows.append((instrument, exchange, count, *map(fixed, money), _fees(fees)))
        return _narrow(columns, rows)


class OrderFooter:
    """Of orders."""

    def __init__(self) -> None:
        self._traded = Traded()
        self._counts = dict.fromkeys(get_args(Status), 0)

    def add(self, row: OrderRow) -> None:
        """One order more."""
        self._counts[row.status] += 1
        more = Sum(row.executed, row.value, row.fees)
        self._traded.add((row.exchange, row.symbol or "-"), row.side, more)

    def line(self) -> str:
        """How many there were, and what became of them."""
        whole = sum(self._counts.values())
        told = ", ".join(f"{count:,} {status}" for status, count in self._counts.items() if count)
        return f"{_several(whole, 'order')}: {told}" if whole else ""

    def table(self) -> Table:
        """What was traded."""
        return self._traded.table("orders")


class FillFooter:
    """Of fills."""

    def __init__(self) -> None:
        self._traded = Traded()
        self._fills = self._corrections = 0

    def add(self, row: FillRow) -> None:
        """One fill more, or a correction."""
        self._fills += not row.corrects
        self._corrections += bool(row.corrects)
        name = (row.symbol or "-") + ("" if row.ours else ", not ours")
        self._traded.add((row.exchange, name), row.side, Sum(row.amount, row.value, row.fees))

    def line(self) -> str:
        """How many there were."""
        told = [_several(self._fills, "fill")] if self._fills else []
        told += [_several(self._corrections, "correction")] if self._corrections else []
        return " and ".join(told)

    def table(self) -> Table:
        """What was traded."""
        return self._traded.table("rows")


class BalanceFooter:
    """Of balances."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], tuple[int, Decimal, Decimal]] = {}

    def add(self, row: BalanceRow) -> None:
        """One change more."""
        key = row.exchange, row.asset
        count, change, _ = self._sums.get(key, (0, ZERO, ZERO))
        with exactly():
            self._sums[key] = count + 1, tidy(change + row.change), row.total

    def line(self) -> str:
        """How many there were."""
        whole = sum(count for count, _, _ in self._sums.values())
        return _several(whole, "change") if whole else ""

    def table(self) -> Table:
        """What they come to, and the totals after the last of them."""
        columns = ("sum of", "exchange", "changes", "change", "total")
        rows: list[tuple[str, ...]] = [
            (asset, exchange, f"{count:,}", _signed(change), fixed(total))
            for (exchange, asset), (count, change, total) in sorted(self._sums.items())
        ]
        return _narrow(columns, rows)


def _narrow(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
    """Without exchanges where they are all the same, and without a column that says nothing."""
    last = len(columns) - 1
    gone = {last} if not any(row[last] for row in rows) else set[int]()
    where = columns.index("exchange")
    if len({row[where] for row in rows}) == 1:
        gone.add(where)

    def kept(cells: Iterable[str]) -> Iterator[str]:
        return (cell for n, cell in enumerate(cells) if n not in gone)

    return Table(tuple(kept(columns)), [tuple(kept(row)) for row in rows], _LEFT)


def _several(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def _number(number: Decimal | None) -> str:
    return "-" if number is None else fixed(number)


def _signed(number: Decimal) -> str:
    return f"+{fixed(number)}" if number > 0 else fixed(number)


def _average(number: Decimal | None) -> str:
    return "-" if number is None else fixed(tidy(_ROUGHLY.plus(number)))


def _amount(row: OrderRow) -> str:
    """Of base; of an order by value what was to be spent, or earned."""
    return f"for {_number(row.quote_amount)}" if row.amount is None else fixed(row.amount)


def _fees(fees: Fees) -> str:
    return ", ".join(f"{fixed(fee)} {asset}" for asset, fee in fees)


def _which(row: FillRow) -> str:
    words = ("inferred" * row.inferred, "late" * row.late, _CORRECTED[row.corrects])
    return ", ".join(filter(None, words))


def _why(row: BalanceRow) -> str:
    order = row.client_order_id or f"{row.exchange_order_id}, not ours"
    match row.why:
        case "first_statement":
            return "first statement"
        case "fill":
            return f"fill of {order}"
        case "fill_corrected":
            return f"corrected fill of {order}"
        case "transfer":
            return f"transfer {row.transfer_id}".rstrip()
        case "adjustment":
            return "adjustment: the exchange keeps stating it"
