"""Orders, fills and balances that were: the rows agree with the folds, on every log, and are exported.

No door for most: logs are written event by event, with the kernel's own way to conclude. The replay door
for sessions, of the simulator and of a capture.
"""

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from captures import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from order_facts import INSTRUMENT, X, dec, fill, reverted, said, settle, submitted, watched
from tiny import run, started
from tiny import session as tiny_session

from tapefold import Cancel, Command, Session, Submit, open_engine, replay_report
from tapefold.cli.exported import cells, columns, new_file
from tapefold.errors import BadInput, LogError, Refused, UnknownInstrument
from tapefold.events import (
    AnyEvent,
    BalanceChanged,
    BalanceSnapshot,
    InstrumentListed,
    OrderAccepted,
    OrderCanceled,
    OrderSubmitted,
)
from tapefold.folds.orders import ENDS, Sum
from tapefold.history import History
from tapefold.inquiry import (
    FillRow,
    OrderRow,
    Where,
    balances,
    fills,
    heard,
    order_rows,
    orders,
)
from tapefold.kernel.core import Core
from tapefold.log import Log, LogReader, Record, Tail, open_log
from tapefold.log.store import in_memory
from tapefold.session import Start
from tapefold.sim import FUNDED, record
from tapefold.units import SECOND, exactly, tidy
from tapefold.views import Views

START = 1_723_161_255 * SECOND
CORPUS = Path(__file__).parent / "corpus"
BTC = INSTRUMENT + 1
LISTED = InstrumentListed(
    instrument=INSTRUMENT,
    exchange=X,
    symbol="ETH-USDT",
    native_symbol="ETHUSDT",
    price_digits=2,
    size_digits=4,
    base="ETH",
    quote="USDT",
)
ELSEWHERE = replace(
    LISTED, instrument=BTC, exchange="y", symbol="BTC-USDT", native_symbol="BTCUSDT", base="BTC"
)
HOLDS = BalanceSnapshot(exchange=X, totals=(("ETH", dec(2)), ("USDT", dec(1000))))
Step = Sequence[AnyEvent]


def order(name: str, number: str = "", **more: Any) -> AnyEvent:
    return submitted(client_order_id=name, exchange_order_id=number, **more)


def of(name: str) -> dict[str, str]:
    """The names of an order of ours: c1 is e1 there."""
    return {"client_order_id": name, "exchange_order_id": name.replace("c", "e")}


FOREIGN = {"client_order_id": "", "exchange_order_id": "e9"}


def steps() -> list[Step]:
    """A second each: what came at once stands together, and what is concluded follows by itself."""
    y: dict[str, Any] = {"exchange": "y", "instrument": BTC}
    return [
        [LISTED, ELSEWHERE, watched(), watched("y"), HOLDS],
        [order("c1", by="maker")],
        [said("open", **of("c1"))],
        [fill("T1", "0.3", **of("c1"))],
        [
            order(
                "c2", amount=None, quote_amount=dec(25), price=None, order_type="market", tif="ioc"
            )
        ],
        [fill("T2", "0.25", **of("c2")), said("filled", "0.25", 25, **of("c2"))],
        [order("c3", **y, side="sell"), said("rejected", reason="balance", **of("c3"), **y)],
        [fill("F1", "0.1", **FOREIGN)],
        [fill("T3", "0.3", "100.01", **of("c1"))],
        [said("canceled", "0.6", **of("c1"), reason="self_trade")],
        [replace(reverted("T1"), **of("c1"))],
        [BalanceChanged(exchange=X, asset="USDT", delta=dec(-5), transfer_id="W1")],
        [order("c4", side="sell", price=dec("120.5"), by="=cmd|' /C calc'!A0")],
        [said("open", **of("c4"))],
    ]


def write(log: Log, stories: Iterable[Step]) -> Views:
    """Write it as a kernel does; what the log then comes to."""
    core = Core(log, Views())
    for number, step in enumerate(stories):
        for event in step:
            core.append(START + number * SECOND, event)
        core.conclude(START + number * SECOND)
        log.commit()
    log.sync()
    return core.views


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "x.log"
    with open_log(path) as made:
        write(made, steps())
    return path


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    story = replace(FUNDED, lasts=20 * SECOND)
    eth = "ETH-USDT"
    commands: list[tuple[int, Command]] = [
        (4, Submit("binance", eth, "buy", Decimal("0.5"), Decimal(3185), tif="ioc")),
        (5, Submit("binance", eth, "sell", Decimal(2), order_type="market")),
        (6, Submit("binance", "BTC-USDT", "buy", Decimal("0.01"), Decimal(60000), by="maker")),
        (8, Cancel("sim-7-3")),
        (10, Submit("binance", "BTC-USDT", "buy", Decimal("0.02"), Decimal(60000))),
    ]
    given_ = [(after * SECOND, command) for after, command in commands]
    folder = tmp_path_factory.mktemp("traded") / "session"
    return record(folder, story, 7, versions={"tapefold": "0"}, commands=given_)


# They agree with the folds


def total(rows: Iterable[FillRow]) -> Sum:
    with exactly():
        return Sum.of(Sum(row.amount, row.value, row.fees) for row in rows)


def agree(reader: LogReader, views: Views) -> tuple[int, int, int]:
    """That all rows of a log add up to what its views know; how many there are of each."""
    found, filled = list(orders(reader)), list(fills(reader))
    assert [row.client_order_id for row in found] == [*views.orders.ours]
    assert [row for row in found if row.status not in ENDS] == [*orders(reader, Where(open=True))]
    for row in found:
        known = views.orders.ours[row.client_order_id]
        assert known.intent is not None
        theirs = [each for each in filled if not each.ours]
        mine = [each for each in filled if each.client_order_id == row.client_order_id]
        if known.intent.exchange_order_id:  # adopted: what it traded before was nobody's
            mine += [each for each in theirs if each.exchange_order_id == row.exchange_order_id]
        done = Sum(row.executed, row.value, row.fees)
        assert done == known.done == total(mine)
        assert {each.by for each in mine if each.ours} <= {row.by}
        assert row.exchange_order_id == known.exchange_order_id
        assert (row.status, row.doubt) == (known.told.ended or row.status, known.told.doubt)
        assert bool(row.ended_position) == (row.status in ENDS)
    for known in views.orders.by_id:
        number = known.exchange_order_id
        told = total(row for row in filled if not row.ours and row.exchange_order_id == number)
        if known.intent is None:
            with exactly():
                assert told == Sum.of(known.told.fills.values())
        elif not known.intent.exchange_order_id:
            assert told == Sum()  # taken back, once it turned out to be ours
    changed = list(balances(reader))
    sums: dict[tuple[str, str], Decimal] = {}
    for change in changed:
        key = change.exchange, change.asset
        with exactly():
            sums[key] = tidy(sums.get(key, Decimal(0)) + change.change)
        assert sums[key] == change.total
        assert change.change
    totals, *_ = views.balances.state()
    assert {key: sum_ for key, sum_ in sums.items() if sum_} == {
        (exchange, asset): held for exchange, asset, held, *_ in totals if held
    }
    return len(found), len(filled), len(changed)


def test_rows_of_an_old_log_add_up_to_what_its_views_know(tmp_path: Path) -> None:
    path = tmp_path / "old.log"
    path.write_bytes((CORPUS / "0.1.0-orders.log").read_bytes())
    with History(path) as history:
        assert agree(history.log, history.views()) == (15, 3, 12)


def test_rows_of_a_log_with_all_kinds_of_them_add_up(log: Path) -> None:
    with History(log) as history:
        assert agree(history.log, history.views()) == (4, 5, 13)


def test_rows_of_a_simulated_session_add_up(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "sim.log"
    with open_log(path) as made:
        replay_report(session, made)
    with History(path) as history:
        found, filled, changed = agree(history.log, history.views())
        statuses = [row.status for row in orders(history.log)]
    assert (found, statuses) == (4, ["filled", "filled", "canceled", "open"])
    assert filled > 2
    assert changed > filled


NAMES = st.sampled_from(["c1", "c2", "c3"])
SMALL = st.integers(0, 8).map(lambda n: dec(Decimal(n) / 8))
SAYS = st.sampled_from(["", "pending", "open", "filled", "canceled", "expired", "rejected"])
FILL_IDS = st.sampled_from(["T1", "T2", "T3"])


def said_of(name: str, says: Any, executed: Decimal, *, nameless: bool) -> AnyEvent:
    names = of(name) | (
        {"client_order_id": "", "instrument": INSTRUMENT, "side": "buy"} if nameless else {}
    )
    return said(says, executed, executed * 100, **names)


def filled_of(name: str, fill_id: str, amount: Decimal, *, nameless: bool, fees: bool) -> AnyEvent:
    names = of(name) | ({"client_order_id": ""} if nameless else {})
    return fill(f"{name}{fill_id}", amount, **names, **({} if fees else {"fees": None}))


def changed_by(asset: str, delta: Decimal, transfer: str) -> AnyEvent:
    return BalanceChanged(exchange=X, asset=asset, delta=delta, transfer_id=transfer)


def adopted(name: str) -> AnyEvent:
    return order(name, name.replace("c", "e"))


def back(name: str, fill_id: str) -> AnyEvent:
    return replace(reverted(f"{name}{fill_id}"), **of(name))


def waited(name: str, amount: Decimal) -> AnyEvent:
    return replace(settle(amount), client_order_id=name)


def stated(held: Decimal, quiet: int, *, complete: bool) -> AnyEvent:
    totals = (("ETH", held), ("USDT", dec(9)))
    return BalanceSnapshot(exchange=X, totals=totals, quiet=quiet * SECOND, complete=complete)


MOVES = st.one_of(
    st.builds(order, NAMES, by=st.sampled_from(["caller", "maker"])),
    st.builds(adopted, NAMES),
    st.builds(said_of, NAMES, SAYS, SMALL, nameless=st.booleans()),
    st.builds(
        filled_of, NAMES, FILL_IDS, SMALL.filter(bool), nameless=st.booleans(), fees=st.booleans()
    ),
    st.builds(back, NAMES, FILL_IDS),
    st.builds(waited, NAMES, SMALL),
    st.builds(
        changed_by,
        st.sampled_from(["ETH", "USDT", "BNB"]),
        st.sampled_from([dec(1), dec(-2), dec("0.1"), Decimal("1e300"), Decimal("NaN")]),
        st.sampled_from(["", "D1", "D2"]),
    ),
    st.builds(stated, SMALL, st.sampled_from([0, 40]), complete=st.booleans()),
)


@given(st.lists(MOVES, min_size=3, max_size=40))
@settings(max_examples=300, deadline=None)
def test_whatever_happens_rows_add_up_to_what_the_views_know(moves: list[AnyEvent]) -> None:
    """Also where facts come twice, late, without a name, or with numbers that no account has."""
    rows, ids = in_memory(), {"c1"}
    steps_: list[Step] = [[LISTED, watched(), order("c1", by="maker")]]
    for move in moves:
        if isinstance(move, OrderSubmitted):
            if move.client_order_id in ids:
                continue  # the kernel gives no id twice
            ids.add(move.client_order_id)
        steps_.append([move])
    views = write(Log(rows), steps_)
    agree(LogReader(rows), views)


# What a row says


def test_an_order_has_one_row_with_all_that_became_of_it(log: Path) -> None:
    first, second, third, fourth = orders(log)
    assert first == OrderRow(
        position=6,
        time_received=START + SECOND,
        exchange=X,
        symbol="ETH-USDT",
        client_order_id="c1",
        exchange_order_id="e1",
        by="maker",
        side="buy",
        type="limit",
        tif="gtc",
        price=dec(100),
        amount=dec(1),
        quote_amount=None,
        executed=dec("0.3"),
        value=dec("30.003"),
        average_price_computed=dec("100.01"),
        fees=(("ETH", dec("0.0003")),),
        status="canceled",
        doubt="",
        reason="self_trade",
        ended_position=first.ended_position,
        time_ended=START + 9 * SECOND,
        time_ended_exchange=0,
    )
    with History(log) as history:
        (end,) = history.log.read(first.ended_position - 1, first.ended_position)
    assert type(end.event).__name__ == "OrderCanceled"
    assert (second.amount, second.quote_amount, second.status) == (None, dec(25), "filled")
    assert (third.status, third.reason, third.symbol) == ("rejected", "balance", "BTC-USDT")
    assert (fourth.status, fourth.ended_position, fourth.exchange_order_id) == ("open", 0, "e4")


def test_what_is_corrected_of_a_fill_is_a_signed_row_of_its_own(log: Path) -> None:
    *_, last = rows = [row for row in fills(log) if row.client_order_id == "c1"]
    assert [(row.fill_id, row.amount, row.corrects) for row in rows] == [
        ("T1", dec("0.3"), ""),
        ("T3", dec("0.3"), ""),
        ("T1", dec("-0.3"), "reverted"),
    ]
    assert (last.price, last.value, last.fees) == (None, dec(-30), (("ETH", dec("-0.0003")),))


def test_what_was_inferred_is_marked_and_so_is_what_came_late(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    with open_log(path) as made:
        write(
            made,
            [
                [LISTED, watched(), order("c")],
                [said("filled", 1, 100)],
                [settle(1)],
                [fill("T1", "0.4")],
                [fill("T2", "0.6")],
            ],
        )
    rows = [(row.fill_id, row.amount, row.inferred, row.late) for row in fills(path)]
    assert rows == [
        ("inferred", dec(1), True, False),
        ("inferred", dec("-0.4"), False, False),
        ("T1", dec("0.4"), False, True),
        ("inferred", dec("-0.6"), False, False),
        ("T2", dec("0.6"), False, True),
    ]
    (row,) = orders(path)
    assert (row.status, row.executed, row.time_ended) == ("filled", dec(1), START + 2 * SECOND)


def test_fills_of_orders_that_are_not_ours_are_there(log: Path) -> None:
    (row,) = (row for row in fills(log) if not row.ours)
    assert (row.client_order_id, row.exchange_order_id, row.by) == ("", "e9", "")
    assert not any(row.exchange_order_id == "e9" for row in orders(log))


def test_an_average_price_is_rounded_to_18_digits(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    with open_log(path) as made:
        write(made, [[LISTED, order("c"), said("canceled", "0.3", 10), settle("0.3")]])
    (row,) = orders(path)
    assert row.average_price_computed == Decimal("33.3333333333333333")


def test_why_a_balance_changed_is_told(log: Path) -> None:
    rows = list(balances(log, Where(asset="USDT")))
    assert [(row.why, row.change, row.total, row.client_order_id) for row in rows] == [
        ("first_statement", dec(1000), dec(1000), ""),
        ("fill", dec(-30), dec(970), "c1"),
        ("fill", dec(-25), dec(945), "c2"),
        ("fill", dec(-10), dec(935), ""),
        ("fill", dec("-30.003"), dec("904.997"), "c1"),
        ("fill_corrected", dec(30), dec("934.997"), "c1"),
        ("transfer", dec(-5), dec("929.997"), ""),
    ]
    assert (rows[1].by, rows[3].exchange_order_id, rows[-1].transfer_id) == ("maker", "e9", "W1")


# Which are asked for


def names(path: Path, **where: Any) -> str:
    return " ".join(row.client_order_id for row in orders(path, Where(**where)))


def test_orders_are_found_by_all_that_they_are(log: Path) -> None:
    assert names(log) == "c1 c2 c3 c4"
    for pair in ("ETH-USDT", "ETHUSDT", "x:ETH-USDT", "x:ETHUSDT"):
        assert names(log, pair=pair) == "c1 c2 c4"
    assert names(log, exchange="y") == "c3"
    assert names(log, exchange="y", pair="ETH-USDT") == ""
    assert names(log, by="maker") == "c1"
    assert names(log, open=True) == "c4"
    assert names(log, status="rejected") == "c3"
    assert names(log, by="nobody") == ""


def test_a_time_is_within_from_its_first_moment_and_not_at_its_end(log: Path) -> None:
    wanted = START + 4 * SECOND  # of c2
    assert names(log, since=wanted) == "c2 c3 c4"
    assert names(log, until=wanted) == "c1"
    assert names(log, since=wanted, until=wanted + 1) == "c2"
    assert names(log, since=wanted + 1, until=wanted + 2) == ""
    found = fills(log, Where(since=START + 3 * SECOND, until=START + 8 * SECOND))
    assert [row.fill_id for row in found] == ["T1", "T2", "F1"]


def test_an_order_of_the_time_asked_for_has_what_came_after_it(log: Path) -> None:
    (row,) = orders(log, Where(until=START + 2 * SECOND))
    assert (row.status, row.executed) == ("canceled", dec("0.3"))


def test_fills_and_balances_are_found_by_pair_and_by_who_wanted_them(log: Path) -> None:
    assert [row.fill_id for row in fills(log, Where(by="maker"))] == ["T1", "T3", "T1"]
    assert [row.fill_id for row in fills(log, Where(by="caller"))] == ["T2"]
    assert list(fills(log, Where(pair="BTC-USDT"))) == []
    assert {row.why for row in balances(log, Where(pair="ETHUSDT"))} == {"fill", "fill_corrected"}
    assert {row.client_order_id for row in balances(log, Where(by="maker"))} == {"c1"}
    assert list(balances(log, Where(exchange="y"))) == []


def test_a_log_that_goes_back_in_time_is_asked_by_time_all_the_same(tmp_path: Path) -> None:
    """A clock was set back between two runs: no position is skipped for what stands before it."""
    path = tmp_path / "x.log"
    with open_log(path) as made:
        write(made, [[LISTED], *([] for _ in range(5)), [order("c1")]])
        core = Core(made, Views())
        core.append(START + SECOND, order("c2"))
    assert names(path, until=START + 3 * SECOND) == "c2"
    assert names(path, since=START + 3 * SECOND) == "c1"


def test_a_name_that_is_not_in_the_log_is_an_error_and_not_an_empty_answer(log: Path) -> None:
    for query in (orders, fills, balances):
        with pytest.raises(
            UnknownInstrument, match=r"^ETH-USDC is not listed; there is x:ETH-USDT, y:"
        ):
            list(query(log, Where(pair="ETH-USDC")))
        with pytest.raises(BadInput, match=r"^binance is no exchange of this log; there is x, y$"):
            list(query(log, Where(exchange="binance")))
        with pytest.raises(LogError, match="there is no such file"):
            list(query(log.with_name("none"), Where()))


# How it is read


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5])
def test_however_few_orders_are_kept_at_once_the_rows_are_the_same(
    log: Path, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, ours = list(orders(log)), list(orders(log, Where(pair="ETH-USDT")))
    monkeypatch.setattr(order_rows, "AT_ONCE", most)
    assert list(orders(log)) == whole
    assert list(orders(log, Where(pair="ETH-USDT"))) == ours
    assert [row.client_order_id for row in orders(log, Where(open=True))] == ["c4"]


def test_who_wanted_an_order_long_ago_is_looked_up(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list(fills(log))
    monkeypatch.setattr(heard, "WANTED_MAX", 1)
    assert list(fills(log)) == whole
    assert {row.by for row in whole} == {"maker", "caller", ""}


def test_a_log_is_read_while_an_engine_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    with open_log(path) as made:
        core = Core(made, Views())
        for event in (LISTED, order("c1")):
            core.append(START, event)
        made.commit()
        made.sync()
        found = orders(path)
        assert next(found).status == "submitted"
        core.append(START, said("open", **of("c1")))
        core.conclude(START)
        core.append(START, order("c2"))
        made.commit()
        made.sync()
        assert list(found) == []  # up to the head that it had
        assert [row.status for row in orders(path)] == ["open", "submitted"]


def test_an_id_that_comes_again_names_the_new_order_once_the_old_one_has_ended(
    tmp_path: Path,
) -> None:
    """The fold has forgotten the old one by then. One that is alive keeps its id, as there."""
    path = tmp_path / "x.log"
    end = OrderCanceled(client_order_id="c1", executed=dec(0), value=dec(0), fees=())
    again = order("c1", amount=dec(9))
    with open_log(path) as made:
        for event in (LISTED, order("c1"), again, end, again, OrderAccepted(client_order_id="c1")):
            made.append(START, event)
        made.commit()
    found = [(row.position, row.amount, row.status) for row in orders(path)]
    assert found == [(2, dec(1), "canceled"), (5, dec(9), "open")]


# On the command line


def lines_of(*args: str | Path) -> list[str]:
    result = run(*args)
    assert result.exit_code == 0, result.output
    return [re.sub(" {2,}", "|", line.strip()) for line in result.stdout.splitlines()]


def refused(*args: str | Path) -> tuple[int, str]:
    result = run(*args)
    assert result.stdout == ""
    return result.exit_code, result.stderr.strip()


def test_orders_are_a_table_with_sums_below(log: Path) -> None:
    assert lines_of("orders", log, "--exchange", "x", "--status", "canceled") == [
        "time|order|instrument|side|type|price|amount|executed|average|status|why",
        "2024-08-08 23:54:16|c1|ETH-USDT|buy|limit|100|1|0.3|100.01|canceled|"
        "it would have traded with an order of the same account",
        "",
        "sum of|orders|bought|paid|sold|received|fees",
        "ETH-USDT|1|0.3|30.003|0|0|0.0003 ETH",
        "",
        "1 order: 1 canceled",
    ]
    assert lines_of("orders", log)[-1] == "4 orders: 1 open, 1 filled, 1 canceled, 1 rejected"


def test_fills_are_a_table_with_sums_below(log: Path) -> None:
    rows = lines_of("fills", log)
    assert rows[0] == "time|order|instrument|side|price|amount|value|fee|which"
    assert rows[3] == "2024-08-08 23:54:22|e9, not ours|ETH-USDT|buy|100|0.1|10|0.0001 ETH"
    assert rows[5].endswith("|c1|ETH-USDT|buy|-|-0.3|-30|-0.0003 ETH|taken back")
    assert rows[7:] == [
        "sum of|rows|bought|paid|sold|received|fees",
        "ETH-USDT|4|0.55|55.003|0|0|0.00055 ETH",
        "ETH-USDT, not ours|1|0.1|10|0|0|0.0001 ETH",
        "",
        "4 fills and 1 correction",
    ]


def test_balances_are_a_table_with_sums_below(log: Path) -> None:
    rows = lines_of("balances", log, "--asset", "USDT", "--since", "2024-08-08T23:54:20Z")
    assert rows == [
        "time|asset|change|total|why",
        "2024-08-08 23:54:20|USDT|-25|945|fill of c2",
        "2024-08-08 23:54:22|USDT|-10|935|fill of e9, not ours",
        "2024-08-08 23:54:23|USDT|-30.003|904.997|fill of c1",
        "2024-08-08 23:54:25|USDT|+30|934.997|corrected fill of c1",
        "2024-08-08 23:54:26|USDT|-5|929.997|transfer W1",
        "",
        "sum of|changes|change|total",
        "USDT|5|-40.003|929.997",
        "",
        "5 changes",
    ]


def test_where_there_is_none_a_line_says_so(log: Path) -> None:
    assert lines_of("orders", log, "--by", "nobody") == [f"{log}: no orders that were asked for"]
    assert lines_of("fills", log, "--by", "nobody", "--json") == []


def test_many_rows_are_several_tables(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapefold.cli.history.PAGE", 3)
    lines = lines_of("orders", log)
    assert [line[:7] for line in lines if line[:4] in ("time", "sum ")] == ["time|or"] * 2 + [
        "sum of|"
    ]
    assert len(lines_of("orders", log, "--csv")) == 5


def test_machines_get_an_object_a_line_with_exact_numbers(log: Path) -> None:
    found = [json.loads(line) for line in run("fills", log, "--json").stdout.splitlines()]
    assert [row["fill_id"] for row in found] == ["T1", "T2", "F1", "T3", "T1"]
    assert found[0] == {
        "position": found[0]["position"],
        "time_received": START + 3 * SECOND,
        "time_exchange": 0,
        "exchange": X,
        "symbol": "ETH-USDT",
        "ours": True,
        "client_order_id": "c1",
        "exchange_order_id": "e1",
        "fill_id": "T1",
        "by": "maker",
        "side": "buy",
        "price": "100",
        "amount": "0.3",
        "value": "30",
        "fees": {"ETH": "0.0003"},
        "inferred": False,
        "late": False,
        "corrects": "",
    }


@pytest.mark.parametrize("query", ["orders", "fills", "balances"])
def test_csv_has_what_json_has_and_times_for_people(log: Path, query: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    said_ = lines_of(query, log, "--csv", file)
    data = file.read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n")
    table = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    objects = [json.loads(line) for line in run(query, log, "--json").stdout.splitlines()]
    assert said_[0].startswith(f"{len(objects)} ")
    for row, found in zip(table, objects, strict=True):
        assert [name for name in row if not name.endswith("_iso")] == [*found]
        for name, value in found.items():
            if name.startswith("time_"):
                assert row[name] == (str(value) if value else "")
            elif name != "fees":
                plain = "" if value is None else str(value)
                plain = plain.lower() if isinstance(value, bool) else plain
                assert row[name].removeprefix("'") == plain
        assert row["time_received_iso"].startswith("2024-08-08T23:54:")
        assert row["time_received_iso"].endswith(".000000000Z")
    assert file.stat().st_mode & 0o777 == 0o600


def test_csv_goes_to_standard_output_for_a_dash_or_without_a_name(log: Path) -> None:
    whole = run("fills", log, "--csv", "-").stdout_bytes
    assert whole.startswith(b"position,time_received,time_received_iso,")
    assert whole.endswith(b",reverted\r\n")
    assert run("fills", log, "--csv").stdout_bytes == whole


def test_a_cell_from_outside_is_no_formula() -> None:
    """Ids and names come from an exchange; numbers are ours, and stay numbers."""
    row = FillRow(
        position=1,
        time_received=START,
        time_exchange=0,
        exchange="@x",
        symbol='a"b,c\nd',
        ours=True,
        client_order_id="-1+1",
        exchange_order_id="=HYPERLINK(1)",
        fill_id="+7",
        by="\tx",
        side="buy",
        price=None,
        amount=dec("-0.0000001"),
        value=dec(-40),
        fees=(("=A", dec(1)), ("B", dec(-2))),
        inferred=False,
        late=True,
        corrects="reverted",
    )
    cell = dict(zip(columns(FillRow), cells(row), strict=True))
    assert cell["exchange"] == "'@x"
    assert cell["client_order_id"] == "'-1+1"
    assert cell["exchange_order_id"] == "'=HYPERLINK(1)"
    assert cell["fill_id"] == "'+7"
    assert cell["by"] == "'\tx"
    assert cell["symbol"] == 'a"b,c\nd'
    assert (cell["amount"], cell["value"], cell["price"]) == ("-0.0000001", "-40", "")
    assert cell["fees"] == "'=A 1; B -2"
    assert (cell["time_exchange"], cell["time_exchange_iso"]) == ("", "")
    assert (cell["inferred"], cell["late"]) == ("false", "true")


def test_a_name_of_a_strategy_is_no_formula_either(log: Path) -> None:
    text = run("orders", log, "--open", "--csv").stdout
    assert "'=cmd|' /C calc'!A0" in text
    assert len(list(csv.reader(io.StringIO(text)))) == 2


def test_a_file_that_is_there_is_left_alone(log: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("mine")
    code, why = refused("fills", log, "--csv", file)
    assert (code, file.read_text()) == (4, "mine")
    assert why == f"tapefold: {file} is there already: name another file, or say --force"
    assert run("fills", log, "--csv", file, "--force").exit_code == 0
    assert file.read_text().startswith("position,")


def test_however_many_orders_were_adopted_the_log_is_read_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"c{number}" for number in range(5)]
    done = [fill(f"F{n}", "0.1", **FOREIGN | {"exchange_order_id": f"e{n}"}) for n in range(5)]
    with open_log(tmp_path / "x.log") as made:
        write(made, [[LISTED, watched()], done, [adopted(name) for name in names]])
    asked: list[Any] = []

    def counted(log: LogReader, kinds: Any, after: int, until: int) -> Iterator[Record]:
        asked.append(kinds)
        return heard.heard(log, kinds, after, until)

    monkeypatch.setattr(order_rows, "heard", counted)
    assert [row.executed for row in orders(tmp_path / "x.log")] == [dec("0.1")] * 5
    assert len(asked) == 2


def test_a_file_that_appears_meanwhile_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"

    def export() -> None:
        with new_file(file, force=False) as write_:
            write_("ours")
            file.write_text("theirs")

    with pytest.raises(Refused, match="is there already"):
        export()
    assert [*tmp_path.iterdir()] == [file]
    assert file.read_text() == "theirs"


def test_what_wears_an_orders_name_and_is_not_it_gives_it_no_id(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    sold = said("open", client_order_id="c1", exchange_order_id="e2", side="sell")
    elsewhere = replace(sold, side="buy", instrument=BTC, exchange_order_id="e3")
    with open_log(path) as made:
        views = write(made, [[LISTED, watched(), order("c1")], [sold, elsewhere]])
        write_more = said("open", client_order_id="c1", exchange_order_id="e1")
        made.append(START, write_more)
        views.apply(write_more)
        made.commit()
    with History(path) as history:
        (row,) = orders(history.log)
        assert row.exchange_order_id == "e1" == views.orders.ours["c1"].exchange_order_id


def test_a_listing_that_takes_another_back_is_none(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    coarser = replace(LISTED, price_digits=1, symbol="COARSE")
    other = replace(LISTED, native_symbol="OTHER", symbol="OTHER")
    with open_log(path) as made:
        write(made, [[LISTED, coarser, other, watched(), order("c1")]])
    (row,) = orders(path)
    assert row.symbol == "ETH-USDT"


def test_an_export_that_fails_leaves_nothing(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    assert run("fills", log, "--pair", "NO-PAIR", "--csv", folder / "rows.csv").exit_code == 3
    assert [*folder.iterdir()] == []
    code, why = refused("fills", log, "--csv", folder / "no" / "rows.csv")
    assert (code, why.endswith(f"there is no folder {folder / 'no'}")) == (4, True)
    assert refused("fills", log, "--csv", folder)[0] == 4
    os.mkfifo(folder / "pipe")  # as a device it would be gone, and a file in its place
    code, why = refused("fills", log, "--csv", folder / "pipe", "--force")
    assert (code, why) == (4, f"tapefold: {folder / 'pipe'} is no plain file: name a file")
    assert (folder / "pipe").is_fifo()


@pytest.mark.parametrize("end", ["", "-wal", ".lock"])
def test_a_log_is_not_written_over_by_its_own_export(log: Path, end: str) -> None:
    before = log.read_bytes()
    file = log.with_name(log.name + end)
    code, why = refused("fills", log, "--csv", file, "--force")
    assert (code, why) == (4, f"tapefold: {file} is what is read: name another file")
    assert log.read_bytes() == before


def test_what_contradicts_itself_is_wrong_usage(log: Path) -> None:
    wrong: list[tuple[list[str | Path], str]] = [
        (["orders", log, "--json", "--csv"], "ask for one of them"),
        (["orders", log, "--open", "--status", "filled"], "ask for one of them"),
        (["fills", log, "--force"], "--force is for a CSV file"),
        (["fills", log, "--since", "yesterday"], "'yesterday' is no time"),
        (["fills", log, "--since", "1234"], "'1234' is no time"),
        (["fills", log, "--since", "2024-08-09", "--until", "2024-08-08"], "not after --since"),
    ]
    for args, what in wrong:
        code, why = refused(*args)
        assert code == 2
        assert what in why


def test_who_stops_reading_ends_it_quietly(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    with open_log(path) as made:
        write(made, [[LISTED], *([order(f"n{n}")] for n in range(1500))])
    for form in ("--csv", "--json"):
        with started("orders", path, form) as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            process.stdout.close()
            assert process.stderr is not None
            assert process.stderr.read() == ""
            assert process.wait() == 141


def test_a_session_is_asked_like_its_log(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "sim.log"
    with open_log(path) as made:
        replay_report(session, made)
    for query in ("orders", "fills", "balances"):
        assert run(query, session.folder, "--json").stdout == run(query, path, "--json").stdout
    assert lines_of("orders", session.folder, "--open", "--pair", "binance:BTC-USDT")[-1] == (
        "1 order: 1 open"
    )
    inside = session.folder / "tape.jsonl"
    assert refused("orders", session.folder, "--csv", inside, "--force")[0] == 4


def test_a_session_that_goes_on_with_a_log_is_not_asked(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has what that log came to, and not what was in it."""

    def start(_: Session) -> Start:
        return Start.of(Tail(1234, b"", b""), Views())

    monkeypatch.setattr(Session, "start", start)
    code, why = refused("orders", session.folder)
    assert code == 3
    assert why.endswith(
        "began on a log that had 1,234 events already, which are not in it: ask that log"
    )


def test_a_session_without_an_account_has_none(tmp_path: Path) -> None:
    folder = tiny_session(tmp_path).folder
    assert lines_of("balances", folder) == [f"{folder}: no changes that were asked for"]


# The page


async def test_the_page_shows_what_runs(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_engine(session, log=tmp_path / "orders.log") as engine:
        await engine.ended()
    text = (ROOT / "docs" / "history.md").read_text()
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    space: dict[str, Any] = {}
    exec(compile(example, "history.md", "exec"), space)
    assert space["bought"]() == Decimal("0.5")
    for line in re.findall(r"^tapefold (.*?)(?: +#.*)?$", text, re.MULTILINE):
        result = run(*line.split())
        assert result.exit_code == 0, (line, result.output)
