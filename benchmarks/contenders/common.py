"""What all contenders share, ours too: reading a session, the pass that is timed, its one line of JSON.

Needs nothing but the standard library, because it is imported in everybody's environment.
"""

import gc
import gzip
import hashlib
import json
import os
import platform
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from statistics import median

PRICE_DIGITS = 2
SIZE_DIGITS = 8
"""Decimals that hold every price and size of the sessions exactly."""
_PRICE, _SIZE = 10**PRICE_DIGITS, 10**SIZE_DIGITS
_FOUR = struct.Struct("<4q").pack


@dataclass(frozen=True)
class Session:
    """A recorded session, in memory: what arrived, in order of arrival."""

    market: str
    """`spot` or `usdm`."""
    stamps: Sequence[int]
    """Nanoseconds since 1970."""
    frames: Sequence[bytes]
    """The JSON of each: frames of one combined stream, and one answer of REST."""
    snapshot: int
    """Where among *frames* the answer of REST is, the book."""
    held: Sequence[int]
    """Where the deltas are that came before it."""
    levels: int
    """Rows of price and size in all deltas and in the answer."""
    key: str
    """Tells this session from others, for what is prepared of it once."""


def read(paths: Sequence[str]) -> Session:
    """The session of one capture or more, in this order."""
    stamps: list[int] = []
    frames: list[bytes] = []
    held: list[int] = []
    snapshot, levels = -1, 0
    for path in paths:
        with gzip.open(path) as lines:
            for line in lines:
                stamp, _, frame = line.rstrip(b"\r\n").partition(b" ")
                if frame.startswith(b'{"lastUpdateId"'):
                    snapshot = len(frames)
                elif b"@depth" in frame[:40]:
                    if snapshot < 0:
                        held.append(len(frames))
                else:
                    stamps.append(int(stamp))
                    frames.append(frame)
                    continue
                levels += frame.count(b'["')
                stamps.append(int(stamp))
                frames.append(frame)
    if snapshot < 0:
        sys.exit(f"{paths[0]}: there is no snapshot of the book in it")
    market = "usdm" if b'"pu":' in frames[held[0]] else "spot"
    key = hashlib.sha256(b"\n".join(frames[:1000])).hexdigest()[:8] + f"-{len(frames)}"
    return Session(market, stamps, frames, snapshot, held, levels, f"{market}-{key}")


class Tops:
    """A running checksum of the best bid and ask after every frame: four ints, 0 where there is none."""

    def __init__(self) -> None:
        self.count = 0
        self._hash = hashlib.blake2b(digest_size=8)
        self._trace = os.environ.get("TOPS_TRACE", "")
        """A file, named in the environment, for every top: to see where two contenders part."""
        self._lines: list[str] = []

    def ints(self, bid: int, bid_size: int, ask: int, ask_size: int) -> None:
        """In units of 10**-PRICE_DIGITS and 10**-SIZE_DIGITS."""
        self.count += 1
        self._hash.update(_FOUR(bid, bid_size, ask, ask_size))
        if self._trace:
            self._lines.append(f"{bid} {bid_size} {ask} {ask_size}\n")

    def floats(self, bid: float, bid_size: float, ask: float, ask_size: float) -> None:
        """Exact all the same: fewer than 15 digits, so each is the float nearest to one int."""
        self.ints(
            round(bid * _PRICE),
            round(bid_size * _SIZE),
            round(ask * _PRICE),
            round(ask_size * _SIZE),
        )

    def decimals(self, bid: Decimal, bid_size: Decimal, ask: Decimal, ask_size: Decimal) -> None:
        """As the contender holds them."""
        self.ints(
            int(bid * _PRICE), int(bid_size * _SIZE), int(ask * _PRICE), int(ask_size * _SIZE)
        )

    def none(self) -> None:
        """There is no book yet."""
        self.ints(0, 0, 0, 0)

    def digest(self, frames: int) -> str | None:
        """The checksum, or None where there was not one top a frame."""
        if self._trace:
            Path(self._trace).write_text("".join(self._lines))
        return self._hash.hexdigest() if self.count == frames else None


Run = Callable[[Tops | None], None]
"""One pass over a session. With Tops it tells them every top, and is not timed."""


@dataclass(frozen=True)
class Form:
    """What a contender does in one form."""

    prepare: Callable[[Session], Run]
    """All that is ready before the clock starts."""
    does: str
    """What it does more or less than ours, in one sentence."""
    checked: str = "equal"
    """`equal`: its checksum must be ours. `not comparable`: it need not."""
    why: str = ""
    """Why it is not comparable, or what had to be done so that it is."""
    warm_up: str = "none"
    """What was done before, and not timed."""
    warmed: bool = False
    """Whether a whole pass is made before the one that is timed."""


@dataclass(frozen=True)
class Contender:
    """A program to measure."""

    name: str
    package: str
    """Whose version is told."""
    imports: str
    """What is imported to use it, for the cold start."""
    forms: dict[str, Form] = field(default_factory=dict[str, Form])


def main(contender: Contender) -> None:
    """`python NAME.py FORM CAPTURE... [--check]`: one pass, one line of JSON."""
    imported = time.process_time()
    arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
    known = [*contender.forms, "f"]
    if not arguments or arguments[0] not in known or (arguments[0] != "f" and not arguments[1:]):
        sys.exit(f"usage: {sys.argv[0]} {'|'.join(known)} CAPTURE... [--check]")
    told: dict[str, object] = {
        "contender": contender.name,
        "version": version(contender.package),
        "python": platform.python_version(),
        "form": arguments[0],
    }
    if arguments[0] == "f":
        told |= _cold(contender.imports)
    else:
        session = read(arguments[1:])
        told |= _measured(contender.forms[arguments[0]], session, check="--check" in sys.argv)
        told["import_seconds"] = round(imported, 4)
    sys.stdout.write(json.dumps(told) + "\n")


def _measured(form: Form, session: Session, *, check: bool) -> dict[str, object]:
    """The pass. gc is as the interpreter has it, with all that was there before frozen out of it."""
    run = form.prepare(session)
    if form.warmed and not check:
        run(None)
    tops = Tops() if check else None
    gc.collect()
    gc.freeze()
    wall, cpu = time.perf_counter(), time.process_time()
    run(tops)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {
        "seconds": round(cpu, 6),
        "wall": round(wall, 6),
        "frames": len(session.frames),
        "levels": session.levels,
        "tops": tops.digest(len(session.frames)) if tops else None,
        "checked": form.checked,
        "why": form.why,
        "does": form.does,
        "rss_mb": peak(),
        "warm_up": form.warm_up,
    }


def peak() -> float:
    """The most memory of this process, MB. Not `ru_maxrss`: that begins with what its parent had."""
    status = Path("/proc/self/status").read_text()
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024, 1)


def _cold(imports: str, times: int = 5) -> dict[str, object]:
    """A bare import in fresh processes, the interpreter's own start with it. The median of five."""
    seconds: list[float] = []
    walls: list[float] = []
    code = f"{imports}\nfor line in open('/proc/self/status'):\n if 'VmHWM' in line: print(line.split()[1])"
    for _ in range(times + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall = time.perf_counter()
        told = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE)
        walls.append(time.perf_counter() - wall)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return {
        "seconds": round(median(seconds[1:]), 4),
        "wall": round(median(walls[1:]), 4),
        "frames": 0,
        "levels": 0,
        "tops": None,
        "checked": "not comparable",
        "why": "nothing is folded",
        "does": imports,
        "rss_mb": round(int(told.stdout) / 1024, 1),
        "import_seconds": round(median(seconds[1:]), 4),
        "warm_up": "one start before, for the disk's cache and compiled bytecode",
    }


def prepared(name: str, session: Session, make: Callable[[Path], None]) -> Path:
    """A file or folder that *make* makes of the session once: kept in $TAPEFOLD_BENCH_CACHE as KEY-*name*.

    It is made in a process of its own, so that the pass that is measured has nothing of it.
    """
    cache = os.environ.get("TAPEFOLD_BENCH_CACHE") or tempfile.mkdtemp(
        prefix="tapefold-benchmarks-"
    )
    path = Path(cache) / f"{session.key}-{name}"
    if path.exists():
        return path
    if os.environ.get("TAPEFOLD_BENCH_MAKE"):
        make(path)
        sys.exit()
    arguments = [sys.executable, *sys.argv]
    made = os.environ | {"TAPEFOLD_BENCH_MAKE": "1", "TAPEFOLD_BENCH_CACHE": cache}
    subprocess.run(arguments, check=True, env=made, stdout=subprocess.DEVNULL)
    return path
