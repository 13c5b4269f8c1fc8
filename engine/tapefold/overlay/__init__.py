"""Overlays: a session and some edits make another session, a folder like any other.

So a recording tells stories that nobody recorded: the same market, but the snapshot answers 503. Every
door plays the new folder, and nothing else knows of overlays.

edits.py     what is to be different, in a TOML file or in Python
draft.py     a tape on the table: what is where, and what the tape has instead
verbs.py     each edit, done
named.py     the later frames that name what a request was about
expected.py  client traffic that nobody recorded, and what it is told
edited.py    the whole: the new folder
"""

from tapefold.overlay.edited import overlay
from tapefold.overlay.edits import Cut, Edit, Edits, Expect, Forget, Reply, read_edits

__all__ = [
    "Cut",
    "Edit",
    "Edits",
    "Expect",
    "Forget",
    "Reply",
    "overlay",
    "read_edits",
]
