"""Reading a log: records, positions, digests, and whether its chain holds."""

import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tapefold.errors import LogError
from tapefold.events import AnyEvent, Event
from tapefold.log.segment import (
    BLOCK,
    START,
    Piece,
    Segment,
    decode,
    encoder,
    events_of,
    from_row,
    link,
)
from tapefold.log.segment import only as only_of
from tapefold.log.store import POSITION_MAX, Rows, in_file
from tapefold.units import Nanos


class Record(NamedTuple):
    """An event, where it stands, and when its frame came."""

    position: int
    time_received: Nanos
    event: AnyEvent


class Tail(NamedTuple):
    """Where a log ends: enough to go on appending to it."""

    head: int
    chain: bytes
    """Up to the start of the last block."""
    body: bytes
    """The event bytes of that block, as far as it goes."""


class LogReader:
    """What is stored of a log. Reading needs no lock and holds up nobody."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    @property
    def head(self) -> int:
        """The position of the newest stored event; 0 for an empty log."""
        last = self._rows.last()
        if not last:
            return 0
        _, segment = next(self.segments(last))
        return last + segment.count - 1

    def read(self, after: int = 0, until: int = POSITION_MAX) -> Iterator[Record]:
        """Every stored record past *after*, up to *until* and with it."""
        for first, segment in self.segments(after // BLOCK * BLOCK + 1, until):
            if first + segment.count <= after:
                continue
            yield from records(first, segment.times, segment.events, after, until)

    def events(self, after: int = 0, until: int = POSITION_MAX) -> Iterator[AnyEvent]:
        """The same without positions and times: what folding needs, at half the price."""
        for first, segment in self.segments(after // BLOCK * BLOCK + 1, until):
            events = events_of(segment, first)
            if first <= after or first + len(events) - 1 > until:
                events = events[max(0, after + 1 - first) : max(0, until + 1 - first)]
            yield from events

    def pieces(self, after: int = 0, until: int = POSITION_MAX) -> Iterator[Piece]:
        """The same as they are stored, for who wants to fold them: `Views.fold`."""
        for first, segment in self.segments(after // BLOCK * BLOCK + 1, until):
            count = segment.count
            if first > after and first + count - 1 <= until:
                yield Piece(first, count, segment.events)
                continue
            events = events_of(segment, first)[
                max(0, after + 1 - first) : max(0, until + 1 - first)
            ]
            if events:
                body = b"".join(map(encoder.encode, events))
                yield Piece(max(first, after + 1), len(events), body)

    def only(
        self, kinds: Collection[type[Event]], after: int = 0, until: int = POSITION_MAX
    ) -> Iterator[Record]:
        """Every stored record past *after*, up to *until* and with it, of these classes of events.

        Classes derived from them are meant, too. All else is passed over: ten million events take
        seconds where few are wanted. Raises `LogError` as `read` does, but for content of an event
        that was passed over.
        """
        wanted = only_of(frozenset(kinds))
        for first, segment in self.segments(after // BLOCK * BLOCK + 1, until):
            found = wanted(segment, first)
            times = segment.times if found else []
            for position, event in found:
                if after < position <= until:
                    yield Record(position, times[position - first], event)

    def segments(self, first: int, until: int = POSITION_MAX) -> Iterator[tuple[int, Segment]]:
        """Stored segments with their positions, from *first*, which begins one. Raises `LogError`."""
        expected = first
        for position, state in self._rows.read(first, until):
            if position != expected:
                raise LogError(f"the log has a hole before position {position}")
            segment = from_row(state, position)
            if not 0 < segment.count <= BLOCK:
                raise LogError(
                    f"the log's segment at position {position} has {segment.count} events, not 1 to {BLOCK}"
                )
            yield position, segment
            expected = position + segment.count

    def tail(self) -> Tail:
        """Where the log ends."""
        last = self._rows.last()
        if not last:
            return Tail(0, START, b"")
        body, head, chain = b"", 0, START
        for position, segment in self.segments((last - 1) // BLOCK * BLOCK + 1):
            body += segment.events
            head, chain = position + segment.count - 1, segment.chain
        return Tail(head, link(chain, body), b"") if head % BLOCK == 0 else Tail(head, chain, body)

    def digest(self, position: int = POSITION_MAX) -> str:
        """Of every stored event up to *position*, as hex."""
        tail = self.tail() if position == POSITION_MAX else self._tail_at(position)
        return (link(tail.chain, tail.body) if tail.body else tail.chain).hex()

    def _tail_at(self, position: int) -> Tail:
        """As if the log ended there. A block's chain stands in its first segment."""
        start = (position - 1) // BLOCK * BLOCK if position else 0
        body, chain = bytearray(), START
        for first, segment in self.segments(start + 1, position):
            chain = segment.chain
            events = events_of(segment, first)[: position + 1 - first]
            whole = len(events) == segment.count
            body += segment.events if whole else b"".join(map(encoder.encode, events))
        return Tail(position, chain, bytes(body))

    def verify(self) -> int:
        """Check every row and the whole chain; the head. Raises `LogError` naming the first bad block."""
        chain, body, head = START, bytearray(), 0
        for position, segment in self.segments(1):
            if segment.chain != chain:
                block = (position - 1) // BLOCK - (position % BLOCK == 1)
                first = block * BLOCK + 1
                raise LogError(
                    f"the log's chain breaks in block {block} (positions {first} to {first + BLOCK - 1}): "
                    "its events are not those that were written"
                )
            events_of(segment, position)
            _ = segment.times  # they, too, must be readable
            body += segment.events
            head = position + segment.count - 1
            if head % BLOCK == 0:
                chain = link(chain, body)
                body.clear()
        return head

    def follow(self, after: int = 0, *, poll: float = 0.1) -> Iterator[Record]:
        """Every record past *after*, and then each as another process stores it; never ends."""
        while True:
            for record in self.read(after):
                yield record
                after = record.position
            time.sleep(poll)

    def close(self) -> None:
        """Let go of the file."""
        self._rows.close()

    def __enter__(self) -> "LogReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_log(path: Path) -> LogReader:
    """A log file, for reading, also while an engine writes to it. Raises `LogError`."""
    if not path.is_file():
        raise LogError(f"{path} is not a log: there is no such file")
    return LogReader(in_file(path, write=False))


def records(
    first: int, times: Iterable[Nanos], body: bytes, after: int, until: int
) -> Iterator[Record]:
    """The records of one piece of a log that lie between two positions."""
    times = list(times)
    rows = zip(times, decode(body, len(times), first), strict=True)
    for position, (when, event) in enumerate(rows, first):
        if after < position <= until:
            yield Record(position, when, event)
