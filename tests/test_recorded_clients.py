"""The required scenarios' recordings bear clients that are not the recorded one, again and again.

The mock door over loopback sockets, which is what a recording is for, and the virtual one, where being late
costs nothing; the replay door beside them, to compare with. Delays in here are what a client does, and wait
for nothing. What the door itself has to do for it is told without one.

RUNS=200 in the environment plays each session so often; a tenth of that by clients of other manners over
sockets, and of what is told slowly.
"""

import os
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import trio
import trio.testing
from came import Came, recorded
from clients import Client, Manner
from msgspec.structs import replace
from scripts import API, START, answered, asked, body, opened_mock, rest, tape
from trio.testing import MockClock

from tapefold import Mismatch, Session, open_engine
from tapefold.adapter import WatchAccount
from tapefold.mock import Tempo, timeline_of
from tapefold.mock.clock import TapeClock
from tapefold.mock.part import Part
from tapefold.mock.score import Score
from tapefold.scenario.acting import INSTALLED, Performance
from tapefold.scenario.judging import Heard, judge
from tapefold.scenario.reading import read_scenario
from tapefold.scenario.results import Failed
from tapefold.scenario.running import recordings_of
from tapefold.scenario.words import Place, Step
from tapefold.units import SECOND

ROOT: Final = Path(__file__).parents[1]
EXCHANGE: Final = "binance"
PLACES: Final = sorted((ROOT / "scenarios").glob("test_*.toml"))
RUNS: Final = int(os.environ.get("RUNS", "1"))
FEWER: Final = max(1, RUNS // 10)
PATIENT: Final = 1.0
"""Seconds of patience with a client that is late, and so has to hear what it heard before it spoke."""
COMMAND: Final = ("engine", "command", {"command": "cancel", "client_order_id": "a"})
LONG: Final = "test_order_expiration"
"""An order lives for a minute in it, in which nobody polled."""
POLL: Final = "GET /api/v3/openOrders"
DOORS: Final = ("mock", "virtual")
OFTEN, SELDOM = Manner(often=10), Manner(seldom=10)
MANNERS: Final = {
    "other ids": Manner(run_id="somebody-else-7"),
    "late": Manner(late=50, slow=50),
    "slow requests": Manner(slow=50),
    "one at a time": Manner(slow=50, at_once=1),
    "polls often": OFTEN,
    "polls seldom": SELDOM,
}


# What the door does for them


def test_a_command_waits_for_what_was_said_and_for_nothing_that_the_client_has_yet_to_do() -> None:
    rows = [asked(1, "POST", "/order?newClientOrderId=a"), asked(2, "GET", "/fees"), COMMAND]
    answers = {1: body("{}"), 2: body("{}")}
    part = Part(Score(tape(*rows, answered(1), answered(2), http=answers)))
    part.request(("POST", f"{API}/order?newClientOrderId=a", {}, ""), print)
    assert part.score.next() is None
    assert part.score.detour() == 2  # and not the answer, which was heard after it
    part = Part(Score(tape(*rows[:2], answered(1), COMMAND, answered(2), http=answers)))
    part.request(("GET", f"{API}/fees", {}, ""), print)
    assert part.score.detour() == 4  # the command may have been given because of the first answer


async def test_a_client_that_has_come_past_a_line_has_no_more_time_for_it(
    autojump_clock: MockClock,
) -> None:
    rows = [(60_000, *asked(1, "GET", "/one")), (60_000, *asked(2, "GET", "/two"))]
    timeline = tape(*rows, answered(2), answered(1), http={1: body("1"), 2: body("2")})
    async with opened_mock(timeline, virtual=True) as door, rest(door) as client:
        await door.outside.clock.sleep_until(START + 60 * SECOND)
        began = trio.current_time()
        assert (await client.get(f"{API}/two")).text == "2"
        assert (await client.get(f"{API}/one")).text == "1"
        assert trio.current_time() - began < 1


async def test_a_frame_has_its_own_time_although_somebody_waits_for_a_later_one(
    autojump_clock: MockClock,
) -> None:
    """Polls at the end of a tape are free: it may be done up to there while a frame is still unread."""
    clock = TapeClock(START, None)
    assert clock.stamp("x/1") == START
    async with trio.open_nursery() as nursery:
        nursery.start_soon(clock.sleep_until, START + 10)
        await trio.testing.wait_all_tasks_blocked()
        clock.expect("x/1", START + 3)
        clock.reach(START + 50)
        assert clock.now() == START + 3
        assert clock.stamp("x/1") == START + 3
    assert clock.now() == START + 50


# Stories, and what came of them


class Story(NamedTuple):
    """A scenario, and its recordings, with what is on each."""

    place: Place
    sessions: Sequence[Session]
    was: Sequence[Came]
    folds: Sequence[dict[str, object]]
    failed: Sequence[Failed]
    """What is not as it was to be even there; of required scenarios as they are recorded, nothing."""

    def check(self, came: Sequence[Came]) -> None:
        """That it is the recording in every lane, for each order and in the folds, and in `then`."""
        parts = zip(self.sessions, self.was, self.folds, came, strict=True)
        for session, was, folds, now in parts:
            times = not now.relaxed
            assert now.heard == was.heard, session.folder
            assert now.told(times=times) == was.told(times=times), session.folder
            assert now.folds(session.start()) == folds, session.folder
        whole = not any(now.relaxed for now in came)
        # `then.facts` is an order across all lanes: that is up to whom the exchange did not wait for.
        failed = judged(self.place, came)
        assert [each for each in failed if whole or each.key[:10] != "then.facts"] == [
            each for each in self.failed if whole or each.key[:10] != "then.facts"
        ]


def judged(place: Place, came: Sequence[Came]) -> list[Failed]:
    """What is not as the scenario's `then` says, where it came to this."""
    events = [event for each in came for event in each.events]
    return judge(place, Heard(events, came[-1].views, EXCHANGE))


def story(place: Place, folders: Sequence[Path]) -> Story:
    """As it is on the disk."""
    sessions = [Session(folder) for folder in folders]
    was = [recorded(session) for session in sessions]
    folds = [came.folds(session.start()) for came, session in zip(was, sessions, strict=True)]
    return Story(place, sessions, was, folds, judged(place, was))


@cache
def stories() -> list[Story]:
    """The required scenarios, as they are recorded."""
    places = [read_scenario(path) for path in PLACES]
    return [story(place, recordings_of(place, EXCHANGE, ROOT / "cassettes")) for place in places]


class Polling(Performance):
    """An engine that polls every twenty seconds, whatever it hears."""

    def _begin(self) -> None:
        super()._begin()
        self.stage.command(WatchAccount(self.exchange, poll=20 * SECOND, poll_silent=20 * SECOND))


@pytest.fixture(scope="module")
def slow_stories(tmp_path_factory: pytest.TempPathFactory) -> list[Story]:
    """The same scenarios told slowly, so that there are polls before, between and after the orders."""
    told: list[Story] = []
    for path in PLACES:
        place = slowly(read_scenario(path))
        performance = Polling(
            place, EXCHANGE, tmp_path_factory.mktemp("slow") / place.name, INSTALLED
        )
        performance.play()
        told.append(story(place, performance.recorded))
    return told


def slowly(place: Place) -> Place:
    """A scenario that waits before each order and each cancel, and at the end."""
    steps: list[Step] = []
    for step in place.scenario.when:
        if step.submit or step.cancel or step.cancel_all:
            steps.append(Step(wait=Decimal(25)))
        steps.append(step)
    scenario = place.scenario
    then = replace(scenario.then, after=Decimal(45))
    return replace(place, scenario=replace(scenario, when=tuple(steps), then=then))


def play(
    story: Story, manner: Manner, door: str, run: int, speed: float | None = None
) -> list[Came]:
    """Each of its sessions, by a client of this manner."""

    async def every() -> list[Came]:
        came: list[Came] = []
        for session, was in zip(story.sessions, story.was, strict=True):
            if manner.at_once == 1 and not is_answered(session):
                came.append(was)
                continue
            client = Client(session, was, manner, f"{session.folder.name} {run}")
            virtual, patience = door == "virtual", PATIENT if manner.late else Tempo().patience
            came.append(await client.play(virtual=virtual, speed=speed, patience=patience))
        return came

    return trio.run(every, clock=MockClock(autojump_threshold=0) if door == "virtual" else None)


def is_answered(session: Session) -> bool:
    """Whether each request has an answer: one that was killed first has left some without.

    Who asks one thing at a time, and gets no answer, asks no more: the tape has nothing for it.
    """
    timeline = timeline_of(session)
    return timeline.requests.keys() == timeline.replies.keys()


# Each recording, again and again


@pytest.mark.parametrize("door", DOORS)
def test_each_recording_comes_to_its_digest_each_time(door: Any) -> None:
    async def digest(session: Session) -> str:
        async with open_engine(session, mode=door) as engine:
            await engine.ended()
            return engine.log.digest()

    sessions = [session for each in stories() for session in each.sessions]
    assert len(sessions) > len(PLACES) >= 18
    for session in sessions:
        assert {trio.run(digest, session) for _ in range(RUNS)} == {session.meta.digests.log}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("manner", MANNERS)
def test_each_recording_bears_a_client(manner: str, door: str) -> None:
    runs = RUNS if door == "virtual" else FEWER
    relaxed = 0
    for each in stories():
        assert each.failed == []
        for run in range(0 if manner == "polls often" and each.place.name == LONG else runs):
            came = play(each, MANNERS[manner], door, run)
            each.check(came)
            relaxed += sum(now.relaxed for now in came)
    if door == "virtual":  # over sockets it hangs on the machine how late such a client is
        assert bool(relaxed) == (manner in ("slow requests", "one at a time"))


@pytest.mark.parametrize("manner", MANNERS)
def test_each_scenario_told_slowly_bears_a_client_at_the_tapes_own_pace(
    manner: str, slow_stories: list[Story]
) -> None:
    polls, early, ids = Counter[str](), 0, dict[str, str]()
    for each in slow_stories:
        for run in range(FEWER):
            came = play(each, MANNERS[manner], "virtual", run, 1.0)
            each.check(came)
            for now, was in zip(came, each.was, strict=True):
                polls.update(now=now.asked[POLL], was=was.asked[POLL])
                early += now.early
                ids |= now.ids
    assert bool(early) == bool(MANNERS[manner].late)
    assert all(
        name.startswith("somebody-else-7-") == (manner == "other ids") for name in ids.values()
    )
    if manner.startswith("polls"):
        assert (polls["now"] > 3 * polls["was"]) == (manner == "polls often")
        assert (3 * polls["now"] < polls["was"]) == (manner == "polls seldom")


def test_a_poll_where_the_tape_has_none_tells_what_was_before_and_what_it_leads_to_is_not_there() -> (
    None
):
    """Who polls is told that the order is not among the open ones, and asks about it."""
    (each,) = (each for each in stories() if each.place.name == LONG)
    with pytest.raises(Mismatch, match=r"^the client's GET /api/v3/order is not on the tape"):
        play(each, OFTEN, "virtual", 0, 1.0)


def test_one_at_a_time_is_for_sessions_in_which_all_is_answered() -> None:
    """Those of programs that were killed: each has gone on in another session."""
    killed = [s.folder.name for each in stories() for s in each.sessions if not is_answered(s)]
    assert killed == [
        "test_list_orders",
        "test_order_fill_record",
        "test_order_saving_and_restoration",
    ]
