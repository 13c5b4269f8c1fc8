"""Verifying: that a log is what was written, and that it gives what was known.

whole.py      a log by itself, and against its session
shadowing.py  a log that an engine writes, folded again beside it
apart.py      in what two views differ, in words
"""

from tapefold.verify.apart import Apart
from tapefold.verify.shadowing import Compared, shadow
from tapefold.verify.whole import Difference, Verified, verify_log, verify_session

__all__ = [
    "Apart",
    "Compared",
    "Difference",
    "Verified",
    "shadow",
    "verify_log",
    "verify_session",
]
