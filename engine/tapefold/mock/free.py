"""Free traffic: polls, keep-alives, heartbeats. Any number of times, in no order, never missing."""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping
from functools import partial

from tapefold.adapter import Free, Taping
from tapefold.mock.match import frame_fields, name_of
from tapefold.mock.timeline import Beat, Timeline


class _Poll:
    """All recorded requests of one kind that were answered."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.ranks: list[int] = []
        """Of their answers: how many lines that are not free stand above each."""
        self.played = 0


class FreePlay:
    """Answers free traffic from what the tape has of it, and counts it."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._polls: dict[object, _Poll] = {}
        self._counts: Counter[Free] = Counter()
        for number in sorted(timeline.free_asked, key=lambda n: timeline.replies.get(n, -1)):
            if number in timeline.replies:
                request, reply = timeline.requests[number], timeline.replies[number]
                taping = timeline.taping(timeline.lines[request].lane)
                key = _key(timeline.fields[request], taping)
                poll = self._polls.setdefault(key, _Poll())
                poll.numbers.append(number)
                poll.ranks.append(timeline.rank[reply])

    def poll(self, fields: Mapping[str, str], taping: Taping, rule: Free, rank: int) -> int | None:
        """Which recorded request's answer a poll gets, where so many lines that are not free are done.

        The first unplayed one of those that stand at this point of the tape, else the latest before
        it, else the first. None where the tape has nothing like it.
        """
        poll = self._polls.get(_key(fields, taping))
        if poll is None:
            return None
        self._counts[rule] += 1
        end = bisect_right(poll.ranks, rank)
        if not end:
            return poll.numbers[0]
        first = max(bisect_left(poll.ranks, poll.ranks[end - 1]), poll.played)
        if first >= end:
            return poll.numbers[end - 1]
        poll.played = first + 1
        return poll.numbers[first]

    def beat(self, lane: str, data: str, rule: Free, taping: Taping) -> str | None:
        """The answer to a heartbeat, with the ids that it has. None where the tape has none."""
        self._counts[rule] += 1
        beats = self._timeline.beats
        known = beats.get(lane) or [
            beat
            for other in beats.values()
            for beat in other
            if re.search(rule.reply, beat.answer) and re.search(rule.match, beat.asked)
        ]
        return _echo(known[-1], data, taping) if known else None

    def out_of_bounds(self) -> list[str]:
        """What came too seldom or too often, in words."""
        rows: list[str] = []
        tapings = self._timeline.tapings.values()
        for rule in dict.fromkeys(rule for taping in tapings for rule in taping.free):
            count = self._counts[rule]
            if count < rule.least or (rule.most and count > rule.most):
                most = f" to {rule.most}" if rule.most else " or more"
                rows.append(f"free: {rule.match} came {count} times, not {rule.least}{most}")
        return rows


def _key(fields: Mapping[str, str], taping: Taping) -> frozenset[tuple[str, str]]:
    ids = taping.minted | taping.counted
    return frozenset(
        (path, value)
        for path, value in fields.items()
        if name_of(path) not in ids and not path.startswith("header.")
    )


def _echo(beat: Beat, data: str, taping: Taping) -> str:
    """The recorded answer, with the ids of what was asked now."""
    then, now = frame_fields(beat.asked, taping), frame_fields(data, taping)
    answer = beat.answer
    for path, old in then.items():
        name, new = name_of(path), now.get(path)
        if new is not None and new != old and name in taping.minted | taping.counted:
            pattern = rf'("{re.escape(name)}"\s*:\s*){re.escape(old)}'
            answer = re.sub(pattern, partial(_put, new), answer)
    return answer


def _put(new: str, found: re.Match[str]) -> str:
    return found[1] + new
