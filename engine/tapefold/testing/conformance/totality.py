"""`total`: whatever an exchange sends, decode gives valid events or says that it cannot read it."""

import json
import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import replace

from tapefold.adapter import Adapter, Frame, Known
from tapefold.events import UNLISTED, AnyEvent
from tapefold.log import check_events
from tapefold.testing.conformance.checks import Check, Found, told
from tapefold.testing.conformance.mutants import mutants
from tapefold.testing.conformance.overheard import Call, decoded

if TYPE_CHECKING:
    from tapefold.testing.conformance.subject import Subject

FRAMES: Final = 150
"""Frames that are mutated, of all kinds."""
SEED: Final = 1
STATUSES: Final = (200, 400, 401, 404, 418, 429, 500, 503)
"""With which an answer to a private request may come."""
READABLE: Final = (ValueError, RecursionError, msgspec.MsgspecError)
"""What decode may raise."""
PUBLIC: Final = ("instruments", "book", "clock")


def total(subject: "Subject") -> Found:
    """Decode all frames, and mutants of some of each kind."""
    rng, failures, tried = random.Random(SEED), dict[str, None](), 0
    calls = decoded(subject.calls)
    chosen = varied(calls, FRAMES)
    for n, call in enumerate(chosen):
        subject.progress("garbling frames", n, len(chosen))
        frame, known = call.arguments
        for what, data in mutants(frame.data, rng):
            for each in _answered(replace(frame, data=data)):
                tried += 1
                if wrong := _read(subject.adapter, each, known):
                    shown = data[:80].decode(errors="replace")
                    failures.setdefault(f"{wrong}, for a frame {what} (line {call.line}): {shown}")
    for call in calls:
        tried += 1
        if wrong := _read(subject.adapter, *call.arguments):
            failures.setdefault(f"{wrong}, for the frame of line {call.line} as it is")
    return Found(tried, tried, told([*failures]))


def varied(calls: Sequence[Call], most: int) -> list[Call]:
    """Calls of each kind, by what a frame begins with and what it answers, and no more than so many."""
    kinds: dict[object, list[Call]] = {}
    for call in calls:
        frame: Frame = call.arguments[0]
        purpose = frame.request.purpose if frame.request else ""
        kinds.setdefault((purpose, frame.kind, _shape(frame.data)), []).append(call)
    each = max(1, most // max(1, len(kinds)))
    few = [call for group in kinds.values() for call in group[:: max(1, len(group) // each)][:each]]
    return few[:most]


def _shape(data: bytes) -> object:
    """The keys of a frame, and of what is in it."""
    try:
        top = json.loads(data)
    except (ValueError, RecursionError):
        return data[:8]
    return _keys(top, 2)


def _keys(value: Any, depth: int) -> object:
    if isinstance(value, dict) and depth:
        return tuple((key, _keys(inner, depth - 1)) for key, inner in value.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON
    return type(value).__name__  # pyright: ignore[reportUnknownArgumentType] - JSON


def _answered(frame: Frame) -> Iterator[Frame]:
    """A frame; an answer to a private request with every status."""
    private = frame.request is not None and frame.request.purpose not in PUBLIC
    for status in STATUSES if private else (frame.status,):
        yield replace(frame, status=status)


def _read(adapter: Adapter, frame: Frame, known: Known) -> str:
    """What is wrong with how a frame is read; empty: nothing."""
    try:
        events = adapter.decode(frame, known)
    except READABLE:
        return ""
    except Exception as error:  # that is what is looked for
        return f"decode raised {type(error).__name__}"
    try:
        return _invalid(events, known)
    except Exception as error:  # an event that cannot be written is of any kind of wrong
        return f"decode gave an event that no log can hold ({type(error).__name__})"


def _invalid(events: Sequence[AnyEvent], known: Known) -> str:
    try:
        check_events(events)
    except (*READABLE, OverflowError, TypeError) as error:
        return f"decode gave an event that no log can hold ({type(error).__name__})"
    numbers = {row.instrument for row in known.values()} | {UNLISTED}
    for event in events:
        if getattr(event, "instrument", UNLISTED) not in numbers:
            return f"decode gave a {type(event).__name__} of an instrument that is not known"
    return ""


CHECKS: Final = (
    Check(
        "total",
        "whatever comes, decode gives valid events or raises ValueError or msgspec's errors",
        total,
    ),
)
"""What is checked here."""
