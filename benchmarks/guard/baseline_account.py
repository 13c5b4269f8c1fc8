"""The frozen baseline's other half: the jobs of an account, in the plain way.

Never edited, as baseline.py says.
"""

from decimal import Decimal
from urllib.parse import urlencode

import msgspec
from msgspec import Raw, Struct

from guard.baseline import MILLISECOND, Log

# Events


class Intent(Struct, array_like=True, tag=1, frozen=True):
    """An order that we want to place."""

    name: str
    time: int
    symbol: str
    side: str
    amount: Decimal
    price: Decimal
    hold: Decimal


class Reported(Struct, array_like=True, tag=2, frozen=True):
    """How an order is, as the exchange says it."""

    name: str
    number: str
    time: int
    state: str
    executed: Decimal
    value: Decimal


class Filled(Struct, array_like=True, tag=3, frozen=True):
    """One trade of an order of ours."""

    name: str
    time: int
    number: str
    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_asset: str


class Holds(Struct, array_like=True, tag=4, frozen=True):
    """What an account has, and what of it is held."""

    time: int
    totals: list[tuple[str, Decimal]]
    held: list[tuple[str, Decimal]]


# Messages


class ReportMessage(Struct):
    """executionReport."""

    e: str
    c: str
    i: int
    x: str
    X: str
    z: str
    Z: str
    T: int
    t: int
    l: str  # noqa: E741 - as the wire calls it
    L: str
    n: str | None
    N: str | None


class BalanceRow(Struct):
    """One asset."""

    a: str
    f: str
    l: str  # noqa: E741 - as the wire calls it


class PositionMessage(Struct):
    """outboundAccountPosition."""

    u: int
    B: list[BalanceRow]


class PlacedMessage(
    Struct,
    rename={
        "number": "orderId",
        "name": "clientOrderId",
        "time": "transactTime",
        "executed": "executedQty",
        "value": "cummulativeQuoteQty",
    },
):
    """The answer to an order."""

    number: int
    name: str
    time: int
    status: str
    executed: str
    value: str


class Named(Struct):
    """What a frame is, in its envelope."""

    event: Raw


class Kind(Struct):
    """What an event is called."""

    e: str


read_named = msgspec.json.Decoder(Named).decode
read_kind = msgspec.json.Decoder(Kind).decode
read_report = msgspec.json.Decoder(ReportMessage).decode
read_position = msgspec.json.Decoder(PositionMessage).decode
read_placed = msgspec.json.Decoder(PlacedMessage).decode


# What they come to


class Order:
    """An order of ours."""

    def __init__(self, intent: Intent) -> None:
        self.intent = intent
        self.number = ""
        self.state = "NEW"
        self.executed = self.value = Decimal(0)
        self.fills: dict[str, Filled] = {}


class Desk:
    """Orders and money of one account: intents logged before they leave, reports folded."""

    def __init__(self, funds: dict[str, Decimal], tick: Decimal, lot: Decimal) -> None:
        self.log, self.orders = Log(), dict[str, Order]()
        self.totals, self.held = dict(funds), dict.fromkeys(funds, Decimal(0))
        self.tick, self.lot = tick, lot

    def submit(self, time: int, side: str, amount: Decimal, price: Decimal) -> str:
        """The URL of a limit order in ETHUSDT. Raises `ValueError` where it may not be placed."""
        if amount <= 0 or price <= 0 or amount % self.lot or price % self.tick:
            raise ValueError("against the rules")
        asset, hold = ("USDT", amount * price) if side == "buy" else ("ETH", amount)
        if self.totals[asset] - self.held[asset] < hold:
            raise ValueError("too little money")
        name = f"guard-{len(self.orders) + 1}"
        intent = Intent(name, time, "ETHUSDT", side, amount, price, hold)
        self.log.append(intent)
        self.orders[name] = Order(intent)
        self.held[asset] += hold
        rows = {"symbol": "ETHUSDT", "side": side.upper(), "type": "LIMIT", "timeInForce": "GTC"}
        rows |= {"quantity": f"{amount:f}", "price": f"{price:f}", "newClientOrderId": name}
        return f"https://api.binance.com/api/v3/order?{urlencode(rows)}"

    def answered(self, data: bytes) -> None:
        """The answer to an order."""
        said = read_placed(data)
        self.report(
            Reported(
                said.name,
                str(said.number),
                said.time * MILLISECOND,
                said.status,
                Decimal(said.executed),
                Decimal(said.value),
            )
        )

    def hear(self, data: bytes) -> None:
        """A frame of the account's stream."""
        inner = bytes(read_named(data).event)
        if read_kind(inner).e == "outboundAccountPosition":
            self.position(read_position(inner))
            return
        said = read_report(inner)
        time = said.T * MILLISECOND
        executed, value = Decimal(said.z), Decimal(said.Z)
        self.report(Reported(said.c, str(said.i), time, said.X, executed, value))
        if said.x == "TRADE":
            price, amount = Decimal(said.L), Decimal(said.l)
            fee, asset = Decimal(said.n or 0), said.N or ""
            self.fill(Filled(said.c, time, str(said.t), price, amount, fee, asset))

    def report(self, event: Reported) -> None:
        """How an order is."""
        self.log.append(event)
        order = self.orders[event.name]
        order.number = event.number
        if event.executed < order.executed or order.state == "FILLED":
            return
        order.executed, order.value, order.state = event.executed, event.value, event.state

    def fill(self, event: Filled) -> None:
        """One trade of an order, counted once."""
        self.log.append(event)
        order = self.orders[event.name]
        if event.number in order.fills:
            return
        order.fills[event.number] = event
        value, sign = event.price * event.amount, 1 if order.intent.side == "buy" else -1
        self.totals["ETH"] += sign * event.amount
        self.totals["USDT"] -= sign * value
        self.totals[event.fee_asset] -= event.fee
        asset, left = ("USDT", value) if sign > 0 else ("ETH", event.amount)
        self.held[asset] -= left

    def position(self, said: PositionMessage) -> None:
        """What the account has, checked against what was reckoned."""
        held = [(row.a, Decimal(row.l)) for row in said.B]
        totals = [(row.a, Decimal(row.f) + Decimal(row.l)) for row in said.B]
        self.log.append(Holds(said.u * MILLISECOND, totals, held))
        for asset, total in totals:
            if self.totals[asset] != total:
                raise ValueError(f"{asset} is {total}, not {self.totals[asset]}")
