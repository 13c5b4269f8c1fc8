"""What is kept of an order: its names, what is proven about it, what we asked, what was told."""

from decimal import Decimal
from typing import Final, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from tapefold.events import UNLISTED, AccountWatched, Doubt, OrderSubmitted, Status
from tapefold.folds.orders.evidence import NONE, Evidence, Sum
from tapefold.units import MINUTE, SECOND, Side

DEFAULT: Final = AccountWatched(
    exchange="", missing_max=3, grace=10 * SECOND, settle=30 * SECOND, closed=2 * MINUTE
)
"""The rules of an exchange that nobody watches yet."""


class Told(Struct, array_like=True):
    """What the conclusions in the log have said about an order."""

    accepted: bool = False
    foreign: bool = False
    fills: dict[str, Sum] = field(default_factory=dict[str, Sum])
    abroad: dict[str, Sum] = field(default_factory=dict[str, Sum])
    """Told as a foreign order's, before we knew that it is ours: to be taken back."""
    ended: Status | Literal[""] = ""
    """The end, or the status that it was corrected to."""
    total: Sum = NONE
    unclosed: bool = False
    """Fills were told or corrected after the end, and what holds now was not."""
    doubt: Doubt = ""
    refused: int = 0
    """The last cancel whose refusal was told."""

    def copy(self) -> "Told":
        """The same, and from here on its own."""
        return replace(self, fills={**self.fills}, abroad={**self.abroad})


class Life(Struct, dict=True, kw_only=True, array_like=True):
    """An order of the account: all that is kept of it. Everything else follows from that."""

    number: int
    """Counts the orders as they appear; ours anew when they are submitted."""
    exchange: str
    rules: AccountWatched
    instrument: int = UNLISTED
    side: Side | Literal[""] = ""
    client_order_id: str = ""
    exchange_order_id: str = ""
    """The first that was said; empty while none was."""
    intent: OrderSubmitted | None = None
    """None: it is not ours."""
    evidence: Evidence = field(default_factory=Evidence)
    told: Told = field(default_factory=Told)
    # From here on the order of facts matters, since we are the cause of them.
    submit: Literal["sent", "answered", "unanswered"] = "sent"
    cancel: Literal["", "sent", "taken", "gone", "again"] = ""
    request: int = 0
    """The last cancel that was asked for; 0: none."""
    refused: tuple[int, str] = (0, "")
    """The last cancel that was refused for good, and why."""
    missing: int = 0
    """Not-founds in a row that count."""

    @property
    def amount(self) -> Decimal | None:
        """Its size of base, also where the exchange changed it; None for an order by value."""
        if self.evidence.amount is not None:
            return self.evidence.amount[1]
        return self.intent.amount if self.intent else None
