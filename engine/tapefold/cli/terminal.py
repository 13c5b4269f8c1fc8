"""Writing: to a terminal, to a pipe, and progress.

A pipe gets plain lines and nothing else, a terminal may get colours (`NO_COLOR` turns them off).
Progress goes to standard error, and only where that is a terminal.
"""

import json
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO

import click
import msgspec

from tapefold.errors import Refused

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

INTERVAL: Final = 0.1
"""Seconds between two pictures of progress."""


def say(*lines: str) -> None:
    """Lines for standard output. Raises `Refused` where it takes no more."""
    with _written():
        for line in lines:
            click.echo(clean(line))


def say_json(value: Any, *, one_line: bool = False) -> None:
    """One JSON object for standard output, a line; for eyes, several unless *one_line* says so."""
    data = msgspec.json.encode(value)
    if on_terminal(sys.stdout) and not one_line:
        data = msgspec.json.format(data, indent=2)
    # As JSON has it: what `say` would put for a control code is none.
    say("".join(map(_plain_json, data.decode())))


def _plain_json(char: str) -> str:
    return char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1]


def complain(message: str) -> None:
    """What went wrong, to standard error. Nothing more can be done where that is closed."""
    if message:
        with suppress(OSError):
            first, *more = message.split("\n")
            for line in (f"tapefold: {first}", *more):
                click.echo(clean(line), err=True)


def draw(picture: "RenderableType") -> None:
    """Something of rich's, on the terminal that standard output is. Raises `Refused` as `say` does."""
    with _written():
        console(sys.stdout).print(picture)


@contextmanager
def _written() -> Generator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Refused(f"standard output takes no more: {error.strerror}") from error


def console(file: TextIO) -> "Console":
    """A terminal of rich's."""
    from rich.console import Console

    return Console(file=file, highlight=False, markup=False, emoji=False)


def on_terminal(file: TextIO | None) -> bool:
    """Whether somebody looks at it."""
    return file is not None and not file.closed and file.isatty()


def clean(text: str) -> str:
    """Without control codes: what an exchange or a file says must not steer a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


def forgive() -> None:
    """A terminal that lacks a character shows another one instead."""
    for file in (sys.stdout, sys.stderr):
        if isinstance(file, TextIOWrapper):
            file.reconfigure(errors="replace")


def finish() -> None:
    """Write out what waits. Raises `Refused` where that cannot be; it is then forgotten."""
    try:
        with _written():
            if sys.stdout is not None and not sys.stdout.closed:
                sys.stdout.flush()
    except (Refused, BrokenPipeError):
        _forget()  # or Python's own last flush would speak of it again
        raise


def _forget() -> None:
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class Screen(Protocol):
    """Where progress is shown."""

    def due(self) -> bool:
        """Whether it is time for a new picture."""
        ...

    def show(self, picture: "RenderableType") -> None:
        """Show it instead of the last one."""
        ...


class _Nowhere:
    def due(self) -> bool:
        return False

    def show(self, picture: "RenderableType") -> None:
        """Nobody looks."""


class _Live:
    def __init__(self, live: Any) -> None:
        self._live, self._next = live, 0.0

    def due(self) -> bool:
        return monotonic() >= self._next

    def show(self, picture: "RenderableType") -> None:
        self._live.update(picture, refresh=True)
        self._next = monotonic() + INTERVAL


@contextmanager
def screen() -> Generator[Screen]:
    """A part of the terminal that is drawn anew about ten times a second, and is gone at the end."""
    if not on_terminal(sys.stderr):
        yield _Nowhere()
        return
    from rich.live import Live

    with Live(console=console(sys.stderr), auto_refresh=False, transient=True) as live:
        yield _Live(live)
