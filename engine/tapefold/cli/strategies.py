"""Strategies by name: `module:Class`, imported to be asked again about a session."""

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from tapefold.cli.facts import strategy_told
from tapefold.errors import BadInput
from tapefold.session import Session
from tapefold.strategy import Strategy

PARAMETERS = "parameters"
"""What a factory calls the argument that it wants the session's parameters in."""


class Named(NamedTuple):
    """A strategy's class, or what makes one, by where it is found."""

    module: str
    name: str

    def __str__(self) -> str:
        """As it was typed."""
        return f"{self.module}:{self.name}"


def parse_named(text: str) -> Named:
    """`module:Class`. Raises `ValueError`."""
    module, colon, name = text.partition(":")
    if not (colon and all(part.isidentifier() for part in (*module.split("."), *name.split(".")))):
        raise ValueError(f"{text!r} is not `module:Class`, such as `mine.makers:Maker`")
    return Named(module, name)


def made(named: Sequence[Named], session: Session) -> list[Strategy]:
    """The strategies, each made anew. Modules are looked for in the current folder, too.

    Raises `BadInput` for what is not there, cannot be imported or made, or is no strategy.
    """
    if named and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    return [_make(each, _found(each), session) for each in named]


def changed(strategies: Sequence[Strategy], session: Session) -> list[str]:
    """A line for each that is made with other parameters than it was recorded with."""
    recorded = session.meta.strategies
    return [
        f"{strategy_told(each.name, each.parameters)} was recorded as "
        f"{strategy_told(each.name, recorded[each.name])}"
        for each in strategies
        if each.name in recorded and dict(each.parameters) != recorded[each.name]
    ]


def _found(named: Named) -> object:
    found: Any = _module(named)
    for part in named.name.split("."):
        if not hasattr(found, part):
            raise BadInput(f"{named.module} has no {named.name}{_there(_module(named))}")
        found = getattr(found, part)
    return found


def _module(named: Named) -> ModuleType:
    try:
        return import_module(named.module)
    except ModuleNotFoundError as error:
        if error.name and (named.module + ".").startswith(error.name + "."):
            raise BadInput(
                f"there is no module {error.name}: it is looked for in the current folder and among "
                "what is installed"
            ) from error
        raise _wrong(named, "imported", error) from error
    except Exception as error:  # whatever somebody's module raises is about that module
        raise _wrong(named, "imported", error) from error


def _there(module: ModuleType) -> str:
    """What it could have been."""
    names = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Strategy) and value is not Strategy
    ]
    return f"; it has {', '.join(names)}" if names else ", and no strategy at all"


def _make(named: Named, found: object, session: Session) -> Strategy:
    strategy = found
    if callable(found) and not isinstance(found, Strategy):
        wanted = _wanted(named, found, session)
        try:
            strategy = found(**wanted)
        except Exception as error:  # whatever somebody's code raises is about that code
            raise _wrong(named, "made", error) from error
    if not isinstance(strategy, Strategy):
        raise BadInput(f"{named} is a {type(strategy).__name__}, and no strategy")
    return strategy


def _wanted(named: Named, make: Callable[..., object], session: Session) -> dict[str, Any]:
    """The session's parameters, for a factory that takes them."""
    try:
        takes = PARAMETERS in inspect.signature(make).parameters
    except ValueError:  # of what is written in C nothing is known
        takes = False
    return {PARAMETERS: _recorded(named, make, session)} if takes else {}


def _recorded(named: Named, make: object, session: Session) -> Mapping[str, str]:
    """What the strategy was made with when it was recorded."""
    there = session.meta.strategies
    name = getattr(make, "name", "")
    if isinstance(name, str) and name in there:
        return there[name]
    if len(there) == 1:
        return next(iter(there.values()))
    raise BadInput(
        f"{named} takes the parameters of a strategy, and the session has {len(there)}: use a class "
        "whose name is one of them, or a factory that takes none"
    )


def _wrong(named: Named, what: str, error: Exception) -> BadInput:
    told = " ".join(f"{type(error).__name__}: {error}".split())
    return BadInput(f"{named} cannot be {what}: {told}")
