"""The kernel: one frame or command in, events logged and folded, requests out.

Synchronous and deterministic: no socket, clock, key, chance, thread or environment in it.

sync.py     where one book is in its synchronisation
rate.py     rates, what waits for them, and the waits after trouble
lane.py     a lane, and what it carries
core.py     what all parts of a kernel share: log, views, timers, lanes, what goes out
gate.py     what is asked leaves in its order, within all limits
requests.py what one exchange is asked over HTTP, and asked again
books.py    the books of one exchange, and the scales they are in
clock.py    by how much one exchange's clock is ahead of ours
lanes.py    one exchange's lanes: opened, silent, down, opened again
feed.py     one exchange's public data: subscriptions, instruments, answers
private.py  one account's private stream
survey.py   one account asked for all it says
attendance.py  what our orders are due, and what was waited for in vain
risk.py     whether an order may leave
trade.py    orders, as the caller wishes for them
account.py  one account: surveyed, polled, traded on
answers.py  what comes of private requests
trading.py  what private commands and frames go to
timers.py   what strategies asked to be told of, and when
strategies.py  strategies hear what was logged, and what they command is carried out
form.py     whether a command is one at all
check.py    whether this engine can carry it out
commands.py commands, carried out
kernel.py   the step
"""

from tapefold.kernel.answers import NOT_SENT
from tapefold.kernel.kernel import Kernel, Run
from tapefold.kernel.strategies import REACTIONS_MAX, check_names, started
from tapefold.kernel.sync import BOOK_HELD_MAX

__all__ = ["BOOK_HELD_MAX", "NOT_SENT", "REACTIONS_MAX", "Kernel", "Run", "check_names", "started"]
