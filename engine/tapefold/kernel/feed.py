"""One exchange's public data: what is subscribed to, on which lanes, and what was asked for.

A subscription first waits until its instruments are listed, asking for the list where they are not;
then its lane is opened. Once the lane is up a snapshot is asked for each of its books, not at the
first delta: a thin market's answer may come before that.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from tapefold.adapter import (
    Adapter,
    Close,
    Declare,
    Frame,
    Open,
    Request,
    Subscribe,
)
from tapefold.events import (
    UNLISTED,
    BookDelta,
    BookInvalidated,
    BookSnapshot,
    ConnectionClosed,
    ConnectionOpened,
    InstrumentListed,
    RequestFailed,
)
from tapefold.kernel.core import Core
from tapefold.kernel.requests import Requests, Wanted
from tapefold.kernel.sync import BookSync
from tapefold.units import SCALED_MAX, Nanos, TooLarge


class Feed:
    """One exchange's public data."""

    def __init__(self, adapter: Adapter, core: Core) -> None:
        self.adapter, self._core = adapter, core
        self.exchange = adapter.description.exchange
        self.known = core.views.instruments.known(self.exchange)
        self.syncs: dict[int, BookSync] = {}
        self._subscribed: list[Subscribe] = []
        """Those whose lane is yet to be opened."""
        self._lanes: dict[str, Subscribe] = {}
        self._lanes_made = 0
        self._listed = False
        self._requests = Requests(self.exchange, core, self._make, self._is_wanted)
        self.special: dict[type, Callable[[Nanos, Any], None]] = {
            BookDelta: self._delta,
            BookSnapshot: self._snapshot,
            InstrumentListed: self._list,
        }

    def _make(self, wanted: Wanted) -> Request:
        purpose, native = wanted
        if purpose == "instruments":
            return self.adapter.list_instruments()
        return self.adapter.snapshot(native, self._depth(native))

    # Commands

    def declare(self, time: Nanos, command: Declare) -> None:
        """The caller says what instruments there are."""
        for row in command.instruments:
            self._list(time, _declared(self.exchange, row.symbol, row.native_symbol))
        self._go_on(time)

    def subscribe(self, time: Nanos, command: Subscribe) -> None:
        """The caller wants to hear of these."""
        self._subscribed.append(command)
        self._go_on(time)

    def unsubscribe(self, time: Nanos, lane: str) -> None:
        """The caller wants no more of this lane."""
        if lane in self._lanes:
            self._core.out.append(Close(lane))
            self._down(time, ConnectionClosed(lane=lane, by="client", code=1000))

    def _go_on(self, time: Nanos) -> None:
        """Open what can be opened, and ask for the list where something is missing."""
        waiting, self._subscribed = self._subscribed, []
        for command in waiting:
            missing = [name for name in command.instruments if not self._row(name)]
            if missing and not self._listed:
                self._subscribed.append(command)
                self._requests.ask(("instruments", ""))
                continue
            for name in missing:
                self._fail(time, ("instruments", name), 200, "not listed")
            if len(missing) < len(command.instruments):
                self._open(command)

    def _open(self, command: Subscribe) -> None:
        self._lanes_made += 1
        lane = f"{self.exchange}/{self._lanes_made}"
        self._lanes[lane] = command
        natives = [row.native_symbol for row in self._rows(command)]
        self._core.out.append(Open(lane, self.adapter.subscribe(natives, command.channels).url))

    def _row(self, name: str) -> InstrumentListed | None:
        rows = self._core.views.instruments.find(name, self.exchange)
        return rows[0] if rows else None

    def _rows(self, command: Subscribe) -> list[InstrumentListed]:
        return [row for name in command.instruments if (row := self._row(name))]

    # Lanes

    def opened(self, frame: Frame) -> None:
        """A lane is up."""
        command = self._lanes.get(frame.lane)
        self._core.append(frame.time, ConnectionOpened(lane=frame.lane))
        if command and "book" in command.channels:
            for row in self._rows(command):
                self.syncs[row.instrument].wait()
                self._requests.ask(("book", row.native_symbol))

    def closed(self, frame: Frame) -> None:
        """A lane is down."""
        self._down(
            frame.time,
            ConnectionClosed(
                lane=frame.lane, by="exchange", code=frame.status, reason=frame.reason
            ),
        )

    def _down(self, time: Nanos, event: ConnectionClosed) -> None:
        command = self._lanes.pop(event.lane, None)
        self._core.append(time, event)
        if command and "book" in command.channels:
            for row in self._rows(command):
                self._invalidate(time, row.instrument, "disconnected")

    def _invalidate(self, time: Nanos, instrument: int, reason: Any, got: int = 0) -> None:
        sync = self.syncs[instrument]
        if sync.state == "live":
            expected = sync.sequence if reason != "disconnected" else 0
            self._core.append(
                time,
                BookInvalidated(instrument=instrument, reason=reason, expected=expected, got=got),
            )
        sync.stop()

    # Requests

    def answered(self, request: Request) -> None:
        """A request is no longer in flight, however it ended."""
        self._requests.answered((request.purpose, request.subject))

    def in_vain(self, frame: Frame, request: Request) -> None:
        """A request failed, or was refused."""
        wanted: Wanted = request.purpose, request.subject
        self._fail(frame.time, wanted, frame.status, frame.reason)
        self._requests.try_again(frame.time, wanted)

    def got(self, time: Nanos, request: Request, *, readable: bool) -> None:
        """A response was taken in: go on with what waited for it."""
        wanted: Wanted = request.purpose, request.subject
        if not readable:
            self._requests.try_again(time, wanted)
        elif request.purpose == "instruments":
            self._listed = True
            self._requests.done(wanted)
            self._go_on(time)

    def _fail(self, time: Nanos, wanted: Wanted, status: int, reason: str) -> None:
        purpose, subject = wanted
        event = RequestFailed(
            exchange=self.exchange, purpose=purpose, subject=subject, status=status, reason=reason
        )
        self._core.append(time, event)

    def _is_wanted(self, wanted: Wanted) -> bool:
        """Whether something still waits for this answer."""
        purpose, native = wanted
        if purpose == "instruments":
            return bool(self._subscribed)
        row = self.known.get(native)
        return row is not None and self.syncs[row.instrument].state == "waiting"

    def _depth(self, native: str) -> int:
        """How deep the deepest subscription wants a book to begin with."""
        row = self.known[native]
        names = {row.symbol, row.native_symbol}
        asked = (c.depth for c in self._lanes.values() if names & {*c.instruments})
        return max(asked, default=1000)

    # Events that need more than to be logged and folded

    def _list(self, time: Nanos, event: InstrumentListed) -> None:
        old = self.known.get(event.native_symbol)
        if old is None:
            if not self._wanted(event):
                return
            number = len(self._core.views.instruments.rows)
            self.syncs[number] = BookSync(self.adapter.description.book)
            self._core.append(time, replace(event, instrument=number))
            return
        event = _widened(event, old)
        if event == old:
            return
        price, size = _factors(event, old)
        self._check(event, price, size)
        self.syncs[old.instrument].rescale(price, size)
        self._core.append(time, event)

    def _wanted(self, event: InstrumentListed) -> bool:
        names = {event.symbol, event.native_symbol}
        return event.source == "caller" or any(
            not names.isdisjoint(command.instruments) for command in self._subscribed
        )

    def _check(self, event: InstrumentListed, price: int, size: int) -> None:
        """Refuse a scale in which 63 bits do not hold what is known. Raises `TooLarge`."""
        if price == size == 1:
            return
        book, market = (
            self._core.views.books[event.instrument],
            self._core.views.markets[event.instrument],
        )
        known = [book.bids.largest(), book.asks.largest(), market.largest()]
        fits = all(p * price < SCALED_MAX and s * size < SCALED_MAX for p, s in known)
        if not (fits and self.syncs[event.instrument].fits(price, size)):
            raise TooLarge(event.native_symbol)

    def _delta(self, time: Nanos, event: BookDelta) -> None:
        sync = self.syncs[event.instrument]
        verdict = sync.delta(time, event)
        if verdict == "apply":
            self._core.append(time, event)
            if self._core.views.books[event.instrument].crossed():
                self._begin_again(time, event, "crossed")
        elif verdict in ("gap", "overrun"):
            self._begin_again(time, event, verdict)

    def _begin_again(self, time: Nanos, event: BookDelta, reason: Any) -> None:
        sync = self.syncs[event.instrument]
        self._core.append(
            time,
            BookInvalidated(
                instrument=event.instrument,
                reason=reason,
                expected=sync.sequence,
                got=event.previous or event.first,
            ),
        )
        if reason == "crossed":
            sync.wait()
        else:
            sync.again(time, event)
        self._requests.ask(
            ("book", self._core.views.instruments.rows[event.instrument].native_symbol)
        )

    def _snapshot(self, time: Nanos, event: BookSnapshot) -> None:
        sync = self.syncs[event.instrument]
        if sync.state != "waiting":
            return
        fit = sync.snapshot(event.sequence)
        wanted: Wanted = "book", self._core.views.instruments.rows[event.instrument].native_symbol
        if fit is None:
            self._requests.ask_newer(time, wanted)
            return
        self._requests.done(wanted)
        self._core.append(time, event)
        for came, held in fit:
            self._core.append(came, held)


def _declared(exchange: str, symbol: str, native: str) -> InstrumentListed:
    return InstrumentListed(
        instrument=UNLISTED,
        exchange=exchange,
        symbol=symbol,
        native_symbol=native,
        price_digits=0,
        size_digits=0,
        source="caller",
    )


def _widened(event: InstrumentListed, old: InstrumentListed) -> InstrumentListed:
    """A scale only ever grows: levels of an older, finer tick may rest for years."""
    return replace(
        event,
        instrument=old.instrument,
        price_digits=max(event.price_digits, old.price_digits),
        size_digits=max(event.size_digits, old.size_digits),
    )


def _factors(event: InstrumentListed, old: InstrumentListed) -> tuple[int, int]:
    price = event.price_digits - old.price_digits
    size = event.size_digits - old.size_digits
    return 10**price, 10**size
