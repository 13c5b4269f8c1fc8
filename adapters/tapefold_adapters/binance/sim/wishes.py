"""Orders as they are sent, read and held against the rules."""

from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec.structs import replace

from tapefold import OrderType, Side, TimeInForce
from tapefold.sim import Order, SelfTrade, Wish
from tapefold_adapters.binance.sim import reports, rules
from tapefold_adapters.binance.sim.failures import Failed, missing, needless
from tapefold_adapters.binance.sim.market import Listed
from tapefold_adapters.binance.sim.params import Params
from tapefold_adapters.binance.sim.reports import Page

Answered: TypeAlias = Callable[[Order, Listed], Page]
"""How an order that was placed is told."""
_TYPES: Final[dict[str, OrderType]] = {name: kind for kind, name in reports.TYPES.items()}
_SIDES: Final[dict[str, Side]] = {name: side for side, name in reports.SIDES.items()}
_MODES: Final[dict[str, SelfTrade]] = {name: mode for mode, name in reports.MODES.items()}
_TIFS: Final[dict[str, TimeInForce]] = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok"}
_ANSWERS: Final[dict[str, Answered]] = {
    "ACK": reports.acknowledged,
    "RESULT": reports.result,
    "FULL": reports.full,
}
_NO_STOPS: Final = ("stopPrice", "trailingDelta", "icebergQty")


def read(params: Params, listed: Listed, name: str) -> Wish:
    """An order that is called *name*. Raises `Failed` where it is none, or against the rules."""
    side, kind = _SIDES.get(params.text("side")), _TYPES.get(params.text("type"))
    if side is None:
        raise Failed(-1117, "Invalid side.")
    if kind is None:
        raise Failed(-1116, "Invalid orderType.")
    _without(params, *_NO_STOPS)
    mode = _MODES.get(params.get("selfTradePreventionMode") or "EXPIRE_MAKER")
    if mode is None:
        raise Failed(-1130, "Data sent for parameter 'selfTradePreventionMode' is not valid.")
    wish = Wish(
        symbol=listed.spec.symbol,
        side=side,
        order_type=kind,
        client_order_id=name,
        self_trade=mode,
    )
    return _market(wish, params, listed) if kind == "market" else _limit(wish, params, listed)


def answered(params: Params, wish: Wish) -> Answered:
    """How it is to be told. Raises `Failed`."""
    usual = "ACK" if wish.order_type == "limit_maker" else "FULL"
    told = _ANSWERS.get(params.get("newOrderRespType") or usual)
    if told is None:
        raise Failed(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
    return told


def _limit(wish: Wish, params: Params, listed: Listed) -> Wish:
    tif: TimeInForce | None = "gtc"
    if wish.order_type == "limit":
        tif = _TIFS.get(params.text("timeInForce"))
    else:
        _without(params, "timeInForce")
    if tif is None:
        raise Failed(-1115, "Invalid timeInForce.")
    _without(params, "quoteOrderQty")
    amount, limit = params.number("quantity"), params.number("price")
    price = rules.scaled_price(listed.spec, limit)
    size = rules.scaled_size(listed.spec, amount, market=False)
    rules.worth(listed.spec.value(price, size), market=False)
    return replace(wish, tif=tif, size=size, price=price)


def _market(wish: Wish, params: Params, listed: Listed) -> Wish:
    _without(params, "price", "timeInForce")
    if params.has("quoteOrderQty"):
        _without(params, "quantity")
        quote = params.number("quoteOrderQty")
        rules.worth(quote, market=True)
        return replace(wish, quote=quote)
    if not params.has("quantity"):
        raise missing("quantity")
    size = rules.scaled_size(listed.spec, params.number("quantity"), market=True)
    rules.worth(listed.spec.value(listed.last, size), market=True)
    return replace(wish, size=size)


def _without(params: Params, *names: str) -> None:
    for name in names:
        if params.has(name):
            raise needless(name)
