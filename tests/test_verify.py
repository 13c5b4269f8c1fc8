"""Verifying and history: a planted difference is named, and a cache is believed only where it is right.

The replay door, since `verify_session` goes through it; no socket takes part.
"""

import random
import shutil
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest
from builders import START, played, tiny

from tapefold.core import pack
from tapefold.errors import LogError, Mismatch
from tapefold.events import (
    AnyEvent,
    BookDelta,
    BookSnapshot,
    ConnectionOpened,
    FrameRejected,
    InstrumentListed,
    Quote,
    RequestFailed,
    RunStarted,
    Trade,
)
from tapefold.history import Cache, History
from tapefold.log import Record, open_log, read_log
from tapefold.session import Session
from tapefold.verify import verify_log, verify_session
from tapefold.views import Views

EVERY = 8
"""Positions between saved views, in these tests."""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A small session of everything."""
    return tiny(tmp_path_factory.mktemp("tiny") / "s")


@pytest.fixture(scope="module")
def records(session: Session) -> list[Record]:
    """What it comes to."""
    log = open_log()
    played(session, log)
    return list(log.read())


@pytest.fixture
def events(records: list[Record]) -> list[AnyEvent]:
    """The same without positions and times."""
    return [record.event for record in records]


@pytest.fixture
def path(session: Session, tmp_path: Path) -> Path:
    """A log file of it."""
    path = tmp_path / "a.log"
    with open_log(path) as log:
        played(session, log)
    return path


def stored(path: Path, records: Iterable[Record]) -> Path:
    """A log of these records, each at the next position."""
    with open_log(path) as log:
        for record in records:
            log.append(record.time_received, record.event)
        log.flush()
    return path


def changed(records: list[Record], at: int, **fields: Any) -> list[Record]:
    """The same but for one event's fields."""
    event = msgspec.structs.replace(records[at].event, **fields)
    return [*records[:at], records[at]._replace(event=event), *records[at + 1 :]]


def names(caught: pytest.ExceptionInfo[Mismatch], *words: str) -> bool:
    """Whether an error has all these words."""
    return all(word in str(caught.value) for word in words)


# Sessions against logs


def test_a_log_of_a_session_is_its_replay(session: Session, path: Path) -> None:
    lines: list[int] = []
    verified = verify_session(session, path, lines.append)
    assert (verified.head, verified.digest) == (51, session.meta.digests.log)
    assert verify_log(path).digest == session.meta.digests.log


def test_a_recorded_session_verifies(recorded: Callable[[str], Session], tmp_path: Path) -> None:
    session = recorded("cryptofeed/BINANCE_US-20211012")
    with open_log(tmp_path / "a.log") as log:
        played(session, log)
    verified = verify_session(session, tmp_path / "a.log")
    assert (verified.head, verified.digest) == (481, session.meta.digests.log)


Planted: TypeAlias = tuple[type, str, Any, str, str]
PLANTED: list[Planted] = [
    (RunStarted, "seed", 8, "the replay says 7, the log 8", "none"),
    (InstrumentListed, "tick", Decimal(5), "the replay says 0.01, the log 5", "none"),
    (InstrumentListed, "base", "Z", "the replay says 'A', the log 'Z'", "none"),
    (ConnectionOpened, "lane", "binance/9", "'binance/1', the log 'binance/9'", "connections"),
    (BookSnapshot, "sequence", 9, "the replay says 10, the log 9", "none"),
    (BookSnapshot, "packed_bids", pack([1], [2]), "number of bids", "none"),
    (BookDelta, "time_exchange", 1, "the log 1", "none"),
    (BookDelta, "packed_asks", pack([160], [6]), "asks[0] (price, size, scaled)", "none"),
    (Trade, "price", 161, "the replay says 160, the log 161", "markets"),
    (Trade, "taker", "sell", "the replay says 'buy', the log 'sell'", "markets"),
    (Quote, "ask_size", 5, "the replay says 4, the log 5", "markets"),
    (FrameRejected, "reason", "schema", "the replay says 'json', the log 'schema'", "none"),
    (RequestFailed, "status", 430, "the replay says 429, the log 430", "none"),
]


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_difference_is_named_with_its_position_event_and_field(
    session: Session, records: list[Record], tmp_path: Path, planted: Planted
) -> None:
    kind, field, value, says, fold = planted
    at = next(n for n, record in enumerate(records) if isinstance(record.event, kind))
    wrong = changed(records, at, **{field: value})
    path = stored(tmp_path / "a.log", wrong)
    with pytest.raises(Mismatch) as caught:
        verify_session(session, path)
    assert names(caught, f"position {at + 1}, {kind.__name__}, ", says)
    assert field.removeprefix("packed_") in str(caught.value)
    told = str(caught.value).partition("folds that differ at the end: ")[2].split(", ")
    assert set(told) == _differ(records, wrong)
    assert fold in told


def _differ(records: list[Record], others: list[Record]) -> set[str]:
    ours, theirs = (Views.of(r.event for r in each).digests() for each in (records, others))
    return {fold for fold in ours if ours[fold] != theirs[fold]} or {"none"}


def test_the_first_difference_is_the_one_that_is_named(
    session: Session, records: list[Record], tmp_path: Path
) -> None:
    deltas = [n for n, record in enumerate(records) if isinstance(record.event, BookDelta)]
    wrong = records
    for at in (deltas[9], deltas[3], deltas[7]):
        wrong = changed(wrong, at, sequence=1)
    with pytest.raises(Mismatch) as caught:
        verify_session(session, stored(tmp_path / "a.log", wrong))
    assert names(caught, f"position {deltas[3] + 1}, BookDelta, sequence")


def test_an_event_too_few_or_too_many_is_named(
    session: Session, records: list[Record], tmp_path: Path
) -> None:
    trade = next(n for n, record in enumerate(records) if isinstance(record.event, Trade))
    cases: list[tuple[list[Record], tuple[str, ...]]] = [
        (records[:trade] + records[trade + 1 :], (f"position {trade + 1}, Quote", "says Trade")),
        (
            [*records[:trade], records[trade], *records[trade:]],
            (f"position {trade + 2}, Trade", "says Quote"),
        ),
        (records[:-1], (f"position {len(records)}, end of the log", "the log nothing")),
        (records[:0], ("position 1, end of the log", "says RunStarted")),
        ([*records, records[-1]], (f"position {len(records) + 1}", "says nothing")),
    ]
    for number, (wrong, says) in enumerate(cases):
        with pytest.raises(Mismatch) as caught:
            verify_session(session, stored(tmp_path / f"{number}.log", wrong))
        assert names(caught, *says)


def test_a_log_that_is_not_there_is_an_error_of_the_log(session: Session, tmp_path: Path) -> None:
    with pytest.raises(LogError):
        verify_session(session, tmp_path / "a.log")
    with pytest.raises(LogError):
        verify_log(tmp_path / "a.log")


# History


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Views are saved often enough for a small log."""
    monkeypatch.setattr("tapefold.history.SAVE_EVERY", EVERY)


@pytest.fixture
def refolded(events: list[AnyEvent]) -> list[bytes]:
    """The views at each position, folded from the very first event."""
    return [Views.of(events[:position]).freeze() for position in range(len(events) + 1)]


def folder_of(path: Path) -> Path:
    """Where a log's saved views are."""
    return path.with_name(path.name + ".views")


def agree(path: Path, refolded: list[bytes], seed: int = 0) -> None:
    """At every position, in any order, history is what the log folds to."""
    positions = list(range(len(refolded)))
    random.Random(seed).shuffle(positions)
    with History(path) as history:
        for position in positions:
            views = history.views(position)
            assert views.position == position
            assert views.freeze() == refolded[position]
        assert history.views().freeze() == refolded[-1]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.usefixtures("often")
def test_history_at_any_position_is_a_whole_refold(
    path: Path, refolded: list[bytes], seed: int
) -> None:
    agree(path, refolded, seed)
    saved = {int(file.stem) for file in folder_of(path).iterdir()}
    assert saved >= set(range(EVERY, len(refolded), EVERY))
    agree(path, refolded, seed + 1)


def test_history_without_saved_views_is_a_whole_refold(path: Path, refolded: list[bytes]) -> None:
    agree(path, refolded)


@pytest.mark.usefixtures("often")
def test_views_are_saved_once_and_those_of_an_empty_log_never(path: Path) -> None:
    saved: list[int] = []
    with pytest.MonkeyPatch.context() as patch, History(path) as history:
        real = Cache.save

        def save(cache: Cache, views: Views, log_digest: str) -> None:
            saved.append(views.position)
            real(cache, views, log_digest)

        patch.setattr(Cache, "save", save)
        for position in (0, EVERY, EVERY, 2 * EVERY + 1, 2 * EVERY):
            history.views(position)
    assert saved == [EVERY, 2 * EVERY]


@pytest.mark.usefixtures("often")
def test_saved_views_are_used(path: Path, refolded: list[bytes]) -> None:
    agree(path, refolded)
    with History(path) as history, pytest.MonkeyPatch.context() as patch:
        read: list[int] = []
        real = history.log.pieces

        def pieces(after: int = 0, until: int = 1 << 60) -> Any:
            read.append(after)
            return real(after, until)

        patch.setattr(history.log, "pieces", pieces)
        assert history.views(3 * EVERY + 2).freeze() == refolded[3 * EVERY + 2]
        assert read == [3 * EVERY]


@pytest.mark.usefixtures("often")
def test_saved_views_can_be_deleted(path: Path, refolded: list[bytes]) -> None:
    agree(path, refolded)
    for file in sorted(folder_of(path).iterdir())[::2]:
        file.unlink()
    agree(path, refolded)
    shutil.rmtree(folder_of(path))
    agree(path, refolded)
    assert verify_log(path).saved_views >= len(refolded) // EVERY


@pytest.mark.usefixtures("often")
def test_saved_views_of_another_log_are_not_believed(
    path: Path, records: list[Record], refolded: list[bytes], tmp_path: Path
) -> None:
    at = next(n for n, record in enumerate(records) if isinstance(record.event, Trade))
    another = stored(tmp_path / "b.log", changed(records, at, price=1))
    with History(another) as history:
        history.views()
    shutil.copytree(folder_of(another), folder_of(path))
    agree(path, refolded)


@pytest.mark.usefixtures("often")
def test_damaged_saved_views_are_not_believed(path: Path, refolded: list[bytes]) -> None:
    agree(path, refolded)
    files = sorted(folder_of(path).iterdir())
    chance = random.Random(0)
    for _ in range(20):
        for file in files:
            data = bytearray(file.read_bytes())
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            file.write_bytes(data[: chance.choice((len(data), len(data) // 2, 0))])
        agree(path, refolded)
    (folder_of(path) / "junk.msgpack").write_bytes(b"")
    (folder_of(path) / "000000000009.msgpack").mkdir()
    agree(path, refolded)


@pytest.mark.usefixtures("often")
def test_saved_views_that_are_whole_but_wrong_are_named_by_verifying(
    path: Path, events: list[AnyEvent], refolded: list[bytes]
) -> None:
    agree(path, refolded)
    assert verify_log(path).saved_views >= len(refolded) // EVERY
    wrong = Views.of([*events[: EVERY - 1], events[0]])
    with read_log(path) as reader:
        Cache(path).save(wrong, reader.digest(EVERY))
    with pytest.raises(LogError, match=f"position {EVERY} ") as caught:
        verify_log(path)
    assert "delete the folder" in str(caught.value)


@pytest.mark.usefixtures("often")
def test_a_log_that_goes_on_keeps_its_saved_views(
    events: list[AnyEvent], refolded: list[bytes], tmp_path: Path
) -> None:
    path = tmp_path / "a.log"
    for until in (5, EVERY, EVERY + 1, 3 * EVERY - 1, len(events)):
        with open_log(path) as log:
            for event in events[log.head : until]:
                log.append(START, event)
        agree(path, refolded[: until + 1])


def test_a_position_that_is_not_there_is_refused(path: Path) -> None:
    with History(path) as history:
        for position in (-1, 52, 10**9):
            with pytest.raises(LogError, match="from 0 to 51"):
                history.views(position)


@pytest.mark.usefixtures("often")
def test_where_nothing_can_be_saved_history_is_slower_and_no_worse(
    path: Path, refolded: list[bytes]
) -> None:
    folder_of(path).write_bytes(b"in the way")
    agree(path, refolded)
