"""When something held: the positions of a log or a session at which an expression is true."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from msgspec import Struct

from tapefold.errors import BadInput
from tapefold.events import UNLISTED, AnyEvent, InstrumentListed
from tapefold.inquiry.expression import Expression, compile_expression
from tapefold.inquiry.nameable import Moment
from tapefold.inquiry.operators import members
from tapefold.inquiry.past import Either, Past, open_past
from tapefold.inquiry.things import Value
from tapefold.log.store import POSITION_MAX
from tapefold.units import Nanos, fixed, tidy

LOOK_EVERY: Final = 4096
"""Positions between two words of progress."""


class Found(Struct, frozen=True):
    """A position at which an expression holds."""

    position: int
    time_ns: Nanos
    """When that position's frame came."""
    event: AnyEvent
    instrument: InstrumentListed | None
    """What the event is about, as it was listed then."""
    values: dict[str, str | None]
    """What the expression names, as it was typed, and what that was worth; None where it was not known."""


def when(
    of: Either, expression: str | Expression, after: int = 0, until: int | None = None
) -> Found | None:
    """The first position past *after*, and up to *until*, at which *expression* holds; None for none.

    What was known at *after* itself is not asked. Raises `BadInput` for an expression that cannot be read,
    or a log that has no position *after*.
    """
    return next(every(of, expression, after, until), None)


def every(
    of: Either, expression: str | Expression, after: int = 0, until: int | None = None
) -> Iterator[Found]:
    """Each position at which it becomes true; the first of them is that of `when`.

    An expression that asks for an event is another question at each position: each one at which it
    holds is found. Raises as `when`.
    """
    asked = compile_expression(expression) if isinstance(expression, str) else expression
    with open_past(of) as past:
        yield from Search(past, asked, after, until)


class Search:
    """Going through a past, once. At its end it can say what of the expression was never known."""

    def __init__(
        self,
        past: Past,
        asked: Expression,
        after: int = 0,
        until: int | None = None,
        progress: Callable[[int], None] = lambda position: None,
    ) -> None:
        """*progress* is told a position now and then. Raises `BadInput`."""
        self._past, self._asked, self._progress = past, asked, progress
        self._after = max(after, past.first)
        self._until = POSITION_MAX if until is None else until
        if self._until <= self._after:
            raise BadInput(
                f"nothing is past position {self._after} and up to {self._until}: say a later end"
            )
        self._moment = Moment(past.views(self._after))

    @property
    def position(self) -> int:
        """How far it came."""
        return self._moment.views.position

    def unknown(self) -> list[str]:
        """What the expression names and of which nothing is known now: a name may be misspelt.

        Not every event has every field, so nothing is said of those.
        """
        named = self._asked.named(self._moment).items()
        return [name for name, value in named if value is None and not name.startswith("event")]

    def __iter__(self) -> Iterator[Found]:
        """Each position that is found."""
        moment, asked = self._moment, self._asked
        apply, holds, wakes = moment.views.apply, asked.holds, asked.wakes
        held, first = False, True
        for position, time, event in self._past.records(self._after, self._until):
            apply(event)
            if first or type(event) in wakes:
                first, moment.event, moment.time = False, event, time
                before, held = held, holds(moment)
                if held and (asked.momentary or not before):
                    yield self._found(time, event)
            if not position % LOOK_EVERY:
                self._progress(position)

    def _found(self, time: Nanos, event: AnyEvent) -> Found:
        views = self._moment.views
        number = getattr(event, "instrument", None)
        if number is None and (order := views.orders.find(getattr(event, "client_order_id", ""))):
            number = order.instrument
        row = views.instruments.rows.get(UNLISTED if number is None else number)
        values = {name: told(value) for name, value in self._asked.named(self._moment).items()}
        return Found(views.position, time, event, row, values)


def told(value: Value) -> str | None:
    """A value for people; None where there is none. Of a thing only that it is there."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            return fixed(tidy(value)) if value.is_finite() else str(value)
        case tuple():
            within = [members(part) or (part,) for part in members(value)]
            return ", ".join(" ".join(told(each) or "" for each in pair) for pair in within)
        case _:
            return "there"
