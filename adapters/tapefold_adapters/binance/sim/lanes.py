"""WebSocket connections: which streams each hears, and whose user events."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Struct

from tapefold import MINUTE, Nanos
from tapefold.sim import Published
from tapefold_adapters.binance.sim.failures import Failed
from tapefold_adapters.binance.sim.market import Message
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
        asked = rest if kind == "ws" else parse_qs(parts.query).get("streams", [""])[0]
        self._count += 1
        streams = dict.fromkeys(filter(None, asked.split("/")))
        self._lanes.pop(name, None)
        self._lanes[name] = Lane(name, kind, self._count, streams)

    def disconnect(self, name: str) -> None:
        """It hears nothing any more."""
        self._lanes.pop(name, None)

    def open(self, name: str) -> Lane | None:
        """The lane, if it is open."""
        return self._lanes.get(name)

    def wanted(self, stream: str) -> bool:
        """Whether anybody hears a stream."""
        return any(stream in lane.streams for lane in self._lanes.values())

    def publish(self, stream: str, data: Message) -> Iterator[Published]:
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
            asked = _decode(text.encode())
        except msgspec.DecodeError:
            return {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}
        if not isinstance(asked, dict):
            return _invalid("expected a JSON object")
        number = asked.get("id")
        if "method" not in asked or not isinstance(number, int | str | None):
            return _invalid("missing field `method`")
        return self._done(lane, str(asked["method"]), asked.get("params")) | {"id": number}

    def _done(self, lane: Lane, method: str, params: object) -> Page:
        if method == "LIST_SUBSCRIPTIONS":
            return {"result": [*lane.streams]}
        if method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
            return _invalid(f"unknown variant `{method}`")
        if not isinstance(params, list) or not all(isinstance(name, str) for name in params):
            return _invalid("params must be an array of stream names")
        for name in params:
            if method == "SUBSCRIBE":
                lane.streams[name] = None
            else:
                lane.streams.pop(name, None)
        if len(lane.streams) > STREAMS_MAX:
            for name in params:
                lane.streams.pop(name, None)
            return _invalid(f"more than {STREAMS_MAX} streams")
        return {"result": None}


_decode = msgspec.json.Decoder(Any).decode


def _invalid(why: str) -> Page:
    return {"code": 2, "msg": f"Invalid request: {why}"}


def _on(lane: Lane, stream: str, data: Message | Page) -> bytes:
    return _encode(Wrapped(stream, data) if lane.kind == "stream" else data)
