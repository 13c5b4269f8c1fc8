"""Form c: one kernel step, from bytes in memory: how long each takes.

    step.py c CAPTURE... [--log memory|file] [--passes N]

Each received frame's `kernel.step(Frame(...))` is taken between two readings of the clock, of which
nothing is subtracted; what a reading costs by itself is said beside the figures. A step is whole in
it: decoding, synchronising, logging, folding, and in the writer's thread, where there is a file, what
of its work holds up this one. The book's best prices are not read.
"""

import argparse
from array import array
from collections.abc import Sequence
from statistics import median
from time import perf_counter_ns
from typing import Final

from bench.stats import SHARES, percentiles
from ours.asking import Clock, Said, imported, parser, scratch, settle
from ours.frames import opened
from ours.prepared import Driver, Item, counted, frames_of, items_of, session_of
from tapefold import Frame, Session

_IMPORTS: Final = imported()
Steps = tuple["array[int]", "array[int]"]
"""Nanoseconds of every received frame's step, and of those that carry levels of a book."""


def timed(driver: Driver, items: Sequence[Item]) -> Steps:
    """Play every line, and take the time of each received frame's step."""
    every, books = array("q"), array("q")
    step = driver.kernel.step
    for time, lane, data in items[driver.begin(items) :]:
        if not isinstance(data, bytes):
            driver.rare(time, lane, data)
            continue
        began = perf_counter_ns()
        out = step(Frame(time, lane, "recv", data))
        took = perf_counter_ns() - began
        if out:
            driver.take(out)
        every.append(took)
        if b"@depth" in data[:64]:
            books.append(took)
    return every, books


def clock_cost() -> int:
    """Nanoseconds that two readings of the clock are apart, with nothing between them: the median."""
    apart: list[int] = []
    for _ in range(10_000):
        began = perf_counter_ns()
        apart.append(perf_counter_ns() - began)
    return int(median(apart))


def one(asked: argparse.Namespace, session: Session, items: Sequence[Item]) -> Steps:
    """One pass, on a new log."""
    with scratch(asked.work) as folder, opened(asked.log, folder) as log:
        driver = Driver(session, log)
        settle()
        return timed(driver, items)


def run(asked: argparse.Namespace) -> Said:
    """So many passes; of each share the median of the passes."""
    said = Said("c", import_seconds=_IMPORTS)
    session = session_of(asked.captures, asked.work)
    items = items_of(session)
    said.frames, said.levels = counted(frames_of(items))
    clock = Clock()
    with clock.running():
        passes = [one(asked, session, items) for _ in range(asked.passes)]
    said.took(clock)
    said.figures = {"clock_ns": clock_cost(), "passes": asked.passes}
    for name, which in (("frames", 0), ("book", 1)):
        each = [percentiles(steps[which]) for steps in passes]
        said.figures[name] = {share: median(one[share] for one in each) for share in SHARES}
    return said


def main(arguments: Sequence[str] | None = None) -> None:
    """From a command line."""
    asked = parser("c", "one kernel step from bytes in memory")
    asked.add_argument("--log", choices=["memory", "file", "hash"], default="memory")
    asked.add_argument("--passes", type=int, default=5)
    run(asked.parse_intermixed_args(arguments)).say()


if __name__ == "__main__":
    main()
