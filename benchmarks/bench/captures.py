"""The sessions that are measured: recordings of ETHUSDT by hftbacktest's author, which lie elsewhere."""

from pathlib import Path
from typing import Final, NamedTuple

REPO: Final = Path(__file__).parents[2]
SHARED: Final = REPO.parent / "shared" / "recordings"
"""Where they lie beside a checkout."""
BUNDLED: Final = REPO / "cassettes" / "binance" / "minute-with-a-gap"
"""The session that comes with tapefold: for our own rows, where there are no recordings."""
FILES: Final = {
    "spot": ("spot/ethusdt_20240808.gz", "spot/ethusdt_20240809.gz"),
    "usdm": ("usdm/ethusdt_20240808.gz",),
    "usdm-july": ("usdm/ethusdt_20240718.gz", "usdm/ethusdt_20240719.gz"),
}
"""By name, a session's files in their order."""


class Capture(NamedTuple):
    """One session."""

    name: str
    paths: tuple[Path, ...]

    @property
    def foreign(self) -> bool:
        """Whether it is a recording that contenders can read, too."""
        return self.name in FILES


def captures(folder: Path, names: list[str]) -> list[Capture]:
    """Those of these *names* in a folder of recordings; the bundled session where there are none.

    Raises `SystemExit` for a name that there is not.
    """
    unknown = [name for name in names if name not in FILES]
    if unknown:
        raise SystemExit(f"no session is called {unknown[0]}: there are {', '.join(FILES)}")
    home = next((home for home in (folder / "hftbacktest", folder) if home.is_dir()), folder)
    found = [Capture(name, tuple(home / file for file in FILES[name])) for name in names]
    there = [each for each in found if all(path.is_file() for path in each.paths)]
    return there or [Capture("bundled", (BUNDLED,))]
