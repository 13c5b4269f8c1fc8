"""A tape, loaded and looked at once: whose each line is, what it waits for, and what is free.

It says nothing of a play: what is done, and what comes next, is the score's business.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, NoReturn, TypeAlias, TypeVar
from urllib.parse import urlsplit

import msgspec

from tapefold.adapter import Adapter, Command, Free, Taping, Trader, trader
from tapefold.errors import SessionError
from tapefold.mock.freedom import free_frame, free_request
from tapefold.mock.match import frame_fields, request_fields
from tapefold.session import Line, Session
from tapefold.session.tape import (
    ENGINE,
    Answered,
    Asked,
    Closed,
    Failed,
    Opened,
    frame_data,
    read_answered,
    read_asked,
    read_closed,
    read_command,
    read_failed,
)
from tapefold.units import Nanos

SAFE: Final = ("GET", "HEAD")
"""Requests that change nothing: nothing waits for them but their answer."""
_read_opened = msgspec.json.Decoder(Opened).decode
_T = TypeVar("_T")


HttpRequest: TypeAlias = tuple[str, str, Mapping[str, str], str]
"""Method, URL, headers, body."""


class Answer(NamedTuple):
    """What came over HTTP."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    asked: HttpRequest | None = None
    """What it answers, as it was sent: signed, if it was, and masked."""


class Signer(NamedTuple):
    """Who signs for an exchange, and with what: what stands in for its credentials."""

    adapter: Trader
    keys: Mapping[str, str]


class Beat(NamedTuple):
    """A heartbeat, and what the exchange said to it."""

    asked: str
    answer: str


class Lane:
    """One connection of the tape's."""

    def __init__(self, name: str, url: str, taping: Taping) -> None:
        self.name, self.url, self.taping = name, url, taping
        self.lines: list[int] = []
        """Its lines by number from 0: the first is `open`."""


class Timeline:
    """All lines of a tape in order, and what is to be known of them. Lines are numbered from 0.

    Raises `SessionError` for lines that make no sense where they stand.
    """

    def __init__(
        self,
        lines: Iterable[Line],
        answers: Mapping[int, Answer],
        tapings: Mapping[str, Taping],
        *,
        started_ns: Nanos,
        cut: bool = False,
    ) -> None:
        self.answers, self.tapings, self.started_ns = answers, tapings, started_ns
        self.cut = cut
        """It was cut off: what the client said last need not be said again."""
        self.signers: Mapping[str, Signer] = {}
        """By exchange, who signs there; of those alone whose credentials have stand-ins."""
        self.lines: list[Line] = []
        self.lanes: dict[str, Lane] = {}
        self.fields: dict[int, dict[str, str]] = {}
        """Of what the client sent and asked."""
        self.numbers: dict[int, int] = {}
        """Of requests, answers and failures, by their lines."""
        self.requests: dict[int, int] = {}
        """The line of each request, by its number; likewise its answer or failure."""
        self.replies: dict[int, int] = {}
        self.failed: dict[int, str] = {}
        self.closes: dict[int, Closed] = {}
        self.commands: dict[int, Command] = {}
        self.hosts: dict[str, str] = {}
        """In which lane a host of HTTP answers."""
        self.free_asked: dict[int, Free] = {}
        """The rule by which a request, by its number, is free."""
        self.beats: dict[str, list[Beat]] = {}
        self.theirs = bytearray()
        """Whether a line is the exchange's, or a command: what is played to the client."""
        self.free = bytearray()
        self.writes = array("q")
        """The lines of the client's that may have effects in any lane."""
        self.rank = array("q")
        """How many lines that are not free stand above."""
        self._pending: dict[str, list[tuple[Free, str]]] = {}
        self._ended: set[str] = set()
        for line in lines:
            self._add(line)
        self.last_played = self.theirs.rfind(1)
        """The last line that is not the client's."""

    def __len__(self) -> int:
        """How many lines."""
        return len(self.lines)

    def time(self, line: int) -> Nanos:
        """When a line was, in nanoseconds since 1970."""
        return self.started_ns + self.lines[line].at

    def at(self, line: int) -> Nanos:
        """When it was, since the session's start."""
        return self.lines[line].at

    def taping(self, lane: str) -> Taping:
        """What the exchange of a lane declares."""
        return self.tapings.get(lane.partition("/")[0], _NONE)

    def origins(self) -> dict[str, str]:
        """The origins of all connections (`wss://host:port`), and one URL of each."""
        return {origin(lane.url): lane.url for lane in self.lanes.values()}

    def _add(self, line: Line) -> None:
        number = len(self.lines)
        if line.kind == "response" and self._read(read_answered, line).n not in self.answers:
            if not self.cut:
                self._wrong("answers a request, and http.yaml has no answer to it")
            return
        self.lines.append(line)
        self.rank.append(self.rank[-1] + (not self.free[-1]) if number else 0)
        self.theirs.append(0)
        self.free.append(0)
        match line.kind:
            case "recv":  # nearly all of them
                self._lane(line).lines.append(number)
                self.theirs[number] = 1
                if self._pending:
                    self._free_reply(number, line)
            case "request" | "response" | "failed":
                self._http(number, line)
            case "command":
                self.commands[number] = self._read(read_command, line)
                self.theirs[number] = 1
            case _:
                self._rare(number, line)

    def _rare(self, number: int, line: Line) -> None:
        """What is neither a received frame nor HTTP."""
        match line.kind:
            case "open":
                if line.lane in self.lanes or line.lane == ENGINE:
                    self._wrong(f"opens lane {line.lane} a second time")
                url = self._read(_read_opened, line).url
                self.lanes[line.lane] = Lane(line.lane, url, self.taping(line.lane))
                self.writes.append(number)
            case "sent":
                self._sent(number, line)
            case "close":
                closed = self.closes[number] = self._read(read_closed, line)
                self.theirs[number] = closed.by == "exchange"
                self._ended.add(line.lane)
            case _:
                self.theirs[number] = 1
        self._lane(line).lines.append(number)

    def _sent(self, number: int, line: Line) -> None:
        lane = self._lane(line)
        data = text_of(line)
        self.fields[number] = frame_fields(data, lane.taping)
        rule = free_frame(lane.taping, data)
        if rule is None or isinstance(data, bytes):
            self.writes.append(number)
            return
        self.free[number] = 1
        self._pending.setdefault(lane.name, []).append((rule, data))

    def _free_reply(self, number: int, line: Line) -> None:
        """A received frame may be the answer to a heartbeat."""
        waiting = self._pending.get(line.lane)
        if not waiting or line.coding:
            return
        rule, asked = waiting[0]
        text = frame_data(line).decode()
        if re.search(rule.reply, text):
            waiting.pop(0)
            self.free[number] = 1
            self.beats.setdefault(line.lane, []).append(Beat(asked, text))

    def _http(self, number: int, line: Line) -> None:
        if line.kind == "request":
            asked = self._read(read_asked, line)
            if asked.n in self.requests:
                self._wrong(f"has the number {asked.n} of another request")
            self._request(number, line, asked)
            return
        self.theirs[number] = 1
        said: Answered | Failed
        if line.kind == "response":
            said = self._read(read_answered, line)
        else:
            said = self._read(read_failed, line)
            self.failed[said.n] = said.error
        if said.n not in self.requests or said.n in self.replies:
            self._wrong(f"answers request {said.n}, which does not wait for an answer")
        self.numbers[number], self.replies[said.n] = said.n, number
        self.free[number] = said.n in self.free_asked

    def _request(self, number: int, line: Line, asked: Asked) -> None:
        taping = self.taping(line.lane)
        self.numbers[number], self.requests[asked.n] = asked.n, number
        fields = request_fields(asked.method, asked.url, asked.headers, asked.body, taping)
        self.fields[number] = fields
        self.hosts.setdefault(fields["host"], line.lane)
        if rule := free_request(taping, fields):
            self.free_asked[asked.n] = rule
            self.free[number] = 1
        elif asked.method not in SAFE:
            self.writes.append(number)

    def _lane(self, line: Line) -> Lane:
        lane = self.lanes.get(line.lane)
        if lane is None:
            self._wrong(f"is in lane {line.lane}, which nobody opened")
        # What was on its way when the client hung up may still have come; more is not possible.
        if line.lane in self._ended and line.kind in ("opened", "sent"):
            self._wrong(f"is in lane {line.lane} after its end")
        return lane

    def _read(self, read: Callable[[bytes], _T], line: Line) -> _T:
        try:
            return read(bytes(line.data))
        except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors too
            self._wrong(str(error))

    def _wrong(self, what: str) -> NoReturn:
        raise SessionError(f"line {max(len(self.lines), 1)} of the tape {what}")


def load(
    session: Session,
    answers: Mapping[int, Answer],
    tapings: Mapping[str, Taping],
    adapters: Mapping[str, Adapter] = {},
) -> Timeline:
    """A session's tape. What is signed is checked by the *adapters* of its exchanges.

    Raises `SessionError`.
    """
    meta = session.meta
    cut = meta.cut or not meta.sealed
    made = Timeline(session.lines(), answers, tapings, started_ns=meta.started_ns, cut=cut)
    made.signers = {
        name: Signer(able, keys)
        for name, keys in meta.credentials.items()
        if name in adapters and (able := trader(adapters[name]))
    }
    return made


def text_of(line: Line) -> str | bytes:
    """A frame as it was said: text, or binary."""
    data = frame_data(line)
    return data if line.coding else data.decode()


def origin(url: str) -> str:
    """Where a URL leads: `wss://host:port`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def place(url: str) -> str:
    """A URL, spelled in the one way in which two are compared."""
    parts = urlsplit(url)
    return f"{origin(url)}{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"


_NONE: Final = Taping()
