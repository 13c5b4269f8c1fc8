"""A run of an engine, moment by moment, to be told to whatever records one."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from builders import START, World, delta, instruments, snapshot

from tapefold.adapter import Command, Frame, Outcome, Outgoing, Request
from tapefold.session import Meta, SessionWriter
from tapefold.units import SECOND, Nanos


class Told(Protocol):
    """What a writer and a recorder have in common."""

    def command(self, time: Nanos, command: Command, /) -> None: ...
    def out(self, time: Nanos, out: Outgoing, /) -> None: ...
    def frame(self, frame: Frame, /) -> None: ...


class Moments:
    """Takes the place of a session's writer, and keeps what it is told: each is a line of the tape."""

    def __init__(self) -> None:
        self.meta = meta()
        self.kept: list[tuple[Nanos, Command | Outgoing | Frame]] = []

    def command(self, time: Nanos, command: Command) -> None:
        self.kept.append((time, command))

    def out(self, time: Nanos, out: Outgoing) -> None:
        self.kept.append((time, out))

    def frame(self, frame: Frame) -> None:
        self.kept.append((frame.time, frame))

    def world(self) -> World:
        """A world that tells its moments here."""
        return World(writer=cast("SessionWriter", self))


def meta() -> Meta:
    """Of a recording that begins."""
    return Meta(exchanges=["binance"], source="live", started_ns=START, run_id="a run", seed=7)


def tell(moments: Moments, to: Told, start: int = 0, end: int | None = None) -> None:
    """Tell some moments, in order."""
    for time, what in moments.kept[start:end]:
        if isinstance(what, Frame):
            to.frame(what)
        elif isinstance(what, Command):
            to.command(time, what)
        else:
            to.out(time, what)


def busy(rounds: int) -> tuple[Moments, World]:
    """A run with a gap and a snapshot every dozen frames, and the world that it made."""
    moments = Moments()
    world = moments.world()
    _answer(world, world.subscribe("AB"), instruments("AB"))
    _answer(world, world.opened(), snapshot(0, [("1", "2")], [("3", "4")]))
    number = 0
    for turn in range(rounds):
        world.now += 121 * SECOND  # so long after the last gap, the book is asked for at once
        number += 10
        rows = [(f"1.{level}", "5") for level in range(turn % 40)]
        _answer(world, world.hear(delta(number, number, rows)), snapshot(number, rows))
        for _ in range(10):
            number += 1
            world.hear(delta(number, number, [(f"1.{number % 50}", str(number % 3))]))
    return moments, world


def _answer(world: World, out: Sequence[Outcome], data: bytes) -> None:
    for asked in out:
        if isinstance(asked, Request):
            world.answer(asked, data)


def written(moments: Moments, folder: Path) -> tuple[bytes, bytes]:
    """The tape and the cassette of these moments, as they must be."""
    folder.mkdir()
    writer = SessionWriter(folder, meta())
    tell(moments, writer)
    writer.close()
    return (folder / "tape.jsonl").read_bytes(), (folder / "http.yaml").read_bytes()


def in_vcrpy(path: Path) -> list[int]:
    """The numbers of the answers that plain vcrpy reads from a cassette."""
    deserialize: Any = import_module("vcr.serialize").deserialize
    serializer = import_module("vcr.serializers.yamlserializer")
    requests, responses = deserialize(path.read_text(), serializer)[:2]
    assert len(requests) == len(responses) > 0
    assert all(isinstance(each["body"]["string"], bytes) for each in responses)
    return [each["n"] for each in responses]
