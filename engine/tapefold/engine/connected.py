"""A wire as a source: exchanges as they are."""

from collections.abc import Callable

import trio

from tapefold.adapter import AskedT, Command, WatchAccount, load_adapter, trader
from tapefold.engine.engine import Engine
from tapefold.engine.live import Live
from tapefold.errors import BadInput, Refused
from tapefold.kernel import Kernel, Run
from tapefold.log import Log
from tapefold.units import Nanos
from tapefold.wire import Onlooker, Outside, Tee, Wire


class Connected:
    """Exchanges as they are."""

    def __init__(
        self, live: Live, log: Log, outside: Outside, run: Run, *, started: Nanos, tee: Tee | None
    ) -> None:
        self._adapters = {exchange: load_adapter(exchange) for exchange in live.exchanges}
        self._keys, self._recorded = live.keys, tee is not None
        self.kernel = Kernel(self._adapters, log)
        self._stepped: Callable[[], bool] = lambda: False
        self._wire = Wire(
            self.kernel,
            log,
            outside._replace(sign=self._sign),
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
        if isinstance(command, WatchAccount):
            self._check_keys(command.exchange)
        self._wire.command(command)

    def _check_keys(self, exchange: str) -> None:
        """That an account can be followed. Raises `Refused`."""
        able = trader(self._adapters[exchange]) if exchange in self._adapters else None
        rules = able.description.account if able else None
        if rules is None:
            return  # the kernel says so
        given = self._keys.get(exchange, {})
        wrong = [name for name, value in given.items() if type(value) is not str]
        if wrong:
            raise BadInput(f"of the keys of {exchange}, {' and '.join(wrong)} is no text")
        missing = [name for name in rules.credentials if not given.get(name)]
        if missing:
            raise Refused(
                f"{exchange} wants {' and '.join(missing)}: Live(..., keys={{{exchange!r}: ...}})"
            )
        if self._recorded:
            raise Refused("a recording has no private data yet: open the engine without record")

    def _sign(self, exchange: str, asked: AskedT, time: Nanos) -> AskedT:
        able = trader(self._adapters[exchange])
        assert able is not None, "only who can trade asks for a signature"
        return able.sign(asked, self._keys[exchange], time)

    async def run(self, engine: Engine, ready: trio.TaskStatus[None]) -> None:
        """Be connected, until cancelled."""
        self._stepped = engine.stepped
        await self._wire.run(ready)
