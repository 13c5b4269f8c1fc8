"""The log: every event, in the order we learned of it, for ever.

segment.py   what a stored row holds, and the chain of digests over them
store.py     eventsourcing's recorder, its file, and the lock that one engine holds
writer.py    the one thread that writes
reader.py    reading, positions, digests, verifying
log.py       appending
"""

from tapefold.log.log import LOG_PENDING_MAX, Log, Sink, open_log
from tapefold.log.reader import LogReader, Record, Tail, read_log
from tapefold.log.segment import Piece, check_events

__all__ = [
    "LOG_PENDING_MAX",
    "Log",
    "LogReader",
    "Piece",
    "Record",
    "Sink",
    "Tail",
    "check_events",
    "open_log",
    "read_log",
]
