"""A simulated exchange: seeded markets, accounts that trade in them, and sessions made of it.

    exchange = load_skin("binance")(FUNDED, 7)
    exchange.connect("lane", "wss://ws-api.binance.com/ws-api/v3")
    exchange.answer(Request("GET", "https://api.binance.com/api/v3/account", "balances", signed=True), now)
    while exchange.due <= now:
        published = exchange.turn()

spec.py       what a market is like
book.py       a book of orders: of each price a queue
market.py     one instrument's market: its book, and strangers who trade in it
orders.py     orders of accounts, and news of them
past.py       what something was a while ago
account.py    who has an account, and the money in it
matching.py   what an order would trade with
venue.py      the exchange, whatever language it speaks
faults.py     what goes wrong on demand
story.py      which markets and accounts, for how long, and what is lost
exchange.py   what a skin is, and where it is found
weather.py    what goes wrong on the way to the exchange and back
stage.py      a kernel and a simulated exchange, and what is on its way between them, in virtual time
recording.py  that, written as a session
agreement.py  whether an engine believes what is so
serving/      the same on loopback, for any client
__main__.py   `python -m tapefold.sim FOLDER [--seed N]`

An exchange's skin (its JSON, its update ids) stands beside its adapter. Nothing here is a recording of
a real exchange, and every session made here says so: its source is `simulator`.
"""

from typing import Final

from tapefold.sim.account import Holder
from tapefold.sim.book import Resting
from tapefold.sim.exchange import NO_ANSWER, Answer, Exchange, Published, Skin, load_skin
from tapefold.sim.faults import Fault, Faults, Lagging, Refusing, Unsaid, Upset
from tapefold.sim.market import Best, Change, Market, Taken
from tapefold.sim.orders import (
    Balance,
    Denial,
    Denied,
    Deposited,
    Fill,
    Moved,
    News,
    Order,
    SelfTrade,
    Told,
    Wish,
)
from tapefold.sim.recording import record
from tapefold.sim.spec import Spec
from tapefold.sim.story import FUNDED, HOLDER, MINUTE, Lost, Story
from tapefold.sim.venue import Venue

SEED: Final = 7
"""Of the bundled session, which is the story `MINUTE` (`tapefold.session.bundled`)."""

__all__ = [
    "FUNDED",
    "HOLDER",
    "MINUTE",
    "NO_ANSWER",
    "SEED",
    "Answer",
    "Balance",
    "Best",
    "Change",
    "Denial",
    "Denied",
    "Deposited",
    "Exchange",
    "Fault",
    "Faults",
    "Fill",
    "Holder",
    "Lagging",
    "Lost",
    "Market",
    "Moved",
    "News",
    "Order",
    "Published",
    "Refusing",
    "Resting",
    "SelfTrade",
    "Skin",
    "Spec",
    "Story",
    "Taken",
    "Told",
    "Unsaid",
    "Upset",
    "Venue",
    "Wish",
    "load_skin",
    "record",
]
