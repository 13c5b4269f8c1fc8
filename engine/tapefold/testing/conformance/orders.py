"""The order sweep: one trading story, told again and again, each time with another thing going wrong.

    swept = sweep_orders(adapter, skin, every=5)
    swept.checks                    # what must hold, and whether it did
    print(swept.coverage)           # what was planted, and where

Everything is in virtual time and in this process: an engine, a simulated exchange, and what is between
them. The story is `order_story.STORY`, what goes wrong `order_faults.KINDS`, what must hold `LAWS`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakKeyDictionary

from msgspec import Struct

from tapefold.adapter import Adapter
from tapefold.kernel import Kernel
from tapefold.sim import Skin
from tapefold.sim.stage import KernelMaker
from tapefold.testing.conformance import order_laws as laws
from tapefold.testing.conformance import order_pace as pace
from tapefold.testing.conformance.checks import Check, Checked, Found, Progress, told
from tapefold.testing.conformance.order_faults import KINDS, WIRES, Fault, Kind, Place, Places
from tapefold.testing.conformance.order_telling import Cast, Seen, tell

if TYPE_CHECKING:
    from tapefold.testing.conformance.subject import Subject

EVERY: Final = 7
"""Of the places one of so many is tried, unless one says otherwise: some ten seconds."""
_SPREAD: Final = 618
"""Multiples of it, without their thousands, lie all over the thousand."""
TOLD_TO_END: Final = "told_to_end"
SAME_AGAIN: Final = "same_again"


class Law(NamedTuple):
    """One invariant."""

    sentence: str
    broken: Callable[[Seen], Iterator[str]]


def _elsewhere(_: Seen) -> Iterator[str]:
    """What is not seen in one telling: the sweep itself looks."""
    yield from ()


LAWS: Final[Mapping[str, Law]] = {
    TOLD_TO_END: Law("The story can be told to its end: nothing raises.", _elsewhere),
    SAME_AGAIN: Law("The same story makes the same log, to the byte.", _elsewhere),
    "no_double_order": Law(
        "Each order is at the exchange once, and no more of them than were wanted.",
        laws.no_double_order,
    ),
    "not_resent": Law(
        "No order is sent twice: not after a time-out, a refusal or a restart.", laws.not_resent
    ),
    "intent_first": Law("An order is in the log before its request leaves.", laws.intent_first),
    "fills_once": Law(
        "Each fill is told once, and all that is told comes to what was traded.", laws.fills_once
    ),
    "one_end": Law(
        "An order is accepted, filled, ended, once each and in this order; the end is the true one.",
        laws.one_end,
    ),
    "ends_told": Law("Of every order that has ended there the end is told.", laws.ends_told),
    "nothing_left": Law("After a cancel-all none of our orders is open there.", laws.nothing_left),
    "orders_agree": Law("At rest engine and exchange agree on every order.", laws.orders_agree),
    "money_agrees": Law("At rest engine and exchange agree on every balance.", laws.money_agrees),
    "gap_surveyed": Law(
        "After a gap the account is asked for everything before its orders are believed; in silence "
        "too, now and then.",
        pace.gap_surveyed,
    ),
    "told_soon": Law("A fill that the stream says is told as it comes.", pace.told_soon),
    "left_alone": Law(
        "An exchange that asks for rest is asked nothing until it is over.", pace.left_alone
    ),
    "bounded": Law(
        f"No more than {pace.ASKED_MAX} requests of one purpose in a minute.", pace.bounded
    ),
    "foreign_left_alone": Law(
        "An order that was placed elsewhere is not touched.", laws.foreign_left_alone
    ),
    "readable": Law("All that the exchange says of the account can be read.", laws.readable),
}
"""By name what must hold after every telling."""


class OrderCoverage(Struct, frozen=True):
    """What was planted, and where."""

    tellings: int
    places: dict[str, int]
    """How many there are of each sort: requests, pages, changes, frames, moments."""
    tried: dict[str, int]
    """By kind of fault, how many were planted."""
    purposes: dict[str, int]
    """By purpose of a request, how many faults it had."""
    untouched: tuple[str, ...]
    """Purposes that the story asks for, and that had none."""


class OrdersSwept(Struct, frozen=True):
    """What came of a sweep."""

    checks: tuple[Checked, ...]
    coverage: OrderCoverage

    @property
    def passed(self) -> bool:
        """Whether every law held."""
        return all(each.passed for each in self.checks)


class Broken(NamedTuple):
    """A law that did not hold."""

    law: str
    fault: Fault
    said: str
    """What was not as it must be: one or more sentences."""


def quiet(what: str, done: int, of: int) -> None:
    """Nobody looks."""


def order_sweep(
    adapter: Adapter,
    skin: Skin,
    *,
    kernel: KernelMaker = Kernel,
    every: int = 1,
    progress: Progress = quiet,
) -> list[Checked]:
    """Tell the story with everything that can go wrong, at each *every*-th place; what held.

    *kernel* makes the engine. Raises `AdapterError` for an adapter that cannot trade.
    """
    return [*sweep_orders(adapter, skin, kernel=kernel, every=every, progress=progress).checks]


def sweep_orders(
    adapter: Adapter,
    skin: Skin,
    *,
    kernel: KernelMaker = Kernel,
    every: int = 1,
    progress: Progress = quiet,
) -> OrdersSwept:
    """As `order_sweep`, with what was tried."""
    cast = Cast(adapter, skin, kernel)
    places = places_of(cast)
    faults = [*faults_at(places, every)]
    broken: dict[str, list[str]] = {name: [] for name in LAWS}
    for n, fault in enumerate(faults):
        progress("telling a story of orders", n, len(faults))
        for each in broken_by(cast, fault):
            broken[each.law].append(f"{each.fault}: {each.said}")
    of = sum(1 for _ in faults_at(places, 1))
    checks = tuple(
        Checked(name, law.sentence, not broken[name], len(faults), of, told(broken[name]))
        for name, law in LAWS.items()
    )
    return OrdersSwept(checks, _coverage(places, faults))


def first_broken(
    adapter: Adapter,
    skin: Skin,
    *,
    kernel: KernelMaker = Kernel,
    every: int = 1,
    kinds: Collection[Kind] = (),
) -> Iterator[Broken]:
    """The same, law by law as it breaks: whoever asks may stop at the first.

    First where nothing goes wrong; then with the faults of these *kinds*, of all where none is given.
    """
    cast = Cast(adapter, skin, kernel)
    fair = [*broken_by(cast, Fault("fair"))]
    yield from fair
    if any(each.law == TOLD_TO_END for each in fair):
        return
    for fault in faults_at(places_of(cast), every):
        if not kinds or fault.kind in kinds:
            yield from broken_by(cast, fault)


def places_of(cast: Cast) -> Places:
    """Where something can go wrong: as they come where nothing does."""
    try:
        return tell(cast, Fault("fair")).places
    except Exception:  # the fair telling is judged like all others, and says what it raised
        return Places()


def faults_at(places: Places, every: int) -> Iterator[Fault]:
    """All faults, at each *every*-th place: of each kind one after another, so that soon all are tried.

    The kinds begin at different places, so that together they hit more of them; and the places come
    from all over the story.
    """
    waiting: list[list[Fault]] = []
    for n, (kind, (place, _)) in enumerate(KINDS.items()):
        faults = [*_faults(kind, place, places)]
        chosen = faults[n % every :: every] or faults[:1]
        waiting.append(sorted(chosen, key=lambda fault: fault.n * _SPREAD % 1000))
    for n in range(max(map(len, waiting))):
        for faults in waiting:
            if n < len(faults):
                yield faults[n]


def _faults(kind: Kind, place: Place, places: Places) -> Iterator[Fault]:
    if kind == "fair":
        yield Fault(kind)
    elif kind == "wire":
        yield from (Fault(kind, n + 1) for n in range(WIRES))
    else:
        yield from (Fault(kind, n + 1, about) for n, about in enumerate(places.of(place)))


def broken_by(cast: Cast, fault: Fault) -> list[Broken]:
    """The laws that do not hold after a telling with this fault."""
    try:
        seen = tell(cast, fault)
        again = tell(cast, fault).digest if fault.kind == "fair" else seen.digest
    except Exception as error:  # whatever a broken adapter or engine raises: it is told where
        return [Broken(TOLD_TO_END, fault, f"{type(error).__name__}: {error}")]
    found: list[Broken] = []
    if again != seen.digest:
        found.append(Broken(SAME_AGAIN, fault, "told again, the story makes another log"))
    for name, law in LAWS.items():
        if said := [*law.broken(seen)]:
            found.append(Broken(name, fault, "; ".join(said[:3])))
    return found


def _coverage(places: Places, faults: list[Fault]) -> OrderCoverage:
    tried: dict[str, int] = {}
    purposes: dict[str, int] = {}
    for fault in faults:
        tried[fault.kind] = tried.get(fault.kind, 0) + 1
        if fault.about:
            purposes[fault.about] = purposes.get(fault.about, 0) + 1
    asked = [*dict.fromkeys(places.purposes)]
    return OrderCoverage(
        tellings=len(faults),
        places={
            "requests": len(places.purposes),
            "pages": len(places.pages),
            "changes": len(places.changes),
            "frames": places.frames,
            "moments": places.moments,
        },
        tried=tried,
        purposes=purposes,
        untouched=tuple(purpose for purpose in asked if purpose not in purposes),
    )


# As checks of the kit

_SWEPT: WeakKeyDictionary["Subject", OrdersSwept] = WeakKeyDictionary()


def _found(name: str, subject: "Subject") -> Found:
    if subject.trader is None:
        return Found(0, 0, note="it has no account to trade on")
    if subject.skin is None:
        return Found(0, 0, note="there is no simulated exchange to tell the story at")
    if subject not in _SWEPT:
        every, progress = subject.every or EVERY, subject.progress
        _SWEPT[subject] = sweep_orders(
            subject.adapter, subject.skin, every=every, progress=progress
        )
    swept = _SWEPT[subject]
    checked = next(each for each in swept.checks if each.name == name)
    note = _note(swept.coverage) if name == TOLD_TO_END else ""
    return Found(checked.checked, checked.of, checked.failures, note)


def _note(coverage: OrderCoverage) -> str:
    """Where faults were planted, and of what."""
    places = ", ".join(f"{count} {sort}" for sort, count in coverage.places.items())
    purposes = ", ".join(f"{purpose} {count}" for purpose, count in coverage.purposes.items())
    untouched = f"; none at {', '.join(coverage.untouched)}" if coverage.untouched else ""
    kinds = len(coverage.tried)
    return (
        f"{coverage.tellings} tellings, {kinds} of {len(KINDS)} kinds of faults; there are {places}; "
        f"faults of requests: {purposes}{untouched}"
    )


CHECKS: Final[tuple[Check, ...]] = tuple(
    Check(name, law.sentence, partial(_found, name)) for name, law in LAWS.items()
)
"""One for each law; the story is swept once for all of them."""
