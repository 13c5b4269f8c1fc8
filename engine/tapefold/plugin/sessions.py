"""Sessions, by name."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from tapefold.errors import SessionError
from tapefold.session import Session, bundled

_FILE = "session.toml"
_SHOWN = 8
"""Names that are listed where one is not found; the nearest is always among them."""
_BUNDLED = "without a name it is the bundled one"


class Sessions:
    """The fixture `session`: finds a session where a test may mean it."""

    def __init__(self, cassettes: Path, places: Sequence[Path]) -> None:
        """*cassettes* is looked in first, then the *places*."""
        self._cassettes, self._places = cassettes, (cassettes, *places)

    def __call__(self, name: Session | Path | str | None = None) -> Session:
        """A session by its name (`binance/monday`) or path; without one the bundled.

        Raises `SessionError`, which names what there is.
        """
        __tracebackhide__ = True
        if isinstance(name, Session):
            return name
        if name is None:
            return Session(bundled())
        for place in self._places:
            if (place / name / _FILE).is_file():
                return Session(place / name)
        raise SessionError(f"there is no session {str(name)!r}: {self._there(str(name))}")

    def _there(self, name: str) -> str:
        cassettes = self._cassettes
        found = [path.parent for path in sorted(cassettes.rglob(_FILE))]
        if not found:
            there = (
                f"{cassettes} has none; `tapefold_cassettes` in the ini file says where they are"
            )
            return f"{there}; {_BUNDLED}"
        names = [folder.relative_to(cassettes).as_posix() for folder in found]
        shown = (get_close_matches(name, names[_SHOWN:], 1) + names)[:_SHOWN]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return f"{cassettes} has {', '.join(shown)}{more}; {_BUNDLED}"
