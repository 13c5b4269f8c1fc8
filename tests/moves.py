"""What may happen in a random story, each by what chance drew for it. Each says whether it could happen."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from flavours import NATIVES, TINY
from rough_wire import Fate, RoughWire

from tapefold.adapter import Adopt, Cancel, CancelAll, Query, Submit
from tapefold.errors import BadInput, UnknownInstrument
from tapefold.events import ForeignOrderSeen, OrderType, TimeInForce
from tapefold.units import SECOND, Side

KINDS: Final[tuple[tuple[OrderType, TimeInForce], ...]] = (
    ("limit", "gtc"),
    ("limit", "gtc"),
    ("limit", "gtc"),
    ("limit", "ioc"),
    ("limit_maker", "gtc"),
    ("market", "gtc"),
)
_FATES: Final[dict[Fate, int]] = {
    "answered": 8,
    "stale": 2,
    "reply_lost": 1,
    "lost": 1,
    "late": 1,
    "busy_after": 1,
    "limited": 1,
}
FATES: Final[Sequence[Fate]] = [fate for fate, times in _FATES.items() for _ in range(times)]
SYMBOLS: Final = ("ETH-USDT", "ETH-USDT", "LTC-USDT")


class Chance(NamedTuple):
    """What hypothesis drew for one step."""

    n: int
    side: Side
    amount: Decimal
    price: Decimal


def submit(wire: RoughWire, chance: Chance) -> bool:
    n, side, amount, price = chance
    order_type, tif = KINDS[n % len(KINDS)]
    order = Submit(
        TINY,
        SYMBOLS[n // 6 % len(SYMBOLS)],
        side,
        amount,
        None if order_type == "market" else price,
        order_type=order_type,
        tif=tif,
        worst=price if order_type == "market" else None,
        expires_at=0 if n % 9 else wire.now + 7 * SECOND,
    )
    try:
        wire.tell(order)
    except UnknownInstrument:
        return False  # the list of a new run has not come yet
    return True


def cancel(wire: RoughWire, chance: Chance) -> bool:
    if name := _one_of_ours(wire, chance.n):
        wire.tell(Cancel(name))
    return bool(name)


def query(wire: RoughWire, chance: Chance) -> bool:
    if name := _one_of_ours(wire, chance.n):
        wire.tell(Query(name))
    return bool(name)


def cancel_all(wire: RoughWire, chance: Chance) -> bool:
    wire.tell(CancelAll(TINY, timeout=(1 + chance.n % 20) * SECOND))
    return True


def _one_of_ours(wire: RoughWire, n: int) -> str:
    names = [*wire.kernel.views.orders.ours]
    return names[n % len(names)] if names else ""


def arrive(wire: RoughWire, chance: Chance) -> bool:
    if there := bool(wire.out):
        wire.arrive(chance.n, FATES[chance.n // 7 % len(FATES)])
    return there


def given_up(wire: RoughWire, chance: Chance) -> bool:
    """A request takes so long that nobody waits for its answer any more."""
    if there := bool(wire.out):
        wire.arrive(chance.n, "late")
        wire.reply(-1)
    return there


def arrive_late(wire: RoughWire, chance: Chance) -> bool:
    if there := bool(wire.limbo):
        wire.arrive_late(chance.n)
    return there


def reply(wire: RoughWire, chance: Chance) -> bool:
    if there := bool(wire.back):
        wire.reply(chance.n)
    return there


def hear(wire: RoughWire, chance: Chance) -> bool:
    if there := bool(wire.exchange.stream):
        wire.hear(twice=not chance.n % 6)
    return there


def repeat(wire: RoughWire, chance: Chance) -> bool:
    if there := bool(wire.lane):
        wire.repeat(chance.n)
    return there


def dial(wire: RoughWire, chance: Chance) -> bool:
    if there := bool(wire.dialled):
        wire.dial(refused=not chance.n % 5)
    return there


def drop(wire: RoughWire, chance: Chance) -> bool:
    if there := bool(wire.lane):
        wire.drop()
    return there


def wait(wire: RoughWire, chance: Chance) -> bool:
    wire.wait((1 + chance.n % 12) * SECOND)
    return True


def calm(wire: RoughWire, chance: Chance) -> bool:
    wire.flush()
    return True


def restart(wire: RoughWire, chance: Chance) -> bool:
    wire.restart(chance.n % 13, thawed=bool(chance.n & 256))
    return True


def stranger(wire: RoughWire, chance: Chance) -> bool:
    n, side, amount, price = chance
    wire.exchange.stranger([*NATIVES][n % 2], side, amount, price)
    return True


def taken(wire: RoughWire, chance: Chance) -> bool:
    """A stranger takes some of an order of the account."""
    live = wire.exchange.live("engine", "hand")
    if live:
        order = live[chance.n % len(live)]
        side: Side = "sell" if order.side == "buy" else "buy"
        amount = min(order.rest, chance.amount)
        wire.exchange.stranger(order.native, side, amount, order.price)
    return bool(live)


def by_hand(wire: RoughWire, chance: Chance) -> bool:
    _, side, amount, price = chance
    return wire.exchange.by_hand("ETHUSDT", side, amount, price) is not None


def adopt(wire: RoughWire, chance: Chance) -> bool:
    """An order of the account that the engine knows to be foreign becomes ours."""
    known = [e.exchange_order_id for e in wire.tape.events if isinstance(e, ForeignOrderSeen)]
    if not known:
        return False
    order = wire.exchange.orders[known[chance.n % len(known)]]
    symbol = "-".join(NATIVES[order.native])
    try:
        wire.tell(Adopt(TINY, symbol, order.id, order.side, order.amount, order.price))
    except UnknownInstrument:
        return False
    except BadInput:
        return False  # it is ours already
    return True


def ends(wire: RoughWire, chance: Chance) -> bool:
    """An order of the account ends by itself."""
    live = wire.exchange.live("engine", "hand")
    if live:
        wire.exchange.expire(live[chance.n % len(live)])
    return bool(live)


def deposit(wire: RoughWire, chance: Chance) -> bool:
    wire.exchange.deposit("ETH" if chance.n % 2 else "USDT", chance.amount)
    return True


_OFTEN: Final[dict[Callable[[RoughWire, Chance], bool], int]] = {
    submit: 8,
    cancel: 4,
    query: 2,
    cancel_all: 1,
    arrive: 12,
    given_up: 3,
    arrive_late: 4,
    reply: 12,
    hear: 10,
    repeat: 2,
    dial: 3,
    drop: 1,
    wait: 4,
    calm: 6,
    restart: 1,
    stranger: 2,
    taken: 8,
    by_hand: 2,
    adopt: 1,
    ends: 2,
    deposit: 1,
}
MOVES: Final = {move.__name__: move for move in _OFTEN}
WHAT: Final = [move.__name__ for move, times in _OFTEN.items() for _ in range(times)]
