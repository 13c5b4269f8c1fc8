"""The adapter: Binance's grammar, for whichever exchange of the family its description names."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
from msgspec import Raw, Struct

from tapefold import (
    AnyEvent,
    Channel,
    Description,
    Frame,
    InstrumentListed,
    Known,
    Plain,
    PlainRead,
    Request,
    Stream,
    TooFine,
    Topic,
    WrongInstrument,
)
from tapefold_adapters.binance.answers import Answers
from tapefold_adapters.binance.listing import listed
from tapefold_adapters.binance.messages import (
    BookMessage,
    Message,
    said,
    server_time,
)
from tapefold_adapters.binance.orders import Private
from tapefold_adapters.binance.private import EVENTS, heard
from tapefold_adapters.binance.streams import (
    AggregateTradeMessage,
    DepthMessage,
    OfAggregateTrade,
    OfDepth,
    OfTicker,
    OfTrade,
    Streamed,
    TickerMessage,
    TradeMessage,
)


class _Envelope(Struct, gc=False):
    """What tells one frame from another: the stream's name, the event's, or what the user stream has."""

    stream: str = ""
    e: str = ""
    s: str = ""
    B: Raw = Raw()
    pu: int | None = None
    data: "_Inner | None" = None
    event: Raw = Raw()
    status: Raw = Raw()


class _Inner(Struct, gc=False):
    """What tells futures from spot: its deltas name the one before."""

    pu: int | None = None


_Wrapped: TypeAlias = OfDepth | OfTrade | OfAggregateTrade | OfTicker
_Read: TypeAlias = Callable[[bytes], _Wrapped]
_Bare: TypeAlias = Callable[[bytes], Message]
_Tell: TypeAlias = Callable[[InstrumentListed, tuple[Any, ...]], AnyEvent]
_Route: TypeAlias = tuple[str, PlainRead | None, _Tell, bytes, _Read]
"""The frames of one stream: of which instrument; how those are read that are spelled plainly, if there is
a way, and what they tell; what all begin with; how the others are read."""

_envelope = msgspec.json.Decoder(_Envelope).decode
_book = msgspec.json.Decoder(BookMessage).decode
_WRAPPED: dict[str, _Read] = {
    "depth": msgspec.json.Decoder(OfDepth).decode,
    "trade": msgspec.json.Decoder(OfTrade).decode,
    "aggTrade": msgspec.json.Decoder(OfAggregateTrade).decode,
    "bookTicker": msgspec.json.Decoder(OfTicker).decode,
}
_KINDS: dict[str, type[Streamed]] = {
    "depth": DepthMessage,
    "trade": TradeMessage,
    "aggTrade": AggregateTradeMessage,
    "bookTicker": TickerMessage,
}
_BARE: dict[str, _Bare] = {
    "depth": msgspec.json.Decoder(DepthMessage).decode,
    "trade": msgspec.json.Decoder(TradeMessage).decode,
    "aggTrade": msgspec.json.Decoder(AggregateTradeMessage).decode,
    "bookTicker": msgspec.json.Decoder(TickerMessage).decode,
}
_STREAMS: dict[Channel, str] = {
    "book": "depth@100ms",
    "trades": "trade",
    "aggregate_trades": "aggTrade",
    "quotes": "bookTicker",
}
_CHANNELS: dict[str, Channel] = {
    "depth": "book",
    "trade": "trades",
    "aggTrade": "aggregate_trades",
    "bookTicker": "quotes",
}
_HEAD = b'{"stream":"'
_NAME: Final = slice(len(_HEAD), len(_HEAD) + 16)
"""The beginning of a stream's name, or all of it and what always follows: enough to look it up by."""
_ROUTES_MAX = 4096
"""Stream names remembered: more than one connection can carry."""


_DEPTHS: Final = ((100, 5), (500, 25), (1000, 50))
"""Levels a side, and the weight of a book of no more than so many."""
_DEEPEST: Final = 250


class Binance(Private):
    """One exchange of the family; *user* and *listen_key* tell of its private side, where it has one."""

    def __init__(
        self,
        description: Description,
        rest: str,
        stream: str,
        user: str = "",
        *,
        listen_key: bool = False,
    ) -> None:
        super().__init__(description, rest, user, listen_key=listen_key)
        self._stream = stream
        self._answers = Answers(description.exchange) if description.account else None
        self._chained = description.book.chain == "previous"
        self._routes: dict[bytes, _Route] = {}

    def list_instruments(self) -> Request:
        """All of them: a symbol's native name is not known before."""
        costs = self._costs(weight=20)
        return Request("GET", f"{self._rest}/exchangeInfo", "instruments", costs=costs)

    def snapshot(self, native_symbol: str, depth: int) -> Request:
        """A book, up to 1000 levels a side deep, or what spot allows above it."""
        query = urlencode({"symbol": native_symbol, "limit": depth})
        weight = next((weight for most, weight in _DEPTHS if depth <= most), _DEEPEST)
        url, costs = f"{self._rest}/depth?{query}", self._costs(weight=weight)
        return Request("GET", url, "book", native_symbol, costs=costs)

    def clock(self) -> Request:
        """Milliseconds since 1970."""
        return Request("GET", f"{self._rest}/time", "clock", costs=self._costs(weight=1))

    def subscribe(self, natives: Sequence[str], channels: Sequence[Channel]) -> Stream:
        """One combined stream; its URL says it all."""
        names = [f"{n.lower()}@{_STREAMS[channel]}" for channel in channels for n in natives]
        return Stream(f"{self._stream}?streams={'/'.join(names)}")

    def answers(self, request: Request, url: str) -> bool:
        """The same thing asked of any of our hosts, at any API version and depth."""
        ours, theirs = urlsplit(request.url), urlsplit(url)
        return (
            theirs.hostname in self.description.hosts
            and ours.path.rpartition("/")[2] == theirs.path.rpartition("/")[2]
            and parse_qs(ours.query).get("symbol") == parse_qs(theirs.query).get("symbol")
        )

    def topic(self, data: bytes) -> Topic | None:
        """By the stream's name, or the event's. A delta also tells spot from futures."""
        envelope = _envelope(data)
        kind, native = _kind(envelope)
        if kind not in _CHANNELS:
            return None
        if kind == "depth" and self._chained != ((envelope.data or envelope).pu is not None):
            return None
        return Topic(native, _CHANNELS[kind])

    def decode(self, frame: Frame, known: Known) -> Sequence[AnyEvent]:
        """What a frame says."""
        data = frame.data
        if frame.request is not None:
            return self._answer(frame, frame.request, known)
        route = self._routes.get(data[_NAME])
        if route is None:
            return self._unrouted(data, known)
        native, plain, tell, head, read = route
        row = known.get(native)
        if plain and row and (values := plain(data, row.price_digits, row.size_digits)):
            return (tell(row, values),)
        if row is None or not data.startswith(head):  # another stream, whose name begins alike
            return () if data.startswith(head) else self._unrouted(data, known)
        message = read(data).data
        if message.s != native:
            raise WrongInstrument(native)
        try:
            return (tell(row, message.values(row)),)
        except TooFine:
            return said(message, row)

    def _answer(self, frame: Frame, request: Request, known: Known) -> Sequence[AnyEvent]:
        if request.purpose == "instruments":
            rules = self.description.account is not None
            return [*listed(frame.data, self.description.exchange, rules=rules)]
        if request.purpose == "clock":
            return [server_time(frame.data, self.description.exchange)]
        if request.purpose == "book":
            return said(_book(frame.data), known[request.subject])
        return self._answers.said(frame, request, known) if self._answers else ()

    def _unrouted(self, data: bytes, known: Known) -> Sequence[AnyEvent]:
        """The first frame of a stream; or one of a raw stream, or of the user stream."""
        envelope = _envelope(data)
        kind, native = _kind(envelope)
        if not envelope.stream and (envelope.event or envelope.status or envelope.e in EVENTS):
            exchange = self.description.exchange
            return heard(data, exchange, known) if self._answers else ()
        self._remember(data, kind, native, envelope.stream)
        row = known.get(native)
        message = _message(data, kind, envelope) if row else None
        if row is None or message is None:
            return ()
        if message.s != native:
            raise WrongInstrument(native)
        return said(message, row)

    def _remember(self, data: bytes, kind: str, native: str, stream: str) -> None:
        """How to read frames that begin with this one's stream's name."""
        read = _WRAPPED.get(kind)
        if stream and read and data.startswith(_HEAD) and len(self._routes) < _ROUTES_MAX:
            head = data[: data.find(b'"', len(_HEAD))]
            if head == _HEAD + stream.encode():
                told = _KINDS[kind]
                plain = Plain(head + b'","data":', native, told.plain)
                route = native, plain.read if plain.reads else None, told.told, head + b'"', read
                self._routes.setdefault(data[_NAME], route)


def _kind(envelope: _Envelope) -> tuple[str, str]:
    """What kind of message, by the name of its stream, and of which instrument."""
    if envelope.stream:
        native, _, stream = envelope.stream.partition("@")
        return stream.partition("@")[0], native.upper()
    bare = envelope.e or ("bookTicker" if envelope.B else "")
    return {"depthUpdate": "depth"}.get(bare, bare), envelope.s


def _message(data: bytes, kind: str, envelope: _Envelope) -> Message | None:
    """The message, of a combined or of a raw stream; None where nobody reads it."""
    if envelope.stream:
        read = _WRAPPED.get(kind)
        return read(data).data if read else None
    bare = _BARE.get(kind)
    return bare(data) if bare else None
