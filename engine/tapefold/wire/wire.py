"""The wire: a kernel among sockets. It does the I/O, says what time it is, and decides nothing.

The kernel is called in the task that read the frame; a step is synchronous, so there is one order of
everything. A recorder, where there is one, is told first: of a frame before the kernel sees it, of
what is asked before a byte of it leaves.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import trio
from msgspec.structs import replace

from tapefold.adapter import (
    AskedT,
    Close,
    Command,
    Frame,
    Given,
    Open,
    Outcome,
    Outgoing,
    Request,
    Send,
)
from tapefold.errors import Refused
from tapefold.kernel import Kernel
from tapefold.log import Log
from tapefold.units import Nanos
from tapefold.wire.endpoints import Endpoints
from tapefold.wire.lane import Ears, Lane
from tapefold.wire.rest import Rest, open_client
from tapefold.wire.seams import Outside

FLUSH_AFTER: Final = 0.25
"""Seconds that an event may wait before it is handed over to be written."""


class Tee(Protocol):
    """What a wire tells a recorder; each call comes back at once."""

    @property
    def crowded(self) -> bool:
        """Whether whoever reads frames should `wait` before the next one."""
        ...

    def command(self, time: Nanos, command: Command) -> None:
        """A caller's command, before the kernel sees it."""
        ...

    def out(self, time: Nanos, out: Outgoing) -> None:
        """What the kernel asked for, before it leaves."""
        ...

    def frame(self, frame: Frame, headers: Mapping[str, str] = {}) -> None:
        """A frame, before the kernel sees it; of a response also its headers."""
        ...

    def wait(self) -> None:
        """Come back when all of it is written. Called in another thread."""
        ...


class Onlooker(NamedTuple):
    """Somebody who is told of what a wire does."""

    stepped: Callable[[], bool]
    """Called after each step; true where somebody is to run before the next one."""
    notice: Callable[[Frame], None] | None = None
    """Told of every opening, close and failed request, with the wire's own words for why."""
    given: Callable[[Command], None] = lambda command: None
    """Told of what a strategy commanded."""


_NOBODY: Final = Onlooker(lambda: False)


class Wire:
    """One kernel's connections and requests. `run` it, and give it commands."""

    def __init__(
        self,
        kernel: Kernel,
        log: Log,
        outside: Outside,
        *,
        tee: Tee | None = None,
        endpoints: Mapping[str, Endpoints] | None = None,
        onlooker: Onlooker | None = None,
    ) -> None:
        self._kernel, self._log, self._outside, self._tee = kernel, log, outside, tee
        self._endpoints = endpoints or {}
        self._stepped, self._notice, self._given = onlooker or _NOBODY
        self._clock = outside.clock
        self._ears = Ears(self.hear, self._rest)
        self._lanes: dict[str, Lane] = {}
        self._armed: Nanos | None = None
        self._rearm = trio.Event()
        self._yield = self._flushing = self._running = False
        self._changing: dict[int, None] = {}
        """The requests that are to change something there, and have no answer yet."""
        self.frames = 0
        self.time: Nanos = self._clock.now()
        """Of the latest step."""

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Be connected until cancelled. Raises what the kernel and the log raise."""
        async with (
            open_client(self._outside.transport) as client,
            trio.open_nursery() as self._nursery,
        ):
            self._http = Rest(client, self._clock, self._answered)
            self._nursery.start_soon(self._keep_time)
            self._running = True
            self._after(self._kernel.started, self._kernel.tick(self._kernel.started))
            try:
                task_status.started()
                await trio.sleep_forever()
            finally:
                self._running = False

    def command(self, command: Command, time: Nanos | None = None) -> None:
        """Give the kernel a command, now.

        Raises as `Kernel.check`, and `Refused` where it is not running, or where what is logged cannot
        be kept; nothing is done then.
        """
        if not self._running:
            raise Refused("the engine is not running: give commands while it is open")
        if failure := self._log.failure:
            raise failure
        time = max(self.time, self._clock.now() if time is None else time)
        self.tick(time)
        self._kernel.check(command)  # as it is now: a strategy may just have had its time
        if self._tee:
            self._tee.command(time, command)
        try:
            self._after(time, self._kernel.command(time, command))
        except BaseException:  # any: it is raised again
            if self._kernel.views.torn:  # a fold's own mistake: nothing may leave any more
                self._nursery.cancel_scope.cancel()
            raise
        self._flush_later()

    @property
    def changing(self) -> bool:
        """Whether anything is on its way that is to change something at an exchange."""
        return bool(self._changing)

    def hear(self, frame: Frame, headers: Mapping[str, str] = {}) -> bool:
        """Take a frame in, whole; true where somebody is to run before the next one."""
        due = self._kernel.due
        if due is not None and due <= frame.time:
            self.tick(frame.time)  # a tape has what is older above the frame
        if self._tee:
            self._tee.frame(frame, headers)
        self.time, rare = frame.time, frame.kind != "recv"
        if frame.request:
            self._changing.pop(frame.request.n, None)
        self.frames += not rare
        self._after(frame.time, self._kernel.step(frame))
        if rare:
            self._flush_later()
            if self._notice and frame.kind != "response":
                self._notice(frame)
        return self._yield

    def tick(self, now: Nanos) -> None:
        """It is *now*: do what is due, each at its time."""
        while True:
            due = self._kernel.due
            self.time = time = max(self.time, now if due is None else min(due, now))
            self._after(time, self._kernel.tick(time))
            if due is None or due > now:
                return

    async def _answered(self, frame: Frame, headers: Mapping[str, str]) -> None:
        self.hear(frame, headers)
        await self._rest()

    def _after(self, time: Nanos, out: Sequence[Outcome]) -> None:
        """A step is over: do as it asks, and see who waits for what."""
        for asked in out:
            if isinstance(asked, Given):
                self._overheard(asked)
            else:
                if self._tee:
                    self._tee.out(time, asked)
                self._do(asked)
        if self._kernel.due != self._armed:
            self._rearm.set()
        if self._stepped():
            self._yield = True

    def _overheard(self, given: Given) -> None:
        """A strategy has commanded something: it is on the tape as if the caller had."""
        if self._tee:
            self._tee.command(given.time, given.command)
        self._given(given.command)

    def _do(self, asked: Outgoing) -> None:
        match asked:
            case Request():
                if asked.changes:
                    self._changing[asked.n] = None
                self._nursery.start_soon(self._ask, asked, self._log.head)
            case Open():
                url = self._endpoint(asked.lane).ws_url(asked.url)
                self._lanes[asked.lane] = Lane(asked, url, self._outside, self._ears)
                self._nursery.start_soon(self._run, self._lanes[asked.lane])
            case Send():
                if asked.lane in self._lanes:
                    self._lanes[asked.lane].send(self._signed(asked))
            case Close():
                if asked.lane in self._lanes:
                    self._lanes[asked.lane].close(asked)

    async def _ask(self, asked: Request, position: int) -> None:
        """Ask. What changes something there waits until the log is durable up to *position*."""
        try:
            if asked.changes and self._log.durable < position:
                self._log.flush()
                if self._log.durable < position:
                    await trio.to_thread.run_sync(self._log.wait, abandon_on_cancel=True)
        except Refused:  # the disk is full, or the log is another's: nothing may leave
            self.hear(self._http.not_sent(asked))
            return
        await self._http.ask(asked, self._leaving)

    def _leaving(self, asked: Request) -> Request:
        """A request as it leaves: signed now, and to where it really goes."""
        signed = self._signed(asked)
        return replace(signed, url=self._endpoint(asked.lane).rest_url(signed.url))

    def _signed(self, asked: AskedT) -> AskedT:
        sign = self._outside.sign
        if not asked.signed or sign is None:
            return asked
        exchange = asked.lane.partition("/")[0]
        clock = self._kernel.views.health.clocks.get(exchange)
        # What is within the error of measuring is no difference.
        ahead = clock.ahead if clock and abs(clock.ahead) > clock.within else 0
        return sign(exchange, asked, self._clock.now() + ahead)

    def _endpoint(self, lane: str) -> Endpoints:
        return self._endpoints.get(lane.partition("/")[0], _REAL)

    async def _run(self, lane: Lane) -> None:
        try:
            await lane.run()
        finally:
            del self._lanes[lane.name]

    async def _rest(self) -> None:
        """Between two reads: let others go first, and wait where the disk is behind.

        Who does not read is not sent to: TCP carries that back to the exchange.
        """
        if self._yield:  # twice: in the first turn it is open who goes first
            self._yield = False
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
        if self._log.crowded:
            self._log.flush()
            await trio.to_thread.run_sync(self._log.wait, abandon_on_cancel=True)
        if self._tee and self._tee.crowded:
            await trio.to_thread.run_sync(self._tee.wait, abandon_on_cancel=True)
        self._flush_later()

    def _flush_later(self) -> None:
        if not self._flushing and self._log.durable < self._log.head:
            self._flushing = True
            self._nursery.start_soon(self._flush_soon)

    async def _flush_soon(self) -> None:
        await trio.sleep(FLUSH_AFTER)
        self._flushing = False
        self._log.flush()

    async def _keep_time(self) -> None:
        """Tell the kernel what time it is whenever something of its is due."""
        while True:
            self._rearm = trio.Event()
            self._armed = due = self._kernel.due
            if due is None:
                await self._rearm.wait()
            elif await self._is_due(due):
                self.tick(self._clock.now())
                await self._rest()

    async def _is_due(self, due: Nanos) -> bool:
        """Wait until it is; False where something else has become due before that."""
        met = False
        async with trio.open_nursery() as nursery:

            async def wait() -> None:
                nonlocal met
                await self._clock.sleep_until(due)
                met = True
                nursery.cancel_scope.cancel()

            nursery.start_soon(wait)
            await self._rearm.wait()
            nursery.cancel_scope.cancel()
        return met


_REAL: Final = Endpoints()
