"""What a book's two sides have to offer: how far an order would walk, and what it would cost.

A walk answers several questions at once, each by the side of the order that would walk: a buyer
walks the asks, from the lowest up, a seller the bids, from the highest down.

    price for a volume        for_volume(side, amount).worst
    average price (VWAP)      for_volume(side, amount).average
    quote for a base volume   for_volume(side, amount).value
    base for a quote volume   for_value(side, value).amount
    volume for a price        for_price(side, price).amount
    quote volume for a price  for_price(side, price).value
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from itertools import islice
from typing import Final, NamedTuple, TypeAlias

from tapefold.events import ZERO
from tapefold.units import Level, Side, exactly, tidy

Resting: TypeAlias = Mapping[tuple[Side, Decimal], Decimal]
"""Amounts of base that rest in a book, by side and price."""
_ROUNDED: Final = Context(prec=28, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])
_DOWN: Final = Context(prec=200, rounding=ROUND_DOWN, traps=[InvalidOperation])
_FINEST: Final = Decimal("1e-18")


class Walk(NamedTuple):
    """How far an order walks through one side of a book. Amount and value are exact."""

    amount: Decimal
    """Of base."""
    value: Decimal
    """Of quote: what that amount trades for."""
    worst: Decimal | None
    """The last price that is needed; None where nothing is."""
    short: bool
    """The side came to its end first: there was no more, or no more is known."""

    @property
    def average(self) -> Decimal | None:
        """The volume-weighted average price, rounded to 28 digits; None where there is no amount."""
        return tidy(_ROUNDED.divide(self.value, self.amount)) if self.amount else None


class Depth(ABC):
    """Two sides of levels, and what can be asked of them."""

    @abstractmethod
    def meets(self, side: Side) -> Iterator[Level]:
        """The levels that an order of that side would meet, best first: a buyer's are the asks."""

    @property
    def best_bid(self) -> Level | None:
        """The highest bid; None for an empty side."""
        return next(self.meets("sell"), None)

    @property
    def best_ask(self) -> Level | None:
        """The lowest ask; None for an empty side."""
        return next(self.meets("buy"), None)

    @property
    def spread(self) -> Decimal | None:
        """Best ask less best bid; None where a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        with exactly():
            return ask.price - bid.price if bid and ask else None

    @property
    def mid(self) -> Decimal | None:
        """Half-way between best bid and best ask; None where a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        with exactly():
            return (bid.price + ask.price) / 2 if bid and ask else None

    @property
    def microprice(self) -> Decimal | None:
        """Best bid and ask, each weighted by the size at the other, rounded to 28 digits.

        None where a side is empty.
        """
        bid, ask = self.best_bid, self.best_ask
        if not (bid and ask):
            return None
        with exactly():
            value = bid.price * ask.size + ask.price * bid.size
            return tidy(_ROUNDED.divide(value, bid.size + ask.size))

    def imbalance(self, depth: int) -> Decimal | None:
        """Of what is in *depth* levels of each side: bids less asks, as a fraction of both.

        From -1, asks alone, to 1, bids alone; rounded to 28 digits; None where there is neither.
        """
        with exactly():
            bids = sum((level.size for level in self.bids(depth)), ZERO)
            asks = sum((level.size for level in self.asks(depth)), ZERO)
            both = bids + asks
            return tidy(_ROUNDED.divide(bids - asks, both)) if both else None

    def bids(self, depth: int | None = None) -> list[Level]:
        """Up to *depth* bids, best first; all of them without a depth."""
        return list(islice(self.meets("sell"), depth))

    def asks(self, depth: int | None = None) -> list[Level]:
        """Up to *depth* asks, best first; all of them without a depth."""
        return list(islice(self.meets("buy"), depth))

    def for_volume(self, side: Side, amount: Decimal) -> Walk:
        """To trade *amount* of base. Short, and all there is, where there is less."""
        with exactly():
            got, value, worst = ZERO, ZERO, None
            if amount <= 0:
                return Walk(got, value, worst, short=False)
            for price, size in self.meets(side):
                part = min(size, amount - got)
                got, value, worst = got + part, value + part * price, price
                if got == amount:
                    break
            return Walk(tidy(got), tidy(value), worst, short=got < amount)

    def for_value(self, side: Side, value: Decimal) -> Walk:
        """To trade for *value* of quote. Short, and all there is, where there is less.

        The amount is rounded down to 1e-18, and the walk's own value is exactly what that amount
        trades for: up to *value*, never beyond.
        """
        with exactly():
            got, spent, worst = ZERO, ZERO, None
            if value <= 0:
                return Walk(got, spent, worst, short=False)
            for price, size in self.meets(side):
                if spent + price * size >= value:
                    part = _DOWN.quantize(_DOWN.divide(value - spent, price), _FINEST)
                    worst = price if part else worst
                    return Walk(tidy(got + part), tidy(spent + part * price), worst, short=False)
                got, spent, worst = got + size, spent + price * size, price
            return Walk(tidy(got), tidy(spent), worst, short=True)

    def for_price(self, side: Side, price: Decimal) -> Walk:
        """To trade all that can be had at *price* or better.

        Short where no level beyond that price is known: then there may be more than this.
        """
        with exactly():
            got, value, worst = ZERO, ZERO, None
            for at, size in self.meets(side):
                beyond = at > price if side == "buy" else at < price
                if beyond:
                    return Walk(tidy(got), tidy(value), worst, short=False)
                got, value, worst = got + size, value + at * size, at
            return Walk(tidy(got), tidy(value), worst, short=True)

    def without(self, ours: Resting) -> "Depth":
        """The same book without our own orders in it: *ours* is what rests of them, by side and price."""
        return Without(self, ours)


class Without(Depth):
    """A book less some orders. A window like the book itself; the orders stay those that were given."""

    def __init__(self, whole: Depth, ours: Resting) -> None:
        self._whole, self._ours = whole, dict(ours)

    def meets(self, side: Side) -> Iterator[Level]:
        """What is left of the levels. One is gone where nothing is: an order may be ahead of its book."""
        resting: Side = "sell" if side == "buy" else "buy"
        for level in self._whole.meets(side):
            mine = self._ours.get((resting, level.price), ZERO)
            if left := _less(level, mine):
                yield left


def _less(level: Level, mine: Decimal) -> Level | None:
    """Computed here, since a context must not be left open between two levels that are asked for."""
    with exactly():
        left = tidy(level.size - mine)
    return Level(level.price, left) if left > 0 else None
