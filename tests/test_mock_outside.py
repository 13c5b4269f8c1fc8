"""HTTP of a session for clients of other processes, and the command that serves it.

The mock door over loopback sockets, since that is what other processes have; the clients say bytes.
"""

import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from socket import create_connection
from subprocess import PIPE, Popen
from sys import executable
from typing import NamedTuple

import pytest
import trio
import trio.testing
from captures import ROOT
from scripts import HANDSHAKE, answered, asked, body, connect, opened_mock, session, tape, up

from tapefold.errors import Mismatch
from tapefold.mock import Door, Timeline, open_mock
from tapefold.mock.outside import serve_rest
from tapefold.session import Session

PONG = b"<pong>"
"""What this client puts among what it heard, where it answered a ping."""
ITEM = """\
- request: {method: GET, uri: 'https://api.x.test/v3/a', body: '', headers: {}}
  response:
    n: %d
    status: {code: 200, message: ''}
    headers: {x-a: ['1'], connection: [close], x-odd: ["caf\\xE9"]}
    body: {string: '%s'}
# end
"""


class Served(NamedTuple):
    """A door, and where its HTTP is."""

    door: Door
    port: int
    nursery: trio.Nursery


@asynccontextmanager
async def served(folder: Path, *bodies: str) -> AsyncGenerator[Served]:
    """A session of as many requests for /v3/a, one after another."""
    rows = [row for n, _ in enumerate(bodies, 1) for row in (asked(n, "GET", "/a"), answered(n))]
    items = "".join(ITEM % (n, text) for n, text in enumerate(bodies, 1))
    made = Session(session(folder, rows, f"version: 1\ninteractions:\n{items}"))
    async with open_mock(made, timeout=1.0) as door, trio.open_nursery() as nursery:
        (url,) = (await serve_rest(made, door, nursery)).values()
        yield Served(door, int(url.rpartition(":")[2]), nursery)
        nursery.cancel_scope.cancel()


async def said(port: int, request: bytes) -> bytes:
    """The answer to a request, after which the connection ends."""
    told = bytearray()
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(request)
        while data := await stream.receive_some():
            told += data
    return bytes(told)


def get(target: str, *headers: bytes) -> bytes:
    """A request."""
    rows = [f"GET {target} HTTP/1.1".encode(), b"Host: x", b"Connection: close", *headers]
    return b"\r\n".join([*rows, b"", b""])


async def test_headers_are_bytes_and_those_of_the_old_connection_stay_there(tmp_path: Path) -> None:
    async with served(tmp_path / "s", "one") as (door, port, _):
        told = await said(port, get("/v3/a", b"X-Foo: caf\xe9"))
        await door.finished.wait()
    head, _, body = told.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"x-a: 1" in head
    assert b"x-odd" not in head
    assert body == b"one"


@pytest.mark.parametrize("target", ["http://127.0.0.1:1/v3/a", "*", ":99/a", "@evil/a"])
async def test_a_target_that_is_no_path_is_answered_400_and_harms_nothing(
    target: str, tmp_path: Path
) -> None:
    async with served(tmp_path / "s", "one") as (door, port, _):
        told = await said(port, get(target))
        assert told.startswith(b"HTTP/1.1 400")
        assert told.endswith(b"a target begins with /")
        assert (await said(port, get("/v3/a"))).endswith(b"one")
        await door.finished.wait()


async def test_what_is_not_on_the_tape_is_answered_501_and_why(tmp_path: Path) -> None:
    told: list[bytes] = []

    async def ask(port: int) -> None:
        told.append(await said(port, get("/v3/else")))

    async def story(outer: trio.Nursery) -> None:
        async with served(tmp_path / "s", "one") as (_, port, _):
            outer.start_soon(ask, port)
            await trio.sleep_forever()

    async with trio.open_nursery() as outer:
        with pytest.raises(Mismatch) as found:
            await story(outer)
    assert str(found.value).startswith("the client's GET /v3/else is not on the tape\n")
    assert told[0].startswith(b"HTTP/1.1 501")
    assert told[0].endswith(str(found.value).encode())


async def test_a_long_answer_is_all_written_before_the_play_is_at_its_end(tmp_path: Path) -> None:
    size, got = 20_000_000, 0

    async def ask(port: int) -> None:
        nonlocal got
        got += len(await said(port, get("/v3/a")))

    async with trio.open_nursery() as outer:
        async with served(tmp_path / "s", "x" * size) as (door, port, _):
            outer.start_soon(ask, port)
            await door.finished.wait()
    assert got > size


async def test_who_does_not_read_an_answer_is_named(tmp_path: Path) -> None:
    async def story() -> None:
        async with served(tmp_path / "s", "x" * 20_000_000) as (door, port, _):
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(get("/v3/a"))
                await door.finished.wait()

    told = "an HTTP client has not taken in the answer to GET /v3/a"
    with pytest.raises(Mismatch, match=rf"for 1 s nobody has read on[^\n]*\n    {told}$"):
        await story()


@contextmanager
def command(folder: Path) -> Generator["Popen[str]"]:
    """`tapefold mock` in a process of its own, which is listening."""
    line = [executable, "-m", "tapefold", "mock", str(folder)]
    with Popen(line, stdout=PIPE, stderr=PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def row(process: "Popen[str]") -> str:
    """The next line that it says."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip()


def test_ctrl_c_before_the_tape_is_played_is_one_line_and_130() -> None:
    with command(ROOT / "cassettes" / "binance" / "minute-with-a-gap") as process:
        assert row(process).endswith("Ctrl-C ends it")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert err == "tapefold: interrupted, before the whole tape was played\n"
    assert process.returncode == 130


@pytest.mark.parametrize("leaves", [True, False])
def test_at_the_end_the_client_may_hang_up_and_ctrl_c_is_as_good(
    leaves: bool, tmp_path: Path
) -> None:
    rows = [*up("binance/1"), ("binance/1", "recv", "a")]
    with command(session(tmp_path / "s", rows)) as process:
        row(process)
        port = int(row(process).rpartition(":")[2])
        with create_connection(("127.0.0.1", port)) as client:
            client.sendall(HANDSHAKE)
            heard = b""
            while not (heard.endswith(PONG) and heard.count(b"\x81\x01a")):
                heard += client.recv(1)
                if heard[-6:-4] == b"\x89\x04":  # a ping with four bytes
                    client.sendall(b"\x8a\x84\0\0\0\0" + heard[-4:])
                    heard += PONG
            told = row(process)
            assert told == "the whole tape is played; this ends when the client hangs up"
            if leaves:
                client.close()
            else:
                process.send_signal(signal.SIGINT)
            out, err = process.communicate()
    assert (process.returncode, out, err) == (0, "the client did all that is on it\n", "")


def test_what_the_client_hung_up_on_is_told(tmp_path: Path) -> None:
    rows = [*up("binance/1"), *[("binance/1", "recv", "x" * 1_000_000)] * 40]
    with command(session(tmp_path / "s", rows)) as process:
        row(process)
        port = int(row(process).rpartition(":")[2])
        with create_connection(("127.0.0.1", port)) as client:
            client.sendall(HANDSHAKE)
            assert client.recv(4096)
        out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert out.splitlines()[-1] == "lines that it hung up on before it had read them: 40"


async def test_a_slow_client_is_told_from_one_that_reads_no_more() -> None:
    """It takes far longer than the timeout, and is heard of by its pongs: frames are not sent far ahead."""
    rows = [*up("x/1"), *(("x/1", "recv", f"{n:0>200}") for n in range(4000))]
    async with opened_mock(tape(*rows), timeout=0.5) as door:
        client = await connect(door)
        for n in range(4000):
            assert await client.hear() == f"{n:0>200}"
            if n % 100 == 0:  # as somebody who works on what he has read
                await trio.testing.wait_all_tasks_blocked(0.02)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.hear)  # there is nothing more, but pings
            await door.finished.wait()
            nursery.cancel_scope.cancel()


async def listening(timeline: Timeline) -> None:
    """A client that listens, and asks nothing."""
    async with opened_mock(timeline, timeout=0.2) as door:
        client = await connect(door)
        while True:
            await client.hear()


async def test_a_line_that_a_client_leaves_out_is_missing_and_does_not_slow_the_rest_for_ever() -> (
    None
):
    rows = [
        asked(1, "GET", "/time"),
        answered(1),
        *up("x/1"),
        *(("x/1", "recv", str(n)) for n in range(1000)),
    ]
    with pytest.raises(Mismatch, match=r"missing: for 0\.2 s the client has not done line 1 "):
        await listening(tape(*rows, http={1: body("1")}))
