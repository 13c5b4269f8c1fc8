"""What a live engine is opened with, and what may be connected to."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from tapefold.adapter import Frame
from tapefold.errors import Refused
from tapefold.home import MOCK, mocking

if TYPE_CHECKING:
    # What speaks HTTP takes a tenth of a second to import, and a replay needs none of it.
    from tapefold.wire import Endpoints, Outside


class Live(NamedTuple):
    """Real exchanges as an engine's source."""

    exchanges: tuple[str, ...]
    endpoints: "Mapping[str, Endpoints]" = MappingProxyType({})
    """By exchange: other addresses than its own, `tapefold.wire.Endpoints(ws=..., rest=...)`."""
    run_id: str = ""
    seed: int | None = None
    """Of the jitter; without one it is drawn. A recording keeps it."""
    secrets: Mapping[str, str] = MappingProxyType({})
    """By name: what must never be in a recording, whatever the traffic says."""
    keys: Mapping[str, Mapping[str, str]] = MappingProxyType({})
    """By exchange, what its adapter signs with, such as `key` and `secret`: see `AccountRules`."""
    first_order: int = 1
    """The number of the run's first order: with `run_id` it presets every client order id."""
    notice: Callable[[Frame], None] | None = None
    """Told after each opening, close and failed request, with the wire's own words for why."""
    outside: "Outside | None" = None
    """Instead of the real world: connections, transport and clock of a test."""

    def __repr__(self) -> str:
        """Without keys and secrets."""
        return f"Live({self.exchanges!r}, run_id={self.run_id!r})"


def check(source: Live) -> None:
    """That it can be opened. Raises `Refused`, `BadInput`, `TypeError`.

    `MOCK_API_ENABLED` can only make things safer.
    """
    if isinstance(source.exchanges, str):
        raise TypeError(f"exchanges are a tuple of names: ({source.exchanges!r},)")
    for exchange in source.exchanges:
        endpoints = source.endpoints.get(exchange)
        stays = endpoints is not None and endpoints.check().stays
        real = source.outside is None or source.outside.real
        if mocking() and real and not stays:
            raise Refused(
                f"{MOCK} is set, so nothing may leave this machine: give a session to play, or "
                f"loopback addresses for {exchange}, or unset it"
            )
