"""Recording a story: the kernel against an exchange that exists only here, in virtual time.

A plain loop over an agenda: no socket, no clock, no task. Each thing takes a while, as on a wire:
dialling, the way to the exchange and back, a frame's way here. A lane's frames stay in their order.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from heapq import heappop, heappush
from importlib.metadata import entry_points
from pathlib import Path
from random import Random
from typing import Final, NamedTuple, Protocol, TypeAlias, cast

from tapefold.adapter import (
    Command,
    Frame,
    Open,
    Outgoing,
    Request,
    Subscribe,
    WatchClock,
    load_adapter,
)
from tapefold.errors import AdapterError
from tapefold.kernel import Kernel, Run
from tapefold.log import Log
from tapefold.replay import seal
from tapefold.session import Meta, Session, SessionWriter, new_session
from tapefold.sim.story import Story
from tapefold.units import Nanos

GROUP: Final = "tapefold.sims"
"""Entry points of the exchanges' skins, by the exchange's name."""
_MILLISECOND: Final = 1_000_000
DIAL: Final = 60 * _MILLISECOND
"""From dialling to an open lane."""
THERE: Final = 40 * _MILLISECOND
"""A request's way to the exchange, at least; its answer takes twice that, so that deltas come before."""
NEAR: Final = 4 * _MILLISECOND
"""A frame's way here, at least. Any way may take up to twice its least."""


class Answer(NamedTuple):
    """What an exchange answers over HTTP."""

    status: int
    body: bytes


class Published(NamedTuple):
    """A frame that an exchange sends on a lane."""

    lane: str
    data: bytes


class Exchange(Protocol):
    """An exchange that exists only here: one protocol's skin over a story's markets.

    It goes on by itself, `turn` by `turn`; in between it can be asked and connected to.
    """

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

    def answer(self, request: Request, time: Nanos) -> Answer:
        """What it answers at *time*."""
        ...


Skin: TypeAlias = Callable[[Story, int], Exchange]
"""Makes an exchange of a story and a seed."""


def load_skin(exchange: str) -> Skin:
    """The skin of *exchange*, found by its entry point. Raises `AdapterError` for none."""
    for point in entry_points(group=GROUP, name=exchange):
        return cast("Skin", point.load())
    there = ", ".join(sorted(point.name for point in entry_points(group=GROUP)))
    raise AdapterError(f"there is no simulated {exchange!r}; installed: {there or 'none'}")


def record(
    folder: Path,
    story: Story,
    seed: int,
    *,
    versions: Mapping[str, str],
    skin: Skin | None = None,
) -> Session:
    """Make *folder* the session of a story; it appears whole or not at all.

    The same story, seed, versions and skin make the same bytes. Without a *skin* it is the installed
    one. Raises `SessionError` where the folder is there already, and `AdapterError`.
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
    )
    with new_session(folder) as work:
        _Recording(work, meta, exchange).run(story)
    return Session(folder)


class _Recording:
    """One kernel, one exchange, and what is to happen between them when."""

    def __init__(self, work: Path, meta: Meta, exchange: Exchange) -> None:
        self._work, self._meta, self._exchange = work, meta, exchange
        self._writer = SessionWriter(work, meta)
        self._log = Log()
        name = meta.exchanges[0]
        self._kernel = Kernel({name: load_adapter(name)}, self._log)
        self._random = Random(f"{meta.seed} wire")
        self._agenda: list[tuple[Nanos, int, Callable[[Nanos], None]]] = []
        self._noted = 0
        self._latest: dict[str, Nanos] = {}
        """When a lane's last frame arrives: the next may not overtake it."""

    def run(self, story: Story) -> None:
        """All of it, sealed."""
        meta, end = self._meta, story.started_ns + story.lasts
        try:
            self._kernel.start(meta.started_ns, Run(meta.run_id, meta.seed, meta.versions))
            self._at(self._exchange.due, partial(self._turn, end))
            self._begin(WatchClock(story.exchange))
            self._begin(Subscribe(story.exchange, tuple(meta.instruments)))
            while self._agenda:
                time, _, act = heappop(self._agenda)
                self._tick(time)
                act(time)
            seal(self._writer, self._log.digest())
        finally:
            self._writer.close()

    def _begin(self, command: Command) -> None:
        time = self._meta.started_ns
        self._writer.command(time, command)
        self._take(time, self._kernel.command(time, command))

    def _at(self, time: Nanos, act: Callable[[Nanos], None]) -> None:
        """Of two things at one time the one that was noted first comes first."""
        self._noted += 1
        heappush(self._agenda, (time, self._noted, act))

    def _turn(self, end: Nanos, time: Nanos) -> None:
        """The exchange goes on; what it sends will arrive, and its next turn will come."""
        for lane, data in self._exchange.turn():
            arrives = max(time + self._way(NEAR), self._latest.get(lane, 0))
            self._latest[lane] = arrives
            self._arrive(Frame(arrives, lane, "recv", data))
        if self._exchange.due <= end:
            self._at(self._exchange.due, partial(self._turn, end))

    def _tick(self, time: Nanos) -> None:
        """What the kernel has due before *time*, as the wire would tell it."""
        while (due := self._kernel.due) is not None and due < time:
            self._take(due, self._kernel.tick(due))

    def _take(self, time: Nanos, out: Sequence[Outgoing]) -> None:
        """Write down what the kernel asks for, and let it happen."""
        for asked in out:
            self._writer.out(time, asked)
            match asked:
                case Open():
                    self._at(time + self._way(DIAL), partial(self._opened, asked))
                case Request():
                    self._at(time + self._way(THERE), partial(self._asked, asked))
                case _:
                    raise AdapterError(f"the simulated exchange cannot take this yet: {asked}")

    def _opened(self, asked: Open, time: Nanos) -> None:
        self._exchange.connect(asked.lane, asked.url)
        self._feed(Frame(time, asked.lane, "opened"))

    def _asked(self, request: Request, time: Nanos) -> None:
        """A request is at the exchange: what it says now is what will be heard."""
        status, body = self._exchange.answer(request, time)
        arrives = time + self._way(2 * THERE)
        self._arrive(Frame(arrives, request.lane, "response", body, request, status))

    def _arrive(self, frame: Frame) -> None:
        self._at(frame.time, lambda _: self._feed(frame))

    def _feed(self, frame: Frame) -> None:
        self._writer.frame(frame)
        self._take(frame.time, self._kernel.step(frame))

    def _way(self, least: Nanos) -> Nanos:
        return least + int(self._random.random() * self._random.random() * least)
