"""Where a wire meets the world: one dialler, one httpx transport, one clock, and nothing else.

Live, mock and virtual runs differ in what stands behind these three.
"""

from typing import NamedTuple, Protocol

import httpx
import trio

from tapefold.adapter import AskedT
from tapefold.units import Nanos

RECEIVED_NS = "tapefold_received_ns"
"""Extension of an `httpx.Response` from a transport that knows better than the clock when it came."""


class Dial(Protocol):
    """How a connection is made."""

    async def __call__(self, lane: str, url: str) -> trio.abc.Stream:
        """A stream to the host of *url* (`ws` or `wss`), encrypted where it says so; no handshake yet.

        *lane* is what the engine calls the connection. Raises `OSError`, or `ssl.SSLError`, which is one.
        """
        ...


class Clock(Protocol):
    """What time it is, in nanoseconds since 1970. Never goes back."""

    def now(self) -> Nanos:
        """Now."""
        ...

    def stamp(self, lane: str) -> Nanos:
        """When that came which was just read on *lane*; asked once for each frame, opening and close."""
        ...

    async def sleep_until(self, due: Nanos) -> None:
        """Come back when `now()` is *due* or later. A checkpoint in any case."""
        ...


class Sign(Protocol):
    """Signs what leaves: the only place that sees a secret."""

    def __call__(self, exchange: str, asked: AskedT, time: Nanos) -> AskedT:
        """The same, signed, *time* being the exchange's. Raises `AdapterError` for keys that are none."""
        ...


class Outside(NamedTuple):
    """What a wire is connected to."""

    dial: Dial
    transport: httpx.AsyncBaseTransport
    clock: Clock
    real: bool = False
    """Whether other machines can be reached by it."""
    sign: Sign | None = None
    """None: what is to be signed leaves as it is. An exchange that is played wants that."""
