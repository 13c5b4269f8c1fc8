"""Strategies that tests have at work."""

from collections.abc import Callable, Generator
from decimal import Decimal
from random import Random
from typing import TypeAlias

from tapefold import (
    SECOND,
    AccountSurveyed,
    Cancel,
    CancelAll,
    Command,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    Query,
    Reaction,
    Record,
    Strategy,
    Submit,
    TimerFired,
    Views,
    Wake,
)
from tapefold.strategy import Kept
from tapefold.units import Side

BTC = "BTC-USDT"
React: TypeAlias = Callable[[Record, Views], Reaction]


class Maker(Strategy):
    """Bids below the market, again every five seconds; buys a little at the market now and then."""

    name = "maker"

    def __init__(self, amount: str = "0.01", odd: str = "0.02") -> None:
        self.amount, self.odd = Decimal(amount), Decimal(odd)
        self.mine = ""
        self.rounds = 0

    @property
    def parameters(self) -> dict[str, str]:
        return {"amount": str(self.amount)}

    def react(self, record: Record, views: Views) -> Reaction:
        match record.event:
            case AccountSurveyed():
                yield Wake(5 * SECOND, "bid")
                yield Wake(5 * SECOND, "look")
            case TimerFired(strategy=self.name, timer="bid"):
                yield from self.bid(views)
            case TimerFired(strategy=self.name, timer="look"):
                yield Submit("binance", BTC, "buy", Decimal("0.03"), order_type="market")
            case OrderFilled(side="buy") as fill:
                yield Submit("binance", BTC, "sell", fill.amount, order_type="market")
            case _:
                return

    def bid(self, views: Views) -> Generator[Command, str, None]:
        self.rounds += 1
        if self.mine:
            yield Cancel(self.mine)
        amount = self.odd if self.rounds == 3 else self.amount
        best = views.book(BTC).best_bid
        assert best is not None
        self.mine = yield Submit("binance", BTC, "buy", amount, best.price - 5)
        yield Wake(5 * SECOND, "bid")


class Second(Maker):
    """Another one that reacts to the very same events."""

    name = "second"


class Whim(Strategy):
    """Does this or that, at a whim that is its own: of one seed and one story it is always the same."""

    hears = (AccountSurveyed, TimerFired, OrderAccepted, OrderFilled, OrderCanceled)

    def __init__(self, name: str, seed: int, symbols: tuple[str, ...] = (BTC,)) -> None:
        self.name, self._symbols = name, symbols
        self.on_failure = "cancel" if seed % 2 else "keep"
        self._random = Random(seed)
        self._placed: list[str] = []

    @property
    def parameters(self) -> dict[str, str]:
        return {"symbols": " ".join(self._symbols)}

    def react(self, record: Record, views: Views) -> Reaction:
        yield Wake(self._random.randrange(1, 4) * SECOND // 2, self._random.choice("xy"))
        for _ in range(self._random.choice((0, 0, 1, 2))):
            yield from self._one(views)

    def _one(self, views: Views) -> Generator[Command, str, None]:
        what, symbol = self._random.randrange(60), self._random.choice(self._symbols)
        book = views.book(symbol, stale=True)
        side: Side = "buy" if self._random.randrange(2) else "sell"
        amount = Decimal(self._random.randrange(1, 200)).scaleb(-2)
        if what < 6 and self._placed:
            yield Cancel(self._random.choice(self._placed))
        elif what < 8:
            yield CancelAll("binance")
        elif what < 12 and self._placed:
            yield Query(self._placed[-1])
        elif what < 20 or not book.best_bid or not book.best_ask:
            yield Submit("binance", symbol, side, amount, order_type="market")
        elif what == 20:
            yield Submit("binance", "NO-SUCH", side, amount, order_type="market")
        else:
            best = book.best_bid if side == "buy" else book.best_ask
            away = Decimal(self._random.randrange(-4, 20)) / 20
            price = best.price - away if side == "buy" else best.price + away
            self._placed.append((yield Submit("binance", symbol, side, amount, price)))


class Doing(Strategy):
    """One that does what a function says."""

    def __init__(
        self,
        name: str,
        react: React,
        *,
        hears: tuple[type[Event], ...] = Strategy.hears,
        on_failure: Kept = "keep",
    ) -> None:
        self.name, self.hears, self.on_failure = name, hears, on_failure
        self._react = react

    def react(self, record: Record, views: Views) -> Reaction:
        return self._react(record, views)


def makers() -> Maker:
    """A factory without arguments."""
    return Maker()


def as_recorded(parameters: dict[str, str]) -> Maker:
    """A factory that is given what the session says."""
    return Maker(**parameters)
