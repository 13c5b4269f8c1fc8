"""The public side over HTTP: rules, books, trades, prices."""

from collections.abc import Callable
from typing import Final

import msgspec

from tapefold import Nanos, exact, exactly
from tapefold.sim import Faults, Venue
from tapefold_adapters.binance.sim import days, rules
from tapefold_adapters.binance.sim.desk import Call
from tapefold_adapters.binance.sim.failures import Failed
from tapefold_adapters.binance.sim.market import Book, Listed
from tapefold_adapters.binance.sim.numbers import money, ms, text
from tapefold_adapters.binance.sim.params import Params
from tapefold_adapters.binance.sim.reports import Page

DEPTH: Final = 100
"""Levels a side where nobody says how many."""
DEPTH_MAX: Final = 5000
_names = msgspec.json.Decoder(list[str]).decode


class Pages:
    """Answers to requests that anybody may make. Each method raises `Failed`."""

    def __init__(
        self, venue: Venue, faults: Faults, listed: dict[str, Listed], start: Nanos
    ) -> None:
        self._venue, self._faults, self._listed, self._start = venue, faults, listed, start

    def ping(self, call: Call) -> Page:
        """Nothing."""
        return {}

    def clock(self, call: Call) -> Page:
        """What time it is there."""
        return {"serverTime": ms(call.time + self._faults.ahead)}

    def info(self, call: Call) -> Page:
        """The trading rules."""
        specs = [listed.spec for listed in self._asked(call.params)]
        whole = bool(self._venue.accounts)
        return rules.info(specs, call.time + self._faults.ahead, whole=whole)

    def depth(self, call: Call) -> Book:
        """A book."""
        return self._one(call.params).book(call.params.limit(DEPTH, DEPTH_MAX))

    def trades(self, call: Call) -> list[Page]:
        """The last trades."""
        trades = [*self._one(call.params).trades]
        return [
            {
                "id": trade.t,
                "price": trade.p,
                "qty": trade.q,
                "quoteQty": _product(trade.p, trade.q),
                "time": trade.T,
                "isBuyerMaker": trade.m,
                "isBestMatch": True,
            }
            for trade in trades[-call.params.limit(500, 1000) :]
        ]

    def aggregates(self, call: Call) -> list[Page]:
        """The last trades, each an aggregate of one."""
        params, listed = call.params, self._one(call.params)
        first, since = params.integer("fromId"), params.integer("startTime")
        until, limit = params.integer("endTime"), params.limit(500, 1000)
        found: list[Page] = [
            {"a": each.t, "p": each.p, "q": each.q, "f": each.t, "l": each.t}
            | {"T": each.T, "m": each.m, "M": True}
            for each in listed.trades
            if each.t >= first and since <= each.T <= (until or each.T)
        ]
        return found[:limit] if first or since else found[-limit:]

    def prices(self, call: Call) -> Page | list[Page]:
        """The last price of one, or of several."""
        return self._each(call.params, _price)

    def tickers(self, call: Call) -> Page | list[Page]:
        """The best prices of one, or of several."""
        return self._each(call.params, days.best)

    def days(self, call: Call) -> Page | list[Page]:
        """What was traded since the story began, as if these were the last 24 hours."""
        return self._each(call.params, lambda listed: days.page(listed, self._start, call.time))

    def _one(self, params: Params) -> Listed:
        listed = self._listed.get(params.symbol())
        if listed is None:
            raise Failed(-1121, "Invalid symbol.")
        return listed

    def _asked(self, params: Params) -> list[Listed]:
        """Those that are named; all where none is."""
        if params.has("symbol"):
            return [self._one(params)]
        if not params.has("symbols"):
            return [*self._listed.values()]
        try:
            names = _names(params.text("symbols").encode())
        except msgspec.MsgspecError:
            raise Failed(-1130, "Data sent for parameter 'symbols' is not valid.") from None
        return [self._one(Params({"symbol": name})) for name in names]

    def _each(self, params: Params, page: Callable[[Listed], Page]) -> Page | list[Page]:
        pages = [page(listed) for listed in self._asked(params)]
        return pages[0] if params.has("symbol") else pages


def _product(price: str, size: str) -> str:
    with exactly():
        return money(exact(price) * exact(size))


def _price(listed: Listed) -> Page:
    return {"symbol": listed.symbol, "price": text(listed.last, listed.spec.price_digits)}
