"""Sessions ready to be measured: imported once, their lines in memory, and a kernel to drive.

What comes before the clock starts is here: the import, the reading of the tape, the answers of
http.yaml. What is timed builds a `Frame` of each line's bytes, and hands it to the kernel.
"""

from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, TypeAlias

from contenders.common import PRICE_DIGITS, SIZE_DIGITS, Tops
from tapefold import (
    Frame,
    Nanos,
    Request,
    Session,
    Views,
    import_capture,
    load_adapter,
)
from tapefold.adapter import Outcome
from tapefold.kernel import Kernel
from tapefold.log import Sink
from tapefold.replay import run_of
from tapefold.session import Line
from tapefold.session.cassette import Answer
from tapefold.session.tape import (
    frame_data,
    read_answered,
    read_closed,
    read_command,
    read_failed,
)


class Rare(NamedTuple):
    """A line that is no received frame."""

    line: Line
    answer: Answer | None
    """Of a response: what http.yaml has."""


Item: TypeAlias = tuple[Nanos, str, bytes | Rare]
"""When, on which lane, and a received frame's bytes or another line."""


def session_of(captures: Sequence[Path], work: Path) -> Session:
    """The session of a capture, imported below *work* the first time; or a session's folder itself."""
    if len(captures) == 1 and captures[0].is_dir():
        return Session(captures[0])
    folder = place_of(captures, work) / "session"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        import_capture("hftbacktest", captures, folder)
    return Session(folder)


def place_of(captures: Sequence[Path], work: Path) -> Path:
    """The folder of what is made of a capture: another version makes its own."""
    digest = sha256(version("tapefold").encode())
    for path in captures:
        inside = [path] if path.is_file() else sorted(path.iterdir())
        for file in inside:
            digest.update(file.read_bytes())
    return work / digest.hexdigest()[:16]


def items_of(session: Session) -> list[Item]:
    """All lines of a session, in memory."""
    start, cassette = session.meta.started_ns, session.cassette()
    items: list[Item] = []
    for line in session.lines():
        if line.kind == "recv":
            items.append((start + line.at, line.lane, frame_data(line)))
            continue
        answer = None
        if line.kind == "response":
            answer = cassette.answer(read_answered(line.data).n)
        items.append((start + line.at, line.lane, Rare(line, answer)))
    return items


def frames_of(items: Sequence[Item]) -> list[bytes]:
    """What the exchange said, as a capture has it: received frames, and answers that came."""
    frames: list[bytes] = []
    for _, _, data in items:
        if isinstance(data, bytes):
            frames.append(data)
        elif data.answer:
            frames.append(data.answer.body)
    return frames


def counted(frames: Sequence[bytes]) -> tuple[int, int]:
    """How many frames, and how many levels in them, as `contenders.common` counts."""
    books = (frame for frame in frames if b"@depth" in frame[:40] or is_book(frame))
    return len(frames), sum(frame.count(b'["') for frame in books)


def is_book(frame: bytes) -> bool:
    """Whether it is the answer of REST, a whole book."""
    return frame.startswith(b'{"lastUpdateId"')


def note(tops: Tops, views: Views) -> None:
    """Put the best prices of the first instrument's book, as they are now, into a checksum."""
    row, book = views.instruments.rows.get(0), views.books.get(0)
    bid, ask = (book.bids.best(), book.asks.best()) if book else (None, None)
    if row is None or bid is None or ask is None:
        tops.none()
        return
    price, size = row.price_digits, row.size_digits
    tops.ints(
        _units(bid[0], price, PRICE_DIGITS),
        _units(bid[1], size, SIZE_DIGITS),
        _units(ask[0], price, PRICE_DIGITS),
        _units(ask[1], size, SIZE_DIGITS),
    )


def _units(value: int, digits: int, wanted: int) -> int:
    """A scaled int in another scale, exactly. Raises `SystemExit` where that has no room for it."""
    ours: int = 10**digits
    theirs: int = 10**wanted
    units, rest = divmod(value * theirs, ours)
    if rest:
        raise SystemExit(f"{value} of {digits} decimals is finer than the checksum's {wanted}")
    return units


class Driver:
    """A kernel that plays a session's lines, and knows the requests that its answers are to."""

    def __init__(self, session: Session, log: Sink) -> None:
        meta = session.meta
        self.kernel = Kernel({name: load_adapter(name) for name in meta.exchanges}, log)
        self.views = self.kernel.views
        self._asked: dict[int, Request] = {}
        self.kernel.start(meta.started_ns, run_of(meta))
        self.take(self.kernel.tick(meta.started_ns))

    def begin(self, items: Sequence[Item]) -> int:
        """Play what stands before the first received frame; how many lines that are."""
        for number, (time, lane, data) in enumerate(items):
            if isinstance(data, bytes):
                return number
            self.rare(time, lane, data)
        return len(items)

    def take(self, out: Sequence[Outcome]) -> None:
        """What the kernel asks for: requests wait for the line that answers them."""
        for asked in out:
            if isinstance(asked, Request):
                self._asked[asked.n] = asked

    def rare(self, time: Nanos, lane: str, rare: Rare) -> None:
        """A line that is no received frame."""
        line, kernel = rare.line, self.kernel
        match line.kind:
            case "command":
                self.take(kernel.command(time, read_command(line.data)))
            case "opened":
                self.take(kernel.step(Frame(time, lane, "opened")))
            case "response" if rare.answer:
                self.take(kernel.step(self._response(time, lane, line, rare.answer)))
            case "failed":
                failed = read_failed(line.data)
                request = self._asked[failed.n]
                frame = Frame(time, lane, "failed", request=request, reason=failed.error)
                self.take(kernel.step(frame))
            case "close" if read_closed(line.data).by == "exchange":
                closed = read_closed(line.data)
                frame = Frame(time, lane, "close", status=closed.code, reason=closed.reason)
                self.take(kernel.step(frame))
            case _:  # what the client did; live, a timer may have asked for it
                self.take(kernel.tick(time))

    def _response(self, time: Nanos, lane: str, line: Line, answer: Answer) -> Frame:
        request = self._asked[read_answered(line.data).n]
        return Frame(
            time,
            lane,
            "response",
            answer.body,
            request,
            answer.status,
            retry_after=answer.retry_after,
        )
