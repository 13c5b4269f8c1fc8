"""order-book: a book in C for Python, fed by typed msgspec, with ints or Decimals as prices."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
from common import PRICE_DIGITS, SIZE_DIGITS, Contender, Form, Run, Session, Tops, main
from order_book import OrderBook

_WIRE = {"spot": (8, 8), "usdm": (2, 3)}
"""Decimals that every price and size of a session is written with."""


class _Texts(msgspec.Struct):
    u: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]


class _Decimals(msgspec.Struct):
    u: int
    b: list[tuple[Decimal, Decimal]]
    a: list[tuple[Decimal, Decimal]]


class _OfTexts(msgspec.Struct):
    data: _Texts


class _OfDecimals(msgspec.Struct):
    data: _Decimals


class _TextBook(msgspec.Struct):
    last: int = msgspec.field(name="lastUpdateId")
    bids: list[tuple[str, str]] = msgspec.field()
    asks: list[tuple[str, str]] = msgspec.field()


class _DecimalBook(msgspec.Struct):
    last: int = msgspec.field(name="lastUpdateId")
    bids: list[tuple[Decimal, Decimal]] = msgspec.field()
    asks: list[tuple[Decimal, Decimal]] = msgspec.field()


class _TextQuote(msgspec.Struct):
    s: str
    u: int
    b: str
    B: str
    a: str
    A: str


class _DecimalQuote(msgspec.Struct):
    s: str
    u: int
    b: Decimal
    B: Decimal
    a: Decimal
    A: Decimal


class _TextTrade(msgspec.Struct):
    s: str
    t: int
    p: str
    q: str
    T: int
    m: bool


class _DecimalTrade(msgspec.Struct):
    s: str
    t: int
    p: Decimal
    q: Decimal
    T: int
    m: bool


class _OfTextQuote(msgspec.Struct):
    data: _TextQuote


class _OfDecimalQuote(msgspec.Struct):
    data: _DecimalQuote


class _OfTextTrade(msgspec.Struct):
    data: _TextTrade


class _OfDecimalTrade(msgspec.Struct):
    data: _DecimalTrade


class _Held:
    """A book by the exchange's rule: deltas wait for the snapshot, and older ones are dropped."""

    def __init__(self, market: str, apply: Callable[[OrderBook, Any], None]) -> None:
        self.book = OrderBook()
        self.held: list[Any] | None = []
        self._more = 1 if market == "spot" else 0
        self._apply = apply

    def delta(self, message: Any) -> None:
        """Applied, or held."""
        if self.held is None:
            self._apply(self.book, message)
        else:
            self.held.append(message)

    def snapshot(self, last: int, bids: dict[Any, Any], asks: dict[Any, Any]) -> None:
        """The book, and what was held."""
        self.book.bids, self.book.asks = bids, asks
        for message in self.held or ():
            if message.u >= last + self._more:
                self._apply(self.book, message)
        self.held = None


@dataclass(frozen=True)
class _Words:
    """How messages become numbers, and how a top is told."""

    quote: Callable[[bytes], object]
    trade: Callable[[bytes], object]
    delta: Callable[[bytes], Any]
    snapshot: Callable[[_Held, bytes], None]
    apply: Callable[[OrderBook, Any], None]
    tell: Callable[[Tops, tuple[Any, Any], tuple[Any, Any]], None]

    def take(self, book: _Held, frame: bytes) -> None:
        """A frame, by the name of its stream."""
        head = frame[:40]
        if b"@bookTicker" in head:
            self.quote(frame)
        elif b"@trade" in head:
            self.trade(frame)
        elif b"@depth" in head:
            book.delta(self.delta(frame).data)
        else:
            self.snapshot(book, frame)


def _pass(session: Session, words: _Words) -> Run:
    take = words.take

    def run(tops: Tops | None) -> None:
        book = _Held(session.market, words.apply)
        bids, asks = book.book.bids, book.book.asks
        for place, frame in enumerate(session.frames):
            take(book, frame)
            if place == session.snapshot:
                bids, asks = book.book.bids, book.book.asks
            if book.held is None:
                bid, ask = bids.index(0), asks.index(0)
                if tops:
                    words.tell(tops, bid, ask)
            elif tops:
                tops.none()

    return run


def _int(text: str) -> int:
    return int(text.replace(".", ""))


def _apply_texts(book: OrderBook, message: _Texts) -> None:
    for side, rows in ((book.bids, message.b), (book.asks, message.a)):
        for text, amount in rows:
            price, size = int(text.replace(".", "")), int(amount.replace(".", ""))
            if size:
                side[price] = size
            elif price in side:
                del side[price]


def _ints(session: Session) -> Run:
    quote = msgspec.json.Decoder(_OfTextQuote).decode
    trade = msgspec.json.Decoder(_OfTextTrade).decode
    price_digits, size_digits = _WIRE[session.market]

    def quoted(frame: bytes) -> tuple[int, int, int, int]:
        said = quote(frame).data
        return _int(said.b), _int(said.B), _int(said.a), _int(said.A)

    def traded(frame: bytes) -> tuple[int, int]:
        said = trade(frame).data
        return _int(said.p), _int(said.q)

    def snapshot(book: _Held, frame: bytes) -> None:
        answer = msgspec.json.decode(frame, type=_TextBook)
        bids, asks = ({_int(p): _int(q) for p, q in side} for side in (answer.bids, answer.asks))
        book.snapshot(answer.last, bids, asks)

    def tell(tops: Tops, bid: tuple[int, int], ask: tuple[int, int]) -> None:
        price = 10 ** (price_digits - PRICE_DIGITS)
        size = 10 ** (SIZE_DIGITS - size_digits)
        tops.ints(bid[0] // price, bid[1] * size, ask[0] // price, ask[1] * size)

    delta = msgspec.json.Decoder(_OfTexts).decode
    return _pass(session, _Words(quoted, traded, delta, snapshot, _apply_texts, tell))


def _apply_decimals(book: OrderBook, message: _Decimals) -> None:
    for side, rows in ((book.bids, message.b), (book.asks, message.a)):
        for price, size in rows:
            if size:
                side[price] = size
            elif price in side:
                del side[price]


def _decimals(session: Session) -> Run:
    def snapshot(book: _Held, frame: bytes) -> None:
        answer = msgspec.json.decode(frame, type=_DecimalBook)
        book.snapshot(answer.last, dict(answer.bids), dict(answer.asks))

    def tell(tops: Tops, bid: tuple[Decimal, Decimal], ask: tuple[Decimal, Decimal]) -> None:
        tops.decimals(*bid, *ask)

    quote = msgspec.json.Decoder(_OfDecimalQuote).decode
    trade = msgspec.json.Decoder(_OfDecimalTrade).decode
    delta = msgspec.json.Decoder(_OfDecimals).decode
    return _pass(session, _Words(quote, trade, delta, snapshot, _apply_decimals, tell))


_LESS = (
    "A data structure, with a decoder and the exchange's rule written here: no gap check, no log"
)
main(
    Contender(
        "order-book",
        "order-book",
        "import msgspec, order_book",
        {
            "a": Form(_ints, f"{_LESS}; prices are ints by dropping the point of a text."),
            "a-decimal": Form(_decimals, f"{_LESS}; prices are Decimals, as in its own examples."),
        },
    )
)
