"""On what it was measured. Nothing of it names the machine itself."""

import os
import platform
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench.captures import REPO


def described() -> dict[str, Any]:
    """CPU, cores, kernel, memory, load, date, and the digest of the sources that are measured."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": _memory(),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "source": source(REPO / "engine" / "tapefold"),
    }


def source(package: Path) -> str:
    """A digest of a package's Python: tells whether what runs is what stands in the checkout."""
    digest = sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _cpu() -> str:
    """Its model, as the system has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30))


@contextmanager
def on_one_core(*, wanted: bool = True) -> Generator[int | None]:
    """Keep this process, and so those that it starts, to one core; which, or None where that cannot be.

    The last one, since what a machine does by itself is mostly on the first.
    """
    if not wanted or not hasattr(os, "sched_setaffinity"):
        yield None
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield max(before)
    finally:
        os.sched_setaffinity(0, before)
