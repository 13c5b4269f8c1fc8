"""Engines with keys, recorded: what tests of private sessions have in common."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import trio
from msgspec.structs import replace

from tapefold import Cancel, Engine, Request, Submit, WatchAccount, open_engine
from tapefold.folds.rules import floor_price
from tapefold.sim import FUNDED, Answer, Story
from tapefold.testing import (
    Manner,
    Side,
    VirtualExchange,
    as_it_is,
    framed,
    honest,
    open_virtual,
)
from tapefold.wire import Outside

Twist = Callable[[Request, Answer], Awaitable[Answer]]
PAIR = "BTC-USDT"
KEY = "kqV8mJ4pXz7RtY2nWc5BhG9sLd3Fa6UeTo1Ei0Ru"
SECRET = "Sx3Qp9Zr7Tv1Wm5Kc8Jn2Hb6Gf4Dy0LaMe9Ni2Po"


def story_of(key: str = KEY, secret: str = SECRET, exchange: str = "binance") -> Story:
    """A funded account with these keys."""
    holder = replace(FUNDED.accounts[0], key=key, secret=secret)
    return replace(FUNDED, exchange=exchange, accounts=(holder,))


class Overheard(httpx.AsyncBaseTransport):
    """A transport that notes what signing added to each request."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.signatures: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.signatures += parse_qs(urlsplit(str(request.url)).query).get("signature", [])
        return await self._inner.handle_async_request(request)


def overheard(outside: Outside) -> tuple[Outside, Overheard]:
    """The same world, and who listens at its door."""
    listener = Overheard(outside.transport)
    return outside._replace(transport=listener), listener


@asynccontextmanager
async def recording(
    folder: Path, *plan: Manner, twist: Twist = as_it_is, **more: Any
) -> AsyncGenerator[tuple[VirtualExchange, Engine, Overheard]]:
    """A funded account, watched and surveyed, and a live book, recorded into *folder*."""
    async with open_virtual(story_of(), plan=plan, twist=twist) as exchange:
        outside, listener = overheard(exchange.outside)
        live = exchange.live()._replace(outside=outside)
        async with open_engine(live, record=folder, **more) as engine:
            engine.subscribe("binance", PAIR)
            engine.command(WatchAccount("binance"))
            await engine.until(lambda views: views.ready("binance") and views.book(PAIR).live)
            yield exchange, engine, listener


def on_private(manner: Manner) -> Manner:
    """That manner where the private stream is, honest elsewhere: it is open which is dialled first."""

    async def either(side: Side) -> None:
        await (manner if "ws-api" in side.url else honest)(side)

    return either


def saying(*texts: bytes) -> Manner:
    """A private stream that also says these things, half a minute after it was opened."""

    async def manner(side: Side) -> None:
        await side.handshake()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(side.talk)
            nursery.start_soon(say, side)
            await side.listen()
            nursery.cancel_scope.cancel()

    async def say(side: Side) -> None:
        await trio.sleep(30)
        for text in texts:
            await side.say(framed(text))

    return on_private(manner)


def bid(engine: Engine, below: int = 0) -> Decimal:
    """The best bid's price, so many ticks below it."""
    best = engine.views.book(PAIR).best_bid
    assert best is not None
    row = engine.views.book(PAIR).instrument
    return floor_price(row, best.price) - below * row.tick


async def trade(engine: Engine) -> tuple[str, str]:
    """An order that rests and is canceled, and one that is filled."""
    resting = engine.submit(
        Submit("binance", PAIR, "buy", Decimal("0.01"), bid(engine, below=2000))
    )
    bought = engine.submit(Submit("binance", PAIR, "buy", Decimal("0.01"), order_type="market"))
    await engine.settled(bought)
    await engine.until(lambda views: status(engine, resting) == "open")
    engine.command(Cancel(resting))
    await engine.settled(resting)
    return resting, bought


def status(engine: Engine, name: str) -> str:
    """Of an order of ours."""
    order = engine.views.orders.find(name)
    assert order is not None
    return order.status


def everything(folder: Path) -> bytes:
    """All bytes of a session's folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
