"""What is not imported before it is needed. Processes are started, and say what they have imported.

The doors: replay, opened and then played; and a live engine, opened without network. What such a start
takes of time and memory is measured by the benchmarks, form f; here is why it takes no more.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final

import pytest

REPLAY: Final = """
import json, sys
import trio
import tapefold

async def main():
    async with tapefold.open_engine(tapefold.bundled(), mode="replay") as engine:
        opened = [*sys.modules]
        await engine.ended()
        print(json.dumps([opened, [*sys.modules]]))

trio.run(main)
"""
LIVE: Final = """
import json, sys
import trio
import tapefold

def stay(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise ConnectionRefusedError(event)

async def main():
    async with tapefold.open_engine(tapefold.Live(("binance",))):
        opened = [*sys.modules]
        print(json.dumps([opened, opened]))

sys.addaudithook(stay)
trio.run(main)
"""
VERSION: Final = """
import json, sys
from tapefold.cli import main

try:
    main(["--version"])
except SystemExit:
    print(json.dumps([[*sys.modules], []]))
"""
TERMINAL: Final = {
    "rich": "draws tables on a terminal",
    "pygments": "comes with rich",
}
RECORDED: Final = {
    "yaml": "reads and writes http.yaml: as long as a quarter of our own modules",
    "vcr": "reads http.yaml for mock mode",
    "cryptography": "signs orders, and only with Ed25519",
    "trio_websocket": "is the fake exchange's side of a WebSocket",
    "wsproto": "comes with trio-websocket",
    "asyncio": "comes with vcrpy: trio needs none of it",
    "tapefold.guard": "masks what is recorded",
    "tapefold.record": "writes what is recorded",
    "tapefold.mock": "is the fake exchange of a session",
    "tapefold.stub": "is a fake exchange without a session",
    "tapefold.peer": "is a server's side of a WebSocket",
    "tapefold.overlay": "makes sessions of sessions",
    "tapefold.sim": "is the simulated exchange, which made the bundled session",
    "tapefold.scenario": "acts files of scenarios",
    "tapefold.testing": "is for tests",
    "tapefold.plugin": "is for tests",
    "tapefold.inquiry": "answers questions about the past",
    "tapefold.cli": "is for people",
    "tapefold_adapters.binance.sim": "is the simulated exchange's language",
    "pytest": "is for tests",
    "hypothesis": "is for tests",
    "numpy": "nothing of ours needs it",
}
"""What neither a replay nor a live engine needs that records nothing."""
WIRED: Final = {
    "httpx": "speaks HTTP: a tenth of a second, since it imports what its own command needs as well",
    "httpcore": "comes with httpx",
    "anyio": "comes with httpx",
    "h11": "reads HTTP",
    "click": "reads command lines",
    "tapefold.wire": "speaks to exchanges",
    "tapefold.engine.connected": "is an engine among real exchanges",
    "tapefold.engine.mocked": "is an engine before a fake one",
}
"""What a replay needs even less."""
LATE: Final = RECORDED | WIRED | TERMINAL
ABSENT: Final = {"numpy"}
"""What need not even be installed."""


def imported(program: str) -> tuple[set[str], set[str]]:
    """What a process has imported when it has opened its engine, and when it has used it."""
    ours = ("MOCK_API_ENABLED", "PYTHONSTARTUP", "PYTHONINSPECT")
    env = {name: value for name, value in os.environ.items() if name not in ours}
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    opened, used = json.loads(done.stdout.splitlines()[-1])
    return set(opened), set(used)


@pytest.fixture(scope="module")
def replay() -> tuple[set[str], set[str]]:
    return imported(REPLAY)


def too_early(modules: set[str], late: Mapping[str, str]) -> dict[str, str]:
    """Which of these are there, and what they are for."""
    return {name: what for name, what in late.items() if name in modules}


def test_opening_a_replay_imports_nothing_that_it_has_no_use_for(
    replay: tuple[set[str], set[str]],
) -> None:
    assert too_early(replay[0], LATE) == {}


def test_a_replay_imports_yaml_when_it_reads_the_first_answer_and_nothing_else(
    replay: tuple[set[str], set[str]],
) -> None:
    assert {*too_early(replay[1], LATE)} == {"yaml"}


def test_a_live_engine_that_records_nothing_imports_nothing_that_records() -> None:
    modules, _ = imported(LIVE)
    assert too_early(modules, RECORDED) == {}
    assert "httpx" in modules


def test_the_version_is_told_without_any_command() -> None:
    modules, _ = imported(VERSION)
    late = {name: what for name, what in LATE.items() if name not in ("click", "tapefold.cli")}
    assert too_early(modules, late) == {}
    ours = {name for name in modules if name.startswith("tapefold.cli.")}
    assert ours == {"tapefold.cli.failures", "tapefold.cli.options", "tapefold.cli.terminal"}


def test_what_is_not_imported_could_be() -> None:
    """A name that nothing has would be asserted about in vain."""
    assert [name for name in LATE if name not in ABSENT and find_spec(name) is None] == []
