"""tapefold: an event-sourced trading engine with a recorded test harness.

Data flows one way, and each room imports only from those before it:

    units errors home events the words
    log                      what was said, in order, for ever
    folds views history      what that adds up to, now and at any position
    adapter                  how exchanges speak, as data and pure functions
    kernel                   one frame in, events logged and folded, requests out
    guard                    what must not be in a recording
    session overlay          what the wire said, as a folder; and another story made of it
    replay fingerprint       a session played into a kernel, and what it comes to
    report verify            said to people, and proven
    imports                  sessions made of somebody else's captures
    wire record              a kernel among sockets, and a run of it written down
    peer stub mock           presets, or a session, as an exchange on this machine
    engine                   all of it in somebody's trio program
    sim testing              a simulated market; an exchange that misbehaves in virtual time
    cli                      all of it from a terminal

Whoever embeds the engine, writes an adapter or reads logs needs nothing but this module; who tests
against an exchange that is none needs `tapefold.stub`, `tapefold.overlay` and `tapefold.testing` besides.
"""

from msgspec import Raw

from tapefold.adapter import (
    Adapter,
    BookRule,
    Channel,
    Command,
    Declare,
    Description,
    Frame,
    Free,
    Heartbeat,
    Known,
    Limits,
    Listing,
    Rate,
    Request,
    Stream,
    Subscribe,
    Taping,
    Topic,
    Unsubscribe,
    WatchClock,
    WrongInstrument,
    exchanges,
    load_adapter,
)
from tapefold.engine import Engine, Live, open_engine
from tapefold.errors import (
    AdapterError,
    BadInput,
    CaptureError,
    Fenced,
    LogError,
    LogFull,
    LogLocked,
    Mismatch,
    Refused,
    SessionError,
    StaleBook,
    TapefoldError,
    UnknownInstrument,
    Unmet,
)
from tapefold.events import (
    NOTHING,
    UNLISTED,
    AnyEvent,
    BookDelta,
    BookInvalidated,
    BookSnapshot,
    ClockAdjusted,
    ConnectionClosed,
    ConnectionOpened,
    Event,
    FrameRejected,
    InstrumentListed,
    Quote,
    RateLimited,
    RequestFailed,
    RunStarted,
    StreamStale,
    Trade,
    pack,
)
from tapefold.folds.book_view import BookView
from tapefold.history import History
from tapefold.imports import Captured, Format, Imported, import_capture
from tapefold.log import Log, LogReader, Record, open_log, read_log
from tapefold.report import Report, replay_report
from tapefold.session import Session
from tapefold.sim import bundled
from tapefold.units import (
    DIGITS_MAX,
    MINUTE,
    SECOND,
    Level,
    Nanos,
    Side,
    TooFine,
    TooLarge,
    column,
    decimals,
    exact,
    scale,
    scaled,
)
from tapefold.verify import Verified, verify_log, verify_session
from tapefold.views import Views

__all__ = [
    "DIGITS_MAX",
    "MINUTE",
    "NOTHING",
    "SECOND",
    "UNLISTED",
    "Adapter",
    "AdapterError",
    "AnyEvent",
    "BadInput",
    "BookDelta",
    "BookInvalidated",
    "BookRule",
    "BookSnapshot",
    "BookView",
    "CaptureError",
    "Captured",
    "Channel",
    "ClockAdjusted",
    "Command",
    "ConnectionClosed",
    "ConnectionOpened",
    "Declare",
    "Description",
    "Engine",
    "Event",
    "Fenced",
    "Format",
    "Frame",
    "FrameRejected",
    "Free",
    "Heartbeat",
    "History",
    "Imported",
    "InstrumentListed",
    "Known",
    "Level",
    "Limits",
    "Listing",
    "Live",
    "Log",
    "LogError",
    "LogFull",
    "LogLocked",
    "LogReader",
    "Mismatch",
    "Nanos",
    "Quote",
    "Rate",
    "RateLimited",
    "Raw",
    "Record",
    "Refused",
    "Report",
    "Request",
    "RequestFailed",
    "RunStarted",
    "Session",
    "SessionError",
    "Side",
    "StaleBook",
    "Stream",
    "StreamStale",
    "Subscribe",
    "TapefoldError",
    "Taping",
    "TooFine",
    "TooLarge",
    "Topic",
    "Trade",
    "UnknownInstrument",
    "Unmet",
    "Unsubscribe",
    "Verified",
    "Views",
    "WatchClock",
    "WrongInstrument",
    "bundled",
    "column",
    "decimals",
    "exact",
    "exchanges",
    "import_capture",
    "load_adapter",
    "open_engine",
    "open_log",
    "pack",
    "read_log",
    "replay_report",
    "scale",
    "scaled",
    "verify_log",
    "verify_session",
]
