"""Form e: reading a tape, replaying a session, and mock mode, each end to end.

    tape.py e CAPTURE... --what lines|lines-zst|replay|command|mock

`lines` reads every line of the plain tape and `lines-zst` of the packed one; `replay` is the replay
door in this process, from the folder to the digests, which must be the session's; `command` the same
as `tapefold replay SESSION`, a process with all it imports; `mock` an engine in mock mode, both sides
of whose loopback sockets are in this process: it is what a test waits for, not what an engine can do.
"""

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import trio

from ours.asking import Clock, Said, children, imported, parser, scratch
from ours.prepared import counted, frames_of, items_of, session_of
from tapefold import Session, open_engine, replay_report
from tapefold.session.tape import PACKED, TAPE

_IMPORTS: Final = imported()


def with_tape(session: Session, name: str, folder: Path) -> Session:
    """A copy of a session whose tape is plain, or packed, by its file's name."""
    import zstandard

    copy = folder / "session"
    shutil.copytree(session.folder, copy)
    if session.tape.name != name:
        (copy / session.tape.name).unlink()
        data = session.tape.read_bytes()
        if name == TAPE:
            data = zstandard.ZstdDecompressor().stream_reader(data).read()
        else:
            data = zstandard.ZstdCompressor().compress(data)
        (copy / name).write_bytes(data)
    return Session(copy)


def lines(session: Session, clock: Clock) -> None:
    """Read every line."""
    with clock.running():
        for _ in session.lines():
            pass


def replay(session: Session, clock: Clock) -> None:
    """The replay door. Its digests must be those of the session."""
    with clock.running():
        report = replay_report(session)
    if not report.reached:
        raise SystemExit(f"{session.folder} came to another digest")


def command(session: Session, clock: Clock) -> None:
    """`tapefold replay`, as a process: its own CPU, and all it waits for."""
    program = (sys.executable, "-m", "tapefold", "replay", str(session.folder), "--json")
    began, before = time.perf_counter(), children()
    subprocess.run(program, check=True, stdout=subprocess.DEVNULL)
    clock.wall, clock.seconds = time.perf_counter() - began, children() - before


def mock(session: Session, clock: Clock) -> None:
    """An engine in mock mode, until the tape is over. It must come to the session's digest."""

    async def play() -> str:
        async with open_engine(session, mode="mock") as engine:
            await engine.ended()
            return engine.log.digest()

    with clock.running():
        digest = trio.run(play)
    if digest != session.meta.digests.log:
        raise SystemExit(f"{session.folder} came to another digest in mock mode")


WAYS: Final[dict[str, tuple[Callable[[Session, Clock], None], str]]] = {
    "lines": (lines, "reads every line of a plain tape"),
    "lines-zst": (lines, "reads every line of a packed tape"),
    "replay": (replay, "the replay door, from the folder to digests that are the session's"),
    "command": (command, "the process `tapefold replay`, with its imports"),
    "mock": (mock, "mock mode over loopback sockets, both sides in one process"),
}


def run(asked: argparse.Namespace) -> Said:
    """One pass."""
    play, does = WAYS[asked.what]
    said = Said("e", contender=f"tapefold: {asked.what}", import_seconds=_IMPORTS, does=does)
    session = session_of(asked.captures, asked.work)
    said.frames, said.levels = counted(frames_of(items_of(session)))
    clock = Clock()
    with scratch(asked.work) as folder:
        name = PACKED if asked.what == "lines-zst" else TAPE
        play(with_tape(session, name, folder), clock)
    said.took(clock)
    return said


def main(arguments: Sequence[str] | None = None) -> None:
    """From a command line."""
    asked = parser("e", "a tape read, a session replayed, and mock mode, end to end")
    asked.add_argument("--what", choices=list(WAYS), default="replay")
    run(asked.parse_intermixed_args(arguments)).say()


if __name__ == "__main__":
    main()
