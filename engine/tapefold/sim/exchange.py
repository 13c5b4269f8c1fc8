"""What a simulated exchange is to whoever asks it: the protocol, and where its skins are found."""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol, TypeAlias, cast

from tapefold.adapter import Request
from tapefold.errors import AdapterError
from tapefold.sim.faults import Faults
from tapefold.sim.story import Story
from tapefold.sim.venue import Venue
from tapefold.units import Nanos

GROUP: Final = "tapefold.sims"
"""Entry points of the exchanges' skins, by the exchange's name."""
NO_ANSWER: Final = 0
"""The status of an answer that never comes: the connection is cut instead."""


class Answer(NamedTuple):
    """What an exchange answers over HTTP."""

    status: int
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({})
    """In the case that the exchange writes them in."""


class Published(NamedTuple):
    """A frame that an exchange sends on a lane."""

    lane: str
    data: bytes


class Exchange(Protocol):
    """An exchange that exists only here: one protocol's skin over a story's markets.

    It goes on by itself, `turn` by `turn`; in between it can be asked and connected to. What is asked at
    a *time* is answered as of then: its markets are first brought there, and what that publishes comes
    out of the next turns, as do the private messages that an answer causes. So `due` may go back
    after any of these calls, to a time that is not after theirs. Times never go back.
    """

    @property
    def venue(self) -> Venue:
        """What truly is there: markets, accounts, orders. What is done to it is told by a later turn."""
        ...

    @property
    def faults(self) -> Faults:
        """What is to go wrong."""
        ...

    @property
    def due(self) -> Nanos:
        """When its next turn is."""
        ...

    def turn(self) -> Sequence[Published]:
        """Do what is due at `due`: the frames that this makes, in their order."""
        ...

    def connect(self, lane: str, url: str) -> None:
        """A lane is open; from here on it hears what its URL asks for."""
        ...

    def disconnect(self, lane: str) -> None:
        """A lane is closed: nothing is published on it any more. One that is not open is no error."""
        ...

    def hear(self, lane: str, text: str, time: Nanos) -> Sequence[Published]:
        """A client says *text* on a lane at *time*: what it is answered at once."""
        ...

    def answer(self, request: Request, time: Nanos) -> Answer:
        """What it answers at *time*; with the status `NO_ANSWER` nothing is answered."""
        ...

    def peek(self, request: Request) -> Answer:
        """What it would answer to this now, for whoever looks on: it costs nothing, and never fails."""
        ...


Skin: TypeAlias = Callable[[Story, int], Exchange]
"""Makes an exchange of a story and a seed."""


def load_skin(exchange: str) -> Skin:
    """The skin of *exchange*, found by its entry point. Raises `AdapterError` for none."""
    for point in entry_points(group=GROUP, name=exchange):
        return cast("Skin", point.load())
    there = ", ".join(sorted(point.name for point in entry_points(group=GROUP)))
    raise AdapterError(f"there is no simulated {exchange!r}; installed: {there or 'none'}")
