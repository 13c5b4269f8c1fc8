"""Home: what is on this machine, and whether this process may leave it."""

import ipaddress
import os
from typing import Final

MOCK: Final = "MOCK_API_ENABLED"
"""Set, a session is played in mock mode, and nobody connects to another machine."""
_NAMES: Final = ("localhost", "ip6-localhost")


def mocking() -> bool:
    """Whether `MOCK_API_ENABLED` is set: to anything but nothing, `0`, `false` and `no`."""
    return os.environ.get(MOCK, "").strip().lower() not in ("", "0", "false", "no")


def is_home(host: str | None) -> bool:
    """Whether a host, by name or by address, is this machine; none is not."""
    if not host:
        return False
    if host.lower() in _NAMES:
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
