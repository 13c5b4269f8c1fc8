"""What a scenario has happen that is no command of the engine's: troubles, and what others do there."""

from tapefold.adapter import trader
from tapefold.errors import ScenarioError
from tapefold.events import OrderSubmitted
from tapefold.scenario.commanded import number
from tapefold.scenario.director import Do
from tapefold.scenario.markets import HOLDER, STRANGER
from tapefold.scenario.sums import Scene
from tapefold.scenario.trouble import Trouble
from tapefold.scenario.words import StrangerWord
from tapefold.sim.stage import Stage
from tapefold.sim.venue import Venue


def do_there(do: Do, stage: Stage, scene: Scene, trouble: Trouble) -> None:
    """What is no command of the engine's. Raises `ScenarioError`, `BadInput`."""
    step = do.step
    if step.fault:
        trouble.add(step.fault, do.key, stage.exchange.faults)
    elif step.disconnect:
        private = [lane for lane in stage.lanes if lane in stage.private]
        lanes = {
            "account": private,
            "market": [lane for lane in stage.lanes if lane not in stage.private],
            "all": [*stage.lanes],
        }[step.disconnect]
        stage.cut(lanes)
    elif step.stranger:
        _stranger(step.stranger, stage, scene)
    else:
        for asset, amount in step.deposit.items():
            stage.exchange.venue.deposit(HOLDER.key, asset, amount, stage.time)
        stage.go_on()


def _stranger(word: StrangerWord, stage: Stage, scene: Scene) -> None:
    """Somebody else places an order, in the exchange's own language, and by its clock."""
    able = trader(stage.adapter)
    found = scene.number(word.instrument or scene.instrument)
    if able is None or found is None:
        raise ScenarioError(f"{scene.exchange} lists no {word.instrument or scene.instrument}")
    row = scene.views.instruments.rows[found]
    price = None if word.price is None else number(word.price, scene)
    who = HOLDER if word.same_account else STRANGER
    wanted = OrderSubmitted(
        client_order_id=_unused(stage.exchange.venue, who.key, f"stranger-{stage.time}"),
        exchange=scene.exchange,
        instrument=found,
        side=word.side,
        amount=number(word.amount, scene),
        price=price,
        order_type="market" if price is None else "limit",
        tif="gtc",
        quote_amount=None,
        by="stranger",
    )
    asked = able.place(wanted, row.native_symbol)
    keys = {"key": who.key, "secret": who.secret}
    signed = able.sign(asked, keys, stage.time + stage.exchange.faults.ahead)
    answer = stage.exchange.answer(signed, stage.time)
    stage.go_on()
    if answer.status >= 400:
        raise ScenarioError(
            f"the stranger's order is refused: {answer.body.decode(errors='replace')}"
        )


def _unused(venue: Venue, holder: str, name: str) -> str:
    """A name that no order of theirs has: two of them may come at one moment."""
    count, found = 1, name
    while venue.named(holder, found):
        count, found = count + 1, f"{name}-{count + 1}"
    return found
