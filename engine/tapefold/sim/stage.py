"""A kernel and a simulated exchange, and all that is on its way between them, in virtual time.

A plain loop over an agenda: no socket, no clock, no task. Each thing takes a while, as on a wire:
dialling, the way to the exchange and back, a frame's way here. A lane's frames stay in their order.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from heapq import heappop, heappush
from random import Random
from typing import Final, TypeVar
from urllib.parse import urlsplit

from tapefold.adapter import (
    Adapter,
    Close,
    Command,
    Frame,
    Given,
    Open,
    Outcome,
    Request,
    Send,
    trader,
)
from tapefold.kernel import Kernel, Run
from tapefold.log import Log
from tapefold.sim.exchange import NO_ANSWER, Answer, Exchange, Published
from tapefold.sim.faults import Lagging, Refusing, Unsaid
from tapefold.sim.taker import Nobody, Taker
from tapefold.sim.weather import FAIR, WIRE_MAX, Fate, Weather
from tapefold.strategy import Strategy
from tapefold.units import Nanos
from tapefold.views import Views

AskedT = TypeVar("AskedT", Request, Send)
KernelMaker = Callable[[Mapping[str, Adapter], Log, Views | None, Sequence[Strategy]], Kernel]
_MILLISECOND: Final = 1_000_000
DIAL: Final = 60 * _MILLISECOND
"""From dialling to an open lane."""
THERE: Final = 40 * _MILLISECOND
"""A request's way to the exchange, at least; its answer takes twice that, so that deltas come before."""
NEAR: Final = 4 * _MILLISECOND
"""A frame's way here, at least. Any way may take up to twice its least."""
REST_MAX: Final = 2 * WIRE_MAX
"""So long after the exchange's last turn things still arrive: an answer, and one to what it made us ask."""
CUT: Final = 1006
"""The code of a lane that broke off."""


class Stage:
    """One exchange, and one run of an engine after another on one log."""

    def __init__(  # noqa: PLR0913 - each is a word of its own, and all but four have defaults
        self,
        exchange: Exchange,
        adapter: Adapter,
        started: Nanos,
        seed: int,
        *,
        keys: Mapping[str, str] | None = None,
        log: Log | None = None,
        weather: Weather = FAIR,
        kernel: KernelMaker = Kernel,
    ) -> None:
        """*keys* are what requests are signed with; *kernel* makes the engine of each run.

        Without a *log* of its own it keeps no events: enough to prove a recording by its digest.
        """
        self.exchange, self.adapter, self.weather = exchange, adapter, weather
        self.time, self.ends = started, 1 << 62
        """When it is, and after when the exchange goes on no more."""
        self.log = log or Log()
        self.kernel: Kernel
        """Of the latest run."""
        self.asked: Counter[str] = Counter()
        """How many requests there were, by purpose."""
        self.lanes: dict[str, str] = {}
        """URLs of the lanes that are open, in their order."""
        self.private: dict[str, None] = {}
        """Lanes on which something signed was said: the account's."""
        self._keys, self._make = keys or {}, kernel
        self._random = Random(f"{seed} wire")
        self._agenda: list[tuple[Nanos, int, Callable[[Nanos], None]]] = []
        self._noted = self._runs = 0
        self._goes_on = 0
        """When the exchange's next turn is noted for."""
        self._writer: Taker = Nobody()
        self._latest: dict[str, Nanos] = {}
        """When a lane's last frame arrives: the next may not overtake it."""
        self._there: dict[str, Nanos] = {}
        """When the last message on a lane is at the exchange."""

    # Runs

    def start(
        self, run: Run, writer: Taker | None = None, strategies: Sequence[Strategy] = ()
    ) -> None:
        """An engine begins, on the log as it is."""
        first, self._runs = not self._runs, self._runs + 1
        self._writer = writer or Nobody()
        views = Views.of(record.event for record in self.log.read()) if self.log.head else None
        name = self.adapter.description.exchange
        self.kernel = self._make({name: self.adapter}, self.log, views, strategies)
        self.kernel.start(self.time, run)
        self._take(self.time, self.kernel.tick(self.time))
        if first:
            self._go_on()

    def stop(self) -> None:
        """The engine is gone, as if killed. What it sent is on its way, and nobody hears of it."""
        for lane in [*self.lanes]:
            self.exchange.disconnect(lane)
        self.lanes, self._latest, self._there, self._writer = {}, {}, {}, Nobody()
        self.private = {}  # the next run counts its lanes from the first one again
        self._runs += 1

    def command(self, command: Command, time: Nanos | None = None) -> None:
        """The caller says something, now or at *time*. Raises as the kernel does."""
        self.time = self.time if time is None else time
        self._tick(self.time)
        self.kernel.check(command)
        self._writer.command(self.time, command)
        self._take(self.time, self.kernel.command(self.time, command))

    def cut(self, lanes: Sequence[str]) -> None:
        """The exchange hangs up on these."""
        for lane in lanes:
            self.exchange.disconnect(lane)
            self._feed(self._runs, Frame(self.time, lane, "close", status=CUT))

    # The agenda

    def at(self, time: Nanos, act: Callable[[Nanos], None]) -> None:
        """Of two things at one time the one that was noted first comes first."""
        self._noted += 1
        heappush(self._agenda, (time, self._noted, act))

    def advance(self) -> bool:
        """The next thing happens; False where there is none."""
        if not self._agenda:
            return False
        while (due := self.kernel.due) is not None and due <= self._agenda[0][0]:
            self._tick(due)  # which may note what comes sooner than what is noted now
        time, _, act = heappop(self._agenda)
        self.time = max(self.time, time)
        act(self.time)
        return True

    def play_out(self) -> None:
        """All that is still to come. What is on its way when the exchange goes on no more arrives, but
        not what an engine that never rests asks then, again and again.
        """
        while self._agenda and self._agenda[0][0] <= self.ends + REST_MAX:
            self.advance()

    def go_on(self) -> None:
        """The exchange was asked for something: what is due there may have become so sooner."""
        if self.exchange.due < self._goes_on:
            self._go_on()

    def _go_on(self) -> None:
        """The exchange's next turn will come."""
        self._goes_on = self.exchange.due
        if self._goes_on <= self.ends:
            self.at(self._goes_on, self._turn)

    def _turn(self, time: Nanos) -> None:
        """The exchange goes on, unless it did since this was noted; what it sends will arrive."""
        if time == self._goes_on and time <= self.ends:
            self._publish(time, self.exchange.turn())
            self._go_on()

    def _publish(self, time: Nanos, published: Sequence[Published]) -> None:
        for lane, data in published:
            for later, said in self.weather.frame(lane, data):
                leaves = time + later
                self._latest[lane] = max(leaves + self._way(NEAR), self._latest.get(lane, 0))
                self._arrive(Frame(self._latest[lane], lane, "recv", said))

    def _tick(self, time: Nanos) -> None:
        """What the kernel has due before *time*, as the wire would tell it."""
        while (due := self.kernel.due) is not None and due <= time:
            self.time = max(self.time, due)
            self._take(due, self.kernel.tick(due))

    # From the engine

    def _take(self, time: Nanos, out: Sequence[Outcome]) -> None:
        """Write down what the kernel asks for, and let it happen."""
        for asked in out:
            if isinstance(asked, Given):
                self._writer.command(asked.time, asked.command)
                continue
            self._writer.out(time, asked)
            match asked:
                case Open():
                    self.at(time + self._way(DIAL), partial(self._opened, self._runs, asked))
                case Request():
                    self._request(asked, time)
                case Send():
                    if asked.signed:
                        self.private[asked.lane] = None
                    arrives = max(time + self._way(NEAR), self._there.get(asked.lane, 0))
                    self._there[asked.lane] = arrives
                    self.at(arrives, partial(self._heard, self._signed(asked, time)))
                case Close():
                    self.lanes.pop(asked.lane, None)
                    self.exchange.disconnect(asked.lane)

    def _signed(self, asked: AskedT, time: Nanos) -> AskedT:
        """As the wire would sign it: by the exchange's clock, as far as it is known."""
        able = trader(self.adapter) if asked.signed and self._keys else None
        if able is None:
            return asked
        clock = self.kernel.views.health.clocks.get(self.adapter.description.exchange)
        ahead = clock.ahead if clock and abs(clock.ahead) > clock.within else 0
        return able.sign(asked, self._keys, time + ahead)

    def _request(self, request: Request, time: Nanos) -> None:
        """It leaves."""
        self.asked[request.purpose] += 1
        signed, fate = self._signed(request, time), self.weather.request(request)
        arrives = time + self._way(THERE)
        if fate and fate.what == "lost":
            self._arrive(_failed(request, arrives + self._way(THERE)))
            return
        self.at(arrives, partial(self._asked, self._runs, request, signed, fate))

    # At the exchange

    def _opened(self, run: int, asked: Open, time: Nanos) -> None:
        if run == self._runs:
            self.lanes[asked.lane] = asked.url
            self.exchange.connect(asked.lane, asked.url)
            self._feed(run, Frame(time, asked.lane, "opened"))

    def _asked(
        self, run: int, request: Request, signed: Request, fate: Fate | None, time: Nanos
    ) -> None:
        """A request is at the exchange: what it says now is what will be heard."""
        answer = self._answer(signed, fate, time)
        self.go_on()
        takes = self._way(2 * THERE) + (fate.by if fate and fate.what == "late" else 0)
        arrives = time + min(takes, WIRE_MAX)
        if answer.status == NO_ANSWER or takes > WIRE_MAX:
            frame = _failed(request, arrives)
        else:
            later = int(answer.headers.get("Retry-After", "0"))
            frame = Frame(
                arrives,
                request.lane,
                "response",
                answer.body,
                request,
                answer.status,
                retry_after=later,
            )
        self._arrive(frame, run)

    def _answer(self, signed: Request, fate: Fate | None, time: Nanos) -> Answer:
        """What the exchange says, as if that went wrong there which is this request's fate."""
        of, faults = f"{signed.method} {urlsplit(signed.url).path}", self.exchange.faults
        match fate:
            case Fate(what="refused"):
                fault = faults.first(Refusing(of, fate.status, fate.retry_after))
            case Fate(what="unanswered"):
                fault = faults.first(Unsaid(of, NO_ANSWER))
            case Fate(what="lagging"):
                fault = faults.first(Lagging(of, fate.by))
            case _:
                return self.exchange.answer(signed, time)
        try:
            return self.exchange.answer(signed, time)
        finally:
            if faults.drop(fault):
                self.weather.spared(signed, fate)

    def _heard(self, said: Send, time: Nanos) -> None:
        """A message is at the exchange."""
        self._publish(time, self.exchange.hear(said.lane, said.text, time))
        self.go_on()

    # To the engine

    def _arrive(self, frame: Frame, run: int = 0) -> None:
        run = run or self._runs
        self.at(frame.time, lambda _: self._feed(run, frame))

    def _feed(self, run: int, frame: Frame) -> None:
        if run != self._runs or (frame.kind == "recv" and frame.lane not in self.lanes):
            return  # who asked is gone, or hung up
        if frame.kind == "close":
            self.lanes.pop(frame.lane, None)
        self._writer.frame(frame)
        self._take(frame.time, self.kernel.step(frame))

    def _way(self, least: Nanos) -> Nanos:
        return least + int(self._random.random() * self._random.random() * least)


def _failed(request: Request, time: Nanos) -> Frame:
    return Frame(time, request.lane, "failed", request=request, reason="cut")
