"""Nothing leaves this machine: a guard for tests, over every library and without patching any.

Python tells an audit hook of each name that is looked up and each address that is connected to, also
of those of C code that goes through its sockets. A hook stays for the life of the process, so this one
does nothing while no guard is up.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from tapefold.home import is_home

_WATCHED: Final = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
}
"""Audit events, and which of their arguments is an address or a host."""


class LeftTheMachine(ConnectionRefusedError):
    """Somebody wanted to talk to another machine, and was kept from it."""


class _Hook:
    """One for the process; it is up while somebody is guarded."""

    def __init__(self) -> None:
        self.added = False
        self.escapes: list[list[str]] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.escapes and event in _WATCHED:
            host = _host(arguments[_WATCHED[event]])
            if not _stays(host):
                self.escapes[-1].append(host)
                raise LeftTheMachine(
                    f"{host} is another machine, and this is a test without network"
                )


_hook = _Hook()


@contextmanager
def no_network() -> Generator[None]:
    """While it lasts, whoever talks to another machine meets a refused connection.

    At the end that is a failure which names the hosts, whatever became of the refusal: raises
    `LeftTheMachine`.
    """
    if not _hook.added:
        sys.addaudithook(_hook)
        _hook.added = True
    escapes: list[str] = []
    _hook.escapes.append(escapes)
    try:
        yield
    finally:
        _hook.escapes = [others for others in _hook.escapes if others is not escapes]
    if escapes:
        raise LeftTheMachine(f"a test wanted to talk to {', '.join(sorted({*escapes}))}")


def _host(address: Any) -> str:
    """The host of an address as sockets have it; none for a path of this machine's."""
    if isinstance(address, tuple):
        address = address[0]  # pyright: ignore[reportUnknownVariableType] - whatever an audit event has
    if isinstance(address, bytes):
        address = address.decode(errors="replace")
    return address if isinstance(address, str) and "/" not in address else ""


def _stays(host: str) -> bool:
    """Whether it is this machine; also where it says nothing, or where all its own addresses are meant."""
    return host in ("", "0.0.0.0", "::") or host.startswith("\0") or is_home(host)
