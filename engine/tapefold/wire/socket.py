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
from urllib.parse import quote, urlsplit

import h11
import trio

from tapefold.session.files import FRAME_MAX

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_READ: Final = 1 << 18
"""Bytes of one read."""
HEAD_MAX: Final = 1 << 16
"""Bytes of the answer to a handshake."""
_ASCII: Final = "!#$%&'()*+,/:;=?@[]~"
"""Characters of a URL that stay as they are; others, such as those of Chinese names, are escaped."""
_CONTINUED, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_LAST: Final = 0x80
_WHOLE_TEXT: Final = _LAST | _TEXT
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
        self._parts_size, self._in_parts, self._parts_binary = 0, False, False
        self._need = 1
        self._control: tuple[int, bytes] | None = None
        self._breach: SocketClosed | None = None
        self._closing = self._torn = False
        self.heard = trio.current_time()
        """When anything at all last came, on trio's clock."""

    async def receive(self) -> list[bytes]:
        """The next whole messages, one or more. Raises `SocketClosed` after the last of them.

        Text is given as it came: whether it is UTF-8 is for whoever reads it to find out.
        """
        while True:
            if self._breach:
                raise self._breach
            batch: list[bytes] = []
            try:
                self._parse(batch)
            except SocketClosed as breach:  # what came before it is not to be lost
                self._breach = breach
            if batch:
                return batch
            if self._control:
                opcode, payload = self._control
                self._control = None
                await self._obey(opcode, payload)
            elif not self._breach:
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
                self._closing = True
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
            if self._torn:  # half a frame is out: nothing may follow it
                raise SocketClosed(CUT, "cut")
            self._torn = True
            try:
                await self._stream.send_all(_masked(opcode, payload))
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise SocketClosed(CUT, "cut") from error
            self._torn = False

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

    def _parse(self, batch: list[bytes]) -> None:
        """Put the whole messages in the buffer into *batch*, up to the next control frame."""
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
                raise self._too_big()
            if end > size:
                self._need = end - at
                break
            if first == _WHOLE_TEXT and not self._in_parts:  # nearly every frame
                batch.append(buffer[start:end])
            elif first & 8:
                if not batch:  # else its turn comes once the batch before it was taken in
                    self._control = _control(first, buffer[start:end])
                    at = end
                break
            else:
                self._rare(first, buffer[start:end], batch)
            at = end
        self._buffer = buffer[at:]

    def _rare(self, first: int, payload: bytes, batch: list[bytes]) -> None:
        """A data frame other than a whole text: binary, or a piece of a message."""
        opcode = first & 15
        if first & 0x70 or opcode > _BINARY or (opcode == _CONTINUED) != self._in_parts:
            raise SocketClosed(PROTOCOL, "a frame out of turn", ours=True)
        if opcode:
            self._in_parts, self._parts_binary = True, opcode == _BINARY
        if payload:
            self._parts.append(payload)
            self._parts_size += len(payload)
        if self._parts_size > self._size_max:
            raise self._too_big()
        if first & _LAST:
            whole = b"".join(self._parts)
            self._parts.clear()
            self._parts_size, self._in_parts = 0, False
            batch.append(Binary(whole) if self._parts_binary else whole)

    def _too_big(self) -> SocketClosed:
        return SocketClosed(TOO_BIG, f"a message of more than {self._size_max} bytes", ours=True)

    async def _obey(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            with suppress(SocketClosed):  # what it said before it hung up is still to be read
                await self._send(_PONG, payload)
        elif opcode == _CLOSE:
            code = int.from_bytes(payload[:2], "big") if payload else NO_STATUS
            if payload and not _may_be_said(code, payload):
                raise SocketClosed(PROTOCOL, "a close with a code that is none", ours=True)
            if not self._closing:
                with suppress(SocketClosed):  # it may have hung up already
                    await self._send(_CLOSE, payload[:2])
            raise SocketClosed(code, payload[2:].decode(errors="replace"))


def _control(first: int, payload: bytes) -> tuple[int, bytes]:
    """A control frame's opcode and payload. Raises `SocketClosed` for what may not be one."""
    opcode = first & 15
    if first & 0x70 or opcode > _PONG:
        raise SocketClosed(PROTOCOL, "a frame that nobody has defined", ours=True)
    if not first & _LAST or len(payload) > 125:
        raise SocketClosed(PROTOCOL, "a control frame that is too long, or in pieces", ours=True)
    return opcode, payload


def _may_be_said(code: int, payload: bytes) -> bool:
    """Whether a close frame may have this code: some are for what no frame can say (RFC 6455, 7.4)."""
    known = 1000 <= code <= 1014 and code not in (1004, NO_STATUS, CUT)
    return len(payload) > 1 and (known or 3000 <= code <= 4999)


async def open_socket(stream: trio.abc.Stream, url: str, *, size_max: int = FRAME_MAX) -> Socket:
    """Do the handshake on a stream to the host of *url*.

    Raises `HandshakeRefused`, and `SocketClosed` where the answer is none; the stream is closed then.
    """
    try:
        return await _handshake(stream, url, size_max)
    except BaseException:  # any: no stream stays open; it is raised again
        await trio.aclose_forcefully(stream)
        raise


async def _handshake(stream: trio.abc.Stream, url: str, size_max: int) -> Socket:
    parts, key = urlsplit(url), b64encode(os.urandom(16))
    target = quote(parts.path or "/", _ASCII) + (
        f"?{quote(parts.query, _ASCII)}" if parts.query else ""
    )
    headers = [
        ("Host", parts.netloc.rpartition("@")[2]),
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
        while event is h11.NEED_DATA or _is_only_information(event):
            if event is h11.NEED_DATA:
                http.receive_data(bytes(await stream.receive_some(_READ)))
            event = http.next_event()
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise SocketClosed(CUT, "cut") from error
    except h11.ProtocolError as error:
        raise SocketClosed(CUT, "no handshake") from error
    if isinstance(event, h11.Response):
        raise HandshakeRefused(event.status_code)
    if not isinstance(event, h11.InformationalResponse) or not _agrees(event, key):
        raise SocketClosed(CUT, "a handshake that is no answer to ours")
    return Socket(stream, http.trailing_data[0], size_max)


def _is_only_information(event: object) -> bool:
    """An answer before the answer, such as 103."""
    return isinstance(event, h11.InformationalResponse) and event.status_code != 101


def _agrees(answer: h11.InformationalResponse, key: bytes) -> bool:
    """Whether it is a WebSocket from here on, and one of the kind that was asked for."""
    headers = {name: value.lower() for name, value in answer.headers}
    accept = b64encode(sha1(key + _GUID, usedforsecurity=False).digest())
    return (
        answer.http_version == b"1.1"
        and headers.get(b"upgrade") == b"websocket"
        and b"upgrade" in headers.get(b"connection", b"").replace(b" ", b"").split(b",")
        and dict(answer.headers).get(b"sec-websocket-accept") == accept
        and not {b"sec-websocket-extensions", b"sec-websocket-protocol"} & headers.keys()
    )


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
