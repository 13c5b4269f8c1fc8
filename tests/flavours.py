"""A tiny honest exchange in memory, in four flavours.

It matches by price and time, holds what orders may cost, charges fees, and keeps its word: no order is
taken twice, no trade is told that was none. What its messages say and leave out, which is where
exchanges differ, is the flavour's. It knows nothing of the engine, and its JSON is nobody else's:
`tiny_adapter` reads it.
"""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct, field

from tapefold.adapter import (
    AccountRules,
    Request,
)
from tapefold.events import (
    Refusal,
)
from tapefold.units import MINUTE, SECOND, Nanos, Side, exact, exactly, fixed, tidy

TINY: Final = "tiny"
REST: Final = "https://tiny.test"
RATE: Final = Decimal("0.00123")
"""What every trade of the account costs, as a fraction; of which asset, the trade's number says."""
NATIVES: Final = {"ETHUSDT": ("ETH", "USDT"), "LTCUSDT": ("LTC", "USDT")}
TICK, LOT = Decimal("0.5"), Decimal("0.125")
Owner: TypeAlias = Literal["engine", "hand", "stranger"]
Row: TypeAlias = dict[str, Any]
Answer: TypeAlias = tuple[int, bytes]
"""Status and body."""


class Flavour(Struct, frozen=True):
    """What an exchange's messages say, and the rules that follow from it."""

    name: str
    rules: AccountRules
    named: bool = True
    """The stream says client order id, instrument and side; else only the exchange's id."""
    fees: bool = True
    """The stream says what a trade was charged; else only the list of trades does."""
    says_executed: bool = True
    """Who says that an order was canceled says how much of it was executed."""
    gateway: bool = False
    """The answer to a new order is the gateway's: `pending`, whatever became of it."""


def _rules(
    *, cumulative: bool = False, purges: bool = False, keep_alive: Nanos = 0
) -> AccountRules:
    return AccountRules(
        grace=10 * SECOND,
        settle=30 * SECOND,
        closed=MINUTE,
        cumulative=cumulative,
        purges=purges,
        maker_rate=RATE,
        taker_rate=RATE,
        keep_alive=keep_alive,
    )


NAMED: Final = Flavour("named", _rules())
IDS_ONLY: Final = Flavour(
    "ids only",
    _rules(keep_alive=20 * MINUTE),
    named=False,
    fees=False,
    says_executed=False,
    gateway=True,
)
PURGING: Final = Flavour("purging", _rules(purges=True), fees=False, says_executed=False)
CUMULATIVE: Final = Flavour("cumulative", _rules(cumulative=True))
FLAVOURS: Final = (NAMED, IDS_ONLY, PURGING, CUMULATIVE)


# The exchange


class Fill(Struct, frozen=True):
    """One side of one trade."""

    trade: str
    price: Decimal
    amount: Decimal
    asset: str
    fee: Decimal
    time: Nanos


class Placed(Struct):
    """An order as the exchange has it."""

    id: str
    owner: Owner
    name: str
    native: str
    side: Side
    amount: Decimal
    price: Decimal
    made: int
    """Counts the orders: of two at one price the earlier trades first."""
    status: str = "open"
    fills: list[Fill] = field(default_factory=list[Fill])
    changed: Nanos = 0

    @property
    def executed(self) -> Decimal:
        """Of base."""
        return sum((fill.amount for fill in self.fills), Decimal(0))

    @property
    def value(self) -> Decimal:
        """Of quote."""
        return sum((fill.amount * fill.price for fill in self.fills), Decimal(0))

    @property
    def rest(self) -> Decimal:
        """What may still trade."""
        return self.amount - self.executed if self.status == "open" else Decimal(0)

    @property
    def fees(self) -> dict[str, Decimal]:
        """By asset."""
        paid: dict[str, Decimal] = {}
        for fill in self.fills:
            paid[fill.asset] = paid.get(fill.asset, Decimal(0)) + fill.fee
        return {asset: tidy(fee) for asset, fee in sorted(paid.items())}

    @property
    def pays(self) -> tuple[str, Decimal]:
        """The asset that it holds, and what of it."""
        base, quote = NATIVES[self.native]
        return (quote, self.rest * self.price) if self.side == "buy" else (base, self.rest)


class TinyExchange:
    """One account at an exchange, and strangers who trade with it when somebody asks them to."""

    def __init__(self, flavour: Flavour) -> None:
        self.flavour = flavour
        self.now: Nanos = 0
        self.totals = {name: Decimal(n) for name, n in _OPENING.items()}
        self.orders: dict[str, Placed] = {}
        """By id."""
        self.names: dict[str, Placed] = {}
        """By client order id."""
        self.twice: list[str] = []
        """Client order ids that came more than once. An honest engine leaves this empty."""
        self.stream: list[bytes] | None = None
        """What is on its way on the private stream; None where nobody listens."""
        self.said: list[bytes] = []
        """All that was ever to be said there, heard or not."""
        self.tokens = 0
        self._time: Nanos = 0
        self._trades = self._deposits = 0

    # What happens there

    def stranger(self, native: str, side: Side, amount: Decimal, price: Decimal) -> None:
        """Somebody else wants this; what is left of it rests."""
        self._place("stranger", "", native, side, amount, price)

    def by_hand(self, native: str, side: Side, amount: Decimal, price: Decimal) -> Placed | None:
        """The account's owner places an order past the engine; none where there is no money for it."""
        if not self._affords(native, side, amount, price):
            return None
        return self._place("hand", "", native, side, amount, price)

    def expire(self, order: Placed) -> None:
        """It ends by itself."""
        self._end(order, "expired")

    def deposit(self, asset: str, amount: Decimal) -> None:
        """Money comes in."""
        with exactly():
            self.totals[asset] += amount
        self._deposits += 1
        number = f"D{self._deposits}"
        row = {"e": "deposit", "asset": asset, "delta": fixed(amount), "id": number}
        self._say([row | {"t": self._moment()}])

    def live(self, *owners: Owner) -> list[Placed]:
        """The open orders of these owners, the oldest first."""
        return [o for o in self.orders.values() if o.status == "open" and o.owner in owners]

    def held(self, *owners: Owner) -> dict[str, Decimal]:
        """What open orders of these owners hold, by asset."""
        held = dict.fromkeys(self.totals, Decimal(0))
        with exactly():
            for order in self.live(*owners):
                asset, amount = order.pays
                held[asset] += amount
        return {asset: tidy(amount) for asset, amount in held.items()}

    # What is asked of it

    def listen(self, url: str) -> bool:
        """Somebody dials; False is a refusal: the token is an old one."""
        if self.flavour.rules.keep_alive and not url.endswith(f"=T{self.tokens}"):
            return False
        self.stream = []
        return True

    def hear(self, text: str) -> None:
        """Somebody says something on the private stream."""
        if text == "hello" and self.stream is not None:
            self.stream.append(_json([{"e": "up"}]))

    def ask(self, request: Request) -> Answer:
        """Do what a request says, and answer it."""
        roads: dict[str, Callable[[Request], Answer]] = {
            "token": self._asked_for_token,
            "keep_alive": self._asked_for_token,
            "order": self._asked_about,
            "fills": self._asked_about,
            "place": self._asked_to_place,
            "cancel": self._asked_to_cancel,
        }
        return roads.get(request.purpose, self._asked_for_page)(request)

    def _asked_for_page(self, request: Request) -> Answer:
        if request.purpose == "instruments":
            return 200, _json([*NATIVES])
        if request.purpose == "balances":
            return 200, _json(self._balances())
        mine = self.live("engine", "hand")
        return 200, _json([self._row(order, named=True) for order in mine])

    def _asked_for_token(self, request: Request) -> Answer:
        if request.purpose == "keep_alive":
            return (200, b"{}") if request.url.endswith(f"=T{self.tokens}") else _no("other")
        self.tokens += 1
        return 200, _json(f"T{self.tokens}")

    def _named(self, url: str) -> Placed | None:
        """The order of a client order id, or of its own."""
        name, _, number = url.partition("=")[2].partition("&id=")
        return self.names.get(name) or self.orders.get(number)

    def _asked_about(self, request: Request) -> Answer:
        order = self._named(request.url)
        if order is None or self.is_purged(order):
            return _no("unknown_order", 404)
        if request.purpose == "order" or self.flavour.rules.cumulative:
            return 200, _json([self._row(order, named=True, knows=True)])
        return 200, _json([self._traded(order, fill, named=True) for fill in order.fills])

    def _asked_to_place(self, request: Request) -> Answer:
        body = json.loads(request.body)
        name, native, side = body["name"], body["native"], body["side"]
        if name in self.names:
            self.twice.append(name)
            return _no("duplicate")
        amount, price = exact(body["amount"]), exact(body["price"])
        if not self._affords(native, side, amount, price):
            return _no("balance")
        if body["type"] == "limit_maker" and self._meets(native, side, price):
            return _no("would_match")
        order = self._place("engine", name, native, side, amount, price)
        if body["tif"] == "ioc" or body["type"] == "market":
            self._end(order, "expired")
        row = self._row(order, named=True)
        if self.flavour.gateway:
            row = {key: row[key] for key in ("e", "id", "name", "native", "side", "t")}
            row["status"] = "pending"
        return 200, _json([row])

    def _asked_to_cancel(self, request: Request) -> Answer:
        order = self._named(request.url)
        if order is None or order.status != "open":
            return _no("unknown_order", 404)
        self._end(order, "canceled")
        return 200, _json([self._row(order, named=True)])

    # How it works inside

    def _place(
        self, owner: Owner, name: str, native: str, side: Side, amount: Decimal, price: Decimal
    ) -> Placed:
        number = len(self.orders) + 1
        order = Placed(f"e{number}", owner, name, native, side, amount, price, number)
        order.changed = self._moment()
        self.orders[order.id] = order
        if name:
            self.names[name] = order
        self._tell(order)
        with exactly():
            for other in self._meets(native, side, price):
                if order.rest and other.rest:
                    self._trade(order, other, min(order.rest, other.rest))
        return order

    def _meets(self, native: str, side: Side, price: Decimal) -> list[Placed]:
        """Those on the other side that it would trade with, the best and then the oldest first."""
        sign = 1 if side == "buy" else -1
        there = [
            o
            for o in self.live("engine", "hand", "stranger")
            if o.native == native and o.side != side and sign * (price - o.price) >= 0
        ]
        return sorted(there, key=lambda o: (sign * o.price, o.made))

    def _trade(self, taker: Placed, maker: Placed, amount: Decimal) -> None:
        self._trades += 1
        time = self._moment()
        for order in (maker, taker):
            if order.owner == "stranger":
                order.fills.append(Fill("", maker.price, amount, "", Decimal(0), time))
            else:
                fill = self._charge(order, maker.price, amount, time)
                order.fills.append(fill)
            order.changed = time
            if order.executed == order.amount:
                order.status = "filled"
            if order.owner != "stranger":
                self._tell(order, order.fills[-1])

    def _charge(self, order: Placed, price: Decimal, amount: Decimal, time: Nanos) -> Fill:
        """Move the money; the fee is of what we get, of quote, or of a third asset."""
        base, quote = NATIVES[order.native]
        value, sign = amount * price, 1 if order.side == "buy" else -1
        got = (base, amount) if order.side == "buy" else (quote, value)
        asset, of = (got, (quote, value), ("BNB", value))[self._trades % 3]
        fee = tidy(of * RATE)
        for moved, by in ((base, sign * amount), (quote, -sign * value), (asset, -fee)):
            self.totals[moved] = tidy(self.totals[moved] + by)
        return Fill(f"M{self._trades}", price, amount, asset, fee, time)

    def _end(self, order: Placed, status: str) -> None:
        if order.status == "open":
            order.status, order.changed = status, self._moment()
            self._tell(order)

    def _affords(self, native: str, side: Side, amount: Decimal, price: Decimal) -> bool:
        base, quote = NATIVES[native]
        asset = quote if side == "buy" else base
        with exactly():
            cost = amount * (price if side == "buy" else 1)
            return cost <= self.totals[asset] - self.held("engine", "hand")[asset]

    def is_purged(self, order: Placed) -> bool:
        """Whether it is not found any more."""
        gone = order.status not in ("open", "filled") and not order.fills
        return self.flavour.rules.purges and gone

    def _moment(self) -> Nanos:
        """Its own time, which never says one moment twice."""
        self._time = max(self._time + 1, self.now)
        return self._time

    # What it says

    def _tell(self, order: Placed, fill: Fill | None = None) -> None:
        if order.owner == "stranger":
            return
        rows = [self._row(order, named=self.flavour.named)]
        if fill and not self.flavour.rules.cumulative:
            rows.insert(0, self._traded(order, fill, named=self.flavour.named, stream=True))
        self._say(rows)

    def _say(self, rows: Sequence[Row]) -> None:
        data = _json(rows)
        self.said.append(data)
        if self.stream is not None:
            self.stream.append(data)

    def _row(self, order: Placed, *, named: bool, knows: bool = False) -> Row:
        """How an order is; a question about it is answered by who *knows* what it executed."""
        row: Row = {"e": "order", "id": order.id, "status": order.status, "t": order.changed}
        row |= _names(order) if named else {}
        if knows or self.flavour.says_executed or order.status in ("open", "filled"):
            with exactly():
                row |= {"executed": fixed(order.executed), "value": fixed(tidy(order.value))}
                if self.flavour.fees:
                    row["fees"] = {asset: fixed(fee) for asset, fee in order.fees.items()}
        return row

    def _traded(self, order: Placed, fill: Fill, *, named: bool, stream: bool = False) -> Row:
        row: Row = {"e": "fill", "id": order.id, "trade": fill.trade, "t": fill.time}
        row |= {"price": fixed(fill.price), "amount": fixed(fill.amount)}
        row |= _names(order) if named else {}
        if self.flavour.fees or not stream:
            row["fees"] = {fill.asset: fixed(fill.fee)}
        return row

    def _balances(self) -> Row:
        held = self.held("engine", "hand")
        totals = {asset: fixed(total) for asset, total in self.totals.items()}
        return {"totals": totals, "held": {a: fixed(n) for a, n in held.items()}, "t": self._time}


_OPENING: Final = {"BNB": 50, "ETH": 500, "LTC": 500, "USDT": 50_000}


def _names(order: Placed) -> Row:
    return {"name": order.name, "native": order.native, "side": order.side}


def _no(word: Refusal, status: int = 400) -> Answer:
    return status, _json({"error": word})


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
