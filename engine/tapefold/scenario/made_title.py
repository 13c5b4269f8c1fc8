"""The title of a scenario that was made of a session: a sentence of what happened."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from tapefold.events import BookInvalidated, ForeignOrderSeen, OrderSubmitted
from tapefold.scenario.made_then import Facts
from tapefold.units import MINUTE, SECOND, Nanos

_WORDS: Final = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
)
_PAIRS_MAX: Final = 3
"""So many instruments are named; of more their number."""


def title(facts: Facts, exchanges: Sequence[str], lasted: Nanos) -> str:
    """As in "binance: 2 orders of BTC-USDT, one filled, one canceled, over 12 s"."""
    parts = [*_orders(facts), *_strangers(facts), *_gaps(facts), _span(lasted)]
    return f"{' and '.join(exchanges)}: {', '.join(parts)}"


def _orders(facts: Facts) -> Iterator[str]:
    """How many of what, and how they are; without orders, which books."""
    if not facts.names:
        pairs = [
            row.symbol
            for row in facts.views.instruments.state()
            if facts.views.books[row.instrument].state != "empty"
        ]
        books = "the book" if len(pairs) == 1 else "the books"
        yield f"{books} of {_several(pairs)}" if pairs else "nothing traded"
        return
    many = len(facts.names)
    pairs = [*dict.fromkeys(_pairs(facts))]
    of = f" of {_several(pairs)}" if pairs else ""
    yield f"{many} order{'' if many == 1 else 's'}{of}"
    found = map(facts.views.orders.find, facts.names)
    for status, times in Counter(order.status for order in found if order).items():
        yield status if times == many else f"{_word(times)} {status}"


def _pairs(facts: Facts) -> Iterator[str]:
    for event in facts.events:
        if isinstance(event, OrderSubmitted):
            row = facts.views.instruments.rows.get(event.instrument)
            if row:
                yield row.symbol


def _strangers(facts: Facts) -> Iterator[str]:
    many = sum(isinstance(event, ForeignOrderSeen) for event in facts.events)
    if many:
        yield f"{_word(many)} of somebody else"


def _gaps(facts: Facts) -> Iterator[str]:
    gaps = sum(
        isinstance(event, BookInvalidated) and event.reason == "gap" for event in facts.events
    )
    if gaps:
        yield f"{_word(gaps)} gap{'' if gaps == 1 else 's'}"


def _several(names: Sequence[str]) -> str:
    if len(names) > _PAIRS_MAX:
        return f"{len(names)} instruments"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _word(number: int) -> str:
    return _WORDS[number] if number < len(_WORDS) else f"{number:,}"


def _span(lasted: Nanos) -> str:
    """A time as people say it."""
    if lasted < SECOND:
        return "in less than a second"
    if lasted < 2 * MINUTE:
        return f"over {lasted // SECOND} s"
    minutes = lasted // MINUTE
    return f"over {minutes} min" if minutes < 120 else f"over {minutes // 60} h"
