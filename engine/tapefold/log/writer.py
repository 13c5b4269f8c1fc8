"""The one thread that writes: rows go into a queue, and become durable in their order.

What waits in the queue is written as one transaction, so the busier we are, the less each row costs.
A disk that is full is tried again until there is room or nobody waits any more; a row that another
writer has put at our position ends all writing, for good.
"""

import threading
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias

from eventsourcing.persistence import IntegrityError

from tapefold.errors import Fenced, LogFull, Refused
from tapefold.log.store import Rows

Batch: TypeAlias = tuple[int, list[tuple[int, bytes]]]
"""The position that is durable once these rows are stored, and the rows: one step's, so all or none."""
RETRY: Final = 0.2
"""Seconds between two tries on a full disk."""
TOGETHER_MAX: Final = 64
"""Batches that one transaction takes: about a megabyte."""


class InlineWriter:
    """Writes where it is called: for memory, where nothing is waited for and no thread may be."""

    def __init__(self, rows: Rows, durable: int) -> None:
        self._rows, self.durable = rows, durable
        self.failure: Refused | None = None

    def put(self, batch: Batch) -> None:
        """Store it. Raises `Fenced` and `LogFull`."""
        try:
            _insert(self._rows, batch[1], self.durable)
        except Refused as failure:
            self.failure = failure
            raise
        self.durable = batch[0]

    def sync(self) -> None:
        """All of it is there."""

    def close(self) -> None:
        """Nothing is open."""


class ThreadWriter:
    """Writes in a thread of its own. `durable` only grows; `failure` says what stands in the way now."""

    def __init__(self, rows: Rows, durable: int) -> None:
        self._rows, self.durable = rows, durable
        self.failure: Refused | None = None
        self._queue: SimpleQueue[Batch | None] = SimpleQueue()
        self._closing = threading.Event()
        self._state = threading.Condition()
        self._put = durable
        self._thread = threading.Thread(target=self._run, name="tapefold-log", daemon=True)
        self._thread.start()

    def put(self, batch: Batch) -> None:
        """Give it to the thread."""
        self._put = batch[0]
        self._queue.put(batch)

    def sync(self) -> None:
        """Wait until all that was put is durable."""
        with self._state:
            self._state.wait_for(lambda: self.durable >= self._put or self.failure)
        if self.durable < self._put and self.failure:
            raise self.failure

    def close(self) -> None:
        """Write the rest and end the thread; raises where the rest could not be written."""
        self._closing.set()
        self._queue.put(None)
        self._thread.join()
        if self.durable < self._put:
            raise self.failure or Refused(
                f"{self._rows.where} was not written: it is durable to position {self.durable}"
            )

    def _run(self) -> None:
        while batches := self._next():
            rows = [row for _, some in batches for row in some]
            if not self._store(rows):
                return
            with self._state:
                self.durable, self.failure = batches[-1][0], None
                self._state.notify_all()

    def _next(self) -> list[Batch]:
        """What waits, oldest first; nothing once the log is closed."""
        first = self._queue.get()
        batches = [first] if first else []
        while batches and len(batches) < TOGETHER_MAX:
            try:
                more = self._queue.get_nowait()
            except Empty:
                break
            if more is None:
                self._queue.put(None)  # for the next round: it is the last thing ever put
                break
            batches.append(more)
        return batches

    def _store(self, rows: list[tuple[int, bytes]]) -> bool:
        """Store *rows*, trying again while the disk is full; False if that is over for good."""
        while True:
            try:
                _insert(self._rows, rows, self.durable)
            except LogFull as failure:
                self._fail(failure)
                if self._closing.wait(RETRY):
                    return False
            except Refused as failure:
                self._fail(failure)
                return False
            else:
                return True

    def _fail(self, failure: Refused) -> None:
        with self._state:
            self.failure = failure
            self._state.notify_all()


def _insert(rows: Rows, new: list[tuple[int, bytes]], durable: int) -> None:
    """Store *new*, all or none. Raises `Fenced` and `LogFull`, which say what is safe."""
    try:
        rows.insert(new)
    except IntegrityError as error:
        raise Fenced(
            f"another writer has written to {rows.where}: this engine writes no more (durable to "
            f"position {durable}); open the log again"
        ) from error
    except Exception as error:  # of the library or the machine: nobody else hears it in this thread
        raise LogFull(
            f"{rows.where} cannot be written ({error}): it is durable to position {durable}; free "
            "some space and start again"
        ) from error
