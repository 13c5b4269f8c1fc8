"""Sealing a session: the digests that are promised are those of a replay, not of the run that made it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from tapefold.adapter import Adapter
from tapefold.errors import Mismatch
from tapefold.replay.door import Replay
from tapefold.session import Digests, Session

_CHUNK = 4096


class Sealable(Protocol):
    """What has written a session."""

    @property
    def folder(self) -> Path:
        """Where."""
        ...

    def close(self) -> None:
        """Leave it on the disk, readable and not sealed."""
        ...

    def seal(self, digests: Digests, events: int) -> None:
        """End it in order; a replay must come to these digests, and to so many events."""
        ...


def seal(
    writer: Sealable, log_digest: str | None, adapters: Mapping[str, Adapter] | None = None
) -> None:
    """Replay what was written, and seal it. *log_digest* is that of the run that wrote it.

    None: that cannot be compared, as of a run whose session has stand-ins for what it saw. *adapters*
    are the replay's. Raises `Mismatch` where the replay comes to another digest: a fault of tapefold's.
    """
    writer.close()
    session = Session(writer.folder)
    session.meta.sealed = True  # it is played as everybody will: nothing may be missing at its end
    replay = Replay(session, adapters=adapters)
    while replay.play(_CHUNK):
        pass
    digests = replay.digests()
    if log_digest is not None and digests.log != log_digest:
        raise Mismatch(
            f"{writer.folder} replays to another digest than its making: a fault of tapefold's"
        )
    writer.seal(digests, replay.log.head)
