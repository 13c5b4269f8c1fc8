"""The events: the only words the engine knows, and the words on disk.

The log keeps an event for ever, so

* an event is an array whose first element is its tag, the class's name in snake_case: a tag is never
  renamed and never given twice;
* a field keeps its place, its name and its meaning; a new one goes last and has a default. It changes
  the digest of every log with that event, so what can be an event of its own is one;
* an event says what happened, not when we heard of it: its record does. So the digest of a log is a
  digest of meaning, and every way of running a session can agree on it;
* an event holds no text of a library or of this version: reasons are words of ours.

market.py       what an exchange says to everybody
engine.py       runs, connections, frames and requests that came to nothing
orders.py       facts about orders
account.py      facts about money, fees, rules and limits
conclusions.py  what we hold to be true of our orders and money
"""

from typing import TypeAlias

from tapefold.events.account import (
    AccountRequestFailed,
    AccountStreamChanged,
    AccountSurveyed,
    AccountWatched,
    Amounts,
    BalanceChanged,
    BalanceSnapshot,
    FeeScheduleSet,
    Refusal,
    RiskLimited,
    TradingHalted,
    TradingResumed,
    TradingRulesSet,
)
from tapefold.events.base import Event
from tapefold.events.conclusions import (
    BalanceAdjusted,
    CancelAllEnded,
    Conclusion,
    Doubt,
    FillCorrected,
    FillTold,
    ForeignOrderSeen,
    OrderAccepted,
    OrderCanceled,
    OrderCancelRejected,
    OrderCompleted,
    OrderCorrected,
    OrderDoubted,
    OrderEnded,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    Status,
)
from tapefold.events.engine import (
    REJECTED_MAX,
    ClockAdjusted,
    ConnectionClosed,
    ConnectionOpened,
    FrameRejected,
    RateLimited,
    RequestFailed,
    RunStarted,
    StrategyFailed,
    StrategyStarted,
    StreamStale,
    TimerFired,
)
from tapefold.events.market import (
    UNLISTED,
    BookDelta,
    BookInvalidated,
    BookSnapshot,
    InstrumentListed,
    Quote,
    Scaled,
    Trade,
)
from tapefold.events.orders import (
    ZERO,
    DeadlinePassed,
    Fees,
    FillReported,
    FillReverted,
    Named,
    OrderCancelRequested,
    OrderNotFound,
    OrderReported,
    OrderSubmitted,
    OrderType,
    Outcome,
    RequestAnswered,
    Says,
    TimeInForce,
)

AnyEvent: TypeAlias = (
    RunStarted
    | StrategyStarted
    | TimerFired
    | StrategyFailed
    | InstrumentListed
    | BookSnapshot
    | BookDelta
    | BookInvalidated
    | Trade
    | Quote
    | ConnectionOpened
    | ConnectionClosed
    | StreamStale
    | RateLimited
    | ClockAdjusted
    | FrameRejected
    | RequestFailed
    | OrderSubmitted
    | OrderCancelRequested
    | RequestAnswered
    | DeadlinePassed
    | OrderReported
    | FillReported
    | FillReverted
    | OrderNotFound
    | AccountWatched
    | AccountStreamChanged
    | AccountSurveyed
    | AccountRequestFailed
    | BalanceSnapshot
    | BalanceChanged
    | FeeScheduleSet
    | TradingRulesSet
    | RiskLimited
    | TradingHalted
    | TradingResumed
    | OrderAccepted
    | OrderFilled
    | FillCorrected
    | OrderCompleted
    | OrderCanceled
    | OrderExpired
    | OrderRejected
    | OrderCorrected
    | OrderDoubted
    | OrderCancelRejected
    | ForeignOrderSeen
    | BalanceAdjusted
    | CancelAllEnded
)
"""Every event that can be in a log."""

__all__ = [
    "REJECTED_MAX",
    "UNLISTED",
    "ZERO",
    "AccountRequestFailed",
    "AccountStreamChanged",
    "AccountSurveyed",
    "AccountWatched",
    "Amounts",
    "AnyEvent",
    "BalanceAdjusted",
    "BalanceChanged",
    "BalanceSnapshot",
    "BookDelta",
    "BookInvalidated",
    "BookSnapshot",
    "CancelAllEnded",
    "ClockAdjusted",
    "Conclusion",
    "ConnectionClosed",
    "ConnectionOpened",
    "DeadlinePassed",
    "Doubt",
    "Event",
    "FeeScheduleSet",
    "Fees",
    "FillCorrected",
    "FillReported",
    "FillReverted",
    "FillTold",
    "ForeignOrderSeen",
    "FrameRejected",
    "InstrumentListed",
    "Named",
    "OrderAccepted",
    "OrderCancelRejected",
    "OrderCancelRequested",
    "OrderCanceled",
    "OrderCompleted",
    "OrderCorrected",
    "OrderDoubted",
    "OrderEnded",
    "OrderExpired",
    "OrderFilled",
    "OrderNotFound",
    "OrderRejected",
    "OrderReported",
    "OrderSubmitted",
    "OrderType",
    "Outcome",
    "Quote",
    "RateLimited",
    "Refusal",
    "RequestAnswered",
    "RequestFailed",
    "RiskLimited",
    "RunStarted",
    "Says",
    "Scaled",
    "Status",
    "StrategyFailed",
    "StrategyStarted",
    "StreamStale",
    "TimeInForce",
    "TimerFired",
    "Trade",
    "TradingHalted",
    "TradingResumed",
    "TradingRulesSet",
]
