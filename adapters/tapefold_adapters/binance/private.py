"""Binance's user stream: what it says of an account, as facts.

An event comes alone on a stream by its listen key, and on the WebSocket API in an envelope,
`{"subscriptionId": 0, "event": {...}}`; there are besides the answer to our subscription, and its end.
After a stream was down nothing is repeated.

Read: of executionReport s c C S x X i q A z Z t l L Y n N m T r eR; of outboundAccountPosition u B (a f l);
of balanceUpdate a d T. Nobody reads listStatus (each order of a list reports itself), externalLockUpdate,
nor any other event.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Raw, Struct

from tapefold import (
    AccountStreamChanged,
    AnyEvent,
    BalanceChanged,
    BalanceSnapshot,
    Known,
    exact,
    fixed,
)
from tapefold_adapters.binance.codes import ALREADY_SUBSCRIBED, code_of, refusal_of
from tapefold_adapters.binance.facts import (
    Execution,
    MaybeId,
    State,
    Subject,
    WireSide,
    holdings,
    without_prevented,
)
from tapefold_adapters.binance.messages import Id, Time, nanos


class _Report(
    Struct,
    gc=False,
    kw_only=True,
    rename={
        "symbol": "s",
        "client_order_id": "c",
        "canceled_order_id": "C",
        "side": "S",
        "happened": "x",
        "state": "X",
        "order_id": "i",
        "amount": "q",
        "prevented": "A",
        "executed": "z",
        "value": "Z",
        "trade_id": "t",
        "last_amount": "l",
        "last_price": "L",
        "last_value": "Y",
        "fee": "n",
        "fee_asset": "N",
        "maker": "m",
        "time": "T",
        "refused": "r",
        "expired": "eR",
    },
):
    """executionReport: something happened to an order, and how it is now."""

    symbol: str
    client_order_id: str
    canceled_order_id: str = ""
    """Ours, where a cancel that has an id of its own ended the order."""
    side: WireSide
    happened: str
    state: str
    order_id: Id
    amount: str = ""
    prevented: str | None = None
    """Of the amount what was taken away lest it trade with its own account."""
    executed: str
    value: str | None = None
    trade_id: MaybeId = -1
    last_amount: str = "0"
    last_price: str = "0"
    last_value: str | None = None
    fee: str | None = None
    fee_asset: str | None = None
    maker: bool | None = None
    time: Time
    refused: str | None = None
    expired: str | None = None


class _Balance(Struct, gc=False, rename={"asset": "a", "free": "f", "locked": "l"}):
    asset: str
    free: str
    locked: str


class _Position(Struct, gc=False):
    B: list[_Balance]
    u: Time


class _Moved(Struct, gc=False):
    a: str
    d: str
    T: Time


class _Result(Struct):
    subscriptionId: int | None = None


class _Frame(Struct):
    """An event, an event in its envelope, or an answer."""

    e: str = ""
    event: Raw = Raw()
    status: Annotated[int, msgspec.Meta(ge=0, lt=1000)] = 0
    result: _Result | None = None


_frame = msgspec.json.Decoder(_Frame).decode
_report = msgspec.json.Decoder(_Report).decode
_position = msgspec.json.Decoder(_Position).decode
_moved = msgspec.json.Decoder(_Moved).decode


def heard(data: bytes, exchange: str, known: Known) -> Sequence[AnyEvent]:
    """What a frame of the user stream says. Raises `ValueError`."""
    frame = _frame(data)
    if frame.status:
        return _answered(frame, data, exchange)
    if not frame.event:
        read = _EVENTS.get(frame.e)
        return [*read(data, exchange, known)] if read else ()
    inner = bytes(frame.event)
    name = _frame(inner).e
    if name in _LAST_WORDS:
        return (AccountStreamChanged(exchange=exchange, state="ended"),)
    read = _EVENTS.get(name)
    return [*read(inner, exchange, known)] if read else ()


def _answered(frame: _Frame, data: bytes, exchange: str) -> Sequence[AnyEvent]:
    """Of our subscription; or, to nobody, that the key is good no more."""
    if frame.status == 200:
        if frame.result is None or frame.result.subscriptionId is None:
            return ()
        return (AccountStreamChanged(exchange=exchange, state="up"),)
    if code_of(data) == ALREADY_SUBSCRIBED:
        return (AccountStreamChanged(exchange=exchange, state="up"),)
    reason = refusal_of(frame.status, data)
    return (AccountStreamChanged(exchange=exchange, state="refused", reason=reason),)


def _executed(data: bytes, exchange: str, known: Known) -> Iterator[AnyEvent]:
    said = _report(data)
    subject = Subject(
        exchange=exchange,
        row=known.get(said.symbol),
        side=said.side,
        client_order_id=said.canceled_order_id or said.client_order_id,
        order_id=said.order_id,
        time=nanos(said.time),
    )
    # By hand an order can be made smaller and keep its id. That `q` is then its new size is unverified.
    size = without_prevented(said.state, said.amount, said.prevented)
    if size is None and said.happened == "REPLACED" and said.amount:
        size = exact(said.amount)
    why = said.expired or said.refused
    yield subject.order(State(said.state, said.executed, said.value, why, size))
    if said.happened == "TRADE":
        yield subject.fill(
            Execution(
                number=said.trade_id,
                price=said.last_price,
                amount=said.last_amount,
                fee=said.fee,
                asset=said.fee_asset,
                value=said.last_value,
                maker=said.maker,
            )
        )


def _holds(data: bytes, exchange: str, _known: Known) -> Iterator[AnyEvent]:
    said = _position(data)
    totals, held = holdings([(row.asset, row.free, row.locked) for row in said.B], complete=False)
    yield BalanceSnapshot(
        exchange=exchange, totals=totals, complete=False, held=held, time_exchange=nanos(said.u)
    )


def _transferred(data: bytes, exchange: str, _known: Known) -> Iterator[AnyEvent]:
    """It has no id: asset, time and amount are taken for one.

    Twice the same amount within one millisecond would count once, until the next balances show it.
    """
    said = _moved(data)
    delta = exact(said.d, signed=True)
    yield BalanceChanged(
        exchange=exchange,
        asset=said.a,
        delta=delta,
        transfer_id=f"{said.T}:{said.a}:{fixed(delta)}",
        time_exchange=nanos(said.T),
    )


_Read: TypeAlias = Callable[[bytes, str, Known], Iterator[AnyEvent]]
_EVENTS: Final[dict[str, _Read]] = {
    "executionReport": _executed,
    "outboundAccountPosition": _holds,
    "balanceUpdate": _transferred,
}
_LAST_WORDS: Final = frozenset({"eventStreamTerminated", "serverShutdown"})
EVENTS: Final = frozenset(_EVENTS)
"""Names of the events that are read, by which they are known on a stream of a listen key."""
