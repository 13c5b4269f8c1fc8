"""The orders of ours that have not ended, and what they hold together: kept as sums, and never added up.

Whoever asks before each order what is free must not look at each order that there is.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from operator import attrgetter
from typing import Final, TypeAlias

from msgspec import Struct, field

from tapefold.events import ZERO, AccountWatched, Status
from tapefold.folds.orders.order import Order

_Key: TypeAlias = tuple[int, str, Status]
_number: Final = attrgetter("number")


class Group(Struct):
    """Those of one instrument, side and status. To balances it is one order that holds what all do."""

    instrument: int
    side: str
    status: Status
    held: Decimal = ZERO
    """What they may cost yet, in the asset that they pay with."""
    orders: dict[int, Order] = field(default_factory=dict[int, Order])
    """By number."""


class _Place(Struct):
    """Where an order is."""

    exchange: str
    key: _Key
    group: Group
    held: Decimal
    """What of the group's sum is its."""


class Alive:
    """Them by exchange, in groups. To be changed within `exactly()`."""

    def __init__(self, rules: Mapping[str, AccountWatched]) -> None:
        self.rules = rules
        """By exchange."""
        self._groups: dict[str, dict[_Key, Group]] = {}
        self._places: dict[int, _Place] = {}
        """By number."""
        self._nameless: dict[str, dict[int, None]] = {}
        """By exchange the numbers of those of which it has not said what it calls them."""

    def put(self, order: Order) -> None:
        """It is alive, and is as it is now."""
        standing, number = order.standing, order.number
        held = standing.held
        key: _Key = order.instrument, order.side, standing.status
        place = self._places.get(number)
        if place is None or place.key != key:
            self._take_out(number)
            group = self._groups.setdefault(order.exchange, {}).setdefault(key, Group(*key))
            group.orders[number] = order
            group.held += held
            self._places[number] = _Place(order.exchange, key, group, held)
        elif place.held != held:
            place.group.held += held - place.held
            place.held = held
        if order.exchange_order_id:
            self._named(order)
        else:
            self._nameless.setdefault(order.exchange, {})[number] = None

    def drop(self, order: Order) -> None:
        """It is not, if it was."""
        self._take_out(order.number)
        self._named(order)

    def orders(self, exchange: str = "", instrument: int | None = None) -> list[Order]:
        """By number: of one exchange or of all, of one instrument or of all."""
        groups = self._among(exchange, instrument)
        return sorted((o for group in groups for o in group.orders.values()), key=_number)

    def count(self, exchange: str = "", instrument: int | None = None) -> int:
        """How many."""
        return sum(len(group.orders) for group in self._among(exchange, instrument))

    def unopened(self, exchange: str) -> list[Order]:
        """By number: those that the exchange is not known to have, or is known to be done with."""
        groups = [group for group in self._among(exchange) if group.status != "open"]
        return sorted((o for group in groups for o in group.orders.values()), key=_number)

    def live(self, exchange: str) -> list[Group]:
        """What they hold."""
        return [*self._groups.get(exchange, {}).values()]

    def waits(self, exchange: str) -> bool:
        """Whether an order is on its way of which the exchange has not said what it calls it."""
        return exchange in self._nameless

    def _among(self, exchange: str, instrument: int | None = None) -> Iterator[Group]:
        some = [self._groups.get(exchange, {})] if exchange else self._groups.values()
        for groups in some:
            for group in groups.values():
                if instrument in (None, group.instrument):
                    yield group

    def _take_out(self, number: int) -> None:
        """Out of its group, and the group where it was the last of it."""
        if place := self._places.pop(number, None):
            group = place.group
            del group.orders[number]
            group.held -= place.held
            if not group.orders:
                del self._groups[place.exchange][place.key]

    def _named(self, order: Order) -> None:
        if numbers := self._nameless.get(order.exchange):
            numbers.pop(order.number, None)
            if not numbers:
                del self._nameless[order.exchange]
