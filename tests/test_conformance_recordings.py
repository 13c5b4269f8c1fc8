"""The sweep of book faults on real recordings, and on small tapes for what real ones taught it.

No door but the kit's own: tapes go into a kernel in memory, without sockets and without time. SWEEP=all
in the environment leaves out no line and no check of recordings: twenty minutes.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest
import tiny
from builders import START, World, delta, snapshot
from captures import CAPTURES, needs_recordings
from msgspec.structs import replace
from planted_defects import nothing, swapped

from tapefold.adapter import Open, Outcome, Request, load_adapter
from tapefold.events import BookInvalidated
from tapefold.kernel.requests import Requests
from tapefold.session import Line, Meta, Session, SessionWriter, bundled
from tapefold.session.tape import read_answered, read_asked
from tapefold.testing import conform
from tapefold.testing.conformance.driver import Driver
from tapefold.testing.conformance.market import LEAD, LEAD_MAX, Market
from tapefold.testing.conformance.running import conform_subject, subject_of
from tapefold.testing.conformance.strength import EDITS, EDITS_MIN, edits_of
from tapefold.testing.conformance.sweep import CHECKS as BOOKS
from tapefold.testing.conformance.sweep import Swept
from tapefold.units import MINUTE, SECOND

ALL: Final = os.environ.get("SWEEP", "") == "all"
SWEPT: Final = tuple(check.name for check in BOOKS)
WHOLE: Final = (*SWEPT, "total", "exact", "pure", "replays", "noticed")
QUICK: Final = {False: (*SWEPT, "exact", "pure"), True: ()}
"""The checks, beside the sweep, that take no more than a second: of short recordings, and of long ones."""
BOOK_LINES: Final = {
    "hft/spot-ethusdt-20240808+09": 6470,
    "hft/usdm-ethusdt-20240718+19": 8929,
    "hft/usdm-ethusdt-20240808": 6586,
    "cryptofeed/BINANCE-20211012": 177,
    "cryptofeed/BINANCE_US-20211012": 336,
    "cryptofeed/BINANCE_FUTURES-20210722": 764,
}
LONG: Final = 2_000
"""Lines with a book from which on a recording is long."""


# Recordings


@needs_recordings
@pytest.mark.parametrize("capture", CAPTURES)
def test_a_recording_passes(capture: str, recorded: Callable[[str], Session]) -> None:
    session, lines = recorded(capture), BOOK_LINES[capture]
    every = 1 if ALL else 500 if lines > LONG else 20
    subject = subject_of(load_adapter(session.meta.exchanges[0]), [session], every=every)
    found, places = subject.swept, len(range(0, lines, every))
    assert found.failures == {}
    assert found.book_lines == lines
    assert found.hit == {
        **dict.fromkeys(("drop", "duplicate", "delay", "cut", "half"), places),
        "silent": len(range(0, places, 40)),
    }
    if checks := WHOLE if ALL else QUICK[lines > LONG]:
        result = conform_subject(subject, checks)
        assert result.failed == (), [check.failures for check in result.checks]


# Small tapes


class Tape:
    """Two books on one lane of USD-M futures: ids are counted for all books together, as there."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._writer = SessionWriter(
            folder, Meta(exchanges=["binance_futures"], source="simulator", started_ns=START)
        )
        self._world = World("binance_futures", self._writer)
        self._last, self._next = {"AB": 10, "CD": 10}, 11
        self._bids = {"AB": {"90": "1"}, "CD": {"90": "1"}}
        self._world.declare("AB", "CD")
        self._open(self._world.subscribe("AB", "CD"))

    def _open(self, out: Sequence[Outcome]) -> None:
        """The lane is up: both books are asked for, both speak, and then they are there, as of before."""
        (dialled,) = out
        assert isinstance(dialled, Open)
        self._world.lane = dialled.lane
        asked = self._world.opened()
        self.hear("AB", "CD")
        then = {
            native: snapshot(self._last[native], [*bids.items()], [("110", "1")])
            for native, bids in self._bids.items()
        }
        self.hear("AB", "CD")
        for each in asked:
            assert isinstance(each, Request)
            self._world.answer(each, then[each.subject])

    def hear(self, *natives: str, size: str = "") -> None:
        """One more delta of each."""
        for native in natives:
            first, last = self._next, self._next + 2
            bid = f"9{last % 10}", size or str(last)
            frame = delta(first, last, [bid], previous=self._last[native], native=native)
            self._world.now += SECOND // 10
            self._world.hear(frame)
            self._bids[native] |= [bid]
            self._last[native], self._next = last, last + 1

    def cut(self) -> None:
        """The connection breaks, and is there again as soon as the kernel dials."""
        self._world.closed()
        self._open(self._world.wait(MINUTE))

    def session(self) -> Session:
        """What was written, not sealed."""
        self._writer.close()
        return Session(self._folder)


def deltas(session: Session) -> dict[str, list[int]]:
    """By book, the lines of a tape with its deltas."""
    found: dict[str, list[int]] = {"AB": [], "CD": []}
    for number, line in enumerate(session.lines(), 1):
        if line.kind == "recv":
            found[json.loads(bytes(line.data))["data"]["s"]].append(number)
    return found


def swept(session: Session) -> Swept:
    """What the sweep finds at every line."""
    return subject_of(load_adapter(session.meta.exchanges[0]), [session], every=1).swept


def test_books_heal_where_the_tape_reconnects_right_before_its_end(tmp_path: Path) -> None:
    """What was asked before a cut is no answer; the next question is asked when all lines are over."""
    tape = Tape(tmp_path / "eth")
    tape.hear(*("AB", "CD") * 40)
    tape.cut()
    tape.hear("AB", "CD")
    found = swept(tape.session())
    assert found.failures == {}
    assert found.hit["drop"] == found.book_lines == 90


def test_faults_are_planted_in_books_that_are_live(tmp_path: Path) -> None:
    """A run that begins in the middle has books that are past the first delta after a snapshot."""
    tape = Tape(tmp_path / "eth")
    tape.hear(*("AB", "CD") * 60)
    session = tape.session()
    market = Market(session, load_adapter("binance_futures"))
    for at in market.book_frames()[2 * LEAD :]:
        driver = Driver(market, market.before(at))
        began = driver.at
        while driver.at < at:
            driver.step()
        assert at - began == LEAD
        assert [driver.book(number).state for number in market.books(at)] == ["live"]
        assert not any(isinstance(each, BookInvalidated) for each in driver.heard.events)


def test_who_never_asks_again_is_caught_at_all_lines_but_the_last_of_each_book(
    tmp_path: Path,
) -> None:
    """Of what was lost in a book's last delta nobody can know; of all others the next delta tells."""
    tape = Tape(tmp_path / "eth")
    tape.hear(*("AB", "CD") * 10, "AB", "AB")
    session = tape.session()
    assert swept(session).failures == {}
    with swapped(Requests, "ask_anew", nothing):
        found = swept(session).failures
    assert found.keys() == {"converges"}
    lines = sorted(line for of in deltas(session).values() for line in of[2:-1])
    assert [line for line in lines if f"eth, line {line}, drop" not in str(found)] == []
    last = [of[-1] for of in deltas(session).values()]
    assert [each for each in found["converges"] if "drop" in each and ends(each, last)] == []


def ends(failure: str, lines: Sequence[int]) -> bool:
    """Whether a failure is at one of these lines."""
    return any(f"line {line}," in failure for line in lines)


def test_who_keeps_quiet_after_a_cut_is_caught_at_all_lines(tmp_path: Path) -> None:
    """Who lost a connection must ask, whether or not anything comes after it."""
    tape = Tape(tmp_path / "eth")
    tape.hear(*("AB", "CD") * 25)
    session = tape.session()
    with swapped(Requests, "ask_from_now", nothing):
        found = swept(session).failures["converges"]
    lines = sorted(line for of in deltas(session).values() for line in of)[LEAD:]
    assert [line for line in lines if f"eth, line {line}, cut" not in str(found)] == []


def test_a_scale_may_widen_while_a_book_is_asked_for(tmp_path: Path) -> None:
    """The answer is in the scale of when it was asked for, and the kernel knows a finer one by then."""
    tape = Tape(tmp_path / "eth")
    tape.hear(*("AB", "CD") * 40)
    tape.hear("AB", "CD", size="2.5")
    tape.hear(*("AB", "CD") * 5)
    tape.hear("AB", "CD", size="2.125")
    tape.hear(*("AB", "CD") * 20)
    assert swept(tape.session()).failures == {}


class Lacking(Session):
    """The bundled session without the answers about one of its books."""

    def lines(self) -> Iterator[Line]:
        asked = set[int]()
        for line in super().lines():
            if line.kind == "request" and "/depth?symbol=ETHUSDT" in read_asked(line.data).url:
                asked.add(read_asked(line.data).n)
            if line.kind != "response" or read_answered(line.data).n not in asked:
                yield line


def test_a_book_that_is_never_there_does_not_send_each_run_to_the_beginning() -> None:
    session, adapter = Lacking(bundled()), load_adapter("binance")
    market = Market(session, adapter)
    leads = [at - market.before(at).at for at in market.book_frames()[::20]]
    assert all(0 < lead <= LEAD_MAX + 200 for lead in leads[2:]), leads
    assert conform(adapter, [session], every=100, only=SWEPT).failed == ()


def test_a_walk_begins_at_the_same_place_in_whatever_order_it_is_asked_for() -> None:
    adapter = load_adapter("binance")
    market = Market(Session(bundled()), adapter)
    places = market.book_frames()[::100]
    assert [market.before(at).at for at in places] == [
        market.before(at).at for at in reversed(places)
    ][::-1]


# Long tapes


def test_of_long_tapes_fewer_numbers_are_changed(tmp_path: Path) -> None:
    session = tiny.session(tmp_path)
    assert [edits_of(lines(session, n), 1) for n in (10, 8_687, 87_500, 10**9)] == [
        EDITS, EDITS, 40, EDITS_MIN,
    ]  # fmt: skip
    assert edits_of(lines(session, 8_687), 4) == EDITS // 4


def lines(session: Session, count: int) -> Session:
    """The same, with so many lines by its own word."""
    session.meta.counts = replace(session.meta.counts, lines=count)
    return session


def test_a_pipe_is_told_now_and_then_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    named = "conformance", "binance", "--session", bundled(), "--every", "400", "--only", "once"
    quiet = tiny.run(*named)
    assert (quiet.exit_code, quiet.stderr) == (0, "")
    monkeypatch.setattr("tapefold.cli.conformance.EVERY", 0.0)
    told = tiny.run(*named)
    assert told.stdout.splitlines()[:-1] == quiet.stdout.splitlines()[:-1]
    assert told.stderr.splitlines() == [
        "tapefold: once: 0 of 1",
        *(f"tapefold: faults in minute-with-a-gap: {n} of 5" for n in range(5)),
        "tapefold: playing: 0 of 1",
    ]
