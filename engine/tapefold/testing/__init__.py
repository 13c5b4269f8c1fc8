"""For tests, ours and others': an exchange in virtual time, and a guard against the network.

side.py     the exchange's side of a connection, byte by byte, and manners of serving it
virtual.py  a simulated exchange that misbehaves as it is told, over streams in memory
network.py  whoever leaves the machine fails, by name
conformance/   is an adapter what the engine takes it for?
mutation/   how much of a recording its test looks at
"""

from tapefold.testing.conformance import (
    Check,
    Checked,
    Conformance,
    conform,
    conformance_tests,
    find_adapter,
    find_sessions,
)
from tapefold.testing.network import LeftTheMachine, no_network
from tapefold.testing.side import (
    Manner,
    Side,
    breaks_off,
    closing,
    framed,
    honest,
    refuses,
    silent,
    stalls,
)
from tapefold.testing.virtual import Twist, VirtualExchange, as_it_is, open_virtual

__all__ = [
    "Check",
    "Checked",
    "Conformance",
    "LeftTheMachine",
    "Manner",
    "Side",
    "Twist",
    "VirtualExchange",
    "as_it_is",
    "breaks_off",
    "closing",
    "conform",
    "conformance_tests",
    "find_adapter",
    "find_sessions",
    "framed",
    "honest",
    "no_network",
    "open_virtual",
    "refuses",
    "silent",
    "stalls",
]
