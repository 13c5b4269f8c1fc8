"""What was measured, as one JSON file, and what may be concluded from it.

A ratio is told only where it means something: between passes of one run, and where the checksums of
best prices agree that ought to. Everything that is printed anywhere is computed from the file.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.entries import TITLES
from bench.running import Row
from bench.stats import Ratio, ratio

FORMAT: Final = 1


class Refused(Exception):
    """A ratio that would mean nothing."""


@dataclass
class Results:
    """One run of the benchmark."""

    machine: dict[str, Any]
    options: dict[str, Any]
    """Rounds, sessions, and whether it was a quick run."""
    names: dict[str, list[str]]
    """By form, who takes part in it, in their order."""
    bases: dict[str, list[str]]
    """By form, those with which others are compared."""
    rows: list[Row] = field(default_factory=list[Row])

    # What is there

    def forms(self) -> list[str]:
        """The forms that were measured, at least in part."""
        there = {row["form"] for row in self.rows}
        return [form for form in TITLES if form in there]

    def captures(self, form: str) -> list[str]:
        """The sessions in which a form was measured."""
        return _in_order(row["capture"] for row in self.rows if row["form"] == form)

    def entries(self, form: str) -> list[str]:
        """Who took part in a form, or was to and could not."""
        there = {row["entry"] for row in self.rows if row["form"] == form}
        return [name for name in self.names[form] if name in there]

    def passes(self, form: str, capture: str, entry: str) -> list[Row]:
        """An entry's timed passes in a session, round by round."""
        return [row for row in self._of(form, capture, entry) if row["round"] and _ran(row)]

    def check(self, form: str, capture: str, entry: str) -> Row | None:
        """The pass in which an entry's checksum was taken, if it has one."""
        found = [row for row in self._of(form, capture, entry) if not row["round"] and _ran(row)]
        return found[0] if found else None

    def not_run(self, form: str, capture: str, entry: str) -> str:
        """Why an entry did not run in a session; empty where it did."""
        return next((row["not_run"] for row in self._of(form, capture, entry) if not _ran(row)), "")

    def _of(self, form: str, capture: str, entry: str) -> Iterable[Row]:
        wanted = (form, capture, entry)
        return (row for row in self.rows if (row["form"], row["capture"], row["entry"]) == wanted)

    @property
    def stale(self) -> bool:
        """Whether some of our passes ran another tapefold than the checkout's."""
        there = {row["source"] for row in self.rows if "source" in row}
        return bool(there - {self.machine["source"]})

    # What it comes to

    def seconds(self, form: str, capture: str, entry: str) -> float:
        """The median of its passes. Raises `ValueError` where there is none."""
        passes = self.passes(form, capture, entry)
        if not passes:
            raise ValueError(f"{entry} has no pass in {capture}")
        seconds: list[float] = [row["seconds"] for row in passes]
        return median(seconds)

    def figure(self, form: str, capture: str, entry: str, *path: str) -> float | None:
        """The median over its passes of one of its own figures; None where it has it not."""
        values = [_at(row.get("figures"), path) for row in self.passes(form, capture, entry)]
        numbers = [value for value in values if isinstance(value, int | float)]
        return median(numbers) if numbers else None

    def ratio(self, form: str, capture: str, base: str, entry: str) -> Ratio:
        """How many times as long as *base* an entry takes.

        Raises `Refused` where their checksums ought to be equal and are not, or one is missing, where
        they did not do the same, or no round has both.
        """
        self._comparable(form, capture, base, entry)
        ours, theirs = (
            {row["round"]: row["seconds"] for row in self.passes(form, capture, name)}
            for name in (base, entry)
        )
        found = ratio(ours, theirs)
        if found is None:
            raise Refused("no round has both")
        return found

    def _comparable(self, form: str, capture: str, base: str, entry: str) -> None:
        """Raises `Refused` where a ratio would mean nothing."""
        passes = self.passes(form, capture, entry)
        ours = self.passes(form, capture, base)
        if not passes or not ours:
            raise Refused("not told")
        work = {(row.get("frames"), row.get("levels")) for row in (*passes, *ours)}
        if form in "ab" and len(work) > 1:
            raise Refused("it counts other frames or levels than ours")
        if form not in "ab" or not self.equal_wanted(form, capture, entry):
            return
        mine, its = self._tops(form, capture, base), self._tops(form, capture, entry)
        if mine is None or its is None:
            raise Refused("its best prices were not checked")
        if mine != its:
            raise Refused("its best prices differ from ours")

    def equal_wanted(self, form: str, capture: str, entry: str) -> bool:
        """Whether its checksum ought to be ours."""
        return all(row["checked"] == "equal" for row in self.passes(form, capture, entry))

    def _tops(self, form: str, capture: str, entry: str) -> str | None:
        """An entry's checksum; of ours that differ by the log alone, that of the first."""
        row = self.check(form, capture, entry)
        if row is None and entry.startswith("tapefold"):
            row = self.check(form, capture, self.bases[form][0])
        return row.get("tops") if row else None

    # As a file

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        part = path.with_name(path.name + ".part")
        part.write_text(json.dumps({"format": FORMAT, **vars(self)}, indent=1) + "\n")
        part.replace(path)


def load(paths: Sequence[Path]) -> Results:
    """One file, or several as one: of a form that two of them have, the later one's.

    Raises `ValueError` for a file of another format.
    """
    whole: Results | None = None
    for path in paths:
        data: dict[str, Any] = json.loads(path.read_text())
        if data.pop("format", None) != FORMAT:
            raise ValueError(f"{path} is no results of format {FORMAT}")
        new = Results(**data)
        if whole is None:
            whole = new
            continue
        kept = [row for row in whole.rows if row["form"] not in new.forms()]
        whole.rows = [*kept, *new.rows]
        whole.names |= new.names
        whole.bases |= new.bases
    if whole is None:
        raise ValueError("there are no results")
    return whole


def _ran(row: Row) -> bool:
    return "not_run" not in row


def _at(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        try:
            value = value[name]
        except (TypeError, KeyError):
            return None
    return value


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
