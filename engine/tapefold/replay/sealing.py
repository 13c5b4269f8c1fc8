"""Sealing a session: the digests that are promised are those of a replay, not of the run that made it."""

from tapefold.errors import Mismatch
from tapefold.replay.door import Replay
from tapefold.session import Session, SessionWriter

_CHUNK = 4096


def seal(writer: SessionWriter, log_digest: str) -> None:
    """Replay what was written, and seal it. *log_digest* is that of the run that wrote it.

    Raises `Mismatch` where the replay comes to another one: a fault of tapefold's.
    """
    writer.close()
    replay = Replay(Session(writer.folder))
    while replay.play(_CHUNK):
        pass
    digests = replay.digests()
    if digests.log != log_digest:
        raise Mismatch(
            f"{writer.folder} replays to another digest than its making: a fault of tapefold's"
        )
    writer.seal(digests, replay.log.head)
