"""Accounts at the simulated exchange: what is free, and what open orders hold."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from msgspec import Struct

from tapefold.events import ZERO
from tapefold.sim.orders import Balance, Order
from tapefold.sim.past import Past
from tapefold.sim.spec import Spec
from tapefold.units import Nanos, Side, tidy

FEE_DIGITS: Final = 8
"""Decimals of a fee: what is finer is not charged."""


class Holder(Struct, frozen=True, kw_only=True):
    """Somebody who has an account."""

    key: str
    """Empty: no signature is ever checked, and who does not say who he is is this one."""
    secret: str = ""
    balances: dict[str, Decimal] = {}
    """At the start, by asset."""
    maker_rate: Decimal = Decimal("0.001")
    taker_rate: Decimal = Decimal("0.001")
    """0.001 are ten basis points, of what is received."""


class Account:
    """One holder's money. Its methods are called within `exactly`."""

    def __init__(self, holder: Holder, time: Nanos) -> None:
        self.holder = holder
        self._assets: dict[str, Balance] = {
            asset: Balance(tidy(amount)) for asset, amount in holder.balances.items()
        }
        self._past = Past(time, dict(self._assets))
        self._touched: dict[str, None] = {}

    def free(self, asset: str) -> Decimal:
        """What can be spent."""
        return self._assets.get(asset, Balance()).free

    def balances(self, at: Nanos | None = None) -> Mapping[str, Balance]:
        """Of every asset that was ever there, at a time not longer ago than `LAG_MAX`."""
        return self._assets if at is None else self._past.at(at) or {}

    def hold(self, asset: str, amount: Decimal) -> None:
        """So much of what is free is set aside; a negative amount is let go."""
        self._change(asset, -amount, amount)

    def earn(self, asset: str, amount: Decimal) -> None:
        """So much more is free; less where it is negative."""
        self._change(asset, amount, ZERO)

    def settled(self, time: Nanos) -> dict[str, Balance]:
        """What changed since this was last asked, as it is now."""
        touched = {asset: self._assets[asset] for asset in self._touched}
        if touched:
            self._touched = {}
            self._past.note(time, dict(self._assets))
        return touched

    def _change(self, asset: str, free: Decimal, locked: Decimal) -> None:
        was = self._assets.get(asset, Balance())
        self._assets[asset] = Balance(tidy(was.free + free), tidy(was.locked + locked))
        self._touched[asset] = None


def held(spec: Spec, order: Order, size: int) -> tuple[str, Decimal]:
    """Which asset, and how much of it, so much of an open order holds."""
    price = order.wish.price or 0
    if order.wish.side == "buy":
        return spec.quote, spec.value(price, size)
    return spec.base, spec.amount(size)


def fee(received: Decimal, rate: Decimal) -> Decimal:
    """What is charged, cut off to `FEE_DIGITS`. Within `exactly`."""
    return tidy(Decimal(int((received * rate).scaleb(FEE_DIGITS))).scaleb(-FEE_DIGITS))


def exchanged(spec: Spec, side: Side, price: int, size: int) -> tuple[str, Decimal, str, Decimal]:
    """What one side of a trade pays, and what it is to receive: asset and amount of each."""
    amount, value = spec.amount(size), spec.value(price, size)
    if side == "buy":
        return spec.quote, value, spec.base, amount
    return spec.base, amount, spec.quote, value
