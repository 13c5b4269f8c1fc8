"""What is played: frames as Binance prints them, drawn from a seed; the same ones in every process.

In the proportions of real recordings: of a hundred frames some 83 are quotes, 9 carry 25 to 70 levels
of the book, 8 are trades. The bounds hold for these frames, whose digest is noted beside them.
"""

import json
from decimal import Decimal
from hashlib import sha256
from random import Random
from typing import Any, Final, Literal, NamedTuple

SEED: Final = 20240809
FRAMES: Final = 2000
LEVELS: Final = 500
"""Of the first book, a side."""
BATCH: Final = 25
"""Orders that are under way together: fewer than the exchange lets in within ten seconds."""
BATCHES: Final = 2
NAME: Final = "guard"
"""Of the run: its orders are guard-1, guard-2, ..."""
START: Final = 1_723_161_600_000
"""Milliseconds since 1970."""
SYMBOL: Final = "ETHUSDT"
TICK: Final = Decimal("0.01")
LOT: Final = Decimal("0.0001")
FUNDS: Final = {"BNB": Decimal(100), "ETH": Decimal(1000), "USDT": Decimal(5_000_000)}
FEE: Final = Decimal("0.0002")
"""In BNB, of each trade of ours."""

_ZERO: Final = "0.00000000"
Side = dict[int, int]
"""Sizes in lots by prices in ticks."""


class Order(NamedTuple):
    """An order of ours, and all that the exchange says of it."""

    side: Literal["buy", "sell"]
    amount: Decimal
    price: Decimal
    placed: bytes
    """The answer to its request."""
    said: tuple[bytes, ...]
    """Frames of the private stream."""


class Workload(NamedTuple):
    """All of it."""

    instruments: bytes
    snapshot: bytes
    frames: list[bytes]
    orders: list[list[Order]]
    """In batches."""

    def digest(self) -> str:
        """Of every byte, as hex."""
        whole = sha256(self.instruments + self.snapshot + b"".join(self.frames))
        for order in (each for batch in self.orders for each in batch):
            whole.update(b"".join((order.placed, *order.said)))
        return whole.hexdigest()

    def only(self, stream: bytes) -> list[bytes]:
        """The frames of one stream: b"depth", b"bookTicker" or b"trade"."""
        return [data for data in self.frames if b"@" + stream in data[:40]]

    def first(self, frames: int, batches: int) -> "Workload":
        """So much of it."""
        return self._replace(frames=self.frames[:frames], orders=self.orders[:batches])


def workload() -> Workload:
    """The one that is measured."""
    market = _Market(Random(SEED))
    snapshot = market.snapshot()
    frames = [market.frame() for _ in range(FRAMES)]
    return Workload(_said(_INSTRUMENTS), snapshot, frames, _orders())


def _said(value: Any) -> bytes:
    """JSON as Binance prints it."""
    return json.dumps(value, separators=(",", ":")).encode()


def _price(ticks: int) -> str:
    return f"{ticks // 100}.{ticks % 100:02}000000"


def _size(lots: int) -> str:
    return f"{lots // 10_000}.{lots % 10_000:04}0000"


class _Market:
    """A book that moves, and is never crossed."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._mid, self._time = 268_246, START
        self._sequence, self._told, self._trades = 35_346_675_000, 0, 1_520_545_000
        self._bids = {self._mid - 1 - self._away(): self._lots() for _ in range(LEVELS)}
        self._asks = {self._mid + 1 + self._away(): self._lots() for _ in range(LEVELS)}

    def snapshot(self) -> bytes:
        """The answer of REST."""
        self._told = self._sequence
        return _said({"lastUpdateId": self._told, **self._rows("bids", "asks", *self._sides())})

    def frame(self) -> bytes:
        """The next one."""
        self._time += self._below(20)
        self._sequence += 1 + self._below(12)
        kind = self._below(100)
        if kind < 9:
            return self._depth()
        return self._trade() if kind < 17 else self._quote()

    def _below(self, n: int) -> int:
        """Of `Random` only `random` is promised to give the same in every version."""
        return int(self._chance.random() * n)

    def _away(self) -> int:
        """Ticks from the middle: most are near, some very far."""
        near = self._chance.random() * self._chance.random()
        return int(near * near * 6000)

    def _lots(self) -> int:
        return 1 + int(self._chance.random() * self._chance.random() * 200_000)

    def _sides(self) -> tuple[Side, Side]:
        bids = dict(sorted(self._bids.items(), reverse=True))
        return bids, dict(sorted(self._asks.items()))

    @staticmethod
    def _rows(bid: str, ask: str, bids: Side, asks: Side) -> dict[str, list[tuple[str, str]]]:
        pairs = ((bid, bids), (ask, asks))
        return {name: [(_price(p), _size(s)) for p, s in side.items()] for name, side in pairs}

    def _depth(self) -> bytes:
        """What changed since the last one: 25 to 70 levels, and what the market's move took away."""
        self._mid += self._below(9) - 4
        bids = {price: 0 for price in self._bids if price >= self._mid}
        asks = {price: 0 for price in self._asks if price <= self._mid}
        for _ in range(25 + self._below(46)):
            size = 0 if self._below(100) < 35 else self._lots()
            if self._below(2):
                bids[self._mid - 1 - self._away()] = size
            else:
                asks[self._mid + 1 + self._away()] = size
        for held, changed in ((self._bids, bids), (self._asks, asks)):
            held |= changed
            for price in [price for price, size in changed.items() if not size]:
                del held[price]
        first, self._told = self._told + 1, self._sequence
        data = {"e": "depthUpdate", "E": self._time, "s": SYMBOL, "U": first, "u": self._told}
        levels = self._rows("b", "a", dict(sorted(bids.items(), reverse=True)), asks)
        return _said({"stream": "ethusdt@depth@100ms", "data": {**data, **levels}})

    def _quote(self) -> bytes:
        bid, ask = _price(self._mid - 1 - self._below(3)), _price(self._mid + 1 + self._below(3))
        data = {"u": self._sequence, "s": SYMBOL, "b": bid, "B": _size(self._lots())}
        data |= {"a": ask, "A": _size(self._lots())}
        return _said({"stream": "ethusdt@bookTicker", "data": data})

    def _trade(self) -> bytes:
        self._trades += 1
        data = {"e": "trade", "E": self._time, "s": SYMBOL, "t": self._trades}
        data |= {"p": _price(self._mid - 2 + self._below(5)), "q": _size(self._lots())}
        data |= {"T": self._time, "m": bool(self._below(2)), "M": True}
        return _said({"stream": "ethusdt@trade", "data": data})


_INSTRUMENTS: Final = {
    "symbols": [
        {
            "symbol": SYMBOL,
            "status": "TRADING",
            "baseAsset": "ETH",
            "quoteAsset": "USDT",
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "isSpotTradingAllowed": True,
            "filters": [
                {"filterType": "PRICE_FILTER", "tickSize": str(TICK)},
                {
                    "filterType": "LOT_SIZE",
                    "stepSize": str(LOT),
                    "minQty": str(LOT),
                    "maxQty": "9000.00000000",
                },
                {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
            ],
        }
    ]
}


def _orders() -> list[list[Order]]:
    """Limit orders, each filled in one trade, in their order."""
    chance, money, number = Random(SEED + 1), _Money(), 0
    batches: list[list[Order]] = []
    for _ in range(BATCHES):
        wanted = [_wanted(chance) for _ in range(BATCH)]
        for each in wanted:
            money.hold(each)
        batches.append([])
        for each in wanted:
            number += 1
            money.fill(each)
            batches[-1].append(_order(number, each, money.rows()))
    return batches


class _Wanted(NamedTuple):
    side: Literal["buy", "sell"]
    amount: Decimal
    price: Decimal


def _wanted(chance: Random) -> _Wanted:
    amount = LOT * (100 + int(chance.random() * 20_000))
    price = TICK * (268_000 + int(chance.random() * 400))
    return _Wanted("buy" if chance.random() < 0.5 else "sell", amount, price)


class _Money:
    """What the account has, as the exchange keeps it."""

    def __init__(self) -> None:
        self.totals, self.held = dict(FUNDS), dict.fromkeys(FUNDS, Decimal(0))

    def hold(self, order: _Wanted, sign: int = 1) -> None:
        """An order is there."""
        if order.side == "buy":
            self.held["USDT"] += sign * order.amount * order.price
        else:
            self.held["ETH"] += sign * order.amount

    def fill(self, order: _Wanted) -> None:
        """All of it was traded."""
        self.hold(order, -1)
        sign = 1 if order.side == "buy" else -1
        self.totals["ETH"] += sign * order.amount
        self.totals["USDT"] -= sign * order.amount * order.price
        self.totals["BNB"] -= FEE

    def rows(self) -> list[dict[str, str]]:
        """As the private stream says it."""
        return [
            {"a": asset, "f": f"{total - self.held[asset]:.8f}", "l": f"{self.held[asset]:.8f}"}
            for asset, total in self.totals.items()
        ]


def _order(number: int, order: _Wanted, balances: list[dict[str, str]]) -> Order:
    """The exchange takes it, and fills it; then the account has these balances."""
    name, time, side = f"{NAME}-{number}", START + 3_600_000 + number, order.side.upper()
    size, price, value = (f"{n:.8f}" for n in (*order[1:], order.amount * order.price))
    placed = {"symbol": SYMBOL, "orderId": 71_000 + number, "orderListId": -1}
    placed |= {"clientOrderId": name, "transactTime": time, "price": price, "origQty": size}
    placed |= {"executedQty": _ZERO, "cummulativeQuoteQty": _ZERO, "status": "NEW"}
    placed |= {"timeInForce": "GTC", "type": "LIMIT", "side": side, "workingTime": time}
    placed |= {"fills": [], "selfTradePreventionMode": "NONE"}
    taken: dict[str, Any] = {"e": "executionReport", "E": time, "s": SYMBOL, "c": name, "S": side}
    taken |= {"o": "LIMIT", "f": "GTC", "q": size, "p": price, "P": _ZERO, "F": _ZERO, "g": -1}
    taken |= {"C": "", "x": "NEW", "X": "NEW", "r": "NONE", "i": 71_000 + number, "l": _ZERO}
    taken |= {"z": _ZERO, "L": _ZERO, "n": "0", "N": None, "T": time, "t": -1, "I": 9000 + number}
    taken |= {"w": True, "m": False, "O": time, "Z": _ZERO, "Y": _ZERO, "Q": _ZERO, "V": "NONE"}
    filled = {**taken, "x": "TRADE", "X": "FILLED", "l": size, "z": size, "L": price, "w": False}
    filled |= {"n": f"{FEE:.8f}", "N": "BNB", "t": 501 + number, "m": True, "Z": value, "Y": value}
    filled |= {"T": time + 5, "E": time + 5}
    holds = {"e": "outboundAccountPosition", "E": time + 5, "u": time + 5, "B": balances}
    said = tuple(_said({"subscriptionId": 0, "event": each}) for each in (taken, filled, holds))
    return Order(*order, _said(placed), said)
