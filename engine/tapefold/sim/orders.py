"""Orders of accounts at the simulated exchange, and what their holders are told of them: data.

Prices and sizes are ints in the instrument's scales, money is an exact `Decimal`.
"""

from decimal import Decimal
from typing import Literal, TypeAlias

from msgspec import Struct

from tapefold.events import ZERO, OrderType, TimeInForce
from tapefold.units import Nanos, Side

SelfTrade: TypeAlias = Literal["allow", "expire_maker", "expire_taker", "expire_both"]
Ended: TypeAlias = Literal["canceled", "expired", "prevented"]
"""How an order ends of which not all was traded.

`prevented`: it, or the rest of it, expired so that its holder would not trade with himself.
"""
State: TypeAlias = Literal["open", "filled"] | Ended
Why: TypeAlias = Literal["", "unfilled_ioc", "unfilled_fok", "no_liquidity"]
"""Of an order that expired."""
Denial: TypeAlias = Literal["funds", "would_match", "duplicate", "unknown"]


class Denied(Exception):
    """The exchange does not do it, and nothing has changed."""

    def __init__(self, reason: Denial) -> None:
        super().__init__(reason)
        self.reason: Denial = reason


class Wish(Struct, frozen=True, kw_only=True):
    """An order as its holder wants it. It keeps to the market's steps: who takes it in sees to that."""

    symbol: str
    side: Side
    order_type: OrderType
    client_order_id: str
    size: int | None = None
    """None for a market order by value."""
    price: int | None = None
    """None for a market order."""
    quote: Decimal | None = None
    """What a market order is to cost or to bring, in units of quote."""
    tif: TimeInForce = "gtc"
    self_trade: SelfTrade = "expire_maker"


class Fill(Struct, frozen=True, kw_only=True):
    """One trade of an order."""

    trade_id: int
    price: int
    size: int
    value: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    time: Nanos


class Order(Struct, frozen=True, kw_only=True):
    """An order as it is, or was at some time."""

    number: int
    holder: str
    """Whose it is: the holder's key."""
    wish: Wish
    size: int
    """As wanted; of an order by value what it comes to."""
    short: bool = False
    """Of an order by value: the book had less than that."""
    made: Nanos
    updated: Nanos
    state: State = "open"
    why: Why = ""
    done: int = 0
    value: Decimal = ZERO
    fills: tuple[Fill, ...] = ()
    prevented: int = 0
    """What of it was not traded, so that its holder would not trade with himself."""

    @property
    def left(self) -> int:
        """What can still trade while it is open."""
        return self.size - self.done


class Told(Struct, frozen=True, kw_only=True):
    """News of an order."""

    what: Literal["new", "trade"] | Ended
    order: Order
    """As it is with this."""
    time: Nanos
    fill: Fill | None = None
    canceled_by: str = ""
    """The name of the request that canceled it."""
    against: int = 0
    """Of an order that was prevented: the other one's number."""


class Balance(Struct, frozen=True):
    """What an account has of an asset, in its units."""

    free: Decimal = ZERO
    locked: Decimal = ZERO


class Moved(Struct, frozen=True):
    """What an account has now, of the assets that something happened to."""

    holder: str
    balances: dict[str, Balance]
    time: Nanos


class Deposited(Struct, frozen=True):
    """Money came from outside, or left where it is negative."""

    holder: str
    asset: str
    amount: Decimal
    time: Nanos


News: TypeAlias = Told | Moved | Deposited
