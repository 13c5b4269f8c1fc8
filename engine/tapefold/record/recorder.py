"""The queue, its thread, and how a recording ends."""

import threading
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Final

from tapefold.adapter import Adapter, Command, Frame, Outgoing, load_adapter
from tapefold.errors import Refused
from tapefold.record.masking import Guard
from tapefold.record.scribe import Moment, Scribe
from tapefold.replay import seal
from tapefold.session import LiveWriter, Meta, Session, Start
from tapefold.units import Nanos

RECORD_PENDING_MAX: Final = 16_384
"""Moments that may wait to be written: a second of the busiest stream. Then whoever reads waits."""
RECORD_BYTES_MAX: Final = 64 << 20
"""Bytes of frames that may wait: large ones are limited by their size."""
SYNC_EVERY: Final = 0.1
"""Seconds that what was written may be lost to a power cut; a kill of the process takes none of it."""
TOGETHER_MAX: Final = 256
"""Moments between two looks at who waits and what time it is."""
_NONE: Final[Mapping[str, str]] = {}


class Recorder:
    """Records a run while it happens. What it is told is taken at once, and written by a thread.

    All but `wait`, `close` and `seal` is for one thread, the loop's. Nothing that goes wrong with the
    recording is raised to it: `failure` says what it was, the session ends there and stays readable.
    """

    def __init__(
        self,
        folder: Path,
        meta: Meta,
        guards: Mapping[str, Guard],
        *,
        private: bool = False,
        adapters: Mapping[str, Adapter] | None = None,
        start: Start | None = None,
    ) -> None:
        """Make *folder*. *guards* are by exchange, one for each of `meta.exchanges`.

        *start* is what a log that was not empty had come to, looked through by whoever gives it. With
        *private*, what is asked and heard is somebody's own, on every lane and over HTTP, and long words
        that no rule names end the recording. Raises `SessionError` where the folder is there already,
        `Refused` where it cannot be made, `AdapterError`, and `KeyError` for an exchange without a guard.
        """
        self.folder, self.meta = folder, meta
        self._adapters = adapters or {name: load_adapter(name) for name in meta.exchanges}
        mine = {name: guards[name] for name in meta.exchanges}
        self._scribe = Scribe(
            LiveWriter(folder, meta, start), mine, self._adapters, private=private
        )
        self.failure: Refused | None = None
        """What ended the recording, set once; from then on everything is dropped."""
        self._queue: SimpleQueue[Moment | None] = SimpleQueue()
        self._state = threading.Condition()
        self._put = self._done = self._bytes_put = self._bytes_done = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="tapefold-record", daemon=True)
        self._thread.start()

    def command(self, time: Nanos, command: Command) -> None:
        """The caller told the engine something."""
        self._take((time, command, _NONE))

    def out(self, time: Nanos, out: Outgoing) -> None:
        """The kernel asked for something. To be called before a byte of it leaves."""
        self._take((time, out, _NONE))

    def frame(self, frame: Frame, headers: Mapping[str, str] = _NONE) -> None:
        """Something came in; *headers* are a response's. To be called before the kernel sees it."""
        self._take((frame.time, frame, headers), len(frame.data))

    @property
    def pending(self) -> int:
        """How much was taken and is not written yet."""
        return self._put - self._done

    @property
    def crowded(self) -> bool:
        """Whether so much is pending that whoever reads frames should `wait` before the next one."""
        return self._put - self._done >= RECORD_PENDING_MAX or (
            self._bytes_put - self._bytes_done >= RECORD_BYTES_MAX
        )

    def wait(self) -> None:
        """Come back when what was taken so far is written: a kill of the process cannot take it back.

        Comes back at once after a failure. May be called in any thread.
        """
        with self._state:
            put = self._put
            self._state.wait_for(lambda: self._done >= put)

    def close(self, *, cut: bool = False) -> None:
        """Write the rest, bring it to the disk, and leave the session readable and not sealed.

        *cut*: what was asked last may never have been given to the recorder, and a replay lets that
        pass. What the recorder itself sees unanswered counts as cut as well. Raises nothing.
        """
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        try:
            self._scribe.close(cut=cut)
        except OSError as error:
            self._fail(self._unwritable(error))

    def seal(self, log_digest: str | None, *, cut: bool = False) -> Session:
        """End the recording in order, and give the session. Blocks for as long as a replay of it takes:
        a loop with more to do calls it in a thread.

        *log_digest* is that of the run's log, if that log began with this run; it is compared with the
        replay's unless ids were masked: nothing else that is enters an event. *cut* is as in `close`.
        Raises `failure`; `Refused` for what a last look at the files finds, or for a disk that is full;
        `Mismatch` where the replay comes to something else. Then the session stays as it is, readable and
        not sealed.
        """
        self.close(cut=cut)
        if self.failure:
            raise self.failure
        files = self._scribe.files
        try:
            self._scribe.look()
            seal(files, None if files.meta.masked_ids else log_digest, self._adapters)
        except OSError as error:
            raise self._unwritable(error) from error
        return Session(self.folder)

    def _take(self, moment: Moment, size: int = 0) -> None:
        if self.failure is None and not self._closed:
            self._put += 1
            self._bytes_put += size
            self._queue.put(moment)

    def _run(self) -> None:
        """The thread: write what waits, and bring it to the disk ten times a second."""
        synced, dirty, open_ = monotonic(), False, True
        while open_:
            batch, open_ = self._next(SYNC_EVERY if dirty else None)
            if self.failure is None:
                self._write(batch)
            self._count(batch)
            dirty = dirty or bool(batch)
            if dirty and monotonic() - synced >= SYNC_EVERY:
                self._sync()
                synced, dirty = monotonic(), False

    def _next(self, seconds: float | None) -> tuple[list[Moment], bool]:
        """What waits, oldest first, or nothing after so long; and whether there may be more."""
        batch: list[Moment] = []
        try:
            moment = self._queue.get(timeout=seconds)
            while moment is not None:
                batch.append(moment)
                if len(batch) == TOGETHER_MAX:
                    return batch, True
                moment = self._queue.get_nowait()
        except Empty:
            return batch, True
        return batch, False

    def _write(self, batch: list[Moment]) -> None:
        try:
            for moment in batch:
                self._scribe.write(moment)
        except Refused as failure:
            self._fail(failure)
        except OSError as error:
            self._fail(self._unwritable(error))
        except Exception as error:  # its text may hold what must not be shown
            kind = type(error).__name__
            self._fail(
                Refused(f"the recording in {self.folder} ended: {kind}, a fault of tapefold's")
            )

    def _sync(self) -> None:
        try:
            self._scribe.files.sync()
        except OSError as error:
            self._fail(self._unwritable(error))

    def _count(self, batch: list[Moment]) -> None:
        with self._state:
            self._done += len(batch)
            self._bytes_done += sum(
                len(what.data) for _, what, _ in batch if isinstance(what, Frame)
            )
            self._state.notify_all()

    def _fail(self, failure: Refused) -> None:
        self.failure = self.failure or failure

    def _unwritable(self, error: OSError) -> Refused:
        return Refused(
            f"{self.folder} cannot be written: {error.strerror}; the recording ended there, and can be "
            "replayed as far as it goes"
        )
