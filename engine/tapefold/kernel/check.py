"""Whether a command can be carried out at all. What cannot be has done nothing; it raises.

An order that *can* be wished for and may not be, by the exchange's rules or by ours, is no error: it is
submitted and rejected in one step (`risk.py`), and so has an end like every other.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from tapefold.adapter import (
    Adopt,
    Cancel,
    CancelAll,
    Command,
    Declare,
    Halt,
    LimitRisk,
    Query,
    Resume,
    SetFees,
    Submit,
    Subscribe,
    Unsubscribe,
    WatchAccount,
    WatchClock,
)
from tapefold.errors import AdapterError, BadInput, UnknownInstrument, UnknownOrder
from tapefold.events import UNLISTED
from tapefold.kernel.feed import Feed
from tapefold.kernel.trading import Trading
from tapefold.units import is_account_number, tidy
from tapefold.views import Views

_NUMBERS: Final = (
    "amount",
    "quote_amount",
    "price",
    "worst",
    "amount_max",
    "notional_max",
    "band",
    "maker_rate",
    "taker_rate",
)


def normal(command: Command) -> Command:
    """The same with its numbers as an account has them: 1.00 is 1, and a log does not tell them apart."""
    given = {name: getattr(command, name, None) for name in _NUMBERS}
    return replace(command, **{name: tidy(n) for name, n in given.items() if n is not None})


def check(
    command: Command, views: Views, feeds: Mapping[str, Feed], trading: Mapping[str, Trading]
) -> None:
    """Whether it can be carried out.

    Raises `AdapterError`, `UnknownInstrument`, `UnknownOrder` and `BadInput`.
    """
    if isinstance(command, Halt | Resume):
        return
    if isinstance(command, Cancel | Query) and not views.orders.find(command.client_order_id):
        raise UnknownOrder(f"no order of ours is called {command.client_order_id!r}")
    exchange = exchange_of(command, views)
    if exchange not in feeds:
        raise AdapterError(f"this engine was not opened with the exchange {exchange!r}")
    match command:
        case Subscribe():
            _check_channels(command, feeds[exchange])
        case Declare() | Unsubscribe() | WatchClock():
            pass
        case _:
            _check_account(command, views, feeds[exchange], trading.get(exchange))


def exchange_of(command: Command, views: Views) -> str:
    """The exchange that a command is about; empty for all of them."""
    match command:
        case Unsubscribe():
            return command.lane.partition("/")[0]
        case Cancel() | Query():
            return views.orders.ours[command.client_order_id].exchange
        case Halt() | Resume():
            return ""
        case _:
            return command.exchange


def _check_channels(command: Subscribe, feed: Feed) -> None:
    channels = feed.adapter.description.channels
    for channel in command.channels:
        if channel not in channels:
            there = ", ".join(channels)
            raise AdapterError(f"{feed.exchange} has no channel {channel!r}; it has {there}")


def _check_account(command: Command, views: Views, feed: Feed, trading: Trading | None) -> None:
    if trading is None:
        raise AdapterError(f"the adapter of {feed.exchange} cannot trade")
    if isinstance(command, WatchAccount):
        return
    if not trading.account.command:
        raise AdapterError(f"watch the account of {feed.exchange} first: WatchAccount")
    if isinstance(command, Submit | Adopt | CancelAll | LimitRisk | SetFees):
        name = command.instrument
        if (name or isinstance(command, Submit | Adopt)) and not feed.has(name):
            raise UnknownInstrument(f"{feed.exchange} does not list {name!r}, or not yet")
    for field in _NUMBERS:
        _check_number(field, getattr(command, field, None), signed=field.endswith("_rate"))
    if isinstance(command, Submit | Adopt):
        trading.check_id()
    if isinstance(command, Submit):
        _check_order(command)
    elif isinstance(command, Adopt):
        _check_adopted(command, views)


def _check_number(field: str, number: object, *, signed: bool) -> None:
    """That it is exact, and one that every exchange and every log can hold."""
    if number is None:
        return
    if not isinstance(number, Decimal):
        raise BadInput(f"{field} is a Decimal, not {number!r}: Decimal('0.1'), never 0.1")
    if not number.is_finite():
        raise BadInput(f"{field} is {number}, which is no amount")
    if not is_account_number(number.copy_abs() if signed else number):
        raise BadInput(f"{field} is {number:.9g}: negative, or of too many digits")


def _check_order(command: Submit) -> None:
    """That it is one of the orders that there are."""
    market = command.order_type == "market"
    if market == (command.price is not None):
        raise BadInput("a limit order has a price, and a market order has none")
    if (command.amount is None) == (command.quote_amount is None):
        raise BadInput("an order has an amount, or a market order a quote_amount instead")
    if command.quote_amount is not None and not market:
        raise BadInput("only a market order is by quote_amount")
    if command.order_type != "limit" and command.tif != "gtc":
        raise BadInput(f"a {command.order_type} order has no time in force")
    for number in (command.amount, command.quote_amount, command.price):
        if number is not None and not number > 0:
            raise BadInput(f"an order of {number} is none")


def _check_adopted(command: Adopt, views: Views) -> None:
    """That there may be such an order, and that it is not ours yet."""
    if not command.exchange_order_id:
        raise BadInput("an order is adopted by its exchange_order_id")
    if not (command.amount > 0 and command.price > 0):
        raise BadInput(f"an order of {command.amount} at {command.price} is none")
    rows = views.instruments.find(command.instrument, command.exchange)
    number = rows[0].instrument if rows else UNLISTED
    order = views.orders.by_id.get(command.exchange, command.exchange_order_id, number)
    if order and order.intent:
        raise BadInput(f"{command.exchange_order_id} is ours already: {order.client_order_id}")
