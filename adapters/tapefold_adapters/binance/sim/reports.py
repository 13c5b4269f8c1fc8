"""Orders, trades and accounts as Binance prints them: in answers, and as user events."""

from collections.abc import Mapping
from typing import Any, Final

from tapefold import OrderType, Side
from tapefold.sim import Balance, Deposited, Fill, Moved, Order, SelfTrade, Told
from tapefold_adapters.binance.sim.market import Listed
from tapefold_adapters.binance.sim.numbers import money, ms, text

Page = dict[str, Any]
"""A JSON object."""
FIRST_ORDER: Final = 70_000_000
"""What is added to an order's number: real ids are long."""
TYPES: Final[dict[OrderType, str]] = {
    "limit": "LIMIT",
    "limit_maker": "LIMIT_MAKER",
    "market": "MARKET",
}
SIDES: Final[dict[Side, str]] = {"buy": "BUY", "sell": "SELL"}
MODES: Final[dict[SelfTrade, str]] = {
    "allow": "NONE",
    "expire_taker": "EXPIRE_TAKER",
    "expire_maker": "EXPIRE_MAKER",
    "expire_both": "EXPIRE_BOTH",
}
_STATES: Final = {
    "filled": "FILLED",
    "canceled": "CANCELED",
    "expired": "EXPIRED",
    "prevented": "EXPIRED_IN_MATCH",
}
_EXECUTIONS: Final = {
    "new": "NEW",
    "trade": "TRADE",
    "canceled": "CANCELED",
    "expired": "EXPIRED",
    "prevented": "TRADE_PREVENTION",
}
_WHY: Final = {
    "unfilled_ioc": "UNFILLED_IOC_QUANTITY_EXPIRED",
    "unfilled_fok": "UNFILLED_FOK_ORDER_EXPIRED",
    "no_liquidity": "INSUFFICIENT_LIQUIDITY",
}
_ZERO: Final = text(0, 0)


def status(order: Order) -> str:
    """Its state."""
    if order.state == "open":
        return "PARTIALLY_FILLED" if order.done else "NEW"
    return _STATES[order.state]


def acknowledged(order: Order, listed: Listed) -> Page:
    """An order that was just taken: its names."""
    return {
        "symbol": listed.symbol,
        "orderId": FIRST_ORDER + order.number,
        "orderListId": -1,
        "clientOrderId": order.wish.client_order_id,
        "transactTime": ms(order.updated),
    }


def result(order: Order, listed: Listed) -> Page:
    """The same with how it is."""
    return acknowledged(order, listed) | _core(order, listed) | _ends(order, listed)


def full(order: Order, listed: Listed) -> Page:
    """The same with its trades."""
    fills = [
        {
            "price": text(fill.price, listed.spec.price_digits),
            "qty": text(fill.size, listed.spec.size_digits),
            "commission": money(fill.fee),
            "commissionAsset": fill.fee_asset,
            "tradeId": listed.first_trade + fill.trade_id,
        }
        for fill in order.fills
    ]
    return result(order, listed) | {"fills": fills}


def canceled(order: Order, listed: Listed, by: str) -> Page:
    """An order that was just canceled by a request of this name."""
    names = {"origClientOrderId": order.wish.client_order_id, "clientOrderId": by}
    return acknowledged(order, listed) | names | _core(order, listed)


def asked(order: Order, listed: Listed) -> Page:
    """An order that was asked for."""
    names = acknowledged(order, listed)
    del names["transactTime"]
    times = {"time": ms(order.made), "updateTime": ms(order.updated), "isWorking": True}
    extra = {"stopPrice": _ZERO, "icebergQty": _ZERO}
    return names | _core(order, listed) | extra | times | _ends(order, listed)


def _core(order: Order, listed: Listed) -> Page:
    wish, spec = order.wish, listed.spec
    return {
        "price": text(wish.price or 0, spec.price_digits),
        "origQty": text(order.size, spec.size_digits),
        "executedQty": text(order.done, spec.size_digits),
        "origQuoteOrderQty": money(wish.quote) if wish.quote is not None else _ZERO,
        "cummulativeQuoteQty": money(order.value),
        "status": status(order),
        "timeInForce": wish.tif.upper(),
        "type": TYPES[wish.order_type],
        "side": SIDES[wish.side],
        "selfTradePreventionMode": MODES[wish.self_trade],
    }


def _ends(order: Order, listed: Listed) -> Page:
    told: Page = {"workingTime": ms(order.made)}
    if order.why:
        told["expiryReason"] = _WHY[order.why]
    if order.prevented:
        told["preventedQuantity"] = text(order.prevented, listed.spec.size_digits)
    return told


def traded(order: Order, fill: Fill, listed: Listed) -> Page:
    """One of an order's trades."""
    return {
        "symbol": listed.symbol,
        "id": listed.first_trade + fill.trade_id,
        "orderId": FIRST_ORDER + order.number,
        "orderListId": -1,
        "price": text(fill.price, listed.spec.price_digits),
        "qty": text(fill.size, listed.spec.size_digits),
        "quoteQty": money(fill.value),
        "commission": money(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": ms(fill.time),
        "isBuyer": order.wish.side == "buy",
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def balances(held: Mapping[str, Balance], *, zeros: bool = True) -> list[Page]:
    """What an account has, by asset."""
    return [
        {"asset": asset, "free": money(held[asset].free), "locked": money(held[asset].locked)}
        for asset in sorted(held)
        if zeros or held[asset].free or held[asset].locked
    ]


# User events


def execution(told: Told, listed: Listed, number: int) -> Page:
    """An `executionReport`; *number* counts executions."""
    order, wish, spec, time = told.order, told.order.wish, listed.spec, ms(told.time)
    sizes, prices = spec.size_digits, spec.price_digits
    event: Page = {
        "e": "executionReport",
        "E": time,
        "s": listed.symbol,
        "c": told.canceled_by or wish.client_order_id,
        "S": SIDES[wish.side],
        "o": TYPES[wish.order_type],
        "f": wish.tif.upper(),
        "q": text(order.size, sizes),
        "p": text(wish.price or 0, prices),
        "P": _ZERO,
        "F": _ZERO,
        "g": -1,
        "C": wish.client_order_id if told.canceled_by else "",
        "x": _EXECUTIONS[told.what],
        "X": status(order),
        "r": "NONE",
        "i": FIRST_ORDER + order.number,
    }
    event |= _last(told.fill, listed)
    event |= {
        "z": text(order.done, sizes),
        "T": time,
        "I": number,
        "w": order.state == "open",
        "M": False,
        "O": ms(order.made),
        "Z": money(order.value),
        "Q": money(wish.quote) if wish.quote is not None else _ZERO,
        "W": ms(order.made),
        "V": MODES[wish.self_trade],
    }
    if order.why:
        event["eR"] = _WHY[order.why]
    if order.prevented:
        event |= _prevented(told, text(order.prevented, sizes))
    return event


def _last(fill: Fill | None, listed: Listed) -> Page:
    """The trade that a report is about."""
    if fill is None:
        last: Page = {"l": _ZERO, "L": _ZERO, "n": "0", "N": None}
        return last | {"t": -1, "m": False, "Y": _ZERO}
    return {
        "l": text(fill.size, listed.spec.size_digits),
        "L": text(fill.price, listed.spec.price_digits),
        "n": money(fill.fee),
        "N": fill.fee_asset,
        "t": listed.first_trade + fill.trade_id,
        "m": fill.maker,
        "Y": money(fill.value),
    }


def _prevented(told: Told, size: str) -> Page:
    return {
        "v": told.order.number,
        "A": size,
        "B": size,
        "u": min(told.order.number, told.against),
        "U": FIRST_ORDER + told.against,
    }


def position(moved: Moved) -> Page:
    """An `outboundAccountPosition`."""
    time = ms(moved.time)
    return {
        "e": "outboundAccountPosition",
        "E": time,
        "u": time,
        "B": [
            {"a": asset, "f": money(balance.free), "l": money(balance.locked)}
            for asset, balance in moved.balances.items()
        ],
    }


def deposited(news: Deposited) -> Page:
    """A `balanceUpdate`."""
    time = ms(news.time)
    return {
        "e": "balanceUpdate",
        "E": time,
        "a": news.asset,
        "d": money(news.amount),
        "T": time,
    }
