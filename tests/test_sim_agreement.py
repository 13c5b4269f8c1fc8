"""What is said where an engine and the simulated exchange do not agree.

The virtual door: an engine on memory streams, at a market that stands still. Then something is done
behind its back, at the exchange alone, and each thing is one sentence. That all agree after every
random story is proven in test_trade_sim_model.py, with the same function.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal

import trio
from msgspec.structs import replace
from private_runs import KEY, PAIR, bid, status, story_of
from trio.testing import MockClock

from tapefold import Cancel, Engine, Submit, WatchAccount, open_engine
from tapefold.events import (
    ZERO,
    BookInvalidated,
    OrderRejected,
    OrderReported,
    OrderSubmitted,
    RequestAnswered,
)
from tapefold.sim import Wish
from tapefold.sim.agreement import disagreements
from tapefold.testing import VirtualExchange, open_virtual
from tapefold.units import MINUTE, fixed, plain, tidy
from tapefold.views import Views

_STORY = story_of()
STILL = replace(_STORY, specs=(replace(_STORY.specs[0], pause=10_000_000 * MINUTE, stray_after=0),))
"""One market in which no stranger ever does anything."""


@asynccontextmanager
async def agreed() -> AsyncGenerator[tuple[VirtualExchange, Engine, str]]:
    """An engine that has bought, sold, canceled and left one order open; they agree. And that one."""
    async with open_virtual(STILL) as exchange, open_engine(exchange.live()) as engine:
        engine.subscribe("binance", PAIR)
        engine.command(WatchAccount("binance"))
        await engine.until(lambda views: views.ready("binance") and views.book(PAIR).live)
        bought = _submit(engine, "buy", "0.3")
        canceled = _submit(engine, "sell", "0.02", Decimal(90_000))
        await engine.settled(bought)
        await engine.until(lambda _: status(engine, canceled) == "open")
        engine.command(Cancel(canceled))
        await engine.settled(canceled)
        resting = _submit(engine, "buy", "0.01", bid(engine, 2000))
        await engine.until(lambda _: status(engine, resting) == "open")
        await trio.sleep(5)
        assert _differences(exchange, engine.views) == []
        yield exchange, engine, resting


def _submit(engine: Engine, side: str, amount: str, price: Decimal | None = None) -> str:
    kind = "limit" if price else "market"
    return engine.submit(
        Submit("binance", PAIR, side, Decimal(amount), price, order_type=kind)  # type: ignore[arg-type]  # words of `Submit`
    )


def _differences(exchange: VirtualExchange, views: Views, *, books: bool = True) -> list[str]:
    return disagreements(views, "binance", exchange.sim.venue, KEY, books=books)


def _intent(views: Views, name: str) -> OrderSubmitted:
    intent = views.orders.ours[name].intent
    assert intent
    return intent


def _by_hand(exchange: VirtualExchange, name: str) -> None:
    """The account's owner offers 0.02 BTC at 95,000, and no engine hears of it."""
    wish = Wish(
        symbol=PAIR,
        side="sell",
        order_type="limit",
        client_order_id=name,
        size=2_000,
        price=95_000_000,
    )
    exchange.sim.venue.place(KEY, wish, exchange.clock.now())


def _plain(number: Decimal | None) -> str:
    return fixed(tidy(number or ZERO))


async def test_an_order_that_ended_there_alone_is_told_with_what_it_held(
    autojump_clock: MockClock,
) -> None:
    async with agreed() as (exchange, engine, resting):
        venue, price = exchange.sim.venue, _intent(engine.views, resting).price
        assert price
        free = engine.views.balances.available("binance", "USDT")
        held = price / 100
        venue.cancel(venue.named(KEY, resting), exchange.clock.now())
        sentences = [
            f"order {resting}: open here, canceled there",
            f"USDT: free {_plain(free)} here, {_plain(free + held)} there",
            f"USDT: held by orders {_plain(held)} here, 0 there",
            f"the book of BTC-USDT, bids: at {_plain(price)} 0.01 here, nothing there",
        ]
        assert _differences(exchange, engine.views) == sentences
        assert _differences(exchange, engine.views, books=False) == sentences[:3]


async def test_what_came_to_the_account_unseen_is_told(autojump_clock: MockClock) -> None:
    async with agreed() as (exchange, engine, _):
        btc = engine.views.balances.total("binance", "BTC")
        canceled = [*engine.views.orders.ours][1]
        exchange.sim.venue.deposit(KEY, "BTC", Decimal("0.5"), exchange.clock.now())
        _by_hand(exchange, "by_hand")
        _by_hand(exchange, canceled)
        assert _differences(exchange, engine.views, books=False) == [
            f"order {canceled}: placed once here, 2 times there",
            f"order {canceled}: canceled here, open there",
            f"order {canceled}: price 90000 here, 95000 there",
            "somebody's order by_hand: not known here, open there",
            f"BTC: in all {_plain(btc)} here, {_plain(btc + Decimal('0.5'))} there",
            f"BTC: free {_plain(btc)} here, {_plain(btc + Decimal('0.46'))} there",
            "BTC: held by orders 0 here, 0.04 there",
        ]


async def test_an_order_that_is_another_one_there_is_told_field_by_field(
    autojump_clock: MockClock,
) -> None:
    async with agreed() as (exchange, engine, resting):
        views = Views.thaw(engine.views.freeze())
        order, intent = views.orders.ours[resting], _intent(engine.views, resting)
        wrong = {"side": "sell", "order_type": "limit_maker", "amount": Decimal(1), "price": None}
        order.intent = replace(intent, tif="fok", **wrong)
        assert [text for text in _differences(exchange, views) if resting in text] == [
            f"order {resting}: sell here, buy there",
            f"order {resting}: limit_maker here, limit there",
            f"order {resting}: fok here, gtc there",
            f"order {resting}: amount 1 here, 0.01 there",
            f"order {resting}: price none here, {_plain(intent.price)} there",
        ]


async def test_a_fill_that_is_known_wrongly_is_told(autojump_clock: MockClock) -> None:
    async with agreed() as (exchange, engine, _):
        views = Views.thaw(engine.views.freeze())
        bought = next(iter(views.orders.ours.values()))
        done, name = bought.done, bought.client_order_id
        ((number, fill),) = bought.evidence.fills.items()
        fee = dict(fill.fees or ())["BTC"]
        bought.evidence.fills[number] = replace(fill, value=fill.money.value + 1, fees=())
        bought.changed()
        told = [text for text in _differences(exchange, views) if name in text]
        assert told[:2] == [
            f"order {name}: value {_plain(done.value + 1)} here, {_plain(done.value)} there",
            f"order {name}: fees nothing here, {_plain(fee)} BTC there",
        ]
        assert told[2].startswith(f"order {name}: fills {_plain(fill.amount)} for ")
        assert f" less {_plain(fee)} BTC" in told[2].partition(" here, ")[2]
        assert told[3:] == [f"order {name}: its fills are not those that were told"]


async def test_an_order_that_never_arrived_is_told_unless_it_was_refused(
    autojump_clock: MockClock,
) -> None:
    async with agreed() as (exchange, engine, resting):
        views = Views.thaw(engine.views.freeze())
        lost = replace(_intent(engine.views, resting), client_order_id="lost", price=Decimal(1))
        views.apply(lost)
        views.apply(replace(lost, client_order_id="refused"))
        views.apply(
            OrderReported(
                exchange="binance",
                instrument=lost.instrument,
                client_order_id="refused",
                says="rejected",
            )
        )
        views.apply(
            OrderRejected(client_order_id="refused", executed=ZERO, value=ZERO, fees=()),
        )
        views.apply(
            RequestAnswered(client_order_id="lost", request=0, outcome="unanswered"),
        )
        told = [text for text in _differences(exchange, views) if text.startswith("order")]
        assert told == [
            "order lost: in doubt here (unanswered)",
            "order lost: submitted here, not there at all",
        ]


async def test_a_book_that_is_not_live_or_not_right_is_told(autojump_clock: MockClock) -> None:
    async with agreed() as (exchange, engine, _):
        row = engine.views.book(PAIR).instrument
        market = exchange.sim.venue.markets[PAIR]
        best, *more = sorted(market.asks)
        for price in (best, *more[:4]):
            market.book.withdraw("sell", price, 1)
        told = _differences(exchange, engine.views)
        here = plain(market.asks[best] + 1, market.spec.size_digits)
        there = plain(market.asks[best], market.spec.size_digits)
        at = plain(best, market.spec.price_digits)
        about = "the book of BTC-USDT, asks"
        assert told[0] == f"{about}: at {at} {here} here, {there} there"
        assert told[3:] == [f"{about}: 2 more levels differ"]
        for price in (best, *more[:4]):
            market.book.add("sell", price, 1)
        assert _differences(exchange, engine.views) == []
        views = Views.thaw(engine.views.freeze())
        views.apply(BookInvalidated(instrument=row.instrument, reason="gap"))
        assert _differences(exchange, views) == ["the book of BTC-USDT: stale here"]


async def test_an_engine_that_knows_no_account_yet_does_not_agree(
    autojump_clock: MockClock,
) -> None:
    async with agreed() as (exchange, _, resting):
        assert _differences(exchange, Views()) == [
            f"somebody's order {resting}: not known here, open there",
            "balances: not known here",
        ]
