"""Recording: a run of an engine, seen from outside, becomes a session while it happens.

guards.py    what each exchange's guard knows of credentials
masking.py   what is asked and heard, with stand-ins for what must not be kept
scribe.py    one moment after the other: masked, checked, encoded, written
recorder.py  the queue, its thread, and how a recording ends

The loop's thread only puts things into a queue. A recording that cannot go on, since the disk is full
or a secret would have got into it, ends; the engine does not.
"""

from tapefold.record.guards import check_start, guards_of
from tapefold.record.masking import Guard
from tapefold.record.recorder import Recorder

__all__ = ["Guard", "Recorder", "check_start", "guards_of"]
