"""What a capture is, and the registry of formats.

A format is a function from files to `Captured` lines, found by the entry points of `tapefold.imports`:
adding one is one function and one line of metadata.
"""

import gzip
import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import BinaryIO, Final, Literal, NamedTuple, TypeAlias, cast

import zstandard

from tapefold.errors import CaptureError
from tapefold.session.files import WINDOW_MAX, Readable, split
from tapefold.units import SECOND, Nanos

GROUP: Final = "tapefold.imports"
TIME_MAX: Final = 2**62
"""Nanoseconds since 1970: the year 2116."""
STAMP_BACK_MAX: Final = SECOND
"""How far a recorder's clock may have been set back; a stamp that goes back further is an error."""

BLANK_MAX: Final = 100_000
"""Blank lines in one file; more is taken for a bomb."""


class Captured(NamedTuple):
    """A line of a capture."""

    time: Nanos
    """Since 1970."""
    kind: Literal["opened", "recv", "response"]
    url: str
    """Of a response, and of a connection that was opened, where the capture has it."""
    data: bytes
    source: int
    """Which of the files it stands in."""


Read: TypeAlias = Callable[[int, Iterator[tuple[int, bytes]]], Iterator[Captured]]
"""From the number of a file and its numbered lines to what they say, in their order."""


class Format(NamedTuple):
    """One recorder's way of writing."""

    read: Read
    exchanges: tuple[str, ...] = ()
    """The exchanges that this recorder speaks to; empty for any."""
    joined: bool = False
    """All files are of one connection, cut up by day or by instrument."""


def formats() -> list[str]:
    """The names of all installed formats."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def load_format(name: str) -> Format:
    """The format of that name. Raises `CaptureError`."""
    points = [*entry_points(group=GROUP, name=name)]
    if not points:
        raise CaptureError(f"there is no import format {name!r}; there are: {', '.join(formats())}")
    return cast("Format", points[0].load())


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The files that *paths* name: a folder stands for all files in it. Raises `CaptureError`."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
        if not inside or not all(p.is_file() for p in inside):
            raise CaptureError(f"{path}: there is no such file, or nothing in the folder")
        found += inside
    if len({path.resolve() for path in found}) < len(found):
        raise CaptureError("a file is named twice: its frames would count twice")
    return found


def read_capture(read: Read, files: Sequence[Path]) -> Iterator[Captured]:
    """All files as one, in the order of their stamps. Raises `CaptureError`."""
    each = [_in_order(read(number, _lines(path)), path) for number, path in enumerate(files)]
    return heapq.merge(*each, key=lambda captured: captured.time)


def _in_order(lines: Iterable[Captured], path: Path) -> Iterator[Captured]:
    """A clock that was set back a little holds still instead: a tape's stamps never go back."""
    last = 0
    for captured in lines:
        if captured.time < last - STAMP_BACK_MAX:
            back = (last - captured.time) / SECOND
            raise CaptureError(
                f"{path}: stamps go back by {back:.3f} s; the file is not one recording"
            )
        if captured.time < last:
            yield captured._replace(time=last)
        else:
            last = captured.time
            yield captured


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The numbered lines of a file, unpacked if it is gzip or zstd. Raises `CaptureError`."""
    try:
        with path.open("rb") as raw:
            blank = 0
            for number, line in enumerate(_whole(_unpacked(raw.read(4), raw), path), 1):
                if line.strip():
                    yield number, line
                elif (blank := blank + 1) > BLANK_MAX:
                    raise CaptureError(f"{path}, line {number}: more than {BLANK_MAX} blank lines")
    except (OSError, zstandard.ZstdError) as error:
        raise CaptureError(f"{path} cannot be read: {error}") from error


def _unpacked(head: bytes, raw: BinaryIO) -> Readable:
    raw.seek(0)
    if head[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=raw)
    if head == b"\x28\xb5\x2f\xfd":
        unpack = zstandard.ZstdDecompressor(max_window_size=WINDOW_MAX)
        return cast("Readable", unpack.stream_reader(raw, read_across_frames=True))
    return raw


def _whole(file: Readable, path: Path) -> Iterator[bytes]:
    """The lines of a stream; of a capture also a last one without its end."""
    rest = yield from split(file, path, CaptureError)
    if rest:
        yield rest
