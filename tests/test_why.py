"""Why an order came to what it came to.

Logs are written event by event, with the kernel's own way to conclude, and nothing is played; sessions
are made by the simulator and go through the replay door, since only a tape has frames. One test has two
runs on one log, in virtual time.
"""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from builders import START, event_at
from desks import Desk, fill, ready, row
from order_facts import INSTRUMENT, X, answer, cancel, dec, said, submitted, watched
from order_facts import fill as traded
from private_runs import story_of
from tiny import run, told
from trio.testing import MockClock

from tapefold import Engine, WatchAccount, open_engine
from tapefold.adapter import Cancel, CancelAll, Command, Halt, Query, Submit
from tapefold.errors import BadInput, LogError, Mismatch, UnknownOrder
from tapefold.events import (
    AccountSurveyed,
    AnyEvent,
    BookInvalidated,
    InstrumentListed,
    OrderAccepted,
    OrderCanceled,
    RunStarted,
    TimerFired,
)
from tapefold.inquiry import Why, index, why
from tapefold.inquiry.frames import with_frames
from tapefold.inquiry.index import CHUNK, OrderIndex, names_of, ours, theirs
from tapefold.kernel import Run
from tapefold.kernel.core import Core
from tapefold.log import Log, open_log, read_log
from tapefold.log.store import Rows, in_memory
from tapefold.replay import Replay
from tapefold.session import Session
from tapefold.sim import FUNDED, record
from tapefold.testing import VirtualExchange, open_virtual
from tapefold.units import SECOND
from tapefold.views import Views

LISTED = InstrumentListed(
    instrument=INSTRUMENT,
    exchange=X,
    symbol="ETH-USDT",
    native_symbol="ETHUSDT",
    price_digits=2,
    size_digits=4,
    base="ETH",
    quote="USDT",
)
STARTED = RunStarted(run_id="r", seed=0, versions={})


def write(path: Path, *steps: Sequence[AnyEvent]) -> Path:
    """A log of these steps, a second apart, each with what is concluded from it."""
    every: list[Sequence[AnyEvent]] = [[STARTED, LISTED, watched()], *steps]
    with open_log(path) as log:
        core = Core(log, Views())
        for number, step in enumerate(every):
            for event in step:
                core.append(START + number * SECOND, event)
            core.conclude(START + number * SECOND)
            log.commit()
    return path


def log_of(path: Path, desk: Desk) -> Path:
    """What a desk has logged, as a file."""
    with open_log(path) as log:
        for time, event in desk.log_of():
            log.append(time, event)
        log.commit()
    return path


def story(found: Why) -> list[tuple[str, str, int | None]]:
    """Role, word and cause of each step; a cause by its place in the story, the first is 0."""
    places = {step.position: place for place, step in enumerate(found.steps)}
    return [
        (step.role, type(step.event).__name__, step.because and places[step.because])
        for step in found.steps
    ]


# The index


def busy(path: Path, head: int, **orders: AnyEvent) -> Path:
    """A log of *head* events, the named ones at their positions: `p7=event`."""
    there = {int(name[1:]): event for name, event in orders.items()}
    with open_log(path) as log:
        for position in range(1, head + 1):
            log.append(START + position, there.get(position) or event_at(position))
            if not position % 256:
                log.commit()
    return path


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of a block."""
    monkeypatch.setattr(index, "CHUNK", 256)


def positions(path: Path, *names: str) -> list[int]:
    with read_log(path) as log:
        return [found.position for found in OrderIndex(path, log).find(names)]


ORDERS: dict[str, AnyEvent] = {
    "p1": submitted(),
    "p256": said("open"),
    "p257": traded("T1", 1, client_order_id=""),
    "p300": submitted(client_order_id="d"),
    "p700": said("filled", 1, 100),
}


@pytest.mark.usefixtures("small")
def test_the_index_finds_what_names_an_order_and_so_it_does_without_its_files(
    tmp_path: Path,
) -> None:
    path = busy(tmp_path / "x.log", 800, **ORDERS)
    files = tmp_path / "x.log.views"
    for _ in range(2):
        assert positions(path, ours("c")) == [1, 256, 700]
        assert positions(path, ours("c"), theirs("e")) == [1, 256, 257, 700]
        assert positions(path, ours("d")) == [300]
        assert positions(path, ours("nobody"), theirs("c")) == []
        assert sorted(file.name for file in files.iterdir()) == [
            "000000000256.orders",
            "000000000512.orders",
            "000000000768.orders",
        ]
    (files / "000000000512.orders").unlink()
    assert positions(path, ours("d")) == [300]


@pytest.mark.usefixtures("small")
def test_only_new_chunks_are_made(tmp_path: Path) -> None:
    path, made = busy(tmp_path / "x.log", 600, **ORDERS), list[tuple[int, int]]()
    for _ in range(2):
        with read_log(path) as log:
            OrderIndex(path, log, lambda at, head: made.append((at, head))).find([ours("c")])
    assert made == [(0, 600), (256, 600)]
    with open_log(path) as log:
        for position in range(601, 1025):
            log.append(START + position, event_at(position))
        log.commit()
    with read_log(path) as log:
        OrderIndex(path, log, lambda at, head: made.append((at, head))).find([ours("c")])
    assert made[2:] == [(512, 1024), (768, 1024)]


@pytest.mark.usefixtures("small")
def test_the_index_of_another_log_a_damaged_one_and_an_old_one_are_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = busy(tmp_path / "x.log", 512, **ORDERS)
    other = busy(tmp_path / "y.log", 512, p9=submitted())
    assert positions(other, ours("c")) == [9]
    (tmp_path / "y.log.views").rename(tmp_path / "x.log.views")
    assert positions(here, ours("c")) == [1, 256]
    for file in (tmp_path / "x.log.views").iterdir():
        data = bytearray(file.read_bytes())
        data[-50] ^= 1
        file.write_bytes(data)
    assert positions(here, ours("c")) == [1, 256]
    for file in (tmp_path / "x.log.views").iterdir():
        file.write_bytes(b"nothing")
    assert positions(here, ours("c")) == [1, 256]
    made: list[int] = []
    monkeypatch.setattr(index, "_WORDS", b"01234567")
    with read_log(here) as log:
        OrderIndex(here, log, lambda at, head: made.append(at)).find([ours("c")])
    assert made == [0, 256]


@pytest.mark.usefixtures("small")
def test_where_nothing_can_be_written_it_is_found_all_the_same(tmp_path: Path) -> None:
    path = busy(tmp_path / "x.log", 600, **ORDERS)
    (tmp_path / "x.log.views").write_text("a file where the folder should be")
    assert positions(path, ours("c")) == [1, 256]
    with pytest.raises(UnknownOrder, match="2 orders of ours, the latest d, c"):
        why(path, "nobody")


@pytest.mark.usefixtures("small")
def test_two_names_with_one_hash_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def same(name: str) -> bytes:
        return b"for all."

    monkeypatch.setattr(index, "_hash", same)
    path = busy(tmp_path / "x.log", 600, **ORDERS)
    assert positions(path, ours("d")) == [300]
    assert positions(path, ours("c")) == [1, 256]


def test_every_event_with_an_order_in_it_is_found_by_it() -> None:
    """A word that is new, and names an order, is in the index by itself."""
    for kind in index.NAMING:
        fields = {*kind.__struct_fields__}
        if {"client_order_id", "exchange_order_id"} & fields:
            event = _filled(kind, client_order_id="c", exchange_order_id="e")
            wanted = {"client_order_id": ours("c"), "exchange_order_id": theirs("e")}
            assert {*names_of(event)} == {wanted[field] for field in fields & {*wanted}}
    assert names_of(event_at(1)) == []
    assert CHUNK == 1 << 16


def _filled(kind: type[Any], **values: str) -> Any:
    """An event that has nothing but these fields."""
    return kind(**{name: values.get(name) for name in kind.__struct_fields__})


# Walking


def test_an_order_is_told_from_its_intent_to_its_end_with_what_led_to_what(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.log",
        [submitted()],
        [BookInvalidated(instrument=INSTRUMENT, reason="gap")],
        [traded("T1", "0.4", client_order_id="")],  # before anybody has said that e is c
        [said("open"), answer("taken", 0)],
        [cancel()],
        [answer("taken", 1)],
        [traded("T2", "0.1")],
        [said("canceled", "0.5", 50)],
        [traded("T2", "0.1")],
    )
    found = why(path, "c")
    assert story(found) == [
        ("intent", "OrderSubmitted", None),
        ("fact", "FillReported", None),
        ("fact", "OrderReported", None),
        ("answered", "RequestAnswered", 0),
        ("conclusion", "OrderAccepted", 2),
        ("conclusion", "OrderFilled", 2),
        ("asked", "OrderCancelRequested", None),
        ("answered", "RequestAnswered", 6),
        ("fact", "FillReported", None),
        ("conclusion", "OrderFilled", 8),
        ("fact", "OrderReported", None),
        ("end", "OrderCanceled", 10),
        ("fact", "FillReported", None),
    ]
    assert (found.by, found.ours, found.sent, found.status) == ("caller", True, "yes", "canceled")
    assert (found.executed, found.value, found.exchange_order_id) == (dec("0.5"), dec(50), "e")
    assert found.fees == (("ETH", dec("0.0005")),)
    (end,) = [step for step in found.steps if step.position == found.end]
    assert isinstance(end.event, OrderCanceled)
    assert found.steps[-1].race == "the same news by another channel"
    assert found.session == ""
    assert not found.asked
    assert all(step.came is None for step in found.steps)
    assert json.loads(msgspec.json.encode(found))["status"] == "canceled"


def test_by_the_exchanges_id_it_is_the_same_story(tmp_path: Path) -> None:
    path = write(tmp_path / "x.log", [submitted()], [said("open")], [said("canceled", 0, 0)])
    assert why(path, "e") == why(path, "c")


def test_what_cannot_be_true_is_marked(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.log",
        [submitted()],
        [said("filled", 1, 100), traded("T", 1)],
        [said("rejected")],
    )
    *_, last = [step for step in why(path, "c").steps if step.role == "fact"]
    assert last.odd
    assert not last.race


def test_a_correction_after_the_end_is_told_with_its_place(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.log",
        [submitted()],
        [said("open")],
        [said("canceled", 0, 0)],
        [traded("T1", "0.3")],
    )
    found = why(path, "c")
    *_, late, corrected = found.steps
    assert (type(late.event).__name__, type(corrected.event).__name__) == (
        "OrderFilled",
        "OrderCorrected",
    )
    assert found.corrected == (corrected.position,)
    assert (found.end or 0) < late.position
    assert found.executed == dec("0.3")


def test_a_refusal_of_ours_never_left(tmp_path: Path) -> None:
    desk = ready()
    name = desk.submit(amount="100000000")
    found = why(log_of(tmp_path / "x.log", desk), name)
    assert story(found) == [
        ("intent", "OrderSubmitted", None),
        ("fact", "OrderReported", 0),
        ("end", "OrderRejected", 1),
    ]
    assert (found.sent, found.status) == ("no", "rejected")


def test_an_intent_and_nothing_more_is_told_as_that(tmp_path: Path) -> None:
    found = why(write(tmp_path / "x.log", [submitted()]), "c")
    assert story(found) == [("intent", "OrderSubmitted", None)]
    assert (found.sent, found.status, found.end) == ("unknown", "submitted", None)


def test_a_request_that_the_wire_could_not_send_never_left(tmp_path: Path) -> None:
    desk = ready()
    name = desk.submit()
    desk.lose("place", name, "not_sent")
    assert why(log_of(tmp_path / "x.log", desk), name).sent == "no"


def test_a_restart_in_an_orders_life_is_a_step_and_those_after_it_are_none(tmp_path: Path) -> None:
    desk = ready()
    name = desk.submit()
    again = Desk(events=desk.events(), run=Run(run_id="s"))
    again.watched()
    found = why(log_of(tmp_path / "x.log", again), name)
    assert [role for role, _, _ in story(found)][:3] == ["intent", "run", "answered"]
    assert story(found)[2] == ("answered", "RequestAnswered", 0)
    ended = write(
        tmp_path / "y.log",
        [submitted()],
        [said("open")],
        [STARTED],
        [said("canceled", 0, 0)],
        [STARTED],
    )
    roles = [step.role for step in why(ended, "c").steps]
    assert roles == ["intent", "fact", "conclusion", "run", "fact", "end"]


def test_what_led_to_a_conclusion_and_names_another_order_is_told_too(tmp_path: Path) -> None:
    """The kill switch cancels: of the order itself nothing was said before."""
    desk = ready()
    first, second = desk.open(), desk.open()
    desk.tell(Halt("enough"))
    path = log_of(tmp_path / "x.log", desk)
    for name in (first, second):
        *_, halted, asked = story(why(path, name))
        assert halted[:2] == ("cause", "TradingHalted")
        assert asked[:2] == ("asked", "OrderCancelRequested")
        assert asked[2] == len(why(path, name).steps) - 2


def test_a_question_that_was_refused_and_a_cancel_all_are_part_of_it(tmp_path: Path) -> None:
    desk = ready()
    name = desk.open()
    desk.tell(Query(name))
    desk.reply("order", {"code": 1}, status=500, subject=name)
    desk.tell(CancelAll(desk.exchange))
    desk.say(row(name, "canceled", "0"))
    words = [word for _, word, _ in story(why(log_of(tmp_path / "x.log", desk), name))]
    assert "AccountRequestFailed" in words
    assert words[-1] == "CancelAllEnded"


def test_a_strategys_order_says_what_it_heard_last(tmp_path: Path) -> None:
    fired = TimerFired(strategy="bid", timer="", due=START)
    path = write(
        tmp_path / "x.log",
        [fired, submitted(client_order_id="a", by="bid"), submitted(by="bid")],
    )
    found = why(path, "c")
    assert found.by == "bid"
    assert found.reacted_to
    assert (found.reacted_to.kind, found.reacted_to.event) == ("timer_fired", fired)
    assert found.reacted_to.position == found.steps[0].position - 2
    assert why(write(tmp_path / "y.log", [submitted()]), "c").reacted_to is None


def test_an_order_that_is_not_ours_has_a_story_and_no_intent(tmp_path: Path) -> None:
    foreign = {"client_order_id": "", "exchange_order_id": "e9"}
    path = write(
        tmp_path / "x.log",
        [submitted(), said("open")],  # so that e9 cannot be it
        [traded("F1", "0.2", **foreign)],
        [said("canceled", "0.2", 20, instrument=INSTRUMENT, side="buy", **foreign)],
    )
    found = why(path, "e9")
    assert (found.ours, found.by, found.client_order_id) == (False, "", "")
    assert [word for _, word, _ in story(found)] == [
        "FillReported",
        "ForeignOrderSeen",
        "OrderFilled",
        "OrderReported",
    ]
    assert found.executed == dec("0.2")


def test_one_id_on_two_exchanges_is_several_orders(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.log",
        [watched("y"), submitted(), submitted(client_order_id="d", exchange="y")],
        [said("open"), said("open", client_order_id="d", exchange="y")],
    )
    with pytest.raises(BadInput, match=r"several orders have the id 'e'.*c, d.*client order id"):
        why(path, "e")
    assert why(path, "d").exchange == "y"
    assert [word for _, word, _ in story(why(path, "d"))] == [
        "OrderSubmitted",
        "OrderReported",
        "OrderAccepted",
    ]


def test_another_order_that_wears_the_name_has_a_story_of_its_own(tmp_path: Path) -> None:
    """The exchange's id tells them apart, as in the fold of orders."""
    other = {"exchange_order_id": "e2", "instrument": INSTRUMENT, "side": "buy"}
    path = write(
        tmp_path / "x.log",
        [submitted()],
        [said("open")],
        [said("open", **other)],
        [traded("T9", "0.7", client_order_id="", exchange_order_id="e2")],
        [traded("T1", 1)],
    )
    mine, theirs_ = why(path, "c"), why(path, "e2")
    assert why(path, "e") == mine
    assert (mine.exchange_order_id, mine.executed, mine.status) == ("e", dec(1), "filled")
    assert [word for _, word, _ in story(mine)] == [
        *("OrderSubmitted", "OrderReported", "OrderAccepted"),
        *("FillReported", "OrderFilled", "OrderCompleted"),
    ]
    assert (theirs_.ours, theirs_.client_order_id, theirs_.executed) == (False, "", dec("0.7"))
    assert [word for _, word, _ in story(theirs_)] == [
        *("OrderReported", "ForeignOrderSeen", "FillReported", "OrderFilled"),
    ]


def test_where_an_exchange_numbers_each_instruments_orders_an_id_is_of_one_of_them(
    tmp_path: Path,
) -> None:
    other = {"client_order_id": "d", "instrument": INSTRUMENT + 1}
    path = write(
        tmp_path / "x.log",
        [submitted(), submitted(**other)],
        [said("open"), said("open", **other)],
        [traded("T1", 1, client_order_id="", instrument=INSTRUMENT + 1)],
        [traded("T1", "0.5", client_order_id="")],
    )
    assert (why(path, "c").executed, why(path, "d").executed) == (dec("0.5"), dec(1))
    assert sum(type(step.event).__name__ == "FillReported" for step in why(path, "c").steps) == 1
    with pytest.raises(BadInput, match="several orders have the id 'e'"):
        why(path, "e")


def test_of_many_facts_at_once_each_conclusion_has_its_own(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.log",
        [submitted()],
        [traded("T1", "0.1"), traded("T2", "0.2"), answer("taken", 0)],
        [cancel()],
        [said("open"), answer("refused", 1)],
    )
    assert story(why(path, "c"))[1:] == [
        ("fact", "FillReported", None),
        ("fact", "FillReported", None),
        ("answered", "RequestAnswered", 0),
        ("conclusion", "OrderAccepted", 2),
        ("conclusion", "OrderFilled", 1),
        ("conclusion", "OrderFilled", 2),
        ("asked", "OrderCancelRequested", None),
        ("fact", "OrderReported", None),
        ("answered", "RequestAnswered", 7),
        ("conclusion", "OrderCancelRejected", 9),
    ]


def test_a_conclusion_alone_is_because_of_what_came_at_its_moment(tmp_path: Path) -> None:
    accepted = OrderAccepted(client_order_id="c", time_exchange=0)
    surveyed = AccountSurveyed(exchange=X)
    for after, last in (
        (0, [("cause", "AccountSurveyed", None), ("conclusion", "OrderAccepted", 1)]),
        (1, [("intent", "OrderSubmitted", None), ("conclusion", "OrderAccepted", None)]),
    ):
        with open_log(tmp_path / f"{after}.log") as log:
            for time, event in ((0, submitted()), (2, surveyed), (2 + after, accepted)):
                log.append(START + time, event)
            log.commit()
        assert story(why(tmp_path / f"{after}.log", "c"))[-2:] == last


def test_too_many_orders_may_be_our_word_or_the_exchanges(tmp_path: Path) -> None:
    for reason, sent in (("rate", "unknown"), ("balance", "yes"), ("never_sent", "no")):
        nameless = said("rejected", reason=reason, exchange_order_id="")
        path = write(tmp_path / f"{reason}.log", [submitted()], [nameless])
        assert (why(path, "c").sent, why(path, "c").status) == (sent, "rejected")


def test_an_order_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    names = ["a", "b", "c", "d"]
    path = write(tmp_path / "x.log", [submitted(client_order_id=name) for name in names])
    with pytest.raises(UnknownOrder, match=r"'x': there are 4 orders of ours, the latest d, c, b$"):
        why(path, "x")
    for empty in ("", " "):
        with pytest.raises(UnknownOrder, match="there are 4"):
            why(path, empty)
    with pytest.raises(UnknownOrder, match=r"'x': there is one order of ours, the latest c$"):
        why(write(tmp_path / "w.log", [submitted()]), "x")
    with pytest.raises(UnknownOrder, match="nobody has submitted an order here"):
        why(write(tmp_path / "y.log"), "x")
    with pytest.raises(LogError):
        why(tmp_path / "z.log", "x")


# Sessions


def orders() -> list[tuple[int, Command]]:
    pair, amount = "BTC-USDT", dec("0.01")
    return [
        (5 * SECOND, Submit("binance", pair, "buy", amount, dec(64_000))),
        (6 * SECOND, Submit("binance", pair, "buy", amount, order_type="market")),
        (9 * SECOND, Cancel("sim-7-1")),
        (11 * SECOND, Halt("enough")),
        (12 * SECOND, Submit("binance", pair, "buy", amount, order_type="market")),
    ]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    folder = tmp_path_factory.mktemp("orders") / "session"
    told = msgspec.structs.replace(FUNDED, lasts=15 * SECOND)
    return record(folder, told, 7, versions={"tapefold": "0"}, commands=orders())


@pytest.fixture(scope="module")
def log(session: Session) -> Path:
    path = session.folder.parent / "session.log"
    with open_log(path) as log:
        replay = Replay(session, log)
        while replay.play(4096):
            pass
    return path


def test_a_session_has_the_line_that_each_record_came_of(session: Session) -> None:
    found, lines = why(session, "sim-7-1"), list(session.lines())
    assert found.session == str(session.folder)
    for step in found.steps:
        came = step.came
        assert came is not None
        line = lines[came.line - 1]
        assert came.time == step.time_received == session.meta.started_ns + line.at
        assert (came.lane, came.kind, came.text) == (
            line.lane,
            line.kind,
            bytes(line.data).decode(),
        )
    assert [step.came.kind for step in found.steps if step.came and step.role == "intent"] == [
        "command"
    ]
    assert [step.came.kind for step in found.steps if step.came and step.role == "asked"] == [
        "command"
    ]


def test_and_what_was_asked_unsigned_and_what_the_wire_said(session: Session) -> None:
    found = why(session.folder, "sim-7-1")
    place, *_, canceled = [each for each in found.asked if '"method":"GET"' not in each.asked.text]
    assert "newClientOrderId=sim-7-1" in place.asked.text
    assert "signature" not in place.asked.text
    assert '"method":"DELETE"' in canceled.asked.text
    for each in (place, canceled):
        assert each.answer
        assert (each.answer.kind, each.status) == ("response", 200)
        assert each.asked.line < each.answer.line
        assert "sim-7-1" in json.loads(each.body).values()
    assert found.sent == "yes"


def test_a_line_is_that_of_its_moment(session: Session) -> None:
    """Where a deadline passes before a frame is taken in, both come with one line; it is of one."""
    found = why(session, "sim-7-1")
    intent, reported, *_ = found.steps
    assert intent.came
    assert intent.time_received != reported.time_received
    both = dict.fromkeys((intent.position, reported.position), intent.came.line)
    first, second, *_ = with_frames(found, session, both).steps
    assert (first.came, second.came) == (intent.came, reported.came)


def test_a_whole_tape_without_its_request_says_that_it_never_left(session: Session) -> None:
    found = msgspec.structs.replace(why(session, "sim-7-3"), sent="unknown")
    assert with_frames(found, session, {}).sent == "no"
    assert with_frames(msgspec.structs.replace(found, ours=False), session, {}).sent == "unknown"


def test_an_order_that_never_left_has_no_request(session: Session) -> None:
    found = why(session, "sim-7-3")
    assert (found.status, found.sent, found.asked) == ("rejected", "no", ())


def test_a_log_has_the_same_story_and_with_its_session_the_same_frames(
    session: Session, log: Path
) -> None:
    for name in ("sim-7-1", "sim-7-2", "sim-7-3"):
        whole, bare = why(session, name), why(log, name)
        assert why(log, name, session=session.folder) == whole
        assert [(s.position, s.event, s.because, s.role) for s in bare.steps] == [
            (s.position, s.event, s.because, s.role) for s in whole.steps
        ]


def test_a_session_of_another_log_is_refused(session: Session, log: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "x.log", [submitted()])
    refused = "is not the session of this log: they differ at position"
    with pytest.raises(Mismatch, match=refused):
        why(path, "c", session=session)
    altered = tmp_path / "altered.log"  # the same orders, and one word about one of them another
    with read_log(log) as old, open_log(altered) as new:
        for _, time, event in old.read():
            ended = isinstance(event, OrderCanceled)
            event_ = msgspec.structs.replace(event, reason="other") if ended else event
            new.append(time, event_)
        new.commit()
    with pytest.raises(Mismatch, match=refused):
        why(altered, "sim-7-1", session=session)


def test_what_was_asked_about_one_order_is_not_taken_for_anothers(tmp_path: Path) -> None:
    """The name of the first is the beginning of the tenth's."""
    wanted = Submit("binance", "BTC-USDT", "buy", dec("0.001"), dec(50_000))
    commands: list[tuple[int, Command]] = [(n * SECOND // 4 + SECOND, wanted) for n in range(10)]
    told = msgspec.structs.replace(FUNDED, lasts=5 * SECOND)
    made = record(tmp_path / "s", told, 7, versions={"tapefold": "0"}, commands=commands)
    for number in (1, 10):
        found = why(made, f"sim-7-{number}")
        (asked,) = found.asked
        assert f"newClientOrderId=sim-7-{number}&" in asked.asked.text


@asynccontextmanager
async def recorded(exchange: VirtualExchange, rows: Rows, folder: Path) -> AsyncGenerator[Engine]:
    """A run on a log that may have had others, recorded, that may trade."""
    async with open_engine(exchange.live(), log=Log(rows), record=folder) as engine:
        engine.subscribe("binance", "BTC-USDT")
        engine.command(WatchAccount("binance"))
        await engine.until(lambda views: views.ready("binance"))
        await engine.until(lambda views: views.book("BTC-USDT").live)
        yield engine


async def test_a_session_that_went_on_with_a_log_tells_the_rest_of_an_older_order(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Two runs on one log, both recorded: the order was placed in the first, and canceled in the second."""
    rows = in_memory()
    async with open_virtual(story_of()) as exchange:
        async with recorded(exchange, rows, tmp_path / "first") as engine:
            name = engine.submit(Submit("binance", "BTC-USDT", "buy", dec("0.01"), dec(50_000)))
            await engine.until(lambda views: views.orders.ours[name].status == "open")
        async with recorded(exchange, rows, tmp_path / "second") as engine:
            engine.command(Cancel(name))
            await engine.settled(name)
        live = exchange.live()
        async with open_engine(live, log=Log(rows), record=tmp_path / "third") as engine:
            engine.subscribe("binance", "BTC-USDT")  # and nothing is heard of the order
            await engine.until(lambda views: views.book("BTC-USDT").live)
    with open_log(tmp_path / "x.log") as log:
        for record_ in Log(rows).read():
            log.append(record_.time_received, record_.event)
        log.commit()
    whole = why(tmp_path / "x.log", name)
    first, second = (why(tmp_path / run, name) for run in ("first", "second"))
    assert (first.began_before, second.began_before, whole.began_before) == (False, True, False)
    assert (first.status, second.status, whole.status) == ("open", "canceled", "canceled")
    assert second.steps[0].role == "run"
    together = [*first.steps, *second.steps]
    assert [s.position for s in together] == [s.position for s in whole.steps]
    assert [s.event for s in together] == [s.event for s in whole.steps]
    third = why(
        tmp_path / "third", second.exchange_order_id
    )  # what there is by our id, is by theirs
    assert (third.client_order_id, third.status, third.steps) == (name, "canceled", ())
    there = why(tmp_path / "x.log", name, session=tmp_path / "second")
    assert [s.came for s in there.steps] == [None] * len(first.steps) + [
        s.came for s in second.steps
    ]
    assert [each.asked.text for each in there.asked] == [each.asked.text for each in second.asked]
    assert any('"method":"DELETE"' in each.asked.text for each in second.asked)


# The command line


def test_the_command_tells_it_in_lines(session: Session, log: Path) -> None:
    result = run("why", "sim-7-2", session.folder)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    head = dict(line.split("  ", 1) for line in lines[: lines.index("")])
    assert head["order"].strip().startswith("sim-7-2, the exchange's ")
    assert head["order"].endswith("on binance BTC-USDT")
    assert head["sent"].strip() == "yes"
    assert head["status"].strip() == "filled"
    assert "BTC for" in head["executed"]
    assert any(line.endswith("asked") for line in lines)
    assert any("newClientOrderId=sim-7-2" in line for line in lines)
    assert any("answered 200" in line for line in lines)
    assert any("because of " in line for line in lines)
    assert all(line.isprintable() for line in lines)
    bare = run("why", "sim-7-2", log).stdout
    assert "frames     not known: a log has none, --session DIR names a session" in bare
    assert run("why", "sim-7-2", log, "--session", session.folder).stdout == result.stdout


def test_the_command_tells_it_as_json_with_whole_frames(session: Session, log: Path) -> None:
    found = told("why", "sim-7-1", session.folder, "--json")
    assert found["client_order_id"] == "sim-7-1"
    assert (found["symbol"], found["executed"], found["fees"]) == ("BTC-USDT", "0", {})
    first = found["steps"][0]
    assert (first["event"], first["role"], first["amount"]) == ("order_submitted", "intent", "0.01")
    assert first["came"]["lane"] == "engine"
    place = found["asked"][0]
    assert json.loads(place["body"])["clientOrderId"] == "sim-7-1"
    assert json.loads(place["asked"]["text"])["method"] == "POST"
    assert told("why", "sim-7-1", log, "--json")["frames"] is None


def test_the_command_fails_in_one_line(session: Session, log: Path, tmp_path: Path) -> None:
    for where in (session.folder, log):
        result = run("why", "sim-7-9", where)
        assert result.exit_code == 3
        assert result.stderr == (
            "tapefold: there is no order 'sim-7-9': there are 3 orders of ours, the latest sim-7-3, "
            "sim-7-2, sim-7-1\n"
        )
    assert run("why", "sim-7-1", session.folder, "--session", session.folder).exit_code == 2
    assert run("why", "sim-7-1", tmp_path / "nothing").exit_code == 3
    assert "tapefold why run-17 today.log" in run("why", "--help").stdout


def test_a_fill_said_by_a_desk_is_a_sentence(tmp_path: Path) -> None:
    desk = ready()
    name = desk.open()
    desk.say(fill(name, "T1", "1"), row(name, "filled", "1"))
    lines = run("why", name, log_of(tmp_path / "x.log", desk)).stdout.splitlines()
    assert "status     filled" in lines
    assert any("filled, executed 1 ETH for 100 USDT, fee 0.001 BNB" in line for line in lines)
