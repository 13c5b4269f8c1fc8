"""What befell an engine: its runs, its connections, frames and requests that came to nothing."""

from typing import Final, Literal

from tapefold.events.base import Event
from tapefold.units import Nanos

REJECTED_MAX: Final = 4096
"""Bytes of a rejected frame that the log keeps: enough to see what it was."""


class RunStarted(Event, frozen=True, kw_only=True):
    """An engine began to write here: everything after it is this run's."""

    run_id: str
    seed: int
    versions: dict[str, str]
    """Of the engine that ran, by package; in a replay, those of the recording."""


class StrategyStarted(Event, frozen=True, kw_only=True):
    """A strategy is at work in this run."""

    strategy: str
    parameters: dict[str, str]
    """What it was made with, as far as it says so."""


class TimerFired(Event, frozen=True, kw_only=True):
    """The time has come that a strategy asked to be told of."""

    strategy: str
    timer: str
    """Its own name for it."""
    due: Nanos


class StrategyFailed(Event, frozen=True, kw_only=True):
    """A strategy went wrong, or was stopped: it hears nothing more in this run, and commands nothing."""

    strategy: str
    reason: str
    """The class of what it raised; `Runaway` where it reacted to its own commands without end.

    Of one that was stopped, why: `exit` where the engine was left.
    """


class ConnectionOpened(Event, frozen=True, kw_only=True):
    """A lane is up."""

    lane: str


class ConnectionClosed(Event, frozen=True, kw_only=True):
    """A lane is down."""

    lane: str
    by: Literal["client", "exchange"]
    code: int
    """Of RFC 6455; 1006 where it was cut or never came up; below 1000 the HTTP status of a refusal."""
    reason: str = ""
    """As the exchange gave it: a cut has none, however it was noticed."""


class StreamStale(Event, frozen=True, kw_only=True):
    """A lane is up, and nothing was heard on it for longer than its subscription puts up with."""

    lane: str
    silent: Nanos
    """For how long."""


class RateLimited(Event, frozen=True, kw_only=True):
    """An exchange asked to be left alone for a while; nothing is asked of it until then."""

    exchange: str
    status: int
    """The HTTP status that said so."""
    wait: Nanos
    """From now on."""


class ClockAdjusted(Event, frozen=True, kw_only=True):
    """An exchange's clock was compared with ours."""

    exchange: str
    time_exchange: Nanos
    """What it said."""
    ahead: Nanos = 0
    """By how much its clock is ahead of ours; negative where it is behind."""
    within: Nanos = 0
    """Half the time that asking took: the error is no larger."""


class FrameRejected(Event, frozen=True, kw_only=True):
    """A frame that could not be read, or said what cannot be."""

    lane: str
    reason: Literal["json", "schema", "number", "range", "instrument", "decoder"]
    data: bytes
    """Its first `REJECTED_MAX` bytes."""
    size: int
    """All of its bytes."""


class RequestFailed(Event, frozen=True, kw_only=True):
    """A request got no answer, or a refusal, or an answer without what was asked for."""

    exchange: str
    purpose: str
    subject: str
    status: int
    """The HTTP status; 0 where there was no answer."""
    reason: Literal["unanswered", "refused", "not_listed"]
    """No answer came; it was a refusal; it did not have the instrument that was asked for."""
