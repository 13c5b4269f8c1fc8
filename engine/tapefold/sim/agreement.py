"""Whether an engine and a simulated exchange agree, when all has come to rest: to the last digit.

What truly is there is the exchange's `venue`. An engine knows it by frames alone, so the two agree only
where nothing is on its way: every request answered, every order asked about that is due it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from tapefold.core import Half
from tapefold.events import ZERO, Fees, OrderSubmitted
from tapefold.folds.balances import Balances
from tapefold.folds.orders import ENDS, INFERRED, Order, Sum
from tapefold.sim.market import Market
from tapefold.sim.orders import Fill
from tapefold.sim.orders import Order as There
from tapefold.sim.spec import Spec
from tapefold.sim.venue import Venue
from tapefold.units import exactly, fixed, plain
from tapefold.views import Views

_ENDS: Final[Mapping[str, tuple[str, ...]]] = {"prevented": ("expired", "canceled")}
"""What an engine may call it, where it has no word of that name: exchanges differ."""
_LEVELS_TOLD: Final = 3
"""So many levels of a book that differ are told one by one."""


def disagreements(
    views: Views, exchange: str, venue: Venue, holder: str, *, books: bool = True
) -> list[str]:
    """What an engine holds to be true of an exchange, and is not: a sentence each; none where all agree.

    *holder* is the key of the account that the engine trades with. Compared are our orders by their
    client order ids, with every fill; whether each open order that is not ours is known; every balance,
    in all, free and held; and, unless *books* is False, every book that ever began, level by level.
    Books are to be left out while the exchange has changed what it has not told yet: markets that go on
    by themselves tell it now and then.

    Not compared: orders that were adopted (the venue does not know the ids by which an exchange calls
    them), and what an engine has forgotten.
    """
    with exactly():
        found = [
            *_orders(views, exchange, [*venue.orders(holder)], venue),
            *_money(views.balances, exchange, venue, holder),
        ]
        if books:
            found += _books(views, exchange, venue)
    return found


# Orders


def _orders(views: Views, exchange: str, there: list[There], venue: Venue) -> Iterator[str]:
    ours = {o.client_order_id: o for o in views.orders.ours.values() if o.exchange == exchange}
    for name, times in Counter(order.wish.client_order_id for order in there).items():
        if times > 1 and name in ours:
            yield f"order {name}: placed once here, {times} times there"
    by_name = {order.wish.client_order_id: order for order in there}
    for name, order in ours.items():
        about = f"order {name}"
        if order.doubt:
            yield f"{about}: in doubt here ({order.doubt})"
        if name in by_name:
            spec = venue.markets[by_name[name].wish.symbol].spec
            yield from _order(about, views, order, by_name[name], spec)
        elif order.intent and order.intent.exchange_order_id:
            continue
        elif order.status != "rejected":
            yield f"{about}: {order.status} here, not there at all"
        yield from _untold(about, order)
    yield from _strangers(views, exchange, there, ours)


def _order(about: str, views: Views, order: Order, there: There, spec: Spec) -> Iterator[str]:
    """One order of ours, which is there under its name."""
    if order.status not in _ENDS.get(there.state, (there.state,)):
        yield _differ(about, "", order.status, there.state)
    if order.intent:
        yield from _wish(about, views, order.intent, there, spec)
    trades = [_sum(fill, spec) for fill in there.fills]
    done, truly = order.done, Sum.of(trades)
    if done.amount != truly.amount:
        yield _differ(about, "filled", fixed(done.amount), fixed(truly.amount))
    if done.value != truly.value:
        yield _differ(about, "value", fixed(done.value), fixed(truly.value))
    if done.fees != truly.fees:
        yield _differ(about, "fees", _fees(done.fees), _fees(truly.fees))
    fills = order.standing.fills
    if INFERRED not in fills and _sorted(fills.values()) != _sorted(trades):
        yield _differ(about, "fills", _list(fills.values()), _list(trades))


def _wish(
    about: str, views: Views, intent: OrderSubmitted, there: There, spec: Spec
) -> Iterator[str]:
    """What was wanted, and what arrived of it."""
    wish, row = there.wish, views.instruments.rows.get(intent.instrument)
    symbol = row.symbol if row else ""
    if symbol != wish.symbol:
        yield _differ(about, "of", symbol or "no instrument", wish.symbol)
    pairs: list[tuple[str, str, str]] = [
        ("", intent.side, wish.side),
        ("", intent.order_type, wish.order_type),
        ("", intent.tif, wish.tif),
        ("amount", _number(intent.amount), _scaled(wish.size, spec.size_digits)),
        ("price", _number(intent.price), _scaled(wish.price, spec.price_digits)),
        ("value", _number(intent.quote_amount), _number(wish.quote)),
    ]
    for what, here, truly in pairs:
        if here != truly:
            yield _differ(about, what, here, truly)


def _untold(about: str, order: Order) -> Iterator[str]:
    """What is known of it and was not told, or was told and no longer holds."""
    told = order.told
    if told.fills != order.standing.fills:
        yield f"{about}: its fills are not those that were told"
    ended = order.status if order.status in ENDS else ""
    if told.ended != ended:
        yield f"{about}: {order.status}, and told was {told.ended or 'no end'}"


def _strangers(
    views: Views, exchange: str, there: list[There], ours: Mapping[str, Order]
) -> Iterator[str]:
    """Open orders of the account that are not ours: each is known, by its own name.

    How they fare an engine does not promise to know; and once it has forgotten orders, which they were.
    """
    if exchange in views.orders.horizon:
        return
    if any(order.intent and order.intent.exchange_order_id for order in ours.values()):
        return
    known = {o.client_order_id for o in views.orders.by_id if o.exchange == exchange}
    for order in there:
        name = order.wish.client_order_id
        if order.state == "open" and name not in ours and name not in known:
            yield f"somebody's order {name}: not known here, open there"


# Money


def _money(balances: Balances, exchange: str, venue: Venue, holder: str) -> Iterator[str]:
    if not balances.opened(exchange):
        yield "balances: not known here"
        return
    there = venue.accounts[holder].balances()
    for asset in dict.fromkeys([*there, *balances.assets(exchange)]):
        truly = there.get(asset)
        free, locked = (truly.free, truly.locked) if truly else (ZERO, ZERO)
        held = balances.reserved(exchange, asset) + balances.held_elsewhere(exchange, asset)
        pairs = (
            ("in all", balances.total(exchange, asset), free + locked),
            ("free", balances.available(exchange, asset), free),
            ("held by orders", held, locked),
        )
        for what, here, there_is in pairs:
            if here != there_is:
                yield _differ(asset, what, fixed(here), fixed(there_is))


# Books


def _books(views: Views, exchange: str, venue: Venue) -> Iterator[str]:
    for number, row in views.instruments.rows.items():
        book = views.books[number]
        if row.exchange != exchange or book.state == "empty":
            continue
        about, market = f"the book of {row.symbol}", venue.markets.get(row.symbol)
        if market is None:
            yield f"{about}: {book.state} here, no such market there"
            continue
        if book.state != "live":
            yield f"{about}: {book.state} here"
        digits = row.price_digits, row.size_digits
        yield from _side(f"{about}, bids", _levels(book.bids, *digits), _true(market, "bids"))
        yield from _side(f"{about}, asks", _levels(book.asks, *digits), _true(market, "asks"))


def _levels(half: Half, price_digits: int, size_digits: int) -> dict[str, str]:
    """Sizes by price, best first, as plain decimals."""
    return {plain(p, price_digits): plain(s, size_digits) for p, s in half.sorted()}


def _true(market: Market, side: str) -> dict[str, str]:
    """The same by the exchange."""
    spec, bids = market.spec, side == "bids"
    sizes = market.bids if bids else market.asks
    return {
        plain(price, spec.price_digits): plain(sizes[price], spec.size_digits)
        for price in sorted(sizes, reverse=bids)
    }


def _side(about: str, here: dict[str, str], there: dict[str, str]) -> Iterator[str]:
    differ = [price for price in {**there, **here} if here.get(price) != there.get(price)]
    for price in differ[:_LEVELS_TOLD]:
        yield _differ(about, f"at {price}", here.get(price, "nothing"), there.get(price, "nothing"))
    if len(differ) > _LEVELS_TOLD:
        yield f"{about}: {len(differ) - _LEVELS_TOLD} more levels differ"


# In words


def _differ(about: str, what: str, here: str, there: str) -> str:
    """One sentence: "order test-1: filled 0.4 here, 0.5 there"."""
    return f"{about}: {what + ' ' if what else ''}{here} here, {there} there"


def _sum(fill: Fill, spec: Spec) -> Sum:
    fees = ((fill.fee_asset, fill.fee),) if fill.fee else ()
    return Sum(spec.amount(fill.size), fill.value, fees)


def _sorted(fills: Iterable[Sum]) -> list[tuple[Decimal, Decimal, Fees]]:
    return sorted((fill.amount, fill.value, fill.fees) for fill in fills)


def _list(fills: Iterable[Sum]) -> str:
    """Amounts, with values and fees: what tells two of them apart."""
    return (
        ", ".join(
            f"{fixed(amount)} for {fixed(value)} less {_fees(fees)}"
            for amount, value, fees in _sorted(fills)
        )
        or "none"
    )


def _fees(fees: Fees) -> str:
    return " and ".join(f"{fixed(fee)} {asset}" for asset, fee in fees) or "nothing"


def _number(number: Decimal | None) -> str:
    return "none" if number is None else fixed(number)


def _scaled(number: int | None, digits: int) -> str:
    return "none" if number is None else plain(number, digits)
