"""All that a trader can be asked for: order facts of every kind, and the requests that they become."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from tapefold.adapter import OrderRef, Request, Send, Trader
from tapefold.events import OrderSubmitted, OrderType, TimeInForce
from tapefold.units import Side

TOKEN: Final = "conformancetoken"
ONE: Final = Decimal(1)
PRICE: Final = Decimal("1.5")
SIDES: Final[tuple[Side, ...]] = ("buy", "sell")
KINDS: Final[tuple[tuple[OrderType, TimeInForce], ...]] = (
    ("limit", "gtc"),
    ("limit", "ioc"),
    ("limit", "fok"),
    ("limit_maker", "gtc"),
    ("market", "gtc"),
)


class Wish(NamedTuple):
    """An order, and the instrument that it is of."""

    order: OrderSubmitted
    native: str


def wishes(exchange: str, native: str, *, amount: Decimal, price: Decimal) -> Iterator[Wish]:
    """One order of each kind, and of each side."""
    number = 0
    for kind, tif in KINDS:
        for side in SIDES:
            number += 1
            yield Wish(
                OrderSubmitted(
                    exchange=exchange,
                    instrument=0,
                    client_order_id=f"conform-{number}",
                    side=side,
                    order_type=kind,
                    tif=tif,
                    amount=amount,
                    price=None if kind == "market" else price,
                    hold=price,
                ),
                native,
            )
    yield Wish(
        OrderSubmitted(
            exchange=exchange,
            instrument=0,
            client_order_id=f"conform-{number + 1}",
            side="buy",
            order_type="market",
            tif="gtc",
            quote_amount=amount * price,
            hold=ONE,
        ),
        native,
    )


def asked(trader: Trader, native: str) -> Iterator[tuple[str, Request | Send]]:
    """Each request and each text that the wire may be given to sign, with the function that made it."""
    for wish in wishes(trader.description.exchange, native, amount=ONE, price=PRICE):
        yield "place", trader.place(wish.order, native)
    for number in ("", "12345"):
        ref = OrderRef(native, "conform-1", number)
        yield "cancel", trader.cancel(ref, 1)
        yield "query", trader.query(ref)
        yield "fills", trader.fills(ref)
    yield "balances", trader.balances()
    yield "open_orders", trader.open_orders()
    for name, request in (
        ("fees", trader.fees(native)),
        ("token", trader.token()),
        ("keep_alive", trader.keep_alive(TOKEN)),
    ):
        if request is not None:
            yield name, request
    stream = trader.account_stream(TOKEN)
    for text in stream.messages:
        yield "account_stream", Send("lane/1", text, stream.signed)
