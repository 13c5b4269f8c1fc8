"""A seeded market: one instrument's book, and strangers who trade in it.

It is a source of plausible public data and not an exchange: a level is one amount and not a queue of
orders, nobody has an account, and no order of ours can be placed. What does hold is what must hold of
any book: it is never crossed, no level is empty, and what a trade takes is gone from its level.

The same spec and seed give the same changes on every machine: prices, sizes and times are ints, and
chance is only ever taken from `random.Random.random`, whose sequence Python promises to keep.
"""

from random import Random
from typing import Final, NamedTuple

from msgspec import Struct

from tapefold.units import Nanos, Side

LEVELS_MIN: Final = 4
"""Levels a side that market orders leave standing, so that neither side ever runs dry."""
SWEEP_MAX: Final = 3
"""Levels that one market order takes from, at the most."""


class Spec(Struct, frozen=True, kw_only=True):
    """What one instrument's market is like. Prices and sizes are ints in its scale."""

    base: str
    quote: str
    price_digits: int
    size_digits: int
    tick: int = 1
    """The listed step of prices; more than 1 where a scale finer than the tick is wanted."""
    lot: int = 1
    fair: int
    """What it is worth at the start."""
    move: int
    """The step of its walk."""
    calm: int
    """One action in so many comes with a step."""
    reach: int
    """How far from the fair price orders are placed; half of them keep within a tenth of it."""
    size: int
    """Lots of a usual limit order; a market order takes a third of it."""
    levels: int
    """Levels a side: beyond that the farthest are canceled, and below the half of it none are."""
    pause: Nanos
    """Between two actions, about."""
    stray_after: Nanos = 0
    """When an order shows up between two ticks, as those of an older and finer tick do; 0 for never."""

    @property
    def symbol(self) -> str:
        """BASE-QUOTE."""
        return f"{self.base}-{self.quote}"


class Resting(NamedTuple):
    """What rests at a price now; size 0 for nothing any more. A buy rests on the bid side."""

    side: Side
    price: int
    size: int


class Taken(NamedTuple):
    """One trade: a market order took so much from a level."""

    trade_id: int
    price: int
    size: int
    taker: Side


class Change(NamedTuple):
    """What one action changed."""

    time: Nanos
    resting: list[Resting]
    trades: list[Taken]


class Best(NamedTuple):
    """The best bid and ask, each with its size."""

    bid: int
    bid_size: int
    ask: int
    ask_size: int


class Market:
    """One instrument's market from *start* on. `turn` does what is due at `due`."""

    def __init__(self, spec: Spec, seed: int, start: Nanos) -> None:
        self.spec = spec
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.fair = spec.fair
        self.trades = 0
        self._random = Random(f"{seed} {spec.symbol}")
        self._stray_due = start + spec.stray_after if spec.stray_after else 0
        for _ in range(spec.levels):
            self._place("buy")
            self._place("sell")
        self.due = start + self._pause()

    def turn(self) -> Change:
        """Do what is due: somebody places, cancels or takes."""
        change = Change(self.due, [], [])
        self.due += self._pause()
        if self._stray_due and change.time >= self._stray_due:
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
        """The best of both sides; neither is ever empty."""
        bid, ask = max(self.bids), min(self.asks)
        return Best(bid, self.bids[bid], ask, self.asks[ask])

    # What people do

    def _place(self, side: Side) -> Resting:
        """A limit order somewhere behind the fair price, never on or over the other side's best."""
        tick, reach = self.spec.tick, self.spec.reach
        away = 1 + self._small(reach // 10 if self._below(2) else reach)
        if side == "buy":
            limit = min(self.fair - away, min(self.asks) - 1 if self.asks else self.fair)
            price = max(limit // tick * tick, tick)
        else:
            limit = max(self.fair + away, max(self.bids) + 1 if self.bids else self.fair)
            price = -(-limit // tick) * tick
        return self._rest(
            side, price, self._levels(side).get(price, 0) + self._size(self.spec.size)
        )

    def _cancel(self, side: Side) -> Resting:
        """All or half of a level goes; where there are too many, the farthest does."""
        levels = self._levels(side)
        if len(levels) <= self.spec.levels // 2:
            return self._place(side)
        prices = sorted(levels, reverse=side == "buy")
        if len(prices) > self.spec.levels:
            return self._rest(side, prices[-1], 0)
        price, lot = prices[self._small(len(prices))], self.spec.lot
        half = levels[price] // lot // 2 * lot
        return self._rest(side, price, half if self._below(2) else 0)

    def _take(self, change: Change) -> None:
        """A market order eats the best levels, towards the fair price if that is behind a best."""
        taker = self._behind() or self._side()
        side: Side = "sell" if taker == "buy" else "buy"
        levels, wanted = self._levels(side), self._size(self.spec.size // 3)
        for price in sorted(levels, reverse=side == "buy")[:SWEEP_MAX]:
            if not wanted or len(levels) <= LEVELS_MIN:
                return
            size = min(wanted, levels[price])
            wanted -= size
            self.trades += 1
            change.trades.append(Taken(self.trades, price, size, taker))
            change.resting.append(self._rest(side, price, levels[price] - size))

    def _stray(self) -> Resting:
        """A bid half a tick below the last but one: finer than the list says, and deep enough to stay."""
        price = sorted(self.bids)[1] - self.spec.tick // 2
        return self._rest("buy", price, self.bids.get(price, 0) + self._size(self.spec.size))

    def _rest(self, side: Side, price: int, size: int) -> Resting:
        levels = self._levels(side)
        if size:
            levels[price] = size
        else:
            levels.pop(price, None)
        return Resting(side, price, size)

    def _levels(self, side: Side) -> dict[int, int]:
        return self.bids if side == "buy" else self.asks

    def _behind(self) -> Side | None:
        """Who gains by taking: the fair price is on or over that side's best."""
        if self.fair >= min(self.asks):
            return "buy"
        return "sell" if self.fair <= max(self.bids) else None

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
