"""Accounts: the folds of orders and money together, and which of them hears what."""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from tapefold.events import (
    AccountStreamChanged,
    AccountSurveyed,
    AccountWatched,
    BalanceAdjusted,
    BalanceChanged,
    BalanceSnapshot,
    DeadlinePassed,
    FeeScheduleSet,
    FillCorrected,
    FillReported,
    FillReverted,
    ForeignOrderSeen,
    OrderAccepted,
    OrderCanceled,
    OrderCancelRejected,
    OrderCancelRequested,
    OrderCompleted,
    OrderCorrected,
    OrderDoubted,
    OrderExpired,
    OrderFilled,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderSubmitted,
    RequestAnswered,
    RiskLimited,
    TradingHalted,
    TradingResumed,
    TradingRulesSet,
)
from tapefold.folds import balances, orders, positions, risk
from tapefold.folds.balances import Balances
from tapefold.folds.fees import FeeRates
from tapefold.folds.instruments import Instruments
from tapefold.folds.orders import Orders
from tapefold.folds.positions import Positions
from tapefold.folds.risk import Risk
from tapefold.folds.rules import TradingRules

_OF_RISK: Final = (RiskLimited, TradingHalted, TradingResumed)
_OF_ORDERS: Final = (
    OrderSubmitted,
    OrderCancelRequested,
    RequestAnswered,
    DeadlinePassed,
    OrderReported,
    FillReported,
    FillReverted,
    OrderNotFound,
    OrderAccepted,
    OrderCompleted,
    OrderCanceled,
    OrderExpired,
    OrderRejected,
    OrderCorrected,
    OrderDoubted,
    OrderCancelRejected,
    ForeignOrderSeen,
)


class State(Struct, frozen=True, array_like=True):
    """All of them as canonical data."""

    orders: orders.State
    balances: balances.State
    positions: positions.State
    fees: list[FeeScheduleSet]
    risk: risk.State
    rules: list[TradingRulesSet]
    surveyed: list[str]
    refused: list[str]


FOLDS: Final = State.__struct_fields__


class Accounts:
    """Orders, balances, positions, fees, our own limits and the exchanges' rules."""

    def __init__(self, instruments: Instruments) -> None:
        self.orders = Orders()
        self.balances = Balances(instruments, self.orders.alive)
        self.positions = Positions(instruments)
        self.fees = FeeRates(instruments)
        self.risk = Risk()
        self.rules = TradingRules()
        self.surveyed: dict[str, None] = {}
        """The exchanges whose account was surveyed in this run, and that take our key."""
        self.refused: dict[str, None] = {}
        """The exchanges that refused our key in this run."""
        self.hears: dict[type, Callable[[Any], None]] = {
            **dict.fromkeys(_OF_ORDERS, self.orders.apply),
            **dict.fromkeys((OrderFilled, FillCorrected), self._filled),
            **dict.fromkeys(
                (BalanceSnapshot, BalanceChanged, BalanceAdjusted), self.balances.apply
            ),
            **dict.fromkeys(_OF_RISK, self.risk.apply),
            FeeScheduleSet: self.fees.apply,
            TradingRulesSet: self.rules.apply,
            AccountWatched: self._watched,
            AccountSurveyed: self._was_surveyed,
            AccountStreamChanged: self._changed,
        }

    def state(self) -> State:
        """As canonical data."""
        return State(
            orders=self.orders.state(),
            balances=self.balances.state(),
            positions=self.positions.state(),
            fees=self.fees.state(),
            risk=self.risk.state(),
            rules=self.rules.state(),
            surveyed=sorted(self.surveyed),
            refused=sorted(self.refused),
        )

    def restore(self, state: State) -> None:
        """From canonical data."""
        self.orders.restore(state.orders)
        self.balances.restore(state.balances)
        self.positions.restore(state.positions)
        self.fees.restore(state.fees)
        self.risk.restore(state.risk)
        self.rules.restore(state.rules)
        self.surveyed = dict.fromkeys(state.surveyed)
        self.refused = dict.fromkeys(state.refused)

    def _watched(self, event: AccountWatched) -> None:
        self.orders.apply(event)
        self.refused.pop(event.exchange, None)

    def _was_surveyed(self, event: AccountSurveyed) -> None:
        self.surveyed[event.exchange] = None

    def _changed(self, event: AccountStreamChanged) -> None:
        if event.reason == "key":
            self.surveyed.pop(event.exchange, None)
            self.refused[event.exchange] = None

    def restart(self) -> None:
        """Another run began: nobody has asked yet."""
        self.surveyed.clear()
        self.refused.clear()

    def _filled(self, event: OrderFilled | FillCorrected) -> None:
        self.orders.apply(event)
        self.balances.apply(event)
        self.positions.apply(event)


EMPTY: Final = Accounts(Instruments()).state()
"""Of no account at all."""
