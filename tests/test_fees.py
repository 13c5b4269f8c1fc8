"""Fees before they are charged, and what we do not let ourselves do. No door: events go into folds."""

from itertools import permutations
from typing import Literal

import msgspec
import pytest
from money import BARE, ETH, NOBODY, D, X, fees, instruments

from tapefold.events import (
    UNLISTED,
    Fees,
    FeeScheduleSet,
    OrderType,
    RiskLimited,
    TradingHalted,
    TradingResumed,
)
from tapefold.folds.fees import FeeRates
from tapefold.folds.risk import Risk, State
from tapefold.units import Side

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


def test_an_estimate_has_all_its_digits() -> None:
    fold = rates(costs("0.00000123", "0.00075"))
    amount = D("12345678901234567890.123456789012345678")
    assert fold.estimate(ETH, "sell", "limit_maker", amount, D("4e-9")) == fees(
        USDT="60740.74019407407401940740740194074073576"
    )


@pytest.mark.parametrize("instrument", [BARE, NOBODY])
def test_nothing_is_estimated_where_nobody_named_the_assets(instrument: int) -> None:
    assert rates(costs("1", "1")).estimate(instrument, "buy", "limit", D(1), D(1)) == ()


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
