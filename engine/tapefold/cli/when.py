"""Moments, spans and speeds, as people write and read them."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Final, NamedTuple

from tapefold.units import SECOND, Nanos

_LIMIT: Final = 2**62
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = {"ms": SECOND // 1000, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
_SPAN: Final = re.compile(r"\+([0-9]{1,15}(?:\.[0-9]{1,9})?)(ms|s|m|h)", re.ASCII)
_ISO: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)


class Until(NamedTuple):
    """Where to stop: one of the three is not None."""

    position: int | None = None
    time: Nanos | None = None
    """Since 1970."""
    after: Nanos | None = None
    """Since the session's start."""

    def moment(self, start: Nanos) -> Nanos | None:
        """Nanoseconds since 1970 in a session that began at *start*; None for a position."""
        return self.time if self.after is None else start + self.after


def parse_seconds(text: str) -> float:
    """So many seconds, more than none. Raises `ValueError`."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < _LIMIT:
        raise ValueError(f"{text!r} is no number of seconds above 0")
    return seconds


def parse_span(text: str) -> Nanos:
    """A span such as `30s` or `5m`, in nanoseconds. Raises `ValueError`."""
    match = _SPAN.fullmatch(text if text.startswith("+") else f"+{text}")
    if not match:
        raise ValueError(f"{text!r} is no span of time (500ms, 30s, 5m, 1h)")
    return min(int(Decimal(match[1]) * _UNITS[match[2]]), _LIMIT)


def parse_until(text: str) -> Until:
    """A position, `+SPAN`, or a time by ISO 8601, in UTC unless it says otherwise. Raises `ValueError`."""
    if re.fullmatch(r"[0-9]{1,18}", text, re.ASCII):
        return Until(position=int(text))
    if match := _SPAN.fullmatch(text):
        after = int(Decimal(match[1]) * _UNITS[match[2]])
        if after < _LIMIT:
            return Until(after=after)
    if match := _ISO.fullmatch(text):
        return Until(time=_iso(text, *match.groups()))
    raise ValueError(
        f"{text!r} is no position (1234), time (2024-08-08T23:54:15.5, UTC unless it says otherwise) "
        "or time since the session's start (+12.5s, +2m)"
    )


def _iso(text: str, day: str, clock: str | None, part: str | None, zone: str | None) -> Nanos:
    try:
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}{zone or '+00:00'}")
        since = moment - _EPOCH
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no time: {error}") from error
    seconds = since // timedelta(seconds=1)
    if not 0 <= seconds < _LIMIT // SECOND:
        raise ValueError(f"{text!r} is a time before 1970 or after 2116")
    return seconds * SECOND + int((part or "0").ljust(9, "0"))


def parse_speed(text: str) -> float | None:
    """How many times faster than recorded; None for as fast as it goes. Raises `ValueError`."""
    if text == "max":
        return None
    try:
        speed = float(text) if text.isascii() else 0.0
    except ValueError:
        speed = 0.0
    if not (isfinite(speed) and 1e-6 <= speed <= 1e9):
        raise ValueError(f"{text!r} is no speed: 1 is as recorded, 10 ten times that, or `max`")
    return speed


def moment(time: Nanos, *, digits: int = 3) -> str:
    """A time in UTC with up to 9 decimals of a second; a number that is no time as it is."""
    seconds, rest = divmod(time, SECOND)
    try:
        text = f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"
    except OverflowError:
        return f"{time} ns"
    return f"{text}.{rest:09}"[: len(text) + 1 + digits] if digits else text


def span(time: Nanos) -> str:
    """A length of time, in the units that one says it in."""
    seconds, rest = divmod(time, SECOND)
    if seconds < 60:
        return f"{seconds}.{rest // 1_000_000:03} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"
