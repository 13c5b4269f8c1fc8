"""Scenario files: what can be read, what is said of one that cannot be, and where.

No door: nothing is run. Files are written and read; the schema is held against the same files.
"""

import json
import os
import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast, get_args

import pytest
import tomli_w
from a_schema import wrong
from captures import ROOT
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from toml_layouts import DOCUMENTS, Layout, Tree, laid_out

from tapefold.errors import ScenarioError
from tapefold.events import AnyEvent
from tapefold.scenario import words
from tapefold.scenario.check_expressions import EXPRESSION_MAX, EXPRESSIONS_MAX
from tapefold.scenario.editors import schema
from tapefold.scenario.event_words import EVENTS, TELLABLE, sayable
from tapefold.scenario.files import LINE_MAX, SCENARIO_MAX
from tapefold.scenario.positions import positions, twice_said
from tapefold.scenario.reading import (
    DEPTH_MAX,
    find_scenarios,
    overlay_path,
    read_scenario,
    session_path,
)
from tapefold.scenario.words import (
    ACTIONS,
    BalanceThen,
    FaultWord,
    FillThen,
    Number,
    OrderThen,
    OrderWord,
    Place,
    Requirement,
    Scenario,
    Word,
)
from tapefold.session.meta import Meta, write_meta

GOOD = """\
title = "What rests is canceled, and what crosses is filled"
exchanges = ["binance"]

[given]
seed = 7
instruments = ["BTC-USDT"]
balances = { BTC = 2, USDT = 100_000 }
fees = { maker = 0, taker = 0.001 }
faults = [
    { what = "late", of = "place", by = 1.5 },  # the first
]

[given.markets.BTC-USDT]
bids = [[49_990, 1], [49_980, 2.5]]
asks = [
    [50_010, 1],
    [50_020.5, 2],
]

[[when]]
submit = { order = "buy", side = "buy", amount = 0.1, price = "bid * 0.9" }

[[when]]
until = 'order("buy").status == "open"'
within = 5

[[when]]
cancel = "buy"
note = "it rests"

[[when]]
check = ['order("buy").executed == 0', "not halted"]

[then]
after = 0.5
balances = { USDT = "was(\\"USDT\\")", BTC = { total = 2, available = 2 } }
fills = [{ order = "buy", amount = 0.1, price = 49_990, fees = { BTC = 1e-4 } }]
requests = { place = 1, cancel = 1 }
holds = ['fee("BTC-USDT").taker == 0.001']

[then.told]
buy = [
    { event = "OrderAccepted" },
    { event = "OrderCanceled", executed = 0, fees = {} },
]

[then.orders.buy]
status = "canceled"
price = "bid * 0.9"

[[then.never]]
event = "OrderFilled"
order = "buy"
late = true
instrument = "BTC-USDT"

[[then.facts]]
event = "CancelAllEnded"
ended = ["buy"]

[then.books.BTC-USDT]
state = "live"
best_bid = [49_990, "1"]
"""
ELSEWHERE = """\
title = "It runs anywhere"
requires = { BTC = { least = 0.1, better = 0.2 } }

[[when]]
submit = { order = "sell", side = "sell", amount = "0.1 / 3", price = "bid * 0.99" }

[[when]]
submit = { order = "more", side = "buy", type = "market", amount = 0.1, worst = "ask * 1.1" }

[then]
after = 30
"""


def changed(good: str, bad: str) -> str:
    """A good file with a mistake."""
    whole = next(text for text in (GOOD, ELSEWHERE) if good in text)
    return whole.replace(good, bad, 1)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project's folder, with a recording and what edits it."""
    (tmp_path / "scenarios" / "edits").mkdir(parents=True)
    (tmp_path / "cassettes" / "binance" / "minute").mkdir(parents=True)
    (tmp_path / "cassettes" / "binance" / "minute" / "session.toml").touch()
    (tmp_path / "scenarios" / "edits" / "no-snapshot.toml").touch()
    return tmp_path


def write(home: Path, text: str | bytes, name: str = "it.toml") -> Path:
    path = home / "scenarios" / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(home: Path, text: str | bytes, name: str = "it.toml") -> Place:
    return read_scenario(write(home, text, name))


def refusal(home: Path, text: str | bytes, name: str = "it.toml") -> str:
    """What is said of a file that cannot be read, without its folder."""
    with pytest.raises(ScenarioError) as caught:
        read(home, text, name)
    said = str(caught.value)
    assert said.startswith(f"{home / 'scenarios' / name}")
    assert said.isprintable()
    return said.removeprefix(f"{home / 'scenarios'}{os.sep}")


# What a file says


def test_a_file_is_read_to_the_last_digit(home: Path) -> None:
    place = read(home, GOOD)
    scenario = place.scenario
    assert (place.name, scenario.exchanges, scenario.given.seed) == ("it", ("binance",), 7)
    assert scenario.given.balances == {"BTC": Decimal(2), "USDT": Decimal(100_000)}
    assert all(type(amount) is Decimal for amount in scenario.given.balances.values())
    market = scenario.given.markets["BTC-USDT"]
    assert market.bids == ((Decimal(49_990), Decimal(1)), (Decimal(49_980), Decimal("2.5")))
    assert scenario.given.faults == (FaultWord(what="late", of="place", by=Decimal("1.5")),)
    assert [step.does for step in scenario.when] == ["submit", "until", "cancel", "check"]
    order = OrderWord(order="buy", side="buy", amount=Decimal("0.1"), price="bid * 0.9")
    assert scenario.when[0].submit == order
    assert scenario.then.told["buy"][1] == {"event": "OrderCanceled", "executed": 0, "fees": {}}
    assert scenario.then.orders == {"buy": OrderThen(status="canceled", price="bid * 0.9")}
    fees: dict[str, Number] = {"BTC": Decimal("0.0001")}
    fill = FillThen(order="buy", amount=Decimal("0.1"), price=Decimal(49_990), fees=fees)
    assert scenario.then.fills == (fill,)
    assert scenario.then.balances["BTC"] == BalanceThen(total=Decimal(2), available=Decimal(2))
    assert scenario.then.balances["USDT"] == 'was("USDT")'
    assert scenario.then.books["BTC-USDT"].best_bid == (Decimal(49_990), "1")
    needed = {"BTC": Requirement(least=Decimal("0.1"), better=Decimal("0.2"))}
    assert read(home, ELSEWHERE).scenario.requires == needed


def test_a_number_is_one_number_however_it_is_typed(home: Path) -> None:
    text = 'title = "x"\n[given.balances]\nA = 1\nB = 1.00\nC = 1e0\nD = 0x1\nE = -0.0\nF = 1_0e-1'
    balances = read(home, text).scenario.given.balances
    assert [str(amount) for amount in balances.values()] == ["1", "1", "1", "1", "0", "1"]


def test_each_key_of_a_file_has_its_line(home: Path) -> None:
    place, lines = read(home, GOOD), GOOD.splitlines()
    for key, what in {
        "given.faults[0].by": "by = 1.5",
        "given.markets.BTC-USDT.asks[1][0]": "[50_020.5, 2]",
        "when[0].submit.price": "submit =",
        "when[1].within": "within = 5",
        "then.told.buy[1].executed": '"OrderCanceled"',
        "then.orders.buy.status": 'status = "canceled"',
        "then.never[0]": "[[then.never]]",
        "then.never[0].no.such.key": "[[then.never]]",
        "then.books.BTC-USDT": "[then.books.BTC-USDT]",
    }.items():
        assert what in lines[place.line(key) - 1], key
    assert place.line("nothing") == 1


def test_a_file_of_another_system_reads_the_same(home: Path) -> None:
    place = read(home, GOOD)
    windows = read(home, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert (windows.scenario, windows.lines) == (place.scenario, place.lines)


def test_a_scenario_can_be_told_by_a_recording(home: Path) -> None:
    text = """
        title = "The first snapshot is refused"
        given = { session = "binance/minute/", overlay = "edits/no-snapshot.toml" }
        then.told = { order1 = [{ event = "OrderAccepted" }] }
        then.books.ANY-THING = { state = "live" }
        then.holds = ['order("order9") is None']
    """
    place = read(home, text)
    assert session_path(place) == home / "cassettes" / "binance" / "minute"
    assert overlay_path(place) == home / "scenarios" / "edits" / "no-snapshot.toml"
    (home / "cassettes" / "binance" / "minute" / "session.toml").unlink()
    (home / "cassettes" / "binance" / "minute").rmdir()
    with pytest.raises(ScenarioError, match=r"it\.toml:3: given\.session: there is no binance/"):
        session_path(place)
    assert session_path(read(home, 'title = "x"')) is None


# What is wrong with a file

UNKNOWN = [
    ("seed = 7", "sed = 7", 'given.sed: there is no such word here; did you mean "seed"? There is'
     " seed, instruments, markets, balances, fees, faults, session, overlay"),
    ("seed = 7", '"s.d" = 7', 'given."s.d": there is no such word here; there is seed, instr'),
    ("title =", "titel =", 'titel: there is no such word here; did you mean "title"?'),
    ("within = 5", "whithin = 5", 'when[1].whithin: there is no such word here; did you mean "wit'),
    ('side = "buy"', 'side = "bye"', 'when[0].submit.side: there is no "bye"; did you mean "buy"?'
     " There is buy, sell"),
    ('"late"', '"gone"', 'given.faults[0].what: there is no "gone"; there is refused, unanswered,'),
    ("place = 1", "plac = 1", 'then.requests.plac: there is no "plac"; did you mean "place"?'),
    ('"OrderAccepted"', '"OrderAcepted"', 'then.told.buy[0].event: there is no "OrderAcepted"; did'),
    ('"OrderAccepted"', '"Trade"', "then.told.buy[0].event: Trade is no conclusion about an order;"),
    ('event = "OrderFilled"', 'event = "OrderFiled"', 'then.never[0].event: there is no "OrderFiled"'
     '; did you mean "OrderFilled"?'),
    ("executed = 0", "exeuted = 0", "then.told.buy[1].exeuted: OrderCanceled has no such field; did"
     ' you mean "executed"?'),
    ('state = "live"', 'state = "alive"', 'then.books.BTC-USDT.state: it is never "alive"; it can be'
     " empty, live or stale"),
    ('"canceled"', '"cancelled"', 'then.orders.buy.status: it is never "cancelled"; it can be subm'),
]  # fmt: skip
KINDS = [
    ("seed = 7", 'seed = "x"', 'given.seed: it is "x", and must be a whole number'),
    ("seed = 7", "seed = 7.5", "given.seed: it is 7.5, and must be a whole number, without a point"),
    ("seed = 7", f"seed = {2**63}", "given.seed: it is 9223372036854775808, which is more than 63"),
    ("seed = 7", f"seed = {'9' * 4000}", "given.seed: it is a very long number, which is more than"),
    ("seed = 7", "seed = -1", "given.seed: it is -1, and must not be negative"),
    ("BTC = 2", "BTC = true", "given.balances.BTC: it is true, and must be a number"),
    ("BTC = 2", "BTC = -2", "given.balances.BTC: it is -2, and must not be negative"),
    ("BTC = 2", 'BTC = "2"', 'given.balances.BTC: it is "2", and must be a number'),
    ("BTC = 2", "BTC = nan", "given.balances.BTC: it is NaN, which is no amount"),
    ("BTC = 2", "BTC = -inf", "given.balances.BTC: it is -Infinity, which is no amount"),
    ("BTC = 2", "BTC = 1e99999999999999999999", "given.balances.BTC: it is NaN, which is no amount"),
    ("BTC = 2", f"BTC = {'1' * 39}", f"given.balances.BTC: it is {'1' * 39}: a number has up to 38 "
     "digits, and up to 30 of them after the point"),
    ("BTC = 2", "BTC = 1979-05-27", "given.balances.BTC: it is a date or a time, and must be a num"),
    ("amount = 0.1,", "amount = [],", "when[0].submit.amount: it is a list of 0, and must be a "
     'number or a sum in quotes, as "ask * 1.01"'),
    ("[50_010, 1]", "[50_010]", "given.markets.BTC-USDT.asks[0]: it is a list of 1, and must be a "
     "list of 2: a number, a number"),
    ('exchanges = ["binance"]', 'exchanges = "binance"', 'exchanges: it is "binance", and must be a'
     " list, of which each is a text"),
    ("fees = { maker = 0, taker = 0.001 }", "fees = 1", "given.fees: it is 1, and must be a table "),
    ("late = true", "late = 1", "then.never[0].late: it is 1, and must be true or false"),
    ("late = true", "late = []", "then.never[0].late: it is a list of 0, and must be true or false"),
    ("fees = {}", "fees = 1", "then.told.buy[1].fees: it is 1, and must be a table of amounts by as"),
    ('instrument = "BTC-USDT"', "instrument = 0", "then.never[0].instrument: it is 0, and must "
     'be the name of a pair, as "BTC-USDT"'),
    ("BTC = 1e-4", "BTC = []", "then.fills[0].fees.BTC: it is a list of 0, and must be a number or"),
    ("total = 2", "total = -2", "then.balances.BTC.total: it is -2, and must not be negative"),
]  # fmt: skip
MISSING = [
    (f"{GOOD.splitlines()[0]}\n", "", "title: it must be said, and is a text"),
    ('order = "buy", side', "side", "when[0].submit.order: it must be said, and is a text"),
    ('side = "buy", ', "", "when[0].submit.side: it must be said, and is one of buy, sell"),
    ("amount = 0.1, ", "", "when[0].submit.amount: it must be said: a number, or a sum in quotes"),
    (', price = "bid * 0.9" }', " }", "when[0].submit.price: it must be said: a limit order has a"),
    ("asks = [\n    [50_010, 1],\n    [50_020.5, 2],\n]\n", "", "given.markets.BTC-USDT.asks: it mu"
     "st be said, and is a list, of which each is a list of 2: a number, a number"),
    ('{ event = "OrderAccepted" }', "{}", "then.told.buy[0].event: it must be said, and is the na"),
    (", by = 1.5", "", "given.faults[0].by: it must be said: late is by so many seconds"),
    ("least = 0.1, ", "", "requires.BTC.least: it must be said, and is a number"),
]  # fmt: skip
STEPS = [
    ('cancel = "buy"', 'cancel = "buy"\nquery = "buy"', "when[2].query: a step does one thing, and "
     "this has cancel and query: make a step of each"),
    ('cancel = "buy"\n', "", "when[2]: a step does one thing: say one of submit, cancel, cancel_a"),
    ('cancel = "buy"', "resume = false", "when[2].resume: so nothing is done: say something, or"),
    ('cancel = "buy"', 'cancel = "buy"\nwithin = 1', "when[2].within: cancel takes no time: within "),
    ('cancel = "buy"', 'cancel = "by"', 'when[2].cancel: no order "by" was submitted before this;'
     ' did you mean "buy"? There is buy'),
    ('cancel = "buy"', 'query = "sell"', 'when[2].query: no order "sell" was submitted before this;'),
    ('cancel = "buy"', 'submit = { order = "buy", side = "sell", amount = 1, type = "market" }',
     'when[2].submit.order: "buy" was submitted already: give it another name'),
    ("within = 5", "within = 0", "when[1].within: it is 0, and must be between 0.000000001 and 864"),
    ("within = 5", "within = 1e-10", "when[1].within: it is 0.0000000001, and must be between"),
    ("within = 5", "within = 1.0000000001", "when[1].within: it is 1.0000000001: seconds have 9 de"),
    ('cancel = "buy"', "wait = 86_401", "when[2].wait: it is 86401, and must be between 0 and 86400"),
    ('cancel = "buy"', 'restart = ["ETH-USDT"]', 'when[2].restart[0]: "ETH-USDT" is neither in giv'),
    ('cancel = "buy"', "restart = []", "when[2].restart: so nothing is done: say something, or lea"),
    ('cancel = "buy"', "restart = 1", "when[2].restart: it is 1, and must be true or false or a li"),
    ('cancel = "buy"', "limit_risk = {}", "when[2].limit_risk: so nothing is limited: say amount_m"),
    ('cancel = "buy"', "set_fees = { maker = 0.1, taker = 0.5 }", "when[2].set_fees.taker: it is "
     "0.5, and a fee is a fraction, up to 0.1: 0.001 are ten basis points"),
    ('cancel = "buy"', "cancel_all = { timeout = 0 }", "when[2].cancel_all.timeout: it is 0, and m"),
    ('cancel = "buy"', 'subscribe = ["ETH-USDT"]', 'when[2].subscribe[0]: "ETH-USDT" is neither in '
     "given.instruments nor in given.markets"),
    ('cancel = "buy"', 'cancel_all = { instrument = "" }', 'when[2].cancel_all.instrument: "" is ne'),
    ('cancel = "buy"', "deposit = { BTC = 0 }", "when[2].deposit.BTC: it is 0, and must be more th"),
    ('cancel = "buy"', 'stranger = { side = "buy", amount = -1 }', "when[2].stranger.amount: it is"),
    ('cancel = "buy"', 'fault = { what = "gap", of = "book" }', "when[2].fault.of: gap is of no req"),
    ('cancel = "buy"', 'fault = { what = "ahead", by = -1, times = 2 }', "when[2].fault.times: the"),
    ('cancel = "buy"', 'fault = { what = "lagging", by = 61 }', "when[2].fault.by: a page is 60 sec"),
    ('cancel = "buy"', 'fault = { what = "refused", status = 200 }', "when[2].fault.status: it is "
     "200: from 400 to 599 they refuse"),
    ('cancel = "buy"', 'fault = { what = "lost", times = 0 }', "when[2].fault.times: it is 0, and m"),
    ('cancel = "buy"', 'fault = { what = "twice", by = 1 }', "when[2].fault.by: twice is by no time"),
]  # fmt: skip
ORDERS = [
    ('"buy", side', '"Buy", side', "when[0].submit.order: an order's name has small letters, digit"),
    ('"buy", side', '"caller", side', 'when[0].submit.order: "caller" is taken: say another'),
    ("amount = 0.1,", "amount = 0,", "when[0].submit.amount: it is 0, and must be more than 0"),
    ("amount = 0.1,", 'amount = 0.1, type = "market",', "when[0].submit.price: a market order has "),
    ("amount = 0.1,", "quote_amount = 9,", "when[0].submit.quote_amount: it is for a market order,"),
    ("amount = 0.1,", "amount = 1, worst = 9,", "when[0].submit.worst: it is for a market order th"),
    ("amount = 0.1,", 'amount = 1, type = "limit_maker", tif = "ioc",', "when[0].submit.tif: a lim"),
    ("amount = 0.1,", 'amount = 1, instrument = "BTC-USDC",', "when[0].submit.instrument: "
     '"BTC-USDC" is neither in given.instruments nor in given.markets; did you mean "BTC-USDT"?'),
    ("amount = 0.1,", "amount = 1, expires_after = -1,", "when[0].submit.expires_after: it is -1,"),
    ("amount = 0.1, price", 'amount = "0.1 BTC", price', "when[0].submit.amount: the expression, "
     "column 5: "),
    ("bid * 0.9", "bidd * 0.9", "when[0].submit.price: the expression, column 1: there is no 'bidd'"),
    ('fills = [{ order = "buy"', 'fills = [{ order = "bye"', "then.fills[0].order: no step submits "
     'an order "bye"; did you mean "buy"? There is buy'),
    ("[then.orders.buy]", "[then.orders.sell]", "then.orders.sell: no step submits an order"),
    ('order = "buy"\nlate', 'order = "sell"\nlate', "then.never[0].order: no step submits an order"),
    ('order = "buy"\nlate', 'order = 1\nlate', "then.never[0].order: it is 1, and must be an order"),
    ('{ event = "OrderAccepted" }', '{ event = "OrderAccepted", order = "buy" }', "then.told.buy[0]"
     ".order: the order is said already: it is the table's name"),
    ('event = "OrderFilled"', 'event = "Trade"', "then.never[0].order: Trade is about no order"),
    ("order(\"buy\").status", "order(\"by\").status", 'when[1].until: no order "by" was submitted '
     'before this; did you mean "buy"? There is buy'),
    ('"not halted"', '"not halted", "order(\'sell\').ended"', "when[3].check[2]: no order \"sell\" was"),
    ('"not halted"', '"halted ="', "when[3].check[1]: the expression, column 8: "),
    ("was(\\\"USDT\\\")", "was()", "then.balances.USDT: the expression, column 1: say was(ASSET)"),
    ("executed = 0", 'executed = "1 +"', "then.told.buy[1].executed: the expression, column"),
    ("fees = {}", 'fees = { BTC = "x" }', "then.told.buy[1].fees.BTC: the expression, column 1: the"),
]  # fmt: skip
SENSE = [
    (GOOD.splitlines()[0], 'title = " "', "title: it is a sentence, on one line"),
    ('["binance"]', '["Binance"]', "exchanges[0]: an exchange's name has small letters, digits and"),
    ('["binance"]', '["x", "x"]', "exchanges[1]: x is there already"),
    ("[given.markets.BTC-USDT]", "[given.markets.BTCUSDT]", "given.markets.BTCUSDT: a market is nam"),
    ('["BTC-USDT"]\nb', '["BTC-USDT", "XYZ-USDT"]\nb', "given.instruments[1]: XYZ-USDT has no mark"),
    ("50_020.5", "50_020.505", "given.markets.BTC-USDT.asks[1][0]: 50020.505 is no multiple of the "
     "market's tick, 0.01"),
    ("50_020.5", "49_000", "given.markets.BTC-USDT.asks[1][0]: it is 49000, which crosses the best"),
    ("49_980", "49_990", "given.markets.BTC-USDT.bids[1][0]: 49990 is there already: a price is on"),
    ("[49_980, 2.5]", "[49_980, 0]", "given.markets.BTC-USDT.bids[1][1]: it is 0, and must be more"),
    ("taker = 0.001", "taker = 0.2", "given.fees.taker: it is 0.2, and a fee is a fraction, up to"),
    ("[then.books.BTC", "[then.books.ETH", 'then.books.ETH-USDT: "ETH-USDT" is neither in given.in'),
    ("after = 0.5", "after = -1", "then.after: it is -1, and must be between 0 and 86400 seconds"),
    ("better = 0.2", "better = 0.05", "requires.BTC.better: what is recommended is no less than"),
    ("seed = 7", 'session = "binance/minute"', "given.instruments: a recording has its own: beside"),
    ("seed = 7", 'overlay = "edits/no-snapshot.toml"', "given.overlay: it edits a recording: say w"),
    ("seed = 7", 'session = ""', "given.session: it is empty: say a path from this file, or leave"),
]  # fmt: skip
NO_ASSET = "is neither of an instrument of the file nor in given.balances"
NO_PAIR = "is neither in given.instruments nor in given.markets"
HOLDS = 'fee("BTC-USDT").taker == 0.001'
FACT = 'event = "CancelAllEnded"\nended = ["buy"]'
NAMES = [
    ("BTC = { total", "BCT = { total", f'then.balances.BCT: "BCT" {NO_ASSET}; did you mean "BTC"? '
     "There is BTC, USDT"),
    ("BTC = 1e-4", "XBT = 1e-4", f'then.fills[0].fees.XBT: "XBT" {NO_ASSET}'),
    ("fees = {}", "fees = { ETH = 0 }", f'then.told.buy[1].fees.ETH: "ETH" {NO_ASSET}'),
    ('price = "bid * 0.9"\n', "fees = { USTD = 1 }\n", f'then.orders.buy.fees.USTD: "USTD" {NO_ASSET}'),
    ('cancel = "buy"', "deposit = { USTD = 5 }", f'when[2].deposit.USTD: "USTD" {NO_ASSET}; did you '),
    ('was(\\"USDT\\")', 'was(\\"USTD\\")', f'then.balances.USDT: "USTD" {NO_ASSET}; did you mean "US'),
    (HOLDS, 'balance("BCT").total == 0', f'then.holds[0]: "BCT" {NO_ASSET}; did you mean "BTC"?'),
    (HOLDS, 'order("buy").fees["ETH"] > 0', f'then.holds[0]: "ETH" {NO_ASSET}; there is BTC, USDT'),
    (HOLDS, 'not fee("BTC-USDC").maker > 0', f'then.holds[0]: "BTC-USDC" {NO_PAIR}; did you mean "BTC'),
    (HOLDS, 'not book("DOGE-USDT").live', f'then.holds[0]: "DOGE-USDT" {NO_PAIR}'),
    (HOLDS, 'trade("BTCUSDT") is None', f'then.holds[0]: "BTCUSDT" {NO_PAIR}; did you mean "BTC-USDT"'),
    (HOLDS, 'quote("ETH-USDT") is None', f'then.holds[0]: "ETH-USDT" {NO_PAIR}'),
    (HOLDS, 'position("binance", "ETH-USDT") is None', f'then.holds[0]: "ETH-USDT" {NO_PAIR}'),
    (HOLDS, 'position("binanse", "BTC-USDT") is None', 'then.holds[0]: "binanse" is not in exchanges;'
     ' did you mean "binance"? There is binance'),
    (HOLDS, 'book("BTC-USDT", "kraken") is None', 'then.holds[0]: "kraken" is not in exchanges; there'),
    ('instrument = "BTC-USDT"', 'instrument = "BTCUSDT"', f'then.never[0].instrument: "BTCUSDT" {NO_PAIR}'),
    (FACT, 'event = "BookInvalidated"\nreason = "gaps"', 'then.facts[0].reason: it is never "gaps"; it c'),
    (FACT, 'event = "AccountRequestFailed"\npurpose = "plac"', 'then.facts[0].purpose: it is never "pla'),
    (FACT, 'event = "TradingRulesSet"\norder_types = ["stop"]', 'then.facts[0].order_types[0]: it is ne'),
    (FACT, 'event = "BalanceChanged"\nasset = "USTD"', f'then.facts[0].asset: "USTD" {NO_ASSET}; did y'),
    (FACT, 'event = "AccountSurveyed"\nexchange = "binanse"', 'then.facts[0].exchange: "binanse" is not'),
    (FACT, 'event = "CancelAllEnded"\nleft = ["buy", "by"]', "then.facts[0].left[1]: no step submits an "
     'order "by"; did you mean "buy"? There is buy'),
    ("{ BTC = { least", "{ BCT = { least", f'requires.BCT: "BCT" {NO_ASSET}; did you mean "BTC"? There'),
]  # fmt: skip
EARLY = [
    ('submit = { order = "buy", side = "buy"', 'check = "not order(\'buy\').ended"\n[[when]]\nsubmit = '
     '{ order = "buy", side = "buy"', 'when[0].check: no order "buy" was submitted before this; there'),
    ("bid * 0.9", "order('buy').price * 2", 'when[0].submit.price: no order "buy" was submitted before'),
    ('"not halted"', '"event.kind == \'Trade\'"', "when[3].check[1]: event is for until alone: here no"),
    (HOLDS, "event is None", "then.holds[0]: event is for until alone: here nothing was just logged"),
    (HOLDS, "time > 0", "then.holds[0]: time is for until alone: here nothing was just logged"),
    ("order(\"buy\").status ==", "time > 0 and order(\"buy\").status ==", "when[1].until: time is that "
     "of an event: ask for the event, too"),
    ("order(\"buy\").status ==", "order(\"buy\").status =", "when[1].until: the expression, column 21: a"
     " single = compares nothing: say =="),
    ('"not halted"', '"halted = true"', "when[3].check[1]: the expression, column 8: a single = compares"),
    ("bid * 0.9", "", 'when[0].submit.price: it is empty: say a number, or a sum in quotes, as "ask * 1.'),
    (HOLDS, " ", "then.holds[0]: the expression is empty: say what is to hold"),
    ("not halted", f"{'not ' * 250}halted", "when[3].check[1]: it has 1,006 characters, and an expressio"
     "n has 1,000 at most: make several of it"),
    ("bid * 0.9", f"bid{' ' * 1000}", "when[0].submit.price: it has 1,003 characters, and an expression"),
]  # fmt: skip
END = "[then]\nafter = 30\n"
REQUIRES = [
    (END, f'{END}[given]\nfaults = [{{ what = "gap" }}]', "given.faults: only a simulator can do that"),
    (END, "[[when]]\nrestart = true\n" + END, "when[2].restart: only a simulator can do that"),
    (END, '[[when]]\ndisconnect = "all"\n' + END, "when[2].disconnect: only a simulator can do that"),
    (END, "[[when]]\ndeposit = { BTC = 1 }\n" + END, "when[2].deposit: only a simulator can do that"),
    (END, '[[when]]\nfault = { what = "gap" }\n' + END, "when[2].fault: only a simulator can do that"),
    (END, '[[when]]\nstranger = { side = "buy", amount = 1 }\n' + END, "when[2].stranger: only a si"),
    ('"bid * 0.99"', "49_000", "when[0].submit.price: a file with requires names no price of its own: sa"),
    ('"bid * 0.99"', '"49_000 * 2"', "when[0].submit.price: a file with requires names no price of its o"),
    ('"ask * 1.1"', "60_000", "when[1].submit.worst: a file with requires names no price of its own: say"),
]  # fmt: skip
LISTS = [
    ('exchanges = ["binance"]', "exchanges = []", "exchanges: it is empty: say where it can be run, or l"),
    ('instruments = ["BTC-USDT"]', "instruments = []", "given.instruments: it is empty: say which, or le"),
    ('["BTC-USDT"]\nb', '["BTC-USDT", "BTC-USDT"]\nb', "given.instruments[1]: BTC-USDT is there already"),
    ('["BTC-USDT"]\nb', '["BTC-USDC"]\nb', "given.instruments[0]: BTC-USDC has no market: describe it in"
     ' given.markets; did you mean "BTC-USDT"? There is BTC-USDT, ETH-USDT, MOTE-USDT'),
    ("[[then.never]]", "[then.never]", "then.never: it is a table, and must be a list of tables: write ["
     "[then.never]]"),
    ('[{ order = "buy", amount = 0.1, price = 49_990, fees = { BTC = 1e-4 } }]', '{ order = "buy" }',
     "then.fills: it is a table, and must be a list of tables: write [[then.fills]]"),
    ('buy = [\n    { event = "OrderAccepted" },\n    { event = "OrderCanceled", executed = 0, fees = {} },'
     "\n]", 'buy = { event = "OrderAccepted" }', "then.told.buy: it is a table, and must be a list of "),
]  # fmt: skip


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        *(*UNKNOWN, *KINDS, *MISSING, *STEPS, *ORDERS, *SENSE),
        *(*NAMES, *EARLY, *REQUIRES, *LISTS),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_key(
    home: Path, good: str, bad: str, said: str
) -> None:
    text = changed(good, bad)
    found = refusal(home, text)
    line = int(found.split(":")[1])
    assert found.startswith(f"it.toml:{line}: {said}")
    # On that line, or in the table or list that begins there, is what was changed or is missing.
    key = said.split(": ", maxsplit=1)[0]
    assert line == Place(Path(), Scenario(title=""), positions(text)).line(key)
    if bad and key != "title" and key in positions(text):
        word = key.rpartition(".")[2].split("[")[0].strip('"')
        assert word in text.splitlines()[line - 1] or "[" in key


def test_what_the_account_is_given_can_be_named_beside_what_is_traded(home: Path) -> None:
    """Fees are often in an asset that no instrument of the file has."""
    text = changed("balances = { BTC = 2", "balances = { BNB = 0, BTC = 2").replace(
        HOLDS, 'balance("BNB").total == was("BNB") - order("buy").fees["BNB"]'
    )
    text = text.replace("fees = { BTC = 1e-4 }", "fees = { BNB = 1e-4 }")
    assert read(home, text).scenario.given.balances["BNB"] == 0


def test_an_exchange_is_not_looked_at_where_the_file_is_for_any(home: Path) -> None:
    text = changed(HOLDS, 'position("anywhere", "BTC-USDT") is None')
    place = read(home, text.replace('exchanges = ["binance"]\n', ""))
    assert place.scenario.exchanges == ()


def test_a_file_has_room_for_so_many_expressions(home: Path) -> None:
    holds = f'    "{"halted or " * 99}halted",\n'
    size = len(holds) - 8
    assert size < EXPRESSION_MAX
    fits = EXPRESSIONS_MAX // size
    read(home, f'title = "x"\n[then]\nholds = [\n{holds * fits}]')
    assert refusal(home, f'title = "x"\n[then]\nholds = [\n{holds * (fits + 1)}]') == (
        f"it.toml:{fits + 4}: then.holds[{fits}]: the expressions up to here have more than 50,000 "
        "characters, which are as many as a file may have"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('title = "a"\nthen.after = 1\n title = "b"\n', "3: this is no TOML: title is there already: say "
         "all of it in one place, column 13"),
        ("[then]\nafter = 1\nafter = 2", "3: this is no TOML: then.after is there already: say all of "),
        ("given = {seed = 1, fees = {maker = 1, maker = 2}}", "1: this is no TOML: given.fees.maker is t"),
        ("[given]\nfaults = []\n[[given.faults]]", "3: this is no TOML: given.faults is a list of tables"
         ": begin each of them with [[given.faults]], column 15"),
        ("[when]\nresume = true\n[when]", "3: this is no TOML: when is a list of tables: begin each of th"
         "em with [[when]], column 6"),
        ("[[when]]\nresume = true\n[when]\n", "3: this is no TOML: when is a list of tables: begin each o"),
        ("[when]\nresume = true\n[[when]]\n", "3: this is no TOML: when is a list of tables: begin each o"),
        ("[[then.told.buy]]\n[then.told.buy]", "2: this is no TOML: then.told.buy is a list of tables: be"),
        ("then.after = 1\n[then]\r\n'a", "2: this is no TOML: Cannot declare ('then',) twice, column 6"),
        ('title = "x"\n[when]\nresume = true', "2: when: it is a table, and must be a list of tables: wri"),
    ],
)  # fmt: skip
def test_what_is_said_twice_is_named(home: Path, text: str, said: str) -> None:
    assert refusal(home, text).startswith(f"it.toml:{said}")


RECORDED = 'title = "x"\ngiven.session = "binance/minute"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RECORDED + "[[when]]\nrestart = true", "3: when: the recording tells the story: with gi"),
        (RECORDED + "requires.BTC.least = 1", "3: requires: a recording needs no money: leave it"),
        (RECORDED + "then.told.Buy = []", "3: then.told.Buy: an order's name has small letters"),
        (RECORDED + "given.seed = 1", "3: given.seed: a recording has its own: beside given.sess"),
        (RECORDED.replace("minute", "none"), "2: given.session: there is no binance/none beside "
         "the file, nor in cassettes beside its folder"),
        (RECORDED + 'given.overlay = "edits"', "3: given.overlay: an overlay is a file, and this"),
        (RECORDED.replace("minute", "minute/session.toml"), "2: given.session: a recording is a "),
        *(
            (RECORDED.replace("binance", way), "2: given.session: a path is relative, goes down o")
            for way in ("/binance", "../binance", "binance/..", ".", "binance/", "a\\\\\\\\b", "\\\\u0000")
        ),
        (RECORDED.replace("minute", "x" * 300), "2: given.session: it cannot be looked at: File n"),
    ],
)  # fmt: skip
def test_a_recording_is_named_by_a_path_that_goes_down(home: Path, text: str, said: str) -> None:
    assert refusal(home, text).startswith(f"it.toml:{said}")


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ('not book("DOGE-USDT").live', '"DOGE-USDT" is no instrument of the recording; one that it came'
         ' to later goes in then.books; did you mean "MOTE-USDT"? There is BTC-USDT, MOTE-USDT'),
        ('not fee("BTCUSDT").maker > 0', '"BTCUSDT" is no instrument of the recording'),
        ("event is None", "event is for until alone: here nothing was just logged"),
    ],
)  # fmt: skip
def test_a_recording_says_which_instruments_there_are(
    home: Path, condition: str, said: str
) -> None:
    meta = Meta(
        exchanges=["binance"], instruments=["BTC-USDT", "MOTE-USDT"], source="live", started_ns=1
    )
    folder = home / "cassettes" / "binance" / "minute"
    write_meta(folder, meta)
    text = f"{RECORDED}then.holds = ['{condition}']"
    assert refusal(home, text).startswith(f"it.toml:3: then.holds[0]: {said}")
    good = """then.holds = ['book("MOTE-USDT").live and book("LATE-USDT").live']"""
    read(home, f'{RECORDED}{good}\nthen.books.LATE-USDT = {{ state = "live" }}')
    for instruments, start in ((["BTCUSDT"], 0), ([], 0), (["BTC-USDT"], 9)):
        write_meta(folder, replace(meta, instruments=instruments, start_position=start))
        read(home, f"{RECORDED}then.holds = ['not book(\"DOGE-USDT\").live']")


@pytest.mark.parametrize("linked", ["cassettes/binance/linked", "cassettes/linked"])
def test_no_link_is_followed(home: Path, linked: str) -> None:
    (home / linked).symlink_to(home / "cassettes" / "binance" / "minute")
    name = linked.removeprefix("cassettes/")
    said = refusal(
        home, RECORDED.replace("binance/minute", f"{name}/x" if "/" not in name else name)
    )
    assert said == "it.toml:2: given.session: linked is a link, and links are not followed"
    (home / "scenarios" / "link.toml").symlink_to(write(home, GOOD))
    with pytest.raises(ScenarioError, match=r"link\.toml is a link, and links are not followed"):
        read_scenario(home / "scenarios" / "link.toml")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"title = \n", ":1: this is no TOML: Invalid value, column 9"),
        (b"title = 'x'\n\n[then]\n[then]\n", ":4: this is no TOML: then is there already: say all of i"),
        (b'title = "x"\nexchanges = [\n\n', ":2: this is no TOML: "),
        (b"title = 'x'\n# \xe9\n", ":2: this is no UTF-8: save the file as that"),
        (b"a = " + b"[" * 100 + b"]" * 100, ": tables and lists stand more than 12 deep in it"),
        (b"a = " + b"[" * 4000, ": tables and lists stand more than 12 deep in it"),
        (b"a = 1\n#" + b"x" * LINE_MAX, ":2: the line is longer than 4,096 characters"),
        (b"#" * (SCENARIO_MAX + 1), " is longer than 1,048,576 bytes"),
    ],
)  # fmt: skip
def test_what_is_no_scenario_file_is_refused(home: Path, data: bytes, said: str) -> None:
    assert refusal(home, data).startswith(f"it.toml{said}")


def test_tables_may_stand_as_deep_as_is_said(home: Path) -> None:
    deep = f"{'.'.join('a' * (DEPTH_MAX - 1))} = 1"
    assert refusal(home, deep).startswith("it.toml:1: a: there is no such word")
    assert refusal(home, f"a.{deep}") == "it.toml: tables and lists stand more than 12 deep in it"


@pytest.mark.parametrize("name", ["It.toml", "it.txt", "a b.toml", "a.b.toml", ".toml", "é.toml"])
def test_a_file_is_called_what_a_folder_can_be_called_everywhere(home: Path, name: str) -> None:
    assert ": a scenario's file is named in small letters" in refusal(home, GOOD, name)


def test_what_is_no_file_is_refused(home: Path) -> None:
    folder = home / "scenarios"
    (folder / "folder.toml").mkdir()
    os.mkfifo(folder / "pipe.toml")
    for name, said in {
        "none.toml": "cannot be read: No such file or directory",
        "folder.toml": "is no regular file",
        "pipe.toml": "is no regular file",
    }.items():
        with pytest.raises(ScenarioError, match=f"{name} {said}"):
            read_scenario(folder / name)
    with pytest.raises(ScenarioError, match="cannot be read: embedded null byte"):
        read_scenario(Path("a\0b") / "it.toml")


# Where files are


def test_scenarios_are_found_by_name_by_file_and_by_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("b.toml", "a.toml", "notes.txt"):
        write(home, GOOD, name)
    monkeypatch.chdir(home)
    folder = Path("scenarios")
    a, b = folder / "a.toml", folder / "b.toml"
    assert find_scenarios([], folder) == [a, b]
    assert find_scenarios(["scenarios/"], Path("nowhere")) == [a, b]
    assert find_scenarios(["b", "scenarios/a.toml"], folder) == [a, b]
    assert find_scenarios(["b", "scenarios/b.toml", str(b.absolute())], folder) == [b.absolute()]
    (home / "a").mkdir()
    assert find_scenarios(["a"], folder) == [a]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ["lmit_buy"],
            r"neither a scenario nor a file 'lmit_buy'; .*; did you mean \"limit_buy\"\?",
        ),
        (["zzz"], r"neither a scenario nor a file 'zzz'; scenarios of .*; there is limit_buy$"),
        (["edits/none.toml"], "neither a scenario nor a file 'edits/none.toml'"),
        (["cassettes"], "cassettes has no scenario: they are files that end with .toml"),
        (["a\0b"], "neither a scenario nor a file"),
        (["x" * 999], "cannot be looked at: .*File name too long"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    home: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], said: str
) -> None:
    write(home, GOOD, "limit_buy.toml")
    monkeypatch.chdir(home)
    with pytest.raises(ScenarioError, match=said):
        find_scenarios(given, Path("scenarios"))


def test_a_home_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="none cannot be read: No such file or directory"):
        find_scenarios([], tmp_path / "none")
    with pytest.raises(ScenarioError, match=r"neither a scenario nor a file 'x'.*; there is none"):
        find_scenarios(["x"], tmp_path / "none")


# On which line a key stands


@settings(max_examples=400, deadline=None)
@given(laid_out())
def test_every_key_has_its_true_line_however_a_document_is_laid_out(
    laid: tuple[Tree, Layout],
) -> None:
    tree, layout = laid
    assert tomllib.loads(layout.text) == tree
    assert positions(layout.text) == layout.lines
    assert twice_said(layout.text) == ""
    assert positions(layout.text.replace("\n", "\r\n")) == layout.lines


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS, st.booleans())
def test_every_number_that_another_writer_wrote_has_its_line(tree: Tree, several: bool) -> None:
    numbers = iter(range(7_000_000, 8_000_000))

    def numbered(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: numbered(it) for name, it in cast("Tree", value).items()}
        if isinstance(value, list):
            return [numbered(it) for it in cast("list[object]", value)]
        return value if isinstance(value, str) else next(numbers)

    document = numbered(tree)
    text = tomli_w.dumps(document, multiline_strings=several)
    lines = positions(text)
    for key, value in keys_of(document):
        assert key in lines
        if isinstance(value, int):
            assert str(value) in text.splitlines()[lines[key] - 1]


def keys_of(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of a document, and what stands there."""
    if key:
        yield key, value
    if isinstance(value, dict):
        for name, inner in cast("Tree", value).items():
            bare = re.fullmatch("[A-Za-z0-9_-]+", name)
            word = name if bare else json.dumps(name, ensure_ascii=False)
            yield from keys_of(inner, f"{key}.{word}" if key else word)
    if isinstance(value, list):
        for n, inner in enumerate(cast("list[object]", value)):
            yield from keys_of(inner, f"{key}[{n}]")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a = '''x'''''\nb = 1", {"a": 1, "b": 2}),
        ('a = """x\\""" # \n"""\nb = 1', {"a": 1, "b": 3}),
        ('a = """\n\\\n   x"""\nb = 1', {"a": 1, "b": 4}),
        ("[a.b]\nx = 1\n[a]\ny = 1", {"a": 3, "a.b": 1, "a.b.x": 2, "a.y": 4}),
        (
            "[[a]]\n[a.b]\nc = 1\n[[a]]\n[a.b]\nc = 1\n[[a.d]]",
            {"a": 1, "a[0]": 1, "a[0].b": 2, "a[0].b.c": 3, "a[1]": 4, "a[1].b": 5}
            | {"a[1].b.c": 6, "a[1].d": 7, "a[1].d[0]": 7},
        ),
        ("a = [ # ]\n\n 1, [\n2], {b = [\n3]}\n]", {
            "a": 1, "a[0]": 3, "a[1]": 3, "a[1][0]": 4, "a[2]": 4, "a[2].b": 4, "a[2].b[0]": 5,
        }),
        ("a . b.'c.d' = 1979-05-27 07:32:32 # x\ne=1", {"a": 1, "a.b": 1, 'a.b."c.d"': 1, "e": 2}),
        ("", {}),
    ],
)  # fmt: skip
def test_odd_layouts_have_their_lines_too(text: str, lines: dict[str, int]) -> None:
    tomllib.loads(text)
    assert positions(text) == lines


# Whatever a file says


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (folder := tmp_path_factory.mktemp("fuzz") / "scenarios").mkdir()
    return folder.parent


def survives(away: Path, data: bytes) -> None:
    """It is read, or refused in one line that begins with the file and is no longer than a page."""
    path, said = write(away, data), ""
    try:
        place = read_scenario(path)
    except ScenarioError as error:
        said = str(error)
    else:
        assert place.path == path
    if said:
        assert re.match(rf"{re.escape(str(path))}(:\d+)?[: ]", said)
        assert said.isprintable()
        assert len(said) < 2000


WORDS = sorted(set(re.findall(r"[\w.-]+|[\[\]{}=,\"'\n]", GOOD)))
PIECES = st.sampled_from(
    [*WORDS, "[[when]]\n", '"""', "'''", "\\", "#", "nan", "1e9", "true", "1979-05-27", "\0", "é"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 12), PIECES), max_size=4))
def test_no_change_of_a_good_file_is_answered_with_a_traceback(
    away: Path, changes: list[tuple[int, int, str]]
) -> None:
    text = GOOD
    for at, cut, piece in changes:
        text = text[:at] + piece + text[at + cut :]
    survives(away, text.encode())


@pytest.mark.parametrize(
    "text",
    [
        '[then.balances]\n"\\u2028\\u0000" = 1',
        '[then.balances]\n"\\u2028" = 1\n"\\u2028" = 1',
        """then.holds = ["balance('\\u2028') == 0"]""",
        f"then.balances.{'A' * 4000} = 1",
        f'given.instruments = ["{"A" * 4000}-B"]',
        "then.balances.A = 1\n[given.balances]\n" + "".join(f"B{n:0999} = 1\n" for n in range(500)),
    ],
)  # fmt: skip
def test_odd_and_endless_names_are_told_in_one_short_line(away: Path, text: str) -> None:
    with pytest.raises(ScenarioError):
        read_scenario(write(away, f'title = "x"\n{text}'))
    survives(away, f'title = "x"\n{text}'.encode())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40), st.integers(0, len(GOOD)))
@example(b"\xff\xfe", 0)
@example(b"\r", 5)
def test_no_bytes_are_answered_with_a_traceback(away: Path, data: bytes, at: int) -> None:
    survives(away, GOOD.encode()[:at] + data)
    survives(away, data)


TREES = st.recursive(
    st.sampled_from([0, 1, True, "", "x", "buy", "BTC-USDT", "OrderFilled", -1, 10**40]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(sorted({*re.findall("[a-z_]+", GOOD)} - {"e"})), inner, max_size=4
        )
    ),
    max_leaves=9,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["given", "when", "then", "requires", "exchanges", "title"]), TREES)
def test_no_value_in_a_place_is_answered_with_a_traceback(away: Path, name: str, tree: Any) -> None:
    survives(away, tomli_w.dumps({"title": "x", name: tree}).encode())


# What editors are told


def plain(text: str) -> Any:
    return tomllib.loads(text, parse_float=Decimal)


def test_the_schema_that_is_checked_in_is_the_one_that_is_made() -> None:
    kept = ROOT / "scenarios" / "scenario.schema.json"
    made = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    assert kept.read_text(encoding="utf-8") == made, (
        "make it anew: tapefold scenario schema > scenarios/scenario.schema.json"
    )


def test_a_good_file_is_good_by_the_schema() -> None:
    assert [*wrong(plain(GOOD), schema(), schema())] == []
    assert [*wrong(plain(RECORDED), schema(), schema())] == []


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        *((good, bad) for good, bad, _ in UNKNOWN if "exeuted" not in bad),
        *(
            (good, bad)
            for good, bad, said in KINDS
            if re.search(r"(given|when|fills).*must be", said)
        ),
        *((good, bad) for good, bad, said in MISSING if "must be said, and" in said),
        *((good, bad) for good, bad, _ in STEPS[:2]),
        *((good, bad) for good, bad, _ in ORDERS[:2]),
        (SENSE[1][0], SENSE[1][1]),
        (SENSE[13][0], SENSE[13][1]),
        (SENSE[14][0], SENSE[14][1]),
    ],
)
def test_what_the_words_alone_tell_to_be_wrong_is_wrong_by_the_schema(good: str, bad: str) -> None:
    assert [*wrong(plain(changed(good, bad)), schema(), schema())]


def tables() -> list[type[Word]]:
    kinds = [each for each in vars(words).values() if isinstance(each, type)]
    return [each for each in kinds if issubclass(each, Word) and each is not Word]


def test_the_schema_tells_of_each_word_what_is_written_at_it() -> None:
    made = schema()
    whole = {**made["definitions"], "Scenario": made}
    assert {each.__name__ for each in tables()} == {*whole}
    for kind in tables():
        table = whole[kind.__name__]
        assert [*table["properties"]] == [*kind.__struct_fields__]
        assert table["description"] == " ".join((kind.__doc__ or "").split())
    step = whole["Step"]
    assert [each["required"] for each in step["oneOf"]] == [[name] for name in ACTIONS]
    assert step["properties"]["within"] == {"description": "10 if not said.", "type": "number"}
    assert step["properties"]["halt"]["description"] == "The reason."
    told = whole["Then"]["properties"]["told"]
    assert told["additionalProperties"]["items"]["properties"]["event"]["enum"] == [*TELLABLE]


def test_every_event_can_be_named_and_its_fields_too() -> None:
    assert [*EVENTS.values()] == [*get_args(AnyEvent)]
    assert sayable(EVENTS["OrderFilled"]) == {
        "client_order_id": "text",
        "time_exchange": "number",
        "exchange": "text",
        "instrument": "instrument",
        "side": "text",
        "exchange_order_id": "text",
        "fill_id": "text",
        "amount": "number",
        "value": "number",
        "fees": "amounts",
        "price": "number",
        "executed": "number",
        "inferred": "truth",
        "late": "truth",
    }
    ended = sayable(EVENTS["CancelAllEnded"])
    assert ended == {"exchange": "text", "ended": "texts", "left": "texts"}
    assert "packed_bids" not in sayable(EVENTS["BookDelta"])


# The page, and the files of this project


def page() -> str:
    return (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")


def test_the_page_has_every_word() -> None:
    text = page()
    said = {
        *re.findall(r"`([a-z_]+)(?:\.[\w-]+)?(?: = [^`]*)?`", text),
        *re.findall(r"(?m)^([a-z_]+) = ", text),
    }
    for kind in tables():
        assert {*kind.__struct_fields__} <= said, kind.__name__
    fault = FaultWord.__annotations__["what"]
    assert {*get_args(fault)} <= said


def test_every_example_of_the_page_is_a_scenario_and_good_by_the_schema(home: Path) -> None:
    examples = re.findall(r"(?ms)^```toml\n(.*?)^```", page())
    assert len(examples) > 5
    for text in examples:
        whole = text if text.startswith(("title", "#:schema")) else f'title = "x"\n{text}'
        read(home, whole)
        assert [*wrong(plain(whole), schema(), schema())] == []


def test_what_the_page_shows_first_is_true_as_it_says(home: Path) -> None:
    """In virtual time: no sockets, and no time passes."""
    first, *_ = re.findall(r"(?ms)^```toml\n(.*?)^```", page())
    path = write(home, first, "fills_before_a_cancel.toml")
    (python,) = re.findall(r"(?ms)^```python\n(.*?)^```", page())
    space: dict[str, Any] = {}
    exec(python, space)
    assert space["passes"](path)
    write(home, first.replace("balances.ETH = 0.24975", "balances.ETH = 0.25"), path.name)
    assert not space["passes"](path)
    said = refusal(home, first.replace('side = "buy"', 'side = "bye"', 1), path.name)
    assert f"\nscenarios/{said}\n" in page()


def test_the_files_of_this_project_are_good_by_the_schema() -> None:
    for path in (ROOT / "scenarios").glob("*.toml"):
        read_scenario(path)
        assert [*wrong(plain(path.read_text(encoding="utf-8")), schema(), schema())] == [], path
