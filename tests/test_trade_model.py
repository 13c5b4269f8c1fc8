"""Random stories on a tiny honest exchange: whatever the wire does, we end in agreement, to the last digit.

No door: kernel, adapter and exchange in one process, and between them a wire that loses, delays,
repeats, cuts and kills as hypothesis says. Time is an int, so a story of hours takes milliseconds.
"""

from decimal import Decimal
from typing import Any, ClassVar, Final

import pytest
from agreement import LIFE, check, lives
from flavours import FLAVOURS, NAMED, Flavour
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from moves import MOVES, WHAT, Chance
from rough_wire import RoughWire

from tapefold.units import SECOND, Side

STEPS: Final = 50
"""Of a story."""


class Story(RuleBasedStateMachine):
    """What may happen, one thing after another."""

    flavour: ClassVar[Flavour] = NAMED
    steps: ClassVar[int] = 0

    @initialize(keep_max=st.sampled_from([4, 4096]))
    def opens(self, keep_max: int) -> None:
        self.wire = RoughWire(self.flavour, keep_max)
        self.wire.flush()

    @rule(
        what=st.sampled_from(WHAT),
        n=st.integers(0, 2**16),
        side=st.sampled_from(["buy", "sell"]),
        amount=st.integers(1, 24).map(lambda n: Decimal(n) / 8),
        price=st.integers(180, 220).map(lambda n: Decimal(n) / 2),
    )
    def happens(self, what: str, n: int, side: Side, amount: Decimal, price: Decimal) -> None:
        """Where it cannot happen now, a second goes by."""
        if not MOVES[what](self.wire, Chance(n, side, amount, price)):
            self.wire.wait(SECOND)

    # What must hold

    def check_invariants(self, *args: Any, **kwargs: Any) -> None:
        """After each step; counted here, since it is called once a step."""
        super().check_invariants(*args, **kwargs)
        type(self).steps += 1

    def teardown(self) -> None:
        if not hasattr(self, "wire"):
            return
        for name, life in lives(self.wire.tape.events).items():
            assert LIFE.fullmatch(life), (name, life)
        self.wire.rest()
        check(self.wire)


def told(flavour: Flavour, examples: int, *, shrinks: bool = True) -> int:
    """Tell so many stories; how many steps they had. Raises at the first that does not end well."""
    phases = [phase for phase in Phase if shrinks or phase not in (Phase.shrink, Phase.explain)]
    kind: Any = type(f"Story_{flavour.name}", (Story,), {"flavour": flavour, "steps": 0})
    run_state_machine_as_test(
        kind,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            database=None,
            phases=phases,
            print_blob=False,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
    steps: int = kind.steps
    return steps


@pytest.mark.parametrize("flavour", FLAVOURS, ids=lambda flavour: flavour.name)
def test_every_story_ends_in_agreement(flavour: Flavour) -> None:
    assert told(flavour, 60) >= 2500
