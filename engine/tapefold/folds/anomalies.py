"""What cannot be true, or could not be read: counted, and the last hundred kept to be shown."""

from collections import deque
from typing import Final, TypeAlias

from tapefold.events import FrameRejected, RequestFailed

ANOMALIES_MAX: Final = 100
"""Kept to be looked at; the count goes on."""
State: TypeAlias = tuple[int, list[tuple[int, str]]]


class Anomalies:
    """How many there were, and the latest: where in the log, and what."""

    def __init__(self) -> None:
        self.count = 0
        self.latest: deque[tuple[int, str]] = deque(maxlen=ANOMALIES_MAX)

    def note(self, position: int, what: str) -> None:
        """One more."""
        self.count += 1
        self.latest.append((position, what))

    def rejected(self, position: int, event: FrameRejected) -> None:
        """A frame could not be read."""
        self.note(position, f"a frame of {event.lane} was rejected: {event.reason}")

    def failed(self, position: int, event: RequestFailed) -> None:
        """A request was in vain."""
        about = " ".join(filter(None, (event.purpose, event.subject)))
        why = event.reason or f"status {event.status}"
        self.note(position, f"a request of {event.exchange} failed ({about}): {why}")

    def state(self) -> State:
        """As canonical data."""
        return self.count, list(self.latest)

    def restore(self, state: State) -> None:
        """From canonical data."""
        self.count, latest = state
        self.latest.extend((position, what) for position, what in latest)
