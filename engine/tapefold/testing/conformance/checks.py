"""What a check is, and what came of it: data."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from tapefold.testing.conformance.subject import Subject

FAILURES_MAX: Final = 20
"""Failures that are told of one check; the rest is counted."""
Progress: TypeAlias = Callable[[str, int, int], None]
"""Told now and then: what is being done, how much of it is done, and how much there is."""


class Found(NamedTuple):
    """What a check found."""

    checked: int
    """Cases that were tried."""
    of: int
    """Cases that there are."""
    failures: tuple[str, ...] = ()
    """A line for each case that failed: where it was, and what was wrong."""
    note: str = ""
    """Why there was less to check than one would think; empty: nothing to say."""


class Check(NamedTuple):
    """One invariant, and how it is tried."""

    name: str
    sentence: str
    """What must hold."""
    run: "Callable[[Subject], Found]"


class Checked(Struct, frozen=True):
    """What came of one check."""

    name: str
    what: str
    passed: bool
    checked: int
    of: int
    failures: tuple[str, ...] = ()
    """The first `FAILURES_MAX` of them."""
    note: str = ""


class Coverage(Struct, frozen=True):
    """What the sessions had to offer, and how much of it was used."""

    lines: int = 0
    """Of all tapes."""
    book_lines: int = 0
    """Of them those with a frame of a book, where faults were planted."""
    hit: dict[str, int] = {}
    """By kind of fault, how many lines it was planted at."""
    unseen_channels: tuple[str, ...] = ()
    """Channels of the adapter of which the sessions have no frame."""
    unseen_purposes: tuple[str, ...] = ()
    """Purposes of requests that the adapter can make and the sessions have no answer to."""


class Conformance(Struct, frozen=True):
    """How well an adapter keeps to its contract."""

    exchange: str
    checks: tuple[Checked, ...]
    coverage: Coverage
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every check did."""
        return all(each.passed for each in self.checks)

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of those that did not."""
        return tuple(each.name for each in self.checks if not each.passed)


def told(failures: list[str]) -> tuple[str, ...]:
    """As many failures as are told, and how many more there are."""
    more = len(failures) - FAILURES_MAX
    return (*failures[:FAILURES_MAX], *([f"and {more} more"] if more > 0 else []))
