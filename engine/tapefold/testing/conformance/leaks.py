"""Traps for what a pure function does not do: clocks, chance, the environment, files, the network.

Python tells an audit hook of files, sockets and processes, and a profile function of each function in C
that is called, such as `time.time`. Both see it whoever calls, at any depth, and nothing is patched.
What an adapter's modules import is read from their source.
"""

import ast
import gc
import inspect
import os
import random
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib.util import resolve_name
from threading import get_ident
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Final

from tapefold.adapter import Adapter

_EVENTS: Final = (
    "open",
    "socket.",
    "os.",
    "subprocess.",
    "shutil.",
    "tempfile.",
    "sqlite3.",
    "urllib.",
    "ctypes.",
    "pty.",
    "signal.",
)
"""Audit events that say: it leaves its own memory."""
_MODULES: Final = {
    "time": "reads the clock",
    "_random": "draws chance",
    "random": "draws chance",
    "_thread": "starts a thread, or waits for one",
    "_socket": "uses a socket",
    "_uuid": "draws chance",
    "select": "waits for sockets",
}
"""Modules in C none of whose functions an adapter calls, and what those do."""
_FUNCTIONS: Final = {
    ("posix", "urandom"): "draws chance",
    ("nt", "urandom"): "draws chance",
    ("posix", "getrandom"): "draws chance",
    ("posix", "getpid"): "asks for its process",
    ("posix", "stat"): "looks at a file",
    ("posix", "getcwd"): "asks for its folder",
}
_CLOCKS: Final = ("now", "utcnow", "today")
"""Methods of `datetime` and `date` that read the clock."""
_STRPTIME: Final = ("strptime", "mktime", "gmtime", "strftime", "struct_time")
"""Of the module `time`: what calculates only, where it is given what to calculate with."""
_BANNED: Final = frozenset(
    {
        "time",
        "random",
        "secrets",
        "os",
        "socket",
        "ssl",
        "threading",
        "multiprocessing",
        "subprocess",
        "asyncio",
        "trio",
        "anyio",
        "httpx",
        "requests",
        "aiohttp",
        "urllib.request",
        "http.client",
        "tempfile",
        "pathlib",
        "sqlite3",
    }
)
"""Modules that an adapter has no use for."""
_ENVIRONMENT: Final[frozenset[CodeType]] = frozenset(
    {os.getenv.__code__, type(os.environ).__getitem__.__code__, type(os.environ).__iter__.__code__}
)
_DEPTH: Final = 4


class _Hook:
    """One for the process; it notes while somebody is watched."""

    def __init__(self) -> None:
        self.added = False
        self.noted: list[str] | None = None
        self.thread = 0
        """The one that is watched."""

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.noted is None or not event.startswith(_EVENTS):
            return
        if get_ident() == self.thread:
            first = arguments[0] if arguments else ""
            self.noted.append(f"leaves its own memory: {event} {first!r:.60}")


_hook = _Hook()


@contextmanager
def trapped() -> Generator[list[str]]:
    """While it lasts, what is called is watched; the list says what it did that is not pure."""
    if not _hook.added:
        sys.addaudithook(_hook)
        _hook.added = True
    noted: list[str] = []

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if frame.f_code in _OURS:
            return
        if event == "c_call":
            if leak := _leak(argument):
                noted.append(leak)
        elif event == "call" and frame.f_code in _ENVIRONMENT:
            noted.append("reads the environment")

    before, collects = sys.getprofile(), gc.isenabled()
    gc.disable()  # others' finalizers and callbacks would run here, and read a clock on our account
    _hook.noted, _hook.thread = noted, get_ident()
    sys.setprofile(profile)
    try:
        yield noted
    finally:
        sys.setprofile(before)
        _hook.noted = None
        if collects:
            gc.enable()


_OURS: Final = frozenset({_Hook.__call__.__code__, trapped.__wrapped__.__code__})  # type: ignore[attr-defined]  # functools.wraps gives it


def _leak(function: Any) -> str:
    """What a function in C does that is not pure; empty for nothing."""
    module, name = getattr(function, "__module__", "") or "", getattr(function, "__name__", "")
    if module == "time" and name in _STRPTIME:
        return ""
    if module in _MODULES:
        return f"{_MODULES[module]}: {module}.{name}"
    owner = getattr(function, "__self__", None)
    if isinstance(owner, random.Random):
        return f"draws chance: {name}"
    if isinstance(owner, type) and owner.__module__ == "datetime" and name in _CLOCKS:
        return f"reads the clock: {owner.__name__}.{name}"
    if (module, name) in _FUNCTIONS:
        return f"{_FUNCTIONS[module, name]}: {name}"
    return ""


# What is in the source


def imported_leaks(adapter: Adapter) -> Iterator[str]:
    """What an adapter's modules import that a pure function has no use for."""
    for module in modules_of(adapter):
        for name in sorted(_imports(module)):
            if name in _BANNED or name.partition(".")[0] in _BANNED - {"os"}:
                yield f"{module.__name__} imports {name}, which no adapter has a use for"


def modules_of(adapter: Adapter) -> list[ModuleType]:
    """The modules that an adapter is made of: its class's, and those of its package that they import."""
    own = [base.__module__ for base in type(adapter).__mro__]
    found: dict[str, ModuleType] = {}
    ahead = [name for name in own if not name.startswith(("builtins", "typing", "tapefold."))]
    home = {name.rpartition(".")[0] for name in ahead} - {""}
    while ahead:
        name = ahead.pop()
        module = sys.modules.get(name)
        if module is None or name in found:
            continue
        found[name] = module
        ahead += [each for each in _imports(module) if each.rpartition(".")[0] in home]
    return [*found.values()]


def _imports(module: ModuleType) -> set[str]:
    """All that a module imports, but for its type checker alone."""
    try:
        tree = ast.parse(inspect.getsource(module))
    except (OSError, TypeError, SyntaxError):
        return set()
    skipped = {id(node) for branch in ast.walk(tree) if _for_types(branch) for node in _in(branch)}
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(_whole(node, module))
    return names


def _in(branch: ast.AST) -> Iterator[ast.AST]:
    for node in branch.body if isinstance(branch, ast.If) else ():
        yield from ast.walk(node)


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def _whole(node: ast.ImportFrom, module: ModuleType) -> str:
    relative = "." * node.level + (node.module or "")
    return resolve_name(relative, module.__package__) if node.level else relative


def state_of(adapter: Adapter) -> dict[str, str]:
    """What an adapter's modules hold, by name: their values, and those of their classes."""
    return {
        f"{module.__name__}.{name}": _shown(value, _DEPTH)
        for module in modules_of(adapter)
        for name, value in vars(module).items()
        if not name.startswith("__") and not isinstance(value, ModuleType | FunctionType)
    }


def _shown(value: Any, depth: int) -> str:
    """A value and what is in it, so far down."""
    if depth == 0 or isinstance(value, str | bytes | int | float | FunctionType | property):
        return repr(value)
    if isinstance(value, dict):
        return str([(repr(key), _shown(inner, depth - 1)) for key, inner in value.items()])  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - whatever a module holds
    if isinstance(value, list | tuple):
        return str([_shown(inner, depth - 1) for inner in value])  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - whatever a module holds
    if isinstance(value, set | frozenset):
        return str(sorted(map(repr, value)))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - whatever a module holds
    inner = getattr(value, "__dict__", None)
    if isinstance(inner, dict) or isinstance(value, type):
        own = {k: v for k, v in vars(value).items() if not k.startswith("__")}
        return f"{value!r} {_shown(own, depth - 1)}"
    return repr(value)
