"""What all parts of a kernel share: the log, the views, timers, and what is to go out."""

from collections.abc import Callable
from heapq import heappop, heappush

from msgspec.structs import replace

from tapefold.adapter import Outgoing, Request
from tapefold.events import AnyEvent
from tapefold.kernel.lane import Lane
from tapefold.log import Sink
from tapefold.units import Nanos
from tapefold.views import Views


class Core:
    """Log first, then fold: a crash between the two loses no event, only a view of it."""

    def __init__(self, log: Sink, views: Views) -> None:
        self.log, self.views = log, views
        self.out: list[Outgoing] = []
        self.seed = 0
        """The run's: what chance there is, is drawn from it."""
        self.up: dict[str, Lane] = {}
        """The lanes that are up, of all exchanges: who hears a received frame."""
        self.skipped = 0
        """Frames that were read and that nobody uses."""
        self._requests = self._timed = 0
        self._timers: list[tuple[Nanos, int, Callable[[Nanos], None]]] = []

    def append(self, time: Nanos, event: AnyEvent) -> None:
        """Log an event and fold it."""
        self.log.append(time, event)
        self.views.apply(event)

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

    def fire(self, now: Nanos) -> None:
        """Call what is due by *now*, each with the time at which it was due.

        So timers are a pure function of stamps: nobody records them, and one that the operating
        system brings late changes no log.
        """
        while self._timers and self._timers[0][0] <= now:
            due, _, call = heappop(self._timers)
            call(due)

    @property
    def due(self) -> Nanos | None:
        """When the next timer is due."""
        return self._timers[0][0] if self._timers else None
