"""Requests over HTTP and over the WebSocket API: let in, answered, and refused."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

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
from tapefold_adapters.binance.sim.lanes import Lane, Lanes
from tapefold_adapters.binance.sim.params import Params
from tapefold_adapters.binance.sim.reports import Page
from tapefold_adapters.binance.sim.routes import Route

_KEY: Final = "x-mbx-apikey"
_LISTEN: Final = "/api/v3/userDataStream"
_TYPE: Final = {"Content-Type": "application/json;charset=UTF-8"}
_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class _Who(NamedTuple):
    """How somebody who asks shows who he is."""

    key: str
    payload: str
    """What he signed."""
    trusted: bool


class Requests:
    """Everything that is asked comes through here."""

    def __init__(self, door: Door, faults: Faults, lanes: Lanes, found: dict[str, Route]) -> None:
        self._door, self._faults, self._lanes, self._routes = door, faults, lanes, found
        self._methods = {route.socket: route for route in found.values() if route.socket}

    # Over HTTP

    def answer(self, request: Request, time: Nanos) -> Answer:
        """What is answered, and its status."""
        url = urlsplit(request.url)
        name = f"{request.method} {url.path}"
        headers = {each.lower(): value for each, value in request.headers.items()}
        holder = ""

        def act() -> Any:
            nonlocal holder
            fault = self._faults.refused(name)
            if fault:
                raise refused(fault.status, fault.retry_after)
            params = Params.of_forms(url.query, request.body)
            payload = rest_payload(url.query, request.body)
            who = _Who(headers.get(_KEY, ""), payload, request.signed)
            if url.path == _LISTEN:
                return self._listen(request.method, params, who, time)
            route = self._routes.get(name)
            if route is None:
                raise Failed(-1000, "Not found.", 404)
            holder = self._let_in(route, params, who, time)
            at = self._as_of(name, time)
            return route.act(Call(params, holder, time, at))

        status, body, extra = _outcome(act)
        unsaid = self._faults.unsaid(name) if status == 200 else None
        if unsaid:
            status, body = unsaid.status, {"code": UNSAID[0], "msg": UNSAID[1]}
        if status == NO_ANSWER:
            return Answer(NO_ANSWER, b"")
        counts = self._counts(holder, time) if "/order" in url.path else {}
        used = {"X-MBX-USED-WEIGHT-1M": str(self._door.weight(time))}
        return Answer(status, _encode(body), {**_TYPE, **used, **counts, **extra})

    def _listen(self, method: str, params: Params, who: _Who, time: Nanos) -> Page:
        """Listen keys need a key, and no signature."""
        self._door.weigh(2, time)
        holder = self._door.keyed(who.key, trusted=True)
        if method == "POST":
            return {"listenKey": self._lanes.key(holder, time)}
        if method not in ("PUT", "DELETE"):
            raise Failed(-1000, "Not found.", 404)
        act = self._lanes.renew if method == "PUT" else self._lanes.drop
        act(holder, params.text("listenKey"), time)
        return {}

    def _let_in(self, route: Route, params: Params, who: _Who, time: Nanos) -> str:
        """Weighed, known and well-formed: the holder, who is nobody where nobody need be known."""
        self._door.weigh(route.weight(params), time)
        holder = ""
        if route.security == "signed":
            holder = self._door.keyed(who.key, trusted=who.trusted)
            if holder and not (who.trusted and not who.key):
                self._door.signed(holder, params, who.payload, time)
        params.only(route.names)
        return holder

    def _as_of(self, name: str, time: Nanos) -> Nanos | None:
        lag = self._faults.lag(name)
        return time - lag if lag else None

    def _counts(self, holder: str, time: Nanos) -> dict[str, str]:
        placed = self._door.orders(holder, time)
        return {f"X-MBX-ORDER-COUNT-{name}": str(placed[name]) for name, _, _ in ORDERS}

    # Over the WebSocket API

    def heard(self, lane: Lane, text: str, time: Nanos) -> bytes | None:
        """A message of the WebSocket API, answered; None where nothing is."""
        number: Any = None
        method, params = "", Params({})

        def act() -> Any:
            nonlocal number, method, params
            number, method, params = _read(text)
            fault = self._faults.refused(method)
            if fault:
                raise refused(fault.status, fault.retry_after)
            payload = socket_payload(dict(params.items()))
            who = _Who(params.get("apiKey"), payload, trusted=False)
            if method.startswith(("userDataStream.", "session.")):
                return self._session(lane, method, params, who, time)
            route = self._methods.get(method)
            if route is None:
                raise Failed(-1100, f"Unknown method '{method}'.")
            holder = self._let_in(route, params, who, time)
            return route.act(Call(params, holder, time, self._as_of(method, time)))

        status, body, _ = _outcome(act)
        unsaid = self._faults.unsaid(method) if status == 200 else None
        if unsaid:
            status, body = unsaid.status, {"code": UNSAID[0], "msg": UNSAID[1]}
        if status == NO_ANSWER:
            return None
        weight = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1}
        limits = [{**weight, "limit": WEIGHT_MAX, "count": self._door.weight(time)}]
        what = "result" if status == 200 else "error"
        return _encode({"id": number, "status": status, what: body, "rateLimits": limits})

    def _session(
        self, lane: Lane, method: str, params: Params, who: _Who, time: Nanos
    ) -> Page | list[Page]:
        self._door.weigh(2, time)
        match method:
            case "userDataStream.subscribe.signature":
                holder = self._door.keyed(who.key)
                if holder:
                    self._door.signed(holder, params, who.payload, time)
                return {"subscriptionId": _subscribed(lane, holder)}
            case "userDataStream.unsubscribe":
                _unsubscribed(lane, params)
                return {}
            case "session.subscriptions":
                return [{"subscriptionId": number} for number in lane.subscriptions]
            case "session.status":
                told = {"apiKey": None, "authorizedSince": None, "connectedSince": None}
                return {**told, "returnRateLimits": True, "userDataStream": False}
            case "session.logon":
                raise Failed(-4056, "HMAC_SHA256 API key is not supported.")
            case "userDataStream.subscribe":
                raise Failed(-2015, "Invalid API-key, IP, or permissions for action.", 401)
            case _:
                raise Failed(-1100, f"Unknown method '{method}'.")


def _subscribed(lane: Lane, holder: str) -> int:
    if holder in lane.subscriptions.values():
        raise Failed(-2035, "User Data Stream subscription already active.")
    number = lane.subscribed
    lane.subscribed += 1
    lane.subscriptions[number] = holder
    return number


def _unsubscribed(lane: Lane, params: Params) -> None:
    """One, or all where none is named."""
    if not params.has("subscriptionId"):
        lane.subscriptions.clear()
    elif lane.subscriptions.pop(params.integer("subscriptionId"), None) is None:
        raise Failed(-2036, "User Data Stream subscription is not active.")


def _read(text: str) -> tuple[Any, str, Params]:
    """The number, method and parameters of a message."""
    try:
        asked = _decode(text.encode())
    except msgspec.MsgspecError:
        raise Failed(-1000, "Invalid JSON.") from None
    sent: Any = asked.get("params") or {}
    if not isinstance(asked.get("method"), str) or not isinstance(sent, dict):
        raise Failed(-1000, "Invalid request.")
    values = {str(name): _plain(value) for name, value in sent.items()}
    return asked.get("id"), asked["method"], Params(values)


def _plain(value: Any) -> str:
    """A parameter as it is signed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def _outcome(act: Callable[[], Any]) -> tuple[int, Any, dict[str, str]]:
    """The status, the body and the headers that a failure adds."""
    try:
        return 200, act(), {}
    except Failed as failed:
        return failed.status, failed.body, dict(failed.headers)
