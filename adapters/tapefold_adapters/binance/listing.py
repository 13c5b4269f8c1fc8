"""Binance's instrument list, `exchangeInfo`: spot's and futures' spelling of the trading rules."""

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct

from tapefold import DIGITS_MAX, UNLISTED, InstrumentListed, TooLarge, decimals, exact


class _Filter(Struct, gc=False):
    filterType: str
    tickSize: str = "0"
    stepSize: str = "0"
    minQty: str = "0"
    maxQty: str = "0"
    minNotional: str = "0"
    notional: str = "0"
    """What futures calls `minNotional`."""


class _Symbol(Struct, gc=False):
    symbol: str
    baseAsset: str
    quoteAsset: str
    filters: list[_Filter]


class Info(Struct, gc=False):
    """The whole list."""

    symbols: list[_Symbol]


def listed(info: Info, exchange: str) -> Iterator[InstrumentListed]:
    """Every instrument whose rules can be read; one that cannot is as good as not listed."""
    for symbol in info.symbols:
        try:
            yield _instrument(symbol, exchange)
        except ValueError:
            continue


def _instrument(symbol: _Symbol, exchange: str) -> InstrumentListed:
    rules = {rule.filterType: rule for rule in symbol.filters}
    none = _Filter("")
    price, lot = rules.get("PRICE_FILTER", none), rules.get("LOT_SIZE", none)
    least = rules.get("NOTIONAL") or rules.get("MIN_NOTIONAL") or none
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
