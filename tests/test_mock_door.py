"""The mock door: a tape played to a client over loopback sockets and over memory streams.

Most stories are told through both, with the real clock, which they only wait for where somebody is late.
Those about hours are told in virtual time. Clients wait for what they hear, never for a while.
"""

import gzip
import itertools
import random
import re
from base64 import b64encode
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest
import trio
from builders import World, delta, request, said, snapshot
from captures import ROOT
from certificates import certified
from scripts import (
    API,
    HANDSHAKE,
    START,
    URL,
    Client,
    Row,
    answered,
    asked,
    body,
    connect,
    failed,
    hung_up,
    opened_mock,
    rest,
    session,
    tape,
    up,
)
from trio.testing import MockClock
from trio_websocket import open_websocket_url

from tapefold.adapter import Open as AskedOpen
from tapefold.adapter import Request, Subscribe, WatchClock, load_adapter
from tapefold.errors import Mismatch, SessionError
from tapefold.kernel import Kernel, Run
from tapefold.log import Log
from tapefold.mock import Door, Timeline, load_answers, open_mock
from tapefold.mock.clock import TapeClock
from tapefold.replay import seal
from tapefold.session import Meta, Session, SessionWriter
from tapefold.units import SECOND
from tapefold.wire import Wire
from tapefold.wire.seams import RECEIVED_NS
from tapefold.wire.socket import HandshakeRefused, SocketClosed, open_socket

Open: TypeAlias = Callable[..., AbstractAsyncContextManager[Door]]
BUNDLED = ROOT / "cassettes" / "binance" / "minute-with-a-gap"
PATIENT = 5.0
"""Seconds of patience, for where a busy machine must not change the order."""


@pytest.fixture(params=[False, True], ids=["sockets", "memory"])
def opened(request: pytest.FixtureRequest) -> Open:
    return partial(opened_mock, virtual=request.param)


# Connections


@pytest.mark.parametrize("order", [*itertools.permutations("abc")], ids="".join)
async def test_three_connections_to_one_url_are_told_apart_by_what_they_say(
    opened: Open, order: tuple[str, ...]
) -> None:
    rows = [row for n in (1, 2, 3) for row in up(f"x/{n}")]
    rows += [(f"x/{n}", "sent", x) for n, x in zip((1, 2, 3), "abc", strict=True)]
    rows += [(f"x/{n}", "recv", f"{x}{k}") for k in range(4) for n, x in enumerate("abc", 1)]
    got: dict[str, list[str | bytes]] = {}
    async with opened(tape(*rows)) as door, trio.open_nursery() as nursery:

        async def one(word: str) -> None:
            client = await connect(door)
            await client.say(word)
            got[word] = [await client.hear() for _ in range(4)]
            await client.close()

        for word in order:
            nursery.start_soon(one, word)
    assert got == {x: [f"{x}{k}" for k in range(4)] for x in "abc"}


async def test_a_greeting_goes_to_the_first_of_the_tape(opened: Open) -> None:
    rows = [*up("x/1"), ("x/1", "recv", "hello 1"), *up("x/2"), ("x/2", "recv", "hello 2")]
    rows += [("x/1", "sent", "x"), ("x/1", "recv", "y")]
    async with opened(tape(*rows)) as door:
        one = await connect(door)
        assert await one.hear() == "hello 1"
        two = await connect(door)
        assert await two.hear() == "hello 2"
        await one.say("x")
        assert await one.hear() == "y"
        await one.close()
        await two.close()
    assert [(said.lane, said.kind, said.text) for said in door.sent][2:3] == [("x/1", "sent", "x")]


async def test_a_handshake_is_refused_with_its_status_and_the_next_is_not(opened: Open) -> None:
    rows: list[Row] = [("x/1", "open", {"url": URL}), hung_up("x/1", "exchange", 429, "refused")]
    rows += [*up("x/2"), ("x/2", "recv", "in"), hung_up("x/2", "exchange", 4000, "bye")]
    async with opened(tape(*rows)) as door:
        with pytest.raises(HandshakeRefused) as refused:
            await connect(door)
        assert refused.value.status == 429
        client = await connect(door)
        assert await client.hear() == "in"
        assert await client.ended() == (4000, "bye")


async def test_a_connection_that_never_came_up_does_not_come_up(opened: Open) -> None:
    rows: list[Row] = [("x/1", "open", {"url": URL}), hung_up("x/1", "exchange", 1006, "timed out")]
    async with opened(tape(*rows, *up("x/2"))) as door:
        with pytest.raises(SocketClosed) as closed:
            await connect(door, "x/1")
        assert closed.value.code == 1006
        await (await connect(door, "x/2")).close()


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1008, 1011, 1012, 4001])
@pytest.mark.parametrize("named", [True, False])
async def test_each_close_has_its_code_and_the_next_connection_is_the_next_lane(
    opened: Open, code: int, named: bool
) -> None:
    rows: list[Row] = []
    reason = "" if code == 1006 else "because"
    for n in (1, 2):
        rows += [*up(f"x/{n}"), (f"x/{n}", "sent", "a"), (f"x/{n}", "recv", f'{{"n":{n}}}')]
        rows += [(f"x/{n}", "recv", bytes([n, 255])), hung_up(f"x/{n}", "exchange", code, reason)]
    async with opened(tape(*rows), strict=True, patience=PATIENT) as door:
        for n in (1, 2):
            client = await connect(door, f"x/{n}" if named else "")
            await client.say("a")
            assert await client.hear() == f'{{"n":{n}}}'
            assert await client.hear() == bytes([n, 255])
            told = await client.ended()
            assert told == ((1006, "cut") if code == 1006 else (code, "because"))


async def test_a_client_that_dials_by_itself_finds_the_exchange_at_a_port_of_its_own() -> None:
    other = "wss://api.x.test/ws"
    rows = [*up("x/1"), *up("x/2", other), ("x/2", "sent", "b"), ("x/2", "recv", "c")]
    async with opened_mock(tape(*rows)) as door:
        assert [*door.urls] == ["wss://stream.x.test:9443", "wss://api.x.test"]
        assert all(url.startswith("ws://127.0.0.1:") for url in door.urls.values())
        assert len({*door.urls.values()}) == 2
        async with open_websocket_url(door.urls["wss://stream.x.test:9443"] + "/ws"):
            async with open_websocket_url(door.urls["wss://api.x.test"] + "/ws") as client:
                await client.send_message("b")
                assert await client.get_message() == "c"
                await door.finished.wait()


async def test_a_host_that_is_not_on_the_tape_is_refused_and_fails_the_door(opened: Open) -> None:
    refused: list[ConnectionRefusedError] = []

    async def story() -> None:
        async with opened(tape(*up("x/1"))) as door:
            try:
                await door.outside.dial("x/1", "wss://stream.real.com/ws")
            except ConnectionRefusedError as error:
                refused.append(error)
            await trio.sleep_forever()

    with pytest.raises(Mismatch) as found:
        await story()
    told = "nothing leaves this machine: the client wants wss://stream.real.com, and the tape has "
    assert str(found.value) == f"{told}wss://stream.x.test:9443"
    assert str(refused[0]) == str(found.value)


async def test_a_path_that_is_not_on_the_tape_is_refused_and_fails_the_door(opened: Open) -> None:
    async def story() -> None:
        async with opened(tape(*up("x/1"))) as door:
            await connect(door, url=URL + "/else")

    with pytest.raises(Mismatch, match="the tape has no such connection; it has") as found:
        await story()
    cause = found.value.__cause__
    assert cause is None or (isinstance(cause, HandshakeRefused) and cause.status == 404)


async def test_tls_is_spoken_where_the_url_says_so() -> None:
    server, client = certified("stream.x.test")
    rows = [
        *up("x/1"),
        ("x/1", "sent", "a"),
        ("x/1", "recv", "b"),
        hung_up("x/1", "exchange", 1012),
    ]
    async with opened_mock(
        tape(*rows), tls=(server, client), strict=True, patience=PATIENT
    ) as door:
        assert door.urls["wss://stream.x.test:9443"].startswith("wss://127.0.0.1:")
        one = await connect(door, "x/1")
        await one.say("a")
        assert await one.hear() == "b"
        assert await one.ended() == (1012, "")
    assert not door.relaxed


async def test_a_heartbeat_says_nothing_of_which_connection_it_is(opened: Open) -> None:
    rows = [*up("x/1"), *up("x/2"), ("x/1", "sent", "a"), ("x/2", "sent", "b")]
    rows += [("x/1", "sent", '{"method":"ping","id":1}'), ("x/1", "recv", '{"pong":1,"id":1}')]
    async with opened(tape(*rows, ("x/1", "recv", "A"), ("x/2", "recv", "B"))) as door:
        two, one = await connect(door), await connect(door)
        await two.say('{"method":"ping","id":7}')
        assert await two.hear() == '{"pong":1,"id":7}'
        await two.say("b")
        await one.say("a")
        assert (await one.hear(), await two.hear()) == ("A", "B")
        await one.close()
        await two.close()


async def test_a_heartbeat_of_a_connection_with_a_name_is_answered(opened: Open) -> None:
    rows = [*up("x/1"), ("x/1", "recv", "hello"), ("x/1", "sent", '{"method":"ping","id":1}')]
    rows += [("x/1", "recv", '{"pong":1,"id":1}'), ("x/1", "sent", "bye"), ("x/1", "recv", "end")]
    async with opened(tape(*rows)) as door:
        client = await connect(door, "x/1")
        assert await client.hear() == "hello"
        for number in (7, 8):
            await client.say(f'{{"method":"ping","id":{number}}}')
            assert await client.hear() == f'{{"pong":1,"id":{number}}}'
        await client.say("bye")
        assert await client.hear() == "end"
        await client.close()


async def test_a_path_that_is_not_on_the_tape_is_told_so_in_the_404() -> None:
    """To a client of another program: it is not cancelled with the block."""
    told = bytearray()

    async def story(outer: trio.Nursery) -> None:
        async with open_mock(tape(*up("x/1"))) as door:
            stream = await door.outside.dial("", URL)
            outer.start_soon(knock, stream)
            await trio.sleep_forever()

    async def knock(stream: trio.abc.Stream) -> None:
        async with stream:
            await stream.send_all(HANDSHAKE.replace(b"/ws", b"/else"))
            while data := await stream.receive_some():
                told.extend(data)

    async with trio.open_nursery() as outer:
        with pytest.raises(Mismatch) as found:
            await story(outer)
    assert told.startswith(b"HTTP/1.1 404")
    assert told.endswith(str(found.value).encode())


# HTTP


async def test_an_answer_has_its_status_headers_body_and_exact_time(opened: Open) -> None:
    rows = [asked(1, "GET", "/time"), answered(1, 418)]
    async with opened(tape(*rows, http={1: body('{"t":1}', 418)})) as door, rest(door) as http:
        response = await http.get(f"{API}/time")
    assert (response.status_code, response.json()) == (418, {"t": 1})
    assert response.headers["content-type"] == "application/json"
    assert response.extensions[RECEIVED_NS] == START + 2_000_000


async def test_what_failed_fails_again_and_its_ids_are_the_clients(opened: Open) -> None:
    rows = [asked(1, "POST", "/order?newClientOrderId=a"), failed(1, "ReadTimeout")]
    rows += [asked(2, "GET", "/order?origClientOrderId=a"), answered(2)]
    rows += [
        asked(3, "GET", "/x"),
        failed(3, "TooSlow"),
        asked(4, "GET", "/y"),
        failed(4, "OddError"),
    ]
    found = tape(*rows, http={2: body('{"clientOrderId":"a"}')})
    async with opened(found) as door, rest(door) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.post(f"{API}/order", params={"newClientOrderId": "zz"})
        assert door.outside.clock.stamp("x/http") == START + 2_000_000
        told = await http.get(f"{API}/order", params={"origClientOrderId": "zz"})
        assert told.json() == {"clientOrderId": "zz"}
        with pytest.raises(trio.TooSlowError):
            await http.get(f"{API}/x")
        assert door.outside.clock.stamp("x/http") == START + 6_000_000
        with pytest.raises(httpx.TransportError) as odd:
            await http.get(f"{API}/y")
        assert type(odd.value).__name__ == "OddError"


async def test_equal_orders_at_once_get_their_own_answers(opened: Open) -> None:
    count = 8
    rows = [asked(n, "POST", f"/order?q=1&newClientOrderId=a{n}") for n in range(count)]
    rows += [answered(n) for n in reversed(range(count))]
    http_rows = {n: body(f'{{"c":"a{n}"}}') for n in range(count)}
    async with opened(tape(*rows, http=http_rows)) as door, rest(door) as http:

        async def one(n: int) -> None:
            told = await http.post(f"{API}/order?q=1&newClientOrderId=b{n}")
            assert told.json() == {"c": f"b{n}"}

        async with trio.open_nursery() as nursery:
            for n in range(count):
                nursery.start_soon(one, n)


async def test_a_request_that_is_not_on_the_tape_is_a_transport_error_and_fails_the_door(
    opened: Open,
) -> None:
    """A client tries again on such an error, so the error alone would not do."""
    tries = 0

    async def story() -> None:
        nonlocal tries
        found = tape(asked(1, "GET", "/time?q=1"), answered(1), http={1: body("")})
        async with opened(found) as door, rest(door) as http:
            while True:
                tries += 1
                with pytest.raises(httpx.ConnectError, match=r"^mock mode: the client's GET"):
                    await http.get(f"{API}/time?q=2")

    with pytest.raises(Mismatch, match=r"≠ query\.q: asked \"2\", recorded \"1\""):
        await story()
    assert tries == 2


async def test_polls_are_free_and_see_the_tape_as_it_stands(opened: Open) -> None:
    rows = [asked(1, "GET", "/openOrders"), answered(1), asked(2, "POST", "/order"), answered(2)]
    rows += [asked(3, "GET", "/openOrders"), answered(3)]
    answers = {1: body("[]"), 2: body("{}"), 3: body("[1]")}
    async with opened(tape(*rows, http=answers)) as door, rest(door) as http:
        before = [(await http.get(f"{API}/openOrders")).text for _ in range(5)]
        await http.post(f"{API}/order")
        after = [(await http.get(f"{API}/openOrders")).text for _ in range(5)]
    assert (before, after) == (["[]"] * 5, ["[1]"] * 5)


@pytest.mark.parametrize("speed", [None, 1.0])
async def test_a_client_that_polls_on_and_on_lets_the_tape_go_on(
    opened: Open, speed: float | None
) -> None:
    rows = [*up("x/1"), ("x/1", "sent", "go"), asked(1, "GET", "/openOrders"), answered(1)]
    rows += [("x/1", "recv", "fill"), asked(2, "GET", "/openOrders"), answered(2)]
    rows += [("x/1", "sent", "bye"), ("x/1", "recv", "end")]
    answers = {1: body("[1]"), 2: body("[]")}
    async with opened(tape(*rows, http=answers), speed=speed) as door, rest(door) as http:
        client = await connect(door, "x/1")
        await client.say("go")
        with trio.fail_after(20):
            while (await http.get(f"{API}/openOrders")).text != "[]":
                pass
        assert await client.hear() == "fill"
        await client.say("bye")
        assert await client.hear() == "end"
        await client.close()


async def test_a_client_that_polls_for_ever_at_one_moment_is_told_so(
    autojump_clock: MockClock,
) -> None:
    rows = [*up("x/1"), asked(1, "GET", "/openOrders"), answered(1)]

    async def story() -> None:
        found = tape(*rows, http={1: body("")})
        async with opened_mock(found, virtual=True) as door, rest(door) as http:
            while True:
                await http.get(f"{API}/openOrders")

    with pytest.raises(Mismatch, match=r"^the client never rests: \d+ free polls"):
        await story()


# The order


async def test_what_is_said_on_two_lanes_is_heard_in_the_tapes_order(opened: Open) -> None:
    count = 300
    rows = [*up("x/1"), *up("x/2", URL + "2")]
    rows += [(f"x/{1 + n * n // 7 % 2}", "recv", str(n)) for n in range(count)]
    heard: list[int] = []
    async with opened(tape(*rows), patience=PATIENT) as door, trio.open_nursery() as nursery:

        async def one(lane: str, url: str) -> None:
            client = await connect(door, lane, url)
            while True:
                heard.append(int(await client.hear()))

        nursery.start_soon(one, "x/1", URL)
        nursery.start_soon(one, "x/2", URL + "2")
        await door.finished.wait()
        nursery.cancel_scope.cancel()
    assert heard == [*range(count)]
    assert not door.relaxed


async def test_an_answer_and_a_frame_are_taken_in_in_the_tapes_order(opened: Open) -> None:
    count = 40
    rows = [*up("x/1")]
    for n in range(count):
        rows += [asked(n, "GET", f"/q{n}"), ("x/1", "recv", f"f{n}"), answered(n)]
    heard: list[str | bytes] = []
    timeline = tape(*rows, http={n: body(f"a{n}") for n in range(count)})
    async with opened(timeline, patience=PATIENT) as door, rest(door) as http:

        async def ask(n: int) -> None:
            heard.append((await http.get(f"{API}/q{n}")).text)

        async def listen() -> None:
            client = await connect(door, "x/1")
            while True:
                heard.append(await client.hear())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            for n in range(count):
                nursery.start_soon(ask, n)
            await door.finished.wait()
            nursery.cancel_scope.cancel()
    assert heard == [f"{x}{n}" for n in range(count) for x in "fa"]


async def test_a_client_in_another_order_gets_all_of_its_fills_after_its_orders(
    opened: Open,
) -> None:
    """Recorded as a, b and their fills; the client asks for b first, and for a only when b is answered."""
    rows = [*up("x/1"), asked(1, "POST", "/order?q=a"), asked(2, "POST", "/order?q=b"), answered(1)]
    rows += [answered(2), ("x/1", "recv", "fill a"), ("x/1", "recv", "fill b")]
    found = tape(*rows, http={1: body("1"), 2: body("2")})
    async with opened(found) as door, rest(door) as http:
        client = await connect(door, "x/1")
        assert (await http.post(f"{API}/order?q=b")).text == "2"
        assert (await http.post(f"{API}/order?q=a")).text == "1"
        assert [await client.hear(), await client.hear()] == ["fill a", "fill b"]
        await client.close()
    assert [text.partition(" (")[0] for text in door.relaxed] == ["line 6"]
    assert not door.early


async def fills_of(seed: int, *, serial: bool) -> list[str]:
    """The fills that a client hears which gives four orders, each a while late, in any order."""
    rows = [*up("x/1"), *up("x/2", URL + "2")]
    for n, name in enumerate("abcd"):
        rows += [asked(n, "POST", f"/order?newClientOrderId={name}")]
        rows += [(f"x/{1 + n % 2}", "recv", f'{{"fill":"{name}"}}'), answered(n)]
    timeline = tape(*rows, http={n: body("{}") for n in range(4)})
    chance, limit = random.Random(seed), trio.CapacityLimiter(1 if serial else 4)
    placed: set[str] = set()
    fills: list[str] = []
    async with opened_mock(timeline, virtual=True) as door, rest(door) as http:

        async def listen(client: Client) -> None:
            while True:
                fills.append(str(await client.hear())[-3])
                assert fills[-1] in placed

        async def place(name: str, late: float) -> None:
            async with limit:
                await trio.sleep(late)
                placed.add(name)
                await http.post(f"{API}/order?newClientOrderId={name}")

        async with trio.open_nursery() as nursery:
            for lane, url in (("x/1", URL), ("x/2", URL + "2")):
                nursery.start_soon(listen, await connect(door, lane, url))
            async with trio.open_nursery() as orders:
                for name in "abcd":
                    orders.start_soon(place, name, chance.uniform(0, 0.2))
            await door.finished.wait()
            nursery.cancel_scope.cancel()
    return fills


@pytest.mark.parametrize("serial", [False, True], ids=["at once", "one at a time"])
async def test_no_fill_is_heard_before_its_order_however_late_a_client_is(
    serial: bool, autojump_clock: MockClock
) -> None:
    for seed in range(25):
        assert sorted(await fills_of(seed, serial=serial)) == ["a", "b", "c", "d"]


async def test_strict_fails_where_the_exchange_would_not_wait(opened: Open) -> None:
    rows = [
        asked(1, "POST", "/order?q=a"),
        asked(2, "POST", "/order?q=b"),
        answered(1),
        answered(2),
    ]
    found = tape(*rows, http={1: body("1"), 2: body("2")})

    async def story() -> None:
        async with opened(found, strict=True) as door, rest(door) as http:
            await http.post(f"{API}/order?q=b")

    with pytest.raises(Mismatch, match=r"^out of order: line 4 .* did not wait for line 1 "):
        await story()


async def test_strict_fails_where_the_client_does_not_wait(opened: Open) -> None:
    rows = [
        asked(1, "POST", "/order?q=a"),
        answered(1),
        asked(2, "POST", "/order?q=b"),
        answered(2),
    ]
    found = tape(*rows, http={1: body("1"), 2: body("2")})

    async def story() -> None:
        async with opened(found, strict=True) as door, rest(door) as http:
            await http.post(f"{API}/order?q=b")

    with pytest.raises(Mismatch, match=r"^out of order: line 3 .* came before line 2 "):
        await story()


async def test_a_client_that_does_nothing_stalls_the_tape_and_is_told_who_waits(
    opened: Open,
) -> None:
    rows = [*up("x/1"), ("x/1", "sent", "a"), ("x/1", "recv", "b")]

    async def story() -> None:
        async with opened(tape(*rows), patience=0.01, timeout=0.05) as door:
            client = await connect(door, "x/1")
            await client.hear()

    with pytest.raises(Mismatch) as found:
        await story()
    assert str(found.value).splitlines() == [
        'stalled: the tape waits for line 3 (x/1 sent "a"), and the client does nothing; '
        'line 4 (x/1 recv "b") waits for it',
        '      ✓    0.0010s line 1 (x/1 open {"url":"wss://stream.x.test:9443/ws"})',
        "      ✓    0.0020s line 2 (x/1 opened {})",
        '    ▶ ·    0.0030s line 3 (x/1 sent "a")',
        '      ·    0.0040s line 4 (x/1 recv "b")',
    ]


async def test_a_lane_that_nobody_reads_holds_up_nobody() -> None:
    big = "x" * 400_000
    rows = [*up("x/1"), *up("x/2", URL + "2")]
    for n in range(12):
        rows += [("x/1", "recv", big), ("x/2", "recv", str(n))]
    async with opened_mock(tape(*rows, hung_up("x/1", "client"))) as door:
        idle = await connect(door, "x/1")
        client = await connect(door, "x/2", URL + "2")
        assert [await client.hear() for _ in range(12)] == [str(n) for n in range(12)]
        await idle.close()
        await client.close()


async def test_who_answers_no_ping_hears_all_and_is_named_at_the_end() -> None:
    rows = [*up("x/1"), *[("x/1", "recv", str(n)) for n in range(1000)]]
    heard = bytearray()

    async def story() -> None:
        async with opened_mock(tape(*rows), timeout=0.3) as door:
            stream = await door.outside.dial("", URL)
            await stream.send_all(HANDSHAKE)
            while True:
                heard.extend(await stream.receive_some())

    with pytest.raises(Mismatch) as found:
        await story()
    assert heard.endswith(b"\x81\x03999")
    assert str(found.value).splitlines() == [
        "the tape is at its end, and for 0.3 s nobody has read on, or answered a ping:",
        "    x/1 has not taken in line 2 (x/1 opened {}), and 1000 after it",
    ]


@pytest.mark.parametrize("by", ["", "exchange"])
async def test_a_slow_client_has_all_of_it_when_the_play_is_at_its_end(by: str) -> None:
    """More than a socket holds, to a client that reads a piece now and then."""
    big, count = "x" * 100_000, 150
    rows = [*up("x/1"), *[("x/1", "recv", big)] * count]
    rows += [hung_up("x/1", by, 1012)] if by else []
    heard: list[int] = []
    async with trio.open_nursery() as outer, opened_mock(tape(*rows)) as door:
        client = await connect(door, "x/1")

        async def listen() -> None:
            try:
                while True:
                    heard.append(len(await client.hear()))
                    for _ in range(20):
                        await trio.lowlevel.checkpoint()
            except SocketClosed:
                pass

        outer.start_soon(listen)
        await door.finished.wait()
        assert len(heard) >= count - 1  # the last one may be in its hands
        outer.cancel_scope.cancel()
    assert not door.unread


async def test_a_client_that_stops_reading_is_named_at_the_end() -> None:
    rows = [*up("x/1"), *[("x/1", "recv", "x" * 100_000)] * 100]

    async def story() -> None:
        async with opened_mock(tape(*rows), timeout=0.2) as door:
            await connect(door, "x/1")
            await door.finished.wait()

    with pytest.raises(Mismatch, match=r"x/1 has not taken in line 2 .*, and 100 after it$"):
        await story()


@pytest.mark.parametrize("pings", ["answered", "unanswered"])
async def test_a_slow_client_of_another_program_is_not_cut_off_with_the_block(pings: str) -> None:
    """Nobody waits for the end in the block; the client is outside of it."""
    rows = [*up("x/1"), *[("x/1", "recv", "x" * 100_000)] * 150]
    heard = 0

    async def listen(stream: trio.abc.Stream) -> None:
        nonlocal heard
        async with stream:
            if pings == "unanswered":
                await stream.send_all(HANDSHAKE)
                while data := await stream.receive_some():
                    heard += len(data)
            else:
                socket = await open_socket(stream, URL)
                with suppress(SocketClosed):
                    while True:
                        heard += sum(map(len, await socket.receive()))

    async with trio.open_nursery() as outer:
        async with open_mock(tape(*rows), patience=0.05) as door:
            outer.start_soon(listen, await door.outside.dial("x/1", URL))
    assert heard >= 150 * 100_000


async def test_who_hangs_up_on_what_is_on_its_way_has_not_read_it() -> None:
    rows = [*up("x/1"), *[("x/1", "recv", "x" * 1_000_000)] * 40, hung_up("x/1", "client")]
    async with opened_mock(tape(*rows)) as door:
        stream = await door.outside.dial("", URL)
        await stream.send_all(HANDSHAKE)
        heard = 0
        while heard < 1_000_000:
            heard += len(await stream.receive_some())
        await trio.aclose_forcefully(stream)
        await door.finished.wait()
    assert door.unread == 40  # they go in one write


# The end


async def test_a_client_that_says_more_than_the_tape_has_fails_the_door(opened: Open) -> None:
    rows = [*up("x/1"), ("x/1", "sent", "a"), ("x/1", "recv", "b")]

    async def story() -> None:
        async with opened(tape(*rows)) as door:
            client = await connect(door, "x/1")
            await client.say("a")
            await client.hear()
            await client.say("a")
            await trio.sleep_forever()

    with pytest.raises(Mismatch, match=r"already used:\n(.*\n)*  the tape is at its end$"):
        await story()


async def test_a_client_that_leaves_too_early_is_told_what_is_missing(opened: Open) -> None:
    rows = [*up("x/1"), ("x/1", "recv", "b"), asked(1, "GET", "/time"), answered(1)]

    async def story() -> None:
        async with opened(tape(*rows, http={1: body("")})) as door:
            client = await connect(door, "x/1")
            await client.hear()
            await client.close()

    with pytest.raises(Mismatch) as found:
        await story()
    assert str(found.value).splitlines()[:2] == [
        "missing: the client never did line 4 (x/http request GET /v3/time)",
        'left over: the exchange never came to line 5 (x/http response {"n":1,"status":200})',
    ]


async def test_a_client_that_hangs_up_before_the_exchange_does_fails_the_door(opened: Open) -> None:
    rows = [
        *up("x/1"),
        ("x/1", "sent", "a"),
        ("x/1", "recv", "b"),
        hung_up("x/1", "exchange", 1012),
    ]

    async def story() -> None:
        async with opened(tape(*rows)) as door:
            await (await connect(door, "x/1")).close()
            await trio.sleep_forever()

    told = "x/1: the client hung up (1000); on the tape the exchange does, and later:"
    with pytest.raises(Mismatch, match=f"^{re.escape(told)}"):
        await story()


async def test_an_error_of_the_clients_own_is_raised_as_it_is(opened: Open) -> None:
    rows = [*up("x/1"), ("x/1", "sent", "a"), hung_up("x/1", "exchange", 1012)]

    async def story() -> None:
        async with opened(tape(*rows)) as door:
            client = await connect(door, "x/1")
            try:
                raise ZeroDivisionError
            finally:
                await client.close()

    with pytest.raises(ZeroDivisionError):
        await story()


async def test_what_a_test_ends_with_is_raised_as_it_is(opened: Open) -> None:
    """The outcomes of pytest are no `Exception`s."""

    async def story(end: Callable[[str], None]) -> None:
        async with opened(tape(*up("x/1"), ("x/1", "recv", "a"))):
            end("because")

    for end, outcome in (
        (pytest.fail, pytest.fail.Exception),
        (pytest.skip, pytest.skip.Exception),
    ):
        with pytest.raises(outcome, match="because"):
            await story(end)

    with pytest.raises(KeyboardInterrupt):
        async with opened(tape(*up("x/1"))):
            raise KeyboardInterrupt


async def test_what_is_cancelled_outside_is_cancelled(opened: Open) -> None:
    with trio.move_on_after(0.01) as scope:
        async with opened(tape(*up("x/1"), ("x/1", "recv", "a"))), trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_what_was_hung_up_on_is_counted(opened: Open) -> None:
    rows = [*up("x/1"), ("x/1", "recv", "a"), ("x/1", "sent", "enough")]
    rows += [hung_up("x/1", "client"), ("x/1", "recv", "b"), ("x/1", "recv", "c")]
    async with opened(tape(*rows)) as door:
        client = await connect(door, "x/1")
        await client.hear()
        await client.say("enough")
        await client.close()
    assert door.unread == 2


async def test_a_close_of_the_clients_need_not_come_at_the_end(opened: Open) -> None:
    async with opened(tape(*up("x/1"), ("x/1", "recv", "a"), hung_up("x/1", "client"))) as door:
        assert await (await connect(door, "x/1")).hear() == "a"


# Times


async def test_each_frame_has_the_time_that_it_had(opened: Open) -> None:
    rows: list[Row] = [(0, *row) for row in up("x/1")]
    rows += [(1000 + 7.25 * n, "x/1", "recv", str(n)) for n in range(200)]
    rows.append((5000, *hung_up("x/1", "exchange", 1012)))
    async with opened(tape(*rows)) as door:
        client = await connect(door, "x/1")
        for _ in range(200):
            await client.hear()
        await client.ended()
    spent = [0, *(1_000_000_000 + n * 7_250_000 for n in range(200)), 5_000_000_000]
    assert client.stamps == [START + ns for ns in spent]


async def test_the_clock_does_not_pass_what_was_not_read(opened: Open) -> None:
    rows: list[Row] = [(0, *row) for row in up("x/1")]
    rows += [(1000 * n, "x/1", "recv", str(n)) for n in range(1, 5)]
    async with opened(tape(*rows), patience=0.02) as door:
        client = await connect(door, "x/1")
        clock = door.outside.clock
        await clock.sleep_until(START + SECOND)
        for n in range(1, 5):
            assert clock.now() == START + n * SECOND
            await client.hear()
            assert client.stamps[-1] == START + n * SECOND
        await client.close()


def test_no_times_are_kept_for_who_does_not_ask_for_them() -> None:
    clock = TapeClock(START, None)
    clock.expect("x/1", START + 5)
    clock.heed("x/2")
    clock.expect("x/2", START + 6)
    clock.expect_now("x/2")
    clock.expect_now("x/3")
    clock.reach(START + 9)
    assert clock.stamp("x/1") == START + 9
    assert clock.now() == START + 9
    early = TapeClock(START, None)
    early.stamp("x/1")
    early.expect_now("x/1")
    early.reach(START + 9)
    assert early.stamp("x/1") == START


@pytest.mark.parametrize("speed", [None, 200.0])
async def test_a_timer_wakes_where_it_did_on_the_tape(opened: Open, speed: float | None) -> None:
    """The client dials anew two seconds after it was cut, by the clock of the tape."""
    rows: list[Row] = [(0, *row) for row in up("x/1")]
    rows += [(10_000, *hung_up("x/1", "exchange", 1006))]
    rows += [(12_000, "x/2", "open", {"url": URL}), (12_500, "x/2", "opened", {})]
    rows += [(13_000, "x/2", "recv", "a")]
    async with opened(tape(*rows), speed=speed, patience=PATIENT, strict=True) as door:
        clock = door.outside.clock
        client = await connect(door, "x/1")
        await client.ended()
        assert client.stamps[-1] == START + 10 * SECOND
        await clock.sleep_until(client.stamps[-1] + 2 * SECOND)
        assert clock.now() == START + 12 * SECOND
        again = await connect(door, "x/2")
        assert await again.hear() == "a"
        assert again.stamps == [START + 12_500_000_000, START + 13 * SECOND]
        await again.close()


async def test_an_hour_of_virtual_time_is_exact_and_takes_no_time(
    autojump_clock: MockClock,
) -> None:
    rows: list[Row] = [(0, *row) for row in up("x/1")] + [(0, "x/1", "sent", "a")]
    rows += [(n * 1000, "x/1", "recv", str(n)) for n in range(1, 3601)]
    async with opened_mock(tape(*rows), virtual=True, speed=1.0) as door:
        client = await connect(door, "x/1")
        await client.say("a")
        began, worst = trio.current_time(), 0.0
        for n in range(1, 3601):
            with trio.fail_after(1.5):
                assert await client.hear() == str(n)
            worst = max(worst, abs(trio.current_time() - began - n))
        await client.close()
    assert client.stamps == [START + n * SECOND for n in range(3601)]
    assert worst < 1e-6


async def test_at_a_speed_lines_keep_their_distance(autojump_clock: MockClock) -> None:
    rows: list[Row] = [(0, *row) for row in up("x/1")]
    rows += [(1000, "x/1", "recv", "a"), (1500, "x/1", "sent", "b"), (3500, "x/1", "recv", "c")]
    async with opened_mock(tape(*rows), virtual=True, speed=0.5) as door:
        client, began = await connect(door, "x/1"), trio.current_time()
        await client.hear()
        assert trio.current_time() - began == pytest.approx(2)
        await trio.sleep(0.25)
        await client.say("b")
        said = trio.current_time()
        await client.hear()
        assert trio.current_time() - said == pytest.approx(4)
        await client.close()


# Sessions


async def played(found: Session, **how: bool | float | None) -> tuple[Log, Kernel, Door]:
    """A session played to the engine's own wire."""
    meta, log = found.meta, Log()
    kernel = Kernel({exchange: load_adapter(exchange) for exchange in meta.exchanges}, log)
    kernel.start(meta.started_ns, Run(meta.run_id, meta.seed, meta.versions))
    async with opened_mock(found, **how) as door:
        wire = Wire(kernel, log, door.outside)
        async with trio.open_nursery() as nursery:
            await nursery.start(wire.run)

            async def command() -> None:
                async for time, given in door.commands():
                    wire.command(given, time)

            nursery.start_soon(command)
            await door.finished.wait()
            nursery.cancel_scope.cancel()
    return log, kernel, door


@pytest.mark.parametrize("virtual", [False, True])
async def test_the_engines_wire_gets_the_digest_of_a_replay(virtual: bool) -> None:
    found = Session(BUNDLED)
    log, kernel, door = await played(found, virtual=virtual, patience=PATIENT)
    assert log.digest() == found.meta.digests.log
    folds = kernel.views.digests()
    assert found.meta.digests.folds.items() <= folds.items()
    assert not door.relaxed


async def test_in_virtual_time_at_its_own_speed_too(autojump_clock: MockClock) -> None:
    found = Session(BUNDLED)
    log, _, door = await played(found, virtual=True, speed=1.0)
    assert log.digest() == found.meta.digests.log
    assert not door.relaxed
    assert 59 < trio.current_time() < 61


def troubled(folder: Path) -> Session:
    """A session with all that a kernel does by itself: reconnects, a stale lane, a refusal, a clock."""
    meta = Meta(exchanges=["binance"], instruments=["A-B"], source="simulator", started_ns=START)
    meta.run_id, meta.seed = "troubled", 11
    writer = SessionWriter(folder, meta)
    world = World(writer=writer)
    world.declare("AB", "CD")
    asked_of = request(world.tell(WatchClock("binance", 20 * SECOND)))
    world.answer(asked_of, said({"serverTime": world.now // 1_000_000}))
    world.tell(Subscribe("binance", ("AB",), ("book",), silence_max=15 * SECOND))
    world.subscribe("CD")
    world.answer(request(world.opened("binance/2")), snapshot(1))
    world.answer(request(world.opened("binance/1")), snapshot(1, [("1", "1")]))
    world.closed("binance/1")
    dialled = refused = 0
    for number, span in enumerate((1, 15, 2, 10, 1, 20, 30, 5), 2):
        todo = world.wait(span * SECOND)
        while todo:
            match todo.pop(0):
                case AskedOpen(lane):
                    dialled += 1
                    todo += world.closed(lane, 503) if dialled == 2 else world.opened(lane)
                case Request(purpose="clock") as asked_of:
                    world.fail(asked_of, "ReadTimeout")
                case Request() as asked_of:
                    refused += 1
                    bad = refused == 1
                    world.answer(asked_of, b"busy" if bad else snapshot(9), 429 if bad else 200)
                case _:
                    pass
        world.hear(delta(number, number, native="CD"), "binance/2")
    assert dialled > 2
    assert {"StreamStale", "RateLimited", "ClockAdjusted", "RequestFailed"} <= {*world.words()}
    seal(writer, world.log.digest())
    return Session(folder)


@pytest.mark.parametrize("virtual", [False, True])
async def test_what_the_kernel_does_by_its_timers_it_does_where_it_did(
    virtual: bool, tmp_path: Path
) -> None:
    found = troubled(tmp_path)
    log, kernel, _ = await played(found, virtual=virtual, patience=PATIENT, strict=True)
    assert log.digest() == found.meta.digests.log
    assert kernel.views.digests() == found.meta.digests.folds


@pytest.mark.parametrize("speed", [1.0, 3.0, 60.0])
async def test_and_so_it_does_at_any_speed(
    speed: float, tmp_path: Path, autojump_clock: MockClock
) -> None:
    found = troubled(tmp_path)
    log, _, door = await played(found, virtual=True, speed=speed, strict=True)
    assert log.digest() == found.meta.digests.log
    assert not door.relaxed


async def test_commands_come_where_they_stand_on_the_tape(opened: Open) -> None:
    command = {"command": "subscribe", "exchange": "x", "instruments": ["AB"]}
    rows = [("engine", "command", command), *up("x/1"), ("x/1", "recv", "a")]
    rows += [("engine", "command", command | {"instruments": ["CD"]}), ("x/1", "recv", "b")]
    told: list[object] = []
    async with opened(tape(*rows), patience=PATIENT) as door, trio.open_nursery() as nursery:

        async def listen() -> None:
            client = await connect(door, "x/1")
            while True:
                told.append(await client.hear())

        async for time, given in door.commands():
            told.append((time, given))
            if len(told) == 1:
                nursery.start_soon(listen)
        nursery.cancel_scope.cancel()
    assert told == [
        (START + 1_000_000, Subscribe("x", ("AB",))),
        "a",
        (START + 5_000_000, Subscribe("x", ("CD",))),
        "b",
    ]


async def test_commands_that_nobody_takes_are_passed_over(opened: Open) -> None:
    command = {"command": "subscribe", "exchange": "x", "instruments": ["AB"]}
    rows = [("engine", "command", command), *up("x/1"), ("engine", "command", command)]
    async with opened(tape(*rows, ("x/1", "recv", "a"))) as door:
        client = await connect(door, "x/1")
        assert await client.hear() == "a"
        await client.close()


CASSETTE = """\
version: 1
interactions:
- request: {method: GET, uri: 'https://api.x.test/v3/a', body: '', headers: {}}
  response:
    n: 1
    status: {code: 200, message: ''}
    headers: {retry-after: ['3'], content-encoding: [gzip]}
    body: {string: 'one'}
# end
- request: {method: GET, uri: 'https://api.x.test/v3/b', body: '', headers: {}}
  response:
    n: 2
    status: {code: 500, message: ''}
    headers: {}
    body: {string: !!binary /wA=}
# end
"""


async def test_a_session_that_was_torn_plays_as_far_as_it_goes(
    opened: Open, tmp_path: Path
) -> None:
    rows = [asked(1, "GET", "/a"), answered(1), asked(2, "GET", "/b"), answered(2, 500)]
    torn = CASSETTE[: CASSETTE.index("    n: 2")]
    folder = session(tmp_path / "torn", rows, torn, sealed=False)
    with (folder / "tape.jsonl").open("a") as file:
        file.write('[99,"x/http","reque')
    async with opened(Session(folder)) as door, rest(door) as http:
        first = await http.get(f"{API}/a")
        assert (first.text, first.headers["retry-after"]) == ("one", "3")
        await door.finished.wait()


def test_a_cassette_is_read_by_vcrpy_whole_or_torn(tmp_path: Path) -> None:
    path = tmp_path / "http.yaml"
    assert load_answers(tmp_path) == {}
    path.write_text(CASSETTE)
    answers = load_answers(tmp_path)
    assert answers[1][:3] == (200, [("retry-after", "3")], b"one")
    assert answers[2][:3] == (500, [], b"\xff\x00")
    path.write_text(CASSETTE.replace("# end\n", "").replace("    n: 2\n", ""))
    assert load_answers(tmp_path) == answers
    path.write_text(CASSETTE[:80])
    assert load_answers(tmp_path, cut=True) == {}
    with pytest.raises(SessionError, match=r"http\.yaml cannot be read: "):
        load_answers(tmp_path)
    path.write_text(CASSETTE.replace("'one'", "!!python/name:os.system ''"))
    with pytest.raises(SessionError, match=r"http\.yaml cannot be read: "):
        load_answers(tmp_path)


def test_a_body_that_was_left_compressed_is_decoded_and_null_is_none(tmp_path: Path) -> None:
    path = tmp_path / "http.yaml"

    def write(data: bytes | None) -> None:
        text = "null" if data is None else f"!!binary {b64encode(data).decode()}"
        text = CASSETTE.replace("[gzip]", "[GZIP]").replace("'one'", text)
        path.write_text(text.replace("content-encoding: [GZIP]", "Content-Encoding: [gzip]"))

    for data, told in ((gzip.compress(b'{"a":1}'), b'{"a":1}'), (None, b""), (b"plain", b"plain")):
        write(data)
        assert load_answers(tmp_path)[1][:3] == (200, [("retry-after", "3")], told)
    write(gzip.compress(b"x" * 1000)[:-9])
    with pytest.raises(SessionError, match="a gzip body that is torn, or longer than"):
        load_answers(tmp_path)


async def test_it_is_fast_enough_to_use(opened: Open) -> None:
    """It does tens of thousands of frames a second; a tenth of that is asked for here, on any machine."""
    frame = '{"e":"trade","pad":"' + "y" * 150 + '"}'
    timeline: Timeline = tape(*up("x/1"), *[("x/1", "recv", frame)] * 6000)
    with trio.fail_after(2):
        async with opened(timeline) as door:
            client: Client = await connect(door, "x/1")
            for _ in range(6000):
                await client.hear()
            await client.close()


@pytest.mark.parametrize("forced", [False, True])
async def test_a_client_may_be_back_before_it_was_heard_to_hang_up(forced: bool) -> None:
    """One that has no lane names: it dials again while its close is still on its way."""
    rows = [
        *up("x/1"),
        ("x/1", "sent", "a"),
        ("x/1", "recv", "b"),
        hung_up("x/1", "client", 1006 if forced else 1000),
        *up("x/2"),
        ("x/2", "sent", "c"),
        ("x/2", "recv", "d"),
    ]
    for _ in range(20):
        async with (
            opened_mock(tape(*rows), patience=PATIENT) as door,
            trio.open_nursery() as nursery,
        ):
            first = await connect(door)
            await first.say("a")
            assert await first.hear() == "b"
            nursery.start_soon(first.cut if forced else first.close)
            again = await connect(door)
            await again.say("c")
            assert await again.hear() == "d"
            await again.close()
