"""What the queries share: a log to read, what was listed in it, and who wanted its orders."""

from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tapefold.errors import BadInput, UnknownInstrument
from tapefold.events import (
    AccountWatched,
    AnyEvent,
    BalanceSnapshot,
    Event,
    InstrumentListed,
    OrderSubmitted,
)
from tapefold.folds.bounds import bounded
from tapefold.folds.instruments import Instruments
from tapefold.inquiry.rows import Where
from tapefold.log import LogReader, Record, read_log

WANTED_MAX: Final = 1 << 16
"""Orders of which it is remembered who wanted them: about 10 MB. Others are looked up in the log again."""


@contextmanager
def reading(log: Path | LogReader) -> Generator[LogReader]:
    """A log by its path, closed at the end; a reader stays as it is. Raises `LogError`."""
    if isinstance(log, LogReader):
        yield log
        return
    with read_log(log) as reader:
        yield reader


def heard(
    log: LogReader, kinds: Collection[type[Event]], after: int, until: int
) -> Iterator[Record]:
    """The records of these classes, but for those with numbers that no account has: as in the views."""
    for record in log.only(kinds, after, until):
        if isinstance(record.event, InstrumentListed) or bounded(record.event):
            yield record


class Listed:
    """The instruments that were listed so far, and the exchanges that were heard of."""

    KINDS: Final = (InstrumentListed, AccountWatched, BalanceSnapshot)

    def __init__(self) -> None:
        self.instruments = Instruments()
        self._exchanges: dict[str, None] = {}

    def hear(self, event: AnyEvent) -> None:
        """Take it in. A listing that takes another back is none, as in the views."""
        if isinstance(event, InstrumentListed | AccountWatched | BalanceSnapshot):
            self._exchanges[event.exchange] = None
        if not isinstance(event, InstrumentListed):
            return
        old = self.instruments.rows.get(event.instrument)
        if old and (
            old.native_symbol != event.native_symbol
            or event.price_digits < old.price_digits
            or event.size_digits < old.size_digits
        ):
            return
        self.instruments.apply(event)

    def row(self, instrument: int) -> InstrumentListed | None:
        """By number; None where it was never listed."""
        return self.instruments.rows.get(instrument)

    def symbol(self, instrument: int) -> str:
        """By number; empty where it was never listed."""
        row = self.row(instrument)
        return row.symbol if row else ""

    def check(self, where: Where) -> None:
        """At a log's end: that what was asked for is in it at all. Raises `BadInput`."""
        if where.exchange and where.exchange not in self._exchanges:
            there = ", ".join(sorted(self._exchanges)) or "none"
            raise BadInput(f"{where.exchange} is no exchange of this log; there is {there}")
        rows = self.instruments.state()
        if where.pair and not any(map(where.is_named, rows)):
            there = ", ".join(f"{row.exchange}:{row.symbol}" for row in rows)
            raise UnknownInstrument(
                f"{where.pair} is not listed; there is {there or 'no instrument'}"
            )


class Wanted:
    """Who wanted each order."""

    def __init__(self, log: LogReader) -> None:
        self._log = log
        self._by: dict[str, str] = {}

    def hear(self, event: OrderSubmitted) -> None:
        """Remember it for a while."""
        self._remember(event.client_order_id, event.by)

    def by(self, client_order_id: str, position: int) -> str:
        """Who wanted an order that was told of at this position; empty for one that is not ours."""
        if not client_order_id:
            return ""
        found = self._by.pop(client_order_id, None)
        if found is None:
            found = self._sought(client_order_id, position)
        self._remember(client_order_id, found)
        return found

    def _remember(self, client_order_id: str, by: str) -> None:
        self._by.pop(client_order_id, None)  # so that it is the last to be forgotten
        self._by[client_order_id] = by
        if len(self._by) > WANTED_MAX:
            del self._by[next(iter(self._by))]

    def _sought(self, client_order_id: str, until: int) -> str:
        """As the log has it: an id may come again, and then the last one is meant."""
        found = ""
        for record in heard(self._log, (OrderSubmitted,), 0, until):
            event = record.event
            if isinstance(event, OrderSubmitted) and event.client_order_id == client_order_id:
                found = event.by
        return found
