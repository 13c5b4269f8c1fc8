"""One exchange's lanes: dialled, up, silent, down, and opened again for as long as they are wanted.

    waits its turn ──▶ dialled ── opened ──▶ up ── closed, or silent for too long ──┐
          ▲               └── refused, or no answer ──▶┐                            │
          └────────────── a while later, as a new lane ◀────────────────────────────┘

All of it is a function of frames, commands and the run's seed. Each part of a subscription has
troubles of its own: one that cannot be connected delays no other.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeAlias

from tapefold.adapter import Close, Frame, Heartbeat, Open, Send, Stream, Subscribe
from tapefold.events import ConnectionClosed, ConnectionOpened, StreamStale
from tapefold.kernel.core import Core
from tapefold.kernel.lane import Lane, Part, Reading
from tapefold.kernel.rate import CALM, Paced, jittered
from tapefold.units import Nanos

CUT: Final = 1006
"""The close code of a connection that was cut, or never came up."""
CODE_MIN: Final = 1000
"""The first close code; what is below it is the HTTP status of a refused handshake."""
REASON_MAX: Final = 123
"""Characters of a close's reason: what RFC 6455 allows."""
OnLane: TypeAlias = Callable[[Nanos, Part], None]


class Lanes:
    """One exchange's lanes. It tells the feed of each that came up or went down."""

    def __init__(self, reading: Reading, core: Core, risen: OnLane, fallen: OnLane) -> None:
        self._reading, self._core = reading, core
        self._risen, self._fallen = risen, fallen
        description = reading.adapter.description
        self._exchange, self._limits = description.exchange, description.limits
        self._heartbeat = description.heartbeat
        self._made = 0
        self._parts: dict[str, Sequence[Part]] = {}
        """By each lane that a subscription ever had: all of its parts."""
        self._dialled: dict[str, tuple[Part, Stream]] = {}
        """Asked for and not up yet, by lane."""
        self._dials = Paced[Part](core.at, self._limits.dials, self._dial)

    def carried(self) -> list[Part]:
        """What the lanes carry that are up."""
        return [each.part for each in self._core.up.values() if each.reading is self._reading]

    # What the caller wants

    def subscribe(self, time: Nanos, command: Subscribe, natives: Sequence[str]) -> None:
        """Open a lane for these instruments, or as many as it takes."""
        streams_max = self._limits.streams_max or len(natives) * len(command.channels)
        step = max(1, streams_max // max(1, len(command.channels)))
        cuts = [tuple(natives[n : n + step]) for n in range(0, len(natives), step)]
        adapter = self._reading.adapter
        channels = command.channels
        parts = [
            Part(command, cut, partial(adapter.subscribe, cut, channels), self._reading)
            for cut in cuts
        ]
        for part in parts:
            self._open(parts, part, time)

    def keep(self, time: Nanos, part: Part) -> None:
        """Open a lane for this, and another whenever it is down."""
        self._open([part], part, time)

    def unsubscribe(self, time: Nanos, lane: str) -> None:
        """Nobody wants the subscription any more that has, or once had, this lane."""
        parts = self._parts.get(lane, ())
        for part in parts:
            part.wanted = False
            self._dials.drop(part)
            self._dialled.pop(part.lane, None)  # it is hung up on as soon as it answers
            if part.lane in self._core.up:
                self.hang_up(time, part.lane)
        self._parts = {name: each for name, each in self._parts.items() if each is not parts}

    # Connecting

    def _open(self, parts: Sequence[Part], part: Part, now: Nanos) -> None:
        if part.wanted:
            self._made += 1
            part.lane = f"{self._exchange}/{self._made}"
            self._parts[part.lane] = parts
            self._dials.add(now, part)

    def _dial(self, _: Nanos, part: Part) -> None:
        stream = part.stream()
        self._dialled[part.lane] = part, stream
        self._core.out.append(Open(part.lane, stream.url))

    def opened(self, frame: Frame) -> None:
        """A lane is up: say what is to be said there first. One that nobody wants any more is hung up."""
        time, name = frame.time, frame.lane
        self._core.append(time, ConnectionOpened(lane=name))
        dialled = self._dialled.pop(name, None)
        if dialled is None:
            self.hang_up(time, name)
            return
        part, stream = dialled
        sends = Paced[Send](self._core.at, self._limits.sends, self._send)
        self._core.up[name] = Lane(time, part, sends)
        for message in stream.messages:
            sends.add(time, Send(name, message, stream.signed))
        if part.command.silence_max > 0:
            self._core.at(time + part.command.silence_max, partial(self._listen, name))
        if self._heartbeat:
            self._core.at(time + self._heartbeat.every, partial(self._beat, name, self._heartbeat))
        self._risen(time, part)

    def closed(self, frame: Frame) -> None:
        """A lane is down, or never came up. One that we hung up has been said to be down: not again."""
        if frame.lane in self._core.up or frame.lane in self._dialled:
            given = frame.status >= CODE_MIN and frame.status != CUT
            reason = frame.reason[:REASON_MAX] if given else ""
            event = ConnectionClosed(
                lane=frame.lane, by="exchange", code=frame.status, reason=reason
            )
            self._down(frame.time, event)

    def hang_up(self, time: Nanos, lane: str) -> None:
        """Close it from our side; it is opened again while it is wanted."""
        self._core.out.append(Close(lane))
        self._down(time, ConnectionClosed(lane=lane, by="client", code=CODE_MIN))

    def _down(self, time: Nanos, event: ConnectionClosed) -> None:
        lane = self._core.up.pop(event.lane, None)
        part = lane.part if lane else self._dialled.pop(event.lane, (None,))[0]
        self._core.append(time, event)
        if lane:
            lane.sends.clear()
            self._fallen(time, lane.part)
            if time - lane.since > CALM:
                lane.part.tries = 0
        if part and part.wanted:
            wait = jittered(part.tries, self._core.seed, event.lane)
            part.tries += 1
            again = partial(self._open, self._parts[event.lane], part)
            self._core.at(time + wait, again)

    # While it is up

    def _send(self, _: Nanos, send: Send) -> None:
        self._core.out.append(send)

    def _beat(self, name: str, heartbeat: Heartbeat, now: Nanos) -> None:
        if lane := self._core.up.get(name):
            lane.sends.add(now, Send(name, heartbeat.text))
            self._core.at(now + heartbeat.every, partial(self._beat, name, heartbeat))

    def _listen(self, name: str, now: Nanos) -> None:
        """Was anything heard since the timer was set? Then it is set anew: no frame pays for it."""
        lane = self._core.up.get(name)
        if lane is None:
            return
        silent = now - lane.heard
        if silent < lane.part.command.silence_max:
            due = lane.heard + lane.part.command.silence_max
            self._core.at(due, partial(self._listen, name))
            return
        self._core.append(now, StreamStale(lane=name, silent=silent))
        self.hang_up(now, name)
