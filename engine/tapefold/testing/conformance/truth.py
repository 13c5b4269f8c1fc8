"""What the books truly were: a second, plain implementation of the rules, to compare an engine with.

It shares nothing with the kernel but the adapter: a defect of the engine cannot hide in both.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from msgspec import Raw
from msgspec.structs import replace

from tapefold.adapter import BookRule
from tapefold.core import pack, unpack
from tapefold.events import BookDelta, BookSnapshot

Levels: TypeAlias = dict[int, int]
"""Sizes by price, both in a scale."""
Digits: TypeAlias = tuple[int, int]
"""A scale: the digits of prices, and of sizes."""
Passed: TypeAlias = tuple[int, Levels, Levels]
"""An update id, and the bids and asks as of it."""
PASSED_MAX: Final = 16
"""Deltas that waited for a snapshot, of which the last may be missing and the book still be right."""


class TrueBook:
    """One book, by the exchange's rule."""

    def __init__(self, rule: BookRule) -> None:
        self._by_previous = rule.chain == "previous"
        self.bids: Levels = {}
        self.asks: Levels = {}
        self.sequence = self.since = 0
        """The last update id, and the line since which a snapshot is waited for."""
        self.live = False
        self.fresh = False
        """Whether no delta came on top of its snapshot yet: the first one reaches over it."""
        self.held: list[BookDelta] | None = None
        """Deltas that wait for a snapshot; None: none is waited for."""
        self.passed: list[Passed] = []
        """What the book was on the way from its last snapshot to the last delta that waited for it."""

    def copy(self) -> "TrueBook":
        """Another one that is like it."""
        made = TrueBook(BookRule("previous" if self._by_previous else "first"))
        made.__dict__.update(self.__dict__)
        made.bids, made.asks = {**self.bids}, {**self.asks}
        made.held = None if self.held is None else [*self.held]
        made.passed = []
        return made

    def wait(self, line: int) -> None:
        """A lane is up: a snapshot that is asked for from now on is good."""
        self.live, self.held, self.since = False, [], line

    def stop(self) -> None:
        """No lane carries it."""
        self.live, self.held = False, None

    def delta(self, event: BookDelta) -> None:
        """Changes came."""
        if not self.live:
            if self.held is not None:
                self.held.append(event)
        elif not self._is_old(event):
            if self._follows(event):
                self._take(event)
            else:
                self.live, self.held = False, [event]
        self._check_crossed()

    def snapshot(self, event: BookSnapshot, asked: int) -> None:
        """A whole book came that was asked for at a line."""
        if self.live or self.held is None or asked < self.since:
            return
        before = self.bids, self.asks, self.sequence, self.fresh
        self.bids, self.asks = _there(event.packed_bids), _there(event.packed_asks)
        self.sequence, self.fresh = event.sequence, True
        passed = list[Passed]()
        for left, held in zip(range(len(self.held), 0, -1), self.held, strict=True):
            if self._is_old(held):
                continue
            if not self._follows(held):  # it ends before what is held begins
                self.bids, self.asks, self.sequence, self.fresh = before
                return
            if left <= PASSED_MAX:
                passed.append((self.sequence, {**self.bids}, {**self.asks}))
            self._take(held)
        self.live, self.held, self.passed = True, None, passed
        self._check_crossed()

    def rescale(self, price: int, size: int) -> None:
        """Every number times so much."""
        self.bids, self.asks = times(self.bids, price, size), times(self.asks, price, size)
        if self.held is not None:
            self.held = [
                replace(
                    event,
                    packed_bids=_packed(times(_levels(event.packed_bids), price, size)),
                    packed_asks=_packed(times(_levels(event.packed_asks), price, size)),
                )
                for event in self.held
            ]

    def _is_old(self, event: BookDelta) -> bool:
        if self._by_previous and self.fresh:
            return event.sequence < self.sequence
        return event.sequence <= self.sequence

    def _follows(self, event: BookDelta) -> bool:
        if not self._by_previous:
            return event.first <= self.sequence + 1
        return event.first <= self.sequence if self.fresh else event.previous == self.sequence

    def _take(self, event: BookDelta) -> None:
        for levels, packed in ((self.bids, event.packed_bids), (self.asks, event.packed_asks)):
            for price, size in _levels(packed).items():
                if size:
                    levels[price] = size
                else:
                    levels.pop(price, None)
        self.sequence, self.fresh = event.sequence, False

    def _check_crossed(self) -> None:
        if self.live and self.bids and self.asks and max(self.bids) >= min(self.asks):
            self.live, self.held = False, []


def _levels(packed: Raw) -> Levels:
    prices, sizes = unpack(packed)
    return dict(zip(prices, sizes, strict=True))


def _there(packed: Raw) -> Levels:
    return {price: size for price, size in _levels(packed).items() if size}


def _packed(levels: Levels) -> Raw:
    return pack([*levels], [*levels.values()])


def times(levels: Mapping[int, int], price: int, size: int) -> Levels:
    """Levels in a finer scale."""
    return {p * price: s * size for p, s in levels.items()}


def finest(one: Digits, other: Digits) -> Digits:
    """The coarsest scale that holds all of both."""
    return max(one[0], other[0]), max(one[1], other[1])


def rescaled(levels: Levels, digits: Digits, finer: Digits) -> Levels:
    """Levels of a scale in a finer one; themselves where it is the same."""
    if digits == finer:
        return levels
    return times(levels, 10 ** (finer[0] - digits[0]), 10 ** (finer[1] - digits[1]))
