"""What is watched: the blocks of code within `Clock.running`, and nothing around them."""

import gc
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager


def _nothing() -> None:
    """No mark."""


class Clock:
    """Sums up the CPU seconds of what it is running for, and marks where that begins and ends."""

    def __init__(self, mark: Callable[[], object] = _nothing) -> None:
        self._mark = mark
        self.seconds = 0.0
        """Of all threads, user and system."""

    @contextmanager
    def running(self) -> Generator[None]:
        """The clock runs while the block does. Garbage of what came before is not collected in it."""
        gc.collect()
        self._mark()
        began = time.process_time()
        yield
        self.seconds += time.process_time() - began
        self._mark()
