"""The fills of a log, one row each, also of orders that are not ours."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tapefold.events import FillCorrected, FillTold, OrderFilled, OrderSubmitted
from tapefold.inquiry.heard import Listed, Wanted, heard, reading
from tapefold.inquiry.rows import EVERYTHING, FillRow, Where
from tapefold.log import LogReader, Record

_KINDS: Final = (*Listed.KINDS, OrderSubmitted, FillTold)


def fills(log: Path | LogReader, where: Where = EVERYTHING) -> Iterator[FillRow]:
    """The fills that were told, and what was corrected of them, in the order in which they were.

    Up to the head that the log has when reading begins; nothing of it is kept. Raises, when it is
    iterated, `LogError`, and at the end `BadInput` for an exchange or a pair that is not in the log.
    """
    with reading(log) as reader:
        listed, wanted = Listed(), Wanted(reader)
        for record in heard(reader, _KINDS, 0, reader.head):
            match record.event:
                case OrderFilled() | FillCorrected() as event:
                    row = listed.row(event.instrument)
                    if where.is_when(record.time_received) and where.is_of(event.exchange, row):
                        by = wanted.by(event.client_order_id, record.position)
                        if where.by in ("", by):
                            yield _row(record, event, row.symbol if row else "", by)
                case OrderSubmitted() as event:
                    wanted.hear(event)
                case event:
                    listed.hear(event)
        listed.check(where)


def _row(record: Record, event: OrderFilled | FillCorrected, symbol: str, by: str) -> FillRow:
    filled = event if isinstance(event, OrderFilled) else None
    return FillRow(
        position=record.position,
        time_received=record.time_received,
        time_exchange=event.time_exchange,
        exchange=event.exchange,
        symbol=symbol,
        ours=bool(event.client_order_id),
        client_order_id=event.client_order_id,
        exchange_order_id=event.exchange_order_id,
        fill_id=event.fill_id,
        by=by,
        side=event.side,
        price=filled.price if filled else None,
        amount=event.amount,
        value=event.value,
        fees=event.fees,
        inferred=filled.inferred if filled else False,
        late=filled.late if filled else False,
        corrects=event.reason if isinstance(event, FillCorrected) else "",
    )
