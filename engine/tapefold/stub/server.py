"""HTTP/1.1 on a trio stream, for clients of any language; a WebSocket handshake is handed on."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, NamedTuple

import h11
import trio

from tapefold.peer.stream import CHUNK, leave, send_eof
from tapefold.stub.http import Answer
from tapefold.stub.journal import Asked
from tapefold.stub.matching import read_body, read_fields

HEAD_MAX: Final = 64 * 1024
"""Bytes of a request before its body; more is answered 431."""
BODY_MAX: Final = 16 * 1024 * 1024
"""Bytes of a request's body; more is answered 413."""
BARE: Final = (204, 304)
"""Statuses whose answers have no body."""


class TooLong(Exception):
    """A body of more than `BODY_MAX`."""


class Hosted(NamedTuple):
    """What a server is the server of."""

    answer: Callable[[Asked], Awaitable[tuple[Asked, Answer]]]
    said: Callable[[Asked, Answer], None]
    upgrade: Callable[["Tap"], Awaitable[None]]
    """Takes the stream over for good; it begins with the request for the handshake."""


class Tap(trio.abc.HalfCloseableStream):
    """A stream that can be read once more from where `mark` was, and that can be frozen."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._read = b""
        self._ahead: bytes | bytearray = b""
        self._marking = True
        self.thawed = trio.Event()
        self.thawed.set()

    def mark(self, unread: bytes) -> None:
        """`rewind` comes back to here: to what was read and not used yet."""
        self._read = unread

    def rewind(self) -> None:
        """Read once more what came since `mark`; for good."""
        self._ahead, self._read, self._marking = self._read, b"", False

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Read; nothing while it is frozen, though it came."""
        if self._ahead:
            ahead, self._ahead = self._ahead, b""
            await trio.lowlevel.checkpoint()
            return ahead
        data = await self._stream.receive_some(max_bytes)
        await self.thawed.wait()
        if self._marking:
            self._read += data
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As the stream."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Say that nothing more comes."""
        await send_eof(self._stream)

    async def aclose(self) -> None:
        """Close."""
        await self._stream.aclose()


async def serve(stream: trio.abc.Stream, hosted: Hosted) -> None:
    """Answer requests until the client leaves; only what *hosted* raises comes out of here."""
    tap = Tap(stream)
    http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_MAX)
    try:
        upgraded = await _converse(http, tap, hosted)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        upgraded = False
    if not upgraded:
        await send_eof(stream)
        await leave(stream)


async def _converse(http: h11.Connection, tap: Tap, hosted: Hosted) -> bool:
    """One request after another; True if the stream now belongs to a WebSocket."""
    while True:
        tap.mark(http.trailing_data[0])
        try:
            request = await _next(http, tap)
            if not isinstance(request, h11.Request):
                return False
            headers = _headers(request)
            if headers.get("upgrade", "").lower() == "websocket":
                tap.rewind()
                await hosted.upgrade(tap)
                return True
            body = await _body(http, tap)
        except (h11.RemoteProtocolError, TooLong) as error:
            await _refuse(http, tap, error)
            return False
        asked, answer = await hosted.answer(_asked(request, headers, body))
        if not answer.cut:
            await _say(http, tap, request.method, answer)
        hosted.said(asked, answer)
        if answer.cut or http.our_state is not h11.DONE or http.their_state is not h11.DONE:
            return False
        http.start_next_cycle()


async def _next(http: h11.Connection, tap: Tap) -> h11.Event | None:
    """What a client says next; None where it has left."""
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            if http.they_are_waiting_for_100_continue:
                await tap.send_all(
                    _bytes(http, h11.InformationalResponse(status_code=100, headers=[]))
                )
            http.receive_data(bytes(await tap.receive_some(CHUNK)))
        elif event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            return None
        elif isinstance(event, h11.Request | h11.Data | h11.EndOfMessage):
            return event


async def _body(http: h11.Connection, tap: Tap) -> bytes:
    body = bytearray()
    while isinstance(event := await _next(http, tap), h11.Data):
        body += event.data
        if len(body) > BODY_MAX:
            raise TooLong
    return bytes(body)


async def _say(http: h11.Connection, tap: Tap, method: bytes, answer: Answer) -> None:
    headers = [*answer.headers]
    if answer.status not in BARE and "content-length" not in dict(headers):
        headers.append(("content-length", str(len(answer.body))))
    data = _bytes(http, h11.Response(status_code=answer.status, headers=headers))
    if method != b"HEAD" and answer.status not in BARE:
        data += _bytes(http, h11.Data(data=answer.body))
    await tap.send_all(data + _bytes(http, h11.EndOfMessage()))


async def _refuse(http: h11.Connection, tap: Tap, error: Exception) -> None:
    """Say what was wrong with a request, where that can still be said."""
    hint = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 413
    text = str(error) or f"the body is longer than {BODY_MAX} bytes"
    with suppress(h11.LocalProtocolError):
        await _say(http, tap, b"", Answer(hint, (("connection", "close"),), text.encode()))


def _bytes(http: h11.Connection, event: h11.Event) -> bytes:
    return http.send(event) or b""


def _headers(request: h11.Request) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw, value in request.headers:
        name, text = raw.decode("latin-1"), value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


def _asked(request: h11.Request, headers: dict[str, str], body: bytes) -> Asked:
    target = request.target.decode("latin-1")
    return read_request(request.method.decode(), target, headers, body)


def read_request(method: str, target: str, headers: dict[str, str], body: bytes) -> Asked:
    """A request as it is written down; whose it is is not known here."""
    path, _, query = target.partition("?")
    return Asked(
        method=method.upper(),
        host="",
        path=path or "/",
        query=read_fields(query),
        headers=headers,
        sent=read_body(body, headers.get("content-type", "")),
        target=target,
    )
