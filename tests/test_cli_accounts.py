"""Orders and money on the command line: tables, lines of records, and the same for machines.

No door: logs are written here, event by event, with the kernel's own way to conclude; nothing is played.
"""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec import inspect
from order_facts import (
    INSTRUMENT,
    X,
    answer,
    cancel,
    dec,
    fill,
    missing,
    said,
    settle,
    submitted,
    watched,
)
from tiny import run, session, started, told

from tapefold.cli.accounts import KINDS, REASONS
from tapefold.cli.known import Known
from tapefold.cli.records import Teller
from tapefold.cli.sentences import DOUBTS
from tapefold.core import pack
from tapefold.events import (
    AccountRequestFailed,
    AccountStreamChanged,
    AnyEvent,
    BalanceChanged,
    BalanceSnapshot,
    BookInvalidated,
    BookSnapshot,
    CancelAllEnded,
    Doubt,
    FeeScheduleSet,
    FillCorrected,
    InstrumentListed,
    OrderAccepted,
    OrderCanceled,
    OrderCorrected,
    OrderDoubted,
    Refusal,
    RiskLimited,
    TradingHalted,
    TradingRulesSet,
)
from tapefold.folds.orders import KEEP_MAX, Kind
from tapefold.folds.rules import Broken
from tapefold.kernel.core import Core
from tapefold.log import Record, open_log, read_log
from tapefold.units import SECOND
from tapefold.views import Views

START = 1_723_161_255 * SECOND
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
BOOK = BookSnapshot(
    instrument=INSTRUMENT,
    time_exchange=0,
    sequence=1,
    packed_bids=pack([10_900], [10_000]),
    packed_asks=pack([11_100], [10_000]),
)
HOLDS = BalanceSnapshot(
    exchange=X,
    totals=(("BNB", dec("0.0000001")), ("ETH", dec(2)), ("USDT", dec(1000))),
)


def order(name: str, **more: Any) -> AnyEvent:
    return submitted(client_order_id=name, **more)


def steps() -> list[Sequence[AnyEvent]]:
    """An account: what came at once stands together, and what is concluded follows by itself."""
    fees = FeeScheduleSet(exchange=X, maker_rate=dec("0.0002"), taker_rate=dec("0.001"))
    own = {"client_order_id": "c2", "exchange_order_id": "e2"}
    return [
        [LISTED, BOOK, watched(), AccountStreamChanged(exchange=X, state="up"), fees, HOLDS],
        [order("c"), said("open")],
        [fill("T1", "0.4")],
        [
            order(
                "c2",
                side="sell",
                amount=dec("0.5"),
                price=dec("120.5"),
                hold=dec(1),
                order_type="limit_maker",
            )
        ],
        [said("canceled", 0, 0, **own)],
        [
            order("c3", amount=dec(50)),
            said("rejected", client_order_id="c3", exchange_order_id="", reason="budget"),
        ],
        [fill("F1", "0.1", client_order_id="", exchange_order_id="e9")],
    ]


def write(path: Path, *more: Sequence[AnyEvent]) -> Path:
    """A log of that account, and of what came after it."""
    with open_log(path) as log:
        core = Core(log, Views())
        for number, step in enumerate([*steps(), *more]):
            for event in step:
                core.append(START + number * SECOND, event)
            core.conclude(START + number * SECOND)
        log.commit()
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write(tmp_path / "x.log")


def lines_of(*args: str | Path) -> list[str]:
    result = run("show", *args)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def table(lines: list[str], first: str) -> list[list[str]]:
    """The rows of the table whose first column has this name; cells are apart by two spaces."""
    start = next(n for n, line in enumerate(lines) if line.startswith(f"{first}  "))
    rows: list[list[str]] = []
    for line in lines[start:]:
        if not line:
            break
        rows.append([cell.strip() for cell in line.split("  ") if cell.strip()])
    return rows


# show, of a log with an account


def test_open_orders_and_ended_ones_are_tables(log: Path) -> None:
    lines = lines_of(log)
    assert table(lines, "open order") == [
        ["open order", "instrument", "side", "type", "price", "amount", "executed", "status"],
        ["c", "ETH-USDT", "buy", "limit", "100", "1", "0.4", "open"],
    ]
    c2, c3 = table(lines, "ended order")[1:]
    assert c2 == ["c2", "ETH-USDT", "sell", "limit maker", "120.5", "0.5", "0", "canceled"]
    assert c3[-2:] == ["rejected", "budget"]
    assert "orders    1 open, 2 ended, 1 not ours" in lines


def test_balances_positions_and_fees_are_tables(log: Path) -> None:
    lines = lines_of(log)
    assert table(lines, "asset") == [
        ["asset", "total", "available", "reserved"],
        ["BNB", "0.0000001", "0.0000001", "0"],
        ["ETH", "2.4995", "2.4995", "0"],
        ["USDT", "950", "890", "60"],
    ]
    assert table(lines, "position") == [
        ["position", "amount", "average cost", "realised", "unrealised", "fees"],
        ["ETH-USDT", "0.3996", "100", "-0.04", "3.996", "0.0004 ETH"],
    ]
    assert table(lines, "fees of")[1:] == [["all", "0.02%", "0.1%", "exchange"]]


def test_machines_get_the_same_with_exact_numbers(log: Path) -> None:
    account = told("show", log, "--json")["account"]
    (alive,) = account["open_orders"]
    assert (alive["executed"], alive["value"], alive["fees"]) == ("0.4", "40", {"ETH": "0.0004"})
    assert (alive["held"], alive["status"], alive["doubt"]) == ("60", "open", "")
    assert [order["reason"] for order in account["ended_orders"]] == ["", "budget"]
    assert account["balances"][0]["total"] == "0.0000001"
    (position,) = account["positions"]
    assert (position["cost"], position["mid"], position["cash"]) == ("39.96", "110", "-40")
    assert account["fees"][0]["symbol"] is None


def test_before_there_is_an_account_nothing_is_said_of_one(log: Path) -> None:
    assert "account" not in told("show", log, "--at", "2", "--json")
    text = "\n".join(lines_of(log, "--at", "2"))
    assert "order" not in text
    assert "ETH-USDT    live" in text
    for option, what in (("--orders", "orders"), ("--balances", "balances")):
        assert lines_of(log, "--at", "2", option) == [f"no {what} are known at position 2"]


def test_every_position_has_its_own_account(log: Path) -> None:
    assert (
        told("show", log, "--at", "7", "--json")["account"]["open_orders"][0]["status"]
        == "submitted"
    )
    assert "balances  not stated yet: x" in lines_of(log, "--at", "5")


def test_a_drift_a_doubt_and_a_halt_are_shown(tmp_path: Path) -> None:
    stated = BalanceSnapshot(exchange=X, totals=(("USDT", dec("949.5")),), complete=False)
    late = [said("canceled", "0.7", 70)]
    halt = [TradingHalted(reason="a person said so")]
    log = write(tmp_path / "x.log", [stated], late, halt)
    lines = lines_of(log)
    assert table(lines, "asset")[0][-1] == "drift"
    assert table(lines, "asset")[-1] == ["USDT", "950", "920", "30", "-0.5"]
    assert table(lines, "open order")[1][-2:] == ["closing", "unreconciled"]
    assert "orders    1 open, 1 of them in doubt, 2 ended, 1 not ours" in lines
    assert "halted    no order leaves: a person said so" in lines


def test_what_cannot_be_true_of_an_order_is_shown_with_the_anomalies(tmp_path: Path) -> None:
    wrong = fill("T9", "0.1", client_order_id="c3", exchange_order_id="e3")
    nowhere = fill("T1", "0.1", client_order_id="", exchange_order_id="e8", instrument=99)
    log = write(tmp_path / "x.log", [wrong], [nowhere])
    lines = lines_of(log)
    words = "1, the latest: c3 was rejected, and there came another trade"
    assert f"order anomalies  {words}" in lines
    assert "money anomalies  1 that could not be booked" in lines
    account = told("show", log, "--json")["account"]
    assert account["latest_order_anomalies"] == [["c3", "rejected", "fill"]]


def test_the_last_ten_that_ended_are_shown_and_all_are_to_be_had(tmp_path: Path) -> None:
    more = [
        [
            order(f"n{n}"),
            said("rejected", client_order_id=f"n{n}", exchange_order_id="", reason="lot"),
        ]
        for n in range(12)
    ]
    log = write(tmp_path / "x.log", *more)
    assert [row[0] for row in table(lines_of(log), "ended order")[1:]] == [
        f"n{n}" for n in range(2, 12)
    ]
    every = table(lines_of(log, "--orders"), "ended order")[1:]
    assert [row[0] for row in every] == ["c2", "c3", *(f"n{n}" for n in range(12))]
    assert len(told("show", log, "--orders", "--json")["orders"]) == 1 + 14 + 1


def test_orders_alone_have_those_of_others_too(log: Path) -> None:
    lines = lines_of(log, "--orders")
    assert lines[0].startswith("open order")
    assert table(lines, "not ours") == [
        ["not ours", "instrument", "side", "executed", "average price", "status"],
        ["e9", "ETH-USDT", "buy", "0.1", "100", "open"],
    ]
    found = told("show", log, "--orders", "--json")
    names = [order["client_order_id"] or order["exchange_order_id"] for order in found["orders"]]
    assert names == ["c", "e9", "c2", "c3"]
    assert (found["position"], "instruments" in found) == (21, False)


def test_balances_alone(log: Path) -> None:
    assert lines_of(log, "--balances")[0].split() == ["asset", "total", "available", "reserved"]
    assert [row["asset"] for row in told("show", log, "--balances", "--json")["balances"]] == [
        "BNB",
        "ETH",
        "USDT",
    ]


def test_what_others_hold_is_shown_where_they_hold_something(tmp_path: Path) -> None:
    """Of 950 our order holds 60 and theirs 90: what is left is 800."""
    stated = BalanceSnapshot(
        exchange=X, totals=(("USDT", dec(950)),), held=(("USDT", dec(150)),), complete=False
    )
    log = write(tmp_path / "x.log", [stated])
    assert table(lines_of(log, "--balances"), "asset") == [
        ["asset", "total", "available", "reserved", "held by others"],
        ["BNB", "0.0000001", "0.0000001", "0", "0"],
        ["ETH", "2.4995", "2.4995", "0", "0"],
        ["USDT", "950", "800", "60", "90"],
    ]
    balances = told("show", log, "--balances", "--json")["balances"]
    assert [row["held_elsewhere"] for row in balances] == ["0", "0", "90"]


def test_a_foreign_order_that_traded_nothing_has_no_price(tmp_path: Path) -> None:
    theirs = said("open", client_order_id="", exchange_order_id="e7", side="sell")
    rows = table(lines_of(write(tmp_path / "x.log", [theirs]), "--orders"), "not ours")
    assert rows[-1] == ["e7", "-", "sell", "0", "-", "open"]


def test_exchanges_are_told_apart_where_there_are_several(tmp_path: Path) -> None:
    also = BalanceSnapshot(exchange="y", totals=(("USDT", dec(3)),))
    rows = table(lines_of(write(tmp_path / "x.log", [watched("y"), also]), "--balances"), "asset")
    assert rows[0][:2] == ["asset", "exchange"]
    assert rows[-1] == ["USDT", "y", "3", "3", "0"]


def test_an_order_by_value_says_what_is_to_be_spent(tmp_path: Path) -> None:
    market = order(
        "m", order_type="market", amount=None, quote_amount=dec(25), price=None, hold=dec(1)
    )
    row = table(lines_of(write(tmp_path / "x.log", [market]), "--orders"), "open order")[-1]
    assert row == ["m", "ETH-USDT", "buy", "market", "-", "for 25", "0", "submitted"]


def test_a_book_that_is_not_believed_makes_no_profit(tmp_path: Path) -> None:
    log = write(tmp_path / "x.log", [BookInvalidated(instrument=INSTRUMENT, reason="gap")])
    assert table(lines_of(log), "position")[1][-2] == "-"
    (position,) = told("show", log, "--json")["account"]["positions"]
    assert (position["mid"], position["unrealised"]) == (None, None)


def looked_at(file: object) -> bool:
    return True


def test_a_terminal_gets_drawn_tables(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapefold.cli.tables.on_terminal", looked_at)
    monkeypatch.setenv("COLUMNS", "120")
    text = "\n".join(lines_of(log))
    assert "open order" in text
    assert "─" * 20 in text


def test_a_session_without_an_account_says_so(tmp_path: Path) -> None:
    folder = session(tmp_path).folder
    assert lines_of(folder, "--orders") == ["no orders are known at position 14"]
    found = told("show", folder, "--balances", "--at", "5", "--json")
    assert (found["session"], found["position"], found["balances"]) == (str(folder), 5, [])


@pytest.mark.parametrize(
    "options",
    [
        ("--orders", "--balances"),
        ("--orders", "--follow"),
        ("--balances", "--follow"),
        ("--book", "ETH-USDT", "--orders"),
        ("--follow", "--book", "ETH-USDT"),
    ],
)
def test_two_parts_at_once_are_wrong_usage(log: Path, options: tuple[str, ...]) -> None:
    result = run("show", log, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert "show different things: ask for one of them" in result.stderr


# Records as lines


KNOWN = {INSTRUMENT: LISTED}


def line(event: AnyEvent, known: Known | None = None) -> str:
    """What is said of an event, without its position, time and name."""
    teller = Teller(known or Known(KNOWN, {"c": INSTRUMENT}))
    _, what = teller.line(Record(1, START, event)).split(type(event).__name__, 1)
    return what.strip()


STORY = [
    "x: the private stream is heard",
    "x: a maker pays 0.02%, a taker 0.1%, as the exchange says",
    "x: holds 0.0000001 BNB, 2 ETH, 1000 USDT",
    "x ETH-USDT c: buy 1 ETH at 100 USDT, limit",
    "x ETH-USDT c: said to be open",
    "x ETH-USDT c: it is on the exchange",
    "x ETH-USDT c: trade T1, buy 0.4 ETH at 100 USDT, fee 0.0004 ETH",
    "x ETH-USDT c: bought 0.4 ETH at 100 USDT for 40 USDT, fee 0.0004 ETH, executed 0.4 ETH so far",
    "x ETH-USDT c2: sell 0.5 ETH at 120.5 USDT, limit maker",
    "x ETH-USDT c2: said to be canceled, executed 0 ETH for 0 USDT",
    "x ETH-USDT c2: it is on the exchange",
    "x ETH-USDT c2: canceled, nothing executed",
    "x ETH-USDT c3: buy 50 ETH at 100 USDT, limit",
    "x ETH-USDT c3: said to be rejected: there is not enough available for it",
    "x ETH-USDT c3: rejected, nothing executed: there is not enough available for it",
    "x ETH-USDT order e9: trade F1, buy 0.1 ETH at 100 USDT, fee 0.0001 ETH",
    "x ETH-USDT order e9: a buy order on the account, and not ours",
    "x ETH-USDT order e9, not ours: bought 0.1 ETH at 100 USDT for 10 USDT, fee 0.0001 ETH, "
    "executed 0.1 ETH so far",
]


def test_a_log_reads_as_a_story(log: Path) -> None:
    known = Known()
    with read_log(log) as stored:
        found = [line(record.event, known) for record in stored.read()]
    assert found[3:] == STORY


NAMED: Any = {
    "client_order_id": "c",
    "exchange": X,
    "exchange_order_id": "e",
    "instrument": INSTRUMENT,
}
MONEY: Any = {"executed": dec("0.4"), "value": dec(40), "fees": (("ETH", dec("0.0004")),)}
LINES: list[tuple[AnyEvent, str]] = [
    (cancel(2), "x ETH-USDT c: its cancel is asked for, request 2"),
    (answer("gone"), "x ETH-USDT c: the exchange has nothing to cancel"),
    (
        answer("unanswered", 0, "busy"),
        "x ETH-USDT c: nobody says what became of the order: the exchange is overloaded",
    ),
    (
        settle("0.7"),
        "x ETH-USDT c: the trades that are missing were waited for long enough, 0.7 ETH were executed",
    ),
    (
        missing(12),
        "x ETH-USDT c: the exchange does not find it, 12.000 s after its last sign of life",
    ),
    (
        OrderDoubted(client_order_id="c", doubt="lost"),
        "x ETH-USDT c: in doubt: the exchange does not find it",
    ),
    (
        OrderDoubted(client_order_id="c", doubt=""),
        "x ETH-USDT c: nothing about it is in doubt any more",
    ),
    (
        FillCorrected(
            **NAMED,
            side="buy",
            fill_id="T1",
            amount=dec("-0.4"),
            value=dec(-40),
            fees=(),
            reason="reverted",
        ),
        "x ETH-USDT c: fill T1 changes by -0.4 ETH and -40 USDT: the exchange took it back",
    ),
    (
        OrderCanceled(client_order_id="c", **MONEY, reason="self_trade"),
        "x ETH-USDT c: canceled, executed 0.4 ETH for 40 USDT, fee 0.0004 ETH: "
        "it would have traded with an order of the same account",
    ),
    (
        OrderCorrected(client_order_id="c", **MONEY, status="filled", reason="was_canceled"),
        "x ETH-USDT c: it is filled after all, executed 0.4 ETH for 40 USDT, fee 0.0004 ETH: "
        "it was told to be canceled",
    ),
    (
        submitted(
            amount=None, quote_amount=dec(25), price=None, order_type="market", by="a scenario"
        ),
        "x ETH-USDT c: buy for 25 USDT, market, wanted by a scenario",
    ),
    (
        submitted(exchange_order_id="e", tif="ioc"),
        "x ETH-USDT c: order e of the exchange is ours from here on, buy 1 ETH at 100 USDT, limit ioc",
    ),
    (
        BalanceChanged(exchange=X, asset="USDT", delta=dec(-5), transfer_id="W1"),
        "x: 5 USDT went out, transfer W1",
    ),
    (
        AccountRequestFailed(
            exchange=X, purpose="open_orders", subject="", status=401, refusal="key"
        ),
        "x: asked for open orders, and got status 401: the exchange does not accept the key",
    ),
    (
        AccountRequestFailed(exchange=X, purpose="order", subject="c", status=0),
        "x: asked for order c, and no answer came",
    ),
    (
        TradingRulesSet(
            instrument=INSTRUMENT,
            order_types=("limit", "market"),
            price_max=dec(9000),
            trading=False,
        ),
        "x ETH-USDT: takes no orders now, takes limit, market, price to 9000 USDT",
    ),
    (
        RiskLimited(
            exchange=X,
            instrument=INSTRUMENT,
            amount_max=dec(5),
            band=dec("0.01"),
            open_orders_max=3,
        ),
        "x ETH-USDT: our own limits: an order of at most 5 ETH, at most 3 open, "
        "at most 1% past the best price",
    ),
    (TradingHalted(reason="a person said so"), "no order leaves from here on: a person said so"),
    (
        CancelAllEnded(exchange=X, ended=("a",), left=("b", "c")),
        "x: cancel-all is over: 1 have ended, not known to have ended are b, c",
    ),
]


@pytest.mark.parametrize(("event", "words"), LINES, ids=lambda x: type(x).__name__)
def test_a_line_says_what_happened_in_plain_words(event: AnyEvent, words: str) -> None:
    assert line(event) == words


def test_of_many_assets_a_few_are_told() -> None:
    many = BalanceSnapshot(exchange=X, totals=tuple((f"A{n:03}", dec(n)) for n in range(100)))
    words = line(many)
    assert words.startswith("x: holds 1 A001, 2 A002, ")
    assert words.endswith("8 A008 and 91 assets more")


def test_what_is_not_known_is_left_out_of_a_line() -> None:
    known = Known()
    assert line(fill("T1", "0.4"), known) == (
        "x instrument 7 c: trade T1, buy 0.4 at 100, fee 0.0004 ETH"
    )
    assert line(cancel(), known) == "c: its cancel is asked for, request 1"


def test_orders_are_remembered_and_not_for_ever() -> None:
    known = Known({INSTRUMENT: LISTED})
    for n in range(KEEP_MAX + 1):
        known.hear(order(f"n{n}"))
    assert known.row(OrderAccepted(client_order_id="n0")) is None
    assert known.row(OrderAccepted(client_order_id="n1")) == LISTED


def sample(kind: Any, turn: int) -> Any:
    """A value of a type; of several words or types the one whose *turn* it is."""
    match kind:
        case inspect.LiteralType():
            return kind.values[turn % len(kind.values)]
        case inspect.UnionType():
            return sample(kind.types[turn % len(kind.types)], turn)
        case inspect.VarTupleType():
            return (sample(kind.item_type, turn),) * (turn % 3)
        case inspect.TupleType():
            return tuple(sample(each, turn) for each in kind.item_types)
        case inspect.DictType():
            return {"tapefold": "0.1"}
        case _:
            plain: dict[type, Any] = {
                inspect.StrType: "word",
                inspect.IntType: turn,
                inspect.BoolType: bool(turn % 2),
                inspect.NoneType: None,
                inspect.BytesType: b"{}",
                inspect.DecimalType: dec(Decimal("0.0000001") * turn),
                inspect.RawType: pack([1], [1]),
            }
            return plain[type(kind)]


def samples(kind: type[AnyEvent]) -> list[AnyEvent]:
    """Many of one event: the bare one, and each word that it may have."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    full = [{field.name: sample(field.type, turn) for field in info.fields} for turn in range(15)]
    bare = {field.name: full[1][field.name] for field in info.fields if field.required}
    return [kind(**values) for values in (bare, *full)]


@pytest.mark.parametrize("kind", get_args(AnyEvent), ids=lambda kind: kind.__name__)
def test_every_event_has_a_line_that_is_no_dump(kind: type[AnyEvent]) -> None:
    for event in samples(kind):
        for known in (Known(), Known({0: LISTED, 1: LISTED, -1: LISTED}, {"word": 1})):
            words = line(event, known)
            assert words
            assert not any(dump in words for dump in (f"{kind.__name__}(", "Decimal", "None", "E-"))
            if kind.__module__.rpartition(".")[2] in ("orders", "account", "conclusions"):
                assert "_" not in words
                assert "  " not in words


@pytest.mark.parametrize("kind", get_args(AnyEvent), ids=lambda kind: kind.__name__)
def test_every_event_has_a_json_line_with_plain_decimals(kind: type[AnyEvent]) -> None:
    for event in samples(kind):
        told_ = Teller(Known(KNOWN)).json(Record(1, START, event))
        text = json.dumps(told_, default=lambda value: pytest.fail(f"{value!r} is no JSON"))
        assert "E-" not in text
        assert told_["event"] == event.__struct_config__.tag


def test_a_json_line_of_an_order_says_what_its_instrument_is_called() -> None:
    teller = Teller(Known(KNOWN, {"c": INSTRUMENT}))
    found = teller.json(Record(1, START, OrderAccepted(client_order_id="c")))
    assert (found["exchange"], found["symbol"], found["client_order_id"]) == (X, "ETH-USDT", "c")
    filled = teller.json(Record(1, START, fill("T1", "0.0000001")))
    assert (filled["amount"], filled["fees"]) == ("0.0000001", [["ETH", "0.0000000001"]])


def test_who_follows_from_the_middle_knows_orders_from_before(log: Path) -> None:
    with started("show", log, "--follow", "--at", "10") as process:
        assert process.stdout
        first = process.stdout.readline()
    assert "OrderFilled       x ETH-USDT c: bought 0.4 ETH at 100 USDT for 40 USDT" in first


# Words


def test_every_word_of_ours_is_told() -> None:
    of_kernel = "risk_amount risk_notional risk_open_orders risk_band risk_rate no_price budget"
    of_kernel += " halted not_ready key rate not_sent not_canceled not_found"
    words = {*get_args(Refusal), *get_args(Broken), *of_kernel.split()} - {""}
    assert words <= {*REASONS}
    assert {*KINDS} == {*get_args(Kind)}
    assert {*DOUBTS} == {*get_args(Doubt)}


def test_a_word_of_an_adapters_own_is_told_as_it_is() -> None:
    event = said("canceled", 0, 0, reason="moon_phase")
    assert line(event) == "x ETH-USDT c: said to be canceled, executed 0 ETH for 0 USDT: moon phase"
