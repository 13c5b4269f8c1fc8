"""The log: positions, segments, digests, durability, and everything that can be wrong with a file.

Needs no door: events go straight into logs.
"""

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import aclosing, closing
from itertools import accumulate
from pathlib import Path

import msgspec
import pytest
import trio
from builders import digest_of, event_at
from disks import mounted
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tapefold import Live, open_engine
from tapefold.errors import Fenced, LogError, LogFull, LogLocked, Refused
from tapefold.log import LOG_PENDING_MAX, Log, LogReader, Record, open_log, read_log
from tapefold.log.segment import BLOCK, FORMAT, Segment, encoder, events_of, from_row, to_row
from tapefold.log.store import Lock, in_file, in_memory

EVENTS = 600
TIME = 1_700_000_000_000_000_000
RECORDS = [Record(n, TIME + n * n, event_at(n)) for n in range(1, EVENTS + 1)]
DIGEST = digest_of(record.event for record in RECORDS)
CUTS = (1, 15, 16, 17, 255, 256, 257, 400)


def fill(log: Log, until: int = EVENTS, *, flush_every: int = 0) -> Log:
    """Append the records that are missing up to *until*, each a step of its own."""
    for record in RECORDS[log.head : until]:
        log.append(record.time_received, record.event)
        log.commit()
        if flush_every and not record.position % flush_every:
            log.flush()
    log.flush()
    return log


def stored(path: Path, until: int = EVENTS, *, flush_every: int = 0) -> Path:
    """A log file, closed."""
    with open_log(path) as log:
        fill(log, until, flush_every=flush_every)
    return path


# Positions, segments, digests


@settings(max_examples=40, deadline=None)
@given(
    st.sets(st.integers(1, EVENTS), max_size=40),
    st.lists(st.integers(1, 300), min_size=1, max_size=20),
)
@example({256, 512}, [1])
@example({255, 257}, [300])
@example(set(), [600])
def test_the_digest_and_the_records_do_not_know_where_segments_end(
    flushes: set[int], steps: list[int]
) -> None:
    log = open_log()
    ends = {*accumulate(steps), EVENTS}
    for record in RECORDS:
        log.append(record.time_received, record.event)
        assert log.head == record.position
        if record.position in ends:
            log.commit()
        if record.position in flushes:
            log.flush()
    assert log.digest() == DIGEST
    assert list(log.read()) == RECORDS


@pytest.mark.parametrize("cut", CUTS)
def test_a_log_taken_up_again_reaches_the_same_digest(tmp_path: Path, cut: int) -> None:
    path = stored(tmp_path / "a.log", cut, flush_every=7)
    with open_log(path) as log:
        assert (log.head, log.durable) == (cut, cut)
        assert log.digest() == digest_of(record.event for record in RECORDS[:cut])
        fill(log)
        assert log.digest() == DIGEST
        assert list(log.read()) == RECORDS
    with read_log(path) as reader:
        assert reader.verify() == reader.head == EVENTS
        assert reader.digest() == DIGEST
        assert list(reader.read()) == RECORDS


def test_memory_a_file_and_a_log_that_only_hashes_agree(tmp_path: Path) -> None:
    hashed, memory = fill(Log()), fill(open_log())
    with open_log(tmp_path / "a.log") as file:
        fill(file, flush_every=100)
        assert hashed.digest() == memory.digest() == file.digest() == DIGEST
        assert hashed.head == memory.head == file.head == EVENTS
        assert list(memory.read()) == list(file.read()) == RECORDS
    with pytest.raises(LogError, match="keeps nothing"):
        list(hashed.read())


def test_an_empty_log_is_a_log(tmp_path: Path) -> None:
    with open_log(tmp_path / "a.log") as log:
        assert (log.head, log.durable, list(log.read())) == (0, 0, [])
        assert log.digest() == digest_of([])
    with read_log(tmp_path / "a.log") as reader:
        assert (reader.head, reader.verify(), list(reader.read())) == (0, 0, [])
        assert reader.digest() == reader.digest(0) == digest_of([])


@pytest.mark.parametrize("flush_every", [0, 1, 37])
def test_the_digest_at_a_position_is_that_of_a_log_that_ends_there(flush_every: int) -> None:
    rows = in_memory()
    fill(Log(rows), flush_every=flush_every)
    reader, growing = LogReader(rows), Log()
    assert reader.digest(0) == growing.digest()
    for record in RECORDS:
        growing.append(record.time_received, record.event)
        if record.position % 11 == 0 or record.position in (*CUTS, 511, 512, 513, EVENTS):
            assert reader.digest(record.position) == growing.digest(), record.position


def test_reading_gives_what_lies_between_two_positions_stored_or_not() -> None:
    rows = in_memory()
    log = Log(rows)
    for flush_at in (3, 4, 250, 254, 259):
        fill(log, flush_at)
    for record in RECORDS[259:266]:
        log.append(record.time_received, record.event)
    reader = LogReader(rows)
    near = (*range(6), *range(248, 270))
    for after in near:
        for until in near:
            wanted = [record for record in RECORDS[:266] if after < record.position <= until]
            assert list(log.read(after, until)) == wanted, (after, until)
            durable = [record for record in wanted if record.position <= 259]
            assert list(reader.read(after, until)) == durable, (after, until)
            assert list(reader.events(after, until)) == [r.event for r in durable]


def test_a_log_of_half_written_steps_reads_them_all(tmp_path: Path) -> None:
    with open_log(tmp_path / "a.log") as log:
        for record in RECORDS:
            log.append(record.time_received, record.event)
            if record.position in (1, 255, 256, 257, 300, 512):
                assert list(log.read()) == RECORDS[: record.position]
                assert list(log.read(254, 258)) == RECORDS[254 : min(258, record.position)]
        log.sync()
        assert (log.durable, list(log.read())) == (EVENTS, RECORDS)


def test_what_is_durable_is_not_kept_in_memory_as_well(tmp_path: Path) -> None:
    with open_log(tmp_path / "a.log") as log:
        for until in range(10, EVENTS, 10):
            fill(log, until).sync()
        kept = log._unstored  # pyright: ignore[reportPrivateUsage] - memory
        assert len(kept) <= 2


# Following


async def test_a_follower_hears_everything_once_and_ends_with_the_log() -> None:
    log, heard = open_log(), list[Record]()

    async def follow(after: int) -> None:
        async with aclosing(log.follow(after)) as records:
            async for record in records:
                heard.append(record)

    async with trio.open_nursery() as nursery:
        fill(log, 10)
        nursery.start_soon(follow, 3)
        await trio.testing.wait_all_tasks_blocked()
        assert heard == RECORDS[3:10]
        for until in (11, 12, 255, 256, 258, EVENTS):
            fill(log, until)
            await trio.testing.wait_all_tasks_blocked()
            assert heard == RECORDS[3:until]
        log.close()
    assert heard == RECORDS[3:]


def test_a_closed_log_is_no_longer_read_and_says_so(tmp_path: Path) -> None:
    log = fill(open_log(tmp_path / "a.log"), 5)
    log.close()
    log.close()
    with pytest.raises(LogError):
        list(log.read())


@pytest.mark.parametrize("kept", ["in memory", "in a file"])
async def test_a_slow_follower_holds_up_nobody_and_hears_all_there_is(
    tmp_path: Path, kept: str
) -> None:
    log = open_log(tmp_path / "a.log" if kept == "in a file" else None)
    slow = log.follow()
    async with aclosing(slow):
        fill(log, 5)
        heard = [await anext(slow)]
        fill(log)
        log.end()
        heard += [record async for record in slow]
    log.close()
    assert heard == RECORDS


async def test_a_log_closed_over_a_followers_head_ends_it_without_a_fault(tmp_path: Path) -> None:
    log = open_log(tmp_path / "a.log")
    slow = log.follow()
    async with aclosing(slow):
        heard = [await anext(slow) for _ in fill(log, 5).read(0, 2)]
        fill(log)
        log.close()
        with contextlib.suppress(LogError):  # it may say that the file is no longer open
            heard += [record async for record in slow]
    assert heard == RECORDS[: len(heard)]


# Who may write


def test_a_log_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        path = stored(tmp_path / "a.log", 3)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_second_engine_is_told_so_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with open_log(path) as log:
        fill(log, 5)
        with pytest.raises(LogLocked) as caught:
            open_log(path)
        assert one_line(caught, path, f"process {os.getpid()}")
        code = "import sys; from pathlib import Path; from tapefold.log import open_log\n"
        code += "try: open_log(Path(sys.argv[1]))\nexcept Exception as error: print(repr(error))"
        out = subprocess.run(
            [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
        )
        assert out.stdout.startswith("LogLocked(")
        assert f"process {os.getpid()}" in out.stdout
        fill(log, 10)
    with open_log(path) as log:
        assert list(log.read()) == RECORDS[:10]


def unlocked(path: Path) -> Log:
    """A log that writes to *path* by its thread, and whose lock is on another file."""
    rivals = len([*path.parent.glob("rival*.lock")])
    return Log(in_file(path, write=True), lock=Lock(path.with_name(f"rival{rivals}")))


def test_a_writer_behind_anothers_back_is_fenced_for_good(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    one, other = unlocked(path), unlocked(path)
    fill(one, 5).sync()
    for _ in range(2):
        with pytest.raises(Fenced) as caught:
            fill(other, 7).sync()
        assert one_line(caught, path, "durable to position 0")
    fill(one, 9).sync()
    with pytest.raises(Fenced):
        other.close()
    one.close()
    with read_log(path) as reader:
        assert list(reader.read()) == RECORDS[:9]


def test_a_writer_without_a_thread_is_fenced_as_well(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    one, other = Log(in_file(path, write=True)), Log(in_file(path, write=True))
    fill(one, 5)
    for until in (7, 8):
        with pytest.raises(Fenced) as caught:
            fill(other, until)
        assert one_line(caught, path, "durable to position 0")
    assert [record.position for record in fill(one, 9).read()] == list(range(1, 10))


def test_a_fenced_engine_does_not_go_on_until_its_memory_is_full(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    one, other = unlocked(path), unlocked(path)
    fill(one, 1).sync()
    with pytest.raises(Fenced):
        fill(other, 1).sync()
    with pytest.raises(Fenced):
        append_many(other, LOG_PENDING_MAX + 2 * BLOCK)
    assert other.head <= LOG_PENDING_MAX + 2 * BLOCK
    one.close()
    with pytest.raises(Fenced):
        other.close()


def append_many(log: Log, count: int, size: int = 0) -> None:
    """Append *count* events with a text of *size*, each of which knows its position."""
    for _ in range(count):
        event = event_at(log.head + 1)
        log.append(TIME, msgspec.structs.replace(event, subject="s" * size) if size else event)
        log.commit()


def test_a_step_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    log, rival = unlocked(path), in_file(path, write=True)
    rival.insert([(513, to_row(bytes(32), [TIME], encoder.encode(event_at(513))))])
    for record in RECORDS:  # one step of three rows, the last of which cannot be stored
        log.append(record.time_received, record.event)
    log.commit()
    with pytest.raises(Fenced):
        log.sync()
    assert [position for position, _ in rival.read(1)] == [513]
    rival.close()
    with pytest.raises(Fenced):
        log.close()


def test_a_reader_reads_while_a_writer_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with open_log(path) as log, read_log(path) as reader:
        for until in (1, 20, 256, 300, EVENTS):
            fill(log, until).sync()
            assert reader.head == until
            assert list(reader.read()) == RECORDS[:until]
            assert reader.digest() == log.digest()


def test_a_reader_writes_nothing(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.log")
    with read_log(path) as reader:
        rows = in_file(path, write=False)
        with pytest.raises(Exception, match="readonly"):
            rows.insert([(EVENTS + 1, b"")])
        rows.close()
        assert reader.head == EVENTS


# Full disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    with mounted(tmp_path / "disk", "1m") as folder:
        yield folder


def test_a_full_disk_is_named_and_nothing_is_lost_once_there_is_room(small_disk: Path) -> None:
    path, filler = small_disk / "a.log", small_disk / "filler"
    filler.write_bytes(bytes(600_000))
    log = open_log(path)
    with pytest.raises(LogFull) as caught:
        append_until_full(log)
    durable = log.durable
    assert 0 < durable < log.head
    assert one_line(caught, path, f"durable to position {durable}")
    with read_log(path) as reader:
        assert reader.verify() == durable
    assert [r.position for r in log.read()] == list(range(1, log.head + 1))
    filler.unlink()
    while log.durable < log.head:  # the writer tries again by itself
        try:
            log.sync()
        except LogFull:
            continue
    append_many(log, 1)
    head, digest = log.head, log.digest()
    log.close()
    with read_log(path) as reader:
        assert (reader.verify(), reader.digest()) == (head, digest)
        statuses = [getattr(record.event, "status", None) for record in reader.read()]
        assert statuses == list(range(1, head + 1))


def append_until_full(log: Log) -> None:
    """Append until the disk takes no more; raises `LogFull`."""
    while True:
        append_many(log, 100, 200)
        log.sync()


def write_until_full(path: Path) -> None:
    """Leave no room on a disk."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


@pytest.mark.parametrize("there", [False, True])
def test_a_log_is_not_opened_without_room_and_is_once_there_is_some(
    small_disk: Path, there: bool
) -> None:
    """Page by page: the lock, the file, its tables and its index each find no room at one of them."""
    path, filler = small_disk / "a.log", small_disk / "filler"
    if there:
        stored(path).with_name("a.log.lock").unlink()
    write_until_full(filler)
    told: list[str] = []
    while not told or told[-1]:
        try:
            open_log(path).close()
        except LogFull as error:
            told.append(str(error))
            os.truncate(filler, filler.stat().st_size - 4096)
        else:
            told.append("")
    cure = "cannot be opened: the disk is full; free some space and start again"
    assert {*told} == {f"{path} {cure}", f"{path}.lock {cure}", ""}
    with read_log(path) as reader:
        assert reader.verify() == (EVENTS if there else 0)


async def test_an_engine_on_a_full_disk_says_so(small_disk: Path) -> None:
    """It ends before it dials: no socket is tried."""
    write_until_full(small_disk / "filler")
    with pytest.raises(LogFull) as caught:
        async with open_engine(Live(("binance",)), log=small_disk / "a.log"):
            raise AssertionError("there is no log to open it with")
    assert one_line(caught, small_disk / "a.log.lock", "free some space and start again")


def test_a_log_on_a_disk_that_cannot_be_written_to_is_read(small_disk: Path) -> None:
    path = stored(small_disk / "a.log")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with read_log(path) as reader:
        assert (reader.verify(), reader.digest()) == (EVENTS, DIGEST)


def test_a_log_closed_on_a_full_disk_says_what_it_lost(small_disk: Path) -> None:
    path, filler = small_disk / "a.log", small_disk / "filler"
    log = open_log(path)
    fill(log, 10).sync()
    write_until_full(filler)
    append_many(log, 3, 500_000)
    with pytest.raises(LogFull) as caught:
        log.close()
    assert one_line(caught, path, "durable to position 10")
    filler.unlink()
    with open_log(path) as log:
        assert list(log.read()) == RECORDS[:10]


# Damaged files


def change(path: Path, sql: str, *values: object) -> None:
    """Do something to a log file that no engine does."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(sql, values)


def rewrite(path: Path, position: int, edit: Callable[[bytes], bytes]) -> None:
    """Change one row's state."""
    where = "WHERE originator_version = ?"
    with closing(sqlite3.connect(path)) as db:
        ((state,),) = db.execute(f"SELECT state FROM stored_events {where}", (position,))
    change(path, f"UPDATE stored_events SET state = ? {where}", edit(state), position)


def one_line(caught: pytest.ExceptionInfo[BaseException], *words: object) -> bool:
    """Whether an error is one line with these words in it."""
    text = str(caught.value)
    return "\n" not in text and all(str(word) in text for word in words)


@pytest.mark.parametrize("position", [1, 257, 513])
def test_damaged_bytes_are_known_by_the_segment_they_are_in(tmp_path: Path, position: int) -> None:
    path = stored(tmp_path / "a.log")

    def flip(state: bytes) -> bytes:
        at = state.index(b"request_failed")
        return state[:at] + b"R" + state[at + 1 :]

    rewrite(path, position, flip)
    with read_log(path) as reader:
        for read in (reader.verify, lambda: list(reader.read()), lambda: list(reader.events())):
            with pytest.raises(LogError) as caught:
                read()
            assert one_line(caught, f"position {position} ", "damaged")


@pytest.mark.parametrize("cut", [0, 1, 40, 2000])
def test_a_segment_that_was_cut_short_is_known(tmp_path: Path, cut: int) -> None:
    path = stored(tmp_path / "a.log")
    rewrite(path, 257, lambda state: state[:cut])
    with read_log(path) as reader, pytest.raises(LogError) as caught:
        reader.verify()
    assert one_line(caught, "position 257 ", "cannot be read")


@pytest.mark.parametrize("flush_every", [0, 50])
def test_swapped_events_with_a_right_checksum_break_the_chain(
    tmp_path: Path, flush_every: int
) -> None:
    path = stored(tmp_path / "a.log", flush_every=flush_every)

    def swap(state: bytes) -> bytes:
        segment = from_row(state, 257)
        events = events_of(segment, 257)
        events[3], events[4] = events[4], events[3]
        times = segment.times
        return to_row(segment.chain, times, b"".join(map(encoder.encode, events)))

    rewrite(path, 257, swap)
    with read_log(path) as reader, pytest.raises(LogError) as caught:
        reader.verify()
    assert one_line(caught, "block 1 ", "positions 257 to 512")


def test_a_row_of_another_log_breaks_the_chain_where_it_stands(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.log", flush_every=50)
    rewrite(path, 351, lambda state: _chained(state, bytes(32)))
    with read_log(path) as reader, pytest.raises(LogError) as caught:
        reader.verify()
    assert one_line(caught, "block 1 ", "positions 257 to 512")


def _chained(state: bytes, chain: bytes) -> bytes:
    segment = from_row(state, 0)
    return to_row(chain, segment.times, segment.events)


@pytest.mark.parametrize("position", [1, 51, 257])
def test_a_hole_is_named(tmp_path: Path, position: int) -> None:
    path = stored(tmp_path / "a.log", flush_every=50)
    change(path, "DELETE FROM stored_events WHERE originator_version = ?", position)
    with read_log(path) as reader:
        for read in (reader.verify, lambda: list(reader.read())):
            with pytest.raises(LogError) as caught:
                read()
            assert one_line(caught, "hole before position", str(position + 49)[:1])


def test_a_segment_of_more_than_a_block_is_an_error_of_the_log(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.log", 3)
    body = b"".join(encoder.encode(event_at(n)) for n in range(1, BLOCK + 2))
    rewrite(path, 1, lambda state: to_row(bytes(32), [TIME] * (BLOCK + 1), body))
    with read_log(path) as reader, pytest.raises(LogError) as caught:
        list(reader.pieces())
    assert one_line(caught, "position 1 ", BLOCK + 1)


def test_times_that_are_not_one_to_an_event_are_an_error_of_the_log(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.log")

    def shorten(state: bytes) -> bytes:
        segment = from_row(state, 1)
        return msgspec.msgpack.encode(
            msgspec.structs.replace(
                segment, gaps=msgspec.Raw(msgspec.msgpack.encode(segment.times[:-1]))
            )
        )

    rewrite(path, 1, shorten)
    with read_log(path) as reader, pytest.raises(LogError):
        reader.verify()


def test_an_event_that_nobody_knows_is_named_and_an_upgrade_advised(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.log", 3)
    body = msgspec.msgpack.encode(["invented_later", 1])
    rewrite(path, 1, lambda state: to_row(bytes(32), [TIME], body))
    with read_log(path) as reader, pytest.raises(LogError) as caught:
        list(reader.read())
    assert one_line(caught, "position 1 ", "upgrade")


def test_a_newer_format_is_refused_by_readers_and_writers(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.log", 3)
    newer = Segment(FORMAT + 1, bytes(32), msgspec.Raw(msgspec.msgpack.encode([TIME])), b"", 0)
    rewrite(path, 1, lambda state: msgspec.msgpack.encode(newer))
    for read in (lambda: list(read_log(path).read()), lambda: open_log(path)):
        with pytest.raises(LogError) as caught:
            read()
        assert one_line(caught, "newer tapefold", f"format {FORMAT + 1}")


# Files that are no logs


def _text(path: Path) -> None:
    path.write_text("not a log at all, but long enough to be one")


def _database(path: Path) -> None:
    change(path, "CREATE TABLE other (x)")


def _nothing(path: Path) -> None:
    """Nothing is there."""


@pytest.mark.parametrize("make", [_text, _database, Path.mkdir, _nothing])
def test_what_is_no_log_is_not_read_as_one(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "a.log"
    make(path)
    with pytest.raises(LogError) as caught:
        read_log(path)
    assert one_line(caught, path)


@pytest.mark.parametrize("make", [_text, _database, Path.mkdir])
def test_what_is_no_log_is_not_written_to(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "a.log"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    for _ in range(2):
        with pytest.raises((LogError, Refused)) as caught:
            open_log(path)
        assert not isinstance(caught.value, LogLocked)
        assert one_line(caught, path)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_log_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "a.log"
    with pytest.raises(LogError) as caught:
        open_log(path)
    assert one_line(caught, path.parent)


def test_a_name_that_sqlite_could_misread_is_a_name(tmp_path: Path) -> None:
    for name in ("a?b.log", "a#b.log", "a%41.log", "file:c.log", "é ü.log"):
        path = stored(tmp_path / name, 5)
        with read_log(path) as reader:
            assert list(reader.read()) == RECORDS[:5], name
        with open_log(path) as log:
            assert log.head == 5, name
    assert {p.name for p in tmp_path.iterdir() if p.suffix != ".lock"} == {
        "a?b.log", "a#b.log", "a%41.log", "file:c.log", "é ü.log"
    }  # fmt: skip
