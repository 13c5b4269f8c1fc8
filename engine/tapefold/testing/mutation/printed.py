"""A score for people."""

from collections.abc import Iterator
from typing import Final

from tapefold.testing.mutation.score import Score

_SHOWN: Final = 20
"""Survivors that are named."""
_CUT: Final = 200
"""Characters of a frame that are shown."""


def score_lines(score: Score) -> list[str]:
    """All of it: what came of it, each key path that was tried, and the remarks."""
    wide = max((len(each.path) for each in score.paths), default=0)
    paths = [
        f"  {each.path:<{wide}}  {each.killed:>4} of {each.of:>4}  ({each.places:,} on the tape)"
        for each in score.paths
        if each.of
    ]
    return [score_summary(score), *paths, *score_remarks(score)]


def score_summary(score: Score) -> str:
    """What came of it, in one line."""
    return f"mutation score {score.ratio}: {score.killed:,} of {score.of:,} edits were noticed"


def score_remarks(score: Score) -> list[str]:
    """What was not noticed, what was and should not be, and what was left out."""
    return [*_survived(score), *_alarmed(score), *_left_out(score)]


def _survived(score: Score) -> Iterator[str]:
    for missed in score.survivors[:_SHOWN]:
        yield f"not noticed: line {missed.line}, {missed.path}: {missed.before} → {missed.after}"
    if len(score.survivors) > _SHOWN:
        yield f"not noticed: {len(score.survivors) - _SHOWN:,} more"


def _alarmed(score: Score) -> Iterator[str]:
    yield f"false alarms: {len(score.false_alarms)} of {score.respelled:,} other spellings"
    for alarm in score.false_alarms:
        yield f"  line {alarm.line}, {alarm.spelling}: {alarm.after[:_CUT]}"


def _left_out(score: Score) -> Iterator[str]:
    yield f"read by nobody, and not counted: {', '.join(score.unread) or 'nothing'}"
    if score.unused:
        yield f"read, of no use here, and not counted: {', '.join(score.unused)}"
    if score.skipped:
        yield f"no JSON, or given to no adapter, and not looked into: {score.skipped:,} frames and answers"
