"""The client's part: each thing that it does, found on the tape, or a failure.

No sockets and no time in here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from tapefold.mock import failures
from tapefold.mock.free import FreePlay
from tapefold.mock.freedom import free_frame, free_request
from tapefold.mock.lanes import Ear
from tapefold.mock.match import Fields, Scoped, Unplayed, frame_fields, request_fields
from tapefold.mock.score import Score
from tapefold.mock.signatures import Signatures
from tapefold.mock.timeline import HttpRequest
from tapefold.units import Nanos


class Said(NamedTuple):
    """Something that the client did."""

    time: Nanos
    """By the tape."""
    lane: str
    """Of a request its exchange's, `binance/http`."""
    kind: str
    """`open`, `sent`, `request`, `close`."""
    text: str


class Part:
    """What the client does."""

    def __init__(self, score: Score) -> None:
        self.score, self.timeline = score, score.timeline
        self.lanes = score.lanes
        self.free = FreePlay(score.timeline)
        self._signatures = Signatures(score.timeline)
        self.sent: list[Said] = []
        """All of it, in order."""
        self._unplayed = Unplayed()
        timeline = self.timeline
        for line, fields in timeline.fields.items():
            if not timeline.free[line]:
                lane = timeline.lines[line].lane
                scope = lane if timeline.lines[line].kind == "sent" else ""
                self._unplayed.add(scope, fields, timeline.taping(lane), line)

    def request(self, asked: HttpRequest, hand: Callable[[int], None]) -> int | None:
        """A request. *hand* gets its answer's line when that has come.

        Gives the number of the recorded request that it is. Raises `Mismatch`.
        """
        timeline = self.timeline
        host = urlsplit(asked[1]).netloc
        lane = timeline.hosts.get(host)
        if lane is None:
            raise self.score.fail(failures.unknown_host(host, timeline.hosts))
        taping = timeline.taping(lane)
        fields = request_fields(*asked, taping=taping)
        self._log(lane, "request", f"{asked[0]} {asked[1]}")
        if rule := free_request(taping, fields):
            number = self.free.poll(fields, taping, rule, self._rank())
            if number is not None:
                self._refuse(self._signatures.of_request(number, asked))
                hand(timeline.replies[number])
                return None
        elif (line := self._choose("", fields, lane)) is not None:
            number = timeline.numbers[line]
            self._refuse(self._signatures.of_request(number, asked))
            self.score.waiting[number] = hand
            self.score.did(line)
            return number
        what = f"{fields['method']} {fields['path']}"
        raise self.score.fail(self._unmatched(what, lane, fields, [*timeline.requests.values()]))

    def gave_up(self, number: int) -> int | None:
        """The client waits no longer for the answer to a request; the line that it would have been."""
        self.score.waiting.pop(number, None)
        reply = self.timeline.replies.get(number)
        if reply is None or self.score.done[reply]:
            return None
        self.score.unread += 1
        self.score.mark(reply)
        self.score.changed(None)
        return reply

    def dial(self, lane: str, url: str) -> bool:
        """The client dials and says what it calls the connection: is that a lane of the tape?"""
        if not self.lanes.claim(lane, url):
            return False
        self._log(lane, "open", url)
        self.score.did(self.timeline.lanes[lane].lines[0])
        return True

    def knock(self, url: str, lane: str, ear: Ear) -> Sequence[str]:
        """A client is at the door; *lane* if it was dialled by that name. Which lanes may it be?"""
        if lane:
            self.lanes.knocked(lane, ear)
            self.score.changed(None)
            return [lane]
        among = self.lanes.candidates(url)
        if not among:
            self.score.fail(failures.unknown_connection(self.timeline, url, self.lanes.of(url)))
            return []
        # Which of them it is may show only later. Until then they are alike: it opens the first.
        opening = next(name for name in among if not self.lanes.dialled(name))
        self._log(opening, "open", url)
        self.lanes.knocked(opening, ear)
        self.score.did(self.timeline.lanes[opening].lines[0])
        return among

    def identify(self, among: Sequence[str], data: str | bytes) -> str | None:
        """Which of these lanes a connection is whose first frame this is."""
        likely: list[tuple[bool, int, str]] = []
        for name in self.lanes.free(among):
            fields = frame_fields(data, self.timeline.lanes[name].taping)
            if found := self._find(name, fields, name):
                likely.append((not found[0], found[1], name))
        if likely:
            return min(likely)[2]
        asked = frame_fields(data, self.timeline.lanes[among[0]].taping)
        sent = [line for name in among for line in self.lanes.sent(name)]
        what = f"first frame on a connection that may be {', '.join(among)}"
        self.score.fail(self._unmatched(what, among[0], asked, sent))
        return None

    def is_free(self, lane: str, data: str | bytes) -> bool:
        """Whether a frame is a heartbeat, or free for another reason."""
        return free_frame(self.timeline.lanes[lane].taping, data) is not None

    def become(self, lane: str, ear: Ear) -> None:
        """Now it is known which lane a connection is."""
        self.lanes.taken(lane, ear)
        self.score.changed(None)

    def say(self, lane: str, data: str | bytes) -> str | None:
        """A frame of the client's; what to answer at once, if it is a heartbeat."""
        taping = self.timeline.lanes[lane].taping
        self._log(lane, "sent", data if isinstance(data, str) else data.hex(" "))
        rule = free_frame(taping, data)
        if rule and isinstance(data, str):
            answer = self.free.beat(lane, data, rule, taping)
            if answer is None:
                self.score.fail(failures.no_heartbeat(lane, data))
            return answer
        fields = frame_fields(data, taping)
        line = self._choose(lane, fields, lane)
        if line is None:
            what = f"frame on {lane} ({self.timeline.lanes[lane].url})"
            self.score.fail(self._unmatched(what, lane, fields, self.lanes.sent(lane)))
        elif wrong := self._signatures.of_frame(line, data):
            self.score.fail(wrong)
        else:
            self.score.did(line)
        return None

    def hang_up(self, lane: str, code: int) -> int | None:
        """The client closed a lane. The line at which it should not have, if so."""
        self._log(lane, "close", str(code))
        left = self.lanes.left(lane)
        close = next((line for line in left if self.timeline.lines[line].kind == "close"), None)
        if close is not None and self.timeline.theirs[close]:
            return close
        for line in left:
            if self.timeline.theirs[line]:  # it hung up before it had heard all
                self.score.unread += 1
                self.score.mark(line)
        if close is not None:
            self.score.did(close)
        self.score.changed(None)
        return None

    def left(self) -> list[str]:
        """What was not done, and is missed: for when the client is gone."""
        timeline = self.timeline
        rows = self.free.out_of_bounds()
        if self.score.over:
            return rows
        open_lines = [
            i for i in range(len(timeline)) if not self.score.done[i] and not timeline.free[i]
        ]
        missing = [i for i in open_lines if not timeline.theirs[i] and i not in timeline.closes]
        unsaid = [i for i in open_lines if timeline.theirs[i] and i not in timeline.commands]
        return [*failures.left(timeline, missing, unsaid), *rows]

    def _choose(self, scope: str, fields: Fields, lane: str) -> int | None:
        found = self._find(scope, fields, lane)
        if found is None:
            return None
        _, line, new = found
        self.score.ids.bind(new, self.timeline.taping(lane))
        return line

    def _find(
        self, scope: str, fields: Fields, lane: str
    ) -> tuple[bool, int, Mapping[Scoped, str]] | None:
        taping = self.timeline.taping(lane)
        for line, exact in self._unplayed.find(scope, fields, taping, self.score.done):
            recorded = self.timeline.fields[line]
            new = self.score.ids.unify(fields, recorded, taping, lane, exact=exact)
            if new is not None:
                return exact, line, new
        return None

    def _refuse(self, wrong: str) -> None:
        """Fail, if anything is wrong. Raises `Mismatch`."""
        if wrong:
            raise self.score.fail(wrong)

    def _rank(self) -> int:
        """How many lines that are not free are done, in the tape's order."""
        rank = self.timeline.rank
        return rank[self.score.head] if self.score.head < len(rank) else len(rank)

    def _log(self, lane: str, kind: str, text: str) -> None:
        self.sent.append(Said(self.timeline.started_ns + self.score.reached, lane, kind, text))

    def _unmatched(self, what: str, lane: str, fields: Fields, among: Sequence[int]) -> str:
        asked = failures.Asked(what, lane, fields)
        return failures.unmatched(
            self.timeline, self.score.done, self.score.head, self.score.ids, asked, among
        )
