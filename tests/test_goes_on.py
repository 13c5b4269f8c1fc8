"""Sessions that go on from a log that was not empty: runs on one log, each proven by every door.

Replay, mock and virtual doors, since that they agree is the promise; the runs themselves in virtual time.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import trio
from builders import event_at
from msgspec.structs import replace
from private_runs import KEY, PAIR, SECRET, story_of, trade
from reactors import Maker
from tiny import run, told
from trio.testing import MockClock
from two_runs import Ran, Story, play

from tapefold import (
    ConnectionClosed,
    Mismatch,
    Session,
    Strategy,
    Views,
    WatchAccount,
    open_engine,
    verify_session,
)
from tapefold.engine import Live
from tapefold.engine.opening import Mode
from tapefold.errors import Refused, SessionError
from tapefold.events import AnyEvent
from tapefold.guard import Leak
from tapefold.log import Log, open_log, read_log
from tapefold.log.store import in_memory
from tapefold.overlay import Edit, Edits, overlay
from tapefold.replay import Replay
from tapefold.report import replay_report
from tapefold.session import Start
from tapefold.session.meta import write_meta
from tapefold.session.repair import repair
from tapefold.session.start import NAME, read_start
from tapefold.sim.serving import open_sim
from tapefold.testing import open_virtual
from tapefold.wire import Endpoints

DOORS: Sequence[Mode] = ("replay", "mock", "virtual")
RUNS = (0, 1, 2)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return play(tmp_path_factory.mktemp("story"))


@pytest.fixture
def second(story: Story) -> Ran:
    """The run that went on with the first one's log, and had a strategy at work."""
    return story.runs[1]


def events(story: Story, kind: type[AnyEvent], after: int, until: int) -> list[Any]:
    found = (record.event for record in Log(story.rows).read(after, until))
    return [event for event in found if isinstance(event, kind)]


# The story, by every door


def test_the_runs_are_what_they_are_meant_to_be(story: Story) -> None:
    first, second, third = story.runs
    assert 0 < first.head < second.head < third.head
    closed = events(story, ConnectionClosed, 0, first.head)
    assert [(each.by, each.code) for each in closed] == [("exchange", 1012)]
    assert [each.by for each in events(story, ConnectionClosed, first.head, second.head)] == [
        "client"
    ]
    assert second.session.meta.strategies == {"maker": {"amount": "0.01"}}
    said = {name: order.status for name, order in Views.thaw(third.views).orders.ours.items()}
    assert {*said.values()} == {"canceled", "filled"}
    assert [*said] == [f"virtual-{n}" for n in range(1, 10)]


@pytest.mark.parametrize("number", RUNS)
@pytest.mark.parametrize("mode", DOORS)
async def test_every_door_comes_to_what_the_live_run_did(
    mode: Mode, number: int, story: Story
) -> None:
    ran = story.runs[number]
    assert ran.session.meta.sealed
    assert (ran.session.meta.digests.log, ran.session.meta.digests.folds) == (
        ran.digest,
        ran.folds,
    )
    async with open_engine(ran.session, mode=mode) as engine:
        await engine.ended()
        assert (engine.log.digest(), engine.log.head) == (ran.digest, ran.head)
        assert engine.views.freeze() == ran.views


@pytest.mark.parametrize("number", RUNS)
def test_the_one_log_folds_to_what_each_run_ended_with(number: int, story: Story) -> None:
    ran = story.runs[number]
    records = Log(story.rows).read(0, ran.head)
    assert Views.of(record.event for record in records).freeze() == ran.views


def stored(log: Log, path: Path) -> Path:
    """A log's records in a file."""
    with open_log(path) as file:
        for record in log.read():
            file.append(record.time_received, record.event)
    return path


@pytest.mark.parametrize("number", RUNS)
def test_each_session_is_verified_against_the_one_log(
    number: int, story: Story, tmp_path: Path
) -> None:
    path, ran = stored(story.log(), tmp_path / "log"), story.runs[number]
    assert verify_session(ran.session, path).head == story.runs[-1].head


def test_a_session_is_not_verified_against_another_past(story: Story, tmp_path: Path) -> None:
    ran = story.runs[1]
    short = stored(story.log(ran.session.meta.start_position - 1), tmp_path / "short")
    with pytest.raises(Mismatch, match="and the log ends at"):
        verify_session(ran.session, short)
    other = Log(in_memory())
    for record in story.log().read():
        other.append(record.time_received, record.event if record.position != 5 else event_at(5))
    other.flush()
    with pytest.raises(Mismatch, match="of another log: the digests up to there differ"):
        verify_session(ran.session, stored(other, tmp_path / "other"))
    cut = stored(story.log(ran.head - 1), tmp_path / "cut")
    with pytest.raises(Mismatch, match=f"position {ran.head}, end of the log"):
        verify_session(ran.session, cut)


@pytest.mark.parametrize("number", [1, 2])
def test_a_session_begins_where_the_one_before_it_ended(number: int, story: Story) -> None:
    before, ran = story.runs[number - 1], story.runs[number]
    start = ran.session.start()
    assert start is not None
    assert ran.session.meta.start_position == start.tail.head == before.head
    assert start.digest == before.digest
    assert start.thaw().freeze() == before.views
    assert (ran.session.folder / NAME).stat().st_mode & 0o777 == 0o600
    assert story.runs[0].session.start() is None
    assert not (story.runs[0].session.folder / NAME).exists()


@pytest.mark.parametrize("number", RUNS)
def test_its_events_are_the_log_s_own_times_included(number: int, story: Story) -> None:
    ran = story.runs[number]
    start = ran.session.start()
    log = Log(in_memory(), start=start.tail if start else None)
    replay = Replay(ran.session, log)
    while replay.play(4096):
        pass
    base = ran.session.meta.start_position
    assert [*log.read()] == [*Log(story.rows).read(base, ran.head)]
    assert log.base == base


@pytest.mark.parametrize("mode", DOORS)
async def test_into_a_copy_of_its_log_it_is_played_on(
    mode: Mode, story: Story, second: Ran
) -> None:
    log = story.log(second.session.meta.start_position)
    async with open_engine(second.session, mode=mode, log=log) as engine:
        await engine.ended()
    assert log.digest() == second.digest
    assert [*log.read()] == [*Log(story.rows).read(0, second.head)]


@pytest.mark.parametrize("mode", DOORS)
async def test_into_another_log_it_is_not_played(mode: Mode, story: Story, second: Ran) -> None:
    position = second.session.meta.start_position
    other = story.log(position - 1)
    other.append(0, event_at(position))
    for log, what in (
        (Log(in_memory()), "and the log ends at 0: give the log as it was then, or none"),
        (story.log(), f"from position {position:,} of a log, and the log ends at"),
        (other, "of another log than the log: its digest"),
    ):
        with pytest.raises(Refused, match=re.escape(what)):
            async with open_engine(second.session, mode=mode, log=log):
                raise AssertionError("opened")


async def test_recorded_again_while_it_is_played_it_goes_on_from_the_same(
    second: Ran, tmp_path: Path
) -> None:
    async with open_engine(second.session, mode="mock", record=tmp_path / "again") as engine:
        await engine.ended()
    again = Session(tmp_path / "again")
    assert again.meta.start_position == second.session.meta.start_position
    assert again.meta.digests == second.session.meta.digests
    assert again.start() == second.session.start()
    assert [*again.lines()] == [*second.session.lines()]


# What is not as it was


class Edited(NamedTuple):
    """A change of a tape, and what each door says of it."""

    change: Callable[[list[bytes]], list[bytes]]
    replay: Sequence[str]
    mock: Sequence[str]


def _altered(lines: list[bytes]) -> list[bytes]:
    bought = b"type=MARKET&quantity=0.03"
    return [
        line.replace(bought, bought.replace(b"3", b"4")) if b'"request"' in line else line
        for line in lines
    ]


def _placed(lines: list[bytes]) -> int:
    return next(n for n, line in enumerate(lines) if b'"request"' in line and b"POST" in line)


def _missing(lines: list[bytes]) -> list[bytes]:
    """The first order's request and its answer never were."""
    number = re.findall(rb'\{"n":\d+,', lines[_placed(lines)])[0]
    return [line for line in lines if number not in line]


def _extra(lines: list[bytes]) -> list[bytes]:
    """Once more, by another name."""
    at = _placed(lines)
    twice = re.sub(rb'"n":\d+', b'"n":99', lines[at]).replace(b"virtual-", b"virtual-9")
    failed = twice.split(b",")[0] + b',"binance/http","failed",{"n":99,"error":"ReadError"}]\n'
    return [*lines[: at + 1], twice, failed, *lines[at + 1 :]]


EDITS = {
    "altered": Edited(
        _altered,
        [
            "comes after something that was never asked",
            "≠ url: asked",
            "quantity=0.03",
            "quantity=0.04",
        ],
        [
            "the client's POST /api/v3/order is not on the tape",
            '≠ query.quantity: asked "0.03", recorded "0.04"',
            "the tape stands at:",
        ],
    ),
    "missing": Edited(
        _missing,
        ["asked, and not recorded", "asked     binance/http request", "newClientOrderId=virtual-"],
        [
            "the client's POST /api/v3/order is not on the tape",
            'query.quantity="0.01"',
            "≠ query.price: asked",
        ],
    ),
    "extra": Edited(
        _extra,
        ["comes after something that was never asked", "newClientOrderId=virtual-9"],
        ["stalled: the tape waits for line", "POST /api/v3/order", "waits for it"],
    ),
}


def edited(session: Session, folder: Path, change: Callable[[list[bytes]], list[bytes]]) -> Session:
    """A sealed session whose tape somebody changed."""
    shutil.copytree(session.folder, folder)
    lines = change(session.tape.read_bytes().splitlines(keepends=True))
    (folder / "tape.jsonl").write_bytes(b"".join(lines))
    meta = session.meta
    write_meta(folder, replace(meta, counts=replace(meta.counts, lines=len(lines))))
    return Session(folder)


async def differs(session: Session, mode: Mode, *strategies: Strategy) -> str:
    """What is said of a session that is not as it was."""
    with pytest.raises(Mismatch) as caught:
        async with open_engine(session, mode=mode, strategies=strategies) as engine:
            await engine.ended()
    return str(caught.value)


@pytest.mark.parametrize("what", EDITS)
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("mode", ["replay", "virtual"])
async def test_another_request_fails_and_says_what_differs(
    mode: Mode, number: int, what: str, story: Story, tmp_path: Path, autojump_clock: MockClock
) -> None:
    session = edited(story.runs[number].session, tmp_path / "s", EDITS[what].change)
    told = EDITS[what].replay if mode == "replay" else EDITS[what].mock
    for strategies in ([], [Maker()])[: number + 1]:
        said = await differs(session, mode, *strategies)
        assert [words for words in told if words not in said] == []


@pytest.mark.parametrize("what", EDITS)
async def test_so_it_does_over_sockets(what: str, second: Ran, tmp_path: Path) -> None:
    """One of these takes seconds: whether a client comes at all, only waiting can say."""
    session = edited(second.session, tmp_path / "s", EDITS[what].change)
    said = await differs(session, "mock", *([Maker()] if what == "altered" else []))
    assert [words for words in EDITS[what].mock if words not in said] == []


@pytest.mark.parametrize("mode", DOORS)
async def test_the_strategy_of_a_later_run_is_asked_again(mode: Mode, second: Ran) -> None:
    async with open_engine(second.session, mode=mode, strategies=[Maker()]) as engine:
        await engine.ended()
        assert (engine.log.digest(), engine.views.digests()) == (second.digest, second.folds)


@pytest.mark.parametrize("mode", DOORS)
async def test_another_one_stops_at_its_first_other_command(mode: Mode, second: Ran) -> None:
    said = await differs(second.session, mode, Maker(odd="0.05"))
    assert "the strategies do something else than they did" in said
    assert '≠ amount: asked "0.05", recorded "0.02"' in said


# A start that is not there, or not as it was


def _flipped(data: bytes) -> bytes:
    return data[:-40] + bytes([data[-40] ^ 1]) + data[-39:]


def _newer(data: bytes) -> bytes:
    return data[:1] + b"\x63" + data[2:]


BROKEN: dict[str, tuple[Callable[[bytes], bytes] | None, str]] = {
    "missing": (
        None,
        "goes on from position {at} of a log, and has no start.msgpack; get it again",
    ),
    "empty": (lambda data: b"", "start.msgpack is damaged: it cannot be read"),
    "cut short": (lambda data: data[:-9], "start.msgpack is damaged: it cannot be read"),
    "longer": (lambda data: data + b"\0", "start.msgpack is damaged: it cannot be read"),
    "a bit": (_flipped, "start.msgpack is damaged: it is not what was written"),
    "newer": (_newer, "start.msgpack is of a newer tapefold: upgrade"),
    "no start": (lambda data: b"\x93\x01\x02\x03", "start.msgpack is damaged: it cannot be read"),
}


def broken(what: str, ran: Ran, folder: Path) -> tuple[Session, str]:
    """A session whose start is not as it was, and what is said of it."""
    change, words = BROKEN[what]
    shutil.copytree(ran.session.folder, folder)
    data = (folder / NAME).read_bytes()
    (folder / NAME).unlink()
    if change:
        (folder / NAME).write_bytes(change(data))
    return Session(folder), words.format(at=ran.session.meta.start_position)


@pytest.mark.parametrize("what", BROKEN)
async def test_without_a_whole_start_nothing_is_told(
    what: str, second: Ran, tmp_path: Path
) -> None:
    session, words = broken(what, second, tmp_path / "s")
    for reads in (Replay, replay_report, partial(overlay, edits=Edits([]), folder=tmp_path / "o")):
        with pytest.raises(SessionError, match=re.escape(words)):
            reads(session)  # whatever it is that reads it
    for mode in DOORS:
        with pytest.raises(SessionError, match=re.escape(words)):
            async with open_engine(session, mode=mode):
                raise AssertionError("opened")


@pytest.mark.parametrize("what", BROKEN)
def test_the_command_line_says_so_in_a_line(what: str, second: Ran, tmp_path: Path) -> None:
    session, words = broken(what, second, tmp_path / "s")
    for command in (
        ("show",),
        ("replay",),
        ("show", "--follow"),
        ("show", "--at", "2000"),
        ("replay", "--door", "mock"),
    ):
        result = run(command[0], session.folder, *command[1:])
        assert result.exit_code == 3
        assert words in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_every_bit_of_it_is_checked(second: Ran, tmp_path: Path) -> None:
    data = (second.session.folder / NAME).read_bytes()
    position = second.session.meta.start_position
    for at in [*range(0, len(data), max(1, len(data) // 150)), len(data) - 1]:
        (tmp_path / NAME).write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
        with pytest.raises(SessionError, match=re.escape(NAME)):
            read_start(tmp_path, position)


def test_the_start_of_another_session_is_refused(story: Story, tmp_path: Path) -> None:
    _, second, third = story.runs
    shutil.copytree(third.session.folder, tmp_path / "s")
    shutil.copy(second.session.folder / NAME, tmp_path / "s" / NAME)
    with pytest.raises(SessionError, match="is of another session: it is for position"):
        Session(tmp_path / "s").start()
    shutil.copytree(story.runs[0].session.folder, tmp_path / "first")
    shutil.copy(second.session.folder / NAME, tmp_path / "first" / NAME)
    with pytest.raises(SessionError, match="does not belong there"):
        Session(tmp_path / "first").start()


def test_a_link_in_its_place_is_refused(second: Ran, tmp_path: Path) -> None:
    shutil.copytree(second.session.folder, tmp_path / "s")
    (tmp_path / "s" / NAME).unlink()
    os.symlink(second.session.folder / NAME, tmp_path / "s" / NAME)
    with pytest.raises(SessionError, match="is a link"):
        Session(tmp_path / "s").start()


def test_views_of_another_version_are_told_from_damage(second: Ran, tmp_path: Path) -> None:
    start = second.session.start()
    assert start is not None
    views = start.views[:1] + b"\x63" + start.views[2:]
    whole = sha256(msgspec.msgpack.encode(start.tail) + views).digest()
    (tmp_path / NAME).write_bytes(replace(start, views=views, sha256=whole).encoded())
    with pytest.raises(SessionError, match="was written by another version of tapefold"):
        read_start(tmp_path, start.tail.head)


@pytest.mark.parametrize("before", [1, 255, 256, 257, 512])
def test_wherever_a_block_ends_the_chain_goes_on(before: int) -> None:
    one = Log()
    other = Log()
    for n in range(600):
        if n == before:
            start = Start.of(one.tail, Views())
            assert start.digest == one.digest()
            other = Log(start=start.tail)
        one.append(0, event_at(n))
        other.append(0, event_at(n))
    assert (one.digest(), one.head) == (other.digest(), other.head)


# Making one


async def test_a_recording_that_ends_in_an_error_has_its_start(
    story: Story, tmp_path: Path, autojump_clock: MockClock
) -> None:
    """As after a kill: it is there before the first line is."""
    log = story.log()

    async def fails() -> None:
        async with open_virtual(story_of()) as exchange:
            live = exchange.live()._replace(run_id="fourth")
            async with open_engine(live, log=log, record=tmp_path / "s") as engine:
                assert (tmp_path / "s" / NAME).is_file()
                engine.subscribe("binance", PAIR)
                await engine.until(lambda views: views.book(PAIR).live)
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    session = Session(tmp_path / "s")
    assert not session.meta.sealed
    assert session.meta.start_position == story.runs[-1].head
    report = replay_report(session)
    assert (report.digests.log, report.head) == (log.digest(), log.head)
    assert report.events == log.head - story.runs[-1].head
    assert repair(session.folder) == []


async def test_with_a_log_file_and_over_sockets_it_is_the_same(tmp_path: Path) -> None:
    """Real sockets and real time, since there are threads: the disk's and the recorder's."""
    path, digests = tmp_path / "one.log", list[str]()
    keys = {"binance": {"key": KEY, "secret": SECRET}}
    with trio.fail_after(60):
        async with open_sim("binance", seed=7, story=story_of()) as sim:
            here = {"binance": Endpoints(ws=sim.ws_url, rest=sim.url)}
            for name in ("one", "two"):
                live = Live(("binance",), endpoints=here, keys=keys, run_id=name)
                async with open_engine(live, log=path, record=tmp_path / name) as engine:
                    engine.subscribe("binance", PAIR)
                    engine.command(WatchAccount("binance"))
                    await engine.until(lambda views: views.book(PAIR).live)
                    await engine.until(lambda views: views.ready("binance"))
                    await trade(engine)
                digests.append(engine.log.digest())
    for name, digest in zip(("one", "two"), digests, strict=True):
        session = Session(tmp_path / name)
        assert session.meta.digests.log == digest
        async with open_engine(session, mode="mock") as engine:
            await engine.ended()
            assert engine.log.digest() == digest
    with read_log(path) as log:
        assert log.digest() == digests[1]
        assert log.head == engine.log.head


async def test_what_an_earlier_run_logged_may_hold_no_secret(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Here an id that is a key, from a run that was not recorded."""
    log = Log(in_memory())
    async with open_virtual(story_of()) as exchange:
        careless = exchange.live()._replace(run_id=SECRET[:30])
        async with open_engine(careless, log=log):
            pass
        with pytest.raises(Leak, match=r"start\.msgpack holds binance secret"):
            async with open_engine(exchange.live(), log=log, record=tmp_path / "s"):
                raise AssertionError("opened")
        assert not (tmp_path / "s").exists()
        assert SECRET[:11].encode() in log.tail.body


async def test_ids_of_earlier_runs_cannot_be_masked(
    story: Story, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_virtual(story_of()) as exchange:
        with pytest.raises(Refused, match="the log has ids of earlier runs"):
            async with open_engine(
                exchange.live(), log=story.log(), record=tmp_path / "s", mask_ids=True
            ):
                raise AssertionError("opened")
    assert not (tmp_path / "s").exists()


def test_no_key_is_in_any_of_the_sessions(story: Story) -> None:
    for ran in story.runs:
        for path in ran.session.folder.iterdir():
            assert KEY.encode() not in path.read_bytes()
            assert SECRET.encode() not in path.read_bytes()


async def test_an_edited_session_goes_on_from_the_same(second: Ran, tmp_path: Path) -> None:
    edits = Edits([Edit(on="wss://* recv", nth=2, delay=0.0001)])
    made = overlay(second.session, edits, tmp_path / "s")
    assert made.start() == second.session.start()
    assert made.meta.start_position == second.session.meta.start_position
    report = replay_report(made)
    assert report.ended
    assert report.reached is None


# The command line


def test_a_session_is_told_with_where_it_began(second: Ran) -> None:
    at, session = second.session.meta.start_position, second.session.folder
    facts = told("show", session, "--json")
    assert facts["start_position"] == at
    assert facts["events"] == second.head - at
    assert facts["strategies"] == {"maker": {"amount": "0.01"}}
    shown = run("show", session).stdout
    assert f"goes on      from position {at:,} of a log" in shown
    assert "strategies   maker (amount=0.01)" in shown


def test_what_was_known_is_told_from_its_start_on(story: Story, second: Ran) -> None:
    at, session = second.session.meta.start_position, second.session.folder
    for position in (at, at + 1, at + 77, second.head):
        views = Views.of(record.event for record in Log(story.rows).read(0, position))
        facts = told("show", session, "--at", str(position), "--json")
        assert facts["position"] == position
        assert [row["client_order_id"] for row in facts["account"].get("open_orders", [])] == [
            order.client_order_id for order in views.orders.live()
        ]
    before = run("show", session, "--at", str(at - 1))
    assert before.exit_code == 3
    assert before.stderr == (
        f"tapefold: the session goes on from position {at} of a log: what was known at {at - 1} that "
        "log alone can say\n"
    )
    after = run("show", session, "--at", str(second.head + 1))
    assert after.exit_code == 3
    assert f"the session goes from {at} to {second.head}" in after.stderr


def test_its_records_are_told_by_their_positions_in_the_log(story: Story, second: Ran) -> None:
    at, session = second.session.meta.start_position, second.session.folder
    lines = run("show", session, "--follow").stdout.splitlines()
    assert len(lines) == second.head - at
    assert lines[0].split()[0] == f"{at + 1:,}"
    assert "RunStarted" in lines[0]
    some = run("show", session, "--follow", "--at", str(second.head - 3)).stdout.splitlines()
    assert some == lines[-3:]
    assert run("show", session, "--follow", "--at", "5").exit_code == 3


def test_it_is_replayed_into_a_copy_of_the_log_as_it_was(story: Story, tmp_path: Path) -> None:
    path, (first, second, third) = tmp_path / "one.log", story.runs
    missing = run("replay", second.session.folder, "--log", path)
    assert missing.exit_code == 4
    assert f"copy that log as it was then to {path}, or play without --log" in missing.stderr
    assert not path.exists()
    for ran in (first, second, third):
        result = run("replay", ran.session.folder, "--log", path)
        assert result.exit_code == 0, result.output
        assert f"digest {ran.digest}\nwhich is the one recorded" in result.stdout
    with read_log(path) as log:
        assert [*log.read()] == [*Log(story.rows).read()]
    again = run("replay", second.session.folder, "--log", path)
    assert again.exit_code == 4
    assert (
        f"and {path} ends at {third.head:,}: give the log as it was then, or none" in again.stderr
    )
    with read_log(path) as log:
        assert log.head == third.head


@pytest.mark.parametrize("door", ["replay", "mock"])
def test_a_replay_says_what_it_goes_on_from(door: str, second: Ran) -> None:
    session = second.session.folder
    result = run("replay", session, "--door", door)
    assert result.exit_code == 0, result.output
    assert (
        f"going on from position {second.session.meta.start_position:,} of a log" in result.stdout
    )
    facts = told("replay", session, "--door", door, "--json")
    assert (facts["reached"], facts["position"]) == (True, second.head)
    assert facts["events"] == second.head - second.session.meta.start_position


# The command line asks strategies again


@pytest.mark.parametrize("door", ["replay", "mock"])
@pytest.mark.parametrize(
    "named", ["reactors:Maker", "reactors:makers", "reactors:as_recorded", "two_runs:Maker"]
)
def test_a_strategy_is_asked_again_by_its_name(named: str, door: str, second: Ran) -> None:
    result = run("replay", second.session.folder, "--strategy", named, "--door", door)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "asking again: maker" in result.stdout
    assert "which is the one recorded" in result.stdout


_MINE = """
from reactors import Maker

class Odd(Maker):
    def __init__(self):
        super().__init__("0.07")

class Nameless(Maker):
    name = "somebody"

class Never(Maker):
    def __init__(self, must):
        super().__init__()

class Raising(Maker):
    def react(self, record, views):
        raise LookupError("no such thing")

def number():
    return 7

thing = 7
made = Maker()
"""


def test_modules_are_looked_for_in_the_current_folder(
    second: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_here.py").write_text(_MINE)
    (tmp_path / "mine_broken.py").write_text("1 / 0\n")
    (tmp_path / "mine_lost.py").write_text("import no_such_module_there\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])  # what the command adds is taken back at the end
    wrong = {
        "mine_here:Absent": "mine_here has no Absent; it has Maker, Odd, Nameless, Never, Raising",
        "mine_nowhere:Odd": "there is no module mine_nowhere: it is looked for in the current folder",
        "mine_here.deeper:Odd": "there is no module mine_here.deeper",
        "mine_broken:Odd": "mine_broken:Odd cannot be imported: ZeroDivisionError: division by zero",
        "mine_lost:Odd": "cannot be imported: ModuleNotFoundError: No module named 'no_such_module",
        "mine_here:Never": "mine_here:Never cannot be made: TypeError:",
        "mine_here:number": "mine_here:number is a int, and no strategy",
        "mine_here:thing": "mine_here:thing is a int, and no strategy",
        "mine_here:Nameless": "was recorded without a strategy somebody; it has maker",
    }
    for named, words in wrong.items():
        result = run("replay", second.session.folder, "--strategy", named)
        assert (result.exit_code, result.stdout) == (3, ""), named
        assert words in result.stderr
        assert len(result.stderr.splitlines()) == 1
    for named in ("mine_here", "mine_here:", ":Odd", "a-b:Odd", "mine here:Odd"):
        result = run("replay", second.session.folder, "--strategy", named)
        assert result.exit_code == 2
        assert "is not `module:Class`" in result.stderr
    changed = run("replay", second.session.folder, "--strategy", "mine_here:Odd")
    assert changed.exit_code == 1
    lines = changed.stderr.splitlines()
    assert lines[0] == "tapefold: maker (amount=0.07) was recorded as maker (amount=0.01)"
    assert '≠ amount: asked "0.07", recorded "0.01"' in changed.stderr
    raised = run("replay", second.session.folder, "--strategy", "mine_here:Raising")
    assert raised.exit_code == 1
    assert "\n  it raised LookupError: no such thing\n" in raised.stderr
    twice = run("replay", second.session.folder, *["--strategy", "mine_here:made"] * 2)
    assert twice.exit_code == 3
    assert "two strategies are called maker" in twice.stderr


def test_a_session_without_strategies_asks_none_again(story: Story) -> None:
    first = story.runs[0].session.folder
    result = run("replay", first, "--strategy", "reactors:Maker")
    assert result.exit_code == 3
    assert "was recorded without a strategy maker; it has none" in result.stderr
    factory = run("replay", first, "--strategy", "reactors:as_recorded")
    assert factory.exit_code == 3
    assert "takes the parameters of a strategy, and the session has 0" in factory.stderr
