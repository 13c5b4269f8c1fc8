"""Other places to find an exchange at: a test network, a fake one, a proxy.

A tape keeps the exchange's own addresses; only what leaves goes elsewhere.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit

from tapefold.errors import BadInput
from tapefold.home import is_home


class Endpoints(NamedTuple):
    """Where to connect instead. Empty: where the exchange says."""

    ws: str = ""
    """`ws://host:port` or `wss://...`, with a path to put before the exchange's if it has one."""
    rest: str = ""
    """`http://host:port` or `https://...`, likewise."""
    hosts: Mapping[str, str] = MappingProxyType({})
    """`host:port` for `host:port`, for what neither of the two says: a test network's, say."""

    def ws_url(self, url: str) -> str:
        """Where a connection to *url* goes."""
        return _moved(url, self.ws) if self.ws else self._renamed(url)

    def rest_url(self, url: str) -> str:
        """Where a request for *url* goes."""
        return _moved(url, self.rest) if self.rest else self._renamed(url)

    @property
    def stays(self) -> bool:
        """Whether all of it is on this machine."""
        return all(is_home(urlsplit(place).hostname) for place in (self.ws, self.rest))

    def _renamed(self, url: str) -> str:
        old = urlsplit(url)
        return old._replace(netloc=self.hosts.get(old.netloc, old.netloc)).geturl()

    def check(self) -> "Endpoints":
        """Itself. Raises `BadInput` for what is no address."""
        for text, schemes in ((self.ws, ("ws", "wss")), (self.rest, ("http", "https"))):
            if text and not _is_address(text, schemes):
                raise BadInput(f"{text!r} is no address: say {schemes[0]}://HOST:PORT")
        return self


def _is_address(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        (parts.hostname or "").encode("idna")
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, or a name that is none
        return False


def _moved(url: str, place: str) -> str:
    old, new = urlsplit(url), urlsplit(place)
    path = new.path.rstrip("/") + old.path
    return old._replace(scheme=new.scheme, netloc=new.netloc, path=path).geturl()
