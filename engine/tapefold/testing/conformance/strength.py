"""`noticed`: how strong the sessions are as tests. What may be wrong unnoticed is not tested."""

from decimal import ROUND_DOWN, Decimal
from functools import partial
from typing import TYPE_CHECKING, Final

from tapefold.testing.conformance.checks import Check, Found, told
from tapefold.testing.conformance.overheard import with_others
from tapefold.testing.mutation import Score, by_digests, mutation_score

if TYPE_CHECKING:
    from tapefold.session import Session
    from tapefold.testing.conformance.subject import Subject

EDITS: Final = 400
"""Numbers and words that are changed, one at a time, of all sessions together."""
LINES_MAX: Final = 3_500_000
"""Lines of all edited tapes together: 400 edits of a tape of 8,750 lines, and fewer of longer ones."""
EDITS_MIN: Final = 20
"""Of each session, at least."""
LEAST: Final = Decimal("0.95")
"""Of all edits so many must be noticed."""


def noticed(subject: "Subject") -> Found:
    """Change what is read: a replay must come to another digest. Spell it otherwise: it must not."""
    sealed = [each for each in subject.sessions if each.meta.sealed and each.meta.digests.log]
    killed = of = 0
    failures: list[str] = []
    for session in sealed:
        score = _score(subject, session, edits_of(session, len(sealed)))
        killed, of = killed + score.killed, of + score.of
        failures += _false_alarms(session, score)
        if score.ratio < LEAST:
            failures += [
                f"{session.folder.name}, line {missed.line}, {missed.path}: {missed.before} → "
                f"{missed.after} is not noticed"
                for missed in score.survivors
            ]
    if of == 0:
        return Found(0, 0, note="no session is sealed with a digest")
    share = (Decimal(killed) / of).quantize(Decimal("0.0001"), ROUND_DOWN)
    return Found(killed, of, told(failures), f"mutation score {share}")


def edits_of(session: "Session", sessions: int) -> int:
    """How many edits of one of so many sessions: each is played up to where it is noticed."""
    lines = max(1, session.meta.counts.lines)
    return max(EDITS_MIN, min(EDITS, LINES_MAX // lines) // sessions)


def _score(subject: "Subject", session: "Session", times: int) -> Score:
    adapters = with_others(session, subject.adapter)
    return mutation_score(
        session,
        by_digests(session, adapters),
        times=times,
        adapters=adapters,
        progress=partial(subject.progress, f"changing what {session.folder.name} recorded"),
    )


def _false_alarms(session: "Session", score: Score) -> list[str]:
    return [
        f"{session.folder.name}, line {alarm.line}: the same spelled otherwise ({alarm.spelling}) is "
        "taken for something else"
        for alarm in score.false_alarms
    ]


CHECKS: Final = (
    Check("noticed", "one changed number of a recording does not pass unnoticed", noticed),
)
