"""The simulator's first brick: a seeded market, and the session that is made of it.

market.py     one instrument's market: a book, and strangers who trade in it
story.py      which markets, for how long, and what goes wrong
recording.py  the kernel against a simulated exchange, in virtual time, written as a session
__main__.py   `python -m tapefold.sim FOLDER [--seed N]`

An exchange's skin (its JSON, its update ids) stands beside its adapter. Nothing here is a recording of
a real exchange, and every session made here says so: its source is `simulator`.
"""

from pathlib import Path
from typing import Final

from tapefold.errors import SessionError
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

BUNDLED: Final = "binance/minute-with-a-gap"
"""The bundled session, below `cassettes/`: `MINUTE` with the seed `SEED`."""
SEED: Final = 7
"""Of the bundled session."""


def bundled() -> Path:
    """The session that comes with tapefold: in a checkout the repo's, else the package's own copy.

    Raises `SessionError` where there is neither.
    """
    package = Path(__file__).parents[1]
    places = [root / "cassettes" / BUNDLED for root in (package.parents[1], package)]
    for place in places:
        if (place / "session.toml").is_file():
            return place
    raise SessionError(
        f"the bundled session is not there ({' or '.join(map(str, places))}): install tapefold anew"
    )


__all__ = [
    "BUNDLED",
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
    "bundled",
    "load_skin",
    "record",
]
