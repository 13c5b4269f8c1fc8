"""Binance spot, Binance US and Binance USD-M futures: public market data.

Three exchanges by one grammar; their differences are data at the end of this page. The facts are
those of Binance's API documentation of July 2026. Futures was only ever replayed, never tried live.

Read, and so in the log: of a delta E T s U u pu b a; of a trade E T s p q m and t or a; of a quote
E T s u b B a A; of a snapshot lastUpdateId T bids asks. Nobody reads: e, and of an aggregate trade f
and l, of a trade b a M X, of a quote ps, of a snapshot E; nor any frame of another stream.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Final, TypeAlias
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tapefold import (
    DIGITS_MAX,
    NOTHING,
    UNLISTED,
    AnyEvent,
    BookDelta,
    BookRule,
    BookSnapshot,
    Channel,
    Description,
    Frame,
    InstrumentListed,
    Known,
    Quote,
    Raw,
    Request,
    Stream,
    TooFine,
    TooLarge,
    Topic,
    Trade,
    WrongInstrument,
    column,
    decimals,
    exact,
    pack,
    scale,
    scaled,
)

_MILLISECOND: Final = 1_000_000
_MICROSECOND: Final = 1_000
_MILLISECONDS_MAX: Final = 9 * 10**12
"""Larger times are in microseconds, as `timeUnit=MICROSECOND` asks for: milliseconds get there in 2255."""
# msgspec reads ints of any size, and a log holds 63 bits: bounded here, or writing would fail later.
_Id: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Time: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=2**63 // _MICROSECOND)]
_Levels: TypeAlias = list[tuple[str, str]]
_Columns: TypeAlias = tuple[list[str], list[str]]


def _nanos(time: int) -> int:
    return time * (_MILLISECOND if time < _MILLISECONDS_MAX else _MICROSECOND)


class _Message(Struct, gc=False, kw_only=True):
    """`T` is when it happened, `E` when it was sent; spot's deltas have only `E`, its quotes neither."""

    s: str = ""
    E: _Time = 0
    T: _Time = 0

    def times(self) -> tuple[int, int]:
        """When it happened, and how much later it was published."""
        happened, sent = self.T or self.E, self.E or self.T
        if sent < _MILLISECONDS_MAX > happened:
            return happened * _MILLISECOND, (sent - happened) * _MILLISECOND
        return _nanos(happened), _nanos(sent) - _nanos(happened)

    def columns(self) -> _Columns:
        """Every price, and every size."""
        raise AssertionError

    def event(self, row: InstrumentListed) -> AnyEvent:
        """What it says. Raises `TooFine`, `TooLarge`, `ValueError`."""
        raise AssertionError


class _Depth(_Message, gc=False, kw_only=True):
    U: _Id
    u: _Id
    b: _Levels
    a: _Levels
    pu: _Id = 0

    def columns(self) -> _Columns:
        return _split([*self.b, *self.a])

    def event(self, row: InstrumentListed) -> BookDelta:
        time, later = self.times()
        return BookDelta(
            instrument=row.instrument,
            time_exchange=time,
            published_after=later,
            first=self.U,
            previous=self.pu,
            sequence=self.u,
            packed_bids=_packed(self.b, row),
            packed_asks=_packed(self.a, row),
        )


class _Traded(_Message, gc=False, kw_only=True):
    p: str
    q: str
    m: bool
    """The buyer was the maker, so the seller took."""

    def columns(self) -> _Columns:
        return [self.p], [self.q]

    def id(self) -> int:
        raise AssertionError

    def event(self, row: InstrumentListed) -> Trade:
        time, later = self.times()
        return Trade(
            instrument=row.instrument,
            time_exchange=time,
            published_after=later,
            trade_id=str(self.id()),
            price=scaled(self.p, row.price_digits),
            size=scaled(self.q, row.size_digits),
            taker="sell" if self.m else "buy",
        )


class _Trade(_Traded, gc=False, kw_only=True):
    t: _Id

    def id(self) -> int:
        return self.t


class _AggregateTrade(_Traded, gc=False, kw_only=True):
    a: _Id

    def id(self) -> int:
        return self.a


class _Ticker(_Message, gc=False, kw_only=True):
    u: _Id
    b: str
    B: str
    a: str
    A: str

    def columns(self) -> _Columns:
        return [self.b, self.a], [self.B, self.A]

    def event(self, row: InstrumentListed) -> Quote:
        time, later = self.times() if self.T else (0, 0)
        prices, digits = scale(row.price_digits), row.size_digits  # prices repeat, sizes hardly do
        return Quote(
            instrument=row.instrument,
            time_exchange=time,
            published_after=later,
            sequence=self.u,
            bid_price=prices[self.b],
            bid_size=scaled(self.B, digits),
            ask_price=prices[self.a],
            ask_size=scaled(self.A, digits),
        )


class _Book(_Message, gc=False, kw_only=True):
    lastUpdateId: _Id
    bids: _Levels
    asks: _Levels

    def columns(self) -> _Columns:
        return _split([*self.bids, *self.asks])

    def event(self, row: InstrumentListed) -> BookSnapshot:
        return BookSnapshot(
            instrument=row.instrument,
            time_exchange=_nanos(self.T),
            sequence=self.lastUpdateId,
            packed_bids=_packed(self.bids, row),
            packed_asks=_packed(self.asks, row),
        )


class _Filter(Struct, gc=False):
    filterType: str
    tickSize: str = "0"
    stepSize: str = "0"
    minQty: str = "0"
    maxQty: str = "0"
    minNotional: str = "0"
    notional: str = "0"
    """What futures calls `minNotional`."""


class _Symbol(Struct, gc=False):
    symbol: str
    baseAsset: str
    quoteAsset: str
    filters: list[_Filter]


class _Info(Struct, gc=False):
    symbols: list[_Symbol]


class _OfDepth(Struct, gc=False):
    data: _Depth


class _OfTrade(Struct, gc=False):
    data: _Trade


class _OfAggregateTrade(Struct, gc=False):
    data: _AggregateTrade


class _OfTicker(Struct, gc=False):
    data: _Ticker


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


_Wrapped: TypeAlias = _OfDepth | _OfTrade | _OfAggregateTrade | _OfTicker
_Read: TypeAlias = Callable[[bytes], _Wrapped]
_Bare: TypeAlias = Callable[[bytes], _Message]
_Route: TypeAlias = tuple[_Read | None, str]

_envelope = msgspec.json.Decoder(_Envelope).decode
_book = msgspec.json.Decoder(_Book).decode
_info = msgspec.json.Decoder(_Info).decode
_WRAPPED: dict[str, _Read] = {
    "depth": msgspec.json.Decoder(_OfDepth).decode,
    "trade": msgspec.json.Decoder(_OfTrade).decode,
    "aggTrade": msgspec.json.Decoder(_OfAggregateTrade).decode,
    "bookTicker": msgspec.json.Decoder(_OfTicker).decode,
}
_BARE: dict[str, _Bare] = {
    "depth": msgspec.json.Decoder(_Depth).decode,
    "trade": msgspec.json.Decoder(_Trade).decode,
    "aggTrade": msgspec.json.Decoder(_AggregateTrade).decode,
    "bookTicker": msgspec.json.Decoder(_Ticker).decode,
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
        return _said(message, row)

    def _answer(self, data: bytes, request: Request, known: Known) -> Sequence[AnyEvent]:
        if request.purpose == "instruments":
            return [*_listed(_info(data), self.description.exchange)]
        return _said(_book(data), known[request.subject])

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


def _raw(data: bytes) -> _Message | None:
    """A message of a raw stream, or of one that nobody reads."""
    if _envelope(data).stream:
        return None
    read = _BARE.get(_kind(data)[0])
    return read(data) if read else None


def _said(message: _Message, row: InstrumentListed) -> Sequence[AnyEvent]:
    try:
        return (message.event(row),)
    except TooFine:
        wide = _widened(row, *message.columns())
        return wide, message.event(wide)


def _widened(row: InstrumentListed, prices: list[str], sizes: list[str]) -> InstrumentListed:
    price, size = (max(map(decimals, texts)) for texts in (prices, sizes))
    if max(price, size) > DIGITS_MAX:
        raise TooLarge(row.native_symbol)
    return replace(
        row, price_digits=max(price, row.price_digits), size_digits=max(size, row.size_digits)
    )


def _split(levels: _Levels) -> _Columns:
    return [price for price, _ in levels], [size for _, size in levels]


def _packed(levels: _Levels, row: InstrumentListed) -> Raw:
    if not levels:
        return NOTHING
    prices, sizes = zip(*levels, strict=True)
    memo = scale(row.price_digits)
    return pack([memo[text] for text in prices], column(sizes, row.size_digits))


def _listed(info: _Info, exchange: str) -> Iterator[InstrumentListed]:
    """Every instrument whose rules can be read; one that cannot is as good as not listed."""
    for symbol in info.symbols:
        try:
            yield _instrument(symbol, exchange)
        except ValueError:
            continue


def _instrument(symbol: _Symbol, exchange: str) -> InstrumentListed:
    rules = {rule.filterType: rule for rule in symbol.filters}
    none = _Filter("")
    price, lot = rules.get("PRICE_FILTER", none), rules.get("LOT_SIZE", none)
    least = rules.get("NOTIONAL") or rules.get("MIN_NOTIONAL") or none
    # A dated future is its pair and, in its native name, a date: BTCUSDT_210924.
    date = symbol.symbol.partition("_")[2]
    digits = decimals(price.tickSize), decimals(lot.stepSize)
    if max(digits) > DIGITS_MAX:
        raise TooLarge(symbol.symbol)
    return InstrumentListed(
        instrument=UNLISTED,
        exchange=exchange,
        symbol="-".join(filter(None, (symbol.baseAsset, symbol.quoteAsset, date))),
        native_symbol=symbol.symbol,
        price_digits=digits[0],
        size_digits=digits[1],
        base=symbol.baseAsset,
        quote=symbol.quoteAsset,
        tick=exact(price.tickSize),
        lot=exact(lot.stepSize),
        size_min=exact(lot.minQty),
        size_max=exact(lot.maxQty),
        notional_min=max(exact(least.minNotional), exact(least.notional), Decimal(0)),
    )


_ALL: tuple[Channel, ...] = ("book", "trades", "aggregate_trades", "quotes")


def binance() -> Binance:
    """Binance spot."""
    return Binance(
        Description(
            exchange="binance",
            hosts=(
                "api.binance.com",
                "www.binance.com",
                "stream.binance.com",
                "data-api.binance.vision",
                "data-stream.binance.vision",
            ),
            book=BookRule(chain="first"),
            channels=_ALL,
            example="BTC-USDT",
            untried="everything live: it was replayed from recordings",
        ),
        "https://api.binance.com/api/v3",
        "wss://stream.binance.com:9443/stream",
    )


def binance_us() -> Binance:
    """Binance US: spot's grammar at other hosts."""
    return Binance(
        Description(
            exchange="binance_us",
            hosts=("api.binance.us", "www.binance.us", "stream.binance.us"),
            book=BookRule(chain="first"),
            channels=_ALL,
            example="BTC-USD",
            untried="everything live: it was replayed from recordings",
        ),
        "https://api.binance.us/api/v3",
        "wss://stream.binance.us:9443/stream",
    )


def binance_futures() -> Binance:
    """Binance USD-M futures: a delta names the one before it."""
    return Binance(
        Description(
            exchange="binance_futures",
            hosts=("fapi.binance.com", "fstream.binance.com"),
            book=BookRule(chain="previous"),
            channels=_ALL,
            example="BTC-USDT",
            untried="live use, which is unverified: it is for replay",
        ),
        "https://fapi.binance.com/fapi/v1",
        "wss://fstream.binance.com/stream",
    )
