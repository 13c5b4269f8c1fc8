"""The markets and accounts of a scenario, as the simulated exchange takes them."""

from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from tapefold.errors import ScenarioError
from tapefold.scenario.words import Given, MarketWord
from tapefold.sim.account import Holder
from tapefold.sim.spec import Spec
from tapefold.sim.story import HOLDER as FUNDED
from tapefold.sim.story import MINUTE, Story
from tapefold.units import SECOND, Nanos, Side

STARTED: Final[Nanos] = MINUTE.started_ns
"""When every simulated story begins: nanoseconds since 1970."""
HOLDER: Final = replace(FUNDED, balances={})
"""Whom the engine trades for."""
STRANGER: Final = Holder(key="strangerkey", secret="strangersecret")
"""Whose orders are those that a file calls a stranger's."""
_RICH: Final = Decimal(10**9)
_LOTS: Final = 10**6
"""Of a still market, which bounds what may be ordered at once: far more than anybody writes."""
_BUNDLED: Final = {spec.symbol: spec for spec in MINUTE.specs}


def story_of(given: Given, exchange: str) -> Story:
    """What the simulator is made of. Raises `ScenarioError` for a market that nobody described."""
    names = given.instruments or tuple(given.markets) or ("BTC-USDT",)
    specs = tuple(_spec(name, given) for name in dict.fromkeys((*names, *given.markets)))
    rates = given.fees
    assets = {asset for spec in specs for asset in (spec.base, spec.quote)}
    return replace(
        MINUTE,
        exchange=exchange,
        specs=specs,
        lost=None,
        accounts=(
            replace(
                HOLDER, balances=given.balances, maker_rate=rates.maker, taker_rate=rates.taker
            ),
            replace(STRANGER, balances=dict.fromkeys(sorted(assets), _RICH)),
        ),
        lasts=3600 * SECOND,
    )


def _spec(name: str, given: Given) -> Spec:
    market = given.markets.get(name)
    if market:
        return _still(name, market)
    spec = _BUNDLED.get(name)
    if spec is None:
        raise ScenarioError(
            f"given.markets has no {name}; markets with strangers are {', '.join(_BUNDLED)}"
        )
    return replace(spec, stray_after=0)


def _still(name: str, market: MarketWord) -> Spec:
    """A market that stands as it was written down. Raises `ScenarioError` for one that cannot be."""
    base, _, quote = name.partition("-")
    price_digits, size_digits = _digits(market.tick), _digits(market.step)

    def scaled(number: Decimal, digits: int) -> int:
        value = number.scaleb(digits)
        if value != int(value) or value <= 0:
            raise ScenarioError(f"given.markets.{name}: {number} is no multiple of the step")
        return int(value)

    def rungs(
        side: Side, levels: tuple[tuple[Decimal, Decimal], ...]
    ) -> list[tuple[Side, int, int]]:
        return [(side, scaled(p, price_digits), scaled(s, size_digits)) for p, s in levels]

    bids, asks = rungs("buy", market.bids), rungs("sell", market.asks)
    best_bid, best_ask = (
        max((p for _, p, _ in bids), default=0),
        min((p for _, p, _ in asks), default=0),
    )
    if bids and asks and best_bid >= best_ask:
        raise ScenarioError(f"given.markets.{name}: the best bid is not below the best ask")
    fair = (best_bid + best_ask) // 2 if bids and asks else best_bid or best_ask
    return Spec(
        base=base,
        quote=quote,
        price_digits=price_digits,
        size_digits=size_digits,
        tick=scaled(market.tick, price_digits),
        lot=scaled(market.step, size_digits),
        fair=fair,
        move=0,
        calm=1,
        reach=1,
        size=_LOTS,
        levels=0,
        pause=SECOND,
        ladder=(*bids, *asks),
    )


def _digits(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
