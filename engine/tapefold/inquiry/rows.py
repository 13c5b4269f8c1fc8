"""What a log says of orders, fills and balances, as rows; and which of them are asked for.

A row is what was *told*: intents, conclusions and statements of balances, not what an exchange said in
between. Amounts are exact; times are nanoseconds since 1970, 0 where there is none.
"""

from decimal import Decimal
from typing import Literal, TypeAlias

from msgspec import Struct

from tapefold.events import Doubt, Fees, InstrumentListed, OrderType, Status, TimeInForce
from tapefold.units import Nanos, Side

Why: TypeAlias = Literal["first_statement", "fill", "fill_corrected", "transfer", "adjustment"]
"""Why a balance changed. `transfer` is all that moved by no trade: in where it is positive, else out."""
Corrected: TypeAlias = Literal["", "reverted", "trades_came", "better_known"]


class Where(Struct, frozen=True, kw_only=True):
    """Which rows are asked for; everything where nothing is said.

    Times are those at which a log learned of it: a position's, which every row has.
    """

    exchange: str = ""
    pair: str = ""
    """A symbol or a native name, or either after `EXCHANGE:`."""
    since: Nanos = 0
    """From then on, and"""
    until: Nanos | None = None
    """before then. Of an order this is when it was wanted."""
    by: str = ""
    """Who wanted the order: a strategy, or `caller`."""
    open: bool = False
    """Of orders: only those that have not ended."""
    status: Status | Literal[""] = ""
    """Of orders: only those that are this."""
    asset: str = ""
    """Of balances."""

    def is_when(self, time: Nanos) -> bool:
        """Whether a moment is within what is asked for."""
        return self.since <= time and (self.until is None or time < self.until)

    def is_of(self, exchange: str, listed: InstrumentListed | None) -> bool:
        """Whether an instrument of an exchange is asked for; None was never listed."""
        if self.exchange not in ("", exchange):
            return False
        return not self.pair or (listed is not None and self.is_named(listed))

    def is_named(self, listed: InstrumentListed) -> bool:
        """Whether it is the pair."""
        names = listed.symbol, listed.native_symbol
        return self.pair in names or self.pair in [f"{listed.exchange}:{name}" for name in names]


EVERYTHING = Where()
"""Every row."""


class OrderRow(Struct, frozen=True, kw_only=True):
    """An order of ours: what was wanted, and what became of it by all that was told."""

    position: int
    """Of the intent, as the time is."""
    time_received: Nanos
    exchange: str
    symbol: str
    """Empty where the instrument was never listed."""
    client_order_id: str
    exchange_order_id: str
    """Empty where none was ever said."""
    by: str
    side: Side
    type: OrderType
    tif: TimeInForce
    price: Decimal | None
    amount: Decimal | None
    """Of base, as it was wanted; None for an order by value."""
    quote_amount: Decimal | None
    """Of quote, for an order by value."""
    executed: Decimal
    """Of base: the sum of its fills, with what was corrected of them; so are value and fees."""
    value: Decimal
    average_price_computed: Decimal | None
    """Value by executed, rounded to 18 digits: the one number here that nobody said."""
    fees: Fees
    status: Status
    doubt: Doubt
    reason: str
    """Why it ended, in a word of ours."""
    ended_position: int
    """Of the word that it ended; 0 where it has not."""
    time_ended: Nanos
    """When we learned that, and"""
    time_ended_exchange: Nanos
    """when it was, by the exchange."""


class FillRow(Struct, frozen=True, kw_only=True):
    """One fill, or what is corrected of one: the rows of an order add up to what it executed."""

    position: int
    time_received: Nanos
    time_exchange: Nanos
    exchange: str
    symbol: str
    ours: bool
    client_order_id: str
    """Empty for an order of the account that is not ours."""
    exchange_order_id: str
    fill_id: str
    by: str
    """Who wanted the order; empty for one that is not ours."""
    side: Side
    price: Decimal | None
    """None where a fill is corrected."""
    amount: Decimal
    """Of base; negative only where it is taken back, as is the value."""
    value: Decimal
    """Of quote."""
    fees: Fees
    inferred: bool
    """Made from a cumulative statement, since no trade came."""
    late: bool
    """Told after the order's end."""
    corrects: Corrected
    """Why a fill that was told is corrected; empty for a fill."""


class BalanceRow(Struct, frozen=True, kw_only=True):
    """A total that changed: all changes of an asset add up to its last total."""

    position: int
    time_received: Nanos
    time_exchange: Nanos
    exchange: str
    asset: str
    total: Decimal
    """After the change."""
    change: Decimal
    why: Why
    symbol: str
    """Of a fill, as are the next four; empty for all else."""
    client_order_id: str
    exchange_order_id: str
    fill_id: str
    by: str
    transfer_id: str
