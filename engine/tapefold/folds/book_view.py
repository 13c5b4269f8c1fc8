"""A book as people read it: names and exact decimals."""

from collections.abc import Iterator
from decimal import Decimal

from tapefold.core import Half
from tapefold.errors import StaleBook
from tapefold.events import InstrumentListed
from tapefold.folds.book import Book
from tapefold.folds.depth import Depth
from tapefold.folds.instruments import Instruments
from tapefold.units import Level, Side, plain


class BookView(Depth):
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
    def epoch(self) -> int:
        """How often it began anew, with a snapshot: levels of two epochs are of two books."""
        return self._book.snapshots

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
    def levels(self) -> tuple[int, int]:
        """How many bids and asks there are."""
        return len(self._book.bids), len(self._book.asks)

    def meets(self, side: Side) -> Iterator[Level]:
        """The levels that an order of that side would meet, as they are now, best first."""
        self._believed()
        row = self.instrument
        half = self._book.asks if side == "buy" else self._book.bids
        return (_level(row, price, size) for price, size in half.sorted())

    def _best(self, half: Half) -> Level | None:
        self._believed()
        best = half.best()
        return _level(self.instrument, *best) if best else None

    def _believed(self) -> None:
        if not (self._stale or self.live):
            raise StaleBook(
                f"the book of {self.instrument.symbol} is {self.state}: wait until it is live, or ask "
                "for it with stale=True"
            )


def _level(row: InstrumentListed, price: int, size: int) -> Level:
    return Level(Decimal(plain(price, row.price_digits)), Decimal(plain(size, row.size_digits)))
