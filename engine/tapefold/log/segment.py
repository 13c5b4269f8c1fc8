"""Segments: what a stored row holds, and the chain of digests over them.

A segment is up to 256 events, stored at the position of its first. No segment crosses a multiple of
256, so whatever the flushes were, a *block* of 256 positions is a whole number of rows. The digest
is a chain over blocks, `chain = sha256(chain + the block's event bytes)`: it does not know where
segments end, it can be taken up again from any block with 32 bytes, and a difference is found by
comparing the chains that segments carry.
"""

import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import accumulate
from operator import sub
from typing import Any, Final, NamedTuple, get_args

import msgspec

from tapefold.errors import LogError
from tapefold.events import AnyEvent, Event
from tapefold.units import Nanos

BLOCK: Final = 256
"""Positions in a block: 15 kB of events, which take 10 us to hash."""
FORMAT: Final = 1
"""Of a stored row. A newer one is refused."""
START: Final = bytes(32)
"""The chain before the first block."""


class Segment(msgspec.Struct, array_like=True, frozen=True):
    """A row's state."""

    format: int
    chain: bytes
    """The digest up to the start of this segment's block."""
    gaps: msgspec.Raw
    """When each event's frame came: the first in nanoseconds since 1970, then differences. Packed, since
    who folds needs none of it."""
    events: bytes
    """The events, one msgpack array after another."""
    crc: int
    """CRC-32 of the three before it: a damaged row is known as one."""

    @property
    def count(self) -> int:
        """How many events it has: what msgpack says of the array of gaps. Raises `LogError`."""
        packed = bytes(self.gaps)
        wide = _WIDTHS.get(packed[0], 0)
        if not wide and packed[0] & 0xF0 != 0x90:
            raise LogError(_NO_TIMES)
        return int.from_bytes(packed[1 : 1 + wide], "big") if wide else packed[0] & 0x0F

    @property
    def times(self) -> list[Nanos]:
        """When each event's frame came. Raises `LogError`."""
        try:
            return list(accumulate(_ints(self.gaps)))
        except ValueError as error:
            raise LogError(_NO_TIMES) from error


_NO_TIMES: Final = "the log has a segment whose times cannot be read"
_WIDTHS: Final = {0xDC: 2, 0xDD: 4}
"""In how many bytes a larger array says how many it has."""
encoder = msgspec.msgpack.Encoder(order="deterministic")
"""Of events: one encoding for one event, whatever the process."""
_state = msgspec.msgpack.Encoder().encode
_segment = msgspec.msgpack.Decoder(Segment).decode
_ints = msgspec.msgpack.Decoder(list[int]).decode
_any = msgspec.msgpack.Decoder().decode
_events = msgspec.msgpack.Decoder(list[AnyEvent]).decode
_event = msgspec.msgpack.Decoder(AnyEvent).decode


def check_events(events: Sequence[AnyEvent]) -> None:
    """That each can be read again from a disk. Raises `ValueError`, `OverflowError`, `TypeError`.

    Python checks no types: an id that is an int instead of a text would be written, and never read.
    """
    for event in events:
        _event(encoder.encode(event))


def to_row(chain: bytes, times: list[Nanos], events: bytes) -> bytes:
    """A row's state, from what was appended."""
    gaps = msgspec.Raw(_state([times[0], *map(sub, times[1:], times)]))
    return _state(Segment(FORMAT, chain, gaps, events, _crc(chain, gaps, events)))


def _unreadable(format: object, position: int) -> LogError:  # noqa: A002 - as the field is named
    if isinstance(format, int) and format > FORMAT:
        return LogError(
            f"the log is of a newer tapefold (format {format}, this one reads {FORMAT}): upgrade"
        )
    return LogError(f"the log's segment at position {position} cannot be read")


def _first(state: bytes) -> object:
    """The first element of a row of any shape: its format, if it is of tapefold's at all."""
    try:
        row: Any = _any(state)
        return row[0]
    except (ValueError, LookupError, TypeError):
        return None


def _crc(chain: bytes, gaps: msgspec.Raw, events: bytes) -> int:
    return zlib.crc32(events, zlib.crc32(gaps, zlib.crc32(chain)))


def from_row(state: bytes, position: int) -> Segment:
    """A row's state, checked. Raises `LogError`."""
    try:
        segment = _segment(state)
    except (ValueError, TypeError) as error:
        raise _unreadable(_first(state), position) from error
    if segment.format != FORMAT:
        raise _unreadable(segment.format, position)
    if _crc(segment.chain, segment.gaps, segment.events) != segment.crc:
        raise LogError(
            f"the log's segment at position {position} is damaged (its checksum differs)"
        )
    return segment


def events_of(segment: Segment, position: int) -> list[AnyEvent]:
    """A segment's events. Raises `LogError` for a word that this version does not know."""
    return decode(segment.events, segment.count, position)


def decode(body: bytes, count: int, position: int) -> list[AnyEvent]:
    """*count* events from their bytes; *position* is of the first, for the error."""
    try:
        return _events(_header(count) + body)
    except ValueError as error:
        raise _unknown(position) from error


class Piece(NamedTuple):
    """Events as they are stored."""

    first: int
    """The position of the first."""
    length: int
    """How many there are."""
    body: bytes
    """The events, one msgpack array after another."""

    def decode(self, body: bytes, count: int) -> list[AnyEvent]:
        """*count* of its events from their bytes. Raises `LogError`."""
        return decode(body, count, self.first)


class Only:
    """Reads events of some classes, and passes over all others without looking into them.

    A union of the classes that are wanted, and for every other tag a class without fields, to which
    the decoder gives the array's first element and nothing more: so the whole is one call in C, and
    a tag that nobody knows is an error here as it is where everything is read.
    """

    def __init__(self, kinds: frozenset[type[Event]]) -> None:
        every: tuple[type[Event], ...] = get_args(AnyEvent)
        self._wanted = {kind for kind in every if issubclass(kind, tuple(kinds))}
        union: Any = Event  # no event has its tag: it is only where the union begins
        for kind in every:
            union |= kind if kind in self._wanted else _passed(kind)
        self._decode: Callable[[bytes], list[Any]] = msgspec.msgpack.Decoder(list[union]).decode

    def __call__(self, segment: Segment, first: int) -> list[tuple[int, AnyEvent]]:
        """The wanted events of a segment, each with its position. Raises `LogError`."""
        try:
            events = self._decode(_header(segment.count) + segment.events)
        except ValueError as error:
            raise _unknown(first) from error
        wanted = self._wanted
        if wanted.isdisjoint(map(type, events)):  # nearly all segments of a market's log
            return []
        return [each for each in enumerate(events, first) if type(each[1]) in wanted]


@lru_cache(maxsize=64)
def only(kinds: frozenset[type[Event]]) -> Only:
    """The reader of these classes, and of those that are derived from them; made once."""
    return Only(kinds)


def _passed(kind: type[Event]) -> type[msgspec.Struct]:
    """Stands for an event that is passed over."""
    return msgspec.defstruct(
        f"Passed{kind.__name__}",
        [],
        array_like=True,
        frozen=True,
        gc=False,
        tag=kind.__struct_config__.tag,
    )


def _unknown(position: int) -> LogError:
    return LogError(
        f"the log has an event that this tapefold does not know, from position {position} on: upgrade"
    )


def _header(count: int) -> bytes:
    """What msgpack puts before an array of so many."""
    return bytes((0x90 | count,)) if count < 16 else b"\xdc" + count.to_bytes(2, "big")


def link(chain: bytes, block: bytes | bytearray) -> bytes:
    """The chain after one more block."""
    return sha256(chain + block).digest()
