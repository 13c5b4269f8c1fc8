"""What is done for each number of each frame: numbers from text, levels packed, one side of a book.

Written twice. The Python of this room is the definition: what is right is what it does. Where the
install found a C compiler there is `tapefold._core` as well, which does the same, and is taken;
`TAPEFOLD_PURE=1` in the environment takes the definition. Tests hold the two to be equal.

levels.py   levels packed, and unpacked
half.py     one side of a book
plain.py    messages that are spelled plainly
folding.py  many stored events at once
chosen.py   which of the two runs here
"""

from tapefold.core.chosen import NATIVE, Half, Plain, fold_events, pack_levels, pack_sides, scaled
from tapefold.core.levels import NOTHING, Columns, Levels, level_texts, pack, unpack
from tapefold.core.plain import PlainKind, PlainRead

__all__ = [
    "NATIVE",
    "NOTHING",
    "Columns",
    "Half",
    "Levels",
    "Plain",
    "PlainKind",
    "PlainRead",
    "fold_events",
    "level_texts",
    "pack",
    "pack_levels",
    "pack_sides",
    "scaled",
    "unpack",
]
