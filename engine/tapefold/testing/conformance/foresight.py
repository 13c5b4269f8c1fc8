"""What the books truly are a little ahead of a kernel, now, and a little while ago."""

from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec.structs import replace

from tapefold.core import pack
from tapefold.events import AnyEvent, BookDelta, BookSnapshot, InstrumentListed
from tapefold.testing.conformance.market import Market
from tapefold.testing.conformance.truth import Digits, Levels, finest, rescaled
from tapefold.testing.conformance.walk import Walk

AHEAD: Final = 12
"""Moments by which it is ahead."""
PAST_MAX: Final = 64
"""Books that are remembered of one instrument."""


class Then(NamedTuple):
    """A book as it truly was after a moment."""

    at: int
    live: bool
    sequence: int
    bids: Levels
    asks: Levels
    digits: Digits

    def finer(self, digits: Digits) -> "Then":
        """The same in a scale that holds both."""
        there = finest(self.digits, digits)
        if there == self.digits:
            return self
        bids, asks = (rescaled(half, self.digits, there) for half in (self.bids, self.asks))
        return self._replace(bids=bids, asks=asks, digits=there)

    def told(self, row: InstrumentListed, *, chained: bool) -> tuple[AnyEvent, ...]:
        """An answer with this book, for who knows its instrument as in *row*.

        *chained*: as the book of somebody who has taken in deltas on top of a snapshot. Where each names
        the one before, the first one after a snapshot is placed otherwise than all others; so the last one
        comes after it once more, with nothing new.
        """
        there = self.finer((row.price_digits, row.size_digits))
        price, size = there.digits
        listed = replace(row, price_digits=price, size_digits=size)
        snapshot = BookSnapshot(
            instrument=row.instrument,
            time_exchange=0,
            sequence=self.sequence,
            packed_bids=pack([*there.bids], [*there.bids.values()]),
            packed_asks=pack([*there.asks], [*there.asks.values()]),
        )
        return (listed, snapshot, _last(snapshot)) if chained else (listed, snapshot)


def _last(snapshot: BookSnapshot) -> BookDelta:
    """The delta that a book ended with, and all of its changes are in the book."""
    nothing = pack([], [])
    return BookDelta(
        instrument=snapshot.instrument,
        time_exchange=0,
        published_after=0,
        first=snapshot.sequence,
        previous=0,
        sequence=snapshot.sequence,
        packed_bids=nothing,
        packed_asks=nothing,
    )


class Foresight:
    """A walk that is ahead, and the books that it came by."""

    def __init__(self, market: Market, walk: Walk) -> None:
        self._market, self.walk = market, walk
        self._past: dict[int, deque[Then]] = {}
        for number in walk.books:
            self._remember(number)

    @property
    def numbers(self) -> list[int]:
        """The instruments with books."""
        return [*self._past]

    def carried(self, url: str) -> list[int]:
        """The instruments whose books are heard on a connection to there."""
        natives = self.walk.streams().get(url, ())
        return [self.walk.known[native].instrument for native in natives]

    def row(self, number: int) -> InstrumentListed:
        """An instrument, as it is listed on the tape."""
        return next(row for row in self.walk.known.values() if row.instrument == number)

    def past(self, number: int) -> Iterator[Then]:
        """An instrument's book as it is a little ahead, and was before, the latest first."""
        return reversed(self._past[number])

    def at(self, number: int, moment: int) -> Then | None:
        """An instrument's book as it was after a moment; None where that is too long ago."""
        return next((each for each in self.past(number) if each.at <= moment), None)

    def look(self, moment: int) -> None:
        """Walk on to a little ahead of there."""
        moments, walk = self._market.moments, self.walk
        while walk.at < min(len(moments), moment + AHEAD):
            taken = moments[walk.at]
            walk.take(taken)
            plain = taken.kind == "recv" and len(taken.events) < 2
            for number in self._market.books(walk.at - 1) if plain else walk.books:
                self._remember(number)

    def _remember(self, number: int) -> None:
        book, row = self.walk.books[number], self.row(number)
        past = self._past.setdefault(number, deque(maxlen=PAST_MAX))
        digits = row.price_digits, row.size_digits
        for each in book.passed:
            past.append(Then(self.walk.at, True, *each, digits))
        book.passed = []
        now = book.sequence, {**book.bids}, {**book.asks}
        past.append(Then(self.walk.at, book.live, *now, digits))
