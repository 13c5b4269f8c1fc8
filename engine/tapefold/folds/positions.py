"""Positions: what our own fills come to, by exchange and instrument.

Average cost, kept as a total: of a position that is closed in part, a part of its cost is realised,
rounded to 1e-18; of one that is closed, all of it. So `realised - cost == cash` always, exactly, and
realised and unrealised profit add up to the cash and what the position is worth.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from tapefold.events import ZERO, Fees, FillTold
from tapefold.folds.instruments import Instruments
from tapefold.units import ACCOUNT, exactly, tidy

_SHARES: Final = Context(
    prec=ACCOUNT.prec,
    rounding=ROUND_HALF_EVEN,
    Emin=ACCOUNT.Emin,
    Emax=ACCOUNT.Emax,
    traps=[InvalidOperation],
)
_FINEST: Final = Decimal("1e-18")


class Position(Struct, frozen=True, array_like=True):
    """Of one instrument. The amount is in base; cost, realised and cash are in quote."""

    amount: Decimal = ZERO
    """Negative: short. Fees that were charged in base have left it."""
    cost: Decimal = ZERO
    """Of what is open: paid for it, or, of a short one, received for it and so negative."""
    realised: Decimal = ZERO
    """Profit of what was closed, less the fees in quote, and the cost of what left as a fee in base."""
    cash: Decimal = ZERO
    """All that came in, less all that went out."""
    fees: Fees = ()
    """All of them. Those in a third asset are nowhere else: nothing is converted here."""

    def unrealised(self, mark: Decimal) -> Decimal:
        """Profit if it were closed at that price, without fees."""
        with exactly():
            return tidy(self.amount * mark - self.cost)


State: TypeAlias = tuple[list[tuple[str, int, Position]], int]
"""Positions by exchange and instrument, and anomalies."""


class Positions:
    """By exchange and instrument's number, of the orders that are ours."""

    def __init__(self, instruments: Instruments) -> None:
        self.rows: dict[tuple[str, int], Position] = {}
        self.anomalies = 0
        """Fills of an instrument that is not listed, and fees where nobody said what is base and quote."""
        self._instruments = instruments

    def apply(self, event: FillTold) -> None:
        """Take a fill in, or what was corrected of one."""
        if not event.client_order_id:
            return
        try:
            with exactly():
                self._filled(event)
        except ArithmeticError:
            # Numbers that no exact sum has room for. `exact` lets none of them into a log.
            self.anomalies += 1

    def of(self, exchange: str, instrument: int) -> Position:
        """The position; one of nothing where there was no fill."""
        return self.rows.get((exchange, instrument)) or Position()

    def fees(self, exchange: str) -> Fees:
        """What was charged there, by asset."""
        with exactly():
            paid: Fees = ()
            for where, instrument in sorted(self.rows):
                if where == exchange:
                    paid = _sum(paid, self.rows[where, instrument].fees)
            return paid

    def state(self) -> State:
        """As canonical data."""
        return [(*key, self.rows[key]) for key in sorted(self.rows)], self.anomalies

    def restore(self, state: State) -> None:
        """From canonical data."""
        rows, self.anomalies = state
        for exchange, instrument, position in rows:
            self.rows[exchange, instrument] = position

    def _filled(self, event: FillTold) -> None:
        row = self._instruments.rows.get(event.instrument)
        if row is None:
            self.anomalies += 1
            return
        sign = 1 if event.side == "buy" else -1
        before = self.of(event.exchange, event.instrument)
        after = traded(before, sign * event.amount, sign * event.value)
        for asset, fee in event.fees:
            if not (row.base and row.quote):
                self.anomalies += 1
            elif asset == row.base:
                after = traded(after, -fee, ZERO)  # it left us, and nothing came for it
            elif asset == row.quote:
                after = replace(after, cash=after.cash - fee, realised=after.realised - fee)
        self.rows[event.exchange, event.instrument] = Position(
            amount=tidy(after.amount),
            cost=tidy(after.cost),
            realised=tidy(after.realised),
            cash=tidy(after.cash),
            fees=_sum(before.fees, event.fees),
        )


def traded(position: Position, amount: Decimal, value: Decimal) -> Position:
    """It, after a trade of *amount* for *value*: both positive for what was bought, negative for what
    was sold. To be computed within `exactly()`.
    """
    before, cost, realised = position.amount, position.cost, position.realised
    cash = position.cash - value
    if not before and not amount:  # the value of a fill is better known when nothing is open
        return replace(position, cash=cash, realised=realised - value)
    if amount * before < 0:
        closing = min(abs(amount), abs(before))
        out, paid = _share(cost, closing, abs(before)), _share(value, closing, abs(amount))
        realised -= out + paid
        cost, value = cost - out, value - paid
    return replace(
        position, amount=before + amount, cost=cost + value, realised=realised, cash=cash
    )


def _share(whole: Decimal, part: Decimal, of: Decimal) -> Decimal:
    """*whole* x *part* / *of*, rounded to 1e-18; all of it where the part is all."""
    if part == of:
        return whole
    return _SHARES.quantize(_SHARES.divide(_SHARES.multiply(whole, part), of), _FINEST)


def _sum(fees: Fees, more: Fees) -> Fees:
    total = dict(fees)
    for asset, fee in more:
        total[asset] = tidy(total.get(asset, ZERO) + fee)
    return tuple(sorted(total.items()))
