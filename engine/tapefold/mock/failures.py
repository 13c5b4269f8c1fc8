"""What a mismatch says: what was asked, what the tape has that is nearest, and where the tape stands."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tapefold.mock.match import Ids, differences, distance, is_alike, short
from tapefold.mock.timeline import Timeline

SHOWN: Final = 5
"""How many lines of a kind are named, before they are only counted."""
ROWS_MAX: Final = 20
"""How many fields of a difference are named likewise."""


def say(timeline: Timeline, line: int) -> str:
    """A line in a few words."""
    it = timeline.lines[line]
    if it.kind == "request":
        fields = timeline.fields[line]
        what = f"{fields['method']} {fields['path']}"
    else:
        what = bytes(it.data).decode(errors="replace")
    return f"line {line + 1} ({it.lane} {it.kind} {short(what, 70)})"


def around(timeline: Timeline, done: bytearray, line: int) -> list[str]:
    """Where the tape stands: two lines above, one below. ✓ done, ~ free, · open."""
    rows: list[str] = []
    for near in range(max(0, line - 2), min(len(timeline), line + 2)):
        state = "✓" if done[near] else "~" if timeline.free[near] else "·"
        mark = "▶" if near == line else " "
        rows.append(f"    {mark} {state} {timeline.at(near) / 1e9:9.4f}s {say(timeline, near)}")
    return rows


def stands(timeline: Timeline, done: bytearray, head: int) -> list[str]:
    """The same, with a heading."""
    if head >= len(timeline):
        return ["  the tape is at its end"]
    return ["  the tape stands at:", *around(timeline, done, head)]


class Asked:
    """What the client did that is not on the tape."""

    def __init__(self, what: str, lane: str, fields: Mapping[str, str]) -> None:
        self.what, self.lane, self.fields = what, lane, fields


def unmatched(
    timeline: Timeline, done: bytearray, head: int, ids: Ids, asked: Asked, among: Iterable[int]
) -> str:
    """The client's asking for something that is not, or no longer, on the tape; *among*: it may be."""
    rows = [f"the client's {asked.what} is not on the tape", f"    {_list(asked.fields)}"]
    near = min(among, key=lambda line: _far(timeline, done, asked, line), default=None)
    if near is None:
        return "\n".join([*rows, "  the tape has nothing of the kind"])
    lane = timeline.lines[near].lane
    found = differences(asked.fields, timeline.fields[near], timeline.taping(lane), ids, lane)
    used = ", already used" if done[near] else ""
    rows.append(f"  nearest is {say(timeline, near)}{used}:")
    told = found[:ROWS_MAX] or ["(equal: the tape has it fewer times)"]
    told += [f"… and {len(found) - ROWS_MAX} more"] if len(found) > ROWS_MAX else []
    rows += [f"    {row}" for row in told]
    return "\n".join([*rows, *stands(timeline, done, head)])


def _far(timeline: Timeline, done: bytearray, asked: Asked, line: int) -> tuple[bool, int]:
    """The nearest is one that is equal but for ids, even if it is used; else one that is not used yet."""
    fields = timeline.fields[line]
    differs = not is_alike(asked.fields, fields, timeline.taping(timeline.lines[line].lane))
    return differs, distance(asked.fields, fields) + 10 * done[line]


def _list(fields: Mapping[str, str]) -> str:
    plain = [key for key in fields if not key.startswith("header.")]
    return short(", ".join(f"{key}={fields[key]}" for key in plain), 400)


def unknown_host(host: str, known: Iterable[str]) -> str:
    """The client's wanting to go where the tape has never been."""
    return f"nothing leaves this machine: the client wants {host}, and the tape has {_all(known)}"


def unknown_connection(timeline: Timeline, url: str, taken: Sequence[str]) -> str:
    """The client's connecting where the tape has no connection, or no more."""
    if taken:
        where = f"the tape has {len(taken)} ({', '.join(taken)}), taken or not due yet"
    else:
        urls = sorted({lane.url for lane in timeline.lanes.values()})
        where = "the tape has no such connection; it has\n    " + "\n    ".join(urls or ["none"])
    return f"the client connected to {url}: {where}"


def no_heartbeat(lane: str, text: str) -> str:
    """The client's heartbeat, where nothing can be learned of how one is answered."""
    return f"{lane}: the tape has no answer to the heartbeat {short(text)}"


def hung_up(timeline: Timeline, done: bytearray, close: int, code: int) -> str:
    """The client's hanging up where the exchange was to."""
    rows = around(timeline, done, close)
    where = "; on the tape the exchange does, and later:"
    return "\n".join([f"{timeline.lines[close].lane}: the client hung up ({code}){where}", *rows])


def out_of_order(what: str) -> str:
    """Another order than the tape's, where that is not to be."""
    return f"out of order: {what}"


def stalled(timeline: Timeline, done: bytearray, head: int, waits: int | None) -> str:
    """Nothing may go on."""
    if timeline.theirs[head]:
        what = f"stalled: the client has yet to listen for {say(timeline, head)}"
    else:
        what = f"stalled: the tape waits for {say(timeline, head)}, and the client does nothing"
    if waits is not None and waits != head:
        what += f"; {say(timeline, waits)} waits for it"
    return "\n".join([what, *around(timeline, done, head)])


def late(timeline: Timeline, done: bytearray, head: int, seconds: float) -> str:
    """Others have gone first for too long."""
    what = f"missing: for {seconds:g} s the client has not done {say(timeline, head)}"
    return "\n".join([what, *around(timeline, done, head)])


def untaken(rows: Sequence[str], seconds: float) -> str:
    """The tape's end, which a client has not heard, and does not get nearer to."""
    what = f"the tape is at its end, and for {seconds:g} s nobody has read on, or answered a ping:"
    return "\n".join([what, *(f"    {row}" for row in rows)])


def never_rests(timeline: Timeline, done: bytearray, head: int, count: int) -> str:
    """The client's asking for nothing but what is free, at one moment of virtual time."""
    what = (
        f"the client never rests: {count} free polls or heartbeats, and no time passes between them"
    )
    return "\n".join([what, *stands(timeline, done, head)])


def left(timeline: Timeline, missing: Sequence[int], unsaid: Sequence[int]) -> list[str]:
    """What was not done when the client left."""
    rows = [f"missing: the client never did {say(timeline, i)}" for i in missing[:SHOWN]]
    if len(missing) > SHOWN:
        rows.append(f"  … and {len(missing) - SHOWN} more")
    rows += [f"left over: the exchange never came to {say(timeline, i)}" for i in unsaid[:SHOWN]]
    if len(unsaid) > SHOWN:
        rows.append(f"  … and {len(unsaid) - SHOWN} more")
    return rows


def _all(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
