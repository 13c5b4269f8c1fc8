"""cryptofeed: its replay of a recorded session through the whole feed, as fast as it goes."""

import json

from common import Contender, Form, Run, Session, Tops, main
from cryptofeed.capture import Capture, HTTPSession, WSSession, playback
from cryptofeed.connection import AsyncConnection
from cryptofeed.exchanges import Binance, BinanceFutures
from cryptofeed_shared import RENAMED, Listener, feed, messages

_LISTED = {
    "symbol": "ETHUSDT",
    "status": "TRADING",
    "baseAsset": "ETH",
    "quoteAsset": "USDT",
    "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.01"}],
}


class _ReadingTops(Listener):
    """Reads the top in every callback, of which there is one a frame."""

    async def on_book(self, book: object, received: float) -> None:
        await super().on_book(book, received)
        self.top()

    async def on_other(self, value: object, received: float) -> None:
        await super().on_other(value, received)
        self.top()


def _one_address(ours: Binance | BinanceFutures) -> None:
    """As it was recorded: for futures it would open two connections, and take turns between them."""
    names = "ethusdt@bookTicker/ethusdt@depth/ethusdt@aggTrade"
    address = f"{ours.address}/stream?streams={names}"
    ours._address = lambda: address  # the only way to say so


def _capture(session: Session, heard: list[list[str]], ours: Binance | BinanceFutures) -> Capture:
    """The session as its recorder would have it: one connection, and what was answered over HTTP."""
    connection = ours.connect()[0][0]
    last = 0
    inbound: list[tuple[int, str, str]] = []
    for texts, stamp in zip(heard, session.stamps, strict=True):
        for text in texts:
            last = max(last + 1, stamp)
            inbound.append((last, "in", text))
    stream = WSSession(
        connection.id,
        ours.id,
        connection.address,
        connection.subscription,
        1,
        40000,
        session.stamps[0],
    )
    stream.messages = inbound
    listed = _LISTED | ({"contractType": "PERPETUAL"} if session.market == "usdm" else {})
    endpoint = ours.rest_endpoints[0]
    asked = [
        (endpoint.route("instruments"), json.dumps({"symbols": [listed]})),
        (ours._snapshot_url("ETHUSDT"), session.frames[session.snapshot].decode()),
    ]
    http = HTTPSession(f"{ours.id}.http.0", ours.id, 40001, session.stamps[0])
    http.requests = [(session.stamps[0], "GET", url, body, None) for url, body in asked]
    return Capture([stream], [http])


def _counted(ours: Binance | BinanceFutures, heard: list[list[str]], listener: Listener) -> None:
    """To check: a top after each frame, though some frames are several messages, and some are none."""
    last = [place for place, texts in enumerate(heard) for _ in texts]
    follow = [after - before for before, after in zip(last, [*last[1:], len(heard)], strict=True)]
    for _ in range(last[0]):
        listener.top()
    handle, counts = ours.message_handler, iter(follow)

    async def handled(message: str, connection: AsyncConnection, received: float) -> None:
        await handle(message, connection, received)
        for _ in range(next(counts)):
            listener.top()

    ours.message_handler = handled


def _playback(session: Session) -> Run:
    heard = messages(session)
    example = feed(session, Listener(None))
    _one_address(example)
    capture = _capture(session, heard, example)

    def run(tops: Tops | None) -> None:
        listener = Listener(tops) if tops else _ReadingTops(None)
        ours = feed(session, listener)
        _one_address(ours)
        if tops:
            _counted(ours, heard, listener)
        result = playback(capture, feed=ours, on_error="raise")
        if result.messages_processed != sum(len(texts) for texts in heard):
            raise SystemExit(
                f"cryptofeed played {result.messages_processed} messages back, not all"
            )

    return run


main(
    Contender(
        "cryptofeed capture.playback",
        "cryptofeed",
        "from cryptofeed.capture import playback; from cryptofeed.exchanges import Binance",
        {
            "a": Form(
                _playback,
                "Typed events with Decimals through its connections and its task group; keeps no log; "
                "the capture is in memory, not read from its file.",
                why=RENAMED,
            )
        },
    )
)
