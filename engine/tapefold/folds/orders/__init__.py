"""The account of our orders: a fold over facts that come in any order, twice, late or not at all.

What facts prove about an order is its evidence: maxima and unions only, so neither the order nor the
number of deliveries can matter. What the order is, its standing, is computed from that. What was told
is folded from the conclusions in the log. `Orders.news` is what is, minus what was told.

evidence.py  what a fact proves, and what several prove together
life.py      what is kept of an order
standing.py  what it is by that: its status, what is in doubt, what to ask, what it holds
order.py     one order, and what a fact does to it
races.py     the table: which fact may come in which status, and why
telling.py   what is and was not told yet, and hearing that it was
alive.py     those that have not ended, and what they hold together
names.py     which order has which of an exchange's ids
orders.py    the fold: whose fact is it, and what may be forgotten
"""

from tapefold.folds.orders.evidence import ENDS, INFERRED, Evidence, Fill, Sum
from tapefold.folds.orders.life import DEFAULT, Told
from tapefold.folds.orders.order import Order
from tapefold.folds.orders.orders import KEEP_MAX, Orders, State
from tapefold.folds.orders.races import RACES, Kind
from tapefold.folds.orders.standing import Due, Standing

__all__ = [
    "DEFAULT",
    "ENDS",
    "INFERRED",
    "KEEP_MAX",
    "RACES",
    "Due",
    "Evidence",
    "Fill",
    "Kind",
    "Order",
    "Orders",
    "Standing",
    "State",
    "Sum",
    "Told",
]
