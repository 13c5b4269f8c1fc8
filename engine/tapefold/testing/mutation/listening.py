"""What an adapter is given of a session, and what it makes of it: what of a tape is read at all."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple, TypeAlias, cast

from msgspec.structs import replace

from tapefold.adapter import Adapter, Frame, Known, Trader, trader
from tapefold.events import AnyEvent, InstrumentListed, TradingRulesSet
from tapefold.log import Log
from tapefold.replay import Replay
from tapefold.session import Line, Session, Start
from tapefold.testing.mutation.leaves import is_json
from tapefold.units import Nanos

_OK: Final = range(200, 300)
Said: TypeAlias = tuple[object, ...]
"""All that an adapter says of a frame; where it raises, the error's type in place of an answer."""


class Heard:
    """A frame or an answer that an adapter was given."""

    def __init__(self, line: int, frame: Frame, adapter: Adapter, known: Known) -> None:
        """*line* is the tape's, *known* what instruments were known then."""
        self.line, self.data = line, frame.data
        self._frame, self._adapter, self._known = frame, adapter, known

    def says(self, data: bytes) -> Said:
        """What it would say were it these bytes."""
        adapter, frame = self._adapter, replace(self._frame, data=data)
        request = frame.request
        if request is None:
            topic = _tried(lambda: adapter.topic(data))
            return _tried(lambda: (*adapter.decode(frame, self._known),)), topic
        private = cast("Trader", adapter)  # what asks for a token has one
        if request.purpose == "token" and frame.status in _OK:
            return (_tried(lambda: private.read_token(frame)),)
        refusal = trader(adapter) and frame.status not in _OK
        return (
            _tried(lambda: (*adapter.decode(frame, self._known),)),
            _tried(lambda: private.refusal(frame)) if refusal else None,
        )

    @cached_property
    def said(self) -> Said:
        """What it says."""
        return self.says(self.data)

    def used(self, said: Said, idle: "Idle") -> Said:
        """The same without what nothing comes of."""
        if isinstance(said[0], type):
            return said
        return tuple(idle.others(_events(said[0]))), *said[1:]

    @property
    def rejected(self) -> bool:
        """Nobody could read it: such a frame is kept as it came, byte for byte."""
        return isinstance(self.said[0], type)

    @cached_property
    def name(self) -> str:
        """What kind of message it is: an answer's purpose, a frame's channel, or its first event."""
        request = self._frame.request
        if request is not None:
            return request.purpose if self._frame.status in _OK else f"{request.purpose} refused"
        events, topic = self.said
        first = (type(each).__name__ for each in _events(events) if not _listing(each))
        return getattr(topic, "channel", "") or next(first, "unused")

    def lists(self, data: bytes) -> bool:
        """Whether these bytes, of a received frame, would list an instrument anew, and ours do not."""
        if self._frame.request is not None:
            return False
        one, other = (
            [*filter(_listing, _events(said[0]))] for said in (self.said, self.says(data))
        )
        return one != other


def _events(said: object) -> tuple[AnyEvent, ...]:
    return cast("tuple[AnyEvent, ...]", said) if isinstance(said, tuple) else ()


def _listing(event: AnyEvent) -> bool:
    return isinstance(event, InstrumentListed)


def _tried(call: Callable[[], object]) -> object:
    try:
        return call()
    except Exception as error:  # whatever an adapter raises is what it says of this frame
        return type(error)


class Idle(NamedTuple):
    """What adapters say and a session has no use for."""

    types: frozenset[type]
    """Of events that are nowhere in its log: trading rules without an account."""
    listed: frozenset[tuple[str, str]]
    """By exchange and native name, what instruments it has: rows of a list about others are idle."""

    def others(self, events: Iterable[AnyEvent]) -> Iterator[AnyEvent]:
        """All events but the idle ones."""
        here = True
        for event in events:
            if isinstance(event, InstrumentListed):
                here = (event.exchange, event.native_symbol) in self.listed
            elif not isinstance(event, TradingRulesSet):  # those are of the row before them
                here = True
            if here and type(event) not in self.types:
                yield event


class Overheard(NamedTuple):
    """What adapters were given of a session."""

    heard: list[Heard]
    """All JSON, by the tape's lines."""
    skipped: int
    """What is no JSON, and what nobody reads at all: frames of a lane that was hung up, say."""
    idle: Idle


class _Types:
    """A log that knows what types of events are in it."""

    def __init__(self, start: Start | None) -> None:
        self._log = Log(start=start.tail if start else None)
        self.types = set[type]()

    @property
    def head(self) -> int:
        return self._log.head

    def append(self, time: Nanos, event: AnyEvent) -> None:
        self._log.append(time, event)
        self.types.add(type(event))

    def commit(self) -> None:
        """Nothing is kept."""

    def digest(self) -> str:
        return self._log.digest()


class _Ear:
    """An adapter that notes what it is given to read."""

    def __init__(self, adapter: Adapter, listener: "_Listener") -> None:
        self._adapter, self._listener = adapter, listener

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def decode(self, frame: Frame, known: Known) -> object:
        self._listener.note(frame, self._adapter, known)
        return self._adapter.decode(frame, known)

    def read_token(self, frame: Frame) -> str:
        self._listener.note(frame, self._adapter, {})
        return cast("Trader", self._adapter).read_token(frame)


class _Listener:
    """Finds the line that a frame came from: a frame may be read long after it came."""

    def __init__(self, started_ns: int) -> None:
        self.heard = list[Heard]()
        self.skipped = 0
        self._started_ns = started_ns
        self._waiting = dict[tuple[int, str, str], deque[int]]()
        self._known: Known = {}

    def comes(self, number: int, line: Line) -> None:
        key = self._started_ns + line.at, line.lane, line.kind
        self._waiting.setdefault(key, deque()).append(number)

    def note(self, frame: Frame, adapter: Adapter, known: Known) -> None:
        """One that is read; again, it is not noted."""
        waiting = self._waiting.get((frame.time, frame.lane, frame.kind))
        if not waiting:
            return
        number = waiting.popleft()
        if not is_json(frame.data):
            self.skipped += 1
            return
        if self._known != known:  # it changes with few frames, and the rest share one copy
            self._known = dict(known)
        self.heard.append(Heard(number, frame, adapter, self._known))

    @property
    def unheard(self) -> int:
        """Of what came nobody read this."""
        return sum(map(len, self._waiting.values()))


def listen(session: Session, adapters: Mapping[str, Adapter]) -> Overheard:
    """What adapters are given in a replay. Raises as `Replay` does."""
    listener, log = _Listener(session.meta.started_ns), _Types(session.start())
    ears = {name: cast("Adapter", _Ear(each, listener)) for name, each in adapters.items()}
    replay = Replay(session, log, ears)
    for number, line in enumerate(session.lines(), 1):
        if line.kind in ("recv", "response"):
            listener.comes(number, line)
        replay.play(1)
    replay.play(1)  # at its end nothing may be owed
    heard = sorted(listener.heard, key=lambda each: each.line)
    said = {type(event) for each in heard for event in _events(each.said[0])}
    # A session that goes on from a log has there what does not come again.
    types = frozenset[type]() if session.start() else frozenset(said - log.types)
    rows = replay.views.instruments.rows.values()
    listed = frozenset((row.exchange, row.native_symbol) for row in rows)
    return Overheard(heard, listener.skipped + listener.unheard, Idle(types, listed))
