"""Which order has which of an exchange's ids."""

from collections.abc import Iterator

from tapefold.events import UNLISTED
from tapefold.folds.orders.order import Order


class Names:
    """Orders by exchange and its id for them.

    Some exchanges number the orders of each instrument for itself, so two orders may have one id; where
    a message does not say its instrument, or nobody has said an order's yet, the id alone must do.
    """

    def __init__(self) -> None:
        self._orders: dict[tuple[str, str], list[Order]] = {}

    def get(
        self, exchange: str, exchange_order_id: str, instrument: int = UNLISTED
    ) -> Order | None:
        """The order of this id; None for none."""
        found = self._orders.get((exchange, exchange_order_id))
        if found is None:
            return None
        if instrument != UNLISTED:
            found = [order for order in found if order.instrument in (instrument, UNLISTED)]
        if len(found) <= 1:
            return found[0] if found else None
        # The one that says its instrument first; then the older one, so that it is always the same.
        return min(found, key=lambda order: (order.instrument == UNLISTED, order.number))

    def add(self, order: Order) -> None:
        """From here on it is known by its `exchange_order_id`."""
        self._orders.setdefault((order.exchange, order.exchange_order_id), []).append(order)

    def remove(self, order: Order) -> None:
        """Forget it, if it is known."""
        key = order.exchange, order.exchange_order_id
        rest = [each for each in self._orders.get(key, ()) if each is not order]
        if rest:
            self._orders[key] = rest
        else:
            self._orders.pop(key, None)

    def __iter__(self) -> Iterator[Order]:
        return (order for orders in self._orders.values() for order in orders)

    def __len__(self) -> int:
        return sum(map(len, self._orders.values()))
