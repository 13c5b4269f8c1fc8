"""What is told of one order: its story as data, with positions and with what led to what."""

from decimal import Decimal
from typing import Literal, TypeAlias

from msgspec import Struct

from tapefold.events import AnyEvent, Doubt, Fees, InstrumentListed, Status
from tapefold.units import Nanos

Role: TypeAlias = Literal[
    "run",
    "cause",
    "intent",
    "asked",
    "answered",
    "fact",
    "waited",
    "conclusion",
    "doubt",
    "end",
    "correction",
]
"""What a step is in an order's story.

`run`: an engine began, meanwhile. `cause`: about something else, and led to a step. `intent`, `asked`:
we wanted the order, its cancel. `answered`: what came of that request. `fact`: what the exchange said.
`waited`: in vain. The rest is what we concluded.
"""
Sent: TypeAlias = Literal["yes", "no", "unknown"]


class TapeLine(Struct, frozen=True, kw_only=True):
    """A line of a session's tape."""

    line: int
    """The first is 1."""
    time: Nanos
    lane: str
    kind: str
    text: str
    """Its data as it stands there: JSON, unsigned where it is ours."""


class Asked(Struct, frozen=True, kw_only=True):
    """Something that was asked about the order, and what the wire said to it."""

    asked: TapeLine
    answer: TapeLine | None = None
    """The line that says that an answer came, or that none did; None where the tape ends before."""
    status: int = 0
    """The HTTP status; 0 where no answer came, and for what is no request."""
    body: str = ""
    """What http.yaml has."""


class Step(Struct, frozen=True, kw_only=True):
    """One record of an order's story."""

    position: int
    time_received: Nanos
    role: Role
    event: AnyEvent
    because: int | None = None
    """The position of the record that led to it; None where it came from outside."""
    race: str = ""
    """Which race makes a fact possible that is not the straight road."""
    odd: bool = False
    """A fact that cannot be true: an anomaly."""
    came: TapeLine | None = None
    """The line that it came of; None without a session, and for what a deadline of ours brought."""


class Trigger(Struct, frozen=True, kw_only=True):
    """The last that a strategy can have heard before it wanted the order.

    Where several events came at once, nobody wrote down to which of them it reacted.
    """

    position: int
    time_received: Nanos
    kind: str
    """The event's tag."""
    event: AnyEvent | None
    """None for market data, whose numbers are in a scale of that moment: look at its position."""


class Why(Struct, frozen=True, kw_only=True):
    """An order from its intent to its end, and what it came to."""

    client_order_id: str
    """Empty for an order that is not ours and says no name."""
    exchange_order_id: str
    """The exchange's; empty where it said none."""
    exchange: str
    instrument: int
    listed: InstrumentListed | None
    """The instrument as it is known at the end."""
    ours: bool
    by: str
    """Who wanted it: `caller` or a strategy; empty for an order that is not ours."""
    reacted_to: Trigger | None
    """Of a strategy's order."""
    began_before: bool
    """Its intent is not here: the session began on a log that had it already."""
    sent: Sent
    """Whether its request left. `unknown`: nothing that is here says so."""
    status: Status | Literal[""]
    """By what was concluded of it; empty where nobody knows such an order."""
    doubt: Doubt
    executed: Decimal
    """Of base, as the next two by the fills that were concluded, with all corrections."""
    value: Decimal
    """Of quote."""
    fees: Fees
    end: int | None
    """The position at which its end was concluded."""
    corrected: tuple[int, ...]
    """The positions of corrections of its fills, and of its end."""
    steps: tuple[Step, ...]
    session: str = ""
    """The folder that the lines are of; empty where none was given."""
    asked: tuple[Asked, ...] = ()
    """In the order of the tape."""
