"""Which scenarios were asked for, and at which exchanges each is run."""

import re
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

from tapefold.adapter import exchanges, load_adapter
from tapefold.errors import BadInput, ScenarioError
from tapefold.scenario import Place
from tapefold.scenario.wording import near
from tapefold.sim.exchange import GROUP


class Words(NamedTuple):
    """What `-k` asks for: all of these in a name or a title, and none of those."""

    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()

    def match(self, place: Place) -> bool:
        """Whether a scenario is meant, however its letters are written."""
        text = f"{place.name}\n{place.scenario.title}".lower()
        return all(word in text for word in self.wanted) and not any(
            word in text for word in self.unwanted
        )


def parse_words(text: str) -> Words:
    """Words, `not` before those that must not be there; `and` says nothing more. Raises `ValueError`."""
    found: dict[bool, list[str]] = {True: [], False: []}
    wanted = True
    for word in text.lower().split():
        if word == "not" and wanted:
            wanted = False
        elif word in ("or", "not") or re.search(r"[()]", word):
            raise ValueError(f"{word!r} is not known here: words, and `not` before a word, is all")
        elif word != "and":
            found[wanted].append(word)
            wanted = True
    if not wanted:
        raise ValueError("a word is to follow `not`")
    return Words(tuple(found[True]), tuple(found[False]))


def read_all(given: Sequence[str], home: Path) -> list[Place]:
    """The scenarios of files, folders and names.

    Raises `ScenarioError` for what is not there, and with a line for each file that cannot be read.
    """
    from tapefold.scenario.reading import find_scenarios, read_scenario

    if not given and not home.is_dir():
        raise ScenarioError(
            f"there is no folder {home} here: name a file or a folder, or say --scenarios DIR"
        )
    places: list[Place] = []
    wrong: list[str] = []
    for path in find_scenarios(given, home):
        try:
            places.append(read_scenario(path))
        except ScenarioError as error:
            wrong.append(str(error))
    if wrong:
        raise ScenarioError("\n".join(wrong))
    return places


def picked(places: Sequence[Place], words: Sequence[Words]) -> list[Place]:
    """Those that all the words mean. Raises `BadInput` where none is."""
    found = [place for place in places if all(each.match(place) for each in words)]
    if not found:
        names = ", ".join(place.name for place in places)
        raise BadInput(f"-k leaves none of the scenarios; these were to choose from: {names}")
    return found


def cases(places: Sequence[Place], exchange: str | None) -> list[tuple[Place, str]]:
    """Each scenario with each exchange that it can be run at, in their order.

    Raises `AdapterError` for an exchange that nobody knows, `BadInput` where no scenario is for it.
    """
    from tapefold.scenario.running import exchanges_of

    if exchange:
        load_adapter(exchange)
    every = [(place, each) for place in places for each in exchanges_of(place)]
    found = [case for case in every if exchange in (None, case[1])]
    if not found:
        where = sorted({each for _, each in every})
        raise BadInput(
            f"none of these scenarios can be run at {exchange}; their exchanges: {', '.join(where)}"
            if exchange
            else "none of these scenarios can be run: no exchange that one can trade at is installed"
        )
    return found


def check_installed(found: Sequence[tuple[Place, str]]) -> None:
    """That each can be run where it is to be. Raises `ScenarioError`, with a line for each that cannot."""
    simulated = sorted({point.name for point in entry_points(group=GROUP)})
    wrong: list[str] = []
    for place, exchange in found:
        there = exchanges() if place.scenario.given.session else simulated
        if exchange in there:
            continue
        if exchange in exchanges():
            what = f"no simulated {exchange}; there is {', '.join(there) or 'none'}"
        else:
            what = f"no exchange {exchange!r}{near(exchange, there)}"
        wrong.append(f"{place.path}:{place.line('exchanges')}: exchanges: there is {what}")
    if wrong:
        raise ScenarioError("\n".join(wrong))
