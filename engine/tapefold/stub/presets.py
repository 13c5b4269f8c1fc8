"""A stub: its hosts, its journal, and the judgement at its end."""

import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, cast, overload
from urllib.parse import urlsplit

import trio
from trio.testing import memory_stream_pair

from tapefold.errors import Mismatch
from tapefold.stub.http import Api
from tapefold.stub.journal import (
    Asked,
    Cause,
    Done,
    Entry,
    Journal,
    asked,
)
from tapefold.stub.matching import NOTHING, Fields, Text
from tapefold.stub.origin import Origin, StubTransport, netloc
from tapefold.stub.ws import Endpoint

BACKLOG: Final = 128
"""Connections that wait to be accepted."""


class Stub:
    """A scripted exchange. Made by `open_stub`."""

    def __init__(self, nursery: trio.Nursery, tls: ssl.SSLContext | None, *, virtual: bool) -> None:
        self._nursery, self._tls, self._virtual = nursery, tls, virtual
        self._journal = Journal()
        self._origins: dict[str, Origin] = {}
        self._strange: list[str] = []
        self.transport = StubTransport(self._find)
        """For `httpx.AsyncClient(transport=...)`: real URLs and local ones, without a socket."""

    @property
    def journal(self) -> list[Entry]:
        """Everything that came, and what became of it, in order."""
        return [entry for entry in self._journal.entries if not isinstance(entry, Done)]

    def http(self, host: str, *, passthrough: bool = False) -> Api:
        """The REST side of a host, or of a URL's; the same one each time.

        *passthrough*: what nobody preset goes on to the real host. Raises `Refused` for that where
        MOCK_API_ENABLED says that nothing may leave this machine, `ValueError` for what is no host.
        """
        real = host if "://" in host else f"https://{host}"
        origin = self._origin(real)
        scheme = "https" if self._tls else "http"
        origin.api.url = f"{scheme}://127.0.0.1:{origin.port}" if origin.port else real.rstrip("/")
        if passthrough:
            origin.api.pass_through(real.rstrip("/"))
        return origin.api

    def ws(self, url: str) -> Endpoint:
        """The WebSocket side of a URL; a `*` in its path stands for anything. The same one each time."""
        origin = self._origin(url)
        for endpoint in origin.endpoints:
            if endpoint.given == url:
                return endpoint
        parts = urlsplit(url)
        local = f"{'wss' if self._tls else 'ws'}://127.0.0.1:{origin.port}{parts.path}"
        local += f"?{parts.query}" if parts.query else ""
        endpoint = Endpoint(url, local if origin.port else url, self._journal, self._nursery)
        origin.endpoints.append(endpoint)
        return endpoint

    @overload
    async def seen(
        self, what: str, path: Text, query: Fields = ..., body: Any = ..., *, times: int = ...
    ) -> Asked: ...
    @overload
    async def seen(self, what: Cause, *, times: int = ...) -> Entry: ...
    async def seen(
        self,
        what: str | Cause,
        path: Text = "",
        query: Fields | None = None,
        body: Any = NOTHING,
        *,
        times: int = 1,
    ) -> Entry:
        """Wait for a request, by method and path, or for any other cause; for the *times*-th of them."""
        cause = asked(what, path, query=query, body=body) if isinstance(what, str) else what
        return await self._journal.seen(cause, times)

    async def dial(self, lane: str, url: str) -> trio.abc.Stream:
        """A stream to the host of *url*, never encrypted; in memory where the stub is virtual, or has TLS.

        As `tapefold.wire.seams.Dial`. Raises `ConnectionRefusedError` for a host that the stub has not.
        """
        origin = self._find(url)
        if origin.port and not self._tls:
            return await trio.open_tcp_stream("127.0.0.1", origin.port)
        ours, theirs = memory_stream_pair()
        self._nursery.start_soon(origin.serve, theirs, name=f"stub of {lane}")
        await trio.lowlevel.checkpoint()
        return ours

    def differences(self) -> list[str]:
        """What came and nobody preset, and what was preset and did not come; for people."""
        origins = [*self._origins.values()]
        ends = [end for origin in origins for end in origin.endpoints]
        unmatched = self._strange + [text for origin in origins for text in origin.strange]
        unmatched += [text for origin in origins for text in origin.api.unmatched]
        unmatched += [text for end in ends for text in end.unmatched]
        unused = [text for origin in origins for text in origin.api.unused()]
        unused += [text for end in ends for text in end.unused()]
        held = [str(asked) for origin in origins for asked in origin.api.held]
        return [
            *(f"unmatched: {text}" for text in unmatched),
            *(f"unused: {text}" for text in unused),
            *(f"not answered, since its cause never came: {text}" for text in held),
        ]

    async def aclose(self) -> None:
        """Hang up on real hosts."""
        for origin in self._origins.values():
            await origin.api.aclose()

    def _origin(self, url: str) -> Origin:
        name = netloc(url)
        if name not in self._origins:
            origin = self._origins[name] = Origin(name, self._journal, self._nursery)
            if not self._virtual:
                self._listen(origin)
        return self._origins[name]

    def _listen(self, origin: Origin) -> None:
        """Bind a port, and keep it; from now on connections wait, if not more."""
        bound = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        bound.setblocking(False)
        origin.port = bound.getsockname()[1]
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(bound))
        self._nursery.start_soon(trio.serve_listeners, partial(self._serve, origin), [listener])

    async def _serve(self, origin: Origin, stream: trio.SocketStream) -> None:
        if self._tls is None:
            await origin.serve(stream)
        else:
            secured = trio.SSLStream(stream, self._tls, server_side=True, https_compatible=True)
            await origin.serve(secured)

    def _find(self, url: str) -> Origin:
        name = netloc(url)
        for origin in self._origins.values():
            if name in (origin.host, f"127.0.0.1:{origin.port}"):
                return origin
        text = f"{name}; the stub has {', '.join(self._origins) or 'no host'}"
        self._strange.append(text)
        raise ConnectionRefusedError(f"no such host, and nothing leaves this machine: {text}")


@asynccontextmanager
async def open_stub(
    *, virtual: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Stub]:
    """A stub for as long as the block takes; it listens as soon as a host is named.

    *virtual*: no sockets, but `transport` and `dial` alone, so that trio's MockClock may be the clock;
    all URLs are the real ones then. *tls* is the server's context, for 127.0.0.1.
    Raises `Mismatch` on leaving, unless the block raises: its error has the differences in its notes.
    """
    error: BaseException | None = None
    async with trio.open_nursery() as nursery:
        stub = Stub(nursery, tls, virtual=virtual)
        try:
            yield stub
        except BaseException as raised:  # it is raised below, where no nursery wraps it
            if _is_cancelled(raised):
                raise
            error = raised
        await stub.aclose()
        nursery.cancel_scope.cancel()
    differences = stub.differences()
    if error:
        for text in differences:
            error.add_note(text)
        raise error
    if differences:
        lines = "\n  ".join(differences)
        raise Mismatch(f"what the stub heard is not what was preset:\n  {lines}")


def _is_cancelled(error: BaseException) -> bool:
    """Whether there is a cancellation in it, which a nursery must see; skips and failures are none."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(_is_cancelled, cast("BaseExceptionGroup[BaseException]", error).exceptions))
    return isinstance(error, trio.Cancelled)
