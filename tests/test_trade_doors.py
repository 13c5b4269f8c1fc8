"""A session with orders comes to the same digest by every door: replay, mock and virtual.

All three, since that they agree is the promise; the session is made by the simulator.
"""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from trio.testing import MockClock

from tapefold import (
    SECOND,
    Cancel,
    CancelAll,
    Command,
    Halt,
    LimitRisk,
    Query,
    Resume,
    Session,
    SetFees,
    Submit,
    Views,
    open_engine,
)
from tapefold.engine.opening import Mode
from tapefold.sim import FUNDED, record

STORY = replace(FUNDED, lasts=40 * SECOND)
BTC, ETH = "BTC-USDT", "ETH-USDT"


def buy(amount: str, price: str | None, pair: str = BTC, **more: str) -> Submit:
    exact = Decimal(price) if price else None
    kind = "limit" if price else "market"
    return Submit("binance", pair, "buy", Decimal(amount), exact, order_type=kind, **more)  # type: ignore[arg-type]  # words of `Submit`


ORDERS: list[tuple[int, Command]] = [
    (4, LimitRisk("binance", notional_max=Decimal(50_000))),
    (4, SetFees("binance", maker_rate=Decimal("0.0002"), taker_rate=Decimal("0.0004"))),
    (5, buy("0.01", "64000")),
    (6, buy("0.01", None)),
    (7, buy("1", "64000")),
    (8, Submit("binance", ETH, "sell", Decimal(2), Decimal(3184))),
    (9, buy("0.5", "3185", ETH, tif="ioc")),
    (10, buy("0.01", "64000.001")),
    (12, Query("sim-7-1")),
    (14, Cancel("sim-7-1")),
    (16, buy("0.02", "64000")),
    (20, CancelAll("binance")),
    (24, Halt("enough")),
    (25, buy("0.01", None)),
    (26, Resume()),
    (27, Submit("binance", BTC, "sell", Decimal("0.01"), order_type="market")),
]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    folder = tmp_path_factory.mktemp("orders") / "session"
    commands = [(after * SECOND, command) for after, command in ORDERS]
    return record(folder, STORY, 7, versions={"tapefold": "0"}, commands=commands)


def ends(views: Views) -> dict[str, str]:
    return {name: order.status for name, order in views.orders.ours.items()}


async def played(session: Session, mode: Mode) -> tuple[str, dict[str, str], dict[str, str]]:
    async with open_engine(session, mode=mode) as engine:
        await engine.ended()
        return engine.log.digest(), engine.views.digests(), ends(engine.views)


async def test_the_replay_comes_to_what_was_recorded(session: Session) -> None:
    digest, folds, status = await played(session, "replay")
    assert (digest, folds) == (session.meta.digests.log, session.meta.digests.folds)
    assert {"orders", "balances", "positions"} <= set(folds)
    assert status == {
        "sim-7-1": "canceled",
        "sim-7-2": "filled",
        "sim-7-3": "rejected",
        "sim-7-4": "canceled",
        "sim-7-5": "filled",
        "sim-7-6": "rejected",
        "sim-7-7": "canceled",
        "sim-7-8": "rejected",
        "sim-7-9": "filled",
    }


async def test_mock_mode_comes_to_the_same(session: Session) -> None:
    """Real sockets and the vcrpy cassette: what is asked is compared with what was recorded."""
    assert await played(session, "mock") == await played(session, "replay")


async def test_so_does_virtual_time(session: Session, autojump_clock: MockClock) -> None:
    assert await played(session, "virtual") == await played(session, "replay")


async def test_no_secret_is_in_the_session(session: Session) -> None:
    text = b"".join(
        path.read_bytes() for path in session.folder.iterdir() if path.suffix in (".toml", ".yaml")
    ) + b"\n".join(bytes(line.data) for line in session.lines())
    for word in (b"signature=", b'"signature":', b"secret", b'"apiKey"', b"X-MBX-APIKEY"):
        assert word not in text


_REPLAY = """
import sys
from tapefold import Session, replay_report
print(replay_report(Session(sys.argv[1])).digests.log)
"""


@pytest.mark.parametrize("seed", ["0", "1", "2", "3", "4"])
def test_in_every_process_it_is_the_same(session: Session, seed: str) -> None:
    command = [sys.executable, "-c", _REPLAY, str(session.folder)]
    told = subprocess.run(
        command,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert told.stdout.strip() == session.meta.digests.log


def test_made_again_it_is_the_same_session(session: Session, tmp_path: Path) -> None:
    commands = [(after * SECOND, command) for after, command in ORDERS]
    again = record(tmp_path / "again", STORY, 7, versions={"tapefold": "0"}, commands=commands)
    for path in session.folder.iterdir():
        assert (again.folder / path.name).read_bytes() == path.read_bytes()
