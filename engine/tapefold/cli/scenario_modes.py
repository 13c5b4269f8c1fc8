"""The modes of `tapefold scenario run`: what each runs of a scenario, and what it refuses.

`mock` never leaves this machine. The others act at an exchange itself: scenario_live.py.
"""

import os
import sys
import traceback
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tapefold.cli.failures import failure
from tapefold.cli.terminal import on_terminal
from tapefold.errors import Refused, TapefoldError
from tapefold.scenario import Outcome, Place, Way
from tapefold.units import fixed

MODES: Final = ("mock", "testnet", "live")


class Work(Struct, frozen=True):
    """A scenario to be run at an exchange, in every way that it can be."""

    place: Place
    exchange: str
    ways: tuple[Way, ...]
    """As they are known before; one that records may have more."""
    cassettes: Path
    """Where recordings are."""
    recording: Path | None = None
    """A folder for a new recording, which is played instead of the one that is there."""
    open_faults: bool = False
    """An error that nobody expected is told with its traceback."""
    skipped: str = ""
    """Why it is not run after all."""


class NotKept(Refused):
    """Nothing can be recorded there, a full disk say: it ends the run, not one scenario."""


class Away(Struct, frozen=True):
    """What is said of a run that leaves this machine."""

    mode: str = "mock"
    spend_max: Decimal | None = None
    """What all orders of the run together may be worth."""
    ws: str = ""
    rest: str = ""
    """Other addresses than the exchange's, or its test network's."""
    keep: Path | None = None
    """A folder for sessions of it."""

    @property
    def said(self) -> list[str]:
        """The options that were given, as they are typed."""
        options = {
            "--spend-max": fixed(self.spend_max) if self.spend_max else "",
            "--ws": self.ws,
            "--rest": self.rest,
            "--keep": str(self.keep or ""),
        }
        return [word for name, value in options.items() if value for word in (name, value)]


def check_mode(away: Away, *, record: bool = False, jobs: int = 1, as_json: bool = False) -> None:
    """That it can be run so. Raises `Refused`."""
    mode = away.mode
    if mode == "mock":
        if away.said:
            raise Refused(f"{away.said[0]} goes with --mode testnet and live: mock leads nowhere")
        return
    if record:
        raise Refused(
            f"--record makes recordings of the simulator: it cannot go with --mode {mode}"
        )
    if jobs > 1:
        raise Refused(f"--mode {mode} is one account: one scenario at a time, and no --jobs")
    if bool(away.ws) != bool(away.rest):
        raise Refused("give both --ws and --rest, or neither: half an exchange is no exchange")
    if mode == "live":
        _check_live(away, as_json)


def _check_live(away: Away, as_json: bool) -> None:
    """Live is for a person at a terminal, who says how much. Raises `Refused`."""
    if away.spend_max is None:
        raise Refused("--mode live trades with money: say how much with --spend-max AMOUNT")
    if as_json:
        raise Refused("--mode live is for a person, who is asked something: it has no --json")
    if not (on_terminal(sys.stdin) and on_terminal(sys.stdout)):
        raise Refused("--mode live is for a person at a terminal, and this is none")
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        raise Refused("--mode live is for a person at a terminal, and CI is set here")


def ways_in(place: Place, exchange: str, cassettes: Path) -> tuple[Way, ...]:
    """The ways in which a scenario is run on this machine; none where it cannot be."""
    from tapefold.scenario import running

    return running.ways_of(place, exchange, cassettes)


def outcomes(work: Work) -> Iterator[Outcome]:
    """Run a scenario in one way after the other; an error in one takes nothing from the others.

    Raises `NotKept`.
    """
    from tapefold.scenario import running

    ways: tuple[Way, ...] = work.ways
    cassettes = work.cassettes
    if work.recording and "simulator" in ways:
        cassettes = work.recording
        recorded = _recorded(work, cassettes / work.exchange / work.place.name)
        yield recorded
        if not recorded.passed:
            return
        found = running.ways_of(work.place, work.exchange, cassettes)
        ways = tuple(way for way in found if way != "simulator")
    for way in ways:
        yield _run(work, way, cassettes)


def outcomes_apart(work: Work) -> Iterator[Outcome]:
    """The same in another process, which reads the file itself. Raises `ScenarioError`.

    What was sent there equals what was read, and yet would be recorded otherwise: msgspec leaves a text out
    that is the default, and not one that equals it.
    """
    from tapefold.scenario.reading import read_scenario

    yield from outcomes(replace(work, place=read_scenario(work.place.path)))


def _recorded(work: Work, folder: Path) -> Outcome:
    """Act it, and record that. Raises `NotKept`."""
    from tapefold.scenario import running

    try:
        folder.parent.mkdir(exist_ok=True)
        outcome = running.run(work.place, work.exchange, "simulator", work.cassettes, record=folder)
    except Exception as error:  # as in `_run`, but where the disk is at fault
        if why := _disk_says(error):
            raise _not_kept(work, why) from error
        return could_not(work, "simulator", error)
    if outcome.error.startswith(str(folder)):  # it says what is wrong with that
        raise _not_kept(work, outcome.error.rpartition(": ")[2])
    return outcome


def _not_kept(work: Work, why: str) -> NotKept:
    return NotKept(f"{work.cassettes}: nothing more can be recorded there: {why}")


def _disk_says(error: BaseException | None) -> str:
    """What a file system had against it, if it was that."""
    while error:
        if isinstance(error, OSError):
            return error.strerror or str(error)
        error = error.__cause__
    return ""


def _run(work: Work, way: Way, cassettes: Path) -> Outcome:
    from tapefold.scenario import running

    try:
        return running.run(work.place, work.exchange, way, cassettes)
    except Exception as error:  # also a fault of ours, which is of this scenario alone
        return could_not(work, way, error)


def could_not(work: Work, way: Way, error: Exception | str) -> Outcome:
    """Of a scenario that was not run to its end."""
    place = work.place
    told = error if isinstance(error, str) else failure(error).message
    if isinstance(error, Exception) and work.open_faults and not isinstance(error, TapefoldError):
        told = "\n".join((told, *traceback.format_exception(error))).rstrip()
    return Outcome(
        name=place.name,
        path=place.path,
        title=place.scenario.title,
        exchange=work.exchange,
        way=way,
        error=told,
    )
