"""Random stories with Binance's adapter on a simulated Binance: we end in agreement, to the last digit.

No door: kernel, adapter and simulator in one process, every request signed and judged. Between them is
a wire that loses, delays, cuts and kills, and in the simulator whatever it can do wrong on demand: as
hypothesis says. Time is an int, so a story of minutes takes milliseconds.
"""

import os
from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar, Final

import pytest
from agreement import LIFE, lives
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from moves import Chance
from msgspec.structs import replace
from sim_agreement import check, holds, named
from sim_moves import MOVES, WHAT
from sim_wire import EXCHANGE, SimWire

from tapefold.units import SECOND, Side
from tapefold_adapters.binance import answers, facts, private
from tapefold_adapters.binance.facts import Execution

STEPS: Final = 50
"""Of a story."""
_ODD: Final = Decimal("0.0001")


class Story(RuleBasedStateMachine):
    """What may happen, one thing after another."""

    steps: ClassVar[int] = 0

    @initialize(seed=st.integers(0, 7), keep_max=st.sampled_from([4, 4096]))
    def opens(self, seed: int, keep_max: int) -> None:
        self.wire = SimWire(seed, keep_max)
        self.wire.flush()

    @rule(
        what=st.sampled_from(WHAT),
        n=st.integers(0, 2**16),
        side=st.sampled_from(["buy", "sell"]),
        amount=st.integers(1, 24).map(lambda n: Decimal(n) / 8),
        price=st.integers(0, 80).map(lambda n: 96 + Decimal(n) / 10),
    )
    def happens(self, what: str, n: int, side: Side, amount: Decimal, price: Decimal) -> None:
        """Where it cannot happen now, a second goes by. Now and then it is off the steps, or tiny."""
        amount, price = amount + _ODD * (n % 31 == 1), price + 10 * _ODD * (n % 29 == 1)
        amount = amount / 50 if n % 37 == 1 else amount
        if not MOVES[what](self.wire, Chance(n, side, amount, price)):
            self.wire.wait(SECOND)

    @invariant()
    def what_may_still_be_traded_is_reserved(self) -> None:
        """At every moment; counted here, since it is looked at once a step."""
        type(self).steps += 1
        balances, held = (
            self.wire.kernel.views.balances,
            holds(self.wire, named(self.wire).values()),
        )
        for asset, amount in held.items():
            assert balances.reserved(EXCHANGE, asset) >= amount, asset

    def teardown(self) -> None:
        if not hasattr(self, "wire"):
            return
        for name, life in lives(self.wire.tape.events).items():
            assert LIFE.fullmatch(life), (name, life)
        self.wire.rest()
        check(self.wire)


def tell(stories: int, *, shrinks: bool = True) -> int:
    """Tell so many stories; how many steps they had. Raises for one that does not end well."""
    kind: Any = type("Told", (Story,), {"steps": 0})
    run_state_machine_as_test(
        kind,
        settings=settings(
            max_examples=stories,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            database=None,
            print_blob=False,
            report_multiple_bugs=False,
            phases=[Phase.generate, Phase.shrink] if shrinks else [Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
    steps: int = kind.steps
    return steps


def test_every_story_ends_in_agreement() -> None:
    """5,000 steps; STORIES=1000 in the environment tells more."""
    stories = int(os.environ.get("STORIES", "100"))
    assert tell(stories) >= stories * STEPS * 5 // 6


# Planted: the model notices what an adapter can get wrong


def renumbered(patch: pytest.MonkeyPatch) -> None:
    """A trade has another number over HTTP than on the stream."""

    def execution(number: int, *rest: Any, **more: Any) -> Execution:
        return Execution(number + 1, *rest, **more)

    patch.setattr(answers, "Execution", execution)


def given(patch: pytest.MonkeyPatch) -> None:
    """The stream's fees are nothing."""

    def execution(**more: Any) -> Execution:
        return replace(Execution(**more), fee="0")

    patch.setattr(private, "Execution", execution)


def immortal(patch: pytest.MonkeyPatch) -> None:
    """What expired so that it would not trade with itself is still there."""
    patch.setitem(facts._STATES, "EXPIRED_IN_MATCH", "open")  # pyright: ignore[reportPrivateUsage]  # planted


def unfound(patch: pytest.MonkeyPatch) -> None:
    """That there is no such order is an error like any other."""
    patch.setattr(answers, "NO_SUCH_ORDER", 0)


@pytest.mark.parametrize(
    "defect", [renumbered, given, immortal, unfound], ids=lambda defect: defect.__name__
)
def test_a_planted_defect_is_noticed(
    defect: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the model of the tiny exchange."""
    defect(monkeypatch)
    with pytest.raises(AssertionError):
        tell(1000, shrinks=False)
