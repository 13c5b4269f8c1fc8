"""What is to be awaited, and was not: Python would only warn of it, and the test would pass."""

from collections.abc import Coroutine
from inspect import CORO_CREATED, getcoroutinestate
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
Pending: TypeAlias = Coroutine[Any, Any, T]
"""What `await` is said of."""


class Unawaited:
    """Those that nobody has begun to await."""

    def __init__(self) -> None:
        self._made: list[tuple[str, Pending[Any]]] = []

    def made(self, name: str, coroutine: Pending[T]) -> Pending[T]:
        """Note one, by the name it is told by; those that were begun since are forgotten."""
        self._made = [*self._left(), (name, coroutine)]
        return coroutine

    def close(self) -> list[str]:
        """A line for each that is left. None of them can be awaited any more."""
        left, self._made = self._left(), []
        for _, coroutine in left:
            coroutine.close()
        return [f"never awaited: {name}: say `await`, or it is not looked for" for name, _ in left]

    def _left(self) -> list[tuple[str, Pending[Any]]]:
        return [each for each in self._made if getcoroutinestate(each[1]) == CORO_CREATED]
