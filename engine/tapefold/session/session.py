"""Reading a session."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from tapefold.errors import SessionError
from tapefold.session import files
from tapefold.session.cassette import Cassette
from tapefold.session.meta import Meta, read_meta
from tapefold.session.tape import Line, read_line


class Session:
    """A session's folder, for reading. Raises `SessionError` where it is none, or cannot be read."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.meta: Meta = read_meta(self.folder)
        self.tape = self._tape()
        self.torn = False
        """Whether the tape, as far as it was read, ends in the middle of a line."""

    def _tape(self) -> Path:
        plain, packed = self.folder / "tape.jsonl", self.folder / "tape.jsonl.zst"
        there = [path for path in (plain, packed) if path.exists() or path.is_symlink()]
        if len(there) != 1:
            what = "two tapes: keep one" if there else "no tape.jsonl and no tape.jsonl.zst"
            raise SessionError(f"{self.folder} is no whole session: it has {what}")
        return there[0]

    def lines(self) -> Iterator[Line]:
        """Each line of the tape, in order. Raises `SessionError` naming the line that cannot be read."""
        last = number = 0
        for text in files.lines(self.tape, self._tear):
            number += 1
            try:
                line = read_line(text)
            except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors too
                raise self.broken(number, str(error)) from error
            if line.at < last:
                raise self.broken(number, f"its time goes back, from {last} to {line.at} ns")
            last = line.at
            yield line
        self._check_end(number)

    def _tear(self) -> None:
        self.torn = True

    def broken(self, number: int, what: str) -> SessionError:
        """The error that names a line."""
        return SessionError(f"{self.tape}, line {number}: {what}")

    def _check_end(self, lines: int) -> None:
        """A sealed tape has all its lines; one that was cut off may have lost the last."""
        whole = self.meta.counts.lines
        if self.meta.sealed and lines < whole:
            raise SessionError(
                f"{self.tape} was cut short: it has {lines} whole lines of {whole}; get it again, or "
                "say so in session.toml (sealed = false)"
            )

    def cassette(self) -> Cassette:
        """What came over HTTP."""
        return Cassette(self.folder)

    def edited(self) -> bool | None:
        """Whether somebody edited the tape since it was sealed; None where that cannot be told."""
        if not self.meta.sealed or not self.meta.tape_sha256:
            return None
        digest = sha256()
        for text in files.lines(self.tape):
            digest.update(text + b"\n")
        return digest.hexdigest() != self.meta.tape_sha256
