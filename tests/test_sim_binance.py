"""Binance's skin of the simulated exchange: its paths, codes, signatures and streams.

No door: it is asked in memory, at times that the test says. Only sessions that are recorded of it go
through the replay door, since they are data by then. Signatures are made here by the recipe of
Binance's documents, and its own published examples are tried as well.
"""

import hmac
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from captures import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tapefold import (
    MINUTE,
    SECOND,
    AdapterError,
    AnyEvent,
    BalanceSnapshot,
    CancelAll,
    Command,
    FillReported,
    Frame,
    InstrumentListed,
    OrderCanceled,
    OrderCompleted,
    OrderEnded,
    OrderFilled,
    OrderReported,
    Request,
    RequestAnswered,
    Submit,
    Unsubscribe,
    load_adapter,
    open_log,
    trader,
)
from tapefold.replay import Replay
from tapefold.session import Session
from tapefold.sim import (
    FUNDED,
    HOLDER,
    NO_ANSWER,
    Answer,
    Denied,
    Holder,
    Lagging,
    Refusing,
    Skin,
    Story,
    Unsaid,
    Upset,
    record,
)
from tapefold_adapters.binance.sim import BinanceSim

START = FUNDED.started_ns
NOW = START + SECOND
API = "https://api.binance.com/api/v3/"
KEY = {"X-MBX-APIKEY": "simulatedkey"}
LIMIT = {"symbol": "ETHUSDT", "type": "LIMIT", "timeInForce": "GTC", "side": "BUY"}
LOW = LIMIT | {"quantity": "0.5", "price": "3000.00"}
"""An order that rests: the price is about 3184."""
MARKET = {"symbol": "ETHUSDT", "type": "MARKET", "side": "BUY"}
SLOW = replace(FUNDED, specs=(replace(FUNDED.specs[1], pause=MINUTE),))
"""A market of which hours can pass in a test."""
OFFICIAL = Holder(
    key="vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
    secret="NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
    balances={"BTC": Decimal(1)},
)
"""Of Binance's documents, where this pair is published as an example."""


def sign(payload: str, secret: str = "simulatedsecret") -> str:
    return hmac.new(secret.encode(), payload.encode(), "sha256").hexdigest()


class Client:
    """Asks as an account does, and keeps what its lanes hear."""

    def __init__(
        self, sim: BinanceSim, key: str = "simulatedkey", secret: str = "simulatedsecret"
    ) -> None:
        self.sim, self.key, self.secret, self.now = sim, key, secret, NOW

    def raw(self, method: str, path: str, query: str = "", **more: Any) -> Answer:
        request = Request(method, f"{API}{path}?{query}", "order", **more)
        return self.sim.answer(request, self.now)

    def ask(self, method: str, path: str, params: dict[str, str] | None = None) -> Answer:
        """Signed, with its timestamp last."""
        values = {**(params or {}), "timestamp": str(self.now // 1_000_000)}
        query = "&".join(f"{name}={value}" for name, value in values.items())
        query += f"&signature={sign(query, self.secret)}"
        return self.raw(method, path, query, headers={"X-MBX-APIKEY": self.key})

    def page(self, method: str, path: str, params: dict[str, str] | None = None) -> Any:
        answer = self.ask(method, path, params)
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def public(self, path: str, query: str = "") -> Any:
        answer = self.raw("GET", path, query)
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def call(self, lane: str, method: str, params: dict[str, Any] | None = None) -> Any:
        """Over the WebSocket API, signed."""
        values = {**(params or {}), "apiKey": self.key, "timestamp": self.now // 1_000_000}
        payload = "&".join(f"{name}={values[name]}" for name in sorted(values))
        values["signature"] = sign(payload, self.secret)
        return said(self.sim, lane, {"id": "7", "method": method, "params": values}, self.now)

    def subscribe(self, lane: str = "u") -> None:
        self.sim.connect(lane, "wss://ws-api.binance.com:443/ws-api/v3")
        told = self.call(lane, "userDataStream.subscribe.signature")
        assert told["result"] == {"subscriptionId": 0}

    def heard(self) -> list[Any]:
        """What is published up to now."""
        return [json.loads(data) for _, data in published(self.sim, self.now)]

    def events(self) -> list[Any]:
        """User events up to now."""
        return [each["event"] for each in self.heard() if "event" in each]


def published(sim: BinanceSim, until: int) -> Iterator[tuple[str, bytes]]:
    while sim.due <= until:
        yield from sim.turn()


def said(sim: BinanceSim, lane: str, message: Any, time: int = NOW) -> Any:
    (answer,) = sim.hear(lane, message if isinstance(message, str) else json.dumps(message), time)
    assert answer.lane == lane
    return json.loads(answer.data)


def failure(answer: Answer) -> tuple[int, int, str]:
    told = json.loads(answer.body)
    return answer.status, told["code"], told["msg"]


@pytest.fixture
def sim() -> BinanceSim:
    return BinanceSim(FUNDED, 7)


@pytest.fixture
def client(sim: BinanceSim) -> Client:
    return Client(sim)


# Signatures


OFFICIAL_TIME = 1_499_827_319_559 * 1_000_000
PLAIN = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC"
REST = "quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"


@pytest.mark.parametrize(
    ("query", "body", "signature"),
    [
        (f"{PLAIN}&{REST}", "", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        (PLAIN, REST, "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"),
        (
            f"{PLAIN}&{REST}".replace(
                "LTCBTC", "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96"
            ),
            "",
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
    ],
)
def test_the_published_examples_are_well_signed(query: str, body: str, signature: str) -> None:
    """Of symbols that are not listed here; with another digit of the signature that is not even read."""
    story = replace(FUNDED, started_ns=OFFICIAL_TIME, accounts=(OFFICIAL,))
    client = Client(BinanceSim(story, 1))
    client.now = OFFICIAL_TIME
    headers = {"x-mbx-apikey": OFFICIAL.key}

    def post(given: str) -> tuple[int, int, str]:
        last = f"&signature={given}"
        where = (query, body + last) if body else (query + last, "")
        return failure(client.raw("POST", "order", where[0], body=where[1], headers=headers))

    assert post(signature) == (400, -1121, "Invalid symbol.")
    assert post(signature.upper()) == (400, -1121, "Invalid symbol.")
    wrong = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    assert post(wrong) == (400, -1022, "Signature for this request is not valid.")


def test_the_published_example_of_the_websocket_api_is_taken() -> None:
    time = 1_645_423_376_532 * 1_000_000
    sim = BinanceSim(replace(FUNDED, started_ns=time, accounts=(OFFICIAL,)), 1)
    sim.connect("a", "wss://ws-api.binance.com/ws-api/v3")
    params = {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01000000",
        "price": "52000.00",
        "recvWindow": 100,
        "timestamp": 1645423376532,
        "apiKey": OFFICIAL.key,
        "signature": "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
    }
    told = said(sim, "a", {"id": "9", "method": "order.place", "params": params}, time)
    assert (told["id"], told["status"], told["result"]["status"]) == ("9", 200, "FILLED")
    assert told["rateLimits"][0]["limit"] == 6000
    told = said(
        sim, "a", {"id": 10, "method": "order.place", "params": params | {"side": "BUY"}}, time
    )
    assert (told["id"], told["status"], told["error"]["code"]) == (10, 400, -1022)
    # A number without quotes is the text that it was sent as, and so is signed: never a float.
    message = msgspec.json.encode({"id": 11, "method": "order.place", "params": params}).decode()
    bare = message.replace('"0.01000000"', "0.01000000").replace('"52000.00"', "52000.00")
    assert bare != message
    assert said(sim, "a", bare, time)["status"] == 200
    assert said(sim, "a", '{"id":12,"method":"ping","params":{"a":[]}}', time)["status"] == 400


def test_the_published_example_of_a_subscription_is_taken() -> None:
    time = 1_649_729_878_532 * 1_000_000
    sim = BinanceSim(replace(FUNDED, started_ns=time, accounts=(OFFICIAL,)), 1)
    sim.connect("a", "wss://ws-api.binance.com/ws-api/v3")
    params = {
        "apiKey": OFFICIAL.key,
        "timestamp": 1649729878532,
        "signature": "1cf54395b336b0a9727ef27d5d98987962bc47aca6e13fe978612d0adee066ed",
    }
    message = {"id": "s1", "method": "userDataStream.subscribe.signature", "params": params}
    assert said(sim, "a", message, time)["result"] == {"subscriptionId": 0}
    assert said(sim, "a", message, time)["error"]["code"] == -2035


def test_who_is_in_this_program_need_not_sign(sim: BinanceSim) -> None:
    request = Request("GET", f"{API}account", "balances", signed=True)
    assert sim.answer(request, NOW).status == 200
    assert failure(sim.answer(replace(request, signed=False), NOW))[1] == -2014
    keyless = BinanceSim(replace(FUNDED, accounts=(replace(HOLDER, key=""),)), 1)
    assert keyless.answer(replace(request, signed=False), NOW).status == 200
    keyless.connect("a", "wss://ws-api.binance.com/ws-api/v3")
    asked = '{"id":1,"method":"userDataStream.subscribe.signature","params":{}}'
    assert said(keyless, "a", asked)["status"] == 200


def test_our_adapter_signs_what_is_taken_and_reads_what_is_answered(sim: BinanceSim) -> None:
    able = trader(load_adapter("binance"))
    assert able is not None
    keys = {"key": "simulatedkey", "secret": "simulatedsecret"}
    asked = able.balances()
    answer = sim.answer(able.sign(asked, keys, NOW), NOW)
    frame = Frame(NOW, "binance/0", "response", answer.body, asked, answer.status)
    snapshots = [e for e in able.decode(frame, {}) if isinstance(e, BalanceSnapshot)]
    assert dict(snapshots[0].totals) == HOLDER.balances


def test_our_adapter_reads_user_events(client: Client) -> None:
    client.subscribe()
    client.page("POST", "order", MARKET | {"quantity": "0.5", "newClientOrderId": "a"})
    adapter = load_adapter("binance")
    info = Frame(
        NOW,
        "binance/0",
        "response",
        client.raw("GET", "exchangeInfo").body,
        adapter.list_instruments(),
        200,
    )
    listed = {
        e.native_symbol: e for e in adapter.decode(info, {}) if isinstance(e, InstrumentListed)
    }
    facts = [
        fact
        for lane, data in published(client.sim, client.now)
        for fact in adapter.decode(Frame(NOW, lane, "recv", data), listed)
    ]
    fills = [fact for fact in facts if isinstance(fact, FillReported)]
    (order,) = client.page("GET", "allOrders", {"symbol": "ETHUSDT"})
    assert sum(fill.amount for fill in fills) == Decimal("0.5")
    assert sum(fill.value or 0 for fill in fills) == Decimal(order["cummulativeQuoteQty"])
    assert [fact.says for fact in facts if isinstance(fact, OrderReported)][-1] == "filled"


# What is refused


@pytest.mark.parametrize(
    ("method", "path", "params", "told"),
    [
        ("POST", "order", LOW | {"symbol": "NOPE"}, (-1121, "Invalid symbol.")),
        ("POST", "order", LOW | {"side": "HOLD"}, (-1117, "Invalid side.")),
        ("POST", "order", LOW | {"type": "STOP_LOSS"}, (-1116, "Invalid orderType.")),
        ("POST", "order", LOW | {"timeInForce": "GTX"}, (-1115, "Invalid timeInForce.")),
        ("POST", "order", LIMIT | {"price": "3000"}, (-1102, "quantity")),
        ("POST", "order", LIMIT | {"quantity": "1"}, (-1102, "price")),
        ("POST", "order", MARKET, (-1102, "quantity")),
        ("POST", "order", LOW | {"quantity": ""}, (-1105, "Parameter 'quantity' was empty.")),
        ("POST", "order", LOW | {"stopPrice": "1"}, (-1106, "'stopPrice' sent when not required.")),
        ("POST", "order", MARKET | {"quantity": "1", "price": "1"}, (-1106, "'price' sent")),
        (
            "POST",
            "order",
            MARKET | {"quantity": "1", "quoteOrderQty": "10"},
            (-1106, "'quantity' sent"),
        ),
        ("POST", "order", LOW | {"quantity": "-1"}, (-1100, "'quantity'; legal range is '^([0-9]")),
        ("POST", "order", LOW | {"newClientOrderId": "ü"}, (-1100, "'newClientOrderId'; legal")),
        ("POST", "order", LOW | {"quantity": "0.123456789"}, (-1111, "too much precision")),
        (
            "POST",
            "order",
            LOW | {"color": "red"},
            (-1104, "read '8' parameter(s) but was sent '9'."),
        ),
        ("POST", "order", LOW | {"newOrderRespType": "ALL"}, (-1130, "'newOrderRespType'")),
        ("POST", "order", LOW | {"selfTradePreventionMode": "X"}, (-1130, "'selfTradePrev")),
        ("POST", "order", LOW | {"price": "3000.001"}, (-1013, "Filter failure: PRICE_FILTER")),
        ("POST", "order", LOW | {"price": "31850"}, (-1013, "Filter failure: PRICE_FILTER")),
        ("POST", "order", LOW | {"price": "0"}, (-1013, "Filter failure: PRICE_FILTER")),
        ("POST", "order", LOW | {"quantity": "0.00001"}, (-1013, "Filter failure: LOT_SIZE")),
        ("POST", "order", LOW | {"quantity": "0"}, (-1013, "Filter failure: LOT_SIZE")),
        ("POST", "order", MARKET | {"quantity": "151"}, (-1013, "Filter failure: MARKET_LOT_SIZE")),
        ("POST", "order", LOW | {"quantity": "0.001"}, (-1013, "Filter failure: NOTIONAL")),
        ("POST", "order", MARKET | {"quoteOrderQty": "4.99"}, (-1013, "Filter failure: NOTIONAL")),
        ("POST", "order/test", LOW | {"quantity": "0.001"}, (-1013, "Filter failure: NOTIONAL")),
        ("POST", "order", LOW | {"quantity": "500"}, (-2010, "Account has insufficient balance")),
        (
            "POST",
            "order",
            {
                "symbol": "ETHUSDT",
                "side": "BUY",
                "type": "LIMIT_MAKER",
                "quantity": "1",
                "price": "3200",
            },
            (-2010, "Order would immediately match and take."),
        ),
        ("GET", "order", {"symbol": "ETHUSDT", "orderId": "1"}, (-2013, "Order does not exist.")),
        (
            "GET",
            "order",
            {"symbol": "ETHUSDT"},
            (-1102, "'origClientOrderId' or 'orderId' must be sent"),
        ),
        ("DELETE", "order", {"symbol": "ETHUSDT", "orderId": "1"}, (-2011, "Unknown order sent.")),
        ("DELETE", "openOrders", {"symbol": "ETHUSDT"}, (-2011, "Unknown order sent.")),
        (
            "GET",
            "myTrades",
            {"symbol": "ETHUSDT", "limit": "many"},
            (-1100, "'limit'; legal range"),
        ),
        ("GET", "account", {"recvWindow": "60001"}, (-1131, "recvWindow must be less than 60000.")),
    ],
)
def test_what_is_wrong_is_refused_with_its_code(
    client: Client, method: str, path: str, params: dict[str, str], told: tuple[int, str]
) -> None:
    client.subscribe()
    status, code, msg = failure(client.ask(method, path, params))
    assert (status, code) == (400, told[0])
    assert told[1] in msg
    assert client.events() == []


def test_a_duplicate_is_refused_while_its_order_is_open(client: Client) -> None:
    client.page("POST", "order", LOW | {"newClientOrderId": "a"})
    again = client.ask("POST", "order", LOW | {"newClientOrderId": "a"})
    assert failure(again) == (400, -2010, "Duplicate order sent.")
    twice = client.raw("GET", "depth", "symbol=ETHUSDT&symbol=ETHUSDT")
    assert failure(twice)[1] == -1101


@pytest.mark.parametrize(
    ("key", "status", "code"), [("", 401, -2014), ("a b", 401, -2014), ("stranger", 401, -2015)]
)
def test_a_key_must_be_one(sim: BinanceSim, key: str, status: int, code: int) -> None:
    assert failure(Client(sim, key=key).ask("GET", "account"))[:2] == (status, code)


def test_a_wrong_secret_makes_a_wrong_signature(sim: BinanceSim) -> None:
    assert failure(Client(sim, secret="sesame").ask("GET", "account"))[:2] == (400, -1022)


def test_what_signing_needs_must_be_there(client: Client) -> None:
    told = failure(client.raw("GET", "account", "timestamp=1", headers=KEY))
    assert told == (
        400,
        -1102,
        "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.",
    )
    told = failure(client.raw("GET", "account", "signature=1", headers=KEY))
    assert "'timestamp'" in told[2]


def test_a_request_is_good_for_its_window(client: Client) -> None:
    def after(behind: int, **params: str) -> int:
        query = "&".join(
            f"{name}={value}"
            for name, value in {**params, "timestamp": str(NOW // 1_000_000 - behind)}.items()
        )
        query += f"&signature={sign(query)}"
        answer = client.raw("GET", "account", query, headers=KEY)
        return 0 if answer.status == 200 else int(json.loads(answer.body)["code"])

    assert [after(n) for n in (5000, 5001, -999, -1000)] == [0, -1021, 0, -1021]
    assert [after(n, recvWindow="100.5") for n in (100, 101)] == [0, -1021]
    micros = f"timestamp={NOW // 1000}"
    answer = client.raw("GET", "account", f"{micros}&signature={sign(micros)}", headers=KEY)
    assert answer.status == 200


def test_what_is_not_there_is_not_found(client: Client) -> None:
    assert client.raw("GET", "nowhere").status == 404
    assert client.raw("PATCH", "order").status == 404


VALUES = st.one_of(
    st.sampled_from(
        ["", "0", "1", "3000", "ETHUSDT", "BUY", "SELL", "LIMIT", "MARKET", "GTC", "FOK"]
    ),
    st.integers(-1, 10**30).map(str),
    st.decimals(allow_nan=False).map(str),
    st.text(max_size=8),
)
PARAMS = st.dictionaries(
    st.sampled_from(sorted({*LOW, "limit", "orderId", "startTime", "symbols", "quoteOrderQty"})),
    VALUES,
)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), params=PARAMS)
def test_no_parameters_make_it_fail(data: st.DataObject, params: dict[str, str]) -> None:
    """Well signed they are; if something is wrong, a code says what."""
    client = Client(BinanceSim(SLOW, 7))
    asked = data.draw(st.sampled_from(sorted(client.sim.paths)))
    params = data.draw(st.sampled_from([params, LOW | params, MARKET | params]))
    values = {name: quote(value) for name, value in params.items()}
    method, _, path = asked.partition(" /api/v3/")
    answer = client.ask(method, path, values)
    assert answer.status == 200 or failure(answer)[1] < 0


@settings(max_examples=200, deadline=None)
@given(
    texts=st.lists(
        st.one_of(
            st.text(),
            st.recursive(
                st.none() | st.integers() | st.text(),
                lambda inner: (
                    st.lists(inner)
                    | st.dictionaries(st.sampled_from(["id", "method", "params"]), inner)
                ),
            ).map(json.dumps),
        ),
        max_size=5,
    ),
    query=st.text(),
)
def test_no_message_makes_it_fail(texts: list[str], query: str) -> None:
    client = Client(BinanceSim(SLOW, 7))
    client.sim.connect("m", "wss://stream.binance.com:9443/ws")
    client.sim.connect("u", "wss://ws-api.binance.com/ws-api/v3")
    for text in texts:
        assert "code" in said(client.sim, "m", text)
        assert said(client.sim, "u", text)["status"] in (400, 404)
    assert client.raw("GET", "depth", quote(query, safe="&=%")).status == 400


def test_a_message_too_deep_to_be_read_is_told_so(sim: BinanceSim) -> None:
    deep = '{"id":1,"method":"x","q":' + "[" * 100_000
    sim.connect("m", "wss://stream.binance.com:9443/ws")
    sim.connect("u", "wss://ws-api.binance.com/ws-api/v3")
    assert said(sim, "m", deep)["code"] == 3
    assert said(sim, "u", deep)["status"] == 400


# Limits


def test_weight_is_counted_and_runs_out() -> None:
    client = Client(BinanceSim(SLOW, 7))
    used = "X-MBX-USED-WEIGHT-1M"
    answers = [client.raw("GET", "depth", "symbol=ETHUSDT&limit=5000") for _ in range(25)]
    assert [answers[n].headers[used] for n in (0, 23)] == ["250", "6000"]
    assert failure(answers[24])[:2] == (429, -1003)
    assert answers[24].headers["Retry-After"] == "59"
    banned = [client.raw("GET", "time") for _ in range(21)][-1]
    assert (banned.status, banned.headers["Retry-After"]) == (418, "120")
    client.now += MINUTE
    assert client.raw("GET", "time").status == 418
    client.now += MINUTE
    assert client.raw("GET", "time").headers[used] == "1"


def test_orders_that_succeed_weigh_nothing_and_are_counted(client: Client) -> None:
    placed = client.ask("POST", "order", LOW)
    assert placed.headers["X-MBX-USED-WEIGHT-1M"] == "0"
    assert client.ask("POST", "order", LOW | {"side": "X"}).headers["X-MBX-USED-WEIGHT-1M"] == "1"
    answers = [
        client.ask("POST", "order", LOW | {"newClientOrderId": f"n{n}", "quantity": "0.01"})
        for n in range(49)
    ]
    assert answers[-1].headers["X-MBX-ORDER-COUNT-10S"] == "50"
    refused = client.ask("POST", "order", LOW)
    assert failure(refused) == (
        429,
        -1015,
        "Too many new orders; current limit is 50 orders per 10 SECOND.",
    )
    assert refused.headers["Retry-After"] == "9"
    counts = client.page("GET", "rateLimit/order")
    assert [(each["interval"], each["count"]) for each in counts] == [("SECOND", 50), ("DAY", 50)]
    client.now += 10 * SECOND
    assert client.ask("POST", "order", LOW).headers["X-MBX-ORDER-COUNT-1D"] == "51"


# Orders


def test_an_order_that_rests_from_its_placing_to_its_end(client: Client) -> None:
    client.subscribe()
    time = NOW // 1_000_000
    order = {
        "symbol": "ETHUSDT",
        "orderId": 70_000_001,
        "orderListId": -1,
        "clientOrderId": "a",
        "price": "3000.00000000",
        "origQty": "0.50000000",
        "executedQty": "0.00000000",
        "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingTime": time,
    }
    zero = "0.00000000"
    placed = client.page("POST", "order", LOW | {"newClientOrderId": "a"})
    assert placed == order | {"transactTime": time, "fills": []}
    more = {"stopPrice": zero, "icebergQty": zero, "time": time, "updateTime": time}
    asked = order | more | {"isWorking": True}
    by_name = {"symbol": "ETHUSDT", "origClientOrderId": "a"}
    assert client.page("GET", "order", by_name) == asked
    assert client.page("GET", "openOrders") == [asked]
    assert client.page("GET", "openOrders", {"symbol": "BTCUSDT"}) == []
    report, position = client.events()
    assert report == {
        "e": "executionReport", "E": time, "s": "ETHUSDT", "c": "a", "S": "BUY", "o": "LIMIT",
        "f": "GTC", "q": "0.50000000", "p": "3000.00000000", "P": zero, "F": zero, "g": -1, "C": "",
        "x": "NEW", "X": "NEW", "r": "NONE", "i": 70_000_001, "l": zero, "z": zero, "L": zero,
        "n": "0", "N": None, "T": time, "t": -1, "I": 1, "w": True, "m": False, "M": False,
        "O": time, "Z": zero, "Y": zero, "Q": zero, "W": time, "V": "EXPIRE_MAKER",
    }  # fmt: skip
    assert position == {
        "e": "outboundAccountPosition",
        "E": time,
        "u": time,
        "B": [{"a": "USDT", "f": "98500.00000000", "l": "1500.00000000"}],
    }
    gone = client.page("DELETE", "order", by_name | {"newClientOrderId": "c1"})
    assert (gone["clientOrderId"], gone["origClientOrderId"], gone["status"]) == (
        "c1",
        "a",
        "CANCELED",
    )
    report, position = client.events()
    assert (report["x"], report["X"], report["c"], report["C"], report["w"]) == (
        "CANCELED",
        "CANCELED",
        "c1",
        "a",
        False,
    )
    assert position["B"] == [{"a": "USDT", "f": "100000.00000000", "l": zero}]
    assert client.page("GET", "order", by_name)["status"] == "CANCELED"
    assert failure(client.ask("DELETE", "order", by_name))[1] == -2011


def test_trades_are_the_same_in_the_answer_the_stream_the_page_and_the_public(
    client: Client,
) -> None:
    client.subscribe()
    client.sim.connect("m", "wss://stream.binance.com:9443/ws/ethusdt@trade")
    placed = client.page("POST", "order", MARKET | {"quantity": "9", "newClientOrderId": "a"})
    fills = placed["fills"]
    assert placed["status"] == "FILLED"
    assert len(fills) > 1
    heard = client.heard()
    events = [each["event"] for each in heard if "event" in each]
    reports = [event for event in events if event.get("x") == "TRADE"]
    public = [each for each in heard if each.get("e") == "trade" and each["E"] == NOW // 1_000_000]
    pages = client.page("GET", "myTrades", {"symbol": "ETHUSDT"})
    keys = [(fill["tradeId"], fill["price"], fill["qty"]) for fill in fills]
    assert [(each["t"], each["L"], each["l"]) for each in reports] == keys
    assert [(each["t"], each["p"], each["q"]) for each in public] == keys
    assert [(each["id"], each["price"], each["qty"]) for each in pages] == keys
    assert all(each["m"] is False for each in public)
    assert [each["n"] for each in reports] == [fill["commission"] for fill in fills]
    assert {fill["commissionAsset"] for fill in fills} == {"ETH"}
    assert [each["X"] for each in reports] == ["PARTIALLY_FILLED"] * (len(fills) - 1) + ["FILLED"]
    held = {each["asset"]: each for each in client.page("GET", "account")["balances"]}
    paid = Decimal(placed["cummulativeQuoteQty"])
    fee = sum(Decimal(fill["commission"]) for fill in fills)
    assert Decimal(held["USDT"]["free"]) == 100_000 - paid
    assert Decimal(held["ETH"]["free"]) == 59 - fee
    assert [each["e"] for each in events][-1] == "outboundAccountPosition"


def test_strangers_fill_what_rests(client: Client) -> None:
    client.subscribe()
    best = client.public("ticker/bookTicker", "symbol=ETHUSDT")
    order = {"price": best["bidPrice"], "quantity": "0.2", "newClientOrderId": "a"}
    client.page("POST", "order", LIMIT | order)
    client.now += 30 * SECOND
    events = client.events()
    trades = [event for event in events if event.get("x") == "TRADE"]
    assert trades[-1]["X"] == "FILLED"
    assert all(event["m"] for event in trades)
    assert [event["x"] for event in events if "x" in event] == ["NEW"] + ["TRADE"] * len(trades)


@pytest.mark.parametrize(
    ("kind", "keys"),
    [("ACK", 5), ("RESULT", 16), ("FULL", 17)],
)
def test_an_answer_is_as_long_as_it_was_asked_for(client: Client, kind: str, keys: int) -> None:
    assert len(client.page("POST", "order", LOW | {"newOrderRespType": kind})) == keys


def test_an_order_by_value_says_what_it_came_to(client: Client) -> None:
    placed = client.page("POST", "order", MARKET | {"quoteOrderQty": "1000"})
    assert (placed["status"], placed["origQuoteOrderQty"]) == ("FILLED", "1000.00000000")
    assert placed["origQty"] == placed["executedQty"]
    assert 999 < Decimal(placed["cummulativeQuoteQty"]) <= 1000


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"timeInForce": "IOC"}, "UNFILLED_IOC_QUANTITY_EXPIRED"),
        ({"timeInForce": "FOK"}, "UNFILLED_FOK_ORDER_EXPIRED"),
    ],
)
def test_what_expires_says_why(client: Client, params: dict[str, str], why: str) -> None:
    client.subscribe()
    placed = client.page("POST", "order", LOW | params)
    assert (placed["status"], placed["expiryReason"]) == ("EXPIRED", why)
    reports = [event for event in client.events() if event["e"] == "executionReport"]
    assert [(event["x"], event["X"]) for event in reports] == [
        ("NEW", "NEW"),
        ("EXPIRED", "EXPIRED"),
    ]
    assert reports[-1]["eR"] == why


def test_who_would_trade_with_himself_is_told_so(client: Client) -> None:
    client.subscribe()
    best = client.public("ticker/bookTicker", "symbol=ETHUSDT")
    rested = LIMIT | {"side": "SELL", "price": best["askPrice"], "quantity": "1"}
    client.page("POST", "order", rested | {"newClientOrderId": "mine"})
    client.events()
    client.page("POST", "order", MARKET | {"quantity": "20", "newClientOrderId": "taker"})
    prevented = [event for event in client.events() if event.get("x") == "TRADE_PREVENTION"]
    assert [(event["c"], event["X"], event["A"]) for event in prevented] == [
        ("mine", "EXPIRED_IN_MATCH", "1.00000000")
    ]


def test_all_of_one_symbol_are_canceled_at_once(client: Client) -> None:
    for name in ("a", "b"):
        client.page("POST", "order", LOW | {"newClientOrderId": name})
    client.page("POST", "order", LOW | {"symbol": "BTCUSDT", "newClientOrderId": "c"})
    gone = client.page("DELETE", "openOrders", {"symbol": "ETHUSDT"})
    assert [each["origClientOrderId"] for each in gone] == ["a", "b"]
    assert [each["clientOrderId"] for each in client.page("GET", "openOrders")] == ["c"]


def test_pages_of_orders_and_trades_are_cut_as_asked(client: Client) -> None:
    for n in range(5):
        client.now = NOW + n * SECOND
        client.page("POST", "order", MARKET | {"quantity": "0.01", "newClientOrderId": f"n{n}"})

    def orders(**params: str) -> list[str]:
        return [
            o["clientOrderId"]
            for o in client.page("GET", "allOrders", {"symbol": "ETHUSDT"} | params)
        ]

    assert orders(limit="2") == ["n3", "n4"]
    assert orders(orderId="70000002", limit="2") == ["n1", "n2"]
    assert orders(startTime=str(NOW // 1_000_000 + 3000)) == ["n3", "n4"]
    assert orders(endTime=str(NOW // 1_000_000 + 1000)) == ["n0", "n1"]
    trades = client.page("GET", "myTrades", {"symbol": "ETHUSDT"})
    first = {"symbol": "ETHUSDT", "fromId": str(trades[1]["id"]), "limit": "2"}
    assert client.page("GET", "myTrades", first) == trades[1:3]
    of = {"symbol": "ETHUSDT", "orderId": "70000003"}
    assert client.page("GET", "myTrades", of) == trades[2:3]


def test_accounts_do_not_see_each_other() -> None:
    other = replace(HOLDER, key="other", secret="sesame")
    sim = BinanceSim(replace(FUNDED, accounts=(HOLDER, other)), 7)
    one, two = Client(sim), Client(sim, "other", "sesame")
    two.subscribe()
    order = one.page("POST", "order", LOW)
    which = {"symbol": "ETHUSDT", "orderId": str(order["orderId"])}
    assert failure(two.ask("GET", "order", which))[1] == -2013
    assert failure(two.ask("DELETE", "order", which))[1] == -2011
    assert two.page("GET", "openOrders") == []
    assert two.events() == []


def test_money_that_comes_is_told(client: Client) -> None:
    client.subscribe()
    client.sim.deposit("simulatedkey", "USDT", Decimal("-50.5"), NOW)
    change, position = client.events()
    assert change == {
        "e": "balanceUpdate",
        "E": NOW // 1_000_000,
        "a": "USDT",
        "d": "-50.50000000",
        "T": NOW // 1_000_000,
    }
    assert position["B"][0]["f"] == "99949.50000000"
    with pytest.raises(Denied):
        client.sim.deposit("simulatedkey", "USDT", Decimal(-1_000_000), NOW)


def test_fees_are_told(client: Client) -> None:
    account = client.page("GET", "account", {"omitZeroBalances": "true"})
    assert (account["makerCommission"], account["commissionRates"]["taker"]) == (10, "0.00100000")
    fees = client.page("GET", "account/commission", {"symbol": "ETHUSDT"})
    assert fees["standardCommission"]["maker"] == "0.00100000"
    assert fees["specialCommission"]["maker"] == "0.00000000"


# Public pages


def test_the_rules_are_listed_whole_where_somebody_can_trade(client: Client) -> None:
    (symbol,) = client.public("exchangeInfo", "symbol=ETHUSDT")["symbols"]
    filters = {each["filterType"]: each for each in symbol["filters"]}
    assert [*filters] == [
        "PRICE_FILTER",
        "LOT_SIZE",
        "NOTIONAL",
        "MARKET_LOT_SIZE",
        "MAX_NUM_ORDERS",
    ]
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert symbol["permissionSets"] == [["SPOT"]]
    two = client.public("exchangeInfo", "symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D")["symbols"]
    assert [each["symbol"] for each in two] == ["BTCUSDT", "ETHUSDT"]
    assert failure(client.raw("GET", "exchangeInfo", "symbols=%5B1%5D"))[1] == -1130
    bare = Client(BinanceSim(replace(FUNDED, accounts=()), 7)).public(
        "exchangeInfo", "symbol=ETHUSDT"
    )["symbols"][0]
    assert len(bare["filters"]) == 3


def test_public_pages_agree_with_each_other(client: Client) -> None:
    client.now += 10 * SECOND
    book = client.public("depth", "symbol=ETHUSDT&limit=5")
    best = client.public("ticker/bookTicker", "symbol=ETHUSDT")
    assert [best["bidPrice"], best["bidQty"]] == book["bids"][0]
    assert [best["askPrice"], best["askQty"]] == book["asks"][0]
    trades = client.public("trades", "symbol=ETHUSDT&limit=1000")
    day = client.public("ticker/24hr", "symbol=ETHUSDT")
    assert day["lastPrice"] == trades[-1]["price"] == client.public("ticker/price")[1]["price"]
    assert day["count"] == len(trades)
    assert Decimal(day["volume"]) == sum(Decimal(each["qty"]) for each in trades)
    assert Decimal(day["quoteVolume"]) == sum(Decimal(each["quoteQty"]) for each in trades)
    assert client.public("aggTrades", f"symbol=ETHUSDT&fromId={trades[3]['id']}&limit=2") == [
        {"a": t["id"], "p": t["price"], "q": t["qty"], "f": t["id"], "l": t["id"]}
        | {"T": t["time"], "m": t["isBuyerMaker"], "M": True}
        for t in trades[3:5]
    ]
    assert client.public("ping") == {}


def test_a_story_with_more_decimals_than_binance_prints_is_refused() -> None:
    fine = replace(FUNDED.specs[0], price_digits=5)
    with pytest.raises(AdapterError, match="8 decimals"):
        BinanceSim(replace(FUNDED, specs=(fine,)), 1)


# Streams


def test_a_client_may_choose_its_streams_later(sim: BinanceSim) -> None:
    sim.connect("a", "wss://stream.binance.com:9443/stream")
    names = ["ethusdt@depth@100ms", "ethusdt@depth5", "ethusdt@aggTrade"]
    assert said(sim, "a", {"method": "SUBSCRIBE", "params": names, "id": 1}) == {
        "result": None,
        "id": 1,
    }
    heard = [json.loads(data) for _, data in published(sim, NOW + 2 * SECOND)]
    assert {each["stream"] for each in heard} == {*names}
    tops = [each["data"] for each in heard if each["stream"] == "ethusdt@depth5"]
    assert all(len(top["bids"]) == len(top["asks"]) == 5 for top in tops)
    gone = {"method": "UNSUBSCRIBE", "params": names[1:], "id": "x"}
    assert said(sim, "a", gone) == {"result": None, "id": "x"}
    listed = said(sim, "a", {"method": "LIST_SUBSCRIPTIONS", "id": 3})
    assert listed == {"result": names[:1], "id": 3}
    many = {"method": "SUBSCRIBE", "params": [f"{n}@trade" for n in range(1025)], "id": 4}
    assert said(sim, "a", many)["code"] == 2


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", 3),
        ("[]", 2),
        ("{}", 2),
        ('{"method":"X"}', 2),
        ('{"method":"SUBSCRIBE","params":1}', 2),
    ],
)
def test_what_a_stream_does_not_understand_it_says(sim: BinanceSim, text: str, code: int) -> None:
    sim.connect("a", "wss://stream.binance.com:9443/ws")
    assert said(sim, "a", text)["code"] == code
    assert sim.hear("nobody", text, NOW) == ()


def test_a_bare_stream_is_not_wrapped(sim: BinanceSim) -> None:
    sim.connect("a", "wss://stream.binance.com:9443/ws/ethusdt@bookTicker")
    heard = [json.loads(data) for _, data in published(sim, NOW)]
    assert heard
    assert all([*each] == ["u", "s", "b", "B", "a", "A"] for each in heard)


def test_the_days_sums_are_told_once_a_second_and_are_those_of_the_page(client: Client) -> None:
    names = ("ticker", "miniTicker")
    streams = "/".join(f"ethusdt@{name}" for name in names)
    client.sim.connect("u", f"wss://stream.binance.com:9443/stream?streams={streams}")
    client.now = START + 3 * SECOND + SECOND // 10  # markets take turns within a tenth
    heard = client.heard()
    assert [each["stream"] for each in heard] == [f"ethusdt@{name}" for name in names] * 3
    whole, small = heard[-2]["data"], heard[-1]["data"]
    page = client.public("ticker/24hr", "symbol=ETHUSDT")
    assert (whole["e"], small["e"], whole["s"]) == ("24hrTicker", "24hrMiniTicker", "ETHUSDT")
    assert (whole["o"], whole["O"], whole["F"]) == tuple(
        page[name] for name in ("openPrice", "openTime", "firstId")
    )
    assert whole["E"] == whole["C"] > whole["O"]
    assert Decimal(whole["h"]) >= Decimal(whole["c"]) >= Decimal(whole["l"]) > 0
    shared = {name: whole[name] for name in ("E", "s", "c", "o", "h", "l", "v", "q")}
    assert small == {"e": "24hrMiniTicker", **shared}


def test_what_the_page_says_is_answered_is_what_there_is(sim: BinanceSim) -> None:
    page = (ROOT / "docs" / "simulator.md").read_text()
    _, _, answers = page.partition("## What it answers\n")
    lists = re.findall(r"```text\n(.*?)```", answers.partition("\n## ")[0], re.DOTALL)
    assert [text.splitlines() for text in lists] == [sim.paths, sim.methods, sim.streams]


def test_every_stream_that_is_listed_says_something(client: Client) -> None:
    streams = [f"ethusdt@{name}" for name in client.sim.streams]
    client.sim.connect("u", f"wss://stream.binance.com:9443/stream?streams={'/'.join(streams)}")
    client.page("POST", "order", MARKET | {"quantity": "5"})
    client.now += 2 * SECOND
    assert {each["stream"] for each in client.heard()} == {*streams}


def test_every_path_and_method_that_is_listed_is_there(client: Client) -> None:
    client.subscribe()
    for asked in client.sim.paths:
        method, _, path = asked.partition(" /api/v3/")
        assert client.ask(method, path).status != 404
    for method in client.sim.methods:
        assert client.call("u", method)["status"] != 404


def test_an_order_shows_in_the_public_book(client: Client) -> None:
    client.sim.connect("m", "wss://stream.binance.com:9443/ws/ethusdt@depth@100ms")
    client.heard()
    client.page("POST", "order", LOW)
    book = client.public("depth", "symbol=ETHUSDT&limit=5000")
    assert ["3000.00000000", "0.50000000"] in book["bids"]
    client.now += SECOND
    deltas = [each for each in client.heard() if each.get("e") == "depthUpdate"]
    shown = [each for each in deltas if ["3000.00000000", "0.50000000"] in each["b"]]
    assert [each["U"] <= book["lastUpdateId"] <= each["u"] for each in shown] == [True]
    assert all(after["U"] == before["u"] + 1 for before, after in pairwise(deltas))


def test_what_is_asked_late_is_answered_as_of_then_and_the_rest_comes_after(client: Client) -> None:
    sim, still = client.sim, BinanceSim(FUNDED, 7)
    url = "wss://stream.binance.com:9443/stream?streams=ethusdt@trade/ethusdt@depth@100ms"
    for each in (sim, still):
        each.connect("m", url)
    client.now = NOW + 10 * SECOND
    book = client.public("depth", "symbol=ETHUSDT&limit=5000")
    assert sim.due <= client.now
    assert [*published(sim, client.now)] == [*published(still, client.now)]
    assert client.public("depth", "symbol=ETHUSDT&limit=5000") == book


def test_a_lane_that_is_gone_hears_nothing_nor_does_its_successor(client: Client) -> None:
    client.subscribe()
    client.page("POST", "order", LOW)
    client.sim.disconnect("u")
    client.subscribe()
    assert client.events() == []
    client.sim.disconnect("u")
    client.sim.disconnect("u")
    client.page("POST", "order", LOW)
    assert client.heard() == []


def test_listen_keys_of_old_bring_bare_events() -> None:
    client = Client(BinanceSim(SLOW, 7))

    def keyed(method: str, query: str = "") -> Answer:
        return client.raw(method, "userDataStream", query, headers=KEY)

    key = json.loads(keyed("POST").body)["listenKey"]
    assert json.loads(keyed("POST").body)["listenKey"] == key
    client.sim.connect("u", f"wss://stream.binance.com:9443/ws/{key}")
    client.page("POST", "order", LOW)
    assert [each["e"] for each in client.heard()] == ["executionReport", "outboundAccountPosition"]
    client.now += 50 * MINUTE
    assert keyed("PUT", f"listenKey={key}").status == 200
    client.now += 59 * MINUTE
    client.page("POST", "order", LOW)
    assert len(client.heard()) == 2
    client.now += MINUTE
    client.page("POST", "order", LOW)
    assert client.heard() == []
    assert failure(keyed("PUT", f"listenKey={key}")) == (
        400,
        -1125,
        "This listenKey does not exist.",
    )
    new = json.loads(keyed("POST").body)["listenKey"]
    assert new != key
    assert keyed("DELETE", f"listenKey={new}").status == 200
    assert failure(keyed("DELETE", f"listenKey={new}"))[1] == -1125
    assert failure(client.raw("POST", "userDataStream"))[1] == -2014
    assert keyed("PATCH").status == 404


def test_the_websocket_api_answers_what_rest_does(client: Client) -> None:
    client.subscribe()
    placed = client.call("u", "order.place", LOW | {"newClientOrderId": "a"})
    assert (placed["status"], placed["result"]["clientOrderId"]) == (200, "a")
    which = {"symbol": "ETHUSDT", "origClientOrderId": "a"}
    assert client.call("u", "order.status", which)["result"] == client.page("GET", "order", which)
    assert client.call("u", "order.cancel", which)["result"]["status"] == "CANCELED"
    assert client.call("u", "order.cancel", which)["error"]["code"] == -2011
    told = said(client.sim, "u", {"id": 1, "method": "time"})
    assert told["result"] == {"serverTime": NOW // 1_000_000}
    assert told["rateLimits"][0]["count"] > 0
    subscriptions = said(client.sim, "u", {"id": 2, "method": "session.subscriptions"})
    assert subscriptions["result"] == [{"subscriptionId": 0}]


@pytest.mark.parametrize(
    ("method", "params", "status", "code"),
    [
        ("session.logon", {}, 400, -4056),
        ("userDataStream.subscribe", {}, 401, -2015),
        ("userDataStream.unsubscribe", {"subscriptionId": 9}, 400, -2036),
        ("session.dance", {}, 404, -1000),
        ("dance", {}, 404, -1000),
        ("account.status", {}, 401, -2014),
        ("ping", {"a": True}, 400, -1104),
    ],
)
def test_what_the_websocket_api_refuses(
    client: Client, method: str, params: dict[str, Any], status: int, code: int
) -> None:
    client.subscribe()
    told = said(client.sim, "u", {"id": 1, "method": method, "params": params})
    assert (told["status"], told["error"]["code"]) == (status, code)
    assert said(client.sim, "u", "{")["error"]["code"] == -1000


@pytest.mark.parametrize(
    ("query", "params", "told"),
    [
        ("", {}, True),
        ("", {"returnRateLimits": False}, False),
        ("", {"returnRateLimits": "false"}, False),
        ("", {"returnRateLimits": True}, True),
        ("?returnRateLimits=false", {}, False),
        ("?returnRateLimits=false", {"returnRateLimits": True}, True),
    ],
)
def test_the_websocket_api_leaves_its_limits_out_where_they_are_not_wanted(
    client: Client, query: str, params: dict[str, Any], told: bool
) -> None:
    client.sim.connect("u", f"wss://ws-api.binance.com/ws-api/v3{query}")
    for method, status in (("time", 200), ("dance", 404)):
        answer = said(client.sim, "u", {"id": 1, "method": method, "params": params})
        assert (answer["status"], "rateLimits" in answer) == (status, told)


def test_a_wish_for_limits_is_yes_or_no(client: Client) -> None:
    client.subscribe()
    message = {"id": 1, "method": "time", "params": {"returnRateLimits": 7}}
    answer = said(client.sim, "u", message)
    assert (answer["status"], answer["error"]["code"]) == (400, -1130)


def test_every_method_takes_a_wish_for_limits_and_it_is_signed_with_the_rest(
    client: Client,
) -> None:
    client.subscribe()
    for method in client.sim.methods:
        answer = client.call("u", method, {"returnRateLimits": "false"})
        assert answer.get("error", {}).get("code") not in (-1022, -1104)
        assert "rateLimits" not in answer


def test_a_subscription_can_end_and_begin_again(client: Client) -> None:
    client.subscribe()
    assert said(client.sim, "u", {"id": 1, "method": "userDataStream.unsubscribe"})["status"] == 200
    assert client.call("u", "userDataStream.subscribe.signature")["result"] == {"subscriptionId": 1}
    assert said(client.sim, "u", {"id": 1, "method": "session.status"})["result"]["apiKey"] is None


# What goes wrong on demand


@pytest.mark.parametrize(
    ("status", "code"), [(429, -1003), (418, -1003), (503, -1008), (502, -1000)]
)
def test_what_is_refused_on_demand_is_not_done(client: Client, status: int, code: int) -> None:
    client.sim.faults.add(Refusing("POST /api/v3/order", status, retry_after=7))
    answer = client.ask("POST", "order", LOW)
    assert (*failure(answer)[:2], answer.headers["Retry-After"]) == (status, code, "7")
    assert client.page("GET", "openOrders") == []
    assert client.ask("POST", "order", LOW).status == 200


@pytest.mark.parametrize("status", [503, 504, NO_ANSWER])
def test_what_is_not_said_is_done_all_the_same(client: Client, status: int) -> None:
    client.sim.faults.add(Unsaid("POST /api/v3/order", status))
    answer = client.ask("POST", "order", LOW | {"newClientOrderId": "a"})
    assert answer.status == status
    assert status == NO_ANSWER or failure(answer)[1] == -1007
    assert [each["clientOrderId"] for each in client.page("GET", "openOrders")] == ["a"]


def test_faults_of_the_websocket_api(client: Client) -> None:
    client.subscribe()
    client.sim.faults.add(Unsaid("order.place", NO_ANSWER))
    client.sim.faults.add(Refusing("time", 429))
    ping = json.dumps({"id": 1, "method": "time"})
    assert json.loads(client.sim.hear("u", ping, NOW)[0].data)["status"] == 429
    sent = {**LOW, "apiKey": "simulatedkey", "timestamp": NOW // 1_000_000}
    sent["signature"] = sign("&".join(f"{name}={sent[name]}" for name in sorted(sent)))
    message = json.dumps({"id": 1, "method": "order.place", "params": sent})
    assert client.sim.hear("u", message, NOW) == ()
    assert len(client.page("GET", "openOrders")) == 1


def test_a_page_that_lags_does_not_know_an_order_that_is_there(client: Client) -> None:
    client.now += 5 * SECOND
    client.page("POST", "order", LOW | {"newClientOrderId": "a"})
    which = {"symbol": "ETHUSDT", "origClientOrderId": "a"}
    for path in ("GET /api/v3/order", "GET /api/v3/openOrders", "GET /api/v3/account"):
        client.sim.faults.add(Lagging(path, SECOND))
    client.now += SECOND - 1
    assert failure(client.ask("GET", "order", which)) == (400, -2013, "Order does not exist.")
    assert client.page("GET", "openOrders") == []
    usdt = client.page("GET", "account")["balances"][-1]
    assert (usdt["asset"], usdt["locked"]) == ("USDT", "0.00000000")
    assert client.page("GET", "order", which)["status"] == "NEW"
    assert client.page("GET", "account")["balances"][-1]["locked"] == "1500.00000000"


def test_user_events_are_lost_doubled_and_late(client: Client) -> None:
    client.subscribe()
    client.sim.faults.add(Upset("dropped"))
    client.page("POST", "order", LOW | {"newClientOrderId": "a"})
    assert [event["e"] for event in client.events()] == ["outboundAccountPosition"]
    client.sim.faults.add(Upset("twice"))
    client.page("POST", "order", LOW | {"newClientOrderId": "b"})
    one, two, _ = client.events()
    assert one == two
    client.sim.faults.add(Upset("late", by=2 * SECOND))
    client.page("POST", "order", LOW | {"newClientOrderId": "c"})
    assert [event["e"] for event in client.events()] == ["outboundAccountPosition"]
    client.now += 2 * SECOND
    assert [event["c"] for event in client.events()] == ["c"]
    client.sim.faults.silent = True
    client.page("DELETE", "openOrders", {"symbol": "ETHUSDT"})
    assert client.events() == []


def test_the_exchanges_clock_may_be_off(client: Client) -> None:
    client.sim.faults.ahead = 6 * SECOND
    assert client.public("time") == {"serverTime": (NOW + 6 * SECOND) // 1_000_000}
    assert failure(client.ask("GET", "account"))[1] == -1021
    client.sim.faults.ahead = -2 * SECOND
    assert failure(client.ask("GET", "account"))[1] == -1021


# Sessions of it

BOUGHT = Submit("binance", "ETH-USDT", "buy", Decimal(9), Decimal(3190))
RESTS = Submit("binance", "ETH-USDT", "buy", Decimal(1), Decimal(3000))


def recorded(folder: Path, skin: Skin, *commands: Command) -> list[AnyEvent]:
    """A session of nine seconds, in which a command is given each second from the second on."""
    story = replace(FUNDED, specs=FUNDED.specs[1:2], lasts=9 * SECOND)
    timed = [((n + 2) * SECOND, command) for n, command in enumerate(commands)]
    session = record(folder / "one", story, 3, versions={}, skin=skin, commands=timed)
    with open_log() as log:
        replay = Replay(session, log)
        while replay.play(4096):
            pass
        assert log.digest() == session.meta.digests.log
        return [each.event for each in log.read()]


def test_orders_are_in_a_recorded_session(tmp_path: Path) -> None:
    events = recorded(tmp_path, BinanceSim, BOUGHT, RESTS, CancelAll("binance"))
    ended = [event for event in events if isinstance(event, OrderEnded)]
    assert [(type(event), event.executed) for event in ended] == [
        (OrderCompleted, Decimal(9)),
        (OrderCanceled, Decimal(0)),
    ]
    fills = [event for event in events if isinstance(event, OrderFilled)]
    assert sum(fill.amount for fill in fills) == 9
    assert not any(fill.inferred for fill in fills)


def test_user_events_are_on_their_way_when_they_happen(tmp_path: Path) -> None:
    """And not when a market is next due: a market of which little is heard shows it."""
    recorded(tmp_path, lambda _, seed: BinanceSim(SLOW, seed), RESTS, CancelAll("binance"))
    lines = [each for each in Session(tmp_path / "one").lines() if each.kind == "recv"]
    ways = [
        START + line.at - json.loads(bytes(line.data))["event"]["E"] * 1_000_000
        for line in lines
        if b"executionReport" in bytes(line.data)
    ]
    assert len(ways) == 2
    assert all(way < 9_000_000 for way in ways)


def test_an_answer_that_never_comes_is_in_a_recorded_session_as_that(tmp_path: Path) -> None:
    def skin(story: Story, seed: int) -> BinanceSim:
        sim = BinanceSim(story, seed)
        sim.faults.add(Unsaid("POST /api/v3/order", NO_ANSWER))
        return sim

    events = recorded(tmp_path, skin, RESTS, CancelAll("binance"))
    outcomes = [event.outcome for event in events if isinstance(event, RequestAnswered)]
    assert outcomes[0] == "unanswered"
    ended = [event for event in events if isinstance(event, OrderEnded)]
    assert [type(event) for event in ended] == [OrderCanceled]


def test_a_lane_that_the_kernel_closes_is_closed_there(tmp_path: Path) -> None:
    sims: list[BinanceSim] = []
    closed: list[str] = []

    class Watched(BinanceSim):
        def disconnect(self, lane: str) -> None:
            closed.append(lane)
            super().disconnect(lane)

    def skin(story: Story, seed: int) -> BinanceSim:
        sims.append(Watched(story, seed))
        return sims[0]

    recorded(tmp_path, skin, Unsubscribe("binance/1"))
    assert closed == ["binance/1"]
    assert sims[0].hear("binance/1", "{}", NOW) == ()


# And again


def test_the_same_seed_and_requests_are_the_same_bytes() -> None:
    def story() -> list[Any]:
        client = Client(BinanceSim(FUNDED, 11))
        client.subscribe()
        client.sim.connect("m", "wss://x/stream?streams=ethusdt@depth@100ms/ethusdt@trade")
        answers: list[Any] = []
        for n in range(10):
            client.now += SECOND
            answers.append(client.ask("POST", "order", MARKET | {"quantity": "1"}))
            answers.append(client.ask("POST", "order", LOW | {"price": f"{3180 + n}"}))
            answers += published(client.sim, client.now)
        return answers

    assert story() == story()
