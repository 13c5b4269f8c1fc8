"""Binance spot's skin over simulated markets: its JSON, its update ids, its combined stream.

The shapes are those of Binance's API documentation of July 2026. Public data only: the rules, the
book over HTTP, and on a stream trades, best prices as they change, and every 100 ms what changed in
the book. It is a simulator: no frame of it was ever Binance's.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Struct

from tapefold import Request
from tapefold.sim import Answer, Best, Change, Market, Published, Spec, Story

_MILLISECOND: Final = 1_000_000
_EVERY: Final = 100 * _MILLISECOND
"""Between two messages of what changed in a book."""
_FIRST_UPDATE: Final = 40_000_000
_FIRST_TRADE: Final = 9_000_000
"""Real ids are long: an instrument's begin at a multiple of these."""
_PLACES: Final = 8
"""Decimals of every number, needed or not."""
_DEPTH: Final = 100
"""Levels a side where nobody says how many."""
_Levels = list[tuple[str, str]]
_encode = msgspec.json.encode


class _Depth(Struct):
    e: str
    E: int
    s: str
    U: int
    u: int
    b: _Levels
    a: _Levels


class _Trade(Struct):
    e: str
    E: int
    s: str
    t: int
    p: str
    q: str
    T: int
    m: bool
    M: bool


class _Ticker(Struct):
    u: int
    s: str
    b: str
    B: str
    a: str
    A: str


class _Book(Struct):
    lastUpdateId: int
    bids: _Levels
    asks: _Levels


class _Wrapped(Struct):
    stream: str
    data: _Depth | _Trade | _Ticker


class _Instrument:
    """One market as Binance numbers it."""

    def __init__(self, market: Market, ordinal: int, due: int) -> None:
        self.market, self.spec = market, market.spec
        self.symbol = self.spec.base + self.spec.quote
        self.update = ordinal * _FIRST_UPDATE
        self.due = due
        """When it next says what changed in the book."""
        self._trade = ordinal * _FIRST_TRADE
        self._from = self.update + 1
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self._best = market.best()

    def turn(self) -> Iterator[tuple[str, _Trade | _Ticker]]:
        """The market goes on: its trades, and the best prices if they changed."""
        change = self.market.turn()
        for side, price, size in change.resting:
            (self._bids if side == "buy" else self._asks)[price] = size
        self.update += len(change.resting)
        yield from (("trade", trade) for trade in self._trades(change))
        best = self.market.best()
        if best != self._best:
            self._best = best
            yield "bookTicker", self._ticker(best)

    def changed(self) -> _Depth | None:
        """What changed in the book since it was last asked; None for nothing."""
        first, self._from = self._from, self.update + 1
        self.due += _EVERY
        if first > self.update:
            return None
        bids, self._bids = self._bids, {}
        asks, self._asks = self._asks, {}
        sent = (self.due - _EVERY) // _MILLISECOND
        sides = self._side(bids, -1), self._side(asks, 1)
        return _Depth("depthUpdate", sent, self.symbol, first, self.update, *sides)

    def book(self, depth: int) -> _Book:
        """The whole of it, so far down."""
        market = self.market
        bids, asks = self._side(market.bids, -1), self._side(market.asks, 1)
        return _Book(self.update, bids[:depth], asks[:depth])

    def _trades(self, change: Change) -> Iterator[_Trade]:
        time = change.time // _MILLISECOND
        for number, price, size, taker in change.trades:
            yield _Trade(
                e="trade",
                E=time,
                s=self.symbol,
                t=self._trade + number,
                p=_text(price, self.spec.price_digits),
                q=_text(size, self.spec.size_digits),
                T=time,
                m=taker == "sell",
                M=True,
            )

    def _ticker(self, best: Best) -> _Ticker:
        prices, sizes = self.spec.price_digits, self.spec.size_digits
        return _Ticker(
            u=self.update,
            s=self.symbol,
            b=_text(best.bid, prices),
            B=_text(best.bid_size, sizes),
            a=_text(best.ask, prices),
            A=_text(best.ask_size, sizes),
        )

    def _side(self, levels: dict[int, int], sign: int) -> _Levels:
        prices, sizes = self.spec.price_digits, self.spec.size_digits
        return [
            (_text(price, prices), _text(levels[price], sizes))
            for price in sorted(levels, key=lambda price: sign * price)
        ]


class BinanceSim:
    """Binance spot over a story's markets; see `tapefold.sim.Exchange`."""

    def __init__(self, story: Story, seed: int) -> None:
        start, many = story.started_ns, len(story.specs)
        self._instruments = [
            _Instrument(Market(spec, seed, start), n + 1, start + _EVERY + n * _EVERY // many)
            for n, spec in enumerate(story.specs)
        ]
        self._by_symbol = {instrument.symbol: instrument for instrument in self._instruments}
        self._lanes: dict[str, frozenset[str]] = {}
        """Which streams each lane hears."""
        self._start, self._lost = start, story.lost

    @property
    def due(self) -> int:
        """When a market or a message is next due."""
        return min(min(each.market.due, each.due) for each in self._instruments)

    def turn(self) -> Sequence[Published]:
        """One market goes on, or one instrument says what changed in its book."""
        due = self.due
        published: list[Published] = []
        for each in self._instruments:
            if each.market.due == due:
                for stream, data in each.turn():
                    published += self._publish(each, stream, data)
            if each.due == due:
                changed = each.changed()
                if changed and not self._loses(each, due):
                    published += self._publish(each, "depth@100ms", changed)
        return published

    def connect(self, lane: str, url: str) -> None:
        """A combined stream; streams that nobody has are ignored."""
        asked = parse_qs(urlsplit(url).query).get("streams", [""])[0]
        self._lanes[lane] = frozenset(asked.split("/"))

    def answer(self, request: Request, time: int) -> Answer:
        """The time, the trading rules, or a book."""
        url = urlsplit(request.url)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        paths: dict[str, Callable[[], Answer]] = {
            "/api/v3/time": lambda: Answer(200, _encode({"serverTime": time // _MILLISECOND})),
            "/api/v3/exchangeInfo": lambda: Answer(200, self._rules(time)),
            "/api/v3/depth": lambda: self._depth(query),
        }
        reply = paths.get(url.path)
        return reply() if reply else Answer(404, b'{"code":-1000,"msg":"Not found."}')

    def _publish(
        self, instrument: _Instrument, stream: str, data: _Depth | _Trade | _Ticker
    ) -> Iterator[Published]:
        name = f"{instrument.symbol.lower()}@{stream}"
        for lane, streams in self._lanes.items():
            if name in streams:
                yield Published(lane, _encode(_Wrapped(name, data)))

    def _loses(self, instrument: _Instrument, due: int) -> bool:
        """Whether this is the one frame that the story loses."""
        lost = self._lost
        if lost is None or instrument.spec.symbol != lost.symbol or due < self._start + lost.after:
            return False
        self._lost = None
        return True

    def _depth(self, query: dict[str, str]) -> Answer:
        instrument = self._by_symbol.get(query.get("symbol", ""))
        if instrument is None:
            return Answer(400, b'{"code":-1121,"msg":"Invalid symbol."}')
        return Answer(200, _encode(instrument.book(int(query.get("limit", _DEPTH)))))

    def _rules(self, time: int) -> bytes:
        weight = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE"}
        rules = {
            "timezone": "UTC",
            "serverTime": time // _MILLISECOND,
            "rateLimits": [{**weight, "intervalNum": 1, "limit": 6000}],
            "exchangeFilters": [],
            "symbols": [_symbol(each.spec) for each in self._instruments],
        }
        return _encode(rules)


def _symbol(spec: Spec) -> dict[str, object]:
    tick, lot = _text(spec.tick, spec.price_digits), _text(spec.lot, spec.size_digits)
    price_max = _text(spec.fair * 10, spec.price_digits)
    lot_max = _text(spec.lot * spec.size * 10_000, spec.size_digits)
    return {
        "symbol": spec.base + spec.quote,
        "status": "TRADING",
        "baseAsset": spec.base,
        "baseAssetPrecision": _PLACES,
        "quoteAsset": spec.quote,
        "quoteAssetPrecision": _PLACES,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "isSpotTradingAllowed": True,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": price_max,
                "tickSize": tick,
            },
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": lot_max, "stepSize": lot},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True},
        ],
    }


def _text(value: int, digits: int) -> str:
    """A scaled int as Binance prints it."""
    whole, part = divmod(value * 10 ** (_PLACES - digits), 10**_PLACES)
    return f"{whole}.{part:0{_PLACES}d}"
