"""Whole engines over streams in memory that are killed at a boundary: an exception in one of their seams.

What survives is what a process leaves: rows that were stored, and the exchange. Everything else of an
engine (its log's memory, its connections, what its tasks were at) goes with it, and while it goes it can
neither write nor send.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import repeat
from typing import Final, NamedTuple, cast
from urllib.parse import parse_qs, urlsplit

import httpx
import trio
from crashes import (
    EXCHANGE,
    POST,
    QUIET,
    STORY,
    Ending,
    Killed,
    check,
    is_at_rest,
)

from tapefold import Engine, Views, open_engine
from tapefold.adapter import Command, Subscribe, WatchAccount
from tapefold.events import AccountSurveyed, AnyEvent
from tapefold.log import Log, LogReader
from tapefold.log.store import Rows, in_memory
from tapefold.sim import Fault, Venue
from tapefold.testing import VirtualExchange, open_virtual
from tapefold.testing.side import Side, honest
from tapefold.units import Nanos
from tapefold.wire import Dial
from tapefold_adapters.binance.sim import BinanceSim

LONG: Final = 900.0
"""Seconds in which anything comes to rest."""


class Fuse:
    """Kills at the boundary with this number, and at every one after it: who is dead does no more."""

    def __init__(self, last: int = 0) -> None:
        """*last*: 0 for never."""
        self._last = last
        self.points: list[str] = []
        """The boundaries that it came to."""
        self.where = ""
        """Where it went off."""

    def point(self, where: str) -> None:
        """A boundary. Raises `Killed`."""
        if self.where:
            raise Killed(self.where)
        self.points.append(where)
        if len(self.points) == self._last:
            self.where = where
            raise Killed(where)


class KillableRows(Rows):
    """Rows that outlive engines. `fuse` is that of the engine that writes now."""

    def __init__(self) -> None:
        self._kept, self.fuse = in_memory(), Fuse()
        super().__init__(self._kept._recorder)  # pyright: ignore[reportPrivateUsage]  # a view of it

    def insert(self, rows: list[tuple[int, bytes]]) -> None:
        self.fuse.point("before a flush")
        super().insert(rows)
        self.fuse.point("after a flush")


class KillableLog(Log):
    """A log in memory in which only what was stored is durable, as in a file."""

    def __init__(self, rows: KillableRows, steps: set[int]) -> None:
        super().__init__(rows)
        self._fuse, self._steps = rows.fuse, steps

    def append(self, time: Nanos, event: AnyEvent) -> None:
        self._fuse.point("before an append")
        super().append(time, event)
        self._fuse.point("after an append")

    def commit(self) -> None:
        self._steps.add(self.head)
        super().commit()

    @property
    def durable(self) -> int:
        return self._writer.durable if self._writer else 0


class KillableStream(trio.abc.Stream):
    """A connection as the engine has it."""

    def __init__(self, inner: trio.abc.Stream, fuse: Fuse) -> None:
        self._inner, self._fuse = inner, fuse

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._fuse.point("before a send")
        await self._inner.send_all(data)
        self._fuse.point("after a send")

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._inner.receive_some(max_bytes)
        self._fuse.point("after a receive")
        return data

    async def aclose(self) -> None:
        await self._inner.aclose()


class KillableTransport(httpx.AsyncBaseTransport):
    """Requests as they leave. Each order that is placed is noted by its name."""

    def __init__(self, inner: httpx.AsyncBaseTransport, fuse: Fuse, placed: list[str]) -> None:
        self._inner, self._fuse, self._placed = inner, fuse, placed

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._fuse.point("before a request")
        if f"{request.method} {request.url.path}" == POST:
            said = parse_qs(urlsplit(str(request.url)).query + "&" + request.content.decode())
            self._placed += said["newClientOrderId"]
        response = await self._inner.handle_async_request(request)
        self._fuse.point("after a response")
        return response


class Stage:
    """The exchange, and whichever engine is at work."""

    def __init__(self, exchange: VirtualExchange, served: list[trio.CancelScope]) -> None:
        self._exchange, self._served = exchange, served
        self.rows, self.steps = KillableRows(), {0}
        self.placed: list[str] = []
        """The names under which orders left, in order."""
        self.happened: dict[str, None] = {}
        self._engine: Engine | None = None

    @property
    def _sim(self) -> BinanceSim:
        return cast("BinanceSim", self._exchange.sim)

    @property
    def events(self) -> Sequence[AnyEvent]:
        """The log's, stored or not."""
        assert self._engine is not None, "somebody is at work"
        return [record.event for record in self._engine.log.read()]

    @property
    def venue(self) -> Venue:
        return self._sim.venue

    @property
    def moment(self) -> Nanos:
        return self._exchange.clock.now()

    def tell(self, command: Command) -> None:
        assert self._engine is not None, "somebody is at work"
        self._engine.command(command)

    def fault(self, fault: Fault) -> None:
        self._sim.faults.add(fault)

    def cut(self) -> None:
        """The exchange's ends are gone."""
        for scope in self._served:
            scope.cancel()
        self._served.clear()

    @asynccontextmanager
    async def engine(self, fuse: Fuse, run_id: str) -> AsyncGenerator[Engine]:
        """An engine on what is stored."""
        self.rows.fuse = fuse
        outside = self._exchange.outside
        transport = KillableTransport(outside.transport, fuse, self.placed)
        outside = outside._replace(dial=_killable(outside.dial, fuse), transport=transport)
        live = self._exchange.live()._replace(run_id=run_id, outside=outside)
        self._log = KillableLog(self.rows, self.steps)
        async with open_engine(live, log=self._log) as engine:
            self._engine = engine
            yield engine

    async def tells(self, fuse: Fuse, run_id: str, symbols: tuple[str, ...]) -> Ending:
        """The story, or the rest of it, to its end. Raises what kills it."""
        async with self.engine(fuse, run_id) as engine:
            if symbols:
                engine.command(Subscribe(EXCHANGE, symbols))
            engine.command(WatchAccount(EXCHANGE))
            await self._settled(engine)
            for act in STORY:
                before = engine.log.head, len(self.happened)
                act(self)
                if (engine.log.head, len(self.happened)) != before:
                    await self._settled(engine)
            self._sim.faults.clear()
            await self._surveyed(engine)
            ending = check(self.venue, self.events, engine.views)
        self.rows.fuse = Fuse()
        assert len({*self.placed}) == len(self.placed), "a name was sent twice"
        reader = LogReader(self.rows)
        assert reader.verify() == engine.log.head
        assert Views.of(reader.events()).freeze() == engine.views.freeze()
        return ending

    async def _settled(self, engine: Engine) -> None:
        def known(views: Views) -> bool:
            return views.ready(EXCHANGE) and is_at_rest(self.venue, views)

        with trio.fail_after(LONG):
            await engine.until(known)

    async def _surveyed(self, engine: Engine) -> None:
        """All of it was asked for once more, and there is nothing that it changes."""
        position = engine.log.head
        with trio.fail_after(LONG):
            async with aclosing(engine.follow(position)) as records:
                async for record in records:
                    if isinstance(record.event, AccountSurveyed):
                        return


def _killable(dial: Dial, fuse: Fuse) -> Dial:
    async def dialled(lane: str, url: str) -> trio.abc.Stream:
        fuse.point("before a dial")
        return KillableStream(await dial(lane, url), fuse)

    return dialled


class Start(NamedTuple):
    """How an engine is started, and where it is killed."""

    run_id: str
    symbols: tuple[str, ...]
    last: int = 0
    """The number of the boundary; 0: it is not killed."""


class Told(NamedTuple):
    """What came of a story."""

    ending: Ending
    fuses: list[Fuse]
    """Of each engine."""


async def told(starts: Sequence[Start]) -> Told:
    """The story, told by one engine after another, each on what the one before has left."""
    served: list[trio.CancelScope] = []

    async def serves(side: Side) -> None:
        with trio.CancelScope() as scope:
            served.append(scope)
            try:
                await honest(side)
            except* (trio.BrokenResourceError, trio.ClosedResourceError):
                pass  # the engine was killed, or has left

    async with open_virtual(QUIET, plan=repeat(serves)) as exchange:
        stage, fuses = Stage(exchange, served), list[Fuse]()
        for start in starts:
            fuses.append(Fuse(start.last))
            try:
                return Told(await stage.tells(fuses[-1], start.run_id, start.symbols), fuses)
            except (
                BaseException
            ):  # any: whoever waits for an engine that dies hears it in many ways
                if not fuses[-1].where:
                    raise
            stage.cut()
            head = LogReader(stage.rows).head
            assert head in stage.steps, f"a step is torn at position {head}"
        raise AssertionError("every engine was killed")
