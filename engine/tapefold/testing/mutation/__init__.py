"""The mutation score: how much of a recording its test looks at. docs/mutation-score.md tells of it.

leaves.py      where in a JSON text each number, flag and word stands
edits.py       one of them changed
spellings.py   the same message, printed otherwise
edited.py      a session with such changes, in memory
listening.py   what adapters are given, and what they make of it
plan.py        which edits are tried, and what nobody reads
notices.py     what a test may look at: digests, or a scenario's `then`
score.py       the edits tried, and counted
printed.py     a score for people
"""

from tapefold.testing.mutation.edited import Edited
from tapefold.testing.mutation.notices import Notices, by_digests, by_scenario
from tapefold.testing.mutation.printed import score_lines, score_remarks, score_summary
from tapefold.testing.mutation.score import (
    FalseAlarm,
    PathScore,
    Score,
    Survivor,
    mutation_score,
)

__all__ = [
    "Edited",
    "FalseAlarm",
    "Notices",
    "PathScore",
    "Score",
    "Survivor",
    "by_digests",
    "by_scenario",
    "mutation_score",
    "score_lines",
    "score_remarks",
    "score_summary",
]
