"""The simulated exchange's core: its books, its matching, its accounts.

No door: nothing is played and no socket takes part. A book is filled by hand where a test says what
stands in it, and by seeded strangers where it says what always holds.
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from tapefold import SECOND, ZERO, Side, TimeInForce, exactly
from tapefold.sim import (
    FUNDED,
    HOLDER,
    Balance,
    Denied,
    Deposited,
    Faults,
    Holder,
    Lagging,
    Moved,
    Order,
    Refusing,
    SelfTrade,
    Spec,
    Story,
    Told,
    Unsaid,
    Upset,
    Venue,
    Wish,
    venue,
)
from tapefold.sim.book import Book, Offer

NOW = FUNDED.started_ns
COIN = Spec(
    base="COIN",
    quote="USD",
    price_digits=2,
    size_digits=3,
    fair=10_000,
    move=1,
    calm=4,
    reach=50,
    size=1000,
    levels=0,
    pause=SECOND,
)
"""A market that nobody is in. Its prices are cents and its sizes are thousandths."""
SIDES: tuple[Side, ...] = ("buy", "sell")
MONEY = {"COIN": Decimal(100), "USD": Decimal(10_000)}
ANN, BOB = Holder(key="ann", balances=MONEY), Holder(key="bob", balances=MONEY)
QUIET = replace(FUNDED, specs=(COIN,), accounts=(ANN, BOB))
names = iter(range(1_000_000))


def wish(side: Side, size: int | None, price: int | None, **more: Any) -> Wish:
    """An order of COIN-USD; a market order where there is no price."""
    order = Wish(
        symbol=COIN.symbol,
        side=side,
        order_type="market" if price is None else "limit",
        client_order_id=f"n{next(names)}",
        size=size,
        price=price,
    )
    return replace(order, **more)


def offer(exchange: Venue, side: Side, price: int, size: int) -> None:
    """Strangers want or offer so much."""
    exchange.markets[COIN.symbol].book.add(side, price, size)


def have(exchange: Venue, holder: str, asset: str) -> tuple[Decimal, Decimal]:
    """What is free and what is locked."""
    balance = exchange.accounts[holder].balances()[asset]
    return balance.free, balance.locked


def traded(order: Order) -> list[tuple[int, int]]:
    """Prices and sizes."""
    return [(fill.price, fill.size) for fill in order.fills]


@pytest.fixture
def quiet() -> Venue:
    return Venue(QUIET, 1)


# Who trades first


def test_the_better_price_trades_first_and_then_the_elder_order(quiet: Venue) -> None:
    offer(quiet, "sell", 10_001, 5000)
    offer(quiet, "sell", 10_000, 4000)
    anns = quiet.place("ann", wish("sell", 3000, 10_000), NOW)
    offer(quiet, "sell", 10_000, 2000)
    bobs = quiet.place("bob", wish("buy", 10_000, 10_001), NOW)
    assert traded(bobs) == [(10_000, 4000), (10_000, 3000), (10_000, 2000), (10_001, 1000)]
    filled = quiet.order(anns.number)
    assert filled is not None
    assert (filled.state, traded(filled)) == ("filled", [(10_000, 3000)])
    assert filled.fills[0].trade_id == bobs.fills[1].trade_id
    assert filled.fills[0].maker
    assert not bobs.fills[1].maker


def test_strangers_side_by_side_are_one_entry_and_an_order_parts_them() -> None:
    book = Book()
    book.add("buy", 10, 1)
    book.add("buy", 10, 2)
    book.add("buy", 10, 4, order=1)
    book.add("buy", 10, 8)
    assert [*book.offers("buy")] == [Offer(10, 3, 0), Offer(10, 4, 1), Offer(10, 8, 0)]
    assert book.withdraw("buy", 10, 4, order=1) == ("buy", 10, 11)
    assert [*book.offers("buy")] == [Offer(10, 11, 0)]


def test_of_strangers_orders_the_youngest_are_withdrawn_first() -> None:
    book = Book()
    book.add("sell", 10, 5)
    book.add("sell", 10, 1, order=1)
    book.add("sell", 10, 5)
    book.withdraw("sell", 10, 7)
    assert [*book.offers("sell")] == [Offer(10, 3, 0), Offer(10, 1, 1)]
    assert book.strangers("sell") == {10: 3}
    assert book.sizes("sell") == {10: 4}


def test_an_order_trades_up_to_its_price_and_the_rest_of_it_rests(quiet: Venue) -> None:
    offer(quiet, "sell", 10_000, 1000)
    offer(quiet, "sell", 10_010, 1000)
    order = quiet.place("ann", wish("buy", 5000, 10_005), NOW)
    assert (order.state, order.done, order.value) == ("open", 1000, Decimal(100))
    assert quiet.markets[COIN.symbol].best() == (10_005, 4000, 10_010, 1000)


def test_strangers_trade_with_an_order_that_is_the_best() -> None:
    exchange = Venue(FUNDED, 3)
    symbol = FUNDED.specs[1].symbol
    best = exchange.markets[symbol].best()
    order = exchange.place(
        "simulatedkey",
        Wish(
            symbol=symbol,
            side="buy",
            order_type="limit_maker",
            client_order_id="a",
            size=20_000,
            price=best.ask - 1,
        ),
        NOW,
    )
    for _ in range(2000):
        exchange.turn(symbol)
    now = exchange.order(order.number)
    assert now is not None
    assert now.state == "filled"
    assert len(now.fills) > 1
    assert all(fill.maker and fill.price == best.ask - 1 for fill in now.fills)
    told = [news.what for news in exchange.news if isinstance(news, Told)]
    assert told == ["new"] + ["trade"] * len(now.fills)


# Money


def test_a_bid_holds_its_price_and_pays_the_better_one(quiet: Venue) -> None:
    offer(quiet, "sell", 9_000, 1000)
    quiet.place("ann", wish("buy", 3000, 10_000), NOW)
    assert have(quiet, "ann", "USD") == (Decimal(10_000 - 90 - 200), Decimal(200))
    assert have(quiet, "ann", "COIN") == (Decimal("100.999"), ZERO)


def test_an_ask_holds_what_it_offers(quiet: Venue) -> None:
    quiet.place("ann", wish("sell", 3000, 10_000), NOW)
    assert have(quiet, "ann", "COIN") == (Decimal(97), Decimal(3))
    assert have(quiet, "ann", "USD") == (Decimal(10_000), ZERO)


def test_fees_are_taken_from_what_is_received_and_cut_at_eight_decimals() -> None:
    rates = {"maker_rate": Decimal("0.00012349"), "taker_rate": Decimal("0.00033333")}
    accounts = (replace(ANN, **rates), replace(BOB, **rates))
    exchange = Venue(replace(QUIET, accounts=accounts), 1)
    exchange.place("ann", wish("sell", 1001, 10_001), NOW)
    bobs = exchange.place("bob", wish("buy", 1001, 10_001), NOW)
    anns = exchange.order(1)
    assert anns is not None
    # 1.001 x 0.00033333 = 0.000333663…, and 1.001 x 100.01 = 100.11001 x 0.00012349 = 0.0123625851…
    assert (bobs.fills[0].fee, bobs.fills[0].fee_asset) == (Decimal("0.00033366"), "COIN")
    assert (anns.fills[0].fee, anns.fills[0].fee_asset) == (Decimal("0.01236258"), "USD")
    assert have(exchange, "bob", "COIN")[0] == Decimal("101.00066634")
    assert have(exchange, "ann", "USD")[0] == Decimal("10100.09764742")
    assert exchange.fees == {"COIN": Decimal("0.00033366"), "USD": Decimal("0.01236258")}


def test_what_is_not_there_cannot_be_spent(quiet: Venue) -> None:
    offer(quiet, "sell", 10_000, 500_000)
    for side in SIDES:
        with pytest.raises(Denied, match="funds"):
            quiet.place("ann", wish(side, 100_001, 10_000), NOW)
    with pytest.raises(Denied, match="funds"):
        quiet.place("ann", wish("buy", 100_001, None), NOW)
    assert quiet.news == []
    assert quiet.place("ann", wish("buy", 100_000, 10_000), NOW).state == "filled"


def test_money_comes_and_goes(quiet: Venue) -> None:
    quiet.deposit("ann", "USD", Decimal("50.5"), NOW)
    quiet.deposit("ann", "USD", Decimal(-10), NOW + 1)
    with pytest.raises(Denied, match="funds"):
        quiet.deposit("ann", "USD", Decimal(-10_041), NOW)
    assert quiet.news == [
        Deposited("ann", "USD", Decimal("50.5"), NOW),
        Moved("ann", {"USD": Balance(Decimal("10050.5"))}, NOW),
        Deposited("ann", "USD", Decimal(-10), NOW + 1),
        Moved("ann", {"USD": Balance(Decimal("10040.5"))}, NOW + 1),
    ]


# Kinds of orders


def test_an_order_that_is_only_to_rest_is_denied_where_it_would_trade(quiet: Venue) -> None:
    offer(quiet, "sell", 10_000, 1000)
    with pytest.raises(Denied, match="would_match"):
        quiet.place("ann", wish("buy", 1000, 10_000, order_type="limit_maker"), NOW)
    assert quiet.place("ann", wish("buy", 1000, 9_999, order_type="limit_maker"), NOW).done == 0
    quiet.place("bob", wish("sell", 1000, 9_999), NOW)
    mine = quiet.place("ann", wish("sell", 1000, 9_998), NOW)
    with pytest.raises(Denied, match="would_match"):
        quiet.place("ann", wish("buy", 1000, 9_998, order_type="limit_maker"), NOW)
    assert mine.state == "open"


@pytest.mark.parametrize(
    ("tif", "done", "why"), [("ioc", 1000, "unfilled_ioc"), ("fok", 0, "unfilled_fok")]
)
def test_what_cannot_trade_at_once_expires(
    quiet: Venue, tif: TimeInForce, done: int, why: str
) -> None:
    offer(quiet, "sell", 10_000, 1000)
    order = quiet.place("ann", wish("buy", 3000, 10_000, tif=tif), NOW)
    assert (order.state, order.done, order.why) == ("expired", done, why)
    assert have(quiet, "ann", "USD") == (Decimal(10_000) - order.value, ZERO)
    all_of_it = quiet.place("bob", wish("sell", 1000, 9_000, tif="ioc"), NOW)
    assert (all_of_it.state, all_of_it.done) == ("expired", 0)


def test_all_or_nothing_may_be_all(quiet: Venue) -> None:
    offer(quiet, "sell", 10_000, 3000)
    assert quiet.place("ann", wish("buy", 3000, 10_000, tif="fok"), NOW).state == "filled"


def test_a_market_order_expires_where_there_is_nothing_left(quiet: Venue) -> None:
    offer(quiet, "buy", 10_000, 1000)
    order = quiet.place("ann", wish("sell", 3000, None), NOW)
    assert (order.state, order.done, order.why) == ("expired", 1000, "no_liquidity")
    assert have(quiet, "ann", "COIN") == (Decimal(99), ZERO)


def test_an_order_by_value_takes_what_that_buys_in_whole_lots(quiet: Venue) -> None:
    offer(quiet, "sell", 10_000, 1000)
    offer(quiet, "sell", 30_000, 1000)
    order = quiet.place("ann", wish("buy", None, None, quote=Decimal("150.20")), NOW)
    assert (order.state, order.size, order.done) == ("filled", 1167, 1167)
    assert order.value == Decimal("150.1")
    assert have(quiet, "ann", "USD") == (Decimal("9849.9"), ZERO)


def test_an_order_by_value_sells_until_it_has_brought_that(quiet: Venue) -> None:
    offer(quiet, "buy", 10_000, 1000)
    order = quiet.place("ann", wish("sell", None, None, quote=Decimal(50)), NOW)
    assert (order.state, order.done, order.value) == ("filled", 500, Decimal(50))


def test_an_order_by_value_larger_than_the_book_expires(quiet: Venue) -> None:
    offer(quiet, "sell", 10_000, 1000)
    order = quiet.place("ann", wish("buy", None, None, quote=Decimal(500)), NOW)
    assert (order.state, order.done, order.why) == ("expired", 1000, "no_liquidity")


@pytest.mark.parametrize(
    ("mode", "maker", "taker", "done"),
    [
        ("expire_maker", "prevented", "open", 1000),
        ("expire_taker", "open", "prevented", 0),
        ("expire_both", "prevented", "prevented", 0),
        ("allow", "filled", "open", 3000),
    ],
)
def test_nobody_trades_with_himself_unless_he_asks_for_it(
    quiet: Venue, mode: SelfTrade, maker: str, taker: str, done: int
) -> None:
    mine = quiet.place("ann", wish("sell", 2000, 10_000), NOW)
    offer(quiet, "sell", 10_000, 1000)
    order = quiet.place("ann", wish("buy", 4000, 10_000, self_trade=mode), NOW)
    rested = quiet.order(mine.number)
    assert rested is not None
    assert (rested.state, order.state, order.done) == (maker, taker, done)
    assert order.prevented == (order.size - order.done if taker == "prevented" else 0)
    check(quiet)


def test_a_name_is_free_again_when_its_order_has_ended(quiet: Venue) -> None:
    first = quiet.place("ann", wish("buy", 1000, 9_000, client_order_id="a"), NOW)
    with pytest.raises(Denied, match="duplicate"):
        quiet.place("ann", wish("buy", 1000, 9_000, client_order_id="a"), NOW)
    quiet.place("bob", wish("buy", 1000, 9_000, client_order_id="a"), NOW)
    quiet.cancel(first.number, NOW)
    again = quiet.place("ann", wish("buy", 1000, 9_000, client_order_id="a"), NOW)
    assert quiet.named("ann", "a") == again.number


def test_a_canceled_order_lets_go_of_what_it_held(quiet: Venue) -> None:
    offer(quiet, "sell", 10_000, 1000)
    order = quiet.place("ann", wish("buy", 3000, 10_000), NOW)
    quiet.news.clear()
    ended = quiet.cancel(order.number, NOW + 1, "c1")
    assert (ended.state, ended.done) == ("canceled", 1000)
    assert have(quiet, "ann", "USD") == (Decimal(9_900), ZERO)
    assert quiet.markets[COIN.symbol].bids == {}
    assert quiet.news == [
        Told(what="canceled", order=ended, time=NOW + 1, canceled_by="c1"),
        Moved("ann", {"USD": Balance(Decimal(9_900))}, NOW + 1),
    ]
    for number in (order.number, 99):
        with pytest.raises(Denied, match="unknown"):
            quiet.cancel(number, NOW)


# What was


def test_what_was_a_while_ago_can_be_asked_for(quiet: Venue) -> None:
    order = quiet.place("ann", wish("buy", 1000, 9_000), NOW + 10)
    quiet.cancel(order.number, NOW + 20)

    def state(at: int) -> str | None:
        was = quiet.order(order.number, at)
        return was.state if was else None

    assert [state(NOW + n) for n in (9, 10, 19, 20)] == [None, "open", "open", "canceled"]
    assert [[each.state for each in quiet.orders("ann", NOW + n)] for n in (9, 10)] == [
        [],
        ["open"],
    ]
    locked = [quiet.accounts["ann"].balances(NOW + n)["USD"].locked for n in (9, 10, 20)]
    assert locked == [ZERO, Decimal(90), ZERO]


def test_orders_that_ended_long_ago_are_forgotten(
    quiet: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(venue, "ENDED_MAX", 2)
    stays = quiet.place("ann", wish("buy", 1000, 8_000), NOW)
    for n in range(3):
        order = quiet.place("ann", wish("buy", 1000, 9_000, client_order_id=f"x{n}"), NOW)
        quiet.cancel(order.number, NOW)
    assert [order.number for order in quiet.orders("ann")] == [stays.number, 3, 4]
    assert [quiet.named("ann", f"x{n}") for n in range(3)] == [0, 3, 4]


# What always holds


def check(exchange: Venue) -> None:
    """Nothing is created or lost; what is locked is what open orders hold; books are books."""
    deposited: dict[str, Decimal] = {}
    for account in exchange.accounts.values():
        for asset, amount in account.holder.balances.items():
            deposited[asset] = deposited.get(asset, ZERO) + amount
    with exactly():
        for asset, amount in deposited.items():
            held = [account.balances()[asset] for account in exchange.accounts.values()]
            there = sum((each.free + each.locked for each in held), ZERO)
            gone = exchange.fees.get(asset, ZERO) + exchange.strangers.get(asset, ZERO)
            assert there + gone == amount
            assert all(each.free >= 0 and each.locked >= 0 for each in held)
        for key in exchange.accounts:
            assert locked(exchange, key) == holds(exchange, key)
    resting = [order for key in exchange.accounts for order in exchange.orders(key)]
    for symbol, market in exchange.markets.items():
        best = market.best()
        assert not best.bid or not best.ask or best.bid < best.ask
        book = market.book
        entries = [(each.order, each.size) for s in SIDES for each in book.offers(s)]
        mine = {number: size for number, size in entries if number}
        assert all(size > 0 for _, size in entries)
        assert mine == {
            order.number: order.left
            for order in resting
            if order.wish.symbol == symbol and order.state == "open"
        }
    for order in resting:
        assert order.done == sum(fill.size for fill in order.fills) <= order.size
        assert order.value == sum((fill.value for fill in order.fills), ZERO)
        whole = order.done == order.size > 0 and not order.short
        assert (order.state == "filled") == whole


def locked(exchange: Venue, key: str) -> dict[str, Decimal]:
    balances = exchange.accounts[key].balances()
    return {asset: each.locked for asset, each in balances.items() if each.locked}


def holds(exchange: Venue, key: str) -> dict[str, Decimal]:
    """What a holder's open orders ought to hold."""
    sums: dict[str, Decimal] = {}
    for order in exchange.orders(key):
        spec = exchange.markets[order.wish.symbol].spec
        if order.state == "open" and order.wish.side == "buy":
            price = spec.price(order.wish.price or 0)
            sums[spec.quote] = sums.get(spec.quote, ZERO) + price * spec.amount(order.left)
        elif order.state == "open":
            sums[spec.base] = sums.get(spec.base, ZERO) + spec.amount(order.left)
    return sums


class Act(Struct, frozen=True):
    """One thing that somebody does."""

    what: Literal["turn", "place", "cancel", "take out"]
    holder: str
    side: Side
    kind: Literal["limit", "limit_maker", "market", "value"]
    size: int
    away: int
    """Of its price, from the best one of the other side: below 0 it rests if it is a bid."""
    tif: TimeInForce
    self_trade: SelfTrade


acts = st.builds(
    Act,
    what=st.sampled_from(
        ["turn", "turn", "place", "place", "place", "place", "cancel", "take out"]
    ),
    holder=st.sampled_from(["simulatedkey", "other"]),
    side=st.sampled_from(SIDES),
    kind=st.sampled_from(["limit", "limit", "limit", "limit_maker", "market", "value"]),
    size=st.integers(1, 60_000),
    away=st.integers(-60, 60),
    tif=st.sampled_from(["gtc", "gtc", "ioc", "fok"]),
    self_trade=st.sampled_from(["allow", "expire_maker", "expire_taker", "expire_both"]),
)
scripts = st.lists(acts, min_size=5, max_size=40)


CROWD = replace(FUNDED, specs=FUNDED.specs[1:2], accounts=(HOLDER, replace(HOLDER, key="other")))


def do(exchange: Venue, n: int, act: Act) -> None:
    """Do it; what is denied is not done."""
    (symbol,) = exchange.markets
    time = exchange.markets[symbol].due
    if act.what == "turn":
        for _ in range(act.size % 50):
            exchange.turn(symbol)
    elif act.what == "cancel":
        live = [order.number for order in exchange.orders(act.holder) if order.state == "open"]
        if live:
            exchange.cancel(live[act.size % len(live)], time)
    elif act.what == "take out":
        with pytest.raises(Denied, match="funds"):
            exchange.deposit(act.holder, "USDT", Decimal(-10_000_000), time)
    else:
        try:
            exchange.place(act.holder, wanted(exchange, n, act), time)
        except Denied as denied:
            if denied.reason not in ("funds", "would_match"):
                raise


def wanted(exchange: Venue, n: int, act: Act) -> Wish:
    ((symbol, market),) = exchange.markets.items()
    best = market.best()
    price = max((best.ask if act.side == "buy" else best.bid) + act.away, 1)
    order = Wish(
        symbol=symbol,
        side=act.side,
        order_type="market" if act.kind == "value" else act.kind,
        client_order_id=f"{n}",
        self_trade=act.self_trade,
    )
    if act.kind == "value":
        return replace(order, quote=Decimal(act.size) / 100)
    if act.kind == "market":
        return replace(order, size=act.size)
    tif = act.tif if act.kind == "limit" else "gtc"
    return replace(order, size=act.size, price=price, tif=tif)


def lived(story: Story, seed: int, script: list[Act]) -> Iterator[Venue]:
    exchange = Venue(story, seed)
    for n, act in enumerate(script):
        do(exchange, n, act)
        yield exchange


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 1000), script=scripts)
def test_nothing_is_created_or_lost_whatever_anybody_does(seed: int, script: list[Act]) -> None:
    for exchange in lived(CROWD, seed, script):
        check(exchange)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), script=scripts)
def test_the_same_seed_and_the_same_orders_are_the_same_story(seed: int, script: list[Act]) -> None:
    one, two = ([*lived(CROWD, seed, script)][-1] for _ in range(2))
    assert (one.news, one.changes, one.fees) == (two.news, two.changes, two.fees)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_markets_go_on_after_an_order_has_emptied_a_side(seed: int) -> None:
    rich = replace(HOLDER, balances={"ETH": Decimal(10**9), "USDT": Decimal(10**12)})
    exchange = Venue(replace(CROWD, accounts=(rich,)), seed)
    (symbol,) = exchange.markets
    for side in SIDES:
        taken = Wish(
            symbol=symbol, side=side, order_type="market", client_order_id=side, size=10**9
        )
        assert exchange.place("simulatedkey", taken, NOW).why == "no_liquidity"
    assert exchange.markets[symbol].best() == (0, 0, 0, 0)
    for _ in range(500):
        exchange.turn(symbol)
    assert 0 < exchange.markets[symbol].best().bid < exchange.markets[symbol].best().ask


def test_trades_are_numbered_one_by_one(quiet: Venue) -> None:
    for price in range(10_000, 10_010):
        offer(quiet, "sell", price, 1000)
    order = quiet.place("ann", wish("buy", 10_000, 10_009), NOW)
    numbers = [fill.trade_id for fill in order.fills]
    assert all(after == before + 1 for before, after in pairwise(numbers))


# Faults


def test_a_fault_is_for_what_it_names_and_so_often() -> None:
    faults = Faults()
    faults.add(Refusing("POST /order", 429, retry_after=3, times=2))
    faults.add(Unsaid("POST", 0))
    faults.add(Lagging("GET /account", 5))
    assert faults.refused("GET /order") is None
    refused = [faults.refused("POST /order/test") for _ in range(3)]
    assert [fault.retry_after if fault else 0 for fault in refused] == [3, 3, 0]
    assert faults.unsaid("POST /x") == Unsaid("POST", 0, times=0)
    assert faults.unsaid("POST /x") is None
    assert [faults.lag(path) for path in ("GET /orders", "GET /account", "GET /account")] == [
        0,
        5,
        0,
    ]
    faults.add(Upset("late", by=7))
    faults.silent, faults.ahead = True, 5
    faults.clear()
    assert (faults.upset(), faults.silent, faults.ahead) == (None, False, 0)
