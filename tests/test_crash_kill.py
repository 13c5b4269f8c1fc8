"""A whole trading program, killed with 9 at sampled points and started again on the same log, from outside.

No door, but the real thing: a program in a process of its own, its log in a file, loopback sockets, and a
simulated exchange that is served by this process, which can look into it. Nothing is waited for but
what the program says, what the exchange is asked, and the system, which ends a write in its middle.
Time passes five times as fast for both. What needs no process is done in memory and virtual time.
"""

import os
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

import pytest
import trio
from agreement import LIFE, lives, told
from builders import START
from disks import mounted
from killing import children
from killing import killed as killed_at
from msgspec import json, msgpack
from msgspec.structs import replace
from tiny import run
from trading_program import Hurried, buy
from trio.testing import MockClock

from tapefold import (
    Live,
    OrderRejected,
    OrderSubmitted,
    Refused,
    Request,
    TapefoldError,
    WatchAccount,
    open_engine,
    read_log,
)
from tapefold.errors import LogError
from tapefold.events import ZERO, AnyEvent, FillTold, RequestFailed
from tapefold.folds.orders import Sum
from tapefold.history import Cache, History
from tapefold.log import open_log
from tapefold.log.segment import FORMAT, to_row
from tapefold.sim import (
    FUNDED,
    HOLDER,
    NO_ANSWER,
    Answer,
    Fill,
    Holder,
    Order,
    Published,
    Refusing,
    Story,
    Wish,
    load_skin,
)
from tapefold.sim.serving import open_sim
from tapefold.testing import VirtualExchange, open_virtual
from tapefold.units import Nanos, exactly, fixed, tidy
from tapefold_adapters.binance.sim import BinanceSim

PACE: Final = 5
"""Times that time passes as fast: an order that never arrived is known as one after two seconds."""
PATIENCE: Final = 100.0
"""Seconds; rather a failed test than one that hangs."""
PROGRAM: Final = Path(__file__).with_name("trading_program.py")
OTHER: Final = Holder(key="other", secret="other", balances={"USDT": Decimal(10_000_000)})
STORY: Final = replace(FUNDED, accounts=(HOLDER, OTHER))
NEVER_SENT: Final = {"not_found", "never_sent", "not_sent"}
"""Why an order was rejected that the exchange never had."""
TOO_LATE: Final = {"time"}
"""Why an order is refused that took a second to arrive, which happens on a machine that has much to do."""
PLACE, DELETE = "POST /api/v3/order", "DELETE /api/v3/order"
Line = dict[str, Any]


class Kill(NamedTuple):
    """The n-th time of what is seen is the last thing that the program does."""

    when: Literal["said", "asked", "lost", "done", "told", "size"]
    """It said a line; a request of its came, or was lost, or was done and not answered; something was told
    on its stream and not sent; or a file of its grew beyond so many KiB."""
    of: str = ""
    n: int = 1


class Deadly:
    """A Binance that can kill its client at what it is asked, or about to tell."""

    def __init__(self, story: Story, seed: int) -> None:
        sim = load_skin("binance")(story, seed)
        assert isinstance(sim, BinanceSim)
        self.sim, self.venue, self.faults = sim, sim.venue, sim.faults
        self.requests: Counter[str] = Counter()
        self._kill, self._left, self._victim = Kill("said"), 0, 0

    def aim(self, kill: Kill, victim: int) -> None:
        """From now on a process is to be killed at this."""
        self._kill, self._left, self._victim = kill, kill.n, victim

    def answer(self, request: Request, time: Nanos) -> Answer:
        """What it answers, to whom is still there."""
        asked = f"{request.method} {urlsplit(request.url).path}"
        self.requests[asked] += 1
        hit = self._kill.when in ("asked", "lost", "done") and self._meets(asked == self._kill.of)
        if hit and self._kill.when == "lost":
            self._shoot()
            return Answer(NO_ANSWER, b"")
        if hit and self._kill.when == "asked":
            self._shoot()
        answer = self.sim.answer(request, time)
        if hit:
            self._shoot()
        return answer

    def turn(self) -> Sequence[Published]:
        """What it publishes, to whom is still there."""
        published = self.sim.turn()
        for each in published:
            if self._kill.when == "told" and self._meets(self._kill.of.encode() in each.data):
                self._shoot()
        return published

    def _meets(self, seen: bool) -> bool:
        self._left -= seen
        return seen and self._left == 0

    def _shoot(self) -> None:
        if self._victim:
            os.kill(self._victim, signal.SIGKILL)
        self._victim = 0

    # What is the same

    @property
    def due(self) -> Nanos:
        """When its next turn is."""
        return self.sim.due

    def connect(self, lane: str, url: str) -> None:
        """A lane is open."""
        self.sim.connect(lane, url)

    def disconnect(self, lane: str) -> None:
        """A lane is closed."""
        self.sim.disconnect(lane)

    def hear(self, lane: str, text: str, time: Nanos) -> Sequence[Published]:
        """A client says something."""
        return self.sim.hear(lane, text, time)

    def peek(self, request: Request) -> Answer:
        """What it would answer."""
        return self.sim.peek(request)

    # What is there

    def there(self) -> dict[str, Order]:
        """The orders that it ever took from us, by their names: each of them has one of its own."""
        orders = [*self.venue.orders(HOLDER.key)]
        found = {order.wish.client_order_id: order for order in orders}
        assert len(found) == len(orders), "an order was placed twice"
        return found

    def take_asks(self, eth: str) -> None:
        """Somebody else buys so much of what rests in ETH-USDT: first from strangers, then from us."""
        now = Hurried(PACE).now()
        ping = Request("GET", "https://api.binance.com/api/v3/ping", "clock")
        self.sim.answer(ping, now)  # the market is brought to now
        size = int(Decimal(eth).scaleb(4))
        wish = Wish(
            symbol="ETH-USDT",
            side="buy",
            order_type="limit",
            client_order_id="",
            size=size,
            price=400_000,
            tif="ioc",
        )
        self.venue.place(OTHER.key, wish, now)
        self.sim.answer(ping, now)  # and it is told to who is there


class Program:
    """The program, running."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self._rest = b""

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    async def line(self) -> Line | None:
        """The next that it says; None once it has ended. What is no JSON is a traceback."""
        assert self.process.stdout is not None
        while b"\n" not in self._rest:
            more = await self.process.stdout.receive_some()
            if not more:
                return None
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        try:
            said: Line = json.decode(line)
        except ValueError:
            more = await self.process.stdout.receive_some()
            raise AssertionError((line + self._rest + more).decode()) from None
        return said

    async def hears(self, what: str, **more: str) -> Line:
        """Wait until it says this."""
        while said := await self.line():
            if said["said"] == what and all(said[key] == text for key, text in more.items()):
                return said
        raise AssertionError(f"it never said {what!r}")

    async def does(self, *orders: str) -> None:
        """Tell it what to do; if it lives."""
        assert self.process.stdin is not None
        with suppress(trio.BrokenResourceError):
            await self.process.stdin.send_all("".join(f"{order}\n" for order in orders).encode())

    async def over(self) -> int:
        """Wait until it has ended; how."""
        while await self.line():
            pass
        return await self.process.wait()


@asynccontextmanager
async def trading(log: Path, port: int, *options: str) -> AsyncGenerator[Program]:
    """The program, on a log and against an exchange; killed where it is left running."""
    command = [sys.executable, str(PROGRAM), str(log), str(port), f"--pace={PACE}", *options]
    process = await trio.lowlevel.open_process(command, stdin=PIPE, stdout=PIPE, stderr=STDOUT)
    try:
        yield Program(process)
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            assert process.stdin is not None
            assert process.stdout is not None
            await process.stdin.aclose()
            await process.stdout.aclose()


@asynccontextmanager
async def served() -> AsyncGenerator[tuple[Deadly, int]]:
    """Such an exchange, where strangers stand still, and its port."""
    made: list[Deadly] = []

    def skin(story: Story, seed: int) -> Deadly:
        made.append(Deadly(story, seed))
        return made[0]

    async with open_sim(skin, seed=7, story=STORY, speed=1e-6, clock=Hurried(PACE)) as there:
        with trio.fail_after(PATIENCE):
            yield made[0], there.port


# Killed and started again


CHAINS: Final[dict[str, list[Kill]]] = {
    "said": [
        Kill("said", "opened"),
        Kill("said", "canceling"),
        Kill("said", "ready"),
        Kill("said", "ended", 3),
    ],
    "asked": [
        Kill("asked", PLACE, 3),
        Kill("asked", DELETE),
        Kill("asked", "GET /api/v3/openOrders"),
        Kill("asked", "GET /api/v3/account"),
    ],
    "lost": [
        Kill("lost", PLACE),
        Kill("lost", DELETE),
        Kill("lost", PLACE, 4),
        Kill("lost", PLACE, 7),
    ],
    "done": [
        Kill("done", PLACE, 2),
        Kill("done", DELETE),
        Kill("done", "GET /api/v3/account"),
        Kill("done", PLACE, 6),
    ],
    "told": [
        Kill("told", "executionReport"),
        Kill("told", "outboundAccountPosition", 2),
        Kill("told", "CANCELED"),
        Kill("told", "executionReport", 9),
    ],
    "size": [
        Kill("size", n=2),
        Kill("size", n=12),
        Kill("size", n=70),
        Kill("size", n=130),
        Kill("size", n=190),
    ],
}
"""Each on a log and an exchange of its own, one kill after the other."""


async def test_twenty_five_kills_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    rejected: Counter[str] = Counter()

    async def survive(chain: str) -> None:
        # Runs that have names of their own, and runs that all have the same.
        options = ["--run-id=same"] if chain in ("said", "lost", "size") else []
        path = tmp_path / f"{chain}.log"
        async with served() as (exchange, port):
            for n, kill in enumerate(CHAINS[chain]):
                await killed(path, port, exchange, kill, options)
                died(path, exchange)
                if n in (1, 3):
                    exchange.take_asks("1000.2" if n == 1 else "0.4")
            async with trading(path, port, *options) as program:
                await program.does("trade", "settle", "leave")
                agrees(await program.hears("settled"), exchange, final=True)
                assert await program.over() == 0
            rejected[chain] = whole(path, exchange)

    assert sum(map(len, CHAINS.values())) == 25
    async with trio.open_nursery() as nursery:
        for chain in CHAINS:
            nursery.start_soon(survive, chain)
    assert rejected["lost"] >= 3, rejected


async def killed(
    path: Path, port: int, exchange: Deadly, kill: Kill, options: Sequence[str]
) -> None:
    """The program runs on a log and trades on and on, until it is killed."""
    limit = [f"--size-max={kill.n * 1024}"] if kill.when == "size" else []
    left = kill.n
    async with trading(path, port, *options, *limit) as program:
        exchange.aim(kill, program.pid)
        while said := await program.line():
            if said["said"] == "ready":
                agrees(said, exchange)
            if said["said"] in ("ready", "traded"):
                await program.does("trade")
            left -= kill.when == "said" and said["said"] == kill.of
            if kill.when == "said" and left == 0:
                program.process.kill()
        by = signal.SIGXFSZ if kill.when == "size" else signal.SIGKILL
        assert await program.process.wait() == -by, kill


def intents(path: Path) -> list[str]:
    """The orders in a log, by their names: each has one of its own."""
    names, why = list[str](), ""
    try:
        with read_log(path) as log:
            log.verify()
            names = [e.client_order_id for e in log.events() if isinstance(e, OrderSubmitted)]
    except LogError as error:  # killed before there was anything to write
        why = str(error)
    assert why in ("", f"{path} is empty: nothing was ever written to it")
    assert len({*names}) == len(names), "an id was given twice"
    return names


def died(path: Path, exchange: Deadly) -> None:
    """Whatever reached the exchange was an intent that no crash can take back."""
    assert {*exchange.there()} <= {*intents(path)}


def agrees(said: Line, exchange: Deadly, *, final: bool = False) -> None:
    """What the program is sure of is so; at last it is sure of everything, money too."""
    there, specs = exchange.there(), exchange.venue.markets
    sure = True
    for name, (status, doubt, executed, cancel) in said["orders"].items():
        if status == "rejected":
            assert name not in there, name
        elif (status, doubt, cancel) == ("open", "", "") or status not in ("open", "submitted"):
            order = there[name]
            amount = fixed(specs[order.wish.symbol].spec.amount(order.done))
            assert (status, executed) == (order.state, amount), (name, doubt)
        else:
            sure = False
    if final:
        assert sure, said
        assert {*there} <= {*said["orders"]}
        for asset, balance in exchange.venue.accounts[HOLDER.key].balances().items():
            with exactly():
                have = [fixed(tidy(n)) for n in (balance.free + balance.locked, balance.free)]
            assert said["balances"][asset] == have, asset


def whole(path: Path, exchange: Deadly) -> int:
    """A log agrees with the exchange to the last digit of each fill; how many orders never left."""
    with read_log(path) as log:
        events = [*log.events()]
    for name, life in lives(events).items():
        assert LIFE.fullmatch(life), (name, life)
    there, ends = exchange.there(), told(events)
    for name, (status, done) in ends.items():
        if name in there:
            assert (status, done) == summed(exchange, there[name]), name
        else:
            assert (status, done) == ("rejected", Sum()), name
    assert told_once(events) == [len(order.fills) for order in there.values() if order.fills]
    reasons = {e.client_order_id: e.reason for e in events if isinstance(e, OrderRejected)}
    never = [name for name in ends if name not in there]
    assert {reasons[name] for name in never} <= NEVER_SENT | TOO_LATE, reasons
    verified = run("verify", path)
    assert (verified.exit_code, verified.stderr) == (0, "")
    assert "is whole: head" in verified.stdout
    return len(never)


def summed(exchange: Deadly, order: Order) -> tuple[str, Sum]:
    """An order as the exchange has it, and all its trades together."""
    spec = exchange.venue.markets[order.wish.symbol].spec

    def of(fill: Fill) -> Sum:
        fees = ((fill.fee_asset, fill.fee),) if fill.fee else ()
        return Sum(spec.amount(fill.size), fill.value, fees)

    with exactly():
        return order.state, Sum.of(map(of, order.fills))


def told_once(events: Sequence[AnyEvent]) -> list[int]:
    """How many trades were told of each order that has some, and counted."""
    sums: dict[str, dict[str, Decimal]] = {}
    for event in events:
        if isinstance(event, OrderSubmitted):
            sums[event.client_order_id] = {}
        elif isinstance(event, FillTold) and event.client_order_id:
            fills = sums[event.client_order_id]
            with exactly():
                fills[event.fill_id] = fills.get(event.fill_id, ZERO) + event.amount
    counted = [sum(1 for amount in fills.values() if amount) for fills in sums.values()]
    return [count for count in counted if count]


OPENER: Final = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tapefold.log import open_log
from trading_program import mortal

def make(size):
    mortal(size)
    say("opened", open_log(Path(sys.argv[2]) / f"{size}.log").head)

fork_for_each(make)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="those who are killed are forks")
def test_who_is_killed_while_a_log_is_made_can_make_it_again(tmp_path: Path) -> None:
    """In the middle of every file that this takes: the undo journal, the first page, the log's own log."""
    with children(OPENER, str(Path(__file__).parent), str(tmp_path)) as process:
        for size in (1, 500, 512, 513, 2048, 4095, 4096, 5000, 8192, 20_000):
            assert "opened" not in killed_at(process, size, sys.maxsize)
            path = tmp_path / f"{size}.log"
            for _ in range(2):
                assert intents(path) == []
            with open_log(path) as log:
                assert log.head == 0
            with read_log(path) as reader:
                assert reader.verify() == 0


# One log, one engine


async def test_a_second_program_on_a_log_is_told_so_and_the_first_one_trades_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.log"
    async with served() as (exchange, port):
        async with trading(path, port) as first:
            await first.hears("ready")
            async with trading(path, port) as second:
                assert await second.line() == {
                    "said": "failed",
                    "error": "LogLocked",
                    "line": f"{path} is open in another engine (process {first.pid}): stop that one, or "
                    "give this one a log of its own",
                }
                assert await second.over() == 4
            await first.does("trade")
            await first.hears("traded")
            first.process.kill()
            assert await first.over() == -signal.SIGKILL
        async with trading(path, port) as third:
            agrees(await third.hears("ready"), exchange)
            await third.does("settle", "leave")
            agrees(await third.hears("settled"), exchange, final=True)
            assert await third.over() == 0
        assert whole(path, exchange) == 0


async def test_who_looks_into_a_log_that_goes_on_takes_nothing_from_it(tmp_path: Path) -> None:
    """Also with another program, which believes that it is the last one and clears up."""
    path = tmp_path / "a.log"
    async with served() as (exchange, port):
        async with trading(path, port) as program:
            await program.does("leave")
            assert await program.over() == 0
        async with trading(path, port) as program:
            await program.hears("ready")
            with closing(sqlite3.connect(path)) as db:
                assert db.execute("SELECT count(*) FROM stored_events").fetchone() > (0,)
            await program.does("trade")
            await program.hears("traded")
            program.process.kill()
            await program.over()
        died(path, exchange)
        assert {*intents(path)} == {*exchange.there()}
        assert len(intents(path)) == 4


# Ended in order


@pytest.mark.parametrize("on_exit", ["cancel", "keep"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_who_is_told_to_end_ends_in_order(
    on_exit: str, number: signal.Signals, tmp_path: Path
) -> None:
    """With a strategy at work, whose own orders are to be canceled whatever becomes of the caller's."""
    path = tmp_path / "a.log"
    async with served() as (exchange, port):
        options = [f"--on-exit={on_exit}", "--bid"]
        if number == signal.SIGTERM:
            options.append("--heed-term")
        async with trading(path, port, *options) as program:
            await program.does("rest", "settle")
            resting = (await program.hears("open"))["id"]
            await program.hears("settled")
            program.process.send_signal(number)
            assert await program.over() == (130 if number == signal.SIGINT else 0)
        there = {name: order.state for name, order in exchange.there().items()}
        strategys = there.pop(next(name for name in there if name != resting))
        assert strategys == "canceled"
        assert there == {resting: "canceled" if on_exit == "cancel" else "open"}
        assert whole(path, exchange) == 0


async def test_who_heeds_no_sigterm_is_gone_at_once_and_starts_again(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    async with served() as (exchange, port):
        async with trading(path, port, "--on-exit=cancel") as program:
            await program.does("rest")
            await program.hears("open")
            program.process.terminate()
            assert await program.over() == -signal.SIGTERM
        died(path, exchange)
        assert [order.state for order in exchange.there().values()] == ["open"]
        async with trading(path, port, "--on-exit=cancel") as program:
            agrees(await program.hears("ready"), exchange)
            await program.does("leave")
            assert await program.over() == 0
        assert [order.state for order in exchange.there().values()] == ["canceled"]
        assert whole(path, exchange) == 0


@pytest.mark.parametrize("gone", [True, False])
async def test_an_exchange_that_cancels_nothing_on_leaving_is_told_with_the_orders(
    gone: bool, autojump_clock: MockClock
) -> None:
    """In virtual time, since it is given ten seconds."""

    async def leave(exchange: VirtualExchange) -> None:
        assert isinstance(exchange.sim, BinanceSim)
        async with open_engine(exchange.live(), on_exit="cancel") as engine:
            engine.command(WatchAccount("binance"))
            await engine.until(lambda views: views.ready("binance"))
            for _ in range(2):
                engine.submit(buy("0.01", "60000"))
            await engine.until(lambda views: all(o.status == "open" for o in views.orders.live()))
            exchange.sim.faults.add(Refusing("" if gone else "DELETE", 503, times=1000))
            exchange.sim.faults.silent = gone

    async with open_virtual(FUNDED) as exchange:
        with pytest.raises(Refused) as caught:
            await leave(exchange)
    assert str(caught.value) == (
        "on leaving, 2 orders could not be canceled (not within 10 seconds); look at the exchange: "
        "virtual-1, virtual-2"
    )


# Full disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    with mounted(tmp_path / "disk", "1m") as folder:
        yield folder


def write_until_full(path: Path) -> None:
    """Leave no room on a disk."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


async def test_on_a_full_disk_nothing_leaves_and_all_agree_once_there_is_room(
    small_disk: Path,
) -> None:
    path, filler = small_disk / "a.log", small_disk / "filler"
    async with served() as (exchange, port):
        async with trading(path, port) as program:
            await program.does("trade")
            await program.hears("traded")
            before = [*exchange.there()]
            write_until_full(filler)
            await program.does("until full")
            refused = await program.hears("refused")
            failed = await program.hears("failed")
            assert failed["error"] == "LogFull"
            assert failed["line"].startswith(f"{path} cannot be written (")
            durable = int(failed["line"].partition("it is durable to position ")[2].split(";")[0])
            assert durable >= refused["durable"]
            assert failed["line"].endswith("; free some space and start again")
            assert await program.over() == 4
        assert refused["id"] not in exchange.there()
        assert before == [*exchange.there()][: len(before)]
        died(path, exchange)
        with read_log(path) as log:
            assert log.head == durable
        filler.unlink()
        async with trading(path, port) as program:
            agrees(await program.hears("ready"), exchange)
            await program.does("trade", "settle", "leave")
            agrees(await program.hears("settled"), exchange, final=True)
            assert await program.over() == 0
        whole(path, exchange)


# Logs that are damaged, and what is no log


EVENTS: Final = 600


def made(path: Path, *, saved: bool) -> Path:
    """A log of three segments, with what it comes to saved beside it or not."""
    with open_log(path) as log:
        for position in range(1, EVENTS + 1):
            log.append(
                START,
                RequestFailed(
                    exchange="x", purpose="book", subject="", status=position, reason="refused"
                ),
            )
            log.commit()
    if saved:
        with History(path) as history:
            Cache(path).save(history.views(), history.log.digest())
    return path


async def opened(path: Path) -> tuple[bytes, str]:
    """What an engine knows that is opened on a log; or what is said of why it is not."""
    try:
        async with open_engine(Live(("binance",), run_id="r", seed=1), log=path) as engine:
            return engine.views.freeze(), ""
    except TapefoldError as error:
        return b"", str(error)


NOBODY: Final = 65534
"""Who has no rights but those that everybody has."""
Damage = Callable[[bytes, int], bytes]
PAGE: Final = 4096


def cut(data: bytes, at: int) -> bytes:
    """All from there on never reached the disk."""
    return data[:at]


def torn(data: bytes, at: int) -> bytes:
    """Half of a page never did."""
    return data[: at + PAGE // 2]


def zeroed(data: bytes, at: int) -> bytes:
    """A page never did."""
    return data[:at] + bytes(PAGE) + data[at + PAGE :]


def flipped(data: bytes, at: int) -> bytes:
    """A byte in the middle of a page is another one."""
    at += PAGE // 2
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


@pytest.mark.parametrize("saved", [True, False])
@pytest.mark.parametrize("damage", [cut, torn, zeroed, flipped])
async def test_a_damaged_log_is_not_opened_or_is_known_as_it_was(
    damage: Damage, saved: bool, tmp_path: Path
) -> None:
    """Page by page. Where what it came to was saved, older pages need not be read to go on."""
    data = made(tmp_path / "good.log", saved=saved).read_bytes()
    good, _ = await opened(tmp_path / "good.log")
    assert good
    told: list[str] = []
    for at in range(PAGE if damage is cut else 0, len(data), PAGE):
        path = made(tmp_path / f"{at}.log", saved=saved)
        path.write_bytes(damage(data, at))
        known, line = await opened(path)
        assert known == good or line.startswith((str(path), "the log")), at
        told += [line] if line else []
        assert "\n" not in line
    assert told


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(made(path, saved=False))) as db, db:
        row = msgpack.encode([FORMAT + 1, b"", [], b"", 0])
        db.execute("UPDATE stored_events SET state = ? WHERE originator_version = 513", (row,))


def _invented(path: Path) -> None:
    with closing(sqlite3.connect(made(path, saved=False))) as db, db:
        row = to_row(bytes(32), [START], msgpack.encode(["invented_later", 1]))
        db.execute("DELETE FROM stored_events WHERE originator_version > 1")
        db.execute("UPDATE stored_events SET state = ?", (row,))


def _session(path: Path) -> None:
    path.mkdir()
    (path / "session.toml").write_text("")


def _linked(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere" / "a.log")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_newer, "is of a newer tapefold (format 2, this one reads 1): upgrade"),
        (_invented, "an event that this tapefold does not know, from position 1 on: upgrade"),
        (_session, "is not a log: it is no file"),
        (Path.mkdir, "is not a log: it is no file"),
        (os.mkfifo, "is not a log: it is no file"),
        (_linked, "cannot be opened: No such file or directory"),
    ],
)
async def test_what_is_no_log_is_one_line(
    make: Callable[[Path], None], words: str, tmp_path: Path
) -> None:
    make(path := tmp_path / "a.log")
    known, line = await opened(path)
    assert not known
    assert words in line


@contextmanager
def somebody() -> Generator[Path]:
    """A folder of somebody's who is not the machine's master, and we are him."""
    folder = Path(tempfile.mkdtemp())
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield folder
    finally:
        if os.geteuid() == NOBODY:
            os.setresuid(0, 0, 0)
        folder.chmod(0o700)
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("of", "mode"), [("file", 0), ("file", 0o400), ("folder", 0), ("folder", 0o500)]
)
async def test_what_may_not_be_written_is_one_line(of: str, mode: int) -> None:
    with somebody() as folder:
        path = made(folder / "a.log", saved=False)
        path.with_name("a.log.lock").unlink()
        (path if of == "file" else folder).chmod(mode)
        known, line = await opened(path)
    assert not known
    assert line in [f"{path}{end} cannot be opened: Permission denied" for end in ("", ".lock")]
