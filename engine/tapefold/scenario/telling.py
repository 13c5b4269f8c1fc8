"""The story of a run, as it happened: what was done, and what was said of orders and connections."""

from decimal import Decimal
from typing import Any, Final, cast

import msgspec

from tapefold.events import (
    AccountStreamChanged,
    AccountSurveyed,
    AnyEvent,
    BookInvalidated,
    CancelAllEnded,
    ConnectionClosed,
    ConnectionOpened,
    RequestFailed,
    RunStarted,
    StreamStale,
)
from tapefold.log import Record
from tapefold.scenario.director import Do
from tapefold.scenario.results import Told
from tapefold.scenario.sums import Scene
from tapefold.scenario.words import FaultWord
from tapefold.units import Nanos, fixed

LINES_MAX: Final = 2000
"""Of a story; what comes after is not told."""
_ALSO: Final = (
    AccountStreamChanged,
    AccountSurveyed,
    BookInvalidated,
    CancelAllEnded,
    ConnectionClosed,
    ConnectionOpened,
    RequestFailed,
    RunStarted,
    StreamStale,
)
_UNSAID: Final = ("client_order_id", "time_exchange", "exchange_order_id", "versions", "exchange")


class Teller:
    """Takes down the story."""

    def __init__(self, scene: Scene, started: Nanos) -> None:
        self.lines: list[Told] = []
        self._scene, self._started = scene, started

    def step(self, time: Nanos, do: Do) -> None:
        """Something is done."""
        said = getattr(do.step, do.step.does, "")
        text = f"{do.step.does} {'' if said is True else printed(said)}".rstrip()
        self._say(time, "step", f"{text}  # {do.step.note}" if do.step.note else text)

    def fault(self, time: Nanos, fault: FaultWord) -> None:
        """Something goes wrong, as the file says."""
        self._say(time, "fault", f"{fault.what} {fault.of}".rstrip())

    def heard(self, record: Record) -> None:
        """Something was logged: told where it is of an order, or of a connection."""
        event = record.event
        name = getattr(event, "client_order_id", "")
        if name or isinstance(event, _ALSO):
            self._say(record.time_received, "log", sentence(event, self._names().get(name, name)))

    def _say(self, time: Nanos, who: Any, text: str) -> None:
        if len(self.lines) < LINES_MAX:
            self.lines.append(Told(time - self._started, who, text))

    def _names(self) -> dict[str, str]:
        return {identity: name for name, identity in self._scene.names.items()}


def sentence(event: AnyEvent, order: str = "") -> str:
    """An event in a line: its kind, the order's name, and what it has that is not nothing."""
    fields = msgspec.structs.asdict(event).items()
    words = [
        f"{name}={printed(value)}"
        for name, value in fields
        if name not in _UNSAID and not name.startswith("packed_") and _is_told(value)
    ]
    return " ".join([type(event).__name__, *([order] if order else []), *words])


def _is_told(value: object) -> bool:
    return value is not None and value not in ("", (), {}, [])


def printed(value: object) -> str:
    """A value as people read it."""
    if isinstance(value, Decimal):
        return fixed(value)
    if isinstance(value, dict):
        pairs = cast("dict[str, object]", value).items()
        return "{" + ", ".join(f"{name}: {printed(each)}" for name, each in pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(printed, cast("list[object]", value))) + "]"
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.asdict(value).items()
        default = {field.name: field.default for field in msgspec.structs.fields(value)}
        return " ".join(f"{k}={printed(v)}" for k, v in fields if v != default[k])
    return "nothing" if value is None else str(value)
