"""The orders that are alive, kept in groups with sums: the same as looking at each order and adding up.

Needs no door: events go straight into the fold of orders; but what an order costs is counted at a desk.
"""

import sys
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from random import Random
from types import FrameType
from typing import Final

import pytest
from desks import Desk, fill, ready, row
from msgspec.structs import replace
from order_facts import Account, X, dec, reverted, said, submitted
from order_facts import fill as traded

from tapefold.events import ZERO, AnyEvent
from tapefold.folds.orders import ENDS, Order, Orders
from tapefold.units import exactly

EXCHANGES: Final = (X, "steps", "purge")
INSTRUMENTS: Final = (0, 1)
NAMES: Final = tuple("abcdef")


# The same as adding up


def placed(random: Random, name: str) -> AnyEvent:
    """An order of some instrument and side, of the exchange that its name goes with."""
    return submitted(
        exchange=EXCHANGES[NAMES.index(name) % len(EXCHANGES)],
        client_order_id=name,
        instrument=random.choice(INSTRUMENTS),
        side=random.choice(["buy", "sell"]),
        amount=dec(random.choice(["1", "0.3"])),
        hold=dec(random.choice(["1", "100.07", "0.000004"])),
    )


def news(random: Random, orders: Orders, name: str) -> AnyEvent:
    """Something about an order that there is."""
    order = orders.ours[name]
    about = {
        "exchange": order.exchange,
        "client_order_id": name,
        "exchange_order_id": random.choice([f"e{name}", ""]),
    }
    match random.randrange(5):
        case 0:
            whole = {"instrument": order.instrument, "side": order.side}
            return traded(
                f"T{random.randrange(3)}", random.choice(["0.1", "0.5"]), **about, **whole
            )
        case 1:
            return replace(reverted(f"T{random.randrange(3)}"), **about)
        case 2:
            return said(random.choice(["canceled", "expired", "rejected"]), "0.1", "10", **about)
        case _:
            return said("open", random.choice([None, "0.1"]), **about)


def added_up(orders: Orders, exchange: str) -> dict[tuple[int, str, str], Decimal]:
    """What the orders of an exchange hold, by looking at each."""
    held: dict[tuple[int, str, str], Decimal] = {}
    for order in alive(orders, exchange):
        key = order.instrument, order.side, order.status
        with exactly():
            held[key] = held.get(key, ZERO) + order.held
    return held


def alive(orders: Orders, exchange: str = "") -> list[Order]:
    """Those that have not ended, by looking at each."""
    there = [order for order in orders.ours.values() if exchange in ("", order.exchange)]
    return sorted((o for o in there if o.status not in ENDS), key=lambda order: order.number)


def check(orders: Orders) -> None:
    """That what is kept is what adding up gives."""
    assert orders.live() == alive(orders)
    assert orders.alive.count() == len(alive(orders))
    for exchange in EXCHANGES:
        there = alive(orders, exchange)
        groups = orders.alive.live(exchange)
        kept = {(each.instrument, each.side, each.status): each.held for each in groups}
        assert kept == added_up(orders, exchange)
        assert all(each.orders for each in groups)
        assert orders.alive.unopened(exchange) == [o for o in there if o.status != "open"]
        assert orders.alive.waits(exchange) == any(not o.exchange_order_id for o in there)
        for number in INSTRUMENTS:
            some = [order for order in there if order.instrument == number]
            assert orders.live(exchange, number) == some
            assert orders.alive.count(exchange, number) == len(some)


@pytest.mark.parametrize("keep_max", [4096, 1])
def test_what_is_kept_is_what_adding_up_gives_and_a_restart_keeps_it(keep_max: int) -> None:
    ended = 0
    for seed in range(150):
        random, account = Random(seed), Account(keep_max=keep_max)
        for _ in range(30):
            name = random.choice(NAMES)
            there = name in account.orders.ours
            event = news(random, account.orders, name) if there else placed(random, name)
            account.frame(event)
            check(account.orders)
        ended += len(account.orders.ours) - account.orders.alive.count()
        restored = account.restored()
        check(restored)
        assert restored.alive.rules == account.orders.rules
        assert not restored.news(everything=True)
    assert ended > 0


def test_there_is_nothing_to_tell_of_an_order_that_is_only_wanted_unless_it_is_there_already() -> (
    None
):
    orders = Account().orders
    orders.apply(submitted())
    assert not orders.touched
    assert not orders.news(everything=True)
    orders.apply(submitted(client_order_id="d", exchange_order_id="f"))
    assert [order.client_order_id for order in orders.touched.values()] == ["d"]


# What an order costs


def calls(act: Callable[[], object]) -> int:
    """How many functions it calls: as a measure of work, the same on every machine."""
    count = 0

    def note(_: FrameType, event: str, __: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


def costs(desk: Desk) -> list[int]:
    """Of an order: to submit it, to hear that it is open, that it traded, and that it is over.

    The least of four of each: a block of the log may end in one, and the first looks things up once.
    """
    rows: list[list[int]] = []
    for _ in range(4):
        steps = [calls(desk.submit)]
        name = desk.kernel.order_id
        steps.append(calls(partial(desk.reply, "place", [row(name)])))
        steps.append(calls(partial(desk.say, fill(name, f"T1{name}", "0.4"))))
        steps.append(calls(partial(desk.say, fill(name, f"T2{name}", "0.6"))))
        assert desk.order(name).status == "filled"
        rows.append(steps)
    return [min(step) for step in zip(*rows, strict=True)]


def test_an_order_costs_the_same_however_many_are_open_or_over() -> None:
    desk = ready()
    desk.open()
    alone = costs(desk)
    for _ in range(60):
        name = desk.open()
        assert desk.order(name).status == "open"
    for _ in range(60):
        name = desk.open()
        desk.say(row(name, "canceled"))
    assert len(desk.kernel.views.orders.live()) == 61
    assert costs(desk) == alone
