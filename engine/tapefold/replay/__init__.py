"""The replay door: a tape into the kernel, without sockets, in the order of its lines.

ledger.py   what the kernel asked against what the tape says was asked
diff.py     two JSON values side by side, for people
door.py     playing a session
sealing.py  sealing a session that was written
"""

from tapefold.replay.door import Replay
from tapefold.replay.ledger import Ledger
from tapefold.replay.sealing import seal

__all__ = ["Ledger", "Replay", "seal"]
