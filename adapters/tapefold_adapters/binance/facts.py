"""An order as Binance names it, and the facts about it: the same over HTTP and on the user stream."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from tapefold import (
    UNLISTED,
    Amounts,
    Fees,
    FillReported,
    InstrumentListed,
    OrderReported,
    Says,
    Side,
    exact,
    exactly,
    tidy,
)

SIDES: Final[dict[str, Side]] = {"BUY": "buy", "SELL": "sell"}
WireSide: TypeAlias = Literal["BUY", "SELL"]
MaybeId: TypeAlias = Annotated[int, msgspec.Meta(ge=-1, le=2**63 - 1)]
"""-1 for none."""
_STATES: Final[dict[str, Says]] = {
    "": "pending",
    "PENDING_NEW": "pending",
    "NEW": "open",
    "PARTIALLY_FILLED": "open",
    "PENDING_CANCEL": "open",
    "FILLED": "filled",
    "CANCELED": "canceled",
    "REJECTED": "rejected",
    "EXPIRED": "expired",
    "EXPIRED_IN_MATCH": "expired",
}
_REASONS: Final[dict[str, str]] = {
    "": "",
    "NONE": "",
    "INSUFFICIENT_BALANCES": "balance",
    "WOULD_MATCH_IMMEDIATELY": "would_match",
    "UNFILLED_IOC_QUANTITY_EXPIRED": "ioc",
    "UNFILLED_FOK_ORDER_EXPIRED": "fok",
    "INSUFFICIENT_LIQUIDITY": "no_liquidity",
    "EXECUTION_RULE_PRICE_RANGE_EXCEEDED": "price_range",
    "EXCHANGE_CANCELED": "exchange",
    "EXPIRED_IN_MATCH": "self_trade",
}


class State(Struct, frozen=True):
    """How an order is: its state by their name, and what was executed since it was made."""

    name: str
    """Empty where an answer says no more than that the order was taken in."""
    executed: str | None = None
    value: str | None = None
    """Of quote; negative where they do not know it."""
    why: str | None = ""
    size: Decimal | None = None
    """All that it can trade, where that is not what it was ordered to be."""


class Execution(Struct, frozen=True):
    """One trade of an order."""

    number: int
    price: str
    amount: str
    fee: str | None
    asset: str | None
    value: str | None = None
    maker: bool | None = None


class Subject(Struct, frozen=True):
    """An order by all the names that a message has for it, and when that was."""

    exchange: str
    row: InstrumentListed | None
    side: str | None
    client_order_id: str
    order_id: int
    time: int
    """In nanoseconds."""

    def order(self, state: State) -> OrderReported:
        """How it is. A state that nobody knows says nothing."""
        return OrderReported(
            exchange=self.exchange,
            instrument=self.row.instrument if self.row else UNLISTED,
            side=SIDES[self.side] if self.side else "",
            client_order_id=self.client_order_id,
            exchange_order_id=str(self.order_id),
            time_exchange=self.time,
            says=_STATES.get(state.name, ""),
            executed=_stated(state.executed),
            value=_stated(state.value),
            amount=state.size,
            revision=0 if state.size is None else self.time,
            reason=_REASONS.get(state.why or "") or _REASONS.get(state.name, ""),
        )

    def fill(self, trade: Execution) -> FillReported:
        """One of its trades. Raises `ValueError` where it has no number, or is of nothing."""
        price, amount = exact(trade.price), exact(trade.amount)
        if trade.number < 0 or not amount:
            raise ValueError("a trade of nothing, or without its number")
        return FillReported(
            exchange=self.exchange,
            instrument=self.row.instrument if self.row else UNLISTED,
            side=SIDES[self.side] if self.side else "",
            client_order_id=self.client_order_id,
            exchange_order_id=str(self.order_id),
            time_exchange=self.time,
            fill_id=str(trade.number),
            price=price,
            amount=amount,
            value=_stated(trade.value),
            fees=_fees(trade.fee, trade.asset),
            maker=trade.maker,
        )


def without_prevented(name: str, ordered: str, prevented: str | None) -> Decimal | None:
    """All that an order can trade, where part of it was taken away lest it trade with its own account.

    None where nothing was, or the order is over: what is left of it then is nothing.
    """
    if not prevented or _STATES.get(name) not in ("open", "filled"):
        return None
    with exactly():
        less = exact(prevented)
        size = tidy(exact(ordered) - less)
    return size if less and size > 0 else None


def _stated(text: str | None) -> Decimal | None:
    return None if text is None or text.startswith("-") else exact(text)


def _fees(fee: str | None, asset: str | None) -> Fees | None:
    """A fee of nothing is none, in whichever asset."""
    if fee is None:
        return None
    charged = exact(fee, signed=True)
    if not charged:
        return ()
    if not asset:
        raise ValueError("a fee in no asset")
    return ((asset, charged),)


def holdings(rows: Sequence[tuple[str, str, str]], *, complete: bool) -> tuple[Amounts, Amounts]:
    """Totals, and what of them is held, of rows of asset, free and locked; *complete*: without zeros."""
    totals: dict[str, Decimal] = {}
    held: dict[str, Decimal] = {}
    with exactly():
        for asset, free, locked in rows:
            held[asset] = exact(locked)
            totals[asset] = tidy(exact(free) + held[asset])
    assets = [asset for asset in sorted(totals) if totals[asset] or not complete]
    return tuple((each, totals[each]) for each in assets), tuple(
        (each, held[each]) for each in assets
    )
