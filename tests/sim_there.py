"""The simulated Binance of random stories: what its markets, others and its faults do there.

Time is an int that somebody moves, and the markets move with it. Each function says whether it could
happen now.
"""

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from builders import MILLISECOND
from moves import Chance
from msgspec.structs import replace

from tapefold.sim import (
    FUNDED,
    HOLDER,
    Denied,
    Holder,
    Lagging,
    Order,
    Published,
    Refusing,
    Spec,
    Unsaid,
    Upset,
    Wish,
)
from tapefold.units import SECOND, Nanos, Side
from tapefold_adapters.binance.sim import BinanceSim

KEYS: Final = {"key": HOLDER.key, "secret": HOLDER.secret}
STRANGER: Final = "stranger"
"""The key of somebody with money without end, who trades with us on demand."""
_ENDLESS: Final = Decimal(10_000_000)
STORY: Final = replace(
    FUNDED,
    specs=tuple(
        Spec(
            base=base,
            quote="USDT",
            price_digits=2,
            size_digits=3,
            tick=5,
            fair=fair,
            move=25,
            calm=3,
            reach=400,
            size=1_000,
            levels=10,
            pause=pause * MILLISECOND,
        )
        for base, fair, pause in (("ETH", 10_000, 900), ("LTC", 9_800, 2_500))
    ),
    accounts=(
        replace(HOLDER, balances={"ETH": Decimal(9), "LTC": Decimal(5), "USDT": Decimal(1_500)}),
        Holder(key=STRANGER, balances=dict.fromkeys(("ETH", "LTC", "USDT"), _ENDLESS)),
    ),
)
"""Two small and quiet markets, and an account that runs short now and then."""
SYMBOLS: Final = tuple(spec.symbol for spec in STORY.specs)
ASKED: Final = (
    "POST /api/v3/order",
    "DELETE /api/v3/order",
    "GET /api/v3/order",
    "GET /api/v3/openOrders",
    "GET /api/v3/myTrades",
    "GET /api/v3/account",
    "userDataStream.subscribe",
    "",
)
"""What a fault is about."""
REFUSED: Final = ((503, 0), (500, 0), (429, 2), (418, 5), (403, 0), (429, 0))
"""Status, and the seconds of `Retry-After`."""
UNSAID: Final = (503, 0, 500, 504, 408)
"""Statuses that do not tell what was done; 0 for no answer."""
AHEAD: Final = (700, -700, 3_000, -3_000, 0, 0)
"""By how many milliseconds the exchange's clock is ahead."""
UPSETS: Final = (
    Upset("dropped"),
    Upset("twice"),
    Upset("late", by=3 * SECOND),
    Upset("dropped", times=4),
    Upset("late", by=20 * SECOND, times=2),
)
"""What becomes of user events."""


class There:
    """The exchange at a moment, and what it said on each lane that nobody has heard yet."""

    def __init__(self, seed: int) -> None:
        self.sim, self.now = BinanceSim(STORY, seed), STORY.started_ns
        self.lanes: dict[str, deque[bytes]] = {}
        """Those that are up."""
        self._hands = 0

    def by_hand(self, symbol: str, side: Side, size: int, price: int) -> Order | None:
        """The account's owner places an order, prices and sizes in the market's scales."""
        self._hands += 1
        return self._placed(HOLDER.key, f"hand-{self._hands}", symbol, side, size, price)

    def stranger(self, symbol: str, side: Side, size: int, price: int) -> None:
        """Somebody else places one, which is there no longer than it trades."""
        order = self._placed(STRANGER, "theirs", symbol, side, size, price)
        if order and order.state == "open":
            self.sim.venue.cancel(order.number, self.now)

    def _placed(
        self, who: str, name: str, symbol: str, side: Side, size: int, price: int
    ) -> Order | None:
        self.moves()
        wish = Wish(
            symbol=symbol,
            side=side,
            order_type="limit",
            client_order_id=name,
            size=size,
            price=price,
        )
        try:
            return self.sim.venue.place(who, wish, self.now)
        except Denied:
            return None

    def deposit(self, asset: str, amount: Decimal) -> None:
        """Money comes from elsewhere."""
        self.moves()
        self.sim.deposit(HOLDER.key, asset, amount, self.now)

    def ends(self, order: Order) -> None:
        """An order ends by itself."""
        self.moves()
        self.sim.venue.cancel(order.number, self.now)

    def orders(self) -> list[Order]:
        """Of the account, as they truly are."""
        return [*self.sim.venue.orders(HOLDER.key)]

    def moves(self, span: Nanos = MILLISECOND) -> None:
        """So much later; what the exchange says meanwhile is on its way."""
        self.now += span
        while self.sim.due <= self.now:
            self.publish(self.sim.turn())

    def publish(self, published: Sequence[Published]) -> None:
        """It is on its way on its lane."""
        for lane, data in published:
            if lane in self.lanes:
                self.lanes[lane].append(data)


# What may happen there


def taken(there: There, chance: Chance) -> bool:
    """A stranger takes some of an order of the account, and of whatever stands before it."""
    live = live_of(there)
    if live:
        order = live[chance.n % len(live)]
        spec = there.sim.venue.markets[order.wish.symbol].spec
        side: Side = "sell" if order.wish.side == "buy" else "buy"
        size = int(chance.amount.scaleb(spec.size_digits))
        there.stranger(order.wish.symbol, side, size, order.wish.price or 0)
    return bool(live)


def by_hand(there: There, chance: Chance) -> bool:
    n, side, amount, price = chance
    symbol = SYMBOLS[n % 2]
    spec = there.sim.venue.markets[symbol].spec
    size, scaled = int(amount.scaleb(spec.size_digits)), int(price.scaleb(spec.price_digits))
    return there.by_hand(symbol, side, size, scaled // spec.tick * spec.tick) is not None


def ends(there: There, chance: Chance) -> bool:
    """An order of the account ends by itself."""
    live = live_of(there)
    if live:
        there.ends(live[chance.n % len(live)])
    return bool(live)


def live_of(there: There) -> list[Order]:
    """The account's open orders, ours and others."""
    return [order for order in there.orders() if order.state == "open"]


def deposit(there: There, chance: Chance) -> bool:
    there.deposit("ETH" if chance.n % 2 else "USDT", chance.amount)
    return True


def refuses(there: There, chance: Chance) -> bool:
    n = chance.n
    status, after = REFUSED[n // 8 % len(REFUSED)]
    there.sim.faults.add(Refusing(ASKED[n % 8], status, after, times=1 + n // 64 % 3))
    return True


def unsaid(there: There, chance: Chance) -> bool:
    n = chance.n
    status = UNSAID[n // 8 % len(UNSAID)]
    there.sim.faults.add(Unsaid(ASKED[n % 8], status, times=1 + n // 64 % 2))
    return True


def lags(there: There, chance: Chance) -> bool:
    """Never so much that a request and a page of before it could be taken for each other."""
    n = chance.n
    by = (1 + n // 8 % 3) * SECOND
    there.sim.faults.add(Lagging(f"GET {ASKED[2 + n % 4][4:]}", by, times=1 + n // 64 % 4))
    return True


def upset(there: There, chance: Chance) -> bool:
    which = UPSETS[chance.n % len(UPSETS)]
    there.sim.faults.add(Upset(which.what, which.by, which.times))
    return True


def silence(there: There, chance: Chance) -> bool:
    there.sim.faults.silent = bool(chance.n % 3)
    return True


def clock(there: There, chance: Chance) -> bool:
    there.sim.faults.ahead = AHEAD[chance.n % len(AHEAD)] * SECOND // 1000
    return True
