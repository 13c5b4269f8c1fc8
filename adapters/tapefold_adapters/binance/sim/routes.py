"""Which request is answered by what: its weight, what it may say, and who may make it."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

from tapefold_adapters.binance.sim.desk import Call, Desk
from tapefold_adapters.binance.sim.pages import DEPTH, DEPTH_MAX, Pages
from tapefold_adapters.binance.sim.params import Params

Weight: TypeAlias = int | Callable[[Params], int]
_ORDER: Final = (
    "symbol side type timeInForce quantity quoteOrderQty price newClientOrderId strategyId "
    "strategyType stopPrice trailingDelta icebergQty newOrderRespType selfTradePreventionMode"
)
_WHICH: Final = "symbol orderId origClientOrderId"
_TIMES: Final = "startTime endTime limit"


class Route(NamedTuple):
    """One kind of request."""

    act: Callable[[Call], Any]
    names: frozenset[str]
    """Of the parameters that it may have."""
    weight: Callable[[Params], int]
    signed: bool
    socket: str
    """Its method in the WebSocket API; empty for none."""


def routes(pages: Pages, desk: Desk) -> dict[str, Route]:
    """By method and path."""
    many = "symbol symbols"
    listing = "symbol symbols permissions symbolStatus showPermissionSets"
    found = {
        "GET ping": _open(pages.ping, "", 1, "ping"),
        "GET time": _open(pages.clock, "", 1, "time"),
        "GET exchangeInfo": _open(pages.info, listing, 20, "exchangeInfo"),
        "GET depth": _open(pages.depth, "symbol limit", _deep, "depth"),
        "GET trades": _open(pages.trades, "symbol limit", 25, "trades.recent"),
        "GET aggTrades": _open(pages.aggregates, f"symbol fromId {_TIMES}", 4, "trades.aggregate"),
        "GET ticker/price": _open(pages.prices, many, _per(2, 4), "ticker.price"),
        "GET ticker/bookTicker": _open(pages.tickers, many, _per(2, 4), "ticker.book"),
        "GET ticker/24hr": _open(pages.days, f"{many} type", _per(2, 80), "ticker.24hr"),
        "POST order": _signed(desk.place, _ORDER, 1, "order.place"),
        "POST order/test": _signed(desk.test, f"{_ORDER} computeCommissionRates", 1, "order.test"),
        "GET order": _signed(desk.order, _WHICH, 4, "order.status"),
        "DELETE order": _signed(
            desk.cancel, f"{_WHICH} newClientOrderId cancelRestrictions", 1, "order.cancel"
        ),
        "GET openOrders": _signed(desk.open_orders, "symbol", _per(6, 80), "openOrders.status"),
        "DELETE openOrders": _signed(desk.cancel_all, "symbol", 1, "openOrders.cancelAll"),
        "GET allOrders": _signed(desk.all_orders, f"symbol orderId {_TIMES}", 20, "allOrders"),
        "GET account": _signed(desk.account, "omitZeroBalances", 20, "account.status"),
        "GET account/commission": _signed(desk.commission, "symbol", 20, "account.commission"),
        "GET myTrades": _signed(desk.trades, f"symbol orderId fromId {_TIMES}", _fills, "myTrades"),
        "GET rateLimit/order": _signed(desk.order_counts, "", 40, "account.rateLimits.orders"),
    }
    return {name.replace(" ", " /api/v3/"): route for name, route in found.items()}


def _open(act: Callable[[Call], Any], names: str, weight: Weight, socket: str) -> Route:
    return Route(act, frozenset(names.split()), _weight(weight), False, socket)


def _signed(act: Callable[[Call], Any], names: str, weight: Weight, socket: str) -> Route:
    return Route(act, frozenset(names.split()), _weight(weight), True, socket)


def _weight(weight: Weight) -> Callable[[Params], int]:
    if isinstance(weight, int):
        return lambda _: weight
    return weight


def _per(one: int, several: int) -> Callable[[Params], int]:
    """It costs more where no symbol is named."""
    return lambda params: one if params.has("symbol") else several


def _deep(params: Params) -> int:
    """By how deep a book is asked for."""
    limit = params.limit(DEPTH, DEPTH_MAX)
    return next((w for most, w in ((100, 5), (500, 25), (1000, 50)) if limit <= most), 250)


def _fills(params: Params) -> int:
    return 5 if params.has("orderId") else 20
