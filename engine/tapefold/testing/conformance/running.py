"""Checking an adapter: all checks, or some, and what the sessions covered."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any, Final, cast

from tapefold.adapter import Adapter, Channel, Purpose, exchanges, load_adapter
from tapefold.errors import AdapterError, BadInput
from tapefold.session import Session, bundled
from tapefold.sim import Skin, load_skin
from tapefold.testing.conformance.asking import TOKEN
from tapefold.testing.conformance.checks import (
    Checked,
    Conformance,
    Coverage,
    Progress,
)
from tapefold.testing.conformance.overheard import decoded
from tapefold.testing.conformance.registry import CHECKS
from tapefold.testing.conformance.subject import Subject, quiet

_PRIVATE: Final[tuple[Purpose, ...]] = (
    "token",
    "keep_alive",
    "balances",
    "open_orders",
    "fees",
    "order",
    "fills",
    "place",
    "cancel",
)
"""The purposes of what a trader asks."""


def conform(
    adapter: Adapter,
    sessions: Sequence[Session],
    *,
    skin: Skin | None = None,
    every: int | None = None,
    only: Collection[str] = (),
    progress: Progress = quiet,
) -> Conformance:
    """Check *adapter* with good *sessions* of its exchange; *only* these checks, by name, if any are given.

    Without a *skin* it is the installed one of the exchange, if there is one. Faults are planted at each
    *every*-th line with a frame of a book; without it at every line of a tape of up to 2,000 lines, and
    at about 200 of a longer one. Raises `BadInput` for no session, and for a check that there is not.
    """
    subject = subject_of(adapter, sessions, skin=skin, every=every, progress=progress)
    return conform_subject(subject, only)


def subject_of(
    adapter: Adapter,
    sessions: Sequence[Session],
    *,
    skin: Skin | None = None,
    every: int | None = None,
    progress: Progress = quiet,
) -> Subject:
    """What `conform` checks, with the installed skin where there is one. Raises `BadInput`."""
    skin = skin or _installed(adapter)
    return Subject(adapter, sessions, skin=skin, every=every, progress=progress)


def conform_subject(subject: Subject, only: Collection[str] = ()) -> Conformance:
    """As `conform`; a subject that is checked again keeps what it has found out."""
    began = monotonic()
    unknown = sorted({*only} - {check.name for check in CHECKS})
    if unknown:
        there = ", ".join(check.name for check in CHECKS)
        raise BadInput(f"there is no check {', '.join(unknown)}; there is {there}")
    chosen = [check for check in CHECKS if not only or check.name in only]
    done: list[Checked] = []
    for n, check in enumerate(chosen):
        subject.progress(check.name, n, len(chosen))
        found = check.run(subject)
        done.append(
            Checked(
                check.name,
                check.sentence,
                not found.failures,
                found.checked,
                found.of,
                found.failures,
                found.note,
            )
        )
    return Conformance(subject.exchange, (*done,), _coverage(subject), monotonic() - began)


def _installed(adapter: Adapter) -> Skin | None:
    with suppress(AdapterError):
        return load_skin(adapter.description.exchange)
    return None


def _coverage(subject: Subject) -> Coverage:
    """What the sessions showed of the adapter."""
    calls = decoded(subject.calls)
    seen = {call.arguments[0].request.purpose for call in calls if call.arguments[0].request}
    heard: set[str] = set()
    for call in calls:
        if call.arguments[0].kind == "recv":
            with suppress(ValueError, RecursionError):
                topic = subject.adapter.topic(call.arguments[0].data)
                heard |= {topic.channel} if topic else set()
    channels: tuple[Channel, ...] = subject.adapter.description.channels
    swept = subject.__dict__.get("swept")
    return Coverage(
        lines=sum(session.meta.counts.lines for session in subject.sessions),
        book_lines=swept.book_lines if swept else 0,
        hit=dict(swept.hit) if swept else {},
        unseen_channels=tuple(each for each in channels if each not in heard),
        unseen_purposes=tuple(each for each in _purposes(subject) if each not in seen),
    )


def _purposes(subject: Subject) -> list[Purpose]:
    """Those of the requests that the adapter can make."""
    can: list[Purpose] = ["instruments", "book"]
    if subject.adapter.clock():
        can.append("clock")
    if (trading := subject.trader) is not None:
        never: set[Purpose] = set()
        if trading.token() is None:
            never.add("token")
        if trading.keep_alive(TOKEN) is None:
            never.add("keep_alive")
        can.extend(each for each in _PRIVATE if each not in never)
    return can


def find_adapter(name: str) -> Adapter:
    """The adapter of an installed exchange, or what stands at `module:attribute`, made if need be.

    Raises `AdapterError`.
    """
    if ":" not in name:
        return load_adapter(name)
    module, _, attribute = name.partition(":")
    try:
        found: Any = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise AdapterError(f"there is no adapter at {name}: {error}") from error
    made = found if hasattr(found, "description") and not isinstance(found, type) else found()
    if not hasattr(made, "description"):
        raise AdapterError(f"{name} is no adapter: it has no description")
    return cast("Adapter", made)


def find_sessions(exchange: str, folder: Path = Path("cassettes")) -> list[Session]:
    """The sessions of an exchange below *folder*, and the bundled one if it is of that exchange."""
    places = sorted(path.parent for path in (folder / exchange).glob("*/session.toml"))
    found = [Session(path) for path in places]
    ours = Session(bundled())
    if exchange in ours.meta.exchanges and bundled().resolve() not in [p.resolve() for p in places]:
        found.append(ours)
    if not found:
        there = ", ".join(exchanges())
        raise BadInput(
            f"there is no session of {exchange} in {folder / exchange} (installed: {there}): "
            "record one, or name it with --session"
        )
    return found
