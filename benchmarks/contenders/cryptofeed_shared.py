"""What both ways of cryptofeed share: its feed, and the session in the words that it knows."""

import json

from common import Session, Tops
from cryptofeed.defines import L2_BOOK, TICKER, TRADES
from cryptofeed.exchanges import Binance, BinanceFutures
from cryptofeed.symbols import Symbols
from cryptofeed.types import OrderBook

RENAMED = (
    "single trades are handed to it as the aggregated trades that it knows instead, and deltas that came "
    "before the snapshot together with the snapshot, because it asks for one at the first delta"
)


class Listener:
    """What a user of a feed writes: a callback, which reads the best bid and ask of the last book."""

    def __init__(self, tops: Tops | None) -> None:
        self.book: OrderBook | None = None
        self._tops = tops

    async def on_book(self, book: OrderBook, _received: float) -> None:
        """A snapshot, or a delta applied."""
        self.book = book

    async def on_other(self, _value: object, _received: float) -> None:
        """A ticker or a trade."""

    def top(self) -> None:
        """Read, and told where it is checked."""
        book, tops = self.book, self._tops
        if book is None:
            if tops:
                tops.none()
            return
        bid, ask = book.book.bids.index(0), book.book.asks.index(0)
        if tops:
            tops.decimals(*bid, *ask)


def feed(session: Session, listener: Listener) -> Binance | BinanceFutures:
    """A feed of everything that the session has of its instrument."""
    futures = session.market == "usdm"
    kind = BinanceFutures if futures else Binance
    name = "ETH-USDT-PERP" if futures else "ETH-USDT"
    Symbols.set(kind.id, {name: "ETHUSDT"}, {"tick_size": {name: "0.01"}, "instrument_type": {}})
    heard = listener.on_other
    return kind(
        symbols=[name],
        channels=[L2_BOOK, TICKER, TRADES],
        callbacks={L2_BOOK: listener.on_book, TICKER: heard, TRADES: heard},
        depth_interval=None if futures else "100ms",
    )


def messages(session: Session) -> list[list[str]]:
    """For each frame what the feed hears: nothing, one message, or at the snapshot all that was held."""
    heard = [[_known(frame)] for frame in session.frames]
    heard[session.snapshot] = [heard[place][0] for place in session.held]
    for place in session.held:
        heard[place] = []
    return heard


def _known(frame: bytes) -> str:
    if b"@trade" not in frame[:40]:
        return frame.decode()
    message = json.loads(frame)
    data = message["data"] | {"e": "aggTrade", "a": message["data"]["t"]}
    renamed = {"stream": message["stream"].replace("@trade", "@aggTrade"), "data": data}
    return json.dumps(renamed, separators=(",", ":"))
