"""Reading only some classes of events. Needs no door: events go straight into logs."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from builders import START, event_at
from order_facts import fill, said, submitted

from tapefold.errors import LogError
from tapefold.events import (
    AnyEvent,
    Event,
    FillReported,
    Named,
    OrderReported,
    OrderSubmitted,
    RequestFailed,
    StreamStale,
)
from tapefold.log import LogReader, Record, open_log, read_log
from tapefold.log.segment import START as EMPTY
from tapefold.log.segment import from_row, to_row
from tapefold.log.store import in_memory

ORDERS: dict[int, AnyEvent] = {
    100: submitted(),
    256: said("open"),
    257: fill("T1", 1),
    600: said("filled", 1, 100),
}
"""By position, at both ends of blocks too; all others are events of another class."""
HEAD = 700


def made(path: Path, flush_every: int) -> Path:
    with open_log(path) as log:
        for position in range(1, HEAD + 1):
            log.append(START + position**2, ORDERS.get(position) or event_at(position))
            log.commit()
            if position % flush_every == 0:
                log.flush()
    return path


@pytest.mark.parametrize("flush_every", [1, 100, 256])
@pytest.mark.parametrize(
    ("after", "until"), [(0, HEAD), (99, 600), (100, 599), (256, 257), (700, 9)]
)
@pytest.mark.parametrize(
    "kinds",
    [
        [OrderSubmitted],
        [OrderReported, FillReported],
        [Named],
        [RequestFailed],
        [StreamStale],
        [Event],
    ],
    ids=lambda kinds: kinds[0].__name__,
)
def test_it_gives_what_reading_everything_and_keeping_these_gives(
    tmp_path: Path, kinds: list[type[Event]], after: int, until: int, flush_every: int
) -> None:
    with read_log(made(tmp_path / "x.log", flush_every)) as log:
        whole = list(log.read(after, until))
        wanted = [record for record in whole if isinstance(record.event, tuple(kinds))]
        assert list(log.only(kinds, after, until)) == wanted


def test_it_finds_the_order_among_the_others(tmp_path: Path) -> None:
    with read_log(made(tmp_path / "x.log", 256)) as log:
        found = list(log.only((OrderSubmitted, Named)))
    assert found == [Record(n, START + n**2, event) for n, event in ORDERS.items()]


def test_an_event_that_nobody_knows_is_an_error_though_it_is_not_wanted() -> None:
    rows = in_memory()
    body = msgspec.msgpack.encode(["from_the_future", 1])
    rows.insert([(1, to_row(EMPTY, [START], body))])
    with pytest.raises(LogError, match=r"does not know, from position 1 on: upgrade"):
        list(LogReader(rows).only([OrderSubmitted]))


def test_a_damaged_row_and_a_missing_one_are_errors_though_nothing_in_them_is_wanted(
    tmp_path: Path,
) -> None:
    path = made(tmp_path / "x.log", 256)
    with closing(sqlite3.connect(path)) as db:
        ((state,),) = db.execute(
            "SELECT state FROM stored_events WHERE originator_version = 257"
        ).fetchall()
        segment = from_row(state, 257)
        bad = bytearray(state)
        bad[state.index(segment.events) + 100] ^= 1
        db.execute(
            "UPDATE stored_events SET state = ? WHERE originator_version = 257", (bytes(bad),)
        )
        db.commit()
    with read_log(path) as log, pytest.raises(LogError, match=r"position 257 is damaged"):
        list(log.only([OrderSubmitted]))
    with closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM stored_events WHERE originator_version = 257")
        db.commit()
    with read_log(path) as log, pytest.raises(LogError, match=r"a hole before position 513"):
        list(log.only([OrderSubmitted]))


def test_no_classes_at_all_are_no_records(tmp_path: Path) -> None:
    none: list[type[AnyEvent]] = []
    with read_log(made(tmp_path / "x.log", 256)) as log:
        assert not list(log.only(none))
