"""Instruments: their numbers in this log, their names, their rules."""

from tapefold.events import InstrumentListed


class Instruments:
    """What is listed: by number, and by the exchange's own name."""

    def __init__(self) -> None:
        self.rows: dict[int, InstrumentListed] = {}
        self._known: dict[str, dict[str, InstrumentListed]] = {}

    def known(self, exchange: str) -> dict[str, InstrumentListed]:
        """Those of one exchange by their native names: the same dict for as long as the fold lives."""
        return self._known.setdefault(exchange, {})

    def apply(self, event: InstrumentListed) -> None:
        """List it, or change its rules."""
        self.rows[event.instrument] = event
        self.known(event.exchange)[event.native_symbol] = event

    def find(self, name: str, exchange: str = "") -> list[InstrumentListed]:
        """Those that have this symbol or native name, on one exchange or on any."""
        return [
            row
            for row in self.rows.values()
            if name in (row.symbol, row.native_symbol) and exchange in ("", row.exchange)
        ]

    def state(self) -> list[InstrumentListed]:
        """As canonical data."""
        return [self.rows[number] for number in sorted(self.rows)]

    def restore(self, state: list[InstrumentListed]) -> None:
        """From canonical data."""
        for row in state:
            self.apply(row)
