"""Why Binance refused: its codes and messages, and the words of ours for them.

The facts are those of its API documentation of July 2026. A code that is not here is `other`. Its
codes are negative: an answer of no such code did not come from the exchange's own rooms, so nobody
knows what became of the request. Codes -1000 and -1001 (an error inside) are taken as unknown outcomes,
too: unverified, and asking is always right.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Struct

from tapefold import Refusal

MATCHING_REFUSED: Final = -1010
NO_SUCH_ORDER: Final = -2013
ARCHIVED: Final = -2026
CANCEL_REJECTED: Final = -2011
ALREADY_SUBSCRIBED: Final = -2035

_WORDS: Final[dict[int, Refusal]] = {
    -1000: "unknown_outcome",
    -1001: "unknown_outcome",
    -1003: "rate",
    -1006: "unknown_outcome",
    -1007: "unknown_outcome",
    -1008: "busy",
    -1013: "filter",
    -1015: "rate",
    -1021: "time",
    -1022: "key",
    **dict.fromkeys(range(-1106, -1099), "invalid"),
    -1111: "invalid",
    -1121: "invalid",
    CANCEL_REJECTED: "unknown_order",
    NO_SUCH_ORDER: "unknown_order",
    -2014: "key",
    -2015: "key",
    ARCHIVED: "unknown_order",
}
_BY_MESSAGE: Final = frozenset({MATCHING_REFUSED, -1013, -2010, CANCEL_REJECTED})
"""Codes that stand for several reasons: their message tells which."""
_MESSAGES: Final[tuple[tuple[str, Refusal], ...]] = (
    ("insufficient balance", "balance"),
    ("would immediately match", "would_match"),
    ("duplicate order", "duplicate"),
    ("market is closed", "market_closed"),
    ("unknown order", "unknown_order"),
    ("filter failure", "filter"),
    # By Binance's list of errors, and unverified: no cancel of such an account will ever be taken.
    ("this account may not place or cancel", "other"),
    ("disabled on this account", "other"),
)
_STATUSES: Final[dict[int, Refusal]] = {401: "key", 403: "other", 418: "rate", 429: "rate"}
"""What a status alone says, where there is no code. 403 is a firewall's: nothing came through it."""


class _Error(Struct):
    code: Annotated[int, msgspec.Meta(lt=0)] | None = None
    msg: str = ""


class _Body(_Error):
    """Over HTTP the error itself, on the WebSocket API what has it."""

    status: int = 0
    error: _Error | None = None


_body = msgspec.json.Decoder(_Body).decode


def _read(data: bytes) -> _Body:
    try:
        return _body(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Body()  # a page of some gateway's


def code_of(data: bytes) -> int | None:
    """The code of a refusal; None where it has none."""
    body = _read(data)
    return (body.error or body).code


def refusal_of(status: int, data: bytes) -> Refusal:
    """Why it was refused. *status*: of HTTP, 0 on the WebSocket API, whose answers say it themselves."""
    body = _read(data)
    error, status = body.error or body, status or body.status
    if status in (418, 429):
        return "rate"
    if status >= 500:
        return "busy" if error.code == -1008 else "unknown_outcome"
    if error.code is None:
        return _STATUSES.get(status, "unknown_outcome")
    if error.code in _BY_MESSAGE:
        said = error.msg.lower()
        for words, refusal in _MESSAGES:
            if words in said:
                return refusal
    return _WORDS.get(error.code, "other")
