"""Adapters are found by their entry points: ours use the same door as anybody's."""

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Final, cast

from tapefold.adapter.protocol import Adapter
from tapefold.errors import AdapterError

GROUP: Final = "tapefold.adapters"


def exchanges() -> list[str]:
    """The names of all installed adapters."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def load_adapter(exchange: str) -> Adapter:
    """The adapter of *exchange*, found by its entry point. Raises `AdapterError` for none or two."""
    points = [*entry_points(group=GROUP, name=exchange)]
    if not points:
        raise AdapterError(f"there is no adapter {exchange!r}; installed: {', '.join(exchanges())}")
    if len({point.value for point in points}) > 1:
        where = " and ".join(sorted(point.value for point in points))
        raise AdapterError(f"two packages bring an adapter {exchange!r}: {where}; uninstall one")
    make = cast("Callable[[], Adapter]", points[0].load())
    return make()
