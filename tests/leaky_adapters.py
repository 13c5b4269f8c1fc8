"""Adapters that are not pure: each a module of its own, with one line in decode that leaks.

Those that hide what they import are there to be caught while they run, not by their source.
"""

import importlib.util
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tapefold.adapter import Adapter

_MODULE = """
import itertools
{imports}
from tapefold_adapters.binance import binance

COUNT = itertools.count()
SEEN = {{}}
{globals}

class Leaky:
    total = 0
    def __init__(self):
        self._good = binance()
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._good, name)
    def decode(self, frame, known):
        events = self._good.decode(frame, known)
        {leak}
        return events

def adapter():
    return Leaky()
"""
LEAKS: dict[str, tuple[str, str, str, str]] = {
    # By name: what the module imports, its globals, the leak, and what must be said of it.
    "clock": ("import time", "", "time.time_ns()", "reads the clock: time.time_ns"),
    "hidden_clock": ("", "", "__import__('time').time()", "reads the clock: time.time"),
    "monotonic": ("", "", "__import__('time').monotonic_ns()", "reads the clock"),
    "datetime": (
        "import datetime",
        "",
        "datetime.datetime.now(datetime.UTC)",
        "reads the clock: datetime.now",
    ),
    "date": ("import datetime", "", "datetime.date.today()", "reads the clock: date.today"),
    "uuid": ("import uuid", "", "str(uuid.uuid4())", "draws chance"),
    "uuid1": ("import uuid", "", "str(uuid.uuid1())", "draws chance"),
    "random": ("import random", "", "random.random()", "draws chance"),
    "hidden_random": ("", "", "__import__('random').randrange(9)", "draws chance"),
    "own_random": ("", "", "__import__('random').Random(1).random()", "draws chance"),
    "secrets": ("import secrets", "", "secrets.token_hex(4)", "draws chance"),
    "urandom": ("", "", "__import__('os').urandom(4)", "draws chance"),
    "environment": ("", "", "__import__('os').environ.get('HOME')", "reads the environment"),
    "getenv": ("", "", "__import__('os').getenv('HOME')", "reads the environment"),
    "file": ("", "", "open(__file__).close()", "leaves its own memory: open"),
    "path": ("", "", "__import__('os').listdir('.')", "leaves its own memory: os.listdir"),
    "stat": ("", "", "__import__('os').stat('.')", "looks at a file"),
    "socket": ("", "", "__import__('socket').socket().close()", "leaves its own memory: socket"),
    "lookup": (
        "",
        "",
        "__import__('socket').getaddrinfo('127.0.0.1', 80)",
        "leaves its own memory: socket.getaddrinfo",
    ),
    "process": ("", "", "__import__('os').getpid()", "asks for its process"),
    "thread": ("", "", "__import__('threading').Thread(target=int).start()", "starts a thread"),
    "sleep": ("", "", "__import__('time').sleep(0)", "reads the clock: time.sleep"),
    "counter": ("", "", "next(COUNT)", "COUNT of its module has changed"),
    "memory": ("", "", "SEEN[len(SEEN)] = 1", "SEEN of its module has changed"),
    "class_state": ("", "", "type(self).total += 1", "Leaky of its module has changed"),
    "global_list": ("", "LAST = []", "LAST[:] = [frame.time]", "LAST of its module has changed"),
    "remembers": (
        "",
        "",
        "events = events if self.__dict__.setdefault('n', []).append(1) or len(self.n) % 7 else ()",
        "asked again it gave something else",
    ),
    "known_changed": ("", "", "known.pop('ETHUSDT', None)", "it changed what it was given"),
    "imports_httpx": ("import httpx", "", "None", "imports httpx"),
    "imports_threading": ("from threading import Lock", "", "None", "imports threading"),
}


@contextmanager
def leaky(name: str) -> Generator[Adapter]:
    """The adapter that leaks so, imported from a module of its own."""
    imports, state, leak, _ = LEAKS[name]
    module = f"leaky_{name}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{module}.py"
        path.write_text(_MODULE.format(imports=imports, globals=state, leak=leak))
        spec = importlib.util.spec_from_file_location(module, path)
        assert spec is not None
        assert spec.loader is not None
        made = importlib.util.module_from_spec(spec)
        sys.modules[module] = made
        try:
            spec.loader.exec_module(made)
            yield made.adapter()
        finally:
            del sys.modules[module]
