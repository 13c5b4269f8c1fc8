"""The walk through a tape that tells what the books truly were, moment by moment."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from tapefold.adapter import Adapter, Command, Declare, Frame, Request, Subscribe
from tapefold.events import UNLISTED, AnyEvent, BookDelta, BookSnapshot, InstrumentListed
from tapefold.testing.conformance.truth import TrueBook
from tapefold.units import Nanos

OK: Final = 200


class Moment(NamedTuple):
    """A line of a tape, as far as it is about market data."""

    line: int
    time: Nanos
    kind: str
    lane: str = ""
    data: bytes = b""
    request: Request | None = None
    """What a response answers."""
    asked: int = 0
    """The line that asked for it."""
    status: int = 0
    command: Command | None = None
    url: str = ""
    """Where the lane that opens is connected to."""
    events: tuple[AnyEvent, ...] = ()
    """What the adapter makes of it."""


class Walk:
    """What is so at a moment: the instruments, what is subscribed to, the lanes, the true books."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter, self._exchange = adapter, adapter.description.exchange
        self.at = 0
        """How many moments were taken in."""
        self.known: dict[str, InstrumentListed] = {}
        self.books: dict[int, TrueBook] = {}
        self.subscribed: list[Subscribe] = []
        self.lanes: dict[str, str] = {}
        """Those that are up and carry market data, by the name that the tape has for them: their URLs."""
        self._listed: dict[str, InstrumentListed] = {}
        """The exchange's list, by symbol and native name."""

    def copy(self) -> "Walk":
        """Another one that is as far, and goes on by itself."""
        made = Walk(self._adapter)
        made.at, made.known, made.lanes = self.at, {**self.known}, {**self.lanes}
        made.subscribed, made._listed = [*self.subscribed], self._listed
        made.books = {number: book.copy() for number, book in self.books.items()}
        return made

    @property
    def all_live(self) -> bool:
        """Whether there are books, and all that are subscribed to are live."""
        natives = {native for cut in self.streams().values() for native in cut}
        return bool(natives) and all(
            self.books[number].live for number in self._numbers([*natives])
        )

    def streams(self) -> dict[str, tuple[str, ...]]:
        """By the URLs that the subscriptions connect to, the books that are heard there, as natives."""
        found: dict[str, tuple[str, ...]] = {}
        for command in self.subscribed:
            natives = [row.native_symbol for name in command.instruments if (row := self.row(name))]
            most = self._adapter.description.limits.streams_max or len(natives) * 4
            step = max(1, most // max(1, len(command.channels)))
            for n in range(0, len(natives), step):
                cut = natives[n : n + step]
                url = self._adapter.subscribe(cut, command.channels).url
                found[url] = tuple(cut) if "book" in command.channels else ()
        return found

    def row(self, name: str) -> InstrumentListed | None:
        """The instrument of this symbol or native name."""
        for row in self.known.values():
            if name in (row.symbol, row.native_symbol):
                return row
        return None

    def decoded(self, moment: Moment) -> Moment:
        """With what the adapter makes of it; nothing where it raises, or of what is an account's."""
        frame = None
        if moment.kind == "recv" and moment.lane in self.lanes:
            frame = Frame(moment.time, moment.lane, "recv", moment.data)
        elif moment.request is not None:
            moment = moment._replace(request=self._known_request(moment.request))
            if moment.status == OK and moment.request is not None:
                frame = Frame(moment.time, moment.lane, "response", moment.data, moment.request, OK)
        if frame is None:
            return moment
        try:
            return moment._replace(events=tuple(self._adapter.decode(frame, self.known)))
        except Exception:  # whatever an adapter raises is about this frame: it is rejected
            return moment

    def _known_request(self, asked: Request) -> Request | None:
        """What a request on the tape was for; None where it is none about markets."""
        listing = self._adapter.list_instruments()
        if (asked.method, asked.url) == (listing.method, listing.url):
            return listing
        for native in self.known:
            for depth in {command.depth for command in self.subscribed}:
                book = self._adapter.snapshot(native, depth)
                if (asked.method, asked.url, asked.body) == (book.method, book.url, book.body):
                    return book
        return None

    def take(self, moment: Moment) -> None:
        """Go on by one moment."""
        self.at += 1
        match moment.kind:
            case "command":
                self._command(moment.command)
            case "opened":
                self._risen(moment)
            case "close":
                self._fallen(moment.lane, moment.line)
            case _:
                for event in moment.events:
                    self._event(event, moment)

    def _command(self, command: Command | None) -> None:
        if isinstance(command, Declare):
            for row in command.instruments:
                self._list(_declared(self._exchange, row.symbol, row.native_symbol), add=True)
        elif isinstance(command, Subscribe) and command.exchange == self._exchange:
            self.subscribed.append(command)
            for name in command.instruments:
                if not self.row(name) and name in self._listed:
                    self._list(self._listed[name], add=True)

    def _risen(self, moment: Moment) -> None:
        streams = self.streams()
        if moment.url not in streams:
            return
        self.lanes[moment.lane] = moment.url
        for number in self._numbers(streams[moment.url]):
            book = self.books[number]
            if not book.live and book.held is None:
                book.wait(moment.line)

    def _fallen(self, lane: str, line: int) -> None:
        url, streams = self.lanes.pop(lane, None), self.streams()
        if url is None:
            return
        elsewhere = {
            n for other in self.lanes.values() for n in self._numbers(streams.get(other, ()))
        }
        for number in self._numbers(streams.get(url, ())):
            self.books[number].stop()
            if number in elsewhere:
                self.books[number].wait(line)

    def _numbers(self, natives: Sequence[str]) -> list[int]:
        return [self.known[native].instrument for native in natives]

    def _event(self, event: AnyEvent, moment: Moment) -> None:
        if isinstance(event, InstrumentListed):
            self._list(event, add=any(self._is_wanted(event, each) for each in self.subscribed))
        elif getattr(event, "instrument", UNLISTED) not in self.books:
            return  # `total` tells of it
        elif isinstance(event, BookSnapshot):
            self.books[event.instrument].snapshot(event, moment.asked)
        elif isinstance(event, BookDelta):
            self.books[event.instrument].delta(event)

    def _is_wanted(self, row: InstrumentListed, command: Subscribe) -> bool:
        return row.symbol in command.instruments or row.native_symbol in command.instruments

    def _list(self, row: InstrumentListed, *, add: bool) -> None:
        old = self.known.get(row.native_symbol)
        if old is None:
            self._listed = {**self._listed, row.symbol: row, row.native_symbol: row}
            if add:
                number = len(self.known)
                self.known[row.native_symbol] = replace(row, instrument=number)
                self.books[number] = TrueBook(self._adapter.description.book)
            return
        price = max(row.price_digits, old.price_digits)
        size = max(row.size_digits, old.size_digits)
        if (price, size) != (old.price_digits, old.size_digits):
            self.books[old.instrument].rescale(
                10 ** (price - old.price_digits), 10 ** (size - old.size_digits)
            )
        self.known[row.native_symbol] = replace(
            row, instrument=old.instrument, price_digits=price, size_digits=size
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
