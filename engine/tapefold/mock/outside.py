"""HTTP of a session for clients of other processes: a listener for each host that the tape knows."""

from functools import partial
from typing import Final
from urllib.parse import urlsplit

import httpx
import trio

from tapefold.errors import Mismatch
from tapefold.mock.door import GRACE, LOOPBACK, Door
from tapefold.peer.stream import pieces, send_eof
from tapefold.session import Session
from tapefold.session.tape import read_asked
from tapefold.stub.http import HOP, UNMATCHED, Answer
from tapefold.stub.journal import Asked
from tapefold.stub.server import Hosted, Tap, serve

_TEXT: Final = (("content-type", "text/plain; charset=utf-8"),)


async def serve_rest(session: Session, door: Door, nursery: trio.Nursery) -> dict[str, str]:
    """Listen for HTTP; where each recorded origin is now. Serves until the nursery ends."""
    urls: dict[str, str] = {}
    for origin in sorted(_origins(session)):
        listeners = await trio.open_tcp_listeners(0, host=LOOPBACK)
        port = listeners[0].socket.getsockname()[1]
        urls[origin] = f"http://{LOOPBACK}:{port}"
        attend = partial(_attend, door, origin)
        nursery.start_soon(partial(trio.serve_listeners, attend, listeners))
    return urls


def _origins(session: Session) -> set[str]:
    """The origins that were asked for anything: `https://host`."""
    asked = (read_asked(line.data).url for line in session.lines() if line.kind == "request")
    return {f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, asked)}


async def _attend(door: Door, origin: str, stream: trio.abc.Stream) -> None:
    """One client, to its end."""
    client = _Client(door, origin, stream)
    try:
        await serve(client, Hosted(client.answer, client.said, _refuse))
    finally:
        door.owed.drop(client)


class _Client(trio.abc.HalfCloseableStream):
    """One client, and the stream to it: what is written shows how the client is getting on."""

    def __init__(self, door: Door, origin: str, stream: trio.abc.Stream) -> None:
        self._door, self._origin, self._stream = door, origin, stream

    async def answer(self, asked: Asked) -> tuple[Asked, Answer]:
        """What the tape says, when its moment has come; 501 and why, where the tape has it not."""
        if not asked.target.startswith("/"):
            told = f"{asked.target} is not asked of this host: a target begins with /"
            return asked, Answer(400, _TEXT, told.encode())
        answer = await self._answer(asked)
        if not answer.cut:
            what = f"an HTTP client has not taken in the answer to {asked.method} {asked.path}"
            self._door.owed.add(self, lambda: what)
        return asked, answer

    async def _answer(self, asked: Asked) -> Answer:
        headers = [
            (name.encode("latin-1"), v.encode("latin-1")) for name, v in asked.headers.items()
        ]
        kept = [pair for pair in headers if pair[0].lower() != b"host"]
        host = urlsplit(self._origin).netloc.encode()
        try:
            url = httpx.URL(self._origin + asked.target)
        except httpx.InvalidURL as error:
            return Answer(400, _TEXT, str(error).encode())
        request = httpx.Request(
            asked.method, url, headers=[*kept, (b"host", host)], content=asked.sent.raw
        )
        try:
            response = await self._door.outside.transport.handle_async_request(request)
        except (httpx.TransportError, trio.TooSlowError) as error:
            if isinstance(error.__cause__, Mismatch):
                return Answer(UNMATCHED, _TEXT, str(error.__cause__).encode())
            return Answer(cut=True)  # it failed when it was recorded
        pairs = tuple(pair for pair in response.headers.multi_items() if _is_fit(*pair))
        return Answer(response.status_code, pairs, await response.aread())

    def said(self, asked: Asked, answer: Answer) -> None:
        """It is said. The door has its own list of what was asked."""
        self._door.owed.drop(self)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write. Why a play has failed is written although it is over."""
        with trio.CancelScope() as scope:
            if self._door.failure:
                scope.shield, scope.deadline = True, trio.current_time() + GRACE
            for piece in pieces(data):
                await self._stream.send_all(piece)
                self._door.owed.move()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """As the stream."""
        return await self._stream.receive_some(max_bytes)

    async def wait_send_all_might_not_block(self) -> None:
        """As the stream."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Say that nothing more comes."""
        await send_eof(self._stream)

    async def aclose(self) -> None:
        """Close."""
        await self._stream.aclose()


def _is_fit(name: str, value: str) -> bool:
    """Whether a recorded header can be said again: those of the old connection cannot."""
    return name.lower() not in HOP and value.isascii() and value.isprintable()


async def _refuse(tap: Tap) -> None:
    """A WebSocket at the door of HTTP: it has one of its own."""
    await tap.aclose()
