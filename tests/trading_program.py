"""A trading program, as somebody would write it, for tests to kill: it does what its input says.

    python trading_program.py LOG PORT [--pace 5] [--on-exit cancel] ...

It opens an engine on a log against a Binance that is served on this machine, and says in lines of
JSON what it does and what it knows. Each line of its input is a thing to do: `trade` (a small story),
`rest` (one order that rests), `until full` (orders until the log takes no more), `settle` (wait until
nothing is in doubt), `leave`; so is the input's end.
"""

import json
import resource
import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import trio

from tapefold import (
    SECOND,
    AccountSurveyed,
    Cancel,
    Engine,
    Live,
    Nanos,
    Order,
    Reaction,
    Record,
    Strategy,
    Submit,
    TapefoldError,
    Views,
    WatchAccount,
    open_engine,
)
from tapefold.wire import Endpoints, live

EXCHANGE: Final = "binance"
BTC, ETH = "BTC-USDT", "ETH-USDT"
EPOCH: Final = 1_767_614_400 * SECOND


class Hurried:
    """A clock that runs *pace* times as fast, and shows the same in every process of this machine.

    So what an exchange and a program grant each other in tens of seconds takes a few.
    """

    def __init__(self, pace: int) -> None:
        self._pace = pace

    def now(self) -> Nanos:
        """Now."""
        return EPOCH + time.monotonic_ns() * self._pace

    def stamp(self, lane: str) -> Nanos:
        """What was just read came just now."""
        return self.now()

    async def sleep_until(self, due: Nanos) -> None:
        """Come back when it is *due*: a microsecond later, since two clocks are not rounded alike."""
        await trio.sleep(max(0, due - self.now()) / SECOND / self._pace + 1e-6)


class Bid(Strategy):
    """Bids once, far below the market."""

    name = "bid"

    def __init__(self) -> None:
        self.on_exit = "cancel"

    def react(self, record: Record, views: Views) -> Reaction:
        """A bid after the first survey."""
        if isinstance(record.event, AccountSurveyed) and not self.orders(views):
            yield buy("0.01", "59000")


def buy(amount: str, price: str | None = None) -> Submit:
    """A bid for bitcoin, or what is bought of it at the market."""
    if price is None:
        worst = Decimal(70_000)
        return Submit(EXCHANGE, BTC, "buy", Decimal(amount), order_type="market", worst=worst)
    return Submit(EXCHANGE, BTC, "buy", Decimal(amount), Decimal(price))


def say(what: str, **more: Any) -> None:
    """A line, whole and at once."""
    sys.stdout.write(json.dumps({"said": what} | more) + "\n")
    sys.stdout.flush()


def facts(order: Order) -> list[str]:
    """What is known of an order: its status, what of it is in doubt, what of it was executed."""
    return [order.status, order.doubt, str(order.executed), order.cancel]


def known(views: Views) -> dict[str, Any]:
    """Orders by client order id, and balances by asset: all, and what is free."""
    balances = views.balances
    return {
        "orders": {name: facts(order) for name, order in views.orders.ours.items()},
        "balances": {
            asset: [
                str(balances.total(EXCHANGE, asset)),
                str(balances.available(EXCHANGE, asset)),
            ]
            for asset in balances.assets(EXCHANGE)
        },
    }


def settled(views: Views) -> bool:
    """Whether everything is known of every order."""
    live = views.orders.live()
    return views.ready(EXCHANGE) and all(
        (order.status, order.doubt, order.due) == ("open", "", "") for order in live
    )


def answered(order: Order) -> Callable[[Views], bool]:
    """Whether the exchange has said something of an order, or we refused it ourselves."""
    return lambda views: order.status != "submitted"


async def ended(engine: Engine, name: str) -> None:
    """Wait for an order's end, and say it."""
    order = await engine.settled(name)
    say("ended", id=name, is_=facts(order))


async def rest(engine: Engine) -> str:
    """An order that rests."""
    name = engine.submit(buy("0.01", "60000"))
    say("submitted", id=name)
    order = engine.views.orders.ours[name]
    await engine.until(answered(order))
    say(order.status, id=name)
    return name


async def trade(engine: Engine) -> None:
    """Orders that rest, that take, and one that is canceled."""
    ask = Submit(EXCHANGE, ETH, "sell", Decimal("0.5"), Decimal(4000))
    asked, took = engine.submit(ask), engine.submit(buy("0.002"))
    say("submitted", id=took)
    resting = await rest(engine)
    await ended(engine, took)
    engine.command(Cancel(resting))
    say("canceling", id=resting)
    sold = engine.submit(
        Submit(EXCHANGE, BTC, "sell", Decimal("0.001"), order_type="market", by="caller")
    )
    await ended(engine, resting)
    await ended(engine, sold)
    await engine.until(answered(engine.views.orders.ours[asked]))
    say("traded")


async def settle(engine: Engine) -> None:
    """Wait until nothing is in doubt, and say what is known."""
    await engine.until(settled)
    say("settled", **known(engine.views))


async def until_full(engine: Engine) -> None:
    """Submit until the log takes no more. Raises `LogFull`."""
    while True:
        name = engine.submit(buy("0.001", "50000"))
        order = engine.views.orders.ours[name]
        await engine.until(answered(order))
        if order.ended:
            say("refused", id=name, durable=engine.log.durable)


DOES: Final[dict[str, Callable[[Engine], Awaitable[Any]]]] = {
    "trade": trade,
    "rest": rest,
    "settle": settle,
    "until full": until_full,
}


async def obey(engine: Engine) -> None:
    """Do what the input says, line by line."""
    engine.subscribe(EXCHANGE, BTC, ETH)
    engine.command(WatchAccount(EXCHANGE))
    await engine.until(lambda views: views.ready(EXCHANGE) and bool(views.instruments.find(ETH)))
    say("ready", head=engine.log.head, **known(engine.views))
    while True:
        line = await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
        if line.strip() not in DOES:
            return
        await DOES[line.strip()](engine)


async def main(given: Namespace) -> None:
    """Open an engine, and do as the input says."""
    address = f"127.0.0.1:{given.port}"
    source = Live(
        (EXCHANGE,),
        endpoints={EXCHANGE: Endpoints(f"ws://{address}", f"http://{address}")},
        run_id=given.run_id,
        keys={EXCHANGE: {"key": "simulatedkey", "secret": "simulatedsecret"}},
        outside=live()._replace(clock=Hurried(given.pace)),
    )
    strategies = [Bid()] if given.bid else []
    async with open_engine(
        source, log=given.log, on_exit=given.on_exit, strategies=strategies
    ) as engine:
        say("opened", head=engine.log.head, **known(engine.views))
        await obey(engine)


async def heeding(given: Namespace) -> None:
    """`main` until a SIGTERM, which ends it in order."""
    async with trio.open_nursery() as nursery:

        async def whole() -> None:
            await main(given)
            nursery.cancel_scope.cancel()

        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            nursery.start_soon(whole)
            await anext(signals)
            nursery.cancel_scope.cancel()


def mortal(size: int) -> None:
    """Be killed by the system in the middle of the write that makes any file longer than *size* bytes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def arguments() -> Namespace:
    """What it was started with."""
    parser = ArgumentParser()
    parser.add_argument("log", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--pace", type=int, default=1)
    parser.add_argument("--run-id", default="")
    parser.add_argument("--on-exit", default="keep")
    parser.add_argument("--bid", action="store_true")
    parser.add_argument("--heed-term", action="store_true")
    parser.add_argument("--size-max", type=int, default=0)
    return parser.parse_args()


def run(given: Namespace) -> int:
    """The exit code."""
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # also where it was started with `nohup`
    if given.size_max:
        mortal(given.size_max)
    try:
        trio.run(heeding if given.heed_term else main, given)
    except TapefoldError as error:
        say("failed", error=type(error).__name__, line=str(error))
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    say("left")
    return 0


if __name__ == "__main__":
    sys.exit(run(arguments()))
