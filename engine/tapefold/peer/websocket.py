"""The server's side of one WebSocket, on any trio stream; all traps of trio-websocket end in here.

    peer = await accept(nursery, stream, decide)      # None: refused, or gone before it was up
    if peer:
        try:
            while True:
                data = await peer.receive()
        except PeerClosed as closed: ...              # the one error that a peer raises

The traps: its reader task raises into the nursery it was given (a ping while we close, a broken
handshake); a request for a handshake that never comes is waited for without end; a pong that never
comes likewise; who closes waits for ever for a client that does not answer; and a socket that is closed
while something is unread sends a reset, which takes from a slow client what was already on its way.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Final, NamedTuple, cast

import trio
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    WebSocketRequest,
    wrap_server_stream,
)
from wsproto.utilities import LocalProtocolError

from tapefold.peer import stream as peer_stream
from tapefold.peer.stream import CHUNK, PeerStream

MESSAGE_MAX: Final = 16 * 1024 * 1024
"""Bytes in one message of a client's; a longer one ends its connection with 1009."""
QUEUE_MAX: Final = 4096
"""Messages that came and were not asked for. Beyond it TCP holds the client back, and its pongs too."""

_GONE = (ConnectionClosed, LocalProtocolError, trio.BrokenResourceError, trio.ClosedResourceError)


class Handshake(NamedTuple):
    """What a client asks for when it comes."""

    url: str
    """Path and query."""
    host: str
    """Its Host header, with the port if it has one."""
    headers: dict[str, str]
    """All others by their names in lower case, but for the subprotocols and extensions."""


class Refusal(NamedTuple):
    """No: an HTTP status with which the handshake ends. 0: it ends without a word."""

    status: int
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = ()


class PeerClosed(Exception):
    """The WebSocket is over: with which code (1006: no close frame came), and who began it."""

    def __init__(self, code: int, reason: str = "", *, ours: bool = False) -> None:
        super().__init__(f"closed with {code} {reason}".rstrip())
        self.code, self.reason, self.ours = code, reason, ours


class Peer:
    """A client that is connected. Made by `accept`. Any task may call anything at any time."""

    def __init__(
        self, asked: Handshake, nursery: trio.Nursery, socket: WebSocketConnection, wire: PeerStream
    ) -> None:
        self.url, self.host, self.headers = asked
        self._nursery, self._socket, self._wire = nursery, socket, wire
        self._ended: PeerClosed | None = None

    async def receive(self) -> str | bytes:
        """The next message, text or binary. Raises `PeerClosed` after the last one."""
        try:
            return await self._socket.get_message()
        except _GONE as gone:
            raise self._end(gone) from None

    async def send(self, data: str | bytes) -> None:
        """Send one message. Raises `PeerClosed`. If it is cancelled midway the connection is cut."""
        try:
            await self._socket.send_message(data)
        except _GONE as gone:
            raise self._end(gone) from None

    async def send_raw_frames(self, frames: Sequence[str | bytes]) -> None:
        """Send many messages in one write: several times as fast as `send`, otherwise like it."""
        data = b"".join([_frame(message) for message in frames])
        try:
            await self._wire.send_all(data, lambda: self._socket.closed is None)
        except _GONE as gone:
            raise self._end(gone) from None

    async def ping(self) -> None:
        """Come back when the client has taken in all that was sent before. Raises `PeerClosed`.

        May be given up at any time: the ping itself is on its way then, and is no half frame.
        """
        answered = trio.Event()
        with self._wire.while_up():
            self._nursery.start_soon(self._ping, answered)
            await answered.wait()
        if not answered.is_set():
            raise self._end()

    async def _ping(self, answered: trio.Event) -> None:
        with suppress(*_GONE), self._wire.while_up():
            await self._socket.ping()
            answered.set()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close as one should, and wait for the client's close at most `CLOSE_PATIENCE`; 1005: no code.

        What the client said and nobody received is dropped. Closing what is closed does nothing.
        """
        if self._up():
            self._ended = PeerClosed(code, reason, ours=True)
        # Nobody but wsproto sees the None; it makes a close frame with nothing in it of it.
        given = cast("int", None) if code == 1005 else code
        with suppress(*_GONE), trio.move_on_after(peer_stream.CLOSE_PATIENCE):
            with self._wire.while_up():
                await self._socket.aclose(given, reason or None)
            await self._wire.hung_up.wait()
        self._wire.finish()

    async def cut(self) -> None:
        """Hang up without a close frame: the client reads all that was sent, and then an EOF."""
        if self._up():
            self._ended = PeerClosed(1006, ours=True)
        self._wire.finish()
        await self._wire.hung_up.wait()

    async def gone(self) -> None:
        """Come back when the stream is closed; `trio.serve_listeners` closes it harder than we do."""
        await self._wire.closed.wait()

    def _up(self) -> bool:
        return self._socket.closed is None and not self._wire.finished

    def _end(self, gone: Exception | None = None) -> PeerClosed:
        """The one error that is made of all that a connection may end with."""
        if self._ended is None:
            reason = gone.reason if isinstance(gone, ConnectionClosed) else None
            self._ended = (
                PeerClosed(reason.code, reason.reason or "") if reason else PeerClosed(1006)
            )
        return PeerClosed(self._ended.code, self._ended.reason, ours=self._ended.ours)


async def accept(
    nursery: trio.Nursery,
    stream: trio.abc.Stream,
    decide: Callable[[Handshake], Awaitable[Refusal | None]],
    wrote: Callable[[], None] = lambda: None,
) -> Peer | None:
    """Hear what a client asks for, and answer as *decide* says; None: no connection came of it.

    *decide* may take its time, and is cancelled if the client leaves meanwhile. The stream is closed in
    any case; where None comes back it is. The connection lives in *nursery*. *wrote* is told of each
    part that the client's side, or what is between, has taken. Raises what *decide* does.
    """
    wire = PeerStream(stream, wrote)
    request: WebSocketRequest | None = await nursery.start(_live, wire)
    if request is None:
        await wire.closed.wait()
        return None
    asked = _handshake(request)
    try:
        with wire.while_up():
            refusal = await decide(asked)
            if refusal is None:
                return Peer(asked, nursery, await request.accept(), wire)
            if refusal.status:
                await _refuse(request, refusal)
    except _GONE:
        pass
    except BaseException:  # what *decide* raises: the stream is closed, and it goes on
        wire.finish()
        raise
    wire.finish()
    await wire.closed.wait()
    return None


def _handshake(request: WebSocketRequest) -> Handshake:
    headers: dict[str, str] = {}
    for name, value in request.headers:
        headers[name.decode("latin-1").lower()] = value.decode("latin-1")
    # trio-websocket keeps this one header to itself.
    host: str = attrgetter("_event.host")(request)
    return Handshake(request.path, host, headers)


async def _refuse(request: WebSocketRequest, refusal: Refusal) -> None:
    headers = [(name.encode(), value.encode()) for name, value in refusal.headers]
    headers.append((b"Connection", b"close"))
    await request.reject(refusal.status, extra_headers=headers, body=refusal.body)


async def _live(
    wire: PeerStream,
    task_status: trio.TaskStatus[WebSocketRequest | None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """A connection from its first byte to its last. No code but trio-websocket's runs in here."""
    request: WebSocketRequest | None = None
    try:
        async with trio.open_nursery() as nursery:
            with wire.while_up():
                request = await wrap_server_stream(nursery, wire, QUEUE_MAX, MESSAGE_MAX, CHUNK)
                task_status.started(request)
    except* Exception:  # whatever it is, it is about this client alone, and it is over
        pass
    if request is None:
        task_status.started(None)
    await wire.end()


def _frame(data: str | bytes) -> bytes:
    """One whole message as a server frames it, unmasked."""
    payload = data.encode() if isinstance(data, str) else data
    first, size = (0x81 if isinstance(data, str) else 0x82), len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2) + payload
    return bytes((first, 127)) + size.to_bytes(8) + payload
