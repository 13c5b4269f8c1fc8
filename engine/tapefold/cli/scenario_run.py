"""Running scenarios and telling how it goes: to a terminal, to a pipe, to a machine, to a file."""

import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing, contextmanager
from decimal import Decimal
from pathlib import Path
from time import monotonic

from msgspec import Struct
from msgspec.structs import replace

from tapefold.cli.failures import Patience
from tapefold.cli.scenario_chosen import Words, cases, check_installed, picked, read_all
from tapefold.cli.scenario_crew import InOrder, News, alone, together
from tapefold.cli.scenario_ended import Ending, ends_in_order
from tapefold.cli.scenario_junit import check_report, write_report
from tapefold.cli.scenario_modes import (
    Away,
    Work,
    check_mode,
    outcomes,
    outcomes_apart,
    ways_in,
)
from tapefold.cli.scenario_recorded import Kept, check_folders, keep
from tapefold.cli.scenario_swap import beside, put_back
from tapefold.cli.scenario_table import Rows
from tapefold.cli.scenario_told import as_json, line, skipped_json, skipped_line, summary
from tapefold.cli.terminal import clean, complain, draw, finish, on_terminal, say, say_json, screen
from tapefold.errors import BadInput
from tapefold.scenario import Outcome, Place
from tapefold.scenario.retold import Again, failure_lines, headline


class Asked(Struct, frozen=True):
    """What the command line says."""

    given: tuple[str, ...]
    """Files, folders and names; none: all in `scenarios`."""
    exchange: str | None
    mode: str
    record: bool
    junit: Path | None
    words: tuple[Words, ...]
    first_only: bool
    """Stop at the first failure."""
    jobs: int
    as_json: bool
    scenarios: Path
    cassettes: Path
    spend_max: Decimal | None = None
    ws: str = ""
    rest: str = ""
    keep: Path | None = None
    open_faults: bool = False
    """Tell where an error comes from that nobody expected."""

    @property
    def away(self) -> Away:
        """What is said of leaving this machine."""
        return Away(self.mode, self.spend_max, self.ws, self.rest, self.keep)

    @property
    def again(self) -> Again:
        """What else is to be typed to reproduce an outcome."""
        options = ["--record"] if self.record else []
        if self.mode != "mock":
            options += ["--mode", self.mode, *replace(self.away, keep=None).said]
        if self.cassettes != Path("cassettes"):
            options += ["--cassettes", str(self.cassettes)]
        return Again(tuple(options))


def run_all(asked: Asked) -> bool:
    """Run what was asked for, and tell it; whether all of it passed.

    Raises `BadInput` for what cannot be read, `Refused` for what cannot be written. Wherever it ends, also
    by Ctrl-C, a `kill` or a closed terminal, what was done by then is told, and the report written.
    """
    check_mode(asked.away, record=asked.record, jobs=asked.jobs, as_json=asked.as_json)
    if asked.junit:
        check_report(asked.junit)
    with ends_in_order() as ending:
        return _run_here(asked, ending) if asked.mode == "mock" else _run_away(asked, ending)


def _run_here(asked: Asked, ending: Ending) -> bool:
    """On this machine, in every way that each can be."""
    chosen = _chosen(asked)
    for name in put_back(asked.cassettes):
        complain(f"{asked.cassettes}/{name}: put in place what a process that died had recorded")
    works = _works(asked, chosen)
    with ExitStack() as stack:
        if asked.record:
            recording = stack.enter_context(beside(asked.cassettes))
            works = [replace(work, recording=recording) for work in works]
        return _run(
            asked,
            works,
            together(works, asked.jobs, outcomes_apart)
            if asked.jobs > 1
            else alone(works, outcomes),
            ending,
        )


def _run_away(asked: Asked, ending: Ending) -> bool:
    """At an exchange itself: whoever has what is checked and agreed to by then goes there."""
    from tapefold.cli.scenario_live import prepared

    places = picked(read_all(asked.given, asked.scenarios), asked.words)
    named = [each for each in asked.given if not Path(each).is_dir()]
    files = [place.path for place in read_all(named, asked.scenarios)] if named else []
    trip, works = prepared(asked.away, places, files, asked.exchange, quiet=asked.as_json)
    works = [replace(work, open_faults=asked.open_faults) for work in works]
    try:
        passed = _run(asked, works, alone(works, trip.outcomes), ending)
    except Exception:  # nobody reads any more, say: orders that were left are worse
        trip.check()
        raise
    trip.check()
    return passed


def _run(asked: Asked, works: Sequence[Work], news: Generator[News], ending: Ending) -> bool:
    with _telling(asked, works) as teller, closing(news):
        for each in news:
            ending.check()  # what it came to then may be the signal's doing
            teller.hear(each)
            if teller.stopped:
                break
    return teller.passed


def _chosen(asked: Asked) -> list[tuple[Place, str]]:
    """Each scenario with an exchange. Raises `BadInput` where one cannot be run there, or none is."""
    places = picked(read_all(asked.given, asked.scenarios), asked.words)
    found = cases(places, asked.exchange)
    check_installed(found)
    return found


def _works(asked: Asked, chosen: Sequence[tuple[Place, str]]) -> list[Work]:
    """What there is to do. Raises `BadInput`, and `Refused` for a recording that is none."""
    for place, exchange in chosen:
        if not place.scenario.given.session:
            check_folders(asked.cassettes, exchange, place.name, links=not asked.record)
    found = [
        Work(place, exchange, ways, asked.cassettes, open_faults=asked.open_faults)
        for place, exchange in chosen
        if (ways := ways_in(place, exchange, asked.cassettes))
    ]
    if not found:
        names = ", ".join(place.name for place, _ in chosen)
        raise BadInput(f"there is no way to run {names}: no simulator, and no recording")
    return found


@contextmanager
def _telling(asked: Asked, works: Sequence[Work]) -> "Generator[_Teller]":
    """Tells how it goes, and in the end, however it comes, what it came to."""
    table = on_terminal(sys.stdout) and on_terminal(sys.stderr) and not asked.as_json
    with ExitStack() as stack:
        shown = stack.enter_context(screen())
        teller = _Teller(asked, works, Rows(works, shown) if table else None)
        try:
            yield teller
        finally:
            stack.close()  # the terminal is free again
            teller.end()


class _Teller:
    """Tells outcomes in the order of what was asked for."""

    def __init__(self, asked: Asked, works: Sequence[Work], rows: Rows | None) -> None:
        self._asked, self._works, self._rows = asked, works, rows
        self._began, self._order = monotonic(), InOrder()
        self._outcomes: list[Outcome] = []
        self._of: dict[int, list[Outcome]] = {}
        self._kept: list[Kept] = []
        self._skipped: list[Work] = []
        self._undone = {*range(len(works))}
        self.stopped = False

    @property
    def passed(self) -> bool:
        """Whether all that was told did."""
        return all(outcome.passed for outcome in self._outcomes)

    def hear(self, news: News) -> None:
        """What happens, as it happens."""
        if self._rows:
            self._rows.hear(news)
        self._tell(self._order.take(news))

    def _tell(self, told: Sequence[News]) -> None:
        for news in told:
            if self.stopped:
                return
            if news.outcome:
                self._take(news.number, news.outcome)
            if news.done:
                self._done(news.number)

    def _take(self, number: int, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._of.setdefault(number, []).append(outcome)
        self.stopped = self._asked.first_only and not outcome.passed
        if self._asked.as_json:
            say_json(as_json(outcome, self._asked.again), one_line=True)
        elif not self._rows:
            say(line(outcome))
        finish()

    def _done(self, number: int) -> None:
        self._undone.discard(number)
        work, ended = self._works[number], self._of.get(number, [])
        if work.skipped:
            self._skip(work)
        for folder in (path for outcome in ended for path in outcome.recorded if self._asked.keep):
            self._keep(work, Kept(folder, "new"))
        recorded = any(outcome.way == "simulator" for outcome in ended)
        if not (work.recording and recorded and all(outcome.passed for outcome in ended)):
            return
        with Patience() as patience:  # or Ctrl-C would come between the old one and the new
            kept = keep(work.recording, work.cassettes, work.exchange, work.place.name)
            patience.check()
        if kept:
            self._keep(work, kept)

    def _skip(self, work: Work) -> None:
        self._skipped.append(work)
        if self._asked.as_json:
            say_json(skipped_json(work), one_line=True)
        elif not self._rows:
            say(skipped_line(work))
        finish()

    def _keep(self, work: Work, kept: Kept) -> None:
        if self._asked.as_json:
            about = {"name": work.place.name, "exchange": work.exchange}
            said = {"recorded": str(kept.folder), "change": kept.change, "files": kept.files}
            say_json(about | said, one_line=True)
        elif self._rows:
            self._kept.append(kept)
        else:
            say(kept.text)
        finish()

    def end(self) -> None:
        """The table, the failures and the sum of it all; the report first, for readers may have left."""
        try:
            self._tell(self._order.rest())
        finally:
            if self._asked.junit:
                write_report(self._asked.junit, self._outcomes, self._asked.again, self._skipped)
        if self._asked.as_json:
            return
        if self._rows:
            draw(self._rows.whole())
            say(*map(skipped_line, self._skipped))
        say(*(kept.text for kept in self._kept))
        for outcome in self._outcomes:
            if not outcome.passed:
                self._tell_failure(outcome)
        say(*([""] if self._rows or not self.passed else []), self._sum)

    def _tell_failure(self, outcome: Outcome) -> None:
        say("")
        if self._rows:
            from rich.text import Text

            draw(Text(clean(headline(outcome)), "bold red"))
        else:
            say(headline(outcome))
        say(*failure_lines(outcome, self._asked.again))

    @property
    def _sum(self) -> str:
        ran = {outcome.path for outcome in self._outcomes}
        told = summary(len(ran), self._outcomes, monotonic() - self._began)
        left = {self._works[number].place.path for number in self._undone}
        told += f"; skipped: {len(self._skipped)}" if self._skipped else ""
        return f"{told}; not run to the end: {len(left)}" if left else told
