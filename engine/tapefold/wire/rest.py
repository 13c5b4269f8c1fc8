"""Requests over HTTP: each in a task of its own, answered, refused or failed, and always reported."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import httpx
import trio

from tapefold.adapter import Frame, Request
from tapefold.session.cassette import retry_after
from tapefold.session.files import FRAME_MAX
from tapefold.units import Nanos
from tapefold.wire.seams import RECEIVED_NS, Clock

REQUEST_MAX: Final = 30.0
"""Seconds. Snapshots of real exchanges were recorded that took eleven."""
_Hear = Callable[[Frame, Mapping[str, str]], Awaitable[None]]


class Rest:
    """Asks, and reports what came of it."""

    def __init__(self, client: httpx.AsyncClient, clock: Clock, hear: _Hear) -> None:
        self._client, self._clock, self._hear = client, clock, hear

    async def ask(self, asked: Request, url: str) -> None:
        """Ask at *url*, and report a response or a failure. Raises only what the report raises."""
        headers: Mapping[str, str] = {}
        try:
            with trio.fail_after(REQUEST_MAX):
                frame, headers = await self._answer(asked, url)
        except (httpx.HTTPError, httpx.InvalidURL, trio.TooSlowError, OSError) as error:
            why = "TooSlow" if isinstance(error, trio.TooSlowError) else type(error).__name__
            time = self._clock.stamp(asked.lane)
            frame = Frame(time, asked.lane, "failed", request=asked, reason=why)
        await self._hear(frame, headers)

    async def _answer(self, asked: Request, url: str) -> tuple[Frame, Mapping[str, str]]:
        """The response as a frame, and its headers. Raises as httpx does."""
        content, headers = asked.body.encode() or None, asked.headers
        async with self._client.stream(
            asked.method, url, content=content, headers=headers
        ) as response:
            body = await _whole(response)
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
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > FRAME_MAX:
            raise httpx.ReadError(f"an answer of more than {FRAME_MAX} bytes")
    return b"".join(parts)
