"""The fold of orders: whose fact is it, what is to be told, and what may be forgotten."""

from collections.abc import Callable, Container
from typing import Any, Final, TypeAlias, get_args

from msgspec import Struct

from tapefold.events import (
    UNLISTED,
    AccountWatched,
    AnyEvent,
    Conclusion,
    DeadlinePassed,
    FillReported,
    FillReverted,
    FillTold,
    ForeignOrderSeen,
    OrderCancelRequested,
    OrderNotFound,
    OrderReported,
    OrderSubmitted,
    RequestAnswered,
    Status,
)
from tapefold.folds.orders.alive import Alive
from tapefold.folds.orders.evidence import ENDS, OrderFact
from tapefold.folds.orders.life import DEFAULT
from tapefold.folds.orders.names import Names
from tapefold.folds.orders.order import Order
from tapefold.folds.orders.races import RACES, Anomalies, Kind, kind
from tapefold.folds.orders.telling import hear, news_of
from tapefold.units import Nanos, exactly

KEEP_MAX: Final = 4096
"""Orders kept that are told and proven, to know a repetition by; about 4 MB."""
_Said: TypeAlias = OrderReported | FillReported | FillReverted | OrderNotFound
_Asked: TypeAlias = OrderCancelRequested | RequestAnswered | DeadlinePassed
_TOLD: Final = [kind for kind in get_args(AnyEvent) if issubclass(kind, Conclusion)]


class State(Struct, frozen=True, array_like=True):
    """The whole fold as canonical data: of two equal folds it is equal, in every process."""

    count: int
    orders: list[Order]
    """By number."""
    done: list[int]
    """The numbers of those that may be forgotten, the first one first."""
    strangers: list[int]
    """And of those that are not known to be foreign yet."""
    rules: dict[str, AccountWatched]
    horizon: dict[str, Nanos]
    ignored: int
    anomalies: tuple[int, list[tuple[str, Status, Kind]]]


class Orders:
    """The account of orders: it takes facts and conclusions alike, so the log alone rebuilds it."""

    def __init__(self, keep_max: int = KEEP_MAX) -> None:
        self.keep_max = keep_max
        self.touched: dict[int, Order] = {}
        """Those of which something may be to be told. Empty: there is no need to ask for `news`."""
        self.ours: dict[str, Order] = {}
        """By client order id, in the order in which they were submitted."""
        self.by_id = Names()
        """Every order whose exchange's id is known."""
        self.rules: dict[str, AccountWatched] = {}
        self.alive = Alive(self.rules)
        """Those of ours that have not ended."""
        self.horizon: dict[str, Nanos] = {}
        """By exchange: what is not newer than this is no news of an order that was forgotten."""
        self.ignored = 0
        """Facts and conclusions about orders that nobody knows, or knows any more."""
        self.anomalies = Anomalies()
        self._count = 0
        self._named: dict[str, dict[int, None]] = {}
        """The numbers of those that are not ours, by the client order id that they have."""
        self._strangers: dict[int, Order] = {}
        self._done: dict[int, Order] = {}
        self._hears: dict[type, Callable[[Any], None]] = {
            OrderSubmitted: self._submitted,
            AccountWatched: self._watched,
            **dict.fromkeys(get_args(_Said), self._said),
            **dict.fromkeys(get_args(_Asked), self._asked),
            **dict.fromkeys(_TOLD, self._told),
        }

    # What is there

    def find(self, client_order_id: str) -> Order | None:
        """The order of ours with this id; None where there is none, or it was forgotten."""
        return self.ours.get(client_order_id)

    def is_taken(self, client_order_id: str) -> bool:
        """Whether an order has this id, ours or, as far as we know, somebody else's."""
        return client_order_id in self.ours or client_order_id in self._named

    def live(self, exchange: str = "", instrument: int | None = None) -> list[Order]:
        """Those of ours that have not ended, in the order in which they were submitted."""
        return self.alive.orders(exchange, instrument)

    def news(self, everything: bool = False, *, later: Container[int] = ()) -> list[AnyEvent]:
        """What is, minus what was told: to be appended to the log, and then applied.

        Asked after each step about what was touched, and at a run's start about *everything*. Those
        with the numbers *later* stay touched.
        """
        touched = self.touched
        self.touched = {number: order for number, order in touched.items() if number in later}
        asked = {order.number: order for order in self._all()} if everything else touched
        if everything or self._strangers or self.touched:
            both = {**asked, **self._strangers}
            asked = {n: order for n, order in both.items() if n not in later}
        if not asked:
            return []
        with exactly():
            return [
                event
                for order in asked.values()
                for event in news_of(order, waiting=self.alive.waits(order.exchange))
            ]

    def unanswered(self) -> list[RequestAnswered]:
        """At a run's start: what an earlier run asked, to which no answer can come any more."""
        return [answer for order in self.live() for answer in order.unanswered()]

    # What happens

    def apply(self, event: AnyEvent) -> None:
        """Take one event in. Nothing is refused, since it happened; what is about no order, is not ours."""
        if hear := self._hears.get(type(event)):
            with exactly():
                hear(event)

    def _submitted(self, event: OrderSubmitted) -> None:
        name, adopted = event.client_order_id, None
        if event.exchange_order_id:
            place = event.exchange, event.exchange_order_id, event.instrument
            adopted = self.by_id.get(*place)
        old = self.ours.get(name) or (adopted if adopted and adopted.intent else None)
        if old or not name:
            self.anomalies.note(name, old.status if old else "submitted", "submit")
            return
        if adopted:
            self._drop(adopted)
        order = adopted or self._new(event.exchange)
        order.number = self._next()
        order.intent, order.client_order_id = event, name
        order.instrument, order.side = event.instrument, event.side
        order.exchange_order_id = event.exchange_order_id
        if event.exchange_order_id:
            # Nothing is sent, so no answer will come: what we have not heard of yet is to be asked for.
            order.submit = "answered" if order.evidence.seen else "unanswered"
            self.by_id.add(order)
        order.weigh()
        self.ours[name] = order
        if event.exchange_order_id or order.doubt:
            self._changed(order)
        else:
            self._place(order)  # of one that is just wanted there is nothing to tell yet

    def _said(self, event: _Said) -> None:
        self._learn(self._whose(event), event)

    def _asked(self, event: _Asked) -> None:
        self._learn(self.ours.get(event.client_order_id), event)

    def _learn(self, order: Order | None, fact: OrderFact) -> None:
        if order is None:
            self.ignored += 1
            return
        if order.intent and (what := kind(order, fact)) not in RACES[order.status]:
            self.anomalies.note(order.client_order_id, order.status, what)
        order.learn(fact)
        self._changed(order)

    def _told(self, event: Conclusion) -> None:
        order = self.ours.get(event.client_order_id)
        if isinstance(event, FillTold | ForeignOrderSeen) and not event.client_order_id:
            order = self.by_id.get(event.exchange, event.exchange_order_id, event.instrument)
        if order is None:
            self.ignored += 1
            return
        hear(order, event)
        self._place(order)

    def _watched(self, event: AccountWatched) -> None:
        if self.rules.get(event.exchange) == event:
            return
        self.rules[event.exchange] = event
        for order in self._all():
            if order.exchange == event.exchange:
                order.rules = event
                order.changed()
                self._changed(order)

    # Whose fact is it

    def _whose(self, fact: _Said) -> Order | None:
        """An exchange may name an order by its own id alone, even before we know that id."""
        mine = self.ours.get(fact.client_order_id)
        if mine is not None and not mine.is_meant_by(fact):
            mine = None
        if not fact.exchange_order_id:
            return mine
        instrument = fact.instrument
        if instrument == UNLISTED and mine is not None:
            instrument = mine.instrument  # the id may be that of another order in another one
        known = self.by_id.get(fact.exchange, fact.exchange_order_id, instrument)
        if mine is None or mine.exchange_order_id not in ("", fact.exchange_order_id):
            # Not ours; or it wears the name of one of ours, which somebody replaced by hand.
            return known or self._stranger(fact)
        if not mine.exchange_order_id:
            if known is not None and known.intent is None:
                mine.absorb(known)
                self._drop(known)
            mine.exchange_order_id = fact.exchange_order_id
            self.by_id.add(mine)
        return mine

    def _stranger(self, fact: _Said) -> Order | None:
        """A new one; none where the order was forgotten: then it was proven, and this only repeats."""
        old = fact.time_exchange <= self.horizon.get(fact.exchange, -1)
        if old or isinstance(fact, OrderNotFound):
            return None
        order = self._new(fact.exchange)
        order.number = self._next()
        order.instrument, order.side = fact.instrument, fact.side
        order.client_order_id = fact.client_order_id
        order.exchange_order_id = fact.exchange_order_id
        self.by_id.add(order)
        return order

    def _new(self, exchange: str) -> Order:
        return Order(number=0, exchange=exchange, rules=self.rules.get(exchange, DEFAULT))

    def _next(self) -> int:
        self._count += 1
        return self._count

    # What is kept

    def _all(self) -> list[Order]:
        every = {order.number: order for order in [*self.ours.values(), *self.by_id]}
        return [every[number] for number in sorted(every)]

    def _changed(self, order: Order) -> None:
        order.weigh()
        self.touched[order.number] = order
        self._place(order)

    def _place(self, order: Order) -> None:
        """Put it where it belongs: alive, unknown, or told and proven. Forget the oldest of the last."""
        if order.intent is None:
            self._place_strange(order)
        elif order.ended:
            self.alive.drop(order)
        else:
            self.alive.put(order)
        if order.quiet:
            self._done.setdefault(order.number, order)
        else:
            self._done.pop(order.number, None)
        while len(self._done) > self.keep_max:
            old = next(iter(self._done.values()))
            self._drop(old)
            past = self.horizon.get(old.exchange, 0)
            self.horizon[old.exchange] = max(past, old.evidence.latest)

    def _place_strange(self, order: Order) -> None:
        """The same with one that is not ours."""
        if order.client_order_id:
            self._named.setdefault(order.client_order_id, {})[order.number] = None
        if order.told.foreign:
            self._strangers.pop(order.number, None)
        else:
            self._strangers[order.number] = order
        while len(self._strangers) > max(1, self.keep_max):
            # Nothing of it was told, so it may come again: no horizon.
            self._drop(next(iter(self._strangers.values())))

    def _drop(self, order: Order) -> None:
        """Take it out of everything."""
        if numbers := self._named.get(order.client_order_id):
            numbers.pop(order.number, None)
            if not numbers:
                del self._named[order.client_order_id]
        self.alive.drop(order)
        for orders in (self._strangers, self._done, self.touched):
            orders.pop(order.number, None)
        self.by_id.remove(order)
        if order.intent is not None:
            self.ours.pop(order.client_order_id, None)

    # As data

    def state(self) -> State:
        """As canonical data. What was touched is not in it: ask for `news` of everything at a start."""
        return State(
            count=self._count,
            orders=[order.copy() for order in self._all()],
            done=[*self._done],
            strangers=[*self._strangers],
            rules={**self.rules},
            horizon={**self.horizon},
            ignored=self.ignored,
            anomalies=(self.anomalies.count, [*self.anomalies.latest]),
        )

    def restore(self, state: State) -> None:
        """From canonical data, into a fold that is new."""
        self._count, self.ignored = state.count, state.ignored
        self.rules.update(state.rules)
        self.horizon = {**state.horizon}
        by_number = {order.number: order.copy() for order in state.orders}
        for number, order in by_number.items():
            if order.intent is not None:
                self.ours[order.client_order_id] = order
                if order.status not in ENDS:
                    with exactly():
                        self.alive.put(order)
            if order.intent is None and order.client_order_id:
                self._named.setdefault(order.client_order_id, {})[number] = None
            if order.exchange_order_id:
                self.by_id.add(order)
        self._done = {number: by_number[number] for number in state.done}
        self._strangers = {number: by_number[number] for number in state.strangers}
        self.anomalies.count = state.anomalies[0]
        self.anomalies.latest.extend(state.anomalies[1])
