"""`tapefold scenario run --record`: no death, no full disk and nobody's file loses a recording.

No door: recordings are written by a double, and put in their place by what `--record` does. The process
that does it is killed at each point where it touches the disk. At the end a real one is, in the middle.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import scenario_doubles as doubles
from disks import mounted
from tiny import PYTHON, run

from tapefold.cli.scenario_recorded import Kept, keep
from tapefold.cli.scenario_swap import LOCK, beside, put_back
from tapefold.errors import Refused

OLD = {"restarts": "old\n", "restarts.2": "old\n", "restarts.3": "old\n"}
FILES = [f"{name}/tape.jsonl" for name in OLD]
NEW = {"restarts": "restarts\n", "restarts.2": "restarts.2\n"}


def cassettes_in(folder: Path, tapes: dict[str, str] | None = None) -> Path:
    """Recordings as they were before."""
    cassettes = folder / "cassettes"
    for name, tape in (OLD if tapes is None else tapes).items():
        (cassettes / "binance" / name).mkdir(parents=True)
        (cassettes / "binance" / name / "tape.jsonl").write_text(tape)
    return cassettes


def tapes(cassettes: Path) -> dict[str, str]:
    """What is there."""
    home = cassettes / "binance"
    found = home.iterdir() if home.is_dir() else ()
    return {path.name: (path / "tape.jsonl").read_text() for path in sorted(found)}


def left(cassettes: Path) -> list[str]:
    """Whatever is there besides recordings."""
    return sorted(path.name for path in cassettes.iterdir() if path.name != "binance")


def record(cassettes: Path) -> Kept | None:
    """As `--record` does."""
    with beside(cassettes) as made:
        doubles.write(made / "binance" / "restarts")
        return keep(made, cassettes, "binance", "restarts")


def killed_at(number: int, do: Callable[[], Any], below: Path) -> bool:
    """Another process does it, and is killed when it touches the disk *below* for that time."""
    pid = os.fork()
    if pid == 0:
        touched = 0

        def hook(event: str, args: tuple[Any, ...]) -> None:
            nonlocal touched
            if event.startswith(("os.", "open", "shutil.")) and str(below) in str(args):
                touched += 1
                if touched == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(hook)
            do()
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("before", [OLD, {}, {"restarts": "old\n"}])
def test_wherever_it_is_killed_the_old_ones_are_there_or_the_new(
    tmp_path: Path, before: dict[str, str]
) -> None:
    came: list[dict[str, str]] = []
    for number in range(1, 200):
        cassettes = cassettes_in(tmp_path / f"{number}", before)
        cassettes.mkdir(parents=True, exist_ok=True)
        died = killed_at(number, partial(record, cassettes), cassettes)
        put_back(cassettes)
        came.append(tapes(cassettes))
        assert left(cassettes) == []
        if not died:
            break
    assert len(came) > 20
    first_new = came.index(NEW)
    assert came == [*[before] * first_new, *[NEW] * (len(came) - first_new)]
    assert 0 < first_new < len(came) - 5


def died_between(folder: Path) -> Path:
    """Recordings of which the old ones are gone, and the new ones are not there."""
    for number in range(1, 200):
        cassettes = cassettes_in(folder)
        assert killed_at(number, partial(record, cassettes), cassettes)
        if not tapes(cassettes):
            return cassettes
        shutil.rmtree(cassettes)
    raise AssertionError("there is no such moment")


def test_a_death_while_it_is_put_back_loses_nothing_either(tmp_path: Path) -> None:
    saved = died_between(tmp_path / "saved")
    came: list[list[str]] = []
    for number in range(1, 200):
        cassettes = shutil.copytree(saved, tmp_path / f"{number}" / "cassettes")
        died = killed_at(number, partial(put_back, cassettes), cassettes)
        came.append(put_back(cassettes))
        assert (tapes(cassettes), left(cassettes)) == (NEW, [])
        if not died:
            break
    assert len(came) > 10
    assert (came[0], came[-1]) == (["binance/restarts"], [])


def test_who_puts_it_back_says_which_recordings_those_were(tmp_path: Path) -> None:
    cassettes = died_between(tmp_path)
    assert put_back(cassettes) == ["binance/restarts"]
    assert put_back(cassettes) == []


def test_the_folder_of_a_process_that_lives_is_left_alone(tmp_path: Path) -> None:
    cassettes = cassettes_in(tmp_path)
    with beside(cassettes) as made:
        doubles.write(made / "binance" / "restarts")
        assert put_back(cassettes) == []
        with beside(cassettes) as other:
            assert left(cassettes) == sorted([made.name, other.name])
        kept = keep(made, cassettes, "binance", "restarts")
    assert kept == Kept(cassettes / "binance" / "restarts", "different", tuple(sorted(FILES)))
    assert (tapes(cassettes), left(cassettes)) == (NEW, [])


def test_a_folder_that_is_not_ours_stays(tmp_path: Path) -> None:
    cassettes = cassettes_in(tmp_path)
    notes = cassettes / ".recording-notes"
    notes.mkdir()
    (notes / "mine.txt").write_text("mine")
    (cassettes / ".recording-file").write_text("mine")
    (cassettes / ".recording-link").symlink_to(cassettes / "binance")
    there = left(cassettes)
    assert put_back(cassettes) == []
    assert left(cassettes) == there
    assert tapes(cassettes) == OLD
    assert (notes / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("state", [".out", ".in"])
@pytest.mark.parametrize("since", [["restarts"], ["restarts.2"], ["restarts", "restarts.2"]])
def test_what_stands_there_since_is_not_mixed_with_the_new(
    tmp_path: Path, since: list[str], state: str
) -> None:
    cassettes = cassettes_in(tmp_path, dict.fromkeys(since, "of git\n"))
    dead = cassettes / ".recording-dead"
    doubles.write(dead / state / "binance" / "restarts")
    (dead / LOCK).write_bytes(b"")
    put_back(cassettes)
    # While the old ones are on their way out nobody can say that these are others.
    assert tapes(cassettes) == (NEW if state == ".out" else dict.fromkeys(since, "of git\n"))
    assert left(cassettes) == []


def test_what_cannot_be_put_back_is_one_line_and_stays(tmp_path: Path) -> None:
    cassettes = cassettes_in(tmp_path, {})
    dead = cassettes / ".recording-dead"
    doubles.write(dead / ".in" / "binance" / "restarts")
    (dead / LOCK).write_bytes(b"")
    (cassettes / "binance").write_text("a file")
    with pytest.raises(Refused) as caught:
        put_back(cassettes)
    assert str(caught.value) == (
        f"{dead}: a process that died left recordings there, and they cannot be put in their place: "
        "File exists"
    )
    (cassettes / "binance").unlink()
    assert put_back(cassettes) == ["binance/restarts"]
    assert (tapes(cassettes), left(cassettes)) == (NEW, [])


@pytest.mark.parametrize("wrong", range(1, 11))
def test_where_the_new_ones_cannot_go_in_the_old_ones_are_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: int
) -> None:
    cassettes, count, real = cassettes_in(tmp_path), 0, Path.rename

    def rename(path: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == wrong:
            raise OSError(5, "Input/output error")
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    if (
        wrong == 10
    ):  # 2 are made ready, 3 old ones go out, 2 new ones in, and a state is entered twice
        assert record(cassettes)
        assert (tapes(cassettes), left(cassettes), count) == (NEW, [], 9)
        return
    with pytest.raises(Refused) as caught:
        record(cassettes)
    said = f"{cassettes}/binance/restarts: cannot be replaced: Input/output error"
    assert str(caught.value) == said
    assert (tapes(cassettes), left(cassettes)) == (OLD, [])


@pytest.mark.parametrize("name", ["restarts", "restarts.2"])
def test_a_file_where_a_recording_should_be_is_refused_and_stays(tmp_path: Path, name: str) -> None:
    cassettes = cassettes_in(tmp_path, {})
    (cassettes / "binance").mkdir(parents=True)
    file = cassettes / "binance" / name
    file.write_text("mine")
    with pytest.raises(Refused, match=f"{name} is no folder, and a recording is one: move it away"):
        record(cassettes)
    assert file.read_text() == "mine"
    file.unlink()
    file.symlink_to(tmp_path)
    with pytest.raises(Refused, match=f"{name} is a link, and a recording is a folder"):
        record(cassettes)
    assert file.is_symlink()


# By the command


RESTARTS = """\
title = "An order lives through a restart"
exchanges = ["binance"]

[given]
balances = {USDT = 1000}

[given.markets.BTC-USDT]
bids = [[99, 1]]
asks = [[101, 1]]

[[when]]
submit = {order = "buy", side = "buy", amount = 0.5, price = 50}

[[when]]
until = 'order("buy").status == "open"'

[[when]]
restart = true

[[when]]
submit = {order = "other", side = "buy", amount = 0.5, price = 101}

[[when]]
until = 'order("other").status == "filled"'

[then]
orders.buy = {status = "open"}
"""
KILLED = """\
import os, signal, sys
def hook(event, args):
    if event == "os.rename" and str(args[1]).endswith(".in"):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
"""


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with one story of two sessions."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "restarts.toml").write_text(RESTARTS)
    return tmp_path


def command(*args: str, before: str = "") -> "subprocess.CompletedProcess[str]":
    """A process of its own."""
    program = [sys.executable, "-c", f"{before}\n{PYTHON}from tapefold.cli import main; main()"]
    words = ["scenario", "run", *args]
    return subprocess.run([*program, *words], capture_output=True, text=True, check=False)


def all_bytes(cassettes: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in cassettes.rglob("*") if path.is_file()}


def test_a_run_after_a_death_has_the_recording_again_and_says_so(project: Path) -> None:
    cassettes = project / "cassettes"
    assert run("scenario", "run", "--record").exit_code == 0
    story = project / "scenarios" / "restarts.toml"
    story.write_text(RESTARTS.replace("USDT = 1000", "USDT = 2000"))
    died = command("--record", before=KILLED)
    assert died.returncode == -signal.SIGKILL
    assert tapes_of(cassettes) == []
    result = run("scenario", "run")
    assert (result.exit_code, result.stderr) == (
        0,
        "tapefold: cassettes/binance/restarts: put in place what a process that died had recorded\n",
    )
    ways = [line.split()[3] for line in result.stdout.splitlines()[:-1]]
    assert ways == ["simulator", "replay", "mock"]
    assert tapes_of(cassettes) == ["restarts", "restarts.2"]
    assert left(cassettes) == []
    assert run("scenario", "run").stderr == ""


def tapes_of(cassettes: Path) -> list[str]:
    return sorted(path.name for path in (cassettes / "binance").iterdir())


def test_a_stale_recording_is_cured_by_the_command_that_it_names(project: Path) -> None:
    assert run("scenario", "run", "--record").exit_code == 0
    story = project / "scenarios" / "restarts.toml"
    story.write_text(RESTARTS.replace("USDT = 1000", "USDT = 2000"))
    result = run("scenario", "run")
    cure = "tapefold scenario run scenarios/restarts.toml --exchange binance --record"
    assert result.exit_code == 1
    assert result.stdout.splitlines().count(f"  if that is what you meant: {cure}") == 1
    assert run(*cure.split()[1:]).exit_code == 0
    assert run("scenario", "run").exit_code == 0


@pytest.mark.parametrize("more", [(), ("--record",)])
def test_a_file_in_the_place_of_a_recording_is_one_line(
    project: Path, more: tuple[str, ...]
) -> None:
    file = project / "cassettes" / "binance" / "restarts"
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    result = run("scenario", "run", *more)
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr == (
        "tapefold: cassettes/binance/restarts is no folder, and a recording is one: move it away\n"
    )
    assert file.read_text() == "mine"


@pytest.fixture
def small_disk(project: Path) -> Iterator[Path]:
    """The project's recordings on a file system of some 200 kB."""
    with mounted(project / "cassettes", "200k") as folder:
        yield folder


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_full_disk_is_one_line_and_the_old_recordings_are_whole(
    small_disk: Path, project: Path, jobs: str
) -> None:
    assert run("scenario", "run", "--record").exit_code == 0
    old = all_bytes(small_disk)
    filler = small_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    text = RESTARTS.replace("USDT = 1000", "USDT = 2000")
    (project / "scenarios" / "restarts.toml").write_text(text)
    (project / "scenarios" / "and_more.toml").write_text(text)
    for free in (0, 2, 5) if jobs == "1" else (2,):  # blocks: less than two sessions have
        os.truncate(filler, (filler.stat().st_size // 4096 - free) * 4096)
        ended = command("--record", "--jobs", jobs)
        assert (ended.returncode, ended.stderr) == (
            4,
            "tapefold: cassettes: nothing more can be recorded there: No space left on device\n",
        )
        assert "FAILED" not in ended.stdout
        there = all_bytes(small_disk)
        assert there.pop(str(filler))
        assert there == old
        assert left(small_disk) == ["filler"]


def test_a_folder_that_goes_away_while_it_is_looked_at_is_nobodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cassettes = cassettes_in(tmp_path)
    dead = cassettes / ".recording-dead"
    dead.mkdir()
    (dead / LOCK).write_bytes(b"")
    real = Path.exists

    def exists(path: Path) -> bool:
        found = real(path)
        if path.name == LOCK:
            shutil.rmtree(path.parent)
        return found

    monkeypatch.setattr(Path, "exists", exists)
    assert put_back(cassettes) == []
    assert tapes(cassettes) == OLD
