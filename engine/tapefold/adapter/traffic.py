"""What goes in and out of the kernel: frames and what is asked, as data.

A `Frame` is what came in, an `Outgoing` is what should go out; both are lines of a tape. Requests
leave the kernel unsigned: a tape keeps, and a replay compares, what was *asked*, not how it was signed.
"""

from typing import Literal, TypeAlias

from msgspec import Struct

from tapefold.units import Nanos

Purpose: TypeAlias = Literal[
    "instruments",
    "book",
    "clock",
    "token",
    "keep_alive",
    "balances",
    "open_orders",
    "fees",
    "order",
    "fills",
    "place",
    "cancel",
]


class Open(Struct, frozen=True):
    """Connect."""

    lane: str
    url: str


class Send(Struct, frozen=True):
    """Say this on a lane."""

    lane: str
    text: str
    signed: bool = False
    """It must be signed before it leaves."""


class Close(Struct, frozen=True):
    """Hang up."""

    lane: str
    code: int = 1000
    reason: str = ""


class Request(Struct, frozen=True):
    """Ask over HTTP. `url` has every parameter but those that signing adds."""

    method: str
    url: str
    purpose: Purpose
    subject: str = ""
    """What the purpose is about: an instrument's native name, or an order's client id."""
    body: str = ""
    headers: dict[str, str] = {}
    n: int = 0
    """Counts the requests of a run; the kernel gives it."""
    lane: str = ""
    signed: bool = False
    """It must be signed before it leaves."""
    attempt: int = 0
    """Of a cancel, which of its order's it is: the first is 1."""
    costs: dict[str, int] = {}
    """How much it takes of each of the exchange's windows (`Limits.windows`)."""

    @property
    def changes(self) -> bool:
        """Whether it changes something there: it may not leave before what led to it is durable."""
        return self.method != "GET"


Outgoing: TypeAlias = Open | Send | Close | Request
Incoming: TypeAlias = Literal["opened", "recv", "close", "response", "failed"]


class Frame(Struct, frozen=True, gc=False):
    """One thing that came from outside: when, where, and what."""

    time: Nanos
    lane: str
    kind: Incoming
    data: bytes = b""
    request: Request | None = None
    """What a response answers, or what failed."""
    status: int = 0
    """Of a response; of a close its code, or the HTTP status with which the handshake was refused."""
    reason: str = ""
    retry_after: int = 0
    """Seconds for which a response asks to be left alone (`Retry-After`)."""
    binary: bool = False
    """It came as a binary message: a tape says so, and nothing else cares."""
