"""Risk: what we do not let ourselves do, and whether we may trade at all."""

from typing import TypeAlias

from tapefold.events import UNLISTED, RiskLimited, TradingHalted, TradingResumed

State: TypeAlias = tuple[str, list[RiskLimited]]


class Risk:
    """The limits by exchange and instrument, and the kill switch."""

    def __init__(self) -> None:
        self.halted = ""
        """Why no order may leave; empty where they may."""
        self._limits: dict[tuple[str, int], RiskLimited] = {}

    def apply(self, event: RiskLimited | TradingHalted | TradingResumed) -> None:
        """A limit takes the place of the one before it of the same exchange and instrument."""
        if isinstance(event, RiskLimited):
            self._limits[event.exchange, event.instrument] = event
        elif isinstance(event, TradingHalted):
            self.halted = event.reason or "halted"
        else:
            self.halted = ""

    def limits(self, exchange: str, instrument: int) -> list[RiskLimited]:
        """All that bind an order of an instrument: those of its exchange, then its own."""
        if not self._limits:
            return []
        keys = dict.fromkeys([(exchange, UNLISTED), (exchange, instrument)])
        return [self._limits[key] for key in keys if key in self._limits]

    def state(self) -> State:
        """As canonical data."""
        return self.halted, [self._limits[key] for key in sorted(self._limits)]

    def restore(self, state: State) -> None:
        """From canonical data."""
        self.halted, limits = state
        for limit in limits:
            self.apply(limit)
