"""One exchange's private stream: its token, its lane, and what is held of it during a survey.

    token, where the exchange wants one ──▶ dial ──▶ say who we are ──▶ it is heard
                    ▲                                                       │
                    └──────────── ended, down, or never confirmed ◀─────────┘

An exchange that refuses the key is not asked again: that would not help, and gets an address banned.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from tapefold.adapter import Frame, Request, Stream, Subscribe, Trader
from tapefold.events import AccountStreamChanged
from tapefold.kernel.core import Core
from tapefold.kernel.lane import Lane, Part, Reading
from tapefold.kernel.lanes import Lanes
from tapefold.kernel.requests import Requests, Wanted
from tapefold.units import SECOND, Nanos

CONFIRM_MAX: Final = 10 * SECOND
"""How long an exchange may take to say that the stream is heard."""
TOKEN: Final[Wanted] = ("token", "")
KEEP_ALIVE: Final[Wanted] = ("keep_alive", "")
Told: TypeAlias = Callable[[Nanos], None]


class PrivateStream:
    """The private stream of one account. It tells when it is heard, and when it is no more."""

    def __init__(
        self, adapter: Trader, core: Core, requests: Requests, lanes: Lanes, reading: Reading
    ) -> None:
        self._adapter, self._core, self._requests, self._lanes = adapter, core, requests, lanes
        self._exchange = adapter.description.exchange
        account = adapter.description.account
        self._keep_alive = account.keep_alive if account else 0
        self.part = Part(Subscribe(self._exchange, (), channels=()), (), self._stream, reading)
        self._token = self._dialled = ""
        """The newest, and the one that the lane was dialled with."""
        self.state: str = "off"
        """`off`, `down`, `up`; `refused` until `again`."""
        self.rose: Told = _nobody
        """Called when it is heard."""
        self.fell: Told = _nobody
        """Called when it is heard no more."""

    @property
    def lane(self) -> Lane | None:
        """The lane that it is heard on."""
        return self._core.up.get(self.part.lane)

    def start(self, time: Nanos) -> None:
        """Have it, from now on."""
        if self.state == "off":
            self.state = "down"
            if self._adapter.token() is None:
                self._lanes.keep(time, self.part)
            else:
                self._requests.ask(time, TOKEN)

    def is_silent(self, now: Nanos, silence_max: Nanos) -> bool:
        """Whether it is not heard, or has said nothing for so long."""
        lane = self.lane
        return self.state != "up" or lane is None or now - lane.heard >= silence_max

    # Its lane

    def opened(self, time: Nanos) -> None:
        """The lane is up. Where nothing has to be said there, it is heard at once."""
        if self._dialled != self._token:
            self._hang_up(time)
            return
        stream = self._adapter.account_stream(self._token)
        if not stream.messages:
            self.changed(time, AccountStreamChanged(exchange=self._exchange, state="up"))
        else:
            self._core.at(time + CONFIRM_MAX, partial(self._unconfirmed, self.part.lane))

    def closed(self, time: Nanos) -> None:
        """The lane is down; it is dialled again while it is wanted."""
        if self.state == "up":
            self.state = "down"
            self.fell(time)

    def changed(self, time: Nanos, event: AccountStreamChanged) -> None:
        """The exchange says that it is heard, or is no more, or will not be."""
        self._core.append(time, event)
        if event.state == "up" and self.state == "down" and self.lane:
            self.state = "up"
            self.rose(time)
        elif event.state != "up":
            if event.reason == "key":
                self.refuse(time)
            self._hang_up(time)

    def refuse(self, time: Nanos) -> None:
        """The key is refused: be quiet until `again`, also on a lane that is only just dialled."""
        self.part.wanted = False
        self._lanes.unsubscribe(time, self.part.lane)
        self.state = "refused"

    def again(self) -> None:
        """The caller says that the key is good now: what was refused may be started anew."""
        if self.state == "refused":
            self.state, self._token, self.part.wanted = "off", "", True

    def _hang_up(self, time: Nanos) -> None:
        if self.lane:
            self._lanes.hang_up(time, self.part.lane)

    def _unconfirmed(self, lane: str, now: Nanos) -> None:
        if self.state == "down" and self.part.lane == lane:
            self._hang_up(now)

    # Its token

    def _stream(self) -> Stream:
        self._dialled = self._token
        return self._adapter.account_stream(self._token)

    def make(self, wanted: Wanted) -> Request:
        """What to ask for the token, or for its longer life."""
        asked = self._adapter.token() if wanted == TOKEN else self._adapter.keep_alive(self._token)
        assert asked is not None, "only who has a token asks for one"
        return asked

    def is_wanted(self, wanted: Wanted) -> bool:
        """Whether the token, or its longer life, is still needed."""
        return self.state in ("down", "up") and (wanted == TOKEN or bool(self._token))

    def got(self, frame: Frame) -> None:
        """The token came. Raises as the adapter's `read_token`."""
        first, self._token = not self._token, self._adapter.read_token(frame)
        if first:
            self._lanes.keep(frame.time, self.part)
            self._core.at(frame.time + self._keep_alive, self._renew)
        elif self._dialled != self._token:
            self._hang_up(frame.time)

    def expired(self, time: Nanos) -> None:
        """The token is not valid any more: with another one the stream is dialled anew."""
        self._requests.ask(time, TOKEN)
        self._hang_up(time)

    def _renew(self, now: Nanos) -> None:
        if self._keep_alive > 0 and self.state != "refused":
            self._requests.ask(now, KEEP_ALIVE)
            self._core.at(now + self._keep_alive, self._renew)


def _nobody(_: Nanos) -> None:
    """Nobody is told yet."""
