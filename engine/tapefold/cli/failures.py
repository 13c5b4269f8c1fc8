"""What an error is to the one who typed the command: a line, and an exit code."""

import signal
from threading import current_thread, main_thread
from types import FrameType
from typing import Final, NamedTuple, cast

import click

from tapefold.errors import TapefoldError

REFUSED: Final = 4
INTERNAL: Final = 70
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141
"""As a shell says of a command that nobody reads any more."""


class Failure(NamedTuple):
    """What is said, if anything, and with what the process ends."""

    message: str
    code: int


def failure(error: BaseException) -> Failure:
    """Of any error; those that are not ours to expect are our fault."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return failure(
            KeyboardInterrupt() if group.subgroup(KeyboardInterrupt) else group.exceptions[0]
        )
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    match error:
        case TapefoldError():
            return Failure(f"{error}{notes}", error.exit_code)
        case KeyboardInterrupt():
            return Failure(f"interrupted{notes}", INTERRUPTED)
        case BrokenPipeError():
            return Failure("", PIPE_CLOSED)
        case OSError():
            what = error.strerror or str(error)
            where = f"{error.filename}: " if error.filename else ""
            return Failure(f"{where}{what}{notes}", REFUSED)
        case _:
            what = " ".join(f"{type(error).__name__}: {error}".split())
            return Failure(
                f"internal error, {what}{notes} (this is our fault; run `tapefold --traceback ...` "
                "to see it)",
                INTERNAL,
            )


def usage(error: click.ClickException) -> Failure:
    """Of a command that was typed wrong: what is wrong, and where the right way is told."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "tapefold"
    message = " ".join(error.format_message().split()).removesuffix(".")
    return Failure(f"{message}; see `{path} --help`", error.exit_code)


class Patience:
    """While it lasts, Ctrl-C waits for `check`: it must not come between an event's bytes and its position.

    It may be entered twice; the first exit ends it. Where SIGINT is ignored, or is somebody's who
    runs us, it stays so.
    """

    def __init__(self) -> None:
        self._asked = self._lasts = False

    def check(self) -> None:
        """Stop here if Ctrl-C was pressed. Raises `KeyboardInterrupt`."""
        if self._asked:
            raise KeyboardInterrupt

    def __enter__(self) -> "Patience":
        ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if ours and current_thread() is main_thread():
            signal.signal(signal.SIGINT, self._hear)
            self._lasts = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._lasts:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._lasts = False

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
