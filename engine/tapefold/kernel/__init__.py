"""The kernel: one frame or command in, events logged and folded, requests out.

Synchronous and deterministic: no socket, clock, key, chance, thread or environment in it.

sync.py     where one book is in its synchronisation
rate.py     rates, what waits for them, and the waits after trouble
lane.py     a lane, and what it carries
core.py     what all parts of a kernel share: log, views, timers, lanes, what goes out
requests.py what one exchange is asked over HTTP, and asked again
books.py    the books of one exchange, and the scales they are in
clock.py    by how much one exchange's clock is ahead of ours
lanes.py    one exchange's lanes: opened, silent, down, opened again
feed.py     one exchange's public data: subscriptions, instruments, answers
kernel.py   the step
"""

from tapefold.kernel.kernel import Kernel, Run
from tapefold.kernel.sync import BOOK_HELD_MAX

__all__ = ["BOOK_HELD_MAX", "Kernel", "Run"]
