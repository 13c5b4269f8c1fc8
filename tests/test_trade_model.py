"""Random stories on a tiny honest exchange: whatever the wire does, we end in agreement, to the last digit.

No door: kernel, adapter and exchange in one process, and between them a wire that loses, delays,
repeats, cuts and kills as hypothesis says. Time is an int, so a story of hours takes milliseconds.
"""

import os
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from typing import Any, ClassVar, Final

import pytest
from agreement import LIFE, check, lives
from flavours import FLAVOURS, NAMED, TINY, Flavour
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from moves import MOVES, WHAT, Chance
from msgspec.structs import replace
from rough_wire import RoughWire

from tapefold.adapter import Frame, Request
from tapefold.events import ZERO, FillReported, OrderNotFound, RequestAnswered
from tapefold.folds.orders import Evidence, Orders, order, standing
from tapefold.folds.orders.evidence import OrderFact, evidence
from tapefold.folds.orders.life import Life
from tapefold.kernel.account import Account
from tapefold.kernel.answers import Answers
from tapefold.kernel.requests import Wanted
from tapefold.kernel.survey import Survey
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

    @invariant()
    def what_may_still_be_traded_is_reserved(self) -> None:
        """At every moment; counted here, since it is looked at once a step."""
        type(self).steps += 1
        balances, held = self.wire.kernel.views.balances, self.wire.exchange.held("engine")
        for asset in ("ETH", "LTC", "USDT"):
            assert balances.reserved(TINY, asset) >= held[asset], asset

    def teardown(self) -> None:
        if not hasattr(self, "wire"):
            return
        for name, life in lives(self.wire.tape.events).items():
            assert LIFE.fullmatch(life), (name, life)
        self.wire.rest()
        check(self.wire)


def told(flavour: Flavour, stories: int, *, shrinks: bool = True) -> int:
    """Tell so many stories; how many steps they had. Raises for one that does not end well."""
    kind: Any = type(f"Story_{flavour.name}", (Story,), {"flavour": flavour, "steps": 0})
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


@pytest.mark.parametrize("flavour", FLAVOURS, ids=lambda flavour: flavour.name)
def test_every_story_ends_in_agreement(flavour: Flavour) -> None:
    """10,000 steps over the four of them; STORIES=1000 in the environment tells more."""
    stories = int(os.environ.get("STORIES", "60"))
    assert told(flavour, stories) >= stories * STEPS * 5 // 6


# Planted: the model notices what others shipped


def twice_counted(patch: pytest.MonkeyPatch) -> None:
    """A fill that is said again is another one."""
    numbers = count()

    def proves(fact: OrderFact) -> Evidence:
        if isinstance(fact, FillReported):
            fact = replace(fact, fill_id=f"{fact.fill_id}-{next(numbers)}")
        return evidence(fact)

    patch.setattr(order, "evidence", proves)


def released_early(patch: pytest.MonkeyPatch) -> None:
    """The reservation goes when the cancel is asked for."""
    held = standing.held_of

    def released(life: Life, *rest: Any) -> Decimal:
        return ZERO if life.cancel else held(life, *rest)

    patch.setattr(standing, "held_of", released)


def sent_again(patch: pytest.MonkeyPatch) -> None:
    """An order that nobody answered is sent once more."""
    failed = Answers.failed

    def again(answers: Answers, frame: Frame, request: Request) -> None:
        failed(answers, frame, request)
        if request.purpose == "place":
            answers._requests.once(frame.time, request)  # pyright: ignore[reportPrivateUsage]  # planted

    patch.setattr(Answers, "failed", again)


def left_waiting(patch: pytest.MonkeyPatch) -> None:
    """A new run waits for the answers to what an earlier one asked."""

    def nobody(_: Orders) -> list[RequestAnswered]:
        return []

    patch.setattr(Orders, "unanswered", nobody)


def lost_at_once(patch: pytest.MonkeyPatch) -> None:
    """Not found counts at once, though the order may still be on its way."""
    not_found = Account._not_found  # pyright: ignore[reportPrivateUsage]  # planted

    def counted(account: Account, time: int, event: OrderNotFound) -> None:
        account.heard_of(0, event.client_order_id)
        not_found(account, time, event)

    patch.setattr(Account, "_not_found", counted)


def never_asked(patch: pytest.MonkeyPatch) -> None:
    """Orders that the list of open orders does not name are not asked about."""
    answered = Survey.answered

    def forgets(survey: Survey, time: int, wanted: Wanted) -> None:
        survey._unseen.clear()  # pyright: ignore[reportPrivateUsage]  # planted
        answered(survey, time, wanted)

    patch.setattr(Survey, "answered", forgets)


@pytest.mark.parametrize(
    "defect",
    [twice_counted, released_early, sent_again, left_waiting, lost_at_once, never_asked],
    ids=lambda defect: defect.__name__,
)
def test_a_planted_defect_is_noticed(
    defect: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On an exchange that is believed when it says once that it knows no such order."""
    hasty = replace(NAMED, name="hasty", rules=replace(NAMED.rules, missing_max=1))
    defect(monkeypatch)
    with pytest.raises(AssertionError):
        told(hasty, 1000, shrinks=False)
