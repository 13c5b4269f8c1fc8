"""An exchange that misbehaves: a simulated one over streams in memory, in virtual time.

    async def test_after_a_restart_the_books_are_right(autojump_clock):
        plan = [breaks_off(40, closing(1012, "restart"))]
        async with open_virtual(plan=plan) as exchange, open_engine(exchange.live()) as engine:
            engine.subscribe("binance", *exchange.symbols)
            await engine.until(lambda views: len(exchange.dialled) == 2)
            await exchange.converged(engine)

A connection is served by a `Manner`: the n-th that is dialled gets the n-th of the plan, and once the
plan is used up all are honest. Answers over HTTP pass through a
`Twist`. What the books truly are is noted each time the exchange publishes them, so a test can say
that what the engine believes is so.

Virtual time jumps when nobody has anything to do. It knows of no socket and no thread, so there is
none in here, and a test may have none either: its log is in memory, or none at all.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeAlias

import httpx
import msgspec
import trio
from trio.testing import memory_stream_pair, wait_all_tasks_blocked

from tapefold.adapter import Frame, Request, load_adapter
from tapefold.engine import Engine, Live
from tapefold.events import BookSnapshot, InstrumentListed, Scaled
from tapefold.sim import MINUTE, Answer, Published, Story, load_skin
from tapefold.sim.exchange import NO_ANSWER, Skin
from tapefold.testing.side import Manner, Side, honest
from tapefold.units import SECOND, Level, Nanos, exact, plain
from tapefold.views import Views
from tapefold.wire import Outside, WallClock

_DEPTH: Final = 5000
"""Levels a side: all of them."""
STORY: Final = msgspec.structs.replace(MINUTE, specs=MINUTE.specs[:2], lost=None)
"""Two markets, and nothing goes wrong but what a plan says."""
Twist: TypeAlias = Callable[[Request, Answer], Awaitable[Answer]]
"""Makes another answer of the one that the exchange would give; it may take its time."""


async def as_it_is(request: Request, answer: Answer) -> Answer:
    """No twist."""
    return answer


class VirtualExchange:
    """The exchange. `outside` is what a wire is connected to."""

    def __init__(
        self,
        nursery: trio.Nursery,
        story: Story = STORY,
        *,
        plan: Iterable[Manner] = (),
        twist: Twist = as_it_is,
        seed: int = 1,
        skin: Skin | None = None,
    ) -> None:
        """Without a *skin* it is the installed one of the story's exchange."""
        self.story, self.adapter = story, load_adapter(story.exchange)
        self.symbols = tuple(spec.symbol for spec in story.specs)
        self.sim = (skin or load_skin(story.exchange))(story, seed)
        self.clock = WallClock(story.started_ns)
        self.dialled: list[str] = []
        """The lanes that were dialled, in order."""
        self.asked: list[str] = []
        """The paths that were asked for over HTTP, in order."""
        self.truth: dict[str, bytes] = {}
        """By native symbol, the book as it was when its changes were last published."""
        self._nursery, self._plan, self._twist = nursery, iter(plan), twist
        self._sides: dict[str, Side] = {}
        self._halted: Nanos | None = None
        """When the market came to stand still."""
        self._nudge = trio.Event()
        self.outside = Outside(self._dial, httpx.MockTransport(self._answer), self.clock)

    def live(self, seed: int = 1) -> Live:
        """What `open_engine` opens to be connected to it."""
        keys = {holder.key: holder.secret for holder in self.story.accounts}
        key, secret = next(iter(keys.items()), ("", ""))
        return Live(
            (self.story.exchange,),
            run_id="virtual",
            seed=seed,
            keys={self.story.exchange: {"key": key, "secret": secret}},
            outside=self.outside,
        )

    def connect(self, side: Side) -> None:
        """From now on the market is heard there."""
        self.sim.connect(side.lane, side.url)
        self._sides[side.lane] = side

    async def run(self) -> None:
        """The market goes on."""
        while self._halted is None:
            self._nudge = trio.Event()
            with trio.move_on_after((self.sim.due - self.clock.now()) / SECOND):
                await self._nudge.wait()
            if self.sim.due <= self.clock.now() and self._halted is None:
                self._say(self.sim.turn())

    def hear(self, side: Side, text: str) -> None:
        """A client says something on its connection."""
        self._say(self.sim.hear(side.lane, text, self._now()))
        self._nudge.set()

    def _now(self) -> Nanos:
        """What time it is for the market."""
        return self.clock.now() if self._halted is None else self._halted

    def _say(self, published: Sequence[Published]) -> None:
        for lane, data in published:
            self._note(data)
            if lane in self._sides:
                self._sides[lane].put(data)

    def halt(self) -> None:
        """The market stands still from now on."""
        self._halted = self.clock.now()

    def all_live(self, views: Views) -> bool:
        """Whether every book is."""
        exchange = self.story.exchange
        return all(views.book(symbol, exchange).live for symbol in self.symbols)

    async def converged(self, engine: Engine, *, after: float = 3.0) -> None:
        """All books are live, and so many seconds later the market stands still and they are right.

        Raises `AssertionError` where a book is not what it is at the exchange, to the last level.
        """
        await engine.until(self.all_live)
        await trio.sleep(after)
        await engine.until(self.all_live)
        self.halt()
        await wait_all_tasks_blocked()
        for symbol in self.symbols:
            book = engine.views.book(symbol, self.story.exchange)
            assert (book.bids(), book.asks()) == self._true(engine.views, book.instrument), symbol

    def _true(self, views: Views, row: InstrumentListed) -> tuple[list[Level], list[Level]]:
        """A book as the exchange last published it."""
        asked = self.adapter.snapshot(row.native_symbol, _DEPTH)
        frame = Frame(0, "", "response", self.truth[row.native_symbol], asked, 200)
        known = views.instruments.known(self.story.exchange)
        (snapshot,) = self.adapter.decode(frame, known)
        assert isinstance(snapshot, BookSnapshot)

        def levels(side: Scaled) -> list[Level]:
            return [
                Level(exact(plain(price, row.price_digits)), exact(plain(size, row.size_digits)))
                for price, size in side
            ]

        return levels(snapshot.bids), levels(snapshot.asks)

    def _note(self, data: bytes) -> None:
        topic = self.adapter.topic(data)
        if topic and topic.channel == "book":
            asked = self.adapter.snapshot(topic.native_symbol, _DEPTH)
            self.truth[topic.native_symbol] = self.sim.peek(asked).body

    async def _dial(self, lane: str, url: str) -> trio.abc.Stream:
        self.dialled.append(lane)
        ours, theirs = memory_stream_pair()
        manner = next(self._plan, honest)
        self._nursery.start_soon(self._serve, manner, Side(self, lane, url, theirs))
        await trio.lowlevel.checkpoint()
        return ours

    async def _serve(self, manner: Manner, side: Side) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # the client has left
            await manner(side)
        self._sides.pop(side.lane, None)
        self.sim.disconnect(side.lane)
        await side.stream.aclose()

    async def _answer(self, asked: httpx.Request) -> httpx.Response:
        self.asked.append(asked.url.path)
        request = Request(
            asked.method,
            str(asked.url),
            "book",
            body=asked.content.decode(),
            headers=dict(asked.headers),
        )
        answer = self.sim.answer(request, self._now())
        self._nudge.set()  # it may have something to say sooner now
        status, body, headers = await self._twist(request, answer)
        if status == NO_ANSWER:
            raise httpx.ReadError("cut", request=asked)
        return httpx.Response(status, content=body, headers=dict(headers))


@asynccontextmanager
async def open_virtual(
    story: Story = STORY,
    *,
    plan: Iterable[Manner] = (),
    twist: Twist = as_it_is,
    seed: int = 1,
    skin: Skin | None = None,
) -> AsyncGenerator[VirtualExchange]:
    """An exchange whose market goes on while the block runs. What the block raises comes out as it is."""
    own: list[BaseException] = []
    try:
        async with trio.open_nursery() as nursery:
            made = VirtualExchange(nursery, story, plan=plan, twist=twist, seed=seed, skin=skin)
            nursery.start_soon(made.run)
            try:
                yield made
            except BaseException as error:  # any: it is raised again, and known again in the group
                own.append(error)
                raise
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if own and len(group.exceptions) == 1 and not isinstance(own[0], trio.Cancelled):
            raise own[0] from own[0].__cause__
        raise
