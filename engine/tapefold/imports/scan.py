"""Reading a capture once before it is imported: whose it is, and what it subscribed to."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

import msgspec

from tapefold.adapter import Adapter, Channel, Frame, Topic, exchanges, load_adapter
from tapefold.errors import CaptureError
from tapefold.events import InstrumentListed
from tapefold.imports.capture import Captured, Format

Connection: TypeAlias = tuple[int, int]
"""A WebSocket connection: its file, and which one of that file's it is; 0 stands for no `opened` line."""


class Connections:
    """To which connection a line belongs: the newest of its file, or the one that all files are of."""

    def __init__(self, *, joined: bool) -> None:
        self._joined = joined
        self._newest: dict[int, int] = {}

    def of(self, captured: Captured) -> Connection:
        """That of a frame."""
        file = 0 if self._joined else captured.source
        return file, self._newest.get(file, 0)

    def opened(self, captured: Captured) -> Connection:
        """A new one."""
        file = 0 if self._joined else captured.source
        self._newest[file] = self._newest.get(file, 0) + 1
        return self.of(captured)


class Scanned(NamedTuple):
    """What a capture is."""

    adapter: Adapter
    connections: dict[Connection, tuple[tuple[str, ...], tuple[Channel, ...]]]
    """By connection: instruments by native name, and channels; each in order of appearance."""
    listed: frozenset[str]
    """Native names in its instrument list, if it has one before its first connection."""
    by_file: dict[int, frozenset[str]]
    """By file, the native names of its frames."""
    opened: bool
    """Whether it says when connections were opened."""


def scan(lines: Iterator[Captured], exchange: str | None, form: Format) -> Scanned:
    """Read all of *lines*. Raises `CaptureError` where the exchange cannot be told, or it is empty."""
    names = (exchange,) if exchange else form.exchanges or exchanges()
    found = _Scan({*names}, Connections(joined=form.joined), named=exchange is not None)
    for captured in lines:
        found.take(captured)
    return found.result()


class _Scan:
    def __init__(self, names: set[str], connections: Connections, *, named: bool) -> None:
        self._adapters: dict[str, Adapter] = {name: load_adapter(name) for name in sorted(names)}
        self._named = named
        self._connections = connections
        self._by_file: dict[int, set[str]] = {}
        self._natives: dict[Connection, dict[str, None]] = {}
        self._channels: dict[Connection, dict[Channel, None]] = {}
        self._listed: frozenset[str] = frozenset()
        self._began = self._opened = False

    def take(self, captured: Captured) -> None:
        """One line."""
        if captured.url and not self._named:
            self._narrow_by_host(captured.url)
        if captured.kind == "opened":
            self._began = self._opened = True
            self._connections.opened(captured)
        elif captured.kind == "recv":
            self._began = True
            self._frame(captured)
        elif not self._began and not self._listed:
            self._listed = self._list(captured)

    def result(self) -> Scanned:
        """What was found."""
        if not self._natives:
            raise CaptureError("the capture has no frame of a stream that tapefold reads")
        if len(self._adapters) != 1:
            raise CaptureError(
                f"the capture may be of {' or '.join(self._adapters)}: say which with --exchange"
            )
        (adapter,) = self._adapters.values()
        return Scanned(
            adapter,
            {
                key: (tuple(self._natives[key]), _in_order(self._channels[key], adapter))
                for key in self._natives
            },
            self._listed,
            {file: frozenset(natives) for file, natives in self._by_file.items()},
            self._opened,
        )

    def _narrow_by_host(self, url: str) -> None:
        host = urlsplit(url).hostname
        left = {
            name: adapter
            for name, adapter in self._adapters.items()
            if host in adapter.description.hosts
        }
        if not left:
            raise CaptureError(
                f"the capture speaks to {host}, which is none of {', '.join(self._adapters)}: "
                "say whose it is with --exchange, or import one exchange's files at a time"
            )
        self._adapters = left

    def _frame(self, captured: Captured) -> None:
        """What the frame is about; and an adapter that cannot read what others can is out."""
        topics = {name: _topic(adapter, captured.data) for name, adapter in self._adapters.items()}
        heard = {name: topic for name, topic in topics.items() if topic}
        if not heard:
            return
        if len(heard) < len(self._adapters):
            self._adapters = {name: self._adapters[name] for name in heard}
        topic = next(iter(heard.values()))
        key = self._connections.of(captured)
        self._by_file.setdefault(captured.source, set()).add(topic.native_symbol)
        self._natives.setdefault(key, {})[topic.native_symbol] = None
        self._channels.setdefault(key, {})[topic.channel] = None

    def _list(self, captured: Captured) -> frozenset[str]:
        """The native names of an instrument list; none if the answer is something else."""
        for adapter in self._adapters.values():
            request = adapter.list_instruments()
            if not adapter.answers(request, captured.url):
                continue
            frame = Frame(captured.time, "", "response", captured.data, request, 200)
            try:
                events = adapter.decode(frame, {})
            except (ValueError, msgspec.MsgspecError):
                continue
            return frozenset(e.native_symbol for e in events if isinstance(e, InstrumentListed))
        return frozenset()


def _topic(adapter: Adapter, data: bytes) -> Topic | None:
    try:
        return adapter.topic(data)
    except (ValueError, RecursionError):
        return None


def _in_order(channels: Mapping[Channel, None], adapter: Adapter) -> tuple[Channel, ...]:
    return tuple(channel for channel in adapter.description.channels if channel in channels)
