"""What a kernel does about an account: commands, refusals, surveys, polls, limits, the kill switch.

No door: a kernel and the tiny exchange's language; the test gives every answer and says what time it is.
"""

from itertools import pairwise
from typing import Any

import pytest
from builders import MILLISECOND, START, World
from desks import WATCH, D, Desk, fill, ready, row
from flavours import IDS_ONLY, TINY

from tapefold.adapter import (
    Adopt,
    Cancel,
    CancelAll,
    Close,
    Command,
    Halt,
    LimitRisk,
    Open,
    Query,
    Rate,
    Resume,
    SetFees,
    Submit,
    Subscribe,
    WatchAccount,
)
from tapefold.errors import AdapterError, BadInput, UnknownInstrument, UnknownOrder
from tapefold.events import (
    AccountRequestFailed,
    AccountStreamChanged,
    AccountSurveyed,
    AccountWatched,
    BalanceSnapshot,
    CancelAllEnded,
    DeadlinePassed,
    FeeScheduleSet,
    InstrumentListed,
    OrderCancelRequested,
    OrderFilled,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderSubmitted,
    RateLimited,
    RequestAnswered,
    RiskLimited,
    TradingHalted,
)
from tapefold.kernel import Run
from tapefold.kernel.survey import SURVEY_HELD_MAX, SURVEY_MAX
from tapefold.session.tape import read_command, told
from tapefold.units import MINUTE, SECOND


def rejected(desk: Desk, name: str) -> str:
    """Why an order was refused in the step that wanted it, which asked for nothing."""
    assert not desk.sent
    times = {time for time, event in desk.log_of() if getattr(event, "client_order_id", "") == name}
    assert times == {desk.now}
    assert desk.words()[-3:] == ["OrderSubmitted", "OrderReported", "OrderRejected"]
    return desk.of(OrderRejected)[-1].reason


# Intents and refusals


def test_an_intent_is_in_the_log_before_its_request_leaves() -> None:
    desk = ready()
    name = desk.submit("buy", "1.5", "99.5")
    intent = desk.of(OrderSubmitted)[-1]
    assert (intent.client_order_id, intent.amount, intent.price) == (name, D("1.5"), D("99.5"))
    assert (intent.hold, intent.by) == (D("99.5"), "caller")
    assert desk.words()[-1] == "OrderSubmitted"
    asked = desk.take("place")
    assert (asked.subject, asked.signed, asked.changes) == (name, True, True)
    assert not desk.sent
    assert desk.free("USDT") == D(10_000) - D("149.25")


def test_client_order_ids_are_counted_and_preset() -> None:
    desk = ready(run=Run(run_id="buy-1000", first_order=10001))
    assert [desk.submit(), desk.submit()] == ["buy-1000-10001", "buy-1000-10002"]


def test_no_order_leaves_before_the_first_survey() -> None:
    desk = Desk().watched()
    name = desk.submit()
    assert desk.took(Open) == 1
    assert rejected(desk, name) == "not_ready"
    desk.connect()
    desk.reply("balances", {"totals": {"USDT": "1000"}, "held": {}, "t": 1})
    assert desk.waiting() == [("open_orders", "")]
    name = desk.submit()
    desk.reply("open_orders", [])
    assert rejected_before(desk, name) == "not_ready"
    desk.submit()
    assert desk.waiting() == [("place", "r-3")]


def rejected_before(desk: Desk, name: str) -> str:
    (reason,) = [e.reason for e in desk.of(OrderRejected) if e.client_order_id == name]
    return reason


@pytest.mark.parametrize(
    ("order", "rule"),
    [
        ({"price": "100.25"}, "tick"),
        ({"amount": "1.1"}, "lot"),
        ({"amount": "0.0625"}, "size_min"),
        ({"amount": "1001", "side": "sell"}, "size_max"),
        ({"amount": "0.125", "price": "39.5"}, "notional_min"),
        ({"amount": "101"}, "budget"),
        ({"amount": "101", "side": "sell"}, "budget"),
        ({"price": "", "order_type": "market"}, "no_price"),
    ],
)
def test_what_the_rules_forbid_is_an_intent_and_its_rejection_in_one_step(
    order: dict[str, Any], rule: str
) -> None:
    desk = ready()
    assert rejected(desk, desk.submit(**order)) == rule
    assert desk.free("USDT") == 10_000


def test_a_market_order_is_reckoned_by_its_worst_price() -> None:
    desk = ready()
    desk.submit(price="", order_type="market", worst=D(110))
    assert desk.free("USDT") == 10_000 - 110
    assert desk.of(OrderSubmitted)[-1].price is None


@pytest.mark.parametrize(
    ("limit", "order", "rule"),
    [
        ({"amount_max": D("0.5")}, {}, "risk_amount"),
        ({"notional_max": D(99)}, {}, "risk_notional"),
        ({"open_orders_max": 1}, {}, "risk_open_orders"),
        ({"band": D("0.1")}, {}, "no_price"),
        ({"submits_max": 1, "submits_per": MINUTE}, {}, ""),
    ],
)
def test_our_own_limits_bind_every_order(
    limit: dict[str, Any], order: dict[str, Any], rule: str
) -> None:
    desk = ready()
    desk.open(amount="0.5", price="100")
    desk.tell(LimitRisk(TINY, "ETH-USDT", **limit))
    assert desk.of(RiskLimited)[-1].instrument == 0
    name = desk.submit(**order)
    if rule:
        assert rejected(desk, name) == rule
    else:
        assert desk.waiting() == [("place", name)]


def test_no_more_orders_than_so_many_in_so_long_also_after_a_restart() -> None:
    desk = ready()
    desk.tell(LimitRisk(TINY, submits_max=2, submits_per=MINUTE))
    for _ in range(2):
        desk.open(amount="0.5")
    assert rejected(desk, desk.submit()) == "risk_rate"
    desk.wait(MINUTE)
    desk.sent.clear()
    desk.open(amount="0.5")
    again = Desk(events=desk.events(), run=Run(run_id="s"))
    again.watched()
    again.connect()
    again.reply("balances", {"totals": {"USDT": "10000"}, "held": {}, "t": 1})
    again.reply(
        "open_orders", [row(order.client_order_id) for order in again.kernel.views.orders.live()]
    )
    again.sent.clear()
    again.submit()
    again.submit()
    assert again.waiting() == [("place", "s-1"), ("place", "s-2")]
    again.sent.clear()
    assert rejected(again, again.submit()) == "risk_rate"


def test_a_price_may_be_so_far_past_the_best_one_and_no_farther() -> None:
    desk = ready()
    desk.tell(Subscribe(TINY, ("ETH-USDT",), ("book",)))
    desk.step("opened", "tiny/2")
    desk.took(Open)
    desk.reply("book", {"bids": [[999], [1]], "asks": [[1000], [1]]})
    desk.tell(LimitRisk(TINY, band=D("0.01")))
    assert rejected(desk, desk.submit(price="101.5")) == "risk_band"
    desk.submit(price="101")
    desk.submit("sell", price="98.5")
    assert desk.waiting() == [("place", "r-2")]
    assert rejected_before(desk, "r-3") == "risk_band"


def test_halted_is_every_order_canceled_and_none_let_go_until_resumed() -> None:
    desk = ready()
    first, second = desk.open(), desk.open("sell", price="110")
    desk.tell(Cancel(first))
    desk.take("cancel", first)
    desk.tell(Halt("a person said so"))
    assert desk.of(TradingHalted) == [TradingHalted(reason="a person said so")]
    assert desk.waiting() == [("cancel", second)]  # the first is being canceled already
    desk.take("cancel")
    assert rejected(desk, desk.submit()) == "halted"
    again = Desk(events=desk.events(), run=Run(run_id="s"))
    assert again.kernel.views.risk.halted == "a person said so"
    desk.tell(Resume())
    desk.submit()
    assert desk.waiting() == [("place", "r-4")]


# Commands that cannot be


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (Cancel("nobody"), UnknownOrder),
        (Query("nobody"), UnknownOrder),
        (Submit(TINY, "NO-SUCH", "buy", D(1), D(1)), UnknownInstrument),
        (Submit("elsewhere", "ETH-USDT", "buy", D(1), D(1)), AdapterError),
        (Submit(TINY, "ETH-USDT", "buy", 0.1, D(1)), BadInput),  # type: ignore[arg-type]  # a float
        (Submit(TINY, "ETH-USDT", "buy", D("NaN"), D(1)), BadInput),
        (Submit(TINY, "ETH-USDT", "buy", D(0), D(1)), BadInput),
        (Submit(TINY, "ETH-USDT", "buy", D(1), D(-1)), BadInput),
        (Submit(TINY, "ETH-USDT", "buy", D(1)), BadInput),
        (Submit(TINY, "ETH-USDT", "buy", D(1), D(1), quote_amount=D(1)), BadInput),
        (Submit(TINY, "ETH-USDT", "buy", D(1), order_type="market", tif="ioc"), BadInput),
        (Submit(TINY, "ETH-USDT", "buy", D("1e-31"), D(1)), BadInput),
        (Adopt(TINY, "ETH-USDT", "", "buy", D(1), D(1)), BadInput),
        (Adopt(TINY, "ETH-USDT", "e1", "buy", D(0), D(1)), BadInput),
        (LimitRisk(TINY, "NO-SUCH"), UnknownInstrument),
    ],
)
def test_what_cannot_be_done_raises_and_has_done_nothing(
    command: Command, error: type[Exception]
) -> None:
    desk = ready()
    head = desk.log.head
    with pytest.raises(error):
        desk.tell(command)
    assert (desk.log.head, desk.sent) == (head, [])


def test_an_account_is_watched_before_anything_else() -> None:
    desk = Desk()
    with pytest.raises(AdapterError, match="WatchAccount"):
        desk.tell(CancelAll(TINY))
    world = World()
    with pytest.raises(AdapterError):
        world.tell(WatchAccount("elsewhere"))


@pytest.mark.parametrize(
    "command",
    [
        WatchAccount(TINY, poll=MINUTE, by="me"),
        Submit(TINY, "ETH-USDT", "sell", D("0.000000317"), D("1.50"), expires_at=START),
        Submit(TINY, "ETH-USDT", "buy", order_type="market", quote_amount=D(7), worst=D(8)),
        Adopt(TINY, "ETH-USDT", "e1", "buy", D(1), D("2.5")),
        Cancel("r-1", by="me"),
        CancelAll(TINY, "ETH-USDT", timeout=SECOND),
        Query("r-1"),
        LimitRisk(TINY, amount_max=D("0.5"), band=D("0.01"), submits_max=3, submits_per=SECOND),
        SetFees(TINY, D("0.001"), D("-0.0002"), "ETH-USDT"),
        Halt("a reason"),
        Resume(),
    ],
)
def test_a_command_on_the_tape_is_the_same_command(command: Command) -> None:
    line = told(command)
    again = read_command(line)
    assert (again, told(again)) == (command, line)


# Cancels


def test_cancel_of_an_order_that_has_ended_does_nothing() -> None:
    desk = ready()
    name = desk.open()
    desk.say(row(name, "canceled"))
    head = desk.log.head
    desk.tell(Cancel(name))
    assert (desk.log.head, desk.sent) == (head, [])


def test_a_cancel_that_nobody_answers_is_sent_again_with_pauses_and_no_order_is() -> None:
    desk = ready()
    name = desk.open()
    desk.tell(Cancel(name))
    waits = [0, 1, 2, 4, 8]
    for attempt, wait in enumerate(waits, 1):
        desk.wait(wait * SECOND)
        asked = desk.take("cancel")
        assert (asked.subject, asked.attempt) == (name, attempt)
        assert desk.of(OrderCancelRequested)[-1].request == attempt
        desk.fail(asked)
    desk.wait(16 * SECOND)
    desk.reply("cancel", [row(name, "canceled")], subject=name)
    assert desk.told(name) == ["OrderAccepted", "OrderCanceled"]
    assert len(desk.of(OrderSubmitted)) == 1
    desk.wait(MINUTE)
    assert "place" not in [purpose for purpose, _ in desk.waiting()]


def test_a_cancel_that_is_taken_and_does_not_happen_is_sent_again_and_given_up() -> None:
    desk = ready()
    name = desk.open()
    desk.tell(Cancel(name))
    for attempt in range(1, 6):
        asked = desk.take("cancel")
        assert asked.attempt == attempt
        desk.answer(asked, b"{}", 202)
        for _ in range(2):
            poll(desk, row(name))
    assert desk.waiting() == []
    assert desk.told(name)[-1] == "OrderCancelRejected"
    assert desk.order(name).status == "open"


def poll(desk: Desk, *orders: dict[str, Any]) -> None:
    """Wait for the next poll, and answer it."""
    while ("open_orders", "") not in desk.waiting():
        desk.wait(SECOND)
    desk.surveyed(*orders)


def test_cancel_all_ends_with_its_last_order_and_leaves_others_alone() -> None:
    desk = ready()
    first, second = desk.open(), desk.open("sell", price="110")
    ended = desk.open()
    desk.say(row(ended, "canceled"))
    foreign = row("", id="e77", side="sell")
    desk.say(foreign)
    desk.tell(CancelAll(TINY))
    assert desk.waiting() == [("cancel", first), ("cancel", second)]
    desk.reply("cancel", [row(first, "canceled")], subject=first)
    assert not desk.of(CancelAllEnded)
    desk.reply("cancel", [row(second, "canceled", side="sell")], subject=second)
    assert desk.of(CancelAllEnded) == [
        CancelAllEnded(exchange=TINY, ended=(first, second), left=())
    ]
    assert desk.words()[-1] == "CancelAllEnded"
    desk.wait(MINUTE)
    assert len(desk.of(CancelAllEnded)) == 1


def test_cancel_all_ends_with_its_time_and_names_what_is_left() -> None:
    desk = ready()
    first, second = desk.open(), desk.open()
    desk.tell(CancelAll(TINY, timeout=3 * SECOND))
    asked = desk.now
    desk.reply("cancel", [row(second, "canceled")], subject=second)
    desk.wait(5 * SECOND)
    assert desk.of(CancelAllEnded) == [
        CancelAllEnded(exchange=TINY, ended=(second,), left=(first,))
    ]
    ((time, _),) = [each for each in desk.log_of() if isinstance(each[1], CancelAllEnded)]
    assert time == asked + 3 * SECOND


def test_cancel_all_of_one_instrument_and_of_nothing() -> None:
    desk = ready()
    name = desk.open()
    desk.tell(CancelAll(TINY, "LTC-USDT"))
    assert desk.of(CancelAllEnded) == [CancelAllEnded(exchange=TINY, ended=(), left=())]
    desk.tell(CancelAll(TINY, "ETH-USDT"))
    assert desk.waiting() == [("cancel", name)]


def test_an_order_is_canceled_when_its_own_time_is_over_in_virtual_time() -> None:
    desk = ready()
    due = desk.now + 5 * SECOND
    name = desk.open(expires_at=due)
    desk.wait(due - desk.now - 1)
    assert not desk.waiting()
    desk.wait(1)
    assert desk.take("cancel").subject == name
    ((time, _),) = [each for each in desk.log_of() if isinstance(each[1], DeadlinePassed)]
    assert time == due
    assert ("order", name) in desk.waiting()


def test_an_order_of_an_earlier_run_expires_too() -> None:
    desk = ready()
    name = desk.open(expires_at=desk.now + 90 * SECOND)
    again = Desk(events=desk.events(), run=Run(run_id="s"))
    again.watched()
    again.wait(91 * SECOND)
    assert again.take("cancel").subject == name


# Adoption, questions


def test_an_adopted_order_lives_like_ours() -> None:
    desk = ready()
    desk.say(row("", id="e77", side="sell"))
    assert desk.told() == ["ForeignOrderSeen"]
    desk.tell(Adopt(TINY, "ETH-USDT", "e77", "sell", D(1), D(100)))
    name = desk.kernel.order_id
    assert desk.waiting() == [("order", name)]
    assert desk.free("ETH") == 99
    desk.reply("order", [row("", id="e77", side="sell")])
    desk.tell(Cancel(name))
    asked = desk.take("cancel")
    assert asked.url.endswith("&id=e77")
    desk.answer(
        asked, b'[{"e":"order","id":"e77","status":"canceled","executed":"0","value":"0","t":3}]'
    )
    assert desk.told(name) == ["OrderAccepted", "OrderCanceled"]
    with pytest.raises(BadInput, match="ours already"):
        desk.tell(Adopt(TINY, "ETH-USDT", "e77", "sell", D(1), D(100)))


def test_a_foreign_order_is_reported_and_not_adopted() -> None:
    desk = ready()
    desk.say(fill("", "M1", "1", id="e77"))
    assert desk.told() == ["ForeignOrderSeen", "OrderFilled"]
    assert desk.total("ETH") == 101
    assert not desk.kernel.views.positions.rows
    desk.tell(CancelAll(TINY))
    assert not desk.sent


def test_a_question_of_the_caller_is_asked_once() -> None:
    desk = ready()
    name = desk.open()
    desk.tell(Query(name))
    desk.reply("order", [row(name)])
    desk.wait(5 * SECOND)
    assert not desk.sent


def test_fees_of_the_caller_are_reckoned_with() -> None:
    desk = ready()
    desk.tell(SetFees(TINY, D("0.001"), D("0.002"), "ETH-USDT"))
    desk.submit("sell")
    assert desk.of(OrderSubmitted)[-1].fees == (("USDT", D("0.2")),)
    desk.say({"e": "fee", "maker": "0.5", "taker": "0.5"})
    desk.say({"e": "fee", "maker": "0.5", "taker": "0.5"})
    assert [event.source for event in desk.of(FeeScheduleSet)] == ["default", "caller", "exchange"]
    assert desk.kernel.views.fees.rate(TINY, 0, maker=False) == D("0.002")


# Surveys and polls


def test_watching_asks_for_the_list_then_the_stream_then_all_there_is() -> None:
    desk = Desk()
    desk.tell(WATCH)
    assert desk.waiting() == [("instruments", "")]
    desk.reply("instruments", ["ETHUSDT"])
    assert desk.took(Open) == 1
    desk.connect()
    assert desk.waiting() == [("balances", ""), ("open_orders", "")]
    desk.surveyed()
    assert desk.words() == [
        "RunStarted",
        "AccountWatched",
        "FeeScheduleSet",
        "ConnectionOpened",
        "AccountStreamChanged",
        "BalanceSnapshot",
        "AccountSurveyed",
    ]
    assert desk.of(AccountWatched)[0].grace == 10 * SECOND


def test_while_the_stream_is_heard_polls_are_rare_and_while_it_is_silent_they_are_not() -> None:
    desk = ready()
    times = [polled(desk, heard=True) for _ in range(3)]
    assert [round((after - before) / SECOND) for before, after in pairwise(times)] == [120, 120]
    times = [polled(desk, heard=False) for _ in range(4)]
    assert [round((after - before) / SECOND) for before, after in pairwise(times)] == [10, 10, 10]


def polled(desk: Desk, *, heard: bool) -> int:
    """When the next poll comes; where the stream is *heard* it says something every few seconds."""
    while ("balances", "") not in desk.waiting():
        if heard:
            desk.hear(b"[]")
        desk.wait(5 * SECOND - MILLISECOND * heard)
    time = desk.now
    desk.surveyed()
    return time


def test_without_a_stream_polls_are_surveys_and_orders_leave() -> None:
    desk = Desk().watched()
    desk.step("close", desk.lane, status=1006)
    desk.wait(10 * SECOND)
    desk.took(Open)
    desk.surveyed()
    assert len(desk.of(AccountSurveyed)) == 1
    desk.submit()
    assert desk.waiting() == [("place", "r-1")]


def test_what_the_stream_says_waits_for_the_survey_and_market_data_do_not() -> None:
    desk = ready()
    name = desk.open()
    desk.closed()
    desk.wait(2 * SECOND)
    desk.sent = [each for each in desk.sent if not isinstance(each, Open)]
    desk.connect("tiny/2")
    desk.say(fill(name, "M2", "0.5"), row(name, "open", "0.75"))
    assert not desk.told(name)[1:]
    desk.reply("balances", {"totals": {"USDT": "9975"}, "held": {}, "t": 1})
    desk.reply("open_orders", [row(name, "open", "0.25")])
    assert desk.waiting() == [("fills", name)]
    desk.reply("fills", [fill(name, "M1", "0.25", t=1)])
    assert [event.fill_id for event in desk.of(OrderFilled)] == ["M1", "M2"]


def test_a_survey_holds_no_longer_than_so_long_and_no_more_than_so_much() -> None:
    for patience in (True, False):
        desk = ready()
        name = desk.open()
        desk.closed()
        desk.wait(2 * SECOND)
        desk.connect("tiny/2")
        if patience:
            desk.say(fill(name, "M1", "1"))
            desk.wait(SURVEY_MAX - SECOND)
            assert desk.told(name) == ["OrderAccepted"]
            desk.wait(2 * SECOND)
        else:
            for _ in range(SURVEY_HELD_MAX - 1):
                desk.hear(b"[]")
            assert desk.told(name) == ["OrderAccepted"]
            desk.say(fill(name, "M1", "1"))
        assert desk.told(name) == ["OrderAccepted", "OrderFilled", "OrderCompleted"]


def test_an_answer_from_before_the_stream_was_heard_is_no_survey() -> None:
    desk = ready()
    name = desk.open()
    desk.closed()
    desk.wait(11 * SECOND)  # polled meanwhile; the answers are slow
    early = desk.take("open_orders")
    desk.connect("tiny/2")
    desk.answer(early, b"[]")
    assert ("open_orders", "") in desk.waiting()
    assert desk.told(name) == ["OrderAccepted"]


def test_a_stream_that_is_never_confirmed_is_dialled_anew() -> None:
    desk = Desk().watched()
    desk.took(Open)
    desk.opened()
    desk.wait(10 * SECOND)
    assert desk.took(Close) == 1
    desk.wait(2 * SECOND)
    assert desk.took(Open) == 1


def test_an_account_that_is_quiet_says_how_long_it_was() -> None:
    desk = ready()
    first = desk.now - MILLISECOND
    poll(desk)
    quiet = [event.quiet for event in desk.of(BalanceSnapshot)]
    ((_, _), (time, _)) = [each for each in desk.log_of() if isinstance(each[1], BalanceSnapshot)]
    assert quiet == [0, time - first]


# What is not answered, and what is refused


def test_an_order_that_nobody_answers_is_asked_about_and_never_sent_again() -> None:
    desk = ready()
    name = desk.submit()
    desk.lose("place")
    assert desk.told(name) == ["OrderDoubted"]
    for wait in (1, 2, 4, 8, 16, 32, 60):
        desk.reply("order", {"error": "unknown_order"}, 404, subject=name)
        if desk.order(name).ended:
            break
        desk.wait(wait * SECOND)
    assert desk.told(name) == ["OrderDoubted", "OrderRejected", "OrderDoubted"]
    assert desk.of(OrderRejected)[0].reason == "not_found"
    silent = [event.silent >= 10 * SECOND for event in desk.of(OrderNotFound)]
    assert (silent.count(True), silent[-3:]) == (3, [True, True, True])
    assert desk.free("USDT") == 10_000
    assert "place" not in [purpose for purpose, _ in desk.waiting()]


def test_an_order_that_never_left_is_rejected() -> None:
    desk = ready()
    name = desk.submit()
    desk.lose("place", reason="not_sent")
    assert desk.told(name) == ["OrderRejected"]
    assert not desk.sent


def test_a_refused_order_is_rejected_with_a_word_of_ours() -> None:
    desk = ready()
    name = desk.submit()
    desk.reply("place", {"error": "balance"}, 400)
    assert desk.of(OrderRejected)[0].reason == "balance"
    assert desk.order(name).ended


def test_an_answer_that_cannot_be_read_leaves_the_order_unanswered() -> None:
    desk = ready()
    name = desk.submit()
    desk.answer(desk.take("place"), b"<html>")
    assert desk.order(name).doubt == "unanswered"
    assert desk.waiting() == [("order", name)]


def test_a_key_that_is_refused_is_quiet_for_good() -> None:
    desk = ready()
    poll(desk)
    while ("balances", "") not in desk.waiting():
        desk.wait(SECOND)
    desk.reply("balances", None, 401)
    assert desk.of(AccountRequestFailed)[-1].refusal == "key"
    assert desk.took(Close) == 1
    desk.sent.clear()
    desk.wait(10 * MINUTE)
    assert not desk.sent
    assert rejected(desk, desk.submit()) == "key"


def test_a_key_that_is_refused_while_a_lane_is_dialled_hangs_it_up() -> None:
    desk = Desk().watched()
    desk.wait(10 * SECOND)
    desk.reply("balances", None, 401)
    desk.took(Open)
    desk.opened()
    assert desk.took(Close) == 1
    desk.wait(MINUTE)
    assert desk.took(Open) == 0


def test_too_many_requests_is_a_rest_for_everything_but_what_we_must_not_send() -> None:
    desk = ready()
    name = desk.open()
    desk.tell(Query(name))
    desk.reply("order", None, 429, retry_after=7)
    assert desk.of(RateLimited)[-1].wait == 7 * SECOND
    assert rejected(desk, desk.submit()) == "rate"
    desk.tell(Cancel(name))
    assert not desk.sent
    desk.wait(7 * SECOND)
    assert desk.waiting() == [("cancel", name), ("order", name)]


# Limits


def test_what_is_asked_leaves_within_all_windows_and_orders_first() -> None:
    windows = {"weight": Rate(4, 10 * SECOND), "orders": Rate(2, MINUTE)}
    desk = ready(windows=windows)  # balances and open orders took two
    name = desk.open()
    desk.tell(Query(name))
    desk.take("order")
    desk.tell(Query(name))
    assert not desk.sent
    desk.tell(Cancel(name))
    assert not desk.sent
    desk.wait(10 * SECOND)
    purposes = [purpose for purpose, _ in desk.waiting()]
    assert purposes[0] == "cancel"
    desk.sent.clear()
    desk.wait(10 * SECOND)
    desk.sent.clear()
    desk.submit(amount="0.5")
    desk.submit(amount="0.5")
    assert rejected_before(desk, "r-3") == "rate"


# The private stream's token


def test_a_token_is_asked_for_kept_alive_and_replaced() -> None:
    desk = Desk(IDS_ONLY).watched()
    desk.reply("token", "T1")
    (dialled,) = [each for each in desk.sent if isinstance(each, Open)]
    assert dialled.url.endswith("token=T1")
    desk.connect()
    desk.surveyed()
    for _ in range(2):
        kept_alive(desk, 200)
    assert not [each for each in desk.sent if isinstance(each, Close)]
    kept_alive(desk, 400)
    assert desk.took(Close) == 1
    desk.reply("token", "T2")
    desk.wait(2 * SECOND)
    (dialled,) = [each for each in desk.sent if isinstance(each, Open)]
    assert dialled.url.endswith("token=T2")


def kept_alive(desk: Desk, status: int) -> None:
    """Wait until the token is to be renewed, and answer."""
    while ("keep_alive", "") not in desk.waiting():
        desk.wait(10 * SECOND)
        if ("balances", "") in desk.waiting():
            desk.surveyed()
    desk.reply("keep_alive", {}, status)


def test_the_stream_that_ends_is_dialled_again() -> None:
    desk = ready()
    desk.say({"e": "ended"})
    assert [event.state for event in desk.of(AccountStreamChanged)] == ["up", "ended"]
    assert desk.took(Close) == 1
    desk.wait(2 * SECOND)
    assert desk.took(Open) == 1


# Runs


def test_a_new_run_answers_what_the_earlier_one_asked_and_asks_nothing_before_it_is_told_to() -> (
    None
):
    desk = ready()
    name = desk.submit()
    canceled = desk.open()
    desk.tell(Cancel(canceled))
    again = Desk(events=desk.events(), run=Run(run_id="s"))
    answers = [(e.client_order_id, e.request, e.outcome) for e in again.of(RequestAnswered)]
    assert answers == [(name, 0, "unanswered"), (canceled, 1, "unanswered")]
    assert again.told(name) == ["OrderDoubted"]
    again.wait(MINUTE)
    assert not again.sent
    again.watched()
    assert {*again.waiting()} == {("order", name), ("cancel", canceled)}


def test_a_fee_that_an_earlier_run_did_not_hear_is_asked_for() -> None:
    desk = ready()
    name = desk.open()
    desk.say({key: value for key, value in fill(name, "M1", "1").items() if key != "fees"})
    assert desk.told(name) == ["OrderAccepted", "OrderFilled", "OrderCompleted"]
    again = Desk(events=desk.events(), run=Run(run_id="s")).watched()
    again.reply("fills", [fill(name, "M1", "1")])
    assert again.told(name)[-2:] == ["FillCorrected", "OrderCorrected"]


def test_a_question_that_became_needless_while_it_waited_is_asked_when_it_is_needed_again() -> None:
    desk = ready()
    other = desk.open()
    name = desk.submit(amount="0.5")
    asked = desk.take("place")
    desk.tell(Query(other))
    desk.reply("order", None, 429, retry_after=5)
    desk.fail(asked)  # due for a question, which has to wait
    desk.say(row(name))  # and needs none any more
    desk.wait(6 * SECOND)
    desk.sent.clear()
    desk.tell(Cancel(name))
    desk.reply("cancel", {"error": "unknown_order"}, 404, subject=name)
    assert ("order", name) in desk.waiting()


def test_an_inferred_fill_without_a_fee_is_asked_for_its_trades() -> None:
    desk = ready()
    name = desk.open()
    desk.say(row(name, "filled", "1"))
    while not desk.order(name).ended:
        if ("fills", name) in desk.waiting():
            desk.lose("fills", name)
        desk.wait(SECOND)
    desk.wait(MINUTE)
    desk.reply("fills", [fill(name, "M1", "1")], subject=name)
    assert desk.kernel.views.positions.fees(TINY) == (("BNB", D("0.001")),)


def test_instruments_that_nobody_subscribed_to_are_listed_when_an_order_names_them() -> None:
    desk = ready()
    desk.say(row("", id="e9", native="LTCUSDT"))
    (listed,) = desk.kernel.views.instruments.rows.values()
    assert listed.native_symbol == "LTCUSDT"
    assert desk.of(OrderReported)[0].instrument == 0
    assert desk.told() == ["ForeignOrderSeen"]


def test_an_order_that_waits_too_long_for_its_turn_does_not_leave() -> None:
    """The exchange asks for a rest while an order waits for its window: its price is old after it."""
    desk = ready(windows={"orders": Rate(1, SECOND)})
    name = desk.open()
    desk.tell(Query(name))
    waits = desk.submit(amount="0.5")
    assert desk.waiting() == [("order", name)]
    desk.reply("order", None, 418, retry_after=300)
    desk.wait(2 * SECOND)
    assert rejected_before(desk, waits) == "rate"
    desk.wait(600 * SECOND)
    assert ("place", waits) not in desk.waiting()
    assert desk.free("USDT") == 9900


def test_a_token_whose_renewal_has_to_wait_is_still_good() -> None:
    desk = Desk(IDS_ONLY).watched()
    desk.reply("token", "T1")
    desk.connect()
    desk.surveyed()
    kept_alive(desk, 503)
    assert desk.took(Close) == 0
    desk.wait(SECOND)
    desk.reply("keep_alive", {})
    assert ("token", "") not in desk.waiting()


def test_an_instrument_that_the_stream_brings_up_is_listed_when_it_came() -> None:
    desk = ready()
    desk.wait(MINUTE)
    desk.say(row("", id="e9", native="LTCUSDT"))
    times = [time for time, event in desk.log_of() if isinstance(event, InstrumentListed)]
    assert times == [desk.now]
