"""Tapes of a few lines, and a client that plays its part by the letter."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import trio

from tapefold.adapter import Free, Taping
from tapefold.mock import Answer, Door, Timeline, open_mock
from tapefold.session import Session
from tapefold.session.tape import Line, embed, read_line
from tapefold.units import Nanos
from tapefold.wire.socket import Binary, Socket, SocketClosed, open_socket

URL = "wss://stream.x.test:9443/ws"
API = "https://api.x.test/v3"
HTTP = "x/http"
START = 1_700_000_000_000_000_000
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
"""A WebSocket client's first bytes."""
MILLISECOND = 1_000_000
TAPING = Taping(
    volatile=frozenset({"timestamp", "signature"}),
    minted=frozenset({"newClientOrderId", "origClientOrderId"}),
    counted=frozenset({"id"}),
    headers_sent=frozenset({"x-key", "x-mode"}),
    free=(Free("GET /v3/openOrders"), Free(r'"method":"ping"', r'"pong":')),
)
Row = tuple[Any, ...]


def line(at: Nanos, lane: str, kind: str, data: Any) -> Line:
    """A line; a frame as it is, all else as JSON."""
    coding = ""
    if kind in ("sent", "recv"):
        raw = data.encode() if isinstance(data, str) else data
        data, coding = embed(raw)
    else:
        data = msgspec.json.encode(data)
    head = msgspec.json.encode([at, lane, kind])[:-1]
    tail = b',"base64"' if coding else b""
    return read_line(head + b"," + data + tail + b"]")


def lines(rows: Sequence[Row]) -> list[Line]:
    """Rows `(lane, kind, data)`, a millisecond apart, or `(milliseconds, lane, kind, data)`."""
    made: list[Line] = []
    at = 0
    for row in rows:
        if isinstance(row[0], int | float):
            at, row = int(row[0] * MILLISECOND), row[1:]
        else:
            at += MILLISECOND
        made.append(line(at, *row))
    return made


def tape(
    *rows: Row, http: Mapping[int, Answer] | None = None, cut: bool = False, taping: Taping = TAPING
) -> Timeline:
    """A tape of exchange x."""
    return Timeline(lines(rows), http or {}, {"x": taping}, started_ns=START, cut=cut)


def up(lane: str, url: str = URL) -> list[Row]:
    """A connection that comes up."""
    return [(lane, "open", {"url": url}), (lane, "opened", {})]


def hung_up(lane: str, by: str, code: int = 1000, reason: str = "") -> Row:
    """A connection that ends."""
    return (lane, "close", {"by": by, "code": code, "reason": reason})


def asked(n: int, method: str, path: str, **more: Any) -> Row:
    """A request."""
    return (HTTP, "request", {"n": n, "method": method, "url": API + path, **more})


def answered(n: int, status: int = 200) -> Row:
    """Its answer's line."""
    return (HTTP, "response", {"n": n, "status": status})


def failed(n: int, error: str) -> Row:
    """Its failure."""
    return (HTTP, "failed", {"n": n, "error": error})


def body(text: str, status: int = 200) -> Answer:
    """An answer."""
    return Answer(status, [("content-type", "application/json")], text.encode())


class Client:
    """One connection of a client's that says what it is told to, and stamps what it hears."""

    def __init__(self, door: Door, lane: str, socket: Socket) -> None:
        self._clock, self._lane, self._socket = door.outside.clock, lane, socket
        self._heard: list[str | bytes] = []
        self.stamps: list[Nanos] = [self._clock.stamp(lane)]
        """Of the opening, and of each thing that was heard, and of the end: since the start."""

    async def hear(self) -> str | bytes:
        """The next frame. Raises `SocketClosed`."""
        try:
            while not self._heard:
                for data in await self._socket.receive():
                    binary = isinstance(data, Binary)
                    self._heard.append(bytes(data) if binary else data.decode())
        except SocketClosed:
            self.stamps.append(self._clock.stamp(self._lane))
            raise
        self.stamps.append(self._clock.stamp(self._lane))
        return self._heard.pop(0)

    async def say(self, text: str) -> None:
        """Say something."""
        await self._socket.send(text)

    async def close(self, code: int = 1000) -> None:
        """Hang up."""
        await self._socket.close(code, "")

    async def cut(self) -> None:
        """Be gone without a word."""
        await self._socket.cut()

    async def ended(self) -> tuple[int, str]:
        """The exchange's close: its code and reason."""
        try:
            told = await self.hear()
        except SocketClosed as closed:
            await self._socket.cut()
            return closed.code, closed.reason
        raise AssertionError(told)


@asynccontextmanager
async def opened_mock(timeline: Timeline | Session, **how: Any) -> AsyncGenerator[Door]:
    """`open_mock`, and whatever a client leaves open is closed with the block."""
    streams: list[trio.abc.Stream] = []
    async with open_mock(timeline, **how) as door:
        dial = door.outside.dial

        async def keep(lane: str, url: str) -> trio.abc.Stream:
            streams.append(await dial(lane, url))
            return streams[-1]

        door.outside = door.outside._replace(dial=keep)
        try:
            yield door
        finally:
            for stream in streams:
                await trio.aclose_forcefully(stream)


async def connect(door: Door, lane: str = "", url: str = URL) -> Client:
    """Dial by a lane's name, or by one that is on no tape. Raises as `open_socket`."""
    return Client(door, lane, await open_socket(await door.outside.dial(lane, url), url))


@asynccontextmanager
async def rest(door: Door) -> AsyncGenerator[httpx.AsyncClient]:
    """A client for HTTP."""
    async with httpx.AsyncClient(transport=door.outside.transport, timeout=None) as client:
        yield client


def session(folder: Path, rows: Sequence[Row], cassette: str = "", *, sealed: bool = True) -> Path:
    """A session's folder, written by hand."""
    folder.mkdir()
    made = (msgspec.json.encode(each) for each in lines(rows))
    (folder / "tape.jsonl").write_bytes(b"".join(each + b"\n" for each in made))
    if cassette:
        (folder / "http.yaml").write_text(cassette)
    meta = f'format = 1\nexchanges = ["binance"]\nsource = "live"\nstarted_ns = {START}\n'
    (folder / "session.toml").write_text(meta + f"sealed = {str(sealed).lower()}\n")
    return folder
