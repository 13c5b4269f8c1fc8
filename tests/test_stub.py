"""The scripted exchange. No door: no tape is played, and the clients are real ones.

Sockets where a client of somebody else's is part of the story; else memory, and virtual time where
something takes its time. Among them are the five tests of the web app whose place this takes, and one
for each thing that was measured to be wrong with it.
"""

import json
import re
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest
import trio
from captures import ROOT
from certificates import certified
from trio.testing import MockClock, wait_all_tasks_blocked
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    wrap_client_stream,
)

from tapefold.errors import Mismatch
from tapefold.errors import Refused as Forbidden
from tapefold.stub import (
    Answered,
    Api,
    Asked,
    Connected,
    Endpoint,
    Left,
    Refused,
    Said,
    Stub,
    asked,
    connected,
    left,
    open_stub,
    said,
)
from tapefold.stub import server as stub_server
from tapefold.stub.journal import Journal

HOST = "api.binance.com"
STREAM = "wss://stream.binance.com:9443/ws"
SUBSCRIBE = {"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 7}


@contextmanager
def mismatch() -> Generator[list[str]]:
    """What the failure says, line by line, with which the block must end."""
    lines: list[str] = []
    try:
        yield lines
    except Mismatch as failure:
        lines += str(failure).splitlines()
    assert lines.pop(0) == "what the stub heard is not what was preset:"


@asynccontextmanager
async def rest(*, virtual: bool = True) -> AsyncGenerator[tuple[Api, httpx.AsyncClient]]:
    """A host of a stub's, and a client of it."""
    async with open_stub(virtual=virtual) as stub:
        api = stub.http(HOST)
        transport = stub.transport if virtual else None
        async with httpx.AsyncClient(
            transport=transport, base_url=api.url, trust_env=False
        ) as client:
            yield api, client


async def dialled(stub: Stub, nursery: trio.Nursery, url: str = STREAM) -> WebSocketConnection:
    """A client in memory."""
    stream: Any = await stub.dial("binance/1", url)
    return await wrap_client_stream(nursery, stream, "x", "/" + url.split("/", 3)[3])


@asynccontextmanager
async def talking(
    clients: int = 1,
) -> AsyncGenerator[tuple[Stub, Endpoint, list[WebSocketConnection]]]:
    """A WebSocket of a stub's in memory, and clients that came one after the other."""
    async with open_stub(virtual=True) as stub, trio.open_nursery() as nursery:
        ws = stub.ws(STREAM)
        here = [await dialled(stub, nursery) for _ in range(clients)]
        await stub.seen(ws, times=clients)
        yield stub, ws, here
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def up(url: str, tls: ssl.SSLContext | None = None) -> AsyncGenerator[WebSocketConnection]:
    """A client on a socket, which is closed: trio-websocket leaves it open where the server closed."""
    parts = urllib.parse.urlsplit(url)
    stream: Any = await trio.open_tcp_stream("127.0.0.1", parts.port or 0)
    if tls:
        stream = trio.SSLStream(stream, tls, server_hostname=parts.hostname, https_compatible=True)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    with trio.fail_after(10):
        async with stream, trio.open_nursery() as nursery:
            client = await wrap_client_stream(nursery, stream, parts.netloc, path)
            yield client
            await client.aclose()


async def handshake(url: str) -> bytes:
    """All that is answered to the request for a WebSocket."""
    path = urllib.parse.urlsplit(url).path
    said = f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    said += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    return await raw(url, said.encode(), eof=False)


async def told(client: WebSocketConnection) -> Any:
    """The next thing that a client hears."""
    return json.loads(await client.get_message())


async def ended(client: WebSocketConnection) -> tuple[int, str | None]:
    """How a client's connection ends."""
    with pytest.raises(ConnectionClosed) as closed:
        await client.get_message()
    assert closed.value.reason
    return closed.value.reason.code, closed.value.reason.reason


def blocking(url: str, data: bytes | None = None) -> tuple[int, bytes]:
    """A blocking client of the standard library's; never through a proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, data, timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


async def raw(url: str, said: bytes, *, eof: bool = True) -> bytes:
    """All that is answered to bytes of ours."""
    parts = urllib.parse.urlsplit(url)
    stream = await trio.open_tcp_stream("127.0.0.1", parts.port or 0)
    async with stream:
        await stream.send_all(said)
        if eof:
            await stream.send_eof()
        heard = b""
        async for data in stream:
            heard += data
    return heard


# What the web app's own five tests say


async def test_an_asynchronous_client_gets_what_was_preset() -> None:
    async with rest(virtual=False) as (api, client):
        api.respond("GET", "/api/v3/time", json={"serverTime": 1})
        response = await client.get("/api/v3/time")
        assert (response.status_code, response.json()) == (200, {"serverTime": 1})
        assert response.headers["content-type"] == "application/json"


async def test_a_blocking_client_gets_what_was_preset() -> None:
    async with rest(virtual=False) as (api, _):
        api.respond("GET", "/api/v3/time", json={"serverTime": 1})
        got = await trio.to_thread.run_sync(blocking, f"{api.url}/api/v3/time")
        assert got == (200, b'{"serverTime":1}')


async def test_an_answer_is_preset_anew() -> None:
    async with rest() as (api, client):
        api.respond("GET", "/", content="first")
        api.respond("GET", "/", content="second", replace=True)
        assert [(await client.get("/")).text for _ in range(2)] == ["second", "second"]


async def test_the_fields_of_a_form_choose_the_answer() -> None:
    async with rest(virtual=False) as (api, _):
        api.respond("POST", "/", body={"symbol": "AAA", "n": 1}, content="a")
        api.respond("POST", "/", body={"symbol": "ZZZ"}, content="z")
        data = urllib.parse.urlencode({"symbol": "AAA", "n": "1", "more": "x"}).encode()
        assert await trio.to_thread.run_sync(blocking, api.url, data) == (200, b"a")
        assert await trio.to_thread.run_sync(blocking, api.url, b"symbol=ZZZ") == (200, b"z")


async def test_the_fields_of_a_query_choose_the_answer() -> None:
    async with rest() as (api, client):
        api.respond("GET", "/depth", query={"symbol": "AAA", "limit": 5}, content="a")
        api.respond("GET", "/depth?symbol=ZZZ", content="z")
        assert (await client.get("/depth?limit=5&symbol=AAA&x=")).text == "a"
        assert (await client.get("/depth", params={"symbol": "ZZZ"})).text == "z"


# What was wrong with it


async def test_one_candidate_does_not_answer_for_another_symbol() -> None:
    with mismatch() as lines:
        async with rest() as (api, client):
            api.respond("GET", "/depth", query={"symbol": "AAA"}, content="a", optional=True)
            response = await client.get("/depth?symbol=ZZZ")
            assert response.status_code == 501
            assert response.json()["nearest"] == [
                'nearest: GET /depth, query {"symbol":"AAA"}',
                '≠ query.symbol: asked "ZZZ", preset "AAA"',
            ]
    assert lines == [
        "  unmatched: GET api.binance.com/depth?symbol=ZZZ",
        '      nearest: GET /depth, query {"symbol":"AAA"}',
        '      ≠ query.symbol: asked "ZZZ", preset "AAA"',
    ]


async def test_what_wants_nothing_stands_beside_what_wants_a_field() -> None:
    async with rest() as (api, client):
        api.respond("GET", "/depth", content="default")
        api.respond("GET", "/depth", query={"symbol": "AAA"}, content="a")
        assert (await client.get("/depth?symbol=ZZZ")).text == "default"
        assert (await client.get("/depth?symbol=AAA")).text == "a"
        assert (await client.get("/depth")).text == "default"


async def test_the_fields_of_json_choose_the_answer() -> None:
    async with rest() as (api, client):
        api.respond("POST", "/order", body={"side": "BUY", "legs": [{"n": 1}]}, content="buy")
        api.respond("POST", "/order", body={"side": "SELL", "id": ...}, content="sell")
        sent: dict[str, Any] = {"side": "BUY", "legs": [{"n": 1, "m": 2}], "price": 0.1}
        assert (await client.post("/order", json=sent)).text == "buy"
        assert (await client.post("/order", json={"side": "SELL", "id": "x"})).text == "sell"
        assert (await client.post("/order", content=b'{"side":"SELL","id":1}')).text == "sell"


async def test_a_status_and_headers_are_answered_more_than_once() -> None:
    async with rest(virtual=False) as (api, client):
        api.respond("GET", "/", status=429, headers={"Retry-After": "7"}, content="slow down")
        for _ in range(3):
            response = await client.get("/")
            assert (response.status_code, response.text) == (429, "slow down")
            assert response.headers["retry-after"] == "7"


async def test_what_is_sent_before_a_client_comes_is_not_lost() -> None:
    async with open_stub(virtual=True) as stub, trio.open_nursery() as nursery:
        ws = stub.ws(STREAM)
        nursery.start_soon(ws.send, {"n": 1})
        ws.script({"n": 2})
        await wait_all_tasks_blocked()
        client = await dialled(stub, nursery)
        assert sorted([(await told(client))["n"], (await told(client))["n"]]) == [1, 2]
        nursery.cancel_scope.cancel()


async def test_a_second_client_takes_nothing_from_the_first() -> None:
    async with talking(clients=2) as (_, ws, clients):
        await ws.send({"n": 1})
        await ws.send({"n": 2}, client=0)
        await ws.send({"n": 3}, client=1)
        await ws.send({"n": 4})
        assert [(await told(clients[0]))["n"] for _ in range(3)] == [1, 2, 4]
        assert [(await told(clients[1]))["n"] for _ in range(3)] == [1, 3, 4]


async def test_a_host_that_nobody_named_is_refused() -> None:
    with mismatch() as lines:
        async with open_stub() as stub:
            stub.http(HOST)
            async with httpx.AsyncClient(transport=stub.transport) as client:
                with pytest.raises(httpx.ConnectError, match="nothing leaves this machine"):
                    await client.get("https://api.binance.us/api/v3/time")
            with pytest.raises(ConnectionRefusedError, match="stub has"):
                await stub.dial("binance/1", STREAM)
    assert lines == [
        "  unmatched: api.binance.us; the stub has api.binance.com",
        "  unmatched: stream.binance.com:9443; the stub has api.binance.com",
    ]


async def test_a_websocket_that_nobody_named_is_refused() -> None:
    with mismatch() as lines:
        async with open_stub() as stub:
            url = stub.ws(STREAM).url.replace("/ws", "/other")
            assert (await handshake(url)).startswith(b"HTTP/1.1 404")
            (entry,) = stub.journal
            assert isinstance(entry, Refused)
            assert (entry.url, entry.target, entry.status) == ("", "/other", 404)
    host = "stream.binance.com:9443"
    known = f"of this host the stub has wss://{host}/ws"
    assert lines == [f"  unmatched: a WebSocket to {host}/other; {known}"]


async def test_a_port_is_kept_as_long_as_the_stub_is_open() -> None:
    async with open_stub() as stub:
        api = stub.http(HOST)
        assert stub.http(f"https://{HOST}:443/").url == api.url
        port = urllib.parse.urlsplit(api.url).port or 0
        with pytest.raises(OSError, match="in use"):
            socket.create_server(("127.0.0.1", port))
        assert urllib.parse.urlsplit(stub.ws(f"wss://{HOST}/ws").url).port == port
        assert urllib.parse.urlsplit(stub.ws(STREAM).url).port != port
    socket.create_server(("127.0.0.1", port)).close()


async def test_two_stubs_know_nothing_of_each_other() -> None:
    async with open_stub() as one, open_stub() as other:
        one.http(HOST).respond("GET", "/", content="one")
        other.http(HOST).respond("GET", "/", content="other")
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(one.http(HOST).url)).text == "one"
            assert (await client.get(other.http(HOST).url)).text == "other"


# Presets


async def test_answers_on_one_key_take_turns_and_the_last_stays() -> None:
    async with rest() as (api, client):
        api.respond("GET", "/", content="a")
        api.respond("GET", "/", content="b", times=2)
        api.respond("GET", "/", content="c")
        assert [(await client.get("/")).text for _ in range(5)] == ["a", "b", "b", "c", "c"]


async def test_what_is_preset_later_answers_from_then_on() -> None:
    async with rest() as (api, client):
        api.respond("GET", "/", content="a")
        assert [(await client.get("/")).text for _ in range(3)] == ["a", "a", "a"]
        api.respond("GET", "/", content="b")
        assert (await client.get("/")).text == "b"


async def test_what_is_used_up_is_unmatched_or_left_to_the_less_specific() -> None:
    with mismatch() as lines:
        async with rest() as (api, client):
            api.respond("GET", "/", content="once", query={"a": 1}, times=1)
            api.respond("GET", "/", content="default", times=1)
            urls = ["/?a=1", "/?a=1", "/?a=1"]
            assert [(await client.get(url)).status_code for url in urls] == [200, 200, 501]
    assert lines[-1] == "      it has been used as often as it may be"


async def test_what_is_never_used_is_a_failure() -> None:
    with mismatch() as lines:
        async with rest() as (api, client):
            api.respond("GET", "/a", query={"x": re.compile("[0-9]+")})
            api.respond("GET", "/b", times=2)
            api.respond("GET", "/c", optional=True)
            await client.get("/b")
    assert lines == [
        '  unused: GET /a, query {"x":"/[0-9]+/"} at api.binance.com: used 0 of 1 times',
        "  unused: GET /b at api.binance.com: used 1 of 2 times",
    ]


async def test_the_nearest_preset_is_of_the_likest_path() -> None:
    with mismatch() as lines:
        async with rest() as (api, client):
            api.respond(
                "POST", "/api/v3/order", body={"side": "BUY", "type": "LIMIT"}, optional=True
            )
            api.respond("GET", "/api/v3/time", optional=True)
            await client.post("/api/v3/order", json={"side": "SELL"})
            await client.delete("/api/v3/orders", headers={"x-key": "k"})
    assert lines == [
        "  unmatched: POST api.binance.com/api/v3/order",
        '      nearest: POST /api/v3/order, body {"side":"BUY","type":"LIMIT"}',
        '      ≠ body.side: asked "SELL", preset "BUY"',
        '      - body.type: preset "LIMIT"',
        "  unmatched: DELETE api.binance.com/api/v3/orders",
        '      nearest: POST /api/v3/order, body {"side":"BUY","type":"LIMIT"}',
        "      ≠ method: asked DELETE, preset POST",
        "      ≠ path: asked /api/v3/orders, preset /api/v3/order",
        '      ≠ body: asked "", preset {"side":"BUY","type":"LIMIT"}',
    ]


@pytest.mark.parametrize(
    ("path", "asked_for"),
    [
        ("/a/*/c", "/a/b/c"),
        (re.compile(r"/v[0-9]+/x"), "/v12/x"),
        ("/a b", "/a%20b"),
        ("/a[1]?x=", "/a[1]?x="),
    ],
)
async def test_a_path_may_be_a_pattern(path: Any, asked_for: str) -> None:
    async with rest() as (api, client):
        api.respond("get", path, content="yes")
        assert (await client.get(asked_for)).text == "yes"


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": "1"}),
        ({"a": None}, {"a": 0}),
        ({"a": [1, 2]}, {"a": [1]}),
        ({"a": {"b": ...}}, {"a": {}}),
        ({"a": {"b": 1}}, {"a": 1}),
        ("text", {"a": 1}),
        (b"other", {"a": 1}),
        ([1], {"a": 1}),
    ],
)
async def test_a_body_that_is_not_as_wanted_is_unmatched(wanted: Any, sent: Any) -> None:
    with mismatch() as lines:
        async with rest() as (api, client):
            api.respond("POST", "/", body=wanted, optional=True)
            assert (await client.post("/", json=sent)).status_code == 501
    assert len(lines) == 3
    assert lines[2][6:].startswith(("≠ body", "- body"))


DEEP = ["[" * 3000, *("[" * depth + "]" * depth for depth in range(100, 1100, 25))]


async def test_a_body_that_is_nested_too_deep_is_one_request_that_is_unmatched() -> None:
    with mismatch() as lines:
        async with rest() as (api, client):
            for wanted in ({"a": 1}, [...], [re.compile("x")], re.compile("x")):
                api.respond("POST", "/", body=wanted, optional=True)
            api.respond("GET", "/", json="well")
            for text in DEEP:
                assert (await client.post("/", content=text)).status_code in (200, 501)
            assert (await client.get("/")).json() == "well"
    assert lines


async def test_a_frame_that_is_nested_too_deep_is_one_frame_that_is_unmatched() -> None:
    with mismatch() as lines:
        async with talking() as (_, ws, (client,)):
            ws.reply({"a": 1}, None, optional=True)
            ws.reply(re.compile("x"), None, optional=True)
            ws.reply("well", "yes")
            for text in DEEP:
                await client.send_message(text)
            await client.send_message("well")
            assert await client.get_message() == "yes"
    assert len(lines) == len(DEEP)


async def test_headers_that_are_wanted_are_matched() -> None:
    async with rest() as (api, client):
        api.respond("GET", "/", sent_headers={"X-MBX-APIKEY": ...}, content="signed")
        api.respond("GET", "/", content="public")
        assert (await client.get("/", headers={"x-mbx-apikey": "k"})).text == "signed"
        assert (await client.get("/")).text == "public"


async def test_an_answer_that_http_does_not_have_is_refused_at_once() -> None:
    async with rest() as (api, _):
        with pytest.raises(ValueError, match="HTTP has no such answer"):
            api.respond("GET", "/", headers={"x": "a\r\nb"})
        with pytest.raises(ValueError, match="HTTP has no such answer"):
            api.respond("GET", "/", status=99)


# Time and causes


async def test_an_answer_may_take_its_time(autojump_clock: MockClock) -> None:
    async with rest() as (api, client):
        api.respond("GET", "/", delay=3600, content="late")
        api.respond("GET", "/timeout", delay=3600)
        start = trio.current_time()
        assert (await client.get("/", timeout=None)).text == "late"
        assert trio.current_time() - start == 3600
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/timeout", timeout=5)
        assert trio.current_time() - start == 3605


async def test_a_fill_may_come_before_the_answer_to_its_order() -> None:
    """And the answer before the fill, where the script waits for the preset and not the request."""
    async with open_stub(virtual=True) as stub, trio.open_nursery() as nursery:
        api, ws = stub.http(HOST), stub.ws(STREAM)
        ws.script({"fill": 1}, after=asked("POST", "/order"))
        order = api.respond("POST", "/order", json={"order": 1}, after=said("got it"))
        ws.script({"fill": 2}, after=order)
        client = await dialled(stub, nursery)
        got: list[Any] = []

        async def place() -> None:
            async with httpx.AsyncClient(transport=stub.transport) as http:
                got.append((await http.post(f"{api.url}/order")).json())

        nursery.start_soon(place)
        got.append(await told(client))
        await client.send_message("got it")
        got.append(await told(client))
        assert got == [{"fill": 1}, {"order": 1}, {"fill": 2}]
        nursery.cancel_scope.cancel()


async def test_what_is_due_at_once_comes_in_the_order_in_which_it_was_scripted(
    autojump_clock: MockClock,
) -> None:
    async with talking() as (stub, ws, (client,)):
        go = said("go")
        for n in range(20):
            ws.script({"n": n}, after=go, delay=1.5)
        ws.script({"n": 20}, after=go, delay=1)
        ws.script({"n": 21})
        assert (await told(client))["n"] == 21
        await client.send_message("go")
        start = trio.current_time()
        assert [(await told(client))["n"] for _ in range(21)] == [20, *range(20)]
        assert trio.current_time() - start == 1.5
        ws.script("already", after=go)  # a cause that has come already is no reason to wait
        assert await client.get_message() == "already"
        assert [type(entry) for entry in stub.journal] == [Connected, Said]


async def test_a_step_for_a_client_that_has_not_come_holds_up_nobody_else() -> None:
    async with open_stub(virtual=True) as stub, trio.open_nursery() as nursery:
        ws = stub.ws(STREAM)
        ws.script({"n": 1}, client=1)
        ws.script({"n": 2}, client=0)
        ws.script({"n": 3}, client=1)
        ws.script({"n": 4})
        ws.script_close(1012, after=left())
        first = await dialled(stub, nursery)
        assert [(await told(first))["n"] for _ in range(2)] == [2, 4]
        second = await dialled(stub, nursery)
        await stub.seen(ws, times=2)
        await ws.send({"n": 5})
        assert [(await told(second))["n"] for _ in range(3)] == [1, 3, 5]
        assert (await told(first))["n"] == 5
        await second.aclose()
        assert await ended(first) == (1012, None)
        nursery.cancel_scope.cancel()


async def test_what_is_for_all_waits_for_the_next_where_all_have_left() -> None:
    async with talking() as (stub, ws, (client,)):
        go = left()
        ws.script({"n": 1}, after=go)
        ws.script({"n": 2}, after=go)
        await client.aclose()
        await stub.seen(go)
        async with trio.open_nursery() as nursery:
            again = await dialled(stub, nursery)
            assert [(await told(again))["n"] for _ in range(2)] == [1, 2]
            nursery.cancel_scope.cancel()


async def test_one_waits_for_causes_and_not_for_time() -> None:
    async with open_stub() as stub, trio.open_nursery() as nursery:
        api = stub.http(HOST)
        order = api.respond("POST", "/order", json={})
        async with httpx.AsyncClient(base_url=api.url, trust_env=False) as client:
            for n in (1, 2):
                nursery.start_soon(client.post, f"/order?n={n}")
            assert (await stub.seen("POST", "/order", query={"n": 2})).query == {"n": "2"}
            assert isinstance(await stub.seen(order, times=2), Answered)
            assert isinstance(await stub.seen(asked("post", "/*", body=""), times=2), Asked)


async def test_a_script_that_did_not_come_to_it_is_a_failure() -> None:
    with mismatch() as lines:
        async with open_stub(virtual=True) as stub:
            ws = stub.ws(STREAM)
            ws.script({"n": 1}, after=said("never"))
            ws.script({"n": 2}, optional=True)
            ws.script_close(1012, after=said("never"))
            ws.reply("ping", "pong")
    assert lines == [
        f'  unused: the reply to "ping" at {STREAM}',
        f'  unused: send {{"n":1}} at {STREAM}',
        f"  unused: close 1012 at {STREAM}",
    ]


# WebSockets


@pytest.mark.parametrize(
    "what", ['"method":"SUBSCRIBE"', re.compile("SUB.*trade"), {"method": "SUBSCRIBE"}]
)
async def test_a_rule_answers_and_echoes_ids(what: Any) -> None:
    async with talking() as (stub, ws, (client,)):
        rule = ws.reply(what, {"result": None}, echo=("id",))
        await client.send_message(json.dumps(SUBSCRIBE, separators=(",", ":")))
        assert await client.get_message() == '{"result":null,"id":7}'
        heard = await stub.seen(rule)
        assert isinstance(heard, Said)
        assert heard.body == SUBSCRIBE


async def test_rules_for_the_same_take_turns() -> None:
    async with talking() as (_, ws, (client,)):
        ws.reply("state", {"n": 1})
        ws.reply("state", {"n": 2}, times=1)
        ws.reply("quiet", None)
        for text in ("state", "quiet", "state"):
            await client.send_message(text)
        assert [(await told(client))["n"] for _ in range(2)] == [1, 2]


async def test_where_there_are_rules_what_none_fits_is_a_failure() -> None:
    with mismatch() as lines:
        async with talking() as (stub, ws, (client,)):
            ws.reply("ping", "pong", optional=True)
            await client.send_message("what?")
            await stub.seen(said("what"))
    assert lines == [f'  unmatched: client 0 of {STREAM} said "what?"']


async def test_every_frame_is_heard_where_there_are_no_rules() -> None:
    async with talking() as (stub, _, (client,)):
        await client.send_message("hello")
        await client.send_message(b"\x00\xff")
        assert isinstance(await stub.seen(said(b"\x00\xff")), Said)
        assert [e.data for e in stub.journal if isinstance(e, Said)] == ["hello", b"\x00\xff"]


async def test_text_and_bytes_go_as_they_are_and_all_else_as_json() -> None:
    async with talking() as (_, ws, (client,)):
        for data in ("text", b"\x00", {"a": [1, None]}, [1]):
            await ws.send(data)
        heard = [await client.get_message() for _ in range(4)]
        assert heard == ["text", b"\x00", '{"a":[1,null]}', "[1]"]


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1008, 1011, 1012, 4001])
async def test_a_stub_closes_with_any_code_or_cuts(code: int) -> None:
    async with open_stub() as stub:
        ws = stub.ws(STREAM)
        ws.script_close(code, "restart", after=ws)
        async with up(ws.url) as client:
            assert await ended(client) == (code, None if code == 1006 else "restart")
        end = await stub.seen(left())
        assert end == Left(STREAM, 0, code, "" if code == 1006 else "restart", ours=True)


async def test_a_client_comes_again_after_a_close() -> None:
    async with talking() as (stub, ws, (client,)), trio.open_nursery() as nursery:
        await ws.cut()
        assert (await ended(client))[0] == 1006
        again = await dialled(stub, nursery)
        await ws.send("welcome back")
        assert await again.get_message() == "welcome back"
        await ws.close(1012, "service restart", client=1)
        assert await ended(again) == (1012, "service restart")
        nursery.cancel_scope.cancel()


async def test_a_refusal_is_for_the_next_clients_alone() -> None:
    async with open_stub() as stub:
        ws = stub.ws(STREAM)
        ws.refuse(429, b"slow down", {"Retry-After": "7"}, times=2)
        for _ in range(2):
            heard = await handshake(ws.url)
            assert heard.startswith(b"HTTP/1.1 429")
            assert b"Retry-After: 7\r\n" in heard
            assert heard.endswith(b"\r\n\r\nslow down")
        async with up(ws.url + "?listen=1"):
            entry = await stub.seen(connected(STREAM))
        assert isinstance(entry, Connected)
        assert (entry.target, entry.client) == ("/ws?listen=1", 0)


async def test_a_frozen_client_is_connected_and_hears_no_pong(autojump_clock: MockClock) -> None:
    async with talking(clients=2) as (_, ws, (client, other)):
        ws.freeze(0)
        with trio.move_on_after(3600) as scope:
            await client.ping()
        assert scope.cancelled_caught
        await ws.send("still sent")
        assert await client.get_message() == "still sent"
        await other.ping()


async def test_a_pattern_of_urls_is_one_endpoint_and_an_exact_one_goes_first() -> None:
    async with open_stub(virtual=True) as stub, trio.open_nursery() as nursery:
        every = stub.ws("wss://stream.binance.com:9443/ws/*")
        one = stub.ws("wss://stream.binance.com:9443/ws/btcusdt@trade")
        both = stub.ws("wss://stream.binance.com:9443/stream?streams=a/b")
        for url in ("ws/ethusdt@trade", "ws/btcusdt@trade", "stream?streams=a/b"):
            await dialled(stub, nursery, f"wss://stream.binance.com:9443/{url}")
        for endpoint in (every, one, both):
            await stub.seen(endpoint)
        assert [e.url for e in stub.journal if isinstance(e, Connected)] == [
            every.given,
            one.given,
            both.given,
        ]
        nursery.cancel_scope.cancel()


# The server


async def test_a_connection_is_kept_and_chunks_are_read() -> None:
    async with rest(virtual=False) as (api, _):
        api.respond("POST", "/a", body={"n": 1}, json={"ok": 1})
        api.respond("GET", "/b", content="b")
        heard = await raw(
            api.url,
            b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b'3\r\n{"n\r\n4\r\n":1}\r\n0\r\n\r\n'
            b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n",
        )
        assert heard.count(b"HTTP/1.1 200") == 2
        assert heard.endswith(b"\r\n\r\nb")


async def test_a_head_has_no_body_and_a_204_neither() -> None:
    async with rest(virtual=False) as (api, client):
        api.respond("HEAD", "/", json={"a": 1})
        api.respond("GET", "/", status=204)
        head = await client.head("/")
        assert (head.content, head.headers["content-length"]) == (b"", "7")
        assert (await client.get("/")).content == b""


async def test_who_waits_to_be_told_to_go_on_is_told() -> None:
    async with rest(virtual=False) as (api, _):
        api.respond("POST", "/", body="abc", content="got it")
        said = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        stream = await trio.open_tcp_stream("127.0.0.1", urllib.parse.urlsplit(api.url).port or 0)
        async with stream:
            await stream.send_all(said)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 100")
            await stream.send_all(b"abc")
            assert (await stream.receive_some()).endswith(b"got it")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),  # no Host
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", b"431"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\n\r\n" + b"x" * 200, b"413"),
    ],
)
async def test_bad_requests_are_told_so_and_harm_nobody(
    said: bytes, status: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stub_server, "BODY_MAX", 100)
    async with rest(virtual=False) as (api, client):
        api.respond("GET", "/", content="fine")
        assert (await raw(api.url, said)).startswith(b"HTTP/1.1 " + status)
        assert await raw(api.url, b"") == b""
        assert (await client.get("/")).text == "fine"


@pytest.mark.parametrize("virtual", [True, False])
async def test_a_request_may_be_cut_off(virtual: bool) -> None:  # a parameter
    async with rest(virtual=virtual) as (api, client):
        api.respond("GET", "/", cut=True, times=1)
        api.respond("GET", "/", content="again")
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/")
        assert (await client.get("/")).text == "again"


async def test_the_journal_has_everything_in_order() -> None:
    async with open_stub() as stub:
        api = stub.http(HOST)
        api.respond("POST", "/order", json={"id": 1}, status=201)
        async with httpx.AsyncClient(base_url=api.url, trust_env=False) as client:
            await client.post("/order?a=1&a=2&b=", json={"n": 1}, headers={"X-Key": "k"})
        request, answered = stub.journal
        assert isinstance(request, Asked)
        assert str(request) == "POST api.binance.com/order?a=1&a=2&b="
        assert (request.method, request.host, request.path) == ("POST", HOST, "/order")
        assert (request.query, request.body) == ({"a": ["1", "2"], "b": ""}, {"n": 1})
        assert request.headers["x-key"] == "k"
        assert answered == Answered(request, 201)


async def test_tls_serves_both_over_one_port() -> None:
    ours, theirs = certified("127.0.0.1")
    async with open_stub(tls=ours) as stub:
        api, ws = stub.http(HOST), stub.ws(f"wss://{HOST}/ws")
        api.respond("GET", "/", content="secret")
        async with httpx.AsyncClient(verify=theirs, trust_env=False) as client:
            assert (await client.get(api.url)).text == "secret"
        async with up(ws.url, theirs) as socket:
            await ws.send("secret")
            assert await socket.get_message() == "secret"
        assert (await raw(api.url, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))[:4] != b"HTTP"


# Beyond it


async def test_what_nobody_preset_is_passed_through_only_where_that_was_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MOCK_API_ENABLED", raising=False)
    async with open_stub() as real, open_stub() as stub:
        there = real.http(HOST)
        there.respond("POST", "/time", query={"a": 1}, body={"b": 2}, status=418, json={"real": 1})
        api = stub.http(there.url, passthrough=True)
        api.respond("GET", "/time", json={"real": 0})
        async with httpx.AsyncClient(base_url=api.url, trust_env=False) as client:
            assert (await client.get("/time")).json() == {"real": 0}
            response = await client.post("/time?a=1", json={"b": 2})
            assert (response.status_code, response.json()) == (418, {"real": 1})
        assert [e.passed for e in stub.journal if isinstance(e, Asked)] == [False, True]


@pytest.mark.parametrize("word", ["true", "Yes", "1", "on", "2"])
async def test_nothing_is_passed_through_in_mock_mode(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOCK_API_ENABLED", word)
    async with open_stub(virtual=True) as stub:
        with pytest.raises(Forbidden, match="MOCK_API_ENABLED is set"):
            stub.http(HOST, passthrough=True)


@pytest.mark.parametrize("word", ["", "0", "False", "no"])
async def test_in_no_mock_mode_it_is(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCK_API_ENABLED", word)
    async with open_stub(virtual=True) as stub:
        stub.http(HOST, passthrough=True)


@pytest.mark.parametrize("end", [pytest.skip, pytest.fail, pytest.xfail])
async def test_what_pytest_ends_a_test_with_arrives_as_itself(end: Callable[[str], object]) -> None:
    async def stop() -> None:
        async with open_stub(virtual=True):
            end("enough")

    kinds = (pytest.skip.Exception, pytest.fail.Exception, pytest.xfail.Exception)
    with pytest.raises(kinds, match="enough"):
        await stop()


async def test_a_stub_that_is_cancelled_is_just_cancelled() -> None:
    with trio.CancelScope() as scope:
        async with open_stub(virtual=True) as stub, trio.open_nursery() as nursery:
            stub.ws(STREAM).script("never", optional=True)
            nursery.start_soon(trio.sleep_forever)
            scope.cancel()
    assert scope.cancelled_caught


async def test_an_error_of_the_test_arrives_as_itself_with_what_was_amiss_beside_it() -> None:
    async def fail() -> None:
        async with rest() as (api, client):
            api.respond("GET", "/never")
            await client.get("/other")
            raise KeyError

    with pytest.raises(KeyError) as error:
        await fail()
    assert [note.split()[0] for note in error.value.__notes__] == ["unmatched:", "unused:"]


async def test_the_example_of_the_page_runs() -> None:
    page = (ROOT / "docs" / "mock-an-exchange.md").read_text()
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert examples
    for example in examples:
        names: dict[str, Any] = {}
        exec(compile(example, "mock-an-exchange.md", "exec"), names)
        for name, test in names.items():
            if name.startswith("test_"):
                await test()
    assert len(examples[0].splitlines()) < 25


async def test_an_answer_whose_cause_never_comes_is_a_failure() -> None:
    with mismatch() as lines:
        async with open_stub(virtual=True) as stub:
            stub.http(HOST).respond("GET", "/slow", after=asked("GET", "/never"))
            async with (
                httpx.AsyncClient(transport=stub.transport) as client,
                trio.open_nursery() as n,
            ):
                n.start_soon(client.get, f"https://{HOST}/slow")
                await stub.seen("GET", "/slow")
                n.cancel_scope.cancel()
    assert any("not answered, since its cause never came: GET" in line for line in lines)


def test_a_path_that_can_never_match_is_refused() -> None:
    api = Api(HOST, Journal())
    with pytest.raises(ValueError, match="'api/v3/time' is no path of a URL"):
        api.respond("GET", "api/v3/time")


async def test_a_scripted_step_is_a_cause() -> None:
    """The fill is written before the answer to its order leaves: no delay, no sleep."""
    async with open_stub(virtual=True) as stub, trio.open_nursery() as nursery:
        api, ws = stub.http(HOST), stub.ws(STREAM)
        fill = ws.script({"fill": 1}, after=asked("POST", "/order"))
        api.respond("POST", "/order", json={"order": 1}, after=fill)
        client = await dialled(stub, nursery)
        async with httpx.AsyncClient(transport=stub.transport) as http:
            assert (await http.post(f"{api.url}/order")).json() == {"order": 1}
        kinds = [type(entry).__name__ for entry in stub.journal]
        assert kinds == ["Connected", "Asked", "Answered"]
        assert await told(client) == {"fill": 1}
        nursery.cancel_scope.cancel()


async def test_what_is_no_cause_is_refused_at_once() -> None:
    async with open_stub(virtual=True) as stub:
        with pytest.raises(TypeError, match="after='nonsense' is no cause"):
            stub.http(HOST).respond("GET", "/", after="nonsense")  # type: ignore[arg-type] # wrong on purpose
        with pytest.raises(TypeError, match="is no cause"):
            stub.ws(STREAM).script("x", after=7)  # type: ignore[arg-type] # wrong on purpose
