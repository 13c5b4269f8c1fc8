"""What a tape has about one order: the lines that its records came of, what was asked and answered."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from tapefold.inquiry.story import Asked, Sent, Step, TapeLine, Why
from tapefold.session import Line, Session
from tapefold.session.cassette import Cassette
from tapefold.session.tape import read_answered, read_asked, read_failed
from tapefold.units import Nanos

_CAUSES: Final = ("command", "opened", "recv", "close", "response", "failed")
"""Kinds of line that events come of; what comes with others a deadline brought."""
_ANSWERS: Final = ("response", "failed")
NOT_SENT: Final = "not_sent"
"""What the wire says of a request that never left."""


class _Wanted(NamedTuple):
    """What to look for on a tape."""

    lines: Mapping[int, set[Nanos]]
    """Lines that were taken in when records came to be, and when those were received."""
    times: Mapping[Nanos, None]
    """When records were received: private frames that were held came with an earlier line."""
    names: re.Pattern[bytes]


def with_frames(why: Why, session: Session, lines: Mapping[int, int]) -> Why:
    """The same story with what the session has on tape.

    *lines*: by position of a record, the line that was taken in when it came to be. Raises
    `SessionError`.
    """
    steps = [step for step in why.steps if step.position in lines]
    received: dict[int, set[Nanos]] = {}
    for step in steps:
        received.setdefault(lines[step.position], set()).add(step.time_received)
    wanted = _Wanted(
        received,
        {step.time_received: None for step in steps},
        _naming(why),
    )
    tape = _Tape(session, wanted)
    tape.read()
    told = tuple(_came(step, lines.get(step.position, 0), tape) for step in why.steps)
    asked = tuple(sorted(tape.asked, key=lambda each: each.asked.line))
    sent = _sent(why, asked, whole=session.meta.sealed and not session.meta.cut)
    return replace(why, steps=told, asked=asked, sent=sent, session=str(session.folder))


def _came(step: Step, line: int, tape: "_Tape") -> Step:
    found = tape.lines.get(line)
    if found is None or found.time != step.time_received:
        # Not with this line, then: it was held, and came with an earlier one, or a deadline brought it.
        found = tape.held.get(step.time_received) if line else None
    return replace(step, came=found)


def _naming(why: Why) -> re.Pattern[bytes]:
    """Finds the order in what was asked: by our id anywhere, by the exchange's where an id stands."""
    patterns: list[str] = []
    if why.client_order_id:
        patterns.append(rf"(?<![\w-]){re.escape(why.client_order_id)}(?![\w-])")
    if why.exchange_order_id:
        number = re.escape(why.exchange_order_id)
        name = rf"(?:(?:order|ord|tx)_?ids?|id)[\"']?\s*[=:]\s*\[?\s*[\"']?{number}"
        patterns.append(rf"(?<![a-z])(?i:{name})(?![\w-])")
    return re.compile("|".join(patterns).encode())


class _Tape:
    """One pass over a tape. Beside what is wanted it remembers the requests that are not answered yet."""

    def __init__(self, session: Session, wanted: _Wanted) -> None:
        self._session, self._wanted = session, wanted
        self._start = session.meta.started_ns
        self._cassette: Cassette | None = None
        self._open: dict[int, TapeLine] = {}
        """Requests, by their numbers."""
        self.lines: dict[int, TapeLine] = {}
        self.held: dict[Nanos, TapeLine] = {}
        """By the moment, the first line of that moment that events come of."""
        self.asked: list[Asked] = []

    def read(self) -> None:
        """All of it. Raises `SessionError`."""
        for number, line in enumerate(self._session.lines(), 1):
            time = self._start + line.at
            if time in self._wanted.lines.get(number, ()) and line.kind in _CAUSES:
                self.lines[number] = self._told(number, line)
            if time in self._wanted.times and line.kind in _CAUSES:
                self.held.setdefault(time, self._told(number, line))
            if line.kind == "request":
                self._open[read_asked(line.data).n] = self._told(number, line)
            elif line.kind in _ANSWERS:
                self._answered(number, line)
            elif line.kind == "sent" and self._wanted.names.search(bytes(line.data)):
                self.asked.append(Asked(asked=self._told(number, line)))
        self.asked += [Asked(asked=each) for each in self._open.values() if self._names(each)]

    def _answered(self, number: int, line: Line) -> None:
        """Of each request, since an answer that is not taken from the cassette would wait in memory."""
        came, status, body = line.kind == "response", 0, b""
        n = read_answered(line.data).n if came else read_failed(line.data).n
        if came:
            self._cassette = self._cassette or self._session.cassette()
            status, body, _ = self._cassette.answer(n)
        asked = self._open.pop(n, None)
        if asked and (number in self.lines or self._names(asked)):
            text = body.decode(errors="replace")
            told = self._told(number, line)
            self.asked.append(Asked(asked=asked, answer=told, status=status, body=text))

    def _names(self, line: TapeLine) -> bool:
        return bool(self._wanted.names.search(line.text.encode()))

    def _told(self, number: int, line: Line) -> TapeLine:
        text = bytes(line.data).decode(errors="replace")
        time = self._start + line.at
        return TapeLine(line=number, time=time, lane=line.lane, kind=line.kind, text=text)


def _sent(why: Why, asked: Sequence[Asked], *, whole: bool) -> Sent:
    """Whether the order's request left: the tape has it, or is *whole* and has it not."""
    if why.began_before or not why.ours or why.sent == "yes":
        return why.sent
    left = [each for each in asked if not _is_question(each) and not _never_left(each)]
    if left:
        return "yes"
    return "no" if whole or any(map(_never_left, asked)) else why.sent


def _is_question(asked: Asked) -> bool:
    kind, text = asked.asked.kind, asked.asked.text.encode()
    return kind == "request" and read_asked(text).method == "GET"


def _never_left(asked: Asked) -> bool:
    answer = asked.answer
    return (
        answer is not None
        and answer.kind == "failed"
        and (read_failed(answer.text.encode()).error == NOT_SENT)
    )


def lines_of(found: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Lines by positions, where there is one."""
    return {position: line for position, line in found if line}
