"""The conformance kit: the good adapter passes, and each planted defect is caught by its check.

No door but the kit's own: tapes go into a kernel in memory, without sockets and without time. What
trades is recorded in virtual time first.
"""

import gc
import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import tiny
from captures import ROOT, needs_recordings
from leaky_adapters import LEAKS, leaky
from planted_books import PLANTED, Planted
from planted_defects import Double, beginning, emptied
from private_runs import recording, trade
from trio.testing import MockClock

from tapefold.adapter import Adapter, load_adapter
from tapefold.errors import AdapterError, BadInput
from tapefold.replay import Replay
from tapefold.session import Session, bundled
from tapefold.testing import conform, conformance_tests, find_adapter, find_sessions
from tapefold.testing.conformance import CHECKS
from tapefold.testing.conformance.leaks import trapped
from tapefold.testing.conformance.market import Market
from tapefold.testing.conformance.sweep import CHECKS as BOOKS
from tapefold.testing.conformance.walk import Walk

SWEPT = tuple(check.name for check in BOOKS)
OURS = ("pure", "total", "exact", "round_trip", "requests", "redacted", "replays", *SWEPT)
CAPTURE = "cryptofeed/BINANCE_US-20211012"


def session_for(check: str) -> Session:
    """Faults need no whole session, digests do."""
    return beginning(bundled()) if check in SWEPT else Session(bundled())


def chained(folder: Path) -> Session:
    """A minute of USD-M futures, whose deltas name the one before."""
    book = json.loads(
        tiny.snapshot()
    )  # of the update with the first delta's number: so with its levels
    book["bids"].append(["99.01", "2.5"])
    book["asks"].append(["101.01", "0.125"])
    frames = [tiny.delta(1), json.dumps(book)]
    frames += [tiny.trade(n) if n % 3 == 0 else tiny.delta(n - n // 3) for n in range(2, 60)]
    return tiny.session(folder, frames)


# What is planted is caught


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: cast("Planted", planted).name)
def test_a_planted_defect_is_caught_by_its_check(planted: Planted) -> None:
    with planted.plant() as adapter:
        result = conform(adapter, [session_for(planted.check)], every=12, only=(planted.check,))
    assert result.failed == (planted.check,)


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_trapped_and_named(name: str) -> None:
    with leaky(name) as adapter:
        (checked,) = conform(adapter, [beginning(bundled())], only=("pure",)).checks
    assert any(LEAKS[name][-1] in failure for failure in checked.failures), checked.failures


def test_a_token_that_was_not_masked_is_found(tmp_path: Path) -> None:
    shutil.copytree(bundled(), tmp_path / "one")
    cassette = tmp_path / "one" / "http.yaml"
    good = cassette.read_text()
    cassette.write_text(good + '# {"listenKey":"listenKey1xxxxxxxxxxxxxx"}\n')
    adapter, session = load_adapter("binance"), Session(tmp_path / "one")
    assert conform(adapter, [session], only=("redacted",)).passed
    cassette.write_text(good + '# {"listenKey":"pqia91ma19a5s61cv6a81va65sdf19v8"}\n')
    (checked,) = conform(adapter, [session], only=("redacted",)).checks
    assert checked.failures[0].endswith(
        "a value of listenKey, which is declared as a secret, is not masked"
    )
    assert "pqia91ma19" not in str(checked.failures)


def test_an_account_that_was_not_masked_is_found_but_not_in_a_simulated_session(
    tmp_path: Path,
) -> None:
    shutil.copytree(bundled(), tmp_path / "one")
    with (tmp_path / "one" / "http.yaml").open("a") as file:
        file.write('# {"uid":354937868}\n')
    adapter, meta = load_adapter("binance"), tmp_path / "one" / "session.toml"
    assert conform(adapter, [Session(tmp_path / "one")], only=("redacted",)).passed
    meta.write_text(meta.read_text().replace('source = "simulator"', 'source = "live"'))
    result = conform(adapter, [Session(tmp_path / "one")], only=("redacted",))
    assert result.failed == ("redacted",)


def test_a_size_that_was_rounded_to_nothing_is_found() -> None:
    adapter = cast("Adapter", Double(decode=emptied))
    (checked,) = conform(adapter, [beginning(bundled())], only=("exact",)).checks
    assert checked.failures[0] == "a size of 0 in a Trade is not in its frame (line 13)"


def test_a_failure_says_where_it_was_and_how() -> None:
    planted = PLANTED[0]
    with planted.plant() as adapter:
        result = conform(adapter, [beginning(bundled())], every=12, only=("gap_told",))
    first = result.checks[0].failures[0]
    what = (
        r"minute-with-a-gap, line \d+, \w+: [A-Z]+-USDT is live at \d+ with other (bids|asks) than"
    )
    assert re.match(what, first), first


# What is good passes


def test_the_good_adapter_passes_with_the_bundled_session() -> None:
    result = conform(load_adapter("binance"), [Session(bundled())], every=40)
    assert result.failed == ()
    assert {*OURS} <= {check.name for check in result.checks}
    by_name = {check.name: check for check in result.checks}
    assert all(by_name[name].checked for name in OURS)
    assert by_name["gap_told"].of == 6 * 1768
    assert by_name["replays"].checked == 1
    coverage = result.coverage
    assert (coverage.lines, coverage.book_lines) == (8687, 1768)
    assert coverage.hit == {
        "drop": 45, "duplicate": 45, "delay": 45, "cut": 45, "half": 45, "silent": 2,
    }  # fmt: skip
    assert coverage.unseen_channels == ("aggregate_trades",)
    assert coverage.unseen_purposes == (
        "balances", "open_orders", "fees", "order", "fills", "place", "cancel",
    )  # fmt: skip


def test_at_every_line_of_the_beginning_the_good_engine_recovers() -> None:
    result = conform(load_adapter("binance"), [beginning(bundled())], every=2, only=SWEPT)
    assert result.failed == ()


def test_a_chain_by_previous_ids_passes_at_every_line(tmp_path: Path) -> None:
    session = chained(tmp_path)
    result = conform(load_adapter("binance_futures"), [session], only=SWEPT)
    assert result.failed == ()
    assert result.coverage.hit["drop"] == result.coverage.book_lines == 40


async def test_what_trades_passes_with_its_private_frames(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with recording(tmp_path / "traded") as (_, engine, _):
        await trade(engine)
    session = Session(tmp_path / "traded")
    result = conform(load_adapter("binance"), [session], every=20, only=OURS)
    assert result.failed == (), [check.failures for check in result.checks]
    assert {"place", "cancel", "balances"}.isdisjoint(result.coverage.unseen_purposes)


@needs_recordings
def test_a_real_recording_passes(recorded: Callable[[str], Session]) -> None:
    result = conform(load_adapter("binance_us"), [recorded(CAPTURE)], every=10, only=OURS)
    assert result.failed == (), [check.failures for check in result.checks]
    assert result.coverage.book_lines == 336


def test_the_second_implementation_agrees_with_the_kernel_at_every_line(tmp_path: Path) -> None:
    for session in (Session(bundled()), chained(tmp_path)):
        exchange = session.meta.exchanges[0]
        adapter, replay = load_adapter(exchange), Replay(session)
        market, walk, compared = Market(session, adapter), Walk(adapter), 0
        for moment in market.moments:
            walk.take(moment)
            replay.play(moment.line - replay.lines)
            for row in walk.known.values():
                true = walk.books[row.instrument]
                book = replay.views.books[row.instrument]
                assert true.live == (book.state == "live"), moment.line
                if true.live:
                    compared += 1
                    assert (true.bids, true.asks) == (book.bids.levels, book.asks.levels)
                    assert true.sequence == book.sequence
        assert compared > len(market.moments) // 2


def test_the_same_is_found_twice() -> None:
    adapter, sessions = load_adapter("binance"), [beginning(bundled())]
    one, two = (conform(adapter, sessions, every=40, only=("total", *SWEPT)) for _ in range(2))
    assert one.checks == two.checks


# How it is asked for


def test_only_some_checks_can_be_had_and_unknown_ones_are_refused() -> None:
    session = beginning(bundled())
    result = conform(load_adapter("binance"), [session], only=("total", "exact"))
    assert [check.name for check in result.checks] == ["total", "exact"]
    with pytest.raises(BadInput, match=r"^there is no check nonsense; there is pure, total, exact"):
        conform(load_adapter("binance"), [session], only=("nonsense",))


def test_sessions_must_be_of_the_exchange() -> None:
    with pytest.raises(BadInput, match="is a session of binance, not of binance_us"):
        conform(load_adapter("binance_us"), [Session(bundled())])
    with pytest.raises(BadInput, match="there is no session of binance to check"):
        conform(load_adapter("binance"), [])


def test_adapters_are_found_by_name_and_by_place() -> None:
    assert find_adapter("binance").description.exchange == "binance"
    assert find_adapter("tapefold_adapters.binance:binance_us").description.exchange == "binance_us"
    for name, what in (
        ("nobody", "there is no adapter 'nobody'"),
        ("no_such_module:ADAPTER", "there is no adapter at no_such_module:ADAPTER"),
        ("tapefold_adapters.binance:NOTHING", "there is no adapter at"),
        ("decimal:Decimal", "decimal:Decimal is no adapter"),
    ):
        with pytest.raises(AdapterError, match=what):
            find_adapter(name)


def test_sessions_are_found_in_the_folder_of_cassettes_and_the_bundled_one(tmp_path: Path) -> None:
    assert [each.folder for each in find_sessions("binance", tmp_path)] == [bundled()]
    shutil.copytree(bundled(), tmp_path / "binance" / "one")
    found = find_sessions("binance", tmp_path)
    assert [each.folder for each in found] == [tmp_path / "binance" / "one", bundled()]
    with pytest.raises(BadInput, match=r"no session of binance_us in .*: record one, or name it"):
        find_sessions("binance_us", tmp_path)


def test_in_pytest_it_is_one_test_a_check() -> None:
    test = cast("Any", conformance_tests("binance", [bundled()], every=400))
    (mark,) = test.pytestmark
    assert mark.args == ("check", [check.name for check in CHECKS])
    for name in ("pure", "gap_told"):
        test(name)
    broken = conformance_tests("planted_defects:all_sell_adapter", [bundled()])
    with pytest.raises(AssertionError, match="minute-with-a-gap does not reach the digest"):
        broken("replays")


# The command


def test_the_command_prints_a_line_a_check_and_what_was_covered() -> None:
    named = "binance", "--session", bundled(), "--every", "400"
    result = tiny.run("conformance", *named, "--only", "exact", "--only", "once")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("exact  passed  8,730 of 8,730  every price and size")
    assert lines[1].startswith("once  passed  5 of 1,768  a frame that comes twice")
    assert lines[2] == "tapes: 8,687 lines, 1,768 of them with a book"
    assert lines[3] == "faults planted: drop 5, duplicate 5, delay 5, cut 5, half 5, silent 1"
    assert lines[4] == "channels that no session shows: aggregate_trades"
    assert lines[-1].startswith("binance: 2 of 2 checks passed, in ")


def test_the_command_tells_of_failures_and_ends_with_1() -> None:
    named = "planted_defects:all_sell_adapter", "--session", bundled()
    result = tiny.run("conformance", *named, "--only", "replays")
    assert result.exit_code == 1
    assert "replays  failed  1 of 1" in result.stdout
    assert "replays: minute-with-a-gap does not reach the digest of its log" in result.stdout
    what = "tapefold: planted_defects:all_sell_adapter does not keep to replays\n"
    assert result.stderr == what


def test_the_command_tells_machines() -> None:
    result = tiny.run("conformance", "binance", "--session", bundled(), "--only", "exact", "--json")
    told = json.loads(result.stdout)
    assert (told["passed"], told["exchange"]) == (True, "binance")
    assert [(check["name"], check["checked"]) for check in told["checks"]] == [("exact", 8730)]
    assert told["coverage"]["unseen_channels"] == ["aggregate_trades"]


def test_the_command_says_what_is_wrong_in_one_line() -> None:
    result = tiny.run("conformance", "nobody")
    assert result.exit_code == 3
    assert result.stderr.startswith("tapefold: there is no adapter 'nobody'; installed: binance")


# The page


def test_the_pages_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "conformance.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(example, "conformance.md", "exec"), {})
    assert capsys.readouterr().out == "('aggregate_trades',)\n"


def test_the_page_has_the_table_of_what_was_planted() -> None:
    page = (ROOT / "docs" / "conformance.md").read_text()
    for planted in PLANTED:
        row = f"| {planted.name} | {planted.source} | {planted.how} | `{planted.check}` |"
        assert row in page, row
    for check in CHECKS:
        if check.name in OURS:
            assert f"| `{check.name}` | {check.sentence} |" in page, check.name


def test_what_others_do_when_garbage_is_collected_is_not_held_against_an_adapter() -> None:
    """Hypothesis, for one, reads a clock each time."""

    def collected(phase: str, info: dict[str, int]) -> None:
        time.perf_counter()

    gc.callbacks.append(collected)
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        with trapped() as noted:
            kept = [{"garbage": [n]} for n in range(1_000)]
        assert (len(kept), noted) == (1_000, [])
        assert gc.isenabled()
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(collected)
