"""The hard cases of order tracking, each through the kernel: facts are frames, the test gives the answers.

No door: a kernel and the tiny exchange's language. Number 8, a gap in a book, is in `test_kernel`.
"""

import json
from collections.abc import Callable, Iterator
from itertools import permutations
from typing import TypeAlias

import pytest
from desks import D, Desk, fill, ready, row
from msgspec.structs import replace

from tapefold.adapter import Cancel, Open
from tapefold.events import (
    Conclusion,
    DeadlinePassed,
    OrderCanceled,
    OrderCompleted,
    OrderCorrected,
    OrderDoubted,
    OrderFilled,
    OrderNotFound,
    OrderReported,
    OrderSubmitted,
)
from tapefold.kernel import Run
from tapefold.kernel.survey import Survey
from tapefold.units import SECOND

ALL = ["OrderAccepted", "OrderFilled", "OrderCompleted"]
Step: TypeAlias = Callable[[Desk], object]


def conclusions(desk: Desk, name: str) -> list[Conclusion]:
    """All that was told of an order, but for doubts, which depend on timing."""
    told = [event for event in desk.of(Conclusion) if event.client_order_id == name]
    return [event for event in told if not isinstance(event, OrderDoubted)]


def doubts(desk: Desk, name: str) -> list[str]:
    return [event.doubt for event in desk.of(OrderDoubted) if event.client_order_id == name]


# 1


def test_1_fill_before_ack() -> None:
    desk = ready()
    name = desk.submit()
    desk.say(fill(name, "T1", "1"), row(name, "filled", "1"))
    assert desk.told(name) == ALL
    money = desk.total("ETH"), desk.total("USDT"), desk.free("USDT")
    desk.reply("place", [row(name)])
    assert desk.told(name) == ALL
    assert (desk.total("ETH"), desk.total("USDT"), desk.free("USDT")) == money
    assert money == (D(101), D(9900), D(9900))


# 2


@pytest.mark.parametrize("first", ["refusal", "order"])
def test_2_cancel_beats_create(first: str) -> None:
    desk = ready()
    name = desk.submit()
    placed = desk.take("place")
    desk.tell(Cancel(name))
    if first == "refusal":
        desk.reply("cancel", {"error": "unknown_order"}, 404)
        assert desk.told(name) == []
        desk.say(row(name))
    else:
        desk.say(row(name))
        desk.reply("cancel", {"error": "unknown_order"}, 404)
        assert desk.told(name) == ["OrderAccepted"]
        desk.reply("order", [row(name)])
    again = desk.take("cancel")
    assert again.attempt == 2
    desk.answer(placed, b"{}", 503)  # whatever the answer to the order says, it is there
    desk.answer(again, said(row(name, "canceled")))
    assert desk.told(name) == ["OrderAccepted", "OrderCanceled"]
    assert desk.order(name).status == "canceled"
    assert len(desk.of(OrderSubmitted)) == 1


def said(*rows: dict[str, object]) -> bytes:
    return json.dumps(rows).encode()


def test_2_cancel_beats_create_and_it_is_filled() -> None:
    desk = ready()
    name = desk.submit()
    desk.tell(Cancel(name))
    desk.reply("cancel", {"error": "unknown_order"}, 404)
    desk.reply("place", [row(name)])
    assert desk.take("cancel").attempt == 2
    desk.say(fill(name, "T1", "1"), row(name, "filled", "1"))
    assert desk.told(name) == ALL


# 3


def test_3_cancel_ack_and_the_fill_45_seconds_later() -> None:
    desk = ready()
    name = desk.open()
    desk.tell(Cancel(name))
    desk.reply("cancel", [row(name, "canceled", "0.4", value="")], subject=name)
    assert (desk.order(name).status, doubts(desk, name)) == ("closing", ["unreconciled"])
    assert desk.free("USDT") == 10_000 - 40
    desk.lose("fills")
    for _ in range(45):
        desk.wait(SECOND)
        while ("fills", name) in desk.waiting():
            desk.lose("fills")
    desk.say(fill(name, "T1", "0.4"))
    (end,) = desk.of(OrderCanceled)
    assert (end.executed, end.value) == (D("0.4"), D(40))
    counted = {e.fill_id: e.amount for e in desk.of(OrderFilled) if not e.inferred}
    assert counted == {"T1": D("0.4")}
    assert desk.order(name).told.fills.keys() == {"T1"}
    assert doubts(desk, name) == ["unreconciled", ""]
    assert desk.total("USDT") == desk.free("USDT") == 10_000 - 40


# 4


@pytest.mark.parametrize(
    "stale", [row("r-1"), row("r-1", "canceled", "1"), row("r-1", "open", "0.5")]
)
def test_4_completed_then_stale_status(stale: dict[str, object]) -> None:
    desk = ready()
    name = desk.open()
    desk.say(fill(name, "T1", "1"), row(name, "filled", "1"))
    before, facts = desk.told(), len(desk.of(OrderReported))
    desk.say(stale)
    assert (desk.told(), len(desk.of(OrderReported))) == (before, facts + 1)
    assert (desk.order(name).status, desk.free("USDT")) == ("filled", D(9900))


# 5


def test_5_filled_without_trades_waits_for_them() -> None:
    desk = ready()
    name = desk.open()
    desk.say(row(name, "filled", "1"))
    assert (desk.told(name), doubts(desk, name)) == (
        ["OrderAccepted", "OrderDoubted"],
        ["unreconciled"],
    )
    desk.reply("fills", [fill(name, "T1", "0.25")], subject=name)
    assert not desk.of(OrderCompleted)
    desk.wait(SECOND)
    desk.reply("fills", [fill(name, "T1", "0.25"), fill(name, "T2", "0.75", "102")], subject=name)
    (end,) = desk.of(OrderCompleted)
    assert (end.executed, end.value) == (D(1), D("101.5"))
    assert not [event for event in desk.of(OrderFilled) if event.inferred]


def test_5_filled_without_trades_is_inferred_after_the_deadline_and_corrected_later() -> None:
    desk = ready()
    name = desk.open()
    desk.say(row(name, "filled", "1", "99.5"))
    asked = desk.now
    while not desk.order(name).ended:
        while ("fills", name) in desk.waiting():
            desk.reply("fills", [], subject=name)
        desk.wait(SECOND)
    ((time, _),) = [each for each in desk.log_of() if isinstance(each[1], DeadlinePassed)]
    assert time == asked + 30 * SECOND
    (inferred,) = desk.of(OrderFilled)
    assert (inferred.inferred, inferred.amount, inferred.price) == (True, D(1), D("99.5"))
    desk.say(fill(name, "T1", "1", "99.5"))
    assert desk.told(name)[-3:] == ["FillCorrected", "OrderFilled", "OrderCorrected"]
    assert desk.total("USDT") == D("9900.5")
    assert desk.total("ETH") == 101


# 6


@pytest.mark.parametrize("torn", range(7))
def test_6_one_fill_by_two_channels_and_across_a_restart(torn: int) -> None:
    """Killed anywhere: the log is cut by *torn* events, also between a fact and what it came to."""
    desk = ready()
    name = desk.open()
    desk.say(fill(name, "T7", "0.25"), row(name, "open", "0.25"))
    desk.say(fill(name, "T7", "0.25", fees={}))
    assert desk.total("ETH") == D("100.25")
    events = desk.events()
    again = Desk(events=events[: len(events) - torn], run=Run(run_id="s")).watched()
    again.connect()
    again.surveyed(row(name, "open", "0.25"))
    again.say(fill(name, "T7", "0.25"))
    while ("fills", name) in again.waiting():
        again.reply("fills", [fill(name, "T7", "0.25")], subject=name)
    (told,) = again.of(OrderFilled)
    assert (told.fill_id, told.amount) == ("T7", D("0.25"))
    assert again.total("ETH") == D("100.25")
    assert not again.kernel.views.orders.news(everything=True)


def test_6_ids_that_repeat_across_two_partials_both_count() -> None:
    """The adapter makes the key longer, by what was executed after it."""
    desk = ready()
    name = desk.open()
    desk.say(fill(name, "7:0.5", "0.5"))
    desk.say(fill(name, "7:1", "0.5"))
    assert desk.told(name) == ["OrderAccepted", "OrderFilled", "OrderFilled", "OrderCompleted"]


# 7


def asked_about(desk: Desk, name: str) -> None:
    """Until a question about an order waits for its answer; all else goes unanswered."""
    while ("order", name) not in desk.waiting():
        desk.wait(SECOND)


def test_7_not_found_among_errors_is_never_lost() -> None:
    desk = ready()
    name = desk.open()
    desk.wait(15 * SECOND)
    desk.sent.clear()
    desk.tell(Cancel(name))
    desk.reply("cancel", {"error": "unknown_order"}, 404)
    for status in (404, 400, 503, 404, 200):
        asked_about(desk, name)
        desk.reply("order", [row(name)] if status == 200 else {"error": "x"}, status, subject=name)
    assert (doubts(desk, name), desk.order(name).status) == ([], "open")
    assert desk.told(name) == ["OrderAccepted"]


def test_7_not_found_three_times_is_lost_and_a_fill_finds_it() -> None:
    desk = ready()
    name = desk.open()
    desk.wait(15 * SECOND)
    desk.sent.clear()
    desk.tell(Cancel(name))
    desk.reply("cancel", {"error": "unknown_order"}, 404)
    for _ in range(10):
        if doubts(desk, name):
            break
        asked_about(desk, name)
        desk.reply("order", {"error": "unknown_order"}, 404, subject=name)
    assert doubts(desk, name) == ["lost"]
    assert sum(event.silent >= 10 * SECOND for event in desk.of(OrderNotFound)) == 3
    assert (desk.order(name).status, desk.free("USDT")) == ("open", D(9900))
    desk.say(fill(name, "T1", "1"))
    assert [type(event).__name__ for event in conclusions(desk, name)] == ALL
    assert doubts(desk, name) == ["lost", ""]


# 9


def test_9_disconnect_across_a_fill() -> None:
    desk = ready()
    bought, sold = desk.open(), desk.open("sell", price="110")
    later = desk.open("sell", price="120")
    desk.closed()
    desk.wait(2 * SECOND)
    desk.took(Open)
    desk.connect("tiny/2")
    desk.say(fill(later, "T9", "1", "120", side="sell", t=90))  # news, which waits
    desk.reply("balances", {"totals": {"ETH": "101", "USDT": "9900"}, "held": {}, "t": 60})
    desk.reply("open_orders", [row(later, side="sell", t=5)])
    assert {*desk.waiting()} == {("order", bought), ("order", sold)}
    # Sold was canceled before bought was filled, and is answered after it.
    desk.reply("order", [row(bought, "filled", "1", t=50)], subject=bought)
    assert desk.told()[3:] == []
    desk.reply("order", [row(sold, "canceled", t=40, side="sell")], subject=sold)
    assert desk.told()[3:] == []
    desk.reply("fills", [fill(bought, "T1", "1", t=50)])
    told = [
        (type(event).__name__, event.client_order_id)
        for event in desk.of(Conclusion)[3:]
        if not isinstance(event, OrderDoubted)
    ]
    assert told == [
        ("OrderCanceled", sold),
        ("OrderFilled", bought),
        ("OrderCompleted", bought),
        ("OrderFilled", later),
        ("OrderCompleted", later),
    ]
    assert not desk.of(OrderCorrected)


def test_9_would_notice_a_survey_that_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = Survey.begin

    def holds_nothing(survey: Survey, time: int, *, hold: bool) -> None:
        del hold
        begin(survey, time, hold=False)

    monkeypatch.setattr(Survey, "begin", holds_nothing)
    with pytest.raises(AssertionError):
        test_9_disconnect_across_a_fill()


# 10


def story() -> dict[str, tuple[Step, tuple[str, ...]]]:
    """What is said of one order on three channels, and what each must not come before."""
    name = "r-1"
    return {
        "reply": (lambda desk: desk.reply("place", [row(name)]), ()),
        "open": (lambda desk: desk.say(row(name)), ()),
        "part": (lambda desk: desk.say(fill(name, "T1", "0.25", t=3)), ("open",)),
        "rest": (
            lambda desk: desk.say(fill(name, "T2", "0.75", t=4), row(name, "filled", "1", t=4)),
            ("part",),
        ),
        "page": (lambda desk: desk.say(row(name, "open", "0.25", t=3)), ()),
    }


def allowed(steps: dict[str, tuple[Step, tuple[str, ...]]]) -> Iterator[tuple[str, ...]]:
    for order in permutations(steps):
        if all(order.index(cause) < n for n, key in enumerate(order) for cause in steps[key][1]):
            yield order


def played(order: tuple[str, ...], *, twice: str = "") -> Desk:
    desk, steps = ready(), story()
    assert desk.submit() == "r-1"
    for key in order:
        steps[key][0](desk)
        if key == twice:
            steps[key][0](desk)
    desk.wait(5 * SECOND)
    return desk


def untimed(events: list[Conclusion]) -> list[Conclusion]:
    """Without the exchange's times: of several facts the newest that had come is named."""
    return [replace(event, time_exchange=0) for event in events]


def test_10_the_same_inputs_make_the_same_log() -> None:
    order = ("reply", "open", "part", "page", "rest")
    assert played(order).log.digest() == played(order).log.digest()


def test_10_every_order_and_repetition_that_causality_allows_tells_the_same() -> None:
    orders = [*allowed(story())]
    assert len(orders) == 20
    told, money = None, None
    for order in orders:
        for twice in ("", "open", "part", "rest", "page"):
            desk = played(order, twice=twice)
            now = untimed(conclusions(desk, "r-1"))
            told = told or now
            assert now == told, order
            totals = [desk.total(asset) for asset in ("ETH", "USDT", "BNB")]
            money = money or totals
            assert totals == money
    assert [type(event).__name__ for event in told or []] == [
        "OrderAccepted",
        "OrderFilled",
        "OrderFilled",
        "OrderCompleted",
    ]


# And besides


def test_exact_decimals_survive_and_leave_as_people_write_them() -> None:
    desk = ready()
    name = desk.open()
    tiny = "0.000000004"
    desk.say(fill(name, "T1", tiny, "0.00000123", fees={"BNB": "0.000000000000000001"}))
    (told,) = desk.of(OrderFilled)
    assert (told.amount, told.price) == (D("4e-9"), D("0.00000123"))
    assert told.value == D("0.00000000000000492")
    assert desk.total("BNB") == D("0.999999999999999999")
    order = desk.submit(amount="1.25E-1", price="1E+2")
    body = json.loads(desk.take("place", order).body)
    assert (body["amount"], body["price"]) == ("0.125", "100")
