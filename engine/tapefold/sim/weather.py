"""What goes wrong between a kernel and a simulated exchange: of requests, and of frames on their way here.

A `Weather` is asked at each request that is sent, and at each frame that the exchange publishes.
"""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from tapefold.adapter import Request
from tapefold.units import SECOND, Nanos

WIRE_MAX: Final = 30 * SECOND
"""After so long without an answer the wire gives a request up."""


class Fate(Struct, frozen=True):
    """What becomes of one request.

    `refused`: it is not done, and answered with `status`. `unanswered`: it is done, and no answer comes.
    `lost`: it never arrives. `late`: its answer comes so much later. `lagging`: its page tells what was
    so long ago.
    """

    what: Literal["refused", "unanswered", "lost", "late", "lagging"]
    by: Nanos = 0
    status: int = 503
    retry_after: int = 0
    """Seconds; 0 for no such header."""


Way: TypeAlias = tuple[Nanos, bytes]
"""A frame on its way here: how much later it leaves, and what it says."""


class Weather:
    """Fair: nothing goes wrong."""

    def request(self, request: Request) -> Fate | None:
        """What becomes of a request; None: nothing in particular."""
        return None

    def spared(self, request: Request, fate: Fate) -> None:
        """A request's fate did not befall it: the exchange refused it, or cannot go wrong so there."""

    def frame(self, lane: str, data: bytes) -> Sequence[Way]:
        """What becomes of a frame: it may come once, later, otherwise, twice, or not at all."""
        return ((0, data),)


FAIR: Final = Weather()
