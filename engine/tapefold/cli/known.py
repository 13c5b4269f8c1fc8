"""What is known where a log's records are told: the names of assets and orders, and common phrases."""

from collections.abc import Mapping
from decimal import Decimal

from tapefold.cli.accounts import reason_told
from tapefold.events import (
    UNLISTED,
    Amounts,
    AnyEvent,
    Event,
    Fees,
    FillTold,
    InstrumentListed,
    OrderSubmitted,
)
from tapefold.folds.orders import KEEP_MAX
from tapefold.units import fixed


class Known:
    """The instruments that were listed so far, and of which of them an order is."""

    def __init__(
        self,
        rows: Mapping[int, InstrumentListed] | None = None,
        orders: Mapping[str, int] | None = None,
    ) -> None:
        self.rows = dict(rows or {})
        self._orders = dict(orders or {})

    def hear(self, event: AnyEvent) -> None:
        """Remember what later events do not say again; of orders only the latest."""
        if isinstance(event, InstrumentListed):
            self.rows[event.instrument] = event
        elif isinstance(event, OrderSubmitted):
            self._orders[event.client_order_id] = event.instrument
            if len(self._orders) > KEEP_MAX:
                del self._orders[next(iter(self._orders))]

    def row(self, event: Event) -> InstrumentListed | None:
        """What an event is about: by its own word, or by its order's."""
        number = getattr(event, "instrument", UNLISTED)
        if number == UNLISTED:
            number = self._orders.get(getattr(event, "client_order_id", ""), UNLISTED)
        return self.rows.get(number)

    def base(self, event: Event, amount: Decimal) -> str:
        """An amount with its asset, where that is known."""
        row = self.row(event)
        return f"{fixed(amount)} {row.base if row else ''}".rstrip()

    def quote(self, event: Event, value: Decimal) -> str:
        """A price or a value with its asset, where that is known."""
        row = self.row(event)
        return f"{fixed(value)} {row.quote if row else ''}".rstrip()


def about(event: Event, known: Known) -> str:
    """Exchange, instrument and order, as far as they are known."""
    row, number = known.row(event), getattr(event, "instrument", UNLISTED)
    where = [row.exchange, row.symbol] if row else [getattr(event, "exchange", "")]
    if row is None and number != UNLISTED:
        where.append(f"instrument {number}")
    name = getattr(event, "client_order_id", "")
    if not name and (number := getattr(event, "exchange_order_id", "")):
        name = f"order {number}" + (", not ours" if isinstance(event, FillTold) else "")
    return " ".join(filter(None, [*where, name]))


def fees_told(fees: Fees | None, words: str = ", fee ") -> str:
    """A part of a sentence; empty where there are none."""
    return words + several(fees) if fees else ""


def several(amounts: Amounts) -> str:
    """Amounts of several assets."""
    return ", ".join(f"{fixed(amount)} {asset}" for asset, amount in amounts)


def why(word: str) -> str:
    """The end of a sentence: for which reason; empty where none was given."""
    return f": {reason_told(word)}" if word else ""
