"""Recording, from a live run to a sealed session that replays to the same digest.

Virtual time for faults (an exchange that misbehaves, recorded meanwhile), the mock door where a session
is recorded while it is played, and processes with real sockets for the command line.
"""

import json
import os
import re
import signal
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tiny import run, started
from trio.testing import MockClock

from tapefold import (
    ConnectionClosed,
    Engine,
    Refused,
    Request,
    Session,
    StreamStale,
    WatchClock,
    bundled,
    open_engine,
    replay_report,
)
from tapefold.engine import Live
from tapefold.sim import Answer
from tapefold.testing import (
    Manner,
    Side,
    breaks_off,
    closing,
    framed,
    open_virtual,
    refuses,
    silent,
    stalls,
)


def same(engine: Engine, folder: Path) -> Session:
    """The session that was recorded; it replays to what the run came to, folds and all."""
    session = Session(folder)
    report = replay_report(session)
    assert session.meta.sealed
    assert report.digests.log == engine.log.digest() == session.meta.digests.log
    assert report.digests.folds == engine.views.digests() == session.meta.digests.folds
    assert report.reached
    return session


PLANS: dict[str, list[Manner]] = {
    "no fault": [],
    "a restart": [breaks_off(60, closing(1012, "service restart"))],
    "a cut, and a refusal": [breaks_off(60, b""), refuses("429 Too Many Requests")],
    "no answer, and a silence": [silent, stalls(50)],
}


@pytest.mark.parametrize("what", PLANS)
async def test_a_live_run_and_its_recording_agree(
    what: str, tmp_path: Path, autojump_clock: MockClock
) -> None:
    asked = 0

    async def troubled(request: Request, answer: Answer) -> Answer:
        nonlocal asked
        asked += 1
        return Answer(503, b"busy") if asked % 3 == 0 and asked < 10 else answer

    folder = tmp_path / "made"
    async with open_virtual(plan=PLANS[what], twist=troubled) as exchange:
        async with open_engine(exchange.live(), record=folder) as engine:
            engine.command(WatchClock("binance"))
            engine.subscribe("binance", *exchange.symbols)
            await engine.until(lambda views: len(exchange.dialled) > len(PLANS[what]))
            await exchange.converged(engine)
    session = same(engine, folder)
    assert session.meta.source == "live"
    assert session.meta.instruments == ["BTC-USDT", "ETH-USDT"]


async def test_binary_frames_stay_binary(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Also one that could be text: recorded, replayed, played over a wire and recorded again."""
    text = b'{"stream":"btcusdt@trade","data":{}}'

    async def odd(side: Side) -> None:
        await side.handshake()
        await side.stream.send_all(
            framed(b"\x01\xff\x00", 0x82) + framed(text, 0x82) + framed(text)
        )
        await side.listen()

    folder = tmp_path / "made"
    async with open_virtual(plan=[odd]) as exchange:
        async with open_engine(exchange.live(), record=folder) as engine:
            engine.subscribe("binance", *exchange.symbols)
            await engine.until(lambda views: views.anomalies.count == 3)
    session = same(engine, folder)
    frames = [line for line in session.lines() if line.kind == "recv"]
    assert [line.coding for line in frames] == ["base64", "base64", ""]
    again = tmp_path / "again"
    async with open_engine(session, mode="virtual", record=again) as engine:
        await engine.ended()
    assert [*same(engine, again).lines()] == [*session.lines()]


async def test_a_silence_is_in_the_recording(tmp_path: Path, autojump_clock: MockClock) -> None:
    """The lane is alive and says nothing: the engine hangs up by itself, and the tape has that."""

    async def mute(side: Side) -> None:
        await side.handshake()
        await side.listen()

    folder = tmp_path / "made"
    async with open_virtual(plan=[mute]) as exchange:
        async with open_engine(exchange.live(), record=folder) as engine:
            engine.subscribe("binance", *exchange.symbols, silence_max=20_000_000_000)
            await engine.until(lambda views: len(exchange.dialled) == 2)
            await exchange.converged(engine)
    same(engine, folder)
    kinds = [type(record.event) for record in engine.log.read()]
    assert kinds.count(StreamStale) == kinds.count(ConnectionClosed) == 1


async def test_a_recording_ends_with_the_block_that_fails_and_can_be_read(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    folder = tmp_path / "made"
    async with open_virtual() as exchange, AsyncExitStack() as stack:
        stack.enter_context(pytest.raises(ZeroDivisionError))
        engine = await stack.enter_async_context(open_engine(exchange.live(), record=folder))
        engine.subscribe("binance", *exchange.symbols)
        await engine.until(exchange.all_live)
        raise ZeroDivisionError
    session = Session(folder)
    assert not session.meta.sealed
    report = replay_report(session)
    assert report.digests.log == engine.log.digest()
    assert report.reached is None


@pytest.mark.parametrize("mode", ["mock", "virtual"])
async def test_recorded_while_mocking_it_is_the_same_tape(mode: Any, tmp_path: Path) -> None:
    """Byte for byte, stamps included: the fake exchange keeps the recorded times."""
    folder = tmp_path / "made"
    async with open_engine(bundled(), mode=mode, record=folder) as engine:
        await engine.ended()
    ours = same(engine, folder)
    theirs = Session(bundled())
    assert [*ours.lines()] == [*theirs.lines()]
    assert ours.meta.digests == theirs.meta.digests


async def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="is there already"):
        async with open_engine(bundled(), mode="mock", record=tmp_path):
            pass
    assert not os.listdir(tmp_path)


async def test_a_replay_is_not_recorded(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is of a recording already"):
        async with open_engine(bundled(), mode="replay", record=tmp_path / "x"):
            pass


async def test_mocking_keeps_a_live_engine_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCK_API_ENABLED", "true")
    with pytest.raises(Refused, match="MOCK_API_ENABLED is set"):
        async with open_engine(Live(("binance",))):
            pass


async def test_mocking_is_the_mode_of_a_session_where_the_environment_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOCK_API_ENABLED", "true")
    with pytest.raises(Refused, match="mock mode takes its commands from the tape"):
        async with open_engine(bundled()) as engine:
            engine.command(WatchClock("binance"))


CANARY = "cAnArY7s3cr3tK3yQx9vB2nM4wZ8"


async def test_a_secret_that_an_exchange_repeats_ends_the_recording_and_not_the_engine(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async def leaks(request: Request, answer: Answer) -> Answer:
        if "time" in request.url:
            return Answer(200, b'{"serverTime":1767614400000,"note":"' + CANARY.encode() + b'"}')
        return answer

    folder = tmp_path / "made"
    async with open_virtual(twist=leaks) as exchange:
        live = exchange.live()
        kept = Live(live.exchanges, seed=1, secrets={"key": CANARY}, outside=live.outside)
        async with AsyncExitStack() as stack:
            leak = stack.enter_context(pytest.raises(Refused, match="key"))
            engine = await stack.enter_async_context(open_engine(kept, record=folder))
            engine.command(WatchClock("binance"))
            engine.subscribe("binance", *exchange.symbols)
            await exchange.converged(engine)
    assert CANARY not in str(leak.value)
    assert not any(CANARY.encode() in path.read_bytes() for path in folder.iterdir())
    assert not Session(folder).meta.sealed
    replay_report(Session(folder))


# The command line, over real sockets


@contextmanager
def served(session: Path, *options: str) -> Generator[tuple[dict[str, str], Any]]:
    """`tapefold mock` in a process of its own, and where it listens."""
    with started("mock", session, "--json", *options) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline()), process


def ends(urls: dict[str, str]) -> list[str]:
    """The options that send `record` there."""
    (ws,) = (url for origin, url in urls.items() if origin.startswith("wss"))
    (rest,) = (url for origin, url in urls.items() if origin.startswith("https"))
    return ["--ws", ws, "--rest", rest]


PAIRS = ("BTC-USDT", "ETH-USDT", "MOTE-USDT")


def test_a_session_is_served_and_recorded_again(tmp_path: Path) -> None:
    """Ctrl-C ends it in order: sealed, replayed, exit code 0. The books are those of the session."""
    folder, log = tmp_path / "again", tmp_path / "again.log"
    with served(bundled(), "--speed", "50") as (urls, _):
        command = ["record", "binance", *PAIRS, "-o", str(folder), "--log", str(log)]
        with started(*command, *ends(urls)) as recording:
            assert recording.stdout is not None
            assert recording.stdout.readline() == "binance/1: connected\n"
            assert recording.stdout.readline() == "ETH-USDT: the book is stale (gap)\n"
            recording.send_signal(signal.SIGINT)
            out, err = recording.communicate()
            assert (recording.returncode, err) == (0, "")
        assert "replays to that digest" in out
    result = run("replay", folder, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["reached"]
    assert run("verify", folder, log).exit_code == 0


def test_so_many_seconds_and_one_object_at_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "again"
    with served(bundled(), "--speed", "1") as (urls, _):
        command = ["record", "binance", *PAIRS, "-o", str(folder), "--seconds", "1", "--json"]
        with started(*command, *ends(urls)) as recording:
            out, err = recording.communicate()
    assert (recording.returncode, err) == (0, "")
    facts = json.loads(out)
    assert facts["frames"] > 0
    assert facts["digest"] == Session(folder).meta.digests.log
    assert replay_report(Session(folder)).reached


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["nobody", "A-B", "-o", "x"], "there is no adapter 'nobody'", 3),
        (["binance", "A-B", "-o", ".."], "is there already", 3),
        (["binance", "A-B", "-o", "x", "--ws", "http://here"], "is no address", 3),
        (["binance", "A-B", "-o", "x", "--rest", "nonsense"], "is no address", 3),
        (["binance", "A-B", "-o", "x", "--seconds", "0"], "is no number of seconds", 2),
        (["binance", "A-B", "-o", "x", "--seconds", "nan"], "is no number of seconds", 2),
        (["binance", "A-B", "-o", ""], "name a new folder", 2),
        (["binance", "A-B", "-o", "x", "--silence", "soon"], "is no span of time", 2),
        (["binance", "-o", "x"], "Missing argument", 2),
        (["binance", "A-B"], "Missing option", 2),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    arguments: list[str],
    said: str,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("record", *arguments)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "x").exists()


def test_a_pair_that_is_not_there(tmp_path: Path) -> None:
    with served(bundled()) as (urls, _):
        result = run("record", "binance", "NO-SUCH", "-o", tmp_path / "x", *ends(urls))
    assert result.exit_code == 3
    assert result.stderr.startswith("tapefold: binance has no instrument NO-SUCH")


def test_nobody_answers(tmp_path: Path) -> None:
    ends = ["--ws", "ws://127.0.0.1:1", "--rest", "http://127.0.0.1:1"]
    arguments = ["binance", "BTC-USDT", "-o", str(tmp_path / "x"), "--seconds", "0.5", *ends]
    result = run("record", *arguments)
    assert result.exit_code == 4
    said = (
        r"nothing was heard of binance \(no answer of 127\.0\.0\.1:1 about \w+ \(ConnectError\)\)"
    )
    assert re.search(said, result.stderr)
    assert not (tmp_path / "x").exists()


def test_whose_output_nobody_reads_any_more_goes_on_recording(tmp_path: Path) -> None:
    folder = tmp_path / "again"
    with served(bundled(), "--speed", "30") as (urls, _):
        command = ["record", "binance", *PAIRS, "-o", str(folder), "--seconds", "3"]
        with started(*command, *ends(urls)) as recording:
            assert recording.stdout is not None
            recording.stdout.readline()
            recording.stdout.close()
            assert recording.wait() == 141
    assert replay_report(Session(folder)).reached
    assert Session(folder).meta.counts.frames == 8671


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_kill_that_may_be_heard_ends_it_in_order(number: int, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    with served(bundled(), "--speed", "20") as (urls, _):
        with started("record", "binance", *PAIRS, "-o", folder, *ends(urls)) as recording:
            assert recording.stdout is not None
            recording.stdout.readline()
            assert "stale" in recording.stdout.readline()
            recording.send_signal(number)
            recording.communicate()
    assert recording.returncode == 0
    assert replay_report(Session(folder)).reached


def test_a_kill_leaves_what_was_recorded(tmp_path: Path) -> None:
    folder = tmp_path / "again"
    with served(bundled(), "--speed", "20") as (urls, _):
        with started("record", "binance", *PAIRS, "-o", folder, *ends(urls)) as recording:
            assert recording.stdout is not None
            recording.stdout.readline()
            recording.stdout.readline()
            recording.kill()
            recording.wait()
    assert run("replay", folder).exit_code == 0
    assert run("session", "repair", folder).exit_code == 0
    assert run("replay", folder).exit_code == 0


def test_a_client_that_does_something_else_ends_the_mock_with_what_differs(tmp_path: Path) -> None:
    pairs = reversed(PAIRS)
    with served(bundled()) as (urls, mock):
        with started("record", "binance", *pairs, "-o", tmp_path / "x", *ends(urls)) as other:
            _, err = mock.communicate()
            other.kill()
    assert mock.returncode == 1
    assert err.startswith("tapefold: the client connected to wss://stream.binance.com:9443/stream")
    assert "the tape has" in err


def test_a_client_that_does_nothing_more_ends_the_mock_with_what_is_missing(tmp_path: Path) -> None:
    with served(bundled(), "--timeout", "0.2") as (urls, mock):
        run("record", "binance", "NO-SUCH", "-o", tmp_path / "x", *ends(urls))
        _, err = mock.communicate()
    assert mock.returncode == 1
    assert err.startswith("tapefold: stalled: the tape waits for line 6 (binance/1 open")
