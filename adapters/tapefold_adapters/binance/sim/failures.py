"""What Binance answers when it does not do something: `{"code":…,"msg":…}`.

Codes and messages of orders, keys, times and limits are documented. Unverified: the words of -1101 to
-1131 but for -1102, the code of `session.logon` with a key that is not Ed25519, what is said to a path or
method that is not there, and which of two complaints comes first where both are due.
"""

from collections.abc import Mapping
from typing import Final

from tapefold.sim import Denial


class Failed(Exception):
    """It is not done."""

    def __init__(
        self, code: int, msg: str, status: int = 400, headers: Mapping[str, str] = {}
    ) -> None:
        super().__init__(msg)
        self.code, self.msg, self.status, self.headers = code, msg, status, headers

    @property
    def body(self) -> dict[str, object]:
        """As it is said."""
        return {"code": self.code, "msg": self.msg}


DENIED: Final[dict[Denial, tuple[int, str]]] = {
    "funds": (-2010, "Account has insufficient balance for requested action."),
    "would_match": (-2010, "Order would immediately match and take."),
    "duplicate": (-2010, "Duplicate order sent."),
    "unknown": (-2011, "Unknown order sent."),
}
_WEIGHT: Final = (
    "Too much request weight used; current limit is {} request weight per 1 MINUTE. "
    "Please use WebSocket Streams for live updates to avoid polling the API."
)
_STATUSES: Final[dict[int, tuple[int, str]]] = {
    401: (-2015, "Invalid API-key, IP, or permissions for action."),
    403: (-1000, "Forbidden."),
    404: (-1000, "Not found."),
    418: (-1003, "Way too much request weight used; IP banned."),
    429: (-1003, _WEIGHT.format(6000)),
    500: (-1000, "An unknown error occurred while processing the request."),
    503: (-1008, "Server is currently overloaded with other requests. Please try again."),
}
"""What a status says on demand; of others, `-1000`."""
UNSAID: Final = Failed(
    -1007,
    "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
)
"""It may or may not have been done."""


def refused(status: int, retry_after: int = 0) -> Failed:
    """A refusal by status."""
    code, msg = _STATUSES.get(status, (-1000, "An unknown error occurred."))
    return Failed(code, msg, status, {"Retry-After": str(retry_after)} if retry_after else {})


def overweight(limit: int, wait: int, *, banned: bool) -> Failed:
    """The weight is used up for so many seconds more."""
    headers = {"Retry-After": str(wait)}
    if banned:
        return Failed(*_STATUSES[418], 418, headers)
    return Failed(-1003, _WEIGHT.format(limit), 429, headers)


def missing(name: str) -> Failed:
    """A parameter that must be there."""
    told = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    return Failed(-1102, told)


def needless(name: str) -> Failed:
    """A parameter that must not be there."""
    return Failed(-1106, f"Parameter '{name}' sent when not required.")


def filtered(name: str) -> Failed:
    """A trading rule that is not kept."""
    return Failed(-1013, f"Filter failure: {name}")
