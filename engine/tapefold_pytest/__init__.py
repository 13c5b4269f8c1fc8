"""What pytest loads of tapefold: options, one marker, and fixtures that are only names until they are used.

It stands beside the package and not in it: importing `tapefold.anything` imports the engine and trio,
and whoever has tapefold installed would pay that in every run of pytest. What is behind each name is in
`tapefold.plugin`, imported by the first test that asks for it. `-p no:tapefold` turns all of it off.
"""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from tapefold.plugin import Engines, Expect, MockExchange, Sessions, Sims

GUARD: Final = "tapefold_guard"
"""A fixture, and the option that says which tests are kept on this machine."""
OFFLINE: Final = "tapefold_offline"
LEVELS: Final = ("all", "ours", "off")
_FOLDERS: Final = ["scenarios"]
"""Where scenarios are if nothing is said; that nothing was is seen by getting this very list."""
_TROUBLED: Final = pytest.StashKey[bool]()
"""Of a test: it failed or was skipped, so nobody may ask whether it did all it was to do."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of an ini file; each has a default."""
    parser.addini(
        "tapefold_scenarios",
        "folders whose *.toml are scenarios, by name or as ends of paths; empty: none",
        type="args",
        default=_FOLDERS,
    )
    parser.addini(
        "tapefold_cassettes", "the folder of sessions, from the root", default="cassettes"
    )
    parser.addini(
        GUARD,
        "which tests are kept on this machine: all, ours (those that use tapefold) or off",
        default="ours",
    )


def pytest_configure(config: pytest.Config) -> None:
    """One marker. Raises `pytest.UsageError` for an option that means nothing."""
    config.addinivalue_line(
        "markers", f"{OFFLINE}: the test is kept on this machine (tapefold); loopback is free"
    )
    if config.getini(GUARD) not in LEVELS:
        raise pytest.UsageError(
            f"{GUARD} is one of {', '.join(LEVELS)}, not {config.getini(GUARD)!r}"
        )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A scenario file's tests."""
    if file_path.suffix != ".toml" or not _is_ours(file_path, parent):
        return None
    from tapefold.plugin.collecting import scenario_file

    return scenario_file(parent, file_path)


def _is_ours(path: Path, parent: pytest.Collector) -> bool:
    """Whether the project says so; else it must be found or named where one can be, and look like one."""
    of_scenarios = _is_of_scenarios(path, parent.config)
    if of_scenarios and parent.config.getini("tapefold_scenarios") is not _FOLDERS:
        return True
    if not (of_scenarios or parent.session.isinitpath(path)):
        return False
    from tapefold_pytest.looking import looks_like_a_scenario

    return looks_like_a_scenario(path)


def _is_of_scenarios(path: Path, config: pytest.Config) -> bool:
    """Whether its folder is one of those."""
    folder = path.parent.parts
    for given in config.getini("tapefold_scenarios"):
        end = Path(given).parts
        if end and folder[-len(end) :] == end:
            return True
    return False


# Kept on this machine: each of the three parts of a test has a guard of its own, so a failure is told of
# the part that it was in.


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Setting up."""
    return (yield from _guarded(item))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """The test."""
    return (yield from _guarded(item))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """What is done after it."""
    return (yield from _guarded(item))


def _guarded(item: pytest.Item) -> Generator[None, None, None]:
    """What is wrapped, under a guard where there is to be one."""
    level = item.config.getini(GUARD)
    ours = GUARD in getattr(item, "fixturenames", ()) or item.get_closest_marker(OFFLINE)
    if level != "all" and not ours:
        return (yield)
    from tapefold.plugin.guarding import guard

    with guard(level):
        return (yield)


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Keep in mind that a test did not come to its end."""
    if call.excinfo is not None:
        item.stash[_TROUBLED] = True


# Fixtures. None asks for another that a project may have one of its own of, by the same name.


@pytest.fixture(name=GUARD)
def guard_fixture(pytestconfig: pytest.Config) -> Generator[None, None, None]:
    """Nothing leaves this machine while it is there; all of ours ask for it, and so may yours."""
    from tapefold.plugin.guarding import guard

    with guard(pytestconfig.getini(GUARD)):
        yield


def _sessions(request: pytest.FixtureRequest) -> "Sessions":
    from tapefold.plugin import Sessions

    root = request.config.rootpath
    cassettes = root / request.config.getini("tapefold_cassettes")
    return Sessions(cassettes, (request.path.parent, root))


def _no_sockets_without_time(request: pytest.FixtureRequest) -> None:
    """A clock that jumps when nobody has anything to do knows of no socket. Fails the test."""
    if "autojump_clock" in request.fixturenames:
        pytest.fail(
            f"{request.fixturename} speaks over sockets, and autojump_clock does not wait for them: leave "
            "the clock out, or use `engine`, or tapefold.testing.open_virtual",
            pytrace=False,
        )


@pytest.fixture
def session(tapefold_guard: None, request: pytest.FixtureRequest) -> "Sessions":
    """`session("binance/monday")` is a recorded session; `session()` the one that tapefold brings."""
    return _sessions(request)


@pytest.fixture
def mock_exchange(
    tapefold_guard: None, request: pytest.FixtureRequest
) -> "Generator[MockExchange]":
    """`mock_exchange("binance/monday")` serves a session, or presets, to any client on loopback.

    When the test is over it must have done what is on the tape, or was preset, and nothing else.
    """
    _no_sockets_without_time(request)
    from tapefold.plugin import MockExchange

    made = MockExchange(_sessions(request))
    yield made
    _tell(made.close(judge=not request.node.stash.get(_TROUBLED, False)))


@pytest.fixture
def sim(tapefold_guard: None, request: pytest.FixtureRequest) -> "Generator[Sims]":
    """`sim("binance", seed=7)` serves a simulated exchange, with an account, to any client on loopback."""
    _no_sockets_without_time(request)
    from tapefold.plugin import Sims

    made = Sims()
    yield made
    _tell(made.close(judge=not request.node.stash.get(_TROUBLED, False)))


def _tell(complaints: list[str]) -> None:
    """Fail for what was found at the end, as text: there is no one line of the test to show."""
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


@pytest.fixture
def engine(
    tapefold_guard: None, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> "Engines":
    """Engines for trio in mock mode.

    `async with engine("binance/monday") as e:` has one for a block. With `autojump_clock` it is in virtual
    time, without sockets. MOCK_API_ENABLED is set during the test.
    """
    from tapefold.plugin import Engines

    monkeypatch.setenv("MOCK_API_ENABLED", "true")
    virtual = "autojump_clock" in request.fixturenames
    return Engines(_sessions(request), "virtual" if virtual else "mock")


@pytest.fixture
def expect(tapefold_guard: None, request: pytest.FixtureRequest) -> "Generator[Expect]":
    """What is to be in a log.

    `await expect(e).event(OrderFilled)` waits for it; of a log that is finished, without `await`.
    """
    from tapefold.plugin import Expect

    made = Expect()
    yield made
    forgotten = made.close()
    if not request.node.stash.get(_TROUBLED, False):
        _tell(forgotten)
