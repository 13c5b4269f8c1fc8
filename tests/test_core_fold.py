"""The compiled core is its definition: many events taken in at once, from their bytes.

Needs no door: bytes go into views. Where they are refused, the views are as they were; where not, they are
what `apply` of each event makes of them.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from core_events import (
    KINDS,
    KNOWN,
    MARKET,
    any_event,
    body_of,
    book_delta,
    book_snapshot,
    deformed,
    listed,
    quote,
    respelled,
    trade,
)
from core_sides import EDGES
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from two_cores import DEFINITION, NATIVE, OFTEN, Core, alone, outcome, running

from tapefold.core import NOTHING, pack
from tapefold.errors import LogError
from tapefold.events import AnyEvent
from tapefold.log import Piece
from tapefold.log.segment import encoder
from tapefold.views import Views

Seen = tuple[bytes, int, bool, list[tuple[int, int] | None]]
OPENINGS: tuple[tuple[AnyEvent, ...], ...] = (
    (),
    tuple(listed(n) for n in KNOWN),
    (
        *(listed(n) for n in KNOWN),
        *(book_snapshot(Random(seed)) for seed in range(40)),
    ),
)
"""What the views know already: nothing, instruments without a book, and books of which many live."""


def of_zero(event: AnyEvent, **more: Any) -> AnyEvent:
    """The same of an instrument that is known, with ordinary numbers."""
    return replace(event, instrument=0, **more)


FEW = (listed(0), listed(1))
LIVE = of_zero(book_snapshot(Random(1)), packed_bids=pack([7, 8], [1, 2]), packed_asks=NOTHING)


def seen(views: Views) -> Seen:
    """All that can be seen of views."""
    best = [half.best() for book in views.books.values() for half in (book.bids, book.asks)]
    return views.freeze(), views.position, views.torn, best


class Twins:
    """The views of one log, twice."""

    def __init__(self, opening: Sequence[AnyEvent]) -> None:
        self.views: dict[Core, Views] = {}
        for core in (NATIVE, DEFINITION):
            with running(core):
                self.views[core] = Views.of(opening)
        self.last = self.agree()

    def agree(self) -> Seen:
        """What both show."""
        native, defined = seen(self.views[NATIVE]), seen(self.views[DEFINITION])
        assert native == defined
        self.last = native
        return native

    def fold(self, body: bytes, count: int) -> tuple[Any, ...]:
        """What comes of it, which is all or nothing."""
        results: list[tuple[Any, ...]] = []
        before = self.last
        for core, views in self.views.items():
            with running(core):
                piece = Piece(views.position + 1, count, body)
                results.append(outcome(core.fold_events, views, body, count, piece.decode))
        assert results[0] == results[1]
        after = self.agree()
        if results[0] == (type(None), None):
            assert after[1] == before[1] + count
        else:
            assert after == before
        return results[0]


def told(kinds: Sequence[tuple[Callable[[Random], AnyEvent], int]]) -> list[AnyEvent]:
    return [kind(Random(seed)) for kind, seed in kinds]


logs = st.lists(st.tuples(st.sampled_from(MARKET), st.integers(0, 2**20)), max_size=40).map(told)
openings = st.sampled_from(OPENINGS)


@settings(OFTEN, max_examples=400)
@given(openings, logs, logs)
def test_any_log_of_a_market_folds_the_same(
    opening: tuple[AnyEvent, ...], first: list[AnyEvent], second: list[AnyEvent]
) -> None:
    twins = Twins(opening)
    for events in (first, second):
        assert twins.fold(body_of(events), len(events)) == (type(None), None)
    with running(DEFINITION):
        assert seen(Views.of((*opening, *first, *second))) == twins.last


@pytest.mark.parametrize("opening", OPENINGS, ids=["nothing", "listed", "live"])
def test_logs_of_every_kind_of_event_fold_the_same(opening: tuple[AnyEvent, ...]) -> None:
    """Each of them among what is common, in pieces of up to a block."""
    kinds = set[type]()
    for seed in range(25):
        random, twins = Random(seed), Twins(opening)
        events = [
            any_event(random) if random.random() < 0.2 else random.choice(MARKET)(random)
            for _ in range(300)
        ]
        kinds |= {type(event) for event in events}
        at = 0
        while at < len(events):
            piece = events[at : at + random.choice((1, 2, 15, 16, 17, 100, 256))]
            assert twins.fold(body_of(piece), len(piece)) == (type(None), None)
            at += len(piece)
        with running(DEFINITION):
            assert seen(Views.of((*opening, *events))) == twins.last
    assert kinds == {*KINDS}


@settings(OFTEN, max_examples=200)
@given(logs, st.lists(st.integers(0, 40), max_size=6), openings)
def test_into_what_a_log_is_cut_changes_nothing(
    events: list[AnyEvent], cuts: list[int], opening: tuple[AnyEvent, ...]
) -> None:
    """As `Views.fold` hears it of a log; and `apply` of each event comes to the same."""
    edges = sorted({0, len(events), *(cut for cut in cuts if cut < len(events))})
    spans = [events[a:b] for a, b in pairwise(edges)]
    with running(NATIVE):
        once, by_pieces, one_by_one = Views.of(opening), Views.of(opening), Views.of(opening)
        once.fold([Piece(1, len(events), body_of(events))])
        by_pieces.fold(Piece(1, len(span), body_of(span)) for span in spans)
        for event in events:
            one_by_one.apply(event)
    with running(DEFINITION):
        wanted = seen(Views.of((*opening, *events)))
    assert seen(once) == seen(by_pieces) == seen(one_by_one) == wanted


def test_books_of_the_definition_are_changed_by_the_definition() -> None:
    """A half that somebody else made has other insides."""
    random = Random(1)
    events = [random.choice(MARKET)(random) for _ in range(400)]
    with running(DEFINITION):
        views, wanted = Views.of(OPENINGS[2]), Views.of((*OPENINGS[2], *events))
        body, count = body_of(events), len(events)
        NATIVE.fold_events(views, body, count, Piece(1, count, body).decode)
    assert seen(views) == seen(wanted)


def usual(n: int) -> list[AnyEvent]:
    """A quote, a trade and a delta of one number."""
    at = {"time_exchange": -n, "published_after": n}
    prices = dict.fromkeys(("bid_price", "bid_size", "ask_price", "ask_size"), n)
    levels = {"packed_bids": pack([n], [1]), "packed_asks": pack([7, n], [n, n])}
    return [
        of_zero(quote(Random(1)), **at, **prices, sequence=n),
        of_zero(trade(Random(1)), **at, trade_id=str(n), price=n, size=n),
        of_zero(book_delta(Random(1)), **at, **levels, first=n, previous=n, sequence=n),
    ]


def test_of_what_is_usual_the_last_of_a_kind_is_decoded_and_nothing_else() -> None:
    """So no test here is of the definition alone; and a book's changes are never made into events."""
    events = [event for n in EDGES for event in usual(n)]
    decoded: list[AnyEvent] = []

    def decode(body: bytes, count: int) -> list[AnyEvent]:
        decoded.extend(Piece(1, count, body).decode(body, count))
        return decoded[-count:]

    with running(NATIVE), alone():
        views = Views.of((*FEW, LIVE))
        NATIVE.fold_events(views, body_of(events), len(events), decode)
    with running(DEFINITION):
        assert seen(views) == seen(Views.of((*FEW, LIVE, *events)))
    assert decoded == usual(EDGES[-1])[:2]


# What is unusual


@pytest.mark.parametrize("seed", range(60))
def test_in_which_spelling_events_come_is_all_one(seed: int) -> None:
    random = Random(seed)
    twins, usual = Twins(OPENINGS[2]), Twins(OPENINGS[2])
    events = [
        any_event(random) if random.random() < 0.1 else random.choice(MARKET)(random)
        for _ in range(60)
    ]
    bodies = [
        respelled(event, random) if random.random() < 0.5 else encoder.encode(event)
        for event in events
    ]
    assert twins.fold(b"".join(bodies), 60) == (type(None), None)
    usual.fold(body_of(events), 60)
    assert twins.last == usual.last


@pytest.mark.parametrize("seed", range(8))
def test_events_that_are_ill_made_are_refused_or_taken_the_same(seed: int) -> None:
    """Among good ones, first, last and between: none of the good ones is taken in alone."""
    random, twins = Random(seed), Twins(OPENINGS[2])
    refused = 0
    for _ in range(150):
        kind = random.choice((quote, trade, book_delta, random.choice(MARKET), any_event))
        good = [encoder.encode(random.choice(MARKET)(random)) for _ in range(random.randint(0, 4))]
        bodies = [*good, deformed(kind(random), random)]
        random.shuffle(bodies)
        refused += twins.fold(b"".join(bodies), len(bodies))[0] is LogError
    assert 50 < refused < 145


BODY = body_of(
    [
        LIVE,
        of_zero(quote(Random(2)), sequence=70_000, time_exchange=-1),
        of_zero(trade(Random(9)), trade_id="12", taker="sell"),
        of_zero(book_delta(Random(3)), sequence=9, packed_bids=pack([7, 300], [0, 1])),
        listed(1, 3, 3),
        of_zero(trade(Random(1)), trade_id=""),
    ]
)
CODES = (
    *(
        0,
        1,
        0x7F,
        0x80,
        0x81,
        0x90,
        0x92,
        0x98,
        0x99,
        0x9F,
        0xA0,
        0xA3,
        0xA5,
        0xBF,
        0xC0,
        0xC1,
        0xC3,
    ),
    *(0xC4, 0xC7, *range(0xCA, 0xD5), *range(0xD9, 0xE1), 0xFF),
)
"""A head of each kind that msgpack has."""


def test_a_log_is_cut_at_each_byte() -> None:
    twins = Twins(FEW)
    ends = set[int]()
    for at in range(len(BODY) + 1):
        for count in range(-1, 8):
            taken = twins.fold(BODY[:at], count) == (type(None), None)
            if count == 6:
                assert taken is (at == len(BODY))
            ends |= {at} if taken else set()
    assert len(ends) == 7  # where each of the six ends, and the beginning


def test_every_small_wrong_in_a_log_is_the_same() -> None:
    """Each byte another one, gone, or with another one before it."""
    twins = Twins(FEW)
    for at in range(len(BODY)):
        head, here, rest = BODY[:at], BODY[at : at + 1], BODY[at + 1 :]
        twins.fold(head + rest, 6)
        for code in CODES:
            twins.fold(head + bytes((code,)) + rest, 6)
            if (code + at) % 4 == 0:
                twins.fold(head + bytes((code,)) + here + rest, 6)


@pytest.mark.parametrize("count", [-(2**62), -1, 0, 1, 5, 7, 15, 16, 255, 256, 65535])
def test_a_count_that_is_wrong_is_refused(count: int) -> None:
    twins = Twins(OPENINGS[2])
    assert twins.fold(BODY, count)[0] is LogError
    assert twins.fold(b"", count)[0] is (LogError if count else type(None))


@pytest.mark.parametrize(
    "tail",
    [b"\xc1", b"\xc7\1\0\0", b"\xd4\0\0", b"\x91" * 2000, b"\x91\xa3abc", b"\xdd" * 5, b"\xa5"],
)
@pytest.mark.parametrize("count", [6, 7])
def test_what_no_event_can_be_is_refused(tail: bytes, count: int) -> None:
    kind, *_ = Twins(OPENINGS[2]).fold(BODY + tail, count)
    assert kind in (LogError, RecursionError)
