"""Balances: totals, what is reserved and what is free, and statements that do not agree with them.

Needs no door: events go straight into the fold, and a stub stands for the fold of orders, but in one story.
"""

from dataclasses import dataclass, field
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from money import (
    BARE,
    ETH,
    NOBODY,
    D,
    X,
    charges,
    corrected,
    fees,
    filled,
    instruments,
    numbers,
    sides,
    signed,
    total,
)

from tapefold.events import (
    AccountWatched,
    AnyEvent,
    BalanceAdjusted,
    BalanceChanged,
    BalanceSnapshot,
    Fees,
    FillCorrected,
    FillReported,
    FillTold,
    OrderFilled,
    OrderReported,
    OrderSubmitted,
    Says,
)
from tapefold.folds.balances import TRANSFERS_MAX, Balances, State
from tapefold.folds.orders import Orders as RealOrders
from tapefold.units import SECOND, Side

SETTLE = 30 * SECOND
NONE: list[str] = []
RULES = AccountWatched(exchange=X, missing_max=3, grace=SECOND, settle=SETTLE, closed=SECOND)


@dataclass
class Held:
    """An order, as far as it holds money."""

    side: Side
    held: Decimal
    instrument: int = ETH
    status: str = "open"


@dataclass
class Orders:
    """The fold of orders, as far as money is concerned."""

    rules: dict[str, AccountWatched] = field(default_factory=lambda: {X: RULES})
    orders: list[Held] = field(default_factory=list[Held])

    def live(self, exchange: str) -> list[Held]:
        return self.orders if exchange == X else []


def stated(
    quiet: int = 0, *, complete: bool = True, held: str = "", **totals: str
) -> BalanceSnapshot:
    """A statement; *held* as `USDT 350`."""
    asset, _, amount = held.partition(" ")
    return BalanceSnapshot(
        exchange=X,
        totals=tuple(sorted((name, D(total)) for name, total in totals.items())),
        complete=complete,
        held=((asset, D(amount)),) if held else (),
        quiet=quiet,
    )


def changed(asset: str, delta: str | Decimal, transfer: str) -> BalanceChanged:
    """Money moved by no trade."""
    return BalanceChanged(exchange=X, asset=asset, delta=D(delta), transfer_id=transfer)


def opened(orders: Orders | None = None) -> Balances:
    """10 ETH and 1000 USDT."""
    balances = Balances(instruments(), orders or Orders())
    balances.apply(stated(ETH="10", USDT="1000"))
    return balances


def totals(balances: Balances, *assets: str) -> list[Decimal]:
    return [balances.total(X, asset) for asset in assets or ("ETH", "USDT")]


def again(balances: Balances, orders: Orders | None = None) -> Balances:
    """The same by way of its bytes."""
    copy = Balances(instruments(), orders or Orders())
    state = msgspec.msgpack.encode(balances.state())
    copy.restore(msgspec.msgpack.decode(state, type=State))
    assert msgspec.msgpack.encode(copy.state()) == state
    return copy


# Totals


def test_nothing_is_known_before_the_first_complete_snapshot() -> None:
    balances = Balances(instruments(), Orders())
    for event in (
        stated(complete=False, ETH="5"),
        filled("buy", "1", "100"),
        changed("USDT", "7", "d1"),
    ):
        balances.apply(event)
        assert not balances.opened(X)
        assert (balances.assets(X), totals(balances)) == (NONE, [D(0), D(0)])
    balances.apply(stated(ETH="10", USDT="1000", DUST="0"))
    assert balances.opened(X)
    assert not balances.opened("y")
    assert (balances.assets(X), totals(balances)) == (["ETH", "USDT"], [D(10), D(1000)])


def test_a_transfer_told_before_the_first_snapshot_is_in_it_and_does_not_count_when_told_again() -> (
    None
):
    balances = Balances(instruments(), Orders())
    balances.apply(changed("USDT", "7", "d1"))
    balances.apply(stated(USDT="7"))
    balances.apply(changed("USDT", "7", "d1"))
    assert totals(balances, "USDT") == [7]


def test_a_fill_moves_base_quote_and_every_asset_that_a_fee_was_charged_in() -> None:
    balances = opened()
    balances.apply(filled("buy", "0.4", "39.6", fees(ETH="0.0004", BNB="0.00001")))
    assert totals(balances, "ETH", "USDT", "BNB") == [D("10.3996"), D("960.4"), D("-0.00001")]
    balances.apply(filled("sell", "0.4", "40", fees(USDT="0.04")))
    assert totals(balances) == [D("9.9996"), D("1000.36")]


def test_fills_of_orders_that_are_not_ours_move_the_account_all_the_same() -> None:
    balances = opened()
    balances.apply(filled("buy", "2", "200", ours=False))
    assert totals(balances) == [12, 800]


def test_a_corrected_fill_moves_the_signed_difference() -> None:
    balances = opened()
    balances.apply(filled("buy", "1", "99.5", fees(USDT="0.1")))
    balances.apply(corrected("buy", "-0.4", "-39.8"))
    balances.apply(corrected("buy", "0", "0.3", fees(USDT="-0.02"), reason="better_known"))
    assert totals(balances) == [D("10.6"), D("939.92")]


def test_small_numbers_and_long_ones_survive_to_the_last_digit() -> None:
    balances = opened()
    long = "12345678.901234567890123456789012345678"
    for amount in ("0.00000123", "4e-9", long):
        balances.apply(filled("buy", amount, amount))
    assert totals(balances) == [
        D("12345688.901235801890123456789012345678"),
        D("-12344678.901235801890123456789012345678"),
    ]
    assert str(balances.total(X, "ETH")) == "12345688.901235801890123456789012345678"


@settings(deadline=None)
@given(
    st.lists(
        st.builds(filled, sides, numbers, numbers, charges, ours=st.booleans())
        | st.builds(corrected, sides, signed, signed, charges)
        | st.builds(changed, st.sampled_from(["ETH", "BNB"]), signed, st.sampled_from("abcdef"))
        | st.builds(
            BalanceAdjusted,
            exchange=st.just(X),
            asset=st.sampled_from(["ETH", "LTC"]),
            delta=signed,
        ),
        max_size=30,
    ),
    st.integers(0, 30),
)
def test_totals_are_the_sum_of_all_moves_in_any_order_and_over_any_restart(
    events: list[OrderFilled | FillCorrected | BalanceChanged | BalanceAdjusted], at: int
) -> None:
    moves: dict[str, list[Decimal]] = {"ETH": [D(10)], "USDT": [D(1000)], "BNB": [], "LTC": []}
    seen: set[tuple[str, str]] = set()
    for event in events:
        if isinstance(event, OrderFilled | FillCorrected):
            bought = event.side == "buy"
            moves["ETH"].append(event.amount if bought else event.amount.copy_negate())
            moves["USDT"].append(event.value.copy_negate() if bought else event.value)
            for asset, fee in event.fees:
                moves[asset].append(fee.copy_negate())
        elif isinstance(event, BalanceAdjusted):
            moves[event.asset].append(event.delta)
        elif (event.asset, event.transfer_id) not in seen:
            seen.add((event.asset, event.transfer_id))
            moves[event.asset].append(event.delta)
    balances = opened()
    for event in events[:at]:
        balances.apply(event)
    balances = again(balances)
    for event in events[at:]:
        balances.apply(event)
    assert {asset: balances.total(X, asset) for asset in moves} == {
        asset: total(deltas) for asset, deltas in moves.items()
    }
    backwards = opened()
    named = [event for event in events if not isinstance(event, BalanceChanged)]
    for event in named[::-1]:
        backwards.apply(event)
    forwards = opened()
    for event in named:
        forwards.apply(event)
    assert msgspec.msgpack.encode(forwards.state()) == msgspec.msgpack.encode(backwards.state())


def test_one_number_is_one_text_however_it_came_to_be() -> None:
    orders = Orders(orders=[Held("buy", D("0.5")), Held("buy", D("0.5"))])
    balances = opened(orders)
    balances.apply(filled("buy", "0.5", "0.25"))
    balances.apply(filled("buy", "0.5", "0.75"))
    balances.apply(stated(complete=False, USDT="1000.5", held="USDT 3.0"))
    balances.apply(stated(complete=False, ETH="11.50"))
    assert [str(balances.total(X, asset)) for asset in ("ETH", "USDT")] == ["11", "999"]
    assert [str(balances.drift(X, asset)) for asset in ("ETH", "USDT")] == ["0.5", "1.5"]
    assert str(balances.reserved(X, "USDT")) == "1"
    assert str(balances.available(X, "USDT")) == "996"


def test_a_transfer_counts_once_by_its_name_and_a_nameless_one_each_time() -> None:
    balances = opened()
    for event in (
        changed("ETH", "2", "d1"),
        changed("USDT", "-3", "d1"),
        changed("ETH", "2", "d1"),
    ):
        balances.apply(event)
    assert totals(balances) == [12, 997]
    balances.apply(changed("ETH", "1", ""))
    balances.apply(changed("ETH", "1", ""))
    assert totals(balances) == [14, 997]


def test_only_the_latest_transfers_are_remembered() -> None:
    balances = opened()
    for number in range(TRANSFERS_MAX + 10):
        balances.apply(changed("ETH", "1", f"d{number}"))
    balances.apply(changed("ETH", "1", f"d{TRANSFERS_MAX + 9}"))
    assert totals(balances, "ETH") == [10 + TRANSFERS_MAX + 10]
    assert len(balances.state()[2]) == TRANSFERS_MAX


@pytest.mark.parametrize("instrument", [BARE, NOBODY])
def test_a_fill_of_which_nobody_named_the_assets_books_its_fees_and_is_an_anomaly(
    instrument: int,
) -> None:
    balances = opened()
    balances.apply(filled("buy", "1", "100", fees(BNB="0.1"), instrument=instrument))
    assert totals(balances, "ETH", "USDT", "BNB") == [10, 1000, D("-0.1")]
    assert balances.anomalies == again(balances).anomalies == 1


@pytest.mark.parametrize("number", ["1E+700", "1E-700"])
def test_a_number_that_no_account_has_is_an_anomaly_and_nothing_raises(number: str) -> None:
    balances = opened()
    balances.apply(filled("buy", number, "100"))
    assert (totals(balances), balances.anomalies) == ([D(10), D(1000)], 1)


# Reserved and available


def test_a_buyer_reserves_quote_and_a_seller_base() -> None:
    orders = Orders()
    balances = opened(orders)
    orders.orders = [Held("buy", D(60)), Held("sell", D("0.7")), Held("buy", D("0.000004"))]
    assert balances.reserved(X, "USDT") == D("60.000004")
    assert balances.reserved(X, "ETH") == D("0.7")
    assert balances.available(X, "USDT") == D("939.999996")
    assert balances.available(X, "ETH") == D("9.3")
    assert (balances.reserved("y", "USDT"), balances.available("y", "USDT")) == (D(0), D(0))
    orders.orders = []
    assert (balances.reserved(X, "USDT"), balances.available(X, "USDT")) == (D(0), D(1000))


def test_an_order_of_which_nobody_named_the_assets_reserves_none() -> None:
    orders = Orders(orders=[Held("buy", D(60), BARE), Held("sell", D(60), NOBODY)])
    balances = opened(orders)
    assert [balances.reserved(X, asset) for asset in ("ETH", "USDT", "")] == [0, 0, 0]


def test_available_is_never_below_nothing() -> None:
    balances = opened(Orders(orders=[Held("buy", D(1001))]))
    assert balances.available(X, "USDT") == 0


def test_what_others_hold_on_the_account_is_not_available() -> None:
    orders = Orders(orders=[Held("buy", D(100))])
    balances = opened(orders)
    balances.apply(stated(SECOND, ETH="10", USDT="1000", held="USDT 350"))
    assert balances.available(X, "USDT") == 650
    orders.orders = []  # it is over, and others hold what they held
    assert balances.available(X, "USDT") == 750
    balances.apply(stated(SECOND, complete=False, USDT="1000", held="USDT 80"))
    assert balances.available(X, "USDT") == 920


@pytest.mark.parametrize("status", ["submitted", "closing"])
def test_an_order_that_is_not_known_to_be_open_there_is_no_part_of_what_is_held_there(
    status: str,
) -> None:
    """Else what others hold would be free as soon as it turns out that it was not there."""
    orders = Orders(orders=[Held("buy", D(100)), Held("buy", D(60), status=status)])
    balances = opened(orders)
    balances.apply(stated(SECOND, ETH="10", USDT="1000", held="USDT 350"))
    assert [balances.held_elsewhere(X, "USDT"), balances.reserved(X, "USDT")] == [250, 160]
    assert balances.available(X, "USDT") == 590
    orders.orders.pop()  # it was refused
    assert [balances.held_elsewhere(X, "USDT"), balances.available(X, "USDT")] == [250, 650]


def test_a_hold_that_is_stated_no_more_is_over() -> None:
    balances = opened()
    balances.apply(stated(SECOND, complete=False, USDT="1000", held="USDT 350"))
    assert balances.available(X, "USDT") == 650
    balances.apply(stated(SECOND, complete=False, ETH="10"))  # it says nothing of USDT
    assert balances.available(X, "USDT") == 650
    balances.apply(stated(SECOND, ETH="10", USDT="1000"))
    assert balances.available(X, "USDT") == 1000


# With the fold of orders itself


def told(orders: RealOrders, balances: Balances, *events: AnyEvent) -> str:
    """Facts, and what they come to, as a kernel takes them in: the initials of what was told."""
    news: list[AnyEvent] = []
    for event in events:
        orders.apply(event)
    while orders.touched:
        for event in orders.news():
            orders.apply(event)
            news.append(event)
            if isinstance(event, FillTold):
                balances.apply(event)
    return " ".join(type(event).__name__.removeprefix("Order") for event in news)


def wanted(name: str, side: Side, amount: str, price: str) -> OrderSubmitted:
    """An intent."""
    return OrderSubmitted(
        exchange=X,
        instrument=ETH,
        client_order_id=name,
        side=side,
        order_type="limit",
        tif="gtc",
        amount=D(amount),
        price=D(price),
        hold=D(price) if side == "buy" else D(1),
    )


def traded(fill_id: str, amount: str, price: str, charged: Fees) -> FillReported:
    """A fill of the order `b`."""
    return FillReported(
        exchange=X,
        instrument=ETH,
        side="buy",
        client_order_id="b",
        exchange_order_id="1",
        time_exchange=1,
        fill_id=fill_id,
        price=D(price),
        amount=D(amount),
        fees=charged,
    )


def reported(name: str, says: Says, executed: str | None = None) -> OrderReported:
    """How an order is."""
    return OrderReported(
        exchange=X,
        client_order_id=name,
        exchange_order_id="1" if name == "b" else "",
        time_exchange=1,
        says=says,
        executed=None if executed is None else D(executed),
    )


def test_money_is_reserved_from_the_intent_to_the_proven_end_and_free_on_every_path() -> None:
    orders = RealOrders()
    orders.apply(RULES)
    balances = Balances(instruments(), orders)
    balances.apply(stated(ETH="10", USDT="1000"))

    def free() -> list[Decimal]:
        return [balances.available(X, asset) for asset in ("ETH", "USDT")]

    assert told(orders, balances, wanted("b", "buy", "1", "100")) == ""
    assert free() == [10, 900]
    assert told(orders, balances, reported("b", "open")) == "Accepted"
    assert free() == [10, 900]
    fill = traded("T1", "0.4", "99", fees(ETH="0.0004"))  # better than its limit
    assert told(orders, balances, fill, fill) == "Filled"
    assert free() == [D("10.3996"), D("900.4")]
    assert told(orders, balances, fill) == ""
    # 0.2 were traded of which we have not heard: they stay reserved, and the rest is free
    assert told(orders, balances, reported("b", "canceled", "0.6")) == "Doubted"
    assert (balances.reserved(X, "USDT"), free()[1]) == (D(20), D("940.4"))
    last = traded("T2", "0.2", "100", fees(BNB="0.00001"))
    assert told(orders, balances, last) == "Filled Canceled Doubted"
    assert (balances.reserved(X, "USDT"), free()) == (D(0), [D("10.5996"), D("940.4")])
    assert balances.total(X, "BNB") == D("-0.00001")
    told(orders, balances, wanted("s", "sell", "1", "200"))
    assert (balances.reserved(X, "ETH"), free()[0]) == (D(1), D("9.5996"))
    assert told(orders, balances, reported("s", "rejected")) == "Rejected"
    assert free() == [D("10.5996"), D("940.4")]


def test_what_another_holds_stays_held_when_an_order_of_ours_is_refused_for_it() -> None:
    """The exchange had said what the other holds before it had even seen ours."""
    orders = RealOrders()
    orders.apply(RULES)
    balances = Balances(instruments(), orders)
    balances.apply(stated(ETH="10", USDT="1000"))
    told(orders, balances, wanted("b", "buy", "3", "100"))
    balances.apply(stated(SECOND, complete=False, USDT="1000", held="USDT 900"))
    assert balances.available(X, "USDT") == 0
    assert told(orders, balances, reported("b", "rejected")) == "Rejected"
    assert [balances.held_elsewhere(X, "USDT"), balances.available(X, "USDT")] == [900, 100]


# Statements that do not agree


def adjusted(balances: Balances) -> list[tuple[str, Decimal]]:
    """What is to be told, told."""
    news = balances.news()
    assert bool(balances.touched) == bool(news)
    assert balances.news() == news
    for event in news:
        balances.apply(event)
    assert not balances.touched
    assert not balances.news()
    return [(event.asset, event.delta) for event in news]


def test_a_snapshot_that_agrees_says_nothing() -> None:
    balances = opened()
    for _ in range(3):
        balances.apply(stated(SETTLE, ETH="10", USDT="1000"))
        assert adjusted(balances) == []


def test_a_difference_that_stays_for_as_long_as_it_takes_is_the_exchanges() -> None:
    balances = opened()
    balances.apply(stated(SETTLE, ETH="12", USDT="1000"))
    assert balances.drift(X, "ETH") == 2
    assert adjusted(balances) == []
    balances.apply(stated(SETTLE - 1, ETH="12", USDT="1000"))
    assert adjusted(balances) == []
    balances.apply(stated(1, ETH="12", USDT="1000"))
    assert adjusted(balances) == [("ETH", D(2))]
    assert (balances.total(X, "ETH"), balances.drift(X, "ETH")) == (D(12), D(0))
    balances.apply(stated(SETTLE, ETH="12", USDT="1000"))
    assert adjusted(balances) == []


def test_an_asset_that_a_complete_snapshot_leaves_out_is_stated_to_be_nothing() -> None:
    balances = opened()
    for _ in range(2):
        balances.apply(stated(SETTLE, USDT="1000"))
    assert adjusted(balances) == [("ETH", D(-10))]


def test_an_asset_that_a_partial_snapshot_leaves_out_is_not_stated() -> None:
    balances = opened()
    for _ in range(3):
        balances.apply(stated(SETTLE, complete=False, USDT="1000"))
        assert adjusted(balances) == []
    assert balances.total(X, "ETH") == 10


def test_time_passes_for_a_difference_in_snapshots_that_do_not_state_it_too() -> None:
    balances = opened()
    balances.apply(stated(0, ETH="12", USDT="1000"))
    for _ in range(3):
        balances.apply(stated(SETTLE // 3, complete=False, USDT="1000"))
        assert adjusted(balances) == []
    balances.apply(stated(1, complete=False, ETH="12"))
    assert adjusted(balances) == [("ETH", D(2))]


def test_a_difference_that_changes_begins_anew() -> None:
    balances = opened()
    for eth in ("12", "13", "12", "13"):
        balances.apply(stated(SETTLE, ETH=eth, USDT="1000"))
        assert adjusted(balances) == []
    balances.apply(stated(SETTLE, ETH="13", USDT="1000"))
    assert adjusted(balances) == [("ETH", D(3))]


def test_a_difference_means_nothing_once_the_money_moved() -> None:
    """The page knew of a fill before we did; then the fill came."""
    balances = opened()
    balances.apply(stated(SETTLE, ETH="11", USDT="900"))
    balances.apply(stated(SETTLE - 1, ETH="11", USDT="900"))
    balances.apply(filled("buy", "1", "100"))
    balances.apply(stated(1, ETH="11", USDT="900"))
    assert adjusted(balances) == []
    assert totals(balances) == [11, 900]


def test_a_move_takes_back_a_difference_that_was_to_be_told() -> None:
    balances = opened()
    for _ in range(2):
        balances.apply(stated(SETTLE, ETH="11", USDT="1000"))
    assert balances.touched
    balances.apply(changed("ETH", "1", "d1"))
    assert (balances.touched, balances.total(X, "ETH")) == ({}, D(11))


def test_another_statement_takes_back_a_difference_that_was_to_be_told() -> None:
    balances = opened()
    for eth in ("11", "11", "10.5"):
        balances.apply(stated(SETTLE, ETH=eth, USDT="1000"))
    assert adjusted(balances) == []
    balances.apply(stated(SETTLE, ETH="10.5", USDT="1000"))
    assert balances.touched
    balances.apply(stated(SETTLE, ETH="10", USDT="1000"))
    assert adjusted(balances) == []


def test_a_move_of_nothing_leaves_a_difference_as_it_was() -> None:
    balances = opened()
    balances.apply(stated(SETTLE, ETH="11", USDT="1000"))
    balances.apply(corrected("buy", "0", "0.1", reason="better_known"))
    balances.apply(stated(SETTLE, ETH="11", USDT="999.9"))
    assert adjusted(balances) == [("ETH", D(1))]


def test_a_late_fill_shows_as_the_opposite_difference_and_heals() -> None:
    balances = opened()
    for _ in range(2):
        balances.apply(stated(SETTLE, ETH="12", USDT="1000"))
    assert adjusted(balances) == [("ETH", D(2))]
    balances.apply(changed("ETH", "2", "d1"))  # so that was it
    assert balances.total(X, "ETH") == 14
    for _ in range(2):
        balances.apply(stated(SETTLE, ETH="12", USDT="1000"))
    assert (adjusted(balances), balances.total(X, "ETH")) == ([("ETH", D(-2))], D(12))


def test_differences_in_many_assets_are_told_in_one_order() -> None:
    balances = opened()
    for _ in range(2):
        balances.apply(stated(SETTLE, ZRX="1", ETH="12", USDT="999", BNB="4e-9"))
    assert adjusted(balances) == [("BNB", D("4e-9")), ("ETH", D(2)), ("USDT", D(-1)), ("ZRX", D(1))]


def test_a_difference_is_not_believed_for_having_been_slept_over() -> None:
    """A run's first snapshot has no `quiet`, however long nobody ran."""
    balances = opened()
    balances.apply(stated(SETTLE, ETH="12", USDT="1000"))
    balances.apply(stated(0, ETH="12", USDT="1000"))
    assert adjusted(balances) == []


@pytest.mark.parametrize("quiet", [2**62, -(2**62)])
def test_no_length_of_time_is_too_long_to_be_kept(quiet: int) -> None:
    balances = opened()
    for _ in range(5):
        balances.apply(stated(quiet, ETH="10", USDT="1000"))
    again(balances)


def test_nothing_is_adjusted_where_nobody_gave_the_rules_of_the_exchange() -> None:
    balances = opened(Orders(rules={}))
    for _ in range(5):
        balances.apply(stated(2**62, ETH="12", USDT="1000"))
        assert adjusted(balances) == []
    assert balances.drift(X, "ETH") == 2


def test_a_difference_that_was_to_be_told_survives_a_restart() -> None:
    balances = opened()
    for _ in range(2):
        balances.apply(stated(SETTLE, ETH="12", USDT="1000"))
    copy = again(balances)
    assert copy.touched
    assert adjusted(copy) == adjusted(balances) == [("ETH", D(2))]


statements = st.builds(
    BalanceSnapshot,
    exchange=st.just(X),
    totals=st.dictionaries(st.sampled_from(["ETH", "USDT", "BNB"]), numbers, max_size=3).map(
        lambda said: tuple(said.items())
    ),
    held=charges,
    complete=st.booleans(),
    quiet=st.sampled_from([0, SECOND, SETTLE, 2**62, -(2**62)]),
)


@settings(deadline=None)
@given(
    st.lists(
        statements
        | st.builds(filled, sides, numbers, numbers, charges, instrument=st.integers(-1, 2))
        | st.builds(
            changed, st.sampled_from(["ETH", "BNB"]), signed, st.sampled_from(["", "a", "b"])
        ),
        max_size=30,
    ),
    st.integers(0, 30),
)
def test_no_facts_in_any_order_make_balances_raise_and_a_restart_changes_nothing(
    events: list[BalanceSnapshot | OrderFilled | BalanceChanged], at: int
) -> None:
    orders = Orders(orders=[Held("buy", D("3.5")), Held("sell", D("4e-9"))])
    balances = Balances(instruments(), orders)
    other = Balances(instruments(), orders)
    for number, event in enumerate(events):
        if number == at:
            other = again(other, orders)
        for one in (balances, other):
            one.apply(event)
            adjusted(one)
        for asset in balances.assets(X):
            assert balances.available(X, asset) >= 0
    assert msgspec.msgpack.encode(other.state()) == msgspec.msgpack.encode(balances.state())
