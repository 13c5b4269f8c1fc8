"""The kernel: one frame or command in, events logged and folded, requests out.

Synchronous and deterministic: no socket, clock, key, chance, thread or environment in it.

sync.py     where one book is in its synchronisation
core.py     what all parts of a kernel share: log, views, timers, what goes out
requests.py what one exchange is asked over HTTP, and asked again
books.py    the books of one exchange, and the scales they are in
feed.py     one exchange's public data: subscriptions, lanes, instruments
kernel.py   the step
"""

from tapefold.kernel.kernel import Kernel, Run
from tapefold.kernel.sync import BOOK_HELD_MAX

__all__ = ["BOOK_HELD_MAX", "Kernel", "Run"]
