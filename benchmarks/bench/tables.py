"""Results as tables: of text for a terminal, of Markdown for a page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.entries import TITLES
from bench.results import Refused, Results
from bench.stats import SHARES

NONE: Final = "–"
_MICRO: Final = 1000.0


@dataclass
class Table:
    """A title, a head, rows of text, and notes below it."""

    title: str
    head: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list[str])

    def plain(self) -> str:
        """For a terminal: columns of even width, all but the first to the right."""
        lines = [self.head, *self.rows]
        widths = [max(len(row[n]) for row in lines) for n in range(len(self.head))]
        text = [self.title]
        for row in lines:
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            text.append("  ".join(cells).rstrip())
        return "\n".join([*text, *(f"  {note}" for note in self.notes)])

    def markdown(self) -> str:
        """For a page."""
        ruler = ["---", *("---:" for _ in self.head[1:])]
        text = [_piped(row) for row in (self.head, ruler, *self.rows)]
        notes = [f"* {note}" for note in self.notes]
        return "\n".join([*text, *([""] if notes else []), *notes])


def _piped(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def tables(results: Results) -> list[Table]:
    """All of them, form by form."""
    found: list[Table] = []
    for form in results.forms():
        match form:
            case "a" | "b":
                each = [_compared(results, form, name) for name in results.captures(form)]
            case "c":
                each = [_steps(results, name) for name in results.captures(form)]
            case "d":
                each = [_orders(results)]
            case "e":
                each = [_tapes(results, name) for name in results.captures(form)]
            case "f":
                each = [_cold(results), _parts(results)]
            case _:
                each = [_instruments(results), _events(results)]
        found += [table for table in each if table.rows]
    return found


# Forms a and b: ours and others


def _compared(results: Results, form: str, capture: str) -> Table:
    bases = results.bases[form]
    head = ["", "version", "seconds", "frames/s", "levels/s"]
    head += [f"× {base}" for base in bases] + ["checked", "MB"]
    table = Table(f"({form}) {TITLES[form]}: {capture}", head, [])
    for entry in results.entries(form):
        why = results.not_run(form, capture, entry)
        if why:
            table.notes.append(f"{entry}: not run: {why}")
            continue
        passes = results.passes(form, capture, entry)
        if not passes:
            continue
        one, seconds = passes[0], results.seconds(form, capture, entry)
        row = [entry, str(one["version"]), f"{seconds:.4f}"]
        row += [_many(one["frames"] / seconds), _many(one["levels"] / seconds)]
        row += [_ratio(results, form, capture, base, entry) for base in bases]
        table.rows.append([*row, _checked(results, form, capture, entry), f"{one['rss_mb']:.0f}"])
    return table


def _ratio(results: Results, form: str, capture: str, base: str, entry: str) -> str:
    """A ratio, or that there is none."""
    if base == entry:
        return "1"
    try:
        return str(results.ratio(form, capture, base, entry)).rstrip("x")
    except Refused:
        return NONE


def _checked(results: Results, form: str, capture: str, entry: str) -> str:
    """Whether its best prices are ours after every frame."""
    base = results.bases[form][0]
    try:
        results.ratio(form, capture, base, entry)
    except Refused as refused:
        return str(refused)
    return "equal" if results.equal_wanted(form, capture, entry) else "not comparable"


def _many(value: float) -> str:
    """So many a second, in three digits."""
    for unit, letter in ((1e6, " M"), (1e3, " k")):
        if value >= unit:
            return f"{value / unit:.3g}{letter}"
    return f"{value:.3g}"


# Forms c and d: percentiles


def _steps(results: Results, capture: str) -> Table:
    head = ["us", *(f"all {share}" for share in SHARES), *(f"book {share}" for share in SHARES)]
    table = Table(f"(c) {TITLES['c']}: {capture}", head, [])
    for entry in results.entries("c"):
        columns = [(kind, share) for kind in ("frames", "book") for share in SHARES]
        _add(table, results, "c", capture, entry, columns)
        _note_absent(table, results, "c", capture, entry)
    clock = results.figure("c", capture, results.entries("c")[0], "clock_ns")
    if clock is not None:
        table.notes.append(
            f"two readings of the clock are {clock:.0f} ns apart, and that is in each figure"
        )
    return table


def _orders(results: Results) -> Table:
    (capture,) = results.captures("d")
    kinds = {"placed": "placed", "cpu": "of that CPU", "private": "private frame"}
    columns = [(kind, share) for kind in kinds for share in ("p50", "p99")]
    table = Table(f"(d) {TITLES['d']}", ["us", *(f"{kinds[k]} {s}" for k, s in columns)], [])
    for entry in results.entries("d"):
        _add(table, results, "d", capture, entry, columns)
        _note_absent(table, results, "d", capture, entry)
    return table


def _add(
    table: Table,
    results: Results,
    form: str,
    capture: str,
    entry: str,
    columns: Sequence[tuple[str, str]],
) -> None:
    """A row of microseconds, if the entry ran."""
    figures = [results.figure(form, capture, entry, *path) for path in columns]
    told = [_short(value / _MICRO) for value in figures if value is not None]
    if told:
        table.rows.append([entry, *told])


def _short(value: float) -> str:
    """In three digits, or in whole numbers."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _note_absent(table: Table, results: Results, form: str, capture: str, entry: str) -> None:
    if why := results.not_run(form, capture, entry):
        table.notes.append(f"{entry}: not run: {why}")


# Forms e, f and g: ours alone, or beside others


def _tapes(results: Results, capture: str) -> Table:
    head = ["", "CPU seconds", "wall seconds", "frames/s"]
    table = Table(f"(e) {TITLES['e']}: {capture}", head, [])
    for entry in results.entries("e"):
        _note_absent(table, results, "e", capture, entry)
        passes = results.passes("e", capture, entry)
        if not passes:
            continue
        wall = sorted(row["wall"] for row in passes)[len(passes) // 2]
        cpu = results.seconds("e", capture, entry)
        table.rows.append([entry, f"{cpu:.3f}", f"{wall:.3f}", _many(passes[0]["frames"] / wall)])
    return table


def _cold(results: Results) -> Table:
    (capture,) = results.captures("f")
    head = ["", "version", "CPU seconds", "wall seconds", "MB", "× tapefold"]
    table = Table(f"(f) {TITLES['f']}", head, [])
    for entry in results.entries("f"):
        _note_absent(table, results, "f", capture, entry)
        passes = results.passes("f", capture, entry)
        if not passes:
            continue
        wall = sorted(row["wall"] for row in passes)[len(passes) // 2]
        row = [entry, str(passes[0]["version"]), f"{results.seconds('f', capture, entry):.3f}"]
        row += [f"{wall:.3f}", f"{passes[0]['rss_mb']:.0f}"]
        table.rows.append([*row, _ratio(results, "f", capture, results.bases["f"][0], entry)])
    return table


def _parts(results: Results) -> Table:
    """What of ours takes longest to import."""
    (capture,) = results.captures("f")
    (base,) = results.bases["f"]
    table = Table("(f) what an import is made of", ["package", "ms"], [])
    passes = results.passes("f", capture, base)
    parts: dict[str, float] = passes[0]["figures"]["parts"] if passes else {}
    table.rows = [[name, f"{seconds * 1000:.1f}"] for name, seconds in [*parts.items()][:6]]
    return table


def _instruments(results: Results) -> Table:
    (capture,) = results.captures("g")
    table = Table(f"(g) many instruments: {capture}", ["", "events", "ns an event", "MB"], [])
    for entry in results.entries("g"):
        _note_absent(table, results, "g", capture, entry)
        named = ("events", "ns_per_event", "resident_mb", "instruments")
        told = [results.figure("g", capture, entry, name) for name in named]
        events, each, resident, many = told
        if events and each and resident and many:
            table.rows.append([entry, f"{events:,.0f}", f"{each:.0f}", f"{resident:.0f}"])
    return table


def _events(results: Results) -> Table:
    (capture,) = results.captures("g")
    table = Table(f"(g) many events: {capture}", ["up to", "log", "ns an event", "MB"], [])
    for entry in results.entries("g"):
        for row in results.passes("g", capture, entry):
            for told in row["figures"].get("decades", ()):
                log = {"hash": "hashed", "file": "a file"}[row["figures"]["log"]]
                cells = [f"{told['events']:,}", log, str(told["ns_per_event"])]
                table.rows.append([*cells, f"{told['resident_mb']:.0f}"])
    return table
