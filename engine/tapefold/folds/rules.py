"""Rules: what an exchange takes as an order of an instrument, and numbers made to fit them.

Nothing here changes an order: `floor_amount` and `floor_price` are for whoever makes one, and
`broken` says which rule one that was made would break.
"""

from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias

from tapefold.events import ZERO, InstrumentListed, OrderType, TradingRulesSet
from tapefold.units import exactly, tidy

Broken: TypeAlias = Literal[
    "",
    "market_closed",
    "order_type",
    "price_min",
    "price_max",
    "tick",
    "size_min",
    "size_max",
    "lot",
    "notional_min",
    "notional_max",
]
"""Which rule; empty for none."""


class Wanted(NamedTuple):
    """An order, as far as rules see it."""

    order_type: OrderType
    amount: Decimal | None
    """Of base; None for a market order by value."""
    price: Decimal | None
    """Its limit; of a market order, the price that is reckoned with, None where there is none."""
    quote_amount: Decimal | None = None
    """Of quote, for a market order by value."""


class TradingRules:
    """The rules by the instrument's number, beyond those that are in its listing."""

    def __init__(self) -> None:
        self._rows: dict[int, TradingRulesSet] = {}

    def apply(self, event: TradingRulesSet) -> None:
        """From here on these are the rules."""
        self._rows[event.instrument] = event

    def of(self, instrument: int) -> TradingRulesSet:
        """The rules; none but that it trades where nothing was said."""
        return self._rows.get(instrument) or TradingRulesSet(instrument=instrument)

    def state(self) -> list[TradingRulesSet]:
        """As canonical data."""
        return [self._rows[number] for number in sorted(self._rows)]

    def restore(self, state: list[TradingRulesSet]) -> None:
        """From canonical data."""
        for row in state:
            self.apply(row)


def floor_amount(row: InstrumentListed, amount: Decimal) -> Decimal:
    """The largest amount up to *amount* that is whole lots, as the exchange counts them."""
    return _floor(amount, row.size_min, row.lot)


def floor_price(
    row: InstrumentListed, price: Decimal, rules: TradingRulesSet | None = None
) -> Decimal:
    """The highest price up to *price* that is whole ticks, counted from the least price of *rules*."""
    return _floor(price, rules.price_min if rules else ZERO, row.tick)


def broken(row: InstrumentListed, rules: TradingRulesSet, order: Wanted) -> Broken:
    """The first rule that an order would break, of account numbers. Bounds are looked at before steps.

    The price that a market order is reckoned with breaks no rule of prices, and no greatest notional
    binds it. An amount or a limit of nothing, or less, is below the least one, whatever that is.
    """
    if not rules.trading:
        return "market_closed"
    if rules.order_types and order.order_type not in rules.order_types:
        return "order_type"
    with exactly():
        return _price(row, rules, order) or _amount(row, rules, order) or _value(row, rules, order)


def _price(row: InstrumentListed, rules: TradingRulesSet, order: Wanted) -> Broken:
    if order.order_type == "market":
        return ""
    price = order.price or ZERO
    if price <= 0 or price < rules.price_min:
        return "price_min"
    if rules.price_max and price > rules.price_max:
        return "price_max"
    return "" if _is_whole(price, rules.price_min, row.tick) else "tick"


def _amount(row: InstrumentListed, rules: TradingRulesSet, order: Wanted) -> Broken:
    """A market order by amount has rules of its own besides everybody's."""
    if order.amount is None and order.quote_amount:
        return ""
    amount = order.amount or ZERO
    bounds = [(row.size_min, row.size_max, row.lot)]
    if order.order_type == "market":
        bounds.append((rules.market_size_min, rules.market_size_max, rules.market_lot))
    for least, most, lot in bounds:
        if amount <= 0 or amount < least:
            return "size_min"
        if most and amount > most:
            return "size_max"
        if not _is_whole(amount, least, lot):
            return "lot"
    return ""


def _value(row: InstrumentListed, rules: TradingRulesSet, order: Wanted) -> Broken:
    market = order.order_type == "market"
    value = order.quote_amount
    if order.amount is not None and order.price is not None:
        value = order.amount * order.price
    if value is None:
        return ""
    if value < row.notional_min and (rules.market_notional or not market):
        return "notional_min"
    if rules.notional_max and value > rules.notional_max and not market:
        return "notional_max"
    return ""


def _is_whole(number: Decimal, least: Decimal, step: Decimal) -> bool:
    """Steps are counted from the least number, as Binance does: elsewhere that is whole steps itself."""
    return not step or not (number - least) % step


def _floor(number: Decimal, least: Decimal, step: Decimal) -> Decimal:
    with exactly():
        if not step:
            return tidy(number)
        start = least if number >= least else ZERO  # below the least it fits nothing in any case
        return tidy(start + (number - start) // step * step)
