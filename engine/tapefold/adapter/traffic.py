"""What goes in and out of the kernel: frames and what is asked, as data.

A `Frame` is what came in; an `Outgoing` what should go out, or what a strategy said. Both are lines of a
tape. Requests leave the kernel unsigned: a tape keeps, and a replay compares, what was *asked*, not how
it was signed.
"""

from typing import Literal, TypeAlias

from msgspec import Struct

from tapefold.adapter.commands import Command
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

    def __repr__(self) -> str:
        """Without the path, which may hold a listen key."""
        return f"Open({self.lane!r}, {'/'.join(self.url.split('/')[:3])!r})"


class Send(Struct, frozen=True):
    """Say this on a lane."""

    lane: str
    text: str
    signed: bool = False
    """It must be signed before it leaves."""

    def __repr__(self) -> str:
        """Without what may hold a signature: it may be printed anywhere."""
        return f"Send({self.lane!r}, {'signed' if self.signed else self.text!r})"


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

    def __repr__(self) -> str:
        """Without parameters, body and headers, which may hold keys and signatures."""
        place = self.url.partition("?")[0]
        return f"Request({self.method} {place}, {self.purpose} {self.subject}, n={self.n})"

    @property
    def changes(self) -> bool:
        """Whether it changes something there: it may not leave before what led to it is durable."""
        return self.method != "GET"


class Given(Struct, frozen=True):
    """A strategy gave a command, which was carried out in the same step: nothing is left to be done."""

    time: Nanos
    """By which it was carried out: that of a timer may be before the step's."""
    command: Command


Outgoing: TypeAlias = Open | Send | Close | Request
Outcome: TypeAlias = Outgoing | Given
"""What a step gives."""
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
