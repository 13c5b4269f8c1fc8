"""The guard against the network. No door: sockets are asked for, and refused before they are there."""

import socket
from contextlib import AbstractContextManager

import httpx
import pytest
import trio

from tapefold.testing import LeftTheMachine, no_network


def named(words: str) -> AbstractContextManager[object]:
    return pytest.raises(LeftTheMachine, match=words)


def test_who_leaves_the_machine_is_refused_and_named() -> None:
    with named(r"^a test wanted to talk to 192\.0\.2\.1$"), no_network():
        with pytest.raises(ConnectionRefusedError, match=r"192\.0\.2\.1"):
            socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_a_name_is_not_even_looked_up() -> None:
    with named(r"api\.binance\.com"), no_network():
        with pytest.raises(OSError, match=r"api\.binance\.com"):
            socket.getaddrinfo("api.binance.com", 443)


async def test_every_library_is_held_to_it() -> None:
    """Whoever takes a refusal for a network that is down, and goes on, is caught at the end."""
    with named(r"one\.example, two\.example"), no_network():
        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises((httpx.TransportError, OSError)):
                await client.get("http://one.example/")
        with pytest.raises(OSError, match=r"two\.example"):
            await trio.open_tcp_stream("two.example", 443)


def test_this_machine_is_at_home() -> None:
    with no_network(), socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
        assert socket.getaddrinfo("localhost", 80)
    ours, theirs = socket.socketpair()
    with no_network(), ours, theirs:
        ours.sendall(b"x")
        assert theirs.recv(1) == b"x"


def test_a_guard_within_a_guard_tells_the_inner_one_alone() -> None:
    with no_network():
        with named(r"192\.0\.2\.1"), no_network():
            with pytest.raises(OSError, match="another machine"):
                socket.create_connection(("192.0.2.1", 80), timeout=1)
