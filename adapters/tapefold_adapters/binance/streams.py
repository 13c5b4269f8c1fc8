"""Messages of Binance's market streams, and the events that they are.

There are thousands a second, and nearly all are spelled alike: those are read by `Plain`, which the
compiled core has. All others are decoded as JSON and come to the same values.
"""

from typing import Any, ClassVar

from msgspec import Struct

from tapefold import (
    SCALES,
    AnyEvent,
    BookDelta,
    InstrumentListed,
    Levels,
    PlainKind,
    Quote,
    Trade,
    pack_sides,
)
from tapefold_adapters.binance.messages import Columns, Id, Message, split, times


class Streamed(Message, gc=False, kw_only=True):
    """A message of a stream, of which there are many: those that are spelled plainly are read so."""

    plain: ClassVar[dict[str, PlainKind]] = {}
    """What is read of it, by its key."""

    @staticmethod
    def told(row: InstrumentListed, values: tuple[Any, ...]) -> AnyEvent:
        """The event of what stands in `plain`, with numbers in the instrument's scale."""
        raise AssertionError

    def values(self, row: InstrumentListed) -> tuple[Any, ...]:
        """The same values of a message that was decoded. Raises as `event` does."""
        raise AssertionError

    def event(self, row: InstrumentListed) -> AnyEvent:
        return self.told(row, self.values(row))


class DepthMessage(Streamed, gc=False, kw_only=True):
    """The levels of a book that changed: `@depth`."""

    U: Id
    u: Id
    b: Levels
    a: Levels
    pu: Id = 0
    plain: ClassVar[dict[str, PlainKind]] = {
        "E": "integer?",
        "T": "integer?",
        "s": "symbol",
        "U": "integer",
        "u": "integer",
        "pu": "integer?",
        "b": "levels",
        "a": "levels",
    }

    def columns(self) -> Columns:
        return split(self.b, self.a)

    def values(self, row: InstrumentListed) -> tuple[Any, ...]:
        bids, asks = pack_sides(self.b, self.a, row.price_digits, row.size_digits)
        return self.E, self.T, self.s, self.U, self.u, self.pu, bids, asks

    @staticmethod
    def told(row: InstrumentListed, values: tuple[Any, ...]) -> BookDelta:
        sent, happened, _, first, last, previous, bids, asks = values
        time, later = times(happened, sent)
        return BookDelta(
            instrument=row.instrument,
            time_exchange=time,
            published_after=later,
            first=first,
            previous=previous,
            sequence=last,
            packed_bids=bids,
            packed_asks=asks,
        )


class TradedMessage(Streamed, gc=False, kw_only=True):
    """What a trade and an aggregate trade have in common."""

    p: str
    q: str
    m: bool
    """The buyer was the maker, so the seller took."""

    def columns(self) -> Columns:
        return [self.p], [self.q]

    def id(self) -> int:
        """What the exchange calls it."""
        raise AssertionError

    def values(self, row: InstrumentListed) -> tuple[Any, ...]:
        price, size = SCALES[row.price_digits][self.p], SCALES[row.size_digits][self.q]
        return self.E, self.T, self.s, self.id(), price, size, self.m

    @staticmethod
    def told(row: InstrumentListed, values: tuple[Any, ...]) -> Trade:
        sent, happened, _, number, price, size, sold = values
        time, later = times(happened, sent)
        return Trade(
            instrument=row.instrument,
            time_exchange=time,
            published_after=later,
            trade_id=str(number),
            price=price,
            size=size,
            taker="sell" if sold else "buy",
        )


def _traded(number: str) -> dict[str, PlainKind]:
    """What is read of a trade whose number has this key."""
    return {
        "E": "integer?",
        "T": "integer?",
        "s": "symbol",
        number: "integer",
        "p": "price",
        "q": "size",
        "m": "flag",
    }


class TradeMessage(TradedMessage, gc=False, kw_only=True):
    """Two orders met: `@trade`."""

    t: Id
    plain: ClassVar[dict[str, PlainKind]] = _traded("t")

    def id(self) -> int:
        return self.t


class AggregateTradeMessage(TradedMessage, gc=False, kw_only=True):
    """One taker's trades at one price: `@aggTrade`."""

    a: Id
    plain: ClassVar[dict[str, PlainKind]] = _traded("a")

    def id(self) -> int:
        return self.a


class TickerMessage(Streamed, gc=False, kw_only=True):
    """The best bid and ask: `@bookTicker`."""

    u: Id
    b: str
    B: str
    a: str
    A: str
    plain: ClassVar[dict[str, PlainKind]] = {
        "u": "integer",
        "s": "symbol",
        "b": "price",
        "B": "size",
        "a": "price",
        "A": "size",
        "T": "integer?",
        "E": "integer?",
    }

    def columns(self) -> Columns:
        return [self.b, self.a], [self.B, self.A]

    def values(self, row: InstrumentListed) -> tuple[Any, ...]:
        price, size = SCALES[row.price_digits], SCALES[row.size_digits]  # many come again
        bid, ask = price[self.b], price[self.a]
        return self.u, self.s, bid, size[self.B], ask, size[self.A], self.T, self.E

    @staticmethod
    def told(row: InstrumentListed, values: tuple[Any, ...]) -> Quote:
        sequence, _, bid, bids, ask, asks, happened, sent = values
        time, later = times(happened, sent) if happened else (0, 0)
        return Quote(
            instrument=row.instrument,
            time_exchange=time,
            published_after=later,
            sequence=sequence,
            bid_price=bid,
            bid_size=bids,
            ask_price=ask,
            ask_size=asks,
        )


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
