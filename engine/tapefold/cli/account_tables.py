"""Orders and money as tables, made of what `accounts.py` says of them."""

from collections.abc import Iterator
from decimal import Context, Decimal
from typing import Any, Final, TypeAlias

from tapefold.cli.accounts import percent, type_told
from tapefold.cli.tables import Table
from tapefold.units import fixed, tidy

_Rows: TypeAlias = list[dict[str, Any]]
_ROUGHLY: Final = Context(prec=10)
"""For averages, which are for people."""
_ODD: Final = {"held_elsewhere": "held by others", "drift": "drift"}
"""What is told of a balance only where it is not zero, and what it is called."""


def account_tables(account: dict[str, Any]) -> list[Table]:
    """All there is to show of an account; the tables that would be empty are not there."""
    tables = [
        *order_tables([*account["open_orders"], *account["ended_orders"]]),
        balance_table(account["balances"]),
        _position_table(account["positions"]),
        _fee_table(account["fees"]),
    ]
    return [table for table in tables if table.rows]


def order_tables(orders: _Rows) -> list[Table]:
    """Those that are open, those that have ended, and those that are not ours; none that is empty."""
    ours = [order for order in orders if order["ours"]]
    tables = (
        _order_table("open order", [order for order in ours if not order["ended"]], "doubt"),
        _order_table("ended order", [order for order in ours if order["ended"]], "reason"),
        _foreign_table([order for order in orders if not order["ours"]]),
    )
    return [table for table in tables if table.rows]


def _order_table(name: str, orders: _Rows, last: str) -> Table:
    """The *last* column, a word, is there only where it has something to say."""
    with_last = any(order[last] for order in orders)
    rows = [
        (
            order["client_order_id"],
            order["exchange"],
            order["symbol"] or "-",
            order["side"] or "-",
            type_told(order["type"], order["tif"]),
            order["price"] or "-",
            _amount(order),
            order["executed"],
            order["status"],
            *([order[last].replace("_", " ")] if with_last else []),
        )
        for order in orders
    ]
    columns = (
        name,
        "exchange",
        "instrument",
        "side",
        "type",
        "price",
        "amount",
        "executed",
        "status",
    )
    left = (name, "exchange", "instrument", "side", "type", "status", last)
    return _one_exchange(Table((*columns, *([last] if with_last else [])), rows, frozenset(left)))


def _foreign_table(orders: _Rows) -> Table:
    """Of orders that are not ours there are facts alone: what they traded, and nothing that was wanted."""
    rows: list[tuple[str, ...]] = [
        (
            order["client_order_id"] or order["exchange_order_id"],
            order["exchange"],
            order["symbol"] or "-",
            order["side"] or "-",
            order["executed"],
            _average(order["value"], order["executed"]),
            order["status"],
        )
        for order in orders
    ]
    columns = ("not ours", "exchange", "instrument", "side", "executed", "average price", "status")
    left = frozenset(("not ours", "exchange", "instrument", "side", "status"))
    return _one_exchange(Table(columns, rows, left))


def _amount(order: dict[str, Any]) -> str:
    """Of base; of an order by value what is to be spent, or earned."""
    if order["amount"] is not None:
        return str(order["amount"])
    return f"for {order['quote_amount']}" if order["quote_amount"] is not None else "-"


def balance_table(balances: _Rows) -> Table:
    """What is held: by orders that are not ours, and a drift, only where there is any."""
    odd = [name for name in _ODD if any(row[name] != "0" for row in balances)]
    names = ("asset", "exchange", "total", "available", "reserved", *odd)
    rows = [tuple(row[name] for name in names) for row in balances]
    columns = tuple(_ODD.get(name, name) for name in names)
    return _one_exchange(Table(columns, rows, frozenset(("asset", "exchange"))))


def _position_table(positions: _Rows) -> Table:
    columns = ("position", "exchange", "amount", "average cost", "realised", "unrealised", "fees")
    rows: list[tuple[str, ...]] = [
        (
            row["symbol"] or "-",
            row["exchange"],
            row["amount"],
            _average(row["cost"], row["amount"]),
            row["realised"],
            row["unrealised"] or "-",
            ", ".join(f"{fee} {asset}" for asset, fee in row["fees"].items()) or "-",
        )
        for row in positions
    ]
    return _one_exchange(Table(columns, rows, frozenset(("position", "exchange", "fees"))))


def _average(cost: str, amount: str) -> str:
    """What one unit cost, to ten digits; `-` where there is none."""
    held = Decimal(amount)
    return fixed(tidy(_ROUGHLY.divide(Decimal(cost), held))) if held else "-"


def _fee_table(fees: _Rows) -> Table:
    rows: list[tuple[str, ...]] = [
        (
            row["symbol"] or "all",
            row["exchange"],
            percent(Decimal(row["maker_rate"])),
            percent(Decimal(row["taker_rate"])),
            row["source"],
        )
        for row in fees
    ]
    left = frozenset(("fees of", "exchange", "said by"))
    return _one_exchange(Table(("fees of", "exchange", "maker", "taker", "said by"), rows, left))


def _one_exchange(table: Table) -> Table:
    """Without the column of exchanges where they are all the same: so it fits where there is one."""
    where = table.columns.index("exchange")
    if len({row[where] for row in table.rows}) > 1:
        return table
    columns = tuple(_without(table.columns, where))
    return Table(columns, [tuple(_without(row, where)) for row in table.rows], table.left)


def _without(cells: tuple[str, ...], place: int) -> Iterator[str]:
    return (cell for n, cell in enumerate(cells) if n != place)
