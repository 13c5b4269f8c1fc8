"""Reading a session."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from tapefold.errors import SessionError
from tapefold.session import files
from tapefold.session.cassette import NAME as HTTP
from tapefold.session.cassette import Cassette
from tapefold.session.meta import Meta, read_meta
from tapefold.session.start import Start, read_start
from tapefold.session.tape import PACKED, TAPE, Line, read_answered, read_line


class Session:
    """A session's folder, for reading. Raises `SessionError` where it is none, or cannot be read."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.meta: Meta = read_meta(self.folder)
        self.tape = self._tape()
        self.torn = ""
        """What a kill tore off the end of the tape, as far as it was read; empty: nothing."""

    def _tape(self) -> Path:
        plain, packed = self.folder / TAPE, self.folder / PACKED
        there = [path for path in (plain, packed) if path.exists() or path.is_symlink()]
        if len(there) == 2 and not self.meta.sealed:
            return (
                plain  # a kill came while it was being sealed, between packing it and removing it
            )
        if len(there) != 1:
            what = "two tapes: keep one" if there else f"no {TAPE} and no {PACKED}"
            raise SessionError(f"{self.folder} is no whole session: it has {what}")
        return there[0]

    def lines(self) -> Iterator[Line]:
        """Each line of the tape, in order. Raises `SessionError` naming the line that cannot be read.

        A session that is not sealed ends before a `response` whose answer http.yaml does not have: a
        power cut may take the end of one file and leave that of the other.
        """
        self.torn = ""
        last = number = 0
        answers = None if self.meta.sealed else self.cassette()
        for text in files.lines(self.tape, self._tear):
            number += 1
            try:
                line = read_line(text)
            except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors too
                raise self.broken(number, str(error)) from error
            if line.at < last:
                raise self.broken(number, f"its time goes back, from {last} to {line.at} ns")
            if answers and line.kind == "response" and not self._answered(number, line, answers):
                self.torn = f"all from line {number} on, an answer that {HTTP} does not have"
                return
            last = line.at
            yield line
        self._check_end(number)

    def _tear(self) -> None:
        self.torn = "its last line"

    def _answered(self, number: int, line: Line, answers: Cassette) -> bool:
        try:
            return answers.find(read_answered(line.data).n) is not None
        except (ValueError, RecursionError) as error:
            raise self.broken(number, str(error)) from error

    def broken(self, number: int, what: str) -> SessionError:
        """The error that names a line."""
        return SessionError(f"{self.tape}, line {number}: {what}")

    def _check_end(self, lines: int) -> None:
        """A sealed tape has all its lines; one that was cut off may have lost the last."""
        whole = self.meta.counts.lines
        if self.meta.sealed and lines < whole:
            raise SessionError(
                f"{self.tape} was cut short: it has {lines} whole lines of {whole}; get it again, or "
                f"make do with what is there: `tapefold session repair --unseal {self.folder}`"
            )

    def start(self) -> Start | None:
        """What the log had come to when it began; None where it began on an empty one.

        Raises `SessionError` where that is missing or damaged.
        """
        return read_start(self.folder, self.meta.start_position)

    def cassette(self) -> Cassette:
        """What came over HTTP."""
        return Cassette(self.folder, sealed=self.meta.sealed)

    def edited(self) -> bool | None:
        """Whether somebody edited the tape since it was sealed; None where that cannot be told."""
        if not self.meta.sealed or not self.meta.tape_sha256:
            return None
        digest = sha256()
        for text in files.lines(self.tape):
            digest.update(text + b"\n")
        return digest.hexdigest() != self.meta.tape_sha256
