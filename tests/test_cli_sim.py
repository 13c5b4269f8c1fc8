"""`tapefold sim`: what it prints, and how it ends.

No door: it is a process of its own on loopback, as its users have it, and is waited for by what it says.
"""

import json
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager
from subprocess import Popen

import httpx
import pytest
from tiny import run, started


@contextmanager
def serving(*args: str) -> Generator["tuple[Popen[str], list[str]]"]:
    """A process that serves, and the lines that it has said by then."""
    with started("sim", "binance", *args) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        more = 0 if first.startswith("{") else 7
        yield process, [first.rstrip(), *(process.stdout.readline().rstrip() for _ in range(more))]


def ended(process: "Popen[str]", number: signal.Signals) -> tuple[int, str, str]:
    """How it ends after a signal."""
    process.send_signal(number)
    out, err = process.communicate()
    return process.returncode, out, err


def test_it_prints_where_it_is_and_ctrl_c_ends_it() -> None:
    with serving("--seed", "7") as (process, lines):
        where = lines[1].split()[-1]
        port = where.rpartition(":")[2]
        assert lines == [
            "serving simulated binance, seed 7; Ctrl-C ends it",
            f"  REST            http://127.0.0.1:{port}",
            f"  market streams  ws://127.0.0.1:{port}",
            f"  WebSocket API   ws://127.0.0.1:{port}/ws-api/v3",
            "  key             simulatedkey",
            "  secret          simulatedsecret",
            "  symbols         BTC-USDT, ETH-USDT, MOTE-USDT",
            "  balances        2 BTC, 50 ETH, 10000000 MOTE, 100000 USDT",
        ]
        book = httpx.get(f"{where}/api/v3/depth?symbol=BTCUSDT&limit=5", trust_env=False).json()
        assert len(book["bids"]) == 5
        assert ended(process, signal.SIGINT) == (130, "", "tapefold: interrupted\n")


def test_machines_get_one_line_and_a_secret_that_was_given_is_not_said() -> None:
    with serving("--json", "--key", "mine", "--secret", "sesame-sesame") as (process, (line,)):
        facts = json.loads(line)
        port = facts["port"]
        assert facts == {
            "exchange": "binance",
            "seed": 0,
            "port": port,
            "addresses": {
                "REST": f"http://127.0.0.1:{port}",
                "market streams": f"ws://127.0.0.1:{port}",
                "WebSocket API": f"ws://127.0.0.1:{port}/ws-api/v3",
            },
            "key": "mine",
            "secret": None,
            "symbols": ["BTC-USDT", "ETH-USDT", "MOTE-USDT"],
            "balances": {"BTC": "2", "ETH": "50", "MOTE": "10000000", "USDT": "100000"},
        }
        assert ended(process, signal.SIGTERM) == (130, "", "tapefold: interrupted\n")


def test_a_second_one_on_the_same_port_is_told_so_in_one_line() -> None:
    with serving("--json") as (process, (line,)):
        port = json.loads(line)["port"]
        second = run("sim", "binance", "--port", str(port))
        assert second.exit_code == 4
        assert second.stdout == ""
        assert second.stderr == (
            f"tapefold: cannot listen on port {port} of 127.0.0.1: Address already in use; name "
            "another one, or 0 for any that is free\n"
        )
        assert ended(process, signal.SIGHUP)[0] == 130


def test_the_port_that_was_named_is_used_and_is_free_again_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for _ in range(2):
        with serving("--json", "--port", str(port)) as (process, (line,)):
            assert json.loads(line)["port"] == port
            url = f"http://127.0.0.1:{port}/api/v3/time"
            assert httpx.get(url, trust_env=False).json()["serverTime"] > 0
            assert ended(process, signal.SIGINT)[0] == 130


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["sim"], 2, "Missing argument 'EXCHANGE'"),
        (["sim", "nowhere"], 3, "there is no simulated 'nowhere'; installed: binance"),
        (["sim", "binance", "--port", "70000"], 2, "70000 is not in the range"),
        (["sim", "binance", "--port", "abc"], 2, "'abc' is not a valid integer; see"),
        (["sim", "binance", "--seed", "1.5"], 2, "'1.5' is not a valid integer; see"),
        (["sim", "binance", "--speed", "0"], 2, "0 is no speed between 1e-06 and 20"),
        (["sim", "binance", "--speed", "nan"], 2, "nan is no speed"),
        (["sim", "binance", "--speed", "fast"], 2, "'fast' is no number"),
        (["sim", "binance", "--key", ""], 2, "plain characters, at least one"),
        (["sim", "binance", "--secret", "a\nb"], 2, "plain characters, at least one"),
    ],
)
def test_what_cannot_be_is_one_line(args: list[str], code: int, words: str) -> None:
    result = run(*args)
    assert result.exit_code == code
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_an_exchange_that_is_not_there_is_told_as_record_tells_it() -> None:
    sim, record = run("sim", "kraken"), run("record", "kraken", "BTC-USD", "-o", "never-made")
    assert sim.exit_code == record.exit_code == 3
    assert sim.stderr == "tapefold: there is no simulated 'kraken'; installed: binance\n"
    assert record.stderr.startswith("tapefold: there is no adapter 'kraken'; installed: binance, ")


def test_its_help_has_an_example() -> None:
    result = run("sim", "--help")
    assert result.exit_code == 0
    assert "tapefold sim binance --port 8080 --seed 7" in result.stdout
    assert " sim " in run("--help").stdout
