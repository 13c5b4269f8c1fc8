"""One exchange's public data: what is subscribed to, on which lanes, and what was asked for.

A subscription first waits until its instruments are listed, asking for the list where they are not;
then its lane is opened. Once the lane is up a snapshot is asked for each of its books, not at the
first delta: a thin market's answer may come before that.
"""

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

from msgspec.structs import replace

from tapefold.adapter import (
    Adapter,
    Close,
    Declare,
    Frame,
    Open,
    Request,
    Send,
    Stream,
    Subscribe,
)
from tapefold.events import (
    UNLISTED,
    BookDelta,
    BookSnapshot,
    ConnectionClosed,
    ConnectionOpened,
    InstrumentListed,
    RequestFailed,
)
from tapefold.kernel.books import Books
from tapefold.kernel.core import Core
from tapefold.kernel.requests import Requests, Wanted
from tapefold.units import Nanos

OK: Final = 200
REASON_MAX: Final = 123
"""Characters of a close's reason: what RFC 6455 allows."""
Why: TypeAlias = Literal["unanswered", "refused", "not_listed"]


class Feed:
    """One exchange's public data."""

    def __init__(self, adapter: Adapter, core: Core) -> None:
        self.adapter, self._core = adapter, core
        self.exchange = adapter.description.exchange
        self.known = core.views.instruments.known(self.exchange)
        self._subscribed: list[Subscribe] = []
        """Those whose lane is yet to be opened."""
        self._lanes: dict[str, tuple[Subscribe, Stream]] = {}
        """Asked for, by lane."""
        self._up: dict[str, Subscribe] = {}
        """Open, by lane."""
        self._lanes_made = 0
        self._list: dict[str, InstrumentListed] = {}
        """The exchange's newest instrument list, by symbol and by native name."""
        self._requests = Requests(self.exchange, core, self._make, self._is_wanted)
        self.books = Books(core, self._requests, adapter.description.book)
        self.special: dict[type, Callable[[Nanos, Any], None]] = {
            BookDelta: self.books.delta,
            BookSnapshot: self.books.snapshot,
            InstrumentListed: self._listed,
        }

    def _make(self, wanted: Wanted) -> Request:
        purpose, native = wanted
        if purpose == "instruments":
            return self.adapter.list_instruments()
        return self.adapter.snapshot(native, self._depth(native))

    # Commands

    def declare(self, time: Nanos, command: Declare) -> None:
        """The caller says what instruments there are; what the exchange has said, it knows better."""
        for row in command.instruments:
            old = self.known.get(row.native_symbol)
            if old is None or old.source == "caller":
                self._listed(time, _declared(self.exchange, row.symbol, row.native_symbol))
        self._go_on(time)

    def subscribe(self, time: Nanos, command: Subscribe) -> None:
        """The caller wants to hear of these."""
        self._subscribed.append(command)
        self._go_on(time)

    def unsubscribe(self, time: Nanos, lane: str) -> None:
        """The caller wants no more of this lane."""
        if lane in self._up:
            self._core.out.append(Close(lane))
            self._down(time, ConnectionClosed(lane=lane, by="client", code=1000))
        self._lanes.pop(lane, None)  # it is hung up on as soon as it answers

    def _go_on(self, time: Nanos, *, answered: bool = False) -> None:
        """Open what can be opened, and ask for the list where something is missing.

        Where the list was just *answered*, what is not in it is not there.
        """
        waiting, self._subscribed = self._subscribed, []
        for command in waiting:
            missing = [name for name in command.instruments if not self._find(time, name)]
            if missing and not answered:
                self._subscribed.append(command)
                self._requests.ask(("instruments", ""))
                continue
            for name in missing:
                self._fail(time, ("instruments", name), OK, "not_listed")
            if len(missing) < len(command.instruments):
                self._open(command)

    def _open(self, command: Subscribe) -> None:
        self._lanes_made += 1
        lane = f"{self.exchange}/{self._lanes_made}"
        natives = [row.native_symbol for row in self._rows(command)]
        stream = self.adapter.subscribe(natives, command.channels)
        self._lanes[lane] = command, stream
        self._core.out.append(Open(lane, stream.url))

    def _find(self, time: Nanos, name: str) -> bool:
        """Whether an instrument is listed here, or in the exchange's list, and so from now on here."""
        if not self._row(name) and name in self._list:
            self._add(time, self._list[name])
        return self._row(name) is not None

    def _row(self, name: str) -> InstrumentListed | None:
        rows = self._core.views.instruments.find(name, self.exchange)
        return rows[0] if rows else None

    def _rows(self, command: Subscribe) -> list[InstrumentListed]:
        return [row for name in command.instruments if (row := self._row(name))]

    # Lanes

    def opened(self, frame: Frame) -> bool:
        """A lane is up: say what is to be said there first, and ask for its books.

        False if nobody wants it any more, and it is hung up.
        """
        self._core.append(frame.time, ConnectionOpened(lane=frame.lane))
        if frame.lane not in self._lanes:
            self._core.out.append(Close(frame.lane))
            self._down(frame.time, ConnectionClosed(lane=frame.lane, by="client", code=1000))
            return False
        command, stream = self._lanes.pop(frame.lane)
        self._up[frame.lane] = command
        self._core.out += [Send(frame.lane, message) for message in stream.messages]
        for row in self._with_books(command):
            if self.books.syncs[row.instrument].state == "idle":
                self.books.wait_for(row)
        return True

    def dials(self, lane: str) -> bool:
        """Whether the lane was asked for and is not up yet."""
        return lane in self._lanes

    def closed(self, frame: Frame) -> None:
        """A lane is down, or never came up."""
        self._lanes.pop(frame.lane, None)
        reason = frame.reason[:REASON_MAX]
        self._down(
            frame.time,
            ConnectionClosed(lane=frame.lane, by="exchange", code=frame.status, reason=reason),
        )

    def _down(self, time: Nanos, event: ConnectionClosed) -> None:
        command = self._up.pop(event.lane, None)
        self._core.append(time, event)
        elsewhere = {
            row.instrument for other in self._up.values() for row in self._with_books(other)
        }
        for row in self._with_books(command) if command else ():
            self.books.stop(time, row.instrument)
            if row.instrument in elsewhere:
                self.books.wait_for(row)

    def _with_books(self, command: Subscribe) -> list[InstrumentListed]:
        """The instruments whose books a subscription carries."""
        return self._rows(command) if "book" in command.channels else []

    # Requests

    def answered(self, request: Request) -> None:
        """A request is no longer in flight, however it ended."""
        self._requests.answered((request.purpose, request.subject))

    def in_vain(self, frame: Frame, request: Request) -> None:
        """A request failed, or was refused."""
        wanted: Wanted = request.purpose, request.subject
        why: Why = "unanswered" if frame.kind == "failed" else "refused"
        self._fail(frame.time, wanted, frame.status, why)
        self._requests.try_again(frame.time, wanted)

    def got(self, time: Nanos, request: Request, *, readable: bool) -> None:
        """A response was taken in: go on with what waited for it."""
        wanted: Wanted = request.purpose, request.subject
        if not readable:
            self._requests.try_again(time, wanted)
        elif request.purpose == "instruments":
            self._go_on(time, answered=True)

    def _fail(self, time: Nanos, wanted: Wanted, status: int, why: Why) -> None:
        purpose, subject = wanted
        event = RequestFailed(
            exchange=self.exchange, purpose=purpose, subject=subject, status=status, reason=why
        )
        self._core.append(time, event)

    def _is_wanted(self, wanted: Wanted) -> bool:
        """Whether something still waits for this answer."""
        purpose, native = wanted
        if purpose == "instruments":
            return bool(self._subscribed)
        row = self.known.get(native)
        return row is not None and self.books.syncs[row.instrument].state == "waiting"

    def _depth(self, native: str) -> int:
        """How deep the deepest subscription wants a book to begin with."""
        row = self.known[native]
        names = {row.symbol, row.native_symbol}
        asked = (c.depth for c in self._up.values() if names & {*c.instruments})
        return max(asked, default=1000)

    # Events that need more than to be logged and folded

    def _listed(self, time: Nanos, event: InstrumentListed) -> None:
        old = self.known.get(event.native_symbol)
        if old is None:
            self._list[event.native_symbol] = self._list[event.symbol] = event
            if self._wanted(event):
                self._add(time, event)
            return
        event = _widened(event, old)
        if event == old:
            return
        self.books.relist(time, event, old)

    def _add(self, time: Nanos, event: InstrumentListed) -> None:
        """Give an instrument its number in this log."""
        number = len(self._core.views.instruments.rows)
        self.books.add(number)
        self._core.append(time, replace(event, instrument=number))

    def _wanted(self, event: InstrumentListed) -> bool:
        names = {event.symbol, event.native_symbol}
        return event.source == "caller" or any(
            not names.isdisjoint(command.instruments) for command in self._subscribed
        )


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
