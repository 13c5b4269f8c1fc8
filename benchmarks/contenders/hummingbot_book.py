"""hummingbot: its Binance messages into its book, by the steps of its tracker."""

import json
import time
from collections import deque

from common import Contender, Form, Run, Session, Tops, main
from hummingbot.connector.exchange.binance.binance_order_book import BinanceOrderBook
from hummingbot.core.data_type.common import TradeType
from hummingbot.core.data_type.order_book_message import OrderBookMessage
from hummingbot.core.event.events import OrderBookTradeEvent

_PAIR = {"trading_pair": "ETH-USDT"}
_SELL = float(TradeType.SELL.value)
_WINDOW = 32
"""Diffs that its tracker remembers, for a snapshot to come."""


def _traded(book: BinanceOrderBook, message: OrderBookMessage) -> None:
    content = message.content
    sell = content["trade_type"] == _SELL
    event = OrderBookTradeEvent(
        trading_pair=message.trading_pair,
        timestamp=message.timestamp,
        price=float(content["price"]),
        amount=float(content["amount"]),
        trade_id=message.trade_id,
        type=TradeType.SELL if sell else TradeType.BUY,
    )
    book.apply_trade(event)


def _tracked(session: Session) -> Run:
    def run(tops: Tops | None) -> None:
        book = BinanceOrderBook()
        past: deque[OrderBookMessage] = deque(maxlen=_WINDOW)
        live = False
        for frame in session.frames:
            heard = json.loads(frame)
            data = heard.get("data")
            if data is None:
                snapshot = BinanceOrderBook.snapshot_message_from_exchange(
                    heard, time.time(), _PAIR
                )
                book.restore_from_snapshot_and_diffs(snapshot, list(past))
                live = True
            elif data.get("e") == "depthUpdate":
                message = BinanceOrderBook.diff_message_from_exchange(data, time.time(), _PAIR)
                if live:
                    book.apply_diffs(message.bids, message.asks, message.update_id)
                past.append(message)
            elif data.get("e") == "trade":
                _traded(book, BinanceOrderBook.trade_message_from_exchange(data, _PAIR))
            if live:
                bid, ask = next(book.bid_entries()), next(book.ask_entries())
                if tops:
                    tops.floats(bid.price, bid.amount, ask.price, ask.amount)
            elif tops:
                tops.none()

    return run


main(
    Contender(
        "hummingbot",
        "hummingbot",
        "from hummingbot.connector.exchange.binance.binance_order_book import BinanceOrderBook",
        {
            "a": Form(
                _tracked,
                "Floats; events of deltas and trades alone, for it drops tickers, decoded; "
                "without its queues and counters; json of the standard library, as it ships; no log.",
            )
        },
    )
)
