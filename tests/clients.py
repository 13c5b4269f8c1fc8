"""Clients of a recorded session that are not the one it was recorded of, for tests of the mock door.

Each is the engine, a kernel and a real wire, and differs by its manner: it is late, asks one thing at a
time, calls its orders otherwise, or polls at another pace.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import partial
from random import Random
from typing import Final

import httpx
import msgspec
import trio
from came import Came, asked_of, ids_of, plain, renamed
from msgspec.structs import replace

from tapefold import Session, Views
from tapefold.adapter import (
    Cancel,
    Command,
    Frame,
    Outgoing,
    Query,
    Request,
    WatchAccount,
    load_adapter,
)
from tapefold.engine.mocked import BARRIER
from tapefold.kernel import Kernel
from tapefold.log import Log
from tapefold.log.store import in_memory
from tapefold.mock import Door, Tempo, Timeline, open_mock, timeline_of
from tapefold.replay import run_of
from tapefold.units import Nanos
from tapefold.wire import Wire
from tapefold.wire.seams import Outside

TURNS_MAX: Final = 6
"""Turns of the scheduler by which a task of one that dawdles is woken later than it might be."""
_MILLISECOND: Final = 1_000_000


class Manner(msgspec.Struct, frozen=True):
    """How a client differs from the one that was recorded; by default not at all."""

    run_id: str = ""
    """Of its own, with which its orders' ids begin."""
    late: int = 0
    """Milliseconds by which it gives its commands later than the tape says, at most, or earlier."""
    slow: int = 0
    """Milliseconds by which its requests leave later, at most. Its tasks are woken in any order, too."""
    at_once: float = math.inf
    """Requests on their way at once."""
    often: int = 1
    """How many times as often it polls."""
    seldom: int = 1
    """How many times as seldom."""


class Client:
    """An engine of its own manner, for one session."""

    def __init__(self, session: Session, was: Came, manner: Manner, seed: str) -> None:
        """*was* is what is on the recording; *seed* is of all that the client leaves to chance."""
        self._session, self._was, self._manner = session, was, manner
        self._chance = Random(seed)
        start = session.start()
        self._log = Log(in_memory(), start=start.tail if start else None)
        made = {name: load_adapter(name) for name in session.meta.exchanges}
        self._kernel = Kernel(made, self._log, start.thaw() if start else None)
        run = run_of(session.meta)
        run = replace(run, run_id=manner.run_id or run.run_id)
        self._kernel.start(session.meta.started_ns, run)
        self._heard: dict[str, list[bytes]] = defaultdict(list)
        self._taken = Counter[str]()
        """How much was heard, by connection."""
        self._asked = Counter[str]()
        """How often, by method and path; and what of it was answered."""
        self._answered = Counter[str]()
        self._news = trio.Event()
        self._early = 0

    async def play(
        self, *, virtual: bool, speed: float | None = None, patience: float = Tempo().patience
    ) -> Came:
        """Play the client's part to the end. Raises `Mismatch` as the door does."""
        timeline = timeline_of(self._session)
        async with (
            open_mock(
                timeline, virtual=virtual, speed=speed, patience=patience, barrier=BARRIER
            ) as door,
            trio.open_nursery() as nursery,
        ):
            wire = Wire(self._kernel, self._log, self._outside(door), tee=self)
            await nursery.start(wire.run)
            nursery.start_soon(self._command, door, wire, timeline)
            await door.finished.wait()
            polls = {_taken_as(timeline, line) for line in _polls(timeline)}
            while any(self._asked[poll] != self._answered[poll] for poll in polls):
                await self._news.wait()  # what is free holds up no end of the tape
            nursery.cancel_scope.cancel()
        return self._came(len(door.relaxed))

    def _came(self, relaxed: int) -> Came:
        """As the recording would have called it."""
        written = [record.event for record in self._log.read()]
        ids = ids_of(written)
        names = {ids[by]: self._was.ids[by] for by in ids}
        if self._manner.run_id:
            names[self._manner.run_id] = self._session.meta.run_id
        events = renamed(written, names)
        start = self._session.start()
        views = start.thaw() if start else Views()
        views.apply_all(events)
        heard = {lane: [plain(data, names) for data in said] for lane, said in self._heard.items()}
        digest, was = self._log.digest(), self._asked
        return Came(events, views, heard, digest, ids, relaxed, self._early, was)

    # What a recorder would be told

    crowded: bool = False

    def command(self, time: Nanos, command: Command) -> None:
        """Of no account."""

    def out(self, time: Nanos, out: Outgoing) -> None:
        """What it asked for."""
        if isinstance(out, Request):
            self._asked[asked_of(out.method, out.url)] += 1

    def wait(self) -> None:
        """There is nothing to wait for."""

    def frame(self, frame: Frame, headers: Mapping[str, str] = {}) -> None:
        """It was heard: what it leads to may come."""
        if frame.kind == "recv":
            self._heard[frame.lane].append(bytes(frame.data))
        if frame.request:
            self._answered[asked_of(frame.request.method, frame.request.url)] += 1
        else:
            self._taken[frame.lane] += 1
        self._news.set()
        self._news = trio.Event()

    # What it does

    async def _command(self, door: Door, wire: Wire, timeline: Timeline) -> None:
        """Give the commands of the tape, in their order, and none before all that led to it was heard."""
        async with aclosing(door.commands()) as moments:
            behind = 0
            for line, command in timeline.commands.items():
                behind += 1
                at = timeline.at(line)
                sooner = self._sooner(timeline, line)
                if sooner:
                    await door.outside.clock.sleep_until(timeline.started_ns + at - sooner)
                    self._early += 1
                else:
                    while behind:
                        await anext(moments)
                        behind -= 1
                    # The client's own slowness, which is what is tested: nothing is waited for.
                    await trio.sleep(self._up_to(self._manner.late))
                await self._hear_all(timeline, line, at - sooner)
                self._give(wire, command)

    def _sooner(self, timeline: Timeline, line: int) -> Nanos:
        """By how much a command is early, if at all. One that has the time of a line was caused by that."""
        late = self._manner.late * _MILLISECOND
        sooner = self._chance.randint(-late, late)
        last = max(
            (timeline.at(n) for n in self._theirs(timeline, line)), default=timeline.at(line)
        )
        return max(sooner, 0) if last < timeline.at(line) else 0

    async def _hear_all(self, timeline: Timeline, line: int, until: Nanos) -> None:
        """Wait for what is above a line, and is not later than *until*."""
        above = [n for n in self._theirs(timeline, line) if timeline.at(n) <= until]
        wanted = Counter(_taken_as(timeline, n) for n in above if not timeline.free[n])
        wanted |= Counter({_taken_as(timeline, n) for n in above})  # of polls one
        while not wanted <= self._taken + self._answered:
            await self._news.wait()

    def _theirs(self, timeline: Timeline, line: int) -> list[int]:
        """What the exchange says above a line."""
        return [n for n in range(line) if timeline.theirs[n] and n not in timeline.commands]

    def _give(self, wire: Wire, command: Command) -> None:
        """With its own pace of polls, and its own ids."""
        if isinstance(command, WatchAccount):
            pace = self._manner.seldom, self._manner.often
            poll, silent = (n * pace[0] // pace[1] for n in (command.poll, command.poll_silent))
            command = replace(command, poll=poll, poll_silent=silent)
        elif isinstance(command, Cancel | Query):
            ids = ids_of(record.event for record in self._log.read())
            names = {self._was.ids[by]: ids[by] for by in ids}
            name = command.client_order_id
            command = replace(command, client_order_id=names.get(name, name))
        wire.command(command)

    # What it lives in

    def _outside(self, door: Door) -> Outside:
        outside = door.outside

        async def dial(lane: str, url: str) -> trio.abc.Stream:
            await self._dawdle()
            return _Dawdling(await outside.dial(lane, url), self._dawdle)

        late = partial(self._up_to, self._manner.slow)
        queue = _Queue(outside.transport, self._manner.at_once, late, self._dawdle)
        return outside._replace(dial=dial, transport=queue)

    def _up_to(self, most: int) -> float:
        """So many milliseconds, or fewer, in seconds."""
        return self._chance.randint(0, most) / 1000

    async def _dawdle(self) -> None:
        """Any number of others go first."""
        if self._manner.slow:
            for _ in range(self._chance.randrange(TURNS_MAX)):
                await trio.lowlevel.checkpoint()


class _Queue(httpx.AsyncBaseTransport):
    """Requests leave late, and so many at a time."""

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        at_once: float,
        late: Callable[[], float],
        dawdle: Callable[[], Awaitable[None]],
    ) -> None:
        self._inner, self._late, self._dawdle = inner, late, dawdle
        self._turns = trio.CapacityLimiter(at_once)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Asked when it is its turn."""
        await trio.sleep(self._late())  # the client's own slowness, likewise
        async with self._turns:
            await self._dawdle()
            response = await self._inner.handle_async_request(request)
            await self._dawdle()
        return response


class _Dawdling(trio.abc.Stream):
    """Whoever reads it is woken late."""

    def __init__(self, inner: trio.abc.Stream, dawdle: Callable[[], Awaitable[None]]) -> None:
        self._inner, self._dawdle = inner, dawdle

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._inner.receive_some(max_bytes)
        await self._dawdle()
        return data

    async def aclose(self) -> None:
        await self._inner.aclose()


def _polls(timeline: Timeline) -> list[int]:
    """The answers of requests that are free."""
    return [timeline.replies[n] for n in timeline.free_asked if n in timeline.replies]


def _taken_as(timeline: Timeline, line: int) -> str:
    """What a line of the exchange's is counted as, once it was heard."""
    number = timeline.numbers.get(line)
    if number is None:
        return timeline.lines[line].lane
    fields = timeline.fields[timeline.requests[number]]
    return f"{fields['method']} {fields['path']}"
