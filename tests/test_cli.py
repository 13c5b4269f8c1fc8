"""The command line: what it prints, for people and for machines, and its exit codes."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from captures import needs_recordings
from msgspec import Raw
from tiny import (
    START,
    capture,
    delta,
    retape,
    run,
    session,
    snapshot,
    started,
    tape,
    told,
)

from tapefold.cli import when
from tapefold.cli.play import Player
from tapefold.cli.records import Teller
from tapefold.cli.tables import BAR, Table, bar, ladder, plain, plain_ladder
from tapefold.cli.terminal import clean
from tapefold.cli.when import Until, parse_speed, parse_until
from tapefold.events import BookSnapshot, ConnectionOpened
from tapefold.history import Cache
from tapefold.log import Record, open_log, read_log
from tapefold.replay import Replay
from tapefold.session import Session

SECOND = 1_000_000_000


@pytest.fixture
def made(tmp_path: Path) -> Session:
    return session(tmp_path)


@pytest.fixture
def log(made: Session) -> Path:
    path = made.folder.with_name("eth.log")
    result = run("replay", made.folder, "--log", path)
    assert result.exit_code == 0, result.output
    return path


# As a whole


def test_alone_it_prints_its_help() -> None:
    result = run()
    assert result.exit_code == 0
    assert "Commands:" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize("command", ["replay", "import", "show", "verify"])
def test_every_help_has_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Examples:\n" in result.stdout
    assert f"\n    tapefold {command}" in result.stdout


def test_the_version_is_told_without_loading_a_command() -> None:
    code = (
        "import sys, tapefold.cli as cli\n"
        "try: cli.main(['--version'])\n"
        "except SystemExit as end: assert not end.code\n"
        "print(*(name for name in ('rich', 'tapefold.cli.replay') if name in sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, loaded = out.stdout.splitlines()
    assert version.startswith("tapefold 0.")
    assert loaded == ""


def test_it_runs_as_a_module(made: Session) -> None:
    command = [sys.executable, "-m", "tapefold", "replay", str(made.folder), "--json"]
    out = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(out.stdout)["reached"] is True
    assert out.stderr == ""


# replay


def test_replay_ends_with_a_table_and_the_digest(made: Session) -> None:
    result = run("replay", made.folder)
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert result.stderr == ""
    assert lines[3].split() == [
        "instrument", "book", "updates", "trades", "gaps", "best", "bid", "best", "ask", "spread"
    ]  # fmt: skip
    assert lines[4].split() == ["ETH-USDT", "live", "5", "4", "0", "99.05", "101.01", "1.96"]
    assert f"digest {made.meta.digests.log}" in lines
    assert "as are those of all folds" in lines[-1]
    assert "\x1b" not in result.stdout


def test_replay_tells_machines_the_same_in_one_object(made: Session) -> None:
    report = told("replay", made.folder, "--json")
    assert report["digest"] == made.meta.digests.log
    assert (report["frames"], report["reached"], report["ended"]) == (9, True, True)
    (row,) = report["instruments"]
    assert row["symbol"] == "ETH-USDT"
    assert row["best_bid"] == {"price": "99.05", "size": "2.5"}
    assert len(row["full_sha256"]) == 64


@needs_recordings
def test_a_real_capture_comes_to_what_the_oracle_says(
    recorded: Callable[[str], Session], oracle: dict[str, Any]
) -> None:
    name = "cryptofeed/BINANCE_US-20211012"
    report = told("replay", recorded(name).folder, "--json")
    wanted = oracle[name]["symbols"]
    assert report["reached"] is True
    for row in report["instruments"]:
        final = wanted[row["native_symbol"]]["final"]
        assert row["full_sha256"] == final["full_sha256"]
        assert row["best_bid"] == final["best_bid"]


@pytest.mark.parametrize("until", ["+1.2s", "2024-08-08T23:54:16.2", "2024-08-09T01:54:16.2+02:00"])
def test_replay_stops_at_a_time(made: Session, until: str) -> None:
    result = run("replay", made.folder, "--until", until)
    assert result.exit_code == 0
    assert "stopped early" in result.stdout
    assert "(+1.000 s)" in result.stdout
    assert "so the digest is not compared" in result.stdout
    report = told("replay", made.folder, "--until", until, "--json")
    assert (report["ended"], report["reached"], report["frames"]) == (False, None, 2)


def test_replay_stops_at_a_position(made: Session) -> None:
    report = told("replay", made.folder, "--until", "9", "--json")
    assert (report["events"], report["ended"]) == (9, False)


def test_replay_begins_with_position_one(made: Session) -> None:
    assert told("replay", made.folder, "--until", "0", "--json")["events"] == 1


@pytest.mark.parametrize("until", ["1000000", "+2h"])
def test_an_end_past_the_end_is_the_end(made: Session, until: str) -> None:
    assert told("replay", made.folder, "--until", until, "--json")["reached"] is True


def test_the_last_position_is_the_end(made: Session) -> None:
    until = str(made.meta.counts.events)
    assert told("replay", made.folder, "--until", until, "--json")["reached"] is True


def test_a_paced_replay_comes_to_the_same(made: Session) -> None:
    assert told("replay", made.folder, "--speed", "1000", "--json")["reached"] is True


def test_a_paced_replay_waits_for_each_line(made: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]

    def sleep(seconds: float) -> None:
        now[0] += max(seconds, 0.001)

    monkeypatch.setattr("tapefold.cli.play.monotonic", lambda: now[0])
    monkeypatch.setattr("tapefold.cli.play.sleep", sleep)
    seen: list[tuple[float, int]] = []
    player = Player(speed=2.0, between=lambda replay: seen.append((now[0], replay.frames)))
    player.play(Replay(made))
    assert seen[-1][1] == 9
    assert now[0] - 100 == pytest.approx(4.5 / 2, abs=0.2)
    for time, frames in seen[:-1]:  # no line before its time, and none later than a picture
        played = (frames + (frames > 1)) * 0.5  # the second line of the story is no frame
        assert played - 0.5 <= (time - 100) * 2 + 1e-6


def test_replay_writes_a_log_with_views_beside_it(made: Session, log: Path) -> None:
    with read_log(log) as reader:
        assert reader.head == made.meta.counts.events
        assert reader.digest() == made.meta.digests.log
        assert Cache(log).load(reader.head, reader.digest()) is not None


def test_replay_saves_views_on_the_way(
    made: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tapefold.cli.play.CHUNK", 2)
    monkeypatch.setattr("tapefold.cli.play.SAVE_EVERY", 4)
    path = tmp_path / "some.log"
    assert run("replay", made.folder, "--log", path).exit_code == 0
    assert len(Cache(path).positions(100)) > 2
    assert told("verify", path, "--json")["saved_views"] == len(Cache(path).positions(100))


def test_another_digest_is_told_and_is_exit_code_1(made: Session) -> None:
    lines = tape(made)
    lines[-2][3]["data"]["b"][0][1] = "2.6"
    result = run("replay", retape(made, lines))
    assert result.exit_code == 1
    assert f"recorded  {made.meta.digests.log}" in result.stderr
    assert "folds that differ: books" in result.stderr
    assert "edited" in result.stderr
    assert "best bid" in result.stdout


def test_a_session_that_was_not_sealed_has_nothing_to_reach(made: Session) -> None:
    text = (made.folder / "session.toml").read_text()
    (made.folder / "session.toml").write_text(
        text.replace("sealed = true", "sealed = false").partition("[digests]")[0]
    )
    result = run("replay", made.folder)
    assert result.exit_code == 0
    assert "none was recorded" in result.stdout


def test_without_a_session_the_bundled_one_is_played(
    made: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tapefold.cli.paths.bundled", lambda: made.folder)
    assert told("replay", "--json")["session"] == str(made.folder)


def test_on_a_terminal_there_is_a_picture_that_goes_away(made: Session) -> None:
    text = _on_terminal("replay", made.folder, "--speed", "100")
    assert "\x1b[?25l" in text  # the cursor is hidden
    assert "\x1b[?25h" in text  # and shown again
    assert "of 15 lines" in text
    assert made.meta.digests.log in text
    assert "\x1b[32m" in text


def test_no_color_is_respected(made: Session) -> None:
    text = _on_terminal("show", made.folder, "--book", "ETH-USDT", NO_COLOR="1")
    assert "101.01" in text
    assert "\x1b[3" not in text


def _on_terminal(*args: str | Path, **environment: str) -> str:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "tapefold", *map(str, args)]
    plain = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    env = plain | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"} | environment
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env):
        os.close(theirs)
        found = b""
        try:
            while data := os.read(ours, 1 << 16):
                found += data
        except OSError:  # how Linux says that the other side is gone
            pass
    os.close(ours)
    return found.decode()


# import


def test_import_makes_a_session_and_tells_of_it(tmp_path: Path) -> None:
    target = tmp_path / "eth"
    args = ("import", "hftbacktest", capture(tmp_path), "-o", target)
    result = run(*args, "--symbol", "ETHUSDT=ETH-USDT")
    assert result.exit_code == 0
    assert "9 frames, 14 events of ETH-USDT on binance_futures" in result.stdout
    assert f"digest {Session(target).meta.digests.log}" in result.stdout
    assert "\x1b" not in result.output


def test_import_tells_machines(tmp_path: Path) -> None:
    facts = told("import", "hftbacktest", capture(tmp_path), "-o", tmp_path / "eth", "--json")
    assert (facts["frames"], facts["instruments"]) == (9, ["ETHUSDT"])
    assert facts["without_answer"] == []
    assert "request" in facts["synthesised"]


def test_import_of_a_raw_capture_of_cryptofeed(tmp_path: Path) -> None:
    listing: dict[str, Any] = {
        "symbols": [{"symbol": "ETHUSDT", "baseAsset": "ETH", "quoteAsset": "USDT", "filters": []}]
    }
    host = "https://fapi.binance.com/fapi/v1"
    path = tmp_path / "BINANCE_FUTURES.0"
    path.write_text(
        f"{host}/exchangeInfo -> 1723161254.5: {json.dumps(listing)}\n"
        "wss://fstream.binance.com/stream?streams=ethusdt@depth@100ms <-> 1723161255.0\n"
        f"{host}/depth?symbol=ETHUSDT&limit=1000 -> 1723161255.2: {snapshot()}\n"
        f"1723161255.5: {delta(1)}\n"
    )
    facts = told("import", "cryptofeed", path, "-o", tmp_path / "eth", "--json")
    assert facts["exchanges"] == ["binance_futures"]
    assert facts["without_answer"] == []
    assert told("replay", tmp_path / "eth", "--json")["reached"] is True


# show


def test_show_says_what_a_session_is(made: Session) -> None:
    result = run("show", made.folder)
    assert result.exit_code == 0
    for words in (
        "binance_futures",
        "ETH-USDT",
        "import of hftbacktest: ethusdt.gz",
        "2024-08-08 23:54:15 UTC, for 4.500 s",
        "9 recv",
        "sealed, not edited since",
        made.meta.digests.log,
    ):
        assert words in result.stdout
    facts = told("show", made.folder, "--json")
    assert facts["lines"]["response"] == 1
    assert facts["edited"] is False


def test_show_says_that_a_session_was_edited(made: Session) -> None:
    retape(made, tape(made))
    assert "EDITED" in run("show", made.folder).stdout


def test_show_says_what_a_log_is(made: Session, log: Path) -> None:
    result = run("show", log)
    assert result.exit_code == 0
    assert made.meta.digests.log in result.stdout
    assert "ETH-USDT    live" in result.stdout
    facts = told("show", log, "--json")
    assert facts["head"] == made.meta.counts.events
    assert facts["instruments"][0]["best_ask"] == {"price": "101.01", "size": "0.125"}


def test_show_knows_every_position(made: Session, log: Path) -> None:
    """A log and the session it was made of say the same of each, within a step too."""
    for at in range(made.meta.counts.events + 1):
        of_log = told("show", log, "--at", str(at), "--json")
        of_session = told("show", made.folder, "--at", str(at), "--json")
        assert of_log["instruments"] == of_session["instruments"]
        assert of_log["time_ns"] == of_session["time_ns"]


def test_show_draws_a_book(made: Session, log: Path) -> None:
    lines = run("show", log, "--book", "ETH-USDT", "--depth", "2").stdout.splitlines()
    assert lines[0] == (
        "ETH-USDT on binance_futures, live, at position 14, 2024-08-08 23:54:19.500 UTC"
    )
    assert lines[2:] == [
        "ask  101.02  0.125  0.250  " + "█" + "▏",
        "ask  101.01  0.125  0.125  " + "█" + "▏",
        "     spread 1.96   mid 100.03",
        "bid   99.05  2.500  2.500  " + "█" * 24,
        "bid   99.04  2.500  5.000  " + "█" * 24,
    ]
    assert (
        run("show", made.folder, "--book", "ETHUSDT", "--depth", "2").stdout.splitlines() == lines
    )


def test_show_gives_machines_a_book(log: Path) -> None:
    book = told("show", log, "--book", "binance_futures:ETH-USDT", "--depth", "1", "--json")
    assert (book["state"], book["spread"], book["mid"]) == ("live", "1.96", "100.03")
    assert book["bids"] == [{"price": "99.05", "size": "2.5"}]


def test_an_empty_book_is_said_to_be(log: Path) -> None:
    result = run("show", log, "--at", "4", "--book", "ETHUSDT")
    assert result.exit_code == 0
    assert "empty: no snapshot has come yet" in result.stdout


def test_a_stale_book_is_said_to_be(tmp_path: Path) -> None:
    made = session(tmp_path, [delta(1), snapshot(), delta(2), delta(9)])
    result = run("show", made.folder, "--book", "ETHUSDT")
    assert result.exit_code == 0
    assert "the book is stale" in result.stdout
    assert "99.02" in result.stdout
    assert told("show", made.folder, "--book", "ETHUSDT", "--json")["state"] == "stale"


def test_show_follows_a_session_to_its_end(made: Session) -> None:
    lines = run("show", made.folder, "--follow").stdout.splitlines()
    assert [int(line.split()[0]) for line in lines] == [*range(1, 15)]
    assert lines[-1].endswith("Trade             binance_futures ETH-USDT buy 0.3 at 100.5")
    assert lines[-2].endswith(
        "BookDelta         binance_futures ETH-USDT 1 bids, 1 asks, sequence 105"
    )


def test_records_are_json_lines(made: Session) -> None:
    result = run("show", made.folder, "--follow", "--at", "9", "--json")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [record["position"] for record in records] == [10, 11, 12, 13, 14]
    sold = next(record for record in records if record["event"] == "trade")
    assert (sold["symbol"], sold["price"], sold["size"]) == ("ETH-USDT", "100.5", "0.3")
    changed = next(record for record in records if record["event"] == "book_delta")
    assert changed["bids"][0][1] == "2.5"


def test_levels_that_cannot_be_read_stop_nobody() -> None:
    bad = Raw(b"\xc1")
    event = BookSnapshot(
        instrument=7, time_exchange=0, sequence=5, packed_bids=bad, packed_asks=bad
    )
    record = Record(1, START, event)
    assert Teller().line(record).endswith("instrument 7 levels that cannot be read, sequence 5")
    assert Teller().json(record)["bids"] is None


def test_show_follows_a_log_that_grows(log: Path) -> None:
    with started("show", log, "--follow", "--at", "12", "--json") as process:
        assert process.stdout
        assert process.stderr
        positions = [json.loads(process.stdout.readline())["position"] for _ in range(2)]
        with open_log(log) as ours:
            ours.append(START, ConnectionOpened(lane="binance_futures/2"))
        last = json.loads(process.stdout.readline())
        assert [*positions, last["position"]] == [13, 14, 15]
        assert (last["event"], last["lane"]) == ("connection_opened", "binance_futures/2")
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.stderr.read() == "tapefold: interrupted\n"


# verify


def test_verify_a_log(made: Session, log: Path) -> None:
    result = run("verify", log)
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    assert "is whole: head 14" in line
    assert made.meta.digests.log in line


def test_verify_a_session_against_its_log(made: Session, log: Path) -> None:
    result = run("verify", made.folder, log)
    assert result.exit_code == 0
    assert "event by event: head 14" in result.stdout
    assert told("verify", made.folder, log, "--json")["digest"] == made.meta.digests.log


def test_verify_names_the_first_difference(made: Session, log: Path) -> None:
    lines = tape(made)
    lines[-2][3]["data"]["b"][0][1] = "2.6"
    result = run("verify", retape(made, lines), log)
    assert result.exit_code == 1
    assert "position 13, BookDelta, bids[0]" in result.stderr
    assert "folds that differ at the end: books" in result.stderr


# Reading and writing of small things


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("0", Until(position=0)),
        ("1234", Until(position=1234)),
        ("+12.5s", Until(after=12_500_000_000)),
        ("+2m", Until(after=120 * SECOND)),
        ("+1h", Until(after=3600 * SECOND)),
        ("+0.000000001s", Until(after=1)),
        ("2024-08-08T23:54:15", Until(time=START)),
        ("2024-08-08 23:54:15.000000001Z", Until(time=START + 1)),
        ("2024-08-09T01:54:15+02:00", Until(time=START)),
        ("1970-01-02", Until(time=86_400 * SECOND)),
    ],
)
def test_ends_are_read(text: str, until: Until) -> None:
    assert parse_until(text) == until


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+", "+2", "+2d", "+-2s", "12.5", "1e3", "yesterday", "2024-13-01", "1969-12-31",
     "9999-01-01", "2024-08-08T25:00", "9" * 30, "+" + "9" * 15 + "h", "١٢"],
)  # fmt: skip
def test_other_ends_are_not(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no|is a time"):
        parse_until(text)


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "1e300", "fast", "1,5"])
def test_what_is_no_speed(text: str) -> None:
    with pytest.raises(ValueError, match="is no speed"):
        parse_speed(text)


def test_speeds_are_read() -> None:
    assert (parse_speed("max"), parse_speed("0.5"), parse_speed("10")) == (None, 0.5, 10.0)


def test_moments_and_spans_are_written() -> None:
    assert when.moment(START + 1_234_567, digits=9) == "2024-08-08 23:54:15.001234567"
    assert when.moment(2**80) == f"{2**80} ns"
    spans = (1_500_000_000, 90 * SECOND, 3 * 3600 * SECOND)
    assert [*map(when.span, spans)] == ["1.500 s", "1 min 30 s", "3 h 0 min"]


def test_a_bar_is_as_long_as_its_size() -> None:
    assert bar(Decimal(8), Decimal(8)) == "█" * BAR
    assert bar(Decimal("0.0001"), Decimal(8)) == "▏"
    assert len(bar(Decimal(4), Decimal(8))) == BAR // 2


def test_nothing_that_a_session_says_steers_a_terminal() -> None:
    table = Table(("instrument",), [("\x1b[2JETH\n",)], frozenset(("instrument",)))
    assert "\x1b" not in "".join(plain(table))
    assert clean("a\x1b]0;b\x07") == "a\\x1b]0;b\\x07"


def test_a_ladder_of_a_book_with_one_side(tmp_path: Path) -> None:
    one_sided = json.dumps({"lastUpdateId": 101, "bids": [["99", "1"]], "asks": []})
    made = session(tmp_path, [delta(1, a=[]), one_sided, delta(2, a=[])])
    replay = Replay(made)
    while replay.play(10):
        pass
    found = ladder(replay.views.book("ETHUSDT"), 10, replay.views.position)
    assert found.middle == "one side is empty"
    assert plain_ladder(found)[2].startswith("bid  99.02")
    assert "-" in run("replay", made.folder).stdout


def test_a_missing_symbol_is_told_with_those_there_are(log: Path) -> None:
    result = run("show", log, "--book", "BTC-USDT")
    assert result.exit_code == 3
    assert result.stderr == (
        "tapefold: BTC-USDT is not listed; there is binance_futures ETH-USDT\n"
    )


def test_a_folder_and_a_file_are_told_apart(made: Session, log: Path) -> None:
    result = run("replay", log)
    assert (result.exit_code, result.stderr.count("\n")) == (3, 1)
    assert f"`tapefold show {log}`" in result.stderr
    result = run("verify", made.folder)
    assert (result.exit_code, result.stderr.count("\n")) == (3, 1)
    assert f"`tapefold replay {made.folder}`" in result.stderr
