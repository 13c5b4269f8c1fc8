"""The replay door: a tape into the kernel, without sockets, in the order of its lines.

ledger.py   what the kernel asked against what the tape says was asked
again.py    strategies asked again, against what they commanded then
diff.py     two JSON values side by side, for people
door.py     playing a session
sealing.py  sealing a session that was written
"""

from tapefold.replay.again import Again
from tapefold.replay.door import Replay, check_strategies, run_of
from tapefold.replay.ledger import Ledger
from tapefold.replay.sealing import seal

__all__ = ["Again", "Ledger", "Replay", "check_strategies", "run_of", "seal"]
