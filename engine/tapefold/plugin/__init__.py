"""What the pytest plugin brings, behind the names of its fixtures.

pytest itself loads `tapefold_pytest`, which is small and imports none of this until a test asks for it.

sessions.py   sessions, by name
guarding.py   a test that leaves this machine fails
beside.py     an async context in a thread of its own, for tests of any framework
exchange.py   a session, or presets, as an exchange for any client
sims.py       a simulated exchange for any client
engines.py    engines in mock mode
wanted.py     what is expected of an event, and how it differs
awaiting.py   what is to be awaited, and was not
expecting.py  expectations of a log, read by a cursor
collecting.py scenario files as tests
"""

from tapefold.plugin.engines import Engines
from tapefold.plugin.exchange import MockExchange, Presets, Served
from tapefold.plugin.expecting import Expect, Expectation, Found, Reading
from tapefold.plugin.sessions import Sessions
from tapefold.plugin.sims import Sims, Simulated

__all__ = [
    "Engines",
    "Expect",
    "Expectation",
    "Found",
    "MockExchange",
    "Presets",
    "Reading",
    "Served",
    "Sessions",
    "Sims",
    "Simulated",
]
