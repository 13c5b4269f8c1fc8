"""A book as people read it: names and exact decimals."""

from decimal import Decimal
from itertools import islice

from tapefold.errors import StaleBook
from tapefold.events import InstrumentListed
from tapefold.folds.book import Book, Half
from tapefold.folds.instruments import Instruments
from tapefold.units import Level, plain


class BookView:
    """One instrument's book, now. It is a window, not a copy: it changes as the book does.

    A book that is not live answers no question about prices, and raises `StaleBook`, unless the view
    was asked for with `stale=True`.
    """

    def __init__(
        self, instruments: Instruments, number: int, book: Book, *, stale: bool = False
    ) -> None:
        self._instruments, self._number = instruments, number
        self._book, self._stale = book, stale

    @property
    def instrument(self) -> InstrumentListed:
        """Its name and its rules, as they are now: its scale may have widened since."""
        return self._instruments.rows[self._number]

    @property
    def live(self) -> bool:
        """Whether the book can be believed: synchronised, and no gap since."""
        return self._book.state == "live"

    @property
    def state(self) -> str:
        """`empty` before the first snapshot, then `live`, or `stale` since a gap or a disconnect."""
        return self._book.state

    @property
    def updates(self) -> int:
        """How many deltas it took in since the log began."""
        return self._book.updates

    @property
    def gaps(self) -> int:
        """How often its chain of deltas broke."""
        return self._book.gaps

    @property
    def best_bid(self) -> Level | None:
        """The highest bid; None for an empty side."""
        return self._best(self._book.bids)

    @property
    def best_ask(self) -> Level | None:
        """The lowest ask; None for an empty side."""
        return self._best(self._book.asks)

    @property
    def spread(self) -> Decimal | None:
        """Best ask less best bid; None where a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        return ask.price - bid.price if bid and ask else None

    @property
    def mid(self) -> Decimal | None:
        """Half-way between best bid and best ask; None where a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        return (bid.price + ask.price) / 2 if bid and ask else None

    def bids(self, depth: int | None = None) -> list[Level]:
        """Up to *depth* bids, best first; all of them without a depth."""
        return self._side(self._book.bids, depth)

    def asks(self, depth: int | None = None) -> list[Level]:
        """Up to *depth* asks, best first; all of them without a depth."""
        return self._side(self._book.asks, depth)

    @property
    def levels(self) -> tuple[int, int]:
        """How many bids and asks there are."""
        return len(self._book.bids.levels), len(self._book.asks.levels)

    def _best(self, half: Half) -> Level | None:
        self._believed()
        best = half.best()
        return self._level(*best) if best else None

    def _side(self, half: Half, depth: int | None) -> list[Level]:
        self._believed()
        return [self._level(price, size) for price, size in islice(half.sorted(), depth)]

    def _level(self, price: int, size: int) -> Level:
        row = self.instrument
        return Level(Decimal(plain(price, row.price_digits)), Decimal(plain(size, row.size_digits)))

    def _believed(self) -> None:
        if not (self._stale or self.live):
            raise StaleBook(
                f"the book of {self.instrument.symbol} is {self.state}: wait until it is live, or ask "
                "for it with stale=True"
            )
