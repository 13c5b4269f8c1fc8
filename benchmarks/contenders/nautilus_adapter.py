"""nautilus_trader: the Binance adapter's steps from a message's bytes to an event, for all its forms."""

import msgspec
from nautilus_trader.adapters.binance.common.enums import BinanceAccountType
from nautilus_trader.adapters.binance.common.schemas.market import (
    BinanceDataMsgWrapper,
    BinanceDepth,
    BinanceOrderBookMsg,
    BinanceQuoteMsg,
)
from nautilus_trader.adapters.binance.common.symbol import BinanceSymbol
from nautilus_trader.adapters.binance.futures.schemas.market import BinanceFuturesTradeMsg
from nautilus_trader.adapters.binance.spot.schemas.market import BinanceSpotTradeMsg
from nautilus_trader.model.data import OrderBookDeltas, QuoteTick, TradeTick
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue

VENUE = Venue("BINANCE")
Event = OrderBookDeltas | QuoteTick | TradeTick
_STREAMS = (
    "@bookTicker",
    "@ticker",
    "@kline",
    "@trade",
    "@aggTrade",
    "@depth@",
    "@depth5",
    "@depth10",
    "@depth20",
)
"""Asked of every message, one after another and to the end, as its data client asks them."""


class Adapter:
    """What its data client does with a message, without the client."""

    def __init__(self, market: str) -> None:
        spot = market == "spot"
        self._account = BinanceAccountType.SPOT if spot else BinanceAccountType.USDT_FUTURES
        trade = BinanceSpotTradeMsg if spot else BinanceFuturesTradeMsg
        self._wrapper = msgspec.json.Decoder(BinanceDataMsgWrapper)
        self._ways: dict[str, tuple[msgspec.json.Decoder, str]] = {
            "@bookTicker": (msgspec.json.Decoder(BinanceQuoteMsg), "parse_to_quote_tick"),
            "@trade": (msgspec.json.Decoder(trade), "parse_to_trade_tick"),
            "@depth@": (msgspec.json.Decoder(BinanceOrderBookMsg), "parse_to_order_book_deltas"),
        }
        self._known: dict[str, InstrumentId] = {}

    def instrument(self, symbol: str) -> InstrumentId:
        """Its name for the exchange's."""
        name = BinanceSymbol(symbol).parse_as_nautilus(self._account)
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = InstrumentId(Symbol(name), VENUE)
        return known

    def event(self, frame: bytes, now: int) -> Event | None:
        """None for the answer of REST, which has no stream."""
        stream = self._wrapper.decode(frame).stream
        if not stream:
            return None
        event: Event | None = None
        for name in _STREAMS:
            if name in stream:
                decoder, parse = self._ways[name]
                data = decoder.decode(frame).data
                event = getattr(data, parse)(instrument_id=self.instrument(data.s), ts_init=now)
        return event

    def snapshot(self, frame: bytes, now: int) -> OrderBookDeltas:
        """Of the answer of REST."""
        answer = msgspec.json.decode(frame, type=BinanceDepth)
        return answer.parse_to_order_book_snapshot(self.instrument("ETHUSDT"), now)
