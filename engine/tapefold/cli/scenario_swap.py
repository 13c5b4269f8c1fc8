"""The folder beside recordings in which new ones are made, and how they take the place of old ones.

All of it is renames, and how far they came is in the names of folders, so that what a killed process
began is put to its end by the next one: no recording is lost at any point, and of a scenario with
restarts all sessions are replaced or none.

    .recording-abc/        who has its lock is alive
        recording.lock
        binance/buys       a new recording, while it is made and judged
        .ready/            it passed, and is going to replace the old one
        .out/              as .ready before: the new ones count, and the old ones are on their way out
        .in/               as .out before: no old one is there any more, and the new ones go in
        .gone/             the old ones
"""

import os
import re
import shutil
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Final

from tapefold.errors import Refused
from tapefold.session.files import claim

try:
    import fcntl
except ImportError:  # on Windows nothing keeps two apart
    fcntl = None  # type: ignore[assignment] # a module, where there is one

BESIDE: Final = ".recording-"
"""How the names of such folders begin."""
LOCK: Final = "recording.lock"
_READY: Final = ".ready"
_OUT: Final = ".out"
_IN: Final = ".in"
_GONE: Final = ".gone"


@contextmanager
def beside(cassettes: Path) -> Generator[Path]:
    """A folder for new recordings, on the same disk; it is gone in the end. Raises `Refused`."""
    with ExitStack() as stack:
        try:
            cassettes.mkdir(parents=True, exist_ok=True)
            with _turn(cassettes):  # or it would be taken for a dead one's before it is locked
                folder = Path(tempfile.mkdtemp(prefix=BESIDE, dir=cassettes))
                lock = stack.enter_context((folder / LOCK).open("xb"))
                claim(lock.fileno())
        except OSError as error:
            raise Refused(
                f"{cassettes}: nothing can be recorded there: {error.strerror}"
            ) from error
        try:
            yield folder
        finally:
            _end(folder, cassettes)  # a signal may have come between the old ones and the new


def put_back(cassettes: Path) -> list[str]:
    """Put to its end what processes began that died, and clear up behind them.

    Returns the recordings that this put in their place. Raises `Refused` where it cannot be done.
    """
    if fcntl is None or not any(cassettes.glob(f"{BESIDE}*")):
        return []  # without locks nobody can say who lives
    with _turn(cassettes):
        folders = sorted(path for path in cassettes.glob(f"{BESIDE}*") if not path.is_symlink())
        return [name for folder in folders if folder.is_dir() for name in _settle(folder)]


def put_in(made: Path, cassettes: Path, exchange: str, name: str) -> None:
    """The old recordings of a scenario out, the new ones in *made* in. Raises `OSError`: then as it was."""
    shutil.rmtree(made / _READY, ignore_errors=True)
    ready = made / _READY / exchange
    ready.mkdir(parents=True)
    for path in recordings(made / exchange, name):
        path.rename(ready / path.name)
    moved: list[tuple[Path, Path]] = []
    begin = made / _READY, made / _OUT
    try:
        for here, there in chain([begin], _moves(made, cassettes)):
            there.parent.mkdir(parents=True, exist_ok=True)
            here.rename(there)
            moved.append((here, there))
    except OSError:
        for here, there in reversed(moved):
            there.rename(here)
        raise
    for state in (_IN, _GONE):
        shutil.rmtree(made / state, ignore_errors=True)


def recordings(home: Path, name: str) -> list[Path]:
    """What stands where a recording of that name is, or those of the runs after its restarts."""
    of_it = re.compile(rf"{re.escape(name)}(\.[0-9]+)?")
    return sorted(path for path in _inside(home) if of_it.fullmatch(path.name))


def _moves(made: Path, cassettes: Path) -> Iterator[tuple[Path, Path]]:
    """What is still to be renamed. A folder is looked into when what was before it is done."""
    out, into = made / _OUT, made / _IN
    for ours in _inside(out):
        for name in {path.name.partition(".")[0]: None for path in _inside(ours)}:
            olds = recordings(cassettes / ours.name, name)
            for old in [path for path in olds if path.is_dir()]:  # a file there is somebody's
                yield old, made / _GONE / ours.name / old.name
    if out.is_dir():
        yield out, into
    for ours in _inside(into):
        news = _inside(ours)
        for path in [] if _stands(news, cassettes / ours.name) else news:
            yield path, cassettes / ours.name / path.name


def _stands(news: Sequence[Path], home: Path) -> bool:
    """Whether somebody else put recordings there since, git say: then those are the newer word."""
    first = [path.name for path in news if "." not in path.name]  # it is the first to go in
    there = any(recordings(home, name) for name in first)
    return there or any((home / path.name).exists() for path in news)


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _settle(folder: Path) -> list[str]:
    """Whatever is to be done about a folder that may be a dead process's."""
    if not (folder / LOCK).exists():  # killed before it had one, or not ours: then it is not empty
        with suppress(OSError):
            folder.rmdir()
        return []
    try:
        with (folder / LOCK).open("rb") as lock:
            return _end(folder, folder.parent) if claim(lock.fileno()) else []
    except FileNotFoundError:  # who had it has ended at this moment
        return []
    except OSError as error:
        raise Refused(_stuck(folder, error)) from error


def _end(folder: Path, cassettes: Path) -> list[str]:
    """What was begun is put to its end, and the folder is gone. Raises `Refused`; then it stays."""
    waiting = [
        path for state in (_OUT, _IN) for ours in _inside(folder / state) for path in _inside(ours)
    ]
    try:
        for here, there in _moves(folder, cassettes):
            there.parent.mkdir(parents=True, exist_ok=True)
            here.rename(there)
    except OSError as error:
        raise Refused(_stuck(folder, error)) from error
    _remove(folder)
    names = [f"{path.parent.name}/{path.name.partition('.')[0]}" for path in waiting]
    return [*dict.fromkeys(names)]


def _stuck(folder: Path, error: OSError) -> str:
    return (
        f"{folder}: a process that died left recordings there, and they cannot be put in their place: "
        f"{error.strerror}"
    )


def _remove(folder: Path) -> None:
    """The lock last: what lacks it is taken for somebody else's."""
    for path in _inside(folder):
        if path.name != LOCK:
            shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        if [path.name for path in folder.iterdir()] == [LOCK]:
            (folder / LOCK).unlink()
            folder.rmdir()


@contextmanager
def _turn(cassettes: Path) -> Generator[None]:
    """One process at a time looks for dead ones, or makes a folder."""
    if fcntl is None:
        yield
        return
    file = os.open(cassettes, os.O_RDONLY)
    try:
        # A network's disk may not lock folders: then two at the same moment are not kept apart.
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
