"""Whether what is given can be: a recording, or markets, balances, fees and faults. All raise `Wrong`."""

import re
from collections.abc import Container, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Final

from tapefold.errors import SessionError
from tapefold.events import ZERO
from tapefold.scenario.check_numbers import (
    SPAN_MAX,
    counted,
    not_negative,
    positive,
    rate,
    span,
)
from tapefold.scenario.positions import below
from tapefold.scenario.wording import Wrong, near, plain
from tapefold.scenario.words import FaultWord, Given, MarketWord
from tapefold.session.meta import read_meta
from tapefold.sim.past import LAG_MAX
from tapefold.sim.story import MINUTE
from tapefold.units import SECOND, fixed

OF_REQUESTS: Final = ("refused", "unanswered", "lost", "late", "lagging")
"""Faults that are of requests, so that `of` means something."""
LAGGING: Final = ("balances", "open_orders", "order", "fills")
"""Requests for pages that can tell what was a while ago."""
BY: Final = ("late", "lagging", "delayed", "ahead")
"""Faults that are by so many seconds."""
REFUSED: Final = (400, 599)
"""The statuses that refuse."""
_BESIDE_A_RECORDING: Final = ("session", "overlay")
_PAIR: Final = re.compile(r"[A-Za-z0-9_.]+-[A-Za-z0-9_.]+", re.ASCII)
_STRANGERS: Final = tuple(spec.symbol for spec in MINUTE.specs)
"""Markets that need no words: there are strangers who trade."""


def instruments_of(given: Given) -> tuple[str, ...]:
    """What there is a market of."""
    named = given.instruments or (() if given.markets else _STRANGERS[:1])
    return tuple(dict.fromkeys((*named, *given.markets)))


def recorded_instruments(folder: Path) -> tuple[str, ...] | None:
    """Those that a recording began with; None where it does not say so by their own names."""
    try:
        meta = read_meta(folder)
    except SessionError:  # is said when it is played
        return None
    told = tuple(meta.instruments)
    own = all(_PAIR.fullmatch(name) for name in told)
    return told if told and own and not meta.start_position else None


def check_given(given: Given, keys: Container[str]) -> None:
    """All of it; *keys* are those that are in the file."""
    for name in _BESIDE_A_RECORDING:
        if f"given.{name}" in keys and not getattr(given, name):
            raise Wrong(f"given.{name}", "it is empty: say a path from this file, or leave it out")
    if given.session:
        for name in Given.__struct_fields__:
            if f"given.{name}" in keys and name not in _BESIDE_A_RECORDING:
                what = "a recording has its own: beside given.session stands only overlay"
                raise Wrong(f"given.{name}", what)
    elif given.overlay:
        raise Wrong("given.overlay", "it edits a recording: say which in given.session")
    if "given.instruments" in keys and not given.instruments:
        raise Wrong("given.instruments", "it is empty: say which, or leave it out")
    _check_world(given)
    check_rates(given.fees.maker, given.fees.taker, "given.fees")
    for n, fault in enumerate(given.faults):
        check_fault(fault, f"given.faults[{n}]", keys)


def _check_world(given: Given) -> None:
    not_negative(given.seed, "given.seed")
    for name, market in given.markets.items():
        _check_market(name, market, below("given.markets", name))
    seen: dict[str, None] = {}
    for n, name in enumerate(given.instruments):
        if name not in given.markets and name not in _STRANGERS:
            what = f"{plain(name)} has no market: describe it in given.markets"
            raise Wrong(f"given.instruments[{n}]", what + near(name, (*given.markets, *_STRANGERS)))
        if name in seen:
            raise Wrong(f"given.instruments[{n}]", f"{name} is there already")
        seen[name] = None
    for asset, amount in given.balances.items():
        not_negative(amount, below("given.balances", asset))


def check_rates(maker: Decimal, taker: Decimal, key: str) -> None:
    """What trades cost."""
    rate(maker, f"{key}.maker")
    rate(taker, f"{key}.taker")


def _check_market(name: str, market: MarketWord, key: str) -> None:
    if not _PAIR.fullmatch(name):
        raise Wrong(key, "a market is named BASE-QUOTE, as BTC-USDT")
    if len({*name.split("-")}) == 1:
        raise Wrong(key, "nothing is traded against itself: its base and its quote differ")
    positive(market.tick, f"{key}.tick")
    positive(market.step, f"{key}.step")
    for side in ("bids", "asks"):
        _check_levels(getattr(market, side), market, f"{key}.{side}")
    best_bid = max((price for price, _ in market.bids), default=ZERO)
    for n, (price, _) in enumerate(market.asks):
        if price <= best_bid:
            what = f"it is {fixed(price)}, which crosses the best bid, {fixed(best_bid)}"
            raise Wrong(f"{key}.asks[{n}][0]", what)


def _check_levels(levels: Sequence[tuple[Decimal, Decimal]], market: MarketWord, key: str) -> None:
    seen: dict[Decimal, None] = {}
    for n, (price, amount) in enumerate(levels):
        positive(price, f"{key}[{n}][0]")
        positive(amount, f"{key}[{n}][1]")
        _check_multiple(price, market.tick, "tick", f"{key}[{n}][0]")
        _check_multiple(amount, market.step, "step", f"{key}[{n}][1]")
        if price in seen:
            raise Wrong(f"{key}[{n}][0]", f"{fixed(price)} is there already: a price is one level")
        seen[price] = None


def _check_multiple(value: Decimal, step: Decimal, name: str, key: str) -> None:
    if Fraction(value) % Fraction(step):
        raise Wrong(key, f"{fixed(value)} is no multiple of the market's {name}, {fixed(step)}")


def check_fault(fault: FaultWord, key: str, keys: Container[str]) -> None:
    """What goes wrong, and that what is said of it means something."""
    what = fault.what
    _only(f"{key}.of", keys, what in OF_REQUESTS, f"{what} is of no request")
    _only(f"{key}.status", keys, what == "refused", f"{what} has no status: refused has one")
    _only(f"{key}.retry_after", keys, what == "refused", f"{what} has none: refused has one")
    _only(f"{key}.by", keys, what in BY, f"{what} is by no time: {', '.join(BY)} are")
    _only(f"{key}.times", keys, what != "ahead", "the clock is ahead from now on, and not so often")
    if what in BY and f"{key}.by" not in keys:
        raise Wrong(f"{key}.by", f"it must be said: {what} is by so many seconds")
    if what == "ahead":
        span(fault.by, f"{key}.by", least=Decimal(-SPAN_MAX))
    elif what in BY:
        positive(fault.by, f"{key}.by")
        span(fault.by, f"{key}.by")
    if what == "lagging" and fault.of not in ("", *LAGGING):
        raise Wrong(f"{key}.of", f"only a page about the account lags: {', '.join(LAGGING)}")
    if what == "lagging" and fault.by > LAG_MAX // SECOND:
        raise Wrong(f"{key}.by", f"a page is {LAG_MAX // SECOND} seconds late at the most")
    counted(fault.times, f"{key}.times")
    not_negative(fault.retry_after, f"{key}.retry_after")
    if not REFUSED[0] <= fault.status <= REFUSED[1]:
        raise Wrong(f"{key}.status", f"it is {fault.status}: from 400 to 599 they refuse")


def _only(key: str, keys: Container[str], right: bool, what: str) -> None:
    if key in keys and not right:
        raise Wrong(key, f"{what}: leave it out")
