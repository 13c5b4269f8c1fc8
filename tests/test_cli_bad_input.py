"""What is wrong with what it is given, said in one clear line; and nothing written or lost."""

import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import zstandard
from click.testing import Result
from tiny import (
    TAPEFOLD,
    capture,
    delta,
    remeta,
    retape,
    run,
    session,
    snapshot,
    stamped,
    started,
    story,
    tape,
    told,
    trade,
)

from tapefold.engine import Engine
from tapefold.log import read_log
from tapefold.session import Session

HOUR = 3_600_000_000_000


@pytest.fixture
def made(tmp_path: Path) -> Session:
    return session(tmp_path)


def fails(code: int, words: str, *args: str | Path) -> str:
    """Run, and see one line on standard error that says *words*; the line."""
    return _failed(run(*args), code, words)


def _failed(result: Result, code: int, words: str) -> str:
    assert result.exit_code == code, result.output
    assert result.stderr.startswith("tapefold: ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr
    assert "Traceback" not in result.output
    return result.stderr


def listing(folder: Path) -> list[str]:
    """Everything in a folder, at any depth."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# Sessions


def test_a_path_that_is_missing(tmp_path: Path) -> None:
    fails(3, "nowhere is not a session: there is no such folder", "replay", tmp_path / "nowhere")
    fails(3, "no such folder or file", "show", tmp_path / "nowhere")
    fails(3, "nowhere is not a log: there is no such file", "verify", tmp_path / "nowhere")
    assert listing(tmp_path) == []


def test_a_folder_that_is_no_session(tmp_path: Path) -> None:
    for command in ("replay", "show"):
        fails(3, "is not a session: it has no session.toml", command, tmp_path)
    fails(3, "is a folder, not a log", "verify", tmp_path)


def test_a_file_that_is_no_session(made: Session) -> None:
    fails(3, "name the session's folder", "replay", made.folder / "session.toml")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "format = 1",
            "format = 2",
            "is of a newer tapefold (format 2, this one reads 1): upgrade",
        ),
        ("format = 1", "format = ", "session.toml cannot be read"),
        ('source = "import"', 'source = "hearsay"', "Invalid enum value 'hearsay'"),
        ("binance_futures", "../../etc", "is no name of an exchange"),
        ("binance_futures", "nasdaq", "there is no adapter 'nasdaq'; installed: "),
        ("started_ns = 1", "started_ns = -1", "session.toml cannot be read"),
    ],
)
def test_a_session_toml_that_is_wrong(made: Session, old: str, new: str, words: str) -> None:
    fails(3, words, "replay", remeta(made, old, new))


def test_a_tape_that_was_cut_short(made: Session) -> None:
    made.tape.write_bytes(made.tape.read_bytes()[:-100])
    for command in ("replay", "show"):
        fails(3, "was cut short: it has 14 whole lines of 15", command, made.folder)


def test_a_packed_tape_that_was_cut_short(made: Session) -> None:
    packed = zstandard.ZstdCompressor(write_checksum=True).compress(made.tape.read_bytes())
    made.tape.unlink()
    made.tape.with_suffix(".jsonl.zst").write_bytes(packed[:-20])
    fails(3, "tape.jsonl.zst", "replay", made.folder)


def test_what_came_before_a_tape_was_cut_short_is_kept(made: Session, tmp_path: Path) -> None:
    made.tape.write_bytes(made.tape.read_bytes()[:-100])
    log = tmp_path / "eth.log"
    said = fails(3, "was cut short", "replay", made.folder, "--log", log)
    with read_log(log) as reader:
        assert reader.verify() == 13
    assert f"({log} has everything up to position 13)" in said


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 9: "),
        ('[1,"binance_futures/1","recv"]', "line 9: "),
        ('[-1,"binance_futures/1","recv",{}]', "line 9: "),
        ('[1e400,"binance_futures/1","recv",{}]', "line 9: "),
        ('[99999999999999999999,"binance_futures/1","recv",{}]', "line 9: "),
        ('[9000000000,"binance_futures/1","shouted",{}]', "line 9: Invalid enum value 'shouted'"),
        ('[0,"binance_futures/1","recv",{}]', "line 9: its time goes back"),
        ('[9000000000,"binance_futures/9","recv",{}]', "which is not open"),
        ('[9000000000,"engine","command",{"command":"dance"}]', "line 9: Invalid value 'dance'"),
        ('[9000000000,"binance_futures/1","close",{"by":"me"}]', "line 9: "),
        ("[" * 100_000, "line 9: "),
        ("", "line 9: "),
        ("\x00\xff", "line 9: "),
    ],
)
def test_a_line_that_is_wrong(made: Session, line: str, words: str) -> None:
    lines: list[Any] = tape(made)
    lines[8] = line
    code = 1 if "not open" in words else 3
    fails(code, words, "replay", retape(made, lines))


@pytest.mark.parametrize("name", ["tape.jsonl", "http.yaml", "session.toml"])
def test_a_file_that_is_linked_from_outside(made: Session, tmp_path: Path, name: str) -> None:
    path = made.folder / name
    path.rename(tmp_path / name)
    path.symlink_to(tmp_path / name)
    fails(3, f"{name} is a link", "replay", made.folder)


def test_a_tape_that_is_no_file(made: Session) -> None:
    made.tape.unlink()
    os.mkfifo(made.tape)
    fails(3, "is no regular file", "replay", made.folder)


def test_a_packed_tape_that_is_a_bomb(made: Session) -> None:
    made.tape.unlink()
    _bomb(made.folder / "tape.jsonl.zst")
    fails(3, "line 1: longer than", "replay", made.folder)


def test_a_tape_of_too_many_bytes(made: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapefold.session.files.SESSION_MAX", 1000)
    fails(3, "more than 1000 bytes when unpacked", "replay", made.folder)


def _bomb(path: Path) -> None:
    """Forty megabytes of one line, in a few bytes."""
    with path.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as writer:
        for _ in range(40):
            writer.write(bytes(1 << 20))


HEAD = "version: 1\ninteractions:\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{HEAD}- !!python/object/apply:os.system ['true']\n# end\n", "http.yaml"),
        (f"{HEAD}- &a [*a, *a, *a]\n# end\n", "an alias"),
        (f"{HEAD}- {'[' * 5000}\n# end\n", "http.yaml cannot be read"),
        (f"{HEAD}- {{}}\n# end\n", "interaction 1"),
        (f"{HEAD}- response: {{n: x}}\n# end\n", "interaction 1"),
        ("- 1\n", "it has no list of interactions"),
        ("version: 1\ninteractions: [\n", "http.yaml cannot be read"),
        ("", "http.yaml"),
        (HEAD, "has no answer to request 1"),
    ],
)
def test_a_cassette_that_is_evil_or_broken(made: Session, text: str, words: str) -> None:
    (made.folder / "http.yaml").write_text(text)
    fails(3, words, "replay", made.folder)


@pytest.mark.parametrize(
    "frame",
    [
        {"stream": "ethusdt@unheard", "data": {}},
        {"result": None, "id": 1},
        [1, 2, 3],
        "hello",
    ],
)
def test_a_frame_of_an_unknown_kind_stops_nothing(made: Session, frame: Any) -> None:
    lines = tape(made)
    lines[-1][3] = frame
    result = run("replay", retape(made, lines))
    assert result.exit_code == 1
    assert "the tape was edited since it was sealed" in result.stderr
    assert "Traceback" not in result.output


# Logs


def test_a_log_that_is_something_else(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("buy low, sell high\n")
    for args in (("show", path), ("verify", path), ("show", path, "--follow")):
        fails(3, "is not a log: it is no SQLite file", *args)
    assert listing(tmp_path) == ["notes.txt"]


def test_a_session_is_not_played_into_something_else(made: Session, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("buy low, sell high\n")
    fails(3, "is not a log", "replay", made.folder, "--log", path)
    assert path.read_text() == "buy low, sell high\n"


def test_a_log_is_not_played_into_twice(made: Session, tmp_path: Path) -> None:
    path = tmp_path / "eth.log"
    assert run("replay", made.folder, "--log", path).exit_code == 0
    fails(4, "a replay needs a new one", "replay", made.folder, "--log", path)
    with read_log(path) as log:
        assert log.head == made.meta.counts.events


def test_a_log_in_no_folder(made: Session, tmp_path: Path) -> None:
    fails(3, "there is no folder", "replay", made.folder, "--log", tmp_path / "a" / "eth.log")


def test_a_log_that_another_process_has(made: Session, tmp_path: Path) -> None:
    path = tmp_path / "eth.log"
    code = (
        "import pathlib, sys, tapefold.log as log\n"
        "with log.open_log(pathlib.Path(sys.argv[1])): print('open', flush=True); input()"
    )
    command = [sys.executable, "-c", code, str(path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "open\n"
        words = f"open in another engine (process {other.pid})"
        fails(4, words, "replay", made.folder, "--log", path)
        other.communicate("\n")
    assert run("replay", made.folder, "--log", path).exit_code == 0


def test_a_log_that_was_damaged(made: Session, tmp_path: Path) -> None:
    path = tmp_path / "eth.log"
    assert run("replay", made.folder, "--log", path).exit_code == 0
    data = bytearray(path.read_bytes())
    at = data.rindex(b"binance_futures")
    data[at] ^= 1
    path.write_bytes(data)
    fails(3, "is damaged", "verify", path)
    fails(3, "is damaged", "verify", made.folder, path)


def test_a_position_that_is_not_there(made: Session, tmp_path: Path) -> None:
    path = tmp_path / "eth.log"
    assert run("replay", made.folder, "--log", path).exit_code == 0
    fails(3, "there is no position 99: the log goes from 0 to 14", "show", path, "--at", "99")
    words = "there is no position 99: the session goes from 0 to 14"
    fails(3, words, "show", made.folder, "--at", "99")


# Captures


def imports(tmp_path: Path, *more: str | Path, form: str = "hftbacktest") -> tuple[str | Path, ...]:
    return "import", form, tmp_path / "ethusdt.gz", "-o", tmp_path / "eth", *more


def refuses(tmp_path: Path, code: int, words: str, *args: str | Path) -> None:
    """It says so, and leaves no session and nothing of one."""
    before = listing(tmp_path)
    fails(code, words, *args)
    assert listing(tmp_path) == before


def test_a_target_that_is_there(tmp_path: Path) -> None:
    capture(tmp_path)
    (tmp_path / "eth").mkdir()
    refuses(tmp_path, 3, "is there already", *imports(tmp_path))


def test_a_capture_that_is_not_there(tmp_path: Path) -> None:
    refuses(tmp_path, 3, "there is no such file", *imports(tmp_path))


def test_a_format_or_exchange_that_nobody_knows(tmp_path: Path) -> None:
    capture(tmp_path)
    words = "there is no format 'csv'; there are: cryptofeed, hftbacktest"
    refuses(tmp_path, 2, words, *imports(tmp_path, form="csv"))
    words = "there is no adapter 'nasdaq'; installed: "
    refuses(tmp_path, 3, words, *imports(tmp_path, "--exchange", "nasdaq"))


@pytest.mark.parametrize("text", ["ETHUSDT", "=ETH-USDT", "ETHUSDT=ETHUSDT", "ETHUSDT=-", ""])
def test_a_symbol_that_is_wrong(tmp_path: Path, text: str) -> None:
    capture(tmp_path)
    words = "is not of the form ETHUSDT=ETH-USDT"
    refuses(tmp_path, 2, words, *imports(tmp_path, "--symbol", text))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "the capture has no frame"),
        (["what is this"], "line 1 does not begin with a time"),
        (["1723161255000000000 {}"], "the capture has no frame"),
        ([*reversed([*stamped(story(), HOUR)])], "stamps go back by 3600.000 s"),
    ],
)
def test_a_capture_that_is_wrong(tmp_path: Path, lines: list[str], words: str) -> None:
    capture(tmp_path, lines)
    refuses(tmp_path, 3, words, *imports(tmp_path))


def test_a_capture_that_was_cut_short(tmp_path: Path) -> None:
    path = capture(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    refuses(tmp_path, 3, "ethusdt.gz, after line 0: damaged or cut short", *imports(tmp_path))


def test_a_capture_that_is_a_bomb(tmp_path: Path) -> None:
    path = tmp_path / "ethusdt.gz"
    path.write_bytes(gzip.compress(bytes(40 << 20), 9))
    refuses(tmp_path, 3, "longer than", *imports(tmp_path))
    _bomb(path)
    refuses(tmp_path, 3, "longer than", *imports(tmp_path))


ABSURD: tuple[tuple[Callable[..., str], dict[str, Any]], ...] = (
    (delta, {"u": 10**30}),
    (delta, {"U": -1}),
    (delta, {"E": 2**70}),
    (delta, {"T": -5}),
    (delta, {"u": 1.5}),
    (delta, {"b": [["1e5", "1"]]}),
    (delta, {"b": [["NaN", "1"]]}),
    (delta, {"b": [["-1", "1"]]}),
    (delta, {"b": [["1" * 70, "1"]]}),
    (delta, {"b": [["0." + "0" * 50 + "1", "1"]]}),
    (delta, {"b": [[1, 2]]}),
    (delta, {"b": None}),
    (delta, {"s": "BTCUSDT"}),
    (trade, {"p": "1e400"}),
    (trade, {"p": "٣"}),
    (trade, {"q": "Infinity"}),
    (trade, {"t": 2**64}),
)


@pytest.mark.parametrize(("frame", "changes"), ABSURD)
def test_absurd_numbers_are_rejected_and_told(
    tmp_path: Path, frame: Callable[..., str], changes: dict[str, Any]
) -> None:
    capture(tmp_path, stamped([*story(), frame(6, **changes)]))
    assert run(*imports(tmp_path)).exit_code == 0
    report = told("replay", tmp_path / "eth", "--json")
    assert (report["reached"], report["anomalies"]) == (True, 1)
    assert "anomalies: 1;" in run("replay", tmp_path / "eth").stdout
    shown = run("show", tmp_path / "eth", "--at", str(report["events"])).stdout
    assert "a frame could not be read" in shown


def test_json_that_is_not_json_is_rejected(tmp_path: Path) -> None:
    nan = delta(6).replace('"2.5"', "NaN")
    capture(tmp_path, stamped([*story(), nan, "[" * 100_000, '{"stream":"ethusdt@trade"']))
    assert run(*imports(tmp_path)).exit_code == 0
    report = told("replay", tmp_path / "eth", "--json")
    assert (report["reached"], report["anomalies"]) == (True, 3)


def test_a_capture_without_a_snapshot_is_told_to_be(tmp_path: Path) -> None:
    capture(tmp_path, stamped(frame for frame in story() if frame != snapshot()))
    result = run(*imports(tmp_path))
    assert result.exit_code == 0
    assert "without an answer: book ETHUSDT" in result.stdout
    assert "this book is never live" in result.stdout
    assert told("replay", tmp_path / "eth", "--json")["instruments"][0]["state"] == "empty"


def test_a_gap_that_nothing_closes_is_told(tmp_path: Path) -> None:
    capture(tmp_path, stamped([delta(1), snapshot(), delta(2), delta(9)]))
    result = run(*imports(tmp_path))
    assert "this book is stale from its last gap on" in result.stdout
    assert "never live" not in result.stdout


# Wrong usage


@pytest.mark.parametrize(
    "args",
    [
        ("dance",),
        ("--dance",),
        ("show",),
        ("verify",),
        ("import", "hftbacktest"),
        ("import", "hftbacktest", "x.gz"),
        ("replay", "x", "--speed", "fast"),
        ("replay", "x", "--speed", "-1"),
        ("replay", "x", "--until", "soon"),
        ("replay", "x", "--until", "-5"),
        ("replay", "x", "y"),
        ("show", "x", "--at", "-1"),
        ("show", "x", "--depth", "0"),
        ("show", "x", "--follow", "--book", "ETH-USDT"),
    ],
)
def test_wrong_usage_is_exit_code_2(args: tuple[str, ...]) -> None:
    fails(2, "--help`", *args)


# What stands in the way


def test_ctrl_c_during_a_replay_keeps_what_came(tmp_path: Path) -> None:
    made, log = session(tmp_path, step=HOUR), tmp_path / "eth.log"
    with started("replay", made.folder, "--speed", "1", "--log", log) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline().startswith("replaying ")
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        (line,) = process.stderr.read().splitlines()
    assert line.startswith("tapefold: interrupted")
    assert run("verify", log).exit_code == 0


def test_ctrl_c_in_mock_mode_is_told_as_anywhere(
    made: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There it comes out of a nursery, in a group; as does what else goes wrong beside it."""

    async def ended(engine: Engine) -> None:
        raise BaseExceptionGroup("a nursery's", [ValueError("beside it"), KeyboardInterrupt()])

    monkeypatch.setattr(Engine, "ended", ended)
    result = run("replay", made.folder, "--door", "mock")
    assert (result.exit_code, result.stderr) == (130, "tapefold: interrupted\n")


def test_ctrl_c_during_an_import_leaves_nothing(tmp_path: Path) -> None:
    frames = [delta(1), snapshot(), *(trade(n) for n in range(60_000))]
    capture(tmp_path, stamped(frames, 1000))
    with started(*imports(tmp_path)) as process:
        assert process.stderr
        while not [*tmp_path.glob(".eth.*/tape.jsonl")]:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.stderr.read() == "tapefold: interrupted\n"
    assert listing(tmp_path) == ["ethusdt.gz"]


@pytest.mark.parametrize("command", [("show", "--follow"), ("replay",), ("show", "--json")])
def test_whoever_reads_may_stop_reading(made: Session, command: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    name, *options = command
    with started(name, made.folder, *options, stdout=writing) as process:
        os.close(writing)
        assert process.stderr
        assert process.stderr.read() == ""
        assert process.wait() in (0, 141)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", [("show",), ("replay",), ("replay", "--json"), ("--help",)])
def test_output_that_takes_no_more(made: Session, command: tuple[str, ...]) -> None:
    name, *options = command
    path = [] if name.startswith("-") else [made.folder]
    with (
        Path("/dev/full").open("w") as full,
        started(name, *path, *options, stdout=full) as process,
    ):
        assert process.stderr
        (line,) = process.stderr.read().splitlines()
        assert process.wait() == 4
    assert line.startswith("tapefold: ")
    assert line.endswith("No space left on device")


def test_a_closed_output_is_nobody_to_tell(made: Session) -> None:
    command = 'exec "$0" -m tapefold replay "$1" >&-'
    args = ["sh", "-c", command, sys.executable, str(made.folder)]
    ended = subprocess.run(args, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


ROOT_LIKE_OTHERS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
"""Root without the right to read everything."""


@pytest.mark.skipif(
    os.geteuid() == 0 and not which("setpriv"), reason="root may read everything, without setpriv"
)
def test_a_file_that_may_not_be_read(made: Session) -> None:
    made.tape.chmod(0)
    before = ROOT_LIKE_OTHERS if os.geteuid() == 0 else []
    command = [*before, sys.executable, "-c", TAPEFOLD, "replay", str(made.folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 3
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"tapefold: {made.tape}")
    assert line.endswith("Permission denied")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    path = capture(tmp_path)
    fails(4, "ethusdt.gz", "import", "hftbacktest", path, "-o", path / "eth")


# Our own faults


def _broken(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("one\ntwo")


def test_a_fault_of_ours_is_one_line(made: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapefold.cli.replay.replay_report", _broken)
    line = fails(70, "internal error, ZeroDivisionError: one two", "replay", made.folder)
    assert "--traceback" in line
    result = run("--traceback", "replay", made.folder)
    assert result.exit_code == 70
    assert "Traceback" in result.stderr


def test_nobody_meets_a_group_of_errors(made: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ExceptionGroup("several", [ExceptionGroup("more", [OSError(13, "no", "a.log")])])

    monkeypatch.setattr("tapefold.cli.replay.replay_report", broken)
    assert fails(4, "a.log: no", "replay", made.folder) == "tapefold: a.log: no\n"
