"""One process that does the jobs while its instructions are counted, or while it is timed.

    python -m guard.worker WORKLOAD counts
    python -m guard.worker WORKLOAD times ROUNDS

*WORKLOAD* is a file of it; jobs write into the working directory. It prints one JSON line.
"""

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path as File
from typing import Final

import msgspec

from guard.clock import Clock
from guard.jobs import Job, jobs_of
from guard.workload import Workload
from tapefold.core import NATIVE

WARM: Final = 250, 1
"""Frames and batches of orders with which all is done once before anything is counted."""


class Row(msgspec.Struct):
    """What was measured of one path."""

    name: str
    unit: str
    units: int
    ours: list[float]
    """Seconds of each round; nothing where instructions are counted."""
    baseline: list[float]


class Said(msgspec.Struct):
    """What a worker prints."""

    native: bool
    rows: list[Row]
    marks: list[tuple[str, bool]] = []
    """A path's name, and whether it is ours, as often as its clock was started or stopped."""


def counted(jobs: list[Job]) -> Said:
    """Every job once, with a mark wherever a clock starts or stops."""
    said = Said(NATIVE, [])

    def clock(name: str, ours: bool) -> Clock:
        def mark() -> None:
            said.marks.append((name, ours))
            os.getppid()  # where it is called, callgrind writes down what was counted since

        return Clock(mark)

    for job in jobs:
        _pass(job, clock)
        said.rows += [Row(path.name, path.unit, path.units, [], []) for path in job.paths]
    return said


def timed(jobs: list[Job], rounds: int) -> Said:
    """The engine and the baseline in turn, so often; the first round is thrown away."""
    said = Said(NATIVE, [])
    for job in jobs:
        said.rows += [Row(path.name, path.unit, path.units, [], []) for path in job.paths]
    rows = {row.name: row for row in said.rows}
    for number in range(rounds + 1):
        for job in jobs:
            both = _pass(job, _unmarked)
            for path, ours, plain in zip(job.paths, *both, strict=True):
                if number:
                    rows[path.name].ours.append(ours.seconds)
                    rows[path.name].baseline.append(plain.seconds)
    return said


def _unmarked(_name: str, _ours: bool) -> Clock:
    return Clock()


def _pass(job: Job, clock: Callable[[str, bool], Clock]) -> tuple[list[Clock], list[Clock]]:
    """The engine, then the baseline; both must come to the same."""
    ours, plain = ([clock(path.name, which) for path in job.paths] for which in (True, False))
    came, meant = job.ours(ours), job.baseline(plain)
    if came != meant:
        name = job.paths[0].name
        raise SystemExit(f"{name}: the engine came to {came}, the baseline to {meant}")
    return ours, plain


def main() -> None:
    """From a command line."""
    work = msgspec.msgpack.decode(File(sys.argv[1]).read_bytes(), type=Workload)
    for name in ("warm", "jobs"):
        File(name).mkdir()
    gc.freeze()  # what was imported is not looked through each time
    if sys.argv[2] == "counts":
        for job in jobs_of(work.first(*WARM), File("warm")):
            _pass(job, _unmarked)
        said = counted(jobs_of(work, File("jobs")))
    else:
        said = timed(jobs_of(work, File("jobs")), int(sys.argv[3]))
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")


if __name__ == "__main__":
    main()
