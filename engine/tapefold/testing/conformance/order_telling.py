"""One telling of the story: an engine at a simulated exchange, and all that was seen of both."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from tapefold.adapter import Adapter, Command, Frame, Outgoing, Request, Subscribe, WatchAccount
from tapefold.errors import BadInput, Refused
from tapefold.events import AnyEvent, OrderSubmitted
from tapefold.kernel import Kernel, Run
from tapefold.log import Log, Record
from tapefold.log.store import in_memory
from tapefold.sim import Skin, Venue
from tapefold.sim.recording import keys_of
from tapefold.sim.stage import KernelMaker, Stage
from tapefold.sim.story import HOLDER
from tapefold.testing.conformance.order_faults import Fault, Places, Trouble
from tapefold.testing.conformance.order_story import STORY, SYMBOL, story_at
from tapefold.units import SECOND, Nanos
from tapefold.views import Views

POLL: Final = 60 * SECOND
POLL_SILENT: Final = 20 * SECOND
SILENCE_MAX: Final = 30 * SECOND
REST: Final = 240 * SECOND
"""How long it rests in the end: longer than every deadline, and than the longest pause before asking."""
TRIED: Final = 50 * SECOND
"""So long after the story's last act faults are still planted: two polls."""
PATIENCE: Final = 120 * SECOND
"""How long the caller waits for the account, before it gives a wish up."""
DOWN: Final = 2 * SECOND
"""How long a killed engine follows no account."""
SEED: Final = 11
ASKED_END: Final = 2_000
"""Requests of one telling, after which nothing good is expected of it."""


class Storm(Exception):
    """An engine asks without end."""


class Cast(NamedTuple):
    """Who plays."""

    adapter: Adapter
    skin: Skin
    kernel: KernelMaker = Kernel


class Asked(NamedTuple):
    """A request, when it left, and in which run."""

    time: Nanos
    run: int
    request: Request


class Seen:
    """All that was seen of one telling: for the laws to judge."""

    def __init__(self, fault: Fault, exchange: str) -> None:
        self.fault, self.exchange, self.holder = fault, exchange, HOLDER.key
        self.asked: list[Asked] = []
        self.frames: list[Frame] = []
        """What came in."""
        self.commands: list[Command] = []
        """What the caller said."""
        self.unlogged: list[str] = []
        """The orders that left before the log had them."""
        self.records: list[Record] = []
        self.digest = ""
        self.runs = 0
        self.ended: Nanos = 0
        """When it was over."""
        self.places: Places
        self.views: Views
        self.venue: Venue

    @property
    def events(self) -> Sequence[AnyEvent]:
        """The log."""
        return [record.event for record in self.records]


class Notes:
    """Writes down what is said (`tapefold.sim.stage.Taker`)."""

    def __init__(self, seen: Seen, stage: Stage) -> None:
        self._seen, self._stage = seen, stage

    def command(self, time: Nanos, command: Command) -> None:
        """What the caller told the engine."""
        self._seen.commands.append(command)

    def frame(self, frame: Frame) -> None:
        """What came in, but for what everybody hears."""
        if frame.kind != "recv" or frame.lane in self._stage.private:
            self._seen.frames.append(frame)

    def out(self, time: Nanos, out: Outgoing) -> None:
        """What the engine asked for."""
        if not isinstance(out, Request):
            return
        seen = self._seen
        seen.asked.append(Asked(time, seen.runs, out))
        if len(seen.asked) > ASKED_END:
            raise Storm(f"more than {ASKED_END} requests, most of them for {out.purpose}")
        if out.purpose == "place":
            logged = {
                record.event.client_order_id
                for record in self._stage.log.read()
                if isinstance(record.event, OrderSubmitted)
            }
            if out.subject not in logged:
                seen.unlogged.append(out.subject)


class Telling:
    """A scene of the story: an engine, an exchange, and a fault."""

    def __init__(self, cast: Cast, fault: Fault) -> None:
        self.exchange = cast.adapter.description.exchange
        story = story_at(self.exchange)
        self.trouble = Trouble(fault)
        self.seen = Seen(fault, self.exchange)
        self._names: dict[str, str] = {}
        self._heard = 0
        self._mark: tuple[object, ...] = ()
        self.stage = self.trouble.stage = Stage(
            cast.skin(story, SEED),
            cast.adapter,
            story.started_ns,
            SEED + (fault.n if fault.kind == "wire" else 0),
            keys=keys_of(story),
            log=Log(in_memory()),
            weather=self.trouble,
            kernel=cast.kernel,
        )

    # The scene

    @property
    def venue(self) -> Venue:
        """What truly is there."""
        return self.stage.exchange.venue

    @property
    def time(self) -> Nanos:
        """When it is."""
        return self.stage.time

    def tell(self, command: Command) -> None:
        """The caller says so; what cannot be is not."""
        try:
            self.stage.command(command)
        except (BadInput, Refused):
            return
        self._look()

    def named(self, order: str) -> str:
        """Our client order id of an order of the story."""
        return self._names.get(order, "")

    # The telling

    def play(self) -> Seen:
        """All of it."""
        self._begin(0)
        for act in STORY:
            self._wait(self.time + act.after)
            if act.wish and not self._ready():
                continue
            act.do(self)
            self.stage.go_on()
        self._wait(self.time + TRIED)
        self.trouble.closed = True
        self._wait(self.time + REST)
        self.stage.ends = self.time
        while self.stage.advance():
            self._look()
        seen, stage = self.seen, self.stage
        seen.places, seen.views, seen.venue = self.trouble.places, stage.kernel.views, self.venue
        seen.ended = stage.time
        seen.records, seen.digest = [*stage.log.read()], stage.log.digest()
        stage.log.close()
        return seen

    def _begin(self, down: Nanos) -> None:
        """A run begins; it follows the account after a while."""
        self.seen.runs += 1
        run = self.seen.runs
        self.stage.start(Run(run_id=f"run{run}", seed=SEED), Notes(self.seen, self.stage))
        self.stage.command(Subscribe(self.exchange, (SYMBOL,)))

        def watch(_: Nanos) -> None:
            if self.seen.runs == run:
                self.stage.command(WatchAccount(self.exchange, POLL, POLL_SILENT, SILENCE_MAX))

        if down:
            self.stage.at(self.time + down, watch)
        else:
            watch(self.time)
        self._look()

    def _wait(self, until: Nanos) -> None:
        self.stage.at(until, lambda _: None)
        while self.time < until:
            self._step()

    def _ready(self) -> bool:
        """Wait until orders may leave; False where they may not for long."""
        until = self.time + PATIENCE
        self.stage.at(until, lambda _: None)
        while not self.stage.kernel.views.ready(self.exchange):
            if self.time >= until:
                return False
            self._step()
        return True

    def _step(self) -> None:
        self.stage.advance()
        self._look()

    def _look(self) -> None:
        """What came of it; whether that was a moment; and whether it was the engine's last."""
        log = self.stage.log
        if log.head != self._heard:
            for record in log.read(self._heard):
                if isinstance(record.event, OrderSubmitted):
                    self._names[record.event.by] = record.event.client_order_id
            self._heard = log.head
        orders = [(order.number, order.updated) for order in self.venue.orders(HOLDER.key)]
        mark = (len(self.seen.asked), len(self.seen.frames), orders)
        if mark != self._mark:
            self._mark = mark
            self.trouble.moment()
        if self.trouble.kills:
            self.trouble.kills = False
            self.stage.stop()
            self._begin(DOWN)


def tell(cast: Cast, fault: Fault) -> Seen:
    """Tell the story with one fault. Raises what adapter, kernel or skin raise."""
    return Telling(cast, fault).play()
