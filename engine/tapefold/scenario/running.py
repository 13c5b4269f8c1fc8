"""Running scenarios: which ways there are, and each of them."""

from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tapefold.errors import ScenarioError
from tapefold.overlay import overlay, read_edits
from tapefold.scenario.acting import act
from tapefold.scenario.files import overlay_path, session_path
from tapefold.scenario.playing import play
from tapefold.scenario.results import Failed, Outcome, Way
from tapefold.scenario.words import Place
from tapefold.session import Session
from tapefold.sim.exchange import GROUP


def exchanges_of(place: Place) -> tuple[str, ...]:
    """Where a scenario runs: where it says, or wherever there is a simulator."""
    if place.scenario.exchanges:
        return place.scenario.exchanges
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def recordings_of(place: Place, exchange: str, cassettes: Path) -> list[Path]:
    """The sessions of a scenario's recording, in their order; none where it was not recorded."""
    first = cassettes / exchange / place.name
    found = [first] if first.is_dir() else []
    while found and (further := Path(f"{first}.{len(found) + 1}")).is_dir():
        found.append(further)
    return found


def ways_of(place: Place, exchange: str, cassettes: Path) -> tuple[Way, ...]:
    """How a scenario can be run without leaving this machine."""
    if place.scenario.given.session:
        return ("replay", "mock")
    recorded = recordings_of(place, exchange, cassettes)
    return ("simulator", "replay", "mock") if recorded else ("simulator",)


def run(
    place: Place, exchange: str, way: Way, cassettes: Path, record: Path | None = None
) -> Outcome:
    """Run a scenario in one way. With *record*, which is a new folder, what is acted is recorded there.

    At the simulator it must come to what was recorded of it, to the byte. Raises `BadInput`,
    `AdapterError`.
    """
    if way == "simulator":
        if record is not None:
            return act(place, exchange, record=record)
        return _acted(place, exchange, recordings_of(place, exchange, cassettes))
    if not place.scenario.given.session:
        return play(place, exchange, recordings_of(place, exchange, cassettes), way)
    with TemporaryDirectory() as folder:
        return play(place, exchange, [_given(place, Path(folder))], way)


def _acted(place: Place, exchange: str, recorded: Sequence[Path]) -> Outcome:
    """Acted, and compared with what was recorded."""
    if not recorded:
        return act(place, exchange)
    with TemporaryDirectory() as folder:
        outcome = act(place, exchange, record=Path(folder) / place.name)
        apart = () if outcome.error else tuple(_apart(recorded, outcome.recorded))
    return msgspec.structs.replace(outcome, failed=(*outcome.failed, *apart), recorded=())


def _apart(recorded: Sequence[Path], acted: Sequence[Path]) -> Iterator[Failed]:
    """How what was acted differs from the recording."""
    if len(recorded) != len(acted):
        yield Failed("", 0, f"{len(recorded)} runs, as recorded", f"{len(acted)} runs")
    for old, new in zip(recorded, acted, strict=False):
        for name in sorted({path.name for folder in (old, new) for path in folder.iterdir()}):
            if _bytes(old / name) != _bytes(new / name):
                yield Failed("", 0, f"{old / name}, as recorded", _first(old / name, new / name))


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _first(old: Path, new: Path) -> str:
    """The first line that differs."""
    lines = [_bytes(path).splitlines() for path in (old, new)]
    number = next(
        (n for n, pair in enumerate(zip(*lines, strict=False)) if pair[0] != pair[1]), None
    )
    if number is None:
        return f"{len(lines[1])} lines instead of {len(lines[0])}"
    return f"line {number + 1} is {lines[1][number].decode(errors='replace')[:300]}"


def _given(place: Place, folder: Path) -> Path:
    """The recording that a scenario is told by; with its overlay, as a new session below *folder*."""
    found, edits = session_path(place), overlay_path(place)
    if found is None:
        raise ScenarioError(f"{place.path} is told by no recording")
    if edits is None:
        return found
    overlay(Session(found), read_edits(edits), folder / "edited")
    return folder / "edited"
