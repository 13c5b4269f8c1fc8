"""What a live engine is opened with, and what may be connected to."""

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from msgspec import Struct

from tapefold.adapter import Frame
from tapefold.errors import Refused

if (
    TYPE_CHECKING
):  # what speaks HTTP takes a tenth of a second to import, and a replay needs none of it
    from tapefold.wire import Endpoints, Outside

MOCK: Final = "MOCK_API_ENABLED"
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class Live(Struct, frozen=True):
    """Real exchanges as an engine's source."""

    exchanges: tuple[str, ...]
    endpoints: "Mapping[str, Endpoints]" = {}
    """By exchange: other addresses than its own."""
    run_id: str = ""
    seed: int | None = None
    """Of the jitter; without one it is drawn. A recording keeps it."""
    secrets: Mapping[str, str] = {}
    """By name: what must never be in a recording, whatever the traffic says."""
    notice: Callable[[Frame], None] | None = None
    """Told of every opening, close and failed request, with the wire's own words for why."""
    outside: "Outside | None" = None
    """Instead of the real world: connections, transport and clock of a test."""


def mocking() -> bool:
    """Whether `MOCK_API_ENABLED` is set: to anything but nothing, `0`, `false` and `no`."""
    return os.environ.get(MOCK, "").lower() not in ("", "0", "false", "no")


def check_reach(source: Live, exchange: str) -> None:
    """`MOCK_API_ENABLED` can only make things safer. Raises `Refused`."""
    endpoints = source.endpoints.get(exchange)
    places = [urlsplit(place).hostname for place in endpoints or ("", "")]
    if mocking() and not source.outside and not all(place in _LOOPBACK for place in places):
        raise Refused(
            f"{MOCK} is set, so nothing may leave this machine: give a session to play, or "
            f"loopback addresses for {exchange}, or unset it"
        )
