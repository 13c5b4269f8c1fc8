"""The language of the tiny exchange (`flavours`): an adapter that trades, in 250 lines."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec
from flavours import LOT, NAMED, NATIVES, REST, TICK, TINY, Flavour, Row
from msgspec.structs import replace

from tapefold.adapter import (
    AskedT,
    BookRule,
    Channel,
    Description,
    Frame,
    Known,
    Limits,
    OrderRef,
    Purpose,
    Rate,
    Request,
    Stream,
    Topic,
)
from tapefold.core import pack
from tapefold.events import (
    UNLISTED,
    AccountStreamChanged,
    AnyEvent,
    BalanceChanged,
    BalanceSnapshot,
    BookSnapshot,
    Fees,
    FeeScheduleSet,
    FillReported,
    InstrumentListed,
    OrderNotFound,
    OrderReported,
    OrderSubmitted,
    Refusal,
    RequestAnswered,
    TradingRulesSet,
)
from tapefold.units import Nanos, exact, fixed


class TinyAdapter:
    """The tiny exchange's language."""

    def __init__(self, flavour: Flavour = NAMED, windows: dict[str, Rate] | None = None) -> None:
        self.flavour = flavour
        self.description = Description(
            exchange=TINY,
            hosts=("tiny.test",),
            book=BookRule("first"),
            channels=("book",),
            example="ETH-USDT",
            limits=Limits(windows=windows or {}),
            account=flavour.rules,
        )

    def list_instruments(self) -> Request:
        return Request("GET", f"{REST}/instruments", "instruments")

    def snapshot(self, native_symbol: str, depth: int) -> Request:
        return Request("GET", f"{REST}/book?depth={depth}", "book", native_symbol)

    def clock(self) -> Request | None:
        return None

    def subscribe(self, natives: Sequence[str], channels: Sequence[Channel]) -> Stream:
        return Stream(f"wss://tiny.test/{'-'.join((*natives, *channels))}")

    def answers(self, request: Request, url: str) -> bool:
        return request.url == url

    def topic(self, data: bytes) -> Topic | None:
        return None

    def token(self) -> Request | None:
        wanted = self.flavour.rules.keep_alive
        return Request("POST", f"{REST}/token", "token") if wanted else None

    def read_token(self, frame: Frame) -> str:
        return msgspec.json.decode(frame.data, type=str)

    def keep_alive(self, token: str) -> Request | None:
        return Request("PUT", f"{REST}/token?token={token}", "keep_alive")

    def account_stream(self, token: str) -> Stream:
        return Stream(f"wss://tiny.test/account?token={token}", ("hello",), signed=True)

    def balances(self) -> Request:
        return _asking("GET", "balances")

    def open_orders(self) -> Request:
        return _asking("GET", "open_orders")

    def fees(self, native_symbol: str) -> Request | None:
        return None

    def place(self, order: OrderSubmitted, native_symbol: str) -> Request:
        price = order.price or (order.hold if order.side == "buy" else TICK)
        body = {
            "name": order.client_order_id,
            "native": native_symbol,
            "side": order.side,
            "type": order.order_type,
            "tif": order.tif,
            "amount": fixed(order.amount or Decimal(0)),
            "price": fixed(price),
        }
        return Request(
            "POST",
            f"{REST}/order",
            "place",
            order.client_order_id,
            body=json.dumps(body),
            signed=True,
            costs={"weight": 1, "orders": 1},
        )

    def cancel(self, order: OrderRef, attempt: int) -> Request:
        return replace(_asking("DELETE", "cancel", order), attempt=attempt)

    def query(self, order: OrderRef) -> Request:
        return _asking("GET", "order", order)

    def fills(self, order: OrderRef) -> Request:
        return _asking("GET", "fills", order)

    def refusal(self, frame: Frame) -> Refusal:
        word: Refusal = {429: "rate", 418: "rate", 401: "key", 503: "busy"}.get(
            frame.status, "other"
        )  # type: ignore[assignment]  # words of ours
        return word

    def sign(self, asked: AskedT, keys: Mapping[str, str], time: Nanos) -> AskedT:
        return asked

    def decode(self, frame: Frame, known: Known) -> Sequence[AnyEvent]:
        request = frame.request
        if request is None:
            return [_event(row, known) for row in json.loads(frame.data)]
        if request.purpose in ("place", "cancel"):
            return _changed(frame, request, known)
        if frame.status == 404 and request.purpose in ("order", "fills"):
            return [OrderNotFound(exchange=TINY, client_order_id=request.subject)]
        return _page(frame, request, known) if frame.status == 200 else []


def _page(frame: Frame, request: Request, known: Known) -> Sequence[AnyEvent]:
    rows = json.loads(frame.data)
    if request.purpose == "instruments":
        return [event for native in rows for event in _listed(native)]
    if request.purpose == "balances":
        return [_balance(rows)]
    if request.purpose == "book":
        return [_book(rows, known[request.subject].instrument)]
    return [_event(row, known) for row in rows]


def _asking(method: str, purpose: Purpose, order: OrderRef | None = None) -> Request:
    url, name = f"{REST}/{purpose}", ""
    if order:
        name = order.client_order_id
        url = f"{url}?name={name}&id={order.exchange_order_id}"
    return Request(method, url, purpose, name, signed=True, costs={"weight": 1})


def _listed(native: str) -> Sequence[AnyEvent]:
    base, quote = NATIVES[native]
    return [
        InstrumentListed(
            instrument=UNLISTED,
            exchange=TINY,
            symbol=f"{base}-{quote}",
            native_symbol=native,
            price_digits=1,
            size_digits=3,
            base=base,
            quote=quote,
            tick=TICK,
            lot=LOT,
            size_min=LOT,
            size_max=Decimal(1000),
            notional_min=Decimal(5),
        ),
        TradingRulesSet(instrument=UNLISTED, order_types=("limit", "limit_maker", "market")),
    ]


def _book(sides: Row, instrument: int) -> BookSnapshot:
    """Prices and sizes in the instrument's scale."""
    return BookSnapshot(
        instrument=instrument,
        time_exchange=0,
        sequence=1,
        packed_bids=pack(*sides["bids"]),
        packed_asks=pack(*sides["asks"]),
    )


def _balance(row: Row) -> BalanceSnapshot:
    return BalanceSnapshot(
        exchange=TINY,
        totals=_amounts(row["totals"]),
        held=_amounts(row["held"]),
        time_exchange=row["t"],
    )


def _amounts(said: Mapping[str, str]) -> Fees:
    return tuple(sorted((asset, exact(n, signed=True)) for asset, n in said.items()))


def _changed(frame: Frame, request: Request, known: Known) -> Sequence[AnyEvent]:
    """What became of an order or a cancel."""
    if frame.status == 200:
        return [_event(row, known) for row in json.loads(frame.data)]
    name, attempt = request.subject, request.attempt
    if frame.status == 202:
        return [RequestAnswered(client_order_id=name, request=attempt, outcome="taken")]
    if frame.status >= 500 or frame.status in (401, 418, 429) or b"duplicate" in frame.data:
        if request.purpose == "cancel" or frame.status >= 500 or b"duplicate" in frame.data:
            return [RequestAnswered(client_order_id=name, request=attempt, outcome="unanswered")]
        return [_refused(name, f"http_{frame.status}")]
    if request.purpose == "cancel":
        outcome: Literal["gone", "refused"] = "gone" if frame.status == 404 else "refused"
        return [RequestAnswered(client_order_id=name, request=attempt, outcome=outcome)]
    return [_refused(name, json.loads(frame.data)["error"])]


def _refused(name: str, reason: str) -> OrderReported:
    return OrderReported(exchange=TINY, client_order_id=name, says="rejected", reason=reason)


def _event(row: Row, known: Known) -> AnyEvent:
    match row["e"]:
        case "up":
            return AccountStreamChanged(exchange=TINY, state="up")
        case "ended":
            return AccountStreamChanged(exchange=TINY, state="ended", reason=row.get("why", ""))
        case "fee":
            maker, taker = exact(row["maker"]), exact(row["taker"])
            return FeeScheduleSet(exchange=TINY, maker_rate=maker, taker_rate=taker)
        case "balance":
            return BalanceSnapshot(exchange=TINY, totals=_amounts(row["totals"]), complete=False)
        case "deposit":
            return BalanceChanged(
                exchange=TINY,
                asset=row["asset"],
                delta=exact(row["delta"], signed=True),
                transfer_id=row["id"],
                time_exchange=row["t"],
            )
        case _:
            return _of_order(row, known)


def _of_order(row: Row, known: Known) -> FillReported | OrderReported:
    listed = known.get(row.get("native", ""))
    names: Any = {
        "exchange": TINY,
        "instrument": listed.instrument if listed else UNLISTED,
        "side": row.get("side", ""),
        "client_order_id": row.get("name", ""),
        "exchange_order_id": row["id"],
        "time_exchange": row["t"],
    }
    fees = _amounts(row["fees"]) if "fees" in row else None
    if row["e"] == "fill":
        price, amount = exact(row["price"]), exact(row["amount"])
        return FillReported(**names, fill_id=row["trade"], price=price, amount=amount, fees=fees)
    return OrderReported(
        **names,
        says=row["status"],
        executed=exact(row["executed"]) if "executed" in row else None,
        value=exact(row["value"]) if "value" in row else None,
        fees=fees,
    )
