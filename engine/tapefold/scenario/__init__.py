"""Scenarios: a trading situation in a file, run against a simulator, a recording, or an exchange.

    place = read_scenario(Path("scenarios/test_limit_buy.toml"))
    outcome = act(place, "binance")             # tapefold.scenario.acting
    outcome.passed, outcome.failed, outcome.story

words.py       what a file says, as data; results.py: what a run came to
reading.py     files into words: positions.py on which line each key stands, wording.py tables into words,
               checking.py and check_*.py, event_words.py whether they make sense, files.py where files are
editors.py     the same for editors: a JSON schema
sums.py        conditions and sums, with a scenario's own names; commanded.py: what a step commands
director.py    what is done next, and when
markets.py     what the simulator is made of; elsewhere.py: what others do there; trouble.py: what goes
               wrong, and whether it ever did
acting.py      acted at the simulator; telling.py: the story as it happened
playing.py     its recording, played by both doors
live.py        acted at an exchange itself; terms.py: on what terms
naming.py      what the orders of a log are called; judging.py: whether a log is as `then` says;
               comparing.py: what a file says of events, against a log
retold.py      what failed, as text
running.py     which ways there are, and each of them
making.py      a file written of a recording; made_*.py: its parts
"""

from tapefold.scenario.reading import find_scenarios, read_scenario
from tapefold.scenario.results import Failed, Outcome, Told, Way
from tapefold.scenario.words import (
    BalanceThen,
    BookThen,
    FaultWord,
    FillThen,
    Given,
    OrderThen,
    OrderWord,
    Place,
    Requirement,
    Scenario,
    Step,
    Then,
)

__all__ = [
    "BalanceThen",
    "BookThen",
    "Failed",
    "FaultWord",
    "FillThen",
    "Given",
    "OrderThen",
    "OrderWord",
    "Outcome",
    "Place",
    "Requirement",
    "Scenario",
    "Step",
    "Then",
    "Told",
    "Way",
    "find_scenarios",
    "read_scenario",
]
