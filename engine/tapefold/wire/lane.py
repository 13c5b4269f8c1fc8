"""One lane: dialling, reading, writing, and noticing that nobody is there any more.

Each lane runs in a nursery of its own, so what goes wrong with it is an event of that lane and of
nothing else. A lane reports `opened` once and its end once, unless the kernel has hung up: then it
has nothing more to report.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Final, Literal, NamedTuple, cast

import trio

from tapefold.adapter import Close, Frame, Open, Send
from tapefold.units import Nanos
from tapefold.wire.seams import Outside
from tapefold.wire.socket import (
    CUT,
    Binary,
    HandshakeRefused,
    Socket,
    SocketClosed,
    open_socket,
)

DIAL_MAX: Final = 15.0
"""Seconds for connecting, TLS and handshake together."""
QUIET_MAX: Final = 15.0
"""Seconds without a byte after which the other side is asked for a sign of life."""
PONG_MAX: Final = 10.0
"""Seconds that it has to give one. Exchanges hang up on clients after one to ten minutes."""
GOODBYE_MAX: Final = 2.0
"""Seconds that a close waits for the other side's."""
GOING_AWAY: Final = 1001
REASON_MAX: Final = 123
"""Bytes of a close's reason (RFC 6455)."""


class Ears(NamedTuple):
    """Who listens to a lane."""

    hear: Callable[[Frame], bool]
    """Takes a frame in, at once; true where somebody is to run before the next one."""
    rest: Callable[[], Awaitable[None]]
    """Called between two reads: comes back when more may be read."""


class Lane:
    """One connection, from dialling to its end."""

    def __init__(self, asked: Open, url: str, outside: Outside, ears: Ears) -> None:
        self.name, self._url = asked.lane, url
        self._outside, self._ears = outside, ears
        self._put, self._sends = trio.open_memory_channel[str](10_000)
        self._scope = trio.CancelScope()
        self._goodbye: Close | None = None
        self._resting = False

    def send(self, asked: Send) -> None:
        """Send a text, after those that were sent before. One that the lane is gone for is gone, too."""
        try:
            self._put.send_nowait(asked.text)
        except trio.WouldBlock:  # nobody takes anything any more
            self._scope.cancel()

    def close(self, asked: Close) -> None:
        """Hang up, in whatever state it is."""
        self._goodbye = asked
        self._scope.cancel()

    async def run(self) -> None:
        """All of it. Raises only what hearing a frame raises."""
        status, reason = CUT, ""
        with self._scope:
            try:
                await self._live(await self._dial())
            except HandshakeRefused as error:
                status, reason = error.status, "refused"
            except SocketClosed as error:
                status, reason = error.code, error.reason
        if self._goodbye is None:
            self._hear("close", status=status, reason=reason)

    async def _live(self, socket: Socket) -> None:
        """From the handshake to the end. Raises `SocketClosed`, and leaves nothing open."""
        goodbye: tuple[int, str] | None = (GOING_AWAY, "")
        try:
            self._hear("opened")
            await self._talk(socket)
        except SocketClosed as error:
            goodbye = (error.code, error.reason) if error.ours else None
            raise
        finally:
            if self._goodbye:
                goodbye = self._goodbye.code, self._goodbye.reason
            await self._part(socket, goodbye)

    async def _dial(self) -> Socket:
        """Connect. Raises `SocketClosed` and `HandshakeRefused`."""
        try:
            with trio.fail_after(DIAL_MAX):
                stream = await self._outside.dial(self.name, self._url)
                return await open_socket(stream, self._url)
        except trio.TooSlowError as error:
            raise SocketClosed(CUT, f"no connection within {DIAL_MAX:g} s") from error
        except _UNREACHABLE as error:
            raise SocketClosed(CUT, _words(error)) from error

    async def _talk(self, socket: Socket) -> None:
        """Read until it is over; beside that write, and watch for silence. Raises `SocketClosed`."""
        over: list[SocketClosed] = []
        async with trio.open_nursery() as nursery:

            async def until_closed(task: Callable[[], Awaitable[None]]) -> None:
                try:
                    await task()
                except SocketClosed as error:
                    over.append(error)
                nursery.cancel_scope.cancel()

            for task in (self._write, self._watch, self._read):
                nursery.start_soon(until_closed, partial(task, socket))
        if over:
            raise over[0]

    async def _read(self, socket: Socket) -> None:
        stamp, hear, name = self._outside.clock.stamp, self._ears.hear, self.name
        while True:
            for data in await socket.receive():
                binary = type(data) is Binary
                if hear(Frame(stamp(name), name, "recv", data, binary=binary)):
                    await self._rest(socket)
                if self._goodbye:
                    return
            await self._rest(socket)

    async def _rest(self, socket: Socket) -> None:
        """Let others go first. What is not read meanwhile is no silence of the exchange's."""
        self._resting = True
        try:
            await self._ears.rest()
        finally:
            self._resting = False
            socket.heard = trio.current_time()

    async def _write(self, socket: Socket) -> None:
        """Send what is to be sent. That it cannot be is for `_read` to find out, which hears why."""
        with suppress(SocketClosed):
            async for text in self._sends:
                await socket.send(text)
        await trio.sleep_forever()

    async def _watch(self, socket: Socket) -> None:
        """Half-open connections give no sign; so one is asked for. Raises `SocketClosed` for none."""
        while True:
            asked = socket.heard
            await trio.sleep_until(asked + QUIET_MAX)
            if self._resting:
                socket.heard = trio.current_time()
            if socket.heard > asked:
                continue
            with trio.move_on_after(PONG_MAX), suppress(SocketClosed):
                await socket.ping()
            await trio.sleep_until(asked + QUIET_MAX + PONG_MAX)
            if socket.heard <= asked and not self._resting:
                raise SocketClosed(CUT, f"nothing was heard for {QUIET_MAX + PONG_MAX:g} s")

    @staticmethod
    async def _part(socket: Socket, goodbye: tuple[int, str] | None) -> None:
        """Say goodbye where that is ours to do: the other side's own was answered already."""
        with trio.move_on_after(GOODBYE_MAX, shield=True):
            if goodbye:
                await socket.close(goodbye[0], _cut(goodbye[1]))
        await socket.cut()

    def _hear(self, kind: Literal["opened", "close"], status: int = 0, reason: str = "") -> None:
        time: Nanos = self._outside.clock.stamp(self.name)
        self._ears.hear(Frame(time, self.name, kind, status=status, reason=reason))


_UNREACHABLE: Final = (OSError, ValueError, trio.BrokenResourceError)
"""What may go wrong before a lane is up. ssl's errors are `OSError`s; of an address that no name or
port can be made of there are `ValueError`s."""


def _words(error: BaseException) -> str:
    """What a person should know of why nobody could be reached.

    It stays on the tape, so it has the system's words alone: no address of ours is in them.
    """
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            return " ".join(cause.strerror.split())[:REASON_MAX]
    return type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those behind it."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            group = cast("BaseExceptionGroup[BaseException]", error)
            for inner in group.exceptions:
                yield from _causes(inner)
        error = error.__cause__


def _cut(reason: str) -> str:
    return reason.encode()[:REASON_MAX].decode(errors="ignore")
