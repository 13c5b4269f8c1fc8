"""What the pages show, runs. Mock mode over sockets for what embeds the engine, virtual time for tests."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from captures import ROOT
from trio.testing import MockClock

import tapefold
from tapefold import Live
from tapefold.testing import open_virtual


def shown(page: str) -> list[dict[str, Any]]:
    """What each Python example of a page defines."""
    text = (ROOT / "docs" / page).read_text()
    spaces: list[dict[str, Any]] = []
    for example in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        space: dict[str, Any] = {}
        exec(compile(example, page, "exec"), space)
        spaces.append(space)
    return spaces


async def test_mock_mode_as_it_is_shown() -> None:
    main: Callable[[], Awaitable[None]] = shown("record-and-mock.md")[0]["main"]
    await main()


async def test_a_live_engine_as_it_is_shown(
    autojump_clock: MockClock, tmp_path: Any, monkeypatch: Any
) -> None:
    """The example, with an exchange in virtual time in the real one's place."""
    space = shown("record-and-mock.md")[1]
    monkeypatch.chdir(tmp_path)
    async with open_virtual() as exchange:
        outside = exchange.outside

        def live(names: tuple[str, ...]) -> Live:
            return Live(names, outside=outside)

        monkeypatch.setattr(tapefold, "Live", live)
        with trio.fail_after(60):
            await space["watch"]()
    assert tapefold.replay_report(tapefold.Session(tmp_path / "today")).reached


async def test_trading_as_it_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Real sockets, and real time: the exchange is one on this machine, as the page says."""
    main: Callable[[], Awaitable[list[str]]] = shown("trade.md")[0]["main"]
    with trio.fail_after(60):
        fills = await main()
    assert fills
    assert " filled\nBTC 2.00999\n" in capsys.readouterr().out


async def test_two_runs_on_one_log_as_they_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Real sockets, and real time, as above; the log is a file."""
    with trio.fail_after(60):
        await shown("embed.md")[0]["main"](tmp_path / "log")
    said = capsys.readouterr().out
    assert "-2 filled 0.02\nfill 0.0" in said
    assert "-1 0.01\n" in said
    with tapefold.History(tmp_path / "log") as history:
        orders = history.views().orders
        assert [order.status for order in orders.ours.values()] == ["canceled", "filled"]


async def test_a_test_of_the_wire_as_it_is_shown(autojump_clock: MockClock) -> None:
    await shown("record-and-mock.md")[2]["test_books_are_right_after_a_restart"](autojump_clock)


def test_a_strategy_as_it_is_shown(tmp_path: Any) -> None:
    """No sockets, and no time passes."""
    space = shown("strategies.md")[0]
    space["main"](tmp_path / "bid")
    with pytest.raises(tapefold.Mismatch, match=r'≠ amount: asked "0\.02", recorded "0\.01"'):
        tapefold.replay_report(
            tapefold.Session(tmp_path / "bid"), strategies=[space["Bid"](amount="0.02")]
        )
