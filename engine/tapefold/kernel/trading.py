"""Trading on one exchange: what its commands, its private lane and its private answers go to.

Private messages are read with every instrument that the exchange lists in sight: an order of ours, or
of somebody else with our account, may be of one that nobody subscribed to. It is listed in the log then.
"""

from collections.abc import Iterator, Mapping

from tapefold.adapter import (
    Adopt,
    CancelAll,
    Frame,
    LimitRisk,
    Request,
    SetFees,
    Submit,
    Trader,
    WatchAccount,
)
from tapefold.errors import BadInput
from tapefold.events import UNLISTED, InstrumentListed
from tapefold.kernel.account import Account, TakeIn
from tapefold.kernel.answers import Answers
from tapefold.kernel.clock import EVERY
from tapefold.kernel.core import Core
from tapefold.kernel.feed import Feed
from tapefold.kernel.lane import Reading
from tapefold.units import Nanos


class Wide(Mapping[str, InstrumentListed]):
    """Every instrument of an exchange, as an adapter sees them: one that is looked up is listed."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.time: Nanos = 0
        """When an answer was last read."""

    def __getitem__(self, native: str) -> InstrumentListed:
        """Of the log, or of the exchange's list, and so from now on of the log."""
        row = self._feed.known.get(native) or self._feed.find(self._now(), native)
        if row is None:
            raise KeyError(native)
        return row

    def _now(self) -> Nanos:
        """When what is being read came: as an answer, or on the private lane. Stamps never go back."""
        lane = self._feed.private.stream.lane if self._feed.private else None
        return max(self.time, lane.heard if lane else 0)

    def __iter__(self) -> Iterator[str]:
        """Of the log alone."""
        return iter(self._feed.known)

    def __len__(self) -> int:
        """Of the log alone."""
        return len(self._feed.known)


class Trading:
    """One exchange's account and orders, as the kernel's step knows them."""

    def __init__(self, adapter: Trader, feed: Feed, core: Core, take_in: TakeIn) -> None:
        self._feed, self._core, self._adapter = feed, core, adapter
        self._wide = Wide(feed)
        special = feed.reading.special
        self.reading = Reading(adapter, self._wide, special, checked=True)
        self.account = Account(adapter, core, feed.requests, feed.lanes, self.reading)
        special.update(self.account.special)
        self._take_in_frame = take_in
        self._answers = Answers(adapter, core, feed.requests, self.account, feed.clock)
        feed.private = self.account

    def check_id(self) -> None:
        """That the next order's id is one that the exchange takes. Raises `BadInput`."""
        name, rules = self._core.id_of(self._core.orders + 1), self._adapter.description.account
        if rules and len(name) > rules.id_max:
            raise BadInput(
                f"{name!r} is too long an order id for {self._feed.exchange}, which takes {rules.id_max} "
                "characters: give the run a shorter run_id"
            )

    # Frames

    def responded(self, frame: Frame, request: Request) -> None:
        """A private request was answered."""
        self._answers.came(frame, request, self._take_in)

    def failed(self, frame: Frame, request: Request) -> None:
        """A private request got no answer."""
        self._answers.failed(frame, request)

    def _take_in(self, reading: Reading, frame: Frame) -> int | None:
        self._wide.time = frame.time
        return self._take_in_frame(reading, frame)

    # Commands

    def watch(self, time: Nanos, command: WatchAccount) -> None:
        """Follow the account."""
        if not self._feed.clock.watched:
            self._feed.clock.watch(time, EVERY)
        self.account.watch(time, command, self._take_in)
        if self._core.views.risk.halted:
            self.halt(time)
        self._feed.list_rules(time)
        if self._feed.is_listed:
            self.account.listed(time)

    def submit(self, time: Nanos, command: Submit) -> None:
        """Place an order."""
        row = self._row(time, command.instrument)
        halted = self._core.views.risk.halted
        self.account.trade.submit(time, command, row, "halted" if halted else self.account.unready)
        order = self._core.views.orders.find(self._core.order_id)
        assert order is not None, "what was just submitted is known"
        self.account.heard_of(time, order.client_order_id)
        self.account.attendance.expire(time, order)
        self.account.ask_fees(time, row.native_symbol)

    def adopt(self, time: Nanos, command: Adopt) -> None:
        """Take over an order that is on the account already."""
        self.account.trade.adopt(time, command, self._row(time, command.instrument))
        self.account.attendance.query(time, self._core.order_id)

    def cancel_all(self, time: Nanos, command: CancelAll) -> None:
        """Cancel all orders of ours."""
        number = self._row(time, command.instrument).instrument if command.instrument else None
        self.account.trade.cancel_all(time, command, number)

    def limit(self, time: Nanos, command: LimitRisk) -> None:
        """Let ourselves do no more than this."""
        self.account.trade.limit(time, command, self._number(time, command.instrument))

    def set_fees(self, time: Nanos, command: SetFees) -> None:
        """Reckon with these fees."""
        self.account.trade.set_fees(time, command, self._number(time, command.instrument))

    def halt(self, time: Nanos) -> None:
        """Cancel whatever is alive: now, or once the account is watched."""
        if self.account.command:
            self.account.trade.cancel_live(time)

    def _row(self, time: Nanos, name: str) -> InstrumentListed:
        found = self._core.views.instruments.find(name, self._feed.exchange)
        row = found[0] if found else self._feed.find(time, name)
        assert row is not None, "a command is checked before it is carried out"
        return row

    def _number(self, time: Nanos, name: str) -> int:
        return self._row(time, name).instrument if name else UNLISTED
