"""Who writes down what is said between a kernel and a simulated exchange."""

from typing import Protocol

from tapefold.adapter import Command, Frame, Outgoing
from tapefold.units import Nanos


class Taker(Protocol):
    """Who writes down what is said, as a session's writer does."""

    def command(self, time: Nanos, command: Command) -> None:
        """What the caller, or a strategy, told the engine."""
        ...

    def frame(self, frame: Frame) -> None:
        """What came in."""
        ...

    def out(self, time: Nanos, out: Outgoing) -> None:
        """What the kernel asked for."""
        ...


class Nobody:
    """Nothing is written down."""

    def command(self, time: Nanos, command: Command) -> None:
        """Not written down."""

    def frame(self, frame: Frame) -> None:
        """Not written down."""

    def out(self, time: Nanos, out: Outgoing) -> None:
        """Not written down."""
