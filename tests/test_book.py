"""The book and all other folds: against a plain dict, frozen and thawed, and on events that cannot be.

Needs no door: events go straight into folds.
"""

import tracemalloc
from decimal import Decimal
from typing import TypeAlias

import pytest
from builders import World, delta, live, quote, tiny, trade
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tapefold.core import pack
from tapefold.errors import StaleBook, UnknownInstrument
from tapefold.events import (
    AnyEvent,
    BookDelta,
    BookInvalidated,
    BookSnapshot,
    ConnectionClosed,
    ConnectionOpened,
    FrameRejected,
    InstrumentListed,
    Quote,
    RequestFailed,
    RunStarted,
    Trade,
)
from tapefold.folds.anomalies import ANOMALIES_MAX
from tapefold.folds.book import Book
from tapefold.log.segment import decode, encoder
from tapefold.replay import Replay
from tapefold.units import SCALED_MAX, Level
from tapefold.views import FORMAT, Views

Side: TypeAlias = list[tuple[int, int]]
NUMBER_MAX = SCALED_MAX - 1


def packed_snapshot(bids: Side, asks: Side, sequence: int = 1, instrument: int = 0) -> BookSnapshot:
    """A snapshot of these levels."""
    return BookSnapshot(
        instrument=instrument,
        time_exchange=0,
        sequence=sequence,
        packed_bids=pack([p for p, _ in bids], [s for _, s in bids]),
        packed_asks=pack([p for p, _ in asks], [s for _, s in asks]),
    )


def packed_delta(bids: Side, asks: Side, sequence: int = 1, instrument: int = 0) -> BookDelta:
    """A delta of these levels."""
    return BookDelta(
        instrument=instrument,
        time_exchange=0,
        published_after=0,
        first=sequence,
        previous=0,
        sequence=sequence,
        packed_bids=pack([p for p, _ in bids], [s for _, s in bids]),
        packed_asks=pack([p for p, _ in asks], [s for _, s in asks]),
    )


# One book


sides = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 3)), max_size=12)
updates = st.lists(st.tuples(sides, sides, st.booleans()), max_size=40)


@given(updates)
def test_a_book_is_a_dict_of_its_levels(rows: list[tuple[Side, Side, bool]]) -> None:
    book = Book()
    book.snapshot(packed_snapshot([], []))
    model: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for sequence, (bids, asks, anew) in enumerate(rows, 2):
        if anew:
            model[0].clear()
            model[1].clear()
            book.snapshot(packed_snapshot(bids, asks, sequence))
        else:
            assert book.delta(packed_delta(bids, asks, sequence))
        for levels, side in zip(model, (bids, asks), strict=True):
            for price, size in side:
                levels.pop(price, None)
                if size:
                    levels[price] = size
        bid, ask = sorted(model[0].items(), reverse=True), sorted(model[1].items())
        assert (book.bids.sorted(), book.asks.sorted()) == (bid, ask)
        assert book.bids.best() == (bid[0] if bid else None)
        assert book.asks.best() == (ask[0] if ask else None)
        assert book.crossed() == bool(bid and ask and bid[0][0] >= ask[0][0])
        assert book.sequence == sequence


def test_a_book_that_moves_on_for_ever_stays_small() -> None:
    """What is removed is forgotten, also where nobody looks at the best: 40,000 prices would be 1 MB."""
    book = Book()
    book.snapshot(packed_snapshot([(1, 1)], []))
    tracemalloc.start()
    try:
        for price in range(1, 20_000):
            book.delta(packed_delta([(price, 0), (price + 1, 1)], []))
            assert book.bids.best() == (price + 1, 1)
        for price in range(20_000, 1, -1):
            book.delta(packed_delta([(price, 0), (price - 1, 1)], [(price, 0)]))
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 50_000
    assert book.bids.best() == (1, 1)


digits = st.integers(0, 12)


@given(sides, sides, digits, digits, st.sampled_from(["live", "stale"]))
def test_a_book_frozen_and_thawed_is_the_same(
    bids: Side, asks: Side, prices: int, sizes: int, state: str
) -> None:
    book, again = Book(), Book()
    book.snapshot(packed_snapshot(bids, asks, 9))
    if state == "stale":
        book.invalidate(BookInvalidated(instrument=0, reason="gap"))
    frozen = book.freeze(prices, sizes)
    again.thaw(frozen, prices, sizes)
    assert again.freeze(prices, sizes) == frozen
    assert (again.bids.levels, again.asks.levels) == (book.bids.levels, book.asks.levels)
    assert (again.bids.best(), again.asks.best()) == (book.bids.best(), book.asks.best())
    assert (again.state, again.sequence, again.gaps) == (state, 9, int(state == "stale"))


@given(sides, sides, digits, digits)
def test_a_finer_scale_changes_nothing_that_is_frozen(
    bids: Side, asks: Side, prices: int, sizes: int
) -> None:
    book = Book()
    book.snapshot(packed_snapshot(bids, asks))
    frozen = book.freeze(2, 3)
    assert book.rescale(10**prices, 10**sizes)
    assert book.freeze(2 + prices, 3 + sizes) == frozen


def test_a_book_that_does_not_fit_into_its_scale_is_not_believed() -> None:
    book = Book()
    book.snapshot(packed_snapshot([(NUMBER_MAX, 1)], [(5, NUMBER_MAX)]))
    assert book.rescale(1, 1)
    assert not book.rescale(1, 10)
    assert (book.state, book.bids.best(), book.asks.best()) == ("stale", None, None)


def test_a_delta_without_a_snapshot_changes_nothing() -> None:
    book = Book()
    assert not book.delta(packed_delta([(1, 1)], []))
    assert (book.state, book.updates, book.bids.best()) == ("empty", 0, None)


# Books as people read them


def test_a_book_answers_in_exact_decimals_best_first() -> None:
    world = live([("1.50", "2.0"), ("1.25", "0.1")], [("1.75", "3"), ("2", "1")])
    view = world.kernel.views.book("A-B")
    assert view.best_bid == Level(Decimal("1.5"), Decimal(2))
    assert view.best_ask == Level(Decimal("1.75"), Decimal(3))
    assert (view.spread, view.mid) == (Decimal("0.25"), Decimal("1.625"))
    assert [level.price for level in view.bids()] == [Decimal("1.5"), Decimal("1.25")]
    assert view.asks(1) == [Level(Decimal("1.75"), Decimal(3))]
    assert view.levels == (2, 2)
    world.hear(delta(11, 11, [("1.50", "0"), ("1.25", "0")]))
    assert not any((view.best_bid, view.spread, view.mid, view.bids()))
    assert view.best_ask


def test_a_book_that_is_not_live_answers_only_who_knows_it() -> None:
    world = live()
    view = world.kernel.views.book("AB")
    world.closed()
    for ask in (
        lambda: view.best_bid,
        lambda: view.best_ask,
        lambda: view.mid,
        lambda: view.spread,
        view.bids,
        view.asks,
    ):
        with pytest.raises(StaleBook, match="A-B is stale"):
            ask()
    stale = world.kernel.views.book("AB", stale=True)
    assert stale.best_bid == Level(Decimal("1.5"), Decimal(2))


def test_a_book_of_no_instrument_or_two_is_refused_in_one_line() -> None:
    views = Views()
    with pytest.raises(UnknownInstrument, match="no instrument yet"):
        views.book("AB")
    for number, exchange in enumerate(("binance", "binance_us")):
        views.apply(listed(number, exchange))
    with pytest.raises(UnknownInstrument, match=r"several.*binance A-B, binance_us A-B"):
        views.book("AB")
    assert views.book("AB", "binance_us").instrument.exchange == "binance_us"


# All folds


def listed(number: int, exchange: str = "x", price: int = 0, size: int = 0) -> InstrumentListed:
    """An instrument."""
    return InstrumentListed(
        instrument=number,
        exchange=exchange,
        symbol="A-B",
        native_symbol="AB",
        price_digits=price,
        size_digits=size,
    )


instrument_numbers = st.sampled_from([0, 0, 0, 1, -1])
amounts = st.integers(0, NUMBER_MAX) | st.integers(0, 100)
names = st.sampled_from(["AB", "AB", "AB", "CD", ""])
times = st.integers(-(2**62), 2**62)
words = st.sampled_from(["", "x", "y/1", "binance/7", "é/", "/"])
wild_sides = st.lists(st.tuples(amounts, amounts), max_size=4)
anything: st.SearchStrategy[AnyEvent] = st.one_of(
    st.builds(RunStarted, run_id=words, seed=times, versions=st.just({})),
    st.builds(
        InstrumentListed,
        instrument=instrument_numbers,
        exchange=words,
        symbol=names,
        native_symbol=names,
        price_digits=st.integers(0, 4) | st.integers(0, 30),
        size_digits=st.integers(0, 4) | st.integers(0, 30),
    ),
    st.builds(packed_snapshot, wild_sides, wild_sides, amounts, instrument_numbers),
    st.builds(packed_delta, wild_sides, wild_sides, amounts, instrument_numbers),
    st.builds(
        BookInvalidated,
        instrument=instrument_numbers,
        reason=st.sampled_from(["gap", "crossed", "disconnected", "overrun", "checksum"]),
        last=amounts,
        got=amounts,
    ),
    st.builds(
        Trade,
        instrument=instrument_numbers,
        time_exchange=times,
        published_after=times,
        trade_id=words,
        price=amounts,
        size=amounts,
        taker=st.sampled_from(["buy", "sell", ""]),
    ),
    st.builds(
        Quote,
        instrument=instrument_numbers,
        time_exchange=times,
        published_after=times,
        sequence=amounts,
        bid_price=amounts,
        bid_size=amounts,
        ask_price=amounts,
        ask_size=amounts,
    ),
    st.builds(ConnectionOpened, lane=words),
    st.builds(
        ConnectionClosed,
        lane=words,
        by=st.sampled_from(["client", "exchange"]),
        code=st.integers(0, 65535),
        reason=words,
    ),
    st.builds(
        FrameRejected,
        lane=words,
        reason=st.sampled_from(["json", "schema", "number", "range", "instrument", "decoder"]),
        data=st.binary(max_size=5),
        size=amounts,
    ),
    st.builds(
        RequestFailed,
        exchange=words,
        purpose=words,
        subject=words,
        status=st.integers(0, 999),
        reason=st.sampled_from(["unanswered", "refused", "not_listed"]),
    ),
)


def sold(price: int, size: int) -> Trade:
    """A trade."""
    return Trade(
        instrument=0,
        time_exchange=0,
        published_after=0,
        trade_id="",
        price=price,
        size=size,
        taker="",
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(anything, max_size=30))
@example([listed(0), sold(NUMBER_MAX, 1), listed(0, price=1)])
@example([listed(0), packed_snapshot([(NUMBER_MAX, 1)], []), listed(0, price=1)])
def test_no_events_in_any_order_make_a_fold_raise(events: list[AnyEvent]) -> None:
    views = Views.of(events)
    assert views.position == len(events)
    frozen, digests = views.freeze(), views.digests()
    again = Views.thaw(frozen)
    assert (again.freeze(), again.digests()) == (frozen, digests)


@settings(max_examples=150, deadline=None)
@given(st.lists(anything, max_size=30), st.integers(0, 30))
def test_views_thawed_anywhere_go_on_as_if_nothing_had_happened(
    events: list[AnyEvent], at: int
) -> None:
    views = Views.thaw(Views.of(events[:at]).freeze())
    for event in events[at:]:
        views.apply(event)
    assert views.freeze() == Views.of(events).freeze()


@given(st.lists(anything, min_size=1, max_size=10))
def test_an_event_survives_the_log(events: list[AnyEvent]) -> None:
    body = b"".join(map(encoder.encode, events))
    assert decode(body, len(events), 1) == events


def test_what_cannot_be_is_counted_and_the_latest_are_kept() -> None:
    views = Views()
    for number in range(ANOMALIES_MAX + 50):
        views.apply(packed_delta([], [], instrument=number))
    assert views.anomalies.count == ANOMALIES_MAX + 50
    assert len(views.anomalies.latest) == ANOMALIES_MAX
    assert views.anomalies.latest[-1] == (150, "unknown_instrument")


@pytest.mark.parametrize(
    "event",
    [
        packed_delta([(1, 1)], []),
        packed_snapshot([(1, 1)], []),
        BookInvalidated(instrument=0, reason="gap"),
    ],
)
def test_an_event_of_an_unknown_instrument_is_an_anomaly(event: AnyEvent) -> None:
    views = Views.of([event])
    assert views.anomalies.count == 1
    assert not views.books


def test_an_instrument_that_takes_back_its_scale_or_name_is_an_anomaly() -> None:
    views = Views.of([listed(0, price=2, size=2), packed_snapshot([(150, 1)], [])])
    before = views.digests()
    for wrong in (listed(0, price=1, size=2), listed(0, price=2, size=1)):
        views.apply(wrong)
    after = views.digests()
    assert views.anomalies.count == 2
    assert {fold for fold in before if before[fold] != after[fold]} == {"anomalies"}


def test_the_frozen_views_do_not_tell_how_the_scale_came_to_be() -> None:
    coarse = Views.of([listed(0), packed_snapshot([(3, 1)], []), listed(0, price=2, size=1)])
    fine = Views.of(
        [
            listed(0, price=2, size=1),
            packed_snapshot([(300, 10)], []),
            listed(0, price=2, size=1),
        ]
    )
    assert coarse.freeze() == fine.freeze()


def test_views_of_another_format_are_not_read() -> None:
    world = World()
    frozen = bytearray(world.kernel.views.freeze())
    assert frozen[1] == FORMAT
    frozen[1] += 1
    with pytest.raises(ValueError, match=f"format {FORMAT + 1}"):
        Views.thaw(bytes(frozen))


def test_each_digest_is_of_its_own_fold() -> None:
    def changed(world: World, frame: bytes) -> set[str]:
        before = world.kernel.views.digests()
        world.hear(frame)
        after = world.kernel.views.digests()
        return {fold for fold in before if before[fold] != after[fold]}

    assert changed(live(), delta(11, 11, [("1.5", "3")])) == {"books"}
    assert changed(live(), trade(1, "1", "1")) == {"markets"}
    assert changed(live(), quote(11, ("1", "1"), ("2", "1"))) == {"markets"}
    assert changed(live(), b"garbage") == {"anomalies"}
    assert changed(live(), trade(1, "1.01", "1")) == {"markets", "instruments"}


def test_the_views_of_a_whole_session_survive_freezing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    replay = Replay(tiny(tmp_path_factory.mktemp("tiny") / "s"))
    more = True
    while more:
        more = replay.play(1)
        frozen = replay.views.freeze()
        again = Views.thaw(frozen)
        assert again.freeze() == frozen
        assert again.digests() == replay.views.digests()
