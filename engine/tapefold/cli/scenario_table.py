"""The table of scenarios that run: a row for each at each exchange, a column for each way."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, get_args

from tapefold.cli.scenario_crew import News
from tapefold.cli.scenario_modes import Work
from tapefold.cli.terminal import Screen, clean
from tapefold.scenario import Outcome, Way

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

ROWS_MAX: Final = 15
"""Of the table while it runs: a terminal has some 24 lines, and what is drawn anew must fit."""
WAYS: Final[tuple[Way, ...]] = get_args(Way)
"""In the order of their columns."""
_STYLES: Final = {"✓": "green", "✗": "bold red", "…": "yellow", "-": "dim"}


class Row:
    """A scenario at an exchange, and what is known of it."""

    def __init__(self, work: Work) -> None:
        self.name, self.exchange = work.place.name, work.exchange
        self._ways: tuple[Way, ...] = () if work.skipped else work.ways
        self._ended: dict[Way, Outcome] = {}
        self.begun = self.done = False

    def hear(self, news: News) -> None:
        """What happened to it."""
        self.begun, self.done = True, news.done
        if news.outcome:
            self._ended[news.outcome.way] = news.outcome

    @property
    def ways(self) -> tuple[Way, ...]:
        """Those that it has, and those that it turned out to have."""
        return (*self._ways, *(way for way in self._ended if way not in self._ways))

    def cell(self, way: Way) -> str:
        """What is known of one way: `✓ 0.12 s`, `✗ 0.12 s`, `…` while it runs, `-` for one that is not."""
        if outcome := self._ended.get(way):
            return f"{'✓' if outcome.passed else '✗'} {outcome.seconds:.2f} s"
        if way not in self._ways:
            return "-"
        next_one = next(each for each in self._ways if each not in self._ended)
        return "…" if self.begun and not self.done and way == next_one else ""


class Rows:
    """All of them, drawn while they run and once in the end."""

    def __init__(self, works: Sequence[Work], screen: Screen) -> None:
        self._rows = [Row(work) for work in works]
        self._screen = screen

    def hear(self, news: News) -> None:
        """What happened to one of them."""
        self._rows[news.number].hear(news)
        if news.outcome is None or self._screen.due():
            self._screen.show(self._part())

    def _part(self) -> "RenderableType":
        """As many rows as fit, around those that run."""
        from rich.console import Group
        from rich.text import Text

        running = [number for number, row in enumerate(self._rows) if row.begun]
        last = max(running, default=0) + 2  # and what comes next
        first = max(0, min(last, len(self._rows)) - ROWS_MAX)
        shown = self._rows[first : first + ROWS_MAX]
        done = sum(row.done for row in self._rows)
        told = Text(f"{done:,} of {len(self._rows):,} done", "dim")
        return Group(self._drawn(shown), told)

    def whole(self) -> "RenderableType":
        """Every row that has begun."""
        return self._drawn([row for row in self._rows if row.begun])

    def _drawn(self, rows: Sequence[Row]) -> "Table":
        from rich import box
        from rich.table import Table
        from rich.text import Text

        there = {way for row in self._rows for way in row.ways}
        ways: list[Way] = [way for way in WAYS if way in there]
        table = Table(
            box=box.SIMPLE_HEAD,
            header_style="dim",
            border_style="dim",
            padding=(0, 1, 0, 0),
            pad_edge=False,
            show_edge=False,
        )
        for name in ("scenario", "exchange", *ways):
            table.add_column(name, no_wrap=name in ways)
        for row in rows:
            cells = [row.cell(way) for way in ways]
            styled = [Text(cell, _STYLES.get(cell[:1], "")) for cell in cells]
            table.add_row(Text(clean(row.name)), Text(clean(row.exchange)), *styled)
        return table
