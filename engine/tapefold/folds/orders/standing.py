"""What an order is: computed from all that is kept of it, each time that something of that changed.

Nothing here is stored, so nothing here can be out of date: a fill that was inferred shrinks by itself
when the trades come.
"""

from decimal import Decimal
from typing import Literal, TypeAlias

from msgspec import Struct

from tapefold.events import ZERO, Doubt, Status
from tapefold.folds.orders.evidence import ENDS, INFERRED, NONE, Evidence, Sum
from tapefold.folds.orders.life import Life
from tapefold.units import tidy

Due: TypeAlias = Literal["", "fills", "query", "cancel"]


class Standing(Struct, frozen=True, gc=False):
    """What all of it comes to, now."""

    fills: dict[str, Sum]
    """Every execution that counts, by fill id."""
    done: Sum
    """All of them together."""
    behind: Decimal
    """Stated to be executed, and not accounted for."""
    status: Status
    doubt: Doubt
    due: Due
    held: Decimal
    owes_fees: bool
    """A fill counts whose fee nobody has said."""


def stand(order: Life) -> Standing:
    """All of it at once. To be computed within `exactly()`."""
    fills = counted(order)
    done = _together(fills)
    behind = behind_of(order.evidence, done)
    status = status_of(order, done, behind)
    owes = owes_fees(order, fills)
    return Standing(
        fills,
        done,
        behind,
        status,
        doubt_of(order, status, done, behind),
        due_of(order, status, behind, owes=owes),
        held_of(order, status, done, behind),
        owes,
    )


def _together(fills: dict[str, Sum]) -> Sum:
    """All of them. Most orders have one fill or none, which need not be added up."""
    if len(fills) > 1:
        return Sum.of(fills.values())
    return next(iter(fills.values()), NONE)


def counted(order: Life) -> dict[str, Sum]:
    """Every execution that counts: those reported, and what must be inferred since no trade came."""
    known = order.evidence
    every: dict[str, Sum] = {}
    fills: dict[str, Sum] = {}
    for key, fill in known.fills.items():
        every[key] = sum_ = fill.money
        if key not in known.reverted and sum_ != NONE:
            fills[key] = sum_
    if known.valued is None:
        return fills
    executed, value = known.valued
    if not order.rules.cumulative and known.settled < executed:
        return fills  # the trades are on their way
    heard = Sum.of(every.values())
    # A cumulative amount without its money is no fill: nothing is ever filled at price 0.
    if executed > heard.amount and value > heard.value:
        fees = heard.fees
        if known.charged is not None and known.charged[0] == executed:
            fees = known.charged[1]
        fills[INFERRED] = Sum(executed, value, fees).minus(heard)
    return fills


def behind_of(known: Evidence, done: Sum) -> Decimal:
    """How much is stated to be executed, and not accounted for; negative where more was heard."""
    stated = max(known.final or ZERO, known.executed)
    if not known.reverted and stated == done.amount:
        return ZERO
    # What was taken back was part of the statement, too.
    back = sum((known.fills[key].amount for key in known.reverted if key in known.fills), ZERO)
    return tidy(stated - done.amount - back)


def status_of(order: Life, done: Sum, behind: Decimal) -> Status:
    """The state machine: the first row that holds."""
    known, lost = order.evidence, order.missing >= order.rules.missing_max
    traded = done.amount > 0 or known.executed > 0
    purged = order.rules.purges and not traded and order.missing > 0
    amount = order.amount
    if amount is not None and done.amount >= amount > 0:
        return "filled"  # the fills prove it, whatever anybody says
    if claim := _claim(order, traded=traded):
        return _ended(order, claim, behind, purged=purged)
    if lost and order.submit == "unanswered" and not known.seen:
        return "rejected"  # it did not arrive, and cannot any more
    if lost and purged and (known.seen or order.submit == "answered"):
        return "canceled"
    return "open" if known.seen else "submitted"


def _claim(order: Life, *, traded: bool) -> Status | Literal[""]:
    """How it is said to have ended. Nothing that traded was rejected."""
    claims = order.evidence.claims
    for end in ENDS:
        if end in claims and not (end == "rejected" and traded):
            return end
    return "expired" if order.rules.expires_silently and order.evidence.expired else ""


def _ended(order: Life, claim: Status, behind: Decimal, *, purged: bool) -> Status:
    """The claim where it is proven, and all that it traded has reached us; else it is closing."""
    known = order.evidence
    proven = known.final is not None or purged
    # Filled, and not all of it: a size that we have not heard of may explain it yet.
    short = claim == "filled" and order.amount is not None
    if short:
        proven = proven and known.settled >= known.executed
    if behind > 0 or not proven:
        return "closing"
    return "canceled" if short else claim


def doubt_of(order: Life, status: Status, done: Sum, behind: Decimal) -> Doubt:
    """What is not known about it."""
    amount = order.amount
    if amount is not None and done.amount > amount:
        return "overfilled"
    if status == "closing" or behind > 0:
        return "unreconciled"
    if status == "submitted" and order.submit == "unanswered":
        return "unanswered"
    alive = status in ("submitted", "open")
    return "lost" if alive and order.missing >= order.rules.missing_max else ""


def owes_fees(order: Life, fills: dict[str, Sum]) -> bool:
    """Whether a fill counts whose fee nobody has said. Of an inferred one its trades would say it."""
    known = order.evidence
    if known.owes_fees:
        return True
    if order.rules.cumulative or INFERRED not in fills or known.valued is None:
        return False
    return known.charged is None or known.charged[0] != known.valued[0]


def due_of(order: Life, status: Status, behind: Decimal, *, owes: bool) -> Due:
    """What to ask. Whoever asks does so with back-off, and needs to know no rules."""
    known = order.evidence
    if owes or (behind > 0 and not order.rules.cumulative):
        return "fills"
    match status:
        case "closing":
            return "query"
        case "submitted":
            return "query" if order.submit == "unanswered" or order.missing else ""
        case "open":
            if order.missing or known.expired or order.cancel == "gone":
                return "query"
            return "cancel" if order.cancel == "again" else ""
        case _:
            return ""


def held_of(order: Life, status: Status, done: Sum, behind: Decimal) -> Decimal:
    """What it reserves: its worst cost of one unit, times what may still be executed."""
    if order.intent is None or status in ENDS:
        return ZERO
    if order.intent.quote_amount is not None:
        rest = order.intent.quote_amount - done.value
    elif status == "closing" and order.evidence.final is not None:
        rest = behind  # the remainder is free already
    else:
        rest = (order.amount or ZERO) - done.amount
    return tidy(max(ZERO, rest) * order.intent.hold)
