"""`tapefold scenario run --mode testnet` and `live`: what they refuse, ask, run and leave behind.

No door of a recording: `tapefold sim` is a process of its own on loopback, in real time, and is taken for
the test network or for the exchange. Live has a terminal, whose other end is the test. Waits are on causes.
"""

import fcntl
import json
import os
import pty
import select
import signal
import socket
import sys
import termios
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from subprocess import Popen
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
import trio
from tiny import PATIENCE, TAPEFOLD, run, started

from tapefold import Request, Session, load_adapter, replay_report, trader
from tapefold.cli import scenario_live, scenario_modes
from tapefold.cli.scenario_live import ending
from tapefold.cli.scenario_modes import Away, check_mode
from tapefold.errors import Refused
from tapefold.scenario import Outcome, Place
from tapefold.scenario.live import Acted
from tapefold.scenario.terms import Terms
from tapefold.sim import HOLDER

KEYS = {"BINANCE_API_KEY": HOLDER.key, "BINANCE_API_SECRET": HOLDER.secret}
BUYS = """\
title = "It buys"
requires = {USDT = {least = 20, better = 100}}
given.instruments = ["BTC-USDT"]

[[when]]
submit = {order = "buy", side = "buy", amount = "15 / ask", price = "ask * 1.01"}

[[when]]
until = 'order("buy").ended'

[then]
orders.buy = {status = "filled"}
after = 0.1
"""
RESTS = """\
title = "It rests until somebody comes"
requires = {USDT = {least = 20}}
given.instruments = ["BTC-USDT"]

[[when]]
submit = {order = "rests", side = "buy", amount = "15 / bid", price = "bid * 0.8"}

[[when]]
until = 'order("rests").status == "filled"'
within = 3600
"""
SIMULATED = 'title = "It is lucky"\n[[when]]\ndeposit = {USDT = 10}\n'


@pytest.fixture(autouse=True)
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A project with three scenarios, and the keys in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("MOCK_API_ENABLED", "CI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "scenarios"
    folder.mkdir()
    for name, text in {"buys": BUYS, "rests": RESTS, "simulated": SIMULATED}.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


@contextmanager
def sim() -> Generator[str]:
    """A simulated exchange whose strangers stand still; where it is, as host and port."""
    with started("sim", "binance", "--json", "--speed", "0.000001") as process:
        assert process.stdout
        yield f"127.0.0.1:{json.loads(process.stdout.readline())['port']}"


def at(place: str) -> list[str]:
    return ["--ws", f"ws://{place}", "--rest", f"http://{place}"]


def states(place: str) -> list[str]:
    """Those of all orders of the account, as the exchange has them."""
    able = trader(load_adapter("binance"))
    assert able
    url = f"http://{place}/api/v3/allOrders?symbol=BTCUSDT"
    asked = able.sign(
        Request("GET", url, "open_orders", signed=True),
        {"key": HOLDER.key, "secret": HOLDER.secret},
        time.time_ns(),
    )
    answer = httpx.get(asked.url, headers=asked.headers, trust_env=False)
    return [order["status"] for order in answer.json()]


def resting(place: str) -> None:
    """Wait until an order rests there."""
    end = time.monotonic() + PATIENCE
    while "NEW" not in states(place):
        assert time.monotonic() < end


def scenarios(*args: str, code: int = 0) -> list[str]:
    result = run("scenario", "run", *args)
    assert result.exit_code == code, result.output
    assert HOLDER.secret not in result.output
    return result.stdout.splitlines()


def told_off(*args: str | Path, code: int = 4) -> str:
    """The one line that a run comes to which does nothing."""
    result = run("scenario", "run", *args)
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("tapefold: ").rstrip()


def anywhere(file: object) -> bool:
    """In the place of `on_terminal`."""
    return True


# A test network


def test_a_test_network_says_where_it_goes_and_each_outcome_is_a_line(tmp_path: Path) -> None:
    with sim() as place:
        first, *told, last = scenarios(
            "--mode", "testnet", *at(place), "-k", "not rests", "--junit", "report.xml"
        )
        assert states(place) == ["FILLED"]
    assert first == (
        f"testnet: orders at ws://{place} and http://{place}, taken for binance, with the key that "
        "ends with key"
    )
    assert told[0].startswith("passed  binance  buys  testnet  ")
    assert told[1:] == [
        "skipped  binance  simulated  testnet  scenarios/simulated.toml has no `requires`, which says "
        "what the account must have: it is meant for simulators alone"
    ]
    assert last.startswith("1 scenario, 1 run, 0 failed, ")
    assert last.endswith(" s; skipped: 1")
    root = ET.parse(tmp_path / "report.xml").getroot()
    assert [root.get(name) for name in ("tests", "failures", "skipped")] == ["2", "0", "1"]
    (skipped,) = root.iter("skipped")
    assert "has no `requires`" in (skipped.get("message") or "")


def test_machines_get_an_object_for_what_is_skipped_and_nothing_else_on_standard_output() -> None:
    with sim() as place:
        result = run(
            "scenario", "run", "--mode", "testnet", *at(place), "-k", "not rests", "--json"
        )
    assert result.exit_code == 0
    buys, skipped = map(json.loads, result.stdout.splitlines())
    assert (buys["name"], buys["way"], buys["passed"]) == ("buys", "testnet", True)
    assert (skipped["name"], skipped["way"]) == ("simulated", "testnet")
    assert skipped["skipped"].endswith("it is meant for simulators alone")
    assert result.stderr.startswith("tapefold: testnet: orders at ws://127.0.0.1:")


def test_what_was_named_and_cannot_run_there_is_an_error_before_anything_is_connected_to() -> None:
    nowhere = at("127.0.0.1:1")
    for named in ("simulated", "scenarios/simulated.toml"):
        said = told_off(named, "buys", "--mode", "testnet", *nowhere, code=3)
        assert said.startswith("scenarios/simulated.toml has no `requires`")
    result = run("scenario", "run", "--mode", "testnet", *nowhere, "-k", "lucky")
    assert result.exit_code == 3
    assert result.stderr.startswith("tapefold: none of these scenarios can be run there:\n")


def test_an_account_that_lacks_what_a_scenario_requires_is_seen_before_the_first_order(
    files: Path,
) -> None:
    (files / "dear.toml").write_text(BUYS.replace("least = 20, better = 100", "least = 9000000"))
    lacks = "scenarios/dear.toml requires 9000000 USDT available, and there is 100000 USDT"
    with sim() as place:
        result = run("scenario", "run", "buys", "dear", "--mode", "testnet", *at(place))
        assert (result.exit_code, result.stderr) == (3, f"tapefold: {lacks}\n")
        assert states(place) == []
        told = scenarios("--mode", "testnet", *at(place), "-k", "buys")[1:]
        assert told[1] == f"skipped  binance  dear  testnet  {lacks}"
        assert states(place) == ["FILLED"]


def test_all_scenarios_of_a_run_spend_from_one_sum(files: Path) -> None:
    (files / "buys_again.toml").write_text(BUYS)
    with sim() as place:
        told = scenarios(
            "buys", "buys_again", "--mode", "testnet", *at(place), "--spend-max", "25", code=1
        )
        assert states(place) == ["FILLED"]
    assert told[1] == (
        "all orders together may be worth 25 USDT; fees and moves of the market come on top"
    )
    assert told[2].startswith("passed  binance  buys  testnet  ")
    assert "is left of what may be spent: allow more with --spend-max" in told[3]
    again = next(line for line in told if line.startswith("  again: "))
    assert again.endswith(f"--mode testnet --spend-max 25 {' '.join(at(place))}")


def test_a_sum_is_of_one_asset(files: Path) -> None:
    market = "\n[given.markets.ETH-BTC]\nbids = [[1, 1]]\nasks = [[2, 1]]\n"
    (files / "other.toml").write_text(
        BUYS.replace("BTC-USDT", "ETH-BTC").replace("{USDT", "{BTC") + market
    )
    said = told_off("buys", "other", "--mode", "testnet", "--spend-max", "9")
    assert said.startswith("--spend-max is of one asset, and these scenarios spend USDT, BTC: ")


def test_a_run_is_kept_as_a_session_and_none_is_written_over(tmp_path: Path) -> None:
    with sim() as place:
        asked = ("buys", "--mode", "testnet", *at(place), "--keep", "kept")
        assert scenarios(*asked)[2] == "recorded  kept/binance/buys  new"
    session = Session(tmp_path / "kept" / "binance" / "buys")
    assert replay_report(session).reached
    assert HOLDER.secret not in session.tape.read_text()
    assert told_off(*asked).startswith("kept/binance/buys is there already: ")


def test_a_key_that_is_refused_is_one_line_and_says_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BINANCE_API_SECRET", "another-secret")
    with sim() as place:
        result = run("scenario", "run", "buys", "--mode", "testnet", *at(place))
        assert states(place) == []
    assert result.exit_code == 4
    assert result.stderr.startswith("tapefold: binance refuses the key: look at key and secret")
    assert "another-secret" not in result.output


# What is refused


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--mode", "testnet", "--record"], "--record makes recordings of the simulator: "),
        (["--mode", "testnet", "--jobs", "2"], "--mode testnet is one account: one scenario at a"),
        (["--mode", "testnet", "--ws", "ws://127.0.0.1:1"], "give both --ws and --rest, or neit"),
        (["--mode", "live"], "--mode live trades with money: say how much with --spend-max AMOUNT"),
        (["--mode", "live", "--spend-max", "5", "--json"], "--mode live is for a person, who is a"),
        (["--mode", "live", "--spend-max", "5", "--jobs", "2"], "--mode live is one account: "),
        (["--mode", "live", "--spend-max", "5"], "--mode live is for a person at a terminal, and"),
        (["--spend-max", "5"], "--spend-max goes with --mode testnet and live"),
        (["--keep", "here"], "--keep goes with --mode testnet and live"),
    ],
)
def test_what_does_not_go_together_is_refused(args: Sequence[str], says: str) -> None:
    assert told_off("buys", *args).startswith(says)


@pytest.mark.parametrize("amount", ["0", "-5", "5 USDT", "1e3", "nan", "", "5,5"])
def test_what_is_no_amount_is_wrong_usage(amount: str) -> None:
    said = told_off("buys", "--mode", "live", "--spend-max", amount, code=2)
    assert "is no amount above 0: 25, or 12.5" in said


def test_live_is_refused_in_continuous_integration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenario_modes, "on_terminal", anywhere)
    check_mode(Away("live", Decimal(5)))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(Refused, match="at a terminal, and CI is set here"):
        check_mode(Away("live", Decimal(5)))


def test_with_mock_api_enabled_a_run_stays_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCK_API_ENABLED", "true")
    said = "MOCK_API_ENABLED is set, so nothing may leave this machine: "
    assert told_off("buys", "--mode", "testnet").startswith(said)
    monkeypatch.setattr(scenario_modes, "on_terminal", anywhere)
    assert told_off("buys", "--mode", "live", "--spend-max", "5").startswith(said)
    with sim() as place:
        assert len(scenarios("buys", "--mode", "testnet", *at(place))) == 3


@pytest.mark.parametrize("host", ["api.binance.com", "API.binance.com.", "www.binance.com:443"])
def test_the_exchange_itself_is_no_test_network(host: str) -> None:
    there = ["--ws", f"wss://{host}", "--rest", f"https://{host}", "--spend-max", "5"]
    said = told_off("buys", "--mode", "testnet", *there)
    assert said.endswith("is no test network, but binance itself: that is --mode live")


def test_an_address_that_nobody_knows_is_given_a_sum() -> None:
    there = ["--ws", "wss://demo.example", "--rest", "https://demo.example"]
    said = told_off("buys", "--mode", "testnet", *there)
    assert said == (
        "nobody knows whether demo.example trades with money: say how much it may be with --spend-max"
    )


def test_keys_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BINANCE_API_SECRET")
    said = told_off("buys", "--mode", "testnet", *at("127.0.0.1:1"))
    assert said == "binance needs a key: set BINANCE_API_SECRET in the environment"


def test_of_a_key_three_characters_are_shown_at_most() -> None:
    assert ending("binance", {"key": "simulatedkey"}) == "the key that ends with key"
    assert ending("binance", {"key": "short"}) == "your key"


# Live, at a terminal


class Terminal:
    """A process at a terminal, and the one who sits there."""

    def __init__(self, *args: str) -> None:
        self._ours, theirs = pty.openpty()
        command = [sys.executable, "-c", TAPEFOLD, "scenario", "run", *args]
        env = os.environ | {"TERM": "xterm", "COLUMNS": "200", "LINES": "40"}
        self.process = Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=env,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self.text = ""

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def read(self, until: str = "") -> str:
        """All of it so far, which ends with *until*; without it to the end of the process."""
        while not until or until not in self.text:
            assert select.select([self._ours], [], [], PATIENCE)[0], self.text
            try:
                self.text += os.read(self._ours, 1 << 16).decode()
            except OSError:  # how Linux says that the other side is gone
                break
        return self.text

    def ended(self) -> int:
        """All of it, and the exit code."""
        self.read()
        os.close(self._ours)
        assert HOLDER.secret not in self.text
        assert HOLDER.key not in self.text
        return self.process.wait(PATIENCE)


def live(place: str, *names: str) -> Terminal:
    return Terminal(*names, "--mode", "live", "--spend-max", "25", *at(place))


def test_live_shows_what_is_asked_for_and_goes_on_when_the_sum_is_typed_back() -> None:
    with sim() as place:
        terminal = live(place, "buys", "rests")
        shown = terminal.read("type 25 USDT to go on: ").splitlines()
        assert states(place) == []
        assert shown == [
            f"live: real orders at ws://{place} and http://{place}, taken for binance, with the key "
            "that ends with key",
            "  buys   requires 20 USDT available, better 100",
            "  rests  requires 20 USDT available",
            "all orders together may be worth 25 USDT; fees and moves of the market come on top",
            "type 25 USDT to go on: ",
        ]
        terminal.type("25 USDT\n")
        assert terminal.ended() == 1
        assert states(place) == ["FILLED"]
    assert "is left of what may be spent" in terminal.text
    assert "2 scenarios, 2 runs, 1 failed, " in terminal.text


@pytest.mark.parametrize(
    "typed", ["y\n", "25\n", "25 usdt\n", "250 USDT\n", "\n", "\x04", "\xff\n"]
)
def test_anything_else_ends_it_and_nothing_was_connected_to(typed: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        terminal = live(f"127.0.0.1:{server.getsockname()[1]}", "buys")
        terminal.read("to go on: ")
        terminal.type(typed)
        assert terminal.ended() == 4
        with pytest.raises(BlockingIOError):
            server.accept()
    assert terminal.text.endswith("tapefold: that is not the sum: nothing was connected to\r\n")


def test_ctrl_c_cancels_what_rests_and_says_so() -> None:
    with sim() as place:
        terminal = live(place, "rests")
        terminal.read("to go on: ")
        terminal.type("25 USDT\n")
        resting(place)
        terminal.type("\x03")
        assert terminal.ended() == 130
        assert states(place) == ["CANCELED"]
    assert "tapefold: ending: orders at binance are canceled first" in terminal.text
    assert terminal.text.endswith(
        "tapefold: interrupted (1 order of ours is canceled at binance, and none is left)\r\n"
    )


def test_ctrl_c_at_the_question_ends_it() -> None:
    terminal = live("127.0.0.1:1", "rests")
    terminal.read("to go on: ")
    terminal.type("\x03")
    assert terminal.ended() == 130
    assert terminal.text.endswith("tapefold: interrupted\r\n")


def test_a_kill_cancels_what_rests_and_tells_what_was_done_by_then() -> None:
    with sim() as place:
        asked = ("scenario", "run", "buys", "rests", "--mode", "testnet", *at(place))
        with started(*asked) as process:
            resting(place)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate()
        assert states(place) == ["FILLED", "CANCELED"]
    assert process.returncode == 130
    assert out.splitlines()[1].startswith("passed  binance  buys  testnet  ")
    assert out.endswith(" s; not run to the end: 1\n")
    assert err.splitlines()[-1] == (
        "tapefold: interrupted (1 order of ours is canceled at binance, and none is left)"
    )


def test_orders_that_are_left_are_named_last_and_nothing_more_is_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[str] = []

    async def leaves(place: Place, exchange: str, terms: Terms, stop: trio.CancelScope) -> Acted:
        ran.append(place.name)
        outcome = Outcome(place.name, place.path, "", exchange, terms.mode, error="not canceled")
        return Acted(outcome, Decimal(0), 0, ("live-1-1 (buy 2 BTC-USDT at 9)",))

    async def rich(*_: Any) -> dict[str, Decimal]:
        await trio.lowlevel.checkpoint()
        return {"USDT": Decimal(1000)}

    monkeypatch.setattr(scenario_live, "acted_live", leaves)
    monkeypatch.setattr(scenario_live, "available", rich)
    result = run("scenario", "run", "buys", "rests", "--mode", "testnet", *at("127.0.0.1:1"))
    assert result.exit_code == 4
    assert ran == ["buys"]
    loud = (
        "1 ORDER OF OURS MAY STILL BE ALIVE at binance: live-1-1 (buy 2 BTC-USDT at 9); look there, and "
        "cancel it by its client order id, on its web page or with any client that has your key"
    )
    assert result.stderr == f"tapefold: {loud}\n"
    assert f"FAILED  binance  rests  testnet  0.00 s  {loud}" in result.stdout.splitlines()
