"""Why an order came to what it came to: from its intent to its end, each record with what led to it."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from tapefold.errors import BadInput, Mismatch, UnknownOrder
from tapefold.events import UNLISTED, AnyEvent, OrderSubmitted
from tapefold.folds.orders import Order
from tapefold.inquiry.frames import lines_of, with_frames
from tapefold.inquiry.index import LANDMARKS, Progress, landmark, listed, ours, theirs
from tapefold.inquiry.story import Why
from tapefold.inquiry.trail import Found, InLog, InSession, Source
from tapefold.inquiry.walk import Sought, walk
from tapefold.session import Session

_LANDMARKS: Final = [landmark(kind) for kind in LANDMARKS]


def _quiet(done: int, whole: int) -> None:
    """Nobody wants to know."""


def why(
    path: Path | str | Session,
    order: str,
    *,
    session: Path | str | Session | None = None,
    progress: Progress = _quiet,
) -> Why:
    """The story of an *order*, by its client order id, or by an exchange's id that only one order has.

    *path* is a session or a log. A session is replayed, and knows the frames; for those of a log name the
    *session* that it is of, or, where it is of several, any one of them. A log is looked up in an index
    beside it, which is made by the first who asks. *progress* is called with how far it is, of how much.

    Raises `UnknownOrder` naming what there is, `BadInput` for an id that several orders have, `LogError`,
    `SessionError`, `Mismatch` where the session is not that of the log, or does not come to the same.
    """
    if isinstance(path, Session) or Path(path).is_dir():
        return _of_session(path if isinstance(path, Session) else Session(path), order, progress)
    with closing(InLog(Path(path), progress)) as log:
        told, _ = _story(log, order)
    if session is None:
        return told
    played = session if isinstance(session, Session) else Session(session)
    return _with_session(told, InSession(played, progress))


def _of_session(session: Session, order: str, progress: Progress) -> Why:
    told, found = _story(InSession(session, progress), order)
    return with_frames(told, session, lines_of((each.record.position, each.line) for each in found))


def _with_session(told: Why, played: InSession) -> Why:
    """A log's story with the frames of a session that it is of, at least in part."""
    sought = Sought(told.client_order_id, told.exchange, told.instrument, told.exchange_order_id)
    found = {each.record.position: each for each in played.find(_names(sought))}
    for step in told.steps:
        there = found.get(step.position)
        inside = played.base < step.position <= played.head and step.role != "cause"
        if inside and (there is None or there.record.event != step.event):
            raise Mismatch(
                f"{played.session.folder} is not the session of this log: they differ at position "
                f"{step.position}"
            )
    lines = lines_of((position, each.line) for position, each in found.items())
    return with_frames(told, played.session, lines)


def _story(source: Source, order: str) -> tuple[Why, Sequence[Found]]:
    found = source.find({ours(order), theirs(order), *_LANDMARKS})
    sought, names = _learned(_resolve(source, found, order), found), {""}
    while not names >= (wanted := _names(sought)):  # again where a record gave it one more name
        names, found = wanted, source.find(wanted)
        sought = _learned(sought, found)
    return walk(sought, found, source.start), found


def _names(sought: Sought) -> set[str]:
    name = {ours(sought.client_order_id)} if sought.client_order_id else set[str]()
    number = {theirs(sought.exchange_order_id)} if sought.exchange_order_id else set[str]()
    return {*name, *number, listed(sought.instrument), *_LANDMARKS}


def _learned(sought: Sought, found: Sequence[Found]) -> Sought:
    """With the id that the exchange gave it: the first that is said of it, as in the fold."""
    for each in () if sought.exchange_order_id else found:
        event = each.record.event
        number = _text(event, "exchange_order_id")
        if number and sought.owns(event):
            return sought._replace(exchange_order_id=number)
    return sought


# Which order is meant


def _resolve(source: Source, found: Sequence[Found], order: str) -> Sought:
    """Raises `UnknownOrder`, and `BadInput` where several are meant."""
    events = [each.record.event for each in found]
    before = source.start.find(order) if source.start else None
    named = [event for event in events if getattr(event, "client_order_id", "") == order]
    if before and order:
        return Sought(order, before.exchange, before.instrument, before.exchange_order_id)
    if named and order:
        return _named(named, order)
    older = source.start.ours.values() if source.start else ()
    same = [each for each in (*older, *events) if _text(each, "exchange_order_id") == order]
    if not same or not order:
        raise _unknown(source, order)
    return _by_number(source, same, order)


def _by_number(source: Source, same: Sequence[AnyEvent | Order], number: str) -> Sought:
    """By an exchange's id: the order whose it is, if it is but one's. *same*: all that has it."""
    clients = dict.fromkeys(_text(event, "client_order_id") for event in same)
    clients.pop("", None)
    places = _places(same)
    if len(clients) > 1 or len(places) > 1:
        raise _several(number, [*clients], [exchange for exchange, _ in places])
    for name in clients:
        known = source.find({ours(name)})
        if (whose := _learned(_resolve(source, known, name), known)).exchange_order_id == number:
            return whose  # else it is another order, which wears the name
    exchange, instrument = next(iter(places), (_text(same[0], "exchange"), UNLISTED))
    return Sought("", exchange, instrument, number)


def _named(named: Sequence[AnyEvent], order: str) -> Sought:
    """By our id. What the intent says of it is so; of an order that is not ours, what is said first."""
    intents = [event for event in named if isinstance(event, OrderSubmitted)]
    about = next(iter(intents), None) or next(
        (event for event in named if getattr(event, "exchange", "")), named[0]
    )
    adopted = intents[0].exchange_order_id if intents else ""
    instrument = getattr(about, "instrument", UNLISTED)
    return Sought(order, _text(about, "exchange"), instrument, adopted)


def _places(same: Sequence[AnyEvent | Order]) -> dict[tuple[str, int], None]:
    """The exchanges and instruments that an id was said of."""
    every = {(_text(e, "exchange"), getattr(e, "instrument", UNLISTED)): None for e in same}
    return {place: None for place in every if place[0] and place[1] != UNLISTED}


def _text(of: AnyEvent | Order, field: str) -> str:
    return str(getattr(of, field, ""))


def _unknown(source: Source, order: str) -> UnknownOrder:
    there = source.orders()
    if not there.number:
        return UnknownOrder(f"there is no order {order!r}: nobody has submitted an order here")
    latest = ", ".join(reversed(there.latest))
    what = f"are {there.number:,} orders" if there.number > 1 else "is one order"
    return UnknownOrder(f"there is no order {order!r}: there {what} of ours, the latest {latest}")


def _several(order: str, clients: Sequence[str], exchanges: Sequence[str]) -> BadInput:
    places = ", ".join(dict.fromkeys(exchanges))
    ids = ", ".join(clients) or "none of them ours"
    return BadInput(
        f"several orders have the id {order!r} on {places} ({ids}): name one by its client order id"
    )
