"""The exchange of a tape, as a server: speaks to whoever connects, on any stream.

Each connection has a writer of its own, so a client that reads one slowly holds up no other.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import trio
from trio.testing import wait_all_tasks_blocked

from tapefold.mock import failures
from tapefold.mock.clock import TapeClock
from tapefold.mock.conductor import Tempo
from tapefold.mock.owed import Item, Owed, Told
from tapefold.mock.part import Part
from tapefold.mock.timeline import text_of
from tapefold.peer import Handshake, Peer, PeerClosed, Refusal, accept
from tapefold.session.tape import Closed

CUT: Final = 1006
COMING_BACK: Final = 20
"""Patiences that a client is waited for which has yet to hang up on the connection before."""
TURNS_MAX: Final = 10_000
"""How often a client may ask for what is free while nothing else happens, and no time passes."""


class Server:
    """All connections, and whether what was said on them has been taken in."""

    def __init__(self, part: Part, clock: TapeClock, tempo: Tempo, *, virtual: bool) -> None:
        self.part, self.clock, self.virtual = part, clock, virtual
        self.patience, self.timeout, self._barrier = tempo.patience, tempo.timeout, tempo.barrier
        self.owed = Owed()
        """What clients have yet to take in."""
        self.refused = Owed()
        """Who is being told that what it wants is not on the tape."""
        self._turn = (0.0, 0, 0)
        """When the last turn was, what was done by then, and how many there have been since."""
        self.busy: set[Connection] = set()
        """Connections that were told something which nobody has taken in yet, for all we know."""
        self.changes: Callable[[], Awaitable[None]] = trio.sleep_forever
        """Comes back after the next thing that a client does."""
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

    async def turn(self) -> None:
        """Let all others go first, in memory: a client that asks on and on may not hold up the play."""
        if not self.virtual:
            return
        now, head = trio.current_time(), self.part.score.head
        count = self._turn[2] + 1 if self._turn[:2] == (now, head) else 1
        self._turn = now, head, count
        if count > TURNS_MAX:
            score = self.part.score
            score.fail(failures.never_rests(score.timeline, score.done, head, count))
        await wait_all_tasks_blocked()

    def is_speaking(self) -> bool:
        """Whether something that was to be said is not written yet."""
        return any(connection.is_speaking() for connection in self.busy)

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
            peer = await accept(nursery, stream, connection.decide, self.owed.move)
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
        self._put, self._items = trio.open_memory_channel[Item](math.inf)
        self.taken = trio.Event()
        self.stuck = False
        self._told = Told()
        self._wrote, self._pong = trio.Event(), trio.Event()

    # The handshake

    async def decide(self, asked: Handshake) -> Refusal | None:
        """Wait for the answer that the tape has."""
        url, lane = self._origin + asked.url, self._dialled()
        if not lane:
            # A client may be back before we have heard that it had hung up.
            with trio.move_on_after(self._server.patience * COMING_BACK):
                while self._part.lanes.may_come(url):
                    await self._server.changes()
        self._among = self._part.knock(url, lane, self)
        if not self._among:
            self._server.refused.add(self, str)
            return Refusal(404, str(self._part.score.failure).encode())
        await self._decided.wait()
        closed = self._part.timeline.closes.get(self._answer or 0)
        if closed is None:
            return None
        return Refusal(closed.code if closed.code < 1000 else 0)

    def answer(self, line: int) -> None:
        """See `Ear`."""
        self._tell([line])
        self._answer = line
        self._decided.set()

    async def lost(self) -> None:
        """No connection came of it."""
        self._take()
        self._server.refused.drop(self)
        name = next(iter(self._among), self._dialled())
        if name and self._answer is None:
            await self._hang_up(name, CUT)

    # The exchange's side

    def hand(self, lines: Sequence[int]) -> None:
        """See `Ear`."""
        self._say(lines)

    async def write(self, peer: Peer) -> None:
        """Say what is to be said, as fast as the client takes it."""
        async with trio.open_nursery() as nursery:
            try:
                self._is_said()  # the handshake is
                if not self._server.virtual:
                    nursery.start_soon(self._ask, peer)
                async for item in self._items:
                    if not await self._write(peer, item):
                        break
                    self._is_said()
            except PeerClosed:
                self._part.score.unread += self._told.lines_unsaid()
            finally:
                self._over = True
                self._take()
                self._items.close()
            nursery.cancel_scope.cancel()

    async def _write(self, peer: Peer, item: Item) -> bool:
        """Whether it can go on after it."""
        if isinstance(item, str):
            await self._server.turn()
            await peer.send(item)
        elif closed := self._part.timeline.closes.get(item[0]):
            await self._heard_out()
            await _close(peer, closed)
            return False
        else:
            await peer.send_raw_frames([self._text(line) for line in item])
        return True

    async def _ask(self, peer: Peer) -> None:
        """See to it that what was said is taken in: that a ping after it is answered."""
        with suppress(PeerClosed):
            while True:
                await self._wrote.wait()
                self._wrote = trio.Event()
                said = self._told.said
                await peer.ping()
                self._is_taken(said)

    async def _heard_out(self) -> None:
        """Let a client that still reads get on with it: what it has not read, a close may take from it."""
        while self._told.said:
            with trio.move_on_after(self._server.timeout / 2) as scope:
                await self._pong.wait()
            if scope.cancelled_caught:
                return

    def _text(self, line: int) -> str | bytes:
        """A frame, with this client's ids in it."""
        it = self._part.timeline.lines[line]
        text, ids = text_of(it), self._part.score.ids
        return (
            ids.rewrite(text, it.lane) if isinstance(text, str) and ids.rewrites(it.lane) else text
        )

    def is_speaking(self) -> bool:
        """Whether something that was to be said is not written yet."""
        return self._told.unsaid > 0

    def _tell(self, item: Item) -> None:
        """Something is about to be said."""
        if self._over:
            return
        self._told.add(item)
        if self.taken.is_set():
            self.taken = trio.Event()
        self._server.busy.add(self)
        self._server.owed.add(self, self._owed)

    def _owed(self) -> str:
        """What is not taken in, in words."""
        first, more = self._told.first()
        what = first if isinstance(first, str) else failures.say(self._part.timeline, first)
        after = f", and {more} after it" if more else ""
        return f"{self._lane or ', '.join(self._among)} has not taken in {what}{after}"

    def _is_said(self) -> None:
        self._told.say()
        self._server.owed.move()
        if self._server.virtual:
            self._is_taken(self._told.said)
        else:
            self._wrote.set()

    def _is_taken(self, count: int) -> None:
        """The first so many of what it was told have been heard."""
        self._server.owed.move()
        self._pong.set()
        self._pong = trio.Event()
        if self._told.hear(count):
            self._take()

    def _take(self) -> None:
        """All is taken in, or nobody is there any more."""
        self._told.clear()
        self.taken.set()
        self.stuck = False
        self._server.busy.discard(self)
        self._server.owed.drop(self)

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
        lane = self._lane or next(iter(self._part.lanes.free(self._among)), self._among[0])
        if not self._lane and not self._part.is_free(lane, data):  # a heartbeat says nothing of it
            name = self._part.identify(self._among, data)
            if name is None:
                return
            self._become(lane := name)
        answer = self._part.say(lane, data)
        if answer is not None:
            self._server.clock.expect_now(lane)
            self._say(answer)

    def _say(self, item: Item) -> None:
        """Lines, or something that has no line. Who has hung up hears neither."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            self._put.send_nowait(item)
            self._tell(item)

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
