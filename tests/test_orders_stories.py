"""The hard cases: each in every order that causes allow, each fact twice, the log cut at every event.

Needs no door: events go straight into the fold.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import msgpack
from order_facts import (
    EXPIRY,
    Account,
    X,
    answer,
    cancel,
    closed,
    dec,
    fill,
    missing,
    reverted,
    said,
    settle,
    submitted,
    words,
)
from order_stories import LIFE, PLAIN, STORIES, Story, check, outcome, play

from tapefold.events import (
    AnyEvent,
    Conclusion,
    FillCorrected,
    OrderAccepted,
    OrderCancelRejected,
    OrderCorrected,
    OrderDoubted,
    OrderFilled,
    OrderRejected,
)
from tapefold.folds.orders import Order, Sum
from tapefold.units import fixed

named = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)


@named
def test_any_order_and_any_repetition_come_to_one_end(story: Story) -> None:
    ends: list[tuple[Any, ...]] = []
    for order in story.orders():
        for sequence in story.repeated(order):
            account = play(story, sequence)
            check(account, story)
            ends = ends or [outcome(account)]
            assert outcome(account) == ends[0], sequence


@named
def test_the_log_alone_gives_the_same_bytes(story: Story) -> None:
    for order in story.orders():
        account = play(story, order)
        again = Account.started(account.log)
        assert again.log == account.log
        assert again.bytes() == account.bytes()


@named
def test_a_log_that_is_cut_anywhere_comes_to_the_same_end(story: Story) -> None:
    """Also between a fact and what it made us say; then the exchange says everything again."""
    expected = None
    for order in story.orders():
        account = play(story, order)
        expected = expected or outcome(account)
        for cut in range(5, len(account.log) + 1):
            again = Account.started(account.log[:cut])
            for number in order:
                facts = story.facts(number)
                if not (story.ours(number) and facts[0] in account.log[:cut]):
                    again.frame(*facts)
            assert outcome(again) == expected, cut
            assert (PLAIN if story.plain else LIFE).fullmatch(again.letters), again.letters


@named
def test_a_fold_restored_at_any_event_goes_on_as_the_one_that_went_on(story: Story) -> None:
    order = next(story.orders())
    account = play(story, order)
    for cut in range(len(account.log) + 1):
        prefix = Account.started([])
        for event in account.log[:cut]:
            prefix.orders.apply(event)
        restored = prefix.restored()
        for event in account.log[cut:]:
            restored.apply(event)
        assert restored.state() == account.orders.state()
        assert restored.live() == account.orders.live()


# The ten, in their words


def now(order: Order) -> tuple[str, str, str]:
    """What an order is, what is to be asked about it, and what it holds."""
    return order.status, order.due, fixed(order.held)


def test_1_a_fill_before_the_acknowledgement() -> None:
    account = Account(submitted())
    assert words(account.frame(fill("T1", 1), said("filled", 1, 100))) == [
        "Accepted",
        "Filled(1)",
        "Completed(1)",
    ]
    assert account.frame(said("open")) == []
    assert account.order.held == 0


def test_2_a_cancel_that_beat_its_order_is_still_wanted() -> None:
    account = Account(submitted(), cancel(1), answer("gone", 1))
    assert (account.order.status, account.order.due) == ("submitted", "")
    account.frame(said("open"))
    assert (account.order.status, account.order.due) == ("open", "cancel")
    account.frame(cancel(2))
    assert account.frame(answer("gone", 1)) == []  # of the first: it is not about the second
    assert (account.order.status, account.order.due) == ("open", "")
    account.frame(said("canceled", 0))
    assert account.told == ["Accepted", "Canceled(0)"]


def test_3_a_fill_long_after_the_cancel_was_acknowledged() -> None:
    account = Account(submitted(), said("open"), cancel(), said("canceled", "0.4"))
    assert (account.order.status, account.order.due) == ("closing", "fills")
    assert account.order.held == 40
    account.frame(fill("T1", "0.4"))
    assert account.told == [
        "Accepted",
        "Doubted(unreconciled)",
        "Filled(0.4)",
        "Canceled(0.4)",
        "Doubted()",
    ]
    assert account.order.held == 0


def test_4_a_stale_status_after_completion_says_nothing() -> None:
    account = Account(submitted(), said("open"), fill("T1", 1), said("filled", 1, 100))
    for stale in (said("open", 0), said("canceled", 1), said("pending"), said("", "0.4")):
        assert account.frame(stale) == []
    assert account.orders.anomalies.count == 0


def test_4_a_stale_page_takes_back_no_amount_that_was_stated() -> None:
    account = Account(submitted(), said("open", "0.4", 40))
    account.frame(said("open", 0))
    assert (account.order.doubt, account.order.due) == ("unreconciled", "fills")


def test_5_filled_without_trades_waits_and_is_inferred_with_its_price() -> None:
    account = Account(submitted(), said("filled", 1, "99.5"))
    assert (account.order.status, account.order.due) == ("closing", "fills")
    told = account.frame(settle(1))
    assert words(told) == ["Filled(1 inferred)", "Completed(1)", "Doubted()"]
    assert isinstance(told[0], OrderFilled)
    assert (told[0].price, told[0].value, told[0].fill_id) == (dec("99.5"), dec("99.5"), "inferred")


def test_5_never_filled_at_price_0() -> None:
    account = Account(submitted(), said("filled", 1), settle(1))
    assert account.told == ["Accepted", "Doubted(unreconciled)"]
    assert account.order.held == 100


def test_6_one_trade_by_three_channels_and_across_a_restart() -> None:
    account = Account(submitted(), said("open"))
    account.frame(fill("T7", "0.5"))
    head = len(account.log)
    for cut in (head - 1, head):  # killed after the fact, and after what it made us say
        again = Account.started(account.log[:cut])
        again.frame(fill("T7", "0.5"))
        assert again.told == ["Accepted", "Filled(0.5)"]


def test_6_two_partial_fills_under_a_longer_key_count_both() -> None:
    account = Account(submitted(), fill("7:0.5", "0.5"), fill("7:1", "0.5"))
    assert account.told == ["Accepted", "Filled(0.5)", "Filled(0.5)", "Completed(1)"]


def test_7_not_found_among_errors_is_never_lost() -> None:
    account = Account(submitted(), said("open"))
    account.frame(missing(20))
    account.frame(missing(30))  # the errors between them are no facts about an order
    assert account.order.due == "query"
    account.frame(said("open"))
    account.frame(missing(20))
    account.frame(missing(20))
    assert account.told == ["Accepted"]


def test_7_not_found_thrice_is_lost_and_a_fill_finds_it() -> None:
    account = Account(submitted(), said("open"))
    for silent in (1, 5, 9):
        account.frame(missing(silent))  # within the grace
    assert (account.order.missing, account.order.doubt) == (0, "")
    for silent in (10, 20, 30):
        account.frame(missing(silent))
    assert (account.order.status, account.order.doubt, account.order.due) == (
        "open",
        "lost",
        "query",
    )
    assert account.order.held == 100  # it may fill yet
    account.frame(fill("T1", 1))
    assert account.told == ["Accepted", "Doubted(lost)", "Filled(1)", "Completed(1)", "Doubted()"]


def test_9_what_a_survey_finds_is_told_once_and_in_the_exchanges_order() -> None:
    """While the stream was down `c` filled in two trades and `d` was canceled."""
    other: dict[str, Any] = {"client_order_id": "d", "exchange_order_id": "f"}
    account = Account(submitted(), submitted(client_order_id="d"))
    account.frame(said("open"))
    account.frame(said("open", **other))
    told = account.frame(
        said("filled", 1, 100),
        fill("10", "0.2", time_exchange=20),
        fill("9", "0.5", time_exchange=20),
        fill("8", "0.3", time_exchange=10),
        said("canceled", 0, **other),
    )
    assert words(told) == [
        "Filled(0.3)",
        "Filled(0.5)",
        "Filled(0.2)",
        "Completed(1)",
        "Canceled(0)",
    ]
    fills = [event for event in told if isinstance(event, OrderFilled)]
    assert [(event.fill_id, event.executed, event.time_exchange) for event in fills] == [
        ("8", dec("0.3"), 10),
        ("9", dec("0.8"), 20),
        ("10", dec(1), 20),
    ]
    assert account.frame(fill("9", "0.5"), said("open"), said("canceled", 0, **other)) == []


def weave(lanes: list[list[tuple[AnyEvent, ...]]]) -> Iterator[list[tuple[AnyEvent, ...]]]:
    """Every way to hear lanes at once, each in its own order."""
    if not any(lanes):
        yield []
    for number, lane in enumerate(lanes):
        if lane:
            for rest in weave([*lanes[:number], lane[1:], *lanes[number + 1 :]]):
                yield [lane[0], *rest]


def test_10_interleaved_lanes_say_the_same_bytes() -> None:
    """Stream, reply and pages: each keeps its own order, and between them there is none."""
    partly, whole = said("open", "0.3", 30), said("filled", 1, 100)
    lanes: list[list[tuple[AnyEvent, ...]]] = [
        [(said("open"),), (fill("T1", "0.3"), partly), (fill("T2", "0.7"), whole)],
        [(said("open"), fill("T1", "0.3"))],
        [(partly,), (whole,)],
        [(fill("T1", "0.3"),), (fill("T1", "0.3"), fill("T2", "0.7"))],
    ]
    told: dict[bytes, int] = {}
    for frames in weave(lanes):
        account = Account(submitted())
        for facts in frames:
            account.frame(*facts)
        conclusions = [event for event in account.log if isinstance(event, Conclusion)]
        firm = [event for event in conclusions if not isinstance(event, OrderDoubted)]
        told[msgpack.encode(firm)] = told.get(msgpack.encode(firm), 0) + 1
    assert [*told.values()] == [1680]


# The examples of the law that are no hard case


def test_an_end_that_is_unstated_keeps_all_of_it_reserved() -> None:
    account = Account(submitted(), said("open"), cancel(), said("canceled"))
    assert now(account.order) == ("closing", "query", "100")
    account.frame(closed(0))
    assert account.told[-2:] == ["Canceled(0)", "Doubted()"]


def test_an_inferred_fill_gives_way_to_the_trades_it_stood_for() -> None:
    account = Account(submitted(), said("filled", 1, "99.5"), settle(1))
    account.frame(fill("T1", "0.4"))
    account.frame(fill("T2", "0.6", value=dec("59.5")))
    assert account.told == [
        "Accepted",
        "Doubted(unreconciled)",
        "Filled(1 inferred)",
        "Completed(1)",
        "Doubted()",
        "FillCorrected(-0.4)",
        "Filled(0.4 late)",
        "Corrected(filled 1)",
        "FillCorrected(-0.6)",
        "Filled(0.6 late)",
        "Corrected(filled 1)",
    ]
    corrected = [event for event in account.log if isinstance(event, FillCorrected)]
    assert {event.reason for event in corrected} == {"trades_came"}
    fills = [event for event in account.log if isinstance(event, OrderFilled)]
    assert [str(event.executed) for event in fills] == ["1", "1", "1"]
    assert account.order.done.value == dec("99.5")


def test_trades_that_come_to_just_what_was_inferred_are_told_and_closed() -> None:
    account = Account(submitted(), said("filled", 1, 100), settle(1))
    told = account.frame(fill("T1", 1, fees=()))
    assert words(told) == ["FillCorrected(-1)", "Filled(1 late)", "Corrected(filled 1)"]
    for cut in range(len(account.log) - 3, len(account.log)):
        assert LIFE.fullmatch(Account.started(account.log[:cut]).letters)


def test_an_unanswered_submit_that_never_arrived_is_rejected() -> None:
    account = Account(submitted(), answer("unanswered", 0))
    assert (account.order.doubt, account.order.due) == ("unanswered", "query")
    assert account.order.held == 100
    for silent in (5, 20, 30, 40):
        account.frame(missing(silent))
    assert account.told == ["Doubted(unanswered)", "Rejected(0)", "Doubted()"]
    assert [event.reason for event in account.log if isinstance(event, OrderRejected)] == [
        "not_found"
    ]
    assert account.order.held == 0
    account.frame(fill("T1", 1))  # the exchange broke its word, and the money counts
    assert account.told[3:] == ["Filled(1 late)", "Corrected(filled 1)"]


def test_a_word_of_the_gateway_answers_the_submit_and_proves_nothing() -> None:
    account = Account(submitted(), answer("unanswered", 0), said("pending"))
    assert (account.order.status, account.order.doubt) == ("submitted", "")
    for _ in range(3):
        account.frame(missing(20))
    assert (account.order.status, account.order.doubt) == ("submitted", "lost")


def test_a_submit_in_flight_is_not_rejected_however_often_it_is_not_found() -> None:
    for exchange in (X, "purge"):
        account = Account(submitted(exchange=exchange))
        for silent in (20, 30, 40, 50):
            account.frame(missing(silent, exchange=exchange))
        assert (account.order.status, account.order.doubt) == ("submitted", "lost")
        account.frame(said("open", exchange=exchange))
        assert (account.order.status, account.order.doubt) == ("open", "")


def test_an_order_by_value_holds_what_of_its_value_has_not_traded() -> None:
    wanted = submitted(amount=None, quote_amount=dec(100), price=None, hold=dec(1))
    account = Account(wanted, said("open"), fill("T1", "0.4", "99.5"))
    assert now(account.order) == ("open", "", "60.2")
    account.frame(said("filled", "0.9", "99.8"))
    assert now(account.order) == ("closing", "fills", "60.2")
    account.frame(fill("T2", "0.5", 120))
    assert account.told[-2:] == ["Completed(0.9)", "Doubted()"]
    assert account.order.held == 0


def test_nothing_is_inferred_where_no_amount_or_no_value_is_missing() -> None:
    """A stated value may be rounded otherwise than those of its trades; an amount may come without."""
    account = Account(submitted(), fill("T1", 1), said("filled", 1, "100.5"), settle(1))
    assert account.told == ["Accepted", "Filled(1)", "Completed(1)"]
    short = Account(submitted(), fill("T1", "0.4"), said("open", 1, 40), settle(1))
    assert short.told == ["Accepted", "Filled(0.4)", "Doubted(unreconciled)"]


def test_an_order_that_was_only_answered_and_is_purged_is_canceled() -> None:
    account = Account(submitted(exchange="purge"), said("pending", exchange="purge"))
    for _ in range(3):
        account.frame(missing(20, exchange="purge"))
    assert account.told == ["Canceled(0)"]


def test_a_cancel_that_lied_is_corrected() -> None:
    account = Account(submitted(), said("canceled", 0), fill("T1", "0.4"))
    assert account.told == [
        "Accepted",
        "Canceled(0)",
        "Filled(0.4 late)",
        "Corrected(canceled 0.4)",
    ]
    assert [event.reason for event in account.log if isinstance(event, OrderCorrected)] == [
        "was_canceled"
    ]


def test_a_short_filled_waits_for_its_reason() -> None:
    account = Account(submitted(), said("filled", "0.6"), said(amount=dec("0.6"), revision=96))
    assert account.told == ["Accepted", "Doubted(unreconciled)"]
    account.frame(fill("T1", "0.6"))
    assert account.told[2:] == ["Filled(0.6)", "Completed(0.6)", "Doubted()"]


# Reasons, deadlines, cancels


def test_a_purged_order_that_traded_nothing_is_canceled() -> None:
    account = Account(submitted(exchange="purge"), said("open", exchange="purge"))
    account.frame(cancel())
    account.frame(said("canceled", exchange="purge"))
    assert now(account.order) == ("closing", "query", "100")
    account.frame(missing(20, exchange="purge"))
    assert account.told[-2:] == ["Canceled(0)", "Doubted()"]


def test_hearing_of_the_end_of_a_purged_order_again_is_no_sign_of_life() -> None:
    account = Account(submitted(exchange="purge"), said("open", exchange="purge"))
    account.frame(cancel())
    account.frame(said("canceled", exchange="purge"))
    account.frame(missing(20, exchange="purge"))
    told = [*account.told]
    account.frame(said("canceled", exchange="purge"))
    assert account.told == told
    account.frame(said("open", exchange="purge"))  # but this is one
    assert account.order.status == "closing"


def test_an_open_order_that_an_exchange_purged_is_canceled_after_three_not_founds() -> None:
    account = Account(submitted(exchange="purge"), said("open", exchange="purge"))
    for _ in range(3):
        assert account.order.status == "open"
        account.frame(missing(20, exchange="purge"))
    assert account.told == ["Accepted", "Canceled(0)"]


def test_gone_of_an_open_order_is_asked_about_before_it_is_believed() -> None:
    account = Account(submitted(), said("open"), cancel(), answer("gone"))
    assert (account.order.status, account.order.due) == ("open", "query")
    account.frame(said("filled", 1, 100))
    assert (account.order.status, account.order.due) == ("closing", "fills")


def test_a_refused_cancel_is_told_once_and_the_order_lives() -> None:
    account = Account(submitted(), said("open"), cancel())
    account.frame(answer("refused", 1, "rate"))
    account.frame(answer("refused", 1, "rate"))
    told = [event for event in account.log if isinstance(event, OrderCancelRejected)]
    assert [(event.request, event.reason) for event in told] == [(1, "rate")]
    assert (account.order.status, account.order.due) == ("open", "")


def test_a_cancel_refused_because_the_order_ended_is_not_told() -> None:
    account = Account(submitted(), said("open"), cancel())
    account.frame(answer("refused", 1, "unknown_order"), fill("T1", 1))
    assert account.told == ["Accepted", "Filled(1)", "Completed(1)"]


def test_a_cancel_refused_while_the_order_closes_ends_with_it() -> None:
    account = Account(submitted(), said("open"), cancel(), said("canceled"))
    account.frame(answer("refused", 1, "busy"))
    account.frame(closed(0))
    assert account.told == ["Accepted", "Doubted(unreconciled)", "Canceled(0)", "Doubted()"]


def test_an_unanswered_cancel_is_asked_for_again() -> None:
    account = Account(submitted(), said("open"), cancel(), answer("unanswered"))
    assert account.order.due == "cancel"


def test_an_answer_to_an_older_cancel_changes_nothing() -> None:
    account = Account(submitted(), said("open"), cancel(1), cancel(2))
    for result in ("unanswered", "gone", "refused", "taken"):
        account.frame(answer(result, 1, "rate"))
        assert (account.order.cancel, account.order.due) == ("sent", "")
    assert account.told == ["Accepted"]


def test_expiry_is_a_question_where_the_exchange_tells_and_an_end_where_it_does_not() -> None:
    account = Account(submitted(), said("open"), EXPIRY)
    assert (account.order.status, account.order.due) == ("open", "query")
    chain = Account(submitted(exchange="chain"), said("open", exchange="chain"), EXPIRY)
    assert now(chain.order) == ("closing", "query", "100")
    chain.frame(closed(0))
    assert chain.told[-2:] == ["Expired(0)", "Doubted()"]
    chain.frame(fill("0xabc:7", "0.4", exchange="chain"))
    assert chain.told[-2:] == ["Filled(0.4 late)", "Corrected(expired 0.4)"]


def test_a_reorganised_fill_opens_the_order_again_and_there_is_one_end() -> None:
    account = Account(submitted(), said("open"), fill("b1", 1))
    told = account.frame(reverted("b1"))
    assert words(told) == ["FillCorrected(-1)", "Corrected(open 0)"]
    assert isinstance(told[0], FillCorrected)
    assert told[0].reason == "reverted"
    assert account.orders.live() == [account.order]
    assert account.order.held == 100
    account.frame(fill("b2", 1))
    assert account.letters == "AFEwCFC"
    assert account.orders.live() == []


@pytest.mark.parametrize("steps", [["0.4", "1"], ["1", "0.4"], ["0.4", "0.4", "0.9", "1", "1"]])
def test_where_no_executions_are_reported_fills_are_steps(steps: list[str]) -> None:
    values = {"0.4": "40", "0.9": "90.5", "1": "100.7"}
    account = Account(submitted(exchange="steps"))
    for step in steps:
        value = dec(values[step])
        account.frame(
            said(
                "filled" if step == "1" else "open",
                step,
                value,
                fees=(("USDT", dec(value / 1000)),),
                exchange="steps",
            )
        )
    told = [event for event in account.log if isinstance(event, OrderFilled)]
    assert (account.order.status, account.order.due) == ("filled", "")
    assert Sum.of(Sum(event.amount, event.value, event.fees) for event in told) == Sum(
        dec(1), dec("100.7"), (("USDT", dec("0.1007")),)
    )
    assert all(event.inferred and event.price > 0 for event in told)


def test_a_step_without_its_money_takes_back_no_earlier_one() -> None:
    account = Account(submitted(exchange="steps"), said("open", "0.4", 40, exchange="steps"))
    account.frame(said("filled", 1, exchange="steps"))
    assert (account.order.status, account.order.executed) == ("closing", dec("0.4"))
    assert now(account.order) == ("closing", "query", "60")
    account.frame(said("filled", 1, 101, exchange="steps"))
    assert account.letters == "AFFE"


def test_a_fee_that_comes_later_is_a_correction_and_is_asked_for() -> None:
    account = Account(submitted(), fill("T1", 1, fees=None))
    assert (account.order.status, account.order.due) == ("filled", "fills")
    told = account.frame(fill("T1", 1))
    assert words(told) == ["FillCorrected(0)", "Corrected(filled 1)"]
    assert isinstance(told[0], FillCorrected)
    assert (told[0].reason, told[0].fees) == ("better_known", (("ETH", dec("0.001")),))
    assert account.order.due == ""


def test_a_fill_told_two_ways_is_told_once_and_then_corrected() -> None:
    account = Account(submitted(), fill("T1", "0.3", fees=()), fill("T1", "0.4", fees=()))
    assert account.told == ["Accepted", "Filled(0.3)", "FillCorrected(0.1)"]


def test_the_exchanges_own_value_wins_over_price_times_amount() -> None:
    account = Account(submitted(), fill("T1", "0.3", "33.333333", value=dec("9.99")))
    assert account.order.done.value == dec("9.99")


# Times


def test_a_conclusion_says_when_it_happened_there() -> None:
    account = Account(submitted())
    told = account.frame(
        said("open", time_exchange=5),
        fill("T1", "0.4", time_exchange=7),
        fill("T2", "0.6", time_exchange=9),
    )
    conclusions = [event for event in told if isinstance(event, Conclusion)]
    assert [event.time_exchange for event in conclusions] == [9, 7, 9, 9]
    nobody_said = Account(submitted()).frame(said("open"))
    assert nobody_said == [OrderAccepted(client_order_id="c")]
