"""What a frame must not leave behind. Replay door: the kernel's own steps, and nothing beside them."""

import gc

from tapefold import Session, bundled
from tapefold.core import NATIVE
from tapefold.replay import Replay


def collections() -> list[int]:
    return [generation["collections"] for generation in gc.get_stats()]


def test_frames_leave_nothing_for_the_garbage_collector() -> None:
    """Events and frames are no containers to it, and levels are bytes: so it never stops a step.

    The definition makes lists and tuples of levels, which are gone before the oldest are looked at.
    """
    replay = Replay(Session(bundled()))
    replay.play(500)  # what is made once: routes, books, requests
    gc.collect()
    before = collections()
    assert replay.play(2000)
    youngest, middle, oldest = (after - b for after, b in zip(collections(), before, strict=True))
    assert (middle, oldest) == (0, 0)
    assert youngest == 0 or not NATIVE
