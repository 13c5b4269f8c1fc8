"""What comes of private requests: answers, refusals, and silence.

An order whose fate nobody tells is unanswered: it is asked about, and never sent again. So is one whose
answer cannot be read. Only a request that never left this machine is known to have done nothing.
"""

from typing import Final, Literal

from tapefold.adapter import Frame, Request, Trader
from tapefold.events import (
    AccountRequestFailed,
    AccountStreamChanged,
    OrderReported,
    RateLimited,
    Refusal,
    RequestAnswered,
)
from tapefold.kernel.account import Account, TakeIn
from tapefold.kernel.clock import ClockWatch
from tapefold.kernel.core import Core
from tapefold.kernel.private import KEEP_ALIVE, TOKEN
from tapefold.kernel.requests import OK, Requests, Wanted, resting

NOT_SENT: Final = "not_sent"
"""Why a request failed that never left: the one failure that tells what became of it."""
SERVER: Final = 500
"""From this status on it is the exchange's trouble, and may pass."""
_CHANGES: Final = ("place", "cancel")
_VITAL: Final = ("token", "keep_alive", "balances", "open_orders")
"""Without these an account cannot be followed: a key that may not ask for them is of no use."""


class Answers:
    """Takes in what comes of one account's requests."""

    def __init__(
        self, adapter: Trader, core: Core, requests: Requests, account: Account, clock: ClockWatch
    ) -> None:
        self._adapter, self._core, self._requests = adapter, core, requests
        self._account, self._clock = account, clock

    def came(self, frame: Frame, request: Request, take_in: TakeIn) -> None:
        """A response came, of whatever status."""
        exchange, time = self._account.rules.exchange, frame.time
        wanted: Wanted = request.purpose, request.subject
        self._requests.answered(wanted)
        if wait := resting(frame):
            self._core.append(time, RateLimited(exchange=exchange, status=frame.status, wait=wait))
            self._requests.rest(time + wait)
        if request.purpose in _CHANGES:
            if not take_in(self._account.reading, frame):
                self._unanswered(frame, request)
            self._account.heard_of(time, request.subject)
            if frame.status != OK and self._adapter.refusal(frame) == "time":
                self._clock.look(time)
            return  # a key that may not trade may still read: only what reads ends for it
        count = self._token(frame, wanted) or take_in(self._account.reading, frame)
        if count is not None and (count or frame.status == OK):
            if not self._requests.is_outdated(time, wanted):
                if request.purpose == "open_orders":
                    self._account.listed_open(time)
                self._account.answered(time, wanted)
        elif frame.status == OK:  # nobody can read it
            self._requests.try_again(time, wanted)
        else:
            self._refused(frame, wanted)

    def failed(self, frame: Frame, request: Request) -> None:
        """No response came."""
        wanted: Wanted = request.purpose, request.subject
        self._requests.answered(wanted)
        if request.purpose in _CHANGES:
            self._unanswered(frame, request)
            self._account.heard_of(frame.time, request.subject)
            return
        self._fail(frame, wanted, "")
        self._requests.try_again(frame.time, wanted)

    def _token(self, frame: Frame, wanted: Wanted) -> int:
        """Whether it was a token, or its longer life, and all is well with it."""
        if frame.status != OK or wanted not in (TOKEN, KEEP_ALIVE):
            return 0
        if wanted == TOKEN:
            try:
                self._account.stream.got(frame)
            except ValueError:  # msgspec's errors are ValueErrors too: no token is in it
                self._requests.try_again(frame.time, wanted)
        return 1

    def _unanswered(self, frame: Frame, request: Request) -> None:
        """Nobody says what became of an order or a cancel."""
        order = self._core.views.orders.find(request.subject)
        if order and request.purpose == "place" and frame.reason == NOT_SENT:
            self._core.append(
                frame.time,
                OrderReported(
                    exchange=order.exchange,
                    instrument=order.instrument,
                    side=order.side,
                    client_order_id=order.client_order_id,
                    says="rejected",
                    reason=NOT_SENT,
                ),
            )
            return
        event = RequestAnswered(
            client_order_id=request.subject, request=request.attempt, outcome="unanswered"
        )
        self._core.append(frame.time, event)

    def _refused(self, frame: Frame, wanted: Wanted) -> None:
        word = self._adapter.refusal(frame)
        self._fail(frame, wanted, word)
        if word == "time":
            self._clock.look(frame.time)
        elif word == "key" and wanted[0] in _VITAL:
            exchange = self._account.rules.exchange
            event = AccountStreamChanged(exchange=exchange, state="refused", reason="key")
            self._account.stream.changed(frame.time, event)
        if wanted[0] == "fees" and frame.status < SERVER and word not in ("rate", "time", "busy"):
            return  # the account's own fees will do
        if wanted == KEEP_ALIVE and word not in ("rate", "busy", "time"):
            self._account.stream.expired(frame.time)
        else:
            self._requests.try_again(frame.time, wanted)

    def _fail(self, frame: Frame, wanted: Wanted, word: Refusal | Literal[""]) -> None:
        purpose, subject = wanted
        event = AccountRequestFailed(
            exchange=self._account.rules.exchange,
            purpose=purpose,
            subject=subject,
            status=frame.status,
            refusal=word,
        )
        self._core.append(frame.time, event)
