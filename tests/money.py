"""What the tests of money share: two instruments, fills, and numbers as exchanges have them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from hypothesis import strategies as st

from tapefold.events import Fees, FillCorrected, InstrumentListed, OrderFilled
from tapefold.folds.instruments import Instruments
from tapefold.units import Side, exactly, tidy

X = "x"
D = Decimal
ETH, BARE, NOBODY = 0, 1, 7
"""ETH-USDT; one of which nobody said what is base and what is quote; one that is not listed."""


def listed(number: int = ETH, **more: Decimal | str) -> InstrumentListed:
    """ETH-USDT by another number, or with other rules."""
    row = {"base": "ETH", "quote": "USDT", **more}
    return InstrumentListed(
        instrument=number,
        exchange=X,
        symbol=f"ETH-USDT{number or ''}",
        native_symbol=f"ETHUSDT{number or ''}",
        price_digits=2,
        size_digits=4,
        **row,  # type: ignore[arg-type]  # a test's own: names and values go together
    )


def instruments() -> Instruments:
    """ETH-USDT and the bare one."""
    rows = Instruments()
    rows.apply(listed())
    rows.apply(listed(BARE, base="", quote=""))
    return rows


def fees(**paid: str) -> Fees:
    """By asset."""
    return tuple(sorted((asset, D(fee)) for asset, fee in paid.items()))


def filled(
    side: Side,
    amount: str | Decimal,
    value: str | Decimal,
    charged: Fees = (),
    *,
    ours: bool = True,
    instrument: int = ETH,
) -> OrderFilled:
    """A fill of an order of ours, or of another's."""
    return OrderFilled(
        client_order_id="c" if ours else "",
        exchange=X,
        instrument=instrument,
        side=side,
        exchange_order_id="e",
        fill_id="T",
        amount=D(amount),
        value=D(value),
        fees=charged,
        price=D(1),
        executed=D(amount),
    )


def corrected(
    side: Side,
    amount: str | Decimal,
    value: str | Decimal,
    charged: Fees = (),
    *,
    reason: Literal["reverted", "trades_came", "better_known"] = "trades_came",
) -> FillCorrected:
    """The signed difference to what was told of a fill."""
    return FillCorrected(
        client_order_id="c",
        exchange=X,
        instrument=ETH,
        side=side,
        exchange_order_id="e",
        fill_id="T",
        amount=D(amount),
        value=D(value),
        fees=charged,
        reason=reason,
    )


def total(numbers: Sequence[Decimal]) -> Decimal:
    """Their sum, with all its digits."""
    with exactly():
        return tidy(sum(numbers, D(0)))


def _number(digits: int, places: int) -> Decimal:
    with exactly():
        return tidy(D(digits).scaleb(-places))


def _with_sign(number: Decimal, minus: bool) -> Decimal:
    return number.copy_negate() if minus and number else number  # `-` would round it


def _sorted(paid: dict[str, Decimal]) -> Fees:
    return tuple(sorted(paid.items()))


numbers = st.builds(_number, st.integers(0, 10**38 - 1), st.integers(0, 30)) | st.builds(
    _number, st.integers(0, 999), st.integers(0, 9)
)
"""Up to 38 digits, of them up to 30 after the point; half of them short ones, so that some meet."""
signed = st.builds(_with_sign, numbers, st.booleans())
charges = st.dictionaries(st.sampled_from(["ETH", "USDT", "BNB"]), signed, max_size=2).map(_sorted)
sides: st.SearchStrategy[Side] = st.sampled_from(["buy", "sell"])
