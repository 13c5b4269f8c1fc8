"""Binance's market messages: what they have in common, those of REST, and the events that they are.

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
    AnyEvent,
    BookSnapshot,
    ClockAdjusted,
    InstrumentListed,
    Levels,
    Raw,
    TooFine,
    TooLarge,
    decimals,
    level_texts,
    pack_levels,
)

_MILLISECOND: Final = 1_000_000
_MICROSECOND: Final = 1_000
_MILLISECONDS_MAX: Final = 9 * 10**12
"""Larger times are in microseconds, as `timeUnit=MICROSECOND` asks for: milliseconds get there in 2255."""
Id: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Time: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=2**63 // _MICROSECOND)]
"""Of the wire, in milliseconds or microseconds: `nanos` tells which."""
Columns: TypeAlias = tuple[list[str], list[str]]


def nanos(time: int) -> int:
    """A time of the wire in nanoseconds."""
    return time * (_MILLISECOND if time < _MILLISECONDS_MAX else _MICROSECOND)


def times(happened: int, sent: int) -> tuple[int, int]:
    """When it happened, and how much later it was published, of the two times of the wire."""
    if not (happened and sent):
        happened = sent = happened or sent
    if sent < _MILLISECONDS_MAX > happened:
        return happened * _MILLISECOND, (sent - happened) * _MILLISECOND
    return nanos(happened), nanos(sent) - nanos(happened)


class Message(Struct, gc=False, kw_only=True):
    """`T` is when it happened, `E` when it was sent; spot's deltas have only `E`, its quotes neither."""

    s: str = ""
    E: Time = 0
    T: Time = 0

    def columns(self) -> Columns:
        """Every price, and every size."""
        raise AssertionError

    def event(self, row: InstrumentListed) -> AnyEvent:
        """What it says. Raises `TooFine`, `TooLarge`, `ValueError`."""
        raise AssertionError


class BookMessage(Message, gc=False, kw_only=True):
    """A whole book, as it comes over REST."""

    lastUpdateId: Id
    bids: Raw
    asks: Raw

    def columns(self) -> Columns:
        return split(level_texts(self.bids), level_texts(self.asks))

    def event(self, row: InstrumentListed) -> BookSnapshot:
        return BookSnapshot(
            instrument=row.instrument,
            time_exchange=nanos(self.T),
            sequence=self.lastUpdateId,
            packed_bids=pack_levels(self.bids, row.price_digits, row.size_digits),
            packed_asks=pack_levels(self.asks, row.price_digits, row.size_digits),
        )


class TimeMessage(Struct):
    """What time it is there."""

    serverTime: Time


_time = msgspec.json.Decoder(TimeMessage).decode


def server_time(data: bytes, exchange: str) -> ClockAdjusted:
    """What `/time` says. Raises as msgspec does."""
    return ClockAdjusted(exchange=exchange, time_exchange=nanos(_time(data).serverTime))


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


def split(bids: Levels, asks: Levels) -> Columns:
    """The prices and the sizes of both sides of a book, as they stand there."""
    levels = bids + asks
    return [price for price, _ in levels], [size for _, size in levels]
