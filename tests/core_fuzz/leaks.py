"""Whether calls of the compiled core keep memory: within AddressSanitizer, which counts every byte."""

import ctypes
import gc
from array import array
from itertools import pairwise
from typing import Final

from core_fuzz.cases import mutation

ROUNDS: Final = 3
CASES: Final = 60


def leaked() -> int:
    """Bytes that each further round of the same cases keeps: 0 for none."""
    held = ctypes.CDLL(None).__sanitizer_get_current_allocated_bytes
    held.restype = ctypes.c_size_t
    seen = array("q", [0] * (ROUNDS + 2))  # an int that is kept would be counted as well
    for n in range(ROUNDS + 2):  # the first ones fill what remembers
        for number in range(CASES):
            mutation(0, number)()
        gc.collect()
        seen[n] = held()
    gained = [after - before for before, after in pairwise(seen)]
    return max(min(gained[1:]), 0)
