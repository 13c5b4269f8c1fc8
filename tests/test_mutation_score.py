"""The mutation score: what it changes, what it counts, and that a weak test scores low.

The replay door, as the score itself uses it: what is measured is what a test sees of a log, and sockets
would add nothing. Sessions are made of a few lines, or are simulated and recorded here in virtual time.
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any, Final, cast

import pytest
import tiny
from captures import ROOT
from click.testing import CliRunner, Result
from msgspec.structs import replace

import tapefold.testing.mutation
import tapefold_adapters.binance.private as binance_private
from tapefold import Cancel, Frame, Submit, bundled
from tapefold.adapter import Adapter, Command, load_adapter
from tapefold.cli.session_score import command
from tapefold.errors import Mismatch, SessionError, TapefoldError
from tapefold.events import InstrumentListed, OrderFilled
from tapefold.log import open_log
from tapefold.replay import Replay
from tapefold.scenario import FillThen, Place, Scenario, Then
from tapefold.scenario.acting import act
from tapefold.scenario.reading import read_scenario
from tapefold.session import Session
from tapefold.sim import FUNDED
from tapefold.sim.recording import record
from tapefold.testing.mutation import (
    Score,
    by_digests,
    by_scenario,
    mutation_score,
    score_lines,
)
from tapefold.testing.mutation.edits import changed, with_leaf
from tapefold.testing.mutation.leaves import Leaf, leaves
from tapefold.testing.mutation.spellings import SPELLINGS, Spelling, respelled
from tapefold.units import SECOND

PAIR = "BTC-USDT"
MESSY = rb'{"e":"x\"]}","a":[["1.50","2"],[-3e4,{"m":true}]],"S":"BUY","n":null,"":[],"o":{"k\u0065y":0}}'


def nothing(session: Session) -> bool:
    """A test that checks nothing."""
    return False


def crashes(session: Session) -> bool:
    """A test that only notices what breaks the replay."""
    replay = Replay(session)
    try:
        while replay.play(10_000):
            pass
    except TapefoldError:
        return True
    return False


def killed(score: Score) -> dict[str, tuple[int, int]]:
    """By key path, noticed and tried."""
    return {each.path: (each.killed, each.of) for each in score.paths}


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Two seconds of a simulated account: a market buy, a resting buy, and its end."""
    buy = Submit("binance", PAIR, "buy", Decimal("0.01"), order_type="market", by="buy")
    rest = Submit("binance", PAIR, "buy", Decimal("0.02"), Decimal(60_000), by="rest")
    commands: list[tuple[int, Command]] = [
        (1 * SECOND, buy),
        (1 * SECOND, rest),
        (3 * SECOND // 2, Cancel("sim-1-2")),
    ]
    story = replace(FUNDED, lasts=2 * SECOND, specs=FUNDED.specs[:1])
    folder = tmp_path_factory.mktemp("traded") / "session"
    return record(folder, story, 1, versions={}, commands=commands)


# What is changed


def test_leaves_have_their_path_and_their_place() -> None:
    found = leaves(MESSY)
    assert [(leaf.path, leaf.sort, leaf.text) for leaf in found] == [
        ("a[][]", "number", b"1.50"),
        ("a[][]", "number", b"2"),
        ("a[][]", "number", b"-3e4"),
        ("a[][].m", "flag", b"true"),
        ("S", "word", b"BUY"),
        ("o.key", "number", b"0"),
    ]
    assert all(MESSY[leaf.start : leaf.end] == leaf.text for leaf in found)
    assert json.loads(with_leaf(MESSY, found[2], b"7"))["a"][1][0] == 7


@pytest.mark.parametrize(
    "text", ["0", "7", "10", "-1", "0.50", "100.00", "-0.001", "1e5", "-2.5E-3"]
)
def test_a_changed_number_is_another_one_and_still_a_number(text: str) -> None:
    leaf = Leaf("p", "number", 0, len(text), text.encode())
    found = [changed(leaf, [], Random(seed)) for seed in range(200)]
    for new in filter(None, found):
        assert json.loads(new) != json.loads(text)
        assert len(new) == len(text) or new.lstrip(b"-") == text.lstrip("-").encode()
    assert len({*found}) > 5


def test_a_flag_is_turned_and_a_word_becomes_one_that_was_seen() -> None:
    assert changed(Leaf("m", "flag", 0, 4, b"true"), [], Random(1)) == b"false"
    word = Leaf("X", "word", 0, 3, b"NEW")
    seen = {changed(word, [b"NEW", b"FILLED", b"CANCELED"], Random(n)) for n in range(20)}
    assert seen == {b"FILLED", b"CANCELED"}
    assert changed(word, [b"NEW"], Random(1)) is None


def meaning(data: bytes) -> Any:
    """What a text says: numbers by their value, also where they are strings; unknown keys left out."""

    def known(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {key: value for key, value in pairs if key != "unheard_of"}

    def number(node: Any) -> Any:
        if isinstance(node, dict):
            rows = cast("dict[str, Any]", node)
            return {key: number(value) for key, value in rows.items()}
        if isinstance(node, list):
            return [*map(number, cast("list[object]", node))]
        return Decimal(node) if isinstance(node, str) and re.match(r"\d+\.\d+$", node) else node

    return number(json.loads(data, object_pairs_hook=known, parse_float=Decimal))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_another_spelling_says_the_same_in_other_bytes(spelling: Spelling) -> None:
    data = '{"b":{"s":"é😀 1.5","p":"1.50","q":2.5},"a":[1,{"x":null,"y":true}],"BTC":1}'.encode()
    spelled = {respelled(data, spelling, Random(seed)) for seed in range(9)}
    assert all(meaning(each) == meaning(data) for each in spelled)
    assert spelled != {data}
    assert {b"unheard_of" in each for each in spelled} == {spelling == "unknown key"}


def test_what_is_keyed_by_assets_gets_no_unknown_key() -> None:
    assert respelled(b'{"BTC":"1.0","ETH":"2"}', "unknown key", Random(1)) == (
        b'{"BTC":"1.0","ETH":"2"}'
    )


# What is counted


def test_a_tiny_session_notices_every_edit(tmp_path: Path) -> None:
    """Five deltas and four trades of futures, and the snapshot, whose `E` nobody reads."""
    score = mutation_score(tiny.session(tmp_path), times=100)
    assert (score.killed, score.of, score.ratio) == (100, 100, Decimal(1))
    market = {f"book data.{key}" for key in ("E", "T", "U", "u", "pu", "b[][]", "a[][]")}
    market |= {"book T", "book lastUpdateId", "book bids[][]", "book asks[][]"}
    market |= {f"trades data.{key}" for key in ("E", "T", "t", "p", "q", "m")}
    assert {*killed(score)} == market
    places = {each.path: each.places for each in score.paths}
    assert (places["book data.b[][]"], places["book bids[][]"], places["trades data.m"]) == (
        10,
        4,
        4,
    )
    # Four flags can be turned in four ways; all other paths take their turns.
    assert killed(score)["trades data.m"] == (4, 4)
    assert {each.of for each in score.paths} == {4, 6}
    assert (score.unread, score.unused, score.survivors) == (("book E",), (), ())
    assert (score.frames, score.skipped) == (10, 0)
    assert (score.false_alarms, score.respelled) == ((), 10 * len(SPELLINGS))


def test_a_test_that_looks_at_one_field_kills_the_edits_of_that_field(tmp_path: Path) -> None:
    session = tiny.session(tmp_path)

    def prices(of: Session) -> list[Decimal]:
        frames = (
            json.loads(bytes(line.data))["data"] for line in of.lines() if line.kind == "recv"
        )
        return [Decimal(frame["p"]) for frame in frames if frame["e"] == "trade"]

    recorded = prices(session)
    score = mutation_score(session, lambda edited: prices(edited) != recorded, times=100)
    assert recorded == [Decimal("100.5")] * 4
    for path, (noticed, tried) in killed(score).items():
        assert noticed == (tried if path == "trades data.p" else 0)
    assert (score.killed, score.of, len(score.survivors)) == (6, 100, 94)
    assert (score.ratio, score.false_alarms) == (Decimal("0.06"), ())


def test_a_test_that_checks_nothing_scores_nothing(tmp_path: Path) -> None:
    score = mutation_score(tiny.session(tmp_path), nothing, times=50)
    assert (score.killed, score.of, score.ratio) == (0, 50, Decimal(0))
    assert len(score.survivors) == 50


def test_a_survivor_is_named_by_line_path_and_change(tmp_path: Path) -> None:
    session = tiny.session(tmp_path)
    lines = [*session.lines()]
    score = mutation_score(session, nothing, times=200)
    answers = [each for each in score.survivors if each.path == "book lastUpdateId"]
    assert {each.line for each in answers} == {7}
    assert lines[6].kind == "response"
    assert {each.before for each in answers} == {"101"}
    for each in score.survivors:
        if each.path == "trades data.t":
            assert json.loads(bytes(lines[each.line - 1].data))["data"]["t"] == int(each.before)
    said = score_lines(score)
    assert said[0] == "mutation score 0.0000: 0 of 200 edits were noticed"
    first = score.survivors[0]
    named = f"line {first.line}, {first.path}: {first.before} → {first.after}"
    assert f"not noticed: {named}" in said
    assert "not noticed: 180 more" in said
    assert "read by nobody, and not counted: book E" in said


def test_the_same_seed_draws_the_same_edits_and_another_one_others(tmp_path: Path) -> None:
    session = tiny.session(tmp_path)
    one, same, other = (mutation_score(session, nothing, times=40, seed=n) for n in (1, 1, 2))
    assert one == same
    assert one.survivors != other.survivors


def test_no_edit_is_made_twice_and_few_places_end_the_rounds(tmp_path: Path) -> None:
    found = tiny.session(tmp_path, [tiny.delta(1), tiny.snapshot(), tiny.trade(2)])
    score = mutation_score(found, nothing, times=5_000)
    assert 100 < score.of < 5_000
    assert killed(score)["trades data.m"] == (0, 1)
    edits = {(each.line, each.path, each.after) for each in score.survivors}
    assert len(edits) > 0.9 * score.of  # one path may have the same number in two places of a frame


def test_a_test_that_fails_as_it_is_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    session = tiny.session(tmp_path)
    with pytest.raises(Mismatch, match="fails its test as it is"):
        mutation_score(session, lambda edited: True)
    tiny.remeta(session, "sealed = true", "sealed = false")
    with pytest.raises(SessionError, match="not sealed: it has no digests"):
        mutation_score(Session(session.folder))


def test_a_session_that_does_not_reach_its_digests_is_refused(tmp_path: Path) -> None:
    session = tiny.session(tmp_path)
    wanted = session.meta.digests.log
    tiny.remeta(session, wanted, "0" * len(wanted))
    with pytest.raises(Mismatch, match="does not replay to its own digests"):
        by_digests(Session(session.folder))


def test_frames_that_are_no_json_are_counted_and_left_alone(tmp_path: Path) -> None:
    session = tiny.session(tmp_path)
    lines = tiny.tape(session)
    packed = gzip.compress(b'{"p":1}', mtime=0).hex()
    lines.append([lines[-1][0], lines[-1][1], "recv", packed])
    lines.append([lines[-1][0], lines[-1][1], "recv", '{"stream":\n"x@trade","data":{"p":1}}'])
    tiny.retape(session, lines)
    score = mutation_score(session, nothing, times=20)
    assert (score.frames, score.skipped) == (11, 1)
    # JSON on several lines stands on a tape as a string: it is looked into all the same.
    assert {each.path: each.places for each in score.paths}["trades data.p"] == 5


# False alarms


def test_a_test_that_compares_bytes_gives_false_alarms(tmp_path: Path) -> None:
    session = tiny.session(tmp_path)

    def texts(of: Session) -> list[bytes]:
        return [bytes(line.data) for line in of.lines() if line.kind == "recv"]

    recorded = texts(session)
    score = mutation_score(session, lambda edited: texts(edited) != recorded, times=1)
    assert Counter(alarm.spelling for alarm in score.false_alarms) == dict.fromkeys(SPELLINGS, 3)
    assert {alarm.line for alarm in score.false_alarms} <= {5, 8, 9, 10}
    assert f"false alarms: 15 of {score.respelled} other spellings" in score_lines(score)


class Strict:
    """Binance's adapter, but that it wants a trade's keys in an order."""

    def __init__(self) -> None:
        self._inner = load_adapter("binance_futures")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def decode(self, frame: Frame, known: Any) -> Any:
        if b'"p"' in frame.data and frame.data.find(b'"q"') < frame.data.find(b'"p"'):
            raise ValueError(frame.data)
        return self._inner.decode(frame, known)


def test_an_adapter_that_minds_the_order_of_keys_gives_a_false_alarm(tmp_path: Path) -> None:
    """It looks for the keys in the bytes, so an escape may hide one from it, too."""
    adapters: dict[str, Adapter] = {"binance_futures": cast("Adapter", Strict())}
    score = mutation_score(tiny.session(tmp_path), times=20, adapters=adapters)
    found = {alarm.spelling for alarm in score.false_alarms}
    assert {"key order"} <= found <= {"key order", "escapes"}
    for alarm in score.false_alarms:
        assert alarm.after.find('"q"') < alarm.after.find('"p"')


# Recorded tests


def counts_only(session: Session) -> Callable[[Session], bool]:
    """What others' playbacks compare: how many messages of which type the adapter makes of the frames."""
    replay = Replay(session)
    while replay.play(10_000):
        pass
    adapter, known = load_adapter("binance"), replay.kernel.views.instruments.known("binance")

    @cache
    def names(data: bytes) -> list[str]:
        try:
            said = adapter.decode(Frame(0, "binance/1", "recv", data), known)
        except ValueError:
            return []
        return [type(event).__name__ for event in said if not isinstance(event, InstrumentListed)]

    def counted(of: Session) -> Counter[str]:
        received = (bytes(line.data) for line in of.lines() if line.kind == "recv")
        return Counter(chain.from_iterable(map(names, received)))

    recorded = counted(session)
    return lambda edited: counted(edited) != recorded


def share(score: Score, paths: set[str]) -> Decimal:
    """Of the edits of these paths, those that were noticed."""
    found = [killed(score)[path] for path in paths]
    return Decimal(sum(each[0] for each in found)) / sum(each[1] for each in found)


PRICES_AND_SIZES: Final = {
    *(f"book data.{key}[][]" for key in "ab"),
    *(f"trades data.{key}" for key in "pq"),
    *(f"quotes data.{key}" for key in "aAbB"),
}


def test_of_the_bundled_session_counts_see_nearly_nothing_and_digests_nearly_all() -> None:
    """And what nobody reads of it is what the adapter says. Trading rules are for accounts."""
    session = Session(bundled())
    whole = mutation_score(session, times=80)
    assert (whole.of, whole.skipped, whole.false_alarms) == (80, 0, ())
    assert whole.ratio > Decimal("0.95")
    assert share(whole, PRICES_AND_SIZES) > Decimal("0.95")
    blind = mutation_score(session, counts_only(session), times=80)
    assert share(blind, PRICES_AND_SIZES) < Decimal("0.15")
    listed = "instruments symbols[]."
    assert whole.unread == (
        "instruments rateLimits[].intervalNum",
        "instruments rateLimits[].limit",
        "instruments serverTime",
        f"{listed}baseAssetPrecision",
        f"{listed}quoteAssetPrecision",
        "trades data.M",
    )
    rules = tuple(f"{listed}{rule}" for rule in ("filters[].", "isSpot", "orderTypes"))
    assert whole.unused
    assert all(path.startswith(rules) for path in whole.unused)


def test_a_recorded_account_is_read_as_the_adapter_says_and_every_edit_shows(
    traded: Session,
) -> None:
    score = mutation_score(traded, times=400)
    assert score.of == 400
    assert score.ratio > Decimal("0.95"), score_lines(score)
    assert score.false_alarms == ()
    told = re.search(r"of executionReport ([A-Za-z ]+);", binance_private.__doc__ or "")
    assert told
    documented = {*told[1].split()}
    # Of an order of a market that nothing was taken from, `q` and `A` say nothing: they stand in for it.
    rarely = {"q", "A"}
    read = {path.rpartition(".")[2] for path in killed(score) if path.startswith("OrderReported e")}
    unread = {
        path.rpartition(".")[2] for path in score.unread if path.startswith("OrderReported e")
    }
    assert read <= documented
    assert not unread & (documented - rarely)
    assert {"L", "T", "X", "Y", "Z", "i", "l", "m", "n", "t", "x", "z"} <= read


def test_a_test_that_only_notices_crashes_scores_low(traded: Session) -> None:
    score = mutation_score(traded, crashes, times=100)
    assert score.ratio < Decimal("0.5")


def filled(session: Session) -> tuple[FillThen, ...]:
    """The fills of a session's log."""
    log = open_log()
    replay = Replay(session, log)
    while replay.play(10_000):
        pass
    events = (each.event for each in log.read())
    fills = [event for event in events if isinstance(event, OrderFilled)]
    return tuple(FillThen(order="buy", amount=fill.amount, price=fill.price) for fill in fills)


def test_a_scenario_alone_notices_what_its_then_says(traded: Session) -> None:
    """One recording under two scenarios: one says nothing, the other what was filled and at what price."""
    scenario = Scenario(title="A market buy is filled")
    silent = Place(Path("silent.toml"), scenario)
    fills = filled(traded)
    assert sum(Decimal(fill.amount) for fill in fills) == Decimal("0.01")
    telling = Place(Path("telling.toml"), replace(scenario, then=Then(fills=fills)))
    blind = mutation_score(traded, by_scenario(silent, "binance"), times=150)
    seeing = mutation_score(traded, by_scenario(telling, "binance"), times=150)
    own = {f"OrderReported event.{key}" for key in "lLi"} | {"place fills[].tradeId"}
    assert share(seeing, own) > share(blind, own)
    assert {*seeing.survivors} < {*blind.survivors}
    assert seeing.false_alarms == blind.false_alarms == ()


RESTARTED = """
title = "A resting order is canceled after a restart that subscribes to another market"
[given]
instruments = ["ETH-USDT"]
balances = {USDT = 10000}
[given.markets.ETH-USDT]
bids = [[3184.29, 5]]
asks = [[3184.35, 4]]
[given.markets.LTC-USDT]
bids = [[79.5, 10]]
asks = [[79.6, 10]]
[[when]]
submit = {order = "buy", side = "buy", amount = 1, price = 3000}
[[when]]
until = 'order("buy").status == "open"'
[[when]]
restart = ["LTC-USDT"]
[[when]]
cancel = "buy"
[[when]]
until = 'order("buy").ended'
[then]
orders.buy = {status = "canceled", executed = 0}
"""


def test_of_a_story_with_a_restart_each_session_is_scored(tmp_path: Path) -> None:
    """The first run hears of a market that it does not subscribe to: its row of the list is not counted."""
    (tmp_path / "restarted.toml").write_text(RESTARTED)
    place = read_scenario(tmp_path / "restarted.toml")
    outcome = act(place, "binance", record=tmp_path / "record")
    assert (outcome.passed, len(outcome.recorded)) == (True, 2)
    sessions = [*map(Session, outcome.recorded)]
    first, second = (mutation_score(each, times=150) for each in sessions)
    assert first.ratio == 1
    assert second.ratio > Decimal("0.95")  # a row that cannot be read any more changes nothing
    assert {"instruments symbols[].filters[].tickSize", "OrderReported event.i"} <= {*killed(first)}
    assert first.false_alarms == second.false_alarms == ()
    alone = by_scenario(place, "binance", sessions)
    ended = mutation_score(sessions[1], alone, times=150)
    assert killed(ended)["OrderReported event.z"] > (0, 0)
    assert 0 < ended.ratio < second.ratio


def test_the_page_shows_what_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "mutation-score.md").read_text()
    [example] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    space: dict[str, Any] = {}
    exec(compile(example, "mutation-score.md", "exec"), space)
    weak: Callable[[], Score] = space["weak"]
    score = weak()
    assert (score.killed, score.of) == (0, 40)
    assert "mutation score 0.0000: 0 of 40 edits were noticed" in capsys.readouterr().out


# The command line


def scored(*args: str | Path) -> Result:
    return CliRunner().invoke(command, [*map(str, args)])


def test_the_command_prints_a_table_or_one_object(tmp_path: Path) -> None:
    folder = tiny.session(tmp_path).folder
    result = scored(folder, "--times", "100", "--least", "0.95")
    assert result.exit_code == 0, result.output
    first, heads, *rows = result.stdout.splitlines()
    assert first == "mutation score 1.0000: 100 of 100 edits were noticed"
    assert heads.split() == ["key", "path", "noticed", "changed", "on", "tape"]
    assert ["trades", "data.m", "4", "4", "4"] in [row.split() for row in rows]
    assert rows[-2:] == [
        "false alarms: 0 of 50 other spellings",
        "read by nobody, and not counted: book E",
    ]
    told = json.loads(scored(folder, "--times", "100", "--json").stdout)
    assert (told["score"], told["of"], told["unread"]) == ("1.0000", 100, ["book E"])


def test_the_command_fails_below_the_least_score_and_for_no_share(tmp_path: Path) -> None:
    folder = tiny.session(tmp_path).folder
    assert scored(folder, "--times", "3", "--least", "1").exit_code == 0
    for wrong in ("1.1", "-1", "nan", "most"):
        result = scored(folder, "--least", wrong)
        assert result.exit_code == 2
        assert "is no share: a number from 0 to 1" in result.stderr


def test_a_score_below_what_is_asked_is_a_mismatch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    low = mutation_score(tiny.session(tmp_path), nothing, times=10)

    def scores_low(*_: Any, **__: Any) -> Score:
        return low

    monkeypatch.setattr(tapefold.testing.mutation, "mutation_score", scores_low)
    result = scored(tmp_path / "eth", "--least", "0.95")
    assert isinstance(result.exception, Mismatch)
    assert "scores 0.0000, with 0 false alarms: 0.95 is asked" in str(result.exception)
