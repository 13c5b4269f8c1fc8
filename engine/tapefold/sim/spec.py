"""What a market is like: data."""

from decimal import Decimal

from msgspec import Struct

from tapefold.units import Nanos, Side, tidy


class Spec(Struct, frozen=True, kw_only=True):
    """What one instrument's market is like. Prices and sizes are ints in its scale."""

    base: str
    quote: str
    price_digits: int
    size_digits: int
    tick: int = 1
    """The listed step of prices; more than 1 where a scale finer than the tick is wanted."""
    lot: int = 1
    fair: int
    """What it is worth at the start."""
    move: int
    """The step of its walk."""
    calm: int
    """One action in so many comes with a step."""
    reach: int
    """How far from the fair price orders are placed; half of them keep within a tenth of it."""
    size: int
    """Lots of a usual limit order; a market order takes a third of it."""
    levels: int
    """Levels a side: beyond that the farthest are canceled, and below the half of it none are."""
    pause: Nanos
    """Between two actions, about."""
    stray_after: Nanos = 0
    """When an order shows up between two ticks, as those of an older and finer tick do; 0 for never."""

    ladder: tuple[tuple[Side, int, int], ...] = ()
    """The book at the start: side, price, size. In such a market strangers do nothing by themselves."""

    @property
    def symbol(self) -> str:
        """BASE-QUOTE."""
        return f"{self.base}-{self.quote}"

    def price(self, scaled: int) -> Decimal:
        """A price in units of quote."""
        return tidy(Decimal(scaled).scaleb(-self.price_digits))

    def amount(self, scaled: int) -> Decimal:
        """A size in units of base."""
        return tidy(Decimal(scaled).scaleb(-self.size_digits))

    def value(self, price: int, size: int) -> Decimal:
        """What so much is worth at a price, in units of quote, to the last digit."""
        return tidy(Decimal(price * size).scaleb(-self.price_digits - self.size_digits))
