"""A wire as a source: exchanges as they are."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import trio

from tapefold.adapter import AskedT, Command, StopStrategy, WatchAccount, load_adapter, trader
from tapefold.engine.engine import Engine
from tapefold.engine.live import Live
from tapefold.engine.saving import Saver
from tapefold.errors import BadInput, Refused
from tapefold.kernel import Kernel, Run
from tapefold.log import Log
from tapefold.strategy import Strategy
from tapefold.units import Nanos
from tapefold.views import Views
from tapefold.wire import Onlooker, Outside, Tee, Wire


class Beginning(NamedTuple):
    """How a run begins."""

    time: Nanos
    run: Run
    log: Log
    views: Views
    """What the log comes to, which may have had other runs."""
    strategies: Sequence[Strategy]
    saver: Saver


class Connected:
    """Exchanges as they are."""

    live = True

    def __init__(self, live: Live, beginning: Beginning, outside: Outside, tee: Tee | None) -> None:
        self._adapters = {exchange: load_adapter(exchange) for exchange in live.exchanges}
        self._keys, self._saver = live.keys, beginning.saver
        log = beginning.log
        self.kernel = Kernel(self._adapters, log, beginning.views, beginning.strategies)
        self._at_work = frozenset(each.name for each in beginning.strategies)
        self._stepped: Callable[[], bool] = lambda: False
        self._wire = Wire(
            self.kernel,
            log,
            outside._replace(sign=self._sign),
            tee=tee,
            endpoints=live.endpoints,
            onlooker=Onlooker(lambda: self._stepped(), live.notice),
        )
        self.kernel.start(beginning.time, beginning.run)

    @property
    def time(self) -> Nanos:
        """Of the latest step."""
        return self._wire.time

    @property
    def frames(self) -> int:
        """Received so far."""
        return self._wire.frames

    @property
    def changing(self) -> bool:
        """Whether an order, or a cancel, is on its way."""
        return self._wire.changing

    def command(self, command: Command) -> None:
        """Carried out at once."""
        by = getattr(command, "by", "")
        own = isinstance(command, StopStrategy) and not command.strategy
        if by in self._at_work or own:
            # A tape could not tell such a command from one of the strategy's own.
            raise BadInput(f"by {by!r} only the strategy of that name commands: say who you are")
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

    def _sign(self, exchange: str, asked: AskedT, time: Nanos) -> AskedT:
        able = trader(self._adapters[exchange])
        assert able is not None, "only who can trade asks for a signature"
        return able.sign(asked, self._keys.get(exchange, {}), time)

    async def run(self, engine: Engine, ready: trio.TaskStatus[None]) -> None:
        """Be connected, until cancelled."""
        self._stepped = engine.stepped
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._saver.run, self.kernel.views)
            await self._wire.run(ready)
            nursery.cancel_scope.cancel()
