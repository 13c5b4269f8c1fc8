"""The order sweep: the good adapter and engine keep every law, and each planted defect breaks its own.

No door: kernel, adapter and simulated exchange in one process, in virtual time (`tapefold.sim.stage`),
so that a story of minutes takes milliseconds and is the same each time. SWEEP=all in the environment
leaves out no place: a minute.
"""

import os
from pathlib import Path
from typing import Final

import pytest
from planted_orders import PLANTED, UNPLANTABLE, Planted

from tapefold.adapter import load_adapter
from tapefold.sim import load_skin
from tapefold.testing.conformance import CHECKS
from tapefold.testing.conformance.order_faults import KINDS, Fault
from tapefold.testing.conformance.order_laws import LIFE
from tapefold.testing.conformance.order_story import ORDERS
from tapefold.testing.conformance.order_telling import Cast, tell
from tapefold.testing.conformance.orders import (
    LAWS,
    first_broken,
    order_sweep,
    places_of,
    sweep_orders,
)

EVERY: Final = 1 if os.environ.get("SWEEP", "") == "all" else 7
PAGE: Final = Path(__file__).parents[1] / "docs" / "planted-defects.md"
CAST: Final = Cast(load_adapter("binance"), load_skin("binance"))


def test_the_good_adapter_and_engine_keep_every_law() -> None:
    told: list[tuple[int, int]] = []
    swept = sweep_orders(
        CAST.adapter,
        CAST.skin,
        every=EVERY,
        progress=lambda _, done, of: told.append((done, of)),
    )
    assert [(each.name, each.failures) for each in swept.checks] == [(name, ()) for name in LAWS]
    assert swept.passed
    of = {(each.checked, each.of) for each in swept.checks}
    assert len(of) == 1
    tellings, all_of_them = of.pop()
    assert told == [(n, tellings) for n in range(tellings)]
    assert all_of_them > 900
    assert set(swept.coverage.tried) == set(KINDS), "every kind of fault is tried"


def test_the_story_has_an_order_of_each_kind_and_faults_at_each_purpose() -> None:
    seen = tell(CAST, Fault("fair"))
    states = {
        order.wish.client_order_id: (order.state, len(order.fills))
        for order in seen.venue.orders(seen.holder)
    }
    assert states == {
        "by-hand": ("open", 0),
        "run1-1": ("filled", 3),
        "run1-2": ("filled", 2),
        "run1-3": ("filled", 1),
        "run1-5": ("canceled", 0),
        "run1-6": ("filled", 2),
        "run1-7": ("canceled", 0),
        "run1-8": ("canceled", 1),
        "run1-9": ("canceled", 0),
        "run1-10": ("canceled", 0),
    }
    assert len(ORDERS) == len(states)  # one of them was refused at the door, and one is by hand
    assert {"place", "cancel", "order", "balances", "open_orders"} <= set(seen.places.purposes)
    assert seen.places.purposes.count("place") == len(ORDERS)


def test_a_sweep_is_the_same_each_time() -> None:
    faults = [Fault("killed", 40), Fault("wire", 3), Fault("untraded_killed", 6)]
    assert [tell(CAST, f).digest for f in faults] == [tell(CAST, f).digest for f in faults]


@pytest.mark.parametrize(
    ("life", "is_one"),
    [
        *((life, True) for life in ("", "A", "AE", "AFFwE", "E", "AFEFC", "AFEwC", "AFECC")),
        *((life, False) for life in ("FAE", "AEE", "FE", "AEF", "AC", "AA")),
    ],
)
def test_what_a_life_may_be(life: str, is_one: bool) -> None:
    assert bool(LIFE.fullmatch(life)) is is_one


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_defect_is_caught_by_its_law(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = planted.plant(monkeypatch)
    broken = first_broken(CAST.adapter, CAST.skin, kernel=kernel, kinds=(planted.kind,))
    assert any(each.law == planted.law for each in broken), f"{planted.name} was not noticed"


def test_what_an_engine_raises_is_told_and_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(*_: object) -> None:
        raise RuntimeError("torn")

    monkeypatch.setattr("tapefold.kernel.trade.Trade.cancel_all", torn)
    checks = {each.name: each for each in order_sweep(CAST.adapter, CAST.skin, every=1000)}
    assert not checks["told_to_end"].passed
    assert checks["told_to_end"].failures[0] == "fair: RuntimeError: torn"


def test_every_law_is_a_check_of_the_kit_under_a_name_of_its_own() -> None:
    names = [check.name for check in CHECKS]
    assert len(names) == len(set(names))
    assert set(LAWS) <= set(names)


def test_the_places_are_those_of_the_fair_story() -> None:
    places = places_of(CAST)
    assert len(places.purposes) == len(places.pages) + len(places.changes)
    assert places.moments > places.frames > len(places.changes) > 10


def test_the_page_has_the_table_of_what_is_planted() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for each in PLANTED:
        assert (
            f"| `{each.name}` | {each.source} | {each.broken} | `{each.kind}` | `{each.law}` |"
            in text
        )
    for spared in UNPLANTABLE:
        assert f"| `{spared.name}` | {spared.source} | {spared.why} |" in text
    for name, law in LAWS.items():
        assert f"| `{name}` | {law.sentence} |" in text
    for kind, (place, what) in KINDS.items():
        assert f"| `{kind}` | {place} | {what} |" in text
    rows = sum(line.startswith("| `") for line in text.splitlines())
    assert rows == len(PLANTED) + len(UNPLANTABLE) + len(LAWS) + len(KINDS), "nothing else"
