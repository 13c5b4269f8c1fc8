"""A tape on the table: its lines as they stand there, what is where, and what stands there instead."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec

from tapefold.adapter import Frame, Outgoing, Request
from tapefold.errors import SessionError
from tapefold.overlay.edits import Place, Reply
from tapefold.session import Line, Session, files
from tapefold.session.cassette import NAME as HTTP
from tapefold.session.cassette import Answer
from tapefold.session.tape import (
    Opened,
    frame_data,
    heard,
    read_answered,
    read_asked,
    read_closed,
    read_failed,
    read_line,
    said,
    to_line,
)
from tapefold.units import Nanos

SHOWN: Final = 5
"""How many different things are named, before they are only counted."""
_read_opened = msgspec.json.Decoder(Opened).decode
_T = TypeVar("_T")


class Row(NamedTuple):
    """A line, and its text: what nobody edits stays as it is, to the byte."""

    line: Line
    text: bytes

    def later(self, at: Nanos) -> "Row":
        """The same at another time."""
        line = self.line
        return _row(to_line(at, line.lane, line.kind, bytes(line.data), line.coding))


def _row(text: bytes) -> Row:
    return Row(read_line(text), text.rstrip(b"\n"))


def came(frame: Frame) -> Row:
    """Something of the exchange's, as a line; its time is counted from the session's start."""
    return _row(to_line(frame.time, *heard(frame)))


def went(at: Nanos, out: Outgoing) -> Row:
    """Something of the client's, as a line."""
    return _row(to_line(at, *said(out)))


class Draft:
    """A session that is being edited. Raises `SessionError` for one that makes no sense."""

    def __init__(self, session: Session) -> None:
        self.session = session
        pairs = zip(session.lines(), files.lines(session.tape), strict=False)  # a torn end is left
        self.rows = [Row(line, text) for line, text in pairs]
        self.asked: dict[int, Request] = {}
        """All requests that were recorded, by their numbers; those that are forgotten, too."""
        self.changed: dict[int, Answer] = {}
        """Answers over HTTP that are not the recorded ones."""
        self._urls: dict[str, str] = {}
        self._replied: set[int] = set()
        self._cassette = session.cassette()
        self._seen: dict[int, Answer | None] = {}
        for number, row in enumerate(self.rows, 1):
            self._note(number, row.line)

    def _note(self, number: int, line: Line) -> None:
        """Look at a line once, so that nobody who reads it later need fear for it."""
        match line.kind:
            case "open":
                self._urls[line.lane] = self._read(number, _read_opened, line).url
            case "request":
                asked = self._read(number, read_asked, line)
                if asked.n in self.asked:
                    raise self.session.broken(number, f"a second request {asked.n}")
                # What a request is for stands neither on a tape nor in a cassette: any word will do.
                self.asked[asked.n] = Request(
                    asked.method,
                    asked.url,
                    "book",
                    "",
                    asked.body,
                    asked.headers,
                    asked.n,
                    line.lane,
                )
            case "response" | "failed":
                n = self._read(number, lambda _: answered(line), line)
                if n not in self.asked:
                    raise self.session.broken(number, f"request {n} was never made")
                if n in self._replied:
                    raise self.session.broken(number, f"request {n} had an answer before")
                self._replied.add(n)
            case "close":
                self._read(number, read_closed, line)
            case _:
                if line.coding:
                    self._read(number, lambda _: frame_data(line), line)

    def _read(self, number: int, read: Callable[[bytes], _T], line: Line) -> _T:
        try:
            return read(bytes(line.data))
        except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors too
            raise self.session.broken(number, str(error)) from error

    # What is where

    def at(self, on: Place) -> list[int]:
        """The lines that an `on` means, from 0."""
        if on.kind == "request":
            return [i for i in self._of("request") if name_of(self.request(i)) == on.name]
        pattern = re.compile(".*".join(map(re.escape, on.name.split("*"))))
        lanes = {lane for lane, url in self._urls.items() if pattern.fullmatch(url)}
        return [i for i in self._of(on.kind) if self.rows[i].line.lane in lanes]

    def _of(self, kind: str) -> list[int]:
        """The lines of one kind; of closes those of the exchange."""
        found = [i for i, row in enumerate(self.rows) if row.line.kind == kind]
        if kind != "close":
            return found
        return [i for i in found if read_closed(self.rows[i].line.data).by == "exchange"]

    def request(self, i: int) -> Request:
        """The request that stands there."""
        return self.asked[read_asked(self.rows[i].line.data).n]

    def replies(self) -> dict[int, int]:
        """Where what became of each request stands, by its number."""
        rows = enumerate(self.rows)
        return {answered(row.line): i for i, row in rows if row.line.kind in ("response", "failed")}

    def replied(self, i: int) -> Request:
        """The request that the answer, or the failure, which stands there is of."""
        return self.asked[answered(self.rows[i].line)]

    def text(self, i: int) -> str:
        """What a `where` is searched in."""
        line = self.rows[i].line
        if line.kind == "request":
            asked = self.request(i)
            return f"{asked.url} {asked.body}".rstrip()
        return frame_data(line).decode(errors="replace")

    def has(self, on: Place) -> str:
        """What the tape has of that kind, in words."""
        names: Iterable[str]
        if on.kind == "request":
            names = (name_of(self.request(i)) for i in self._of("request"))
        else:
            urls = (self._urls.get(self.rows[i].line.lane, "") for i in self._of(on.kind))
            names = (f"{url.partition('?')[0]} {on.kind}" for url in urls)
        return listed(names) or f"no {on.kind} at all"

    def recorded(self, n: int) -> Answer | None:
        """The recorded answer to request *n*, if there is one."""
        if n not in self._seen:
            there = (self.session.folder / HTTP).exists()
            self._seen[n] = self._cassette.find(n) if there else None
        return self._seen[n]

    def answer(self, n: int) -> Answer:
        """What request *n* is answered now; asked for but once. Raises `SessionError`."""
        return self.changed.get(n) or self._seen.pop(n, None) or self._cassette.answer(n)

    def made(self, reply: Reply) -> Answer:
        """An answer as it was written down. Raises `SessionError` for an `@2` that there is not."""
        headers = {name.lower(): value for name, value in reply.headers.items()}
        if not re.fullmatch(r"@[0-9]{1,9}", reply.body):
            return Answer(reply.status, reply.body.encode(), headers)
        recorded = self.recorded(int(reply.body[1:]))
        if recorded is None:
            numbers = (read_answered(self.rows[i].line.data).n for i in self._of("response"))
            there = ", ".join(f"@{n}" for n in sorted(numbers)[:SHOWN])
            raise SessionError(f"body = {reply.body!r}: that was not recorded; there is {there}")
        return Answer(reply.status, recorded.body, recorded.headers | headers)

    # What stands there instead

    def replace(self, new: Mapping[int, Iterable[Row]]) -> None:
        """Put other lines where some stand; none where they are to go."""
        self.rows = [each for i, row in enumerate(self.rows) for each in new.get(i, (row,))]

    def insert(self, rows: Iterable[Row]) -> None:
        """Lines to stand where their times belong, after all that have the same."""
        self.rows = sorted([*self.rows, *rows], key=lambda row: row.line.at)


def answered(line: Line) -> int:
    """The number of the request that a response answers, or that failed. Raises `ValueError`."""
    if line.kind == "response":
        return read_answered(line.data).n
    return read_failed(line.data).n


def name_of(request: Request) -> str:
    """A request as an `on` has it."""
    return f"{request.method} {urlsplit(request.url).path or '/'}"


def listed(names: Iterable[str]) -> str:
    """Each different name and how often it is there."""
    counts = Counter(names)
    rows = [f"{name} ({count:,})" for name, count in [*counts.items()][:SHOWN]]
    more = len(counts) - len(rows)
    return ", ".join(rows) + (f" and {more:,} more" if more else "")
