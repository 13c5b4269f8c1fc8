"""Whether a TOML file is a scenario of ours, by what is in it: others have folders of that name, too."""

import re
import tomllib
from pathlib import Path
from typing import Final

PARTS: Final = frozenset({"given", "when", "then"})
WORDS: Final = PARTS | {"title", "exchanges", "requires"}
"""All that can stand at the top of a scenario. Held here, since reading one needs the engine."""
_SCHEMA: Final = re.compile(r"#:schema\s+\S*\bscenario\.schema\.json\s*")
_TITLE: Final = re.compile(r"^\s*title\s*=", re.MULTILINE)
_PART: Final = re.compile(r"^\s*(\[\[?\s*)?(given|when|then)\s*[.\]=]", re.MULTILINE)


def looks_like_a_scenario(path: Path) -> bool:
    """Whether somebody meant it as one, right or wrong: a wrong one must be told, and not passed over.

    Its first comments name our schema; or it has a part of a scenario, and a title or nothing that is
    not ours. What cannot be read is none.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError):
        return False
    if _names_our_schema(text):
        return True
    try:
        keys = tomllib.loads(text).keys()
    except (ValueError, RecursionError):  # a scenario with a slip of the pen in it?
        return bool(_TITLE.search(text) and _PART.search(text))
    return bool(PARTS & keys) and ("title" in keys or keys <= WORDS)


def _names_our_schema(text: str) -> bool:
    for line in text.splitlines():
        if line and not line.startswith("#"):
            return False
        if _SCHEMA.fullmatch(line):
            return True
    return False
