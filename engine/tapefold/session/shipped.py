"""The session that comes with tapefold. What it is a session of, `tapefold.sim` says, which made it."""

from pathlib import Path
from typing import Final

from tapefold.errors import SessionError

BUNDLED: Final = "binance/minute-with-a-gap"
"""Its place below `cassettes/`."""


def bundled() -> Path:
    """The session that comes with tapefold: in a checkout the repo's, else the package's own copy.

    Raises `SessionError` where there is neither.
    """
    package = Path(__file__).parents[1]
    places = [root / "cassettes" / BUNDLED for root in (package.parents[1], package)]
    for place in places:
        if (place / "session.toml").is_file():
            return place
    raise SessionError(
        f"the bundled session is not there ({' or '.join(map(str, places))}): install tapefold anew"
    )
