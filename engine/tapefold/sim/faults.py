"""What goes wrong on demand. A skin asks its `Faults` at the places where something can.

    exchange.faults.add(Refusing("POST /api/v3/order", 503))      the next order is not taken
    exchange.faults.add(Unsaid("POST /api/v3/order"))            the next is, and nobody is told
    exchange.faults.add(Lagging("GET /api/v3/order", 2 * SECOND, times=9))
    exchange.faults.add(Upset("twice", times=3))                 of the next three user events
    exchange.faults.silent = True                                no user event at all, until it is False

What is asked is named by its method and path, or by the method of a WebSocket API; a fault is for all
whose name begins with its `of`. The eldest fault that fits is taken, and each `times` often.
"""

from typing import Literal, TypeAlias, TypeVar

from msgspec import Struct

from tapefold.units import Nanos


class Refusing(Struct):
    """It is not done, and the answer is this status."""

    of: str = ""
    status: int = 503
    retry_after: int = 0
    """Seconds; 0 for no such header."""
    times: int = 1


class Unsaid(Struct):
    """It is done, and the answer is this status, which does not tell; 0 for no answer."""

    of: str = ""
    status: int = 503
    times: int = 1


class Lagging(Struct):
    """A page of the account is as it was so long ago, up to `LAG_MAX`."""

    of: str
    by: Nanos
    times: int = 1


class Upset(Struct):
    """A user event is never sent, sent twice, or sent so much later."""

    what: Literal["dropped", "twice", "late"]
    by: Nanos = 0
    times: int = 1


Fault: TypeAlias = Refusing | Unsaid | Lagging | Upset
FaultT = TypeVar("FaultT", Refusing, Unsaid, Lagging, Upset)


class Faults:
    """What is still to go wrong."""

    def __init__(self) -> None:
        self.silent = False
        """User streams say nothing. What happens meanwhile is never told there."""
        self.ahead: Nanos = 0
        """How far the exchange's clock is ahead, as it tells it and as it judges timestamps."""
        self._due: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """From now on this is to go wrong."""
        self._due.append(fault)

    def first(self, fault: Fault) -> Fault:
        """From now on it is to go wrong before all else; *fault* again."""
        self._due.insert(0, fault)
        return fault

    def drop(self, fault: Fault) -> bool:
        """It goes wrong no more. Whether it still was to: it may have gone wrong already."""
        many = len(self._due)
        self._due = [each for each in self._due if each is not fault]
        return len(self._due) < many

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self.silent, self.ahead, self._due = False, 0, []

    def refused(self, asked: str) -> Refusing | None:
        """Whether this is refused."""
        return self._take(Refusing, asked)

    def unsaid(self, asked: str) -> Unsaid | None:
        """Whether this is done and not answered."""
        return self._take(Unsaid, asked)

    def lag(self, asked: str) -> Nanos:
        """How old a page is."""
        fault = self._take(Lagging, asked)
        return fault.by if fault else 0

    def upset(self) -> Upset | None:
        """What becomes of a user event."""
        return self._take(Upset, "")

    def _take(self, kind: type[FaultT], asked: str) -> FaultT | None:
        for fault in self._due:
            if isinstance(fault, kind) and (isinstance(fault, Upset) or asked.startswith(fault.of)):
                fault.times -= 1
                if fault.times <= 0:
                    self._due.remove(fault)
                return fault
        return None
