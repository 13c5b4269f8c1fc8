"""Appending: positions at once, durability soon after.

A step's events are encoded where they are appended, and handed to the writer in one piece at the
step's end, once a block is full or `flush` asks for it; so a step is stored whole or not at all.
"""

from collections import deque
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import trio

from tapefold.errors import Fenced, LogError, Refused
from tapefold.events import AnyEvent
from tapefold.log.reader import LogReader, Record, Tail, records
from tapefold.log.segment import BLOCK, START, encoder, link, to_row
from tapefold.log.store import POSITION_MAX, Lock, Rows, check, in_file, in_memory, refused
from tapefold.log.writer import InlineWriter, ThreadWriter
from tapefold.units import Nanos

LOG_PENDING_MAX: Final = 1 << 16
"""Unwritten events from which on whoever reads frames should wait: about 5 MB."""
_encode = encoder.encode


class Sink(Protocol):
    """What the kernel needs of a log."""

    @property
    def head(self) -> int:
        """The last position."""
        ...

    def append(self, time: Nanos, event: AnyEvent) -> None:
        """Take one event in."""
        ...

    def commit(self) -> None:
        """A step is whole."""
        ...

    def digest(self) -> str:
        """Of every event up to the head, as hex."""
        ...


class _Unstored(NamedTuple):
    """Events that were cut off to be one segment; it may not be stored yet."""

    first: int
    chain: bytes
    times: list[Nanos]
    body: bytes

    @property
    def last(self) -> int:
        return self.first + len(self.times) - 1


class Log:
    """An append-only log with one writer. `head` is its last position, `durable` the last stored one.

    Without rows it only counts, hashes and forgets: enough to prove a replay by its digest.
    """

    def __init__(
        self, rows: Rows | None = None, *, lock: Lock | None = None, start: Tail | None = None
    ) -> None:
        """*start*: it goes on where another one ended, without having what stands there."""
        self._rows, self._lock = rows, lock
        found = LogReader(rows).tail() if rows else Tail(0, START, b"")
        self.head, self._chain, body = start or found
        self.base = start.head if start else 0
        """The position before the first one that can be read."""
        self._block = [body] if body else []
        """The event bytes of the block that is open."""
        self._cut = len(self._block)
        """How much of it is in pieces."""
        if start and rows and body:  # the rest of a block is read after its beginning
            times = [0] * (start.head % BLOCK)
            rows.insert([(start.head - len(times) + 1, to_row(start.chain, times, body))])
        self._times: list[Nanos] = []
        self._ready: list[_Unstored] = []
        self._unstored: deque[_Unstored] = deque()
        self._writer: InlineWriter | ThreadWriter | None = None
        if rows:
            self._writer = (ThreadWriter if lock else InlineWriter)(rows, self.head)
        self._followers, self._following = trio.lowlevel.ParkingLot(), 0
        self._ended = self._closed = False

    # Writing

    def append(self, time: Nanos, event: AnyEvent) -> None:
        """Take one event in; its position is then `head`.

        Raises `OverflowError` or `TypeError` for one that cannot be written, and is as before.
        """
        self._block.append(_encode(event))
        self.head += 1
        if self._rows is not None:
            self._times.append(time)
        if not self.head % BLOCK:
            self._turn()

    def commit(self) -> None:
        """A step is whole: hand it over if a block is full, and wake whoever follows."""
        if self._ready:
            self.flush()
        if self._following:
            self._followers.unpark_all()

    def flush(self) -> None:
        """Hand over everything, to be durable soon. Raises `Fenced` or, too far behind, `LogFull`."""
        self._cut_off()
        if not self._ready or self._writer is None:
            return
        failure = self._writer.failure
        if failure and (self.crowded or isinstance(failure, Fenced)):
            raise failure
        rows = [
            (piece.first, to_row(piece.chain, piece.times, piece.body)) for piece in self._ready
        ]
        last = self._ready[-1].last
        self._ready.clear()
        self._writer.put((last, rows))

    def sync(self) -> None:
        """Come back when everything is durable. Raises `LogFull` or `Fenced` where it cannot be."""
        self.flush()
        self.wait()

    def wait(self) -> None:
        """`sync` for what was flushed; the one thing that may be called in another thread."""
        if self._writer:
            self._writer.sync()

    def end(self) -> None:
        """Nothing more will be appended: every `follow` ends once it has read all there is."""
        self._ended = True
        self._followers.unpark_all()

    def close(self) -> None:
        """Write the rest, let go of the file, and end every `follow`, also one that is behind.

        Raises as `sync` does.
        """
        if self._closed:
            return
        self._closed = True
        self.end()
        try:
            self.flush()
        finally:
            try:
                if self._writer:
                    self._writer.close()
            finally:
                self._let_go()

    def _let_go(self) -> None:
        if self._lock and self._rows:
            self._rows.close()
            self._lock.release()

    @property
    def tail(self) -> Tail:
        """Where it ends, stored or not."""
        return Tail(self.head, self._chain, b"".join(self._block))

    @property
    def durable(self) -> int:
        """The last position that no crash can take back. What keeps nothing has nothing to wait for."""
        return self._writer.durable if isinstance(self._writer, ThreadWriter) else self.head

    @property
    def failure(self) -> Refused | None:
        """Why nothing more can be written at the moment, if it cannot."""
        return self._writer.failure if self._writer else None

    @property
    def crowded(self) -> bool:
        """Whether so much is unwritten that whoever reads frames should `sync` before the next one."""
        return self.head - self.durable > LOG_PENDING_MAX

    def _turn(self) -> None:
        self._cut_off()
        self._chain = link(self._chain, b"".join(self._block))
        self._block, self._cut = [], 0

    def _cut_off(self) -> None:
        """Make a piece of what came since the last one."""
        if not self._times:
            return
        first = self.head - len(self._times) + 1
        piece = _Unstored(first, self._chain, self._times, b"".join(self._block[self._cut :]))
        self._times, self._cut = [], len(self._block)
        self._ready.append(piece)
        while self._unstored and self._writer and self._unstored[0].last <= self._writer.durable:
            self._unstored.popleft()
        self._unstored.append(piece)

    # Reading

    def read(self, after: int = 0, until: int = POSITION_MAX) -> Iterator[Record]:
        """Every record past *after*, up to *until* and with it, stored or not."""
        if self._rows is None or self._writer is None:
            raise LogError("this log keeps nothing: it was opened to be hashed alone")
        if self._closed and self._lock:
            raise LogError(f"{self._rows.where} is closed: open it again to read it")
        stored, after = self._writer.durable, max(after, self.base)
        unstored = [*self._unstored, self._open_piece()]
        if after < stored:
            yield from LogReader(self._rows).read(after, min(until, stored))
        for piece in unstored:
            if piece.times and piece.last > max(stored, after):
                yield from records(piece.first, piece.times, piece.body, max(stored, after), until)

    async def follow(self, after: int = 0) -> AsyncGenerator[Record]:
        """Every record past *after*, and then each as it is appended; ends when the log does.

        A follower is a cursor: it holds up nobody, and one that is slow reads more at a time.
        """
        while not self._closed:
            await trio.lowlevel.checkpoint()
            for record in self.read(after):
                yield record
                after = record.position
                if self._closed:
                    return
            if after >= self.head:
                if self._ended:
                    return
                await self._park()

    async def _park(self) -> None:
        """Wait for the next commit, which asks whether anybody does."""
        self._following += 1
        try:
            await self._followers.park()
        finally:
            self._following -= 1

    def digest(self) -> str:
        """Of every event up to the head, stored or not, as hex."""
        body = b"".join(self._block)
        return (link(self._chain, body) if body else self._chain).hex()

    def _open_piece(self) -> _Unstored:
        """What was appended since the last piece was cut off."""
        first = self.head - len(self._times) + 1
        return _Unstored(first, self._chain, list(self._times), b"".join(self._block[self._cut :]))

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_log(path: Path | None = None, start: Tail | None = None) -> Log:
    """A log file to write to, made where there is none; in memory without a path.

    In memory it may *start* where another one ended.

    Raises `LogLocked` where another engine has it, `LogFull` where there is no room for it, `Refused` where
    it cannot be opened, `LogError` where it is no log or is damaged.
    """
    if path is None:
        return Log(in_memory(), start=start)
    _look(path)
    lock, rows = Lock(path), None
    try:
        rows = in_file(path, write=True)
        return Log(rows, lock=lock)
    except BaseException:  # any: nobody else may be kept out; it is raised again
        if rows:
            rows.close()
        lock.release()
        raise


def _look(path: Path) -> None:
    """Before the lock, which would stand beside something that is none of ours. Raises as `open_log`."""
    try:
        if not path.parent.is_dir():
            raise LogError(f"{path} cannot be made: there is no folder {path.parent}")
        there = path.exists() or not path.name
        if there and not path.is_file():
            raise LogError(f"{path} is not a log: it is no file")
    except OSError as error:
        raise refused(path, error) from error
    if there:
        check(path)
