"""An outcome told again: what failed, the story up to there, and the command that shows it once more."""

import shlex
from collections.abc import Sequence
from typing import Final, NamedTuple

from tapefold.scenario.results import Failed, Outcome, Told
from tapefold.units import SECOND, Nanos

STORY_MAX: Final = 30
"""Lines of a story that are shown: a screen has no more."""
STALE: Final = ", as recorded"
"""How what was expected ends where it is a recording that the story is no longer."""
_ASIDE: Final = {
    "AccountStreamChanged": 1,
    "BookInvalidated": 1,
    "ConnectionClosed": 1,
    "ConnectionOpened": 1,
    "RunStarted": 1,
    "StreamStale": 1,
    "AccountSurveyed": 2,
}
"""Events that are left out of a long story before steps, faults and orders; those of most first."""
_MARKS: Final = {"step": ">", "fault": "!", "log": " "}


class Again(NamedTuple):
    """What a command was told besides paths, names and its exchange, so that it can be told again."""

    options: tuple[str, ...] = ()

    def command(self, outcome: Outcome) -> str:
        """What reproduces an outcome, as a shell takes it."""
        return self._with(outcome, self.options)

    def recording(self, outcome: Outcome) -> str:
        """What makes its recording anew."""
        rest = tuple(word for word in self.options if word != "--record")
        return self._with(outcome, ("--record", *rest))

    def _with(self, outcome: Outcome, options: tuple[str, ...]) -> str:
        words = ("tapefold", "scenario", "run", str(outcome.path), "--exchange", outcome.exchange)
        return shlex.join((*words, *options))


def one_line(text: str) -> str:
    """What is told makes no lines of its own."""
    return text.replace("\n", "\\x0a")


def headline(outcome: Outcome) -> str:
    """Which one failed."""
    return f"FAILED  {outcome.name} at {outcome.exchange}, {outcome.way}: {outcome.title}"


def failure_lines(outcome: Outcome, again: Again) -> list[str]:
    """All that is known of a failure, but for its headline."""
    lines: list[str] = []
    if outcome.error:
        lines += [f"  {text}" for text in outcome.error.split("\n")]
    for failed in outcome.failed:
        lines += _failed(outcome, failed)
    if outcome.failed and all(not f.key and f.expected.endswith(STALE) for f in outcome.failed):
        lines.append(f"  if that is what you meant: {again.recording(outcome)}")
    lines += [*story_lines(outcome.story), f"  again: {again.command(outcome)}"]
    if len(outcome.story) > STORY_MAX:
        lines.append("  with --json it tells the whole story")
    return lines


def _failed(outcome: Outcome, failed: Failed) -> list[str]:
    where = f"{outcome.path}:{failed.line}" if failed.line else str(outcome.path)
    lines = [f"  {where}: {failed.key}" if failed.key else f"  {where}"]
    for name, text in (("expected", failed.expected), ("actual", failed.actual)):
        first, *more = text.split("\n")
        lines.append(f"    {name:<8}  {first}".rstrip())
        lines += [f"    {'':<8}  {each}".rstrip() for each in more]
    return lines


def story_lines(story: Sequence[Told]) -> list[str]:
    """What happened: `>` are steps of the file, `!` is what went wrong on demand.

    Of a long story steps, faults and orders rather than what else was said, and of these the last.
    """
    if not story:
        return []
    shown = _weighty(story)
    times = [since(told.at) for told in shown]
    width = max(map(len, times))
    return [
        _title(story, shown),
        *(
            f"    {time:>{width}}  {_MARKS[told.who]} {one_line(told.text)}"
            for time, told in zip(times, shown, strict=True)
        ),
    ]


def _weighty(story: Sequence[Told]) -> list[Told]:
    ranked = sorted(range(len(story)), key=lambda n: (_rank(story[n]), -n))
    return [story[n] for n in sorted(ranked[:STORY_MAX])]


def _rank(told: Told) -> int:
    """How soon a line is left out: steps and faults as the last."""
    return 0 if told.who != "log" else 1 + _ASIDE.get(told.text.partition(" ")[0], 0)


def _title(story: Sequence[Told], shown: Sequence[Told]) -> str:
    left = len(story) - len(shown)
    if not left:
        return "  the story:"
    if [*shown] == [*story[left:]]:
        return f"  the last {STORY_MAX} lines of the story, {left:,} are left out:"
    return f"  {STORY_MAX} lines of the story, steps and orders first; {left:,} are left out:"


def since(time: Nanos) -> str:
    """A time since the start, to a millisecond."""
    seconds, rest = divmod(time, SECOND)
    return f"+{seconds}.{rest // 1_000_000:03} s"
