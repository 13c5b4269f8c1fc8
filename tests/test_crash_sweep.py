"""One trading story, its engine killed at every boundary, started again, and the story told to its end.

No door, and the virtual door. First kernel, adapter and simulator in one process, time an int: the story
is told once, and at each boundary it is noted what a kill would leave, which then goes on by itself; so
every boundary is tried. Then whole engines over streams in memory, in which a kill is an exception
in the seam. SWEEP=all in the environment leaves out none there, either.
"""

import copy
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from random import Random, SystemRandom
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import pytest
import sim_agreement
import trio
from crashes import EXCHANGE, QUIET, STORY, Ending, Killed, check, is_at_rest, theirs
from killed_engines import KillableLog, Start, Told, told
from rough_wire import Tape
from sim_there import SYMBOLS
from sim_wire import CALM, WATCH, Sent, SimWire
from trio.testing import MockClock

from tapefold.adapter import Command, Outcome, Request, Submit, Subscribe, load_adapter, trader
from tapefold.events import AnyEvent
from tapefold.folds.orders import Orders
from tapefold.kernel import Kernel, Run
from tapefold.kernel.core import Core
from tapefold.sim import Fault, Venue
from tapefold.units import SECOND, Nanos
from tapefold_adapters.binance.sim import BinanceSim

Fate: TypeAlias = Literal["lost", "now", "late"]
"""What becomes of a request whose bytes had left: gone, there before the restart, there after it."""
CHANGES: Final = ("place", "cancel")
STRIDE: Final = 10
"""Of the boundaries of whole engines, one of so many is tried."""
POINTS: Final = {
    *("before an append", "after an append", "before a flush", "after a flush"),
    *("before a dial", "before a send", "after a send", "after a receive"),
    *("before a request", "after a response"),
}
EVERY: Final = os.environ.get("SWEEP", "") == "all"


class Left(NamedTuple):
    """What a kill leaves: the log, the exchange, and what is on its way there."""

    where: str
    events: list[AnyEvent]
    sim: BinanceSim
    now: Nanos
    lanes: list[str]
    on_its_way: list[Sent]
    fate: Fate
    placed: dict[str, None]
    happened: dict[str, None]


class Started(NamedTuple):
    """How the engine is started again."""

    run_id: str
    symbols: tuple[str, ...]


AGAIN: Final = 1 if EVERY else 4
"""Of so many one is killed twice."""
STARTS: Final = tuple(
    Started(run_id, symbols) for run_id in ("r1", "r2") for symbols in (SYMBOLS, SYMBOLS[1:], ())
)
"""As the same run or another, on the same pairs, on one of them, on none."""


class Noted(Tape):
    """A log in memory that says when it is appended to."""

    def __init__(self, point: Callable[[str], None], events: Sequence[AnyEvent] = ()) -> None:
        super().__init__(events)
        self._point = point

    def append(self, time: Nanos, event: AnyEvent) -> None:
        self._point("before an append")
        super().append(time, event)
        self._point("after an append")


class Stage(SimWire):
    """A kernel and a still market, and the story between them; says whenever it comes to a boundary."""

    def __init__(self, started: Started = STARTS[0], keep_max: int = 4096) -> None:
        self.started = started
        self.happened: dict[str, None] = {}
        self.listener: Callable[[str], None] | None = None
        self.done = 0
        """How often something changed at the exchange."""
        super().__init__(1, keep_max)
        self.sim = BinanceSim(QUIET, 1)

    @classmethod
    def after(cls, left: Left, started: Started, keep_max: int = 4096) -> "Stage":
        """Started again on what was left."""
        stage = cls(started, keep_max)
        stage.sim, stage.now = copy.deepcopy(left.sim), left.now + SECOND
        for lane in left.lanes:
            stage.sim.disconnect(lane)
        stage.placed, stage.happened = {**left.placed}, {**left.happened}
        stage.out, stage.dialled = [], {}
        for sent in left.on_its_way:
            if left.fate == "now":
                stage.sim.answer(sent.signed, stage.now)
            elif left.fate == "late":
                stage.limbo.append(sent)
        stage.begin(Tape(left.events))
        return stage

    def begin(self, tape: Tape, *, thawed: bool = False) -> None:
        self.tape = Noted(self.point, tape.events)
        self.kernel = Kernel({EXCHANGE: self.adapter}, self.tape, self.folded(tape.events))
        self.kernel.start(self.now, Run(run_id=self.started.run_id, seed=1))
        self._durable, self.alls = len(tape.events), 0
        if self.started.symbols:
            self.tell(Subscribe(EXCHANGE, self.started.symbols))
        self.tell(WATCH)

    # The scene of the story

    @property
    def events(self) -> Sequence[AnyEvent]:
        return self.tape.events

    @property
    def venue(self) -> Venue:
        return self.sim.venue

    @property
    def moment(self) -> Nanos:
        return self.now

    def tell(self, command: Command) -> None:
        self.point("before a command")
        super().tell(command)
        self.point("after a command")

    def fault(self, fault: Fault) -> None:
        self.sim.faults.add(fault)

    def cut(self) -> None:
        for lane in [*self.lanes]:
            self.drop(lane)

    # Boundaries

    def point(self, where: str) -> None:
        if self.listener:
            self.listener(where)

    @property
    def durable(self) -> int:
        return self._durable

    def _carry(self, asked: Sequence[Outcome]) -> None:
        for each in asked:
            if isinstance(each, Request) and each.changes:
                self.point("before a flush")
                self._durable = self.tape.head
                self.point("after a flush")
            self.point("before a send")
            super()._carry([each])
            self.point("after a send")

    def arrive(self, n: int, fate: Any) -> None:
        self.point("before it arrives")
        self.done += self.out[n % len(self.out)].request.purpose in CHANGES
        super().arrive(n, fate)
        self.point("after it arrived")

    def reply(self, n: int) -> None:
        self.point("before a receive")
        super().reply(n)
        self.point("after a receive")

    def hear(self, lane: str, most: int = 1) -> None:
        for _ in range(most):
            if self.lanes.get(lane):
                self.point("before a receive")
                super().hear(lane)
                self.point("after a receive")

    def dial(self, *, refused: bool = False) -> None:
        self.point("before a lane opens")
        super().dial(refused=refused)
        self.point("after a lane opened")

    # The story

    def settle(self) -> None:
        """Until all is known. Raises `AssertionError` if that does not come."""
        end = self.now + CALM
        self.flush()
        while not (self.kernel.views.ready(EXCHANGE) and is_at_rest(self.venue, self.kernel.views)):
            assert self.now < end, "it does not come to rest"
            self.passes(2 * SECOND)

    def goes_on(self) -> Ending:
        """From where it is to its end."""
        self.flush()
        while self.limbo:
            self.arrive_late(0)
        self.settle()
        for act in STORY:
            before = self.tape.head, len(self.happened)
            act(self)
            if (self.tape.head, len(self.happened)) != before:
                self.passes(SECOND // 5)
                self.settle()
        self.listener = None
        self.sim.faults.clear()
        if missing := tuple(name for name in SYMBOLS if name not in self.started.symbols):
            self.tell(Subscribe(EXCHANGE, missing))
        self.passes(12 * SECOND)
        sim_agreement.check(self)
        return check(self.venue, self.events, self.kernel.views)


class Sweep:
    """The story, once; and at each boundary the same story, killed there."""

    def __init__(self, *, every_start: bool = False) -> None:
        self.points = Counter[str]()
        """Boundaries, by what they are."""
        self.kills = 0
        """What kills there may leave, told apart or not."""
        self.swept: dict[object, None] = {}
        """What was gone on from. Kills that leave the same are one."""
        self.twice = 0
        """Of those how many were killed once more on their way."""
        self._every = every_start
        self._ending = Stage().goes_on()

    def run(self) -> None:
        """Raises `AssertionError` where one of them does not end as it should, with a note of which."""
        stage = Stage()
        stage.listener = lambda where: self._at(stage, where)
        assert stage.goes_on() == self._ending

    def _at(self, stage: Stage, where: str) -> None:
        self.points[where] += 1
        for left in lefts(stage, where):
            self.kills += 1
            known = (
                len(left.events),
                stage.done,
                left.fate,
                len(left.happened),
                len(left.on_its_way),
            )
            if known in self.swept:
                continue
            self.swept[known] = None
            n = len(self.swept)
            for started in STARTS if self._every else (STARTS[n % len(STARTS)],):
                self._goes_on(left, started)
            if not n % AGAIN:
                self._goes_on_twice(left, Random(n))

    def _goes_on(self, left: Left, started: Started) -> None:
        try:
            assert Stage.after(left, started).goes_on() == self._ending
        except AssertionError as error:
            what = f"{left.fate}, {len(left.events)} events left, {started}"
            error.add_note(f"killed {left.where}: {what}")
            raise

    def _goes_on_twice(self, left: Left, chance: Random) -> None:
        """The one that goes on is killed, too, at some boundary on its way, if it comes to that many."""
        again = _killed(Stage.after(left, chance.choice(STARTS)), chance)
        if again:
            self.twice += 1
            self._goes_on(again, chance.choice(STARTS))


def _killed(stage: Stage, chance: Random) -> Left | None:
    """What the kill of one that goes on leaves; None where it came to its end before that."""
    first, boundaries = chance.randrange(60), 0

    def listens(where: str) -> None:
        nonlocal boundaries
        boundaries += 1
        if boundaries > first:
            raise _Again(chance.choice([*lefts(stage, where)]))

    stage.listener = listens
    try:
        stage.goes_on()
    except _Again as again:
        return again.left
    return None


class _Again(Killed):
    """Killed once more, and what that left."""

    def __init__(self, left: Left) -> None:
        super().__init__(left.where)
        self.left = left


def lefts(stage: Stage, where: str) -> Iterator[Left]:
    """What a kill may leave here: of what was not durable yet any beginning, torn steps, too."""
    on_its_way = [one for one in stage.out + stage.limbo if one.request.purpose in CHANGES]
    fates: tuple[Fate, ...] = ("lost", "now", "late") if on_its_way else ("lost",)
    for cut in range(stage.durable, stage.tape.head + 1):
        for fate in fates:
            yield Left(
                where,
                stage.tape.events[:cut],
                stage.sim,
                stage.now,
                [*stage.lanes],
                on_its_way,
                fate,
                stage.placed,
                stage.happened,
            )


def test_killed_anywhere_it_goes_on_as_if_nothing_had_happened() -> None:
    """SWEEP=all starts each of them again in all six ways, and not in one of them."""
    sweep = Sweep(every_start=EVERY)
    sweep.run()
    assert sweep.points["before an append"] > 120
    assert sum(sweep.points.values()) > 600
    assert sweep.kills > 5_000
    assert len(sweep.swept) > 200
    assert sweep.twice > 40


def test_a_name_is_not_given_again_where_the_order_that_had_it_is_forgotten() -> None:
    """Who calls every run alike and trades for months has forgotten most orders."""
    stage = Stage()
    stage.goes_on()
    *_, left = lefts(stage, "after the story")
    again = Stage.after(left, STARTS[0], keep_max=2)
    again.settle()
    assert len(again.kernel.views.orders.ours) < len(left.placed)
    order = Submit(EXCHANGE, SYMBOLS[0], "buy", Decimal("0.2"), Decimal(95))
    again.tell(order)  # where an order that leaves has a name of the placed ones, this raises
    again.settle()
    name = again.kernel.order_id
    assert (name in left.placed, name in again.placed) == (False, True)
    assert again.kernel.views.orders.ours[name].status == theirs(again.venue)[name].state == "open"


# Planted: the sweep notices what a kernel can get wrong at a restart


def resends(patch: pytest.MonkeyPatch) -> None:
    """What nobody answered is sent once more."""
    start = Kernel.start

    def starts(kernel: Kernel, time: Nanos, run: Run) -> None:
        start(kernel, time, run)
        adapter = trader(load_adapter(EXCHANGE))
        assert adapter is not None
        for order in kernel.views.orders.live():
            if order.intent and order.submit == "unanswered":
                row = kernel.views.instruments.rows[order.instrument]
                asked = adapter.place(order.intent, row.native_symbol)
                kernel.trading[EXCHANGE].account.trade._requests.once(time, asked)  # pyright: ignore[reportPrivateUsage]  # planted

    patch.setattr(Kernel, "start", starts)


def concludes_little(patch: pytest.MonkeyPatch) -> None:
    """At the start only what was touched is concluded, and then nothing was."""
    conclude = Core.conclude

    def concludes(core: Core, time: Nanos, *, everything: bool = False) -> None:
        if everything:
            core.views.orders.touched.clear()
        conclude(core, time)

    patch.setattr(Core, "conclude", concludes)


def waits_for_ever(patch: pytest.MonkeyPatch) -> None:
    """What was asked by the run that was killed is still waited for."""

    def unanswered(_: Orders) -> list[AnyEvent]:
        return []

    patch.setattr(Orders, "unanswered", unanswered)


def counts_anew(patch: pytest.MonkeyPatch) -> None:
    """A run that is called like the last one gives the same names again."""

    def is_taken(_: Orders, name: str) -> bool:
        return False

    patch.setattr(Orders, "is_taken", is_taken)


@pytest.mark.parametrize(
    "defect",
    [resends, concludes_little, waits_for_ever, counts_anew],
    ids=lambda defect: defect.__name__,
)
def test_a_planted_defect_is_noticed(
    defect: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    defect(monkeypatch)
    sweep = Sweep()  # the story itself, in which nobody is killed, is as it should be
    with pytest.raises(AssertionError):
        sweep.run()


# Whole engines


def tell(*starts: Start) -> Told:
    """In virtual time."""
    return trio.run(told, starts, clock=MockClock(autojump_threshold=0))


def swept(boundaries: Sequence[int], ending: Ending) -> int:
    """Kill an engine at each of these; how many were killed, since tasks take turns as they like.

    Raises `AssertionError` where one does not end as it should.
    """
    killed = 0
    for number in boundaries:
        run_id, symbols = STARTS[number % len(STARTS)]
        try:
            found = tell(Start("r1", SYMBOLS, number), Start(run_id, symbols))
            killed += bool(found.fuses[0].where)
            assert found.ending == ending
        except AssertionError as error:
            error.add_note(f"killed at boundary {number}, started as {run_id} on {symbols}")
            raise
    return killed


def test_an_engine_killed_anywhere_goes_on_as_if_nothing_had_happened() -> None:
    """Of its boundaries every so manyth, another one each time; SWEEP=all takes all of them."""
    whole = tell(Start("r1", SYMBOLS))
    points = whole.fuses[0].points
    assert {*points} == POINTS
    assert len(points) > 450
    first = 1 if EVERY else 1 + SystemRandom().randrange(STRIDE)
    boundaries = range(first, len(points) + 1, 1 if EVERY else STRIDE)
    assert len(boundaries) - swept(boundaries, whole.ending) <= 10  # those at the very end


def test_an_engine_killed_again_and_again_gets_there_all_the_same() -> None:
    """Now during the start, now in the middle, with names of the same run and of others."""
    ending = tell(Start("r1", SYMBOLS)).ending
    chance, runs = Random(11), list[Start]()
    for _ in range(30):
        run_id, symbols = chance.choice(STARTS)
        runs.append(Start(run_id, symbols, chance.randrange(5, 120)))
    found = tell(*runs, Start("r1", SYMBOLS))
    assert len(found.fuses) > 5
    assert found.ending == ending


# Planted: and what a log can


def stores_events_by_themselves(patch: pytest.MonkeyPatch) -> None:
    """A step is not one transaction."""
    append = KillableLog.append

    def appends(log: KillableLog, time: Nanos, event: AnyEvent) -> None:
        append(log, time, event)
        log.flush()

    patch.setattr(KillableLog, "append", appends)


def durable_too_soon(patch: pytest.MonkeyPatch) -> None:
    """What is in memory is said to be durable."""
    patch.setattr(KillableLog, "durable", property(lambda log: log.head))


@pytest.mark.parametrize(
    ("defect", "where"),
    [(stores_events_by_themselves, "after a flush"), (durable_too_soon, "after a response")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_planted_defect_of_a_log_is_noticed(
    defect: Callable[[pytest.MonkeyPatch], None], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    defect(monkeypatch)
    whole = tell(Start("r1", SYMBOLS))
    points = enumerate(whole.fuses[0].points, 1)
    with pytest.raises(AssertionError):
        swept([number for number, point in points if point == where], whole.ending)
