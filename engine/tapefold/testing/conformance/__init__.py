"""The conformance kit: is an adapter what the engine takes it for?

    result = conform(load_adapter("binance"), [Session("cassettes/binance/minute-with-a-gap")])
    assert result.passed, result.failed

    test_conformance = conformance_tests("mine:ADAPTER")      # for pytest: one test a check

checks.py      what a check is, and what came of it
registry.py    all checks: whoever adds some adds them there
subject.py     what is checked, and what all checks want to know of it
overheard.py   what an engine asks of an adapter while it plays a session
purity.py      `pure`; leaks.py: traps for clocks, chance, files, sockets
totality.py    `total`; mutants.py: garbled frames
exactness.py   `exact`
trips.py       `round_trip`; asking.py: all that a trader can be asked for
keys.py        `requests`
recordings.py  `redacted` and `replays`; strength.py: `noticed`, their mutation score
sweep.py       faults in books; faults.py: their kinds
driver.py      a kernel on a tape, and the exchange's side, which goes on answering
market.py      a tape's market data; walk.py: the walk through it; truth.py: what the books truly were;
               foresight.py: and are a little ahead of a kernel
orders.py      faults in orders; order_story.py: one trading story, order_faults.py: what goes wrong in it,
               order_telling.py: one telling of it, order_laws.py and order_pace.py: what must hold of each
running.py     checking; pytests.py: as tests of pytest
"""

from tapefold.testing.conformance.checks import (
    Check,
    Checked,
    Conformance,
    Coverage,
    Found,
    Progress,
)
from tapefold.testing.conformance.pytests import conformance_tests
from tapefold.testing.conformance.registry import CHECKS
from tapefold.testing.conformance.running import (
    conform,
    conform_subject,
    find_adapter,
    find_sessions,
)
from tapefold.testing.conformance.subject import Subject

__all__ = [
    "CHECKS",
    "Check",
    "Checked",
    "Conformance",
    "Coverage",
    "Found",
    "Progress",
    "Subject",
    "conform",
    "conform_subject",
    "conformance_tests",
    "find_adapter",
    "find_sessions",
]
