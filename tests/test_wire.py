"""The wire under an exchange that misbehaves.

Virtual time over streams in memory: each fault is announced in the log, and each time the books end as
they truly are. No socket, and no second passes.
"""

import ssl
from contextlib import suppress
from functools import partial
from threading import Event
from typing import TypeVar, cast

import msgspec
import pytest
import trio
import trio.testing
from builders import trade
from certificates import certified
from trio.testing import MockClock

from tapefold import (
    BookInvalidated,
    ConnectionClosed,
    ConnectionOpened,
    Declare,
    Engine,
    Frame,
    Listing,
    Log,
    Request,
    RequestFailed,
    Subscribe,
    load_adapter,
    open_engine,
)
from tapefold.engine import Live
from tapefold.kernel import Kernel
from tapefold.sim import Answer
from tapefold.testing import (
    Manner,
    Side,
    Twist,
    VirtualExchange,
    as_it_is,
    breaks_off,
    closing,
    framed,
    open_virtual,
    refuses,
    silent,
    stalls,
)
from tapefold.wire import Endpoints, Wire, live

FRAME_MAX = 16 << 20
E = TypeVar("E")


def heard(engine: Engine, kind: type[E]) -> list[E]:
    return [record.event for record in engine.log.read() if isinstance(record.event, kind)]


def downs(engine: Engine) -> list[tuple[int, str]]:
    """The codes and reasons with which lanes went down."""
    return [(e.code, e.reason) for e in heard(engine, ConnectionClosed)]


async def after(plan: list[Manner], twist: Twist = as_it_is) -> tuple[Engine, VirtualExchange]:
    """An engine that met an exchange with this plan, and has converged."""
    async with (
        open_virtual(plan=plan, twist=twist) as exchange,
        open_engine(exchange.live()) as engine,
    ):
        engine.subscribe("binance", *exchange.symbols)
        await engine.until(lambda views: len(exchange.dialled) > len(plan))
        await exchange.converged(engine)
    return engine, exchange


async def test_without_faults_the_books_are_right(autojump_clock: MockClock) -> None:
    async with open_virtual() as exchange, open_engine(exchange.live()) as engine:
        engine.subscribe("binance", *exchange.symbols)
        await exchange.converged(engine)
    assert exchange.dialled == ["binance/1"]
    assert downs(engine) == []


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1008, 1011, 1012, 4001])
async def test_after_any_close_it_connects_anew(code: int, autojump_clock: MockClock) -> None:
    last = b"" if code == 1006 else closing(code, "bye")
    engine, exchange = await after([breaks_off(40, last)])
    assert downs(engine) == [(code, "" if code == 1006 else "bye")]
    assert exchange.dialled == ["binance/1", "binance/2"]
    assert len(heard(engine, BookInvalidated)) == 2


async def test_half_a_frame_and_then_nothing_is_noticed(autojump_clock: MockClock) -> None:
    engine, _ = await after([stalls(40, framed(b'{"stream":"btcusdt@trade"')[:9])])
    assert downs(engine) == [(1006, "")]


async def test_half_a_frame_and_the_end(autojump_clock: MockClock) -> None:
    engine, _ = await after([breaks_off(40, framed(b"x" * 300)[:100])])
    assert downs(engine) == [(1006, "")]


async def test_a_pong_that_never_comes_is_noticed_within_half_a_minute(
    autojump_clock: MockClock,
) -> None:
    began = trio.current_time()
    engine, _ = await after([stalls(0)])
    assert downs(engine) == [(1006, "")]
    assert trio.current_time() - began < 35


async def test_an_exchange_that_never_answers_the_handshake(autojump_clock: MockClock) -> None:
    engine, _ = await after([silent, silent])
    assert downs(engine) == [(1006, ""), (1006, "")]
    assert len(heard(engine, ConnectionOpened)) == 1


async def test_a_refused_handshake_says_with_which_status(autojump_clock: MockClock) -> None:
    engine, _ = await after([refuses("429 Too Many Requests"), refuses("503 Busy")])
    assert downs(engine) == [(429, ""), (503, "")]


async def test_an_answer_that_is_no_handshake(autojump_clock: MockClock) -> None:
    async def rubbish(side: Side) -> None:
        await side.stream.send_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    async def wrong_key(side: Side) -> None:
        head = b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        await side.stream.send_all(head + b"Sec-WebSocket-Accept: no\r\n\r\n")

    engine, _ = await after([rubbish, wrong_key])
    assert downs(engine) == [(1006, ""), (1006, "")]


async def test_an_oversized_frame_ends_its_connection_before_it_is_read(
    autojump_clock: MockClock,
) -> None:
    head = bytes((0x81, 127)) + (FRAME_MAX + 1).to_bytes(8, "big")
    engine, _ = await after([stalls(40, head)])
    (down,) = downs(engine)
    assert down[0] == 1009
    assert str(FRAME_MAX) in down[1]


@pytest.mark.parametrize(
    "bad",
    [
        bytes((0xC1, 1)) + b"x",  # a reserved bit
        bytes((0x80, 1)) + b"x",  # the rest of a message that never began
        bytes((0x83, 1)) + b"x",  # an opcode that nobody has defined
        bytes((0x09, 0)),  # a ping in pieces
        bytes((0x89, 126)) + (200).to_bytes(2, "big") + b"x" * 200,  # a ping that is too long
        bytes((0x81, 0x81)) + b"maskx",  # a server that masks
        bytes((0x88, 1)) + b"x",  # half a code
    ],
)
async def test_a_breach_of_the_protocol_ends_its_connection(
    bad: bytes, autojump_clock: MockClock
) -> None:
    engine, _ = await after([stalls(40, bad)])
    assert [code for code, _ in downs(engine)] == [1002]


async def test_a_ping_that_meets_a_close_is_an_error_of_nobody(autojump_clock: MockClock) -> None:
    ping = framed(b"here?", 0x89)
    engine, _ = await after([breaks_off(40, ping + closing(1012, "restart"))])
    assert downs(engine) == [(1012, "restart")]


async def test_a_message_in_pieces_with_a_ping_between_is_one_message(
    autojump_clock: MockClock,
) -> None:
    async def pieces(side: Side) -> None:
        await side.handshake()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(side.listen)
            while True:
                data = await side.frames.receive()
                third = len(data) // 3
                first = framed(data[:third], 0x01) + framed(b"p", 0x89)
                rest = framed(data[third:-1], 0x00) + framed(data[-1:], 0x80)
                for byte in first + rest:
                    await side.stream.send_all(bytes((byte,)))

    async with open_virtual(plan=[pieces]) as exchange, open_engine(exchange.live()) as engine:
        engine.subscribe("binance", *exchange.symbols)
        await exchange.converged(engine)
    assert downs(engine) == []


async def test_a_restart_in_the_middle_of_a_sync(autojump_clock: MockClock) -> None:
    """1012 while the snapshot is on its way: what comes of it is of the lane that is gone."""

    async def slow(request: Request, answer: Answer) -> Answer:
        if "depth" in request.url:
            await trio.sleep(2)
        return answer

    engine, _ = await after([breaks_off(5, closing(1012, "restart"))], slow)
    assert downs(engine) == [(1012, "restart")]


async def test_a_snapshot_that_comes_very_late(autojump_clock: MockClock) -> None:
    async def late(request: Request, answer: Answer) -> Answer:
        if "depth" in request.url:
            await trio.sleep(20)
        return answer

    engine, exchange = await after([], late)
    assert exchange.asked.count("/api/v3/depth") == 2
    assert heard(engine, RequestFailed) == []


async def test_a_request_that_takes_too_long_is_given_up_and_asked_again(
    autojump_clock: MockClock,
) -> None:
    asked = 0

    async def never(request: Request, answer: Answer) -> Answer:
        nonlocal asked
        if "depth?symbol=BTCUSDT" in request.url:
            asked += 1
            if asked == 1:
                await trio.sleep_forever()
        return answer

    engine, _ = await after([], never)
    (failed,) = heard(engine, RequestFailed)
    assert msgspec.structs.asdict(failed) == {
        "exchange": "binance",
        "purpose": "book",
        "subject": "BTCUSDT",
        "status": 0,
        "reason": "unanswered",
    }


async def test_a_stale_snapshot_is_asked_for_again(autojump_clock: MockClock) -> None:
    """An answer from before the first delta, twice: as a cache in front of an exchange gives it."""
    old: dict[str, Answer] = {}
    asked: list[str] = []

    async def stale(request: Request, answer: Answer) -> Answer:
        if "depth" not in request.url:
            return answer
        asked.append(request.url)
        if request.url not in old:
            old[request.url] = answer
            await trio.sleep(3)
        return old[request.url] if asked.count(request.url) < 3 else answer

    async def deaf(side: Side) -> None:
        await side.handshake()
        await trio.sleep(1)  # what the market says meanwhile is queued, and comes in one go
        async with trio.open_nursery() as nursery:
            nursery.start_soon(side.listen)
            nursery.start_soon(side.talk)

    async with (
        open_virtual(plan=[deaf], twist=stale) as exchange,
        open_engine(exchange.live()) as engine,
    ):
        engine.subscribe("binance", *exchange.symbols)
        await exchange.converged(engine)


@pytest.mark.parametrize("status", [429, 418, 500, 503])
async def test_a_refused_snapshot_is_asked_for_again_later(
    status: int, autojump_clock: MockClock
) -> None:
    asked = 0

    async def refused(request: Request, answer: Answer) -> Answer:
        nonlocal asked
        asked += 1
        return Answer(status, b"{}") if asked in (1, 3) else answer

    engine, _ = await after([], refused)
    assert len(heard(engine, RequestFailed)) == 2


async def test_a_day_that_ends_with_the_forced_cut(autojump_clock: MockClock) -> None:
    """Binance hangs up after 24 hours. A quiet market, since a busy day is a million frames."""
    cut = closing(1008, "24 hours")

    async def day(side: Side) -> None:
        await side.handshake()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(side.listen)
            await trio.sleep(24 * 3600)
            await side.stream.send_all(cut)
            nursery.cancel_scope.cancel()

    async with open_virtual(plan=[day]) as exchange, open_engine(exchange.live()) as engine:
        exchange.halt()
        engine.subscribe("binance", *exchange.symbols)
        await engine.until(lambda views: len(exchange.dialled) == 2)
        assert trio.current_time() > 24 * 3600
        await engine.until(exchange.all_live)
    assert downs(engine) == [(1008, "24 hours")]


async def test_trouble_of_one_exchange_leaves_the_other_running(autojump_clock: MockClock) -> None:
    """One is refused all the time; the other one's books are right all the while."""
    async with open_virtual() as exchange:
        real = exchange.outside.dial

        async def dial(lane: str, url: str) -> trio.abc.Stream:
            if lane.startswith("binance_us"):
                raise ConnectionRefusedError("nobody is at home")
            return await real(lane, url)

        outside = exchange.outside._replace(dial=dial)
        both = Live(("binance", "binance_us"), seed=1, outside=outside)
        async with open_engine(both) as engine:
            engine.subscribe("binance_us", *exchange.symbols)
            engine.subscribe("binance", *exchange.symbols)
            await engine.until(
                lambda views: all(views.book(s, "binance").live for s in exchange.symbols)
            )
            await trio.sleep(60)
            assert all(engine.views.book(s, "binance").live for s in exchange.symbols)
    refused = [e for e in heard(engine, ConnectionClosed) if e.lane.startswith("binance_us")]
    assert len(refused) >= 4
    assert len(refused) == len(heard(engine, ConnectionClosed))


class Behind(Log):
    """A log whose disk is behind, until somebody lets it catch up."""

    def __init__(self) -> None:
        super().__init__()
        self.may = Event()

    @property
    def crowded(self) -> bool:
        return not self.may.is_set()

    def wait(self) -> None:
        self.may.wait(60)


async def test_while_the_disk_is_behind_nothing_is_read_and_the_exchange_must_wait() -> None:
    """Memory streams that hold nothing back, and trio's own clock: a thread is in it."""
    log, sent = Behind(), 0
    ours, theirs = trio.testing.lockstep_stream_pair()

    async def dial(lane: str, url: str) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        return ours

    async def serve() -> None:
        nonlocal sent
        await side.handshake()
        for n in range(20):
            await theirs.send_all(framed(trade(n, "1", "1")))
            sent += 1
        await side.listen()

    async with open_virtual() as exchange, trio.open_nursery() as nursery:
        exchange.halt()
        side = Side(exchange, "binance/1", "", theirs)
        kernel = Kernel({"binance": load_adapter("binance")}, log)
        wire = Wire(kernel, log, exchange.outside._replace(dial=dial))
        nursery.start_soon(serve)
        await nursery.start(wire.run)
        wire.command(Declare("binance", (Listing("A-B", "AB"),)))
        wire.command(Subscribe("binance", ("AB",), ("trades",)))
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert (sent, wire.frames) == (1, 1)
        log.may.set()
        while wire.frames < 20:
            await trio.testing.wait_all_tasks_blocked(0.01)
        assert kernel.views.markets[0].trades == 20
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("hosts", "trusts", "code"),
    [(["127.0.0.1"], True, 1000), (["127.0.0.1"], False, 1006), (["other.example"], True, 1006)],
)
async def test_over_tls_it_connects_to_whom_it_trusts_and_to_nobody_else(
    hosts: list[str], trusts: bool, code: int
) -> None:
    """Real sockets and trio's own clock, since TLS is of the operating system's library."""
    server, trusting = certified(*hosts)
    context = trusting if trusts else ssl.create_default_context()
    frames: list[Frame] = []
    ended = trio.Event()

    def notice(frame: Frame) -> None:
        frames.append(frame)
        if frame.kind == "close":
            ended.set()

    async def serve(stream: trio.SSLStream[trio.SocketStream]) -> None:
        side = Side(cast("VirtualExchange", Halted()), "binance/1", "", stream)
        with suppress(trio.BrokenResourceError):
            await side.handshake()
            await stream.send_all(closing(1000))
            await side.listen()

    async with trio.open_nursery() as nursery:
        listen = partial(trio.serve_ssl_over_tcp, serve, 0, server, host="127.0.0.1")
        (listener,) = await nursery.start(listen)
        port = listener.transport_listener.socket.getsockname()[1]
        place = Endpoints(ws=f"wss://127.0.0.1:{port}", rest="http://127.0.0.1:1")
        exchange = Live(("binance",), {"binance": place}, notice=notice, outside=live(context))
        async with open_engine(exchange) as engine:
            engine.command(Declare("binance", (Listing("A-B", "AB"),)))
            engine.command(Subscribe("binance", ("AB",), ("trades",)))
            await ended.wait()
        nursery.cancel_scope.cancel()
    assert [frame.kind for frame in frames] == (["opened", "close"] if code == 1000 else ["close"])
    assert frames[-1].status == code
    assert ("ertificate" in frames[-1].reason) == (code == 1006)


class Halted:
    """An exchange whose market says nothing."""

    def connect(self, side: Side) -> None:
        """Somebody is connected."""
