"""Attendance: what our orders on one exchange are due, and how long we wait for what does not come.

The fold of orders says what an order is due: its trades, a question, another cancel. Here it is asked
for, with pauses that grow, until it is due no more; and what was waited for in vain becomes a fact of
its own, `DeadlinePassed`.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Final, Literal, TypeAlias

from tapefold.adapter import Purpose
from tapefold.events import ZERO, AccountWatched, DeadlinePassed, RequestAnswered
from tapefold.folds.orders import Due, Order
from tapefold.kernel.core import Core
from tapefold.kernel.rate import backoff
from tapefold.kernel.requests import Requests, Wanted
from tapefold.units import Nanos

CANCELS_MAX: Final = 5
"""Times that an order is canceled which the exchange says it will cancel, and does not."""
POLLS: Final = 2
"""Polls that find an order open whose cancel was taken, before it is canceled again."""
_ASKED: Final[dict[Purpose, Due]] = {"order": "query", "fills": "fills"}
"""What is asked when an order is due for it."""
Deadline: TypeAlias = Literal["settle", "closed", "expiry"]


class Attendance:
    """One exchange's orders of ours."""

    def __init__(
        self,
        core: Core,
        requests: Requests,
        rules: AccountWatched,
        cancel: Callable[[Nanos, Order], None],
    ) -> None:
        self._core, self._requests, self._rules, self._cancel = core, requests, rules, cancel
        self._asking: dict[Wanted, None] = {}
        """What is asked until it is due no more."""
        self._queried: dict[str, None] = {}
        """Orders that the caller wants asked about, by client order id."""
        self._waits: dict[tuple[str, Deadline], Decimal] = {}
        """What is waited for, by order: a timer of an earlier wait is no longer meant."""
        self._cancels: dict[str, int] = {}
        """The cancel after which the next one is on its way, by order."""
        self._polls: dict[str, int] = {}
        """How often an order was found open since its cancel was taken."""

    def attend(self, time: Nanos, order: Order) -> None:
        """Something was learned about an order of ours."""
        if order.intent is None:
            return
        name = order.client_order_id
        if _wants_cancel(order):
            self._cancel_again(time, order)
        due = order.due
        for purpose, what in _ASKED.items():
            wanted: Wanted = purpose, name
            if due != what:
                self._asking.pop(wanted, None)
            elif wanted not in self._asking:
                self._asking[wanted] = None
                self._requests.ask(time, wanted)
        ended = order.ended
        if ended or order.cancel != "taken":
            self._polls.pop(name, None)
        if ended:
            self._cancels.pop(name, None)
        self._wait(time, order)

    def query(self, time: Nanos, client_order_id: str) -> None:
        """The caller wants to know how an order is."""
        self._queried[client_order_id] = None
        self._requests.ask(time, ("order", client_order_id))

    def is_wanted(self, wanted: Wanted) -> bool:
        """Whether this is still to be asked."""
        purpose, name = wanted
        order = self._core.views.orders.find(name)
        if order is None:
            return False
        return _is_due(order, purpose) or (purpose == "order" and name in self._queried)

    def answered(self, time: Nanos, wanted: Wanted) -> None:
        """It was answered: ask again after a while if it is still due."""
        self._queried.pop(wanted[1], None)
        if self.is_wanted(wanted):
            self._asking[wanted] = None
            self._requests.try_again(time, wanted)
        else:
            self._asking.pop(wanted, None)

    def found_open(self, time: Nanos, order: Order) -> None:
        """A poll says that an order is open. One whose cancel was taken should not be for long."""
        if order.cancel != "taken":
            return
        name = order.client_order_id
        self._polls[name] = self._polls.get(name, 0) + 1
        if self._polls[name] < POLLS:
            return
        self._polls[name] = 0
        if order.request < CANCELS_MAX:
            self._cancel(time, order)
        else:
            event = RequestAnswered(
                client_order_id=name,
                request=order.request,
                outcome="refused",
                reason="not_canceled",
            )
            self._core.append(time, event)

    def expire(self, time: Nanos, order: Order) -> None:
        """Cancel an order when its own time is over: now, where that was before this run."""
        assert order.intent is not None, "it is ours"
        if order.intent.expires_at:
            due = max(time, order.intent.expires_at)
            self._core.at(due, partial(self._expired, order.client_order_id))

    def _expired(self, name: str, now: Nanos) -> None:
        order = self._core.views.orders.find(name)
        if order is None or order.ended:
            return
        self._core.append(now, DeadlinePassed(client_order_id=name, deadline="expiry"))
        if not self._rules.expires_silently:
            self._cancel(now, order)

    def _cancel_again(self, time: Nanos, order: Order) -> None:
        """A cancel that nobody answered, or that had overtaken its order, is sent once more."""
        name, request = order.client_order_id, order.request
        if self._cancels.get(name) == request:
            return
        self._cancels[name] = request
        if request <= 1:
            self._cancel(time, order)
        else:
            self._core.at(time + backoff(request - 2), partial(self._still_wanted, name, request))

    def _still_wanted(self, name: str, request: int, now: Nanos) -> None:
        order = self._core.views.orders.find(name)
        if order and _wants_cancel(order) and order.request == request:
            self._cancel(now, order)

    # What does not come

    def _wait(self, time: Nanos, order: Order) -> None:
        known, name = order.evidence, order.client_order_id
        if order.doubt != "unreconciled":
            self._waits.pop((name, "settle"), None)
            self._waits.pop((name, "closed"), None)
            return
        stated = max(known.executed, known.final or ZERO)
        if known.settled < stated:
            self._until(time, order, "settle", stated)
        if known.claims and known.final is None:
            self._until(time, order, "closed", max(stated, order.done.amount))

    def _until(self, time: Nanos, order: Order, deadline: Deadline, executed: Decimal) -> None:
        key = order.client_order_id, deadline
        if self._waits.get(key) != executed:
            self._waits[key] = executed
            wait = self._rules.settle if deadline == "settle" else self._rules.closed
            self._core.at(time + wait, partial(self._passed, key, executed))

    def _passed(self, key: tuple[str, Deadline], executed: Decimal, now: Nanos) -> None:
        order = self._core.views.orders.find(key[0])
        if order is None or self._waits.get(key) != executed:
            return
        event = DeadlinePassed(client_order_id=key[0], deadline=key[1], executed=executed)
        self._core.append(now, event)


def _wants_cancel(order: Order) -> bool:
    """Whether its cancel is to be sent again, whatever else it is due: no question may hold that up."""
    return order.status == "open" and order.cancel == "again"


def _is_due(order: Order, purpose: Purpose) -> bool:
    """Whether an order is due for this question."""
    return order.due == _ASKED.get(purpose, purpose)
