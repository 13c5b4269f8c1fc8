"""A survey: an account is asked for all it says, and what comes by itself waits meanwhile.

    asked: balances, open orders ──▶ and each order of ours that is not among those ──▶ and its trades

After a private stream was down nobody repeats what it would have said. So its frames are held until the
survey is done, and what was missed is concluded in the order in which it happened at the exchange. A
survey that is only a poll holds nothing: the stream is there, and facts may come in any order.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from tapefold.folds.orders import Order
from tapefold.kernel.core import Core
from tapefold.kernel.requests import Requests, Wanted
from tapefold.units import SECOND, Nanos

SURVEY_HELD_MAX: Final = 10_000
"""Frames held: what a busy account says in a minute. Facts may come in any order, so no more is lost
by going on than the order in which conclusions are told."""
SURVEY_MAX: Final = 30 * SECOND
"""The longest that frames are held."""
BALANCES: Final[Wanted] = ("balances", "")
OPEN_ORDERS: Final[Wanted] = ("open_orders", "")


class Survey:
    """One exchange's survey."""

    def __init__(
        self,
        exchange: str,
        core: Core,
        requests: Requests,
        released: Callable[[Nanos], None],
        done: Callable[[Nanos], None],
    ) -> None:
        self._exchange, self._core, self._requests = exchange, core, requests
        self._released, self._done = released, done
        self.pending: dict[Wanted, None] = {}
        """What was asked and is not answered yet."""
        self._unseen: dict[str, None] = {}
        """Orders of ours that no list of open orders has named yet, by client order id."""
        self._surveys = 0
        self.holds = False
        """Whether private frames are held."""

    def begin(self, time: Nanos, *, hold: bool) -> None:
        """Ask for all of it, as it is from now on."""
        self._surveys += 1
        orders = self._core.views.orders.live(self._exchange)
        self._unseen = {order.client_order_id: None for order in orders}
        self.pending = {BALANCES: None, OPEN_ORDERS: None}
        if hold:
            self.holds = True
            self._core.defer(self._exchange, [order.number for order in orders])
            self._core.at(time + SURVEY_MAX, partial(self._give_up, self._surveys))
        for wanted in (BALANCES, OPEN_ORDERS):
            self._requests.ask_from_now(time, wanted)

    def stop(self, time: Nanos) -> None:
        """The stream is down: there is nothing to wait for."""
        self.pending.clear()
        self._release(time)

    def saw(self, client_order_id: str) -> None:
        """An order of ours is said to be there."""
        self._unseen.pop(client_order_id, None)

    def answered(self, time: Nanos, wanted: Wanted) -> None:
        """Something was answered: ask what that leads to, and be done when nothing is left."""
        if wanted not in self.pending:
            return
        del self.pending[wanted]
        if wanted == OPEN_ORDERS:
            for name in self._unseen:
                self._ask(time, ("order", name))
            self._unseen = {}
        for order in self._core.views.orders.live(self._exchange):
            if order.due == "fills":
                self._ask(time, ("fills", order.client_order_id))
        if not self.pending:
            self._done(time)
            self._release(time)

    def ended(self, time: Nanos, order: Order) -> None:
        """An order has ended by another message, and may be forgotten: there is nothing left to ask."""
        self._unseen.pop(order.client_order_id, None)
        self.answered(time, ("order", order.client_order_id))
        if not order.standing.owes_fees:
            self.answered(time, ("fills", order.client_order_id))

    def overrun(self, time: Nanos) -> None:
        """Too many frames are held."""
        self._release(time)

    def _ask(self, time: Nanos, wanted: Wanted) -> None:
        if wanted not in self.pending:
            self.pending[wanted] = None
            self._requests.ask_from_now(time, wanted)

    def _give_up(self, survey: int, now: Nanos) -> None:
        if survey == self._surveys:
            self._release(now)

    def _release(self, time: Nanos) -> None:
        if self.holds:
            self.holds = False
            self._core.undefer(self._exchange)
            self._released(time)
