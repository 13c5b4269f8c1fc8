"""Runs of an engine at a virtual exchange, on logs that outlive them: what several tests have in common."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal

import trio

from tapefold import Engine, Submit, WatchAccount, open_engine
from tapefold.log import Log
from tapefold.log.store import Rows
from tapefold.sim.orders import Order
from tapefold.testing import VirtualExchange
from tapefold_adapters.binance.sim import BinanceSim

PAIR = "BTC-USDT"


@asynccontextmanager
async def a_run(exchange: VirtualExchange, rows: Rows, pair: str = PAIR) -> AsyncGenerator[Engine]:
    """An engine on a log that may have had others, its account surveyed and a book live."""
    live = exchange.live()
    async with open_engine(live, log=Log(rows)) as engine:
        engine.subscribe("binance", pair)
        engine.command(WatchAccount("binance"))
        await engine.until(lambda views: views.book(pair).live and views.ready("binance"))
        yield engine


def buy(amount: str, price: str | None) -> Submit:
    if price is None:
        return Submit("binance", PAIR, "buy", Decimal(amount), order_type="market")
    return Submit("binance", PAIR, "buy", Decimal(amount), Decimal(price))


def simulated(exchange: VirtualExchange) -> BinanceSim:
    assert isinstance(exchange.sim, BinanceSim)
    return exchange.sim


def made(exchange: VirtualExchange, name: str) -> Order:
    """An order as the exchange has it."""
    venue = simulated(exchange).venue
    order = venue.order(venue.named("simulatedkey", name))
    assert order is not None
    return order


async def filled(exchange: VirtualExchange, name: str) -> None:
    """Virtual time, until the market has taken it."""
    for _ in range(600):
        if made(exchange, name).state == "filled":
            return
        await trio.sleep(1)
    raise AssertionError("the market did not come to it")
