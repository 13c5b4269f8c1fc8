"""Random stories on a tiny honest exchange: whatever the wire does, we end in agreement, to the last digit.

No door: kernel, adapter and exchange in one process, and between them a wire that loses, delays,
repeats, cuts and kills as hypothesis says. Time is an int, so a story of hours takes milliseconds.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar, Final, NamedTuple

import pytest
from agreement import LIFE, check, lives
from flavours import FLAVOURS, NAMED, NATIVES, TINY, Flavour
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from rough_wire import Fate, RoughWire

from tapefold.adapter import Cancel, CancelAll, Query, Submit
from tapefold.errors import UnknownInstrument
from tapefold.events import OrderType, TimeInForce
from tapefold.units import SECOND, Side

STEPS: Final = 50
KINDS: Final[tuple[tuple[OrderType, TimeInForce], ...]] = (
    ("limit", "gtc"),
    ("limit", "gtc"),
    ("limit", "gtc"),
    ("limit", "ioc"),
    ("limit_maker", "gtc"),
    ("market", "gtc"),
)
FATES: Final[tuple[Fate, ...]] = (
    *("answered",) * 8,
    *("stale",) * 2,
    "reply_lost",
    "lost",
    "late",
    "busy_after",
    "limited",
)
SYMBOLS: Final = ("ETH-USDT", "ETH-USDT", "LTC-USDT")


class Chance(NamedTuple):
    """What hypothesis drew for one step."""

    n: int
    side: Side
    amount: Decimal
    price: Decimal


class Story(RuleBasedStateMachine):
    """What may happen, one thing after another."""

    flavour: ClassVar[Flavour] = NAMED
    steps: ClassVar[int] = 0

    @initialize(keep_max=st.sampled_from([4, 4096]))
    def opens(self, keep_max: int) -> None:
        self.wire = RoughWire(self.flavour, keep_max)
        self.wire.flush()

    @rule(
        what=st.deferred(lambda: st.sampled_from(WHAT)),
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


# What may happen. Each says whether it could.


def submit(wire: RoughWire, chance: Chance) -> bool:
    n, side, amount, price = chance
    order_type, tif = KINDS[n % len(KINDS)]
    order = Submit(
        TINY,
        SYMBOLS[n // 6 % len(SYMBOLS)],
        side,
        amount,
        None if order_type == "market" else price,
        order_type=order_type,
        tif=tif,
        worst=price if order_type == "market" else None,
        expires_at=0 if n % 9 else wire.now + 7 * SECOND,
    )
    try:
        wire.tell(order)
    except UnknownInstrument:
        return False  # the list of a new run has not come yet
    return True


def cancel(wire: RoughWire, chance: Chance) -> bool:
    if name := _one_of_ours(wire, chance.n):
        wire.tell(Cancel(name))
    return bool(name)


def query(wire: RoughWire, chance: Chance) -> bool:
    if name := _one_of_ours(wire, chance.n):
        wire.tell(Query(name))
    return bool(name)


def cancel_all(wire: RoughWire, chance: Chance) -> bool:
    wire.tell(CancelAll(TINY, timeout=(1 + chance.n % 20) * SECOND))
    return True


def _one_of_ours(wire: RoughWire, n: int) -> str:
    names = [*wire.kernel.views.orders.ours]
    return names[n % len(names)] if names else ""


def arrive(wire: RoughWire, chance: Chance) -> bool:
    if there := bool(wire.out):
        wire.arrive(chance.n, FATES[chance.n // 7 % len(FATES)])
    return there


def arrive_late(wire: RoughWire, chance: Chance) -> bool:
    if there := bool(wire.limbo):
        wire.arrive_late(chance.n)
    return there


def reply(wire: RoughWire, chance: Chance) -> bool:
    if there := bool(wire.back):
        wire.reply(chance.n)
    return there


def hear(wire: RoughWire, chance: Chance) -> bool:
    if there := bool(wire.exchange.stream):
        wire.hear(twice=not chance.n % 6)
    return there


def repeat(wire: RoughWire, chance: Chance) -> bool:
    if there := bool(wire.lane):
        wire.repeat(chance.n)
    return there


def dial(wire: RoughWire, chance: Chance) -> bool:
    if there := bool(wire.dialled):
        wire.dial(refused=not chance.n % 5)
    return there


def drop(wire: RoughWire, chance: Chance) -> bool:
    if there := bool(wire.lane):
        wire.drop()
    return there


def wait(wire: RoughWire, chance: Chance) -> bool:
    wire.wait((1 + chance.n % 12) * SECOND)
    return True


def calm(wire: RoughWire, chance: Chance) -> bool:
    wire.flush()
    return True


def restart(wire: RoughWire, chance: Chance) -> bool:
    wire.restart(chance.n % 13, thawed=bool(chance.n & 256))
    return True


def stranger(wire: RoughWire, chance: Chance) -> bool:
    n, side, amount, price = chance
    wire.exchange.stranger([*NATIVES][n % 2], side, amount, price)
    return True


def taken(wire: RoughWire, chance: Chance) -> bool:
    """A stranger takes some of an order of the account."""
    live = wire.exchange.live("engine", "hand")
    if live:
        order = live[chance.n % len(live)]
        side: Side = "sell" if order.side == "buy" else "buy"
        amount = min(order.rest, chance.amount)
        wire.exchange.stranger(order.native, side, amount, order.price)
    return bool(live)


def by_hand(wire: RoughWire, chance: Chance) -> bool:
    _, side, amount, price = chance
    return wire.exchange.by_hand("ETHUSDT", side, amount, price) is not None


def ends(wire: RoughWire, chance: Chance) -> bool:
    """An order of the account ends by itself."""
    live = wire.exchange.live("engine", "hand")
    if live:
        wire.exchange.expire(live[chance.n % len(live)])
    return bool(live)


def deposit(wire: RoughWire, chance: Chance) -> bool:
    wire.exchange.deposit("ETH" if chance.n % 2 else "USDT", chance.amount)
    return True


_OFTEN: Final[dict[Callable[[RoughWire, Chance], bool], int]] = {
    submit: 8,
    cancel: 4,
    query: 1,
    cancel_all: 1,
    arrive: 12,
    arrive_late: 2,
    reply: 12,
    hear: 10,
    repeat: 2,
    dial: 3,
    drop: 1,
    wait: 4,
    calm: 2,
    restart: 1,
    stranger: 2,
    taken: 8,
    by_hand: 1,
    ends: 2,
    deposit: 1,
}
MOVES: Final = {move.__name__: move for move in _OFTEN}
WHAT: Final = [move.__name__ for move, times in _OFTEN.items() for _ in range(times)]


def told(flavour: Flavour, examples: int, *, shrinks: bool = True) -> int:
    """Tell so many stories; how many steps they had. Raises at the first that does not end well."""
    phases = [phase for phase in Phase if shrinks or phase not in (Phase.shrink, Phase.explain)]
    kind: Any = type(f"Story_{flavour.name}", (Story,), {"flavour": flavour, "steps": 0})
    run_state_machine_as_test(  # type: ignore[no-untyped-call]  # hypothesis does not say
        kind,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            database=None,
            phases=phases,
            print_blob=False,
            suppress_health_check=[*HealthCheck],
        ),
    )
    steps: int = kind.steps
    return steps


@pytest.mark.parametrize("flavour", FLAVOURS, ids=lambda flavour: flavour.name)
def test_every_story_ends_in_agreement(flavour: Flavour) -> None:
    assert told(flavour, 60) >= 2500
