"""Who may come in: weights, counts of orders, keys, times and signatures."""

import hmac
from collections.abc import Mapping
from typing import Final

from tapefold import MINUTE, SECOND, Nanos
from tapefold.sim import Faults, Venue
from tapefold_adapters.binance.sim.failures import Failed, overweight
from tapefold_adapters.binance.sim.numbers import ms
from tapefold_adapters.binance.sim.params import Params

WEIGHT_MAX: Final = 6000
"""A minute."""
IGNORED_MAX: Final = 20
"""Requests in a minute after its weight was used up; who asks on is banned."""
BAN: Final = 120 * SECOND
DAY: Final = 24 * 60 * MINUTE
ORDERS: Final = (("10S", 10 * SECOND, 50), ("1D", DAY, 160_000))
"""Orders an account may place in so long."""
_WINDOW: Final = 5000
_WINDOW_MAX: Final = 60_000
_EARLY_MAX: Final = 1000
_MICROSECONDS_FROM: Final = 10**14
"""A timestamp as large as this is no longer one of milliseconds."""
_KEY_MAX: Final = 64


class Door:
    """Counts what was asked, and knows who asks."""

    def __init__(self, venue: Venue, faults: Faults) -> None:
        self._venue, self._faults = venue, faults
        self._minute = self._weight = self._ignored = self._banned = 0
        self._orders: dict[tuple[str, str], tuple[int, int]] = {}

    # How much

    def weigh(self, weight: int, time: Nanos) -> None:
        """A request of so much weight. Raises `Failed` where there is no room for it."""
        self._turn_of_minute(time)
        if time < self._banned:
            raise overweight(WEIGHT_MAX, _seconds(self._banned - time), banned=True)
        if self._weight + weight > WEIGHT_MAX:
            self._ignored += 1
            if self._ignored > IGNORED_MAX:
                self._banned = time + BAN
            raise overweight(WEIGHT_MAX, _seconds(MINUTE - time % MINUTE), banned=False)
        self._weight += weight

    def give_back(self, weight: int) -> None:
        """An order that was placed or canceled weighs nothing."""
        self._weight = max(self._weight - weight, 0)

    def weight(self, time: Nanos) -> int:
        """Used in this minute."""
        self._turn_of_minute(time)
        return self._weight

    def _turn_of_minute(self, time: Nanos) -> None:
        if time // MINUTE != self._minute:
            self._minute, self._weight, self._ignored = time // MINUTE, 0, 0

    def orders(self, holder: str, time: Nanos) -> dict[str, int]:
        """How many a holder placed in each of the windows that are now."""
        return {name: self._placed(holder, name, time // span) for name, span, _ in ORDERS}

    def _placed(self, holder: str, name: str, now: int) -> int:
        window, count = self._orders.get((holder, name), (now, 0))
        return count if window == now else 0

    def may_place(self, holder: str, time: Nanos) -> None:
        """Raises `Failed` where there were too many."""
        for name, span, most in ORDERS:
            if self._placed(holder, name, time // span) >= most:
                told = {"10S": "10 SECOND", "1D": "1 DAY"}[name]
                msg = f"Too many new orders; current limit is {most} orders per {told}."
                raise Failed(-1015, msg, 429, {"Retry-After": str(_seconds(span - time % span))})

    def placed(self, holder: str, time: Nanos) -> None:
        """One more."""
        for name, span, _ in ORDERS:
            count = self._placed(holder, name, time // span)
            self._orders[holder, name] = time // span, count + 1

    # Who

    def keyed(self, key: str, *, trusted: bool = False) -> str:
        """The holder of a key. Somebody *trusted*, who is in this program, need not give one."""
        accounts = self._venue.accounts
        if "" in accounts:
            return ""
        if trusted and not key and accounts:
            return next(iter(accounts))
        if not key or len(key) > _KEY_MAX or not key.isalnum():
            raise Failed(-2014, "API-key format invalid.", 401)
        if key not in accounts:
            raise Failed(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        return key

    def signed(self, holder: str, params: Params, payload: str, time: Nanos) -> None:
        """Raises `Failed` unless *payload* is signed by its holder, and new."""
        params.text("timestamp")
        params.text("signature")
        self._timely(params, time)
        secret = self._venue.accounts[holder].holder.secret.encode()
        right = hmac.new(secret, payload.encode(), "sha256").hexdigest()
        given = params.get("signature").lower().encode()
        if not hmac.compare_digest(right.encode(), given):
            raise Failed(-1022, "Signature for this request is not valid.")

    def _timely(self, params: Params, time: Nanos) -> None:
        sent, now = params.integer("timestamp"), ms(time + self._faults.ahead)
        if sent >= _MICROSECONDS_FROM:
            sent //= 1000
        window = _window(params)
        if window > _WINDOW_MAX:
            raise Failed(-1131, "recvWindow must be less than 60000.")
        if sent >= now + _EARLY_MAX:
            told = "Timestamp for this request was 1000ms ahead of the server's time."
            raise Failed(-1021, told)
        if now - sent > window:
            raise Failed(-1021, "Timestamp for this request is outside of the recvWindow.")


def _window(params: Params) -> int:
    """Whole milliseconds; a part of one is none."""
    whole = params.get("recvWindow").partition(".")[0]
    return Params({"recvWindow": whole} if whole else {}).integer("recvWindow", _WINDOW)


def rest_payload(query: str, body: str) -> str:
    """What a request over HTTP signs: query and body as they are sent, but for the signature."""
    return "".join(
        "&".join(part for part in form.split("&") if not part.startswith("signature="))
        for form in (query, body)
    )


def socket_payload(params: Mapping[str, str]) -> str:
    """What a request over the WebSocket API signs."""
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")


def _seconds(span: Nanos) -> int:
    """Rounded up."""
    return -(-span // SECOND)
