"""Each edit, done."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from tapefold.adapter import Frame, Taping
from tapefold.errors import SessionError
from tapefold.overlay.draft import Draft, Row, came
from tapefold.overlay.edits import Edit, Forget, Verb, place
from tapefold.overlay.named import naming
from tapefold.units import SECOND

SHOWN: Final = 120
"""Characters of a line that a message has."""


class Change(NamedTuple):
    """What one edit does to the lines."""

    instead: dict[int, Iterable[Row]]
    """Where other lines stand, or none."""
    moved: Iterable[Row] = ()
    """What stands where its new time belongs."""


def edit(draft: Draft, each: Edit, tapings: Mapping[str, Taping]) -> None:
    """Do one edit. Raises `SessionError` where it hits nothing."""
    hits = _hits(draft, each.on, each.where, each.nth)
    gone: Iterable[int] = ()
    if place(each.on).kind == "request":
        if each.effects == "drop":
            gone = naming(draft, hits, tapings)
        hits = _replies(draft, hits)
    change = _DO[each.verb](draft, each, hits)
    draft.replace(change.instead | dict.fromkeys(gone, ()))
    draft.insert(change.moved)


def forget(draft: Draft, each: Forget) -> None:
    """Take requests and their answers off the tape. Raises `SessionError` where there are none."""
    hits, replies = _hits(draft, each.on, each.where, 0), draft.replies()
    answers = (replies[n] for i in hits if (n := draft.request(i).n) in replies)
    draft.replace(dict.fromkeys([*hits, *answers], ()))


def _hits(draft: Draft, on: str, where: str, nth: int) -> list[int]:
    there = draft.at(place(on))
    if not there:
        raise SessionError(f"the tape has no {on!r}; it has {draft.has(place(on))}")
    pattern = re.compile(where)
    hits = [i for i in there if pattern.search(draft.text(i))]
    if not hits:
        first = draft.text(there[0])[:SHOWN]
        many = f"{len(there):,} of them, the first" if len(there) > 1 else "one"
        raise SessionError(f"where = {where!r} is in no {on!r}; the tape has {many}: {first}")
    if nth > len(hits):
        what = f" where {where!r}" if where else ""
        raise SessionError(f"nth = {nth}: the tape has {on!r}{what} {len(hits):,} times")
    return hits[nth - 1 : nth] if nth else hits


def _replies(draft: Draft, requests: Iterable[int]) -> list[int]:
    """Where what became of each of these requests stands."""
    replies, found = draft.replies(), list[int]()
    for i in requests:
        request = draft.request(i)
        if request.n not in replies:
            raise SessionError(f"request {request.n}, {draft.text(i)}, never had an answer")
        found.append(replies[request.n])
    return found


# The verbs. *hits* are the lines of the exchange's that are to be different: of requests the answers.


def _answer(draft: Draft, each: Edit, hits: list[int]) -> Change:
    assert each.answer is not None
    made, instead = draft.made(each.answer), dict[int, Iterable[Row]]()
    for i in hits:
        line, request = draft.rows[i].line, draft.replied(i)
        draft.changed[request.n] = made
        frame = Frame(line.at, line.lane, "response", request=request, status=made.status)
        instead[i] = (came(frame),)
    return Change(instead)


def _fail(draft: Draft, each: Edit, hits: list[int]) -> Change:
    assert each.fail is not None
    instead = dict[int, Iterable[Row]]()
    for i in hits:
        line, request = draft.rows[i].line, draft.replied(i)
        frame = Frame(line.at, line.lane, "failed", request=request, reason=each.fail)
        instead[i] = (came(frame),)
    return Change(instead)


def _drop(draft: Draft, each: Edit, hits: list[int]) -> Change:
    if place(each.on).kind == "opened":
        return _cut(draft, hits, lambda row: ())
    return Change(dict.fromkeys(hits, ()))


def _text(draft: Draft, each: Edit, hits: list[int]) -> Change:
    assert each.text is not None
    data, instead = each.text.encode(), dict[int, Iterable[Row]]()
    for i in hits:
        line = draft.rows[i].line
        instead[i] = (came(Frame(line.at, line.lane, "recv", data)),)
    return Change(instead)


def _close(draft: Draft, each: Edit, hits: list[int]) -> Change:
    cut = each.close
    assert cut is not None

    def closed(row: Row) -> Iterable[Row]:
        at, lane = row.line.at, row.line.lane
        return (came(Frame(at, lane, "close", status=cut.code, reason=cut.reason)),)

    return _cut(draft, hits, closed)


def _cut(draft: Draft, hits: list[int], last: Callable[[Row], Iterable[Row]]) -> Change:
    """End each lane at its first hit, with these lines; nothing follows there."""
    ended, instead = set[str](), dict[int, Iterable[Row]]()
    first = {draft.rows[i].line.lane: i for i in reversed(hits)}
    for i, row in enumerate(draft.rows):
        lane = row.line.lane
        if lane in ended:
            instead[i] = ()
        elif first.get(lane) == i:
            instead[i] = last(row)
            ended.add(lane)
    return Change(instead)


def _delay(draft: Draft, each: Edit, hits: list[int]) -> Change:
    """Later lines. In a lane nothing overtakes: what comes next there waits with what is late."""
    assert each.delay is not None
    late, http = round(each.delay * SECOND), place(each.on).kind == "request"
    until, moved, those = dict[str, int](), dict[int, Row](), {*hits}
    for i, row in enumerate(draft.rows):
        at, lane = row.line.at, row.line.lane
        if i in those:
            moved[i] = row.later(at + late)
            if not http:
                until[lane] = at + late
        elif at <= until.get(lane, -1):
            moved[i] = row.later(until[lane])
    return Change(dict.fromkeys(moved, ()), moved.values())


def _repeat(draft: Draft, each: Edit, hits: list[int]) -> Change:
    assert each.repeat is not None
    return Change({i: [draft.rows[i]] * each.repeat for i in hits})


_DO: Final[dict[Verb, Callable[[Draft, Edit, list[int]], Change]]] = {
    "answer": _answer,
    "fail": _fail,
    "drop": _drop,
    "text": _text,
    "close": _close,
    "delay": _delay,
    "repeat": _repeat,
}
