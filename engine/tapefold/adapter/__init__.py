"""What an adapter is: data, and a few pure functions. And what goes in and out of the kernel.

Nothing here does I/O.

commands.py     what a caller tells an engine to do
traffic.py      frames, and what is asked for
description.py  what an adapter says of its exchange
protocol.py     what an adapter does, and what one does besides that can trade
found.py        where adapters are found
"""

from tapefold.adapter.commands import (
    Adopt,
    Cancel,
    CancelAll,
    Channel,
    Command,
    Declare,
    Halt,
    LimitRisk,
    Listing,
    Query,
    Resume,
    SetFees,
    StopStrategy,
    Submit,
    Subscribe,
    Unsubscribe,
    Wake,
    WatchAccount,
    WatchClock,
)
from tapefold.adapter.description import (
    AccountRules,
    BookRule,
    Description,
    Free,
    Heartbeat,
    Limits,
    Rate,
    Stream,
    Taping,
    Topic,
)
from tapefold.adapter.found import GROUP, exchanges, load_adapter
from tapefold.adapter.protocol import (
    Adapter,
    AskedT,
    Known,
    OrderRef,
    Trader,
    WrongInstrument,
    trader,
)
from tapefold.adapter.traffic import (
    Close,
    Frame,
    Given,
    Incoming,
    Open,
    Outcome,
    Outgoing,
    Purpose,
    Request,
    Send,
)

__all__ = [
    "GROUP",
    "AccountRules",
    "Adapter",
    "Adopt",
    "AskedT",
    "BookRule",
    "Cancel",
    "CancelAll",
    "Channel",
    "Close",
    "Command",
    "Declare",
    "Description",
    "Frame",
    "Free",
    "Given",
    "Halt",
    "Heartbeat",
    "Incoming",
    "Known",
    "LimitRisk",
    "Limits",
    "Listing",
    "Open",
    "OrderRef",
    "Outcome",
    "Outgoing",
    "Purpose",
    "Query",
    "Rate",
    "Request",
    "Resume",
    "Send",
    "SetFees",
    "StopStrategy",
    "Stream",
    "Submit",
    "Subscribe",
    "Taping",
    "Topic",
    "Trader",
    "Unsubscribe",
    "Wake",
    "WatchAccount",
    "WatchClock",
    "WrongInstrument",
    "exchanges",
    "load_adapter",
    "trader",
]
