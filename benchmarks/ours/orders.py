"""Form d: the order path, against the simulated Binance in virtual time, with a log in a file.

    orders.py d [--orders 999]

*Placed* is from the call of `kernel.command(Submit)` until its request may leave: the intent logged and
folded, handed to the writer's thread, on the disk (fsync), and the request signed. The wire waits for
the disk beside its other work; here the step waits. *CPU* is what the step's own thread works of that:
all but the writer and the disk. *Private* is one frame of the account's stream: decoded, logged,
folded, its conclusions too.
"""

import argparse
from array import array
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from time import perf_counter_ns, thread_time_ns
from typing import Final

from msgspec.structs import replace

from bench.stats import percentiles
from ours.asking import Clock, Said, imported, parser, scratch
from tapefold import (
    MINUTE,
    Cancel,
    Command,
    Frame,
    Log,
    Nanos,
    Order,
    Request,
    Submit,
    Subscribe,
    WatchAccount,
    floor_price,
    load_adapter,
    open_log,
    trader,
)
from tapefold.adapter import Outcome
from tapefold.kernel import Kernel, Run
from tapefold.sim import FUNDED, load_skin
from tapefold.sim.stage import Stage

_IMPORTS: Final = imported()
EXCHANGE: Final = "binance"
PAIR: Final = "BTC-USDT"
AMOUNT: Final = Decimal("0.001")
PATIENCE: Final = 100_000
"""Things that may happen before what is waited for does: beyond that it never will."""
SPEC: Final = replace(FUNDED.specs[0], pause=MINUTE // 60, stray_after=1 << 62)
STORY: Final = replace(FUNDED, specs=(SPEC,))
"""A market that goes on once a second: what is measured are orders."""
HOLDER: Final = STORY.accounts[0]
KEYS: Final = {"key": HOLDER.key, "secret": HOLDER.secret}


class Times:
    """Nanoseconds, each by itself."""

    def __init__(self) -> None:
        self.placed, self.cpu, self.private = array("q"), array("q"), array("q")


class Timed(Kernel):
    """A kernel of which orders and private frames are timed, as the wire would have them."""

    times: Times
    file: Log
    private: dict[str, None]

    def command(self, time: Nanos, command: Command) -> Sequence[Outcome]:
        """An order's request leaves once its intent is on the disk, and signed."""
        if not isinstance(command, Submit):
            return super().command(time, command)
        able = trader(self.feeds[EXCHANGE].adapter)
        assert able is not None
        began, used = perf_counter_ns(), thread_time_ns()
        out = super().command(time, command)
        self.file.sync()
        for asked in out:
            if isinstance(asked, Request):
                able.sign(asked, KEYS, time)
        self.times.cpu.append(thread_time_ns() - used)
        self.times.placed.append(perf_counter_ns() - began)
        return out

    def step(self, frame: Frame) -> Sequence[Outcome]:
        """A frame of the account's stream is timed."""
        if frame.kind != "recv" or frame.lane not in self.private:
            return super().step(frame)
        began = perf_counter_ns()
        out = super().step(frame)
        self.times.private.append(perf_counter_ns() - began)
        return out


class Desk:
    """Places orders, and lets the exchange go on in between."""

    def __init__(self, log: Log) -> None:
        exchange = load_skin(EXCHANGE)(STORY, 1)
        adapter, began = load_adapter(EXCHANGE), STORY.started_ns
        self.stage = Stage(exchange, adapter, began, 1, keys=KEYS, log=log, kernel=Timed)
        self.times = Times()
        Timed.times, Timed.file, Timed.private = self.times, log, self.stage.private
        self.stage.start(Run("bench"))
        self.stage.command(Subscribe(EXCHANGE, (PAIR,)))
        self.stage.command(WatchAccount(EXCHANGE))
        views = self.views = self.stage.kernel.views
        self.until(lambda: views.ready(EXCHANGE) and views.book(PAIR, stale=True).live)

    def until(self, met: Callable[[], bool]) -> None:
        """Let things happen until that is so."""
        for _ in range(PATIENCE):
            if met():
                return
            self.stage.advance()
        raise SystemExit("what was waited for does not happen")

    def place(self, order: Submit) -> Order:
        """Place an order; ours, as the views have it."""
        self.stage.command(order)
        found = self.views.orders.find(self.stage.kernel.order_id)
        assert found is not None
        return found

    def round(self) -> None:
        """An order that rests and is canceled, one that buys at once, and one that sells that again."""
        book = self.views.book(PAIR)
        assert book.best_bid is not None
        far = floor_price(book.instrument, book.best_bid.price) - 2000 * book.instrument.tick
        rests = self.place(Submit(EXCHANGE, PAIR, "buy", AMOUNT, far))
        self.until(lambda: rests.status == "open")
        self.stage.command(Cancel(rests.client_order_id))
        self.until(partial(_ended, rests))
        for side in ("buy", "sell"):
            taken = self.place(Submit(EXCHANGE, PAIR, side, AMOUNT, order_type="market"))
            self.until(partial(_ended, taken))
        self.pause()

    def pause(self) -> None:
        """A second passes: an exchange takes only so many orders in so long."""
        later = self.stage.time + MINUTE // 60
        self.until(lambda: self.stage.time >= later)


def _ended(order: Order) -> bool:
    return order.ended


def trade(path: Path, orders: int) -> tuple[Times, int]:
    """So many orders; what they took, and the position of the log at the end."""
    with open_log(path) as log:
        desk = Desk(log)
        while len(desk.times.placed) < orders:
            desk.round()
        return desk.times, log.head


def run(asked: argparse.Namespace) -> Said:
    """All of it."""
    said = Said(
        "d", import_seconds=_IMPORTS, does="orders at a simulated exchange, the log in a file"
    )
    clock = Clock()
    with scratch(asked.work) as folder, clock.running():
        times, head = trade(folder / "log", asked.orders)
    said.took(clock)
    said.figures = {
        "placed": percentiles(times.placed),
        "cpu": percentiles(times.cpu),
        "private": percentiles(times.private),
        "orders": len(times.placed),
        "private_frames": len(times.private),
        "events": head,
    }
    return said


def main(arguments: Sequence[str] | None = None) -> None:
    """From a command line."""
    asked = parser("d", "the order path")
    asked.add_argument("--orders", type=int, default=999)
    run(asked.parse_intermixed_args(arguments)).say()


if __name__ == "__main__":
    main()
