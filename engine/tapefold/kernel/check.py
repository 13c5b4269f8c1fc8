"""Whether a command can be carried out by this engine. What cannot be has done nothing; it raises.

An order that *can* be wished for and may not be, by the exchange's rules or by ours, is no error: it is
submitted and rejected in one step (`risk.py`), and so has an end like every other.
"""

from collections.abc import Mapping
from typing import Final

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
    StopStrategy,
    Submit,
    Subscribe,
    Unsubscribe,
    Wake,
    WatchAccount,
    WatchClock,
)
from tapefold.errors import AdapterError, BadInput, UnknownInstrument, UnknownOrder
from tapefold.events import UNLISTED
from tapefold.kernel.feed import Feed
from tapefold.kernel.form import check_form
from tapefold.kernel.trading import Trading
from tapefold.views import Views

# Tuples, made once: a union that is written where it is asked about is made anew at each command.
_EVERYBODYS: Final = (Halt, Resume, Wake, StopStrategy)
_OF_AN_ORDER: Final = (Cancel, Query)
_PUBLIC: Final = (Subscribe, Declare, Unsubscribe, WatchClock)
_NEW_ORDERS: Final = (Submit, Adopt)
_OF_AN_INSTRUMENT: Final = (Submit, Adopt, CancelAll, LimitRisk, SetFees)


def check(
    command: Command, views: Views, feeds: Mapping[str, Feed], trading: Mapping[str, Trading]
) -> None:
    """Whether it can be carried out.

    Raises `AdapterError`, `UnknownInstrument`, `UnknownOrder` and `BadInput`.
    """
    if isinstance(command, Subscribe) and command.exchange in feeds:
        _check_channels(command, feeds[command.exchange])  # it says what channels there are
    check_form(command)
    if isinstance(command, _EVERYBODYS):
        if isinstance(command, StopStrategy) and command.strategy:
            _check_at_work(command.strategy, views)
        return
    if isinstance(command, _OF_AN_ORDER) and not views.orders.find(command.client_order_id):
        raise UnknownOrder(f"no order of ours is called {command.client_order_id!r}")
    exchange = exchange_of(command, views)
    if exchange not in feeds:
        raise AdapterError(f"this engine was not opened with the exchange {exchange!r}")
    if not isinstance(command, _PUBLIC):
        _check_account(command, views, feeds[exchange], trading.get(exchange))


def exchange_of(command: Command, views: Views) -> str:
    """The exchange that a command is about; empty for all of them."""
    match command:
        case Submit():  # first, since it is what should not wait
            return command.exchange
        case Unsubscribe():
            return command.lane.partition("/")[0]
        case Cancel() | Query():
            return views.orders.ours[command.client_order_id].exchange
        case Halt() | Resume() | Wake() | StopStrategy():
            return ""
        case _:
            return command.exchange


def _check_at_work(strategy: str, views: Views) -> None:
    there = [name for name, row in views.strategies.rows.items() if not row.failed]
    if strategy not in there:
        at_work = ", ".join(there) or "none"
        raise BadInput(
            f"no strategy {strategy!r:.40} is at work, which could be stopped: {at_work} is"
        )


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
    if isinstance(command, _OF_AN_INSTRUMENT):
        name = command.instrument
        if (name or isinstance(command, _NEW_ORDERS)) and not feed.has(name):
            raise UnknownInstrument(f"{feed.exchange} does not list {name!r}, or not yet")
    if isinstance(command, _NEW_ORDERS):
        trading.check_id()
    if isinstance(command, Adopt):
        _check_adopted(command, views)


def _check_adopted(command: Adopt, views: Views) -> None:
    """That it is not ours yet."""
    rows = views.instruments.find(command.instrument, command.exchange)
    number = rows[0].instrument if rows else UNLISTED
    order = views.orders.by_id.get(command.exchange, command.exchange_order_id, number)
    if order and order.intent:
        raise BadInput(f"{command.exchange_order_id} is ours already: {order.client_order_id}")
