"""What an instrument's trades and quotes come to."""

from typing import TypeAlias

from msgspec.structs import replace

from tapefold.core import scaled
from tapefold.events import Quote, Trade
from tapefold.units import SCALED_MAX, plain

State: TypeAlias = tuple[int, int, Trade | None, Quote | None, list[str]]
"""Trades, quotes, the newest of each without its numbers, and those as plain decimals."""


class Market:
    """How many trades and quotes of an instrument there were, and the newest of each."""

    __slots__ = ("quote", "quotes", "trade", "trades")

    def __init__(self) -> None:
        self.trades = self.quotes = 0
        self.trade: Trade | None = None
        self.quote: Quote | None = None

    def largest(self) -> tuple[int, int]:
        """The largest price and size that are kept, in the instrument's scale."""
        numbers = self._numbers()
        return max(numbers[::2], default=0), max(numbers[1::2], default=0)

    def rescale(self, price: int, size: int) -> bool:
        """Every number that is kept times so much; where 63 bits do not hold that, none and False."""
        most, largest = self.largest()
        if most * price >= SCALED_MAX or largest * size >= SCALED_MAX:
            self.trade = self.quote = None
            return False
        self._set([n * (price, size)[i % 2] for i, n in enumerate(self._numbers())])
        return True

    def freeze(self, price_digits: int, size_digits: int) -> State:
        """As canonical data: plain decimals, so that it does not tell how the scale came to be."""
        digits = price_digits, size_digits
        texts = [plain(n, digits[i % 2]) for i, n in enumerate(self._numbers())]
        bare = Market()
        bare.trade, bare.quote = self.trade, self.quote
        bare._set([0] * len(texts))
        return self.trades, self.quotes, bare.trade, bare.quote, texts

    def thaw(self, state: State, price_digits: int, size_digits: int) -> None:
        """From canonical data."""
        digits = price_digits, size_digits
        self.trades, self.quotes, self.trade, self.quote, texts = state
        self._set([scaled(text, digits[i % 2]) for i, text in enumerate(texts)])

    def _numbers(self) -> list[int]:
        """Prices and sizes in turn, the trade's first."""
        numbers: list[int] = []
        if trade := self.trade:
            numbers += trade.price, trade.size
        if quote := self.quote:
            numbers += quote.bid_price, quote.bid_size, quote.ask_price, quote.ask_size
        return numbers

    def _set(self, numbers: list[int]) -> None:
        """The other way round."""
        if self.trade:
            self.trade = replace(self.trade, price=numbers[0], size=numbers[1])
        if self.quote:
            bid, bids, ask, asks = numbers[-4:]
            self.quote = replace(
                self.quote, bid_price=bid, bid_size=bids, ask_price=ask, ask_size=asks
            )
