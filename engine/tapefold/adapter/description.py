"""What an adapter says of its exchange: data."""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from tapefold.adapter.commands import Channel
from tapefold.events import ZERO
from tapefold.units import MINUTE, SECOND, Nanos


class Topic(Struct, frozen=True):
    """What a frame of somebody else's capture is about."""

    native_symbol: str
    channel: Channel


class Stream(Struct, frozen=True):
    """Where to connect for a subscription, and what to say there first."""

    url: str
    messages: tuple[str, ...] = ()
    signed: bool = False
    """The messages must be signed before they leave."""


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
    windows: dict[str, Rate] = {}
    """What a request may take of each, by name: `Request.costs`."""


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


class AccountRules(Struct, frozen=True):
    """What differs between exchanges in how orders live there; in the log as `AccountWatched`."""

    missing_max: int = 3
    grace: Nanos = 10 * SECOND
    settle: Nanos = 30 * SECOND
    closed: Nanos = 2 * MINUTE
    cumulative: bool = False
    purges: bool = False
    expires_silently: bool = False
    maker_rate: Decimal = ZERO
    taker_rate: Decimal = ZERO
    """What everybody pays who has no schedule of his own: 0.001 are ten basis points."""
    keep_alive: Nanos = 0
    """How often the token of the private stream must be renewed; 0: there is none."""
    id_max: int = 36
    """Characters of a client order id."""
    credentials: tuple[str, ...] = ("key", "secret")
    """The names of what `sign` needs."""
    sent: tuple[str, ...] = ("key",)
    """Those of them that requests show, such as an API key: a recording has `key1` for `key`. The others
    never leave, and a recording that would hold one ends."""
    stand_ins: dict[str, str] = {}
    """What a recording is played with where `secret1` is no `secret` that `sign` takes: base64, say."""


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
    account: AccountRules | None = None
    """None: it cannot trade. Else the adapter is a `Trader`."""
    testnet: dict[str, str] = {}
    """Where a test network is: `host:port` by the `host:port` that it stands for; empty: there is none."""
    untried: str = ""
    """What was never tried against the live exchange."""
