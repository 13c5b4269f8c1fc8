"""What each path may take: bounds.toml, which `--renew` writes, and what a measurement is by it."""

import platform
import sysconfig
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec
import tomli_w

from guard.measure import KINDS, Figures, How, Kind, Measured, Unmeasured
from guard.workload import Workload

FILE: Final = Path(__file__).with_name("bounds.toml")
FROZEN: Final = ("baseline.py", "baseline_account.py")
ROOM: Final[dict[How, float]] = {"counts": 0.03, "times": 0.35}
"""By how much of itself a bound may be passed: what differs between runs, and a little for us."""
ELSEWHERE: Final = 0.5
"""The same for a Python of which no bounds are known, held against those of another."""
BETTER: Final = 0.1
"""From so much less than its bound on, a path has become faster, and the bound is to be renewed."""
Verdict = Literal["ok", "slower", "faster"]
_HEAD: Final = """\
# What each path may take, as a ratio to what the frozen baseline takes in the same process: of
# instructions (counts) and of seconds (times). Written by `just speed --renew`, and by nobody else.

"""


class Table(msgspec.Struct):
    """Bounds for one Python, as it was built."""

    date: str
    native: dict[str, float] = {}
    pure: dict[str, float] = {}

    def of(self, kind: Kind) -> dict[str, float]:
        """By the paths' names."""
        return self.native if kind == "native" else self.pure


class Bounds(msgspec.Struct):
    """The file."""

    baseline: str = ""
    """The digest of the frozen baseline's source."""
    workload: str = ""
    """And of what is played."""
    counts: dict[str, Table] = {}
    times: dict[str, Table] = {}

    def tables(self, how: How) -> dict[str, Table]:
        """By what `here` says."""
        return self.counts if how == "counts" else self.times


class Judged(NamedTuple):
    """One path, measured and judged."""

    kind: Kind
    path: str
    measured: Measured
    bound: float | None
    """The ratio that was noted; None for a path that has none yet."""
    verdict: Verdict


def load() -> Bounds:
    """The file; empty where there is none yet."""
    return msgspec.toml.decode(FILE.read_bytes(), type=Bounds) if FILE.exists() else Bounds()


def check(known: Bounds, work: Workload) -> None:
    """That bounds are of this baseline and of what is played here. Raises `Unmeasured`."""
    check_frozen(known)
    if known.workload not in ("", work.digest()):
        raise Unmeasured("the workload is not the one that the bounds are of: `--renew` them")


def check_frozen(known: Bounds) -> None:
    """That bounds are of this baseline. Raises `Unmeasured`."""
    if known.baseline not in ("", frozen()):
        raise Unmeasured(
            f"{' or '.join(FROZEN)} was edited; it is frozen, since every bound is a ratio to it"
        )


def frozen() -> str:
    """The digest of the baseline's source, as hex."""
    return sha256(b"".join(Path(__file__).with_name(n).read_bytes() for n in FROZEN)).hexdigest()


def here() -> str:
    """What the tables are called by: all of this Python that changes a ratio by much."""
    built, how = sysconfig.get_config_vars("CONFIG_ARGS", "PY_CORE_CFLAGS")
    levels = [word for word in str(how).split() if word.startswith("-O")]
    flags = {"--with-lto": "lto", "--enable-optimizations": "pgo"}
    words = [
        platform.python_implementation().lower(),
        platform.python_version(),
        platform.machine().lower(),
        *levels[-1:],
        *(word for flag, word in flags.items() if flag in str(built)),
        f"msgspec {version('msgspec')}",
    ]
    return " ".join(words)


def table_of(known: Bounds, how: How) -> tuple[str, Table, float]:
    """Which bounds to judge by, and how much room there is. Raises `Unmeasured`."""
    tables, name = known.tables(how), here()
    if name in tables:
        return name, tables[name], ROOM[how]
    if not tables:
        raise Unmeasured(f"{FILE.name} has no bounds of {how} yet: `--renew` makes them")
    major, minor, _ = platform.python_version_tuple()
    nearest = max(tables, key=lambda each: (f" {major}.{minor}." in each, each))
    return nearest, tables[nearest], ELSEWHERE


def judge(measured: Mapping[Kind, Figures], table: Table, room: float) -> Iterator[Judged]:
    """Each path by its bound. Where there is much room, nothing is faster: it is another Python."""
    for kind, figures in measured.items():
        for path, figure in figures.items():
            bound = table.of(kind).get(path)
            verdict: Verdict = "ok"
            if bound and figure.ratio > bound * (1 + room):
                verdict = "slower"
            elif bound and figure.ratio < bound * (1 - BETTER) and room < ELSEWHERE:
                verdict = "faster"
            yield Judged(kind, path, figure, bound, verdict)


def renewed(known: Bounds, how: How, measured: Mapping[Kind, Figures], work: Workload) -> Bounds:
    """The bounds with those of this Python made anew: what was measured."""
    old, ratios = known.tables(how).get(here()), dict[str, dict[str, float]]()
    for kind in KINDS:
        ratios[kind] = {
            path: float(f"{figure.ratio:.4g}") for path, figure in measured.get(kind, {}).items()
        }
        if old and kind not in measured:
            ratios[kind] = old.of(kind)
    today = datetime.now(UTC).date().isoformat()
    table = Table(today, **ratios)
    tables = dict(sorted({**known.tables(how), here(): table}.items()))
    digests = {"baseline": frozen(), "workload": work.digest()}
    return msgspec.structs.replace(known, **digests, **{how: tables})


def save(known: Bounds) -> None:
    """Write the file."""
    FILE.write_text(_HEAD + tomli_w.dumps(msgspec.to_builtins(known)))
