"""What an embedder holds: the log, the views, ways to wait, and a way to command."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import NamedTuple, Protocol, cast

import trio

from tapefold.adapter import Channel, Command, Submit, Subscribe
from tapefold.errors import StaleBook, TapefoldError, UnknownInstrument, UnknownOrder, Unmet
from tapefold.events import Conclusion, OrderSubmitted
from tapefold.folds.orders import Order
from tapefold.kernel import Kernel
from tapefold.log import Log, Record
from tapefold.units import Nanos
from tapefold.views import Views

Predicate = Callable[[Views], bool]


class Source(Protocol):
    """Where an engine's frames come from: a tape, or a wire."""

    kernel: Kernel
    """Its views are at the log's head."""
    live: bool
    """Whether it can be commanded."""

    @property
    def changing(self) -> bool:
        """Whether an order, or a cancel, is on its way."""
        ...

    @property
    def frames(self) -> int:
        """Received so far, over WebSockets."""
        ...

    @property
    def time(self) -> Nanos:
        """Of the latest step."""
        ...

    async def run(self, engine: "Engine", ready: trio.TaskStatus[None]) -> None:
        """Step the kernel until there is no more to come, and call `engine.stepped` after each step.

        It is *ready* once commands can be given.
        """
        ...

    def command(self, command: Command) -> None:
        """A command of the caller's. Raises `Refused` where there is nobody to command."""
        ...


class Recording(Protocol):
    """What an embedder may ask of a recorder."""

    @property
    def failure(self) -> TapefoldError | None:
        """Why the recording ended early, if it did; the engine goes on."""
        ...

    @property
    def pending(self) -> int:
        """Lines that are yet to be written."""
        ...


class Concluded(NamedTuple):
    """The record of a conclusion."""

    position: int
    time_received: Nanos
    event: Conclusion


class _Waiter:
    """Somebody who waits for something to come true."""

    def __init__(self, predicate: Predicate) -> None:
        self._predicate = predicate
        self.done = trio.Event()
        self.position: int | None = None
        self.error: Exception | None = None

    def look(self, views: Views) -> bool:
        """Is it true now? What cannot be answered yet is not."""
        try:
            met = self._predicate(views)
        except (StaleBook, UnknownInstrument):
            met = False
        except Exception as error:  # the embedder's: it comes out where the question was asked
            self.error, met = error, True
        if met:
            self.position = views.position
            self.done.set()
        return met


class Engine:
    """What an embedder holds: the log, the views, and ways to wait. `open_engine` makes one."""

    def __init__(self, source: Source, log: Log) -> None:
        self._source = source
        self.log = log
        self.kernel = source.kernel
        self.views: Views = source.kernel.views
        """At the log's head, always."""
        self._waiters: list[_Waiter] = []
        self.wanted = trio.Event()
        """Set once somebody waits for anything, or follows."""
        self._over = trio.Event()
        self.recorder: Recording | None = None
        """What writes the session down, where one is recorded."""
        self.failure: TapefoldError | None = None
        """What stood in the way."""
        self.told = False
        """Whether somebody has heard of it."""

    @property
    def time(self) -> Nanos:
        """The time of the latest step, in nanoseconds since 1970."""
        return self._source.time

    @property
    def frames(self) -> int:
        """Received so far, over WebSockets."""
        return self._source.frames

    def command(self, command: Command) -> None:
        """Give a command: it is on the tape, if there is one, and carried out at once.

        Raises `AdapterError` for an exchange that the engine was not opened with, and `Refused` where
        the commands come from a tape.
        """
        self._source.command(command)

    def submit(self, order: Submit) -> str:
        """Place an order; its client order id, at once, by which its conclusions name it.

        Raises as `command`. An order that may not leave has been rejected when this returns.
        """
        self._source.command(order)
        return self.kernel.order_id

    async def settled(self, client_order_id: str) -> Order:
        """Wait until an order of ours has ended; the order as it is then, with what it cost.

        Its end is what is proven. Raises `UnknownOrder`, and `Unmet` if the run ends first.
        """
        order = self.views.orders.find(client_order_id)
        if order is None:
            raise UnknownOrder(f"no order of ours is called {client_order_id!r}")
        await self.until(lambda _: order.ended)
        return order

    def conclusions(
        self, after: int | None = None, *, order: str = "", by: str = ""
    ) -> AsyncGenerator[Concluded]:
        """What is held to be true of orders, record by record, past *after*; without one from now on.

        Only those of one order, or of what one strategy or the caller ordered, where that is said. It
        ends with the engine's run; wrap it in `contextlib.aclosing` to leave early.
        """
        return self._conclusions(self.log.head if after is None else after, order, by)

    async def _conclusions(self, after: int, order: str, by: str) -> AsyncGenerator[Concluded]:
        known = self.views.orders.ours.items()
        mine = {name: None for name, each in known if each.intent and each.intent.by == by}
        async with aclosing(self.follow(after)) as records:
            async for record in records:
                event = record.event
                if isinstance(event, OrderSubmitted) and event.by == by:
                    mine[event.client_order_id] = None
                if not isinstance(event, Conclusion) or (order and event.client_order_id != order):
                    continue
                if not by or event.client_order_id in mine:
                    yield Concluded(record.position, record.time_received, event)

    @property
    def commanded(self) -> bool:
        """Whether commands come from whoever holds it, and not from a tape."""
        return self._source.live

    @property
    def changing(self) -> bool:
        """Whether an order, or a cancel, is on its way and not answered."""
        return self._source.changing

    @property
    def failures(self) -> Mapping[str, Exception]:
        """What strategies raised, by their names; the engine goes on."""
        return self.kernel.failures

    def subscribe(
        self,
        exchange: str,
        *instruments: str,
        channels: tuple[Channel, ...] = ("book", "trades", "quotes"),
        silence_max: Nanos = 0,
    ) -> None:
        """`command` for the usual case; see `Subscribe`."""
        self.command(Subscribe(exchange, instruments, channels, silence_max=silence_max))

    async def follow(self, after: int = 0) -> AsyncGenerator[Record]:
        """Every record past *after*, and then each as it is logged; ends with the engine's run.

        A follower is a cursor and holds up nobody. Wrap it in `contextlib.aclosing` to leave early.
        """
        self.wanted.set()
        async with aclosing(self.log.follow(after)) as records:
            async for record in records:
                yield record
        self._raise()

    async def until(self, predicate: Predicate) -> int:
        """Wait until *predicate* of the views is true; the log's position then.

        It is asked after each step, and whoever waited runs before the next one, so the views are as
        they were when it came true; of a live engine's other connections one may have been heard
        meanwhile. While an instrument that it asks for is not listed, or its book
        is not live, it is not true. Raises `Unmet` if the run ends first.
        """
        self.wanted.set()
        waiter = _Waiter(predicate)
        if waiter.look(self.views):
            await trio.lowlevel.checkpoint()
        elif not self._over.is_set():
            self._waiters.append(waiter)
            try:
                await waiter.done.wait()
            finally:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        if waiter.error:
            raise waiter.error
        if waiter.position is None:
            self._raise()
            raise Unmet("the session ended before what was waited for came true")
        return waiter.position

    async def ended(self) -> None:
        """Wait until there is no more to come. Raises what stood in its way."""
        self.wanted.set()
        await self._over.wait()
        self._raise()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Let frames come; `open_engine` has this run beside whatever the embedder does."""
        try:
            await self._source.run(self, task_status)
        except TapefoldError as error:
            self.failure = error
        except (
            BaseExceptionGroup
        ) as group:  # of nurseries, each of which may have had several errors
            self.failure = _ours(group)
        finally:
            self._over.set()
            self.log.end()
            for waiter in self._waiters:
                waiter.done.set()

    @property
    def waited_for(self) -> bool:
        """Whether somebody waits for a moment."""
        return bool(self._waiters)

    def stepped(self) -> bool:
        """After a step: whether somebody has met the moment, and should run before the next one."""
        if not self._waiters:
            return False
        met = [waiter for waiter in self._waiters if waiter.look(self.views)]
        self._waiters = [waiter for waiter in self._waiters if waiter not in met]
        return bool(met)

    def _raise(self) -> None:
        if self.failure:
            self.told = True
            raise self.failure


def _ours(group: "BaseExceptionGroup[BaseException]") -> TapefoldError:
    """The first of them, where all are ours; raises the group where one is not."""
    ours, others = group.split(TapefoldError)
    if ours is None or others is not None:
        raise group
    error = lone(ours, several=True)
    assert isinstance(error, TapefoldError)
    return error


def lone(error: BaseException, *, several: bool = False) -> BaseException:
    """What is in a group of one, in a group of one, ...; with *several* the first of a larger one."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    group = cast("BaseExceptionGroup[BaseException]", error)
    inner = list(group.exceptions)
    return lone(inner[0], several=several) if several or len(inner) == 1 else group
