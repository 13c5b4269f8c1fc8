"""The compiled core is its definition: numbers, and levels packed.

Needs no door: what the two give for the same input is compared. What is refused is refused with the same
words, and neither takes anything in by half.
"""

import json
from collections.abc import Sequence
from itertools import product
from random import Random
from typing import Any

import msgspec
import pytest
from core_sides import COUNTS, EDGES, PLAIN
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Raw
from two_cores import DEFINITION, NATIVE, OFTEN, Core, alone, outcome, same

from tapefold.core import NOTHING, pack_levels, pack_sides, unpack
from tapefold.units import DIGITS_MAX, Scale, TooFine, TooLarge, plain

ALPHABET = "0123456789.+-_,eE \t\n\0/:٣１²½\u06f0\ud800\udfff\U0001d7ce\x7f\x80ÿ"
"""Digits, what stands beside them in ASCII, other scripts' digits, and halves of characters."""
ZEROS = (0, 1, 2, 17, 18, 19, 41, 60, 63, 64, 65, 100)
Rows = Sequence[Sequence[object]]
digits_of = st.integers(0, DIGITS_MAX) | st.integers(-3, 70)


# Numbers


@st.composite
def long_numbers(draw: st.DrawFn) -> str:
    """Nearly numbers: zeros before and behind, no point, one or two."""
    before, behind = draw(st.sampled_from(ZEROS)), draw(st.sampled_from(ZEROS))
    whole = draw(st.text("0123456789", max_size=22))
    part = draw(st.none() | st.text("0123456789", max_size=22))
    tail = "" if part is None else f".{part}"
    return (
        "0" * before + whole + tail + "0" * behind + draw(st.sampled_from(("", "", "", ".", "x")))
    )


texts = st.one_of(
    st.text(ALPHABET, max_size=6),
    st.text("0123456789.", max_size=24),
    st.text("0123456789", min_size=55, max_size=110),
    long_numbers(),
    st.builds(plain, st.sampled_from(EDGES), st.integers(0, 20)),
    st.text(max_size=8),
)


@settings(OFTEN, max_examples=1500)
@given(texts, digits_of)
@example("", 0)
@example("1" * 5000, 3)
@example("1." + "0" * 5000, 3)
def test_a_number_is_the_same_or_refused_the_same(text: str, digits: int) -> None:
    """Also where a scale remembers it: from the text, and once more from what it remembers."""
    once = same("scaled", text, digits)
    memo = Scale(digits).__getitem__
    assert outcome(memo, text) == outcome(memo, text) == once


@pytest.mark.parametrize("digits", [0, 1, 2, DIGITS_MAX])
def test_every_short_text_is_the_same_or_refused_the_same(digits: int) -> None:
    """All 19,608 of up to five of these characters."""
    for length in range(6):
        for letters in product("019.- ٣", repeat=length):
            text = "".join(letters)
            same("scaled", text, digits)


@pytest.mark.parametrize("digits", range(DIGITS_MAX + 1))
def test_every_edge_is_the_same_wherever_its_point_is(digits: int) -> None:
    edges = {e + d for e in (*EDGES, 10**17, 10**18, 2**64, 10**19) for d in (-1, 0, 1)} - {-1}
    kinds = set[Any]()
    for edge, places in product(sorted(edges), (0, 1, 2, 9, 17, 18, 19)):
        text = plain(edge, places)
        for zeros in ("", "0", "0" * 19):
            longer = text + ("" if "." in text else ".0") + zeros
            for each in (zeros + text, longer, zeros + longer):
                kind, *_ = same("scaled", each, digits)
                kinds.add(kind)
    assert kinds == {int, TooFine, TooLarge}


@pytest.mark.parametrize("digits", [-(2**62), -1, 19, 20, 63, 64, 65, 2**31, 2**32])
def test_a_scale_that_no_instrument_has_is_taken_or_refused_alike(digits: int) -> None:
    for text in ("0", "1", "1.5", "", ".", "0.0", "1." + "0" * 70):
        same("scaled", text, digits)


@pytest.mark.parametrize("text", [None, b"1", 1, 1.0, bytearray(b"1")])
def test_what_is_no_text_is_refused(text: Any) -> None:
    """With which words is each one's own affair; that it is none of a number's errors is not."""
    for core in (NATIVE, DEFINITION):
        with pytest.raises((TypeError, AttributeError)):
            core.scaled(text, 2)


# Levels


def compact(rows: Rows) -> bytes:
    """As exchanges print it."""
    return json.dumps(rows, separators=(",", ":")).encode()


def spelled(rows: Rows, seed: int) -> bytes:
    """The same JSON in another spelling."""
    random = Random(seed)
    gap = random.choice(("", "", " ", "\n", "\t ", "\r\n"))
    text = json.dumps(rows, separators=(f"{gap},", ","), indent=random.choice((None, None, 1)))
    if random.random() < 0.5:  # some of its digits escaped
        text = "".join(
            f"\\u{ord(c):04x}" if c in "0123456789." and random.random() < 0.1 else c for c in text
        )
    return f"{gap}{text}{random.choice(('', gap))}".encode()


def rows_of(count: int, seed: int) -> list[tuple[str, str]]:
    """So many levels that an exchange may print; one number of 18 digits makes all the definition's."""
    random = Random(seed)
    edges = EDGES if random.random() < 0.1 else [edge for edge in EDGES if edge < 10**10]

    def number() -> str:
        value = random.choice(edges) if random.random() < 0.3 else random.randrange(10**9)
        return plain(value, random.randint(0, 6))

    return [(number(), number()) for _ in range(count)]


fitting = st.builds(plain, st.integers(0, 10**9) | st.sampled_from(EDGES), st.integers(0, 6))
elements = st.one_of(
    fitting, fitting, fitting, texts, st.integers(0, 99), st.floats(0, 9), st.none(), st.just([])
)
seeds = st.integers(0, 2**32)
good_rows = st.builds(rows_of, st.integers(0, 20), seeds)
fitting_rows = st.lists(st.tuples(*[st.integers(0, 10**9).map(str)] * 2), max_size=5)
any_rows = st.lists(
    st.one_of(*[st.tuples(kind, kind) for kind in (fitting, texts, elements)]), max_size=4
)
odd_rows: st.SearchStrategy[list[Any]] = st.lists(
    st.lists(elements, min_size=2, max_size=2) | st.lists(elements, max_size=3), max_size=4
)
documents = st.one_of(
    good_rows.map(compact),
    st.builds(spelled, good_rows, seeds),
    odd_rows.map(compact),
    st.recursive(elements, lambda inner: st.lists(inner, max_size=3), max_leaves=6).map(compact),
)
scales = st.tuples(st.integers(0, 8), st.integers(0, 8)) | st.tuples(digits_of, digits_of)


def packed(document: Raw | bytes, scale: tuple[int, int]) -> tuple[Any, ...]:
    """What both make of it: a `Raw` of the same bytes, or the same error."""
    return same("pack_levels", document, *scale)


@settings(OFTEN, max_examples=800)
@given(documents, scales)
@example(b"", (2, 3))
@example(b"[]", (2, 3))
@example(b'[["1","2"]', (2, 3))
@example(b'[["1.001","2"],["x","2"]]', (2, 3))
def test_levels_are_the_same_or_refused_the_same(document: bytes, scale: tuple[int, int]) -> None:
    packed(document, scale)


@settings(OFTEN, max_examples=250)
@given(good_rows, scales, seeds)
def test_packed_levels_are_the_numbers_of_their_texts(
    rows: list[tuple[str, str]], scale: tuple[int, int], seed: int
) -> None:
    """However the JSON is spelled; and a price that comes twice stands there twice."""
    rows += rows[:2]
    columns = [[outcome(DEFINITION.scaled, row[n], scale[n]) for row in rows] for n in (0, 1)]
    for document in (compact(rows), spelled(rows, seed)):
        kind, data, *_ = packed(document, scale)
        if kind is Raw:
            prices, sizes = unpack(data)
            assert [[value for _, value in column] for column in columns] == [prices, sizes]
        else:
            assert (kind, data) in [wrong[:2] for column in columns for wrong in column]


@settings(OFTEN, max_examples=400)
@given(good_rows, good_rows, scales)
@example([], [("1", "2")], (0, 0))
def test_both_sides_together_are_packed_as_each_by_itself(
    bids: list[tuple[str, str]], asks: list[tuple[str, str]], scale: tuple[int, int]
) -> None:
    each = [packed(compact(rows), scale) for rows in (bids, asks)]
    together = both_sides(bids, asks, scale)
    if all(kind is Raw for kind, *_ in each):
        assert together == (list, [data for _, data, *_ in each])
    else:  # of two faults either may be told
        assert together[0] in [kind for kind, *_ in each]


@settings(OFTEN, max_examples=800)
@given(any_rows, any_rows, scales)
@example([("1", "2", "3")], [], (0, 0))
@example(["12"], [["3", "4"]], (0, 0))
@example((("1", "2"),), [], (0, 0))
@example(None, [], (0, 0))
def test_any_two_sides_are_packed_the_same_or_refused_the_same(
    bids: Any, asks: Any, scale: tuple[int, int]
) -> None:
    both_sides(bids, asks, scale)


def both_sides(bids: Any, asks: Any, scale: tuple[int, int]) -> tuple[Any, ...]:
    """The bytes that both cores make of two sides, or how both refuse them."""

    def by(core: Core) -> tuple[Any, ...]:
        return outcome(lambda: [*map(bytes, core.pack_sides(bids, asks, *scale))])

    native, defined = by(NATIVE), by(DEFINITION)
    assert native == defined
    return native


@given(fitting_rows, fitting_rows)
def test_what_was_packed_last_is_unpacked_as_what_was_read_from_a_disk(
    bids: list[tuple[str, str]], asks: list[tuple[str, str]]
) -> None:
    """It is remembered, until something else is packed; bytes that are equal are something else."""
    given = (*pack_sides(bids, asks, 9, 9), pack_levels(compact(bids), 9, 9))
    for blob in given:
        assert unpack(blob) == unpack(bytes(blob))


@settings(OFTEN, max_examples=150)
@given(good_rows, good_rows, st.binary(max_size=6))
def test_nothing_is_read_outside_the_levels(
    rows: list[tuple[str, str]], more: list[tuple[str, str]], rest: bytes
) -> None:
    """What the wire gives is a window into a whole frame, and what follows could be read as more of it."""
    for document in (compact(rows), b'[["1","2', b'[["1","2"],["3","4"]', b'[["12'):
        frame = document + compact(more)[1:] + b'345"]]' + rest
        window = Raw(memoryview(frame)[: len(document)])
        assert packed(window, (8, 8)) == packed(document, (8, 8))


class Frame(msgspec.Struct):
    """As an adapter reads one."""

    b: Raw
    a: Raw


@settings(OFTEN, max_examples=100)
@given(good_rows, good_rows)
def test_levels_within_a_decoded_frame_are_the_same(
    bids: list[tuple[str, str]], asks: list[tuple[str, str]]
) -> None:
    frame = msgspec.json.decode(b'{"b":%b,"a":%b}' % (compact(bids), compact(asks)), type=Frame)
    assert packed(frame.b, (8, 8)) == packed(compact(bids), (8, 8))
    assert packed(frame.a, (8, 8)) == packed(compact(asks), (8, 8))


DOCUMENTS = (
    b'[["1.25","0"],["30","4.5"]]',
    b'[["10.00","1.000"]]',
    b'[ ["1","2"] ]',
    b'[["\\u0031","2"]]',
    b"[]",
)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_small_wrong_in_levels_is_the_same(document: bytes) -> None:
    """Cut at each byte; each byte gone, doubled, or another one, or with another one before it."""
    for at in range(len(document) + 1):
        head, here, rest = document[:at], document[at : at + 1], document[at + 1 :]
        wrong = [head, head + rest, head + here + here + rest]
        for code in range(256):
            wrong += [head + bytes((code,)) + rest, head + bytes((code,)) + here + rest]
        for each in wrong:
            packed(each, (2, 1))


@pytest.mark.parametrize("count", COUNTS)
def test_many_levels_are_the_same(count: int) -> None:
    random = Random(count)
    rows = [(str(random.choice(PLAIN)), str(random.choice(PLAIN))) for _ in range(count)]
    document = compact(rows)
    kind, data = packed(document, (0, 0))
    assert kind is Raw
    assert list(zip(*unpack(data), strict=True)) == [(int(p), int(s)) for p, s in rows]
    with alone():
        assert bytes(NATIVE.pack_levels(document, 0, 0)) == data
    if not count:
        assert data == bytes(NOTHING)


@pytest.mark.parametrize("digits", range(DIGITS_MAX + 1))
def test_what_is_common_the_core_does_itself(digits: int) -> None:
    """All that has up to 18 digits in its scale, so no test above is of the definition alone."""
    for whole in {
        "0",
        "7",
        "9" * (DIGITS_MAX - digits) or "0",
        "1234"[: DIGITS_MAX - digits] or "0",
    }:
        if len(whole) + digits > DIGITS_MAX:
            continue
        for part in {"", "0", "5"[:digits], "9" * digits, "9" * digits + "0" * 63}:
            text = f"{whole}.{part}" if part else whole
            wanted = DEFINITION.scaled(text, digits)
            with alone():
                assert NATIVE.scaled(text, digits) == wanted
                given = NATIVE.pack_levels(compact([[text, text]]), digits, digits)
            assert unpack(given) == ([wanted], [wanted])


@pytest.mark.parametrize("count", [1, 16, 257, 600])
def test_one_bad_number_among_many_is_found(count: int) -> None:
    for bad in ("1.001", "9" * 19, "", "x", "-1"):
        for at in (0, count // 2, count - 1):
            for column in (0, 1):
                rows = [["1.5", "2"] for _ in range(count)]
                rows[at][column] = bad
                kind, *_ = packed(compact(rows), (2, 2))
                assert issubclass(kind, ValueError)


@pytest.mark.parametrize("scale", [(19, 2), (2, 19), (-1, 2), (2, -1), (64, 64)])
def test_levels_in_a_scale_that_no_instrument_has(scale: tuple[int, int]) -> None:
    for document in (*DOCUMENTS, b'[["0","0"]]', b"", b"null"):
        packed(document, scale)
