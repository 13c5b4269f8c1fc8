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

from tapefold import MINUTE, SECOND, BookRule, Channel, Description, Free, Limits, Rate, Taping
from tapefold_adapters.binance.exchange import Binance

_ALL: tuple[Channel, ...] = ("book", "trades", "aggregate_trades", "quotes")
_LIMITS = Limits(streams_max=1024, sends=Rate(5, SECOND), dials=Rate(300, 5 * MINUTE))
_TAPING = Taping(
    volatile=frozenset({"timestamp", "signature"}),
    minted=frozenset({"newClientOrderId", "origClientOrderId"}),
    counted=frozenset({"id"}),
    order_ids=frozenset({"orderId", "clientOrderId"}),
    tokens=frozenset({"listenKey"}),
    account=frozenset({"uid"}),
    headers_sent=frozenset({"x-mbx-apikey"}),
    headers_kept=frozenset({"content-type", "retry-after", "x-mbx-used-weight-1m"}),
    free=(
        Free("GET /api/v3/openOrders"),
        Free("PUT /api/v3/userDataStream"),
        Free(r'"method":"ping"', r'"pong":'),
    ),
)


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
            limits=_LIMITS,
            taping=_TAPING,
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
            limits=_LIMITS,
            taping=_TAPING,
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
            limits=_LIMITS,
            taping=_TAPING,
            example="BTC-USDT",
            untried="live use, which is unverified: it is for replay",
        ),
        "https://fapi.binance.com/fapi/v1",
        "wss://fstream.binance.com/stream",
    )
