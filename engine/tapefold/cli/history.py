"""Orders, fills and balances of a log or a session: what the three commands share.

Rows are read, drawn and written a page at a time, so that memory does not grow with them.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

import click
from msgspec import Struct

from tapefold.cli.exported import (
    as_json,
    cells,
    check_target,
    columns,
    csv_text,
    new_file,
    write_out,
)
from tapefold.cli.options import parsed
from tapefold.cli.paths import open_either
from tapefold.cli.play import Player
from tapefold.cli.tables import Table, draw_table
from tapefold.cli.terminal import Screen, say, say_json, screen
from tapefold.cli.when import parse_until
from tapefold.errors import BadInput
from tapefold.inquiry.rows import Where
from tapefold.log import Log, LogReader
from tapefold.log.segment import Segment
from tapefold.log.store import POSITION_MAX, Rows, in_file, in_memory
from tapefold.replay import Replay
from tapefold.session import Session
from tapefold.units import Nanos

PAGE: Final = 5000
"""Rows of a table; more of them are more tables."""
RowT = TypeVar("RowT", bound=Struct)
_ContraT = TypeVar("_ContraT", bound=Struct, contravariant=True)
_F = TypeVar("_F", bound=Callable[..., Any])


class Footer(Protocol[_ContraT]):
    """What rows come to."""

    def add(self, row: _ContraT) -> None:
        """One row more."""
        ...

    def line(self) -> str:
        """How many there were; empty for none."""
        ...

    def table(self) -> Table:
        """Their sums; only asked for where there were any."""
        ...


class Sheet(NamedTuple, Generic[RowT]):
    """One kind of rows, and how they are shown to people."""

    name: str
    kind: type[RowT]
    rows: Callable[[LogReader, Where], Iterator[RowT]]
    table: Callable[[list[RowT]], Table]
    footer: Callable[[], Footer[RowT]]


def parse_time(text: str) -> Nanos:
    """A time by ISO 8601, in UTC unless it says otherwise. Raises `ValueError`."""
    problem = (
        f"{text!r} is no time (2024-08-08, 2024-08-08T23:54:15.5, UTC unless it says otherwise)"
    )
    try:
        time = parse_until(text).time
    except ValueError as error:
        raise ValueError(problem) from error
    if time is None:
        raise ValueError(problem)
    return time


_OPTIONS: Final = (
    click.argument("path", metavar="LOG|SESSION", type=click.Path(path_type=Path)),
    click.option("--exchange", metavar="NAME", default="", help="Only of this exchange."),
    click.option(
        "--pair", metavar="PAIR", default="", help="Only of ETH-USDT, or of binance:ETH-USDT."
    ),
    click.option(
        "--since",
        metavar="TIME",
        callback=parsed(parse_time),
        help="From this time on (2024-08-08T23:54:15.5, UTC unless it says otherwise).",
    ),
    click.option(
        "--until", metavar="TIME", callback=parsed(parse_time), help="Only before this time."
    ),
    click.option(
        "--by", metavar="WHO", default="", help="Only orders of this strategy, or of `caller`."
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one object a line."),
    click.option(
        "--csv",
        metavar="[FILE]",
        is_flag=False,
        flag_value="-",
        help="Write CSV to a new file; to standard output for `-`, or without a name.",
    ),
    click.option("--force", is_flag=True, help="Write over a CSV file that is there already."),
)


def asked(command: _F) -> _F:
    """The argument and the options that the three have in common, before those of its own."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def tell(sheet: Sheet[RowT], path: Path, told: dict[str, Any]) -> None:
    """Show what was asked for; *told* is what the options say, and may be more than the common ones."""
    target, force, lines = told.pop("csv"), told.pop("force"), told.pop("as_json")
    if lines and target:
        raise click.UsageError("--json and --csv are two ways to print: ask for one of them")
    if force and target in (None, "-"):
        raise click.UsageError("--force is for a CSV file: name one with --csv")
    since = told.pop("since") or 0
    where = Where(since=since, **told)
    if where.until is not None and where.until <= since:
        raise click.UsageError("--until is not after --since: nothing can be between them")
    file = Path(target) if target and target != "-" else None
    if file:
        check_target(file, path, force=force)
    with _opened(path) as reader:
        pages = _pages(sheet.rows(reader, where), reader)
        if file:
            _to_file(sheet, pages, file, force=force)
        elif target:
            _to_stdout(sheet, pages)
        elif lines:
            for page in pages:
                for row in page:
                    say_json(as_json(row), one_line=True)
        else:
            _draw(sheet, pages, path)


def _draw(sheet: Sheet[RowT], pages: Iterator[list[RowT]], path: Path) -> None:
    footer = sheet.footer()
    for page in pages:
        for row in page:
            footer.add(row)
        draw_table(sheet.table(page))
        say("")
    line = footer.line()
    if line:
        draw_table(footer.table())
        say("")
    say(line or f"{path}: no {sheet.name} that were asked for")


def _to_stdout(sheet: Sheet[RowT], pages: Iterator[list[RowT]]) -> None:
    write_out(csv_text([columns(sheet.kind)]))
    for page in pages:
        write_out(csv_text(map(cells, page)))


def _to_file(sheet: Sheet[RowT], pages: Iterator[list[RowT]], file: Path, *, force: bool) -> None:
    count = 0
    with new_file(file, force=force) as write:
        write(csv_text([columns(sheet.kind)]))
        for page in pages:
            write(csv_text(map(cells, page)))
            count += len(page)
    say(f"{count:,} {sheet.name} are in {file}")


class _Counted(LogReader):
    """A reader that shows how far it is, where anybody looks."""

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows)
        self.shown: Screen | None = None

    def segments(self, first: int, until: int = POSITION_MAX) -> Iterator[tuple[int, Segment]]:
        """As a reader does."""
        for position, segment in super().segments(first, until):
            if self.shown and until < POSITION_MAX and self.shown.due():
                from rich.text import Text

                self.shown.show(Text(f"reading: {position:,} of {until:,} positions", "dim"))
            yield position, segment


@contextmanager
def _opened(path: Path) -> Generator[_Counted]:
    """A log, or what a session's would be. Raises `BadInput`."""
    found = open_either(path)
    log = _Counted(_played(found) if isinstance(found, Session) else in_file(found, write=False))
    try:
        yield log
    finally:
        log.close()


def _played(session: Session) -> Rows:
    """Of what was before a session it has sums alone: nobody could say which order a late fill is of."""
    if start := session.start():
        raise BadInput(
            f"{session.folder} began on a log that had {start.tail.head:,} events already, which are not "
            "in it: ask that log"
        )
    rows = in_memory()
    log = Log(rows)
    Player().play(Replay(session, log))
    log.close()
    return rows


def _pages(rows: Iterator[RowT], reader: _Counted) -> Iterator[list[RowT]]:
    """Progress is gone before a page is drawn."""
    while True:
        with screen() as reader.shown:
            page = list(islice(rows, PAGE))
        if page:
            yield page
        if len(page) < PAGE:
            return
