"""A `kill` and a closed terminal end a run of scenarios as Ctrl-C does: in order."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType
from typing import Final

STOPS: Final = (signal.SIGTERM, signal.SIGHUP) if hasattr(signal, "SIGHUP") else (signal.SIGTERM,)
"""What is taken for Ctrl-C."""


class Ending:
    """Whether the run was told to end."""

    def __init__(self) -> None:
        self._asked = False

    def check(self) -> None:
        """Stop here if it was. Raises `KeyboardInterrupt`."""
        if self._asked:
            raise KeyboardInterrupt

    def hear(self, number: int, frame: FrameType | None) -> None:
        """A signal. Whoever waits with Ctrl-C, trio and `Patience`, waits with this one as well."""
        self._asked = True
        ctrl_c = signal.getsignal(signal.SIGINT)
        if callable(ctrl_c):
            ctrl_c(signal.SIGINT, frame)
        else:  # who runs us has Ctrl-C ignored
            raise KeyboardInterrupt


@contextmanager
def ends_in_order() -> Generator[Ending]:
    """While it lasts, such a signal is Ctrl-C. One that is ignored, or somebody's who runs us, stays so."""
    ending = Ending()
    ours = [
        number
        for number in STOPS
        if current_thread() is main_thread() and signal.getsignal(number) is signal.SIG_DFL
    ]
    for number in ours:
        signal.signal(number, ending.hear)
    try:
        yield ending
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
