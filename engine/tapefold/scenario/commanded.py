"""The command of a step, when it is given: exact numbers, moved to the market's steps."""

from collections.abc import Mapping
from decimal import Decimal

from tapefold.adapter import (
    Cancel,
    CancelAll,
    Command,
    Halt,
    LimitRisk,
    Query,
    Resume,
    SetFees,
    Submit,
    Subscribe,
)
from tapefold.errors import ScenarioError
from tapefold.events import InstrumentListed
from tapefold.folds.rules import floor_amount, floor_price
from tapefold.scenario.sums import Scene, compile_sum
from tapefold.scenario.words import CancelAllWord, FeeOverride, LimitWord, Number, OrderWord, Step
from tapefold.units import Nanos, exactly, tidy


def nanos(seconds: Decimal) -> Nanos:
    """Seconds as nanoseconds."""
    return int(seconds.scaleb(9))


def number(said: Number, scene: Scene) -> Decimal:
    """What a number of the file is now. Raises `ScenarioError` where it is not known, `BadInput`."""
    if isinstance(said, Decimal):
        return said
    found = compile_sum(said)(scene)
    if found is None:
        raise ScenarioError(f"{said!r} is not known at this moment")
    return tidy(found)


def commanded(step: Step, scene: Scene, names: Mapping[str, str], time: Nanos) -> Command | None:
    """What the engine is told; None for what only a simulator can do. Raises as `placed`."""
    exchange = scene.exchange
    match step.does:
        case "submit" if step.submit:
            return placed(step.submit, scene, time)
        case "cancel":
            return Cancel(names.get(step.cancel, ""))
        case "query":
            return Query(names.get(step.query, ""))
        case "subscribe":
            return Subscribe(exchange, step.subscribe)
        case "halt" | "resume":
            return Halt(step.halt) if step.halt else Resume()
        case _:
            return _for_all(step, exchange)


def _for_all(step: Step, exchange: str) -> Command | None:
    """What concerns no single order."""
    match step:
        case Step(cancel_all=CancelAllWord() as every):
            return CancelAll(exchange, every.instrument, nanos(every.timeout))
        case Step(limit_risk=LimitWord() as limit):
            return LimitRisk(
                exchange,
                limit.instrument,
                limit.amount_max,
                limit.notional_max,
                limit.open_orders_max,
            )
        case Step(set_fees=FeeOverride() as fees):
            return SetFees(exchange, fees.maker, fees.taker, fees.instrument)
        case _:
            return None


def placed(word: OrderWord, scene: Scene, time: Nanos) -> Submit:
    """The command for an order. What was reckoned is moved to a step; a number is sent as it was typed.

    Raises `ScenarioError`, `BadInput`.
    """
    instrument = word.instrument or scene.instrument
    found = scene.number(instrument)
    if found is None:
        raise ScenarioError(f"{scene.exchange} lists no {instrument}")
    row = scene.views.instruments.rows[found]

    def reckoned(said: Number | None) -> Decimal | None:
        return None if said is None else number(said, scene)

    amount, price = reckoned(word.amount), reckoned(word.price)
    if amount is not None and isinstance(word.amount, str):
        amount = floor_amount(row, amount)
    if price is not None and isinstance(word.price, str):
        price = _stepped(scene, row, price, word)
    return Submit(
        scene.exchange,
        instrument,
        word.side,
        amount,
        price,
        order_type=word.type,
        tif=word.tif,
        quote_amount=reckoned(word.quote_amount),
        worst=reckoned(word.worst),
        expires_at=time + nanos(word.expires_after) if word.expires_after else 0,
        by=word.order,
    )


def _stepped(scene: Scene, row: InstrumentListed, price: Decimal, word: OrderWord) -> Decimal:
    """A buy's down, a sell's up."""
    rules = scene.views.rules.of(row.instrument)
    floor = floor_price(row, price, rules)
    if word.side == "buy" or floor == price:
        return floor
    with exactly():
        return tidy(floor + row.tick)
