"""Rows as CSV (RFC 4180): for a new file, which appears whole or not at all, or for standard output.

Numbers are exact, times both as nanoseconds and by ISO 8601. Ids come from outside: a text that a
spreadsheet would take for a formula gets an apostrophe before it.
"""

import csv
import os
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from decimal import Decimal
from io import StringIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final, cast

from msgspec import Struct

from tapefold.cli.accounts import fees_by_asset
from tapefold.cli.terminal import on_terminal, say
from tapefold.cli.when import moment
from tapefold.errors import Refused
from tapefold.events import Fees
from tapefold.units import Nanos, fixed

_TIME: Final = "time_"
"""Fields that begin so are times."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_BESIDE: Final = ("", "-wal", "-shm", ".lock")
"""What a log's file and those beside it are called."""


def as_json(row: Struct) -> dict[str, Any]:
    """A row as an object: numbers as plain decimals in texts, fees by asset, times in nanoseconds."""
    return {name: _plain(getattr(row, name)) for name in row.__struct_fields__}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return fixed(value)
    return fees_by_asset(cast("Fees", value)) if isinstance(value, tuple) else value


def columns(kind: type[Struct]) -> list[str]:
    """The header: a row's fields as in JSON, and beside each time the same by ISO 8601."""
    return [
        column
        for name in kind.__struct_fields__
        for column in ([name, f"{name}_iso"] if name.startswith(_TIME) else [name])
    ]


def csv_text(lines: Iterable[Iterable[str]]) -> str:
    """Lines of cells as CSV."""
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(lines)
    return text.getvalue()


def cells(row: Struct) -> list[str]:
    """A row's, by `columns`."""
    found: list[str] = []
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if name.startswith(_TIME):
            found += [str(value), iso(value)] if value else ["", ""]
        else:
            found.append(_cell(value))
    return found


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return fixed(value)
        case str():
            return _harmless(value)
        case tuple():
            fees = fees_by_asset(cast("Fees", value))
            return _harmless("; ".join(f"{asset} {fee}" for asset, fee in fees.items()))
        case _:
            return str(value)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def iso(time: Nanos) -> str:
    """A time in UTC by ISO 8601, to the nanosecond."""
    return moment(time, digits=9).replace(" ", "T") + "Z"


def write_out(text: str) -> None:
    """CSV for standard output, byte for byte; a terminal is spared control codes. Raises `Refused`."""
    if on_terminal(sys.stdout):
        say(*text.splitlines())
        return
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Refused(f"standard output takes no more: {error.strerror}") from error


def check_target(target: Path, source: Path, *, force: bool) -> None:
    """That a file may be written to, and is none of what it is made of. Raises `Refused`."""
    if target.exists() and not target.is_file():  # a pipe or a device would be replaced by a file
        what = "a folder" if target.is_dir() else "no plain file"
        raise Refused(f"{target} is {what}: name a file")
    if not target.parent.is_dir():
        raise Refused(f"{target} cannot be made: there is no folder {target.parent}")
    whole, of = target.resolve(), source.resolve()
    parts = [of.with_name(of.name + end) for end in _BESIDE]
    if whole in parts or (of.is_dir() and whole.is_relative_to(of)):
        raise Refused(f"{target} is what is read: name another file")
    if target.exists() and not force:
        raise _there(target)


@contextmanager
def new_file(path: Path, *, force: bool) -> Generator[Callable[[str], object]]:
    """Text for a file that is there when the block has ended well, readable by its owner alone.

    Raises `Refused` where it cannot be written, or is there already unless *force* says so.
    """
    new: Path | None = None
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=".tapefold-", delete=False) as file:
            new = Path(file.name)
            yield lambda text: file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        _put(new, path, force=force)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from error
    finally:
        if new:
            new.unlink(missing_ok=True)


def _put(new: Path, path: Path, *, force: bool) -> None:
    if not force:
        try:
            os.link(new, path)  # unlike a renaming, it never replaces
        except FileExistsError as error:
            raise _there(path) from error
        except OSError as error:  # a file system without such links
            if path.exists():
                raise _there(path) from error
        else:
            return
    new.replace(path)


def _there(path: Path) -> Refused:
    return Refused(f"{path} is there already: name another file, or say --force")
