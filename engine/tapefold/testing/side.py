"""The exchange's side of a connection in memory, written out byte by byte, and manners of serving it.

Half a frame, or a pong that never comes, is nothing that a library sends.
"""

import math
from base64 import b64encode
from collections.abc import Awaitable, Callable
from hashlib import sha1
from typing import Final, Protocol, TypeAlias

import trio

_TEXT: Final = 1
_CLOSE: Final = 8
_PING: Final = 9


class Served(Protocol):
    """Who is connected to."""

    def connect(self, side: "Side") -> None:
        """The handshake is done."""
        ...

    def hear(self, side: "Side", text: str) -> None:
        """The client says this."""
        ...


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

    def __init__(self, exchange: Served, lane: str, url: str, stream: trio.abc.Stream) -> None:
        self.exchange, self.lane, self.url, self.stream = exchange, lane, url, stream
        self.heard = bytearray()
        self._sending = trio.Lock()
        self._put, self.frames = trio.open_memory_channel[bytes](math.inf)

    def put(self, data: bytes) -> None:
        """The market said this."""
        self._put.send_nowait(data)

    async def say(self, data: bytes) -> None:
        """Send these bytes, after those that are being sent: two at once would be a mess."""
        async with self._sending:
            await self.stream.send_all(data)

    async def handshake(self, status: str = "101 Switching Protocols") -> None:
        """Read the request's head, and answer it; from 101 on the market is heard."""
        while b"\r\n\r\n" not in self.heard:
            data = await self.stream.receive_some(65536)
            if not data:
                raise trio.BrokenResourceError("the client was gone before it had asked")
            self.heard += data
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
            await self.say(framed(data))
            said += 1

    async def listen(self) -> None:
        """Answer pings and closes, until the client is gone."""
        while data := await self.stream.receive_some(65536):
            self.heard += data
            while (frame := self._frame()) is not None:
                opcode, payload = frame
                if opcode == _TEXT:
                    self.exchange.hear(self, payload.decode())
                elif opcode == _PING:
                    await self.say(framed(payload, 0x8A))
                elif opcode == _CLOSE:
                    await self.say(framed(payload, 0x88))
                    return

    def _frame(self) -> tuple[int, bytes] | None:
        """The next whole frame that was heard: its opcode and payload."""
        heard = self.heard
        if len(heard) < 2:
            return None
        assert heard[1] & 128, "a client masks"
        size, start = heard[1] & 127, 6
        assert size < 127, "a client does not say that much"
        if size == 126:
            size, start = int.from_bytes(heard[2:4], "big"), 8
        if len(heard) < start + size:
            return None
        opcode, mask = heard[0] & 15, heard[start - 4 : start]
        body = bytes(byte ^ mask[n % 4] for n, byte in enumerate(heard[start : start + size]))
        del heard[: start + size]
        return opcode, body


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
        await side.say(last)

    return manner


def stalls(frames: int, last: bytes = b"") -> Manner:
    """So many frames, then these bytes; from then on it is deaf and dumb, and the stream stays open."""

    async def manner(side: Side) -> None:
        await side.handshake()
        await side.talk(frames)
        await side.say(last)
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
