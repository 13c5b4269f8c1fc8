"""A lane: one connection, with what it carries and how that is read. Data; `lanes.py` does things."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tapefold.adapter import Adapter, Frame, Known, Send, Stream, Subscribe
from tapefold.kernel.rate import Paced
from tapefold.units import Nanos


class Reading(Struct, frozen=True):
    """How an exchange's frames are read."""

    adapter: Adapter
    known: Known
    special: dict[type, Callable[[Nanos, Any], None]]
    """Events that need more than to be logged and folded."""
    checked: bool = False
    """Each event is read as it would be from a disk, before it is logged."""


class Part:
    """What one connection carries: a subscription, or as much of it as one connection may.

    It is wanted until the caller unsubscribes, and has one lane after another for as long.
    """

    __slots__ = ("command", "lane", "natives", "reading", "stream", "tries", "wanted")

    def __init__(
        self,
        command: Subscribe,
        natives: tuple[str, ...],
        stream: Callable[[], Stream],
        reading: Reading,
    ) -> None:
        self.command, self.natives, self.reading = command, natives, reading
        self.stream = stream
        """Where to connect: asked at each dial, since a private stream's address may have expired."""
        self.lane = ""
        """Its newest."""
        self.tries = 0
        """How often it was opened without then being up for long."""
        self.wanted = True


class Lane:
    """A lane that is up."""

    __slots__ = ("heard", "held", "part", "reading", "sends", "since")

    def __init__(self, time: Nanos, part: Part, sends: Paced[Send]) -> None:
        self.part, self.reading, self.sends = part, part.reading, sends
        self.since = self.heard = time
        """When it came up, and when something last came on it."""
        self.held: list[Frame] | None = None
        """Frames that wait until an account is surveyed; None: they are taken in as they come."""
