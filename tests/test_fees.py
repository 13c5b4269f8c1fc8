"""Fees before they are charged, and what we do not let ourselves do. No door: events go into folds."""

from decimal import Decimal
from itertools import permutations
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from money import BARE, ETH, NOBODY, D, X, fees, instruments, listed, numbers, sides, signed

from tapefold.adapter import Submit
from tapefold.events import (
    UNLISTED,
    ZERO,
    Fees,
    FeeScheduleSet,
    OrderType,
    RiskLimited,
    TradingHalted,
    TradingResumed,
)
from tapefold.folds.fees import FeeRates
from tapefold.folds.risk import Risk, State
from tapefold.kernel.risk import Wish
from tapefold.units import Side, exactly, is_account_number, tidy
from tapefold.views import Views

Source = Literal["default", "exchange", "caller"]


def costs(
    maker: str, taker: str, source: Source = "exchange", instrument: int = UNLISTED
) -> FeeScheduleSet:
    """A schedule."""
    return FeeScheduleSet(
        exchange=X,
        maker_rate=D(maker),
        taker_rate=D(taker),
        instrument=instrument,
        source=source,
    )


def rates(*events: FeeScheduleSet) -> FeeRates:
    """What holds after these."""
    fold = FeeRates(instruments())
    for event in events:
        fold.apply(event)
    return fold


# Rates


def test_without_a_schedule_the_rate_is_nothing() -> None:
    fold = rates(costs("0.001", "0.002"))
    assert fold.schedule("y") is None
    assert fold.rate("y", ETH, maker=True) == 0
    assert rates().rate(X, ETH, maker=False) == 0


def test_the_unit_of_a_rate_is_a_fraction_of_what_is_traded() -> None:
    """Of 100 at 0.002 are 0.2: neither 0.002, as if it were an amount, nor 0.00002, as if percent."""
    fold = rates(costs("0.001", "0.002", "caller"))
    assert fold.estimate(ETH, "sell", "market", D(1), D(100)) == fees(USDT="0.2")
    assert fold.estimate(ETH, "buy", "market", D(100), D(7)) == fees(ETH="0.2")


@pytest.mark.parametrize("rate", ["0.0005", "0.005"])
def test_an_override_wins_whether_it_is_lower_or_higher(rate: str) -> None:
    fold = rates(costs("0.001", "0.001"), costs(rate, rate, "caller"))
    assert fold.rate(X, ETH, maker=True) == fold.rate(X, ETH, maker=False) == D(rate)


def test_an_override_of_nothing_is_an_override() -> None:
    fold = rates(costs("0.001", "0.001"), costs("0", "0", "caller"))
    assert fold.rate(X, ETH, maker=False) == 0
    assert fold.estimate(ETH, "buy", "limit", D(1), D(1)) == ()


BY_WEIGHT: list[FeeScheduleSet] = [
    costs("0.6", "0.06", "caller", ETH),
    costs("0.5", "0.05", "caller"),
    costs("0.4", "0.04", "exchange", ETH),
    costs("0.3", "0.03", "exchange"),
    costs("0.2", "0.02", "default", ETH),
    costs("0.1", "0.01", "default"),
]


@pytest.mark.parametrize("lightest", range(1, 6))
def test_the_caller_outweighs_the_exchange_and_that_what_all_pay_in_whatever_order_they_came(
    lightest: int,
) -> None:
    for events in permutations(BY_WEIGHT[lightest - 1 :][:4]):
        fold = rates(*events)
        assert fold.schedule(X, ETH) == BY_WEIGHT[lightest - 1]
        assert fold.rate(X, ETH, maker=True) == BY_WEIGHT[lightest - 1].maker_rate
        assert fold.rate(X, ETH, maker=False) == BY_WEIGHT[lightest - 1].taker_rate


def test_an_instruments_own_schedule_is_of_no_other() -> None:
    fold = rates(costs("0.001", "0.001"), costs("0", "0", "exchange", ETH))
    assert fold.rate(X, ETH, maker=False) == 0
    assert fold.rate(X, BARE, maker=False) == D("0.001")


def test_a_schedule_takes_the_place_of_the_one_before_it() -> None:
    one, other = costs("0.001", "0.001"), costs("0.002", "0.003")
    fold = rates(one, other)
    assert (fold.knows(one), fold.knows(other)) == (False, True)
    assert fold.schedule(X) == other


# Estimates


@pytest.mark.parametrize(
    ("side", "order_type", "expected"),
    [
        ("buy", "limit", fees(ETH="0.003")),
        ("buy", "market", fees(ETH="0.003")),
        ("buy", "limit_maker", fees(ETH="0.0015")),
        ("sell", "limit", fees(USDT="0.3")),
        ("sell", "market", fees(USDT="0.3")),
        ("sell", "limit_maker", fees(USDT="0.15")),
    ],
)
def test_an_order_is_charged_in_what_it_receives_and_makes_only_if_it_cannot_but_make(
    side: Side, order_type: OrderType, expected: Fees
) -> None:
    fold = rates(costs("0.001", "0.002"))
    assert fold.estimate(ETH, side, order_type, D("1.5"), D(100)) == expected


def test_a_rebate_is_a_negative_fee() -> None:
    fold = rates(costs("-0.0001", "0.001"))
    assert fold.estimate(ETH, "sell", "limit_maker", D(1), D(100)) == fees(USDT="-0.01")


def test_an_estimate_has_all_the_digits_that_an_account_number_has() -> None:
    fold = rates(costs("0.00000123", "0.00075"))
    amount = D("1234567890123456.12345678901234567")
    assert fold.estimate(ETH, "buy", "limit_maker", amount, D(1)) == fees(
        ETH="1518518504.8518510318518504851851741"
    )


@pytest.mark.parametrize(
    ("amount", "rate", "fee"),
    [
        # Beyond 30 decimals.
        ("0.2990817442746407841325171392532078386335", "0.001", "0.000299081744274640784132517140"),
        ("4e-30", "0.001", "1e-30"),
        # Beyond 38 digits, of which one stands before the point even of 0.5.
        (
            "12345678901234567890.123456789012345678",
            "0.1",
            "1234567890123456789.0123456789012345678",
        ),
        (
            "12345678901234567890.123456789012345678",
            "0.11",
            "1358024679135802467.9135802467913580246",
        ),
        # A rebate is not reckoned too high either.
        (
            "0.2990817442746407841325171392532078386335",
            "-0.001",
            "-0.000299081744274640784132517139",
        ),
        (
            "99999999999999999999999999999999999999",
            "0.1",
            "9999999999999999999999999999999999999.9",
        ),
    ],
)
def test_an_estimate_is_cut_off_to_what_an_account_can_have_and_never_too_little(
    amount: str, rate: str, fee: str
) -> None:
    ((asset, estimate),) = rates(costs("0", rate)).estimate(ETH, "buy", "market", D(amount), D(1))
    assert (asset, estimate) == ("ETH", tidy(D(fee)))
    assert is_account_number(estimate.copy_abs())
    with exactly():
        assert ZERO <= estimate - D(amount) * D(rate) < D("1e-18")


def test_a_rebate_that_is_less_than_any_account_number_is_nothing() -> None:
    assert rates(costs("0", "-0.001")).estimate(ETH, "buy", "market", D("4e-30"), D(1)) == ()


@pytest.mark.parametrize(("amount", "price"), [("1e37", "1e37"), ("9.9999999999999999e37", "1")])
def test_nothing_is_estimated_that_is_more_than_an_account_can_have(
    amount: str, price: str
) -> None:
    fold = rates(costs("1", "1.1"))
    assert fold.estimate(ETH, "sell", "market", tidy(D(amount)), tidy(D(price))) == ()


@given(numbers, numbers, signed, sides)
def test_every_estimate_is_an_account_number(
    amount: Decimal, price: Decimal, rate: Decimal, side: Side
) -> None:
    for _, fee in rates(costs("0", str(rate))).estimate(ETH, side, "market", amount, price):
        assert is_account_number(fee.copy_abs())
        assert fee.as_tuple() == tidy(fee).as_tuple()


@pytest.mark.parametrize("instrument", [BARE, NOBODY])
def test_nothing_is_estimated_where_nobody_named_the_assets(instrument: int) -> None:
    assert rates(costs("1", "1")).estimate(instrument, "buy", "limit", D(1), D(1)) == ()


def wished(side: Side, quote_amount: str, worst: str) -> Wish:
    """A market order by value, reckoned with its worst price and a fee of a thousandth."""
    views = Views()
    views.apply(listed())
    views.apply(costs("0", "0.001"))
    value, price = D(quote_amount), D(worst)
    command = Submit(X, "ETH-USDT", side, order_type="market", quote_amount=value, worst=price)
    return Wish.of(command, listed(), views)


def test_a_buyer_by_value_is_reckoned_to_be_charged_for_all_that_it_buys() -> None:
    """1000 / 3184.35 * 0.001 has no last digit."""
    wish = wished("buy", "1000", "3184.35")
    assert (wish.hold, wish.fees) == (D(1), fees(ETH="0.000314035831488372823339142997"))


def test_a_seller_by_value_is_reckoned_to_be_charged_for_that_value() -> None:
    wish = wished("sell", "1000", "3184.35")
    assert (wish.hold, wish.fees) == (D("0.000314035831488372823339142997"), fees(USDT="1"))
    with exactly():
        assert 1 < wish.hold * D("3184.35") < D("1.00000000000000000000000001")


def test_schedules_survive_a_restart() -> None:
    fold = rates(*BY_WEIGHT)
    state = msgspec.msgpack.encode(fold.state())
    assert state == msgspec.msgpack.encode(rates(*BY_WEIGHT[::-1]).state())
    copy = rates()
    copy.restore(msgspec.msgpack.decode(state, type=list[FeeScheduleSet]))
    assert msgspec.msgpack.encode(copy.state()) == state
    assert copy.schedule(X, ETH) == BY_WEIGHT[0]


# Risk


def limit(instrument: int = UNLISTED, exchange: str = X, orders: int = 1) -> RiskLimited:
    """So many open orders."""
    return RiskLimited(exchange=exchange, instrument=instrument, open_orders_max=orders)


def test_the_limits_of_an_exchange_and_of_an_instrument_bind_both() -> None:
    risk = Risk()
    for event in (limit(ETH), limit(), limit(exchange="y")):
        risk.apply(event)
    assert risk.limits(X, ETH) == [limit(), limit(ETH)]
    assert risk.limits(X, BARE) == [limit()]
    assert risk.limits(X, UNLISTED) == [limit()]
    assert risk.limits("z", ETH) == []


def test_a_limit_takes_the_place_of_the_one_before_it() -> None:
    risk = Risk()
    for orders in (5, 2, 9):
        risk.apply(limit(ETH, orders=orders))
    assert risk.limits(X, ETH) == [limit(ETH, orders=9)]


def test_trading_is_halted_until_it_is_resumed() -> None:
    risk = Risk()
    assert risk.halted == ""
    risk.apply(TradingHalted(reason="too much"))
    assert risk.halted == "too much"
    risk.apply(TradingResumed())
    assert risk.halted == ""


def test_a_halt_without_a_reason_is_a_halt() -> None:
    risk = Risk()
    risk.apply(TradingHalted(reason=""))
    assert risk.halted == "halted"


def test_limits_and_the_kill_switch_survive_a_restart() -> None:
    risk, copy = Risk(), Risk()
    for event in (limit(ETH), TradingHalted(reason="stop"), limit(exchange="y"), limit()):
        risk.apply(event)
    state = msgspec.msgpack.encode(risk.state())
    copy.restore(msgspec.msgpack.decode(state, type=State))
    assert msgspec.msgpack.encode(copy.state()) == state
    assert (copy.halted, copy.limits(X, ETH)) == ("stop", [limit(), limit(ETH)])
