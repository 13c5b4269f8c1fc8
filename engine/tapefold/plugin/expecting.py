"""Expectations of a log, read by a cursor: what came before one looked is there as well.

Nothing here waits for a time. What is expected of an engine is waited for until it comes, or until
nothing more can: the run's end, or an event that the test names.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar, cast, overload

import trio

from tapefold.engine import Engine
from tapefold.errors import BadInput
from tapefold.events import AnyEvent, Conclusion, Event
from tapefold.log import Log, LogReader, Record, read_log
from tapefold.plugin.awaiting import Pending, Unawaited
from tapefold.plugin.wanted import Kinds, Want, Wanted, compared, kinds, line, missed, wanted

E = TypeVar("E", bound=Event)
Kept: TypeAlias = Log | LogReader | Path | Sequence[Record]
Source: TypeAlias = Log | LogReader | Path | Iterable[Record] | Iterable[AnyEvent]


class Found(NamedTuple, Generic[E]):
    """An event that was expected, and where it stands."""

    position: int
    time_received: int
    """Nanoseconds since 1970."""
    event: E


class _Search:
    """For one event, record by record."""

    def __init__(self, want: Wanted, before: Kinds, after: int) -> None:
        self.want, self._before, self._after = want, before, after
        self._near: list[tuple[int, Event]] = []
        self._last = after

    def look(self, record: Record) -> bool:
        """Whether it is this one. Raises `AssertionError` at what it was to come before."""
        __tracebackhide__ = True
        event: Event = record.event
        self._last = record.position
        if self.want.fits(event):
            return True
        if isinstance(event, self._before) and self._is_same(event):
            self.fail(f"before it came {line(event)}, at {record.position}")
        if isinstance(event, self.want.kind):
            self._near.append((record.position, event))
        return False

    def fail(self, why: str = "it did not come") -> None:
        """Raise `AssertionError` with what came instead."""
        __tracebackhide__ = True
        looked = f"looked at positions {self._after + 1} to {self._last}"
        if self._last == self._after:
            looked = f"nothing was logged past position {self._after}"
        raise AssertionError(missed(self.want, self._near, looked, why))

    def _is_same(self, event: Event) -> bool:
        """Whether it is about the order that is looked for, if one is."""
        order = self.want.fields.get("client_order_id")
        return order is None or getattr(event, "client_order_id", None) == order


class _Sequence:
    """The conclusions, and events of further classes that were named, in their order."""

    def __init__(self, wants: Sequence[Want], order: str) -> None:
        self.wants = [wanted(want, order) for want in wants]
        self._kinds: Kinds = (Conclusion, *(want.kind for want in self.wants))
        self._order = order
        self.told: list[tuple[int, Event]] = []

    def look(self, record: Record) -> bool:
        """Take it in, if it is one; whether as many came as are wanted, or one that is not."""
        event: Event = record.event
        about = not self._order or getattr(event, "client_order_id", None) == self._order
        if about and isinstance(event, self._kinds):
            self.told.append((record.position, event))
        return len(self.told) >= len(self.wants) or bool(
            compared(self.wants[: len(self.told)], self.told)
        )

    def judge(self) -> None:
        """Raises `AssertionError` where they differ."""
        __tracebackhide__ = True
        if text := compared(self.wants, self.told):
            raise AssertionError(text)


def _none(records: Iterable[Record], want: Wanted) -> None:
    """Raises `AssertionError` for the first that fits."""
    __tracebackhide__ = True
    for record in records:
        if want.fits(record.event):
            raise AssertionError(
                f"expected no {want}\n  at {record.position} there is {line(record.event)}"
            )


class Reading:
    """Expectations of what is finished: a log, or records. Nothing is waited for."""

    def __init__(self, source: Kept, after: int) -> None:
        self._source, self._start = source, after
        self.position = after
        """Of the last event that was found: `event` goes on from here."""

    def event(
        self, kind: type[E], /, *, order: str = "", before: Kinds = (), **fields: Any
    ) -> Found[E]:
        """The next event of that class with these fields, past the last one that was found.

        *order* is a client order id. Raises `AssertionError` where there is none, or where one of
        the classes *before* comes first (about that order, if one is named).
        """
        __tracebackhide__ = True
        search = _Search(wanted(kind, order, fields), kinds(before), self.position)
        for record in self._records(self.position):
            if search.look(record):
                self.position = record.position
                return cast("Found[E]", Found(*record))
        search.fail()
        raise AssertionError  # never: failing has raised

    def no(self, kind: type[Event], /, *, order: str = "", **fields: Any) -> None:
        """Raises `AssertionError` where there is such an event anywhere."""
        __tracebackhide__ = True
        _none(self._records(self._start), wanted(kind, order, fields))

    def sequence(self, wants: Sequence[Want], *, order: str = "") -> None:
        """All conclusions (of one order, where one is named) are these, in this order, and no others.

        A class of facts that is among them is looked at as well. Raises `AssertionError` with both,
        line by line.
        """
        __tracebackhide__ = True
        expected = _Sequence(wants, order)
        for record in self._records(self._start):
            expected.look(record)
        expected.judge()

    def _records(self, after: int) -> Iterator[Record]:
        source = self._source
        if isinstance(source, Path):
            with read_log(source) as log:
                yield from log.read(after)
        elif isinstance(source, Log | LogReader):
            yield from source.read(after)
        else:
            yield from (record for record in source if record.position > after)


class Expectation:
    """Expectations of an engine: waited for until they come true, or cannot any more."""

    def __init__(self, engine: Engine, after: int, unawaited: Unawaited | None = None) -> None:
        """*unawaited* is told of all that is to be awaited."""
        self._engine, self._start = engine, after
        self._unawaited = unawaited or Unawaited()
        self.position = after
        """Of the last event that was found: `event` goes on from here."""

    def event(
        self, kind: type[E], /, *, order: str = "", before: Kinds = (), **fields: Any
    ) -> Pending[Found[E]]:
        """As `Reading.event`, to be awaited: until the run's end, or until one *before* it comes.

        Of a live engine, which has no end, say what it must come *before*: `OrderEnded`, for a fill.
        """
        __tracebackhide__ = True
        want, ends = wanted(kind, order, fields), kinds(before)
        return self._unawaited.made(f"event({want})", self._event(want, ends))

    def no(self, kind: type[Event], /, *, order: str = "", **fields: Any) -> None:
        """Raises `AssertionError` where there is such an event, up to now: wait for a cause first."""
        __tracebackhide__ = True
        want = wanted(kind, order, fields)
        _none(self._engine.log.read(self._start), want)

    def sequence(self, wants: Sequence[Want], *, order: str = "") -> Pending[None]:
        """As `Reading.sequence`, to be awaited: until as many came, or another, or the run's end.

        What is logged by then is all looked at, so one too many is noticed if it came along with the last.
        """
        __tracebackhide__ = True
        expected = _Sequence(wants, order)
        name = f"sequence({', '.join(map(str, expected.wants))})"
        return self._unawaited.made(name, self._sequence(expected))

    async def _event(self, want: Wanted, before: Kinds) -> Found[Any]:
        __tracebackhide__ = True
        _under_trio()
        search = _Search(want, before, self.position)
        async with aclosing(self._engine.follow(self.position)) as records:
            async for record in records:
                if search.look(record):
                    self.position = record.position
                    return Found(*record)
        search.fail("the run ended, and it did not come")
        raise AssertionError  # never: failing has raised

    async def _sequence(self, expected: _Sequence) -> None:
        __tracebackhide__ = True
        _under_trio()
        last = self._start
        async with aclosing(self._engine.follow(self._start)) as records:
            async for record in records:
                last = record.position
                if expected.look(record):
                    break
        for record in self._engine.log.read(last):
            expected.look(record)
        expected.judge()


def _under_trio() -> None:
    """Raises `BadInput` where it is not."""
    __tracebackhide__ = True
    if not trio.lowlevel.in_trio_task():
        raise BadInput(
            "`await expect(engine)` runs under trio, as the engine does; of a log that is finished, "
            "`expect(log)`, nothing is awaited"
        )


class Expect:
    """The fixture `expect`."""

    def __init__(self) -> None:
        self._unawaited = Unawaited()

    @overload
    def __call__(self, source: Engine, *, after: int = 0) -> Expectation: ...
    @overload
    def __call__(self, source: Source, *, after: int = 0) -> Reading: ...
    def __call__(self, source: Engine | Source, *, after: int = 0) -> Expectation | Reading:
        """Of an engine, to be awaited; or of a log, its path, records or events. Only past *after*.

        Raises `TypeError` for what is none of them.
        """
        __tracebackhide__ = True
        if isinstance(source, Engine):
            return Expectation(source, after, self._unawaited)
        if isinstance(source, Log | LogReader | Path):
            return Reading(source, after)
        _check_iterable(source)
        return Reading([_record(n, each) for n, each in enumerate(source, 1)], after)

    def close(self) -> list[str]:
        """A line for each expectation that nobody awaited."""
        return self._unawaited.close()


def _check_iterable(source: object) -> None:
    __tracebackhide__ = True
    if isinstance(source, str) or not isinstance(source, Iterable):
        raise TypeError(
            "expect takes an engine that is open (`async with engine() as e:`, then `expect(e)`), "
            f"a log, its Path, records or events, not {source!r}"
        )


def _record(number: int, given: Record | AnyEvent) -> Record:
    """Events alone stand at 1, 2, 3."""
    return given if isinstance(given, Record) else Record(number, 0, given)
