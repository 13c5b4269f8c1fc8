"""What the kernel asked against what the tape says was asked.

A line of the client's is a debt of the kernel's, and has a deadline: the first line of the exchange's
that it may have caused.

* `open`, `sent`, `close`: the next line of the exchange's in the same lane.
* a request that changes nothing (GET, HEAD): its own response or failure.
* any other request: any line of the exchange's at all, since its effects may show anywhere.

Asking early is always right. Asking too late, never, for something else or for more is a `Mismatch`.
Within a lane asks are compared in order, requests by content; their numbers are paired, not compared.
"""

from collections import deque
from typing import NamedTuple

import msgspec

from tapefold.adapter import Outgoing, Request
from tapefold.errors import Mismatch
from tapefold.replay.diff import difference
from tapefold.session.tape import Kind, read_asked, said

_encode = msgspec.json.Encoder(order="deterministic").encode
_HARMLESS = ("GET", "HEAD")


class _Ask(NamedTuple):
    """Something that was asked, by the kernel or by the tape."""

    lane: str
    kind: Kind
    data: bytes
    number: int
    """Of a request; of the tape's others 0."""
    line: int
    """Where it stands on the tape; 0 for the kernel's."""
    request: Request | None
    harmless: bool

    def same(self, other: "_Ask") -> bool:
        """Whether the two ask for the same."""
        return (self.lane, self.kind, self.data) == (other.lane, other.kind, other.data)


class Ledger:
    """Debts, asks, and which recorded request is which of ours."""

    def __init__(self) -> None:
        self._asked: deque[_Ask] = deque()
        self._debts: list[_Ask] = []
        self._requests: dict[int, Request] = {}
        self._dialled: set[str] = set()

    def ask(self, out: Outgoing) -> None:
        """The kernel asks."""
        mine = _of_kernel(out)
        for debt in self._debts:
            if mine.same(debt):
                self._debts.remove(debt)
                self._pair(mine, debt)
                return
        self._asked.append(mine)

    def record(self, line: int, lane: str, kind: Kind, data: bytes) -> None:
        """The tape says that this was asked."""
        debt = _of_tape(line, lane, kind, data)
        for mine in self._asked:
            if mine.same(debt):
                self._asked.remove(mine)
                self._pair(mine, debt)
                return
        self._debts.append(debt)

    @property
    def indebted(self) -> bool:
        """Whether anything is recorded that the kernel has yet to ask for."""
        return bool(self._debts)

    def due(self, line: int, lane: str) -> None:
        """A line of the exchange's is next: what may have caused it must have been asked."""
        for debt in self._debts:
            if not debt.harmless if debt.kind == "request" else debt.lane == lane:
                raise self._mismatch(
                    f"line {line} comes after something that was never asked", debt
                )

    def opened(self, lane: str) -> bool:
        """Whether the kernel and the tape agree that a lane was dialled; it is open now."""
        known = lane in self._dialled
        self._dialled.discard(lane)
        return known

    def request(self, line: int, lane: str, number: int) -> Request:
        """Which of our requests the tape's number *number* is; it is answered now, in *lane*."""
        mine = self._requests.get(number)
        if mine is None or mine.lane != lane:
            for debt in self._debts:
                if debt.kind == "request" and debt.number == number:
                    raise self._mismatch(f"line {line} answers what was never asked", debt)
            raise self._mismatch(
                f"line {line} answers request {number}, which is not on the tape", None
            )
        return self._requests.pop(number)

    def settle(self, *, cut: bool) -> None:
        """The tape is over. What was asked last need not be on a tape that was cut off."""
        if self._debts:
            raise self._mismatch("recorded, and never asked", self._debts[0])
        if self._asked and not cut:
            raise self._mismatch("asked, and not recorded", None)

    def _pair(self, mine: _Ask, debt: _Ask) -> None:
        if mine.request:
            self._requests[debt.number] = mine.request
        elif mine.kind == "open":
            self._dialled.add(mine.lane)

    def _mismatch(self, what: str, debt: _Ask | None) -> Mismatch:
        lines = [what]
        if debt:
            lines.append(
                f"  recorded  {debt.lane} {debt.kind} {debt.data.decode()}  (line {debt.line})"
            )
        lines += [
            f"  asked     {mine.lane} {mine.kind} {mine.data.decode()}" for mine in self._asked
        ]
        if debt:
            near = [
                mine for mine in self._asked if (mine.lane, mine.kind) == (debt.lane, debt.kind)
            ]
            lines += [f"  {each}" for each in difference(near[0].data, debt.data)] if near else []
        if not self._asked:
            lines.append("  asked     nothing that is not on the tape")
        return Mismatch("\n".join(lines))


def _of_kernel(out: Outgoing) -> _Ask:
    lane, kind, data = said(out)
    if not isinstance(out, Request):
        return _Ask(lane, kind, data, 0, 0, None, harmless=True)
    return _Ask(lane, kind, _bare(data), out.n, 0, out, out.method in _HARMLESS)


def _of_tape(line: int, lane: str, kind: Kind, data: bytes) -> _Ask:
    if kind != "request":
        return _Ask(lane, kind, _canonical(data), 0, line, None, harmless=True)
    asked = read_asked(data)
    return _Ask(lane, kind, _bare(data), asked.n, line, None, asked.method in _HARMLESS)


def _bare(data: bytes) -> bytes:
    """A request without its number."""
    return _encode(msgspec.structs.replace(read_asked(data), n=0))


def _canonical(data: bytes) -> bytes:
    """JSON whose spelling a person may have changed, as we spell it."""
    return _encode(msgspec.json.decode(data))
