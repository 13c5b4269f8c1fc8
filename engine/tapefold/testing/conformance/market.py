"""A session's market data, line by line.

Read are subscriptions, lanes, frames, and answers with instruments and books; an account's lanes and
requests are none of it.
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from typing import Final

import msgspec

from tapefold.adapter import Adapter, Command, Declare, Request, Subscribe, Unsubscribe
from tapefold.events import BookDelta, BookSnapshot
from tapefold.session import Session
from tapefold.session.tape import (
    Asked,
    Opened,
    frame_data,
    read_answered,
    read_asked,
    read_closed,
    read_command,
)
from tapefold.testing.conformance.walk import Moment, Walk
from tapefold.units import Nanos

_CARRIED: Final = ("opened", "recv", "close")
_opened = msgspec.json.Decoder(Opened).decode
LEAD: Final = 32
"""Moments by which a walk begins before the one that it is for, where it can."""
LEAD_MAX: Final = 500
"""Moments that it goes back for a place where all books are live: of some tapes one book never is."""


class Market:
    """What a session's tape says of the markets of one exchange."""

    def __init__(self, session: Session, adapter: Adapter) -> None:
        self.session, self.adapter = session, adapter
        self.exchange = adapter.description.exchange
        self.lines = 0
        self.moments: list[Moment] = []
        walk = Walk(self.adapter)
        for moment in self._read():
            self.moments.append(walk.decoded(moment))
            walk.take(self.moments[-1])
        self._begun, self._walk = Walk(self.adapter), Walk(self.adapter)
        """Where the last walk began, and how far all of them have come."""

    def before(self, at: int) -> Walk:
        """A walk that begins a little before a moment, with all books live, or at the tape's beginning.

        Where some book is live nowhere near, it begins without that one.
        To ask for moments in their order is fast: the walk goes on from the last one.
        """
        if at <= max(LEAD, self._begun.at):
            self._begun, self._walk = Walk(self.adapter), Walk(self.adapter)
        walk = self._walk
        while walk.at < at - 1 and not (walk.at >= at - LEAD and walk.all_live):
            walk.take(self.moments[walk.at])
        good = walk.all_live or walk.at - self._begun.at > LEAD_MAX
        if good and at > LEAD and self._begun.at < walk.at < at:
            self._begun = walk.copy()
        return self._begun.copy()

    def silence(self, lane: str) -> Nanos:
        """The longest time between two frames of a lane."""
        return self._silences.get(lane, 0)

    @cached_property
    def _silences(self) -> dict[str, Nanos]:
        heard: dict[str, list[Nanos]] = {}
        for each in self.moments:
            heard.setdefault(each.lane, []).append(each.time)
        return {
            lane: max((after - before for before, after in pairwise(times)), default=0)
            for lane, times in heard.items()
        }

    def books(self, at: int) -> list[int]:
        """The instruments whose books a moment changes, or would."""
        kinds = (BookDelta, BookSnapshot)
        events = self.moments[at].events
        return [each.instrument for each in events if isinstance(each, kinds)]

    def book_frames(self) -> list[int]:
        """The moments that are received frames of books."""
        return [
            n for n, moment in enumerate(self.moments) if moment.kind == "recv" and self.books(n)
        ]

    def _read(self) -> Iterator[Moment]:
        """Lines as they are; what they say is decoded in the walk."""
        start = self.session.meta.started_ns
        urls: dict[str, str] = {}
        asked: dict[int, tuple[int, Asked]] = {}
        answers = self.session.cassette()
        for number, line in enumerate(self.session.lines(), 1):
            self.lines = number
            if line.lane != "engine" and line.lane.partition("/")[0] != self.exchange:
                continue
            time, data = start + line.at, bytes(line.data)
            if line.kind == "open":
                urls[line.lane] = _opened(data).url
            elif line.kind == "request":
                request = read_asked(data)
                asked[request.n] = number, request
            elif line.kind == "command":
                command: Command = read_command(data)
                if isinstance(command, Declare | Subscribe | Unsubscribe):
                    yield Moment(number, time, "command", command=command)
            elif line.kind == "response":
                answered = read_answered(data)
                body = answers.answer(answered.n).body
                at, request = asked[answered.n]
                plain = Request(request.method, request.url, "book", body=request.body)
                yield Moment(number, time, "response", line.lane, body, plain, at, answered.status)
            elif line.kind in _CARRIED:
                frame = frame_data(line) if line.kind == "recv" else b""
                status = read_closed(data).code if line.kind == "close" else 0
                url = urls.get(line.lane, "")
                yield Moment(number, time, line.kind, line.lane, frame, status=status, url=url)
