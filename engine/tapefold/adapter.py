"""What an adapter is: data, and a few pure functions. And what goes in and out of the kernel.

Nothing here does I/O. A `Frame` is what came in, an `Outgoing` is what should go out; both are data,
and both are lines of a tape. Requests leave the kernel unsigned: a tape keeps, and a replay compares,
what was *asked*, not how it was signed.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Literal, Protocol, TypeAlias, cast

from msgspec import Struct

from tapefold.errors import AdapterError
from tapefold.events import AnyEvent, InstrumentListed
from tapefold.units import MINUTE, Nanos

Channel: TypeAlias = Literal["book", "trades", "aggregate_trades", "quotes"]
Purpose: TypeAlias = Literal["instruments", "book", "clock"]
Known: TypeAlias = Mapping[str, InstrumentListed]
"""One exchange's instruments by their native names, as the log has them so far."""


class Listing(Struct, frozen=True, omit_defaults=True):
    """An instrument that the caller knows already, so that nobody need be asked."""

    symbol: str
    native_symbol: str


class Declare(Struct, frozen=True, tag="declare", tag_field="command", omit_defaults=True):
    """Command: these instruments exist."""

    exchange: str
    instruments: tuple[Listing, ...]
    by: str = "caller"


class Subscribe(Struct, frozen=True, tag="subscribe", tag_field="command", omit_defaults=True):
    """Command: open a connection for these channels of these instruments, by symbol or native name."""

    exchange: str
    instruments: tuple[str, ...]
    channels: tuple[Channel, ...] = ("book", "trades", "quotes")
    depth: int = 1000
    """Levels a side to begin a book with."""
    silence_max: Nanos = 0
    """Connect anew where nothing was heard for so long, in nanoseconds; 0: silence is fine."""
    by: str = "caller"


class Unsubscribe(Struct, frozen=True, tag="unsubscribe", tag_field="command", omit_defaults=True):
    """Command: close a lane and do not open it again."""

    lane: str
    by: str = "caller"


class WatchClock(Struct, frozen=True, tag="watch_clock", tag_field="command", omit_defaults=True):
    """Command: measure by how much an exchange's clock is ahead of ours, now and again and again."""

    exchange: str
    every: Nanos = 30 * MINUTE
    by: str = "caller"


Command: TypeAlias = Declare | Subscribe | Unsubscribe | WatchClock


class Open(Struct, frozen=True):
    """Connect."""

    lane: str
    url: str


class Send(Struct, frozen=True):
    """Say this on a lane."""

    lane: str
    text: str


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
    """What the purpose is about: an instrument's native name."""
    body: str = ""
    headers: dict[str, str] = {}
    n: int = 0
    """Counts the requests of a run; the kernel gives it."""
    lane: str = ""


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


class Topic(Struct, frozen=True):
    """What a frame of somebody else's capture is about."""

    native_symbol: str
    channel: Channel


class Stream(Struct, frozen=True):
    """Where to connect for a subscription, and what to say there first."""

    url: str
    messages: tuple[str, ...] = ()


class BookRule(Struct, frozen=True):
    """How an exchange numbers its book deltas.

    `first`: a delta's first update id follows the last one of the delta before it.
    `previous`: a delta names the last update id of the delta before it.
    """

    chain: Literal["first", "previous"]


class Rate(Struct, frozen=True):
    """So many in so long."""

    most: int
    per: Nanos


class Limits(Struct, frozen=True):
    """What an exchange puts up with; None and 0: nobody said."""

    streams_max: int = 0
    """Streams, of channels times instruments, that one connection carries."""
    sends: Rate | None = None
    """Messages on one connection."""
    dials: Rate | None = None
    """Attempts to connect."""


class Heartbeat(Struct, frozen=True):
    """A message that a client must send now and then on each connection."""

    text: str
    every: Nanos


class Free(Struct, frozen=True):
    """Traffic that a client may cause any number of times, and that orders nothing: polls, heartbeats."""

    match: str
    """`GET /path`, with a query where only that one is meant; or a regular expression on a sent text."""
    reply: str = ""
    """Of a sent text: a regular expression on the frame that answers it."""
    least: int = 0
    most: int = 0
    """0: as often as it likes."""


class Taping(Struct, frozen=True):
    """What is to be known of an exchange's traffic to record it, mask it and match it.

    Names are JSON keys, query and form names alike.
    """

    volatile: frozenset[str] = frozenset()
    """Different every time (timestamp, nonce, signature): kept as 0 or `masked`."""
    minted: frozenset[str] = frozenset()
    """Ids that the client makes."""
    counted: frozenset[str] = frozenset()
    """Ids of requests on one connection."""
    order_ids: frozenset[str] = frozenset()
    """Fields of an answer that name the order from then on."""
    tokens: frozenset[str] = frozenset()
    """Secrets that the exchange gives, such as listen keys."""
    account: frozenset[str] = frozenset()
    """Whose account it is."""
    headers_sent: frozenset[str] = frozenset()
    """Request headers that are kept and compared, in lower case; all others are dropped."""
    headers_kept: frozenset[str] = frozenset({"content-type", "retry-after"})
    """Response headers that are kept, in lower case; all others are dropped."""
    public: frozenset[str] = frozenset()
    """Long words that are no secrets."""
    free: tuple[Free, ...] = ()


class Description(Struct, frozen=True):
    """What an adapter says of its exchange."""

    exchange: str
    """`[a-z0-9_]+`: the entry point's name, and the first part of every lane's."""
    hosts: tuple[str, ...]
    """Of its REST and WebSocket endpoints, older ones too: whose captures are its own."""
    book: BookRule
    channels: tuple[Channel, ...]
    example: str
    """An instrument to try it with."""
    limits: Limits = Limits()
    heartbeat: Heartbeat | None = None
    taping: Taping = Taping()
    untried: str = ""
    """What was never tried against the live exchange."""


class WrongInstrument(ValueError):
    """A frame that says it is about one instrument, and whose content is about another."""


class Adapter(Protocol):
    """One exchange's language. No I/O, no clock, no module state."""

    @property
    def description(self) -> Description:
        """What there is to know."""
        ...

    def list_instruments(self) -> Request:
        """Ask for the trading rules."""
        ...

    def snapshot(self, native_symbol: str, depth: int) -> Request:
        """Ask for a book."""
        ...

    def clock(self) -> Request | None:
        """Ask what time it is there; None where that cannot be asked."""
        ...

    def subscribe(self, natives: Sequence[str], channels: Sequence[Channel]) -> Stream:
        """How to hear of these channels of these instruments, all on one connection."""
        ...

    def decode(self, frame: Frame, known: Known) -> Sequence[AnyEvent]:
        """What a received frame or a response says; nothing where it says nothing that we use.

        Raises for what cannot be read, `ValueError` or msgspec's errors. A number that needs a finer
        scale first lists its instrument again, wider. An instrument that is not in *known* is given
        the number `UNLISTED`.
        """
        ...

    def answers(self, request: Request, url: str) -> bool:
        """Is *url*, of somebody else's capture, this request by another spelling?"""
        ...

    def topic(self, data: bytes) -> Topic | None:
        """What a received frame of somebody else's capture is about, if it is of any use to us."""
        ...


GROUP = "tapefold.adapters"


def exchanges() -> list[str]:
    """The names of all installed adapters."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def load_adapter(exchange: str) -> Adapter:
    """The adapter of *exchange*, found by its entry point. Raises `AdapterError` for none or two."""
    points = [*entry_points(group=GROUP, name=exchange)]
    if not points:
        raise AdapterError(f"there is no adapter {exchange!r}; installed: {', '.join(exchanges())}")
    if len({point.value for point in points}) > 1:
        where = " and ".join(sorted(point.value for point in points))
        raise AdapterError(f"two packages bring an adapter {exchange!r}: {where}; uninstall one")
    make = cast("Callable[[], Adapter]", points[0].load())
    return make()
