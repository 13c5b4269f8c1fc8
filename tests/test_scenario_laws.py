"""What holds of every scenario, whatever it says: it ends, the same way every time, and nothing in it is
true because nobody can tell.

No door for stories that hypothesis makes up, but for one law, which plays their recordings through the
replay door. Sockets would tell no more of a scenario than test_required asks of them.
"""

import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from test_scenario_acting import BUY, GIVEN, MARKET, REST, acted, only, place

from tapefold import Frame, Request, WatchClock
from tapefold.adapter import Purpose, load_adapter
from tapefold.errors import ScenarioError
from tapefold.kernel import Run
from tapefold.log import Log
from tapefold.log.store import in_memory
from tapefold.scenario import Given, Place, Scenario, Step, Then
from tapefold.scenario.acting import act
from tapefold.scenario.markets import STARTED, story_of
from tapefold.scenario.playing import play
from tapefold.scenario.reading import read_scenario
from tapefold.scenario.running import run
from tapefold.scenario.words import (
    CancelAllWord,
    FaultWord,
    FeeOverride,
    Fields,
    LimitWord,
    OrderThen,
    OrderWord,
    StrangerWord,
)
from tapefold.sim.exchange import load_skin
from tapefold.sim.stage import REST_MAX, Stage
from tapefold.units import SECOND

D = Decimal
TRADED = (Step(submit=BUY), Step(until='order("buy").ended'))
UNKNOWN = 'order("rest").price'
"""What nobody can reckon: there is no such order."""


def keys(*steps: Step, then: Then = Then(), given: Given = GIVEN) -> list[str]:  # noqa: B008 - a frozen default
    """What failed, by its keys."""
    return [failed.key for failed in acted(*steps, then=then, given=given).failed]


def stranger(side: Any, price: object, **more: Any) -> Step:
    return Step(stranger=StrangerWord(side=side, amount=D(1), price=D(str(price)), **more))


# What nobody can tell is not true


@pytest.mark.parametrize(
    ("then", "key"),
    [
        (Then(orders={"buy": OrderThen(fees={"ETH": D("0.001"), "USDT": UNKNOWN})}), "orders.buy.fees"),
        (Then(orders={"buy": OrderThen(value=UNKNOWN)}), "orders.buy.value"),
        (Then(balances={"USDT": UNKNOWN}), "balances.USDT"),
        (Then(never=({"event": "OrderFilled", "price": UNKNOWN},)), "never[0].price"),
        (Then(never=({"event": "OrderFilled", "fees": {"ETH": UNKNOWN}},)), "never[0].fees"),
        (Then(never=({"event": "OrderFilled", "order": "by"},)), "never[0].order"),
        (Then(never=({"event": "BookDelta", "instrument": "EHT-USDT"},)), "never[0].instrument"),
        (Then(told={"by": ()}), "told.by"),
        (Then(holds=('not order("by").ended',)), "holds[0]"),
    ],
)  # fmt: skip
def test_what_is_said_of_something_that_there_is_not_fails(then: Then, key: str) -> None:
    assert keys(*TRADED, then=then) == [f"then.{key}"]


def test_no_price_is_not_a_price_that_is_not_known() -> None:
    market = OrderWord(order="buy", side="buy", type="market", amount=D(1))
    then = Then(orders={"buy": OrderThen(price=UNKNOWN)})
    assert only(acted(Step(submit=market), *TRADED[1:], then=then)) == (
        "then.orders.buy.price",
        f"{UNKNOWN}, which is not known",
        "nothing",
    )


def test_a_trade_is_spoken_of_in_prices_and_not_in_steps() -> None:
    fact: Fields = {"event": "Trade", "price": D("100.1"), "size": "order('buy').executed"}
    assert keys(*TRADED, then=Then(facts=(fact,))) == []
    assert keys(*TRADED, then=Then(never=(fact,))) == ["then.never[0]"]
    assert keys(*TRADED, then=Then(facts=({**fact, "price": D(10010)},))) == ["then.facts[0]"]


def test_a_fault_that_never_came_is_told() -> None:
    lost = FaultWord(what="lost", of="cancel")
    gap = FaultWord(what="gap")
    outcome = acted(Step(fault=gap), *TRADED, given=replace(GIVEN, faults=(lost,)))
    assert [(each.key, each.expected) for each in outcome.failed] == [
        ("given.faults[0]", "lost of cancel, once at least")
    ]
    assert keys(Step(fault=FaultWord(what="late", by=D(1))), *TRADED) == []


def test_a_fault_that_went_by_its_request_waits_for_the_next() -> None:
    """No answer comes to what is done: an order that the exchange refuses is not, and so is answered."""
    unanswered = FaultWord(what="unanswered", of="place")
    dear = OrderWord(order="dear", side="buy", amount=D(9), price="bid")
    told: dict[str, tuple[Fields, ...]] = {"dear": ({"event": "OrderRejected"},)}
    poor = replace(GIVEN, balances={"USDT": D(500)}, faults=(unanswered,))
    # it is the exchange that refuses: what the other program's order holds, the engine hears of later
    theirs = stranger("buy", 90, same_account=True)
    rest = OrderWord(order="rest", side="buy", amount=D(1), price=D(90))
    steps = (
        theirs,
        Step(submit=replace(dear, amount=D("4.5"))),
        Step(wait=D(1)),
        Step(submit=rest),
        Step(wait=D(9)),
    )
    outcome = acted(*steps, given=poor, then=Then(told=told, requests={"place": 2}))
    assert outcome.failed == ()
    faults = [each.text for each in outcome.story if each.who == "fault"]
    assert faults == ["unanswered place"] * 2
    assert keys(*steps[:3], given=poor, then=Then(told=told)) == ["given.faults[0]"]


def test_only_pages_lag() -> None:
    """A fault of any request that is signed is not used up by one that it could do nothing to."""
    lagging = FaultWord(what="lagging", by=D(3))
    steps = Step(fault=lagging), Step(submit=REST), Step(wait=D(1))
    assert keys(*steps) == ["when[0].fault"]
    assert keys(*steps, Step(query="rest"), Step(wait=D(1))) == []


# Steps


def test_any_number_of_checks_may_stand_in_a_row() -> None:
    checks = [Step(check="bid > 0")] * (sys.getrecursionlimit() + 1)
    assert acted(*checks, Step(check="bid < 0")).failed[0].key == f"when[{len(checks)}].check"


def test_what_is_waited_for_may_come_of_the_very_step_before() -> None:
    """We refuse it ourselves, in the step in which it is submitted."""
    small = Step(submit=replace(BUY, amount=D("0.0001")))
    refused = Step(until='event.kind == "OrderRejected"', within=D(1))
    assert keys(small, refused) == []
    assert keys(small, Step(wait=D("0.1")), refused) == ["when[2].until"]


def test_what_there_was_at_first_does_not_change_with_a_restart() -> None:
    steps = Step(deposit={"USDT": D(5)}), Step(wait=D(1)), Step(restart=True)
    was = 'was("USDT") == 0'
    empty = replace(GIVEN, balances={})
    assert keys(*steps, Step(check=was), given=empty, then=Then(holds=(was,))) == []


def test_strangers_may_come_at_one_moment_and_when_the_exchanges_clock_is_ahead() -> None:
    two = stranger("buy", 90), stranger("buy", 90), stranger("sell", 110)
    then = Then(holds=("bid == 99.5 or bid == 100",))
    assert keys(*two, then=then) == []
    for by in (30, -30):
        assert keys(Step(fault=FaultWord(what="ahead", by=D(by))), *two) == []


def test_after_a_restart_the_lanes_of_the_run_before_are_nobodys() -> None:
    """In the first run the third lane is the account's, and in the second a market's."""
    two = replace(
        GIVEN, markets={"ETH-USDT": MARKET, "MOTE-USDT": MARKET}, instruments=("ETH-USDT",)
    )
    again: Fields = {
        "event": "BookInvalidated",
        "instrument": "MOTE-USDT",
        "reason": "disconnected",
    }
    steps = (
        Step(disconnect="account"),
        Step(wait=D(5)),
        Step(restart=True),
        Step(subscribe=("MOTE-USDT",)),
        Step(wait=D(1)),
        Step(disconnect="market"),
        Step(wait=D(9)),
    )
    assert keys(*steps, given=two, then=Then(facts=(again,))) == []
    assert keys(*steps[:5], given=two, then=Then(facts=(again,))) == ["then.facts[0]"]


# Recordings


def test_a_story_that_breaks_off_leaves_no_recording_of_its_first_run_either(
    tmp_path: Path,
) -> None:
    (tmp_path / "trades.2").mkdir()
    outcome = act(place(Step(restart=True)), "binance", record=tmp_path / "trades")
    assert "trades.2 is there already" in outcome.error
    assert (outcome.recorded, [path.name for path in tmp_path.iterdir()]) == ((), ["trades.2"])


def test_what_was_not_recorded_cannot_be_played(tmp_path: Path) -> None:
    story = place(then=Then(never=({"event": "OrderFilled"},)))
    for way in ("replay", "mock"):
        with pytest.raises(ScenarioError, match=r"trades\.toml has no recording at binance"):
            run(story, "binance", way, tmp_path)


def test_a_market_of_one_asset_and_a_page_that_cannot_lag_are_refused(tmp_path: Path) -> None:
    def read(text: str) -> str:
        (tmp_path / "it.toml").write_text(f'title = "It"\n[given]\n{text}\n')
        with pytest.raises(ScenarioError) as refused:
            read_scenario(tmp_path / "it.toml")
        return str(refused.value).partition("it.toml:")[2]

    assert read("markets.A-A = {bids = [[1, 1]], asks = [[2, 1]]}") == (
        "3: given.markets.A-A: nothing is traded against itself: its base and its quote differ"
    )
    assert read('faults = [{what = "lagging", of = "place", by = 1}]') == (
        "3: given.faults[0].of: only a page about the account lags: balances, open_orders, order, fills"
    )


# The stage


class Heard:
    """Takes down when each request left, and when it was answered."""

    def __init__(self) -> None:
        self.asked: dict[int, int] = {}
        self.answered: dict[int, int] = {}

    def command(self, time: int, command: object) -> None:
        """Nothing of these."""

    def frame(self, frame: Frame) -> None:
        """What came in."""
        if frame.request:
            self.answered[frame.request.n] = frame.time

    def out(self, time: int, out: object) -> None:
        """What left."""
        if isinstance(out, Request):
            self.asked[out.n] = time


def stage() -> Stage:
    skin, adapter = load_skin("binance"), load_adapter("binance")
    log = Log(in_memory())
    return Stage(skin(story_of(GIVEN, "binance"), 1), adapter, STARTED, 1, log=log)


def test_what_the_engine_asks_by_itself_is_answered_also_while_the_exchange_is_quiet() -> None:
    """Its timers are due between two things that happen elsewhere, ten seconds apart."""
    it, heard = stage(), Heard()
    it.ends = STARTED
    it.start(Run("it", 1, {}), heard)
    it.command(WatchClock("binance", every=SECOND))
    it.at(STARTED + 10 * SECOND, lambda _: None)
    it.play_out()
    assert len(heard.asked) == 11
    took = {n: heard.answered[n] - asked for n, asked in heard.asked.items() if n in heard.answered}
    assert len(took) >= 10
    assert max(took.values()) < SECOND // 4


def test_what_never_rests_does_not_keep_the_stage_from_its_end() -> None:
    it = stage()
    it.start(Run("it", 1, {}), Heard())
    it.ends = STARTED

    def again(time: int) -> None:
        it.at(time + SECOND, again)

    again(STARTED)
    it.play_out()
    assert it.time == STARTED + REST_MAX


def test_a_fault_of_very_many_requests_is_one_of_those_that_there_are() -> None:
    late = FaultWord(what="late", by=D(20), times=10**15)
    outcome = acted(Step(submit=REST), Step(wait=D(1)), given=replace(GIVEN, faults=(late,)))
    assert outcome.failed == ()
    assert sum(told.who == "fault" for told in outcome.story) == 4


# Whatever a file says


NAMES = st.sampled_from("abcd")
SPANS = st.sampled_from([D("0.05"), D(1), D(31)])
INSTRUMENTS = st.sampled_from(["", "ETH-USDT", "BTC-USDT"])
NUMBERS = st.sampled_from(
    [D("0.1"), D(1), D("2.5"), D("1e12"), D("0.00001"), "ask", "bid", "mid", "bid - 10", "ask * 1.01",
     "ask / 3", "ask / 0", "-1 * ask", "clock", 'order("a").executed', 'was("ETH")',
     'balance("USDT").available / ask', 'fee("ETH-USDT").maker']
)  # fmt: skip
CONDITIONS = st.sampled_from(
    ['order("a").ended', 'not order("b").ended', "orders.alive == 0", "bid > 0", "event.amount > 0",
     'event.kind == "OrderFilled"', 'balance("USDT").available > 0', 'order("c").status == "open"']
)  # fmt: skip
SIDES = st.sampled_from(["buy", "sell"])
FAULTS = st.builds(
    FaultWord,
    what=st.sampled_from(
        ["refused", "unanswered", "lost", "late", "lagging", "dropped", "twice", "delayed", "gap", "ahead"]
    ),
    of=st.sampled_from(["", *get_args(Purpose)]),
    status=st.sampled_from([400, 401, 404, 418, 429, 503]),
    retry_after=st.sampled_from([0, 1, 100]),
    by=st.sampled_from([D("0.2"), D(3), D(29), D(70)]),
    times=st.sampled_from([1, 2, 50, 10**6]),
)  # fmt: skip
LIKELY = st.builds(
    OrderWord,
    order=NAMES,
    side=SIDES,
    amount=st.sampled_from([D("0.1"), D(1), D("2.5")]),
    price=st.sampled_from(["ask", "bid", "mid", "ask * 1.01", "bid * 0.9"]),
    tif=st.sampled_from(["gtc", "ioc", "fok"]),
    expires_after=st.sampled_from([D(0), D(1)]),
)
ANY = st.builds(
    OrderWord,
    order=NAMES,
    side=SIDES,
    type=st.sampled_from(["limit", "market", "limit_maker"]),
    amount=st.none() | NUMBERS,
    price=st.none() | NUMBERS,
    quote_amount=st.none() | NUMBERS,
    worst=st.none() | NUMBERS,
    instrument=INSTRUMENTS,
)
STEPS = st.one_of(
    st.builds(Step, submit=LIKELY),
    st.builds(Step, submit=LIKELY),
    st.builds(Step, submit=ANY),
    st.builds(Step, cancel=NAMES),
    st.builds(Step, query=NAMES),
    st.builds(Step, cancel_all=st.builds(CancelAllWord, timeout=SPANS)),
    st.sampled_from([Step(), Step(halt="stop"), Step(resume=True), Step(restart=True)]),
    st.just(Step(limit_risk=LimitWord(open_orders_max=1))),
    st.just(Step(set_fees=FeeOverride(maker=D("0.1"), taker=D("-0.1")))),
    st.builds(Step, subscribe=st.tuples(INSTRUMENTS)),
    st.builds(Step, until=CONDITIONS, within=SPANS),
    st.builds(Step, wait=SPANS),
    st.builds(Step, check=CONDITIONS),
    st.builds(Step, fault=FAULTS),
    st.builds(Step, fault=FAULTS),
    st.builds(Step, disconnect=st.sampled_from(["market", "account", "all"])),
    st.builds(Step, deposit=st.sampled_from([{"USDT": D(1)}, {"NEW": D("1e25")}])),
    st.builds(
        Step,
        stranger=st.builds(
            StrangerWord,
            side=SIDES,
            amount=st.just(D(1)),
            price=st.sampled_from([D("100.05"), D(99), D(101), None]),
            same_account=st.booleans(),
        ),
    ),
)
THENS = st.builds(
    Then,
    after=st.sampled_from([D(0), D(1)]),
    balances=st.dictionaries(st.just("USDT"), NUMBERS),
    orders=st.dictionaries(NAMES, st.builds(OrderThen, price=NUMBERS), max_size=1),
    holds=st.lists(CONDITIONS, max_size=1).map(tuple),
)


def named(steps: list[Step]) -> tuple[Step, ...]:
    """Each order has its own name, and an order that was submitted is meant, if there is one."""

    def each() -> Iterator[Step]:
        there: list[str] = []
        for step in steps:
            if step.submit:
                there.append("abcdefghijkl"[len(there)])
                yield replace(step, submit=replace(step.submit, order=there[-1]))
            elif there and (said := step.cancel or step.query):
                name = there[ord(said) % len(there)]
                yield replace(step, cancel=name) if step.cancel else replace(step, query=name)
            else:
                yield step

    return tuple(each())


STORIES = st.builds(
    Scenario,
    title=st.just("It ends"),
    given=st.builds(
        Given,
        markets=st.just({"ETH-USDT": MARKET}),
        balances=st.sampled_from([{}, {"USDT": D(1000), "ETH": D(3)}]),
        faults=st.lists(FAULTS, max_size=1).map(tuple),
    ),
    when=st.lists(STEPS, max_size=12).map(named),
    then=THENS,
)
OFTEN = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@OFTEN
@given(STORIES)
def test_every_story_ends_and_is_told_without_a_fault_of_ours(story: Scenario) -> None:
    """Whatever cannot be done is an outcome that did not pass, and never an exception."""
    outcome = act(Place(Path("it.toml"), story), "binance")
    assert outcome.passed is not bool(outcome.failed or outcome.error)
    times = [told.at for told in outcome.story]
    assert times == sorted(times)


@settings(OFTEN, max_examples=40)
@given(STORIES)
def test_what_is_recorded_of_any_story_is_whole_and_replays_to_its_digest(story: Scenario) -> None:
    it = Place(Path("it.toml"), story)
    with TemporaryDirectory() as folder:
        outcome = act(it, "binance", record=Path(folder) / "it")
        there = sorted(path.name for path in Path(folder).iterdir())
        assert there == [path.name for path in outcome.recorded]
        if outcome.error:
            assert there == []
            return
        played = play(it, "binance", outcome.recorded, "replay")
        assert (played.error, played.digest) == ("", outcome.digest)
        assert played.failed == tuple(f for f in outcome.failed if f.key.startswith("then."))
        again = act(it, "binance")
        assert (again.digest, again.failed) == (outcome.digest, outcome.failed)
