"""The language of expressions: what can be said in it, what it comes to, and that nothing else can be said.

No door: expressions are asked of views that are folded here, event by event.
"""

import re

import pytest
from an_account import GONE, LISTED, SOLD, account
from captures import ROOT
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from order_facts import INSTRUMENT, X

from tapefold import BadInput
from tapefold.events import AnyEvent, ConnectionOpened
from tapefold.inquiry import compile_expression
from tapefold.inquiry.expression import DEPTH_MAX, LENGTH_MAX
from tapefold.inquiry.nameable import NAMES, Moment
from tapefold.views import Views


def holds(expression: str, *events: AnyEvent) -> bool:
    """Of views of the account, and of what came after."""
    return compile_expression(expression)(Views.of([*account(), *events]))


# What can be asked


@pytest.mark.parametrize(
    "expression",
    [
        'book("ETH-USDT").mid == 110',
        'book("ETHUSDT").best_bid.price == 109 and book("ETH-USDT", "x").best_ask.size == 2.0',
        'book("ETH-USDT").bid_levels == 2 and book("ETH-USDT").ask_levels == 1',
        'book("ETH-USDT").spread / book("ETH-USDT").mid > 0.01818181818181818181818181',
        'book("ETH-USDT").state == "live" and book("ETH-USDT").live == True',
        'book("ETH-USDT").microprice == 329 / 3',
        'order("c").status == "open" and order("c").executed == 0.4 and not order("c").ended',
        'order("c").status in ("open", "filled")',
        'order("c").amount - order("c").executed == .6 and order("c").side != "sell"',
        'order("c").price == 1e2 and order("c").value == 4_0',
        'order("c").fees["ETH"] == 0.0004 and order("c").fees["BNB"] is None',
        'order("c").fees["ETH"] + order("c").fees["BNB"] is None or at > 0',
        "orders.alive == orders.open == orders.kept == 1 and orders.filled == 0",
        f'balance("{X}", "USDT").total == 960 and balance("{X}", "USDT").available == 900',
        f'balance("{X}", "USDT").reserved == 60 and balance("{X}", "BNB").total == 0',
        f'position("{X}", "ETH-USDT").amount == 0.3996',
        f'position("{X}", "ETH-USDT").unrealised == 0.3996 * 110 - 39.96',
        f'position("{X}", "ETH-USDT").fees["ETH"] == 0.0004',
        'trade("ETH-USDT").price == 109.5 and trade("ETH-USDT").size == 0.25',
        'trade("ETH-USDT").side == "sell" and trade("ETH-USDT").count == 1',
        'trade("ETH-USDT").trade_id == "t" and trade("ETH-USDT").time_exchange == 7',
        'quote("ETH-USDT") is None and quote("ETH-USDT").bid_price == None',
        "5 < at < 1000 and at == at and -at < 0 < +at",
        "anomalies == 0 and connections.up == 0 and not halted",
        'order("nobody") is None and order("c") is not None',
        "0.1 + 0.2 == 0.3 and 0.1 * 3 == 0.3",
        "1 / 3 == 0.3333333333333333333333333333",
        '"ET" in "ETH"',
        "None is None",
    ],
)
def test_it_holds(expression: str) -> None:
    assert holds(expression)


@pytest.mark.parametrize(
    "unknown",
    [
        'book("ETH-EUR").mid',  # nobody listed it
        'book("ETH-USDT", "y").mid',
        'order("nobody").executed',
        'order("c").quote_amount',  # it has none
        'quote("ETH-USDT").bid_price',  # none came
        'balance("y", "USDT").total',  # not stated yet
        'position("y", "ETH-USDT").amount',
        "at / 0",
        "at / (at - at)",
        'order("c").fees["BNB"]',
        'at + order("nobody").amount',
        '-order("nobody").amount',
        " * ".join(["99999999999999999999999999999999999999"] * 18),  # beyond 600 digits
    ],
)
def test_a_comparison_with_what_is_not_known_is_false_whatever_it_is(unknown: str) -> None:
    for operator in ("<", "<=", ">", ">=", "==", "!="):
        assert not holds(f"{unknown} {operator} 1")
        assert not holds(f"0 < 1 {operator} {unknown}")
    assert not holds(f"{unknown} in (1, 2)")
    assert not holds(f"{unknown} not in (1, 2)")


def test_a_book_that_is_not_live_has_no_prices() -> None:
    assert holds('book("ETH-USDT").mid < 1e9')
    for price in ("mid", "spread", "microprice", "best_bid.price", "best_ask.size"):
        assert not holds(f'book("ETH-USDT").{price} < 1e9', GONE)
        assert holds(f'book("ETH-USDT").{price} is None', GONE)
    assert holds('book("ETH-USDT").state == "stale" and book("ETH-USDT").gaps == 1', GONE)
    assert not holds(f'position("{X}", "ETH-USDT").unrealised < 1e9', GONE)


def test_a_lane_is_found_among_those_that_are_up() -> None:
    opened = ConnectionOpened(lane="x/1")
    assert holds('"x/1" in connections.lanes and connections.opened == 1', opened)
    assert not holds('"x/2" in connections.lanes', opened)


def test_a_name_that_several_have_is_not_known_until_the_exchange_is_said() -> None:
    other = replace(LISTED, instrument=INSTRUMENT + 1, exchange="y")
    assert not holds('book("ETH-USDT").mid > 0', other)
    assert holds(f'book("ETH-USDT", "{X}").mid > 0', other)


LANGUAGE = "is not part of the language"


@pytest.mark.parametrize(
    ("text", "column", "what"),
    [
        ("().__class__", 1, LANGUAGE),
        ("().__class__.__bases__[0].__subclasses__()", 1, LANGUAGE),
        ("book.__init__", 1, "say book(PAIR)"),
        ('book("ETH-USDT").__init__', 18, "a book has no '__init__'"),
        ('book("ETH-USDT")._book', 18, "a book has no '_book'"),
        ('book("ETH-USDT").mid.real', 22, "is a number: it has no real"),
        ('order("c").fees["USDT"].real > 1', 25, "is a number: it has no real"),
        ('book("ETH-USDT").instrument == 1', 18, "it has ask_levels, best_ask, best_bid"),
        (
            '__import__("os")',
            1,
            "there is no '__import__'; there is anomalies, at, balance(EXCHANGE, ",
        ),
        ("open", 1, "there is no 'open'"),
        ("lambda: at", 1, LANGUAGE),
        ("[at for at in orders]", 1, LANGUAGE),
        ("(at for at in orders)", 1, LANGUAGE),
        ("{1: 2}", 1, LANGUAGE),
        ("(at := 3) > 1", 2, LANGUAGE),
        ("at if at else at", 1, LANGUAGE),
        ('f"{at}"', 1, LANGUAGE),
        ("9**9**9**9 > at", 1, LANGUAGE),
        ("at << 9999999999 > 1", 1, LANGUAGE),
        ("at % 2 == 1", 1, LANGUAGE),
        ("~at > 1", 1, LANGUAGE),
        ("at @ at", 1, LANGUAGE),
        ("1j > at", 1, LANGUAGE),
        ("... == at", 1, LANGUAGE),
        ('b"x" == event.kind', 1, LANGUAGE),
        ('order("c")("d")', 1, LANGUAGE),
        ('book("ETH-USDT").mid()', 1, LANGUAGE),
        ("book(at).mid > 1", 6, "at is no text"),
        ("book().mid > 1", 1, "say book(PAIR)"),
        ('book("a", "b", "c").mid > 1', 1, "say book(PAIR)"),
        ('book(pair="a").mid > 1', 1, "without a name"),
        ('book(*"ab").mid > 1', 6, "is no text"),
        ("orders().alive > 1", 1, "say orders"),
        ("at > 1e400", 6, "up to 38 digits"),
        (f"at > {'9' * 39}", 6, "up to 38 digits"),
        (f"at > {'9' * 3900}", 6, "up to 38 digits"),
        ("at > 1e-31", 6, "30 of them after the point"),
        ("at", 1, "at is a number: compare it"),
        ('"text"', 1, "is a text: compare it"),
        ("orders", 1, "ask it for alive"),
        ('order("c")', 1, "ask it for amount"),
        ('order("c") > 1', 1, 'order("c") is an order'),
        ('order("c").fees > 1', 1, 'ask for one, as in fees["USDT"]'),
        ('order("c").fees[0] > 1', 1, "only amounts have parts"),
        ('at["x"] > 1', 1, "only amounts have parts"),
        ('at == "1"', 7, "a number is never a text"),
        ('order("c").status > 1', 1, "is a text, and no number"),
        ('at + "1" > 1', 6, "is a text, and no number"),
        ("at + None > 1", 6, "no number"),
        ('order("c").status == "cancelled"', 22, "it can be canceled, closing, expired"),
        ('order("c").status in ("open", "opne")', 31, 'it is never "opne"'),
        ('"bought" == trade("ETH-USDT").side', 1, 'it can be "", buy, sell'),
        ('event.kind == "OrderFilledd"', 15, "OrderFilled, "),
        ("event.packed_bids == 1", 7, "an event has no 'packed_bids'"),
        ("at is at", 1, "`is` is for None alone"),
        ("1 < None", 1, "None is compared with one thing"),
        ("at in at", 7, "nothing is in it"),
        ("at > ", 5, "something is missing at the end"),
        ("(at > 1", 1, "'(' was never closed"),
        ("at > 1; at", 7, "invalid syntax"),
        ("at = 1", 4, "invalid syntax"),
        ("at > 1 # why", 0, ""),
        ("ünbekannt > 1", 1, "there is no 'ünbekannt'"),
        ('"üüü" == event.symbol and bok > 1', 27, "there is no 'bok'"),
        ("   bok > 1", 4, "there is no 'bok'"),
        ("at > 1 and\n bok", 13, "there is no 'bok'"),
        ("at\0", 1, ""),
        ("not " * 900 + "halted", 161, f"more than {DEPTH_MAX} levels"),
        ("-" * 3000 + "at > 1", 1, f"more than {DEPTH_MAX} levels"),
        ("(" * 1900 + "at" + ")" * 1900, 0, ""),
        ("+".join(["at"] * 900) + " > 1", 1, f"more than {DEPTH_MAX} levels"),
    ],
)
def test_what_cannot_be_said_is_one_line_that_names_the_column(
    text: str, column: int, what: str
) -> None:
    if text == "at > 1 # why":  # Python's comments are no part of what is read
        assert compile_expression(text)(Views.of(account()))
        return
    with pytest.raises(BadInput) as caught:
        compile_expression(text)
    line = str(caught.value)
    assert what in line
    assert "\n" not in line
    assert line.startswith(f"the expression, column {column or ''}")
    assert not column or line.startswith(f"the expression, column {column}:")


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 100_000, "(" * 100_000])
def test_what_is_no_expression_at_all_is_one_line(text: str) -> None:
    with pytest.raises(
        BadInput, match=r"^the expression (is empty|has 100,000 characters)"
    ) as caught:
        compile_expression(text)
    assert len(str(caught.value)) < 200
    assert LENGTH_MAX < 100_000


WORDS = [
    *('book("ETH-USDT")', ".mid", ".live", ".best_bid", ".price", 'order("c")', ".status", ".fees"),
    *('["ETH"]', "orders", ".alive", "event", ".kind", "at", "time", "halted", "anomalies"),
    *("None", "True", "1", "0.5", '"open"', '"ETH"', "(", ")", "[", "]", ",", "and", "or", "not"),
    *("in", "is", "<", "<=", "==", "!=", "+", "-", "*", "/", "**", "if", "else", "lambda", ":"),
    *("__class__", "._book", "\\", "'", "#", "ü", "{", "}", ":=", "for", "await", "yield", "\n"),
]
SEEN = Views.of(account())


@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=30))
def test_any_text_is_a_question_or_is_refused_in_one_line(text: str) -> None:
    try:
        asked = compile_expression(text)
    except BadInput as error:
        line = str(error)
    else:
        line = ""
        moment = Moment(SEEN)
        moment.event, moment.time = SOLD, 9
        assert asked.holds(moment) in (True, False)
        assert asked.named(moment).keys() == asked.named(Moment(SEEN)).keys()
    assert "\n" not in line
    assert len(line) < 2000


def test_the_page_names_all_that_can_be_asked() -> None:
    page = (ROOT / "docs" / "time-travel.md").read_text()
    for name, found in NAMES.items():
        assert f"`{name}" in page, name
        thing = found.found.thing
        for asked in thing.asked if thing and name not in ("event", "orders") else ():
            assert re.search(rf"`{asked}[`.\[]", page), f"{name} {asked}"
