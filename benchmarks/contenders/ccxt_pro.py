"""ccxt.pro: its client's way of taking a text in, and its exchange's way of handling it."""

import asyncio
import json

from ccxt.async_support.base.ws.client import Client
from ccxt.pro import binance, binanceusdm
from common import Contender, Form, Run, Session, Tops, main

_URLS = {"spot": "wss://stream.binance.com:9443/stream", "usdm": "wss://fstream.binance.com/ws/0"}
_SYMBOLS = {"spot": "ETH/USDT", "usdm": "ETH/USDT:USDT"}
_FILTERS = [
    {"filterType": "PRICE_FILTER", "tickSize": "0.01", "minPrice": "0.01", "maxPrice": "1000000"},
    {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "10000"},
]
_LISTED = {
    "symbol": "ETHUSDT",
    "status": "TRADING",
    "baseAsset": "ETH",
    "quoteAsset": "USDT",
    "filters": _FILTERS,
}
_PERPETUAL = {"contractType": "PERPETUAL", "marginAsset": "USDT", "deliveryDate": 4133404800000}


def _exchange(session: Session) -> binance:
    """One that knows its market, and whose one question over HTTP the session answers."""
    usdm = session.market == "usdm"
    ours = binanceusdm() if usdm else binance()
    ours.options["crossMarginPairsData"] = ours.options["isolatedMarginPairsData"] = []
    ours.set_markets([ours.parse_market(_LISTED | (_PERPETUAL if usdm else {}))])

    async def depth(*_arguments: object) -> object:
        return json.loads(session.frames[session.snapshot])

    ours.publicGetDepth = ours.fapiPublicGetDepth = depth
    return ours


def _handled(session: Session) -> Run:
    texts = [frame.decode() for frame in session.frames]
    symbol = _SYMBOLS[session.market]
    subscription = {
        "symbol": symbol,
        "type": "linear" if session.market == "usdm" else "spot",
        "limit": 1000,
        "params": {},
    }

    runner = asyncio.Runner()

    async def ready() -> tuple[binance, Client]:
        ours = _exchange(session)
        ours.orderbooks[symbol] = ours.order_book({}, 1000)
        return ours, Client(_URLS[session.market], ours.handle_message, print, print, print)

    ours, client = runner.run(ready())

    async def handle(tops: Tops | None) -> None:
        take, book = client.handle_text_or_binary_message, ours.orderbooks[symbol]
        live = False
        for place, text in enumerate(texts):
            if place == session.snapshot:
                await ours.fetch_order_book_snapshot(client, None, subscription)
                live = True
            else:
                take(text)
            if live:
                bid, ask = book["bids"][0], book["asks"][0]
                if tops:
                    tops.floats(*bid, *ask)
            elif tops:
                tops.none()
        if ours.orderbooks.get(symbol) is not book:
            raise SystemExit("ccxt.pro dropped its book on the way")

    def run(tops: Tops | None) -> None:
        runner.run(handle(tops))

    return run


main(
    Contender(
        "ccxt.pro",
        "ccxt",
        "import ccxt.pro",
        {
            "a": Form(
                _handled,
                "Floats; every trade and ticker becomes a dictionary of all that it unifies; with orjson, "
                "which it takes where it is installed; its book is not cut to 1000 levels here; no log.",
            )
        },
    )
)
