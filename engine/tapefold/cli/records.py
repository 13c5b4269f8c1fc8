"""A log's records as lines, for people, and as JSON. Numbers of an exchange are plain decimals in both."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec

from tapefold.cli.known import Known
from tapefold.cli.sentences import sentence
from tapefold.cli.when import moment, span
from tapefold.events import (
    AnyEvent,
    BookDelta,
    BookInvalidated,
    BookSnapshot,
    ClockAdjusted,
    ConnectionClosed,
    ConnectionOpened,
    FrameRejected,
    InstrumentListed,
    Quote,
    RateLimited,
    RequestFailed,
    RunStarted,
    Scaled,
    StrategyFailed,
    StrategyStarted,
    StreamStale,
    TimerFired,
    Trade,
)
from tapefold.log import Record
from tapefold.units import Nanos, fixed, plain

_PRICES: Final = {"price", "bid_price", "ask_price"}
_SIZES: Final = {"size", "bid_size", "ask_size"}
BookEvent: TypeAlias = BookDelta | BookSnapshot | BookInvalidated

_Plain: TypeAlias = str | int | Mapping[str, str] | None
_Nested: TypeAlias = "Decimal | tuple[_Nested, ...] | _Plain"


class Teller:
    """Tells records in their order. It knows the instruments and orders that there were so far."""

    def __init__(self, known: Known | None = None) -> None:
        self._known = known or Known()

    def line(self, record: Record) -> str:
        """One record for people."""
        event = self._hear(record.event)
        name = type(event).__name__
        what = sentence(event, self._known)
        what = what or " ".join(filter(None, (self._about(event), self._said(event))))
        when = moment(record.time_received, digits=9)
        line = f"{record.position:>8}  {when}  {name:<16}  {what}"
        return line.replace("\n", "\\x0a")  # what an exchange says makes no lines of its own

    def json(self, record: Record) -> dict[str, Any]:
        """One record as an object: the event's own fields, and what its instrument is called."""
        event = self._hear(record.event)
        told: dict[str, Any] = {
            "position": record.position,
            "time_received": record.time_received,
            "event": event.__struct_config__.tag,
        }
        row = self._known.row(event)
        if not isinstance(event, InstrumentListed):
            told |= {"exchange": row.exchange, "symbol": row.symbol} if row else {}
        for field in event.__struct_fields__:
            told[field.removeprefix("packed_")] = self._value(event, field)
        return told

    def _about(self, event: AnyEvent) -> str:
        if not isinstance(event, BookEvent | Trade | Quote):
            return ""
        row = self._known.rows.get(event.instrument)
        return f"{row.exchange} {row.symbol}" if row else f"instrument {event.instrument}"

    def _hear(self, event: AnyEvent) -> AnyEvent:
        self._known.hear(event)
        return event

    def _digits(self, instrument: int) -> tuple[int, int]:
        row = self._known.rows.get(instrument)
        return (row.price_digits, row.size_digits) if row else (0, 0)

    def _value(self, event: AnyEvent, field: str) -> Any:
        value = getattr(event, field)
        if isinstance(value, msgspec.Raw):
            return self._levels(event, field.removeprefix("packed_"))
        if isinstance(value, bytes):
            return value.decode(errors="replace")
        if isinstance(event, Trade | Quote) and field in _PRICES | _SIZES:
            price, size = self._digits(event.instrument)
            return plain(value, price if field in _PRICES else size)
        return _exactly(value)

    def _levels(self, event: Any, side: str) -> list[tuple[str, str]] | None:
        """None where they cannot be read, which is an anomaly and no reason to stop."""
        price, size = self._digits(event.instrument)
        try:
            levels: Scaled = getattr(event, side)
        except (msgspec.MsgspecError, ValueError):
            return None
        return [(plain(p, price), plain(s, size)) for p, s in levels]

    def _said(self, event: AnyEvent) -> str:
        match event:
            case Trade():
                return f"{event.taker or 'trade'} {self._of(event, 'size')} at {self._of(event, 'price')}"
            case Quote():
                bid = f"{self._of(event, 'bid_price')} x {self._of(event, 'bid_size')}"
                ask = f"{self._of(event, 'ask_price')} x {self._of(event, 'ask_size')}"
                return f"bid {bid}, ask {ask}"
            case BookDelta() | BookSnapshot():
                bids, asks = self._levels(event, "bids"), self._levels(event, "asks")
                if bids is None or asks is None:
                    return f"levels that cannot be read, sequence {event.sequence}"
                return f"{len(bids)} bids, {len(asks)} asks, sequence {event.sequence}"
            case _:
                return _RARE.get(type(event), repr)(event)

    def _of(self, event: AnyEvent, field: str) -> str:
        return str(self._value(event, field))


def _exactly(value: _Nested) -> Any:
    """Account numbers as plain decimals, also within pairs and lists of them."""
    if isinstance(value, Decimal):
        return fixed(value)
    return [_exactly(each) for each in value] if isinstance(value, tuple) else value


def clock_told(exchange: str, ahead: Nanos, within: Nanos) -> str:
    """By how much an exchange's clock is not ours, for people."""
    where = "ahead of" if ahead >= 0 else "behind"
    return f"{exchange} is {abs(ahead) / 1e6:.3f} ms {where} us, give or take {within / 1e6:.3f} ms"


def _failed(event: RequestFailed) -> str:
    about = " ".join(filter(None, (event.exchange, event.purpose, event.subject)))
    return f"{about}: {event.reason or f'status {event.status}'}"


_RARE: Final[dict[type, Callable[[Any], str]]] = {
    InstrumentListed: lambda e: (
        f"{e.exchange} {e.symbol} ({e.native_symbol}) is instrument {e.instrument}, "
        f"{e.price_digits} and {e.size_digits} decimals"
    ),
    RunStarted: lambda e: f"by {', '.join(f'{n} {v}' for n, v in e.versions.items()) or 'nobody'}",
    BookInvalidated: lambda e: f"{e.reason}, after {e.last} came {e.got}",
    StrategyStarted: lambda e: ", ".join(
        (e.strategy, *(f"{n} {v}" for n, v in e.parameters.items()))
    ),
    TimerFired: lambda e: f"{e.strategy}: {e.timer or 'its timer'}",
    StrategyFailed: lambda e: f"{e.strategy} raised {e.reason}, and hears nothing more",
    ConnectionOpened: lambda e: str(e.lane),
    ConnectionClosed: lambda e: f"{e.lane} by {e.by}, {e.code} {e.reason}".rstrip(),
    StreamStale: lambda e: f"{e.lane}, silent for {span(e.silent)}",
    RateLimited: lambda e: f"{e.exchange} wants to be left alone for {span(e.wait)}, {e.status}",
    ClockAdjusted: lambda e: clock_told(e.exchange, e.ahead, e.within),
    FrameRejected: lambda e: f"{e.lane}: {e.reason}, {e.size} bytes",
    RequestFailed: _failed,
}
