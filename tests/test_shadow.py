"""A shadow beside an engine: agreement is proven while it runs, and a planted difference is named.

The replay door, at a pace: an engine in a thread of its own plays the bundled session into a log file,
and the shadow stands in the test's thread, or in a process. Nothing sleeps: every wait is for an answer.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

import pytest
import trio
from an_account import LISTED
from builders import START, event_at
from tiny import PATIENCE, run, started

from tapefold import bundled, open_engine
from tapefold.engine.engine import Engine
from tapefold.engine.saving import Saver
from tapefold.errors import LogError, Mismatch, Refused
from tapefold.history import Cache, History, Saved
from tapefold.log import open_log, read_log
from tapefold.units import SECOND, Nanos
from tapefold.verify import Apart, Compared, shadow, verify_log
from tapefold.verify.apart import differing, first
from tapefold.verify.shadowing import PATIENCE as ANSWER_MAX
from tapefold.views import Views

T = TypeVar("T")
ENGINE = """
import sys
from pathlib import Path
import trio
from tapefold import bundled, open_engine

async def main(path):
    async with open_engine(bundled(), log=path, speed=3) as engine:
        await engine.until(lambda views: views.position > 0)
        engine.log.sync()
        print("ready", flush=True)
        await engine.ended()
        await trio.sleep_forever()

trio.run(main, Path(sys.argv[1]))
"""
"""An engine in a process, which can be killed; the session lasts twenty seconds of it."""


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines of this process look often, and shadows are quick to see that nobody is there."""
    monkeypatch.setattr("tapefold.engine.saving.LOOK_EVERY", 0.005)
    monkeypatch.setattr("tapefold.verify.shadowing.POLL", 0.005)
    monkeypatch.setattr("tapefold.verify.shadowing.CLOSING", SECOND // 2)


class Beside:
    """An engine at work in another thread."""

    def __init__(self, path: Path, speed: float) -> None:
        self.path, self._speed = path, speed
        self._told: SimpleQueue[Engine | BaseException] = SimpleQueue()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        told = self._told.get(timeout=PATIENCE)
        if isinstance(told, BaseException):
            raise told
        self.engine = told

    def do(self, what: Callable[[], T]) -> T:
        """Between two of its steps."""
        return trio.from_thread.run_sync(what, trio_token=self._token)

    def until(self, position: int) -> None:
        """Wait until the engine, and its log on the disk, are past *position*."""
        trio.from_thread.run(self._until, position, trio_token=self._token)

    def end(self) -> None:
        """Let it leave its block, and wait until it has."""
        if self._thread.is_alive():
            self.do(self._over.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        if self._error:
            raise self._error

    async def _until(self, position: int) -> None:
        await self.engine.until(lambda views: views.position > position)
        self.engine.log.flush()
        await trio.to_thread.run_sync(self.engine.log.wait)

    def _run(self) -> None:
        try:
            trio.run(self._work)
        except BaseException as error:  # any: it is the test's to hear of
            self._error = error
            self._told.put(error)

    async def _work(self) -> None:
        self._token, self._over = trio.lowlevel.current_trio_token(), trio.Event()
        async with open_engine(bundled(), log=self.path, speed=self._speed) as engine:
            await engine.until(lambda views: views.position > 1)
            engine.log.flush()
            await trio.to_thread.run_sync(engine.log.wait)
            self._told.put(engine)
            await self._over.wait()


@contextmanager
def beside(path: Path, speed: float = 3) -> Generator[Beside]:
    """Such an engine, while the block runs; the session lasts twenty seconds if no speed is given."""
    engine = Beside(path, speed)
    try:
        yield engine
    finally:
        engine.end()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a log that is to be."""
    return tmp_path / "a.log"


def quick(
    path: Path, *, lasting: Nanos | None = None, patience: Nanos = ANSWER_MAX
) -> "closing[Generator[Compared]]":
    """A shadow that does not rest."""
    return closing(shadow(path, every=0, lasting=lasting, patience=patience))


def folder_of(path: Path) -> Path:
    return path.with_name(path.name + ".views")


def refolded(path: Path, position: int) -> bytes:
    """The views there, from the very first event."""
    with read_log(path) as log:
        return Views.of(log.events(0, position)).freeze()


# Agreement


def test_beside_a_running_engine_every_comparison_agrees(path: Path) -> None:
    with beside(path) as engine, quick(path) as shadowing:
        found: list[Compared] = []
        for compared in shadowing:
            found.append(compared)
            engine.until(compared.position)
            if len(found) == 4:
                break
    positions = [compared.position for compared in found]
    assert positions == sorted(set(positions))
    assert [compared.events for compared in found] == [
        after - before for before, after in zip([0, *positions], positions, strict=False)
    ]
    assert not any(compared.ended for compared in found)
    with read_log(path) as log:
        assert [log.digest(position) for position in positions] == [
            compared.log_digest for compared in found
        ]


def test_at_the_end_the_views_saved_there_are_compared(path: Path) -> None:
    with beside(path) as engine, quick(path) as shadowing:
        before = next(shadowing)
        engine.until(before.position)
        engine.end()
        (after,) = shadowing
    with read_log(path) as log:
        assert (after.position, after.log_digest, after.ended) == (log.head, log.digest(), True)
    assert after.events == after.position - before.position > 0
    assert not (folder_of(path) / "asked").exists()


def test_an_engine_that_ends_where_it_was_compared_has_been_compared(path: Path) -> None:
    with open_log(path) as log:
        log.append(START, event_at(1))
        log.sync()
        Cache(path).answer(Saved.of(Views.of([event_at(1)]), 1, log.digest()))
        with quick(path) as shadowing:
            with answering():
                assert next(shadowing).position == 1
            log.close()
            (last,) = shadowing
    assert (last.position, last.events, last.ended) == (1, 0, True)


@contextmanager
def answering() -> Generator[None]:
    """Whoever asks is given the answer that is there once more."""
    real = Cache.ask

    def ask(cache: Cache) -> None:
        real(cache)
        if saved := cache.heard():
            cache.answer(saved)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cache, "ask", ask)
        yield


def test_two_shadows_at_once_both_agree(path: Path) -> None:
    with beside(path) as engine, quick(path) as one, quick(path) as other:
        for _ in range(3):
            position = max(next(one).position, next(other).position)
            engine.until(position)


def test_after_its_time_a_shadow_ends(path: Path) -> None:
    with beside(path), quick(path, lasting=0) as shadowing:
        assert [compared.ended for compared in shadowing] == [False]


def test_a_shadow_saves_views_on_its_way_and_uses_none(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tapefold.history.SAVE_EVERY", 16)
    with beside(path) as engine, quick(path) as shadowing:
        engine.until(40)
        folder_of(path).mkdir(exist_ok=True)
        wrong = Views.of([event_at(n) for n in range(16)])
        with read_log(path) as log:
            Cache(path).save(wrong, log.digest(16))
        position = next(shadowing).position
    assert position > 40
    saved = {int(file.stem) for file in folder_of(path).glob("0*.msgpack")}
    assert saved >= {*range(16, position, 16)}
    with read_log(path) as log:
        found = Cache(path).found(16, log.digest(16))
    assert found is not None
    assert found.views == refolded(path, 16)
    assert verify_log(path).saved_views >= position // 16


# Differences


def test_a_planted_difference_is_found_at_the_first_comparison(path: Path) -> None:
    with beside(path) as engine, quick(path) as shadowing:
        engine.do(lambda: engine.engine.views.anomalies.note(1, "request_failed"))
        with pytest.raises(Apart) as caught:
            next(shadowing)
    apart = caught.value
    assert isinstance(apart, Mismatch)
    assert (apart.first, [*apart.fields]) == (1, ["anomalies"])
    assert str(apart.fields["anomalies"]) == "anomalies.count: the log says 0, the engine 1"
    assert str(apart).splitlines()[1:3] == [
        "  folds that differ: anomalies",
        f"  first at a position from 1 to {apart.position:,}",
    ]


def test_a_difference_is_named_with_where_it_can_have_begun(path: Path) -> None:
    with beside(path) as engine, quick(path) as shadowing:
        agreed = next(shadowing).position
        engine.until(agreed)
        engine.do(lambda: engine.engine.views.apply(event_at(1)))
        with pytest.raises(Apart, match=f"at {agreed:,} they agreed") as caught:
            list(shadowing)
    position = caught.value.position
    assert caught.value.first == agreed + 1 <= position
    assert [str(field) for field in caught.value.fields.values()] == [
        f"position: the log says {position}, the engine {position + 1}",
        "anomalies.count: the log says 0, the engine 1",
    ]


def test_a_log_that_is_not_what_the_engine_wrote_is_a_mismatch(path: Path) -> None:
    with open_log(path) as log:
        log.append(START, event_at(1))
        log.sync()
        Cache(path).answer(Saved.of(Views.of([event_at(2)]), 1, "ab"))
        with answering(), quick(path) as shadowing:
            with pytest.raises(Mismatch, match=r"position 1: .* is not the log that its engine"):
                next(shadowing)


def test_a_log_that_was_replaced_is_said(path: Path, tmp_path: Path) -> None:
    with open_log(tmp_path / "b.log") as other:
        other.append(START, event_at(1))
    with beside(path) as engine, quick(path) as shadowing:
        engine.until(next(shadowing).position)
        (tmp_path / "b.log").replace(path)
        with pytest.raises(LogError, match="was replaced by another log"):
            next(shadowing)


class Sides(NamedTuple):
    """A row with names."""

    bids: int
    asks: int


def test_the_first_field_is_named_whatever_a_state_is_made_of() -> None:
    cases: list[tuple[Any, Any, str]] = [
        ([1, 2], [1, 3], "x[1]: the log says 2, the engine 3"),
        ([1], [1, 3], "x.length: the log says 1, the engine 2"),
        ({"a": [(1, 2)]}, {"a": [(1, 4)]}, "x[a][0][1]: the log says 2, the engine 4"),
        ({"a": 1}, {"b": 1}, "x[a]: the log says 1, the engine None"),
        ("1", 1, "x: the log says '1', the engine 1"),
        (event_at(1), event_at(8), "x.status: the log says 1, the engine 8"),
    ]
    for one, other, says in cases:
        assert str(first(one, other, "x")) == says
    said = first([(1, 0, None, None, ["2"])], [(1, 0, None, None, ["3"])], "markets")
    assert said.path == "markets[0].numbers[0]"
    assert first(Sides(1, 2), Sides(1, 3), "x").path == "x.asks"
    assert len(first("a" * 1000, "b", "x").logged) < 100


def test_views_of_another_tapefold_are_said_to_be() -> None:
    ours = Views().freeze()
    for theirs in (b"", b"\xc1", ours[:-1]):
        with pytest.raises(LogError, match="of another tapefold"):
            differing(ours, theirs)
    assert ours[1] == Views().state().format
    with pytest.raises(LogError, match="format 1, and these of"):
        differing(ours, ours[:1] + b"\x01" + ours[2:])


# Nobody, and who does not answer


@pytest.fixture
def still(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log that nobody writes."""
    monkeypatch.setattr("tapefold.verify.shadowing.ASK_EVERY", SECOND // 50)
    with open_log(path) as log:
        log.append(START, event_at(1))
    return path


def test_where_nobody_writes_one_is_told_what_to_do(still: Path) -> None:
    result = run("verify", "--live", still)
    assert result.exit_code == 4
    assert result.stderr == (
        f"tapefold: nobody is writing this log: `tapefold verify {still}` checks it at rest\n"
    )
    assert not (folder_of(still) / "asked").exists()
    still.with_name(still.name + ".lock").unlink()  # as of a copy
    assert run("verify", "--live", still).exit_code == 4


def test_an_old_answer_and_a_damaged_one_are_none(still: Path) -> None:
    log = read_log(still)
    with log:
        Cache(still).answer(Saved.of(Views.of(log.events()), 1, log.digest()))
    for _ in range(2):
        with pytest.raises(Refused, match="nobody is writing"), quick(still) as shadowing:
            next(shadowing)
        Cache(still).live.write_bytes(b"\x94\x01")


def test_who_holds_the_log_and_says_nothing_is_told_of(still: Path) -> None:
    with open_log(still), quick(still, patience=SECOND // 10) as shadowing:
        with pytest.raises(Refused, match=r"is being written, but .* within 0\.1 s"):
            next(shadowing)


def test_a_damaged_answer_is_waited_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapefold.verify.shadowing.ASK_EVERY", SECOND // 50)
    real, damaged = Cache.answer, [b"", b"\x94\x05junk", b"\xff" * 100]

    def answer(cache: Cache, saved: Saved) -> None:
        if damaged:
            cache.live.write_bytes(damaged.pop())
        else:
            real(cache, saved)

    monkeypatch.setattr(Cache, "answer", answer)
    with beside(path), quick(path) as shadowing:
        assert next(shadowing).position > 0
        assert not damaged
        damaged.extend([b"junk"] * 10_000)
    with beside(path.with_name("b.log")) as engine:
        with quick(engine.path, patience=SECOND // 2) as shadowing:
            with pytest.raises(Refused, match=r"live\.msgpack cannot be read"):
                next(shadowing)


def test_where_nothing_can_be_left_for_the_engine_it_is_said(still: Path) -> None:
    folder_of(still).write_bytes(b"in the way")
    result = run("verify", "--live", still)
    assert result.exit_code == 4
    assert "cannot be written" in result.stderr
    assert "as the user that the engine runs as" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_what_is_no_log_is_an_error_of_the_log(path: Path) -> None:
    with pytest.raises(LogError, match="no such file"), quick(path) as shadowing:
        next(shadowing)


# The end of an engine that did not close


@contextmanager
def process(path: Path) -> "Generator[subprocess.Popen[str]]":
    """An engine in a process, once it has something on the disk."""
    command = [sys.executable, "-c", ENGINE, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as engine:
        try:
            assert engine.stdout is not None
            assert engine.stdout.readline() == "ready\n"
            yield engine
        finally:
            engine.kill()


def test_an_engine_that_was_killed_is_said_to_be_gone(path: Path) -> None:
    with process(path) as engine, quick(path) as shadowing:
        position = next(shadowing).position
        with read_log(path) as log:
            next(log.follow(position))  # so that there is something that was not compared
        engine.send_signal(signal.SIGKILL)
        engine.wait()
        with pytest.raises(Refused, match=r"is gone, and saved no views .* \(it agreed \d"):
            list(shadowing)
    with History(path) as history:
        assert Cache(path).positions(history.log.head)[0] >= position
        assert history.views().freeze() == refolded(path, history.log.head)
    assert verify_log(path).saved_views >= 1


# The command


def lines(process: "subprocess.Popen[str]") -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def test_the_command_tells_each_comparison_to_the_engines_end(path: Path) -> None:
    with ExitStack() as stack:
        engine = stack.enter_context(beside(path))
        shadowing = stack.enter_context(
            started("verify", "--live", path, "--every", "50ms", "--json")
        )
        told = lines(shadowing)
        before = [next(told), next(told)]
        engine.until(before[-1]["position"])
        engine.end()
        *_, last = told
        assert shadowing.wait(PATIENCE) == 0
    assert {line["agrees"] for line in (*before, last)} == {True}
    assert [line["ended"] for line in (*before, last)] == [False, False, True]
    with read_log(path) as log:
        assert (last["position"], last["log_digest"]) == (log.head, log.digest())


def test_ctrl_c_ends_the_command_with_what_was_compared(path: Path) -> None:
    with beside(path), started("verify", "--live", path, "--every", "1h") as shadowing:
        assert shadowing.stdout is not None
        assert shadowing.stdout.readline() == f"shadowing {path} from its first event on\n"
        assert shadowing.stdout.readline().startswith("position ")
        os.kill(shadowing.pid, signal.SIGINT)
        _, complaint = shadowing.communicate(timeout=PATIENCE)
    assert shadowing.returncode == 130
    assert complaint.startswith("tapefold: interrupted (1 comparison agrees, to position ")


def test_the_command_ends_after_its_time_with_a_summary(path: Path) -> None:
    with beside(path):
        result = run("verify", "--live", path, "--every", "10ms", "--for", "100ms")
    assert result.exit_code == 0
    assert result.stderr == ""
    head, *told, summary = result.stdout.splitlines()
    assert head.startswith("shadowing ")
    assert all(": agrees, " in line for line in told)
    assert summary.startswith(f"{len(told):,} comparison")
    assert summary.endswith(": the time is over")


def test_the_command_fails_at_the_first_difference_and_names_it(path: Path) -> None:
    with beside(path) as engine:
        engine.do(lambda: engine.engine.views.anomalies.note(1, "request_failed"))
        result = run("verify", "--live", path, "--json")
        plain = run("verify", "--live", path)
    assert (result.exit_code, plain.exit_code) == (1, 1)
    (line,) = map(json.loads, result.stdout.splitlines())
    field = {"path": "anomalies.count", "logged": "0", "known": "1"}
    assert (line["agrees"], line["first"], line["folds"]) == (False, 1, {"anomalies": field})
    assert plain.stderr.startswith("tapefold: position ")
    assert "  anomalies.count: the log says 0, the engine 1\n" in plain.stderr


def test_what_goes_with_live_alone_is_wrong_usage_without_it(still: Path) -> None:
    assert run("verify", still, "--every", "5s").exit_code == 2
    assert run("verify", still, "--for", "5s").exit_code == 2
    assert run("verify", "--live", bundled(), still).exit_code == 2
    assert run("verify", "--live", bundled()).exit_code == 3


# Views saved while an engine runs


def test_a_running_engine_saves_its_views_as_its_log_grows(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tapefold.engine.saving.SAVE_EVERY", 64)

    def save(saver: Saver, views: Views) -> None:
        """A replay's own way, which is not meant here."""

    monkeypatch.setattr(Saver, "save", save)
    kept: SimpleQueue[int] = SimpleQueue()
    real = Cache.keep

    def keep(cache: Cache, saved: Saved) -> None:
        with read_log(path) as log:
            assert log.head >= saved.position  # on the disk before it can be believed
        real(cache, saved)
        kept.put(saved.position)

    monkeypatch.setattr(Cache, "keep", keep)
    with beside(path) as engine:
        first, second = kept.get(timeout=PATIENCE), kept.get(timeout=PATIENCE)
        monkeypatch.undo()  # at its end it saves once more, and only then lets go of its log
        engine.until(second)  # so that its end is another position
    assert second - first >= 64 <= first
    with History(path) as history:
        assert {first, second} <= {*Cache(path).positions(history.log.head)}
        assert history.views(second).freeze() == refolded(path, second)
        assert history.verify() >= 3


def test_an_engine_that_nobody_asks_saves_nothing_before_its_end(path: Path) -> None:
    with beside(path, speed=50) as engine:
        engine.until(500)
        assert [*folder_of(path).iterdir()] == []
    assert len([*folder_of(path).iterdir()]) == 1


def test_an_answer_is_as_good_as_saved_views(path: Path) -> None:
    with beside(path) as engine, quick(path) as shadowing:
        position = next(shadowing).position
        engine.until(position)
        engine.end()
    for file in folder_of(path).glob("0*"):
        file.unlink()
    assert Cache(path).positions(1 << 60) == [position]
    with History(path) as history, pytest.MonkeyPatch.context() as patch:
        read: list[int] = []
        real = history.log.pieces

        def pieces(after: int = 0, until: int = 1 << 60) -> Any:
            read.append(after)
            return real(after, until)

        patch.setattr(history.log, "pieces", pieces)
        head = history.log.head
        assert history.views().freeze() == refolded(path, head)
        assert read == [position]
        assert history.views(position - 1).freeze() == refolded(path, position - 1)


def test_saved_views_that_are_not_whole_are_not_believed(still: Path) -> None:
    """Of the right log and position, and readable: only their own checksum tells."""
    with read_log(still) as log:
        right = Saved.of(Views.of(log.events()), 1, log.digest())
    other = Views.of([LISTED])
    assert other.freeze() != right.views
    Cache(still).keep(Saved(right.position, right.log_digest, other.freeze(), right.sha256))
    with History(still) as history:
        assert history.views().freeze() == right.views


def test_views_saved_past_where_a_log_was_cut_are_not_believed(path: Path, tmp_path: Path) -> None:
    """As after a power cut that took what was not on the disk yet."""
    events = [event_at(position) for position in range(1, 601)]
    cut = tmp_path / "cut.log"
    with open_log(path) as whole, open_log(cut) as log:
        for event in events[:500]:
            whole.append(START, event)
            if whole.head in (100, 400, 500):
                saved = Saved.of(Views.of(events[: whole.head]), whole.head, whole.digest())
                (Cache(cut).answer if whole.head == 500 else Cache(cut).keep)(saved)
        for event in events[:300]:
            log.append(START, event)
    assert Cache(cut).positions(1 << 60) == [500, 400, 100]
    with History(cut) as history:
        assert history.views().freeze() == Views.of(events[:300]).freeze()
        assert history.verify() == 1
    with open_log(cut) as log:  # and goes on otherwise, past all of them
        for event in events[-250:]:
            log.append(START, event)
    with History(cut) as history:
        assert history.views().freeze() == Views.of([*events[:300], *events[-250:]]).freeze()
        assert history.verify() == 1


def test_the_position_of_an_answer_is_read_from_its_first_bytes(path: Path) -> None:
    for position in (0, 1, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**62):
        Cache(path).answer(Saved.of(Views(), position, "ab"))
        assert Cache(path).positions(2**62) == [position]
    for junk in (
        b"",
        b"\x94",
        b"\x94\xcf" + bytes(3),
        b"\x93" + bytes(20),
        b"\x94\xff" + bytes(20),
    ):
        Cache(path).live.write_bytes(junk)
        assert Cache(path).positions(2**62) == []


def test_an_engine_that_goes_on_counts_from_what_is_saved(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tapefold.engine.saving.SAVE_EVERY", 100)
    with open_log(path) as log:
        for position in range(1, 251):
            log.append(START, event_at(position))
        log.sync()
        views = Views.of(record.event for record in log.read())
        Saver(log, path).save(views)
        Saver(log, path).save(views)
        assert Cache(path).positions(1000) == [250]
        for position in range(251, 351):
            log.append(START, event_at(position))
            views.apply(event_at(position))
            Saver(log, path).save(views)
        assert Cache(path).positions(1000) == [350, 250]
