"""The engine's side: kernels made ready, and what of their work is watched."""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from guard.clock import Clock
from guard.workload import FUNDS, NAME, START, SYMBOL, Order, Workload
from tapefold import (
    MINUTE,
    Frame,
    Log,
    LogReader,
    Request,
    Send,
    Session,
    Submit,
    Subscribe,
    Views,
    WatchAccount,
    load_adapter,
)
from tapefold.adapter import Open, Outcome
from tapefold.kernel import Kernel, Run
from tapefold.log.store import in_memory
from tapefold.session import Digests, Meta, SessionWriter

MILLISECOND: Final = 1_000_000
BEGAN: Final = START * MILLISECOND
LANE: Final = "binance/1"
How = Literal["pieces", "events"]
_DAY: Final = 24 * 60 * MINUTE
_HEARD: Final = b'{"id":"1","status":200,"result":{"subscriptionId":0}}'


class Exchange:
    """A kernel, and an exchange that answers at once. Nothing here is a socket."""

    def __init__(self, work: Workload, log: Log) -> None:
        self.kernel = Kernel({"binance": load_adapter("binance")}, log)
        self.views, self.now = self.kernel.views, BEGAN
        self._work, self._out = work, list[Outcome]()
        self.kernel.start(BEGAN, Run(run_id=NAME))
        self._subscribe()

    def _subscribe(self) -> None:
        """The book is live, and quotes and trades are heard."""
        self._out += self.kernel.command(self.now, Subscribe("binance", (SYMBOL,)))
        self._answer("instruments", self._work.instruments)
        self._opened()
        self._answer("book", self._work.snapshot)

    def watch(self) -> str:
        """The account is followed: orders may leave. The lane of its stream."""
        account = WatchAccount("binance", poll=_DAY, poll_silent=_DAY, silence_max=_DAY)
        self._out += self.kernel.command(self.now, account)
        lane = self._opened()
        self._take(Send)
        self._answer("clock", b'{"serverTime":%d}' % START)
        self._out += self.kernel.step(Frame(self.now, lane, "recv", _HEARD))
        rows = [{"asset": a, "free": f"{n:.8f}", "locked": "0.00000000"} for a, n in FUNDS.items()]
        page: dict[str, Any] = {"makerCommission": 10, "takerCommission": 10, "balances": rows}
        self._answer("balances", json.dumps(page).encode())
        self._answer("open_orders", b"[]")
        assert self.views.ready("binance")
        return lane

    def _opened(self) -> str:
        lane: str = self._take(Open).lane
        self._out += self.kernel.step(Frame(self.now, lane, "opened"))
        return lane

    def _answer(self, purpose: str, data: bytes) -> None:
        self._out += self.kernel.step(answer(self.now, self._take(Request, purpose), data))

    def _take(self, kind: type[Any], purpose: str = "") -> Any:
        """The first thing of this kind that was asked for, if a request for this *purpose*."""
        for each in self._out:
            if isinstance(each, kind) and purpose in ("", getattr(each, "purpose", "")):
                self._out.remove(each)
                return each
        raise AssertionError(f"no {kind.__name__} {purpose} among {self._out}")


def answer(time: int, request: Request, data: bytes) -> Frame:
    """A request's answer."""
    return Frame(time, request.lane, "response", data, request, 200)


# Frames, and the log of them


def play(work: Workload, log: Log, frames: Sequence[bytes], clock: Clock) -> Exchange:
    """Every frame into a kernel, a millisecond apart; best bid and ask after each."""
    exchange = Exchange(work, log)
    book = exchange.views.books[0]
    with clock.running():
        step, bids, asks = exchange.kernel.step, book.bids.best, book.asks.best
        now = exchange.now
        for data in frames:
            now += MILLISECOND
            step(Frame(now, LANE, "recv", data))
            bids()
            asks()
        log.digest()
    return exchange


def stored(work: Workload, frames: Sequence[bytes]) -> LogReader:
    """The log of these frames, its rows in memory."""
    rows = in_memory()
    log = Log(rows)
    play(work, log, frames, Clock())
    log.flush()
    return LogReader(rows)


def fold(log: LogReader, how: How, clock: Clock) -> Views:
    """What it adds up to: folded as it is stored, or event by event."""
    views = Views()
    with clock.running():
        if how == "pieces":
            views.fold(log.pieces())
        else:
            views.apply_all(log.events())
    return views


def best(views: Views) -> tuple[int, int, int, int]:
    """Price and size of the best bid and ask of a book that is to be believed."""
    book = views.books[0]
    assert book.state == "live", book.state
    (bid, bid_size), (ask, ask_size) = book.bids.best() or (0, 0), book.asks.best() or (0, 0)
    return bid, bid_size, ask, ask_size


# A tape


def recorded(folder: Path, frames: Sequence[tuple[int, bytes]]) -> Path:
    """A sealed session of them, as *folder*."""
    folder.mkdir()
    meta = Meta(exchanges=["binance"], source="simulator", started_ns=BEGAN)
    writer = SessionWriter(folder, meta)
    for at, data in frames:
        writer.frame(Frame(BEGAN + at, LANE, "recv", data))
    writer.seal(Digests(), 0)
    return folder


def read_tape(folder: Path, clock: Clock) -> int:
    """Read every line; how many there are."""
    with clock.running():
        return sum(1 for _ in Session(folder).lines())


# An account


def trade(work: Workload, clocks: Sequence[Clock]) -> dict[str, Decimal]:
    """Orders in batches, submitted, then answered and filled; what the account has in the end."""
    submitting, hearing = clocks
    exchange = Exchange(work, Log())
    lane, kernel, now = exchange.watch(), exchange.kernel, exchange.now
    for batch in work.orders:
        now += MINUTE
        commands = [_submit(order) for order in batch]
        with submitting.running():
            asked = [out for command in commands for out in kernel.command(now, command)]
        frames = _said(now + MILLISECOND, lane, batch, asked)
        with hearing.running():
            for frame in frames:
                kernel.step(frame)
    _check(exchange.views, sum(map(len, work.orders)))
    return {asset: exchange.views.balances.total("binance", asset) for asset in FUNDS}


def _submit(order: Order) -> Submit:
    return Submit("binance", SYMBOL, order.side, order.amount, order.price)


def _said(now: int, lane: str, batch: Sequence[Order], asked: Sequence[Outcome]) -> list[Frame]:
    """What the exchange says of a batch, in its order. The fees of an instrument are asked for, too."""
    places = [each for each in asked if isinstance(each, Request) and each.purpose == "place"]
    frames: list[Frame] = []
    for order, request in zip(batch, places, strict=True):
        frames.append(answer(now, request, order.placed))
        frames += [Frame(now, lane, "recv", data) for data in order.said]
    return frames


def _check(views: Views, orders: int) -> None:
    """Every order was filled, and nothing was strange."""
    for number in range(1, orders + 1):
        order = views.orders.find(f"{NAME}-{number}")
        assert order
        assert order.status == "filled", order
    assert not views.anomalies.count, views.anomalies.state()
