"""Whose order is it, what an exchange's rules change, and what may be forgotten.

Needs no door: events go straight into the fold.
"""

from typing import Any

from msgspec.structs import replace
from order_facts import (
    EXPIRY,
    INSTRUMENT,
    NAMELESS,
    Account,
    X,
    answer,
    cancel,
    dec,
    fill,
    missing,
    net,
    said,
    settle,
    submitted,
    watched,
    words,
)

from tapefold.events import Conclusion, ForeignOrderSeen, OrderAccepted, RateLimited

# Whose order


def test_an_order_of_another_engine_is_seen_and_its_money_told_and_it_is_not_ours() -> None:
    account = Account(submitted())
    theirs = fill("T9", 2, client_order_id="theirs", exchange_order_id="z", time_exchange=3)
    told = account.frame(theirs)
    assert told[0] == ForeignOrderSeen(
        time_exchange=3, exchange=X, instrument=INSTRUMENT, side="buy", exchange_order_id="z"
    )
    assert words(told[1:]) == ["Filled(2)"]
    assert all(isinstance(event, Conclusion) and not event.client_order_id for event in told)
    assert account.orders.live() == [account.order]
    assert account.frame(theirs) == []


def test_a_nameless_stranger_waits_while_an_order_of_ours_has_no_name() -> None:
    account = Account(submitted())
    assert account.frame(fill("T1", "0.4", **NAMELESS)) == []
    assert words(account.frame(said("open"))) == ["Accepted", "Filled(0.4)"]
    stranger = fill("T8", 1, client_order_id="", exchange_order_id="z")
    assert words(account.frame(stranger)) == ["ForeignOrderSeen(z)", "Filled(1)"]


def test_a_stranger_told_as_foreign_that_is_ours_after_all_is_told_anew() -> None:
    """The submit was refused, so nothing of ours was without a name; and it was taken all the same."""
    account = Account(submitted(), said("rejected", exchange_order_id=""))
    assert words(account.frame(fill("T1", "0.4", **NAMELESS))) == [
        "ForeignOrderSeen(e)",
        "Filled(0.4)",
    ]
    told = account.frame(said("open", "0.4"))
    assert words(told) == [
        "FillCorrected(-0.4)",
        "Filled(0.4 late)",
        "Corrected(open 0.4)",
    ]
    assert [event.client_order_id for event in told if isinstance(event, Conclusion)] == [
        "",
        "c",
        "c",
    ]
    for cut in range(5, len(account.log)):
        again = Account.started(account.log[:cut])
        again.frame(fill("T1", "0.4", **NAMELESS), said("open", "0.4"))
        assert net(again.log) == {"T1": account.order.done}
        assert again.order.told.abroad == {}


def test_a_stranger_without_instrument_or_side_waits_for_them() -> None:
    account = Account(submitted(), said("open"))
    partial: dict[str, Any] = {"client_order_id": "", "exchange_order_id": "z"}
    assert account.frame(fill("T1", 1, **partial, instrument=-1, side="")) == []
    told = account.frame(said("open", **partial, instrument=INSTRUMENT, side="sell"))
    assert words(told) == ["ForeignOrderSeen(z)", "Filled(1)"]


def test_a_stranger_is_adopted_on_purpose() -> None:
    theirs: dict[str, Any] = {"client_order_id": "", "exchange_order_id": "z"}
    account = Account(said("open", **theirs, instrument=INSTRUMENT, side="sell"))
    account.frame(fill("T1", "0.25", **theirs, side="sell"))
    account.frame(submitted(side="sell", hold=dec(1), exchange_order_id="z"))
    assert account.order.held == dec("0.75")
    account.frame(fill("T2", "0.75", **theirs, side="sell"))
    assert account.told == [
        "ForeignOrderSeen(z)",
        "Filled(0.25)",
        "Accepted",
        "Filled(0.75)",
        "Completed(1)",
    ]


def test_an_order_adopted_unseen_is_asked_about_and_rejected_where_there_is_none() -> None:
    account = Account(submitted(exchange_order_id="z"))
    assert (account.order.status, account.order.due) == ("submitted", "query")
    for _ in range(3):
        account.frame(missing(20))
    assert account.order.status == "rejected"


def test_our_name_on_another_order_of_the_exchange_is_a_stranger() -> None:
    """Somebody replaced our order by hand, and the new one is not silently ours."""
    new = said("open", exchange_order_id="e2", instrument=INSTRUMENT, side="buy")
    for facts in ([said("canceled", 0), new], [new, said("canceled", 0)]):
        account = Account(submitted(), said("open"), *facts)
        assert account.order.status == "canceled"
        assert account.told.count("ForeignOrderSeen(e2)") == 1


def test_one_id_in_two_instruments_is_two_orders() -> None:
    """Some exchanges number the orders of each instrument for itself."""
    account = Account(submitted(), said("open", instrument=INSTRUMENT))
    account.frame(fill("T1", 1, client_order_id="theirs", instrument=8))
    assert account.order.executed == 0
    account.frame(fill("T1", "0.5", client_order_id="", instrument=INSTRUMENT))
    assert account.order.executed == dec("0.5")
    assert account.told == ["Accepted", "ForeignOrderSeen(e)", "Filled(1)", "Filled(0.5)"]


def test_a_foreign_order_of_another_instrument_is_not_ours_for_having_our_orders_id() -> None:
    """The message that joins our name and the id does not say the instrument; our order does."""
    account = Account(submitted())
    account.frame(fill("T9", 2, client_order_id="theirs", instrument=8))
    assert words(account.frame(said("open"))) == ["Accepted"]
    account.frame(fill("T1", 1))
    assert account.told == [
        "ForeignOrderSeen(e)",
        "Filled(2)",
        "Accepted",
        "Filled(1)",
        "Completed(1)",
    ]
    assert account.order.told.abroad == {}


def test_one_name_on_two_exchanges_is_two_orders() -> None:
    account = Account(submitted(), fill("T1", 1, exchange="steps"))
    assert account.order.status == "submitted"
    assert account.told == ["ForeignOrderSeen(e)", "Filled(1)"]


def test_a_fill_of_a_foreign_order_waits_for_its_side_even_where_a_log_says_that_it_was_told() -> (
    None
):
    """What is told is read again at the next start, and has to be readable."""
    nameless: dict[str, Any] = {"client_order_id": "", "exchange_order_id": "z"}
    foreign = ForeignOrderSeen(
        exchange=X, instrument=INSTRUMENT, side="buy", exchange_order_id="z", time_exchange=1
    )
    account = Account(fill("T1", 1, **nameless, side=""), foreign)
    account.frame(fill("T1", 1, **nameless, side=""))
    assert account.told == ["ForeignOrderSeen(z)"]
    account.frame(said("open", **nameless, side="buy"))
    assert account.told == ["ForeignOrderSeen(z)", "Filled(1)"]


# Rules


def test_an_exchange_without_rules_has_the_usual_ones() -> None:
    account = Account(submitted(exchange="new"), said("open", exchange="new"))
    for _ in range(3):
        account.frame(missing(10, exchange="new"))
    assert account.order.doubt == "lost"


def test_a_rule_that_changes_is_told_as_a_difference() -> None:
    account = Account(submitted(), said("open", "0.4", 40))
    assert account.told == ["Accepted", "Doubted(unreconciled)"]
    account.frame(watched())
    assert account.told == ["Accepted", "Doubted(unreconciled)"]
    account.frame(watched(cumulative=True))
    assert account.told[2:] == ["Filled(0.4 inferred)", "Doubted()"]
    assert account.order.due == ""


# Forgetting


def life(number: int, *, exchange: str = X) -> list[Any]:
    """An order that fills at once, and whose fill is repeated some time later without our name."""
    names: dict[str, Any] = {"client_order_id": f"c{number}", "exchange": exchange}
    ids: dict[str, Any] = {"exchange_order_id": f"e{number}", "time_exchange": number + 1}
    order = submitted(**names, amount=dec("0.1"), price=dec(10), hold=dec(10))
    first = fill(f"T{number}", "0.1", 10, **names, **ids)
    old = number // 2
    nameless: dict[str, Any] = {"client_order_id": "", "exchange_order_id": f"e{old}"}
    again = fill(f"T{old}", "0.1", 10, **nameless, exchange=exchange, time_exchange=old + 1)
    return [order, first, again]


def test_memory_is_bounded_and_nothing_forgotten_counts_twice() -> None:
    account = Account(keep_max=50)
    for number in range(1000):
        for fact in life(number):
            account.frame(fact)
    orders = account.orders
    assert (len(orders.ours), len(orders.by_id), len(orders.state().done)) == (50, 50, 50)
    assert orders.live() == []
    assert orders.horizon == {X: 950}
    # All repetitions, but the first 99: their orders were among the last 50 still.
    assert orders.ignored == 901
    assert [*net(account.log)] == [f"T{number}" for number in range(1000)]
    assert {each.amount for each in net(account.log).values()} == {dec("0.1")}
    assert orders.anomalies.count == 0


def test_a_log_is_refolded_with_the_same_memory() -> None:
    for keep_max in (0, 1, 3):
        account = Account(keep_max=keep_max)
        for number in range(20):
            for fact in life(number):
                account.frame(fact)
        again = Account.started(account.log, keep_max)
        assert again.log == account.log
        assert again.bytes() == account.bytes()
        assert account.restored().state() == account.orders.state()
        assert len(account.orders.ours) == keep_max


def test_what_is_not_proven_is_not_forgotten() -> None:
    """Alive; in doubt; without its fee: and the end that was told last is forgotten first of all."""
    account = Account(keep_max=0)
    lives: dict[str, list[Any]] = {
        "alive": [said("open")],
        "doubted": [said("canceled")],
        "feeless": [fill("T1", 1, fees=None)],
        "proven": [fill("T1", 1)],
    }
    for name, facts in lives.items():
        account.frame(submitted(client_order_id=name))
        for fact in facts:
            account.frame(replace(fact, client_order_id=name, exchange_order_id=name))
    assert [*account.orders.ours] == ["alive", "doubted", "feeless"]
    assert account.orders.find("proven") is None


def test_an_end_is_told_before_its_order_is_forgotten() -> None:
    account = Account(submitted(), said("canceled", 0), keep_max=0)
    assert account.told == ["Accepted", "Canceled(0)"]
    assert account.orders.find("c") is None


def test_an_order_with_news_is_not_forgotten_before_they_are_told() -> None:
    """It is the oldest, and has just filled after its end, when another one ends in the same frame."""
    account = Account(keep_max=1)
    account.frame(submitted(), said("canceled", 0))
    account.frame(submitted(client_order_id="d"))
    other: dict[str, Any] = {"client_order_id": "d", "exchange_order_id": "f"}
    told = account.frame(fill("T1", "0.4"), fill("T1", 1, **other))
    assert words(told) == [
        "Filled(0.4 late)",
        "Corrected(canceled 0.4)",
        "Accepted",
        "Filled(1)",
        "Completed(1)",
    ]
    assert [*account.orders.ours] == ["d"]
    assert account.orders.ignored == 0


def test_a_fact_without_a_time_is_no_news_once_something_was_forgotten() -> None:
    account = Account(*life(0)[:2], keep_max=0)
    assert account.orders.horizon == {X: 1}
    assert account.frame(fill("T0", "0.1", client_order_id="", exchange_order_id="e0")) == []
    later = fill("T5", 1, client_order_id="", exchange_order_id="z", time_exchange=2)
    assert words(account.frame(later)) == ["ForeignOrderSeen(z)", "Filled(1)"]
    elsewhere = fill("T5", 1, exchange="steps", client_order_id="")
    assert words(account.frame(elsewhere)) == ["ForeignOrderSeen(e)", "Filled(1)"]


def test_strangers_that_nobody_names_are_bounded_too() -> None:
    account = Account(submitted(), keep_max=8)
    for number in range(100):
        account.frame(said("open", client_order_id="", exchange_order_id=f"z{number}"))
    assert len(account.orders.by_id) == len(account.orders.state().strangers) == 8
    assert account.orders.horizon == {}
    assert account.told == []


# What cannot be


def test_facts_about_nobody_are_counted_and_change_nothing() -> None:
    account = Account()
    for fact in (said("open", exchange_order_id=""), answer("gone"), cancel(), settle(1), EXPIRY):
        account.frame(fact)
    account.frame(missing(20, client_order_id="", exchange_order_id="z"))
    account.frame(OrderAccepted(client_order_id="nobody"))
    assert account.orders.ignored == 7
    assert (len(account.orders.ours), len(account.orders.by_id), account.told) == (
        0,
        0,
        ["Accepted"],
    )


def test_an_order_is_submitted_once() -> None:
    account = Account(submitted(), said("open"), submitted(amount=dec(2)))
    assert account.order.amount == 1
    account.frame(submitted(client_order_id="d", exchange_order_id="e"))  # it is ours already
    account.frame(submitted(client_order_id=""))
    assert [*account.orders.ours] == ["c"]
    assert [*account.orders.anomalies.latest] == [
        ("c", "open", "submit"),
        ("d", "open", "submit"),
        ("", "submitted", "submit"),
    ]


def test_events_that_are_not_about_orders_pass_by() -> None:
    account = Account(submitted())
    before = account.bytes()
    account.frame(RateLimited(exchange=X, status=429, wait=1))
    assert account.bytes() == before


def test_live_orders_stand_in_the_order_in_which_they_were_submitted() -> None:
    names = ["c3", "c1", "c2"]
    account = Account()
    for place, name in enumerate(names):
        account.frame(submitted(client_order_id=name, instrument=place))
    account.frame(submitted(client_order_id="far", exchange="steps"))
    for name in ("c2", "c3"):
        account.frame(said("open", client_order_id=name, exchange_order_id=name))
    live = account.orders.live
    assert [order.client_order_id for order in live()] == [*names, "far"]
    assert [order.client_order_id for order in live(X)] == names
    assert [order.client_order_id for order in live(X, 1)] == ["c1"]
    assert live("nowhere") == []
