"""Form b: a log on a disk becomes folds.

    fold.py b CAPTURE... [--as segments|events] [--log full|flushed] [--check]

The log is made once, untimed: of `full` segments of 256 events, or `flushed` as a live engine flushes,
a quarter of a second after the first event that waits. Timed is opening the file, reading, checking
and folding all of it. As `segments` each stored segment goes into the folds as it is, and the best
prices are read after each; as `events` each is handed to Python, folded by itself, and the best prices
are read after every event.
"""

import argparse
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from contenders.common import Tops
from ours.asking import Clock, Said, imported, parser
from ours.prepared import Driver, Item, counted, frames_of, items_of, note, place_of, session_of
from tapefold import SECOND, AnyEvent, Frame, Log, LogReader, Session, Views, open_log, read_log
from tapefold.log import Piece
from tapefold.log.segment import encoder

_IMPORTS: Final = imported()
FLUSH_AFTER: Final = SECOND // 4
"""As the wire has it."""
_MORE: Final = "more: each row's checksum is checked; trades, quotes and the rest are folded, too"
DOES: Final = {
    "segments": f"{_MORE}; best prices are read after each segment of up to 256 events",
    "events": f"{_MORE}; every event is an object in Python, and best prices are read after each",
}


def log_of(asked: argparse.Namespace, session: Session, items: Sequence[Item]) -> Path:
    """The log of a session, made the first time."""
    place = place_of(asked.captures, asked.work) / str(asked.log)
    if not place.is_dir():
        part = place.with_name(f"{asked.log}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        with open_log(part / "log") as log:
            write(Driver(session, log), items, log, live=asked.log == "flushed")
        part.rename(place)
    return place / "log"


def write(driver: Driver, items: Sequence[Item], log: Log, *, live: bool) -> None:
    """Play a session into a log; *live*: by the stamps, flush as an engine at an exchange does."""
    due: int | None = None
    for time, lane, data in items:
        if live and due is not None and time >= due:
            log.flush()
            due = None
        if isinstance(data, bytes):
            driver.take(driver.kernel.step(Frame(time, lane, "recv", data)))
        else:
            driver.rare(time, lane, data)
        if due is None:
            due = time + FLUSH_AFTER


def by_segments(reader: LogReader, views: Views) -> int:
    """Fold each stored segment as it is; how many there were."""
    count, books, fold = 0, views.books, views.fold
    for piece in reader.pieces():
        fold((piece,))
        if 0 in books:
            books[0].bids.best()
            books[0].asks.best()
        count += 1
    return count


def by_events(reader: LogReader, views: Views) -> int:
    """Hand each event to Python, and fold it by itself; how many there were."""
    events = reader.events()
    count = until_listed(events, views)
    apply, book = views.apply, views.books[0]
    bids, asks = book.bids, book.asks
    for event in events:
        apply(event)
        bids.best()
        asks.best()
        count += 1
    return count


def until_listed(events: Iterator[AnyEvent], views: Views) -> int:
    """Fold up to the first instrument's listing; how many events that were."""
    for count, event in enumerate(events, 1):
        views.apply(event)
        if 0 in views.books:
            return count
    raise SystemExit("the log lists no instrument")


WAYS: Final = {"segments": by_segments, "events": by_events}


def check(reader: LogReader, how: str, items: Sequence[Item]) -> str | None:
    """The checksum of the best prices after every frame, from the log alone, folded in that way.

    A frame's events are those that were received no later. A segment of one event is the finest that
    there is: so each event is folded by itself, from its bytes.
    """
    views, tops, frames = Views(), Tops(), 0
    records = reader.read()
    record = next(records, None)
    for time, _, data in items:
        if not isinstance(data, bytes) and not data.answer:
            continue
        while record and record.time_received <= time:
            if how == "segments":
                views.fold((Piece(record.position, 1, encoder.encode(record.event)),))
            else:
                views.apply(record.event)
            record = next(records, None)
        note(tops, views)
        frames += 1
    return tops.digest(frames)


def run(asked: argparse.Namespace) -> Said:
    """One pass."""
    said = Said("b", import_seconds=_IMPORTS, does=DOES[asked.how])
    session = session_of(asked.captures, asked.work)
    items = items_of(session)
    said.frames, said.levels = counted(frames_of(items))
    path = log_of(asked, session, items)
    if asked.check:
        with read_log(path) as reader:
            said.tops = check(reader, asked.how, items)
        return said
    del items  # the pass has the log, and nothing else
    clock, views = Clock(), Views()
    with clock.running(), read_log(path) as reader:
        taken = WAYS[asked.how](reader, views)
    said.took(clock)
    said.figures = {
        "events": views.position,
        "taken": taken,
        "bytes": sum(file.stat().st_size for file in path.parent.iterdir()),
    }
    return said


def main(arguments: Sequence[str] | None = None) -> None:
    """From a command line."""
    asked = parser("b", "a log on a disk to folds")
    asked.add_argument("--as", dest="how", choices=list(WAYS), default="segments")
    asked.add_argument("--log", choices=["full", "flushed"], default="full")
    asked.add_argument("--check", action="store_true", help="print the checksum, measure nothing")
    run(asked.parse_intermixed_args(arguments)).say()


if __name__ == "__main__":
    main()
