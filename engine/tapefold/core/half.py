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
        levels, heap, sign = self._levels, self._heap, self.sign
        prices, sizes = unpack(packed)
        self._best = None
        # Onto the heap first: a price that is there and no level does no harm, should Ctrl-C come.
        for price in [price for price in prices if price not in levels]:
            heappush(heap, sign * price)
        levels.update(zip(prices, sizes, strict=True))
        if len(heap) > self._room:
            self._rebuild(levels)

    def replace(self, levels: dict[int, int]) -> None:
        """These levels and no others: ints of 63 bits, as `scaled` gives them, no size zero."""
        self._rebuild(levels)

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
            levels.pop(price, None)  # first, as in `apply`
            heappop(heap)
        return None

    def sorted(self) -> list[tuple[int, int]]:
        """Best first."""
        return sorted(((p, s) for p, s in self._levels.items() if s), reverse=self.sign < 0)

    def largest(self) -> tuple[int, int]:
        """The largest price and the largest size."""
        prices = (price for price, size in self._levels.items() if size)
        return max(prices, default=0), max(self._levels.values(), default=0)

    def _rebuild(self, levels: dict[int, int]) -> None:
        """From these, without those that are no levels any more."""
        lasting = {price: size for price, size in levels.items() if size}
        heap = [self.sign * price for price in lasting]
        heapify(heap)
        self._levels, self._heap, self._best = lasting, heap, None
        self._room = 4 * len(heap) + 64  # how long the heap may become
