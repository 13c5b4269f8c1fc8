"""What something was a while ago: for pages that lag behind."""

from typing import Final, Generic, TypeVar

from tapefold.units import MINUTE, Nanos

LAG_MAX: Final = MINUTE
"""So far back it is known what was; before that it is what it was then."""

T = TypeVar("T")


class Past(Generic[T]):
    """A value, and what it was for the last `LAG_MAX` nanoseconds. Times never go back."""

    def __init__(self, time: Nanos, value: T) -> None:
        self._notes: list[tuple[Nanos, T]] = [(time, value)]

    @property
    def now(self) -> T:
        """The latest."""
        return self._notes[-1][1]

    def note(self, time: Nanos, value: T) -> None:
        """From *time* on it is this."""
        self._notes.append((time, value))
        while len(self._notes) > 1 and self._notes[1][0] <= time - LAG_MAX:
            del self._notes[0]

    def at(self, time: Nanos | None) -> T | None:
        """What it was at *time*, None for now; None where it was not there yet."""
        if time is None:
            return self.now
        return next((value for since, value in reversed(self._notes) if since <= time), None)
