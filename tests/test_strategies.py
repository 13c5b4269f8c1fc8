"""Strategies: at work on the simulator, and asked again by every door.

Replay, mock and virtual doors, since that they agree on what a strategy did is the promise; and the
kernel alone, whose every answer the test gives itself, for what a strategy may do wrong and for timers.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from builders import MILLISECOND, START, trade
from captures import ROOT
from desks import Desk, row
from flavours import TINY
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from private_runs import story_of
from reactors import BTC, Doing, Maker, React, Second, Whim
from sim_there import STORY as QUIET
from sim_there import SYMBOLS
from trio.testing import MockClock

from tapefold import (
    SECOND,
    AccountSurveyed,
    AnyEvent,
    Cancel,
    Command,
    Declare,
    Event,
    Frame,
    Halt,
    Listing,
    Mismatch,
    OrderAccepted,
    OrderReported,
    OrderSubmitted,
    Reaction,
    Record,
    Resume,
    RunStarted,
    Session,
    Strategy,
    StrategyFailed,
    StrategyStarted,
    Submit,
    Subscribe,
    TimerFired,
    Trade,
    TradingHalted,
    TradingResumed,
    Views,
    Wake,
    WatchAccount,
    open_engine,
)
from tapefold.adapter import Given, Outcome, load_adapter
from tapefold.engine.opening import Mode
from tapefold.errors import BadInput
from tapefold.events import Conclusion
from tapefold.kernel import Kernel, Run, started
from tapefold.kernel.core import Core
from tapefold.kernel.strategies import REACTIONS_MAX
from tapefold.kernel.timers import Timers
from tapefold.log import open_log
from tapefold.replay import Replay
from tapefold.session import Meta
from tapefold.session.meta import write_meta
from tapefold.sim import FUNDED, record
from tapefold.strategy import Kept
from tapefold.testing import open_virtual
from tapefold.units import Nanos

HOUR = 3600 * SECOND
STORY = replace(FUNDED, lasts=20 * SECOND)
DOORS: Sequence[Mode] = ("replay", "mock", "virtual")


def made(folder: Path, *strategies: Strategy) -> Session:
    return record(folder, STORY, 7, versions={"tapefold": "test"}, strategies=strategies)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Of one strategy."""
    return made(tmp_path_factory.mktemp("one") / "s", Maker())


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Of two that react to the same events."""
    return made(tmp_path_factory.mktemp("both") / "s", Maker(), Second("0.05", "0.07"))


def replayed(session: Session, *strategies: Strategy) -> Replay:
    replay = Replay(session, strategies=strategies)
    while replay.play(4096):
        pass
    return replay


# On the simulator, by every door


def test_a_session_with_a_strategy_replays_without_it_and_with_it(session: Session) -> None:
    assert session.meta.strategies == {"maker": {"amount": "0.01"}}
    for strategies in ([], [Maker()]):
        replay = replayed(session, *strategies)
        assert replay.digests() == session.meta.digests
        assert replay.views.strategies.rows["maker"].fired == 4
        assert len(replay.views.orders.ours) == 6
        assert replay.failures == {}


@pytest.mark.parametrize("mode", DOORS)
@pytest.mark.parametrize("again", [True, False])
async def test_every_door_comes_to_the_same(mode: Mode, again: bool, session: Session) -> None:
    strategies = [Maker()] if again else []
    async with open_engine(session, mode=mode, strategies=strategies) as engine:
        await engine.ended()
        assert engine.log.digest() == session.meta.digests.log
        assert engine.views.digests() == session.meta.digests.folds


@pytest.mark.parametrize("mode", DOORS)
@pytest.mark.parametrize("asked", [("second",), ("maker",), ("second", "maker")])
async def test_any_of_them_may_be_asked_again_in_any_order(
    mode: Mode, asked: tuple[str, ...], both: Session
) -> None:
    """What the others did is done where they did it: ids of orders are counted."""
    by_name: dict[str, Strategy] = {"maker": Maker(), "second": Second("0.05", "0.07")}
    strategies = [by_name[name] for name in asked]
    async with open_engine(both, mode=mode, strategies=strategies) as engine:
        await engine.ended()
        assert engine.log.digest() == both.meta.digests.log
        orders = engine.views.orders.ours.values()
        assert [order.intent.by for order in orders if order.intent][:4] == [
            *["maker"] * 2,
            *["second"] * 2,
        ]


# What is different stops it


@pytest.mark.parametrize("mode", DOORS)
async def test_another_strategy_stops_at_its_first_other_command(
    mode: Mode, session: Session
) -> None:
    with pytest.raises(Mismatch, match=r'asked "0\.04", recorded "0\.02"') as caught:
        async with open_engine(session, mode=mode, strategies=[Maker(odd="0.04")]) as engine:
            await engine.ended()
    assert "the strategies do something else than they did" in str(caught.value)
    assert "try it live or on the simulator" in str(caught.value)


class Eager(Maker):
    """Wants to look half a second earlier."""

    def react(self, record: Record, views: Views) -> Reaction:
        if isinstance(record.event, AccountSurveyed):
            yield Wake(5 * SECOND - SECOND // 2, "bid")
        else:
            yield from super().react(record, views)


class Hasty(Maker):
    """Buys at once what it should buy after five seconds."""

    def react(self, record: Record, views: Views) -> Reaction:
        if isinstance(record.event, AccountSurveyed):
            yield Wake(5 * SECOND, "bid")
            yield Submit("binance", BTC, "buy", Decimal("0.03"), order_type="market")


class Lazy(Maker):
    """Does not look."""

    def react(self, record: Record, views: Views) -> Reaction:
        if not (isinstance(record.event, TimerFired) and record.event.timer == "look"):
            yield from super().react(record, views)


class Wordy(Maker):
    """Has another look at the very end."""

    def react(self, record: Record, views: Views) -> Reaction:
        yield from super().react(record, views)
        if self.rounds == 3 and isinstance(record.event, TimerFired):
            yield Resume()


@pytest.mark.parametrize("mode", DOORS)
@pytest.mark.parametrize(
    ("other", "told"),
    [
        (Eager, "≠ after: asked 4500000000, recorded 5000000000"),
        (Hasty, '+ amount: "0.03"'),
        (Lazy, "now       no command"),
        (Wordy, "recorded  no more commands"),
    ],
)
async def test_each_way_of_doing_otherwise_is_told(
    mode: Mode, other: type[Maker], told: str, session: Session
) -> None:
    with pytest.raises(Mismatch) as caught:
        async with open_engine(session, mode=mode, strategies=[other()]) as engine:
            await engine.ended()
    assert told in str(caught.value)


def test_the_same_command_at_another_time_is_another_one(tmp_path: Path) -> None:
    """Half a second later, and nothing but its time tells."""

    def buying(after: int) -> Doing:
        ticks = 0

        def react(record: Record, views: Views) -> Reaction:
            if isinstance(record.event, AccountSurveyed):
                yield Wake(SECOND, "tick")
            if isinstance(record.event, TimerFired):
                nonlocal ticks
                ticks += 1
                if ticks < 6:
                    yield Wake(SECOND // 2, "tick")
                if ticks == after:
                    yield Submit("binance", BTC, "buy", Decimal("0.01"), order_type="market")

        return Doing("slow", react)

    story = replace(STORY, lasts=8 * SECOND)
    session = record(tmp_path / "s", story, 7, versions={}, strategies=[buying(4)])
    assert replayed(session, buying(4)).digests() == session.meta.digests
    with pytest.raises(Mismatch, match=r"recorded  \+2\.8996.*\n  now       no command"):
        replayed(session, buying(5))


def test_one_object_is_asked_once_since_it_remembers(session: Session) -> None:
    """State that is left over makes another strategy of it: make it anew for each run."""
    maker = Maker()
    assert replayed(session, maker).digests() == session.meta.digests
    with pytest.raises(Mismatch, match="the strategies do something else than they did"):
        replayed(session, maker)


def test_a_strategy_that_the_session_has_not_is_refused(session: Session) -> None:
    with pytest.raises(BadInput, match="was recorded without a strategy second; it has maker"):
        Replay(session, strategies=[Second()])


def cut_short(session: Session, folder: Path, lines: int) -> Session:
    """What a kill after so many lines leaves."""
    folder.mkdir()
    meta = session.meta
    fields = {name: getattr(meta, name) for name in ("exchanges", "source", "started_ns")}
    fields |= {name: getattr(meta, name) for name in ("run_id", "seed", "versions", "strategies")}
    write_meta(folder, Meta(**fields))
    tape = session.tape.read_bytes().splitlines(keepends=True)
    (folder / "tape.jsonl").write_bytes(b"".join(tape[:lines]))
    (folder / "http.yaml").write_bytes((session.folder / "http.yaml").read_bytes())
    return Session(folder)


def test_a_kill_between_a_cause_and_its_command_is_no_difference(
    tmp_path: Path, both: Session
) -> None:
    ends = [number for number, line in enumerate(both.lines()) if line.kind == "command"][3:]
    for number in ends:
        torn = cut_short(both, tmp_path / str(number), number)
        replay = replayed(torn, Maker(), Second("0.05", "0.07"))
        assert replay.lines == number
        assert not replay.failures


# Random strategies: what they did is on the tape, and they do it again


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.lists(st.integers(0, 2**32), min_size=1, max_size=3))
@example(1, [1, 2])
def test_with_strategies_and_without_them_a_replay_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, seed: int, seeds: list[int]
) -> None:
    def whims() -> list[Strategy]:
        return [Whim(f"whim-{n}", each, SYMBOLS) for n, each in enumerate(seeds)]

    story = replace(QUIET, lasts=25 * SECOND)
    folder = tmp_path_factory.mktemp("whims") / "s"
    session = record(folder, story, seed % 1000, versions={}, strategies=whims())
    assert sum(line.kind == "command" for line in session.lines()) > 5
    for strategies in ([], whims(), whims()[-1:]):
        assert replayed(session, *strategies).digests() == session.meta.digests


_IN_A_PROCESS = """
import sys
from pathlib import Path
from msgspec.structs import replace
from reactors import Whim
from sim_there import STORY, SYMBOLS
from tapefold import SECOND
from tapefold.replay import Replay
from tapefold.sim import record
whims = lambda: [Whim("a", 3, SYMBOLS), Whim("b", 4, SYMBOLS)]
story = replace(STORY, lasts=20 * SECOND)
session = record(Path(sys.argv[1]), story, 5, versions={}, strategies=whims())
replay = Replay(session, strategies=whims())
while replay.play(4096): pass
assert replay.digests() == session.meta.digests
print(session.meta.digests.log)
"""


def test_in_every_process_it_is_the_same(tmp_path: Path) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _IN_A_PROCESS, str(tmp_path / seed)],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT / "tests")},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in "01234"
    ]
    told = [each.communicate(timeout=60)[0].strip() for each in running]
    assert [each.returncode for each in running] == [0] * 5
    assert len({*told}) == 1
    assert len(told[0]) == 64


# Live, in virtual time


async def test_a_live_run_with_strategies_is_recorded_and_asked_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    folder = tmp_path / "s"
    async with open_virtual(story_of()) as exchange:
        async with open_engine(
            exchange.live(), strategies=[Maker(), Second("0.05")], record=folder
        ) as engine:
            engine.subscribe("binance", BTC)
            await engine.until(lambda views: views.book(BTC).live)
            engine.command(WatchAccount("binance"))
            await engine.until(lambda views: views.strategies.rows["second"].fired == 4)
            assert len(engine.views.orders.ours) > 8
            assert engine.failures == {}
    session = Session(folder)
    assert session.meta.strategies == {"maker": {"amount": "0.01"}, "second": {"amount": "0.05"}}
    assert session.meta.digests.log == engine.log.digest()
    for strategies in ([], [Maker(), Second("0.05")], [Second("0.05")]):
        assert replayed(session, *strategies).digests() == session.meta.digests
    with pytest.raises(Mismatch, match=r'asked "0\.06", recorded "0\.05"'):
        replayed(session, Maker(), Second("0.06"))


# The kernel alone


class Bench(Desk):
    """A desk with strategies at work; what they command is kept apart from what leaves."""

    def __init__(self, *strategies: Strategy) -> None:
        self.given: list[Command] = []
        super().__init__()
        self.log = open_log()
        self.kernel = Kernel({TINY: self.adapter}, self.log, strategies=strategies)
        self.kernel.start(START, Run("r", strategies=dict(started(strategies))))
        self._asked(self.kernel.tick(START))

    def _asked(self, out: Sequence[Outcome]) -> Sequence[Outcome]:
        self.given += [each.command for each in out if isinstance(each, Given)]
        return super()._asked([each for each in out if not isinstance(each, Given)])

    @property
    def failed(self) -> list[tuple[str, str]]:
        """What the log says of strategies that went wrong."""
        return [(event.strategy, event.reason) for event in self.of(StrategyFailed)]


def on(kind: type[AnyEvent] | type[Event], *commands: Any) -> React:
    """These commands whenever there is such an event."""

    def react(record: Record, views: Views) -> Reaction:
        return list(commands) if isinstance(record.event, kind) else ()

    return react


def buy(price: str = "100", **more: Any) -> Submit:
    return Submit(TINY, "ETH-USDT", "buy", Decimal(1), Decimal(price), **more)


BAD: dict[str, tuple[object, str]] = {
    "an unknown instrument": (replace(buy(), instrument="NO-SUCH"), "UnknownInstrument"),
    "an unknown exchange": (replace(buy(), exchange="elsewhere"), "AdapterError"),
    "a float": (replace(buy(), amount=0.1), "BadInput"),
    "a side that is none": (replace(buy(), side="BUY"), "BadInput"),
    "an unknown order": (Cancel("r-77"), "UnknownOrder"),
    "a timer of no time": (Wake(0), "BadInput"),
    "nothing": (None, "BadInput"),
    "an event": (TradingResumed(), "BadInput"),
    "a word": ("buy", "BadInput"),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("asking", [False, True], ids=["a list", "a generator"])
def test_a_command_that_cannot_be_carried_out_ends_its_strategy_and_nothing_else(
    what: str, asking: bool
) -> None:
    command, reason = BAD[what]
    heard: list[str] = []

    def bad(record: Record, views: Views) -> Reaction:
        heard.append(type(record.event).__name__)
        return asked(record) if asking else on(TradingResumed, command, buy())(record, views)

    def asked(record: Record) -> Reaction:
        if isinstance(record.event, TradingResumed):
            yield command  # type: ignore[misc]  # what it may not be
            yield buy()

    bench = Bench(Doing("bad", bad), Doing("good", on(TradingResumed, buy())))
    bench.ready()
    bench.tell(Resume())
    assert bench.failed == [("bad", reason)]
    assert type(bench.kernel.failures["bad"]).__name__ == reason
    assert [event.by for event in bench.of(OrderSubmitted)] == ["good"]
    assert heard[-1] == "TradingResumed"
    bench.tell(Resume())
    assert heard.count("TradingResumed") == 1
    assert [event.by for event in bench.of(OrderSubmitted)] == ["good", "good"]
    assert bench.kernel.views.strategies.rows["bad"].failed == reason
    assert bench.kernel.views.strategies.rows["good"].failed == ""


class Odd(Exception):
    """What no library raises."""


def test_a_strategy_that_raises_hears_nothing_more_and_what_it_did_before_stays() -> None:
    def react(record: Record, views: Views) -> Reaction:
        if isinstance(record.event, TradingResumed):
            yield buy()
            raise Odd("on purpose")

    bench = Bench(Doing("bad", react), Doing("good", on(StrategyFailed, buy("99"))))
    bench.ready()
    bench.tell(Resume())
    assert bench.failed == [("bad", "Odd")]
    assert str(bench.kernel.failures["bad"]) == "on purpose"
    assert [(event.by, event.price) for event in bench.of(OrderSubmitted)] == [
        ("bad", Decimal(100)),
        ("good", Decimal(99)),
    ]
    bench.tell(Resume())
    assert len(bench.of(OrderSubmitted)) == 2


def _at_once(record: Record, views: Views) -> Any:
    raise Odd


def _later(record: Record, views: Views) -> Any:
    return (_at_once(record, views) for _ in "x")


def _never(record: Record, views: Views) -> Any:
    return 7


@pytest.mark.parametrize("react", [_at_once, _later, _never])
def test_wherever_it_raises_it_is_its_own_end_alone(react: Any) -> None:
    bench = Bench(Doing("bad", react), Doing("good", on(TradingResumed, buy())))
    assert bench.failed == [("bad", type(bench.kernel.failures["bad"]).__name__)]
    bench.ready()
    bench.tell(Resume())
    assert [event.by for event in bench.of(OrderSubmitted)] == ["good"]


@pytest.mark.parametrize(
    ("on_failure", "canceled"), [("cancel", ["r-2", "r-3"]), ("keep", list[str]())]
)
def test_its_orders_are_canceled_where_it_says_so_and_no_others(
    on_failure: Kept, canceled: list[str]
) -> None:
    def bad(record: Record, views: Views) -> Reaction:
        if isinstance(record.event, TimerFired):
            raise Odd
        return on(TradingResumed, buy("98"), buy("97"), Wake(SECOND))(record, views)

    bench = Bench(
        Doing("bad", bad, on_failure=on_failure), Doing("good", on(TradingResumed, buy("96")))
    )
    bench.ready()
    bench.open(price="95")
    bench.tell(Resume())
    for name in ("r-2", "r-3", "r-4"):
        bench.reply("place", [row(name)])
    assert not bench.waiting()
    bench.wait(2 * SECOND)
    assert bench.failed == [("bad", "Odd")]
    assert bench.waiting() == [("cancel", name) for name in canceled]
    assert bench.kernel.views.orders.live()[0].intent is not None
    assert len(bench.kernel.views.orders.live()) == 4


def test_a_strategy_that_answers_itself_for_ever_is_ended() -> None:
    bench = Bench(Doing("echo", on(TradingResumed, Resume())), Doing("good", on(Trade)))
    bench.tell(Resume())
    assert bench.failed == [("echo", "Runaway")]
    assert len(bench.of(TradingResumed)) == 1 + REACTIONS_MAX
    bench.tell(Resume())
    assert len(bench.of(TradingResumed)) == 2 + REACTIONS_MAX


def test_so_is_one_whose_answer_has_no_end() -> None:
    def react(record: Record, views: Views) -> Reaction:
        while isinstance(record.event, TradingHalted):
            yield Wake(SECOND)

    bench = Bench(Doing("endless", react))
    bench.tell(Halt("x"))
    assert bench.failed == [("endless", "Runaway")]
    assert len(bench.given) == REACTIONS_MAX + 1


def test_of_two_that_answer_each_other_the_first_to_give_too_much_is_ended() -> None:
    one = Doing("one", on(TradingResumed, Halt("x")))
    two = Doing("two", on(TradingHalted, Resume()))
    bench = Bench(one, two)
    bench.tell(Resume())
    assert bench.failed == [("one", "Runaway")]
    assert (len(bench.of(TradingHalted)), len(bench.of(TradingResumed))) == (
        REACTIONS_MAX,
        REACTIONS_MAX + 1,
    )


# What it hears and sees


def test_they_react_in_their_order_and_each_sees_what_was_done_before() -> None:
    seen: list[tuple[str, int]] = []

    def react_as(name: str) -> React:
        def react(record: Record, views: Views) -> Reaction:
            if isinstance(record.event, TradingResumed):
                seen.append((name, len(views.orders.ours)))
                yield buy()
                seen.append((name, len(views.orders.ours)))
                yield buy()
                seen.append((name, len(views.orders.ours)))

        return react

    bench = Bench(Doing("b", react_as("b")), Doing("a", react_as("a")))
    bench.ready()
    bench.tell(Resume())
    assert seen == [("b", 0), ("b", 1), ("b", 2), ("a", 2), ("a", 3), ("a", 4)]
    assert [event.by for event in bench.of(OrderSubmitted)] == ["b", "b", "a", "a"]


def test_a_generator_is_given_the_ids_of_its_orders_and_of_nothing_else() -> None:
    got: list[str] = []

    def react(record: Record, views: Views) -> Generator[Command, str, None]:
        if isinstance(record.event, TradingResumed):
            got.append((yield buy()))
            got.append((yield Wake(SECOND)))
            got.append((yield replace(buy(), amount=Decimal(1_000_000))))
            got.append((yield Cancel(got[0])))
            got.append((yield buy()))

    bench = Bench(Doing("asking", react))
    bench.ready()
    bench.tell(Resume())
    assert got == ["r-1", "", "r-2", "", "r-3"]
    assert bench.told("r-2") == ["OrderRejected"]


def test_conclusions_are_heard_and_the_facts_below_them_are_not() -> None:
    heard: list[type[AnyEvent]] = []

    def react(record: Record, views: Views) -> Reaction:
        heard.append(type(record.event))
        return ()

    bench = Bench(Doing("ear", react), Doing("few", on(Event), hears=(OrderAccepted,)))
    bench.ready()
    bench.open()
    assert OrderReported in {type(event) for event in bench.events()}
    assert OrderReported not in heard
    assert heard[:2] == [RunStarted, StrategyStarted]
    assert heard[-2:] == [OrderSubmitted, OrderAccepted]


def test_what_was_there_before_it_is_not_heard_but_seen() -> None:
    """A run that goes on with a log."""
    first = Bench()
    first.ready()
    first.open()
    heard: list[Record] = []
    log = open_log()
    for event in first.events():
        log.append(START, event)

    def react(record: Record, views: Views) -> Reaction:
        heard.append(record)
        return ()

    late = Doing("late", react)
    kernel = Kernel({TINY: first.adapter}, log, Views.of(first.events()), [late])
    kernel.start(START, Run("r2", strategies={"late": {}}))
    kernel.tick(START)
    assert heard[0].position == len(first.events()) + 1
    assert isinstance(heard[0].event, RunStarted)
    assert [order.client_order_id for order in kernel.views.orders.live()] == ["r-1"]
    assert late.orders(kernel.views) == []


@pytest.mark.parametrize(
    ("strategies", "told"),
    [
        ([Doing("Maker", on(Trade))], "'Maker' is no name of a strategy"),
        ([Doing("", on(Trade))], "'' is no name of a strategy"),
        ([Doing("a" * 33, on(Trade))], "up to 32 characters"),
        ([Doing("caller", on(Trade))], "and not caller or exit"),
        ([Doing("exit", on(Trade))], "and not caller or exit"),
        ([Doing("a", on(Trade)), Doing("a", on(Trade))], "two strategies are called a"),
        ([Doing("a", on(Trade), hears=(OrderReported,))], "a cannot hear OrderReported"),
        ([Doing("a", on(Trade), hears=(Trade, Conclusion))], "a cannot hear Conclusion"),
    ],
)
async def test_what_is_no_strategy_is_refused_before_anything_is_opened(
    strategies: list[Strategy], told: str, session: Session
) -> None:
    with pytest.raises(BadInput, match=told):
        async with open_engine(session, strategies=strategies):
            raise AssertionError("opened")


def test_parameters_are_texts() -> None:
    class Wrong(Maker):
        @property
        def parameters(self) -> dict[str, str]:
            return {"amount": self.amount}  # type: ignore[dict-item]  # what it may not be

    with pytest.raises(BadInput, match="the parameters of maker are texts by name, and amount"):
        Bench(Wrong())


def test_its_parameters_are_in_the_log(session: Session) -> None:
    log = open_log()
    Replay(session, log)
    events = [record.event for record in log.read()]
    assert events[1] == StrategyStarted(strategy="maker", parameters={"amount": "0.01"})


# Timers


def fired(bench: Bench) -> list[tuple[str, Nanos]]:
    return [
        (event.timer, (event.due - START) // MILLISECOND)
        for event in bench.of(TimerFired)
        if event.strategy != "caller"
    ]


def wakes(*spans: tuple[str, int]) -> React:
    """Once: these timers, their spans in milliseconds."""
    return on(TradingResumed, *(Wake(span * MILLISECOND, name) for name, span in spans))


def test_a_timer_that_is_set_anew_does_not_fire_at_its_old_time() -> None:
    bench = Bench(Doing("a", wakes(("later", 10), ("later", 30), ("sooner", 30), ("sooner", 10))))
    bench.tell(Resume())
    bench.wait(SECOND)
    assert fired(bench) == [("sooner", 11), ("later", 31)]


def test_several_that_are_due_together_fire_before_anybody_reacts() -> None:
    seen: list[tuple[str, int]] = []

    def react(record: Record, views: Views) -> Reaction:
        if isinstance(record.event, TimerFired):
            seen.append((record.event.timer, views.strategies.rows["a"].fired))
        return wakes(("y", 10), ("x", 10), ("z", 11))(record, views)

    bench = Bench(Doing("a", react), Doing("b", wakes(("x", 10))))
    bench.tell(Resume())
    bench.wait(SECOND)
    assert seen == [("y", 2), ("x", 2), ("x", 2), ("z", 3)]
    assert [event.strategy for event in bench.of(TimerFired)] == ["a", "a", "b", "a"]


def test_timers_of_a_strategy_that_failed_do_not_fire() -> None:
    def react(record: Record, views: Views) -> Reaction:
        if isinstance(record.event, TradingHalted):
            raise Odd
        return wakes(("x", 10))(record, views)

    bench = Bench(Doing("bad", react), Doing("good", wakes(("x", 10))))
    bench.tell(Resume())
    bench.tell(Halt("x"))
    bench.wait(SECOND)
    assert [event.strategy for event in bench.of(TimerFired)] == ["good"]


def test_one_that_is_set_anew_with_every_frame_waits_but_once() -> None:
    class Counting(Core):
        calls = 0

        def at(self, due: Nanos, call: Callable[[Nanos], None]) -> None:
            self.calls += 1
            super().at(due, call)

    log = open_log()
    core = Counting(log, Views())
    timers = Timers(core)
    for n in range(10_000):
        timers.wake(START + n, Wake(HOUR, "idle", by="a"))
    assert core.calls == 1
    core.fire(START + HOUR + 9_998)
    assert log.head == 0
    core.fire(START + 2 * HOUR)
    assert [record.event for record in log.read()] == [
        TimerFired(strategy="a", timer="idle", due=START + HOUR + 9_999)
    ]
    assert core.calls == 2


class Clockwork(Strategy):
    """Sets three timers, again and again, to spans that depend on what it has heard."""

    hears = (Trade, TradingResumed, TimerFired)

    def __init__(self, name: str) -> None:
        self.name = name
        self._heard = self._said = 0

    def react(self, record: Record, views: Views) -> Reaction:
        self._heard = (self._heard * 31 + record.position * 7 + len(self.name)) % 1009
        if isinstance(record.event, TimerFired) and record.event.strategy != self.name:
            return
        self._said += 1
        if self._said > 40:
            return
        yield Wake((1 + self._heard % 17) * 5 * MILLISECOND, "abc"[self._heard % 3])
        if self._heard % 5 == 0:
            yield Resume()
            yield Wake(40 * MILLISECOND, "a")


Moment = tuple[int, str]
"""Milliseconds after the start, and what happens."""


def logged(moments: Sequence[Moment], *, on_time: bool = False) -> list[Record]:
    """What a run logs; where it is *on time* the kernel is told of every timer when it is due."""
    log, trades = open_log(), 0
    kernel = Kernel(
        {"binance": load_adapter("binance")}, log, strategies=[Clockwork("a"), Clockwork("bb")]
    )
    kernel.start(START, Run("r"))
    kernel.tick(START)
    kernel.command(START, Declare("binance", (Listing("A-B", "AB"),)))
    kernel.command(START, Subscribe("binance", ("A-B",), ("trades",)))
    kernel.step(Frame(START, "binance/1", "opened"))
    for after, what in [*sorted(moments), (HOUR // MILLISECOND, "tick")]:
        now = START + after * MILLISECOND
        while on_time and (due := kernel.due) is not None and due <= now:
            kernel.tick(due)
        match what:
            case "frame":
                trades += 1
                kernel.step(Frame(now, "binance/1", "recv", trade(trades, "1.5", "2")))
            case "no frame":
                kernel.step(Frame(now, "binance/1", "recv", b"{"))
            case "command":
                kernel.command(now, Resume())
            case _:
                kernel.tick(now)
    return [*log.read()]


_AFTER = st.integers(0, 900)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(_AFTER, st.sampled_from(["frame", "no frame", "command"])), max_size=12),
    st.lists(_AFTER, max_size=12),
)
@example([(0, "command")], [])
def test_however_ticks_and_frames_come_the_log_is_the_same(
    moments: list[Moment], ticks: list[int]
) -> None:
    """On time, now and then, or an hour late."""
    reference = logged(moments, on_time=True)
    assert logged(moments) == reference
    assert logged([*moments, *((tick, "tick") for tick in ticks)]) == reference
    if any(what != "no frame" for _, what in moments):
        assert any(isinstance(record.event, TimerFired) for record in reference)
