"""`tapefold scenario`: what it runs, prints and writes, and its exit codes.

No door: what runs a scenario is another module's, and here a double that comes to what its name says. At
the end real files are run in every way. Ctrl-C is pressed on processes that wait for it.
"""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import scenario_doubles as doubles
from captures import ROOT
from msgspec.structs import replace
from scenario_doubles import SECOND, WAYS, failing, outcome, place, works
from tiny import run

from tapefold.cli import scenario_run
from tapefold.cli.scenario_chosen import Words, parse_words
from tapefold.cli.scenario_crew import InOrder, News, alone, together
from tapefold.cli.scenario_junit import report
from tapefold.cli.scenario_recorded import Kept, keep
from tapefold.cli.scenario_table import Rows
from tapefold.cli.terminal import console
from tapefold.scenario import Failed, Given, Place, Told, running
from tapefold.scenario.reading import schema
from tapefold.scenario.retold import Again, failure_lines, since, story_lines

Run = Callable[..., Any]


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Says which scenarios there are, and has doubles run them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "run", doubles.run)
    monkeypatch.setattr(running, "ways_of", doubles.ways_of)

    def these(*places: str | Place) -> None:
        found = [place(each) if isinstance(each, str) else each for each in places]
        monkeypatch.setattr(scenario_run, "read_all", doubles.reading(found))

    return these


def lines(*args: str | Path, code: int = 0) -> list[str]:
    """What a run says, without the seconds of its sum."""
    result = run("scenario", "run", *args)
    assert result.exit_code == code, result.output
    return [*result.stdout.splitlines()]


# A run in a pipe


def test_each_outcome_is_a_line_and_the_last_line_is_the_sum(there: Run) -> None:
    there("buys", "sells")
    *told, last = lines()
    assert told == [
        f"passed  binance  {name}  {way}  0.25 s" for name in ("buys", "sells") for way in WAYS
    ]
    assert last.startswith("2 scenarios, 6 runs, 0 failed, ")
    assert last.endswith(" s")


def test_a_failure_is_told_with_its_story_and_how_to_see_it_again(there: Run) -> None:
    there("buys", "fails_at_replay")
    told = lines("--cassettes", "my tapes", code=1)
    assert told[4] == (
        "FAILED  binance  fails_at_replay  replay  0.25 s  "
        "then.orders.buy.status: expected filled, was canceled (and 1 more)"
    )
    assert told[5] == "passed  binance  fails_at_replay  mock  0.25 s"
    assert told[6:21] == [
        "",
        "FAILED  fails_at_replay at binance, replay: A story",
        "  scenarios/fails_at_replay.toml:12: then.orders.buy.status",
        "    expected  filled",
        "    actual    canceled",
        "  scenarios/fails_at_replay.toml",
        "    expected  nothing left over",
        "    actual    1 request:",
        "              GET /a",
        "  the story:",
        "     +0.000 s  > submit buy: buy 1 BTC-USDT at 100",
        "     +0.500 s  ! unanswered: place",
        "    +61.001 s    OrderCanceled\\x0aof buy",
        "  again: tapefold scenario run scenarios/fails_at_replay.toml --exchange binance "
        "--cassettes 'my tapes'",
        "",
    ]
    assert told[21].startswith("2 scenarios, 6 runs, 1 failed, ")
    assert len(told) == 22


def test_an_error_is_told_with_its_diff_and_the_others_go_on(there: Run) -> None:
    there("raises", "buys")
    told = lines(code=1)
    assert told[0] == "FAILED  binance  raises  simulator  0.00 s  not what was recorded"
    assert [line.split()[2:4] for line in told[:3]] == [["raises", way] for way in WAYS]
    assert [line.split()[:3] for line in told[3:6]] == [["passed", "binance", "buys"]] * 3
    assert told[7:10] == [
        "FAILED  raises at binance, simulator: A story",
        "  not what was recorded",
        "    ≠ amount",
    ]


def test_a_fault_of_ours_is_an_outcome_and_not_a_traceback(there: Run) -> None:
    there("breaks", "buys")
    told = lines(code=1)
    assert told[0].startswith(
        "FAILED  binance  breaks  simulator  0.00 s  internal error, KeyError: 'a key' (this is our fault"
    )
    assert "Traceback" not in "\n".join(told)
    assert told[-1].startswith("2 scenarios, 6 runs, 3 failed, ")


def test_with_traceback_it_says_where_the_fault_is(there: Run) -> None:
    there("breaks")
    result = run("--traceback", "scenario", "run")
    assert result.exit_code == 1
    assert "  Traceback (most recent call last):\n" in result.stdout
    assert "scenario_doubles.py" in result.stdout


def test_x_stops_at_the_first_failure(there: Run) -> None:
    there("buys", "fails_at_replay", "sells")
    told = lines("-x", code=1)
    assert [line.split()[2:4] for line in told[:5]] == [
        *(["buys", way] for way in WAYS),
        ["fails_at_replay", "simulator"],
        ["fails_at_replay", "replay"],
    ]
    assert told[5] == ""
    assert told[-1].startswith("2 scenarios, 5 runs, 1 failed, ")
    assert told[-1].endswith(" s; not run to the end: 2")


def test_machines_get_one_object_an_outcome(there: Run) -> None:
    there("fails_at_mock")
    first, _, third = map(json.loads, lines("--json", code=1))
    assert first == {
        "name": "fails_at_mock",
        "path": "scenarios/fails_at_mock.toml",
        "title": "A story",
        "exchange": "binance",
        "way": "simulator",
        "passed": True,
        "seconds": 0.25,
        "digest": str(os.getpid()),
        "error": "",
        "failed": [],
    }
    assert (third["passed"], third["error"], third["way"]) == (False, "", "mock")
    assert third["failed"][0] == {
        "key": "then.orders.buy.status",
        "line": 12,
        "expected": "filled",
        "actual": "canceled",
    }
    assert third["story"][1] == {"at": SECOND // 2, "who": "fault", "text": "unanswered: place"}
    assert third["again"] == (
        "tapefold scenario run scenarios/fails_at_mock.toml --exchange binance"
    )


def test_ctrl_c_tells_what_was_done_by_then(there: Run, tmp_path: Path) -> None:
    there("fails_at_mock", "interrupted", "sells")
    result = run("scenario", "run", "--junit", tmp_path / "report.xml")
    assert result.exit_code == 130
    assert result.stderr == "tapefold: interrupted\n"
    told = result.stdout.splitlines()
    assert len([line for line in told if line.startswith(("passed  b", "FAILED  b"))]) == 3
    assert told[-1].startswith("1 scenario, 3 runs, 1 failed, ")
    assert told[-1].endswith("; not run to the end: 2")
    root = ET.parse(tmp_path / "report.xml").getroot()
    assert (root.get("tests"), root.get("failures")) == ("3", "1")


def test_a_story_is_cut_at_its_beginning() -> None:
    story = [Told(n * SECOND, "log", f"line {n}") for n in range(45)]
    told = story_lines(story)
    assert told[0] == "  the last 30 lines of the story, 15 are left out:"
    assert told[1] == "    +15.000 s    line 15"
    assert told[-1] == "    +44.000 s    line 44"
    assert len(told) == 31
    assert story_lines(()) == []
    assert since(0) == "+0.000 s"


def test_of_a_long_story_steps_and_orders_stay() -> None:
    steps = [Told(n, "step", f"step {n}") for n in range(5)]
    fault = Told(10, "fault", "unanswered place")
    orders = [Told(100 + n, "log", "OrderAccepted buy") for n in range(10)]
    closed = [Told(200 + n, "log", "ConnectionClosed lane=a") for n in range(10)]
    surveys = [Told(300 + n, "log", "AccountSurveyed complete=True") for n in range(500)]
    told = story_lines([*steps, fault, *orders, *closed, *surveys])
    assert told[0] == "  30 lines of the story, steps and orders first; 496 are left out:"
    assert [line.split()[2] for line in told[1:]] == [
        *([">"] * 5),
        "!",
        *(["OrderAccepted"] * 10),
        *(["ConnectionClosed"] * 10),
        *(["AccountSurveyed"] * 4),
    ]
    orders = [Told(100 + n, "log", f"OrderFilled {n}") for n in range(100)]
    told = story_lines([*steps, *orders, *surveys])
    assert [line.split()[-1] for line in told[1:]] == [
        *map(str, range(5)),
        *map(str, range(75, 100)),
    ]


def test_a_story_that_was_cut_says_where_all_of_it_is() -> None:
    short, long = (
        failing(place("bad"), way="replay"),
        replace(failing(place("bad")), story=doubles.STORY * 11),
    )
    again = "  again: tapefold scenario run scenarios/bad.toml --exchange binance"
    assert failure_lines(short, Again())[-1] == again
    assert failure_lines(long, Again())[-2:] == [again, "  with --json it tells the whole story"]


def test_a_stale_recording_says_how_it_is_made_anew() -> None:
    where = "cassettes/binance/buys/tape.jsonl, as recorded"
    stale = outcome(place("buys"), failed=(Failed("", 0, where, "line 3 is other"),))
    told = failure_lines(stale, Again(("--cassettes", "tapes")))
    assert told[-2] == (
        "  if that is what you meant: "
        "tapefold scenario run scenarios/buys.toml --exchange binance --record --cassettes tapes"
    )
    both = replace(stale, failed=(*stale.failed, *failing(place("buys")).failed))
    assert not any("what you meant" in line for line in failure_lines(both, Again()))


# Which ones


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("limit buy", Words(("limit", "buy"))),
        ("Limit and not Maker", Words(("limit",), ("maker",))),
        ("not a not b c", Words(("c",), ("a", "b"))),
        ("", Words()),
    ],
)
def test_words_are_read_as_they_are_meant(text: str, words: Words) -> None:
    assert parse_words(text) == words


@pytest.mark.parametrize("text", ["a or b", "not", "a not not b", "(a)", "not or"])
def test_other_words_are_wrong_usage(text: str) -> None:
    result = run("scenario", "run", "-k", text)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.endswith("scenario run --help`\n")


def test_k_picks_by_name_and_by_title(there: Run) -> None:
    there(place("limit_buy", "A buy is Filled"), place("limit_sell", "A sale"), "cancel_all")
    for words, names in {
        "limit": ["limit_buy", "limit_sell"],
        "LIMIT not sale": ["limit_buy"],
        "filled": ["limit_buy"],
        "not limit": ["cancel_all"],
    }.items():
        told = [json.loads(line)["name"] for line in lines("--json", "-k", words)]
        assert told == [name for name in names for _ in WAYS], words
    told = [json.loads(line)["name"] for line in lines("--json", "-k", "limit", "-k", "buy")]
    assert told == ["limit_buy"] * 3


def test_k_that_leaves_none_says_what_there_is(there: Run) -> None:
    there("limit_buy", "cancel_all")
    result = run("scenario", "run", "-k", "market")
    assert result.exit_code == 3
    assert result.stderr == (
        "tapefold: -k leaves none of the scenarios; these were to choose from: limit_buy, cancel_all\n"
    )


def test_without_exchanges_of_its_own_it_runs_wherever_one_can_trade(there: Run) -> None:
    there(place("anywhere", exchanges=()))
    assert {json.loads(line)["exchange"] for line in lines("--json")} == {"binance"}


def test_an_exchange_leaves_out_what_is_not_for_it(there: Run) -> None:
    told_by = Given(session="binance/one")
    futures = place("futures", exchanges=("binance_futures", "binance"))
    there("buys", replace(futures, scenario=replace(futures.scenario, given=told_by)))
    told = [json.loads(line) for line in lines("--json", "--exchange", "binance_futures")]
    assert [(each["name"], each["exchange"]) for each in told] == [
        ("futures", "binance_futures")
    ] * 3


@pytest.mark.parametrize(
    ("exchange", "says"),
    [
        ("kraken", "there is no adapter 'kraken'; installed: binance"),
        (
            "binance_us",
            "none of these scenarios can be run at binance_us; their exchanges: binance",
        ),
    ],
)
def test_an_exchange_that_is_not_there_is_one_line(there: Run, exchange: str, says: str) -> None:
    there("buys")
    result = run("scenario", "run", "--exchange", exchange)
    assert result.exit_code == 3
    assert result.stderr.startswith(f"tapefold: {says}")
    assert result.stderr.count("\n") == 1


def test_an_exchange_of_a_file_that_is_not_there_is_a_line_each_and_nothing_runs(
    files: Path,
) -> None:
    text = BUY.replace('["binance"]', '["binance", "binanse"]')
    (files / "buys.toml").write_text(text)
    (files / "buys_more.toml").write_text(BUY.replace('["binance"]', '["binance_us"]'))
    result = run("scenario", "run", "--junit", "report.xml")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.splitlines() == [
        "tapefold: scenarios/buys.toml:2: exchanges: there is no exchange 'binanse'; "
        'did you mean "binance"? There is binance',
        "scenarios/buys_more.toml:2: exchanges: there is no simulated binance_us; there is binance",
    ]
    assert not Path("report.xml").exists()
    (files / "buys_more.toml").unlink()
    (files / "wrong.toml").unlink()
    assert len(lines("--exchange", "binance")) == 2


def test_what_cannot_be_run_in_any_way_is_one_line(there: Run) -> None:
    there("nowhere")
    result = run("scenario", "run")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == (
        "tapefold: there is no way to run nowhere: no simulator, and no recording\n"
    )


# By several processes


def told_of(news: Sequence[News]) -> list[tuple[int, str, str]]:
    return [(each.number, each.outcome.way, each.outcome.error) for each in news if each.outcome]


def ordered(news: Sequence[News]) -> list[News]:
    order = InOrder()
    found = [each for one in news for each in order.take(one)]
    assert order.rest() == []
    return found


def test_two_processes_come_to_the_same_in_the_same_order() -> None:
    several = works("buys", "fails_at_replay", "sells", "raises", "breaks", "a", "b")
    one = [*alone(several, doubles.outcomes)]
    two = ordered([*together(several, 2, doubles.outcomes)])

    assert [*map(anywhere, two)] == [*map(anywhere, one)]
    pids = {each.outcome.digest for each in two if each.outcome and each.outcome.passed}
    assert str(os.getpid()) not in pids
    assert 1 <= len(pids) <= 2


def anywhere(news: News) -> News:
    """The double says there which process it was."""
    return news._replace(outcome=news.outcome and replace(news.outcome, digest=""))


@pytest.mark.parametrize(
    ("name", "before", "how"),
    [("dies", [], "with exit code 3"), ("is_killed", ["simulator"], "by signal 9")],
)
def test_a_process_that_dies_is_an_outcome_and_no_hang(
    name: str, before: list[str], how: str
) -> None:
    news = ordered([*together(works("buys", name, "sells"), 2, doubles.outcomes)])
    at = WAYS[len(before)]
    assert told_of(news) == [
        *((0, way, "") for way in WAYS),
        *((1, way, "") for way in before),
        (1, at, f"the process that ran it ended {how}"),
        *((2, way, "") for way in WAYS),
    ]


def test_the_processes_are_gone_when_nobody_listens_any_more() -> None:
    news = together(works("waits", "waits"), 2, doubles.outcomes)
    pids: set[int] = set()
    for each in news:
        if each.outcome:
            pids.add(int(each.outcome.digest))
        if len(pids) == 2:
            break
    news.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_what_a_process_leaves_that_is_ended_is_gone_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    news = together(works("leaves", "leaves"), 2, doubles.outcomes)
    left = next(each.outcome.error for each in news if each.outcome)
    assert Path(left).is_relative_to(tmp_path)
    assert Path(left).exists()
    news.close()
    assert [*tmp_path.iterdir()] == []


def test_news_of_later_work_waits_for_the_first() -> None:
    order, of = InOrder(), outcome(place("a"))
    assert order.take(News(1)) == []
    assert order.take(News(1, of)) == []
    assert order.take(News(0)) == [News(0)]
    assert order.take(News(0, of)) == [News(0, of)]
    assert order.take(News(2, of)) == []
    assert order.take(News(0, done=True)) == [News(0, done=True), News(1), News(1, of)]
    assert order.take(News(1, done=True)) == [News(1, done=True), News(2, of)]
    assert order.take(News(3)) == []
    assert order.rest() == [News(3)]


def pressed(
    *args: str, names: Sequence[str], after: int, number: signal.Signals = signal.SIGINT
) -> tuple[int, list[str], str]:
    """Ctrl-C, or another signal, as a terminal sends it to all its processes, after so many lines."""
    program = [sys.executable, str(ROOT / "tests" / "scenario_doubles.py"), *args, "--", *names]
    with subprocess.Popen(
        program,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        told = [process.stdout.readline().rstrip() for _ in range(after)]
        os.killpg(process.pid, number)
        out, err = process.communicate(timeout=60)
    return process.returncode, [*told, *out.splitlines()], err


def test_x_stops_several_processes_where_it_stops_one() -> None:
    script = [sys.executable, str(ROOT / "tests" / "scenario_doubles.py"), "-x", "--jobs"]
    names = ["--", "buys", "fails_at_replay", "sells", "fails"]
    one, two = (
        subprocess.run([*script, jobs, *names], capture_output=True, text=True, check=False)
        for jobs in ("1", "2")
    )
    assert (two.returncode, two.stderr) == (one.returncode, one.stderr) == (1, "")
    told = one.stdout.splitlines()
    assert two.stdout.splitlines()[:-1] == told[:-1]
    assert told[4].startswith("FAILED  binance  fails_at_replay  replay  ")
    assert told[-1].startswith("2 scenarios, 5 runs, 1 failed, ")


@pytest.mark.parametrize(
    ("jobs", "number"),
    [
        ("1", signal.SIGINT),
        ("1", signal.SIGTERM),
        ("1", signal.SIGHUP),
        ("2", signal.SIGINT),
        ("2", signal.SIGTERM),
    ],
)
def test_ctrl_c_a_kill_and_a_closed_terminal_end_it_and_its_processes(
    jobs: str, number: signal.Signals, tmp_path: Path
) -> None:
    report_at, cassettes = tmp_path / "report.xml", tmp_path / "cassettes"
    where = ("--junit", str(report_at), "--record", "--cassettes", str(cassettes))
    code, told, err = pressed(
        "--jobs",
        jobs,
        *where,
        names=["buys", "waits", "sells"],
        after=5 - (jobs == "2"),
        number=number,
    )
    assert (code, err) == (130, "tapefold: interrupted\n")
    passed = [line for line in told if line.startswith("passed")]
    assert passed[:4] == [
        *(f"passed  binance  buys  {way}  0.25 s" for way in WAYS),
        "passed  binance  waits  simulator  0.25 s",
    ]
    assert "not run to the end: " in told[-1]
    assert not any(line.startswith("FAILED") for line in told)
    assert ET.parse(report_at).getroot().get("tests") == str(len(passed))
    assert [path.name for path in cassettes.iterdir() if path.name != "binance"] == []


def test_a_signal_that_who_runs_us_ignores_stays_ignored(
    there: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    there("buys", "sells")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    real = doubles.run

    def hung_up(*args: Any, **more: Any) -> Any:
        os.kill(os.getpid(), signal.SIGHUP)
        return real(*args, **more)

    monkeypatch.setattr(running, "run", hung_up)
    try:
        assert len(lines()) == 7
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


# The report for machines that build


def test_the_report_counts_and_says_why() -> None:
    bad = place("bad", "A \x1b[31mred\x00 title")
    told = [
        outcome(place("good"), way="simulator"),
        failing(bad, way="replay"),
        outcome(bad, way="mock", error="it \ud800broke\nhere"),
        outcome(place("good"), "other", seconds=1.5),
    ]
    root = ET.fromstring(report(told, Again(("--record",))))
    assert (root.tag, root.attrib) == (
        "testsuites",
        {
            "name": "tapefold",
            "tests": "4",
            "failures": "1",
            "errors": "1",
            "skipped": "0",
            "time": "2.250",
        },
    )
    assert [suite.get("name") for suite in root] == ["binance", "other"]
    assert [suite.get("time") for suite in root] == ["0.750", "1.500"]
    good, failed, broke = root[0]
    assert good.attrib == {
        "classname": "binance.good",
        "name": "simulator",
        "file": "scenarios/good.toml",
        "line": "1",
        "time": "0.250",
    }
    assert [*good] == []
    assert (failed.get("name"), failed.get("line")) == ("replay", "12")
    why, said = failed
    assert why.tag == "failure"
    assert why.get("message") == (
        "then.orders.buy.status: expected filled, was canceled (and 1 more)"
    )
    assert "A \\x1b[31mred\\x00 title" in (why.text or "")
    again = "again: tapefold scenario run scenarios/bad.toml --exchange binance --record"
    assert again in (said.text or "").splitlines()
    assert (broke[0].tag, broke[0].get("message")) == ("error", "it \\xd800broke")


def test_the_report_is_written_whole_beside_nothing_else(there: Run, tmp_path: Path) -> None:
    there("buys", "fails")
    path = tmp_path / "out" / "report.xml"
    path.parent.mkdir()
    path.write_text(OTHERS[0])
    lines("--junit", path, "-x", code=1)
    root = ET.parse(path).getroot()
    assert (root.get("tests"), root.get("failures")) == ("4", "1")
    assert [each.name for each in path.parent.iterdir()] == ["report.xml"]


@pytest.mark.parametrize(
    ("report_at", "why"),
    [("none/report.xml", "No such file or directory"), (".", "it is a folder")],
)
def test_a_report_that_cannot_be_written_is_refused_before_anything_runs(
    there: Run, tmp_path: Path, report_at: str, why: str
) -> None:
    there("buys")
    path = tmp_path / report_at
    result = run("scenario", "run", "--junit", path)
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr == f"tapefold: {path}: the report cannot be written there: {why}\n"


OTHERS = (
    "<?xml version='1.0' encoding='utf-8'?>\n<testsuites name='other'>\n</testsuites>\n",
    '\ufeff<!-- of another tool -->\n<testsuite name="a" tests="0"/>',
    "<testsuite>",
    "",
)


@pytest.mark.parametrize("text", OTHERS)
def test_a_report_is_written_over(there: Run, tmp_path: Path, text: str) -> None:
    there("buys")
    path = tmp_path / "report.xml"
    path.write_text(text)
    lines("--junit", path)
    assert ET.parse(path).getroot().get("tests") == "3"


@pytest.mark.parametrize(
    "text", ["title = 1\n", "<html>", "<?xml version='1.0'?><project/>", "<testsuitesome>", "\0"]
)
def test_no_other_file_is_written_over_and_nothing_runs(
    there: Run, tmp_path: Path, text: str
) -> None:
    there("buys")
    path = tmp_path / "buys.toml"
    path.write_text(text)
    result = run("scenario", "run", "--junit", path)
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr == (
        f"tapefold: {path} is there and is no JUnit report: name another file with --junit\n"
    )
    assert path.read_text() == text


# Recordings


def test_record_says_what_is_new_the_same_and_different(there: Run, tmp_path: Path) -> None:
    there("buys", "restarts", "fails_at_mock")
    home = tmp_path / "cassettes" / "binance"
    told = lines("--record", code=1)
    kept = [line for line in told if line.startswith("recorded")]
    assert kept == [
        "recorded  cassettes/binance/buys  new",
        "recorded  cassettes/binance/restarts  new",
    ]
    assert sorted(each.name for each in home.iterdir()) == ["buys", "restarts", "restarts.2"]
    (home / "buys" / "tape.jsonl").write_text("another\n")
    (home / "restarts.3").mkdir()
    (home / "restarts.3" / "tape.jsonl").write_text("of a run that is no more\n")
    (home / "restarts.other").mkdir()
    told = lines("--record", "--json", code=1)
    assert [each for each in map(json.loads, told) if "recorded" in each] == [
        {
            "name": "buys",
            "exchange": "binance",
            "recorded": "cassettes/binance/buys",
            "change": "different",
            "files": ["buys/tape.jsonl"],
        },
        {
            "name": "restarts",
            "exchange": "binance",
            "recorded": "cassettes/binance/restarts",
            "change": "different",
            "files": ["restarts.3/tape.jsonl"],
        },
    ]
    assert (home / "buys" / "tape.jsonl").read_text() == "buys\n"
    names = ["buys", "restarts", "restarts.2", "restarts.other"]
    assert sorted(each.name for each in home.iterdir()) == names
    assert [each.name for each in (tmp_path / "cassettes").iterdir()] == ["binance"]
    told = lines("--record", code=1)
    assert [line.split()[-1] for line in told if line.startswith("recorded")] == ["same", "same"]


def test_what_fails_keeps_its_old_recording(there: Run, tmp_path: Path) -> None:
    there("fails_at_replay")
    old = tmp_path / "cassettes" / "binance" / "fails_at_replay" / "tape.jsonl"
    old.parent.mkdir(parents=True)
    old.write_text("old\n")
    told = lines("--record", code=1)
    assert not [line for line in told if line.startswith("recorded")]
    assert told[-3].endswith("--exchange binance --record")
    assert old.read_text() == "old\n"


def test_a_recording_that_cannot_go_in_leaves_the_old_one(tmp_path: Path) -> None:
    made, home = tmp_path / "new", tmp_path / "cassettes"
    doubles.write(made / "binance" / "restarts")
    doubles.write(home / "binance" / "restarts")
    (home / "binance" / "restarts" / "tape.jsonl").write_text("old\n")
    kept = keep(made, home, "binance", "restarts")
    assert kept == Kept(home / "binance" / "restarts", "different", ("restarts/tape.jsonl",))
    assert keep(made, home, "binance", "restarts") is None


def test_a_folder_that_takes_no_recordings_is_one_line(there: Run, tmp_path: Path) -> None:
    there("buys")
    (tmp_path / "file").write_text("")
    result = run("scenario", "run", "--record", "--cassettes", "file")
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr == "tapefold: file: nothing can be recorded there: File exists\n"


# On a terminal


class Shown:
    """A screen that is always due, and keeps what it was shown."""

    def __init__(self) -> None:
        self.pictures: list[list[list[str]]] = []

    def due(self) -> bool:
        return True

    def show(self, picture: Any) -> None:
        self.pictures.append(cells(picture))


def cells(picture: Any) -> list[list[str]]:
    """Of a table, without its rule, and what stands below it."""
    file = StringIO()
    console(file).print(picture)
    found = [re.split(r" {2,}", line.strip()) for line in file.getvalue().splitlines()]
    return [row for row in found if not set(row[0]) <= {"─", " "}]


def test_the_table_has_a_row_for_each_and_a_column_for_each_way() -> None:
    shown = Shown()
    several = [*works("buys", "fails_at_replay"), replace(works("only")[0], ways=("mock",))]
    rows = Rows(several, shown)
    for news in alone(several, doubles.outcomes):
        rows.hear(news)
    assert shown.pictures[0] == [
        ["scenario", "exchange", "simulator", "replay", "mock"],
        ["buys", "binance", "…"],
        ["fails_at_replay", "binance"],
        ["only", "binance", "-", "-"],
        ["0 of 3 done"],
    ]
    assert shown.pictures[4] == [
        ["scenario", "exchange", "simulator", "replay", "mock"],
        ["buys", "binance", "✓ 0.25 s", "✓ 0.25 s", "✓ 0.25 s"],
        ["fails_at_replay", "binance"],
        ["only", "binance", "-", "-"],
        ["1 of 3 done"],
    ]
    assert shown.pictures[-1][2:] == [
        ["fails_at_replay", "binance", "✓ 0.25 s", "✗ 0.25 s", "✓ 0.25 s"],
        ["only", "binance", "-", "-", "✓ 0.25 s"],
        ["3 of 3 done"],
    ]


def test_the_table_shows_what_runs_where_there_is_no_room_for_all() -> None:
    shown = Shown()
    several = works(*(f"s{number}" for number in range(40)))
    rows = Rows(several, shown)
    for news in alone(several, doubles.outcomes):
        rows.hear(news)
    names = [[row[0] for row in picture[1:-1]] for picture in shown.pictures]
    assert all(len(each) == 15 for each in names)
    assert names[0] == [f"s{number}" for number in range(15)]
    at_20 = next(
        n for n, picture in enumerate(shown.pictures) if ["s20", "binance", "…"] in picture
    )
    assert names[at_20] == [f"s{number}" for number in range(7, 22)]
    assert names[-1] == [f"s{number}" for number in range(25, 40)]
    assert len(cells(rows.whole())) == 41


def test_a_terminal_gets_a_table_and_no_lines() -> None:
    ours, theirs = pty.openpty()
    program = [sys.executable, str(ROOT / "tests" / "scenario_doubles.py"), "--", "buys", "fails"]
    env = os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
    with subprocess.Popen(program, stdout=theirs, stderr=theirs, env=env) as process:
        os.close(theirs)
        text = ""
        while select.select([ours], [], [], 60)[0]:
            try:
                text += os.read(ours, 65536).decode()
            except OSError:  # Linux says so that the other side has closed
                break
    os.close(ours)
    assert process.returncode == 1
    assert "✓ 0.25 s" in text
    assert "✗ 0.25 s" in text
    assert "passed  binance" not in text
    assert "fails at binance, simulator: A story" in text
    assert "2 scenarios, 6 runs, 3 failed, " in text


# Files


BUY = """\
title = "A limit buy that crosses is filled at once"
exchanges = ["binance"]

[given]
balances = {USDT = 1000}

[given.markets.BTC-USDT]
bids = [[99, 1]]
asks = [[101, 1]]

[[when]]
submit = {order = "buy", side = "buy", amount = 0.5, price = 101}

[[when]]
until = 'order("buy").status == "filled"'

[then]
orders.buy = {status = "filled", executed = 0.5}
"""


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of three scenarios, one of them wrong, in a project of their own."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "scenarios"
    folder.mkdir()
    (folder / "buys.toml").write_text(BUY)
    (folder / "buys_more.toml").write_text(BUY.replace("0.5", "0.75"))
    (folder / "wrong.toml").write_text(BUY.replace("executed = 0.5", "executed = 0.6"))
    return folder


def without_seconds(told: Sequence[str]) -> list[str]:
    return [re.sub(r"\d+\.\d+ s\b", "", line) for line in told if " runs, " not in line]


def test_files_are_recorded_and_come_to_the_same_in_one_process_and_in_two(files: Path) -> None:
    told = lines("--record", code=1)
    assert [line.split()[:4] for line in told[:9] if not line.startswith("recorded")] == [
        *(["passed", "binance", "buys", way] for way in WAYS),
        *(["passed", "binance", "buys_more", way] for way in WAYS),
        ["FAILED", "binance", "wrong", "simulator"],
    ]
    assert [line for line in told if line.startswith("recorded")] == [
        "recorded  cassettes/binance/buys  new",
        "recorded  cassettes/binance/buys_more  new",
    ]
    at = told.index("  scenarios/wrong.toml:18: then.orders.buy.executed")
    assert told[at + 1 : at + 3] == ["    expected  0.6", "    actual    0.5"]
    again = "  again: tapefold scenario run scenarios/wrong.toml --exchange binance --record"
    assert again in told
    one, two = lines(code=1), lines("--jobs", "2", code=1)
    assert without_seconds(two) == without_seconds(one)
    assert [line.split()[:4] for line in one[:7]] == [
        *(["passed", "binance", "buys", way] for way in WAYS),
        *(["passed", "binance", "buys_more", way] for way in WAYS),
        ["FAILED", "binance", "wrong", "simulator"],
    ]
    told = lines("buys", "--record", "--jobs", "2")
    assert told[3] == "recorded  cassettes/binance/buys  same"


def test_a_list_says_what_there_is(files: Path) -> None:
    result = run("scenario", "list")
    assert result.stdout.splitlines() == [
        "name       exchanges  plays at       title",
        *(
            f"{name:<9}  binance    the simulator  A limit buy that crosses is filled at once"
            for name in ("buys", "buys_more", "wrong")
        ),
    ]
    result = run("scenario", "list", "-k", "more", "--json")
    assert json.loads(result.stdout) == {
        "name": "buys_more",
        "path": "scenarios/buys_more.toml",
        "title": "A limit buy that crosses is filled at once",
        "exchanges": ["binance"],
        "session": None,
        "steps": 2,
        "requires": {},
    }


def test_files_that_cannot_be_read_are_a_line_each_and_nothing_runs(files: Path) -> None:
    (files / "bad.toml").write_text("title = 3\n")
    (files / "worse.toml").write_text("title\n")
    result = run("scenario", "run")
    assert (result.exit_code, result.stdout) == (3, "")
    first, second = result.stderr.splitlines()
    assert first.startswith("tapefold: scenarios/bad.toml:1: title: ")
    assert second.startswith("scenarios/worse.toml:1: ")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("buy", 'did you mean "buys"?'),
        ("none/at_all.toml", "there is neither a scenario nor a file 'none/at_all.toml'"),
        ("empty", "empty has no scenario"),
    ],
)
def test_what_is_not_there_is_one_line(files: Path, name: str, says: str) -> None:
    files.with_name("empty").mkdir()
    result = run("scenario", "run", name)
    assert (result.exit_code, result.stdout) == (3, "")
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["run", "list"])
def test_where_there_is_no_folder_of_scenarios_it_says_what_to_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("scenario", command)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == (
        "tapefold: there is no folder scenarios here: name a file or a folder, or say --scenarios DIR\n"
    )


def test_a_scenario_is_written_of_a_session_once(files: Path) -> None:
    lines("buys", "--record")
    session = Path("cassettes/binance/buys")
    result = run("scenario", "new", session, "-o", "scenarios/made.toml")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "scenarios/made.toml: a scenario of cassettes/binance/buys",
        "run it with `tapefold scenario run scenarios/made.toml`",
    ]
    told = lines("made")
    assert [line.split()[:4] for line in told[:2]] == [
        ["passed", "binance", "made", "replay"],
        ["passed", "binance", "made", "mock"],
    ]
    for arguments in (("new", session, "-o", "scenarios/made.toml"), ("new", session)):
        result = run("scenario", *arguments)
        assert result.exit_code == 4
        assert "is there already: name another with -o" in result.stderr
    result = run("scenario", "new", session, "-o", "nowhere/made.toml")
    assert result.exit_code == 4
    assert result.stderr == (
        "tapefold: nowhere/made.toml cannot be written: No such file or directory\n"
    )


def test_the_schema_is_printed() -> None:
    result = run("scenario", "schema")
    assert json.loads(result.stdout) == schema()


@pytest.mark.parametrize("command", ["run", "list", "new", "schema"])
def test_every_help_has_an_example(command: str) -> None:
    result = run("scenario", command, "--help")
    assert result.exit_code == 0
    assert f"\n    tapefold scenario {command}" in result.stdout
