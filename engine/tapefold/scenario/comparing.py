"""What a scenario file says of events, held against the events of a log.

What is not known is never what was wanted: a sum that nobody can reckon, or an order that the log does not
have, would else make everything true that is said with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, cast

from tapefold.errors import BadInput
from tapefold.events import AnyEvent, Fees, InstrumentListed, Quote, Trade
from tapefold.scenario.commanded import number
from tapefold.scenario.event_words import EVENTS, FieldKind, sayable
from tapefold.scenario.sums import Scene
from tapefold.scenario.telling import printed
from tapefold.scenario.words import Fields, Number

_PRICES: Final = ("price", "bid_price", "ask_price")
_SIZES: Final = ("size", "bid_size", "ask_size")


class Comparing:
    """Fields of a file against events, with the names that the file has for orders."""

    def __init__(self, events: Sequence[AnyEvent], names: Mapping[str, str], scene: Scene) -> None:
        """*names* are those of orders, by their client order ids."""
        self._events, self._names, self._scene = events, names, scene
        self._called = {*names.values()}
        self._scales: dict[int, tuple[int, int]] | None = None

    def number(self, word: Number | None) -> Decimal | None:
        """What it comes to; None where that is not known."""
        if word is None:
            return None
        try:
            return number(word, self._scene)
        except BadInput:
            return None

    def shown(self, word: Number) -> str:
        """A number for people: a sum that nobody can reckon as it was typed."""
        found = self.number(word)
        return f"{word}, which is not known" if found is None else printed(found)

    def amounts(self, wanted: Mapping[str, Number], actual: Mapping[str, Decimal]) -> bool:
        """Amounts by asset: these, and no others that are not nothing."""
        there = {asset: amount for asset, amount in actual.items() if amount}
        named = {asset: self.number(amount) for asset, amount in wanted.items()}
        return None not in named.values() and {a: n for a, n in named.items() if n} == there

    def fits(self, fields: Fields, event: AnyEvent) -> bool:
        """Whether an event has all that is said."""
        return fields.get("event", type(event).__name__) == type(event).__name__ and all(
            self.has(event, field, wanted) for field, wanted in fields.items()
        )

    def has(self, event: AnyEvent, field: str, wanted: Any) -> bool:
        """Whether an event has what is wanted of it."""
        actual = self.said(event, field)
        if isinstance(wanted, dict):
            amounts = cast("Fees", actual) if isinstance(actual, tuple) else ()
            return self.amounts(cast("dict[str, Number]", wanted), dict(amounts))
        if isinstance(wanted, tuple):
            return self._listed(actual) == wanted
        if isinstance(actual, Decimal | int) and not isinstance(actual, bool):
            return self.number(wanted) == actual
        return bool(actual == wanted)

    def said(self, event: AnyEvent, field: str) -> Any:
        """What an event has to say, as a file speaks of it; None for nothing."""
        match field:
            case "event":
                return type(event).__name__
            case "order":
                return self._names.get(getattr(event, "client_order_id", ""))
            case "instrument":
                row = self._scene.views.instruments.rows.get(getattr(event, field, -1))
                return row.symbol if row else None
            case _:
                value = getattr(event, field, None)
        if isinstance(event, Trade | Quote) and field in (*_PRICES, *_SIZES):
            prices, sizes = self._scale(event)
            return Decimal(value or 0).scaleb(-(prices if field in _PRICES else sizes))
        return value

    def unknown(self, fields: Fields) -> Iterator[tuple[str, str]]:
        """What is said of events that the log cannot know: the field, and what it names."""
        event = EVENTS.get(str(fields.get("event", "")))
        kinds: Mapping[str, FieldKind] = sayable(event) if event else {}
        listed = {row.symbol for row in self._scene.views.instruments.rows.values()}
        for field, wanted in fields.items():
            if field == "order" and wanted not in self._called:
                yield field, f"there is no order {wanted}"
            elif field == "instrument" and wanted not in listed:
                yield field, f"{wanted} was never listed"
            elif isinstance(wanted, dict):
                yield from ((field, self.shown(it)) for it in wanted.values() if self._lost(it))
            elif isinstance(wanted, str) and kinds.get(field) == "number":
                yield from [(field, self.shown(wanted))] if self._lost(wanted) else []

    # How

    def _lost(self, word: Number) -> bool:
        return self.number(word) is None

    def _listed(self, orders: Any) -> tuple[str, ...] | None:
        """Several orders by what the file calls them; None where that is no list of orders."""
        if not isinstance(orders, tuple):
            return None
        ids = cast("tuple[str, ...]", orders)
        return tuple(self._names.get(each, each) for each in ids)

    def _scale(self, event: Trade | Quote) -> tuple[int, int]:
        """Digits of prices and of sizes, as they were when this was said: a scale widens."""
        if self._scales is None:
            self._scales, now = {}, dict[int, tuple[int, int]]()
            for each in self._events:
                if isinstance(each, InstrumentListed):
                    now[each.instrument] = each.price_digits, each.size_digits
                elif isinstance(each, Trade | Quote):
                    self._scales[id(each)] = now.get(each.instrument, (0, 0))
        return self._scales[id(event)]
