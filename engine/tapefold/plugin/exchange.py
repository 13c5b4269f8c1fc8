"""A session, or presets, as an exchange on this machine, for any client."""

import math
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import urlsplit

import trio

from tapefold.errors import BadInput
from tapefold.mock import open_mock
from tapefold.mock.outside import serve_rest
from tapefold.plugin.beside import PATIENCE, Beside
from tapefold.plugin.sessions import Sessions
from tapefold.session import Session
from tapefold.stub import Api, Endpoint, Stub, open_stub

TIMEOUT = 10.0
"""Seconds that a client may be late with what the tape says it does next."""


class Served:
    """Where an exchange is: of each of its origins, the address on this machine."""

    def __init__(
        self,
        urls: Mapping[str, str],
        keys: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    ) -> None:
        self.urls = MappingProxyType(dict(urls))
        """By origin (`https://api.binance.com`, `wss://stream.binance.com:9443`)."""
        self.keys = keys
        """By exchange, the stand-ins that a client of a private session signs with."""

    @property
    def rest(self) -> str:
        """Where its HTTP is, without a path. Raises `BadInput` where that is no one address."""
        return self._only("http", "https")

    @property
    def ws(self) -> str:
        """Where its WebSockets are, without a path. Raises `BadInput` where that is no one address."""
        return self._only("ws", "wss")

    def at(self, url: str) -> str:
        """Where a URL of the exchange is here. Raises `BadInput` for one that it has not."""
        __tracebackhide__ = True
        parts = urlsplit(url)
        here = self.urls.get(f"{parts.scheme}://{parts.netloc}")
        if here is None:
            raise BadInput(f"{url} is of no origin that is served: {self._there()}")
        local = urlsplit(here)
        return parts._replace(scheme=local.scheme, netloc=local.netloc).geturl()

    def _only(self, *schemes: str) -> str:
        __tracebackhide__ = True
        found = [url for origin, url in self.urls.items() if urlsplit(origin).scheme in schemes]
        if len(found) != 1:
            raise BadInput(
                f"{len(found) or 'no'} origins here are {schemes[0]}: say `at(URL)`; {self._there()}"
            )
        return found[0]

    def _there(self) -> str:
        return f"there {'is' if self.urls else 'is none'} {', '.join(self.urls)}".rstrip()


class Presets:
    """What a function of presets is given: the hosts of a stub."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self.urls: dict[str, str] = {}
        """By origin, as far as it was asked for."""

    def http(self, host: str) -> Api:
        """The REST side of a host; see `tapefold.stub`."""
        api = self._stub.http(host)
        self.urls[host if "://" in host else f"https://{host}"] = api.url
        return api

    def ws(self, url: str) -> Endpoint:
        """The WebSocket side of a URL; see `tapefold.stub`."""
        endpoint, parts = self._stub.ws(url), urlsplit(url)
        here = urlsplit(endpoint.url)
        self.urls[f"{parts.scheme}://{parts.netloc}"] = f"{here.scheme}://{here.netloc}"
        return endpoint


Source: TypeAlias = Session | Path | str | Callable[[Presets], object] | None
"""A session, by name or path; None for the bundled one; or a function that presets answers."""


class MockExchange:
    """The fixture `mock_exchange`: serves exchanges until the test is over."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._beside: list[Beside[Served]] = []

    def __call__(
        self, source: Source = None, *, speed: float | None = None, timeout: float = TIMEOUT
    ) -> Served:
        """Serve from a thread, for a test in any framework.

        *speed*: 1 as recorded, None as fast as the client can; *timeout*: seconds that the client may
        be late. A client that does what is not on the tape is cut off, and the test fails when it is
        over. Raises `SessionError`.
        """
        __tracebackhide__ = True
        context = self.open(source, speed=speed, timeout=timeout)
        beside = Beside("mock_exchange", context, PATIENCE + timeout)
        served = beside.start()
        self._beside.append(beside)
        return served

    def open(
        self, source: Source = None, *, speed: float | None = None, timeout: float = TIMEOUT
    ) -> AbstractAsyncContextManager[Served]:
        """The same within a trio test: a mismatch cancels the block at once, and is raised from it."""
        __tracebackhide__ = True
        if source is None or isinstance(source, Session | Path | str):
            return _played(self._sessions(source), speed, timeout)
        return _preset(source)

    def close(self, *, judge: bool) -> list[str]:
        """End them all; what they found. See `Beside.stop`."""
        return [text for beside in self._beside if (text := beside.stop(judge=judge))]


@asynccontextmanager
async def _preset(presets: Callable[[Presets], object]) -> AsyncGenerator[Served]:
    __tracebackhide__ = True
    async with open_stub() as stub:
        given = Presets(stub)
        presets(given)
        yield Served(given.urls)


@asynccontextmanager
async def _played(session: Session, speed: float | None, late: float) -> AsyncGenerator[Served]:
    async with open_mock(session, speed=speed, start=math.inf, timeout=late) as door:
        errors: list[BaseException] = []
        async with trio.open_nursery() as nursery:
            urls = door.urls | await serve_rest(session, door, nursery)
            try:
                yield Served(urls, session.meta.credentials)
            except (trio.Cancelled, BaseExceptionGroup, GeneratorExit):
                raise  # there may be a cancellation in it, which the nursery must see
            except BaseException as error:  # any: it is raised below, without a group around it
                errors.append(error)
            nursery.cancel_scope.cancel()
        if errors:
            raise errors[0]
