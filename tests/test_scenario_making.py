"""Scenario files made of recorded sessions: each reads back, and is true of its session in both doors.

Replay and mock for that, since such a file can be run in these two; virtual time for the runs that are
recorded; and no door where text is made, or one fold is judged again and again.
"""

import shutil
import tomllib
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
import trio
import two_runs
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from private_runs import KEY, PAIR, bid, recording, status, trade
from reactors import Maker
from trio.testing import MockClock

from tapefold import Cancel, Engine, Session, Submit
from tapefold.errors import Mismatch, ScenarioError
from tapefold.events import (
    ZERO,
    AnyEvent,
    OrderAccepted,
    OrderSubmitted,
    StrategyStarted,
)
from tapefold.log import Log
from tapefold.log.store import in_memory
from tapefold.scenario import BalanceThen, FillThen, Place, made_text, making
from tapefold.scenario.judging import Heard, judge
from tapefold.scenario.making import make
from tapefold.scenario.naming import names_of
from tapefold.scenario.playing import Counting, play
from tapefold.scenario.reading import read_scenario, session_path
from tapefold.scenario.words import Number
from tapefold.session import bundled
from tapefold.session.meta import Digests, read_meta, write_meta
from tapefold.sim import FUNDED, Wish, record
from tapefold.testing import VirtualExchange
from tapefold.units import SECOND, tidy


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with sessions in `cassettes/`, and `scenarios/` beside it."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "scenarios").mkdir()
    cassettes = folder / "cassettes"
    cassettes.mkdir()
    shutil.copytree(bundled(), cassettes / "minute")
    two_runs.play(cassettes)
    _told(cassettes / "strangers", _with_strangers)
    _told(cassettes / "named", _with_names)
    commands = [
        (3 * SECOND, Submit("binance", PAIR, "buy", Decimal("0.02"), order_type="market")),
        (4 * SECOND, Submit("binance", PAIR, "sell", Decimal(7), Decimal(65_000))),
    ]
    story = replace(FUNDED, lasts=15 * SECOND)
    versions = {"tapefold": "test"}
    record(cassettes / "desk", story, 3, versions=versions, commands=commands, strategies=[Maker()])
    return folder


def _told(folder: Path, act: Callable[[VirtualExchange, Engine], Any]) -> None:
    async def run() -> None:
        async with recording(folder) as (exchange, engine, _):
            await act(exchange, engine)

    trio.run(run, clock=MockClock(autojump_threshold=0))


async def _with_strangers(exchange: VirtualExchange, engine: Engine) -> None:
    """The account's owner trades by hand beside us: one order rests, one is filled. Money comes, too."""
    venue, now = exchange.sim.venue, exchange.clock.now()
    await trade(engine)
    for name, price in (("rests", 90_000_000), ("trades", 60_000_000)):
        wish = Wish(
            symbol=PAIR,
            side="sell",
            order_type="limit",
            client_order_id=name,
            size=1_000,
            price=price,
        )
        venue.place(KEY, wish, now)
    venue.deposit(KEY, "ETH", Decimal("1.5"), now)
    await trio.sleep(10)


async def _with_names(exchange: VirtualExchange, engine: Engine) -> None:
    """Orders are wanted by somebody, as those of a scenario are."""
    del exchange
    first = engine.submit(
        Submit("binance", PAIR, "buy", Decimal("0.01"), bid(engine, 2000), by="resting")
    )
    second = engine.submit(
        Submit("binance", PAIR, "buy", Decimal("0.02"), order_type="market", by="taker")
    )
    await engine.settled(second)
    await engine.until(lambda _: status(engine, first) == "open")
    engine.command(Cancel(first))
    await engine.settled(first)
    third = engine.submit(
        Submit("binance", PAIR, "sell", Decimal("0.01"), Decimal(1), by="refused")
    )
    await engine.settled(third)


def _place(home: Path, name: str) -> Place:
    """A scenario file of a session, written and read."""
    path = home / "scenarios" / f"{name}.toml"
    path.write_text(make(Session(home / "cassettes" / name), path), encoding="utf-8")
    place = read_scenario(path)
    assert session_path(place) == home / "cassettes" / name
    return place


def _heard(session: Session) -> Heard:
    start = session.start()
    replay = Counting(session, log := Log(in_memory(), start=start.tail if start else None))
    while replay.play(4096):
        pass
    events = [record.event for record in log.read()]
    return Heard(events, replay.views, "binance", replay.asked)


SESSIONS = {
    "minute": "binance: the books of BTC-USDT, ETH-USDT and MOTE-USDT, one gap, over 60 s",
    "first": "binance: 3 orders of BTC-USDT, one open, one canceled, one filled, over 1 s",
    "second": "binance: 6 orders of BTC-USDT, three canceled, two filled, one open, over 25 s",
    "third": "binance: 2 orders of BTC-USDT, one canceled, one filled, in less than a second",
    "strangers": "binance: 2 orders of BTC-USDT, one canceled, one filled, two of somebody else, "
    "over 9 s",
    "named": "binance: 3 orders of BTC-USDT, one canceled, one filled, one rejected, "
    "in less than a second",
    "desk": "binance: 7 orders of BTC-USDT, four filled, one rejected, one canceled, one open, over 15 s",
}
"""The title of each session's scenario."""


@pytest.mark.parametrize("way", ["replay", "mock"])
@pytest.mark.parametrize("name", SESSIONS)
def test_a_made_scenario_passes_in_both_doors(name: str, way: Any, home: Path) -> None:
    place, session = _place(home, name), Session(home / "cassettes" / name)
    outcome = play(place, "binance", [session.folder], way)
    assert (outcome.failed, outcome.error) == ((), "")
    assert outcome.digest == session.meta.digests.log


def test_titles_are_sentences_of_what_happened(home: Path) -> None:
    found = {name: _place(home, name).scenario.title for name in SESSIONS}
    assert found == SESSIONS


def test_what_was_told_and_what_there_was_is_in_it(home: Path) -> None:
    """Of the session with names, all of it; of others what it has not."""
    then = _place(home, "named").scenario.then
    fees: dict[str, Number] = {"BTC": Decimal("0.00002")}
    filled = {
        "amount": Decimal("0.02"),
        "price": Decimal("64250.02"),
        "value": Decimal("1285.0004"),
    }
    assert then.told == {
        "resting": (
            {"event": "OrderAccepted"},
            {"event": "OrderCanceled", "executed": ZERO},
        ),
        "taker": (
            {"event": "OrderAccepted"},
            {"event": "OrderFilled", **filled, "fees": fees, "executed": Decimal("0.02")},
            {
                "event": "OrderCompleted",
                "executed": Decimal("0.02"),
                "value": Decimal("1285.0004"),
                "fees": fees,
            },
        ),
        "refused": ({"event": "OrderRejected", "executed": ZERO, "reason": "notional_min"},),
    }
    assert [(name, order.status) for name, order in then.orders.items()] == [
        ("resting", "canceled"),
        ("taker", "filled"),
        ("refused", "rejected"),
    ]
    assert then.fills == (FillThen(order="taker", fees=fees, **filled),)
    assert then.balances == {
        "BTC": BalanceThen(total=Decimal("2.01998"), available=Decimal("2.01998")),
        "USDT": BalanceThen(total=Decimal("98714.9996"), available=Decimal("98714.9996")),
    }
    assert then.requests == {"place": 2, "cancel": 1}
    assert then.holds == ("anomalies == 0", "orders.alive == 0", "orders.doubted == 0")
    assert then.facts == ()


def test_what_befell_the_account_beside_our_orders_is_in_it(home: Path) -> None:
    then = _place(home, "strangers").scenario.then
    theirs = {"side": "sell", "exchange_order_id": "70000004"}
    assert then.facts == (
        {"event": "ForeignOrderSeen", "side": "sell", "exchange_order_id": "70000003"},
        {"event": "ForeignOrderSeen", **theirs},
        {
            "event": "OrderFilled",
            **theirs,
            "amount": Decimal("0.01"),
            "value": Decimal("642.4999"),
            "fees": {"USDT": Decimal("0.6424999")},
        },
        {"event": "BalanceChanged", "asset": "ETH", "delta": Decimal("1.5")},
    )
    assert [*then.told] == ["order1", "order2"]
    assert then.fills is not None
    assert [fill.order for fill in then.fills] == ["order2"]
    assert then.balances["ETH"] == BalanceThen(total=Decimal("51.5"), available=Decimal("51.5"))


def test_orders_from_before_the_session_have_names_where_it_tells_of_them(home: Path) -> None:
    """The second run cancels what the first left; the third what a strategy left in the second."""
    then = _place(home, "third").scenario.then
    assert then.told["order1"] == ({"event": "OrderCanceled", "executed": ZERO},)
    assert then.orders["order1"].price == Decimal("64241.8")
    assert then.requests == {"place": 1, "cancel": 1}


# It is not true of anything else


def _leaves(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Where the words and numbers of a document are."""
    if isinstance(value, dict | list):
        inner = cast("dict[str, object] | list[object]", value)
        for key, each in inner.items() if isinstance(inner, dict) else enumerate(inner):
            yield from _leaves(each, *path, key)
    else:
        yield path


@pytest.mark.parametrize(
    ("name", "words"), [("minute", 26), ("second", 100), ("strangers", 64), ("named", 54)]
)
def test_each_word_of_it_is_looked_at(name: str, words: int, home: Path, tmp_path: Path) -> None:
    """Any number one more, any word another one, and it is no longer true of its session."""
    place = _place(home, name)
    heard = _heard(Session(home / "cassettes" / name))
    assert judge(place, heard) == []
    file = tmp_path / "home" / "scenarios" / "twisted.toml"
    (file.parent / name).mkdir(parents=True)
    text = place.path.read_text(encoding="utf-8")
    paths = [*_leaves(tomllib.loads(text, parse_float=Decimal)["then"])]
    for path in paths:
        document = tomllib.loads(text, parse_float=Decimal)
        _twist(document["then"], path)
        file.write_text(_written(document), encoding="utf-8")
        assert judge(read_scenario(file), heard) != [], path
    assert len(paths) == words


OTHER = {
    "told": "OrderDoubted",
    "facts": "TradingHalted",
    "never": "ConnectionOpened",
    "live": "stale",
    "disconnected": "crossed",
    "gap": "crossed",
    "buy": "sell",
    "sell": "buy",
}
"""What is said instead: of an event by the part of the file, of a word that has few others by it."""


def _twist(then: dict[str, Any], path: tuple[Any, ...]) -> None:
    """Make what stands there another one."""
    *above, last = path
    inner: Any = then
    for key in above:
        inner = inner[key]
    value = inner[last]
    if isinstance(value, int | Decimal):
        inner[last] = value + 1
    elif path[0] == "holds":
        inner[last] = f"not ({value})"
    elif last == "event":
        inner.clear()
        inner["event"] = OTHER[path[0]]
    elif last == "status":
        inner[last] = "expired"
    else:
        inner[last] = OTHER.get(value, f"{value}x")


def _written(document: dict[str, Any]) -> str:
    """Laid out otherwise, which means the same."""
    lines = [made_text.line(document[key], key) for key in ("title",)]
    lines += ["[given]", made_text.line(document["given"]["session"], "session"), "[then]"]
    lines += [made_text.line(_tuples(value), key) for key, value in document["then"].items()]
    return "\n".join(lines)


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tuples(each) for key, each in cast("dict[str, object]", value).items()}
    return tuple(map(_tuples, cast("list[object]", value))) if isinstance(value, list) else value


# Where the file stands, and what cannot be made


def test_the_session_may_stand_beside_the_file(home: Path) -> None:
    path = home / "cassettes" / "beside.toml"
    path.write_text(make(Session(home / "cassettes" / "minute"), path), encoding="utf-8")
    place = read_scenario(path)
    path.unlink()
    assert place.scenario.given.session == "minute"
    assert session_path(place) == home / "cassettes" / "minute"


def test_a_session_elsewhere_cannot_be_named(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "scenarios" / "far.toml"
    with pytest.raises(ScenarioError) as refused:
        make(Session(home / "cassettes" / "minute"), path)
    assert str(refused.value) == (
        f"{path} cannot name {home / 'cassettes' / 'minute'}: a scenario names only what is in its own "
        f"folder, or in cassettes beside that; move the session to {tmp_path / 'cassettes'}, or write "
        f"the file into {home / 'cassettes'}"
    )


@pytest.mark.parametrize("name", ["Minute.toml", "minute", "a minute.toml"])
def test_a_name_that_no_scenario_can_have_is_refused(name: str, home: Path) -> None:
    with pytest.raises(ScenarioError, match="is named in small letters, digits, _ and -"):
        make(Session(home / "cassettes" / "minute"), home / "scenarios" / name)


def test_a_session_that_comes_to_something_else_is_refused(home: Path) -> None:
    folder = home / "cassettes" / "wrong"
    shutil.copytree(home / "cassettes" / "minute", folder)
    meta = read_meta(folder)
    meta.digests = Digests("00" * 32, meta.digests.folds)
    write_meta(folder, meta)
    with pytest.raises(Mismatch, match="does not come to the digest that it was sealed with"):
        make(Session(folder), home / "scenarios" / "wrong.toml")


def test_a_session_of_too_many_orders_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "SCENARIO_MAX", 2000)
    with pytest.raises(
        ScenarioError, match=r"named has 3 orders, too many for a file .* 2,000 bytes"
    ):
        make(Session(home / "cassettes" / "named"), home / "scenarios" / "named.toml")


# Names


def _submitted(name: str, by: str) -> AnyEvent:
    return OrderSubmitted(
        exchange="binance",
        instrument=0,
        client_order_id=name,
        side="buy",
        order_type="limit",
        tif="gtc",
        by=by,
    )


def test_an_order_has_the_name_of_who_wanted_it_or_its_place() -> None:
    events = [
        StrategyStarted(strategy="maker", parameters={}),
        _submitted("a", "buy_low"),
        _submitted("b", "caller"),
        _submitted("c", "maker"),
        _submitted("d", "twice"),
        _submitted("e", "twice"),
        _submitted("f", "A person"),
        OrderAccepted(client_order_id="a"),
        OrderAccepted(client_order_id=""),
        OrderAccepted(client_order_id="older"),
        _submitted("h", "order2"),
        _submitted("a", "again"),
    ]
    assert names_of(events) == {
        "a": "buy_low",
        "b": "order2_",
        "c": "order3",
        "d": "order4",
        "e": "order5",
        "f": "order6",
        "older": "order7",
        "h": "order2",
    }
    assert names_of(iter(())) == {}


@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["caller", "order1", "order2_", "x"])))
)
def test_no_two_orders_have_one_name(wanted: list[tuple[int, str]]) -> None:
    names = names_of([_submitted(str(number), by) for number, by in wanted])
    assert [*names] == [*dict.fromkeys(str(number) for number, _ in wanted)]
    assert len({*names.values()}) == len(names)


# Text


NUMBERS = st.decimals(-(10**20), 10**20, places=8).map(tidy)
WORD = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = st.recursive(
    NUMBERS | WORD | st.booleans(),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(WORD, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, WORD, WORD)
def test_text_is_read_as_what_was_written(value: Any, table: str, name: str) -> None:
    text = made_text.line(value, table, name)
    assert "\n" not in text
    assert _tuples(tomllib.loads(text, parse_float=Decimal)) == {table: {name: value}}


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Decimal("3.17E-7"), "0.000000317"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.10"), "-0.1"),
        (Decimal(2**63), "9223372036854775808.0"),
    ],
)
def test_a_number_is_written_without_an_exponent(number: Decimal, text: str) -> None:
    assert made_text.number(number) == text
