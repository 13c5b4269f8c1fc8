"""Questions about the past of a log or a session: why, when, what differs, and what there was.

rows.py       a row of an order, a fill, a balance, and which are asked for
heard.py      what the three queries share
index.py      which positions of a log name which order: a cache beside it
trail.py      where an order's records are looked for; walk.py: what each is in its story, and why
frames.py     what a tape has of it; story.py: all of it as data; causes.py: `why`
order_rows.py, fill_rows.py, balance_rows.py   a query each

past.py       a log or a session: what was known at a position, and the records since
differ.py     what differs between two positions; plainly.py: what is known, as texts
seek.py       when something held
expression.py what can be asked: grammar.py, paths.py, operators.py, nameable.py, things.py
"""

from tapefold.inquiry.balance_rows import balances
from tapefold.inquiry.causes import why
from tapefold.inquiry.differ import Change, diff, diff_log
from tapefold.inquiry.expression import Expression, compile_expression
from tapefold.inquiry.fill_rows import fills
from tapefold.inquiry.order_rows import orders
from tapefold.inquiry.past import Past, open_past
from tapefold.inquiry.rows import EVERYTHING, BalanceRow, FillRow, OrderRow, Where
from tapefold.inquiry.seek import Found, Search, every, when
from tapefold.inquiry.story import Asked, Step, TapeLine, Trigger, Why

__all__ = [
    "EVERYTHING",
    "Asked",
    "BalanceRow",
    "Change",
    "Expression",
    "FillRow",
    "Found",
    "OrderRow",
    "Past",
    "Search",
    "Step",
    "TapeLine",
    "Trigger",
    "Where",
    "Why",
    "balances",
    "compile_expression",
    "diff",
    "diff_log",
    "every",
    "fills",
    "open_past",
    "orders",
    "when",
    "why",
]
