"""An exchange that goes on by a clock, and those who hear it."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from typing import Final, TypeVar

import trio

from tapefold.adapter import Request
from tapefold.peer import Peer
from tapefold.sim.exchange import Answer, Exchange, Published
from tapefold.sim.serving.client import Client
from tapefold.units import Nanos
from tapefold.wire import Clock

SLICE: Final = 256
"""Turns of the markets at a stretch; then somebody else may do something."""
FAULTS_MAX: Final = 20
"""Faults of the exchange itself that are kept to be told."""
T = TypeVar("T")


class Running:
    """The one place where an exchange that is served is touched; each touch has its time.

    Whatever was due before a request is done before it; what the request causes is told when its
    answer is written, since `poke` comes then. Neither order is promised: they are two connections.
    """

    def __init__(self, name: str, exchange: Exchange, clock: Clock) -> None:
        self._name, self._exchange, self._clock = name, exchange, clock
        self._clients: dict[str, Client] = {}
        self._numbers = count(1)
        self._nap = trio.CancelScope()
        self.faults: list[Exception] = []
        """What the exchange raised where it must not: ours, and each the end of one request only."""

    @property
    def lanes(self) -> list[str]:
        """Who is connected, in the order in which they came."""
        return [*self._clients]

    async def run(self) -> None:
        """Do what is due when it is due; never comes back."""
        while True:
            await self._reach()
            with trio.CancelScope() as self._nap:
                await self._clock.sleep_until(self._exchange.due)

    def poke(self) -> None:
        """Something may be due earlier than was thought."""
        self._nap.cancel()

    async def ask(self, request: Request) -> Answer | None:
        """What it says to a request now; None where that is a fault of ours."""
        time = await self._reach()
        return self._tried(lambda: self._exchange.answer(request, time))

    async def attend(self, peer: Peer) -> None:
        """One WebSocket, to its end."""
        lane, client = f"{self._name}/{next(self._numbers)}", Client(peer)
        await self._reach()
        self._clients[lane] = client
        try:
            if self._tried(lambda: self._connect(lane, peer.url)):
                self.poke()
                await client.attend(partial(self._hear, lane))
            else:
                await client.refuse("a fault of the simulator")
        finally:
            del self._clients[lane]
            self._exchange.disconnect(lane)
        await client.leave()

    def _connect(self, lane: str, url: str) -> bool:
        self._exchange.connect(lane, url)
        return True

    async def _hear(self, lane: str, text: str) -> None:
        time = await self._reach()
        told = self._tried(lambda: self._exchange.hear(lane, text, time))
        self._publish(told or ())
        self.poke()

    async def _reach(self) -> Nanos:
        """Do all that is due by now; gives now."""
        turns = 0
        while self._exchange.due <= (time := self._clock.now()):
            self._publish(self._exchange.turn())
            turns += 1
            if turns % SLICE == 0:
                await trio.lowlevel.checkpoint()
        return time

    def _publish(self, published: Iterable[Published]) -> None:
        for lane, data in published:
            if client := self._clients.get(lane):
                client.tell(data)

    def _tried(self, act: Callable[[], T]) -> T | None:
        """What the exchange does; None where it fails in it."""
        try:
            return act()
        except Exception as fault:  # whatever it is: one client's request must not end all others
            if len(self.faults) < FAULTS_MAX:
                self.faults.append(fault)
            return None
