"""Sessions: what the wire said, as a folder that a person can read, trim and diff.

    session.toml         what, when, from where, and the digests that a replay must reach
    tape.jsonl[.zst]     one line a moment: [ns since start, lane, kind, data]
    start.msgpack        what the log had come to, where it was not empty
    http.yaml            a vcrpy cassette with the answers that came over HTTP

files.py      reading a file of a session: limits, no links, zstd
meta.py       session.toml
tape.py       the tape's lines, and what they mean to the kernel
start.py      start.msgpack
cassette.py   http.yaml; interactions.py: writing it, plain_yaml.py: what it is written in
shipped.py    the session that comes with tapefold
writer.py     writing a session that can be made again: buffered
live.py       writing a recording: whatever happens, what was written is a session
repair.py     cutting torn ends off, for tools that cannot read them
"""

from tapefold.session.live import LiveWriter
from tapefold.session.meta import Counts, Digests, Meta, Source
from tapefold.session.session import Session
from tapefold.session.shipped import bundled
from tapefold.session.start import Start, write_start
from tapefold.session.tape import Line
from tapefold.session.writer import SessionWriter, new_session

__all__ = [
    "Counts",
    "Digests",
    "Line",
    "LiveWriter",
    "Meta",
    "Session",
    "SessionWriter",
    "Source",
    "Start",
    "bundled",
    "new_session",
    "write_start",
]
