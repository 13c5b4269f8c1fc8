"""Opening a simulated exchange on this machine."""

import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final, cast

import trio
from msgspec.structs import replace

from tapefold.errors import Refused
from tapefold.sim.exchange import Skin, load_skin
from tapefold.sim.serving.front import DOORS, Doors, Front
from tapefold.sim.serving.present import Present
from tapefold.sim.serving.running import Running
from tapefold.sim.story import FUNDED, Story
from tapefold.units import Nanos
from tapefold.wire import Clock

LOOPBACK: Final = "127.0.0.1"
BACKLOG: Final = 128
"""Connections that wait to be accepted."""
SPEED_MAX: Final = 20.0
"""Times that strangers may act as often as their story says; more would be a machine's whole work."""
SPEED_MIN: Final = 1e-6
"""Slower than that, nobody would see the difference: they act every few hours."""


class Served:
    """A simulated exchange that is served. Made by `open_sim`."""

    def __init__(self, story: Story, running: Running, doors: Doors, port: int) -> None:
        self.story, self.port = story, port
        """The story as it is played: from now on, and at the speed that was asked for."""
        self.url = f"http://{LOOPBACK}:{port}"
        """Of REST, without a path."""
        self.ws_url = f"ws://{LOOPBACK}:{port}"
        """Of WebSockets, likewise."""
        self.addresses = {
            place.name: f"{place.scheme}://{LOOPBACK}:{port}{place.path}" for place in doors.places
        }
        """By what they are for."""
        self._running, self._front = running, Front(running, doors, self.url)

    @property
    def lanes(self) -> list[str]:
        """Whose WebSockets are up, in the order in which they came."""
        return self._running.lanes

    @property
    def faults(self) -> list[Exception]:
        """What the simulator itself did wrong; it answered 500, and the block ends with the first."""
        return self._running.faults

    async def serve(self, stream: trio.abc.Stream) -> None:
        """One more client, by any stream: a test's in memory, say."""
        await self._front.serve(stream)


@asynccontextmanager
async def open_sim(
    exchange: str | Skin = "binance",
    *,
    seed: int = 0,
    story: Story = FUNDED,
    port: int = 0,
    speed: float = 1.0,
    clock: Clock | None = None,
) -> AsyncGenerator[Served]:
    """A simulated exchange on 127.0.0.1 for as long as the block takes; 0 is any free port.

    Its time is this machine's, or *clock*'s: the story starts now, whenever it says that it did. Of
    *speed* 2 strangers act twice as often. The same seed gives the same strangers, but when a client's
    orders come among them is up to the client.

    Raises `AdapterError` where there is no such exchange, `Refused` where it cannot listen, `ValueError`
    for a speed or port that is none, and on leaving the first fault of its own that a client met.
    """
    clock = clock or Present()
    skin = load_skin(exchange) if isinstance(exchange, str) else exchange
    playing = _from_now(story, clock.now(), check_speed(speed))
    if isinstance(exchange, str):
        playing = replace(playing, exchange=exchange)
    running = Running(playing.exchange, skin(playing, seed), clock)
    listener = _listen(port)
    doors = DOORS.get(playing.exchange, Doors())
    served = Served(playing, running, doors, listener.socket.getsockname()[1])
    error: BaseException | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, served.serve, [listener])
        nursery.start_soon(running.run)
        try:
            yield served
        except BaseException as raised:  # it is raised below, where no nursery wraps it
            if _is_cancelled(raised):
                raise
            error = raised
        nursery.cancel_scope.cancel()
    if error and running.faults:
        error.add_note(f"and a fault of the simulator's own: {running.faults[0]!r}")
    if error or running.faults:
        raise error or running.faults[0]


def check_speed(speed: float) -> float:
    """Itself. Raises `ValueError` for what is none."""
    if not SPEED_MIN <= speed <= SPEED_MAX:
        raise ValueError(f"{speed:g} is no speed between {SPEED_MIN:g} and {SPEED_MAX:g}")
    return speed


def _from_now(story: Story, now: Nanos, speed: float) -> Story:
    """The story from now on, with strangers that are so much busier."""
    specs = [replace(spec, pause=max(1, int(spec.pause / speed))) for spec in story.specs]
    return replace(story, started_ns=now, specs=tuple(specs))


def _listen(port: int) -> trio.SocketListener:
    """Bind the port of loopback alone, and keep it."""
    if not 0 <= port <= 65535:
        raise ValueError(f"{port} is no port")
    try:
        bound = socket.create_server((LOOPBACK, port), backlog=BACKLOG)
    except OSError as error:
        raise Refused(
            f"cannot listen on port {port} of {LOOPBACK}: {os.strerror(error.errno or 0)}; name another "
            "one, or 0 for any that is free"
        ) from error
    bound.setblocking(False)
    return trio.SocketListener(trio.socket.from_stdlib_socket(bound))


def _is_cancelled(error: BaseException) -> bool:
    """Whether there is a cancellation in it, which a nursery must see."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(_is_cancelled, cast("BaseExceptionGroup[BaseException]", error).exceptions))
    return isinstance(error, trio.Cancelled | GeneratorExit)
