"""One moment after the other: masked, checked, encoded, and written.

A line is checked as it would lie on the disk, and only then written; of one that is refused nothing is.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from msgspec.structs import replace

from tapefold.adapter import (
    Adapter,
    Close,
    Command,
    Frame,
    Open,
    Outgoing,
    Request,
    Send,
    Taping,
    trader,
)
from tapefold.errors import AdapterError, Refused
from tapefold.record.masking import Guard, mask_command, mask_frame, mask_headers, mask_out
from tapefold.session import LiveWriter
from tapefold.session.cassette import NAME as HTTP
from tapefold.session.files import LINE_MAX, open_plain
from tapefold.session.interactions import interaction
from tapefold.session.tape import ENGINE, heard, read_line, said, to_line, told
from tapefold.units import Nanos

Moment: TypeAlias = tuple[Nanos, Command | Outgoing | Frame, Mapping[str, str]]
"""When something happened, what, and the headers of a response."""
LOOK: Final = 1 << 18
"""Bytes that are looked at together at the end."""
OVERLAP: Final = 1 << 12
"""Bytes that are looked at twice, so that nothing hides where two looks meet."""


class Scribe:
    """Writes a session's moments in their order."""

    def __init__(
        self,
        files: LiveWriter,
        guards: Mapping[str, Guard],
        adapters: Mapping[str, Adapter],
        *,
        private: bool,
    ) -> None:
        self.files = files
        self._guards, self._adapters, self._private = guards, adapters, private
        self._last = self._started = files.meta.started_ns
        self._waiting: set[tuple[str, int]] = set()
        """Lanes dialled and not up, with number 0, and requests not answered."""

    def write(self, moment: Moment) -> None:
        """Write it down. Raises `Refused`, `OSError`, and whatever a fault of ours raises."""
        time, what, headers = moment
        match what:
            case Frame():
                self._frame(what, headers)
            case Open() | Send() | Close() | Request():
                self._note(what)
                # A clock is read for a frame when it comes, and for a timer's asks when they are made:
                # of two that came together the frame's time may be the earlier one.
                self._line(max(time, self._last), *said(mask_out(self._guard(what.lane), what)))
            case _:
                self._line(time, ENGINE, "command", told(mask_command(self._guards, what)))

    def close(self, *, cut: bool) -> None:
        """Leave the session on the disk, not sealed. *cut*: what was asked last may not be on it."""
        meta = self.files.meta
        meta.masked = sorted({name for guard in self._guards.values() for name in guard.masked})
        meta.cut = cut or bool(self._waiting)
        self.files.close()

    def look(self) -> None:
        """Check what really lies there. Raises `Refused`, and `OSError`."""
        for path in sorted(self.files.folder.iterdir()):
            for text in _parts(path):
                self._check(text, path.name)

    def _frame(self, frame: Frame, headers: Mapping[str, str]) -> None:
        self._note(frame)
        masked = mask_frame(self._guard(frame.lane), frame)
        if frame.kind == "response":
            self._interaction(masked, headers)
        lane, kind, data, coding = heard(masked)
        if coding:
            self._check(masked.data, f"{lane} {kind}", lane)
        self._line(frame.time, lane, kind, data, coding)

    def _interaction(self, frame: Frame, headers: Mapping[str, str]) -> None:
        """The whole of a response, before its line; *frame* is masked, its request not yet."""
        assert frame.request is not None
        guard, taping = self._guard(frame.lane), self._taping(frame.lane)
        sent = self._as_sent(frame.request, frame.time)
        request = replace(sent, headers=_kept(sent.headers, taping.headers_sent))
        kept = mask_headers(guard, _kept(headers, taping.headers_kept))
        frame = replace(frame, request=_masked(guard, request))
        item, where = interaction(frame, kept), f"{HTTP}, request {request.n}"
        self._check(item.decode(), where)
        if self._private:  # without the body: our own base64 is a long word that no rule names
            self._check(interaction(replace(frame, data=b""), kept).decode(), where, frame.lane)
        # YAML escapes some characters: a body is looked at as it came, too.
        self._check(_text(frame.data), f"{where}, body", frame.lane)
        self.files.interaction(item)

    def _line(self, time: Nanos, lane: str, kind: str, data: bytes, coding: str = "") -> None:
        line = to_line(time - self._started, lane, kind, data, coding)
        if len(line) > LINE_MAX:
            raise Refused(
                f"{lane} {kind}: {len(line)} bytes, and a line has {LINE_MAX} at the most"
            )
        back = read_line(line)  # that a frame comes back from its data, `embed` has seen to
        if (back.lane, back.kind, bytes(back.data)) != (lane, kind, data) or time < self._last:
            raise Refused(f"{lane} {kind}: a line that cannot be read again, a fault of tapefold's")
        # What stands there in base64 was looked at as it came.
        self._check(line.decode(errors="replace"), f"{lane} {kind}", "" if coding else lane)
        self.files.line(line, frame=kind == "recv")
        self._last = time

    def _check(self, data: str | bytes, where: str, lane: str = "") -> None:
        """Ask every guard: one exchange's secret is none of another's business either.

        Long words that no rule names are looked for in what was said on *lane*.
        """
        mine = _exchange(lane)
        for exchange, guard in self._guards.items():
            guard.check(data, where, private=self._private and exchange == mine)

    def _as_sent(self, request: Request, time: Nanos) -> Request:
        """A request as it left, but with the stand-ins of the credentials: so nothing of theirs is near.

        What signing adds is different every time, and masked like all that is.
        """
        exchange = _exchange(request.lane)
        able, keys = trader(self._adapters[exchange]), self.files.meta.credentials.get(exchange)
        if not (request.signed and able and keys):
            return request
        try:
            return able.sign(request, keys, time)
        except (
            AdapterError
        ):  # stand-ins that it does not take: then the tape's unsigned one will do
            return request

    def _taping(self, lane: str) -> Taping:
        return self._adapters[_exchange(lane)].description.taping

    def _guard(self, lane: str) -> Guard:
        return self._guards[_exchange(lane)]

    def _note(self, what: Outgoing | Frame) -> None:
        """Keep the account of what waits for an answer."""
        match what:
            case Open():
                self._waiting.add((what.lane, 0))
            case Request():
                self._waiting.add((what.lane, what.n))
            case Frame(kind="opened" | "close") | Close():
                self._waiting.discard((what.lane, 0))
            case Frame(request=Request() as request):
                self._waiting.discard((what.lane, request.n))
            case _:
                pass


def _exchange(lane: str) -> str:
    return lane.partition("/")[0]


def _kept(headers: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    """Those on the list, by their names in lower case."""
    return {name.lower(): value for name, value in headers.items() if name.lower() in names}


def _masked(guard: Guard, request: Request) -> Request:
    masked = mask_out(guard, request)
    assert isinstance(masked, Request)
    return masked


def _text(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _parts(path: Path) -> Iterator[str]:
    """A file in pieces that overlap."""
    last = b""
    with open_plain(path) as file:
        while data := file.read(LOOK):
            yield (last + data).decode(errors="replace")
            last = data[-OVERLAP:]
