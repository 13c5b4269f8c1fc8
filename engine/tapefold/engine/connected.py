"""A wire as a source: exchanges as they are."""

from collections.abc import Callable

import trio

from tapefold.adapter import Command, load_adapter
from tapefold.engine.engine import Engine
from tapefold.engine.live import Live
from tapefold.kernel import Kernel, Run
from tapefold.log import Log
from tapefold.units import Nanos
from tapefold.wire import Onlooker, Outside, Tee, Wire


class Connected:
    """Exchanges as they are."""

    def __init__(
        self, live: Live, log: Log, outside: Outside, run: Run, *, started: Nanos, tee: Tee | None
    ) -> None:
        adapters = {exchange: load_adapter(exchange) for exchange in live.exchanges}
        self.kernel = Kernel(adapters, log)
        self._stepped: Callable[[], bool] = lambda: False
        self._wire = Wire(
            self.kernel,
            log,
            outside,
            tee=tee,
            endpoints=live.endpoints,
            onlooker=Onlooker(lambda: self._stepped(), live.notice),
        )
        self.kernel.start(started, run)

    @property
    def time(self) -> Nanos:
        """Of the latest step."""
        return self._wire.time

    @property
    def frames(self) -> int:
        """Received so far."""
        return self._wire.frames

    def command(self, command: Command) -> None:
        """Carried out at once."""
        self._wire.command(command)

    async def run(self, engine: Engine, ready: trio.TaskStatus[None]) -> None:
        """Be connected, until cancelled."""
        self._stepped = engine.stepped
        await self._wire.run(ready)
