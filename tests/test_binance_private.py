"""Binance's private side: what it asks, and what it reads of streams and answers, garbage included.

Needs no door: requests, frames and answers go straight through the adapter. The messages are those of
the fact sheet's examples, and small changes to them.
"""

import contextlib
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapefold import (
    MINUTE,
    SECOND,
    UNLISTED,
    ZERO,
    AccountStreamChanged,
    AnyEvent,
    BalanceChanged,
    BalanceSnapshot,
    FeeScheduleSet,
    FillReported,
    Frame,
    InstrumentListed,
    OrderNotFound,
    OrderRef,
    OrderReported,
    OrderSubmitted,
    Outcome,
    Purpose,
    Rate,
    Refusal,
    Request,
    RequestAnswered,
    Says,
    Stream,
    TradingRulesSet,
    trader,
)
from tapefold_adapters.binance import (
    binance,
    binance_futures,
    binance_listen_key,
    binance_us,
)

REST = "https://api.binance.com/api/v3"
MILLISECOND = 1_000_000
NOW = 1700000000104 * MILLISECOND
ROW = InstrumentListed(
    instrument=3,
    exchange="binance",
    symbol="ETH-USDT",
    native_symbol="ETHUSDT",
    price_digits=2,
    size_digits=4,
)
KNOWN = {"ETHUSDT": ROW}
REPORT: dict[str, Any] = {
    "e": "executionReport",
    "E": 1700000000105,
    "s": "ETHUSDT",
    "c": "tf-1",
    "S": "BUY",
    "o": "LIMIT",
    "f": "GTC",
    "q": "1.00000000",
    "p": "2000.00",
    "P": "0.00",
    "F": "0.00",
    "g": -1,
    "C": "",
    "x": "TRADE",
    "X": "PARTIALLY_FILLED",
    "r": "NONE",
    "i": 71,
    "l": "0.40000000",
    "z": "0.40000000",
    "L": "2000.00",
    "n": "0.00040000",
    "N": "ETH",
    "T": 1700000000104,
    "t": 501,
    "I": 14201,
    "w": True,
    "m": True,
    "M": False,
    "O": 1700000000000,
    "Z": "800.00",
    "Y": "800.00",
    "Q": "0.00",
    "W": 1700000000000,
    "V": "NONE",
}
PLACED: dict[str, Any] = {
    "symbol": "ETHUSDT",
    "orderId": 71,
    "orderListId": -1,
    "clientOrderId": "tf-1",
    "transactTime": 1700000000104,
    "price": "0.00000000",
    "origQty": "0.50000000",
    "executedQty": "0.50000000",
    "origQuoteOrderQty": "0.00000000",
    "cummulativeQuoteQty": "1000.00000000",
    "status": "FILLED",
    "timeInForce": "GTC",
    "type": "MARKET",
    "side": "BUY",
    "workingTime": 1700000000104,
    "selfTradePreventionMode": "NONE",
    "fills": [
        {
            "price": "2000.00",
            "qty": "0.50000000",
            "commission": "0.00050000",
            "commissionAsset": "ETH",
            "tradeId": 501,
        }
    ],
}
TAKEN = OrderReported(
    exchange="binance",
    instrument=3,
    side="buy",
    client_order_id="tf-1",
    exchange_order_id="71",
    time_exchange=NOW,
    says="open",
    executed=Decimal("0.4"),
    value=Decimal(800),
)
FILLED = FillReported(
    exchange="binance",
    instrument=3,
    side="buy",
    client_order_id="tf-1",
    exchange_order_id="71",
    time_exchange=NOW,
    fill_id="501",
    price=Decimal(2000),
    amount=Decimal("0.4"),
    value=Decimal(800),
    fees=(("ETH", Decimal("0.0004")),),
    maker=True,
)


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def said(message: object) -> list[AnyEvent]:
    """A frame of the WebSocket API."""
    return [*binance().decode(Frame(0, "binance/1", "recv", encoded(message)), KNOWN)]


def event(**fields: object) -> list[AnyEvent]:
    """An event of the user stream, in its envelope."""
    return said({"subscriptionId": 0, "event": fields})


def report(**changes: object) -> list[AnyEvent]:
    """The sheet's execution report, changed."""
    return event(**{**REPORT, **changes})


def answered(
    purpose: Purpose, message: object, status: int = 200, attempt: int = 0, subject: str = "tf-1"
) -> list[AnyEvent]:
    asked = Request("GET", REST, purpose, subject, attempt=attempt, signed=True)
    data = message if isinstance(message, bytes) else encoded(message)
    frame = Frame(0, "binance/http", "response", data, asked, status)
    return [*binance().decode(frame, KNOWN)]


def refused(code: int, msg: str = "") -> dict[str, object]:
    return {"code": code, "msg": msg}


# What is asked


def submitted(**fields: Any) -> OrderSubmitted:
    order: dict[str, Any] = {"exchange": "binance", "instrument": 3, "client_order_id": "tf-1"}
    order |= {"side": "buy", "order_type": "limit", "tif": "gtc"}
    return OrderSubmitted(**{**order, **fields})


PLACES: dict[str, dict[str, Any]] = {
    "type=LIMIT&timeInForce=GTC&quantity=1.5&price=0.000000317": {
        "amount": Decimal("1.5"),
        "price": Decimal("3.17E-7"),
    },
    "type=LIMIT&timeInForce=IOC&quantity=1&price=20": {
        "tif": "ioc",
        "amount": Decimal(1),
        "price": Decimal(20),
    },
    "type=LIMIT&timeInForce=FOK&quantity=1&price=20": {
        "tif": "fok",
        "amount": Decimal(1),
        "price": Decimal(20),
    },
    "type=LIMIT_MAKER&quantity=1&price=20": {
        "order_type": "limit_maker",
        "amount": Decimal(1),
        "price": Decimal(20),
    },
    "type=MARKET&quantity=1": {"order_type": "market", "amount": Decimal(1)},
    "type=MARKET&quoteOrderQty=12.5": {
        "order_type": "market",
        "quote_amount": Decimal("12.5"),
    },
}


@pytest.mark.parametrize("words", PLACES)
def test_an_order_is_placed_under_our_id_to_be_answered_with_its_fills(words: str) -> None:
    assert binance().place(submitted(**PLACES[words]), "ETHUSDT") == Request(
        "POST",
        f"{REST}/order?symbol=ETHUSDT&side=BUY&{words}"
        "&newClientOrderId=tf-1&newOrderRespType=FULL&recvWindow=5000",
        "place",
        "tf-1",
        signed=True,
        costs={"weight": 1, "orders_10s": 1, "orders_1d": 1},
    )


def test_letters_and_signs_are_percent_encoded() -> None:
    order = submitted(client_order_id="a b+c/ä", side="sell", amount=Decimal(1), price=Decimal(2))
    url = binance().place(order, "１２").url
    assert "?symbol=%EF%BC%91%EF%BC%92&side=SELL&" in url
    assert "&newClientOrderId=a%20b%2Bc%2F%C3%A4&" in url


OURS = OrderRef("ETHUSDT", "tf-1")
THEIRS = OrderRef("ETHUSDT", "tf-1", "71")


@pytest.mark.parametrize(
    ("ref", "name"), [(OURS, "origClientOrderId=tf-1"), (THEIRS, "orderId=71")]
)
def test_an_order_goes_by_the_exchange_s_id_where_it_is_known(ref: OrderRef, name: str) -> None:
    url = f"{REST}/order?symbol=ETHUSDT&{name}&recvWindow=5000"
    adapter = binance()
    assert adapter.cancel(ref, 2) == Request(
        "DELETE", url, "cancel", "tf-1", signed=True, attempt=2, costs={"weight": 1}
    )
    assert adapter.query(ref) == Request(
        "GET", url, "order", "tf-1", signed=True, costs={"weight": 4}
    )


def test_an_order_s_trades_are_asked_for_by_its_id_or_by_its_instrument() -> None:
    by_id, by_instrument = binance().fills(THEIRS), binance().fills(OURS)
    assert by_id == Request(
        "GET",
        f"{REST}/myTrades?symbol=ETHUSDT&orderId=71&limit=1000&recvWindow=5000",
        "fills",
        "tf-1",
        signed=True,
        costs={"weight": 5},
    )
    assert by_instrument.url == f"{REST}/myTrades?symbol=ETHUSDT&limit=1000&recvWindow=5000"
    assert by_instrument.costs == {"weight": 20}


def test_an_account_s_pages_are_asked_for() -> None:
    adapter, window = binance(), "recvWindow=5000"
    assert [adapter.balances(), adapter.open_orders(), adapter.fees("ETHUSDT")] == [
        Request("GET", f"{REST}/account?{window}", "balances", signed=True, costs={"weight": 20}),
        Request(
            "GET", f"{REST}/openOrders?{window}", "open_orders", signed=True, costs={"weight": 80}
        ),
        Request(
            "GET",
            f"{REST}/account/commission?symbol=ETHUSDT&{window}",
            "fees",
            "ETHUSDT",
            signed=True,
            costs={"weight": 20},
        ),
    ]


def test_what_is_public_has_its_weight_too() -> None:
    adapter = binance()
    assert adapter.list_instruments().costs == {"weight": 20}
    assert adapter.clock().costs == {"weight": 1}
    depths = [1, 100, 101, 500, 501, 1000, 1001, 5000]
    weights = [adapter.snapshot("ETHUSDT", depth).costs["weight"] for depth in depths]
    assert weights == [5, 5, 25, 25, 50, 50, 250, 250]
    assert binance_futures().snapshot("ETHUSDT", 100).costs == {}


def test_spot_and_us_can_trade_and_futures_cannot() -> None:
    for adapter in (binance(), binance_us(), binance_listen_key()):
        assert trader(adapter) is adapter
        assert (
            "private side" in adapter.description.untried or "2026" in adapter.description.untried
        )
    assert trader(binance_futures()) is None
    assert binance().description.limits.windows == {
        "weight": Rate(6000, MINUTE),
        "orders_10s": Rate(50, 10 * SECOND),
        "orders_1d": Rate(160_000, 1440 * MINUTE),
    }


def test_the_stream_needs_no_token_but_for_sessions_of_before_2026() -> None:
    today, once = binance(), binance_listen_key()
    assert today.token() is None
    assert today.keep_alive("x") is None
    assert today.account_stream("") == Stream(
        "wss://ws-api.binance.com:443/ws-api/v3",
        ('{"id":"1","method":"userDataStream.subscribe.signature","params":{}}',),
        signed=True,
    )
    keys, costs = f"{REST}/userDataStream", {"weight": 2}
    assert once.token() == Request("POST", keys, "token", signed=True, costs=costs)
    assert once.keep_alive("a/b") == Request(
        "PUT", f"{keys}?listenKey=a%2Fb", "keep_alive", signed=True, costs=costs
    )
    assert once.account_stream("abc") == Stream("wss://stream.binance.com:9443/ws/abc")
    rules = once.description.account
    assert rules
    assert rules.keep_alive == 30 * MINUTE


def test_an_answer_without_a_token_has_none() -> None:
    deep = b'{"x":' + b"[" * 100_000
    for data in (b"{}", b'{"code":-2014,"msg":"x"}', b'{"listenKey":5}', b"<html>", deep):
        with pytest.raises(ValueError):  # noqa: PT011  msgspec's words are its own
            binance_listen_key().read_token(Frame(0, "binance/http", "response", data))


# The user stream


def test_a_fill_is_a_report_and_a_trade_with_its_number() -> None:
    assert report() == [TAKEN, FILLED]


def test_a_report_by_a_listen_key_comes_without_an_envelope() -> None:
    assert said(REPORT) == [TAKEN, FILLED]


STATES: dict[str, Says] = {
    "NEW": "open",
    "PENDING_NEW": "pending",
    "PARTIALLY_FILLED": "open",
    "FILLED": "filled",
    "CANCELED": "canceled",
    "PENDING_CANCEL": "open",
    "REJECTED": "rejected",
    "EXPIRED": "expired",
    "EXPIRED_IN_MATCH": "expired",
    "A_STATE_OF_TOMORROW": "",
}


@pytest.mark.parametrize("state", STATES)
def test_what_a_report_says_is_its_state(state: str) -> None:
    reason = "self_trade" if state == "EXPIRED_IN_MATCH" else ""
    assert report(x="NEW", X=state) == [
        msgspec.structs.replace(TAKEN, says=STATES[state], reason=reason)
    ]


def test_a_cancel_with_an_id_of_its_own_ends_the_order_that_it_names() -> None:
    (told,) = report(x="CANCELED", X="CANCELED", c="srvGen9", C="tf-1", t=-1, N=None, n="0")
    assert told == msgspec.structs.replace(TAKEN, says="canceled")


def test_a_value_that_they_do_not_know_was_not_said() -> None:
    (told,) = report(x="NEW", Z="-1.00000000")
    assert told == msgspec.structs.replace(TAKEN, value=None)
    (told,) = report(x="NEW", z="-1.00000000", Z="-1.00000000")
    assert told == msgspec.structs.replace(TAKEN, executed=None, value=None)


def test_an_order_made_smaller_has_a_new_amount() -> None:
    (told,) = report(x="REPLACED", q="0.70000000")
    assert told == msgspec.structs.replace(TAKEN, amount=Decimal("0.7"), revision=NOW)


LESSENED: list[tuple[str, str, str, str | None]] = [
    ("NEW", "1.00000000", "0.40000000", "0.6"),
    ("PARTIALLY_FILLED", "1.00000000", "0.40000000", "0.6"),
    ("FILLED", "1.00000000", "0.40000000", "0.6"),
    ("NEW", "1.00000000", "0.00000000", None),
    ("NEW", "0.00000000", "0.40000000", None),
    ("EXPIRED_IN_MATCH", "1.00000000", "0.60000000", None),
    ("EXPIRED", "1.00000000", "0.60000000", None),
    ("CANCELED", "1.00000000", "0.40000000", None),
]


@pytest.mark.parametrize(("state", "ordered", "prevented", "left"), LESSENED)
def test_what_self_trade_prevention_took_of_an_order_makes_it_smaller_until_its_end(
    state: str, ordered: str, prevented: str, left: str | None
) -> None:
    """At its end it is its state that tells: with what is left of it, it would seem filled."""
    amount = None if left is None else Decimal(left)
    (told,) = report(x="TRADE_PREVENTION", X=state, q=ordered, A=prevented, B=prevented)
    page = {**QUERIED, "status": state, "origQty": ordered, "preventedQuantity": prevented}
    (asked,) = answered("order", page)
    for each in (told, asked):
        assert isinstance(each, OrderReported)
        revision = 0 if amount is None else NOW
        assert (each.says, each.amount, each.revision) == (STATES[state], amount, revision)


def test_an_order_made_smaller_by_hand_lost_what_was_prevented_too() -> None:
    (told,) = report(x="REPLACED", q="0.70000000", A="0.20000000")
    assert told == msgspec.structs.replace(TAKEN, amount=Decimal("0.5"), revision=NOW)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"r": "INSUFFICIENT_BALANCES"}, "balance"),
        ({"r": "WOULD_MATCH_IMMEDIATELY"}, "would_match"),
        ({"r": "OCO_BAD_PRICES"}, ""),
        ({"eR": "UNFILLED_IOC_QUANTITY_EXPIRED"}, "ioc"),
        ({"eR": "UNFILLED_FOK_ORDER_EXPIRED"}, "fok"),
        ({"eR": "INSUFFICIENT_LIQUIDITY"}, "no_liquidity"),
        ({"eR": "EXCHANGE_CANCELED"}, "exchange"),
        ({"eR": None}, ""),
    ],
)
def test_a_reason_is_a_word_of_ours(fields: dict[str, object], reason: str) -> None:
    (told,) = report(x="EXPIRED", X="EXPIRED", **fields)
    assert told == msgspec.structs.replace(TAKEN, says="expired", reason=reason)


@pytest.mark.parametrize(
    ("fields", "fees"),
    [
        ({"n": "0", "N": None}, ()),
        ({"n": "0.00000000", "N": "BNB"}, ()),
        ({"n": "-0.01000000", "N": "BNB"}, (("BNB", Decimal("-0.01")),)),
    ],
)
def test_a_fee_may_be_nothing_or_a_rebate(fields: dict[str, object], fees: Any) -> None:
    assert report(**fields)[1] == msgspec.structs.replace(FILLED, fees=fees)


@pytest.mark.parametrize(
    "fields",
    [
        {"t": -1},
        {"t": -2},
        {"t": 2**63},
        {"l": "0"},
        {"i": -5},
        {"i": 2**70},
        {"T": 2**63},
        {"z": "1e5"},
        {"z": 1},
        {"z": "9" * 50},
        {"S": "HOLD"},
        {"n": "0.1", "N": None},
        {"m": "yes"},
    ],
)
def test_a_report_that_cannot_be_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  whichever number it is about
        report(**fields)


def test_times_may_be_in_microseconds() -> None:
    (told, fill) = report(T=1700000000104123)
    at = 1700000000104123 * 1000
    assert told == msgspec.structs.replace(TAKEN, time_exchange=at)
    assert fill == msgspec.structs.replace(FILLED, time_exchange=at)


def test_an_order_of_an_instrument_that_nobody_knows_has_none() -> None:
    assert report(s="XRPUSDT") == [
        msgspec.structs.replace(TAKEN, instrument=UNLISTED),
        msgspec.structs.replace(FILLED, instrument=UNLISTED),
    ]


def test_balances_that_may_have_changed_are_stated() -> None:
    rows = [
        {"a": "USDT", "f": "100.0", "l": "1200.0"},
        {"a": "ETH", "f": "0.3996", "l": "0.0"},
        {"a": "BNB", "f": "0.0", "l": "0.0"},
    ]
    assert event(e="outboundAccountPosition", E=1700000000105, u=1700000000104, B=rows) == [
        BalanceSnapshot(
            exchange="binance",
            totals=(("BNB", ZERO), ("ETH", Decimal("0.3996")), ("USDT", Decimal(1300))),
            complete=False,
            held=(("BNB", ZERO), ("ETH", ZERO), ("USDT", Decimal(1200))),
            time_exchange=NOW,
        )
    ]


def test_money_that_moved_is_known_by_what_it_was_and_when() -> None:
    changed = event(e="balanceUpdate", E=1700000000300, a="USDT", d="-50.0", T=1700000000104)
    assert changed == [
        BalanceChanged(
            exchange="binance",
            asset="USDT",
            delta=Decimal(-50),
            transfer_id="1700000000104:USDT:-50",
            time_exchange=NOW,
        )
    ]


def stream(state: Any, reason: Any = "") -> list[AnyEvent]:
    return [AccountStreamChanged(exchange="binance", state=state, reason=reason)]


def test_the_stream_is_up_when_the_subscription_is_answered() -> None:
    assert said({"id": "1", "status": 200, "result": {"subscriptionId": 0}}) == stream("up")
    limits = [{"rateLimitType": "REQUEST_WEIGHT", "limit": 6000, "count": 4}]
    full = {"id": "1", "status": 200, "result": {"subscriptionId": 0}, "rateLimits": limits}
    assert said(full) == stream("up")
    again = {"id": "1", "status": 400, "error": refused(-2035, "already active")}
    assert said(again) == stream("up")


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [(400, -1021, "time"), (400, -1022, "key"), (401, -2015, "key"), (429, -1003, "rate")],
)
def test_the_stream_may_be_refused(status: int, code: int, reason: Refusal) -> None:
    for number in ("1", None):  # None: the key was revoked while the stream was up
        frame = {"id": number, "status": status, "error": refused(code)}
        assert said(frame) == stream("refused", reason)
        whole = Frame(0, "binance/1", "recv", encoded(frame))
        assert binance().refusal(whole) == reason


def test_the_stream_says_that_it_ends() -> None:
    assert event(e="eventStreamTerminated", E=1700000000400) == stream("ended")
    assert said({"event": {"e": "serverShutdown", "E": 1700000000400}}) == stream("ended")


@pytest.mark.parametrize(
    "message",
    [
        {"subscriptionId": 0, "event": {"e": "listStatus", "g": 2}},
        {"subscriptionId": 0, "event": {"e": "externalLockUpdate", "a": "BTC"}},
        {"subscriptionId": 0, "event": {"e": "of tomorrow", "B": 5}},
        {"id": "9", "status": 200, "result": {"serverTime": 5}},
        {"id": "9", "status": 200},
        {"result": None, "id": 1},
        {"e": "serverShutdown", "E": 5},
    ],
)
def test_what_nobody_uses_says_nothing(message: object) -> None:
    assert said(message) == []


def test_futures_has_no_user_stream() -> None:
    data = encoded({"subscriptionId": 0, "event": REPORT})
    for each in (data, encoded(REPORT)):
        assert [*binance_futures().decode(Frame(0, "x/1", "recv", each), KNOWN)] == []


# Answers


def test_an_order_that_was_taken_is_reported_with_its_fills() -> None:
    assert answered("place", PLACED) == [
        msgspec.structs.replace(TAKEN, says="filled", executed=Decimal("0.5"), value=Decimal(1000)),
        msgspec.structs.replace(
            FILLED,
            amount=Decimal("0.5"),
            value=None,
            fees=(("ETH", Decimal("0.0005")),),
            maker=None,
        ),
    ]


def test_an_answer_that_says_no_state_proves_nothing() -> None:
    names = ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")
    assert answered("place", {name: PLACED[name] for name in names}) == [
        msgspec.structs.replace(TAKEN, side="", says="pending", executed=None, value=None)
    ]


def test_a_fill_without_its_number_is_not_counted() -> None:
    nameless = {"price": "2000.00", "qty": "0.5", "commission": "0", "commissionAsset": "ETH"}
    assert len(answered("place", {**PLACED, "fills": [nameless]})) == 1


KEPT_OUT: list[tuple[int, int, str, Refusal]] = [
    (400, -2010, "Account has insufficient balance for requested action.", "balance"),
    (400, -2010, "Order would immediately match and take.", "would_match"),
    (400, -2010, "Market is closed.", "market_closed"),
    (400, -2010, "Something else.", "other"),
    (400, -1010, "Account has insufficient balance for requested action.", "balance"),
    (400, -1013, "Filter failure: LOT_SIZE", "filter"),
    (400, -1013, "Market is closed.", "market_closed"),
    (400, -1100, "Illegal characters found in parameter 'price'.", "invalid"),
    (400, -1106, "Parameter 'timeInForce' sent when not required.", "invalid"),
    (400, -1111, "Precision is over the maximum defined for this asset.", "invalid"),
    (400, -1121, "Invalid symbol.", "invalid"),
    (400, -1021, "Timestamp for this request is outside of the recvWindow.", "time"),
    (400, -1022, "Signature for this request is not valid.", "key"),
    (401, -2014, "API-key format invalid.", "key"),
    (401, -2015, "Invalid API-key, IP, or permissions for action.", "key"),
    (429, -1003, "Too many requests.", "rate"),
    (429, -1015, "Too many new orders.", "rate"),
    (418, -1003, "Way too many requests.", "rate"),
    (400, -9999, "A code of tomorrow.", "other"),
]
NOT_KNOWN: list[tuple[int, int, str, Refusal]] = [
    (400, -1006, "An unexpected response was received.", "unknown_outcome"),
    (400, -1007, "Timeout waiting for response from backend server.", "unknown_outcome"),
    (504, -1007, "Timeout waiting for response from backend server.", "unknown_outcome"),
    (500, -1001, "Internal error.", "unknown_outcome"),
    (503, -1008, "Server is currently overloaded.", "busy"),
    (503, -2010, "Account has insufficient balance.", "unknown_outcome"),
    (400, -2010, "Duplicate order sent.", "duplicate"),
    (400, -1010, "Duplicate order sent.", "duplicate"),
]


@pytest.mark.parametrize(("status", "code", "msg", "reason"), KEPT_OUT)
def test_an_order_that_was_refused_is_rejected(
    status: int, code: int, msg: str, reason: Refusal
) -> None:
    assert answered("place", refused(code, msg), status) == [
        OrderReported(exchange="binance", client_order_id="tf-1", says="rejected", reason=reason)
    ]


@pytest.mark.parametrize(("status", "code", "msg", "reason"), NOT_KNOWN)
def test_an_order_whose_fate_they_do_not_tell_is_unanswered(
    status: int, code: int, msg: str, reason: Refusal
) -> None:
    assert answered("place", refused(code, msg), status) == [
        RequestAnswered(client_order_id="tf-1", request=0, outcome="unanswered", reason=reason)
    ]


@pytest.mark.parametrize("status", [302, 400, 404, 408, 500, 502])
@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"[]",
        b'{"code":"x"}',
        b'{"code":0,"msg":"somebody else\'s"}',
        b'{"code":404,"msg":"somebody else\'s"}',
        b"\xff",
        b'{"x":' + b"[" * 100_000,
    ],
    ids=len,
)
def test_a_page_that_is_not_the_exchange_s_leaves_an_order_unanswered(
    status: int, page: bytes
) -> None:
    (told,) = answered("place", page, status)
    assert isinstance(told, RequestAnswered)
    assert (told.outcome, told.reason) == ("unanswered", "unknown_outcome")


@pytest.mark.parametrize(("status", "reason"), [(401, "key"), (403, "other"), (429, "rate")])
def test_a_page_that_stopped_an_order_at_the_door_rejects_it(status: int, reason: str) -> None:
    (told,) = answered("place", b"<html>", status)
    assert isinstance(told, OrderReported)
    assert (told.says, told.reason) == ("rejected", reason)


CANCELED: dict[str, Any] = {
    **PLACED,
    "origClientOrderId": "tf-1",
    "clientOrderId": "srvGen9",
    "status": "CANCELED",
    "executedQty": "0.2",
    "cummulativeQuoteQty": "380.0",
    "fills": [],
}


def test_a_cancel_that_was_done_ends_the_order_that_it_names() -> None:
    ended = msgspec.structs.replace(
        TAKEN, says="canceled", executed=Decimal("0.2"), value=Decimal(380)
    )
    assert answered("cancel", CANCELED, attempt=2) == [ended]


def test_a_cancel_that_is_yet_to_be_done_was_taken() -> None:
    assert answered("cancel", {**CANCELED, "status": "PENDING_CANCEL"}, attempt=2)[1:] == [
        RequestAnswered(client_order_id="tf-1", request=2, outcome="taken")
    ]


@pytest.mark.parametrize(
    ("status", "code", "msg", "outcome", "reason"),
    [
        (400, -2011, "Unknown order sent.", "gone", "unknown_order"),
        (400, -2011, "", "gone", "unknown_order"),
        (400, -2013, "Order does not exist.", "gone", "unknown_order"),
        (400, -1010, "Unknown order sent.", "gone", "unknown_order"),
        (504, -1007, "", "unanswered", "unknown_outcome"),
        (503, -1008, "", "unanswered", "busy"),
        (429, -1003, "", "unanswered", "rate"),
        (400, -1021, "", "unanswered", "time"),
        (401, -2015, "", "refused", "key"),
        (400, -1100, "", "refused", "invalid"),
        (400, -2011, "Market is closed.", "refused", "market_closed"),
        (400, -2011, "This account may not place or cancel orders.", "refused", "other"),
    ],
)
def test_what_became_of_a_cancel(
    status: int, code: int, msg: str, outcome: Outcome, reason: str
) -> None:
    assert answered("cancel", refused(code, msg), status, attempt=3) == [
        RequestAnswered(client_order_id="tf-1", request=3, outcome=outcome, reason=reason)
    ]


QUERIED: dict[str, Any] = {
    "symbol": "ETHUSDT",
    "orderId": 71,
    "clientOrderId": "tf-1",
    "side": "BUY",
    "status": "NEW",
    "executedQty": "0.0",
    "cummulativeQuoteQty": "0.0",
    "time": 1700000000000,
    "updateTime": 1700000000104,
}


def test_an_order_that_was_asked_for_is_as_it_is() -> None:
    at_rest = msgspec.structs.replace(TAKEN, executed=ZERO, value=ZERO)
    assert answered("order", QUERIED) == [at_rest]
    assert answered("open_orders", [QUERIED, {**QUERIED, "orderId": 72}]) == [
        at_rest,
        msgspec.structs.replace(at_rest, exchange_order_id="72"),
    ]
    assert answered("open_orders", []) == []


def test_only_that_answer_says_that_an_order_was_not_found() -> None:
    assert answered("order", refused(-2013, "Order does not exist."), 400) == [
        OrderNotFound(exchange="binance", client_order_id="tf-1")
    ]
    others = [(400, -2011), (400, -1021), (500, -2013), (503, -2026), (429, -1003), (404, 0)]
    for status, code in others:
        assert answered("order", refused(code), status) == []


def test_an_order_that_is_archived_was_canceled_without_a_trade() -> None:
    assert answered("order", refused(-2026), 400) == [
        OrderReported(
            exchange="binance",
            client_order_id="tf-1",
            says="canceled",
            executed=ZERO,
            reason="archived",
        )
    ]


def test_trades_name_the_order_by_the_exchange_s_id() -> None:
    row: dict[str, Any] = {
        "symbol": "ETHUSDT",
        "id": 501,
        "orderId": 71,
        "price": "2000.00",
        "qty": "0.4",
    }
    row |= {"quoteQty": "800.0", "commission": "0.0004", "commissionAsset": "ETH"}
    row |= {"time": 1700000000104, "isBuyer": True, "isMaker": True}
    assert answered("fills", [row]) == [msgspec.structs.replace(FILLED, client_order_id="")]
    (sold,) = answered("fills", [{**row, "isBuyer": False, "symbol": "??"}])
    assert sold == msgspec.structs.replace(
        FILLED, client_order_id="", side="sell", instrument=UNLISTED
    )


def rates(maker: str, taker: str, buyer: str = "0", seller: str = "0") -> dict[str, str]:
    return {"maker": maker, "taker": taker, "buyer": buyer, "seller": seller}


def test_an_account_s_page_is_all_that_it_holds_and_what_trades_cost() -> None:
    page: dict[str, Any] = {
        "updateTime": 1700000000104,
        "makerCommission": 10,
        "takerCommission": 10,
    }
    page |= {"commissionRates": rates("0.00075000", "0.00100000")}
    page |= {
        "balances": [
            {"asset": "USDT", "free": "900.0", "locked": "100.0"},
            {"asset": "BTC", "free": "0.0", "locked": "0.00"},
        ]
    }
    assert answered("balances", page) == [
        BalanceSnapshot(
            exchange="binance",
            totals=(("USDT", Decimal(1000)),),
            held=(("USDT", Decimal(100)),),
            time_exchange=NOW,
        ),
        FeeScheduleSet(
            exchange="binance", maker_rate=Decimal("0.00075"), taker_rate=Decimal("0.001")
        ),
    ]
    assert len(answered("balances", {"balances": []})) == 1


def test_an_instrument_s_fees_are_all_that_is_charged_on_the_dearer_side() -> None:
    standard = rates("0.001", "0.002", "0.0001", "0.0003")
    page: dict[str, Any] = {"symbol": "ETHUSDT", "standardCommission": standard}
    page |= {"taxCommission": rates("0.00001", "0.00002"), "discount": {"discount": "0.75"}}
    assert answered("fees", page, subject="ETHUSDT") == [
        FeeScheduleSet(
            exchange="binance",
            maker_rate=Decimal("0.00131"),
            taker_rate=Decimal("0.00232"),
            instrument=3,
        )
    ]
    assert answered("fees", {**page, "symbol": "??"}) == []


def test_answers_about_a_token_say_nothing_of_the_account() -> None:
    """What a token that is no more means is the kernel's to know."""
    assert answered("token", {"listenKey": "abc"}) == []
    assert answered("keep_alive", {}) == []
    assert answered("keep_alive", refused(-1125), 400) == []


@pytest.mark.parametrize("purpose", ["open_orders", "balances", "fills", "fees", "token"])
def test_a_page_that_was_refused_says_nothing(purpose: Purpose) -> None:
    assert answered(purpose, refused(-1021), 400) == []


@pytest.mark.parametrize(("status", "code", "msg", "reason"), [*KEPT_OUT, *NOT_KNOWN])
def test_a_refusal_is_a_word_of_ours(status: int, code: int, msg: str, reason: Refusal) -> None:
    data = encoded(refused(code, msg))
    assert binance().refusal(Frame(0, "x/http", "response", data, status=status)) == reason
    inner = encoded({"id": "1", "status": status, "error": refused(code, msg)})
    assert binance().refusal(Frame(0, "x/1", "recv", inner)) == reason


# The list of instruments


def symbol(native: str, **more: object) -> dict[str, object]:
    filters = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": "0.01",
            "maxPrice": "100000",
            "tickSize": "0.01",
        },
        {"filterType": "LOT_SIZE", "minQty": "0.0001", "maxQty": "9000.0", "stepSize": "0.0001"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0", "maxQty": "450.5", "stepSize": "0.000"},
        {
            "filterType": "NOTIONAL",
            "minNotional": "5.0",
            "applyMinToMarket": False,
            "maxNotional": "9000000.0",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
    ]
    row = {"symbol": native, "status": "TRADING", "baseAsset": "ETH", "quoteAsset": "USDT"}
    types = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS"]
    return {**row, "orderTypes": types, "isSpotTradingAllowed": True, "filters": filters, **more}


def listed(*rows: object, adapter: Any = None) -> list[AnyEvent]:
    asked = Request("GET", REST, "instruments")
    data = encoded({"timezone": "UTC", "symbols": rows})
    frame = Frame(0, "binance/http", "response", data, asked, 200)
    return [*(adapter or binance()).decode(frame, {})]


RULES = TradingRulesSet(
    instrument=UNLISTED,
    order_types=("limit", "limit_maker", "market"),
    price_min=Decimal("0.01"),
    price_max=Decimal(100000),
    notional_max=Decimal(9000000),
    market_size_max=Decimal("450.5"),
    market_notional=False,
)


def test_an_instrument_is_followed_by_its_rules() -> None:
    instrument = InstrumentListed(
        instrument=UNLISTED,
        exchange="binance",
        symbol="ETH-USDT",
        native_symbol="ETHUSDT",
        price_digits=2,
        size_digits=4,
        base="ETH",
        quote="USDT",
        tick=Decimal("0.01"),
        lot=Decimal("0.0001"),
        size_min=Decimal("0.0001"),
        size_max=Decimal(9000),
        notional_min=Decimal(5),
    )
    assert listed(symbol("ETHUSDT")) == [instrument, RULES]
    futures = listed(symbol("ETHUSDT"), adapter=binance_futures())
    assert futures == [msgspec.structs.replace(instrument, exchange="binance_futures")]


@pytest.mark.parametrize(
    "more", [{"status": "BREAK"}, {"status": "CANCEL_ONLY"}, {"isSpotTradingAllowed": False}]
)
def test_an_instrument_may_take_no_orders_now(more: dict[str, object]) -> None:
    assert listed(symbol("ETHUSDT", **more))[1] == msgspec.structs.replace(RULES, trading=False)


def test_the_older_filter_about_notionals_is_read_too() -> None:
    older = {"filterType": "MIN_NOTIONAL", "minNotional": "10", "applyToMarket": False}
    instrument, rules = listed(symbol("ETHUSDT", filters=[older], orderTypes=["LIMIT"]))
    assert isinstance(instrument, InstrumentListed)
    assert instrument.notional_min == 10
    assert rules == TradingRulesSet(
        instrument=UNLISTED, order_types=("limit",), market_notional=False
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"filters": [{"filterType": "PRICE_FILTER", "tickSize": 5}]},
        {"filters": [{"filterType": "PRICE_FILTER", "tickSize": "1e400"}]},
        {"filters": [{"filterType": "PRICE_FILTER", "maxPrice": "9" * 50}]},
        {"filters": [{"filterType": "MARKET_LOT_SIZE", "maxQty": "-1"}]},
        {"filters": None},
        {"baseAsset": 10**30},
        {"orderTypes": "LIMIT"},
    ],
)
def test_a_row_that_cannot_be_read_spoils_no_other(wrong: dict[str, object]) -> None:
    good = symbol("ETHUSDT")
    assert listed(good, symbol("BAD", **wrong), good) == listed(good) * 2


# Garbage


def _anything() -> st.SearchStrategy[Any]:
    plain = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats()
    numbers = st.sampled_from(["0", "-1", "1e9", "0.1", "9" * 45, "NaN", "0.0000", ""])
    return st.recursive(
        plain | numbers,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=4,
    )


POSITION = {"e": "outboundAccountPosition", "u": 5, "B": [{"a": "X", "f": "1", "l": "0"}]}
MOVED = {"e": "balanceUpdate", "a": "X", "d": "1", "T": 5}
UP = {"id": "1", "status": 200, "result": {"subscriptionId": 0}, "error": refused(-1)}
HEARD = st.sampled_from([REPORT, POSITION, MOVED, UP])
STREAM_KINDS = (
    OrderReported,
    FillReported,
    BalanceSnapshot,
    BalanceChanged,
    AccountStreamChanged,
)
ANSWERS: dict[Purpose, object] = {
    "place": PLACED,
    "cancel": CANCELED,
    "order": QUERIED,
    "open_orders": [QUERIED],
    "fills": [{"symbol": "ETHUSDT", "id": 5, "orderId": 7, "price": "1", "qty": "1", "time": 5}],
    "balances": {"balances": [{"asset": "X", "free": "1", "locked": "0"}]},
    "fees": {"symbol": "ETHUSDT", "standardCommission": rates("0", "0")},
    "token": {"listenKey": "x"},
    "keep_alive": {},
}


def read_back(events: list[AnyEvent]) -> None:
    """Each is what its type says, and comes back from the disk as it went there."""
    for each in events:
        data = msgspec.msgpack.encode(each)
        assert msgspec.msgpack.decode(data, type=type(each)) == each


def broken(message: Any, where: list[int], value: object) -> Any:
    """*message* with something else somewhere."""
    if isinstance(message, dict) and message and where:
        fields = {**cast("dict[str, Any]", message)}
        name = [*fields][where[0] % len(fields)]
        fields[name] = broken(fields[name], where[1:], value)
        return fields
    if isinstance(message, list) and where:
        return [broken(each, where[1:], value) for each in cast("Sequence[Any]", message)]
    return value


@settings(max_examples=400)
@given(HEARD, st.lists(st.integers(0, 40), min_size=1, max_size=3), _anything(), st.booleans())
def test_a_broken_frame_raises_nothing_but_what_it_may(
    message: Any, where: list[int], value: object, wrapped: bool
) -> None:
    frame = broken(message, where, value)
    try:
        events = said({"subscriptionId": 0, "event": frame} if wrapped else frame)
    except ValueError:  # msgspec's errors are ValueErrors too
        return
    assert all(isinstance(each, STREAM_KINDS) for each in events)
    read_back(events)


@settings(max_examples=400)
@given(
    st.sampled_from([*ANSWERS]),
    st.sampled_from([200, 200, 200, 400, 429, 503, 0]),
    st.lists(st.integers(0, 40), max_size=3),
    _anything(),
)
def test_a_broken_answer_raises_nothing_but_what_it_may(
    purpose: Purpose, status: int, where: list[int], value: object
) -> None:
    try:
        events = answered(purpose, broken(ANSWERS[purpose], where, value), status)
    except ValueError:
        return
    read_back(events)


@given(st.binary(max_size=80), st.sampled_from([*get_args(Purpose)]), st.integers(0, 700))
def test_bytes_that_are_nothing_raise_nothing_but_what_they_may(
    data: bytes, purpose: Purpose, status: int
) -> None:
    asked = Request("GET", REST, purpose, "ETHUSDT", signed=True)
    for frame in (
        Frame(0, "binance/1", "recv", data),
        Frame(0, "binance/http", "response", data, asked, status),
    ):
        with contextlib.suppress(ValueError):
            read_back([*binance().decode(frame, KNOWN)])
        assert binance().refusal(frame) in get_args(Refusal)
