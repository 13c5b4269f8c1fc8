"""What is checked: an adapter and sessions, and what all checks want to know of them."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from tapefold.adapter import Adapter, Trader, trader
from tapefold.errors import BadInput
from tapefold.session import Session
from tapefold.sim import Skin
from tapefold.testing.conformance.checks import Progress
from tapefold.testing.conformance.overheard import Call, overhear

if TYPE_CHECKING:
    from tapefold.testing.conformance.sweep import Swept


def quiet(what: str, done: int, of: int) -> None:
    """Nobody looks."""


class Subject:
    """An adapter, sessions of its exchange, and a simulated exchange where there is one."""

    def __init__(
        self,
        adapter: Adapter,
        sessions: Sequence[Session],
        *,
        skin: Skin | None = None,
        every: int | None = None,
        progress: Progress = quiet,
    ) -> None:
        """Faults are planted at each *every*-th line with a frame of a book; None: as many as will do.

        Raises `BadInput` for no session, or one of another exchange.
        """
        self.adapter, self.sessions, self.skin = adapter, tuple(sessions), skin
        self.exchange = adapter.description.exchange
        self.every, self.progress = every, progress
        if not sessions:
            raise BadInput(f"there is no session of {self.exchange} to check its adapter with")
        for session in sessions:
            if self.exchange not in session.meta.exchanges:
                there = ", ".join(session.meta.exchanges)
                raise BadInput(f"{session.folder} is a session of {there}, not of {self.exchange}")

    @property
    def trader(self) -> Trader | None:
        """The adapter as one that can trade; None where it cannot."""
        return trader(self.adapter)

    @cached_property
    def calls(self) -> list[Call]:
        """What the engine asks of the adapter while it plays the sessions, with what it answered."""
        found: list[Call] = []
        for n, session in enumerate(self.sessions):
            self.progress("playing", n, len(self.sessions))
            found += overhear(self.adapter, session)
        return found

    @cached_property
    def swept(self) -> "Swept":
        """What came of the faults that were planted in the books."""
        from tapefold.testing.conformance.sweep import sweep

        return sweep(self)
