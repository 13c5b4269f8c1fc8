"""Whether what a client asks is signed as it was when it was recorded, and rightly.

The tape has what was asked, unsigned. The cassette has what left, signed with the stand-ins of the
credentials and masked: which fields and headers signing adds. A client that plays the session signs
with the same stand-ins, so its signature can be made again: from the tape's unsigned request, at the
time that the client's own says. Of a client that writes the same request in another way (its
parameters in another order, say) it is only asked that the fields are there, and the key is the
stand-in. Of the WebSocket API the adapter says which texts are to be signed.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, get_args
from urllib.parse import urlsplit

import httpx
from msgspec.structs import replace

from tapefold.adapter import AskedT, Purpose, Request, Send, Taping
from tapefold.errors import AdapterError
from tapefold.mock.match import frame_fields, name_of, request_fields
from tapefold.mock.timeline import HttpRequest, Signer, Timeline, text_of
from tapefold.replay.diff import decode
from tapefold.session.tape import Asked, read_asked
from tapefold.units import SECOND, Nanos
from tapefold.wire.seams import Sign

_PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)
"""A tape does not tell what a request is for, and signing may go by it: so any will do."""
_UNITS: Final = {10: SECOND, 13: SECOND // 10**3, 16: SECOND // 10**6, 19: 1}
"""Nanoseconds of one, by the digits that a time of these years has in it."""
_DATE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z?").fullmatch
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_THERE: Final = "there"


def signer(timeline: Timeline) -> Sign:
    """Signs as somebody whose credentials are the session's stand-ins; without any nothing is signed."""

    def sign(exchange: str, asked: AskedT, time: Nanos) -> AskedT:
        signer = timeline.signers.get(exchange)
        return signer.adapter.sign(asked, signer.keys, time) if signer else asked

    return sign


class Signatures:
    """Judges what a client signed, or did not. What it says shows no value of the client's."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._kinds: dict[tuple[str, str], HttpRequest] = {}
        """By method and address, one that was signed: of those that were never answered."""
        self._texts: dict[str, list[object]] = {}
        """By exchange, what is signed of the texts on its private stream."""
        for number, answer in timeline.answers.items():
            line = timeline.requests.get(number)
            if answer.asked and line is not None and self._added(line, answer.asked):
                self._kinds[_kind(answer.asked)] = answer.asked
        for exchange, (able, _) in timeline.signers.items():
            if (stream := able.account_stream("")).signed:
                self._texts[exchange] = [decode(text) for text in stream.messages]

    def of_request(self, number: int, asked: HttpRequest) -> str:
        """What is wrong with a request that is the tape's *number*; empty where nothing is."""
        line = self._timeline.requests[number]
        signer = self._signer(line)
        if signer is None:
            return ""
        answer = self._timeline.answers.get(number)
        sent = answer.asked if answer else self._kinds.get(_kind(asked))
        wanted, got = self._added(line, sent) if sent else {}, self._added(line, asked)
        what = " ".join(_kind(asked))
        rows = [
            f"≠ {path}: not that of the stand-ins" if path in got else f"- {path}"
            for path, value in wanted.items()
            if got.get(path) != value
        ]
        if rows:
            return _told(f"{what} is not signed as it was when it was recorded", rows, signer)
        if wanted and not self._is_right(signer, line, asked):
            return _told(f"{what} has another signature than the stand-ins give", [], signer)
        return ""

    def of_frame(self, line: int, data: str | bytes) -> str:
        """What is wrong with a frame that is this line of the tape's; empty where nothing is."""
        recorded, lane = text_of(self._timeline.lines[line]), self._timeline.lines[line].lane
        signer = self._signer(line)
        if signer is None or isinstance(data, bytes) or isinstance(recorded, bytes):
            return ""
        if not recorded.startswith("{") or decode(recorded) not in self._texts.get(
            _exchange(lane), []
        ):
            return ""
        taping = self._timeline.taping(lane)
        said, what = _whole(data, taping), f"the text on {lane}"
        signing = [value for path, value in said.items() if name_of(path) in taping.volatile]
        if not signing:
            return _told(f"{what} is not signed as it was when it was recorded", [], signer)
        send = Send(lane, recorded, True)
        for time in _times(signing):
            if _whole(signer.adapter.sign(send, signer.keys, time).text, taping) == said:
                return ""
        return _told(f"{what} has another signature than the stand-ins give", [], signer)

    def _added(self, line: int, asked: HttpRequest) -> dict[str, str]:
        """What signing added to the tape's request: of what is different every time, that it is there."""
        timeline = self._timeline
        lane = timeline.lines[line].lane
        if self._signer(line) is None:
            return {}
        taping, tape = timeline.taping(lane), read_asked(bytes(timeline.lines[line].data))
        before = request_fields(*_unsigned(tape), taping=_bare(taping))
        return {
            path: _THERE if name_of(path) in taping.volatile else value
            for path, value in request_fields(*asked, taping=_bare(taping)).items()
            if path not in before and (name_of(path) in taping.volatile or _is_header(path))
        }

    def _signer(self, line: int) -> Signer | None:
        return self._timeline.signers.get(_exchange(self._timeline.lines[line].lane))

    def _is_right(self, signer: Signer, line: int, asked: HttpRequest) -> bool:
        """Whether the tape's request, signed when this one was, is this one; or nobody can say."""
        timeline = self._timeline
        lane = timeline.lines[line].lane
        tape, taping = read_asked(bytes(timeline.lines[line].data)), timeline.taping(lane)
        fields = request_fields(*asked, taping=_bare(taping))
        signing = [value for path, value in fields.items() if name_of(path) in taping.volatile]
        for time in (*_times([*signing, *asked[2].values()]), timeline.started_ns):
            for purpose in _PURPOSES:
                unsigned = Request(
                    tape.method, tape.url, purpose, "", tape.body, tape.headers, tape.n, lane, True
                )
                try:
                    if _same(signer.adapter.sign(unsigned, signer.keys, time), asked):
                        return True
                except AdapterError:  # with these stand-ins nobody can sign
                    return True
        return _spelled(asked, taping) != _spelled(_unsigned(tape), taping)


def _told(what: str, rows: Iterable[str], signer: Signer) -> str:
    names = " ".join(f"{name}={value}" for name, value in signer.keys.items())
    return "\n".join([what, *(f"    {row}" for row in rows), f"  the credentials here are {names}"])


def _exchange(lane: str) -> str:
    return lane.partition("/")[0]


def _kind(asked: HttpRequest) -> tuple[str, str]:
    parts = urlsplit(asked[1])
    return asked[0], f"{parts.netloc}{parts.path}"


def _unsigned(tape: Asked) -> HttpRequest:
    return tape.method, tape.url, tape.headers, tape.body


def _is_header(path: str) -> bool:
    return path.startswith("header.")


def _bare(taping: Taping) -> Taping:
    """The same with nothing left out."""
    return replace(taping, volatile=frozenset())


def _whole(text: str, taping: Taping) -> dict[str, str]:
    """All fields of a frame but for ids that are counted."""
    fields = frame_fields(text, _bare(taping))
    return {path: value for path, value in fields.items() if name_of(path) not in taping.counted}


def _times(values: Iterable[str]) -> Iterator[Nanos]:
    """The times among some values, which may be JSON's."""
    for value in dict.fromkeys(value.strip('"') for value in values):
        whole, _, part = value.partition(".")
        if value.isascii() and f"{whole}{part}".isdigit() and len(whole) in _UNITS:
            unit = _UNITS[len(whole)]
            yield int(whole) * unit + (int(part) * unit // 10 ** len(part) if part else 0)
        elif _DATE(value):
            at = datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=UTC)
            yield (at - _EPOCH) // timedelta(microseconds=1) * 1000


def _same(signed: Request, asked: HttpRequest) -> bool:
    headers = {name.lower(): value for name, value in asked[2].items()}
    return (
        str(httpx.URL(signed.url)) == str(httpx.URL(asked[1]))
        and signed.body == asked[3]
        and all(headers.get(name.lower()) == value for name, value in signed.headers.items())
    )


def _spelled(asked: HttpRequest, taping: Taping) -> tuple[str, object]:
    """An address and a body as they are written, but for what is different every time."""
    path, _, query = str(httpx.URL(asked[1])).partition("?")
    body = asked[3]
    form = frame_fields(body, taping, "body") if body[:1] in "{[" else _parts(body, taping)
    return f"{path}?{_parts(query, taping)}", form


def _parts(form: str, taping: Taping) -> str:
    return "&".join(
        part for part in form.split("&") if part.partition("=")[0] not in taping.volatile
    )
