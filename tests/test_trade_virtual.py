"""Trading through all of it: engine, wire, signatures, Binance's adapter, and a simulated Binance.

The virtual door: streams in memory and virtual time, since waits of minutes and connections that break
at a chosen frame belong to the stories; the last test has trio's own clock, because a thread is in it.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from threading import Event
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tapefold import (
    AccountRequestFailed,
    Adopt,
    AnyEvent,
    Cancel,
    CancelAll,
    CancelAllEnded,
    Declare,
    Engine,
    Halt,
    LimitRisk,
    OrderFilled,
    OrderReported,
    OrderSubmitted,
    Request,
    Resume,
    SetFees,
    Submit,
    Views,
    WatchAccount,
    open_engine,
    tidy,
)
from tapefold.adapter import AskedT, load_adapter, trader
from tapefold.engine import Live
from tapefold.errors import (
    AdapterError,
    BadInput,
    KeyRefused,
    Refused,
    UnknownInstrument,
    UnknownOrder,
)
from tapefold.folds.rules import floor_price
from tapefold.kernel import Kernel, Run
from tapefold.log import Log
from tapefold.sim import FUNDED, Answer, Refusing, Wish
from tapefold.testing import Manner, Side, VirtualExchange, breaks_off, honest, open_virtual
from tapefold.units import SECOND, Nanos
from tapefold.wire import Wire
from tapefold_adapters.binance.sim import BinanceSim

PAIR = "BTC-USDT"
Twist = Callable[[Request, Answer], Awaitable[Answer]]


async def as_it_is(request: Request, answer: Answer) -> Answer:
    return answer


@asynccontextmanager
async def trading(
    *plan: Manner, twist: Twist = as_it_is
) -> AsyncGenerator[tuple[VirtualExchange, Engine]]:
    """A funded account, watched and surveyed, and live books."""
    async with (
        open_virtual(FUNDED, plan=plan, twist=twist) as exchange,
        open_engine(exchange.live()) as engine,
    ):
        engine.subscribe("binance", PAIR)
        engine.command(WatchAccount("binance"))
        await engine.until(lambda views: views.book(PAIR).live and bool(events(engine, "surveyed")))
        yield exchange, engine


def events(engine: Engine, word: str) -> list[AnyEvent]:
    """Those whose tag has this word in it."""
    found = [record.event for record in engine.log.read()]
    return [event for event in found if word in str(type(event).__struct_config__.tag)]


def said(engine: Engine, name: str) -> list[str]:
    """What was concluded about an order, in order, by the names of the events."""
    conclusions = ("Accepted", "Filled", "Completed", "Canceled", "Rejected", "Doubted", "Expired")
    return [
        type(record.event).__name__.removeprefix("Order")
        for record in engine.log.read()
        if getattr(record.event, "client_order_id", "") == name
        and type(record.event).__name__.endswith(conclusions)
    ]


def bid(engine: Engine, ticks_below: int = 0) -> Decimal:
    """The best bid's price, so many ticks below it."""
    best = engine.views.book(PAIR).best_bid
    assert best is not None
    row = engine.views.book(PAIR).instrument
    return floor_price(row, best.price) - ticks_below * row.tick


def buy(price: Decimal, amount: str = "0.01") -> Submit:
    return Submit("binance", PAIR, "buy", Decimal(amount), price)


def ended(name: str) -> Callable[[Views], bool]:
    def predicate(views: Views) -> bool:
        order = views.orders.find(name)
        return order is not None and order.ended

    return predicate


def status(engine: Engine, name: str) -> str:
    order = engine.views.orders.find(name)
    assert order is not None
    return order.status


def sim(exchange: VirtualExchange) -> BinanceSim:
    """The exchange's own side."""
    assert isinstance(exchange.sim, BinanceSim)
    return exchange.sim


def agrees(exchange: VirtualExchange, engine: Engine) -> None:
    """Totals and holds are what the exchange has, to the last digit."""
    account, balances = sim(exchange).venue.accounts["simulatedkey"], engine.views.balances
    for asset, balance in account.balances().items():
        assert balances.total("binance", asset) == tidy(balance.free + balance.locked), asset
        assert balances.reserved("binance", asset) == tidy(balance.locked), asset


async def test_an_order_rests_and_is_canceled(autojump_clock: MockClock) -> None:
    async with trading() as (exchange, engine):
        name = engine.submit(buy(bid(engine, ticks_below=2000)))
        assert name == "virtual-1"
        assert status(engine, name) == "submitted"
        await engine.until(lambda views: status(engine, name) == "open")
        assert engine.views.balances.reserved("binance", "USDT") > 0
        agrees(exchange, engine)
        engine.command(Cancel(name))
        await engine.until(ended(name))
        assert said(engine, name) == ["Accepted", "Canceled"]
        agrees(exchange, engine)


async def test_a_market_order_is_filled_at_once_and_its_fee_is_charged_in_what_it_received(
    autojump_clock: MockClock,
) -> None:
    async with trading() as (exchange, engine):
        name = engine.submit(Submit("binance", PAIR, "buy", Decimal("0.01"), order_type="market"))
        await engine.until(ended(name))
        await trio.sleep(1)
        assert said(engine, name) == ["Accepted", "Filled", "Completed"]
        (fill,) = [e for e in events(engine, "order_filled") if isinstance(e, OrderFilled)]
        (intent,) = [e for e in events(engine, "submitted") if isinstance(e, OrderSubmitted)]
        assert fill.fees == (("BTC", Decimal("0.00001")),) == intent.fees
        position = engine.views.positions.of("binance", fill.instrument)
        assert position.amount == Decimal("0.01") - Decimal("0.00001")
        agrees(exchange, engine)


async def test_strangers_fill_an_order_bit_by_bit(autojump_clock: MockClock) -> None:
    async with trading() as (exchange, engine):
        name = engine.submit(buy(bid(engine), amount="1"))
        with trio.fail_after(3600):
            await engine.until(ended(name))
        fills = [e for e in events(engine, "order_filled") if isinstance(e, OrderFilled)]
        assert sum(fill.amount for fill in fills) == 1
        assert [fill.executed for fill in fills] == sorted(fill.executed for fill in fills)
        assert said(engine, name) == ["Accepted", *["Filled"] * len(fills), "Completed"]
        await trio.sleep(1)
        agrees(exchange, engine)


async def test_the_exchange_refuses_what_would_match(autojump_clock: MockClock) -> None:
    async with trading() as (_, engine):
        name = engine.submit(
            Submit("binance", PAIR, "sell", Decimal("0.01"), bid(engine), order_type="limit_maker")
        )
        await engine.until(ended(name))
        assert said(engine, name) == ["Rejected"]
        (event,) = events(engine, "order_rejected")
        assert getattr(event, "reason", "") == "would_match"


@pytest.mark.parametrize(
    ("order", "rule"),
    [
        (Submit("binance", PAIR, "buy", Decimal("0.01"), Decimal("60000.001")), "tick"),
        (Submit("binance", PAIR, "buy", Decimal("0.000001"), Decimal(60000)), "size_min"),
        (Submit("binance", PAIR, "buy", Decimal("0.00001"), Decimal(60000)), "notional_min"),
        (Submit("binance", PAIR, "buy", Decimal(100), Decimal(60000)), "budget"),
        (Submit("binance", PAIR, "sell", Decimal("2.5"), Decimal(70000)), "budget"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_may_not_leave_is_rejected_in_one_step_and_never_asked(
    order: Submit, rule: str, autojump_clock: MockClock
) -> None:
    async with trading() as (exchange, engine):
        name = engine.submit(order)
        assert status(engine, name) == "rejected"
        assert said(engine, name) == ["Rejected"]
        (report,) = [e for e in events(engine, "order_reported") if isinstance(e, OrderReported)]
        assert report.reason == rule
        await trio.sleep(1)
        assert "/api/v3/order" not in exchange.asked


async def test_nothing_leaves_before_the_account_is_surveyed(autojump_clock: MockClock) -> None:
    async with open_virtual(FUNDED) as exchange, open_engine(exchange.live()) as engine:
        with pytest.raises(AdapterError, match="WatchAccount"):
            engine.submit(buy(Decimal(60000)))
        engine.subscribe("binance", PAIR)
        await engine.until(lambda views: views.book(PAIR).live)
        engine.command(WatchAccount("binance"))
        name = engine.submit(buy(bid(engine)))
        assert said(engine, name) == ["Rejected"]


async def test_what_is_no_order_is_an_error_and_leaves_no_trace(autojump_clock: MockClock) -> None:
    async with trading() as (_, engine):
        head = engine.log.head
        for wrong in (
            Submit("binance", PAIR, "buy", 0.1, Decimal(60000)),  # type: ignore[arg-type]  # a float
            Submit("binance", PAIR, "buy", Decimal("NaN"), Decimal(60000)),
            Submit("binance", PAIR, "buy", Decimal("0.1")),
            Submit("binance", PAIR, "buy", Decimal("-0.1"), Decimal(60000)),
        ):
            with pytest.raises(BadInput):
                engine.submit(wrong)
        with pytest.raises(UnknownInstrument):
            engine.submit(Submit("binance", "NO-PE", "buy", Decimal(1), Decimal(1)))
        with pytest.raises(UnknownOrder):
            engine.command(Cancel("nobody"))
        assert engine.log.head == head


_BUY: dict[str, Any] = {
    "exchange": "binance",
    "instrument": PAIR,
    "side": "buy",
    "amount": Decimal("0.01"),
    "price": Decimal(60000),
}
WRONG: list[tuple[Any, dict[str, Any]]] = [
    (Submit, {**_BUY, "side": "BUY"}),
    (Submit, {**_BUY, "side": None}),
    (Submit, {**_BUY, "order_type": "stop"}),
    (Submit, {**_BUY, "order_type": "market"}),
    (Submit, {**_BUY, "tif": "day"}),
    (Submit, {**_BUY, "by": 5}),
    (Submit, {**_BUY, "expires_at": 1.9e18}),
    (Submit, {**_BUY, "expires_at": 2**70}),
    (Submit, {**_BUY, "expires_at": -1}),
    (Submit, {**_BUY, "price": Decimal(0)}),
    (Adopt, {**_BUY, "exchange_order_id": 99}),
    (Adopt, {**_BUY, "exchange_order_id": ""}),
    (LimitRisk, {"exchange": "binance", "open_orders_max": 1.5}),
    (LimitRisk, {"exchange": "binance", "open_orders_max": -1}),
    (LimitRisk, {"exchange": "binance", "submits_max": 3}),
    (SetFees, {"exchange": "binance", "maker_rate": Decimal(10)}),
    (CancelAll, {"exchange": "binance", "timeout": 0}),
    (WatchAccount, {"exchange": "binance", "poll": -1}),
    (Halt, {"reason": None}),
    (Halt, {"reason": ""}),
    (Halt, {"reason": "\ud800"}),
    (str, {}),
]


@pytest.mark.parametrize(("kind", "fields"), WRONG)
async def test_a_command_that_is_none_is_told_as_one_and_leaves_no_trace(
    kind: Any, fields: dict[str, Any], autojump_clock: MockClock
) -> None:
    """Python checks no types; what stood in the log could not be read any more."""
    async with trading() as (_, engine):
        head = engine.log.head
        with pytest.raises(BadInput):
            engine.command(kind(**fields))
        assert engine.log.head == head


async def test_an_id_that_the_account_has_already_is_not_given_again(
    autojump_clock: MockClock,
) -> None:
    """Two runs that are called alike: the second one's first order is not the first one's."""
    async with open_virtual(FUNDED) as exchange:
        for side, price in (("buy", "50000"), ("sell", "70000")):
            async with open_engine(exchange.live()) as engine:
                engine.subscribe("binance", PAIR)
                engine.command(WatchAccount("binance"))
                await engine.until(lambda views: views.ready("binance") and views.book(PAIR).live)
                order = Submit("binance", PAIR, side, Decimal("0.01"), Decimal(price))  # type: ignore[arg-type]  # of two words
                name = engine.submit(order)
                await engine.until(lambda views: status(engine, name) == "open")  # noqa: B023 - at once
        assert name == "virtual-2"
        names = [order.wish.client_order_id for order in sim(exchange).venue.orders("simulatedkey")]
        assert names == ["virtual-1", "virtual-2"]


async def test_a_number_is_logged_in_one_way_however_it_was_written(
    autojump_clock: MockClock,
) -> None:
    async with trading() as (_, engine):
        for text in ("0.010", "0.01", "1E-2"):
            engine.submit(buy(bid(engine, ticks_below=2000), text))
        amounts = {
            str(e.amount) for e in events(engine, "submitted") if isinstance(e, OrderSubmitted)
        }
        assert amounts == {"0.01"}


@pytest.mark.parametrize("text", ["1E+999999", "1E-999999", "1E+200000000"])
async def test_an_absurd_number_is_refused_at_once(text: str, autojump_clock: MockClock) -> None:
    async with trading() as (_, engine):
        with pytest.raises(BadInput, match="too many digits"):
            engine.submit(buy(Decimal(60000), text))


async def test_a_band_measures_the_book_and_not_the_margin(autojump_clock: MockClock) -> None:
    async with trading() as (_, engine):
        engine.command(LimitRisk("binance", band=Decimal("0.01")))
        market = Submit("binance", PAIR, "buy", Decimal("0.01"), order_type="market")
        assert status(engine, engine.submit(market)) == "submitted"
        far = engine.submit(buy(bid(engine) * 2))
        assert status(engine, far) == "rejected"
        (report,) = [e for e in events(engine, "reported") if isinstance(e, OrderReported)]
        assert report.reason == "risk_band"


async def test_an_order_whose_reply_is_lost_is_asked_about_and_never_sent_twice(
    autojump_clock: MockClock,
) -> None:
    async def cut(request: Request, answer: Answer) -> Answer:
        if request.method == "POST":
            raise httpx.ReadError("cut after it was done")
        return answer

    async with trading(twist=cut) as (exchange, engine):
        name = engine.submit(buy(bid(engine, ticks_below=2000)))
        with trio.fail_after(600):
            await engine.until(lambda views: status(engine, name) == "open")
        await trio.sleep(200)
        assert len([path for path in exchange.asked if path == "/api/v3/order"]) >= 1
        placed = list(sim(exchange).venue.orders("simulatedkey"))
        assert [order.wish.client_order_id for order in placed] == [name]
        agrees(exchange, engine)


async def test_an_order_that_never_arrived_is_rejected_once_it_cannot_arrive_any_more(
    autojump_clock: MockClock,
) -> None:
    async with trading() as (exchange, engine):
        sim(exchange).faults.add(Refusing("POST /api/v3/order", 503))
        name = engine.submit(buy(bid(engine, ticks_below=2000)))
        with trio.fail_after(600):
            await engine.until(ended(name))
        assert said(engine, name) == ["Doubted", "Rejected", "Doubted"]
        assert engine.views.balances.reserved("binance", "USDT") == 0


async def test_what_a_silent_stream_does_not_say_is_found_by_polling(
    autojump_clock: MockClock,
) -> None:
    async with trading() as (exchange, engine):
        resting = engine.submit(buy(bid(engine, ticks_below=2000)))
        filled = engine.submit(buy(bid(engine)))
        await engine.until(lambda views: status(engine, filled) == "open")
        sim(exchange).faults.silent = True
        with trio.fail_after(3600):
            await engine.until(ended(filled))
        told = [word for word in said(engine, filled) if word not in ("Filled", "Doubted")]
        assert told == ["Accepted", "Completed"]
        assert status(engine, resting) == "open"
        await trio.sleep(1)
        agrees(exchange, engine)


async def test_a_stream_that_breaks_is_opened_again_and_the_account_surveyed(
    autojump_clock: MockClock,
) -> None:
    breaks = [breaks_off(3, b"")]

    async def manner(side: Side) -> None:
        once = "ws-api" in side.url and breaks
        await (breaks.pop() if once else honest)(side)

    async with trading(*[manner] * 9) as (exchange, engine):
        names = [engine.submit(buy(bid(engine))) for _ in range(3)]
        with trio.fail_after(3600):
            for name in names:
                await engine.until(ended(name))
        assert all(said(engine, name)[-1] == "Completed" for name in names)
        assert len(events(engine, "surveyed")) >= 2
        await trio.sleep(1)
        agrees(exchange, engine)


def foreign(size: int, price: int) -> Wish:
    """An order that somebody else places with our account."""
    return Wish(
        symbol=PAIR,
        side="buy",
        order_type="limit",
        client_order_id="by-hand",
        size=size,
        price=price,
    )


async def test_cancel_all_and_the_kill_switch_touch_only_what_is_ours(
    autojump_clock: MockClock,
) -> None:
    async with trading() as (exchange, engine):
        row = engine.views.book(PAIR).instrument
        lots, ticks = 10**row.size_digits, 60_000 * 10**row.price_digits
        sim(exchange).venue.place("simulatedkey", foreign(lots, ticks), engine.time)
        names = [engine.submit(buy(bid(engine, ticks_below=2000 + n))) for n in range(3)]
        await engine.until(lambda views: all(status(engine, name) == "open" for name in names))
        engine.command(CancelAll("binance", timeout=5 * SECOND))
        await engine.until(lambda views: bool(events(engine, "cancel_all_ended")))
        (event,) = events(engine, "cancel_all_ended")
        assert event == CancelAllEnded(exchange="binance", ended=tuple(names), left=())
        last = engine.submit(buy(bid(engine, ticks_below=2000)))
        await engine.until(lambda views: status(engine, last) == "open")
        engine.command(Halt("enough"))
        await engine.until(ended(last))
        assert said(engine, engine.submit(buy(bid(engine)))) == ["Rejected"]
        engine.command(Resume())
        again = engine.submit(buy(bid(engine, ticks_below=2000)))
        assert status(engine, again) == "submitted"
        states = [order.state for order in sim(exchange).venue.orders("simulatedkey")]
        assert states[0] == "open", "what is not ours is left alone"


async def test_a_wrong_key_is_told_once_and_nothing_is_asked_any_more(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual(FUNDED) as exchange:
        live = exchange.live()._replace(
            keys={"binance": {"key": "simulatedkey", "secret": "wrong"}}
        )
        async with open_engine(live) as engine:
            engine.subscribe("binance", PAIR)
            engine.command(WatchAccount("binance"))
            await engine.until(lambda views: views.book(PAIR).live)
            exchange.halt()
            await trio.sleep(600)
            asked = len(exchange.asked)
            await trio.sleep(600)
            private = [path for path in exchange.asked if "account" in path or "Orders" in path]
            assert len(private) <= 2
            assert len(exchange.asked) == asked
            assert said(engine, engine.submit(buy(bid(engine)))) == ["Rejected"]
            failed = [e for e in events(engine, "account_") if isinstance(e, AccountRequestFailed)]
            assert all(e.refusal == "key" for e in failed)


async def test_a_key_that_may_not_trade_still_reads(autojump_clock: MockClock) -> None:
    async def forbidden(request: Request, answer: Answer) -> Answer:
        if request.method != "POST":
            return answer
        return Answer(
            401, b'{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}'
        )

    async with trading(twist=forbidden) as (_, engine):
        name = engine.submit(buy(bid(engine)))
        await engine.until(ended(name))
        assert said(engine, name) == ["Rejected"]
        await trio.sleep(300)
        assert engine.views.ready("binance")
        assert len(events(engine, "surveyed")) > 1


async def test_fees_that_nobody_says_are_asked_for_once(autojump_clock: MockClock) -> None:
    async def unknown(request: Request, answer: Answer) -> Answer:
        if not request.url.partition("?")[0].endswith("/commission"):
            return answer
        return Answer(404, b'{"code":-1000,"msg":"Not found."}')

    async with trading(twist=unknown) as (exchange, engine):
        engine.submit(buy(bid(engine, ticks_below=2000)))
        await trio.sleep(300)
        assert exchange.asked.count("/api/v3/account/commission") == 1
        assert engine.views.ready("binance")


async def test_a_run_whose_order_ids_would_be_too_long_is_told_so(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual(FUNDED) as exchange:
        async with open_engine(exchange.live()._replace(run_id="x" * 40)) as engine:
            engine.subscribe("binance", PAIR)
            engine.command(WatchAccount("binance"))
            await engine.until(lambda views: views.ready("binance"))
            with pytest.raises(BadInput, match="shorter run_id"):
                engine.submit(buy(Decimal(60000)))


async def test_an_instrument_s_own_fees_are_asked_for_once_it_is_traded(
    autojump_clock: MockClock,
) -> None:
    async with trading() as (exchange, engine):
        for _ in range(2):
            engine.submit(buy(bid(engine, ticks_below=2000)))
        await trio.sleep(1)
        assert exchange.asked.count("/api/v3/account/commission") == 1
        instrument = engine.views.book(PAIR).instrument.instrument
        schedule = engine.views.fees.schedule("binance", instrument)
        assert schedule is not None
        assert (schedule.instrument, schedule.source) == (instrument, "exchange")


async def test_whoever_waits_for_an_account_hears_that_its_key_is_refused(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual(FUNDED) as exchange:
        live = exchange.live()._replace(
            keys={"binance": {"key": "wrong", "secret": "simulatedsecret"}}
        )
        async with open_engine(live) as engine:
            engine.command(WatchAccount("binance"))
            with trio.fail_after(60), pytest.raises(KeyRefused, match="refuses the key"):
                await engine.until(lambda views: views.ready("binance"))


async def test_an_account_whose_key_was_refused_can_be_watched_again(
    autojump_clock: MockClock,
) -> None:
    """Its permissions were mended meanwhile."""
    good = False

    async def forbidden(request: Request, answer: Answer) -> Answer:
        private = "/account" in request.url or "/openOrders" in request.url
        if good or not private:
            return answer
        return Answer(
            401, b'{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}'
        )

    async with (
        open_virtual(FUNDED, twist=forbidden) as exchange,
        open_engine(exchange.live()) as engine,
    ):
        engine.command(WatchAccount("binance"))
        with trio.fail_after(60), pytest.raises(KeyRefused):
            await engine.until(lambda views: views.ready("binance"))
        good = True
        engine.command(WatchAccount("binance"))
        with trio.fail_after(60):
            await engine.until(lambda views: views.ready("binance"))
        before = exchange.asked.count("/api/v3/account")
        await trio.sleep(500)
        polls = exchange.asked.count("/api/v3/account") - before
        assert 30 <= polls <= 50, "every 10 s once nothing is heard, and not twice"


async def test_keys_that_are_no_text_are_told_so() -> None:
    async with open_virtual(FUNDED) as exchange:
        keys: Any = {"binance": {"key": 5, "secret": "secret"}}
        async with open_engine(exchange.live()._replace(keys=keys)) as engine:
            with pytest.raises(BadInput, match="key is no text"):
                engine.command(WatchAccount("binance"))


async def test_money_that_nobody_explains_is_asked_about_again_and_then_believed(
    autojump_clock: MockClock,
) -> None:
    async with trading() as (exchange, engine):
        sim(exchange).faults.silent = True
        sim(exchange).deposit("simulatedkey", "BTC", Decimal(3), engine.time)
        began = engine.time
        with trio.fail_after(400):
            await engine.until(lambda views: views.balances.total("binance", "BTC") == 5)
        assert engine.time - began < 150 * SECOND
        agrees(exchange, engine)


@pytest.mark.parametrize("ahead", [-40, 40])
async def test_what_is_signed_has_the_exchange_s_time(
    ahead: int, autojump_clock: MockClock
) -> None:
    """Seconds; more than a request is valid."""
    async with open_virtual(FUNDED) as exchange, open_engine(exchange.live()) as engine:
        sim(exchange).faults.ahead = ahead * SECOND
        engine.subscribe("binance", PAIR)
        engine.command(WatchAccount("binance"))
        with trio.fail_after(120):
            await engine.until(lambda views: views.ready("binance") and views.book(PAIR).live)
            name = engine.submit(buy(bid(engine, ticks_below=2000)))
            await engine.until(lambda views: status(engine, name) == "open")


async def test_an_account_without_keys_is_refused_with_what_is_missing() -> None:
    async with open_virtual(FUNDED) as exchange:
        async with open_engine(exchange.live()._replace(keys={})) as engine:
            with pytest.raises(Refused, match="key and secret"):
                engine.command(WatchAccount("binance"))


def test_what_an_engine_is_opened_with_does_not_show_its_keys() -> None:
    live = Live(("binance",), keys={"binance": {"key": "k-canary", "secret": "s-canary"}})
    assert "canary" not in f"{live!r} {live}"


async def test_no_log_of_the_process_has_a_signature_or_a_key(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with trading() as (_, engine):
            name = engine.submit(buy(bid(engine, ticks_below=2000)))
            await engine.until(lambda views: status(engine, name) == "open")
        async with httpx.AsyncClient(transport=httpx.MockTransport(_nothing)) as others:
            await others.get("https://example.test/?a=b")
    assert "signature" not in caplog.text
    assert "/api/v3/order" not in caplog.text
    assert "https://example.test/?a=b" in caplog.text  # what an embedder asks is his to log


def _nothing(_: httpx.Request) -> httpx.Response:
    return httpx.Response(204)


class Behind(Log):
    """A log whose disk is behind, until somebody lets it catch up."""

    def __init__(self) -> None:
        super().__init__()
        self.may, self.waited = Event(), trio.Event()

    @property
    def durable(self) -> int:
        return self.head if self.may.is_set() else 0

    def flush(self) -> None:
        if not self.may.is_set():
            self.waited.set()

    def wait(self) -> None:
        self.may.wait(60)


async def test_an_order_leaves_only_when_its_intent_is_on_the_disk() -> None:
    """Memory streams that hold nothing back, and trio's own clock: a thread is in it."""
    log = Behind()
    log.may.set()
    async with open_virtual(FUNDED) as exchange, trio.open_nursery() as nursery:
        kernel = Kernel({"binance": load_adapter("binance")}, log)
        wire = Wire(kernel, log, exchange.outside._replace(sign=signing))
        await nursery.start(wire.run)
        kernel.start(wire.time, Run("disk"))
        wire.command(WatchAccount("binance"))
        while kernel.trading["binance"].account.unready:
            await trio.testing.wait_all_tasks_blocked(0.001)
        wire.command(Declare("binance", ()))
        log.may.clear()
        log.waited = trio.Event()
        price, amount = Decimal(64000), Decimal("0.01")
        wire.command(Submit("binance", PAIR, "buy", amount, price))
        await log.waited.wait()
        assert "/api/v3/order" not in exchange.asked
        log.may.set()
        while "/api/v3/order" not in exchange.asked:
            await trio.testing.wait_all_tasks_blocked(0.001)
        nursery.cancel_scope.cancel()


def signing(exchange: str, asked: AskedT, time: Nanos) -> AskedT:
    able = trader(load_adapter(exchange))
    assert able is not None
    return able.sign(asked, {"key": "simulatedkey", "secret": "simulatedsecret"}, time)
