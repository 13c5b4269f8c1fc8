"""Reads scenario files, and says of one that cannot be read where, and what could stand there.

positions.py      on which line each key stands
wording.py        tables into words
checking.py       whether the words make sense
files.py          where the files are, and what they may name
editors.py        the same for editors: a JSON schema
"""

import re
import tomllib
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, cast

from tapefold.errors import ScenarioError
from tapefold.scenario.checking import check
from tapefold.scenario.editors import schema
from tapefold.scenario.files import beside, find_scenarios, overlay_path, session_path, text_of
from tapefold.scenario.positions import positions, twice_said
from tapefold.scenario.wording import Said, Wrong, plain, said
from tapefold.scenario.words import Place, Scenario

DEPTH_MAX: Final = 12
"""Tables and lists within each other. No word is half as deep."""
KEY_MAX: Final = 120
"""Characters of a key that a message repeats."""
MESSAGE_MAX: Final = 1600
"""Characters of what is wrong: it may list what there is."""
_PLACE: Final = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
"""How the parser ends what it says."""

_TWICE: Final = (
    "Cannot overwrite a value",
    "Cannot declare",
    "Cannot mutate",
    "Duplicate inline table key",
)
"""How it says that a key is there already. It names the key at most, and never its table."""
_LISTS: Final = re.compile(r"when|then\.(facts|never|fills|told\.[^.]+)|given\.faults")
"""Keys that are lists of tables."""


def read_scenario(path: Path) -> Place:
    """A scenario file, all of it checked, but for what only an exchange knows.

    Raises `ScenarioError`: the file, the line, the key, what is wrong there, and what could stand there.
    """
    text = text_of(path)
    document = _parsed(path, text)
    lines = positions(text)
    try:
        found = _checked(path, document, lines)
    except Wrong as wrong:
        line = Place(path, Scenario(title=""), lines).line(wrong.key)
        key, what = plain(wrong.key, KEY_MAX), plain(wrong.what, MESSAGE_MAX)
        raise ScenarioError(f"{path}:{line}: {key}: {what}") from None
    return Place(path, found.scenario, lines)


def _checked(path: Path, document: dict[str, Any], lines: dict[str, int]) -> Said:
    found = said(document)
    check(found, lines, beside(path, found.scenario, "session"))
    beside(path, found.scenario, "overlay")
    return found


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(text, parse_float=_exact)
        deep = _is_deep(document)
    except RecursionError:
        deep, document = True, {}
    except ValueError as error:
        raise ScenarioError(_no_toml(path, text, str(error))) from None
    if deep:
        raise ScenarioError(f"{path}: tables and lists stand more than {DEPTH_MAX} deep in it")
    return document


def _exact(number: str) -> Decimal:
    """A number as it was typed. What no `Decimal` can be is none, and is refused where it stands."""
    try:
        return Decimal(number)
    except InvalidOperation:
        return Decimal("NaN")


def _is_deep(document: dict[str, Any]) -> bool:
    """Whether it goes deeper than any scenario does. Itself it does not recurse."""
    level: list[object] = [document]
    for _ in range(DEPTH_MAX):
        level = [inner for each in level for inner in _inner(each)]
        if not level:
            return False
    return True


def _inner(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()


def _no_toml(path: Path, text: str, what: str) -> str:
    found = _PLACE.fullmatch(what)
    if not found:  # a number of so many digits that Python does not read it
        return f"{path}: this is no TOML: {what}"
    twice = twice_said(_until(text, found)) if found[1].startswith(_TWICE) else ""
    what = _said_twice(twice) if twice else found[1]
    column = f", column {found[3]}" if found[3] else ", at the end of the file"
    line = found[2] or text.rstrip().count("\n") + 1
    return f"{path}:{line}: this is no TOML: {what}{column}"


def _until(text: str, found: re.Match[str]) -> str:
    """What of a text there is up to the place that a message names."""
    if not found[2]:
        return text
    rows = text.split("\n")[: int(found[2])]
    return "\n".join([*rows[:-1], rows[-1][: int(found[3])]])


def _said_twice(key: str) -> str:
    if _LISTS.fullmatch(key):
        return f"{plain(key, KEY_MAX)} is a list of tables: begin each of them with [[{key}]]"
    return f"{plain(key, KEY_MAX)} is there already: say all of it in one place"


__all__ = ["find_scenarios", "overlay_path", "read_scenario", "schema", "session_path"]
