"""One port for all that an exchange speaks: HTTP, and WebSockets where it has some."""

from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec
import trio

from tapefold.adapter import Request
from tapefold.peer import Handshake, Refusal, accept
from tapefold.sim.exchange import NO_ANSWER
from tapefold.sim.serving.running import Running
from tapefold.stub.http import Answer
from tapefold.stub.journal import Asked
from tapefold.stub.server import Hosted, Tap, serve

CLIENTS_MAX: Final = 512
"""Connections at once, of all kinds; one more is hung up on. Processes may often open 1024 files."""
_JSON: Final = ("content-type", "application/json;charset=UTF-8")


class Place(NamedTuple):
    """What clients are pointed at: its name for people, and where below the port it is."""

    name: str
    scheme: Literal["http", "ws"]
    path: str = ""


class Doors(NamedTuple):
    """An exchange's addresses."""

    places: tuple[Place, ...] = (Place("REST", "http"), Place("WebSocket", "ws"))
    sockets: tuple[str, ...] = ("",)
    """Paths of WebSockets, each with all that is below it."""

    def has(self, url: str) -> bool:
        """Whether there is a WebSocket at a client's path and query."""
        path = urlsplit(url).path
        return any(path == known or path.startswith(known + "/") for known in self.sockets)


DOORS: Final = {
    "binance": Doors(
        places=(
            Place("REST", "http"),
            Place("market streams", "ws"),
            Place("WebSocket API", "ws", "/ws-api/v3"),
        ),
        sockets=("/ws", "/stream", "/ws-api/v3"),
    )
}
"""Of exchanges whose addresses are known; any other has one of each kind."""


class Front:
    """Whoever comes to an exchange's port, by whichever protocol."""

    def __init__(self, running: Running, doors: Doors, url: str) -> None:
        self._running, self._doors, self._url = running, doors, url
        self._clients = 0

    async def serve(self, stream: trio.abc.Stream) -> None:
        """One client to its end. Nothing that it does comes out of here."""
        if self._clients >= CLIENTS_MAX:
            await trio.aclose_forcefully(stream)
            return
        self._clients += 1
        try:
            await serve(stream, Hosted(self._answer, self._said, self._upgrade))
        finally:
            self._clients -= 1
            self._running.poke()  # it may have left before its answer was said

    async def _answer(self, asked: Asked) -> tuple[Asked, Answer]:
        try:
            request = self._request(asked)
        except ValueError as error:
            await trio.lowlevel.checkpoint()
            return asked, _failed(400, str(error))
        told = await self._running.ask(request)
        if told is None:
            return asked, _failed(500, f"a fault of the simulator: {self._running.faults[-1]!r}")
        if told.status == NO_ANSWER:
            return asked, Answer(cut=True)
        said = {name.lower(): text for name, text in told.headers.items()}
        headers = dict([_JSON]) | said
        return asked, Answer(told.status, tuple(headers.items()), told.body)

    def _request(self, asked: Asked) -> Request:
        """What was asked, as an exchange hears it. Raises `ValueError` for what it cannot hear."""
        if not asked.target.startswith("/"):
            raise ValueError("a target begins with /")
        return Request(
            method="GET" if asked.method == "HEAD" else asked.method,  # its body stays here
            url=self._url + asked.target,
            purpose="clock",  # a word of kernels': an exchange goes by the path
            body=asked.sent.raw.decode(),
            headers=asked.headers,
        )

    def _said(self, asked: Asked, answer: Answer) -> None:
        """The answer is written: now what it caused may be told."""
        self._running.poke()

    async def _upgrade(self, tap: Tap) -> None:
        async with trio.open_nursery() as nursery:
            peer = await accept(nursery, tap, self._decide)
            if peer:
                await self._running.attend(peer)

    async def _decide(self, asked: Handshake) -> Refusal | None:
        await trio.lowlevel.checkpoint()
        if self._doors.has(asked.url):
            return None
        known = ", ".join(path or "/" for path in self._doors.sockets)
        return Refusal(404, f"there is no WebSocket here, but at {known}".encode())


def _failed(status: int, text: str) -> Answer:
    return Answer(status, (_JSON,), msgspec.json.encode({"code": -1000, "msg": text}))
