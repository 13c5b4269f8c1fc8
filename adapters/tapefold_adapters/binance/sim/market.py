"""One simulated market as Binance numbers it and speaks of it in public."""

from collections import deque
from collections.abc import Iterator
from typing import Final, TypeAlias

from msgspec import Struct

from tapefold import Nanos
from tapefold.sim import Best, Change, Market
from tapefold_adapters.binance.sim.numbers import MILLISECOND, ms, text

EVERY: Final = 100 * MILLISECOND
"""Between two messages of what changed in a book."""
TRADES_MAX: Final = 1000
"""Trades that can be asked for."""
_FIRST_UPDATE: Final = 40_000_000
_FIRST_TRADE: Final = 9_000_000
"""Real ids are long: an instrument's begin at a multiple of these."""
_Levels = list[tuple[str, str]]


class Depth(Struct):
    """What changed in a book."""

    e: str
    E: int
    s: str
    U: int
    u: int
    b: _Levels
    a: _Levels


class Traded(Struct):
    """A trade."""

    e: str
    E: int
    s: str
    t: int
    p: str
    q: str
    T: int
    m: bool
    M: bool


class Aggregate(Struct):
    """A trade as part of an aggregate: here each is one by itself."""

    e: str
    E: int
    s: str
    a: int
    p: str
    q: str
    f: int
    l: int  # noqa: E741  the wire's name
    T: int
    m: bool
    M: bool


class Ticker(Struct):
    """The best prices."""

    u: int
    s: str
    b: str
    B: str
    a: str
    A: str


class Book(Struct):
    """A book, or the top of it."""

    lastUpdateId: int
    bids: _Levels
    asks: _Levels


Message: TypeAlias = Depth | Traded | Aggregate | Ticker | Book
TOPS: Final = {f"depth{n}{pace}": n for n in (5, 10, 20) for pace in ("", "@100ms", "@1000ms")}
"""Streams of the top of a book, and how many levels of it. All of them come as often as deltas do."""
DELTAS: Final = ("depth@100ms", "depth")
TRADES: Final = ("trade", "aggTrade")
BEST: Final = "bookTicker"


class Listed:
    """One market."""

    def __init__(self, market: Market, ordinal: int, due: Nanos) -> None:
        self.market, self.spec = market, market.spec
        self.symbol = self.spec.base + self.spec.quote
        self.update = ordinal * _FIRST_UPDATE
        self.due = due
        """When it next says what changed in the book."""
        self.first_trade = ordinal * _FIRST_TRADE
        """What is added to a trade's number."""
        self.trades: deque[Traded] = deque(maxlen=TRADES_MAX)
        self.volume = self.turnover = self.highest = self.lowest = self.opened = 0
        """Since the start, in ints of the scales."""
        self._from = self.update + 1
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self._best = market.best()

    @property
    def last(self) -> int:
        """The price of the last trade; what it was worth at the start where there was none."""
        return self._last if self.trades else self.spec.fair

    _last = 0

    def took(self, change: Change) -> Iterator[tuple[str, Message]]:
        """Something happened: its trades, and the best prices if they changed, by stream."""
        for side, price, size in change.resting:
            (self._bids if side == "buy" else self._asks)[price] = size
        self.update += len(change.resting)
        each, aggregate = TRADES
        for trade in self._trades(change):
            yield each, trade
            yield aggregate, _aggregate(trade)
        best = self.market.best()
        if best != self._best:
            self._best = best
            yield BEST, self.ticker(best)

    def changed(self) -> Depth | None:
        """What changed in the book since it was last asked; None for nothing."""
        first, self._from = self._from, self.update + 1
        self.due += EVERY
        if first > self.update:
            return None
        bids, self._bids = self._bids, {}
        asks, self._asks = self._asks, {}
        sides = self._side(bids, -1), self._side(asks, 1)
        return Depth("depthUpdate", ms(self.due - EVERY), self.symbol, first, self.update, *sides)

    def book(self, depth: int) -> Book:
        """The whole of it, so far down."""
        market = self.market
        bids, asks = self._side(market.bids, -1), self._side(market.asks, 1)
        return Book(self.update, bids[:depth], asks[:depth])

    def ticker(self, best: Best) -> Ticker:
        """The best prices."""
        prices, sizes = self.spec.price_digits, self.spec.size_digits
        return Ticker(
            u=self.update,
            s=self.symbol,
            b=text(best.bid, prices),
            B=text(best.bid_size, sizes),
            a=text(best.ask, prices),
            A=text(best.ask_size, sizes),
        )

    def _trades(self, change: Change) -> Iterator[Traded]:
        time = ms(change.time)
        for taken in change.trades:
            self._count(taken.price, taken.size)
            trade = Traded(
                e="trade",
                E=time,
                s=self.symbol,
                t=self.first_trade + taken.trade_id,
                p=text(taken.price, self.spec.price_digits),
                q=text(taken.size, self.spec.size_digits),
                T=time,
                m=taken.taker == "sell",
                M=True,
            )
            self.trades.append(trade)
            yield trade

    def _count(self, price: int, size: int) -> None:
        self._last, self.opened = price, self.opened or price
        self.volume += size
        self.turnover += price * size
        self.highest = max(self.highest, price)
        self.lowest = min(self.lowest or price, price)

    def _side(self, levels: dict[int, int], sign: int) -> _Levels:
        prices, sizes = self.spec.price_digits, self.spec.size_digits
        return [
            (text(price, prices), text(levels[price], sizes))
            for price in sorted(levels, key=lambda price: sign * price)
        ]


def _aggregate(trade: Traded) -> Aggregate:
    return Aggregate(
        e="aggTrade",
        E=trade.E,
        s=trade.s,
        a=trade.t,
        p=trade.p,
        q=trade.q,
        f=trade.t,
        l=trade.t,
        T=trade.T,
        m=trade.m,
        M=True,
    )
