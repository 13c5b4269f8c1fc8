"""Events of a market, and those of real old logs, as the bodies of segments."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from shutil import copy
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from msgspec import Raw

from core_fuzz.packs import INTS, NOT_INTS, a_side, column, packed
from tapefold.events import (
    AnyEvent,
    BookDelta,
    BookInvalidated,
    BookSnapshot,
    FrameRejected,
    InstrumentListed,
    Quote,
    Trade,
)
from tapefold.log import read_log
from tapefold.log.segment import BLOCK, encoder

CORPUS = Path(__file__).parent.parent / "corpus"
INSTRUMENTS = 3
FAR = (4095, 4096, 2**40)
"""Numbers of instruments that no log has."""
NO_SIDES = (
    *(
        packed(prices, sizes)
        for prices, sizes in (([1], []), ([], [1]), ([1, 2], [3]), ([1], [2, 0]))
    ),
    *(packed([5, strange], [1, 1]) for strange in NOT_INTS),
    *(packed([1, 5], [strange, 1]) for strange in NOT_INTS),
    *(b"\xc0", b"\x90", b"\x91\x90", b"\x93\x90\x90\x90", b"\x80"),
)
"""Msgpack that an event may hold as a side, though it is none."""


class Body(NamedTuple):
    """What a segment holds of its events: their bytes, and how many they are."""

    data: bytes
    events: int


def body(*events: AnyEvent) -> Body:
    """Of these."""
    return Body(b"".join(map(encoder.encode, events)), len(events))


@cache
def corpus() -> tuple[Body, ...]:
    """The segments of every log of the corpus: all kinds of events, as they were written."""
    found: list[Body] = []
    with TemporaryDirectory() as folder:
        for path in sorted(CORPUS.glob("*.log")):
            with read_log(Path(copy(path, folder))) as log:
                events = [*log.events()]
            found += [body(*events[n : n + BLOCK]) for n in range(0, len(events), BLOCK)]
    return tuple(found)


def listed(instrument: int, price: int = 2, size: int = 3, native: str = "") -> InstrumentListed:
    """An instrument."""
    native = native or f"AB{instrument}"
    return InstrumentListed(
        instrument=instrument,
        exchange="x",
        symbol=native,
        native_symbol=native,
        price_digits=price,
        size_digits=size,
    )


def _number(rng: Random) -> int:
    if rng.random() < 0.03:
        return rng.choice((*INTS, -1, -33, -(2**31), -(2**63), 2**63, 2**64 - 1))
    return column(rng, 1, 10**6)[0]


def _side(rng: Random, near: int) -> Raw:
    return Raw(rng.choice(NO_SIDES) if rng.random() < 0.02 else a_side(rng, near))


def _quote(rng: Random, instrument: int) -> Quote:
    numbers = [_number(rng) for _ in range(7)]
    return Quote(
        instrument=instrument,
        time_exchange=numbers[0],
        published_after=numbers[1],
        sequence=numbers[2],
        bid_price=numbers[3],
        bid_size=numbers[4],
        ask_price=numbers[5],
        ask_size=numbers[6],
    )


def _trade(rng: Random, instrument: int) -> Trade:
    taker: Any = rng.choice(
        ("buy", "sell", "", "nobody") if rng.random() < 0.05 else ("buy", "sell")
    )
    return Trade(
        instrument=instrument,
        time_exchange=_number(rng),
        published_after=_number(rng),
        trade_id=rng.choice(("", "1", "123456", "é", "x" * 31, "x" * 32, "x" * 300, "\x00")),
        price=_number(rng),
        size=_number(rng),
        taker=taker,
    )


def _delta(rng: Random, instrument: int) -> BookDelta:
    return BookDelta(
        instrument=instrument,
        time_exchange=_number(rng),
        published_after=_number(rng),
        first=_number(rng),
        previous=_number(rng),
        sequence=_number(rng),
        packed_bids=_side(rng, 0),
        packed_asks=_side(rng, 300),
    )


def _snapshot(rng: Random, instrument: int) -> BookSnapshot:
    return BookSnapshot(
        instrument=instrument,
        time_exchange=_number(rng),
        sequence=_number(rng),
        packed_bids=_side(rng, 0),
        packed_asks=_side(rng, 300),
    )


def an_event(rng: Random) -> AnyEvent:
    """Mostly of a market that is known, and mostly a quote, a trade or a delta."""
    known = rng.random() < 0.97
    instrument = rng.randrange(INSTRUMENTS) if known else rng.choice((7, *FAR, -1))
    kind = rng.random()
    if kind < 0.40:
        return _delta(rng, instrument)
    if kind < 0.85:
        return _quote(rng, instrument) if kind < 0.65 else _trade(rng, instrument)
    if kind < 0.92:
        return _snapshot(rng, instrument)
    if kind < 0.95:
        return BookInvalidated(instrument=instrument, reason="gap")
    if kind < 0.97:
        return FrameRejected(lane="x/1", reason="json", data=b"{", size=1)
    return listed(instrument, rng.randint(2, 5), rng.randint(3, 6))


def a_story(rng: Random) -> list[AnyEvent]:
    """Up to a block of events."""
    return [an_event(rng) for _ in range(rng.choice((0, 1, 2, 5, 15, 16, 40, 255, 256)))]


def openings() -> Iterator[tuple[AnyEvent, ...]]:
    """What the views have heard before: nothing, instruments without a book, and books that live."""
    rng = Random(0)
    rows = tuple(listed(n) for n in (*range(INSTRUMENTS), *FAR))
    yield ()
    yield rows
    yield rows + tuple(_snapshot(rng, row.instrument) for row in rows)
