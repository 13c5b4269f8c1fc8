"""What is asked of an account, and how: orders, pages, and the stream that tells of them.

All parameters stand in the query, percent-encoded, for those are the bytes that are signed. An order
goes by the exchange's id where we know it, else by ours. Weights are those of July 2026; those of
Binance US may be others, which is unverified.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tapefold import (
    Description,
    Frame,
    Nanos,
    OrderRef,
    OrderSubmitted,
    Purpose,
    Refusal,
    Request,
    Stream,
    fixed,
)
from tapefold_adapters.binance.codes import refusal_of
from tapefold_adapters.binance.signing import AskedT, signed

_WINDOW: Final = ("recvWindow", "5000")
"""Milliseconds for which a signed request is valid: the exchange's own default, said aloud."""
_TRADES_MAX: Final = "1000"
"""Trades of an order that one answer can hold."""
_SUBSCRIBE: Final = '{"id":"1","method":"userDataStream.subscribe.signature","params":{}}'
_Row: TypeAlias = tuple[str, str]
_Rows: TypeAlias = list[_Row]
_ASKED: Final[dict[Purpose, tuple[str, str, int]]] = {
    "balances": ("GET", "account", 20),
    "open_orders": ("GET", "openOrders", 80),
    "fees": ("GET", "account/commission", 20),
    "order": ("GET", "order", 4),
    "fills": ("GET", "myTrades", 20),
    "place": ("POST", "order", 1),
    "cancel": ("DELETE", "order", 1),
}
"""Method, path and weight."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]*", re.ASCII).fullmatch
"""What stands for itself in a query."""


class _Token(Struct):
    listenKey: str


_token = msgspec.json.Decoder(_Token).decode


class Private:
    """The half of the adapter that asks about an account, and for it.

    *user* is where its stream is: of the WebSocket API, or with *listen_key* where `/<key>` is added,
    as it was until February 2026.
    """

    def __init__(self, description: Description, rest: str, user: str, *, listen_key: bool) -> None:
        self.description = description
        self._rest, self._user, self._listen_key = rest, user, listen_key
        self._weights = {
            purpose: self._costs(weight=weight) for purpose, (_, _, weight) in _ASKED.items()
        }
        self._weights["place"] = self._costs(weight=1, orders_10s=1, orders_1d=1)

    # The stream

    def token(self) -> Request | None:
        """A listen key; the WebSocket API needs none."""
        if not self._listen_key:
            return None
        return self._keyed("POST")

    def read_token(self, frame: Frame) -> str:
        """The listen key."""
        try:
            return _token(frame.data).listenKey
        except RecursionError:
            raise ValueError("an answer too deep to be read") from None

    def keep_alive(self, token: str) -> Request | None:
        """Due every half hour: a listen key lives for one hour."""
        if not self._listen_key:
            return None
        return self._keyed("PUT", f"?listenKey={quote(token, safe='')}")

    def account_stream(self, token: str) -> Stream:
        """The WebSocket API says when it is heard. A stream by its listen key does not: it is when up."""
        if self._listen_key:
            return Stream(f"{self._user}/{quote(token, safe='')}")
        return Stream(self._user, (_SUBSCRIBE,), signed=True)

    # Pages

    def balances(self) -> Request:
        """All that the account holds, and what trades cost it."""
        return self._request("balances")

    def open_orders(self) -> Request:
        """Of all instruments."""
        return self._request("open_orders")

    def fees(self, native_symbol: str) -> Request | None:
        """What trades of one instrument cost."""
        return self._request("fees", native_symbol, [("symbol", native_symbol)])

    # Orders

    def place(self, order: OrderSubmitted, native_symbol: str) -> Request:
        """Place it, under our id, to be answered with its fills."""
        rows: _Rows = [
            ("symbol", native_symbol),
            ("side", order.side.upper()),
            ("type", order.order_type.upper()),
        ]
        if order.order_type == "limit":
            rows.append(("timeInForce", order.tif.upper()))
        numbers = ("quantity", order.amount), ("quoteOrderQty", order.quote_amount)
        for name, number in (*numbers, ("price", order.price)):
            if number is not None:
                rows.append((name, fixed(number)))
        rows += [("newClientOrderId", order.client_order_id), ("newOrderRespType", "FULL")]
        return self._request("place", order.client_order_id, rows)

    def cancel(self, order: OrderRef, attempt: int) -> Request:
        """Cancel it."""
        return self._request("cancel", order.client_order_id, _by(order), attempt)

    def query(self, order: OrderRef) -> Request:
        """How it is."""
        return self._request("order", order.client_order_id, _by(order))

    def fills(self, order: OrderRef) -> Request:
        """Its trades; while its id there is not known, the newest of its instrument."""
        number, rows = order.exchange_order_id, [("symbol", order.native_symbol)]
        if number:
            rows.append(("orderId", number))
        asked = self._request("fills", order.client_order_id, [*rows, ("limit", _TRADES_MAX)])
        return replace(asked, costs=self._costs(weight=5)) if number else asked

    # The wire's

    def refusal(self, frame: Frame) -> Refusal:
        """By its code, its message and its status."""
        return refusal_of(frame.status, frame.data)

    def sign(self, asked: AskedT, keys: Mapping[str, str], time: Nanos) -> AskedT:
        """With `key` and `secret`. Raises `AdapterError`."""
        return signed(asked, keys, time)

    def _costs(self, **weights: int) -> dict[str, int]:
        """What a request takes of those windows that the exchange has."""
        return {name: n for name, n in weights.items() if name in self.description.limits.windows}

    def _request(
        self, purpose: Purpose, subject: str = "", rows: Sequence[_Row] = (), attempt: int = 0
    ) -> Request:
        method, path, _ = _ASKED[purpose]
        return Request(
            method,
            f"{self._rest}/{path}?{_query([*rows, _WINDOW])}",
            purpose,
            subject,
            signed=True,
            attempt=attempt,
            costs=self._weights[purpose],
        )

    def _keyed(self, method: str, query: str = "") -> Request:
        """About a listen key: with the API key in its header alone, as signing knows by the purpose."""
        purpose: Purpose = "keep_alive" if query else "token"
        url = f"{self._rest}/userDataStream{query}"
        return Request(method, url, purpose, signed=True, costs=self._costs(weight=2))


def _query(rows: _Rows) -> str:
    """Percent-encoded: which hardly any value needs, so they are looked at together."""
    if _PLAIN("".join([value for _, value in rows])):
        return "&".join([f"{name}={value}" for name, value in rows])
    return urlencode(rows, quote_via=quote, safe="")


def _by(order: OrderRef) -> _Rows:
    named = (
        ("orderId", order.exchange_order_id)
        if order.exchange_order_id
        else ("origClientOrderId", order.client_order_id)
    )
    return [("symbol", order.native_symbol), named]
