"""Binance spot, Binance US and Binance USD-M futures: public market data.

Three exchanges by one grammar; their differences are data at the end of this page. The facts are
those of Binance's API documentation of July 2026. Futures was only ever replayed, never tried live.

Read, and so in the log: of a delta E T s U u pu b a; of a trade E T s p q m and t or a; of a quote
E T s u b B a A; of a snapshot lastUpdateId T bids asks. Nobody reads: e, and of an aggregate trade f
and l, of a trade b a M X, of a quote ps, of a snapshot E; nor any frame of another stream.

messages.py   market messages, and the events that they are
listing.py    the instrument list
exchange.py   the adapter
sim.py        the simulated exchange's skin
"""

from tapefold import BookRule, Channel, Description
from tapefold_adapters.binance.exchange import Binance

_ALL: tuple[Channel, ...] = ("book", "trades", "aggregate_trades", "quotes")


def binance() -> Binance:
    """Binance spot."""
    return Binance(
        Description(
            exchange="binance",
            hosts=(
                "api.binance.com",
                "www.binance.com",
                "stream.binance.com",
                "data-api.binance.vision",
                "data-stream.binance.vision",
            ),
            book=BookRule(chain="first"),
            channels=_ALL,
            example="BTC-USDT",
            untried="everything live: it was replayed from recordings",
        ),
        "https://api.binance.com/api/v3",
        "wss://stream.binance.com:9443/stream",
    )


def binance_us() -> Binance:
    """Binance US: spot's grammar at other hosts."""
    return Binance(
        Description(
            exchange="binance_us",
            hosts=("api.binance.us", "www.binance.us", "stream.binance.us"),
            book=BookRule(chain="first"),
            channels=_ALL,
            example="BTC-USD",
            untried="everything live: it was replayed from recordings",
        ),
        "https://api.binance.us/api/v3",
        "wss://stream.binance.us:9443/stream",
    )


def binance_futures() -> Binance:
    """Binance USD-M futures: a delta names the one before it."""
    return Binance(
        Description(
            exchange="binance_futures",
            hosts=("fapi.binance.com", "fstream.binance.com"),
            book=BookRule(chain="previous"),
            channels=_ALL,
            example="BTC-USDT",
            untried="live use, which is unverified: it is for replay",
        ),
        "https://fapi.binance.com/fapi/v1",
        "wss://fstream.binance.com/stream",
    )
