"""The mock door: what a client is given instead of the world, and the end of a play."""

import math
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final, cast
from urllib.parse import urlsplit

import trio
from msgspec.structs import replace
from trio.testing import memory_stream_pair

from tapefold.adapter import Adapter, Command, load_adapter
from tapefold.errors import Mismatch
from tapefold.mock import failures
from tapefold.mock.clock import TapeClock
from tapefold.mock.conductor import Conductor, Tempo
from tapefold.mock.part import Part, Said
from tapefold.mock.score import Score
from tapefold.mock.server import Server
from tapefold.mock.signatures import signer
from tapefold.mock.stage import Stage
from tapefold.mock.timeline import Timeline, load, origin
from tapefold.mock.transport import CassetteTransport, load_answers
from tapefold.session import Session
from tapefold.units import Nanos
from tapefold.wire.seams import Dial, Outside

LOOPBACK: Final = "127.0.0.1"
GRACE: Final = 1.0
"""Seconds for which a client may read why it is refused."""
Contexts = tuple[ssl.SSLContext, ssl.SSLContext]
"""The server's, and the client's."""


class Door:
    """A fake exchange that plays a session. `open_mock` opens one."""

    def __init__(self, server: Server, conductor: Conductor, outside: Outside) -> None:
        self._part, self._score = server.stage.part, server.stage.part.score
        self._server, self._conductor = server, conductor
        self.outside = outside
        """For a wire: dialler, transport, clock, and what signs with the stand-ins of a private session."""
        self.urls: dict[str, str] = {}
        """Where each recorded origin of connections is now, for clients that dial by themselves."""
        self.finished = conductor.finished
        """Set when the whole tape is done, and all of it was taken in."""
        self.owed = server.stage.owed
        """What clients have yet to take in; whoever serves some by other means adds what it owes."""

    @property
    def failure(self) -> Mismatch | None:
        """How the client and the tape do not agree; the door raises it."""
        return self._score.failure

    @property
    def relaxed(self) -> list[str]:
        """Where the exchange did not wait for a line of the client's."""
        return self._score.relaxed

    @property
    def early(self) -> list[str]:
        """Where the client was ahead of the tape."""
        return self._score.early

    @property
    def unread(self) -> int:
        """Lines that the client hung up on."""
        return self._score.unread

    @property
    def sent(self) -> list[Said]:
        """All that the client did, in order."""
        return self._part.sent

    async def left(self) -> None:
        """Come back when nobody is connected."""
        await self._server.alone.wait()

    def commands(self) -> AsyncGenerator[tuple[Nanos, Command]]:
        """The commands of the tape, each when its moment has come; ends with the tape.

        Whoever calls this takes them; if nobody does, they are passed over.
        """
        self._conductor.listen()
        return self._commands()

    async def _commands(self) -> AsyncGenerator[tuple[Nanos, Command]]:
        async for given in self._conductor.commands:
            yield given


@asynccontextmanager
async def open_mock(  # noqa: PLR0913 - each is a word of its own, and all have defaults
    session: Session | Timeline,
    *,
    speed: float | None = None,
    virtual: bool = False,
    tls: Contexts | None = None,
    strict: bool = False,
    patience: float = Tempo().patience,
    timeout: float = Tempo().timeout,  # noqa: ASYNC109 - how long the client may do nothing
    barrier: float | None = None,
    start: float | None = None,
    adapters: Mapping[str, Adapter] | None = None,
) -> AsyncGenerator[Door]:
    """Play a session to whoever is in the block.

    *speed*: 1 as recorded, None as fast as the client can. *virtual*: over memory streams instead of
    loopback sockets. *strict*: another order than the tape's is a failure. *patience*: seconds that
    the client may be late before others go first; *timeout*: seconds more until it is a failure, and
    seconds that it may read nothing at the end; *barrier*: seconds for which a lane is waited for that
    has yet to take in what was said, if not the patience; *start*: seconds to wait for the client to
    begin, if not the timeout.

    Raises `SessionError`, and `Mismatch` where the client does something that is not on the tape (the
    block is cancelled then), leaves before the tape is done, or does not take in what was said.
    """
    timeline = session if isinstance(session, Timeline) else timeline_of(session, adapters)
    barrier, start = patience if barrier is None else barrier, timeout if start is None else start
    tempo = Tempo(speed, patience, timeout, barrier, start)
    server, conductor = _cast(Score(timeline, strict=strict), tempo, virtual=virtual)
    errors: list[BaseException] = []
    async with trio.open_nursery() as nursery:
        door = await _listen(server, conductor, nursery, tls)
        nursery.start_soon(conductor.conduct)
        try:
            with conductor.block:
                yield door
        except BaseException as error:  # all is raised below, without the nursery's group around it
            if _is_cancelled(error):
                raise
            errors.append(error)
        await _last_words(conductor, server, patience, gone=bool(errors))
        nursery.cancel_scope.cancel()
    _judge(server.stage.part, errors)


def _cast(score: Score, tempo: Tempo, *, virtual: bool) -> tuple[Server, Conductor]:
    """Who plays it."""
    timeline = score.timeline
    clock = TapeClock(timeline.started_ns, tempo.speed)
    for lane in timeline.hosts.values():
        clock.heed(lane)
    stage = Stage(Part(score), clock, tempo, virtual=virtual)
    conductor = Conductor(score, clock, tempo, stage.settle, stage.owed)
    stage.changes = conductor.changes
    return Server(stage), conductor


async def _listen(
    server: Server, conductor: Conductor, nursery: trio.Nursery, tls: Contexts | None
) -> Door:
    """The door, where it can be dialled."""
    if server.stage.virtual:
        dial: Dial = MemoryDial(server, nursery)
        urls: dict[str, str] = {}
    else:
        dial = loopback = await LoopbackDial.listen(server, nursery, tls)
        urls = loopback.urls
    transport = CassetteTransport(server.stage.part, server.stage.clock, server.stage.turn)
    sign = signer(server.stage.part.timeline)
    door = Door(server, conductor, Outside(dial, transport, server.stage.clock, sign=sign))
    door.urls = urls
    return door


def timeline_of(
    session: Session, adapters: Mapping[str, Adapter] | None = None, *, free: bool = True
) -> Timeline:
    """A session's tape, to be played. Raises `SessionError`.

    Without *free*, polls and heartbeats are owed like all else: so to an engine that asks exactly as
    the recorded one did, each answer comes at its own moment.
    """
    meta = session.meta
    made = adapters or {exchange: load_adapter(exchange) for exchange in meta.exchanges}
    tapings = {
        exchange: replace(taping, free=(*taping.free, *meta.free) if free else ())
        for exchange, adapter in made.items()
        for taping in (adapter.description.taping,)
    }
    answers = load_answers(session.folder, cut=meta.cut or not meta.sealed)
    return load(session, answers, tapings, made)


def _is_cancelled(error: BaseException) -> bool:
    """Whether it has to pass through whatever is open, as it is."""
    special = (trio.Cancelled, GeneratorExit)
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return group.subgroup(special) is not None
    return isinstance(error, special)


async def _last_words(conductor: Conductor, server: Server, patience: float, *, gone: bool) -> None:
    """Let what the client did last arrive, and let it have all; *gone*: an error has ended it."""
    score = server.stage.part.score
    with trio.move_on_after(4 * patience):
        while not (gone or score.over or score.failure):
            await conductor.changes()
    while score.over and not (gone or score.failure or conductor.finished.is_set()):
        # What is not written would be lost; what is written is not, but a pong may be on its way.
        with trio.move_on_after(math.inf if server.stage.is_speaking() else 4 * patience) as scope:
            await server.stage.owed.moved()
        if scope.cancelled_caught:
            break
    if score.failure:
        await server.stage.refused.settled(GRACE)


def _judge(part: Part, errors: list[BaseException]) -> None:
    """Raise what is to be raised at the end."""
    score, error = part.score, next(iter(errors), None)
    if isinstance(error, KeyboardInterrupt | SystemExit):
        raise error
    if score.failure:
        raise score.failure from error
    if error:
        raise error
    if rows := part.left():
        where = failures.stands(score.timeline, score.done, score.head)
        raise Mismatch("\n".join([*rows, *where]))


class _Dial:
    """What the two diallers have in common: no host that the tape does not know."""

    def __init__(self, server: Server, nursery: trio.Nursery) -> None:
        self._server, self._nursery = server, nursery

    def _claim(self, lane: str, url: str) -> bool:
        """Whether *lane* is the tape's own name for this connection. Raises `ConnectionRefusedError`."""
        part = self._server.stage.part
        known = part.timeline.origins()
        if origin(url) not in known:
            part.score.fail(failures.unknown_host(origin(url), known))
            raise ConnectionRefusedError(str(part.score.failure))
        claimed = part.dial(lane, url)
        if claimed:
            self._server.stage.clock.heed(lane)
        return claimed


class MemoryDial(_Dial):
    """Connects by memory streams."""

    async def __call__(self, lane: str, url: str) -> trio.abc.Stream:
        """See `Dial`."""
        name = lane if self._claim(lane, url) else ""
        ours, theirs = memory_stream_pair()
        self._nursery.start_soon(self._server.serve, theirs, origin(url), lambda: name)
        await trio.lowlevel.checkpoint()
        return ours


class LoopbackDial(_Dial):
    """Connects by sockets: one listener for each recorded origin, on this machine only."""

    def __init__(self, server: Server, nursery: trio.Nursery, tls: Contexts | None) -> None:
        super().__init__(server, nursery)
        self._tls = tls
        self._ports: dict[str, int] = {}
        self._dialled: dict[int, str] = {}
        """Which lane a client's port is."""
        self.urls: dict[str, str] = {}

    @classmethod
    async def listen(
        cls, server: Server, nursery: trio.Nursery, tls: Contexts | None
    ) -> "LoopbackDial":
        """One that is listening."""
        dial = cls(server, nursery, tls)
        for place in server.stage.part.timeline.origins():
            listeners = await trio.open_tcp_listeners(0, host=LOOPBACK)
            dial._ports[place] = port = listeners[0].socket.getsockname()[1]
            scheme = "wss" if dial._is_secret(place) else "ws"
            dial.urls[place] = f"{scheme}://{LOOPBACK}:{port}"
            accept = partial(dial._accept, place)
            nursery.start_soon(partial(trio.serve_listeners, accept, listeners))
        return dial

    async def __call__(self, lane: str, url: str) -> trio.abc.Stream:
        """See `Dial`."""
        claimed, place = self._claim(lane, url), origin(url)
        stream = await trio.open_tcp_stream(LOOPBACK, self._ports[place])
        if claimed:
            self._dialled[stream.socket.getsockname()[1]] = lane
        stream.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, True)
        if not self._tls or not self._is_secret(place):
            return stream
        host = urlsplit(url).hostname
        return trio.SSLStream(stream, self._tls[1], server_hostname=host, https_compatible=True)

    async def _accept(self, place: str, stream: trio.SocketStream) -> None:
        port: int = stream.socket.getpeername()[1]
        secret: trio.abc.Stream = stream
        if self._tls and self._is_secret(place):
            context = self._tls[0]
            secret = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
        with suppress(trio.BrokenResourceError):
            await self._server.serve(secret, place, lambda: self._dialled.pop(port, ""))

    def _is_secret(self, place: str) -> bool:
        return bool(self._tls) and place.startswith("wss:")
