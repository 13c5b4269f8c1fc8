"""The step: one frame or command in, events logged and folded, requests out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from tapefold.adapter import Adapter, Command, Frame, Outcome, StopStrategy, WrongInstrument, trader
from tapefold.errors import AdapterError
from tapefold.events import (
    REJECTED_MAX,
    BookInvalidated,
    FrameRejected,
    InstrumentListed,
    RunStarted,
    StrategyStarted,
)
from tapefold.kernel.account import PRIVATE
from tapefold.kernel.commands import Commands
from tapefold.kernel.core import Core
from tapefold.kernel.feed import Feed
from tapefold.kernel.lane import Lane, Reading
from tapefold.kernel.requests import OK
from tapefold.kernel.strategies import Overheard, Strategies
from tapefold.kernel.survey import SURVEY_HELD_MAX
from tapefold.kernel.sync import BookSync
from tapefold.kernel.trading import Trading
from tapefold.log import Sink, check_events
from tapefold.strategy import Strategy
from tapefold.units import Nanos, TooLarge
from tapefold.views import Views

Reason: TypeAlias = Literal["json", "schema", "number", "range", "instrument", "decoder"]


class Run(msgspec.Struct, frozen=True):
    """What one run of an engine is known by; a replay takes it from the session."""

    run_id: str = ""
    seed: int = 0
    versions: dict[str, str] = {}
    first_order: int = 1
    """The number of its first order: with `run_id` it presets every client order id."""
    strategies: dict[str, dict[str, str]] = {}
    """Those at work, in their order, with their parameters."""


class Kernel:
    """An engine without the wire: the same in a live run, a replay, a scenario and a test."""

    def __init__(
        self,
        adapters: Mapping[str, Adapter],
        log: Sink,
        views: Views | None = None,
        strategies: Sequence[Strategy] = (),
    ) -> None:
        """On a log that has events already, *views* are what it adds up to."""
        self.views = views or Views()
        overheard = Overheard(log) if strategies else None
        log = overheard or log
        self._core = Core(log, self.views)
        self.started: Nanos = 0
        """When its run began."""
        self.feeds = {name: Feed(adapter, self._core) for name, adapter in adapters.items()}
        self.trading = {
            name: Trading(able, self.feeds[name], self._core, self._take_in)
            for name, adapter in adapters.items()
            if (able := trader(adapter))
        }
        self._log, self._apply, self._commit = log.append, self.views.apply, log.commit
        self._up = self._core.up
        self._commands = Commands(self._core, self.feeds, self.trading)
        self._strategies: Strategies | None = None
        if overheard:
            self._strategies = Strategies(
                strategies, overheard, self._core, self.check, self._carry_out
            )
            self._core.reacts = self._strategies.react
        self._orders, self._balances = self.views.orders, self.views.balances
        self._rare: dict[str, Callable[[Frame], None]] = {
            "response": self._responded,
            "failed": self._failed,
            "opened": self._opened,
            "close": self._closed,
        }

    def start(self, time: Nanos, run: Run) -> None:
        """Say who writes from here on, and conclude what an earlier run left open.

        A step of it may have been torn, and no answer to what it asked can come any more.
        """
        self.started = time
        self._core.seed, self._core.run_id = run.seed, run.run_id
        self._core.orders = run.first_order - 1 + self._passed_over()
        versions = dict(sorted(run.versions.items()))
        self._core.append(time, RunStarted(run_id=run.run_id, seed=run.seed, versions=versions))
        for name, parameters in run.strategies.items():
            self._core.append(time, StrategyStarted(strategy=name, parameters=parameters))
        for number, book in self.views.books.items():
            if book.state == "live":  # nobody has listened since
                self._core.append(time, BookInvalidated(instrument=number, reason="disconnected"))
        self._core.conclude(time, everything=True)
        for event in self.views.orders.unanswered():
            self._core.append(time, event)
        self._core.conclude(time)
        self._commit()

    def _passed_over(self) -> int:
        """How many numbers no order of this run gets: where some are forgotten, as many as there were.

        An earlier run may have been called alike, and nobody knows any more which names it gave.
        """
        orders = self.views.orders
        return orders.state().count if orders.horizon else 0

    def step(self, frame: Frame) -> Sequence[Outcome]:
        """Take *frame* in, whole; what it calls for may leave once the log is durable to its head."""
        core = self._core
        if core.due is not None and core.due <= frame.time:
            core.fire(frame.time)
        if frame.kind == "recv":
            lane = self._up.get(frame.lane)
            if lane is None or lane.held is not None:
                self._aside(lane, frame)
            else:
                lane.heard = frame.time
                if self._take_in(lane.reading, frame) == 0:
                    core.skipped += 1
        else:
            self._rare[frame.kind](frame)
        if self._orders.touched or self._balances.touched:
            core.conclude(frame.time)
        self._commit()
        if self._strategies:
            self._strategies.react(frame.time)
        return self._out() if core.out else ()

    def check(self, command: Command) -> None:
        """Whether `command` would do it.

        Raises `AdapterError` for an exchange, a channel or an account it has not, `UnknownInstrument`,
        `UnknownOrder`, and `BadInput` for what no order can be.
        """
        self._commands.check(command)

    def command(self, time: Nanos, command: Command) -> Sequence[Outcome]:
        """Do as the caller says. Raises as `check` does, and has done nothing then."""
        self.check(command)
        self._carry_out(time, command)
        if self._strategies:
            if isinstance(command, StopStrategy):
                self._strategies.dismiss(command.strategy)
            self._strategies.react(time)
        return self._out()

    def _carry_out(self, time: Nanos, command: Command) -> None:
        self._commands.carry_out(time, command)
        self._commit()

    @property
    def failures(self) -> Mapping[str, Exception]:
        """What strategies raised, by their names."""
        return self._strategies.failures if self._strategies else {}

    @property
    def commanded(self) -> int:
        """How many commands strategies have given."""
        return self._strategies.commanded if self._strategies else 0

    @property
    def order_id(self) -> str:
        """The client order id that was given last."""
        return self._core.order_id

    def tick(self, now: Nanos) -> Sequence[Outcome]:
        """It is *now*: fire what is due, and let strategies hear what they have not heard yet."""
        self._core.fire(now)
        self._commit()
        if self._strategies:
            self._strategies.react(now)
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

    def _out(self) -> Sequence[Outcome]:
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

    def _aside(self, lane: Lane | None, frame: Frame) -> None:
        """What was on its way when we hung up is nobody's, like a frame that nobody reads.

        While an account is surveyed, what its stream says waits, but not without end.
        """
        if lane is None or lane.held is None:
            self._core.skipped += 1
            return
        lane.heard = frame.time
        lane.held.append(frame)
        if len(lane.held) >= SURVEY_HELD_MAX:
            self.trading[lane.part.command.exchange].account.survey.overrun(frame.time)

    def _responded(self, frame: Frame) -> None:
        request, feed = frame.request, self._feed(frame.lane)
        assert request is not None, "a response answers a request"
        if request.purpose in PRIVATE:
            self.trading[feed.exchange].responded(frame, request)
            return
        feed.answered(request)
        if frame.status == OK:
            readable = self._take_in(feed.reading, frame) is not None
            feed.got(frame.time, request, readable=readable)
        else:
            feed.in_vain(frame, request)

    def _failed(self, frame: Frame) -> None:
        request, feed = frame.request, self._feed(frame.lane)
        assert request is not None, "what failed was a request"
        if request.purpose in PRIVATE:
            self.trading[feed.exchange].failed(frame, request)
            return
        feed.answered(request)
        feed.in_vain(frame, request)

    def _take_in(self, reading: Reading, frame: Frame) -> int | None:
        """Decode, log and fold: how many events it gave, or None for a frame that was rejected."""
        time, special = frame.time, reading.special
        try:
            events = reading.adapter.decode(frame, reading.known)
            if reading.checked:
                check_events(events)
        except Exception as error:  # whatever an adapter raises is about this frame and no other
            self._core.append(time, _rejected(frame, _why(error), private=reading.checked))
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
            self._core.append(time, _rejected(frame, "range", private=reading.checked))
            return None
        return len(events)


def _rejected(frame: Frame, reason: Reason, *, private: bool) -> FrameRejected:
    """What nobody could read: of an account's nothing is kept, since it may hold a token.

    Nor its size: a recording has stand-ins, which may be longer.
    """
    data = b"" if private else frame.data
    return FrameRejected(lane=frame.lane, reason=reason, data=data[:REJECTED_MAX], size=len(data))


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
