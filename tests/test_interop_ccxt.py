"""A client that nobody here wrote, ccxt's, trades at `tapefold sim binance`.

No door: it is two processes and a socket, as its users have it. Time is real there, so nothing waits for
it: the strangers of the first exchange are made so slow that its book stands still, and what is asked
of it has one answer. Where the market itself has to fill an order, the second exchange's strangers are in
a hurry, and its state is asked for until it is so, a bounded number of times.
"""

import asyncio
import json
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from captures import ROOT
from tiny import started

ccxt: Any = pytest.importorskip("ccxt", reason="ccxt is not installed: pip install '.[interop]'")
pro: Any = pytest.importorskip("ccxt.pro", reason="this ccxt has no WebSockets")

ASKED_MAX = 600
"""How often a state is asked for that must come about: each time is a round trip, and has its weight."""


def client(facts: dict[str, Any], make: Any = ccxt.binance, **other: Any) -> Any:
    """A client as its users make one, at other addresses."""
    made = make({"apiKey": facts["key"], "secret": facts["secret"], **other})
    made.enableRateLimit = False  # what it would wait for is its own prudence
    made.options["fetchMarkets"] = {"types": ["spot"]}
    made.options["fetchMargins"] = made.options["fetchCurrencies"] = False
    made.urls["api"] = example()["moved"](made.urls["api"], facts["addresses"]["REST"])
    return made


def example() -> dict[str, Any]:
    """What the page shows: how every address is moved, and an order."""
    page = (ROOT / "docs" / "simulator.md").read_text()
    (shown,) = (
        text for text in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "ccxt" in text
    )
    space: dict[str, Any] = {}
    exec(compile(shown, "simulator.md", "exec"), space)
    return space


def addresses(urls: Any) -> Iterator[str]:
    """All of them, however deep."""
    for url in urls.values():
        yield from addresses(url) if isinstance(url, dict) else [url]


@contextmanager
def serving(*args: str) -> Generator[dict[str, Any]]:
    """A simulated exchange in a process of its own; what it says of itself."""
    with started("sim", "binance", "--json", *args) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())


@pytest.fixture(scope="module")
def facts() -> Generator[dict[str, Any]]:
    """One exchange for all whose stories bear it: strangers do something every few hours."""
    with serving("--seed", "7", "--speed", "0.000001") as said:
        yield said


@pytest.fixture
def binance(facts: dict[str, Any]) -> Generator[Any]:
    """A client that leaves nothing open behind."""
    made = client(facts)
    yield made
    for order in made.fetch_open_orders("BTC/USDT"):
        made.cancel_order(order["id"], "BTC/USDT")
    made.session.close()


def until(ask: Callable[[], Any], met: Callable[[Any], bool]) -> Any:
    """What is asked for, as soon as it is so."""
    for _ in range(ASKED_MAX):
        if met(answer := ask()):
            return answer
    raise AssertionError(f"asked {ASKED_MAX} times, and it is not so: {ask()}")


def best(book: Any, side: str) -> tuple[Decimal, Decimal]:
    """Price and amount of a side's best level."""
    price, amount = book[side][0]
    return Decimal(str(price)), Decimal(str(amount))


def test_it_reads_the_markets(binance: Any) -> None:
    markets = binance.load_markets()
    assert sorted(markets) == ["BTC/USDT", "ETH/USDT", "MOTE/USDT"]
    market = markets["BTC/USDT"]
    assert (market["base"], market["quote"], market["active"]) == ("BTC", "USDT", True)
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.00001)
    assert market["limits"]["cost"]["min"] == 5
    assert market["spot"] is True


def test_it_reads_a_book_and_a_ticker(binance: Any) -> None:
    book = binance.fetch_order_book("BTC/USDT", 10)
    (bid, _), (ask, _) = best(book, "bids"), best(book, "asks")
    assert len(book["bids"]) == len(book["asks"]) == 10
    assert 60_000 < bid < ask < 70_000
    ticker = binance.fetch_ticker("BTC/USDT")
    assert (Decimal(str(ticker["bid"])), Decimal(str(ticker["ask"]))) == (bid, ask)


def test_it_reads_its_balance(binance: Any) -> None:
    balance = binance.fetch_balance()
    assert balance["USDT"]["total"] > 0
    assert balance["USDT"]["used"] == 0
    assert balance["ETH"] == {"free": 50.0, "used": 0.0, "total": 50.0}


def test_an_order_rests_and_holds_money_and_is_canceled(binance: Any) -> None:
    before = binance.fetch_balance()["USDT"]
    placed = binance.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000)
    assert (placed["status"], placed["filled"]) == ("open", 0)
    assert [order["id"] for order in binance.fetch_open_orders("BTC/USDT")] == [placed["id"]]
    assert binance.fetch_balance()["USDT"]["used"] == 500
    canceled = binance.cancel_order(placed["id"], "BTC/USDT")
    assert (canceled["id"], canceled["status"]) == (placed["id"], "canceled")
    assert binance.fetch_open_orders("BTC/USDT") == []
    assert binance.fetch_balance()["USDT"] == before
    with pytest.raises(ccxt.OrderNotFound):
        binance.cancel_order(placed["id"], "BTC/USDT")


def test_an_order_takes_the_best_level_and_the_rest_of_it_rests(binance: Any) -> None:
    price, offered = best(binance.fetch_order_book("BTC/USDT", 5), "asks")
    wanted = offered + Decimal("0.1")
    placed = binance.create_order("BTC/USDT", "limit", "buy", float(wanted), float(price))
    assert placed["status"] == "open"
    assert Decimal(str(placed["filled"])) == offered
    (order,) = binance.fetch_open_orders("BTC/USDT")
    assert (order["id"], Decimal(str(order["remaining"]))) == (placed["id"], Decimal("0.1"))
    trades = binance.fetch_my_trades("BTC/USDT", params={"orderId": placed["id"]})
    assert sum(Decimal(str(trade["amount"])) for trade in trades) == offered
    assert {trade["takerOrMaker"] for trade in trades} == {"taker"}
    assert {trade["fee"]["currency"] for trade in trades} == {"BTC"}
    assert best(binance.fetch_order_book("BTC/USDT", 5), "bids") == (price, Decimal("0.1"))
    binance.cancel_order(placed["id"], "BTC/USDT")
    ended = binance.fetch_order(placed["id"], "BTC/USDT")
    assert (ended["status"], Decimal(str(ended["filled"]))) == ("canceled", offered)
    assert placed["id"] in [order["id"] for order in binance.fetch_orders("BTC/USDT")]


def test_a_market_order_is_done_at_once_and_the_balance_says_so(binance: Any) -> None:
    before = Decimal(str(binance.fetch_balance()["ETH"]["free"]))
    done = binance.create_order("ETH/USDT", "market", "sell", 0.5)
    assert (done["status"], done["filled"], done["remaining"]) == ("closed", 0.5, 0)
    assert Decimal(str(binance.fetch_balance()["ETH"]["free"])) == before - Decimal("0.5")
    (trade, *_) = binance.fetch_my_trades("ETH/USDT", params={"orderId": done["id"]})
    assert (trade["order"], trade["fee"]["currency"]) == (done["id"], "USDT")


def test_an_order_that_may_only_make_is_refused_where_it_would_take(binance: Any) -> None:
    price, _ = best(binance.fetch_order_book("BTC/USDT", 5), "asks")
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        binance.create_order("BTC/USDT", "limit", "buy", 0.01, float(price), {"postOnly": True})
    assert binance.fetch_open_orders("BTC/USDT") == []


def test_an_order_that_nobody_can_pay_is_refused(binance: Any) -> None:
    with pytest.raises(ccxt.InsufficientFunds):
        binance.create_order("BTC/USDT", "limit", "buy", 100, 50_000)
    assert binance.fetch_balance()["USDT"]["used"] == 0


def test_an_order_that_is_too_small_is_refused(binance: Any) -> None:
    with pytest.raises(ccxt.BadRequest, match="Filter failure: NOTIONAL"):
        binance.create_order("BTC/USDT", "limit", "buy", 0.00001, 50_000)


@pytest.mark.parametrize("wrong", [{"apiKey": "nobody"}, {"secret": "guessed"}])
def test_whoever_is_not_who_he_says_is_refused(
    facts: dict[str, Any], wrong: dict[str, str]
) -> None:
    stranger = client(facts, **wrong)
    with pytest.raises(ccxt.AuthenticationError):
        stranger.fetch_balance()
    stranger.session.close()


def test_the_example_of_the_page_runs(facts: dict[str, Any]) -> None:
    assert example()["trade"](facts["addresses"]["REST"]) == ["open", "canceled"]


@pytest.mark.parametrize("made", [ccxt.binance, pro.binance])
def test_no_address_is_left_at_the_real_exchange(facts: dict[str, Any], made: Any) -> None:
    there = f"127.0.0.1:{facts['port']}"
    urls = [*addresses(example()["moved"](made().urls["api"], facts["addresses"]["REST"]))]
    assert {urlsplit(url).netloc for url in urls} == {there}
    assert {urlsplit(url).scheme for url in urls} <= {"http", "ws"}
    assert f"http://{there}/sapi/v1" in urls


def test_what_is_asked_of_other_products_is_not_found(binance: Any) -> None:
    for ask in (binance.fetch_trading_fee, binance.fetch_deposit_address):
        with pytest.raises(ccxt.OperationFailed, match="There is no GET /sapi/v1/"):
            ask("BTC/USDT" if ask == binance.fetch_trading_fee else "BTC")
    with pytest.raises(ccxt.OperationFailed, match="There is no POST /sapi/v1/asset/transfer"):
        binance.transfer("BTC", 1, "spot", "margin")


def test_orders_go_by_the_websocket_api_and_are_told_on_streams(facts: dict[str, Any]) -> None:
    asyncio.run(by_sockets(client(facts, make=pro.binance)))


async def by_sockets(binance: Any) -> None:
    """Whatever happens, it hangs up."""
    try:
        await place_and_cancel(binance)
        with pytest.raises(ccxt.OperationFailed, match="There is no klines"):
            await binance.fetch_ohlcv_ws("BTC/USDT")
        book = await binance.watch_order_book("BTC/USDT")
        ticker = await binance.watch_ticker("BTC/USDT")
        assert book["bids"][0][0] <= ticker["last"] <= book["asks"][0][0]
    finally:
        await binance.close()


async def place_and_cancel(binance: Any) -> None:
    """Two orders from their placing to their ends."""
    before = await locked(binance)
    placed = await binance.create_order_ws("BTC/USDT", "limit", "buy", 0.01, 50_000)
    other = await binance.create_order_ws("BTC/USDT", "limit", "buy", 0.02, 40_000)
    assert (placed["status"], placed["filled"]) == ("open", 0)
    listed = await binance.fetch_open_orders_ws("BTC/USDT")
    assert [order["id"] for order in listed] == [placed["id"], other["id"]]
    assert await locked(binance) == before + 1300
    canceled = await binance.cancel_order_ws(placed["id"], "BTC/USDT")
    assert (canceled["id"], canceled["status"]) == (placed["id"], "canceled")
    (last,) = await binance.cancel_all_orders_ws("BTC/USDT")
    assert (last["id"], last["status"]) == (other["id"], "canceled")
    assert (await binance.fetch_order_ws(other["id"], "BTC/USDT"))["status"] == "canceled"
    assert await locked(binance) == before


async def locked(binance: Any) -> Decimal:
    """What its orders hold of USDT: as it was said, since ccxt 4.5 makes no balances of this answer."""
    said = (await binance.fetch_balance_ws())["info"]["balances"]
    return next(Decimal(row["locked"]) for row in said if row["asset"] == "USDT")


def test_the_market_itself_fills_an_order_that_rests() -> None:
    """At both sides' best: wherever the price goes, it comes by one of them."""
    with serving("--seed", "7", "--speed", "20", "--key", "mine") as facts:
        hurried = client(facts)
        book = hurried.fetch_order_book("BTC/USDT", 5)
        placed = [
            hurried.create_order("BTC/USDT", "limit", side, 0.01, float(best(book, of)[0]))
            for side, of in (("buy", "bids"), ("sell", "asks"))
        ]
        told = until(
            lambda: [hurried.fetch_order(order["id"], "BTC/USDT") for order in placed],
            lambda orders: any(order["status"] == "closed" for order in orders),
        )
        done = next(order for order in told if order["status"] == "closed")
        assert (done["filled"], done["remaining"]) == (0.01, 0)
        trades = hurried.fetch_my_trades("BTC/USDT", params={"orderId": done["id"]})
        assert sum(Decimal(str(trade["amount"])) for trade in trades) == Decimal("0.01")
        hurried.session.close()
