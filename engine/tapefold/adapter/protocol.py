"""What an adapter does: a few pure functions. No I/O, no clock, no module state."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias, TypeVar, cast

from msgspec import Struct

from tapefold.adapter.commands import Channel
from tapefold.adapter.description import Description, Stream, Topic
from tapefold.adapter.traffic import Frame, Request, Send
from tapefold.events import AnyEvent, InstrumentListed, OrderSubmitted, Refusal
from tapefold.units import Nanos

Known: TypeAlias = Mapping[str, InstrumentListed]
"""One exchange's instruments by their native names, as the log has them so far."""


class WrongInstrument(ValueError):
    """A frame that says it is about one instrument, and whose content is about another."""


class Adapter(Protocol):
    """One exchange's language. No I/O, no clock, no module state."""

    @property
    def description(self) -> Description:
        """What there is to know."""
        ...

    def list_instruments(self) -> Request:
        """Ask for the trading rules."""
        ...

    def snapshot(self, native_symbol: str, depth: int) -> Request:
        """Ask for a book."""
        ...

    def clock(self) -> Request | None:
        """Ask what time it is there; None where that cannot be asked."""
        ...

    def subscribe(self, natives: Sequence[str], channels: Sequence[Channel]) -> Stream:
        """How to hear of these channels of these instruments, all on one connection."""
        ...

    def decode(self, frame: Frame, known: Known) -> Sequence[AnyEvent]:
        """What a received frame or a response says; nothing where it says nothing that we use.

        Raises for what cannot be read, `ValueError` or msgspec's errors. A number that needs a finer
        scale first lists its instrument again, wider. An instrument that is not in *known* is given
        the number `UNLISTED`.
        """
        ...

    def answers(self, request: Request, url: str) -> bool:
        """Is *url*, of somebody else's capture, this request by another spelling?"""
        ...

    def topic(self, data: bytes) -> Topic | None:
        """What a received frame of somebody else's capture is about, if it is of any use to us."""
        ...


class OrderRef(Struct, frozen=True):
    """An order of ours by the names that an exchange may know it by."""

    native_symbol: str
    client_order_id: str
    exchange_order_id: str = ""
    """Empty where we do not know it."""


AskedT = TypeVar("AskedT", Request, Send)


class Trader(Adapter, Protocol):
    """What an adapter can besides whose exchange has accounts (`Description.account`).

    Of an answer to a private request `decode` is given every status: a refused order is a fact. It
    says `RequestAnswered` with the request's own `attempt` for what became of a cancel, and of an
    order whose fate the exchange does not tell; `OrderNotFound` for that answer and no other.
    An order or fill that names no instrument which is `known` is given `UNLISTED`.
    """

    def token(self) -> Request | None:
        """What to ask for before the private stream can be opened; None for nothing."""
        ...

    def read_token(self, frame: Frame) -> str:
        """The token in an answer; it is a secret. Raises as `decode`."""
        ...

    def keep_alive(self, token: str) -> Request | None:
        """Renew the token; None where that need not be."""
        ...

    def account_stream(self, token: str) -> Stream:
        """How to hear of orders and balances. That it is heard is an event: `AccountStreamChanged`."""
        ...

    def balances(self) -> Request:
        """Ask for all that the account holds."""
        ...

    def open_orders(self) -> Request:
        """Ask for all orders that are open, of all instruments."""
        ...

    def fees(self, native_symbol: str) -> Request | None:
        """Ask what trades of an instrument cost; None where the balances say it, or nobody does."""
        ...

    def place(self, order: OrderSubmitted, native_symbol: str) -> Request:
        """Place an order."""
        ...

    def cancel(self, order: OrderRef, attempt: int) -> Request:
        """Cancel an order."""
        ...

    def query(self, order: OrderRef) -> Request:
        """Ask how an order is."""
        ...

    def fills(self, order: OrderRef) -> Request:
        """Ask for an order's trades."""
        ...

    def refusal(self, frame: Frame) -> Refusal:
        """Why an answer is a refusal: a word of ours for its code."""
        ...

    def sign(self, asked: AskedT, keys: Mapping[str, str], time: Nanos) -> AskedT:
        """The same, signed at *time*. Called by the wire: the only place that sees a secret.

        Its errors carry none of it.
        """
        ...


def trader(adapter: Adapter) -> Trader | None:
    """The adapter as one that can trade; None where it cannot."""
    return cast("Trader", adapter) if adapter.description.account else None
