"""The words of a scenario file: data. `reading.py` makes them of a file, and says what is wrong with it.

Amounts and prices are exact: a number as it was typed, or a sum of what is known when it is needed, such
as "ask * 1.01" (`sums.py`). Spans are in seconds.
"""

from decimal import Decimal
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct

from tapefold.adapter import Purpose
from tapefold.events import ZERO, OrderType, TimeInForce
from tapefold.units import Side

Number: TypeAlias = Decimal | str
"""Exact; a text is a sum, reckoned when it is needed."""
Seconds: TypeAlias = Decimal
Fields: TypeAlias = dict[str, str | Decimal | bool | tuple[str, ...] | dict[str, Number]]
"""What an event is to have: `event` is its class's name, `order` the name that the file gave an order, and
all else fields of that class. A field of amounts (`fees`) is a table; a field of several orders (`ended`) a
list of their names; a text is the field's word, or where the field is a number, a sum."""


class Word(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A table of a scenario file."""


class MarketWord(Word, frozen=True, kw_only=True):
    """A market that stands still, but for what the file does: its whole book at the start."""

    tick: Decimal = Decimal("0.01")
    """The step of prices."""
    step: Decimal = Decimal("0.0001")
    """The step of amounts."""
    bids: tuple[tuple[Decimal, Decimal], ...]
    """Price and amount, in any order."""
    asks: tuple[tuple[Decimal, Decimal], ...]


class FeeWord(Word, frozen=True, kw_only=True):
    """What trades cost: 0.001 are ten basis points."""

    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")


class FaultWord(Word, frozen=True, kw_only=True):
    """What goes wrong from here on, `times` often.

    Of requests (`of` says which; empty: any that is signed): `refused`, it is not done and answered with
    `status`; `unanswered`, it is done, and no answer comes; `lost`, it never arrives; `late`, its answer
    comes `by` seconds later; `lagging`, its page tells what was `by` seconds ago.
    Of events of the private stream: `dropped`, `twice`, `delayed` by `by` seconds. Of the book: `gap`,
    a frame of changes is never sent. `ahead`: the exchange's clock is, by `by` seconds, from now on.
    """

    what: Literal[
        "refused",
        "unanswered",
        "lost",
        "late",
        "lagging",
        "dropped",
        "twice",
        "delayed",
        "gap",
        "ahead",
    ]
    of: Purpose | Literal[""] = ""
    status: int = 503
    retry_after: int = 0
    by: Seconds = ZERO
    times: int = 1


class Given(Word, frozen=True, kw_only=True):
    """Where it plays: at a simulated exchange, or in a recording."""

    seed: int = 1
    instruments: tuple[str, ...] = ()
    """Subscribed to; else those of `markets`, or BTC-USDT. Where none is named the first is meant."""
    markets: dict[str, MarketWord] = {}
    """By instrument. One that is not here has strangers who trade: BTC-USDT, ETH-USDT or MOTE-USDT."""
    balances: dict[str, Decimal] = {}
    fees: FeeWord = FeeWord()
    faults: tuple[FaultWord, ...] = ()
    session: str = ""
    """A recording, as a path from the file; then nothing else is given but `overlay`."""
    overlay: str = ""
    """Edits of that recording, as a path from the file."""


class OrderWord(Word, frozen=True, kw_only=True):
    """Place an order. A number is sent as it was typed; a sum is moved to the market's step, a buy's price
    and every amount down, a sell's price up.
    """

    order: str
    """What the file calls it from here on."""
    side: Side
    amount: Number | None = None
    price: Number | None = None
    type: OrderType = "limit"
    tif: TimeInForce = "gtc"
    quote_amount: Number | None = None
    worst: Number | None = None
    expires_after: Seconds = ZERO
    instrument: str = ""


class LimitWord(Word, frozen=True, kw_only=True):
    """From here on no order may be more than this."""

    instrument: str = ""
    amount_max: Decimal | None = None
    notional_max: Decimal | None = None
    open_orders_max: int = 0


class FeeOverride(Word, frozen=True, kw_only=True):
    """From here on these fees are reckoned with, whatever the exchange says."""

    maker: Decimal
    taker: Decimal
    instrument: str = ""


class CancelAllWord(Word, frozen=True, kw_only=True):
    """Cancel all orders of ours, or those of one instrument."""

    instrument: str = ""
    timeout: Seconds = Decimal(10)


class StrangerWord(Word, frozen=True, kw_only=True):
    """Somebody else's order, which trades with what it crosses and else rests."""

    side: Side
    amount: Number
    price: Number | None = None
    """None: at the market."""
    instrument: str = ""
    same_account: bool = False
    """It is placed on our own account, by another program: no order of ours."""


class Step(Word, frozen=True, kw_only=True):
    """One `[[when]]`: exactly one thing to do, or to wait for. `note` says why, to readers."""

    submit: OrderWord | None = None
    cancel: str = ""
    """The order's name."""
    cancel_all: CancelAllWord | None = None
    query: str = ""
    halt: str = ""
    """The reason."""
    resume: bool = False
    limit_risk: LimitWord | None = None
    set_fees: FeeOverride | None = None
    subscribe: tuple[str, ...] = ()
    until: str = ""
    """An expression that must come true within `within` seconds."""
    within: Seconds = Decimal(10)
    wait: Seconds = ZERO
    check: str | tuple[str, ...] = ()
    """Expressions that must hold now."""
    fault: FaultWord | None = None
    disconnect: Literal["", "market", "account", "all"] = ""
    stranger: StrangerWord | None = None
    deposit: dict[str, Decimal] = {}
    restart: bool | tuple[str, ...] = False
    """The program ends, as if killed, and starts again on its log: with a list, subscribed to these
    instruments instead."""
    note: str = ""

    @property
    def does(self) -> str:
        """The name of what it does."""
        named = (name for name in ACTIONS if getattr(self, name) not in NOTHING_SAID)
        return next(named, "")


NOTHING_SAID: tuple[object, ...] = (None, "", (), False, {})
ACTIONS: tuple[str, ...] = tuple(
    name for name in Step.__struct_fields__ if name not in ("within", "note")
)
"""What a step can do, one at a time."""


class OrderThen(Word, frozen=True, kw_only=True):
    """How an order is at the end; what is not said is not looked at."""

    status: str = ""
    executed: Number | None = None
    amount: Number | None = None
    price: Number | None = None
    value: Number | None = None
    fees: dict[str, Number] | None = None
    doubt: str | None = None


class FillThen(Word, frozen=True, kw_only=True):
    """A fill, once."""

    order: str
    amount: Number
    price: Number
    value: Number | None = None
    fees: dict[str, Number] | None = None


class BalanceThen(Word, frozen=True, kw_only=True):
    """What there is of an asset at the end."""

    total: Number | None = None
    available: Number | None = None


class BookThen(Word, frozen=True, kw_only=True):
    """How a book is at the end."""

    state: str = ""
    best_bid: tuple[Number, Number] | None = None
    """Price and amount."""
    best_ask: tuple[Number, Number] | None = None
    gaps: int | None = None


class Then(Word, frozen=True, kw_only=True):
    """What must be true in the end. Of an order that `told` names, nothing else may have been told."""

    told: dict[str, tuple[Fields, ...]] = {}
    """By order, all conclusions about it, in their order, and no others."""
    facts: tuple[Fields, ...] = ()
    """Events that are in the log, in this order; others may be between them."""
    never: tuple[Fields, ...] = ()
    """Events that are not in the log."""
    orders: dict[str, OrderThen] = {}
    fills: tuple[FillThen, ...] | None = None
    """All of the log, in their order, each once."""
    balances: dict[str, Number | BalanceThen] = {}
    """A number is what is there in all."""
    books: dict[str, BookThen] = {}
    requests: dict[Purpose, int] = {}
    """How often it was asked for that."""
    holds: tuple[str, ...] = ()
    """Expressions."""
    after: Seconds = Decimal(1)
    """So long it goes on after the last step, so that what comes too late or too often is noticed."""


class Requirement(Word, frozen=True, kw_only=True):
    """What of an asset must be there for a run on a test network or live."""

    least: Decimal
    better: Decimal = ZERO
    """What is recommended."""


class Scenario(Word, frozen=True, kw_only=True):
    """A file."""

    title: str
    """A sentence."""
    exchanges: tuple[str, ...] = ()
    """Where it can be run; empty: wherever one can trade."""
    given: Given = Given()
    when: tuple[Step, ...] = ()
    then: Then = Then()
    requires: dict[str, Requirement] = {}
    """By asset; empty: it runs on simulators and recordings alone."""


class Place(Struct, frozen=True):
    """A scenario and where it was read."""

    path: Path
    scenario: Scenario
    lines: dict[str, int] = {}
    """By key, as in `then.orders.buy.status` or `when[2].submit.price`, the line that it stands on."""

    @property
    def name(self) -> str:
        """The file's, without `.toml`."""
        return self.path.stem

    def line(self, key: str) -> int:
        """Of a key, or of the nearest table around it; 1 where nothing is known."""
        while key not in self.lines and key:
            key = key[: max(key.rfind("."), key.rfind("["), 0)]
        return self.lines.get(key, 1)
