"""Engines with a defect in them: doubles of kernels and adapters, and patches.

`planted_orders` has the table of them. What is patched is patched until the test's `MonkeyPatch` is
undone; what a double remembers it forgets with each run of its engine, as a process would.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias, cast
from uuid import uuid4

import pytest
from msgspec.structs import replace

from tapefold.adapter import (
    Adapter,
    CancelAll,
    Frame,
    Known,
    OrderRef,
    Outcome,
    Request,
    Submit,
    Trader,
    trader,
)
from tapefold.events import (
    ZERO,
    AnyEvent,
    FillReported,
    OrderCanceled,
    OrderEnded,
    OrderFilled,
    OrderNotFound,
    OrderReported,
    OrderSubmitted,
    RequestAnswered,
    Status,
)
from tapefold.folds.orders import Evidence, Order, Orders, Sum, standing, telling
from tapefold.kernel import Kernel, Run
from tapefold.kernel.trade import Trade
from tapefold.log import Log
from tapefold.sim.stage import KernelMaker
from tapefold.strategy import Strategy
from tapefold.units import SECOND, Nanos
from tapefold.views import Views

Plant: TypeAlias = Callable[[pytest.MonkeyPatch], KernelMaker]
Heard: TypeAlias = Callable[[Frame, Sequence[AnyEvent]], Sequence[AnyEvent]]
"""What a double makes of what the good adapter read in a frame."""


# How a defect gets into an engine


class Double:
    """An adapter that hears something else."""

    def __init__(self, good: Adapter, heard: Heard) -> None:
        self._good, self._heard = good, heard

    def decode(self, frame: Frame, known: Known) -> Sequence[AnyEvent]:
        return self._heard(frame, self._good.decode(frame, known))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._good, name)


def hearing(make: Callable[[], Heard]) -> Plant:
    """An adapter's defect; *make* is called once a run."""

    def maker(
        adapters: Mapping[str, Adapter],
        log: Log,
        views: Views | None,
        strategies: Sequence[Strategy],
    ) -> Kernel:
        doubles = {name: cast("Adapter", Double(each, make())) for name, each in adapters.items()}
        return Kernel(doubles, log, views, strategies)

    return lambda _: maker


def each(change: Callable[[AnyEvent], Sequence[AnyEvent]]) -> Plant:
    """An adapter that makes something else of each event."""

    def heard(_: Frame, events: Sequence[AnyEvent]) -> Sequence[AnyEvent]:
        return [new for event in events for new in change(event)]

    return hearing(lambda: heard)


def patched(owner: Any, name: str, new: Any) -> Plant:
    """An engine's defect: something of it is another."""

    def plant(patch: pytest.MonkeyPatch) -> KernelMaker:
        patch.setattr(owner, name, new)
        return Kernel

    return plant


def recalling(change: Callable[[Views], None]) -> Plant:
    """An engine that remembers wrongly when it starts again."""

    def maker(
        adapters: Mapping[str, Adapter],
        log: Log,
        views: Views | None,
        strategies: Sequence[Strategy],
    ) -> Kernel:
        if views:
            change(views)
        return Kernel(adapters, log, views, strategies)

    return lambda _: maker


def made(kernel: KernelMaker) -> Plant:
    return lambda _: kernel


class Able(Kernel):
    """A kernel that knows its adapters and its log, for those that misuse them."""

    def __init__(
        self,
        adapters: Mapping[str, Adapter],
        log: Log,
        views: Views | None,
        strategies: Sequence[Strategy],
    ) -> None:
        super().__init__(adapters, log, views, strategies)
        self.written = log
        self.able: dict[str, Trader] = {
            name: able for name, each in adapters.items() if (able := trader(each))
        }

    def request(self, order: Order) -> Request:
        """To place it."""
        assert order.intent is not None, "it is ours"
        native = self.views.instruments.rows[order.instrument].native_symbol
        request = self.able[order.exchange].place(order.intent, native)
        return replace(request, lane=f"{order.exchange}/http", n=90_000)


# Requests


class Hasty(Able):
    """What was not answered has failed, so it is ordered again."""

    def step(self, frame: Frame) -> Sequence[Outcome]:
        out = [*super().step(frame)]
        request = frame.request
        if frame.kind == "failed" and request and request.purpose == "place":
            order = self.views.orders.find(request.subject)
            if order and order.intent:
                out += self.command(frame.time, again(self, order.intent))
        return out


def again(kernel: Kernel, order: OrderSubmitted) -> Submit:
    symbol = kernel.views.instruments.rows[order.instrument].symbol
    return Submit(
        order.exchange,
        symbol,
        order.side,
        order.amount,
        order.price,
        order.order_type,
        worst=None if order.price else order.hold,
        by=order.by,
    )


class Stubborn(Kernel):
    """A 5xx is asked again, whatever it was."""

    def step(self, frame: Frame) -> Sequence[Outcome]:
        out = [*super().step(frame)]
        request = frame.request
        if frame.kind == "response" and frame.status >= 500 and request and request.changes:
            out.append(request)
        return out


class Forgetful(Able):
    """After a restart an order without an answer is placed again."""

    again: tuple[Request, ...] = ()

    def start(self, time: Nanos, run: Run) -> None:
        lost = [o for o in self.views.orders.live() if o.submit == "sent"]
        super().start(time, run)
        self.again = tuple(self.request(order) for order in lost)

    def tick(self, now: Nanos) -> Sequence[Outcome]:
        lost, self.again = self.again, ()
        return [*super().tick(now), *lost]


class Unwritten(Kernel):
    """An order is written down when something else is."""

    def __init__(
        self,
        adapters: Mapping[str, Adapter],
        log: Log,
        views: Views | None,
        strategies: Sequence[Strategy],
    ) -> None:
        super().__init__(adapters, cast("Log", Late(log)), views, strategies)


class Late:
    """A log that keeps an intent back until the next step."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._kept: list[tuple[Nanos, AnyEvent]] = []
        self._committed = False

    def append(self, time: Nanos, event: AnyEvent) -> None:
        if self._committed:
            kept, self._kept = self._kept, []
            for each_ in kept:
                self._log.append(*each_)
        if isinstance(event, OrderSubmitted):
            self._kept.append((time, event))
            self._committed = False
        else:
            self._log.append(time, event)

    def commit(self) -> None:
        self._committed = True
        self._log.commit()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


class Chancy(Kernel):
    """Every run has names that no other has."""

    def start(self, time: Nanos, run: Run) -> None:
        super().start(time, replace(run, run_id=uuid4().hex[:12]))


_CANCEL_ALL: Final = Trade.cancel_all


def cancels_everything(trade: Any, time: Nanos, command: CancelAll, instrument: int | None) -> None:
    _CANCEL_ALL(trade, time, command, instrument)
    views: Views = trade._core.views
    for order in views.orders.by_id:
        if order.intent is None and order.status == "open":
            native = views.instruments.rows[order.instrument].native_symbol
            ref = OrderRef(native, order.client_order_id, order.exchange_order_id)
            trade._requests.once(time, trade._adapter.cancel(ref, 1))


def no_rest(_: Frame) -> Nanos:
    """Nobody asks for any."""
    return 0


def in_a_moment(_: int) -> Nanos:
    """However often it failed."""
    return SECOND // 10


def unchecked(*_: object) -> None:
    """What is stated is not compared."""


# What an adapter makes of a frame


def unread() -> Heard:
    """A cancel has a word that nobody knows."""

    def heard(frame: Frame, events: Sequence[AnyEvent]) -> Sequence[AnyEvent]:
        if any(isinstance(event, OrderReported) and event.says == "canceled" for event in events):
            raise ValueError("a state that nobody knows")
        return events

    return heard


def by_trade_id() -> Heard:
    """Reports are known by order and trade id, and what is no trade has -1."""
    known: set[tuple[str, str]] = set()

    def heard(_: Frame, events: Sequence[AnyEvent]) -> Sequence[AnyEvent]:
        kept: list[AnyEvent] = []
        for event in events:
            if isinstance(event, OrderReported) and event.exchange_order_id:
                fills = [e for e in events if isinstance(e, FillReported)]
                key = event.exchange_order_id, fills[-1].fill_id if fills else "-1"
                if key in known:
                    continue
                known.add(key)
            kept.append(event)
        return kept

    return heard


def only_known_ids() -> Heard:
    """An order's exchange id is learned from the answer that places it; until then it is nobody's."""
    known: set[str] = set()

    def heard(frame: Frame, events: Sequence[AnyEvent]) -> Sequence[AnyEvent]:
        named = [e for e in events if isinstance(e, OrderReported | FillReported)]
        if frame.request and frame.request.purpose == "place":
            known.update(event.exchange_order_id for event in named)
        ours = [e for e in named if e.client_order_id.startswith("run")]
        unknown = [e for e in ours if e.exchange_order_id not in known | {""}]
        return [event for event in events if event not in unknown]

    return heard


def not_after_thirty_seconds() -> Heard:
    """An order that has ended is forgotten after half a minute, and whatever it still trades with it."""
    ended: dict[str, Nanos] = {}

    def heard(frame: Frame, events: Sequence[AnyEvent]) -> Sequence[AnyEvent]:
        kept: list[AnyEvent] = []
        for event in events:
            if isinstance(event, OrderReported) and event.says in ("filled", "canceled"):
                ended.setdefault(event.exchange_order_id, frame.time)
            late = isinstance(event, FillReported) and (
                frame.time - ended.get(event.exchange_order_id, frame.time) > 30 * SECOND
            )
            if not late:
                kept.append(event)
        return kept

    return heard


def missing_three_times() -> Heard:
    """Three times not found, however soon, and it has failed."""
    missing: dict[str, int] = {}

    def heard(_: Frame, events: Sequence[AnyEvent]) -> Sequence[AnyEvent]:
        kept: list[AnyEvent] = []
        for event in events:
            kept.append(event)
            if isinstance(event, OrderNotFound):
                name = event.client_order_id
                missing[name] = missing.get(name, 0) + 1
                if missing[name] >= 3:
                    kept.append(_said(event, "rejected", name))
        return kept

    return heard


def _said(about: OrderNotFound, says: Any, name: str) -> OrderReported:
    return OrderReported(exchange=about.exchange, client_order_id=name, says=says)


def per_channel() -> Heard:
    """A trade has another id over HTTP than on the stream."""

    def heard(frame: Frame, events: Sequence[AnyEvent]) -> Sequence[AnyEvent]:
        where = "h" if frame.request else "s"
        return [
            replace(e, fill_id=where + e.fill_id) if isinstance(e, FillReported) else e
            for e in events
        ]

    return heard


class Waiting(Double):
    """The stream waits while an order of ours waits for its id."""

    def __init__(self, good: Adapter) -> None:
        super().__init__(good, lambda _, events: events)
        self._nameless: set[str] = set()
        self._queue: list[AnyEvent] = []

    def place(self, order: OrderSubmitted, native_symbol: str) -> Request:
        self._nameless.add(order.client_order_id)
        return cast("Trader", self._good).place(order, native_symbol)

    def decode(self, frame: Frame, known: Known) -> Sequence[AnyEvent]:
        events = super().decode(frame, known)
        private = [e for e in events if isinstance(e, OrderReported | FillReported)]
        if frame.request:
            if frame.request.purpose == "place":
                self._nameless.discard(frame.request.subject)
            return events
        if self._nameless:
            self._queue += private
            return [event for event in events if event not in private]
        waited, self._queue = self._queue, []
        return [*waited, *events]


def blocks(
    adapters: Mapping[str, Adapter],
    log: Log,
    views: Views | None,
    strategies: Sequence[Strategy],
) -> Kernel:
    doubles = {name: cast("Adapter", Waiting(each_)) for name, each_ in adapters.items()}
    return Kernel(doubles, log, views, strategies)


def gone_is_canceled(event: AnyEvent) -> Sequence[AnyEvent]:
    if isinstance(event, RequestAnswered) and event.outcome == "gone":
        name = event.client_order_id
        said = OrderReported(exchange="binance", client_order_id=name, says="canceled")
        return event, replace(said, executed=ZERO)
    return (event,)


def fill(**changes: Callable[[FillReported], Any]) -> Plant:
    """Fills are reported with other fields."""

    def change(event: AnyEvent) -> Sequence[AnyEvent]:
        if not isinstance(event, FillReported):
            return (event,)
        return (replace(event, **{name: new(event) for name, new in changes.items()}),)

    return each(change)


def rounded(event: FillReported) -> Any:
    place = Decimal("0.000001")
    return tuple((asset, fee.quantize(place)) for asset, fee in event.fees or ())


# What an engine makes of facts

_LEARN: Final[Any] = vars(Orders)["_learn"]


def tells_again(self: Orders, order: Order | None, fact: Any) -> None:
    """A fill that is reported again is told again."""
    if order and isinstance(fact, FillReported):
        order.told.fills.pop(fact.fill_id, None)
    _LEARN(self, order, fact)


def claim_is_enough(order: Order, claim: Status, behind: Decimal, *, purged: bool) -> Status:
    """It says that it is over, so it is."""
    return claim


_STATUS_OF: Final = standing.status_of


def nearly_is_enough(order: Any, done: Sum, behind: Decimal) -> Status:
    if order.amount is not None and done.amount >= order.amount - Decimal("0.00001"):
        return "filled"
    return _STATUS_OF(order, done, behind)


_NEWS_OF: Final = telling.news_of


def canceled_too(order: Order, *, waiting: bool = False) -> Iterator[AnyEvent]:
    """A cancel that comes too late still has its end."""
    yield from _NEWS_OF(order, waiting=waiting)
    if order.told.ended == "filled" and order.cancel == "gone":
        order.cancel = ""
        name, done = order.client_order_id, order.done
        yield OrderCanceled(
            client_order_id=name, executed=done.amount, value=done.value, fees=done.fees
        )


def ends_twice(order: Order, *, waiting: bool = False) -> Iterator[AnyEvent]:
    for event in _NEWS_OF(order, waiting=waiting):
        yield event
        if isinstance(event, OrderEnded):
            yield event


_ORDER_LEARNS: Final = Order.learn


def latest_wins(self: Order, fact: Any) -> None:
    """An order is what was said of it last."""
    if isinstance(fact, OrderReported) and fact.says == "open":
        self.evidence.claims.clear()
        self.evidence.final = None
    _ORDER_LEARNS(self, fact)


def cancels_once(self: Order, fact: RequestAnswered) -> None:
    """A cancel that was sent is done with."""
    self.cancel = "taken" if fact.outcome == "taken" else ""


# What an engine makes of its stream


def rises_unasked(self: Any, time: Nanos) -> None:
    """It is heard again, so all is well."""


def rises_unheld(self: Any, time: Nanos) -> None:
    """It is believed while it is asked what was missed."""
    self._begin(time, hold=False)


def never_looks(self: Any, now: Nanos) -> None:
    """The stream is up, so nothing need be asked."""


# What an engine makes of a restart


def ids_unsaved(views: Views) -> None:
    """Which fills were seen is not known any more: those it has are without their ids."""
    for order in views.orders.ours.values():
        known: Evidence = order.evidence
        known.fills = {f"old-{key}": fill for key, fill in known.fills.items()}
        order.told.fills = {f"old-{key}": sum_ for key, sum_ in order.told.fills.items()}
        order.changed()


def working_dropped(views: Views) -> None:
    fold: Any = views.orders
    for order in views.orders.live():
        fold._drop(order)


class Reconciling(Able):
    """At its start each position is brought to what it holds it to be: with an opposite fill."""

    def start(self, time: Nanos, run: Run) -> None:
        super().start(time, run)
        for order in [*self.views.orders.ours.values()]:
            if order.executed:
                event = OrderFilled(
                    client_order_id=order.client_order_id,
                    exchange=order.exchange,
                    instrument=order.instrument,
                    side="sell" if order.side == "buy" else "buy",
                    exchange_order_id=order.exchange_order_id,
                    fill_id=f"reconciled-{order.client_order_id}",
                    amount=order.executed,
                    value=order.done.value,
                    fees=(),
                    price=Decimal(1),
                    executed=ZERO,
                )
                self.written.append(time, event)
                self.views.apply(event)
        self.written.commit()


def inferred_anew(patch: pytest.MonkeyPatch) -> KernelMaker:
    """What is inferred has another id in each run."""
    runs: list[int] = []

    def maker(
        adapters: Mapping[str, Adapter],
        log: Log,
        views: Views | None,
        strategies: Sequence[Strategy],
    ) -> Kernel:
        runs.append(1)
        for module in (standing, telling):
            patch.setattr(module, "INFERRED", f"inferred-{len(runs)}")
        if views:
            for order in views.orders.ours.values():
                order.changed()
        return Kernel(adapters, log, views, strategies)

    return maker
