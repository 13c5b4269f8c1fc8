"""Captures and sessions of a few lines, and the command line as its users meet it."""

import gzip
import json
import subprocess
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

from click.testing import CliRunner, Result

from tapefold.cli import main
from tapefold.imports import import_capture
from tapefold.session import Session

START = 1_723_161_255_000_000_000
"""2024-08-08 23:54:15 UTC, in nanoseconds."""
STEP = 500_000_000
"""Nanoseconds between two lines."""
# A test may run where SIGINT is ignored, as behind `nohup`: a user's shell does not start us so.
PYTHON = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
PATIENCE = 60.0
"""Seconds."""
TAPEFOLD = PYTHON + "from tapefold.cli import main; main()"


def delta(n: int, **changes: Any) -> str:
    """The n-th delta, from 1: one more bid and one more ask."""
    data = {
        "e": "depthUpdate",
        "E": START // 1_000_000 + n,
        "T": START // 1_000_000 + n,
        "s": "ETHUSDT",
        "U": 100 + n,
        "u": 100 + n,
        "pu": 99 + n,
        "b": [[f"99.{n % 100:02}", "2.5"]],
        "a": [[f"101.{n % 100:02}", "0.125"]],
    }
    return json.dumps({"stream": "ethusdt@depth@0ms", "data": data | changes})


def trade(n: int, **changes: Any) -> str:
    """The n-th trade."""
    data = {
        "e": "trade",
        "E": START // 1_000_000 + n,
        "T": START // 1_000_000 + n,
        "s": "ETHUSDT",
        "t": n,
        "p": "100.50",
        "q": "0.3",
        "m": False,
    }
    return json.dumps({"stream": "ethusdt@trade", "data": data | changes})


def snapshot() -> str:
    """A book up to and with the first delta's update."""
    sides = {"bids": [["99.00", "1"], ["98.5", "10"]], "asks": [["102.00", "4"]]}
    return json.dumps({"lastUpdateId": 101, "E": 1, "T": 1} | sides)


def story() -> list[str]:
    """A delta, the snapshot, deltas and trades: ten lines, five seconds."""
    return [delta(1), snapshot(), *(trade(n) if n % 2 else delta(n // 2 + 1) for n in range(2, 10))]


def stamped(frames: Iterable[str], step: int = STEP) -> Iterator[str]:
    """The lines of a file of hftbacktest's collector."""
    for n, frame in enumerate(frames):
        yield f"{START + n * step} {frame}"


def capture(folder: Path, lines: Iterable[str] | None = None) -> Path:
    """Such a file; with the story where no lines are given."""
    path = folder / "ethusdt.gz"
    text = "\n".join(stamped(story()) if lines is None else lines)
    path.write_bytes(gzip.compress(f"{text}\n".encode(), 1))
    return path


def session(folder: Path, frames: Iterable[str] | None = None, *, step: int = STEP) -> Session:
    """A session made of such a file."""
    path = capture(folder, stamped(frames or story(), step))
    symbols = {"ETHUSDT": "ETH-USDT"}
    return import_capture("hftbacktest", [path], folder / "eth", symbols=symbols).session


def tape(found: Session) -> list[list[Any]]:
    """The lines of a session's tape."""
    return [json.loads(line) for line in found.tape.read_bytes().splitlines()]


def retape(found: Session, lines: Iterable[Any]) -> Path:
    """Write a session's tape anew; the session's folder."""
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    found.tape.write_text("".join(f"{text}\n" for text in texts))
    return found.folder


def remeta(found: Session, old: str, new: str) -> Path:
    """Change some words in session.toml; the session's folder."""
    path = found.folder / "session.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return found.folder


def run(*args: str | Path) -> Result:
    """The command line, in this process."""
    return CliRunner().invoke(main, [*map(str, args)])


def told(*args: str | Path) -> Any:
    """What a command prints as JSON."""
    result = run(*args)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@contextmanager
def started(*args: str | Path, **options: Any) -> "Generator[subprocess.Popen[str]]":
    """The command line in a process of its own, which writes to pipes and ends with the block."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    command = [sys.executable, "-c", TAPEFOLD, *map(str, args)]
    with subprocess.Popen(command, text=True, **pipes) as process:
        end = Timer(PATIENCE, process.kill)  # rather a failed test than one that hangs
        end.start()
        try:
            yield process
        finally:
            end.cancel()
            process.kill()
