"""One session, one log: in every process, under every hash seed, with and without a log file.

The replay door, in processes of their own: that is what is promised of it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tapefold import bundled
from tapefold.session import Session, SessionWriter

SEEDS = ("0", "1", "2", "42", "4294967295")
PLAY = """
import sys
from pathlib import Path
from tapefold import open_log
from tapefold.replay import Replay
from tapefold.session import Session

log = open_log(Path(sys.argv[2])) if len(sys.argv) > 2 else None
replay = Replay(Session(sys.argv[1]), log)
while replay.play(1000):
    pass
digests = replay.digests()
if log:
    log.close()
print(digests.log, sorted(digests.folds.items()))
"""


def played(session: Path, seed: str, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-W", "error", "-c", PLAY, str(session), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("seed", SEEDS)
def test_the_bundled_session_gives_its_digests_under_any_hash_seed(seed: str) -> None:
    digests = Session(bundled()).meta.digests
    assert played(bundled(), seed) == f"{digests.log} {sorted(digests.folds.items())}\n"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_recorded_session_gives_its_digests_under_any_hash_seed(
    seed: str, recorded: Callable[[str], Session]
) -> None:
    session = recorded("cryptofeed/BINANCE_FUTURES-20210722")
    digests = session.meta.digests
    expected = f"{digests.log} {sorted(digests.folds.items())}\n"
    assert played(session.folder, seed) == expected


def test_a_log_file_changes_nothing(tmp_path: Path) -> None:
    assert played(bundled(), "7", str(tmp_path / "log")) == played(bundled(), "8")


def test_an_import_gives_the_same_session_in_every_process(tmp_path: Path) -> None:
    capture = tmp_path / "capture"
    stamp = 1_700_000_000_000_000_000
    lines = [
        '{"stream":"ab@depth@100ms","data":{"E":1,"s":"AB","U":1,"u":2,"b":[["1.5","2"]],"a":[]}}',
        '{"lastUpdateId":2,"bids":[["1.5","2"]],"asks":[["1.75","1"]]}',
        '{"stream":"ab@trade","data":{"E":2,"T":2,"s":"AB","t":7,"p":"1.5","q":"1","m":true}}',
    ]
    capture.write_text("".join(f"{stamp + n} {line}\n" for n, line in enumerate(lines)))
    made: set[bytes] = set()
    for seed in SEEDS:
        folder = tmp_path / f"session{seed}"
        code = (
            "import sys; from pathlib import Path; from tapefold import import_capture; "
            "import_capture('hftbacktest', [Path(sys.argv[1])], Path(sys.argv[2]), exchange='binance')"
        )
        subprocess.run(
            [sys.executable, "-c", code, str(capture), str(folder)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
        )
        made.add((folder / "tape.jsonl").read_bytes() + (folder / "session.toml").read_bytes())
    assert len(made) == 1


PEAK = """
import resource, sys
from tapefold.replay import Replay
from tapefold.session import Session

replay = Replay(Session(sys.argv[1]))
while replay.play(1000):
    pass
print(replay.frames, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def longer(session: Session, folder: Path, times: int) -> Path:
    """The same session, its quotes and trades said again and again: as many events, no new book."""
    folder.mkdir()
    meta = msgspec.structs.replace(session.meta, sealed=False)
    writer = SessionWriter(folder, meta)
    writer.close()
    (folder / "http.yaml").write_bytes((session.folder / "http.yaml").read_bytes())
    lines = [*session.lines()]
    encode = msgspec.json.encode
    with (folder / "tape.jsonl").open("wb") as tape:
        for line in lines:
            tape.write(encode(line) + b"\n")
        said = [
            line
            for line in lines
            if b"@bookTicker" in bytes(line.data) or b"@trade" in bytes(line.data)
        ]
        for _ in range(times):
            for line in said:
                if line.kind == "recv":
                    again = msgspec.structs.replace(line, at=lines[-1].at)
                    tape.write(encode(again) + b"\n")
    return folder


def test_memory_does_not_grow_with_the_session(tmp_path: Path) -> None:
    """Ten times the frames, the same peak within a tenth: a tape is streamed, a log hashed."""
    session = Session(bundled())
    peaks: list[tuple[int, int]] = []
    for name, times in (("short", 5), ("long", 50)):
        folder = longer(session, tmp_path / name, times)
        command = [sys.executable, "-c", PEAK, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        frames, peak = map(int, done.stdout.split())
        peaks.append((frames, peak))
    (short, low), (long, high) = peaks
    assert long > 5 * short
    assert high < 1.1 * low, peaks


def test_the_oracle_numbers_are_plain_json(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tapefold", "replay", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["reached"] is True
    assert {row["state"] for row in report["instruments"]} == {"live"}
