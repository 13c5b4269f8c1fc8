"""Repairing a session: what a kill or a power cut tore off is cut off cleanly, and nothing else changes.

tapefold reads a torn session as it is. Other tools do not: plain vcrpy reads no torn cassette, and a
torn line of the tape is no JSON.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from os import fsync
from pathlib import Path
from typing import Final

from tapefold.errors import Refused, SessionError
from tapefold.session import files
from tapefold.session.cassette import END, HEAD, ITEM_MAX, first_only
from tapefold.session.cassette import NAME as HTTP
from tapefold.session.files import NEW, claim, create, open_plain
from tapefold.session.meta import NAME, Counts, Digests, write_meta
from tapefold.session.session import Session
from tapefold.session.tape import PACKED, TAPE, read_answered

_LEFT: Final = (NAME + NEW, TAPE + NEW, PACKED + NEW, HTTP + NEW)
"""What a kill may leave half written: none of it is part of a session."""


def repair(folder: Path, *, unseal: bool = False) -> list[str]:
    """Rewrite a session without its torn ends; what was dropped, in words: nothing of a sound one.

    A sealed session that lacks something is refused, since its digests speak of the whole. With
    *unseal* it becomes one that is not sealed, and has none to reach. Raises `SessionError` where more
    is wrong than an end, and `Refused` while it is being recorded, or where nothing can be written.
    Killed on its way it has done a part, and can be run again.
    """
    session = Session(folder)
    try:
        with open_plain(session.tape) as tape:
            if not claim(tape.fileno()):
                raise Refused(f"{folder} is being recorded: repair it when that has ended")
            dropped = _unsealed(session) if _lacks(session, unseal=unseal) else []
            return dropped + _tape(session) + _cassette(session) + _leftovers(session)
    except OSError as error:
        raise Refused(f"{folder} cannot be written: {error.strerror}") from error


def _lacks(session: Session, *, unseal: bool) -> bool:
    """Whether a session is sealed, and not all there. Raises `SessionError` unless it may be unsealed."""
    try:
        _lines(session)
    except SessionError:
        if not session.meta.sealed:
            raise
    else:
        return False
    session.meta.sealed = False
    _lines(session)  # where more is wrong than an end, that is said, and nothing is unsealed
    if not unseal:
        raise SessionError(
            f"{session.folder} is sealed, and lacks some of what its digests speak of; get it again, or "
            f"make do with what is there: `tapefold session repair --unseal {session.folder}`"
        )
    return True


def _unsealed(session: Session) -> list[str]:
    """Take back what was promised of the whole."""
    meta = session.meta
    meta.sealed, meta.cut, meta.counts, meta.digests = False, True, Counts(), Digests()
    meta.tape_sha256 = ""
    write_meta(session.folder, meta, mode=_mode(session.folder / NAME))
    return [f"{NAME}: that it is sealed, and the digests to reach"]


def _lines(session: Session) -> int:
    """How many lines of the tape are whole and can be played. Raises `SessionError`."""
    lines, answers = 0, session.cassette()
    for line in session.lines():
        lines += 1
        if session.meta.sealed and line.kind == "response":
            try:
                answers.answer(read_answered(line.data).n)
            except (ValueError, RecursionError) as error:
                raise session.broken(lines, str(error)) from error
    return lines


def _tape(session: Session) -> list[str]:
    whole, tape = _lines(session), session.tape
    if not session.torn:
        return []
    more = sum(1 for _ in files.lines(tape)) - whole
    if tape.name == PACKED:
        raise SessionError(f"{tape} is packed, and cannot be repaired: unpack it first (`unzstd`)")
    _rewrite(tape, (text + b"\n" for text in islice(files.lines(tape), whole)))
    lines = f"{more:,} line{'s' * (more != 1)}, the first an answer that {HTTP} does not have"
    return [f"{tape.name}: {lines}" if more else f"{tape.name}: a last line that is not whole"]


def _cassette(session: Session) -> list[str]:
    """Cut off an interaction without its end; a cassette in which nothing is left goes."""
    path = session.folder / HTTP
    if not path.exists():
        return []
    measured = _measured(path, sealed=session.meta.sealed)
    if measured is None:
        return []
    size, rest = measured
    if size <= len(HEAD):
        path.unlink()
        return [f"{HTTP}: all of it, since there is no whole interaction in it"]
    if not rest:
        return []
    _rewrite(path, _first(path, size))
    return [f"{HTTP}: a last interaction that is not whole, {rest:,} bytes"]


def _measured(path: Path, *, sealed: bool) -> tuple[int, int] | None:
    """How many bytes of a cassette are whole interactions, and how many come after them.

    None: vcrpy or a person wrote it, without ends to measure by. That is no recording that was torn.
    """
    with open_plain(path) as file:
        head = file.read(len(HEAD))
        if head != HEAD:
            return (0, len(head)) if not sealed and HEAD.startswith(head) else None
        size, read, rest = len(HEAD), len(HEAD), list[bytes]()
        for line in iter(lambda: file.readline(ITEM_MAX), b""):
            read += len(line)
            rest.append(line)
            if line == END:
                size, rest = read, []
    if size == len(HEAD) and (sealed or not first_only(rest)):
        return None
    return size, read - size


def _leftovers(session: Session) -> list[str]:
    names = [name for name in _LEFT if (session.folder / name).exists()]
    if not session.meta.sealed and session.tape.name == TAPE and (session.folder / PACKED).exists():
        names.append(PACKED)
    for name in names:
        (session.folder / name).unlink()
    return [f"{name}: left over from a kill" for name in names]


def _first(path: Path, size: int) -> Iterator[bytes]:
    with open_plain(path) as file:
        while size and (data := file.read(min(size, 1 << 20))):
            size -= len(data)
            yield data


def _rewrite(path: Path, parts: Iterable[bytes]) -> None:
    """Put a new file in the place of *path*, whole or not at all."""
    new = path.with_name(path.name + NEW)
    new.unlink(missing_ok=True)
    with create(new, _mode(path)) as file:
        file.writelines(parts)
        file.flush()
        fsync(file.fileno())
    new.replace(path)


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777
