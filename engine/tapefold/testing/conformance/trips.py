"""`round_trip`: orders go out and come back under the id that we gave them."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from tapefold.adapter import Frame, Known, OrderRef, Request, Trader
from tapefold.events import AnyEvent, BookSnapshot, FillReported, InstrumentListed, OrderReported
from tapefold.sim import FUNDED, Exchange
from tapefold.testing.conformance.asking import Wish, wishes
from tapefold.testing.conformance.checks import Check, Found, told

if TYPE_CHECKING:
    from tapefold.testing.conformance.subject import Subject

AMOUNT: Final = Decimal("0.1")
OK: Final = 200
FAR: Final = Decimal("0.9")
"""Of the market's price: what a buy order rests at."""


def round_trip(subject: "Subject") -> Found:
    """Place, ask for and cancel orders of every kind, on the simulated exchange where there is one."""
    trader = subject.trader
    if trader is None:
        return Found(0, 0, note="it does not trade")
    names = [*wishes(subject.exchange, "ETHUSDT", amount=AMOUNT, price=Decimal(1))]
    failures = [wrong for wish in names for wrong in _named(trader, wish)]
    if subject.skin is None:
        return Found(len(names), len(names), told(failures), "there is no simulated exchange of it")
    story = replace(FUNDED, exchange=subject.exchange)
    trip = _Trip(trader, subject.skin(story, 7))
    failures += trip.go()
    return Found(len(names) + trip.count, len(names) + trip.count, told(failures))


def _named(trader: Trader, wish: Wish) -> Iterator[str]:
    """Each request names the order."""
    name = wish.order.client_order_id
    ref = OrderRef(wish.native, name)
    made = {"place": trader.place(wish.order, wish.native), "cancel": trader.cancel(ref, 1)}
    made["query"] = trader.query(ref)
    for what, request in made.items():
        if name not in request.url + request.body:
            yield f"{what} does not name the order by its client order id"
        if request.subject != name:
            yield f"the subject of {what} is not the client order id"


class _Trip:
    """Orders on a simulated exchange."""

    def __init__(self, trader: Trader, exchange: Exchange) -> None:
        self._trader, self._exchange = trader, exchange
        holder = FUNDED.accounts[0]
        self._keys = {"key": holder.key, "secret": holder.secret}
        self._known: dict[str, InstrumentListed] = {}
        self.count = 0

    def go(self) -> Iterator[str]:
        """What does not come back."""
        self._list()
        row = next(iter(self._known.values()), None)
        if row is None:
            yield "the instrument list of the simulated exchange lists nothing"
            return
        best = self._price(row)
        for wish in wishes(row.exchange, row.native_symbol, amount=AMOUNT, price=best):
            self.count += 1
            yield from self._placed(wish)

    def _list(self) -> None:
        for event in self._ask(self._trader.list_instruments()):
            if isinstance(event, InstrumentListed) and event.base == "ETH":
                self._known[event.native_symbol] = replace(event, instrument=0)

    def _price(self, row: InstrumentListed) -> Decimal:
        """Far below the market, where orders rest; on a tick."""
        said = self._ask(self._trader.snapshot(row.native_symbol, 5))
        (book,) = [each for each in said if isinstance(each, BookSnapshot)]
        price, _ = book.bids[0]
        ticks = Decimal(price).scaleb(-row.price_digits) * FAR // row.tick
        return ticks * row.tick

    def _placed(self, wish: Wish) -> Iterator[str]:
        name = wish.order.client_order_id
        events = self._ask(self._trader.place(wish.order, wish.native))
        said = [each for each in events if isinstance(each, OrderReported | FillReported)]
        kind = f"{wish.order.side} {wish.order.order_type} {wish.order.tif}"
        if not any(each.client_order_id == name for each in said):
            yield f"placed, an order ({kind}) does not come back under its client order id"
            return
        yield from self._strangers("place", name, said)
        number = next((each.exchange_order_id for each in said if each.exchange_order_id), "")
        ref = OrderRef(wish.native, name, number)
        for what, request in (
            ("query", self._trader.query(ref)),
            ("cancel", self._trader.cancel(ref, 1)),
        ):
            yield from self._strangers(what, name, self._ask(request))

    def _strangers(self, what: str, name: str, events: Any) -> Iterator[str]:
        """What is said of the order names it, and no other."""
        named = {getattr(each, "client_order_id", name) for each in events}
        if not named <= {name, ""}:
            yield f"what {what} is answered names other orders: {', '.join(sorted(named - {name}))}"
        if not events:
            yield f"what {what} is answered says nothing of the order"

    def _ask(self, request: Request) -> list[AnyEvent]:
        time = self._exchange.due
        signed = self._trader.sign(request, self._keys, time) if request.signed else request
        answer = self._exchange.answer(signed, time)
        frame = Frame(time, "sim/http", "response", answer.body, request, answer.status)
        known: Known = self._known
        return [*self._trader.decode(frame, known)]


CHECKS: Final = (
    Check(
        "round_trip",
        "orders are placed, asked for and canceled by our id, and come back under it",
        round_trip,
    ),
)
"""What is checked here."""
