"""What may happen in a random story with a simulated Binance. Each move says whether it could happen."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from moves import Chance
from sim_there import (
    SYMBOLS,
    by_hand,
    clock,
    deposit,
    ends,
    lags,
    live_of,
    refuses,
    silence,
    taken,
    unsaid,
    upset,
)
from sim_wire import EXCHANGE, Fate, SimWire

from tapefold.adapter import (
    Adopt,
    Cancel,
    CancelAll,
    Command,
    Halt,
    LimitRisk,
    Query,
    Resume,
    Submit,
)
from tapefold.errors import BadInput, UnknownInstrument
from tapefold.events import ForeignOrderSeen, OrderType, TimeInForce
from tapefold.sim import Refusing
from tapefold.units import SECOND, Side, exactly
from tapefold_adapters.binance.sim.reports import FIRST_ORDER

KINDS: Final[tuple[tuple[OrderType, TimeInForce], ...]] = (
    ("limit", "gtc"),
    ("limit", "gtc"),
    ("limit", "gtc"),
    ("limit", "ioc"),
    ("limit", "fok"),
    ("limit_maker", "gtc"),
    ("market", "gtc"),
)
_FATES: Final[dict[Fate, int]] = {"answered": 9, "reply_lost": 2, "lost": 1, "late": 1}
FATES: Final[Sequence[Fate]] = [fate for fate, times in _FATES.items() for _ in range(times)]
_SOON: Final = SECOND * 3 // 2


def submit(wire: SimWire, chance: Chance) -> bool:
    n, side, amount, price = chance
    order_type, tif = KINDS[n % len(KINDS)]
    market, by_value = order_type == "market", order_type == "market" and bool(n & 64)
    with exactly():
        quote = amount * price
        order = Submit(
            EXCHANGE,
            SYMBOLS[n // 7 % 3 % 2],
            side,
            None if by_value else amount,
            None if market else price,
            order_type=order_type,
            tif=tif,
            quote_amount=quote if by_value else None,
            worst=price if market and n & 128 else None,
            expires_at=wire.now + 7 * SECOND if n % 9 == 4 else 0,
        )
    return _told(wire, order)


def crosses(wire: SimWire, chance: Chance) -> bool:
    """Against another order of the account, ours or by hand, and through what stands before that."""
    live = live_of(wire)
    if not live:
        return False
    wish = live[chance.n % len(live)].wish
    spec, price = wire.sim.venue.markets[wish.symbol].spec, wish.price or 0
    side: Side = "sell" if wish.side == "buy" else "buy"
    if chance.n & 64:
        return wire.by_hand(wish.symbol, side, 3_000, price) is not None
    return _told(wire, Submit(EXCHANGE, wish.symbol, side, Decimal(3), spec.price(price)))


def _told(wire: SimWire, command: Command) -> bool:
    try:
        wire.tell(command)
    except (UnknownInstrument, BadInput):
        return False  # the list of a new run has not come yet; or the order is ours already
    return True


def cancel(wire: SimWire, chance: Chance) -> bool:
    name = _one_of_ours(wire, chance.n)
    return bool(name) and _told(wire, Cancel(name))


def query(wire: SimWire, chance: Chance) -> bool:
    name = _one_of_ours(wire, chance.n)
    return bool(name) and _told(wire, Query(name))


def _one_of_ours(wire: SimWire, n: int) -> str:
    names = [*wire.kernel.views.orders.ours]
    return names[n % len(names)] if names else ""


def cancel_all(wire: SimWire, chance: Chance) -> bool:
    symbol = SYMBOLS[0] if chance.n & 32 else ""
    return _told(wire, CancelAll(EXCHANGE, symbol, timeout=(1 + chance.n % 20) * SECOND))


def halt(wire: SimWire, chance: Chance) -> bool:
    return _told(wire, Halt("to see what happens"))


def resume(wire: SimWire, chance: Chance) -> bool:
    return bool(wire.kernel.views.risk.halted) and _told(wire, Resume())


def limit(wire: SimWire, chance: Chance) -> bool:
    """One limit at most; what was limited before is free again."""
    which = chance.n % 7
    limits = LimitRisk(
        EXCHANGE,
        SYMBOLS[0] if chance.n & 64 else "",
        amount_max=Decimal(2) if which == 1 else None,
        notional_max=Decimal(250) if which == 2 else None,
        open_orders_max=5 if which == 3 else 0,
        band=Decimal("0.02") if which == 4 else None,
        submits_max=3 if which == 5 else 0,
        submits_per=5 * SECOND if which == 5 else 0,
    )
    return _told(wire, limits)


def arrive(wire: SimWire, chance: Chance) -> bool:
    if there := bool(wire.out):
        wire.arrive(chance.n, FATES[chance.n // 7 % len(FATES)])
    return there


def given_up(wire: SimWire, chance: Chance) -> bool:
    """A request takes so long that nobody waits for its answer any more."""
    if there := bool(wire.out):
        wire.arrive(chance.n, "late")
        wire.reply(-1)
    return there


def arrive_late(wire: SimWire, chance: Chance) -> bool:
    if there := bool(wire.limbo):
        wire.arrive_late(chance.n)
    return there


def reply(wire: SimWire, chance: Chance) -> bool:
    if there := bool(wire.back):
        wire.reply(chance.n)
    return there


def hear(wire: SimWire, chance: Chance) -> bool:
    lanes = [lane for lane, said in wire.lanes.items() if said]
    if lanes:
        wire.hear(lanes[chance.n % len(lanes)], 1 + chance.n % 40 if chance.n & 1 else 1)
    return bool(lanes)


def dial(wire: SimWire, chance: Chance) -> bool:
    if there := bool(wire.dialled):
        wire.dial(refused=not chance.n % 5)
    return there


def drop(wire: SimWire, chance: Chance) -> bool:
    lanes = [*wire.lanes]
    if lanes:
        wire.drop(lanes[chance.n % len(lanes)])
    return bool(lanes)


def wait(wire: SimWire, chance: Chance) -> bool:
    wire.wait((1 + chance.n % 12) * SECOND)
    return True


def soon(wire: SimWire, chance: Chance) -> bool:
    wire.wait(1 + chance.n * _SOON // 2**16)
    return True


def passes(wire: SimWire, chance: Chance) -> bool:
    wire.passes((15 + chance.n % 50) * SECOND)
    return True


def calm(wire: SimWire, chance: Chance) -> bool:
    wire.flush()
    return True


def restart(wire: SimWire, chance: Chance) -> bool:
    """What is torn off is a step or two, or the last minutes."""
    wire.restart(chance.n % (300 if chance.n & 1 else 23), thawed=bool(chance.n & 256))
    return True


def adopt(wire: SimWire, chance: Chance) -> bool:
    """An order of the account that the engine knows to be foreign becomes ours."""
    known = [e.exchange_order_id for e in wire.tape.events if isinstance(e, ForeignOrderSeen)]
    if not known:
        return False
    number = known[chance.n % len(known)]
    order = wire.sim.venue.order(int(number) - FIRST_ORDER)
    assert order is not None
    wish, spec = order.wish, wire.sim.venue.markets[order.wish.symbol].spec
    amount, price = spec.amount(order.size), spec.price(wish.price or 0)
    return _told(wire, Adopt(EXCHANGE, wish.symbol, number, wish.side, amount, price))


def blind(wire: SimWire, chance: Chance) -> bool:
    """For a while nothing tells of trades: what is stated must do until it is told after all."""
    wire.sim.faults.silent = True
    wire.sim.faults.add(Refusing("GET /api/v3/myTrades", 503, times=6 + chance.n % 6))
    there = taken(wire, chance)
    wire.passes((40 + chance.n % 40) * SECOND)
    return there


_OFTEN: Final[dict[Callable[[SimWire, Chance], bool], int]] = {
    submit: 13,
    crosses: 4,
    cancel: 4,
    query: 1,
    cancel_all: 1,
    halt: 1,
    resume: 6,
    limit: 1,
    arrive: 10,
    given_up: 1,
    arrive_late: 3,
    reply: 9,
    hear: 8,
    dial: 3,
    drop: 1,
    wait: 4,
    soon: 2,
    passes: 2,
    calm: 12,
    restart: 2,
    taken: 9,
    by_hand: 4,
    adopt: 1,
    ends: 1,
    deposit: 1,
    refuses: 2,
    unsaid: 2,
    lags: 2,
    upset: 2,
    blind: 2,
    silence: 2,
    clock: 1,
}
MOVES: Final = {move.__name__: move for move in _OFTEN}
WHAT: Final = [move.__name__ for move, times in _OFTEN.items() for _ in range(times)]
