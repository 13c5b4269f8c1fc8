"""Time travel: what differs between two positions, and when something held.

The replay door, which logs and sessions are read through, and the engine's for `until`; the session with an
account is the simulator's. Expressions are also asked of views that are folded here, event by event.
"""

import json
import random
import re
import shlex
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from an_account import BOOK, LISTED, SOLD, account, delta
from captures import ROOT
from msgspec.structs import replace
from order_facts import INSTRUMENT
from tiny import run, told

from tapefold import SECOND, BadInput, Cancel, Command, Session, Submit, Unmet, bundled, open_engine
from tapefold.events import BalanceChanged, OrderReported, Trade
from tapefold.history import SAVE_EVERY, History
from tapefold.inquiry import (
    Change,
    Search,
    compile_expression,
    diff,
    diff_log,
    every,
    open_past,
    when,
)
from tapefold.inquiry.nameable import Moment
from tapefold.inquiry.plainly import flat
from tapefold.log import open_log, read_log
from tapefold.replay import Replay
from tapefold.report import play_all
from tapefold.session import Start, write_start
from tapefold.sim import FUNDED, record
from tapefold.views import Views

STORY = replace(FUNDED, lasts=20 * SECOND)
BTC = "BTC-USDT"
COMMANDS: list[tuple[int, Command]] = [
    (4, Submit("binance", BTC, "buy", Decimal("0.01"), Decimal(64_000))),
    (5, Submit("binance", BTC, "buy", Decimal("0.01"), order_type="market")),
    (6, Submit("binance", BTC, "sell", Decimal("0.005"), order_type="market")),
    (8, Cancel("sim-7-1")),
]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    folder = tmp_path_factory.mktemp("travel") / "session"
    commands = [(after * SECOND, command) for after, command in COMMANDS]
    return record(folder, STORY, 7, versions={"tapefold": "0"}, commands=commands)


@pytest.fixture(scope="module")
def log(session: Session, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("travel") / "s.log"
    with open_log(path) as written:
        play_all(Replay(session, written))
    return path


# What differs


def differing(before: Views, after: Views) -> set[str]:
    """The folds that are not what they were, by their canonical data."""
    then, now = before.state(), after.state()
    names = {*then.__struct_fields__} - {"format", "position", "accounts"}
    found = {name for name in names if getattr(then, name) != getattr(now, name)}
    return found | {
        name
        for name in then.accounts.__struct_fields__
        if getattr(then.accounts, name) != getattr(now.accounts, name)
    }


def mirrored(changes: Iterable[Change]) -> set[Change]:
    return {replace(each, before=each.after, after=each.before) for each in changes}


def told_of(changes: Iterable[Change]) -> dict[str, tuple[str, str]]:
    return {change.path: (change.before, change.after) for change in changes}


def test_every_fold_that_differs_is_told_of_and_the_way_back_is_the_mirror(log: Path) -> None:
    """At random pairs of positions of a session with books, trades, orders and money."""
    drawn = random.Random(5)
    seen: set[str] = set()
    with History(log) as history:
        head = history.log.head
        pairs = [(p, p + drawn.choice((1, 2, 5, 100))) for p in drawn.sample(range(head - 100), 50)]
        for p, q in [(0, 20), (0, head), (5, head // 2), *pairs]:
            before, after = history.views(p), history.views(q)
            changes, folds = diff(before, after), differing(before, after)
            told = {change.fold for change in changes}
            # Who is watched, surveyed and refused is told as one thing.
            if {"surveyed", "refused"} & folds:
                assert "accounts" in told
            if "orders" in folds:
                assert told & {"orders", "accounts"}
            assert folds - {"orders", "surveyed", "refused"} <= told
            assert bool(changes) == (before.digests() != after.digests())
            capped = [change for change in changes if change.field.startswith("more ")]
            if not capped:
                assert mirrored(changes) == {*diff(after, before)}
            assert len({change.path for change in changes}) == len(changes)
            assert all(change.before != change.after for change in changes)
            seen |= folds
    assert seen >= {
        "books",
        "markets",
        "orders",
        "balances",
        "positions",
        "connections",
        "surveyed",
    }


def test_each_single_event_is_told_of_where_it_changes_a_digest(log: Path) -> None:
    """Around the orders, position by position: so also what only the code itself looks at."""
    with History(log) as history:
        first = when(log, "orders.kept > 0")
        assert first
        views = history.views(first.position - 3)
        for event in history.log.events(views.position, views.position + 400):
            before = Views.thaw(views.freeze())
            views.apply(event)
            assert bool(diff(before, views)) == (before.digests() != views.digests()), event


def test_what_a_fill_changes() -> None:
    events = account()
    fill_at = next(n for n, e in enumerate(events) if type(e).__name__ == "OrderFilled")
    found = told_of(diff(Views.of(events[:fill_at]), Views.of(events[: fill_at + 1])))
    assert found["balance x USDT total"] == ("1000", "960")
    assert found["balance x ETH total"][0] == "2"
    assert found["position x ETH-USDT amount"][0] == ""
    whole = told_of(diff(Views.of(events[: fill_at - 1]), Views.of(events)))
    assert whole["order c executed"] == ("0", "0.4")
    assert whole["order c held"] == ("100", "60")
    assert whole["market x ETH-USDT last trade"] == ("", "sell 0.25 at 109.5")
    assert not any(path.startswith("facts about orders") for path in whole)


def test_a_thing_that_appears_was_nothing_before() -> None:
    found = told_of(diff(Views(), Views.of([LISTED, BOOK])))
    assert found["book x ETH-USDT best bid"] == ("", "109 x 1")
    assert found["book x ETH-USDT spread"] == ("", "2")
    assert found["book x ETH-USDT bid 108.9"] == ("", "0.0005")
    assert found["instrument x ETH-USDT price digits"] == ("", "2")


def test_of_a_book_the_best_twenty_levels_are_told_and_how_many_more() -> None:
    levels = [(10_000 - n, n + 1) for n in range(30)]
    before, after = Views.of([LISTED, BOOK]), Views.of([LISTED, BOOK, delta(*levels, (10_900, 0))])
    changes = [change for change in diff(before, after) if change.fold == "books"]
    named = [c.field for c in changes if re.fullmatch(r"(bid|ask) [0-9.]+", c.field)]
    assert named == ["bid 109", *(f"bid {plain}" for plain in ["100", *_tenths(18)])]
    assert told_of(changes)["book x ETH-USDT bid 109"] == ("1", "")
    assert (changes[-1].field, changes[-1].after) == ("more levels", "11")
    assert told_of(changes)["book x ETH-USDT bids"] == ("2", "31")


def _tenths(count: int) -> list[str]:
    """99.99, 99.98 and on."""
    return [str((Decimal(10_000 - n) / 100).normalize()) for n in range(1, count + 1)]


def test_nothing_differs_from_itself(log: Path, session: Session) -> None:
    assert diff_log(log, 777, 777) == diff_log(session, 777, 777) == []


def test_a_session_differs_as_its_log_does(log: Path, session: Session) -> None:
    assert diff_log(session, 900, 1200) == diff_log(log, 900, 1200) != []


def test_what_is_nothing_is_told_from_what_is_empty() -> None:
    leaves = [*flat({"a": None, "b": "", "c": [], "d": (), "e": False})]
    assert [text for _, text in leaves] == ["none", "''", "[]", "()", "no"]


@pytest.mark.parametrize("of", ["log", "session"])
def test_a_position_past_the_end_is_one_clear_line(of: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(of)
    with pytest.raises(
        BadInput, match=rf"^there is no position 9{{9}}: the {of} goes from 0 to \d+$"
    ):
        diff_log(path, 5, 999_999_999)
    with pytest.raises(BadInput, match=r"there is no position 9{9}"):
        when(path, "at > 3", after=999_999_999)


# When it held


def by_hand(log: Path, expression: str, momentary: bool) -> list[int]:
    """The same by asking after every single event."""
    asked, moment, held = compile_expression(expression), Moment(Views()), False
    found: list[int] = []
    with read_log(log) as reader:
        for position, time, event in reader.read():
            moment.views.apply(event)
            moment.event, moment.time = event, time
            before, held = held, asked.holds(moment)
            if held and (momentary or not before):
                found.append(position)
    return found


@pytest.mark.parametrize(
    "expression",
    [
        'book("BTC-USDT").spread > 1',
        'book("BTC-USDT").best_bid.size > book("BTC-USDT").best_ask.size',
        'not book("ETH-USDT").live',
        'trade("BTC-USDT").size > 0.1',
        'quote("ETH-USDT").bid_price > 3183.8',
        'order("sim-7-1").status == "open"',
        'order("sim-7-2").ended and orders.alive > 0',
        "orders.filled > 1",
        'balance("binance", "USDT").available < balance("binance", "USDT").total',
        'position("binance", "BTC-USDT").unrealised > 0',
        'position("binance", "BTC-USDT").unrealised < -0.005',
        'position("binance", "BTC-USDT").amount > 0 and trade("BTC-USDT").side == "sell"',
        "connections.up == 2",
        "anomalies > 0 or halted",
        "at - 100 > 1000",
        "time > 0",
    ],
)
def test_all_positions_are_those_of_asking_after_every_event(log: Path, expression: str) -> None:
    found = [each.position for each in every(log, expression)]
    assert found == by_hand(log, expression, momentary=False)
    first = when(log, expression)
    assert (first and first.position) == (found[0] if found else None)


def test_most_of_these_questions_have_an_answer(log: Path) -> None:
    """So that the test above compares more than nothing with nothing."""
    for expression in (
        'book("BTC-USDT").spread > 1',
        'trade("BTC-USDT").size > 0.1',
    ):
        assert len([*every(log, expression)]) > 3


def test_a_question_about_an_event_is_a_new_one_at_each(log: Path) -> None:
    expression = 'event.kind == "Trade" and event.symbol == "BTC-USDT" and event.price > 64_000'
    found = [*every(log, expression)]
    assert [each.position for each in found] == by_hand(log, expression, momentary=True)
    assert len(found) > 10
    assert {type(each.event) for each in found} == {Trade}
    assert all(Decimal(each.values["event.price"] or 0) > 64_000 for each in found)


def test_a_number_that_is_none_is_not_known(tmp_path: Path) -> None:
    """An adapter may forget to check what it is told, and a log is a file."""
    deltas = ("NaN", "1", "sNaN", "Infinity", "3")
    with open_log(tmp_path / "x.log") as log:
        for time, delta_ in enumerate(deltas):
            number = Decimal(delta_)
            log.append(time, BalanceChanged(exchange="x", asset="A", delta=number, transfer_id=""))
        fees = (("A", Decimal("NaN")), ("B", Decimal(2)))
        log.append(9, OrderReported(exchange="x", says="open", fees=fees))
    for expression, positions in (
        ("event.delta > 1", [4, 5]),
        ("event.delta == 1", [2]),
        ("event.delta in (1, 3)", [2, 5]),
        ("event.delta + 1 < 3", [2]),
        ('event.kind == "BalanceChanged" and event.delta is None', [1, 3]),
        ('event.fees["A"] > 0', []),
        ('event.fees["B"] == 2', [6]),
    ):
        found = [each.position for each in every(tmp_path / "x.log", expression)]
        assert (expression, found) == (expression, positions)


def test_what_is_found_says_when_what_and_how_much(log: Path) -> None:
    found = when(log, 'order("sim-7-2").executed > 0 and orders.alive < 1e3')
    assert found
    assert found.instrument
    with read_log(log) as reader:
        (record,) = reader.read(found.position - 1, found.position)
    assert (found.time_ns, found.event) == (record.time_received, record.event)
    assert found.instrument.symbol == BTC
    assert found.values == {'order("sim-7-2").executed': "0.01", "orders.alive": "1"}


def test_a_session_answers_as_its_log_does(log: Path, session: Session) -> None:
    for expression in ("orders.filled > 0", 'event.kind == "OrderCanceled"', "at == 1"):
        found = when(log, expression)
        assert found
        again = when(session, expression)
        assert again
        assert (again.position, again.values) == (found.position, found.values)
        assert [each.position for each in every(session.folder, expression)] == [
            each.position for each in every(log, expression)
        ]


def test_it_begins_after_one_position_and_ends_at_another(log: Path) -> None:
    found = [each.position for each in every(log, 'event.kind == "Trade"')]
    fifth = when(log, 'event.kind == "Trade"', after=found[3])
    assert fifth
    assert fifth.position == found[4]
    within = every(log, 'event.kind == "Trade"', found[3], found[8])
    assert [each.position for each in within] == found[4:9]
    assert when(log, 'event.kind == "Trade"', after=found[3], until=found[4] - 1) is None
    # What holds already is found at the first position that is asked, whatever its event.
    for after in (found[3], found[3] + 1, found[3] + 2):
        already = when(log, "orders.kept >= 0", after=after)
        assert already
        assert already.position == after + 1


def test_there_must_be_something_to_ask(log: Path) -> None:
    with pytest.raises(
        BadInput, match=r"^nothing is past position 8 and up to 8: say a later end$"
    ):
        when(log, "at > 1", after=8, until=8)


def test_it_begins_at_the_saved_views_below(tmp_path: Path) -> None:
    path, far = tmp_path / "long.log", SAVE_EVERY + 10
    with open_log(path) as written:
        for event in (LISTED, BOOK):
            written.append(1, event)
        for _ in range(far):
            written.append(1, SOLD)
        written.commit()
    with History(path) as history:
        history.views()
    asked: list[tuple[int, int]] = []
    with open_past(path) as past:
        views = past.views(SAVE_EVERY + 2)
        asked.append((views.position, views.markets[INSTRUMENT].trades))
    assert asked == [(SAVE_EVERY + 2, SAVE_EVERY)]
    found = when(path, f'trade("ETH-USDT").count == {far}', after=SAVE_EVERY + 2)
    assert found
    assert found.position == far + 2
    assert (tmp_path / "long.log.views" / f"{SAVE_EVERY:012}.msgpack").exists()


def test_a_session_that_goes_on_with_a_log_is_asked_from_where_it_began(tmp_path: Path) -> None:
    events = account()
    with open_log(tmp_path / "x.log") as before:
        for event in events:
            before.append(1, event)
        before.commit()
    with read_log(tmp_path / "x.log") as reader:
        start = Start.of(reader.tail(), Views.of(events))
    folder = tmp_path / "session"
    folder.mkdir()
    for path in bundled().iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    text = (folder / "session.toml").read_text()
    (folder / "session.toml").write_text(f"start_position = {len(events)}\n{text}")
    write_start(folder, start)
    first = when(folder, 'order("c").executed == 0.4')
    assert first
    assert first.position == len(events) + 1
    assert diff_log(folder, len(events), len(events)) == []
    with pytest.raises(BadInput, match=rf"no position 3: the session goes from {len(events)} to "):
        diff_log(folder, 3, len(events))


def test_progress_is_told_now_and_then(log: Path) -> None:
    heard: list[int] = []
    with open_past(bundled()) as past:
        assert [*Search(past, compile_expression("orders.kept > 0"), progress=heard.append)] == []
        assert past.head == 8680
    assert heard == [4096, 8192]


# In an engine


async def test_an_engine_waits_for_an_expression() -> None:
    async with open_engine(bundled()) as engine:
        position = await engine.until(compile_expression('book("ETH-USDT").gaps == 1'))
    found = when(bundled(), 'book("ETH-USDT").gaps == 1')
    assert found
    assert found.position <= position  # an engine asks once a step


@pytest.mark.parametrize("expression", ['event.kind == "Trade"', "time > 5"])
async def test_an_engine_cannot_wait_for_an_event_or_its_time(expression: str) -> None:
    async with open_engine(bundled()) as engine:
        with pytest.raises(BadInput, match="asks for an event or its time"):
            await engine.until(compile_expression(expression))


async def test_what_never_holds_ends_as_any_predicate_does() -> None:
    async with open_engine(bundled()) as engine:
        with pytest.raises(Unmet):
            await engine.until(compile_expression("orders.kept > 0"))


# On the command line


def lines_of(*args: str | Path) -> list[str]:
    result = run(*args)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout.splitlines()


def test_diff_is_a_table_by_things(log: Path) -> None:
    found = when(log, 'order("sim-7-1") is not None')
    assert found
    title, empty, columns, *rows = lines_of(
        "diff", log, str(found.position - 1), str(found.position)
    )
    changes = diff_log(log, found.position - 1, found.position)
    assert title == (
        f"{log}, from position {found.position - 1:,} to {found.position:,}: {len(changes)} things differ"
    )
    assert (empty, columns.split("  ")[0]) == ("", "what")
    assert len(rows) == len(changes)
    assert rows[0].split() == ["order", "sim-7-1", "exchange", "-", "binance"]
    assert [row.split() for row in rows if row.split()[0] == "status"] == [
        ["status", "-", "submitted"]
    ]


def test_diff_as_json_is_one_object(log: Path) -> None:
    changes = diff_log(log, 900, 950)
    facts = told("diff", log, "900", "950", "--json")
    assert (facts["before"], facts["after"], len(facts["changes"])) == (900, 950, len(changes))
    first = changes[0]
    assert facts["changes"][0] == {
        "fold": first.fold,
        "subject": first.subject,
        "field": first.field,
        "before": first.before or None,
        "after": first.after or None,
    }


def test_diff_says_where_nothing_differs(log: Path) -> None:
    assert lines_of("diff", log, "1000", "1000") == [
        f"nothing differs between positions 1,000 and 1,000 of {log}"
    ]
    assert told("diff", log, "0", "0", "--json")["changes"] == []


def test_when_tells_position_values_and_the_record(log: Path) -> None:
    found = when(log, 'event.kind == "OrderFilled"')
    assert found
    first, value, empty, line = lines_of("when", log, 'event.kind == "OrderFilled"')
    assert first == f"it holds at position {found.position:,}"
    assert (value, empty) == ("  event.kind  OrderFilled", "")
    shown = lines_of("show", log, "--at", str(found.position), "--orders")
    assert line.startswith(f"{found.position}  ")
    assert " OrderFilled " in line
    assert "BTC-USDT" in line
    assert shown


def test_when_as_json(log: Path) -> None:
    found = when(log, 'trade("BTC-USDT").size > 0.1')
    assert found
    facts = told("when", log, 'trade("BTC-USDT").size > 0.1', "--json")
    assert (facts["position"], facts["time_ns"]) == (found.position, found.time_ns)
    assert facts["values"] == found.values
    # Prices and sizes of the market as people write them.
    assert facts["event"]["size"] == found.values['trade("BTC-USDT").size']
    assert facts["event"]["symbol"] == BTC


def test_all_of_them_are_a_line_each(log: Path) -> None:
    expression = 'event.kind == "OrderFilled"'
    found = [*every(log, expression)]
    lines = lines_of("when", log, expression, "--all")
    assert [int(line.split()[0]) for line in lines] == [each.position for each in found]
    assert all(line.endswith("(event.kind is OrderFilled)") for line in lines)
    objects = [json.loads(line) for line in lines_of("when", log, expression, "--all", "--json")]
    assert [each["position"] for each in objects] == [each.position for each in found]


@pytest.mark.parametrize("options", [(), ("--all",), ("--json",)])
def test_what_never_holds_is_exit_code_1_and_a_line(log: Path, options: tuple[str, ...]) -> None:
    result = run("when", log, 'book("BTC-USD").mid > 1', "--until", "900", *options)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f'tapefold: book("BTC-USD").mid > 1 never holds in {log}, from position 1 to 900; at the end '
        'nothing is known of book("BTC-USD").mid\n'
    )


@pytest.mark.parametrize(
    ("args", "code", "line"),
    [
        (("when", "LOG", "bok > 1"), 3, "tapefold: the expression, column 1: there is no 'bok'"),
        (
            ("when", "LOG", "at > 1", "--after", "9", "--until", "9"),
            2,
            "nothing is past position 9",
        ),
        (("when", "LOG", "at > 1", "--after", "99999999"), 3, "there is no position 99999999"),
        (("when", "nowhere", "at > 1"), 3, "nowhere is neither a session nor a log"),
        (("diff", "nowhere", "1", "2"), 3, "nowhere is neither a session nor a log"),
        (("diff", "LOG", "1", "99999999"), 3, "there is no position 99999999"),
        (("diff", "LOG", "1", "two"), 2, "'two' is not a valid integer"),
        (("diff", "LOG", "1"), 2, "Missing argument 'Q'"),
    ],
)
def test_what_was_typed_wrong_is_one_line(
    log: Path, args: tuple[str, ...], code: int, line: str
) -> None:
    result = run(*(log if arg == "LOG" else arg for arg in args))
    assert result.exit_code == code
    assert line in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["diff", "when"])
def test_the_help_has_an_example(command: str) -> None:
    assert f"  tapefold {command} eth.log " in run(command, "--help").stdout


# The page


def page() -> str:
    return (ROOT / "docs" / "time-travel.md").read_text()


def test_commands_as_the_page_shows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it prints is what they print."""
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```console\n(.*?)```", page(), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        printed = ""
        for line in re.findall(r"^\$ tapefold (.*)$", block, re.MULTILINE):
            result = run(*shlex.split(line))
            printed += f"$ tapefold {line}\n{result.output}"
        assert printed == block


async def test_python_as_the_page_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", page(), re.DOTALL)
    space: dict[str, Any] = {}
    exec(compile(example, "time-travel.md", "exec"), space)
    main: Callable[[], Any] = space["main"]
    told_ = await main()
    assert "book binance ETH-USDT state: stale -> live" in told_
    assert capsys.readouterr().out == "4911 gap\n"
