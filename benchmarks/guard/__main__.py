"""The guard of speed: fails where a path of the engine takes more than it did.

    python -m guard [--by counts|times] [--only native|pure] [--renew]

By counts: instructions, by valgrind, which a busy machine cannot change. By times: CPU seconds, where
there is no valgrind, with more room. Both as a ratio to what the frozen baseline takes in the same
process. Ends with 1 where a path became slower, with 2 where nothing could be judged.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Final

from guard.bounds import (
    ELSEWHERE,
    FILE,
    Bounds,
    Judged,
    check,
    check_frozen,
    here,
    judge,
    load,
    renewed,
    save,
    table_of,
)
from guard.measure import KINDS, Figures, How, Kind, Measured, Unmeasured, measure
from guard.workload import Workload, workload

AGAIN: Final = 2
"""How often times are taken again where a path seems slower: noise passes."""
_TOLD: Final = "Fails where a path of the engine takes more than it did: docs/speed-guard.md."
_UNITS: Final[dict[How, str]] = {"counts": "instructions", "times": "CPU microseconds"}


def main(arguments: Sequence[str] | None = None) -> int:
    """From a command line."""
    asked = argparse.ArgumentParser(prog="speed", description=_TOLD)
    asked.add_argument("--by", choices=["counts", "times"], help="without it: counts, if it can be")
    asked.add_argument(
        "--only", choices=KINDS, help="the compiled core alone, or pure Python alone"
    )
    asked.add_argument("--renew", action="store_true", help="make what is measured now the bounds")
    said = asked.parse_args(arguments)
    kinds: list[Kind] = [kind for kind in KINDS if said.only in (None, kind)]
    if find_spec("tapefold._core") is None and "native" in kinds:
        if said.only:
            sys.stderr.write(
                "speed: the compiled core is not built here: `pip install -e .` builds it\n"
            )
            return 2
        _say("the compiled core is not built here: only pure Python is judged")
        kinds.remove("native")
    try:
        if said.renew:
            return _renew(workload(), kinds, said.by)
        return _guard(workload(), kinds, said.by)
    except Unmeasured as error:
        sys.stderr.write(f"speed: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130


def _guard(work: Workload, kinds: Sequence[Kind], by: How | None) -> int:
    bounds = load()
    check(bounds, work)
    if by is None and shutil.which("valgrind"):
        try:
            return _judged(bounds, work, kinds, "counts")
        except Unmeasured as error:
            _say(f"instructions cannot be counted here, so times are taken: {error}")
    return _judged(bounds, work, kinds, by or "times")


def _judged(bounds: Bounds, work: Workload, kinds: Sequence[Kind], how: How) -> int:
    whose, table, room = table_of(bounds, how)
    measured = measure(work, kinds, how)
    rows = [*judge(measured, table, room)]
    for _ in range(AGAIN if how == "times" else 0):
        if not _slower(rows):
            break
        _say("something seems slower: measuring again")
        measured = _better(measured, measure(work, kinds, how))
        rows = [*judge(measured, table, room)]
    _say(f"{_UNITS[how]}; bounds of {whose}, {table.date}; up to {room:.0%} more passes")
    _say(shown(rows))
    if room == ELSEWHERE:
        _say(f"there are no bounds for {here()}: `just speed --renew` makes them")
    if faster := [row for row in rows if row.verdict == "faster"]:
        _say(f"faster than their bounds, which `just speed --renew` renews: {_named(faster)}")
    if any(row.bound is None for row in rows):
        _say("a path without a bound is not judged: `just speed --renew`")
    if slower := _slower(rows):
        sys.stderr.write(
            f"speed: slower than before: {_named(slower)}; if that is meant, `just speed --renew`\n"
        )
        return 1
    return 0


def _slower(rows: Sequence[Judged]) -> list[Judged]:
    return [row for row in rows if row.verdict == "slower"]


def _named(rows: Sequence[Judged]) -> str:
    each = (f"{row.kind} {row.path} {_percent(row.measured, row.bound)}" for row in rows)
    return ", ".join(each)


def _better(one: Mapping[Kind, Figures], two: Mapping[Kind, Figures]) -> dict[Kind, Figures]:
    """Of each path the lower ratio: what disturbs a measurement only ever adds."""
    return {
        kind: {
            path: min(figure, two[kind][path], key=lambda each: each.ratio)
            for path, figure in figures.items()
        }
        for kind, figures in one.items()
    }


def shown(rows: Sequence[Judged]) -> str:
    """A table."""
    lines = [("", "path", "a", "verdict", "ours", "baseline", "ratio", "bound", "change")]
    for kind, path, figure, bound, verdict in rows:
        ours, plain = (f"{n:,.0f}" if n >= 1000 else f"{n:.2f}" for n in figure[1:3])
        held, change = f"{bound:.4f}" if bound else "none", _percent(figure, bound)
        ratio = f"{figure.ratio:.4f}"
        lines.append((kind, path, figure.unit, verdict, ours, plain, ratio, held, change))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(_aligned(line, widths)).rstrip() for line in lines)


def _percent(figure: Measured, bound: float | None) -> str:
    return f"{figure.ratio / bound - 1:+.1%}" if bound else ""


def _aligned(line: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """Words to the left, numbers to the right."""
    for number, (cell, width) in enumerate(zip(line, widths, strict=True)):
        yield cell.ljust(width) if number < 4 else cell.rjust(width)


def _renew(work: Workload, kinds: Sequence[Kind], by: How | None) -> int:
    bounds = load()
    check_frozen(bounds)
    hows: list[How] = [how for how in ("counts", "times") if by in (None, how)]
    if not shutil.which("valgrind") and "counts" in hows:
        _say("there is no valgrind here: only times are renewed")
        hows.remove("counts")
    for how in hows:
        old = bounds.tables(how).get(here())
        bounds = renewed(bounds, how, _middle(work, kinds, how), work)
        new = bounds.tables(how)[here()]
        _say(f"{how} of {here()}")
        for kind in kinds:
            before = old.of(kind) if old else {}
            for path, ratio in new.of(kind).items():
                was = before.get(path)
                change = f"was {was:.4f}, {ratio / was - 1:+.1%}" if was else "is new"
                _say(f"    {kind:6}  {path:8}  {ratio:8.4f}  {change}")
    save(bounds)
    _say(f"written to {FILE.name}: read what changed, say why, and commit it")
    return 0


def _middle(work: Workload, kinds: Sequence[Kind], how: How) -> dict[Kind, Figures]:
    """Of counts, which are always the same, one measurement; of times the middle of three."""
    first, *more = (measure(work, kinds, how) for _ in range(1 if how == "counts" else 3))
    middle: dict[Kind, Figures] = {}
    for kind, figures in first.items():
        all_of = {path: [figures[path], *(one[kind][path] for one in more)] for path in figures}
        middle[kind] = {
            path: sorted(each, key=lambda one: one.ratio)[len(each) // 2]
            for path, each in all_of.items()
        }
    return middle


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
