"""The benchmark's own arithmetic and promises.

No door: numbers that the tests make up, and processes of the benchmark over the bundled session.
"""

import gzip
import json
import signal
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from captures import ROOT

import run as benchmark
from bench import page as pages
from bench.captures import BUNDLED, Capture, captures
from bench.entries import TITLES, Entry, entries
from bench.floors import FLOORS, floors
from bench.page import PAGE, PLOT, page, published
from bench.plot import drawn
from bench.results import Refused, Results, load
from bench.running import Place, Plan, Row, run
from bench.stats import percentiles, ratio
from bench.tables import tables
from contenders.common import read
from ours import growth
from ours.prepared import counted, frames_of, items_of, session_of
from tapefold import Session

START = 1_700_000_000_000_000_000
TRUE_TOPS, OTHER_TOPS = "1f" * 8, "2e" * 8


def one(name: str, round_: int, seconds: float, **more: Any) -> Row:
    """A pass of form a, as a script says it."""
    row: Row = {"entry": name, "form": "a", "capture": "usdm", "round": round_, "seconds": seconds}
    row |= {"version": "1.0", "python": "3.13", "frames": 100, "levels": 500, "rss_mb": 50.0}
    row |= {"checked": "equal", "tops": None, "does": "less", "why": "", "warm_up": "none"}
    return row | more


def check(name: str, tops: str | None) -> Row:
    return one(name, 0, 0.0, tops=tops)


def results(*rows: Row) -> Results:
    machine = {"cpu": "a cpu", "cores": 2, "memory_gb": 8, "system": "Linux", "load_before": [0.0]}
    machine |= {"date": "2026-01-01 00:00 UTC", "source": "f00d"}
    names = {form: list(dict.fromkeys(row["entry"] for row in rows)) for form in "ag"}
    return Results(machine, {"rounds": 3}, names, {"a": ["tapefold"], "g": []}, list(rows))


def measured(*more: Row) -> Results:
    """Three rounds of ours, which take 1 s, 2 s and 4 s, and of another that takes three times as long."""
    seconds = {1: 1.0, 2: 2.0, 3: 4.0}
    ours = [one("tapefold", n, took) for n, took in seconds.items()]
    theirs = [one("other", n, 3 * took) for n, took in seconds.items()]
    return results(check("tapefold", TRUE_TOPS), *ours, *theirs, *more)


# Arithmetic


def test_a_ratio_is_the_median_of_each_rounds_own() -> None:
    ours, theirs = {1: 1.0, 2: 10.0, 3: 2.0}, {1: 3.0, 2: 20.0, 3: 10.0}
    # Of the medians it would be 5: a slow round of both would pass for a slow contender.
    assert ratio(ours, theirs) == (3.0, 2.0, 5.0)


def test_a_round_that_one_of_them_lacks_is_in_no_ratio() -> None:
    assert ratio({1: 1.0, 2: 1.0}, {2: 4.0, 3: 9.0}) == (4.0, 4.0, 4.0)
    assert ratio({1: 1.0}, {2: 1.0}) is None


@pytest.mark.parametrize(
    ("many", "want"),
    [
        (1, {"p50": 1, "p99": 1, "p99.9": 1, "max": 1}),
        (2, {"p50": 1, "p99": 2, "p99.9": 2, "max": 2}),
        (100, {"p50": 50, "p99": 99, "p99.9": 100, "max": 100}),
        (1000, {"p50": 500, "p99": 990, "p99.9": 999, "max": 1000}),
        (2001, {"p50": 1001, "p99": 1981, "p99.9": 1999, "max": 2001}),
    ],
)
def test_a_percentile_is_a_value_that_was_measured(many: int, want: dict[str, int]) -> None:
    assert percentiles(range(many, 0, -1)) == want


def test_there_are_no_percentiles_of_nothing() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentiles([])


# What may be concluded


def test_a_ratio_is_told_where_the_checksums_are_equal() -> None:
    found = measured(check("other", TRUE_TOPS))
    assert found.ratio("a", "usdm", "tapefold", "other") == (3.0, 3.0, 3.0)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ([check("other", OTHER_TOPS)], "its best prices differ from ours"),
        ([check("other", None)], "its best prices were not checked"),
        ([], "its best prices were not checked"),
        ([check("other", TRUE_TOPS), one("other", 4, 1.0, levels=499)], "other frames or levels"),
    ],
)
def test_a_ratio_is_refused_where_it_would_mean_nothing(more: list[Row], why: str) -> None:
    found = measured(*more)
    with pytest.raises(Refused, match=why):
        found.ratio("a", "usdm", "tapefold", "other")
    (table,) = tables(found)
    (row,) = [row for row in table.rows if row[0] == "other"]
    assert row[5] == "–"
    assert why in row[6]
    assert ">other<" not in drawn(found)


def test_what_cannot_be_compared_has_a_ratio_and_says_so() -> None:
    theirs = [one("other", n, 8.0, checked="not comparable") for n in (1, 2, 3)]
    ours = [one("tapefold", n, 2.0) for n in (1, 2, 3)]
    (table,) = tables(results(check("tapefold", TRUE_TOPS), *ours, *theirs))
    assert [row[:1] + row[5:7] for row in table.rows] == [
        ["tapefold", "1", "equal"],
        ["other", "4", "not comparable"],
    ]


def test_the_picture_has_a_bar_for_each_whose_ratio_is_told() -> None:
    picture = fromstring(drawn(measured(check("other", TRUE_TOPS))))
    texts = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    bars = texts[texts.index("(a) frames in memory to typed events, books and a log: usdm") :]
    assert bars[bars.index("other") + 1] == "3×"
    assert bars.index("tapefold") < bars.index("other")


def test_who_did_not_run_is_a_note_with_the_reason() -> None:
    absent: Row = {"entry": "gone", "form": "a", "capture": "usdm", "round": 0}
    (table,) = tables(measured(absent | {"not_run": "its environment is not there"}))
    assert table.notes == ["gone: not run: its environment is not there"]
    assert "gone" not in [row[0] for row in table.rows]


def test_a_floor_is_met_missed_or_not_told() -> None:
    (asked,) = [each for each in FLOORS if str(each).startswith("(a) ccxt.pro")]
    slow = [one("ccxt.pro", n, 10.5) for n in (1, 2, 3)]
    fast = [one("ccxt.pro", n, 9.5) for n in (1, 2, 3)]
    ours = [check("tapefold", TRUE_TOPS), *(one("tapefold", n, 1.0) for n in (1, 2, 3))]
    verdicts: list[list[str]] = []
    for theirs in (slow, fast, []):
        table = floors(results(*ours, check("ccxt.pro", TRUE_TOPS), *theirs))
        verdicts += [row[1:] for row in table.rows if row[0] == str(asked)]
    assert verdicts == [
        ["≥ 10", "10.5", "met"],
        ["≥ 10", "9.5", "missed"],
        ["≥ 10", "–", "not told"],
    ]


def test_results_are_read_as_they_were_written_and_a_later_file_has_its_forms(
    tmp_path: Path,
) -> None:
    first, second = measured(check("other", TRUE_TOPS)), results(one("tapefold", 1, 7.0))
    second.rows[0]["form"] = "g"
    first.rows.append(one("tapefold", 1, 9.0) | {"form": "g"})
    for n, each in enumerate((first, second)):
        each.save(tmp_path / f"{n}.json")
    assert vars(load([tmp_path / "0.json"])) == vars(first)
    both = load(sorted(tmp_path.glob("*.json")))
    assert both.forms() == ["a", "g"]
    assert both.seconds("g", "usdm", "tapefold") == 7.0
    assert both.seconds("a", "usdm", "tapefold") == 2.0


# Turns, and one pass


def test_contenders_take_turns_and_are_checked_first() -> None:
    captured = [Capture("spot", ()), Capture("usdm", ())]
    turns = [(e.name, c.name, n) for e, c, n in Plan("b", captured, 2).turns("b")]
    names = [entry.name for entry in entries("b")]
    checked = [entry.name for entry in entries("b") if entry.check]
    assert "tapefold" in checked
    spot = [(name, "spot", 0) for name in checked]
    spot += [(name, "spot", number) for number in (1, 2) for name in names]
    assert turns == [*spot, *((name, "usdm", number) for name, _, number in spot)]


def test_every_form_has_entries_of_ours_with_names_of_their_own() -> None:
    for form in TITLES:
        names = [entry.name for entry in entries(form, long=True)]
        assert any(name.startswith("tapefold") for name in names)
        assert len(names) == len({*names})


def scripted(tmp_path: Path, code: str) -> Entry:
    (tmp_path / "script.py").write_text(code)
    return Entry("it", "a", (str(tmp_path / "script.py"),))


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("raise SystemExit('no such library')", "no such library"),
        ("raise ValueError('what', 'ever')", "ValueError: ('what', 'ever')"),
        ("print('no json')", "its line is no JSON: no json"),
        ("import sys; sys.exit(3)", "it ended with 3"),
    ],
)
def test_a_pass_that_fails_is_a_row_with_the_reason(tmp_path: Path, code: str, why: str) -> None:
    place = Place(tmp_path / "none", tmp_path)
    row = run(place, scripted(tmp_path, code), Capture("usdm", ()), 1)
    assert row == {"entry": "it", "form": "a", "capture": "usdm", "round": 1, "not_run": why}


def test_whose_environment_is_missing_does_not_run(tmp_path: Path) -> None:
    theirs = next(entry for entry in entries("a") if entry.environment != "ours")
    row = run(Place(tmp_path, tmp_path), theirs, Capture("usdm", ()), 1)
    assert "environment is not there" in row["not_run"]


def test_without_recordings_there_is_the_bundled_session(tmp_path: Path) -> None:
    assert captures(tmp_path, ["spot", "usdm"]) == [Capture("bundled", (BUNDLED,))]
    with pytest.raises(SystemExit, match="no session is called spott: there are spot, usdm"):
        captures(tmp_path, ["spott"])


@pytest.fixture
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No recordings beside the checkout, and no environment in it."""
    monkeypatch.setattr(benchmark, "SHARED", tmp_path / "recordings")
    monkeypatch.setattr(benchmark, "BUILD", tmp_path / "root")


@pytest.mark.usefixtures("_alone")
def test_a_quick_run_of_frames_and_steps_over_the_bundled_session(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Real passes, each a process, of our rows: with and without the compiled core their prices agree."""
    assert benchmark.main(["--forms", "a,c", "--quick", "-o", str(tmp_path / "out")]) == 0
    found = load([tmp_path / "out" / "results.json"])
    ours = [entry.name for entry in entries("a") if entry.environment == "ours"]
    session = Session(BUNDLED)
    want = counted(frames_of(items_of(session)))
    for name in ours:
        (row,) = found.passes("a", "bundled", name)
        assert (row["frames"], row["levels"]) == want
        assert row["seconds"] > 0
        assert row["figures"] == {"events": session.meta.counts.events}
    checks = [found.check("a", "bundled", name) for name in found.bases["a"]]
    (tops,) = {each["tops"] for each in checks if each}
    assert len(checks) == 2
    assert tops
    (steps,) = found.passes("c", "bundled", "tapefold")
    frames, book = steps["figures"]["frames"], steps["figures"]["book"]
    assert 0 < frames["p50"] <= frames["p99"] <= frames["p99.9"] <= frames["max"]
    assert book["max"] <= frames["max"]
    assert found.not_run("a", "bundled", "ccxt.pro") == "the recordings are not there"
    said = capsys.readouterr().out
    assert "what is asked, and what came out" in said
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [
        ".json",
        ".md",
        ".svg",
        ".txt",
    ]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--forms", "a,z"], "'z' is none of a, b, c, d, e, f, g"),
        (["--forms", ""], "'' is none of a, b"),
        (["--sessions", "spott"], "'spott' is none of spot, usdm, usdm-july"),
        (["--rounds", "0"], "'0' is no number of rounds: 1 or more"),
        (["--captures", str(BUNDLED)], "has no recordings of spot, usdm"),
        (["--root", str(BUNDLED)], "is no environment: `benchmarks/environment "),
        (["-o", str(PAGE)], "cannot be written (File exists): name another folder with -o"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is(
    wrong: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what was measured before stands as it stood."""
    with pytest.raises(SystemExit) as ended:
        benchmark.main(["-o", str(tmp_path), *wrong])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


@pytest.mark.usefixtures("_alone")
def test_ctrl_c_leaves_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Any:
        yield one("tapefold", 1, 1.0)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(benchmark, "run_all", interrupted)
    assert benchmark.main(["--forms", "a", "-o", str(tmp_path)]) == 130
    found = load([tmp_path / "results.json"])
    assert found.seconds("a", "usdm", "tapefold") == 1.0
    assert found.options["stopped"]


# Ours


def capture(folder: Path, deltas: int) -> Path:
    """A made-up capture of one market: a book, and changes that follow it."""
    texts = ['{"lastUpdateId":1,"bids":[["9.5","1"]],"asks":[["10.5","2"]]}']
    for n in range(2, 2 + deltas):
        data = {
            "e": "depthUpdate",
            "E": n,
            "s": "ETHUSDT",
            "U": n,
            "u": n,
            "b": [["9.5", f"{n}"]],
            "a": [],
        }
        texts.append(
            json.dumps({"stream": "ethusdt@depth@100ms", "data": data}, separators=(",", ":"))
        )
    texts[:2] = texts[1::-1]  # the first change comes before the book
    path = folder / "capture.gz"
    stamped = (f"{START + n} {text}\n" for n, text in enumerate(texts))
    path.write_bytes(gzip.compress("".join(stamped).encode()))
    return path


def grown(*arguments: object) -> dict[str, Any]:
    """The figures of form g."""
    with redirect_stdout(StringIO()) as said:
        growth.main(["g", *map(str, arguments)])
    line: Row = json.loads(said.getvalue())
    figures: dict[str, Any] = line["figures"]
    return figures


def test_many_instruments_are_one_under_many_names_and_all_their_books_live(tmp_path: Path) -> None:
    path = capture(tmp_path, 20)
    figures = grown(path, "--work", tmp_path, "--instruments", 3, "--frames", 15)
    assert (figures["instruments"], figures["events"]) == (3, 3 * 15)


@pytest.mark.parametrize("log", ["hash", "file"])
def test_many_events_are_one_session_again_and_again(tmp_path: Path, log: str) -> None:
    path = capture(tmp_path, 20)
    figures = grown(path, "--work", tmp_path, "--events", 100, "--log", log)
    (decade,) = figures["decades"]
    assert decade["events"] == 100
    assert decade["ns_per_event"] > 0
    assert figures["log"] == log


def test_frames_and_levels_are_counted_as_the_contenders_count_them(tmp_path: Path) -> None:
    path = capture(tmp_path, 20)
    theirs = read([str(path)])
    session = session_of([path], tmp_path)
    assert counted(frames_of(items_of(session))) == (len(theirs.frames), theirs.levels) == (21, 22)


# The page


def test_the_page_is_what_the_published_results_give() -> None:
    results = published()
    assert PAGE.read_text() == page(results)
    assert PLOT.read_text() == drawn(results)


@pytest.mark.parametrize(
    ("options", "machine", "row", "why"),
    [
        ({"quick": True}, {}, {}, "from a quick run"),
        ({"stopped": True}, {}, {}, "from a run that was stopped"),
        ({}, {"load_before": [1.5, 0.1, 0.1]}, {}, "on a busy machine"),
        ({}, {}, {"source": "beef"}, "of another tapefold than the checkout's"),
    ],
)
def test_a_run_that_proves_nothing_is_not_to_be_quoted(
    options: Row, machine: Row, row: Row, why: str
) -> None:
    found = measured(check("other", TRUE_TOPS))
    found.rows[1]["source"] = "f00d"
    assert "not to be quoted" not in page(found)
    found.options |= options
    found.machine |= machine
    found.rows[1] |= row
    assert f"**These figures are {why}: not to be quoted.**" in page(found)


def test_the_published_results_name_no_place_of_a_machine() -> None:
    for path in (ROOT / "benchmarks" / "results").glob("*.json"):
        text = path.read_text()
        assert str(Path.home()) not in text
        assert str(ROOT) not in text
        assert sys.prefix not in text


def test_the_page_is_written_where_it_belongs(tmp_path: Path) -> None:
    pages.write_page(tmp_path / "page.md", tmp_path / "plot.svg")
    assert (tmp_path / "page.md").read_text() == PAGE.read_text()
