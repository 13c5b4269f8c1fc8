"""A book of orders: of each price a queue, the eldest in front.

Strangers' orders that stand side by side in a queue are one entry: nobody tells them apart. An order
that has a number stands for itself, so it trades when all that came before it at its price is gone.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec import Struct

from tapefold.units import Side

STRANGERS: Final = 0
"""Instead of an order's number."""


def other(side: Side) -> Side:
    """The opposite one."""
    return "sell" if side == "buy" else "buy"


class Resting(NamedTuple):
    """What rests at a price now; size 0 for nothing any more. A buy rests on the bid side."""

    side: Side
    price: int
    size: int


class Offer(NamedTuple):
    """So much of one order (or of strangers side by side) at a price."""

    price: int
    size: int
    order: int


class _Entry(Struct):
    order: int
    size: int


class _Half:
    """One side."""

    def __init__(self, side: Side) -> None:
        self.side: Side = side
        self.sizes: dict[int, int] = {}
        self.strangers: dict[int, int] = {}
        self.queues: dict[int, list[_Entry]] = {}

    def change(self, price: int, size: int, order: int) -> Resting:
        """Reckon with so much more, or less where it is negative."""
        _add(self.sizes, price, size)
        if order == STRANGERS:
            _add(self.strangers, price, size)
        if price not in self.sizes:
            del self.queues[price]
        return Resting(self.side, price, self.sizes.get(price, 0))


class Book:
    """Both sides, in ints of the instrument's scales. No level is empty; it does not watch for crossing."""

    def __init__(self) -> None:
        self._halves: dict[Side, _Half] = {"buy": _Half("buy"), "sell": _Half("sell")}

    def sizes(self, side: Side) -> dict[int, int]:
        """What rests at each price: not to be changed."""
        return self._halves[side].sizes

    def strangers(self, side: Side) -> dict[int, int]:
        """What of it is strangers': not to be changed."""
        return self._halves[side].strangers

    def best(self, side: Side) -> int | None:
        """The price that is first to trade; None for an empty side."""
        prices = self._halves[side].sizes
        if not prices:
            return None
        return max(prices) if side == "buy" else min(prices)

    def prices(self, side: Side) -> list[int]:
        """From the best on."""
        return sorted(self._halves[side].sizes, reverse=side == "buy")

    def offers(self, side: Side, limit: int | None = None) -> Iterator[Offer]:
        """What can be taken from a side up to *limit*, in the order in which it trades."""
        half = self._halves[side]
        for price in self.prices(side):
            if limit is not None and (price < limit if side == "buy" else price > limit):
                return
            for entry in half.queues[price]:
                yield Offer(price, entry.size, entry.order)

    def add(self, side: Side, price: int, size: int, order: int = STRANGERS) -> Resting:
        """So much more, at the end of its queue."""
        half = self._halves[side]
        queue = half.queues.setdefault(price, [])
        if order == STRANGERS and queue and queue[-1].order == STRANGERS:
            queue[-1].size += size
        else:
            queue.append(_Entry(order, size))
        return half.change(price, size, order)

    def withdraw(self, side: Side, price: int, size: int, order: int = STRANGERS) -> Resting:
        """So much less of an order, or of strangers' orders, the youngest first. It must be there."""
        half = self._halves[side]
        queue, rest = half.queues[price], size
        for entry in reversed(queue):
            if entry.order == order:
                less = min(rest, entry.size)
                entry.size -= less
                rest -= less
        queue[:] = _joined(queue)
        return half.change(price, -size, order)

    def take(self, side: Side, price: int, size: int) -> list[Offer]:
        """So much is traded at a price, the eldest first. It must be there."""
        half, taken = self._halves[side], list[Offer]()
        queue = half.queues[price]
        while size:
            entry = queue[0]
            less = min(size, entry.size)
            entry.size -= less
            size -= less
            if not entry.size:
                del queue[0]
            taken.append(Offer(price, less, entry.order))
            half.change(price, -less, entry.order)
        return taken


def _add(sizes: dict[int, int], price: int, size: int) -> None:
    total = sizes.get(price, 0) + size
    if total:
        sizes[price] = total
    else:
        sizes.pop(price, None)


def _joined(queue: list[_Entry]) -> list[_Entry]:
    """Without what is empty; strangers that this brings side by side are one entry."""
    joined: list[_Entry] = []
    for entry in queue:
        if entry.size and joined and entry.order == joined[-1].order == STRANGERS:
            joined[-1].size += entry.size
        elif entry.size:
            joined.append(entry)
    return joined
