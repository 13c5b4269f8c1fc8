"""What a stranger does wrong with the pytest plugin is told in a line; pytest within pytest tries it.

No server here: engines are in virtual time, scenarios only collected. asyncio is that of anyio.
"""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias, cast

import pytest
from scripts import asked, session

from tapefold import BadInput, BookInvalidated, Engine, Log, OrderEnded, OrderFilled, SessionError
from tapefold.log.store import in_memory
from tapefold.plugin import Expect, Expectation, Sessions
from tapefold.plugin.collecting import ScenarioFile
from tapefold.scenario import Scenario, reading
from tapefold_pytest.looking import WORDS, looks_like_a_scenario

pytest_plugins = ["pytester"]
Pytester: TypeAlias = pytest.Pytester
Run: TypeAlias = Callable[..., pytest.RunResult]
WITHIN = (ScenarioFile, reading, Engine)
"""Imported here: what is first imported by a pytest within is forgotten after it, and made anew."""
STORY = """\
title = "A story"
exchanges = ["binance"]
given.balances = {USDT = 1000}
given.markets.BTC-USDT = {bids = [[50000, 1]], asks = [[50010, 1]]}
when = [{submit = {order = "bid", side = "buy", amount = 0.01, price = 49000}}]
then.told.bid = [{event = "OrderAccepted"}]
"""
THEIRS = '[load]\nusers = 10\ntitle = "Ramp up"\n'
UNDER_TRIO = (
    "`engine` runs under trio (pytest-trio, or anyio with trio); "
    "under asyncio use `sim` or `mock_exchange`"
)


@pytest.fixture
def run(pytester: Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest in this process, in its folder."""
    for name in ("MOCK_API_ENABLED", "CI", "BUILD_NUMBER"):  # in CI pytest says things twice
        monkeypatch.delenv(name, raising=False)

    def inner(*options: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-W", "error", *options)

    return inner


def text(result: pytest.RunResult) -> str:
    return result.stdout.str()


def put(pytester: Pytester, name: str, content: str) -> Path:
    path = pytester.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


# Files of somebody else's


def test_a_toml_of_somebody_else_s_in_a_folder_of_that_name_is_left_alone(
    run: Run, pytester: Pytester
) -> None:
    put(pytester, "scenarios/Load.toml", THEIRS)
    put(pytester, "scenarios/broken.toml", "users = = 10\n")
    put(pytester, "scenarios/empty.toml", "")
    (pytester.path / "scenarios" / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    put(pytester, "scenarios/deep.toml", f"a = {'[' * 100_000}")
    put(pytester, "test_theirs.py", "def test_theirs(): pass\n")
    run().assert_outcomes(passed=1)


def test_beside_those_a_scenario_is_still_a_test(run: Run, pytester: Pytester) -> None:
    put(pytester, "scenarios/Load.toml", THEIRS)
    put(pytester, "scenarios/bid.toml", STORY)
    result = run("-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["scenarios/bid.toml::binance-simulator PASSED*"])


@pytest.mark.parametrize(
    "content",
    [
        "#:schema ./scenario.schema.json\n",
        'title = "A"\n[given]\nbalnces = {}\n',
        'title = "A"\nthen = {}\nwhenn = 1\n',
        "[given]\n[[when]]\nsubmit = {}\n",
        'title = "A\n[[when]]\n',
        'title = "A"\nwhen.x = = 2\n',
        "\ufefftitle = 'A'\n[then]\nx = 1\n",
    ],
)
def test_what_is_meant_as_a_scenario_is_one_even_if_it_is_wrong(
    content: str, run: Run, pytester: Pytester
) -> None:
    """So that a slip of the pen does not take a test away unseen."""
    path = put(pytester, "scenarios/slip.toml", content)
    assert looks_like_a_scenario(path)
    result = run()
    result.assert_outcomes(errors=1)
    assert f"{path}:" in text(result)
    assert "tapefold_scenarios" not in text(result)


@pytest.mark.parametrize(
    "content",
    [
        THEIRS,
        'title = "A"\n',
        'title = "A"\nexchanges = ["binance"]\n',
        "[given]\nx = 1\n[load]\n",
        "a = = 1\n[given]\n",
        "title = = 1\n[load]\n",
        "#:schema ./load.schema.json\n",
        "text = '''\n#:schema ./scenario.schema.json\n'''\n",
    ],
)
def test_what_is_not_is_none(content: str, tmp_path: Path) -> None:
    path = tmp_path / "their.toml"
    path.write_text(content)
    assert not looks_like_a_scenario(path)
    assert not looks_like_a_scenario(tmp_path / "none.toml")


def test_the_words_it_is_known_by_are_those_of_a_scenario() -> None:
    assert {*Scenario.__struct_fields__} == WORDS


def test_in_a_folder_that_the_project_named_it_is_an_error_with_the_cure(
    run: Run, pytester: Pytester
) -> None:
    path = put(pytester, "scenarios/load.toml", THEIRS)
    pytester.makeini("[pytest]\ntapefold_scenarios = scenarios\n")
    result = run()
    result.assert_outcomes(errors=1)
    (line,) = [line for line in result.outlines if line.startswith(f"{path}:")]
    assert line.endswith(
        ": it does not look like a scenario: keep it elsewhere, or name other folders in "
        "`tapefold_scenarios` in the ini file"
    )
    assert ".py" not in text(result)


def test_no_folder_named_is_no_folder_looked_in(run: Run, pytester: Pytester) -> None:
    path = put(pytester, "scenarios/bid.toml", STORY)
    pytester.makeini("[pytest]\ntapefold_scenarios =\n")
    assert run().ret == pytest.ExitCode.NO_TESTS_COLLECTED
    run(str(path)).assert_outcomes(passed=1)


def test_a_scenario_that_is_named_is_run_wherever_it_stands(run: Run, pytester: Pytester) -> None:
    put(pytester, "lone.toml", STORY)
    put(pytester, "other.toml", THEIRS)
    run("lone.toml").assert_outcomes(passed=1)
    run("lone.toml::binance-simulator").assert_outcomes(passed=1)
    assert run().ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert run("other.toml").ret == pytest.ExitCode.USAGE_ERROR


# Engines outside of trio


def test_an_engine_under_asyncio_is_refused_in_a_line(run: Run, pytester: Pytester) -> None:
    pytester.makepyfile(
        """
import asyncio, pytest
@pytest.fixture
def anyio_backend(): return "asyncio"
@pytest.mark.anyio
async def test_anyio(engine):
    async with engine() as e:
        pass
def test_plain(engine):
    async def main():
        async with engine() as e:
            pass
    asyncio.run(main())
"""
    )
    result = run()
    result.assert_outcomes(failed=2)
    assert text(result).count(f".BadInput: {UNDER_TRIO}\n") == 2
    assert "trio/_core" not in text(result)
    assert "engines.py" not in text(result)


def test_under_anyio_with_trio_an_engine_is_there(run: Run, pytester: Pytester) -> None:
    pytester.makepyfile(
        """
import pytest
from tapefold import BookSnapshot
@pytest.fixture
def anyio_backend(): return "trio"
@pytest.mark.anyio
async def test_anyio(engine, expect):
    async with engine(mode="replay") as e:
        await expect(e).event(BookSnapshot)
"""
    )
    run("-p", "no:trio").assert_outcomes(passed=1)


def test_an_engine_is_entered_with_async(run: Run, pytester: Pytester) -> None:
    pytester.makepyfile("def test_a(engine):\n    with engine() as e:\n        pass\n")
    result = run()
    result.assert_outcomes(failed=1)
    said = "E *BadInput: `engine` is entered with `async with`, in an `async def` test under trio;*"
    result.stdout.fnmatch_lines([said])
    assert "engines.py" not in text(result)


def test_expectations_of_an_engine_are_refused_under_asyncio() -> None:
    async def main(log: Expectation) -> None:
        with pytest.raises(BadInput, match=r"^`await expect\(engine\)` runs under trio"):
            await log.event(BookInvalidated)
        with pytest.raises(BadInput, match=r"^`await expect\(engine\)` runs under trio"):
            await log.sequence([BookInvalidated])

    asyncio.run(main(Expectation(cast("Engine", None), 0)))


# Expectations


def test_an_expectation_that_nobody_awaits_fails_by_name(run: Run, pytester: Pytester) -> None:
    pytester.makepyfile(
        """
from tapefold import BookInvalidated, BookSnapshot
async def test_forgotten(engine, expect, autojump_clock):
    async with engine() as e:
        log = expect(e)
        log.event(BookInvalidated, reason="gap")
        await log.event(BookSnapshot)
        log.sequence([BookSnapshot, (BookInvalidated, {"reason": "gap"})])
async def test_awaited(engine, expect, autojump_clock):
    async with engine() as e:
        later = expect(e).event(BookInvalidated, reason="gap")
        await later
async def test_failed_before(engine, expect, autojump_clock):
    async with engine() as e:
        expect(e).event(BookInvalidated)
        assert False
"""
    )
    pytester.makeini("[pytest]\ntrio_mode = true\n")
    result = run()
    result.assert_outcomes(passed=2, failed=1, errors=1)
    said = text(result)
    assert "ERROR at teardown of test_forgotten " in said
    assert (
        "\nnever awaited: event(BookInvalidated reason=gap): say `await`, or it is not looked for\n"
        in said
    )
    assert (
        "\nnever awaited: sequence(BookSnapshot, BookInvalidated reason=gap): say `await`" in said
    )
    assert said.count("never awaited") == 2
    assert "RuntimeWarning" not in said


@pytest.mark.parametrize("log", [Expect()([]), Expectation(cast("Engine", None), 0)])
def test_what_is_no_class_of_events_is_refused_at_once(log: Any) -> None:
    for call in (log.event, log.no):
        with pytest.raises(TypeError) as found:
            call("BookInvalidated")
        assert str(found.value) == (
            "'BookInvalidated' is no class of events: say the class itself, "
            "`from tapefold.events import BookInvalidated`"
        )
    with pytest.raises(TypeError, match=r"^'nothing' is no class of events: say .* OrderFilled`$"):
        log.event("nothing")
    with pytest.raises(TypeError, match=r"^<class 'int'> is no class of events"):
        log.sequence([OrderFilled, int])
    with pytest.raises(TypeError, match=r"^'OrderEnded' is no class of events.*OrderEnded`$"):
        log.event(OrderFilled, before="OrderEnded")
    with pytest.raises(TypeError, match=r"^the fields of OrderFilled are a dict, not 1$"):
        log.sequence([(OrderFilled, 1)])
    with pytest.raises(TypeError, match=r"^OrderFilled has no 'amout': perhaps 'amount'$"):
        log.event(OrderFilled, amout=Decimal(1), before=(OrderEnded,))


def test_what_can_have_no_events_in_it_is_refused() -> None:
    expect: Any = Expect()
    for source in ("log.db", 7, Sessions):
        with pytest.raises(TypeError, match=r"^expect takes an engine that is open .*, not "):
            expect(source)
    with pytest.raises(AssertionError):
        expect(Log(in_memory())).event(OrderFilled)


# Sessions


def test_a_session_that_is_not_there_names_all_that_are(tmp_path: Path) -> None:
    cassettes, tests = tmp_path / "cassettes", tmp_path / "tests"
    find = Sessions(cassettes, (tests, tmp_path))
    with pytest.raises(SessionError, match=r"^there is no session 'nope': .*cassettes has none; "):
        find("nope")
    for folder in ("binance/one", "alone", "several/a/b"):
        (cassettes / folder).parent.mkdir(parents=True, exist_ok=True)
        session(cassettes / folder, [asked(1, "GET", "/a")])
    with pytest.raises(SessionError) as found:
        find("nope")
    assert str(found.value) == (
        f"there is no session 'nope': {cassettes} has alone, binance/one, several/a/b; "
        "without a name it is the bundled one"
    )
    for n in range(9):
        session(cassettes / "binance" / f"day-{n}", [asked(1, "GET", "/a")])
    with pytest.raises(SessionError, match=r"cassettes has several/a/b, alone, .* and 4 more; "):
        find("several/a/c")
