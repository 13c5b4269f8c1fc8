"""An index of orders: which positions of a log name which order, so that one is found without reading all.

It is a cache beside the log, in the folder of the saved views and by their rules: made by whoever
reads, for every 65,536 positions one file; each carries the log's digest at its end, so that of
another log, or of a log that was altered, is not believed; what cannot be written or read is as good
as not there. It can be deleted at any time.

A file has no names, only eight bytes of a hash of each, sorted: what is found is compared with the
events themselves, so two names with one hash cost a look, and no mistake.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias, get_args

import msgspec
from msgspec import Struct

from tapefold.events import (
    AccountRequestFailed,
    AccountWatched,
    AnyEvent,
    CancelAllEnded,
    Event,
    InstrumentListed,
    OrderSubmitted,
    RunStarted,
)
from tapefold.log import LogReader, Record

CHUNK: Final = 1 << 16
"""Positions of one file: finding their names takes a hundredth of a second."""
LATEST: Final = 3
"""Orders that are named to whoever asks for one that is not there."""
FORMAT: Final = 1
Progress: TypeAlias = Callable[[int, int], None]
"""Called with a position that was reached, and the last one."""
_HASH: Final = 8
_ENTRY: Final = _HASH + 2
_ID: Final = "exchange_order_id"
_OURS: Final = "client_order_id"
_ABOUT_ORDERS: Final = ("order", "place", "cancel")
"""Purposes of requests whose subject is an order."""

_named = tuple(kind for kind in get_args(AnyEvent) if {_OURS, _ID} & {*kind.__struct_fields__})
LANDMARKS: Final[tuple[type[Event], ...]] = (RunStarted, AccountWatched)
"""Not about an order, and part of its story: found by `landmark`."""
NAMING: Final[tuple[type[Event], ...]] = (
    *_named,
    *LANDMARKS,
    AccountRequestFailed,
    CancelAllEnded,
    InstrumentListed,
)
"""Whatever names an order, and what its story needs besides."""


def ours(client_order_id: str) -> str:
    """The name of an order by our id."""
    return f"c {client_order_id}"


def theirs(exchange_order_id: str) -> str:
    """The name of an order by an exchange's id; on another exchange it may be another order's."""
    return f"x {exchange_order_id}"


def listed(instrument: int) -> str:
    """The name of what is said about an instrument itself."""
    return f"i {instrument}"


def landmark(kind: type[Event]) -> str:
    """The name of all events of this class, which is one of `LANDMARKS`."""
    return f"k {kind.__struct_config__.tag}"


def names_of(event: AnyEvent) -> list[str]:
    """What an event names; nothing for nearly all of them."""
    match event:
        case RunStarted() | AccountWatched():
            return [landmark(type(event))]
        case InstrumentListed():
            return [listed(event.instrument)]
        case AccountRequestFailed():
            return [ours(event.subject)] if event.purpose in _ABOUT_ORDERS else []
        case CancelAllEnded():
            return [ours(name) for name in (*event.ended, *event.left)]
        case _:
            name, number = getattr(event, _OURS, ""), getattr(event, _ID, "")
            return [*([ours(name)] if name else ()), *([theirs(number)] if number else ())]


class Known(NamedTuple):
    """What orders of ours there are, for whoever asks for one that is not there."""

    number: int
    latest: tuple[str, ...]
    """The last of them, by our ids."""

    def and_then(self, more: "Known") -> "Known":
        """With those that came later."""
        return Known(self.number + more.number, (*self.latest, *more.latest)[-LATEST:])


NONE: Final = Known(0, ())


class Chunk(Struct, frozen=True, array_like=True):
    """The names of a part of a log."""

    orders: int
    """How many of ours were submitted in it."""
    latest: tuple[str, ...]
    entries: bytes
    """Sorted: of each name and position eight bytes of hash, and two of the position in the part."""

    def offsets(self, names: Collection[bytes]) -> Iterator[int]:
        """Where these hashes stand; the first position is 0."""
        for name in names:
            at = self._first(name) * _ENTRY
            while self.entries[at : at + _HASH] == name:
                yield int.from_bytes(self.entries[at + _HASH : at + _ENTRY], "big")
                at += _ENTRY

    def _first(self, name: bytes) -> int:
        low, high = 0, len(self.entries) // _ENTRY
        while low < high:
            middle = (low + high) // 2
            if self.entries[middle * _ENTRY : middle * _ENTRY + _HASH] < name:
                low = middle + 1
            else:
                high = middle
        return low


class _Saved(Struct, frozen=True, array_like=True):
    """A chunk as it lies in its file, and of which log it is."""

    format: int
    words: bytes
    """Which events name orders: a newer tapefold may know more."""
    position: int
    log_digest: str
    chunk: bytes
    sha256: bytes


_encode = msgspec.msgpack.Encoder().encode
_chunk = msgspec.msgpack.Decoder(Chunk).decode
_saved = msgspec.msgpack.Decoder(_Saved).decode
_tags = [str(kind.__struct_config__.tag) for kind in NAMING]
_WORDS: Final = sha256(" ".join(sorted(_tags)).encode()).digest()[:_HASH]


def _hash(name: str) -> bytes:
    return blake2b(name.encode(errors="surrogatepass"), digest_size=_HASH).digest()


class OrderIndex:
    """Finds the records of a log that name an order. Reads as much as it must, and keeps nothing of it."""

    def __init__(
        self, path: Path, log: LogReader, progress: Progress = lambda position, head: None
    ) -> None:
        self._folder, self._log, self._progress = (
            path.with_name(path.name + ".views"),
            log,
            progress,
        )
        self.head = log.head
        self._whole = self.head // CHUNK * CHUNK
        self._sure: set[int] = set()
        """Ends of chunks that were compared with the log."""

    def find(self, names: Collection[str]) -> list[Record]:
        """Every record that names one of these, in order. Raises `LogError`."""
        hashes, wanted, found = sorted(map(_hash, names)), {*names}, list[Record]()
        for after, chunk in self._chunks():
            positions = {after + 1 + offset for offset in chunk.offsets(hashes)}
            found += self._records(positions, wanted)
        for record in self._log.only(NAMING, self._whole, self.head):
            if not wanted.isdisjoint(names_of(record.event)):
                found.append(record)
        return found

    def orders(self) -> Known:
        """What orders of ours there are. Raises `LogError`."""
        every = NONE
        for _, chunk in self._chunks():
            every = every.and_then(Known(chunk.orders, chunk.latest))
        return every.and_then(_orders(self._log.only((OrderSubmitted,), self._whole, self.head)))

    def _records(self, positions: set[int], wanted: set[str]) -> Iterator[Record]:
        """Those at these positions that really name what is wanted."""
        for position in sorted(positions):
            for record in self._log.only(NAMING, position - 1, position):
                if not wanted.isdisjoint(names_of(record.event)):
                    yield record

    def _chunks(self) -> Iterator[tuple[int, Chunk]]:
        """Each with the position before its first."""
        for end in range(CHUNK, self._whole + 1, CHUNK):
            yield end - CHUNK, self._load(end) or self._make(end)

    def _load(self, end: int) -> Chunk | None:
        try:
            saved = _saved(self._path(end).read_bytes())
            if (saved.format, saved.words, saved.position) != (FORMAT, _WORDS, end):
                return None
            if end not in self._sure and not self._is_ours(saved):
                return None
            chunk = _chunk(saved.chunk)
        except (OSError, ValueError):  # msgspec's errors are ValueErrors too
            return None
        self._sure.add(end)
        return chunk

    def _is_ours(self, saved: _Saved) -> bool:
        """Whether it is whole, and of this log as it is; looked at once, since that takes longest."""
        whole = sha256(saved.chunk).digest() == saved.sha256
        return whole and saved.log_digest == self._log.digest(saved.position)

    def _make(self, end: int) -> Chunk:
        self._progress(end - CHUNK, self.head)
        entries, submitted = set[bytes](), list[Record]()
        for record in self._log.only(NAMING, end - CHUNK, end):
            offset = (record.position - (end - CHUNK) - 1).to_bytes(2, "big")
            entries |= {_hash(name) + offset for name in names_of(record.event)}
            if isinstance(record.event, OrderSubmitted):
                submitted.append(record)
        every = _orders(submitted)
        chunk = Chunk(every.number, every.latest, b"".join(sorted(entries)))
        self._save(end, chunk)
        return chunk

    def _save(self, end: int, chunk: Chunk) -> None:
        data, path = _encode(chunk), self._path(end)
        digest = sha256(data).digest()
        saved = _Saved(FORMAT, _WORDS, end, self._log.digest(end), data, digest)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            new = path.with_suffix(f".orders.{os.getpid()}")
            new.write_bytes(_encode(saved))
            new.replace(path)
        except OSError:
            return
        self._sure.add(end)

    def _path(self, end: int) -> Path:
        return self._folder / f"{end:012}.orders"


def _orders(submitted: Iterable[Record]) -> Known:
    every = NONE
    for record in submitted:
        if isinstance(record.event, OrderSubmitted):
            every = every.and_then(Known(1, (record.event.client_order_id,)))
    return every
