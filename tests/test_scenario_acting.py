"""Scenarios acted at the simulator: the same every time, judged to the last digit, and told when they fail.

No door: a kernel and a simulated exchange in one loop of virtual time. What the doors make of the
recordings of it is in test_required.
"""

import hashlib
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from tapefold import Session
from tapefold.errors import ScenarioError
from tapefold.scenario import Given, Outcome, Place, Scenario, Step, Then
from tapefold.scenario.acting import Cast, act
from tapefold.scenario.running import recordings_of, run, ways_of
from tapefold.scenario.words import (
    FaultWord,
    Fields,
    MarketWord,
    OrderThen,
    OrderWord,
    StrangerWord,
)

MARKET = MarketWord(
    bids=((Decimal("100.00"), Decimal(5)), (Decimal("99.50"), Decimal(5))),
    asks=((Decimal("100.10"), Decimal(1)), (Decimal("100.50"), Decimal(5))),
)
GIVEN = Given(markets={"ETH-USDT": MARKET}, balances={"USDT": Decimal(1000), "ETH": Decimal(3)})
BUY = OrderWord(order="buy", side="buy", amount=Decimal(1), price="ask")
REST = OrderWord(order="rest", side="buy", amount=Decimal(1), price="bid - 10")


def place(*steps: Step, then: Then = Then(), given: Given = GIVEN) -> Place:  # noqa: B008 - a frozen default
    told = Scenario(title="It trades", given=given, when=steps, then=then)
    return Place(Path("trades.toml"), told, {"when[1].until": 12, "then.orders.buy": 20})


def acted(*steps: Step, then: Then = Then(), given: Given = GIVEN) -> Outcome:  # noqa: B008 - a frozen default
    return act(place(*steps, then=then, given=given), "binance")


def only(outcome: Outcome) -> tuple[str, str, str]:
    """The one thing that failed."""
    (failed,) = outcome.failed
    return failed.key, failed.expected, failed.actual


def bytes_of(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def test_the_same_file_makes_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    """With strangers, so that chance has a part in it."""
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from test_scenario_acting import STRANGERS\nfrom tapefold.scenario.acting import act\n"
        "print(act(STRANGERS, 'binance', record=Path(sys.argv[1])).digest)"
    )
    found = set[tuple[str, str]]()
    for seed in ("0", "1", "77"):
        folder = tmp_path / seed
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": str(Path(__file__).parent),
        }
        ran = subprocess.run(
            [sys.executable, "-c", program, folder],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        found.add((ran.stdout, bytes_of(folder)))
    assert len(found) == 1
    other = act(STRANGERS, "binance", cast=Cast(seed=2))
    assert other.passed
    assert other.digest not in {digest.strip() for digest, _ in found}


STRANGERS = place(
    Step(submit=replace(BUY, amount=Decimal("0.01"))),
    Step(until='order("buy").ended'),
    given=Given(instruments=("BTC-USDT", "ETH-USDT"), balances={"USDT": Decimal(10_000)}),
)


def test_what_does_not_come_true_in_time_is_told_with_what_was_so() -> None:
    outcome = acted(Step(submit=REST), Step(until='order("rest").ended', within=Decimal(3)))
    wanted = 'order("rest").ended'
    assert only(outcome) == ("when[1].until", wanted, f"not within 3 s: {wanted} is False")
    assert outcome.failed[0].line == 12
    assert [told.text for told in outcome.story if told.who == "step"] == [
        "submit order=rest side=buy amount=1 price=bid - 10"
    ]


def test_a_check_is_made_when_it_is_reached() -> None:
    good = Step(check=('order("rest").status == "submitted"', "orders.alive == 1"))
    bad = Step(check='order("rest").status == "open"')
    key = 'order("rest").status'
    assert acted(Step(submit=REST), good).passed
    assert only(acted(Step(submit=REST), bad)) == (
        "when[1].check",
        f'{key} == "open"',
        f"{key} is submitted",
    )


def test_an_end_that_is_wanted_otherwise_names_its_line() -> None:
    then = Then(orders={"buy": OrderThen(status="canceled", executed="buy.amount")})
    outcome = acted(Step(submit=BUY), Step(until='order("buy").ended'), then=then)
    assert [(each.key, each.line) for each in outcome.failed] == [
        ("then.orders.buy.status", 20),
        ("then.orders.buy.executed", 20),
    ]


def test_what_was_told_must_be_all_that_was_told() -> None:
    told: tuple[Fields, ...] = (
        {"event": "OrderAccepted"},
        {"event": "OrderFilled", "amount": Decimal(1), "fees": {"ETH": Decimal("0.001")}},
        {"event": "OrderCompleted", "value": "ask * 0 + 100.1"},
    )
    steps = Step(submit=BUY), Step(until='order("buy").ended')
    assert acted(*steps, then=Then(told={"buy": told})).passed
    less = acted(*steps, then=Then(told={"buy": told[:2]}))
    assert only(less)[:2] == ("then.told.buy", "nothing more is told")
    more = acted(*steps, then=Then(told={"buy": (*told, {"event": "OrderCanceled"})}))
    assert only(more) == ("then.told.buy[3]", "OrderCanceled", "nothing more was told")
    other: tuple[Fields, ...] = (
        {**told[0]},
        {**told[1], "fees": {"ETH": Decimal("0.002")}},
        told[2],
    )
    assert only(acted(*steps, then=Then(told={"buy": other})))[0] == "then.told.buy[1].fees"


def test_a_number_is_sent_as_it_was_typed_and_a_sum_is_moved_to_the_step() -> None:
    typed = replace(REST, price=Decimal("90.005"))
    steps = Step(submit=typed), Step(until='order("rest").ended')
    assert acted(*steps, then=Then(orders={"rest": OrderThen(status="rejected")})).passed
    for side, price in (("buy", "90.09"), ("sell", "110.13")):
        sums = replace(REST, side=side, price="bid * 0.9009" if side == "buy" else "ask * 1.1001")
        then = Then(orders={"rest": OrderThen(status="open", price=Decimal(price))})
        assert acted(Step(submit=sums), Step(wait=Decimal(1)), then=then).failed == ()


def test_engine_and_exchange_must_agree_in_the_end() -> None:
    """The news of a fill never comes, and the story is over before anybody asks."""
    outcome = acted(
        Step(submit=REST),
        Step(until='order("rest").status == "open"'),
        Step(fault=FaultWord(what="dropped", times=9)),
        Step(stranger=StrangerWord(side="sell", amount=Decimal(11), price=Decimal(90))),
    )
    apart = [each.actual for each in outcome.failed if each.expected == "engine and exchange agree"]
    assert any("order trades-1-1" in each for each in apart), outcome.failed


def test_a_restart_is_another_run_on_the_same_log(tmp_path: Path) -> None:
    story = place(
        Step(submit=REST),
        Step(until='order("rest").status == "open"'),
        Step(restart=True),
        Step(check='order("rest").status == "open"'),
        Step(cancel="rest"),
        Step(until='order("rest").ended'),
        then=Then(orders={"rest": OrderThen(status="canceled", executed=Decimal(0))}),
    )
    home = tmp_path / "binance"
    home.mkdir()
    outcome = act(story, "binance", record=home / "trades")
    assert outcome.passed, outcome.failed
    assert outcome.recorded == (home / "trades", home / "trades.2")
    assert (
        Session(home / "trades.2").meta.start_position
        == Session(home / "trades").meta.counts.events
    )
    assert recordings_of(story, "binance", tmp_path) == list(outcome.recorded)
    assert ways_of(story, "binance", tmp_path) == ("simulator", "replay", "mock")
    for way in ("simulator", "replay", "mock"):
        again = run(story, "binance", way, tmp_path)
        assert (again.error, again.failed) == ("", ()), way
        assert again.digest == outcome.digest


def test_a_run_that_is_no_longer_what_was_recorded_says_where(tmp_path: Path) -> None:
    story = place(Step(submit=REST), Step(wait=Decimal(1)))
    (tmp_path / "binance").mkdir()
    act(story, "binance", record=tmp_path / "binance" / "trades")
    other = place(Step(submit=replace(REST, amount=Decimal(2))), Step(wait=Decimal(1)))
    apart = run(other, "binance", "simulator", tmp_path).failed
    assert {each.expected.rpartition("/")[2] for each in apart} == {
        f"{name}, as recorded" for name in ("http.yaml", "session.toml", "tape.jsonl")
    }
    tape = next(each for each in apart if "tape" in each.expected)
    assert '"amount":"2"' in tape.actual


def test_a_story_that_fails_keeps_its_recording_and_one_that_cannot_begin_has_none(
    tmp_path: Path,
) -> None:
    story = place(Step(submit=replace(REST, price="trade('ETH-USDT').price")))
    outcome = act(story, "binance", record=tmp_path / "it")
    assert only(outcome)[0] == "when[0].submit"
    assert "is not known at this moment" in only(outcome)[2]
    with pytest.raises(ScenarioError, match=r"given\.markets has no LTC-USDT"):
        act(place(given=Given(instruments=("LTC-USDT",))), "binance", record=tmp_path / "other")
    assert not (tmp_path / "other").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["it"]  # what failed can be looked at
