"""Trade: the caller's wishes about orders on one exchange, each with one road and one end.

A wish is a fact before anything leaves (`OrderSubmitted`, `OrderCancelRequested`). One that we do not
let ourselves carry out is that fact and its refusal in one step, with the rule's name, and no request.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial

from tapefold.adapter import Adopt, CancelAll, LimitRisk, OrderRef, Rate, SetFees, Submit, Trader
from tapefold.events import (
    CancelAllEnded,
    FeeScheduleSet,
    InstrumentListed,
    OrderCancelRequested,
    OrderReported,
    OrderSubmitted,
    RiskLimited,
)
from tapefold.folds.orders import Order
from tapefold.kernel.core import Core
from tapefold.kernel.rate import Window
from tapefold.kernel.requests import Requests
from tapefold.kernel.risk import Wish, refused
from tapefold.units import SECOND, Nanos

ORDER_WAIT_MAX = SECOND
"""The longest that an order may wait for the exchange's limits: a price is old after it."""


class Trade:
    """One exchange's orders of ours, as they are wished for."""

    def __init__(self, adapter: Trader, core: Core, requests: Requests) -> None:
        self._adapter, self._core, self._requests = adapter, core, requests
        self._exchange = adapter.description.exchange
        self._alls: list[tuple[str, ...]] = []
        """The orders of each cancel-all that is not over."""
        self._windows: dict[int, Window] = {}
        """What was submitted lately, by the instrument whose limit counts it."""

    def submit(self, time: Nanos, command: Submit, row: InstrumentListed, ready: str) -> None:
        """Place an order, or say why not. *ready* is the rule that forbids all orders now, or empty."""
        wish = Wish.of(command, row, self._core.views)
        order = OrderSubmitted(
            exchange=self._exchange,
            instrument=row.instrument,
            client_order_id=self._core.next_order_id(),
            side=command.side,
            order_type=command.order_type,
            tif=command.tif,
            amount=command.amount,
            quote_amount=command.quote_amount,
            price=command.price,
            hold=wish.hold,
            fees=wish.fees,
            expires_at=command.expires_at,
            by=command.by,
        )
        request = self._adapter.place(order, row.native_symbol)
        late = 0 < command.expires_at <= time
        rule = (
            ready
            or ("expired" if late else "")
            or refused(wish, self._core.views)
            or self._hurried(time, row.instrument, request.costs)
        )
        self._core.append(time, order)
        if rule:
            self._refuse(time, order, rule)
            return
        for window in self._counting(row.instrument):
            window.take(time)
        recall = self._requests.once(time, request)
        if self._requests.wait(time, request.costs):
            self._core.at(time + ORDER_WAIT_MAX, partial(self._grown_old, order, recall))

    def adopt(self, time: Nanos, command: Adopt, row: InstrumentListed) -> None:
        """An order that is on the account already is ours from here on."""
        self._core.append(
            time,
            OrderSubmitted(
                exchange=self._exchange,
                instrument=row.instrument,
                client_order_id=self._core.next_order_id(),
                side=command.side,
                order_type="limit",
                tif="gtc",
                amount=command.amount,
                price=command.price,
                hold=command.price if command.side == "buy" else Decimal(1),
                exchange_order_id=command.exchange_order_id,
                by=command.by,
            ),
        )

    def cancel(self, time: Nanos, order: Order) -> None:
        """Cancel an order, once more if need be. One that has ended is left alone."""
        if order.ended:
            return
        attempt = order.request + 1
        event = OrderCancelRequested(client_order_id=order.client_order_id, request=attempt)
        self._core.append(time, event)
        self._requests.once(time, self._adapter.cancel(self.ref(order), attempt))

    def cancel_all(self, time: Nanos, command: CancelAll, instrument: int | None) -> None:
        """Cancel every order of ours; say so when all of them have ended, or its time has."""
        orders = self.cancel_live(time, instrument)
        names = tuple(order.client_order_id for order in orders)
        self._alls.append(names)
        self._core.at(time + command.timeout, lambda now: self._over(now, names))
        self.ended(time)

    def cancel_live(self, time: Nanos, instrument: int | None = None) -> list[Order]:
        """Cancel every order that is alive, but those that are being canceled; which are alive."""
        orders = self._core.views.orders.live(self._exchange, instrument)
        for order in orders:
            if order.cancel not in ("sent", "taken"):
                self.cancel(time, order)
        return orders

    def ended(self, time: Nanos) -> None:
        """An order has ended: was it the last one of a cancel-all?"""
        for names in [*self._alls]:
            if not self._left(names):
                self._over(time, names)

    def limit(self, time: Nanos, command: LimitRisk, instrument: int) -> None:
        """From here on no order may be more than this."""
        event = RiskLimited(
            exchange=self._exchange,
            instrument=instrument,
            amount_max=command.amount_max,
            notional_max=command.notional_max,
            open_orders_max=command.open_orders_max,
            band=command.band,
            submits_max=command.submits_max,
            submits_per=command.submits_per,
        )
        self._core.append(time, event)
        self._windows.pop(instrument, None)

    def set_fees(self, time: Nanos, command: SetFees, instrument: int) -> None:
        """Reckon with these fees."""
        event = FeeScheduleSet(
            exchange=self._exchange,
            maker_rate=command.maker_rate,
            taker_rate=command.taker_rate,
            instrument=instrument,
            source="caller",
        )
        self._core.append(time, event)

    def ref(self, order: Order) -> OrderRef:
        """An order by the names that the exchange may know it by."""
        row = self._core.views.instruments.rows[order.instrument]
        return OrderRef(row.native_symbol, order.client_order_id, order.exchange_order_id)

    def _refuse(self, time: Nanos, order: OrderSubmitted, rule: str) -> None:
        event = OrderReported(
            exchange=order.exchange,
            instrument=order.instrument,
            side=order.side,
            client_order_id=order.client_order_id,
            says="rejected",
            reason=rule,
        )
        self._core.append(time, event)

    def _grown_old(self, order: OrderSubmitted, recall: Callable[[], bool], now: Nanos) -> None:
        """An order that still waits to leave, since the exchange asked for a rest meanwhile, does not."""
        if recall():
            self._refuse(now, order, "rate")

    def _hurried(self, time: Nanos, instrument: int, costs: Mapping[str, int]) -> str:
        """The rule of too many orders in too short a time, ours or the exchange's; or empty."""
        if self._requests.wait(time, costs) > ORDER_WAIT_MAX:
            return "rate"
        return "risk_rate" if any(w.due(time) > time for w in self._counting(instrument)) else ""

    def _counting(self, instrument: int) -> list[Window]:
        """The windows that count an order of this instrument; those of an earlier run begin anew."""
        limits = self._core.views.risk.limits(self._exchange, instrument)
        for limit in limits:
            if limit.submits_max and limit.instrument not in self._windows:
                rate = Rate(limit.submits_max, limit.submits_per or SECOND)
                self._windows[limit.instrument] = Window(rate)
        return [self._windows[limit.instrument] for limit in limits if limit.submits_max]

    def _left(self, names: tuple[str, ...]) -> tuple[str, ...]:
        orders = self._core.views.orders
        return tuple(n for n in names if (order := orders.find(n)) and not order.ended)

    def _over(self, time: Nanos, names: tuple[str, ...]) -> None:
        if names not in self._alls:
            return
        self._alls.remove(names)
        left = self._left(names)
        ended = tuple(name for name in names if name not in left)
        self._core.append(time, CancelAllEnded(exchange=self._exchange, ended=ended, left=left))
