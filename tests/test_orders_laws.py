"""The laws under the account of orders, on heaps of facts that no exchange would send.

Needs no door: events go straight into the fold. `PLANTED` are the defects that others shipped: each
is put into the fold, and one of the tests of orders must notice.
"""

from collections.abc import Callable
from decimal import Decimal
from inspect import signature
from pkgutil import resolve_name
from random import Random
from typing import Any, Final, TypeAlias

import pytest
import test_orders_names
import test_orders_stories
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from order_facts import (
    EXPIRY,
    NAMELESS,
    Account,
    X,
    answer,
    cancel,
    closed,
    dec,
    fill,
    missing,
    net,
    reverted,
    said,
    settle,
    submitted,
)
from order_stories import LIFE, PLAIN, STORIES, check, outcome, play

from tapefold.events import ZERO, AnyEvent, Fees, OrderNotFound
from tapefold.folds.orders import INFERRED, Evidence, Order, Orders, Sum
from tapefold.folds.orders.evidence import OrderFact, evidence

Names: TypeAlias = dict[str, Any]
NAMES: Final[list[Names]] = [
    {},
    {},
    NAMELESS,
    {**NAMELESS, "instrument": -1, "side": ""},
    {"exchange_order_id": ""},
]
"""How a message may name our order."""
TIMES = st.integers(0, 3)
AMOUNTS = st.sampled_from([None, "0", "0.4", "1"])
SAYS = st.sampled_from(["", "pending", "open", "filled", "canceled", "expired", "rejected"])
FEES = st.sampled_from([None, (), (("ETH", dec("0.1")),), (("BNB", dec("4e-9")),)])


def reported(names: Names, says: Any, money: Any, revision: int, time: int) -> OrderFact:
    executed, value, fees = money
    size = {0: None, 1: dec(2), 2: dec("0.5")}[revision]
    more: Names = {"fees": fees, "amount": size, "revision": revision, "time_exchange": time}
    return said(says, executed, value, **{**more, **names})


def filled(names: Names, n: int, numbers: Any, fees: Fees | None, time: int) -> OrderFact:
    amount, price, value = numbers
    return fill(f"T{n}", amount, price, value=value, fees=fees, time_exchange=time, **names)


FACTS = st.one_of(
    st.builds(
        reported,
        st.sampled_from(NAMES),
        SAYS,
        st.tuples(AMOUNTS, AMOUNTS, FEES),
        st.integers(0, 2),
        TIMES,
    ),
    st.builds(
        filled,
        st.sampled_from(NAMES),
        st.integers(1, 3),
        st.tuples(
            st.sampled_from(["0.3", "0.4", "0.00000123"]),
            st.sampled_from([100, "101.5"]),
            st.sampled_from([None, dec(30)]),
        ),
        FEES,
        TIMES,
    ),
    st.builds(reverted, st.sampled_from(["T1", "T2"])),
    st.builds(settle, st.sampled_from(["0", "0.4", "1"])),
    st.builds(closed, st.sampled_from(["0", "0.4"])),
    st.just(EXPIRY),
)
"""What proves something: its order must not matter."""
ANSWERS = st.one_of(
    st.builds(missing, st.sampled_from([1, 99])),
    st.builds(cancel, st.integers(1, 2)),
    st.builds(
        answer,
        st.sampled_from(["taken", "gone", "refused", "unanswered"]),
        st.integers(0, 2),
    ),
)
"""What we caused: here order matters."""
HEAPS = st.lists(FACTS, max_size=8)
EXCHANGES = st.sampled_from([X, "steps", "purge", "chain"])


def elsewhere(fact: Any, exchange: str) -> AnyEvent:
    """The same on another exchange."""
    moved: AnyEvent = replace(fact, exchange=exchange) if hasattr(fact, "exchange") else fact
    return moved


def joined(*parts: Evidence) -> Evidence:
    whole = Evidence()
    for part in parts:
        whole.join(part)
    return whole


def proven(facts: list[OrderFact]) -> Evidence:
    return joined(*map(evidence, facts))


@settings(max_examples=400, deadline=None)
@given(HEAPS, HEAPS, HEAPS)
def test_join_is_commutative_associative_and_idempotent(a: Any, b: Any, c: Any) -> None:
    x, y, z = proven(a), proven(b), proven(c)
    assert joined(x, y) == joined(y, x)
    assert joined(joined(x, y), z) == joined(x, joined(y, z))
    assert joined(x, x) == x == x.copy()


@settings(max_examples=400, deadline=None)
@given(HEAPS, EXCHANGES, st.randoms(use_true_random=False))
def test_any_heap_of_facts_comes_to_one_state(heap: Any, exchange: str, random: Random) -> None:
    """In two orders, one of them with repetitions, and both torn by a restart."""
    facts = [elsewhere(fact, exchange) for fact in [said("", time_exchange=1), *heap]]
    ends: list[Any] = []
    for sequence in (facts, random.sample(facts, len(facts)) + facts[:3]):
        account = Account(submitted(exchange=exchange), *sequence)
        cut = max(5, len(account.log) - random.randint(0, 4))
        account = Account.started(account.log[:cut])
        for fact in facts:
            account.frame(fact)
        ends.append(outcome(account))
        assert LIFE.fullmatch(account.letters), account.letters
        assert account.orders.news(everything=True) == []
    assert ends[0] == ends[1]


@settings(max_examples=200, deadline=None)
@given(st.lists(FACTS | ANSWERS, max_size=10), EXCHANGES)
def test_the_log_alone_gives_the_same_bytes(heap: Any, exchange: str) -> None:
    account = Account(submitted(exchange=exchange))
    for fact in heap:
        account.frame(elsewhere(fact, exchange))
        assert account.restored().state() == account.orders.state()
        assert account.order.told.fills == account.order.standing.fills == net(account.log)
    again = Account.started(account.log)
    assert again.log == account.log
    assert again.bytes() == account.bytes()
    assert LIFE.fullmatch(account.letters), account.letters


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(FACTS | ANSWERS, st.integers(0, 4), st.booleans()), max_size=30),
    st.integers(0, 3),
)
def test_many_orders_and_strangers_in_a_tiny_memory_never_raise(heap: Any, keep_max: int) -> None:
    account = Account(keep_max=keep_max)
    for number in range(3):
        account.frame(submitted(client_order_id=f"c{number}"))
    for fact, number, foreign in heap:
        more: Names = {"client_order_id": f"c{number}"}
        if hasattr(fact, "exchange_order_id"):
            more["client_order_id"] = "" if foreign else fact.client_order_id and f"c{number}"
            more["exchange_order_id"] = fact.exchange_order_id and f"e{number}"
        account.frame(replace(fact, **more))
        assert account.orders.news(everything=True) == []
        assert len(account.orders.state().done) <= keep_max
    again = Account.started(account.log, keep_max)
    assert again.log == account.log
    assert again.bytes() == account.bytes()
    assert account.restored().state() == account.orders.state()


def test_sums_are_exact_and_fees_that_cancel_out_are_gone() -> None:
    small = Sum(dec("4e-9"), dec("0.00000123"), (("BNB", dec("1e-30")), ("ETH", dec(1))))
    large = Sum(dec("12345678901234567890123456789012345678"), dec(1), (("ETH", dec(-1)),))
    both = Sum(
        Decimal("12345678901234567890123456789012345678.000000004"),
        Decimal("1.00000123"),
        (("BNB", dec("1e-30")),),
    )
    account = Account(submitted(amount=large.amount))
    account.frame(fill("T1", large.amount, value=dec(1), fees=large.fees))
    account.frame(fill("T2", small.amount, value=small.value, fees=small.fees))
    assert account.order.done == both
    assert str(account.order.executed) == "12345678901234567890123456789012345678.000000004"


# Defects


def twice(old: Any) -> Any:
    def join(self: Evidence, new: Evidence) -> None:
        fills = {f"{key}{len(self.fills)}": each for key, each in new.fills.items()}
        old(self, replace(new, fills=fills) if self.fills else new)

    return join


def last_wins(old: Any) -> Any:
    def join(self: Evidence, new: Evidence) -> None:
        old(self, new)
        self.executed = new.executed

    return join


def nothing_executed(old: Any) -> Any:
    def prove(fact: Any) -> Evidence:
        known: Evidence = old(fact)
        return replace(known, final=ZERO) if known.claims and known.final is None else known

    return prove


def by_status(old: Any) -> Any:
    def status(order: Order, done: Sum, behind: Decimal) -> Any:
        return "filled" if "filled" in order.evidence.claims else old(order, done, behind)

    return status


def at_once(old: Any) -> Any:
    def counted(order: Order) -> dict[str, Sum]:
        return dict(old(replace(order, rules=replace(order.rules, cumulative=True))))

    return counted


def at_price_0(old: Any) -> Any:
    def counted(order: Order) -> dict[str, Sum]:
        fills: dict[str, Sum] = old(order)
        rest = order.evidence.executed - Sum.of(fills.values()).amount
        if rest > 0 and order.evidence.settled >= order.evidence.executed:
            fills[INFERRED] = Sum(rest)
        return fills

    return counted


def impatient(old: Any) -> Any:
    def status(order: Order, done: Sum, behind: Decimal) -> Any:
        now = old(order, done, behind)
        return "rejected" if now == "submitted" and order.submit == "unanswered" else now

    return status


def lost_is_an_end(old: Any) -> Any:
    def status(order: Order, done: Sum, behind: Decimal) -> Any:
        now = old(order, done, behind)
        return "rejected" if now in ("open", "submitted") and order.missing >= 3 else now

    return status


def no_grace(old: Any) -> Any:
    def learn(self: Order, fact: Any) -> None:
        old(self, replace(fact, silent=10**12) if isinstance(fact, OrderNotFound) else fact)

    return learn


def keeps(name: str) -> Callable[[Any], Any]:
    """A field that hearing of an order no longer changes."""

    def plant(old: Any) -> Any:
        def heard(self: Order, fact: Any) -> None:
            before = getattr(self, name)
            old(self, fact)
            setattr(self, name, before)

        return heard

    return plant


def gone_is_canceled(old: Any) -> Any:
    def answered(self: Order, fact: Any) -> None:
        old(self, fact)
        if fact.outcome == "gone":
            self.evidence.join(Evidence(claims={"canceled": ""}, final=ZERO))

    return answered


def without(name: str) -> Callable[[Any], Any]:
    """A conclusion that is never told."""

    def plant(old: Any) -> Any:
        def news(order: Order, *, waiting: bool = False) -> list[Any]:
            return [each for each in old(order, waiting=waiting) if type(each).__name__ != name]

        return news

    return plant


def many_ends(old: Any) -> Any:
    def end(order: Order, *, stirred: bool) -> Any:
        ended, order.told.ended = order.told.ended, ""
        try:
            yield from () if ended == order.status else old(order, stirred=stirred)
        finally:
            order.told.ended = ended

    return end


def no_horizon(old: Any) -> Any:
    def stranger(self: Orders, fact: Any) -> Any:
        self.horizon.clear()
        return old(self, fact)

    return stranger


def by_name_alone(old: Any) -> Any:
    def whose(self: Orders, fact: Any) -> Any:
        return self.ours.get(fact.client_order_id) or old(self, fact)

    return whose


def all_of_it(old: Any) -> Any:
    def held(order: Order, status: Any, done: Sum, behind: Decimal) -> Decimal:
        return (
            ZERO
            if status in ("closing", "filled", "canceled")
            else old(order, status, done, behind)
        )

    return held


def always(value: Any) -> Callable[[Any], Any]:
    """A rule that says the same of everything."""

    def plant(_: Any) -> Any:
        def rule(*_: Any, **__: Any) -> Any:
            return value

        return rule

    return plant


def certain(_: Any) -> Any:
    return property(always(True)(None))


def by_id_alone(old: Any) -> Any:
    def get(self: Any, exchange: str, exchange_order_id: str, _: int = -1) -> Any:
        return old(self, exchange, exchange_order_id)

    return get


ROOT: Final = "tapefold.folds.orders."
PLANTED: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "a repeated trade counts again": ("evidence:Evidence.join", twice),
    "the last page wins, not the greatest amount": ("evidence:Evidence.join", last_wins),
    "a cancel that says no amount executed nothing": ("order:evidence", nothing_executed),
    "the end comes before the fills": ("standing:behind_of", always(ZERO)),
    "completed by status": ("standing:status_of", by_status),
    "inferred at once, though trades come": ("standing:counted", at_once),
    "inferred at price 0": ("standing:counted", at_price_0),
    "a timeout is a failure": ("standing:status_of", impatient),
    "not found thrice is an end": ("standing:status_of", lost_is_an_end),
    "not found counts at once": ("order:Order.learn", no_grace),
    "found does not mean that it is not lost": ("order:Order._heard", keeps("missing")),
    "a cancel that overtook its order is forgotten": ("order:Order._heard", keeps("cancel")),
    "heard of, and still unanswered": ("order:Order._heard", keeps("submit")),
    "an unknown order has been canceled": ("order:Order._cancel_answered", gone_is_canceled),
    "the reservation is released while it closes": ("standing:held_of", all_of_it),
    "nothing is ever due": ("standing:due_of", always("")),
    "filled before accepted": ("orders:news_of", without("OrderAccepted")),
    "a late fill changes no end": ("orders:news_of", without("OrderCorrected")),
    "two ends": ("telling:_end", many_ends),
    "what was told is told again": ("orders:hear", always(None)),
    "a fill before we know the id is dropped": ("order:Order.absorb", always(None)),
    "what was forgotten counts again": ("orders:Orders._stranger", no_horizon),
    "another order with our name is ours": ("orders:Orders._whose", by_name_alone),
    "what has news is forgotten": ("order:Order.quiet", certain),
    "an id is of one order, whatever the instrument": ("names:Names.get", by_id_alone),
}
"""Where, and what instead of what is there."""
SITUATIONS: Final[list[Callable[[], None]]] = [
    test
    for module in (test_orders_names, test_orders_stories)
    for name, test in vars(module).items()
    if name.startswith("test_") and not signature(test).parameters
]
"""The tests that tell one story each."""


def told_well() -> None:
    """The stories in a few of their orders, everything twice; then the single ones."""
    for story in STORIES:
        orders = [*story.orders()]
        for order in orders[:: max(1, len(orders) // 3)]:
            account = play(story, [*story.repeated(order)][-1])
            check(account, story)
            assert (PLAIN if story.plain else LIFE).fullmatch(account.letters)
    for situation in SITUATIONS:
        situation()


@pytest.mark.parametrize("defect", PLANTED)
def test_a_planted_defect_is_noticed(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, plant = PLANTED[defect]
    old: Any = resolve_name(ROOT + where)
    monkeypatch.setattr(ROOT + where.replace(":", "."), plant(old))
    with pytest.raises(AssertionError):
        told_well()


def test_without_a_defect_there_is_nothing_to_notice() -> None:
    told_well()
    assert len(SITUATIONS) > 50
