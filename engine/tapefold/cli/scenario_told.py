"""Outcomes of scenarios as lines, and as data for machines."""

from collections.abc import Sequence
from typing import Any

from tapefold.cli.scenario_modes import Work
from tapefold.scenario import Outcome
from tapefold.scenario.retold import Again, one_line


def line(outcome: Outcome) -> str:
    """An outcome on one line."""
    judged = "passed" if outcome.passed else "FAILED"
    told = f"{judged}  {outcome.exchange}  {outcome.name}  {outcome.way}  {seconds(outcome)}"
    why = first_word(outcome)
    return f"{told}  {why}" if why else told


def skipped_line(work: Work) -> str:
    """A scenario that is not run, on one line."""
    told = f"skipped  {work.exchange}  {work.place.name}  {work.ways[-1]}"
    return f"{told}  {one_line(work.skipped)}"


def skipped_json(work: Work) -> dict[str, Any]:
    """One object."""
    return {
        "name": work.place.name,
        "path": str(work.place.path),
        "title": work.place.scenario.title,
        "exchange": work.exchange,
        "way": work.ways[-1],
        "skipped": work.skipped,
    }


def seconds(outcome: Outcome) -> str:
    """Of this machine's time."""
    return f"{outcome.seconds:.2f} s"


def first_word(outcome: Outcome) -> str:
    """Why it failed, on one line; empty where it passed."""
    if outcome.error:
        return one_line(outcome.error.split("\n")[0])
    if not outcome.failed:
        return ""
    first = outcome.failed[0]
    more = f" (and {len(outcome.failed) - 1} more)" if len(outcome.failed) > 1 else ""
    about = f"{first.key}: " if first.key else ""
    return one_line(f"{about}expected {first.expected}, was {first.actual}{more}")


def summary(scenarios: int, outcomes: Sequence[Outcome], took: float) -> str:
    """How it went, on one line."""
    failed = sum(not outcome.passed for outcome in outcomes)
    return (
        f"{_many(scenarios, 'scenario')}, {_many(len(outcomes), 'run')}, "
        f"{failed:,} failed, {took:.1f} s"
    )


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def as_json(outcome: Outcome, again: Again) -> dict[str, Any]:
    """One object; of what passed there is no story."""
    told: dict[str, Any] = {
        "name": outcome.name,
        "path": str(outcome.path),
        "title": outcome.title,
        "exchange": outcome.exchange,
        "way": outcome.way,
        "passed": outcome.passed,
        "seconds": round(outcome.seconds, 3),
        "digest": outcome.digest,
        "error": outcome.error,
        "failed": [
            {"key": f.key, "line": f.line, "expected": f.expected, "actual": f.actual}
            for f in outcome.failed
        ],
    }
    if not outcome.passed:
        story = [{"at": told.at, "who": told.who, "text": told.text} for told in outcome.story]
        told |= {"story": story, "again": again.command(outcome)}
    return told
