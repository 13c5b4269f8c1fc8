"""A stream as trio-websocket is given it: one write at a time, and an end that resets nothing."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Final, cast

import trio

CLOSE_PATIENCE: Final = 1.0
"""Seconds for which a client is waited for that has yet to answer a close, or to hang up."""
CHUNK: Final = 65536
"""Bytes read, or written, at once."""


class PeerStream(trio.abc.Stream):
    """The stream as trio-websocket sees it: one write at a time, and an end that resets nothing."""

    def __init__(self, stream: trio.abc.Stream, wrote: Callable[[], None] = lambda: None) -> None:
        self._stream, self._wrote = stream, wrote
        self._lock = trio.Lock()
        self._scopes: set[trio.CancelScope] = set()
        self.finished = False
        """Nothing is said or heard here any more."""
        self.hung_up = trio.Event()
        """The client has been sent an EOF."""
        self.closed = trio.Event()
        """The stream is."""

    @contextmanager
    def while_up(self) -> Generator[trio.CancelScope]:
        """Cancel what is in here as soon as the connection is over."""
        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            if self.finished:
                scope.cancel()
            try:
                yield scope
            finally:
                self._scopes.discard(scope)

    def finish(self) -> None:
        """The connection is over: trio-websocket's reader ends, and then `end` comes."""
        self.finished = True
        for scope in self._scopes:
            scope.cancel()

    async def send_all(
        self, data: bytes | bytearray | memoryview, may: Callable[[], bool] = lambda: True
    ) -> None:
        """Write it all, unless it may not be written any more when its turn has come."""
        async with self._lock:
            if self.finished or not may():
                raise trio.ClosedResourceError
            try:
                for piece in pieces(data):
                    await self._stream.send_all(piece)
                    self._wrote()
            except BaseException:  # a cancellation, too; it is raised again
                self.finish()  # perhaps half a frame is out: nothing may follow it
                raise

    async def wait_send_all_might_not_block(self) -> None:
        """Nobody asks."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Read; after `finish` as from a closed stream."""
        with self.while_up():
            data = await self._stream.receive_some(max_bytes)
            if not data:
                self.finish()
            return data
        raise trio.ClosedResourceError

    async def aclose(self) -> None:
        """What trio-websocket takes for a closed stream is only finished; `end` closes it."""
        self.finish()
        await trio.lowlevel.checkpoint()

    async def end(self) -> None:
        """Hang up; nothing that is still to be written is."""
        self.finish()
        with trio.move_on_after(CLOSE_PATIENCE):
            async with self._lock:
                await send_eof(self._stream)
        self.hung_up.set()
        try:
            await leave(self._stream)
        finally:
            self.closed.set()


def pieces(data: bytes | bytearray | memoryview) -> Iterator[memoryview]:
    """Of what may be long: so that whoever waits for it sees it getting on."""
    whole = memoryview(data)
    for start in range(0, len(whole), CHUNK):
        yield whole[start : start + CHUNK]


async def send_eof(stream: trio.abc.Stream) -> None:
    """Say that nothing more comes, and no more than that: TLS is not told."""
    raw = _raw(stream)
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        if isinstance(raw, trio.abc.HalfCloseableStream):
            await raw.send_eof()


async def leave(stream: trio.abc.Stream) -> None:
    """Close what has had its EOF when the client has hung up: nothing is unread then, so no reset."""
    try:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            with trio.move_on_after(CLOSE_PATIENCE):
                while await _raw(stream).receive_some(CHUNK):
                    pass
    finally:
        await trio.aclose_forcefully(stream)


def _raw(stream: trio.abc.Stream) -> trio.abc.Stream:
    if isinstance(stream, trio.SSLStream):
        return cast("trio.SSLStream[trio.abc.Stream]", stream).transport_stream
    return stream
