"""The pytest plugin, tried by pytest within pytest; servers are on loopback, engines mocked or virtual.

Scenarios are acted by fakes here, since only how they are collected and shown is in question; one is real.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

import pytest
from scripts import answered, asked, hung_up, session, up

from tapefold import ZERO, BadInput, OrderAccepted, OrderCanceled, OrderEnded, OrderFilled, Record
from tapefold.events import AnyEvent
from tapefold.plugin import Expect, Reading, Served
from tapefold.plugin.collecting import ScenarioFile
from tapefold.scenario import Failed, Outcome, Place, Told, Way, reading, running
from tapefold.testing import LeftTheMachine, no_network

pytest_plugins = ["pytester"]
Pytester: TypeAlias = pytest.Pytester
Patch: TypeAlias = pytest.MonkeyPatch
Run: TypeAlias = Callable[..., pytest.RunResult]
WITHIN = (ScenarioFile, reading)
"""Imported here: what is first imported by a pytest within is forgotten after it, and made anew."""
STORY = 'title = "A story"\nexchanges = ["binance"]\n'
SCENARIO = f"{STORY}when = []\n"
CASSETTE = """\
version: 1
interactions:
- request: {method: GET, uri: 'https://api.x.test/v3/a', body: '', headers: {}}
  response:
    n: 1
    status: {code: 200, message: ''}
    headers: {}
    body: {string: 'one'}
# end
"""
ASK = """
import urllib.request
def ask(url):
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url) as answer:
        return answer.read()
"""
LEAVE = """
import socket
def leave():
    try:
        socket.create_connection(("192.0.2.1", 80))
    except OSError:
        pass
"""


@pytest.fixture
def run(pytester: Pytester, monkeypatch: Patch) -> Run:
    """Run pytest in this process, in its folder."""
    for name in ("MOCK_API_ENABLED", "CI", "BUILD_NUMBER"):  # in CI pytest says things twice
        monkeypatch.delenv(name, raising=False)

    def inner(*options: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "--strict-markers", *options)

    return inner


def text(result: pytest.RunResult) -> str:
    return result.stdout.str()


# What it costs, and whether it is in the way


def test_it_imports_nothing_of_tapefold_until_it_is_used(pytester: Pytester) -> None:
    pytester.makepyfile(
        """
        import sys
        def test_a():
            loaded = {name.partition(".")[0] for name in sys.modules}
            assert "tapefold_pytest" in loaded
            assert not loaded & {"tapefold", "tapefold_adapters", "trio", "httpx", "msgspec"}
        """
    )
    pytester.makefile(".toml", pyproject="[tool.x]")
    others = ("-p", "no:trio", "-p", "no:anyio", "-p", "no:hypothesispytest")
    pytester.runpytest_subprocess(*others).assert_outcomes(passed=1)


def test_it_can_be_turned_off(run: Run, pytester: Pytester) -> None:
    pytester.makepyfile("def test_a(sim): pass\ndef test_b(): pass")
    result = run("-p", "no:tapefold")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*fixture 'sim' not found*"])
    assert "tapefold" not in text(run("-p", "no:tapefold", "--markers"))
    assert "@pytest.mark.tapefold_offline: the test is kept" in text(run("--markers"))


@contextmanager
def nobody_else_guards() -> Generator[None]:
    """What is refused within is refused by this guard, and by none of the plugin's."""
    with pytest.raises(LeftTheMachine, match=r"192\.0\.2\.1"), no_network():
        yield


def test_fixtures_of_the_same_names_win_and_ours_do_not_need_them(
    run: Run, pytester: Pytester
) -> None:
    pytester.makeconftest(
        """
        import pytest
        @pytest.fixture
        def session(): return "mine"
        @pytest.fixture(scope="module")
        def engine(): return "mine"
        """
    )
    pytester.makepyfile(
        LEAVE
        + """
def test_mine(session, engine):
    assert session == engine == "mine"
    leave()
def test_ours(sim, mock_exchange, expect):
    assert sim().symbols
"""
    )
    pytester.makeini("[pytest]\naddopts = --strict-config\n")
    with nobody_else_guards():
        run().assert_outcomes(passed=2)


def test_asyncio_by_way_of_anyio_has_the_fixtures(run: Run, pytester: Pytester) -> None:
    pytester.makepyfile(
        """
        import httpx, pytest
        @pytest.fixture
        def anyio_backend(): return "asyncio"
        @pytest.mark.anyio
        async def test_a(sim, mock_exchange):
            def presets(stub):
                stub.http("api.x.test").respond("GET", "/a", json=1)
            exchange, market = mock_exchange(presets), sim()
            async with httpx.AsyncClient(trust_env=False) as http:
                assert (await http.get(exchange.rest + "/a")).json() == 1
                assert (await http.get(market.rest + "/api/v3/time")).status_code == 200
        """
    )
    run().assert_outcomes(passed=1)


def test_options_that_mean_nothing_are_refused(run: Run, pytester: Pytester) -> None:
    pytester.makeini("[pytest]\ntapefold_guard = sometimes\n")
    result = run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*tapefold_guard is one of all, ours, off, not 'sometimes'"])


# The guard


@pytest.mark.parametrize(
    ("level", "mocking", "guarded"),
    [
        ("ours", "", ["marked", "fixture"]),
        ("all", "", ["marked", "fixture", "plain"]),
        ("off", "", []),
        ("off", "true", ["marked", "fixture"]),
    ],
)
def test_who_leaves_the_machine_fails_by_name_even_if_it_goes_on(
    level: str, mocking: str, guarded: list[str], run: Run, pytester: Pytester, monkeypatch: Patch
) -> None:
    pytester.makeini(f"[pytest]\ntapefold_guard = {level}\n")
    marked = "import pytest\n@pytest.mark.tapefold_offline\ndef test_marked(): leave()\n"
    pytester.makepyfile(
        LEAVE + marked + "def test_fixture(expect): leave()\ndef test_plain(): leave()\n"
    )
    monkeypatch.setenv("MOCK_API_ENABLED", mocking)
    with nobody_else_guards() if len(guarded) < 3 else nullcontext():
        result = run("-rf")
    result.assert_outcomes(failed=len(guarded), passed=3 - len(guarded))
    for name in guarded:
        result.stdout.fnmatch_lines([f"FAILED *::test_{name}*"])
    assert text(result).count("\na test wanted to talk to 192.0.2.1\n") == len(guarded)
    assert ".py:" not in text(result).partition("short test summary")[0]


def test_setting_up_and_tearing_down_are_guarded_too(run: Run, pytester: Pytester) -> None:
    pytester.makepyfile(
        LEAVE
        + """
import pytest
@pytest.fixture
def before(): leave()
@pytest.fixture
def after():
    yield
    leave()
def test_before(before, sim): pass
def test_after(after, sim): pass
"""
    )
    run().assert_outcomes(passed=1, errors=2)


def test_a_fixture_that_is_asked_for_late_is_guarded(run: Run, pytester: Pytester) -> None:
    pytester.makepyfile(
        LEAVE + "def test_a(request):\n    request.getfixturevalue('session')\n    leave()\n"
    )
    run().assert_outcomes(passed=1, errors=1)


# Scenario files


def outcome(place: Place, exchange: str, way: Way, *failed: Failed, error: str = "") -> Outcome:
    story = tuple(Told(n * 1_000_000, "step" if n == 39 else "log", f"line {n}") for n in range(40))
    return Outcome(
        name=place.name,
        path=place.path,
        title=place.scenario.title,
        exchange=exchange,
        way=way,
        failed=failed,
        error=error,
        story=story if failed else (),
        digest="abc",
    )


@pytest.fixture
def scenario(pytester: Pytester) -> Path:
    path = pytester.path / "scenarios" / "test_a.toml"
    path.parent.mkdir()
    path.write_text(SCENARIO)
    return path


def test_a_scenario_is_a_test_for_each_exchange_and_way(
    scenario: Path, run: Run, pytester: Pytester, monkeypatch: Patch
) -> None:
    scenario.write_text(SCENARIO.replace('"binance"', '"binance", "binance_us"'))
    asked_for: list[tuple[str, str, Path]] = []

    def act(place: Place, exchange: str, way: Way, cassettes: Path) -> Outcome:
        asked_for.append((exchange, way, cassettes))
        return outcome(place, exchange, way)

    def ways_of(place: Place, exchange: str, cassettes: Path) -> tuple[Way, ...]:
        return ("simulator", "replay", "mock") if exchange == "binance" else ("simulator",)

    monkeypatch.setattr(running, "run", act)
    monkeypatch.setattr(running, "ways_of", ways_of)
    (pytester.path / "other.toml").write_text("no scenario")
    pytester.makeini("[pytest]\ntrio_mode = true\ntapefold_cassettes = tapes\n")
    result = run("-v", "--junitxml=told.xml")
    result.assert_outcomes(passed=4)
    names = ["binance-simulator", "binance-replay", "binance-mock", "binance_us-simulator"]
    result.stdout.fnmatch_lines([f"scenarios/test_a.toml::{name} PASSED*" for name in names])
    assert asked_for == [
        (exchange, way, pytester.path / "tapes")
        for exchange, _, way in (name.partition("-") for name in names)
    ]
    assert (pytester.path / "told.xml").read_text().count('name="digest" value="abc"') == 4
    run("scenarios/test_a.toml::binance-mock").assert_outcomes(passed=1)
    run("-k", "binance_us").assert_outcomes(passed=1, deselected=3)


def test_a_failure_is_told_as_the_runner_tells_it(
    scenario: Path, run: Run, monkeypatch: Patch
) -> None:
    def act(place: Place, exchange: str, way: Way, cassettes: Path) -> Outcome:
        return outcome(
            place, exchange, way, Failed("then.orders.buy.status", 2, "filled", "open\nat 7")
        )

    monkeypatch.setattr(running, "run", act)
    result = run()
    result.assert_outcomes(failed=1)
    told = text(result)
    shown = f"""\
_________________________ test_a[binance-simulator] __________________________
FAILED  test_a at binance, simulator: A story
  {scenario}:2: then.orders.buy.status
    expected  filled
    actual    open
              at 7
  the last 30 lines of the story, 10 are left out:
    +0.010 s    line 10
"""
    assert shown.partition("\n")[2] in told
    assert (
        f"""
    +0.038 s    line 38
    +0.039 s  > line 39
  again: tapefold scenario run {scenario} --exchange binance
"""
        in told
    )
    assert "Traceback" not in told
    assert ".py" not in told


@pytest.mark.parametrize("raised", [True, False])
def test_what_cannot_be_run_is_a_line(
    raised: bool, scenario: Path, run: Run, monkeypatch: Patch
) -> None:
    def act(place: Place, exchange: str, way: Way, cassettes: Path) -> Outcome:
        if raised:
            raise BadInput("the tape is torn")
        return outcome(place, exchange, way, error="the tape is torn")

    monkeypatch.setattr(running, "run", act)
    result = run()
    result.assert_outcomes(failed=1)
    assert "the tape is torn\n" in text(result)
    assert ".py" not in text(result)


def test_a_fault_of_ours_has_its_traceback(scenario: Path, run: Run, monkeypatch: Patch) -> None:
    def act(*_: object) -> Outcome:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(running, "run", act)
    result = run()
    result.assert_outcomes(failed=1)
    assert "ZeroDivisionError: ours" in text(result)
    assert "in act" in text(result) or "def act" in text(result)


def test_a_file_that_cannot_be_read_is_an_error_of_one_line(scenario: Path, run: Run) -> None:
    scenario.write_text('title = "A story"\n[given]\nbalnces = {}\n')
    result = run()
    result.assert_outcomes(errors=1)
    (line,) = [line for line in result.outlines if "balnces" in line]
    assert line.startswith(f"{scenario}:3: given.balnces: ")
    assert ".py" not in text(result)


def test_scenarios_stand_where_the_ini_file_says(
    run: Run, pytester: Pytester, monkeypatch: Patch
) -> None:
    def act(place: Place, exchange: str, way: Way, cassettes: Path) -> Outcome:
        return outcome(place, exchange, way)

    monkeypatch.setattr(running, "run", act)
    for folder in ("scenarios", "a/stories", "b/stories", "tales"):
        (pytester.path / folder).mkdir(parents=True)
        (pytester.path / folder / "one.toml").write_text(SCENARIO)
    pytester.makeini("[pytest]\ntapefold_scenarios = a/stories tales\n")
    result = run("-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["a/stories/one.toml::*", "tales/one.toml::*"])


def test_a_scenario_runs_for_real(scenario: Path, run: Run) -> None:
    scenario.write_text(
        STORY
        + """\
given.balances = {USDT = 1000}
given.markets.BTC-USDT = {bids = [[50000, 1]], asks = [[50010, 1]]}
when = [
    {submit = {order = "bid", side = "buy", amount = 0.01, price = 49000}},
    {until = 'order("bid").status == "open"'},
]
[then]
told.bid = [{event = "OrderAccepted"}]
orders.bid = {amount = 0.02}
"""
    )
    result = run("-v")
    result.assert_outcomes(failed=1)
    told = [f"*{scenario}:11: then.orders.bid.amount", "*expected *0.02", "*actual *0.01"]
    result.stdout.fnmatch_lines(told)
    scenario.write_text(scenario.read_text().replace("0.02", "0.01"))
    run().assert_outcomes(passed=1)


# Servers


@pytest.fixture
def tape(pytester: Pytester) -> Path:
    """A session in which a client asks for /v3/a."""
    folder = pytester.path / "cassettes" / "binance"
    folder.mkdir(parents=True)
    return session(folder / "one", [asked(1, "GET", "/a"), answered(1)], CASSETTE)


def test_a_session_is_played_to_any_client(tape: Path, run: Run, pytester: Pytester) -> None:
    pytester.makepyfile(
        ASK
        + """
def test_named(mock_exchange, session):
    exchange = mock_exchange("binance/one")
    assert ask(exchange.rest + "/v3/a") == b"one"
    assert exchange.at("https://api.x.test/v3/a?b=1") == exchange.rest + "/v3/a?b=1"
    assert [*exchange.urls] == ["https://api.x.test"]
def test_two_of_them(mock_exchange, session):
    for exchange in [mock_exchange(session("binance/one")), mock_exchange("cassettes/binance/one")]:
        assert ask(exchange.rest + "/v3/a") == b"one"
async def test_in_the_nursery(mock_exchange):
    import trio
    async with mock_exchange.open("binance/one") as exchange:
        assert await trio.to_thread.run_sync(ask, exchange.rest + "/v3/a") == b"one"
"""
    )
    pytester.makeini("[pytest]\ntrio_mode = true\n")
    run().assert_outcomes(passed=3)


def test_sockets_of_a_session_are_played_too(run: Run, pytester: Pytester) -> None:
    lane = "binance/1"
    heard, said = (lane, "recv", '{"a":1}'), (lane, "sent", '{"b":1}')
    session(pytester.path / "tape", [*up(lane), heard, said, hung_up(lane, "client")])
    pytester.makepyfile(
        """
from trio_websocket import open_websocket_url
async def converse(url):
    async with open_websocket_url(url + "/ws") as socket:
        assert await socket.get_message() == '{"a":1}'
        await socket.send_message('{"b":1}')
async def test_beside(mock_exchange):
    await converse(mock_exchange("tape").ws)
async def test_in_the_nursery(mock_exchange):
    async with mock_exchange.open("tape") as exchange:
        await converse(exchange.ws)
"""
    )
    pytester.makeini("[pytest]\ntrio_mode = true\n")
    run().assert_outcomes(passed=2)


def test_in_the_nursery_errors_come_out_as_themselves(
    tape: Path, run: Run, pytester: Pytester
) -> None:
    pytester.makepyfile(
        ASK
        + """
import pytest, trio
from tapefold import Mismatch
async def test_mismatch(mock_exchange):
    with pytest.raises(Mismatch, match="GET /v3/else is not on the tape"):
        async with mock_exchange.open("binance/one") as exchange:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(wrong, exchange.rest + "/v3/else")
            await trio.sleep_forever()
async def test_left_over(mock_exchange):
    with pytest.raises(Mismatch, match="/v3/a"):
        async with mock_exchange.open("binance/one"):
            pass
async def test_own(mock_exchange):
    with pytest.raises(ZeroDivisionError):
        async with mock_exchange.open("binance/one"):
            1 / 0
def wrong(url):
    try:
        ask(url)
    except OSError:
        pass
"""
    )
    pytester.makeini("[pytest]\ntrio_mode = true\n")
    run().assert_outcomes(passed=3)


def test_a_simulated_exchange_takes_the_keys_that_it_was_given(
    run: Run, pytester: Pytester
) -> None:
    pytester.makepyfile(
        """
from tapefold import WatchAccount
async def test_a(sim, engine):
    exchange = sim(seed=3, key="mine", secret="sesame")
    assert (exchange.key, exchange.secret) == ("mine", "sesame")
    async with engine(exchange.live()) as e:
        e.command(WatchAccount("binance"))
        await e.until(lambda views: views.ready("binance"))
        asset, amount = next(iter(exchange.balances.items()))
        assert e.views.balances.total("binance", asset) == amount
"""
    )
    pytester.makeini("[pytest]\ntrio_mode = true\n")
    run().assert_outcomes(passed=1)


def test_what_is_left_over_or_unknown_fails_the_test(
    tape: Path, run: Run, pytester: Pytester
) -> None:
    pytester.makepyfile(
        ASK
        + """
import pytest, urllib.error
def test_left_over(mock_exchange):
    mock_exchange("binance/one")
def test_unknown(mock_exchange):
    with pytest.raises(urllib.error.HTTPError):
        ask(mock_exchange("binance/one").rest + "/v3/else")
def test_skipped(mock_exchange):
    mock_exchange("binance/one")
    pytest.skip("not today")
def test_failed(mock_exchange):
    mock_exchange("binance/one")
    assert False
def test_failed_for_it(mock_exchange):
    ask(mock_exchange("binance/one").rest + "/v3/else")
"""
    )
    result = run("-rE")
    result.assert_outcomes(passed=2, skipped=1, failed=2, errors=3)
    told = text(result)
    for name in ("left_over", "unknown", "failed_for_it"):
        assert f"ERROR at teardown of test_{name} " in told
    assert told.count("the client's GET /v3/else is not on the tape\n") == 2
    assert "beside.py" not in told


def test_presets_are_judged_at_the_end(run: Run, pytester: Pytester) -> None:
    pytester.makepyfile(
        ASK
        + """
import pytest, urllib.error
def presets(stub):
    stub.http("api.x.test").respond("GET", "/a", json=1)
    stub.ws("wss://x.test:9443/ws")
def test_kept(mock_exchange):
    exchange = mock_exchange(presets)
    assert exchange.ws.startswith("ws://127.0.0.1:")
    assert exchange.at("wss://x.test:9443/ws") == exchange.ws + "/ws"
    assert ask(exchange.rest + "/a") == b"1"
def test_left_over(mock_exchange):
    mock_exchange(presets)
def test_failed_for_it(mock_exchange):
    ask(mock_exchange(presets).rest + "/b")
"""
    )
    result = run()
    result.assert_outcomes(passed=2, failed=1, errors=2)
    told = text(result)
    assert told.count("unused: GET /a at api.x.test: used 0 of 1 times") == 1
    assert told.count("unmatched: GET api.x.test/b") == 1


def test_what_cannot_be_served_is_said_at_the_call(run: Run, pytester: Pytester) -> None:
    pytester.makepyfile(
        """
import pytest
def wrong(stub): raise KeyError("mine")
def test_presets(mock_exchange): mock_exchange(wrong)
def test_session(mock_exchange): mock_exchange("binance/none")
def test_sim(sim): sim("nowhere")
def test_clock(sim, autojump_clock): pass
"""
    )
    result = run()
    result.assert_outcomes(failed=3, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*sim speaks over sockets, and autojump_clock does not wait for them*",
            "E *KeyError: 'mine'",
            f"E *SessionError: there is no session 'binance/none': {pytester.path}/cassettes has none*",
            "E *AdapterError: there is no simulated 'nowhere'*",
        ]
    )
    assert "beside.py" not in text(result)


def test_a_session_that_is_not_there_names_those_that_are(
    tape: Path, run: Run, pytester: Pytester
) -> None:
    pytester.makepyfile("def test_a(session): session('binance/two')")
    result = run()
    result.stdout.fnmatch_lines(
        [f"E *SessionError: *'binance/two': {tape.parent.parent} has binance/one; without a name *"]
    )


def test_addresses_are_told_apart() -> None:
    served = Served(
        {"https://a.test": "http://127.0.0.1:1", "https://b.test": "http://127.0.0.1:2"}
    )
    assert served.at("https://b.test/x") == "http://127.0.0.1:2/x"
    with pytest.raises(
        BadInput, match=r"^2 origins here are http: say `at\(URL\)`; there is https://a"
    ):
        _ = served.rest
    with pytest.raises(BadInput, match=r"^no origins here are ws"):
        _ = served.ws
    with pytest.raises(BadInput, match=r"^https://c.test/x is of no origin that is served"):
        served.at("https://c.test/x")


# Expectations


def told(*events: AnyEvent) -> list[Record]:
    return [Record(number, number, event) for number, event in enumerate(events, 1)]


def accepted(order: str) -> OrderAccepted:
    return OrderAccepted(client_order_id=order)


def filled(order: str, amount: str) -> OrderFilled:
    return OrderFilled(
        client_order_id=order,
        exchange="x",
        instrument=0,
        side="buy",
        exchange_order_id="1",
        fill_id=amount,
        amount=Decimal(amount),
        value=Decimal(5),
        fees=(),
        price=Decimal(5),
        executed=Decimal(amount),
    )


def canceled(order: str) -> OrderCanceled:
    return OrderCanceled(client_order_id=order, executed=ZERO, value=ZERO, fees=())


LOG = told(accepted("a"), accepted("b"), filled("a", "1"), canceled("a"), filled("b", "2"))


def look() -> Reading:
    return Expect()(LOG)


def test_events_are_found_one_after_another() -> None:
    log = look()
    assert log.event(OrderAccepted).event.client_order_id == "a"
    assert log.event(OrderAccepted).position == 2
    assert log.event(OrderFilled, order="b", amount=Decimal("2.0")).position == 5
    with pytest.raises(
        AssertionError, match=r"^expected OrderCanceled\n  it did not come: nothing was log"
    ):
        log.event(OrderCanceled)
    assert Expect()(LOG, after=3).event(OrderEnded).position == 4
    assert Expect()([record.event for record in LOG]).event(OrderEnded).position == 4


def test_what_came_instead_is_told() -> None:
    with pytest.raises(AssertionError) as found:
        look().event(OrderFilled, order="a", amount=Decimal(2))
    assert str(found.value) == (
        "expected OrderFilled order=a amount=2\n"
        "  it did not come: looked at positions 1 to 5\n"
        "  at 3 there is OrderFilled order=a exchange=x side=buy exchange_order_id=1 fill_id=1 amount=1 "
        "value=5 price=5 executed=1\n"
        "    amount: expected 2, told 1\n"
        "  at 5 there is OrderFilled order=b exchange=x side=buy exchange_order_id=1 fill_id=2 amount=2 "
        "value=5 price=5 executed=2\n"
        "    order: expected a, told b"
    )


def test_it_is_not_looked_for_past_what_it_must_come_before() -> None:
    with pytest.raises(AssertionError, match=r"before it came OrderCanceled order=a, at 4"):
        look().event(OrderFilled, order="a", amount=Decimal(2), before=OrderEnded)
    assert look().event(OrderFilled, order="b", before=OrderEnded).position == 5


def test_what_is_not_to_be_there_is_named() -> None:
    look().no(OrderFilled, order="c")
    with pytest.raises(
        AssertionError, match=r"^expected no OrderFilled order=b\n  at 5 there is OrderFilled"
    ):
        look().no(OrderFilled, order="b")


def test_a_sequence_is_whole_and_its_differences_are_told_line_by_line() -> None:
    look().sequence(
        [OrderAccepted, (OrderFilled, {"amount": Decimal(1)}), OrderCanceled], order="a"
    )
    with pytest.raises(AssertionError) as found:
        look().sequence([OrderAccepted, (OrderFilled, {"amount": Decimal(2)})], order="a")
    fill = "OrderFilled order=a exchange=x side=buy exchange_order_id=1 fill_id=1 amount=1 value=5 price=5"
    assert str(found.value).splitlines() == [
        "expected and told differ:",
        "  1  = OrderAccepted order=a, at 1",
        "  2  - expected OrderFilled order=a amount=2",
        f"  2  + told     {fill} executed=1, at 3",
        "  2      amount: expected 2, told 1",
        "  3  - expected nothing more",
        "  3  + told     OrderCanceled order=a, at 4",
    ]
    with pytest.raises(
        AssertionError, match=r"3  - expected OrderCanceled.*\n  3  \+ told     nothing more"
    ):
        look().sequence([OrderAccepted, OrderFilled, OrderCanceled], order="b")


def test_fields_that_are_none_and_numbers_that_are_inexact_are_refused() -> None:
    with pytest.raises(TypeError, match=r"^OrderFilled has no 'amout': perhaps 'amount'$"):
        look().event(OrderFilled, amout=1)
    with pytest.raises(TypeError, match=r"^amount=0\.1 is inexact: say Decimal\('0\.1'\)$"):
        look().no(OrderFilled, amount=0.1)


def test_an_engine_is_waited_for_until_its_run_ends(run: Run, pytester: Pytester) -> None:
    pytester.makepyfile(
        """
from tapefold import BookInvalidated, BookSnapshot, OrderFilled, StrategyFailed
async def test_found(engine, expect, autojump_clock):
    async with engine() as e:
        log = expect(e)
        gap = await log.event(BookInvalidated, reason="gap")
        again = await log.event(BookSnapshot, instrument=gap.event.instrument)
        assert again.position > gap.position
        await e.ended()
        expect(e).no(OrderFilled)
        assert expect(e.log).event(BookInvalidated, reason="gap") == gap
async def test_missed(engine, expect, autojump_clock):
    async with engine() as e:
        await expect(e).event(BookInvalidated, reason="checksum")
async def test_over_sockets(engine, expect):
    async with engine() as e:
        await expect(e).event(BookInvalidated, reason="gap")
async def test_facts_in_a_sequence(engine, expect, autojump_clock):
    async with engine(mode="replay") as e:
        await expect(e).sequence([(BookInvalidated, {"reason": "gap"})])
"""
    )
    pytester.makeini("[pytest]\ntrio_mode = true\n")
    result = run()
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*AssertionError: expected BookInvalidated reason=checksum",
            "*the run ended, and it did not come: looked at positions 1 to *",
            "*at * there is BookInvalidated *reason=gap*",
            "*reason: expected checksum, told gap",
        ]
    )
    assert "expecting.py" not in text(result)


def test_a_live_engine_stays_on_this_machine(run: Run, pytester: Pytester) -> None:
    pytester.makepyfile(
        """
from tapefold import Live
async def test_a(engine):
    async with engine(Live(("binance",))):
        pass
"""
    )
    pytester.makeini("[pytest]\ntrio_mode = true\n")
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Refused: MOCK_API_ENABLED is set, so nothing may leave*"])
