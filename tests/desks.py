"""A desk: a kernel that trades on the tiny exchange, whose every answer the test gives itself.

Nothing here opens a socket or plays an exchange: what is asked waits until the test takes it.
"""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from builders import START, World
from flavours import NAMED, NATIVES, TINY, Flavour, Row
from tiny_adapter import TinyAdapter

from tapefold.adapter import (
    Close,
    Open,
    Outcome,
    Purpose,
    Rate,
    Request,
    Send,
    Submit,
    WatchAccount,
)
from tapefold.events import AnyEvent, Conclusion
from tapefold.folds.orders import Order
from tapefold.kernel import Kernel, Run
from tapefold.log import open_log
from tapefold.units import SECOND, Side
from tapefold.views import Views

WATCH = WatchAccount(TINY, poll=120 * SECOND, poll_silent=10 * SECOND, silence_max=60 * SECOND)
PAGE = {"totals": {"ETH": "100", "USDT": "10000", "BNB": "1"}, "held": {}, "t": 1}
D = Decimal


class Desk(World):
    """A `World` with an account."""

    def __init__(
        self,
        flavour: Flavour = NAMED,
        *,
        windows: dict[str, Rate] | None = None,
        events: Sequence[AnyEvent] = (),
        run: Run | None = None,
        watch: WatchAccount = WATCH,
    ) -> None:
        """With *events*, a new run that goes on with a log of them."""
        self.exchange, self.lane, self.now = TINY, f"{TINY}/1", START
        self._writer, self.log, self.watching = None, open_log(), watch
        for event in events:
            self.log.append(START, event)
        self.adapter = TinyAdapter(flavour, windows)
        self.kernel = Kernel({TINY: self.adapter}, self.log, Views.of(events))
        self.sent: list[Outcome] = []
        """What left and was not taken yet."""
        self.kernel.start(START, run or Run(run_id="r"))

    def _asked(self, out: Sequence[Outcome]) -> Sequence[Outcome]:
        self.sent += super()._asked(out)
        return out

    # What it asked

    def take(self, purpose: Purpose, subject: str = "") -> Request:
        """The oldest request for this that nobody took yet."""
        for each in self.sent:
            if not isinstance(each, Request) or each.purpose != purpose:
                continue
            if subject in ("", each.subject):
                self.sent.remove(each)
                return each
        raise AssertionError(f"no {purpose} {subject} among {self.sent}")

    def waiting(self) -> list[tuple[Purpose, str]]:
        """The requests that nobody took yet."""
        return [(each.purpose, each.subject) for each in self.sent if isinstance(each, Request)]

    def took(self, kind: type[Open | Send | Close]) -> int:
        """How many of this kind left; they are taken."""
        found = [each for each in self.sent if isinstance(each, kind)]
        self.sent = [each for each in self.sent if not isinstance(each, kind)]
        return len(found)

    # What is said to it

    def reply(
        self, purpose: Purpose, value: Any = None, status: int = 200, subject: str = "", **more: Any
    ) -> Sequence[Outcome]:
        """Answer the oldest such request."""
        asked = self.take(purpose, subject)
        return self.answer(asked, json.dumps(value).encode(), status, **more)

    def lose(self, purpose: Purpose, subject: str = "", reason: str = "timed out") -> None:
        """The oldest such request gets no answer."""
        self.fail(self.take(purpose, subject), reason)

    def say(self, *rows: Row) -> Sequence[Outcome]:
        """The private stream says something."""
        return self.hear(json.dumps(rows).encode())

    # Where a story begins

    def connect(self, lane: str = "tiny/1") -> None:
        """The private stream is up and heard; the survey has been asked for."""
        self.lane = lane
        self.took(Open)
        self.opened()
        self.took(Send)
        self.say({"e": "up"})

    def surveyed(self, *orders: Row, page: Row | None = None) -> None:
        """Balances and open orders are answered."""
        self.reply("balances", page or PAGE)
        self.reply("open_orders", list(orders))

    def watched(self) -> "Desk":
        """Watched, and its instruments listed."""
        self.tell(self.watching)
        self.reply("instruments", [*NATIVES])
        return self

    def ready(self) -> "Desk":
        """It may trade."""
        self.watched()
        self.connect()
        self.surveyed()
        assert not self.sent
        return self

    def submit(self, side: Side = "buy", amount: str = "1", price: str = "100", **more: Any) -> str:
        """Place an order; its client order id."""
        self.tell(Submit(TINY, "ETH-USDT", side, D(amount), D(price) if price else None, **more))
        return self.kernel.order_id

    def open(self, side: Side = "buy", amount: str = "1", price: str = "100", **more: Any) -> str:
        """Place an order, and hear by the answer that it is open; its client order id."""
        name = self.submit(side, amount, price, **more)
        self.reply("place", [row(name, side=side)])
        return name

    # What came of it

    def order(self, name: str) -> Order:
        """An order of ours."""
        order = self.kernel.views.orders.find(name)
        assert order is not None
        return order

    def told(self, name: str = "") -> list[str]:
        """The conclusions about an order of ours, or about all orders, by their names."""
        return [
            type(event).__name__
            for event in self.of(Conclusion)
            if name in ("", event.client_order_id)
        ]

    def log_of(self) -> list[tuple[int, AnyEvent]]:
        """The log, with the times of its records."""
        return [(record.time_received, record.event) for record in self.log.read()]

    def free(self, asset: str) -> Decimal:
        """What a new order may hold."""
        return self.kernel.views.balances.available(TINY, asset)

    def total(self, asset: str) -> Decimal:
        """All there is."""
        return self.kernel.views.balances.total(TINY, asset)


def ready(flavour: Flavour = NAMED, **more: Any) -> Desk:
    """A desk that may trade."""
    return Desk(flavour, **more).ready()


def row(
    name: str, status: str = "open", executed: str | None = "0", value: str = "", **more: Any
) -> Row:
    """How an order is, as the exchange says it; ids go by the client's."""
    said: Row = {"e": "order", "id": f"e{name}", "name": name, "native": "ETHUSDT", "side": "buy"}
    said |= {"status": status, "t": 1, **more}
    if executed is not None:
        said |= {"executed": executed, "value": value or str(D(executed) * 100)}
    return said


def fill(name: str, trade: str, amount: str, price: str = "100", **more: Any) -> Row:
    """One trade of an order."""
    said: Row = {"e": "fill", "id": f"e{name}", "name": name, "native": "ETHUSDT", "side": "buy"}
    said |= {"trade": trade, "amount": amount, "price": price, "t": 2, "fees": {"BNB": "0.001"}}
    return said | more
