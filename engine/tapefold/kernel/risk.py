"""Risk: whether an order may leave, by the exchange's rules, our own limits, and what we have.

Pure functions of the views. The first rule that forbids it is named; nothing is made to fit.
"""

from collections.abc import Iterator
from decimal import ROUND_UP, Context, Decimal
from typing import Final, NamedTuple

from tapefold.adapter import Submit
from tapefold.events import ZERO, Fees, InstrumentListed, RiskLimited
from tapefold.folds.book_view import BookView
from tapefold.folds.fees import reckoned
from tapefold.folds.rules import Wanted, broken
from tapefold.units import ACCOUNT, Level, Side, exactly, tidy
from tapefold.views import Views

MARGIN: Final = Decimal("0.05")
"""How much worse than the book says a market order is reckoned: the book moves while it is on its way."""
_ONE: Final = Decimal(1)
_UP: Final = Context(prec=40, rounding=ROUND_UP)


class Wish(NamedTuple):
    """An order that somebody wants, and what it is reckoned to cost."""

    row: InstrumentListed
    side: Side
    order: Wanted
    hold: Decimal
    """What one unit of its amount costs at the worst, in the asset that it pays with: `reckoned`."""
    fees: Fees
    """What all of it would be charged."""
    reach: Decimal | None
    """The last price that it is to trade at: its limit, or by the book as it is; None: nobody knows."""

    @classmethod
    def of(cls, command: Submit, row: InstrumentListed, views: Views) -> "Wish":
        """What a command wishes for. A market order is reckoned by the book, or by its `worst`."""
        reach = _reach(command, row, views)
        price = _reckoned(command, reach)
        order = Wanted(command.order_type, command.amount, price, command.quote_amount)
        fees: Fees = ()
        if price is not None:
            amount, at = _traded(command, price)
            fees = views.fees.estimate(row.instrument, command.side, command.order_type, amount, at)
        return cls(row, command.side, order, _hold(command, price), fees, reach)

    @property
    def cost(self) -> Decimal:
        """All of it at the worst, in the asset that it pays with."""
        amount = self.order.amount if self.order.amount is not None else self.order.quote_amount
        return ACCOUNT.multiply(amount or ZERO, self.hold)


def refused(wish: Wish, views: Views) -> str:
    """The first rule that forbids an order; empty when it may leave."""
    rules = views.rules.of(wish.row.instrument)
    if breaks := broken(wish.row, rules, wish.order):
        return breaks
    if wish.order.order_type == "market" and not wish.hold:
        return "no_price"
    if limits := views.risk.limits(wish.row.exchange, wish.row.instrument):
        with exactly():
            for limit in limits:
                for rule in _passed(limit, wish, views):
                    return rule
    asset = wish.row.quote if wish.side == "buy" else wish.row.base
    return "budget" if wish.cost > views.balances.available(wish.row.exchange, asset) else ""


def _passed(limit: RiskLimited, wish: Wish, views: Views) -> Iterator[str]:
    """The limits of ours that an order would pass."""
    amount, price = wish.order.amount, wish.order.price
    value = amount * price if amount is not None and price is not None else wish.order.quote_amount
    if limit.amount_max is not None and amount is not None and amount > limit.amount_max:
        yield "risk_amount"
    if limit.notional_max is not None and (value is None or value > limit.notional_max):
        yield "risk_notional"
    if limit.open_orders_max:
        which = limit.instrument if limit.instrument >= 0 else None
        if views.orders.alive.count(limit.exchange, which) >= limit.open_orders_max:
            yield "risk_open_orders"
    if limit.band is not None:
        best = _opposite(wish.side, wish.row, views)
        if best is None or wish.reach is None:
            yield "no_price"
        elif _past(best.price, wish.reach, wish.side) > best.price * limit.band:
            yield "risk_band"


def _past(best: Decimal, price: Decimal, side: Side) -> Decimal:
    """How far a price is past the best one that it would meet; negative where it rests."""
    return price - best if side == "buy" else best - price


def _book(row: InstrumentListed, views: Views) -> BookView | None:
    """The book, where it can be believed."""
    view = views.book(row.native_symbol, row.exchange)
    return view if view.live else None


def _opposite(side: Side, row: InstrumentListed, views: Views) -> Level | None:
    book = _book(row, views)
    if book is None:
        return None
    return book.best_ask if side == "buy" else book.best_bid


def _reach(command: Submit, row: InstrumentListed, views: Views) -> Decimal | None:
    if command.price is not None or command.worst is not None:
        return command.price if command.price is not None else command.worst
    book = _book(row, views)
    if book is None:
        return None
    if command.amount is not None:
        return book.for_volume(command.side, command.amount).worst
    return book.for_value(command.side, command.quote_amount or ZERO).worst


def _reckoned(command: Submit, reach: Decimal | None) -> Decimal | None:
    """The price that an order is reckoned with: by the book there is a margin, for it moves."""
    if reach is None or command.price is not None or command.worst is not None:
        return reach
    with exactly():
        return tidy(reach * (_ONE + MARGIN if command.side == "buy" else _ONE - MARGIN))


def _traded(command: Submit, price: Decimal) -> tuple[Decimal, Decimal]:
    """What an order trades, and at which price: by value that is the value, to whom receives it."""
    if command.amount is not None:
        return command.amount, price
    value = command.quote_amount or ZERO
    if command.side == "sell":
        return value, _ONE
    return (_UP.divide(value, price) if price else ZERO), price


def _hold(command: Submit, price: Decimal | None) -> Decimal:
    """A buyer pays quote, a seller base. 0 where that cannot be told."""
    by_amount = command.amount is not None
    if by_amount == (command.side == "sell"):
        return _ONE
    if not price:
        return ZERO
    return price if by_amount else reckoned(_UP.divide(_ONE, price)) or ZERO
