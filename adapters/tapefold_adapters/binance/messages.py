"""Binance's market messages: what they look like, and the events that they are.

Numbers are text there, with whatever decimals they please; ids and times are ints, bounded here, since
msgspec reads ints of any size and a log holds 63 bits.
"""

from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tapefold import (
    DIGITS_MAX,
    NOTHING,
    AnyEvent,
    BookDelta,
    BookSnapshot,
    ClockAdjusted,
    InstrumentListed,
    Quote,
    Raw,
    TooFine,
    TooLarge,
    Trade,
    column,
    decimals,
    pack,
    scale,
    scaled,
)

_MILLISECOND: Final = 1_000_000
_MICROSECOND: Final = 1_000
_MILLISECONDS_MAX: Final = 9 * 10**12
"""Larger times are in microseconds, as `timeUnit=MICROSECOND` asks for: milliseconds get there in 2255."""
Id: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Time: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=2**63 // _MICROSECOND)]
"""Of the wire, in milliseconds or microseconds: `nanos` tells which."""
_Levels: TypeAlias = list[tuple[str, str]]
_Columns: TypeAlias = tuple[list[str], list[str]]


def nanos(time: int) -> int:
    """A time of the wire in nanoseconds."""
    return time * (_MILLISECOND if time < _MILLISECONDS_MAX else _MICROSECOND)


class Message(Struct, gc=False, kw_only=True):
    """`T` is when it happened, `E` when it was sent; spot's deltas have only `E`, its quotes neither."""

    s: str = ""
    E: Time = 0
    T: Time = 0

    def times(self) -> tuple[int, int]:
        """When it happened, and how much later it was published."""
        happened, sent = self.T or self.E, self.E or self.T
        if sent < _MILLISECONDS_MAX > happened:
            return happened * _MILLISECOND, (sent - happened) * _MILLISECOND
        return nanos(happened), nanos(sent) - nanos(happened)

    def columns(self) -> _Columns:
        """Every price, and every size."""
        raise AssertionError

    def event(self, row: InstrumentListed) -> AnyEvent:
        """What it says. Raises `TooFine`, `TooLarge`, `ValueError`."""
        raise AssertionError


class DepthMessage(Message, gc=False, kw_only=True):
    """The levels of a book that changed: `@depth`."""

    U: Id
    u: Id
    b: _Levels
    a: _Levels
    pu: Id = 0

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


class TradedMessage(Message, gc=False, kw_only=True):
    """What a trade and an aggregate trade have in common."""

    p: str
    q: str
    m: bool
    """The buyer was the maker, so the seller took."""

    def columns(self) -> _Columns:
        return [self.p], [self.q]

    def id(self) -> int:
        """What the exchange calls it."""
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


class TradeMessage(TradedMessage, gc=False, kw_only=True):
    """Two orders met: `@trade`."""

    t: Id

    def id(self) -> int:
        return self.t


class AggregateTradeMessage(TradedMessage, gc=False, kw_only=True):
    """One taker's trades at one price: `@aggTrade`."""

    a: Id

    def id(self) -> int:
        return self.a


class TickerMessage(Message, gc=False, kw_only=True):
    """The best bid and ask: `@bookTicker`."""

    u: Id
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


class BookMessage(Message, gc=False, kw_only=True):
    """A whole book, as it comes over REST."""

    lastUpdateId: Id
    bids: _Levels
    asks: _Levels

    def columns(self) -> _Columns:
        return _split([*self.bids, *self.asks])

    def event(self, row: InstrumentListed) -> BookSnapshot:
        return BookSnapshot(
            instrument=row.instrument,
            time_exchange=nanos(self.T),
            sequence=self.lastUpdateId,
            packed_bids=_packed(self.bids, row),
            packed_asks=_packed(self.asks, row),
        )


class TimeMessage(Struct):
    """What time it is there."""

    serverTime: Time


_time = msgspec.json.Decoder(TimeMessage).decode


def server_time(data: bytes, exchange: str) -> ClockAdjusted:
    """What `/time` says. Raises as msgspec does."""
    return ClockAdjusted(exchange=exchange, time_exchange=nanos(_time(data).serverTime))


class OfDepth(Struct, gc=False):
    """A delta on a combined stream."""

    data: DepthMessage


class OfTrade(Struct, gc=False):
    """A trade on a combined stream."""

    data: TradeMessage


class OfAggregateTrade(Struct, gc=False):
    """An aggregate trade on a combined stream."""

    data: AggregateTradeMessage


class OfTicker(Struct, gc=False):
    """A quote on a combined stream."""

    data: TickerMessage


def said(message: Message, row: InstrumentListed) -> Sequence[AnyEvent]:
    """The event of a message; where it needs a finer scale, its instrument's new listing before it.

    Raises `ValueError` and `TooLarge`.
    """
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
