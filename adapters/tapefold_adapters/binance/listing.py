"""Binance's instrument list, `exchangeInfo`: spot's and futures' spelling of the trading rules."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import Raw, Struct

from tapefold import (
    DIGITS_MAX,
    UNLISTED,
    InstrumentListed,
    OrderType,
    TooLarge,
    TradingRulesSet,
    decimals,
    exact,
)

_TYPES: Final[dict[str, OrderType]] = {
    "LIMIT": "limit",
    "LIMIT_MAKER": "limit_maker",
    "MARKET": "market",
}


class _Filter(Struct, gc=False):
    filterType: str
    tickSize: str = "0"
    stepSize: str = "0"
    minQty: str = "0"
    maxQty: str = "0"
    minNotional: str = "0"
    notional: str = "0"
    """What futures calls `minNotional`."""
    minPrice: str = "0"
    maxPrice: str = "0"
    maxNotional: str = "0"
    applyMinToMarket: bool = True
    applyToMarket: bool = True
    """What the older MIN_NOTIONAL calls `applyMinToMarket`."""


_NONE: Final = _Filter("")


class _Symbol(Struct, gc=False):
    symbol: str
    baseAsset: str
    quoteAsset: str
    filters: list[_Filter]
    status: str = "TRADING"
    orderTypes: list[str] = []
    isSpotTradingAllowed: bool = True


class _Info(Struct):
    symbols: list[Raw]


_info = msgspec.json.Decoder(_Info).decode
_symbol = msgspec.json.Decoder(_Symbol).decode


def listed(
    data: bytes, exchange: str, *, rules: bool
) -> Iterator[InstrumentListed | TradingRulesSet]:
    """Every instrument that can be read, each followed by its trading *rules* where they are wanted.

    One that cannot be read is as good as not listed. Raises `ValueError` where there is no list.
    """
    for row in _info(data).symbols:
        try:
            symbol = _symbol(row)
            events = _instrument(symbol, exchange), _rules(symbol)
        except ValueError:  # msgspec's errors are ValueErrors too
            continue
        yield events[0]
        if rules:
            yield events[1]


def _filters(symbol: _Symbol) -> tuple[dict[str, _Filter], _Filter]:
    """By their names; and the one about notionals."""
    rules = {rule.filterType: rule for rule in symbol.filters}
    return rules, rules.get("NOTIONAL") or rules.get("MIN_NOTIONAL") or _NONE


def _rules(symbol: _Symbol) -> TradingRulesSet:
    filters, notional = _filters(symbol)
    price = filters.get("PRICE_FILTER", _NONE)
    market = filters.get("MARKET_LOT_SIZE", _NONE)
    return TradingRulesSet(
        instrument=UNLISTED,
        order_types=tuple(_TYPES[each] for each in symbol.orderTypes if each in _TYPES),
        price_min=exact(price.minPrice),
        price_max=exact(price.maxPrice),
        notional_max=exact(notional.maxNotional),
        market_lot=exact(market.stepSize),
        market_size_min=exact(market.minQty),
        market_size_max=exact(market.maxQty),
        market_notional=notional.applyMinToMarket and notional.applyToMarket,
        trading=symbol.status == "TRADING" and symbol.isSpotTradingAllowed,
    )


def _instrument(symbol: _Symbol, exchange: str) -> InstrumentListed:
    filters, least = _filters(symbol)
    price, lot = filters.get("PRICE_FILTER", _NONE), filters.get("LOT_SIZE", _NONE)
    # A dated future is its pair and, in its native name, a date: BTCUSDT_210924.
    date = symbol.symbol.partition("_")[2]
    digits = decimals(price.tickSize), decimals(lot.stepSize)
    if max(digits) > DIGITS_MAX:
        raise TooLarge(symbol.symbol)
    return InstrumentListed(
        instrument=UNLISTED,
        exchange=exchange,
        symbol="-".join(filter(None, (symbol.baseAsset, symbol.quoteAsset, date))),
        native_symbol=symbol.symbol,
        price_digits=digits[0],
        size_digits=digits[1],
        base=symbol.baseAsset,
        quote=symbol.quoteAsset,
        tick=exact(price.tickSize),
        lot=exact(lot.stepSize),
        size_min=exact(lot.minQty),
        size_max=exact(lot.maxQty),
        notional_min=max(exact(least.minNotional), exact(least.notional), Decimal(0)),
    )
