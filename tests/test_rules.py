"""What an exchange takes as an order. No door: pure functions, and a fold of one event."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from money import ETH, D, listed, numbers

from tapefold.events import OrderType, TradingRulesSet
from tapefold.folds.rules import (
    Broken,
    TradingRules,
    Wanted,
    broken,
    floor_amount,
    floor_price,
)
from tapefold.units import exactly, fixed, tidy

LISTED = listed(
    tick=D("0.01"),
    lot=D("0.0001"),
    size_min=D("0.0001"),
    size_max=D(9000),
    notional_min=D(5),
)
RULES = TradingRulesSet(
    instrument=ETH,
    order_types=("limit", "limit_maker", "market"),
    price_min=D("0.01"),
    price_max=D(100000),
    notional_max=D(9000000),
    market_lot=D("0.001"),
    market_size_min=D("0.002"),
    market_size_max=D(100),
)


def rule(
    amount: str | None,
    price: str | None,
    order_type: OrderType = "limit",
    quote_amount: str | None = None,
    **more: Any,
) -> Broken:
    """The first rule that an order of these numbers breaks."""
    rules = msgspec.structs.replace(RULES, **more)
    wanted = Wanted(order_type, maybe(amount), maybe(price))
    return broken(LISTED, rules, wanted._replace(quote_amount=maybe(quote_amount)))


def maybe(number: str | None) -> Decimal | None:
    return None if number is None else D(number)


@pytest.mark.parametrize(
    ("amount", "price", "word"),
    [
        ("1", "2000", ""),
        ("0.0001", "50000", ""),
        ("9000", "1000", ""),
        ("0.0001", "100000", ""),
        ("500", "0.01", ""),
        ("1", "0", "price_min"),
        ("1", "-1", "price_min"),
        ("1", "0.009", "price_min"),
        ("1", "100000.01", "price_max"),
        ("1", "2000.001", "tick"),
        ("1", "2000.0099999999999999999999999999999999", "tick"),
        ("0", "2000", "size_min"),
        ("-1", "2000", "size_min"),
        ("0.00009", "2000", "size_min"),
        ("9000.0001", "1", "size_max"),
        ("1.00001", "2000", "lot"),
        ("0.0001", "49999.99", "notional_min"),
        ("9000", "1000.01", "notional_max"),
    ],
)
def test_a_limit_order_breaks_the_first_rule_that_it_breaks(
    amount: str, price: str, word: str
) -> None:
    assert rule(amount, price) == rule(amount, price, "limit_maker") == word


@pytest.mark.parametrize(
    ("amount", "price", "word"),
    [
        ("1", "2000", ""),
        ("1", None, ""),  # nobody knows a price: nothing can be said of its value
        ("1", "2000.001", ""),  # a price to reckon with has no ticks
        ("100", "100001", ""),  # nor bounds; and the greatest value binds limit orders alone
        ("0", "2000", "size_min"),
        ("0.0019", "2000", "size_min"),  # enough for a limit order
        ("100.001", "2000", "size_max"),
        ("1.00001", "2000", "lot"),  # of everybody's lots
        ("1.0001", "2000", "lot"),  # of its own
        ("0.002", "2499.99", "notional_min"),
    ],
)
def test_a_market_order_has_rules_of_its_own_besides(
    amount: str, price: str | None, word: str
) -> None:
    assert rule(amount, price, "market") == word


def test_the_least_value_binds_market_orders_only_where_it_is_said_to() -> None:
    assert rule("0.002", "1000", "market", market_notional=False) == ""
    assert rule("0.002", "1000", "limit", market_notional=False) == "notional_min"


def test_a_market_order_by_value_has_a_least_value_and_no_amount() -> None:
    assert rule(None, None, "market", "5") == ""
    assert rule(None, "2000", "market", "4.99999999") == "notional_min"
    assert rule(None, None, "market", "0") == "size_min"
    assert rule(None, None, "market") == "size_min"


def test_no_order_is_taken_while_an_instrument_is_not_traded() -> None:
    assert rule("1", "2000", trading=False) == "market_closed"
    assert rule("0", "0", trading=False) == "market_closed"


def test_an_order_of_a_type_that_an_instrument_does_not_take_is_told_so() -> None:
    assert rule("1", "2000", "limit_maker", order_types=("limit",)) == "order_type"
    assert rule("1", "2000", "limit", order_types=("limit",)) == ""


def test_a_rule_that_nobody_gave_is_none() -> None:
    bare, none = listed(), TradingRulesSet(instrument=ETH)
    kinds: list[OrderType] = ["limit", "limit_maker", "market"]
    for kind in kinds:
        wanted = Wanted(kind, D("4e-9"), D("0.00000123"))
        assert broken(bare, none, wanted) == ""
        assert broken(bare, none, wanted._replace(amount=D(0))) == "size_min"
    assert floor_amount(bare, D("1.50")) == D("1.5")


def test_a_limit_of_nothing_is_below_the_least_even_where_nobody_gave_one() -> None:
    for price in ("0", "-1"):
        assert rule("1", price, price_min=D(0)) == "price_min"


def test_ticks_and_lots_are_counted_from_the_least_price_and_size() -> None:
    row = listed(tick=D("0.5"), lot=D("0.3"), size_min=D("0.1"))
    rules = TradingRulesSet(instrument=ETH, price_min=D("0.2"))
    assert [broken(row, rules, Wanted("limit", D("0.4"), D(p))) for p in ("0.7", "1")] == [
        "",
        "tick",
    ]
    assert [broken(row, rules, Wanted("limit", D(a), D("0.7"))) for a in ("0.4", "0.6")] == [
        "",
        "lot",
    ]
    assert floor_price(row, D("1.1"), rules) == D("0.7")
    assert floor_price(row, D("1.1")) == D(1)
    assert floor_amount(row, D("0.6")) == D("0.4")
    assert floor_amount(row, D("0.05")) == 0


@pytest.mark.parametrize(
    ("given", "lot", "expected"),
    [
        ("1.23456789", "0.0001", "1.2345"),
        ("0.00000123", "0.00000001", "0.00000123"),
        ("0.000001239", "0.00000001", "0.00000123"),
        ("4e-9", "1e-9", "0.000000004"),
        ("4.9e-9", "1e-9", "0.000000004"),
        (
            "12345678.901234567890123456789012345678",
            "1e-30",
            "12345678.901234567890123456789012345678",
        ),
        ("99999999.999999999999999999999999999999", "7", "99999998"),
        ("1.50", "0.5", "1.5"),
        ("0.4", "1", "0"),
    ],
)
def test_amounts_and_prices_are_rounded_down_and_written_plainly(
    given: str, lot: str, expected: str
) -> None:
    assert fixed(floor_amount(listed(lot=D(lot)), D(given))) == expected
    assert fixed(floor_price(listed(tick=D(lot)), D(given))) == expected


steps = numbers.filter(bool)


@given(numbers, steps, numbers)
def test_what_was_rounded_down_is_whole_and_no_more_and_less_than_one_step_away(
    number: Decimal, step: Decimal, least: Decimal
) -> None:
    row = listed(lot=step, tick=step, size_min=least)
    rules = TradingRulesSet(instrument=ETH, price_min=least)
    down = floor_amount(row, number)
    assert down == floor_price(row, number, rules)
    assert floor_amount(row, down) == down
    with exactly():
        assert 0 <= number - down < step
        assert str(down) == str(tidy(down))
        if number < least:
            assert not down % step
            return
        assert not (down - least) % step
    assume(down > 0)
    assert broken(row, rules, Wanted("limit", down, down)) == ""


def test_rules_are_kept_by_instrument_and_survive_a_restart() -> None:
    fold, copy = TradingRules(), TradingRules()
    assert fold.of(ETH) == TradingRulesSet(instrument=ETH)
    for event in (
        TradingRulesSet(instrument=3, trading=False),
        TradingRulesSet(instrument=ETH),
        RULES,
    ):
        fold.apply(event)
    assert (fold.of(ETH), fold.of(3).trading, fold.of(4).trading) == (RULES, False, True)
    state = msgspec.msgpack.encode(fold.state())
    copy.restore(msgspec.msgpack.decode(state, type=list[TradingRulesSet]))
    assert msgspec.msgpack.encode(copy.state()) == state
    assert copy.of(ETH) == RULES
