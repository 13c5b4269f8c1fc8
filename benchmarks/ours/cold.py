"""Form f: how long until an engine is open, and what it takes of memory.

    cold.py f [--times N]

A process imports tapefold, opens the bundled session in memory, and ends. It is started several times;
each figure is the median. What Python alone takes is beside it, and the packages whose modules take
longest to import, by `python -X importtime`.
"""

import argparse
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

from ours.asking import Said, children, parser

OPENED: Final = """
import trio
import tapefold

async def main():
    async with tapefold.open_engine(tapefold.bundled(), mode="replay"):
        pass

trio.run(main)
"""
IMPORTED: Final = "import tapefold"
NOTHING: Final = "pass"
_PEAK: Final = """
import re
try:
    print(re.search(r"VmHWM:\\s*([0-9]+)", open("/proc/self/status").read())[1])
except OSError:
    import resource, sys
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1))
"""
"""What a process says last: the most memory it ever had, in kB. `re` is there by then, or it is said
of Python alone, where it is most of what is measured."""
_LINE: Final = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| +(\S+)")


class Cold(NamedTuple):
    """What one process took."""

    seconds: float
    """User and system."""
    wall: float
    rss_mb: float


def start(code: str) -> Cold:
    """One process that runs *code* and nothing else."""
    began, before = time.perf_counter(), children()
    program = (sys.executable, "-c", code + _PEAK)
    said = subprocess.run(program, check=False, capture_output=True, text=True)
    if said.returncode:
        raise SystemExit(said.stderr)
    return Cold(children() - before, time.perf_counter() - began, int(said.stdout) / 1024)


def typical(code: str, times: int) -> Cold:
    """The median of several, each figure by itself; the first, which may compile, is not counted."""
    start(code)
    each = [start(code) for _ in range(times)]
    return Cold(*(median(values) for values in zip(*each, strict=True)))


def parts() -> dict[str, float]:
    """By package, the seconds that its modules take when an engine is opened: the heaviest eight."""
    program = (sys.executable, "-X", "importtime", "-c", OPENED)
    said = subprocess.run(program, check=True, capture_output=True, text=True).stderr
    found = Counter[str]()
    for took, name in _LINE.findall(said):
        found[name.partition(".")[0]] += int(took)
    return {name: took / 1e6 for name, took in found.most_common(8)}


def run(asked: argparse.Namespace) -> Said:
    """All of it."""
    said = Said("f", does="imports everything, and opens an engine on the bundled session")
    opened = typical(OPENED, asked.times)
    said.seconds, said.wall = opened.seconds, opened.wall
    alone, imported = typical(NOTHING, asked.times), typical(IMPORTED, asked.times)
    said.import_seconds = imported.seconds
    said.figures = {
        "opened": opened._asdict(),
        "imported": imported._asdict(),
        "python": alone._asdict(),
        "parts": parts(),
    }
    return said


def main(arguments: Sequence[str] | None = None) -> None:
    """From a command line."""
    asked = parser("f", "how long until an engine is open, and its memory")
    asked.add_argument("--times", type=int, default=5)
    run(asked.parse_intermixed_args(arguments)).say()


if __name__ == "__main__":
    main()
