"""What is wanted is not lost, whatever else is due, and when: by a desk, which has no door at all.

Each of these was lost once, in a review: a cancel behind other questions, a deadline of long ago, a
token that came too late for its stream.
"""

from desks import Desk, fill, ready, row
from flavours import IDS_ONLY

from tapefold.adapter import Cancel, Halt, Open
from tapefold.events import DeadlinePassed, OrderCancelRequested
from tapefold.kernel import Run
from tapefold.units import MINUTE, SECOND


def test_a_cancel_that_nobody_answered_is_sent_again_while_the_order_is_past_its_time() -> None:
    desk = ready()
    name = desk.open(expires_at=desk.now + 5 * SECOND)
    desk.wait(5 * SECOND)
    desk.lose("cancel", name)
    desk.reply("order", [row(name)], subject=name)
    desk.wait(SECOND)
    assert desk.take("cancel", name).attempt == 2


def test_a_cancel_that_nobody_answered_is_sent_again_while_a_fee_is_owed() -> None:
    desk = ready()
    name = desk.open()
    trade = fill(name, "T1", "0.5")
    del trade["fees"]
    desk.say(trade)
    desk.tell(Cancel(name))
    desk.lose("cancel", name)
    desk.lose("fills", name)
    desk.wait(SECOND)
    assert desk.take("cancel", name).attempt == 2


def test_a_time_that_was_over_before_the_run_passes_in_the_run() -> None:
    desk = ready()
    name = desk.open(expires_at=desk.now + 90 * SECOND)
    again = Desk(events=desk.events(), run=Run(run_id="s"))
    again.now += 10 * MINUTE
    watched = again.now
    again.watched()
    again.wait(SECOND)
    assert again.take("cancel").subject == name
    ((time, _),) = [each for each in again.log_of() if isinstance(each[1], DeadlinePassed)]
    assert time >= watched


def test_the_kill_switch_of_an_account_that_is_not_watched_yet_is_for_when_it_is() -> None:
    desk = ready()
    name = desk.open()
    again = Desk(events=desk.events(), run=Run(run_id="s"))
    again.tell(Halt("enough"))
    assert again.sent == []  # its keys are looked at when it is watched
    again.watched()
    assert again.waiting() == [("cancel", name)]
    assert [event.client_order_id for event in again.of(OrderCancelRequested)] == [name]


def test_a_stream_that_was_dialled_with_the_old_token_is_dialled_anew_with_the_new_one() -> None:
    desk = Desk(IDS_ONLY).watched()
    desk.reply("token", "T1")
    desk.connect()
    desk.surveyed()
    while ("keep_alive", "") not in desk.waiting():
        desk.wait(10 * SECOND)
        if ("balances", "") in desk.waiting():
            desk.surveyed()
    desk.reply("keep_alive", {}, 400)
    desk.wait(2 * SECOND)
    (old,) = [each for each in desk.sent if isinstance(each, Open)]
    assert old.url.endswith("token=T1")  # the new one is on its way
    desk.reply("token", "T2")
    desk.connect(old.lane)
    desk.wait(2 * SECOND)
    (new,) = [each for each in desk.sent if isinstance(each, Open)]
    assert new.url.endswith("token=T2")


def test_what_was_counted_of_an_order_goes_with_it() -> None:
    desk = ready()
    name = desk.open()
    desk.tell(Cancel(name))
    desk.answer(desk.take("cancel"), b"{}", 202)
    desk.wait(2 * MINUTE)
    desk.surveyed(row(name))
    desk.say(row(name, "canceled"))
    attendance = desk.kernel.trading["tiny"].account.attendance
    assert not any(vars(attendance)[kept] for kept in ("_polls", "_cancels", "_waits", "_asking"))
