"""One client's connection: what it is told, what it has taken in, and what it says.

Each has a writer of its own, so a client that reads slowly holds up no other.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import trio

from tapefold.mock import failures
from tapefold.mock.owed import Item, Told
from tapefold.mock.stage import Stage
from tapefold.mock.timeline import text_of
from tapefold.peer import Handshake, Peer, PeerClosed, Refusal
from tapefold.session.tape import Closed

CUT: Final = 1006
AHEAD_MAX: Final = 8
"""Handfuls of frames that may be on their way to a client: at most 512 frames."""
COMING_BACK: Final = 20
"""Patiences that a client is waited for which has yet to hang up on the connection before."""


class Connection:
    """One client's connection: an `Ear` of the score's."""

    def __init__(self, stage: Stage, origin: str, dialled: Callable[[], str]) -> None:
        self._stage, self._part = stage, stage.part
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
        self._hearing, self._deaf = min(stage.patience * COMING_BACK, stage.timeout / 2), False
        """Seconds for which a pong is waited for: long once it has answered one; and whether in vain."""

    # The handshake

    async def decide(self, asked: Handshake) -> Refusal | None:
        """Wait for the answer that the tape has."""
        url, lane = self._origin + asked.url, self._dialled()
        if not lane:
            # A client may be back before we have heard that it had hung up.
            with trio.move_on_after(self._stage.patience * COMING_BACK):
                while self._part.lanes.may_come(url):
                    await self._stage.changes()
        self._among = self._part.knock(url, lane, self)
        if not self._among:
            self._stage.refused.add(self, str)
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
        self._stage.refused.drop(self)
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
                if not self._stage.virtual:
                    nursery.start_soon(self._ask, peer)
                async for item in self._items:
                    if not await self._write(peer, item):
                        break
                    self._is_said()
                    await self._keep_near()
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
            await self._stage.turn()
            await peer.send(item)
        elif closed := self._part.timeline.closes.get(item[0]):
            await self._heard_out()
            await _close(peer, closed)
            return False
        else:
            await peer.send_raw_frames([self._text(line) for line in item])
        return True

    async def _keep_near(self) -> None:
        """Do not run far ahead of a client that answers pings.

        What lies in between hides whether it is slow or gone, and holds up its own pings.
        """
        while self._told.said > AHEAD_MAX and not self._deaf:
            with trio.move_on_after(self._hearing) as scope:
                await self._pong.wait()
            self._deaf = scope.cancelled_caught

    async def _ask(self, peer: Peer) -> None:
        """See to it that what was said is taken in: that a ping after it is answered."""
        with suppress(PeerClosed):
            while True:
                await self._wrote.wait()
                self._wrote = trio.Event()
                said = self._told.said
                await peer.ping()
                self._hearing, self._deaf = self._stage.timeout, False
                self._is_taken(said)

    async def _heard_out(self) -> None:
        """Let a client that still reads get on with it: what it has not read, a close may take from it."""
        while self._told.said:
            with trio.move_on_after(self._stage.timeout / 2) as scope:
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
        self._stage.busy.add(self)
        self._stage.owed.add(self, self._owed)

    def _owed(self) -> str:
        """What is not taken in, in words."""
        first, more = self._told.first()
        what = first if isinstance(first, str) else failures.say(self._part.timeline, first)
        after = f", and {more} after it" if more else ""
        return f"{self._lane or ', '.join(self._among)} has not taken in {what}{after}"

    def _is_said(self) -> None:
        self._told.say()
        self._stage.owed.move()
        if self._stage.virtual:
            self._is_taken(self._told.said)
        else:
            self._wrote.set()

    def _is_taken(self, count: int) -> None:
        """The first so many of what it was told have been heard."""
        self._stage.owed.move()
        self._pong.set()
        self._pong = trio.Event()
        if self._told.hear(count):
            self._take()

    def _take(self) -> None:
        """All is taken in, or nobody is there any more."""
        self._told.clear()
        self.taken.set()
        self.stuck = False
        self._stage.busy.discard(self)
        self._stage.owed.drop(self)

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
            self._stage.clock.expect_now(lane)
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
        self._stage.clock.forget(name)
        close = self._part.hang_up(name, code)
        if close is not None:
            # It may be on its way out because of an error of its own, which is better news than ours.
            await trio.sleep(self._stage.patience)
            score = self._part.score
            score.fail(failures.hung_up(score.timeline, score.done, close, code))


async def _close(peer: Peer, closed: Closed) -> None:
    if closed.code == CUT or closed.code < 1000:
        await peer.cut()
    else:
        await peer.close(closed.code, closed.reason)
