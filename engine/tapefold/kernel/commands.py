"""Commands, carried out: each goes to the feed or the account that it is about."""

from collections.abc import Mapping
from typing import TypeAlias

from tapefold.adapter import (
    Adopt,
    Cancel,
    CancelAll,
    Command,
    Declare,
    Halt,
    LimitRisk,
    Query,
    Resume,
    SetFees,
    StopStrategy,
    Submit,
    Subscribe,
    Unsubscribe,
    Wake,
    WatchAccount,
    WatchClock,
)
from tapefold.events import StrategyFailed, TradingHalted, TradingResumed
from tapefold.kernel.check import check, exchange_of
from tapefold.kernel.core import Core
from tapefold.kernel.feed import Feed
from tapefold.kernel.form import normal
from tapefold.kernel.timers import Timers
from tapefold.kernel.trading import Trading
from tapefold.units import Nanos

Everybodys: TypeAlias = Halt | Resume | Wake | StopStrategy
"""What is about no one exchange."""
Public: TypeAlias = Declare | Subscribe | Unsubscribe | WatchClock
Private: TypeAlias = WatchAccount | Adopt | Cancel | CancelAll | Query | LimitRisk | SetFees


class Commands:
    """What commands go to."""

    def __init__(
        self, core: Core, feeds: Mapping[str, Feed], trading: Mapping[str, Trading]
    ) -> None:
        self._core, self._feeds, self._trading = core, feeds, trading
        self._timers = Timers(core)

    def check(self, command: Command) -> None:
        """Whether `carry_out` would do it. Raises as `check.check`."""
        check(command, self._core.views, self._feeds, self._trading)

    def carry_out(self, time: Nanos, command: Command) -> None:
        """Fire what is due by *time*, and then do as it says. It was checked."""
        command, exchange = normal(command), exchange_of(command, self._core.views)
        self._core.fire(time)
        match command:
            case Submit():  # first, since it is what should not wait
                self._trading[exchange].submit(time, command)
            case Halt() | Resume() | Wake() | StopStrategy():
                self._everybodys(time, command)
            case Declare() | Subscribe() | Unsubscribe() | WatchClock():
                self._public(time, command, self._feeds[exchange])
            case _:
                self._private(time, command, self._trading[exchange])
        if self._core.unsettled:
            self._core.conclude(time)

    @staticmethod
    def _public(time: Nanos, command: Public, feed: Feed) -> None:
        match command:
            case Declare():
                feed.declare(time, command)
            case Subscribe():
                feed.subscribe(time, command)
            case Unsubscribe():
                feed.unsubscribe(time, command.lane)
            case WatchClock():
                feed.watch_clock(time, command)

    def _private(self, time: Nanos, command: Private, trading: Trading) -> None:
        match command:
            case WatchAccount():
                trading.watch(time, command)
            case Adopt():
                trading.adopt(time, command)
            case Cancel():
                self._cancel(time, command.client_order_id)
            case Query():
                trading.account.attendance.query(time, command.client_order_id)
            case CancelAll():
                trading.cancel_all(time, command)
            case LimitRisk():
                trading.limit(time, command)
            case SetFees():
                trading.set_fees(time, command)

    def _everybodys(self, time: Nanos, command: Everybodys) -> None:
        match command:
            case Halt():
                self._core.append(time, TradingHalted(reason=command.reason))
                for trading in self._trading.values():
                    trading.halt(time)
            case Resume():
                self._core.append(time, TradingResumed())
            case Wake():
                self._timers.wake(time, command)
            case StopStrategy():
                self._stop(time, command)

    def _stop(self, time: Nanos, command: StopStrategy) -> None:
        name = command.strategy or command.by
        self._core.append(time, StrategyFailed(strategy=name, reason=command.reason))
        self._timers.stop(name)
        if command.cancel:
            for order in self._core.views.orders.live():
                own = order.intent and order.intent.by == name
                if own and order.cancel not in ("sent", "taken"):
                    self._cancel(time, order.client_order_id)

    def _cancel(self, time: Nanos, client_order_id: str) -> None:
        order = self._core.views.orders.find(client_order_id)
        trading = self._trading.get(order.exchange) if order else None
        if order and trading:
            trading.account.trade.cancel(time, order)
