"""Scenarios that come to what their names say, for tests of whoever runs and tells them.

A name is words: `fails_at_replay`, `raises`, `breaks`, `dies`, `is_killed`, `leaves`, `waits`;
anything else passes.
Other processes find this module by its name.
"""

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from tapefold.cli import main, scenario_run
from tapefold.cli.scenario_modes import Work
from tapefold.errors import Mismatch
from tapefold.scenario import Failed, Outcome, Place, Scenario, Told, Way, running

WAYS: Final[tuple[Way, ...]] = ("simulator", "replay", "mock")
SECOND: Final = 1_000_000_000
STORY: Final = (
    Told(0, "step", "submit buy: buy 1 BTC-USDT at 100"),
    Told(SECOND // 2, "fault", "unanswered: place"),
    Told(61 * SECOND + 1_500_000, "log", "OrderCanceled\nof buy"),
)


def place(name: str, title: str = "A story", exchanges: tuple[str, ...] = ("binance",)) -> Place:
    """Of a file that nobody reads."""
    return Place(Path("scenarios") / f"{name}.toml", Scenario(title=title, exchanges=exchanges))


def outcome(
    where: Place, exchange: str = "binance", way: Way = "simulator", **changes: Any
) -> Outcome:
    """One that passed, but for the changes."""
    plain = Outcome(where.name, where.path, where.scenario.title, exchange, way, seconds=0.25)
    return replace(plain, **changes)


def failing(where: Place, exchange: str = "binance", way: Way = "simulator") -> Outcome:
    """One with two things that are not as they were to be."""
    failed = (
        Failed("then.orders.buy.status", 12, "filled", "canceled"),
        Failed("", 0, "nothing left over", "1 request:\nGET /a"),
    )
    return outcome(where, exchange, way, failed=failed, story=STORY)


def run(
    where: Place, exchange: str, way: Way, cassettes: Path, record: Path | None = None
) -> Outcome:
    """What its name says, in the place of `tapefold.scenario.running.run`."""
    name = where.name
    if name in (f"fails_at_{way}", "fails"):
        return failing(where, exchange, way)
    if name == "raises":
        raise Mismatch("not what was recorded\n  ≠ amount")
    if name == "breaks":
        raise KeyError("a key")
    if name == "dies":
        os._exit(3)
    if name == "is_killed" and way == "replay":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "interrupted":
        raise KeyboardInterrupt
    if name == "leaves":
        return outcome(where, exchange, way, error=tempfile.mkdtemp())
    if name == "waits" and way == "replay":
        while True:
            signal.pause()
    recorded = write(record) if record else ()
    return outcome(where, exchange, way, recorded=recorded, digest=f"{os.getpid()}")


def write(folder: Path) -> tuple[Path, ...]:
    """A recording, if anybody asks; of `restarts` there are two."""
    folders = [folder]
    if folder.name == "restarts":
        folders.append(folder.with_name(f"{folder.name}.2"))
    for each in folders:
        each.mkdir(parents=True, exist_ok=True)
        (each / "tape.jsonl").write_text(f"{each.name}\n")
    return tuple(folders)


def ways_of(where: Place, exchange: str, cassettes: Path) -> tuple[Way, ...]:
    """All three, in the place of `tapefold.scenario.running.ways_of`."""
    return () if where.name == "nowhere" else WAYS


def outcomes(work: Work) -> Iterator[Outcome]:
    """One after the other, in the place of `tapefold.cli.scenario_modes.outcomes`."""
    for way in work.ways:
        yield run(work.place, work.exchange, way, work.cassettes)


def works(*names: str) -> list[Work]:
    """To be run in all three ways."""
    return [Work(place(name), "binance", WAYS, Path("cassettes")) for name in names]


def reading(places: Iterable[Place]) -> Callable[[Sequence[str], Path], list[Place]]:
    """Finds these, whatever is asked for, in the place of `tapefold.cli.scenario_chosen.read_all`."""
    found = [*places]

    def read_all(given: Sequence[str], home: Path) -> list[Place]:
        return found

    return read_all


def command(args: Sequence[str], names: Sequence[str]) -> None:
    """The command line, in a process of its own, of scenarios with these names."""
    doubles = {
        running: {"run": run, "ways_of": ways_of},
        scenario_run: {"outcomes_apart": outcomes, "read_all": reading(map(place, names))},
    }
    for module, theirs in doubles.items():
        for name, double in theirs.items():
            setattr(module, name, double)
    main(["scenario", "run", *args])


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    at = sys.argv.index("--")
    command(sys.argv[1:at], sys.argv[at + 1 :])
