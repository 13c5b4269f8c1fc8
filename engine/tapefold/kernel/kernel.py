"""The step: one frame or command in, events logged and folded, requests out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from tapefold.adapter import (
    Adapter,
    Command,
    Declare,
    Frame,
    Outgoing,
    Subscribe,
    Unsubscribe,
    WatchClock,
    WrongInstrument,
)
from tapefold.errors import AdapterError
from tapefold.events import REJECTED_MAX, FrameRejected, InstrumentListed, RunStarted
from tapefold.kernel.core import Core
from tapefold.kernel.feed import Feed
from tapefold.kernel.lane import Reading
from tapefold.kernel.requests import OK
from tapefold.kernel.sync import BookSync
from tapefold.log import Sink
from tapefold.units import Nanos, TooLarge
from tapefold.views import Views

Reason: TypeAlias = Literal["json", "schema", "number", "range", "instrument", "decoder"]


class Run(msgspec.Struct, frozen=True):
    """What one run of an engine is known by; a replay takes it from the session."""

    run_id: str = ""
    seed: int = 0
    versions: dict[str, str] = {}


class Kernel:
    """An engine without the wire: the same in a live run, a replay, a scenario and a test."""

    def __init__(self, adapters: Mapping[str, Adapter], log: Sink) -> None:
        self.views = Views()
        self._core = Core(log, self.views)
        self.feeds = {name: Feed(adapter, self._core) for name, adapter in adapters.items()}
        self._log, self._apply, self._commit = log.append, self.views.apply, log.commit
        self._up = self._core.up
        self._steps: dict[str, Callable[[Frame], None]] = {
            "recv": self._received,
            "response": self._responded,
            "failed": self._failed,
            "opened": self._opened,
            "close": self._closed,
        }

    def start(self, time: Nanos, run: Run) -> None:
        """Say who writes from here on."""
        self._core.seed = run.seed
        versions = dict(sorted(run.versions.items()))
        self._core.append(time, RunStarted(run_id=run.run_id, seed=run.seed, versions=versions))
        self._commit()

    def step(self, frame: Frame) -> Sequence[Outgoing]:
        """Take *frame* in, whole; what it calls for may leave once the log is durable to its head."""
        due = self._core.due
        if due is not None and due <= frame.time:
            self._core.fire(frame.time)
        self._steps[frame.kind](frame)
        self._commit()
        return self._out()

    def check(self, command: Command) -> None:
        """Whether `command` would do it. Raises `AdapterError` for an exchange or a channel it has not."""
        if not isinstance(command, Declare | Subscribe | Unsubscribe | WatchClock):
            raise AdapterError("this engine cannot trade yet")
        exchange = command.lane if isinstance(command, Unsubscribe) else command.exchange
        feed = self._feed(exchange)
        if isinstance(command, Subscribe):
            channels = feed.adapter.description.channels
            for channel in command.channels:
                if channel not in channels:
                    raise AdapterError(
                        f"{exchange} has no channel {channel!r}; it has {', '.join(channels)}"
                    )

    def command(self, time: Nanos, command: Command) -> Sequence[Outgoing]:
        """Do as the caller says. Raises as `check` does, and has done nothing then."""
        self.check(command)
        self._core.fire(time)
        match command:
            case Declare():
                self._feed(command.exchange).declare(time, command)
            case Subscribe():
                self._feed(command.exchange).subscribe(time, command)
            case Unsubscribe():
                self._feed(command.lane).unsubscribe(time, command.lane)
            case WatchClock():
                self._feed(command.exchange).watch_clock(time, command)
        self._commit()
        return self._out()

    def tick(self, now: Nanos) -> Sequence[Outgoing]:
        """It is *now*: fire what is due."""
        self._core.fire(now)
        self._commit()
        return self._out()

    def sync(self, row: InstrumentListed) -> BookSync:
        """Where an instrument's book is in its synchronisation."""
        return self.feeds[row.exchange].books.syncs[row.instrument]

    @property
    def due(self) -> Nanos | None:
        """When the wire should say what time it is, at the latest."""
        return self._core.due

    @property
    def skipped(self) -> int:
        """Frames that were read and that nobody uses."""
        return self._core.skipped

    def _out(self) -> Sequence[Outgoing]:
        if not self._core.out:
            return ()
        out, self._core.out = self._core.out, []
        return out

    def _feed(self, lane: str) -> Feed:
        """Of a lane, or of an exchange's own name."""
        exchange = lane.partition("/")[0]
        try:
            return self.feeds[exchange]
        except KeyError:
            raise AdapterError(
                f"this engine was not opened with the exchange {exchange!r}"
            ) from None

    def _opened(self, frame: Frame) -> None:
        self._feed(frame.lane).lanes.opened(frame)

    def _closed(self, frame: Frame) -> None:
        self._feed(frame.lane).lanes.closed(frame)

    def _received(self, frame: Frame) -> None:
        """What was on its way when we hung up is nobody's, like a frame that nobody reads."""
        lane = self._up.get(frame.lane)
        if lane is None:
            self._core.skipped += 1
            return
        lane.heard = frame.time
        if self._take_in(lane.reading, frame) == 0:
            self._core.skipped += 1

    def _responded(self, frame: Frame) -> None:
        request, feed = frame.request, self._feed(frame.lane)
        assert request is not None, "a response answers a request"
        feed.answered(request)
        if frame.status == OK:
            readable = self._take_in(feed.reading, frame) is not None
            feed.got(frame.time, request, readable=readable)
        else:
            feed.in_vain(frame, request)

    def _failed(self, frame: Frame) -> None:
        request, feed = frame.request, self._feed(frame.lane)
        assert request is not None, "what failed was a request"
        feed.answered(request)
        feed.in_vain(frame, request)

    def _take_in(self, reading: Reading, frame: Frame) -> int | None:
        """Decode, log and fold: how many events it gave, or None for a frame that was rejected."""
        time, special = frame.time, reading.special
        try:
            events = reading.adapter.decode(frame, reading.known)
        except Exception as error:  # whatever an adapter raises is about this frame and no other
            self._core.append(time, _rejected(frame, _why(error)))
            return None
        try:
            for event in events:
                handle = special.get(type(event))
                if handle is None:
                    self._log(time, event)  # `Core.append`, where a call more would show
                    self._apply(event)
                else:
                    handle(time, event)
        except (TooLarge, OverflowError):
            self._core.append(time, _rejected(frame, "range"))
            return None
        return len(events)


def _rejected(frame: Frame, reason: Reason) -> FrameRejected:
    return FrameRejected(
        lane=frame.lane, reason=reason, data=frame.data[:REJECTED_MAX], size=len(frame.data)
    )


def _why(error: Exception) -> Reason:
    """One of our words: a library's text may change with its version, and with it the digest."""
    for kind, word in _WORDS:
        if isinstance(error, kind):
            return word
    return "decoder"


_WORDS: tuple[tuple[type[Exception], Reason], ...] = (
    (msgspec.ValidationError, "schema"),
    (msgspec.DecodeError, "json"),
    (RecursionError, "json"),
    (TooLarge, "range"),
    (WrongInstrument, "instrument"),
    (UnicodeDecodeError, "json"),
    (ValueError, "number"),
)
