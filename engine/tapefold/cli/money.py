"""Events of money, rules and limits as sentences."""

from collections.abc import Callable
from typing import Any, Final

from tapefold.cli.accounts import percent
from tapefold.cli.known import Known, several, why
from tapefold.cli.when import span
from tapefold.events import (
    AccountRequestFailed,
    AccountStreamChanged,
    AccountSurveyed,
    AccountWatched,
    Amounts,
    BalanceAdjusted,
    BalanceChanged,
    BalanceSnapshot,
    CancelAllEnded,
    FeeScheduleSet,
    RiskLimited,
    TradingHalted,
    TradingResumed,
    TradingRulesSet,
)

ASSETS_MAX: Final = 8
"""Assets of a balance that are told: an exchange may state hundreds."""
_SOURCES: Final = {
    "default": "as everybody pays",
    "exchange": "as the exchange says",
    "caller": "as the caller says",
}


def _watched(event: AccountWatched, known: Known) -> str:
    return (
        f"orders and money are followed; an order is lost when not found {event.missing_max} times, "
        f"and what does not add up is believed after {span(event.settle)}"
    )


def _stream(event: AccountStreamChanged, known: Known) -> str:
    state = {"up": "is heard", "ended": "has ended", "refused": "is refused"}[event.state]
    return f"the private stream {state}{why(event.reason)}"


def _failed(event: AccountRequestFailed, known: Known) -> str:
    what = " ".join(filter(None, ("asked for", event.purpose.replace("_", " "), event.subject)))
    if not event.status:
        return f"{what}, and no answer came"
    return f"{what}, and got status {event.status}{why(event.refusal)}"


def _stated(event: BalanceSnapshot, known: Known) -> str:
    scope = "holds" if event.complete else "holds, of some assets,"
    held = f"; of that is not free {_some(event.held)}" if any(n for _, n in event.held) else ""
    return f"{scope} {_some(event.totals)}{held}"


def _some(amounts: Amounts) -> str:
    some = tuple(each for each in amounts if each[1])
    more = f" and {len(some) - ASSETS_MAX:,} assets more" if len(some) > ASSETS_MAX else ""
    return (several(some[:ASSETS_MAX]) or "nothing") + more


def _moved(event: BalanceChanged, known: Known) -> str:
    way = "came in" if event.delta >= 0 else "went out"
    by = f", transfer {event.transfer_id}" if event.transfer_id else ""
    return f"{several(((event.asset, event.delta.copy_abs()),))} {way}{by}"


def _adjusted(event: BalanceAdjusted, known: Known) -> str:
    return (
        f"{event.asset} changes by {several(((event.asset, event.delta),))}: the exchange keeps "
        "stating it, and our sums do not explain it"
    )


def _scheduled(event: FeeScheduleSet, known: Known) -> str:
    rates = f"a maker pays {percent(event.maker_rate)}, a taker {percent(event.taker_rate)}"
    return f"{rates}, {_SOURCES[event.source]}"


def _ruled(event: TradingRulesSet, known: Known) -> str:
    prices = ((event.price_min, "price from"), (event.price_max, "price to"))
    market = (
        (event.market_size_min, "market orders from"),
        (event.market_size_max, "market orders to"),
        (event.market_lot, "market orders in lots of"),
    )
    types = ", ".join(name.replace("_", " ") for name in event.order_types)
    parts = [
        "" if event.trading else "takes no orders now",
        f"takes {types}" if types else "",
        *(f"{what} {known.quote(event, price)}" for price, what in prices if price),
        f"value to {known.quote(event, event.notional_max)}" if event.notional_max else "",
        *(f"{what} {known.base(event, size)}" for size, what in market if size),
        "" if event.market_notional else "no least value of market orders",
    ]
    return ", ".join(filter(None, parts)) or "no rules beyond its listing"


def _limited(event: RiskLimited, known: Known) -> str:
    amount, value = event.amount_max, event.notional_max
    parts = [
        f"an order of at most {known.base(event, amount)}" if amount is not None else "",
        f"of a value of at most {known.quote(event, value)}" if value is not None else "",
        f"at most {event.open_orders_max} open" if event.open_orders_max else "",
        f"at most {percent(event.band)} past the best price" if event.band is not None else "",
        f"at most {event.submits_max} in {span(event.submits_per)}" if event.submits_max else "",
    ]
    return "our own limits: " + (", ".join(filter(None, parts)) or "none")


def _all_canceled(event: CancelAllEnded, known: Known) -> str:
    if not event.left:
        return f"every order has ended, {len(event.ended):,} of them"
    alive = ", ".join(event.left)
    return (
        f"cancel-all is over: {len(event.ended):,} have ended, not known to have ended are {alive}"
    )


SENTENCES: Final[dict[type, Callable[[Any, Known], str]]] = {
    AccountWatched: _watched,
    AccountStreamChanged: _stream,
    AccountSurveyed: lambda e, _: "what is known of orders and balances is up to date",
    AccountRequestFailed: _failed,
    BalanceSnapshot: _stated,
    BalanceChanged: _moved,
    BalanceAdjusted: _adjusted,
    FeeScheduleSet: _scheduled,
    TradingRulesSet: _ruled,
    RiskLimited: _limited,
    TradingHalted: lambda e, _: (
        "no order leaves from here on" + (f": {e.reason}" if e.reason else "")
    ),
    TradingResumed: lambda e, _: "orders may leave again",
    CancelAllEnded: _all_canceled,
}
"""By the type of an event."""
