"""Form g: does an event cost the same among many instruments, and after many events?

    growth.py g CAPTURE... --instruments 100 [--frames 8000]
    growth.py g CAPTURE... --events 10000000 [--log hash|file]

Many instruments are one instrument's session under so many names, all on one connection: frame by
frame, each name in turn, so no two frames beside each other are of one book. Many events are the same
session again and again: after its end the connection breaks, and is made anew, with a new snapshot.
Only the kernel's steps and the reading of best prices are timed; the frames are made outside of that.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from time import process_time
from typing import Any, Final

from ours.asking import Said, imported, parser, resident, scratch, settle
from ours.frames import opened
from ours.prepared import frames_of, is_book, items_of, session_of
from tapefold import (
    MINUTE,
    SECOND,
    Declare,
    Frame,
    Listing,
    Log,
    Nanos,
    Request,
    Session,
    Subscribe,
    load_adapter,
)
from tapefold.adapter import Open, Outcome
from tapefold.kernel import Kernel, Run

_IMPORTS: Final = imported()
AT_ONCE: Final = 4096
"""Frames made before each time that the clock runs."""
BREAK: Final = 2 * MINUTE
"""From the connection's end to the next one: longer than any wait before another is dialled."""
CUT: Final = 1006


class Market:
    """One capture's frames, as many instruments' and as often as wanted, and a kernel to hear them."""

    def __init__(self, session: Session, frames: Sequence[bytes], names: int, log: Log) -> None:
        (self._exchange,) = session.meta.exchanges
        adapter = load_adapter(self._exchange)
        topics = (adapter.topic(frame) for frame in frames if frame[2:8] == b"stream")
        self._native = next(topic.native_symbol for topic in topics if topic)
        self._frames = [frame for frame in frames if not is_book(frame)]
        self._book = next(frame for frame in frames if is_book(frame))
        self.natives = [f"{n:03d}{self._native}" for n in range(names)]
        self.kernel, self.log = Kernel({self._exchange: adapter}, log), log
        self._time: Nanos = session.meta.started_ns
        self._step: Nanos = 1_000_000
        self._lane, self._asked = "", dict[str, Request]()
        self.seconds = 0.0
        self.kernel.start(self._time, Run())
        rows = tuple(Listing(native, native) for native in self.natives)
        self._took(self.kernel.command(self._time, Declare(self._exchange, rows)))
        command = Subscribe(self._exchange, tuple(self.natives))
        self._took(self.kernel.command(self._time, command))
        self._open()

    def _open(self) -> None:
        """The connection that was dialled is up, and every book is answered that is asked for."""
        if not self._lane:
            raise SystemExit("the kernel dialled no connection")
        self._took(self.kernel.step(Frame(self._time, self._lane, "opened")))
        while self._asked:
            native, request = self._asked.popitem()
            data = self._book.replace(self._native.encode(), native.encode())
            self._took(self.kernel.step(self._answer(request, data)))
            if not self._asked:
                self._wait(SECOND)  # what its limits held back is asked for now

    def _answer(self, request: Request, data: bytes) -> Frame:
        return Frame(self._time, request.lane, "response", data, request, 200)

    def again(self) -> None:
        """The connection breaks, and is made anew."""
        lane, self._lane = self._lane, ""
        self._took(self.kernel.step(Frame(self._time, lane, "close", status=CUT)))
        self._wait(BREAK)
        self._open()

    def _wait(self, many: Nanos) -> None:
        self._time += many
        self._took(self.kernel.tick(self._time))

    def _took(self, out: Sequence[Outcome]) -> None:
        for asked in out:
            if isinstance(asked, Open):
                self._lane = asked.lane
            elif isinstance(asked, Request):
                self._asked[asked.subject] = asked

    def frames(self, most: int | None = None) -> Iterator[bytes]:
        """The first frames of the capture, each under every name in turn."""
        old = self._native.encode()
        renamed = [(name.encode(), name.lower().encode()) for name in self.natives]
        for frame in islice(self._frames, most):
            for upper, lower in renamed:
                yield frame.replace(old, upper).replace(old.lower(), lower)

    def hear(self, frames: Iterator[bytes], head_max: int | None = None) -> None:
        """Take them in, timed, until there are no more or the log is so long."""
        while chunk := [self._framed(data) for data in islice(frames, AT_ONCE)]:
            self._hear(chunk)
            if head_max is not None and self.log.head >= head_max:
                return

    def _framed(self, data: bytes) -> Frame:
        self._time += self._step
        return Frame(self._time, self._lane, "recv", data)

    def _hear(self, chunk: Sequence[Frame]) -> None:
        book = self.kernel.views.books[0]
        step, bids, asks = self.kernel.step, book.bids, book.asks
        began = process_time()
        for frame in chunk:
            if out := step(frame):
                self._took(out)
            bids.best()
            asks.best()
        self.log.sync()  # a file's writer keeps up, as the wire lets it, and its time is counted
        self.seconds += process_time() - began


def instruments(market: Market, asked: argparse.Namespace) -> dict[str, Any]:
    """So many instruments."""
    settle()
    began = market.log.head
    market.hear(market.frames(asked.frames))
    events = market.log.head - began
    live = sum(book.state == "live" for book in market.kernel.views.books.values())
    if live < asked.instruments:
        raise SystemExit(f"{asked.instruments - live} books are not live at the end")
    return {
        "instruments": asked.instruments,
        "events": events,
        "ns_per_event": round(market.seconds / events * 1e9),
        "resident_mb": round(resident(), 1),
    }


def events(market: Market, asked: argparse.Namespace) -> dict[str, Any]:
    """So many events: what each cost, and the memory, at each power of ten from a million on."""
    settle()
    decades: list[dict[str, Any]] = []
    mark, since, seconds = min(1_000_000, asked.events), 0, 0.0
    while True:
        before = market.log.head
        market.hear(market.frames(), mark)
        head = market.log.head
        if head == before:
            raise SystemExit("a repetition gave no events")
        if head >= mark:
            took = market.seconds - seconds
            each = round(took / (head - since) * 1e9)
            decades.append(
                {"events": mark, "ns_per_event": each, "resident_mb": round(resident(), 1)}
            )
            since, seconds, mark = head, market.seconds, mark * 10
        if mark > asked.events:
            return {"log": asked.log, "decades": decades}
        market.again()


def run(asked: argparse.Namespace) -> Said:
    """One pass."""
    said = Said("g", import_seconds=_IMPORTS)
    session = session_of(asked.captures, asked.work)
    frames = frames_of(items_of(session))
    with scratch(asked.work) as folder, opened(asked.log, folder) as log:
        market = Market(session, frames, asked.instruments, log)
        said.figures = (events if asked.events else instruments)(market, asked)
        if asked.log == "file":
            log.sync()
            said.figures["file_mb"] = round(sum(map(os.path.getsize, folder.iterdir())) / 1e6, 1)
    said.seconds = market.seconds
    return said


def main(arguments: Sequence[str] | None = None) -> None:
    """From a command line."""
    asked = parser("g", "what an event costs among many instruments, and after many events")
    asked.add_argument("--instruments", type=int, default=1)
    asked.add_argument("--frames", type=int, default=8000, help="of each instrument")
    asked.add_argument("--events", type=int, default=0)
    asked.add_argument("--log", choices=["hash", "file"], default="hash")
    run(asked.parse_intermixed_args(arguments)).say()


if __name__ == "__main__":
    main()
