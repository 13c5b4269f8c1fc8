"""Laws of strategies and of leaving, whatever happens.

The virtual door for leaving, since an exchange must go on while somebody leaves; the kernel alone for
what is heard when.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
import trio
from builders import START
from desks import Desk, row
from flavours import TINY
from msgspec.structs import replace
from runs import PAIR, buy, made, simulated
from trio.testing import MockClock

from tapefold import (
    SECOND,
    UNLISTED,
    AccountSurveyed,
    BadInput,
    BalanceChanged,
    Cancel,
    Command,
    Engine,
    Frame,
    OrderCanceled,
    OrderSubmitted,
    Reaction,
    Record,
    Refused,
    Request,
    Strategy,
    StrategyFailed,
    StrategyStarted,
    Submit,
    Subscribe,
    TimerFired,
    Views,
    Wake,
    WatchAccount,
    load_adapter,
    open_engine,
    trader,
)
from tapefold.adapter import AskedT, Outgoing, StopStrategy
from tapefold.engine.leaving import EXIT
from tapefold.folds.orders import Order
from tapefold.kernel import Kernel, Run
from tapefold.log import Log
from tapefold.log.store import Rows, in_memory
from tapefold.sim import FUNDED, Answer, Refusing
from tapefold.strategy import Kept
from tapefold.testing import VirtualExchange, open_virtual
from tapefold.units import Nanos
from tapefold.wire import Onlooker, Wire

LOW = "60000"


@asynccontextmanager
async def at_work(
    exchange: VirtualExchange, rows: Rows, on_exit: Kept = "cancel", *strategies: Strategy
) -> AsyncGenerator[Engine]:
    """An engine whose account is surveyed and whose book is live."""
    live, log = exchange.live(), Log(rows)
    async with open_engine(live, log=log, on_exit=on_exit, strategies=strategies) as engine:
        engine.subscribe("binance", PAIR)
        engine.command(WatchAccount("binance"))
        await engine.until(lambda views: views.book(PAIR).live and views.ready("binance"))
        yield engine


class Stubborn(Strategy):
    """Bids, and bids again whenever its bid is gone."""

    name = "stubborn"
    on_exit = "cancel"

    def react(self, record: Record, views: Views) -> Reaction:
        if isinstance(record.event, AccountSurveyed | OrderCanceled):
            yield Submit("binance", PAIR, "buy", Decimal("0.01"), Decimal(LOW))


async def test_a_block_that_is_cancelled_leaves_no_orders_either(autojump_clock: MockClock) -> None:
    async with open_virtual(FUNDED) as exchange:
        left: list[Order] = []
        with trio.move_on_after(20) as scope:
            async with at_work(exchange, in_memory()) as engine:
                left.append(engine.views.orders.ours[engine.submit(buy("0.01", LOW))])
                await trio.sleep_forever()
        assert scope.cancelled_caught
        assert made(exchange, left[0].client_order_id).state == "canceled"
        assert left[0].status == "canceled"


async def slow(request: Request, answer: Answer) -> Answer:
    """An exchange that takes three seconds to say that it has an order."""
    if request.method == "POST" and "/api/v3/order" in request.url:
        await trio.sleep(3)
    return answer


@pytest.mark.parametrize("cancelled", [True, False])
async def test_who_leaves_waits_for_what_is_on_its_way(
    cancelled: bool, autojump_clock: MockClock
) -> None:
    """Also where the block was cancelled."""
    async with open_virtual(FUNDED, twist=slow) as exchange:
        left, began = list[Order](), trio.current_time()
        with trio.CancelScope() as scope:
            async with at_work(exchange, in_memory(), "keep") as engine:
                left.append(engine.views.orders.ours[engine.submit(buy("0.01", LOW))])
                began = trio.current_time()
                if cancelled:
                    scope.cancel()
                    await trio.sleep_forever()
        assert 3 <= trio.current_time() - began < 3.5
        assert left[0].status == "open"
        assert made(exchange, left[0].client_order_id).state == "open"


@pytest.mark.parametrize("on_exit", ["keep", "cancel"])
async def test_a_strategy_that_bids_again_is_left_without_an_order(
    on_exit: Kept, autojump_clock: MockClock
) -> None:
    rows = in_memory()
    async with open_virtual(FUNDED) as exchange:
        async with at_work(exchange, rows, on_exit, Stubborn()) as engine:
            await engine.until(lambda views: len(views.orders.live()) == 1)
            kept = engine.submit(replace(buy("0.02", LOW), by="desk"))
        left = [order.client_order_id for order in engine.views.orders.live()]
        assert left == ([kept] if on_exit == "keep" else [])
    events = [record.event for record in Log(rows).read()]
    assert [each for each in events if isinstance(each, StrategyFailed)] == [
        StrategyFailed(strategy="stubborn", reason=EXIT)
    ]


class Starter(Strategy):
    """Needs nobody: it subscribes when it starts."""

    name = "starter"

    def react(self, record: Record, views: Views) -> Reaction:
        if isinstance(record.event, StrategyStarted):
            yield Subscribe("binance", (PAIR,))


async def test_a_strategy_begins_without_anybody_s_command(autojump_clock: MockClock) -> None:
    async with open_virtual(FUNDED) as exchange:
        live = exchange.live()
        async with open_engine(live, strategies=[Starter()]) as engine:
            with trio.fail_after(60):
                await engine.until(lambda views: views.book(PAIR).live)
        assert exchange.dialled == ["binance/1"]


@pytest.mark.parametrize(
    "command",
    [
        replace(buy("0.01", LOW), by="starter"),
        Subscribe("binance", (PAIR,), by="starter"),
        StopStrategy("enough", by="starter"),
        StopStrategy("enough", by="starter", strategy="starter"),
        StopStrategy("enough"),
    ],
)
async def test_nobody_else_commands_by_the_name_of_a_strategy(
    command: Command, autojump_clock: MockClock
) -> None:
    """A tape could not tell who did, and a replay would wait for the strategy to do it."""
    async with open_virtual(FUNDED) as exchange:
        async with open_engine(exchange.live(), strategies=[Starter()]) as engine:
            await engine.until(lambda views: views.book(PAIR).live)
            head = engine.log.head
            with pytest.raises(BadInput, match="only the strategy of that name commands"):
                engine.command(command)
            assert engine.log.head == head


async def test_a_strategy_can_be_stopped_by_hand_once(autojump_clock: MockClock) -> None:
    rows = in_memory()
    async with open_virtual(FUNDED) as exchange, at_work(exchange, rows, "keep", Stubborn()) as it:
        await it.until(lambda views: len(views.orders.live()) == 1)
        (order,) = it.views.orders.live()
        stop = StopStrategy("enough", cancel=True, by="desk", strategy="stubborn")
        it.command(stop)
        assert (await it.settled(order.client_order_id)).status == "canceled"
        await trio.sleep(10)
        assert not it.views.orders.live()
        assert it.views.strategies.rows["stubborn"].failed == "enough"
        with pytest.raises(
            BadInput, match="'stubborn' is at work, which could be stopped: none is"
        ):
            it.command(stop)


async def test_one_order_that_cannot_be_canceled_keeps_no_other_from_it(
    autojump_clock: MockClock,
) -> None:
    """The log is of several exchanges, of which this run opens one."""
    rows, elsewhere = (
        in_memory(),
        OrderSubmitted(
            exchange="elsewhere",
            instrument=UNLISTED,
            client_order_id="there-1",
            side="buy",
            order_type="limit",
            tif="gtc",
            amount=Decimal(1),
            price=Decimal(5),
            hold=Decimal(5),
        ),
    )
    with Log(rows) as log:
        log.append(1, elsewhere)
        log.flush()

    async def leave(exchange: VirtualExchange) -> None:
        async with at_work(exchange, rows) as engine:
            left.append(engine.submit(buy("0.01", LOW)))
            began.append(trio.current_time())

    left: list[str] = []
    began: list[float] = []
    async with open_virtual(FUNDED) as exchange:
        with pytest.raises(Refused) as refused:
            await leave(exchange)
        assert trio.current_time() - began[0] < 1
        assert made(exchange, left[0]).state == "canceled"
    assert str(refused.value) == (
        "on leaving, 1 order could not be canceled (this engine was not opened with the exchange "
        "'elsewhere'); look at the exchange: there-1"
    )


async def test_what_an_error_leaves_on_the_exchange_is_said_with_it(
    autojump_clock: MockClock,
) -> None:
    left: list[str] = []

    async def go_wrong(exchange: VirtualExchange) -> None:
        async with at_work(exchange, in_memory()) as engine:
            name = engine.submit(buy("0.01", LOW))
            left.append(name)
            await engine.until(lambda views: views.orders.ours[name].status == "open")
            simulated(exchange).faults.add(Refusing("DELETE /api/v3/order", 503, times=99))
            raise KeyError("the block's own")

    async with open_virtual(FUNDED) as exchange:
        with pytest.raises(KeyError, match="the block's own") as raised:
            await go_wrong(exchange)
    (note,) = raised.value.__notes__
    assert note.startswith("on leaving, 1 order could not be canceled (not within 10 seconds)")
    assert note.endswith(left[0])


class Once(Strategy):
    """Places one order after a second."""

    name = "once"

    def react(self, record: Record, views: Views) -> Reaction:
        match record.event:
            case AccountSurveyed():
                yield Wake(SECOND)
            case TimerFired(strategy="once"):
                yield buy("0.01", LOW)
            case _:
                return


def sign(exchange: str, asked: AskedT, time: Nanos) -> AskedT:
    able = trader(load_adapter(exchange))
    assert able is not None
    (holder,) = FUNDED.accounts
    return able.sign(asked, {"key": holder.key, "secret": holder.secret}, time)


class Notes:
    """A tee that only remembers commands."""

    crowded = False

    def __init__(self) -> None:
        self.commands: list[Command] = []

    def command(self, time: Nanos, command: Command) -> None:
        self.commands.append(command)

    def out(self, time: Nanos, out: Outgoing) -> None: ...

    def frame(self, frame: Frame, headers: Mapping[str, str] = {}) -> None: ...

    def wait(self) -> None: ...


async def test_no_command_is_on_the_tape_that_could_not_be_carried_out(
    autojump_clock: MockClock,
) -> None:
    """A strategy whose time had come took the last id that is short enough, just before the caller."""
    run, notes = Run(run_id="r" * 34, first_order=9), Notes()
    async with open_virtual(FUNDED) as exchange, trio.open_nursery() as nursery:
        with Log() as log:
            kernel = Kernel({"binance": load_adapter("binance")}, log, strategies=[Once()])
            kernel.start(exchange.clock.now(), run)
            ready = trio.Event()

            def stepped() -> bool:
                if kernel.views.ready("binance"):
                    ready.set()
                return False

            outside = exchange.outside._replace(sign=sign)
            wire = Wire(kernel, log, outside, tee=notes, onlooker=Onlooker(stepped))
            await nursery.start(wire.run)
            wire.command(Subscribe("binance", (PAIR,)))
            wire.command(WatchAccount("binance"))
            await ready.wait()
            autojump_clock.jump(2)  # and nobody was told yet that the strategy's second is over
            with pytest.raises(BadInput, match="too long an order id"):
                wire.command(buy("0.02", LOW))
            amounts = [each.amount for each in notes.commands if isinstance(each, Submit)]
            assert amounts == [Decimal("0.01")]
            nursery.cancel_scope.cancel()


class Ear(Strategy):
    """Hears of money, and looks whether all is concluded."""

    name = "ear"

    def __init__(self) -> None:
        self.seen: list[bool] = []

    def react(self, record: Record, views: Views) -> Reaction:
        if isinstance(record.event, BalanceChanged):
            self.seen.append(not views.orders.touched)
        return ()


def test_whatever_came_in_one_frame_is_concluded_before_any_of_it_is_heard() -> None:
    ear = Ear()
    desk = Desk()
    desk.kernel = Kernel({TINY: desk.adapter}, desk.log, strategies=[ear])
    desk.kernel.start(START, Run("r"))
    desk.ready()
    name = desk.submit()
    deposit = {"e": "deposit", "asset": "ETH", "delta": "1", "id": "D1", "t": 1}
    desk.say(deposit, row(name))
    assert ear.seen == [True]
    assert desk.told(name) == ["OrderAccepted"]


def test_of_a_strategy_that_is_stopped_nothing_is_canceled_twice() -> None:
    desk = Desk(run=Run("r", strategies={"maker": {}})).ready()
    first, second = (desk.open(by="maker") for _ in range(2))
    desk.tell(Cancel(first))
    desk.tell(StopStrategy("enough", cancel=True, by="desk", strategy="maker"))
    assert desk.waiting() == [("cancel", first), ("cancel", second)]
