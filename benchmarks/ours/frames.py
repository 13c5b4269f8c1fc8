"""Form a: frames in memory become typed events, exact books and a log, through the real kernel.

    frames.py a CAPTURE... [--log memory|file|hash] [--check]

Timed is, for every frame, building `Frame` of bytes in memory, the kernel's whole step with it, and
reading best bid and ask of the book. The log is the one an engine has: events encoded, hashed into
the chain, kept as rows in memory; with `file` written by its thread to a SQLite file, the last row
synced before the clock stops; with `hash` encoded, hashed and forgotten.
"""

import argparse
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from contenders.common import Tops
from ours.asking import Clock, Said, imported, parser, scratch
from ours.prepared import Driver, Item, counted, frames_of, items_of, note, session_of
from tapefold import Frame, Log, open_log

_KEPT: Final = {
    "memory": "its rows kept in memory",
    "file": "written to a file by a thread, synced at the end",
    "hash": "hashed and forgotten",
}
DOES: Final = (
    "more: every event is typed, encoded, hashed into a chain and logged ({log}); book order checked by "
    "update ids, best prices by crossing"
)
_IMPORTS: Final = imported()


@contextmanager
def opened(kind: str, folder: Path) -> Generator[Log]:
    """A new log of that kind."""
    if kind == "hash":
        yield Log()
        return
    with closing(open_log(folder / "log" if kind == "file" else None)) as log:
        yield log


def play(driver: Driver, items: Sequence[Item]) -> None:
    """Every line into the kernel; after each, best bid and ask of the first instrument's book."""
    begun = driver.begin(items)
    book = driver.views.books[0]
    step, bids, asks = driver.kernel.step, book.bids, book.asks
    for time, lane, data in items[begun:]:
        if isinstance(data, bytes):
            if out := step(Frame(time, lane, "recv", data)):
                driver.take(out)
        else:
            driver.rare(time, lane, data)
        bids.best()
        asks.best()


def check(driver: Driver, items: Sequence[Item]) -> str | None:
    """The same, unmeasured: the checksum of best bid and ask after every frame."""
    tops, frames = Tops(), 0
    for time, lane, data in items:
        if isinstance(data, bytes):
            driver.take(driver.kernel.step(Frame(time, lane, "recv", data)))
        else:
            driver.rare(time, lane, data)
        if isinstance(data, bytes) or data.answer:
            note(tops, driver.views)
            frames += 1
    return tops.digest(frames)


def run(asked: argparse.Namespace) -> Said:
    """One pass."""
    said = Said("a", import_seconds=_IMPORTS, does=DOES.format(log=_KEPT[asked.log]))
    session = session_of(asked.captures, asked.work)
    items = items_of(session)
    said.frames, said.levels = counted(frames_of(items))
    with scratch(asked.work) as folder, opened(asked.log, folder) as log:
        driver = Driver(session, log)
        if asked.check:
            said.tops = check(driver, items)
            return said
        clock = Clock()
        with clock.running():
            play(driver, items)
            log.sync()
        said.took(clock)
        said.figures = {"events": log.head}
    return said


def main(arguments: Sequence[str] | None = None) -> None:
    """From a command line."""
    asked = parser("a", "frames in memory to events, books and a log")
    asked.add_argument("--log", choices=list(_KEPT), default="memory")
    asked.add_argument("--check", action="store_true", help="print the checksum, measure nothing")
    run(asked.parse_intermixed_args(arguments)).say()


if __name__ == "__main__":
    main()
