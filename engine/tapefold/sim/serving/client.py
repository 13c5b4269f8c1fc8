"""One WebSocket client: what it is still to be sent, and whether it is still there."""

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from tapefold.peer import Peer, PeerClosed

OUTBOX_MAX: Final = 4 * 1024 * 1024
"""Bytes that a client may be behind; beyond that it is hung up on, and not waited for."""
SAID_MAX: Final = 64 * 1024
"""Characters in one message of a client's; a longer one ends its connection with 1009."""
PING_EVERY: Final = 20.0
"""Seconds between two pings."""
PONG_WITHIN: Final = 60.0
"""Seconds for which a pong is waited for; then nobody is there."""


class Client:
    """A client that is connected. It has a writer of its own, so it holds up nobody but itself."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._frames: list[str] = []
        self._owed = 0
        """Bytes that it was not written yet."""
        self._news = trio.Event()
        self._stay = trio.CancelScope()

    def tell(self, data: bytes) -> None:
        """Send this after what it was told before; whoever is too far behind is hung up on."""
        self._owed += len(data)
        if self._owed > OUTBOX_MAX:
            self._stay.cancel()
            return
        self._frames.append(data.decode())
        self._news.set()

    async def attend(self, hear: Callable[[str], Awaitable[None]]) -> None:
        """Be told what it says, until it has left or is hung up on."""
        try:
            with self._stay:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    nursery.start_soon(self._beat)
                    await self._listen(hear)
                    nursery.cancel_scope.cancel()
        except* PeerClosed:
            pass

    async def refuse(self, reason: str) -> None:
        """End it for a fault of ours."""
        await self._peer.close(1011, reason)

    async def leave(self) -> None:
        """Hang up, if nobody has, and come back when the stream is closed."""
        await self._peer.cut()
        await self._peer.gone()

    async def _listen(self, hear: Callable[[str], Awaitable[None]]) -> None:
        while True:
            said = await self._peer.receive()
            if isinstance(said, bytes):
                return await self._peer.close(1003, "messages are text here")
            if len(said) > SAID_MAX:
                return await self._peer.close(1009, f"more than {SAID_MAX} characters")
            await hear(said)

    async def _write(self) -> None:
        """All that waits in one write; what is written is not owed any more."""
        while True:
            await self._news.wait()
            self._news = trio.Event()
            frames, self._frames = self._frames, []
            await self._peer.send_raw_frames(frames)
            self._owed -= sum(len(frame.encode()) for frame in frames)

    async def _beat(self) -> None:
        """A client that answers no ping is gone without a word."""
        while True:
            await trio.sleep(PING_EVERY)
            with trio.move_on_after(PONG_WITHIN) as patience:
                await self._peer.ping()
            if patience.cancelled_caught:
                self._stay.cancel()
