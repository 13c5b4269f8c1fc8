"""The orders of a log, one row each: those of ours, in the order in which they were wanted.

What becomes of an order may be told long after it, and be corrected later still; so a row is known at
the log's end. At most `AT_ONCE` orders of those asked for are kept meanwhile, and the log is read once
for each so many: memory does not grow with it. Where only open ones are asked for, a reading before
that finds out which those are.
"""

from collections.abc import Container, Iterator
from decimal import Context, Decimal
from pathlib import Path
from typing import Final

from msgspec import Struct

from tapefold.events import (
    UNLISTED,
    Conclusion,
    Doubt,
    FillTold,
    Named,
    OrderAccepted,
    OrderCorrected,
    OrderDoubted,
    OrderEnded,
    OrderSubmitted,
    Status,
)
from tapefold.folds.orders import ENDS, Sum
from tapefold.folds.orders.evidence import NONE
from tapefold.folds.orders.telling import TOLD
from tapefold.inquiry.heard import Listed, heard, reading
from tapefold.inquiry.rows import EVERYTHING, OrderRow, Where
from tapefold.log import LogReader, Record
from tapefold.units import Nanos, exactly, tidy

AT_ONCE: Final = 1 << 16
"""Orders that are followed in one reading of the log: about 80 MB."""
_KINDS: Final = (*Listed.KINDS, OrderSubmitted, Named, Conclusion)
_STATUS: Final[dict[type[OrderEnded], Status]] = {told: status for status, told in TOLD.items()}
_AVERAGE: Final = Context(prec=18)


class _Kept(Struct):
    """What was told of one order so far."""

    intent: OrderSubmitted
    position: int
    time: Nanos
    symbol: str
    exchange_order_id: str
    done: Sum = NONE
    status: Status = "submitted"
    doubt: Doubt = ""
    reason: str = ""
    ended_position: int = 0
    time_ended: Nanos = 0
    time_ended_exchange: Nanos = 0

    def named(self, fact: Named) -> None:
        """The exchange's id is the first that any message says: of conclusions only fills have it."""
        if not self.exchange_order_id and (
            self.intent.exchange == fact.exchange
            and fact.side in ("", self.intent.side)
            and fact.instrument in (UNLISTED, self.intent.instrument)
        ):
            self.exchange_order_id = fact.exchange_order_id

    def told(self, record: Record, event: Conclusion) -> None:
        """A conclusion about it."""
        match event:
            case OrderAccepted():
                self.status = "open" if self.status == "submitted" else self.status
            case FillTold():
                with exactly():
                    self.done = self.done.plus(Sum(event.amount, event.value, event.fees))
            case OrderDoubted():
                self.doubt = event.doubt
            case OrderEnded():
                self._ended(record, event)
            case _:
                pass

    def _ended(self, record: Record, event: OrderEnded) -> None:
        """What is corrected later moves no end, unless it has not ended after all."""
        corrected = isinstance(event, OrderCorrected)
        status = event.status if isinstance(event, OrderCorrected) else _STATUS[type(event)]
        if not (corrected and status == self.status):
            self.status, self.reason = status, event.reason
        if status not in ENDS:
            self.ended_position = self.time_ended = self.time_ended_exchange = 0
        elif not self.ended_position:
            self.ended_position, self.time_ended = record.position, record.time_received
            self.time_ended_exchange = event.time_exchange

    def row(self) -> OrderRow:
        """All of it."""
        intent, done = self.intent, self.done
        return OrderRow(
            position=self.position,
            time_received=self.time,
            exchange=intent.exchange,
            symbol=self.symbol,
            client_order_id=intent.client_order_id,
            exchange_order_id=self.exchange_order_id,
            by=intent.by,
            side=intent.side,
            type=intent.order_type,
            tif=intent.tif,
            price=intent.price,
            amount=intent.amount,
            quote_amount=intent.quote_amount,
            executed=done.amount,
            value=done.value,
            average_price_computed=_average(done),
            fees=done.fees,
            status=self.status,
            doubt=self.doubt,
            reason=self.reason,
            ended_position=self.ended_position,
            time_ended=self.time_ended,
            time_ended_exchange=self.time_ended_exchange,
        )


def _average(done: Sum) -> Decimal | None:
    return tidy(_AVERAGE.divide(done.value, done.amount)) if done.amount else None


class _Reading:
    """One reading of a log: the first orders that are asked for, and all that is told of them."""

    def __init__(
        self, log: LogReader, where: Where, listed: Listed, among: Container[str] | None
    ) -> None:
        """*among*: only orders with one of these ids."""
        self._log, self.listed, self._among = log, listed, among
        """As of the last order, where there are more than are kept; else as of the end."""
        self.kept: list[_Kept] = []
        self._where = where
        self._named: dict[str, _Kept] = {}

    @property
    def full(self) -> bool:
        """No more orders are taken in."""
        return len(self.kept) >= AT_ONCE

    def hear(self, record: Record) -> None:
        """The next record."""
        match record.event:
            case OrderSubmitted() as event:
                self._submitted(record, event)
            case Named() as event:
                if event.exchange_order_id and (kept := self._named.get(event.client_order_id)):
                    kept.named(event)
            case Conclusion() as event:
                if kept := self._named.get(event.client_order_id):
                    kept.told(record, event)
            case event:
                if not self.full:
                    self.listed.hear(event)

    def _submitted(self, record: Record, event: OrderSubmitted) -> None:
        name = event.client_order_id
        old = self._named.get(name)
        if not name or (old and old.status not in ENDS):
            return  # as in the fold: two orders alive cannot have one id
        self._named.pop(name, None)  # one that was forgotten there gives its id away
        row = self.listed.row(event.instrument)
        asked = self._where.is_of(event.exchange, row) and self._where.by in ("", event.by)
        asked = asked and (self._among is None or name in self._among)
        if asked and self._where.is_when(record.time_received) and not self.full:
            kept = _Kept(
                event,
                record.position,
                record.time_received,
                row.symbol if row else "",
                event.exchange_order_id,
            )
            self._named[name] = kept
            self.kept.append(kept)

    def add_before(self) -> None:
        """What orders had executed before we took them over: those fills were told as nobody's of ours."""
        adopted: dict[tuple[str, int, str], list[_Kept]] = {}
        for kept in self.kept:
            if number := kept.intent.exchange_order_id:
                place = kept.intent.exchange, kept.intent.instrument, number
                adopted.setdefault(place, []).append(kept)
        until = max((kept.position for each in adopted.values() for kept in each), default=0)
        for record in heard(self._log, (FillTold,), 0, until):
            told = record.event
            if isinstance(told, FillTold) and not told.client_order_id:
                place = told.exchange, told.instrument, told.exchange_order_id
                for kept in adopted.get(place, ()):
                    if record.position < kept.position:
                        kept.told(record, told)


def _alive(log: LogReader, until: int) -> Container[str]:
    """The ids of those that have not ended: few of many, so one reading more spares many others."""
    alive: dict[str, None] = {}
    for record in heard(log, (OrderSubmitted, OrderEnded), 0, until):
        match record.event:
            case OrderSubmitted() as event:
                alive[event.client_order_id] = None
            case OrderCorrected() as event if event.status not in ENDS:
                alive[event.client_order_id] = None
            case OrderEnded() as event:
                alive.pop(event.client_order_id, None)
            case _:
                pass
    return alive


def orders(log: Path | LogReader, where: Where = EVERYTHING) -> Iterator[OrderRow]:
    """The orders that were wanted, with what had been told of them at the log's head, in their order.

    Orders of the account that are not ours have no row: nothing that we wanted is known of them; their
    fills are among the fills. Raises, when it is iterated, `LogError`, and at the end `BadInput` for an
    exchange or a pair that is not in the log.
    """
    with reading(log) as reader:
        listed, after, head = Listed(), 0, reader.head
        among = _alive(reader, head) if where.open else None
        while True:
            read = _Reading(reader, where, listed, among)
            for record in heard(reader, _KINDS, after, head):
                read.hear(record)
            read.add_before()
            for row in map(_Kept.row, read.kept):
                if _is_asked(row, where):
                    yield row
            if not read.full:
                break
            listed, after = read.listed, read.kept[-1].position
        listed.check(where)


def _is_asked(row: OrderRow, where: Where) -> bool:
    """By what became of it."""
    return where.status in ("", row.status) and not (where.open and row.status in ENDS)
