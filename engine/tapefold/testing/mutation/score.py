"""The mutation score of a recorded test: how much of what is recorded it looks at."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from itertools import chain
from pathlib import Path
from random import Random
from typing import Final

from msgspec import Struct

from tapefold.adapter import Adapter
from tapefold.errors import Mismatch
from tapefold.session import Session
from tapefold.testing.mutation.edited import Edited
from tapefold.testing.mutation.listening import Heard, listen
from tapefold.testing.mutation.notices import Notices, by_digests, installed, opened
from tapefold.testing.mutation.plan import Edit, Plan, plan
from tapefold.testing.mutation.spellings import SPELLINGS, Spelling, respelled

_NAMED_MAX: Final = 3
"""False alarms of one spelling that are looked for, one by one."""
_SPELLED_MAX: Final = 200
"""Messages of one kind that are spelled otherwise, drawn from all."""


class Survivor(Struct, frozen=True):
    """An edit that the test did not notice."""

    line: int
    """Of the tape; of an answer's body that of its `response`."""
    path: str
    """The kind of message, and the leaf's keys."""
    before: str
    after: str


class PathScore(Struct, frozen=True):
    """What came of the edits of one key path."""

    path: str
    places: int
    """Leaves of that path on the tape."""
    killed: int
    """Edits that the test noticed."""
    of: int
    """Edits that were tried; 0 where others were drawn."""


class FalseAlarm(Struct, frozen=True):
    """Another spelling that the test took for another meaning."""

    spelling: Spelling
    line: int
    after: str
    """The whole frame, or body."""


class Score(Struct, frozen=True):
    """What a recorded test notices."""

    killed: int
    of: int
    paths: tuple[PathScore, ...]
    survivors: tuple[Survivor, ...]
    unread: tuple[str, ...]
    """Key paths that no adapter reads: these are not counted."""
    unused: tuple[str, ...]
    """Nor are these: an adapter reads them, and of what it says of them this session has no use."""
    false_alarms: tuple[FalseAlarm, ...]
    """Three of a spelling at the most: where there is one, more may be."""
    respelled: int
    """Frames and answers that were spelled otherwise, once for each spelling."""
    frames: int
    """Frames and answers that were looked into."""
    skipped: int
    """Frames and answers that are no JSON, or that no adapter is given."""

    @property
    def ratio(self) -> Decimal:
        """Of the edits those that were noticed, 0 to 1, not rounded up; 0 where none could be made."""
        return (Decimal(self.killed) / (self.of or 1)).quantize(Decimal("0.0001"), ROUND_DOWN)


def mutation_score(
    session: Session | Path | str,
    notices: Notices | None = None,
    *,
    times: int = 300,
    seed: int = 1,
    adapters: Mapping[str, Adapter] | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Score:
    """Change one number, flag or word of a recording at a time, *times* often, and count who notices.

    *session* may be its folder. *notices* says of an edited session whether the test fails; not given,
    the test is that the replay reaches the recorded digests. Edits are spread evenly over the key paths,
    and only such are made as change what an adapter says of the frame. Besides, each frame is spelled
    otherwise; that nobody may notice. *seed* decides what is drawn. Raises `Mismatch` where the test fails
    on the recording as it is, and as `Replay` does.
    """
    if notices is not None and not callable(notices):
        raise TypeError(f"notices is a function of a session, as by_digests gives, not {notices!r}")
    session = opened(session)
    made, chance = adapters or installed(session), Random(seed)
    test = notices or by_digests(session, made)
    if test(Edited(session)):
        raise Mismatch(f"{session.folder} fails its test as it is: there is nothing to score")
    overheard = listen(session, made)
    planned = plan(overheard, times, chance)
    missed = list[Edit]()
    for number, edit in enumerate(planned.edits):
        progress(number, len(planned.edits))
        if not test(Edited(session, {edit.line: edit.data})):
            missed.append(edit)
    alarms, count = _false_alarms(session, overheard.heard, test, chance)
    return Score(
        killed=len(planned.edits) - len(missed),
        of=len(planned.edits),
        paths=tuple(_by_path(planned, missed)),
        survivors=tuple(Survivor(each.line, each.path, each.before, each.after) for each in missed),
        unread=tuple(planned.unread),
        unused=tuple(planned.unused),
        false_alarms=tuple(alarms),
        respelled=count,
        frames=len(overheard.heard),
        skipped=overheard.skipped,
    )


def _by_path(planned: Plan, missed: Sequence[Edit]) -> Iterator[PathScore]:
    tried = Counter(edit.path for edit in planned.edits)
    survived = Counter(edit.path for edit in missed)
    for path, places in planned.counts.items():
        yield PathScore(path, places, tried[path] - survived[path], tried[path])


def _false_alarms(
    session: Session, heard: Sequence[Heard], test: Notices, chance: Random
) -> tuple[list[FalseAlarm], int]:
    """Many frames at once in one other spelling, then in the next; and how many that were."""
    alarms, count = list[FalseAlarm](), 0
    heard = _some_of_each(heard, chance)
    for spelling in SPELLINGS:
        changes = dict[int, bytes]()
        for each in heard:
            data = respelled(each.data, spelling, chance)
            # A number finer than its instrument's scale widens that: it then says more than before.
            if not (spelling == "trailing zeros" and each.lists(data)):
                changes[each.line] = data
        count += len(changes)
        alarms += [
            FalseAlarm(spelling, line, changes[line].decode(errors="replace"))
            for line in _guilty(session, changes, test, _NAMED_MAX)
        ]
    return alarms, count


def _some_of_each(heard: Sequence[Heard], chance: Random) -> list[Heard]:
    kinds = dict[str, list[Heard]]()
    for each in heard:
        if not each.rejected:
            kinds.setdefault(each.name, []).append(each)
    drawn = (chance.sample(kind, min(len(kind), _SPELLED_MAX)) for kind in kinds.values())
    return sorted(chain.from_iterable(drawn), key=lambda each: each.line)


def _guilty(session: Session, changes: Mapping[int, bytes], test: Notices, most: int) -> list[int]:
    """The first lines of which the test notices the change; none where it does not notice all."""
    if not changes or not test(Edited(session, changes)):
        return []
    lines = [*changes]
    if len(lines) == 1:
        return lines
    found, half = list[int](), len(lines) // 2
    for part in (lines[:half], lines[half:]):
        if len(found) < most:
            some = {line: changes[line] for line in part}
            found += _guilty(session, some, test, most - len(found))
    return found or lines[:1]  # only together are they noticed
