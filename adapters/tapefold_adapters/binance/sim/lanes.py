"""WebSocket connections: which streams each hears, and whose user events."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Struct

from tapefold import MINUTE, Nanos
from tapefold.sim import Published
from tapefold_adapters.binance.sim.failures import Failed
from tapefold_adapters.binance.sim.market import Message
from tapefold_adapters.binance.sim.params import Params
from tapefold_adapters.binance.sim.reports import Page

KEY_LASTS: Final = 60 * MINUTE
"""A listen key that is not renewed."""
STREAMS_MAX: Final = 1024
"""On one connection."""
_encode = msgspec.json.encode


class Wrapped(Struct):
    """A message on a combined stream."""

    stream: str
    data: Message | Page


class Lane(Struct):
    """One connection."""

    name: str
    kind: str
    """`stream` for combined messages, `ws` for bare ones, `api` for the WebSocket API."""
    number: int
    """Counts connections: a lane that is opened again is another one."""
    streams: dict[str, None]
    subscriptions: dict[int, str] = {}
    """Of the WebSocket API: whose user events, by the number of the subscription."""
    subscribed: int = 0
    limits: bool = True
    """Of the WebSocket API: whether answers say how much was asked for, if a request does not say it."""


class Lanes:
    """All that are open, in the order in which they were opened."""

    def __init__(self, seed: int) -> None:
        self._lanes: dict[str, Lane] = {}
        self._seed, self._count = seed, 0
        self._keys: dict[str, tuple[str, Nanos]] = {}

    def connect(self, name: str, url: str) -> None:
        """By its URL; streams that nobody has are ignored."""
        parts = urlsplit(url)
        first, _, rest = parts.path.lstrip("/").partition("/")
        kind = {"ws-api": "api", "ws": "ws"}.get(first, "stream")
        query = parse_qs(parts.query)
        asked = rest if kind == "ws" else query.get("streams", [""])[0]
        self._count += 1
        streams = dict.fromkeys(filter(None, asked.split("/")))
        self._lanes.pop(name, None)
        limits = query.get("returnRateLimits") != ["false"]
        self._lanes[name] = Lane(name, kind, self._count, streams, limits=limits)

    def disconnect(self, name: str) -> None:
        """It hears nothing any more."""
        self._lanes.pop(name, None)

    def open(self, name: str) -> Lane | None:
        """The lane, if it is open."""
        return self._lanes.get(name)

    def wanted(self, stream: str) -> bool:
        """Whether anybody hears a stream."""
        return any(stream in lane.streams for lane in self._lanes.values())

    def publish(self, stream: str, data: Message | Page) -> Iterator[Published]:
        """A message to all that hear a stream."""
        for lane in self._lanes.values():
            if stream in lane.streams:
                yield Published(lane.name, _on(lane, stream, data))

    def tell(self, holder: str, event: Page, time: Nanos) -> Iterator[tuple[Lane, Published]]:
        """A user event to all that hear its holder's."""
        for lane in self._lanes.values():
            for number, who in lane.subscriptions.items():
                if who == holder:
                    data = _encode({"subscriptionId": number, "event": event})
                    yield lane, Published(lane.name, data)
            for stream in lane.streams:
                who, until = self._keys.get(stream, ("", 0))
                if stream in self._keys and who == holder and time < until:
                    yield lane, Published(lane.name, _on(lane, stream, event))

    # Listen keys: what there was before the WebSocket API told user events

    def key(self, holder: str, time: Nanos) -> str:
        """The holder's, renewed; a new one where there is none that is still good."""
        for key, (who, until) in self._keys.items():
            if who == holder and time < until:
                self._keys[key] = holder, time + KEY_LASTS
                return key
        made = sha256(f"{self._seed} listen key {len(self._keys)}".encode()).hexdigest()
        self._keys[made] = holder, time + KEY_LASTS
        return made

    def renew(self, holder: str, key: str, time: Nanos) -> None:
        """It is good for another while. Raises `Failed` for one that is not."""
        who, until = self._keys.get(key, ("", 0))
        if key not in self._keys or who != holder or time >= until:
            raise Failed(-1125, "This listenKey does not exist.")
        self._keys[key] = holder, time + KEY_LASTS

    def drop(self, holder: str, key: str, time: Nanos) -> None:
        """It is good no more. Raises `Failed` for one that is not."""
        self.renew(holder, key, time)
        self._keys[key] = holder, 0

    # What a client says on a market stream

    def heard(self, lane: Lane, text: str) -> Page:
        """SUBSCRIBE and the like, answered."""
        try:
            said = _read(text.encode())
        except msgspec.ValidationError as error:
            return _invalid(str(error))
        except (msgspec.DecodeError, RecursionError):
            return {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}
        return _done(lane, said) | {"id": said.id}


class _Said(Struct):
    method: str
    id: int | str | None = None
    params: list[str] = []


_read = msgspec.json.Decoder(_Said).decode


def _done(lane: Lane, said: _Said) -> Page:
    if said.method == "LIST_SUBSCRIPTIONS":
        return {"result": [*lane.streams]}
    if said.method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
        return _invalid(f"unknown variant `{said.method}`")
    for name in said.params:
        if said.method == "UNSUBSCRIBE":
            lane.streams.pop(name, None)
        elif len(lane.streams) < STREAMS_MAX:
            lane.streams[name] = None
        else:
            return _invalid(f"more than {STREAMS_MAX} streams")
    return {"result": None}


def subscribed(lane: Lane, holder: str) -> int:
    """A holder's user events are heard on a lane. Raises `Failed` where they are already."""
    if holder in lane.subscriptions.values():
        raise Failed(-2035, "User Data Stream subscription already active.")
    number = lane.subscribed
    lane.subscribed += 1
    lane.subscriptions[number] = holder
    return number


def unsubscribed(lane: Lane, params: Params) -> None:
    """No longer; where none is named, none of them. Raises `Failed`."""
    if not params.has("subscriptionId"):
        lane.subscriptions.clear()
    elif lane.subscriptions.pop(params.integer("subscriptionId"), None) is None:
        raise Failed(-2036, "User Data Stream subscription is not active.")


def _invalid(why: str) -> Page:
    return {"code": 2, "msg": f"Invalid request: {why}"}


def _on(lane: Lane, stream: str, data: Message | Page) -> bytes:
    return _encode(Wrapped(stream, data) if lane.kind == "stream" else data)
