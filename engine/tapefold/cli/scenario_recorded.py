"""New recordings of scenarios: made beside the old ones, put in their place where the scenario passed."""

from filecmp import cmp
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from tapefold.cli.scenario_swap import put_in, recordings
from tapefold.errors import Refused

Change: TypeAlias = Literal["new", "same", "different"]


class Kept(NamedTuple):
    """What became of a scenario's recording."""

    folder: Path
    """Where it is; of one with restarts, the first."""
    change: Change
    files: tuple[str, ...] = ()
    """Those that differ."""

    @property
    def text(self) -> str:
        """On one line."""
        differ = f": {', '.join(self.files)}" if self.files else ""
        return f"recorded  {self.folder}  {self.change}{differ}"


def keep(made: Path, cassettes: Path, exchange: str, name: str) -> Kept | None:
    """Put the recordings of a scenario in their place; those that say the same stay as they are.

    *made* is the folder for new ones. None where there is none. Raises `Refused`.
    """
    ours, home = made / exchange, cassettes / exchange
    new, old = recordings(ours, name), recordings(home, name)
    if not new:
        return None
    differ = _differing(ours, new, home, old)
    check_folders(cassettes, exchange, name)
    if not old:
        kept = Kept(home / name, "new")
    elif not differ:
        return Kept(home / name, "same")
    else:
        kept = Kept(home / name, "different", differ)
    try:
        put_in(made, cassettes, exchange, name)
    except OSError as error:
        raise Refused(f"{home / name}: cannot be replaced: {error.strerror}") from error
    return kept


def check_folders(cassettes: Path, exchange: str, name: str, *, links: bool = False) -> None:
    """That each recording is a folder; a link to one is none, unless *links*. Raises `Refused`."""
    for path in recordings(cassettes / exchange, name):
        if path.is_symlink() and not (links and path.is_dir()):
            raise Refused(f"{path} is a link, and a recording is a folder: move it away")
        if not path.is_dir():
            raise Refused(f"{path} is no folder, and a recording is one: move it away")


def _differing(ours: Path, new: list[Path], home: Path, old: list[Path]) -> tuple[str, ...]:
    """The files that are not the same in both, by their folder and name."""
    files = sorted({*_files(ours, new), *_files(home, old)})
    return tuple(name for name in files if not _same(ours / name, home / name))


def _files(home: Path, folders: list[Path]) -> list[str]:
    return [
        str(path.relative_to(home))
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    ]


def _same(first: Path, second: Path) -> bool:
    return first.is_file() and second.is_file() and cmp(first, second, shallow=False)
