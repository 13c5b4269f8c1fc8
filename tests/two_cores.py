"""The compiled core and its definition, each as a whole, and an engine that runs on the one or the other.

Importing this skips the test module that does, with its reason, where the core was not built.
"""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from msgspec import Raw

from tapefold.adapter import load_adapter
from tapefold.core.folding import fold_events
from tapefold.core.half import Half
from tapefold.core.levels import pack_levels, pack_sides
from tapefold.core.plain import Plain
from tapefold.units import scaled

_core: Any = pytest.importorskip("tapefold._core", reason="the compiled core was not built")
_NAMES: Final = ("Half", "Plain", "fold_events", "pack_levels", "pack_sides", "scaled")
_WRITTEN: Final = {
    *("tapefold._core", "tapefold.units"),
    *(f"tapefold.core.{each}" for each in ("folding", "half", "levels", "plain")),
}
"""Where the two are written; everywhere else their names are of the one that runs."""

OFTEN: Final = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Core(NamedTuple):
    """One of the two."""

    Half: Any
    Plain: Any
    fold_events: Any
    pack_levels: Any
    pack_sides: Any
    scaled: Any


NATIVE: Final = Core(*(getattr(_core, name) for name in _NAMES))
DEFINITION: Final = Core(Half, Plain, fold_events, pack_levels, pack_sides, scaled)
_USED: Final = {
    "tapefold.folds.book.Half",
    "tapefold.views.fold_events",
    "tapefold_adapters.binance.exchange.Plain",
    "tapefold_adapters.binance.messages.pack_levels",
    "tapefold_adapters.binance.streams.pack_sides",
}
"""Where they are known at least."""


@cache
def _places() -> tuple[tuple[ModuleType, str, int], ...]:
    """Where one of them is known by its name, and which of them it is."""
    load_adapter("binance")  # what is to run on a core must be there
    found: list[tuple[ModuleType, str, int]] = []
    for path, module in sys.modules.items():
        if not path.startswith("tapefold") or path in _WRITTEN:
            continue
        found += [(module, name, n) for n, name in enumerate(_NAMES) if name in vars(module)]
    assert {f"{module.__name__}.{name}" for module, name, _ in found} >= _USED
    return tuple(found)


@contextmanager
def running(core: Core) -> Generator[None]:
    """All of the engine, and the adapter, on this one; what was made before keeps what it has."""
    before = [(module, name, getattr(module, name)) for module, name, _ in _places()]
    try:
        for module, name, which in _places():
            setattr(module, name, core[which])
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


@contextmanager
def alone() -> Generator[None]:
    """The compiled core without its definition: so what it does is its own."""

    def asked(*_: object) -> object:
        raise AssertionError("the compiled core asked its definition")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("_pack_levels", "_pack_sides", "_scaled", "unpack"):
            patch.setattr(_core, name, asked)
        yield


def outcome(call: Callable[..., object], *arguments: object) -> tuple[Any, ...]:
    """What a call gives, or how it is refused: two that are equal cannot be told apart by a caller."""
    try:
        given = call(*arguments)
    except Exception as error:  # any: that it is the same one is the point
        return type(error), str(error), getattr(error, "digits", None)
    return type(given), bytes(given) if isinstance(given, Raw) else given


def same(name: str, *arguments: object) -> tuple[Any, ...]:
    """What both cores give, or how both refuse it."""
    native = outcome(getattr(NATIVE, name), *arguments)
    assert native == outcome(getattr(DEFINITION, name), *arguments)
    return native
