"""A seeded market: one instrument's book, and strangers who trade in it.

It is a source of plausible public data, and a book in which orders of accounts stand among those of
strangers. What holds is what must hold of any book: it is never crossed, no level is empty, and what a
trade takes is gone from its level. Strangers have no accounts: they are what trades with ours.

The same spec and seed give the same changes on every machine, as long as nobody else places orders:
prices, sizes and times are ints, and chance is only ever taken from `random.Random.random`, whose
sequence Python promises to keep.
"""

from collections.abc import Sequence
from random import Random
from typing import Final, NamedTuple

from tapefold.sim.book import STRANGERS, Book, Offer, Resting, other
from tapefold.sim.spec import Spec
from tapefold.units import Nanos, Side

LEVELS_MIN: Final = 4
"""Levels a side that market orders leave standing, so that neither side runs dry of strangers alone."""
NEVER: Final = 1 << 62
"""When nothing is ever due: after all times."""
SWEEP_MAX: Final = 3
"""Levels that one market order takes from, at the most."""


class Taken(NamedTuple):
    """One trade: an order took so much of another, or of strangers side by side."""

    trade_id: int
    price: int
    size: int
    taker: Side
    maker_order: int = STRANGERS
    taker_order: int = STRANGERS


class Change(NamedTuple):
    """What one action changed."""

    time: Nanos
    resting: list[Resting]
    trades: list[Taken]


class Best(NamedTuple):
    """The best bid and ask, each with its size; zeros for a side that is empty."""

    bid: int
    bid_size: int
    ask: int
    ask_size: int


class Market:
    """One instrument's market from *start* on. `turn` does what is due at `due`."""

    def __init__(self, spec: Spec, seed: int, start: Nanos) -> None:
        self.spec = spec
        self.book = Book()
        self.fair = spec.fair
        self.trades = 0
        self._random = Random(f"{seed} {spec.symbol}")
        self._stray_due = start + spec.stray_after if spec.stray_after else 0
        for side, price, size in spec.ladder:
            self.book.add(side, price, size)
        for _ in range(0 if spec.ladder else spec.levels):
            self._place("buy")
            self._place("sell")
        self.due = NEVER if spec.ladder else start + self._pause()

    @property
    def bids(self) -> dict[int, int]:
        """What is wanted at each price, by anybody: not to be changed."""
        return self.book.sizes("buy")

    @property
    def asks(self) -> dict[int, int]:
        """What is offered at each price, by anybody: not to be changed."""
        return self.book.sizes("sell")

    def turn(self) -> Change:
        """Do what is due: somebody places, cancels or takes."""
        change = Change(self.due, [], [])
        self.due += self._pause()
        if self._stray_due and change.time >= self._stray_due and len(self.bids) > 1:
            self._stray_due = 0
            change.resting.append(self._stray())
            return change
        if not self._below(self.spec.calm):
            self.fair = max(
                self.spec.reach, self.fair + (self._below(3) - 1) * self.spec.move
            )  # so nothing is ever bid at 0 or below
        chance = self._below(100)
        if chance < 16 or (self._behind() and chance < 60):
            self._take(change)
        elif chance < 60:
            change.resting.append(self._place(self._side()))
        else:
            change.resting.append(self._cancel(self._side()))
        return change

    def best(self) -> Best:
        """The best of both sides."""
        bid, ask = self.book.best("buy") or 0, self.book.best("sell") or 0
        return Best(bid, self.bids.get(bid, 0), ask, self.asks.get(ask, 0))

    def trade(self, change: Change, side: Side, offers: Sequence[Offer], order: int) -> None:
        """An order of *side* takes these *offers*, which must be the first that its book has."""
        against, at = other(side), -1
        for offer in offers:
            for price, size, maker in self.book.take(against, offer.price, offer.size):
                self.trades += 1
                change.trades.append(Taken(self.trades, price, size, side, maker, order))
            left = Resting(against, offer.price, self.book.sizes(against).get(offer.price, 0))
            if offer.price == at:
                change.resting[-1] = left
            else:
                change.resting.append(left)
            at = offer.price

    # What people do

    def _place(self, side: Side) -> Resting:
        """A limit order somewhere behind the fair price, never on or over the other side's best."""
        tick, reach = self.spec.tick, self.spec.reach
        away = 1 + self._small(reach // 10 if self._below(2) else reach)
        against = self.book.best(other(side))
        if side == "buy":
            limit = min(self.fair - away, self.fair if against is None else against - 1)
            price = max(limit // tick * tick, tick)
        else:
            limit = max(self.fair + away, self.fair if against is None else against + 1)
            price = -(-limit // tick) * tick
        return self._rest(side, price, self._size(self.spec.size))

    def _rest(self, side: Side, price: int, size: int) -> Resting:
        """It rests, unless it would cross: the other side may begin at the very first price."""
        against = self.book.best(other(side))
        if side == "buy" and against is not None and price >= against:
            return Resting(side, price, self.bids.get(price, 0))
        return self.book.add(side, price, size)

    def _cancel(self, side: Side) -> Resting:
        """All or half of a level goes; where there are too many, the farthest does."""
        levels = self.book.strangers(side)
        if len(levels) <= self.spec.levels // 2:
            return self._place(side)
        prices = sorted(levels, reverse=side == "buy")
        if len(prices) > self.spec.levels:
            return self.book.withdraw(side, prices[-1], levels[prices[-1]])
        price, lot = prices[self._small(len(prices))], self.spec.lot
        half = levels[price] // lot // 2 * lot
        left = half if self._below(2) else 0
        return self.book.withdraw(side, price, levels[price] - left)

    def _take(self, change: Change) -> None:
        """A market order eats the best levels, towards the fair price if that is behind a best."""
        taker = self._behind() or self._side()
        side = other(taker)
        levels, wanted = self.book.sizes(side), self._size(self.spec.size // 3)
        for price in self.book.prices(side)[:SWEEP_MAX]:
            if not wanted or len(levels) <= LEVELS_MIN:
                return
            size = min(wanted, levels[price])
            wanted -= size
            self.trade(change, taker, [Offer(price, size, STRANGERS)], STRANGERS)

    def _stray(self) -> Resting:
        """A bid half a tick below the last but one: finer than the list says, and deep enough to stay."""
        price = self.book.prices("buy")[-2] - self.spec.tick // 2
        return self.book.add("buy", price, self._size(self.spec.size))

    def _behind(self) -> Side | None:
        """Who gains by taking: the fair price is on or over that side's best."""
        bid, ask = self.book.best("buy"), self.book.best("sell")
        if ask is not None and self.fair >= ask:
            return "buy"
        return "sell" if bid is not None and self.fair <= bid else None

    # Chance

    def _side(self) -> Side:
        return "buy" if self._below(2) else "sell"

    def _size(self, lots: int) -> int:
        return self.spec.lot * (1 + self._small(4 * lots))

    def _pause(self) -> Nanos:
        return 1 + self._small(4 * self.spec.pause)

    def _small(self, end: int) -> int:
        """From 0 up to *end* without it, small ones oftener: a quarter of it on average."""
        return self._below(1 + self._below(end))

    def _below(self, end: int) -> int:
        """From 0 up to *end* without it, all alike."""
        return int(self._random.random() * end)
