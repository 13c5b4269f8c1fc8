"""A real host and what stands for it in a stub: a port of its own, for REST and WebSockets alike."""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec
import trio

from tapefold.peer import Handshake, Refusal, accept
from tapefold.stub.http import Answer, Api
from tapefold.stub.journal import Answered, Asked, Journal, Refused
from tapefold.stub.matching import fits
from tapefold.stub.server import Hosted, Tap, read_request, serve
from tapefold.stub.ws import Endpoint

PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def netloc(url: str) -> str:
    """A URL's host, with the port if it is not the usual one. Raises `ValueError` for what has none."""
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in PORTS:
        raise ValueError(f"{url!r} is no URL of HTTP or a WebSocket")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return host if parts.port in (None, PORTS[parts.scheme]) else f"{host}:{parts.port}"


def is_for(given: str, target: str) -> bool:
    """Is a client's path and query this URL's? One that is given without a query fits any."""
    parts = urlsplit(given)
    path, _, query = target.partition("?")
    wanted = (parts.path.rstrip("/") or "/") + (f"?{parts.query}" if parts.query else "")
    return fits(wanted, (path.rstrip("/") or "/") + (f"?{query}" if parts.query else ""))


class Origin:
    """One host of a stub's."""

    def __init__(self, host: str, journal: Journal, nursery: trio.Nursery) -> None:
        self.host = host
        self.port = 0
        """On 127.0.0.1; 0: in memory alone."""
        self.api = Api(host, journal)
        self.endpoints: list[Endpoint] = []
        self.strange: list[str] = []
        """WebSocket clients of URLs that nobody preset."""
        self._journal, self._nursery = journal, nursery

    async def serve(self, stream: trio.abc.Stream) -> None:
        """One client, whatever it speaks, to its end."""
        await serve(stream, Hosted(self.answer, self.said, self._upgrade))

    async def answer(self, asked: Asked) -> tuple[Asked, Answer]:
        """What is said to a request, when it is time to."""
        return await self.api.answer(msgspec.structs.replace(asked, host=self.host))

    def said(self, asked: Asked, answer: Answer) -> None:
        """It is said, all of it."""
        self._journal.add(Answered(asked, 0 if answer.cut else answer.status))

    async def _upgrade(self, tap: Tap) -> None:
        found: list[Endpoint] = []

        async def decide(asked: Handshake) -> Refusal | None:
            await trio.lowlevel.checkpoint()
            fitting = [one for one in self.endpoints if is_for(one.given, asked.url)]
            if not fitting:
                return self._turn_away(asked)
            # An exact URL before a pattern, a longer one before a shorter.
            found.append(min(fitting, key=lambda one: ("*" in one.given, -len(one.given))))
            return found[0].decide(asked)

        peer = await accept(self._nursery, tap, decide)
        if peer:
            await found[0].attend(peer, tap)

    def _turn_away(self, asked: Handshake) -> Refusal:
        known = ", ".join(one.given for one in self.endpoints) or "none"
        text = f"a WebSocket to {self.host}{asked.url}; of this host the stub has {known}"
        self.strange.append(text)
        self._journal.add(Refused("", asked.url, asked.headers, 404))
        return Refusal(404, text.encode())


class StubTransport(httpx.AsyncBaseTransport):
    """A stub for httpx clients in this process, without a socket. The read timeout is kept."""

    def __init__(self, find: Callable[[str], Origin]) -> None:
        self._find = find

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer. Raises httpx's errors, `ConnectError` for a host that the stub has not."""
        try:
            origin = self._find(str(request.url))
        except ConnectionRefusedError as refused:
            raise httpx.ConnectError(str(refused), request=request) from refused
        body = await request.aread()
        target = request.url.raw_path.decode()
        asked = read_request(request.method, target, dict(request.headers), body)
        seconds: float | None = request.extensions.get("timeout", {}).get("read")
        with trio.move_on_after(float("inf") if seconds is None else seconds):
            asked, answer = await origin.answer(asked)
            origin.said(asked, answer)
            if answer.cut:
                raise httpx.RemoteProtocolError("the stub cut the connection", request=request)
            content = b"" if asked.method == "HEAD" else answer.body
            return httpx.Response(answer.status, headers=[*answer.headers], content=content)
        raise httpx.ReadTimeout(f"no answer in {seconds} s", request=request)
