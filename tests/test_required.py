"""The required scenarios: each is there, recorded, comes out the same in every way, and can fail.

All three doors: each recording is acted again at the simulator, to the byte, replayed, and played over
loopback sockets. What can fail, and what is said of books, is asked of one performance, by no door.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec import Struct
from msgspec.structs import fields, replace

from tapefold import Views
from tapefold.events import ZERO, BookDelta, BookInvalidated
from tapefold.scenario.acting import INSTALLED, Performance, act
from tapefold.scenario.markets import HOLDER
from tapefold.scenario.playing import play
from tapefold.scenario.reading import read_scenario
from tapefold.scenario.results import Outcome, Way
from tapefold.scenario.running import recordings_of, run, ways_of
from tapefold.scenario.words import Place, Then
from tapefold.sim.agreement import disagreements

ROOT = Path(__file__).parents[1]
SCENARIOS, CASSETTES = ROOT / "scenarios", ROOT / "cassettes"
WAYS: tuple[Way, ...] = ("simulator", "replay", "mock")
REQUIRED = (
    "test_get_fee",
    "test_limit_buy",
    "test_limit_sell",
    "test_limit_maker_rejections",
    "test_limit_makers_unfilled",
    "test_market_buy",
    "test_market_sell",
    "test_cancel_order",
    "test_cancel_all",
    "test_list_orders",
    "test_order_saving_and_restoration",
    "test_order_fill_record",
    "test_order_book_tracker",
    "test_user_stream_tracker",
    "test_fee_overrides",
    "test_price_precision",
    "test_server_time_offset",
    "test_order_expiration",
)
HARD = (
    "a_cancel_that_overtakes_its_order",
    "a_completed_order_and_a_stale_page",
    "a_disconnect_across_a_fill",
    "a_fill_before_its_ack",
    "a_fill_inferred_and_then_told",
    "a_fill_long_after_the_cancel",
    "a_gap_in_the_book",
    "a_lost_order_that_is_filled",
    "a_status_of_filled_without_its_trades",
    "a_timeout_is_not_a_failure",
    "an_order_that_is_too_small",
    "an_order_that_never_arrived",
    "exact_to_the_last_digit",
    "not_found_among_errors",
    "the_kill_switch",
    "the_same_fill_twice_and_after_a_restart",
)
LIVE = ("live_cancel_all", "live_cancel_order", "live_limit_buy", "live_market_buy_and_sell")
"""They say nothing that holds of a simulator alone, so that a test network can run them."""
CASSETTES_MAX = 1_000_000
"""Bytes of all recordings of required scenarios together."""


def place(name: str) -> Place:
    """A scenario of ours."""
    return read_scenario(SCENARIOS / f"{name}.toml")


def performed(found: Place) -> Performance:
    """Acted, and not judged yet."""
    performance = Performance(found, "binance", None, INSTALLED)
    performance.play()
    return performance


def wrong(outcome: Outcome) -> tuple[object, ...]:
    """All that is to be empty."""
    return outcome.failed, outcome.error


def files_of(name: str) -> list[Path]:
    """Of the recordings of one."""
    sessions = recordings_of(place(name), "binance", CASSETTES)
    return sorted(path for session in sessions for path in session.iterdir())


# They are there, and come out the same


def test_every_scenario_in_the_folder_is_on_one_of_these_lists() -> None:
    there = {path.stem for path in SCENARIOS.glob("*.toml")}
    assert there >= {*REQUIRED, *HARD, *LIVE}
    told = (SCENARIOS / "README.md").read_text()
    assert [name for name in sorted(there) if f"`{name}`" not in told] == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", REQUIRED)
def test_a_required_scenario_comes_out_as_recorded(name: str, way: Way) -> None:
    found = place(name)
    assert ways_of(found, "binance", CASSETTES) == WAYS
    assert wrong(run(found, "binance", way, CASSETTES)) == ((), "")


@pytest.mark.parametrize("name", [*HARD, *LIVE])
def test_the_other_scenarios_hold_in_all_three_ways_too(name: str, tmp_path: Path) -> None:
    found = place(name)
    acted = act(found, "binance", record=tmp_path / name)
    assert wrong(acted) == ((), "")
    for way in WAYS[1:]:
        played = play(found, "binance", acted.recorded, way)
        assert (wrong(played), played.digest) == (((), ""), acted.digest)


def test_only_what_says_nothing_of_a_simulator_can_be_run_elsewhere() -> None:
    assert [name for name in (*REQUIRED, *HARD) if place(name).scenario.requires] == []
    assert [[*place(name).scenario.requires] for name in LIVE] == [["USDT"]] * len(LIVE)


def test_the_recordings_are_small_and_hold_nothing_of_the_machine_that_made_them() -> None:
    found = [path for name in REQUIRED for path in files_of(name)]
    assert (
        len(found) == 3 * len(REQUIRED) + 4 * 3
    )  # three have a second run, which has a start, too
    assert sum(path.stat().st_size for path in found) < CASSETTES_MAX
    for path in found:
        text = path.read_bytes()
        assert not re.search(rb"/(home|root|tmp|work|usr|Users)\b|site-packages|localhost", text)


# They can fail


def altered(value: object) -> Iterator[Any]:
    """Every way in which one number or word of it is another."""
    match value:
        case bool():
            yield not value
        case int():
            yield value + 1
        case Decimal():
            yield value + Decimal("1e-8")
        case str():
            yield f"{value}x"
        case _:
            yield from altered_within(value)


def altered_within(value: object) -> Iterator[Any]:
    """The same of a table, a list or a word of several fields: one of what is in it is altered."""
    match value:
        case dict():
            table = cast("dict[str, object]", value)
            for name, each in table.items():
                yield from ({**table, name: other} for other in altered(each))
        case tuple():
            row = cast("tuple[object, ...]", value)
            for n, each in enumerate(row):
                yield from ((*row[:n], other, *row[n + 1 :]) for other in altered(each))
        case Struct():
            for field in fields(value):
                if (each := getattr(value, field.name)) != field.default:
                    yield from (replace(value, **{field.name: o}) for o in altered(each))
        case _:
            raise AssertionError(value)


def lacking(rows: tuple[object, ...]) -> Iterator[Any]:
    """One is missing, or there twice."""
    for n in range(len(rows)):
        yield (*rows[:n], *rows[n + 1 :])
        yield (*rows[: n + 1], *rows[n:])


ALTERABLE = ("told", "facts", "orders", "fills", "balances", "books", "requests")
SAID = re.compile(r"== ([\d.]+)$")


def wrongly(then: Then) -> Iterator[tuple[str, Then]]:
    """What is asserted, with one thing of it wrong."""
    for name in ALTERABLE:
        if (said := getattr(then, name)) is not None:
            yield from ((name, replace(then, **{name: other})) for other in altered(said))
    for name, rows in then.told.items():
        for other in lacking(rows):
            yield f"told.{name}", replace(then, told={**then.told, name: other})
    yield from (("fills", replace(then, fills=other)) for other in lacking(then.fills or ()))
    for name, order in then.orders.items():
        more = replace(order, fees={**(order.fees or {}), "NONE": Decimal(1)})
        yield f"orders.{name}.fees", replace(then, orders={**then.orders, name: more})
    for fact in then.facts:
        yield "never", replace(then, never=(fact,))
    for held in then.holds:
        yield "holds", replace(then, holds=(f"not ({held})",))
        said = Decimal(SAID.findall(held)[0])
        yield "holds", replace(then, holds=(SAID.sub(f"== {said + 1}", held),))


@pytest.mark.parametrize("name", [*REQUIRED, *HARD])
def test_whatever_is_asserted_fails_when_it_is_another_word_or_number(name: str) -> None:
    found = place(name)
    performance = performed(found)
    assert performance.judged() == ()
    missed, tried = list[tuple[str, Then]](), 0
    for key, then in wrongly(found.scenario.then):
        tried += 1
        performance.place = replace(found, scenario=replace(found.scenario, then=then))
        if not performance.judged():
            missed.append((key, then))
    assert missed == []
    assert tried >= (12 if found.scenario.then.told else 8)


CHECKED = [
    (name, n, condition)
    for name in (*REQUIRED, *HARD)
    for n, step in enumerate(place(name).scenario.when)
    for condition in ((step.check,) if isinstance(step.check, str) else step.check)
    if condition
]


@pytest.mark.parametrize(("name", "n", "condition"), CHECKED)
def test_whatever_is_checked_on_the_way_can_fail(name: str, n: int, condition: str) -> None:
    found = place(name)
    steps = [*found.scenario.when]
    steps[n] = replace(steps[n], check=f"not ({condition})")
    contrary = replace(found, scenario=replace(found.scenario, when=tuple(steps)))
    assert [failed.key for failed in act(contrary, "binance").failed] == [f"when[{n}].check"]


@pytest.mark.parametrize("name", [*REQUIRED, *HARD])
def test_every_order_is_told_of_and_every_balance_is_said_whole(name: str) -> None:
    scenario = place(name).scenario
    orders = {step.submit.order for step in scenario.when if step.submit}
    then = scenario.then
    assert {*then.told} == {*then.orders} == orders
    views = performed(place(name)).stage.kernel.views
    assert {*then.balances} == {*views.balances.assets("binance")}
    assert "place" in then.requests
    assert then.after == 1


# Books


STILL = [
    name
    for name in (*REQUIRED, *HARD)
    if place(name).scenario.given.markets and name != "test_order_saving_and_restoration"
]
"""Whose markets do nothing by themselves; in the one left out, a book is given up on purpose."""


@pytest.mark.parametrize("name", STILL)
def test_a_still_book_is_the_exchanges_own_level_by_level(name: str) -> None:
    stage = performed(place(name)).stage
    assert disagreements(stage.kernel.views, "binance", stage.exchange.venue, HOLDER.key) == []


def books(found: Place) -> tuple[dict[int, object], int]:
    """All levels after each change, by the exchange's number of it; and the number after the gap."""
    views, after, healed = Views(), dict[int, object](), 0
    for record in performed(found).stage.log.read():
        event = record.event
        views.apply(event)
        if isinstance(event, BookInvalidated):
            healed = event.got
        if isinstance(event, BookDelta) and views.books[0].state == "live":
            book = views.books[0]
            after[event.sequence] = (book.bids.sorted(), book.asks.sorted())
    return after, healed


def test_after_a_gap_the_book_is_that_of_a_run_without_one() -> None:
    found = place("test_order_book_tracker")
    quiet = tuple(
        replace(step, until="", wait=Decimal(1)) if step.until else step
        for step in found.scenario.when
        if not step.fault and step.check != 'not book("BTC-USDT").live'
    )
    (healed, gap), (whole, none) = (
        books(found),
        books(replace(found, scenario=replace(found.scenario, when=quiet))),
    )
    assert (gap > 0, none) == (True, 0)
    later = [number for number in healed if number > gap and number in whole]
    assert len(later) > 20
    assert {number: healed[number] for number in healed if number in whole} == {
        number: whole[number] for number in healed if number in whole
    }


# What a file cannot say


def test_what_was_held_for_refused_orders_is_nothing() -> None:
    views = performed(place("test_limit_maker_rejections")).stage.kernel.views
    orders = views.orders.ours.values()
    assert [(order.status, order.held) for order in orders] == [("rejected", ZERO)] * 2


def test_every_client_order_id_of_a_story_is_used_once() -> None:
    for name in (*REQUIRED, *HARD):
        stage = performed(place(name)).stage
        there = [order.wish.client_order_id for order in stage.exchange.venue.orders(HOLDER.key)]
        assert len({*there}) == len(there)
