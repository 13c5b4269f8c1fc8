"""Binance spot, Binance US and Binance USD-M futures: market data, and of spot and US the private side.

Three exchanges by one grammar; their differences are data at the end of this page. The facts are
those of Binance's API documentation of July 2026. Futures was only ever replayed, never tried live.
The private side has never met the live exchange: it was tried on its published examples, on messages
that others recorded from their accounts, and on a simulator.

Read, and so in the log: of a delta E T s U u pu b a; of a trade E T s p q m and t or a; of a quote
E T s u b B a A; of a snapshot lastUpdateId T bids asks. Nobody reads: e, and of an aggregate trade f
and l, of a trade b a M X, of a quote ps, of a snapshot E; nor any frame of another stream. What is read
of an account is told in private.py.

messages.py   market messages, and the events that they are
streams.py    those of streams, and how they are read where they are spelled plainly
listing.py    the instrument list
facts.py      an order as Binance names it, and the facts about it
private.py    the user stream
answers.py    answers about orders and an account
codes.py      why it refused
orders.py     what is asked of an account
signing.py    how it is signed
exchange.py   the adapter
sim/          the simulated exchange's skin
"""

from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from tapefold import (
    MINUTE,
    SECOND,
    AccountRules,
    BookRule,
    Channel,
    Description,
    Free,
    Limits,
    Rate,
    Taping,
)
from tapefold_adapters.binance.exchange import Binance

_ALL: tuple[Channel, ...] = ("book", "trades", "aggregate_trades", "quotes")
_DAY: Final = 24 * 60 * MINUTE
_LIMITS = Limits(streams_max=1024, sends=Rate(5, SECOND), dials=Rate(300, 5 * MINUTE))
_SPOT = replace(
    _LIMITS,
    windows={
        "weight": Rate(6000, MINUTE),
        "orders_10s": Rate(50, 10 * SECOND),
        "orders_1d": Rate(160_000, _DAY),
    },
)
_US = replace(
    _LIMITS,
    windows={  # as its instrument list said in 2021; today's are unverified
        "weight": Rate(1200, MINUTE),
        "orders_10s": Rate(100, 10 * SECOND),
        "orders_1d": Rate(200_000, _DAY),
    },
)
_TAPING = Taping(
    volatile=frozenset({"timestamp", "signature", "apiKey"}),
    minted=frozenset({"newClientOrderId", "origClientOrderId"}),
    counted=frozenset({"id"}),
    order_ids=frozenset({"orderId", "clientOrderId", "i", "c", "C"}),
    tokens=frozenset({"listenKey"}),
    account=frozenset({"uid"}),
    headers_sent=frozenset({"x-mbx-apikey"}),
    headers_kept=frozenset(
        {
            "content-type",
            "retry-after",
            "x-mbx-used-weight-1m",
            "x-mbx-order-count-10s",
            "x-mbx-order-count-1d",
        }
    ),
    free=(
        Free("GET /api/v3/openOrders"),
        Free("GET /api/v3/account"),
        Free("PUT /api/v3/userDataStream"),
        Free(r'"method":"ping"', r'"pong":'),
    ),
)
_TENTH: Final = Decimal("0.001")
"""0.1 %: what everybody pays at first."""
_RULES = AccountRules(maker_rate=_TENTH, taker_rate=_TENTH)
_RULES_OF_LISTEN_KEYS = AccountRules(maker_rate=_TENTH, taker_rate=_TENTH, keep_alive=30 * MINUTE)
_REST: Final = "https://api.binance.com/api/v3"
_STREAM: Final = "wss://stream.binance.com:9443"
_TESTNET: Final = {
    "api.binance.com": "testnet.binance.vision",
    "stream.binance.com:9443": "stream.testnet.binance.vision",
    "ws-api.binance.com:443": "ws-api.testnet.binance.vision",
}
_UNTRIED: Final = (
    "everything live: public data was replayed from recordings; the private side has never met the "
    "live exchange"
)


def _spot(rules: AccountRules, untried: str) -> Description:
    return Description(
        exchange="binance",
        hosts=(
            "api.binance.com",
            "www.binance.com",
            "stream.binance.com",
            "data-api.binance.vision",
            "data-stream.binance.vision",
            "ws-api.binance.com",
        ),
        book=BookRule(chain="first"),
        channels=_ALL,
        limits=_SPOT,
        taping=_TAPING,
        example="BTC-USDT",
        account=rules,
        testnet=_TESTNET,
        untried=untried,
    )


def binance() -> Binance:
    """Binance spot; its user stream is the WebSocket API's."""
    return Binance(
        _spot(_RULES, _UNTRIED),
        _REST,
        f"{_STREAM}/stream",
        "wss://ws-api.binance.com:443/ws-api/v3",
    )


def binance_listen_key() -> Binance:
    """Binance spot as it was until February 2026, with listen keys: for sessions of that time."""
    untried = (
        "everything live: it is for sessions of before February 2026, and nothing else answers it"
    )
    return Binance(
        _spot(_RULES_OF_LISTEN_KEYS, untried),
        _REST,
        f"{_STREAM}/stream",
        f"{_STREAM}/ws",
        listen_key=True,
    )


def binance_us() -> Binance:
    """Binance US: spot's grammar at other hosts."""
    return Binance(
        Description(
            exchange="binance_us",
            hosts=(
                "api.binance.us",
                "www.binance.us",
                "stream.binance.us",
                "ws-api.binance.us",
            ),
            book=BookRule(chain="first"),
            channels=_ALL,
            limits=_US,
            taping=_TAPING,
            example="BTC-USD",
            account=_RULES,
            untried=f"{_UNTRIED}, and even its address, weights and fees are unverified",
        ),
        "https://api.binance.us/api/v3",
        "wss://stream.binance.us:9443/stream",
        "wss://ws-api.binance.us:443/ws-api/v3",
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
