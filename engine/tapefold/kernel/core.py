"""What all parts of a kernel share: the log, the views, timers, and what is to go out."""

from collections.abc import Callable, Container, Iterable, Sequence
from heapq import heappop, heappush
from operator import itemgetter

from msgspec.structs import replace

from tapefold.adapter import Outcome, Request
from tapefold.events import AnyEvent, Conclusion
from tapefold.folds.orders import Order
from tapefold.kernel.lane import Lane
from tapefold.log import Sink
from tapefold.units import Nanos
from tapefold.views import Views


class Core:
    """Log first, then fold: a crash between the two loses no event, only a view of it."""

    def __init__(self, log: Sink, views: Views) -> None:
        self.log, self.views = log, views
        self.out: list[Outcome] = []
        self.seed = 0
        """The run's: what chance there is, is drawn from it."""
        self.run_id = ""
        self.order_id = ""
        """The client order id that was given last."""
        self.orders = 0
        """Orders of this run so far: ids are counted, so a replay gives the same ones."""
        self.up: dict[str, Lane] = {}
        """The lanes that are up, of all exchanges: who hears a received frame."""
        self.skipped = 0
        """Frames that were read and that nobody uses."""
        self.attends: dict[str, Callable[[Nanos, Order], None]] = {}
        """By exchange: told of each order of ours about which something was learned."""
        self._deferred: dict[str, dict[int, None]] = {}
        """By exchange that is surveyed: its orders about which nothing is concluded meanwhile."""
        self.reacts: Callable[[Nanos], None] | None = None
        """Where strategies are at work: lets them hear of what was due together."""
        self._requests = self._timed = 0
        self._timers: list[tuple[Nanos, int, Callable[[Nanos], None]]] = []
        self.due: Nanos | None = None
        """When the next timer is due."""

    def append(self, time: Nanos, event: AnyEvent) -> None:
        """Log an event and fold it."""
        self.log.append(time, event)
        self.views.apply(event)

    def conclude(self, time: Nanos, *, everything: bool = False) -> None:
        """What the facts of a step come to: what is, minus what was told, is logged with them.

        In the order in which it happened at the exchange, as far as that was said; of one order never
        out of its own.
        """
        views = self.views
        later = {number for numbers in self._deferred.values() for number in numbers}
        changed = self._changed(later)
        while everything or changed or views.balances.touched:
            for event in _in_their_order(views.orders.news(everything=everything, later=later)):
                self.append(time, event)
            for adjusted in views.balances.news():
                self.append(time, adjusted)
            for order in changed:
                if order.exchange in self.attends:
                    self.attends[order.exchange](time, order)
            everything, changed = False, self._changed(later)

    def _changed(self, later: Container[int]) -> list[Order]:
        touched = self.views.orders.touched
        return [order for number, order in touched.items() if number not in later]

    def defer(self, exchange: str, numbers: Iterable[int]) -> None:
        """Conclude nothing about these orders until `undefer`."""
        self._deferred[exchange] = dict.fromkeys(numbers)

    def undefer(self, exchange: str) -> None:
        """Conclude again what was deferred; the next `conclude` does it."""
        self._deferred.pop(exchange, None)

    @property
    def unsettled(self) -> bool:
        """Whether there is anything to conclude."""
        return bool(self.views.orders.touched or self.views.balances.touched)

    def next_order_id(self) -> str:
        """A new client order id: the run's, and the number of the order in it."""
        self.orders += 1
        while self.views.orders.is_taken(self.id_of(self.orders)):  # of a run that was called alike
            self.orders += 1
        self.order_id = self.id_of(self.orders)
        return self.order_id

    def id_of(self, number: int) -> str:
        """The client order id of the run's order with this number."""
        return f"{self.run_id}-{number}"

    def ask(self, request: Request, lane: str) -> Request:
        """Send a request; it gets the run's next number."""
        self._requests += 1
        request = replace(request, n=self._requests, lane=lane)
        self.out.append(request)
        return request

    def at(self, due: Nanos, call: Callable[[Nanos], None]) -> None:
        """Call at *due*, in the first step that is not before it."""
        self._timed += 1
        heappush(self._timers, (due, self._timed, call))
        self.due = self._timers[0][0]

    def fire(self, now: Nanos) -> None:
        """Call what is due by *now*, each with the time at which it was due.

        So timers are a pure function of stamps: nobody records them, and one that the operating
        system brings late changes no log.
        """
        while self._timers and self._timers[0][0] <= now:
            due, _, call = heappop(self._timers)
            call(due)
            if self.unsettled:
                self.conclude(due)
            if self.reacts and not (self._timers and self._timers[0][0] <= due):
                self.reacts(due)
        self.due = self._timers[0][0] if self._timers else None


def _in_their_order(news: Sequence[AnyEvent]) -> list[AnyEvent]:
    """Conclusions by the exchange's time; one never before another of its order that stands before it."""
    latest: dict[str, Nanos] = {}
    timed: list[tuple[Nanos, AnyEvent]] = []
    for event in news:
        time = 0
        if isinstance(event, Conclusion):
            name = event.client_order_id or str(getattr(event, "exchange_order_id", ""))
            time = latest[name] = max(latest.get(name, 0), event.time_exchange)
        timed.append((time, event))
    return [event for _, event in sorted(timed, key=itemgetter(0))]
