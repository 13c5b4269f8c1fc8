"""Requests over HTTP: each in a task of its own, answered, refused or failed, and always reported."""

import logging
import zlib
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx
import trio

from tapefold.adapter import Frame, Request
from tapefold.kernel import NOT_SENT
from tapefold.session.cassette import retry_after
from tapefold.session.files import FRAME_MAX
from tapefold.units import Nanos
from tapefold.wire.seams import RECEIVED_NS, Clock

REQUEST_MAX: Final = 30.0
"""Seconds. Snapshots of real exchanges were recorded that took eleven."""
AT_ONCE_MAX: Final = 20
"""Requests on their way at once; others wait their turn, and their seconds begin then."""
_Hear = Callable[[Frame, Mapping[str, str]], Awaitable[None]]
_TRANSPORT: Final = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError)
"""What may go wrong with a request. `ValueError`: an address that no name or port can be made of."""


_TALKATIVE: Final = (
    "httpx",
    *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
)
"""Loggers that write URLs, and the headers of answers."""
_ASKING: Final = ContextVar("_ASKING", default=False)
"""Whether a request of ours is on its way in this task."""


def _is_not_ours(_: logging.LogRecord) -> bool:
    """Whether httpx may write it: of ours it would write signatures and tokens, which are in the URL."""
    return not _ASKING.get()


def open_client(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    """A client that keeps no cookies, since a tape would not tell of them; of `Rest` httpx logs nothing."""
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_is_not_ours)
    return httpx.AsyncClient(
        transport=transport,
        timeout=None,
        headers={"accept-encoding": "gzip, deflate", "user-agent": "tapefold"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


class Rest:
    """Asks, and reports what came of it."""

    def __init__(self, client: httpx.AsyncClient, clock: Clock, hear: _Hear) -> None:
        self._client, self._clock, self._hear = client, clock, hear
        self._turns = trio.CapacityLimiter(AT_ONCE_MAX)

    async def ask(self, asked: Request, leave: Callable[[Request], Request]) -> None:
        """Ask, and report a response or a failure. Raises only what the report raises, and *leave*.

        *leave* makes of it what really leaves, at the moment when it does.
        """
        headers: Mapping[str, str] = {}
        try:
            async with self._turns:
                with trio.fail_after(REQUEST_MAX):
                    frame, headers = await self._answer(asked, leave)
        except trio.TooSlowError:
            frame = self._failed(asked, "TooSlow")
        except _TRANSPORT as error:
            frame = self._failed(asked, type(error).__name__)
        await self._hear(frame, headers)

    def not_sent(self, asked: Request) -> Frame:
        """It may not leave, and did not."""
        return self._failed(asked, NOT_SENT)

    def _failed(self, asked: Request, why: str) -> Frame:
        time = self._clock.stamp(asked.lane)
        return Frame(time, asked.lane, "failed", request=asked, reason=why)

    async def _answer(
        self, asked: Request, leave: Callable[[Request], Request]
    ) -> tuple[Frame, Mapping[str, str]]:
        """The response as a frame, and its headers. Raises as httpx does."""
        sent = leave(asked)
        content = sent.body.encode() or None
        asking = _ASKING.set(True)
        try:
            async with self._client.stream(
                sent.method, sent.url, content=content, headers=sent.headers
            ) as response:
                body = await _whole(response)
        finally:
            _ASKING.reset(asking)
        time: Nanos | None = response.extensions.get(RECEIVED_NS)
        frame = Frame(
            self._clock.stamp(asked.lane) if time is None else time,
            asked.lane,
            "response",
            body,
            asked,
            response.status_code,
            retry_after=retry_after(response.headers),
        )
        return frame, dict(response.headers)


async def _whole(response: httpx.Response) -> bytes:
    """The body, unpacked, piece by piece against its limit: a few bytes may unpack to gigabytes."""
    if response.is_stream_consumed:  # of a transport that had it in memory, in a test
        return response.content
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip", "deflate"):
        raise httpx.DecodingError(f"an answer in {coding}, which was not asked for")
    packed = zlib.decompressobj(zlib.MAX_WBITS | 32) if coding != "identity" else None
    body, broken = bytearray(), ""
    # To its end in any case: a generator of httpx's that is left early is left open.
    async for part in response.aiter_raw():
        if broken:
            continue
        try:
            body += packed.decompress(part, FRAME_MAX + 1 - len(body)) if packed else part
        except zlib.error as error:
            broken = str(error)
        if len(body) > FRAME_MAX:
            broken = f"an answer of more than {FRAME_MAX} bytes"
    if not broken and packed and not packed.eof:
        broken = "an answer that ends in the middle"
    if broken:
        raise httpx.DecodingError(broken)
    return bytes(body)
