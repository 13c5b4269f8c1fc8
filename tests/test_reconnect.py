"""The kernel's live side: lanes opened again, silence, limits, heartbeats, clocks.

Nearly all need no door: frames go straight into a kernel, and a test says what time it is. The last
ones write a session and play it by the replay door, since a replay must wait, give up and ask anew
just as the run did.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from builders import MILLISECOND, START, World, delta, instruments, live, request, said, snapshot
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tapefold.adapter import (
    Adapter,
    Channel,
    Close,
    Declare,
    Frame,
    Heartbeat,
    Limits,
    Listing,
    Open,
    Outcome,
    Rate,
    Request,
    Send,
    Stream,
    Subscribe,
    WatchClock,
    load_adapter,
)
from tapefold.cli.facts import state_told, views_facts
from tapefold.cli.records import Teller
from tapefold.events import (
    BookInvalidated,
    BookSnapshot,
    ClockAdjusted,
    ConnectionClosed,
    ConnectionOpened,
    FrameRejected,
    RateLimited,
    RequestFailed,
    StreamStale,
)
from tapefold.kernel import Kernel
from tapefold.kernel.rate import Window, backoff, jittered
from tapefold.log import Log
from tapefold.replay import seal
from tapefold.session import Meta, Session, SessionWriter
from tapefold.units import MINUTE, SECOND, Nanos
from tapefold.views import Views
from tapefold_adapters.binance import binance
from tapefold_adapters.binance.exchange import Binance

HOUR = 60 * MINUTE
LONG = 10 * MINUTE
URL = "wss://stream.binance.com:9443/stream?streams="
STEPS = [(0, 1), (1, 2), (2, 4), (4, 8), (8, 16), (16, 32), (30, 60), (30, 60), (30, 60), (30, 60)]
"""Seconds that the first, second, third ... wait takes, at least and at most."""


class Talking(Binance):
    """Binance, if it had to be told first what is wanted."""

    messages: tuple[str, ...] = ()

    def subscribe(self, natives: Sequence[str], channels: Sequence[Channel]) -> Stream:
        return Stream(super().subscribe(natives, channels).url, self.messages)


class Timeless(Binance):
    """Binance, if one could not ask it what time it is."""

    def clock(self) -> Any:
        return None


def other(kind: type[Binance] = Binance, **changes: Any) -> Binance:
    """Binance with another description."""
    description = replace(binance().description, **changes)
    return kind(description, "https://api.binance.com/api/v3", URL.partition("?")[0])


def talking(*messages: str, **changes: Any) -> Binance:
    adapter = other(Talking, **changes)
    assert isinstance(adapter, Talking)
    adapter.messages = messages
    return adapter


def knowing(adapter: Adapter | None = None, seed: int = 0) -> World:
    """A world that need not ask which instruments there are."""
    world = World(adapter=adapter, seed=seed)
    world.declare("AB", "CD", "EF", "GH", "IJ")
    return world


def listening(silence_max: Nanos = 10 * SECOND) -> World:
    """A world with a live book, on a lane that may not be silent for long."""
    world = knowing()
    world.tell(Subscribe("binance", ("AB",), ("book",), silence_max=silence_max))
    world.answer(request(world.opened()), snapshot(10, [("1", "1")], [("2", "1")]))
    return world


def lanes(out: Sequence[Outcome]) -> list[str]:
    """The lanes that are asked for, and nothing else is."""
    opens = [asked for asked in out if isinstance(asked, Open)]
    assert len(opens) == len(out)
    return [asked.lane for asked in opens]


def until_opened(world: World) -> Nanos:
    """Wait for the one lane that is to be opened next; for how long."""
    before, due = world.now, world.kernel.due
    assert due is not None
    assert len(lanes(world.wait(due - world.now))) == 1
    return world.now - before


# Opened again


def test_a_lane_that_was_cut_is_opened_again_as_a_new_one_and_its_book_asked_for() -> None:
    world = live(last=10)
    assert not world.closed()
    assert world.state() == "stale"
    assert world.wait(SECOND) == [Open("binance/2", URL + "ab@depth@100ms")]
    asked = request(world.opened("binance/2"))
    world.hear(delta(20, 21, [("1.5", "9")]), "binance/2")
    world.answer(asked, snapshot(20, [("1.5", "4")], [("2", "1")]))
    assert (world.state(), world.levels()) == ("live", ({"1.5": "9"}, {"2": "1"}))
    assert world.kernel.views.connections.state() == [("binance", 2, 1, ["binance/2"])]
    assert not world.wait(LONG)


@pytest.mark.parametrize("code", [0, 403, 429, 503, 1000, 1001, 1006, 1012])
def test_it_does_not_matter_why_a_lane_is_down(code: int) -> None:
    world = live()
    world.closed(code=code)
    assert lanes(world.wait(SECOND)) == ["binance/2"]
    world.closed("binance/2", code=code)  # this one never came up
    assert lanes(world.wait(2 * SECOND)) == ["binance/3"]
    closed = [(event.lane, event.by, event.code) for event in world.of(ConnectionClosed)]
    assert closed == [("binance/1", "exchange", code), ("binance/2", "exchange", code)]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**63 - 1))
def test_a_lane_that_never_comes_up_is_dialled_ever_more_seldom(seed: int) -> None:
    world = knowing(seed=seed)
    assert lanes(world.subscribe("AB")) == ["binance/1"]
    for number, (least, most) in enumerate(STEPS, 1):
        world.closed(f"binance/{number}")
        waited = until_opened(world)
        assert least * SECOND <= waited < most * SECOND
        assert waited == jittered(number - 1, seed, f"binance/{number}")
    assert world.kernel.due is None  # one dial at a time
    asked = request(world.opened("binance/11"))
    world.answer(asked, snapshot(1))
    assert world.state() == "live"


def test_a_run_waits_as_long_as_another_of_its_seed_and_lanes_wait_differently() -> None:
    assert jittered(3, 7, "binance/2") == jittered(3, 7, "binance/2")
    waits = {jittered(3, seed, f"binance/{n}") for seed in range(10) for n in range(10)}
    assert len(waits) == 100
    assert min(waits) >= 4 * SECOND
    assert max(waits) < 8 * SECOND
    assert max(waits) - min(waits) > 3 * SECOND


@pytest.mark.parametrize("tries", [0, 1, 5, 6, 7, 1000])
def test_a_wait_is_bounded_however_often_it_was_in_vain(tries: int) -> None:
    most = backoff(tries)
    assert most == min(2**tries, 60) * SECOND
    assert (most // 2 if tries else 0) <= jittered(tries, 1, "x/1") < most


@pytest.mark.parametrize(
    ("lasted", "least", "most"), [(2 * MINUTE, 4, 8), (2 * MINUTE + 1, 0, 1), (24 * HOUR, 0, 1)]
)
def test_trouble_is_new_once_a_lane_was_up_for_more_than_two_minutes(
    lasted: Nanos, least: int, most: int
) -> None:
    world = knowing()
    world.subscribe("AB", channels=("trades",))
    for number in (1, 2, 3):
        world.closed(f"binance/{number}")
        until_opened(world)
    world.opened("binance/4")
    world.now += lasted - MILLISECOND
    world.closed("binance/4")
    assert least * SECOND <= until_opened(world) < most * SECOND
    world.closed("binance/5")
    next_least, next_most = (1, 2) if not least else (8, 16)
    assert next_least * SECOND <= until_opened(world) < next_most * SECOND


def test_the_trouble_of_one_subscription_delays_no_other() -> None:
    world = knowing()
    world.subscribe("AB", channels=("trades",))
    for number in range(1, 7):
        world.closed(f"binance/{number}")
        until_opened(world)
    assert lanes(world.subscribe("CD", channels=("trades",))) == ["binance/8"]
    world.opened("binance/8")
    world.closed("binance/7")  # more than 16 seconds from now
    world.closed("binance/8")
    assert world.wait(SECOND) == [Open("binance/9", URL + "cd@trade")]
    assert world.wait(MINUTE) == [Open("binance/10", URL + "ab@trade")]


def test_lanes_of_two_exchanges_know_nothing_of_each_other() -> None:
    names = ("binance", "binance_us")
    kernel = Kernel({name: load_adapter(name) for name in names}, Log())
    for name in names:
        kernel.command(1, Declare(name, (Listing("AB", "AB"),)))
        kernel.command(1, Subscribe(name, ("AB",), ("book",)))
        asked = request(kernel.step(Frame(2, f"{name}/1", "opened")))
        kernel.step(Frame(3, asked.lane, "response", snapshot(5), asked, 200))
    assert not kernel.step(Frame(4, "binance/1", "close", status=1006))
    states = [kernel.views.book("AB", name, stale=True).state for name in names]
    assert states == ["stale", "live"]
    assert lanes(kernel.tick(4 + SECOND)) == ["binance/2"]


# No longer wanted


def test_a_lane_is_not_opened_again_where_the_caller_unsubscribes_meanwhile() -> None:
    world = live()
    world.closed()
    assert not world.unsubscribe()
    assert not world.wait(HOUR)


def test_any_lane_that_a_subscription_ever_had_ends_it() -> None:
    for name in ("binance/1", "binance/2", "binance/3"):
        world = live()
        world.closed()
        world.wait(SECOND)
        world.closed("binance/2")
        world.wait(2 * SECOND)
        world.opened("binance/3")
        assert world.unsubscribe(name) == [Close("binance/3")]
        assert world.of(ConnectionClosed)[-1] == ConnectionClosed(
            lane="binance/3", by="client", code=1000
        )
        assert not world.wait(HOUR)
        assert not world.unsubscribe("binance/3")


def test_a_lane_that_is_dialled_again_is_hung_up_as_soon_as_it_answers() -> None:
    world = live()
    world.closed()
    world.wait(SECOND)
    assert not world.unsubscribe("binance/1")
    assert world.opened("binance/2") == [Close("binance/2")]
    assert not world.wait(HOUR)
    assert [type(event) for event in world.events()[-2:]] == [ConnectionOpened, ConnectionClosed]


def test_unsubscribing_leaves_other_subscriptions_as_they_are() -> None:
    world = live()
    world.subscribe("AB")
    world.opened("binance/2")
    world.unsubscribe("binance/1")
    world.closed("binance/2")
    assert lanes(world.wait(SECOND)) == ["binance/3"]
    assert not world.unsubscribe("binance/9")
    assert world.opened("binance/3") != [Close("binance/3")]


def test_a_lane_is_down_but_once() -> None:
    world = live()
    world.closed()
    before = world.words()
    assert not world.closed()
    assert not world.hear(delta(11, 11))
    assert lanes(world.wait(LONG)) == ["binance/2"]
    assert world.words() == before


# What happens to books


def test_a_lane_that_lasts_a_day_is_cut_and_all_is_well_again() -> None:
    world = live([("1.5", "2")], [("2", "1")], last=10)
    world.hear(delta(11, 12, [("1.5", "3")]))
    world.now += 24 * HOUR
    world.closed(code=1006)
    assert [event.reason for event in world.of(BookInvalidated)] == ["disconnected"]
    assert until_opened(world) < SECOND
    asked = request(world.opened("binance/2"))
    world.hear(delta(990, 1001, [("1.7", "1")]), "binance/2")
    world.answer(asked, snapshot(1000, [("1.6", "5")], [("1.8", "1")]))
    world.hear(delta(1002, 1002, [("1.6", "0")]), "binance/2")
    assert (world.state(), world.levels()) == ("live", ({"1.7": "1"}, {"1.8": "1"}))
    assert Views.of(world.events()).freeze() == world.kernel.views.freeze()


def test_a_restart_of_the_exchange_in_the_middle_of_a_sync_forgets_what_was_held() -> None:
    world = knowing()
    world.subscribe("AB")
    asked = request(world.opened())
    world.hear(delta(5, 6, [("1.5", "2")]))
    world.closed(code=1012)
    assert not world.of(BookInvalidated)  # there was nothing yet to be believed
    world.fail(asked)
    world.wait(SECOND)
    asked = request(world.opened("binance/2"))
    world.hear(delta(3, 4, [("1.4", "1")]), "binance/2")  # its ids began anew
    world.answer(asked, snapshot(3, [("1.3", "1")], [("2", "1")]))
    assert (world.state(), world.levels()[0]) == ("live", {"1.4": "1", "1.3": "1"})


def test_a_snapshot_that_comes_when_its_lane_is_down_is_ignored() -> None:
    world = knowing()
    world.subscribe("AB")
    asked = request(world.opened())
    world.closed()
    assert not world.answer(asked, snapshot(10, [("1", "1")]))
    assert not world.of(BookSnapshot)
    world.wait(SECOND)
    again = request(world.opened("binance/2"))
    assert (again.url, again.n) == (asked.url, asked.n + 1)


@pytest.mark.parametrize("heard", [True, False])
def test_a_snapshot_that_was_asked_for_on_the_lane_before_is_not_used(heard: bool) -> None:
    """What was said between the two is nobody's: the book would look live, and lack it."""
    world = knowing()
    world.subscribe("AB")
    asked = request(world.opened())
    world.closed()
    world.wait(SECOND)
    assert not world.opened("binance/2")  # the book is being asked for already
    if heard:
        world.hear(delta(20, 21, [("1", "2")]), "binance/2")
    again = request(world.answer(asked, snapshot(19, [("1", "1")])))
    assert world.state() == "empty"
    world.answer(again, snapshot(20, [("1", "1")]))
    assert (world.state(), world.levels()[0]) == ("live", {"1": "2" if heard else "1"})


def test_what_one_of_two_lanes_missed_is_not_taken_for_a_whole_book() -> None:
    """Deltas that the other lane had held are gone with the first one's: ask from now on."""
    world = knowing()
    world.subscribe("AB")
    asked = request(world.opened())
    world.subscribe("AB")
    world.opened("binance/2")
    for number in (11, 12, 13):
        world.hear(delta(number, number, [("1.5", str(number))]), "binance/2")
    world.closed()
    again = request(world.answer(asked, snapshot(10, [("1", "1")], [("2", "1")])))
    assert world.state() == "empty"
    world.answer(again, snapshot(13, [("1.5", "13")], [("2", "1")]))
    assert (world.state(), world.levels()[0]) == ("live", {"1.5": "13"})


def test_a_failed_answer_is_not_outdated_once_it_is_asked_again() -> None:
    world = knowing()
    world.subscribe("AB")
    asked = request(world.opened())
    world.closed()
    world.wait(SECOND)
    world.opened("binance/2")
    world.answer(asked, b"{}", 503)
    again = request(world.wait(2 * SECOND))
    world.answer(again, snapshot(20, [("1", "1")]))
    assert world.state() == "live"


# Silence


def test_a_silent_lane_is_hung_up_when_its_time_is_over_and_opened_again() -> None:
    world = listening(10 * SECOND)
    world.now += SECOND
    world.hear(delta(11, 11))
    heard = world.now
    assert not world.wait(10 * SECOND - 1)
    assert world.wait(1) == [Close("binance/1")]
    assert world.events()[-3:] == [
        StreamStale(lane="binance/1", silent=10 * SECOND),
        ConnectionClosed(lane="binance/1", by="client", code=1000),
        BookInvalidated(instrument=0, reason="disconnected"),
    ]
    assert {r.time_received for r in [*world.log.read()][-3:]} == {heard + 10 * SECOND}
    assert until_opened(world) == jittered(0, 0, "binance/1")
    assert world.kernel.due is None
    asked = request(world.opened("binance/2"))
    world.answer(asked, snapshot(50, [("1", "1")], [("2", "1")]))
    assert world.state() == "live"
    assert world.wait(10 * SECOND) == [Close("binance/2")]


def test_whatever_is_heard_makes_the_silence_begin_anew() -> None:
    world = listening(10 * SECOND)
    world.hear(delta(11, 11))
    for data in (delta(11, 11), b"no JSON", b"{}", delta(12, 12)) * 5:
        world.now += 10 * SECOND - MILLISECOND - 1
        assert not world.hear(data)
    assert not world.of(StreamStale)
    assert world.kernel.views.connections.up == {"binance": ["binance/1"]}
    assert world.wait(10 * SECOND) == [Close("binance/1")]


def test_a_frame_that_comes_at_the_very_end_of_the_silence_comes_too_late() -> None:
    world = listening(10 * SECOND)
    world.hear(delta(11, 11))
    world.now += 10 * SECOND - MILLISECOND
    assert world.hear(delta(12, 12)) == [Close("binance/1")]
    assert (world.kernel.skipped, len(world.of(StreamStale))) == (1, 1)


def test_a_late_wire_changes_no_log_of_a_silence() -> None:
    prompt, late = listening(SECOND), listening(SECOND)
    prompt.wait(SECOND)
    prompt.wait(4 * SECOND)
    late.now += 5 * SECOND
    late.kernel.tick(late.now)
    assert [*prompt.log.read()] == [*late.log.read()]


def test_an_answer_over_http_is_not_heard_on_a_lane() -> None:
    world = knowing()
    world.tell(Subscribe("binance", ("AB",), ("book",), silence_max=10 * SECOND))
    asked = request(world.opened())
    world.wait(9 * SECOND)
    world.answer(asked, snapshot(1))
    assert world.wait(SECOND - MILLISECOND) == [Close("binance/1")]


def test_silence_is_fine_where_nobody_minds() -> None:
    world = listening(0)
    assert not world.wait(1000 * HOUR)
    assert world.state() == "live"


def test_a_lane_that_keeps_falling_silent_is_opened_ever_more_seldom() -> None:
    world = knowing()
    world.tell(Subscribe("binance", ("AB",), ("trades",), silence_max=10 * SECOND))
    for number, (least, most) in enumerate(STEPS[:5], 1):
        world.opened(f"binance/{number}")
        assert world.wait(10 * SECOND) == [Close(f"binance/{number}")]
        assert least * SECOND <= until_opened(world) < most * SECOND
    assert world.kernel.views.health.stale == {"binance": 5}


def test_a_lane_that_went_down_by_itself_does_not_go_stale() -> None:
    world = listening(10 * SECOND)
    world.closed()
    world.wait(HOUR)
    assert not world.of(StreamStale)


def test_what_cannot_be_logged_stops_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    world = listening(10 * SECOND)

    def fail(*_: object) -> None:
        raise MemoryError("full")

    monkeypatch.setattr(world.log, "append", fail)
    with pytest.raises(MemoryError, match="full"):
        world.kernel.tick(world.now + 10 * SECOND)


# What an exchange puts up with


def test_more_than_one_connection_carries_becomes_several_lanes() -> None:
    world = knowing(other(limits=Limits(streams_max=5)))
    out = world.subscribe("AB", "CD", "EF", "GH", "IJ", channels=("book", "trades"))
    assert out == [
        Open("binance/1", URL + "ab@depth@100ms/cd@depth@100ms/ab@trade/cd@trade"),
        Open("binance/2", URL + "ef@depth@100ms/gh@depth@100ms/ef@trade/gh@trade"),
        Open("binance/3", URL + "ij@depth@100ms/ij@trade"),
    ]
    asked = world.opened("binance/2")
    assert [each.subject for each in asked if isinstance(each, Request)] == ["EF", "GH"]
    world.opened("binance/3")
    world.closed("binance/2")
    anew = Open("binance/4", URL + "ef@depth@100ms/gh@depth@100ms/ef@trade/gh@trade")
    assert world.wait(SECOND) == [anew]
    assert world.kernel.views.connections.up == {"binance": ["binance/3"]}
    assert world.unsubscribe("binance/2") == [Close("binance/3")]  # all of what was subscribed to
    assert world.opened("binance/1") == [Close("binance/1")]
    assert not world.wait(HOUR)


@pytest.mark.parametrize(("streams_max", "made"), [(0, 1), (1, 5), (2, 5), (4, 3), (10, 1)])
def test_a_lane_carries_at_least_one_instrument(streams_max: int, made: int) -> None:
    world = knowing(other(limits=Limits(streams_max=streams_max)))
    out = world.subscribe("AB", "CD", "EF", "GH", "IJ", channels=("book", "trades"))
    assert lanes(out) == [f"binance/{n}" for n in range(1, made + 1)]


@pytest.mark.parametrize("streams_max", [0, 3])
def test_where_nothing_is_listed_no_lane_is_made(streams_max: int) -> None:
    world = World(adapter=other(limits=Limits(streams_max=streams_max)))
    assert not world.answer(request(world.subscribe("NONE")), instruments("AB"))
    assert not world.wait(HOUR)


def test_messages_beyond_the_rate_leave_later_and_in_their_order() -> None:
    texts = [str(n) for n in range(7)]
    world = knowing(talking(*texts, limits=Limits(sends=Rate(3, SECOND))))
    world.subscribe("AB", channels=("trades",))
    sends = [Send("binance/1", text) for text in texts]
    assert world.opened() == sends[:3]
    assert not world.wait(SECOND - 1)
    assert world.wait(1) == sends[3:6]
    assert world.wait(SECOND) == sends[6:]


def test_what_was_not_said_yet_is_not_said_on_the_next_lane() -> None:
    texts = [str(n) for n in range(4)]
    world = knowing(talking(*texts, limits=Limits(sends=Rate(3, SECOND))))
    world.subscribe("AB", channels=("trades",))
    world.opened()
    world.closed()
    assert lanes(world.wait(LONG)) == ["binance/2"]
    assert world.opened("binance/2") == [Send("binance/2", text) for text in texts[:3]]
    assert world.wait(LONG) == [Send("binance/2", "3")]


def test_dials_beyond_the_rate_leave_later_and_in_their_order() -> None:
    world = knowing(other(limits=Limits(dials=Rate(2, 10 * SECOND))))
    began = world.now
    assert lanes(world.subscribe("AB")) == ["binance/1"]
    assert lanes(world.subscribe("CD")) == ["binance/2"]
    for native in ("EF", "GH", "IJ"):
        assert not world.subscribe(native)
    assert not world.unsubscribe("binance/4")  # it has its name, and has not left
    assert not world.wait(began + MILLISECOND + 10 * SECOND - world.now - 1)
    assert lanes(world.wait(1)) == ["binance/3"]
    assert lanes(world.wait(MILLISECOND)) == ["binance/5"]
    world.closed("binance/1")
    world.closed("binance/2")
    assert not world.wait(10 * SECOND - 5 * MILLISECOND)
    assert sorted(lanes(world.wait(SECOND))) == ["binance/6", "binance/7"]


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 5),
    st.integers(1, 50),
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5)), max_size=40),
)
def test_no_window_holds_more_than_it_may_and_nothing_waits_for_nothing(
    most: int, per: int, asked: list[tuple[int, int]]
) -> None:
    window, now = Window(Rate(most, per)), 0
    taken: list[tuple[int, int]] = []
    for later, weight in asked:
        now += later
        due = window.due(now, weight)
        for time in range(now, due + 1):
            held = sum(each for when, each in taken if when > time - per)
            fits = held + weight <= most or not held
            assert fits == (time == due)
        now = due
        window.take(now, weight)
        taken.append((now, weight))


def test_heartbeats_are_sent_on_a_lane_until_it_is_down() -> None:
    world = knowing(other(heartbeat=Heartbeat('{"op":"ping"}', 20 * SECOND)))
    world.subscribe("AB", channels=("trades",))
    world.subscribe("CD", channels=("trades",))
    assert not world.wait(MINUTE)  # nobody is up
    assert not world.opened("binance/2")
    beat = Send("binance/2", '{"op":"ping"}')
    assert not world.wait(20 * SECOND - 1)
    assert world.wait(1) == [beat]
    assert world.wait(MINUTE) == [beat] * 3
    world.closed("binance/2")
    assert lanes(world.wait(HOUR)) == ["binance/3"]


def test_heartbeats_count_as_messages() -> None:
    limits, heartbeat = Limits(sends=Rate(1, 15 * SECOND)), Heartbeat("ping", 10 * SECOND)
    world = knowing(talking("hello", limits=limits, heartbeat=heartbeat))
    world.subscribe("AB", channels=("trades",))
    assert world.opened() == [Send("binance/1", "hello")]
    assert not world.wait(15 * SECOND - 1)
    assert world.wait(1) == [Send("binance/1", "ping")]


# Too many requests


@pytest.mark.parametrize(
    ("status", "retry_after", "wait"),
    [
        (429, 0, 60),
        (418, 0, 60),
        (429, 1, 1),
        (429, 30, 30),
        (418, 3 * 86400, 3 * 86400),
        (503, 7, 7),
        (403, 10**30, 7 * 86400),
    ],
)
def test_an_exchange_that_asks_to_be_left_alone_is_left_alone(
    status: int, retry_after: int, wait: int
) -> None:
    world = knowing()
    world.subscribe("AB")
    asked = request(world.opened())
    assert not world.answer(asked, b"busy", status, retry_after=retry_after)
    answered = world.now
    assert world.events()[-2:] == [
        RequestFailed(
            exchange="binance", purpose="book", subject="AB", status=status, reason="refused"
        ),
        RateLimited(exchange="binance", status=status, wait=wait * SECOND),
    ]
    world.subscribe("CD")
    assert not world.opened("binance/2")
    assert not world.tell(WatchClock("binance", 1000 * HOUR))
    assert not world.wait(answered + wait * SECOND - world.now - 1)
    out = world.wait(1)
    assert [each.subject for each in out if isinstance(each, Request)] == ["CD", "", "AB"]
    numbers = [each.n for each in out if isinstance(each, Request)]
    assert all(b == a + 1 for a, b in pairwise(numbers))


@pytest.mark.parametrize(("status", "retry_after"), [(200, 30), (400, 0), (500, 0), (503, 0)])
def test_an_exchange_that_does_not_ask_for_it_is_not_left_alone(
    status: int, retry_after: int
) -> None:
    world = knowing()
    world.subscribe("AB")
    asked = request(world.opened())
    world.answer(asked, snapshot(1), status, retry_after=retry_after)
    assert not world.of(RateLimited)
    world.subscribe("CD")
    assert request(world.opened("binance/2")).subject == "CD"


def test_the_longer_of_two_rests_counts() -> None:
    world = knowing()
    world.subscribe("AB", "CD", "EF")
    first, second, third = world.opened()
    for asked, seconds in ((first, 10), (second, 30), (third, 20)):
        assert isinstance(asked, Request)
        world.answer(asked, b"", 429, retry_after=seconds)
    until = world.now - MILLISECOND + 30 * SECOND
    assert not world.wait(until - world.now - 1)
    assert [each.subject for each in world.wait(1) if isinstance(each, Request)] == [
        "AB", "CD", "EF"
    ]  # fmt: skip
    assert world.kernel.views.health.limited == {"binance": 3}


def test_what_nobody_wants_any_more_after_the_rest_is_not_asked() -> None:
    world = knowing()
    world.subscribe("AB")
    world.answer(request(world.opened()), b"", 429)
    world.subscribe("CD")
    world.opened("binance/2")
    world.unsubscribe("binance/2")
    assert request(world.wait(MINUTE)).subject == "AB"
    world.subscribe("CD")
    assert request(world.opened("binance/3")).subject == "CD"


def test_lanes_are_dialled_while_an_exchange_is_left_alone_over_http() -> None:
    world = knowing()
    world.subscribe("AB")
    world.answer(request(world.opened()), b"", 429)
    world.closed()
    assert lanes(world.wait(SECOND)) == ["binance/2"]


# Clocks


def serves(time: Nanos) -> bytes:
    """What Binance's clock says, in milliseconds."""
    return said({"serverTime": time // MILLISECOND})


def test_an_exchanges_clock_is_compared_with_the_middle_of_asking_and_answer() -> None:
    world = World()
    asked = request(world.tell(WatchClock("binance", 10 * MINUTE)))
    assert (asked.purpose, asked.url) == ("clock", "https://api.binance.com/api/v3/time")
    began = world.now
    world.now += 40 * MILLISECOND - MILLISECOND
    assert not world.answer(asked, serves(began + 25 * MILLISECOND))
    assert world.of(ClockAdjusted) == [
        ClockAdjusted(
            exchange="binance",
            time_exchange=began + 25 * MILLISECOND,
            ahead=5 * MILLISECOND,
            within=20 * MILLISECOND,
        )
    ]
    assert world.kernel.due == began + 10 * MINUTE
    asked = request(world.wait(began + 10 * MINUTE - world.now))
    world.now += SECOND - MILLISECOND
    world.answer(asked, serves(world.now - 30 * SECOND))
    clock = world.kernel.views.health.clocks["binance"]
    assert clock.within == SECOND // 2
    assert clock.ahead == -30 * SECOND + SECOND // 2 - MILLISECOND


def test_the_time_that_asked_is_that_of_the_timer_not_of_the_frame_that_fired_it() -> None:
    world = live()
    world.answer(request(world.tell(WatchClock("binance", MINUTE))), serves(START))
    due = world.kernel.due
    assert due is not None
    world.now = due + 5 * SECOND
    asked = request(world.hear(delta(11, 11)))
    world.now = due + 8 * SECOND - MILLISECOND
    world.answer(asked, serves(START))
    clock = world.of(ClockAdjusted)[-1]
    assert (clock.within, clock.ahead) == (4 * SECOND, START - due - 4 * SECOND)


@pytest.mark.parametrize("how", ["failed", "refused", "unreadable"])
def test_a_clock_that_does_not_answer_is_asked_again_as_everything_is(how: str) -> None:
    world = World()
    asked = request(world.tell(WatchClock("binance", 1000 * HOUR)))
    for wait in (1, 2, 4):
        if how == "failed":
            world.fail(asked)
        else:
            world.answer(asked, b"{", 500 if how == "refused" else 200)
        assert not world.wait(wait * SECOND - 1)
        asked = request(world.wait(1))
    noted = world.of(FrameRejected) if how == "unreadable" else world.of(RequestFailed)
    assert len(noted) == 3
    sent = world.now
    world.answer(asked, serves(sent))
    assert world.of(ClockAdjusted)[0].within == MILLISECOND // 2


def test_a_clock_is_not_asked_again_while_it_is_being_asked() -> None:
    world = World()
    asked = request(world.tell(WatchClock("binance", SECOND)))
    assert not world.wait(10 * SECOND)
    world.answer(asked, serves(START))
    request(world.wait(SECOND))


def test_watching_again_changes_how_often() -> None:
    world = World()
    for every in (10 * SECOND, 7 * SECOND):
        asked = request(world.tell(WatchClock("binance", every)))
        world.answer(asked, serves(START))
    began = world.now - MILLISECOND
    for n in range(1, 4):
        asked = request(world.wait(began + n * 7 * SECOND - world.now))
        world.answer(asked, serves(START))
    assert len(world.of(ClockAdjusted)) == 5


@pytest.mark.parametrize("every", [0, -1, 1])
def test_no_clock_is_asked_more_than_once_a_second(every: int) -> None:
    world = World()
    world.answer(request(world.tell(WatchClock("binance", every))), serves(START))
    assert len(world.wait(SECOND)) == 1


def test_an_exchange_without_a_clock_is_asked_nothing() -> None:
    world = World(adapter=other(Timeless))
    assert not world.tell(WatchClock("binance"))
    assert (world.kernel.due, world.words()) == (None, ["RunStarted"])


# What is said of a close


@pytest.mark.parametrize(
    ("code", "given", "kept"),
    [
        (1006, "a library's text", ""),
        (0, "name not known", ""),
        (429, "Too Many Requests", ""),
        (999, "x", ""),
        (1000, "bye", "bye"),
        (1012, "x" * 200, "x" * 123),
        (4000, "", ""),
    ],
)
def test_the_reason_of_a_close_is_the_exchanges_own_or_none(
    code: int, given: str, kept: str
) -> None:
    world = live()
    world.step("close", "binance/1", status=code, reason=given)
    assert world.of(ConnectionClosed) == [
        ConnectionClosed(lane="binance/1", by="exchange", code=code, reason=kept)
    ]


# What is known of it


def troubled() -> World:
    """A world in which each of the three happened."""
    world = listening(10 * SECOND)
    asked = request(world.tell(WatchClock("binance", HOUR)))
    world.answer(asked, serves(world.now))
    world.hear(delta(15, 15))
    world.answer(Request("GET", "", "book", "AB", lane="binance/http"), b"", 429)
    world.wait(10 * SECOND)
    return world


def test_health_says_how_well_an_exchange_can_be_heard() -> None:
    world = troubled()
    health = world.kernel.views.health
    assert (health.stale, health.limited) == ({"binance": 1}, {"binance": 1})
    assert health.clocks == {"binance": world.of(ClockAdjusted)[0]}
    assert health.state() == [("binance", 1, 1, health.clocks["binance"])]
    again = Views.thaw(world.kernel.views.freeze())
    assert again.freeze() == world.kernel.views.freeze()
    assert again.digests()["health"] == world.kernel.views.digests()["health"]
    assert again.digests()["health"] != Views().digests()["health"]
    assert Views.of(world.events()).freeze() == world.kernel.views.freeze()


def test_people_are_told_of_it() -> None:
    world, teller = troubled(), Teller()
    lines = [teller.line(record) for record in world.log.read()]
    assert any("StreamStale" in line and "binance/1, silent for 10.000 s" in line for line in lines)
    assert any("left alone for 1 min 0 s, 429" in line for line in lines)
    assert any("binance is 0.500 ms behind us, give or take 0.500 ms" in line for line in lines)
    facts = views_facts(world.kernel.views)
    assert facts["health"] == {
        "binance": {
            "stale": 1,
            "limited": 1,
            "clock": {
                "time_exchange_ns": world.of(ClockAdjusted)[0].time_exchange,
                "ahead_ns": -MILLISECOND // 2,
                "within_ns": MILLISECOND // 2,
            },
        }
    }
    told = state_told(facts)
    assert (told["gone stale"], told["limited"]) == ("binance 1 times", "binance 1 times")
    assert told["clocks"] == "binance is 0.500 ms behind us, give or take 0.500 ms"
    assert "clocks" not in state_told(views_facts(World().kernel.views))


# By the replay door


def test_a_session_with_all_of_it_replays_to_the_same(tmp_path: Path) -> None:
    meta = Meta(exchanges=["binance"], instruments=["A-B"], source="simulator", started_ns=START)
    meta.run_id, meta.seed = "troubled", 11
    writer = SessionWriter(tmp_path, meta)
    world = World(writer=writer)
    world.declare("AB", "CD")
    clock = request(world.tell(WatchClock("binance", 20 * SECOND)))
    world.answer(clock, serves(world.now))
    world.tell(Subscribe("binance", ("AB",), ("book",), silence_max=15 * SECOND))
    world.subscribe("CD")
    world.answer(request(world.opened("binance/2")), snapshot(1))
    numbers = iter(range(2, 100))

    def quiet(span: Nanos) -> list[Outcome]:
        """Time passes, and the other lane, which always has something to say, says it."""
        out, number = world.wait(span), next(numbers)
        assert not world.hear(delta(number, number, native="CD"), "binance/2")
        return out

    world.answer(request(world.opened("binance/1")), snapshot(1, [("1", "1")]))
    world.hear(delta(2, 2, [("1", "2")]))
    world.closed("binance/1")
    assert lanes(quiet(SECOND)) == ["binance/3"]
    refused = request(world.opened("binance/3"))
    world.answer(refused, b"busy", 429)
    assert quiet(15 * SECOND) == [Close("binance/3")]
    assert lanes(quiet(2 * SECOND)) == ["binance/4"]
    assert not world.opened("binance/4")
    for n in range(3, 10):
        world.hear(delta(n, n, [("1", str(n))]), "binance/4")
        out = quiet(10 * SECOND)
        for asked in out:
            assert isinstance(asked, Request)
            answer = snapshot(5, [("2", "1")]) if asked.subject else serves(world.now)
            world.answer(asked, answer)
    assert (world.state(), world.levels()[0]) == ("live", {"2": "1", "1": "9"})
    words = world.words()
    assert {"StreamStale", "RateLimited", "ClockAdjusted", "ConnectionClosed"} <= {*words}
    seal(writer, world.log.digest())
    sealed = Session(tmp_path).meta
    assert (sealed.counts.events, sealed.digests.folds) == (
        world.log.head,
        world.kernel.views.digests(),
    )


def test_a_timer_that_asked_while_nothing_came_asks_the_same_in_a_replay(tmp_path: Path) -> None:
    meta = Meta(exchanges=["binance"], instruments=["A-B"], source="simulator", started_ns=START)
    meta.run_id, meta.seed = "alone", 12
    writer = SessionWriter(tmp_path, meta)
    limits, heartbeat = Limits(sends=Rate(1, SECOND)), Heartbeat('{"op":"ping"}', 4 * SECOND)
    adapter = talking('{"op":"hello"}', '{"op":"please"}', limits=limits, heartbeat=heartbeat)
    world = World(writer=writer, adapter=adapter)
    world.declare("AB")
    clock = request(world.tell(WatchClock("binance", HOUR)))
    world.tell(Subscribe("binance", ("AB",), ("trades",), silence_max=10 * SECOND))
    assert len(world.opened("binance/1")) == 1
    assert len(world.wait(9 * SECOND)) == 3  # what was still to be said, and two heartbeats
    world.fail(clock)
    (clock,) = (asked for asked in world.wait(SECOND) if isinstance(asked, Request))
    assert world.of(StreamStale)
    world.answer(clock, serves(world.now))
    assert lanes(world.wait(SECOND)) == ["binance/2"]
    world.closed("binance/2", code=503)
    assert lanes(world.wait(2 * SECOND)) == ["binance/3"]
    world.opened("binance/3")
    world.wait(5 * SECOND)  # nothing of the exchange's comes after that
    seal(writer, world.log.digest(), {"binance": adapter})
    assert Session(tmp_path).meta.digests.log == world.log.digest()
