"""The engine: a kernel at work in somebody's trio program.

engine.py     what an embedder holds
played.py     a tape as its source
mocked.py     the fake exchange of a session as its source
connected.py  real exchanges as its source
live.py       what a live engine is opened with
keeping.py    the log that it writes to
leaving.py    orders that are canceled when it is left
recorded.py   how its recording begins and ends
saving.py     views saved beside its log
opening.py    `open_engine`
"""

from tapefold.engine.engine import Engine
from tapefold.engine.live import Live
from tapefold.engine.opening import open_engine

__all__ = ["Engine", "Live", "open_engine"]
