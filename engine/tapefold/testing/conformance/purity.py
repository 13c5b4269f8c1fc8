"""`pure`: an adapter's functions are functions of their inputs, and of nothing else."""

import copy
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from tapefold.adapter import Adapter
from tapefold.testing.conformance.checks import Check, Found, told
from tapefold.testing.conformance.leaks import imported_leaks, state_of, trapped
from tapefold.testing.conformance.overheard import Call, kept

if TYPE_CHECKING:
    from tapefold.testing.conformance.subject import Subject

CALLS: Final = 2_000
"""Calls that are made again, drawn from all of them."""
SEED: Final = 1


class _Pure(NamedTuple):
    """Two copies of an adapter, and what was found wrong."""

    first: Adapter
    second: Adapter
    failures: dict[str, None]


def pure(subject: "Subject") -> Found:
    """Ask again, in the recorded order and in another one."""
    calls = _sample(subject.calls)
    pure = _Pure(_copied(subject.adapter), _copied(subject.adapter), {})
    for leak in imported_leaks(subject.adapter):
        pure.failures[leak] = None
    before = state_of(subject.adapter)
    shuffled = random.Random(SEED).sample(calls, len(calls))
    for adapter, order in ((pure.first, calls), (pure.second, shuffled)):
        for n, call in enumerate(order):
            if n % 100 == 0:
                subject.progress("asking again", n, len(order))
            _again(adapter, call, pure.failures)
    after = state_of(subject.adapter)
    for name in sorted({*before} | {*after}):
        if before.get(name) != after.get(name):
            pure.failures[f"{name} of its module has changed: an adapter keeps no state there"] = (
                None
            )
    return Found(2 * len(calls), 2 * len(subject.calls), told([*pure.failures]))


def _sample(calls: Sequence[Call]) -> list[Call]:
    """All calls but of decode, which are few, and of those as many as will do."""
    few = [call for call in calls if call.name != "decode"][:CALLS]
    many = [call for call in calls if call.name == "decode"]
    step = max(1, len(many) // CALLS)
    return sorted([*few, *many[::step]], key=lambda call: call.line)


def _copied(adapter: Adapter) -> Adapter:
    """Another one like it; itself where it cannot be copied."""
    try:
        return copy.deepcopy(adapter)
    except Exception:  # whatever a member of it raises: it is checked as it is then
        return adapter


def _again(adapter: Adapter, call: Call, failures: dict[str, None]) -> None:
    """One call, under watch."""
    arguments = tuple(map(kept, call.arguments))
    before = written(arguments)
    with trapped() as leaks:
        try:
            gave = getattr(adapter, call.name)(*arguments)
        except Exception as error:  # it is compared with what it raised then
            gave = error
    where = f"{call.name}, line {call.line}"
    for leak in dict.fromkeys(leaks):
        failures[f"{call.name} {leak}"] = None
    if written(arguments) != before:
        failures[f"{where}: it changed what it was given"] = None
    if not _same(gave, call.gave):
        failures[f"{where}: asked again it gave something else"] = None


def _same(gave: Any, then: Any) -> bool:
    if isinstance(gave, Exception) or isinstance(then, Exception):
        return type(gave) is type(then)
    return bool(written(gave) == written(then))


def written(value: Any) -> object:
    """A value as bytes, to be compared; as it shows itself, where it is none that can be written."""
    try:
        return type(value).__name__, msgspec.msgpack.encode(value)
    except (TypeError, ValueError, OverflowError):
        return repr(value)


CHECKS: Final = (
    Check(
        "pure",
        "asked the same, it gives the same: no clock, chance, files, network or state of its own",
        pure,
    ),
)
"""What is checked here."""
