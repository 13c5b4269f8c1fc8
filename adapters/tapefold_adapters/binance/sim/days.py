"""What was traded since the story began, as if these were the last 24 hours."""

from typing import Final

from tapefold import Nanos
from tapefold_adapters.binance.sim.market import Listed
from tapefold_adapters.binance.sim.numbers import ms, text
from tapefold_adapters.binance.sim.reports import Page

_SUMS: Final = {
    "c": "lastPrice",
    "o": "openPrice",
    "h": "highPrice",
    "l": "lowPrice",
    "v": "volume",
    "q": "quoteVolume",
}
_ALL: Final = {
    "p": "priceChange",
    "P": "priceChangePercent",
    "w": "weightedAvgPrice",
    "x": "prevClosePrice",
    "Q": "lastQty",
    "b": "bidPrice",
    "B": "bidQty",
    "a": "askPrice",
    "A": "askQty",
    **_SUMS,
    "O": "openTime",
    "C": "closeTime",
    "F": "firstId",
    "L": "lastId",
    "n": "count",
}
DAYS: Final = {"ticker": ("24hrTicker", _ALL), "miniTicker": ("24hrMiniTicker", _SUMS)}
"""Streams that tell it once a second: what they call it, and their letters of the page's names."""


def told(stream: str, listed: Listed, start: Nanos, time: Nanos) -> Page:
    """As a stream of `DAYS` tells it."""
    event, letters = DAYS[stream]
    whole = page(listed, start, time)
    names: Page = {letter: whole[name] for letter, name in letters.items()}
    return {"e": event, "E": ms(time), "s": listed.symbol} | names


def best(listed: Listed) -> Page:
    """The best prices."""
    now = listed.ticker(listed.market.best())
    bid: Page = {"symbol": listed.symbol, "bidPrice": now.b, "bidQty": now.B}
    return bid | {"askPrice": now.a, "askQty": now.A}


def page(listed: Listed, start: Nanos, time: Nanos) -> Page:
    """As it is asked for over HTTP, of a story that began at *start*."""
    prices, sizes = listed.spec.price_digits, listed.spec.size_digits
    last, trades = listed.last, listed.market.trades
    opened = listed.opened or last
    newest = listed.trades[-1].q if listed.trades else text(0, 0)
    mean = listed.turnover // listed.volume if listed.volume else last
    change = abs(last - opened)
    sign = "-" if last < opened else ""
    return {
        **best(listed),
        "priceChange": sign + text(change, prices),
        "priceChangePercent": sign + text(change * 100_000 // opened, 3)[:-5],
        "weightedAvgPrice": text(mean, prices),
        "prevClosePrice": text(opened, prices),
        "lastPrice": text(last, prices),
        "lastQty": newest,
        "openPrice": text(opened, prices),
        "highPrice": text(listed.highest or last, prices),
        "lowPrice": text(listed.lowest or last, prices),
        "volume": text(listed.volume, sizes),
        "quoteVolume": text(listed.turnover, prices + sizes),
        "firstId": listed.first_trade + 1 if trades else -1,
        "lastId": listed.first_trade + trades if trades else -1,
        "count": trades,
        "openTime": ms(start),
        "closeTime": ms(time),
    }
