"""A WebSocket client that receives in batches: one read, many messages (RFC 6455).

A server's frames are never masked, so taking one apart is slicing; all messages of one read go
through in one loop, where a task and a channel for each would cost more than the kernel's step.
A ping is answered only after whatever came before it has been taken in: who pings may rely on it.
No extension is offered, so none is used.
"""

import os
from base64 import b64encode
from contextlib import suppress
from hashlib import sha1
from typing import Final
from urllib.parse import urlsplit

import h11
import trio

from tapefold.session.files import FRAME_MAX

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_READ: Final = 1 << 18
"""Bytes of one read."""
HEAD_MAX: Final = 1 << 16
"""Bytes of the answer to a handshake."""
_CONTINUED, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_WHOLE_TEXT: Final = 0x80 | _TEXT
NO_STATUS, CUT, PROTOCOL, TOO_BIG = 1005, 1006, 1002, 1009


class Binary(bytes):
    """A message that came as binary."""

    __slots__ = ()


class SocketClosed(Exception):
    """The connection is over: the other side's close, a cut (1006), or a breach of the protocol."""

    def __init__(self, code: int, reason: str = "", *, ours: bool = False) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason
        self.ours = ours
        """It is us who found that it cannot go on, and who have yet to say so."""


class HandshakeRefused(Exception):
    """The other side answered the handshake with another status than 101."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Socket:
    """One connection, after its handshake. `open_socket` makes one."""

    def __init__(
        self, stream: trio.abc.Stream, rest: bytes = b"", size_max: int = FRAME_MAX
    ) -> None:
        self._stream, self._buffer, self._size_max = stream, rest, size_max
        self._sending = trio.Lock()
        self._parts: list[bytes] = []
        self._parts_size, self._parts_binary = 0, False
        self._need = 1
        self._control: tuple[int, bytes] | None = None
        self.heard = trio.current_time()
        """When anything at all last came, on trio's clock."""

    async def receive(self) -> list[bytes]:
        """The next whole messages, one or more. Raises `SocketClosed`."""
        while True:
            batch = self._parse()
            if batch:
                return batch
            if self._control:
                opcode, payload = self._control
                self._control = None
                await self._obey(opcode, payload)
            else:
                await self._more()

    async def send(self, text: str) -> None:
        """Send a text message. Raises `SocketClosed`."""
        await self._send(_TEXT, text.encode())

    async def ping(self) -> None:
        """Ask for a sign of life. Raises `SocketClosed`."""
        await self._send(_PING, b"")

    async def close(self, code: int, reason: str = "") -> None:
        """Say goodbye, and wait for the other side to say it too; whatever else comes is dropped.

        The stream is closed in any case, also where this is cancelled.
        """
        try:
            with suppress(SocketClosed):
                await self._send(_CLOSE, code.to_bytes(2, "big") + reason.encode())
                while True:
                    await self.receive()
        finally:
            await self.cut()

    async def cut(self) -> None:
        """Close the stream without a word."""
        await trio.aclose_forcefully(self._stream)

    async def _send(self, opcode: int, payload: bytes) -> None:
        async with self._sending:
            try:
                await self._stream.send_all(_masked(opcode, payload))
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise SocketClosed(CUT, "cut") from error

    async def _more(self) -> None:
        """Read until the frame at hand is there as a whole."""
        parts, size = [self._buffer], len(self._buffer)
        need = max(self._need, size + 1)
        try:
            while size < need:
                data = bytes(await self._stream.receive_some(_READ))
                if not data:
                    raise SocketClosed(CUT, "cut")
                self.heard = trio.current_time()
                parts.append(data)
                size += len(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise SocketClosed(CUT, "cut") from error
        finally:  # also where it is cancelled: a close still has to find where frames begin
            self._buffer = b"".join(parts)

    def _parse(self) -> list[bytes]:
        """The whole messages in the buffer, up to the next control frame."""
        batch: list[bytes] = []
        buffer, at, size = self._buffer, 0, len(self._buffer)
        self._need = 1
        while size - at >= 2:
            first, length, start = buffer[at], buffer[at + 1], at + 2
            if length > 125:
                if length > 127:
                    raise SocketClosed(PROTOCOL, "a masked frame from a server", ours=True)
                width = 2 if length == 126 else 8
                if size - start < width:
                    break
                length = int.from_bytes(buffer[start : start + width], "big")
                start += width
            end = start + length
            if length > self._size_max:
                raise SocketClosed(
                    TOO_BIG, f"a message of more than {self._size_max} bytes", ours=True
                )
            if end > size:
                self._need = end - at
                break
            if first == _WHOLE_TEXT and not self._parts:  # nearly every frame
                batch.append(buffer[start:end])
            elif not self._rare(first, buffer[start:end], batch):
                if not self._control:  # its turn comes once the batch before it was taken in
                    break
                at = end
                break
            at = end
        self._buffer = buffer[at:]
        return batch

    def _rare(self, first: int, payload: bytes, batch: list[bytes]) -> bool:
        """Any frame but a whole text; False for a control frame, which ends the batch."""
        opcode, last = first & 15, first & 0x80
        if first & 0x70:
            raise SocketClosed(PROTOCOL, "reserved bits are set", ours=True)
        if opcode in (_CLOSE, _PING, _PONG):
            if not last or len(payload) > 125:
                raise SocketClosed(
                    PROTOCOL, "a control frame that is too long, or in pieces", ours=True
                )
            if not batch:
                self._control = opcode, payload
            return False
        if opcode > _BINARY or (opcode == _CONTINUED) != bool(self._parts):
            raise SocketClosed(PROTOCOL, "a frame out of turn", ours=True)
        self._piece(opcode, payload)
        if last:
            whole = b"".join(self._parts)
            self._parts.clear()
            self._parts_size = 0
            batch.append(Binary(whole) if self._parts_binary else whole)
        return True

    def _piece(self, opcode: int, payload: bytes) -> None:
        self._parts.append(payload)
        self._parts_size += len(payload)
        if opcode:
            self._parts_binary = opcode == _BINARY
        if self._parts_size > self._size_max:
            raise SocketClosed(TOO_BIG, f"a message of more than {self._size_max} bytes", ours=True)

    async def _obey(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            with suppress(SocketClosed):  # what it said before it hung up is still to be read
                await self._send(_PONG, payload)
        elif opcode == _CLOSE:
            if len(payload) == 1:
                raise SocketClosed(PROTOCOL, "a close with half a code", ours=True)
            code = int.from_bytes(payload[:2], "big") if payload else NO_STATUS
            with suppress(SocketClosed):  # it may have hung up already
                await self._send(_CLOSE, payload[:2])
            raise SocketClosed(code, payload[2:].decode(errors="replace"))


async def open_socket(stream: trio.abc.Stream, url: str, *, size_max: int = FRAME_MAX) -> Socket:
    """Do the handshake on a stream to the host of *url*.

    Raises `HandshakeRefused`, and `SocketClosed` where the answer is none; the stream is closed then.
    """
    try:
        return await _handshake(stream, url, size_max)
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise


async def _handshake(stream: trio.abc.Stream, url: str, size_max: int) -> Socket:
    parts, key = urlsplit(url), b64encode(os.urandom(16))
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = [
        ("Host", parts.netloc),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key.decode()),
        ("Sec-WebSocket-Version", "13"),
        ("User-Agent", "tapefold"),
    ]
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_MAX)
    try:
        request = http.send(h11.Request(method="GET", target=target, headers=headers))
        await stream.send_all((request or b"") + (http.send(h11.EndOfMessage()) or b""))
        event = http.next_event()
        while event is h11.NEED_DATA:
            http.receive_data(bytes(await stream.receive_some(_READ)))
            event = http.next_event()
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise SocketClosed(CUT, "cut") from error
    except h11.ProtocolError as error:
        raise SocketClosed(CUT, "no handshake") from error
    if isinstance(event, h11.Response):
        raise HandshakeRefused(event.status_code)
    if not isinstance(event, h11.InformationalResponse) or event.status_code != 101:
        raise SocketClosed(CUT, "no handshake")
    accept = b64encode(sha1(key + _GUID, usedforsecurity=False).digest())
    if dict(event.headers).get(b"sec-websocket-accept") != accept:
        raise SocketClosed(CUT, "a handshake that is not an answer to ours")
    return Socket(stream, http.trailing_data[0], size_max)


def _masked(opcode: int, payload: bytes) -> bytes:
    """A whole frame of a client's, which must be masked."""
    size, mask = len(payload), os.urandom(4)
    head = bytearray((0x80 | opcode,))
    if size < 126:
        head.append(0x80 | size)
    elif size < 1 << 16:
        head += b"\xfe" + size.to_bytes(2, "big")
    else:
        head += b"\xff" + size.to_bytes(8, "big")
    veil = (mask * (size // 4 + 1))[:size]
    body = int.from_bytes(payload, "big") ^ int.from_bytes(veil, "big")
    return bytes(head) + mask + body.to_bytes(size, "big")
