"""`exact`: every price and size that decode gives prints back to a number that stands in the frame."""

import random
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from tapefold.adapter import Adapter, Frame, Known
from tapefold.events import (
    AnyEvent,
    BookDelta,
    BookSnapshot,
    FillReported,
    InstrumentListed,
    Quote,
    Trade,
)
from tapefold.testing.conformance.checks import Check, Found, told
from tapefold.testing.conformance.overheard import decoded
from tapefold.testing.conformance.totality import READABLE, varied
from tapefold.units import exactly, fixed, tidy

if TYPE_CHECKING:
    from tapefold.testing.conformance.subject import Subject

LONGER: Final = 100
"""Frames whose numbers are made longer than a float can hold."""
SEED: Final = 1
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_DECIMAL = re.compile(rb'"(\d{1,6})\.(\d+)"')
"""A number with a point that stands in a string: what may be made longer."""


def exact(subject: "Subject") -> Found:
    """All frames as they are, and some of each kind with numbers of 17 digits."""
    calls = decoded(subject.calls)
    failures, tried, rng = dict[str, None](), 0, random.Random(SEED)
    for call in calls:
        frame, known = call.arguments
        tried += 1
        for wrong in _wrong(subject.adapter, frame, known):
            failures[f"{wrong} (line {call.line})"] = None
    for call in varied(calls, LONGER):
        frame, known = call.arguments
        data = _DECIMAL.sub(lambda match: _longer(match, rng), frame.data)
        if data != frame.data:
            tried += 1
            for wrong in _wrong(subject.adapter, replace(frame, data=data), known):
                failures[f"{wrong} (line {call.line}, with longer numbers)"] = None
    return Found(tried, tried, told([*failures]))


def _longer(match: re.Match[bytes], rng: random.Random) -> bytes:
    """A number of as many whole digits, and so many others that a float has no room for them."""
    digits = "".join(rng.choice("123456789") for _ in range(17 - len(match[1])))
    return b'"' + match[1] + b"." + digits.encode() + b'"'


def _wrong(adapter: Adapter, frame: Frame, known: Known) -> Iterator[str]:
    """The numbers that are in an event and not in its frame."""
    try:
        events = adapter.decode(frame, known)
    except READABLE:
        return  # a number may be refused, but never rounded
    except Exception:  # `total` tells of it
        return
    there: set[Decimal] | None = None
    rows = {row.instrument: row for row in known.values()}
    for event in events:
        if isinstance(event, InstrumentListed):
            rows[event.instrument] = event
            continue
        for what, number in _numbers(event, rows):
            if there is None:
                there = {abs(Decimal(text.decode())) for text in _NUMBER.findall(frame.data)}
            if number not in there:
                yield f"a {what} of {fixed(number)} in a {type(event).__name__} is not in its frame"
                return


def _numbers(event: AnyEvent, rows: dict[int, InstrumentListed]) -> Iterator[tuple[str, Decimal]]:
    """The prices and sizes of an event as decimals; of a fill as they are."""
    if isinstance(event, FillReported):
        yield from (("price", event.price), ("size", event.amount))
        return
    row = rows.get(getattr(event, "instrument", -1))
    if row is None:
        return
    for what, number in _scaled(event):
        digits = row.price_digits if what == "price" else row.size_digits
        with exactly():
            yield what, tidy(Decimal(number).scaleb(-digits))


def _scaled(event: AnyEvent) -> Iterator[tuple[str, int]]:
    match event:
        case Trade():
            yield from (("price", event.price), ("size", event.size))
        case Quote():
            yield from (("price", event.bid_price), ("price", event.ask_price))
            yield from (("size", event.bid_size), ("size", event.ask_size))
        case BookDelta() | BookSnapshot():
            for price, size in (*event.bids, *event.asks):
                yield from (("price", price), ("size", size))
        case _:
            return


CHECKS: Final = (
    Check(
        "exact", "every price and size is one that stands in the frame, to the last digit", exact
    ),
)
"""What is checked here."""
