"""One accepted WebSocket and its clients, kind ones and others. No door: two ends of one stream.

Each story is told twice, in memory and on sockets: memory has no buffers and no resets, sockets do.
"""

import socket
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import NamedTuple, cast

import pytest
import trio
from certificates import certified
from trio.testing import memory_stream_pair, wait_all_tasks_blocked
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    WebSocketConnection,
    wrap_client_stream,
)

from tapefold.peer import Handshake, Peer, PeerClosed, Refusal, accept
from tapefold.peer import stream as peer_stream
from tapefold.peer import websocket as module

UPGRADE = (
    b"GET /ws/btcusdt?x=1 HTTP/1.1\r\nHost: stream.binance.com:9443\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\nX-Key: abc\r\n\r\n"
)
CLOSE = bytes.fromhex("8882 00000000 03e8")
"""A client's close frame with 1000, masked with zeros."""
PING = bytes.fromhex("8980 00000000")
Two = tuple[trio.abc.Stream, trio.abc.Stream]
Pair = Callable[[], AbstractAsyncContextManager[Two]]


@asynccontextmanager
async def memory() -> AsyncGenerator[Two]:
    yield memory_stream_pair()


@asynccontextmanager
async def sockets() -> AsyncGenerator[Two]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        client = await trio.open_tcp_stream(*listener.socket.getsockname())
        server = await listener.accept()
    async with client, server:
        yield client, server


@pytest.fixture(params=[memory, sockets])
def pair(request: pytest.FixtureRequest) -> Pair:
    made: Pair = request.param
    return made


async def yes(_asked: Handshake) -> Refusal | None:
    return None


class Ends(NamedTuple):
    """A peer, and what its client has of it: the stream behind the handshake."""

    peer: Peer
    client: trio.abc.Stream


@asynccontextmanager
async def raw(pair: Pair) -> AsyncGenerator[Ends]:
    """A client that says bytes; what a failed test leaves undone ends after ten seconds."""
    with trio.fail_after(10):
        async with pair() as (client, server), trio.open_nursery() as nursery:
            await client.send_all(UPGRADE)
            peer = await accept(nursery, server, yes)
            assert peer
            assert b" 101 " in await client.receive_some(65536)
            yield Ends(peer, client)
            await client.aclose()


@asynccontextmanager
async def kind(pair: Pair) -> AsyncGenerator[tuple[Peer, WebSocketConnection]]:
    """A client as it should be."""
    accepted: list[Peer | None] = []

    async def serve(server: trio.abc.Stream) -> None:
        accepted.append(await accept(nursery, server, yes))

    with trio.fail_after(10):
        async with pair() as (stream, server), trio.open_nursery() as nursery:
            nursery.start_soon(serve, server)
            client = await wrap_client_stream(
                nursery, cast("trio.SocketStream", stream), "x", "/ws"
            )
            (peer,) = accepted
            assert peer
            yield peer, client
            await client.aclose()
            await stream.aclose()  # which trio-websocket leaves open where the server closed


async def rest(stream: trio.abc.Stream) -> bytes:
    """All that still comes, until the EOF; a reset raises."""
    data = b""
    while more := await stream.receive_some(65536):
        data += more
    return data


async def over(peer: Peer) -> tuple[int, str, bool]:
    """How a peer ended."""
    with pytest.raises(PeerClosed) as closed:
        await peer.receive()
    return closed.value.code, closed.value.reason, closed.value.ours


async def test_both_sides_say_text_and_bytes(pair: Pair) -> None:
    async with kind(pair) as (peer, client):
        await peer.send("täxt")
        await peer.send(b"\x00\xff")
        assert [await client.get_message(), await client.get_message()] == ["täxt", b"\x00\xff"]
        await client.send_message("hello")
        await client.send_message(b"\x01")
        assert [await peer.receive(), await peer.receive()] == ["hello", b"\x01"]
        assert (peer.url, peer.host) == ("/ws", "x")


async def test_a_peer_knows_what_was_asked_for(pair: Pair) -> None:
    async with raw(pair) as (peer, _):
        assert peer.url == "/ws/btcusdt?x=1"
        assert peer.host == "stream.binance.com:9443"  # which trio-websocket keeps to itself
        assert peer.headers["x-key"] == "abc"


@pytest.mark.parametrize("sizes", [(0, 1, 125), (126, 65535), (65536, 300_000)])
async def test_raw_frames_are_frames_of_any_size(pair: Pair, sizes: Sequence[int]) -> None:
    said = [data for n in sizes for data in ("ä" * (n // 2) + "x" * (n % 2), b"\xff" * n)]
    async with kind(pair) as (peer, client), trio.open_nursery() as nursery:
        nursery.start_soon(peer.send_raw_frames, said)
        assert [await client.get_message() for _ in said] == said


async def test_many_writers_and_a_client_that_pings_never_meet_inside_a_frame(pair: Pair) -> None:
    async with kind(pair) as (peer, client), trio.open_nursery() as nursery:
        for n in range(10):
            nursery.start_soon(peer.send_raw_frames, [str(n) * 40_000] * 5)
            nursery.start_soon(peer.send, str(n) * 50_000)
            nursery.start_soon(client.ping)
            nursery.start_soon(peer.ping)
        heard = [str(await client.get_message()) for _ in range(60)]
        assert sorted({*heard}) == sorted(
            str(n) * size for n in range(10) for size in (40_000, 50_000)
        )


async def test_a_ping_comes_back_when_all_before_it_is_taken_in(pair: Pair) -> None:
    async with raw(pair) as (peer, client), trio.open_nursery() as nursery:
        back = trio.Event()

        async def ping() -> None:
            await peer.ping()
            back.set()

        await peer.send("before")
        nursery.start_soon(ping)
        said = b""
        while len(said) < 8 + 6:
            said += await client.receive_some(65536)
        assert said[:8] == b"\x81\x06before"
        assert not back.is_set()
        payload = said[-4:]
        await client.send_all(b"\x8a\x84\x00\x00\x00\x00" + payload)
        await back.wait()


async def test_a_ping_may_be_given_up(pair: Pair) -> None:
    async with raw(pair) as (peer, _):
        with trio.CancelScope() as scope:
            scope.cancel()
            await peer.ping()
        assert scope.cancelled_caught
        await peer.send("still there")


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 4001])
async def test_a_close_arrives_with_its_code_and_reason(pair: Pair, code: int) -> None:
    async with kind(pair) as (peer, client), trio.open_nursery() as nursery:
        nursery.start_soon(peer.close, code, "service restart")
        with pytest.raises(ConnectionClosed) as closed:
            await client.get_message()
        assert closed.value.reason
        assert (closed.value.reason.code, closed.value.reason.reason) == (code, "service restart")
        assert await over(peer) == (code, "service restart", True)


async def test_a_close_without_a_code_is_an_empty_frame(pair: Pair) -> None:
    async with raw(pair) as (peer, client), trio.open_nursery() as nursery:
        nursery.start_soon(peer.close, 1005)
        assert await client.receive_some(65536) == b"\x88\x00"
        await client.send_all(bytes.fromhex("8880 00000000"))
        assert await rest(client) == b""


async def test_a_client_that_never_answers_a_close_is_not_waited_for(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_stream, "CLOSE_PATIENCE", 0.01)
    async with raw(pair) as (peer, client):
        await peer.close(1012)
        assert await rest(client) == b"\x88\x02\x03\xf4"


async def test_a_client_that_pings_while_we_close_gets_the_close(pair: Pair) -> None:
    async with raw(pair) as (peer, client), trio.open_nursery() as nursery:
        nursery.start_soon(peer.close, 1012)
        assert await client.receive_some(65536) == b"\x88\x02\x03\xf4"
        await client.send_all(PING + PING)
        assert await rest(client) == b""
        assert await over(peer) == (1012, "", True)


async def test_a_cut_is_an_eof_and_loses_nothing(pair: Pair) -> None:
    """Though the client has said what nobody has read: a closed socket would send a reset."""
    async with raw(pair) as (peer, client):
        await client.send_all(PING)
        await peer.send_raw_frames(["x" * 100] * 1000)
        await peer.cut()
        assert (await rest(client)).count(b"\x81d" + b"x" * 100) == 1000
        assert await over(peer) == (1006, "", True)


async def test_a_client_that_closes_is_heard_to_its_end_and_answered(pair: Pair) -> None:
    async with raw(pair) as (peer, client):
        await client.send_all(bytes.fromhex("8182 00000000") + b"hi" + CLOSE)
        assert await rest(client) == b"\x88\x02\x03\xe8"
        assert await peer.receive() == "hi"
        assert await over(peer) == (1000, "", False)


async def test_a_client_that_is_gone_ends_with_1006(pair: Pair) -> None:
    async with raw(pair) as (peer, client):
        await client.aclose()
        assert await over(peer) == (1006, "", False)
        for say in (peer.send("x"), peer.send_raw_frames(["x"]), peer.ping()):
            with pytest.raises(PeerClosed):
                await say
        await peer.close()
        await peer.cut()


async def test_a_client_that_closes_its_half_has_left(pair: Pair) -> None:
    async with raw(pair) as (peer, client):
        assert isinstance(client, trio.abc.HalfCloseableStream)
        await client.send_eof()
        assert await over(peer) == (1006, "", False)
        assert await rest(client) == b""


async def test_a_client_that_resets_has_left() -> None:
    async with raw(sockets) as (peer, client):
        assert isinstance(client, trio.SocketStream)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        await client.aclose()
        assert await over(peer) == (1006, "", False)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x02hi", 1002),  # not masked
        (bytes.fromhex("8181 00000000 ff"), 1007),  # no UTF-8
        (bytes.fromhex("83 80 00000000"), 1002),  # no such opcode
        (b"GET / HTTP/1.1\r\n\r\n", 1002),
    ],
)
async def test_garbage_ends_its_own_connection(pair: Pair, frame: bytes, code: int) -> None:
    async with raw(pair) as (peer, client):
        await client.send_all(frame)
        assert (await over(peer))[0] == code
        await rest(client)


async def test_too_long_a_message_ends_its_connection_with_1009(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MESSAGE_MAX", 10)
    async with raw(pair) as (peer, client):
        await client.send_all(bytes.fromhex("818b 00000000") + b"x" * 11)
        assert (await over(peer))[0] == 1009
        assert (await client.receive_some(65536))[:4] == b"\x88\x29\x03\xf1"
        await client.aclose()


@pytest.mark.parametrize(
    "hello",
    [
        b"",
        b"\x16\x03\x01 this is TLS\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        UPGRADE.replace(b"binance", b"xn--\xff"),
        UPGRADE[:-2],
    ],
)
async def test_what_is_no_handshake_is_no_peer(pair: Pair, hello: bytes) -> None:
    with trio.fail_after(10):
        async with pair() as (client, server), trio.open_nursery() as nursery:
            assert isinstance(client, trio.abc.HalfCloseableStream)
            if hello:
                await client.send_all(hello)
            await client.send_eof()
            assert await accept(nursery, server, yes) is None
            assert (await rest(client))[:12] in (b"", b"HTTP/1.1 400")


async def test_a_refusal_has_a_status_headers_and_a_body(pair: Pair) -> None:
    async def no(_asked: Handshake) -> Refusal | None:
        return Refusal(429, b'{"code":-1003}', [("Retry-After", "7")])

    async def serve(server: trio.abc.Stream) -> None:
        assert await accept(nursery, server, no) is None

    with trio.fail_after(10):
        async with pair() as (stream, server), trio.open_nursery() as nursery:
            nursery.start_soon(serve, server)
            with pytest.RaisesGroup(ConnectionRejected, flatten_subgroups=True) as refused:
                async with trio.open_nursery() as inner:
                    await wrap_client_stream(inner, cast("trio.SocketStream", stream), "x", "/ws")
            await stream.aclose()
    (rejected,) = refused.value.exceptions
    assert isinstance(rejected, ConnectionRejected)
    assert (rejected.status_code, rejected.body) == (429, b'{"code":-1003}')
    assert (b"retry-after", b"7") in rejected.headers


async def test_a_refusal_without_a_status_is_silence(pair: Pair) -> None:
    async def hang_up(_asked: Handshake) -> Refusal | None:
        return Refusal(0)

    with trio.fail_after(10):
        async with pair() as (client, server), trio.open_nursery() as nursery:
            await client.send_all(UPGRADE)
            nursery.start_soon(accept, nursery, server, hang_up)
            assert await rest(client) == b""
            await client.aclose()


async def test_who_leaves_while_it_is_being_decided_is_nobody(pair: Pair) -> None:
    deciding = trio.Event()

    async def never(_asked: Handshake) -> Refusal | None:
        deciding.set()
        await trio.sleep_forever()
        raise AssertionError

    async def leave(client: trio.abc.Stream) -> None:
        await deciding.wait()
        await client.aclose()

    with trio.fail_after(10):
        async with pair() as (client, server), trio.open_nursery() as nursery:
            await client.send_all(UPGRADE)
            nursery.start_soon(leave, client)
            assert await accept(nursery, server, never) is None


async def test_what_deciding_raises_is_raised_and_the_client_let_go(pair: Pair) -> None:
    async def fail(_asked: Handshake) -> Refusal | None:
        raise ValueError("ours")

    with trio.fail_after(10):
        async with pair() as (client, server), trio.open_nursery() as nursery:
            await client.send_all(UPGRADE)
            with pytest.raises(ValueError, match="ours"):
                await accept(nursery, server, fail)
            assert await rest(client) == b""
            await client.aclose()


async def test_a_client_that_reads_nothing_can_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_stream, "CLOSE_PATIENCE", 0.01)
    async with raw(sockets) as (peer, _), trio.open_nursery() as nursery:
        blocked = trio.Event()

        async def send() -> None:
            with pytest.raises(PeerClosed):
                await peer.send_raw_frames(["x" * 1_000_000] * 50)
            blocked.set()

        nursery.start_soon(send)
        await wait_all_tasks_blocked(0.01)
        assert not blocked.is_set()
        await peer.cut()
        await blocked.wait()


async def test_a_cancelled_write_leaves_no_half_frame_to_go_on_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peer_stream, "CLOSE_PATIENCE", 0.01)
    async with raw(sockets) as (peer, _), trio.open_nursery() as nursery:
        nursery.start_soon(peer.send_raw_frames, ["x" * 1_000_000] * 50)
        await wait_all_tasks_blocked(0.01)
        nursery.cancel_scope.cancel()
    with pytest.raises(PeerClosed):
        await peer.send("x")


async def test_tls_ends_in_an_eof_as_well() -> None:
    ours, theirs = certified("stream.binance.com")

    @asynccontextmanager
    async def secured() -> AsyncGenerator[Two]:
        async with sockets() as (client, server):
            name = "stream.binance.com"
            yield (
                trio.SSLStream(client, theirs, server_hostname=name, https_compatible=True),
                trio.SSLStream(server, ours, server_side=True, https_compatible=True),
            )

    async with kind(secured) as (peer, client):
        await peer.send("secret")
        await peer.cut()
        assert await client.get_message() == "secret"
        with pytest.raises(ConnectionClosed) as closed:
            await client.get_message()
        assert closed.value.reason
        assert closed.value.reason.code == 1006
