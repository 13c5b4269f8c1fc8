"""What an order would trade with: price by price, the eldest first."""

from collections.abc import Callable
from typing import NamedTuple

from tapefold.sim.book import Offer, other
from tapefold.sim.market import Market
from tapefold.sim.orders import Wish


class Plan(NamedTuple):
    """What happens to an order when it comes in."""

    offers: list[Offer]
    """It trades with these."""
    prevented: list[Offer]
    """Orders of the same holder in its way, which expire instead."""
    stopped: int
    """The number of the order of the same holder at which it expires itself; 0 for none."""
    short: bool
    """There was not enough to trade with."""

    @property
    def size(self) -> int:
        """What it trades in all."""
        return sum(offer.size for offer in self.offers)


def plan(market: Market, wish: Wish, own: Callable[[int], bool]) -> Plan:
    """What an order would do now. *own* tells whether a number is an order of the same holder."""
    made = Plan([], [], 0, short=False)
    wanted = _Wanted(market, wish)
    for offer in market.book.offers(other(wish.side), wish.price):
        size = wanted.of(offer)
        if not size:
            return made
        if offer.order and wish.self_trade != "allow" and own(offer.order):
            if wish.self_trade != "expire_taker":
                made.prevented.append(offer)
            if wish.self_trade != "expire_maker":
                return made._replace(stopped=offer.order, short=True)
            continue
        made.offers.append(Offer(offer.price, size, offer.order))
        if size < offer.size:
            return made
        wanted.less(offer.price, size)
    return made._replace(short=wanted.more())


class _Wanted:
    """How much is still wanted: of base, or of quote in ints of both scales together."""

    def __init__(self, market: Market, wish: Wish) -> None:
        spec = market.spec
        self._lot, self._size, self._value = spec.lot, wish.size, 0
        if wish.quote is not None:
            self._value = int(wish.quote.scaleb(spec.price_digits + spec.size_digits))

    def of(self, offer: Offer) -> int:
        """How much of an offer."""
        if self._size is not None:
            return min(self._size, offer.size)
        return min(self._value // offer.price // self._lot * self._lot, offer.size)

    def less(self, price: int, size: int) -> None:
        """So much was had."""
        if self._size is not None:
            self._size -= size
        self._value -= price * size

    def more(self) -> bool:
        """Whether anything is."""
        return self._value > 0 if self._size is None else self._size > 0
