"""When things are asked and told: the laws about gaps, rest and haste."""

from collections import deque
from collections.abc import Iterator
from typing import Final

from tapefold.events import (
    AccountStreamChanged,
    AccountSurveyed,
    Conclusion,
    ConnectionClosed,
    OrderFilled,
    OrderSubmitted,
    RunStarted,
)
from tapefold.sim.weather import WIRE_MAX
from tapefold.testing.conformance.order_faults import KINDS
from tapefold.testing.conformance.order_telling import POLL, POLL_SILENT, Seen
from tapefold.units import MINUTE, SECOND, Nanos

ASKED_MAX: Final = 30
"""Requests of one purpose in a minute: several times what orders, polls and second tries need here."""
SURVEY_IN: Final = 5 * SECOND
"""So soon after a stream is heard again its account is being asked for all it says."""
UNSURVEYED_MAX: Final = POLL + POLL_SILENT + 2 * WIRE_MAX + 30 * SECOND
"""The longest without a survey: a poll, two answers that do not come, and the pause before asking again."""
HELD_MAX: Final = 30 * SECOND
"""The longest that a survey may hold the stream's frames."""
TOLD_IN: Final = 2 * SECOND
"""So soon a fill is told that the stream says: no survey holds it, since orders leave after the first."""


def gap_surveyed(seen: Seen) -> Iterator[str]:
    """After a gap the account is asked for everything before its orders are believed; and now and then."""
    yield from _unasked(seen)
    yield from _believed(seen)
    last = seen.records[0].time_received
    for record in seen.records:
        if isinstance(record.event, RunStarted):
            last = record.time_received
        if isinstance(record.event, AccountSurveyed):
            yield from _long(last, record.time_received)
            last = record.time_received
    yield from _long(last, seen.ended)


def _long(since: Nanos, until: Nanos) -> Iterator[str]:
    if until - since > UNSURVEYED_MAX:
        yield f"for {(until - since) // SECOND} s the account was not surveyed"


def _unasked(seen: Seen) -> Iterator[str]:
    """Each time that the stream is heard again, balances and open orders are asked for from then on."""
    for up, over in _heard(seen):
        for purpose in ("balances", "open_orders"):
            times = [a.time for a in seen.asked if a.request.purpose == purpose]
            if over > up + SURVEY_IN and not any(up <= t <= up + SURVEY_IN for t in times):
                yield f"the stream was heard again, and {purpose} not asked for"


def _heard(seen: Seen) -> Iterator[tuple[Nanos, Nanos]]:
    """From when until when the stream was heard."""
    up: Nanos | None = None
    for record in seen.records:
        match record.event:
            case AccountStreamChanged(state="up"):
                up = record.time_received if up is None else up
            case AccountStreamChanged() | ConnectionClosed() | RunStarted() if up is not None:
                yield up, record.time_received
                up = None
            case _:
                pass
    if up is not None:
        yield up, seen.ended


def _starts(seen: Seen) -> list[Nanos]:
    """When each run began."""
    return [r.time_received for r in seen.records if isinstance(r.event, RunStarted)]


def _believed(seen: Seen) -> Iterator[str]:
    """Between a stream that is heard again and its survey nothing is concluded of earlier orders."""
    for up, over in _heard(seen):
        earlier: dict[str, None] = {}
        for record in seen.records:
            event, time = record.event, record.time_received
            if time < up and isinstance(event, OrderSubmitted):
                earlier[event.client_order_id] = None
            if time < up or time >= min(over, up + HELD_MAX):
                continue
            if isinstance(event, AccountSurveyed):
                break
            if isinstance(event, Conclusion) and event.client_order_id in earlier:
                yield f"{event.client_order_id}: believed before the account was surveyed"


def left_alone(seen: Seen) -> Iterator[str]:
    """Who says `Retry-After` is asked nothing until then, by a run that heard it."""
    starts = _starts(seen)
    for frame in seen.frames:
        if frame.retry_after:
            until = frame.time + frame.retry_after * SECOND
            until = min([until, *(start for start in starts if start >= frame.time)])
            early = [a for a in seen.asked if frame.time < a.time < until]
            for asked in early[:1]:
                yield f"{asked.request.purpose} was asked while the exchange wanted rest"


def bounded(seen: Seen) -> Iterator[str]:
    """No storm of requests: of each purpose at most `ASKED_MAX` in any minute."""
    lately: dict[str, deque[Nanos]] = {}
    stormy: dict[str, None] = {}
    for asked in seen.asked:
        purpose = asked.request.purpose
        times = lately.setdefault(purpose, deque())
        times.append(asked.time)
        while times[0] <= asked.time - MINUTE:
            times.popleft()
        if len(times) > ASKED_MAX:
            stormy[purpose] = None
    for storm in stormy:
        yield f"more than {ASKED_MAX} requests in a minute: {storm}"


def told_soon(seen: Seen) -> Iterator[str]:
    """Where the stream is whole, a fill is told as it comes: no request that goes wrong holds it up."""
    if KINDS[seen.fault.kind][0] not in ("run", "request", "page"):
        return
    for record in seen.records:
        event = record.event
        if isinstance(event, OrderFilled) and event.client_order_id:
            took = record.time_received - event.time_exchange
            if took > TOLD_IN:
                yield f"{event.client_order_id}: a fill was told {took // SECOND} s after it was"
