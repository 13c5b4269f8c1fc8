"""Trading rules: as they are listed, and as an order must keep them."""

from decimal import Decimal
from typing import Final

from tapefold import Nanos, exactly, fixed
from tapefold.sim import Spec
from tapefold_adapters.binance.sim.door import ORDERS, WEIGHT_MAX
from tapefold_adapters.binance.sim.failures import filtered
from tapefold_adapters.binance.sim.numbers import PLACES, ms, text

NOTIONAL_MIN: Final = Decimal(5)
NOTIONAL_MAX: Final = Decimal(9_000_000)
ORDERS_MAX: Final = 200
"""Open orders of an account in one symbol."""
STP: Final = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")
_MARKET_LOTS: Final = 100
_WINDOWS: Final = {"10S": ("SECOND", 10), "1D": ("DAY", 1)}


def price_max(spec: Spec) -> int:
    """The highest price that may be bid or asked."""
    return spec.fair * 10


def size_max(spec: Spec, *, market: bool) -> int:
    """The most that may be ordered at once."""
    return spec.lot * spec.size * (_MARKET_LOTS if market else 10_000)


def scaled_price(spec: Spec, price: Decimal) -> int:
    """A limit price in the market's scale. Raises `Failed` where it may not be that."""
    with exactly():
        value = price.scaleb(spec.price_digits)
        whole = int(value)
        if whole != value or not 0 < whole <= price_max(spec) or whole % spec.tick:
            raise filtered("PRICE_FILTER")
        return whole


def scaled_size(spec: Spec, amount: Decimal, *, market: bool) -> int:
    """An amount in the market's scale. Raises `Failed` where it may not be that."""
    with exactly():
        value = amount.scaleb(spec.size_digits)
        whole = int(value)
        if whole != value or whole % spec.lot or not 0 < whole <= size_max(spec, market=False):
            raise filtered("LOT_SIZE")
        if market and whole > size_max(spec, market=True):
            raise filtered("MARKET_LOT_SIZE")
        return whole


def worth(value: Decimal, *, market: bool) -> None:
    """Raises `Failed` where an order of this value is too small or too large."""
    if value < NOTIONAL_MIN or (value > NOTIONAL_MAX and not market):
        raise filtered("NOTIONAL")


def info(specs: list[Spec], time: Nanos, *, whole: bool) -> dict[str, object]:
    """The answer to `exchangeInfo`; where nobody can trade it is not the *whole* of it."""
    weight = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE"}
    limits: list[dict[str, object]] = [{**weight, "intervalNum": 1, "limit": WEIGHT_MAX}]
    if whole:
        limits += [
            order_limit(name, most, None) for name, _, most in ORDERS
        ]  # in the sheet's order: weight, orders, raw requests
        raw = {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE"}
        limits.append({**raw, "intervalNum": 5, "limit": 300_000})
    return {
        "timezone": "UTC",
        "serverTime": ms(time),
        "rateLimits": limits,
        "exchangeFilters": [],
        "symbols": [{**_symbol(spec, whole=whole), **(_ALL if whole else {})} for spec in specs],
    }


def order_limit(name: str, most: int, count: int | None) -> dict[str, object]:
    """A window of orders, and how many there were in it."""
    interval, number = _WINDOWS[name]
    told: dict[str, object] = {
        "rateLimitType": "ORDERS",
        "interval": interval,
        "intervalNum": number,
        "limit": most,
    }
    return told if count is None else {**told, "count": count}


_ALL: Final[dict[str, object]] = {
    "quotePrecision": PLACES,
    "baseCommissionPrecision": PLACES,
    "quoteCommissionPrecision": PLACES,
    "icebergAllowed": False,
    "ocoAllowed": False,
    "otoAllowed": False,
    "quoteOrderQtyMarketAllowed": True,
    "allowTrailingStop": False,
    "cancelReplaceAllowed": False,
    "amendAllowed": False,
    "pegInstructionsAllowed": False,
    "isMarginTradingAllowed": False,
    "permissions": [],
    "permissionSets": [["SPOT"]],
    "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
    "allowedSelfTradePreventionModes": [*STP],
}


def _symbol(spec: Spec, *, whole: bool) -> dict[str, object]:
    return {
        "symbol": spec.base + spec.quote,
        "status": "TRADING",
        "baseAsset": spec.base,
        "baseAssetPrecision": PLACES,
        "quoteAsset": spec.quote,
        "quoteAssetPrecision": PLACES,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "isSpotTradingAllowed": True,
        "filters": _filters(spec, whole=whole),
    }


def _filters(spec: Spec, *, whole: bool) -> list[dict[str, object]]:
    tick, lot = text(spec.tick, spec.price_digits), text(spec.lot, spec.size_digits)
    most = text(price_max(spec), spec.price_digits)
    lots = text(size_max(spec, market=False), spec.size_digits)
    notional: dict[str, object] = {
        "filterType": "NOTIONAL",
        "minNotional": text(int(NOTIONAL_MIN), 0),
        "applyMinToMarket": True,
    }
    filters: list[dict[str, object]] = [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": most, "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": lots, "stepSize": lot},
        notional,
    ]
    if whole:
        market = text(size_max(spec, market=True), spec.size_digits)
        zero = text(0, 0)
        notional |= {"maxNotional": fixed(NOTIONAL_MAX), "applyMaxToMarket": False}
        notional["avgPriceMins"] = 0
        filters.append(
            {"filterType": "MARKET_LOT_SIZE", "minQty": zero, "maxQty": market, "stepSize": zero}
        )
        filters.append({"filterType": "MAX_NUM_ORDERS", "maxNumOrders": ORDERS_MAX})
    return filters
