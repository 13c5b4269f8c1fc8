"""Recording a story: the kernel against an exchange that exists only here, in virtual time.

A plain loop over an agenda: no socket, no clock, no task. Each thing takes a while, as on a wire:
dialling, the way to the exchange and back, a frame's way here. A lane's frames stay in their order.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from heapq import heappop, heappush
from pathlib import Path
from random import Random
from typing import Final, TypeVar

from tapefold.adapter import (
    Close,
    Command,
    Frame,
    Given,
    Open,
    Outcome,
    Request,
    Send,
    Subscribe,
    WatchAccount,
    WatchClock,
    load_adapter,
    trader,
)
from tapefold.kernel import Kernel, started
from tapefold.log import Log
from tapefold.replay import run_of, seal
from tapefold.session import Meta, Session, SessionWriter, new_session
from tapefold.sim.exchange import NO_ANSWER, Exchange, Published, Skin, load_skin
from tapefold.sim.story import Story
from tapefold.strategy import Strategy
from tapefold.units import Nanos

SignedT = TypeVar("SignedT", Request, Send)
_MILLISECOND: Final = 1_000_000
DIAL: Final = 60 * _MILLISECOND
"""From dialling to an open lane."""
THERE: Final = 40 * _MILLISECOND
"""A request's way to the exchange, at least; its answer takes twice that, so that deltas come before."""
NEAR: Final = 4 * _MILLISECOND
"""A frame's way here, at least. Any way may take up to twice its least."""


def record(  # noqa: PLR0913 - each is a word of its own, and all but three have defaults
    folder: Path,
    story: Story,
    seed: int,
    *,
    versions: Mapping[str, str],
    skin: Skin | None = None,
    commands: Sequence[tuple[Nanos, Command]] = (),
    strategies: Sequence[Strategy] = (),
) -> Session:
    """Make *folder* the session of a story; it appears whole or not at all.

    Where the story has accounts, the first of them is watched, and *commands* are given, each so long
    after the start; *strategies* are at work from the start. All of it the same makes the same bytes.
    Without a *skin* it is the installed one. Raises `SessionError` where the folder is there already, and
    `AdapterError`.
    """
    exchange = (skin or load_skin(story.exchange))(story, seed)
    meta = Meta(
        exchanges=[story.exchange],
        instruments=[spec.symbol for spec in story.specs],
        source="simulator",
        started_ns=story.started_ns,
        run_id=f"sim-{seed}",
        seed=seed,
        versions=dict(versions),
        strategies=dict(started(strategies)),
    )
    with new_session(folder) as work:
        _Recording(work, meta, exchange, strategies).run(story, commands)
    return Session(folder)


class _Recording:
    """One kernel, one exchange, and what is to happen between them when."""

    def __init__(
        self, work: Path, meta: Meta, exchange: Exchange, strategies: Sequence[Strategy]
    ) -> None:
        self._work, self._meta, self._exchange = work, meta, exchange
        self._writer = SessionWriter(work, meta)
        self._log = Log()
        name = meta.exchanges[0]
        self._adapter = load_adapter(name)
        self._kernel = Kernel({name: self._adapter}, self._log, strategies=strategies)
        self._random = Random(f"{meta.seed} wire")
        self._agenda: list[tuple[Nanos, int, Callable[[Nanos], None]]] = []
        self._noted = 0
        self._keys: dict[str, str] = {}
        self._end = self._goes_on = 0
        """When it ends, and when the exchange's next turn is noted for."""
        self._latest: dict[str, Nanos] = {}
        """When a lane's last frame arrives: the next may not overtake it."""
        self._there: dict[str, Nanos] = {}
        """When the last message on a lane is at the exchange."""

    def run(self, story: Story, commands: Sequence[tuple[Nanos, Command]]) -> None:
        """All of it, sealed."""
        meta, self._end = self._meta, story.started_ns + story.lasts
        if story.accounts and story.accounts[0].key:
            self._keys = {"key": story.accounts[0].key, "secret": story.accounts[0].secret}
        try:
            start = meta.started_ns
            self._kernel.start(start, run_of(meta))
            self._take(start, self._kernel.tick(start))
            self._go_on()
            self._command(WatchClock(story.exchange), start)
            self._command(Subscribe(story.exchange, tuple(meta.instruments)), start)
            if story.accounts:
                self._command(WatchAccount(story.exchange), start)
            for after, command in commands:
                self._at(start + after, partial(self._command, command))
            while self._agenda:
                time, _, act = heappop(self._agenda)
                self._tick(time)
                act(time)
            seal(self._writer, self._log.digest())
        finally:
            self._writer.close()

    def _command(self, command: Command, time: Nanos) -> None:
        self._tick(time)
        self._writer.command(time, command)
        self._take(time, self._kernel.command(time, command))

    def _at(self, time: Nanos, act: Callable[[Nanos], None]) -> None:
        """Of two things at one time the one that was noted first comes first."""
        self._noted += 1
        heappush(self._agenda, (time, self._noted, act))

    def _go_on(self) -> None:
        """The exchange's next turn will come."""
        self._goes_on = self._exchange.due
        if self._goes_on <= self._end:
            self._at(self._goes_on, self._turn)

    def _turn(self, time: Nanos) -> None:
        """The exchange goes on, unless it did since this was noted; what it sends will arrive."""
        if time == self._goes_on:
            self._publish(time, self._exchange.turn())
            self._go_on()

    def _asked_of(self) -> None:
        """What it was asked may have made something due before its next turn was."""
        if self._exchange.due < self._goes_on:
            self._go_on()

    def _publish(self, time: Nanos, published: Sequence[Published]) -> None:
        for lane, data in published:
            self._latest[lane] = max(time + self._way(NEAR), self._latest.get(lane, 0))
            self._arrive(Frame(self._latest[lane], lane, "recv", data))

    def _tick(self, time: Nanos) -> None:
        """What the kernel has due before *time*, as the wire would tell it."""
        while (due := self._kernel.due) is not None and due <= time:
            self._take(due, self._kernel.tick(due))

    def _take(self, time: Nanos, out: Sequence[Outcome]) -> None:
        """Write down what the kernel asks for, and let it happen."""
        for asked in out:
            if isinstance(asked, Given):
                self._writer.command(asked.time, asked.command)
                continue
            self._writer.out(time, asked)
            match asked:
                case Open():
                    self._at(time + self._way(DIAL), partial(self._opened, asked))
                case Request():
                    signed = self._signed(asked, time)
                    self._at(time + self._way(THERE), partial(self._asked, asked, signed))
                case Send():
                    arrives = max(time + self._way(NEAR), self._there.get(asked.lane, 0))
                    self._there[asked.lane] = arrives
                    self._at(arrives, partial(self._heard, self._signed(asked, time)))
                case Close():
                    self._exchange.disconnect(asked.lane)

    def _signed(self, asked: SignedT, time: Nanos) -> SignedT:
        """As the wire would sign it."""
        able = trader(self._adapter) if asked.signed and self._keys else None
        return able.sign(asked, self._keys, time) if able else asked

    def _opened(self, asked: Open, time: Nanos) -> None:
        self._exchange.connect(asked.lane, asked.url)
        self._feed(Frame(time, asked.lane, "opened"))

    def _asked(self, request: Request, signed: Request, time: Nanos) -> None:
        """A request is at the exchange: what it says now is what will be heard."""
        answer = self._exchange.answer(signed, time)
        self._asked_of()
        arrives = time + self._way(2 * THERE)
        if answer.status == NO_ANSWER:
            self._arrive(Frame(arrives, request.lane, "failed", request=request, reason="cut"))
            return
        later = int(answer.headers.get("Retry-After", "0"))
        self._arrive(
            Frame(
                arrives,
                request.lane,
                "response",
                answer.body,
                request,
                answer.status,
                retry_after=later,
            )
        )

    def _heard(self, said: Send, time: Nanos) -> None:
        """A message is at the exchange."""
        self._publish(time, self._exchange.hear(said.lane, said.text, time))
        self._asked_of()

    def _arrive(self, frame: Frame) -> None:
        self._at(frame.time, lambda _: self._feed(frame))

    def _feed(self, frame: Frame) -> None:
        self._writer.frame(frame)
        self._take(frame.time, self._kernel.step(frame))

    def _way(self, least: Nanos) -> Nanos:
        return least + int(self._random.random() * self._random.random() * least)
