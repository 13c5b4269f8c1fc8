"""Commits one of the faults of planted.pyx: `python -m core_fuzz.planting past_raw`."""

import sys
from importlib import import_module

from core_fuzz.seats import SEATS, fresh

planted = import_module("tapefold.planted")
FAULTS = {
    "past_bytes": lambda: planted.past_end(fresh(b"1234")),
    "past_raw": lambda: planted.past_end(SEATS["exact"](b"1234")),
    "past_63_bits": lambda: planted.past_63_bits(2**63 - 1),
}

if __name__ == "__main__":
    FAULTS[sys.argv[1]]()
