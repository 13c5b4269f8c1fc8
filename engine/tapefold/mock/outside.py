"""HTTP of a session for clients of other processes: a listener for each host that the tape knows."""

from functools import partial
from urllib.parse import urlsplit

import httpx
import trio

from tapefold.mock.door import LOOPBACK, Door
from tapefold.session import Session
from tapefold.session.tape import read_asked
from tapefold.stub.http import Answer
from tapefold.stub.journal import Asked
from tapefold.stub.server import Hosted, Tap, serve


async def serve_rest(session: Session, door: Door, nursery: trio.Nursery) -> dict[str, str]:
    """Listen for HTTP; where each recorded origin is now. Serves until the nursery ends."""
    urls: dict[str, str] = {}
    for origin in sorted(_origins(session)):
        listeners = await trio.open_tcp_listeners(0, host=LOOPBACK)
        port = listeners[0].socket.getsockname()[1]
        urls[origin] = f"http://{LOOPBACK}:{port}"
        hosted = Hosted(partial(_answer, door, origin), _said, _refuse)
        nursery.start_soon(partial(trio.serve_listeners, partial(serve, hosted=hosted), listeners))
    return urls


def _origins(session: Session) -> set[str]:
    """The origins that were asked for anything: `https://host`."""
    asked = (read_asked(line.data).url for line in session.lines() if line.kind == "request")
    return {f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, asked)}


async def _answer(door: Door, origin: str, asked: Asked) -> tuple[Asked, Answer]:
    """What the tape says, when its moment has come."""
    host = urlsplit(origin).netloc
    headers = {**asked.headers, "host": host}
    url, body = origin + asked.target, asked.sent.raw
    request = httpx.Request(asked.method, url, headers=headers, content=body)
    try:
        response = await door.outside.transport.handle_async_request(request)
    except (httpx.TransportError, trio.TooSlowError):
        return asked, Answer(cut=True)  # it failed when it was recorded, or it is not on the tape
    kept = tuple(
        (name, value) for name, value in response.headers.multi_items() if name != "content-length"
    )
    return asked, Answer(response.status_code, kept, await response.aread())


def _said(asked: Asked, answer: Answer) -> None:
    """It is said. The door has its own list of what was asked."""


async def _refuse(tap: Tap) -> None:
    """A WebSocket at the door of HTTP: it has one of its own."""
    await tap.aclose()
