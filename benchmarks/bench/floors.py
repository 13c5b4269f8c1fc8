"""What tapefold is held to: ratios in one run, and what a person would notice in microseconds."""

from dataclasses import dataclass
from typing import Final

from bench.results import Refused, Results
from bench.tables import NONE, Table

NATIVE: Final = "tapefold"
PURE: Final = "tapefold, pure Python"
EACH: Final = "tapefold, every event in Python"


@dataclass(frozen=True)
class AtLeast:
    """Another takes so many times as long as ours, in every session."""

    form: str
    base: str
    entry: str
    times: float

    def __str__(self) -> str:
        return f"({self.form}) {self.entry} × {self.base}"

    @property
    def wanted(self) -> str:
        """As a cell."""
        return f"≥ {self.times:g}"

    def got(self, results: Results, capture: str) -> tuple[str, bool | None]:
        """As a cell, and whether it is met; None where that cannot be told."""
        try:
            ratio = results.ratio(self.form, capture, self.base, self.entry)
        except Refused:
            return NONE, None
        return f"{ratio.middle:.3g}", ratio.middle >= self.times


@dataclass(frozen=True)
class AtMost:
    """A figure of ours is so large at most."""

    form: str
    entry: str
    what: str
    path: tuple[str, ...]
    most: float
    unit: float = 1.0
    """What the figure is divided by."""

    def __str__(self) -> str:
        return f"({self.form}) {self.what}"

    @property
    def wanted(self) -> str:
        """As a cell."""
        return f"≤ {self.most:g}"

    def got(self, results: Results, capture: str) -> tuple[str, bool | None]:
        """As a cell, and whether it is met; None where that cannot be told."""
        value = results.figure(self.form, capture, self.entry, *self.path)
        if value is None:
            return NONE, None
        return f"{value / self.unit:.3g}", value / self.unit <= self.most


_US: Final = 1000.0
FLOORS: Final[tuple[AtLeast | AtMost, ...]] = (
    AtLeast("a", NATIVE, "nautilus adapter + book", 7),
    AtLeast("a", NATIVE, "cryptofeed message_handler", 2.5),
    AtLeast("a", NATIVE, "cryptofeed playback", 3),
    AtLeast("a", NATIVE, "hummingbot book", 2.7),
    AtLeast("a", NATIVE, "ccxt.pro", 10),
    AtLeast("a", NATIVE, "hftbacktest convert + loop", 2.2),
    AtLeast("a", PURE, "nautilus adapter + book", 4),
    AtLeast("a", PURE, "cryptofeed message_handler", 1.4),
    AtLeast("b", NATIVE, "hftbacktest .npz", 2.3),
    AtLeast("b", NATIVE, "nautilus catalog + book", 8),
    AtLeast("b", EACH, "hftbacktest .npz", 1),
    AtMost("c", NATIVE, "a step, p50, us", ("frames", "p50"), 2, _US),
    AtMost("c", NATIVE, "a step, p99, us", ("frames", "p99"), 40, _US),
    AtMost("c", NATIVE, "a step, p99.9, us", ("frames", "p99.9"), 100, _US),
    AtMost("c", NATIVE, "a step with a book's frame, p50, us", ("book", "p50"), 8, _US),
    AtMost("f", NATIVE, "import and an open engine, CPU seconds", ("opened", "seconds"), 0.2),
    AtMost("f", NATIVE, "import and an open engine, MB", ("opened", "rss_mb"), 45),
)


def floors(results: Results) -> Table:
    """Each floor, what came out in each session, and whether it is met in all of them."""
    every = list(dict.fromkeys(name for form in results.forms() for name in results.captures(form)))
    table = Table("what is asked, and what came out", ["", "asked", *every, ""], [])
    for floor in FLOORS:
        if floor.form not in results.forms():
            continue
        there = results.captures(floor.form)
        got = {name: floor.got(results, name) for name in there}
        met = [each for _, each in got.values()]
        verdict = "not told" if None in met else "met" if all(met) else "missed"
        cells = [got[name][0] if name in got else "" for name in every]
        table.rows.append([str(floor), floor.wanted, *cells, verdict])
    return table
