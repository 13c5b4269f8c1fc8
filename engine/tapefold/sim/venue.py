"""The simulated exchange itself, whatever language it speaks: markets, accounts, orders.

It reads no clock: whoever calls says what time it is, and times never go back. Nothing is created or
lost: what accounts have, what strangers paid or got, and the fees are always what was deposited.
"""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from tapefold.events import ZERO
from tapefold.sim.account import Account, exchanged, fee, held
from tapefold.sim.book import STRANGERS
from tapefold.sim.market import Change, Market, Taken
from tapefold.sim.matching import Plan, plan
from tapefold.sim.orders import (
    Denied,
    Deposited,
    Ended,
    Fill,
    Moved,
    News,
    Order,
    Told,
    Why,
    Wish,
)
from tapefold.sim.past import Past
from tapefold.sim.story import Story
from tapefold.units import Nanos, exactly, tidy

ENDED_MAX: Final = 10_000
"""Orders that have ended and can still be asked for; the eldest is forgotten first."""


class Venue:
    """An exchange. What happens is put on `news` (of accounts) and `changes` (of books), to be taken."""

    def __init__(self, story: Story, seed: int) -> None:
        start = story.started_ns
        self.markets = {spec.symbol: Market(spec, seed, start) for spec in story.specs}
        self.accounts = {holder.key: Account(holder, start) for holder in story.accounts}
        self.news: list[News] = []
        self.changes: list[tuple[str, Change]] = []
        self.fees: dict[str, Decimal] = {}
        """What was charged in all, by asset."""
        self.strangers: dict[str, Decimal] = {}
        """What strangers got from accounts in all, by asset; negative for what they gave."""
        self._orders: dict[int, Past[Order]] = {}
        self._named: dict[tuple[str, str], int] = {}
        self._ended: deque[int] = deque()
        self._count = 0

    # Asking

    def order(self, number: int, at: Nanos | None = None) -> Order | None:
        """The order of a number, now or as it was; None where it is not, or was not yet."""
        past = self._orders.get(number)
        return past.at(at) if past else None

    def named(self, holder: str, client_order_id: str) -> int:
        """The number of a holder's latest order of this name; 0 for none."""
        return self._named.get((holder, client_order_id), 0)

    def orders(self, holder: str, at: Nanos | None = None) -> Iterator[Order]:
        """All orders of a holder that are not forgotten, in the order in which they were made."""
        for past in self._orders.values():
            order = past.at(at) if past.now.holder == holder else None
            if order:
                yield order

    # What holders do

    def place(self, holder: str, wish: Wish, time: Nanos) -> Order:
        """Take in an order, and let it trade at once with what it crosses.

        Raises `Denied`: for `duplicate` where an open order has its name, `would_match` where it was
        only to rest, `funds` where they are not there.
        """
        with exactly():
            made = self._planned(holder, wish)
            self._count += 1
            number, by_value = self._count, wish.size is None
            order = Order(
                number=number,
                holder=holder,
                wish=wish,
                size=made.size if wish.size is None else wish.size,
                short=by_value and made.short,
                made=time,
                updated=time,
            )
            self._orders[number] = Past(time, order)
            self._named[holder, wish.client_order_id] = number
            self.news.append(Told(what="new", order=order, time=time))
            self._hold(order, order.size)
            change = Change(time, [], [])
            if wish.tif == "fok" and made.short:
                self._end(replace(order, why="unfilled_fok"), "expired", time)
            else:
                self._match(order, made, change)
            self._settled(wish.symbol, change)
            return self._orders[number].now

    def cancel(self, number: int, time: Nanos, by: str = "") -> Order:
        """Cancel an order; *by* names the request. Raises `Denied`: for `unknown` unless it is open."""
        past = self._orders.get(number)
        if past is None or past.now.state != "open":
            raise Denied("unknown")
        with exactly():
            change = Change(time, [], [])
            self._withdraw(past.now, change)
            self._end(past.now, "canceled", time, canceled_by=by)
            self._settled(past.now.wish.symbol, change)
            return past.now

    def deposit(self, holder: str, asset: str, amount: Decimal, time: Nanos) -> None:
        """Money comes from outside; it leaves where it is negative. Raises `Denied` for `funds`."""
        with exactly():
            account = self.accounts[holder]
            if account.free(asset) + amount < 0:
                raise Denied("funds")
            account.earn(asset, amount)
            self.news.append(Deposited(holder, asset, amount, time))
            self._moved(time)

    # What strangers do

    def turn(self, symbol: str) -> Change:
        """A market goes on; what this does to orders of accounts is news."""
        change = self.markets[symbol].turn()
        if any(taken.maker_order for taken in change.trades):
            with exactly():
                self._trades(symbol, change)
                self._moved(change.time)
        return change

    # How

    def _planned(self, holder: str, wish: Wish) -> Plan:
        """What an order will do, if it may."""
        named = self._orders.get(self.named(holder, wish.client_order_id))
        if named and named.now.state == "open":
            raise Denied("duplicate")
        made = plan(self.markets[wish.symbol], wish, lambda number: self._owner(number) == holder)
        if wish.order_type == "limit_maker" and (made.offers or made.prevented or made.stopped):
            raise Denied("would_match")
        asset, amount = self._cost(wish, made)
        if amount > self.accounts[holder].free(asset):
            raise Denied("funds")
        return made

    def _owner(self, number: int) -> str:
        return self._orders[number].now.holder

    def _cost(self, wish: Wish, made: Plan) -> tuple[str, Decimal]:
        """What must be free: of a market buy what its trades cost, of any other order its whole."""
        spec = self.markets[wish.symbol].spec
        size = made.size if wish.size is None else wish.size
        if wish.side == "sell":
            return spec.base, spec.amount(size)
        if wish.price is not None:
            return spec.quote, spec.value(wish.price, size)
        cost = sum((spec.value(offer.price, offer.size) for offer in made.offers), ZERO)
        return spec.quote, cost

    def _match(self, order: Order, made: Plan, change: Change) -> None:
        """It trades; what is left of it rests, or expires."""
        market, wish, number = self.markets[order.wish.symbol], order.wish, order.number
        for offer in made.prevented:
            mine = self._orders[offer.order].now
            self._withdraw(mine, change)
            self._end(mine, "prevented", order.made, against=number)
        market.trade(change, wish.side, made.offers, number)
        self._trades(wish.symbol, change)
        left = self._orders[number].now
        if left.state != "open":
            return
        if made.stopped:
            self._end(left, "prevented", order.made, against=made.stopped)
        elif wish.tif == "gtc" and wish.price is not None:
            change.resting.append(market.book.add(wish.side, wish.price, left.left, number))
        else:
            why: Why = "no_liquidity" if wish.price is None else "unfilled_ioc"
            self._end(replace(left, why=why), "expired", order.made)

    def _withdraw(self, order: Order, change: Change) -> None:
        book, price = self.markets[order.wish.symbol].book, order.wish.price or 0
        change.resting.append(book.withdraw(order.wish.side, price, order.left, order.number))

    def _trades(self, symbol: str, change: Change) -> None:
        """Those of our orders, in both roles."""
        for taken in change.trades:
            for number, maker in ((taken.taker_order, False), (taken.maker_order, True)):
                if number != STRANGERS:
                    self._fill(number, taken, change.time, maker=maker)
            if (taken.taker_order == STRANGERS) != (taken.maker_order == STRANGERS):
                self._with_strangers(symbol, taken)

    def _fill(self, number: int, taken: Taken, time: Nanos, *, maker: bool) -> None:
        """One side of a trade is booked."""
        order = self._orders[number].now
        account, spec = self.accounts[order.holder], self.markets[order.wish.symbol].spec
        paid, price, got, amount = exchanged(spec, order.wish.side, taken.price, taken.size)
        holder = account.holder
        charged = fee(amount, holder.maker_rate if maker else holder.taker_rate)
        self._hold(order, -taken.size)
        account.earn(paid, -price)
        account.earn(got, amount - charged)
        _add(self.fees, got, charged)
        value = spec.value(taken.price, taken.size)
        fill = Fill(
            trade_id=taken.trade_id,
            price=taken.price,
            size=taken.size,
            value=value,
            fee=charged,
            fee_asset=got,
            maker=maker,
            time=time,
        )
        done = order.done + taken.size
        order = replace(
            order,
            updated=time,
            done=done,
            value=tidy(order.value + value),
            fills=(*order.fills, fill),
            state="filled" if done == order.size and not order.short else "open",
        )
        self._note(order, time)
        self.news.append(Told(what="trade", order=order, time=time, fill=fill))

    def _with_strangers(self, symbol: str, taken: Taken) -> None:
        """What an account gives them they get, and the other way round."""
        side = taken.taker
        if taken.taker_order == STRANGERS:
            side = "sell" if side == "buy" else "buy"
        spec = self.markets[symbol].spec
        paid, price, got, amount = exchanged(spec, side, taken.price, taken.size)
        _add(self.strangers, paid, price)
        _add(self.strangers, got, -amount)

    def _end(
        self, order: Order, what: Ended, time: Nanos, *, canceled_by: str = "", against: int = 0
    ) -> None:
        """An order ends before all of it traded; it holds nothing any more."""
        self._hold(order, -order.left)
        prevented = order.left if what == "prevented" else 0
        order = replace(order, updated=time, state=what, prevented=prevented)
        self._note(order, time)
        told = Told(what=what, order=order, time=time, canceled_by=canceled_by, against=against)
        self.news.append(told)

    def _hold(self, order: Order, size: int) -> None:
        """Orders that can rest hold what they would cost; a market order is over before it could."""
        if order.wish.price is not None:
            asset, amount = held(self.markets[order.wish.symbol].spec, order, size)
            self.accounts[order.holder].hold(asset, amount)

    def _note(self, order: Order, time: Nanos) -> None:
        self._orders[order.number].note(time, order)
        if order.state != "open":
            self._ended.append(order.number)
            if len(self._ended) > ENDED_MAX:
                gone = self._orders.pop(self._ended.popleft()).now
                name = gone.holder, gone.wish.client_order_id
                if self._named.get(name) == gone.number:
                    del self._named[name]

    def _settled(self, symbol: str, change: Change) -> None:
        """The books and the accounts tell what changed."""
        if change.resting:
            self.changes.append((symbol, change))
        self._moved(change.time)

    def _moved(self, time: Nanos) -> None:
        for key, account in self.accounts.items():
            balances = account.settled(time)
            if balances:
                self.news.append(Moved(key, balances, time))


def _add(sums: dict[str, Decimal], asset: str, amount: Decimal) -> None:
    sums[asset] = tidy(sums.get(asset, ZERO) + amount)
