"""What a scenario file calls the orders of a log. Pure: it asks nothing but the log's events."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from tapefold.events import AnyEvent, Conclusion, OrderSubmitted, StrategyStarted

ORDER_NAME: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
"""What a file may call an order, all of it."""
_CALLER: Final = "caller"


def names_of(events: Iterable[AnyEvent]) -> dict[str, str]:
    """The name of each order of ours by its client order id, in the order in which they come up.

    An order is called by who wanted it, where that is a name of its own: a scenario submits each order
    by the name that the file gives it. Else it is `order1`, `order2` and so on by its place among all
    orders; with an underscore behind it where another one is called that already. An order that was
    submitted before *events* begin comes up with the first conclusion about it. All names differ.
    """
    wanted: dict[str, str] = {}
    strategies: dict[str, None] = {}
    for event in events:
        if isinstance(event, OrderSubmitted):
            wanted.setdefault(event.client_order_id, event.by)
        elif isinstance(event, Conclusion) and event.client_order_id:
            wanted.setdefault(event.client_order_id, _CALLER)
        elif isinstance(event, StrategyStarted):
            strategies[event.strategy] = None
    often = Counter(wanted.values())
    own = {
        order: by
        for order, by in wanted.items()
        if often[by] == 1 and by != _CALLER and by not in strategies and ORDER_NAME.fullmatch(by)
    }
    return {order: own.get(order) or _nth(n, own) for n, order in enumerate(wanted, 1)}


def _nth(n: int, own: dict[str, str]) -> str:
    """The name of the order of that place."""
    name = f"order{n}"
    while name in own.values():
        name += "_"
    return name
