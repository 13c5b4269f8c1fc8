"""One instrument's book: two sides, and whether they can be believed."""

from typing import Literal, TypeAlias

from msgspec import Raw

from tapefold.core import Half, pack, scaled, unpack
from tapefold.events import BookDelta, BookInvalidated, BookSnapshot
from tapefold.units import SCALED_MAX, plain

Live: TypeAlias = Literal["empty", "live", "stale"]
State: TypeAlias = tuple[Live, int, int, int, int, list[tuple[str, str]], list[tuple[str, str]]]


class Book:
    """Empty until its first snapshot, live after it, and stale from each `BookInvalidated` to the next."""

    __slots__ = ("asks", "bids", "gaps", "sequence", "snapshots", "state", "updates")

    def __init__(self) -> None:
        self.bids, self.asks = Half(-1), Half(1)
        self.state: Live = "empty"
        self.sequence = self.updates = self.gaps = self.snapshots = 0

    def snapshot(self, event: BookSnapshot) -> None:
        """Forget, and begin again."""
        for half, packed in ((self.bids, event.packed_bids), (self.asks, event.packed_asks)):
            half.replace({})
            half.apply(packed)
        self.sequence, self.state = event.sequence, "live"
        self.snapshots += 1

    def delta(self, event: BookDelta) -> bool:
        """Take the changes in; False where there is no live book to change."""
        if self.state != "live":
            return False
        self.bids.apply(event.packed_bids)
        self.asks.apply(event.packed_asks)
        self.sequence = event.sequence
        self.updates += 1
        return True

    def invalidate(self, event: BookInvalidated) -> None:
        """Not to be believed."""
        self.state = "stale"
        self.gaps += event.reason == "gap"

    def crossed(self) -> bool:
        """Whether somebody bids what somebody asks, which no exchange leaves standing."""
        bid, ask = self.bids.best(), self.asks.best()
        return bid is not None and ask is not None and bid[0] >= ask[0]

    def rescale(self, price: int, size: int) -> bool:
        """Every number times so much; where 63 bits do not hold that, no levels and False."""
        for half in (self.bids, self.asks):
            most, largest = half.largest()
            if most * price >= SCALED_MAX or largest * size >= SCALED_MAX:
                self.bids.replace({})
                self.asks.replace({})
                self.state = "stale"
                return False
        for half in (self.bids, self.asks):
            half.rescale(price, size)
        return True

    def freeze(self, price_digits: int, size_digits: int) -> State:
        """As canonical data: plain decimals, so that it does not tell how the scale came to be."""
        bids, asks = (
            [(plain(p, price_digits), plain(s, size_digits)) for p, s in half.sorted()]
            for half in (self.bids, self.asks)
        )
        return self.state, self.sequence, self.updates, self.gaps, self.snapshots, bids, asks

    def thaw(self, state: State, price_digits: int, size_digits: int) -> None:
        """From canonical data."""
        self.state, self.sequence, self.updates, self.gaps, self.snapshots, bids, asks = state
        for half, rows in ((self.bids, bids), (self.asks, asks)):
            half.replace({scaled(p, price_digits): scaled(s, size_digits) for p, s in rows})


def repack(packed: Raw, price: int, size: int) -> Raw:
    """A side in a finer scale: its prices and sizes times so much."""
    prices, sizes = unpack(packed)
    return pack([p * price for p in prices], [s * size for s in sizes])
