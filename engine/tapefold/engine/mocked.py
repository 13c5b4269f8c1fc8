"""A wire as a source: the fake exchange of a session."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Final

import trio

from tapefold.adapter import Command, Frame, Outgoing, load_adapter
from tapefold.engine.engine import Engine
from tapefold.errors import Refused
from tapefold.kernel import Kernel
from tapefold.log import Log
from tapefold.mock import Door, open_mock, timeline_of
from tapefold.replay import Again, check_strategies, run_of
from tapefold.session import Session
from tapefold.session.tape import ENGINE
from tapefold.strategy import Strategy
from tapefold.units import Nanos
from tapefold.wire import Onlooker, Tee, Wire

BARRIER: Final = 60.0
"""Seconds: an engine reads every lane, and is late only where its disk is."""


class Mocked:
    """A session played by a fake exchange to an engine that takes it for a real one."""

    live = changing = False

    def __init__(
        self,
        session: Session,
        log: Log,
        speed: float | None,
        *,
        tee: Tee | None = None,
        virtual: bool = False,
        strategies: Sequence[Strategy] = (),
    ) -> None:
        meta = session.meta
        check_strategies(session, strategies)
        self._adapters = {exchange: load_adapter(exchange) for exchange in meta.exchanges}
        self._session, self._log, self._tee = session, log, tee
        self._speed, self._virtual = speed, virtual
        start = session.start()
        if start:
            start.check(log)
        views = start.thaw() if start else None
        self._again = Again(session, strategies)
        self.kernel = Kernel(self._adapters, log, views, self._again.strategies)
        self._again.begin(self.kernel)
        self._commands = 0
        self.time: Nanos = meta.started_ns
        self.frames = 0
        self.kernel.start(meta.started_ns, run_of(meta))

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

            def given(command: Command) -> None:
                self._again.given(wire.time, command)

            wire = Wire(
                self.kernel,
                self._log,
                door.outside,
                tee=_Heard(self._again, self._tee) if self._again.strategies else self._tee,
                onlooker=Onlooker(lambda: self._after(engine, wire), given=given),
            )
            async with trio.open_nursery() as nursery:
                await nursery.start(wire.run)
                nursery.start_soon(self._command, door, wire)
                await door.finished.wait()
                self._again.ended()
                nursery.cancel_scope.cancel()

    def _after(self, engine: Engine, wire: Wire) -> bool:
        self.time, self.frames = wire.time, wire.frames
        return engine.stepped()

    async def _command(self, door: Door, wire: Wire) -> None:
        """Give the commands of the tape as their moment comes; a strategy gives its own."""
        async with aclosing(door.commands()) as commands:
            async for time, given in commands:
                if given.by in self._again:
                    wire.tick(time)
                    self._again.reached(given)
                else:
                    self._again.heard(ENGINE)
                    wire.command(given, time)


class _Heard:
    """Notes what comes for strategies that are asked again, and passes all on to a recorder."""

    def __init__(self, again: Again, tee: Tee | None) -> None:
        self._again, self._tee = again, tee

    @property
    def crowded(self) -> bool:
        """Whether the recorder is."""
        return self._tee is not None and self._tee.crowded

    def command(self, time: Nanos, command: Command) -> None:
        """To the recorder."""
        if self._tee:
            self._tee.command(time, command)

    def out(self, time: Nanos, out: Outgoing) -> None:
        """To the recorder."""
        if self._tee:
            self._tee.out(time, out)

    def frame(self, frame: Frame, headers: Mapping[str, str] = {}) -> None:
        """To both."""
        self._again.heard(frame.lane)
        if self._tee:
            self._tee.frame(frame, headers)

    def wait(self) -> None:
        """Until the recorder has written it."""
        if self._tee:
            self._tee.wait()
