"""Embedding: the replay door inside a trio program. No sockets; trio's own clock, jumped by itself."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import trio
import trio.testing
from captures import ROOT

import tapefold
from tapefold import bundled, open_engine
from tapefold.engine import Engine
from tapefold.session import Session

DIGESTS = Session(bundled()).meta.digests


async def test_followers_hear_all_of_it_in_order() -> None:
    async with open_engine(bundled()) as engine:
        positions = [record.position async for record in engine.follow()]
        assert positions == [*range(1, engine.log.head + 1)]
        assert engine.log.digest() == DIGESTS.log
        assert engine.views.digests() == DIGESTS.folds


async def test_who_waits_sees_the_moment_itself() -> None:
    async with open_engine(bundled()) as engine:
        position = await engine.until(lambda views: views.book("BTC-USDT").updates == 7)
        assert engine.views.position == position == engine.log.head
        assert engine.views.book("BTC-USDT").updates == 7


async def test_two_who_wait_for_different_moments_each_see_their_own() -> None:
    seen: list[int] = []

    async def wait(updates: int) -> None:
        await engine.until(lambda views: views.book("BTC-USDT").updates == updates)
        seen.append(engine.views.book("BTC-USDT").updates)

    async with open_engine(bundled()) as engine, trio.open_nursery() as nursery:
        for updates in (9, 3, 6):
            nursery.start_soon(wait, updates)
    assert seen == [3, 6, 9]


async def test_what_never_comes_true_is_said() -> None:
    async with open_engine(bundled()) as engine:
        with pytest.raises(tapefold.Unmet):
            await engine.until(lambda views: views.book("NO-SUCH").live)


async def test_a_log_file_is_kept_and_is_the_session(tmp_path: Path) -> None:
    path = tmp_path / "log"
    async with open_engine(bundled(), log=path) as engine:
        await engine.ended()
    assert tapefold.verify_session(Session(bundled()), path).digest == DIGESTS.log
    with pytest.raises(tapefold.LogError, match="a log already"):
        async with open_engine(bundled(), log=path):
            pass


async def test_leaving_early_leaves_a_log_that_is_a_prefix(tmp_path: Path) -> None:
    path = tmp_path / "log"
    async with open_engine(bundled(), log=path) as engine:
        await engine.until(lambda views: views.position > 1000)
    head = tapefold.verify_log(path).head
    assert 1000 < head < Session(bundled()).meta.counts.events


async def divide(moment: int) -> None:
    """A block that goes wrong in the middle of a session."""
    async with open_engine(bundled()) as engine:
        await engine.until(lambda views: views.position > moment)
        raise ZeroDivisionError


async def test_what_the_block_raises_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        await divide(100)


async def test_what_a_question_raises_comes_out_where_it_was_asked() -> None:
    async with open_engine(bundled()) as engine:
        with pytest.raises(ZeroDivisionError):
            await engine.until(lambda views: 1 // max(0, 100 - views.position) > 5)
        await engine.ended()


async def test_what_was_heard_of_is_not_said_again(tmp_path: Path) -> None:
    folder = tmp_path / "wrong"
    folder.mkdir()
    for path in bundled().iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "http.yaml").unlink()
    async with open_engine(folder) as engine:
        with pytest.raises(tapefold.SessionError, match=r"http\.yaml"):
            await engine.ended()
    with pytest.raises(ValueError, match="a speed is"):
        async with open_engine(folder, speed=0):
            pass


async def test_a_session_that_breaks_says_so_to_whoever_waits(tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    for path in bundled().iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    session = Session(folder)
    lines = [*session.lines()]
    session.tape.unlink()
    text = "".join(
        f'[{line.at},"{line.lane}","{line.kind}",{bytes(line.data).decode()}]\n'
        for line in lines[:50]
    )
    (folder / "tape.jsonl").write_text(text)
    with pytest.raises(tapefold.SessionError, match="cut short"):
        async with open_engine(folder) as engine:
            await engine.until(lambda views: views.position > 10**9)
    with pytest.raises(tapefold.SessionError, match="cut short"):
        async with open_engine(folder) as engine:
            assert [record async for record in engine.follow()]


async def test_the_pace_is_the_tapes(autojump_clock: trio.testing.MockClock) -> None:
    lines = [*Session(bundled()).lines()]
    async with open_engine(bundled(), speed=2) as engine:
        await engine.ended()
    assert trio.current_time() == pytest.approx((lines[-1].at - lines[0].at) / 2e9, rel=0.01)


def test_the_example_of_the_readme_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    code = example.strip().splitlines()
    assert len([line for line in code if line]) <= 16
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, check=True
    )
    assert DIGESTS.log in done.stdout
    assert "book invalidated: gap" in done.stdout


def test_what_ends_the_engine_comes_out_also_where_the_block_waits_in_a_nursery(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The block's own nursery has nothing to say but that it was cancelled."""

    async def run(engine: Engine, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await trio.testing.wait_all_tasks_blocked()
        raise BaseExceptionGroup("of its own nursery", [KeyboardInterrupt()])

    async def waiting() -> None:
        async with open_engine(bundled()), trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            await trio.sleep_forever()

    monkeypatch.setattr(Engine, "run", run)
    with pytest.raises(KeyboardInterrupt):
        trio.run(waiting)
