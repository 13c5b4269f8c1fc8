"""Fees: what trades cost, by the schedules that were set. What was charged is in the fills."""

from decimal import ROUND_CEILING, Context, Decimal
from typing import Final

from tapefold.events import UNLISTED, ZERO, Fees, FeeScheduleSet, OrderType
from tapefold.folds.instruments import Instruments
from tapefold.units import ACCOUNT, Side, tidy

SOURCES: Final = ("caller", "exchange", "default")
"""Who may set a schedule; the former outweighs the latter, whichever came later."""
_DIGITS, _DECIMALS = 38, 30
"""What an account number has at most (`units.exact`); one digit at least stands before the point."""
_FINEST: Final = tuple(Decimal(1).scaleb(-places) for places in range(_DECIMALS + 1))
"""The last place, by how many there are."""
_UP: Final = Context(prec=600, rounding=ROUND_CEILING)
"""Room for every product of three account numbers."""


def reckoned(number: Decimal) -> Decimal | None:
    """The least account number that is not below *number*: what is reckoned is never too little.

    None where it is more than an account can have.
    """
    places = min(_DECIMALS, _DIGITS - max(1, number.adjusted() + 1))
    if places < 0:
        return None
    short = tidy(number.quantize(_FINEST[places], context=_UP))
    return short if short.adjusted() < _DIGITS else None  # it may have become a digit longer


class FeeRates:
    """The schedules by exchange, instrument and source.

    A caller's word outweighs the exchange's, and that outweighs what everybody pays: one for all
    instruments does so, too. Of one source, an instrument's own schedule outweighs the one for all.
    """

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._rows: dict[tuple[str, int, str], FeeScheduleSet] = {}

    def apply(self, event: FeeScheduleSet) -> None:
        """From here on this is the schedule of its source."""
        self._rows[event.exchange, event.instrument, event.source] = event

    def knows(self, event: FeeScheduleSet) -> bool:
        """Whether it says nothing new."""
        return self._rows.get((event.exchange, event.instrument, event.source)) == event

    def schedule(self, exchange: str, instrument: int = UNLISTED) -> FeeScheduleSet | None:
        """The one that holds for an instrument; None where none was set."""
        for source in SOURCES:
            for number in (instrument, UNLISTED):
                if row := self._rows.get((exchange, number, source)):
                    return row
        return None

    def rate(self, exchange: str, instrument: int, *, maker: bool) -> Decimal:
        """A fraction of what is traded: 0.001 are ten basis points; 0 where no schedule was set."""
        row = self.schedule(exchange, instrument)
        return (row.maker_rate if maker else row.taker_rate) if row else ZERO

    def estimate(
        self, instrument: int, side: Side, order_type: OrderType, amount: Decimal, price: Decimal
    ) -> Fees:
        """What an order would be charged if all of it traded at *price*, in the asset that it receives.

        Only an order that cannot but make is reckoned a maker. It is a number that an account can have,
        30 decimals and 38 digits: what has more is cut off upwards, so it is never too little. Nothing
        where the rate is 0, nobody said what is base and what is quote, or no account has so much.
        """
        row = self._instruments.rows.get(instrument)
        asset = (row.base if side == "buy" else row.quote) if row else ""
        if row is None or not asset:
            return ()
        rate = self.rate(row.exchange, instrument, maker=order_type == "limit_maker")
        value = amount if side == "buy" else ACCOUNT.multiply(amount, price)
        fee = reckoned(ACCOUNT.multiply(value, rate))
        return ((asset, fee),) if fee else ()

    def state(self) -> list[FeeScheduleSet]:
        """As canonical data."""
        return [self._rows[key] for key in sorted(self._rows)]

    def restore(self, state: list[FeeScheduleSet]) -> None:
        """From canonical data."""
        for row in state:
            self.apply(row)
