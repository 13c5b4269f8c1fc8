"""The private side: orders and accounts, and what Binance says of them."""

from collections.abc import Callable
from decimal import Decimal
from hashlib import sha256
from typing import NamedTuple

from tapefold import ZERO, Nanos
from tapefold.sim import Denied, Order, Venue, Wish
from tapefold_adapters.binance.sim import reports, rules, wishes
from tapefold_adapters.binance.sim.door import ORDERS, Door
from tapefold_adapters.binance.sim.failures import DENIED, Failed, filtered
from tapefold_adapters.binance.sim.market import Listed
from tapefold_adapters.binance.sim.numbers import money, ms
from tapefold_adapters.binance.sim.params import Params
from tapefold_adapters.binance.sim.reports import FIRST_ORDER, Page
from tapefold_adapters.binance.sim.wishes import Answered


class Call(NamedTuple):
    """A request that was let in."""

    params: Params
    holder: str
    time: Nanos
    at: Nanos | None = None
    """The page is as it was then; None for now."""


class Desk:
    """Answers to signed requests. Each method raises `Failed`."""

    def __init__(self, venue: Venue, door: Door, listed: dict[str, Listed], seed: int) -> None:
        self._venue, self._door, self._listed, self._seed = venue, door, listed, seed
        self._named = 0

    def listed(self, params: Params) -> Listed:
        """The market of a request."""
        listed = self._listed.get(params.symbol())
        if listed is None:
            raise Failed(-1121, "Invalid symbol.")
        return listed

    # Orders

    def place(self, call: Call) -> Page:
        """POST order."""
        self._door.may_place(call.holder, call.time)
        listed, wish, told = self._read(call)
        order = self._denied(lambda: self._venue.place(call.holder, wish, call.time))
        self._door.placed(call.holder, call.time)
        self._door.give_back(1)
        return told(order, listed)

    def test(self, call: Call) -> Page:
        """POST order/test: is it an order?"""
        self._read(call)
        return {}

    def cancel(self, call: Call) -> Page:
        """DELETE order."""
        listed = self.listed(call.params)
        number = self._number(call, listed)
        name = call.params.name("newClientOrderId") or self._name()
        return self._cancel(number, listed, name, call.time)

    def cancel_all(self, call: Call) -> list[Page]:
        """DELETE openOrders."""
        listed, name = self.listed(call.params), self._name()
        numbers = [order.number for order in self._open(call, listed)]
        if not numbers:
            raise Failed(*DENIED["unknown"])
        return [self._cancel(number, listed, name, call.time) for number in numbers]

    def order(self, call: Call) -> Page:
        """GET order."""
        listed = self.listed(call.params)
        order = self._venue.order(self._number(call, listed), call.at)
        if order is None:
            raise Failed(-2013, "Order does not exist.")
        return reports.asked(order, listed)

    def open_orders(self, call: Call) -> list[Page]:
        """GET openOrders, of one symbol or of all."""
        listed = self.listed(call.params) if call.params.has("symbol") else None
        return [reports.asked(order, self._of(order)) for order in self._open(call, listed)]

    def all_orders(self, call: Call) -> list[Page]:
        """GET allOrders of one symbol."""
        params, listed = call.params, self.listed(call.params)
        limit, first = params.limit(500, 1000), params.integer("orderId") - FIRST_ORDER
        found = [
            order
            for order in self._orders(call, listed)
            if order.number >= first and _within(params, ms(order.made))
        ]
        forward = params.has("orderId") or params.has("startTime")
        return [
            reports.asked(order, listed) for order in (found[:limit] if forward else found[-limit:])
        ]

    # The account

    def account(self, call: Call) -> Page:
        """GET account."""
        account = self._venue.accounts[call.holder]
        maker, taker = account.holder.maker_rate, account.holder.taker_rate
        held = account.balances(call.at)
        return {
            "makerCommission": int(maker * 10_000),
            "takerCommission": int(taker * 10_000),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": _rates(maker, taker),
            "canTrade": True,
            "canWithdraw": True,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": ms(call.time if call.at is None else call.at),
            "accountType": "SPOT",
            "balances": reports.balances(held, zeros=call.params.get("omitZeroBalances") != "true"),
            "permissions": ["SPOT"],
            "uid": 1 + [*self._venue.accounts].index(call.holder),
        }

    def commission(self, call: Call) -> Page:
        """GET account/commission."""
        holder = self._venue.accounts[call.holder].holder
        zero = _rates(ZERO, ZERO)
        return {
            "symbol": self.listed(call.params).symbol,
            "standardCommission": _rates(holder.maker_rate, holder.taker_rate),
            "specialCommission": zero,
            "taxCommission": zero,
            "discount": {
                "enabledForAccount": False,
                "enabledForSymbol": False,
                "discountAsset": "BNB",
                "discount": "0.25000000",
            },
        }

    def trades(self, call: Call) -> list[Page]:
        """GET myTrades."""
        params, listed = call.params, self.listed(call.params)
        limit, of = params.limit(500, 1000), params.integer("orderId") - FIRST_ORDER
        pages = [
            reports.traded(order, fill, listed)
            for order in self._orders(call, listed)
            if not params.has("orderId") or order.number == of
            for fill in order.fills
        ]
        first = params.integer("fromId")
        pages = [page for page in pages if page["id"] >= first and _within(params, page["time"])]
        pages.sort(key=lambda page: (page["id"], page["orderId"]))
        forward = params.has("fromId") or params.has("startTime")
        return pages[:limit] if forward else pages[-limit:]

    def order_counts(self, call: Call) -> list[Page]:
        """GET rateLimit/order."""
        counts = self._door.orders(call.holder, call.time)
        return [rules.order_limit(name, most, counts[name]) for name, _, most in ORDERS]

    # How

    def _read(self, call: Call) -> tuple[Listed, Wish, Answered]:
        """An order as it was sent, and how it wants to be answered."""
        params, listed = call.params, self.listed(call.params)
        wish = wishes.read(params, listed, params.name("newClientOrderId") or self._name())
        told = wishes.answered(params, wish)
        if wish.price is not None and len(self._open(call, listed)) >= rules.ORDERS_MAX:
            raise filtered("MAX_NUM_ORDERS")
        return listed, wish, told

    def _cancel(self, number: int, listed: Listed, name: str, time: Nanos) -> Page:
        order = self._denied(lambda: self._venue.cancel(number, time, name))
        self._door.give_back(1)
        return reports.canceled(order, listed, name)

    def _denied(self, act: Callable[[], Order]) -> Order:
        try:
            return act()
        except Denied as denied:
            raise Failed(*DENIED[denied.reason]) from None

    def _number(self, call: Call, listed: Listed) -> int:
        """Which order is meant; 0 for none of this holder's."""
        params = call.params
        if params.has("orderId"):
            number = params.integer("orderId") - FIRST_ORDER
        elif params.has("origClientOrderId"):
            number = self._venue.named(call.holder, params.text("origClientOrderId"))
        else:
            told = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
            raise Failed(-1102, told)
        order = self._venue.order(number)
        mine = order and order.holder == call.holder and order.wish.symbol == listed.spec.symbol
        return number if mine else 0

    def _orders(self, call: Call, listed: Listed | None) -> list[Order]:
        symbol = listed.spec.symbol if listed else ""
        orders = self._venue.orders(call.holder, call.at)
        return [order for order in orders if symbol in ("", order.wish.symbol)]

    def _open(self, call: Call, listed: Listed | None) -> list[Order]:
        return [order for order in self._orders(call, listed) if order.state == "open"]

    def _of(self, order: Order) -> Listed:
        return self._listed[order.wish.symbol.replace("-", "")]

    def _name(self) -> str:
        """The exchange's own name for what was not given one."""
        self._named += 1
        return "sim" + sha256(f"{self._seed} {self._named}".encode()).hexdigest()[:19]


def _within(params: Params, time: int) -> bool:
    """Whether a moment is between those that were asked for."""
    return params.integer("startTime") <= time <= params.integer("endTime", time)


def _rates(maker: Decimal, taker: Decimal) -> dict[str, str]:
    zero = money(ZERO)
    return {"maker": money(maker), "taker": money(taker), "buyer": zero, "seller": zero}
