"""What goes wrong in one telling of the story: a fault of some kind, at the n-th place where it can be."""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from tapefold.adapter import Request
from tapefold.sim.stage import Stage
from tapefold.sim.weather import Fate, Way, Weather
from tapefold.units import SECOND, Nanos

Kind: TypeAlias = Literal[
    "fair",
    "wire",
    "limited",
    "busy",
    "unanswered",
    "lost",
    "late_3s",
    "late_25s",
    "lagging",
    "unanswered_stale",
    "dropped",
    "twice",
    "late_1s",
    "late_45s",
    "untraded",
    "untraded_killed",
    "cut_account",
    "cut_all",
    "silent",
    "killed",
    "killed_before",
]
Place: TypeAlias = Literal["run", "request", "page", "change", "frame", "moment"]
KINDS: Final[dict[Kind, tuple[Place, str]]] = {
    "fair": ("run", "nothing goes wrong"),
    "wire": ("run", "everything takes another while"),
    "limited": ("request", "it is refused with 429, and two seconds of rest are asked for"),
    "busy": ("request", "it is refused with 503"),
    "unanswered": ("request", "it is done, and no answer comes"),
    "lost": ("request", "it never arrives"),
    "late_3s": ("request", "its answer comes 3 s later"),
    "late_25s": ("request", "its answer comes 25 s later"),
    "lagging": ("page", "its page is 5 s old"),
    "unanswered_stale": (
        "change",
        "no answer comes, for 20 s the stream is silent, and pages are 8 s old",
    ),
    "dropped": ("frame", "it never comes"),
    "twice": ("frame", "it comes twice"),
    "late_1s": ("frame", "it comes 1 s later, and all after it"),
    "late_45s": ("frame", "it comes 45 s later, and all after it"),
    "untraded": ("frame", "it never comes, and for a minute nobody gives trades"),
    "untraded_killed": ("frame", "the same, and meanwhile the engine is killed, and started again"),
    "cut_account": ("moment", "the account's lane breaks"),
    "cut_all": ("moment", "every lane breaks"),
    "silent": ("moment", "the account's lane says nothing for a minute, and is up"),
    "killed": ("moment", "the engine is killed, and started again"),
    "killed_before": ("change", "the engine is killed before it leaves, and started again"),
}
"""By kind where it can be, and what it is. A change is an order or a cancel, a page any other question."""
WIRES: Final = 24
"""So many other wires are tried, each with its own delays."""
RETRY_AFTER: Final = 2
_FATES: Final[dict[Kind, Fate]] = {
    "limited": Fate("refused", status=429, retry_after=RETRY_AFTER),
    "busy": Fate("refused", status=503),
    "unanswered": Fate("unanswered"),
    "lost": Fate("lost"),
    "late_3s": Fate("late", by=3 * SECOND),
    "late_25s": Fate("late", by=25 * SECOND),
    "lagging": Fate("lagging", by=5 * SECOND),
    "unanswered_stale": Fate("unanswered"),
    "killed_before": Fate("lost"),
}
_STALE: Final = Fate("lagging", by=8 * SECOND)
_STALE_FOR: Final = 20 * SECOND
_SPELL: Final = 60 * SECOND


class Fault(Struct, frozen=True):
    """One thing that goes wrong."""

    kind: Kind
    n: int = 0
    """At the how-manieth place of its sort: the first is 1."""
    about: str = ""
    """The purpose of the request that it was, where it was one."""

    def __str__(self) -> str:
        about = f" ({self.about})" if self.about else ""
        return f"{self.kind} {self.n}{about}" if self.n else self.kind


class Places:
    """How many places of each sort there were."""

    def __init__(self) -> None:
        self.purposes: list[str] = []
        """Of every request."""
        self.pages: list[str] = []
        self.changes: list[str] = []
        self.frames = self.moments = 0

    def of(self, place: Place) -> Sequence[str]:
        """Of each the purpose, or nothing."""
        match place:
            case "request":
                return self.purposes
            case "page":
                return self.pages
            case "change":
                return self.changes
            case "frame":
                return [""] * self.frames
            case "moment":
                return [""] * self.moments
            case "run":
                return [""]


class Trouble(Weather):
    """The weather of one telling: fair, but for one fault. It counts the places as it goes."""

    def __init__(self, fault: Fault) -> None:
        self.fault, self.places = fault, Places()
        self.kills = False
        """The engine is to be killed now."""
        self.closed = False
        """It is late in the story: what happens now is no place for a fault any more."""
        self.stage: Stage | None = None
        self._killed = False
        self._until: Nanos = 0
        """How long a spell of it lasts."""

    def request(self, request: Request) -> Fate | None:
        """What becomes of a request."""
        kind = self.fault.kind
        if self._is_meant(request):
            self.kills = kind == "killed_before"
            self._begin(_STALE_FOR)
            return _FATES[kind]
        if self._is_under_way and not request.changes:
            if kind == "unanswered_stale" and request.signed:
                return _STALE
            if kind in ("untraded", "untraded_killed") and request.purpose == "fills":
                return Fate("refused", status=503)
        return None

    def _is_meant(self, request: Request) -> bool:
        """Count it; whether it is the one that something becomes of."""
        if self.closed:
            return False
        places, kind = self.places, self.fault.kind
        places.purposes.append(request.purpose)
        sort: Place = "change" if request.changes else "page"
        (places.changes if request.changes else places.pages).append(request.purpose)
        place = KINDS[kind][0]
        if place not in ("request", sort) or kind not in _FATES:
            return False
        return len(places.of(place)) == self.fault.n

    def frame(self, lane: str, data: bytes) -> Sequence[Way]:
        """What becomes of a frame."""
        stage = self.stage
        if stage is None or lane not in stage.private or self.closed:
            return ((0, data),)
        self.places.frames += 1
        kind = self.fault.kind
        if kind in ("silent", "unanswered_stale") and self._is_under_way:
            return ()
        if KINDS[kind][0] != "frame" or self.places.frames != self.fault.n:
            return ((0, data),)
        if kind in ("untraded", "untraded_killed"):
            self._begin(_SPELL)
        late = {"late_1s": SECOND, "late_45s": 45 * SECOND}
        return {
            "twice": ((0, data), (0, data)),
            "dropped": (),
            "untraded": (),
            "untraded_killed": (),
        }.get(kind, ((late.get(kind, 0), data),))

    def moment(self) -> None:
        """Something has just happened."""
        self._kill_meanwhile()
        if self.closed:
            return
        self.places.moments += 1
        stage, kind = self.stage, self.fault.kind
        if stage is None or KINDS[kind][0] != "moment" or self.places.moments != self.fault.n:
            return
        match kind:
            case "cut_account":
                stage.cut([lane for lane in stage.lanes if lane in stage.private])
            case "cut_all":
                stage.cut([*stage.lanes])
            case "silent":
                self._begin(_SPELL)
            case _:
                self.kills = True

    def _kill_meanwhile(self) -> None:
        """Late in a spell without trades, so that what they would say has been inferred by then."""
        if self.fault.kind != "untraded_killed" or self.stage is None or self._killed:
            return
        if self._until and self.stage.time > self._until - _SPELL // 4:
            self.kills = self._killed = True

    @property
    def _is_under_way(self) -> bool:
        """Whether a spell of it is not over."""
        return self.stage is not None and self.stage.time < self._until

    def _begin(self, span: Nanos) -> None:
        if self.stage is not None:
            self._until = self.stage.time + span
