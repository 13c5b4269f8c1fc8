"""What a command is asked for by a name: the bundled session, an asset, an adapter.

No door: the bundled session is shown and played by the command itself, and a log is written here.
"""

from pathlib import Path

import pytest
from order_facts import INSTRUMENT, X, dec
from tiny import run

from tapefold.events import AnyEvent, BalanceChanged, BalanceSnapshot, InstrumentListed
from tapefold.log import open_log
from tapefold.session import bundled
from tapefold.units import SECOND

LISTED = InstrumentListed(
    instrument=INSTRUMENT,
    exchange=X,
    symbol="ETH-USDT",
    native_symbol="ETHUSDT",
    price_digits=2,
    size_digits=4,
    base="ETH",
    quote="USDT",
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of two assets, and of a pair that nobody traded in."""
    events: tuple[AnyEvent, ...] = (
        LISTED,
        BalanceSnapshot(
            time_exchange=SECOND, exchange=X, complete=True, totals=(("USDT", dec("5")),)
        ),
        BalanceChanged(exchange=X, asset="BNB", delta=dec("1"), transfer_id="one"),
    )
    path = tmp_path / "a.log"
    with open_log(path) as written:
        for number, event in enumerate(events, 1):
            written.append(number * SECOND, event)
    return path


@pytest.mark.parametrize(
    ("asset", "says"),
    [
        ("USDX", "USDX is no asset of this log; there is BNB, ETH, USDT"),
        ("usdt", "usdt is no asset of this log; there is USDT"),
    ],
)
def test_an_asset_that_is_nowhere_is_an_error(log: Path, asset: str, says: str) -> None:
    for more in ((), ("--json",), ("--csv",)):
        result = run("balances", log, "--asset", asset, *more)
        assert (result.exit_code, result.stderr) == (3, f"tapefold: {says}\n")


def test_an_asset_that_did_not_change_is_none(log: Path) -> None:
    result = run("balances", log, "--asset", "ETH")
    assert (result.exit_code, result.stdout) == (0, f"{log}: no changes that were asked for\n")
    result = run("balances", log, "--asset", "USDT", "--since", "2030-01-01", "--json")
    assert (result.exit_code, result.output) == (0, "")
    assert run("balances", log, "--asset", "BNB", "--json").stdout.count("\n") == 1


@pytest.mark.parametrize("command", [("show",), ("replay", "--until", "+1s")])
def test_bundled_is_the_session_that_comes_with_tapefold(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    first, *more = command
    result = run(first, "bundled", *more)
    assert result.exit_code == 0
    assert str(bundled()) in result.stdout.splitlines()[0]
    (tmp_path / "bundled").mkdir()
    result = run(first, "bundled", *more)
    assert result.exit_code == 3
    assert "bundled is not a session: it has no session.toml" in result.stderr


@pytest.mark.parametrize("command", [("replay",), ("show",), ("session", "score")])
def test_the_help_says_what_bundled_is(command: tuple[str, ...]) -> None:
    assert "bundled" in run(*command, "--help").stdout


def test_a_replay_that_stops_early_says_no_rate() -> None:
    early = run("replay", "--until", "1").stdout
    assert "0 frames, 1 events in 0.00 s\n" in early
    assert "frames/s" not in early
    assert " frames/s\n" in run("replay", "bundled").stdout


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("json:dumps", "json:dumps makes no adapter: TypeError: dumps() missing 1 required "),
        ("json:loads.none", "there is no adapter at json:loads.none: "),
        (":dumps", ":dumps makes no adapter: ValueError: Empty module name"),
    ],
)
def test_what_makes_no_adapter_is_bad_input(name: str, says: str) -> None:
    result = run("conformance", name)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith(f"tapefold: {says}")
    assert result.stderr.count("\n") == 1


def test_the_help_of_sim_names_the_key_that_it_prints() -> None:
    told = " ".join(run("sim", "--help").stdout.split())
    assert "The account's API key: `simulatedkey`, if not given." in told
    assert "What its requests are signed with: `simulatedsecret`, if not given." in told
