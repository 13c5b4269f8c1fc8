"""The books of one exchange's instruments: their synchronisation, and the scales they are in."""

from typing import Final, Literal, TypeAlias

from tapefold.adapter import BookRule
from tapefold.events import BookDelta, BookInvalidated, BookSnapshot, InstrumentListed
from tapefold.kernel.core import Core
from tapefold.kernel.requests import Requests
from tapefold.kernel.sync import BookSync
from tapefold.units import SCALED_MAX, Nanos, TooLarge

HEADROOM: Final = 8
"""How many times larger than all that is known a number may still be in a scale that is widened."""
Reason: TypeAlias = Literal["gap", "crossed", "disconnected", "overrun", "checksum"]


class Books:
    """Where each book is in its synchronisation, by the instrument's number."""

    def __init__(self, core: Core, requests: Requests, rule: BookRule) -> None:
        self._core, self._requests, self._rule = core, requests, rule
        self.syncs: dict[int, BookSync] = {}

    def add(self, instrument: int) -> None:
        """There is one more instrument."""
        self.syncs[instrument] = BookSync(self._rule)

    def relist(self, time: Nanos, event: InstrumentListed, old: InstrumentListed) -> None:
        """An instrument's rules changed, or its scale widened. Raises `TooLarge`."""
        price = 10 ** (event.price_digits - old.price_digits)
        size = 10 ** (event.size_digits - old.size_digits)
        self._check(event, price, size)
        self.syncs[old.instrument].rescale(price, size)
        self._core.append(time, event)

    def stop(self, time: Nanos, instrument: int) -> None:
        """Nothing more comes of a book: its lane is down."""
        if self.syncs[instrument].state == "live":
            self._invalidate(time, instrument, "disconnected")
        self.syncs[instrument].stop()

    def wait_for(self, time: Nanos, row: InstrumentListed) -> None:
        """Hold what comes of a book until its snapshot is there."""
        self.syncs[row.instrument].wait()
        self._requests.ask_from_now(time, ("book", row.native_symbol))

    def _invalidate(self, time: Nanos, instrument: int, reason: Reason, got: int = 0) -> None:
        last = 0 if reason == "disconnected" else self.syncs[instrument].sequence
        self._core.append(
            time,
            BookInvalidated(instrument=instrument, reason=reason, last=last, got=got),
        )

    def _check(self, event: InstrumentListed, price: int, size: int) -> None:
        """Refuse a scale without room above what is known. Raises `TooLarge`.

        A scale never narrows again, so one absurdly fine number could shut out all that come after.
        """
        if price == size == 1:
            return
        number = event.instrument
        book, market = self._core.views.books[number], self._core.views.markets[number]
        known = [book.bids.largest(), book.asks.largest(), market.largest()]
        known.append(self.syncs[number].largest())
        for most, largest in known:
            if max(most * price, largest * size) * HEADROOM >= SCALED_MAX:
                raise TooLarge(event.native_symbol)

    def delta(self, time: Nanos, event: BookDelta) -> None:
        """A delta came: log it, hold it, or begin anew."""
        sync = self.syncs[event.instrument]
        verdict = sync.delta(time, event)
        if verdict == "apply":
            self._core.append(time, event)
            self._check_crossed(time, event.instrument)
        elif verdict in ("gap", "overrun"):
            got = event.previous or event.first
            self._invalidate(time, event.instrument, verdict, got)
            sync.again(time, event)
            self._ask_anew(time, event.instrument)

    def snapshot(self, time: Nanos, event: BookSnapshot) -> None:
        """A snapshot came: log it, and what was held on top of it."""
        sync = self.syncs[event.instrument]
        if sync.state != "waiting" or self._is_outdated(time, event.instrument):
            return
        fit = sync.snapshot(event.sequence)
        if fit is None:  # it ends before the held deltas begin
            self._ask_anew(time, event.instrument)
            return
        self._core.append(time, event)
        for came, held in fit:
            self._core.append(came, held)
        self._check_crossed(time, event.instrument)

    def _check_crossed(self, time: Nanos, instrument: int) -> None:
        """No exchange leaves a crossed book standing: one that is cannot be right."""
        if self._core.views.books[instrument].crossed():
            self._invalidate(time, instrument, "crossed")
            self.syncs[instrument].wait()
            self._ask_anew(time, instrument)

    def _is_outdated(self, time: Nanos, instrument: int) -> bool:
        """Whether a snapshot was asked for before its book was waited for.

        What came in between is in nobody's hands: such a book would look live, and lack it.
        """
        native = self._core.views.instruments.rows[instrument].native_symbol
        return self._requests.is_outdated(time, ("book", native))

    def _ask_anew(self, time: Nanos, instrument: int) -> None:
        native = self._core.views.instruments.rows[instrument].native_symbol
        self._requests.ask_anew(time, ("book", native))
