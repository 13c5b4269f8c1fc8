"""Whether a log is as a scenario's `then` says: whatever wrote it, live, at the simulator, or a replay."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from tapefold.events import (
    AccountSurveyed,
    AnyEvent,
    Conclusion,
    Fees,
    ForeignOrderSeen,
    OrderFilled,
)
from tapefold.folds.book_view import BookView
from tapefold.folds.orders import Order
from tapefold.scenario.comparing import Comparing
from tapefold.scenario.director import instruments_of, said, totals
from tapefold.scenario.naming import names_of
from tapefold.scenario.results import Failed
from tapefold.scenario.sums import Scene, compile_condition, orders_named
from tapefold.scenario.telling import printed, sentence
from tapefold.scenario.words import BalanceThen, Fields, FillThen, Number, OrderThen, Place, Then
from tapefold.units import Level
from tapefold.views import Views


class Heard(Struct, frozen=True):
    """What came out of a run."""

    events: Sequence[AnyEvent]
    """All of the log."""
    views: Views
    """What they come to."""
    exchange: str
    asked: Mapping[str, int] | None = None
    """Requests by purpose; None where a tape has been held against them one by one."""


def judge(place: Place, heard: Heard) -> list[Failed]:
    """What is not as `then` says."""
    judgement = _Judgement(place, heard)
    failed = [each for part in judgement.parts() for each in part]
    return sorted(failed, key=lambda each: each.line)


class _Judgement:
    def __init__(self, place: Place, heard: Heard) -> None:
        self._place, self._heard = place, heard
        self._then: Then = place.scenario.then
        self._names = names_of(heard.events)
        self._ids = {name: identity for identity, name in self._names.items()}
        scene = Scene(heard.views, heard.exchange, instruments_of(place.scenario)[0])
        scene.names, scene.was = self._ids, _was(heard)
        self._scene = scene
        self._events = Comparing(heard.events, self._names, scene)

    def parts(self) -> Iterator[Iterator[Failed]]:
        """Part by part, as `then` has them."""
        yield self._told()
        yield self._facts()
        yield self._never()
        yield self._orders()
        yield self._fills()
        yield self._balances()
        yield self._books()
        yield self._requests()
        yield self._holds()

    # What was told

    def _told(self) -> Iterator[Failed]:
        for name, wanted in self._then.told.items():
            key = f"then.told.{name}"
            if name not in self._ids:
                yield self._failed(key, f"an order {name}", "there is none")
                continue
            events = [event for event in self._of(name) if not isinstance(event, ForeignOrderSeen)]
            for n, (fields, event) in enumerate(zip(wanted, events, strict=False)):
                yield from self._differs(f"{key}[{n}]", fields, event)
            for n, fields in enumerate(wanted[len(events) :], len(events)):
                yield self._failed(f"{key}[{n}]", _shown(fields), "nothing more was told")
            for event in events[len(wanted) :]:
                yield self._failed(key, "nothing more is told", sentence(event, name))

    def _of(self, name: str) -> Iterator[AnyEvent]:
        identity = self._ids.get(name)
        for event in self._heard.events:
            if isinstance(event, Conclusion) and identity and event.client_order_id == identity:
                yield event

    def _differs(self, key: str, fields: Fields, event: AnyEvent) -> Iterator[Failed]:
        kind = type(event).__name__
        name = self._names.get(getattr(event, "client_order_id", ""), "")
        if fields.get("event", kind) != kind:
            yield self._failed(key, _shown(fields), sentence(event, name))
            return
        for field, wanted in fields.items():
            if not self._events.has(event, field, wanted):
                actual = printed(self._events.said(event, field))
                yield self._failed(f"{key}.{field}", f"{field} {printed(wanted)}", actual)

    def _facts(self) -> Iterator[Failed]:
        events = iter(self._heard.events)
        for n, fields in enumerate(self._then.facts):
            if not any(self._events.fits(fields, event) for event in events):
                yield self._failed(
                    f"then.facts[{n}]", _shown(fields), "not in the log, in this order"
                )
                return

    def _never(self) -> Iterator[Failed]:
        for n, fields in enumerate(self._then.never):
            key = f"then.never[{n}]"
            for field, why in self._events.unknown(fields):
                yield self._failed(f"{key}.{field}", "something that could be", why)
            fits = (event for event in self._heard.events if self._events.fits(fields, event))
            found = next(fits, None)
            if found is not None:
                name = self._names.get(getattr(found, "client_order_id", ""), "")
                yield self._failed(key, f"no {_shown(fields)}", sentence(found, name))

    # What there is in the end

    def _orders(self) -> Iterator[Failed]:
        for name, wanted in self._then.orders.items():
            key, order = f"then.orders.{name}", self._order(name)
            if order is None:
                yield self._failed(key, f"an order {name}", "there is none")
            else:
                yield from self._order_is(key, wanted, order)

    def _order(self, name: str) -> Order | None:
        return self._heard.views.orders.find(self._ids.get(name, ""))

    def _order_is(self, key: str, wanted: OrderThen, order: Order) -> Iterator[Failed]:
        words = {
            "status": (wanted.status or None, order.status),
            "doubt": (wanted.doubt, order.doubt),
        }
        for field, (word, now) in words.items():
            if word is not None and word != now:
                yield self._failed(f"{key}.{field}", printed(word), printed(now))
        numbers = {
            "executed": (wanted.executed, order.executed),
            "amount": (wanted.amount, order.amount),
            "price": (wanted.price, order.intent.price if order.intent else None),
            "value": (wanted.value, order.done.value),
        }
        for field, (number, there) in numbers.items():
            yield from self._is(f"{key}.{field}", number, there)
        yield from self._fees_are(key, wanted.fees, order.done.fees)

    def _is(
        self, key: str, wanted: Number | None, now: Decimal | None, what: str = ""
    ) -> Iterator[Failed]:
        """A number, if it is said; what is not known is none."""
        if wanted is not None and (now is None or self._events.number(wanted) != now):
            yield self._failed(key, f"{what}{self._events.shown(wanted)}", printed(now))

    def _fees_are(
        self, key: str, wanted: Mapping[str, Number] | None, fees: Fees
    ) -> Iterator[Failed]:
        if wanted is not None and not self._events.amounts(wanted, dict(fees)):
            yield self._failed(f"{key}.fees", printed(wanted), printed(fees))

    def _fills(self) -> Iterator[Failed]:
        wanted = self._then.fills
        if wanted is None:
            return
        fills = [event for event in self._heard.events if isinstance(event, OrderFilled)]
        fills = [fill for fill in fills if fill.client_order_id in self._names]
        for n, fill in enumerate(wanted):
            key = f"then.fills[{n}]"
            if n >= len(fills):
                yield self._failed(key, f"a fill of {fill.order}", "there is none")
            else:
                yield from self._fill_is(key, fill, fills[n])
        for more in fills[len(wanted) :]:
            name = self._names[more.client_order_id]
            yield self._failed("then.fills", "no other fill", sentence(more, name))

    def _fill_is(self, key: str, wanted: FillThen, fill: OrderFilled) -> Iterator[Failed]:
        name = self._names[fill.client_order_id]
        if name != wanted.order:
            yield self._failed(f"{key}.order", wanted.order, sentence(fill, name))
        for field in ("amount", "price", "value"):
            yield from self._is(f"{key}.{field}", getattr(wanted, field), getattr(fill, field))
        yield from self._fees_are(key, wanted.fees, fill.fees)

    def _balances(self) -> Iterator[Failed]:
        balances, exchange = self._heard.views.balances, self._heard.exchange
        known = balances.opened(exchange)
        for asset, word in self._then.balances.items():
            wanted = word if isinstance(word, BalanceThen) else BalanceThen(total=word)
            if self._place.scenario.given.session and asset not in balances.assets(exchange):
                yield self._failed(
                    f"then.balances.{asset}", f"some {asset}", "the account has none"
                )
                continue
            for what in ("total", "available"):
                now = getattr(balances, what)(exchange, asset) if known else None
                key = f"then.balances.{asset}"
                key = f"{key}.{what}" if isinstance(word, BalanceThen) else key
                yield from self._is(key, getattr(wanted, what), now, f"{what} ")

    def _books(self) -> Iterator[Failed]:
        views = self._heard.views
        for name, wanted in self._then.books.items():
            key, number_ = f"then.books.{name}", self._scene.number(name)
            if number_ is None:
                yield self._failed(key, f"a book of {name}", "it was never listed")
                continue
            book = BookView(views.instruments, number_, views.books[number_], stale=True)
            if wanted.state and wanted.state != book.state:
                yield self._failed(f"{key}.state", wanted.state, book.state)
            if wanted.gaps is not None and wanted.gaps != book.gaps:
                yield self._failed(f"{key}.gaps", str(wanted.gaps), str(book.gaps))
            for side in ("best_bid", "best_ask"):
                word: tuple[Number, Number] | None = getattr(wanted, side)
                level: Level | None = getattr(book, side)
                if word is None:
                    continue
                expected = tuple(map(self._events.number, word))
                if level is None or expected != (level.price, level.size):
                    yield self._failed(f"{key}.{side}", printed(expected), printed(level))

    def _requests(self) -> Iterator[Failed]:
        if self._heard.asked is None:
            return
        for purpose, times in self._then.requests.items():
            asked = self._heard.asked.get(purpose, 0)
            if asked != times:
                yield self._failed(f"then.requests.{purpose}", f"{times} times", f"{asked} times")

    def _holds(self) -> Iterator[Failed]:
        for n, condition in enumerate(self._then.holds):
            key, expression = f"then.holds[{n}]", compile_condition(condition)
            if lost := [name for name in orders_named(condition) if name not in self._ids]:
                yield self._failed(key, f"an order {lost[0]}", "there is none")
            elif not expression.holds(self._scene):
                yield self._failed(key, condition, said(expression, self._scene))

    # How it is said

    def _failed(self, key: str, expected: str, actual: str) -> Failed:
        return Failed(key, self._place.line(key), expected, actual)


def _was(heard: Heard) -> Mapping[str, Decimal]:
    """What there was when the account was first known."""
    views = Views()
    for event in heard.events:
        views.apply(event)
        if isinstance(event, AccountSurveyed) and event.exchange == heard.exchange:
            return totals(views, heard.exchange)
    return {}


def _shown(fields: Fields) -> str:
    rest = [f"{name}={printed(value)}" for name, value in fields.items() if name != "event"]
    return " ".join([str(fields.get("event", "an event")), *rest])
