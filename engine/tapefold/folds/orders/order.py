"""One order: what it is, and what a fact about it does."""

from decimal import Decimal
from functools import cached_property

from msgspec.structs import replace

from tapefold.events import (
    UNLISTED,
    Doubt,
    FillReported,
    Named,
    OrderCancelRequested,
    OrderNotFound,
    OrderReported,
    RequestAnswered,
    Status,
)
from tapefold.folds.orders.evidence import ENDS, OrderFact, Sum, evidence
from tapefold.folds.orders.life import Life
from tapefold.folds.orders.standing import Due, Standing, stand
from tapefold.units import exactly


class Order(Life, dict=True, kw_only=True, array_like=True):
    """An order of the account. Its fields are the fold's to change; everything else follows from them."""

    @cached_property
    def standing(self) -> Standing:
        """What all of it comes to, computed once a change."""
        with exactly():
            return stand(self)

    @property
    def status(self) -> Status:
        """What it is."""
        return self.standing.status

    @property
    def ended(self) -> bool:
        """Whether its end is proven."""
        return self.standing.status in ENDS

    @property
    def doubt(self) -> Doubt:
        """What of it is not known; empty for nothing."""
        return self.standing.doubt

    @property
    def due(self) -> Due:
        """What to ask the exchange about it now; empty for nothing."""
        return self.standing.due

    @property
    def held(self) -> Decimal:
        """What it reserves of the asset that it pays with."""
        return self.standing.held

    @property
    def done(self) -> Sum:
        """All fills that count, together."""
        return self.standing.done

    @property
    def executed(self) -> Decimal:
        """The amount of all fills that count, of base."""
        return self.standing.done.amount

    @property
    def quiet(self) -> bool:
        """All of it is told and proven, so whatever comes about it can only repeat."""
        now, told = self.standing, self.told
        if told.abroad or told.fills != now.fills:
            return False
        if self.intent is None:
            return told.foreign
        if now.status not in ENDS or told.unclosed or now.owes_fees or now.doubt == "unreconciled":
            return False
        return (told.ended, told.total, told.doubt) == (now.status, now.done, now.doubt)

    def changed(self) -> None:
        """A field has a new value: compute the standing anew when somebody asks."""
        vars(self).pop("standing", None)

    def weigh(self) -> None:
        """Compute the standing at once. Within `exactly()`: to do it there takes half as long."""
        vars(self)["standing"] = stand(self)

    def learn(self, fact: OrderFact) -> None:
        """Take a fact in."""
        self.evidence.join(evidence(fact))
        match fact:
            case FillReported() | OrderReported():
                self._heard(fact)
            case OrderNotFound():
                self.missing += fact.silent >= self.rules.grace
            case OrderCancelRequested():
                self.cancel, self.request = "sent", fact.request
            case RequestAnswered(request=0):
                if self.submit == "sent":
                    lost = fact.outcome == "unanswered"
                    self.submit = "unanswered" if lost else "answered"
            case RequestAnswered() if fact.request == self.request:
                self._cancel_answered(fact)
            case _:  # an answer to an older request changes nothing; all else is in the evidence
                pass
        self.changed()

    def unanswered(self) -> list[RequestAnswered]:
        """What of it an earlier run asked, to which no answer can come any more."""
        waits = (0, self.submit == "sent"), (self.request, self.cancel == "sent")
        name = self.client_order_id
        return [
            RequestAnswered(client_order_id=name, request=request, outcome="unanswered")
            for request, lost in waits
            if lost
        ]

    def is_meant_by(self, fact: Named) -> bool:
        """Whether a fact that wears its name is about it.

        A client order id is given once in a run, but an account may have it from somewhere else.
        """
        return (
            self.exchange == fact.exchange
            and fact.side in ("", self.side)
            and fact.instrument in (UNLISTED, self.instrument)
        )

    def absorb(self, stranger: "Order") -> None:
        """A stranger turns out to be this order."""
        self.evidence.join(stranger.evidence)
        self.told.abroad = stranger.told.fills
        self.submit, self.missing = "answered", 0
        self.changed()

    def copy(self) -> "Order":
        """The same, and from here on its own."""
        return replace(self, evidence=self.evidence.copy(), told=self.told.copy())

    def _heard(self, fact: FillReported | OrderReported) -> None:
        self.submit = "answered"
        # That it ended rests on its not being found, where that means something; hearing of its end
        # again is no sign of life.
        if not (self.ended and isinstance(fact, OrderReported) and fact.says in ENDS):
            self.missing = 0
        if self.instrument == UNLISTED:
            self.instrument = fact.instrument
        self.side = self.side or fact.side
        self.client_order_id = self.client_order_id or fact.client_order_id
        if self.cancel == "gone" and isinstance(fact, OrderReported) and fact.says == "open":
            self.cancel = "again"  # the cancel had overtaken it; now there is something to cancel

    def _cancel_answered(self, fact: RequestAnswered) -> None:
        match fact.outcome:
            case "unanswered":
                self.cancel = "again"  # a cancel may be sent twice, an order never
            case "refused":
                self.cancel, self.refused = "", (fact.request, fact.reason)
            case "taken" | "gone":
                self.cancel = fact.outcome
