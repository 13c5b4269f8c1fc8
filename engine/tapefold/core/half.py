"""One side of a book: a hash of levels, and a heap that is put right only when it is looked at.

Few updates touch the best price, so order is paid for lazily: a new price goes onto the heap, a
removed one stays there until it comes to the top.
"""

from heapq import heapify, heappop, heappush
from typing import Literal

from msgspec import Raw

from tapefold.core.levels import unpack


class Half:
    """One side. `sign` is -1 for bids, so that the heap's first is always the best."""

    __slots__ = ("_heap", "_levels", "sign")

    def __init__(self, sign: Literal[-1, 1]) -> None:
        self.sign = sign
        self._levels: dict[int, int] = {}
        self._heap: list[int] = []

    def __len__(self) -> int:
        return len(self._levels)

    @property
    def levels(self) -> dict[int, int]:
        """A copy: each price and its size, best first."""
        return dict(self.sorted())

    def apply(self, packed: Raw | bytes) -> None:
        """Set each level; zero removes it, also one that is not there, which is normal.

        Raises `ValueError` as `unpack` does, and has done nothing then.
        """
        levels, heap, sign = self._levels, self._heap, self.sign
        prices, sizes = unpack(packed)
        for price, size in zip(prices, sizes, strict=True):
            if size:
                if price not in levels:
                    heappush(heap, sign * price)
                levels[price] = size
            elif price in levels:
                del levels[price]
        if len(heap) > 4 * len(levels) + 64:
            self._rebuild()

    def replace(self, levels: dict[int, int]) -> None:
        """These levels and no others: ints of 63 bits, as `scaled` gives them, no size zero."""
        self._levels = levels.copy()
        self._rebuild()

    def rescale(self, price: int, size: int) -> None:
        """Every price and every size times so much; the caller has seen that 63 bits hold it."""
        self.replace({p * price: s * size for p, s in self._levels.items()})

    def best(self) -> tuple[int, int] | None:
        """The best price and its size; None for an empty side."""
        heap, levels, sign = self._heap, self._levels, self.sign
        while heap:
            price = sign * heap[0]
            if price in levels:
                return price, levels[price]
            heappop(heap)
        return None

    def sorted(self) -> list[tuple[int, int]]:
        """Best first."""
        return sorted(self._levels.items(), reverse=self.sign < 0)

    def largest(self) -> tuple[int, int]:
        """The largest price and the largest size."""
        return max(self._levels, default=0), max(self._levels.values(), default=0)

    def _rebuild(self) -> None:
        self._heap = [self.sign * price for price in self._levels]
        heapify(self._heap)
