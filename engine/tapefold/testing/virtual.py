"""An exchange that misbehaves: a simulated one over streams in memory, in virtual time.

    async def test_after_a_restart_the_books_are_right(autojump_clock):
        plan = [breaks_off(40, closing(1012, "restart"))]
        async with open_virtual(plan=plan) as exchange, open_engine(exchange.live()) as engine:
            engine.subscribe("binance", *exchange.symbols)
            await engine.until(lambda views: len(exchange.dialled) == 2)
            await exchange.converged(engine)

A connection is served by a `Manner`: the n-th that is dialled gets the n-th of the plan, and once the
plan is used up all are honest. Its side of the WebSocket is written out here byte by byte, since half
a frame, or a pong that never comes, is nothing that a library sends. Answers over HTTP pass through a
`Twist`. What the books truly are is noted each time the exchange publishes them, so a test can say
that what the engine believes is so.

Virtual time jumps when nobody has anything to do. It knows of no socket and no thread, so there is
none in here, and a test may have none either: its log is in memory, or none at all.
"""

import math
from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from hashlib import sha1
from typing import Final, TypeAlias

import httpx
import msgspec
import trio
from trio.testing import memory_stream_pair, wait_all_tasks_blocked

from tapefold.adapter import Frame, Request, load_adapter
from tapefold.engine import Engine, Live
from tapefold.events import BookSnapshot, InstrumentListed, Scaled
from tapefold.sim import MINUTE, Answer, Story, load_skin
from tapefold.units import Level, exact, plain
from tapefold.views import Views
from tapefold.wire import Outside, WallClock

_DEPTH: Final = 5000
"""Levels a side: all of them."""
STORY: Final = msgspec.structs.replace(MINUTE, specs=MINUTE.specs[:2], lost=None)
"""Two markets, and nothing goes wrong but what a plan says."""
Twist: TypeAlias = Callable[[Request, Answer], Awaitable[Answer]]
"""Makes another answer of the one that the exchange would give; it may take its time."""


def framed(data: bytes, first: int = 0x81) -> bytes:
    """One frame of a server's, unmasked; a whole text if nothing else is said."""
    size = len(data)
    if size < 126:
        return bytes((first, size)) + data
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2, "big") + data
    return bytes((first, 127)) + size.to_bytes(8, "big") + data


def closing(code: int, reason: str = "") -> bytes:
    """A close frame."""
    return framed(code.to_bytes(2, "big") + reason.encode(), 0x88)


class Side:
    """The exchange's side of one connection: what it has to say, and what it hears."""

    def __init__(
        self, exchange: "VirtualExchange", lane: str, url: str, stream: trio.abc.Stream
    ) -> None:
        self.exchange, self.lane, self.url, self.stream = exchange, lane, url, stream
        self.heard = bytearray()
        self._put, self.frames = trio.open_memory_channel[bytes](math.inf)

    def put(self, data: bytes) -> None:
        """The market said this."""
        self._put.send_nowait(data)

    async def handshake(self, status: str = "101 Switching Protocols") -> None:
        """Read the request's head, and answer it; from 101 on the market is heard."""
        while b"\r\n\r\n" not in self.heard:
            self.heard += await self.stream.receive_some(65536)
        head, _, rest = bytes(self.heard).partition(b"\r\n\r\n")
        self.heard = bytearray(rest)
        fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
        key = next(
            line.split(b": ", 1)[1]
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key")
        )
        assert fields[b"upgrade"] == b"websocket"
        accept = b64encode(sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
        lines = [f"HTTP/1.1 {status}"]
        if status.startswith("101"):
            lines += [
                "Upgrade: websocket",
                "Connection: Upgrade",
                f"Sec-WebSocket-Accept: {accept}",
            ]
            self.exchange.connect(self)
        await self.stream.send_all("\r\n".join([*lines, "", ""]).encode())

    async def talk(self, frames: float = math.inf) -> None:
        """Say what the market says, so many frames of it."""
        said = 0
        while said < frames:
            data = await self.frames.receive()
            await self.stream.send_all(framed(data))
            said += 1

    async def listen(self) -> None:
        """Answer pings and closes, until the client is gone."""
        while data := await self.stream.receive_some(65536):
            self.heard += data
            while len(self.heard) >= 6 and len(self.heard) >= 6 + (self.heard[1] & 127):
                size = self.heard[1] & 127
                assert self.heard[1] & 128, "a client masks"
                assert size < 126, "a client has not much to say"
                mask, body = self.heard[2:6], self.heard[6 : 6 + size]
                payload = bytes(byte ^ mask[n % 4] for n, byte in enumerate(body))
                opcode = self.heard[0] & 15
                del self.heard[: 6 + size]
                if opcode == 9:
                    await self.stream.send_all(framed(payload, 0x8A))
                elif opcode == 8:
                    await self.stream.send_all(framed(payload, 0x88))
                    return


Manner: TypeAlias = Callable[[Side], Awaitable[None]]


async def honest(side: Side) -> None:
    """As it should be."""
    await side.handshake()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(side.talk)
        await side.listen()
        nursery.cancel_scope.cancel()


def breaks_off(frames: int, last: bytes) -> Manner:
    """So many frames, then these bytes, and the end of the stream."""

    async def manner(side: Side) -> None:
        await side.handshake()
        await side.talk(frames)
        await side.stream.send_all(last)

    return manner


def stalls(frames: int, last: bytes = b"") -> Manner:
    """So many frames, then these bytes; from then on it is deaf and dumb, and the stream stays open."""

    async def manner(side: Side) -> None:
        await side.handshake()
        await side.talk(frames)
        await side.stream.send_all(last)
        await trio.sleep_forever()

    return manner


async def silent(side: Side) -> None:
    """Connected, and never an answer to the handshake."""
    await trio.sleep_forever()


def refuses(status: str) -> Manner:
    """An answer to the handshake that is none of the kind."""

    async def manner(side: Side) -> None:
        await side.handshake(status)

    return manner


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
    ) -> None:
        self.story, self.adapter = story, load_adapter(story.exchange)
        self.symbols = tuple(spec.symbol for spec in story.specs)
        self.sim = load_skin(story.exchange)(story, seed)
        self.clock = WallClock(story.started_ns)
        self.dialled: list[str] = []
        """The lanes that were dialled, in order."""
        self.asked: list[str] = []
        """The paths that were asked for over HTTP, in order."""
        self.truth: dict[str, bytes] = {}
        """By native symbol, the book as it was when its changes were last published."""
        self._nursery, self._plan, self._twist = nursery, iter(plan), twist
        self._sides: dict[str, Side] = {}
        self._halted = False
        self.outside = Outside(self._dial, httpx.MockTransport(self._answer), self.clock)

    def live(self, seed: int = 1) -> Live:
        """What `open_engine` opens to be connected to it."""
        return Live((self.story.exchange,), run_id="virtual", seed=seed, outside=self.outside)

    def connect(self, side: Side) -> None:
        """From now on the market is heard there."""
        self.sim.connect(side.lane, side.url)
        self._sides[side.lane] = side

    async def run(self) -> None:
        """The market goes on."""
        while not self._halted:
            await self.clock.sleep_until(self.sim.due)
            for lane, data in self.sim.turn():
                self._note(data)
                if lane in self._sides:
                    self._sides[lane].put(data)

    def halt(self) -> None:
        """The market stands still from now on."""
        self._halted = True

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
            self.truth[topic.native_symbol] = self.sim.answer(asked, self.clock.now()).body

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
        await side.stream.aclose()

    async def _answer(self, asked: httpx.Request) -> httpx.Response:
        self.asked.append(asked.url.path)
        request = Request(asked.method, str(asked.url), "book")
        answer = self.sim.answer(request, self.clock.now())
        status, body = await self._twist(request, answer)
        return httpx.Response(status, content=body)


@asynccontextmanager
async def open_virtual(
    story: Story = STORY, *, plan: Iterable[Manner] = (), twist: Twist = as_it_is, seed: int = 1
) -> AsyncGenerator[VirtualExchange]:
    """An exchange whose market goes on while the block runs. What the block raises comes out as it is."""
    own: list[BaseException] = []
    try:
        async with trio.open_nursery() as nursery:
            made = VirtualExchange(nursery, story, plan=plan, twist=twist, seed=seed)
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
