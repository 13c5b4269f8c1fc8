"""Tables and ladders, apart from where they are shown: as plain lines, and for a terminal.

Everything here is a function of its arguments; rich is imported when a terminal is drawn to.
"""

import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from tapefold.cli.facts import book_of
from tapefold.cli.terminal import clean, draw, on_terminal, say
from tapefold.cli.when import moment
from tapefold.folds.book_view import BookView
from tapefold.units import Level, Nanos, fixed
from tapefold.views import Views

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

BAR: Final = 24
"""Characters of a ladder's longest bar."""
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_COLOURS: Final = {"ask": "red", "bid": "green", "live": "green", "stale": "yellow", "empty": "dim"}


class Table(NamedTuple):
    """Cells in rows. A column is set to the right unless its name is in `left`."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    left: frozenset[str] = frozenset()


def views_table(views: Views, most: int | None = None) -> Table:
    """The instruments as they are known at one position; the first *most* of them.

    Their exchange is said where there are several: so the table fits into 80 columns.
    """
    listed = [views.instruments.rows[number] for number in sorted(views.instruments.rows)]
    several = len({row.exchange for row in listed}) > 1
    rows: list[tuple[str, ...]] = []
    for row in listed[:most]:
        book = book_of(views, row.instrument)
        names = (row.symbol, row.exchange) if several else (row.symbol,)
        counts = (book.updates, views.markets[row.instrument].trades, book.gaps)
        rows.append((*names, book.state, *(f"{n:,}" for n in counts), *_prices(book)))
    first = ("instrument", "exchange") if several else ("instrument",)
    return Table((*first, *_NAMES), rows, _LEFT)


_NAMES: Final = ("book", "updates", "trades", "gaps", "best bid", "best ask", "spread")
_LEFT: Final = frozenset(("instrument", "exchange", "book"))


def _prices(book: BookView) -> tuple[str, str, str]:
    """With one number of decimals, that of the finest."""
    best = [level and level.price for level in (book.best_bid, book.best_ask)]
    digits = max((_decimals(price) for price in best if price is not None), default=0)
    bid, ask, spread = (
        "-" if number is None else f"{number:.{digits}f}" for number in (*best, book.spread)
    )
    return bid, ask, spread


def plain(table: Table) -> list[str]:
    """Aligned columns, without a frame."""
    cells = [table.columns, *(tuple(map(_clean, row)) for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(_set(table, row, widths)).rstrip() for row in cells]


def _clean(cell: str) -> str:
    """What an exchange says makes no rows of its own."""
    return clean(cell).replace("\n", "\\x0a")


def _set(table: Table, row: Sequence[str], widths: Sequence[int]) -> Iterable[str]:
    for name, cell, width in zip(table.columns, row, widths, strict=True):
        yield cell.ljust(width) if name in table.left else cell.rjust(width)


def drawn(table: Table) -> "RenderableType":
    """The same for a terminal."""
    from rich import box
    from rich.table import Table as Drawn
    from rich.text import Text

    found = Drawn(
        box=box.SIMPLE_HEAD,
        header_style="dim",
        border_style="dim",
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    for name in table.columns:
        left = name in table.left  # names may be broken where it is narrow, numbers never
        found.add_column(name, justify="left" if left else "right", no_wrap=not left)
    for row in table.rows:
        found.add_row(*(Text(clean(cell), style=_COLOURS.get(cell, "")) for cell in row))
    return found


def draw_table(table: Table) -> None:
    """On a terminal or in a pipe, as standard output is."""
    if on_terminal(sys.stdout):
        draw(drawn(table))
    else:
        say(*plain(table))


class Rung(NamedTuple):
    """A level of a ladder, its numbers as aligned text."""

    side: str
    price: str
    size: str
    total: str
    """Of this level and all better ones."""
    bar: str


class Ladder(NamedTuple):
    """A book as far down as was asked for: asks above bids, the best ones meeting."""

    title: str
    warning: str
    """Why it is not to be believed; empty for a live book."""
    rungs: list[Rung]
    middle: str
    """What stands between the sides."""


def ladder(book: BookView, depth: int, position: int, time: Nanos | None = None) -> Ladder:
    """The best *depth* levels a side of a book that was asked for with `stale=True`."""
    row = book.instrument
    at = f"position {position:,}" + (f", {moment(time)} UTC" if time is not None else "")
    asks, bids = book.asks(depth), book.bids(depth)
    return Ladder(
        f"{row.symbol} on {row.exchange}, {book.state}, at {at}",
        _warning(book),
        _rungs(asks, bids),
        _middle(book),
    )


def _warning(book: BookView) -> str:
    if book.state == "empty":
        return "the book is empty: no snapshot has come yet"
    if book.state == "stale":
        return (
            "the book is stale: its chain of updates broke, and no snapshot has come since; these "
            "levels are the last ones known"
        )
    return "" if any(book.levels) else "nobody bids and nobody asks"


def _middle(book: BookView) -> str:
    spread, mid = book.spread, book.mid
    if spread is None or mid is None:
        return "one side is empty" if any(book.levels) else ""
    return f"spread {fixed(spread)}   mid {fixed(mid)}"


def _rungs(asks: list[Level], bids: list[Level]) -> list[Rung]:
    """Numbers with one number of decimals each, so that their points stand below one another."""
    levels = [*asks, *bids]
    if not levels:
        return []
    prices, sizes = (max(map(_decimals, column)) for column in zip(*levels, strict=True))
    most = max(level.size for level in levels)
    rows: list[Rung] = []
    for side, half in (("ask", asks), ("bid", bids)):
        total, found = Decimal(0), list[Rung]()
        for price, size in half:
            total += size
            texts = f"{price:.{prices}f}", f"{size:.{sizes}f}", f"{total:.{sizes}f}"
            found.append(Rung(side, *texts, bar(size, most)))
        rows += reversed(found) if side == "ask" else found
    widths = [max(len(getattr(row, name)) for row in rows) for name in ("price", "size", "total")]
    return [
        Rung(
            row.side,
            row.price.rjust(widths[0]),
            row.size.rjust(widths[1]),
            row.total.rjust(widths[2]),
            row.bar,
        )
        for row in rows
    ]


def _decimals(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def bar(size: Decimal, most: Decimal) -> str:
    """*size* as a bar, to an eighth of a character; *most* is a full one. What is there is seen."""
    eighths = max(1, int(size * BAR * 8 / most)) if most else 0
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def plain_ladder(found: Ladder) -> list[str]:
    """As lines."""
    lines = [found.title, *filter(None, [found.warning]), ""]
    side = ""
    for rung in found.rungs:
        if side == "ask" != rung.side:
            lines.append(f"     {found.middle}")
        lines.append(f"{rung.side}  {rung.price}  {rung.size}  {rung.total}  {rung.bar}")
        side = rung.side
    return lines if found.rungs else lines[:-1]


def drawn_ladder(found: Ladder) -> "RenderableType":
    """The same for a terminal."""
    from rich.text import Text

    text, side = Text(), ""
    head, _, rest = clean(found.title).partition(",")
    text.append(head, "bold").append(f",{rest}\n", "dim")
    if found.warning:
        text.append(f"{found.warning}\n", "yellow")
    for rung in found.rungs:
        if side != rung.side:
            text.append(f"\n     {found.middle}\n\n" if side else "\n", "dim")
        side = rung.side
        _draw(text, rung)
    return text


def draw_ladder(found: Ladder) -> None:
    """On a terminal or in a pipe, as standard output is."""
    if on_terminal(sys.stdout):
        draw(drawn_ladder(found))
    else:
        say(*plain_ladder(found))


def _draw(text: "Text", rung: Rung) -> None:
    colour = _COLOURS[rung.side]
    text.append(f"{rung.side}  ", "dim").append(rung.price, colour)
    text.append(f"  {rung.size}").append(f"  {rung.total}  ", "dim")
    text.append(f"{rung.bar}\n", colour)
