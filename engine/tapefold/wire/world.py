"""The world as it is: sockets, TLS, and this machine's clock."""

import ssl
import time
from typing import Final
from urllib.parse import urlsplit

import httpx
import trio

from tapefold.units import SECOND, Nanos
from tapefold.wire.seams import Outside

_PORTS: Final = {"ws": 80, "wss": 443}
CONNECTIONS_MAX: Final = 20
"""HTTP connections at once, of all exchanges together."""


class WallClock:
    """The wall clock when it was made, and from then on a clock that nobody sets."""

    def __init__(self, started: Nanos | None = None) -> None:
        self._started = time.time_ns() if started is None else started
        self._began = trio.current_time()

    def now(self) -> Nanos:
        """Now."""
        return self._started + int((trio.current_time() - self._began) * SECOND)

    def stamp(self, lane: str) -> Nanos:
        """What was just read came just now."""
        return self._started + int((trio.current_time() - self._began) * SECOND)

    async def sleep_until(self, due: Nanos) -> None:
        """Come back when it is *due*: a microsecond later, since the two scales are not rounded alike."""
        await trio.sleep_until(self._began + (due - self._started) / SECOND + 1e-6)


class LiveDial:
    """Connects over TCP, and TLS where the URL says `wss`."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    async def __call__(self, lane: str, url: str) -> trio.abc.Stream:
        """See `Dial`."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        stream = await trio.open_tcp_stream(host, parts.port or _PORTS[parts.scheme])
        if parts.scheme == "ws":
            return stream
        secret = trio.SSLStream(stream, self._context, server_hostname=host, https_compatible=True)
        try:
            await secret.do_handshake()
        except BaseException:  # any: no socket stays open; it is raised again
            await trio.aclose_forcefully(stream)
            raise
        return secret


def live(context: ssl.SSLContext | None = None) -> Outside:
    """The real world. *context* says whom to trust; without one, whom this machine trusts."""
    context = context or ssl.create_default_context()
    limits = httpx.Limits(max_connections=CONNECTIONS_MAX)
    transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits)
    return Outside(LiveDial(context), transport, WallClock(), real=True)
