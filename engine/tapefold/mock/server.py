"""The exchange of a tape, as a server: speaks to whoever connects, on any stream.

Each connection has a writer of its own, so a client that reads one slowly holds up no other.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress

import trio
from trio.testing import wait_all_tasks_blocked

from tapefold.mock import failures
from tapefold.mock.clock import TapeClock
from tapefold.mock.conductor import Tempo
from tapefold.mock.part import Part
from tapefold.mock.timeline import text_of
from tapefold.peer import Handshake, Peer, PeerClosed, Refusal, accept
from tapefold.session.tape import Closed

CUT = 1006
NOT_FOUND = Refusal(404)


class Server:
    """All connections, and whether what was said on them has been taken in."""

    def __init__(self, part: Part, clock: TapeClock, tempo: Tempo, *, virtual: bool) -> None:
        self.part, self.clock, self.virtual = part, clock, virtual
        self.patience, self._barrier = tempo.patience, tempo.barrier
        self.busy: set[Connection] = set()
        """Connections that were told something which nobody has taken in yet, for all we know."""
        self._clients = 0
        self.alone = trio.Event()
        """Set while nobody is connected."""
        self.alone.set()

    async def settle(self, idle: bool) -> None:
        """Come back when all that was said is taken in; *idle*: and nobody in this program is at work.

        In memory that is certain. On sockets each lane is asked by a ping, and waited for as long as
        the tempo's barrier goes; one that did not answer is not waited for again until it does.
        """
        if self.virtual:
            await wait_all_tasks_blocked()
            return
        await trio.lowlevel.checkpoint()
        for connection in tuple(self.busy):
            if not connection.stuck:
                with trio.move_on_after(self._barrier) as scope:
                    await connection.taken.wait()
                connection.stuck = scope.cancelled_caught
        if idle:
            with trio.move_on_after(self.patience):
                await wait_all_tasks_blocked()

    async def serve(
        self, stream: trio.abc.Stream, origin: str, dialled: Callable[[], str] = str
    ) -> None:
        """One client, to its end. *dialled* gives the lane as which it dialled, if it said so."""
        self._clients += 1
        self.alone = trio.Event()
        try:
            await self._serve(stream, origin, dialled)
        finally:
            self._clients -= 1
            if not self._clients:
                self.alone.set()

    async def _serve(
        self, stream: trio.abc.Stream, origin: str, dialled: Callable[[], str]
    ) -> None:
        async with trio.open_nursery() as nursery:
            connection = Connection(self, origin, dialled)
            peer = await accept(nursery, stream, connection.decide)
            if peer is None:
                await connection.lost()
            else:
                nursery.start_soon(connection.write, peer)
                await connection.read(peer)


class Connection:
    """One client's connection: an `Ear` of the score's."""

    def __init__(self, server: Server, origin: str, dialled: Callable[[], str]) -> None:
        self._server, self._part = server, server.part
        self._origin, self._dialled = origin, dialled
        self._among: Sequence[str] = ()
        self._lane = ""
        self._answer: int | None = None
        self._decided = trio.Event()
        self._over = False
        self._put, self._items = trio.open_memory_channel[Sequence[int] | str](math.inf)
        self.taken = trio.Event()
        self.stuck = False

    # The handshake

    async def decide(self, asked: Handshake) -> Refusal | None:
        """Wait for the answer that the tape has."""
        self._among = self._part.knock(self._origin + asked.url, self._dialled(), self)
        if not self._among:
            return NOT_FOUND
        await self._decided.wait()
        closed = self._part.timeline.closes.get(self._answer or 0)
        if closed is None:
            return None
        return Refusal(closed.code if closed.code < 1000 else 0)

    def answer(self, line: int) -> None:
        """See `Ear`."""
        self._tell()
        self._answer = line
        self._decided.set()

    async def lost(self) -> None:
        """No connection came of it."""
        self._take()
        name = next(iter(self._among), self._dialled())
        if name and self._answer is None:
            await self._hang_up(name, CUT)

    # The exchange's side

    def hand(self, lines: Sequence[int]) -> None:
        """See `Ear`."""
        self._tell()
        self._say(lines)

    async def write(self, peer: Peer) -> None:
        """Say what is to be said, and after it see to it that it was taken in."""
        try:
            await self._was_taken(peer)
            async for item in self._items:
                if isinstance(item, str):
                    await peer.send(item)
                elif closed := self._part.timeline.closes.get(item[0]):
                    await _close(peer, closed)
                    return
                else:
                    await peer.send_raw_frames([self._text(line) for line in item])
                await self._was_taken(peer)
        except PeerClosed:
            pass
        finally:
            self._over = True
            self._take()
            self._items.close()

    async def _was_taken(self, peer: Peer) -> None:
        if not self._items.statistics().current_buffer_used:
            if not self._server.virtual:
                await peer.ping()
            if not self._items.statistics().current_buffer_used:
                self._take()

    def _text(self, line: int) -> str | bytes:
        """A frame, with this client's ids in it."""
        it = self._part.timeline.lines[line]
        text, ids = text_of(it), self._part.score.ids
        return (
            ids.rewrite(text, it.lane) if isinstance(text, str) and ids.rewrites(it.lane) else text
        )

    def _tell(self) -> None:
        """Something is about to be said."""
        if self._over:
            return
        if self.taken.is_set():
            self.taken = trio.Event()
        self._server.busy.add(self)

    def _take(self) -> None:
        """All is taken in."""
        self.taken.set()
        self.stuck = False
        self._server.busy.discard(self)

    # The client's side

    async def read(self, peer: Peer) -> None:
        """Take in what the client says, until it has hung up, or we have."""
        greeting = [name for name in self._part.lanes.free(self._among) if self._greets(name)]
        if len(self._among) == 1 or greeting:
            self._become((greeting or self._among)[0])
        try:
            while self._part.score.failure is None:
                self._hear(await peer.receive())
        except PeerClosed as closed:
            self._put.close()
            if not closed.ours:
                name = self._lane or next(iter(self._part.lanes.free(self._among)), "")
                await self._hang_up(name, closed.code)

    def _greets(self, name: str) -> bool:
        return self._part.lanes.greets(name)

    def _hear(self, data: str | bytes) -> None:
        if not self._lane:
            name = self._part.identify(self._among, data)
            if name is None:
                return
            self._become(name)
        answer = self._part.say(self._lane, data)
        if answer is not None:
            self._server.clock.expect_now(self._lane)
            self._tell()
            self._say(answer)

    def _say(self, item: Sequence[int] | str) -> None:
        """Lines, or something that has no line. Who has hung up hears neither."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            self._put.send_nowait(item)

    def _become(self, name: str) -> None:
        self._lane = name
        self._part.become(name, self)

    async def _hang_up(self, name: str, code: int) -> None:
        if not name:
            return
        self._server.clock.forget(name)
        close = self._part.hang_up(name, code)
        if close is not None:
            # It may be on its way out because of an error of its own, which is better news than ours.
            await trio.sleep(self._server.patience)
            score = self._part.score
            score.fail(failures.hung_up(score.timeline, score.done, close, code))


async def _close(peer: Peer, closed: Closed) -> None:
    if closed.code == CUT or closed.code < 1000:
        await peer.cut()
    else:
        await peer.close(closed.code, closed.reason)
