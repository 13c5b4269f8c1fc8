"""The adapter: Binance's grammar, for whichever exchange of the family its description names."""

from collections.abc import Callable, Sequence
from typing import TypeAlias
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
from msgspec import Struct

from tapefold import (
    AnyEvent,
    Channel,
    Description,
    Frame,
    Known,
    Request,
    Stream,
    Topic,
    WrongInstrument,
)
from tapefold_adapters.binance.listing import Info, listed
from tapefold_adapters.binance.messages import (
    AggregateTradeMessage,
    BookMessage,
    DepthMessage,
    Message,
    OfAggregateTrade,
    OfDepth,
    OfTicker,
    OfTrade,
    TickerMessage,
    TradeMessage,
    said,
    server_time,
)


class _Envelope(Struct, gc=False):
    """What tells one frame from another: the stream's name, or on a raw stream the event's."""

    stream: str = ""
    e: str = ""
    s: str = ""
    B: str | int = ""
    pu: int | None = None
    data: "_Inner | None" = None


class _Inner(Struct, gc=False):
    """What tells futures from spot: its deltas name the one before."""

    pu: int | None = None


_Wrapped: TypeAlias = OfDepth | OfTrade | OfAggregateTrade | OfTicker
_Read: TypeAlias = Callable[[bytes], _Wrapped]
_Bare: TypeAlias = Callable[[bytes], Message]
_Route: TypeAlias = tuple[_Read | None, str]

_envelope = msgspec.json.Decoder(_Envelope).decode
_book = msgspec.json.Decoder(BookMessage).decode
_info = msgspec.json.Decoder(Info).decode
_WRAPPED: dict[str, _Read] = {
    "depth": msgspec.json.Decoder(OfDepth).decode,
    "trade": msgspec.json.Decoder(OfTrade).decode,
    "aggTrade": msgspec.json.Decoder(OfAggregateTrade).decode,
    "bookTicker": msgspec.json.Decoder(OfTicker).decode,
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
_ROUTES_MAX = 4096
"""Stream names remembered: more than one connection can carry."""


class Binance:
    """One exchange of the family."""

    def __init__(self, description: Description, rest: str, stream: str) -> None:
        self.description = description
        self._rest, self._stream = rest, stream
        self._chained = description.book.chain == "previous"
        self._routes: dict[bytes, _Route] = {}

    def list_instruments(self) -> Request:
        """All of them: a symbol's native name is not known before."""
        return Request("GET", f"{self._rest}/exchangeInfo", "instruments")

    def snapshot(self, native_symbol: str, depth: int) -> Request:
        """A book, up to 1000 levels a side deep, or what spot allows above it."""
        query = urlencode({"symbol": native_symbol, "limit": depth})
        return Request("GET", f"{self._rest}/depth?{query}", "book", native_symbol)

    def clock(self) -> Request:
        """Milliseconds since 1970."""
        return Request("GET", f"{self._rest}/time", "clock")

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
        kind, native = _kind(data)
        if kind not in _CHANNELS or (kind == "depth" and self._chained != _chained(data)):
            return None
        return Topic(native, _CHANNELS[kind])

    def decode(self, frame: Frame, known: Known) -> Sequence[AnyEvent]:
        """What a frame says."""
        data = frame.data
        if frame.request is not None:
            return self._answer(data, frame.request, known)
        read, native = self._routes.get(data[: data.find(b'"', 11)]) or self._route(data)
        row = known.get(native)
        if row is None:
            return ()
        message = read(data).data if read else _raw(data)
        if message is None:
            return ()
        if message.s != native:
            raise WrongInstrument(native)
        return said(message, row)

    def _answer(self, data: bytes, request: Request, known: Known) -> Sequence[AnyEvent]:
        if request.purpose == "instruments":
            return [*listed(_info(data), self.description.exchange)]
        if request.purpose == "clock":
            return [server_time(data, self.description.exchange)]
        return said(_book(data), known[request.subject])

    def _route(self, data: bytes) -> _Route:
        """How to read a frame; remembered for frames that begin with their stream's name."""
        stream, (kind, native) = _envelope(data).stream, _kind(data)
        route = _WRAPPED.get(kind) if stream else None, native
        if route[0] and data.startswith(_HEAD) and len(self._routes) < _ROUTES_MAX:
            head = data[: data.find(b'"', len(_HEAD))]
            if head == _HEAD + stream.encode():
                self._routes[head] = route
        return route


def _kind(data: bytes) -> tuple[str, str]:
    """What kind of message, by the name of its stream, and of which instrument."""
    envelope = _envelope(data)
    if envelope.stream:
        native, _, stream = envelope.stream.partition("@")
        return stream.partition("@")[0], native.upper()
    bare = envelope.e or ("bookTicker" if envelope.B else "")
    return {"depthUpdate": "depth"}.get(bare, bare), envelope.s


def _chained(data: bytes) -> bool:
    """Whether a delta names the one before it."""
    envelope = _envelope(data)
    return (envelope.data or envelope).pu is not None


def _raw(data: bytes) -> Message | None:
    """A message of a raw stream, or of one that nobody reads."""
    if _envelope(data).stream:
        return None
    read = _BARE.get(_kind(data)[0])
    return read(data) if read else None
