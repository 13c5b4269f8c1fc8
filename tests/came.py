"""What came of a recorded session, for tests that hold one client of it against another.

It is told with the recording's ids in it, whatever a client called its orders.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from tapefold import Session, Views
from tapefold.events import (
    AnyEvent,
    BalanceSnapshot,
    Conclusion,
    OrderNotFound,
    OrderSubmitted,
)
from tapefold.log import Log
from tapefold.log.store import in_memory
from tapefold.replay import Replay
from tapefold.session import Start
from tapefold.session.tape import frame_data, read_asked

Packed: TypeAlias = "str | int | float | bool | bytes | dict[str, Packed] | list[Packed] | None"
"""What an event is made of, in its bytes."""
_encode = msgspec.msgpack.Encoder().encode
_decode_any = msgspec.msgpack.Decoder().decode
_decode = msgspec.msgpack.Decoder(list[AnyEvent]).decode


class Came(msgspec.Struct, frozen=True):
    """What came of a session, by whichever door, with the recording's ids in it."""

    events: Sequence[AnyEvent]
    views: Views
    heard: Mapping[str, Sequence[bytes]]
    """By connection, all frames in their order."""
    digest: str
    """Of the log as it was written."""
    ids: Mapping[str, str]
    """Of each order, by who wanted it, as it was called."""
    relaxed: int = 0
    """Lines that the exchange did not wait for."""
    early: int = 0
    """Commands that were given before the tape's time."""
    asked: Mapping[str, int] = {}
    """How often, by method and path."""

    def told(self, *, times: bool = True) -> dict[str, list[AnyEvent]]:
        """Of each order what was concluded, in its order.

        Without *times*: by which of two facts something was known first depends on who was asked first.
        """
        told: dict[str, list[AnyEvent]] = defaultdict(list)
        for event in self.events:
            if isinstance(event, Conclusion):
                said = event if times else replace(event, time_exchange=0)
                told[event.client_order_id].append(said)
        return told

    def folds(self, start: Start | None) -> dict[str, object]:
        """Each fold, but for what tells in which order lanes were heard, and how long after another."""
        views = start.thaw() if start else Views()
        for event in self.events:
            if isinstance(event, BalanceSnapshot):
                views.apply(replace(event, quiet=0))
            elif isinstance(event, OrderNotFound):
                views.apply(replace(event, silent=0))
            else:
                views.apply(event)
        folds: dict[str, object] = {**views.digests()}
        state = views.state()
        folds["anomalies"] = sorted(what for _, what in state.anomalies[1])
        orders = state.accounts.orders
        folds["orders"] = replace(orders, done=sorted(orders.done))
        return folds


def recorded(session: Session) -> Came:
    """What is on the recording, by the replay door: the measure of all else."""
    start, heard = session.start(), defaultdict[str, list[bytes]](list)
    log = Log(in_memory(), start=start.tail if start else None)
    replay = Replay(session, log)
    while replay.play(1 << 16):
        pass
    asked = Counter[str]()
    for line in session.lines():
        if line.kind == "recv":
            heard[line.lane].append(frame_data(line))
        elif line.kind == "request":
            request = read_asked(bytes(line.data))
            asked[asked_of(request.method, request.url)] += 1
    events = [record.event for record in log.read()]
    return Came(events, replay.views, heard, log.digest(), ids_of(events), asked=asked)


def asked_of(method: str, url: str) -> str:
    """What is asked, without its parameters."""
    return f"{method} {urlsplit(url).path}"


def renamed(events: Sequence[AnyEvent], names: Mapping[str, str]) -> list[AnyEvent]:
    """The same events, each text that is a name replaced."""

    def put(value: Packed) -> Packed:
        if isinstance(value, str):
            return names.get(value, value)
        return [put(each) for each in value] if isinstance(value, list) else value

    return _decode(_encode(put(_decode_any(_encode(list(events))))))


def ids_of(events: Iterable[AnyEvent]) -> dict[str, str]:
    """The ids of orders, by who wanted them: a scenario has a name for each."""
    return {
        event.by: event.client_order_id for event in events if isinstance(event, OrderSubmitted)
    }


def plain(data: bytes, names: Mapping[str, str]) -> bytes:
    """The same frame, each word in quotes that is a name replaced."""
    for ours, theirs in names.items():
        data = data.replace(f'"{ours}"'.encode(), f'"{theirs}"'.encode())
    return data
