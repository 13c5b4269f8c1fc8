"""Stories: which markets there are, for how long, and what goes wrong."""

from decimal import Decimal
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tapefold.sim.account import Holder
from tapefold.sim.spec import Spec
from tapefold.units import SECOND, Nanos

_MILLISECOND: Final = 1_000_000


class Lost(Struct, frozen=True):
    """One frame of book changes that is never sent: the first of *symbol* that is due after so long."""

    symbol: str
    after: Nanos


class Story(Struct, frozen=True, kw_only=True):
    """What a simulated session is made of, but for the seed."""

    exchange: str
    started_ns: Nanos
    """When it pretends to begin: nanoseconds since 1970."""
    lasts: Nanos
    specs: tuple[Spec, ...]
    lost: Lost | None = None
    accounts: tuple[Holder, ...] = ()
    """Who can trade there."""


MINUTE: Final = Story(
    exchange="binance",
    started_ns=1_767_614_400 * SECOND,  # 2026-01-05 12:00 UTC
    lasts=60 * SECOND,
    specs=(
        Spec(
            base="BTC",
            quote="USDT",
            price_digits=3,
            size_digits=5,
            tick=10,
            fair=64_250_000,
            move=150,
            calm=4,
            reach=20_000,
            size=12_000,
            levels=80,
            pause=13 * _MILLISECOND,
            stray_after=18 * SECOND,
        ),
        Spec(
            base="ETH",
            quote="USDT",
            price_digits=2,
            size_digits=4,
            fair=318_400,
            move=2,
            calm=4,
            reach=300,
            size=15_000,
            levels=70,
            pause=20 * _MILLISECOND,
        ),
        Spec(
            base="MOTE",
            quote="USDT",
            price_digits=8,
            size_digits=0,
            fair=2_134,
            move=1,
            calm=24,
            reach=50,
            size=3_000_000,
            levels=24,
            pause=40 * _MILLISECOND,
        ),
    ),
    lost=Lost("ETH-USDT", 33 * SECOND),
)
"""A minute of three made-up markets on Binance's wire: BTC-USDT has an order finer than its tick after
18 s, of ETH-USDT a frame is lost after 33 s, and MOTE-USDT, which does not exist, is cheap."""

HOLDER: Final = Holder(
    key="simulatedkey",
    secret="simulatedsecret",
    balances={
        "BTC": Decimal(2),
        "ETH": Decimal(50),
        "MOTE": Decimal(10_000_000),
        "USDT": Decimal(100_000),
    },
)
"""Somebody to try it with."""
FUNDED: Final = replace(MINUTE, lost=None, accounts=(HOLDER,))
"""The same markets with nothing lost, and somebody who can trade there."""
