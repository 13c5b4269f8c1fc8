"""One exchange's account: surveyed when its stream is heard, polled, and traded on.

    off ── WatchAccount ──▶ stream up ──▶ survey ──▶ ready, poll, poll ... ── stream down, up ──▶ survey

No order leaves before the first survey is done: so every fill of ours comes after the first balances.
Without a private stream the polls are surveys too, only rarer: what is true does not depend on it.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from tapefold.adapter import Frame, Request, Trader, WatchAccount
from tapefold.events import (
    AccountStreamChanged,
    AccountSurveyed,
    AccountWatched,
    BalanceSnapshot,
    FeeScheduleSet,
    FillReported,
    OrderNotFound,
    OrderReported,
)
from tapefold.folds.orders import Order
from tapefold.kernel.attendance import Attendance
from tapefold.kernel.core import Core
from tapefold.kernel.lane import Reading
from tapefold.kernel.lanes import Lanes
from tapefold.kernel.private import KEEP_ALIVE, TOKEN, PrivateStream
from tapefold.kernel.requests import Requests, Wanted
from tapefold.kernel.statements import Statements
from tapefold.kernel.survey import BALANCES, Survey
from tapefold.kernel.trade import Trade
from tapefold.units import SECOND, Nanos

TakeIn: TypeAlias = Callable[[Reading, Frame], int | None]
"""Decodes, logs and folds a frame: how many events it gave; None for one that was rejected."""
PRIVATE: Final = frozenset(
    ("token", "keep_alive", "balances", "open_orders", "fees", "order", "fills", "place", "cancel")
)
"""The purposes of what is asked about an account."""
RESTATED: Final = SECOND
"""After so long an asset that is to be stated again is asked for: a stream says it by itself before."""


class Account:
    """One exchange's account."""

    def __init__(
        self, adapter: Trader, core: Core, requests: Requests, lanes: Lanes, reading: Reading
    ) -> None:
        self._adapter, self._core, self._requests = adapter, core, requests
        self._exchange, self.reading = adapter.description.exchange, reading
        self.trade = Trade(adapter, core, requests)
        self.stream = PrivateStream(adapter, core, requests, lanes, reading)
        self.stream.rose, self.stream.fell = self._rose, self._fell
        self.rules = _rules(adapter)
        self.attendance = Attendance(core, requests, self.rules, self.trade.cancel)
        core.attends[self._exchange] = self._attend
        self.survey = Survey(self._exchange, core, requests, self._released, self._surveyed)
        self._held: list[Frame] = []
        self._take_in: TakeIn | None = None
        self.command: WatchAccount | None = None
        """How it is followed; None: it is not."""
        self._polled: Nanos = 0
        self._statements = Statements(self._exchange, core)
        self._alive: dict[str, Nanos] = {}
        """When an order of ours, by client order id, last gave a sign of life."""
        self._asked_fees: dict[str, None] = {}
        """The instruments whose fees were asked for, by native name."""
        self.special: dict[type, Callable[[Nanos, Any], None]] = {
            AccountStreamChanged: self.stream.changed,
            OrderReported: self._reported,
            FillReported: self._reported,
            OrderNotFound: self._not_found,
            BalanceSnapshot: self._stated,
            FeeScheduleSet: self._scheduled,
        }

    # Watching

    def watch(self, time: Nanos, command: WatchAccount, take_in: TakeIn) -> None:
        """Follow the account from now on, also one that had refused our key.

        Said again of one that is followed, it only changes how often it is polled.
        """
        first, self.command = self.command is None, command
        if not self.watched:
            self._core.append(time, self.rules)
            self.stream.again()
        if first:
            self._take_in = take_in
            self._core.append(time, self.rules)
            self._scheduled(time, _everybodys_fees(self._adapter))
            for order in [*self._core.views.orders.ours.values()]:  # of an earlier run
                if order.exchange == self._exchange:  # ended ones, too: a fee may be owed
                    self.attendance.expire(time, order)
                    self.attendance.attend(time, order)
            self._poll(time + command.poll_silent)

    def listed(self, time: Nanos) -> None:
        """The exchange's instruments are known: what it says of an account can be read now."""
        if self.command is not None:
            self.stream.start(time)

    @property
    def unready(self) -> str:
        """The rule by which no order may leave now; empty when one may."""
        if self.stream.state == "refused":
            return "key"
        return "" if self._core.views.ready(self._exchange) else "not_ready"

    @property
    def watched(self) -> bool:
        """Whether it is followed, and not refused."""
        return self.command is not None and self.stream.state != "refused"

    def ask_fees(self, time: Nanos, native: str) -> None:
        """An instrument is traded: ask what that costs, once a run."""
        if native in self._asked_fees or self.unready or self._adapter.fees(native) is None:
            return
        self._asked_fees[native] = None
        self._requests.ask(time, ("fees", native))

    # Surveys and polls

    def _rose(self, time: Nanos) -> None:
        lane = self.stream.lane
        assert lane is not None, "it is heard on a lane"
        lane.held = self._held = []
        self._begin(time, hold=True)

    def _fell(self, time: Nanos) -> None:
        self.survey.stop(time)

    def _begin(self, time: Nanos, *, hold: bool) -> None:
        self._polled = time
        self.survey.begin(time, hold=hold)

    def _released(self, time: Nanos) -> None:
        """Conclude what was missed, then take in what came meanwhile, each with its own time."""
        assert self._take_in is not None, "an account that is surveyed is watched"
        self._core.conclude(time)
        held, self._held = self._held, []
        if lane := self.stream.lane:
            lane.held = None
        for frame in held:
            self._take_in(self.reading, frame)
            self._core.conclude(time)

    def _surveyed(self, time: Nanos) -> None:
        self._core.append(time, AccountSurveyed(exchange=self._exchange))

    def _poll(self, due: Nanos) -> None:
        self._core.at(due, self._look)

    def _look(self, now: Nanos) -> None:
        """Ask for everything again: often while the stream is silent, else now and then."""
        command = self.command
        assert command is not None, "an account that is polled is watched"
        silent = self.stream.is_silent(now, command.silence_max)
        known = self.stream.state not in ("off", "refused")
        if known and not self.survey.pending and (silent or now - self._polled >= command.poll):
            self._begin(now, hold=False)
        self._poll(now + min(command.poll_silent, command.poll))

    # Requests

    def make(self, wanted: Wanted) -> Request:
        """What to ask."""
        purpose, subject = wanted
        match purpose:
            case "balances":
                return self._adapter.balances()
            case "open_orders":
                return self._adapter.open_orders()
            case "token" | "keep_alive":
                return self.stream.make(wanted)
            case "fees":
                request = self._adapter.fees(subject)
                assert request is not None, "only what can be asked is"
                return request
            case _:
                order = self._core.views.orders.find(subject)
                assert order is not None, "only orders of ours are asked about"
                ask = self._adapter.fills if purpose == "fills" else self._adapter.query
                return ask(self.trade.ref(order))

    def is_wanted(self, wanted: Wanted) -> bool:
        """Whether something still waits for this answer."""
        if not self.watched:
            return False
        if wanted in (TOKEN, KEEP_ALIVE):
            return self.stream.is_wanted(wanted)
        return (
            wanted in self.survey.pending
            or wanted[0] == "fees"
            or (wanted == BALANCES and self._is_unsettled)
            or self.attendance.is_wanted(wanted)
        )

    def answered(self, time: Nanos, wanted: Wanted) -> None:
        """It was answered as it should be."""
        if wanted[0] in ("order", "fills"):
            self.attendance.answered(time, wanted)
        self.survey.answered(time, wanted)

    # Events that need more than to be logged and folded

    def heard_of(self, time: Nanos, client_order_id: str) -> None:
        """A sign of life, of an order or of a request about it."""
        self._alive[client_order_id] = time

    def _reported(self, time: Nanos, event: OrderReported | FillReported) -> None:
        self._core.append(time, event)
        orders = self._core.views.orders
        place = event.exchange, event.exchange_order_id, event.instrument
        order = orders.by_id.get(*place) or orders.find(event.client_order_id)
        if order and order.intent:
            self.heard_of(time, order.client_order_id)

    def listed_open(self, time: Nanos) -> None:
        """The open orders were listed: a cancel that was taken should have ended its order."""
        for order in self._core.views.orders.live(self._exchange):
            if self._alive.get(order.client_order_id) == time:
                self.survey.saw(order.client_order_id)
                self.attendance.found_open(time, order)

    def _not_found(self, time: Nanos, event: OrderNotFound) -> None:
        name = event.client_order_id
        asked = self._requests.asked.get(("order", name), time)
        alive = self._alive.setdefault(name, time)
        self._core.append(time, replace(event, silent=max(0, asked - alive)))

    def _stated(self, time: Nanos, event: BalanceSnapshot) -> None:
        self._statements.take_in(time, event)
        if event.complete and self._core.views.balances.drifts(self._exchange):
            self._core.at(time + self.rules.settle, self._look_again)

    def _look_again(self, now: Nanos) -> None:
        """Money that our sums do not explain is believed only if it is stated again a while later."""
        if self.watched and self._is_unsettled:
            self._requests.ask(now, BALANCES)

    @property
    def _is_unsettled(self) -> bool:
        """Whether what was stated is to be stated again."""
        return bool(self._statements.owed) or self._core.views.balances.drifts(self._exchange)

    def _scheduled(self, time: Nanos, event: FeeScheduleSet) -> None:
        """Fees are said at each poll: logged is what is new."""
        if not self._core.views.fees.knows(event):
            self._core.append(time, event)

    def _attend(self, time: Nanos, order: Order) -> None:
        if self.command is None:  # a run has just started: it is attended to once it is watched
            return
        self.attendance.attend(time, order)
        if self._statements.is_to_ask(order):
            self._core.at(time + RESTATED, self._look_again)
        if order.ended:
            self._alive.pop(order.client_order_id, None)
            self.survey.ended(time, order)
            if not order.due:
                self._requests.forget(("order", order.client_order_id))
                self._requests.forget(("fills", order.client_order_id))
            self.trade.ended(time)


def _rules(adapter: Trader) -> AccountWatched:
    rules = adapter.description.account
    assert rules is not None, "an account's exchange has rules"
    return AccountWatched(
        exchange=adapter.description.exchange,
        missing_max=rules.missing_max,
        grace=rules.grace,
        settle=rules.settle,
        closed=rules.closed,
        cumulative=rules.cumulative,
        purges=rules.purges,
        expires_silently=rules.expires_silently,
    )


def _everybodys_fees(adapter: Trader) -> FeeScheduleSet:
    rules = adapter.description.account
    assert rules is not None, "an account's exchange has rules"
    return FeeScheduleSet(
        exchange=adapter.description.exchange,
        maker_rate=rules.maker_rate,
        taker_rate=rules.taker_rate,
        source="default",
    )
