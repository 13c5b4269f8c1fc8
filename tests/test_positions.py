"""Positions and profit, to the last digit. Needs no door: events go straight into the fold."""

from collections.abc import Sequence
from decimal import Decimal, localcontext

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from money import (
    BARE,
    ETH,
    NOBODY,
    D,
    X,
    charges,
    corrected,
    fees,
    filled,
    instruments,
    numbers,
    sides,
    signed,
    total,
)

from tapefold.events import FillCorrected, FillTold, OrderFilled
from tapefold.folds.positions import Position, Positions, State
from tapefold.units import Side, exactly, tidy


def positions(events: Sequence[FillTold]) -> Positions:
    """What they come to."""
    fold = Positions(instruments())
    for event in events:
        fold.apply(event)
    return fold


def position(*events: FillTold) -> Position:
    """In ETH-USDT."""
    return positions(events).of(X, ETH)


def again(fold: Positions) -> Positions:
    """The same by way of its bytes."""
    copy = Positions(instruments())
    state = msgspec.msgpack.encode(fold.state())
    copy.restore(msgspec.msgpack.decode(state, type=State))
    assert msgspec.msgpack.encode(copy.state()) == state
    return copy


def test_what_is_bought_has_a_cost_and_what_is_sold_of_it_a_profit() -> None:
    held = position(filled("buy", "3", "300"), filled("sell", "1", "110"))
    assert held == Position(amount=D(2), cost=D(200), realised=D(10), cash=D(-190))
    assert held.unrealised(D("100.5")) == D(1)


def test_one_number_is_one_text_however_it_came_to_be() -> None:
    half = filled("buy", "0.5", "0.5", fees(BNB="0.5", USDT="0.5"))
    held = position(half, half)
    texts = [str(each) for each in (held.amount, held.cost, held.realised, held.cash)]
    assert texts == ["1", "1", "-1", "-2"]
    assert [str(fee) for _, fee in held.fees] == ["1", "1"]


def test_what_is_sold_first_is_a_short_position() -> None:
    held = position(filled("sell", "2", "200"), filled("buy", "1", "90"))
    assert held == Position(amount=D(-1), cost=D(-100), realised=D(10), cash=D(110))
    assert held.unrealised(D(95)) == D(5)


def test_a_trade_through_nothing_closes_one_position_and_opens_the_other() -> None:
    held = position(filled("buy", "1", "100"), filled("sell", "3", "330"))
    assert held == Position(amount=D(-2), cost=D(-220), realised=D(10), cash=D(230))


def test_average_cost_is_over_all_that_is_open() -> None:
    held = position(
        filled("buy", "1", "100"), filled("buy", "3", "500"), filled("sell", "2", "400")
    )
    assert held == Position(amount=D(2), cost=D(300), realised=D(100), cash=D(-200))


def test_a_fee_in_quote_is_realised_at_once() -> None:
    held = position(filled("buy", "1", "100", fees(USDT="0.1")))
    assert held == Position(D(1), D(100), D("-0.1"), D("-100.1"), fees(USDT="0.1"))


def test_a_fee_in_base_leaves_the_position_and_nothing_comes_for_it() -> None:
    held = position(filled("buy", "2", "200", fees(ETH="0.002")))
    assert held == Position(D("1.998"), D("199.8"), D("-0.2"), D(-200), fees(ETH="0.002"))


def test_a_rebate_in_base_costs_nothing() -> None:
    held = position(filled("buy", "2", "200", fees(ETH="-0.5")))
    assert held == Position(D("2.5"), D(200), D(0), D(-200), fees(ETH="-0.5"))


def test_a_fee_in_a_third_asset_is_summed_by_asset_and_never_converted() -> None:
    fold = positions(
        [
            filled("buy", "1", "100", fees(BNB="0.00000123")),
            filled("buy", "1", "100", fees(BNB="4e-9", USDT="0.1")),
        ]
    )
    held = fold.of(X, ETH)
    assert (held.realised, held.cost) == (D("-0.1"), D(200))
    assert held.fees == fold.fees(X) == fees(BNB="0.000001234", USDT="0.1")
    assert fold.fees("y") == ()


def test_fills_of_orders_that_are_not_ours_are_no_position_of_ours() -> None:
    assert positions([filled("buy", "1", "100", ours=False)]).rows == {}


def test_a_corrected_fill_is_taken_back_as_far_as_it_was_told() -> None:
    """The exchange said one fill for the two that there were, at a price of its own."""
    held = position(
        filled("buy", "1", "99.5", fees(USDT="0.1")),
        corrected("buy", "-1", "-99.5", fees(USDT="-0.1")),
        filled("buy", "0.4", "40", fees(USDT="0.04")),
        filled("buy", "0.6", "59.5", fees(USDT="0.05")),
    )
    assert held == Position(D(1), D("99.5"), D("-0.09"), D("-99.59"), fees(USDT="0.09"))


def test_a_value_that_is_better_known_changes_the_cost_of_what_is_open() -> None:
    held = position(filled("buy", "1", "99.5"), corrected("buy", "0", "0.2", reason="better_known"))
    assert held == Position(D(1), D("99.7"), D(0), D("-99.7"))


def test_a_value_that_is_better_known_when_nothing_is_open_is_realised() -> None:
    held = position(
        filled("buy", "1", "99.5"),
        filled("sell", "1", "100"),
        corrected("buy", "0", "0.2", reason="better_known"),
    )
    assert held == Position(D(0), D(0), D("0.3"), D("0.3"))


def test_a_fill_that_is_taken_back_after_it_was_sold_leaves_a_short_position() -> None:
    held = position(
        filled("buy", "1", "100"),
        filled("sell", "1", "110"),
        corrected("buy", "-1", "-100", reason="reverted"),
    )
    assert held == Position(D(-1), D(-100), D(10), D(110))


def test_a_position_that_is_closed_has_no_cost_left() -> None:
    held = position(
        filled("buy", "3", "0.000000000000000000021"),
        filled("sell", "1", "1"),
        filled("sell", "2", "1"),
    )
    assert held == Position(D(0), D(0), D("1.999999999999999999979"), D("1.999999999999999999979"))


def test_a_share_of_the_cost_is_rounded_and_nothing_is_lost_to_it() -> None:
    one = (filled("buy", "3", "100"), filled("sell", "1", "50"))
    assert position(*one).cost == D("66.666666666666666667")
    assert position(*one).realised == D("16.666666666666666667")
    held = position(*one, filled("sell", "2", "100"))
    assert (held.cost, held.realised, held.cash) == (D(0), D(50), D(50))


def test_profit_to_the_last_digit() -> None:
    held = position(
        filled("buy", "1", "100", fees(USDT="0.1")),
        filled("buy", "2", "206.666666666666666666", fees(ETH="0.002")),
        filled("sell", "0.7", "77", fees(BNB="0.0001")),
        filled("sell", "3.3", "297", fees(USDT="0.3")),
    )
    assert held.amount == D("-1.002")
    assert held.fees == fees(BNB="0.0001", ETH="0.002", USDT="0.4")
    assert held.cash == D("66.933333333333333334")
    for mark in (D(0), D("95.123456789")):
        worth = total([held.cash, held.amount * mark])
        assert total([held.realised, held.unrealised(mark)]) == worth


@settings(deadline=None)
@given(
    st.lists(
        st.builds(filled, sides, numbers, numbers, charges)
        | st.builds(corrected, sides, signed, signed, charges),
        max_size=25,
    ),
    st.integers(0, 25),
    numbers,
)
def test_whatever_is_filled_and_corrected_profit_and_cash_agree_exactly(
    events: list[OrderFilled | FillCorrected], at: int, mark: Decimal
) -> None:
    fold = positions(events[:at])
    fold = again(fold)
    for event in events[at:]:
        fold.apply(event)
    held = fold.of(X, ETH)
    assert fold.anomalies == 0
    cash: list[Decimal] = []
    amounts: list[Decimal] = []
    paid: dict[str, list[Decimal]] = {}
    for event in events:
        bought = event.side == "buy"
        amounts.append(event.amount if bought else event.amount.copy_negate())
        cash.append(event.value.copy_negate() if bought else event.value)
        for asset, fee in event.fees:
            paid.setdefault(asset, []).append(fee)
    cash += [fee.copy_negate() for fee in paid.get("USDT", [])]
    amounts += [fee.copy_negate() for fee in paid.get("ETH", [])]
    assert (held.amount, held.cash) == (total(amounts), total(cash))
    assert held.fees == tuple((asset, total(paid[asset])) for asset in sorted(paid))
    with exactly():
        assert held.realised - held.cost == held.cash
        assert held.realised + held.unrealised(mark) == held.cash + held.amount * mark
        assert held.amount or not held.cost
        for number in (held.amount, held.cost, held.realised, held.cash):
            assert str(number) == str(tidy(number))


def test_the_context_of_whoever_embeds_us_changes_no_digit() -> None:
    events = [filled("buy", "3.33333333333", "100.1234567890123456789"), filled("sell", "1", "50")]
    with localcontext() as context:
        context.prec = 3
        held = position(*events)
        worth = held.unrealised(D("33.3333333333"))
    assert held == position(*events)
    assert worth == held.unrealised(D("33.3333333333"))


def test_a_fill_of_an_instrument_that_is_not_listed_is_an_anomaly() -> None:
    fold = positions([filled("buy", "1", "100", instrument=NOBODY)])
    assert (fold.rows, fold.anomalies) == ({}, 1)


def test_a_fee_is_only_summed_where_nobody_said_what_is_base_and_what_is_quote() -> None:
    fold = positions([filled("buy", "1", "100", fees(ETH="0.1"), instrument=BARE)])
    held = Position(D(1), D(100), D(0), D(-100), fees(ETH="0.1"))
    assert (fold.of(X, BARE), fold.anomalies) == (held, 1)
    assert again(fold).anomalies == 1


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_number_that_no_account_has_is_an_anomaly_and_nothing_of_it_counts(side: Side) -> None:
    fold = positions([filled("buy", "1", "100"), filled(side, "1E+700", "1E-700")])
    assert (fold.of(X, ETH), fold.anomalies) == (Position(D(1), D(100), D(0), D(-100)), 1)
