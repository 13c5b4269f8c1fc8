"""What a run of a scenario came to: data."""

from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct

from tapefold.units import Nanos

Way: TypeAlias = Literal["simulator", "replay", "mock", "testnet", "live"]
"""How it was run: acted at the simulated exchange; its recording replayed, or played over sockets; or
acted at a real exchange."""


class Failed(Struct, frozen=True):
    """Something that was to be so and is not."""

    key: str
    """As in `then.orders.buy.status`, or `when[2].until`; empty for what holds of every scenario."""
    line: int
    """Of the file; 0 for none."""
    expected: str
    actual: str


class Told(Struct, frozen=True):
    """A line of the story, as it happened."""

    at: Nanos
    """Since the start."""
    who: Literal["step", "log", "fault"]
    text: str


class Outcome(Struct, frozen=True):
    """One scenario at one exchange in one way."""

    name: str
    path: Path
    title: str
    exchange: str
    way: Way
    failed: tuple[Failed, ...] = ()
    error: str = ""
    """Why it could not be judged: one line, and for a `Mismatch` its diff."""
    story: tuple[Told, ...] = ()
    seconds: float = 0
    """Of this machine's time."""
    digest: str = ""
    recorded: tuple[Path, ...] = ()
    """Sessions that were written."""

    @property
    def passed(self) -> bool:
        """Whether all was as it was to be."""
        return not self.failed and not self.error
