"""The frozen baseline: the jobs that the guard watches, done in the plain way, in Python alone.

Never edited: the guard checks this file's digest, and every bound is a ratio to what it takes. It
shares no line with the engine and none of its formats, so that no change there can make it faster or
slower. It is written the way one would without a second thought for speed, though not carelessly:
msgspec for JSON and msgpack, prices and sizes as exact ints, a book of a dict and a heap, events
encoded and hashed in blocks of 256. The jobs of an account are in baseline_account.py.
"""

from collections.abc import Iterable
from hashlib import sha256
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Raw, Struct

PRICE_DIGITS, SIZE_DIGITS = 2, 4
BLOCK = 256
MILLISECOND = 1_000_000
Levels = list[tuple[int, int]]

# Numbers


def scaled(text: str, digits: int) -> int:
    """*text* as an int of 10**-digits. Raises `ValueError` where it does not fit."""
    whole, point, part = text.partition(".")
    if not whole.isdigit() or (point and not part.isdigit()) or part[digits:].strip("0"):
        raise ValueError(text)
    value = int(whole + part[:digits].ljust(digits, "0"))
    if value >= 2**63:
        raise ValueError(text)
    return value


# Events


class Depth(Struct, array_like=True, tag=1, frozen=True, gc=False):
    """Levels of a book that changed; *clear*: the whole book."""

    instrument: int
    time: int
    clear: bool
    first: int
    last: int
    bids: Raw
    asks: Raw


class Quote(Struct, array_like=True, tag=2, frozen=True, gc=False):
    """The best bid and ask."""

    instrument: int
    time: int
    sequence: int
    bid: int
    bid_size: int
    ask: int
    ask_size: int


class Trade(Struct, array_like=True, tag=3, frozen=True, gc=False):
    """Two orders of others met."""

    instrument: int
    time: int
    number: str
    price: int
    size: int
    taker: Literal["buy", "sell"]


Market = Depth | Quote | Trade
encode = msgspec.msgpack.Encoder().encode
decode_levels = msgspec.msgpack.Decoder(Levels).decode
decode_segment = msgspec.msgpack.Decoder(list[Market]).decode


class Log:
    """Events encoded, hashed in blocks, and kept in segments."""

    def __init__(self) -> None:
        self.block: list[bytes] = []
        self.segments: list[bytes] = []
        self.chain = bytes(32)
        self.head = 0

    def append(self, event: Struct) -> None:
        """Take one event in."""
        self.block.append(encode(event))
        self.head += 1
        if len(self.block) == BLOCK:
            self.turn()

    def turn(self) -> None:
        """End a block."""
        body = b"".join(self.block)
        self.chain = sha256(self.chain + body).digest()
        self.segments.append(b"\xdc" + len(self.block).to_bytes(2, "big") + body)
        self.block = []

    def digest(self) -> str:
        """Of every event, as hex."""
        if self.block:
            self.turn()
        return self.chain.hex()


# The book


class Book:
    """A dict and a heap a side; what was removed leaves the heap when it comes to its top."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget every level."""
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.bid_heap: list[int] = []
        self.ask_heap: list[int] = []

    def apply(self, event: Depth) -> None:
        """Take the changed levels in."""
        if event.clear:
            self.clear()
        sides = (
            (self.bids, self.bid_heap, -1, event.bids),
            (self.asks, self.ask_heap, 1, event.asks),
        )
        for levels, heap, sign, packed in sides:
            for price, size in decode_levels(packed):
                if size:
                    if price not in levels:
                        heappush(heap, sign * price)
                    levels[price] = size
                else:
                    levels.pop(price, None)
            if len(heap) > 4 * len(levels) + 64:
                heap[:] = [sign * price for price in levels]
                heapify(heap)

    def best(self) -> tuple[int, int, int, int]:
        """Price and size of the best bid and of the best ask; zeros for an empty side."""
        bids, asks, bid_heap, ask_heap = self.bids, self.asks, self.bid_heap, self.ask_heap
        while bid_heap and -bid_heap[0] not in bids:
            heappop(bid_heap)
        while ask_heap and ask_heap[0] not in asks:
            heappop(ask_heap)
        bid = -bid_heap[0] if bid_heap else 0
        ask = ask_heap[0] if ask_heap else 0
        return bid, bids.get(bid, 0), ask, asks.get(ask, 0)


# Frames of the market


class DepthMessage(Struct, gc=False):
    """`@depth`."""

    E: int
    s: str
    U: int
    u: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]


class TradeMessage(Struct, gc=False):
    """`@trade`."""

    E: int
    s: str
    t: int
    p: str
    q: str
    T: int
    m: bool


class TickerMessage(Struct, gc=False):
    """`@bookTicker`."""

    u: int
    s: str
    b: str
    B: str
    a: str
    A: str


class BookMessage(Struct, gc=False, rename={"last": "lastUpdateId"}):
    """The answer of REST: a whole book."""

    last: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class OfDepth(Struct, gc=False):
    """In its envelope."""

    data: DepthMessage


class OfTrade(Struct, gc=False):
    """In its envelope."""

    data: TradeMessage


class OfTicker(Struct, gc=False):
    """In its envelope."""

    data: TickerMessage


read_depth = msgspec.json.Decoder(OfDepth).decode
read_trade = msgspec.json.Decoder(OfTrade).decode
read_ticker = msgspec.json.Decoder(OfTicker).decode
read_book = msgspec.json.Decoder(BookMessage).decode


def pack(levels: list[tuple[str, str]]) -> Raw:
    """Levels of text as msgpack of ints."""
    return Raw(encode([(scaled(p, PRICE_DIGITS), scaled(s, SIZE_DIGITS)) for p, s in levels]))


def event_of(data: bytes) -> Market:
    """What a frame says."""
    head = data[:40]
    if b"@depth" in head:
        depth = read_depth(data).data
        bids, asks = pack(depth.b), pack(depth.a)
        return Depth(0, depth.E * MILLISECOND, False, depth.U, depth.u, bids, asks)
    if b"@trade" in head:
        trade = read_trade(data).data
        price, size = scaled(trade.p, PRICE_DIGITS), scaled(trade.q, SIZE_DIGITS)
        taker: Literal["buy", "sell"] = "sell" if trade.m else "buy"
        return Trade(0, trade.T * MILLISECOND, str(trade.t), price, size, taker)
    ticker = read_ticker(data).data
    return Quote(
        instrument=0,
        time=0,
        sequence=ticker.u,
        bid=scaled(ticker.b, PRICE_DIGITS),
        bid_size=scaled(ticker.B, SIZE_DIGITS),
        ask=scaled(ticker.a, PRICE_DIGITS),
        ask_size=scaled(ticker.A, SIZE_DIGITS),
    )


class Played:
    """Frames to events, an exact book, and a log."""

    def __init__(self, snapshot: bytes) -> None:
        """It begins with a whole book."""
        self.log, self.book, self.last = Log(), Book(), 0
        said = read_book(snapshot)
        self.last = said.last
        self.take(Depth(0, 0, True, 0, self.last, pack(said.bids), pack(said.asks)))

    def take(self, event: Market) -> None:
        """Log it, and fold it."""
        self.log.append(event)
        if type(event) is Depth:
            self.book.apply(event)
            self.last = event.last

    def play(self, frames: Iterable[bytes]) -> None:
        """Every frame; best bid and ask after each."""
        for data in frames:
            event = event_of(data)
            if type(event) is Depth and event.first != self.last + 1:
                raise ValueError(f"a gap after {self.last}")
            self.take(event)
            self.book.best()


def fold(segments: Iterable[bytes]) -> Book:
    """What a log's segments add up to."""
    book = Book()
    for segment in segments:
        for event in decode_segment(segment):
            if type(event) is Depth:
                book.apply(event)
    return book


# A tape


class Line(Struct, array_like=True, gc=False):
    """One line."""

    at: int
    lane: str
    kind: Literal["recv", "sent", "open", "close"]
    data: Raw


read_line = msgspec.json.Decoder(Line).decode


def tape_of(frames: Iterable[tuple[int, bytes]]) -> bytes:
    """A tape of frames and when they came."""
    return b"".join(b'[%d,"binance/1","recv",%s]\n' % (at, data) for at, data in frames)


def read_tape(path: Path) -> int:
    """Read every line; how many there are."""
    lines = last = 0
    with path.open("rb") as file:
        for text in file:
            line = read_line(text)
            if line.at < last:
                raise ValueError(f"line {lines + 1}: its time goes back")
            last = line.at
            lines += 1
    return lines
