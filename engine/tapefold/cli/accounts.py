"""Orders and money, as data; and the words that people are told of them."""

from decimal import Decimal
from typing import Any, Final

from tapefold.events import Fees, OrderType
from tapefold.folds.book_view import BookView
from tapefold.folds.orders import Kind, Order
from tapefold.units import exactly, fixed, tidy
from tapefold.views import Views

ENDED_MAX: Final = 10
"""Orders that have ended that are told of, unless all are asked for: the latest."""
KINDS: Final[dict[Kind, str]] = {
    "update": "news of it",
    "pending": "word that it is pending",
    "open": "word that it is open",
    "filled": "word that it is filled",
    "canceled": "word that it is canceled",
    "expired": "word that it has expired",
    "rejected": "word that it is rejected",
    "fill": "another trade",
    "repeat": "a trade once more",
    "reverted": "a trade taken back",
    "not_found": "word that nobody finds it",
    "cancel": "a cancel of it",
    "taken": "word that it will be done",
    "gone": "word that there is nothing to cancel",
    "refused": "a refusal",
    "unanswered": "no answer",
    "settle": "the end of the wait for its trades",
    "closed": "the end of the wait for its amount",
    "expiry": "the end of its own time",
    "submit": "the same id once more",
}
"""What came to an order, where it cannot be true."""
REASONS: Final[dict[str, str]] = {
    # Refusals of an exchange
    "rate": "too much was asked for in too short a time",
    "time": "our clock and the exchange's are too far apart",
    "key": "the exchange does not accept the key",
    "balance": "there is not enough of what it pays with",
    "unknown_order": "the exchange knows no such order",
    "would_match": "it would have traded at once",
    "duplicate": "its id was used before",
    "filter": "a rule of the exchange forbids it",
    "market_closed": "the exchange takes no orders of this instrument now",
    "unknown_outcome": "the exchange does not know itself",
    "busy": "the exchange is overloaded",
    "invalid": "the request was wrong",
    "other": "the exchange has a reason that we have no word for",
    # Rules of an instrument
    "order_type": "the exchange takes no such orders",
    "price_min": "its price is below the least one",
    "price_max": "its price is above the greatest one",
    "tick": "its price is no whole number of ticks",
    "size_min": "its amount is below the least one",
    "size_max": "its amount is above the greatest one",
    "lot": "its amount is no whole number of lots",
    "notional_min": "its value is below the least one",
    "notional_max": "its value is above the greatest one",
    # Rules of our own
    "risk_amount": "its amount is above our own limit",
    "risk_notional": "its value is above our own limit",
    "risk_open_orders": "as many orders are open as we let ourselves have",
    "risk_band": "its price is further past the best one than we let ourselves go",
    "risk_rate": "as many orders left lately as we let ourselves send",
    "no_price": "there is no price to reckon it with",
    "budget": "there is not enough available for it",
    "halted": "trading is halted",
    "not_ready": "the account is not known well enough yet",
    # How it ended
    "not_sent": "it never left",
    "not_found": "the exchange does not find it",
    "not_canceled": "the exchange does not do what it says",
    "archived": "the exchange has put it away",
    "ioc": "what did not trade at once was not to wait",
    "fok": "not all of it would have traded at once",
    "no_liquidity": "nobody was there to trade with",
    "price_range": "the price went too far away",
    "exchange": "the exchange did it",
    "self_trade": "it would have traded with an order of the same account",
    # What was told before
    "was_filled": "it was told to be filled",
    "was_canceled": "it was told to be canceled",
    "was_expired": "it was told to have expired",
    "was_rejected": "it was told to be rejected",
}
"""What the words of reasons mean. A new adapter may have a word of its own: it is told as it is."""


def reason_told(word: str) -> str:
    """A reason for people; empty where there is none."""
    return REASONS.get(word) or word.replace("_", " ")


def type_told(order_type: OrderType, tif: str) -> str:
    """What an order is like: its time in force is told where it is not the usual one."""
    return order_type.replace("_", " ") + (f" {tif}" if tif != "gtc" else "")


def percent(fraction: Decimal) -> str:
    """A fraction as people say it."""
    with exactly():
        return f"{fixed(tidy(fraction * 100))}%"


def account_facts(views: Views) -> dict[str, Any] | None:
    """What is known of our orders and our money at one position; None where there is no account."""
    facts = _facts(views)
    return facts if any(facts.values()) else None


def _facts(views: Views) -> dict[str, Any]:
    orders, odd = order_facts(views), views.orders.anomalies
    over = [order for order in orders if order["ours"] and order["ended"]]
    return {
        "exchanges": sorted(views.orders.rules),
        "unstated": [
            name for name in sorted(views.orders.rules) if not views.balances.opened(name)
        ],
        "halted": views.risk.halted,
        "open_orders": [order for order in orders if order["ours"] and not order["ended"]],
        "ended_orders": over[-ENDED_MAX:],
        "ended_kept": len(over),
        "foreign_kept": sum(not order["ours"] for order in orders),
        "balances": balance_facts(views),
        "positions": [_position(views, *key) for key in sorted(views.positions.rows)],
        "fees": _fees(views),
        "order_anomalies": odd.count,
        "latest_order_anomalies": [list(each) for each in odd.latest],
        "money_anomalies": views.balances.anomalies + views.positions.anomalies,
    }


def account_told(account: dict[str, Any]) -> dict[str, str]:
    """What there is to say beside the tables: names, and what they stand for."""
    alive, doubted = account["open_orders"], sum(bool(o["doubt"]) for o in account["open_orders"])
    counts = (
        (len(alive), "open"),
        (doubted, "of them in doubt"),
        (account["ended_kept"], "ended"),
        (account["foreign_kept"], "not ours"),
    )
    told = {
        "orders": ", ".join(f"{count:,} {what}" for count, what in counts if count) or "none",
        "halted": f"no order leaves: {account['halted']}" if account["halted"] else "",
        "balances": f"not stated yet: {', '.join(account['unstated'])}"
        if account["unstated"]
        else "",
        "order anomalies": _anomalies_told(account),
        "money anomalies": (
            f"{account['money_anomalies']:,} that could not be booked"
            if account["money_anomalies"]
            else ""
        ),
    }
    return {name: text for name, text in told.items() if text}


def _anomalies_told(account: dict[str, Any]) -> str:
    if not account["order_anomalies"]:
        return ""
    name, status, what = account["latest_order_anomalies"][-1]
    return f"{account['order_anomalies']:,}, the latest: {name} was {status}, and there came {KINDS[what]}"


def order_facts(views: Views) -> list[dict[str, Any]]:
    """Every order that is kept, not only ours: first those alive, then the others as they ended."""
    state = views.orders.state()
    place = {number: n for n, number in enumerate(state.done)}
    alive = [order for order in state.orders if not order.ended]
    ended = [order for order in state.orders if order.ended]
    # Those that ended and are not settled yet are the newest.
    ended.sort(key=lambda order: place.get(order.number, len(place)))
    return [_order(views, order) for order in [*alive, *ended]]


def _order(views: Views, order: Order) -> dict[str, Any]:
    intent = order.intent
    amount = order.amount
    reason = order.evidence.claims.get(order.status, "not_found" if order.missing else "")
    return {
        "client_order_id": order.client_order_id,
        "exchange_order_id": order.exchange_order_id,
        "exchange": order.exchange,
        "symbol": symbol_of(views, order.instrument),
        "ours": intent is not None,
        "by": intent.by if intent else None,
        "side": order.side or None,
        "type": intent.order_type if intent else None,
        "tif": intent.tif if intent else None,
        "price": fixed(intent.price) if intent and intent.price is not None else None,
        "amount": fixed(amount) if amount is not None else None,
        "quote_amount": (
            fixed(intent.quote_amount) if intent and intent.quote_amount is not None else None
        ),
        "executed": fixed(order.executed),
        "value": fixed(order.done.value),
        "fees": fees_by_asset(order.done.fees),
        "fees_estimated": fees_by_asset(intent.fees) if intent else {},
        "held": fixed(order.held),
        "status": order.status,
        "ended": order.ended,
        "doubt": order.doubt,
        "cancel": order.cancel,
        "reason": reason if order.ended else "",
    }


def balance_facts(views: Views) -> list[dict[str, str]]:
    """What each account holds of each asset that it ever held."""
    balances = views.balances
    rows, *_ = balances.state()
    return [
        {
            "exchange": exchange,
            "asset": asset,
            "total": fixed(balances.total(exchange, asset)),
            "available": fixed(balances.available(exchange, asset)),
            "reserved": fixed(balances.reserved(exchange, asset)),
            "held_elsewhere": fixed(balances.held_elsewhere(exchange, asset)),
            "drift": fixed(balances.drift(exchange, asset)),
        }
        for exchange, asset, *_ in rows
    ]


def _position(views: Views, exchange: str, instrument: int) -> dict[str, Any]:
    """What is open is worth what the middle of the book says, where that can be believed."""
    held = views.positions.of(exchange, instrument)
    mid = None
    if instrument in views.books:
        book = BookView(views.instruments, instrument, views.books[instrument])
        mid = book.mid if book.live else None
    return {
        "exchange": exchange,
        "symbol": symbol_of(views, instrument),
        "amount": fixed(held.amount),
        "cost": fixed(held.cost),
        "realised": fixed(held.realised),
        "unrealised": fixed(held.unrealised(mid)) if mid is not None else None,
        "mid": fixed(mid) if mid is not None else None,
        "cash": fixed(held.cash),
        "fees": fees_by_asset(held.fees),
    }


def _fees(views: Views) -> list[dict[str, Any]]:
    """The schedules that hold: one for all instruments of an exchange, and those that have their own."""
    keys = sorted({(row.exchange, row.instrument) for row in views.fees.state()})
    found = [(key, views.fees.schedule(*key)) for key in keys]
    return [
        {
            "exchange": exchange,
            "symbol": symbol_of(views, instrument),
            "maker_rate": fixed(row.maker_rate),
            "taker_rate": fixed(row.taker_rate),
            "source": row.source,
        }
        for (exchange, instrument), row in found
        if row
    ]


def symbol_of(views: Views, instrument: int) -> str | None:
    """What an instrument is called; None where nobody has said it."""
    row = views.instruments.rows.get(instrument)
    return row.symbol if row else None


def fees_by_asset(fees: Fees) -> dict[str, str]:
    """Exact amounts by asset."""
    return {asset: fixed(fee) for asset, fee in fees}
