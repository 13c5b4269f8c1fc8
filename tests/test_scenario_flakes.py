"""All scenarios come out the same, in one process or two, in any order, under any hash seed: each time.

No door of its own: the command line in processes of their own, which play all three ways. ROUNDS=20 in
the environment does it so often.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[1]
ROUNDS: Final = int(os.environ.get("ROUNDS", "5"))
SECONDS_MAX: Final = 60.0
"""That all of them may take, on two cores that are shared."""


def outcomes(jobs: int, seed: int) -> tuple[list[dict[str, Any]], float]:
    """What the command says of each run, but for its time, and how long all took, in seconds."""
    paths = sorted(path.name for path in (ROOT / "scenarios").glob("*.toml"))
    Random(seed).shuffle(paths)
    given = [f"scenarios/{path}" for path in paths]
    command = [
        sys.executable,
        "-m",
        "tapefold",
        "scenario",
        "run",
        "--json",
        "--jobs",
        str(jobs),
        *given,
    ]
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    began = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    took = time.perf_counter() - began
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return [{key: row[key] for key in row if key != "seconds"} for row in rows], took


@pytest.fixture(scope="module")
def wanted() -> list[dict[str, Any]]:
    """What comes of all of them one after the other, in one process."""
    rows, took = outcomes(1, 0)
    assert took < SECONDS_MAX
    ways = {way: sum(row["way"] == way for row in rows) for way in ("simulator", "replay", "mock")}
    assert min(ways.values()) >= 18, ways
    assert all(row["passed"] for row in rows)
    return rows


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_two_processes_say_what_one_says_in_any_order(
    seed: int, wanted: list[dict[str, Any]]
) -> None:
    rows, took = outcomes(2, seed)
    assert rows == wanted
    sys.stdout.write(f"{len(rows)} runs in {took:.1f} s\n")
    assert took < SECONDS_MAX
