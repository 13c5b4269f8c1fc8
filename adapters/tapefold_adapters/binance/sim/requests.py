"""Requests over HTTP and over the WebSocket API: let in, answered, and refused."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tapefold import Nanos, Request
from tapefold.sim import NO_ANSWER, Answer, Faults
from tapefold_adapters.binance.sim.desk import Call
from tapefold_adapters.binance.sim.door import (
    ORDERS,
    WEIGHT_MAX,
    Door,
    rest_payload,
    socket_payload,
)
from tapefold_adapters.binance.sim.failures import UNSAID, Failed, refused
from tapefold_adapters.binance.sim.lanes import Lane, Lanes, subscribed, unsubscribed
from tapefold_adapters.binance.sim.params import Params
from tapefold_adapters.binance.sim.reports import Page
from tapefold_adapters.binance.sim.routes import Route

_KEY: Final = "x-mbx-apikey"
_LISTEN: Final = "/api/v3/userDataStream"
LISTENING: Final = tuple(f"{method} {_LISTEN}" for method in ("POST", "PUT", "DELETE"))
"""Listen keys, which are asked for over HTTP alone."""
SESSION: Final = (
    "userDataStream.subscribe",
    "userDataStream.subscribe.signature",
    "userDataStream.unsubscribe",
    "session.logon",
    "session.status",
    "session.subscriptions",
)
"""Methods of the WebSocket API that are about its connection."""
_LIMITS: Final = "returnRateLimits"
"""Whether an answer of the WebSocket API says how much was asked for; every one of its methods has it."""
_TYPE: Final = {"Content-Type": "application/json;charset=UTF-8"}
_encode = msgspec.json.encode


class _Asked(NamedTuple):
    """What is asked, and how somebody shows who he is."""

    name: str
    params: Params
    key: str
    payload: str
    """What he signed."""
    trusted: bool = False
    """He is in this program, and leaves it to us to know him."""


class _Done(Struct):
    """What came of it."""

    status: int
    body: Any
    holder: str = ""
    headers: dict[str, str] = {}


class _Said(Struct):
    """A message of the WebSocket API."""

    method: str
    id: int | str | None = None
    params: dict[str, Any] = {}
    """Texts, ints and bools: a number with a point stays the text that it was sent as."""

    def __post_init__(self) -> None:
        """Raises `ValueError`, which is msgspec's `ValidationError`, for what is no parameter."""
        if not all(isinstance(value, str | int) for value in self.params.values()):
            raise ValueError("a parameter is a text, a number, or true or false")


_said = msgspec.json.Decoder(_Said, float_hook=str).decode


class Requests:
    """Everything that is asked comes through here."""

    def __init__(self, door: Door, faults: Faults, lanes: Lanes, found: dict[str, Route]) -> None:
        self._door, self._faults, self._lanes, self._routes = door, faults, lanes, found
        self._methods = {route.socket: route for route in found.values() if route.socket}

    # Over HTTP

    def answer(self, request: Request, time: Nanos) -> Answer:
        """What is answered, and its status."""
        path = urlsplit(request.url).path
        done = self._try(f"{request.method} {path}", partial(self._over_http, request, time))
        if done.status == NO_ANSWER:
            return Answer(NO_ANSWER, b"")
        headers = {**_TYPE, "X-MBX-USED-WEIGHT-1M": str(self._door.weight(time)), **done.headers}
        if "/order" in path:
            placed = self._door.orders(done.holder, time)
            for name, _, _ in ORDERS:
                headers[f"X-MBX-ORDER-COUNT-{name}"] = str(placed[name])
        return Answer(done.status, _encode(done.body), headers)

    def _over_http(self, request: Request, time: Nanos) -> _Done:
        url = urlsplit(request.url)
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = _Asked(
            f"{request.method} {url.path}",
            Params.of_forms(url.query, request.body),
            headers.get(_KEY, ""),
            rest_payload(url.query, request.body),
            request.signed,
        )
        if url.path == _LISTEN:
            return self._listen(request.method, asked, time)
        return self._routed(self._routes.get(asked.name), asked, time)

    def _listen(self, method: str, asked: _Asked, time: Nanos) -> _Done:
        """Listen keys need a key, and no signature."""
        self._door.weigh(2, time)
        holder = self._door.keyed(asked.key, trusted=asked.trusted)
        if method == "POST":
            return _Done(200, {"listenKey": self._lanes.key(holder, time)})
        if f"{method} {_LISTEN}" not in LISTENING:
            raise _unknown(asked.name)
        act = self._lanes.renew if method == "PUT" else self._lanes.drop
        act(holder, asked.params.text("listenKey"), time)
        return _Done(200, {})

    # Over the WebSocket API

    def heard(self, lane: Lane, text: str, time: Nanos) -> bytes | None:
        """A message of the WebSocket API, answered; None where nothing is."""
        try:
            said = _said(text.encode())
        except (msgspec.MsgspecError, RecursionError):
            said, done = _Said(""), _Done(400, Failed(-1000, "Invalid request.").body)
        else:
            done = self._try(said.method, partial(self._over_socket, lane, said, time))
        if done.status == NO_ANSWER:
            return None
        what = "result" if done.status == 200 else "error"
        page: Page = {"id": said.id, "status": done.status, what: done.body}
        if _wants_limits(lane, said):
            page["rateLimits"] = self._limits(time)
        return _encode(page)

    def _limits(self, time: Nanos) -> list[Page]:
        weight = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1}
        return [{**weight, "limit": WEIGHT_MAX, "count": self._door.weight(time)}]

    def _over_socket(self, lane: Lane, said: _Said, time: Nanos) -> _Done:
        values = {name: _plain(value) for name, value in said.params.items()}
        key, payload = values.get("apiKey", ""), socket_payload(values)
        if values.pop(_LIMITS, "true") not in ("true", "false"):
            raise Failed(-1130, f"Data sent for parameter '{_LIMITS}' is not valid.")
        asked = _Asked(said.method, Params(values), key, payload)
        if said.method in SESSION:
            return _Done(200, self._session(lane, asked, time))
        return self._routed(self._methods.get(said.method), asked, time)

    def _session(self, lane: Lane, asked: _Asked, time: Nanos) -> Page | list[Page]:
        self._door.weigh(2, time)
        match asked.name:
            case "userDataStream.subscribe.signature":
                return {"subscriptionId": subscribed(lane, self._known(asked, time))}
            case "userDataStream.unsubscribe":
                unsubscribed(lane, asked.params)
                return {}
            case "session.subscriptions":
                return [{"subscriptionId": number} for number in lane.subscriptions]
            case "session.logon":  # unverified: what it says to a key of this kind
                raise Failed(-4056, "HMAC_SHA256 API key is not supported.")
            case "session.status":
                return {"apiKey": None, "authorizedSince": None, "userDataStream": False}
            case _:  # a subscription by a session that nobody can log on to
                raise Failed(-2015, "Invalid API-key, IP, or permissions for action.", 401)

    # Both

    def _try(self, name: str, act: Callable[[], _Done]) -> _Done:
        """Do it, unless it is to be refused; say what came of it, unless that is not to be said."""
        fault = self._faults.refused(name)
        try:
            if fault:
                raise refused(fault.status, fault.retry_after)
            done = act()
        except Failed as failed:
            return _Done(failed.status, failed.body, "", dict(failed.headers))
        unsaid = self._faults.unsaid(name)
        return _Done(unsaid.status, UNSAID.body, done.holder) if unsaid else done

    def _routed(self, route: Route | None, asked: _Asked, time: Nanos) -> _Done:
        if route is None:
            raise _unknown(asked.name)
        self._door.weigh(route.weight(asked.params), time)
        holder = self._known(asked, time) if route.signed else ""
        asked.params.only(route.names)
        lag = self._faults.lag(asked.name)
        call = Call(asked.params, holder, time, time - lag if lag else None)
        return _Done(200, route.act(call), holder)

    def _known(self, asked: _Asked, time: Nanos) -> str:
        """Whose key it is; it is signed with his secret, unless that need not be."""
        holder = self._door.keyed(asked.key, trusted=asked.trusted)
        if holder and (asked.key or not asked.trusted):
            self._door.signed(holder, asked.params, asked.payload, time)
        return holder


def _wants_limits(lane: Lane, said: _Said) -> bool:
    """As this request says; else as its connection did, which says yes where it said nothing."""
    words = {"true": True, "false": False}
    return words.get(_plain(said.params.get(_LIMITS, "")), lane.limits)


def _unknown(name: str) -> Failed:
    return Failed(-1000, f"There is no {name}.", 404)


def _plain(value: str | int) -> str:
    """A parameter as it is signed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
