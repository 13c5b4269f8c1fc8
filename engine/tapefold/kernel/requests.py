"""What one exchange is asked over HTTP: one request for one thing at a time, and again where it failed.

One that failed is asked again after 1, 2, 4 ... 60 seconds. An exchange that asks to be left alone is
asked nothing until that time is over; then what waited goes out in its order. How long a request may
take is the wire's to say: it reports `failed`.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeAlias

from tapefold.adapter import Frame, Purpose, Rate, Request
from tapefold.kernel.core import Core
from tapefold.kernel.gate import Entry, Gate
from tapefold.kernel.rate import CALM, backoff
from tapefold.units import MINUTE, SECOND, Nanos

OK: Final = 200
LIMITED: Final = (418, 429)
"""Too many requests; 418 is Binance's word for a ban, after too many 429."""
REST: Final = MINUTE
"""How long an exchange is left alone that does not say for how long: limits are by the minute."""
REST_MAX: Final = 7 * 24 * 60 * MINUTE
"""The longest that is believed: Binance's longest ban is three days. A week fits into an event, too."""
Wanted: TypeAlias = tuple[Purpose, str]
"""What a request is for, and what it is about: ("book", "ETHUSDT")."""


class Requests:
    """What is in flight, and how often each thing was tried in vain."""

    def __init__(
        self,
        exchange: str,
        core: Core,
        make: Callable[[Wanted], Request],
        is_wanted: Callable[[Wanted], bool],
        windows: Mapping[str, Rate],
    ) -> None:
        self._lane, self._core = f"{exchange}/http", core
        self._make, self._is_wanted = make, is_wanted
        self._in_flight: set[Wanted] = set()
        """Asked, or about to be as soon as the exchange may be asked."""
        self._left: set[Wanted] = set()
        """Of those the ones that are on their way."""
        self._outdated: set[Wanted] = set()
        """On their way, and what is to come of them is from before it was needed."""
        self.asked: dict[Wanted, Nanos] = {}
        """When each thing was last asked."""
        self._gate = Gate(core.at, windows)
        self._tries: dict[Wanted, int] = {}
        self._troubled: dict[Wanted, Nanos] = {}
        """When something last went wrong with it."""

    def ask(self, time: Nanos, wanted: Wanted) -> None:
        """Ask, unless it is being asked."""
        if wanted not in self._in_flight:
            self._in_flight.add(wanted)
            self._gate.add(time, Entry(partial(self._ready, wanted), partial(self._leave, wanted)))

    def ask_from_now(self, time: Nanos, wanted: Wanted) -> None:
        """Ask for what is so from now on: an answer to an earlier question will not do."""
        if wanted in self._left:
            self._outdated.add(wanted)
        self.ask(time, wanted)

    def answered(self, wanted: Wanted) -> None:
        """It is no longer in flight, however it ended."""
        self._in_flight.discard(wanted)
        self._left.discard(wanted)

    def is_outdated(self, time: Nanos, wanted: Wanted) -> bool:
        """Whether what has just been answered is from before; it is asked again then."""
        if wanted not in self._outdated:
            return False
        self.ask(time, wanted)
        return True

    def forget(self, wanted: Wanted) -> None:
        """It will not be asked any more."""
        for known in (self.asked, self._tries, self._troubled):
            known.pop(wanted, None)

    def rest(self, until: Nanos) -> None:
        """Ask nothing before *until*."""
        self._gate.rest(until)

    def try_again(self, time: Nanos, wanted: Wanted) -> None:
        """Ask again after a while, a longer one each time."""
        tries = 0 if self._is_calm(time, wanted) else self._tries[wanted]
        self._tries[wanted] = tries + 1
        self._core.at(time + backoff(tries), partial(self._retry, wanted))

    def ask_anew(self, time: Nanos, wanted: Wanted) -> None:
        """What an answer brought was no good, or did not last.

        Usually the next one is better: ask at once. But where it is the same again within two
        minutes, only after a while: an exchange that is asked at each delta bans who asks.
        """
        if not self._is_calm(time, wanted):
            self.try_again(time, wanted)
            return
        self._tries[wanted] = 0
        self.ask(time, wanted)

    def once(self, time: Nanos, request: Request) -> Callable[[], bool]:
        """Ask this, once and never again, before all that waits: what changes something there.

        To call what it gives is to take it back; that gives False where it has left.
        """
        entry = Entry(lambda: request, self._send)
        self._gate.add(time, entry, urgent=True)
        return partial(self._gate.drop, entry)

    def wait(self, time: Nanos, costs: Mapping[str, int]) -> Nanos:
        """How long what costs so much would have to wait if it were asked now."""
        return self._gate.due(time, costs) - time

    def _ready(self, wanted: Wanted) -> Request | None:
        """What to ask; None where nobody waits for it any more: it had to wait too long."""
        if not self._is_wanted(wanted):
            self._in_flight.discard(wanted)
            return None
        return self._make(wanted)

    def _leave(self, wanted: Wanted, now: Nanos, request: Request) -> None:
        self.asked[wanted] = now
        self._left.add(wanted)
        self._outdated.discard(wanted)
        self._send(now, request)

    def _send(self, _: Nanos, request: Request) -> None:
        self._core.ask(request, self._lane)

    def _is_calm(self, time: Nanos, wanted: Wanted) -> bool:
        """Whether nothing went wrong with it for a while; from now on something has."""
        last, self._troubled[wanted] = self._troubled.get(wanted), time
        return last is None or time - last > CALM

    def _retry(self, wanted: Wanted, now: Nanos) -> None:
        if self._is_wanted(wanted):
            self.ask(now, wanted)


def resting(frame: Frame) -> Nanos:
    """For how long a refusal asks to be left alone; 0 where it does not."""
    if frame.retry_after > 0:
        return min(frame.retry_after * SECOND, REST_MAX)
    return REST if frame.status in LIMITED else 0
