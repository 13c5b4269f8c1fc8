"""Many events taken in at once, from their bytes."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol


class Folds(Protocol):
    """What the compiled core has to know of `Views`: those of quotes, trades and books."""

    position: int

    @property
    def books(self) -> dict[int, Any]:
        """`Book`s by instrument."""
        ...

    @property
    def markets(self) -> dict[int, Any]:
        """`Market`s by instrument."""
        ...

    def apply(self, event: Any) -> None:
        """Take the next event in."""
        ...

    def apply_all(self, events: Iterable[Any]) -> None:
        """Take many in."""
        ...


def fold_events(
    views: Folds, body: bytes, count: int, decode: Callable[[bytes, int], list[Any]]
) -> None:
    """*count* events that stand in *body* one after another, taken in: all, or none where it raises.

    Raises what *decode* does, which makes so many events of their bytes.
    """
    views.apply_all(decode(body, count))
