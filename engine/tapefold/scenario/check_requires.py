"""Whether a scenario that is to run at an exchange itself can. All raise `Wrong`."""

from collections.abc import Iterator
from decimal import Decimal

from tapefold.scenario.check_expressions import names_nothing
from tapefold.scenario.check_names import Known
from tapefold.scenario.check_numbers import positive
from tapefold.scenario.positions import below
from tapefold.scenario.terms import SIMULATED
from tapefold.scenario.wording import Wrong
from tapefold.scenario.words import OrderWord, Scenario, Step


def check_requires(scenario: Scenario, known: Known) -> None:
    """What must be there of each asset; and that nothing is said that is so at a simulator alone."""
    if not scenario.requires:
        return
    for asset, word in scenario.requires.items():
        key = below("requires", asset)
        known.asset(asset, key)
        positive(word.least, f"{key}.least")
        if word.better and word.better < word.least:
            raise Wrong(f"{key}.better", "what is recommended is no less than the least")
    if scenario.given.faults:
        raise Wrong("given.faults", "only a simulator can do that")
    for n, step in enumerate(scenario.when):
        _check_step(step, f"when[{n}]")


def _check_step(step: Step, key: str) -> None:
    if step.does in SIMULATED:
        raise Wrong(f"{key}.{step.does}", "only a simulator can do that")
    for name in _own(step.submit) if step.submit else ():
        what = 'a file with requires names no price of its own: say a sum, as "ask * 1.01"'
        raise Wrong(f"{key}.submit.{name}", what)


def _own(word: OrderWord) -> Iterator[str]:
    """The prices of an order that rest on nothing but the file."""
    for name in ("price", "worst"):
        price: Decimal | str | None = getattr(word, name)
        if isinstance(price, Decimal) or (price and names_nothing(price)):
            yield name
