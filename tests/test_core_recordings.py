"""The compiled core is its definition: real recordings after every frame, golden logs, and whole processes.

The replay door: tapes go into a kernel that runs on the one and then on the other, and their logs are
folded from the file by both. No socket takes part.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from shutil import copy
from zlib import crc32

import pytest
from builders import World, delta, live, quote, snapshot, trade
from captures import CAPTURES, ROOT
from two_cores import DEFINITION, NATIVE, Core, running

from tapefold import (
    SECOND,
    FrameRejected,
    History,
    Log,
    Request,
    bundled,
    open_log,
    read_log,
)
from tapefold.replay import Replay
from tapefold.session import Digests, Session
from tapefold.views import Views

WHOLE_EVERY = 97
"""Frames between two looks at all levels of all books; at the best of each it is looked after every one."""
STOPS = 9
SESSIONS = sorted(path.parent for path in (ROOT / "cassettes").rglob("session.toml"))
LOGS = sorted((ROOT / "tests" / "corpus").glob("*.log"))
PLAY = """
import tapefold.core
from tapefold import bundled
from tapefold.replay import Replay
from tapefold.session import Session

replay = Replay(Session(bundled()))
while replay.play(1000):
    pass
print(tapefold.core.NATIVE, replay.digests().log)
"""


class Played:
    """A session played line by line, and what was seen of its books after each."""

    def __init__(self, session: Session, core: Core, log: Log | None = None) -> None:
        self.trace: list[int] = []
        """After each line and of each book a sum of all that was seen until then."""
        with running(core):
            self._replay = Replay(session, log)
            while self._replay.play(1):
                self._look()
            books = self._replay.views.books.values()
            assert {type(half) for book in books for half in (book.bids, book.asks)} <= {core.Half}
            self.digests: Digests = self._replay.digests()
            self.frozen = self._replay.views.freeze()

    def _look(self) -> None:
        whole = len(self.trace) % WHOLE_EVERY == 0
        for number, book in self._replay.views.books.items():
            seen: list[object] = [number, book.state, book.bids.best(), book.asks.best()]
            if whole:
                seen += [book.bids.sorted(), book.asks.sorted()]
            self.trace.append(crc32(repr(seen).encode(), self.trace[-1] if self.trace else 0))


def check_same(session: Session, path: Path) -> None:
    """That it plays to the same on both, and its log folds to the same from the file, by either.

    The log of a session that goes on from another one is not all there, so it is only played.
    """
    alone = session.start() is None
    with open_log(path) as log:
        native = Played(session, NATIVE, log if alone else None)
    defined = Played(session, DEFINITION)
    pairs = zip(native.trace, defined.trace, strict=True)
    assert next((n for n, (one, other) in enumerate(pairs) if one != other), None) is None
    assert native.digests == defined.digests
    assert native.digests.log == session.meta.digests.log
    assert native.frozen == defined.frozen
    if alone:
        assert folded(path) == native.frozen


def folded(path: Path) -> bytes:
    """A log folded by both, from the file; they are compared at several positions on the way."""
    views = {NATIVE: Views(), DEFINITION: Views()}
    with read_log(path) as log:
        for part in range(1, STOPS + 1):
            stop = log.head * part // STOPS
            for core, each in views.items():
                with running(core):
                    each.fold(log.pieces(each.position, stop))
                assert each.position == stop
            assert views[NATIVE].freeze() == views[DEFINITION].freeze()
    return views[NATIVE].freeze()


@pytest.mark.parametrize("capture", CAPTURES)
def test_a_recording_is_the_same_after_every_frame(
    capture: str, recorded: Callable[[str], Session], tmp_path: Path
) -> None:
    check_same(recorded(capture), tmp_path / "it.log")


@pytest.mark.parametrize("folder", SESSIONS, ids=lambda folder: folder.name)
def test_a_bundled_session_is_the_same_after_every_line(folder: Path, tmp_path: Path) -> None:
    check_same(Session(folder), tmp_path / "it.log")


def storm(seed: int) -> World:
    """A book, and frames of which one in three is damaged; asked for a snapshot, it comes."""
    world, random = live(last=10), Random(seed)
    for number in range(300):
        after = world.kernel.views.books[0].sequence + 1
        price, size = f"{random.randrange(100, 900)}.{random.randrange(1000)}", str(number % 4)
        frames = (
            delta(after, after, [(price[1:], size)], [("9" + price, size)] * (number % 3)),
            quote(after, (price, size), (price, "1")),
            trade(number, price, size),
        )
        frame, odd = random.choice(frames), random.choice(b'"[],.0\\x {\xff\x00')
        at = random.randrange(len(frame))
        if random.random() < 0.3:
            frame = frame[:at] + bytes((odd,)) * random.randint(0, 2) + frame[at + 1 :]
        for asked in (*world.hear(frame), *world.wait(random.randrange(5) * SECOND)):
            if isinstance(asked, Request):
                world.answer(asked, snapshot(after, [("0.5", "2")], [("9900", "1")]))
    return world


@pytest.mark.parametrize("seed", range(8))
def test_damaged_frames_come_to_the_same(seed: int) -> None:
    with running(NATIVE):
        native = storm(seed)
    with running(DEFINITION):
        defined = storm(seed)
    assert native.events() == defined.events()
    assert native.kernel.views.freeze() == defined.kernel.views.freeze()
    assert native.log.digest() == defined.log.digest()
    reasons = {event.reason for event in native.of(FrameRejected)}
    assert reasons >= {"json", "schema", "number"}
    assert native.kernel.views.books[0].updates > 20


@pytest.mark.parametrize("golden", LOGS, ids=lambda path: path.stem)
def test_an_old_log_comes_to_the_same(golden: Path, tmp_path: Path) -> None:
    path = Path(copy(golden, tmp_path))
    digests: list[dict[str, str]] = []
    for core in (NATIVE, DEFINITION):
        with running(core), History(path) as history:
            digests.append(history.views().digests())
            assert history.views(200).position == 200
    assert digests[0] == digests[1]
    assert folded(path)


@pytest.mark.parametrize(("pure", "native"), [(None, True), ("", True), ("1", False), ("0", False)])
def test_the_environment_says_which_runs_and_the_digest_is_the_same(
    pure: str | None, native: bool
) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "TAPEFOLD_PURE"}
    if pure is not None:
        environment["TAPEFOLD_PURE"] = pure
    command = [sys.executable, "-W", "error", "-c", PLAY]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{native} {Session(bundled()).meta.digests.log}\n"
