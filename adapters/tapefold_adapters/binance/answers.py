"""What Binance answers about orders and an account, over HTTP, as facts.

Whether an order or a cancel was taken is told by status and code together (`codes.py`):

* an order that was refused is `rejected`, with the reason. Where nobody knows, or it is called a
  duplicate (then an order of that id is there), it is `unanswered`;
* a cancel of an order that is not there, or not any more, is `gone`. One that was refused for what may
  pass (rate, time, an overloaded exchange), or of which nobody knows, is `unanswered`: it is asked again;
* an order that was not found is `OrderNotFound`. One that is archived, as are those that ended without
  a trade more than 90 days ago, was canceled. Any other error says nothing about an order.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from msgspec import Struct

from tapefold import (
    ZERO,
    AnyEvent,
    BalanceSnapshot,
    FeeScheduleSet,
    Frame,
    Known,
    OrderNotFound,
    OrderReported,
    Outcome,
    Refusal,
    Request,
    RequestAnswered,
    exact,
    exactly,
    tidy,
)
from tapefold_adapters.binance.codes import (
    ARCHIVED,
    NO_SUCH_ORDER,
    code_of,
    refusal_of,
)
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

_UNKNOWN: Final[frozenset[Refusal]] = frozenset({"unknown_outcome", "busy", "duplicate"})
_PASSING: Final[frozenset[Refusal]] = frozenset({"rate", "time"})


class _Fill(Struct, gc=False):
    price: str
    qty: str
    commission: str | None = None
    commissionAsset: str | None = None
    tradeId: MaybeId = -1


class _Order(Struct, gc=False, kw_only=True):
    symbol: str
    orderId: Id
    clientOrderId: str
    origClientOrderId: str = ""
    """Ours, in the answer to a cancel: `clientOrderId` is then the cancel's own."""
    side: WireSide | None = None
    status: str = ""
    origQty: str = "0"
    preventedQuantity: str | None = None
    executedQty: str | None = None
    cummulativeQuoteQty: str | None = None
    transactTime: Time = 0
    updateTime: Time = 0
    time: Time = 0
    expiryReason: str | None = None
    fills: list[_Fill] = []


class _Trade(Struct, gc=False):
    symbol: str
    id: Id
    orderId: Id
    price: str
    qty: str
    time: Time
    isBuyer: bool
    isMaker: bool | None = None
    quoteQty: str | None = None
    commission: str | None = None
    commissionAsset: str | None = None


class _Balance(Struct, gc=False):
    asset: str
    free: str
    locked: str


class _Rates(Struct, gc=False):
    maker: str
    taker: str
    buyer: str = "0"
    seller: str = "0"


_BasisPoints = Annotated[int, msgspec.Meta(ge=0, le=10_000)]


class _Account(Struct, gc=False, kw_only=True):
    balances: list[_Balance]
    commissionRates: _Rates | None = None
    makerCommission: _BasisPoints | None = None
    takerCommission: _BasisPoints | None = None
    updateTime: Time = 0


class _Commission(Struct, gc=False):
    symbol: str
    standardCommission: _Rates
    specialCommission: _Rates | None = None
    taxCommission: _Rates | None = None


_order = msgspec.json.Decoder(_Order).decode
_orders = msgspec.json.Decoder(list[_Order]).decode
_trades = msgspec.json.Decoder(list[_Trade]).decode
_account = msgspec.json.Decoder(_Account).decode
_commission = msgspec.json.Decoder(_Commission).decode


class Answers:
    """Of one exchange."""

    def __init__(self, exchange: str) -> None:
        self._exchange = exchange

    def said(self, frame: Frame, request: Request, known: Known) -> Sequence[AnyEvent]:
        """What a private answer of any status says. Raises `ValueError`."""
        if not 200 <= frame.status < 300:
            return [*self._refused(frame, request)]
        return [*self._told(frame.data, request, known)]

    def _told(self, data: bytes, request: Request, known: Known) -> Iterator[AnyEvent]:
        match request.purpose:
            case "place" | "cancel" | "order":
                yield from self._one(_order(data), request, known)
            case "open_orders":
                for row in _orders(data):
                    yield self._subject(row, known).order(_state(row))
            case "fills":
                for trade in _trades(data):
                    yield self._trade(trade, known)
            case "balances":
                yield from self._holds(_account(data))
            case "fees":
                yield from self._rated(_commission(data), known)
            case _:
                pass

    def _refused(self, frame: Frame, request: Request) -> Iterator[AnyEvent]:
        why = refusal_of(frame.status, frame.data)
        code = None if frame.status >= 500 else code_of(frame.data)  # a fault proves nothing
        match request.purpose:
            case "place" if why not in _UNKNOWN:
                name = request.subject
                yield OrderReported(
                    exchange=self._exchange, client_order_id=name, says="rejected", reason=why
                )
            case "place" | "cancel":
                yield _became(request, why)
            case "order" if code == NO_SUCH_ORDER:
                yield OrderNotFound(exchange=self._exchange, client_order_id=request.subject)
            case "order" if code == ARCHIVED:
                yield OrderReported(
                    exchange=self._exchange,
                    client_order_id=request.subject,
                    says="canceled",
                    executed=ZERO,
                    reason="archived",
                )
            case _:
                pass

    def _subject(self, row: _Order, known: Known) -> Subject:
        return Subject(
            exchange=self._exchange,
            row=known.get(row.symbol),
            side=row.side,
            client_order_id=row.origClientOrderId or row.clientOrderId,
            order_id=row.orderId,
            time=nanos(row.transactTime or row.updateTime or row.time),
        )

    def _one(self, row: _Order, request: Request, known: Known) -> Iterator[AnyEvent]:
        subject = self._subject(row, known)
        told = subject.order(_state(row))
        yield told
        if request.purpose == "cancel" and told.says not in ("filled", "canceled", "expired"):
            yield RequestAnswered(
                client_order_id=request.subject, request=request.attempt, outcome="taken"
            )
        for fill in row.fills:
            if fill.tradeId >= 0:  # without its number it might be counted twice
                fee, asset = fill.commission, fill.commissionAsset
                yield subject.fill(Execution(fill.tradeId, fill.price, fill.qty, fee, asset))

    def _trade(self, row: _Trade, known: Known) -> AnyEvent:
        subject = Subject(
            exchange=self._exchange,
            row=known.get(row.symbol),
            side="BUY" if row.isBuyer else "SELL",
            client_order_id="",
            order_id=row.orderId,
            time=nanos(row.time),
        )
        return subject.fill(
            Execution(
                number=row.id,
                price=row.price,
                amount=row.qty,
                fee=row.commission,
                asset=row.commissionAsset,
                value=row.quoteQty,
                maker=row.isMaker,
            )
        )

    def _holds(self, account: _Account) -> Iterator[AnyEvent]:
        rows = [(row.asset, row.free, row.locked) for row in account.balances]
        totals, held = holdings(rows, complete=True)
        yield BalanceSnapshot(
            exchange=self._exchange,
            totals=totals,
            held=held,
            time_exchange=nanos(account.updateTime),
        )
        maker, taker = account.makerCommission, account.takerCommission
        if account.commissionRates:
            maker_rate, taker_rate = _rates([account.commissionRates])
        elif maker is not None and taker is not None:
            maker_rate, taker_rate = _of_basis_points(maker), _of_basis_points(taker)
        else:
            return
        yield FeeScheduleSet(exchange=self._exchange, maker_rate=maker_rate, taker_rate=taker_rate)

    def _rated(self, said: _Commission, known: Known) -> Iterator[AnyEvent]:
        row = known.get(said.symbol)
        if row is None:  # without its number it would be everybody's
            return
        parts = said.standardCommission, said.specialCommission, said.taxCommission
        maker, taker = _rates([part for part in parts if part])
        yield FeeScheduleSet(
            exchange=self._exchange,
            maker_rate=maker,
            taker_rate=taker,
            instrument=row.instrument,
        )


def _became(request: Request, why: Refusal) -> RequestAnswered:
    """What became of a cancel, or of an order whose fate the exchange does not tell."""
    outcome: Outcome = "refused"
    if why in _UNKNOWN or why in _PASSING:
        outcome = "unanswered"
    elif why == "unknown_order":
        outcome = "gone"
    return RequestAnswered(
        client_order_id=request.subject,
        request=request.attempt,
        outcome=outcome,
        reason=why,
    )


def _state(row: _Order) -> State:
    size = without_prevented(row.status, row.origQty, row.preventedQuantity)
    return State(row.status, row.executedQty, row.cummulativeQuoteQty, row.expiryReason, size)


def _rates(parts: Sequence[_Rates]) -> tuple[Decimal, Decimal]:
    """Maker's and taker's, of what is charged together, on whichever side is dearer."""
    with exactly():
        sides = [max(exact(part.buyer), exact(part.seller)) for part in parts]
        both = sum(sides, ZERO)
        maker = sum((exact(part.maker) for part in parts), both)
        taker = sum((exact(part.taker) for part in parts), both)
    return tidy(maker), tidy(taker)


def _of_basis_points(points: int) -> Decimal:
    with exactly():
        return tidy(Decimal(points) / 10_000)
