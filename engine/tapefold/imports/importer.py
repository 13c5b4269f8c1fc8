"""Making a session of a capture: the kernel runs on it, and what it asks for is written beside it.

A capture has what an exchange said, seldom what was asked. So the kernel hears the capture, and each
thing that it asks for is written just before the line that answers it: the last moment it can have
been. What nobody recorded is named in session.toml as synthesised.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from tapefold.adapter import Command, Declare, Frame, Listing, Open, Request, Subscribe, Unsubscribe
from tapefold.errors import CaptureError
from tapefold.imports.capture import Captured, files_of, load_format, read_capture
from tapefold.imports.scan import Connection, Connections, Scanned, scan
from tapefold.kernel import Kernel, Run
from tapefold.log import Log
from tapefold.replay import seal
from tapefold.session import Meta, Session, SessionWriter, new_session
from tapefold.units import Nanos

Progress = Callable[[str, int], None]
"""Called now and then with what is being done, and how many lines of it are."""
_OFTEN: Final = 4096


class Imported(Struct, frozen=True):
    """A session that was made, and what was noticed on the way."""

    session: Session
    without_answer: list[str]
    """What the kernel asked and the capture never answers: "book ETHUSDT"."""
    left_out: dict[str, int]
    """Lines that went into no session, by what they are."""


def import_capture(
    form: str,
    paths: Sequence[Path],
    folder: Path,
    *,
    exchange: str | None = None,
    symbols: Mapping[str, str] | None = None,
    progress: Progress = lambda what, lines: None,
) -> Imported:
    """Make *folder* a session of the capture in *paths*; it appears whole or not at all.

    *exchange* is read from the capture where it can be; *symbols* names instruments (native name to
    BASE-QUOTE) where the capture has no list of them. Raises `CaptureError`, `SessionError`.
    """
    reading, files = load_format(form), files_of(paths)
    with new_session(folder) as work:
        lines = _counted(read_capture(reading.read, files), "reading", progress)
        scanned = scan(lines, exchange, reading)
        lines = _counted(read_capture(reading.read, files), "importing", progress)
        made = _Import(scanned, work, symbols or {}, joined=reading.joined).run(lines, form, files)
    return Imported(Session(folder), *made)


def _counted(lines: Iterator[Captured], what: str, progress: Progress) -> Iterator[Captured]:
    for number, line in enumerate(lines):
        if not number % _OFTEN:
            progress(what, number)
        yield line


class _Import:
    """Feeds a kernel, and writes down both sides."""

    def __init__(
        self, scanned: Scanned, work: Path, symbols: Mapping[str, str], *, joined: bool
    ) -> None:
        self._scanned, self._work, self._symbols = scanned, work, symbols
        self._adapter = scanned.adapter
        self._exchange = scanned.adapter.description.exchange
        self._log = Log()
        self._kernel = Kernel({self._exchange: self._adapter}, self._log)
        self._open: list[Open | Request] = []
        """Asked, and not yet on the tape."""
        self._connections = Connections(joined=joined)
        self._lanes: dict[Connection, str] = {}
        self._up: set[str] = set()
        self._left_out: Counter[str] = Counter()

    def run(
        self, lines: Iterator[Captured], form: str, files: Sequence[Path]
    ) -> tuple[list[str], dict[str, int]]:
        """All of it, sealed; what went without an answer, and what was left out."""
        first = next(lines)
        self._writer = SessionWriter(self._work, self._meta(first.time, form, files))
        meta = self._writer.meta
        try:
            self._kernel.start(first.time, Run(meta.run_id, meta.seed, meta.versions))
            self._begin(first.time)
            last = first
            for last in chain((first,), lines):
                self._take(last)
            for asked in self._open:
                self._writer.out(last.time, asked)
            seal(self._writer, self._log.digest())
        finally:
            self._writer.close()
        vain = [f"{out.purpose} {out.subject}" for out in self._open if isinstance(out, Request)]
        return vain, dict(sorted(self._left_out.items()))

    def _meta(self, start: Nanos, form: str, files: Sequence[Path]) -> Meta:
        synthesised = ["close", "command", "open", "request"]
        if not self._scanned.opened:
            synthesised.append("opened")
        natives = {n: None for names, _ in self._scanned.connections.values() for n in names}
        return Meta(
            exchanges=[self._exchange],
            instruments=[self._symbols.get(native, native) for native in natives],
            source="import",
            started_ns=start,
            synthesised=sorted(synthesised),
            versions={"tapefold": version("tapefold")},
            capture={"format": form, "files": [_printable(path.name) for path in files]},
        )

    def _begin(self, time: Nanos) -> None:
        """What the caller of the capture's recorder must have asked for."""
        firsts = {key: asked for key, asked in self._scanned.connections.items() if key[1] <= 1}
        self._declare(time, {native for natives, _ in firsts.values() for native in natives})
        for key in firsts:
            self._subscribe(time, key)

    def _declare(self, time: Nanos, natives: set[str]) -> None:
        """Instruments that the capture has no list of are what the caller says they are."""
        known = self._kernel.views.instruments.known(self._exchange)
        missing = sorted(natives - self._scanned.listed - known.keys())
        if missing:
            rows = tuple(Listing(self._symbols.get(native, native), native) for native in missing)
            self._command(time, Declare(self._exchange, rows))

    def _subscribe(self, time: Nanos, key: Connection) -> None:
        natives, channels = self._scanned.connections[key]
        self._lanes[key] = f"{self._exchange}/{len(self._lanes) + 1}"
        self._command(time, Subscribe(self._exchange, natives, channels))

    def _take(self, captured: Captured) -> None:
        match captured.kind:
            case "response":
                self._response(captured)
            case "opened":
                self._connected(captured)
            case "recv":
                self._received(captured)

    def _response(self, captured: Captured) -> None:
        if self._answer(captured):
            return
        lane = self._lanes.get(self._connections.of(captured))
        if not self._scanned.opened and lane is not None and lane not in self._up:
            # The answer to what is asked on opening came before the first frame.
            self._opened(captured.time, lane)
            if self._answer(captured):
                return
        self._left_out["answers that the kernel did not ask for"] += 1

    def _answer(self, captured: Captured) -> bool:
        """Give an answer to whoever asked for it; False if nobody did."""
        for asked in self._open:
            if isinstance(asked, Request) and self._answers(asked, captured):
                self._open.remove(asked)
                self._writer.out(captured.time, asked)
                frame = Frame(captured.time, asked.lane, "response", captured.data, asked, 200)
                self._feed(frame)
                return True
        return False

    def _answers(self, asked: Request, captured: Captured) -> bool:
        """A capture without URLs answers what its file is about."""
        if not captured.url:
            natives = self._scanned.by_file.get(captured.source, frozenset())
            return asked.purpose == "book" and asked.subject in natives
        return self._adapter.answers(asked, captured.url)

    def _connected(self, captured: Captured) -> None:
        before = self._connections.of(captured)
        key = self._connections.opened(captured)
        if key not in self._scanned.connections:
            self._left_out["connections without a stream that tapefold reads"] += 1
            return
        if key not in self._lanes:  # connected anew: the lane before it is gone
            if before in self._lanes:
                self._command(captured.time, Unsubscribe(self._lanes[before]))
            self._declare(captured.time, {*self._scanned.connections[key][0]})
            self._subscribe(captured.time, key)
        self._opened(captured.time, self._lanes[key])

    def _opened(self, time: Nanos, lane: str) -> None:
        for asked in self._open:
            if isinstance(asked, Open) and asked.lane == lane:
                self._open.remove(asked)
                self._writer.out(time, asked)
                self._up.add(lane)
                self._feed(Frame(time, lane, "opened"))
                return
        raise CaptureError(
            f"the capture uses lane {lane} before its instruments are known: its list comes too late"
        )

    def _received(self, captured: Captured) -> None:
        lane = self._lanes.get(self._connections.of(captured))
        if lane is None:
            self._left_out["frames of a connection without a stream that tapefold reads"] += 1
            return
        if lane not in self._up:
            self._opened(captured.time, lane)
        self._feed(Frame(captured.time, lane, "recv", captured.data))

    def _command(self, time: Nanos, command: Command) -> None:
        self._writer.command(time, command)
        self._asked(time, self._kernel.command(time, command))

    def _feed(self, frame: Frame) -> None:
        self._writer.frame(frame)
        self._asked(frame.time, self._kernel.step(frame))

    def _asked(self, time: Nanos, out: Sequence[Any]) -> None:
        """What is answered waits for its answer; the rest happens now."""
        for asked in out:
            if isinstance(asked, Open | Request):
                self._open.append(asked)
            else:
                self._writer.out(time, asked)


def _printable(name: str) -> str:
    """A file's name as TOML can hold it: on some systems it need not be text."""
    return name.encode(errors="replace").decode()
