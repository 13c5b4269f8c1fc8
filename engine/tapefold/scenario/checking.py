"""What makes no sense in a scenario file, although each of its words is one.

check_numbers.py      amounts, spans, counts, rates
check_names.py        orders, instruments, assets
check_given.py        recordings, markets, faults
check_when.py         steps, and the orders in them
check_then.py         what must be true
event_words.py        events and their fields
check_expressions.py  conditions and sums
check_requires.py     what a scenario that runs elsewhere may say
"""

import re
from collections.abc import Container
from pathlib import Path
from typing import Final

from tapefold.scenario.check_expressions import check_expressions
from tapefold.scenario.check_given import check_given, instruments_of, recorded_instruments
from tapefold.scenario.check_names import Known, assets_of
from tapefold.scenario.check_requires import check_requires
from tapefold.scenario.check_then import check_then
from tapefold.scenario.check_when import check_when
from tapefold.scenario.wording import Said, Wrong
from tapefold.scenario.words import Scenario

EXCHANGE: Final = re.compile(r"[a-z0-9_]+", re.ASCII)


def check(said: Said, keys: Container[str], recording: Path | None) -> None:
    """The whole file; *keys* are those that are in it, *recording* is what tells it. Raises `Wrong`."""
    scenario = said.scenario
    _check_head(scenario, keys)
    check_given(scenario.given, keys)
    if recording is not None:
        _check_recorded(scenario)
        known = Known(None, _told(scenario, recording), None, scenario.exchanges)
    else:
        orders: dict[str, int] = {}
        instruments = instruments_of(scenario.given)
        assets = assets_of(scenario.given, instruments)
        known = Known(orders, dict.fromkeys(instruments), assets, scenario.exchanges)
        check_when(scenario.when, known, orders, keys)
    sums = said.sums | check_then(scenario.then, known)
    check_expressions(scenario, sums, known)
    check_requires(scenario, known)


def _check_head(scenario: Scenario, keys: Container[str]) -> None:
    if not scenario.title.strip() or not scenario.title.isprintable():
        raise Wrong("title", "it is a sentence, on one line")
    if "exchanges" in keys and not scenario.exchanges:
        raise Wrong(
            "exchanges", "it is empty: say where it can be run, or leave it out for anywhere"
        )
    seen: dict[str, None] = {}
    for n, name in enumerate(scenario.exchanges):
        if not EXCHANGE.fullmatch(name):
            what = "an exchange's name has small letters, digits and _, as binance_us"
            raise Wrong(f"exchanges[{n}]", what)
        if name in seen:
            raise Wrong(f"exchanges[{n}]", f"{name} is there already")
        seen[name] = None


def _check_recorded(scenario: Scenario) -> None:
    """Of one that is told by a recording."""
    if scenario.when:
        raise Wrong("when", "the recording tells the story: with given.session there are no steps")
    if scenario.requires:
        raise Wrong("requires", "a recording needs no money: leave it out with given.session")


def _told(scenario: Scenario, recording: Path) -> dict[str, None] | None:
    """The instruments of a recording, if it says which; the books are judged when it is played."""
    there = recorded_instruments(recording)
    return None if there is None else dict.fromkeys((*there, *scenario.then.books))
