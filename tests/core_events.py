"""Events of every kind as a log may hold them, sane or not, and their bytes in every spelling."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from core_sides import EDGES, NUMBER_MAX, STRANGE, side
from msgspec import Raw

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
from tapefold.log.segment import encoder

KINDS: Final[tuple[Any, ...]] = get_args(AnyEvent)
KNOWN: Final = (0, 1, 2, 4095, 4096, 2**40)
"""Instruments that are listed; from 4096 on they are the definition's."""
_INSTRUMENTS: Final = (*KNOWN, 0, 0, 0, 0, 1, 1, 1, 3, -1)
_INTS: Final = (*EDGES, -1, -32, -33, -128, -129, -(2**31), -(2**63), 2**63, 2**64 - 1)
_IDS: Final = ("", "1", "x" * 31, "x" * 32, "x" * 255, "x" * 256, "é", "a\0b", "123456789")
_WORDS: Final = ("", "x", "c", "e", "ETH", "USDT", "T1")
_NUMBERS: Final = tuple(Decimal(text) for text in ("0", "1", "-1", "0.4", "1e-30", "1e30", "NaN"))
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def listed(instrument: int, price: int = 2, size: int = 3, native: str = "AB") -> InstrumentListed:
    """An instrument."""
    return InstrumentListed(
        instrument=instrument,
        exchange="x",
        symbol=native,
        native_symbol=native,
        price_digits=price,
        size_digits=size,
    )


def _number(random: Random) -> int:
    return random.choice(_INTS) if random.random() < 0.1 else random.randrange(10**7)


def _side(random: Random) -> Raw:
    """Mostly one that a market may send; at times garbage."""
    if random.random() < 0.02:
        columns = [[random.choice(STRANGE) for _ in range(random.randint(0, 2))] for _ in "ps"]
        return Raw(_encode(random.choice([None, 1, "x", [], [[1], [1], [1]], columns])))
    size = random.choice((1, 3, NUMBER_MAX))
    rows = [
        (random.choice(EDGES) if random.random() < 0.02 else random.randrange(60), size)
        for _ in range(random.choice((0, 1, 2, 5, 16)))
    ]
    return Raw(side([(p, 0) if random.random() < 0.4 else (p, s) for p, s in rows]))


def book_delta(random: Random) -> BookDelta:
    return BookDelta(
        instrument=random.choice(_INSTRUMENTS),
        time_exchange=_number(random),
        published_after=_number(random),
        first=_number(random),
        previous=_number(random),
        sequence=_number(random),
        packed_bids=_side(random),
        packed_asks=_side(random),
    )


def book_snapshot(random: Random) -> BookSnapshot:
    return BookSnapshot(
        instrument=random.choice(_INSTRUMENTS),
        time_exchange=_number(random),
        sequence=_number(random),
        packed_bids=_side(random),
        packed_asks=_side(random),
    )


def quote(random: Random) -> Quote:
    return Quote(
        instrument=random.choice(_INSTRUMENTS),
        time_exchange=_number(random),
        published_after=_number(random),
        sequence=_number(random),
        bid_price=_number(random),
        bid_size=_number(random),
        ask_price=_number(random),
        ask_size=_number(random),
    )


def trade(random: Random) -> Trade:
    return Trade(
        instrument=random.choice(_INSTRUMENTS),
        time_exchange=_number(random),
        published_after=_number(random),
        trade_id=random.choice(_IDS),
        price=_number(random),
        size=_number(random),
        taker=random.choice(("buy", "sell", "")),
    )


def invalidated(random: Random) -> BookInvalidated:
    return BookInvalidated(instrument=random.choice(_INSTRUMENTS), reason="gap")


def widened(random: Random) -> InstrumentListed:
    """Listed anew, as a rule in a finer scale; at times in one that no book fits into."""
    more = random.choice((0, 1, 2, 3, 17, 30))
    return listed(random.choice(_INSTRUMENTS), 2 + more, 3 + random.choice((0, more, 19)))


def rejected(random: Random) -> FrameRejected:
    return FrameRejected(lane="x/1", reason="json", data=random.randbytes(3), size=3)


MARKET: Final[tuple[Callable[[Random], AnyEvent], ...]] = (
    quote,
    quote,
    quote,
    trade,
    trade,
    book_delta,
    book_delta,
    book_delta,
    book_delta,
    book_delta,
    book_snapshot,
    book_snapshot,
    invalidated,
    widened,
    rejected,
)
"""What a market's log has, the common more often."""


def any_event(random: Random) -> AnyEvent:
    """One of any class there is, of what its fields may hold on disk."""
    kind = random.choice(KINDS)
    if kind is InstrumentListed:  # of a trillion digits even the definition makes a trillion zeros
        return widened(random)
    fields = {name: _value(hint, random) for name, hint in get_type_hints(kind).items()}
    made: AnyEvent = kind(**fields)
    return made


def _value(hint: Any, random: Random) -> Any:
    parts = get_args(hint)
    if get_origin(hint) is Literal:
        return random.choice(parts)
    if get_origin(hint) in (Union, UnionType):
        return _value(random.choice(parts), random)
    if get_origin(hint) is tuple:
        count = random.randint(0, 2) if parts[-1] is ... else len(parts)
        kinds = parts[:1] * count if parts[-1] is ... else parts
        return tuple(_value(part, random) for part in kinds)
    if get_origin(hint) is dict:
        return {_value(parts[0], random): _value(parts[1], random)}
    if hint is Raw:
        return _side(random)
    plain: dict[Any, tuple[Any, ...]] = {
        Decimal: _NUMBERS,
        int: (*KNOWN, -1, 0, 7, NUMBER_MAX, -(2**63)),
        str: _WORDS,
        bytes: (b"", b"\0\xff"),
        bool: (False, True),
        type(None): (None,),
    }
    return random.choice(plain[hint])


# As bytes


def body_of(events: Sequence[AnyEvent]) -> bytes:
    """As the log has it."""
    return b"".join(map(encoder.encode, events))


def respelled(event: AnyEvent, random: Random) -> bytes:
    """The same event in another spelling of msgpack."""
    return _spelled(_decode(encoder.encode(event)), random)


def deformed(event: AnyEvent, random: Random) -> bytes:
    """Nearly an event: an element more, less or another, or another tag."""
    row: list[Any] = _decode(encoder.encode(event))
    at, how = random.randrange(len(row)), random.randrange(5)
    odd: tuple[Any, ...] = ("", "quote", [], {}, b"x", [1], {"a": [1]}, "buy")
    # Of a scale of 2**63 digits even the definition would compute 10**(2**63).
    strange: Any = random.choice(odd if isinstance(event, InstrumentListed) else (*STRANGE, *odd))
    if how == 0:
        row.append(strange)
    elif how == 1:
        row.pop()
    elif how == 2:
        row[0] = random.choice(("quote", "trade", "book_delta", "quot", "nothing", 1, None))
    elif how == 3:
        row.insert(at, strange)
    else:
        row[at] = strange
    return _encode(row)


def _spelled(value: Any, random: Random) -> bytes:
    kind: str = type(value).__name__
    spell = _SPELLINGS.get(kind)
    return spell(value, random) if spell else _encode(value)


def _spelled_list(rows: list[Any], random: Random) -> bytes:
    inner = b"".join(_spelled(each, random) for each in rows)
    return _head(len(rows), random, (0x90, 15), None, 0xDC, 0xDD) + inner


def _spelled_dict(pairs: dict[Any, Any], random: Random) -> bytes:
    inner = b"".join(_spelled(each, random) for pair in pairs.items() for each in pair)
    return _head(len(pairs), random, (0x80, 15), None, 0xDE, 0xDF) + inner


def _spelled_text(text: str, random: Random) -> bytes:
    data = text.encode()
    return _head(len(data), random, (0xA0, 31), 0xD9, 0xDA, 0xDB) + data


def _head(count: int, random: Random, fixed: tuple[int, int], *codes: int | None) -> bytes:
    """Any header that has room for it."""
    room = [
        bytes((code,)) + count.to_bytes(1 << n, "big")
        for n, code in enumerate(codes)
        if code and count < 1 << (8 << n)
    ]
    if count <= fixed[1]:
        room += [bytes((fixed[0] | count,))] * 3
    return random.choice(room)


def _spelled_int(value: int, random: Random) -> bytes:
    """Any spelling that has room for it."""
    unsigned = [(n, 0xCC, False) for n in range(4) if 0 <= value < 1 << (8 << n)]
    signed = [
        (n, 0xD0, True) for n in range(4) if -(1 << ((8 << n) - 1)) <= value < 1 << ((8 << n) - 1)
    ]
    if random.random() < 0.5:
        return _encode(value)
    n, code, minus = random.choice(unsigned + signed)
    return bytes((code + n,)) + value.to_bytes(1 << n, "big", signed=minus)


_SPELLINGS: Final[dict[str, Callable[[Any, Random], bytes]]] = {
    "list": _spelled_list,
    "dict": _spelled_dict,
    "str": _spelled_text,
    "int": _spelled_int,
}
