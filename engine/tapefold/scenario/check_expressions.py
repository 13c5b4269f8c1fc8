"""Whether conditions and sums can be read, and name what there is when they are reckoned.

All raise `Wrong`.
"""

import ast
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from tapefold.errors import BadInput
from tapefold.scenario.check_names import Known
from tapefold.scenario.sums import SCENE, compile_condition, compile_sum
from tapefold.scenario.wording import Wrong
from tapefold.scenario.words import Scenario

EXPRESSION_MAX: Final = 1000
"""Characters of one: it is for people to read."""
EXPRESSIONS_MAX: Final = 50_000
"""Characters of all of a file, so that reading it takes a moment, whatever it says."""
_SPACES: Final = re.compile(r"[\t\n\v\f\r]")
_STEP: Final = re.compile(r"when\[(\d+)\]")
_UNTIL: Final = re.compile(r"when\[\d+\]\.until")
_COLUMN: Final = re.compile(r"the expression, column (\d+): ")


def check_expressions(scenario: Scenario, sums: Mapping[str, str], known: Known) -> None:
    """All of a file; *sums* are by their keys."""
    length = 0
    for read, key, text in _all(scenario, sums):
        length += len(text)
        if length > EXPRESSIONS_MAX:
            what = f"{EXPRESSIONS_MAX:,} characters, which are as many as a file may have"
            raise Wrong(key, f"the expressions up to here have more than {what}")
        _check_text(read, text, key)
        _check_names(text, key, known)


def _all(
    scenario: Scenario, sums: Mapping[str, str]
) -> Iterator[tuple[Callable[[str], object], str, str]]:
    for key, text in _conditions(scenario):
        yield compile_condition, key, text
    for key, text in sums.items():
        yield compile_sum, key, text


def _conditions(scenario: Scenario) -> Iterator[tuple[str, str]]:
    for n, step in enumerate(scenario.when):
        if step.until:
            yield f"when[{n}].until", step.until
        if isinstance(step.check, str):
            yield from [(f"when[{n}].check", step.check)] if step.check else []
        else:
            yield from ((f"when[{n}].check[{i}]", text) for i, text in enumerate(step.check))
    yield from ((f"then.holds[{n}]", text) for n, text in enumerate(scenario.then.holds))


def _check_text(read: Callable[[str], object], text: str, key: str) -> None:
    if len(text) > EXPRESSION_MAX:
        what = f"{len(text):,} characters, and an expression has {EXPRESSION_MAX:,} at most"
        raise Wrong(key, f"it has {what}: make several of it")
    if not text.strip() and read is compile_sum:
        raise Wrong(key, 'it is empty: say a number, or a sum in quotes, as "ask * 1.01"')
    try:
        read(text)
    except BadInput as error:
        raise Wrong(key, _cured(str(error), text)) from None


def _cured(what: str, text: str) -> str:
    """The commonest slip of all with its cure."""
    found = _COLUMN.match(what)
    at = int(found[1]) - 1 if found else 0
    slip = (
        what.endswith("invalid syntax") and text[at : at + 1] == "=" and text[at - 1] not in "=!<>"
    )
    return what.replace("invalid syntax", "a single = compares nothing: say ==") if slip else what


def _check_names(text: str, key: str, known: Known) -> None:
    inside = _STEP.match(key)
    step = int(inside[1]) if inside else None
    checks: dict[str, Callable[[str, str], None]] = {
        "ASSET": known.asset,
        "PAIR": known.instrument,
        "EXCHANGE": known.exchange,
        "MOMENT": lambda name, key: _check_moment(name, text, key),
    }
    if not known.recorded:  # which has orders of its own, and calls them as it likes
        checks["NAME"] = lambda name, key: known.order(name, key, step)
    for what, name in _named(text):
        if what in checks:
            checks[what](name, key)


def _check_moment(name: str, text: str, key: str) -> None:
    """What was just logged is known while something is waited for, and never else."""
    if not _UNTIL.fullmatch(key):
        raise Wrong(key, f"{name} is for until alone: here nothing was just logged")
    if name == "time" and ("MOMENT", "event") not in _named(text):
        raise Wrong(key, "time is that of an event: ask for the event, too")


def names_nothing(text: str) -> bool:
    """Whether a sum is one of numbers alone."""
    return not any(isinstance(node, ast.Name) for node in _nodes(text))


def _named(text: str) -> list[tuple[str, str]]:
    """What an expression names, each with what it is: ASSET, PAIR, NAME, EXCHANGE or MOMENT."""
    return [found for node in _nodes(text) for found in _of(node)]


def _of(node: ast.AST) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Call(func=ast.Name(id=name), args=given):
            yield from zip(SCENE[name].arguments, _texts(given), strict=False)
        case ast.Subscript(slice=ast.Constant(value=str() as asset)):
            yield "ASSET", asset
        case ast.Name(id="event" | "time" as name):
            yield "MOMENT", name
        case _:
            pass


def _texts(given: Iterable[ast.expr]) -> list[str]:
    return [str(each.value) for each in given if isinstance(each, ast.Constant)]


def _nodes(text: str) -> Iterator[ast.AST]:
    """The pieces of an expression that can be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of style, which was looked at already
        return ast.walk(ast.parse(_SPACES.sub(" ", text).strip(), mode="eval"))
