"""Client traffic that nobody recorded, and what it is told."""

from collections.abc import Iterable, Sequence
from urllib.parse import SplitResult, urlsplit

from tapefold.adapter import Frame, Free, Request
from tapefold.errors import SessionError
from tapefold.overlay.draft import Draft, came, name_of, went
from tapefold.overlay.edits import Expect
from tapefold.units import SECOND


def expect(draft: Draft, each: Expect) -> Free | None:
    """Put a request and its answer on the tape. Raises `SessionError`.

    One that comes just once is a line like any other. Of others: the rule by which they come.
    """
    method, _, target = each.request.partition(" ")
    end = draft.rows[-1].line.at if draft.rows else 0
    at = end if each.at is None else round(each.at * SECOND)
    parts = urlsplit(target)
    lane, root = _asked_at(draft, parts)
    url = root + parts.path + (f"?{parts.query}" if parts.query else "")
    n = max(draft.asked, default=0) + 1
    request = Request(method, url, "book", n=n, lane=lane)  # no file has what it is for
    answer = draft.changed[n] = draft.made(each.answer)
    draft.asked[n] = request
    frame = Frame(at, lane, "response", request=request, status=answer.status)
    draft.insert((went(at, request), came(frame)))
    if each.times == (1, 1):
        return None
    match = name_of(request) + (f"?{parts.query}" if parts.query else "")
    return Free(match, least=each.times[0], most=each.times[1])


def _asked_at(draft: Draft, wanted: SplitResult) -> tuple[str, str]:
    """In which lane, and of which host: that of the same path, else the one that all else is asked of."""
    asked = [(each.lane, urlsplit(each.url)) for each in draft.asked.values()]
    if wanted.netloc:
        asked = [(lane, parts) for lane, parts in asked if parts.netloc == wanted.netloc]
    near = [(lane, parts) for lane, parts in asked if parts.path == wanted.path] or asked
    found = sorted({(lane, f"{parts.scheme}://{parts.netloc}") for lane, parts in near})
    if len(found) == 1:
        return found[0]
    if found:
        roots = ", ".join(root for _, root in found)
        raise SessionError(f"which host is meant, of {roots}? Write the whole URL")
    what = wanted.netloc or "any host"
    raise SessionError(f"nothing was ever asked of {what}, so the tape has no place for this")


def merged(rules: Iterable[Free]) -> Sequence[Free]:
    """Rules for the same traffic made one: as a door counts by what comes, not by why."""
    by_match: dict[str, Free] = {}
    for rule in rules:
        have = by_match.setdefault(rule.match, rule)
        if have is not rule:
            most = have.most + rule.most if have.most and rule.most else 0
            by_match[rule.match] = Free(rule.match, rule.reply, have.least + rule.least, most)
    return [*by_match.values()]
