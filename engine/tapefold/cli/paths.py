"""Which of the two artifacts a path is: a session is a folder, a log a file."""

from pathlib import Path
from typing import Final

from tapefold.errors import BadInput, LogError, SessionError
from tapefold.session import Session, bundled

BUNDLED: Final = "bundled"
"""What the session that comes with tapefold is called, where no path is called so."""
_SQLITE = b"SQLite format 3\0"


def open_session(path: Path) -> Session:
    """A session's folder, or the bundled one's. Raises `SessionError`, which says what reads a log."""
    path = _found(path)
    if path.is_file():
        if _is_log(path):
            raise SessionError(
                f"{path} is a log, not a session: `tapefold show {path}` looks into it"
            )
        raise SessionError(f"{path} is a file, not a session: name the session's folder")
    return Session(path)


def log_path(path: Path) -> Path:
    """The path of what should be a log. Raises `LogError` for a session."""
    if path.is_dir():
        if (path / "session.toml").exists():
            raise LogError(
                f"{path} is a session, not a log: `tapefold replay {path}` plays it, and with "
                "--log FILE makes a log of it"
            )
        raise LogError(f"{path} is a folder, not a log: a log is a file")
    return path


def open_either(path: Path) -> Session | Path:
    """A session, the bundled one too, or the path of what should be a log. Raises `BadInput`."""
    path = _found(path)
    if path.is_dir():
        return Session(path)
    if path.is_file():
        return path
    raise BadInput(f"{path} is neither a session nor a log: there is no such folder or file")


def _found(path: Path) -> Path:
    """Where it is that is called so. Raises `SessionError` where the bundled session is not there."""
    if str(path) != BUNDLED or path.exists() or path.is_symlink():
        return path
    return bundled()


def _is_log(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False
