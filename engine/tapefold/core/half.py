"""One side of a book: a hash of levels, and a heap that is put right only when it is looked at.

Few updates touch the best price, so order is paid for lazily: a new price goes onto the heap, and one
that is removed keeps its places, with a size of zero, until it comes to the top or there are too many.
"""

from heapq import heapify, heappop, heappush
from typing import Literal

from msgspec import Raw

from tapefold.core.levels import unpack


class Half:
    """One side. `sign` is -1 for bids, so that the heap's first is always the best."""

    __slots__ = ("_best", "_heap", "_levels", "_room", "sign")

    def __init__(self, sign: Literal[-1, 1]) -> None:
        self.sign = sign
        self._best: tuple[int, int] | None = None
        """What `best` gave; None: to be looked for."""
        self.replace({})

    def __len__(self) -> int:
        return sum(map(bool, self._levels.values()))

    @property
    def levels(self) -> dict[int, int]:
        """A copy: each price and its size, best first."""
        return dict(self.sorted())

    def apply(self, packed: Raw | bytes) -> None:
        """Set each level; zero removes it, also one that is not there, which is normal.

        Raises `ValueError` as `unpack` does, and has done nothing then.
        """
        levels = self._levels
        prices, sizes = unpack(packed)
        self._best = None
        fresh = [price for price in prices if price not in levels]
        levels.update(zip(prices, sizes, strict=True))
        if fresh:
            heap, sign = self._heap, self.sign
            for price in fresh:
                heappush(heap, sign * price)
            if len(heap) > self._room:
                self._rebuild()

    def replace(self, levels: dict[int, int]) -> None:
        """These levels and no others: ints of 63 bits, as `scaled` gives them, no size zero."""
        self._levels = levels
        self._rebuild()

    def rescale(self, price: int, size: int) -> None:
        """Every price and every size times so much; the caller has seen that 63 bits hold it."""
        self.replace({p * price: s * size for p, s in self._levels.items()})

    def best(self) -> tuple[int, int] | None:
        """The best price and its size; None for an empty side."""
        if self._best is not None:
            return self._best
        heap, levels, sign = self._heap, self._levels, self.sign
        while heap:
            price = sign * heap[0]
            size = levels.get(price)
            if size:
                self._best = price, size
                return self._best
            heappop(heap)
            if size is not None:
                del levels[price]
        return None

    def sorted(self) -> list[tuple[int, int]]:
        """Best first."""
        return sorted(((p, s) for p, s in self._levels.items() if s), reverse=self.sign < 0)

    def largest(self) -> tuple[int, int]:
        """The largest price and the largest size."""
        levels = self.levels
        return max(levels, default=0), max(levels.values(), default=0)

    def _rebuild(self) -> None:
        self._best = None
        self._levels = {price: size for price, size in self._levels.items() if size}
        self._heap = [self.sign * price for price in self._levels]
        self._room = 4 * len(self._levels) + 64  # how long the heap may become
        heapify(self._heap)
