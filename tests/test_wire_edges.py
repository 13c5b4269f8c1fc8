"""What goes wrong at the edges of a wire, and stays there.

Virtual time over streams in memory, but where a thread or a real transport is what is tested: then
trio's own clock. No test waits for time to pass.
"""

import gzip
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from hashlib import sha1
from pathlib import Path
from threading import Event

import httpx
import pytest
import trio
import trio.lowlevel
import trio.testing
from trio.testing import MockClock

from tapefold import (
    MINUTE,
    AdapterError,
    Declare,
    Frame,
    Listing,
    Live,
    Log,
    LogFull,
    Refused,
    RequestFailed,
    Session,
    Subscribe,
    Unsubscribe,
    bundled,
    load_adapter,
    open_engine,
    replay_report,
)
from tapefold.kernel import Kernel
from tapefold.testing import Side, closing, framed, honest, open_virtual
from tapefold.wire import Endpoints, Wire
from tapefold.wire.socket import HandshakeRefused, Socket, SocketClosed, open_socket


async def heard(data: bytes) -> tuple[list[bytes], SocketClosed]:
    """What a socket gives of these bytes, and how it ends."""
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.send_all(data)
    await theirs.send_eof()
    socket, got = Socket(ours), list[bytes]()
    try:
        while True:
            got += await socket.receive()
    except SocketClosed as closed:
        return got, closed


# The socket


@pytest.mark.parametrize("breach", [b"\xf1\x00", b"\x83\x00", framed(b"", 0x81)[:1] + b"\x80"])
async def test_what_came_before_a_breach_is_not_lost(breach: bytes) -> None:
    got, closed = await heard(framed(b"one") + framed(b"two") + breach)
    assert got == [b"one", b"two"]
    assert (closed.code, closed.ours) == (1002, True)


@pytest.mark.parametrize("code", [0, 404, 999, 1004, 1005, 1006, 1015, 2000, 5000, 65535])
async def test_a_code_that_no_close_may_have_is_a_breach(code: int) -> None:
    assert (await heard(closing(code)))[1].code == 1002


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 1014, 3000, 4999])
async def test_a_code_that_a_close_may_have_is_its_own(code: int) -> None:
    assert (await heard(closing(code, "why")))[1].args == (code, "why")


async def test_a_million_empty_pieces_take_no_room() -> None:
    pieces = framed(b"", 0x01) + framed(b"", 0x00) * 1000 + framed(b"end", 0x80)
    assert (await heard(pieces))[0] == [b"end"]


async def test_our_close_is_answered_by_theirs_and_by_nothing_more() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    socket = Socket(ours)
    await theirs.send_all(framed(b"late") + closing(1000))
    await socket.close(1000)
    assert len(await theirs.receive_some()) == 6 + 2  # one close, masked
    assert await theirs.receive_some() == b""


def answer(*more: str, status: str = "HTTP/1.1 101 Yes", key: str = "{accept}") -> str:
    lines = [
        "Upgrade: websocket",
        "Connection: keep-alive, Upgrade",
        f"Sec-WebSocket-Accept: {key}",
    ]
    return "\r\n".join([status, *lines, *more, "", ""])


GOOD = answer()
BAD = {
    "no upgrade": GOOD.replace("Upgrade: websocket", "Upgrade: h2c"),
    "no connection": GOOD.replace("keep-alive, Upgrade", "close"),
    "an extension that nobody offered": answer("Sec-WebSocket-Extensions: permessage-deflate"),
    "a protocol that nobody offered": answer("Sec-WebSocket-Protocol: soap"),
    "another key": answer(key="no"),
    "an older HTTP": answer(status="HTTP/1.0 101 Yes"),
}


async def shaken(text: str) -> Socket:
    """A handshake that is answered so."""
    ours, theirs = trio.testing.memory_stream_pair()

    async def answered() -> None:
        head = (await theirs.receive_some()).decode()
        assert "\r\nHost: x.test:1\r\n" in head
        key = head.split("Sec-WebSocket-Key: ")[1].split("\r\n")[0]
        await theirs.send_all(text.replace("{accept}", accepting(key)).encode())
        await theirs.send_eof()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answered)
        return await open_socket(ours, "ws://me:secret@x.test:1/a?b=c")
    raise AssertionError


def accepting(key: str) -> str:
    return b64encode(sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()


@pytest.mark.parametrize("what", BAD)
async def test_a_handshake_that_is_not_what_was_asked_for(what: str) -> None:
    with pytest.RaisesGroup(SocketClosed):
        await shaken(BAD[what])


async def test_a_handshake_may_be_announced_first() -> None:
    await shaken("HTTP/1.1 103 Early\r\n\r\n" + GOOD)


async def test_a_refusal_has_its_status() -> None:
    with pytest.RaisesGroup(HandshakeRefused):
        await shaken("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")


# One exchange's trouble


async def test_a_name_that_is_no_ascii_is_escaped(autojump_clock: MockClock) -> None:
    urls: list[str] = []

    async def look(side: Side) -> None:
        urls.append(side.url)
        await honest(side)

    async with open_virtual(plan=[look]) as exchange, open_engine(exchange.live()) as engine:
        engine.command(Declare("binance", (Listing("币安-USDT", "币安USDT"),)))
        engine.command(Subscribe("binance", ("币安-USDT",), ("trades",)))
        await engine.until(lambda views: bool(views.connections.up.get("binance")))
    assert "币安" in urls[0]


async def test_an_address_that_is_none_is_an_error_of_its_lane(autojump_clock: MockClock) -> None:
    async with open_virtual() as exchange:
        real = exchange.outside.dial

        async def dial(lane: str, url: str) -> trio.abc.Stream:
            if lane == "binance/1":
                raise UnicodeError("label too long")
            return await real(lane, url)

        live = Live(("binance",), seed=1, outside=exchange.outside._replace(dial=dial))
        async with open_engine(live) as engine:
            engine.subscribe("binance", *exchange.symbols)
            await exchange.converged(engine)


@pytest.mark.parametrize("place", ["ws://h:99999", "ws://a..b:1", "http://h", "ws://", "ws://h:0"])
def test_an_endpoint_that_is_none_is_refused_at_once(place: str) -> None:
    with pytest.raises(Exception, match="is no address: say ws://HOST:PORT"):
        Endpoints(ws=place).check()


# Over HTTP


async def body(pieces: Callable[[], AsyncIterator[bytes]], coding: str) -> list[RequestFailed]:
    """What the engine says of an answer with this body."""

    async def respond(request: httpx.Request) -> httpx.Response:
        headers = {"content-encoding": coding, "set-cookie": "a=b"}
        assert request.headers["accept-encoding"] == "gzip, deflate"
        assert "cookie" not in request.headers
        return httpx.Response(200, headers=headers, content=pieces())

    async with open_virtual() as exchange:
        outside = exchange.outside._replace(transport=httpx.MockTransport(respond))
        live = Live(("binance",), seed=1, outside=outside)
        async with open_engine(live) as engine:
            engine.subscribe("binance", *exchange.symbols)
            await engine.until(
                lambda views: views.anomalies.count > 0 or bool(views.instruments.rows)
            )
        return [r.event for r in engine.log.read() if isinstance(r.event, RequestFailed)]


async def test_a_bomb_is_not_unpacked(autojump_clock: MockClock) -> None:
    packed = gzip.compress(bytes(64 << 20))

    async def bomb() -> AsyncIterator[bytes]:
        yield packed

    (failed,) = await body(bomb, "gzip")
    assert (failed.reason, failed.status) == ("unanswered", 0)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_packed_answer_is_unpacked(coding: str, autojump_clock: MockClock) -> None:
    plain = b'{"symbols":[{"symbol":"BTCUSDT","baseAsset":"BTC","quoteAsset":"USDT","filters":[]}]}'
    packed = gzip.compress(plain) if coding == "gzip" else zlib.compress(plain)

    async def pieces() -> AsyncIterator[bytes]:
        yield packed[:7]
        yield packed[7:]

    assert all(event.reason == "not_listed" for event in await body(pieces, coding))


@pytest.mark.parametrize(
    ("coding", "data"), [("zstd", b"(\xb5/\xfd"), ("gzip", b"no"), ("gzip", b"")]
)
async def test_an_answer_that_cannot_be_unpacked(
    coding: str, data: bytes, autojump_clock: MockClock
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield data

    assert (await body(pieces, coding))[0].reason == "unanswered"


# Commands


async def test_a_command_that_is_none_leaves_no_trace(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    folder = tmp_path / "made"
    async with open_virtual() as exchange:
        async with open_engine(exchange.live(), record=folder) as engine:
            head = engine.log.head
            with pytest.raises(AdapterError, match="has no channel 'nonsense'"):
                engine.command(Subscribe("binance", exchange.symbols, ("nonsense",)))  # type: ignore[arg-type] # wrong on purpose
            with pytest.raises(AdapterError, match="not opened with the exchange"):
                engine.command(Unsubscribe("kraken/1"))
            assert engine.log.head == head
    assert [*Session(folder).lines()] == []
    with pytest.raises(Refused, match="is not running"):
        engine.subscribe("binance", "BTC-USDT")


async def test_a_command_given_on_notice_is_recorded_where_it_was_carried_out(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    folder, given = tmp_path / "made", list[str]()

    def notice(frame: Frame) -> None:
        if frame.kind == "opened" and not given:
            given.append(frame.lane)
            engine.subscribe("binance", exchange.symbols[1])

    async with open_virtual() as exchange:
        live = exchange.live()._replace(notice=notice)
        async with open_engine(live, record=folder) as engine:
            engine.subscribe("binance", exchange.symbols[0])
            await exchange.converged(engine)
    assert replay_report(Session(folder)).digests.log == engine.log.digest()


class Full(Log):
    """A log whose disk takes no more."""

    @property
    def failure(self) -> Refused | None:
        return LogFull("the disk is full; it is durable to position 0")


async def test_while_nothing_can_be_kept_commands_are_refused(autojump_clock: MockClock) -> None:
    async with open_virtual() as exchange, trio.open_nursery() as nursery:
        log = Full()
        wire = Wire(Kernel({"binance": load_adapter("binance")}, log), log, exchange.outside)
        await nursery.start(wire.run)
        with pytest.raises(LogFull):
            wire.command(Subscribe("binance", exchange.symbols))
        assert log.head == 0
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("how", [{"mode": "mock"}, {"speed": 2.0}])
async def test_what_would_be_ignored_is_refused(how: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="mode and speed are of a session"):
        async with open_engine(Live(("binance",)), **how):  # type: ignore[arg-type] # wrong on purpose
            pass
    with pytest.raises(ValueError, match="a mode is one of replay, mock, virtual"):
        async with open_engine(bundled(), mode="Mock"):  # type: ignore[arg-type] # wrong on purpose
            pass
    with pytest.raises(TypeError, match="a tuple of names"):
        async with open_engine(Live("binance")):  # type: ignore[arg-type] # wrong on purpose
            pass


# Time


async def test_our_own_slow_disk_is_no_silence_of_the_exchanges(autojump_clock: MockClock) -> None:
    """A reader that rests for an hour has not heard anything, and hangs up on nobody."""

    class Resting(Wire):
        async def _rest(self) -> None:
            await trio.sleep(3600)

    async with open_virtual() as exchange, trio.open_nursery() as nursery:
        log = Log()
        wire = Resting(Kernel({"binance": load_adapter("binance")}, log), log, exchange.outside)
        await nursery.start(wire.run)
        wire.command(Declare("binance", (Listing("BTC-USDT", "BTCUSDT"),)))
        wire.command(Subscribe("binance", ("BTCUSDT",), ("trades",)))
        await trio.sleep(5)
        exchange.halt()
        await trio.sleep(3 * 3600)
        assert wire.frames
        assert exchange.dialled == ["binance/1"]
        nursery.cancel_scope.cancel()


async def test_who_waits_runs_before_the_next_frame_also_of_one_read(
    autojump_clock: MockClock,
) -> None:
    async def at_once(side: Side) -> None:
        await side.handshake()
        await side.stream.send_all(b"".join(framed(b"{}") for _ in range(30)))
        await side.listen()

    async with open_virtual(plan=[at_once]) as exchange, open_engine(exchange.live()) as engine:
        engine.subscribe("binance", *exchange.symbols)
        await engine.until(lambda views: engine.frames >= 3)
        assert engine.frames == 3


async def test_what_is_logged_on_a_quiet_wire_is_written_soon(tmp_path: Path) -> None:
    """A log file has a thread, so the clock is trio's own; the wait is for the writing itself."""
    async with open_virtual() as exchange:
        exchange.halt()
        async with open_engine(exchange.live(), log=tmp_path / "log") as engine:
            engine.command(Declare("binance", (Listing("BTC-USDT", "BTCUSDT"),)))
            with trio.fail_after(20):
                while engine.log.durable < engine.log.head:
                    await trio.testing.wait_all_tasks_blocked(0.01)


async def test_leaving_does_not_wait_for_a_disk_that_hangs() -> None:
    """With a thread in it, so trio's own clock."""
    hangs = Event()

    class Hanging(Log):
        @property
        def crowded(self) -> bool:
            return True

        def wait(self) -> None:
            waiting.set()
            hangs.wait(60)

    waiting, log = Event(), Hanging()
    async with open_virtual() as exchange, trio.open_nursery() as nursery:
        wire = Wire(Kernel({"binance": load_adapter("binance")}, log), log, exchange.outside)
        await nursery.start(wire.run)
        wire.command(Declare("binance", (Listing("BTC-USDT", "BTCUSDT"),)))
        wire.command(Subscribe("binance", ("BTCUSDT",), ("trades",)))
        while not waiting.is_set():
            await trio.testing.wait_all_tasks_blocked(0.01)
        with trio.fail_after(5):
            nursery.cancel_scope.cancel()
            await trio.lowlevel.checkpoint()
    hangs.set()


async def test_a_time_that_is_over_ends_a_recording_in_order(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    folder = tmp_path / "made"
    async with open_virtual() as exchange:
        with trio.move_on_after(MINUTE // 1_000_000_000):
            async with open_engine(exchange.live(), record=folder) as engine:
                engine.subscribe("binance", *exchange.symbols)
                await trio.sleep_forever()
    session = Session(folder)
    assert session.meta.sealed
    assert session.meta.instruments == [*exchange.symbols]
    assert replay_report(session).reached


async def test_a_group_of_the_blocks_comes_out_as_it_is() -> None:
    mine = ExceptionGroup("mine", [ValueError()])
    with pytest.raises(ExceptionGroup) as raised:
        async with open_engine(bundled()):
            raise mine
    assert raised.value is mine


async def test_the_real_world_is_kept_out_however_it_is_given(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    monkeypatch.setenv("MOCK_API_ENABLED", "on")
    async with open_virtual() as exchange:
        for outside in (None, exchange.outside._replace(real=True)):
            with pytest.raises(Refused, match="MOCK_API_ENABLED is set"):
                async with open_engine(Live(("binance",), outside=outside)):
                    pass
        async with open_engine(exchange.live()):
            pass
