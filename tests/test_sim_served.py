"""A simulated exchange that is served: its port, its clock, and clients of all manners.

No door: no tape is played. Memory streams and virtual time where something takes its time; loopback
sockets where a port, or somebody else's client, is part of the story.
"""

import hmac
import json
import re
import socket
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import pytest
import trio
from captures import ROOT
from trio.testing import MockClock, lockstep_stream_pair, memory_stream_pair
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    open_websocket_url,
    wrap_client_stream,
)

from tapefold import Live, Request, Subscribe, open_engine
from tapefold.errors import AdapterError, Refused
from tapefold.sim import MINUTE, Answer, Faults, Published, Story, Venue
from tapefold.sim.serving import client as client_module
from tapefold.sim.serving import front as front_module
from tapefold.sim.serving import open_sim, running
from tapefold.sim.serving.front import Doors, Front
from tapefold.sim.serving.present import Present
from tapefold.sim.serving.running import Running
from tapefold.stub import server as stub_server
from tapefold.units import SECOND, Nanos
from tapefold.wire import Endpoints
from tapefold.wire.world import WallClock

START = 1_767_614_400 * SECOND
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
"""A WebSocket client's first bytes."""


class Toy:
    """An exchange that counts seconds on every lane, and says what it was asked and when."""

    def __init__(self, started: Nanos = START) -> None:
        self.venue, self.faults = Venue(MINUTE, 0), Faults()
        self.seconds = 0
        self.lanes: list[str] = []
        self.asked: list[Request] = []
        self.turned: list[Nanos] = []
        self._started = started
        self._caused: list[tuple[Nanos, bytes]] = []

    @property
    def due(self) -> Nanos:
        """The next full second, or what was caused before it."""
        return self._caused[0][0] if self._caused else self._started + (self.seconds + 1) * SECOND

    def turn(self) -> Sequence[Published]:
        self.turned.append(self.due)
        if self._caused:
            data = self._caused.pop(0)[1]
        else:
            self.seconds += 1
            data = str(self.seconds).encode()
        return [Published(lane, data) for lane in self.lanes]

    def connect(self, lane: str, url: str) -> None:
        if "bad" in url:
            raise ZeroDivisionError
        self.lanes.append(lane)

    def disconnect(self, lane: str) -> None:
        if lane in self.lanes:
            self.lanes.remove(lane)

    def hear(self, lane: str, text: str, time: Nanos) -> Sequence[Published]:
        if text == "bad":
            raise ZeroDivisionError
        self._caused.append((time, f"caused by {text}".encode()))
        return [Published(lane, f"heard {text} at {(time - START) / SECOND:g}".encode())]

    def peek(self, request: Request) -> Answer:
        """Nobody looks on."""
        return self.answer(request, 0)

    def answer(self, request: Request, time: Nanos) -> Answer:
        self.asked.append(request)
        if request.url.endswith("/bad"):
            raise ZeroDivisionError
        if request.url.endswith("/nothing"):
            return Answer(0, b"")
        if request.method == "POST":
            self._caused.append((time, b"caused"))
        said = {"at": (time - START) / SECOND, "seconds": self.seconds, "body": request.body}
        return Answer(201, json.dumps(said).encode(), {"x-used": "7"})


def toy(story: Story, _seed: int) -> Toy:
    """The skin of one."""
    return Toy(story.started_ns)


class Busy(Toy):
    """It says so much that no client can take it."""

    def turn(self) -> Sequence[Published]:
        super().turn()
        return [Published(lane, b"x" * 1000) for lane in self.lanes for _ in range(10)]


class House(NamedTuple):
    """All of a served exchange but its port."""

    toy: Toy
    running: Running
    front: Front
    nursery: trio.Nursery

    def dial(self, *, slowly: bool = False) -> trio.abc.Stream:
        """A stream to it; *slowly*: nothing is written before it is read."""
        ours, theirs = lockstep_stream_pair() if slowly else memory_stream_pair()
        self.nursery.start_soon(self.front.serve, theirs)
        return ours

    async def said(self, request: bytes) -> tuple[bytes, bytes]:
        """Head and body of the answer to a request."""
        stream = self.dial()
        await stream.send_all(request)
        told = bytearray()
        while data := await stream.receive_some():
            told += data
        head, _, body = bytes(told).partition(b"\r\n\r\n")
        return head, body

    async def get(self, target: str, method: str = "GET", body: str = "") -> dict[str, Any]:
        """What it answers to a request."""
        _, told = await self.said(http(target, method, body))
        found: dict[str, Any] = json.loads(told)
        return found

    async def connect(self, target: str = "/ws", *, slowly: bool = False) -> WebSocketConnection:
        """A WebSocket that is up."""
        stream: Any = self.dial(slowly=slowly)  # any will do, whatever its types say
        return await wrap_client_stream(self.nursery, stream, "x", target)


def http(target: str, method: str = "GET", body: str = "") -> bytes:
    """A request, after which the connection ends."""
    rows = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close", "X-Key: k"]
    if body:
        rows.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*rows, "", body]).encode()


@asynccontextmanager
async def opened(given: Toy | None = None) -> AsyncGenerator[House]:
    """A house in memory; its clock is trio's."""
    exchange = given or Toy()
    made = Running("toy", exchange, WallClock(START))
    front = Front(made, Doors(sockets=("/ws",)), "http://127.0.0.1:1")
    with trio.fail_after(1000):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.run)
            yield House(exchange, made, front, nursery)
            nursery.cancel_scope.cancel()


# What is asked


async def test_a_request_is_answered_at_the_time_of_its_arrival(autojump_clock: MockClock) -> None:
    async with opened() as house:
        await trio.sleep(2.5)
        assert await house.get("/time") == {"at": 2.5, "seconds": 2, "body": ""}
        await trio.sleep(1)
        assert await house.get("/time") == {"at": 3.5, "seconds": 3, "body": ""}


async def test_what_was_due_before_a_request_is_done_before_it(autojump_clock: MockClock) -> None:
    """Also where nobody had the time to turn it: here nobody turns at all."""
    async with opened() as house:
        late = Front(Running("toy", house.toy, WallClock(START - 5 * SECOND)), Doors(), "")
        asking = House(house.toy, house.running, late, house.nursery)
        await trio.sleep(0.5)
        assert (await asking.get("/time"))["seconds"] == 0
        late = Front(Running("toy", house.toy, WallClock(START + 1000 * SECOND)), Doors(), "")
        asking = House(house.toy, house.running, late, house.nursery)
        assert await asking.get("/time") == {"at": 1000.0, "seconds": 1000, "body": ""}


async def test_an_exchange_hears_the_whole_request(autojump_clock: MockClock) -> None:
    async with opened() as house:
        head, _ = await house.said(http("/order?a=%20b", "POST", "c=1&signature=2"))
        (asked,) = house.toy.asked
    assert (asked.method, asked.url) == ("POST", "http://127.0.0.1:1/order?a=%20b")
    assert asked.body == "c=1&signature=2"
    assert asked.headers["x-key"] == "k"
    assert asked.signed is False
    assert head.startswith(b"HTTP/1.1 201 ")
    assert b"x-used: 7" in head
    assert b"content-type: application/json" in head


async def test_what_a_request_causes_is_told_at_once_and_not_with_the_next_second(
    autojump_clock: MockClock,
) -> None:
    async with opened() as house:
        socket = await house.connect()
        await trio.sleep(0.25)
        assert (await house.get("/order", "POST"))["at"] == 0.25
        assert await socket.get_message() == "caused"
        assert trio.current_time() == pytest.approx(0.25, abs=1e-6)
        assert await socket.get_message() == "1"


async def test_an_answer_that_never_comes_is_a_connection_that_is_cut(
    autojump_clock: MockClock,
) -> None:
    async with opened() as house:
        assert await house.said(http("/nothing", "DELETE")) == (b"", b"")
        assert [asked.method for asked in house.toy.asked] == ["DELETE"]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET http://else.test/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"400"),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\n\xff",
            b"400",
        ),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000 + b"\r\n\r\n", b"431"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2001\r\n\r\n" + b"x" * 2001, b"413"),
    ],
)
async def test_nonsense_is_told_so_and_harms_nobody(
    said: bytes, status: bytes, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stub_server, "BODY_MAX", 2000)
    async with opened() as house:
        head, _ = await house.said(said)
        assert head.split()[:2] == [b"HTTP/1.1", status]
        assert house.toy.asked == []
        assert (await house.get("/time"))["at"] >= 0


async def test_half_a_request_and_no_more_harms_nobody(autojump_clock: MockClock) -> None:
    async with opened() as house:
        stream = house.dial()
        await stream.send_all(b"POST /order HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab")
        await stream.aclose()
        assert (await house.get("/time"))["seconds"] == 0
        assert [asked.url for asked in house.toy.asked] == ["http://127.0.0.1:1/time"]


async def test_a_fault_of_the_exchange_is_one_answer_and_is_kept(autojump_clock: MockClock) -> None:
    async with opened() as house:
        head, body = await house.said(http("/bad"))
        assert head.startswith(b"HTTP/1.1 500 ")
        assert json.loads(body) == {
            "code": -1000,
            "msg": "a fault of the simulator: ZeroDivisionError()",
        }
        assert [type(fault) for fault in house.running.faults] == [ZeroDivisionError]
        assert (await house.get("/time"))["seconds"] == 0


# WebSockets


async def test_everybody_who_is_connected_hears_what_is_due_when_it_is(
    autojump_clock: MockClock,
) -> None:
    async with opened() as house:
        one = await house.connect()
        assert await one.get_message() == "1"
        other = await house.connect("/ws/some@stream?x=1")
        assert house.running.lanes == ["toy/1", "toy/2"]
        for socket in (one, other):
            assert await socket.get_message() == "2"
        assert trio.current_time() == pytest.approx(2, abs=1e-5)


async def test_a_message_is_answered_and_then_comes_what_it_caused(
    autojump_clock: MockClock,
) -> None:
    async with opened() as house:
        socket = await house.connect()
        await trio.sleep(0.5)
        await socket.send_message("this")
        assert await socket.get_message() == "heard this at 0.5"
        assert await socket.get_message() == "caused by this"
        assert await socket.get_message() == "1"


async def test_who_has_left_is_told_of_to_the_exchange(autojump_clock: MockClock) -> None:
    async with opened() as house:
        one, _ = await house.connect(), await house.connect()
        await one.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert house.toy.lanes == house.running.lanes == ["toy/2"]


async def test_a_slow_client_is_hung_up_on_and_nobody_waits_for_it(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "OUTBOX_MAX", 25_000)
    async with opened(Busy()) as house:
        slow = house.dial(slowly=True)
        await slow.send_all(HANDSHAKE)
        assert b" 101 " in await slow.receive_some(65536)
        quick = await house.connect()
        for _ in range(50):
            assert await quick.get_message() == "x" * 1000
        assert house.running.lanes == ["toy/2"]
        assert house.toy.lanes == ["toy/2"]


async def test_who_answers_no_ping_is_gone_after_eighty_seconds(autojump_clock: MockClock) -> None:
    async with opened() as house:
        silent = house.dial()
        await silent.send_all(HANDSHAKE)
        assert b" 101 " in await silent.receive_some(65536)
        socket = await house.connect()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen, socket)
            await trio.sleep(79)
            assert house.running.lanes == ["toy/1", "toy/2"]
            await trio.sleep(2)
            assert house.running.lanes == ["toy/2"]
            nursery.cancel_scope.cancel()


async def listen(socket: WebSocketConnection) -> None:
    while True:
        await socket.get_message()


@pytest.mark.parametrize(("said", "code"), [(b"bytes", 1003), ("x" * 70_000, 1009)])
async def test_what_cannot_be_a_message_ends_the_connection_that_said_it(
    said: str | bytes, code: int, autojump_clock: MockClock
) -> None:
    async with opened() as house:
        bad, good = await house.connect(), await house.connect()
        await bad.send_message(said)
        with pytest.raises(ConnectionClosed) as closed:
            await bad.get_message()
        assert closed.value.reason is not None
        assert closed.value.reason.code == code
        assert await good.get_message() == "1"
        assert house.running.lanes == ["toy/2"]


async def test_a_websocket_to_nowhere_is_told_where_there_are_some(
    autojump_clock: MockClock,
) -> None:
    async with opened() as house:
        for target in ("/", "/wss", "/api/v3/order"):
            head, body = await house.said(HANDSHAKE.replace(b"GET /ws ", f"GET {target} ".encode()))
            assert head.startswith(b"HTTP/1.1 404 ")
            assert body == b"there is no WebSocket here, but at /ws"
        assert house.running.lanes == []


async def test_a_fault_of_the_exchange_ends_one_connection_or_none(
    autojump_clock: MockClock,
) -> None:
    async with opened() as house:
        bad, good = await house.connect("/ws/bad"), await house.connect()
        with pytest.raises(ConnectionClosed) as closed:
            await bad.get_message()
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1011
        await good.send_message("bad")
        assert await good.get_message() == "1"
        assert [type(fault) for fault in house.running.faults] == [ZeroDivisionError] * 2


async def test_one_client_too_many_is_hung_up_on(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front_module, "CLIENTS_MAX", 2)
    async with opened() as house:
        await house.connect()
        there = await house.connect()
        assert await house.said(http("/time")) == (b"", b"")
        await there.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert (await house.get("/time"))["seconds"] == 0


# The clock


async def test_a_market_that_is_far_behind_catches_up_and_lets_others_live(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a night of a laptop: a task that wants a moment gets it after each slice."""
    monkeypatch.setattr(running, "SLICE", 10)
    moments: list[int] = []
    behind = Toy(START - 1000 * SECOND)

    async def live() -> None:
        while behind.seconds < 1000:
            moments.append(behind.seconds)
            await trio.lowlevel.checkpoint()

    async with opened(behind) as house:
        house.nursery.start_soon(live)
        await trio.testing.wait_all_tasks_blocked()
        assert behind.turned == [START - 999 * SECOND + n * SECOND for n in range(1000)]
        assert len(moments) > 50


async def test_the_wall_may_be_set_back_and_time_stands_still(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = [START]
    monkeypatch.setattr("time.time_ns", lambda: wall[0])
    clock = Present()
    assert clock.now() == START
    wall[0] -= SECOND
    assert clock.stamp("x/1") == START
    woken: list[Nanos] = []

    async def sleep() -> None:
        await clock.sleep_until(START + 10 * SECOND)
        woken.append(clock.now())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleep)
        await trio.sleep(3)
        wall[0] = START + 3600 * SECOND  # the machine has slept
        await trio.sleep(1.5)
    assert woken == [START + 3600 * SECOND]


# On its port


async def test_it_is_on_loopback_alone() -> None:
    async with open_sim(toy) as served:
        async with await trio.open_tcp_stream("127.0.0.1", served.port):
            pass
        with trio.move_on_after(2), pytest.raises(OSError, match=r"127\.0\.0\.2"):  # or never
            await trio.open_tcp_stream("127.0.0.2", served.port)


async def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            Refused, match=rf"^cannot listen on port {port} of 127\.0\.0\.1: [^\n]+$"
        ):
            async with open_sim(port=port):
                pass


async def test_what_cannot_be_is_refused_at_once() -> None:
    with pytest.raises(AdapterError, match="there is no simulated 'nowhere'"):
        async with open_sim("nowhere"):
            pass
    with pytest.raises(ValueError, match="0 is no speed between"):
        async with open_sim(speed=0):
            pass
    with pytest.raises(ValueError, match="70000 is no port"):
        async with open_sim(port=70_000):
            pass


async def test_a_story_begins_now_and_speed_is_that_of_strangers() -> None:
    made: list[tuple[Story, int]] = []

    def skin(story: Story, seed: int) -> Toy:
        made.append((story, seed))
        return Toy(story.started_ns)

    async with open_sim(skin, seed=5, story=MINUTE, speed=2.0, clock=WallClock(START)) as served:
        assert made == [(served.story, 5)]
    story = served.story
    assert START <= story.started_ns < START + 60 * SECOND
    assert [spec.pause for spec in story.specs] == [spec.pause // 2 for spec in MINUTE.specs]


async def test_an_error_of_the_block_arrives_as_itself() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with open_sim(toy):
            raise KeyError("mine")


async def test_a_fault_of_ours_is_noted_on_an_error_of_the_block() -> None:
    async def story() -> None:
        async with open_sim(toy) as served, httpx.AsyncClient(trust_env=False) as client:
            await client.get(f"{served.url}/bad")
            raise KeyError("mine")

    with pytest.raises(KeyError) as found:
        await story()
    assert found.value.__notes__ == ["and a fault of the simulator's own: ZeroDivisionError()"]


async def test_a_fault_that_a_client_met_is_raised_at_the_end() -> None:
    async def story() -> None:
        async with open_sim(toy) as served, httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{served.url}/bad")).status_code == 500
            assert len(served.faults) == 1

    with pytest.raises(ZeroDivisionError):
        await story()


# Binance's


async def test_binance_is_on_one_port() -> None:
    async with open_sim(seed=7) as served:
        assert served.addresses == {
            "REST": f"http://127.0.0.1:{served.port}",
            "market streams": f"ws://127.0.0.1:{served.port}",
            "WebSocket API": f"ws://127.0.0.1:{served.port}/ws-api/v3",
        }
        async with httpx.AsyncClient(base_url=served.url, trust_env=False) as client:
            book = (await client.get("/api/v3/depth?symbol=BTCUSDT&limit=5")).json()
            assert (len(book["bids"]), len(book["asks"])) == (5, 5)
            assert (await client.get("/api/v3/depth?symbol=NOPE")).json()["code"] == -1121
        url = f"{served.ws_url}/stream?streams=btcusdt@depth@100ms"
        async with open_websocket_url(url) as stream:
            told = json.loads(await stream.get_message())
            assert told["stream"] == "btcusdt@depth@100ms"
            assert told["data"]["e"] == "depthUpdate"
            assert served.lanes == ["binance/1"]


async def test_an_answer_says_once_what_it_is() -> None:
    async with open_sim(seed=7, speed=1e-6) as served, rest(served.url) as client:
        told = await client.get("/api/v3/ping")
        assert told.headers.get_list("content-type") == ["application/json;charset=UTF-8"]


async def test_head_is_get_without_a_body() -> None:
    async with open_sim(seed=7, speed=1e-6) as served, rest(served.url) as client:
        path = "/api/v3/depth?symbol=BTCUSDT"
        got, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
        assert head.headers["content-length"] == str(len(got.content))
        assert (await client.head("/nowhere")).status_code == 404


def signed(**fields: Any) -> dict[str, Any]:
    """A WebSocket request's parameters, signed as the sheet says: sorted, and not encoded."""
    fields |= {"apiKey": "simulatedkey", "timestamp": time.time_ns() // 1_000_000}
    payload = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    return fields | {"signature": hmac.digest(b"simulatedsecret", payload.encode(), "sha256").hex()}


def order(fields: str) -> str:
    """An order over a hundredth of a bitcoin, signed: as a query or as a form."""
    now = time.time_ns() // 1_000_000
    payload = f"symbol=BTCUSDT&quantity=0.01&{fields}&timestamp={now}"
    return (
        f"{payload}&signature={hmac.digest(b'simulatedsecret', payload.encode(), 'sha256').hex()}"
    )


async def test_an_order_by_rest_is_told_on_the_users_stream() -> None:
    """Signed with this process's own time: what is served is in the present."""
    async with open_sim(seed=7, speed=1e-6) as served:
        url = served.addresses["WebSocket API"]
        async with open_websocket_url(url) as user, rest(served.url) as client:
            asked = {"id": "1", "method": "userDataStream.subscribe.signature", "params": signed()}
            await user.send_message(json.dumps(asked))
            told = json.loads(await user.get_message())
            assert (told["id"], told["status"], told["result"]) == ("1", 200, {"subscriptionId": 0})
            body = order("side=BUY&type=LIMIT&timeInForce=GTC&price=50000&newClientOrderId=mine")
            placed = await client.post("/api/v3/order", content=body)
            assert placed.status_code == 200
            assert placed.json()["status"] == "NEW"
            assert "x-mbx-used-weight-1m" in placed.headers
            event = json.loads(await user.get_message())["event"]
            assert (event["e"], event["c"], event["X"]) == ("executionReport", "mine", "NEW")
            event = json.loads(await user.get_message())["event"]
            assert event["e"] == "outboundAccountPosition"
            assert event["B"] == [{"a": "USDT", "f": "99500.00000000", "l": "500.00000000"}]


NONSENSE = [
    "order?symbol=%00&side=BUY",
    "order?" + order("side=BUY&type=LIMIT&timeInForce=GTC&price=1E-99999"),
    "order?" + order("side=BUY&type=LIMIT&timeInForce=GTC&price=NaN"),
    "order?" + order("side=BUY&type=MARKET&quantity=1"),
    "order?" + order("side=%F0%9F%98%80&type=MARKET"),
    "depth?symbol=BTCUSDT&limit=" + "9" * 100,
    "depth?symbol=BTCUSDT&limit=-1",
    "depth?symbol=%FF",
    "exchangeInfo?symbols=[[[[",
    "account?timestamp=x&signature=x",
    "../../etc/passwd",
]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_nonsense_is_told_so_and_is_no_fault_of_ours(method: str) -> None:
    async with open_sim(seed=7, speed=1e-6) as served, rest(served.url) as client:
        for target in NONSENSE:
            told = await client.request(method, f"/api/v3/{target}")
            assert 400 <= told.status_code < 500, target
        async with open_websocket_url(served.addresses["WebSocket API"]) as socket:
            for text in ("", "[" * 5000, "null", '{"id":1e400,"method":"time"}', '{"id":1}'):
                await socket.send_message(text)
                assert json.loads(await socket.get_message())["status"] == 400
        assert served.faults == []


async def test_the_old_form_of_the_users_stream_is_there_too() -> None:
    async with open_sim(seed=7, speed=1e-6) as served, rest(served.url) as client:
        token = (await client.post("/api/v3/userDataStream")).json()["listenKey"]
        async with open_websocket_url(f"{served.ws_url}/ws/{token}") as user:
            done = await client.post(f"/api/v3/order?{order('side=SELL&type=MARKET')}")
            assert done.json()["status"] == "FILLED"
            says = [json.loads(await user.get_message()) for _ in range(2)]
            assert [(event["e"], event["x"], event["X"]) for event in says] == [
                ("executionReport", "NEW", "NEW"),
                ("executionReport", "TRADE", "FILLED"),
            ]


def rest(url: str) -> httpx.AsyncClient:
    """A client with the key."""
    return httpx.AsyncClient(
        base_url=url, trust_env=False, headers={"X-MBX-APIKEY": "simulatedkey"}
    )


async def test_the_example_of_the_page_runs() -> None:
    page = (ROOT / "docs" / "simulator.md").read_text()
    (example,) = (
        text for text in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "httpx" in text
    )
    space: dict[str, Any] = {}
    exec(compile(example, "simulator.md", "exec"), space)
    await space["test_a_book_has_two_sides"]()


async def test_our_own_engine_follows_it_live() -> None:
    async with open_sim(seed=7, speed=5.0) as served:
        endpoints = {"binance": Endpoints(served.ws_url, served.url)}
        with trio.fail_after(60):
            async with open_engine(Live(("binance",), endpoints=endpoints)) as engine:
                engine.command(Subscribe("binance", ("BTC-USDT",)))
                await engine.until(lambda views: len(views.instruments.rows) > 0)
                await engine.until(lambda views: views.book("BTC-USDT").live)
                book = engine.views.book("BTC-USDT")
                assert book.spread is not None
                assert book.spread > 0
