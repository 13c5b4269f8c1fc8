"""One exchange's public data: what is subscribed to, its instruments and books, what was asked for.

A subscription first waits until its instruments are listed, asking for the list where they are not;
then its lanes are opened. Once a lane is up a snapshot is asked for each of its books, not at the
first delta: a thin market's answer may come before that.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from msgspec.structs import replace

from tapefold.adapter import Adapter, Declare, Frame, Request, Subscribe, WatchClock
from tapefold.events import (
    UNLISTED,
    BookDelta,
    BookSnapshot,
    ClockAdjusted,
    InstrumentListed,
    RateLimited,
    RequestFailed,
    TradingRulesSet,
)
from tapefold.kernel.account import PRIVATE
from tapefold.kernel.books import Books
from tapefold.kernel.clock import CLOCK, ClockWatch
from tapefold.kernel.core import Core
from tapefold.kernel.lane import Part, Reading
from tapefold.kernel.lanes import Lanes
from tapefold.kernel.private import PrivateStream
from tapefold.kernel.requests import OK, Requests, Wanted, resting
from tapefold.units import Nanos

Why: TypeAlias = Literal["unanswered", "refused", "not_listed"]


class Private(Protocol):
    """What follows an account, as far as public data have to do with it."""

    @property
    def stream(self) -> PrivateStream:
        """Its private stream."""
        ...

    @property
    def watched(self) -> bool:
        """Whether it is followed."""
        ...

    def make(self, wanted: Wanted) -> Request:
        """What to ask."""
        ...

    def is_wanted(self, wanted: Wanted) -> bool:
        """Whether something still waits for this answer."""
        ...

    def listed(self, time: Nanos) -> None:
        """The exchange has said what instruments it has."""
        ...


class Feed:
    """One exchange's public data."""

    def __init__(self, adapter: Adapter, core: Core) -> None:
        self.adapter, self._core = adapter, core
        self.exchange = adapter.description.exchange
        self.known = core.views.instruments.known(self.exchange)
        self._subscribed: list[Subscribe] = []
        """Those whose lanes are yet to be opened."""
        self._list: dict[str, InstrumentListed] = {}
        """The exchange's newest instrument list, by symbol and by native name."""
        self.requests = Requests(
            self.exchange, core, self._make, self._is_wanted, adapter.description.limits.windows
        )
        self.clock = ClockWatch(adapter, core, self.requests)
        self.books = Books(core, self.requests, adapter.description.book)
        special: dict[type, Callable[[Nanos, Any], None]] = {
            BookDelta: self.books.delta,
            BookSnapshot: self.books.snapshot,
            ClockAdjusted: self.clock.compared,
            InstrumentListed: self._listed,
            TradingRulesSet: self._ruled,
        }
        self.reading = Reading(adapter, self.known, special)
        self.lanes = Lanes(self.reading, core, self._risen, self._fallen)
        self.is_listed = False
        """Whether the exchange has said what instruments it has."""
        self._rules: dict[str, TradingRulesSet] = {}
        """What the exchange's list says of orders, by native name."""
        self._newest = ""
        """The native name of the instrument that was listed last: its rules come right after it."""
        self.private: Private | None = None
        """What follows an account here, where the exchange has accounts."""
        for row in self.known.values():  # of a log that goes on
            self.books.add(row.instrument)

    def _make(self, wanted: Wanted) -> Request:
        purpose, native = wanted
        if self.private and purpose in PRIVATE:
            return self.private.make(wanted)
        if purpose == "instruments":
            return self.adapter.list_instruments()
        if wanted == CLOCK:
            return self.clock.request()
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
        """The caller wants no more of the subscription that has, or once had, this lane."""
        self.lanes.unsubscribe(time, lane)

    def watch_clock(self, time: Nanos, command: WatchClock) -> None:
        """The caller wants to know what time it is there."""
        self.clock.watch(time, command.every)

    def _go_on(self, time: Nanos, *, answered: bool = False) -> None:
        """Open what can be opened, and ask for the list where something is missing.

        Where the list was just *answered*, what is not in it is not there.
        """
        waiting, self._subscribed = self._subscribed, []
        for command in waiting:
            missing = [name for name in command.instruments if not self._find(time, name)]
            if missing and not answered:
                self._subscribed.append(command)
                self.requests.ask(time, ("instruments", ""))
                continue
            for name in missing:
                self._fail(time, ("instruments", name), OK, "not_listed")
            natives = [
                row.native_symbol for name in command.instruments if (row := self._row(name))
            ]
            self.lanes.subscribe(time, command, natives)

    def find(self, time: Nanos, name: str) -> InstrumentListed | None:
        """The instrument of this symbol or native name, listed here from now on if it was not yet."""
        return self._row(name) if self._find(time, name) else None

    def has(self, name: str) -> bool:
        """Whether an instrument of this symbol or native name is listed, here or by the exchange."""
        return self._row(name) is not None or name in self._list

    def list_rules(self, time: Nanos) -> None:
        """Orders are to be placed: say what they may be, of every instrument, now and when it is listed."""
        if not self.is_listed:
            self.requests.ask(time, ("instruments", ""))
        for native in self.known:
            self._say_rules(time, native)

    def _find(self, time: Nanos, name: str) -> bool:
        """Whether an instrument is listed here, or in the exchange's list, and so from now on here."""
        if not self._row(name) and name in self._list:
            self._add(time, self._list[name])
        return self._row(name) is not None

    def _row(self, name: str) -> InstrumentListed | None:
        rows = self._core.views.instruments.find(name, self.exchange)
        return rows[0] if rows else None

    # Lanes

    def _risen(self, time: Nanos, part: Part) -> None:
        """A lane is up: ask for the books that it carries and that nobody has."""
        if self.private and part is self.private.stream.part:
            self.private.stream.opened(time)
            return
        for row in self._with_books(part):
            if self.books.syncs[row.instrument].state == "idle":
                self.books.wait_for(time, row)

    def _fallen(self, time: Nanos, part: Part) -> None:
        """A lane is down: its books are not to be believed, and asked for where another carries them."""
        if self.private and part is self.private.stream.part:
            self.private.stream.closed(time)
            return
        elsewhere = {
            row.instrument for other in self.lanes.carried() for row in self._with_books(other)
        }
        for row in self._with_books(part):
            self.books.stop(time, row.instrument)
            if row.instrument in elsewhere:
                self.books.wait_for(time, row)

    def _with_books(self, part: Part) -> Sequence[InstrumentListed]:
        """The instruments whose books a lane carries."""
        if "book" not in part.command.channels:
            return ()
        return [self.known[native] for native in part.natives]

    # Requests

    def answered(self, request: Request) -> None:
        """A request is no longer in flight, however it ended."""
        self.requests.answered((request.purpose, request.subject))

    def in_vain(self, frame: Frame, request: Request) -> None:
        """A request failed, or was refused."""
        wanted: Wanted = request.purpose, request.subject
        why: Why = "unanswered" if frame.kind == "failed" else "refused"
        self._fail(frame.time, wanted, frame.status, why)
        if wait := resting(frame):
            event = RateLimited(exchange=self.exchange, status=frame.status, wait=wait)
            self._core.append(frame.time, event)
            self.requests.rest(frame.time + wait)
        self.requests.try_again(frame.time, wanted)

    def got(self, time: Nanos, request: Request, *, readable: bool) -> None:
        """A response was taken in: go on with what waited for it."""
        wanted: Wanted = request.purpose, request.subject
        if not readable:
            self.requests.try_again(time, wanted)
        elif request.purpose == "instruments":
            self.is_listed = True
            self._go_on(time, answered=True)
            if self.private:
                self.private.listed(time)

    def _fail(self, time: Nanos, wanted: Wanted, status: int, why: Why) -> None:
        purpose, subject = wanted
        event = RequestFailed(
            exchange=self.exchange, purpose=purpose, subject=subject, status=status, reason=why
        )
        self._core.append(time, event)

    def _is_wanted(self, wanted: Wanted) -> bool:
        """Whether something still waits for this answer."""
        purpose, native = wanted
        if purpose in PRIVATE:
            return self.private is not None and self.private.is_wanted(wanted)
        if purpose == "instruments":
            return bool(self._subscribed) or (self.private is not None and not self.is_listed)
        if wanted == CLOCK:
            return self.clock.watched
        row = self.known.get(native)
        return row is not None and self.books.syncs[row.instrument].state == "waiting"

    def _depth(self, native: str) -> int:
        """How deep the deepest subscription wants a book to begin with."""
        parts = self.lanes.carried()
        return max((p.command.depth for p in parts if native in p.natives), default=1000)

    # Events that need more than to be logged and folded

    def _ruled(self, time: Nanos, event: TradingRulesSet) -> None:
        """What the instrument's orders may be that was listed just before."""
        self._rules[self._newest] = event
        self._say_rules(time, self._newest)

    def _say_rules(self, time: Nanos, native: str) -> None:
        row, rules = self.known.get(native), self._rules.get(native)
        if self.private is None or not self.private.watched or row is None or rules is None:
            return
        rules = replace(rules, instrument=row.instrument)
        if self._core.views.rules.of(row.instrument) != rules:
            self._core.append(time, rules)

    def _listed(self, time: Nanos, event: InstrumentListed) -> None:
        self._newest = event.native_symbol
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
        self._say_rules(time, event.native_symbol)

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
