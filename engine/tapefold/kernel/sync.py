"""Book sync: one instrument's deltas and snapshots, put in order.

    idle ── the lane is up ──▶ waiting ── a snapshot that reaches the deltas ──▶ live
                               ▲  │ too old a snapshot: ask again                  │
                               │  └── deltas are held                              │
                               └────────── gap, crossed, too many held ────────────┘

Held deltas are in no log: until a snapshot places them they mean nothing. Nothing here keeps a book
or asks for anything; the feed does what a `Verdict` says.
"""

from typing import Final, Literal, TypeAlias

from msgspec.structs import replace

from tapefold.adapter import BookRule
from tapefold.events import BookDelta
from tapefold.folds.book import repack
from tapefold.units import Nanos

BOOK_HELD_MAX: Final = 20_000
"""Deltas held for one book: half an hour of the busiest stream, longer than any snapshot takes."""
Held: TypeAlias = tuple[Nanos, BookDelta]
Verdict: TypeAlias = Literal["apply", "drop", "hold", "gap", "overrun"]


class BookSync:
    """Where one book is in its synchronisation, and what it counted on the way."""

    def __init__(self, rule: BookRule) -> None:
        self._by_previous = rule.chain == "previous"
        self.state: Literal["idle", "waiting", "live"] = "idle"
        self.sequence = 0
        """The last update id that the book has."""
        self._fresh = False
        self._held: list[Held] = []
        self.seen = self.dropped = 0

    def wait(self) -> None:
        """From now on a snapshot is on its way."""
        self.state, self._held = "waiting", []

    def stop(self) -> None:
        """Nothing is to be expected: the lane is down."""
        self.state, self._held = "idle", []

    def delta(self, time: Nanos, event: BookDelta) -> Verdict:
        """A delta came."""
        self.seen += 1
        if self.state == "live":
            verdict = self._place(event)
            self.dropped += verdict == "drop"
            return verdict
        if self.state == "idle":
            return "drop"
        if len(self._held) >= BOOK_HELD_MAX:
            return "overrun"
        self._held.append((time, event))
        return "hold"

    def again(self, time: Nanos, event: BookDelta) -> None:
        """Begin anew with a delta that did not fit: the next snapshot will place it."""
        self.wait()
        self._held.append((time, event))

    def snapshot(self, sequence: int) -> list[Held] | None:
        """A snapshot came: the held deltas that go on top of it; None if it is too old for them."""
        before, self.sequence, self._fresh = self.sequence, sequence, True
        fit: list[Held] = []
        for time, event in self._held:
            verdict = self._place(event)
            if verdict == "gap":
                self.sequence = before
                return None
            if verdict == "apply":
                fit.append((time, event))
        self.dropped += len(self._held) - len(fit)
        self.state, self._held = "live", []
        return fit

    def largest(self) -> tuple[int, int]:
        """The largest price and the largest size that are held."""
        levels = [level for _, event in self._held for level in (*event.bids, *event.asks)]
        prices, sizes = (price for price, _ in levels), (size for _, size in levels)
        return max(prices, default=0), max(sizes, default=0)

    def rescale(self, price: int, size: int) -> None:
        """The instrument has a finer scale now, and so must have what is held."""
        self._held = [(time, _rescaled(event, price, size)) for time, event in self._held]

    def _place(self, event: BookDelta) -> Verdict:
        """Does the delta follow what the book has?"""
        last = self.sequence
        if self._by_previous:
            # The first one after a snapshot reaches over it; from then on each names the one before.
            if event.sequence < last or (event.sequence == last and not self._fresh):
                return "drop"
            follows = event.first <= last if self._fresh else event.previous == last
        else:
            if event.sequence <= last:
                return "drop"
            follows = event.first <= last + 1
        if not follows:
            return "gap"
        self.sequence, self._fresh = event.sequence, False
        return "apply"


def _rescaled(event: BookDelta, price: int, size: int) -> BookDelta:
    return replace(
        event,
        packed_bids=repack(event.packed_bids, price, size),
        packed_asks=repack(event.packed_asks, price, size),
    )
