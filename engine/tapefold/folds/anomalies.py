"""What cannot be true, or could not be read: counted, and the last hundred kept to be shown."""

from collections import deque
from typing import Final, Literal, TypeAlias

ANOMALIES_MAX: Final = 100
"""Kept to be looked at; the count goes on."""
Word: TypeAlias = Literal[
    "frame_rejected",
    "request_failed",
    "unknown_instrument",
    "delta_without_book",
    "levels_unreadable",
    "listing_taken_back",
    "scale_too_fine",
    "number_unbounded",
]
"""What it was. A word is in digests, and so for ever; `TOLD` is what people are told."""
TOLD: Final[dict[Word, str]] = {
    "frame_rejected": "a frame could not be read",
    "request_failed": "a request was in vain",
    "unknown_instrument": "an event is about an instrument that is not listed",
    "delta_without_book": "a delta came for a book that is not live",
    "levels_unreadable": "the levels of a book event cannot be read",
    "listing_taken_back": "an instrument's name or scale was taken back",
    "scale_too_fine": "a scale became too fine for what is known",
    "number_unbounded": "an event about an account has a number that no account has",
}
State: TypeAlias = tuple[int, list[tuple[int, Word]]]


class Anomalies:
    """How many there were, and the latest: where in the log, and what."""

    def __init__(self) -> None:
        self.count = 0
        self.latest: deque[tuple[int, Word]] = deque(maxlen=ANOMALIES_MAX)

    def note(self, position: int, what: Word) -> None:
        """One more."""
        self.count += 1
        self.latest.append((position, what))

    def state(self) -> State:
        """As canonical data."""
        return self.count, list(self.latest)

    def restore(self, state: State) -> None:
        """From canonical data."""
        self.count, latest = state
        self.latest.extend((position, what) for position, what in latest)
