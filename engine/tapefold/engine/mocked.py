"""A wire as a source: the fake exchange of a session."""

from contextlib import aclosing
from typing import Final

import trio

from tapefold.adapter import Command, load_adapter
from tapefold.engine.engine import Engine
from tapefold.errors import Refused
from tapefold.kernel import Kernel, Run
from tapefold.log import Log
from tapefold.mock import Door, open_mock, timeline_of
from tapefold.session import Session
from tapefold.units import Nanos
from tapefold.wire import Onlooker, Tee, Wire

BARRIER: Final = 60.0
"""Seconds: an engine reads every lane, and is late only where its disk is."""


class Mocked:
    """A session played by a fake exchange to an engine that takes it for a real one."""

    def __init__(
        self,
        session: Session,
        log: Log,
        speed: float | None,
        *,
        tee: Tee | None = None,
        virtual: bool = False,
    ) -> None:
        meta = session.meta
        adapters = {exchange: load_adapter(exchange) for exchange in meta.exchanges}
        self._session, self._log, self._tee = session, log, tee
        self._speed, self._virtual = speed, virtual
        self.kernel = Kernel(adapters, log)
        self.time: Nanos = meta.started_ns
        self.frames = 0
        self.kernel.start(meta.started_ns, Run(meta.run_id, meta.seed, meta.versions))

    def command(self, command: Command) -> None:
        """Nobody commands a recording."""
        raise Refused(
            "mock mode takes its commands from the tape: open the engine live to give some"
        )

    async def run(self, engine: Engine, ready: trio.TaskStatus[None]) -> None:
        """Play it to its end. Raises `Mismatch` and `SessionError`."""
        ready.started()
        await engine.wanted.wait()
        timeline = timeline_of(self._session, free=False)
        async with open_mock(
            timeline, speed=self._speed, virtual=self._virtual, barrier=BARRIER
        ) as door:
            wire = Wire(
                self.kernel,
                self._log,
                door.outside,
                tee=self._tee,
                onlooker=Onlooker(lambda: self._after(engine, wire)),
            )
            async with trio.open_nursery() as nursery:
                await nursery.start(wire.run)
                nursery.start_soon(_command, door, wire)
                await door.finished.wait()
                nursery.cancel_scope.cancel()

    def _after(self, engine: Engine, wire: Wire) -> bool:
        self.time, self.frames = wire.time, wire.frames
        return engine.stepped()


async def _command(door: Door, wire: Wire) -> None:
    """Give the commands of the tape as their moment comes."""
    async with aclosing(door.commands()) as commands:
        async for time, given in commands:
            wire.command(given, time)
