"""The compiled core is its definition: one side of a book, whatever is done to it, in any order.

Needs no door: both are given the same bytes. The best is asked for at different places, since asking
changes the heap and nothing that can be seen.
"""

import sys
import tracemalloc
from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import partial
from itertools import count, islice
from random import Random
from time import thread_time
from types import FrameType
from typing import Any

import pytest
from core_sides import (
    COUNTS,
    CROWD,
    EDGES,
    NUMBER_MAX,
    anything,
    ill_made,
    levels,
    side,
    spelled,
    usual,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from msgspec import Raw
from two_cores import DEFINITION, NATIVE, OFTEN, alone, outcome

from tapefold.core import half

Levels = list[tuple[int, int]]
Prices = Callable[[Random], Iterable[int]]
SIGNS = (-1, 1)


class Twins:
    """One side, twice."""

    def __init__(self, sign: int) -> None:
        self.native, self.defined = NATIVE.Half(sign), DEFINITION.Half(sign)
        assert self.native.sign == self.defined.sign == sign

    def both(self, name: str, *arguments: object) -> tuple[Any, ...]:
        """What both give, or how both refuse it."""
        native = outcome(getattr(self.native, name), *arguments)
        assert native == outcome(getattr(self.defined, name), *arguments)
        return native

    def apply(self, *blobs: Raw | bytes) -> None:
        """Each of these. Where it is refused, nothing has been done."""
        for blob in blobs:
            before = self.defined.sorted()
            if self.both("apply", blob)[0] is not type(None):
                assert self.native.sorted() == self.defined.sorted() == before

    def agree(self) -> None:
        """All that can be seen without looking for the best."""
        rows = self.defined.sorted()
        assert self.native.sorted() == rows
        assert len(self.native) == len(self.defined) == len(rows)
        assert self.native.largest() == self.defined.largest()
        assert [*self.native.levels.items()] == [*self.defined.levels.items()] == rows

    def best(self) -> None:
        """The best is the first of all, and is the same."""
        rows = self.defined.sorted()
        assert self.both("best")[1] == (rows[0] if rows else None)

    def drained(self) -> None:
        """The best taken away until nothing is left: so the whole heap is in order."""
        while best := self.defined.best():
            assert self.native.best() == best
            self.apply(side([(best[0], 0)]))
        assert self.native.best() is None
        self.agree()


class Life(RuleBasedStateMachine):
    """Anything that is done to a side."""

    def __init__(self) -> None:
        super().__init__()
        self.twins = Twins(1)

    @initialize(sign=st.sampled_from(SIGNS), first=levels)
    def begin(self, sign: int, first: Levels) -> None:
        self.twins = Twins(sign)
        self.twins.apply(side(first))

    @rule(blob=usual)
    def apply_the_usual(self, blob: bytes) -> None:
        self.twins.apply(blob)

    @rule(blob=anything)
    def apply_anything(self, blob: bytes) -> None:
        self.twins.apply(blob)

    @rule(count=st.integers(1, 80), seed=st.integers(0, 2**16))
    def apply_many(self, count: int, seed: int) -> None:
        random = Random(seed)
        self.twins.apply(side([(random.randrange(200), random.randrange(4)) for _ in range(count)]))

    @rule()
    def delete_the_best(self) -> None:
        if best := self.twins.defined.best():
            self.twins.apply(side([(best[0], 0)]))

    @rule(ours=st.booleans())
    def ask_one_alone(self, ours: bool) -> None:
        """Its heap is put right, the other's is not."""
        (self.twins.native if ours else self.twins.defined).best()

    @rule()
    def ask_both(self) -> None:
        self.twins.best()

    @rule(rows=levels)
    def replace(self, rows: Levels) -> None:
        there = {price: size for price, size in rows if size}
        self.twins.both("replace", there)
        there.clear()  # what was given is not kept

    @rule()
    def go_on_with_copies(self) -> None:
        self.twins = deepcopy(self.twins)

    @rule(price=st.sampled_from((1, 10, 10**9, 10**25)), size=st.sampled_from((1, 10, 10**18)))
    def rescale(self, price: int, size: int) -> None:
        """As far as 63 bits go, as `Book.rescale` looks; nothing of nothing always fits."""
        most, largest = self.twins.defined.largest()
        if most * price <= NUMBER_MAX >= largest * size:
            self.twins.both("rescale", price, size)

    @invariant()
    def they_agree(self) -> None:
        self.twins.agree()

    def teardown(self) -> None:
        self.twins.best()
        self.twins.drained()


def test_whatever_is_done_to_a_side_the_two_agree() -> None:
    run_state_machine_as_test(
        Life, settings=settings(OFTEN, max_examples=100, stateful_step_count=25)
    )


@settings(OFTEN, max_examples=400)
@given(usual, ill_made, st.sampled_from(SIGNS))
def test_bytes_that_are_no_side_are_refused_the_same(before: bytes, blob: bytes, sign: int) -> None:
    twins = Twins(sign)
    twins.apply(before, blob, Raw(blob))
    twins.agree()
    twins.best()


@settings(OFTEN, max_examples=200)
@given(levels, levels, st.integers(0, 2**32), st.sampled_from(SIGNS))
def test_in_which_spelling_a_side_comes_is_all_one(
    before: Levels, rows: Levels, seed: int, sign: int
) -> None:
    """And it is what a dict would come to."""
    twins, other, model = Twins(sign), Twins(sign), dict[int, int]()
    for each in (before, rows):
        twins.apply(side(each))
        other.apply(spelled(each, seed))
        model.update(each)
    wanted = sorted(((p, s) for p, s in model.items() if s), reverse=sign < 0)
    assert twins.native.sorted() == other.native.sorted() == wanted
    twins.agree()
    other.agree()
    other.drained()


SMALL = (
    side([(5, 1), (200, 0), (70_000, 300)]),
    b"\x92\x91\xcf\x7f\xff\xff\xff\xff\xff\xff\xff\x91\xce\x00\x01\x00\x00",
    spelled([(5, 1), (6, 0)], 3),
)


@pytest.mark.parametrize("blob", SMALL)
def test_every_small_wrong_in_a_side_is_the_same(blob: bytes) -> None:
    """Cut at each byte; each byte gone, doubled, or another one, or with another one before it."""
    for at in range(len(blob) + 1):
        head, here, rest = blob[:at], blob[at : at + 1], blob[at + 1 :]
        wrong = [head, head + rest, head + here + here + rest]
        for code in range(256):
            wrong += [head + bytes((code,)) + rest, head + bytes((code,)) + here + rest]
        for each in wrong:
            twins = Twins(1)
            twins.apply(b"\x92\x91\x05\x91\x07", each)
            assert twins.both("best")


@pytest.mark.parametrize("code", range(0x80, 0x100))
def test_nothing_is_read_outside_a_side(code: int) -> None:
    """A window into more: what follows would have been a number's other bytes."""
    for blob in (b"\x92\x91", b"\x92\x91\x05\x91", b"\x92", b""):
        frame = blob + bytes((code, 0, 0, 0, 1, 0, 0, 0, 1, 0x91, 1))
        for stop in range(len(blob), len(frame) + 1):
            twins = Twins(1)
            twins.apply(Raw(memoryview(frame)[:stop]))
            twins.agree()


@pytest.mark.parametrize("count", COUNTS)
def test_many_levels_at_once_are_the_same(count: int) -> None:
    twins, random = Twins(SIGNS[count % 2]), Random(count)
    for rows in (
        [(price, 1 + price % 7) for price in range(count)],
        [(random.choice(EDGES), random.choice(EDGES)) for _ in range(count)],
        [(random.randrange(2 * count + 1), random.randrange(2)) for _ in range(count)],
    ):
        twins.apply(side(rows))
        twins.best()
    twins.agree()
    with alone():  # so no test here is of the definition alone
        twins.native.apply(side([(NUMBER_MAX, 1), (0, 2), (5, 0)] * count))


# Long lives


def far(random: Random) -> Iterable[int]:
    """Prices anywhere: hardly any comes twice."""
    while True:
        yield random.randrange(NUMBER_MAX)


def near(random: Random) -> Iterable[int]:
    """Prices about a place that moves on, as those of a market do."""
    middle = 10**6
    while True:
        middle += random.randint(-20, 20)
        yield middle + int(random.gauss(0, 400))


def crowded(random: Random) -> Iterable[int]:
    """Prices that a hash may put all into one place."""
    while True:
        yield random.choice(CROWD)


def few(random: Random) -> Iterable[int]:
    """A few prices, the largest and the smallest among them."""
    while True:
        yield random.choice((0, 1, 2, 3, 2**32, NUMBER_MAX - 1, NUMBER_MAX))


WALKS: tuple[Prices, ...] = (far, near, crowded, few)


def walk(twins: Twins, random: Random, prices: Iterable[int], many: int, steps: int) -> None:
    """So many changes of up to *many* levels; at times nearly all goes."""
    at = iter(prices)
    for _ in range(steps):
        kept = random.choice((0.9, 0.5, 0.5, 0.1))
        rows = [
            (next(at), random.randrange(1, 10**9) if random.random() < kept else 0)
            for _ in range(random.randint(0, many))
        ]
        if random.random() < 0.2:  # those that are there, best first, as when a market runs
            best = twins.defined.sorted()
            rows += [(price, 0) for price, _ in best[: random.randint(0, len(best))]]
        twins.apply(side(rows))
        if random.random() < 0.3:
            twins.best()


@pytest.mark.parametrize("prices", WALKS, ids=lambda walk: walk.__name__)
def test_thousands_of_short_lives_are_the_same(prices: Prices) -> None:
    for seed in range(600):
        random = Random(seed)
        twins = Twins(random.choice(SIGNS))
        walk(twins, random, prices(random), 12, 8)
        twins.agree()
        twins.best()


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("prices", WALKS, ids=lambda walk: walk.__name__)
def test_a_long_life_of_a_deep_book_is_the_same(prices: Prices, sign: int) -> None:
    """Some 25,000 changes each: the slots grow and are made anew, the heap is full of what is gone."""
    random = Random(sign)
    twins = Twins(sign)
    walk(twins, random, prices(random), 500, 100)
    twins.agree()
    twins.best()
    walk(twins, random, prices(random), 3, 100)
    twins.agree()
    twins.drained()


# Memory


@pytest.mark.parametrize("odd", [False, True], ids=["usual", "unusual"])
def test_a_side_gives_back_what_it_does_not_need(odd: bool) -> None:
    """Once most of it is removed, by one change or by many, with no look at the best; all in the end."""
    many, rows = side([(p, 1) for p in range(20_000)]), [(p, 0) for p in range(20_000)]
    gone = spelled(rows, 1) if odd else side(rows)
    moves = [side([(price, 0), (price + 1, 1)]) for price in range(20_000, 24_000)]
    tracemalloc.start()
    try:
        half = NATIVE.Half(1)
        half.apply(many)
        most, _ = tracemalloc.get_traced_memory()
        half.apply(gone)
        emptied, _ = tracemalloc.get_traced_memory()
        for move in moves:
            half.apply(move)
        moved, _ = tracemalloc.get_traced_memory()
        del half
        ended, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most > 20_000 * 16
    assert max(emptied, moved) < 20_000
    assert ended < 2_000


# Prices that somebody chose


def test_no_prices_can_be_chosen_that_all_want_one_slot() -> None:
    """Twenty thousand of them would take 200 million looks; the secret of the process is not known."""
    random = Random(1)
    anyhow = [random.randrange(NUMBER_MAX) for _ in range(CHOSEN)]
    assert _seconds(_chosen()) < 20 * _seconds(anyhow)


CHOSEN = 20_000
WORDS = 2**64
MIXERS = (0x9E3779B97F4A7C15, 0xFF51AFD7ED558CCD)
"""What `_core.pyx` multiplies with, the last first."""


def _chosen() -> list[int]:
    """Prices whose hash is a small number, where nothing secret is mixed in: its steps, undone."""
    last, first = (pow(each, -1, WORDS) for each in MIXERS)
    hashes = map(_folded, (n * last % WORDS for n in count(1)))
    prices = (_folded(n * first % WORDS) for n in hashes)
    return [*islice((price for price in prices if price <= NUMBER_MAX), CHOSEN)]


def _folded(word: int) -> int:
    """The upper half mixed into the lower one; done twice, nothing was done."""
    return word ^ word >> 32


def _seconds(prices: list[int]) -> float:
    """What a side of these prices takes: the quickest of three times."""
    blob, times = side([(price, 1) for price in prices]), list[float]()
    for _ in range(3):
        half, begun = NATIVE.Half(1), thread_time()
        half.apply(blob)
        times.append(thread_time() - begun)
    return min(times)


# An interrupt


def _interrupted(call: Callable[[], object], after: int) -> bool:
    """Have Ctrl-C come in the definition after so many of its opcodes; whether it came before the end."""
    seen, before = 0, sys.gettrace()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal seen
        if frame.f_code.co_filename != half.__file__:
            return None
        frame.f_trace_opcodes = True
        seen += event == "opcode"
        if seen > after:
            raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.parametrize("looking", [False, True], ids=["a change", "a look"])
def test_what_is_done_again_after_an_interrupt_anywhere_is_right(looking: bool) -> None:
    """A level that were none on the heap would never be the best again."""
    change = side([(5, 7), (4, 9), (10, 1), (6, 0)])
    for after in count():
        one = DEFINITION.Half(1)
        one.apply(side([(5, 1), (6, 1), (7, 1)]))
        one.apply(side([(5, 0)]))
        stopped = _interrupted(one.best if looking else partial(one.apply, change), after)
        one.apply(change)
        for best in ((4, 9), (5, 7), (7, 1), (10, 1)):
            assert one.best() == one.sorted()[0] == best
            one.apply(side([(best[0], 0)]))
        if not stopped:
            assert after > 20
            return
