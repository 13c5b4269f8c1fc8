"""What an exchange says to everybody: instruments, books, trades, quotes.

Prices and sizes are ints in their instrument's scale (`InstrumentListed`). A book event's levels are
two blobs, one a side: msgpack of `[[prices], [sizes]]`. The same bytes are in the event, on disk and
go into the book; `bids` and `asks` unpack them for people.
"""

from decimal import Decimal
from typing import Literal, TypeAlias

from msgspec import Raw

from tapefold.core import unpack
from tapefold.events.base import Event
from tapefold.units import Nanos, Side

Scaled: TypeAlias = list[tuple[int, int]]
"""Levels in an instrument's scale: price and size."""
UNLISTED = -1
"""The number of an instrument before the kernel has given it one."""


class InstrumentListed(Event, frozen=True, kw_only=True):
    """An instrument has this number in this log, and these rules from here on.

    Said again when its rules change, and when a number came that needs a finer scale. The scale is
    not the tick: real books hold levels finer than today's tick and lot.
    """

    instrument: int
    exchange: str
    symbol: str
    """BASE-QUOTE, or the native name where nobody said what is base and what is quote."""
    native_symbol: str
    price_digits: int
    size_digits: int
    base: str = ""
    quote: str = ""
    tick: Decimal = Decimal(0)
    """The step of our orders' prices; 0 here and below: not said."""
    lot: Decimal = Decimal(0)
    size_min: Decimal = Decimal(0)
    size_max: Decimal = Decimal(0)
    notional_min: Decimal = Decimal(0)
    source: Literal["exchange", "caller"] = "exchange"
    """Who said so: the exchange's own list, or whoever runs the engine."""


class _Sides:
    """What people read of a book event: its sides, unpacked. No fields: those have their places."""

    __slots__ = ()
    packed_bids: Raw
    packed_asks: Raw

    @property
    def bids(self) -> Scaled:
        """The bids, as they came."""
        return list(zip(*unpack(self.packed_bids), strict=True))

    @property
    def asks(self) -> Scaled:
        """The asks, as they came."""
        return list(zip(*unpack(self.packed_asks), strict=True))


class BookSnapshot(_Sides, Event, frozen=True, kw_only=True):
    """The whole book, as far down as was asked for."""

    instrument: int
    time_exchange: Nanos
    sequence: int
    packed_bids: Raw
    packed_asks: Raw


class BookDelta(_Sides, Event, frozen=True, kw_only=True):
    """The levels that changed, each with its new size; zero removes it."""

    instrument: int
    time_exchange: Nanos
    published_after: Nanos
    first: int
    """The first update id in it; 0 here and below: the exchange has none."""
    previous: int
    """The `sequence` of the delta before it."""
    sequence: int
    """The last update id in it."""
    packed_bids: Raw
    packed_asks: Raw


class BookInvalidated(Event, frozen=True, kw_only=True):
    """The book is not to be believed until its next snapshot."""

    instrument: int
    reason: Literal["gap", "crossed", "disconnected", "overrun", "checksum"]
    last: int = 0
    """The last update id that the book had, which the next delta had to follow or to name."""
    got: int = 0
    """The first id of the delta that did not, or the one that it named."""


class Trade(Event, frozen=True, kw_only=True):
    """Two orders of others met."""

    instrument: int
    time_exchange: Nanos
    published_after: Nanos
    """How much later, by the exchange's own clock, it was sent out; 0 where it does not say."""
    trade_id: str
    """Empty where the exchange gives none."""
    price: int
    size: int
    taker: Side | Literal[""]
    """The side that crossed the spread; empty where the exchange does not say."""


class Quote(Event, frozen=True, kw_only=True):
    """The best bid and ask, from a feed of its own."""

    instrument: int
    time_exchange: Nanos
    published_after: Nanos
    sequence: int
    bid_price: int
    bid_size: int
    ask_price: int
    ask_size: int
