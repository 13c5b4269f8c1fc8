"""Having workers measured: by callgrind, or by the clock."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final, Literal, NamedTuple

import msgspec

from guard.worker import Said
from guard.workload import Workload

How = Literal["counts", "times"]
Kind = Literal["native", "pure"]
KINDS: Final[tuple[Kind, ...]] = ("native", "pure")
ROUNDS: Final = 15
SECONDS_MAX: Final = 600
"""A worker that takes longer hangs."""
_HERE: Final = Path(__file__).parents[1]


class Unmeasured(Exception):
    """It could not be measured; the text says why."""


class Measured(NamedTuple):
    """One path."""

    unit: str
    ours: float
    """Of each unit: instructions, or microseconds."""
    baseline: float
    ratio: float


Figures = Mapping[str, Measured]
"""By the paths' names."""


def measure(work: Workload, kinds: Sequence[Kind], how: How) -> dict[Kind, Figures]:
    """What each path takes. Instructions of all *kinds* are counted at once, times taken one by one."""
    if how == "times":
        return {kind: _timed(work, kind) for kind in kinds}
    with TemporaryDirectory() as folder:
        workers = [_Worker(work, kind, Path(folder, kind), how) for kind in kinds]
        try:
            return {worker.kind: _counted(worker) for worker in workers}
        finally:
            for worker in workers:
                worker.stop()


def _timed(work: Workload, kind: Kind) -> Figures:
    with TemporaryDirectory() as folder:
        worker = _Worker(work, kind, Path(folder, kind), "times")
        try:
            said = worker.said()
        finally:
            worker.stop()
    figures: dict[str, Measured] = {}
    for row in said.rows:
        each = 1e6 / row.units
        ratios = [ours / plain for ours, plain in zip(row.ours, row.baseline, strict=True)]
        ours, plain = min(row.ours) * each, min(row.baseline) * each
        figures[row.name] = Measured(row.unit, ours, plain, min(ours / plain, median(ratios)))
    return figures


def _counted(worker: "_Worker") -> Figures:
    said, counts = worker.said(), Counter[tuple[str, bool]]()
    for number, mark in enumerate(said.marks, 1):
        if number % 2 == 0:  # a clock was stopped, so this part of the profile is what it ran for
            counts[mark] += _instructions(worker.profile.with_name(f"profile.{number}"))
    figures: dict[str, Measured] = {}
    for row in said.rows:
        ours, plain = (counts[row.name, which] / row.units for which in (True, False))
        figures[row.name] = Measured(row.unit, ours, plain, ours / plain)
    return figures


def _instructions(profile: Path) -> int:
    try:
        lines = profile.read_text().splitlines()
        (total,) = (int(line.split()[1]) for line in lines if line.startswith("totals:"))
    except (OSError, ValueError) as error:
        raise Unmeasured(f"callgrind's {profile.name} cannot be read: {error}") from error
    return total


class _Worker:
    """A process that measures, in a folder of its own."""

    def __init__(self, work: Workload, kind: Kind, folder: Path, how: How) -> None:
        folder.mkdir()
        self.kind: Kind = kind
        self.profile = folder / "profile"
        (folder / "workload").write_bytes(msgspec.msgpack.encode(work))
        valgrind = ["valgrind", "--tool=callgrind", "--dump-before=getppid"]
        counting = [*valgrind, f"--callgrind-out-file={self.profile}"]
        program = [sys.executable, "-m", "guard.worker", "workload", how, str(ROUNDS)]
        self._process = subprocess.Popen(
            [*(counting if how == "counts" else ()), *program],
            cwd=folder,
            env=_environment(kind),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def said(self) -> Said:
        """What it measured. Raises `Unmeasured`."""
        try:
            out, errors = self._process.communicate(timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            raise Unmeasured(f"it took more than {SECONDS_MAX} seconds") from None
        if self._process.returncode:
            why = errors.decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise Unmeasured(f"the worker failed: {why[-1]}")
        said = msgspec.json.decode(out, type=Said)
        if said.native != (self.kind == "native"):
            raise Unmeasured(
                "the compiled core does not run here: `pip install -e .` builds it anew"
            )
        return said

    def stop(self) -> None:
        """It need not go on."""
        self._process.kill()
        self._process.communicate()


def _environment(kind: Kind) -> dict[str, str]:
    """The same wherever it is started: what hashes and what is imported must not be left to chance."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TAPEFOLD_")}
    path = os.pathsep.join(filter(None, (str(_HERE), kept.get("PYTHONPATH"))))
    kept |= {"PYTHONHASHSEED": "0", "PYTHONPATH": path}
    return kept | ({"TAPEFOLD_PURE": "1"} if kind == "pure" else {})
