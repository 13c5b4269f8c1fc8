"""What others recorded of Binance's private side, read into the right events.

The expected events are written by hand, from the fact sheet and the recordings, never from what the
code said. Needs no door: recorded messages go straight into the adapter.
"""

import json
from decimal import Decimal
from typing import Any, cast

import pytest
from captures import RECORDINGS, needs_recordings

from tapefold import (
    UNLISTED,
    AnyEvent,
    BalanceChanged,
    BalanceSnapshot,
    Fees,
    FeeScheduleSet,
    FillReported,
    Frame,
    InstrumentListed,
    OrderReported,
    Purpose,
    Request,
    Says,
    Side,
)
from tapefold_adapters.binance import binance, binance_listen_key

pytestmark = needs_recordings
MILLISECOND = 1_000_000
NATIVES = ["LINKETH", "ETHUSDT", "LTCBTC", "BTCUSDT", "BNBBTC"]
KNOWN = {
    native: InstrumentListed(
        instrument=number,
        exchange="binance",
        symbol=native,
        native_symbol=native,
        price_digits=8,
        size_digits=8,
    )
    for number, native in enumerate(NATIVES)
}
LINKETH, ETHUSDT, LTCBTC, BTCUSDT, BNBBTC = range(5)


def heard(message: object) -> list[AnyEvent]:
    """A frame of the user stream, bare ones by the listen key's."""
    adapter = binance() if "event" in cast("dict[str, Any]", message) else binance_listen_key()
    frame = Frame(0, "binance/1", "recv", json.dumps(message).encode())
    return [*adapter.decode(frame, KNOWN)]


def answered(
    purpose: Purpose, message: object, subject: str = "", attempt: int = 0
) -> list[AnyEvent]:
    """An answer."""
    asked = Request("GET", "https://api.binance.com", purpose, subject, attempt=attempt)
    data = json.dumps(message).encode()
    frame = Frame(0, "binance/http", "response", data, request=asked, status=200)
    return [*binance().decode(frame, KNOWN)]


def order(
    ids: tuple[int, str, int],
    side: Side,
    says: Says,
    time: int,
    *,
    executed: str = "0",
    value: str = "0",
    reason: str = "",
) -> OrderReported:
    """An order: its instrument, its ids by us and by them."""
    return OrderReported(
        exchange="binance",
        instrument=ids[0],
        side=side,
        client_order_id=ids[1],
        exchange_order_id=str(ids[2]),
        time_exchange=time * MILLISECOND,
        says=says,
        executed=Decimal(executed),
        value=Decimal(value),
        reason=reason,
    )


def fill(
    ids: tuple[int, str, int],
    side: Side,
    time: int,
    trade: tuple[int, str, str],
    fees: Fees,
    *,
    value: str | None = None,
    maker: bool | None = None,
) -> FillReported:
    """A trade: its number, price and amount."""
    return FillReported(
        exchange="binance",
        instrument=ids[0],
        side=side,
        client_order_id=ids[1],
        exchange_order_id=str(ids[2]),
        time_exchange=time * MILLISECOND,
        fill_id=str(trade[0]),
        price=Decimal(trade[1]),
        amount=Decimal(trade[2]),
        value=None if value is None else Decimal(value),
        fees=fees,
        maker=maker,
    )


# Hummingbot's, of an account of January 2020


BUY_1 = LINKETH, "buy-LINKETH-1580093594011279", 153849723
SELL_1 = LINKETH, "sell-LINKETH-1580093596005686", 153849728
BUY_WS = LINKETH, "buy-LINKETH-1580204166011219", 154152657
SELL_WS = LINKETH, "sell-LINKETH-1580194659898896", 154131675
BUY_LIMIT = LINKETH, "buy-LINKETH-1580267497008962", 154314008
SELL_LIMIT = LINKETH, "sell-LINKETH-1580267499003825", 154314012
BUY_OPEN = LINKETH, "buy-LINKETH-1580268987255692", 154316832
SELL_OPEN = LINKETH, "sell-LINKETH-1580268987255716", 154316831
BUY_FINE = LINKETH, "buy-LINKETH-1580289856010707", 154388421
SELL_FINE = LINKETH, "sell-LINKETH-1580289858445415", 154388434
HUMMINGBOT: dict[str, tuple[Purpose | None, list[AnyEvent]]] = {
    "GET_ACCOUNT": (
        "balances",
        [
            BalanceSnapshot(
                exchange="binance",
                totals=(("ETH", Decimal("0.77377698")), ("LINK", Decimal("4.997"))),
                held=(("ETH", Decimal(0)), ("LINK", Decimal(0))),
                time_exchange=1580009996654 * MILLISECOND,
            ),
            FeeScheduleSet(
                exchange="binance", maker_rate=Decimal("0.001"), taker_rate=Decimal("0.001")
            ),
        ],
    ),
    "GET_LISTEN_KEY": ("token", []),
    "ORDER_BUY": (
        "place",
        [
            order(BUY_1, "buy", "filled", 1580093594072, executed="1", value="0.01553045"),
            fill(
                BUY_1,
                "buy",
                1580093594072,
                (6034666, "0.01553045", "1"),
                (("LINK", Decimal("0.001")),),
            ),
        ],
    ),
    "WS_AFTER_BUY_1": (None, [order(BUY_WS, "buy", "open", 1580204166108)]),
    "WS_AFTER_BUY_2": (
        None,
        [
            order(BUY_WS, "buy", "filled", 1580204166108, executed="1", value="0.01525328"),
            fill(
                BUY_WS,
                "buy",
                1580204166108,
                (6040818, "0.01525328", "1"),
                (("LINK", Decimal("0.001")),),
                value="0.01525328",
                maker=False,
            ),
        ],
    ),
    "ORDER_SELL": (
        "place",
        [
            order(SELL_1, "sell", "filled", 1580093596074, executed="1", value="0.01547019"),
            fill(
                SELL_1,
                "sell",
                1580093596074,
                (6034667, "0.01547019", "1"),
                (("ETH", Decimal("0.00001547")),),
            ),
        ],
    ),
    "WS_AFTER_SELL_1": (None, [order(SELL_WS, "sell", "open", 1580194664552)]),
    "WS_AFTER_SELL_2": (
        None,
        [
            order(SELL_WS, "sell", "filled", 1580194664552, executed="1", value="0.01522729"),
            fill(
                SELL_WS,
                "sell",
                1580194664552,
                (6040499, "0.01522729", "1"),
                (("ETH", Decimal("0.00001523")),),
                value="0.01522729",
                maker=False,
            ),
        ],
    ),
    "ORDER_BUY_LIMIT": (
        "place",
        [
            order(BUY_LIMIT, "buy", "filled", 1580267497079, executed="1", value="0.01511937"),
            fill(
                BUY_LIMIT,
                "buy",
                1580267497079,
                (6043839, "0.01511937", "1"),
                (("LINK", Decimal("0.001")),),
            ),
        ],
    ),
    "ORDER_SELL_LIMIT": (
        "place",
        [
            order(SELL_LIMIT, "sell", "filled", 1580267499071, executed="1", value="0.01509565"),
            fill(
                SELL_LIMIT,
                "sell",
                1580267499071,
                (6043840, "0.01509565", "1"),
                (("ETH", Decimal("0.0000151")),),
            ),
        ],
    ),
    "ORDER_BUY_NOT_FILLED": ("place", [order(BUY_OPEN, "buy", "open", 1580268987325)]),
    "ORDER_SELL_NOT_FILLED": ("place", [order(SELL_OPEN, "sell", "open", 1580268987313)]),
    "CANCEL_ORDER": ("cancel", [order(SELL_OPEN, "sell", "canceled", 0)]),
    "ORDER_BUY_PRECISION": ("place", [order(BUY_FINE, "buy", "open", 1580289856293)]),
    "ORDER_BUY_PRECISION_GET": ("order", [order(BUY_FINE, "buy", "open", 1580289856293)]),
    "ORDER_SELL_PRECISION": ("place", [order(SELL_FINE, "sell", "open", 1580289858734)]),
    "ORDER_SELL_PRECISION_GET": ("order", [order(SELL_FINE, "sell", "open", 1580289858734)]),
}
PUBLIC = {
    "GET_TRADE_FEES",  # of an older API, `wapi`, that nobody asks any more
    "LINKETH_SNAP",
    "ZRXETH_SNAP",
}


def hummingbot() -> dict[str, Any]:
    text = (RECORDINGS / "hummingbot" / "binance.json").read_text()
    return cast("dict[str, Any]", json.loads(text))


@pytest.mark.parametrize("name", HUMMINGBOT)
def test_a_message_of_a_real_account_is_read(name: str) -> None:
    purpose, events = HUMMINGBOT[name]
    message = hummingbot()[name]
    assert (answered(purpose, message) if purpose else heard(message)) == events


def test_no_private_message_of_hummingbot_was_left_out() -> None:
    assert {*hummingbot()} == {*HUMMINGBOT} | PUBLIC


def test_the_listen_key_is_read() -> None:
    data = json.dumps(hummingbot()["GET_LISTEN_KEY"]).encode()
    frame = Frame(0, "binance/http", "response", data, status=200)
    assert binance_listen_key().read_token(frame) == "REDACTED"


# Nautilus', of 2017 to 2024


NAUTILUS = RECORDINGS / "nautilus" / "binance" / "spot"
LIMIT = ETHUSDT, "x-TD67BGP9-T0000000000000", 12345678
STOP = ETHUSDT, "x-TD67BGP9-T0000000000001", 12345679
FIRST = LTCBTC, "myOrder1", 1
MARKET = BTCUSDT, "6gCrw2kRUAF9CvJDGP16IP", 28


def sold(number: int, price: str, amount: str, fee: str) -> FillReported:
    """A fill of the market order of 2017."""
    return fill(MARKET, "sell", 1507725176595, (number, price, amount), (("USDT", Decimal(fee)),))


STREAM: dict[str, list[AnyEvent]] = {
    "account_position": [
        BalanceSnapshot(
            exchange="binance",
            totals=(("ETH", Decimal(5)), ("USDT", Decimal(12500))),
            complete=False,
            held=(("ETH", Decimal(0)), ("USDT", Decimal(2500))),
            time_exchange=1709654400000 * MILLISECOND,
        )
    ],
    "account_position_wrapped": [
        BalanceSnapshot(
            exchange="binance",
            totals=(("ETH", Decimal(10000)),),
            complete=False,
            held=(("ETH", Decimal(0)),),
            time_exchange=1564034571073 * MILLISECOND,
        )
    ],
    "balance_update": [
        BalanceChanged(
            exchange="binance",
            asset="BTC",
            delta=Decimal("0.001"),
            transfer_id="1709654400000:BTC:0.001",
            time_exchange=1709654400000 * MILLISECOND,
        )
    ],
    "balance_update_wrapped": [
        BalanceChanged(
            exchange="binance",
            asset="BTC",
            delta=Decimal(100),
            transfer_id="1573200697068:BTC:100",
            time_exchange=1573200697068 * MILLISECOND,
        )
    ],
    "execution_report_new": [order(LIMIT, "buy", "open", 1709654400000)],
    "execution_report_trade": [
        order(LIMIT, "buy", "filled", 1709654401000, executed="1", value="2500"),
        fill(
            LIMIT,
            "buy",
            1709654401000,
            (98765432, "2500", "1"),
            (("ETH", Decimal("0.001")),),
            maker=True,
        ),
    ],
    "execution_report_canceled": [order(LIMIT, "buy", "canceled", 1709654402000)],
    "execution_report_expired": [
        order(LIMIT, "buy", "expired", 1709654403000, reason="no_liquidity")
    ],
    "execution_report_stop_loss": [order(STOP, "sell", "open", 1709654400000)],
    "execution_report_wrapped": [
        order((UNLISTED, "mUvoqJxFIILMdfAW5iGSOW", 4293153), "buy", "open", 1499405658657)
    ],
    "list_status_wrapped": [],
}
PAGES: dict[str, tuple[Purpose, list[AnyEvent]]] = {
    "account_response": (
        "balances",
        [
            BalanceSnapshot(
                exchange="binance",
                totals=(("BTC", Decimal("4723846.89208129")), ("LTC", Decimal("4763368.68006011"))),
                held=(("BTC", Decimal(0)), ("LTC", Decimal(0))),
                time_exchange=123456789 * MILLISECOND,
            ),
            FeeScheduleSet(
                exchange="binance", maker_rate=Decimal("0.0015"), taker_rate=Decimal("0.0015")
            ),
        ],
    ),
    "new_order_full_response": (
        "place",
        [
            order(MARKET, "sell", "filled", 1507725176595, executed="10", value="10"),
            sold(56, "4000", "1", "4"),
            sold(57, "3999", "5", "19.995"),
            sold(58, "3998", "2", "7.996"),
            sold(59, "3997", "1", "3.997"),
            sold(60, "3995", "1", "3.995"),
        ],
    ),
    "cancel_order_response": (
        "cancel",
        [order((LTCBTC, "myOrder1", 4), "buy", "canceled", 1684804350068)],
    ),
    "order_response": ("order", [order(FIRST, "buy", "open", 1499827319559)]),
    "open_orders_response": ("open_orders", [order(FIRST, "buy", "open", 1499827319559)]),
    "all_orders_response": ("open_orders", [order(FIRST, "buy", "open", 1499827319559)]),
    "account_trades_response": (
        "fills",
        [
            fill(
                (BNBBTC, "", 100234),
                "buy",
                1499865549590,
                (28457, "4.000001", "12"),
                (("BNB", Decimal("10.1")),),
                value="48.000012",
                maker=False,
            )
        ],
    ),
}


def nautilus(folder: str, name: str) -> Any:
    return json.loads((NAUTILUS / folder / f"{name}.json").read_text())


@pytest.mark.parametrize("name", STREAM)
def test_a_message_of_the_user_stream_is_read(name: str) -> None:
    assert heard(nautilus("user_data_json", name)) == STREAM[name]


@pytest.mark.parametrize("name", PAGES)
def test_an_answer_about_an_account_is_read(name: str) -> None:
    purpose, events = PAGES[name]
    assert answered(purpose, nautilus("http_json", name)) == events


def test_no_message_of_the_user_stream_was_left_out() -> None:
    assert {path.stem for path in (NAUTILUS / "user_data_json").iterdir()} == {*STREAM}
