"""What is asked of a book: against a seller of single units who knows no books, and by hand.

Needs no door: events go straight into a book.
"""

from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from money import ETH, D, instruments

from tapefold.core import pack
from tapefold.errors import StaleBook
from tapefold.events import BookDelta, BookInvalidated, BookSnapshot
from tapefold.folds.book import Book
from tapefold.folds.book_view import BookView
from tapefold.folds.depth import Depth, Walk
from tapefold.units import Level, Side, exactly, fixed

Rows = dict[str, str]


def packed(rows: Rows) -> tuple[list[int], list[int]]:
    """In the scale of ETH-USDT: prices by 0.01, sizes by 0.0001."""
    return [int(D(p) * 100) for p in rows], [int(D(s) * 10000) for s in rows.values()]


def snapshot(bids: Rows, asks: Rows) -> BookSnapshot:
    """These levels."""
    return BookSnapshot(
        instrument=ETH,
        time_exchange=0,
        sequence=1,
        packed_bids=pack(*packed(bids)),
        packed_asks=pack(*packed(asks)),
    )


def book(bids: Rows, asks: Rows) -> tuple[Book, BookView]:
    """A live one, and the window on it."""
    held = Book()
    held.snapshot(snapshot(bids, asks))
    return held, BookView(instruments(), ETH, held)


def view() -> BookView:
    """Two bids and three asks."""
    return book({"99": "2", "98.5": "4"}, {"100": "1", "100.5": "2", "102": "3"})[1]


def walk(amount: str, value: str, worst: str | None, *, short: bool = False) -> Walk:
    """An answer."""
    return Walk(D(amount), D(value), None if worst is None else D(worst), short)


# By hand


def test_the_price_for_a_volume_is_that_of_the_last_level_that_it_needs() -> None:
    assert view().for_volume("buy", D(1)) == walk("1", "100", "100")
    assert view().for_volume("buy", D("1.0001")) == walk("1.0001", "100.01005", "100.5")
    assert view().for_volume("buy", D(6)) == walk("6", "607", "102")
    assert view().for_volume("sell", D("2.5")) == walk("2.5", "247.25", "98.5")


def test_the_average_price_for_a_volume_is_its_value_by_its_amount() -> None:
    assert view().for_volume("buy", D(3)).average == D("100.3333333333333333333333333")
    assert view().for_volume("buy", D(1)).average == D(100)
    assert view().for_volume("sell", D(4)).average == D("98.75")


def test_the_quote_volume_for_a_base_volume_is_exact() -> None:
    asked = D("1.000000000000000000000000000001")
    value = view().for_volume("buy", asked).value
    assert fixed(value) == "100.0000000000000000000000000001005"


def test_the_base_volume_for_a_quote_volume_is_rounded_down_and_its_value_is_exact() -> None:
    assert view().for_value("buy", D(100)) == walk("1", "100", "100")
    assert view().for_value("buy", D("200.5")) == walk("2", "200.5", "100.5")
    third = view().for_value("buy", D(101))
    assert third.amount == D("1.009950248756218905")
    assert third.value == D("100.9999999999999999525")
    assert (third.worst, third.short) == (D("100.5"), False)
    assert view().for_value("buy", D("1e-30")) == walk("0", "0", None)
    assert view().for_value("buy", D("100.000000000000000000000000001")) == walk("1", "100", "100")


def test_the_volume_for_a_price_is_all_at_that_price_or_better() -> None:
    assert view().for_price("buy", D("99.99")) == walk("0", "0", None)
    assert view().for_price("buy", D("100.5")) == walk("3", "301", "100.5")
    assert view().for_price("sell", D("98.5")) == walk("6", "592", "98.5", short=True)
    assert view().for_price("sell", D("98.51")) == walk("2", "198", "99")


def test_where_there_is_too_little_the_answer_says_so_and_how_much_there_is() -> None:
    for short in (
        view().for_volume("buy", D("6.0001")),
        view().for_value("buy", D("607.0001")),
        view().for_price("buy", D(102)),
    ):
        assert short == walk("6", "607", "102", short=True)
    empty = book({}, {"100": "1"})[1]
    for none in (
        empty.for_volume("sell", D(1)),
        empty.for_value("sell", D(1)),
        empty.for_price("sell", D(1)),
    ):
        assert none == walk("0", "0", None, short=True)
        assert none.average is None


@pytest.mark.parametrize("nothing", [D(0), D(-1)])
def test_a_walk_for_nothing_goes_nowhere(nothing: Decimal) -> None:
    assert view().for_volume("buy", nothing) == walk("0", "0", None)
    assert view().for_value("sell", nothing) == walk("0", "0", None)


def test_the_microprice_leans_to_the_side_with_less_on_it() -> None:
    assert view().microprice == D("99.66666666666666666666666667")
    assert book({"99": "1"}, {"100": "1"})[1].microprice == D("99.5")
    assert book({}, {"100": "1"})[1].microprice is None


def test_the_imbalance_is_of_so_many_levels_of_each_side() -> None:
    assert view().imbalance(1) == D("0.3333333333333333333333333333")
    assert view().imbalance(2) == D("0.3333333333333333333333333333")
    assert view().imbalance(9) == 0
    assert view().imbalance(0) is None
    assert book({"99": "1"}, {})[1].imbalance(5) == 1
    assert book({}, {"99": "1"})[1].imbalance(5) == -1
    assert book({}, {})[1].imbalance(5) is None


def test_the_levels_that_an_order_meets_are_those_of_the_other_side_best_first() -> None:
    assert [level.price for level in view().meets("buy")] == [D(100), D("100.5"), D(102)]
    assert [level.price for level in view().meets("sell")] == [D(99), D("98.5")]


def test_the_context_of_whoever_embeds_us_changes_no_digit() -> None:
    questions: list[Callable[[Depth], object]] = [
        lambda depth: depth.mid,
        lambda depth: depth.spread,
        lambda depth: depth.microprice,
        lambda depth: depth.imbalance(2),
        lambda depth: depth.for_volume("buy", D("2.3456")),
        lambda depth: depth.for_value("sell", D("123.456")),
        lambda depth: depth.for_price("buy", D("101.25")),
        lambda depth: depth.for_volume("buy", D("2.3456")).average,
        lambda depth: depth.without({("sell", D(100)): D("0.1234")}).asks(),
    ]
    window = view()
    for ask in questions:
        with localcontext() as context:
            context.prec = 2
            answer = ask(window)
        assert answer == ask(window)


# A book that is not live


def test_a_book_that_is_not_live_answers_no_question_about_prices_but_to_who_knows_it() -> None:
    held, window = book({"99": "2"}, {"100": "1"})
    held.invalidate(BookInvalidated(instrument=ETH, reason="gap"))
    questions: list[Callable[[Depth], object]] = [
        lambda depth: depth.microprice,
        lambda depth: depth.imbalance(1),
        lambda depth: depth.for_volume("buy", D(1)),
        lambda depth: depth.for_value("buy", D(1)),
        lambda depth: depth.for_price("buy", D(1)),
        lambda depth: depth.best_ask,
        lambda depth: depth.meets("buy"),
    ]
    for ask in questions:
        with pytest.raises(StaleBook, match="ETH-USDT is stale"):
            ask(window)
        assert ask(BookView(instruments(), ETH, held, stale=True))
    with pytest.raises(StaleBook):
        assert window.without({}).best_ask


def test_an_epoch_ends_where_a_book_begins_anew() -> None:
    held, window = book({"99": "2"}, {})
    assert window.epoch == 1
    held.delta(
        BookDelta(
            instrument=ETH,
            time_exchange=0,
            published_after=0,
            first=2,
            previous=0,
            sequence=2,
            packed_bids=pack([9900], [0]),
            packed_asks=pack([], []),
        )
    )
    assert window.epoch == 1
    held.invalidate(BookInvalidated(instrument=ETH, reason="disconnected"))
    assert window.epoch == 1
    held.snapshot(snapshot({}, {}))
    assert window.epoch == 2


# Without our own orders


def test_our_own_orders_are_taken_off_their_side_and_no_other() -> None:
    whole = view()
    others = whole.without({("sell", D("100.00")): D("0.4"), ("buy", D(99)): D("0.0001")})
    assert others.best_ask == Level(D(100), D("0.6"))
    assert others.best_bid == Level(D(99), D("1.9999"))
    assert others.for_volume("buy", D(1)) == walk("1", "100.2", "100.5")
    assert others.asks(1) == [Level(D(100), D("0.6"))]
    assert others.bids() == [Level(D(99), D("1.9999")), Level(D("98.5"), D(4))]
    assert whole.best_ask == Level(D(100), D(1))


def test_a_level_is_gone_where_nothing_is_left_and_never_below_nothing() -> None:
    others = view().without({("sell", D(100)): D(1), ("sell", D("100.5")): D(7)})
    assert others.asks() == [Level(D(102), D(3))]
    assert others.for_volume("buy", D(9)) == walk("3", "306", "102", short=True)
    alone = book({"99": "2"}, {"100": "1"})[1].without({("sell", D(100)): D(1)})
    assert (alone.best_ask, alone.mid, alone.spread, alone.microprice) == (None, None, None, None)


def test_an_order_at_a_price_that_the_book_does_not_have_takes_nothing_off() -> None:
    assert view().without({("sell", D(101)): D(1)}).asks() == view().asks()


def test_the_book_without_our_orders_moves_as_the_book_does() -> None:
    held, window = book({"99": "2"}, {"100": "1"})
    ours: dict[tuple[Side, Decimal], Decimal] = {("buy", D(99)): D(1)}
    others = window.without(ours)
    ours.clear()  # what was said when it was asked for holds
    held.snapshot(snapshot({"99": "5"}, {}))
    assert others.bids() == [Level(D(99), D(4))]


def test_what_two_took_off_one_after_the_other_is_what_one_takes_off() -> None:
    one = view().without({("sell", D(100)): D("0.25")}).without({("sell", D(100)): D("0.5")})
    assert one.asks() == view().without({("sell", D(100)): D("0.75")}).asks()


# Against a seller of single units


prices = st.integers(1, 400)
levels = st.dictionaries(prices, st.integers(1, 30), max_size=12)
offsets: st.SearchStrategy[dict[tuple[Side, int], int]] = st.dictionaries(
    st.tuples(st.sampled_from(["buy", "sell"]), prices), st.integers(0, 30), max_size=8
)


def scaled_book(bids: dict[int, int], asks: dict[int, int]) -> BookView:
    held = Book()
    held.snapshot(
        BookSnapshot(
            instrument=ETH,
            time_exchange=0,
            sequence=1,
            packed_bids=pack(list(bids), list(bids.values())),
            packed_asks=pack(list(asks), list(asks.values())),
        )
    )
    return BookView(instruments(), ETH, held)


def units(bids: dict[int, int], asks: dict[int, int], side: Side) -> list[int]:
    """The price of each unit for sale, or wanted, in the order in which they would go."""
    there = asks if side == "buy" else bids
    return sorted(
        [price for price, size in there.items() for _ in range(size)], reverse=side == "sell"
    )


def exactly_as(seen: Walk, sold: list[int]) -> bool:
    """A unit is 0.0001 at a price of so many 0.01."""
    with exactly():
        return seen[:3] == (
            D(len(sold)) / 10000,
            D(sum(sold)) / 1000000,
            D(sold[-1]) / 100 if sold else None,
        )


@given(levels, levels, offsets, st.integers(1, 400), st.sampled_from(["buy", "sell"]))
def test_every_walk_is_as_if_each_unit_were_bought_by_itself(
    bids: dict[int, int],
    asks: dict[int, int],
    offset: dict[tuple[Side, int], int],
    asked: int,
    side: Side,
) -> None:
    ours: dict[tuple[Side, Decimal], Decimal] = {}
    for (resting, price), size in offset.items():
        ours[resting, D(price) / 100] = D(size) / 10000
    book = scaled_book(bids, asks).without(ours)
    for (resting, price), size in offset.items():
        levels_of = bids if resting == "buy" else asks
        if price in levels_of:
            levels_of[price] -= size
    there = units(bids, asks, side)

    seen = book.for_volume(side, D(asked) / 10000)
    assert exactly_as(seen, there[:asked])
    assert seen.short == (asked > len(there))

    seen = book.for_price(side, D(asked) / 100)
    within = [p for p in there if (p <= asked if side == "buy" else p >= asked)]
    assert exactly_as(seen, within)
    assert seen.short == (len(within) == len(there))

    seen = book.for_value(side, D(asked) / 1000000)
    assert seen.short == (asked > sum(there))
    if seen.short:
        assert exactly_as(seen, there)
    else:
        amount, left = Fraction(0), Fraction(asked, 1000000)
        for price in there:
            part = min(left, Fraction(price, 1000000))
            amount, left = amount + part / Fraction(price, 100), left - part
        assert left == 0
        assert 0 <= amount - Fraction(seen.amount) < Fraction(1, 10**18)
        assert Fraction(seen.value) == Fraction(book.for_volume(side, seen.amount).value)
        assert 0 <= Fraction(asked, 1000000) - Fraction(seen.value) < Fraction(4, 10**18)


@given(levels, levels, st.integers(1, 12))
def test_microprice_and_imbalance_are_as_fractions_have_them(
    bids: dict[int, int], asks: dict[int, int], depth: int
) -> None:
    book = scaled_book(bids, asks)
    top_bids, top_asks = sorted(bids.items(), reverse=True)[:depth], sorted(asks.items())[:depth]
    one, other = (Fraction(sum(size for _, size in top)) for top in (top_bids, top_asks))
    imbalance = book.imbalance(depth)
    assert (imbalance is None) == (not one + other)
    if imbalance is not None:
        assert abs(Fraction(imbalance) - (one - other) / (one + other)) < Fraction(1, 10**27)
    if not (bids and asks):
        assert book.microprice is None
        return
    (bid, wanted), (ask, offered) = top_bids[0], top_asks[0]
    expected = Fraction(bid * offered + ask * wanted, 100 * (wanted + offered))
    assert book.microprice is not None
    assert abs(Fraction(book.microprice) - expected) < Fraction(1, 10**26)


@given(levels, st.integers(1, 400), st.integers(1, 400))
def test_more_costs_no_less_a_unit(asks: dict[int, int], one: int, other: int) -> None:
    book = scaled_book({}, asks)
    less, more = (book.for_volume("buy", D(n) / 10000) for n in sorted((one, other)))
    assert less.amount <= more.amount
    if less.amount:
        assert Fraction(less.value) / Fraction(less.amount) <= Fraction(more.value) / Fraction(
            more.amount
        )
