"""What our scripts are asked, and the one line of JSON that they answer with."""

import argparse
import gc
import json
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

WORK: Final = Path(__file__).parents[2] / "build" / "benchmarks" / "cache"
"""Where imported sessions and logs are kept between passes, unless $TAPEFOLD_BENCH_CACHE says where."""
_BORN: Final = time.process_time()
"""When this was imported: first of all, so that what a script imports after it can be told."""


@dataclass
class Clock:
    """What one pass took."""

    seconds: float = 0.0
    """Of all threads, user and system."""
    wall: float = 0.0

    @contextmanager
    def running(self) -> Generator[None]:
        """The clock runs while the block does, after the garbage collector was set as for all."""
        settle()
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.seconds += time.process_time() - cpu
        self.wall += time.perf_counter() - wall


@dataclass
class Said:
    """The line that a script prints; the same fields as a contender's, and figures of its own."""

    form: str
    contender: str = "tapefold"
    seconds: float = 0.0
    wall: float = 0.0
    frames: int = 0
    levels: int = 0
    tops: str | None = None
    why: str = ""
    does: str = ""
    import_seconds: float = 0.0
    warm_up: str = "none"
    figures: dict[str, Any] = field(default_factory=dict[str, Any])

    def took(self, clock: Clock) -> None:
        """What the pass took."""
        self.seconds, self.wall = clock.seconds, clock.wall

    def say(self) -> None:
        """Print it."""
        import tapefold
        from bench.machine import source
        from tapefold.core import NATIVE

        line = {
            **vars(self),
            "version": version("tapefold"),
            "python": platform.python_version(),
            "checked": "equal",
            "rss_mb": peak(),
            "native": NATIVE,
            "source": source(Path(tapefold.__file__).parent),
            "gc": gc_now(),
        }
        sys.stdout.write(json.dumps(line) + "\n")


def imported() -> float:
    """CPU seconds since this module was imported."""
    return time.process_time() - _BORN


def children() -> float:
    """CPU seconds of the processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def settle() -> None:
    """What was prepared is collected, and out of the collector's sight; else it is as it comes."""
    gc.collect()
    gc.freeze()


def gc_now() -> str:
    """How the garbage collector is set."""
    frozen = gc.get_freeze_count()
    text = "on" if gc.isenabled() else "off"
    return f"{text}, thresholds {gc.get_threshold()}, {frozen} objects frozen"


def peak() -> float:
    """The most memory that this process ever had, in MB.

    Where Linux says it, of this process alone: `getrusage` also counts its parent before the fork.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def resident() -> float:
    """The memory that this process has now, in MB; its peak where that is not told."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak()
    return pages * resource.getpagesize() / (1 << 20)


def parser(form: str, what: str) -> argparse.ArgumentParser:
    """What every script of ours is asked."""
    asked = argparse.ArgumentParser(description=what)
    asked.add_argument("form", choices=[form])
    asked.add_argument(
        "captures", nargs="*", type=Path, help="a capture's files in order, or a session's folder"
    )
    kept = Path(os.environ.get("TAPEFOLD_BENCH_CACHE") or WORK)
    asked.add_argument("--work", type=Path, default=kept, help="kept between passes (%(default)s)")
    return asked


@contextmanager
def scratch(work: Path) -> Generator[Path]:
    """A folder for the files of one pass, on the disk of *work*."""
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work) as folder:
        yield Path(folder)
