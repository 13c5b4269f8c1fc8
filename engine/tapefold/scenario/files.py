"""The files of scenarios: where they are, what they are called, and what they may name.

A file names a recording and its overlay by a path from its own folder, or from the folder `cassettes`
beside that: a relative one that never goes up and meets no link.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tapefold.errors import ScenarioError, SessionError
from tapefold.scenario.wording import Wrong, near
from tapefold.scenario.words import Place, Scenario
from tapefold.session.files import open_plain

SCENARIO_MAX: Final = 1 << 20
"""Bytes of a file: it is for people to read."""
LINE_MAX: Final = 4096
"""Characters of a line, for the same reason; and so few cost no parser much time, whatever they say."""
SUFFIX: Final = ".toml"
CASSETTES: Final = "cassettes"
"""The folder of recordings, beside that of scenarios."""
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)
"""What a scenario may be called: its recordings' folders are called so too, on every machine."""


def text_of(path: Path) -> str:
    """What a file says. Raises `ScenarioError` for what is no file of a scenario."""
    if path.suffix != SUFFIX or not NAME.fullmatch(path.stem):
        what = "is named in small letters, digits, _ and -, and ends with .toml: limit_buy.toml"
        raise ScenarioError(f"{path}: a scenario's file {what}")
    data = _bytes(path)
    if len(data) > SCENARIO_MAX:
        raise ScenarioError(f"{path} is longer than {SCENARIO_MAX:,} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ScenarioError(f"{path}:{line}: this is no UTF-8: save the file as that") from None
    for number, row in enumerate(text.split("\n"), 1):
        if len(row) > LINE_MAX:
            raise ScenarioError(f"{path}:{number}: the line is longer than {LINE_MAX:,} characters")
    return text


def _bytes(path: Path) -> bytes:
    """As many as may be, and one more."""
    try:
        if path.is_symlink():
            raise ScenarioError(f"{path} is a link, and links are not followed: name the file")
        with open_plain(path) as file:
            return file.read(SCENARIO_MAX + 1)
    except SessionError as error:
        raise ScenarioError(str(error)) from None
    except (OSError, ValueError) as error:
        raise ScenarioError(f"{str(path)!r} cannot be read: {error}") from None


# What a file names


def session_path(place: Place) -> Path | None:
    """The folder of the recording that tells a scenario; None where it has none. Raises `ScenarioError`."""
    return _named(place, "session")


def overlay_path(place: Place) -> Path | None:
    """The file that edits that recording; None where there is none. Raises `ScenarioError`."""
    return _named(place, "overlay")


def _named(place: Place, word: str) -> Path | None:
    try:
        return beside(place.path, place.scenario, word)
    except Wrong as wrong:
        line = place.line(wrong.key)
        raise ScenarioError(f"{place.path}:{line}: {wrong.key}: {wrong.what}") from None


def beside(path: Path, scenario: Scenario, word: str) -> Path | None:
    """What `given.session` or `given.overlay` of the file at *path* means. Raises `Wrong`."""
    said: str = getattr(scenario.given, word)
    if not said:
        return None
    key, parts = f"given.{word}", said.removesuffix("/").split("/")
    if not said.isprintable() or "\\" in said or any(part in ("", ".", "..") for part in parts):
        what = "a path is relative, goes down only, and has / between its names"
        raise Wrong(key, f"{what}: binance/limit_buy")
    home = path.absolute().parent
    for base in (home, home.parent / CASSETTES):
        try:
            found = _down(base, parts, key)
        except OSError as error:
            raise Wrong(key, f"it cannot be looked at: {error.strerror}") from None
        if found:
            _check_kind(found, word, key)
            return found
    raise Wrong(key, f"there is no {said} beside the file, nor in {CASSETTES} beside its folder")


def _down(base: Path, parts: Iterable[str], key: str) -> Path | None:
    for part in parts:
        base /= part
        if base.is_symlink():
            raise Wrong(key, f"{part} is a link, and links are not followed")
        if not base.exists():
            return None
    return base


def _check_kind(found: Path, word: str, key: str) -> None:
    if word == "session" and not found.is_dir():
        raise Wrong(key, "a recording is a folder, and this is none")
    if word == "overlay" and not found.is_file():
        raise Wrong(key, "an overlay is a file, and this is none")


# Where they are


def find_scenarios(given: Sequence[str], home: Path) -> list[Path]:
    """The files that are meant, sorted, each once; without any those of *home*.

    Each is a scenario's name in *home*, a file, or a folder: of a folder all its own files, and not those
    of folders in it. Raises `ScenarioError` for what is not there.
    """
    found = [path for each in given for path in _meant(each, home)] if given else _inside(home)
    return sorted({path.absolute(): path for path in found}.values())


def _meant(said: str, home: Path) -> list[Path]:
    named = home / f"{said}{SUFFIX}"
    try:
        if NAME.fullmatch(said) and named.is_file():
            return [named]
        path = Path(said)
        if path.is_dir():
            return _inside(path)
        if path.is_file():
            return [path]
        names = [each.stem for each in home.glob(f"*{SUFFIX}")]
    except (OSError, ValueError) as error:
        raise ScenarioError(f"{said!r} cannot be looked at: {error}") from None
    what = f"there is neither a scenario nor a file {said!r}"
    raise ScenarioError(f"{what}; scenarios of {home}{near(said, sorted(names))}")


def _inside(folder: Path) -> list[Path]:
    """The scenarios of a folder."""
    try:
        found = [each for each in folder.iterdir() if each.suffix == SUFFIX and each.is_file()]
    except OSError as error:
        raise ScenarioError(f"{folder} cannot be read: {error.strerror}") from None
    if not found:
        raise ScenarioError(f"{folder} has no scenario: they are files that end with {SUFFIX}")
    return found
