"""What the tests of time travel share: a book, a trade, and an account with an order that trades."""

from order_facts import INSTRUMENT, X, dec, fill, said, submitted, watched

from tapefold.core import pack
from tapefold.events import (
    AnyEvent,
    BalanceSnapshot,
    BookDelta,
    BookInvalidated,
    BookSnapshot,
    InstrumentListed,
    Trade,
)
from tapefold.kernel.core import Core
from tapefold.log import open_log
from tapefold.views import Views

LISTED = InstrumentListed(
    instrument=INSTRUMENT,
    exchange=X,
    symbol="ETH-USDT",
    native_symbol="ETHUSDT",
    price_digits=2,
    size_digits=4,
    base="ETH",
    quote="USDT",
)
BOOK = BookSnapshot(
    instrument=INSTRUMENT,
    time_exchange=0,
    sequence=1,
    packed_bids=pack([10_900, 10_890], [10_000, 5]),
    packed_asks=pack([11_100], [20_000]),
)
SOLD = Trade(
    instrument=INSTRUMENT,
    time_exchange=7,
    published_after=0,
    trade_id="t",
    price=10_950,
    size=2500,
    taker="sell",
)
GONE = BookInvalidated(instrument=INSTRUMENT, reason="gap")
HOLDS = BalanceSnapshot(exchange=X, totals=(("ETH", dec(2)), ("USDT", dec(1000))))


def delta(*bids: tuple[int, int]) -> BookDelta:
    """Prices and sizes in the scale of `LISTED`."""
    prices, sizes = [price for price, _ in bids], [size for _, size in bids]
    return BookDelta(
        instrument=INSTRUMENT,
        time_exchange=0,
        published_after=0,
        first=2,
        previous=1,
        sequence=2,
        packed_bids=pack(prices, sizes),
        packed_asks=pack([], []),
    )


def account() -> list[AnyEvent]:
    """Events with what follows from them: an order, and a part of it filled."""
    log, views = open_log(), Views()
    core = Core(log, views)
    for fact in (
        LISTED,
        BOOK,
        watched(),
        HOLDS,
        submitted(),
        said("open"),
        fill("T1", "0.4"),
        SOLD,
    ):
        core.append(0, fact)
        core.conclude(0)
    log.commit()
    return [record.event for record in log.read()]
