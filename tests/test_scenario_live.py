"""Scenarios at an exchange that is not replayed: checked before they spend, and cleaned up after.

No door of a recording: a simulated exchange is served on loopback sockets in real time and taken for the
test network, or for the live exchange, since what is tested is what such a run may do and leaves behind.
Nothing leaves the machine; waits are on causes.
"""

import re
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
import trio
from msgspec.structs import replace

from tapefold import (
    Live,
    Request,
    Session,
    Submit,
    WatchAccount,
    load_adapter,
    open_engine,
    replay_report,
    trader,
)
from tapefold.engine import Engine, leaving
from tapefold.errors import Refused, ScenarioError
from tapefold.scenario import Outcome, Place, Requirement, Scenario, Step, Then, live
from tapefold.scenario.live import Acted, acted_live, available
from tapefold.scenario.terms import NOWHERE, Terms, check, check_exchange, endpoints_of, keys_of
from tapefold.scenario.words import CancelAllWord, FaultWord, Given, OrderThen, OrderWord
from tapefold.sim import FUNDED, HOLDER
from tapefold.sim.serving import Served, open_sim
from tapefold.wire import Endpoints

KEYS = {"key": HOLDER.key, "secret": HOLDER.secret}
RESTS = OrderWord(order="rests", side="buy", amount=Decimal("0.01"), price="bid * 0.8")
NEVER = Decimal(3600)
"""Seconds; longer than any of this takes."""
BUY = OrderWord(order="buy", side="buy", amount=Decimal("0.01"), type="market")


def scenario(*steps: Step, then: Then = Then(), **requires: Requirement) -> Place:  # noqa: B008 - a frozen default
    given = Given(instruments=("BTC-USDT",))
    told = Scenario(
        title="It trades",
        given=given,
        when=steps,
        then=replace(then, after=Decimal("0.1")),
        requires=requires or {"USDT": Requirement(least=Decimal(1000), better=Decimal(5000))},
    )
    return Place(Path("trades.toml"), told, {"when[0].fault": 7})


@asynccontextmanager
async def served() -> AsyncGenerator[Served]:
    """Strangers who stand still: what is told does not hang on when it was asked."""
    async with open_sim("binance", seed=7, story=FUNDED, speed=1e-6) as exchange:
        yield exchange


def terms(exchange: Served, spend_max: str = "2000", **more: object) -> Terms:
    endpoints = Endpoints(exchange.ws_url, exchange.url)
    return Terms("live", KEYS, Decimal(spend_max), endpoints, **more)  # type: ignore[arg-type]  # its own fields


async def acted(place: Place, exchange: str, on: Terms) -> Outcome:
    """What came of it; in the end none of its orders is alive, and there was no fault of ours."""
    told = await acted_live(place, exchange, on)
    assert (told.alive, told.fault) == ((), None)
    return told.outcome


async def states(exchange: Served) -> list[str]:
    """Those of all orders of the account, as the exchange has them."""
    able = trader(load_adapter("binance"))
    assert able is not None
    asked = Request(
        "GET", f"{exchange.url}/api/v3/allOrders?symbol=BTCUSDT", "open_orders", signed=True
    )
    signed = able.sign(asked, KEYS, time.time_ns())
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(signed.url, headers=signed.headers)
    return [order["status"] for order in answer.json()]


async def test_orders_are_placed_judged_and_recorded(tmp_path: Path) -> None:
    then = Then(
        orders={"buy": OrderThen(status="filled", executed="order('buy').amount")},
        balances={"BTC": "was('BTC') + order('buy').executed - order('buy').fees['BTC']"},
    )
    place = scenario(Step(submit=BUY), Step(until='order("buy").ended'), then=then)
    async with served() as exchange:
        outcome = await acted(place, "binance", terms(exchange, record=tmp_path / "mine"))
    assert (outcome.error, outcome.failed) == ("", ())
    assert outcome.way == "live"
    assert outcome.recorded == (tmp_path / "mine",)
    assert any("OrderCompleted buy" in told.text for told in outcome.story)
    session = Session(tmp_path / "mine")
    assert replay_report(session).reached
    assert KEYS["secret"] not in session.tape.read_text()


async def test_what_is_alive_at_the_end_is_canceled_however_it_ends() -> None:
    ends = [
        Step(wait=Decimal("0.1")),
        Step(until='order("rests").status == "filled"', within=Decimal("0.2")),
        Step(submit=replace(BUY, order="dear", amount=Decimal(1))),
    ]
    for end in ends:
        place = scenario(Step(submit=RESTS), Step(until='order("rests").status == "open"'), end)
        async with served() as exchange:
            outcome = await acted(place, "binance", terms(exchange))
            assert await states(exchange) == ["CANCELED"]
        assert outcome.passed is (end is ends[0]), outcome
        assert outcome.error == ""


async def another(exchange: Served) -> None:
    """Another program on the same account leaves an order there."""
    trading = Live(
        ("binance",),
        keys={"binance": KEYS},
        endpoints={"binance": Endpoints(exchange.ws_url, exchange.url)},
    )
    async with open_engine(trading) as engine:
        engine.subscribe("binance", "BTC-USDT")
        engine.command(WatchAccount("binance"))
        await engine.until(lambda views: views.ready("binance"))
        order = engine.submit(
            Submit("binance", "BTC-USDT", "buy", Decimal("0.01"), Decimal(40_000))
        )
        await engine.until(
            lambda _: (
                order
                in {
                    each.client_order_id
                    for each in engine.views.orders.live()
                    if each.status == "open"
                }
            )
        )


async def test_nobody_elses_order_is_canceled() -> None:
    place = scenario(Step(submit=RESTS), Step(until='order("rests").status == "open"'))
    async with served() as exchange:
        await another(exchange)
        outcome = await acted(place, "binance", terms(exchange))
        assert outcome.passed, outcome
        assert await states(exchange) == ["NEW", "CANCELED"]


async def test_an_account_that_has_too_little_places_nothing() -> None:
    place = scenario(Step(submit=BUY), BNB=Requirement(least=Decimal(3), better=Decimal(5)))
    async with served() as exchange:
        outcome = await acted(place, "binance", terms(exchange))
        assert await states(exchange) == []
    (failed,) = outcome.failed
    assert (failed.key, failed.expected) == ("requires.BNB", "3 BNB available, better 5")
    assert failed.actual == "0 BNB"


async def test_no_more_is_spent_than_was_allowed() -> None:
    """Each order counts by the worst that it may cost; the second is one too many."""
    again = replace(RESTS, order="again")
    place = scenario(Step(submit=RESTS), Step(submit=again))
    async with served() as exchange:
        outcome = await acted(place, "binance", terms(exchange, spend_max="600"))
        assert await states(exchange) == ["CANCELED"]
    (failed,) = outcome.failed
    assert failed.key == "when[1].submit"
    assert "is left of what may be spent: allow more with --spend-max" in failed.actual


async def test_a_key_that_is_refused_is_one_line() -> None:
    place = scenario(Step(submit=BUY))
    async with served() as exchange:
        wrong = Terms("live", {"key": "nobodyskey", "secret": "nobodyssecret"}, Decimal(1000))
        wrong = replace(wrong, endpoints=Endpoints(exchange.ws_url, exchange.url))
        outcome = await acted(place, "binance", wrong)
    assert not outcome.passed
    assert "\n" not in outcome.error
    assert "nobodyssecret" not in repr(outcome) + repr(wrong)


async def test_with_mock_api_enabled_nothing_leaves_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOCK_API_ENABLED", "true")
    for mode in ("testnet", "live"):
        elsewhere = Terms(mode, KEYS, Decimal(1000))
        outcome = await acted(scenario(Step(submit=BUY)), "binance", elsewhere)
        assert "MOCK_API_ENABLED is set" in outcome.error
        assert outcome.story == ()
    async with served() as exchange:  # which is on this machine
        assert (await acted(scenario(Step(wait=Decimal("0.1"))), "binance", terms(exchange))).passed


def test_what_only_a_simulator_can_do_is_refused_before_anything_is_done() -> None:
    place = scenario(Step(fault=FaultWord(what="lost", of="place")))
    with pytest.raises(ScenarioError, match=r"^trades.toml:7: when\[0\].fault: only a simulator"):
        check(place, "binance")
    told = replace(place.scenario, requires={})
    with pytest.raises(ScenarioError, match="has no `requires`"):
        check(replace(place, scenario=told), "binance")
    told = replace(place.scenario, given=Given(session="cassettes/binance/minute-with-a-gap"))
    with pytest.raises(ScenarioError, match="in mock mode alone"):
        check(replace(place, scenario=told), "binance")
    good = scenario(Step(submit=BUY), Step(cancel_all=CancelAllWord()))
    check(good, "binance")
    told = replace(good.scenario, exchanges=("kraken", "bitstamp"))
    with pytest.raises(ScenarioError, match="is for kraken, bitstamp alone"):
        check(replace(good, scenario=told), "binance")


def test_an_exchange_must_be_one_to_trade_at_and_have_what_the_mode_asks_for() -> None:
    with pytest.raises(ScenarioError, match="cannot trade"):
        check_exchange("binance_futures", "live")
    with pytest.raises(ScenarioError, match="knows of no test network"):
        check_exchange("binance_us", "testnet")
    check_exchange("binance_us", "testnet", Endpoints("ws://127.0.0.1:1", "http://127.0.0.1:1"))
    check_exchange("binance", "testnet")


def test_keys_are_named_as_they_always_were() -> None:
    there = {"BINANCE_API_KEY": "k", "BINANCE_API_SECRET": "s", "BINANCE_PASSPHRASE": "p"}
    assert keys_of("binance", there) == {"key": "k", "secret": "s"}
    with pytest.raises(
        Refused, match="set BINANCE_API_KEY and BINANCE_API_SECRET in the environment"
    ):
        keys_of("binance", {"MOCK_API_ENABLED": "true"})


def test_the_test_network_is_another_host_for_each() -> None:
    adapter = load_adapter("binance")
    places = endpoints_of("binance", Terms("testnet", {}, None))
    stream = adapter.subscribe(["BTCUSDT"], ["trades"]).url
    assert (
        places.ws_url(stream) == "wss://stream.testnet.binance.vision/stream?streams=btcusdt@trade"
    )
    asked = adapter.clock()
    assert asked is not None
    assert places.rest_url(asked.url) == "https://testnet.binance.vision/api/v3/time"
    assert not places.stays


def test_what_has_no_place_on_the_test_network_goes_nowhere() -> None:
    """The keys of both have the same names: a request must never meet the exchange itself."""
    places = endpoints_of("binance", Terms("testnet", {}, None))
    assert (
        places.rest_url("https://api4.binance.com/api/v3/order")
        == f"https://{NOWHERE}/api/v3/order"
    )
    itself = endpoints_of("binance", Terms("live", {}, None))
    assert itself.rest_url("https://api.binance.com/api") == "https://api.binance.com/api"


async def test_an_order_that_costs_another_asset_than_may_be_spent_is_not_placed() -> None:
    place = scenario(Step(submit=BUY))
    async with served() as exchange:
        outcome = await acted(place, "binance", terms(exchange, asset="BNB"))
        assert await states(exchange) == []
    (failed,) = outcome.failed
    assert failed.actual == "what may be spent is BNB, and BTC-USDT costs USDT"


async def test_what_was_spent_is_counted_and_without_a_limit_all_may_be() -> None:
    place = scenario(Step(submit=BUY), Step(until='order("buy").ended'))
    async with served() as exchange:
        told = await acted_live(place, "binance", terms(exchange))
        free = await acted_live(place, "binance", replace(terms(exchange), spend_max=None))
    assert (told.outcome.failed, free.outcome.failed) == ((), ())
    assert Decimal(500) < told.spent < Decimal(2000)
    assert (free.spent, told.canceled) == (Decimal(0), 0)


async def test_a_run_that_is_stopped_cancels_what_is_alive_and_seals_its_recording(
    tmp_path: Path,
) -> None:
    place = scenario(Step(submit=RESTS), Step(until='order("rests").status == "filled"'))
    stop = trio.CancelScope()
    async with served() as exchange:
        on = terms(exchange, record=tmp_path / "mine")
        async with trio.open_nursery() as nursery:

            async def end() -> None:
                while "NEW" not in await states(exchange):
                    await trio.lowlevel.checkpoint()
                stop.cancel()

            nursery.start_soon(end)
            told = await acted_live(place, "binance", on, stop)
        assert await states(exchange) == ["CANCELED"]
    assert (told.canceled, told.alive, told.outcome.error) == (1, (), "")
    assert replay_report(Session(tmp_path / "mine")).reached


async def test_a_fault_of_ours_leaves_no_order_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine itself falls: another one goes on with its log, and cancels what the first had placed."""
    place = scenario(
        Step(submit=RESTS), Step(until='order("rests").status == "open"'), Step(wait=NEVER)
    )
    fails = iter([True])

    def look(self: Engine) -> bool:
        alive = any(order.status == "open" for order in self.views.orders.live())
        if alive and next(fails, False):
            raise KeyError("a fault of ours")
        return stepped(self)

    stepped = Engine.stepped
    monkeypatch.setattr(Engine, "stepped", look)
    async with served() as exchange:
        told = await acted_live(place, "binance", terms(exchange))
        assert await states(exchange) == ["CANCELED"]
    assert isinstance(told.fault, KeyError)
    assert (told.canceled, told.alive) == (1, ())
    assert "KeyError" in told.outcome.error


async def test_orders_that_cannot_be_canceled_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exchange is gone: nobody can know whether the order is alive, so it is said to be."""
    for module, limit in ((leaving, "ANSWER_MAX"), (leaving, "EXIT_MAX"), (live, "AGAIN_MAX")):
        monkeypatch.setattr(module, limit, 0.2)
    place = scenario(Step(submit=RESTS), Step(until='order("rests").status == "filled"'))
    stop, gone = trio.CancelScope(), trio.Event()
    found: list[Acted] = []
    async with trio.open_nursery() as nursery:
        async with served() as exchange:

            async def run() -> None:
                found.append(await acted_live(place, "binance", terms(exchange), stop))
                gone.set()

            nursery.start_soon(run)
            while "NEW" not in await states(exchange):
                await trio.lowlevel.checkpoint()
        stop.cancel()
        await gone.wait()
    (told,) = found
    (alive,) = told.alive
    assert re.fullmatch(r"live-\d+-1 \(buy 0.01 BTC-USDT at [\d.]+\)", alive)
    assert told.canceled == 0
    assert told.outcome.error.startswith(
        "on leaving, 1 order could not be canceled (not within 0 s"
    )
    assert told.fault is None


async def test_an_account_that_nobody_answers_for_is_told_with_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with served() as exchange:
        there = await available("binance", terms(exchange), ["USDT", "BNB"])
        nobody = terms(exchange)
    assert there == {"USDT": Decimal(100_000), "BNB": Decimal(0)}
    monkeypatch.setattr(live, "ACCOUNT_MAX", 0.3)
    with pytest.raises(
        Refused, match=r"^what the account at binance has is not known after 0 s.*\("
    ):
        await available("binance", nobody, ["USDT"])
