"""nautilus_trader: its Binance adapter into its book; its catalog read back; its backtest engine."""

import shutil
import warnings
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from common import Contender, Form, Run, Session, Tops, main, prepared
from nautilus_adapter import VENUE, Adapter, Event
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.common.actor import Actor
from nautilus_trader.common.component import LiveClock
from nautilus_trader.config import DataEngineConfig, LoggingConfig
from nautilus_trader.core.nautilus_pyo3 import DataBackendSession, drop_cvec_pycapsule
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.currencies import ETH, USDT
from nautilus_trader.model.data import (
    OrderBookDelta,
    OrderBookDeltas,
    QuoteTick,
    TradeTick,
    capsule_to_list,
)
from nautilus_trader.model.enums import AccountType, BookType, OmsType, RecordFlag
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.catalog import ParquetDataCatalog

warnings.simplefilter("ignore")  # of the pandas that it calls, about the pandas to come
_LAST = RecordFlag.F_LAST.value
_KINDS = (OrderBookDelta, QuoteTick, TradeTick)
_DIGITS = {"spot": (8, 8), "usdm": (2, 3)}


def _top(book: OrderBook | None, tops: Tops | None) -> None:
    if book is None:
        if tops:
            tops.none()
        return
    bid, bid_size = book.best_bid_price(), book.best_bid_size()
    ask, ask_size = book.best_ask_price(), book.best_ask_size()
    if tops and bid is None:
        tops.none()
    elif tops:
        tops.decimals(*(each.as_decimal() for each in (bid, bid_size, ask, ask_size)))


def _adapter(session: Session) -> Run:
    adapter = Adapter(session.market)
    clock = LiveClock().timestamp_ns

    def run(tops: Tops | None) -> None:
        book = OrderBook(adapter.instrument("ETHUSDT"), BookType.L2_MBP)
        held: list[OrderBookDeltas] | None = []
        for frame in session.frames:
            event = adapter.event(frame, clock())
            if event is None:
                snapshot = adapter.snapshot(frame, clock())
                book.apply_deltas(snapshot)
                for deltas in held or ():
                    if deltas.sequence > snapshot.sequence:
                        book.apply_deltas(deltas)
                held = None
            elif isinstance(event, OrderBookDeltas):
                if held is None:
                    book.apply_deltas(event)
                else:
                    held.append(event)
            _top(book, tops)

    return run


def _events(session: Session) -> Iterator[Event]:
    """What its client would hand on; at the snapshot all in one, so that there is one top a frame."""
    adapter, last = Adapter(session.market), 0
    held: list[OrderBookDeltas] | None = []
    for frame, stamp in zip(session.frames, session.stamps, strict=True):
        last = max(last + 1, stamp)
        event = adapter.event(frame, last)
        if event is None:
            snapshot = adapter.snapshot(frame, last)
            rows = [*snapshot.deltas]
            for deltas in held or ():
                if deltas.sequence > snapshot.sequence:
                    rows += [_at(row, last, 0) for row in deltas.deltas]
            rows[-1] = _at(rows[-1], last, _LAST)
            yield OrderBookDeltas(snapshot.instrument_id, rows)
            held = None
        elif held is not None and isinstance(event, OrderBookDeltas):
            held.append(event)
        else:
            yield event


def _at(row: OrderBookDelta, stamp: int, flags: int) -> OrderBookDelta:
    return OrderBookDelta(
        row.instrument_id, row.action, row.order, flags, row.sequence, row.ts_event, stamp
    )


def _stored(session: Session) -> Path:
    """A catalog of all events of the session, compressed as it does it."""

    def make(path: Path) -> None:
        flat: list[OrderBookDelta | QuoteTick | TradeTick] = []
        for event in _events(session):
            flat += event.deltas if isinstance(event, OrderBookDeltas) else [event]
        part = path.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)  # of a pass that was ended
        part.mkdir(parents=True)
        ParquetDataCatalog(str(part)).write_data(flat)
        part.rename(path)

    return prepared("nautilus", session, make)


def _chunks(path: Path) -> Iterator[list[OrderBookDelta | QuoteTick | TradeTick]]:
    """All events in order of time, by its backend in Rust, as its own streaming reads them."""
    catalog = ParquetDataCatalog(str(path))
    stream = DataBackendSession(chunk_size=10_000)
    for kind in _KINDS:
        stream = catalog.backend_session(data_cls=kind, session=stream)
    for capsule in stream.to_query_result():
        events = capsule_to_list(capsule)
        drop_cvec_pycapsule(capsule)
        yield events


def _catalog(session: Session) -> Run:
    path = _stored(session)
    instrument = Adapter(session.market).instrument("ETHUSDT")

    def run(tops: Tops | None) -> None:
        for _ in session.held:
            _top(None, tops)
        book = OrderBook(instrument, BookType.L2_MBP)
        for events in _chunks(path):
            for event in events:
                if isinstance(event, OrderBookDelta):
                    book.apply_delta(event)
                    if event.flags & _LAST:
                        _top(book, tops)
                else:
                    _top(book, tops)

    return run


class _Reader(Actor):
    """Reads the best bid and ask of the engine's own book at every event."""

    def __init__(self, instrument: InstrumentId, tops: Tops | None) -> None:
        super().__init__()
        self.instrument = instrument
        self.tops = tops

    def on_start(self) -> None:
        self.subscribe_order_book_deltas(self.instrument, BookType.L2_MBP)
        self.subscribe_quote_ticks(self.instrument)
        self.subscribe_trade_ticks(self.instrument)

    def on_order_book_deltas(self, deltas: OrderBookDeltas) -> None:
        _top(self.cache.order_book(self.instrument), self.tops)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        _top(self.cache.order_book(self.instrument), self.tops)

    def on_trade_tick(self, tick: TradeTick) -> None:
        _top(self.cache.order_book(self.instrument), self.tops)


def _instrument(market: str) -> CurrencyPair:
    instrument = Adapter(market).instrument("ETHUSDT")
    price, size = _DIGITS[market]
    return CurrencyPair(
        instrument_id=instrument,
        raw_symbol=instrument.symbol,
        base_currency=ETH,
        quote_currency=USDT,
        price_precision=price,
        size_precision=size,
        price_increment=Price(10**-price, price),
        size_increment=Quantity(10**-size, size),
        ts_event=0,
        ts_init=0,
        margin_init=Decimal(1),
        margin_maint=Decimal(1),
        maker_fee=Decimal(0),
        taker_fee=Decimal(0),
    )


def _engine(session: Session) -> Run:
    path = _stored(session)
    instrument = _instrument(session.market)

    def run(tops: Tops | None) -> None:
        for _ in session.held:
            _top(None, tops)
        config = BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True),
            data_engine=DataEngineConfig(buffer_deltas=True),
        )
        engine = BacktestEngine(config)
        money = [Money(1_000_000, USDT)]
        engine.add_venue(
            VENUE, OmsType.NETTING, AccountType.MARGIN, money, book_type=BookType.L2_MBP
        )
        engine.add_instrument(instrument)
        engine.add_actor(_Reader(instrument.id, tops))
        for events in _chunks(path):
            engine.add_data(events, validate=False, sort=True)
            engine.run(streaming=True)
            engine.clear_data()
        engine.end()

    return run


main(
    Contender(
        "nautilus_trader",
        "nautilus_trader",
        "import nautilus_trader.adapters.binance; import nautilus_trader.model.book",
        {
            "a": Form(
                _adapter,
                "Typed events and its book with fixed-point prices; without its engine, cache and bus, "
                "so no log and no check for gaps.",
            ),
            "b-catalog": Form(
                _catalog,
                "Its Parquet catalog, scanned in Rust and merged by time, "
                "each delta handed to Python and applied.",
            ),
            "b-engine": Form(
                _engine,
                "Its backtest engine streaming from the catalog to an actor, one call a frame: "
                "a matching engine, a cache and a bus besides, which is more than a fold.",
            ),
        },
    )
)
